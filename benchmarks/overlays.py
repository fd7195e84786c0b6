"""How well burnt-in overlays of ultrasound pictures are found and filled, as Markdown: ``python benchmarks/overlays.py``.

Made-up marks are drawn into clean pictures; what was drawn is the truth. The clean pictures are those of overlays_clean.csv (chosen by
eye) and the twelve cases of BrEaST, if they lie in BREASTCAD_DATA or ../shared/data and the collections in work/. Half of the groups of
patients and near-duplicates were there to train the network and to choose its thresholds (``--half choosing``), the other half and
BrEaST are for the figures. ``--sheets FOLDER`` draws real pictures with what was found, before and after filling, to be counted by eye.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.restoration import inpaint_biharmonic

from breastcad.core.files import read_collection
from breastcad.core.records import Collection
from breastcad.core.seeding import generator
from breastcad.datasets.duplicates import joint_groups
from breastcad.evaluate.intervals import UndefinedFigure, cluster_bootstrap
from breastcad.evaluate.weighted import mean, ratio
from breastcad.phantom.burnt_in_marks import MARK_KINDS, BurntIn, burn_in
from breastcad.preprocess.burnt_in import find_overlays
from breastcad.preprocess.inpainting import without_overlays
from breastcad.preprocess.overlays import WHITE, overlay_mask
from breastcad.read import open_picture
from breastcad.report.contact_sheet import GREEN, ORANGE, PURPLE, SKY, VERMILION, YELLOW, Tile, contact_sheet, outlined

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("BREASTCAD_DATA", ROOT.parent / "shared" / "data"))
CLEAN = ROOT / "benchmarks" / "overlays_clean.csv"
SETS = ("busi", "bus-bra")
BREAST = DATA / "breast-lesions-usg" / "BrEaST-Lesions_USG-images_and_masks"
LOGO_ROWS = {"busi": 40}
"""Rows that are cut off at the top: most pictures of BUSI have the maker's logo in the upper left corner."""
RENDERINGS, MARKS, FOUND_SHARE = 2, 4, 0.5
NEAR = np.ones((3, 3), np.uint8)
KIND_COLOURS = dict(zip(MARK_KINDS, (VERMILION, ORANGE, SKY, YELLOW, PURPLE, GREEN), strict=True))
Mask = NDArray[np.bool_]
Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Clean:
    """A picture without marks: its set, id, group of patient or near-duplicates, and (H, W) float32 pixels."""

    set: str
    image_id: str
    group: str
    pixels: Field


@dataclass(frozen=True, slots=True)
class Outcome:
    """One mark, drawn or found: the group of its picture, its kind, and whether it was met at all and by its own kind."""

    group: str
    kind: str
    met: bool
    named: bool


def collections() -> list[Collection]:
    """Return the collections in work/, each with its root made absolute."""
    read = [(ROOT / "work" / name, read_collection(ROOT / "work" / name)) for name in SETS]
    return [replace(one, root=str((folder / one.root).resolve())) for folder, one in read]


def clean_pictures(half: str) -> list[Clean]:
    """Return the clean pictures of one half, "choosing" or "measuring"; groups are not parted."""
    listed = {(line["set"], line["image_id"]) for line in csv.DictReader(CLEAN.read_text().splitlines())}
    some = [replace(one, images=[image for image in one.images if (image.set, image.image_id) in listed]) for one in collections()]
    groups = joint_groups(some)
    names = sorted(set(groups.values()))
    chosen = set(generator(0, "halves").permutation(names)[: len(names) // 2].tolist())
    clean = []
    for one in some:
        for image in one.images:
            group = groups[image.set, image.image_id]
            if (group in chosen) == (half == "choosing"):
                pixels = open_picture(Path(one.root) / str(image.path)).pixels
                clean.append(Clean(image.set, image.image_id, group, pixels[LOGO_ROWS.get(image.set, 0) :]))
    if half == "measuring":
        clean += [Clean("breast", path.stem, path.stem, open_picture(path).pixels) for path in sorted(BREAST.glob("case???.png"))]
    return clean


def drawn_into(pictures: Sequence[Clean], seed: int) -> list[tuple[Clean, BurntIn]]:
    """Draw marks into each picture, twice; kinds come equally often."""
    made = []
    for number, picture in enumerate(pictures * RENDERINGS):
        kinds = [MARK_KINDS[(number * MARKS + place) % len(MARK_KINDS)] for place in range(MARKS)]
        made.append((picture, burn_in(generator(seed, "overlays", number), picture.pixels, kinds)))
    return made


def header(*names: str) -> None:
    """Print the head of a table."""
    print("\n| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")


def row(*cells: object) -> None:
    """Print a row of a table."""
    print("| " + " | ".join(map(str, cells)) + " |")


def drawn_pixels(made: BurntIn) -> Mask:
    """Return all pixels that were drawn on."""
    return np.any([np.zeros(made.pixels.shape, bool), *(mark.mask for mark in made.marks)], axis=0)


# ---- detection ----


def visible(made: BurntIn) -> list[tuple[str, Mask]]:
    """Return the marks without what others that were drawn later cover; those of fewer than six pixels are left out."""
    left, covered = [], np.zeros(made.pixels.shape, bool)
    for mark in reversed(made.marks):
        mask = mark.mask & ~covered
        covered |= mark.mask
        if np.count_nonzero(mask) >= 6:
            left.append((mark.kind, mask))
    return left


def compare(picture: Clean, made: BurntIn) -> tuple[list[Outcome], list[Outcome]]:
    """Return what became of each mark that was drawn, and what each mark that was found rests on."""
    found = find_overlays(made.pixels, made.colour)
    truth = {kind: np.zeros(made.pixels.shape, np.uint8) for kind in MARK_KINDS}
    drawn = []
    for kind, mask in visible(made):
        truth[kind] |= mask
        own = found.kinds == 1 + MARK_KINDS.index(kind)
        drawn.append(Outcome(picture.group, kind, found.mask[mask].mean() >= FOUND_SHARE, own[mask].mean() >= FOUND_SHARE))
    truth = {kind: cv2.dilate(mask, NEAR).astype(bool) for kind, mask in truth.items()}
    either = np.any(list(truth.values()), axis=0)
    told = []
    for mark in found.marks:
        row0, col0, row1, col1 = mark.box
        part = np.s_[row0:row1, col0:col1]
        own = found.kinds[part] == 1 + MARK_KINDS.index(mark.kind)
        met, named = either[part][own].mean() >= FOUND_SHARE, truth[mark.kind][part][own].mean() >= FOUND_SHARE
        told.append(Outcome(picture.group, mark.kind, bool(met), bool(named)))
    return drawn, told


def figure(values: Sequence[float], groups: Sequence[str], per: Sequence[float] | None = None) -> str:
    """Return a mean, or a ratio of sums, with its interval over groups."""
    if not values:
        return "-"
    statistic = mean(values) if per is None else ratio(values, per)
    try:
        found = cluster_bootstrap(statistic, groups, generator(0, "interval"))
    except UndefinedFigure:
        return "-"
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def detection(made: Sequence[tuple[Clean, BurntIn]]) -> None:
    """Print recall and precision by kind."""
    pairs = [compare(*one) for one in made]
    drawn, told = ([outcome for pair in pairs for outcome in pair[side]] for side in (0, 1))
    header("kind", "drawn", "found", "found and named", "marks said", "right", "on something drawn")
    for kind in (*MARK_KINDS, "all"):
        rows = [[outcome for outcome in some if kind in (outcome.kind, "all")] for some in (drawn, told)]
        cells = [
            f"{len(some)} | " + " | ".join(figure([getattr(one, what) for one in some], [one.group for one in some]) for what in order)
            for some, order in zip(rows, (("met", "named"), ("named", "met")), strict=True)
        ]
        row(kind, *cells)


Detector = Callable[[Field, NDArray[np.uint8] | None], Mask]
DETECTORS: dict[str, Detector] = {
    "`find_overlays`": lambda pixels, colour: find_overlays(pixels, colour).mask,
    "`overlay_mask`": overlay_mask,
    f"white, {WHITE} and more": lambda pixels, colour: pixels >= WHITE,
}


def pieces(mask: Mask) -> int:
    """Count pieces of six pixels and more."""
    return int((cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA] >= 6).sum())


def beside_others(made: Sequence[tuple[Clean, BurntIn]], pictures: Sequence[Clean]) -> None:
    """Print what each detector finds, pixel by pixel, and what it finds in clean pictures."""
    header(
        "detector",
        "marks found",
        "drawn pixels found",
        "of its pixels, drawn",
        "false pieces a clean picture",
        "clean pictures without any",
    )
    groups = [picture.group for picture, _ in made]
    clean_groups = [picture.group for picture in pictures]
    truths = [drawn_pixels(one) for _, one in made]
    near = [cv2.dilate(truth.astype(np.uint8), NEAR) > 0 for truth in truths]
    seen = [visible(one) for _, one in made]
    for name, detector in DETECTORS.items():
        masks = [detector(one.pixels, one.colour) for _, one in made]
        met = [(group, mask[own].mean() >= FOUND_SHARE) for group, mask, marks in zip(groups, masks, seen, strict=True) for _, own in marks]
        hits, right = ([int((mask & one).sum()) for mask, one in zip(masks, some, strict=True)] for some in (truths, near))
        false = [pieces(detector(picture.pixels, None)) for picture in pictures]
        cells = (
            figure([float(hit) for _, hit in met], [group for group, _ in met]),
            figure(hits, groups, [int(truth.sum()) for truth in truths]),
            figure(right, groups, [int(mask.sum()) for mask in masks]),
            figure(false, clean_groups),
            figure([float(count == 0) for count in false], clean_groups),
        )
        row(name, *cells)


def false_marks(pictures: Sequence[Clean]) -> None:
    """Print the marks that are said of clean pictures, by set."""
    header("clean pictures of", "n", "groups", "false marks a picture", *MARK_KINDS)
    for name in (*SETS, "breast", "all"):
        some = [picture for picture in pictures if name in (picture.set, "all")]
        if some:
            marks = [find_overlays(picture.pixels).marks for picture in some]
            groups = [picture.group for picture in some]
            kinds = [sum(mark.kind == kind for one in marks for mark in one) for kind in MARK_KINDS]
            row(name, len(some), len(set(groups)), figure([len(one) for one in marks], groups), *kinds)


# ---- filling ----

Filler = Callable[[Field, Mask], Field]
FILLERS: dict[str, Filler] = {
    "as drawn": lambda pixels, mask: pixels,
    "Navier-Stokes (opencv)": lambda pixels, mask: cv2.inpaint(pixels, mask.astype(np.uint8), 4, cv2.INPAINT_NS),
    "biharmonic (scikit-image)": lambda pixels, mask: inpaint_biharmonic(pixels, mask).astype(np.float32),
    "`without_overlays`": lambda pixels, mask: without_overlays(pixels, mask=mask)[0],
    "`without_overlays` with speckle": lambda pixels, mask: without_overlays(pixels, mask=mask, generator=generator(0, "fill"))[0],
}


def detail(pixels: Field) -> Field:
    """Return what is finer than three pixels."""
    return pixels - cv2.GaussianBlur(pixels, (0, 0), 3.0)


def filling(made: Sequence[tuple[Clean, BurntIn]]) -> None:
    """Print the error under the marks and the speckle of each filling, with the drawn mask and with the one that was found."""
    header(
        "filling",
        "mask",
        "pictures",
        "PSNR under the marks, dB",
        "spread of detail, to the clean picture's",
        "steps to the right, likewise",
        "ms",
    )
    some = [(picture, one, drawn_pixels(one)) for picture, one in made if one.marks]
    for name, filler in FILLERS.items():
        for which in ("drawn", "found") if name.startswith("`") else ("drawn",):
            table, seconds = [], []
            for picture, one, truth in some:
                near = cv2.dilate(truth.astype(np.uint8), NEAR).astype(bool)
                mask = near if which == "drawn" else find_overlays(one.pixels, one.colour).mask
                start = time.perf_counter()
                filled = np.clip(filler(one.pixels, mask), 0, 1)
                seconds.append(time.perf_counter() - start)
                table.append(likeness(filled, picture.pixels, truth))
            errors, spreads, steps = zip(*table, strict=True)
            psnr = figure(errors, [picture.group for picture, *_ in some])
            row(name, which, len(some), psnr, f"{np.median(spreads):.2f}", f"{np.median(steps):.2f}", f"{1000 * np.median(seconds):.1f}")


def likeness(filled: Field, clean: Field, truth: Mask) -> tuple[float, float, float]:
    """Return, under the marks: PSNR, and spread of detail and mean step to the right neighbour as ratios to the clean picture's."""
    error = float(np.mean((filled - clean)[truth] ** 2))
    spreads = [float(detail(image)[truth].std()) for image in (filled, clean)]
    steps = [float(np.abs(np.diff(image, axis=1))[truth[:, 1:]].mean()) for image in (filled, clean)]
    return -10 * math.log10(max(error, 1e-8)), spreads[0] / max(1e-6, spreads[1]), steps[0] / max(1e-6, steps[1])


# ---- real pictures ----


def real_pictures() -> dict[str, list[tuple[str, Path]]]:
    """Return (id, path) of every real picture by set, BUSI's by class."""
    real: dict[str, list[tuple[str, Path]]] = {}
    for one in collections():
        for image in one.images:
            if image.present:
                name = f"busi {image.label}" if image.set == "busi" else image.set
                real.setdefault(name, []).append((image.image_id, Path(one.root) / str(image.path)))
    real["breast"] = [(path.stem, path) for path in sorted(BREAST.glob("case???.png"))]
    return real


def count_real() -> None:
    """Print in how many real pictures marks are found, by set, class and kind."""
    header("real pictures of", "n", "with a mark", *MARK_KINDS, "`overlay_mask` over 0.1 %")
    for name, pictures in real_pictures().items():
        kinds, quick = [], 0
        for _, path in pictures:
            picture = open_picture(path)
            kinds.append({mark.kind for mark in find_overlays(picture.pixels, picture.colour).marks})
            quick += bool(overlay_mask(picture.pixels, picture.colour).mean() > 0.001)
        counts = [sum(map(bool, kinds)), *(sum(kind in one for one in kinds) for kind in MARK_KINDS), quick]
        row(name, len(pictures), *(f"{100 * count / len(pictures):.0f} %" for count in counts))


def tiles(path: Path, name: str) -> list[Tile]:
    """Return a picture as it is, with what was found outlined by kind, and filled."""
    picture = open_picture(path)
    found = find_overlays(picture.pixels, picture.colour)
    filled, _ = without_overlays(picture.pixels, mask=found.mask, generator=generator(0, "sheet"))
    shown = outlined(picture.pixels, {KIND_COLOURS[kind]: found.kinds == 1 + place for place, kind in enumerate(MARK_KINDS)})
    for mark in found.marks:
        row0, col0, row1, col1 = mark.box
        cv2.rectangle(shown, (col0 - 3, row0 - 3), (col1 + 2, row1 + 2), KIND_COLOURS[mark.kind], 1)
    counts = Counter(mark.kind for mark in found.marks)
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "none"
    return [Tile(picture.pixels if picture.colour is None else picture.colour, name), Tile(shown, said), Tile(filled, "filled")]


def forty(random: np.random.Generator, real: dict[str, list[tuple[str, Path]]]) -> list[tuple[str, Path]]:
    """Return forty pictures: of BUSI and BUS-BRA in random order the first that are said to be marked or not, and ten of BrEaST."""
    busi = [one for name, some in real.items() if name.startswith("busi") for one in some]
    chosen: list[tuple[str, Path]] = []
    for pool, wanted in ((busi, {True: 8, False: 8}), (real["bus-bra"], {True: 12, False: 2})):
        for place in random.permutation(len(pool)).tolist():
            picture = open_picture(pool[place][1])
            marked = bool(find_overlays(picture.pixels, picture.colour).marks)
            if wanted[marked]:
                wanted[marked] -= 1
                chosen.append(pool[place])
            if not any(wanted.values()):
                break
    return chosen + [real["breast"][place] for place in random.permutation(len(real["breast"]))[:10].tolist()]


def sheets(folder: Path, seed: int) -> None:
    """Draw forty real pictures, half of them said to be marked, and twenty more of each class of BUSI."""
    folder.mkdir(parents=True, exist_ok=True)
    random, real = generator(seed, "sheets"), real_pictures()
    chosen = forty(random, real)
    classes = [some for name, some in real.items() if name.startswith("busi")]
    more = [some[place] for some in classes for place in random.choice(len(some), 20, replace=False).tolist()]
    for title, pictures in (("forty", chosen), ("sixty", more)):
        for start in range(0, len(pictures), 6):
            page = contact_sheet(
                [tile for image, path in pictures[start : start + 6] for tile in tiles(path, image)], columns=6, tile_px=330
            )
            cv2.imwrite(str(folder / f"{title}-{start // 6}.png"), np.asarray(page)[..., ::-1])


def milliseconds(pictures: Sequence[Clean]) -> str:
    """Return how long a picture takes, with its size."""
    find_overlays(pictures[0].pixels)
    times, sizes = [], []
    for picture in pictures[:20]:
        start = time.perf_counter()
        find_overlays(picture.pixels)
        times.append(1000 * (time.perf_counter() - start))
        sizes.append(picture.pixels.size)
    return f"{np.median(times):.0f} ms a picture of {np.median(sizes) / 1000:.0f} thousand pixels (median of {len(times)}), one thread"


def main() -> None:
    """Measure, and draw the sheets if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("choosing", "measuring"), default="measuring")
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--real", action="store_true", help="count the marks of all real pictures too")
    given = parser.parse_args()
    if not (ROOT / "work" / "busi").is_dir() or not BREAST.is_dir():
        print("overlays: needs the collections busi and bus-bra in work/, and BrEaST in BREASTCAD_DATA")
        return
    cv2.setNumThreads(1)
    if given.sheets:
        sheets(given.sheets, seed=0)
        return
    pictures = clean_pictures(given.half)
    made = drawn_into(pictures, seed=1 if given.half == "choosing" else 2)
    counted = ", ".join(f"{sum(picture.set == name for picture in pictures)} of {name}" for name in (*SETS, "breast"))
    print(f"{given.half} half: {len(pictures)} clean pictures ({counted}) of {len({picture.group for picture in pictures})} groups,")
    print(f"{len(made)} pictures drawn into; {platform.machine()}; {milliseconds(pictures)}.\n")
    detection(made)
    beside_others(made, pictures)
    false_marks(pictures)
    filling(made)
    if given.real:
        count_real()


if __name__ == "__main__":
    main()

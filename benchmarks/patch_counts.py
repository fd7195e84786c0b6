"""How many windows the published methods give on the films that they were published for, under every open reading, as Markdown.

``python benchmarks/patch_counts.py COLLECTION [--film ROWSxCOLS] [--all FILE]``: COLLECTION is an import of CBIS-DDSM's mass training
films with boxes (breastcad import cbis-ddsm). Where a publication cuts films at full size, ``--film`` enlarges them first. ``--all``
writes every reading of A1 as CSV.

Published: A1 12,099 benign and 926 malignant windows; A4 5,914 and 5,914; A2 968 and 1,525, elsewhere 681 and 968.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.files import read_collection
from breastcad.core.records import SEVERITY, Collection, FindingRow, ImageRow
from breastcad.core.seeding import generator
from breastcad.patches.integral import roi_shares
from breastcad.patches.methods import Scene, non_overlapping, overlapping, region_based
from breastcad.patches.settings import NonOverlapping, Overlapping, RegionBased
from breastcad.patches.table import scene_of

A1, A2, A4 = (12_099, 926), (968, 1_525), (5_914, 5_914)
LEVELS = (0, 1, 2, 5, 10, 15, 20, 30)
"""Grey levels of 255 up to which a pixel may count as black."""
BLACK_SHARE = 0.9
READINGS = ("roi", "window")
PLANS: dict[str, dict[str, Any]] = {
    "S1": {"number": 1, "background": 1, "around": "centred", "overlap": 0.0},
    "S10": {"number": 10, "background": 10},
    "A4, ours": {"number": 10, "background": 0},
}
REGIONS = [("S1", "any"), *product(("S10", "A4, ours"), ("roi", "window", "either"))]
STRIDES = 56, 112


@dataclass(slots=True)
class Film:
    """What of one film the counts need: its scene, its findings, and the windows of A1 that are black at each of LEVELS."""

    scene: Scene
    findings: list[FindingRow]
    levels: NDArray[np.uint8]

    def malignant(self) -> NDArray[np.bool_]:
        """Say which findings are malignant."""
        return np.array([finding.pathology == "malignant" for finding in self.findings])

    def masks(self) -> list[NDArray[np.bool_]]:
        """Return the findings' masks."""
        return [roi for _, roi in self.scene.rois if roi is not None]


def films(collection: Collection) -> Iterator[Film]:
    """Read the films that have a box, one after the other."""
    findings: dict[str, list[FindingRow]] = {}
    for finding in collection.findings:
        if finding.geometry == "box":
            findings.setdefault(finding.image_id, []).append(finding)
    images: list[ImageRow] = [image for image in collection.images if image.present and image.image_id in findings]
    for done, image in enumerate(images):
        if done % 200 == 0:
            print(f"{done} of {len(images)} films", file=sys.stderr)
        own = findings[image.image_id]
        scene = scene_of(image, own, Path(collection.root), generator(0, "counts", image.image_id))
        yield Film(scene, own, np.rint(scene.pixels() * 255).astype(np.uint8))


def shares_of(film: Film, settings: Any, place: Any) -> tuple[dict[str, NDArray[np.float64]], Any]:
    """Return the shares of each ROI, of all joined and of the malignant ones joined: (F + 2, N) by reading; and the windows."""
    windows = place(film.scene, settings)
    masks, malignant = film.masks(), film.malignant()
    every = np.any(masks, axis=0)
    worst = np.any([mask for mask, bad in zip(masks, malignant, strict=True) if bad] or [np.zeros_like(every)], axis=0)
    grid = windows.grid
    shares = {
        of: np.array([roi_shares(mask, grid.rows, grid.cols, grid.size, of=of).ravel() for mask in (*masks, every, worst)])
        for of in READINGS
    }
    return shares, windows


def belongs(shares: NDArray[np.float64], malignant: NDArray[np.bool_], label: str, by: str, joined: str, least: float) -> NDArray[np.bool_]:
    """Return which windows are called malignant, (1, N) by film or (F, N) by row of the table."""
    alone = shares[:-2] > least
    together = shares[-2 if label == "lesion" else -1] > least
    if label == "pathology":
        alone = alone & malignant[:, None]
    if joined == "joined":
        return np.repeat(together[None], 1 if by == "film" else len(alone), axis=0)
    return alone.any(axis=0)[None] if by == "film" else alone


def blacks(levels: NDArray[np.uint8], grid: Any) -> NDArray[np.bool_]:
    """Return which windows have more than BLACK_SHARE of their pixels black, (L, N)."""
    return np.array([roi_shares(levels <= level, grid.rows, grid.cols, grid.size).ravel() > BLACK_SHARE for level in LEVELS])


# ---- A1 ----

RULES = [("none", None), *product(("benign", "all"), range(len(LEVELS)))]


@dataclass(slots=True)
class A1Counts:
    """Benign and malignant windows by (roi_of, label, by, rois, windows, rule)."""

    counts: dict[tuple[Any, ...], NDArray[np.int64]] = field(default_factory=dict)

    def add(self, film: Film) -> None:
        """Count one film."""
        shares, windows = shares_of(film, NonOverlapping(), non_overlapping)
        black = blacks(film.levels, windows.grid)
        row, col = (side.ravel() for side in np.indices((4, 4)))
        subsets = {"16": row >= 0, "9, first missing": (row > 0) & (col > 0), "9, last missing": (row < 3) & (col < 3)}
        for of, label, by, joined in product(READINGS, ("lesion", "pathology"), ("film", "row"), ("alone", "joined")):
            bad = belongs(shares[of], film.malignant(), label, by, joined, 0.7)
            for name, inside in subsets.items():
                for rule in RULES:
                    dropped = np.zeros(16, bool) if rule[1] is None else black[rule[1]]
                    kept_bad = bad & inside & ~(dropped if rule[0] == "all" else False)
                    found = np.array([(~bad & inside & ~dropped).sum(), kept_bad.sum()])
                    key = (of, label, by, joined, name, rule)
                    self.counts[key] = self.counts.get(key, np.zeros(2, np.int64)) + found


def distance(found: tuple[float, float] | NDArray[np.int64], published: tuple[int, int]) -> float:
    """Return the mean of both counts' relative distances from what was published."""
    return float(np.mean([abs(one / of - 1) for one, of in zip(found, published, strict=True)]))


def rule_in_words(rule: tuple[str, int | None]) -> str:
    """Name a black rule."""
    return "none" if rule[1] is None else f"<= {LEVELS[rule[1]]}, {rule[0]}"


def a1_table(found: A1Counts) -> None:
    """Print a row a reading of label and windows: the counts with no black rule, and with the one that comes nearest."""
    print(f"\n### A1: 1024 x 1024, 4 x 4, more than 70 %; published {A1[0]:,} benign, {A1[1]:,} malignant\n")
    print("| share of | malignant means | counted by | ROIs | windows | malignant | benign | black rule | malignant | benign | distance |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    lines = []
    for key in dict.fromkeys(key[:5] for key in found.counts):
        rules = {rule: found.counts[*key, rule] for rule in RULES}
        best = min(rules, key=lambda rule: distance(rules[rule], A1))
        lines.append((distance(rules[best], A1), key, rules["none", None], best, rules[best]))
    nearest = min(line[0] for line in lines)
    for away, key, plain, rule, chosen in lines:
        mark = "**" if away == nearest else ""
        numbers = f"{plain[1]:,} | {plain[0]:,} | {rule_in_words(rule)} | {chosen[1]:,} | {chosen[0]:,}"
        print(f"| {' | '.join(key)} | {numbers} | {mark}{away:.3f}{mark} |")


def black_table(found: A1Counts) -> None:
    """Print what each meaning of black leaves, for the reading of the table's best row."""
    best = min(found.counts, key=lambda key: distance(found.counts[key], A1))[:5]
    print(f"\nOf the nearest reading ({', '.join(best)}), by what black is (grey levels of 255) and which windows are dropped for it:\n")
    print("| black is | dropped of benign: benign | malignant | distance | dropped of all: benign | malignant | distance |")
    print("|---|---|---|---|---|---|---|")
    none = found.counts[*best, ("none", None)]
    print(f"| no rule | {none[0]:,} | {none[1]:,} | {distance(none, A1):.3f} | | | |")
    for place, level in enumerate(LEVELS):
        cells = []
        for of in ("benign", "all"):
            benign, malignant = found.counts[*best, (of, place)]
            cells.append(f"{benign:,} | {malignant:,} | {distance((benign, malignant), A1):.3f}")
        print(f"| <= {level} | {' | '.join(cells)} |")


def write_all(found: A1Counts, path: Path) -> None:
    """Write every reading of A1."""
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["roi_of", "label", "by", "rois", "windows", "black_of", "black_level", "benign", "malignant", "distance"])
        for (*key, rule), counts in found.counts.items():
            level = "" if rule[1] is None else LEVELS[rule[1]]
            writer.writerow([*key, rule[0], level, *counts.tolist(), f"{distance(counts, A1):.4f}"])


# ---- A4, S1, S10 ----


def joined(film: Film) -> Film:
    """Return a film whose ROIs are one, of the worst pathology."""
    worst = max(film.findings, key=lambda finding: SEVERITY[finding.pathology])
    return Film(replace(film.scene, rois=[(worst, np.any(film.masks(), axis=0))]), [worst], film.levels)


def region_counts(film: Film, plan: dict[str, Any], overlap_of: str) -> Counter[str]:
    """Count one film's windows by pathology, background, repeats, and what could not be placed."""
    windows = region_based(film.scene, RegionBased(overlap_of=overlap_of, **plan))
    found = Counter("background" if own < 0 else film.findings[own].pathology for own in windows.own.tolist())
    short = [missing for missing in windows.missing if missing.finding_id]
    found["unplaced"] = sum(missing.wanted - missing.placed for missing in short)
    found["lesions short"] = len(short)
    found["lesions without any"] = sum(not missing.placed for missing in short)
    placed = plan["number"] * len(film.findings) - found["unplaced"]
    found["repeats"] = placed - sum(found[name] for name in ("benign", "malignant", "unknown"))
    return found


def region_table(found: dict[tuple[str, str, str], Counter[str]]) -> None:
    """Print a row a plan and reading of the overlap."""
    print("\n### A4, S1, S10: 1152 x 896, window 224, overlap of at least .9 (S1: centred, none asked for)\n")
    print(f"Published for A4: {A4[0]:,} benign, {A4[1]:,} malignant. Balanced: down to the rarer of the two.\n")
    print(
        "| set | overlap of | windows a | malignant | benign | unclear | background | unplaced (ROIs; with none) | repeats "
        "| balanced | distance |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    aways = {}
    for key, counts in found.items():
        each = min(counts["malignant"], counts["benign"])
        aways[key] = (distance((each, each), A4), each)
    nearest = min(away for away, _ in aways.values())
    for key, counts in found.items():
        away, each = aways[key]
        mark = "**" if away == nearest else ""
        numbers = " | ".join(f"{counts[name]:,}" for name in ("malignant", "benign", "unknown", "background"))
        short = f"{counts['unplaced']:,} ({counts['lesions short']:,}; {counts['lesions without any']:,})"
        print(f"| {' | '.join(key)} | {numbers} | {short} | {counts['repeats']:,} | {each:,} + {each:,} | {mark}{away:.3f}{mark} |")


# ---- A2, A3 ----


def overlapping_counts(film: Film, settings: Overlapping, found: dict[tuple[str, ...], NDArray[np.int64]]) -> None:
    """Count one film: windows called malignant, others, and others that are not black (0)."""
    shares, windows = shares_of(film, settings, overlapping)
    black = roi_shares(film.levels <= 0, windows.grid.rows, windows.grid.cols, windows.grid.size).ravel() > BLACK_SHARE
    for of, label, by in product(READINGS, ("lesion", "pathology"), ("film", "row")):
        bad = belongs(shares[of], film.malignant(), label, by, "alone", 0.5)
        counts = np.array([bad.sum(), (~bad).sum(), (~bad & ~black).sum()])
        key = (of, label, by, str(settings.stride))
        found[key] = found.get(key, np.zeros(3, np.int64)) + counts


def overlapping_table(found: dict[tuple[str, ...], NDArray[np.int64]], size: str) -> None:
    """Print a row a reading."""
    print(f"\n### A2, A3: window 224, more than 50 %, films of {size}\n")
    print(f"Published: {A2[0]:,} benign (sampled down), {A2[1]:,} malignant; elsewhere 681 and 968.\n")
    print(
        "| share of | malignant means | counted by | stride | malignant | benign | benign, without > 90 % black (0) | malignant / 1,525 |"
    )
    print("|---|---|---|---|---|---|---|---|")
    nearest = min(found, key=lambda key: abs(np.log(max(int(found[key][0]), 1) / A2[1])))
    for key, (bad, others, seen) in found.items():
        mark = "**" if key == nearest else ""
        print(f"| {' | '.join(key)} | {bad:,} | {others:,} | {seen:,} | {mark}{bad / A2[1]:.2f}{mark} |")


def main() -> int:
    """Count, and print all tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("collection", nargs="?", type=Path)
    parser.add_argument("--film", default="", metavar="ROWSxCOLS")
    parser.add_argument("--all", type=Path, metavar="FILE")
    given = parser.parse_args()
    if given.collection is None:
        print("patch_counts.py counts on an import of CBIS-DDSM's mass training films: give its folder (docs/patches.md)")
        return 0
    cv2.setNumThreads(1)
    collection = read_collection(given.collection)
    a1 = A1Counts()
    regions: dict[tuple[str, str, str], Counter[str]] = {}
    grids: dict[str, dict[tuple[str, ...], NDArray[np.int64]]] = {}
    number = rows = 0
    for film in films(collection):
        number, rows = number + 1, rows + len(film.findings)
        a1.add(film)
        for plan, overlap_of in REGIONS:
            for by, seen in (("row", film), ("film", joined(film))):
                counts = region_counts(seen, PLANS[plan], overlap_of if plan != "S1" else "either")
                regions.setdefault((plan, overlap_of, by), Counter()).update(counts)
        for size, stride in product(dict.fromkeys(("", given.film)), STRIDES):
            overlapping_counts(film, Overlapping(resize=size, stride=stride), grids.setdefault(size, {}))
    print(f"{number:,} films, {rows:,} rows of the table with a box.")
    a1_table(a1)
    black_table(a1)
    region_table(regions)
    for size, found in grids.items():
        overlapping_table(found, size or "their own size")
    if given.all:
        write_all(a1, given.all)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

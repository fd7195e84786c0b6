"""The methods of cutting windows: each says where windows lie on one image. Their sources stand in `METHODS`.

What a window holds and how it is labelled is in `labels`, what the settings mean in `settings`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.core.geometry import Box, box_area, box_centre, box_of_mask
from breastcad.core.records import SEVERITY, FindingRow
from breastcad.patches.integral import box_counts, box_shares, roi_shares, summed
from breastcad.patches.sampling import (
    Boxes,
    Frame,
    Overlap,
    boxes_at,
    drawn,
    nearest,
    places_away,
    places_by_weight,
    places_round,
    weight_map,
)
from breastcad.patches.settings import (
    MOST_ON_GRID,
    CentrePixel,
    Density,
    LesionCentred,
    NonOverlapping,
    Overlapping,
    RegionBased,
    Roi,
    Settings,
    Whole,
)
from breastcad.patches.windows import window_starts

SMALLER = "the image is smaller than the window"


@dataclass(frozen=True, slots=True)
class Scene:
    """One image as methods see it.

    ``shape`` is its rows and columns; ``rois`` its findings with their masks, (H, W) bool, None where a finding has no extent;
    ``breast`` the mask of the breast, None where the image is no mammogram; ``pixels`` gives (H, W) float32 in [0, 1] when asked for.
    ``known`` is false where a finding has no outline, so that nothing can be said to be free of lesions.
    """

    shape: tuple[int, int]
    rois: Sequence[tuple[FindingRow, NDArray[np.bool_] | None]]
    breast: NDArray[np.bool_] | None
    pixels: Callable[[], NDArray[np.float32]]
    known: bool
    random: np.random.Generator


@dataclass(frozen=True, slots=True)
class Grid:
    """Windows of one size: where rows of windows and columns of them begin, and their size, in source pixels, int64 or float64."""

    rows: NDArray[Any]
    cols: NDArray[Any]
    size: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Missing:
    """Windows that a finding (or, with None, an image) should have had, and why they are not there."""

    finding_id: str | None
    wanted: int
    placed: int
    reason: str


@dataclass(slots=True)
class Windows:
    """Where windows lie: ``boxes`` (N, 4) in source pixels; ``own`` (N,) int64 the number of the finding one was cut for, or -1.

    ``grid`` is set where they are one: their boxes are its, row by row.
    """

    boxes: Boxes
    own: NDArray[np.int64]
    grid: Grid | None = None
    missing: list[Missing] = field(default_factory=list)

    def shares(self, mask: NDArray[np.bool_], of: str) -> NDArray[np.float64]:
        """Return the share of a mask that each window holds, (N,), by either reading."""
        if self.grid is not None:
            return roi_shares(mask, self.grid.rows, self.grid.cols, self.grid.size, of=of).ravel()  # type: ignore[arg-type]
        return box_shares(summed(mask), self.boxes, of=of)  # type: ignore[arg-type]


Place = Callable[[Scene, Any], Windows]


def _on_grid(scene: Scene, settings: Settings, stride: int) -> Windows:
    """Return the windows of a grid that never leaves the image; none where the image is smaller than a window."""
    place, (height, width) = settings.frame(scene.shape)
    tops, lefts = (window_starts(length, settings.window, stride) for length in (height, width))
    if tops.size * lefts.size > MOST_ON_GRID:
        raise InputError(f"stride={stride} gives {tops.size * lefts.size:,} windows of one image; at most {MOST_ON_GRID:,} are cut")
    size: tuple[float, float] = (settings.window, settings.window)
    grid = Grid(tops, lefts, size)
    if (place.row_step, place.col_step) != (1, 1):
        grid = Grid(tops * place.row_step, lefts * place.col_step, (place.row_step * size[0], place.col_step * size[1]))
    every = np.stack([side.ravel() for side in np.meshgrid(tops, lefts, indexing="ij")])
    boxes = boxes_at((place, (height, width)), every[0], every[1], settings.window, scene.shape)
    missing = [] if len(boxes) else [Missing(None, 1, 0, SMALLER)]
    return Windows(boxes, np.full(len(boxes), -1), grid, missing)


def overlapping(scene: Scene, settings: Overlapping) -> Windows:
    """Return the windows of a grid; A2 and A3."""
    return _on_grid(scene, settings, settings.stride)


def centre_pixel(scene: Scene, settings: CentrePixel) -> Windows:
    """Return the windows of a grid; what differs is the label."""
    return _on_grid(scene, settings, settings.stride)


def non_overlapping(scene: Scene, settings: NonOverlapping) -> Windows:
    """Return windows side by side; A1: 16 of 256 on an image resized to 1024 x 1024."""
    return _on_grid(scene, settings, settings.window)


def region_based(scene: Scene, settings: RegionBased) -> Windows:
    """Return windows round each lesion, with a least overlap, and windows away from all of them."""
    frame = settings.frame(scene.shape)
    if settings.window > min(frame[1]):
        return _nothing([Missing(None, 1, 0, SMALLER)])
    parts: list[Boxes] = []
    own: list[int] = []
    missing: list[Missing] = []
    for number, (finding, roi) in enumerate(scene.rois):
        tops, lefts, reason = _round_lesion(roi, frame, settings, scene.random)
        if tops.size < settings.number:
            missing.append(Missing(finding.finding_id, settings.number, int(tops.size), reason))
        parts.append(boxes_at(frame, tops, lefts, settings.window, scene.shape))
        own += [number] * tops.size
    for part, told in _away(scene, settings, frame):
        parts.append(part)
        own += [-1] * len(part)
        missing += told
    boxes = np.concatenate([np.empty((0, 4)), *parts])
    return _without_repeats(scene, Windows(boxes, np.array(own, np.int64), missing=missing))


def _round_lesion(
    roi: NDArray[np.bool_] | None, frame: Frame, settings: RegionBased, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], str]:
    """Return a lesion's places, and why there are not more of them."""
    nowhere = np.empty(0, np.int64)
    box = None if roi is None else box_of_mask(roi)
    if roi is None or box is None:
        return nowhere, nowhere, "the finding has no extent on the image"
    tops, lefts = places_round(roi, box, frame, settings.window, overlap=settings.overlap, overlap_of=cast(Overlap, settings.overlap_of))
    reason = f"no more places have an overlap of at least {settings.overlap:g} ({settings.overlap_of}) with the centre in the lesion's box"
    if settings.around == "centred":
        return *nearest(tops, lefts, settings.number, box, frame, settings.window), reason
    return *drawn(tops, lefts, settings.number, random), reason


def _away(scene: Scene, settings: RegionBased, frame: Frame) -> list[tuple[Boxes, list[Missing]]]:
    """Return windows that hold nothing of any lesion, enough of the breast, and not too much black; as many as asked for a lesion."""
    number = settings.background * len(scene.rois)
    if not number:
        return []
    if not scene.known:
        return [
            (np.empty((0, 4)), [Missing(None, number, 0, "background: a finding has no outline, so no place is known to be free of it")])
        ]
    rois = [summed(roi) for _, roi in scene.rois if roi is not None]
    breast = None if scene.breast is None else summed(scene.breast)
    black = summed(scene.pixels() <= settings.black_level) if settings.black < 1 else None

    def wanted(tops: NDArray[np.int64], lefts: NDArray[np.int64]) -> NDArray[np.bool_]:
        boxes = boxes_at(frame, tops, lefts, settings.window, scene.shape)
        good = np.ones(len(boxes), bool)
        for roi in rois:
            good &= box_counts(roi, boxes) == 0
        if breast is not None:
            good &= box_shares(breast, boxes) >= settings.breast_share
        return good if black is None else good & (box_shares(black, boxes) <= settings.black)

    tops, lefts = places_away(frame, settings.window, number, wanted, scene.random)
    reason = "background: no more places were found away from every lesion, with enough breast and not too black"
    missing = [Missing(None, number, int(tops.size), reason)] if tops.size < number else []
    return [(boxes_at(frame, tops, lefts, settings.window, scene.shape), missing)]


def density(scene: Scene, settings: Density) -> Windows:
    """Return windows whose centres are drawn by a map of weights: more where there is tissue, and where grey changes."""
    frame = settings.frame(scene.shape)
    weights = weight_map(scene.pixels(), scene.breast, settings.tissue)
    tops, lefts = places_by_weight(weights, scene.shape, frame, settings.window, scene.random)
    boxes = boxes_at(frame, tops, lefts, settings.window, scene.shape)
    if scene.breast is not None and settings.breast_share:
        boxes = boxes[box_shares(summed(scene.breast), boxes) >= settings.breast_share]
    boxes = _without_repeats(scene, Windows(boxes, np.full(len(boxes), -1))).boxes[: settings.number]
    reason = SMALLER if settings.window > min(frame[1]) else "no more places have weight and enough breast"
    missing = [Missing(None, settings.number, len(boxes), reason)] if len(boxes) < settings.number else []
    return Windows(boxes, np.full(len(boxes), -1), missing=missing)


def lesion_centred(scene: Scene, settings: LesionCentred) -> Windows:
    """Return a window round the centre of each lesion: of a size of its own, or as large as the lesion."""
    place, (height, width) = settings.frame(scene.shape)
    boxes: list[Box] = []
    own: list[int] = []
    missing: list[Missing] = []
    for number, (finding, roi) in enumerate(scene.rois):
        found = None if roi is None or not roi.any() else _given_box(finding, roi)
        box = None if found is None else place.from_source(found)
        if box is None:
            missing.append(Missing(finding.finding_id, 1, 0, "the finding has no extent on the image"))
            continue
        side = settings.context * max(box[2] - box[0], box[3] - box[1]) or float(settings.window)
        if settings.border == "shift" and side > min(height, width):
            missing.append(Missing(finding.finding_id, 1, 0, SMALLER))
            continue
        top, left = (centre - side / 2 for centre in box_centre(box))
        if not settings.context:  # a window of its own size begins with a pixel, so that nothing is resampled
            top, left = math.floor(top + 0.5), math.floor(left + 0.5)
        if settings.border == "shift":
            top, left = min(max(top, 0.0), height - side), min(max(left, 0.0), width - side)
        window = place.to_source((top, left, top + side, left + side))
        if roi is None or not box_counts(summed(roi), window)[0]:
            missing.append(Missing(finding.finding_id, 1, 0, "a window round its centre holds nothing of the finding"))
            continue
        boxes.append(window)
        own.append(number)
    return _without_repeats(scene, Windows(np.array(boxes).reshape(-1, 4), np.array(own, np.int64), missing=missing))


def _given_box(finding: FindingRow, roi: NDArray[np.bool_]) -> Box | None:
    """Return the box that a set gives for a finding: a circle at the border has its centre where the set says; else its mask's."""
    if finding.row0 is None or finding.col0 is None or finding.row1 is None or finding.col1 is None:
        return box_of_mask(roi)
    box = (finding.row0, finding.col0, finding.row1, finding.col1)
    return box if box_area(box) else box_of_mask(roi)


def whole(scene: Scene, settings: Whole) -> Windows:
    """Return the image as one window."""
    return Windows(np.array([[0.0, 0.0, *scene.shape]]), np.array([-1]))


def _nothing(missing: list[Missing]) -> Windows:
    return Windows(np.empty((0, 4)), np.empty(0, np.int64), missing=missing)


def _without_repeats(scene: Scene, windows: Windows) -> Windows:
    """Keep one of windows at one place: two lesions close by may be given the same one, which is then the worse one's."""
    severity = [SEVERITY[scene.rois[number][0].pathology] if number >= 0 else -1 for number in windows.own.tolist()]
    worst_first = np.argsort(-np.array(severity, np.int64), kind="stable")
    _, first = np.unique(windows.boxes[worst_first], axis=0, return_index=True)
    kept = np.sort(worst_first[first])
    return Windows(windows.boxes[kept], windows.own[kept], missing=windows.missing)


@dataclass(frozen=True, slots=True)
class Method:
    """A method: its settings, its function, what it does in a line, whose it is, and what a publication set, as ``KEY=VALUE`` texts."""

    kind: type[Settings]
    place: Place
    words: str
    source: str
    published: dict[str, str] = field(default_factory=dict)


_A = "Hasan et al., A CNN based patch classifier using mammograms"
_SHEN = "Shen et al. 2019, doi 10.1038/s41598-019-48995-4"
METHODS: dict[str, Method] = {
    "overlapping": Method(
        Overlapping,
        cast(Place, overlapping),
        "a grid of windows at a stride",
        f"{_A}: A2, A3",
        {"A2": "window=224 stride=56 label=lesion touching=normal balance=down"},
    ),
    "non-overlapping": Method(
        NonOverlapping,
        cast(Place, non_overlapping),
        "windows side by side on the image resized",
        f"{_A}: A1",
        {"A1": "window=256 resize=1024x1024 roi_share=0.7 label=lesion touching=normal breast_share=0 black=0.9 black_level=0.0393"},
    ),
    "region-based": Method(
        RegionBased,
        cast(Place, region_based),
        "windows round each lesion with a least overlap, and as many away from all lesions",
        f"{_SHEN}: S1, S10; {_A}: A4",
        {"S1": "number=1 background=1 around=centred overlap=0", "S10": "number=10 background=10", "A4": "number=10 background=0"},
    ),
    "density": Method(
        Density, cast(Place, density), "windows drawn where tissue is, and where grey changes", f"{_A}: future work; the map is ours"
    ),
    "lesion-centred": Method(
        LesionCentred,
        cast(Place, lesion_centred),
        "a window round each lesion's centre",
        "Mahmood et al. 2022, doi 10.1371/journal.pone.0263126",
        {"B": "window=224"},
    ),
    "roi": Method(
        Roi,
        cast(Place, lesion_centred),
        "each lesion's box, squared, at 128 x 128",
        "Jiménez-Gaona 2024 (thesis); El Houby 2021 crops the box likewise",
        {"E": "window=128 context=1"},
    ),
    "centre-pixel": Method(
        CentrePixel,
        cast(Place, centre_pixel),
        "a grid of windows, each labelled by its central pixel",
        "Agarwal et al. 2019",
        {"Agarwal": "touching=normal"},
    ),
    "whole": Method(Whole, cast(Place, whole), "each image as one window", "-"),
}

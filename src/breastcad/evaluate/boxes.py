"""From heat maps to boxes with scores, of one window or of many, and from boxes to the lesions that they hit.

A box stands for a place that a map points at: it has a position, by which it hits, and an outline. Maps, peaks and positions are those of
`marks`; free-response figures from the hits are in `froc`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box, box_area, box_intersection, box_iou
from breastcad.core.placement import Placement
from breastcad.core.records import FindingRow
from breastcad.evaluate.marks import has_place, hit_lesions, marks_from_map


@dataclass(frozen=True, slots=True)
class ScoredBox:
    """A box on the source with a score: ``row``, ``col`` is its position (not its centre: where the map weighs most inside it)."""

    row: float
    col: float
    score: float
    box: Box


def boxes_from_map(
    score_map: NDArray[np.floating], place: Placement, *, level: float, most: int, floor: float = 0.0
) -> list[ScoredBox]:  # fmt: skip
    """Return the boxes of a heat map on its source, best first.

    A box is the tight one round a peak's connected component of pixels at `level` times the peak or more, its position the component's
    centroid weighted by the map: `marks.marks_from_map`, whose marks are moved from the map's pixels, with centres at +0.5, to the
    source's. Pixels at 0 or below are no evidence and in no box.

    Parameters
    ----------
    score_map : (h, w) ndarray of float
    place : Placement
        Of the map on its source.
    level : float
        Share of the peak, in (0, 1].
    most : int
        At most so many boxes.
    floor : float
        No box has a peak below it.

    Returns
    -------
    list of ScoredBox
        In source pixels; positions to a millionth of one, so that no rounding decides on which side of an edge they lie.

    Raises
    ------
    ValueError
        As `marks.marks_from_map` does.

    Examples
    --------
    >>> place = Placement().resized((40, 80), (2, 4))  # a map of 2 x 4 over 40 x 80 pixels
    >>> boxes_from_map(np.array([[0., 0., .9, .8], [0., 0., 0., 0.]]), place, level=0.5, most=1)
    [ScoredBox(row=10.0, col=59.411765, score=0.9, box=(0.0, 40.0, 20.0, 80.0))]
    """
    boxes = []
    for mark in marks_from_map(score_map, floor=floor, level=level, max_marks=most):
        row, col = place.point_to_source((mark.row, mark.col))
        boxes.append(ScoredBox(round(row, 6), round(col, 6), mark.score, place.to_source(mark.box)))
    return boxes


def _best_first(boxes: Iterable[ScoredBox]) -> list[ScoredBox]:
    """Return boxes in an order that does not depend on theirs: by score, then by place."""
    return sorted(boxes, key=lambda one: (-one.score, one.box, one.row, one.col))


def non_maximum_suppression(boxes: Iterable[ScoredBox], *, iou: float) -> list[ScoredBox]:
    """Keep of boxes that overlap the best one, greedily: each is dropped that overlaps a better one, itself kept, by more than `iou`.

    Parameters
    ----------
    boxes : iterable of ScoredBox
    iou : float
        Intersection over union, in [0, 1].

    Returns
    -------
    list of ScoredBox
        Best first; of equal scores the one that begins further up, then further left.

    Raises
    ------
    ValueError
        If `iou` lies outside [0, 1].

    Examples
    --------
    >>> three = [ScoredBox(5, 5, .9, (0, 0, 10, 10)), ScoredBox(6, 5, .8, (1, 0, 11, 10)), ScoredBox(6, 30, .7, (1, 25, 11, 35))]
    >>> [one.score for one in non_maximum_suppression(three, iou=0.5)]
    [0.9, 0.7]
    """
    _check_share("iou", iou)
    kept: list[ScoredBox] = []
    for one in _best_first(boxes):
        if all(box_iou(one.box, better.box) <= iou for better in kept):
            kept.append(one)
    return kept


def merged(boxes: Iterable[ScoredBox], *, share: float) -> list[ScoredBox]:
    """Put together the boxes that overlapping windows give of one place: the union of those that share enough of the smaller one.

    A window's border cuts what lies on it, so that one window has the whole and the next a part. A part is dropped by no suppression (its
    overlap over the union is small), and a weighted mean of part and whole is neither: hence the union, and the share of the smaller
    area. Best first, each box joins the first one before it that it shares enough with, as that one was before others joined it:
    chains do not grow. Score and position are those of the best.

    Parameters
    ----------
    boxes : iterable of ScoredBox
        Of all windows of one image, in its pixels.
    share : float
        Of the smaller box's area, in [0, 1]; boxes that share more are put together.

    Returns
    -------
    list of ScoredBox
        Best first.

    Raises
    ------
    ValueError
        If `share` lies outside [0, 1].

    Examples
    --------
    >>> whole, part = ScoredBox(8, 8, .9, (0, 0, 16, 10)), ScoredBox(14, 4, .5, (12, 0, 20, 10))
    >>> merged([part, whole], share=0.4)
    [ScoredBox(row=8, col=8, score=0.9, box=(0, 0, 20, 10))]
    """
    _check_share("share", share)
    groups: list[tuple[ScoredBox, list[Box]]] = []
    for one in _best_first(boxes):
        own = next((joined for best, joined in groups if _shared(one.box, best.box) > share), None)
        if own is None:
            groups.append((one, [one.box]))
        else:
            own.append(one.box)
    return [replace(best, box=_union(joined)) for best, joined in groups]


def _shared(first: Box, second: Box) -> float:
    smaller = min(box_area(first), box_area(second))
    return box_area(box_intersection(first, second)) / smaller if smaller > 0 else 0.0


def _union(boxes: Sequence[Box]) -> Box:
    row0, col0, row1, col1 = zip(*boxes, strict=True)
    return min(row0), min(col0), max(row1), max(col1)


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1], got {value}")


# ---- which lesion a box hits ----


def hits(boxes: Sequence[ScoredBox], lesions: Sequence[FindingRow], *, iou: float | None = None) -> list[str | None]:
    """Return, for each box of an image, the lesion that it hits: by its position, or by overlap.

    Parameters
    ----------
    boxes : sequence of ScoredBox
    lesions : sequence of FindingRow
        Of the same image; one without a place cannot be hit.
    iou : float, optional
        Hit by intersection over union with the lesion's box, of at least this; by position (`marks.hit_lesions`) without it.

    Returns
    -------
    list of str or None
        The ``finding_id``, a box; by overlap that of the largest, the first of equals.

    Raises
    ------
    ValueError
        If `iou` does not lie in (0, 1].

    Examples
    --------
    >>> lesion = FindingRow("made-up", "f1", "i1", geometry="box", row0=0, col0=0, row1=10, col1=10)
    >>> hits([ScoredBox(9, 9, .9, (8, 8, 10, 10))], [lesion]), hits([ScoredBox(9, 9, .9, (8, 8, 10, 10))], [lesion], iou=0.1)
    (['f1'], [None])
    """
    if iou is None:
        return hit_lesions(boxes, lesions)
    if not 0 < iou <= 1:
        raise ValueError(f"iou must lie in (0, 1], got {iou}")
    placed = [one for one in lesions if has_place(one)]
    found: list[str | None] = []
    for box in boxes:
        overlaps = [(box_iou(box.box, (one.row0 or 0.0, one.col0 or 0.0, one.row1 or 0.0, one.col1 or 0.0)), one) for one in placed]
        best = max(overlaps, key=lambda pair: pair[0], default=None)
        found.append(best[1].finding_id if best and best[0] >= iou else None)
    return found


def hit_rule(iou: float | None = None) -> str:
    """Return in words when a box hits a lesion, to be printed with every figure of hits.

    Examples
    --------
    >>> hit_rule(0.5)
    'a box hits the lesion with whose box its intersection over union is largest, if that is 0.5 or more'
    """
    if iou is None:
        return "a box hits the lesion in whose box (circle, ellipse: edge included) its position lies, of several the nearest"
    return f"a box hits the lesion with whose box its intersection over union is largest, if that is {iou:g} or more"

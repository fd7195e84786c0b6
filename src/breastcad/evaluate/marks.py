"""From a map of scores to marks, and from marks to the lesions that they hit.

A mark is a place with a score; a lesion is true by the reference standard. Free-response figures from them are in `froc`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box, box_area, box_centre, point_in_box
from breastcad.core.records import FindingRow

MAP_FLOOR = 0.01
"""A peak of a lesion map below this is no mark, whatever its calibrated score: in training, in `analyze` and in `explain`."""


@dataclass(frozen=True, slots=True)
class MapMark:
    """A mark in the pixels of a map (float, pixel centres at +0.5).

    ``row``, ``col`` is its position, ``score`` the highest value of its component, ``box`` the component's tight box
    (half open), ``peak`` the (row, column) index of the pixel that has the score.
    """

    row: float
    col: float
    score: float
    box: Box
    peak: tuple[int, int]


class HasPosition(Protocol):
    """What `hit_lesions` needs of a mark: `MapMark` and `core.records.MarkRow` have it."""

    @property
    def row(self) -> float:
        """Row in the lesions' frame."""

    @property
    def col(self) -> float:
        """Column in the lesions' frame."""


def _checked_map(score_map: NDArray[np.floating]) -> NDArray[np.floating]:
    scores = np.asarray(score_map)
    if scores.ndim != 2 or scores.size == 0:
        raise ValueError(f"score_map must have two dimensions and pixels, got shape {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError(f"score_map must be finite: {np.count_nonzero(~np.isfinite(scores))} of {scores.size} pixels are not")
    return scores


def _component(scores: NDArray[np.floating], peak: tuple[int, int], level: float) -> NDArray[np.bool_]:
    above = (scores >= level * scores[peak]).astype(np.uint8)
    _, numbers = cv2.connectedComponents(above, connectivity=8)
    component: NDArray[np.bool_] = numbers == numbers[peak]
    return component


def component_mask(score_map: NDArray[np.floating], mark: MapMark, *, level: float) -> NDArray[np.bool_]:
    """Return the pixels that a mark stands for: its peak's connected component of pixels at `level` times its score or more.

    Parameters
    ----------
    score_map : (h, w) ndarray of float
        The map that the mark was found in.
    mark : MapMark
    level : float
        The level that the mark was found with.

    Returns
    -------
    (h, w) ndarray of bool
        8-connected; contains ``mark.peak``. The components of two marks of one map never overlap.

    Raises
    ------
    ValueError
        If the map is empty, not finite or not two-dimensional.
    """
    return _component(_checked_map(score_map), mark.peak, level)


def _mark(scores: NDArray[np.floating], peak: tuple[int, int], component: NDArray[np.bool_]) -> MapMark:
    """Place a mark at its component's centroid, weighted by score; at its peak where the centroid falls outside the component."""
    rows, cols = np.nonzero(component)
    weights = scores[rows, cols].astype(np.float64)
    row = float((weights * (rows + 0.5)).sum() / weights.sum())
    col = float((weights * (cols + 0.5)).sum() / weights.sum())
    if not component[int(row), int(col)]:
        row, col = peak[0] + 0.5, peak[1] + 0.5
    box = float(rows.min()), float(cols.min()), float(rows.max() + 1), float(cols.max() + 1)
    return MapMark(row, col, float(scores[peak]), box, peak)


def marks_from_map(score_map: NDArray[np.floating], *, floor: float, level: float, max_marks: int) -> list[MapMark]:
    """Return the marks of a score map, best first.

    A mark is a peak with the connected component (8 neighbours) of pixels that score at least `level` times the peak. A lower peak
    whose own component would run into one already taken gives no mark: between it and the better one the scores never fall
    below `level` times its own. The mark's position is the centroid of its component weighted by score, which a single bright
    pixel at the border of a lesion does not move; where a bent component leaves its centroid outside, it is the peak.

    Parameters
    ----------
    score_map : (h, w) ndarray of float32
        Probabilities; pixels at 0 or below are never marked.
    floor : float
        No mark has a score below it.
    level : float
        Share of the peak's score that its component reaches down to, in (0, 1].
    max_marks : int
        At most so many marks, not negative.

    Returns
    -------
    list of MapMark
        In map pixels; scores do not rise, ties stand in reading order of their peaks.

    Raises
    ------
    ValueError
        If the map is empty, not finite or not two-dimensional, `level` lies outside (0, 1], or `max_marks` is negative.

    Examples
    --------
    >>> scores = np.array([[.1, .8, .8, .1, .0], [.0, .0, .0, .1, .6]], np.float32)
    >>> [(mark.row, mark.col, round(mark.score, 2), mark.box) for mark in marks_from_map(scores, floor=.3, level=.5, max_marks=5)]
    [(0.5, 2.0, 0.8, (0.0, 1.0, 1.0, 3.0)), (1.5, 4.5, 0.6, (1.0, 4.0, 2.0, 5.0))]
    """
    if not 0 < level <= 1:
        raise ValueError(f"level must lie in (0, 1], got {level}")
    if max_marks < 0:
        raise ValueError(f"max_marks must not be negative, got {max_marks}")
    scores = _checked_map(score_map)
    left = scores.astype(np.float64)  # what no mark has taken yet; taken pixels are -1
    marks: list[MapMark] = []
    while len(marks) < max_marks:
        row, col = divmod(int(left.argmax()), scores.shape[1])
        if left[row, col] < floor or left[row, col] <= 0:
            break
        component = _component(scores, (row, col), level)
        # A component that meets a taken one is that one's shoulder. It is taken too: every lower peak in it would be one as well.
        if not (left[component] < 0).any():
            marks.append(_mark(scores, (row, col), component))
        left[component] = -1
    return marks


def has_place(finding: FindingRow) -> bool:
    """Say if a finding has a place that a mark can hit (a box that is not empty, whatever its geometry is)."""
    box = _box(finding)
    return box is not None and box_area(box) > 0


def _box(finding: FindingRow) -> Box | None:
    if finding.row0 is None or finding.col0 is None or finding.row1 is None or finding.col1 is None:
        return None
    return finding.row0, finding.col0, finding.row1, finding.col1


def _hit(row: float, col: float, finding: FindingRow) -> float | None:
    """Return the distance of a mark from the lesion's centre where the mark lies inside the lesion, else None."""
    box = _box(finding)
    if box is None or box_area(box) <= 0:
        return None
    centre = box_centre(box)
    down, right = row - centre[0], col - centre[1]
    if finding.geometry in ("circle", "ellipse"):
        height, width = box[2] - box[0], box[3] - box[1]
        inside = bool(np.hypot(down * (width / height), right) <= width / 2)  # for a circle exactly distance <= radius
    else:
        inside = point_in_box((row, col), box)
    return float(np.hypot(down, right)) if inside else None


def hit_lesions(marks: Sequence[HasPosition], lesions: Sequence[FindingRow]) -> list[str | None]:
    """Return, for each mark of an image, the lesion that it hits.

    Hit rule: the mark's position lies in the lesion's ellipse (geometry circle or ellipse; edge included) or else in its box (half open);
    of several lesions it hits the one whose centre is nearest, the first of equals. A mark hits one lesion at most; several marks may
    hit the same one, of which `froc` counts the best. Lesions without a place (`has_place`) cannot be hit and should not be counted.

    Parameters
    ----------
    marks : sequence of MapMark, MarkRow or alike
        Positions in the frame of the lesions (source pixels).
    lesions : sequence of FindingRow
        Of the same image.

    Returns
    -------
    list of str or None
        The ``finding_id`` of the lesion hit, a mark; None for a mark that hits none.

    Examples
    --------
    >>> lesion = FindingRow("made-up", "f1", "i1", geometry="circle", row0=0, col0=0, row1=10, col1=10)
    >>> marks = [MapMark(5, 9.5, .9, (4, 9, 6, 10), (4, 9)), MapMark(1, 1, .8, (0, 0, 2, 2), (0, 0))]
    >>> hit_lesions(marks, [lesion])  # the second lies in the corner of the circle's box
    ['f1', None]
    """
    hits: list[str | None] = []
    for mark in marks:
        found = [(distance, lesion.finding_id) for lesion in lesions if (distance := _hit(mark.row, mark.col, lesion)) is not None]
        hits.append(min(found, key=lambda pair: pair[0])[1] if found else None)
    return hits

"""The pectoral muscle on an MLO mammogram: a straight line first, then the curve along it; nothing where there is no edge."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.preprocess.breast import chest_wall_side

FRAME = 192, 128
"""The box of the breast is looked at in so many rows and columns, chest wall on the left, so that a lost aspect does not matter."""
GAMMA = 0.35
LOCAL_PX = 10
"""A fall in brightness counts as a share of the gradients round it: a faint edge that goes on beats a strong one that does not."""
LINE_REACH_PX = 3, 6
TOPS, LEFTS = np.arange(0.1, 1.21, 0.03), np.arange(0.15, 1.06, 0.03)
USUAL, SPREAD, USUAL_WEIGHT = (0.53, 0.52), (0.38, 0.30), 0.04
LEAST_SCORE_OF_MLO, LEAST_SCORE = 0.25, 0.45
POINTS, CURVE_POINTS, BEYOND = 64, 96, 0.1
CURVE_REACH_PX, HALF_BAND_PX, STEP_PX = 2, 12, 0.5
FALL_CAP, STEP_COST, PULL = 2.0, 0.2, 0.6
LEAST_WIDTH_PX = 3
_FAR = 200

_Float = NDArray[np.float32]
_Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Muscle:
    """``mask`` (H, W) bool; where it is empty ``reason`` says why. ``score`` is that of the edge, near 0 (none) to 1 (clear)."""

    mask: NDArray[np.bool_]
    reason: str = ""
    score: float = 0.0


def pectoral_muscle(pixels: NDArray[np.float32], breast: NDArray[np.bool_], *, view: str | None = None) -> Muscle:
    """Find the pectoral muscle in the upper corner at the chest wall.

    The box of the breast is resized to 192 x 128 with the chest wall on the left, its brightness raised to the power of 0.35. Every
    straight line from the upper border to the chest wall (37 x 31 of them) is scored by the mean fall in brightness across it, as a
    share of the gradients round each point, less a mild penalty for lines that no muscle has. From the best line the edge is refined in
    a band of 24 pixels along it by dynamic programming: the cheapest path, where steps sideways and distance from the line cost.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    breast : (H, W) ndarray of bool
        Of `breast_region`.
    view : str, optional
        Known view of the film. On any but MLO nothing is looked for; without a view the edge must be clearer before it is believed.

    Returns
    -------
    Muscle
        Within the breast; empty with a reason where there is no chest wall or no edge.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    .. [1] N. Karssemeijer, "Automated classification of parenchymal patterns in mammograms", Phys. Med. Biol. 43 (1998) 365-378:
       the straight line (Hough).
    .. [2] R. J. Ferrari et al., "Automatic identification of the pectoral muscle in mammograms", IEEE Trans. Med. Imaging 23 (2004).
    """
    if pixels.shape != breast.shape:
        raise ValueError(f"pixels and breast must have one shape, got {pixels.shape} and {breast.shape}")
    empty = np.zeros(breast.shape, bool)
    if view is not None and view.upper() not in ("MLO", "LMLO", "RMLO"):
        return Muscle(empty, f"view {view}: the muscle is looked for on MLO films")
    side = chest_wall_side(breast)
    if side is None:
        return Muscle(empty, "neither side of the breast is clearly the chest wall")
    rows, cols = np.flatnonzero(breast.any(axis=1)), np.flatnonzero(breast.any(axis=0))
    turn = -1 if side == "right" else 1
    place = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
    grey = _framed(np.clip(pixels[place][:, ::turn], 0, None)) ** np.float32(GAMMA)
    top, left, score = _best_line(_smoothed(grey), _framed(breast[place][:, ::turn].astype(np.float32)))
    if score < (LEAST_SCORE if view is None else LEAST_SCORE_OF_MLO):
        return Muscle(empty, "no edge of a muscle that is clear enough", score)
    soft = cv2.GaussianBlur(_curved(_smoothed(grey), top, left), (0, 0), 1, borderType=cv2.BORDER_REPLICATE)
    shape = empty[place].shape
    empty[place] = (cv2.resize(soft, shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5)[:, ::turn]
    return Muscle(empty & breast, "", score)


def _framed(values: _Float) -> _Float:
    return cv2.resize(np.ascontiguousarray(values), FRAME[::-1], interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)


def _smoothed(grey: _Float) -> _Float:
    """Smooth the frame; its two outermost rows and columns, which may be film edge, become what lies next to them."""
    smooth = cv2.GaussianBlur(grey, (0, 0), 1).astype(np.float32, copy=False)
    smooth[:, :2], smooth[:2] = smooth[:, 2:3], smooth[2:3]
    return smooth


def _at(values: _Float, cols: _Array, rows: _Array) -> _Float:
    """Return values at points, which count from pixel edges."""
    places = np.asarray(cols - 0.5, np.float32), np.asarray(rows - 0.5, np.float32)
    return cv2.remap(values, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32, copy=False)


def _steepness(grey: _Float) -> _Float:
    """Return the root mean square of the gradients round each pixel."""
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(grey, cv2.CV_32F, 0, 1) / 8
    return np.sqrt(cv2.GaussianBlur(across**2 + down**2, (0, 0), LOCAL_PX) + 1e-6)


def _falls(grey: _Float, steepness: _Float, cols: _Array, rows: _Array, normal: tuple[_Array, _Array], reach: int) -> _Array:
    """Return how much darker it is beyond each point than before it, along the normal, as a share of the gradients there."""
    across, down = reach * normal[0], reach * normal[1]
    fall = _at(grey, cols - across, rows - down) - _at(grey, cols + across, rows + down)
    return fall / (2 * reach * _at(steepness, cols, rows))


def _best_line(grey: _Float, inside: _Float) -> tuple[float, float, float]:
    """Return where the best line meets the upper border and the chest wall, and its score."""
    tops, lefts = (ends.ravel()[:, None] for ends in np.meshgrid(TOPS * FRAME[1], LEFTS * FRAME[0]))
    along = (np.arange(POINTS) + 0.5) / POINTS
    cols, rows = tops * (1 - along), lefts * along
    length = np.hypot(tops, lefts)
    normal = lefts / length, tops / length
    steepness = _steepness(grey)
    score = np.zeros(tops.size)
    for reach in LINE_REACH_PX:
        falls = np.clip(_falls(grey, steepness, cols, rows, normal, reach), -1, 1)
        counted = (_at(inside, cols + reach * normal[0], rows + reach * normal[1]) > 0.5) & (cols < FRAME[1]) & (rows < FRAME[0])
        number = counted.sum(axis=1)
        mean = (falls * counted).sum(axis=1) / np.maximum(number, 1)
        score += np.where(number > POINTS / 2, mean, 0) / len(LINE_REACH_PX)
    unusual = (np.log(tops / FRAME[1] / USUAL[0]) / SPREAD[0]) ** 2 + (np.log(lefts / FRAME[0] / USUAL[1]) / SPREAD[1]) ** 2
    score -= USUAL_WEIGHT / 2 * unusual.ravel()
    best = int(score.argmax())
    return float(tops[best, 0]), float(lefts[best, 0]), float(score[best])


def _curved(grey: _Float, top: float, left: float) -> _Float:
    """Return the muscle in the frame, 1 inside: bounded by the cheapest path near a line."""
    along = np.linspace(-BEYOND, 1 + BEYOND, CURVE_POINTS)[:, None]
    off = np.arange(-HALF_BAND_PX, HALF_BAND_PX + STEP_PX, STEP_PX)
    length = float(np.hypot(top, left))
    normal = np.array(left / length), np.array(top / length)
    cols, rows = top * (1 - along) + normal[0] * off, left * along + normal[1] * off
    falls = np.clip(_falls(grey, _steepness(grey), cols, rows, normal, CURVE_REACH_PX) / FALL_CAP, -1, 1)
    outside = (cols < 0) | (rows < 0) | (cols >= FRAME[1]) | (rows >= FRAME[0])
    path = _cheapest(np.where(outside, 0, -falls) + PULL * (off / HALF_BAND_PX) ** 2)
    shift = cv2.GaussianBlur(off[path][:, None], (0, 0), 1.5)
    edge = np.hstack([top * (1 - along) + normal[0] * shift, left * along + normal[1] * shift])
    before, after = edge[0] + _FAR * (edge[0] - edge[1]), edge[-1] + _FAR * (edge[-1] - edge[-2])
    corner = -float(4 * max(FRAME))
    around = np.vstack([[corner, corner], before, edge, after])
    drawn = cv2.fillPoly(np.zeros(FRAME, np.uint8), [np.rint((around - 0.5) * 16).astype(np.int32)], 1, shift=4)
    # Where the edge runs out along the chest wall, what is left beside it is no muscle.
    return np.where(drawn.sum(axis=1, keepdims=True) < LEAST_WIDTH_PX, 0, drawn).astype(np.float32)


def _cheapest(cost: _Array) -> NDArray[np.intp]:
    """Return the column of the cheapest path from the first row to the last, at most one column sideways a row."""
    total, back = cost[0], np.zeros(cost.shape, np.intp)
    for row in range(1, len(cost)):
        moves = np.stack([np.append(np.inf, total[:-1] + STEP_COST), total, np.append(total[1:] + STEP_COST, np.inf)])
        back[row] = np.arange(cost.shape[1]) + moves.argmin(axis=0) - 1
        total = moves.min(axis=0) + cost[row]
    path = [int(total.argmin())]
    for row in range(len(cost) - 1, 0, -1):
        path.append(int(back[row, path[-1]]))
    return np.array(path[::-1], np.intp)

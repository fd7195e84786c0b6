"""What operations do to coordinates: one matrix for any number of them, one interpolation, none for flips and quarter turns.

A matrix takes (column, row, 1) of the output to the input, in the pixel edges of `core.geometry` (centres at +0.5). Operations that
follow one another are multiplied before a pixel is read: nothing that leaves the frame in between is lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.augment.operations import Operation
from breastcad.core.geometry import Box, Point, box_of_mask

Shape = tuple[int, int]
Matrix = NDArray[np.float64]
Aside = tuple[NDArray[np.float32], NDArray[np.float32]]
"""By how many columns, and by how many rows, each pixel of the output looks aside."""
BORDERS = {"black": cv2.BORDER_CONSTANT, "mirror": cv2.BORDER_REFLECT_101}
_WHOLE = 1e-6  # by which rounding may move what is a whole number of pixels


class Frame(NamedTuple):
    """What several operations come to: the matrix from output to input, and the output's rows and columns."""

    matrix: Matrix
    shape: Shape


def frame_of(operations: Iterable[Operation], shape: Shape) -> Frame:
    """Multiply operations of the kind `FRAME` into one.

    Parameters
    ----------
    operations : iterable of Operation
        In the order in which they are applied.
    shape : (int, int)
        Rows and columns of the input.

    Raises
    ------
    ValueError
        If a crop reaches over its image.

    Examples
    --------
    >>> from breastcad.augment.operations import operation
    >>> frame_of([operation("rotation", degrees=90, frame="whole")] * 2, (4, 6)).matrix.tolist()
    [[-1.0, 0.0, 6.0], [0.0, -1.0, 4.0], [0.0, 0.0, 1.0]]
    """
    matrix = np.eye(3)
    for one in operations:
        step = _STEPS[one.name](shape, **one.parameters)
        matrix, shape = matrix @ step.matrix, step.shape
    return Frame(matrix / matrix[2, 2], shape)


# ---- one operation ----


def _about_centre(linear: Sequence[Sequence[float]], shape: Shape, new: Shape | None = None) -> Frame:
    """Return the frame of a linear map, from the output's centre to the input's."""
    new = new or shape
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = np.array([shape[1], shape[0]]) / 2 - matrix[:2, :2] @ np.array([new[1], new[0]]) / 2
    return Frame(matrix, new)


def _flip(shape: Shape, *, side: str) -> Frame:
    across = side in ("left", "right")
    return _about_centre([[-1 if across else 1, 0], [0, 1 if across else -1]], shape)


def _rotation(shape: Shape, *, degrees: float, frame: str) -> Frame:
    """Turn anticlockwise as it is seen; a whole frame holds all of the turned image, so that a quarter turn changes its sides over."""
    quarters = degrees / 90
    if quarters == round(quarters):  # sine and cosine would be off by their last bit
        sine, cosine = [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)][round(quarters) % 4]
    else:
        sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    rows, cols = shape
    whole = round(abs(cosine) * rows + abs(sine) * cols), round(abs(cosine) * cols + abs(sine) * rows)
    return _about_centre([[cosine, -sine], [sine, cosine]], shape, whole if frame == "whole" else shape)


def _skew(shape: Shape, *, side: str, share: float) -> Frame:
    """Let one edge recede: forward the upper one, backward the lower one; it becomes shorter by the share, the opposite one stays."""
    rows, cols = shape
    seen = np.array([[0, 0], [cols, 0], [cols, rows], [0, rows]], np.float64)
    along, first, last = {"forward": (0, 0, 1), "backward": (0, 3, 2), "left": (1, 0, 3), "right": (1, 1, 2)}[side]
    moved = seen.copy()
    inwards = share / 2 * (cols, rows)[along]
    moved[first, along] += inwards
    moved[last, along] -= inwards
    matrix = cv2.getPerspectiveTransform(moved.astype(np.float32), seen.astype(np.float32))
    return Frame(np.asarray(matrix, np.float64), shape)


def _shear(shape: Shape, *, axis: str, degrees: float) -> Frame:
    slope = -math.tan(math.radians(degrees))
    return _about_centre([[1, slope], [0, 1]] if axis == "x" else [[1, 0], [slope, 1]], shape)


def _scaling(shape: Shape, *, factor: float) -> Frame:
    return _about_centre([[1 / factor, 0], [0, 1 / factor]], shape)


def _translation(shape: Shape, *, down_px: float, right_px: float) -> Frame:
    return Frame(np.array([[1, 0, -right_px], [0, 1, -down_px], [0, 0, 1]], np.float64), shape)


def _crop(shape: Shape, *, row0: int, col0: int, row1: int, col1: int, size: str) -> Frame:
    """Cut a box out; where the size is kept, it is enlarged to the image's rows and columns."""
    if row1 > shape[0] or col1 > shape[1]:
        raise ValueError(f"crop: the box {(row0, col0, row1, col1)} reaches over its image of {shape[0]} x {shape[1]} pixels")
    cut = row1 - row0, col1 - col0
    down, across = (cut[0] / shape[0], cut[1] / shape[1]) if size == "kept" else (1.0, 1.0)
    return Frame(np.array([[across, 0, col0], [0, down, row0], [0, 0, 1]], np.float64), shape if size == "kept" else cut)


_STEPS: dict[str, Callable[..., Frame]] = {
    "flip": _flip,
    "rotation": _rotation,
    "skew": _skew,
    "shear": _shear,
    "scaling": _scaling,
    "translation": _translation,
    "crop": _crop,
}


# ---- pixels ----


class Picks(NamedTuple):
    """Which pixels an exact frame takes: after a transpose where ``swaps``, these rows and columns; -1 is black."""

    swaps: bool
    rows: NDArray[np.intp]
    cols: NDArray[np.intp]


def exact_picks(frame: Frame, shape: Shape, border: str) -> Picks | None:
    """Return which pixels of an image of a shape a frame takes where it moves pixels onto pixels; None where it interpolates."""
    matrix = at_centres(frame.matrix)
    whole = np.rint(matrix)
    # How far the whole numbers are off at the far corner counts, not in the matrix.
    corner = np.array([frame.shape[1], frame.shape[0], 1.0])
    off = np.abs(matrix - whole) @ corner
    turn = np.abs(whole[:2, :2])
    if off.max() > _WHOLE or not (turn.sum(0) == 1).all() or not (turn.sum(1) == 1).all():
        return None
    swaps = bool(turn[0, 1])
    along = whole[:2, 1::-1] if swaps else whole[:2, :2]
    cols = along[0, 0] * np.arange(frame.shape[0 if swaps else 1]) + whole[0, 2]
    rows = along[1, 1] * np.arange(frame.shape[1 if swaps else 0]) + whole[1, 2]
    return Picks(swaps, inside_indices(rows, shape[0], border), inside_indices(cols, shape[1], border))


def inside_indices(places: NDArray[Any], length: int, border: str) -> NDArray[np.intp]:
    """Return whole places on a side as indices: those outside are mirrored at the outermost pixels, or -1 for black.

    Examples
    --------
    >>> inside_indices(np.arange(-2, 5), 3, "mirror").tolist(), inside_indices(np.arange(-2, 5), 3, "black").tolist()
    ([2, 1, 0, 1, 2, 1, 0], [-1, -1, 0, 1, 2, -1, -1])
    """
    whole = np.asarray(places).astype(np.intp)
    if border == "black":
        return np.where((whole >= 0) & (whole < length), whole, -1)
    period = max(1, 2 * (length - 1))
    folded = whole % period
    return np.minimum(folded, period - folded) if length > 1 else np.zeros_like(whole)


def at_centres(matrix: Matrix) -> Matrix:
    """Return a matrix of pixel edges as one of pixel numbers, whose centres lie at +0.5."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    back = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    moved = back @ matrix @ half
    return np.asarray(moved / moved[2, 2])


def moved(array: NDArray[Any], frame: Frame, border: str, *, nearest: bool = False) -> NDArray[Any]:
    """Return an array in its new frame, of the same type.

    Parameters
    ----------
    array : (H, W) ndarray of bool, uint8, uint16 or float32
    frame : Frame
    border : str
        What lies outside: ``black`` (0) or ``mirror``.
    nearest : bool
        Take the nearest pixel (masks and codes), not the mean of four.
    """
    picks = exact_picks(frame, (array.shape[0], array.shape[1]), border)
    if picks is not None:
        taken = _taken(_taken(array, picks.rows).T, picks.cols)
        return (taken if picks.swaps else taken.T).copy()
    flags = (cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    matrix, size = at_centres(frame.matrix), frame.shape[::-1]
    levels = array.view(np.uint8) if array.dtype == np.bool_ else array
    if np.abs(matrix[2, :2]).max() == 0:
        result = cv2.warpAffine(levels, matrix[:2], size, flags=flags, borderMode=BORDERS[border])
    else:
        result = cv2.warpPerspective(levels, matrix, size, flags=flags, borderMode=BORDERS[border])
    return np.asarray(result).astype(array.dtype, copy=False)


def _taken(array: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
    """Return some rows, black where the index is -1; a view where all of them follow one another."""
    inside = np.flatnonzero(rows >= 0)
    if inside.size == 0:
        return np.zeros((rows.size, array.shape[1]), array.dtype)
    some = rows[inside[0] : inside[-1] + 1]
    low, high, step = int(some.min()), int(some.max()), 1 if some[-1] >= some[0] else -1
    follow = np.array_equal(some, np.arange(some[0], some[0] + step * some.size, step))
    part = array[low : high + 1][::step] if follow else array[some]
    if inside.size == rows.size:
        return part
    taken = np.zeros((rows.size, array.shape[1]), array.dtype)
    taken[inside[0] : inside[-1] + 1] = part
    return taken


# ---- elastic ----


def displacements(shape: Shape, *, amount_px: float, smooth_px: float, seed: int) -> Aside:
    """Return by how many columns and rows each pixel of the output looks aside: smoothed noise of a mean square of ``amount_px`` squared.

    References
    ----------
    .. [1] P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to visual document
       analysis", ICDAR 2003.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    step = max(1, int(smooth_px / 4))  # what is smoothed that far shows no more than a coarser grid holds
    coarse = shape[0] // step + 2, shape[1] // step + 2
    fields = []
    for _ in range(2):
        noise = random.standard_normal(coarse, dtype=np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), smooth_px / step, borderType=cv2.BORDER_REFLECT_101).reshape(coarse)
        field = cv2.resize(smooth, (coarse[1] * step, coarse[0] * step), interpolation=cv2.INTER_CUBIC)[: shape[0], : shape[1]]
        spread = float(np.sqrt(np.mean(np.square(field, dtype=np.float64))))
        fields.append((field * np.float32(amount_px / spread if spread > 0 else 0)).astype(np.float32))
    return fields[0], fields[1]


def bent(
    array: NDArray[Any], aside: tuple[NDArray[np.float32], NDArray[np.float32]], border: str, *, nearest: bool = False
) -> NDArray[Any]:
    """Return an array whose pixels are read ``aside`` = (columns, rows), as `displacements` gives them; of the same type and size."""
    if not (aside[0].any() or aside[1].any()):
        return array.copy()
    at_col = aside[0] + np.arange(array.shape[1], dtype=np.float32)
    at_row = aside[1] + np.arange(array.shape[0], dtype=np.float32)[:, None]
    levels = array.view(np.uint8) if array.dtype == np.bool_ else array
    way = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return np.asarray(cv2.remap(levels, at_col, at_row, way, borderMode=BORDERS[border])).astype(array.dtype, copy=False)


# ---- points ----


def moved_points(points: Sequence[Point], frame: Frame) -> list[Point]:
    """Return where (row, column) points of the input lie in the output; they may lie outside it."""
    back = np.linalg.inv(frame.matrix)
    moved_ones = np.array([(col, row, 1.0) for row, col in points]) @ back.T
    return [(float(row / weight), float(col / weight)) for col, row, weight in moved_ones]


def bent_box(box: Box, aside: Aside) -> Box | None:
    """Return the tight box of the pixels that show something of a box after `bent`; None where none does, itself where nothing moves."""
    if not (aside[0].any() or aside[1].any()):
        return box
    cols = aside[0] + np.arange(aside[0].shape[1], dtype=np.float32) + np.float32(0.5)
    rows = aside[1] + np.arange(aside[1].shape[0], dtype=np.float32)[:, None] + np.float32(0.5)
    return box_of_mask((rows >= box[0]) & (rows < box[2]) & (cols >= box[1]) & (cols < box[3]))

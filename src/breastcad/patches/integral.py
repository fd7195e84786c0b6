"""How much of a lesion's mask (the ROI) each window holds, from an integral image, exactly, also where windows cut through pixels.

The share itself is one line in `roi_shares` (windows of a grid) and in `box_shares` (windows anywhere). What windows there are is in
`windows` and `sampling`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

ShareOf = Literal["window", "roi"]

MOST_ROWS_A_BAND = 255
"""Rows of true pixels that a sum of bytes can count without overflow."""


def roi_shares(
    mask: NDArray[np.bool_], rows: ArrayLike, cols: ArrayLike, window: tuple[float, float], *, of: ShareOf = "window"
) -> NDArray[np.float64]:
    """Return the ROI share of every window of a grid.

    Parameters
    ----------
    mask : (H, W) ndarray of bool
        The ROI.
    rows, cols : (R,), (C,) array_like of int or float
        First row of each row of windows, first column of each column of windows; windows may reach over the border.
    window : (int, int) or (float, float)
        Rows and columns of a window, in pixels.
    of : "window" or "roi"
        Two readings of "more than half is ROI": the share of the window's pixels that are ROI, or the share of the
        ROI's pixels that are in the window. A lesion larger than the window never reaches half by the second, one
        smaller than half a window never by the first.

    Returns
    -------
    (R, C) ndarray of float64
        In [0, 1]; all zero for an empty mask.

    Raises
    ------
    ValueError
        If the mask is not a two-dimensional array of bool, the window is empty, or `of` is something else.

    Examples
    --------
    >>> mask = np.zeros((4, 6), bool); mask[1:3, 2:5] = True
    >>> roi_shares(mask, [0, 2], [0, 3], (2, 3))
    array([[0.16666667, 0.33333333],
           [0.16666667, 0.33333333]])
    >>> roi_shares(mask, [0, 1], [2], (2, 3), of="roi")
    array([[0.5],
           [1. ]])
    """
    _check_reading(of)
    counts = roi_counts(mask, rows, cols, window)
    whole = window[0] * window[1] if of == "window" else int(np.count_nonzero(mask))
    return counts / (whole or 1)


def roi_counts(mask: NDArray[np.bool_], rows: ArrayLike, cols: ArrayLike, window: tuple[float, float]) -> NDArray[Any]:
    """Return how many true pixels of a mask lie in every window of a grid; a pixel that is cut through counts in part.

    Only the mask's box is looked at, and of the integral image only the rows where windows begin or end are made: the
    rows between two of them are summed first, as bytes. Two passes over the mask find its box; the rest costs what the
    ROI and the grid are large.

    Parameters
    ----------
    mask, rows, cols, window
        As in `roi_shares`.

    Returns
    -------
    (R, C) ndarray of int32, or of float64 where windows do not begin and end with pixels

    Raises
    ------
    ValueError
        If the mask is not a two-dimensional array of bool, or the window is empty.

    References
    ----------
    .. [1] F. C. Crow, "Summed-area tables for texture mapping", SIGGRAPH 1984.

    Examples
    --------
    >>> mask = np.zeros((4, 6), bool); mask[1:3, 2:5] = True
    >>> roi_counts(mask, [0], [2], (2, 3)), roi_counts(mask, [0.5], [2.5], (2, 3))
    (array([[3]], dtype=int32), array([[3.75]]))
    """
    _check_mask(mask)
    if min(window) <= 0:
        raise ValueError(f"window must have at least one row and column, got {window}")
    across_rows, across_cols = _extent(mask, axis=1), _extent(mask, axis=0)
    down, high, low = _edges(rows, window[0], across_rows)
    right, left, far = _edges(cols, window[1], across_cols)
    whole = high.dtype == left.dtype == np.int64
    counts = np.zeros((np.size(rows), np.size(cols)), np.int32 if whole else np.float64)
    if not (down.size and right.size):
        return counts
    roi = mask[slice(*across_rows), slice(*across_cols)]
    bands, starts = _banded(roi, np.concatenate([high, low]))
    integral = np.asarray(cv2.integral(bands, sdepth=cv2.CV_32S), np.int32)
    columns = _at(integral, far, axis=1) - _at(integral, left, axis=1)
    counts[np.ix_(down, right)] = _rows_at(columns, starts, low) - _rows_at(columns, starts, high)
    return counts


@dataclass(frozen=True, slots=True)
class Summed:
    """The integral image of a mask, of its box alone: (h + 1, w + 1) int32, where the box begins, and the count of all true pixels."""

    integral: NDArray[np.int32]
    row: int
    col: int
    count: int


def summed(mask: NDArray[np.bool_]) -> Summed:
    """Return the integral image of a mask, for `box_counts`; it takes four bytes a pixel of the mask's box.

    Raises
    ------
    ValueError
        If the mask is not a two-dimensional array of bool.
    """
    _check_mask(mask)
    across_rows, across_cols = _extent(mask, axis=1), _extent(mask, axis=0)
    roi = mask[slice(*across_rows), slice(*across_cols)].view(np.uint8)
    integral = cv2.integral(roi, sdepth=cv2.CV_32S) if roi.size else np.zeros((1, 1), np.int32)
    return Summed(np.asarray(integral, np.int32), across_rows[0], across_cols[0], int(integral[-1, -1]))


def box_counts(mask: Summed, boxes: ArrayLike) -> NDArray[np.float64]:
    """Return how many true pixels of a mask lie in each of many boxes, anywhere; a pixel that is cut through counts in part.

    Parameters
    ----------
    mask : Summed
        Of `summed`.
    boxes : (N, 4) array_like of float
        (row0, col0, row1, col1), half open; may reach over the border.

    Returns
    -------
    (N,) ndarray of float64

    Examples
    --------
    >>> mask = np.zeros((4, 6), bool); mask[1:3, 2:5] = True
    >>> box_counts(summed(mask), [(0, 0, 4, 6), (0, 2, 2, 5), (0.5, 2.5, 2.5, 5.5)])
    array([6.  , 3.  , 3.75])
    """
    corners = np.asarray(boxes, np.float64).reshape(-1, 4)
    height, width = mask.integral.shape
    rows = np.clip(corners[:, 0::2] - mask.row, 0, height - 1)
    cols = np.clip(corners[:, 1::2] - mask.col, 0, width - 1)
    top, left = np.floor(rows).astype(np.int64), np.floor(cols).astype(np.int64)
    below, beside = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = (rows - top)[:, :, None], (cols - left)[:, None, :]

    def corner(row: NDArray[np.int64], col: NDArray[np.int64]) -> NDArray[np.float64]:
        return mask.integral[row[:, :, None], col[:, None, :]].astype(np.float64)

    upper = corner(top, left) * (1 - across) + corner(top, beside) * across
    lower = corner(below, left) * (1 - across) + corner(below, beside) * across
    sums = upper * (1 - down) + lower * down
    return _tidy(sums[:, 1, 1] - sums[:, 0, 1] - sums[:, 1, 0] + sums[:, 0, 0])


def box_shares(mask: Summed, boxes: ArrayLike, *, of: ShareOf = "window") -> NDArray[np.float64]:
    """Return the ROI share of each of many boxes, anywhere; the readings are those of `roi_shares`.

    Parameters
    ----------
    mask, boxes
        As in `box_counts`.
    of : "window" or "roi"

    Returns
    -------
    (N,) ndarray of float64
        In [0, 1]; zero for an empty mask.

    Raises
    ------
    ValueError
        If `of` is something else.

    Examples
    --------
    >>> mask = np.zeros((4, 6), bool); mask[1:3, 2:5] = True
    >>> box_shares(summed(mask), [(0, 2, 2, 5)], of="window"), box_shares(summed(mask), [(0, 2, 2, 5)], of="roi")
    (array([0.5]), array([0.5]))
    """
    _check_reading(of)
    corners = np.asarray(boxes, np.float64).reshape(-1, 4)
    counts = box_counts(mask, corners)
    areas = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    return np.asarray(counts / (areas if of == "window" else max(mask.count, 1)), np.float64)


def _check_reading(of: str) -> None:
    if of not in ("window", "roi"):
        raise ValueError(f"of must be 'window' or 'roi', got '{of}'")


def _check_mask(mask: NDArray[np.bool_]) -> None:
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise ValueError(f"mask must be two-dimensional and bool, got {mask.ndim} dimensions of {mask.dtype}")


def _extent(mask: NDArray[np.bool_], *, axis: int) -> tuple[int, int]:
    """Return the first row (column) with a true pixel and the one after the last; (0, 0) if there is none."""
    found = np.asarray(mask.any(axis=axis))
    if not found.any():
        return 0, 0
    return int(found.argmax()), int(len(found) - found[::-1].argmax())


def _edges(starts: ArrayLike, size: float, extent: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[Any], NDArray[Any]]:
    """Return which windows touch the ROI's box along one side, and where they begin and end inside it, counted from it.

    Whole numbers are int64, others float64.
    """
    first = np.asarray(starts)
    first = first.astype(np.int64 if first.dtype.kind in "iu" or not first.size else np.float64)
    last = first + size
    if last.dtype != first.dtype:
        first = first.astype(np.float64)
    touching = np.flatnonzero((first < extent[1]) & (last > extent[0]))
    most = extent[1] - extent[0]
    return touching, np.clip(first[touching] - extent[0], 0, most), np.clip(last[touching] - extent[0], 0, most)


def _at(integral: NDArray[np.int32], edges: NDArray[Any], *, axis: int) -> NDArray[Any]:
    """Return the integral image at edges along an axis; straight between two pixels, since each pixel is of one value."""
    lower = np.floor(edges).astype(np.int64)
    first = np.take(integral, lower, axis=axis)
    if edges.dtype == np.int64:
        return first
    shape = (-1, 1) if axis == 0 else (1, -1)
    return first + (edges - lower).reshape(shape) * (np.take(integral, np.minimum(lower + 1, integral.shape[axis] - 1), axis=axis) - first)


def _rows_at(columns: NDArray[Any], starts: NDArray[np.int64], edges: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of a banded integral image at edges; where one cuts through a row of pixels, that row is a band of its own."""
    if edges.dtype == np.int64:
        return np.asarray(columns[np.searchsorted(starts, edges)])
    lower = np.searchsorted(starts, np.floor(edges))
    first = columns[lower]
    return _tidy(first + (edges - np.floor(edges))[:, None] * (columns[np.minimum(lower + 1, len(starts) - 1)] - first))


def _tidy(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take rounding errors away: a millionth of a pixel makes no share of .5 more or less than that."""
    return np.asarray(np.round(counts, 6) + 0.0, np.float64)


def _banded(roi: NDArray[np.bool_], edges: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Sum the ROI's rows between one edge and the next.

    Returns
    -------
    bands : (B, W) ndarray of uint8
    starts : (B + 1,) ndarray of int64
        Where bands begin, and where the last ends: all edges, and more where two are too far apart for a byte.
    """
    height = len(roi)
    whole = edges if edges.dtype == np.int64 else np.concatenate([np.floor(edges), np.ceil(edges)]).astype(np.int64)
    starts = np.unique(np.concatenate([whole, np.arange(0, height, MOST_ROWS_A_BAND), [height]]))
    bands = np.empty((len(starts) - 1, roi.shape[1]), np.uint8)
    pixels = roi.view(np.uint8)
    for band, start, stop in zip(bands, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        np.add.reduce(pixels[start:stop], axis=0, dtype=np.uint8, out=band)
    return bands, starts

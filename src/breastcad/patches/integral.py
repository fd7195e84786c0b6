"""How much of a lesion's mask (the ROI) each window of a grid holds, from an integral image, exactly.

The share itself is one line in `roi_shares`. What windows there are is in `windows`.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

ShareOf = Literal["window", "roi"]

MOST_ROWS_A_BAND = 255
"""Rows of true pixels that a sum of bytes can count without overflow."""


def roi_shares(
    mask: NDArray[np.bool_], rows: ArrayLike, cols: ArrayLike, window: tuple[int, int], *, of: ShareOf = "window"
) -> NDArray[np.float64]:
    """Return the ROI share of every window of a grid.

    Parameters
    ----------
    mask : (H, W) ndarray of bool
        The ROI.
    rows, cols : (R,), (C,) array_like of int
        First row of each row of windows, first column of each column of windows; windows may reach over the border.
    window : (int, int)
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
    if of not in ("window", "roi"):
        raise ValueError(f"of must be 'window' or 'roi', got '{of}'")
    counts = roi_counts(mask, rows, cols, window)
    whole = window[0] * window[1] if of == "window" else int(np.count_nonzero(mask))
    return counts / max(whole, 1)


def roi_counts(mask: NDArray[np.bool_], rows: ArrayLike, cols: ArrayLike, window: tuple[int, int]) -> NDArray[np.int32]:
    """Return how many true pixels of a mask lie in every window of a grid.

    Only the mask's box is looked at, and of the integral image only the rows where windows begin or end are made: the
    rows between two of them are summed first, as bytes. Two passes over the mask find its box; the rest costs what the
    ROI and the grid are large.

    Parameters
    ----------
    mask, rows, cols, window
        As in `roi_shares`.

    Returns
    -------
    (R, C) ndarray of int32

    Raises
    ------
    ValueError
        If the mask is not a two-dimensional array of bool, or the window is empty.

    References
    ----------
    .. [1] F. C. Crow, "Summed-area tables for texture mapping", SIGGRAPH 1984.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise ValueError(f"mask must be two-dimensional and bool, got {mask.ndim} dimensions of {mask.dtype}")
    if min(window) < 1:
        raise ValueError(f"window must have at least one row and column, got {window}")
    tops, lefts = np.asarray(rows, np.int64), np.asarray(cols, np.int64)
    counts = np.zeros((len(tops), len(lefts)), np.int32)
    across_rows, across_cols = _extent(mask, axis=1), _extent(mask, axis=0)
    down, right = _touching(tops, window[0], across_rows), _touching(lefts, window[1], across_cols)
    if not (down.size and right.size):
        return counts
    roi = mask[slice(*across_rows), slice(*across_cols)]
    top, bottom = _edges(tops[down], window[0], across_rows)
    left, far = _edges(lefts[right], window[1], across_cols)
    bands, starts = _banded(roi, np.concatenate([top, bottom]))
    integral = cv2.integral(bands, sdepth=cv2.CV_32S)
    high, low = np.searchsorted(starts, top), np.searchsorted(starts, bottom)
    columns = integral[:, far] - integral[:, left]
    counts[np.ix_(down, right)] = columns[low] - columns[high]
    return counts


def _extent(mask: NDArray[np.bool_], *, axis: int) -> tuple[int, int]:
    """Return the first row (column) with a true pixel and the one after the last; (0, 0) if there is none."""
    found = np.asarray(mask.any(axis=axis))
    if not found.any():
        return 0, 0
    return int(found.argmax()), int(len(found) - found[::-1].argmax())


def _touching(starts: NDArray[np.int64], size: int, extent: tuple[int, int]) -> NDArray[np.intp]:
    return np.flatnonzero((starts < extent[1]) & (starts + size > extent[0]))


def _edges(starts: NDArray[np.int64], size: int, extent: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where windows begin and end inside the ROI's box, counted from the box."""
    first, last = starts - extent[0], starts - extent[0] + size
    most = extent[1] - extent[0]
    return np.clip(first, 0, most), np.clip(last, 0, most)


def _banded(roi: NDArray[np.bool_], edges: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Sum the ROI's rows between one edge and the next.

    Returns
    -------
    bands : (B, W) ndarray of uint8
    starts : (B + 1,) ndarray of int64
        Where bands begin, and where the last ends: all edges, and more where two are too far apart for a byte.
    """
    height = len(roi)
    starts = np.unique(np.concatenate([edges, np.arange(0, height, MOST_ROWS_A_BAND), [height]]))
    bands = np.empty((len(starts) - 1, roi.shape[1]), np.uint8)
    pixels = roi.view(np.uint8)
    for band, start, stop in zip(bands, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        np.add.reduce(pixels[start:stop], axis=0, dtype=np.uint8, out=band)
    return bands, starts

"""Where windows that are no grid lie: round lesions, away from them, and by a map of weights. Positions are whole network pixels.

All functions take what is known of places already; none reads a file or knows of labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box, box_centre
from breastcad.core.placement import Placement
from breastcad.patches.integral import ShareOf, roi_shares

Boxes = NDArray[np.float64]
Overlap = Literal["either", "roi", "window"]
Frame = tuple[Placement, tuple[int, int]]
"""Where an image's network pixels lie on it, and how many rows and columns it has of them."""

WEIGHT_SIDE_PX = 256
"""Longer side of the picture by which `weight_map` weighs."""
_BATCH = 256
_MOST_TRIES = 200
"""Batches of places that are tried for windows away from lesions before what is missing is given up and told."""


def boxes_at(frame: Frame, tops: NDArray[np.int64], lefts: NDArray[np.int64], window: int, shape: tuple[int, int]) -> Boxes:
    """Return windows that begin at network pixels as (N, 4) boxes in source pixels, kept inside the image against rounding."""
    place = frame[0]
    top = place.row + place.row_step * tops
    left = place.col + place.col_step * lefts
    bottom = place.row + place.row_step * (tops + window)
    right = place.col + place.col_step * (lefts + window)
    return np.stack([top, left, np.minimum(bottom, shape[0]), np.minimum(right, shape[1])], axis=1)


def places_round(
    roi: NDArray[np.bool_], box: Box, frame: Frame, window: int, *, overlap: float, overlap_of: Overlap
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every place of a window round a lesion that shares enough with it: all there are, so that none is missed by bad luck.

    Parameters
    ----------
    roi : (H, W) ndarray of bool
        The lesion, in source pixels.
    box : (row0, col0, row1, col1)
        Its box, in source pixels.
    frame : (Placement, (int, int))
    window : int
        Side in network pixels.
    overlap : float
        Least share, in [0, 1].
    overlap_of : "either", "roi" or "window"
        What the share is of; either: of one of both.

    Returns
    -------
    tops, lefts : (N,) ndarrays of int64
        In network pixels, in reading order; the window's centre lies in the lesion's box, or as near to it as the image's border allows.

    References
    ----------
    .. [1] L. Shen et al., Deep learning to improve breast cancer detection on screening mammography, Sci. Rep. 9 (2019) 12495.

    Examples
    --------
    >>> roi = np.zeros((9, 12), bool); roi[4:6, 5:8] = True
    >>> tops, lefts = places_round(roi, (4, 5, 6, 8), (Placement(), (9, 12)), 4, overlap=1, overlap_of="roi")
    >>> sorted(set(zip(tops.tolist(), lefts.tolist())))
    [(2, 4), (2, 5), (3, 4), (3, 5), (4, 4), (4, 5)]
    """
    place, (rows, cols) = frame
    row0, col0, row1, col1 = place.from_source(box)
    tops, lefts = _starts(row0, row1, window, rows), _starts(col0, col1, window, cols)
    if not (tops.size and lefts.size):
        return tops[:0], lefts[:0]
    down, across = place.row_step, place.col_step
    at: tuple[NDArray[Any], NDArray[Any], tuple[float, float]] = tops, lefts, (window, window)
    if (down, across) != (1, 1):
        at = down * tops, across * lefts, (down * window, across * window)
    readings: tuple[ShareOf, ...] = ("roi", "window") if overlap_of == "either" else (overlap_of,)
    shares = np.max([roi_shares(roi, *at, of=of) for of in readings], axis=0)
    enough = np.argwhere((shares >= overlap) & (shares > 0))  # none asked for is still some: a lesion may have a hole
    return tops[enough[:, 0]], lefts[enough[:, 1]]


def _starts(first: float, last: float, window: int, length: int) -> NDArray[np.int64]:
    """Return where windows along one side begin whose centres lie in a lesion's extent, shifted into the image where they must be."""
    if window > length:
        return np.empty(0, np.int64)
    begin, end = int(np.ceil(first - window / 2)), int(np.floor(last - window / 2))
    begin, end = (begin, end) if begin <= end else (round((first + last - window) / 2),) * 2  # smaller than a network pixel
    return np.arange(min(max(begin, 0), length - window), min(max(end, 0), length - window) + 1, dtype=np.int64)


def drawn(
    tops: NDArray[np.int64], lefts: NDArray[np.int64], number: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw so many places without one twice, all alike; all of them where there are not more."""
    if tops.size <= number:
        return tops, lefts
    chosen = np.sort(random.choice(tops.size, number, replace=False))
    return tops[chosen], lefts[chosen]


def nearest(
    tops: NDArray[np.int64], lefts: NDArray[np.int64], number: int, box: Box, frame: Frame, window: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places whose windows are best centred on a lesion's box, the best first."""
    row, col = box_centre(frame[0].from_source(box))
    away = (tops + window / 2 - row) ** 2 + (lefts + window / 2 - col) ** 2
    chosen = np.argsort(away, kind="stable")[:number]
    return tops[chosen], lefts[chosen]


def places_away(
    frame: Frame,
    window: int,
    number: int,
    wanted: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]],
    random: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw places anywhere in the image, all alike, until there are enough that are wanted, no two the same.

    Parameters
    ----------
    frame : (Placement, (int, int))
    window, number : int
    wanted : callable
        Takes tops and lefts (N,), and says which are (N,) bool.
    random : numpy.random.Generator

    Returns
    -------
    tops, lefts : (M,) ndarrays of int64
        M is less than `number` where so many were not found; how many are missing is for the caller to tell.
    """
    rows, cols = (side - window + 1 for side in frame[1])
    found: dict[tuple[int, int], None] = {}
    tries = _MOST_TRIES if min(rows, cols) > 0 and number else 0
    for _ in range(tries):
        tops, lefts = random.integers(rows, size=_BATCH), random.integers(cols, size=_BATCH)
        good = wanted(tops, lefts)
        found |= dict.fromkeys(zip(tops[good].tolist(), lefts[good].tolist(), strict=True))
        if len(found) >= number:
            break
    places = np.array(list(found)[:number], np.int64).reshape(-1, 2)
    return places[:, 0], places[:, 1]


def weight_map(pixels: NDArray[np.float32], breast: NDArray[np.bool_] | None, tissue: float) -> NDArray[np.float64]:
    """Return how likely the centre of a window is to be in each part of an image: more where there is tissue, and where grey changes.

    On a picture of at most `WEIGHT_SIDE_PX` a side, inside the breast: ``tissue * g / mean(g) + (1 - tissue) * e / mean(e)`` with g the
    grey level and e the length of Sobel's gradient, divided by its sum.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    breast : (H, W) ndarray of bool or None
        None: everywhere.
    tissue : float
        In [0, 1].

    Returns
    -------
    (h, w) ndarray of float64
        Sums to 1; where the image is black throughout, alike over the breast.

    References
    ----------
    .. [1] Hasan et al., A CNN based patch classifier using mammograms: density-based patches are its future work; the map is ours.

    Examples
    --------
    >>> film = np.zeros((8, 6), np.float32); film[:, :3] = 0.5
    >>> weights = weight_map(film, film > 0, tissue=1)
    >>> float(weights[:, :3].sum()), float(weights[:, 3:].sum())
    (1.0, 0.0)
    """
    factor = min(1.0, WEIGHT_SIDE_PX / max(pixels.shape))
    size = max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor))
    grey = cv2.resize(np.nan_to_num(pixels), size, interpolation=cv2.INTER_AREA).astype(np.float64).clip(0)
    inside = np.ones(grey.shape) if breast is None else cv2.resize(breast.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    edges = np.hypot(cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1))
    parts = (tissue, grey * inside), (1 - tissue, edges * inside)
    weights = sum((share * part / part.sum() for share, part in parts if part.any()), np.zeros(grey.shape))
    weights = weights if weights.any() else inside + 0.0
    return np.asarray(weights / max(float(weights.sum()), 1e-300), np.float64)


def places_by_weight(
    weights: NDArray[np.float64], shape: tuple[int, int], frame: Frame, window: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every place of a window that is centred on a cell of a map of weights, in the order in which they are drawn without one twice.

    Parameters
    ----------
    weights : (h, w) ndarray of float64
        Over an image of `shape`; cells of weight 0 are not drawn. Within its cell a centre lies anywhere alike.
    shape : (int, int)
        Rows and columns of the image.
    frame, window
        As in `places_round`.
    random : numpy.random.Generator

    Returns
    -------
    tops, lefts : (N,) ndarrays of int64
        Windows that would leave the image are not among them.

    References
    ----------
    .. [1] P. Efraimidis, P. Spirakis, Weighted random sampling with a reservoir, Inf. Process. Lett. 97 (2006): smallest of E / w first.
    """
    with np.errstate(divide="ignore"):
        order = random.exponential(size=weights.shape) / weights
    offsets = random.random((2, *weights.shape))
    cells = np.argsort(order, axis=None, kind="stable")[: np.count_nonzero(weights)]
    rows, cols = np.unravel_index(cells, weights.shape)
    place, (height, width) = frame
    row = (rows + offsets[0][rows, cols]) * shape[0] / weights.shape[0] / place.row_step
    col = (cols + offsets[1][rows, cols]) * shape[1] / weights.shape[1] / place.col_step
    tops, lefts = np.floor(row - window / 2).astype(np.int64), np.floor(col - window / 2).astype(np.int64)
    inside = (tops >= 0) & (lefts >= 0) & (tops + window <= height) & (lefts + window <= width)
    return tops[inside], lefts[inside]

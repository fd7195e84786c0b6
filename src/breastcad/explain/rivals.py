"""The three trivial rivals of a map: a blob in the middle, blobs anywhere, blobs where it is brightest. They know the image alone.

Where a mask of the breast is given, they know that too: the middle is the breast's, nothing is drawn outside it. A map that finds
lesions no better than these has found nothing.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

RIVALS = ("centre", "random", "brightest")
BLOB = 0.05
"""Spread of a blob (its sigma), as a share of the geometric mean of the image's sides: at half its height it is .12 of a side wide."""
APART = 3.0

Map = NDArray[np.float32]


def rival_map(name: str, image: Map, inside: NDArray[np.bool_], numbers: np.random.Generator, *, blobs: int) -> Map:
    """Return the map of a rival.

    Parameters
    ----------
    name : str
        ``"centre"``: a Gaussian at the centroid of `inside`; ``"random"``: `blobs` of them at places drawn in it, each lower than the one
        before, so that it has as many boxes as the map it is held against; ``"brightest"``: as many where the image,
        smoothed by the same Gaussian, is brightest, `APART` spreads from one another at least, as high as it is bright there.
    image : (rows, cols) ndarray of float32
        In [0, 1].
    inside : (rows, cols) ndarray of bool
        The breast; all true where it is not known. At least one pixel.
    numbers : numpy.random.Generator
    blobs : int
        At least 1.

    Returns
    -------
    (rows, cols) ndarray of float32
        In [0, 1], its peak 1 (a black image has no brightest blob).

    Raises
    ------
    ValueError
        If there is no such rival, `inside` is empty or has another shape than the image.
    """
    if name not in RIVALS:
        raise ValueError(f"rival must be one of {', '.join(RIVALS)}, got '{name}'")
    if inside.shape != image.shape or not inside.any():
        raise ValueError(f"inside must have the image's shape {image.shape} and a pixel that is true, got {inside.shape}")
    sigma = BLOB * float(np.sqrt(image.size))
    rows, cols = np.nonzero(inside)
    if name == "centre":
        return _blob(image.shape, (rows.mean(), cols.mean()), sigma)
    if name == "random":
        drawn = numbers.integers(0, rows.size, blobs)
        heights = np.linspace(1, 1 / blobs, blobs)
        each = [_blob(image.shape, (rows[k], cols[k]), sigma) * np.float32(high) for k, high in zip(drawn, heights, strict=True)]
        return np.asarray(np.max(each, axis=0), np.float32)
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return _brightest(np.where(inside, smooth, -1), sigma, blobs)


def _brightest(smooth: NDArray[np.float64], sigma: float, blobs: int) -> Map:
    """Return blobs at the brightest places, each far from those before it; what is below 0 is no place."""
    left, peak, found = smooth.copy(), float(smooth.max()), np.zeros(smooth.shape, np.float32)
    rows, cols = np.indices(smooth.shape)
    for _ in range(blobs):
        row, col = divmod(int(left.argmax()), smooth.shape[1])
        if left[row, col] <= 0:
            break
        found = np.maximum(found, _blob(smooth.shape, (row, col), sigma) * np.float32(left[row, col] / peak))
        left[(rows - row) ** 2 + (cols - col) ** 2 < (APART * sigma) ** 2] = -1
    return found


def _blob(shape: tuple[int, ...], centre: tuple[float, float], sigma: float) -> Map:
    down, across = np.arange(shape[0]) - centre[0], np.arange(shape[1]) - centre[1]
    high = np.exp(-(down[:, None] ** 2 + across**2) / (2 * sigma**2))
    return np.asarray(high / high.max(), np.float32)

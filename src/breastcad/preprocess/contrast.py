"""Contrast: histogram equalisation, whole and by tiles, with and without a limit; gamma, unsharp masking, percentile stretch.

As in `filters`: (H, W) float32 in [0, 1] in and out. With a mask of tissue its histogram alone counts, since most of a film is black; what
lies outside is changed by the same curve, so that no seam shows where the mask cuts off skin.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from breastcad.preprocess import inputs
from breastcad.preprocess.filters import gaussian
from breastcad.preprocess.neighbourhood import Image, Mask, checked, checked_tissue, clipped, number, short, whole

Tiles = tuple[int, int]
BLOCK_ROWS = 32
"""Pixels are looked up in blocks of so many rows at most: what is computed on the way stays small."""


def equalise(pixels: Image, *, levels: int = 65_536, tissue: Mask | None = None) -> Image:
    """Return the image with its histogram made flat: each grey becomes the share of pixels that are no brighter.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    levels : int
        Of the histogram, at least 2; between two of them it is interpolated.
    tissue : (H, W) ndarray of bool, optional
        What the histogram is taken of; everywhere without it.

    Returns
    -------
    (H, W) ndarray of float32
        As it was where all of it is one level.

    Raises
    ------
    ValueError
        If an argument is none of these, as with all functions here.

    Examples
    --------
    >>> equalise(np.float32([[0.1, 0.1, 0.2, 0.9]]), levels=11).tolist()
    [[0.5, 0.5, 0.75, 1.0]]
    """
    return _equalised(pixels, (1, 1), np.inf, levels, tissue)


def adaptive_equalise(pixels: Image, *, tiles: Tiles = (8, 8), levels: int = 256, tissue: Mask | None = None) -> Image:
    """Return the image equalised by the histograms of tiles (AHE), interpolated between their centres.

    Parameters
    ----------
    pixels, levels, tissue
        As of `equalise`. What a tile lacks in tissue the histogram of all tissue stands in for.
    tiles : (int, int)
        Number of tiles down and across, at least 1; no more than there are rows and columns are used.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] S. M. Pizer et al., "Adaptive histogram equalization and its variations", CVGIP 39 (1987).
    """
    return _equalised(pixels, tiles, np.inf, levels, tissue)


def clahe(pixels: Image, *, limit: float = 2.0, tiles: Tiles = (8, 8), levels: int = 256, tissue: Mask | None = None) -> Image:
    """Return the image equalised by the histograms of tiles, none of whose levels counts more than `limit` times its even share (CLAHE).

    What is cut off is spread evenly over the levels, once. With 256 levels and an image of 8 bits it is OpenCV's, but for rounding and for
    half a pixel in where tiles lie; between levels the curve is interpolated, so that 16 bits keep their depth. OpenCV's on 16 bits
    counts 65,536 levels: a film of 12 bits fills a sixteenth of them, every one over the limit, and little is left of the effect.
    scikit-image's rounds the image to its 256 levels first.

    Parameters
    ----------
    pixels, tiles, levels, tissue
        As of `adaptive_equalise`.
    limit : float
        At least 0, which leaves the contrast as it was; it grows to at most 1 + `limit` times.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] K. Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV (1994).
    """
    return _equalised(pixels, tiles, number(limit, "limit"), levels, tissue)


def _equalised(pixels: Image, tiles: Tiles, limit: float, levels: int, tissue: Mask | None) -> Image:
    image, count = checked(pixels), whole(levels, "levels", 2)
    mask = checked_tissue(tissue, image.shape)
    if len(tiles) != 2:
        raise ValueError(f"tiles must be two numbers, down and across, got {short(tiles)}")
    down, across = (min(whole(tile, "tiles", 1), side) for tile, side in zip(tiles, image.shape, strict=True))
    grey = np.rint(image * np.float32(count - 1)).astype(np.int32)
    every = np.bincount(grey[mask] if mask is not None else grey.ravel(), minlength=count)
    if every.max() == every.sum():
        return image.copy()
    curves = _curves(grey, mask, every, (down, across), limit)
    return clipped(_between_curves(image, curves))


def _curves(grey: NDArray[np.int32], mask: Mask | None, every: NDArray[np.int64], tiles: Tiles, limit: float) -> Image:
    """Return the curve of each tile, (down, across, levels): the share of its pixels that are no brighter."""
    # Where the tiles' edges cut through pixels both tiles count them: so a mirrored image has the mirrored tiles.
    rows, cols = ([(i * side // n, -(-(i + 1) * side // n)) for i in range(n)] for side, n in zip(grey.shape, tiles, strict=True))
    curves = np.empty((*tiles, every.size), np.float32)
    for down, (top, bottom) in enumerate(rows):
        for across, (left, right) in enumerate(cols):
            tile = np.s_[top:bottom, left:right]
            inside = grey[tile][mask[tile]] if mask is not None else grey[tile].ravel()
            histogram = np.bincount(inside, minlength=every.size).astype(np.float64)
            histogram += (grey[tile].size - inside.size) / every.sum() * every
            histogram /= histogram.sum()
            excess = np.maximum(histogram - limit / every.size, 0)
            curves[down, across] = np.cumsum(histogram - excess + excess.sum() / every.size)
    return curves


def _between_curves(image: Image, curves: Image) -> Image:
    """Return each pixel's value on the curves of the four tiles around it, interpolated by place and, between two levels, by grey."""
    (upper, lower, down), (left, right, across) = (
        _neighbours(side, tiles) for side, tiles in zip(image.shape, curves.shape[:2], strict=True)
    )
    result = np.empty_like(image)
    # All pixels between the same four centres share their curves: block by block, four small tables are looked up.
    row_edges, col_edges = (np.flatnonzero(np.diff(first, prepend=-1, append=-1)) for first in (upper + lower, left + right))
    row_edges = np.union1d(row_edges, np.arange(0, len(image), BLOCK_ROWS))
    for top, bottom in pairwise(row_edges):
        for start, stop in pairwise(col_edges):
            part = np.s_[top:bottom, start:stop]
            level = image[part] * np.float32(curves.shape[2] - 1)
            below = level.astype(np.int32)
            share = level - below
            above = np.minimum(below + 1, curves.shape[2] - 1)
            corners = [curves[row, col] for row in (upper[top], lower[top]) for col in (left[start], right[start])]
            a, b, c, d = (curve[below] + share * (curve[above] - curve[below]) for curve in corners)
            ahead, onward = across[start:stop], down[top:bottom, None]
            first, second = a + ahead * (b - a), c + ahead * (d - c)
            result[part] = first + onward * (second - first)
    return result


def _neighbours(side: int, tiles: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Image]:
    """Return for each pixel of a side the tile centres before and after it, and how far it is from the one to the other, in [0, 1]."""
    place = np.clip((np.arange(side) + 0.5) * tiles / side - 0.5, 0, tiles - 1)
    before = np.floor(place).astype(np.intp)
    return before, np.minimum(before + 1, tiles - 1), (place - before).astype(np.float32)


def gamma(pixels: Image, *, exponent: float = 0.8) -> Image:
    """Return each pixel to the power of `exponent`; below 1 it brightens, above 1 it darkens.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    exponent : float
        Above 0.

    Returns
    -------
    (H, W) ndarray of float32

    Examples
    --------
    >>> gamma(np.float32([[0.0, 0.25, 1.0]]), exponent=0.5).tolist()
    [[0.0, 0.5, 1.0]]
    """
    return clipped(np.power(checked(pixels), np.float32(number(exponent, "exponent", above=0))))


def unsharp(pixels: Image, *, sigma_px: float = 2.0, amount: float = 1.0) -> Image:
    """Return the image sharpened: x + amount (x - blurred x), clipped to [0, 1].

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    sigma_px : float
        Standard deviation of the Gaussian blur in pixels, above 0.
    amount : float
        At least 0.

    Returns
    -------
    (H, W) ndarray of float32
    """
    share = np.float32(number(amount, "amount"))
    image = checked(pixels)
    return clipped(image + share * (image - gaussian(image, sigma_px=sigma_px)))


def percentile_stretch(
    pixels: Image, *, low: float = inputs.LOW_PERCENTILE, high: float = inputs.HIGH_PERCENTILE, tissue: Mask | None = None
) -> Image:
    """Stretch the contrast so that one percentile of the image becomes 0 and another 1; what lies beyond is clipped.

    `inputs.stretch`, with percentiles to choose; they are those of about 100,000 pixels, evenly taken.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    low, high : float
        Percentiles, 0 <= low < high <= 100.
    tissue : (H, W) ndarray of bool, optional
        Where to take the percentiles.

    Returns
    -------
    (H, W) ndarray of float32
        All 0 where both percentiles are the same.

    Examples
    --------
    >>> percentile_stretch(np.float32([[0.25, 0.375, 0.5]]), low=0, high=100).tolist()
    [[0.0, 0.5, 1.0]]
    """
    image = checked(pixels)
    mask = checked_tissue(tissue, image.shape)
    least, most = number(low, "low", high=100), number(high, "high", high=100)
    if least >= most:
        raise ValueError(f"low must be below high, got {low} and {high}")
    return inputs.stretch(image, mask, low=least, high=most)

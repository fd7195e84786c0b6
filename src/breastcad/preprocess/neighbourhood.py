"""What the filters share: checks of their arguments, local mean and variance, strips of an image, an estimate of its noise.

Every filter of `filters`, `speckle`, `contrast` and `edges` takes (H, W) float32 in [0, 1] and returns such an array of the same shape.
Beyond its border an image goes on mirrored, the border pixel repeated (``c b a | a b c``), however large the window is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

STRIP_PX = 2**16
LEAST_STRIP_ROWS = 32
NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
NORMAL_QUARTILE = 0.6744898
LARGEST = 1e30
LONGEST_SHOWN = 100


def checked(pixels: Any) -> Image:
    """Return an image as a contiguous array; refuse what no filter can take.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1], at least one pixel.

    Returns
    -------
    (H, W) ndarray of float32
        The array itself where it lies in one piece.

    Raises
    ------
    ValueError
        If it is no float32 array of two dimensions, is empty, or holds NaN or values outside [0, 1].

    Examples
    --------
    >>> checked(np.zeros((2, 3), np.uint8))
    Traceback (most recent call last):
    ValueError: pixels must be a float32 array in [0, 1], got uint8
    """
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.float32:
        raise ValueError(f"pixels must be a float32 array in [0, 1], got {getattr(pixels, 'dtype', type(pixels).__name__)}")
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"pixels must have rows and columns, at least one of each, got shape {pixels.shape}")
    low, high = float(pixels.min()), float(pixels.max())
    if np.isnan(low):  # a NaN anywhere makes the minimum NaN
        raise ValueError(f"pixels must be finite: {int(np.isnan(pixels).sum())} of {pixels.size} are NaN")
    if low < 0 or high > 1:
        raise ValueError(f"pixels must lie in [0, 1], got {low:g} to {high:g}")
    return np.ascontiguousarray(pixels)


def checked_tissue(tissue: Any, shape: tuple[int, ...]) -> Mask | None:
    """Return a mask of an image's shape, or None where none was given.

    Raises
    ------
    ValueError
        If it is no bool array of that shape, or true nowhere.
    """
    if tissue is None:
        return None
    if not isinstance(tissue, np.ndarray) or tissue.dtype != bool or tissue.shape != shape:
        raise ValueError(
            f"tissue must be a bool array of shape {shape}, got {getattr(tissue, 'dtype', type(tissue).__name__)} {np.shape(tissue)}"
        )
    if not tissue.any():
        raise ValueError("tissue must be true somewhere, got an empty mask")
    return tissue


def odd_size(size: Any, name: str = "size") -> int:
    """Return the side of a window in pixels; ValueError if it is no odd whole number of at least 1.

    Examples
    --------
    >>> odd_size(4)
    Traceback (most recent call last):
    ValueError: size must be an odd whole number of at least 1, got 4
    """
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1 or size % 2 == 0:
        raise ValueError(f"{name} must be an odd whole number of at least 1, got {short(size)}")
    return int(size)


def whole(value: Any, name: str, low: int) -> int:
    """Return a whole number; ValueError if it is none or less than `low`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise ValueError(f"{name} must be a whole number of at least {low}, got {short(value)}")
    return int(value)


def number(value: Any, name: str, *, above: float | None = None, low: float = 0.0, high: float = LARGEST) -> float:
    """Return a setting as a finite float; ValueError if it is none, or not above `above`, or outside [`low`, `high`].

    Examples
    --------
    >>> number(-1, "sigma_px", above=0)
    Traceback (most recent call last):
    ValueError: sigma_px must be a number above 0, got -1
    """
    good = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not good or not -LARGEST < value <= min(high, LARGEST) or (value <= above if above is not None else value < low):
        bounds = f"above {above:g}" if above is not None else f"of at least {low:g}"
        most = f" and at most {high:g}" if high < LARGEST else ""
        raise ValueError(f"{name} must be a number {bounds}{most}, got {short(value)}")
    return float(value)


def short(value: Any) -> str:
    """Return a value for a message, cut where it is long."""
    shown = repr(value)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."


def mirrored(pixels: Image, margin: int) -> Image:
    """Return an image with a margin on all sides in which it goes on mirrored."""
    return np.asarray(cv2.copyMakeBorder(pixels, margin, margin, margin, margin, cv2.BORDER_REFLECT), np.float32)


def inner(array: NDArray[Any], margin: int) -> NDArray[Any]:
    """Return a view of an array without its margin."""
    return array[margin : array.shape[0] - margin, margin : array.shape[1] - margin]


def clipped(values: NDArray[Any]) -> Image:
    """Return values as float32 in [0, 1], in a new array: a filter may overshoot, if only by rounding."""
    return np.clip(values, 0, 1).astype(np.float32, copy=False)


def in_strips(change: Callable[[Image], NDArray[Any]], pixels: Image, halo: int) -> Image:
    """Change an image strip by strip: a whole film's intermediate results would take many times its memory, and miss the cache.

    Parameters
    ----------
    change : callable
        Takes (rows + 2 halo, W + 2 halo) float32, a strip with what surrounds it, and returns the (rows, W) of the strip. What it gives
        for a pixel must depend on no pixel that is farther than `halo`.
    pixels : (H, W) ndarray of float32
    halo : int
        In pixels.

    Returns
    -------
    (H, W) ndarray of float32
    """
    wide = mirrored(pixels, halo)
    rows = max(LEAST_STRIP_ROWS, 2 * halo, STRIP_PX // wide.shape[1])
    result = np.empty_like(pixels)
    for row in range(0, pixels.shape[0], rows):
        strip = result[row : row + rows]
        strip[...] = change(wide[row : row + len(strip) + 2 * halo])
    return result


def local_moments(part: Image, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and variance (over n, not n - 1) of the window around each pixel that is half a window away from the border.

    In float64: the mean of squares and the square of the mean of a smooth film differ in digits that float32 no longer has.

    Parameters
    ----------
    part : (H + size - 1, W + size - 1) ndarray of float32
    size : int
        Odd.

    Returns
    -------
    mean, variance : (H, W) ndarray of float64
        The variance is never negative.

    Examples
    --------
    >>> mean, variance = local_moments(np.arange(9, dtype=np.float32).reshape(3, 3) / 8, 3)
    >>> mean.round(4).tolist(), variance.round(4).tolist()
    ([[0.5]], [[0.1042]])
    """
    mean = inner(cv2.boxFilter(part, cv2.CV_64F, (size, size)), size // 2)
    squares = inner(cv2.sqrBoxFilter(part, cv2.CV_64F, (size, size)), size // 2)
    return mean, np.maximum(squares - mean * mean, 0.0)


def noise_level(pixels: Image) -> float:
    """Estimate the standard deviation of noise that is added to each pixel by itself.

    A 3 x 3 difference of two Laplacians takes away what is flat or sloping; the median of what is left gives the noise, edges being
    few. Where it is exactly 0 (a black background, a clipped white) it does not count. An image of 8 bits gives multiples of .001.
    Grains of several pixels, such as the speckle of a B-mode picture, are no such noise: `local_deviation` sees them.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32

    Returns
    -------
    float
        0 for a constant image.

    References
    ----------
    .. [1] J. Immerkær, "Fast noise variance estimation", CVIU 64 (1996); with the median of Donoho and Johnstone in place of the mean.

    Examples
    --------
    >>> noisy = 0.5 + 0.02 * np.random.default_rng(1).standard_normal((200, 300))
    >>> round(noise_level(noisy.astype(np.float32)), 3)
    0.02
    """
    rest = np.abs(cv2.filter2D(pixels, -1, NOISE_KERNEL, borderType=cv2.BORDER_REFLECT))
    rest = rest[rest > np.finfo(np.float32).eps * 8]  # what only rounding leaves is no noise
    return float(np.median(rest)) / (6 * NORMAL_QUARTILE) if rest.size else 0.0


def local_deviation(pixels: Image, *, size: int = 5) -> float:
    """Return the median over the image of the standard deviation in a window, where that is not constant.

    An estimate of noise whose grains are as large as several pixels; what tissue varies within a window counts as noise too.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
    size : int
        Side of the window in pixels, odd.

    Returns
    -------
    float
        0 for a constant image.

    Examples
    --------
    >>> noisy = 0.5 + 0.02 * np.random.default_rng(1).standard_normal((200, 300))
    >>> round(local_deviation(noisy.astype(np.float32)), 3)
    0.019
    """
    variances = in_strips(lambda part: local_moments(part, size)[1], pixels, size // 2)
    seen = variances[variances > np.square(np.finfo(np.float32).eps)]
    return float(np.sqrt(np.median(seen))) if seen.size else 0.0

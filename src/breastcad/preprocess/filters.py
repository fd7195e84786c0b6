"""Filters against noise that is added: linear, by rank, by likeness, by wavelets and by variation. Those against speckle are in `speckle`.

All take (H, W) float32 in [0, 1] and return the same; an image of 16 bits keeps its depth, nothing is rounded to levels. A constant image
comes back as it was, a mirrored image mirrored: a left and a right breast are treated alike. Publication E, chapter 2, lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from breastcad.preprocess.neighbourhood import (
    Image,
    checked,
    clipped,
    in_strips,
    inner,
    local_deviation,
    local_moments,
    mirrored,
    noise_level,
    number,
    odd_size,
    short,
    whole,
)

NOISES: dict[str, Callable[[Image], float]] = {"pixel": noise_level, "local": local_deviation}
CV2_MEDIAN_PX = 5
GATHERED = 2**18
LOW_PASS_MARGIN_PX = 128


def mean(pixels: Image, *, size: int = 3) -> Image:
    """Return the mean of the size x size window around each pixel.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    size : int
        Side of the window in pixels, odd.

    Returns
    -------
    (H, W) ndarray of float32

    Raises
    ------
    ValueError
        If an argument is none of these, as with all filters here.

    Examples
    --------
    >>> dot = np.zeros((3, 3), np.float32); dot[1, 1] = 0.5625
    >>> mean(dot).tolist()
    [[0.0625, 0.0625, 0.0625], [0.0625, 0.0625, 0.0625], [0.0625, 0.0625, 0.0625]]
    """
    side = odd_size(size)
    return clipped(cv2.blur(checked(pixels), (side, side), borderType=cv2.BORDER_REFLECT))


def gaussian(pixels: Image, *, sigma_px: float = 1.0) -> Image:
    """Return the image blurred by a Gaussian, cut off at four standard deviations as scipy does.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    sigma_px : float
        Standard deviation in pixels, above 0.

    Returns
    -------
    (H, W) ndarray of float32
    """
    sigma = number(sigma_px, "sigma_px", above=0)
    side = 2 * int(4 * sigma + 0.5) + 1
    return clipped(cv2.GaussianBlur(checked(pixels), (side, side), sigma, borderType=cv2.BORDER_REFLECT))


def low_pass(pixels: Image, *, cutoff: float = 0.1, order: int = 2) -> Image:
    """Return the image with its high frequencies taken away by a Butterworth filter, gain 1 / sqrt(1 + (f / cutoff)^(2 order)).

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    cutoff : float
        Frequency in cycles a pixel at which the gain is 0.71, above 0 and at most 0.5.
    order : int
        At least 1; the higher, the steeper, and the more it rings at edges. What rings out of [0, 1] is clipped.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] S. Butterworth, "On the theory of filter amplifiers", Wireless Engineer 7 (1930). scikit-image has it.
    """
    from skimage.filters import butterworth  # noqa: PLC0415  # scipy's FFT must not load with `analyze`

    image, ratio = checked(pixels), number(cutoff, "cutoff", above=0, high=0.5)
    steepness = whole(order, "order", 1)
    margin = min(LOW_PASS_MARGIN_PX, int(2 / ratio))
    smooth = butterworth(mirrored(image, margin), ratio, high_pass=False, order=steepness, squared_butterworth=False)
    return clipped(inner(smooth, margin))


def median(pixels: Image, *, size: int = 3) -> Image:
    """Return the median of the size x size window around each pixel.

    OpenCV's takes float32 at sizes 3 and 5 only, and is some hundred times as fast as scipy's, which does the larger ones.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    size : int
        Side of the window in pixels, odd.

    Returns
    -------
    (H, W) ndarray of float32

    Examples
    --------
    >>> spot = np.full((3, 3), 0.25, np.float32); spot[1, 1] = 1
    >>> float(median(spot)[1, 1])
    0.25
    """
    return _median(checked(pixels), odd_size(size))


def _median(image: Image, side: int) -> Image:
    if side == 1:
        return image.copy()
    if side > CV2_MEDIAN_PX:
        from scipy import ndimage  # noqa: PLC0415  # not at the start of `analyze`

        return np.asarray(ndimage.median_filter(image, side, mode="reflect"), np.float32)
    margin = side // 2  # OpenCV repeats the border pixel only; our border is mirrored
    return np.ascontiguousarray(inner(cv2.medianBlur(mirrored(image, margin), side), margin), np.float32)


def adaptive_median(pixels: Image, *, largest: int = 7) -> Image:
    """Take away salt and pepper: a pixel that is its window's least or greatest becomes the median, the others stay.

    The window grows from 3 until its median is neither its least nor its greatest value; where even the largest window does not get
    there, the pixel becomes that window's median.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    largest : int
        Side of the largest window in pixels, odd and at least 3.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] H. Hwang, R. A. Haddad, "Adaptive median filters: new algorithms and results", IEEE Trans. Image Processing 4 (1995).
    .. [2] R. C. Gonzalez, R. E. Woods, "Digital image processing", section 5.3.3.

    Examples
    --------
    >>> slope = np.tile(np.float32([0, 0.125, 0.25, 0.375, 0.5]), (5, 1)); slope[2, 2] = 1
    >>> adaptive_median(slope)[2, 1:4].tolist()
    [0.125, 0.25, 0.375]
    """
    most = whole(odd_size(largest, "largest"), "largest", 3)
    return in_strips(partial(_without_spikes, most=most), checked(pixels), most // 2)


def _without_spikes(part: Image, *, most: int) -> Image:
    centre = inner(part, most // 2)
    result = centre.copy()
    low, high = _extremes(part, most, most)
    open_ = low < high  # where the largest window is constant every window is, and the pixel is right
    for side in range(3, most + 1, 2):
        rows, cols = np.nonzero(open_)
        if rows.size == 0:
            break
        low, high = (extreme[rows, cols] for extreme in _extremes(part, side, most))
        middle, value = _medians_at(part, side, most, rows, cols), centre[rows, cols]
        settled = (low < middle) & (middle < high)
        spoilt = (value <= low) | (value >= high)
        result[rows, cols] = np.where(settled & ~spoilt, value, middle)
        open_[rows[settled], cols[settled]] = False
    return result


def _extremes(part: Image, side: int, most: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the least and the greatest value in the window around each pixel."""
    kernel = np.ones((side, side), np.uint8)
    return inner(cv2.erode(part, kernel), most // 2), inner(cv2.dilate(part, kernel), most // 2)


def _medians_at(part: Image, side: int, most: int, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[Any]:
    """Return the median of the window around some pixels: all of them at once where that is fast, window by window beyond."""
    if side <= CV2_MEDIAN_PX:
        return inner(cv2.medianBlur(part, side), most // 2)[rows, cols]
    windows = inner(sliding_window_view(part, (side, side)), (most - side) // 2)
    found = np.empty(rows.size, np.float32)
    step = max(1, GATHERED // side**2)
    for start in range(0, rows.size, step):
        some = slice(start, start + step)
        taken = windows[rows[some], cols[some]].reshape(-1, side * side)
        taken.partition(side * side // 2, axis=1)
        found[some] = taken[:, side * side // 2]
    return found


def adaptive_mean(pixels: Image, *, size: int = 5, noise: float | str = "pixel", least: int = 3) -> Image:
    """Return the mean of those pixels of the window that differ from its centre by at most twice the noise (Lee's sigma filter).

    A mean that stops at edges. Where fewer than `least` pixels are that close, the centre is taken for a spot and becomes the mean of
    the 3 x 3 window. Publication E names an adaptive mean without a formula; what textbooks also call so, the filter that adapts to
    the local variance, is `wiener`.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    size : int
        Side of the window in pixels, odd.
    noise : float or str
        Standard deviation of the noise, or how it is estimated: ``"pixel"`` by `noise_level`, ``"local"`` by `local_deviation`.
    least : int
        At least 1; 1 keeps every spot.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] J.-S. Lee, "Digital image smoothing and the sigma filter", CVGIP 24 (1983).
    """
    image, side, few = checked(pixels), odd_size(size), whole(least, "least", 1)
    level = _level(image, noise)
    return clipped(in_strips(partial(_mean_of_like, side=side, reach=np.float32(2 * level), least=few), image, max(1, side // 2)))


def _mean_of_like(part: Image, *, side: int, reach: np.float32, least: int) -> Image:
    halo, half = max(1, side // 2), side // 2
    centre = inner(part, halo)
    rows, cols = centre.shape
    total, count = np.zeros_like(centre), np.zeros_like(centre)
    for row in range(halo - half, halo + half + 1):
        for col in range(halo - half, halo + half + 1):
            other = part[row : row + rows, col : col + cols]
            near = (np.abs(other - centre) <= reach).astype(np.float32)
            # The difference is summed, not the value: where all are alike nothing is rounded.
            total += near * (other - centre)
            count += near
    spots = inner(cv2.blur(part, (3, 3)), halo)
    return np.where(count < min(least, side * side), spots, centre + total / count).astype(np.float32)


def wiener(pixels: Image, *, size: int = 5, noise: float | None = None) -> Image:
    """Draw each pixel towards its window's mean, the more the less the window varies: m + max(0, v - n) / max(v, n) (x - m).

    With local mean m and variance v and the noise's variance n. scipy's `signal.wiener` is the same inside; at the border it takes what
    lies beyond for black, which darkens the edge of a film and makes a constant image vary.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    size : int
        Side of the window in pixels, odd.
    noise : float, optional
        Standard deviation of the noise; without it the root of the mean of the local variances, as in scipy.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] J. S. Lim, "Two-dimensional signal and image processing", 1990, p. 548.
    """
    image, side = checked(pixels), odd_size(size)
    if noise is None:
        power = float(in_strips(lambda part: local_moments(part, side)[1], image, side // 2).mean(dtype=np.float64))
    else:
        power = number(noise, "noise") ** 2

    def drawn(part: Image) -> NDArray[np.float64]:
        centre, variance = local_moments(part, side)
        share = np.maximum(variance - power, 0) / np.maximum(np.maximum(variance, power), np.finfo(np.float64).tiny)
        return centre + share * (inner(part, side // 2) - centre)

    return clipped(in_strips(drawn, image, side // 2))


def bilateral(pixels: Image, *, size: int = 9, tone: float = 0.05, sigma_px: float = 3.0) -> Image:
    """Return a mean weighted by distance and by likeness: exp(-d^2 / (2 sigma_px^2)) exp(-(difference)^2 / (2 tone^2)), in a disc.

    OpenCV looks the weight of a difference up in a table of 4,096 entries between which it interpolates; the image itself is not rounded.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    size : int
        Diameter of the disc in pixels, odd.
    tone : float
        Standard deviation of the likeness, above 0.
    sigma_px : float
        Standard deviation of the distance in pixels, above 0.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] C. Tomasi, R. Manduchi, "Bilateral filtering for gray and color images", ICCV 1998.
    """
    image, side = checked(pixels), odd_size(size)
    spreads = number(tone, "tone", above=0), number(sigma_px, "sigma_px", above=0)
    if side == 1:
        return image.copy()
    return clipped(cv2.bilateralFilter(image, side, *spreads, borderType=cv2.BORDER_REFLECT))


def non_local_means(pixels: Image, *, patch: int = 5, search: int = 13, strength: float = 0.8, noise: float | str = "pixel") -> Image:
    """Return the mean of the pixels of a search window, weighted by how like the patches around them are.

    The weight of two pixels is exp(-max(d - 2 n^2, 0) / (strength n)^2), with d the mean squared difference of their patches and n the
    noise. Each pair is compared once. scikit-image's fast mode compares windows of one pixel less a side, off centre, so that a mirrored
    image gives another result; OpenCV's takes whole numbers only.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    patch, search : int
        Sides of patch and search window in pixels, odd.
    strength : float
        Above 0; the greater, the smoother.
    noise : float or str
        Standard deviation of the noise, or how it is estimated: ``"pixel"`` by `noise_level`, ``"local"`` by `local_deviation`. With 0 the
        image comes back as it was.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] A. Buades, B. Coll, J.-M. Morel, "A non-local algorithm for image denoising", CVPR 2005.
    """
    image, half, reach = checked(pixels), odd_size(patch, "patch") // 2, odd_size(search, "search") // 2
    power = number(strength, "strength", above=0)
    level = _level(image, noise)
    if level == 0:
        return image.copy()
    change = partial(_mean_by_patches, half=half, reach=reach, allowed=np.float32(2 * level**2), fall=np.float32(-1 / (power * level) ** 2))
    return clipped(in_strips(change, image, half + reach))


def _mean_by_patches(part: Image, *, half: int, reach: int, allowed: np.float32, fall: np.float32) -> Image:
    halo, side = half + reach, 2 * half + 1
    rows, cols = part.shape[0] - 2 * halo, part.shape[1] - 2 * halo

    def moved(down: int, across: int) -> Image:
        return part[halo + down : halo + down + rows, halo + across : halo + across + cols]

    centre = moved(0, 0)
    total, weights = np.zeros_like(centre), np.ones_like(centre)
    for down in range(reach + 1):
        for across in range(-reach if down else 1, reach + 1):
            # Weights of each pixel with the one down and across of it; those with the opposite one are among them, moved.
            left, right = max(across, 0), max(-across, 0)
            here = np.s_[halo - down - half : halo + rows + half, halo - left - half : halo + cols + right + half]
            there = np.s_[here[0].start + down : here[0].stop + down, here[1].start + across : here[1].stop + across]
            apart = cv2.subtract(part[here], part[there])
            distance = cv2.blur(cv2.multiply(apart, apart), (side, side))[half : half + rows + down, half : half + cols + left + right]
            weight = np.exp(np.maximum(distance - allowed, 0) * fall)
            onward, back = weight[down:, left : left + cols], weight[:rows, right : right + cols]
            total += onward * (moved(down, across) - centre)
            total += back * (moved(-down, -across) - centre)
            weights += onward
            weights += back
    return centre + total / weights


def wavelet(pixels: Image, *, name: str = "sym4", levels: int = 4, noise: float | str = "pixel") -> Image:
    """Shrink the details of a wavelet decomposition, each band by its own threshold n^2 / sqrt(max(v - n^2, 0)) (BayesShrink, soft).

    With the noise's variance n^2 and the band's v. The mean over the image and its three mirror images is taken: wavelets are not
    symmetric, and a left and a right breast would come out unlike.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    name : str
        A discrete wavelet of PyWavelets.
    levels : int
        At least 1; fewer where the image is too small for them, and none, so that it comes back as it was, where it is smaller than
        the wavelet.
    noise : float or str
        Standard deviation of the noise, or how it is estimated: ``"pixel"`` by `noise_level`, ``"local"`` by `local_deviation`.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] S. G. Chang, B. Yu, M. Vetterli, "Adaptive wavelet thresholding for image denoising and compression", IEEE Trans. Image
       Processing 9 (2000). scikit-image has it.
    """
    import pywt  # noqa: PLC0415  # not at the start of `analyze`
    from skimage.restoration import denoise_wavelet  # noqa: PLC0415

    image, deepest = checked(pixels), whole(levels, "levels", 1)
    if name not in pywt.wavelist(kind="discrete"):
        raise ValueError(f"name must be a discrete wavelet of PyWavelets, such as 'sym4' or 'db2', got {short(name)}")
    level = _level(image, noise)
    deepest = min(deepest, pywt.dwtn_max_level(image.shape, name))
    if deepest == 0 or level == 0:
        return image.copy()
    settings: dict[str, Any] = {"sigma": level, "wavelet": name, "mode": "soft", "method": "BayesShrink", "wavelet_levels": deepest}
    return _over_mirror_images(partial(denoise_wavelet, rescale_sigma=False, **settings), image)


def total_variation(pixels: Image, *, weight: float = 0.05, steps: int = 200) -> Image:
    """Return the image u that makes |u - x|^2 / (2 weight) plus the sum of |gradient of u| least: flat areas with sharp edges.

    The mean over the image and its three mirror images is taken: differences taken forwards lean to one side, and a left and a right
    breast would come out unlike.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    weight : float
        Above 0; the greater, the flatter.
    steps : int
        At most so many steps, at least 1; fewer where the result no longer changes.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] L. I. Rudin, S. Osher, E. Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 60 (1992).
    .. [2] A. Chambolle, "An algorithm for total variation minimization", J. Math. Imaging and Vision 20 (2004). scikit-image has it.
    """
    from skimage.restoration import denoise_tv_chambolle  # noqa: PLC0415  # not at the start of `analyze`

    settings = {"weight": number(weight, "weight", above=0), "max_num_iter": whole(steps, "steps", 1)}
    return _over_mirror_images(partial(denoise_tv_chambolle, **settings), checked(pixels))


def _over_mirror_images(change: Callable[[Image], Image], image: Image) -> Image:
    """Return the mean of what an image and its mirror images become, each turned back."""
    total = np.zeros_like(image)
    for rows in (slice(None), slice(None, None, -1)):
        for cols in (slice(None), slice(None, None, -1)):
            total += change(np.ascontiguousarray(image[rows, cols]))[rows, cols]
    return clipped(total / 4)


def _level(image: Image, noise: float | str) -> float:
    """Return the noise that is given, or estimated in the way that is named."""
    if isinstance(noise, str):
        if noise not in NOISES:
            raise ValueError(f"noise must be a number of at least 0, or one of {', '.join(NOISES)}, got {short(noise)}")
        return NOISES[noise](image)
    return number(noise, "noise")

"""Filters against speckle, noise that is multiplied: Lee, enhanced Lee, Frost, SRAD; and the diffusion of Perona and Malik.

As in `filters`: (H, W) float32 in [0, 1] in and out, no rounding to levels, constant and mirrored images come back constant and mirrored.
No kept library has these in single precision: OpenCV's diffusion is in its contributed modules and takes 8 bits only.

The formulas hold for intensity or amplitude before log compression. In a B-mode picture as it is shown the speckle is nearly added, and
weaker: so its coefficient of variation is estimated from the picture, not taken from a number of looks.
"""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box
from breastcad.preprocess.neighbourhood import Image, checked, clipped, in_strips, inner, local_moments, number, odd_size, short, whole

DARKEST = 1 / 255
"""Ratios to a mean or a pixel darker than this are taken to this: black would make every trace of noise an edge."""
CONDUCTANCES = ("exponential", "quadratic")


def speckle_variation(pixels: Image, *, size: int = 7, homogeneous: Box | None = None) -> float:
    """Return the coefficient of variation (standard deviation over mean) of an image's speckle.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    size : int
        Side of the windows in pixels, odd.
    homogeneous : (row0, col0, row1, col1), optional
        A region of even tissue, in which it is measured. Without one it is the median over the windows that are not black: right where
        most of the picture is speckle, too high where most is edges.

    Returns
    -------
    float
        0 for a constant or a black image.

    Raises
    ------
    ValueError
        If an argument is none of these, or the region has no pixel in the image; as with all filters here.

    Examples
    --------
    >>> speckle_variation(np.float32([[0.25, 0.75]]), homogeneous=(0, 0, 1, 2))
    0.5
    """
    image, side = checked(pixels), odd_size(size)
    if homogeneous is not None:
        return _variation_in(_region(image, homogeneous))
    ratio = in_strips(partial(_variations, side=side), image, side // 2)
    seen = ratio[ratio >= 0]
    return float(np.median(seen)) if seen.size else 0.0


def _variations(part: Image, side: int) -> NDArray[np.float64]:
    """Return the local coefficient of variation; -1 where it is too dark to have one."""
    centre, variance = local_moments(part, side)
    return np.where(centre > DARKEST, np.sqrt(variance) / np.maximum(centre, DARKEST), -1.0)


def _variation_in(region: Image) -> float:
    return float(region.std(dtype=np.float64) / max(float(region.mean(dtype=np.float64)), DARKEST))


def _region(image: Image, box: Box) -> Image:
    """Return the pixels of a box that lie in the image."""
    if len(box) != 4 or not np.isfinite(box).all():
        raise ValueError(f"homogeneous must be a box (row0, col0, row1, col1), got {short(box)}")
    row0, col0, row1, col1 = (max(0, round(edge)) for edge in box)
    region = image[row0:row1, col0:col1]
    if region.size == 0:
        raise ValueError(f"homogeneous must have pixels in the image of shape {image.shape}, got {short(box)}")
    return region


def _given_or_found(variation: float | None, image: Image, side: int) -> float:
    return speckle_variation(image, size=side) if variation is None else number(variation, "variation")


def lee(pixels: Image, *, size: int = 7, variation: float | None = None) -> Image:
    """Return m + k (x - m), the linear estimate of least squared error: k = Q / (Q + m^2 c^2), Q = (v - m^2 c^2) / (1 + c^2), at least 0.

    With local mean m and variance v, and the speckle's coefficient of variation c (standard deviation for speckle of mean 1).

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    size : int
        Side of the window in pixels, odd.
    variation : float, optional
        c; without it `speckle_variation` of the image.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] J.-S. Lee, "Digital image enhancement and noise filtering by use of local statistics", IEEE Trans. PAMI 2 (1980), multiplicative
       noise.

    Examples
    --------
    >>> spot = np.full((3, 3), 0.25, np.float32); spot[1, 1] = 0.5
    >>> float(lee(spot, size=3, variation=0.0)[1, 1])
    0.5
    """
    image, side = checked(pixels), odd_size(size)
    power = _given_or_found(variation, image, side) ** 2

    def estimated(part: Image) -> NDArray[np.float64]:
        centre, variance = local_moments(part, side)
        speckle = centre * centre * power
        signal = np.maximum(variance - speckle, 0) / (1 + power)
        share = signal / np.maximum(signal + speckle, np.finfo(np.float64).tiny)
        return centre + share * (inner(part, side // 2) - centre)

    return clipped(in_strips(estimated, image, side // 2))


def enhanced_lee(pixels: Image, *, size: int = 7, variation: float | None = None, damping: float = 1.0) -> Image:
    """Return the mean m where it is even, the pixel x where there is a point, and between them m w + x (1 - w).

    w = exp(-damping (r - c) / (most - r)), with the local coefficient of variation r: even is r <= c, a point is r >= most, which is
    sqrt(1 + 2 c^2). It keeps points that Lee's first filter smooths.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    size : int
        Side of the window in pixels, odd.
    variation : float, optional
        c; without it `speckle_variation` of the image.
    damping : float
        Above 0; the greater, the more of the pixel is kept.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] A. Lopes, R. Touzi, E. Nezry, "Adaptive speckle filters and scene heterogeneity", IEEE Trans. Geosci. Remote Sensing 28 (1990).
    """
    image, side, fall = checked(pixels), odd_size(size), number(damping, "damping", above=0)
    least = _given_or_found(variation, image, side)
    most = float(np.sqrt(1 + 2 * least**2))

    def estimated(part: Image) -> NDArray[np.float64]:
        centre, variance = local_moments(part, side)
        ratio = np.sqrt(variance) / np.maximum(centre, DARKEST)
        weight = np.exp(-fall * np.maximum(ratio - least, 0) / np.maximum(most - ratio, np.finfo(np.float32).eps))
        return centre + (1 - weight) * (inner(part, side // 2) - centre)

    return clipped(in_strips(estimated, image, side // 2))


def frost(pixels: Image, *, size: int = 7, damping: float = 10.0) -> Image:
    """Return the mean of the window with weights exp(-damping r^2 d): d the distance from the centre, r the local coefficient of variation.

    Exact, not by steps of r: pixels at one distance have one weight, so that a sum a ring and a weight a ring are all that is needed.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    size : int
        Side of the window in pixels, odd.
    damping : float
        At least 0, which gives the mean filter; the greater, the more edges and speckle are kept. Radar images of one look, where r is
        near 1, are filtered with 1 to 2; ultrasound has a tenth to a quarter of that r, and with 2 it would be the mean filter.

    Returns
    -------
    (H, W) ndarray of float32

    References
    ----------
    .. [1] V. S. Frost et al., "A model for radar images and its application to adaptive digital filtering of multiplicative noise",
       IEEE Trans. PAMI 4 (1982).
    """
    image, side, fall = checked(pixels), odd_size(size), number(damping, "damping")
    offsets = np.arange(side) - side // 2
    squares = offsets[:, None] ** 2 + offsets[None, :] ** 2
    rings = [(float(np.sqrt(square)), (squares == square).astype(np.float32)) for square in np.unique(squares)[1:]]

    def weighted(part: Image) -> Image:
        centre, variance = local_moments(part, side)
        rate = (-fall * variance / np.maximum(centre, DARKEST) ** 2).astype(np.float32)
        value = inner(part, side // 2)
        total, weights = np.zeros_like(value), np.ones_like(value)
        for distance, ring in rings:
            weight = np.exp(rate * np.float32(distance))
            count = np.float32(ring.sum())
            total += weight * (inner(cv2.filter2D(part, -1, ring), side // 2) - count * value)
            weights += count * weight
        return value + total / weights

    return clipped(in_strips(weighted, image, side // 2))


def anisotropic_diffusion(
    pixels: Image, *, steps: int = 20, contrast: float = 0.05, rate: float = 0.2, conductance: str = "exponential"
) -> Image:
    """Let neighbours flow into one another, the less the more they differ: x += rate sum g(d) d over the four differences d.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    steps : int
        At least 0.
    contrast : float
        k, above 0: differences well above it are kept as edges.
    rate : float
        Above 0 and at most 0.25, beyond which it does not converge.
    conductance : str
        ``"exponential"``, g = exp(-(d / k)^2), which prefers high contrast, or ``"quadratic"``, g = 1 / (1 + (d / k)^2), which prefers wide
        regions.

    Returns
    -------
    (H, W) ndarray of float32
        Its mean is that of `pixels`; no value is beyond theirs.

    References
    ----------
    .. [1] P. Perona, J. Malik, "Scale-space and edge detection using anisotropic diffusion", IEEE Trans. PAMI 12 (1990), equations 7 to 10.

    Examples
    --------
    >>> edge = np.float32([[0.0, 0.0, 1.0, 1.0]])
    >>> anisotropic_diffusion(edge, steps=50).tolist() == edge.tolist()
    True
    """
    image, count = checked(pixels), whole(steps, "steps", 0)
    scale = np.float32(1 / number(contrast, "contrast", above=0))
    pace = np.float32(number(rate, "rate", above=0, high=0.25))
    if conductance not in CONDUCTANCES:
        raise ValueError(f"conductance must be one of {', '.join(CONDUCTANCES)}, got {short(conductance)}")

    def flow(difference: Image) -> Image:
        square = np.square(difference * scale)
        weight = np.exp(-square) if conductance == "exponential" else 1 / (1 + square)
        return np.multiply(difference, weight, dtype=np.float32)

    def step(part: Image) -> Image:
        return part[1:-1, 1:-1] + pace * _divergence(flow(np.diff(part[:, 1:-1], axis=0)), flow(np.diff(part[1:-1], axis=1)))

    for _ in range(count):
        image = in_strips(step, image, 1)
    return clipped(image)


def srad(
    pixels: Image,
    *,
    steps: int = 60,
    pace: float = 0.25,
    variation: float | None = None,
    decay: float = 1 / 6,
    homogeneous: Box | None = None,
) -> Image:
    """Diffuse speckle and stop at edges (SRAD): x += pace / 4 div(c grad x), c = 1 / (1 + (q^2 - q0^2) / (q0^2 (1 + q0^2))), at most 1.

    q^2 = (G / 2 - L^2 / 16) / (1 + L / 4)^2, where G is the sum of the squares of the four differences to the neighbours over the
    pixel's square, and L their sum over the pixel. Between two pixels c is the mean of theirs: the publication takes that of the
    lower or right one, which moves edges, and treats a mirrored image in another way.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    steps : int
        At least 0.
    pace : float
        Time of a step, above 0 and at most 1, beyond which it does not converge. The publication takes 0.05.
    variation : float, optional
        q0 at the first step; without it `speckle_variation` of the image. Later it is q0 exp(-decay t).
    decay : float
        At least 0.
    homogeneous : (row0, col0, row1, col1), optional
        A region of even tissue: q0 is measured in it at every step, in place of `variation` and `decay`.

    Returns
    -------
    (H, W) ndarray of float32
        Its mean is that of `pixels`; no value is beyond theirs.

    References
    ----------
    .. [1] Y. Yu, S. T. Acton, "Speckle reducing anisotropic diffusion", IEEE Trans. Image Processing 11 (2002).
    """
    image, count, fall = checked(pixels), whole(steps, "steps", 0), number(decay, "decay")
    time = number(pace, "pace", above=0, high=1.0)
    first = _given_or_found(variation, image, 7) if homogeneous is None else 0.0
    for step in range(count):
        level = first * float(np.exp(-fall * time * step)) if homogeneous is None else _variation_in(_region(image, homogeneous))
        if level < np.finfo(np.float32).eps:  # no speckle is left: every difference is an edge
            break
        image = in_strips(partial(_srad_step, power=np.float32(level**2), pace=np.float32(time / 4)), image, 2)
    return clipped(image)


def _srad_step(part: Image, *, power: np.float32, pace: np.float32) -> Image:
    down, across = np.diff(part, axis=0), np.diff(part, axis=1)
    inverse = 1 / np.maximum(part[1:-1, 1:-1], np.float32(DARKEST))
    bend = _divergence(down[:, 1:-1], across[1:-1]) * inverse
    squares_down, squares_across = np.square(down[:, 1:-1]), np.square(across[1:-1])
    slope = (squares_down[1:] + squares_down[:-1] + squares_across[:, 1:] + squares_across[:, :-1]) * np.square(inverse)
    shift = np.square(np.maximum(1 + bend * np.float32(0.25), np.float32(DARKEST)))
    q2 = (slope * np.float32(0.5) - np.square(bend) * np.float32(1 / 16)) / shift
    c = np.minimum(power * (1 + power) / (q2 + power * power), 1)  # the publication's coefficient, its fractions multiplied out
    flow_down = (c[:-1, 1:-1] + c[1:, 1:-1]) * down[1:-1, 2:-2]
    flow_across = (c[1:-1, :-1] + c[1:-1, 1:]) * across[2:-2, 1:-1]
    return np.add(part[2:-2, 2:-2], pace / 2 * _divergence(flow_down, flow_across), dtype=np.float32)


def _divergence(down: Image, across: Image) -> Image:
    """Return what flows into each pixel: (rows + 1, W) down and (rows, W + 1) across give (rows, W)."""
    return np.asarray((down[1:] - down[:-1]) + (across[:, 1:] - across[:, :-1]), np.float32)

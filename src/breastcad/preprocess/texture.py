"""Texture of an image within a region, as numbers: grey levels, co-occurrence, wavelets, power spectrum, Gaussian derivatives.

Every function takes an image (H, W) of floats in [0, 1] and a region (H, W) bool, and returns names with finite numbers. Shape, and
the groups under their names, are in `patches.features`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = 32
"""Grey levels of histograms and co-occurrence: equal steps of [0, 1], fixed before any image is seen."""
DISTANCES_PX = (1, 3)
PERCENTILES = (5, 10, 25, 50, 75, 90, 95)
WAVELET, WAVELET_LEVELS, PACKET_LEVELS = "db4", 3, 2
SIGMAS_PX = (1.0, 2.0, 4.0)
OCTAVES = 4
"""Rings of the power spectrum: from half the sampling rate down, each half as wide as the one before; the last holds what is left."""

_Floats = NDArray[Any]


def checked_region(image: NDArray[Any], region: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return an image as float64 and its region, or say what is wrong with them.

    Raises
    ------
    ValueError
        If the image is not two-dimensional, the region has another shape, is not bool or holds no pixel, or a pixel within it is not
        finite or outside [0, 1].
    """
    if image.ndim != 2 or image.shape != region.shape:
        raise ValueError(f"image and region must be two-dimensional and of one shape, got {image.shape} and {region.shape}")
    if region.dtype != np.bool_ or not region.any():
        raise ValueError(f"region must be bool and hold a pixel, got {region.dtype} with {int(np.count_nonzero(region))}")
    values = np.asarray(image, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"image must be finite and lie in [0, 1], got {values.min():.6g} to {values.max():.6g}")
    return values, region


def entropy(weights: _Floats) -> float:
    """Return the entropy of weights in bits, once they are divided by their sum; 0 where all are 0.

    Examples
    --------
    >>> entropy(np.array([1.0, 1, 2])), entropy(np.zeros(3))
    (1.5, 0.0)
    """
    total = float(weights.sum())
    if total <= 0:
        return 0.0
    shares = weights[weights > 0] / total
    return max(0.0, -float((shares * np.log2(shares)).sum()))


def grey_levels(values: _Floats) -> NDArray[np.uint8]:
    """Return which of `LEVELS` equal steps of [0, 1] each value lies in, from 0."""
    return np.minimum((values * LEVELS).astype(np.uint8), LEVELS - 1)


# ---- grey levels, whatever their place ----


def first_order(image: NDArray[Any], region: NDArray[np.bool_]) -> dict[str, float]:
    """Return statistics of the grey levels in a region.

    Parameters
    ----------
    image : (H, W) ndarray of float
        In [0, 1].
    region : (H, W) ndarray of bool
        Holds at least one pixel.

    Returns
    -------
    dict of str to float
        mean, variance, skewness and excess kurtosis (0 in a constant region), mean absolute deviation, percentiles, interquartile range,
        least and most; of the histogram of `LEVELS` steps its energy (sum of squared shares) and entropy (bits).

    Raises
    ------
    ValueError
        As `checked_region` does.

    References
    ----------
    .. [1] R. C. Gonzalez, R. E. Woods, Digital Image Processing, section "Statistical approaches" (histogram moments, uniformity, entropy).

    Examples
    --------
    >>> found = first_order(np.array([[0.0, 0.5], [0.5, 1.0]]), np.array([[True, True], [True, False]]))
    >>> round(found["mean"], 4), round(found["skewness"], 4), round(found["energy"], 4)
    (0.3333, -0.7071, 0.5556)
    """
    values, region = checked_region(image, region)
    inside = values[region]
    mean, spread = float(inside.mean()), float(inside.std())
    if spread < 1e-9:  # rounding alone
        spread = 0.0
    standard = (inside - mean) / spread if spread else np.zeros_like(inside)
    cuts = np.percentile(inside, PERCENTILES)
    histogram = np.bincount(grey_levels(inside), minlength=LEVELS) / inside.size
    return {
        "mean": mean,
        "variance": spread**2,
        "skewness": float((standard**3).mean()),
        "kurtosis": float((standard**4).mean()) - 3 if spread else 0.0,
        "absolute_deviation": float(np.abs(inside - mean).mean()) if spread else 0.0,
        "least": float(inside.min()),
        "most": float(inside.max()),
        **{f"percentile_{percent}": float(cut) for percent, cut in zip(PERCENTILES, cuts, strict=True)},
        "interquartile_range": float(cuts[PERCENTILES.index(75)] - cuts[PERCENTILES.index(25)]),
        "energy": float((histogram**2).sum()),
        "entropy": entropy(histogram),
    }


# ---- co-occurrence ----


def co_occurrence(image: NDArray[Any], region: NDArray[np.bool_], distances: Sequence[int]) -> NDArray[np.float64]:
    """Return the grey-level co-occurrence matrices of a region: pairs of which both pixels are in it.

    Parameters
    ----------
    image : (H, W) ndarray of float
        In [0, 1].
    region : (H, W) ndarray of bool
    distances : sequence of int
        In pixels, at least 1. Along the diagonals a distance d is round(d / sqrt 2) rows and columns, as scikit-image has it.

    Returns
    -------
    (LEVELS, LEVELS, D, 4) ndarray of float64
        Symmetric, each of sum 1, at 0, 45, 90 and 135 degrees. A direction without a pair takes the mean of the others at its distance;
        where none has one, all are as of a constant region of the mean grey level.

    Raises
    ------
    ValueError
        As `checked_region` does, or if a distance is less than 1.
    """
    from skimage.feature import graycomatrix  # noqa: PLC0415 - slow to load

    values, region = checked_region(image, region)
    if not distances or min(distances) < 1:
        raise ValueError(f"distances must be at least 1, got {list(distances)}")
    rows, cols = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    levels = np.where(region, grey_levels(values) + 1, 0)[box].astype(np.uint8)  # 0 stands for outside, and is cut off
    counts = graycomatrix(levels, list(distances), np.arange(4) * np.pi / 4, LEVELS + 1, symmetric=True)[1:, 1:].astype(np.float64)
    sums = counts.sum(axis=(0, 1))
    shares = np.divide(counts, sums, where=sums > 0, out=np.zeros_like(counts))
    for place in range(len(distances)):
        there = sums[place] > 0
        if not there.any():
            level = int(grey_levels(np.array([values[region].mean()]))[0])
            shares[level, level, place] = 1.0
        elif not there.all():
            shares[:, :, place, ~there] = shares[:, :, place, there].mean(axis=2, keepdims=True)
    return shares


def haralick(matrix: NDArray[np.float64]) -> dict[str, float]:
    """Return Haralick's fourteen measures of a co-occurrence matrix, and three that are common beside them.

    Parameters
    ----------
    matrix : (L, L) ndarray of float64
        Not negative, of sum 1.

    Returns
    -------
    dict of str to float
        Grey levels count from 0, logarithms are of base 2. Of a matrix with one entry only (a constant region): both correlations are 1,
        as in scikit-image, the information measures 0.

    References
    ----------
    .. [1] R. M. Haralick, K. Shanmugam, I. Dinstein, Textural features for image classification, IEEE Trans. SMC 3 (1973) 610-621,
       appendix, f1 to f14. f7, the variance of the sum, is taken about the sum's mean f6: its "f8" is held to be a misprint.
    .. [2] R. W. Conners, M. M. Trivedi, C. A. Harlow, CVGIP 25 (1984) 273-310: cluster shade and prominence.

    Examples
    --------
    >>> found = haralick(np.array([[0.5, 0], [0, 0.5]]))
    >>> found["contrast"], found["correlation"], found["entropy"], found["maximal_correlation"]
    (0.0, 1.0, 1.0, 1.0)
    """
    size = len(matrix)
    row, col = np.indices(matrix.shape)
    sums = np.bincount((row + col).ravel(), matrix.ravel(), 2 * size - 1)
    differences = np.bincount(np.abs(row - col).ravel(), matrix.ravel(), size)
    level, total = np.arange(size), np.arange(2 * size - 1)
    by_row, by_col = matrix.sum(axis=1), matrix.sum(axis=0)
    row_mean, col_mean = float(level @ by_row), float(level @ by_col)
    row_variance, col_variance = float((level - row_mean) ** 2 @ by_row), float((level - col_mean) ** 2 @ by_col)
    spread = math.sqrt(row_variance * col_variance)
    covariance = float(((row - row_mean) * (col - col_mean) * matrix).sum())
    sum_average, difference_average = float(total @ sums), float(level @ differences)
    off_centre = total - row_mean - col_mean
    first, second = _information(matrix, by_row, by_col)
    return {
        "angular_second_moment": float((matrix**2).sum()),
        "contrast": float(level**2 @ differences),
        "correlation": covariance / spread if spread > 1e-12 else 1.0,
        "variance": row_variance,
        "inverse_difference_moment": float((differences / (1 + level**2)).sum()),
        "sum_average": sum_average,
        "sum_variance": float((total - sum_average) ** 2 @ sums),
        "sum_entropy": entropy(sums),
        "entropy": entropy(matrix),
        "difference_variance": float((level - difference_average) ** 2 @ differences),
        "difference_entropy": entropy(differences),
        "information_1": first,
        "information_2": second,
        "maximal_correlation": _maximal_correlation(matrix, by_row, by_col),
        "dissimilarity": difference_average,
        "cluster_shade": float(off_centre**3 @ sums),
        "cluster_prominence": float(off_centre**4 @ sums),
    }


def _information(matrix: NDArray[np.float64], by_row: NDArray[np.float64], by_col: NDArray[np.float64]) -> tuple[float, float]:
    """Return Haralick's f12 and f13, from entropies in bits (f12 is a quotient; f13 takes the difference in nats)."""
    joint, single, alone = entropy(matrix), entropy(by_row), entropy(by_col)
    shared = max(0.0, single + alone - joint)  # mutual information; HXY1 = HXY2 = single + alone
    largest = max(single, alone)
    return (-shared / largest if largest > 0 else 0.0), float(np.sqrt(-np.expm1(-2 * shared * np.log(2))))


def _maximal_correlation(matrix: NDArray[np.float64], by_row: NDArray[np.float64], by_col: NDArray[np.float64]) -> float:
    """Return Haralick's f14: the root of the second eigenvalue of Q is the second singular value of p(i, j) / sqrt(p(i) p(j))."""
    rows, cols = by_row > 0, by_col > 0
    if min(rows.sum(), cols.sum()) < 2:
        return 1.0
    scaled = matrix[np.ix_(rows, cols)] / np.sqrt(np.outer(by_row[rows], by_col[cols]))
    return float(min(1.0, np.linalg.svd(scaled, compute_uv=False)[1]))


def glcm(image: NDArray[Any], region: NDArray[np.bool_], *, distances: Sequence[int] = DISTANCES_PX) -> dict[str, float]:
    """Return Haralick's measures of a region: of each distance their mean over four directions, and the range.

    Parameters
    ----------
    image, region, distances
        As `co_occurrence` takes them.

    Returns
    -------
    dict of str to float
        ``MEASURE.DISTANCE.mean`` and ``MEASURE.DISTANCE.range``.

    Raises
    ------
    ValueError
        As `co_occurrence` does.

    References
    ----------
    .. [1] Haralick et al. 1973 (`haralick`), which takes mean and range over the angles.

    Examples
    --------
    >>> stripes = np.tile([0.0, 1.0], (4, 2))
    >>> found = glcm(stripes, np.ones((4, 4), bool), distances=[1])
    >>> found["contrast.1.mean"], found["contrast.1.range"]  # 31 squared in three of four directions
    (720.75, 961.0)
    """
    matrices = co_occurrence(image, region, distances)
    found: dict[str, float] = {}
    for place, distance in enumerate(distances):
        by_angle = [haralick(matrices[:, :, place, angle]) for angle in range(4)]
        for name in by_angle[0]:
            values = [one[name] for one in by_angle]
            found[f"{name}.{distance}.mean"] = float(np.mean(values))
            found[f"{name}.{distance}.range"] = max(values) - min(values)
    return found


# ---- wavelets ----


def wavelet(image: NDArray[Any], region: NDArray[np.bool_], *, levels: int = WAVELET_LEVELS, name: str = WAVELET) -> dict[str, float]:
    """Return energy and entropy of each subband of a discrete wavelet transform, within a region.

    Parameters
    ----------
    image : (H, W) ndarray of float
        In [0, 1]; continued periodically, its sides to an even length by their last pixel.
    region : (H, W) ndarray of bool
        A coefficient belongs to it if at least half of the pixels at its place do; where none does, if any pixel does.
    levels : int
        At least 1.
    name : str
        A wavelet of PyWavelets.

    Returns
    -------
    dict of str to float
        ``energy.LEVEL.BAND``, the mean square of the coefficients, and ``entropy.LEVEL.BAND``, that of their squares' shares in bits
        (0 where all are 0). Bands: horizontal, vertical, diagonal; at the last level also approximation.

    Raises
    ------
    ValueError
        As `checked_region` does, or if `levels` is less than 1.

    References
    ----------
    .. [1] S. G. Mallat, A theory for multiresolution signal decomposition, IEEE Trans. PAMI 11 (1989) 674-693.

    Examples
    --------
    >>> found = wavelet(np.tile([0.0, 1.0], (2, 1)), np.ones((2, 2), bool), levels=1, name="haar")
    >>> round(found["energy.1.approximation"], 6), round(found["energy.1.vertical"], 6), round(found["energy.1.horizontal"], 6)
    (1.0, 1.0, 0.0)
    """
    import pywt  # noqa: PLC0415 - not every caller needs it

    values, region = checked_region(image, region)
    if levels < 1:
        raise ValueError(f"levels must be at least 1, got {levels}")
    found: dict[str, float] = {}
    for level in range(1, levels + 1):
        values, details = pywt.dwt2(values, name, mode="periodization")
        bands = dict(zip(("horizontal", "vertical", "diagonal"), details, strict=True))
        if level == levels:
            bands["approximation"] = values
        inside = _coarser(region, level, values.shape)
        for band, coefficients in bands.items():
            found |= _band(coefficients[inside], f"{level}.{band}")
    return found


def wavelet_packet(image: NDArray[Any], region: NDArray[np.bool_], *, levels: int = PACKET_LEVELS, name: str = WAVELET) -> dict[str, float]:
    """Return energy and entropy of each of 4 ** levels subbands of a wavelet packet transform, within a region.

    Parameters, errors and numbers are those of `wavelet`; subbands are called after their path: a (approximation), h, v, d.

    References
    ----------
    .. [1] R. R. Coifman, M. V. Wickerhauser, Entropy-based algorithms for best basis selection, IEEE Trans. IT 38 (1992) 713-718.

    Examples
    --------
    >>> sorted(wavelet_packet(np.zeros((4, 4)), np.ones((4, 4), bool), levels=1))[:4]
    ['energy.a', 'energy.d', 'energy.h', 'energy.v']
    """
    import pywt  # noqa: PLC0415 - not every caller needs it

    values, region = checked_region(image, region)
    if levels < 1:
        raise ValueError(f"levels must be at least 1, got {levels}")
    bands = {"": values}
    for _ in range(levels):
        parts: dict[str, NDArray[np.float64]] = {}
        for path, band in bands.items():
            low, details = pywt.dwt2(band, name, mode="periodization")
            parts |= {path + letter: part for letter, part in zip("ahvd", (low, *details), strict=True)}
        bands = parts
    inside = _coarser(region, levels, next(iter(bands.values())).shape)
    return {key: number for path, band in bands.items() for key, number in _band(band[inside], path).items()}


def _coarser(region: NDArray[np.bool_], level: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a region in the pixels of a wavelet's level: at least half of a coefficient's block, else any of it."""
    block = 2**level
    margin = [(0, size * block - length) for size, length in zip(shape, region.shape, strict=True)]
    blocks = np.pad(region, margin, mode="edge").reshape(shape[0], block, shape[1], block)
    half = np.asarray(blocks.mean(axis=(1, 3)) >= 0.5)
    return half if half.any() else np.asarray(blocks.any(axis=(1, 3)))


def _band(coefficients: NDArray[np.float64], name: str) -> dict[str, float]:
    squares = coefficients**2
    squares[squares < 1e-24] = 0.0  # rounding errors of a constant image have no entropy
    return {f"energy.{name}": float(squares.mean()), f"entropy.{name}": entropy(squares)}


# ---- spectrum and derivatives ----


def spectrum(image: NDArray[Any], region: NDArray[np.bool_]) -> dict[str, float]:
    """Return how the power of a region's grey levels is spread over frequencies and directions.

    The region's mean is taken away and what lies outside is 0, so that it adds no power.

    Parameters
    ----------
    image : (H, W) ndarray of float
        In [0, 1].
    region : (H, W) ndarray of bool

    Returns
    -------
    dict of str to float
        The mean frequency in cycles a pixel, the spectrum's entropy over the whole power of its largest (in [0, 1]), the share of power in
        each of `OCTAVES` rings (octave 1: above a quarter cycle a pixel), and in four directions of the wave's change, in degrees from
        the rows' direction. All 0 where the region is constant.

    Raises
    ------
    ValueError
        As `checked_region` does.

    References
    ----------
    .. [1] J. S. Weszka, C. R. Dyer, A. Rosenfeld, A comparative study of texture measures for terrain classification, IEEE Trans. SMC 6
       (1976) 269-285: rings and wedges of the Fourier power spectrum.

    Examples
    --------
    >>> found = spectrum(np.tile([0.0, 1.0], (4, 2)), np.ones((4, 4), bool))
    >>> found["mean_frequency"], found["octave_1"], found["direction_0"]
    (0.5, 1.0, 1.0)
    """
    values, region = checked_region(image, region)
    rows, cols = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    centred = np.where(region, values - values[region].mean(), 0)[box]
    power = np.abs(np.fft.fft2(centred)) ** 2
    power[0, 0] = 0.0
    down, across = np.meshgrid(np.fft.fftfreq(power.shape[0]), np.fft.fftfreq(power.shape[1]), indexing="ij")
    frequency = np.hypot(down, across)
    total = float(power.sum())
    shares = power / total if total > 1e-18 * power.size**2 else np.zeros_like(power)
    octave = np.clip(np.floor(-np.log2(np.maximum(frequency, 1e-12))), 1, OCTAVES).astype(int)
    turned = np.degrees(np.arctan2(down, across)) % 180
    direction = np.round(turned / 45).astype(int) % 4
    largest = np.log2(max(power.size - 1, 2))
    return {
        "mean_frequency": float((shares * frequency).sum()),
        "entropy": entropy(shares) / largest,
        **{f"octave_{one}": float(shares[octave == one].sum()) for one in range(1, OCTAVES + 1)},
        **{f"direction_{45 * one}": float(shares[direction == one].sum()) for one in range(4)},
    }


def gaussian_derivatives(image: NDArray[Any], region: NDArray[np.bool_], *, sigmas_px: Sequence[float] = SIGMAS_PX) -> dict[str, float]:
    """Return mean and standard deviation of the gradient's length and of the Laplacian in a region, at several scales.

    Parameters
    ----------
    image : (H, W) ndarray of float
        In [0, 1]; mirrored at its borders.
    region : (H, W) ndarray of bool
    sigmas_px : sequence of float
        Of the Gaussians. Derivatives are times sigma (the gradient) and sigma squared (the Laplacian), so that scales compare.

    Returns
    -------
    dict of str to float
        ``gradient.SIGMA.mean``, ``.deviation``, ``laplacian.SIGMA.mean``, ``.deviation``; 0 where the image is constant.

    Raises
    ------
    ValueError
        As `checked_region` does.

    References
    ----------
    .. [1] T. Lindeberg, Feature detection with automatic scale selection, IJCV 30 (1998) 79-116: normalised derivatives.

    Examples
    --------
    >>> ramp = np.tile(np.linspace(0, 1, 41), (41, 1))
    >>> inner = np.zeros((41, 41), bool); inner[18:23, 18:23] = True
    >>> round(gaussian_derivatives(ramp, inner, sigmas_px=[2.0])["gradient.2.mean"], 4)  # 2 x 1/40
    0.05
    """
    from scipy import ndimage  # noqa: PLC0415 - slow to load

    values, region = checked_region(image, region)
    values = values - values[region].mean()  # a sampled kernel's sum is not quite 0, and would tell the grey level
    found: dict[str, float] = {}
    for sigma in sigmas_px:
        maps = {
            "gradient": sigma * ndimage.gaussian_gradient_magnitude(values, sigma),
            "laplacian": sigma**2 * ndimage.gaussian_laplace(values, sigma),
        }
        for name, result in maps.items():
            found[f"{name}.{sigma:g}.mean"] = float(result[region].mean())
            found[f"{name}.{sigma:g}.deviation"] = float(result[region].std())
    return found

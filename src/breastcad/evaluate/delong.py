"""DeLong's variance of AUCs, of one model and of several on the same samples. Samples count as independent: for images
that come several a patient use `clustered` or `intervals.cluster_bootstrap`, or one sample a patient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.metrics import checked


def _midranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, tied, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[tied]
    return ranks


def placements(truth: NDArray[np.bool_], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return for each positive the share of negatives below it, and for each negative the share of positives above it; ties half.

    Parameters
    ----------
    truth : (N,) ndarray of bool
        Both classes must occur.
    values : (N,) ndarray of float64

    Examples
    --------
    >>> above, below = placements(np.array([False, False, True, True]), np.array([.1, .4, .4, .8]))
    >>> above.tolist(), below.tolist()
    ([0.75, 1.0], [1.0, 0.75])
    """
    ranks, positives, negatives = _midranks(values), int(truth.sum()), int((~truth).sum())
    above = (ranks[truth] - _midranks(values[truth])) / negatives
    below = 1 - (ranks[~truth] - _midranks(values[~truth])) / positives
    return above, below


def delong_covariance(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the AUCs of one or more scores of the same samples, and their covariance.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
        At least two of each class.
    scores : (N,) or (K, N) array_like of float
        A row a model.

    Returns
    -------
    aucs : (K,) ndarray of float64
    covariance : (K, K) ndarray of float64

    Raises
    ------
    ValueError
        As `metrics.checked` does, or if a class has fewer than two samples.

    References
    ----------
    .. [1] E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845.
    .. [2] X. Sun, W. Xu, IEEE Signal Process. Lett. 21 (2014) 1389-1393: by midranks, in O(N log N).

    Examples
    --------
    >>> aucs, covariance = delong_covariance([0, 0, 1, 1], [.1, .4, .35, .8])
    >>> aucs.tolist(), covariance.tolist()
    ([0.75], [[0.125]])
    """
    rows = np.atleast_2d(np.asarray(scores, np.float64))
    truth = checked(labels, rows[0], both_classes=True)[0]
    if truth.sum() < 2 or (~truth).sum() < 2:
        raise ValueError(f"DeLong's variance needs two samples of each class, got {int(truth.sum())} and {int((~truth).sum())}")
    placed = [placements(truth, checked(labels, row)[1]) for row in rows]
    above, below = np.array([one[0] for one in placed]), np.array([one[1] for one in placed])
    covariance = np.atleast_2d(np.cov(above)) / above.shape[1] + np.atleast_2d(np.cov(below)) / below.shape[1]
    return above.mean(axis=1), covariance


def delong_interval(labels: ArrayLike, scores: ArrayLike, *, level: float = 0.95) -> tuple[float, float, float]:
    """Return an AUC and its normal interval, cut at 0 and 1: (value, low, high).

    Raises
    ------
    ValueError
        As `delong_covariance` does, or if `level` lies outside (0, 1).

    Examples
    --------
    >>> [round(number, 3) for number in delong_interval([0, 0, 1, 1], [.1, .4, .35, .8])]
    [0.75, 0.057, 1.0]
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    aucs, covariance = delong_covariance(labels, scores)
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(covariance[0, 0])
    return float(aucs[0]), max(0.0, float(aucs[0]) - half), min(1.0, float(aucs[0]) + half)


@dataclass(frozen=True, slots=True)
class AucComparison:
    """Two AUCs on the same samples: first minus second, its standard error, z, and the two-sided p of no difference.

    z is None where the standard error is 0; p then is 1.0 if the AUCs are equal, and None if they differ: nothing varies in these samples
    that could tell how sure that is.
    """

    first: float
    second: float
    difference: float
    standard_error: float
    z: float | None
    p: float | None


def delong_test(labels: ArrayLike, first: ArrayLike, second: ArrayLike) -> AucComparison:
    """Compare the AUCs of two scores of the same samples.

    Raises
    ------
    ValueError
        As `delong_covariance` does.

    Examples
    --------
    >>> delong_test([0, 0, 1, 1], [.1, .4, .35, .8], [1, 4, 3, 8]).p
    1.0
    """
    return compared(*delong_covariance(labels, np.stack([np.asarray(first, np.float64), np.asarray(second, np.float64)])))


def compared(aucs: NDArray[np.float64], covariance: NDArray[np.float64]) -> AucComparison:
    """Test the difference of two AUCs, given their covariance (2, 2)."""
    difference = float(aucs[0] - aucs[1])
    error = math.sqrt(max(0.0, covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]))
    first, second = float(aucs[0]), float(aucs[1])
    if error < 1e-12:
        return AucComparison(first, second, difference, error, None, 1.0 if abs(difference) < 1e-12 else None)
    return AucComparison(first, second, difference, error, difference / error, 2 * NormalDist().cdf(-abs(difference) / error))

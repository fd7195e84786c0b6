"""Variance of AUCs where samples come in clusters (images of a patient), and the test of two models on the same samples.

A cluster may hold samples of both classes and any number of them. Where each holds one sample, all equals `delong`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.delong import AucComparison, compared, placements
from breastcad.evaluate.metrics import checked


def clustered_covariance(
    labels: ArrayLike, scores: ArrayLike, clusters: Sequence[str] | NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the AUCs of one or more scores of the same samples, and their covariance when clusters were drawn.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
    scores : (N,) or (K, N) array_like of float
        A row a model.
    clusters : (N,) sequence
        The cluster of each sample; at least two must have a positive, and two a negative.

    Returns
    -------
    aucs : (K,) ndarray of float64
    covariance : (K, K) ndarray of float64

    Raises
    ------
    ValueError
        As `metrics.checked` does, if there are not as many clusters as samples, or a class is in fewer than two clusters.

    References
    ----------
    .. [1] N. A. Obuchowski, Nonparametric analysis of clustered ROC curve data, Biometrics 53 (1997) 567-578.

    Examples
    --------
    >>> aucs, covariance = clustered_covariance([0, 0, 1, 1], [.1, .4, .35, .8], ["a", "b", "c", "d"])
    >>> aucs.tolist(), covariance.tolist()
    ([0.75], [[0.125]])
    """
    rows = np.atleast_2d(np.asarray(scores, np.float64))
    truth = checked(labels, rows[0], both_classes=True)[0]
    if np.shape(clusters) != truth.shape:
        raise ValueError(f"there must be as many clusters as samples, got {np.shape(clusters)} and {truth.shape}")
    names, of_row = np.unique(np.asarray(clusters), return_inverse=True)
    positive, negative = of_row[truth], of_row[~truth]
    holding = np.unique(positive).size, np.unique(negative).size
    if min(holding) < 2:
        raise ValueError(f"each class must be in two clusters at least, got {holding[0]} with a positive and {holding[1]} with a negative")
    aucs, above, below = [], [], []
    for row in rows:
        of_positives, of_negatives = placements(truth, checked(labels, row)[1])
        aucs.append(of_positives.mean())
        # How far the sum of a cluster's placements lies from what the AUC would let one expect of so many samples.
        above.append(np.bincount(positive, of_positives - aucs[-1], names.size) / positive.size)
        below.append(np.bincount(negative, of_negatives - aucs[-1], names.size) / negative.size)
    one, other = np.array(above), np.array(below)
    within = one @ one.T * _corrected(holding[0]) + other @ other.T * _corrected(holding[1])
    return np.array(aucs), within + (one @ other.T + other @ one.T) * _corrected(names.size)


def _corrected(clusters: int) -> float:
    return clusters / (clusters - 1)


def clustered_interval(
    labels: ArrayLike, scores: ArrayLike, clusters: Sequence[str] | NDArray, *, level: float = 0.95
) -> tuple[float, float, float]:
    """Return an AUC and its normal interval for clustered samples, cut at 0 and 1: (value, low, high).

    Raises
    ------
    ValueError
        As `clustered_covariance` does, or if `level` lies outside (0, 1).

    Examples
    --------
    >>> [round(number, 3) for number in clustered_interval([0, 0, 1, 1], [.1, .4, .35, .8], ["a", "b", "c", "d"])]
    [0.75, 0.057, 1.0]
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    aucs, covariance = clustered_covariance(labels, scores, clusters)
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(max(0.0, covariance[0, 0]))
    return float(aucs[0]), max(0.0, float(aucs[0]) - half), min(1.0, float(aucs[0]) + half)


def clustered_test(labels: ArrayLike, first: ArrayLike, second: ArrayLike, clusters: Sequence[str] | NDArray) -> AucComparison:
    """Compare the AUCs of two scores of the same clustered samples, as `delong.delong_test` does for single ones.

    Raises
    ------
    ValueError
        As `clustered_covariance` does.

    Examples
    --------
    >>> clustered_test([0, 0, 1, 1], [.1, .4, .35, .8], [1, 4, 3, 8], ["a", "b", "a", "b"]).p
    1.0
    """
    both = np.stack([np.asarray(first, np.float64), np.asarray(second, np.float64)])
    return compared(*clustered_covariance(labels, both, clusters))


def parts_test(labels: ArrayLike, scores: ArrayLike, clusters: Sequence[str] | NDArray, part: ArrayLike) -> AucComparison:
    """Compare the AUC within a part of the samples with that within the rest, where a cluster may have samples in both.

    The variance is that of the clusters' influence on the difference, with the factor K / (K - 1) of K clusters.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
    scores : (N,) array_like of float
    clusters : (N,) sequence
    part : (N,) array_like of bool
        Which samples are the part; it and the rest must hold both classes.

    Raises
    ------
    ValueError
        As `metrics.checked` does, also where a class is absent in the part or the rest.

    Examples
    --------
    >>> found = parts_test([0, 1, 0, 1], [.1, .9, .8, .2], ["a", "b", "c", "d"], [1, 1, 0, 0])
    >>> found.first, found.second
    (1.0, 0.0)
    """
    truth, values = checked(labels, scores, both_classes=True)
    inside = np.asarray(part, dtype=bool)
    names, of_row = np.unique(np.asarray(clusters), return_inverse=True)
    aucs, influence = [], np.zeros(names.size)
    for own, sign in ((inside, 1), (~inside, -1)):
        known = checked(truth[own], values[own], both_classes=True)
        of_positives, of_negatives = placements(*known)
        aucs.append(float(of_positives.mean()))
        rows = of_row[own]
        influence += sign * np.bincount(rows[known[0]], of_positives - aucs[-1], names.size) / of_positives.size
        influence += sign * np.bincount(rows[~known[0]], of_negatives - aucs[-1], names.size) / of_negatives.size
    variance = float((influence**2).sum()) * _corrected(names.size)
    return compared(np.array(aucs), np.array([[variance, 0.0], [0.0, 0.0]]))

"""Intervals round a figure: the bootstrap over clusters, and Wilson's for shares.

A cluster is what was drawn from the world together: a patient, or a group of patients and near-duplicate images. Images of one
cluster say less than as many of different ones, so clusters are drawn, never images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.weighted import Statistic

_CELLS = 2_000_000  # weights held at a time: 16 MB


class UndefinedFigure(ValueError):
    """The data do not hold what a figure or its interval needs (two clusters, both classes)."""


@dataclass(frozen=True, slots=True)
class ClusterInterval:
    """A figure with its interval.

    ``mean`` is that of the resamples, ``error`` their standard deviation (0 of one); ``redrawn`` counts those that left the figure
    undefined and were drawn again.
    """

    value: float
    low: float
    high: float
    level: float
    clusters: int
    repeats: int
    redrawn: int
    mean: float
    error: float


def cluster_bootstrap(
    statistic: Statistic, clusters: Sequence[str] | NDArray, generator: np.random.Generator, *, repeats: int = 2000, level: float = 0.95
) -> ClusterInterval:
    """Return a figure and its percentile interval over resamples of clusters, drawn with replacement.

    Each resample draws as many clusters as there are; a cluster that is drawn twice brings all its rows twice. A resample in which
    the figure is undefined (NaN: one class only) is drawn again and counted, so the interval is for data that have both classes.

    Parameters
    ----------
    statistic : Statistic
        From weights (B, N) to B values, as those of `weighted`, or `resampled` of any function of rows.
    clusters : (N,) sequence of str
        The cluster of each row. At least two different ones.
    generator : numpy.random.Generator
        From `core.seeding.generator`.
    repeats : int
        Resamples that count, at least 1.
    level : float
        In (0, 1).

    Returns
    -------
    ClusterInterval
        Percentiles are interpolated linearly. Where all resamples agree (a share of 0 or 1, classes parted fully)
        the interval has no width and says nothing: use `wilson_interval` for a share.

    Raises
    ------
    ValueError
        If `repeats` or `level` is out of range.
    UndefinedFigure
        If there are fewer than two clusters, the figure is undefined on the data itself, or nine of ten resamples leave it undefined.

    References
    ----------
    .. [1] B. Efron, R. J. Tibshirani, An introduction to the bootstrap, 1993, chapters 8 and 13.
    .. [2] C. M. Rutter, Bootstrap estimation of diagnostic accuracy with patient-clustered data, Acad. Radiol. 7 (2000) 413-419.

    Examples
    --------
    >>> from breastcad.core.seeding import generator
    >>> from breastcad.evaluate.weighted import mean
    >>> found = cluster_bootstrap(mean([0., 1., 1., 0.]), ["a", "a", "b", "c"], generator(1, "doctest"))
    >>> found.value, found.clusters, found.low <= found.value <= found.high
    (0.5, 3, True)
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    names, cluster_of_row = np.unique(np.asarray(clusters), return_inverse=True)
    if names.size < 2:
        raise UndefinedFigure(f"an interval needs at least two clusters, got {names.size}")
    value = float(statistic(np.ones((1, cluster_of_row.size)))[0])
    if not math.isfinite(value):
        raise UndefinedFigure("the figure is undefined on the data itself (is a class absent?)")
    values, redrawn = _resampled_values(statistic, names.size, cluster_of_row, generator, repeats)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    mean, error = float(values.mean()), float(values.std(ddof=1)) if repeats > 1 else 0.0
    return ClusterInterval(value, float(low), float(high), level, int(names.size), repeats, redrawn, mean, error)


def _resampled_values(
    statistic: Statistic, count: int, cluster_of_row: NDArray[np.intp], generator: np.random.Generator, repeats: int
) -> tuple[NDArray[np.float64], int]:
    batch = max(1, min(repeats, _CELLS // max(count, cluster_of_row.size)))
    kept: list[NDArray[np.float64]] = []
    defined = redrawn = 0
    while defined < repeats:
        draws = generator.integers(0, count, size=(batch, count))
        drawn = np.bincount((draws + count * np.arange(batch)[:, None]).ravel(), minlength=batch * count).reshape(batch, count)
        values = statistic(drawn[:, cluster_of_row].astype(np.float64))
        good = values[np.isfinite(values)][: repeats - defined]
        redrawn += int(np.count_nonzero(~np.isfinite(values)))
        defined += good.size
        kept.append(good)
        if redrawn > 9 * max(defined, repeats):
            raise UndefinedFigure(f"the figure is undefined in {redrawn} of {redrawn + defined} resamples: too few clusters of one class")
    return np.concatenate(kept), redrawn


def resampled(function: Callable[..., float], *columns: ArrayLike) -> Statistic:
    """Return a function of columns as a statistic: it is called on the rows of each resample, a row drawn twice standing twice.

    Slow (a call a resample) but for any function. A ValueError of the function means undefined (NaN) in that resample.

    Parameters
    ----------
    function : callable
        Takes as many arrays as there are columns, returns a float.
    *columns : (N, ...) array_like

    Examples
    --------
    >>> resampled(np.median, [1., 2., 9.])(np.array([[1., 1, 1], [0, 0, 2]])).tolist()
    [2.0, 9.0]
    """
    arrays = [np.asarray(column) for column in columns]

    def one(weights: NDArray[np.float64]) -> float:
        rows = np.repeat(np.arange(weights.size), weights.astype(np.int64))
        try:
            return float(function(*(array[rows] for array in arrays)))
        except ValueError:
            return float("nan")

    return lambda weights: np.array([one(row) for row in weights])


def wilson_interval(successes: float, n: float, *, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval for a share; it has width also where the share is 0 or 1.

    Parameters
    ----------
    successes, n : float
        Counts, 0 <= successes <= n, n > 0. Trials that come several a cluster are not independent: give clusters as n.
    level : float
        In (0, 1).

    Returns
    -------
    (low, high)
        In [0, 1].

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    .. [1] E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209-212.

    Examples
    --------
    >>> low, high = wilson_interval(0, 10)
    >>> round(low, 4), round(high, 4)
    (0.0, 0.2775)
    """
    if not (n > 0 and 0 <= successes <= n):
        raise ValueError(f"successes must lie in [0, n] and n be positive, got {successes} of {n}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    share = successes / n
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (0.0 if successes == 0 else max(0.0, centre - half)), (1.0 if successes == n else min(1.0, centre + half))

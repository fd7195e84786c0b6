"""Statistics of weighted samples, many weightings at a time: what a bootstrap asks for.

Each function takes the data once, sorts it once, and returns a statistic: a function from weights (B, N), how often each of
N rows stands in each of B resamples, to the B values; NaN where a resample leaves it undefined. With weights of 1 they equal
the plain figures of `metrics` and `froc`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.metrics import checked

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def auc(labels: ArrayLike, scores: ArrayLike) -> Statistic:
    """Return the weighted `metrics.roc_auc` of N samples as a statistic; NaN in a resample that lacks a class.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
    scores : (N,) array_like of float

    Returns
    -------
    Statistic

    Raises
    ------
    ValueError
        As `metrics.checked` does, also where a class is absent.

    Examples
    --------
    >>> auc([0, 1, 0, 1], [.1, .4, .4, .8])(np.array([[1., 1, 1, 1], [1, 2, 1, 0]])).tolist()
    [0.875, 0.75]
    """
    truth, values = checked(labels, scores, both_classes=True)
    order = np.argsort(values, kind="stable")
    truth = truth[order]
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))  # the first of each run of ties

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sorted_weights = weights[:, order]
        positives = np.add.reduceat(sorted_weights * truth, starts, axis=1)
        negatives = np.add.reduceat(sorted_weights * ~truth, starts, axis=1)
        below = np.cumsum(negatives, axis=1) - negatives / 2
        pairs = positives.sum(axis=1) * negatives.sum(axis=1)
        return divide((positives * below).sum(axis=1), pairs)

    return statistic


def mean(values: ArrayLike) -> Statistic:
    """Return the weighted mean of N values as a statistic.

    Examples
    --------
    >>> mean([0.0, 1.0])(np.array([[1., 1], [1, 3]])).tolist()
    [0.5, 0.75]
    """
    return ratio(values, np.ones(np.shape(values)))


def ratio(numerators: ArrayLike, denominators: ArrayLike) -> Statistic:
    """Return the weighted sum of numerators over that of denominators as a statistic; NaN where the latter is 0.

    For shares of things that come in several a row, e.g. lesions hit of all lesions, a row an image.

    Parameters
    ----------
    numerators, denominators : (N,) array_like of float

    Raises
    ------
    ValueError
        If the shapes differ or are not one-dimensional.

    Examples
    --------
    >>> ratio([1, 0], [2, 1])(np.array([[1., 1], [0, 1]])).round(3).tolist()
    [0.333, 0.0]
    """
    over, under = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    if over.ndim != 1 or over.shape != under.shape:
        raise ValueError(f"numerators and denominators must be one-dimensional and equally long, got shapes {over.shape} and {under.shape}")
    return lambda weights: divide(weights @ over, weights @ under)


def calibration_error(labels: ArrayLike, probabilities: ArrayLike, *, bins: int = 10) -> Statistic:
    """Return the weighted `metrics.expected_calibration_error` as a statistic; weights must be whole numbers.

    Each resample is cut into its own bins of equally many samples.

    Raises
    ------
    ValueError
        As `metrics.checked` does.
    """
    truth, values = checked(labels, probabilities)
    order = np.argsort(values, kind="stable")
    excess = values[order] - truth[order]
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))  # the first of each run of ties
    lengths = np.diff(starts, append=truth.size)

    def one(weights: NDArray[np.float64]) -> float:
        counts = weights[order]
        own = excess
        if starts.size < excess.size:  # a bin may cut through ties: each stands for all of them
            own = np.repeat(divide(np.add.reduceat(counts * excess, starts), np.add.reduceat(counts, starts), otherwise=0.0), lengths)
        drawn = np.repeat(own, counts.astype(np.int64))
        if drawn.size == 0:
            return float("nan")
        return float(sum(abs(part.sum()) for part in np.array_split(drawn, min(bins, drawn.size))) / drawn.size)

    return lambda weights: np.array([one(row) for row in weights])


def mean_of(statistics: Sequence[Statistic], rows: Sequence[NDArray[np.intp]]) -> Statistic:
    """Return the plain mean of several statistics, each of its own rows (e.g. the folds); NaN where one of them is.

    Parameters
    ----------
    statistics : sequence of Statistic
    rows : sequence of (n,) ndarray of int
        For each statistic, the columns of the weights that it takes.

    Raises
    ------
    ValueError
        If there are no statistics, or not as many rows as statistics.
    """
    if not statistics or len(statistics) != len(rows):
        raise ValueError(f"statistics and rows must be equally many and at least one, got {len(statistics)} and {len(rows)}")
    return lambda weights: np.mean([one(weights[:, own]) for one, own in zip(statistics, rows, strict=True)], axis=0)


def divide(over: NDArray[np.float64], under: NDArray[np.float64], *, otherwise: float = np.nan) -> NDArray[np.float64]:
    """Return over / under, and another number where `under` is not above 0.

    Examples
    --------
    >>> divide(np.array([1., 1.]), np.array([2., 0.])).tolist()
    [0.5, nan]
    """
    return np.divide(over, under, out=np.full(over.shape, otherwise), where=under > 0)

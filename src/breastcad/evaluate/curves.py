"""Figures read off the ROC and precision-recall curves: partial areas, sensitivity at a specificity, average precision.

Each has a plain form, and a statistic of weighted samples for the bootstrap (`weighted`); the plain form is the statistic with weights
of 1. Samples of one score are one step of a curve.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.metrics import checked
from breastcad.evaluate.weighted import Statistic, divide

_HAIR = 1e-9  # so that 0.9 of ten negatives are nine, whatever floating point makes of it


def _steps(labels: ArrayLike, scores: ArrayLike) -> Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return a function from weights (B, N) to the weight of true and of false positives at each threshold, the strictest first (B, P)."""
    truth, values = checked(labels, scores, both_classes=True)
    order = np.argsort(-values, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(values[order])), truth.size - 1)
    truth = truth[order]

    def found(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        drawn = weights[:, order]
        return np.cumsum(drawn * truth, axis=1)[:, ends], np.cumsum(drawn * ~truth, axis=1)[:, ends]

    return found


def _plain(statistic: Statistic, labels: ArrayLike) -> float:
    return float(statistic(np.ones((1, np.size(labels))))[0])


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie in (0, 1), got {value}")


def sensitivity_at_specificity(labels: ArrayLike, scores: ArrayLike, specificity: float) -> float:
    """Return the highest sensitivity of all thresholds whose specificity is at least a given one.

    Read off the steps of the curve, no line between them. The threshold is chosen on these very samples, so it flatters a little:
    for a threshold to use, choose it on validation samples.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
        Both classes must occur.
    scores : (N,) array_like of float
    specificity : float
        In (0, 1).

    Returns
    -------
    float
        In [0, 1]; 0.0 where no threshold that calls anything positive is specific enough.

    Raises
    ------
    ValueError
        As `metrics.checked` does, also where a class is absent, or if `specificity` lies outside (0, 1).

    Examples
    --------
    >>> sensitivity_at_specificity([0, 0, 0, 0, 1, 1], [.1, .2, .3, .7, .5, .8], 0.75)  # at .5: both, and one of four negatives
    1.0
    >>> sensitivity_at_specificity([0, 0, 0, 0, 1, 1], [.1, .2, .3, .7, .5, .8], 0.9)
    0.5
    """
    return _plain(sensitivity_at_specificity_statistic(labels, scores, specificity), labels)


def sensitivity_at_specificity_statistic(labels: ArrayLike, scores: ArrayLike, specificity: float) -> Statistic:
    """Return `sensitivity_at_specificity` as a statistic of weights; NaN in a resample that lacks a class.

    Raises
    ------
    ValueError
        As `sensitivity_at_specificity` does.
    """
    _check_share("specificity", specificity)
    found = _steps(labels, scores)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        true, false = found(weights)
        allowed = false <= ((1 - specificity) + _HAIR) * false[:, -1:]
        reached = np.where(allowed, true, 0).max(axis=1)
        return np.where(false[:, -1] > 0, divide(reached, true[:, -1]), np.nan)

    return statistic


def partial_auc(labels: ArrayLike, scores: ArrayLike, *, specificity: float, standardised: bool = True) -> float:
    """Return the area under the ROC curve where the specificity is at least a given one.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
        Both classes must occur.
    scores : (N,) array_like of float
    specificity : float
        In (0, 1): the area is over false positive rates from 0 to 1 - specificity, straight lines between the curve's points.
    standardised : bool
        McClish's: 0.5 for a curve on the diagonal, 1 for a full one. Otherwise the raw area, at most 1 - specificity.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As `metrics.checked` does, also where a class is absent, or if `specificity` lies outside (0, 1).

    References
    ----------
    .. [1] D. K. McClish, Med. Decis. Making 9 (1989) 190-195.

    Examples
    --------
    >>> labels, scores = [0, 0, 1, 1], [.1, .4, .35, .8]  # the curve: (0, 0), (0, .5), (.5, .5), (.5, 1), (1, 1)
    >>> round(partial_auc(labels, scores, specificity=0.5, standardised=False), 6)
    0.25
    >>> round(partial_auc(labels, scores, specificity=0.5), 6)  # 1/2 + (.25 - .125) / (.5 - .125) / 2
    0.666667
    """
    return _plain(partial_auc_statistic(labels, scores, specificity=specificity, standardised=standardised), labels)


def partial_auc_statistic(labels: ArrayLike, scores: ArrayLike, *, specificity: float, standardised: bool = True) -> Statistic:
    """Return `partial_auc` as a statistic of weights; NaN in a resample that lacks a class.

    Raises
    ------
    ValueError
        As `partial_auc` does.
    """
    _check_share("specificity", specificity)
    found, most = _steps(labels, scores), 1 - specificity

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        true, false = found(weights)
        high, right = (divide(part, np.broadcast_to(part[:, -1:], part.shape)) for part in (true, false))
        low, left = (np.concatenate([np.zeros((len(part), 1)), part[:, :-1]], axis=1) for part in (high, right))
        width = np.clip(most - left, 0, right - left)
        rise = divide((high - low) * width, right - left, otherwise=0.0)  # straight up counts for nothing
        area = (width * (low + rise / 2)).sum(axis=1)
        return (1 + (area - most**2 / 2) / (most - most**2 / 2)) / 2 if standardised else area

    return statistic


def average_precision_statistic(labels: ArrayLike, scores: ArrayLike) -> Statistic:
    """Return `metrics.average_precision` as a statistic of weights; NaN in a resample without positives.

    Raises
    ------
    ValueError
        As `metrics.checked` does, also where a class is absent.
    """
    found = _steps(labels, scores)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        true, false = found(weights)
        precision = divide(true, true + false, otherwise=0.0)  # nothing drawn down to here: nothing gained either
        return divide((np.diff(true, axis=1, prepend=0) * precision).sum(axis=1), true[:, -1])

    return statistic

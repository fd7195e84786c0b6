"""What is left to a reader: how right the rest is when the samples that a model is least sure of are not decided.

How sure a decision is: the distance of the logit from the threshold's, told as the share of validation samples that are less sure. So
the samples of several folds lie on one scale, and who wants 90 % decided keeps those at 0.1 or more, which validation fixed.

References
----------
.. [1] Y. Geifman, R. El-Yaniv, Selective classification for deep neural networks, NeurIPS 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.weighted import Statistic, divide


@dataclass(frozen=True, slots=True)
class CoverageRisk:
    """Coverages, rising to 1, and the share of errors among what is decided at each; of equal sureness all are decided at once."""

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]


def sureness(distances: ArrayLike, validation: ArrayLike) -> NDArray[np.float64]:
    """Return of each distance from the threshold the share of validation distances that are less.

    Parameters
    ----------
    distances : (N,) array_like of float
        |logit - logit of the threshold|.
    validation : (M,) array_like of float
        The same of validation samples, at least one.

    Returns
    -------
    (N,) ndarray of float64
        In [0, 1]; on validation itself a share of at least c has 1 - c or more, for any c.

    Raises
    ------
    ValueError
        If there are no validation distances.

    Examples
    --------
    >>> sureness([0.5, 3.0], [1.0, 2.0, 4.0, 5.0]).tolist()
    [0.0, 0.5]
    """
    known = np.sort(np.asarray(validation, np.float64))
    if not known.size:
        raise ValueError("sureness needs at least one validation sample")
    return np.searchsorted(known, np.asarray(distances, np.float64), side="left") / known.size


def coverage_risk(right: ArrayLike, sure: ArrayLike) -> CoverageRisk:
    """Return the coverage-risk curve of decisions.

    Parameters
    ----------
    right : (N,) array_like of bool
    sure : (N,) array_like of float

    Raises
    ------
    ValueError
        If they are empty or not equally long.

    Examples
    --------
    >>> curve = coverage_risk([True, False, True, True], [0.9, 0.2, 0.5, 0.5])
    >>> curve.coverage.tolist(), curve.risk.tolist()
    ([0.25, 0.75, 1.0], [0.0, 0.0, 0.25])
    """
    wrong, order, ends = _ordered(right, sure)
    known = np.cumsum(wrong[order])[ends]
    return CoverageRisk((ends + 1) / wrong.size, known / (ends + 1))


def _ordered(right: ArrayLike, sure: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return errors, the surest first, and where each run of equals ends."""
    wrong, values = 1.0 - np.asarray(right, np.float64), np.asarray(sure, np.float64)
    if wrong.ndim != 1 or wrong.shape != values.shape or not wrong.size:
        raise ValueError(f"right and sure must be one-dimensional, equally long and not empty, got shapes {wrong.shape} and {values.shape}")
    order = np.argsort(-values, kind="stable")
    return wrong, order, np.append(np.flatnonzero(np.diff(values[order])), wrong.size - 1)


def area_statistic(right: ArrayLike, sure: ArrayLike) -> Statistic:
    """Return the area under the coverage-risk curve as a statistic of weighted samples: the mean risk over coverages, 0 is best.

    Each step of the curve counts by the coverage that it adds. Sureness that says nothing gives the share of errors itself.

    Parameters
    ----------
    right : (N,) array_like of bool
    sure : (N,) array_like of float

    Raises
    ------
    ValueError
        As `coverage_risk` does.

    Examples
    --------
    >>> area_statistic([True, False, True, True], [0.9, 0.2, 0.5, 0.5])(np.ones((1, 4))).tolist()  # 0 / 4 + 0 / 2 + .25 / 4
    [0.0625]
    """
    wrong, order, ends = _ordered(right, sure)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        drawn = weights[:, order]
        decided = np.cumsum(drawn, axis=1)[:, ends]
        risk = divide(np.cumsum(drawn * wrong[order], axis=1)[:, ends], decided, otherwise=0.0)
        return divide((np.diff(decided, axis=1, prepend=0) * risk).sum(axis=1), decided[:, -1])

    return statistic

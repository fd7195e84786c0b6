"""Tests of two models' hard decisions on the same samples, and of many comparisons at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, chi2, false_discovery_control


@dataclass(frozen=True, slots=True)
class McNemar:
    """How often only the first, and only the second model is right, and the two-sided p that neither is right more often.

    ``exact`` is the binomial test's, ``corrected`` that of the chi-square with continuity correction (1.0 where both are right alone as
    often, None where the two never differ).
    """

    only_first: int
    only_second: int
    exact: float
    corrected: float | None


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> McNemar:
    """Test whether two models are right equally often on the same samples, which count as independent.

    Parameters
    ----------
    first_right, second_right : (N,) array_like of bool
        Whether each model is right on each sample.

    Raises
    ------
    ValueError
        If the shapes differ, are not one-dimensional, or there is nothing.

    References
    ----------
    .. [1] Q. McNemar, Psychometrika 12 (1947) 153-157.
    .. [2] A. L. Edwards, Psychometrika 13 (1948) 185-187: (abs(b - c) - 1)^2 / (b + c).

    Examples
    --------
    >>> found = mcnemar([1, 1, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 1, 0])  # 6 to 1: twice (1 + 7) / 2^7, and (5 - 1)^2 / 7
    >>> found.exact, round(found.corrected, 4)
    (0.125, 0.1306)
    """
    one, other = _pair(first_right, second_right)
    only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
    apart = only_first + only_second
    if apart == 0:
        return McNemar(0, 0, 1.0, None)
    exact = float(binomtest(only_first, apart).pvalue)
    statistic = max(0, abs(only_first - only_second) - 1) ** 2 / apart  # no correction past 0: equal is no evidence of a difference
    return McNemar(only_first, only_second, exact, float(chi2.sf(statistic, 1)))


def clustered_mcnemar(first_right: ArrayLike, second_right: ArrayLike, clusters: Sequence[str] | NDArray) -> float | None:
    """Return the two-sided p that two models are right equally often on the same clustered samples.

    With d the number that only the first has right in a cluster less that only the second has, over K clusters the statistic
    (sum of d)^2 / (K / (K - 1) x sum of d^2) is a chi-square of one degree. With one sample a cluster it is McNemar's without
    correction, but for the factor.

    Parameters
    ----------
    first_right, second_right : (N,) array_like of bool
    clusters : (N,) sequence
        At least two different ones.

    Returns
    -------
    float or None
        None where no cluster differs.

    Raises
    ------
    ValueError
        As `mcnemar` does, if there are not as many clusters as samples, or fewer than two different ones.

    References
    ----------
    .. [1] N. A. Obuchowski, On the comparison of correlated proportions for clustered data, Stat. Med. 17 (1998) 1495-1507.

    Examples
    --------
    >>> round(clustered_mcnemar([1, 1, 1, 0], [0, 0, 0, 1], ["a", "a", "b", "c"]), 4)  # d: 2, 1, -1: 4 / (3/2 x 6)
    0.505
    """
    one, other = _pair(first_right, second_right)
    if np.shape(clusters) != one.shape:
        raise ValueError(f"there must be as many clusters as samples, got {np.shape(clusters)} and {one.shape}")
    names, of_row = np.unique(np.asarray(clusters), return_inverse=True)
    if names.size < 2:
        raise ValueError(f"there must be two clusters at least, got {names.size}")
    apart = np.bincount(of_row, one.astype(np.float64) - other, names.size)
    spread = float((apart**2).sum()) * names.size / (names.size - 1)
    return float(chi2.sf(float(apart.sum()) ** 2 / spread, 1)) if spread > 0 else None


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    one, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if one.ndim != 1 or one.shape != other.shape or not one.size:
        raise ValueError(f"decisions must be one-dimensional, equally long and not empty, got shapes {one.shape} and {other.shape}")
    return one, other


def adjusted(ps: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted for being several, by Benjamini and Hochberg; None stays None and does not count.

    Of the comparisons whose adjusted p is at most q, a share of q is wrong on average (if they are independent or rise together).

    References
    ----------
    .. [1] Y. Benjamini, Y. Hochberg, J. R. Stat. Soc. B 57 (1995) 289-300.

    Examples
    --------
    >>> adjusted([0.01, None, 0.04, 0.03])
    [0.03, None, 0.04, 0.04]
    """
    known = [p for p in ps if p is not None]
    found = iter(false_discovery_control(known).tolist() if known else ())
    return [None if p is None else next(found) for p in ps]

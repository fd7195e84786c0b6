"""How far readers agree: per cent, kappa in its forms, and what prevalence and bias do to it. On counts; who read what is in `readers`.

Agreement needs no truth: two readers may agree and both be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.weighted import Statistic

WEIGHTS = ("none", "linear", "quadratic")
LEAST_HALF = 1e-9
"""Half of an interval that is shorter is rounding."""
BANDS = ((0.20, "slight"), (0.40, "fair"), (0.60, "moderate"), (0.80, "high"), (1.0, "almost perfect"))
"""Words for kappa, up to and with the value: as publication E prints them; it has no word for the last, which is Landis and Koch's."""


def band(kappa: float) -> str:
    """Return the word for a kappa, by its value to two decimals.

    References
    ----------
    .. [1] Publication E, chapter 6 (reader study); after J. R. Landis, G. G. Koch, Biometrics 33 (1977) 159-174.

    Examples
    --------
    >>> [band(value) for value in (-0.1, -0.001, 0.2, 0.204, 0.206, 0.8, 1.0)]
    ['less than chance', 'slight', 'slight', 'slight', 'fair', 'high', 'almost perfect']
    """
    if round(kappa, 2) < 0:
        return "less than chance"
    return next(word for most, word in BANDS if round(kappa, 2) <= most)


def checked_counts(counts: ArrayLike) -> NDArray[np.float64]:
    """Return a square table of counts as float64.

    Raises
    ------
    ValueError
        If it is not square with at least two categories, a count is negative or not finite, or all are 0.
    """
    table = np.asarray(counts, np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or table.shape[0] < 2:
        raise ValueError(f"counts must be a square table of at least two categories, got shape {table.shape}")
    if not (np.isfinite(table).all() and (table >= 0).all() and table.sum() > 0):
        raise ValueError(f"counts must be finite, not negative, and not all 0, got {table.tolist()}")
    return table


def kappa_weights(categories: int, weights: str) -> NDArray[np.float64]:
    """Return how far each pair of categories agrees: 1 on the diagonal, less with each step apart where weighted.

    Examples
    --------
    >>> kappa_weights(3, "linear").tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]]
    """
    if weights not in WEIGHTS:
        raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, got '{weights}'")
    apart = np.abs(np.subtract.outer(np.arange(categories), np.arange(categories))) / (categories - 1)
    return {"none": (apart == 0).astype(np.float64), "linear": 1 - apart, "quadratic": 1 - apart**2}[weights]


@dataclass(frozen=True, slots=True)
class Kappa:
    """Kappa, its standard error, its normal interval (cut at -1 and 1), and the two-sided p of no agreement beyond chance.

    ``low`` and ``high`` are None where the error is 0 (readers who always agree, or one who always says the same): no variance can be had
    of these cases, and an interval of no length would say that there is none.
    """

    value: float
    standard_error: float
    low: float | None
    high: float | None
    p: float


def cohen_kappa(counts: ArrayLike, *, weights: str = "none", level: float = 0.95) -> Kappa | None:
    """Return the kappa of two readers, weighted or not.

    Parameters
    ----------
    counts : (K, K) array_like
        Cases by first reader's category (row) and second reader's (column), in the scale's order where weighted.
    weights : str
        ``none``, ``linear`` or ``quadratic``.
    level : float
        In (0, 1).

    Returns
    -------
    Kappa or None
        None where both readers always say the same one category: all agreement is then expected, and kappa is 0 / 0.
        The error counts cases as independent; where a patient has several, take the bootstrap over patients.

    Raises
    ------
    ValueError
        As `checked_counts` does, or if `weights` or `level` is none that there is.

    References
    ----------
    .. [1] J. Cohen, Educ. Psychol. Meas. 20 (1960) 37-46; weighted: Psychol. Bull. 70 (1968) 213-220.
    .. [2] J. L. Fleiss, J. Cohen, B. S. Everitt, Psychol. Bull. 72 (1969) 323-327: both standard errors.

    Examples
    --------
    >>> found = cohen_kappa([[27, 5], [18, 28]])
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3), found.p < .001
    (0.426, 0.239, 0.613, True)
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    table = checked_counts(counts)
    weight, n = kappa_weights(table.shape[0], weights), table.sum()
    share = table / n
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    observed, expected = float((weight * share).sum()), float(rows @ weight @ columns)
    if 1 - expected < 1e-12:
        return None
    value = (observed - expected) / (1 - expected)
    marginal = (weight @ columns)[:, None] + (rows @ weight)[None, :]
    shift = observed * expected - 2 * expected + observed
    spread = float((share * (weight * (1 - expected) - marginal * (1 - observed)) ** 2).sum()) - shift**2
    error = math.sqrt(max(0.0, spread) / n) / (1 - expected) ** 2
    by_chance = (np.outer(rows, columns) * (weight - marginal) ** 2).sum() - expected**2
    null_error = math.sqrt(max(0.0, float(by_chance)) / n) / (1 - expected)
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    # Who always says the same agrees as by chance whatever happens: the error is 0, and so is kappa.
    p = 2 * NormalDist().cdf(-abs(value) / null_error) if null_error > 1e-9 else 1.0
    varies = half > LEAST_HALF
    return Kappa(value, error, max(-1.0, value - half) if varies else None, min(1.0, value + half) if varies else None, p)


def per_cent_agreement(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of cases (0 to 1) that both readers put in one category, of each of (..., K, K) tables of counts.

    Examples
    --------
    >>> round(float(per_cent_agreement(np.array([[27., 5], [18, 28]]))), 3)
    0.705
    """
    return np.asarray(np.trace(tables, axis1=-2, axis2=-1) / tables.sum(axis=(-2, -1)))


def kappa_value(tables: NDArray[np.float64], weights: str = "none") -> NDArray[np.float64]:
    """Return the kappa of each of (..., K, K) tables of counts, NaN where it is 0 / 0.

    Examples
    --------
    >>> kappa_value(np.array([[[27., 5], [18, 28]], [[9, 0], [0, 0]]])).round(3).tolist()
    [0.426, nan]
    """
    weight, share = kappa_weights(tables.shape[-1], weights), tables / tables.sum(axis=(-2, -1), keepdims=True)
    observed = (weight * share).sum(axis=(-2, -1))
    expected = np.einsum("...i,ij,...j->...", share.sum(axis=-1), weight, share.sum(axis=-2))
    return np.asarray(np.divide(observed - expected, 1 - expected, out=np.full_like(observed, np.nan), where=expected < 1 - 1e-12))


def pabak(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the prevalence- and bias-adjusted kappa: (K share - 1) / (K - 1), of the share of agreement alone.

    References
    ----------
    .. [1] T. Byrt, J. Bishop, J. B. Carlin, J. Clin. Epidemiol. 46 (1993) 423-429; of K categories: E. M. Bennett, R. Alpert,
       A. C. Goldstein, Public Opin. Q. 18 (1954) 303-308.

    Examples
    --------
    >>> round(float(pabak(np.array([[27., 5], [18, 28]]))), 3)
    0.41
    """
    categories = tables.shape[-1]
    return (categories * per_cent_agreement(tables) - 1) / (categories - 1)


def gwet_ac1(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Gwet's AC1: chance agreement is that of cases which are hard to tell, so that it stays high where one class is rare.

    References
    ----------
    .. [1] K. L. Gwet, Br. J. Math. Stat. Psychol. 61 (2008) 29-48.

    Examples
    --------
    >>> round(float(gwet_ac1(np.array([[118., 5], [2, 0]]))), 3)  # kappa: -0.023
    0.941
    """
    share = tables / tables.sum(axis=(-2, -1), keepdims=True)
    said = (share.sum(axis=-2) + share.sum(axis=-1)) / 2
    expected = (said * (1 - said)).sum(axis=-1) / (said.shape[-1] - 1)
    return np.asarray((per_cent_agreement(tables) - expected) / (1 - expected))


def prevalence_index(table: NDArray[np.float64]) -> float:
    """Return (both say the first - both say the second) / n of a 2 x 2 table: far from 0, kappa is low whatever the agreement.

    Examples
    --------
    >>> round(prevalence_index(np.array([[27., 5], [18, 28]])), 3)
    -0.013
    """
    return float((table[0, 0] - table[1, 1]) / table.sum())


def bias_index(table: NDArray[np.float64]) -> float:
    """Return how much more often the first reader says the first category than the second reader does, of a 2 x 2 table.

    Examples
    --------
    >>> round(bias_index(np.array([[27., 5], [18, 28]])), 3)
    -0.167
    """
    return float((table[0, 1] - table[1, 0]) / table.sum())


def of_pairs(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]], first: ArrayLike, second: ArrayLike, categories: int
) -> Statistic:
    """Return a function of tables as a statistic of weighted cases, for `intervals.cluster_bootstrap`.

    Parameters
    ----------
    function : callable
        From (B, K, K) tables to B numbers, NaN where undefined.
    first, second : (N,) array_like of int
        Each reader's category of each case, from 0.
    categories : int
        K.

    Examples
    --------
    >>> of_pairs(per_cent_agreement, [0, 1, 1], [0, 1, 0], 2)(np.array([[1., 1, 1], [2, 1, 0]])).round(3).tolist()
    [0.667, 1.0]
    """
    cell = np.asarray(first, np.intp) * categories + np.asarray(second, np.intp)
    place = (cell[:, None] == np.arange(categories**2)[None, :]).astype(np.float64)
    return lambda weights: function((weights @ place).reshape(-1, categories, categories))


def fleiss_kappa(counts: ArrayLike) -> Statistic:
    """Return Fleiss' kappa of several readers as a statistic of weighted cases; NaN where all always say one category.

    Each reader counts as one of many who might have read: which reader said what does not matter.

    Parameters
    ----------
    counts : (N, K) array_like of int
        How many readers put each case in each category; as many readers for every case.

    Raises
    ------
    ValueError
        If cases were read by different numbers of readers, or by fewer than two.

    References
    ----------
    .. [1] J. L. Fleiss, Psychol. Bull. 76 (1971) 378-382.

    Examples
    --------
    >>> round(float(fleiss_kappa([[3, 0], [2, 1], [0, 3], [0, 3]])(np.ones((1, 4)))[0]), 3)
    0.657
    """
    table = np.asarray(counts, np.float64)
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] < 2:
        raise ValueError(f"counts must be (cases, at least two categories), got shape {table.shape}")
    readers = table[0].sum()
    if readers < 2 or (table < 0).any() or (table.sum(axis=1) != readers).any():
        raise ValueError("every case must be read by the same readers, two at least")
    agreed = ((table**2).sum(axis=1) - readers) / (readers * (readers - 1))

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        n = weights.sum(axis=1)
        observed = weights @ agreed / n
        expected = ((weights @ table / (n[:, None] * readers)) ** 2).sum(axis=1)
        return np.divide(observed - expected, 1 - expected, out=np.full(n.shape, np.nan), where=expected < 1 - 1e-12)

    return statistic

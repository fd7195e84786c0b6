"""Several readers, several conditions, the same cases: the analysis of variance of Obuchowski and Rockette, as Hillis completed it.

Figure of merit: the empirical area under the ROC curve. Every reader must have read every case under every condition; who has not
is dealt with by the caller (`readers`), who drops the case and says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from breastcad.evaluate import weighted
from breastcad.evaluate.clustered import clustered_covariance
from breastcad.evaluate.delong import delong_covariance

COVARIANCES = ("delong", "jackknife")
LEAST_VARIANCE = 1e-18
"""A smaller one is 0 and rounding."""
BOTH, CASES, READERS = "readers and cases random", "readers fixed, cases random", "readers random, cases fixed"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean area with its interval; ``df`` is None where the interval is that of a normal distribution.

    ``low`` and ``high`` are None where the standard error is 0 (all areas 1, say): these ratings do not tell how far off the area may be.
    """

    value: float
    standard_error: float
    df: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Area under condition ``first`` minus that under ``second`` (indices), its interval, and the two-sided p of no difference.

    Interval and p are None where the standard error is 0, as those of `Estimate` are.
    """

    first: int
    second: int
    value: float
    standard_error: float
    df: float | None
    low: float | None
    high: float | None
    p: float | None


@dataclass(frozen=True, slots=True)
class MrmcAnalysis:
    """One way to generalise, named by what is random.

    ``statistic`` is F or chi-square with ``df`` and, of F, ``df_error`` degrees of freedom, and tests that all conditions have the same
    area; it, its ``value`` and ``p`` are None with one condition, ``value`` and ``p`` also where nothing varies that it could be held
    against. ``means`` has one a condition, ``differences`` one a pair of conditions.
    """

    random: str
    statistic: str | None
    value: float | None
    df: int | None
    df_error: float | None
    p: float | None
    means: tuple[Estimate, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Mrmc:
    """A whole study: ``areas`` (condition by reader), mean squares and components of variance by name, analyses, each reader alone."""

    areas: tuple[tuple[float, ...], ...]
    covariance: str
    components: dict[str, float]
    analyses: tuple[MrmcAnalysis, ...]
    by_reader: tuple[tuple[Difference, ...], ...]


@dataclass(frozen=True, slots=True)
class _Study:
    """What the formulas need: areas (T, R), their covariance (T, R, T, R), and the level of intervals."""

    areas: NDArray[np.float64]
    covariance: NDArray[np.float64]
    level: float

    def mean_squares(self) -> dict[str, float]:
        """Return the mean squares of conditions, readers and their interaction; those without a degree of freedom are left out."""
        t, r = self.areas.shape
        by_condition, by_reader, whole = self.areas.mean(axis=1), self.areas.mean(axis=0), self.areas.mean()
        rest = self.areas - by_condition[:, None] - by_reader[None, :] + whole
        found = {}
        if t > 1:
            found["MS(T)"] = float(r * ((by_condition - whole) ** 2).sum() / (t - 1))
        if r > 1:
            found["MS(R)"] = float(t * ((by_reader - whole) ** 2).sum() / (r - 1))
        if t > 1 and r > 1:
            found["MS(T*R)"] = float((rest**2).sum() / ((t - 1) * (r - 1)))
        return found

    def covariances(self) -> dict[str, float]:
        """Return the mean variance, and the mean covariances of the same reader, the same condition, and neither."""
        t, r = self.areas.shape
        same_condition = np.eye(t, dtype=bool)[:, None, :, None] & np.ones((t, r, t, r), dtype=bool)
        same_reader = np.eye(r, dtype=bool)[None, :, None, :] & np.ones((t, r, t, r), dtype=bool)
        places = {
            "Var": same_condition & same_reader,
            "Cov1": ~same_condition & same_reader,
            "Cov2": same_condition & ~same_reader,
            "Cov3": ~same_condition & ~same_reader,
        }
        return {name: float(self.covariance[place].mean()) for name, place in places.items() if place.any()}


def area_covariance(
    truth: ArrayLike, ratings: ArrayLike, *, method: str = "delong", clusters: Sequence[str] | NDArray | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the areas of K rows of ratings of the same N cases, and their covariance.

    Parameters
    ----------
    truth : (N,) array_like of 0 and 1, or bool
    ratings : (K, N) array_like of float
        Higher is more suspect.
    method : str
        ``delong``: by placements; Obuchowski's form of it where there are clusters. ``jackknife``: each cluster left out in turn.
    clusters : (N,) sequence of str, optional
        The patient of each case; each case its own if not given.

    Returns
    -------
    areas : (K,) ndarray of float64
    covariance : (K, K) ndarray of float64

    Raises
    ------
    ValueError
        If the method is not known, a class has one case (or one patient), or as `metrics.checked` does.

    References
    ----------
    .. [1] The jackknife: M. H. Quenouille, Biometrika 43 (1956) 353-360. The others: `delong`, `clustered`.

    Examples
    --------
    >>> areas, covariance = area_covariance([0, 0, 1, 1], [[.1, .4, .35, .8]], method="jackknife")
    >>> areas.tolist(), covariance.round(4).tolist()
    ([0.75], [[0.1875]])
    """
    if method not in COVARIANCES:
        raise ValueError(f"method must be one of {', '.join(COVARIANCES)}, got '{method}'")
    if method == "delong":
        return delong_covariance(truth, ratings) if clusters is None else clustered_covariance(truth, ratings, clusters)
    rows = np.atleast_2d(np.asarray(ratings, np.float64))
    _, cluster = np.unique(np.arange(rows.shape[1]) if clusters is None else np.asarray(clusters), return_inverse=True)
    count = int(cluster.max()) + 1
    kept = (np.arange(count)[:, None] != cluster[None, :]).astype(np.float64)
    left_out = np.stack([weighted.auc(truth, row)(kept) for row in rows])
    if not np.isfinite(left_out).all():
        raise ValueError("the jackknife needs cases of each class from at least two patients")
    areas = np.concatenate([weighted.auc(truth, row)(np.ones((1, rows.shape[1]))) for row in rows])
    off = left_out - left_out.mean(axis=1, keepdims=True)
    return areas, (count - 1) / count * off @ off.T


def analyse(
    ratings: ArrayLike,
    truth: ArrayLike,
    *,
    method: str = "delong",
    clusters: Sequence[str] | NDArray | None = None,
    level: float = 0.95,
) -> Mrmc:
    """Compare conditions over readers and cases, generalising to other readers, other cases, or both.

    Parameters
    ----------
    ratings : (T, R, N) array_like of float
        Condition by reader by case, higher is more suspect, none missing.
    truth : (N,) array_like of 0 and 1, or bool
    method, clusters
        As `area_covariance` takes them.
    level : float
        In (0, 1).

    Returns
    -------
    Mrmc
        With one condition means only; with one reader the analysis with readers fixed only, which then is DeLong's test.
        Negative differences of covariances count as 0, as Hillis has it. Intervals of areas are cut at 0 and 1. Where nothing varies there
        is neither interval nor p.

    Raises
    ------
    ValueError
        If `ratings` has not three axes, `level` lies outside (0, 1), or as `area_covariance` does.

    References
    ----------
    .. [1] N. A. Obuchowski, H. E. Rockette, Commun. Stat. Simul. Comput. 24 (1995) 285-308: the model and the F statistic.
    .. [2] S. L. Hillis, Stat. Med. 26 (2007) 596-619: denominator degrees of freedom.
    .. [3] S. L. Hillis, K. S. Berbaum, C. E. Metz, Acad. Radiol. 15 (2008) 647-661: single conditions, fixed readers or cases.

    Examples
    --------
    >>> found = analyse([[[1, 2, 3, 4], [1, 3, 2, 4]]], [0, 0, 1, 1])
    >>> found.areas, [(one.random, round(one.means[0].value, 3)) for one in found.analyses][0]
    (((1.0, 0.75),), ('readers and cases random', 0.875))
    """
    given = np.asarray(ratings, np.float64)
    if given.ndim != 3:
        raise ValueError(f"ratings must have three axes (condition, reader, case), got shape {given.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    t, r, n = given.shape
    areas, covariance = area_covariance(truth, given.reshape(t * r, n), method=method, clusters=clusters)
    study = _Study(areas.reshape(t, r), covariance.reshape(t, r, t, r), level)
    parts = study.mean_squares() | study.covariances()
    if t > 1 and r > 1:
        parts["Var(R)"] = (parts["MS(R)"] - parts["MS(T*R)"]) / t - parts["Cov1"] + parts["Cov3"]
        parts["Var(T*R)"] = parts["MS(T*R)"] - parts["Var"] + parts["Cov1"] + parts["Cov2"] - parts["Cov3"]
    analyses = [_fixed_readers(study, parts)]
    if r > 1:
        analyses = [_random_readers(study, parts, cases=True), *analyses, _random_readers(study, parts, cases=False)]
    return Mrmc(
        areas=tuple(tuple(float(area) for area in row) for row in study.areas),
        covariance=method if clusters is None else f"{method} over patients",
        components=parts,
        analyses=tuple(analyses),
        by_reader=tuple(_one_reader(study, reader) for reader in range(r)),
    )


def _random_readers(study: _Study, parts: dict[str, float], *, cases: bool) -> MrmcAnalysis:
    """Return the analysis with readers random, and cases too or not: Hillis 2007, equations of ddf_H; without cases a plain one."""
    t, r = study.areas.shape
    means = []
    for row, block in zip(study.areas, np.einsum("irjs->ijrs", study.covariance)[range(t), range(t)], strict=True):
        between = float(row.var(ddof=1))
        shared = max(0.0, float(block[~np.eye(r, dtype=bool)].mean())) if cases else 0.0
        error, df = between + r * shared, _df(between + r * shared, between, r - 1)
        means.append(_estimate(float(row.mean()), math.sqrt(error / r), df, study.level))
    random = BOTH if cases else READERS
    if t == 1:
        return MrmcAnalysis(random, None, None, None, None, None, tuple(means), ())
    between = parts["MS(T*R)"]
    error = between + (r * max(0.0, parts["Cov2"] - parts["Cov3"]) if cases else 0.0)
    df = _df(error, between, (t - 1) * (r - 1))
    value, p = _ratio_test(parts["MS(T)"], error, t - 1, df)
    differences = _differences(study.areas.mean(axis=1), math.sqrt(2 / r * error), df, study.level)
    return MrmcAnalysis(random, "F", value, t - 1, df, p, tuple(means), differences)


def _fixed_readers(study: _Study, parts: dict[str, float]) -> MrmcAnalysis:
    """Return the analysis with readers fixed and cases random: Hillis, Berbaum, Metz 2008; normal and chi-square, for many cases."""
    t, r = study.areas.shape
    means = []
    for condition in range(t):
        block = study.covariance[condition, :, condition, :]
        shared = max(0.0, float(block[~np.eye(r, dtype=bool)].mean())) if r > 1 else 0.0
        error = (float(np.diag(block).mean()) + (r - 1) * shared) / r
        means.append(_estimate(float(study.areas[condition].mean()), math.sqrt(error), None, study.level))
    if t == 1:
        return MrmcAnalysis(CASES, None, None, None, None, None, tuple(means), ())
    shared = max(0.0, parts["Cov2"] - parts["Cov3"]) if r > 1 else 0.0
    error = max(0.0, parts["Var"] - parts["Cov1"] + (r - 1) * shared)
    value, p = _ratio_test(parts["MS(T)"], error, t - 1, None)
    differences = _differences(study.areas.mean(axis=1), math.sqrt(2 / r * error), None, study.level)
    return MrmcAnalysis(CASES, "chi-square", None if value is None else (t - 1) * value, t - 1, None, p, tuple(means), differences)


def _one_reader(study: _Study, reader: int) -> tuple[Difference, ...]:
    """Return one reader's differences: her own variances and covariance only."""
    block, areas = study.covariance[:, reader, :, reader], study.areas[:, reader]
    t = areas.size
    if t == 1:
        return ()
    error = max(0.0, float(np.diag(block).mean() - block[~np.eye(t, dtype=bool)].mean()))
    return _differences(areas, math.sqrt(2 * error), None, study.level)


def _df(error: float, between: float, df: int) -> float | None:
    """Return Hillis' degrees of freedom; None (infinitely many) where readers do not differ at all."""
    return df * (error / between) ** 2 if between > LEAST_VARIANCE else None


def _ratio_test(mean_square: float, error: float, df: int, df_error: float | None) -> tuple[float | None, float | None]:
    """Return F and its p; neither where nothing varies: a p of 0 would be sure of what a handful of cases cannot tell."""
    if error < LEAST_VARIANCE:
        return None, None
    value = mean_square / error
    p = stats.chi2.sf(df * value, df) if df_error is None else stats.f.sf(value, df, df_error)
    return value, float(p)


def _half(error: float, df: float | None, level: float) -> float | None:
    """Return half of an interval's length; None where nothing varies."""
    return None if error**2 < LEAST_VARIANCE else float(stats.t.ppf((1 + level) / 2, math.inf if df is None else df)) * error


def _estimate(value: float, error: float, df: float | None, level: float) -> Estimate:
    half = _half(error, df, level)
    return Estimate(value, error, df, *((None, None) if half is None else (max(0.0, value - half), min(1.0, value + half))))


def _differences(areas: NDArray[np.float64], error: float, df: float | None, level: float) -> tuple[Difference, ...]:
    """Return the difference of each pair of conditions; all have the same standard error."""
    found, half = [], _half(error, df, level)
    for first, second in combinations(range(areas.size), 2):
        value = float(areas[first] - areas[second])
        _, p = _ratio_test(value**2, error**2, 1, df)
        low, high = (None, None) if half is None else (value - half, value + half)
        found.append(Difference(first, second, value, error, df, low, high, p))
    return tuple(found)

"""From logits to probabilities that mean what they say: one temperature a head, and how well the result is calibrated.

The temperature is fitted on validation samples, never on those that a figure is about. No scipy here: inference applies
temperatures too, and importing an optimiser would cost it more than the network's pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.metrics import checked, tie_means
from breastcad.evaluate.weighted import Statistic

LOWEST_TEMPERATURE = 0.05
HIGHEST_TEMPERATURE = 20.0
CERTAIN = 1e-6
"""Probabilities nearer to 0 or 1 than this count as this near, where their logit is needed."""
STEEPEST = 1e3
"""A calibration slope or intercept beyond this is none: the classes part fully, or nearly."""


def sigmoid(logits: ArrayLike) -> NDArray[np.floating]:
    """Return 1 / (1 + exp(-logit)), without overflow, in the precision of the logits (float64 for integers).

    Examples
    --------
    >>> sigmoid([0.0, 800.0, -800.0]).tolist()
    [0.5, 1.0, 0.0]
    """
    given = np.asarray(logits)
    values = given if np.issubdtype(given.dtype, np.floating) else given.astype(np.float64)
    small = np.exp(-np.abs(values))
    result: NDArray[np.floating] = np.where(values >= 0, 1, small) / (1 + small)
    return result


def apply_temperature(logits: ArrayLike, temperature: float) -> NDArray[np.floating]:
    """Return the probabilities sigmoid(logit / temperature).

    Parameters
    ----------
    logits : array_like of float, any shape
    temperature : float
        Positive; above 1 it draws probabilities towards one half.

    Returns
    -------
    ndarray of float, of the same shape
        In [0, 1], in the precision of `logits`.

    Raises
    ------
    ValueError
        If the temperature is not positive and finite.

    Examples
    --------
    >>> apply_temperature([0.0, 2.0], 2.0).round(4).tolist()
    [0.5, 0.7311]
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be positive and finite, got {temperature}")
    given = np.asarray(logits)
    values = given if np.issubdtype(given.dtype, np.floating) else given.astype(np.float64)
    return sigmoid(values / values.dtype.type(temperature))


def negative_log_likelihood(labels: ArrayLike, logits: ArrayLike, temperature: float = 1.0) -> float:
    """Return the mean of -log P(label) in nats, at a temperature.

    Raises
    ------
    ValueError
        As `metrics.checked` does.

    Examples
    --------
    >>> round(negative_log_likelihood([1, 0], [0.0, 0.0]), 6)
    0.693147
    """
    truth, values = checked(labels, logits)
    return float(np.logaddexp(0, np.where(truth, -values, values) / temperature).mean())


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Return the temperature at which the logits explain the labels best (least negative log-likelihood).

    In 1 / temperature the likelihood is concave, so its one maximum is found by halving the interval in which its slope changes
    sign. Where the data set no limit (logits that part the classes fully ask for temperature 0, logits that
    point the wrong way for infinity), the nearest of `LOWEST_TEMPERATURE` and `HIGHEST_TEMPERATURE` is given. With one class
    only, or with logits that are all 0, there is nothing to fit: 1.0.

    Parameters
    ----------
    logits : (N,) array_like of float
    labels : (N,) array_like of 0 and 1, or bool

    Returns
    -------
    float
        In [`LOWEST_TEMPERATURE`, `HIGHEST_TEMPERATURE`].

    Raises
    ------
    ValueError
        As `metrics.checked` does.

    References
    ----------
    .. [1] C. Guo et al., On calibration of modern neural networks, ICML 2017, section 4.2.

    Examples
    --------
    >>> fit_temperature([1.0, 1.0, 1.0, 1.0], [1, 1, 1, 1])
    1.0
    >>> round(fit_temperature([2.0, 2.0, 2.0, -2.0, -2.0, -2.0], [1, 1, 0, 0, 0, 1]), 4)  # log(2/1) = 2 / T
    2.8854
    """
    truth, values = checked(labels, logits)
    if truth.all() or not truth.any() or not values.any():
        return 1.0

    def slope(inverse: float) -> float:
        return float((values * (truth - sigmoid(values * inverse))).sum())

    low, high = 1 / HIGHEST_TEMPERATURE, 1 / LOWEST_TEMPERATURE
    if slope(low) <= 0:
        return HIGHEST_TEMPERATURE
    if slope(high) >= 0:
        return LOWEST_TEMPERATURE
    for _ in range(60):  # 20 / 2**60 is below what float64 can tell apart here
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return 2 / (low + high)


def fit_line(logits: ArrayLike, labels: ArrayLike, *, share: float | None = None) -> tuple[float, float]:
    """Return the slope and intercept of a logistic regression of the labels on the logits.

    For scores that a temperature alone cannot calibrate, since they are high or low throughout: the probability is
    sigmoid(slope x logit + intercept). The labels are drawn a little towards one half, as by Platt, so that classes that
    part fully give finite numbers.

    Parameters
    ----------
    logits : (N,) array_like of float
    labels : (N,) array_like of 0 and 1, or bool
    share : float, optional
        The probability is to hold where this share of samples is positive, in (0, 1); without it, where as many are as here.

    Returns
    -------
    slope, intercept : float
        (1.0, 0.0) where a class is missing; the slope is never below 0, so that no order is turned round.

    Raises
    ------
    ValueError
        As `metrics.checked` does.

    References
    ----------
    .. [1] J. Platt, "Probabilistic outputs for support vector machines", 1999, section 2.2.

    Examples
    --------
    >>> fit_line([1.0, 2.0], [1, 1])
    (1.0, 0.0)
    >>> slope, intercept = fit_line([0.0] * 10 + [1.0] * 10, [1] * 2 + [0] * 8 + [1] * 8 + [0] * 2)
    >>> round(slope, 1), round(intercept, 1)
    (2.2, -1.1)
    """
    truth, values = checked(labels, logits)
    if truth.all() or not truth.any():
        return 1.0, 0.0
    positive, negative = int(truth.sum()), int((~truth).sum())
    target = np.where(truth, (positive + 1) / (positive + 2), 1 / (negative + 2))
    counted = np.ones_like(values) if share is None else np.where(truth, share / positive, (1 - share) / negative) * values.size
    centre, spread = float(values.mean()), float(values.std()) or 1.0
    columns = np.stack([(values - centre) / spread, np.ones_like(values)], axis=1)
    weights = np.zeros(2)
    for _ in range(50):  # Newton's steps on a convex loss, held back by a trace of a prior
        likely = sigmoid(columns @ weights)
        slope = columns.T @ (counted * (likely - target)) + 1e-3 * weights
        curve = (columns * (counted * likely * (1 - likely))[:, None]).T @ columns + 1e-3 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        weights = weights - np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    if weights[0] <= 0:
        mean = np.average(target, weights=counted)
        return 0.0, float(np.log(mean / (1 - mean)))
    return float(weights[0] / spread), float(weights[1] - weights[0] * centre / spread)


def calibration_slope(labels: ArrayLike, probabilities: ArrayLike) -> float | None:
    """Return the slope of a logistic regression of the labels on the logit of the probabilities: 1 is right.

    Below 1 the probabilities are too extreme (as after over-fitting), above 1 too timid.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
    probabilities : (N,) array_like of float
        In [0, 1]; those nearer to 0 or 1 than `CERTAIN` count as that near.

    Returns
    -------
    float or None
        None where a class is absent, all probabilities are the same, or they part the classes fully: there is no finite slope.

    Raises
    ------
    ValueError
        As `metrics.checked` does, or if a probability lies outside [0, 1].

    References
    ----------
    .. [1] D. R. Cox, Biometrika 45 (1958) 562-565.
    .. [2] B. Van Calster et al., BMC Med. 17 (2019) 230: weak calibration.

    Examples
    --------
    >>> round(calibration_slope([0] * 8 + [1] * 2 + [0] * 2 + [1] * 8, [.2] * 10 + [.8] * 10), 6)
    1.0
    >>> round(calibration_slope([0] * 6 + [1] * 4 + [0] * 4 + [1] * 6, [.2] * 10 + [.8] * 10), 6)  # log(1.5) / log(4)
    0.292481
    """
    return _whole(calibration_slope_statistic(labels, probabilities), labels)


def calibration_intercept(labels: ArrayLike, probabilities: ArrayLike) -> float | None:
    """Return by how much all logits would have to be raised for the mean probability to be the share of positives: 0 is right.

    The intercept of a logistic regression with slope 1, "calibration in the large". Above 0 the probabilities are too low.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
    probabilities : (N,) array_like of float
        In [0, 1]; those nearer to 0 or 1 than `CERTAIN` count as that near.

    Returns
    -------
    float or None
        None where a class is absent.

    Raises
    ------
    ValueError
        As `calibration_slope` does.

    Examples
    --------
    >>> round(calibration_intercept([1, 0, 1, 1], [.5, .5, .5, .5]), 6)  # log 3
    1.098612
    """
    return _whole(calibration_intercept_statistic(labels, probabilities), labels)


def _whole(statistic: Statistic, labels: ArrayLike) -> float | None:
    value = float(statistic(np.ones((1, np.size(labels))))[0])
    return value if np.isfinite(value) else None


def calibration_slope_statistic(labels: ArrayLike, probabilities: ArrayLike) -> Statistic:
    """Return `calibration_slope` as a statistic of weights; NaN where there is none.

    Raises
    ------
    ValueError
        As `calibration_slope` does.
    """
    truth, logits = _truth_and_logits(labels, probabilities)
    return lambda weights: _regressed(weights, truth, logits, free_slope=True)[1]


def calibration_intercept_statistic(labels: ArrayLike, probabilities: ArrayLike) -> Statistic:
    """Return `calibration_intercept` as a statistic of weights; NaN where there is none.

    Raises
    ------
    ValueError
        As `calibration_slope` does.
    """
    truth, logits = _truth_and_logits(labels, probabilities)
    return lambda weights: _regressed(weights, truth, logits, free_slope=False)[0]


def _truth_and_logits(labels: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    truth, values = checked(labels, probabilities)
    if (values < 0).any() or (values > 1).any():
        raise ValueError(f"probabilities must lie in [0, 1], got {values.min():.6g} to {values.max():.6g}")
    kept = np.clip(values, CERTAIN, 1 - CERTAIN)
    return truth.astype(np.float64), np.log(kept / (1 - kept))


def _regressed(
    weights: NDArray[np.float64], truth: NDArray[np.float64], logits: NDArray[np.float64], *, free_slope: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return intercept and slope of weighted logistic regressions (B each); NaN where there is no finite one.

    Resamples start where the data themselves end, which takes few of Newton's steps; those that do not settle start anew, carefully.
    """
    spread = float(logits.std()) if free_slope and logits.std() > 0 else 1.0
    scaled = logits / spread
    line = np.tile(_carefully(np.ones((1, truth.size)), truth, scaled, free_slope=free_slope), (len(weights), 1))
    positives, whole = weights @ truth, weights.sum(axis=1)
    line[(positives == 0) | (positives == whole)] = np.nan
    going = np.flatnonzero(np.isfinite(line[:, 0]))
    for _ in range(_FEW_STEPS):
        step = _newton_step(weights[going], truth, scaled, line[going, :1] + line[going, 1:] * scaled, free_slope=free_slope)
        line[going] += step
        going = going[~(np.abs(step).max(axis=1) < _SETTLED)]  # NaN is not settled
        if not going.size:
            break
    else:
        line[going] = _carefully(weights[going], truth, scaled, free_slope=free_slope)
    return line[:, 0], line[:, 1] / spread


_FEW_STEPS, _MOST_STEPS = 8, 60
_SETTLED = 1e-6
"""A step this small, in units of the logits' spread, was the last: the next would be its square."""


def _carefully(
    weights: NDArray[np.float64], truth: NDArray[np.float64], logits: NDArray[np.float64], *, free_slope: bool
) -> NDArray[np.float64]:
    """Return (intercept, slope) of weighted logistic regressions (B, 2); NaN where there is no finite one.

    By Newton's steps, each halved until it raises the likelihood: logits are far from 0 where a network is sure of itself.
    """
    line = np.tile([0.0, 0.0 if free_slope else 1.0], (len(weights), 1))
    positives, whole = weights @ truth, weights.sum(axis=1)
    line[(positives == 0) | (positives == whole)] = np.nan
    step, reached = np.zeros_like(line), np.full(len(line), -np.inf)
    going = np.flatnonzero(np.isfinite(line[:, 0]))
    for _ in range(_MOST_STEPS):
        if not going.size:
            return line
        tried = line[going] + step[going]
        odds = tried[:, :1] + tried[:, 1:] * logits
        likelihood = ((truth * odds - np.logaddexp(0, odds)) * weights[going]).sum(axis=1)
        better = likelihood >= reached[going] - 1e-12 * np.abs(likelihood)
        step[going[~better]] /= 2
        kept = going[better]
        line[kept], reached[kept] = tried[better], likelihood[better]
        step[kept] = _newton_step(weights[kept], truth, logits, odds[better], free_slope=free_slope)
        line[kept[np.isnan(step[kept, 0]) | (np.abs(line[kept]) > STEEPEST).any(axis=1)]] = np.nan
        settled = going[np.abs(step[going]).max(axis=1) < _SETTLED]
        line[settled] += step[settled]
        going = going[~np.isin(going, settled) & np.isfinite(line[going, 0])]
    line[going] = np.nan
    return line


def _newton_step(
    weights: NDArray[np.float64], truth: NDArray[np.float64], logits: NDArray[np.float64], odds: NDArray[np.float64], *, free_slope: bool
) -> NDArray[np.float64]:
    """Return the steps (B, 2) of intercept and slope; NaN where the likelihood is flat (all logits the same)."""
    likely = sigmoid(odds)
    left, curve = weights * (truth - likely), weights * likely * (1 - likely)
    first, turn = left.sum(axis=1), curve.sum(axis=1)
    if not free_slope:
        return np.stack([_over(first, turn), np.zeros(len(first))], axis=1)
    second, both, across = left @ logits, curve @ logits**2, curve @ logits
    area = turn * both - across**2
    area[area <= 1e-12 * turn * both] = 0
    return np.stack([_over(first * both - second * across, area), _over(second * turn - first * across, area)], axis=1)


def _over(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One bin of a reliability figure: mean probability stated, frequency observed, samples in it."""

    probability: float
    frequency: float
    n: int


def reliability(labels: ArrayLike, probabilities: ArrayLike, *, bins: int = 10) -> list[ReliabilityBin]:
    """Return stated probability against observed frequency in bins of equally many samples, lowest probability first.

    The bins are those of `metrics.expected_calibration_error`.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
    probabilities : (N,) array_like of float
    bins : int
        At least 1; fewer where there are fewer samples.

    Returns
    -------
    list of ReliabilityBin

    Raises
    ------
    ValueError
        As `metrics.checked` does, or if `bins` is less than 1.

    Examples
    --------
    >>> reliability([0, 1], [0.25, 0.75], bins=1)
    [ReliabilityBin(probability=0.5, frequency=0.5, n=2)]
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    truth, values = checked(labels, probabilities)
    parts, share = np.array_split(np.argsort(values, kind="stable"), min(bins, truth.size)), tie_means(values, truth)
    return [ReliabilityBin(float(values[part].mean()), float(share[part].mean()), int(part.size)) for part in parts]

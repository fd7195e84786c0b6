"""Ways to make a score a probability that holds: temperature, Platt's line, isotonic steps; each fitted once, kept as plain numbers.

Fitted on validation samples, never on those that a figure is about. `fit` gives numbers that go into JSON, `apply` needs nothing else;
only fitting the isotonic one loads scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.calibration import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE, apply_temperature, fit_line, fit_temperature, sigmoid
from breastcad.evaluate.metrics import checked

METHODS = ("temperature", "platt", "isotonic")
UNCHANGED = "none"
_LIMIT = 1e-12


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A fitted way from logits to probabilities.

    ``method`` is one of `METHODS`, or ``"none"``: the sigmoid of the logit. ``numbers`` are the temperature; the slope and intercept; or
    the logits and probabilities of the isotonic steps' corners. ``remark`` says where the samples left something to be said.
    """

    method: str
    numbers: dict[str, list[float]] = field(default_factory=dict)
    remark: str | None = None


def fit(method: str, logits: ArrayLike, labels: ArrayLike) -> Calibrator:
    """Fit a calibrator.

    Parameters
    ----------
    method : str
        "temperature", "platt", "isotonic", or "none".
    logits : (N,) array_like of float
        Or any score that rises with what is looked for: Platt's line and isotonic steps do not ask for log-odds.
    labels : (N,) array_like of 0 and 1, or bool

    Returns
    -------
    Calibrator
        With one class only there is nothing to fit: the method is "none". Where all logits are the same, Platt's and the isotonic one say
        the share of positives, drawn a little towards one half. The isotonic one never says less than 1 / (N + 2) or more than
        1 - 1 / (N + 2): that a step holds no positive among a few samples does not make a positive impossible.

    Raises
    ------
    ValueError
        As `metrics.checked` does, or if there is no such method.

    References
    ----------
    .. [1] C. Guo et al., ICML 2017, section 4.2 (temperature).
    .. [2] J. Platt, 1999, section 2.2 (line, its targets drawn towards one half).
    .. [3] B. Zadrozny, C. Elkan, KDD 2002, section 3 (isotonic regression).

    Examples
    --------
    >>> fit("isotonic", [1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1]).numbers
    {'logits': [1.0, 2.0, 3.0, 4.0], 'probabilities': [0.16666666666666666, 0.5, 0.5, 0.8333333333333334]}
    >>> fit("platt", [1.0, 2.0], [1, 1])
    Calibrator(method='none', numbers={}, remark='all 2 samples are of one class: left as it is')
    """
    truth, values = checked(labels, logits)
    if method not in (*METHODS, UNCHANGED):
        raise ValueError(f"method must be one of {', '.join((*METHODS, UNCHANGED))}, got '{method}'")
    if method == UNCHANGED:
        return Calibrator(UNCHANGED)
    if truth.all() or not truth.any():
        return Calibrator(UNCHANGED, {}, f"all {truth.size} samples are of one class: left as it is")
    return {"temperature": _temperature, "platt": _platt, "isotonic": _isotonic}[method](values, truth)


def _temperature(values: NDArray[np.float64], truth: NDArray[np.bool_]) -> Calibrator:
    found = fit_temperature(values, truth)
    remark = {
        LOWEST_TEMPERATURE: "the logits part the classes: the lowest temperature",
        HIGHEST_TEMPERATURE: "the logits tell nothing: the highest temperature",
    }.get(found)
    return Calibrator("temperature", {"temperature": [found]}, remark)


def _platt(values: NDArray[np.float64], truth: NDArray[np.bool_]) -> Calibrator:
    slope, intercept = fit_line(values, truth)
    remark = "the logits do not rise with the class: the share of positives for all" if slope <= _LIMIT else None
    return Calibrator("platt", {"slope": [slope], "intercept": [intercept]}, remark)


def _isotonic(values: NDArray[np.float64], truth: NDArray[np.bool_]) -> Calibrator:
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 - who only applies one does not load it

    least = 1 / (truth.size + 2)
    fitted = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip").fit(values, truth.astype(np.float64))
    corners = {"logits": fitted.X_thresholds_.tolist(), "probabilities": fitted.y_thresholds_.tolist()}
    flat = fitted.y_thresholds_.min() == fitted.y_thresholds_.max()
    return Calibrator("isotonic", corners, "the logits do not rise with the class: the share of positives for all" if flat else None)


def apply(calibrator: Calibrator, logits: ArrayLike) -> NDArray[np.float64]:
    """Return the probabilities of logits; between the corners of isotonic steps a straight line, beyond them the nearest.

    Parameters
    ----------
    calibrator : Calibrator
    logits : (N,) array_like of float

    Returns
    -------
    (N,) ndarray of float64
        In [0, 1]; never falling where the logits rise.

    Examples
    --------
    >>> apply(Calibrator("isotonic", {"logits": [0.0, 2.0], "probabilities": [0.25, 0.75]}), [-1.0, 1.0, 5.0]).tolist()
    [0.25, 0.5, 0.75]
    """
    values, numbers = np.asarray(logits, np.float64), calibrator.numbers
    if calibrator.method == "temperature":
        return apply_temperature(values, numbers["temperature"][0]).astype(np.float64)
    if calibrator.method == "platt":
        return sigmoid(numbers["slope"][0] * values + numbers["intercept"][0]).astype(np.float64)
    if calibrator.method == "isotonic":
        return np.interp(values, numbers["logits"], numbers["probabilities"])
    return sigmoid(values).astype(np.float64)


def calibrator_of(kept: Mapping[str, Any]) -> Calibrator:
    """Return the calibrator that was kept as JSON (``dataclasses.asdict`` writes it).

    Raises
    ------
    ValueError
        If it is of no method that is known, or lacks its numbers.

    Examples
    --------
    >>> calibrator_of({"method": "temperature", "numbers": {"temperature": [2.0]}})
    Calibrator(method='temperature', numbers={'temperature': [2.0]}, remark=None)
    """
    wanted = {
        "temperature": {"temperature"},
        "platt": {"slope", "intercept"},
        "isotonic": {"logits", "probabilities"},
        UNCHANGED: set[str](),
    }
    method, numbers = kept.get("method"), kept.get("numbers", {})
    if method not in wanted or not isinstance(numbers, Mapping) or set(numbers) != wanted[method]:
        raise ValueError(f"a calibrator must be one of {', '.join(wanted)} with its numbers, got {kept!r:.120}")
    return Calibrator(str(method), {name: [float(one) for one in values] for name, values in numbers.items()}, kept.get("remark"))

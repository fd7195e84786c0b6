"""From networks' logits to probabilities: members, temperature, the mean over folds, their spread, an operating point. Pure numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from breastcad.core.records import Decision, Interval, Possible
from breastcad.infer.model import Outputs

Real = TypeVar("Real", np.float32, np.float64)
_NUMBER_WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}


@dataclass(slots=True)
class ImageNumbers:
    """An image's numbers: calibrated probability, the same without temperature, and its range over folds.

    Of one fold, the range is that over its members; None where there is one network.
    """

    probability: dict[str, float]
    raw: dict[str, float]
    interval: dict[str, Interval] | None


@dataclass(slots=True)
class LesionMaps:
    """Maps, the mean over folds, (h, w) float32 in [0, 1]: ``lesion``, ``malignant`` (lesion and malignant), ``given``.

    ``given`` is the probability of malignancy where there is a lesion.
    """

    lesion: NDArray[np.float32]
    malignant: NDArray[np.float32]
    given: NDArray[np.float32]


def sigmoid(logits: NDArray[Real]) -> NDArray[Real]:
    """Return 1 / (1 + exp(-logits)), without overflow.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return (0.5 * (1 + np.tanh(0.5 * logits))).astype(logits.dtype, copy=False)


Temperatures = Mapping[str, float | Sequence[float]]


HEADS = ("abnormal", "malignant")


def _of(given: Temperatures, name: str, missing: float = 1.0) -> NDArray[np.float64]:
    """Return a head's number, one for all or one a fold."""
    return np.asarray(given.get(name, missing), np.float64)


def image_numbers(outputs: Outputs, temperature: Temperatures, classes: Sequence[str], shift: Temperatures | None = None) -> ImageNumbers:
    """Return what a model says of a whole image.

    Each fold's logits, the mean over its members, are divided by their temperature and made probabilities; P(malignant) =
    P(abnormal) P(malignant given abnormal), P(benign) = P(abnormal) - P(malignant), P(normal) = 1 - P(abnormal); then the mean
    over folds. A model that does not know the class normal was shown abnormal images only: there P(abnormal) is left out,
    and benign and malignant sum to 1.

    Parameters
    ----------
    outputs : Outputs
    temperature : mapping of str to float or to a list of float, one a fold
        For ``"abnormal"`` and ``"malignant"``; 1 where it is missing.
    classes : sequence of str
        Those that the model knows, of normal, benign, malignant.
    shift : mapping of str to float or to a list of float, one a fold, optional
        For ``"abnormal"``: added to the logit before it is divided; 0 where it is missing.
    """
    by_fold = outputs.logits.mean(axis=1)
    moves = np.stack([np.broadcast_to(_of(shift or {}, name, 0.0), len(by_fold)) for name in HEADS], axis=1)
    calibrated = _classes(by_fold + moves, temperature, classes)
    plain = _classes(by_fold, {}, classes)
    raw = {name: float(values.mean()) for name, values in plain.items() if name in ("malignant", "abnormal")}
    probability = {name: float(values.mean()) for name, values in calibrated.items()}
    several = calibrated if len(by_fold) > 1 else _classes(outputs.logits[0] + moves, temperature, classes)
    word = "folds" if len(by_fold) > 1 else "networks"
    return ImageNumbers(probability, raw, _intervals({name: several[name] for name in raw}, probability, word))


def _classes(logits: NDArray[Real], temperature: Temperatures, classes: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return each class's probability in each fold, (F,) float64, in the order of findings.json."""
    logits64 = logits.astype(np.float64)
    abnormal = sigmoid(logits64[:, 0] / _of(temperature, "abnormal")) if "normal" in classes else np.ones(len(logits64))
    malignant = abnormal * sigmoid(logits64[:, 1] / _of(temperature, "malignant"))
    known = {"normal": 1 - abnormal, "benign": abnormal - malignant, "malignant": malignant}
    chosen = {name: values for name, values in known.items() if name in classes}
    if "normal" in classes:
        chosen["abnormal"] = abnormal
    return chosen


def _intervals(several: dict[str, NDArray[np.float64]], answer: Mapping[str, float], word: str) -> dict[str, Interval] | None:
    """Return the lowest and highest of several folds or networks, and of the answer, which a mean of logits can put beside them.

    Of n alike, one more would lie between the lowest and the highest with probability (n - 1) / (n + 1): the level.
    """
    count = len(next(iter(several.values()), []))
    if count < 2:
        return None
    method = f"{_NUMBER_WORDS.get(count, str(count))} {word}"
    level = (count - 1) / (count + 1)
    ends = {name: (min(float(values.min()), answer[name]), max(float(values.max()), answer[name])) for name, values in several.items()}
    return {name: Interval(*pair, level, method) for name, pair in ends.items()}


def lesion_maps(outputs: Outputs, temperature: Temperatures) -> LesionMaps:
    """Return a model's maps as probabilities, the mean over folds.

    Parameters
    ----------
    outputs : Outputs
    temperature : mapping of str to float or to a list of float, one a fold
        For ``"lesion"`` and ``"malignant"``; 1 where it is missing. A map is never calibrated pixel by pixel: see `mark_probability`.
    """
    by_fold = {name: _of(temperature, name).astype(np.float32).reshape(-1, 1, 1) for name in ("lesion", "malignant")}
    lesion = sigmoid(outputs.maps[:, 0] / by_fold["lesion"])
    given = sigmoid(outputs.maps[:, 1] / by_fold["malignant"])
    return LesionMaps(*(values.mean(axis=0).astype(np.float32) for values in (lesion, lesion * given, given)))


def mark_probability(outputs: Outputs, line: Mapping[str, Sequence[float]], peak: tuple[int, int]) -> float:
    """Return the probability that a mark is a lesion: its peak's logit in each fold, put on that fold's line; the mean over folds.

    Parameters
    ----------
    outputs : Outputs
    line : mapping
        ``slope`` and ``intercept``, a number a fold each, fitted on validation; 1 and 0 where they are missing.
    peak : (int, int)
        Row and column of the map's pixel.
    """
    logits = outputs.maps[:, 0, peak[0], peak[1]].astype(np.float64)
    slope, intercept = np.asarray(line.get("slope", 1.0)), np.asarray(line.get("intercept", 0.0))
    return float(sigmoid(slope * logits + intercept).mean())


def decision(points: Sequence[Mapping[str, Any]], probability: Mapping[str, float]) -> Decision | None:
    """Return the side of a model's first operating point that an image lies on; None where the model has none.

    Parameters
    ----------
    points : sequence of mapping
        The model's ``operating_points``; each has name, of, threshold, sensitivity, specificity, prevalence.
    probability : mapping of str to float
        Calibrated, as the thresholds are.
    """
    point = next((point for point in points if point["of"] in probability), None)
    if point is None:
        return None
    rates = {name: float(point[name]) for name in ("threshold", "sensitivity", "specificity", "prevalence")}
    return Decision(str(point["name"]), **rates, positive=probability[point["of"]] >= rates["threshold"])


def possible(sets: Mapping[str, float] | None, probability: Mapping[str, float]) -> Possible | None:
    """Return the labels that a model does not rule out for an image; None where it has no such sets.

    Parameters
    ----------
    sets : mapping or None
        The model's ``sets``.
    probability : mapping of str to float
        Calibrated, as the thresholds are.

    Examples
    --------
    >>> possible({"coverage": 0.9, "benign": 0.6, "malignant": 0.7}, {"malignant": 0.4}).labels
    ['not malignant', 'malignant']
    """
    if sets is None or "malignant" not in probability:
        return None
    value = probability["malignant"]
    within = {"not malignant": value <= sets["benign"], "malignant": 1 - value <= sets["malignant"]}
    return Possible([label for label, holds in within.items() if holds], float(sets["coverage"]))

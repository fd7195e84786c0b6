"""Traditional CAD, a fold at a time: scaler, selection, classifier and calibration, each fitted on nothing that the fold tests.

What is learnt from is in `feature_table`, pipelines are in `models.classical`; the run folder is kept by `run`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.core.records import PARTS, PredictionRow
from breastcad.evaluate.calibration import fit_line, sigmoid
from breastcad.models import classical
from breastcad.models.classical_parameters import Parameters
from breastcad.train.classical_settings import ClassicalSettings
from breastcad.train.feature_table import FeatureTable, Key, Sample, looked_up

MODEL = "model.skops"
Line = tuple[float, float]
"""Slope and intercept of a calibration."""


def train_classical_fold(
    table: FeatureTable, part_of: Mapping[Key, str], settings: ClassicalSettings, folder: Path, fold: tuple[int, int]
) -> tuple[list[PredictionRow], dict[str, Any]]:
    """Fit a fold's model, write it into its folder, and say what it says of validation and test.

    Parameters
    ----------
    table : FeatureTable
    part_of : mapping
        (set, sample id or image id) -> part, in this fold.
    settings : ClassicalSettings
    folder : Path
        Where model.skops is written.
    fold : (int, int)
        Repeat and outer fold.

    Returns
    -------
    predictions : list of PredictionRow
        Of level ``patch``. ``raw`` is the score before calibration (`models.classical.scores`).
    facts : dict
        For fold.json: calibration, classes, trained_on; how many samples each part has, the features that the classifier sees, the
        parameters that a search chose with what they reached, and remarks.

    Raises
    ------
    InputError
        If train or validation is empty, a class is missing in train, or as `models.classical.fit` does.
    """
    parts = {part: [i for i, sample in enumerate(table.samples) if looked_up(part_of, sample.row) == part] for part in PARTS}
    numbers = np.array([sample.number for sample in table.samples], np.int64)
    names = ["+".join(one) for one in settings.class_names()]
    _check_parts(parts, numbers, names)
    train = parts["train"]
    pipeline = classical.build_pipeline(_parameters(settings), len(table.names), len(names))
    fitted = classical.fit(
        pipeline, table.values[train], numbers[train], groups=[table.samples[i].group for i in train],
        folds=settings.inner_folds if settings.search == "inner" else 0, kind=settings.classifier,
    )  # fmt: skip
    classical.save(folder / MODEL, fitted.pipeline)
    said = {part: _scores(fitted.pipeline, table, parts[part], len(train), len(names)) for part in ("validation", "test")}
    lines = calibration(said["validation"], numbers[parts["validation"]])
    rows = [
        row
        for part, found in said.items()
        for row in _rows([table.samples[i] for i in parts[part]], found, probabilities(found, lines), settings, fold, part)
    ]
    facts: dict[str, Any] = {
        "calibration": {name: {"slope": slope, "intercept": intercept} for name, (slope, intercept) in zip(names, lines, strict=True)},
        "classes": names,
        "trained_on": sorted({table.samples[i].row.set for i in train}),
        "samples": {part: len(places) for part, places in parts.items()},
        "selected": classical.selected(fitted.pipeline, table.names),
        "chosen": fitted.chosen,
        "inner_score": fitted.score,
        "remarks": fitted.remarks,
    }
    return rows, facts


def _check_parts(parts: Mapping[str, list[int]], numbers: NDArray[np.int64], names: Sequence[str]) -> None:
    for part in ("train", "validation"):
        if not parts[part]:
            raise InputError(f"no window of the split's part '{part}' could be measured; make another split, or cut other windows")
    missing = [name for number, name in enumerate(names) if number not in numbers[parts["train"]]]
    if missing:
        raise InputError(f"the training part has no window of the class '{missing[0]}'; make another split, or set other classes")


def _parameters(settings: ClassicalSettings) -> Parameters:
    """Return the settings that a pipeline is built of: those of the same names."""
    return Parameters(**{entry.name: getattr(settings, entry.name) for entry in fields(Parameters)})


def _scores(pipeline: Any, table: FeatureTable, places: list[int], trained_on: int, classes: int) -> NDArray[np.float64]:
    return classical.scores(pipeline, table.values[places], trained_on) if places else np.empty((0, classes))


def calibration(scores: NDArray[np.float64], numbers: NDArray[np.int64]) -> list[Line]:
    """Return for each class the line from its score to the logit of its probability, fitted on validation samples.

    Parameters
    ----------
    scores : (N, K) ndarray of float64
    numbers : (N,) ndarray of int64
        Class numbers.

    Returns
    -------
    list of (slope, intercept)
        Of two classes the first's line mirrors the second's, so that both probabilities sum to 1. (1, 0) where the part has one class only.

    References
    ----------
    .. [1] J. Platt 1999 (`evaluate.calibration.fit_line`); B. Zadrozny, C. Elkan, KDD 2002, section 4: one line a class, then normalised.
    """
    if scores.shape[1] == 2:
        slope, intercept = fit_line(scores[:, 1], numbers == 1)
        return [(slope, -intercept), (slope, intercept)]
    return [fit_line(scores[:, number], numbers == number) for number in range(scores.shape[1])]


def probabilities(scores: NDArray[np.float64], lines: Sequence[Line]) -> NDArray[np.float64]:
    """Return the probability of each class, (N, K), of scores (N, K) and the classes' lines; they sum to 1.

    Examples
    --------
    >>> probabilities(np.array([[-1.0, 1.0], [2.0, -2.0]]), [(1.0, 0.0), (1.0, 0.0)]).round(3).tolist()
    [[0.269, 0.731], [0.881, 0.119]]
    """
    slopes, intercepts = (np.array(values) for values in zip(*lines, strict=True))
    likely = np.maximum(sigmoid(scores * slopes + intercepts), 1e-300)  # all far below 0: still a quotient
    return np.asarray(likely / likely.sum(axis=1, keepdims=True), np.float64)


def _rows(
    samples: Sequence[Sample],
    scores: NDArray[np.float64],
    likely: NDArray[np.float64],
    settings: ClassicalSettings,
    fold: tuple[int, int],
    part: str,
) -> list[PredictionRow]:
    classes = settings.class_names()
    labels = label_classes(classes)
    return [
        PredictionRow(
            set=sample.row.set, id=sample.row.sample_id, patient=sample.row.patient_id, group=sample.group,
            repeat=fold[0], outer=fold[1], inner=0, part=part, level="patch", label=sample.row.label,
            raw={"+".join(one): float(score) for one, score in zip(classes, said, strict=True)},
            probability={label: min(1.0, float(sum(shares[number] for number in numbers))) for label, numbers in labels.items()},
            image=sample.row.image_id, breast=sample.breast, kind=sample.kind,
        )
        for sample, said, shares in zip(samples, scores, likely, strict=True)
    ]  # fmt: skip


def label_classes(classes: Sequence[tuple[str, ...]]) -> dict[str, list[int]]:
    """Return, of each label that has a probability of its own, the classes that it sums over: none of them holds another label.

    Examples
    --------
    >>> label_classes([("normal", "benign"), ("malignant mass",), ("malignant calcification",)])
    {'malignant': [1, 2]}
    """
    of = [{name.partition(" ")[0] for name in one} for one in classes]
    return {
        label: [number for number, one in enumerate(of) if label in one]
        for label in dict.fromkeys(name.partition(" ")[0] for one in classes for name in one)
        if all(one == {label} for one in of if label in one)
    }

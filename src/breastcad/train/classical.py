"""Traditional CAD, a fold at a time: scaler, selection, classifier and calibration, each fitted on nothing that the fold tests.

What is learnt from is in `feature_table`, pipelines are in `models.classical`, the run folder is in `classical_run`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.core.records import PARTS, PredictionRow
from breastcad.evaluate.aggregation import breast_of
from breastcad.evaluate.calibration import fit_line, sigmoid
from breastcad.models import classical
from breastcad.models.classical_parameters import Parameters
from breastcad.train.classical_settings import ClassicalSettings
from breastcad.train.classifier_run import by_label
from breastcad.train.feature_table import FeatureTable, Key, looked_up
from breastcad.train.loop import Fold
from breastcad.train.windows import Window

MODEL = "model.skops"
Line = tuple[float, float]
"""Slope and intercept of a calibration."""


def train_classical_fold(
    table: FeatureTable, part_of: Mapping[Key, str], settings: ClassicalSettings, folder: Path, fold: Fold
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
        Of windows. ``raw`` is the score before calibration (`models.classical.scores`).
    facts : dict
        For fold.json: calibration, classes, trained_on; how many samples each part has of each class, the features that the classifier
        sees, the parameters that a search chose and the score they reached, remarks, and the version of scikit-learn.

    Raises
    ------
    InputError
        If train or validation is empty, a class is missing in train, or as `models.classical.fit` does.
    """
    parts = {part: [i for i, window in enumerate(table.windows) if looked_up(part_of, window.row) == part] for part in PARTS}
    targets = np.array([window.target for window in table.windows], np.int64)
    names = ["+".join(one) for one in settings.class_names()]
    _check_parts(parts, targets, names)
    train = parts["train"]
    pipeline = classical.build_pipeline(_parameters(settings, fold[0]), len(table.names), len(names))
    fitted = classical.fit(
        pipeline, table.values[train], targets[train], groups=[table.windows[i].group for i in train],
        folds=settings.inner_folds if settings.search == "inner" else 0, kind=settings.classifier,
    )  # fmt: skip
    classical.save(folder / MODEL, fitted.pipeline)
    said = {part: _scores(fitted.pipeline, table, parts[part], len(train), len(names)) for part in ("validation", "test")}
    lines = calibration(said["validation"], targets[parts["validation"]])
    rows = [
        row
        for part, found in said.items()
        for row in _rows([table.windows[i] for i in parts[part]], found, probabilities(found, lines), settings, fold, part)
    ]
    facts: dict[str, Any] = {
        "calibration": {name: {"slope": slope, "intercept": intercept} for name, (slope, intercept) in zip(names, lines, strict=True)},
        "classes": names,
        "samples": {part: dict(sorted(Counter(names[targets[i]] for i in places).items())) for part, places in parts.items()},
        "trained_on": sorted({table.windows[i].row.set for i in train}),
        "selected": classical.selected(fitted.pipeline, table.names),
        "chosen": fitted.chosen,
        "inner_score": fitted.score,
        "remarks": fitted.remarks,
        "scikit-learn": sklearn.__version__,
    }
    return rows, facts


def _rows(
    windows: Sequence[Window],
    scores: NDArray[np.float64],
    likely: NDArray[np.float64],
    settings: ClassicalSettings,
    fold: Fold,
    part: str,
) -> list[PredictionRow]:
    classes = settings.class_names()
    rows = []
    for window, said, shares in zip(windows, scores.tolist(), likely.tolist(), strict=True):
        row, image = window.row, window.image
        one = PredictionRow(*window.key, image.patient_id, window.group, *fold, 0, part, "patch", row.label)
        one.raw = {"+".join(names): score for names, score in zip(classes, said, strict=True)}
        one.probability = by_label(shares, classes)
        one.image, one.breast, one.kind = image.image_id, breast_of(image), window.kind
        rows.append(one)
    return rows


def _check_parts(parts: Mapping[str, list[int]], targets: NDArray[np.int64], names: Sequence[str]) -> None:
    for part in ("train", "validation"):
        if not parts[part]:
            raise InputError(f"no window of the split's part '{part}' could be measured; make another split, or cut other windows")
    missing = [name for number, name in enumerate(names) if number not in targets[parts["train"]]]
    if missing:
        raise InputError(f"the training part has no window of the class '{missing[0]}'; make another split, or set other classes")


def _parameters(settings: ClassicalSettings, repeat: int) -> Parameters:
    """Return the settings that a pipeline is built of, those of the same names; a repeat has another seed."""
    named = {entry.name: getattr(settings, entry.name) for entry in fields(Parameters)}
    return Parameters(**named | {"seed": settings.seed + 1000 * repeat})


def _scores(pipeline: Any, table: FeatureTable, places: list[int], trained_on: int, classes: int) -> NDArray[np.float64]:
    return classical.scores(pipeline, table.values[places], trained_on) if places else np.empty((0, classes))


def calibration(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> list[Line]:
    """Return for each class the line from its score to the logit of its probability, fitted on validation samples.

    Parameters
    ----------
    scores : (N, K) ndarray of float64
    targets : (N,) ndarray of int64
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
        slope, intercept = fit_line(scores[:, 1], targets == 1)
        return [(slope, -intercept), (slope, intercept)]
    return [fit_line(scores[:, number], targets == number) for number in range(scores.shape[1])]


def probabilities(scores: NDArray[np.float64], lines: Sequence[Line]) -> NDArray[np.float64]:
    """Return the probability of each class, (N, K), of scores (N, K) and the classes' lines; they sum to 1, and none is 0.

    Examples
    --------
    >>> probabilities(np.array([[-1.0, 1.0], [2.0, -2.0]]), [(1.0, 0.0), (1.0, 0.0)]).round(3).tolist()
    [[0.269, 0.731], [0.881, 0.119]]
    """
    slopes, intercepts = (np.array(values) for values in zip(*lines, strict=True))
    likely = np.maximum(sigmoid(scores * slopes + intercepts), 1e-300)  # all far below 0: still a quotient
    return np.asarray(likely / likely.sum(axis=1, keepdims=True), np.float64)

"""The model file at the end of a run: its networks side by side, and in the metadata all that inference needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np

import breastcad
from breastcad.core.files import read_predictions
from breastcad.core.records import PredictionRow
from breastcad.core.seeding import generator
from breastcad.evaluate.conformal import ONE, fit_conformal
from breastcad.evaluate.metrics import confusion, threshold_for_sensitivity
from breastcad.models.catalogue import RUN_MODEL, bundled
from breastcad.models.export import export_networks
from breastcad.models.metadata import FIELDS, FORMAT, checked
from breastcad.train.lesion_run import seen_of, trained_networks
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.run_folder import Run

SENSITIVITY = 0.90
COVERAGE = 0.90


def export_run(run: Run) -> float:
    """Write a run's model.onnx; return how far its outputs are from the networks' (as `export_networks` does).

    Raises
    ------
    InputError
        As `metadata.checked` and `export_networks` do; nothing is written.
    """
    trained = trained_networks(run)[: cast(LesionSettings, run.settings).model_folds]
    networks, facts = [member.cpu() for members, _ in trained for member in members], [fold for _, fold in trained]
    fitted = [fold["calibration"] for fold in facts]
    predictions, seen = read_predictions(run.folder / "predictions.csv"), seen_of(run)
    seen = None if seen is None else seen[: len(trained)]
    settings, path = cast(LesionSettings, run.settings), run.folder / RUN_MODEL
    metadata: dict[str, Any] = {
        "format": FORMAT,
        "id": own_id(settings.model_id, run.folder),
        "version": breastcad.__version__,
        "modality": settings.modality,
        "input": {"pipeline": settings.pipeline, "rows": settings.rows, "cols": settings.cols},
        "folds": len(trained),
        "members": run.settings.members,
        "temperature": {name: [round(one[name], 6) for one in fitted] for name in ("malignant", "abnormal")},
        "shift": {"abnormal": [round(one["abnormal_shift"], 6) for one in fitted]},
        "abnormal_share": settings.abnormal_share,
        "marks": {name: [round(one[f"mark_{name}"], 6) for one in fitted] for name in ("slope", "intercept")},
        "classes": [label for label in ("normal", "benign", "malignant") if any(label in fold["classes"] for fold in facts)],
        "score_floor": settings.score_floor,
        "mark_level": settings.mark_level,
        "max_marks": settings.max_marks,
        "outline": settings.outline,
        "operating_points": operating_points(predictions),
        "trained_on": sorted({name for fold in facts for name in fold["trained_on"]}),
        "seen": SEEN[settings.modality],
        "not_seen": NOT_SEEN[settings.modality],
        "shortened": settings.shortened,
        "unlike": seen is not None,
        "sets": conformal(predictions, settings.seed),
    }
    if settings.normalisation != "fixed":  # the graph has it; here it can be read
        metadata["normalisation"] = [fold["normalisation"] for fold in facts]
    return export_networks(path, networks, checked(path, metadata), (settings.rows, settings.cols), seen=seen)


def conformal(rows: list[PredictionRow], seed: int) -> dict[str, float] | None:
    """Return thresholds a class of sets that hold the true label of nine images of ten, of malignant images and of others.

    They are fitted on the validation rows of all folds, one image a woman drawn; these rows have calibrated the folds' probabilities and
    chosen their epochs, so that the coverage elsewhere is somewhat lower: `breastcad certainty` measures it on test rows.

    Returns
    -------
    dict or None
        As the metadata's ``sets``; None where validation lacks a class.
    """
    chosen = [row for row in rows if row.part == "validation" and row.level == "image" and row.label != "unknown"]
    truth = [row.label == "malignant" for row in chosen]
    if len(set(truth)) < 2:
        return None
    women, values = [row.group for row in chosen], [row.probability["malignant"] for row in chosen]
    found = fit_conformal(truth, values, women, COVERAGE, generator(seed, "conformal"), by_class=True, on=ONE)
    return {"coverage": COVERAGE, "benign": min(1.0, round(found.negative, 5)), "malignant": min(1.0, round(found.positive, 5))}


def own_id(model_id: str, folder: Path) -> str:
    """Return the id of a run's model: the setting's, but none of a bundled model, whose card and figures are not the run's.

    It then has the run folder's name behind it, where that can be said; a run folder of the very name is where a bundled model is made.

    Examples
    --------
    >>> own_id("us-lesion", Path("runs/clinic")), own_id("us-lesion", Path("runs/us-lesion")), own_id("mine", Path("runs/clinic"))
    ('us-lesion-clinic', 'us-lesion', 'mine')
    """
    name = folder.resolve().name
    with_name = f"{model_id}-{name}" if FIELDS["id"].fits(f"{model_id}-{name}") else f"{model_id}-own"
    return model_id if model_id not in bundled() or name == model_id else with_name


SEEN = {"US": "B-mode ultrasound of the breast", "MG": "scanned film mammograms"}
NOT_SEEN = {
    "US": "Doppler, elastography, three-dimensional or contrast-enhanced ultrasound, axillae, men, implants",
    "MG": "digital mammograms, tomosynthesis, synthetic views, contrast-enhanced mammograms, magnification views, implants, men",
}


def operating_points(rows: list[PredictionRow]) -> list[dict[str, Any]]:
    """Return the point where nine of ten malignant images are called.

    Each fold's threshold comes from its validation rows; its rates, pooled over the folds, from its test rows at that threshold,
    as in the run's figures. The model's own threshold is the mean of the folds'.

    Parameters
    ----------
    rows : list of PredictionRow
        Of all folds.

    Returns
    -------
    list of dict
        Empty where validation or test lacks a class.
    """
    thresholds, truth, called = [], [], []
    for fold in sorted({(row.repeat, row.outer) for row in rows}):
        chosen, scores = _malignant(rows, fold, "validation")
        if all(chosen) or not any(chosen):
            return []
        thresholds.append(threshold_for_sensitivity(chosen, scores, SENSITIVITY))
        tested, scores = _malignant(rows, fold, "test")
        truth += tested
        called += [float(score >= thresholds[-1]) for score in scores]
    if all(truth) or not any(truth):
        return []
    counts = confusion(truth, called, 0.5)
    point = {"threshold": np.mean(thresholds), "sensitivity": counts.sensitivity, "specificity": counts.specificity}
    point["prevalence"] = np.mean(truth)
    return [
        {"name": f"sensitivity {SENSITIVITY:.2f}", "of": "malignant", **{key: round(float(value or 0), 4) for key, value in point.items()}}
    ]


def _malignant(rows: list[PredictionRow], fold: tuple[int, int], part: str) -> tuple[list[bool], list[float]]:
    """Return what is malignant and how probable that was said to be, of a fold's part."""
    chosen = [row for row in rows if (row.repeat, row.outer) == fold and row.part == part and row.label != "unknown"]
    return [row.label == "malignant" for row in chosen], [row.probability["malignant"] for row in chosen]

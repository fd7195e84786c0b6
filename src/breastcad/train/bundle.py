"""The model file at the end of a run: its networks side by side, and in the metadata all that inference needs."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

import breastcad
from breastcad.core.files import read_predictions
from breastcad.core.records import PredictionRow
from breastcad.evaluate.metrics import confusion, threshold_for_sensitivity
from breastcad.models.export import export_networks
from breastcad.train.run import Run, trained_networks

SENSITIVITY = 0.90


def export_run(run: Run) -> float:
    """Write a run's model.onnx; return how far its outputs are from the networks' (as `export_networks` does)."""
    trained = trained_networks(run)[: run.settings.model_folds]
    networks = [network.cpu() for network, _ in trained]
    settings = run.settings
    rows = read_predictions(run.folder / "predictions.csv")
    known = {row.label for row in rows if row.label != "unknown"}
    metadata: dict[str, Any] = {
        "format": 1,
        "id": settings.model_id,
        "version": breastcad.__version__,
        "modality": settings.modality,
        "input": {"pipeline": settings.pipeline, "rows": settings.rows, "cols": settings.cols},
        "folds": len(networks),
        "temperature": {name: [round(fitted[name], 6) for _, fitted in trained] for name in ("malignant", "abnormal")},
        "shift": {"abnormal": [round(fitted["abnormal_shift"], 6) for _, fitted in trained]},
        "abnormal_share": settings.abnormal_share,
        "marks": {name: [round(fitted[f"mark_{name}"], 6) for _, fitted in trained] for name in ("slope", "intercept")},
        "classes": [label for label in ("normal", "benign", "malignant") if label in known],
        "score_floor": settings.score_floor,
        "mark_level": settings.mark_level,
        "max_marks": settings.max_marks,
        "outline": settings.outline,
        "operating_points": operating_points(rows),
        "trained_on": sorted({row.set for row in run.split}),
        "seen": SEEN[settings.modality],
        "not_seen": NOT_SEEN[settings.modality],
        "shortened": settings.shortened,
    }
    return export_networks(run.folder / "model.onnx", networks, metadata, (settings.rows, settings.cols))


SEEN = {"US": "B-mode ultrasound of the breast", "MG": "scanned film mammograms"}
NOT_SEEN = {
    "US": "Doppler, elastography, three-dimensional or contrast-enhanced ultrasound, axillae, men, implants",
    "MG": "digital mammograms, tomosynthesis, synthetic views, contrast-enhanced mammograms, magnification views, implants, men",
}


def operating_points(rows: list[PredictionRow]) -> list[dict[str, Any]]:
    """Return the point where nine of ten malignant images are called: the threshold from validation rows, its rates from test rows.

    Parameters
    ----------
    rows : list of PredictionRow
        Of all folds.

    Returns
    -------
    list of dict
        Empty where validation or test lacks a class.
    """
    point: dict[str, Any] = {}
    for part in ("validation", "test"):
        chosen = [row for row in rows if row.part == part and row.label != "unknown"]
        truth = np.array([row.label == "malignant" for row in chosen], bool)
        scores = np.array([row.probability["malignant"] for row in chosen])
        if truth.all() or not truth.any():
            return []
        if part == "validation":
            point["threshold"] = round(float(threshold_for_sensitivity(truth, scores, SENSITIVITY)), 4)
        else:
            counts = confusion(truth, scores, point["threshold"])
            point |= {name: round(cast(float, getattr(counts, name)), 4) for name in ("sensitivity", "specificity")}
            point["prevalence"] = round(float(truth.mean()), 4)
    return [{"name": f"sensitivity {SENSITIVITY:.2f}", "of": "malignant", **point}]

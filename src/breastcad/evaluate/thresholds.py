"""The threshold of each fold, chosen on its own validation samples."""

from __future__ import annotations

from collections.abc import Sequence

from breastcad.core.records import PredictionRow
from breastcad.evaluate.metrics import threshold_for_sensitivity
from breastcad.evaluate.scopes import Question, truth_of

SENSITIVITY = 0.9


def fold_thresholds(validations: Sequence[PredictionRow], scores: Sequence[float], question: Question) -> dict[tuple[int, int], float]:
    """Return of each (repeat, outer fold) the highest threshold that gives sensitivity 0.90 on its validation rows.

    Parameters
    ----------
    validations : sequence of PredictionRow
        Those that take part in the question, of all folds.
    scores : sequence of float
        Of each row.
    question : Question

    Returns
    -------
    dict
        Without the folds that have no positive validation row.
    """
    by_fold: dict[tuple[int, int], list[int]] = {}
    truth = truth_of(validations, question)
    for i, row in enumerate(validations):
        by_fold.setdefault((row.repeat, row.outer), []).append(i)
    return {
        fold: threshold_for_sensitivity(truth[own], [scores[i] for i in own], SENSITIVITY)
        for fold, own in by_fold.items()
        if truth[own].any()
    }

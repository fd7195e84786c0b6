"""All figures of a run, recomputed from its tables alone: predictions.csv, marks.csv, lesions.csv.

Test images of all outer folds are pooled, each once. A figure is made for each set, and over all sets that hold both of its classes where
there are two such sets: a set with one class only would let the set stand for the class. A figure whose classes are
absent is left out. Images of label "unknown" take part in none. Figures of a run of a lesion network are here, those of classifiers
in `class_figures`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.files import read_yaml
from breastcad.core.records import LesionRow, PredictionRow
from breastcad.evaluate import weighted
from breastcad.evaluate.class_figures import Evaluation, auc_mean_of_folds, class_figures
from breastcad.evaluate.figures import DEFAULT, Figure, Options
from breastcad.evaluate.froc import sensitivity_statistic
from breastcad.evaluate.mark_figures import best_mark_statistics, froc_ratings, marked_images
from breastcad.evaluate.run_tables import RunTables, Sample, read_rows, run_at, tested_levels
from breastcad.evaluate.scopes import (
    ABNORMAL,
    MALIGNANT,
    MALIGNANT_OR_BENIGN,
    Question,
    Scope,
    both_classes,
    figure_or_none,
    names_and_all,
    scope_of,
    truth_of,
)
from breastcad.evaluate.thresholds import SENSITIVITY, fold_thresholds

FALSE_MARK_RATES = (0.25, 0.5, 1.0, 2.0)
CLASSIFIERS = ("classifier", "film", "classical", "sequence")
"""Tasks, in settings.yaml, of runs whose figures are those of `class_figures`."""


def evaluated(folder: str | Path, options: Options = DEFAULT, *, progress: Callable[[str, int, int], None] | None = None) -> Evaluation:
    """Recompute all figures of a run, at every level that it has test rows of or at one.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    options : Options
    progress : callable, optional
        Called before each level with what is done, how many levels are done, of how many.

    Returns
    -------
    Evaluation
        The same, to the last digit, each time: the resamples depend on the figure's name, set and level alone.

    Raises
    ------
    ReadError, InputError
        As `run_tables.read_rows` and `run_tables.run_at` do.
    """
    folder, whole = Path(folder), Evaluation()
    rows = read_rows(folder, aggregation=options.aggregation)
    levels = [options.level] if options.level else tested_levels(folder, rows)
    for done, level in enumerate(levels):
        if progress:
            progress(f"figures and their intervals, level {level}", done, len(levels))
        run = run_at(folder, rows, level)
        whole.add(class_figures(run, options) if is_classifier(folder) else Evaluation(_lesion_figures(run)))
    return whole


def figures(folder: str | Path, *, level: str | None = None) -> list[Figure]:
    """Return the figures of `evaluated`, at one level or at all that the run has.

    Raises
    ------
    ReadError, InputError
        As `evaluated` does.
    """
    return evaluated(folder, Options(level=level)).figures


def is_classifier(folder: Path) -> bool:
    """Return whether the settings of a run say that it is one of a classifier."""
    settings = folder / "settings.yaml"
    return settings.is_file() and read_yaml(settings).get("task") in CLASSIFIERS


def _lesion_figures(run: RunTables) -> list[Figure]:
    found: list[Figure] = []
    for question in (MALIGNANT_OR_BENIGN, ABNORMAL):
        found += _over_sets(run, question, _auc) + _over_sets(run, question, _auc_mean_of_folds)
    found += _over_sets(run, MALIGNANT_OR_BENIGN, _auc_given_abnormal)
    found += _dice(run)
    for question in (MALIGNANT, ABNORMAL):
        found += _over_sets(run, question, _calibration)
    return found + _decisions(run) + _marks(run) + _telling_sets(run)


# ---- samples of a question, a set at a time and over sets ----


def _takes_part(row: Sample | PredictionRow, question: Question) -> bool:
    return row.label in question.labels and question.of in row.probability


def _over_sets(run: RunTables, question: Question, make: Callable[[RunTables, Question, str, list[Sample]], list[Figure]]) -> list[Figure]:
    """Make figures for each set that holds both classes of a question, then over these sets where there are several."""
    asked = both_classes([sample for sample in run.samples if _takes_part(sample, question)], question)
    return [figure for name, own in asked.items() for figure in make(run, question, name, own)]


def _auc(run: RunTables, question: Question, set_name: str, samples: list[Sample]) -> list[Figure]:
    statistic = weighted.auc(truth_of(samples, question), [sample.probability[question.of] for sample in samples])
    how = f"area under the ROC curve of the probability of {question.of}, test images of all folds pooled"
    return figure_or_none(scope_of(samples, question, set_name, run.level), f"auc {question.name}", statistic, how)


def _auc_given_abnormal(run: RunTables, question: Question, set_name: str, samples: list[Sample]) -> list[Figure]:
    """Return the AUC of malignancy for who knows that there is a lesion: of P(malignant) / P(abnormal)."""
    shares = [(sample.probability[question.of], sample.probability.get(ABNORMAL.of)) for sample in samples]
    if not all(whole for _, whole in shares):
        return []
    statistic = weighted.auc(truth_of(samples, question), [part / whole for part, whole in shares if whole])
    how = (
        "area under the ROC curve of the probability of malignant, given abnormal, among images with a lesion, test images of all folds"
        " pooled"
    )
    return figure_or_none(scope_of(samples, question, set_name, run.level), "auc malignant against benign, given abnormal", statistic, how)


def _auc_mean_of_folds(run: RunTables, question: Question, set_name: str, samples: list[Sample]) -> list[Figure]:
    """Return the mean of the folds' own AUCs, where there are several folds and each has both classes."""
    made = auc_mean_of_folds(run, question, samples, lambda row: row.probability[question.of])
    if made is None:
        return []
    statistic, groups, folds = made
    images = scope_of(samples, question, set_name, run.level)
    scope = Scope(set_name, run.level, groups, images.n, images.positives)
    how = f"mean over {folds} folds of the area under the ROC curve of the probability of {question.of}"
    return figure_or_none(scope, f"auc {question.name}, mean of folds", statistic, how)


def _calibration(run: RunTables, question: Question, set_name: str, samples: list[Sample]) -> list[Figure]:
    truth, scope = truth_of(samples, question), scope_of(samples, question, set_name, run.level)
    stated = np.array([sample.probability[question.of] for sample in samples])
    squared = f"mean squared difference of the probability of {question.of} and truth"
    binned = f"expected calibration error of the probability of {question.of}, ten bins of equal size, biased upwards in small samples"
    first = figure_or_none(scope, f"brier {question.of}", weighted.mean((stated - truth) ** 2), squared)
    return first + figure_or_none(scope, f"calibration error {question.of}", weighted.calibration_error(truth, stated), binned, biased=True)


def _dice(run: RunTables) -> list[Figure]:
    """Return the mean Dice overlap over images with a lesion, a set and over all."""
    outlined = [(sample, sample.dice) for sample in run.samples if sample.dice is not None and sample.label in ABNORMAL.positive]
    how = "mean Dice overlap of the predicted and the true lesion mask over images with a lesion"
    found: list[Figure] = []
    for set_name in names_and_all(sample.set for sample, _ in outlined):
        own = [(sample.group, overlap) for sample, overlap in outlined if set_name in ("all", sample.set)]
        scope = Scope(set_name, run.level, [group for group, _ in own], len(own), None)
        found += figure_or_none(scope, "dice", weighted.mean([overlap for _, overlap in own]), how)
    return found


# ---- decisions at a threshold chosen on validation rows ----


def _decisions(run: RunTables) -> list[Figure]:
    """Return sensitivity and specificity for malignancy at the threshold that each fold's validation rows give."""
    rows = [row for row in run.tests if _takes_part(row, MALIGNANT)]
    validations = [row for row in run.validations if _takes_part(row, MALIGNANT)]
    thresholds = fold_thresholds(validations, [row.probability[MALIGNANT.of] for row in validations], MALIGNANT)
    chosen = [thresholds.get((row.repeat, row.outer)) for row in rows]
    if None in chosen:
        return []
    called = np.array([row.probability[MALIGNANT.of] for row in rows]) >= np.array(chosen, dtype=np.float64)
    of_set = {name: [i for i, row in enumerate(rows) if row.set == name] for name in sorted({row.set for row in rows})}
    both = [own for own in of_set.values() if len({rows[i].label in MALIGNANT.positive for i in own}) == 2]
    of_set |= {"all": [i for own in both for i in own]} if len(both) > 1 else {}
    return [figure for name, own in of_set.items() for figure in _rates(run, name, [rows[i] for i in own], called[own])]


def _rates(run: RunTables, set_name: str, rows: list[PredictionRow], called: NDArray[np.bool_]) -> list[Figure]:
    truth = truth_of(rows, MALIGNANT)
    scope = scope_of(rows, MALIGNANT, set_name, run.level)
    found: list[Figure] = []
    for name, wanted in (("sensitivity", True), ("specificity", False)):
        among = truth == wanted
        how = (
            f"{name} for malignancy, benign and normal images being the negatives, each fold at the threshold that gives sensitivity"
            f" {SENSITIVITY:.2f} on its validation images of all sets"
        )
        statistic = weighted.ratio(among & (called == wanted), among)
        found += figure_or_none(scope, f"{name} malignant at the validation threshold", statistic, how, share_of=among)
    return found


# ---- marks ----


def _marks(run: RunTables) -> list[Figure]:
    """Return the shares hit by the best mark and the lesions found at rates of false marks, a set and over all."""
    found: list[Figure] = []
    for set_name in names_and_all(row.set for row in run.lesions or ()):
        found += _best_marks(run, set_name) + _false_mark_rates(run, set_name)
    return found + _closer_looks(run)


def _closer_looks(run: RunTables) -> list[Figure]:
    """Return the AUC of benign against malignant lesions from a closer look at the box that was given of each: of sets with both."""
    by_set: dict[str, list[tuple[LesionRow, float]]] = {}
    for row in run.lesions or ():
        if row.closer_malignant is not None and row.pathology in MALIGNANT_OR_BENIGN.labels:
            by_set.setdefault(row.set, []).append((row, row.closer_malignant))
    both = {name: own for name, own in sorted(by_set.items()) if len({row.pathology for row, _ in own}) == len(MALIGNANT_OR_BENIGN.labels)}
    found = [figure for name, own in both.items() for figure in _closer_look(run, name, own)]
    return found + (_closer_look(run, "all", [one for own in both.values() for one in own]) if len(both) > 1 else [])


def _closer_look(run: RunTables, set_name: str, said: list[tuple[LesionRow, float]]) -> list[Figure]:
    truth = np.array([row.pathology == "malignant" for row, _ in said], dtype=bool)
    lesions = {(row.set, row.image_id, row.lesion_id): row.pathology == "malignant" for row, _ in said}
    scope = Scope(set_name, run.level, [row.group for row, _ in said], len(lesions), sum(lesions.values()))
    how = (
        "area under the ROC curve of the logit of malignancy from a closer look at the box given of each lesion, of the fold that tested"
        " on it; a lesion's own pathology; n and positives are lesions"
    )
    return figure_or_none(scope, "auc malignant against benign, given box", weighted.auc(truth, [logit for _, logit in said]), how)


def _best_marks(run: RunTables, set_name: str) -> list[Figure]:
    lesions, images, groups, counts = best_mark_statistics(marked_images(run, set_name))
    scope = Scope(set_name, run.level, groups, *counts)
    rule = "a mark hits a lesion where it lies inside the lesion's circle or box; positives are lesions"
    of_lesions = f"share of lesions that the best mark of their image hits; {rule}"
    of_images = f"share of images with a lesion whose best mark hits one; {rule}"
    first = figure_or_none(scope, "lesions hit by the best mark", lesions, of_lesions, share_of=[True] * len(groups))
    return first + figure_or_none(scope, "images hit by the best mark", images, of_images, share_of=[True] * len(groups))


def _false_mark_rates(run: RunTables, set_name: str) -> list[Figure]:
    ratings, groups, counts = froc_ratings(marked_images(run, set_name))
    scope = Scope(set_name, run.level, groups, *counts)
    found: list[Figure] = []
    for allowed in FALSE_MARK_RATES:
        how = (
            f"share of lesions with a mark at the lowest threshold that leaves at most {allowed:g} false marks an image, over all images"
            " with lesions or normal, nothing extrapolated past the last mark; positives are lesions"
        )
        name = f"lesions found at {allowed:g} false marks an image"
        found += figure_or_none(scope, name, sensitivity_statistic(ratings, allowed), how, share_of=ratings.lesions > 0)
    return found


# ---- does the set stand for the class? ----


def _telling_sets(run: RunTables) -> list[Figure]:
    """Return, for each two sets, the AUC with which the probability of normal tells them apart among images with a lesion."""
    abnormal = [sample for sample in run.samples if sample.label in ABNORMAL.positive and ABNORMAL.of in sample.probability]
    found: list[Figure] = []
    for first, second in combinations(sorted({sample.set for sample in abnormal}), 2):
        own = [sample for sample in abnormal if sample.set in (first, second)]
        truth = np.array([sample.set == first for sample in own])
        statistic = weighted.auc(truth, [1 - sample.probability[ABNORMAL.of] for sample in own])
        scope = Scope(f"{first}/{second}", run.level, [sample.group for sample in own], len(own), int(truth.sum()))
        how = (
            f"area under the ROC curve with which the probability of normal tells {first} (counted as positive) from {second} among"
            " images with a lesion, 0.5 where it tells nothing"
        )
        found += figure_or_none(scope, "auc of the set by the probability of normal", statistic, how)
    return found

"""All figures of a run, recomputed from its tables alone: predictions.csv, marks.csv, lesions.csv.

Test images of all outer folds are pooled, each once. A figure is made for each set, and over all sets that hold both of its classes where
there are two such sets: a set with one class only would let the set stand for the class. A figure whose classes are
absent is left out. Images of label "unknown" take part in none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.records import LesionRow, PredictionRow
from breastcad.core.seeding import generator
from breastcad.evaluate import weighted
from breastcad.evaluate.figures import Figure
from breastcad.evaluate.froc import sensitivity_statistic
from breastcad.evaluate.intervals import ClusterInterval, UndefinedFigure, cluster_bootstrap, wilson_interval
from breastcad.evaluate.mark_figures import best_mark_statistics, froc_ratings, marked_images
from breastcad.evaluate.metrics import threshold_for_sensitivity
from breastcad.evaluate.run_tables import PART, RunTables, Sample, read_run
from breastcad.evaluate.weighted import Statistic

SEED = 13
REPEATS = 2000
FALSE_MARK_RATES = (0.25, 0.5, 1.0, 2.0)
SENSITIVITY = 0.9


@dataclass(frozen=True, slots=True)
class Question:
    """A class looked for among others: the samples of ``labels`` take part, those of ``positive`` are the ones looked for."""

    name: str
    of: str
    positive: tuple[str, ...]
    labels: tuple[str, ...]


MALIGNANT_OR_BENIGN = Question("malignant against benign", "malignant", ("malignant",), ("benign", "malignant"))
MALIGNANT = Question("malignant", "malignant", ("malignant",), ("normal", "benign", "malignant"))
ABNORMAL = Question("abnormal against normal", "abnormal", ("benign", "malignant"), ("normal", "benign", "malignant"))


@dataclass(frozen=True, slots=True)
class Scope:
    """What a figure is over: a set (or "all", or two) at a level, the group of each row of its statistic, and n and positives."""

    set: str
    level: str
    groups: list[str]
    n: int
    positives: int | None


def figures(folder: str | Path, *, level: str = "image") -> list[Figure]:
    """Recompute all figures of a run.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    level : str
        What a sample is: "patch", "image", "breast" or "patient".

    Returns
    -------
    list of Figure
        The same, to the last digit, each time: the resamples depend on the figure's name alone.

    Raises
    ------
    ReadError, InputError
        As `run_tables.read_run` does.
    """
    run = read_run(folder, level=level)
    found: list[Figure] = []
    for question in (MALIGNANT_OR_BENIGN, ABNORMAL):
        found += _over_sets(run, question, _auc) + _over_sets(run, question, _auc_mean_of_folds)
    found += _over_sets(run, MALIGNANT_OR_BENIGN, _auc_given_abnormal)
    found += _dice(run)
    for question in (MALIGNANT, ABNORMAL):
        found += _over_sets(run, question, _calibration)
    return found + _decisions(run) + _marks(run) + _telling_sets(run)


# ---- one figure ----


def _figure(
    scope: Scope, name: str, statistic: Statistic, how: str, *, share_of: Sequence[bool] | NDArray | None = None, biased: bool = False
) -> list[Figure]:
    """Return a figure with its interval in a list; an empty list where it or its interval is undefined.

    A share (``share_of`` says which rows it is a share of) of 0 or 1 gets Wilson's interval; the interval of a ``biased`` figure,
    which grows when samples are drawn twice, is moved by as much as the resamples' mean lies off, and ends at 0.
    """
    try:
        found = cluster_bootstrap(statistic, scope.groups, generator(SEED, "figures", name, scope.set, PART, scope.level), repeats=REPEATS)
    except UndefinedFigure:
        return []
    trials = len({group for group, counts in zip(scope.groups, share_of, strict=True) if counts}) if share_of is not None else None
    low, high, method = _interval(found, trials)
    if biased:
        low, high = max(0.0, low - (found.mean - found.value)), high - (found.mean - found.value)
        method += ", moved by their mean's distance from the figure"
    whole = f"{how}; {method}."
    return [Figure(name, scope.set, PART, scope.level, found.value, low, high, scope.n, scope.positives, found.clusters, whole)]


def _interval(found: ClusterInterval, trials: int | None) -> tuple[float, float, str]:
    """Return low, high and how they were made; a share of 0 or 1, of so many groups, gets Wilson's: all its resamples agree."""
    method = f"95 % percentile interval over {found.repeats} resamples of groups, seed {SEED}"
    if found.redrawn:
        method += f", {found.redrawn} that left it undefined drawn again"
    if found.low < found.high:
        return found.low, found.high, method
    if trials is not None and found.value in (0.0, 1.0):
        low, high = wilson_interval(found.value * trials, trials)
        return low, high, f"95 % Wilson interval with the {trials} groups that can have it as trials, since all agree"
    return found.low, found.high, f"{method}; all resamples agree, so the interval says nothing"


# ---- samples of a question, a set at a time and over sets ----


def _truth(rows: Sequence[Sample] | Sequence[PredictionRow], question: Question) -> NDArray[np.bool_]:
    return np.array([row.label in question.positive for row in rows], dtype=bool)


def _takes_part(row: Sample | PredictionRow, question: Question) -> bool:
    return row.label in question.labels and question.of in row.probability


def _scope(run: RunTables, question: Question, set_name: str, samples: list[Sample]) -> Scope:
    positives = int(_truth(samples, question).sum())
    return Scope(set_name, run.level, [sample.group for sample in samples], len(samples), positives)


def _over_sets(run: RunTables, question: Question, make: Callable[[RunTables, Question, str, list[Sample]], list[Figure]]) -> list[Figure]:
    """Make figures for each set that holds both classes of a question, then over these sets where there are several."""
    by_set: dict[str, list[Sample]] = {}
    for sample in run.samples:
        if _takes_part(sample, question):
            by_set.setdefault(sample.set, []).append(sample)
    both = {name: own for name, own in sorted(by_set.items()) if 0 < _truth(own, question).sum() < len(own)}
    found = [figure for name, own in both.items() for figure in make(run, question, name, own)]
    if len(both) > 1:
        found += make(run, question, "all", [sample for own in both.values() for sample in own])
    return found


def _names_and_all(sets: Iterable[str]) -> list[str]:
    names = sorted(set(sets))
    return [*names, "all"] if len(names) > 1 else names


def _auc(run: RunTables, question: Question, set_name: str, samples: list[Sample]) -> list[Figure]:
    statistic = weighted.auc(_truth(samples, question), [sample.probability[question.of] for sample in samples])
    how = f"area under the ROC curve of the probability of {question.of}, test images of all folds pooled"
    return _figure(_scope(run, question, set_name, samples), f"auc {question.name}", statistic, how)


def _auc_given_abnormal(run: RunTables, question: Question, set_name: str, samples: list[Sample]) -> list[Figure]:
    """Return the AUC of malignancy for who knows that there is a lesion: of P(malignant) / P(abnormal)."""
    shares = [(sample.probability[question.of], sample.probability.get(ABNORMAL.of)) for sample in samples]
    if not all(whole for _, whole in shares):
        return []
    statistic = weighted.auc(_truth(samples, question), [part / whole for part, whole in shares if whole])
    how = (
        "area under the ROC curve of the probability of malignant, given abnormal, among images with a lesion, test images of all folds"
        " pooled"
    )
    return _figure(_scope(run, question, set_name, samples), "auc malignant against benign, given abnormal", statistic, how)


def _auc_mean_of_folds(run: RunTables, question: Question, set_name: str, samples: list[Sample]) -> list[Figure]:
    """Return the mean of the folds' own AUCs, where there are several folds and each has both classes."""
    wanted = {(sample.set, sample.id) for sample in samples}
    rows = [row for row in run.tests if (row.set, row.id) in wanted]
    fold_of = [(row.repeat, row.outer, row.inner) for row in rows]
    truth, scores = _truth(rows, question), np.array([row.probability[question.of] for row in rows])
    members = [np.array([i for i, own in enumerate(fold_of) if own == fold]) for fold in sorted(set(fold_of))]
    if len(members) < 2 or any(truth[own].all() or not truth[own].any() for own in members):
        return []
    statistic = weighted.mean_of([weighted.auc(truth[own], scores[own]) for own in members], members)
    how = f"mean over {len(members)} folds of the area under the ROC curve of the probability of {question.of}"
    images = _scope(run, question, set_name, samples)
    scope = Scope(set_name, run.level, [row.group for row in rows], images.n, images.positives)
    return _figure(scope, f"auc {question.name}, mean of folds", statistic, how)


def _calibration(run: RunTables, question: Question, set_name: str, samples: list[Sample]) -> list[Figure]:
    truth, scope = _truth(samples, question), _scope(run, question, set_name, samples)
    stated = np.array([sample.probability[question.of] for sample in samples])
    squared = f"mean squared difference of the probability of {question.of} and truth"
    binned = f"expected calibration error of the probability of {question.of}, ten bins of equal size, biased upwards in small samples"
    first = _figure(scope, f"brier {question.of}", weighted.mean((stated - truth) ** 2), squared)
    return first + _figure(scope, f"calibration error {question.of}", weighted.calibration_error(truth, stated), binned, biased=True)


def _dice(run: RunTables) -> list[Figure]:
    """Return the mean Dice overlap over images with a lesion, a set and over all."""
    outlined = [(sample, sample.dice) for sample in run.samples if sample.dice is not None and sample.label in ABNORMAL.positive]
    how = "mean Dice overlap of the predicted and the true lesion mask over images with a lesion"
    found: list[Figure] = []
    for set_name in _names_and_all(sample.set for sample, _ in outlined):
        own = [(sample.group, overlap) for sample, overlap in outlined if set_name in ("all", sample.set)]
        scope = Scope(set_name, run.level, [group for group, _ in own], len(own), None)
        found += _figure(scope, "dice", weighted.mean([overlap for _, overlap in own]), how)
    return found


# ---- decisions at a threshold chosen on validation rows ----


def _decisions(run: RunTables) -> list[Figure]:
    """Return sensitivity and specificity for malignancy at the threshold that each fold's validation rows give."""
    rows = [row for row in run.tests if _takes_part(row, MALIGNANT)]
    thresholds = {fold: _threshold(run, fold) for fold in {(row.repeat, row.outer) for row in rows}}
    chosen = [thresholds[row.repeat, row.outer] for row in rows]
    if None in chosen:
        return []
    called = np.array([row.probability[MALIGNANT.of] for row in rows]) >= np.array(chosen, dtype=np.float64)
    found: list[Figure] = []
    for set_name in _names_and_all(row.set for row in rows):
        own = [i for i, row in enumerate(rows) if set_name in ("all", row.set)]
        found += _rates(run, set_name, [rows[i] for i in own], called[own])
    return found


def _rates(run: RunTables, set_name: str, rows: list[PredictionRow], called: NDArray[np.bool_]) -> list[Figure]:
    truth = _truth(rows, MALIGNANT)
    images = {(row.set, row.id): bool(positive) for row, positive in zip(rows, truth, strict=True)}
    scope = Scope(set_name, run.level, [row.group for row in rows], len(images), sum(images.values()))
    found: list[Figure] = []
    for name, wanted in (("sensitivity", True), ("specificity", False)):
        among = truth == wanted
        how = (
            f"{name} for malignancy, benign and normal images being the negatives, each fold at the threshold that gives sensitivity"
            f" {SENSITIVITY:.2f} on its validation images of all sets"
        )
        statistic = weighted.ratio(among & (called == wanted), among)
        found += _figure(scope, f"{name} malignant at the validation threshold", statistic, how, share_of=among)
    return found


def _threshold(run: RunTables, fold: tuple[int, int]) -> float | None:
    rows = [row for row in run.validations if (row.repeat, row.outer) == fold and _takes_part(row, MALIGNANT)]
    truth = _truth(rows, MALIGNANT)
    scores = [row.probability[MALIGNANT.of] for row in rows]
    return threshold_for_sensitivity(truth, scores, SENSITIVITY) if truth.any() else None


# ---- marks ----


def _marks(run: RunTables) -> list[Figure]:
    """Return the shares hit by the best mark and the lesions found at rates of false marks, a set and over all."""
    found: list[Figure] = []
    for set_name in _names_and_all(row.set for row in run.lesions or ()):
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
    scope = Scope(set_name, run.level, [row.group for row, _ in said], len(said), int(truth.sum()))
    how = (
        "area under the ROC curve of the logit of malignancy from a closer look at the box given of each lesion, of the fold that tested"
        " on it; a lesion's own pathology; n and positives are lesions"
    )
    return _figure(scope, "auc malignant against benign, given box", weighted.auc(truth, [logit for _, logit in said]), how)


def _best_marks(run: RunTables, set_name: str) -> list[Figure]:
    lesions, images, groups, counts = best_mark_statistics(marked_images(run, set_name))
    scope = Scope(set_name, run.level, groups, *counts)
    rule = "a mark hits a lesion where it lies inside the lesion's circle or box; positives are lesions"
    of_lesions = f"share of lesions that the best mark of their image hits; {rule}"
    of_images = f"share of images with a lesion whose best mark hits one; {rule}"
    first = _figure(scope, "lesions hit by the best mark", lesions, of_lesions, share_of=[True] * len(groups))
    return first + _figure(scope, "images hit by the best mark", images, of_images, share_of=[True] * len(groups))


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
        found += _figure(scope, name, sensitivity_statistic(ratings, allowed), how, share_of=ratings.lesions > 0)
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
        found += _figure(scope, "auc of the set by the probability of normal", statistic, how)
    return found

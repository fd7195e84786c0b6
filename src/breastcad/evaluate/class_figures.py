"""Figures of a classifier's run at one level: how well it ranks, whether its probabilities hold, and what it decides.

Decisions are made in two ways, both printed: the label of highest probability (of two classes: 0.5), as publications do, and
the threshold of each fold's validation samples (`thresholds`). What cannot be said is left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from breastcad.core.records import PredictionRow
from breastcad.evaluate import weighted
from breastcad.evaluate.calibration import calibration_intercept_statistic, calibration_slope_statistic
from breastcad.evaluate.classes import called_class, class_names, class_of, have_probabilities
from breastcad.evaluate.curves import average_precision_statistic, partial_auc_statistic, sensitivity_at_specificity_statistic
from breastcad.evaluate.decisions import RATES, Rate, of_counts, predictive_values_at, tally
from breastcad.evaluate.figures import Figure, Options
from breastcad.evaluate.intervals import UndefinedFigure
from breastcad.evaluate.run_tables import RunTables, Sample
from breastcad.evaluate.scopes import (
    ABNORMAL,
    LESION,
    LESION_FOR_MALIGNANT,
    MALIGNANT_OR_BENIGN,
    MALIGNANT_OR_NOT,
    Question,
    Scope,
    both_classes,
    called_by_highest,
    figure_with_interval,
    scope_of,
    stated,
    truth_of,
)
from breastcad.evaluate.thresholds import SENSITIVITY, fold_thresholds
from breastcad.evaluate.weighted import Statistic

QUESTIONS = (MALIGNANT_OR_BENIGN, MALIGNANT_OR_NOT, ABNORMAL, LESION, LESION_FOR_MALIGNANT)
HIGHEST = "highest probability"
HIGHEST_RAW = "highest raw score"
THRESHOLD = "validation threshold"
PARTIAL_FROM = 0.9
NEVER_CALLED = "a class is not there, or nothing is called it"
OVERALL = ("accuracy", "balanced accuracy", "macro precision", "macro f1", "mcc")
PER_CLASS = {"precision": "precision", "recall": "sensitivity", "f1": "f1"}
"""What is said of each class, and what that is called of two classes."""
HOW = {
    "accuracy": "share that is called right",
    "balanced accuracy": "mean of sensitivity and specificity (of several classes: of the recalls)",
    "sensitivity": "share of positives that are called positive",
    "recall": "share of the class that is called it",
    "specificity": "share of negatives that are called negative",
    "precision": "share of what is called positive that is (PPV), at the share of positives in these data",
    "npv": "share of what is called negative that is, at the share of positives in these data",
    "f1": "harmonic mean of precision and sensitivity",
    "macro precision": "mean precision over classes",
    "macro f1": "mean F1 over classes",
    "mcc": "Matthews' correlation of truth and call",
}


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of true classes (rows) against what was called, of a set at a level; a sample counts once a repeat."""

    set: str
    level: str
    by: str
    classes: list[str]
    counts: list[list[int]]


@dataclass(slots=True)
class Evaluation:
    """What was made of a run: figures, confusion counts, and what was left out: of each (name, why) where."""

    figures: list[Figure] = field(default_factory=list)
    confusions: list[Confusion] = field(default_factory=list)
    missing: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    @property
    def left_out(self) -> list[str]:
        """Return a sentence on each thing that was left out."""
        return [f"{name} ({'; '.join(places)}): {why}" for (name, why), places in self.missing.items()]

    def add(self, other: Evaluation) -> None:
        """Add what was made at another level."""
        self.figures += other.figures
        self.confusions += other.confusions
        for (name, why), places in other.missing.items():
            self.missing.setdefault((name, why), []).extend(places)

    def miss(self, name: str, why: str, place: str) -> None:
        """Note that something is left out, where and why."""
        self.missing.setdefault((name, why), []).append(place)

    def make(
        self,
        scope: Scope,
        name: str,
        statistic: Statistic,
        how: str,
        *,
        share_of: NDArray | None = None,
        biased: bool = False,
        lacks: str = "",
    ) -> None:
        """Make a figure, or note why there is none: what it ``lacks`` where it is undefined on the data itself."""
        try:
            self.figures.append(figure_with_interval(scope, name, statistic, how, share_of=share_of, biased=biased))
        except UndefinedFigure as error:
            said = str(error)
            self.miss(name, lacks if lacks and "on the data itself" in said else said, f"{scope.set}, {scope.level}")


def class_figures(run: RunTables, options: Options) -> Evaluation:
    """Return all figures of a classifier's run at one level.

    Parameters
    ----------
    run : RunTables
    options : Options
        ``specificities`` and ``prevalence`` of it.

    Raises
    ------
    ValueError
        If a specificity or the prevalence lies outside (0, 1).
    """
    found = Evaluation()
    for question, asked in asked_of(run.samples).items():
        sets = both_classes(asked, question)
        if not sets:
            found.miss(question.name, "no set holds both classes" if asked else "the run has no such probability", run.level)
        for set_name, samples in sets.items():
            _rank(found, run, question, set_name, samples, options)
            if question is not LESION_FOR_MALIGNANT:  # which is no probability of what is asked
                _hold(found, run, question, set_name, samples)
            _decide(found, run, question, set_name, samples, options)
    _tell_classes(found, run)
    return found


def asked_of(samples: Sequence[Sample]) -> dict[Question, list[Sample]]:
    """Return the questions that samples allow, each with those that it can be asked of: labelled, and with the probability.

    A question that would be another in other words is none: malignant against the rest in a set where the rest is benign, abnormal
    against normal where lesions are told from none. One that no probability answers has no samples.
    """
    lesion = any(LESION.of in sample.probability for sample in samples)
    labels_of: dict[str, set[str]] = {}
    for sample in samples:
        labels_of.setdefault(sample.set, set()).add(sample.label)
    whole = {name for name, labels in labels_of.items() if labels >= set(MALIGNANT_OR_NOT.labels)}
    labels = set().union(*labels_of.values())
    allowed = {
        MALIGNANT_OR_BENIGN: not lesion and bool(labels & set(MALIGNANT_OR_BENIGN.labels)),
        MALIGNANT_OR_NOT: not lesion and bool(whole),
        ABNORMAL: not lesion and "normal" in labels,
        LESION: lesion,
        LESION_FOR_MALIGNANT: lesion and labels >= set(LESION_FOR_MALIGNANT.labels),
    }
    return {
        question: [
            one
            for one in samples
            if one.label in question.labels
            and stated(question, one.probability) is not None
            and (question is not MALIGNANT_OR_NOT or one.set in whole)
        ]
        for question in QUESTIONS
        if allowed[question]
    }


def _scores(question: Question, rows: Sequence[Sample] | Sequence[PredictionRow]) -> list[float]:
    return [value for row in rows if (value := stated(question, row.probability)) is not None]


# ---- without a threshold ----


def _rank(found: Evaluation, run: RunTables, question: Question, set_name: str, samples: list[Sample], options: Options) -> None:
    """Make the areas under curves and sensitivities at specificities."""
    truth, scores, scope = truth_of(samples, question), _scores(question, samples), scope_of(samples, question, set_name, run.level)
    what = f"the probability of {question.of} (given that it is one of {', '.join(question.labels)}), test samples of all folds pooled"
    found.make(scope, f"auc {question.name}", weighted.auc(truth, scores), f"area under the ROC curve of {what}")
    made = auc_mean_of_folds(run, question, samples, lambda row: stated(question, row.probability))
    if made is not None:
        statistic, groups, folds = made
        of_rows = Scope(set_name, run.level, groups, scope.n, scope.positives)
        found.make(of_rows, f"auc {question.name}, mean of folds", statistic, f"mean over {folds} folds of the area under the ROC curve")
    how = f"average precision (precision at each threshold, weighted by the recall it adds) of {what}; chance gives {truth.mean():.3f}"
    found.make(scope, f"average precision {question.name}", average_precision_statistic(truth, scores), how)
    for standardised, name in ((True, "partial auc"), (False, "raw partial auc")):
        partial = partial_auc_statistic(truth, scores, specificity=PARTIAL_FROM, standardised=standardised)
        how = f"area under the ROC curve where the specificity is at least {PARTIAL_FROM:g}, of {what}"
        how += ", standardised after McClish: 0.5 is chance" if standardised else f", at most {1 - PARTIAL_FROM:g}"
        found.make(scope, f"{name} {question.name}", partial, how)
    for specificity in options.specificities:
        statistic = sensitivity_at_specificity_statistic(truth, scores, specificity)
        how = f"highest sensitivity at a specificity of at least {specificity:g}, the threshold chosen on the test samples themselves"
        found.make(scope, f"sensitivity at specificity {specificity:g} {question.name}", statistic, how, share_of=truth)


def auc_mean_of_folds(
    run: RunTables, question: Question, samples: Sequence[Sample], score: Callable[[PredictionRow], float | None]
) -> tuple[Statistic, list[str], int] | None:
    """Return the mean of the folds' own AUCs as a statistic of test rows, the rows' groups, and the number of folds.

    None where there is one fold only, or one lacks a class.
    """
    wanted = {(sample.set, sample.id) for sample in samples}
    scored = [(row, value) for row in run.tests if (row.set, row.id) in wanted and (value := score(row)) is not None]
    rows, scores = [row for row, _ in scored], np.array([value for _, value in scored])
    fold_of, truth = [(row.repeat, row.outer, row.inner) for row in rows], truth_of(rows, question)
    members = [np.array([i for i, own in enumerate(fold_of) if own == fold]) for fold in sorted(set(fold_of))]
    if len(members) < 2 or any(truth[own].all() or not truth[own].any() for own in members):
        return None
    statistic = weighted.mean_of([weighted.auc(truth[own], scores[own]) for own in members], members)
    return statistic, [row.group for row in rows], len(members)


def _hold(found: Evaluation, run: RunTables, question: Question, set_name: str, samples: list[Sample]) -> None:
    """Make the figures of calibration."""
    truth, scores, scope = (
        truth_of(samples, question),
        np.array(_scores(question, samples)),
        scope_of(samples, question, set_name, run.level),
    )
    what = f"of the probability of {question.of} (given that it is one of {', '.join(question.labels)})"
    squared = weighted.mean((scores - truth) ** 2)
    found.make(scope, f"brier {question.name}", squared, f"mean squared difference {what} and truth")
    binned = f"expected calibration error {what}, ten bins of equal size, biased upwards in small samples"
    found.make(scope, f"calibration error {question.name}", weighted.calibration_error(truth, scores), binned, biased=True)
    steep = f"slope of a logistic regression of truth on the logit {what}; 1 is right, below it is too extreme"
    found.make(
        scope,
        f"calibration slope {question.name}",
        calibration_slope_statistic(truth, scores),
        steep,
        lacks="there is no finite slope: the probability parts the classes fully, or is always the same",
    )
    large = f"intercept of that regression with slope 1, {what}; 0 is right, below it is too high"
    found.make(scope, f"calibration intercept {question.name}", calibration_intercept_statistic(truth, scores), large)


# ---- decisions ----


def _decide(found: Evaluation, run: RunTables, question: Question, set_name: str, samples: list[Sample], options: Options) -> None:
    """Make the figures of decisions between two classes, in both ways."""
    wanted = {(sample.set, sample.id) for sample in samples}
    rows = [row for row in run.tests if (row.set, row.id) in wanted and stated(question, row.probability) is not None]
    truth, classes = truth_of(rows, question), ["other", question.of]
    for by, called in decided(run, question, rows).items():
        if called is None:
            why = "the validation samples of a fold have no positive"
            found.miss(f"decisions at the {by}, {question.name}", why, f"{set_name}, {run.level}")
            continue
        pairs = [(classes[int(one)], classes[int(other)]) for one, other in zip(truth, called, strict=True)]
        counts = tally([one for one, _ in pairs], [other for _, other in pairs], classes).tolist()
        found.confusions.append(Confusion(set_name, run.level, f"{question.name}, {by}", [f"not {question.of}", question.of], counts))
        cells = np.zeros((len(rows), 2, 2))
        cells[np.arange(len(rows)), truth.astype(int), called.astype(int)] = 1
        wanted_rates = dict(RATES)
        if options.prevalence is not None:
            wanted_rates |= _at_prevalence(options.prevalence)
        _rates(found, scope_of(rows, question, set_name, run.level), cells, wanted_rates, f"{question.name}, {by}", _sentence_on(by))


def decided(run: RunTables, question: Question, rows: Sequence[PredictionRow]) -> dict[str, NDArray[np.bool_] | None]:
    """Return what each row is called by the highest probability, and at the threshold of its fold's validation rows.

    The latter is None where a fold has no positive validation row.
    """
    validations = [row for row in run.validations if row.label in question.labels and stated(question, row.probability) is not None]
    thresholds = fold_thresholds(validations, _scores(question, validations), question)
    chosen = [thresholds.get((row.repeat, row.outer)) for row in rows]
    at_threshold = None if None in chosen else np.array(_scores(question, rows)) >= np.array(chosen, dtype=np.float64)
    return {HIGHEST: np.array([bool(called_by_highest(question, row.probability)) for row in rows]), THRESHOLD: at_threshold}


def _sentence_on(by: str) -> str:
    if by == HIGHEST:
        return "called by the label of highest probability (of two: at 0.5)"
    if by == HIGHEST_RAW:
        return "called by the class of highest raw score, before calibration (of a network the logit, in the order of its probabilities)"
    return f"each fold at the threshold that gives sensitivity {SENSITIVITY:.2f} on its validation samples of all sets"


def _at_prevalence(prevalence: float) -> dict[str, Rate]:
    return {
        f"ppv at prevalence {prevalence:g}": lambda counts: predictive_values_at(counts, prevalence)[..., 1],
        f"npv at prevalence {prevalence:g}": lambda counts: predictive_values_at(counts, prevalence)[..., 0],
    }


def _rates(found: Evaluation, scope: Scope, cells: NDArray[np.float64], rates: Mapping[str, Rate], name: str, by: str) -> None:
    """Make figures of decisions; rows are summed over groups before they are drawn, since groups are what is drawn."""
    groups, of_row = np.unique(np.array(scope.groups), return_inverse=True)
    by_group = np.zeros((groups.size, *cells.shape[1:]))
    np.add.at(by_group, of_row, cells)
    drawn = Scope(scope.set, scope.level, groups.tolist(), scope.n, scope.positives)
    shares = {
        "accuracy": by_group.sum(axis=(1, 2)),
        "sensitivity": by_group[:, 1].sum(axis=1),
        "specificity": by_group[:, 0].sum(axis=1),
        "precision": by_group[:, :, 1].sum(axis=1),
        "npv": by_group[:, :, 0].sum(axis=1),
    }
    shares["recall"] = shares["sensitivity"]
    for rate_name, rate in rates.items():
        among = shares[rate_name] > 0 if rate_name in shares else None
        how = HOW.get(rate_name, "predictive value by Bayes' rule from sensitivity and specificity")
        found.make(drawn, f"{rate_name} {name}", of_counts(rate, by_group), f"{how}; {by}", share_of=among, lacks=NEVER_CALLED)


# ---- classes ----


def _tell_classes(found: Evaluation, run: RunTables) -> None:
    """Make precision, recall and F1 of each class, and of more than two the figures over all, by what is highest."""
    classes = class_names(run)
    if len(classes) < 2:
        found.miss("figures of each class", "the run has a probability of one class only", run.level)
        return
    by = HIGHEST if have_probabilities(run.tests, classes) else HIGHEST_RAW
    for set_name, rows in _told(run.tests, classes).items():
        truth, called = [own for _, own in rows], [called_class(row, classes) for row, _ in rows]
        counts = tally(truth, called, classes)
        found.confusions.append(Confusion(set_name, run.level, f"classes, {by}", classes, counts.tolist()))
        cells = np.zeros((len(rows), len(classes), len(classes)))
        cells[np.arange(len(rows)), [classes.index(one) for one in truth], [classes.index(one) for one in called]] = 1
        scope = Scope(set_name, run.level, [row.group for row, _ in rows], len({(row.set, row.id) for row, _ in rows}), None)
        if len(classes) > 2:
            _rates(found, scope, cells, {name: RATES[name] for name in OVERALL}, f"of {len(classes)} classes", _sentence_on(by))
        for k, name in enumerate(classes):
            of_class = Scope(set_name, run.level, scope.groups, scope.n, len({(row.set, row.id) for row, one in rows if one == name}))
            # Of two classes, this one against the others, the rates have the names that a share of 0 or 1 is known by.
            own = _one_against_others(cells, k)
            _rates(found, of_class, own, {rate: RATES[as_named] for rate, as_named in PER_CLASS.items()}, f"of {name}", _sentence_on(by))


def _told(rows: Sequence[PredictionRow], classes: Sequence[str]) -> dict[str, list[tuple[PredictionRow, str]]]:
    """Return the rows of each set with their true class, and under "all" those of all sets that hold every class, if several."""
    by_set: dict[str, list[tuple[PredictionRow, str]]] = {}
    for row in sorted(rows, key=lambda row: row.set):
        if (label := class_of(row, classes)) is not None:
            by_set.setdefault(row.set, []).append((row, label))
    whole = [own for own in by_set.values() if {label for _, label in own} == set(classes)]
    return by_set | ({"all": [one for own in whole for one in own]} if len(whole) > 1 else {})


def _one_against_others(cells: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return counts (N, 2, 2) of class k against all others, it being the second; without true negatives, which no rate of a class has."""
    right, true, called = cells[:, k, k], cells[:, k].sum(axis=1), cells[:, :, k].sum(axis=1)
    return np.stack([np.stack([np.zeros_like(right), called - right], axis=1), np.stack([true - right, right], axis=1)], axis=1)

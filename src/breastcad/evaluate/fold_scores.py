"""Validation and test rows of each fold of a run as arrays, a question at a time: what calibrators and thresholds are fitted and tried on.

A fold's validation rows are those of the sets that its figures are about, where it has any of them; of an external test, whose sets no
fold validates on, they are all validation rows of the fold, and `FoldScores.sets` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from breastcad.core.records import PredictionRow
from breastcad.evaluate.calibration import CERTAIN, sigmoid
from breastcad.evaluate.class_figures import asked_of
from breastcad.evaluate.run_tables import RunTables
from breastcad.evaluate.scopes import ABNORMAL, LESION_FOR_MALIGNANT, MALIGNANT_OR_BENIGN, Question, both_classes, stated, truth_of

HEADS = {"abnormal", "malignant"}


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows with what a question makes of them: truth (N,) bool, raw logit, the run's own probability and its logit (N,) float64."""

    rows: list[PredictionRow]
    truth: NDArray[np.bool_]
    raw: NDArray[np.float64]
    said: NDArray[np.float64]
    kept: NDArray[np.float64]

    @property
    def groups(self) -> list[str]:
        """Return the woman (with her near-duplicates) of each row."""
        return [row.group for row in self.rows]


@dataclass(frozen=True, slots=True)
class FoldScores:
    """One fold of a question: what may be fitted on, what is measured. ``sets`` are those of the validation rows."""

    fold: tuple[int, int]
    validation: Scored
    test: Scored
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A question with its folds; ``has_raw`` says whether rows carry logits from before any calibration.

    Where they do not, ``raw`` is the logit of the run's own probability too. ``tested`` are the sets that hold both classes.
    """

    question: Question
    folds: list[FoldScores]
    has_raw: bool
    tested: tuple[str, ...]


def asked_folds(run: RunTables, *, margins: bool = False) -> tuple[list[AskedRun], list[str]]:
    """Return the questions that a run's rows allow, each with the folds' validation and test rows.

    Parameters
    ----------
    run : RunTables
    margins : bool
        The raw scores are no log-odds (of a classical classifier, say), so that the run's own probability is taken.

    Returns
    -------
    asked : list of AskedRun
    left_out : list of str
        A sentence a question that cannot be asked: a class absent in the test rows, or in a fold's validation rows; and how many
        validation rows are of groups that the fold tests too, as splits that leak have them: nothing may be fitted on these.
    """
    found, left_out = [], []
    tested_groups = {(row.repeat, row.outer, row.group) for row in run.tests}
    clean = [row for row in run.validations if (row.repeat, row.outer, row.group) not in tested_groups]
    if leaking := len(run.validations) - len(clean):
        left_out.append(f"{leaking} validation rows ({run.level}), of groups that the same fold tests: nothing was fitted on them")
        run = replace(run, validations=clean)
    for question, samples in asked_of(run.samples).items():
        tested = tuple(name for name in both_classes(samples, question) if name != "all")
        if question is LESION_FOR_MALIGNANT:  # which is no probability of what is asked
            continue
        if not tested:
            left_out.append(f"{question.name} ({run.level}): no set holds both classes among its test rows")
            continue
        score = None if margins else _raw_logit(question, [*run.tests, *run.validations])
        folds = _folds(run, question, tested, score)
        bad = next((one.fold for one in folds if len(set(one.validation.truth.tolist())) < 2), None)
        if bad is not None:
            left_out.append(f"{question.name} ({run.level}): the validation rows of fold {bad[1]} do not hold both classes to fit on")
            continue
        found.append(AskedRun(question, folds, score is not None, tested))
    return found, left_out


def _folds(
    run: RunTables, question: Question, tested: Sequence[str], score: Callable[[Mapping[str, float]], float] | None
) -> list[FoldScores]:
    tests, validations = (_by_fold(rows, question) for rows in (run.tests, run.validations))
    found = []
    for fold, rows in sorted(tests.items()):
        own = [row for row in rows if row.set in tested]
        known = validations.get(fold, [])
        same = [row for row in known if row.set in tested] or known
        if own:
            sets = tuple(sorted({row.set for row in same}))
            found.append(FoldScores(fold, _scored(same, question, score), _scored(own, question, score), sets))
    return found


def _by_fold(rows: Sequence[PredictionRow], question: Question) -> dict[tuple[int, int], list[PredictionRow]]:
    found: dict[tuple[int, int], list[PredictionRow]] = {}
    for row in rows:
        if row.label in question.labels and stated(question, row.probability) is not None:
            found.setdefault((row.repeat, row.outer), []).append(row)
    return found


def _scored(rows: list[PredictionRow], question: Question, score: Callable[[Mapping[str, float]], float] | None) -> Scored:
    said = np.array([stated(question, row.probability) for row in rows], np.float64)
    kept = logit(said)
    raw = kept if score is None else np.array([score(row.raw) for row in rows], np.float64)
    return Scored(rows, truth_of(rows, question), raw, said, kept)


def logit(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log(p / (1 - p)); probabilities nearer to 0 or 1 than `calibration.CERTAIN` count as that near.

    Examples
    --------
    >>> logit(np.array([0.5, 0.8])).round(4).tolist()
    [0.0, 1.3863]
    """
    kept = np.clip(probabilities, CERTAIN, 1 - CERTAIN)
    found: NDArray[np.float64] = np.log(kept / (1 - kept))
    return found


# ---- raw logits ----


def _raw_logit(question: Question, rows: Sequence[PredictionRow]) -> Callable[[Mapping[str, float]], float] | None:
    """Return how the log-odds of a question follow from the raw logits of rows; None where not all rows have them, or they do not tell."""
    names = set(rows[0].raw) if rows else set()
    if not names or any(set(row.raw) != names for row in rows):
        return None
    if names == HEADS:
        return _of_heads(question)
    sides: tuple[list[str], list[str]] = [], []
    for name in sorted(names):
        labels = {part.split(" ")[0] for part in name.split("+")} & set(question.labels)
        if labels:
            positive = labels & set(question.positive)
            if positive and positive != labels:
                return None
            sides[bool(positive)].append(name)
    return _of_classes(*sides) if all(sides) else None


def _of_heads(question: Question) -> Callable[[Mapping[str, float]], float]:
    """Return the log-odds of a lesion network, whose heads are [abnormal, malignant given abnormal]."""
    if question is ABNORMAL:
        return lambda raw: raw["abnormal"]
    if question is MALIGNANT_OR_BENIGN:
        return lambda raw: raw["malignant"]
    return lambda raw: float(logit(np.array(float(sigmoid(raw["abnormal"]) * sigmoid(raw["malignant"])))))


def _of_classes(negative: Sequence[str], positive: Sequence[str]) -> Callable[[Mapping[str, float]], float]:
    """Return the log-odds of a softmax over classes: of these against those."""
    return lambda raw: float(np.logaddexp.reduce([raw[name] for name in positive]) - np.logaddexp.reduce([raw[name] for name in negative]))

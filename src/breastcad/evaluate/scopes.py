"""What a figure asks and what it is over, and the one way that a figure with its interval is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from breastcad.core.records import PredictionRow
from breastcad.core.seeding import generator
from breastcad.evaluate.figures import Figure
from breastcad.evaluate.intervals import ClusterInterval, UndefinedFigure, cluster_bootstrap, wilson_interval
from breastcad.evaluate.run_tables import PART, Sample
from breastcad.evaluate.weighted import Statistic

SEED = 13
REPEATS = 2000
MANY_ROWS, FEWEST_REPEATS = 5000, 400
"""Of more rows than this, resamples are fewer in proportion, but no fewer than that: windows come in tens of thousands."""


@dataclass(frozen=True, slots=True)
class Question:
    """A class looked for among others: the samples of ``labels`` take part, those of ``positive`` are the ones looked for."""

    name: str
    of: str
    positive: tuple[str, ...]
    labels: tuple[str, ...]


MALIGNANT_OR_BENIGN = Question("malignant against benign", "malignant", ("malignant",), ("benign", "malignant"))
MALIGNANT = Question("malignant", "malignant", ("malignant",), ("normal", "benign", "malignant"))
MALIGNANT_OR_NOT = Question("malignant against the rest", "malignant", ("malignant",), ("normal", "benign", "malignant"))
ABNORMAL = Question("abnormal against normal", "abnormal", ("benign", "malignant"), ("normal", "benign", "malignant"))
LESION = Question("lesion against none", "lesion", ("lesion", "benign", "malignant"), ("normal", "lesion", "benign", "malignant"))
LESION_FOR_MALIGNANT = Question("malignant against benign, by the probability of lesion", "lesion", ("malignant",), ("benign", "malignant"))
"""What a network that tells lesions from none says of films that all have one: publication A's "malignant"."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a figure is over: a set (or "all", or two) at a level, the group of each row of its statistic, and n and positives."""

    set: str
    level: str
    groups: list[str]
    n: int
    positives: int | None


def truth_of(rows: Sequence[Sample] | Sequence[PredictionRow], question: Question) -> NDArray[np.bool_]:
    """Return of each row whether it is what a question looks for."""
    return np.array([row.label in question.positive for row in rows], dtype=bool)


def scope_of(samples: Sequence[Sample] | Sequence[PredictionRow], question: Question, set_name: str, level: str) -> Scope:
    """Return the scope of a figure with a row a sample, each sample once or several times (in several repeats)."""
    positive = {(row.set, row.id): row.label in question.positive for row in samples}
    return Scope(set_name, level, [row.group for row in samples], len(positive), sum(positive.values()))


def both_classes(rows: Iterable[Sample], question: Question) -> dict[str, list[Sample]]:
    """Return the samples of each set that holds both classes of a question, and under "all" those of all such sets, if several."""
    by_set: dict[str, list[Sample]] = {}
    for row in rows:
        by_set.setdefault(row.set, []).append(row)
    both = {name: own for name, own in sorted(by_set.items()) if 0 < truth_of(own, question).sum() < len(own)}
    return both | ({"all": [row for own in both.values() for row in own]} if len(both) > 1 else {})


def names_and_all(sets: Iterable[str]) -> list[str]:
    """Return the names of sets, each once, and "all" where they are several."""
    names = sorted(set(sets))
    return [*names, "all"] if len(names) > 1 else names


def stated(question: Question, probability: Mapping[str, float]) -> float | None:
    """Return the probability of what a question looks for, given that the sample is of one of its labels; None if nothing says it.

    Where a label has no probability of its own (classes were merged) it is that of the question's word, or 1 - P(normal).

    Examples
    --------
    >>> stated(MALIGNANT_OR_BENIGN, {"normal": 0.5, "benign": 0.3, "malignant": 0.2})
    0.4
    >>> stated(ABNORMAL, {"normal": 0.25}), stated(ABNORMAL, {"malignant": 0.2})
    (0.75, None)
    """
    if all(label in probability for label in question.labels):
        looked_for = sum(probability[label] for label in question.positive)
        whole = sum(probability[label] for label in question.labels)
        return looked_for / whole if whole > 0 else 0.5
    if question.of in probability:
        return probability[question.of]
    if set(question.labels) - set(question.positive) == {"normal"} and "normal" in probability:
        return 1 - probability["normal"]
    return None


def called_by_highest(question: Question, probability: Mapping[str, float]) -> bool | None:
    """Return whether the label of highest probability, of a question's labels, is one looked for (of equals the later in its labels).

    Where a label has no probability of its own: whether `stated` is at least one half. None where nothing is stated.

    Examples
    --------
    >>> called_by_highest(MALIGNANT_OR_NOT, {"normal": 0.2, "benign": 0.35, "malignant": 0.45})
    True
    """
    if all(label in probability for label in question.labels):
        return max(reversed(question.labels), key=lambda label: probability[label]) in question.positive
    value = stated(question, probability)
    return None if value is None else value >= 0.5


# ---- one figure ----


def figure_with_interval(
    scope: Scope, name: str, statistic: Statistic, how: str, *, share_of: Sequence[bool] | NDArray | None = None, biased: bool = False
) -> Figure:
    """Return a figure with its interval.

    A share (``share_of`` says which rows it is a share of) of 0 or 1 gets Wilson's interval; the interval of a ``biased`` figure,
    which grows when samples are drawn twice, is moved by as much as the resamples' mean lies off, and ends at 0.

    Raises
    ------
    UndefinedFigure
        As `intervals.cluster_bootstrap` does.
    """
    repeats = min(REPEATS, max(FEWEST_REPEATS, REPEATS * MANY_ROWS // len(scope.groups)))
    found = cluster_bootstrap(statistic, scope.groups, generator(SEED, "figures", name, scope.set, PART, scope.level), repeats=repeats)
    trials = len({group for group, counts in zip(scope.groups, share_of, strict=True) if counts}) if share_of is not None else None
    low, high, method = _interval(found, trials)
    if biased:
        low, high = max(0.0, low - (found.mean - found.value)), high - (found.mean - found.value)
        method += ", moved by their mean's distance from the figure"
    whole = f"{how}; {method}."
    return Figure(name, scope.set, PART, scope.level, found.value, low, high, scope.n, scope.positives, found.clusters, whole)


def figure_or_none(
    scope: Scope, name: str, statistic: Statistic, how: str, *, share_of: Sequence[bool] | NDArray | None = None, biased: bool = False
) -> list[Figure]:
    """Return `figure_with_interval` in a list; an empty list where it or its interval is undefined, or there are no rows."""
    if not scope.groups:
        return []
    try:
        return [figure_with_interval(scope, name, statistic, how, share_of=share_of, biased=biased)]
    except UndefinedFigure:
        return []


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

"""Two runs on the same test samples: the difference of their AUCs, and of how often each is right, with groups as what was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from breastcad.core.errors import InputError
from breastcad.core.records import PredictionRow
from breastcad.core.seeding import generator
from breastcad.evaluate import scopes, weighted
from breastcad.evaluate.class_figures import HIGHEST, THRESHOLD, asked_of, decided
from breastcad.evaluate.clustered import clustered_test
from breastcad.evaluate.comparisons import adjusted, clustered_mcnemar, mcnemar
from breastcad.evaluate.figures import DEFAULT, Options
from breastcad.evaluate.intervals import UndefinedFigure, cluster_bootstrap
from breastcad.evaluate.run_tables import RunTables, Sample, read_rows, run_at, tested_levels
from breastcad.evaluate.scopes import Question, both_classes, stated, truth_of


@dataclass(frozen=True, slots=True)
class Rightness:
    """How often only the first, and only the second run is right, with McNemar's exact p, and Obuchowski's for clustered samples."""

    only_first: int
    only_second: int
    exact: float
    clustered: float | None
    clustered_adjusted: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs on one question: AUCs, first less second with its 95 % interval, z and p; of decisions what `Rightness` says.

    ``adjusted`` is p after Benjamini and Hochberg over all comparisons made at once. ``decisions`` is by how they were made; empty where
    samples were tested several times.
    """

    question: str
    set: str
    level: str
    n: int
    positives: int
    groups: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    z: float | None
    p: float | None
    adjusted: float | None
    decisions: dict[str, Rightness]


def compared_runs(first: str | Path, second: str | Path, options: Options = DEFAULT) -> tuple[list[Comparison], list[str]]:
    """Compare two runs on the test samples that both have, at every level that both have.

    Parameters
    ----------
    first, second : str or Path
        Run folders.
    options : Options
        ``level`` and ``aggregation`` of it.

    Returns
    -------
    comparisons : list of Comparison
    left_out : list of str
        What could not be compared and why, and how many samples only one of them has.

    Raises
    ------
    ReadError, InputError
        As `run_tables.read_rows` and `run_tables.run_at` do, if the runs share no test sample, or give one different labels.
    """
    rows = [read_rows(folder, aggregation=options.aggregation) for folder in (first, second)]
    levels = [tested_levels(folder, own) for folder, own in zip((first, second), rows, strict=True)]
    found: list[Comparison] = []
    left_out: list[str] = []
    for level in [options.level] if options.level else [level for level in levels[0] if level in levels[1]]:
        runs = run_at(first, rows[0], level), run_at(second, rows[1], level)
        pairs = _pairs(*runs, left_out)
        for question, asked in asked_of([one for one, _ in pairs]).items():
            found += _compared(runs, question, asked, pairs, left_out)
    if not found:
        raise InputError("the runs share no test samples of both classes that both have a probability for; " + "; ".join(left_out))
    return _adjusted(found), left_out


def _pairs(first: RunTables, second: RunTables, left_out: list[str]) -> list[tuple[Sample, Sample]]:
    """Return the samples that both runs have, in the order of the first."""
    others = {(sample.set, sample.id): sample for sample in second.samples}
    pairs = [(sample, others[sample.set, sample.id]) for sample in first.samples if (sample.set, sample.id) in others]
    wrong = next(((one, other) for one, other in pairs if one.label != other.label), None)
    if wrong:
        raise InputError(
            f"the runs label '{wrong[0].id}' of '{wrong[0].set}' differently ({wrong[0].label}, {wrong[1].label}): they are not of one task"
        )
    for run, what in ((first, "first"), (second, "second")):
        if len(run.samples) > len(pairs):
            left_out.append(f"{len(run.samples) - len(pairs)} samples of level {first.level} are in the {what} run only")
    return pairs


def _compared(
    runs: tuple[RunTables, RunTables],
    question: Question,
    asked: Sequence[Sample],
    pairs: Sequence[tuple[Sample, Sample]],
    left_out: list[str],
) -> list[Comparison]:
    other_of = {(one.set, one.id): other for one, other in pairs}
    asked = [one for one in asked if stated(question, other_of[one.set, one.id].probability) is not None]
    found: list[Comparison] = []
    for set_name, samples in both_classes(asked, question).items():
        try:
            found.append(_comparison(runs, question, set_name, samples, [other_of[one.set, one.id] for one in samples]))
        except (UndefinedFigure, ValueError) as error:
            left_out.append(f"{question.name} ({set_name}, {runs[0].level}): {error}")
    return found


def _comparison(
    runs: tuple[RunTables, RunTables], question: Question, set_name: str, firsts: list[Sample], seconds: list[Sample]
) -> Comparison:
    truth, groups = truth_of(firsts, question), [sample.group for sample in firsts]
    scores = [np.array([stated(question, sample.probability) for sample in own], np.float64) for own in (firsts, seconds)]
    tested = clustered_test(truth, scores[0], scores[1], groups)
    one, other = (weighted.auc(truth, own) for own in scores)
    draws = generator(scopes.SEED, "against", question.name, set_name, runs[0].level)
    interval = cluster_bootstrap(lambda weights: one(weights) - other(weights), groups, draws, repeats=scopes.REPEATS)
    counts = len(truth), int(truth.sum()), interval.clusters
    return Comparison(
        question.name, set_name, runs[0].level, *counts, tested.first, tested.second, tested.difference, interval.low, interval.high,
        tested.z, tested.p, None, _rightness(runs, question, firsts),
    )  # fmt: skip


def _rightness(runs: tuple[RunTables, RunTables], question: Question, samples: Sequence[Sample]) -> dict[str, Rightness]:
    """Compare decisions, where each run tested each sample once."""
    wanted = [(sample.set, sample.id) for sample in samples]
    known = set(wanted)
    called = []
    for run in runs:
        row_of: dict[tuple[str, str], PredictionRow] = {(row.set, row.id): row for row in run.tests}
        rows = [row_of[key] for key in wanted]
        if sum((row.set, row.id) in known for row in run.tests) > len(rows):
            return {}
        called.append(decided(run, question, rows))
    truth, groups = truth_of(samples, question), [sample.group for sample in samples]
    found = {}
    for by in (HIGHEST, THRESHOLD):
        one, other = (own[by] for own in called)
        if one is not None and other is not None:
            right = one == truth, other == truth
            tested = mcnemar(*right)
            found[by] = Rightness(tested.only_first, tested.only_second, tested.exact, clustered_mcnemar(*right, groups))
    return found


def _adjusted(found: Sequence[Comparison]) -> list[Comparison]:
    """Adjust the p-values of AUCs for being several, and those of decisions, of each way to decide."""
    done = [replace(one, adjusted=p) for one, p in zip(found, adjusted([one.p for one in found]), strict=True)]
    for by in (HIGHEST, THRESHOLD):
        ps = adjusted([one.decisions[by].clustered if by in one.decisions else None for one in done])
        done = [
            replace(one, decisions=one.decisions | {by: replace(one.decisions[by], clustered_adjusted=p)}) if by in one.decisions else one
            for one, p in zip(done, ps, strict=True)
        ]
    return done


AUC_NOTE = (
    "AUC of the first run less that of the second on the same samples. Interval: 95 %, over groups. z and p: Obuchowski's for clustered"
    " samples, two-sided; adjusted after Benjamini and Hochberg over the rows."
)
STILL_NOTE = " No interval: nothing varies in these samples that it could be made of, so how sure the difference is cannot be said."
DECISIONS_NOTE = (
    "McNemar p: exact, as if samples were independent. Clustered: Obuchowski's of 1998; adjusted over the rows of one way to decide."
)


def comparison_table(found: Sequence[Comparison]) -> str:
    """Return comparisons as Markdown: a table of AUCs, one of decisions where there are any, and what the columns are.

    Parameters
    ----------
    found : sequence of Comparison
    """
    lines = [
        "| question | set | level | n | positive | groups | first | second | difference | interval | z | p | adjusted p |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|",
    ]
    for one in found:
        z = "" if one.z is None else f"{one.z:.2f} "
        lines.append(
            f"| {one.question} | {one.set} | {one.level} | {one.n} | {one.positives} | {one.groups} | {one.first:.3f} | {one.second:.3f}"
            f" | {one.difference:+.3f} | {_interval(one)}| {z}| {_p(one.p)}| {_p(one.adjusted)}|"
        )
    notes = [AUC_NOTE + (STILL_NOTE if any(not _interval(one) for one in found) else "")]
    return "\n".join([*lines, "", *notes, *_decisions_table(found)]) + "\n"


def _interval(one: Comparison) -> str:
    """Return the interval of a difference; nothing where all resamples agree, which says nothing."""
    return f"{one.low:+.3f} to {one.high:+.3f} " if one.high > one.low else ""


def _decisions_table(found: Sequence[Comparison]) -> list[str]:
    lines = [
        f"| {one.question} | {one.set} | {one.level} | {by} | {right.only_first} | {right.only_second} | {_p(right.exact)}"
        f"| {_p(right.clustered)}| {_p(right.clustered_adjusted)}|"
        for one in found
        for by, right in one.decisions.items()
    ]
    if not lines:
        return []
    head = "| question | set | level | decided by | only first right | only second | McNemar p | clustered p | adjusted p |"
    return ["", head, "|---|---|---|---|---:|---:|---:|---:|---:|", *lines, "", DECISIONS_NOTE]


def _p(value: float | None) -> str:
    return "" if value is None else "< 0.0001 " if value < 1e-4 else f"{value:.4f} "

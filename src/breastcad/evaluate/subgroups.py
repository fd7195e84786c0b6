"""Figures within subgroups of a run's test samples: by breast density, view, manufacturer, kind of finding.

What subgroup an image is in comes from its collection, and is kept in subgroups.csv beside the figures, so that these can be made again
without the images. A subgroup that is too small gets no figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_json, read_table, write_table
from breastcad.core.records import Collection, FindingRow, ImageRow, PredictionRow
from breastcad.evaluate import weighted
from breastcad.evaluate.class_figures import asked_of
from breastcad.evaluate.clustered import parts_test
from breastcad.evaluate.comparisons import adjusted
from breastcad.evaluate.figures import DEFAULT, Figure, Options, read_asked, read_metrics, write_metrics
from breastcad.evaluate.intervals import UndefinedFigure
from breastcad.evaluate.run_tables import ORIGINALS, RunTables, Sample, read_rows, run_at, tested_levels
from breastcad.evaluate.scopes import Question, both_classes, figure_with_interval, scope_of, stated, truth_of

OF_IMAGES = ("density", "view", "laterality", "manufacturer", "birads", "image_type", "modality")
KIND = "kind"
NOT_GIVEN = "not given"
LEAST, LEAST_OF_A_CLASS = 20, 5


@dataclass(slots=True)
class SubgroupRow:
    """What one image is, by one column of its collection: a row of subgroups.csv."""

    set: str
    id: str
    by: str
    value: str


@dataclass(frozen=True, slots=True)
class SubgroupTest:
    """The AUC within a subgroup less that of the rest of its set, with p, and p adjusted over all that were made at once."""

    question: str
    set: str
    level: str
    subgroup: str
    difference: float
    p: float | None
    adjusted: float | None


def subgroup_rows(collections: Iterable[Collection], by: Sequence[str]) -> list[SubgroupRow]:
    """Return of each image of collections what it is.

    Parameters
    ----------
    collections : iterable of Collection
    by : sequence of str
        Columns of images.csv (`OF_IMAGES`, or one of the collection's own, without its x_), or "kind": the kinds of its findings.

    Raises
    ------
    InputError
        If no collection has such a column.
    """
    found: list[SubgroupRow] = []
    read = list(collections)
    for name in by:
        known = name in (*OF_IMAGES, KIND) or any(name in image.extra for one in read for image in one.images)
        if not known:
            there = ", ".join((*OF_IMAGES, KIND))
            raise InputError(f"no collection has a column '{name}' to group by; there are: {there}, and the collection's own (x_*)")
        for one in read:
            kinds = _kinds(one.findings)
            found += [SubgroupRow(image.set, image.image_id, name, _value(image, name, kinds)) for image in one.images]
    return found


def _kinds(findings: Iterable[FindingRow]) -> dict[tuple[str, str], str]:
    kinds: dict[tuple[str, str], set[str]] = {}
    for finding in findings:
        kinds.setdefault((finding.set, finding.image_id), set()).add(finding.kind)
    return {image: "+".join(sorted(own)) for image, own in kinds.items()}


def _value(image: ImageRow, name: str, kinds: Mapping[tuple[str, str], str]) -> str:
    if name == KIND:
        return kinds.get((image.set, image.image_id), "none")
    return (getattr(image, name) if name in OF_IMAGES else image.extra.get(name)) or NOT_GIVEN


def values_of(rows: Sequence[PredictionRow], level: str, known: Sequence[SubgroupRow]) -> dict[str, dict[tuple[str, str], str]]:
    """Return by column what each sample of a level is: what its image is, or all its images; "several" where these differ.

    A window that names the kind of its own finding has that.

    Parameters
    ----------
    rows : sequence of PredictionRow
        All rows of the run.
    level : str
    known : sequence of SubgroupRow
    """
    images: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for row in rows:
        whole = {"patch": row.id if row.level == "patch" else None, "image": row.id if row.level == "image" else None}.get(level)
        if level in ("breast", "patient"):
            whole = getattr(row, level)
        image = row.id if row.level == "image" else row.image
        if whole is not None and image is not None:
            images.setdefault((row.set, whole), set()).add((row.set, image))
    found: dict[str, dict[tuple[str, str], str]] = {}
    for name in dict.fromkeys(row.by for row in known):
        said = {(row.set, row.id): row.value for row in known if row.by == name}
        values = {sample: {said.get(image, NOT_GIVEN) for image in own} for sample, own in images.items()}
        found[name] = {sample: next(iter(own)) if len(own) == 1 else "several" for sample, own in values.items()}
    if level == "patch" and KIND in found:
        found[KIND] |= {(row.set, row.id): row.kind for row in rows if row.level == "patch" and row.kind}
    return found


@dataclass(slots=True)
class Subgroups:
    """What was made: figures, whose ``set`` names the subgroup too ("cbis-ddsm, density 3"), tests, and what was left out and why."""

    figures: list[Figure] = field(default_factory=list)
    tests: list[SubgroupTest] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def evaluated_subgroups(folder: str | Path, known: Sequence[SubgroupRow], options: Options = DEFAULT, *, least: int = LEAST) -> Subgroups:
    """Return the AUC within each subgroup of each set, and the tests of it against the rest of the set.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    known : sequence of SubgroupRow
    options : Options
        ``level`` and ``aggregation`` of it.
    least : int
        Groups (patients) that a subgroup must have, at least; and `LEAST_OF_A_CLASS` with each class.

    Raises
    ------
    ReadError, InputError
        As `run_tables.read_rows` and `run_tables.run_at` do.
    """
    rows, found = read_rows(folder, aggregation=options.aggregation), Subgroups()
    for level in [options.level] if options.level else [one for one in tested_levels(folder, rows) if one != ORIGINALS]:
        run = run_at(folder, rows, level)
        for name, value_of in values_of(rows, level, known).items():
            for question, asked in asked_of(run.samples).items():
                _of_column(found, run, question, asked, name, value_of, least)
    found.tests = [replace(one, adjusted=p) for one, p in zip(found.tests, adjusted([one.p for one in found.tests]), strict=True)]
    return found


def _of_column(
    found: Subgroups,
    run: RunTables,
    question: Question,
    asked: Sequence[Sample],
    name: str,
    value_of: Mapping[tuple[str, str], str],
    least: int,
) -> None:
    for set_name, samples in both_classes(asked, question).items():
        told = np.array([value_of.get((one.set, one.id), NOT_GIVEN) for one in samples])
        values = sorted(set(told.tolist())) if set_name != "all" else []
        for value in values:
            try:
                _check_size(samples, told == value, question, least)
                found.figures.append(_within(run, question, f"{set_name}, {name} {value}", samples, told == value))
                if len(values) > 2 or value != values[-1]:  # of two, one against the rest is the other's test too
                    _check_size(samples, told != value, question, least, "the rest: ")
                    found.tests.append(_against_rest(run, question, set_name, f"{name} {value}", samples, told == value))
            except UndefinedFigure as error:
                found.left_out.append(f"{question.name} ({set_name}, {name} {value}, {run.level}): {error}")


def _check_size(samples: Sequence[Sample], inside: NDArray[np.bool_], question: Question, least: int, which: str = "") -> None:
    own = [one for one, kept in zip(samples, inside, strict=True) if kept]
    truth = truth_of(own, question)
    groups = [{one.group for one, positive in zip(own, truth, strict=True) if positive == wanted} for wanted in (True, False)]
    count = len(groups[0] | groups[1])
    if count < least or min(map(len, groups)) < LEAST_OF_A_CLASS:
        needed = f"at least {least}, and {LEAST_OF_A_CLASS} with each class"
        raise UndefinedFigure(f"{which}{len(own)} samples, {truth.sum()} positive, of {count} groups are too few groups ({needed})")


def _within(run: RunTables, question: Question, set_name: str, samples: Sequence[Sample], inside: NDArray[np.bool_]) -> Figure:
    own = [one for one, kept in zip(samples, inside, strict=True) if kept]
    statistic = weighted.auc(truth_of(own, question), _scores(question, own))
    how = f"area under the ROC curve of the probability of {question.of} within a subgroup, test samples of all folds pooled"
    return figure_with_interval(scope_of(own, question, set_name, run.level), f"auc {question.name}", statistic, how)


def _against_rest(
    run: RunTables, question: Question, set_name: str, subgroup: str, samples: Sequence[Sample], inside: NDArray[np.bool_]
) -> SubgroupTest:
    """Return the test of a subgroup against the rest."""
    tested = parts_test(truth_of(samples, question), _scores(question, samples), [one.group for one in samples], inside)
    return SubgroupTest(question.name, set_name, run.level, subgroup, tested.difference, tested.p, None)


def _scores(question: Question, samples: Sequence[Sample]) -> list[float]:
    return [value for one in samples if (value := stated(question, one.probability)) is not None]


def keep_subgroups(run: Path, folder: Path, known: Sequence[SubgroupRow], found: Subgroups, options: Options, *, least: int) -> None:
    """Write subgroups.csv, of the run's images only, and subgroups.json, which is like metrics.json."""
    images = {(row.set, name) for row in read_rows(run) for name in ((row.id if row.level == "image" else row.image),) if name}
    write_table(folder / "subgroups.csv", SubgroupRow, [row for row in known if (row.set, row.id) in images])
    tests = [asdict(one) for one in found.tests]
    title = f"{run.resolve().name}, subgroups"
    write_metrics(folder / "subgroups.json", title, found.figures, options=options, least=least, left_out=found.left_out, tests=tests)


def subgroups_again(folder: Path) -> tuple[list[Figure], Subgroups]:
    """Return the figures of a run folder's subgroups.json, and all of it made again from subgroups.csv and the run's predictions.

    Raises
    ------
    ReadError, InputError
        If a table is missing or broken.
    """
    path = folder / "subgroups.json"
    _, written = read_metrics(path)
    least = read_json(path).get("least")
    if not isinstance(least, int):
        raise ReadError(path, f"'least' must be a whole number, got '{least}'; make it again with: breastcad evaluate RUN --by")
    known = read_table(folder / "subgroups.csv", SubgroupRow)
    return written, evaluated_subgroups(folder, known, read_asked(path)[0] or DEFAULT, least=least)


def subgroup_tests_table(tests: Sequence[SubgroupTest]) -> str:
    """Return tests as a Markdown table."""
    lines = ["| question | set | level | subgroup | AUC less the rest's | p | adjusted p |", "|---|---|---|---|---:|---:|---:|"]
    for one in tests:
        shown = (
            f"{one.difference:+.3f} | {'' if one.p is None else f'{one.p:.4f} '}| {'' if one.adjusted is None else f'{one.adjusted:.4f} '}|"
        )
        lines.append(f"| {one.question} | {one.set} | {one.level} | {one.subgroup} | {shown}")
    note = "p: two-sided, over groups; adjusted after Benjamini and Hochberg over the rows."
    return "\n".join([*lines, "", note]) + "\n"

"""What a run said of its test images, read from predictions.csv, marks.csv and lesions.csv, and checked to fit together."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_lesions, read_marks, read_predictions, read_split
from breastcad.core.records import SEVERITY, LesionRow, MarkRow, PredictionRow
from breastcad.evaluate.aggregation import aggregated_rows

PART = "test"
LEVELS = ("patch", "image", "breast", "patient")
ORIGINALS = "original patch"
"""A level of figures, not of rows: the windows that are no copies, where copies are tested too."""


_COPY = re.compile(r"#\d+$")


@dataclass(frozen=True, slots=True)
class Sample:
    """One test image (or other sample), once: probabilities and Dice are means over the folds that tested on it."""

    set: str
    id: str
    group: str
    label: str
    probability: dict[str, float]
    dice: float | None


@dataclass(frozen=True, slots=True)
class RunTables:
    """The tables of a run at one level.

    ``samples`` each test image once; ``tests`` and ``validations`` the rows of predictions.csv, a row an image and fold; ``lesions`` and
    ``marks`` those of lesions.csv and marks.csv, None where the run has none (or the level is not "image").
    """

    level: str
    samples: list[Sample]
    tests: list[PredictionRow]
    validations: list[PredictionRow]
    lesions: list[LesionRow] | None
    marks: list[MarkRow] | None


def fold_folder(run: Path, fold: tuple[int, int]) -> Path:
    """Return where a training keeps what is of one (repeat, outer fold); fold.json in it says that the fold is done."""
    return run / "checkpoints" / f"repeat{fold[0]}-fold{fold[1]}"


def check_predicted(run: Path) -> None:
    """Refuse a folder without predictions.csv: InputError that says what is left to do."""
    if (run / "predictions.csv").exists():
        return
    name = run.resolve().name
    if not (run / "settings.yaml").is_file():
        raise InputError(f"'{name}' is no run (it has no predictions.csv); breastcad train makes one")
    folds = {(row.repeat, row.outer) for row in read_split(run) if row.inner == 0}
    left = sorted({fold[1] for fold in folds if not (fold_folder(run, fold) / "fold.json").is_file()})
    what = f"folds {', '.join(map(str, left))} are not trained" if left else "its folds are not put together"
    raise InputError(f"the run '{name}' has no predictions.csv yet: {what}; call breastcad train again for all that is left")


def read_rows(folder: str | Path, *, aggregation: str | None = None) -> list[PredictionRow]:
    """Read and check a run's predictions.csv.

    Parameters
    ----------
    folder : str or Path
        A run folder, with predictions.csv at least.
    aggregation : str, optional
        A rule (`aggregation.RULES`): images, breasts and patients are made anew of what they consist of.

    Raises
    ------
    ReadError
        If the table is missing or broken, holds a row twice, or gives a row no probability of what it gives others of its level one.
    InputError
        If the folder is no run, is not trained to its end, or has nothing to aggregate.
    """
    folder = Path(folder)
    check_predicted(folder)
    path = folder / "predictions.csv"
    rows = read_predictions(path)
    _refuse_others(path, "level", LEVELS, [(row.id, row.level) for row in rows])
    refuse_twice(path, ((row.set, row.id, row.repeat, row.outer, row.inner, row.part, row.level) for row in rows))
    _refuse_gaps(path, rows)
    return rows if aggregation is None else aggregated_rows(rows, aggregation)


def _refuse_gaps(path: Path, rows: Iterable[PredictionRow]) -> None:
    """Refuse a row without a probability that others of its level have: figures would be of fewer samples, and not say so."""
    first: dict[str, PredictionRow] = {}
    for row in rows:
        known = first.setdefault(row.level, row)
        if row.probability.keys() != known.probability.keys():
            name = min(row.probability.keys() ^ known.probability.keys())
            without = row if name in known.probability else known
            place = f"'{without.id}' of '{without.set}' (level {without.level}, part {without.part}, fold {without.outer})"
            raise ReadError(path, f"gives {place} no 'probability_{name}', but others of its level; fill it in, or take the row out")


def tested_levels(folder: str | Path, rows: Iterable[PredictionRow]) -> list[str]:
    """Return the levels that have test rows, windows first; `ORIGINALS` after them where some are copies of others.

    Raises
    ------
    InputError
        If there are none.
    """
    rows = [row for row in rows if row.part == PART]
    levels = {row.level for row in rows}
    if not levels:
        raise InputError(f"{Path(folder).name}: predictions.csv has no test rows")
    found = [level for level in LEVELS if level in levels]
    of_windows = {_COPY.search(row.id) is None for row in rows if row.level == "patch"}
    return [found[0], ORIGINALS, *found[1:]] if of_windows == {True, False} else found


def _is_of(row: PredictionRow, level: str) -> bool:
    return (row.level == "patch" and not _COPY.search(row.id)) if level == ORIGINALS else row.level == level


def run_at(folder: str | Path, rows: Sequence[PredictionRow], level: str) -> RunTables:
    """Return a run's tables at one level.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    rows : sequence of PredictionRow
        What `read_rows` returned.
    level : str
        "patch", "image", "breast", "patient" or `ORIGINALS`.

    Returns
    -------
    RunTables

    Raises
    ------
    ReadError
        If marks.csv or lesions.csv is broken, or a table gives one image two labels or groups, or names an image, lesion or group that
        the table it refers to does not have.
    InputError
        If there are no test rows at this level.
    """
    folder = Path(folder)
    tests = [row for row in rows if _is_of(row, level) and row.part == PART]
    if not tests:
        levels = sorted({row.level for row in rows if row.part == PART})
        raise InputError(f"{folder.name}: predictions.csv has no test rows at level '{level}'; it has: {', '.join(levels) or 'none'}")
    validations = [row for row in rows if _is_of(row, level) and row.part == "validation"]
    _refuse_two_faces(folder / "predictions.csv", [*tests, *validations])
    samples = _samples(tests)
    if level != "image" or not (folder / "marks.csv").exists():
        return RunTables(level, samples, tests, validations, None, None)
    lesions, marks = read_lesions(folder / "lesions.csv"), read_marks(folder / "marks.csv")
    _refuse_others(folder / "lesions.csv", "pathology", tuple(SEVERITY), [(row.lesion_id, row.pathology) for row in lesions])
    _check_marks(folder, tests, lesions, marks)
    return RunTables(level, samples, tests, validations, lesions, marks)


def read_run(folder: str | Path, *, level: str = "image", aggregation: str | None = None) -> RunTables:
    """Read a run's tables at one level: `run_at` of `read_rows`.

    Raises
    ------
    ReadError, InputError
        As these do.
    """
    return run_at(folder, read_rows(folder, aggregation=aggregation), level)


def _refuse_others(path: Path, column: str, words: Sequence[str], said: Iterable[tuple[str, str]]) -> None:
    for name, word in said:
        if word not in words:
            raise ReadError(path, f"'{column}' of '{name}' must be one of {', '.join(words)}, got '{word}'")


def refuse_twice(path: Path, keys: Iterable[Hashable]) -> None:
    """Refuse a table that holds a row twice, rows being told apart by `keys`: ReadError."""
    seen = set()
    for key in keys:
        if key in seen:
            raise ReadError(path, f"holds the row {key} twice; keep one")
        seen.add(key)


def _refuse_two_faces(path: Path, rows: Iterable[PredictionRow]) -> None:
    """Refuse an image that has one label or group here and another there."""
    first: dict[tuple[str, str], PredictionRow] = {}
    for row in rows:
        known = first.setdefault((row.set, row.id), row)
        for what in ("label", "group"):
            values = sorted({getattr(known, what), getattr(row, what)})
            if len(values) > 1:
                raise ReadError(path, f"gives '{row.id}' of '{row.set}' more than one {what}: {', '.join(values)}")


def _samples(tests: Sequence[PredictionRow]) -> list[Sample]:
    rows_of: dict[tuple[str, str], list[PredictionRow]] = {}
    for row in tests:
        rows_of.setdefault((row.set, row.id), []).append(row)
    samples = []
    for (set_name, name), rows in rows_of.items():
        shared = [key for key in rows[0].probability if all(key in row.probability for row in rows)]
        probability = {key: sum(row.probability[key] for row in rows) / len(rows) for key in shared}
        overlaps = [row.dice for row in rows if row.dice is not None]
        overlap = sum(overlaps) / len(overlaps) if overlaps else None
        samples.append(Sample(set_name, name, rows[0].group, rows[0].label, probability, overlap))
    return samples


def _check_marks(folder: Path, tests: Sequence[PredictionRow], lesions: Sequence[LesionRow], marks: Sequence[MarkRow]) -> None:
    tested = {(row.set, row.id, row.repeat, row.outer): row.group for row in tests}
    refuse_twice(folder / "lesions.csv", ((*image_of(row), row.lesion_id) for row in lesions))
    refuse_twice(folder / "marks.csv", ((*image_of(row), row.row, row.col, row.score, row.lesion_id) for row in marks))
    known = {(*image_of(row), row.lesion_id) for row in lesions}
    for file, rows in (("lesions.csv", lesions), ("marks.csv", marks)):
        stray = next((row for row in rows if image_of(row) not in tested), None)
        if stray:
            raise ReadError(folder / file, f"names the image {image_of(stray)}, which is not among the test rows of predictions.csv")
    moved = next((row for row in lesions if row.group != tested[image_of(row)]), None)
    if moved:
        reason = f"puts '{moved.lesion_id}' of {image_of(moved)} in group '{moved.group}', predictions.csv in '{tested[image_of(moved)]}'"
        raise ReadError(folder / "lesions.csv", f"{reason}; both are of one training")
    stray_hit = next((row for row in marks if row.lesion_id is not None and (*image_of(row), row.lesion_id) not in known), None)
    if stray_hit:
        raise ReadError(
            folder / "marks.csv", f"has a mark on lesion '{stray_hit.lesion_id}', which lesions.csv does not list for {image_of(stray_hit)}"
        )


def image_of(row: LesionRow | MarkRow) -> tuple[str, str, int, int]:
    """Return the image and fold of a lesion or mark: set, id, repeat, outer."""
    return row.set, row.image_id, row.repeat, row.outer

"""Records as CSV text and back: a header, then a row a record; open columns (``x_*``, ``raw_*``, ``probability_*``) last."""

from __future__ import annotations

import csv
import io
import math
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from breastcad.core.errors import ReadError

Row = TypeVar("Row")
LONGEST_CELL = 1_000_000
"""Longest cell that is read, in characters: a drawn outline has some ten thousand."""

_OPEN_COLUMNS = {"extra": "x_", "raw": "raw_", "probability": "probability_"}


def to_text(record: type[Row], rows: Iterable[Row]) -> str:
    """Return records as CSV text; ValueError if a number is not finite."""
    rows = list(rows)
    columns = list(_columns(cast(Any, record)))
    opened = [(name, key) for name in _open_fields(record) for key in dict.fromkeys(key for row in rows for key in getattr(row, name))]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns + [_OPEN_COLUMNS[name] + key for name, key in opened])
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in columns] + [_cell(getattr(row, name).get(key)) for name, key in opened])
    return stream.getvalue()


def from_text(path: Path, record: type[Row], text: str) -> list[Row]:
    """Return the records of a CSV text; ``path`` is for the message.

    Raises
    ------
    ReadError
        If it lacks a column that the record needs, or a value in one, has a column that it does not know, or a cell is no number, not a
        finite one, or in a column of text that holds numbers (`frame`, `points`) not in its form.
    """
    lines = _lines(path, text)
    _, header = next(lines, (1, None))
    if header is None:
        raise ReadError(path, "is empty; it must have a header")
    places = _places(path, record, header)
    rows = []
    for number, cells in lines:
        if len(cells) != len(header):
            raise ReadError(path, f"line {number} has {len(cells)} cells, the header {len(header)}")
        rows.append(_record(path, record, places, cells, number))
    return rows


@cache
def _columns(record: Any) -> dict[str, type]:
    """Map the fixed columns of a record to int, float or str."""
    hints = typing.get_type_hints(record)
    columns = {}
    for column in fields(record):
        if column.name in _OPEN_COLUMNS:
            continue
        hint = hints[column.name]
        if isinstance(hint, types.UnionType):
            hint = next(part for part in typing.get_args(hint) if part is not type(None))
        columns[column.name] = hint
    return columns


@cache
def _needed(record: Any) -> frozenset[str]:
    """Return the fields that have a value in every row: those without a default that may not be None."""
    hints = typing.get_type_hints(record)
    return frozenset(one.name for one in fields(record) if one.default is MISSING and type(None) not in typing.get_args(hints[one.name]))


def _open_fields(record: Any) -> list[str]:
    return [column.name for column in fields(record) if column.name in _OPEN_COLUMNS]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a table holds finite numbers only, got {value}")
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))
    return str(value)


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Give a CSV text's lines with their numbers; empty ones, as editors leave them at the end, are none."""
    csv.field_size_limit(LONGEST_CELL)  # of the whole process: each reader sets its own before it reads
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise ReadError(path, f"line {reader.line_num}: {error}; is a quotation mark left open?") from error


def _places(path: Path, record: type, header: list[str]) -> list[tuple[str, str | None, type]]:
    """Map each column to its field, the key within an open field, and its type."""
    columns, opened = _columns(record), _open_fields(record)
    required = [c.name for c in fields(record) if c.default is MISSING and c.default_factory is MISSING]
    missing = [name for name in required if name not in header]
    if missing:
        parted = len(header) == 1 and any(sign in header[0] for sign in ";\t")
        hint = "; its cells are parted by semicolons or tabs, save it with commas" if parted else ""
        raise ReadError(path, f"lacks the column '{missing[0]}'{hint}")
    repeated = [name for name in header if header.count(name) > 1]
    if repeated:
        raise ReadError(path, f"has the column '{repeated[0]}' more than once; keep one")
    places: list[tuple[str, str | None, type]] = []
    for name in header:
        opening = next((o for o in opened if name.startswith(_OPEN_COLUMNS[o])), None)
        if name in columns:
            places.append((name, None, columns[name]))
        elif opening:
            places.append((opening, name[len(_OPEN_COLUMNS[opening]) :], str if opening == "extra" else float))
        else:
            hint = "columns of your own begin with 'x_'" if "extra" in opened else f"take it out; known are: {', '.join(columns)}"
            raise ReadError(path, f"has a column '{name}' that is not known here; {hint}")
    return places


def _record(path: Path, record: type[Row], places: list[tuple[str, str | None, type]], cells: list[str], number: int) -> Row:
    values: dict[str, Any] = {}
    for (name, key, kind), cell in zip(places, cells, strict=True):
        if key is None:
            if not cell and name in _needed(cast(Any, record)):
                raise ReadError(path, f"line {number}: '{name}' is empty; every row must have one")
            values[name] = _value(path, kind, cell, name, number) if cell or kind is not str else None
        else:
            values.setdefault(name, {})
            if cell:
                values[name][key] = _value(path, kind, cell, _OPEN_COLUMNS[name] + key, number)
    defaults = {c.name: c.default for c in fields(record) if c.default is not MISSING}  # type: ignore[arg-type]
    return record(**{name: defaults.get(name) if value is None else value for name, value in values.items()})


def _value(path: Path, kind: type, cell: str, name: str, number: int) -> Any:
    if not cell:
        return None
    try:
        value = kind(cell)
    except ValueError as error:
        raise ReadError(path, f"line {number}: '{name}' must be a number, got '{cell[:60]}'") from error
    if kind is float and not math.isfinite(value):
        raise ReadError(path, f"line {number}: '{name}' must be a finite number, got '{cell}'; leave it empty where it is not known")
    if name in _TEXT_FORMS:
        fits, needed = _TEXT_FORMS[name]
        if not fits(cell):
            raise ReadError(path, f"line {number}: '{name}' must be {needed}, got '{cell}'")
    return value


def _is_frame(cell: str) -> bool:
    return cell.isascii() and cell.isdigit()


def _is_points(cell: str) -> bool:
    """Say if a cell holds pairs of finite numbers."""
    try:
        points = [[float(part) for part in point.split(",")] for point in cell.split()]
    except ValueError:
        return False
    return bool(points) and all(len(point) == 2 and all(map(math.isfinite, point)) for point in points)


# Columns of text that hold numbers: what fits, and what to say of what does not.
_TEXT_FORMS: dict[str, tuple[Callable[[str], bool], str]] = {
    "frame": (_is_frame, "a whole number from 0 (the frame of the file)"),
    "points": (_is_points, "'row,col row,col ...' in finite numbers"),
}

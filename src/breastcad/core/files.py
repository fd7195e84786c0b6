"""breastcad's own files: one reader and one writer each, and how a file is put under its final name.

Others' formats are in `read`. Everything is written beside its place and renamed, so that nothing half-written has a final name.
"""

from __future__ import annotations

import atexit
import csv
import io
import json
import math
import os
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import MISSING, asdict, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import (
    PARTS,
    SEVERITY,
    Analysis,
    Collection,
    FindingRow,
    ImageRow,
    LesionRow,
    MarkRow,
    PatchRow,
    PredictionRow,
    RegionRow,
    SplitRow,
)

Row = TypeVar("Row")
_OPEN_COLUMNS = {"extra": "x_", "raw": "raw_", "probability": "probability_"}


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file beside its place, then rename it into it; its folders are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as stream:
            stream.write(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: str | Path, content: str) -> None:
    """Write a UTF-8 text file as `write_bytes` does."""
    write_bytes(path, content.encode())


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON, indented, without NaN or infinity (ValueError if there is one)."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file of settings: names and values.

    Raises
    ------
    ReadError
        If it is missing, not YAML, or no list of names and values.
    """
    import yaml  # noqa: PLC0415 - slow to import, and few callers have settings

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ReadError(path, f"is not YAML ({' '.join(str(error).split())[:120]})") from error
    if not isinstance(content, dict):
        raise ReadError(path, "must hold names and values, such as 'epochs: 9'")
    return content


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    ReadError
        If it is missing or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    except RecursionError as error:
        raise ReadError(path, "is not JSON that can be read (nested without end)") from error
    except ValueError as error:
        raise ReadError(path, f"is not JSON ({error})") from error


def output_folder(path: str | Path, *, overwrite: bool) -> Path:
    """Make a folder to write into, and refuse one that is not empty unless told to overwrite.

    Nothing in it is deleted: files of the same name are replaced as they are written. A folder that it made and that is still empty
    when the program ends (the call was refused, or stopped) is removed again.

    Raises
    ------
    InputError
        If the folder is not empty and `overwrite` is false, or if a file has its name.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"--out must be a folder, but '{path}' is a file; name another")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise InputError(f"'{path}' is not empty; name another folder with --out, or add --overwrite")
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    if made:
        atexit.register(_remove_empty, made)
    return path


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, the deepest first, up to the first that holds something."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


# ---- tables ----


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


def write_table(path: str | Path, record: type[Row], rows: Iterable[Row]) -> None:
    """Write records as CSV: a header, then a row a record; open columns (``x_*``, ``raw_*``, ``probability_*``) last.

    Parameters
    ----------
    path : str or Path
    record : type
        A dataclass of `core.records`; gives the columns, also where there are no rows.
    rows : iterable of record
        Floats are written so that reading gives the same number.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    rows = list(rows)
    columns = list(_columns(cast(Any, record)))
    opened = [(name, key) for name in _open_fields(record) for key in dict.fromkeys(key for row in rows for key in getattr(row, name))]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns + [_OPEN_COLUMNS[name] + key for name, key in opened])
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in columns] + [_cell(getattr(row, name).get(key)) for name, key in opened])
    write_text(path, stream.getvalue())


LONGEST_CELL = 1_000_000
"""Longest cell that is read, in characters: a drawn outline has some ten thousand."""


def read_table(path: str | Path, record: type[Row]) -> list[Row]:
    """Read a table that `write_table` wrote.

    Raises
    ------
    ReadError
        If the file is missing, no UTF-8 (a byte order mark is taken), lacks a column that the record needs, has one that it does not
        know, or a cell is no number, not a finite one, or in a column of text that holds numbers (`frame`, `points`) not in its form.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ReadError(path, f"is no UTF-8 text (byte {error.start}); save it as UTF-8") from error
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
            raise ReadError(path, f"has a column '{name}' that is not known here; columns of your own begin with 'x_'")
    return places


def _record(path: Path, record: type[Row], places: list[tuple[str, str | None, type]], cells: list[str], number: int) -> Row:
    values: dict[str, Any] = {}
    for (name, key, kind), cell in zip(places, cells, strict=True):
        if key is None:
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


# ---- collection ----


def write_collection(folder: str | Path, collection: Collection) -> None:
    """Write images.csv, findings.csv, regions.csv (where there are any) and, last, collection.json."""
    folder = Path(folder)
    write_table(folder / "images.csv", ImageRow, collection.images)
    write_table(folder / "findings.csv", FindingRow, collection.findings)
    if collection.regions:
        write_table(folder / "regions.csv", RegionRow, collection.regions)
    root = os.path.relpath(Path(collection.root).resolve(), folder.resolve())
    write_json(folder / "collection.json", {"format": "breastcad-collection/1", "root": Path(root).as_posix(), **collection.facts})


def read_collection(folder: str | Path) -> Collection:
    """Read a collection folder; its ``root`` becomes an absolute path.

    Raises
    ------
    ReadError
        If the folder is not a collection, a table is none that `read_table` takes, or a label in its tables is none of ours.
    """
    folder = Path(folder)
    if not (folder / "collection.json").is_file():
        raise ReadError(folder, "is no collection (it has no collection.json); make one with: breastcad import SET FOLDER --out COLLECTION")
    facts = read_json(folder / "collection.json")
    if not isinstance(facts, dict) or not isinstance(facts.get("root"), str):
        raise ReadError(folder / "collection.json", "names no 'root', the folder that paths are relative to; import the set again")
    root = (folder / facts.pop("root")).resolve()
    facts.pop("format", None)
    images = read_table(folder / "images.csv", ImageRow)
    findings = read_table(folder / "findings.csv", FindingRow)
    _check_labels(folder / "images.csv", [(row.image_id, row.label) for row in images])
    _check_labels(folder / "findings.csv", [(row.finding_id, row.pathology) for row in findings])
    regions = folder / "regions.csv"
    return Collection(
        root=str(root),
        images=images,
        findings=findings,
        regions=read_table(regions, RegionRow) if regions.is_file() else [],
        facts=facts,
    )


def _check_labels(path: Path, labels: list[tuple[str, str]]) -> None:
    for name, label in labels:
        if label not in SEVERITY:
            raise ReadError(path, f"'{name}' has the label '{label}'; labels are {', '.join(SEVERITY)}")


# ---- split, patches, predictions, marks ----


def write_split(folder: str | Path, rows: Sequence[SplitRow], facts: dict[str, Any]) -> None:
    """Write split.csv and split.json (how it was made, seed, what leaks were allowed)."""
    write_table(Path(folder) / "split.csv", SplitRow, rows)
    write_json(Path(folder) / "split.json", {"format": "breastcad-split/1", **facts})


def read_facts(path: str | Path) -> dict[str, Any]:
    """Read a split.json, without its ``format``.

    Raises
    ------
    ReadError
        If it is missing, not JSON, or no list of names and values.
    """
    facts = read_json(path)
    if not isinstance(facts, dict):
        raise ReadError(path, "must hold names and values; make the split again with: breastcad split")
    facts.pop("format", None)
    return facts


def read_split(path: str | Path) -> list[SplitRow]:
    """Read a split.csv, or the one in a folder.

    Raises
    ------
    ReadError
        As `read_table`, or if a row's part is none of `PARTS`.
    """
    path = Path(path)
    path = path / "split.csv" if path.is_dir() else path
    rows = read_table(path, SplitRow)
    for line, row in enumerate(rows, start=2):
        if row.part not in PARTS:
            raise ReadError(path, f"line {line}: part must be one of {', '.join(PARTS)}, got '{row.part}'")
    return rows


def write_patches(path: str | Path, rows: Iterable[PatchRow]) -> None:
    """Write patches.csv."""
    write_table(path, PatchRow, rows)


def read_patches(path: str | Path) -> list[PatchRow]:
    """Read patches.csv."""
    return read_table(path, PatchRow)


def write_predictions(path: str | Path, rows: Iterable[PredictionRow]) -> None:
    """Write predictions.csv."""
    write_table(path, PredictionRow, rows)


_ROUNDING = 1e-6  # by which a probability that was computed may leave [0, 1]


def read_predictions(path: str | Path) -> list[PredictionRow]:
    """Read predictions.csv.

    Raises
    ------
    ReadError
        As `read_table`, or if a row's part is none of `PARTS`, its label none of `SEVERITY`, or a probability or Dice outside [0, 1].
    """
    rows = read_table(path, PredictionRow)
    for line, row in enumerate(rows, start=2):
        if row.part not in PARTS:
            raise ReadError(path, f"row {line}: 'part' must be one of {', '.join(PARTS)}, got '{row.part}'")
        if row.label not in SEVERITY:
            raise ReadError(path, f"row {line}: 'label' must be one of {', '.join(SEVERITY)}, got '{row.label}'")
        shares = {f"probability_{name}": value for name, value in row.probability.items()} | {"dice": row.dice}
        wrong = next((name for name, value in shares.items() if value is not None and not -_ROUNDING <= value <= 1 + _ROUNDING), None)
        if wrong:
            raise ReadError(path, f"row {line}: '{wrong}' must lie in [0, 1], got {shares[wrong]}")
    return rows


def write_marks(path: str | Path, rows: Iterable[MarkRow]) -> None:
    """Write marks.csv."""
    write_table(path, MarkRow, rows)


def read_marks(path: str | Path) -> list[MarkRow]:
    """Read marks.csv."""
    return read_table(path, MarkRow)


def write_lesions(path: str | Path, rows: Iterable[LesionRow]) -> None:
    """Write lesions.csv."""
    write_table(path, LesionRow, rows)


def read_lesions(path: str | Path) -> list[LesionRow]:
    """Read lesions.csv."""
    return read_table(path, LesionRow)


# ---- findings.json ----


def write_analysis(path: str | Path, analysis: Analysis) -> None:
    """Write findings.json, version 1."""
    write_json(path, asdict(analysis))


def read_analysis(path: str | Path) -> Analysis:
    """Read findings.json; keys that are not known are ignored.

    Raises
    ------
    ReadError
        If it is not findings.json of version 1, or a key is missing.
    """
    content = read_json(path)
    if not isinstance(content, dict) or content.get("schema") != "breastcad-findings/1":
        raise ReadError(path, "is not a findings.json of version 1 ('schema' must be 'breastcad-findings/1')")
    try:
        return typing.cast(Analysis, _build(Analysis, content))
    except (TypeError, AttributeError) as error:
        raise ReadError(path, f"is not a whole findings.json ({error})") from error


def _build(hint: Any, value: Any) -> Any:
    """Turn parsed JSON into the dataclasses that a type hint names."""
    if value is None:
        return None
    if is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return typing.cast(Any, hint)(**{name: _build(hints[name], value[name]) for name in hints if name in value})
    if isinstance(hint, types.UnionType):
        return _build(next(part for part in typing.get_args(hint) if part is not type(None)), value)
    if typing.get_origin(hint) is list:
        return [_build(typing.get_args(hint)[0], item) for item in value]
    if typing.get_origin(hint) is dict:
        return {key: _build(typing.get_args(hint)[1], item) for key, item in value.items()}
    return value

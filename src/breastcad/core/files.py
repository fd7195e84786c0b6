"""breastcad's own files: one reader and one writer each, and how a file is put under its final name.

Others' formats are in `read`. Everything is written beside its place and renamed, so that nothing half-written has a final name.
"""

from __future__ import annotations

import atexit
import json
import os
import types
import typing
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import (
    LABELS,
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
from breastcad.core.tables import from_text, to_text

Row = TypeVar("Row")


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


def write_table(path: str | Path, record: type[Row], rows: Iterable[Row]) -> None:
    """Write records as CSV (`tables.to_text`).

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
    write_text(path, to_text(record, rows))


def read_table(path: str | Path, record: type[Row]) -> list[Row]:
    """Read a table that `write_table` wrote.

    Raises
    ------
    ReadError
        If the file is missing, no UTF-8 (a byte order mark is taken), or as `tables.from_text` does.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ReadError(path, f"is no UTF-8 text (byte {error.start}); save it as UTF-8") from error
    return from_text(path, record, text)


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
        If the folder is no collection, or a table is none that `read_table` takes, lists an image twice, or has a label not ours.
    """
    folder = Path(folder)
    if not (folder / "collection.json").is_file():
        raise ReadError(folder, "is no collection (it has no collection.json); make one with: breastcad import SET FOLDER --out COLLECTION")
    facts = read_json(folder / "collection.json")
    _check_facts(folder / "collection.json", facts)
    root = (folder / facts.pop("root")).resolve()
    facts.pop("format", None)
    images = read_table(folder / "images.csv", ImageRow)
    findings = read_table(folder / "findings.csv", FindingRow)
    _check_labels(folder / "images.csv", [(row.image_id, row.label) for row in images])
    _check_labels(folder / "findings.csv", [(row.finding_id, row.pathology) for row in findings])
    (twice, times), *_ = Counter((row.set, row.image_id) for row in images).most_common(1) or [(("", ""), 1)]
    if times > 1:
        raise ReadError(folder / "images.csv", f"lists the image '{twice[1]}' {times} times; keep one row, or import the set again")
    regions = folder / "regions.csv"
    return Collection(
        root=str(root),
        images=images,
        findings=findings,
        regions=read_table(regions, RegionRow) if regions.is_file() else [],
        facts=facts,
    )


def _check_facts(path: Path, facts: Any) -> None:
    if not isinstance(facts, dict) or not isinstance(facts.get("root"), str) or not facts["root"].isprintable():
        raise ReadError(path, "names no 'root', the folder that paths are relative to; import the set again")
    said = facts.get("problems", [])
    if not isinstance(facts.get("set", ""), str) or not isinstance(said, list) or not all(isinstance(one, str) for one in said):
        raise ReadError(path, "must have a text as 'set' and a list of sentences as 'problems'; import the set again")


def _check_labels(path: Path, labels: list[tuple[str, str]]) -> None:
    for name, label in labels:
        if label not in SEVERITY:
            raise ReadError(path, f"'{name}' has the label '{label}'; labels are {', '.join(SEVERITY)}")


# ---- split, patches, predictions, marks ----


def write_split(folder: str | Path, rows: Sequence[SplitRow], facts: dict[str, Any]) -> None:
    """Write split.csv and, last, split.json (how it was made, seed, what leaks were allowed); an older one goes first."""
    (Path(folder) / "split.json").unlink(missing_ok=True)
    write_table(Path(folder) / "split.csv", SplitRow, rows)
    write_json(Path(folder) / "split.json", {"format": "breastcad-split/1", **facts})


def read_facts(path: str | Path) -> dict[str, Any]:
    """Read a split.json, without its ``format``.

    Raises
    ------
    ReadError
        If it is missing, not JSON, or no list of names and values.
    """
    path = Path(path)
    if not path.is_file():
        raise _no_split(path.parent)
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
        If there is none, as `read_table`, or if a row's part is none of `PARTS`.
    """
    given = Path(path)
    path = given / "split.csv" if given.is_dir() else given
    if not path.is_file():
        raise _no_split(given)
    rows = read_table(path, SplitRow)
    for line, row in enumerate(rows, start=2):
        if row.part not in PARTS:
            raise ReadError(path, f"line {line}: part must be one of {', '.join(PARTS)}, got '{row.part}'")
    return rows


def _no_split(given: Path) -> ReadError:
    said = "is no split (it has no split.csv with its split.json); make one with: breastcad split COLLECTION --out SPLIT"
    return ReadError(given.absolute(), said)  # the name of "." is empty


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
_SUM_ROUNDING = 0.01  # by which the sum of probabilities may pass 1: others write two digits


def read_predictions(path: str | Path) -> list[PredictionRow]:
    """Read predictions.csv.

    Raises
    ------
    ReadError
        As `read_table`, or if a row's part is none of `PARTS`, its label none of `LABELS`, a probability or Dice outside [0, 1], or the
        probabilities of normal, benign and malignant, which shut each other out, add up to more than 1.
    """
    rows = read_table(path, PredictionRow)
    for line, row in enumerate(rows, start=2):
        if row.part not in PARTS:
            raise ReadError(path, f"row {line}: 'part' must be one of {', '.join(PARTS)}, got '{row.part}'")
        if row.label not in LABELS:
            raise ReadError(path, f"row {line}: 'label' must be one of {', '.join(LABELS)}, got '{row.label}'")
        shares = {f"probability_{name}": value for name, value in row.probability.items()} | {"dice": row.dice}
        wrong = next((name for name, value in shares.items() if value is not None and not -_ROUNDING <= value <= 1 + _ROUNDING), None)
        if wrong:
            raise ReadError(path, f"row {line}: '{wrong}' must lie in [0, 1], got {shares[wrong]}")
        whole = sum(row.probability.get(label, 0.0) for label in ("normal", "benign", "malignant"))
        if whole > 1 + _SUM_ROUNDING:
            raise ReadError(
                path, f"row {line}: the probabilities of normal, benign and malignant must add up to 1 at most, got {whole:.6g}"
            )
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

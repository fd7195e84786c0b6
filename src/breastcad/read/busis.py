"""BUSIS, the breast ultrasound benchmark of Utah and Harbin: images, masks and a table of types. Quirks: docs/data.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path

from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.read.masks import put_mask
from breastcad.read.reading import Reading
from breastcad.read.tables import label_of, table_rows
from breastcad.read.trees import Progress, find_tree, holds

NAME = "busis"
NEEDED = "BUSIS (folders Original and GT with files such as case1.bmp and case1_GT.bmp)"
_IMAGE = re.compile(r"case(\d+)", re.IGNORECASE)
_FILE = re.compile(r"case\d+(?:_GT)?\.(?:bmp|png)", re.IGNORECASE)
_LABELS = {"b": "benign", "m": "malignant", "benign": "benign", "malignant": "malignant"}
_FACTS = {
    "set": NAME,
    "title": "BUSIS",
    "licence": "by agreement with its authors; research only, not to be passed on",
    "cite": "Y. Zhang et al., BUSIS: A benchmark for breast ultrasound image segmentation, Healthcare 10, 2022, 729",
}


def find(folder: str | Path) -> Path:
    """Return the folder that holds Original and GT; InputError if there is none."""
    return find_tree(folder, lambda place: (place / "GT").is_dir() and holds(place, "Original", _FILE), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read BUSIS: an image a row of its table or a file that it lacks, a finding a mask.

    Parameters
    ----------
    folder : str or Path
        The folder of `Original` and `GT`, or the one above or below it.
    tables : str or Path, optional
        Folder of BUSIS562.csv or BUSIS.xlsx where it lies elsewhere.
    words : mapping, optional
        Further label words (for the column tumor type).
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        ``patient_id`` is None throughout. Names are joined by their number: the table pads it with zeros, the files do not.

    Raises
    ------
    InputError
        If there is no tree, or a type is unknown.
    ReadError
        If the table lacks a column.
    """
    root = find(folder)
    table = _table(Path(tables) if tables else root)
    listed = [(f"case{number}", cells["tumor type"]) for cells in _rows(table) if (number := _number(cells["img name"])) is not None]
    files, masks = _numbered(root / "Original"), _numbered(root / "GT")
    reading = Reading(_FACTS, root, progress)
    types = dict(reading.once(listed, itemgetter(0), lambda row: label_of(row[1], _LABELS, words, row[0])).values())
    for number in reading.each(sorted({*(int(name.removeprefix("case")) for name in types), *files})):
        row = ImageRow(set=NAME, image_id=f"case{number}", modality="US", aspect="kept")
        if row.image_id in types:
            row.label = label_of(types[row.image_id], _LABELS, words, row.image_id)
        elif table:
            reading.fault("images that the table does not list, label unknown", row.image_id)
        reading.add(row, files.get(number))
        finding = FindingRow(NAME, f"case{number}-1", row.image_id, lesion_id=f"case{number}-1", pathology=row.label)
        if number in masks:
            put_mask(finding, row, masks[number], root, reading.faults)
        elif row.present:
            reading.fault("images without a mask", row.image_id)
        reading.findings.append(finding)
    problems = ["the set names no patients: split it by groups of near-duplicates"]
    problems += [] if table else ["there is no BUSIS562.csv or BUSIS.xlsx: labels are unknown"]
    return reading.finish(problems, {"published": 562})


def _table(place: Path) -> Path | None:
    found = [path for path in sorted(place.glob("BUSIS*")) if path.suffix.lower() in (".csv", ".xlsx")]
    return found[0] if found else None


def _rows(table: Path | None) -> list[dict[str, str]]:
    """Return the table's rows; those at its end that are empty but for a delimiter have no image name."""
    return [cells for cells in table_rows(table, ("img name", "tumor type")) if cells["img name"]] if table else []


def _number(name: str) -> int | None:
    match = _IMAGE.match(name)
    return int(match[1]) if match else None


def _numbered(folder: Path) -> dict[int, Path]:
    """Map the number in a file's name to the file."""
    found = {_number(path.name): path for path in sorted(folder.iterdir()) if _FILE.fullmatch(path.name)}
    return {number: path for number, path in found.items() if number is not None}

"""Rows of a user's own set: which of their columns is which of ours, and what a cell may hold.

Where the rows come from is in `own_csv`, `own_coco` and `own_dicom`.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import SEVERITY, FindingRow, ImageRow
from breastcad.read import count_frames
from breastcad.read.dicom_rows import UNREADABLE, put_dicom
from breastcad.read.files import kind_of
from breastcad.read.maps import SetMap
from breastcad.read.own_identifiers import identifying, is_of_a_person
from breastcad.read.tables import number_of, word_of
from breastcad.read.trees import Faults, counts, inside, put_picture, told

_LABEL_WORDS = ("label", "pathology", "class", "diagnosis", "classification")
IMAGE_NAMES: dict[str, tuple[str, ...]] = {
    "image_id": ("image_id", "imageid", "image_name", "id"),
    "path": ("path", "file", "filename", "file_name", "file_path", "filepath", "image_path", "image_file", "image_filename", "image"),
    "frame": ("frame",),
    "patient_id": ("patient_id", "patientid", "patient", "subject_id", "subject", "woman"),
    "exam_id": ("exam_id", "exam", "study_id", "study"),
    "date": ("date", "exam_date", "study_date"),
    "days_from_first": ("days_from_first",),
    "age": ("age", "patient_age"),
    "modality": ("modality",),
    "image_type": ("image_type",),
    "laterality": ("laterality", "side"),
    "view": ("view", "view_position"),
    "rows": ("rows", "height", "image_height", "img_height"),
    "cols": ("cols", "columns", "width", "image_width", "img_width"),
    "aspect": ("aspect",),
    "bit_depth": ("bit_depth",),
    "spacing_row_mm": ("spacing_row_mm", "spacing_mm", "pixel_spacing_mm"),
    "spacing_col_mm": ("spacing_col_mm", "spacing_mm", "pixel_spacing_mm"),
    "manufacturer": ("manufacturer",),
    "density": ("density", "breast_density"),
    "birads": ("birads", "bi_rads"),
    "label": _LABEL_WORDS,
    "part": ("part", "split"),
    "origin": ("origin",),
    "parent_image_id": ("parent_image_id",),
}
"""Columns of images.csv and the names that they are known by; case and what is no letter or digit do not count."""
FINDING_NAMES: dict[str, tuple[str, ...]] = {
    "finding_id": ("finding_id",),
    "lesion_id": ("lesion_id", "lesion"),
    "kind": ("kind", "lesion_type", "finding_type", "abnormality_type"),
    "pathology": ("pathology", *_LABEL_WORDS),
    "birads": ("birads", "bi_rads"),
    "subtlety": ("subtlety",),
    "shape": ("shape",),
    "margin": ("margin",),
    "morphology": ("morphology",),
    "distribution": ("distribution",),
    "geometry": ("geometry",),
    "row0": ("row0",),
    "col0": ("col0",),
    "row1": ("row1",),
    "col1": ("col1",),
    "height": ("box_height", "bbox_height"),
    "width": ("box_width", "bbox_width"),
    "points": ("points", "polygon"),
    "mask_path": ("mask_path", "mask", "mask_file", "mask_filename"),
}
"""As `IMAGE_NAMES`, of findings.csv; ``height`` and ``width`` are of a box whose end is not given. Other names of a box: `own_boxes`."""
PLACES = ("row0", "points", "mask_path")
LABELS = {"": "unknown", **{word: word for word in SEVERITY}}
KINDS = {
    **dict.fromkeys(("mass", "masses", "lesion", "nodule", "tumor", "tumour"), "mass"),
    **dict.fromkeys(("calcification", "calcifications", "microcalcification", "microcalcifications", "calc"), "calcification"),
    **dict.fromkeys(("asymmetry", "focal asymmetry", "global asymmetry"), "asymmetry"),
    **dict.fromkeys(("distortion", "architectural distortion"), "distortion"),
    "other": "other",
}
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Words for the part of a split that an image, a file or a folder is of; case does not count."""
_SIDES = {"l": "L", "left": "L", "r": "R", "right": "R"}
_MODALITIES = {"mg": "MG", "mammography": "MG", "mammogram": "MG", "us": "US", "ultrasound": "US"}
_NOBODY = ("n/a", "#n/a", "na", "<na>", "nan", "none", "null", "nil", "unknown", "not available", "missing", "-", "?")
_SUFFIXES = ("", ".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".tif", ".tiff", ".bmp", ".pgm")


def plain(name: str) -> str:
    """Return a column's name as it is compared: small letters and digits, ``_`` for what lies between.

    Examples
    --------
    >>> plain(" File Name "), plain("BI-RADS")
    ('file_name', 'bi_rads')
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def cell_of(cells: Mapping[str, str], columns: Mapping[str, str], ours: str) -> str:
    """Return the cell of one of our columns, ``""`` where the table has no such column."""
    theirs = columns.get(ours)
    return "" if theirs is None else cells.get(theirs, "")


def columns_of(header: Iterable[str], names: Mapping[str, Sequence[str]], asked: Mapping[str, str], where: str) -> dict[str, str]:
    """Map our columns to a table's: those that the map asks for, else those of a known name that the map does not use.

    Raises
    ------
    InputError
        If the table lacks a column that the map names.
    """
    header = list(header)
    found: dict[str, str] = {}
    for ours, theirs in asked.items():
        if ours not in names and ours != "image_id":
            raise InputError(f"{where}: '{ours}' cannot be taken from a table here")
        match = next((name for name in header if name == theirs), None) or next((n for n in header if n.lower() == theirs.lower()), None)
        if match is None:
            raise InputError(f"{where}: has no column '{theirs}', which the map names for '{ours}'; it has {', '.join(header)[:300]}")
        found[ours] = match
    free = {plain(name): name for name in reversed(header) if name not in found.values()}
    for ours, known in names.items():
        match = next((free[name] for name in known if name in free), None)
        if ours not in found and match is not None:
            found[ours] = match
    return found


# ---- what a cell may hold ----


def _choice(words: Mapping[str, str]) -> Callable[[str], Any]:
    return lambda cell: words.get(cell.lower())


def day_of(cell: str) -> str | None:
    """Return ``YYYY-MM-DD`` of a day so written, or as DICOM does (``YYYYMMDD``); None for what is no day.

    Examples
    --------
    >>> day_of("20200131"), day_of("2020-02-31")
    ('2020-01-31', None)
    """
    if not re.fullmatch(r"\d{4}-\d\d-\d\d|\d{8}", cell, re.ASCII):
        return None
    try:
        return datetime.date.fromisoformat(cell).isoformat()
    except ValueError:
        return None


def _number(low: float, below: float, *, whole: bool = False) -> Callable[[str], Any]:
    """Return what reads a number from `low` on and below `below`, None for what is none such."""

    def read(cell: str) -> float | None:
        number = number_of(cell)
        if number is None or not low <= number < below or (whole and number != int(number)):
            return None
        return int(number) if whole else number

    return read


def _name(cell: str) -> str | None:
    return word_of(cell, _NOBODY)


_NUMBERS: dict[str, Callable[[str], Any]] = {
    "days_from_first": _number(-1e5, 1e5, whole=True),
    "age": _number(0, 150),
    "rows": _number(1, 1e6, whole=True),
    "cols": _number(1, 1e6, whole=True),
    "bit_depth": _number(1, 65, whole=True),
    "spacing_row_mm": _number(1e-4, 100),
    "spacing_col_mm": _number(1e-4, 100),
}
_FORMS: dict[str, Callable[[str], Any]] = {
    **_NUMBERS,
    "patient_id": _name,
    "exam_id": _name,
    "date": day_of,
    "modality": _choice(_MODALITIES),
    "laterality": _choice(_SIDES),
    "view": str.upper,
    "aspect": _choice({"kept": "kept", "lost": "lost"}),
    "density": _choice({letter.lower(): letter for letter in "ABCD"}),
    "origin": _choice({word: word for word in ("real", "phantom", "synthetic", "augmented")}),
    "part": _choice(PARTS),
    "frame": lambda cell: cell if cell.isascii() and cell.isdigit() else None,
}


@dataclass(slots=True)
class Own:
    """What reading a user's own set needs throughout: the set's name, its folder, the map, what is wrong so far.

    Of a ``private`` one no cell is quoted, since it may name a patient. ``remarks`` are sentences, ``held`` columns that were held back.
    """

    set_name: str
    root: Path
    said: SetMap
    faults: Faults = field(default_factory=dict)
    decimal_comma: bool = False
    finding_ids: set[str] = field(default_factory=set)
    private: bool = False
    remarks: list[str] = field(default_factory=list)
    held: dict[str, None] = field(default_factory=dict)

    def hold_back(self, rows: Sequence[dict[str, str]], taken: Collection[str]) -> list[dict[str, str]]:
        """Return a table without the columns that identify a person, but for those that are taken for something of ours."""
        held = dict.fromkeys(identifying(rows, taken))
        self.held |= held
        return [{name: cell for name, cell in cells.items() if name not in held} for cells in rows]

    def fault(self, what: str, item: str) -> None:
        """Keep a thing that is wrong, for collection.json."""
        self.faults.setdefault(what, []).append(item)

    def label(self, word: str) -> str:
        """Return what a label word means; KeyError if neither the map nor this program knows it."""
        key = word.strip().lower()
        return self.said.get(key) or LABELS[key]

    def finding_id(self, wanted: str | None, usual: str) -> str:
        """Return the id that a table gives a finding, or the usual one where it gives none or one that stands twice."""
        if wanted in self.finding_ids:
            self.fault("findings whose id stands twice, given another", str(wanted))
        found = usual if wanted is None or wanted in self.finding_ids else wanted
        while found in self.finding_ids:
            found += "+"
        self.finding_ids.add(found)
        return found

    def kind(self, word: str) -> str:
        """Return the kind of finding that a word means; KeyError if neither the map nor this program knows it."""
        key = word.strip().lower()
        return self.said.kinds.get(key) or KINDS[key.replace("_", " ").replace("-", " ")]


def check_words(rows: Iterable[Mapping[str, str]], column: str | None, meaning: Callable[[str], str], section: str, where: str) -> None:
    """Refuse a table with words that neither the map nor this program knows, all in one sentence.

    Raises
    ------
    InputError
    """
    unknown: dict[str, int] = {}
    for number, cells in enumerate(rows, start=1):
        word = cells.get(column, "").strip() if column is not None else ""
        try:
            meaning(word) if word else None
        except KeyError:
            unknown.setdefault(word, number)
    if unknown:
        words = ", ".join(f"'{word[:60]}' (row {number})" for word, number in list(unknown.items())[:8])
        more = f" and {len(unknown) - 8} more" if len(unknown) > 8 else ""
        raise InputError(
            f"{where}: words of '{column}' that are not known here: {words}{more}; "
            f"say under '{section}:' in a file for --map what they mean"
        )


def image_row(image_id: str, cells: Mapping[str, str], columns: Mapping[str, str], own: Own) -> ImageRow:
    """Make a row of images.csv of a table's row; what is not of ours, or cannot be understood, is kept under ``x_``.

    Raises
    ------
    InputError
        If a value of the map's ``every`` is none that its column may hold.
    """
    row = ImageRow(set=own.set_name, image_id=image_id, present=0)
    for ours in IMAGE_NAMES:
        cell = cell_of(cells, columns, ours) or own.said.every.get(ours, "")
        if ours in ("image_id", "path") or not cell:
            continue
        value = _value(ours, cell, own)
        if value is None and not cell_of(cells, columns, ours):
            raise InputError(f"{own.said.file}: 'every' says {ours}: {cell[:60]}, which is nothing that the column may hold")
        if value is None:
            own.fault(
                f"cells of '{columns[ours]}' that cannot be understood as {ours}, kept under x_",
                image_id if own.private else f"{image_id}: {cell[:40]}",
            )
            row.extra[columns[ours]] = cell
        else:
            setattr(row, ours, value)
    row.extra |= others(cells, columns)
    return row


def _value(ours: str, cell: str, own: Own) -> Any:
    if ours == "label":
        return own.said.get(cell.lower()) or LABELS.get(cell.lower())
    if ours == "laterality" and cell.lower() in own.said.sides:
        return own.said.sides[cell.lower()].upper()
    if own.decimal_comma and ours in _NUMBERS:
        cell = cell.replace(",", ".")
    return _FORMS.get(ours, str)(cell)


def others(cells: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, str]:
    """Return the cells of columns that are none of ours, by their names without ``x_``; a column without a name is left out."""
    taken = set(columns.values())
    return {name.removeprefix("x_") or name: cell for name, cell in cells.items() if name not in taken and name and cell}


# ---- files ----


def stem_of(path: str) -> str:
    """Return a path without the suffix of a picture, with ``/``; what follows another dot is of the name.

    Examples
    --------
    >>> stem_of("images\\\\a.PNG"), stem_of("1.2.840.0"), stem_of(".png")
    ('images/a', '1.2.840.0', '.png')
    """
    name = PurePosixPath(path.replace("\\", "/"))
    return str(name.with_suffix("") if name.suffix.lower() in _SUFFIXES else name) if name.name else path


def find_file(cell: str, places: Sequence[Path], root: Path) -> Path | None:
    """Return the file that a cell names: in one of some folders, also without its suffix; None if it is not there.

    Raises
    ------
    ReadError
        If it lies outside the set's folder.
    """
    name = cell.replace("\\", "/").replace("\0", "?")
    for place in places:
        for suffix in ("",) if Path(name).suffix.lower() in _SUFFIXES[1:] else _SUFFIXES:
            path = place / f"{name}{suffix}"
            if os.path.isfile(path):
                inside(path, root)
                return path
    inside(places[0] / name, root)
    return None


def put_file(row: ImageRow, cell: str, places: Sequence[Path], own: Own) -> None:
    """Enter the file that a cell names into an image row; one that is missing, broken or outside leaves ``present`` 0."""
    said = row.rows, row.cols
    row.present = 0
    try:
        path = find_file(cell, places, own.root)
        if path is None:
            own.fault("images that are listed but missing", row.image_id)
        elif kind_of(path) == "DICOM":
            put_dicom(row, path, own.root, own.faults)
        elif fault := put_picture(row, path, own.root):
            raise ReadError(path, fault.partition(": ")[2])
        if row.present and path is not None and row.frame is not None and int(row.frame) >= (frames := count_frames(path)):
            row.present = 0
            raise ReadError(path, f"has {frames} frames, but frame {row.frame} (counted from 0) is listed")
    except ReadError as error:
        own.fault(UNREADABLE, f"{row.image_id}: {error.reason}")
    if row.present and None not in said and said != (row.rows, row.cols):
        own.fault(
            "images of another size than is said: their findings may not fit",
            f"{row.image_id}: {said[0]} x {said[1]}, is {row.rows} x {row.cols}",
        )


def clipped(corners: Sequence[float], image: ImageRow, finding_id: str, own: Own) -> tuple[float, float, float, float]:
    """Return a box within its image; one that left it is said."""
    row0, col0, row1, col1 = corners
    if not image.rows or not image.cols:
        return row0, col0, row1, col1
    inner = max(0.0, row0), max(0.0, col0), min(float(image.rows), row1), min(float(image.cols), col1)
    if inner != (row0, col0, row1, col1):
        own.fault("boxes that left their image, clipped", finding_id)
    return inner


# ---- what is said of the whole ----


def own_facts(reader: str, what: str, images: list[ImageRow], findings: list[FindingRow], own: Own) -> dict[str, Any]:
    """Return the facts of a user's own set: as the map says, else that nothing is said."""
    problems = list(own.remarks)
    if own.held:
        names = ", ".join(name[:60] for name in own.held)
        problems.append(f"columns that identify a person, by their name or a cell, are held back: {names}; rename one that does not")
    revealing = sum(is_of_a_person(row.patient_id or "") for row in images)
    if revealing:
        problems.append(f"images whose patient id is a name, an address or a number of the person: {revealing:,}; give pseudonyms")
    days = sum(bool(day_of(row.patient_id or "")) and not (row.patient_id or "").isdigit() for row in images)
    if days:
        problems.append(
            f"images whose patient id is a day, as a workbook makes of 3-1: {days:,}; see what it was, and make the column text"
        )
    problems += told(
        "images without a patient: two of one woman may come apart in a split", [r.image_id for r in images if not r.patient_id]
    )
    by_image: dict[str, str] = {}
    for finding in findings:
        by_image[finding.image_id] = max(by_image.get(finding.image_id, "unknown"), finding.pathology, key=SEVERITY.__getitem__)
    less = [row.image_id for row in images if SEVERITY[row.label] < SEVERITY[by_image.get(row.image_id, "unknown")]]
    problems += told("images whose label is less severe than a finding of theirs; the label counts", less)
    for sentence, items in own.faults.items():
        problems += told(sentence, items)
    return {
        "set": own.set_name,
        "title": own.said.about.get("title", what),
        "licence": own.said.about.get("licence", "not stated"),
        "cite": own.said.about.get("cite", "not stated"),
        "reader": reader,
        "counts": counts(images, findings),
        "problems": problems,
    }

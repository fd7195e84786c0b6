"""CMMD: full-field digital mammograms as DICOM, a label a breast by biopsy, no places. Quirks: docs/data.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.read.reading import Reading
from breastcad.read.tables import label_of, number_of, table_rows
from breastcad.read.trees import Progress, find_tree, told

NAME = "cmmd"
NEEDED = "CMMD (CMMD_clinicaldata_revision.xlsx or .csv, or folders such as D1-0001 with DICOM files)"
_TABLE = "CMMD_clinicaldata*"
_COLUMNS = ("ID1", "LeftRight", "Age", "number", "abnormality", "classification", "subtype")
_PATIENT = re.compile(r"D[12]-\d{4}")
_LABELS = {"benign": "benign", "malignant": "malignant"}
_KINDS = {"calcification": ("calcification",), "mass": ("mass",), "both": ("mass", "calcification")}
_FACTS = {
    "set": NAME,
    "title": "CMMD",
    "licence": "CC BY 4.0",
    "cite": "C. Cui et al., The Chinese Mammography Database (CMMD), The Cancer Imaging Archive, 2021, doi 10.7937/tcia.eqde4b16",
}


def find(folder: str | Path) -> Path:
    """Return the folder that holds the clinical table or the women's folders; InputError if there is none."""
    return find_tree(folder, lambda place: bool(_tables(place) or _women(place)), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read CMMD: an image a DICOM file, its side and view from the file's own codes, its label from the table's row of that breast.

    Parameters
    ----------
    folder : str or Path
        The folder that holds the women's folders (``D1-0001``), or the one above or below it.
    tables : str or Path, optional
        Folder of the clinical table where it lies elsewhere.
    words : mapping, optional
        Further label words (for the column classification).
    progress : callable, optional
        Called with (women done, women).

    Returns
    -------
    Collection
        The table names no files: a breast whose images are not there has two rows, its CC and its MLO, with ``present`` 0.
        **A breast without a row is unknown, not normal.** ``lesion_id`` joins the views of a breast. An
        abnormality of another name than the set's is a finding of kind ``other``, and told.

    Raises
    ------
    InputError
        If there is neither a table nor a woman's folder, or a classification is unknown.
    ReadError
        If the table lacks a column.
    """
    root = find(folder)
    place = find_tree(tables, lambda spot: bool(_tables(spot)), "CMMD's clinical table") if tables is not None else root
    table = _tables(place) or _tables(root.resolve().parent)
    rows = table_rows(table[0], _COLUMNS, delimiter=_delimiter(table[0])) if table else []
    women = {path.name: path for path in _women(root)}
    reading = Reading(_FACTS, root, progress)
    once = reading.once(rows, lambda cells: f"{cells['ID1']} {cells['LeftRight']}", lambda cells: _label(cells, words))
    breasts = {(cells["ID1"], cells["LeftRight"]): cells for cells in once.values()}
    for patient in reading.each(sorted({patient for patient, _ in breasts} | set(women))):
        found = _present(patient, women.get(patient), reading)
        seen = {row.laterality for row in found}
        absent = [_absent(patient, side, view) for (who, side) in breasts if who == patient and side not in seen for view in ("CC", "MLO")]
        reading.images += absent
        for row in [*found, *absent]:
            cells = breasts.get((patient, row.laterality or ""))
            _say(row, cells, words)
            reading.findings += _findings(row, cells)
    odd = [name for name, cells in once.items() if cells["abnormality"].lower() not in _KINDS]
    reading.fault("breasts whose abnormality is neither calcification, mass nor both, kept as 'other'", *odd)
    return _finish(reading, rows, breasts)


def _tables(place: Path) -> list[Path]:
    return sorted(path for path in place.glob(_TABLE) if path.suffix.lower() in (".xlsx", ".csv"))


def _delimiter(table: Path) -> str:
    """Return what parts a CSV export's cells: some were made where that is a semicolon."""
    if table.suffix.lower() != ".csv":
        return ","
    with open(table, encoding="utf-8-sig", errors="replace") as stream:
        return ";" if ";" in stream.readline(1000) else ","


def _women(root: Path) -> list[Path]:
    """Return the women's folders: in a place, in its folder CMMD, or in that of a download's manifest."""
    places = [root, root / "CMMD", *sorted(root.glob("manifest-*/CMMD"))]
    return [
        path for place in places if place.is_dir() for path in sorted(place.iterdir()) if _PATIENT.fullmatch(path.name) and path.is_dir()
    ]


def _present(patient: str, folder: Path | None, reading: Reading) -> list[ImageRow]:
    """Make an image a file of a woman; side and view are the file's, never those of its number."""
    rows = []
    for number, path in enumerate(sorted(folder.rglob("*.dcm"), key=_in_order) if folder else [], start=1):
        row = ImageRow(set=NAME, image_id=f"{patient}_{number}", patient_id=patient, exam_id=patient, modality="MG")
        reading.add(row, path)
        if row.present and (row.laterality is None or row.view is None):
            reading.fault("films without a side or a view", row.image_id)
        rows.append(row)
    return rows


def _in_order(path: Path) -> tuple[str, list[int]]:
    return str(path.parent), [int(number) for number in re.findall(r"\d+", path.name)]


def _absent(patient: str, side: str, view: str) -> ImageRow:
    return ImageRow(
        set=NAME,
        image_id=f"{patient}_{side}_{view}",
        present=0,
        patient_id=patient,
        exam_id=patient,
        modality="MG",
        laterality=side,
        view=view,
    )


def _label(cells: dict[str, str], words: Mapping[str, str] | None) -> str:
    return label_of(cells["classification"], _LABELS, words, f"{cells['ID1']} {cells['LeftRight']}")


def _say(row: ImageRow, cells: dict[str, str] | None, words: Mapping[str, str] | None) -> None:
    """Enter what the table says of the breast."""
    row.extra["group"] = (row.patient_id or "")[:2]
    if cells is None:
        return
    row.label = _label(cells, words)
    row.age = number_of(cells["Age"])
    row.extra |= {name: cells[name] for name in ("abnormality", "subtype") if cells[name]}


def _findings(row: ImageRow, cells: dict[str, str] | None) -> list[FindingRow]:
    if cells is None:
        return []
    kinds = _KINDS.get(cells["abnormality"].lower(), ("other",))
    return [
        FindingRow(
            set=NAME,
            finding_id=f"{row.image_id}-{number}",
            image_id=row.image_id,
            lesion_id=f"{row.patient_id} {row.laterality} {kind}",
            kind=kind,
            pathology=row.label if row.label in ("benign", "malignant") else "unknown",
        )
        for number, kind in enumerate(kinds, start=1)
    ]


def _finish(reading: Reading, rows: list[dict[str, str]], breasts: Mapping[tuple[str, str], dict[str, str]]) -> Collection:
    problems = [] if rows else ["there is no clinical table: labels are unknown"]
    problems += ["most of the group D2 is malignant and of D1 half: x_group tells the label and may be no feature"] if rows else []
    problems += told("breasts without a row of the table, label unknown and not normal", _unlabelled(reading.images, breasts))
    women: dict[str, list[str]] = {}
    for cells in breasts.values():
        women.setdefault(cells["ID1"], []).append(cells["classification"].lower())
    problems += told("women with a benign and a malignant breast", sorted(who for who, found in women.items() if len(set(found)) > 1))
    present = [row for row in reading.images if row.present]
    depths = [row.bit_depth for row in present]
    usual = max(set(depths), key=depths.count, default=None)
    problems += told(f"films of another depth than {usual} bits", [row.image_id for row in present if row.bit_depth != usual])
    extra = {
        "published": 5202,
        "table_rows": len(rows),
        "benign_breasts": sum(cells["classification"].lower() == "benign" for cells in breasts.values()),
        "malignant_breasts": sum(cells["classification"].lower() == "malignant" for cells in breasts.values()),
        "women_with_two_rows": sum(len(found) > 1 for found in women.values()),
    }
    return reading.finish(problems, extra)


def _unlabelled(images: list[ImageRow], breasts: Mapping[tuple[str, str], dict[str, str]]) -> list[str]:
    seen = {(row.patient_id or "", row.laterality or "?") for row in images if row.present}
    return sorted(f"{patient} {side}" for patient, side in seen - set(breasts))

"""RSNA Screening Mammography (2022): screening exams as DICOM, a label a breast, no places. Quirks: docs/data.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.read.reading import Reading
from breastcad.read.tables import number_of, table_rows
from breastcad.read.trees import Progress, find_tree, told

NAME = "rsna"
NEEDED = "the RSNA 2022 set (train.csv with the column difficult_negative_case, and the folder train_images)"
_COLUMNS = (
    *("site_id", "patient_id", "image_id", "laterality", "view", "age", "cancer", "biopsy", "invasive", "BIRADS", "implant", "density"),
    *("machine_id", "difficult_negative_case"),
)
# Each of them tells the label: none may be a feature.
_TELLING = ("biopsy", "invasive", "difficult_negative_case")
_KEPT = ("site_id", "implant", "machine_id", *_TELLING)
_FACTS = {
    "set": NAME,
    "title": "RSNA Screening Mammography 2022",
    "licence": "competition rules: non-commercial and academic use, no re-identification, not to be passed on",
    "cite": "C. Carr et al., RSNA Screening Mammography Breast Cancer Detection, Kaggle, 2022",
}


def find(folder: str | Path) -> Path:
    """Return the folder that holds this set's train.csv; InputError if there is none."""
    return find_tree(folder, _is_tree, NEEDED)


def _is_tree(place: Path) -> bool:
    table = place / "train.csv"
    if not table.is_file():
        return False
    with open(table, encoding="utf-8-sig", errors="replace") as stream:
        return "difficult_negative_case" in stream.readline(1000)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read the RSNA 2022 set: an image a row of train.csv; its label is the breast's.

    Parameters
    ----------
    folder : str or Path
        The folder of train.csv and `train_images`, or the one above or below it.
    tables : str or Path, optional
        Folder of train.csv where it lies elsewhere.
    words : mapping, optional
        What a negative breast without BI-RADS 1 or 2 is: the word ``negative`` (``negative,normal``); by default ``unknown``.
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        Cancer is malignant; a biopsy without cancer benign; else BI-RADS 1 is normal, 2 benign, and what has neither is
        ``unknown``: it was negative, but the set does not say whether something was seen. Views are the table's, since the files'
        own are missing in part. Columns that tell the label are kept under ``x_`` and named in a problem.

    Raises
    ------
    InputError
        If there is no train.csv of this set.
    ReadError
        If it lacks a column.
    """
    place = find(folder if tables is None else tables)
    root = place if tables is None else find_tree(folder, lambda spot: (spot / "train_images").is_dir(), "the folder train_images")
    negative = (words or {}).get("negative", "unknown")
    reading = Reading(_FACTS, root, progress)
    listed = table_rows(place / "train.csv", _COLUMNS)
    for cells in reading.each(reading.once(listed, _name, lambda cells: _label(cells, negative)).values()):
        row = _image(cells, negative)
        path = root / "train_images" / cells["patient_id"] / f"{cells['image_id']}.dcm"
        reading.add(row, path if path.is_file() else None)
        if row.label in ("benign", "malignant"):
            breast = f"{row.patient_id} {row.laterality}"
            reading.findings.append(
                FindingRow(NAME, f"{row.image_id}-1", row.image_id, lesion_id=breast, kind="other", pathology=row.label)
            )
    return _finish(reading)


def _name(cells: dict[str, str]) -> str:
    return f"{cells['patient_id']}_{cells['image_id']}"


def _image(cells: dict[str, str], negative: str) -> ImageRow:
    birads = number_of(cells["BIRADS"])
    return ImageRow(
        set=NAME,
        image_id=_name(cells),
        patient_id=cells["patient_id"],
        exam_id=cells["patient_id"],
        age=number_of(cells["age"]),
        modality="MG",
        laterality=cells["laterality"] or None,
        view=cells["view"] or None,
        density=cells["density"] or None,
        birads=None if birads is None else f"{birads:g}",
        label=_label(cells, negative),
        extra={name.removesuffix("_id"): cells[name] for name in _KEPT if cells[name]},
    )


def _label(cells: dict[str, str], negative: str) -> str:
    birads = number_of(cells["BIRADS"])
    if number_of(cells["cancer"]) == 1:
        return "malignant"
    if number_of(cells["biopsy"]) == 1:
        return "benign"
    return {1: "normal", 2: "benign"}.get(int(birads), negative) if birads is not None else negative


def _finish(reading: Reading) -> Collection:
    images = reading.images
    problems = [f"x_{name.removesuffix('_id')} tells the label and may be no feature" for name in _TELLING]
    problems += ["birads tells the label and may be no feature: cancers are 0 or empty, never 1 or 2"]
    problems += told(
        "negative breasts that the set does not say more of, label unknown", [r.image_id for r in images if r.label == "unknown"]
    )
    problems += told("images without an age", [row.image_id for row in images if row.age is None])
    implants = [row for row in images if row.extra.get("implant") == "1"]
    if implants and len({row.extra.get("site") for row in images}) > len({row.extra.get("site") for row in implants}):
        problems += ["implants are noted at one site only, and by woman, not by breast"]
    breasts = {(row.patient_id, row.laterality) for row in images}
    positive = {(row.patient_id, row.laterality) for row in images if row.label == "malignant"}
    extra = {"published": 54706, "breasts": len(breasts), "malignant_breasts": len(positive)}
    return reading.finish(problems, extra)

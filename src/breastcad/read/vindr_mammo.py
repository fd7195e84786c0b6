"""VinDr-Mammo: 5,000 four-view exams as DICOM, boxes and BI-RADS, no pathology. Quirks: docs/data.md."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path

from breastcad.core.errors import InputError
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.read.reading import Reading
from breastcad.read.tables import label_of, number_of, table_rows
from breastcad.read.trees import Progress, find_tree, told

NAME = "vindr-mammo"
NEEDED = "VinDr-Mammo (breast-level_annotations.csv and finding_annotations.csv, beside them the folder images)"
_IMAGES, _FINDINGS = "breast-level_annotations.csv", "finding_annotations.csv"
_SHARED = (
    "study_id",
    "series_id",
    "image_id",
    "laterality",
    "view_position",
    "height",
    "width",
    "breast_birads",
    "breast_density",
    "split",
)
_BOX = ("finding_categories", "finding_birads", "xmin", "ymin", "xmax", "ymax")
_LABELS = {
    **{"bi-rads 1": "normal", "bi-rads 2": "benign", "bi-rads 3": "benign"},
    **{"bi-rads 4": "malignant", "bi-rads 5": "malignant"},
}
_KINDS = {
    "Mass": "mass",
    "Suspicious Calcification": "calcification",
    **dict.fromkeys(("Asymmetry", "Focal Asymmetry", "Global Asymmetry"), "asymmetry"),
    "Architectural Distortion": "distortion",
    **dict.fromkeys(("Skin Thickening", "Skin Retraction", "Nipple Retraction", "Suspicious Lymph Node"), "other"),
}
_NOTHING = "No Finding"
_PARTS = {"training": "train", "test": "test"}
_FACTS = {
    "set": NAME,
    "title": "VinDr-Mammo",
    "licence": "PhysioNet credentialed health data licence; not to be passed on",
    "cite": "H. T. Nguyen et al., VinDr-Mammo: A large-scale benchmark dataset for computer-aided diagnosis in full-field digital "
    "mammography, Scientific Data 10, 2023, 277",
}


def find(folder: str | Path) -> Path:
    """Return the folder that holds finding_annotations.csv; InputError if there is none."""
    return find_tree(folder, lambda place: (place / _FINDINGS).is_file(), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read VinDr-Mammo: an image a row of the breast-level table, a finding a box of the finding table.

    Parameters
    ----------
    folder : str or Path
        The folder of the tables and of `images`, or the one above or below it.
    tables : str or Path, optional
        Folder of the two tables where they lie elsewhere.
    words : mapping, optional
        Further meanings of BI-RADS categories (``BI-RADS 3,unknown``).
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        **Labels are BI-RADS categories of the breast** (1 normal; 2 and 3 benign; 4 and 5 malignant): the set has no pathology.
        The exam stands for the patient, who is not named. Images are DICOM (``.dicom``), or PNG copies of them.

    Raises
    ------
    InputError
        If there are no tables, or a category or the name of a finding is unknown.
    ReadError
        If a table lacks a column.
    """
    place = find(folder if tables is None else tables)
    root = place if tables is None else find_tree(folder, lambda spot: _pictures(spot) is not None, "the folder images")
    boxes = table_rows(place / _FINDINGS, (*_SHARED, *_BOX))
    listed = table_rows(place / _IMAGES, _SHARED) if (place / _IMAGES).is_file() else _shared(boxes)
    reading = Reading(_FACTS, root, progress)
    once = reading.once(listed, itemgetter("image_id"), lambda cells: _label(cells, words))
    images = {image_id: _image(cells, words, reading) for image_id, cells in reading.each(once.items())}
    reading.findings = [row for number, cells in enumerate(boxes, start=1) if (row := _finding(cells, number, images, words, reading))]
    return _finish(reading, place)


def _pictures(root: Path) -> Path | None:
    return next((place for name in ("images", "png", "images_png") if (place := root / name).is_dir()), None)


def _shared(boxes: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return what rows of findings say of their images, in the order of first mention; of an image that is always said alike, once."""
    return [dict(said) for said in dict.fromkeys(tuple((name, cells[name]) for name in _SHARED) for cells in boxes)]


def _label(cells: dict[str, str], words: Mapping[str, str] | None) -> str:
    return label_of(cells["breast_birads"], _LABELS, words, f"image {cells['image_id']}")


def _image(cells: dict[str, str], words: Mapping[str, str] | None, reading: Reading) -> ImageRow:
    image_id = cells["image_id"]
    row = ImageRow(
        set=NAME,
        image_id=image_id,
        patient_id=cells["study_id"],
        exam_id=cells["study_id"],
        modality="MG",
        laterality=cells["laterality"],
        view=cells["view_position"],
        density=cells["breast_density"].removeprefix("DENSITY ") or None,
        birads=cells["breast_birads"].removeprefix("BI-RADS ") or None,
        label=_label(cells, words),
        part=_PARTS.get(cells["split"]),
        extra={"series": cells["series_id"], "height": cells["height"], "width": cells["width"]},
    )
    place = (_pictures(reading.root) or reading.root / "images") / cells["study_id"]
    reading.add(row, next((path for suffix in ("dicom", "dcm", "png") if (path := place / f"{image_id}.{suffix}").is_file()), None))
    if row.present and (number_of(cells["height"]), number_of(cells["width"])) != (row.rows, row.cols):
        said = f"{image_id}: {cells['height']} x {cells['width']}, is {row.rows} x {row.cols}"
        reading.fault("images of another size than the table says: their boxes may not fit", said)
    if not row.present:
        row.rows, row.cols = _whole(cells["height"]), _whole(cells["width"])
    return row


def _whole(cell: str) -> int | None:
    number = number_of(cell)
    return None if number is None else int(number)


def _finding(
    cells: dict[str, str], number: int, images: Mapping[str, ImageRow], words: Mapping[str, str] | None, reading: Reading
) -> FindingRow | None:
    """Make a finding a row with a box; a row "No Finding" makes none."""
    image_id = cells["image_id"]
    names = _names(cells["finding_categories"], image_id)
    corners = [number_of(cells[name]) for name in ("ymin", "xmin", "ymax", "xmax")]
    if names == [_NOTHING]:
        return None
    if image_id not in images:
        reading.fault("findings of images that the breast-level table does not list, left out", image_id)
        return None
    row = FindingRow(
        set=NAME,
        finding_id=f"{image_id}-{number}",
        image_id=image_id,
        kind=_KINDS[names[0]],
        pathology=label_of(cells["finding_birads"], _LABELS, words, f"image {image_id}") if cells["finding_birads"] else "unknown",
        birads=cells["finding_birads"].removeprefix("BI-RADS ") or None,
        extra={"categories": "; ".join(names)},
    )
    if not cells["finding_birads"]:
        reading.fault("findings without a BI-RADS category of their own, pathology unknown", row.finding_id)
    if None in corners:
        reading.fault("findings without a box", row.finding_id)
        return row
    row.geometry = "box"
    row.row0, row.col0, row.row1, row.col1 = _clipped([float(corner or 0) for corner in corners], images[image_id], row.finding_id, reading)
    return row


def _names(cell: str, image_id: str) -> list[str]:
    """Return the words of a cell such as ``['Skin Thickening', 'Nipple Retraction']``, the one that says most first."""
    try:
        names = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        names = None
    known = {*_KINDS, _NOTHING}
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name in known for name in names):
        raise InputError(f"image {image_id}: finding_categories is no list of this set's findings: '{cell[:60]}'")
    return sorted(names, key=list(_KINDS).index) if names != [_NOTHING] else names


def _clipped(corners: list[float], image: ImageRow, name: str, reading: Reading) -> tuple[float, float, float, float]:
    """Return a box within its image; one that left it is said."""
    row0, col0, row1, col1 = corners
    if not image.rows or not image.cols:
        return row0, col0, row1, col1
    inner = max(0.0, row0), max(0.0, col0), min(float(image.rows), row1), min(float(image.cols), col1)
    if inner != (row0, col0, row1, col1):
        reading.fault("boxes that left their image, clipped", name)
    return inner


def _finish(reading: Reading, place: Path) -> Collection:
    problems = [
        "labels are BI-RADS categories (3 counts as benign, 4 and 5 as malignant suspicion), no pathology: say so with every figure"
    ]
    problems += ["the set names no patients: the exam stands for one, and a woman of two exams cannot be seen"]
    problems += [] if (place / _IMAGES).is_file() else [f"there is no {_IMAGES}: images are those of {_FINDINGS}"]
    views: dict[str, list[str]] = {}
    for row in reading.images:
        views.setdefault(row.exam_id or "", []).append(f"{row.laterality} {row.view}")
    problems += told("exams that are not of the four views", sorted(exam for exam, found in views.items() if len(set(found)) != 4))
    with_box = {row.image_id for row in reading.findings}
    suspicious = [row.image_id for row in reading.images if row.birads in ("3", "4", "5") and row.image_id not in with_box]
    problems += told("images of a breast of BI-RADS 3 or more without a finding in that view", suspicious)
    return reading.finish(problems, {"published": 20000, "exams": len(views), "images_with_boxes": len(with_box)})

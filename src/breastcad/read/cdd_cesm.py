"""CDD-CESM: contrast-enhanced spectral mammograms, low-energy and subtracted, with outlines drawn by hand. Quirks: docs/data.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, FindingRow, ImageRow, worst_label
from breastcad.read.reading import Reading, put_points
from breastcad.read.tables import label_of, number_of, table_rows, word_of
from breastcad.read.trees import Progress, find_tree, told

NAME = "cdd-cesm"
NEEDED = "CDD-CESM (Radiology-manual-annotations.xlsx, and folders such as 'Low energy images of CDD-CESM')"
_TABLE = "*Radiology*manual*annotations*"
_OUTLINES = "*Radiology_hand_drawn_segmentations*.csv"
_PATHOLOGY = "Pathology Classification/ Follow up"
_COLUMNS = (
    "Image_name",
    "Patient_ID",
    "Side",
    "Type",
    "Age",
    "Breast density (ACR)",
    "BIRADS",
    "Findings",
    "View",
    "Tags",
    "Machine",
    _PATHOLOGY,
)
_LABELS = {"normal": "normal", "benign": "benign", "malignant": "malignant"}
_TYPES = {"DM": "low-energy", "CESM": "subtracted"}
_FACTS = {
    "set": NAME,
    "title": "CDD-CESM",
    "licence": "CC BY 4.0",
    "cite": "R. Khaled et al., Categorized contrast enhanced mammography dataset for diagnostic and artificial intelligence research, "
    "Scientific Data 9, 2022, 122",
}


def find(folder: str | Path) -> Path:
    """Return the folder that holds the table, or the folders of images; InputError if there is none."""
    return find_tree(folder, lambda place: bool(_tables(place)) or bool(_folders(place)), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read CDD-CESM: an image a row of the sheet `all`, a finding an outline of the segmentation file.

    Parameters
    ----------
    folder : str or Path
        The folder of the two folders of images, or the one above or below it.
    tables : str or Path, optional
        Folder of the tables where they lie elsewhere.
    words : mapping, optional
        Further label words (for the pathology).
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        Labels are those of the image, not of the breast: a lesion that one view or energy does not show is not in it. A row that
        stands twice has a second image ``... again`` that is not present: its own view is not known.

    Raises
    ------
    InputError
        If there is no table, or a pathology is unknown.
    ReadError
        If a table lacks a column.
    """
    root = find(folder)
    place = find_tree(tables, lambda spot: bool(_tables(spot)), "CDD-CESM's tables") if tables is not None else root
    if not _tables(place):
        raise ReadError(root / "Radiology-manual-annotations.xlsx", "is missing; name its folder with --tables")
    listed = [
        cells for table in _tables(place)[:1] for cells in table_rows(table, _COLUMNS, sheet="all" if table.suffix == ".xlsx" else None)
    ]
    files = {path.stem.strip().upper(): path for home in _folders(root) for path in sorted(home.iterdir()) if path.suffix.lower() == ".jpg"}
    reading = Reading(_FACTS, root, progress)
    shapes = _shapes(place, reading)
    labels: dict[str, list[str]] = {}
    for cells in listed:
        labels.setdefault(cells["Image_name"], []).append(_label(cells, words))
    odd = [name for name, said in labels.items() if len(set(said)) > 1]
    reading.fault("images whose rows have several labels, of which the worst counts for each", *odd)
    seen: set[str] = set()
    for cells in reading.each(listed):
        row = _image(cells)
        row.label = worst_label(labels[row.image_id])
        twin = row.image_id in seen
        if twin:
            reading.fault("rows that stand twice, the second probably of another view; kept as '... again', not present", row.image_id)
        while row.image_id in seen:
            row.image_id += " again"
        seen.add(row.image_id)
        reading.add(row, None if twin else files.get(row.image_id.upper()))
        reading.findings += _findings(row, shapes.get(row.image_id.upper(), []), reading)
    unlisted = sorted(set(files) - {row.image_id.upper() for row in reading.images})
    reading.fault("images that the table does not list, left out", *unlisted)
    return _finish(reading)


def _tables(place: Path) -> list[Path]:
    return sorted(path for path in place.glob(_TABLE) if path.suffix.lower() in (".xlsx", ".csv"))


def _folders(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir() and path.name.endswith("images of CDD-CESM"))


def _label(cells: dict[str, str], words: Mapping[str, str] | None) -> str:
    return label_of(cells[_PATHOLOGY], _LABELS, words, f"image {cells['Image_name']}")


def _image(cells: dict[str, str]) -> ImageRow:
    name = cells["Image_name"]
    categories = [part for part in cells["BIRADS"].split("$") if part.isdigit()]
    return ImageRow(
        set=NAME,
        image_id=name,
        patient_id=f"P{cells['Patient_ID']}",
        exam_id=f"P{cells['Patient_ID']}",
        age=number_of(cells["Age"]),
        modality="MG",
        image_type=_TYPES.get(cells["Type"]),
        laterality=word_of(cells["Side"]),
        view=word_of(cells["View"]),
        aspect="kept",
        density=word_of(cells["Breast density (ACR)"], ["_"]),
        birads=max(categories, default=None),
        extra={
            key: cells[column] for key, column in (("birads", "BIRADS"), ("findings", "Findings"), ("tags", "Tags"), ("machine", "Machine"))
        },
    )


# ---- outlines ----


def _shapes(place: Path, reading: Reading) -> dict[str, list[dict[str, Any]]]:
    """Map image to the shapes of the segmentation file (an export of the VGG Image Annotator)."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(place.glob(_OUTLINES))[:1]:
        for cells in table_rows(path, ("#filename", "region_id", "region_shape_attributes")):
            name = Path(cells["#filename"].strip()).stem.strip().upper()
            try:
                shape = json.loads(cells["region_shape_attributes"])
            except (ValueError, RecursionError):
                reading.fault("outlines that cannot be understood, left out", f"{name} {cells['region_id']}")
                continue
            if isinstance(shape, dict) and shape:
                found.setdefault(name, []).append(shape)
    return found


def _findings(image: ImageRow, shapes: list[dict[str, Any]], reading: Reading) -> list[FindingRow]:
    """Make a finding a shape; an abnormal image without one keeps one without a place."""
    rows = []
    for number, shape in enumerate(shapes or ([{}] if image.label in ("benign", "malignant") else []), start=1):
        row = FindingRow(
            set=NAME,
            finding_id=f"{image.image_id}-{number}",
            image_id=image.image_id,
            kind="other",
            pathology=image.label if image.label in ("benign", "malignant") else "unknown",
            birads=image.birads,
        )
        try:
            _put_shape(row, shape)
        except (KeyError, TypeError, ValueError, OverflowError):
            reading.fault("outlines that cannot be understood, left out", row.finding_id)
        rows.append(row)
    return rows


def _put_shape(row: FindingRow, shape: Mapping[str, Any]) -> None:
    """Enter a shape: x to the right, y down, in pixels of that JPEG. A polyline stays open; a point has no extent."""
    kind = shape.get("name")
    if kind in ("polygon", "polyline"):
        points = [(float(y), float(x)) for x, y in zip(shape["all_points_x"], shape["all_points_y"], strict=True)]
    elif kind in ("ellipse", "circle"):
        down, across = float(shape["ry"] if kind == "ellipse" else shape["r"]), float(shape["rx"] if kind == "ellipse" else shape["r"])
        middle = float(shape["cy"]), float(shape["cx"])
        points = [(middle[0] - down, middle[1] - across), (middle[0] + down, middle[1] + across)]
    elif kind == "point":
        points = [(float(shape["cy"]), float(shape["cx"]))]
    else:
        return
    put_points(row, kind, points)
    if kind in ("ellipse", "circle"):
        row.points = None  # they were the corners of its box


def _finish(reading: Reading) -> Collection:
    images = reading.images
    problems = ["a lesion's place in the low-energy image is not that in the subtracted one: they are cut otherwise"]
    breasts: dict[tuple[str | None, str | None], set[str]] = {}
    for row in images:
        breasts.setdefault((row.patient_id, row.laterality), set()).add(row.label)
    problems += told(
        "breasts whose images have several labels",
        [f"{who} {side}" for (who, side), found in sorted(breasts.items(), key=str) if len(found) > 1],
    )
    odd = [r.image_id for r in images if (r.birads == "1" and r.label == "malignant") or (r.birads in ("3", "6") and r.label == "normal")]
    problems += told("images whose BI-RADS contradicts their label, which counts", odd)
    kinds = ("polygon", "ellipse", "circle", "polyline", "point")
    shapes = {f"outlines_{kind}": sum(row.geometry == kind for row in reading.findings) for kind in kinds}
    return reading.finish(problems, {"published": 2006} | shapes)

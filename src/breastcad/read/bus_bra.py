"""BUS-BRA: biopsy-proven breast ultrasound by patient, with masks, boxes and folds. Quirks: docs/data.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path

from breastcad.core.geometry import Box
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.read.masks import put_mask
from breastcad.read.reading import Reading
from breastcad.read.tables import label_of, table_rows
from breastcad.read.trees import Progress, find_tree

NAME = "bus-bra"
NEEDED = "BUS-BRA (bus_data.csv, and folders Images and Masks)"
_TABLE = "bus_data.csv"
_COLUMNS = ("ID", "Case", "Histology", "Pathology", "BIRADS", "Device", "Width", "Height", "Side", "BBOX")
_LABELS = {"benign": "benign", "malignant": "malignant"}
_FACTS = {
    "set": NAME,
    "title": "BUS-BRA",
    "licence": "permissive, citation required (LICENSE.txt of the set)",
    "cite": "W. Gomez-Flores, M. J. Gregorio-Calas, W. Coelho de Albuquerque Pereira, "
    "BUS-BRA: A breast ultrasound dataset for assessing computer-aided diagnosis systems, Medical Physics 51, 2024, 3110-3123",
}
_WRONG_SIZE = "images whose size in the table is wrong; the file's own is kept"
_WRONG_BOX = "boxes of the table that differ from the mask's; the mask's is kept"


def find(folder: str | Path) -> Path:
    """Return the folder that holds bus_data.csv; InputError if there is none."""
    return find_tree(folder, lambda place: place.joinpath(_TABLE).is_file(), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read BUS-BRA: an image and a finding a row of bus_data.csv; boxes come from the masks, not from the table.

    Parameters
    ----------
    folder : str or Path
        `BUSBRA`, or the folder above or below it.
    tables : str or Path, optional
        Folder of bus_data.csv and the folds where they do not lie with the images.
    words : mapping, optional
        Further label words (for the column Pathology).
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        ``part`` is empty; the published folds are ``x_fold_5`` and ``x_fold_10`` (column kFold only: the published
        train and validation flags part images of one woman).

    Raises
    ------
    InputError
        If there is no bus_data.csv, or a pathology is unknown.
    ReadError
        If a table lacks a column.
    """
    place = find(folder if tables is None else tables)
    root = place if tables is None else find_tree(folder, lambda spot: spot.joinpath("Images").is_dir(), "the folders Images and Masks")
    listed = table_rows(place / _TABLE, _COLUMNS)
    folds = {count: _folds(place / f"{count}-fold-cv.csv") for count in (5, 10)}
    reading = Reading(_FACTS, root, progress)
    once = reading.once(listed, itemgetter("ID"), lambda cells: _label(cells, words))
    for cells in reading.each(once.values()):
        image = _image(cells, words)
        image.extra |= {f"fold_{count}": fold[cells["ID"]] for count, fold in folds.items() if cells["ID"] in fold}
        path = root / "Images" / f"{cells['ID']}.png"
        reading.add(image, path if path.is_file() else None)
        if image.present and (cells["Width"], cells["Height"]) != (str(image.cols), str(image.rows)):
            reading.fault(_WRONG_SIZE, f"{image.image_id}: {cells['Width']} x {cells['Height']}, is {image.cols} x {image.rows}")
        reading.findings.append(_finding(image, cells, reading))
    ids = {row.image_id for row in reading.images}
    unlisted = sorted(path.name for path in (root / "Images").glob("*.png") if path.stem not in ids)
    reading.fault("images that the table does not list, left out", *unlisted)
    return _finish(reading, folds)


def _folds(path: Path) -> dict[str, str]:
    """Map image to published test fold; empty where the file is not there."""
    if not path.is_file():
        return {}
    return {row["ID"]: row["kFold"] for row in table_rows(path, ("ID", "kFold"))}


def _label(cells: dict[str, str], words: Mapping[str, str] | None) -> str:
    return label_of(cells["Pathology"], _LABELS, words, f"{_TABLE}, {cells['ID']}")


def _image(cells: dict[str, str], words: Mapping[str, str] | None) -> ImageRow:
    return ImageRow(
        set=NAME,
        image_id=cells["ID"],
        patient_id=f"case {cells['Case']}",
        exam_id=f"case {cells['Case']}",
        modality="US",
        aspect="kept",
        manufacturer=cells["Device"].split("@")[0].strip() or None,
        birads=cells["BIRADS"] or None,
        label=_label(cells, words),
        extra={name.lower(): cells[name] for name in ("Side", "Device", "Width", "Height")},
    )


def _finding(image: ImageRow, cells: dict[str, str], reading: Reading) -> FindingRow:
    """Make the image's one finding; without a usable mask it keeps no place, the table's box being wrong in parts."""
    row = FindingRow(
        set=NAME,
        finding_id=f"{image.image_id}-1",
        image_id=image.image_id,
        pathology=image.label if image.label in ("benign", "malignant") else "unknown",
        birads=image.birads,
        extra={"histology": cells["Histology"], "pathology": cells["Pathology"], "bbox": cells["BBOX"]},
    )
    path = reading.root / "Masks" / f"{cells['ID'].replace('bus_', 'mask_', 1)}.png"
    if not path.is_file():
        if image.present:
            reading.fault("images without a mask", image.image_id)
        return row
    entered = put_mask(row, image, path, reading.root, reading.faults)
    if entered and table_box(cells["BBOX"]) != (row.row0, row.col0, row.row1, row.col1):
        reading.fault(_WRONG_BOX, f"{image.image_id}: {cells['BBOX']}")
    return row


def table_box(cell: str) -> Box | None:
    """Turn a cell of the table's column BBOX into our box; None if it does not hold four numbers.

    The set has ``[x + 1, y + 1, width - 1, height - 1]`` of the mask's tight box.

    Examples
    --------
    >>> table_box("[91,24,103,79]")
    (23.0, 90.0, 103.0, 194.0)
    """
    numbers = re.findall(r"-?\d+(?:\.\d+)?", cell)
    if len(numbers) != 4:
        return None
    x, y, width, height = map(float, numbers)
    return y - 1, x - 1, y + height, x + width


def _finish(reading: Reading, folds: dict[int, dict[str, str]]) -> Collection:
    masks = sum(row.mask_path is not None for row in reading.findings)
    problems = ["'left' and 'right' are halves of a two-view screen, not breasts: kept as x_side, laterality is empty"]
    problems += [f"there is no {count}-fold-cv.csv: x_fold_{count} is empty" for count, fold in folds.items() if not fold]
    return reading.finish(problems, {"masks": masks, "boxes_that_agree": masks - len(reading.faults.get(_WRONG_BOX, []))})

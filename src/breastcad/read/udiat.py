"""UDIAT's breast ultrasound, "BUS Dataset B": images and masks of one name, a table of types. Quirks: docs/data.md."""

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

NAME = "udiat"
NEEDED = "UDIAT's BUS Dataset B (folders original and GT with files such as 000001.png, beside or above them DatasetB.xlsx)"
_FILE = re.compile(r"\d{6}\.(?:png|bmp)", re.IGNORECASE)
_LABELS = {"benign": "benign", "malignant": "malignant"}
_FACTS = {
    "set": NAME,
    "title": "UDIAT (BUS Dataset B)",
    "licence": "by agreement with its authors; research only, not to be passed on",
    "cite": "M. H. Yap et al., Automated breast ultrasound lesions detection using convolutional neural networks, "
    "IEEE Journal of Biomedical and Health Informatics 22, 2018, 1218-1226",
}


def find(folder: str | Path) -> Path:
    """Return the folder that holds the folders original and GT; InputError if there is none."""
    return find_tree(folder, lambda place: (place / "GT").is_dir() and holds(place, "original", _FILE), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read UDIAT: an image a row of DatasetB.xlsx or a file that it lacks, a finding a mask.

    Parameters
    ----------
    folder : str or Path
        `BUS`, or the folder above or below it.
    tables : str or Path, optional
        Folder of DatasetB.xlsx (or .csv) where it lies neither in `BUS` nor above it.
    words : mapping, optional
        Further label words (for the column Type).
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        ``patient_id`` is None throughout: the set does not say who is who. Without the table labels are unknown.

    Raises
    ------
    InputError
        If there is no tree, or a type is unknown.
    ReadError
        If the table lacks a column.
    """
    root = find(folder)
    table = _table(Path(tables) if tables else root, root.resolve().parent)
    listed = [(cells["Image"].zfill(6), cells["Type"]) for cells in table_rows(table, ("Image", "Type"))] if table else []
    files = {path.stem: path for path in sorted((root / "original").iterdir()) if _FILE.fullmatch(path.name)}
    reading = Reading(_FACTS, root, progress)
    types = dict(reading.once(listed, itemgetter(0), lambda row: label_of(row[1], _LABELS, words, f"image {row[0]}")).values())
    for name in reading.each(sorted({*types, *files})):
        row = ImageRow(set=NAME, image_id=name, modality="US", aspect="kept", manufacturer="Siemens", extra={"type": types.get(name, "")})
        if name in types:
            row.label = label_of(types[name], _LABELS, words, f"image {name}")
        elif table:
            reading.fault("images that the table does not list, label unknown", name)
        reading.add(row, files.get(name))
        reading.findings.append(_finding(row, reading))
    problems = ["the set names no patients: split it by groups of near-duplicates"]
    problems += [] if table else ["there is no DatasetB.xlsx: labels are unknown"]
    return reading.finish(problems, {"published": 163})


def _table(*places: Path) -> Path | None:
    found = [path for place in places for path in sorted(place.glob("DatasetB.*")) if path.suffix.lower() in (".xlsx", ".csv")]
    return found[0] if found else None


def _finding(image: ImageRow, reading: Reading) -> FindingRow:
    finding_id = f"{image.image_id}-1"
    row = FindingRow(set=NAME, finding_id=finding_id, image_id=image.image_id, lesion_id=finding_id, pathology=image.label)
    masks = [path for suffix in ("png", "bmp") if (path := reading.root / "GT" / f"{image.image_id}.{suffix}").is_file()]
    if masks:
        put_mask(row, image, masks[0], reading.root, reading.faults)
    elif image.present:
        reading.fault("images without a mask", image.image_id)
    return row

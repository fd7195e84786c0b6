"""Entering a DICOM file's header into an image row; what a set's table says of the same thing stays."""

from __future__ import annotations

from pathlib import Path

from breastcad.core.errors import ReadError
from breastcad.core.records import ImageRow
from breastcad.read.dicom import DicomFacts, dicom_facts
from breastcad.read.trees import Faults, inside

UNREADABLE = "images that are there but cannot be read"


def put_dicom(row: ImageRow, path: Path | None, root: Path, faults: Faults) -> DicomFacts | None:
    """Enter a DICOM file's path, size, depth, spacing and what the row does not yet say; pixels are not decoded.

    Parameters
    ----------
    row : ImageRow
        A missing or broken file leaves it with ``present`` 0. Side and view that it has already, from a table, stay.
    path : Path or None
        None where the set lists an image that is not there.
    root : Path
        The set's folder.
    faults : dict
        Gets what is wrong with a file that cannot be read, and sides and views that contradict the table.

    Returns
    -------
    DicomFacts or None
        None where the file is missing or broken.
    """
    row.present = 0
    if path is None:
        return None
    try:
        row.path = inside(path, root)
        facts = dicom_facts(path)
    except ReadError as error:
        faults.setdefault(UNREADABLE, []).append(str(error))
        return None
    put_facts(row, facts, faults)
    return facts


def put_facts(row: ImageRow, facts: DicomFacts, faults: Faults) -> None:
    """Enter what a readable file's header says into its row; side and view that it has already stay, a contradiction is a fault."""
    row.present, row.rows, row.cols, row.bit_depth = 1, facts.rows, facts.cols, facts.bit_depth
    row.aspect = row.aspect or "kept"
    if facts.spacing_mm:
        row.spacing_row_mm, row.spacing_col_mm = facts.spacing_mm
    for name, said in (("laterality", facts.laterality), ("view", facts.view)):
        listed = getattr(row, name)
        if listed and said and listed != said:
            faults.setdefault(f"files whose {name} contradicts the table, which counts", []).append(f"{row.image_id}: {said}")
        setattr(row, name, listed or said)
    row.modality = row.modality or facts.modality
    row.image_type = row.image_type or facts.image_type
    row.manufacturer = row.manufacturer or facts.manufacturer
    row.age = row.age if row.age is not None else facts.age_years

"""Others' formats: pictures (files, dicom) and data sets (a file a set). `open_picture` reads any picture that breastcad knows."""

from __future__ import annotations

from pathlib import Path

from breastcad.core.errors import ReadError
from breastcad.core.records import Picture
from breastcad.read import files, members

__all__ = ["count_frames", "identifiers", "open_picture"]


def open_picture(path: str | Path, frame: int | None = None) -> Picture:
    """Read a picture of any kind, by its content and not by its name: DICOM, PNG, JPEG, TIFF, PGM or BMP; or a member of a file.

    Parameters
    ----------
    path : str or Path
        A file, or a member of one (`members`): ``breastmnist.npz/train_images/17``.
    frame : int, optional
        Which frame of a multi-frame DICOM or page of a TIFF; the first if None. Only that one is decoded.

    Returns
    -------
    Picture
        ``pixels`` (H, W) float32 in [0, 1]; for DICOM after the steps of docs/dicom.md.

    Raises
    ------
    ReadError
        If the file cannot be read; the reason says why.
    """
    if members.split_member(path):
        return members.read_member(path, frame)
    if files.kind_of(path) != "DICOM":
        return files.read_picture(path, frame)
    from breastcad.read.dicom import read_dicom  # noqa: PLC0415 - pydicom is slow to import; only a DICOM needs it

    return read_dicom(path, frame)


def count_frames(path: str | Path) -> int:
    """Count the frames of a DICOM or the pages of a TIFF; 1 for every other picture, and for a member. No pixel is decoded.

    Raises
    ------
    ReadError
        If the file cannot be read, or is no picture.
    """
    if members.split_member(path):
        return 1
    if files.readable_kind(path) != "DICOM":
        return files.count_pages(path)
    from breastcad.read.dicom import count_frames as count  # noqa: PLC0415 - as above

    return count(path)


def identifiers(path: str | Path) -> list[str]:
    """Return the strings of a DICOM's header that must not be written anywhere; none of what is no DICOM, or cannot be read."""
    try:
        if files.kind_of(path) != "DICOM":
            return []
    except ReadError:
        return []
    from breastcad.read.dicom import identifiers as found  # noqa: PLC0415 - as above

    return found(path)

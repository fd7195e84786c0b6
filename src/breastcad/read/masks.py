"""Masks: reading one of any kind of file, bringing it to its image's size, and entering it into a finding."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.core.geometry import box_of_mask
from breastcad.core.records import FindingRow, ImageRow
from breastcad.read.files import kind_of, read_mask, read_picture
from breastcad.read.members import read_member_mask, split_member
from breastcad.read.trees import Faults, inside

UNREADABLE = "masks that cannot be read"
OTHER_SIZE = "masks of another size than their image, not used"
RESAMPLED = "masks of another size than their image but of its proportions, resampled where they are used"
EMPTY = "masks that are empty"
SAME_PROPORTIONS = 0.01
"""Share by which height over width of a mask may differ from its image's for it to be the same view at another size."""
_EDGE = 32 / 255  # JPEG makes other values of a mask's two, but near them


def open_mask(path: str | Path) -> NDArray[np.bool_]:
    """Read a mask of any kind, DICOM and the member of a .mat too: (H, W) bool.

    Raises
    ------
    ReadError
        As `files.read_mask`; for DICOM as `dicom.read_dicom`, for a member as `members.read_member_mask`.
    """
    if split_member(path):
        return read_member_mask(path)
    if kind_of(path) != "DICOM":
        return read_mask(path)
    return _dicom_pixels(Path(path)) > 0.5


def two_valued(path: Path) -> NDArray[np.bool_] | None:
    """Return a picture as a mask if it has two values (but for what JPEG makes of them), else None.

    Raises
    ------
    ReadError
        If it cannot be read.
    """
    pixels = _dicom_pixels(path) if kind_of(path) == "DICOM" else read_picture(path).pixels
    between = np.count_nonzero((pixels > _EDGE) & (pixels < 1 - _EDGE)) / pixels.size
    inside_mask = pixels > 0.5
    return inside_mask if between < 0.01 and inside_mask.any() and not inside_mask.all() else None


def _dicom_pixels(path: Path) -> NDArray[np.float32]:
    from breastcad.read.dicom import read_dicom  # noqa: PLC0415 - pydicom is slow to import; few masks are DICOM

    return read_dicom(path).pixels


def same_proportions(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Say if two (rows, cols) are one shape at two sizes, within `SAME_PROPORTIONS`.

    Examples
    --------
    >>> same_proportions((4386, 1789), (5041, 2056)), same_proportions((4386, 1789), (5041, 2156))
    (True, False)
    """
    return abs(first[0] * second[1] / (first[1] * second[0]) - 1) <= SAME_PROPORTIONS


def fitted_mask(path: str | Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a mask and bring it to its image's size, nearest pixel by nearest pixel.

    Raises
    ------
    ReadError
        If it cannot be read or has other proportions than `shape`.
    """
    mask = open_mask(path)
    if mask.shape == shape:
        return mask
    if not same_proportions(mask.shape, shape):
        sizes = f"{mask.shape[0]} x {mask.shape[1]}, its image {shape[0]} x {shape[1]}"
        raise ReadError(path, f"the mask is {sizes}; mend the file and import the set again")
    return np.asarray(cv2.resize(mask.astype(np.uint8), (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST_EXACT) > 0)


def put_mask(
    row: FindingRow, image: ImageRow, path: Path, root: Path, faults: Faults, *, empty: str | None = EMPTY, resample: bool = False
) -> bool:
    """Enter a mask and its tight box into a finding.

    Parameters
    ----------
    row : FindingRow
        Gets ``geometry``, ``mask_path`` and the box, in pixels of the image.
    image : ImageRow
        Whose size the mask must have, where the image is present.
    path : Path
    root : Path
        The set's folder.
    faults : dict
        Gets what is wrong with a mask that cannot be used, which leaves the row without a place.
    empty : str, optional
        Under which words a mask without a white pixel is a fault; None where it is none.
    resample : bool
        Take a mask of another size and the same proportions, for a set that is known to have such.

    Returns
    -------
    bool
        Whether the mask was entered.
    """
    try:
        inner, mask = inside(path, root), open_mask(path)
    except ReadError as error:
        faults.setdefault(UNREADABLE, []).append(str(error))
        return False
    name = row.finding_id if split_member(path) else path.name
    shape = (image.rows or 0, image.cols or 0) if image.present else mask.shape
    if mask.shape != shape and not (resample and same_proportions(mask.shape, shape)):
        faults.setdefault(OTHER_SIZE, []).append(row.finding_id if resample else name)
        return False
    box = box_of_mask(mask)
    if box is None:
        if empty:
            faults.setdefault(empty, []).append(name)
        return False
    if mask.shape != shape:
        faults.setdefault(RESAMPLED, []).append(row.finding_id)
    down, across = shape[0] / mask.shape[0], shape[1] / mask.shape[1]
    row.geometry, row.mask_path = "mask", inner
    row.row0, row.col0, row.row1, row.col1 = box[0] * down, box[1] * across, box[2] * down, box[3] * across
    return True

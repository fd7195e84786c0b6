"""A finding's place from its mask file, as the readers of all sets with masks enter it."""

from __future__ import annotations

from pathlib import Path

from breastcad.core.errors import ReadError
from breastcad.core.geometry import box_of_mask
from breastcad.core.records import FindingRow, ImageRow
from breastcad.read.files import read_mask
from breastcad.read.trees import Faults, inside

UNREADABLE = "masks that cannot be read"
OTHER_SIZE = "masks of another size than their image, not used"
EMPTY = "masks that are empty"


def put_mask(row: FindingRow, image: ImageRow, path: Path, root: Path, faults: Faults, *, empty: str | None = EMPTY) -> bool:
    """Enter a mask and its tight box into a finding.

    Parameters
    ----------
    row : FindingRow
        Gets ``geometry``, ``mask_path`` and the box.
    image : ImageRow
        Whose size the mask must have, where the image is present.
    path : Path
    root : Path
        The set's folder.
    faults : dict
        Gets what is wrong with a mask that cannot be used, which leaves the row without a place.
    empty : str, optional
        Under which words a mask without a white pixel is a fault; None where it is none.

    Returns
    -------
    bool
        Whether the mask was entered.
    """
    try:
        inner = inside(path, root)
        mask = read_mask(path)
    except ReadError as error:
        faults.setdefault(UNREADABLE, []).append(str(error))
        return False
    if image.present and mask.shape != (image.rows, image.cols):
        faults.setdefault(OTHER_SIZE, []).append(path.name)
        return False
    box = box_of_mask(mask)
    if box is None:
        if empty:
            faults.setdefault(empty, []).append(path.name)
        return False
    row.geometry, row.mask_path = "mask", inner
    row.row0, row.col0, row.row1, row.col1 = box
    return True

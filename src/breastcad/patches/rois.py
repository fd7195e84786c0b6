"""A finding's outline as a mask, whatever geometry its set gives: the ROI that windows are measured against."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from breastcad.core.geometry import box_area, ellipse_mask
from breastcad.core.records import FindingRow
from breastcad.read.masks import fitted_mask


def roi_mask(finding: FindingRow, shape: tuple[int, int], root: Path) -> NDArray[np.bool_] | None:
    """Return a finding's ROI as a mask: its mask, polygon, ellipse, circle or, where there is no better, its box.

    Parameters
    ----------
    finding : FindingRow
    shape : (int, int)
        Rows and columns of its image.
    root : Path
        What ``mask_path`` is relative to.

    Returns
    -------
    (H, W) ndarray of bool or None
        A pixel is inside if its centre is. None where a finding has no extent (a point, a line, an empty box, no geometry).

    Raises
    ------
    ReadError
        If the mask cannot be read, or has other proportions than the image.
    """
    if finding.geometry == "mask" and finding.mask_path:
        return fitted_mask(root / finding.mask_path, shape)
    if finding.geometry == "polygon" and finding.points:
        points = np.array([point.split(",") for point in finding.points.split()], float)
        return np.asarray(polygon2mask(shape, points - 0.5), bool)  # there, a pixel's centre is a whole number
    box = (finding.row0, finding.col0, finding.row1, finding.col1)
    if None in box:
        return None
    row0, col0, row1, col1 = (float(side) for side in box if side is not None)
    if box_area((row0, col0, row1, col1)) == 0:
        return None
    if finding.geometry in ("circle", "ellipse"):
        return ellipse_mask(shape, (row0, col0, row1, col1))
    if finding.geometry != "box":
        return None
    mask = np.zeros(shape, bool)
    mask[_first(row0) : _first(row1), _first(col0) : _first(col1)] = True
    return mask


def _first(side: float) -> int:
    """Return the first pixel whose centre is not before a side of a box."""
    return max(0, math.ceil(side - 0.5))

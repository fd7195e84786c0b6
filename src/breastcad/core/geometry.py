"""Boxes, points and masks in source pixels: [row, column), origin top left, pixel centres at +0.5.

A box is ``(row0, col0, row1, col1)``, half open. Nothing here knows of files or labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
Point = tuple[float, float]


def box_of_mask(mask: NDArray[np.bool_]) -> Box | None:
    """Return the tight box of a mask's true pixels, or None if there are none.

    Parameters
    ----------
    mask : (H, W) ndarray of bool

    Returns
    -------
    (row0, col0, row1, col1) or None
        In pixels, half open.

    Examples
    --------
    >>> mask = np.zeros((4, 6), bool); mask[1:3, 2:5] = True
    >>> box_of_mask(mask)
    (1.0, 2.0, 3.0, 5.0)
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return None
    cols = np.flatnonzero(mask.any(axis=0))
    return float(rows[0]), float(cols[0]), float(rows[-1] + 1), float(cols[-1] + 1)


def box_area(box: Box) -> float:
    """Return the area of a box in square pixels; 0 for an empty one.

    Examples
    --------
    >>> box_area((1, 2, 3, 5)), box_area((3, 2, 1, 5))
    (6, 0)
    """
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def box_intersection(first: Box, second: Box) -> Box:
    """Return the box common to two boxes; its area is 0 where they do not overlap.

    Examples
    --------
    >>> box_intersection((0, 0, 4, 4), (2, 1, 9, 3))
    (2, 1, 4, 3)
    """
    return max(first[0], second[0]), max(first[1], second[1]), min(first[2], second[2]), min(first[3], second[3])


def box_iou(first: Box, second: Box) -> float:
    """Return the intersection over union of two boxes, in [0, 1]; 0 if both are empty.

    Examples
    --------
    >>> box_iou((0, 0, 2, 2), (1, 0, 3, 2))
    0.3333333333333333
    """
    shared = box_area(box_intersection(first, second))
    union = box_area(first) + box_area(second) - shared
    return shared / union if union > 0 else 0.0


def box_centre(box: Box) -> Point:
    """Return the (row, column) centre of a box.

    Examples
    --------
    >>> box_centre((0, 0, 2, 5))
    (1.0, 2.5)
    """
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def point_in_box(point: Point, box: Box) -> bool:
    """Say if a (row, column) point lies in a half-open box.

    Examples
    --------
    >>> point_in_box((1, 1), (1, 1, 2, 2)), point_in_box((2, 1), (1, 1, 2, 2))
    (True, False)
    """
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


def ellipse_mask(shape: tuple[int, int], box: Box) -> NDArray[np.bool_]:
    """Return the ellipse that a box encloses, as a mask: the pixels whose centres lie in it.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the mask.
    box : (row0, col0, row1, col1)
        In pixels; may reach over the border. A circle is a square box.

    Returns
    -------
    (H, W) ndarray of bool

    Raises
    ------
    ValueError
        If the box is empty.

    Examples
    --------
    >>> int(ellipse_mask((4, 4), (0, 0, 4, 4)).sum())
    12
    """
    if box_area(box) <= 0:
        raise ValueError(f"box must not be empty, got {box}")
    row, col = box_centre(box)
    rows = (np.arange(shape[0]) + 0.5 - row) / ((box[2] - box[0]) / 2)
    cols = (np.arange(shape[1]) + 0.5 - col) / ((box[3] - box[1]) / 2)
    mask = np.zeros(shape, np.bool_)
    down, across = np.abs(rows) <= 1, np.abs(cols) <= 1  # a small lesion of a whole film costs what its box does
    mask[np.ix_(down, across)] = rows[down, None] ** 2 + cols[across] ** 2 <= 1
    return mask

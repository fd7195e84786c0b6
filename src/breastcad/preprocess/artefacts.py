"""What is on a mammogram and is not tissue: labels and film outside the breast, metal and markers inside it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

WORKING_SIDE_PX = 1024
HAT_SHARE = 0.03
"""Objects are narrower than this share of the film's longer side; what is wider is tissue."""
LEAST_CONTRAST = 0.22
LEAST_STEEPNESS = 0.07
WHITE = 0.93
LEAST_AREA_SHARE = 2e-5
_MARGIN_PX, _INPAINT_PX, _WHITE_16 = 2, 5, 65535

_Float = NDArray[np.float32]
_Mask = NDArray[np.uint8]


def without_artefacts(pixels: NDArray[np.float32], breast: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Blacken what is outside the breast and paint over artificial objects inside it.

    An object (a clip, a ball or wire marker, a part of a pacemaker) is white as nothing round it: at most 1024 pixels a side, its pixels
    reach 93 % of the film's white, stand out by 0.22 from a grey opening by a disc of 3 % of the film's side, and end steeply.
    Each object is filled from its surroundings (Telea's method). Calcifications are the like in small: what covers less than
    1 in 50,000 pixels of the film is left, so that clips as small as calcifications are left too; coarse calcifications are filled.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    breast : (H, W) ndarray of bool
        Of `breast_region`.

    Returns
    -------
    pixels : (H, W) ndarray of float32
        0 outside the breast.
    changed : (H, W) ndarray of bool
        What was painted over inside the breast, a margin included. What was blackened is ``~breast``.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    .. [1] Publication D, figure 4: labels and markers removed, by a method that it does not name; this one is ours.
    .. [2] A. Telea, "An image inpainting technique based on the fast marching method", J. Graphics Tools 9 (2004).

    Examples
    --------
    >>> film = np.full((400, 300), 0.4, np.float32); film[100:112, 80:92] = 1
    >>> cleaned, changed = without_artefacts(film, np.ones(film.shape, bool))
    >>> round(float(cleaned.max()), 2), bool(changed[105, 85])
    (0.4, True)
    """
    if pixels.shape != breast.shape:
        raise ValueError(f"pixels and breast must have one shape, got {pixels.shape} and {breast.shape}")
    cleaned = np.where(breast, pixels, np.float32(0)).astype(np.float32, copy=False)
    changed = _objects(cleaned, breast)
    if changed.any():
        cleaned = np.where(changed, _painted_over(cleaned, changed), cleaned)
    return cleaned, changed


def _objects(film: _Float, breast: NDArray[np.bool_]) -> NDArray[np.bool_]:
    height, width = film.shape
    factor = min(1.0, WORKING_SIDE_PX / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(film, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    inside = cv2.resize(breast.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    radius = max(2, round(HAT_SHARE / 2 * max(small.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    stands_out = small - cv2.morphologyEx(small, cv2.MORPH_OPEN, disc)
    # The rim of the breast and of the film end steeply too: objects are looked for within.
    within = cv2.erode(inside, disc, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    bright = ((stands_out > LEAST_CONTRAST) & (small > WHITE * float(small.max(initial=0))) & (within > 0)).astype(np.uint8)
    kept = _compact(bright, small)
    grown = cv2.dilate(kept, np.ones((2 * _MARGIN_PX + 1, 2 * _MARGIN_PX + 1), np.uint8))
    return cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)


def _compact(bright: _Mask, film: _Float) -> _Mask:
    """Keep the parts that are large enough to be no small calcification, and steep at their edge."""
    count, parts, facts, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    kept = np.zeros_like(bright)
    steep = cv2.morphologyEx(film, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    for part in range(1, count):
        if facts[part, cv2.CC_STAT_AREA] < LEAST_AREA_SHARE * film.size:
            continue
        col, row, cols, rows = facts[part, : cv2.CC_STAT_AREA]
        place = slice(row, row + rows), slice(col, col + cols)
        here = parts[place] == part
        edge = here & (cv2.erode(here.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0, borderType=cv2.BORDER_CONSTANT) == 0)
        if np.median(steep[place][edge]) > LEAST_STEEPNESS:
            kept[place] |= here.astype(np.uint8)
    return kept


def _painted_over(film: _Float, changed: NDArray[np.bool_]) -> _Float:
    """Fill each changed part from its surroundings; only what lies near one is touched."""
    # OpenCV paints float images over with values far beyond theirs; 16 bits hold what a film does.
    painted = np.rint(np.clip(film, 0, 1) * _WHITE_16).astype(np.uint16)
    count, _, facts, _ = cv2.connectedComponentsWithStats(changed.astype(np.uint8), connectivity=8)
    for col, row, cols, rows, _ in facts[1:count]:
        margin = 2 * _INPAINT_PX
        place = slice(max(0, row - margin), row + rows + margin), slice(max(0, col - margin), col + cols + margin)
        holes = changed[place].astype(np.uint8)
        painted[place] = cv2.inpaint(np.ascontiguousarray(painted[place]), holes, _INPAINT_PX, cv2.INPAINT_TELEA)
    return (painted / np.float32(_WHITE_16)).astype(np.float32, copy=False)

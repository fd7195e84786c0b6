"""Where the breast is on a mammogram: a mask without labels, film edges and scanner stripes.

As far as the models need it: enough to cut a film to its breast and to blacken what is not tissue.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box, box_of_mask

WORKING_SIDE_PX = 256
OTSU_SHARE = 0.5
OPENING_PX = 9
FILM_EDGE_PX = 5
SIDE_STRIP_SHARE = 0.02
SIDE_RATIO = 3.0


def breast_mask(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the mask of the breast (with the pectoral muscle, where it shows).

    The image is reduced to at most 256 pixels a side, smoothed, and cut at half of Otsu's threshold, since Otsu's own
    cuts through fat. An opening parts the breast from labels and from bright film edges; the largest part that is left
    is the breast, its holes filled.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1], tissue bright on dark.

    Returns
    -------
    (H, W) ndarray of bool
        All true where no breast can be told from its background (an image without contrast).

    References
    ----------
    .. [1] N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9 (1979).

    Examples
    --------
    >>> film = np.zeros((60, 40), np.float32); film[10:50, :25] = 0.6; film[2:4, 36:39] = 1
    >>> mask = breast_mask(film)
    >>> bool(mask[30, 10]), bool(mask[3, 37])
    (True, False)
    """
    height, width = pixels.shape
    factor = min(1.0, WORKING_SIDE_PX / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    grey = cv2.medianBlur(np.clip(small * 255, 0, 255).astype(np.uint8), 5)
    grey = grey - grey.min()  # a background that is not black must not count as tissue
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    above = (grey > max(2, OTSU_SHARE * threshold)).astype(np.uint8)
    if above.all() or not above.any():
        return np.ones(pixels.shape, bool)
    part = _largest_part(_opened(above))
    full = cv2.resize(part, (width, height), interpolation=cv2.INTER_NEAREST)
    return full.astype(bool)


def _opened(above: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Part the breast from what only touches it: labels, and the bright edges that scanned films keep."""
    # The outermost pixels may be film edge: they are taken to be what lies next to them. The repeated border also keeps
    # the opening from rounding off the corners where the breast meets the border.
    inner = above[FILM_EDGE_PX:-FILM_EDGE_PX, FILM_EDGE_PX:-FILM_EDGE_PX]
    if inner.size == 0:
        return above
    margin = FILM_EDGE_PX + OPENING_PX
    wide = cv2.copyMakeBorder(inner, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (OPENING_PX, OPENING_PX))
    opened = cv2.morphologyEx(wide, cv2.MORPH_OPEN, kernel)
    inside = np.ascontiguousarray(opened[OPENING_PX:-OPENING_PX, OPENING_PX:-OPENING_PX], np.uint8)
    return inside if inside.any() else above


def _largest_part(above: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the largest connected part with its holes filled."""
    _, parts, facts, _ = cv2.connectedComponentsWithStats(above, connectivity=4)
    largest = (parts == 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    outlines, _ = cv2.findContours(largest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(largest, outlines, -1, 1, thickness=cv2.FILLED).astype(np.uint8)


def breast_box(mask: NDArray[np.bool_], *, margin: float = 0.02) -> Box:
    """Return the box of the breast with a margin, kept inside the image.

    Parameters
    ----------
    mask : (H, W) ndarray of bool
    margin : float
        Share of the box's own size added on each side.

    Returns
    -------
    (row0, col0, row1, col1)
        In pixels, half open; the whole image where the mask is empty.

    Examples
    --------
    >>> mask = np.zeros((100, 50), bool); mask[20:70, 0:30] = True
    >>> breast_box(mask, margin=0.1)
    (15.0, 0.0, 75.0, 33.0)
    """
    height, width = mask.shape
    box = box_of_mask(mask)
    if box is None:
        return 0.0, 0.0, float(height), float(width)
    down, across = margin * (box[2] - box[0]), margin * (box[3] - box[1])
    return max(0.0, box[0] - down), max(0.0, box[1] - across), min(float(height), box[2] + down), min(float(width), box[3] + across)


def chest_wall_side(breast: NDArray[np.bool_]) -> str | None:
    """Return the side of the picture, left or right, at which a breast ends; None where it is not clear.

    Parameters
    ----------
    breast : (H, W) ndarray of bool

    Examples
    --------
    >>> mask = np.tri(10, 8, dtype=bool)[::-1]
    >>> chest_wall_side(mask), chest_wall_side(mask[:, ::-1]), chest_wall_side(np.ones((10, 8), bool))
    ('left', 'right', None)
    """
    cols = np.flatnonzero(breast.any(axis=0))
    if cols.size == 0:
        return None
    # Looked for within the breast's own extent: films keep a margin, or white edges, beyond it.
    strip = max(1, round(SIDE_STRIP_SHARE * cols.size))
    left, right = (int(breast[:, part].sum()) for part in (cols[:strip], cols[-strip:]))
    if left > SIDE_RATIO * right:
        return "left"
    return "right" if right > SIDE_RATIO * left else None

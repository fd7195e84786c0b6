"""A quick look for burnt-in overlays of an ultrasound picture, for a warning and for the audit; what finds and names them is `burnt_in`."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.read.files import colour_spread

WHITE = 0.97
THIN_PX = 5
COLOUR_SPREAD = 40


def overlay_mask(pixels: NDArray[np.float32], colour: NDArray[np.uint8] | None = None) -> NDArray[np.bool_]:
    """Return the pixels that look drawn onto the picture: thin and all but white, or visibly coloured.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    colour : (H, W, 3) ndarray of uint8, optional
        The same picture in colour, where it has any.

    Returns
    -------
    (H, W) ndarray of bool

    Examples
    --------
    >>> scan = np.full((40, 60), 0.4, np.float32); scan[10, 5:25] = 1; scan[20:40, 30:60] = 1
    >>> mask = overlay_mask(scan)
    >>> bool(mask[10, 10]), bool(mask[30, 45])
    (True, False)
    """
    white = (pixels >= WHITE).astype(np.uint8)
    kernel = np.ones((THIN_PX, THIN_PX), np.uint8)
    # Tissue can be white too, but not in strokes: what survives an opening is an area, not a stroke.
    area = cv2.dilate(cv2.morphologyEx(white, cv2.MORPH_OPEN, kernel), kernel)
    thin: NDArray[np.bool_] = (white > area).astype(bool)
    if colour is not None:
        thin = thin | (colour_spread(colour) > COLOUR_SPREAD)
    return thin

"""What machines and technicians burn into pictures: film labels, calipers, body marks and text; here the writing of a known thing.

Marks of every kind, drawn at random with the pixels they cover, are in `burnt_in_marks`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Point
from breastcad.phantom.textures import Field

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_HEIGHT_PX = 22


def write_text(canvas: Field, text: str, place: Point, height_px: float, *, level: float = 1.0) -> NDArray[np.bool_]:
    """Write text onto a picture, in place.

    Parameters
    ----------
    canvas : (H, W) ndarray of float32
    text : str
        ASCII.
    place : (float, float)
        Row and column of the upper left corner.
    height_px : float
        Of a capital letter.
    level : float
        Grey of the letters, in [0, 1].

    Returns
    -------
    (H, W) ndarray of bool
        The pixels that were written on.
    """
    ink = np.zeros(canvas.shape, np.uint8)
    scale = height_px / _FONT_HEIGHT_PX
    origin = round(place[1]), round(place[0] + height_px)
    cv2.putText(ink, text, origin, _FONT, scale, 255, max(1, round(0.11 * height_px)), cv2.LINE_AA)
    share = ink.astype(np.float32) / 255
    canvas[...] = canvas * (1 - share) + np.float32(level) * share
    return ink > 0


def text_width(text: str, height_px: float) -> int:
    """Return the width in pixels of text written by `write_text`."""
    return int(cv2.getTextSize(text, _FONT, height_px / _FONT_HEIGHT_PX, max(1, round(0.11 * height_px)))[0][0])


def film_label(canvas: Field, text: str, *, on_left: bool, unit_px: float, plate: bool) -> NDArray[np.bool_]:
    """Burn a film label (side and view) into an upper corner of a mammogram, in place; below it the word PHANTOM.

    Parameters
    ----------
    canvas : (H, W) ndarray of float32
    text : str
        E.g. ``"L MLO"``.
    on_left : bool
        Which corner: the one away from the chest wall.
    unit_px : float
        Height of the film in pixels, which sets the size of the letters.
    plate : bool
        Dark letters on a bright plate, or bright letters on the film.

    Returns
    -------
    (H, W) ndarray of bool
        The pixels that were written on.
    """
    height = max(5.0, 0.024 * unit_px)
    width = text_width(text, height)
    margin = 1.2 * height
    col = margin if on_left else canvas.shape[1] - margin - width
    written = np.zeros(canvas.shape, bool)
    if plate:
        row0, col0 = max(0, round(0.5 * margin)), max(0, round(col - 0.5 * height))
        written[row0 : round(row0 + 2.2 * height), col0 : round(col + width + 0.5 * height)] = True
        canvas[written] = 0.93
    written |= write_text(canvas, text, (1.0 * margin, col), height, level=0.08 if plate else 0.86)
    small = 0.55 * height
    return written | write_text(canvas, "PHANTOM", (1.0 * margin + 2.3 * height, col), small, level=0.5)


def caliper_cross(canvas: Field, place: Point, size_px: float, number: str) -> NDArray[np.bool_]:
    """Burn one end of a caliper, a plus sign with its number, into a picture, in place; return the pixels written on."""
    ink = np.zeros(canvas.shape, np.uint8)
    row, col, arm = round(place[0]), round(place[1]), max(2, round(size_px / 2))
    cv2.line(ink, (col - arm, row), (col + arm, row), 255, 1)
    cv2.line(ink, (col, row - arm), (col, row + arm), 255, 1)
    canvas[ink > 0] = 1.0
    return (ink > 0) | write_text(canvas, number, (row - 2.2 * arm, col + 0.6 * arm), max(4.0, 0.9 * size_px))

"""Contact sheets: many small pictures with a caption each on one page, to be looked at. Nothing is computed here but the layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

# Colours that stay apart for the colour-blind (Okabe and Ito), on grey pictures and in print.
SKY, ORANGE, GREEN, VERMILION, PURPLE, YELLOW = (86, 180, 233), (230, 159, 0), (0, 158, 115), (213, 94, 0), (204, 121, 167), (240, 228, 66)
_PAPER, _INK, _MARGIN_PX, _TEXT_PX, _TITLE_PX = (255, 255, 255), (20, 20, 20), 8, 13, 18


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a sheet: (H, W) or (H, W, 3), uint8, or float in [0, 1]; its caption may have several lines."""

    image: NDArray[Any]
    caption: str = ""
    frame: Colour | None = None


def contact_sheet(tiles: Sequence[Tile], *, columns: int, tile_px: int = 220, title: str = "", footnote: str = "") -> NDArray[np.uint8]:
    """Lay pictures out in rows, each fitted into a square with its aspect kept, captions below.

    Parameters
    ----------
    tiles : sequence of Tile
        In reading order; at least one.
    columns : int
    tile_px : int
        Side of a picture's square, in pixels.
    title, footnote : str
        What the sheet shows, and whose pictures they are.

    Returns
    -------
    (H, W, 3) ndarray of uint8
        RGB, dark on white.

    Raises
    ------
    ValueError
        If there is no tile or no column.

    Examples
    --------
    >>> contact_sheet([Tile(np.zeros((40, 30)), "one"), Tile(np.ones((30, 40)), "two")], columns=2, tile_px=100).shape
    (141, 224, 3)
    """
    if not tiles or columns < 1:
        raise ValueError(f"a contact sheet needs at least one tile and one column, got {len(tiles)} and {columns}")
    lines = max(tile.caption.count("\n") + 1 if tile.caption else 0 for tile in tiles)
    cell = tile_px + _MARGIN_PX
    cell_rows = cell + lines * (_TEXT_PX + 3) + (_MARGIN_PX + 1 if lines else 0)
    head = _TITLE_PX + 2 * _MARGIN_PX if title else _MARGIN_PX
    foot = _TEXT_PX + 2 * _MARGIN_PX if footnote else 0
    rows = -(-len(tiles) // columns)
    page = Image.new("RGB", (columns * cell + _MARGIN_PX, head + rows * cell_rows + foot), _PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((_MARGIN_PX, _MARGIN_PX), title, _INK, ImageFont.load_default(_TITLE_PX))
    font = ImageFont.load_default(_TEXT_PX)
    for number, tile in enumerate(tiles):
        top, left = head + number // columns * cell_rows, _MARGIN_PX + number % columns * cell
        picture = _fitted(tile.image, tile_px)
        place = left + (tile_px - picture.shape[1]) // 2, top + (tile_px - picture.shape[0]) // 2
        page.paste(Image.fromarray(picture), place)
        if tile.frame:
            pen.rectangle((left - 3, top - 3, left + tile_px + 2, top + tile_px + 2), outline=tile.frame, width=3)
        pen.multiline_text((left, top + tile_px + 4), tile.caption, _INK, font, spacing=3)
    pen.text((_MARGIN_PX, page.height - _TEXT_PX - _MARGIN_PX), footnote, _INK, font)
    return np.asarray(page)


def outlined(image: NDArray[Any], masks: Mapping[Colour, NDArray[np.bool_]], *, width_px: int = 1) -> NDArray[np.uint8]:
    """Draw the outlines of masks over a picture, each in its colour.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) ndarray
        uint8, or float in [0, 1].
    masks : mapping from (red, green, blue) to (H, W) ndarray of bool
    width_px : int

    Returns
    -------
    (H, W, 3) ndarray of uint8
    """
    drawn = _coloured(image).copy()
    for colour, mask in masks.items():
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, outlines, -1, colour, width_px)
    return drawn


def _coloured(image: NDArray[Any]) -> NDArray[np.uint8]:
    levels = image if image.dtype == np.uint8 else np.rint(np.clip(image.astype(np.float32), 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(levels if levels.ndim == 3 else np.repeat(levels[..., None], 3, axis=2))


def _fitted(image: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """Return a picture in colour whose longer side is so many pixels."""
    factor = side / max(image.shape[:2])
    size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST if factor > 2 else cv2.INTER_LINEAR
    return cv2.resize(_coloured(image), size, interpolation=way).astype(np.uint8, copy=False)

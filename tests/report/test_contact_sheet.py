"""Contact sheets: each picture whole and where it belongs."""

from __future__ import annotations

import numpy as np
import pytest

from breastcad.report.contact_sheet import GREEN, SKY, Tile, contact_sheet, outlined


def test_pictures_keep_their_aspect_and_stand_in_reading_order() -> None:
    red = np.zeros((20, 40, 3), np.uint8)
    red[..., 0] = 200
    sheet = contact_sheet([Tile(red), Tile(np.full((40, 20), 0.5)), Tile(np.full((30, 30), 9, np.uint8))], columns=2, tile_px=80)
    found = np.argwhere((sheet == (200, 0, 0)).all(axis=2))
    assert (np.ptp(found, axis=0) + 1).tolist() == [40, 80]
    grey = np.argwhere((sheet == 128).all(axis=2))
    assert (np.ptp(grey, axis=0) + 1).tolist() == [80, 40]
    assert grey[0][1] > found[-1][1]
    assert np.argwhere((sheet == 9).all(axis=2))[0][0] > found[-1][0]


def test_outlines_are_drawn_in_their_colours_and_the_picture_is_left_as_it_was() -> None:
    image = np.zeros((30, 20))
    mask = np.zeros((30, 20), bool)
    mask[5:25, 4:12] = True
    drawn = outlined(image, {SKY: mask, GREEN: np.zeros_like(mask)})
    assert tuple(drawn[5, 8]) == SKY
    assert tuple(drawn[15, 8]) == (0, 0, 0)
    assert not image.any()


def test_an_empty_sheet_is_refused() -> None:
    with pytest.raises(ValueError, match="a contact sheet needs at least one tile"):
        contact_sheet([], columns=2)

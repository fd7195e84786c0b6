"""A window's pixels: views where nothing is resized, and the same as resizing the whole image first where it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from breastcad.core.records import Collection, ImageRow, PatchRow
from breastcad.core.seeding import generator
from breastcad.patches.methods import METHODS
from breastcad.patches.table import cut_patches
from breastcad.patches.views import window_of


def row_of(row: float, col: float, height: float, width: float, scale: float = 1.0) -> PatchRow:
    return PatchRow("w", "image", "s", "a", None, row, col, height, width, scale)


IMAGE = generator(0, "image").random((40, 60), np.float32)


def test_whole_pixels_are_a_view() -> None:
    view = window_of(IMAGE, row_of(3, 7, 16, 16))
    assert np.shares_memory(view, IMAGE)
    assert np.array_equal(view, IMAGE[3:19, 7:23])


def test_a_whole_image_is_handed_on_as_it_is() -> None:
    assert window_of(IMAGE, row_of(0, 0, 40, 60)) is not None
    assert window_of(IMAGE, row_of(0, 0, 40, 60)).shape == (40, 60)


def test_what_lies_outside_is_black() -> None:
    window = window_of(IMAGE, row_of(-2, 50, 16, 16))
    assert window.shape == (16, 16)
    assert np.array_equal(window[2:, :10], IMAGE[:14, 50:60])
    assert window[:2].max() == window[:, 10:].max() == 0
    half = window_of(np.ones((40, 60), np.float32), row_of(-20, 0, 40, 40, 0.5))
    assert half.shape == (20, 20)
    assert half[:9].max() == 0
    assert half[12:].min() == pytest.approx(1)  # the filter mixes what lies next to the border


@pytest.mark.parametrize("shape", [(20, 20), (80, 90), (33, 17)])
def test_a_window_is_a_part_of_the_resized_image(shape: tuple[int, int]) -> None:
    """Whatever the sizes, cut from the source alone it is what resizing the whole image and then cutting gives."""
    resized = np.asarray(Image.fromarray(IMAGE).resize(shape[::-1], Image.Resampling.BILINEAR))
    down, across, side = 40 / shape[0], 60 / shape[1], 8
    for top, left in ((0, 0), (5, 3), (shape[0] - side, shape[1] - side)):
        window = window_of(IMAGE, row_of(top * down, left * across, side * down, side * across, 1 / down))
        assert window == pytest.approx(resized[top : top + side, left : left + side], abs=2e-6)


@given(st.floats(0, 20), st.floats(0, 30), st.floats(1, 19), st.integers(1, 30))
def test_a_constant_image_stays_constant_wherever_it_is_cut(row: float, col: float, side: float, pixels: int) -> None:
    window = window_of(np.full((40, 60), 0.25, np.float32), row_of(row, col, side, side, pixels / side))
    assert window.shape == (pixels, pixels)
    assert window == pytest.approx(0.25, abs=1e-6)


def test_integers_stay_integers() -> None:
    image = (IMAGE * 65535).astype(np.uint16)
    window = window_of(image, row_of(0.5, 0.5, 16, 16, 0.5))
    assert (window.dtype, window.shape) == (np.uint16, (8, 8))
    assert window_of(IMAGE.astype(np.float64), row_of(0.5, 0.5, 16, 16, 0.5)).dtype == np.float64


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="pixels must be two-dimensional, got 3 dimensions"):
        window_of(np.zeros((4, 4, 3)), row_of(0, 0, 2, 2))
    with pytest.raises(ValueError, match="window w lies outside the image of 40 x 60"):
        window_of(IMAGE, row_of(40, 0, 2, 2))


def test_a_square_that_covers_an_image_of_as_many_rows_is_still_a_square() -> None:
    """8 x 14 resized to 8 x 8: one window of 8 x 8, though its scale along rows is 1; the whole image as it is stays 8 x 14."""
    image = ImageRow("s", "a", path="a.png", modality="US", rows=8, cols=14, label="normal")
    collection, pixels = Collection("nowhere", [image]), np.zeros((8, 14), np.uint8)
    (row,) = cut_patches(collection, "non-overlapping", METHODS["non-overlapping"].kind(window=8, resize="8x8")).rows
    assert window_of(pixels, row).shape == (8, 8)
    assert row.scale == pytest.approx(1)
    (row,) = cut_patches(collection, "whole", METHODS["whole"].kind()).rows
    assert window_of(pixels, row).shape == (8, 14)

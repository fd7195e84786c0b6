"""Overlays are filled from the tissue beside them, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from breastcad.core.seeding import generator
from breastcad.phantom.ultrasound import ultrasound
from breastcad.preprocess.inpainting import without_overlays


def test_nothing_outside_the_mask_is_changed_and_the_marks_are_gone() -> None:
    plain = ultrasound(generator(5, "scan"), 420, 560, lesion="benign").pixels
    marked = ultrasound(generator(5, "scan"), 420, 560, lesion="benign", calipers=True)
    kept = marked.pixels.copy()
    filled, mask = without_overlays(marked.pixels)
    assert (marked.pixels == kept).all()
    assert (filled[~mask] == marked.pixels[~mask]).all()
    drawn = marked.regions["overlay"]
    assert np.abs(filled - plain)[drawn].mean() < 0.35 * np.abs(marked.pixels - plain)[drawn].mean()
    assert filled.dtype == np.float32
    assert filled.min() >= 0
    assert filled.max() <= 1


@given(st.integers(0, 2**31), st.booleans())
def test_a_given_mask_is_the_one_that_is_filled(seed: int, speckled: bool) -> None:
    random = np.random.default_rng(seed)
    pixels = random.random((23, 31), np.float32)
    mask = random.random((23, 31)) < random.uniform(0, 0.9)
    filled, used = without_overlays(pixels, mask=mask, generator=generator(seed, "fill") if speckled else None)
    assert (used == mask).all()
    assert (filled[~mask] == pixels[~mask]).all()
    assert np.isfinite(filled).all()
    assert filled.min() >= 0
    assert filled.max() <= 1


def rough(pixels: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the mean step from a pixel to its right neighbour, in a mask."""
    return float(np.abs(np.diff(pixels, axis=1))[mask[:, 1:]].mean())


def test_speckle_makes_the_filling_as_rough_as_the_tissue() -> None:
    pixels = ultrasound(generator(6, "scan"), 200, 260).pixels
    mask = np.zeros(pixels.shape, bool)
    mask[90:96, 40:220] = True
    smooth, _ = without_overlays(pixels, mask=mask)
    speckled, _ = without_overlays(pixels, mask=mask, generator=generator(1, "fill"))
    again, _ = without_overlays(pixels, mask=mask, generator=generator(1, "fill"))
    assert (speckled == again).all()
    assert abs(rough(speckled, mask) / rough(pixels, mask) - 1) < abs(rough(smooth, mask) / rough(pixels, mask) - 1)


def test_where_nothing_is_left_to_fill_from_nothing_is_filled() -> None:
    for shape in ((1, 1), (9, 14)):
        pixels = np.full(shape, 0.5, np.float32)
        filled, mask = without_overlays(pixels, mask=np.ones(shape, bool))
        assert (filled == pixels).all()
        assert not mask.any()


def test_a_picture_without_marks_stays_as_it_is() -> None:
    pixels = np.full((40, 50), 0.4, np.float32)
    filled, mask = without_overlays(pixels)
    assert (filled == pixels).all()
    assert not mask.any()


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mask must have the shape \(4, 5\), got \(5, 4\)"):
        without_overlays(np.zeros((4, 5), np.float32), mask=np.zeros((5, 4), bool))
    with pytest.raises(ValueError, match="pixels must be finite"):
        without_overlays(np.full((4, 5), np.inf, np.float32), mask=np.ones((4, 5), bool))

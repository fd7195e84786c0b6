"""Contrast: against scikit-image and OpenCV, by hand, and that a film's black background stays out of its histogram."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import exposure
from skimage.filters import unsharp_mask

from breastcad.preprocess.contrast import adaptive_equalise, clahe, equalise, gamma, percentile_stretch, unsharp
from breastcad.preprocess.inputs import stretch

Image = np.ndarray


def film(rows: int = 96, cols: int = 128, bits: int = 16, seed: int = 0) -> tuple[Image, Image]:
    """Return a film of low contrast on black, rounded to so many bits, and its tissue."""
    generator = np.random.default_rng(seed)
    row, col = np.mgrid[:rows, :cols]
    tissue = (row - 0.55 * rows) ** 2 / (0.4 * rows) ** 2 + (col / (0.7 * cols)) ** 2 <= 1
    grey = 0.35 + 0.1 * np.sin(row / 9) * np.cos(col / 7) + 0.02 * generator.standard_normal((rows, cols))
    levels = 2**bits - 1
    return (np.rint(np.where(tissue, grey, 0).clip(0, 1) * levels) / levels).astype(np.float32), tissue


def test_equalise_by_hand() -> None:
    """Levels of 5: 0 .25 .5 .75 1. Of eight pixels 2 are 0, 1 is .25, 4 are .5, 1 is 1: shares 2/8, 3/8, 7/8, 7/8, 8/8."""
    image = np.float32([[0, 0, 0.25, 0.5], [0.5, 0.5, 0.5, 1]])
    assert equalise(image, levels=5).tolist() == [[0.25, 0.25, 0.375, 0.875], [0.875, 0.875, 0.875, 1]]
    between = np.float32([[0, 0, 0.25, 0.5], [0.5, 0.5, 0.375, 1]])  # .375 counts as .5 and lies half way between 3/8 and 7/8
    assert equalise(between, levels=5)[1, 2] == np.float32((0.375 + 0.875) / 2)


def test_equalise_within_tissue_by_hand() -> None:
    image = np.float32([[0, 0, 0.5, 0.6, 0.6, 0.9]])
    tissue = np.array([[False, False, True, True, True, True]])
    assert np.allclose(equalise(image, levels=11, tissue=tissue), [[0, 0, 0.25, 0.75, 0.75, 1]], atol=1e-6)


def test_equalise_is_that_of_scikit_image() -> None:
    """Both are the share of pixels no brighter; scikit-image's levels span the image's range, so that 1 in 4,096 differs by a level."""
    image, tissue = film()
    for mask in (None, tissue):
        theirs = exposure.equalize_hist(image, nbins=65_536, mask=mask)
        assert np.abs(equalise(image, tissue=mask) - theirs).max() < 1 / 2_000


def test_equalised_tissue_is_flat_and_keeps_its_order() -> None:
    image, tissue = film()
    result = equalise(image, tissue=tissue)
    assert np.abs(np.histogram(result[tissue], 10, (0, 1))[0] / tissue.sum() - 0.1).max() < 0.01
    order = np.argsort(image[tissue], kind="stable")
    assert (np.diff(result[tissue][order]) >= 0).all()


@pytest.mark.parametrize(("limit", "tiles"), [(2.0, (8, 8)), (4.0, (2, 3)), (1.5, (4, 4)), (1e6, (8, 8))])
def test_clahe_on_eight_bits_is_that_of_opencv(limit: float, tiles: tuple[int, int]) -> None:
    """But for 3 levels of 255 at most, .4 on average: OpenCV rounds curves, limit and result, and its tiles lie half a pixel further."""
    image, _ = film(640, 768, bits=8)
    theirs = cv2.createCLAHE(limit, tiles[::-1]).apply(np.rint(image * 255).astype(np.uint8)) / 255
    ours = adaptive_equalise(image, tiles=tiles) if limit > 1e5 else clahe(image, limit=limit, tiles=tiles)
    assert np.abs(ours - theirs).max() <= 3 / 255
    assert np.abs(ours - theirs).mean() <= 0.4 / 255


def test_clahe_is_near_that_of_scikit_image() -> None:
    """But for .03 at most, .006 on average: it rounds the image to 256 levels, and spreads what is cut off again and again."""
    image = cv2.GaussianBlur(np.random.default_rng(1).random((640, 768), dtype=np.float32), (0, 0), 6)
    image = (image - image.min()) / np.ptp(image)
    theirs = exposure.equalize_adapthist(image, kernel_size=(80, 96), clip_limit=3 / 256)
    difference = np.abs(clahe(image, limit=3.0) - theirs)
    assert (difference.max() < 0.03, difference.mean() < 0.006) == (True, True)


def test_twelve_bits_in_sixteen_are_enhanced_as_sixteen_are() -> None:
    """OpenCV's CLAHE on 16 bits does next to nothing for a film of 12 bits: every level that is there is over the limit."""
    spreads = {}
    for bits in (12, 16):
        image, tissue = film(400, 500, bits=bits)
        theirs = cv2.createCLAHE(2.0, (8, 8)).apply(np.rint(image * 65_535).astype(np.uint16)) / 65_535
        spreads[bits] = [float(result[tissue].std() / image[tissue].std()) for result in (clahe(image), theirs)]
    assert spreads[12][0] == pytest.approx(spreads[16][0], rel=0.01)
    assert spreads[12][0] > 1.3
    assert spreads[12][1] < 0.8 * spreads[16][1]


def test_a_limit_of_zero_leaves_the_contrast_and_one_of_n_lets_it_grow_to_n_plus_one() -> None:
    image, _ = film()
    assert np.abs(clahe(image, limit=0) - image).max() < 1.5 / 256
    slope = np.linspace(0.3, 0.5, 4_000, dtype=np.float32)[None, :].repeat(3, 0)
    for limit in (0.5, 1.0, 3.0):
        assert limit < np.diff(clahe(slope, limit=limit, tiles=(1, 1))[0, 100:-100]).mean() / np.diff(slope[0]).mean() < limit + 1


def test_the_background_stays_out_of_the_tiles() -> None:
    """Tissue comes out the same however black or grey the background is, and a black background stays black."""
    image, tissue = film()
    grey = np.where(tissue, image, np.float32(0.2))
    for change in (equalise, adaptive_equalise, clahe):
        first, second = change(image, tissue=tissue), change(grey, tissue=tissue)
        assert np.array_equal(first[tissue], second[tissue])
        assert first[~tissue].max() < 0.01
        assert not np.array_equal(first[tissue], change(image)[tissue])


def test_a_mask_that_cuts_off_skin_leaves_no_seam() -> None:
    """Brightness falls smoothly from tissue to background, and goes on falling where the mask ends."""
    profile = (0.6 / (1 + np.exp(np.linspace(-4, 12, 200)))).astype(np.float32)
    image = profile[None, :].repeat(64, 0)
    tissue = image > 0.05
    for change in (equalise, adaptive_equalise, clahe):
        steps = np.diff(change(image, tissue=tissue, **({} if change is equalise else {"tiles": (1, 1)}))[32])
        assert steps.max() <= 1e-6


def test_tiles_without_tissue_use_the_histogram_of_all_tissue() -> None:
    image, tissue = film()
    dot = np.zeros_like(tissue)
    dot[50, 20:24] = True
    assert np.allclose(adaptive_equalise(image, tissue=dot)[dot], equalise(image, levels=256, tissue=dot)[dot], atol=0.02)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(1, 9), st.integers(2, 300))
def test_any_size_any_tiles_any_levels(rows: int, cols: int, down: int, across: int, levels: int) -> None:
    image = np.random.default_rng(rows).random((rows, cols), dtype=np.float32)
    result = clahe(image, tiles=(down, across), levels=levels)
    assert result.shape == image.shape
    assert 0 <= result.min() <= result.max() <= 1


@given(st.floats(0.2, 4))
def test_gamma_is_that_of_scikit_image_and_has_its_inverse(exponent: float) -> None:
    image, _ = film(20, 30)
    assert np.allclose(gamma(image, exponent=exponent), exposure.adjust_gamma(image, exponent), atol=1e-6)
    assert np.allclose(gamma(gamma(image, exponent=exponent), exponent=1 / exponent), image, atol=1e-4)


def test_unsharp_is_that_of_scikit_image() -> None:
    image, _ = film()
    theirs = unsharp_mask(np.pad(image, 16, mode="symmetric"), radius=2, amount=1.5)[16:-16, 16:-16]
    assert np.allclose(unsharp(image, sigma_px=2, amount=1.5), theirs, atol=2e-6)
    assert np.array_equal(unsharp(image, amount=0), image)


def test_percentile_stretch_is_that_of_the_models_inputs_and_that_of_scikit_image() -> None:
    image, tissue = film()
    assert np.array_equal(percentile_stretch(image, tissue=tissue), stretch(image, tissue))
    black, white = np.percentile(image, (5, 90))
    theirs = exposure.rescale_intensity(image, (black, white), (0, 1))
    assert np.allclose(percentile_stretch(image, low=5, high=90), theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (equalise, {"levels": 1}, "levels must be a whole number of at least 2, got 1"),
        (clahe, {"limit": -1}, "limit must be a number of at least 0, got -1"),
        (clahe, {"tiles": (8,)}, r"tiles must be two numbers, down and across, got \(8,\)"),
        (clahe, {"tiles": (8, 0)}, "tiles must be a whole number of at least 1, got 0"),
        (adaptive_equalise, {"tissue": np.ones((3, 3), bool)}, r"tissue must be a bool array of shape \(4, 6\), got bool \(3, 3\)"),
        (adaptive_equalise, {"tissue": np.ones((4, 6))}, r"tissue must be a bool array of shape \(4, 6\), got float64 \(4, 6\)"),
        (equalise, {"tissue": np.zeros((4, 6), bool)}, "tissue must be true somewhere, got an empty mask"),
        (gamma, {"exponent": 0}, "exponent must be a number above 0, got 0"),
        (unsharp, {"amount": -1}, "amount must be a number of at least 0, got -1"),
        (percentile_stretch, {"low": 60, "high": 40}, "low must be below high, got 60 and 40"),
        (percentile_stretch, {"high": 101}, "high must be a number of at least 0 and at most 100, got 101"),
    ],
)
def test_settings_out_of_their_range_are_refused(change: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        change(np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6), **settings)

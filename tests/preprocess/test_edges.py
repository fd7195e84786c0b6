"""Edges and morphology against scikit-image and scipy, by hand, and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage import morphology
from skimage.filters import sobel as their_sobel

from breastcad.preprocess import edges

Image = np.ndarray


def image_of(rows: int, cols: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).random((rows, cols), dtype=np.float32)


@given(st.integers(1, 20), st.integers(1, 20))
def test_sobel_and_laplacian_are_those_of_scikit_image_and_scipy(rows: int, cols: int) -> None:
    image = image_of(rows, cols)
    assert np.allclose(edges.sobel(image), their_sobel(image.astype(float)), atol=1e-6)
    assert np.allclose(edges.laplacian(image), np.abs(ndimage.laplace(image.astype(float))) / 4, atol=1e-6)


def test_sobel_by_hand() -> None:
    """At the centre gx = (1 + 2 x .5 + 0 - 0) / 4 = .5 and gy = (0 + 0 + 0 - (0 + 0 + 1)) / 4 = -.25; sqrt((.25 + .0625) / 2) = .39528."""
    image = np.float32([[0, 0, 1], [0, 0, 0.5], [0, 0, 0]])
    assert edges.sobel(image)[1, 1] == pytest.approx(0.39528, abs=1e-5)


THEIRS = {
    "erosion": morphology.erosion,
    "dilation": morphology.dilation,
    "opening": morphology.opening,
    "closing": morphology.closing,
    "top_hat": morphology.white_tophat,
    "bottom_hat": morphology.black_tophat,
    "morphological_gradient": lambda image, element: morphology.dilation(image, element) - morphology.erosion(image, element),
}


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("size", [1, 3, 7])
def test_morphology_is_that_of_scikit_image(name: str, size: int) -> None:
    image = image_of(19, 26)
    assert np.array_equal(edges.disc(size), morphology.disk(size // 2))
    assert np.array_equal(getattr(edges, name)(image, size=size), THEIRS[name](image, morphology.disk(size // 2)))


@pytest.mark.parametrize("name", THEIRS)
def test_a_mask_is_changed_as_an_image_of_black_and_white_is(name: str) -> None:
    mask = image_of(23, 17) > 0.6
    result = getattr(edges, name)(mask, size=3)
    assert result.dtype == bool
    assert np.array_equal(result, getattr(edges, name)(mask.astype(np.float32), size=3) > 0.5)


@given(st.integers(1, 15), st.integers(1, 15), st.sampled_from([1, 3, 5, 31]), st.integers(0, 99))
def test_laws_of_morphology(rows: int, cols: int, size: int, seed: int) -> None:
    """Erosion of the negative is the negative of dilation; opening lies below, closing above, and a second time changes nothing."""
    image = np.round(image_of(rows, cols, seed) * 8) / np.float32(8)
    assert np.array_equal(edges.erosion(1 - image, size=size), 1 - edges.dilation(image, size=size))
    opened, closed = edges.opening(image, size=size), edges.closing(image, size=size)
    assert (opened <= image).all()
    assert (image <= closed).all()
    assert np.array_equal(edges.opening(opened, size=size), opened)
    assert np.array_equal(edges.closing(closed, size=size), closed)


def test_a_top_hat_finds_a_calcification_and_no_mass() -> None:
    row, col = np.mgrid[:60, :80]
    image = (0.3 + 0.4 * np.exp(-((row - 30) ** 2 + (col - 50) ** 2) / 400)).astype(np.float32)
    image[12:14, 20:23] += 0.3
    found = edges.top_hat(image, size=7) > 0.1
    assert (np.argwhere(found).min(axis=0).tolist(), np.argwhere(found).max(axis=0).tolist()) == ([12, 20], [13, 22])


def test_an_empty_mask_and_one_of_three_dimensions_are_refused() -> None:
    for shape in ((0, 3), (2, 3, 4)):
        with pytest.raises(ValueError, match="a mask must have rows and columns, at least one of each, got shape"):
            edges.opening(np.zeros(shape, bool))
    with pytest.raises(ValueError, match="size must be an odd whole number of at least 1, got 4"):
        edges.opening(np.zeros((3, 3), bool), size=4)

"""Model inputs: what a network sees, and the way back to the source."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.preprocess.inputs import ModelInput, box_to_input, box_to_source, map_to_source, prepare, stretch


def breast_film(rows: int, cols: int, margin: int = 0) -> np.ndarray:
    """Return a textured half-ellipse of tissue with a black margin on the right."""
    row, col = np.mgrid[:rows, :cols] + 0.5
    breast = ((row / rows - 0.55) / 0.35) ** 2 + (col / cols / 0.8) ** 2 <= 1
    texture = 0.5 + 0.2 * np.sin(12 * row / rows) * np.cos(9 * col / cols)
    return np.pad(np.where(breast, texture, 0.01).astype(np.float32), ((0, 0), (0, margin)))


def test_input_has_the_asked_size_and_range() -> None:
    seen = prepare(breast_film(300, 200), "mammogram", 64, 48)
    assert seen.array.shape == (64, 48)
    assert seen.array.dtype == np.float32
    assert 0 <= seen.array.min() <= seen.array.max() <= 1


def test_squeezed_film_gives_the_same_input() -> None:
    """CBIS-DDSM at 800 x 800 has lost its aspect: the input must hardly differ from that of the film as it was."""
    film = breast_film(600, 360)
    squeezed = cv2.resize(film, (600, 600), interpolation=cv2.INTER_LINEAR)
    first, second = prepare(film, "mammogram", 96, 64).array, prepare(squeezed, "mammogram", 96, 64).array
    assert float(np.abs(first - second).mean()) < 0.03  # the opening's disc is rounder in one than in the other


def test_black_margin_does_not_matter() -> None:
    first = prepare(breast_film(300, 200), "mammogram", 96, 64).array
    second = prepare(breast_film(300, 200, margin=150), "mammogram", 96, 64).array
    assert float(np.abs(first - second).mean()) < 0.02


@pytest.mark.quirk("CBIS-Q15")
def test_a_white_film_edge_that_sets_the_maximum_does_not_matter() -> None:
    """Without a window a film's largest value is white: tissue of one that keeps its white edge comes out darker, the input does not."""
    film = np.pad(breast_film(300, 200), ((0, 0), (0, 60)), constant_values=0.01)
    edged = 0.85 * film
    edged[:, -4:] = 1
    first, second = (prepare(pixels, "mammogram", 96, 64).array for pixels in (film, edged))
    assert float(np.abs(first - second).mean()) < 0.02


def test_brightness_and_contrast_do_not_matter() -> None:
    scan = np.random.default_rng(1).random((90, 120), dtype=np.float32)
    np.testing.assert_allclose(prepare(scan, "ultrasound", 32, 32).array, prepare(0.2 + 0.5 * scan, "ultrasound", 32, 32).array, atol=1e-5)


def test_constant_image_becomes_black() -> None:
    assert not stretch(np.full((5, 7), 0.4, np.float32)).any()


def test_unknown_pipeline_is_named() -> None:
    with pytest.raises(ValueError, match="unknown pipeline 'mri'; known: mammogram, ultrasound"):
        prepare(np.zeros((4, 4), np.float32), "mri", 4, 4)


@given(
    st.tuples(st.floats(0, 50), st.floats(0, 50), st.floats(1, 40), st.floats(1, 40)),
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(30, 90), st.integers(20, 70)),
)
def test_boxes_come_back(size: tuple[float, ...], shown: tuple[int, ...]) -> None:
    seen = ModelInput(np.zeros((32, 48), np.float32), (shown[0], shown[1], shown[0] + shown[2], shown[1] + shown[3]), "mammogram")
    box = size[0], size[1], size[0] + size[2], size[1] + size[3]
    np.testing.assert_allclose(box_to_source(box_to_input(box, seen), (32, 48), seen), box, atol=1e-6)


def test_map_is_laid_where_the_network_looked() -> None:
    seen = ModelInput(np.zeros((8, 8), np.float32), (10.0, 20.0, 26.0, 36.0), "mammogram")
    full = map_to_source(np.ones((4, 4), np.float32), seen, (40, 50))
    assert full.shape == (40, 50)
    assert full[10:26, 20:36].all()
    assert full.sum() == 16 * 16

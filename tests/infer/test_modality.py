"""The guess at a modality: on made-up textures, and how often it is right on the real sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from breastcad.infer.modality import fine_texture, guess_modality, is_colour_photograph
from breastcad.read import open_picture


def smooth(rows: int = 300, cols: int = 200) -> np.ndarray:
    across = np.clip(1 - np.arange(cols) / (0.7 * cols), 0, 1)
    return (np.ones((rows, 1)) * across).astype(np.float32)


def speckled(rows: int = 240, cols: int = 320) -> np.ndarray:
    return np.random.default_rng(1).rayleigh(0.2, (rows, cols)).clip(0, 1).astype(np.float32)


def test_smooth_is_film_and_speckled_is_ultrasound() -> None:
    assert (guess_modality(smooth()).modality, guess_modality(speckled()).modality) == ("MG", "US")
    assert guess_modality(smooth()).sure
    assert guess_modality(speckled()).sure


def test_contrast_and_brightness_do_not_matter() -> None:
    assert fine_texture(0.2 + 0.3 * speckled()) == pytest.approx(fine_texture(speckled()), rel=1e-3)


def test_a_uniform_picture_has_no_texture() -> None:
    assert fine_texture(np.full((40, 30), 0.5, np.float32)) == 0


def test_a_colour_photograph_is_told_from_doppler_and_from_grey() -> None:
    colour = np.zeros((40, 50, 3), np.uint8)
    assert not is_colour_photograph(None)
    assert not is_colour_photograph(colour)
    colour[:8, :, 0] = 200  # a fifth, as Doppler may colour
    assert not is_colour_photograph(colour)
    colour[:, :, 0] = 200
    assert is_colour_photograph(colour)


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize(
    ("modality", "pattern", "at_least"),
    [
        ("MG", "mini-mias/mdb*.p[gn][mg]", 0.96),
        ("MG", "cbis-ddsm-mass-800/train/*.jpg", 0.99),
        ("US", "busi/Dataset_BUSI_with_GT/*/*).png", 0.96),
        ("US", "bus-bra/BUSBRA/Images/*.png", 0.99),
    ],
)
def test_right_on_the_real_images_that_the_threshold_was_not_chosen_on(
    real_data: Path, modality: str, pattern: str, at_least: float
) -> None:
    others = sorted(real_data.glob(pattern))[1::2]
    assert len(others) > 100
    guesses = [guess_modality(open_picture(path).pixels) for path in others]
    assert np.mean([guess.modality == modality for guess in guesses]) >= at_least
    assert sum(guess.sure and guess.modality != modality for guess in guesses) <= 1

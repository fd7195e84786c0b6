"""The trivial rivals of a map: where they lie, and that they know nothing but the image."""

from __future__ import annotations

import numpy as np
import pytest

from breastcad.core.placement import Placement
from breastcad.core.seeding import generator
from breastcad.evaluate.boxes import boxes_from_map
from breastcad.explain.rivals import BLOB, RIVALS, rival_map

ROWS, COLS = 60, 90
IMAGE = np.zeros((ROWS, COLS), np.float32)
IMAGE[40:48, 10:18] = 0.9
INSIDE = np.zeros((ROWS, COLS), bool)
INSIDE[20:51, :21] = True


def made(name: str, *, blobs: int = 3, seed: int = 1, image: np.ndarray = IMAGE) -> np.ndarray:
    return rival_map(name, image, INSIDE, generator(seed, "test"), blobs=blobs)


def peak(values: np.ndarray) -> tuple[int, int]:
    row, col = divmod(int(values.argmax()), values.shape[1])
    return row, col


def test_the_centre_is_the_breasts_and_a_blob_falls_to_half_at_its_half_width() -> None:
    """Rows 20 to 50 and columns 0 to 20 have their centroid at (35, 10); a Gaussian is .5 at 1.1774 sigma = 4.3 pixels."""
    values = made("centre")
    sigma = BLOB * np.sqrt(ROWS * COLS)
    assert peak(values) == (35, 10)
    assert values[35, 10] == 1
    assert values[39, 10] > 0.5 > values[40, 10]
    assert values[35, 14] == pytest.approx(np.exp(-16 / (2 * sigma**2)), abs=1e-6)


def test_random_blobs_lie_in_the_breast_each_lower_than_the_one_before() -> None:
    draws = [made("random", seed=seed) for seed in range(20)]
    assert all(INSIDE[peak(values)] for values in draws)
    assert len({peak(values) for values in draws}) > 10
    assert np.array_equal(made("random", seed=4), made("random", seed=4))
    alone = made("random", blobs=1)
    assert (made("random", blobs=3) >= alone - 1e-6).all()
    assert np.isclose(alone, 1).sum() == 1


def test_the_brightest_blob_is_the_bright_patch_inside_the_breast() -> None:
    image = IMAGE.copy()
    image[5:15, 60:80] = 1.0  # brighter, but no breast
    values = made("brightest", image=image)
    row, col = peak(values)
    assert abs(row - 43.5) <= 1
    assert abs(col - 13.5) <= 1
    assert not made("brightest", image=np.zeros_like(IMAGE)).any()


def test_bright_places_come_in_turn_each_as_high_as_it_is_bright_and_far_from_the_others() -> None:
    """Two patches of the same size, one half as bright: 4.3 pixels of half width, 20 apart, so that both are parts of their own."""
    image = IMAGE.copy()
    image[20:28, 10:18] = 0.45
    values = made("brightest", image=image, blobs=2)
    marks = boxes_from_map(values, Placement(), level=0.5, most=5)
    assert [(round(mark.row), round(mark.col), round(mark.score, 2)) for mark in marks] == [(44, 14, 1.0), (24, 14, 0.5)]
    again = boxes_from_map(made("brightest", image=image, blobs=6), Placement(), level=0.9, most=9)
    far = [np.hypot(a.row - b.row, a.col - b.col) for a in again for b in again if a is not b]
    assert min(far) > 2 * BLOB * np.sqrt(ROWS * COLS)


@pytest.mark.parametrize("name", RIVALS)
def test_rivals_lie_between_0_and_1_and_have_the_images_shape(name: str) -> None:
    values = made(name)
    assert values.shape == IMAGE.shape
    assert values.min() >= 0
    assert values.max() == pytest.approx(1)


def test_rivals_that_cannot_be_made_are_refused() -> None:
    with pytest.raises(ValueError, match="rival must be one of centre, random, brightest, got 'corner'"):
        made("corner")
    with pytest.raises(ValueError, match=r"inside must have the image's shape \(60, 90\) and a pixel that is true"):
        rival_map("centre", IMAGE, np.zeros_like(INSIDE), generator(1), blobs=1)

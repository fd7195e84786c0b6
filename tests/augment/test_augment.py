"""Augmentation: drawn once, replayable; image and lesion move together; healing removes, a decoy does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from breastcad.augment.applying import apply
from breastcad.augment.drawing import IDENTITY, Strength, draw
from breastcad.core.seeding import generator

ROWS, COLS = 96, 64
STILL = Strength(
    flip_columns=0, rotation_degrees=0, scale=(1.0, 1.0), stretch=0, shift=0, gamma=(1.0, 1.0), contrast=0, brightness=0, blur_px=0,
    noise=0, healed=0, decoy=0, zoomed=0, window=0,
)  # fmt: skip


def scan_with_lesion() -> tuple[np.ndarray, np.ndarray]:
    """Return a grey scan with one dark lesion off centre, and its code map."""
    image = np.random.default_rng(0).integers(120, 160, (ROWS, COLS)).astype(np.uint8)
    lesions = np.zeros((ROWS, COLS), np.uint8)
    lesions[20:36, 8:20] = 2
    image[lesions > 0] = 30
    return image, lesions


def test_identity_changes_nothing() -> None:
    image, lesions = scan_with_lesion()
    moved, codes = apply(image, lesions, IDENTITY, mirror_border=True)
    np.testing.assert_array_equal(np.round(moved * 255), image)
    np.testing.assert_array_equal(codes, lesions)


def test_nothing_drawn_is_identity() -> None:
    image, lesions = scan_with_lesion()
    drawn = draw(lesions, np.ones_like(image, bool), STILL, generator(1, "x"))
    np.testing.assert_allclose(drawn.matrix, IDENTITY.matrix, atol=1e-9)
    np.testing.assert_array_equal(np.round(apply(image, lesions, drawn, mirror_border=True)[0] * 255), image)


def test_same_draw_gives_the_same_picture() -> None:
    image, lesions = scan_with_lesion()
    drawn = [draw(lesions, np.ones_like(image, bool), Strength(), generator(4, "x")) for _ in range(2)]
    assert drawn[0] == drawn[1]
    first, second = (apply(image, lesions, one, mirror_border=True)[0] for one in drawn)
    np.testing.assert_array_equal(first, second)


def test_flip_moves_image_and_lesion_alike() -> None:
    image, lesions = scan_with_lesion()
    drawn = draw(lesions, np.ones_like(image, bool), replace(STILL, flip_columns=1.0), generator(1, "x"))
    moved, codes = apply(image, lesions, drawn, mirror_border=True)
    np.testing.assert_array_equal(codes, lesions[:, ::-1])
    assert np.round(moved * 255)[codes > 0].max() == 30


@pytest.mark.parametrize("seed", range(12))
def test_lesion_stays_dark_wherever_it_is_moved(seed: int) -> None:
    image, lesions = scan_with_lesion()
    strength = replace(STILL, flip_columns=0.5, flip_rows=0.5, rotation_degrees=20, scale=(0.8, 1.2), stretch=0.1, shift=0.05)
    moved, codes = apply(image, lesions, draw(lesions, np.ones_like(image, bool), strength, generator(seed, "x")), mirror_border=True)
    inside = moved[codes == 2]
    assert np.median(inside) < 0.2 < 0.4 < np.median(moved[codes == 0])


def test_healing_removes_the_lesion_from_image_and_codes() -> None:
    image, lesions = scan_with_lesion()
    drawn = draw(lesions, np.ones_like(image, bool), replace(STILL, healed=1.0), generator(1, "x"))
    assert drawn.heals
    moved, codes = apply(image, lesions, drawn, mirror_border=True)
    assert not codes.any()
    assert np.median(moved[lesions > 0]) > 0.4


def test_level_shift_heals_from_the_same_depth() -> None:
    image, lesions = scan_with_lesion()
    drawn = draw(lesions, np.ones_like(image, bool), replace(STILL, healed=1.0, level_shift=True), generator(1, "x"))
    assert [shift[0] for _, shift in drawn.heals] == [0]


@pytest.mark.parametrize("seed", range(8))
def test_decoy_leaves_the_lesion(seed: int) -> None:
    image, lesions = scan_with_lesion()
    drawn = draw(lesions, np.ones_like(image, bool), replace(STILL, decoy=1.0), generator(seed, "x"))
    assert drawn.heals
    moved, codes = apply(image, lesions, drawn, mirror_border=True)
    assert (moved * 255 != image).any()
    assert (codes == lesions).all()


@pytest.mark.parametrize("strength", [replace(STILL, healed=1.0), replace(STILL, decoy=1.0)], ids=["healed", "decoy"])
@pytest.mark.parametrize("seed", range(40))
def test_what_is_laid_over_a_place_is_tissue_without_a_lesion(seed: int, strength: Strength) -> None:
    rows, cols = np.mgrid[:64, :80]
    lesions = ((rows - 4) ** 2 + (cols - 74) ** 2 < 100).astype(np.uint8)  # in a corner: its place reaches over the border
    image = np.where(lesions, np.uint8(0), np.uint8(200)).astype(np.uint8)
    drawn = draw(lesions, np.ones_like(image, bool), strength, generator(seed, "x"))
    moved, codes = apply(image, lesions, drawn, mirror_border=True)
    assert drawn.heals
    assert (np.rint(moved[lesions == 0] * 255) == 200).all()
    assert (codes == (0 if strength.healed else lesions)).all()


@pytest.mark.parametrize("seed", range(8))
def test_window_without_lesion_shows_none(seed: int) -> None:
    image, lesions = scan_with_lesion()
    drawn = draw(lesions, np.ones_like(image, bool), replace(STILL, window=1.0, window_side=(0.4, 0.5)), generator(seed, "x"))
    assert drawn.matrix != IDENTITY.matrix
    assert not apply(image, lesions, drawn, mirror_border=True)[1].any()


def test_black_stays_black() -> None:
    image, lesions = scan_with_lesion()
    image[:, 40:] = 0
    drawn = replace(IDENTITY, brightness=0.1, noise=0.1)
    assert not apply(image, lesions, drawn, mirror_border=False)[0][:, 42:].any()

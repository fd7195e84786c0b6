"""Grey levels: kernels by hand, noise by its moments, inverses, and black that stays black."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from breastcad.augment.operations import KINDS, TONE, Operation, operation
from breastcad.augment.replaying import Example, Place, replay


def toned(image: NDArray[Any], *operations: Operation, keep_black: bool = False) -> NDArray[Any]:
    return replay(Example(image), operations, keep_black=keep_black).image


def spot(level: float = 0.1, around: float = 0.5) -> NDArray[np.float32]:
    """Return 5 x 7 pixels of one grey, with one in the midst that is brighter by `level`."""
    image = np.full((5, 7), around, np.float32)
    image[2, 3] += level
    return image


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        # Of a grey of .05 and a spot of .06: lightness 1 leaves the grey; each neighbour loses .01, the spot becomes .05 + 9 x .01.
        (operation("sharpen", alpha=1, lightness=1), [[0.04, 0.04, 0.04], [0.04, 0.14, 0.04], [0.04, 0.04, 0.04]]),
        # Lightness 2 doubles the grey: .1, and .1 + 10 x .01 in the midst.
        (operation("sharpen", alpha=1, lightness=2), [[0.09, 0.09, 0.09], [0.09, 0.20, 0.09], [0.09, 0.09, 0.09]]),
        # Half of the effect, half of the image: half of the way from .05 to .04, from .06 to .14.
        (operation("sharpen", alpha=0.5, lightness=1), [[0.045, 0.045, 0.045], [0.045, 0.10, 0.045], [0.045, 0.045, 0.045]]),
        # Strength 1: [[-2 -1 0] [-1 1 1] [0 1 2]], seen from the neighbours the other way round; its sum is 1.
        (operation("emboss", alpha=1, strength=1), [[0.07, 0.06, 0.05], [0.06, 0.06, 0.04], [0.05, 0.04, 0.03]]),
        # The sum is 0: grey becomes 0, the four neighbours .01, the spot -.04, cut off at 0.
        (operation("edges", alpha=1), [[0, 0.01, 0], [0.01, 0, 0.01], [0, 0.01, 0]]),
        (operation("edges", alpha=0.25), [[0.0375, 0.04, 0.0375], [0.04, 0.035, 0.04], [0.0375, 0.04, 0.0375]]),
    ],
)
def test_kernels_by_hand(step: Operation, expected: list[list[float]]) -> None:
    np.testing.assert_allclose(toned(spot(0.01, 0.05), step)[1:4, 2:5], expected, atol=1e-6)


def test_a_blur_keeps_the_mean_and_has_its_width() -> None:
    image = np.zeros((61, 81), np.float32)
    image[30, 40] = 1
    blurred = toned(image, operation("blur", sigma_px=2.0))
    rows, cols = np.mgrid[:61, :81]
    assert blurred.sum() == pytest.approx(1, abs=1e-5)
    assert (blurred * (rows - 30) ** 2).sum() == pytest.approx(4, rel=0.02)
    assert (blurred * (cols - 40) ** 2).sum() == pytest.approx(4, rel=0.02)


UNCHANGED = [
    operation("sharpen", alpha=0), operation("emboss", alpha=0), operation("edges", alpha=0), operation("blur", sigma_px=0),
    operation("gamma", gamma=1), operation("contrast"), operation("gaussian-noise", sigma=0, seed=1),
    operation("speckle-noise", sigma=0, seed=1), operation("salt-and-pepper", share=0, seed=1),
]  # fmt: skip


@pytest.mark.parametrize("step", UNCHANGED, ids=lambda step: step.name)
@given(seed=st.integers(0, 99), kind=st.sampled_from([np.uint8, np.uint16]))
def test_no_strength_is_the_image_itself(step: Operation, seed: int, kind: type) -> None:
    image = np.random.default_rng(seed).integers(0, np.iinfo(kind).max, (9, 13), endpoint=True).astype(kind)
    np.testing.assert_array_equal(toned(image, step), image)


@given(st.floats(0.2, 5))
def test_gamma_and_its_inverse_are_none(gamma: float) -> None:
    image = np.linspace(0.05, 1, 96, dtype=np.float32).reshape(8, 12)
    np.testing.assert_allclose(toned(image, operation("gamma", gamma=gamma), operation("gamma", gamma=1 / gamma)), image, atol=1e-4)


def test_contrast_and_brightness_by_hand() -> None:
    image = np.array([[0.0, 0.2, 0.9]], np.float32)
    np.testing.assert_allclose(toned(image, operation("contrast", factor=1.5, brightness=-0.1)), [[0, 0.2, 1]], atol=1e-6)


@pytest.mark.parametrize("level", [0.05, 0.3])
def test_poisson_noise_has_the_moments_of_counts(level: float) -> None:
    """At a peak of 200 a grey of .05 is 10 counts: mean 10, variance 10 and the third moment 10 too."""
    peak, image = 200, np.full((400, 500), level, np.float32)
    counts = toned(image, operation("poisson-noise", peak=peak, seed=5)).astype(float) * peak
    expected = level * peak
    assert counts.mean() == pytest.approx(expected, rel=0.01)
    assert counts.var() == pytest.approx(expected + 1 / 18, rel=0.02)
    assert ((counts - counts.mean()) ** 3).mean() == pytest.approx(expected, rel=0.1)
    of_numpy = np.random.default_rng(1).poisson(expected, image.shape)
    np.testing.assert_allclose(np.quantile(counts, [0.05, 0.5, 0.95]), np.quantile(of_numpy, [0.05, 0.5, 0.95]), atol=1)


def test_other_noise_has_its_strength() -> None:
    image = np.full((300, 400), 0.5, np.float32)
    assert toned(image, operation("gaussian-noise", sigma=0.05, seed=1)).std() == pytest.approx(0.05, rel=0.02)
    assert toned(image, operation("speckle-noise", sigma=0.1, seed=1)).std() == pytest.approx(0.05, rel=0.02)  # of a grey of .5
    salted = toned(image, operation("salt-and-pepper", share=0.1, seed=1))
    assert [(salted == level).mean() for level in (0, 1)] == pytest.approx([0.05, 0.05], abs=0.005)


def test_erasing_hides_its_box_and_nothing_else_and_masks_stay() -> None:
    image, mask = np.full((20, 30), 0.5, np.float32), np.zeros((20, 30), bool)
    mask[4:9, 6:12] = True
    step = operation("erasing", row0=3, col0=5, row1=8, col1=40, seed=2)  # the box may reach over the border
    after = replay(Example(image, (Place(mask=mask),)), [step])
    inside = np.zeros_like(mask)
    inside[3:8, 5:] = True
    assert (after.image[~inside] == 0.5).all()
    assert after.image[inside].std() == pytest.approx(1 / 12**0.5, rel=0.15)  # uniform
    np.testing.assert_array_equal(after.places[0].mask, mask)


SEEDED = {
    "elastic": {"amount_px": 3.0}, "gaussian-noise": {"sigma": 0.1}, "speckle-noise": {"sigma": 0.1}, "salt-and-pepper": {"share": 0.1},
    "poisson-noise": {"peak": 50.0}, "erasing": {"row0": 2, "col0": 3, "row1": 9, "col1": 12},
}  # fmt: skip


@pytest.mark.parametrize("name", SEEDED)
def test_the_same_seed_gives_the_same_and_another_seed_another(name: str) -> None:
    image = np.random.default_rng(0).random((16, 24), dtype=np.float32)
    first, again, other = (toned(image, operation(name, **SEEDED[name], seed=seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_everything_that_is_random_has_its_seed_in_the_record() -> None:
    assert {name for name, kind in KINDS.items() if "seed" in kind.parameters} == set(SEEDED)


EVERY_TONE = [
    operation(name, **{key: 0.5 if key in ("alpha", "share") else value for key, value in values.items()})
    for name, values in {
        "sharpen": {"lightness": 2}, "emboss": {}, "edges": {"alpha": 1}, "blur": {"sigma_px": 2}, "gamma": {"gamma": 0.5},
        "contrast": {"brightness": 0.3}, "gaussian-noise": {"sigma": 0.3, "seed": 1}, "speckle-noise": {"sigma": 0.3, "seed": 1},
        "salt-and-pepper": {"share": 0.5, "seed": 1}, "poisson-noise": {"peak": 9, "seed": 1},
        "erasing": {"row0": 0, "col0": 0, "row1": 9, "col1": 9, "seed": 1},
    }.items()
]  # fmt: skip


def test_all_tones_are_looked_at_here() -> None:
    assert {step.name for step in EVERY_TONE} == {name for name, kind in KINDS.items() if kind.moves == TONE}


@pytest.mark.parametrize("step", EVERY_TONE, ids=lambda step: step.name)
def test_black_stays_black_where_asked_and_the_range_is_kept(step: Operation) -> None:
    image = np.random.default_rng(0).integers(20, 250, (12, 17)).astype(np.uint8)
    image[:, :6] = 0
    assert not toned(image, step, keep_black=True)[:, :6].any()
    changed = toned(image, step)
    assert changed.dtype == np.uint8
    assert (changed != image).any()
    levels = toned((image / np.float32(255)).astype(np.float32), step)
    assert 0 <= levels.min() <= levels.max() <= 1


@pytest.mark.parametrize("step", EVERY_TONE, ids=lambda step: step.name)
def test_16_bits_are_not_made_of_8(step: Operation) -> None:
    image = np.random.default_rng(0).integers(28000, 32000, (32, 40)).astype(np.uint16)
    changed = toned(image, step)
    assert changed.dtype == np.uint16
    assert (changed % 257 != 0).mean() > 0.3

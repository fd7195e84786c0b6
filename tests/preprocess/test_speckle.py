"""Despeckling: each filter against a plain loop and by hand, and what it does to made-up speckle, which is multiplied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.seeding import generator
from breastcad.preprocess import filters
from breastcad.preprocess.speckle import anisotropic_diffusion, enhanced_lee, frost, lee, speckle_variation, srad

Image = np.ndarray
LOOKS = 16.0
DARK, BRIGHT = 0.2, 0.5
EDGE = 70


def speckled(rows: int = 120, cols: int = 150, looks: float = LOOKS, seed: int = 0) -> tuple[Image, Image]:
    """Return a step from dark to bright, and the same under speckle of so many looks: mean 1, variance 1 / looks."""
    clean = np.where(np.arange(cols) < EDGE, DARK, BRIGHT)[None, :].repeat(rows, 0).astype(np.float32)
    speckle = generator(seed, "speckle").gamma(looks, 1 / looks, clean.shape)
    return clean, (clean * speckle).clip(0, 1).astype(np.float32)


def looks_of(region: Image) -> float:
    """Return the equivalent number of looks, the mean's square over the variance; its root's inverse is the speckle index."""
    return float(region.mean() ** 2 / region.var())


def edge_kept(result: Image) -> float:
    """Return how much of the step is left between the two columns beside it."""
    return float((result[:, EDGE] - result[:, EDGE - 1]).mean() / (BRIGHT - DARK))


DESPECKLING: dict[str, tuple[Callable[..., Image], dict[str, Any]]] = {
    "lee": (lee, {"variation": LOOKS**-0.5}),
    "lee, found": (lee, {}),
    "enhanced lee": (enhanced_lee, {"variation": LOOKS**-0.5}),
    "frost": (frost, {"damping": 6.0}),
    "srad": (srad, {"variation": LOOKS**-0.5, "steps": 40}),
    "srad, found": (srad, {}),
    "srad by a region": (srad, {"homogeneous": (10, 90, 60, 140), "steps": 40}),
    "diffusion": (anisotropic_diffusion, {"contrast": 0.12, "steps": 30}),
    "diffusion, quadratic": (anisotropic_diffusion, {"contrast": 0.05, "steps": 30, "conductance": "quadratic"}),
}


@pytest.mark.parametrize("name", DESPECKLING)
def test_speckle_goes_and_the_edge_stays(name: str) -> None:
    """Looks at least double on both sides, the means stay, and more of the step is left than the mean filter of 7 leaves (a seventh)."""
    change, settings = DESPECKLING[name]
    clean, spoilt = speckled()
    result = change(spoilt, **settings)
    for side in (np.s_[10:-10, 10 : EDGE - 10], np.s_[10:-10, EDGE + 10 : -10]):
        assert looks_of(result[side]) > 2 * looks_of(spoilt[side])
        assert result[side].mean() == pytest.approx(clean[side].mean(), rel=0.03)
    blurred = filters.mean(spoilt, size=7)
    assert edge_kept(blurred) == pytest.approx(1 / 7, abs=0.05)
    assert edge_kept(result) > 2.5 * edge_kept(blurred)


def moments(window: Image) -> tuple[float, float]:
    return float(window.mean()), float(window.var())


def loop(image: Image, half: int, value: Callable[[Image, float], float]) -> Image:
    """Return what a plain loop over windows gives; ``value`` takes a window and its centre, in float64."""
    wide = np.pad(image.astype(float), half, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (2 * half + 1, 2 * half + 1))
    return np.array([[value(windows[row, col], float(image[row, col])) for col in range(image.shape[1])] for row in range(image.shape[0])])


def test_lee_by_hand() -> None:
    """Window .2 eight times and .8: mean 2.4 / 9 = .26667, variance (8 x .04 + .64) / 9 - .07111 = .03556.

    With c = .5: m^2 c^2 = .01778; Q = (.03556 - .01778) / 1.25 = .01422; k = .01422 / .03200 = .44444; .26667 + .44444 x .53333 = .50370.
    """
    image = np.full((3, 3), 0.2, np.float32)
    image[1, 1] = 0.8
    assert lee(image, size=3, variation=0.5)[1, 1] == pytest.approx(0.50370, abs=1e-5)
    assert lee(image, size=3, variation=2.0)[1, 1] == pytest.approx(0.26667, abs=1e-5)  # weaker than the speckle: the mean


def test_lee_and_enhanced_lee_are_those_of_a_plain_loop() -> None:
    image = speckled(14, 90)[1][:, 60:80]

    def first(window: Image, centre: float) -> float:
        m, v = moments(window)
        signal = max(0.0, (v - m**2 * 0.04) / 1.04)
        return m + signal / (signal + m**2 * 0.04) * (centre - m)

    def enhanced(window: Image, centre: float) -> float:
        m, v = moments(window)
        ratio, most = np.sqrt(v) / m, np.sqrt(1.08)
        if ratio <= 0.2:
            return m
        if ratio >= most:
            return centre
        weight = np.exp(-1.5 * (ratio - 0.2) / (most - ratio))
        return m * weight + centre * (1 - weight)

    assert np.allclose(lee(image, size=5, variation=0.2), loop(image, 2, first), atol=1e-6)
    image[5, 5:9] = 1, 0.02, 0.01, 1
    assert np.allclose(enhanced_lee(image, size=3, variation=0.2, damping=1.5), loop(image, 1, enhanced), atol=1e-6)


def test_enhanced_lee_keeps_a_point_that_lee_dims() -> None:
    image = np.full((9, 9), 0.05, np.float32)
    image[4, 4] = 0.9
    assert enhanced_lee(image, size=5, variation=0.25)[4, 4] == np.float32(0.9)
    assert lee(image, size=5, variation=0.25)[4, 4] < 0.89


def test_frost_is_that_of_a_plain_loop() -> None:
    image = speckled(13, 90)[1][:, 62:80]
    down, across = np.mgrid[-2:3, -2:3]
    distance = np.sqrt(down**2 + across**2)

    def value(window: Image, centre: float) -> float:
        m, v = moments(window)
        weight = np.exp(-3 * v / m**2 * distance)
        return float((weight * window).sum() / weight.sum())

    assert np.allclose(frost(image, size=5, damping=3), loop(image, 2, value), atol=1e-6)
    assert np.allclose(frost(image, size=5, damping=0), filters.mean(image, size=5), atol=1e-6)


def test_frost_by_hand() -> None:
    """As for Lee: r^2 = .03556 / .07111 = .5. With damping 2 the weights are exp(-1) four times, exp(-1.41421) four times, and 1.

    (.8 + .2 x (4 x .36788 + 4 x .24312)) / (1 + 2.44399) = 1.28880 / 3.44399 = .37422.
    """
    image = np.full((3, 3), 0.2, np.float32)
    image[1, 1] = 0.8
    assert frost(image, size=3, damping=2)[1, 1] == pytest.approx(0.37422, abs=1e-5)


def test_a_step_of_diffusion_by_hand() -> None:
    """The centre .8 has four neighbours of .2, k = .6: g = exp(-1) = .36788, or 1 / 2; .8 + .2 x 4 x g x (-.6)."""
    image = np.full((3, 3), 0.2, np.float32)
    image[1, 1] = 0.8
    for conductance, expected in (("exponential", 0.8 - 0.48 * 0.367879), ("quadratic", 0.8 - 0.48 * 0.5)):
        found = anisotropic_diffusion(image, steps=1, contrast=0.6, rate=0.2, conductance=conductance)
        assert found[1, 1] == pytest.approx(expected, abs=1e-6)
        assert found[0, 0] == np.float32(0.2)


def test_steps_of_diffusion_are_those_of_a_plain_loop() -> None:
    image = speckled(9, 90)[1][:, 64:76]
    now = image.astype(float)
    for _ in range(3):
        wide = np.pad(now, 1, mode="edge")
        now = now.copy()
        for row, col in np.ndindex(image.shape):
            for down, across in ((0, 1), (1, 0), (1, 2), (2, 1)):
                difference = wide[row + down, col + across] - wide[row + 1, col + 1]
                now[row, col] += 0.15 * np.exp(-((difference / 0.1) ** 2)) * difference
    assert np.allclose(anisotropic_diffusion(image, steps=3, contrast=0.1, rate=0.15), now, atol=1e-6)


def srad_loop(image: Image, q0: float, pace: float) -> Image:
    """Return one step of SRAD, pixel by pixel, with the coefficient between two pixels the mean of theirs."""
    now = image.astype(float)
    rows, cols = now.shape

    def at(row: int, col: int) -> tuple[int, int]:
        return min(max(row, 0), rows - 1), min(max(col, 0), cols - 1)

    sides = ((-1, 0), (1, 0), (0, -1), (0, 1))
    coefficient = np.empty_like(now)
    for row, col in np.ndindex(now.shape):
        differences = [now[at(row + down, col + across)] - now[row, col] for down, across in sides]
        gradient = sum(one**2 for one in differences) / now[row, col] ** 2
        bend = sum(differences) / now[row, col]
        q2 = (gradient / 2 - bend**2 / 16) / (1 + bend / 4) ** 2
        coefficient[row, col] = min(1.0, 1 / (1 + (q2 - q0**2) / (q0**2 * (1 + q0**2))))
    result = now.copy()
    for row, col in np.ndindex(now.shape):
        for down, across in sides:
            other = at(row + down, col + across)
            result[row, col] += pace / 4 * (coefficient[row, col] + coefficient[other]) / 2 * (now[other] - now[row, col])
    return result


def test_steps_of_srad_are_those_of_a_plain_loop() -> None:
    image = speckled(10, 90)[1][:, 63:77]
    one = srad_loop(image, 0.25, 0.8)
    assert np.allclose(srad(image, steps=1, variation=0.25, pace=0.8), one, atol=1e-6)
    two = srad_loop(one, 0.25 * np.exp(-0.8 / 6), 0.8)
    assert np.allclose(srad(image, steps=2, variation=0.25, pace=0.8), two, atol=1e-6)


def test_srad_measures_its_region_at_every_step() -> None:
    image = speckled(10, 90)[1][:, 63:77]
    box = (2, 8, 9, 14)
    now = image.astype(float)
    for _ in range(2):
        region = now[2:9, 8:14]
        now = srad_loop(now, float(region.std() / region.mean()), 0.8)
    assert np.allclose(srad(image, steps=2, pace=0.8, homogeneous=box), now, atol=1e-5)


@given(st.integers(2, 12), st.integers(2, 12), st.integers(0, 99))
def test_diffusion_keeps_the_mean_and_makes_no_new_extremes(rows: int, cols: int, seed: int) -> None:
    image = np.random.default_rng(seed).random((rows, cols), dtype=np.float32)
    for result in (anisotropic_diffusion(image, contrast=0.3), srad(image, pace=1.0, steps=9)):
        assert result.mean(dtype=float) == pytest.approx(image.mean(dtype=float), abs=1e-6)
        assert image.min() - 1e-6 <= result.min() <= result.max() <= image.max() + 1e-6


def test_no_step_changes_nothing() -> None:
    image = speckled(8, 90)[1]
    assert np.array_equal(anisotropic_diffusion(image, steps=0), image)
    assert np.array_equal(srad(image, steps=0), image)
    assert np.array_equal(srad(image, variation=1e-9), image)  # without speckle every difference is an edge
    assert np.allclose(srad(image, variation=1e-6), image, atol=1e-5)


@pytest.mark.parametrize("looks", [4.0, 16.0, 100.0])
def test_the_speckle_s_variation_is_found(looks: float) -> None:
    image = (speckled(looks=looks)[1] * np.float32(0.5)).astype(np.float32)
    image[:, :20] = 0  # a black margin does not count
    assert speckle_variation(image) == pytest.approx(looks**-0.5, rel=0.15)
    assert speckle_variation(image, homogeneous=(0, 80, 120, 150)) == pytest.approx(looks**-0.5, rel=0.1)
    assert speckle_variation(np.zeros((9, 9), np.float32)) == 0


def test_black_pixels_do_no_harm() -> None:
    image = speckled(30, 90)[1]
    image[::3, ::4] = 0
    for change, settings in DESPECKLING.values():
        if "homogeneous" not in settings:
            assert np.isfinite(change(image, **settings)).all()
            assert not change(np.zeros((9, 9), np.float32), **settings).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda image: lee(image, variation=-1), "variation must be a number of at least 0, got -1"),
        (lambda image: enhanced_lee(image, damping=0), "damping must be a number above 0, got 0"),
        (lambda image: frost(image, size=6), "size must be an odd whole number of at least 1, got 6"),
        (lambda image: anisotropic_diffusion(image, rate=0.3), "rate must be a number above 0 and at most 0.25, got 0.3"),
        (
            lambda image: anisotropic_diffusion(image, conductance="linear"),
            "conductance must be one of exponential, quadratic, got 'linear'",
        ),
        (lambda image: srad(image, pace=1.5), "pace must be a number above 0 and at most 1, got 1.5"),
        (lambda image: srad(image, steps=2.0), "steps must be a whole number of at least 0, got 2.0"),
        (lambda image: srad(image, homogeneous=(50, 0, 60, 9)), r"homogeneous must have pixels in the image of shape \(8, 9\), got \(50"),
        (lambda image: srad(image, homogeneous=(0, 0, np.nan, 9)), "homogeneous must be a box"),
    ],
)
def test_settings_out_of_their_range_are_refused(call: Callable[[Image], Image], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(np.full((8, 9), 0.5, np.float32))

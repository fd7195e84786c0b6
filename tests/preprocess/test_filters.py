"""Filters: what all of them keep (shape, range, constants, mirror images, depth), and each against a second way to compute it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal
from skimage import restoration
from skimage.filters import butterworth

from breastcad.preprocess import contrast, edges, filters, speckle
from breastcad.preprocess.neighbourhood import in_strips, local_deviation, local_moments, noise_level

Image = np.ndarray

FILTERS: dict[str, Callable[..., Image]] = {
    **{name: getattr(filters, name) for name in ("mean", "gaussian", "low_pass", "median", "adaptive_median", "adaptive_mean", "wiener")},
    **{name: getattr(filters, name) for name in ("bilateral", "non_local_means", "wavelet", "total_variation")},
    "median of 9": partial(filters.median, size=9),
    **{name: getattr(speckle, name) for name in ("lee", "enhanced_lee", "frost", "anisotropic_diffusion")},
    "quadratic diffusion": partial(speckle.anisotropic_diffusion, conductance="quadratic"),
    "srad": partial(speckle.srad, steps=8),
    **{name: getattr(contrast, name) for name in ("equalise", "adaptive_equalise", "clahe", "gamma", "unsharp", "percentile_stretch")},
    **{name: getattr(edges, name) for name in ("sobel", "laplacian", "erosion", "dilation", "opening", "closing", "top_hat", "bottom_hat")},
    "morphological_gradient": edges.morphological_gradient,
}
SMOOTHING = [*list(FILTERS)[:19], "erosion", "dilation", "opening", "closing"]
WINDOWED = ["mean", "median", "adaptive_mean", "wiener", "bilateral", "lee", "enhanced_lee", "frost", "erosion", "opening", "closing"]


def noisy(rows: int, cols: int, seed: int = 0) -> Image:
    """Return a slope with an off-centre bright block and noise."""
    generator = np.random.default_rng(seed)
    image = np.linspace(0.2, 0.5, cols)[None, :] + np.zeros((rows, 1))
    image[rows // 5 : rows // 2, cols // 3 : cols // 2] += 0.3
    return (image + 0.03 * generator.standard_normal((rows, cols))).clip(0, 1).astype(np.float32)


def small_image(rows: int, cols: int, seed: int) -> Image:
    return np.random.default_rng(seed).random((rows, cols), dtype=np.float32)


@pytest.mark.parametrize("name", FILTERS)
def test_shape_type_and_range_are_kept_and_the_input_is_not_touched(name: str) -> None:
    image = noisy(37, 52)
    before = image.copy()
    result = FILTERS[name](image)
    assert (result.shape, result.dtype) == (image.shape, np.float32)
    assert 0 <= result.min() <= result.max() <= 1
    assert np.array_equal(image, before)
    assert not np.shares_memory(result, image)


@pytest.mark.parametrize("name", SMOOTHING)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_image_stays_as_it_is(name: str, value: float) -> None:
    image = np.full((23, 31), value, np.float32)
    assert np.abs(FILTERS[name](image) - image).max() <= 1e-6


@pytest.mark.parametrize("name", FILTERS)
def test_a_constant_image_stays_constant(name: str) -> None:
    assert np.ptp(FILTERS[name](np.full((16, 24), 0.3, np.float32))) <= 1e-6


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("shape", [(40, 56), (33, 47)])
def test_a_mirrored_image_gives_the_mirrored_result(name: str, shape: tuple[int, int]) -> None:
    image = noisy(*shape)
    for axis in (0, 1):
        mirrored = np.flip(FILTERS[name](np.flip(image, axis)), axis)
        assert np.abs(mirrored - FILTERS[name](image)).max() <= 5e-6


@pytest.mark.parametrize("name", FILTERS)
@settings(max_examples=12)
@given(rows=st.integers(1, 9), cols=st.integers(1, 9), seed=st.integers(0, 99))
def test_images_of_few_pixels_are_taken(name: str, rows: int, cols: int, seed: int) -> None:
    result = FILTERS[name](small_image(rows, cols, seed))
    assert result.shape == (rows, cols)
    assert 0 <= result.min() <= result.max() <= 1


@pytest.mark.parametrize("name", WINDOWED)
def test_a_window_larger_than_the_image_is_taken(name: str) -> None:
    image = small_image(3, 5, 1)
    result = FILTERS[name](image, size=21)
    assert image.min() - 1e-6 <= result.min() <= result.max() <= image.max() + 1e-6


@pytest.mark.parametrize("name", WINDOWED)
def test_a_window_of_one_pixel_changes_nothing(name: str) -> None:
    settings: dict[str, Any] = {"least": 1} if name == "adaptive_mean" else {}
    image = small_image(7, 9, 2)
    assert np.abs(FILTERS[name](image, size=1, **settings) - image).max() <= 1e-6


@pytest.mark.parametrize("name", FILTERS)
def test_sixteen_bits_survive(name: str) -> None:
    """A slope of 2,000 steps of 16 bits (8 levels of 8 bits) comes out with far more greys than 8 bits have."""
    slope = (20_000 + np.arange(2_000, dtype=np.float64)) / 65_535
    image = np.tile(slope.astype(np.float32), (24, 1))
    image[10, ::7] += np.float32(3 / 65_535)
    if name in ("sobel", "laplacian", "top_hat", "bottom_hat", "morphological_gradient"):
        image *= np.linspace(0.1, 1, 24, dtype=np.float32)[:, None]
    assert np.unique(FILTERS[name](image)).size > 500


@pytest.mark.parametrize("name", FILTERS)
def test_what_no_filter_can_take_is_refused_in_one_sentence(name: str) -> None:
    change = FILTERS[name]
    spoilt = noisy(8, 9)
    spoilt[2, 3] = np.nan
    wrong: list[tuple[Any, str]] = [
        (spoilt, "pixels must be finite: 1 of 72 are NaN"),
        (np.zeros((4, 4), np.uint8), "pixels must be a float32 array in \\[0, 1\\], got uint8"),
        ([[0.5]], "pixels must be a float32 array in \\[0, 1\\], got list"),
        (np.zeros((4, 4, 3), np.float32), "pixels must have rows and columns, at least one of each, got shape \\(4, 4, 3\\)"),
        (np.zeros((0, 4), np.float32), "at least one of each, got shape \\(0, 4\\)"),
        (np.full((4, 4), 255, np.float32), "pixels must lie in \\[0, 1\\], got 255 to 255"),
        (np.full((4, 4), np.inf, np.float32), "pixels must lie in \\[0, 1\\], got inf to inf"),
    ]
    for pixels, message in wrong:
        with pytest.raises(ValueError, match=message):
            change(pixels)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("mean", {"size": 4}, "size must be an odd whole number of at least 1, got 4"),
        ("median", {"size": 3.0}, "size must be an odd whole number of at least 1, got 3.0"),
        ("median", {"size": True}, "size must be an odd whole number of at least 1, got True"),
        ("gaussian", {"sigma_px": 0}, "sigma_px must be a number above 0, got 0"),
        ("gaussian", {"sigma_px": np.nan}, "sigma_px must be a number above 0, got nan"),
        ("low_pass", {"cutoff": 0.6}, "cutoff must be a number above 0 and at most 0.5, got 0.6"),
        ("low_pass", {"order": 0}, "order must be a whole number of at least 1, got 0"),
        ("adaptive_median", {"largest": 1}, "largest must be a whole number of at least 3, got 1"),
        ("adaptive_mean", {"noise": -0.1}, "noise must be a number of at least 0, got -0.1"),
        ("wavelet", {"noise": "loud"}, "noise must be a number of at least 0, or one of pixel, local, got 'loud'"),
        ("bilateral", {"tone": "0.1"}, "tone must be a number above 0, got '0.1'"),
        ("non_local_means", {"patch": 2}, "patch must be an odd whole number of at least 1, got 2"),
        ("wavelet", {"name": "sym"}, "name must be a discrete wavelet of PyWavelets, such as 'sym4' or 'db2', got 'sym'"),
        ("total_variation", {"weight": 10**400}, "weight must be a number above 0, got 1000"),
    ],
)
def test_settings_out_of_their_range_are_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FILTERS[name](noisy(8, 9), **settings)


def test_mean_gaussian_and_median_are_those_of_scipy() -> None:
    """Same windows, same border; float32 sums differ in the last digits, medians in none."""
    image = noisy(41, 29)
    assert np.allclose(filters.mean(image, size=7), ndimage.uniform_filter(image.astype(float), 7), atol=1e-6)
    assert np.allclose(filters.gaussian(image, sigma_px=1.7), ndimage.gaussian_filter(image.astype(float), 1.7), atol=1e-6)
    for size in (3, 5, 7):
        assert np.array_equal(filters.median(image, size=size), ndimage.median_filter(image, size))


def test_wiener_is_that_of_scipy_inside_and_does_not_darken_the_border() -> None:
    image = noisy(40, 50)
    inside = np.s_[2:-2, 2:-2]
    assert np.allclose(filters.wiener(image, size=5, noise=0.05)[inside], signal.wiener(image, 5, 0.05**2)[inside], atol=1e-6)
    flat = np.full((20, 20), 0.5, np.float32)
    assert signal.wiener(flat, 5)[0, 0] < 0.4
    assert filters.wiener(flat)[0, 0] == np.float32(0.5)


def test_low_pass_is_that_of_scikit_image_inside_and_halves_the_power_at_the_cutoff() -> None:
    image = noisy(64, 80)
    wide = np.pad(image, 20, mode="symmetric").astype(float)
    theirs = butterworth(wide, 0.1, high_pass=False, order=2, squared_butterworth=False)[20:-20, 20:-20]
    assert np.allclose(filters.low_pass(image, cutoff=0.1), theirs, atol=1e-5)
    wave = (0.5 + 0.25 * np.sin(2 * np.pi * 0.125 * np.arange(256)))[None, :].repeat(8, 0).astype(np.float32)
    swing = np.ptp(filters.low_pass(wave, cutoff=0.125)[:, 64:-64]) / np.ptp(wave)
    assert swing == pytest.approx(np.sqrt(0.5), abs=0.01)


def loop(image: Image, half: int, value: Callable[[Image, float], float]) -> Image:
    """Return what a plain loop over windows gives; ``value`` takes a window and its centre, in float64."""
    wide = np.pad(image.astype(float), half, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (2 * half + 1, 2 * half + 1))
    return np.array([[value(windows[row, col], image[row, col]) for col in range(image.shape[1])] for row in range(image.shape[0])])


def test_bilateral_is_that_of_a_plain_loop() -> None:
    image = noisy(14, 17)
    down, across = np.mgrid[-3:4, -3:4]
    near = np.exp(-(down**2 + across**2) / (2 * 2.0**2)) * (down**2 + across**2 <= 9)

    def value(window: Image, centre: float) -> float:
        weight = near * np.exp(-((window - centre) ** 2) / (2 * 0.1**2))
        return float((weight * window).sum() / weight.sum())

    assert np.allclose(filters.bilateral(image, size=7, tone=0.1, sigma_px=2.0), loop(image, 3, value), atol=2e-5)  # cv2's table of weights


def test_adaptive_mean_is_that_of_a_plain_loop() -> None:
    image = noisy(15, 12)
    image[5, 6] = 1

    def value(window: Image, centre: float) -> float:
        like = np.abs(window - centre) <= np.float32(0.08)
        return float(window[like].mean() if like.sum() >= 3 else window[1:-1, 1:-1].mean())

    found = filters.adaptive_mean(image, size=5, noise=0.04)
    assert np.allclose(found, loop(image, 2, value), atol=1e-6)
    assert found[5, 6] < 0.7


def test_non_local_means_is_that_of_a_plain_loop_over_pairs_of_patches() -> None:
    image = noisy(9, 11)
    wide = np.pad(image.astype(float), 3, mode="symmetric")
    expected = np.empty(image.shape)
    for row, col in np.ndindex(image.shape):
        total = weights = 0.0
        for down in range(-2, 3):
            for across in range(-2, 3):
                patches = [wide[row + 2 + i : row + 5 + i, col + 2 + j : col + 5 + j] for i, j in ((0, 0), (down, across))]
                apart = float(((patches[0] - patches[1]) ** 2).mean())
                weight = np.exp(-max(apart - 2 * 0.05**2, 0) / (0.6 * 0.05) ** 2)
                total, weights = total + weight * wide[row + 3 + down, col + 3 + across], weights + weight
        expected[row, col] = total / weights
    assert np.allclose(filters.non_local_means(image, patch=3, search=5, strength=0.6, noise=0.05), expected, atol=1e-5)


def test_why_scikit_image_s_fast_non_local_means_is_not_used() -> None:
    """Its result for a mirrored image is another; as soon as it is not, ours can go."""
    image = small_image(30, 30, 3)
    change = partial(restoration.denoise_nl_means, patch_size=5, patch_distance=6, h=0.3, fast_mode=True)
    assert np.abs(np.flip(change(np.flip(image, 0).copy()), 0) - change(image)).max() > 1e-3


def test_wavelet_and_variation_are_those_of_scikit_image_over_the_mirror_images() -> None:
    image = noisy(48, 64)
    mirror = [np.s_[::down, ::across] for down in (1, -1) for across in (1, -1)]
    settings: dict[str, Any] = {"sigma": 0.03, "wavelet": "sym4", "wavelet_levels": 2, "rescale_sigma": False}
    theirs = np.mean([restoration.denoise_wavelet(image[way].copy(), **settings)[way] for way in mirror], axis=0)
    assert np.allclose(filters.wavelet(image, levels=2, noise=0.03), theirs, atol=1e-6)
    theirs = np.mean([restoration.denoise_tv_chambolle(image[way].copy(), 0.05)[way] for way in mirror], axis=0)
    assert np.allclose(filters.total_variation(image), theirs, atol=1e-6)


def test_adaptive_median_by_hand() -> None:
    """In order the window is 0 .2 .2 .2 .3 .3 .3 .4 1: its median .3 lies between 0 and 1, the centre is the greatest and becomes .3.

    With .35 in the centre the greatest is .4, and the centre lies between: it stays.
    """
    image = np.float32([[0, 0.2, 0.3], [0.2, 1, 0.3], [0.2, 0.3, 0.4]])
    assert filters.adaptive_median(image, largest=3)[1, 1] == np.float32(0.3)
    image[1, 1] = 0.35
    assert filters.adaptive_median(image, largest=3)[1, 1] == np.float32(0.35)


def test_adaptive_median_is_that_of_a_plain_loop() -> None:
    generator = np.random.default_rng(5)
    image = noisy(21, 26)
    struck = generator.random(image.shape)
    image[struck < 0.2], image[struck > 0.8] = 0, 1
    image[:, :8] = 0.25

    def value(window: Image, centre: float) -> float:
        for half in (1, 2, 3, 4):
            part = window[4 - half : 5 + half, 4 - half : 5 + half]
            middle = float(np.median(part))
            if part.min() < middle < part.max():
                return centre if part.min() < centre < part.max() else middle
        return middle

    assert np.array_equal(filters.adaptive_median(image, largest=9), loop(image, 4, value).astype(np.float32))


def test_adaptive_median_takes_away_salt_and_pepper_and_keeps_what_the_median_blurs() -> None:
    clean = noisy(80, 90)
    struck = np.random.default_rng(6).random(clean.shape)
    spoilt = np.where(struck < 0.15, np.float32(0), np.where(struck > 0.85, np.float32(1), clean))
    errors = [float(np.abs(image - clean).mean()) for image in (spoilt, filters.median(spoilt, size=7), filters.adaptive_median(spoilt))]
    assert errors[2] < 0.6 * errors[1] < 0.6 * errors[0]


@pytest.mark.parametrize("name", ["gaussian", "wiener", "bilateral", "non_local_means", "wavelet", "total_variation", "adaptive_mean"])
def test_noise_is_lessened(name: str) -> None:
    clean = np.full((64, 72), 0.3)
    clean[:, 30:] = 0.7
    spoilt = (clean + 0.04 * np.random.default_rng(7).standard_normal(clean.shape)).clip(0, 1).astype(np.float32)
    settings = {"tone": 0.12} if name == "bilateral" else {}
    rest = FILTERS[name](spoilt, **settings) - clean
    assert np.sqrt((rest**2).mean()) < 0.6 * 0.04 or name == "gaussian"
    if name != "gaussian":  # and edges are kept better than by it
        edge = np.s_[:, 28:32]
        blurred = filters.gaussian(spoilt, sigma_px=2) - clean
        assert np.abs(rest[edge]).mean() < 0.8 * np.abs(blurred[edge]).mean()


@given(st.floats(0.005, 0.08), st.integers(0, 50))
def test_noise_level_is_found(sigma: float, seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal((150, 130))
    image = (np.linspace(0.4, 0.6, 130) + sigma * noise).astype(np.float32)
    image[:, :20] = 0  # a film's black background does not count
    assert noise_level(image) == pytest.approx(sigma, rel=0.06)
    assert noise_level(image) == pytest.approx(restoration.estimate_sigma(image[:, 20:]), rel=0.1)


@pytest.mark.parametrize("name", ["adaptive_mean", "non_local_means", "wavelet"])
def test_grains_of_several_pixels_are_lessened_where_the_noise_is_taken_locally(name: str) -> None:
    grains = ndimage.gaussian_filter(np.random.default_rng(8).standard_normal((120, 140)), 1.5)
    image = (0.5 + 0.03 * grains / grains.std()).astype(np.float32)
    assert noise_level(image) < 0.25 * local_deviation(image) < 0.25 * 0.03
    left = [local_deviation(FILTERS[name](image, noise=way)) for way in ("pixel", "local")]
    assert left[1] < 0.9 * left[0]


def test_noise_of_nothing_is_nothing() -> None:
    assert local_deviation(np.full((9, 9), 0.3, np.float32)) == 0
    assert noise_level(np.full((9, 9), 0.3, np.float32)) == 0
    assert noise_level(np.full((1, 1), 0.3, np.float32)) == 0


@given(st.integers(1, 300), st.integers(1, 12), st.integers(0, 3))
def test_strips_give_what_the_whole_gives(rows: int, cols: int, half: int) -> None:
    image = small_image(rows, cols, rows)
    side = 2 * half + 1
    found = in_strips(lambda part: local_moments(part, side)[0], image, half)
    assert np.allclose(found, ndimage.uniform_filter(image.astype(float), side), atol=1e-7)


def test_strips_bound_what_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breastcad.preprocess.neighbourhood.STRIP_PX", 400)
    seen: list[tuple[int, ...]] = []

    def change(part: Image) -> Image:
        seen.append(part.shape)
        return part[1:-1, 1:-1]

    image = small_image(70, 9, 4)
    assert np.array_equal(in_strips(change, image, 1), image)
    assert seen == [(38, 11), (36, 11)]

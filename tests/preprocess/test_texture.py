"""Texture within a region: hand-worked matrices, parity with scikit-image and PyWavelets, what lies outside, and faults."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import pywt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy import stats
from skimage.feature import graycoprops

from breastcad.preprocess import texture
from breastcad.preprocess.texture import LEVELS, co_occurrence, first_order, glcm, haralick, spectrum, wavelet, wavelet_packet

MEASURES: list[Callable[..., dict[str, float]]] = [
    first_order, glcm, wavelet, wavelet_packet, spectrum, texture.gaussian_derivatives,
]  # fmt: skip


def made(seed: int = 0, shape: tuple[int, int] = (19, 26)) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a smooth noisy image, and a slanted region of it."""
    image = np.random.default_rng(seed).random(shape)
    rows, cols = np.indices(shape)
    return (image + np.roll(image, 1, axis=1)) / 2, np.hypot((rows - 8) / 6, (cols - 12 - rows / 4) / 9) < 1


HARALICK = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 2, 2, 2], [2, 2, 3, 3]])


def test_the_matrices_are_those_of_haralicks_own_example() -> None:
    """Figure 3 of the 1973 paper: its four grey levels are the first four of ours."""
    found = co_occurrence((HARALICK + 0.5) / LEVELS, np.ones((4, 4), bool), [1])[:4, :4, 0]
    horizontal = np.array([[4, 2, 1, 0], [2, 4, 0, 0], [1, 0, 6, 1], [0, 0, 1, 2]])
    vertical = np.array([[6, 0, 2, 0], [0, 4, 2, 0], [2, 2, 2, 2], [0, 0, 2, 0]])
    assert np.allclose(found[:, :, 0] * 24, horizontal)
    assert np.allclose(found[:, :, 2] * 24, vertical)
    measured = haralick(horizontal / 24)
    assert measured["contrast"] == pytest.approx((4 * 1 + 2 * 4 + 2 * 1) / 24)
    assert measured["angular_second_moment"] == pytest.approx(84 / 576)
    assert measured["inverse_difference_moment"] == pytest.approx((16 + 4 / 2 + 2 / 5 + 2 / 2) / 24)
    assert measured["sum_average"] == pytest.approx(2 * (7 * 0 + 6 * 1 + 8 * 2 + 3 * 3) / 24)


def test_haralicks_measures_are_scikit_images_where_it_has_them() -> None:
    image, region = made()
    matrices = co_occurrence(image, region, [1, 3])
    same = {
        "contrast": "contrast", "dissimilarity": "dissimilarity", "inverse_difference_moment": "homogeneity",
        "angular_second_moment": "ASM", "correlation": "correlation", "variance": "variance",
    }  # fmt: skip
    for ours, theirs in same.items():
        wanted = graycoprops(matrices, theirs)
        found = [[haralick(matrices[:, :, distance, angle])[ours] for angle in range(4)] for distance in range(2)]
        assert np.allclose(found, wanted, rtol=1e-9), ours


def test_only_pairs_within_the_region_are_counted() -> None:
    image, region = made(3)
    levels, found = texture.grey_levels(image), co_occurrence(image, region, [2])
    # scikit-image's offsets: the diagonals of 2 are one row and one column
    for angle, (down, across) in enumerate([(0, 2), (1, 1), (2, 0), (1, -1)]):
        counts = np.zeros((LEVELS, LEVELS))
        for row, col in np.argwhere(region):
            there = row + down, col + across
            if there[0] < len(image) and 0 <= there[1] < image.shape[1] and region[there]:
                counts[levels[row, col], levels[there]] += 1
                counts[levels[there], levels[row, col]] += 1
        assert np.allclose(found[:, :, 0, angle], counts / counts.sum())


def test_information_and_maximal_correlation_follow_the_paper() -> None:
    image, region = made(1)
    matrix = co_occurrence(image, region, [1])[:, :, 0, 1]
    found = haralick(matrix)
    x, y = matrix.sum(1), matrix.sum(0)
    kept = x > 0
    p, x, y = matrix[np.ix_(kept, kept)], x[kept], y[kept]
    q = np.einsum("ik,jk->ij", p / x[:, None], p / y[None]) if (x == y).all() else (p / x[:, None]) @ (p / y[None]).T
    assert found["maximal_correlation"] == pytest.approx(np.sqrt(np.sort(np.linalg.eigvals(q).real)[-2]), abs=1e-9)
    both = p > 0
    hxy, hxy2 = -(p[both] * np.log(p[both])).sum(), -(np.outer(x, y) * np.log(np.outer(x, y))).sum()
    hxy1 = -(p * np.log(np.outer(x, y))).sum()
    hx = -(x * np.log(x)).sum()
    assert found["information_1"] == pytest.approx((hxy - hxy1) / hx)
    assert found["information_2"] == pytest.approx(np.sqrt(1 - np.exp(-2 * (hxy2 - hxy))))
    independent = haralick(np.outer([0.2, 0.8], [0.2, 0.8]))
    assert independent["information_1"] == pytest.approx(0, abs=1e-12)
    assert independent["maximal_correlation"] == pytest.approx(0, abs=1e-9)


def test_cluster_shade_and_prominence_by_hand() -> None:
    """Sums of levels are 0 (probability 3/4) and 2 (1/4), their mean 1/2."""
    found = haralick(np.array([[0.75, 0], [0, 0.25]]))
    assert found["cluster_shade"] == pytest.approx(0.75 * (-0.5) ** 3 + 0.25 * 1.5**3)
    assert found["cluster_prominence"] == pytest.approx(0.75 * 0.5**4 + 0.25 * 1.5**4)
    assert found["sum_variance"] == pytest.approx(0.75)


def test_turning_the_image_turns_the_directions() -> None:
    image, region = made(4)
    ours, turned = co_occurrence(image, region, [1, 3]), co_occurrence(image.T, region.T, [1, 3])
    assert np.allclose(ours[..., 0], turned[..., 2])
    there, here = spectrum(image.T, region.T), spectrum(image, region)
    assert there["direction_0"] == pytest.approx(here["direction_90"])
    assert there["direction_0"] != pytest.approx(here["direction_0"], rel=1e-3)


def test_a_direction_without_pairs_takes_the_mean_of_the_others() -> None:
    image, row = made()[0][:1, :9], np.ones((1, 9), bool)
    found = co_occurrence(image, row, [1])
    assert np.allclose(found[..., 0, 2], found[..., 0, 0])
    alone = co_occurrence(image, np.eye(1, 9, 4, dtype=bool), [1])
    assert alone[:, :, 0, 0].max() == 1
    assert alone[:, :, 0, 0].argmax() == int(texture.grey_levels(image[0, 4])) * (LEVELS + 1)


def test_first_order_agrees_with_scipy() -> None:
    image, region = made(5)
    inside, found = image[region], first_order(image, region)
    assert found["skewness"] == pytest.approx(stats.skew(inside))
    assert found["kurtosis"] == pytest.approx(stats.kurtosis(inside))
    assert found["variance"] == pytest.approx(inside.var())
    assert found["interquartile_range"] == pytest.approx(stats.iqr(inside))
    assert found["entropy"] == pytest.approx(stats.entropy(np.bincount(texture.grey_levels(inside)), base=2))


@pytest.mark.parametrize("measure", [first_order, glcm, spectrum])
def test_what_lies_outside_does_not_count(measure: Callable[..., dict[str, float]]) -> None:
    image, region = made(6)
    other = np.where(region, image, 1 - image)
    assert measure(other, region) == measure(image, region)


@pytest.mark.parametrize("shape", [(16, 24), (15, 22), (1, 1), (3, 9)])
def test_subbands_are_those_of_pywavelets_and_keep_the_energy(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).random(shape)
    whole = np.ones(shape, bool)
    low, details = pywt.dwt2(image, "db4", mode="periodization")
    assert wavelet(image, whole, levels=1)["energy.1.vertical"] == pytest.approx((details[1] ** 2).mean())
    low, details = pywt.dwt2(low, "db4", mode="periodization")
    found = wavelet(image, whole, levels=2)
    assert found["energy.2.approximation"] == pytest.approx((low**2).mean())
    assert found["entropy.2.diagonal"] == pytest.approx(stats.entropy((details[2] ** 2).ravel() + 1e-300, base=2), abs=1e-6)
    packet = wavelet_packet(image, whole)
    assert packet["energy.aa"] == pytest.approx(found["energy.2.approximation"])
    assert packet["energy.ad"] == pytest.approx(found["energy.2.diagonal"])
    assert len(packet) == 32
    if shape == (16, 24):
        tree = pywt.WaveletPacket2D(image, "db4", mode="periodization", maxlevel=2)
        assert packet["energy.hv"] == pytest.approx((tree["hv"].data ** 2).mean())
        assert sum(value for name, value in packet.items() if name.startswith("energy")) * 24 == pytest.approx((image**2).sum())


def test_a_subband_is_measured_where_the_region_is() -> None:
    image = np.zeros((16, 24))
    image[:, :12] = np.random.default_rng(2).random((16, 12))
    right = np.zeros(image.shape, bool)
    right[3:13, 18:22] = True
    found = wavelet(image, right, levels=1, name="haar")
    assert {value for value in found.values()} == {0.0}
    assert wavelet(image, ~right, levels=1, name="haar")["energy.1.vertical"] > 0.01


def test_a_wave_has_its_frequency_and_direction() -> None:
    rows, cols = np.indices((32, 48))
    found = spectrum(0.5 + 0.4 * np.cos(2 * np.pi * cols / 12), np.ones((32, 48), bool))
    assert found["mean_frequency"] == pytest.approx(1 / 12)
    assert (found["octave_3"], found["direction_0"]) == (pytest.approx(1), pytest.approx(1))
    down = spectrum(0.5 + 0.4 * np.cos(2 * np.pi * rows / 4), np.ones((32, 48), bool))
    assert (down["octave_2"], down["direction_90"]) == (pytest.approx(1), pytest.approx(1))


def test_derivatives_do_not_see_the_grey_level_and_grow_with_contrast() -> None:
    image, region = made(7)
    found = texture.gaussian_derivatives(image / 2, region)
    lifted = texture.gaussian_derivatives(image / 2 + 0.25, region)
    assert lifted == {name: pytest.approx(value, abs=1e-9) for name, value in found.items()}
    assert texture.gaussian_derivatives(image, region)["gradient.2.mean"] == pytest.approx(2 * found["gradient.2.mean"])


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("shape", [(1, 1), (5, 8)])
def test_a_constant_region_has_its_documented_values(measure: Callable[..., dict[str, float]], shape: tuple[int, int]) -> None:
    found = measure(np.full(shape, 0.3, np.float32), np.ones(shape, bool))
    assert all(np.isfinite(list(found.values())))
    zero = ("variance", "skewness", "kurtosis", "contrast.1.mean", "information_2.1.mean", "energy.1.diagonal", "entropy.d", "octave_1")
    assert [found[name] for name in zero if name in found] == [0.0] * sum(name in found for name in zero)
    assert found.get("correlation.1.mean", 1.0) == found.get("maximal_correlation.3.mean", 1.0) == 1.0
    assert found.get("gradient.1.mean", 0.0) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
@settings(max_examples=12)
@given(data=st.data())
def test_any_image_has_finite_numbers_and_stays_as_it_was(measure: Callable[..., dict[str, float]], data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    image = data.draw(arrays.arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))
    region = data.draw(arrays.arrays(np.bool_, shape))
    region[data.draw(st.integers(0, shape[0] - 1)), data.draw(st.integers(0, shape[1] - 1))] = True
    before = image.copy(), region.copy()
    found = measure(image, region)
    assert all(np.isfinite(list(found.values())))
    assert found == measure(image, region)
    assert np.array_equal(before[0], image)
    assert np.array_equal(before[1], region)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("image", "region", "said"),
    [
        (np.zeros((3, 4)), np.ones((4, 3), bool), r"of one shape, got \(3, 4\) and \(4, 3\)"),
        (np.zeros(4), np.ones(4, bool), "two-dimensional"),
        (np.zeros((3, 4)), np.zeros((3, 4), bool), "hold a pixel, got bool with 0"),
        (np.zeros((3, 4)), np.ones((3, 4)), "region must be bool"),
        (np.full((3, 4), np.nan), np.ones((3, 4), bool), "finite and lie in"),
        (np.full((3, 4), 7.0), np.ones((3, 4), bool), "got 7 to 7"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    measure: Callable[..., dict[str, float]], image: NDArray[np.float64], region: NDArray[np.bool_], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        measure(image, region)


def test_distances_and_levels_below_one_are_refused() -> None:
    image, region = made()
    for distances in ([0], []):
        with pytest.raises(ValueError, match="distances must be at least 1"):
            glcm(image, region, distances=distances)
    for measure in (wavelet, wavelet_packet):
        with pytest.raises(ValueError, match="levels must be at least 1, got 0"):
            measure(image, region, levels=0)

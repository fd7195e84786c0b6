"""Features of a finding: shapes whose measures are known, what turning and scaling does, and the groups together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from breastcad.patches.features import GROUPS, features, radial_lengths, shape, surroundings

SIZES = ("area", "perimeter", "diameter", "major_axis", "minor_axis")


def box(height: int, width: int) -> NDArray[np.bool_]:
    """Return a rectangle off the centre of a larger mask."""
    mask = np.zeros((height + 7, width + 12), bool)
    mask[2 : 2 + height, 9 : 9 + width] = True
    return mask


def disc(radius: float, *, waves: int = 0, depth: float = 0.0) -> NDArray[np.bool_]:
    """Return a disc, or one whose radius goes in and out."""
    half = math.ceil(radius * (1 + depth)) + 2
    rows, cols = np.mgrid[-half : half + 1, -half : half + 1]
    return np.hypot(rows, cols) <= radius * (1 + depth * np.cos(waves * np.arctan2(rows, cols)))


def test_a_rectangle_by_hand() -> None:
    """20 rows and 40 columns: pixels' centres have the moment (n**2 - 1) / 12 a side, axes are 4 sqrt of it."""
    found = shape(box(20, 40))
    assert found["area"] == 800
    assert found["height_to_width"] == 0.5
    assert (found["extent"], found["solidity"], found["deepest_bay"]) == (1, 1, 0)
    assert found["major_axis"] == pytest.approx(4 * math.sqrt(1599 / 12))
    assert found["minor_axis"] == pytest.approx(4 * math.sqrt(399 / 12))
    assert found["eccentricity"] == pytest.approx(math.sqrt(1 - 399 / 1599))
    assert found["uprightness"] == pytest.approx(0)
    assert found["perimeter"] == pytest.approx(120, rel=0.07)  # Crofton's formula with four directions


def test_a_quarter_turn_turns_what_has_a_direction_alone() -> None:
    mask = box(11, 30)
    mask[6:8, 4:9] = True  # a spike, so that it is not symmetric
    found, turned = shape(mask), shape(np.rot90(mask))
    for name, value in found.items():
        if name == "height_to_width":
            assert turned[name] == pytest.approx(1 / value)
        elif name == "uprightness":
            assert turned[name] == pytest.approx(1 - value)
        else:
            assert turned[name] == pytest.approx(value, abs=1e-9), name


def test_sizes_grow_and_forms_stay() -> None:
    mask = disc(20, waves=5, depth=0.2)
    large = np.kron(mask, np.ones((3, 3))).astype(bool)
    found, grown = shape(mask), shape(large)
    assert grown["area"] == 9 * found["area"]
    for name in ("solidity", "extent", "axis_ratio", "radial_mean", "radial_deviation", "deepest_bay"):
        assert grown[name] == pytest.approx(found[name], abs=0.04), name
    assert grown["diameter"] == pytest.approx(3 * found["diameter"])


def test_a_spiculated_border_is_told_from_a_smooth_one() -> None:
    smooth, spiculated = shape(disc(24)), shape(disc(24, waves=9, depth=0.25))
    for name in ("compactness", "solidity", "convexity", "radial_mean"):
        assert smooth[name] > spiculated[name] + 0.05, name
    for name in ("deepest_bay", "radial_deviation", "radial_entropy", "radial_area_ratio"):
        assert smooth[name] < spiculated[name], name


def test_radial_lengths_of_a_square_are_those_of_the_integral() -> None:
    """Of half a side h, lengths h sqrt(1 + t**2), of mean h (sqrt 2 + asinh 1) / 2 and mean square h**2 4 / 3; eight crossings.

    The corners are cut: the longest is to (30, 29.5).
    """
    found, longest = radial_lengths(box(60, 60)), math.hypot(30, 29.5)
    assert found["radial_mean"] == pytest.approx(30 * (math.sqrt(2) + math.asinh(1)) / 2 / longest, abs=0.001)
    assert found["radial_deviation"] == pytest.approx(math.sqrt((30 / longest) ** 2 * 4 / 3 - found["radial_mean"] ** 2), abs=0.001)
    assert found["radial_crossings"] == pytest.approx(8 / 240, abs=0.001)


def test_the_largest_part_is_measured() -> None:
    mask = box(12, 20)
    mask[:, :3] = True  # a strip apart from it, and smaller
    assert shape(mask) == shape(box(12, 20))


def test_a_region_grows_by_a_share_of_its_diameter() -> None:
    mask = np.pad(disc(10), 20)
    grown = surroundings(mask, 0.5)
    diameter = 2 * math.sqrt(mask.sum() / math.pi)
    assert 2 * math.sqrt(grown.sum() / math.pi) == pytest.approx(2 * diameter, rel=0.02)
    assert surroundings(mask, 0) is mask
    assert surroundings(np.pad(disc(3), 4), 50).all()
    with pytest.raises(ValueError, match="context must be at least 0 and finite, got -1"):
        surroundings(mask, -1)


def test_groups_come_in_the_order_asked_for_under_their_names() -> None:
    mask = box(9, 14)
    image = np.random.default_rng(0).random(mask.shape).astype(np.float32)
    found = features(image, mask, ["shape", "glcm"], outline=box(30, 30), distances=[2])
    assert next(iter(found)) == "shape.area"
    assert found["shape.area"] == 900
    assert {name.split(".")[2] for name in found if name.startswith("glcm")} == {"2"}
    assert len(features(image, mask, GROUPS)) == 179
    with pytest.raises(ValueError, match=r"groups must be of first-order, glcm, .*, got 'hog'"):
        features(image, mask, ["hog"])


@given(data=st.data())
def test_any_mask_has_finite_measures(data: st.DataObject) -> None:
    size = data.draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    mask = data.draw(arrays.arrays(np.bool_, size))
    mask[data.draw(st.integers(0, size[0] - 1)), data.draw(st.integers(0, size[1] - 1))] = True
    before = mask.copy()
    found = shape(mask)
    assert all(np.isfinite(list(found.values())))
    assert 0 < found["solidity"] <= 1
    assert 0 < found["extent"] <= 1
    assert np.array_equal(before, mask)


@pytest.mark.parametrize("mask", [np.zeros((3, 3), bool), np.ones((3, 3)), np.ones(3, bool)])
def test_what_is_no_mask_is_refused(mask: NDArray[np.bool_]) -> None:
    with pytest.raises(ValueError, match="mask must be two-dimensional, bool and hold a pixel"):
        shape(mask)

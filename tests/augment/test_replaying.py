"""Where pixels, masks and boxes go: by hand on small pictures, by laws on drawn ones. All pictures are taller or wider than square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion
from skimage.transform import ProjectiveTransform, warp

from breastcad.augment.geometry import bent, bent_box, displacements, frame_of
from breastcad.augment.operations import Operation, from_json, operation, to_json
from breastcad.augment.policies import POLICIES, draw_operations, table_1
from breastcad.augment.replaying import Example, Place, replay
from breastcad.core.geometry import Box, box_area, box_of_mask, ellipse_mask
from breastcad.core.seeding import generator

# An L, so that no turn and no flip of it is another's.
L_SHAPE = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0]], np.uint8)
QUARTER = operation("rotation", degrees=90, frame="whole")
KEPT = {"black": True, "mirror": False}


def moved(image: NDArray[Any], *operations: Operation, border: str = "black") -> NDArray[Any]:
    return replay(Example(image), operations, border=border).image


def picture(rows: int = 60, cols: int = 84, seed: int = 3) -> NDArray[np.float32]:
    """Return smooth tissue in [0.2, 0.8], without symmetry."""
    row, col = np.mgrid[:rows, :cols]
    phase = seed * 0.7
    return (0.5 + 0.15 * np.sin(row / 7 + phase) + 0.15 * np.cos(col / 11 + row / 23 - phase)).astype(np.float32)


# ---- by hand ----


def test_a_quarter_turn_of_an_l_is_anticlockwise_and_changes_its_sides() -> None:
    assert moved(L_SHAPE, QUARTER).tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 1], [1, 1, 1]]


def test_a_quarter_turn_in_the_kept_frame_cuts_the_far_rows_off() -> None:
    """4 x 6, turned, is 6 x 4: (row, col) goes to (5 - col, row). The frame shows its rows 1 to 4, with a black column on either side."""
    image = np.zeros((4, 6), np.uint8)
    image[1, 5] = 200  # to (0, 1), which is above the frame
    image[2, 4] = 100  # to (1, 2), which is (0, 3) of the frame
    turned = moved(image, operation("rotation", degrees=90))
    assert np.argwhere(turned).tolist() == [[0, 3]]
    assert turned[0, 3] == 100


@pytest.mark.parametrize(
    ("side", "rows"),
    [
        ("left", [[0, 0, 0, 1], [0, 0, 0, 1], [0, 1, 1, 1]]),
        ("right", [[0, 0, 0, 1], [0, 0, 0, 1], [0, 1, 1, 1]]),
        ("top", [[1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]]),
        ("bottom", [[1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]]),
    ],
)
def test_a_flip_of_an_l(side: str, rows: list[list[int]]) -> None:
    assert moved(L_SHAPE, operation("flip", side=side)).tolist() == rows


def test_a_shift_brings_black_or_the_mirror_image() -> None:
    shift = operation("translation", down_px=1, right_px=-1)
    assert moved(L_SHAPE, shift).tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert moved(L_SHAPE, shift, border="mirror").tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    numbered = np.arange(1, 7, dtype=np.uint8).reshape(2, 3)
    assert moved(numbered, shift).tolist() == [[0, 0, 0], [2, 3, 0]]
    assert moved(numbered, shift, border="mirror").tolist() == [[5, 6, 5], [2, 3, 2]]


def test_half_a_pixel_is_the_mean_of_two() -> None:
    image = np.array([[0, 0.2, 0.6]], np.float32)
    np.testing.assert_allclose(moved(image, operation("translation", right_px=-0.5)), [[0.1, 0.4, 0.3]], atol=1e-6)


def test_boxes_of_a_flip_a_turn_a_shift_and_a_cut() -> None:
    """On 20 x 30: flipped, columns 4 to 9 become 30 - 9 to 30 - 4; turned left, (row, col) becomes (30 - col, row)."""
    image, box = np.zeros((20, 30), np.uint8), (2.0, 4.0, 7.0, 9.5)

    def to(*operations: Operation) -> Box | None:
        return replay(Example(image, (Place(box),)), operations).places[0].box

    assert to(operation("flip", side="left")) == pytest.approx((2, 20.5, 7, 26))
    assert to(operation("flip", side="top")) == pytest.approx((13, 4, 18, 9.5))
    assert to(QUARTER) == pytest.approx((20.5, 2, 26, 7))
    assert to(operation("translation", down_px=3, right_px=-6)) == pytest.approx((5, 0, 10, 3.5))  # clipped at the left
    assert to(operation("crop", row0=1, col0=3, row1=11, col1=18, size="cut")) == pytest.approx((1, 1, 6, 6.5))
    assert to(operation("crop", row0=1, col0=3, row1=11, col1=18)) == pytest.approx((2, 2, 12, 13))  # 10 x 15 enlarged twofold
    assert to(operation("scaling", factor=2)) == pytest.approx((0, 0, 4, 4))  # about (10, 15): -6 to 4, -7 to 4


def test_what_leaves_the_frame_is_gone_and_said() -> None:
    mask = np.zeros((20, 30), bool)
    mask[15:18, 20:25] = True
    example = Example(np.zeros((20, 30), np.uint8), (Place((1, 1, 5, 5)), Place(mask=mask), Place((15, 20, 18, 25))))
    after = replay(example, [operation("crop", row0=0, col0=0, row1=10, col1=10, size="cut")])
    assert [place.box for place in after.places] == [(1, 1, 5, 5), None, None]
    assert after.gone == [1, 2]


def test_a_skew_shortens_the_edge_that_recedes_and_leaves_the_other() -> None:
    """Forward: the upper edge of 100 columns becomes 100 * (1 - .4) = 60 wide, from column 20 to 80; the lower one stays."""
    white = np.full((50, 100), 255, np.uint8)
    forward = moved(white, operation("skew", side="forward", share=0.4))
    assert np.count_nonzero(forward[0] > 127) == pytest.approx(60, abs=1)
    assert np.count_nonzero(forward[-1] > 127) == pytest.approx(100, abs=1)
    assert forward[0, 18] == 0
    assert forward[0, 22] == 255
    for side, turns in (("left", 1), ("backward", 2), ("right", 3)):
        turned = moved(np.rot90(white, turns), operation("skew", side=side, share=0.4))
        np.testing.assert_allclose(turned, np.rot90(forward, turns), atol=1)


def test_a_shear_moves_rows_by_the_tangent() -> None:
    """10 degrees: 25 rows from the centre a row moves by 25 tan(10) = 4.4 columns, below the centre to the right."""
    image = np.zeros((51, 81), np.uint8)
    image[:, 40] = 255
    sheared = moved(image, operation("shear", axis="x", degrees=10))
    assert (sheared.astype(float) @ np.arange(81) / sheared.sum(axis=1))[[0, 25, 50]] == pytest.approx([35.6, 40, 44.4], abs=0.05)
    down = moved(np.ascontiguousarray(image.T), operation("shear", axis="y", degrees=10))
    np.testing.assert_array_equal(down, sheared.T)


# ---- laws ----

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
IMAGES = st.sampled_from([np.uint8, np.uint16]).flatmap(lambda kind: hnp.arrays(kind, SHAPES))


@given(IMAGES, st.sampled_from(("top", "bottom", "left", "right")))
def test_two_flips_are_none_bit_for_bit(image: NDArray[Any], side: str) -> None:
    flip = operation("flip", side=side)
    np.testing.assert_array_equal(moved(moved(image, flip), flip), image)
    np.testing.assert_array_equal(moved(image, flip), np.flip(image, 0 if side in ("top", "bottom") else 1))


@given(IMAGES, st.integers(-3, 8))
def test_quarter_turns_are_those_of_numpy_and_four_are_none(image: NDArray[Any], quarters: int) -> None:
    turned = moved(image, operation("rotation", degrees=90 * quarters, frame="whole"))
    np.testing.assert_array_equal(turned, np.rot90(image, quarters))
    assert turned.dtype == image.dtype
    step = image
    for _ in range(4):
        step = moved(step, QUARTER)
    np.testing.assert_array_equal(step, image)


@given(IMAGES, st.integers(-15, 15), st.integers(-15, 15), st.sampled_from(("black", "mirror")))
def test_a_whole_shift_moves_pixels_and_one_there_and_back_is_none(image: NDArray[Any], down: int, right: int, border: str) -> None:
    there = operation("translation", down_px=down, right_px=right)
    back = operation("translation", down_px=-down, right_px=-right)
    np.testing.assert_array_equal(moved(image, there, back, border=border), image)
    reach = ((16, 16), (16, 16))
    padded = np.pad(image, reach, mode="constant") if border == "black" else np.pad(image, reach, mode="reflect")
    rows, cols = image.shape
    expected = padded[16 - down : 16 - down + rows, 16 - right : 16 - right + cols]
    np.testing.assert_array_equal(moved(image, there, border=border), expected)


INVERSES = {
    "rotation": ([operation("rotation", degrees=31)], [operation("rotation", degrees=-31)]),
    "shear x": ([operation("shear", axis="x", degrees=10)], [operation("shear", axis="x", degrees=-10)]),
    "shear y": ([operation("shear", axis="y", degrees=10)], [operation("shear", axis="y", degrees=-10)]),
    "scaling": ([operation("scaling", factor=1.25)], [operation("scaling", factor=0.8)]),
    "translation": ([operation("translation", down_px=2.4, right_px=-3.7)], [operation("translation", down_px=-2.4, right_px=3.7)]),
}


@pytest.mark.parametrize("name", INVERSES)
@pytest.mark.parametrize("border", ["black", "mirror"])
def test_there_and_back_is_the_image_within_interpolation(name: str, border: str) -> None:
    image = picture()
    there, back = INVERSES[name]
    twice = moved(moved(image, *there, border=border), *back, border=border)
    np.testing.assert_allclose(twice[20:40, 30:54], image[20:40, 30:54], atol=0.01)
    # In one sequence nothing is interpolated and nothing is lost at the border.
    np.testing.assert_array_equal(moved(image, *there, *back, border=border), image)


def test_operations_are_applied_in_their_order() -> None:
    numbered = np.arange(24, dtype=np.uint8).reshape(4, 6)
    flip, cut = operation("flip", side="left"), operation("crop", row0=1, col0=0, row1=3, col1=3, size="cut")
    np.testing.assert_array_equal(moved(numbered, flip, QUARTER, cut), np.rot90(numbered[:, ::-1])[1:3, :3])
    np.testing.assert_array_equal(moved(numbered, QUARTER, flip, cut), np.rot90(numbered)[:, ::-1][1:3, :3])
    image, steps = (
        picture(),
        [operation("rotation", degrees=25), operation("shear", axis="x", degrees=10), operation("scaling", factor=1.2)],
    )
    apart = moved(moved(moved(image, steps[0]), steps[1]), steps[2])
    np.testing.assert_allclose(moved(image, *steps)[20:40, 30:54], apart[20:40, 30:54], atol=0.01)


@pytest.mark.parametrize(("amount_px", "smooth_px"), [(2.0, 9.0), (20.0, 16.0)])
def test_a_box_bends_with_the_pixels_even_where_they_fold(amount_px: float, smooth_px: float) -> None:
    aside = displacements((60, 84), amount_px=amount_px, smooth_px=smooth_px, seed=4)
    mask = np.zeros((60, 84), bool)
    mask[20:40, 30:61] = True
    assert bent_box((20.0, 30.0, 40.0, 61.0), aside) == box_of_mask(bent(mask, aside, "black", nearest=True))
    still = displacements((60, 84), amount_px=0.0, smooth_px=smooth_px, seed=4)
    assert bent_box((20.25, 30.0, 40.0, 61.5), still) == (20.25, 30.0, 40.0, 61.5)


def test_eight_eighths_of_a_turn_are_none() -> None:
    image = picture()
    np.testing.assert_array_equal(moved(image, *[operation("rotation", degrees=45)] * 8), image)


@pytest.mark.parametrize(
    "steps",
    [
        [operation("rotation", degrees=17.5), operation("shear", axis="x", degrees=8)],
        [operation("skew", side="left", share=0.3), operation("scaling", factor=1.1)],
        [operation("flip", side="top"), operation("rotation", degrees=-30, frame="whole")],
    ],
)
def test_pixels_agree_with_scikit_image(steps: Sequence[Operation]) -> None:
    image = picture()
    frame = frame_of(steps, (60, 84))
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    there = ProjectiveTransform(np.linalg.inv(half) @ frame.matrix @ half)
    expected = warp(image, there, output_shape=frame.shape, order=1, mode="constant")
    np.testing.assert_allclose(moved(image, *steps), expected, atol=2e-3)


# ---- masks, boxes and codes go along ----

GEOMETRIC = st.one_of(
    st.builds(lambda d: operation("rotation", degrees=d), st.floats(-180, 180)),
    st.builds(lambda d: operation("rotation", degrees=d, frame="whole"), st.sampled_from([45.0, 90.0, 135.0, 180.0])),
    st.builds(
        lambda s, v: operation("skew", side=s, share=v), st.sampled_from(["forward", "backward", "left", "right"]), st.floats(0, 0.4)
    ),
    st.builds(lambda a, d: operation("shear", axis=a, degrees=d), st.sampled_from(["x", "y"]), st.floats(-20, 20)),
    st.builds(lambda f: operation("scaling", factor=f), st.floats(0.6, 1.6)),
    st.builds(lambda d, r: operation("translation", down_px=d, right_px=r), st.floats(-20, 20), st.floats(-20, 20)),
    st.builds(lambda r, c: operation("crop", row0=r, col0=c, row1=r + 40, col1=c + 50), st.integers(0, 8), st.integers(0, 10)),
    st.builds(lambda s: operation("flip", side=s), st.sampled_from(["top", "left"])),
    st.builds(lambda a, s: operation("elastic", amount_px=a, smooth_px=9, seed=s), st.floats(0, 2), st.integers(0, 99)),
)
BRIGHT = ellipse_mask((60, 84), (12, 40, 38, 62))


@given(st.lists(GEOMETRIC, min_size=1, max_size=2))
def test_the_mask_goes_where_the_bright_object_goes(steps: list[Operation]) -> None:
    """Thresholded, the moved object is the moved mask, but for a rim of one pixel; of three after two interpolations."""
    image = np.where(BRIGHT, np.float32(1), np.float32(0.2))
    after = replay(Example(image, (Place(mask=BRIGHT),), BRIGHT.astype(np.uint8) * 3), steps)
    mask = after.places[0].mask
    assert mask is not None
    assert mask.dtype == np.bool_
    assert set(np.unique(after.codes)) <= {0, 3}
    seen = after.image > 0.6
    bends = any(one.name == "elastic" for one in steps)
    edge = binary_dilation(mask, np.ones((3, 3))) & ~binary_erosion(mask, np.ones((3, 3)))
    rim = binary_dilation(edge, iterations=2) if bends and len(steps) > 1 else edge  # the first one's pixel may be enlarged
    assert not (seen != mask)[~rim].any()
    assert after.places[0].box == box_of_mask(mask)


@given(st.lists(GEOMETRIC, min_size=1, max_size=2), st.integers(0, 50), st.integers(0, 70), st.integers(2, 30), st.integers(2, 30))
def test_a_moved_box_contains_the_moved_mask_of_the_same_box(steps: list[Operation], row: int, col: int, high: int, wide: int) -> None:
    box = float(row), float(col), float(min(60, row + high)), float(min(84, col + wide))
    mask = np.zeros((60, 84), bool)
    mask[row : int(box[2]), col : int(box[3])] = True
    of_box, of_mask = replay(Example(np.zeros((60, 84), np.uint8), (Place(box), Place(mask=mask))), steps).places
    if of_mask.box is None:
        return
    assert of_box.box is not None
    bends = 1.5 if any(one.name == "elastic" for one in steps) else 0.6  # a mask takes the nearest pixel
    rows, cols = of_box.box[::2], of_box.box[1::2]
    assert rows[0] - bends <= of_mask.box[0] <= of_mask.box[2] <= rows[1] + bends
    assert cols[0] - bends <= of_mask.box[1] <= of_mask.box[3] <= cols[1] + bends
    assert box_area(of_box.box) > 0


def test_elastic_without_amount_is_none_and_with_one_moves_by_about_that() -> None:
    image = picture()
    np.testing.assert_array_equal(moved(image, operation("elastic", amount_px=0, seed=1)), image)
    ramp = np.tile(np.linspace(0, 1, 84, dtype=np.float32), (60, 1))
    bent = moved(ramp, operation("elastic", amount_px=2, smooth_px=6, seed=1), border="mirror")
    aside = (bent - ramp)[:, 10:-10] * 83
    assert np.sqrt(np.mean(aside**2)) == pytest.approx(2, rel=0.35)


# ---- replay ----


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("name", POLICIES)
def test_what_was_drawn_is_replayed_from_json_bit_for_bit(name: str, kind: type) -> None:
    image = picture() if kind == np.float32 else np.rint(picture() * (2 ** (8 * np.dtype(kind).itemsize) - 1)).astype(kind)
    example = Example(image, (Place(mask=BRIGHT), Place((3, 4, 20, 30))), BRIGHT.astype(np.uint8) * 2)
    before = image.copy()
    for copy in range(POLICIES[name].copies):
        for border in ("black", "mirror"):
            drawn = draw_operations(POLICIES[name], (60, 84), copy, generator(5, name, copy))
            first = replay(example, drawn, border=border, keep_black=KEPT[border])
            again = replay(example, from_json(to_json(drawn)), border=border, keep_black=KEPT[border])
            np.testing.assert_array_equal(first.image, again.image)
            assert first.image.dtype == image.dtype
            for one, other in zip(first.places, again.places, strict=True):
                assert one.box == other.box
                assert np.array_equal(one.mask, other.mask) if one.mask is not None else other.mask is None
            np.testing.assert_array_equal(first.codes, again.codes)
    np.testing.assert_array_equal(image, before)


def test_no_operation_is_the_image_itself_and_not_the_same_array() -> None:
    image = picture()
    after = replay(Example(image), [])
    np.testing.assert_array_equal(after.image, image)
    after.image[:] = 0
    assert image.any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 1)])
@pytest.mark.parametrize("border", ["black", "mirror"])
def test_a_constant_image_of_a_pixel_or_a_line_goes_through_every_operation(shape: tuple[int, int], border: str) -> None:
    image = np.full(shape, 100, np.uint8)
    for steps in table_1().values():
        for step in [*steps, operation("elastic", amount_px=2, seed=1), operation("poisson-noise", peak=9, seed=1)]:
            after = replay(Example(image, (Place(mask=np.ones(shape, bool)),)), [step], border=border)
            assert after.image.size
            if border == "mirror" and step.moves != "tone":
                assert (after.image == 100).all(), step


@pytest.mark.parametrize(
    ("example", "sentence"),
    [
        (Example(np.zeros((0, 4), np.uint8)), r"image must be two-dimensional and have a pixel, got the shape \(0, 4\)"),
        (Example(np.zeros((4, 4, 3), np.uint8)), "image must be two-dimensional"),
        (Example(np.zeros((4, 4))), "image must be uint8, uint16 or float32, got float64"),
        (Example(np.full((2, 2), np.nan, np.float32)), r"image must be finite and in \[0, 1\], got nan"),
        (Example(np.full((2, 2), 2, np.float32)), r"image must be finite and in \[0, 1\], got 2.0 to 2.0"),
        (
            Example(np.zeros((4, 5), np.uint8), (Place(mask=np.ones((5, 4), bool)),)),
            r"the mask of place 0 must have the image's shape \(4, 5\)",
        ),
        (Example(np.zeros((4, 5), np.uint8), codes=np.zeros((4, 4), np.uint8)), "codes must have the image's shape"),
        (Example(np.zeros((4, 5), np.uint8), (Place(),)), "a place must have a mask or a box, got neither"),
    ],
)
def test_what_is_no_example_is_refused(example: Example, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replay(example, [operation("flip", side="left")])


def test_an_unknown_border_and_a_crop_over_the_border_are_refused() -> None:
    image = np.zeros((4, 5), np.uint8)
    with pytest.raises(ValueError, match="border must be one of black, mirror, got 'wrap'"):
        moved(image, border="wrap")
    with pytest.raises(ValueError, match=r"crop: the box \(0, 0, 5, 5\) reaches over its image of 4 x 5 pixels"):
        moved(image, operation("crop", row0=0, col0=0, row1=5, col1=5))

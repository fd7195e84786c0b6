"""Steps that move pixels: every pixel, box and mask can be found again on the source, whatever was done one after another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.errors import InputError
from breastcad.core.placement import Placement
from breastcad.preprocess.prepared import (
    Prepared,
    blacken_outside,
    crop_to_tissue,
    cropped,
    fit,
    mask_at,
    mirrored,
    resize,
    respace,
    turn_to_side,
    values_at,
)

ROWS, COLS = 36, 20


def ramp() -> np.ndarray:
    """Return an image whose grey level tells row and column: linear, so that resizing keeps it but at the border."""
    rows, cols = np.mgrid[:ROWS, :COLS] + 0.5
    return (rows / 50 + cols / 500).astype(np.float32)


def at(points: np.ndarray) -> np.ndarray:
    """Return the ramp's level at source points."""
    return points[..., 0] / 50 + points[..., 1] / 500


STEPS = {
    "half": lambda p: resize(p, rows=max(1, p.shape[0] // 2), cols=max(1, p.shape[1] // 2)),
    "odd": lambda p: resize(p, rows=p.shape[0] + 7, cols=p.shape[1] + 3),
    "fit": lambda p: fit(p, rows=40, cols=60),
    "crop": lambda p: cropped(p, (1, 2, p.shape[0], p.shape[1] - 1)) if min(p.shape) > 6 else p,
    "mirror": mirrored,
}


@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=4))
def test_each_pixel_shows_the_place_of_the_source_that_its_placement_names(names: list[str]) -> None:
    prepared = Prepared(ramp(), tissue=np.ones((ROWS, COLS), bool))
    for name in names:
        prepared = STEPS[name](prepared)
    rows, cols = prepared.shape
    centres = np.stack(np.meshgrid(np.arange(rows) + 0.5, np.arange(cols) + 0.5, indexing="ij"), axis=-1)
    place = prepared.placement
    there = centres * (place.row_step, place.col_step) + (place.row, place.col)
    # Resizing repeats the outermost pixels and widens what is near a border: the ramp holds well inside, not in padding.
    inner = (np.abs(there - (ROWS / 2, COLS / 2)) < (ROWS / 2 - 8, COLS / 2 - 6)).all(axis=-1)
    assert prepared.tissue is not None
    assert prepared.tissue[inner].all()
    np.testing.assert_allclose(prepared.pixels[inner], at(there)[inner], atol=0.02)


def test_a_box_through_resize_crop_and_mirror_by_hand() -> None:
    # 36 x 20 -> 72 x 40 (times 2), cut from row 10 and column 4 on to 62 x 36, mirrored: column 0 is the source's column 20.
    done = mirrored(cropped(resize(Prepared(ramp()), rows=72, cols=40), (10, 4, 72, 40)))
    assert done.shape == (62, 36)
    assert done.placement.to_source((0, 0, 2, 2)) == (5.0, 19.0, 6.0, 20.0)
    assert done.placement.from_source((5.0, 2.0, 6.0, 20.0)) == (0.0, 0.0, 2.0, 36.0)


def test_fit_keeps_the_aspect_and_pads_with_black() -> None:
    done = fit(Prepared(np.ones((30, 10), np.float32), spacing_mm=(0.1, 0.2)), rows=60, cols=40)
    assert done.pixels.shape == (60, 40)
    assert done.pixels[:, :20].min() == 1
    assert done.pixels[:, 20:].max() == 0
    assert done.spacing_mm == (0.05, 0.1)
    assert done.placement.from_source((0, 0, 30, 10)) == (0, 0, 60, 20)


@pytest.mark.parametrize(("rows", "cols"), [(80, 100), (10, 800)])
def test_where_one_side_grows_and_the_other_shrinks_each_pixel_keeps_its_place(rows: int, cols: int) -> None:
    down, across = (np.mgrid[:40, :400] + 0.5).astype(np.float32)
    for source, share in ((down / 40, (np.arange(rows) + 0.5)[:, None] / rows), (across / 400, (np.arange(cols) + 0.5) / cols)):
        done = resize(Prepared(source), rows=rows, cols=cols).pixels
        np.testing.assert_allclose(done[2:-2, 2:-2], np.broadcast_to(share, done.shape)[2:-2, 2:-2], atol=1e-5)
    stripes = resize(Prepared((down * 0 + np.arange(400) % 2).astype(np.float32)), rows=80, cols=100).pixels
    np.testing.assert_allclose(stripes, 0.5, atol=1e-6)  # the mean of four columns, not one of them


def test_respacing_makes_square_pixels() -> None:
    done = respace(Prepared(ramp(), spacing_mm=(0.05, 0.2)), mm=0.1)
    assert done.shape == (18, 40)
    assert done.spacing_mm == pytest.approx((0.1, 0.1))


def test_only_what_is_not_black_is_tissue_and_is_kept() -> None:
    tissue = np.zeros((ROWS, COLS), bool)
    tissue[6:30, 8:] = True
    done = crop_to_tissue(blacken_outside(Prepared(ramp() + 0.1, tissue=tissue)), margin=0.0)
    assert done.shape == (24, 12)
    assert done.placement == Placement(6.0, 8.0)
    assert done.pixels.min() > 0


def test_the_chest_wall_comes_to_the_left_whichever_side_it_was_on() -> None:
    rows, cols = np.ogrid[:ROWS, :COLS]
    tissue = abs(rows - 17) < 15 * (1 - cols / 14)  # a triangle on the left border
    left = Prepared(ramp(), tissue=tissue)
    assert turn_to_side(left).placement == Placement()
    back = turn_to_side(mirrored(left))
    assert back.placement == Placement()
    np.testing.assert_array_equal(back.pixels, left.pixels)
    np.testing.assert_array_equal(turn_to_side(left, side="right").pixels, left.pixels[:, ::-1])
    unclear = turn_to_side(Prepared(ramp(), tissue=np.ones((ROWS, COLS), bool)))
    assert unclear.remarks == ("the side of the chest wall cannot be told: not mirrored",)


def test_half_a_pixel_is_inside_less_is_not() -> None:
    mask = np.zeros((4, 6), bool)
    mask[:, :3] = True
    # Two source columns a pixel: the second pixel is half inside.
    assert mask_at(mask, Placement().resized((4, 6), (2, 3)), (2, 3)).tolist() == [[True, True, False]] * 2
    mask[0, 2] = False
    assert mask_at(mask, Placement().resized((4, 6), (2, 3)), (2, 3)).tolist() == [[True, False, False], [True, True, False]]


@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(2, 9))
def test_a_mask_made_larger_and_smaller_again_is_the_same(seed: int, down: int, across: int) -> None:
    mask = np.random.default_rng(seed).random((7, 5)) < 0.5
    large = mask_at(mask, Placement().resized((7, 5), (7 * down, 5 * across)), (7 * down, 5 * across))
    np.testing.assert_array_equal(large, mask.repeat(down, 0).repeat(across, 1))
    np.testing.assert_array_equal(mask_at(large, Placement().resized(large.shape, (7, 5)), (7, 5)), mask)


def test_codes_stay_codes_and_nothing_lies_beyond_the_source() -> None:
    codes = np.array([[64, 128], [192, 255]], np.uint8)
    place = Placement().flipped_columns(2).cropped(-1, 0).resized((3, 2), (6, 4))
    expected = [[7] * 4] * 2 + [[128, 128, 64, 64]] * 2 + [[255, 255, 192, 192]] * 2
    assert values_at(codes, place, (6, 4), outside=7).tolist() == expected
    assert values_at(codes, place, (6, 4)).dtype == np.uint8


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda p: resize(p, rows=0), "an image cannot be made 0 x 896"),
        (lambda p: fit(p, cols=20000), "from 1 to 16384"),
        (lambda p: respace(p, mm=0.1), "has no pixel spacing"),
        (lambda p: respace(p, mm=0.0), "needs mm above 0"),
        (lambda p: turn_to_side(p, side="up"), "side left or right, got 'up'"),
        (lambda p: crop_to_tissue(p, margin=1.5), r"margin in \[0, 1\), got 1.5"),
        (crop_to_tissue, "put 'breast' before it"),
        (blacken_outside, "put 'breast' before it"),
    ],
)
def test_what_cannot_be_done_is_said(step: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        step(Prepared(ramp()))  # type: ignore[operator]

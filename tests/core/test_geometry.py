"""Geometry by hand and by law; nothing square, nothing centred."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.geometry import box_area, box_centre, box_intersection, box_iou, box_of_mask, ellipse_mask, point_in_box
from breastcad.core.seeding import generator

edges = st.integers(-20, 40)
boxes = st.builds(lambda r, c, h, w: (r, c, r + h, c + w), edges, edges, st.integers(1, 30), st.integers(1, 30))


def test_iou_by_hand() -> None:
    """Boxes 4 x 6 and 2 x 8 share 1 x 4 = 4; union 24 + 16 - 4 = 36; IoU 1/9."""
    assert box_iou((0, 0, 4, 6), (3, 2, 5, 10)) == pytest.approx(4 / 36)
    assert box_iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0


@given(boxes, boxes)
def test_iou_is_symmetric_and_one_only_of_equals(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    assert box_iou(first, second) == box_iou(second, first)
    assert (box_iou(first, second) == 1) == (first == second)
    assert box_area(box_intersection(first, second)) <= min(box_area(first), box_area(second))


def test_box_of_mask_is_tight_and_half_open() -> None:
    mask = np.zeros((7, 11), bool)
    mask[2, 3] = mask[5, 9] = True
    assert box_of_mask(mask) == (2, 3, 6, 10)
    assert box_of_mask(np.zeros((3, 4), bool)) is None


@given(st.integers(0, 5), st.integers(0, 7), st.integers(10, 20), st.integers(9, 24))
def test_ellipse_fills_its_box(row: int, col: int, height: int, width: int) -> None:
    mask = ellipse_mask((40, 50), (row, col, row + height, col + width))
    assert box_of_mask(mask) == (row, col, row + height, col + width)
    assert mask.sum() == pytest.approx(np.pi / 4 * height * width, rel=0.12)


def test_ellipse_may_reach_over_the_border() -> None:
    assert ellipse_mask((10, 8), (-5, -5, 5, 5))[0, 0]


def test_empty_ellipse_is_refused() -> None:
    with pytest.raises(ValueError, match="box must not be empty"):
        ellipse_mask((10, 8), (5, 5, 5, 9))


def test_centre_lies_in_its_box() -> None:
    box = (2.0, 4.0, 8.0, 5.0)
    assert box_centre(box) == (5.0, 4.5)
    assert point_in_box(box_centre(box), box)


def test_generators_depend_on_every_part_of_their_path() -> None:
    draws = {generator(*path).random() for path in [(0, "a"), (1, "a"), (0, "a", 0), (0, "a", 1), (0, "b")]}
    assert len(draws) == 5
    with pytest.raises(ValueError, match="seed must not be negative, got -1"):
        generator(-1)

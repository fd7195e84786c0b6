"""Positions through crops, resizes and flips: the way back is exact, and agrees with the pixels themselves."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.placement import Placement

OPERATIONS = st.lists(st.sampled_from(["crop", "double", "columns", "rows"]), max_size=5)


def changed(source: np.ndarray, operations: list[str]) -> tuple[np.ndarray, Placement]:
    """Crop, double by repetition and flip an array, and say where the result lies."""
    array, place = source, Placement()
    for operation in operations:
        rows, cols = array.shape
        if operation == "crop" and rows > 4 and cols > 4:
            array, place = array[1:-2, 2:-1], place.cropped(1, 2)
        elif operation == "double":
            array = array.repeat(2, axis=0).repeat(3, axis=1)
            place = place.resized((rows, cols), array.shape)
        elif operation == "columns":
            array, place = array[:, ::-1], place.flipped_columns(cols)
        elif operation == "rows":
            array, place = array[::-1], place.flipped_rows(rows)
    return array, place


@given(OPERATIONS, st.integers(0, 10_000))
def test_each_pixels_centre_lies_on_the_source_pixel_that_it_was_made_from(operations: list[str], pick: int) -> None:
    source = np.arange(13 * 9).reshape(13, 9)
    array, place = changed(source, operations)
    row, col = np.unravel_index(pick % array.size, array.shape)
    there = place.point_to_source((row + 0.5, col + 0.5))
    assert source[int(there[0]), int(there[1])] == array[row, col]


@given(OPERATIONS, st.tuples(*[st.integers(-3, 12)] * 4))
def test_a_box_goes_to_the_source_and_back(operations: list[str], box: tuple[int, int, int, int]) -> None:
    row0, col0, row1, col1 = box
    ordered = (min(row0, row1), min(col0, col1), max(row0, row1), max(col0, col1))
    _, place = changed(np.zeros((13, 9)), operations)
    np.testing.assert_allclose(place.from_source(place.to_source(ordered)), ordered, atol=1e-9)


def test_a_flip_by_hand() -> None:
    # A source of 10 columns, cut from column 2 on (8 left), flipped: array column 0 is source column 9.
    place = Placement().cropped(0, 2).flipped_columns(8)
    assert place.point_to_source((0.5, 0.5)) == (0.5, 9.5)
    assert place.to_source((0, 0, 1, 3)) == (0.0, 7.0, 1.0, 10.0)

"""Outlines from COCO's segmentations: each pixel inside and outside as it was, whatever the mask's parts and holes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from breastcad.core.records import FindingRow
from breastcad.patches.rois import roi_mask
from breastcad.phantom.own_coco import run_length_string, run_lengths
from breastcad.read import outlines
from breastcad.read.outlines import joined, points_text, rings_of_mask, rle_counts, rle_mask, segmentation_rings

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9))


@given(MASKS)
def test_an_outline_encloses_the_pixels_of_its_mask_and_no_others(mask: np.ndarray) -> None:
    """Parts, holes and corners that touch: the joined rings are one polygon that every later step fills as the mask was."""
    rings = rings_of_mask(mask)
    if not mask.any():
        assert rings == []
        return
    row = FindingRow("s", "f", "i", geometry="polygon", points=points_text(joined(rings)))
    again = roi_mask(row, mask.shape, Path())
    assert again is not None
    assert np.array_equal(again, mask)


@given(MASKS)
def test_run_lengths_and_their_string_give_the_mask_back(mask: np.ndarray) -> None:
    runs = run_lengths(mask)
    assert rle_counts(run_length_string(runs)) == runs
    assert np.array_equal(rle_mask(runs, mask.shape), mask)


@given(st.lists(st.integers(0, 10**8), max_size=9))
def test_large_runs_pass_through_the_string(runs: list[int]) -> None:
    assert rle_counts(run_length_string(runs)) == runs


def test_a_worked_example() -> None:
    """A 3 x 4 mask with column 1 whole and row 2 of column 2: 3 outside, 3 inside, 2 outside, 1 inside, 3 outside, down the columns."""
    code = {"size": [3, 4], "counts": [3, 3, 2, 1, 3]}
    assert segmentation_rings(code, (3, 4)) == [[(0.0, 1.0), (0.0, 2.0), (2.0, 2.0), (2.0, 3.0), (3.0, 3.0), (3.0, 1.0)]]
    assert segmentation_rings({**code, "counts": "332N1"}, (3, 4)) == segmentation_rings(code, (3, 4))
    assert segmentation_rings([[1, 2, 3, 4, 5, 6.5]], (9, 9)) == [[(2, 1), (4, 3), (6.5, 5)]]
    assert segmentation_rings([], (3, 4)) == []


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ("x", "is neither polygons nor a run-length code"),
        ([[1, 2, 3, 4]], "three points or more"),
        ([[1, 2, 3, 4, 5, 6, 7]], "two numbers each"),
        ([1, 2, 3, 4, 5, 6], "three points or more"),
        ([[1, 2, 3, 4, 5, float("nan")]], "finite numbers"),
        ([[1, 2, 3, 4, 5, "6"]], "finite numbers"),
        ({"size": [2, 3], "counts": [4, 2]}, "its size is [2, 3], its image's [3, 2]"),
        ({"counts": [4, 2]}, "its size is None"),
        ({"size": [3, 2], "counts": [4, 1]}, "its runs cover 5 pixels, its image has 6"),
        ({"size": [3, 2], "counts": [7, -1]}, "whole numbers from 0"),
        ({"size": [3, 2], "counts": [True] * 6}, "whole numbers from 0"),
        ({"size": [3, 2], "counts": None}, "whole numbers from 0"),
        ({"size": [3, 2], "counts": "\x7f"}, "holds what is no such code"),
        ({"size": [3, 2], "counts": "o" * 99}, "holds what is no such code"),
        ({"size": [3, 2], "counts": "o"}, "is cut short"),
    ],
)
def test_what_is_no_segmentation_is_refused(segmentation: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        segmentation_rings(segmentation, (3, 2))


def test_what_would_take_all_memory_or_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="more than 100,000,000 pixels"):
        segmentation_rings({"size": [10**6, 10**6], "counts": [10**12]}, (10**6, 10**6))
    monkeypatch.setattr(outlines, "MAX_EDGES", 10)
    with pytest.raises(ValueError, match="its border is longer than 10 pixels"):
        rings_of_mask(np.eye(4, dtype=bool))

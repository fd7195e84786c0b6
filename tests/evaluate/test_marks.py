"""Marks from maps, and the lesions they hit: by hand on small uneven maps, and laws that hold for any map."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from breastcad.core.geometry import box_of_mask
from breastcad.core.records import FindingRow
from breastcad.evaluate.marks import MapMark, component_mask, has_place, hit_lesions, marks_from_map

MAPS = arrays(np.float32, st.tuples(st.integers(1, 7), st.integers(1, 9)), elements=st.sampled_from([0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9]))


def mark_at(row, col, score=0.5):
    return MapMark(row, col, score, (row, col, row, col), (int(row), int(col)))


def lesion(name, box, geometry="box"):
    return FindingRow("made-up", name, "i", geometry=geometry, row0=box[0], col0=box[1], row1=box[2], col1=box[3])


def test_a_mark_stands_at_the_weighted_centroid_with_the_tight_box_of_its_component() -> None:
    """Component at .5 x .8: .8 at (1, 3), .4 at (1, 4) and (2, 4).

    Column (.8 * 3.5 + .4 * 4.5 * 2) / 1.6 = 4, row (.8 * 1.5 + .4 * 1.5 + .4 * 2.5) / 1.6 = 1.75.
    """
    scores = np.zeros((4, 7), np.float64)
    scores[1, 3], scores[1, 4], scores[2, 4], scores[1, 2] = 0.8, 0.4, 0.4, 0.39
    (mark,) = marks_from_map(scores, floor=0.1, level=0.5, max_marks=9)
    assert mark.box == (1, 3, 3, 5)
    assert (mark.row, mark.col) == (pytest.approx(1.75), pytest.approx(4.0))
    assert (mark.score, mark.peak) == (0.8, (1, 3))


def test_two_blobs_give_two_marks_best_first() -> None:
    scores = np.zeros((3, 8), np.float32)
    scores[0, 0], scores[2, 5:7] = 0.4, 0.9
    marks = marks_from_map(scores, floor=0.1, level=0.5, max_marks=9)
    assert [(mark.row, mark.col) for mark in marks] == [(2.5, 6.0), (0.5, 0.5)]


def test_a_shoulder_gives_no_mark_of_its_own() -> None:
    """The way from the .5 peak to the .9 peak never falls below .25: one mark. Where it falls to .2, there are two."""
    assert len(marks_from_map(np.array([[0.9, 0.3, 0.5]]), floor=0.05, level=0.5, max_marks=9)) == 1
    assert len(marks_from_map(np.array([[0.9, 0.2, 0.5]]), floor=0.05, level=0.5, max_marks=9)) == 2


def test_pixels_that_touch_at_a_corner_are_one_component() -> None:
    assert len(marks_from_map(np.array([[0.9, 0.0], [0.0, 0.8]]), floor=0.05, level=0.5, max_marks=9)) == 1


def test_a_bent_component_is_marked_at_its_peak() -> None:
    scores = np.zeros((5, 5))
    scores[0, :] = scores[4, :] = scores[:, 0] = 0.6  # a C, whose centroid lies in its opening
    scores[4, 4] = 0.9
    (mark,) = marks_from_map(scores, floor=0.1, level=0.5, max_marks=3)
    assert (mark.row, mark.col) == (4.5, 4.5)


def test_floor_and_number_of_marks_are_kept() -> None:
    scores = np.array([[0.9, 0, 0.5, 0, 0.3, 0, 0.1]], np.float32)
    assert len(marks_from_map(scores, floor=0.3, level=0.9, max_marks=9)) == 3
    assert [round(mark.score, 1) for mark in marks_from_map(scores, floor=0.3, level=0.9, max_marks=2)] == [0.9, 0.5]
    assert marks_from_map(scores, floor=0.3, level=0.9, max_marks=0) == []


def test_an_empty_map_has_no_marks_even_without_a_floor() -> None:
    assert marks_from_map(np.zeros((3, 4), np.float32), floor=0.0, level=0.5, max_marks=9) == []


@given(MAPS, st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_marks_fall_in_score_and_their_components_hold_them_and_never_overlap(scores, level) -> None:
    marks = marks_from_map(scores, floor=0.15, level=level, max_marks=99)
    components = [component_mask(scores, mark, level=level) for mark in marks]
    assert sum(components, np.zeros(scores.shape, int)).max(initial=0) <= 1
    assert all(first.score >= second.score for first, second in pairwise(marks))
    for mark, component in zip(marks, components, strict=True):
        assert box_of_mask(component) == mark.box
        assert component[int(mark.row), int(mark.col)]
        assert mark.score == scores[component].max() == scores[mark.peak] >= np.float32(0.15)


@given(MAPS)
def test_the_best_mark_has_the_highest_score_of_the_map(scores) -> None:
    marks = marks_from_map(scores, floor=0.0, level=0.5, max_marks=1)
    assert [mark.score for mark in marks] == ([scores.max()] if scores.max() > 0 else [])


@given(MAPS)
def test_transposing_the_map_transposes_the_places_that_are_marked(scores) -> None:
    marked = np.zeros(scores.shape, bool)
    for mark in marks_from_map(scores, floor=0.15, level=0.5, max_marks=99):
        marked |= component_mask(scores, mark, level=0.5)
    other = np.zeros(scores.T.shape, bool)
    for mark in marks_from_map(scores.T, floor=0.15, level=0.5, max_marks=99):
        other |= component_mask(scores.T, mark, level=0.5)
    assert (marked == other.T).all()


def test_marks_do_not_change_the_map() -> None:
    scores = np.array([[0.9, 0.2, 0.5]], np.float32)
    before = scores.copy()
    marks_from_map(scores, floor=0.1, level=0.5, max_marks=9)
    assert (scores == before).all()


@pytest.mark.parametrize(
    ("scores", "settings", "message"),
    [
        (np.zeros((2, 2, 2)), {}, r"two dimensions and pixels, got shape \(2, 2, 2\)"),
        (np.zeros((0, 2)), {}, "two dimensions and pixels"),
        (np.array([[0.1, np.nan]]), {}, "score_map must be finite: 1 of 2 pixels are not"),
        (np.zeros((2, 2)), {"level": 0}, r"level must lie in \(0, 1\], got 0"),
        (np.zeros((2, 2)), {"level": 1.1}, r"level must lie in \(0, 1\], got 1.1"),
        (np.zeros((2, 2)), {"max_marks": -1}, "max_marks must not be negative, got -1"),
    ],
)
def test_maps_and_settings_that_cannot_be_used_are_refused(scores, settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        marks_from_map(scores, **{"floor": 0.1, "level": 0.5, "max_marks": 3, **settings})


def test_a_mark_hits_a_box_half_open() -> None:
    box = lesion("f", (2, 3, 5, 9))
    assert hit_lesions([mark_at(2, 3), mark_at(4.99, 8.99), mark_at(5, 4), mark_at(4, 9), mark_at(3, 2.9)], [box]) == [
        "f",
        "f",
        None,
        None,
        None,
    ]


def test_a_mark_on_the_edge_of_a_circle_hits_it_and_one_in_the_corner_of_its_box_does_not() -> None:
    """Centre (10, 20), radius 5: (13, 24) lies 5 away, (14, 24) sqrt(32) = 5.66."""
    circle = lesion("f", (5, 15, 15, 25), "circle")
    assert hit_lesions([mark_at(13, 24), mark_at(14, 24)], [circle]) == ["f", None]


def test_an_ellipse_is_wider_than_high_where_its_box_is() -> None:
    ellipse = lesion("f", (0, 0, 4, 20), "ellipse")
    assert hit_lesions([mark_at(2, 19), mark_at(3.9, 17)], [ellipse]) == ["f", None]


def test_a_mark_in_two_lesions_hits_the_one_whose_centre_is_nearer() -> None:
    """STYLE's example C: L1 (10, 10), L2 (14, 10), both of radius 5; a mark 1 and 3 away."""
    lesions = [lesion("L2", (9, 5, 19, 15), "circle"), lesion("L1", (5, 5, 15, 15), "circle")]
    assert hit_lesions([mark_at(11, 10), mark_at(13, 10)], lesions) == ["L1", "L2"]


def test_a_lesion_without_a_place_is_never_hit() -> None:
    nowhere = FindingRow("made-up", "f", "i")
    empty = lesion("g", (1, 1, 1, 5))
    assert hit_lesions([mark_at(1, 2)], [nowhere, empty]) == [None]
    assert [has_place(one) for one in (nowhere, empty, lesion("h", (0, 0, 1, 1)))] == [False, False, True]

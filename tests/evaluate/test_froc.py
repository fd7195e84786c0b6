"""Free-response figures: three examples worked by hand, and laws that hold for any marks.

The examples are those of the project's style guide: lesions are circles, a mark within the radius (edge included) hits the nearest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.records import FindingRow, MarkRow
from breastcad.evaluate.froc import froc_curve, rate, sensitivity_at, sensitivity_statistic
from breastcad.evaluate.marks import hit_lesions

# image -> lesions (name, x, y, radius); image -> marks (x, y, score); x is the column, y the row.
EXAMPLE_A = (
    {"A1": [("L1", 10, 10, 5), ("L2", 30, 30, 5)], "A2": [("L3", 20, 20, 4), ("L4", 40, 10, 4)], "A3": []},
    {"A1": [(13, 14, 0.9), (50, 50, 0.7), (30, 32, 0.7)], "A2": [(20, 21, 0.5), (5, 5, 0.6)], "A3": [(20, 20, 0.8), (25, 40, 0.3)]},
)
EXAMPLE_B = (
    {"B1": [("L1", 10, 10, 5), ("L2", 40, 40, 5)], "B2": []},
    {"B1": [(13, 10, 0.9), (10, 10, 0.6), (70, 70, 0.8), (41, 40, 0.4)], "B2": [(40, 41, 0.5)]},
)
EXAMPLE_C = ({"C1": [("L1", 10, 10, 5), ("L2", 14, 10, 5)]}, {"C1": [(11, 10, 0.9)]})
RATES = (0, 0.5, 1, 2)


def ratings(example, *, backwards=False, change=lambda score: score, more_images=()):
    lesions_of, marks_of = example
    lesions, marks = [], []
    for image, placed in lesions_of.items():
        circles = [FindingRow("a", n, image, geometry="circle", row0=y - r, col0=x - r, row1=y + r, col1=x + r) for n, x, y, r in placed]
        own = [MarkRow("a", image, 0, 0, y, x, score) for x, y, score in marks_of[image]]
        lesions += [(image, circle.finding_id) for circle in circles]
        marks += [(image, change(mark.score), hit) for mark, hit in zip(own, hit_lesions(own, circles), strict=True)]
    return rate([*lesions_of, *more_images], lesions, marks[::-1] if backwards else marks)


def points(given):
    curve = froc_curve(given)
    return [tuple(round(float(number), 9) for number in point) for point in zip(curve.thresholds, curve.llf, curve.nlf, strict=True)]


def sensitivities(given):
    curve = froc_curve(given)
    return [sensitivity_at(curve.nlf, curve.llf, allowed)[0] for allowed in RATES]


def test_example_a_ties_are_one_step_and_normals_count_in_the_rate() -> None:
    """m1 hits L1 on the edge (3-4-5); m2 and m3 tie at .7; m6 lies where L3 does, but on another image; L4 is missed."""
    third, two_thirds, four_thirds = 0.333333333, 0.666666667, 1.333333333
    wanted = [(0.9, 0.25, 0), (0.8, 0.25, third), (0.7, 0.5, two_thirds), (0.6, 0.5, 1), (0.5, 0.75, 1), (0.3, 0.75, four_thirds)]
    assert points(ratings(EXAMPLE_A)) == wanted
    assert sensitivities(ratings(EXAMPLE_A)) == [0.25, 0.25, 0.75, 0.75]


def test_example_b_a_lesion_has_its_best_mark_and_the_other_counts_for_nothing() -> None:
    """b1 and b2 both hit L1: .9 counts, .6 is neither hit nor false; every lesion is found, and the lowest score stays a point."""
    assert points(ratings(EXAMPLE_B)) == [(0.9, 0.5, 0), (0.8, 0.5, 0.5), (0.5, 0.5, 1), (0.4, 1, 1)]
    assert sensitivities(ratings(EXAMPLE_B)) == [0.5, 0.5, 1, 1]


def test_example_c_one_mark_in_two_lesions_finds_one() -> None:
    assert points(ratings(EXAMPLE_C)) == [(0.9, 0.5, 0)]
    assert sensitivities(ratings(EXAMPLE_C)) == [0.5, 0.5, 0.5, 0.5]


def test_the_rate_asked_for_may_lie_past_the_end_and_the_point_used_is_told() -> None:
    curve = froc_curve(ratings(EXAMPLE_A))
    assert sensitivity_at(curve.nlf, curve.llf, 2) == (0.75, 4)
    assert curve.thresholds[4] == 0.5


@pytest.mark.parametrize("example", [EXAMPLE_A, EXAMPLE_B, EXAMPLE_C])
@pytest.mark.parametrize("change", [lambda s: s - 5, lambda s: s**3, lambda s: -1 / s])
def test_a_rising_map_of_scores_moves_no_point(example, change) -> None:
    assert [point[1:] for point in points(ratings(example, change=change))] == [point[1:] for point in points(ratings(example))]


IMAGES = [f"i{number}" for number in range(5)]
LESIONS = [("i0", "a"), ("i0", "b"), ("i1", "a"), ("i3", "a")]
MARKS = st.lists(
    st.tuples(st.sampled_from(IMAGES), st.integers(1, 6), st.sampled_from(["a", "b", None])).map(
        lambda mark: (mark[0], mark[1] / 8, mark[2] if (mark[0], mark[2]) in LESIONS else None)
    ),
    max_size=20,
)


def same(first, second):
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in ("thresholds", "llf", "nlf"))


@given(MARKS, st.randoms(use_true_random=False))
def test_the_order_of_marks_does_not_matter(marks, random) -> None:
    shuffled = random.sample(marks, len(marks))
    assert same(froc_curve(rate(IMAGES, LESIONS, marks)), froc_curve(rate(IMAGES, LESIONS, shuffled)))


@given(MARKS)
def test_an_unmarked_normal_image_only_thins_the_false_marks(marks) -> None:
    before, after = froc_curve(rate(IMAGES, LESIONS, marks)), froc_curve(rate([*IMAGES, "new"], LESIONS, marks))
    assert np.array_equal(before.llf, after.llf)
    assert after.nlf * 6 == pytest.approx(before.nlf * 5)


@given(MARKS)
def test_both_axes_rise_along_the_curve(marks) -> None:
    curve = froc_curve(rate(IMAGES, LESIONS, marks))
    assert (np.diff(curve.llf) >= 0).all()
    assert (np.diff(curve.nlf) >= 0).all()
    assert (np.diff(curve.thresholds) < 0).all()


@given(MARKS)
def test_a_second_mark_on_a_found_lesion_changes_nothing(marks) -> None:
    best = {}
    for image, score, hit in marks:
        if hit is not None:
            best[image, hit] = max(best.get((image, hit), 0), score)
    more = [(image, score / 2, hit) for (image, hit), score in best.items()]
    assert same(froc_curve(rate(IMAGES, LESIONS, marks)), froc_curve(rate(IMAGES, LESIONS, marks + more)))


@given(MARKS, st.lists(st.integers(0, 3), min_size=5, max_size=5), st.sampled_from([0.25, 0.5, 1, 2]))
def test_the_weighted_sensitivity_is_that_of_the_images_written_out(marks, weights, allowed) -> None:
    given = rate(IMAGES, LESIONS, marks)
    value = sensitivity_statistic(given, allowed)(np.array([weights, [1] * 5], float))
    plain = froc_curve(given)
    assert value[1] == pytest.approx(sensitivity_at(plain.nlf, plain.llf, allowed)[0])
    copies = [(image, copy) for image, weight in zip(IMAGES, weights, strict=True) for copy in range(weight)]
    lesions = [(image, name) for image in copies for where, name in LESIONS if where == image[0]]
    if not lesions:
        assert np.isnan(value[0])
        return
    drawn = froc_curve(rate(copies, lesions, [(image, score, hit) for image in copies for where, score, hit in marks if where == image[0]]))
    assert value[0] == pytest.approx(sensitivity_at(drawn.nlf, drawn.llf, allowed)[0])


def test_without_marks_nothing_is_found() -> None:
    given = rate(IMAGES, LESIONS, [])
    assert froc_curve(given).llf.size == 0
    assert sensitivity_at([], [], 1) == (0.0, None)
    assert sensitivity_statistic(given, 1.0)(np.ones((3, 5))).tolist() == [0.0] * 3


def test_many_marks_are_weighed_in_parts(monkeypatch) -> None:
    given = ratings(EXAMPLE_A)
    weights = np.random.default_rng(1).integers(0, 3, (50, 3)).astype(float) + 1
    whole = sensitivity_statistic(given, 0.5)(weights)
    monkeypatch.setattr("breastcad.evaluate.froc._CELLS", 20)
    assert np.array_equal(sensitivity_statistic(given, 0.5)(weights), whole)


@pytest.mark.parametrize(
    ("images", "lesions", "marks", "message"),
    [
        (["a", "a"], [], [], "images must be listed once each, 1 stand more than once"),
        (["a"], [("b", "1")], [], "lesion '1' is on image 'b', which is not listed"),
        (["a"], [("a", "1"), ("a", "1")], [], "lesion '1' of image 'a' is listed twice"),
        (["a"], [], [("b", 0.5, None)], "a mark must be on a listed image with a finite score, got 'b' and 0.5"),
        (["a"], [], [("a", float("nan"), None)], "with a finite score, got 'a' and nan"),
        (["a"], [], [("a", 0.5, "1")], "a mark hits lesion '1', which image 'a' does not have"),
    ],
)
def test_marks_and_lesions_that_do_not_fit_are_refused(images, lesions, marks, message) -> None:
    with pytest.raises(ValueError, match=message):
        rate(images, lesions, marks)


def test_a_curve_without_lesions_is_refused() -> None:
    with pytest.raises(ValueError, match="needs at least one lesion, the 2 images have none"):
        froc_curve(rate(["a", "b"], [], [("a", 0.5, None)]))


def test_points_that_are_no_curve_are_refused() -> None:
    with pytest.raises(ValueError, match=r"equally long, got shapes \(2,\) and \(1,\)"):
        sensitivity_at([0, 1], [0.5], 1)
    with pytest.raises(ValueError, match="nlf must not fall"):
        sensitivity_at([1, 0], [0.5, 0.6], 1)


def test_ratings_are_not_changed_by_drawing_a_curve() -> None:
    given = ratings(EXAMPLE_A)
    copy = replace(given, scores=given.scores.copy())
    froc_curve(given)
    assert np.array_equal(given.scores, copy.scores)

"""Free-response figures: three examples worked by hand, and laws that hold for any marks.

The examples are those of the project's style guide: lesions are circles, a mark within the radius (edge included) hits the nearest.
"""

from __future__ import annotations

from dataclasses import replace
from math import hypot

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


# ---- scorers that make one mistake each, on purpose: the examples must tell every one of them from the right one ----


def scored(
    example, *, near=lambda d, r: d <= r, of_image=True, credit=lambda hits: [min(hits)], best=max, again=None, images=None, marks=None
):
    """Score an example from its places: the lesions' scores, the false marks', and what they are shares of; each part can be done wrong.

    ``best`` combines the scores of marks on one lesion, in their order; ``again`` says what a further mark on a found lesion also is.
    """
    lesions_of, marks_of = example
    counted = list(lesions_of) if images is None else images(lesions_of)
    found, false, more = {}, [], []
    for image, own in marks_of.items():
        for x, y, score in own if marks is None or image in counted else ():
            places = [(where, lesion) for where, lesions in lesions_of.items() for lesion in lesions if where == image or not of_image]
            far = [(hypot(x - own_x, y - own_y), radius, where + name) for where, (name, own_x, own_y, radius) in places]
            hits = [(distance, lesion) for distance, radius, lesion in far if near(distance, radius)]
            if not hits:
                false.append(score)
            for distance, lesion in credit(hits) if hits else ():
                if lesion in found:
                    more.append(score)
                found.setdefault(lesion, []).append((score, distance))
    lesions = [best([score for score, _ in own]) if best is not closest else closest(own) for own in found.values()]
    total = sum(len(own) for own in lesions_of.values())
    return lesions + (more if again == "hit" else []), false + (more if again == "false" else []), total, len(counted), len(found)


def closest(own):
    """The score of the mark nearest to the lesion."""
    return min(own, key=lambda one: one[1])[0]


def with_lesions(lesions_of):
    return [image for image, own in lesions_of.items() if own]


def curve_of(lesions, false, total, images, *, reaches=lambda s, t: s >= t, thresholds=lambda all_of: all_of, clip=False):
    """Read the operating points off scores: (threshold, share of lesions, false marks an image)."""
    found = []
    for t in thresholds(sorted({*lesions, *false}, reverse=True)):
        share = sum(reaches(s, t) for s in lesions) / total
        found.append((t, round(min(share, 1.0) if clip else share, 9), round(sum(reaches(s, t) for s in false) / images, 9)))
    return found


def mark_by_mark(example, first):
    """Points after each mark, ties not taken together: lesions first, or false marks first."""
    lesions, false, total, images, _ = scored(example)
    order = sorted([(-s, 0 if first == "hit" else 1, 1) for s in lesions] + [(-s, 1 if first == "hit" else 0, 0) for s in false])
    hits = np.cumsum([hit for _, _, hit in order])
    steps = enumerate(zip(order, hits, strict=True), start=1)
    return [(-s, round(n / total, 9), round((k - n) / images, 9)) for k, ((s, _, _), n) in steps]


def plainly(example, points_of=curve_of, **mistake):
    lesions, false, total, images, _ = scored(example, **mistake)
    return points_of(lesions, false, total, images)


def over_found(example):
    lesions, false, _, images, found = scored(example)
    return curve_of(lesions, false, found, images)


def over_images(example):
    lesions, false, _, images, _ = scored(example)
    return curve_of(lesions, false, len(with_lesions(example[0])), images)


def without_lowest(example):
    lesions, false, total, images, found = scored(example)
    return curve_of(lesions, false, total, images, thresholds=lambda all_of: all_of[:-1] if found == total else all_of)


MISTAKES = {
    "two hits on one lesion count twice": lambda e: plainly(e, again="hit"),
    "two hits count twice, clipped to 1": lambda e: plainly(e, lambda *a: curve_of(*a, clip=True), again="hit"),
    "a second mark on a found lesion is false": lambda e: plainly(e, again="false"),
    "a lesion takes its first mark": lambda e: plainly(e, best=lambda scores: scores[0]),
    "a lesion takes its last mark": lambda e: plainly(e, best=lambda scores: scores[-1]),
    "a lesion takes its closest mark": lambda e: plainly(e, best=closest),
    "normal images are left out of the rate": lambda e: plainly(e, images=with_lesions),
    "normal images are dropped with their marks": lambda e: plainly(e, images=with_lesions, marks="dropped"),
    "divided by the lesions found": over_found,
    "divided by the images with a lesion": over_images,
    "the image is ignored": lambda e: plainly(e, of_image=False),
    "the edge is no hit": lambda e: plainly(e, near=lambda d, r: d < r),
    "a score at the threshold does not count": lambda e: plainly(e, lambda *a: curve_of(*a, reaches=lambda s, t: s > t)),
    "ties mark by mark, hits first": lambda e: mark_by_mark(e, "hit"),
    "ties mark by mark, false ones first": lambda e: mark_by_mark(e, "false"),
    "the lowest score means missed": without_lowest,
    "a mark finds two lesions": lambda e: plainly(e, credit=lambda hits: hits),
}


def reversed_marks(example):
    """The example with the marks of each image, and the images, in the other order."""
    return example[0], {image: own[::-1] for image, own in reversed(example[1].items())}


@pytest.mark.parametrize("example", [EXAMPLE_A, EXAMPLE_B, EXAMPLE_C])
def test_the_scorer_of_the_mistakes_is_right_without_one(example) -> None:
    assert plainly(example) == points(ratings(example))
    assert plainly(reversed_marks(example)) == points(ratings(example))


@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_is_caught_by_an_example(name) -> None:
    """By the table of one of them, the marks read in one order or the other."""
    right = [points(ratings(example)) for example in (EXAMPLE_A, EXAMPLE_B, EXAMPLE_C)]
    wrong = [[MISTAKES[name](change(example)) for example in (EXAMPLE_A, EXAMPLE_B, EXAMPLE_C)] for change in (lambda e: e, reversed_marks)]
    assert any(table != known for tables in wrong for table, known in zip(tables, right, strict=True))


@pytest.mark.parametrize(
    ("name", "example", "said"),
    [
        ("two hits on one lesion count twice", EXAMPLE_B, [0.5, 1, 1.5, 1.5]),
        ("two hits count twice, clipped to 1", EXAMPLE_B, [0.5, 1, 1, 1]),
        ("a second mark on a found lesion is false", EXAMPLE_B, [0.5, 0.5, 0.5, 1]),
        ("a lesion takes its last mark", EXAMPLE_B, [0, 0.5, 1, 1]),
        ("normal images are left out of the rate", EXAMPLE_A, [0.25, 0.25, 0.5, 0.75]),
        ("normal images are dropped with their marks", EXAMPLE_A, [0.25, 0.5, 0.75, 0.75]),
        ("the image is ignored", EXAMPLE_A, [0.5, 0.75, 0.75, 0.75]),
        ("the edge is no hit", EXAMPLE_A, [0, 0, 0.25, 0.5]),
        ("a score at the threshold does not count", EXAMPLE_B, [0.5, 0.5, 0.5, 0.5]),
        ("ties mark by mark, hits first", EXAMPLE_A, [0.25, 0.5, 0.75, 0.75]),
        ("the lowest score means missed", EXAMPLE_B, [0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_a_mistake_prints_what_the_table_of_mistakes_says(name, example, said) -> None:
    found = MISTAKES[name](example)
    assert [max([0, *(llf for _, llf, nlf in found if nlf <= allowed)]) for allowed in RATES] == said


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

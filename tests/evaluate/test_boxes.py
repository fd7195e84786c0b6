"""Boxes from maps, their suppression and merging, what they hit, and the three free-response examples from maps to the curve."""

from __future__ import annotations

import importlib.util
from itertools import permutations
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.geometry import box_iou, point_in_box
from breastcad.core.placement import Placement
from breastcad.core.records import FindingRow
from breastcad.evaluate.boxes import ScoredBox, boxes_from_map, hit_rule, hits, merged, non_maximum_suppression
from breastcad.evaluate.froc import Ratings, froc_curve, rate, sensitivity_at

WHOLE = st.integers(0, 20)


@st.composite
def scored_boxes(draw: st.DrawFn) -> ScoredBox:
    row, col, height, width = draw(WHOLE), draw(WHOLE), draw(st.integers(1, 12)), draw(st.integers(1, 12))
    return ScoredBox(row + height / 2, col + width / 2, draw(st.integers(1, 9)) / 10, (row, col, row + height, col + width))


def box(score: float, *edges: float) -> ScoredBox:
    row0, col0, row1, col1 = edges
    return ScoredBox((row0 + row1) / 2, (col0 + col1) / 2, score, (row0, col0, row1, col1))


# ---- maps to boxes ----


def test_a_map_of_a_part_of_the_film_gives_boxes_on_the_film() -> None:
    """A map of 2 x 3 over the part of 40 x 90 pixels that begins at (100, 10): a pixel of it is 20 x 30.

    Its peak (1, 2) alone reaches half of it: rows 120 to 140, columns 70 to 100, centre (130, 85); (0, 0) is a component of its own.
    """
    scores = np.array([[0.3, 0.0, 0.1], [0.0, 0.1, 0.8]])
    place = Placement().cropped(100, 10).resized((40, 90), (2, 3))
    assert boxes_from_map(scores, place, level=0.5, most=2) == [
        ScoredBox(130.0, 85.0, 0.8, (120.0, 70.0, 140.0, 100.0)),
        ScoredBox(110.0, 25.0, 0.3, (100.0, 10.0, 120.0, 40.0)),
    ]
    assert len(boxes_from_map(scores, place, level=0.5, most=9, floor=0.5)) == 1


def test_what_speaks_against_a_class_is_in_no_box() -> None:
    assert boxes_from_map(np.array([[-1.0, -0.2], [0.0, -3.0]]), Placement(), level=0.5, most=5) == []


def test_a_flipped_map_with_a_flipped_placement_gives_the_same_boxes() -> None:
    scores = np.random.default_rng(2).random((7, 11))
    place = Placement(row_step=3.0, col_step=2.0)
    flipped = boxes_from_map(scores[:, ::-1], place.flipped_columns(11), level=0.9, most=30)
    plain = boxes_from_map(scores, place, level=0.9, most=30)
    assert [round(one.score, 9) for one in flipped] == [round(one.score, 9) for one in plain]
    np.testing.assert_allclose([one.box for one in flipped], [one.box for one in plain])


# ---- suppression ----


@given(st.lists(scored_boxes(), max_size=12), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_suppression_done_twice_is_done_once(boxes: list[ScoredBox], iou: float) -> None:
    once = non_maximum_suppression(boxes, iou=iou)
    assert non_maximum_suppression(once, iou=iou) == once
    assert all(box_iou(one.box, other.box) <= iou for one in once for other in once if one is not other)


@given(st.lists(scored_boxes(), max_size=8), st.randoms(use_true_random=False))
def test_suppression_and_merging_do_not_depend_on_the_order(boxes: list[ScoredBox], random) -> None:
    shuffled = random.sample(boxes, len(boxes))
    assert non_maximum_suppression(shuffled, iou=0.4) == non_maximum_suppression(boxes, iou=0.4)
    assert merged(shuffled, share=0.4) == merged(boxes, share=0.4)


@pytest.mark.train
@given(st.lists(scored_boxes(), min_size=1, max_size=12, unique_by=lambda one: one.score), st.sampled_from([0.1, 0.35, 0.5, 0.7]))
def test_suppression_is_that_of_torchvision(boxes: list[ScoredBox], iou: float) -> None:
    torch, ops = pytest.importorskip("torch"), pytest.importorskip("torchvision.ops")
    corners = torch.tensor([[one.box[1], one.box[0], one.box[3], one.box[2]] for one in boxes], dtype=torch.float64)
    kept = ops.nms(corners, torch.tensor([one.score for one in boxes], dtype=torch.float64), iou)
    assert non_maximum_suppression(boxes, iou=iou) == [boxes[int(number)] for number in kept]


# ---- merging across windows ----


def test_windows_that_cut_a_lesion_give_one_box_of_it() -> None:
    """The lesion spans columns 0 to 30; one window sees 0 to 16, the next 12 to 28, a third 40 to 50, another place.

    Of 16 columns the first two share 4: a quarter. Over .2 they are one box, over .3 two.
    """
    seen = [box(0.6, 0, 0, 10, 16), box(0.9, 0, 12, 10, 28), box(0.5, 0, 40, 10, 50)]
    assert merged(seen, share=0.2) == [ScoredBox(5.0, 20.0, 0.9, (0, 0, 10, 28)), seen[2]]
    assert merged(seen, share=0.3) == [seen[1], seen[0], seen[2]]


def test_chains_of_boxes_do_not_grow() -> None:
    """Each overlaps the next by half, the first and third not at all: the third is no part of the first's."""
    chain = [box(0.9, 0, 0, 10, 10), box(0.8, 0, 5, 10, 15), box(0.7, 0, 10, 10, 20)]
    assert [one.box for one in merged(chain, share=0.4)] == [(0, 0, 10, 15), (0, 10, 10, 20)]


@given(st.lists(scored_boxes(), max_size=10), st.sampled_from([0.0, 0.5, 1.0]))
def test_merging_covers_what_was_there_and_invents_no_score(boxes: list[ScoredBox], share: float) -> None:
    joined = merged(boxes, share=share)
    assert {one.score for one in joined} <= {one.score for one in boxes}
    for one in boxes:
        assert any(box_iou(one.box, (*_inside(one.box, whole.box),)) == 1 for whole in joined)


def _inside(part, whole):
    return max(part[0], whole[0]), max(part[1], whole[1]), min(part[2], whole[2]), min(part[3], whole[3])


# ---- hits ----

LESIONS = [
    FindingRow("a", "wide", "i", geometry="box", row0=0, col0=0, row1=10, col1=40),
    FindingRow("a", "round", "i", geometry="circle", row0=20, col0=20, row1=30, col1=30),
    FindingRow("a", "nowhere", "i"),
]


def test_a_box_hits_by_its_position_or_by_its_overlap() -> None:
    """The first lies inside the wide lesion, of which it is a tenth (40 of 400); the second is the round one's box, shifted by 5: 1 / 3."""
    boxes = [box(0.9, 2, 2, 6, 12), box(0.8, 20, 25, 30, 35), box(0.7, 50, 50, 60, 60)]
    assert hits(boxes, LESIONS) == ["wide", "round", None]
    assert hits(boxes, LESIONS, iou=0.1) == ["wide", "round", None]
    assert hits(boxes, LESIONS, iou=0.3) == [None, "round", None]
    assert hits(boxes, LESIONS, iou=0.34) == [None, None, None]
    assert hits(boxes, [], iou=0.1) == [None, None, None]
    assert "its position lies" in hit_rule()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: non_maximum_suppression([], iou=1.5), r"iou must lie in \[0, 1\], got 1.5"),
        (lambda: merged([], share=-0.1), r"share must lie in \[0, 1\], got -0.1"),
        (lambda: hits([], [], iou=0.0), r"iou must lie in \(0, 1\], got 0.0"),
    ],
)
def test_shares_that_are_none_are_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# ---- the three examples of the style guide, from a map to the curve ----


def _froc_examples() -> ModuleType:
    spec = importlib.util.spec_from_file_location("froc_examples", Path(__file__).with_name("test_froc.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FROC = _froc_examples()
EXAMPLES = {"A": FROC.EXAMPLE_A, "B": FROC.EXAMPLE_B, "C": FROC.EXAMPLE_C}
SAID = {"A": [0.25, 0.25, 0.75, 0.75], "B": [0.5, 0.5, 1, 1], "C": [0.5, 0.5, 0.5, 0.5]}
# Two pixels across and one down to a unit, their centres on whole numbers: another step down than across, so that a swap shows.
PLACE = Placement(row=-0.5, col=-0.25, row_step=1.0, col_step=0.5)


def boxes_of(example, *, backwards: bool = False) -> dict[str, list[ScoredBox]]:
    """Paint the marks of an example into maps, a pixel each, and read the boxes off these."""
    found = {}
    for image, marks in example[1].items():
        scores = np.zeros((80, 160))
        for x, y, score in marks:
            scores[int(y), 2 * int(x)] = score
        boxes = boxes_from_map(scores, PLACE, level=0.5, most=20)
        found[image] = boxes[::-1] if backwards else boxes
    return found


def seen(example, **how) -> tuple[dict, dict]:
    """The example with its marks as this path sees them."""
    return example[0], {image: [(one.col, one.row, one.score) for one in own] for image, own in boxes_of(example, **how).items()}


def ratings_of(example, *, change=lambda score: score, more_images=(), **how) -> Ratings:
    lesions, marks = [], []
    for image, own in boxes_of(example, **how).items():
        circles = [
            FindingRow("a", name, image, geometry="circle", row0=y - r, col0=x - r, row1=y + r, col1=x + r)
            for name, x, y, r in example[0][image]
        ]
        lesions += [(image, circle.finding_id) for circle in circles]
        marks += [(image, change(one.score), hit) for one, hit in zip(own, hits(own, circles), strict=True)]
    return rate([*example[0], *more_images], lesions, marks)


def sensitivities(ratings: Ratings) -> list[float]:
    curve = froc_curve(ratings)
    return [sensitivity_at(curve.nlf, curve.llf, allowed)[0] for allowed in FROC.RATES]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_painted_into_maps_come_back_as_their_marks(name: str) -> None:
    for image, marks in EXAMPLES[name][1].items():
        assert sorted(seen(EXAMPLES[name])[1][image]) == sorted(marks)
        assert all(point_in_box((one.row, one.col), one.box) for one in boxes_of(EXAMPLES[name])[image])


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_give_the_table_of_the_style_guide_from_maps(name: str, backwards: bool) -> None:
    """A: m1 hits L1 on the edge (3-4-5), m2 and m3 tie, m6 is on the wrong image; B: two marks on one lesion; C: one mark in two."""
    found = ratings_of(EXAMPLES[name], backwards=backwards)
    assert FROC.points(found) == FROC.points(FROC.ratings(EXAMPLES[name]))
    assert sensitivities(found) == SAID[name]


def test_example_a_point_by_point_from_maps() -> None:
    third = 0.333333333
    wanted = [(0.9, 0.25, 0), (0.8, 0.25, third), (0.7, 0.5, 2 / 3), (0.6, 0.5, 1), (0.5, 0.75, 1), (0.3, 0.75, 4 / 3)]
    assert FROC.points(ratings_of(EXAMPLES["A"])) == [tuple(round(number, 9) for number in point) for point in wanted]


@pytest.mark.parametrize("mistake", FROC.MISTAKES)
def test_every_mistake_would_be_seen_on_this_path(mistake: str) -> None:
    """Each mistake of the style guide's table, made on the boxes of these maps, in one order or the other, gives another curve."""
    wrong = FROC.MISTAKES[mistake]
    assert any(
        wrong(seen(example, backwards=backwards)) != FROC.points(ratings_of(example))
        for example, backwards in ((one, order) for one in EXAMPLES.values() for order in (False, True))
    )


@pytest.mark.parametrize(
    ("mistake", "name", "said"),
    [
        ("two hits on one lesion count twice", "B", [0.5, 1, 1.5, 1.5]),
        ("two hits count twice, clipped to 1", "B", [0.5, 1, 1, 1]),
        ("a second mark on a found lesion is false", "B", [0.5, 0.5, 0.5, 1]),
        ("a lesion takes its closest mark", "B", [0, 0.5, 1, 1]),
        ("normal images are left out of the rate", "A", [0.25, 0.25, 0.5, 0.75]),
        ("normal images are dropped with their marks", "A", [0.25, 0.5, 0.75, 0.75]),
        ("the image is ignored", "A", [0.5, 0.75, 0.75, 0.75]),
        ("the edge is no hit", "A", [0, 0, 0.25, 0.5]),
        ("a score at the threshold does not count", "B", [0.5, 0.5, 0.5, 0.5]),
        ("ties mark by mark, hits first", "A", [0.25, 0.5, 0.75, 0.75]),
        ("the lowest score means missed", "B", [0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_a_mistake_on_this_path_prints_what_the_table_says(mistake: str, name: str, said: list[float]) -> None:
    found = FROC.MISTAKES[mistake](seen(EXAMPLES[name]))
    assert [max([0, *(llf for _, llf, nlf in found if nlf <= allowed)]) for allowed in FROC.RATES] == said


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("change", [lambda s: s - 5, lambda s: s**3, lambda s: -1 / s])
def test_a_rising_map_of_the_scores_of_boxes_moves_no_point(name: str, change) -> None:
    moved, plain = ratings_of(EXAMPLES[name], change=change), ratings_of(EXAMPLES[name])
    assert [point[1:] for point in FROC.points(moved)] == [point[1:] for point in FROC.points(plain)]


def test_a_film_without_boxes_or_lesions_only_thins_the_false_marks() -> None:
    before, after = froc_curve(ratings_of(EXAMPLES["A"])), froc_curve(ratings_of(EXAMPLES["A"], more_images=["A4"]))
    assert np.array_equal(before.llf, after.llf)
    assert after.nlf * 4 == pytest.approx(before.nlf * 3)


def test_all_orders_of_a_few_boxes_are_suppressed_alike() -> None:
    three = [box(0.5, 0, 0, 4, 4), box(0.5, 0, 1, 4, 5), box(0.5, 0, 2, 4, 6)]
    assert {tuple(non_maximum_suppression(order, iou=0.5)) for order in permutations(three)} == {(three[0], three[2])}

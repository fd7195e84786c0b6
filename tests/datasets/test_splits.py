"""Splits keep groups together, test each image once, stay balanced, and say what leaks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.errors import InputError
from breastcad.core.records import ImageRow, SplitRow
from breastcad.datasets.splits import TEST, TRAIN, VALIDATION, across, counts, holdout, kfold, leaks, nested, official

LABELS = ("normal", "benign", "malignant")


def image(image_id: str, label: str = "benign", name: str = "one", present: int = 1) -> ImageRow:
    return ImageRow(name, image_id, label=label, present=present)


@st.composite
def collections(draw: st.DrawFn) -> tuple[list[ImageRow], dict[tuple[str, str], str]]:
    """Draw images of two sets in 8 to 16 groups of 1 to 4, some groups across the sets."""
    images, groups = [], {}
    for group in range(draw(st.integers(8, 16))):
        for _ in range(draw(st.integers(1, 4))):
            row = image(f"i{len(images)}", draw(st.sampled_from(LABELS)), draw(st.sampled_from(("one", "two"))))
            images.append(row)
            groups[row.set, row.image_id] = f"g{group}"
    return images, groups


def parts(rows: list[SplitRow], outer: int) -> dict[str, str]:
    return {row.id: row.part for row in rows if row.outer == outer}


# ---- kfold ----


@given(collections(), st.integers(2, 5), st.integers(0, 3))
def test_every_image_is_tested_once_and_no_group_is_parted(
    drawn: tuple[list[ImageRow], dict[tuple[str, str], str]], folds: int, seed: int
) -> None:
    images, groups = drawn
    rows = kfold(images, groups, folds=folds, seed=seed)
    assert leaks(rows) == []
    assert Counter(row.id for row in rows if row.part == TEST) == {row.image_id: 1 for row in images}
    for outer in range(folds):
        assert list(parts(rows, outer)) == [row.image_id for row in images]
    assert {(row.set, row.id): row.group for row in rows} == groups


@given(collections(), st.integers(2, 4))
def test_parts_differ_from_their_share_by_less_than_the_largest_group(
    drawn: tuple[list[ImageRow], dict[tuple[str, str], str]], folds: int
) -> None:
    images, groups = drawn
    largest = max(Counter(groups.values()).values())
    rows = kfold(images, groups, folds=folds, seed=1)
    for outer in range(folds):
        sizes = Counter(parts(rows, outer).values())
        assert abs(sizes[TEST] - len(images) / folds) <= largest
        rest = len(images) - sizes[TEST]
        assert abs(sizes[VALIDATION] - rest / 6) <= largest


def test_labels_and_sets_are_dealt_out_evenly() -> None:
    """60 benign and 30 malignant of one set, 12 normal of another, all alone: thirds of 20, 10, 4, and a sixth of the rest."""
    images = [image(f"b{i}") for i in range(60)] + [image(f"m{i}", "malignant") for i in range(30)]
    images += [image(f"n{i}", "normal", "two") for i in range(12)]
    rows = kfold(images, {row.image_id: row.image_id for row in images}, folds=3, seed=0)
    for outer in range(3):
        found = Counter((row.id[0], row.part) for row in rows if row.outer == outer)
        assert (found["b", TEST], found["m", TEST], found["n", TEST]) == (20, 10, 4)
        assert found["b", VALIDATION] in (6, 7)
        assert found["m", VALIDATION] in (3, 4)
        assert found["n", VALIDATION] in (1, 2)


def test_small_parts_get_their_share_of_large_groups() -> None:
    """30 pairs and 30 single images: a validation part of a sixth holds pairs too, not only what is left over."""
    images = [image(f"p{i // 2}{'lr'[i % 2]}") for i in range(60)] + [image(f"s{i}") for i in range(30)]
    groups = {row.image_id: row.image_id.rstrip("lr") for row in images}
    rows = holdout(images, groups, seed=0, test_share=0, validation_share=1 / 6)
    sizes = Counter(Counter(row.group for row in rows if row.part == VALIDATION).values())
    assert sizes == {2: 5, 1: 5}


@pytest.mark.parametrize("seed", range(6))
def test_worst_label_stands_for_a_group(seed: int) -> None:
    """4 groups of a benign and a malignant image, 4 of two benign ones: each of 2 folds tests two of the first kind."""
    images = [image(f"{label[0]}{i}", label) for i in range(4) for label in ("benign", "malignant")]
    images += [image(f"{side}{i}") for i in range(4, 8) for side in "bc"]
    rows = kfold(images, {row.image_id: row.image_id[1:] for row in images}, folds=2, seed=seed)
    assert Counter((row.outer, row.id[0]) for row in rows if row.part == TEST and row.id[0] == "m") == {(0, "m"): 2, (1, "m"): 2}


def test_same_seed_same_split_whatever_the_order_of_groups() -> None:
    images = [image(f"i{i}", LABELS[i % 3]) for i in range(50)]
    groups = {row.image_id: f"g{int(row.image_id[1:]) // 2}" for row in images}
    rows = kfold(images, groups, folds=3, seed=4)
    assert rows == kfold(images, dict(reversed(groups.items())), folds=3, seed=4)
    assert rows != kfold(images, groups, folds=3, seed=5)
    again = kfold(images, groups, folds=3, seed=4, repeat=1)
    assert {row.repeat for row in again} == {1}
    assert [row.part for row in rows] != [row.part for row in again]


def test_images_that_are_not_present_get_no_row() -> None:
    images = [image("a"), image("b", present=0), image("c")]
    assert {row.id for row in kfold(images, {"a": "a", "c": "c"}, folds=2, seed=0)} == {"a", "c"}


def test_equal_ids_of_two_sets_are_two_images() -> None:
    images = [image("1", name="one"), image("1", name="two")]
    rows = kfold(images, {("one", "1"): "g", ("two", "1"): "h"}, folds=2, seed=0)
    assert Counter((row.set, row.group) for row in rows if row.part == TEST) == {("one", "g"): 1, ("two", "h"): 1}


def test_equal_ids_need_groups_by_set() -> None:
    with pytest.raises(ValueError, match=r"groups must go by \(set, image_id\): 'one' and 'two' both have an image '1'"):
        kfold([image("1", name="one"), image("1", name="two")], {"1": "g"}, folds=2, seed=0)


def test_an_image_without_a_group_is_refused() -> None:
    with pytest.raises(ValueError, match="every image needs a group, one 'b' has none"):
        kfold([image("a"), image("b")], {"a": "a"}, folds=2, seed=0)


def test_one_fold_is_refused() -> None:
    with pytest.raises(InputError, match="folds must be at least 2, got 1; for one test part use --kind holdout"):
        kfold([image("a")], {"a": "a"}, folds=1, seed=0)


def test_fewer_groups_than_folds_are_refused() -> None:
    with pytest.raises(InputError, match="3 folds need as many groups of images, got 2; choose fewer folds"):
        kfold([image("a"), image("b"), image("c")], {"a": "a", "b": "b", "c": "b"}, folds=3, seed=0)


@pytest.mark.parametrize("share", [-0.1, 1])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=rf"validation_share must be in \[0, 1\), got {share}"):
        kfold([image("a"), image("b")], {"a": "a", "b": "b"}, folds=2, seed=0, validation_share=share)
    with pytest.raises(ValueError, match=rf"test_share must be in \[0, 1\), got {share}"):
        holdout([image("a")], {"a": "a"}, seed=0, test_share=share)


# ---- nested ----


@given(collections(), st.integers(2, 4), st.integers(2, 3), st.integers(0, 3))
def test_nested_folds_never_see_what_their_outer_fold_tests(
    drawn: tuple[list[ImageRow], dict[tuple[str, str], str]], folds: int, inner_folds: int, seed: int
) -> None:
    images, groups = drawn
    rows = nested(images, groups, folds=folds, inner_folds=inner_folds, seed=seed)
    assert leaks(rows) == []
    assert Counter(row.id for row in rows if row.part == TEST) == {row.image_id: 1 for row in images}
    for outer in range(folds):
        own = [row for row in rows if row.outer == outer]
        tested = {row.group for row in own if row.part == TEST}
        inner = [row for row in own if row.inner]
        rest = {row.image_id for row in images if groups[row.set, row.image_id] not in tested}
        assert {row.part for row in inner} == {TRAIN, VALIDATION}
        assert Counter(row.id for row in inner if row.part == VALIDATION) == dict.fromkeys(rest, 1)
        assert Counter(row.id for row in inner if row.part == TRAIN) == dict.fromkeys(rest, inner_folds - 1)
        for number in range(1, inner_folds + 1):
            parts_of = defaultdict(set)
            for row in inner:
                if row.inner == number:
                    parts_of[row.group].add(row.part)
            assert max(map(len, parts_of.values())) == 1


def test_the_outer_folds_of_a_nested_split_are_those_of_kfold() -> None:
    images = [image(f"i{i}", LABELS[i % 3]) for i in range(40)]
    groups = {row.image_id: row.image_id for row in images}
    rows = nested(images, groups, folds=3, inner_folds=2, seed=5, validation_share=0.25)
    assert [row for row in rows if row.inner == 0] == kfold(images, groups, folds=3, seed=5, validation_share=0.25)


def test_inner_folds_are_balanced() -> None:
    """45 benign and 18 malignant, all alone, 3 outer folds: 30 and 12 are not tested, each of 3 inner folds validates 10 and 4."""
    images = [image(f"b{i}") for i in range(45)] + [image(f"m{i}", "malignant") for i in range(18)]
    rows = nested(images, {row.image_id: row.image_id for row in images}, folds=3, inner_folds=3, seed=0)
    found = Counter((row.outer, row.inner, row.id[0]) for row in rows if row.inner and row.part == VALIDATION)
    assert set(found.items()) == {
        ((outer, inner, name), n) for outer in range(3) for inner in (1, 2, 3) for name, n in (("b", 10), ("m", 4))
    }


def test_what_an_outer_fold_tests_leaks_into_its_inner_folds() -> None:
    rows = [
        SplitRow("s", "a", "g", outer=0, part=TEST),
        SplitRow("s", "b", "h", outer=0),
        SplitRow("s", "a", "g", outer=0, inner=2, part=VALIDATION),
        SplitRow("s", "a", "g", outer=1, inner=1),
    ]
    assert leaks(rows) == ["split leaks: 1 group is in both 'validation' and 'test' of one fold (first: 'g', with s 'a' and s 'a')"]
    assert leaks([rows[0], rows[1], rows[3]]) == []


def test_too_few_groups_for_inner_folds_are_refused() -> None:
    images = [image(name) for name in "abcd"]
    with pytest.raises(InputError, match="inner folds must be at least 2, got 1; for none use --kind kfold"):
        nested(images, {name: name for name in "abcd"}, folds=2, inner_folds=1, seed=0)
    with pytest.raises(InputError, match="3 inner folds need as many groups of images that are not tested, got 2; choose fewer"):
        nested(images, {name: name for name in "abcd"}, folds=2, inner_folds=3, seed=0)


# ---- holdout and across ----


def test_holdout_parts_have_their_shares() -> None:
    images = [image(f"i{i}") for i in range(60)]
    rows = holdout(images, {row.image_id: row.image_id for row in images}, seed=0, test_share=0.2, validation_share=0.25)
    assert Counter(row.part for row in rows) == {TRAIN: 36, VALIDATION: 12, TEST: 12}
    assert {(row.repeat, row.outer, row.inner) for row in rows} == {(0, 0, 0)}


def test_a_share_of_nothing_gets_nothing() -> None:
    images = [image(f"i{i}") for i in range(7)]
    rows = holdout(images, {row.image_id: row.image_id for row in images}, seed=0, test_share=0, validation_share=0)
    assert {row.part for row in rows} == {TRAIN}


def test_across_trains_on_some_sets_and_tests_on_others() -> None:
    images = [image(f"a{i}") for i in range(12)] + [image(f"b{i}", name="two") for i in range(5)] + [image("c", name="three")]
    rows, remarks = across(images, {row.image_id: row.image_id for row in images}, train_sets=["one"], test_sets=["two"], seed=0)
    assert Counter((row.set, row.part) for row in rows) == {("one", TRAIN): 10, ("one", VALIDATION): 2, ("two", TEST): 5}
    assert remarks == []


def test_across_takes_groups_on_both_sides_out_of_training_and_says_so() -> None:
    images = [image("a1"), image("a2"), image("a3"), image("a4"), image("b1", name="two"), image("b2", name="two")]
    groups = {"a1": "g", "a2": "g", "a3": "h", "a4": "k", "b1": "g", "b2": "l"}
    rows, remarks = across(images, groups, train_sets=["one"], test_sets=["two"], seed=0, validation_share=0)
    assert {row.id: row.part for row in rows} == {"a3": TRAIN, "a4": TRAIN, "b1": TEST, "b2": TEST}
    assert remarks == ["group 'g' lies on both sides: one 'a1' and 1 more left out of training"]
    assert leaks(rows, groups) == []


@pytest.mark.parametrize(
    ("train_sets", "test_sets", "message"),
    [
        (["one"], ["one"], "'one' is named to train and to test on; name it once"),
        (["three"], ["two"], "--train-set names 'three', which has no image here; sets: one, two"),
        (["one"], ["b"], "--test-set names 'b', which has no image here; sets: one, two"),
        ([], ["two"], "a split across sets needs at least one set to train on; name it with --train-set"),
        (["one"], [], "a split across sets needs at least one set to test on; name it with --test-set"),
    ],
)
def test_across_refuses_sides_that_do_not_fit(train_sets: list[str], test_sets: list[str], message: str) -> None:
    images = [image("a"), image("b", name="two")]
    with pytest.raises(InputError, match=message):
        across(images, {"a": "a", "b": "b"}, train_sets=train_sets, test_sets=test_sets, seed=0)


# ---- leaks and counts ----


def rows_of(*cells: tuple[str, str, int, str]) -> list[SplitRow]:
    """Rows from (id, group, outer, part)."""
    return [SplitRow("s", name, group, outer=outer, part=part) for name, group, outer, part in cells]


def test_a_group_in_two_parts_of_one_fold_leaks() -> None:
    rows = rows_of(("a", "g", 0, TRAIN), ("b", "g", 0, TEST), ("c", "h", 0, TRAIN), ("d", "h", 0, TEST), ("e", "k", 0, VALIDATION))
    assert leaks(rows) == ["split leaks: 2 groups are in both 'train' and 'test' of one fold (first: 'g', with s 'a' and s 'b')"]


def test_validation_leaks_too() -> None:
    rows = rows_of(("a", "g", 0, TRAIN), ("b", "g", 0, VALIDATION), ("c", "g", 0, TEST))
    assert [sentence[: sentence.index(" of one fold")] for sentence in leaks(rows)] == [
        "split leaks: 1 group is in both 'train' and 'test'",
        "split leaks: 1 group is in both 'validation' and 'test'",
        "split leaks: 1 group is in both 'train' and 'validation'",
    ]


def test_a_group_in_two_parts_of_two_folds_does_not_leak() -> None:
    assert leaks(rows_of(("a", "g", 0, TRAIN), ("b", "g", 0, TRAIN), ("a", "g", 1, TEST), ("b", "g", 1, TEST))) == []


def test_rows_are_held_against_other_groups() -> None:
    rows = rows_of(("a", "a", 0, TRAIN), ("b", "b", 0, TEST))
    assert leaks(rows) == []
    assert leaks(rows, {"a": "g", "b": "g"}) == [
        "split leaks: 1 group is in both 'train' and 'test' of one fold (first: 'g', with s 'a' and s 'b')"
    ]


def test_repeated_images_leak() -> None:
    rows = rows_of(("a", "g", 0, TEST), ("a", "g", 1, TEST), ("b", "h", 0, TRAIN), ("b", "h", 0, TRAIN), ("c", "k", 0, TRAIN))
    assert leaks(rows) == [
        "split leaks: 1 image has more than one row in one fold (first: s 'b')",
        "split leaks: 1 image has tests in more than one outer fold (first: s 'a')",
    ]


def test_a_split_by_image_of_grouped_images_leaks() -> None:
    images = [image(f"i{i}") for i in range(40)]
    rows = kfold(images, {row.image_id: row.image_id for row in images}, folds=2, seed=0)
    assert leaks(rows, {row.image_id: f"g{int(row.image_id[1:]) // 2}" for row in images})


def test_counts_are_by_fold_part_set_and_label() -> None:
    images = [image("a"), image("b"), image("c", "normal"), image("d", "normal", "two")]
    rows = [SplitRow("one", "a", "g"), SplitRow("one", "b", "g"), SplitRow("one", "c", "h"), SplitRow("two", "d", "k", part=TEST)]
    line = {"repeat": 0, "outer": 0, "inner": 0}
    assert counts(rows, images) == [
        {**line, "part": TRAIN, "set": "one", "label": "benign", "images": 2, "groups": 1},
        {**line, "part": TRAIN, "set": "one", "label": "normal", "images": 1, "groups": 1},
        {**line, "part": TEST, "set": "two", "label": "normal", "images": 1, "groups": 1},
    ]


@given(collections())
def test_counts_add_up(drawn: tuple[list[ImageRow], dict[tuple[str, str], str]]) -> None:
    images, groups = drawn
    rows = kfold(images, groups, folds=2, seed=0)
    total: dict[str, int] = defaultdict(int)
    for line in counts(rows, images):
        total[line["part"]] += line["images"]
    assert sum(total.values()) == len(rows)
    assert total[TEST] == len(images)


# ---- as published ----

DEALT = "validation is dealt out of training: no image of a published validation part is left"


def _published(parts: str, folds: Sequence[str] = "") -> list[ImageRow]:
    """Return images a, b, c, ...: t for test, r for training, v for validation, - for none; and the fold of each."""
    words = {"t": "test", "r": "train", "v": "validation", "-": None}
    fold_of = folds or " " * len(parts)
    return [
        ImageRow("s", chr(97 + place), label="benign", part=words[part], extra={"fold_5": fold.strip()})
        for place, (part, fold) in enumerate(zip(parts, fold_of, strict=True))
    ]


def test_official_takes_the_published_parts_and_deals_validation_out_of_training() -> None:
    images = _published("trrrrrrt-")
    rows, remarks = official(images, {image.image_id: image.image_id for image in images}, seed=1)
    part_of = {row.id: row.part for row in rows}
    assert {name for name, part in part_of.items() if part == "test"} == {"a", "h"}
    assert sorted(part_of.values()) == ["test", "test", "train", "train", "train", "train", "train", "validation"]
    assert remarks == ["1 image has no published part and got no row (first: s 'i')", DEALT]


def test_a_part_that_is_none_is_refused_and_not_dealt_anew() -> None:
    images = _published("trvr")
    images[1].part = "extra"
    with pytest.raises(InputError, match="s 'b' is of the part 'extra', not train, validation, test; import the set again"):
        official(images, {image.image_id: image.image_id for image in images}, seed=1)


def test_official_keeps_a_published_validation_part() -> None:
    images = _published("trvr")
    rows, remarks = official(images, {image.image_id: image.image_id for image in images}, seed=1)
    assert [row.part for row in rows] == ["test", "train", "validation", "train"]
    assert remarks == []


def test_official_leaks_what_its_authors_leak_and_cleaned_does_not() -> None:
    images = _published("trrrrrr")
    groups = {**{image.image_id: image.image_id for image in images}, "a": "woman", "c": "woman"}
    rows, _ = official(images, groups, seed=1)
    assert leaks(rows) != []
    cleaned, remarks = official(images, groups, seed=1, clean=True)
    assert leaks(cleaned) == []
    assert [row.id for row in cleaned if row.part == "test"] == ["a"]
    assert {row.id for row in cleaned} == set("abdefg")
    assert remarks == ["group 'woman' lies on both sides: s 'c' left out of training", DEALT]


def test_a_published_validation_part_of_which_nothing_is_left_is_said() -> None:
    images = _published("tvrrrrrr")
    groups = {**{image.image_id: image.image_id for image in images}, "a": "woman", "b": "woman"}
    rows, remarks = official(images, groups, seed=1, clean=True)
    assert "validation" in {row.part for row in rows}
    assert remarks[-1] == DEALT


def test_published_folds_are_tested_one_after_the_other() -> None:
    images = _published("-" * 10, "1122334455")
    rows, remarks = official(images, {image.image_id: image.image_id for image in images}, seed=1, folds=5, validation_share=0.25)
    assert remarks == []
    for outer in range(5):
        fold = [row for row in rows if row.outer == outer]
        assert [row.id for row in fold if row.part == "test"] == [chr(97 + 2 * outer), chr(98 + 2 * outer)]
        assert sorted(row.part for row in fold) == ["test"] * 2 + ["train"] * 6 + ["validation"] * 2


def test_a_published_fold_that_is_not_here_is_left_out_and_said() -> None:
    images = _published("-" * 4, "1144")
    rows, remarks = official(images, {image.image_id: image.image_id for image in images}, seed=1, folds=5)
    assert {row.outer for row in rows} == {0, 3}
    assert remarks == [f"published fold {fold} has no image that is here; it is left out" for fold in (2, 3, 5)]


@pytest.mark.parametrize(
    ("cells", "remarks"),
    [
        ("0123401234", ["s: published folds of 5 are counted from 0, which is taken as the first"]),
        ([f"{fold}.0" for fold in (1, 2, 3, 4, 5) * 2], []),
    ],
)
def test_folds_counted_from_0_or_written_with_a_point_are_understood(cells: Sequence[str], remarks: list[str]) -> None:
    images = _published("-" * 10, cells)
    rows, told = official(images, {image.image_id: image.image_id for image in images}, seed=1, folds=5)
    assert [[row.id for row in rows if row.part == "test" and row.outer == outer] for outer in range(5)] == [
        list(pair) for pair in ("af", "bg", "ch", "di", "ej")
    ]
    assert told == remarks


@pytest.mark.parametrize(
    ("cells", "image"), [("1236", "d"), ("0125", "a"), (["1", "2.5", "3", "4"], "b"), ("1x34", "b"), (["1", "2", "-1", "3"], "c")]
)
def test_folds_that_there_cannot_be_are_refused(cells: Sequence[str], image: str) -> None:
    images = _published("----", cells)
    with pytest.raises(InputError, match=f"s '{image}' has '.*' for a published fold of 5; folds are whole numbers from 1 to 5"):
        official(images, {image.image_id: image.image_id for image in images}, seed=1, folds=5)


def test_sets_without_published_parts_are_refused() -> None:
    images = _published("--")
    with pytest.raises(InputError, match="no image that is here is in a test part of published parts"):
        official(images, {"a": "a", "b": "b"}, seed=1)
    with pytest.raises(InputError, match="in a test part of published folds of 10"):
        official(images, {"a": "a", "b": "b"}, seed=1, folds=10)

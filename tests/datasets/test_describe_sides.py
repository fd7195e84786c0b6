"""Shares side by side, worked out by hand; the parts of a fold, of sets whose images have the same names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.errors import InputError
from breastcad.core.records import Collection, FindingRow, ImageRow, SplitRow
from breastcad.datasets.describe import Count, Description
from breastcad.datasets.describe_sides import describe_parts, furthest, shares


def column(name: str, counts: dict[tuple[str, str], int]) -> Description:
    return Description(name, {}, 0, 0, 0, 0, 0, [Count(name, facet, value, "benign", n) for (facet, value), n in counts.items()])


def test_shares_by_hand() -> None:
    """CC is 3 of 4 and 1 of 5, MLO 1 of 4 and 4 of 5: 75 less 20, and 80 less 25. Only one column knows a density."""
    rows = shares(
        [column("a", {("view", "CC"): 3, ("view", "MLO"): 1, ("density", "B"): 4}), column("b", {("view", "CC"): 1, ("view", "MLO"): 4})]
    )
    found = {(row.facet, row.value, row.column): (row.n, row.of, row.percent, row.apart) for row in rows}
    assert found == {
        ("view", "CC", "a"): (3, 4, 75, 55),
        ("view", "CC", "b"): (1, 5, 20, 55),
        ("view", "MLO", "a"): (1, 4, 25, 55),
        ("view", "MLO", "b"): (4, 5, 80, 55),
        ("density", "B", "a"): (4, 4, 100, None),
    }


def test_the_label_is_the_first_facet_and_a_value_that_a_column_lacks_is_none_of_it() -> None:
    one = Description("a", {}, 2, 2, 0, 0, 0, [Count("a", "files", "present", label, 1) for label in ("benign", "malignant")])
    other = Description("b", {}, 1, 1, 0, 0, 0, [Count("b", "files", "missing", "benign", 1)])
    rows = shares([one, other])
    assert rows[0].facet == "label"
    found = {(row.facet, row.value, row.column): (row.n, row.percent, row.apart) for row in rows}
    assert (found["label", "malignant", "b"], found["files", "present", "b"]) == ((0, 0, 50), (0, 0, 100))


@given(st.lists(st.dictionaries(st.sampled_from("xyz"), st.integers(1, 50), min_size=1), min_size=2, max_size=4))
def test_the_percentages_of_a_column_sum_to_a_hundred_and_apart_does_not_depend_on_the_order(drawn: list[dict[str, int]]) -> None:
    columns = [column(str(n), {("f", value): count for value, count in counts.items()}) for n, counts in enumerate(drawn)]
    rows = shares(columns)
    for one in columns:
        assert sum(row.percent for row in rows if row.column == one.set) == pytest.approx(100, abs=1e-3)
    turned = shares(columns[::-1])
    assert {(row.value, row.apart) for row in rows} == {(row.value, row.apart) for row in turned}
    assert all(0 <= (row.apart or 0) <= 100 for row in rows)


def test_the_furthest_are_told_one_value_a_facet() -> None:
    rows = shares(
        [
            column("a", {("f", "x"): 1, ("f", "y"): 1, ("g", "x"): 9, ("g", "y"): 1}),
            column("b", {("f", "x"): 1, ("g", "x"): 1, ("g", "y"): 1}),
        ]
    )
    assert [(least.facet, least.value, least.column, most.column) for least, most in furthest(rows, 5)] == [
        ("f", "x", "a", "b"),
        ("g", "x", "b", "a"),
    ]
    assert len(furthest(rows, 1)) == 1


# ---- parts ----


def two_sets() -> dict[str, Collection]:
    """Return two sets whose images, patients and exams are called alike: a0 to a3 of the patients p0 and p1, a finding on each a0."""
    found = {}
    for name in ("one", "two"):
        images = [
            ImageRow(
                name, f"a{n}", present=int(n < 3), patient_id=f"p{n // 2}", exam_id="e", label="malignant" if name == "two" else "benign"
            )
            for n in range(4)
        ]
        found[name] = Collection("", images, [FindingRow(name, "f", "a0", pathology=images[0].label)])
    return found


SPLIT = [
    *(SplitRow(name, f"a{n}", "g", part="test" if (name, n) == ("two", 0) else "train") for name in ("one", "two") for n in range(3)),
    SplitRow("one", "a0", "g", outer=1, part="validation"),
    SplitRow("one", "a0", "g", outer=1, inner=1, part="test"),
    SplitRow("gone", "a0", "g", part="train"),
]


def test_parts_hold_their_own_images_though_two_sets_use_the_same_names() -> None:
    found = describe_parts(two_sets(), SPLIT, 0)
    told = {part.set: (part.listed, part.patients, part.exams, part.findings) for part in found.parts}
    assert told == {"train": (5, 4, 4, 1), "test": (1, 1, 1, 1)}
    rows = {(row.facet, row.value, row.column): row.percent for row in shares(found.parts)}
    assert (rows["set", "two", "train"], rows["set", "two", "test"], rows["label", "malignant", "train"]) == (40, 100, 40)
    assert found.remarks == [
        "images of the split that are in none of these collections: 1",
        "images that are not present and in no part: 2",
    ]


def test_an_outer_fold_is_described_without_its_inner_ones() -> None:
    (part,) = describe_parts(two_sets(), SPLIT, 1).parts
    assert (part.set, part.listed) == ("validation", 1)


def test_a_fold_or_a_collection_that_the_split_lacks_is_refused() -> None:
    with pytest.raises(InputError, match=r"--fold must be an outer fold of the split \(0, 1\), got 7"):
        describe_parts(two_sets(), SPLIT, 7)
    with pytest.raises(InputError, match="no image of these collections is in the split; give the collections that it was made of"):
        describe_parts({"other": Collection("", [ImageRow("other", "a0")])}, SPLIT, 0)

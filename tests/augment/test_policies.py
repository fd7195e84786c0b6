"""Policies draw what their publications say, and say what is left open."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from breastcad.augment.operations import KINDS, to_json
from breastcad.augment.policies import POLICIES, draw_operations, policy_named, table_1, with_settings
from breastcad.core.errors import InputError
from breastcad.core.seeding import generator

SHAPE = (96, 130)


def drawn(name: str, copy: int, seed: int = 1, **settings: str) -> str:
    policy = policy_named(name)
    chosen = with_settings(policy, [f"{key}={value}" for key, value in settings.items()])
    return to_json(draw_operations(policy, SHAPE, copy, generator(seed, "x", copy), chosen))


def test_table_1_has_its_eight_methods_and_thirty_variants() -> None:
    assert {method: len(variants) for method, variants in table_1().items()} == {
        "sharpen": 4, "emboss": 4, "Gaussian blur": 4, "rotation": 4, "edge detection": 4, "skew": 4, "flip": 4, "shear": 2,
    }  # fmt: skip
    values = {method: [list(one.parameters.values()) for one in variants] for method, variants in table_1().items()}
    assert values["rotation"] == [[degrees, "whole"] for degrees in (45, 90, 135, 180)]
    assert values["sharpen"] == [[0.5, lightness] for lightness in (0.5, 1, 1.5, 2)]


def test_eight_copies_of_table_1_are_one_of_each_method_and_each_variant_comes() -> None:
    variants = {to_json([one]): method for method, some in table_1().items() for one in some}
    for seed in range(40):
        assert [variants[drawn("b-table-1", copy, seed)] for copy in range(8)] == list(table_1())
    seen = {drawn("b-table-1", copy, seed) for copy in range(8) for seed in range(40)}
    assert seen == set(variants)


def test_with_the_original_one_copy_of_eight_is_the_image() -> None:
    copies = [drawn("b-table-1", copy, original="yes") for copy in range(8)]
    assert [copy == "[]" for copy in copies] == [True] + [False] * 7


def test_publication_a_draws_one_of_four() -> None:
    names = Counter(draw_operations(POLICIES["a"], SHAPE, 0, generator(seed, "a")) for seed in range(200))
    kinds = Counter((one.name, one.parameters.get("side")) for (one,) in names.elements())
    assert set(kinds) == {("flip", "top"), ("flip", "left"), ("crop", None), ("rotation", None)}
    assert min(kinds.values()) > 30


def test_chapter_3_is_sixfold() -> None:
    names = [draw_operations(POLICIES["e3"], SHAPE, copy, generator(1, copy))[0].name for copy in range(POLICIES["e3"].copies)]
    assert names == ["blur", "flip", "translation", "rotation", "rotation", "scaling"]
    assert '"down_px": 20.0, "right_px": 20.0' in drawn("e3", 2)


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_draws_for_any_shape_and_the_same_for_the_same_seed(name: str) -> None:
    policy = POLICIES[name]
    assert policy.remarks
    for shape in ((1, 1), (3, 200), (2000, 900)):
        for copy in range(policy.copies):
            first, again = (draw_operations(policy, shape, copy, generator(3, copy)) for _ in range(2))
            assert first == again
    if policy.copies == 1:
        assert len({drawn(name, 0, seed) for seed in range(10)}) > 3


def test_settings_reach_what_is_drawn() -> None:
    degrees = [draw_operations(POLICIES["b-training"], SHAPE, 0, generator(seed))[-1].parameters["degrees"] for seed in range(60)]
    assert 30 < max(map(abs, degrees)) <= 45
    less = with_settings(POLICIES["b-training"], ["degrees=5"])
    turned = [draw_operations(POLICIES["b-training"], SHAPE, 0, generator(seed), less)[-1].parameters["degrees"] for seed in range(60)]
    assert max(map(abs, turned)) <= 5


@pytest.mark.parametrize(
    ("policy", "name", "parameter", "low", "high"),
    [
        ("d", "scaling", "factor", 1 / 1.2, 1.2),
        ("d", "rotation", "degrees", -25, 25),
        ("c", "translation", "down_px", -9.6, 9.6),
        ("c", "translation", "right_px", -13, 13),
        ("c", "gaussian-noise", "sigma", 0, 0.03),
        ("broad", "gamma", "gamma", 1 / 1.5, 1.5),
        ("broad", "contrast", "factor", 0.85, 1.15),
        ("broad", "elastic", "amount_px", 0, 3),
    ],
)
def test_amounts_are_drawn_from_all_of_their_range(policy: str, name: str, parameter: str, low: float, high: float) -> None:
    drawn = [one for seed in range(400) for one in draw_operations(POLICIES[policy], SHAPE, 0, generator(seed, "r")) if one.name == name]
    values = [one.parameters[parameter] for one in drawn]
    reach = (high - low) / 10
    assert low <= min(values) < low + reach
    assert high - reach < max(values) <= high


def test_crops_keep_at_least_their_least_side() -> None:
    """Four fifths of 96 rows are 76.8."""
    drawn = [
        one.parameters
        for seed in range(400)
        for one in draw_operations(POLICIES["a"], SHAPE, 0, generator(seed, "r"))
        if one.name == "crop"
    ]
    sides = [crop["row1"] - crop["row0"] for crop in drawn]
    assert 77 <= min(sides) <= 79
    assert 94 <= max(sides) <= 96


@pytest.mark.parametrize(
    ("name", "pair", "sentence"),
    [
        ("b-table-1", "alpha", "--setting takes KEY=VALUE, got 'alpha'"),
        ("b-table-1", "alfa=1", "unknown setting 'alfa' of b-table-1; near name: 'alpha'. All: alpha, share, frame, original"),
        ("b-table-1", "alpha=much", "setting 'alpha' must be a number, got 'much'"),
        ("b-table-1", "alpha=2", r"setting 'alpha' must be in \[0, 1\], got '2'"),
        ("b-table-1", "alpha=nan", r"setting 'alpha' must be in \[0, 1\], got 'nan'"),
        ("b-table-1", "frame=cut", "setting 'frame' must be whole or kept, got 'cut'"),
    ],
)
def test_settings_that_cannot_be_are_refused(name: str, pair: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        with_settings(POLICIES[name], [pair])


def test_a_setting_that_is_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="setting 'degrees' is given twice"):
        with_settings(POLICIES["b-training"], ["degrees=10", "degrees=20"])


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(InputError, match="unknown policy 'b-table'; near name: 'b-table-1'"):
        policy_named("b-table")


def test_every_number_that_may_be_set_has_a_range() -> None:
    for policy in POLICIES.values():
        for name, value in policy.settings.items():
            assert with_settings(policy, [f"{name}={value}"])[name] == value


def test_the_docs_name_every_operation_and_policy() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "augmentation.md").read_text(encoding="utf-8")
    assert [name for name in (*KINDS, *POLICIES) if f"`{name}`" not in page] == []

"""From windows to images, breasts and patients: by hand, laws, and rows made anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.errors import InputError
from breastcad.core.records import PredictionRow
from breastcad.evaluate.aggregation import RULES, aggregated, aggregated_probabilities, aggregated_rows, breast_probability

SHARES = st.lists(st.floats(0.001, 1), min_size=3, max_size=3)


@st.composite
def windows(draw):
    parts = draw(st.lists(SHARES, min_size=1, max_size=6))
    return [dict(zip(("normal", "benign", "malignant"), (value / sum(own) for value in own), strict=True)) for own in parts]


@given(windows(), st.sampled_from(sorted(RULES)))
def test_a_whole_s_probabilities_sum_to_one_and_the_worst_is_the_rule_s(parts, rule) -> None:
    found = aggregated_probabilities(parts, rule)
    assert sum(found.values()) == pytest.approx(1)
    assert all(-1e-9 <= value <= 1 + 1e-9 for value in found.values())
    assert found["malignant"] == aggregated([part["malignant"] for part in parts], rule)


@given(windows())
def test_the_mean_is_the_mean_of_each_label(parts) -> None:
    found = aggregated_probabilities(parts, "mean")
    for label, value in found.items():
        assert value == pytest.approx(sum(part[label] for part in parts) / len(parts))


def test_rules_by_hand() -> None:
    """Of .5 and .2: the highest .5; the mean .35; noisy-or 1 - .5 * .8 = .6; odds 1 and 1/4, their geometric mean 1/2: .333."""
    assert [aggregated([0.5, 0.2], rule) for rule in RULES] == pytest.approx([0.5, 0.35, 0.6, 1 / 3])


@given(st.floats(0, 1), st.sampled_from(sorted(RULES)))
def test_of_one_each_rule_is_itself(probability: float, rule: str) -> None:
    assert aggregated([probability], rule) == pytest.approx(probability, abs=1.1e-9)


def test_a_repeated_view_does_not_count_double() -> None:
    """CC twice .2, MLO .6: the CC once .2, the mean .4; with unknown views they would be three, and the mean a third of 1."""
    assert breast_probability([("CC", 0.2), ("MLO", 0.6), ("CC", 0.2)], "mean") == pytest.approx(0.4)
    assert breast_probability([(None, 0.2), (None, 0.6), (None, 0.2)], "mean") == pytest.approx(1 / 3)


def test_two_different_films_of_one_view_are_their_mean_logit_whatever_the_rule() -> None:
    """Odds 1/4 and 4, their geometric mean 1: .5; noisy-or over the views .5 and .5 is .75."""
    assert breast_probability([("CC", 0.2), ("CC", 0.8), ("MLO", 0.5)], "noisy-or") == pytest.approx(0.75)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_mean_is_at_most_max_and_max_at_most_noisy_or(shares: list[float]) -> None:
    mean, most, either = (aggregated(shares, rule) for rule in ("mean", "max", "noisy-or"))
    assert min(shares) - 1e-12 <= mean <= most + 1e-12 <= either + 2e-12


def test_one_suspicious_window_makes_the_image_suspicious() -> None:
    """Maximum: P(malignant) .6 of the second, P(abnormal) .9 of the first, so benign .3 and normal .1."""
    parts = [{"normal": 0.1, "benign": 0.8, "malignant": 0.1}, {"normal": 0.3, "benign": 0.1, "malignant": 0.6}]
    assert aggregated_probabilities(parts, "max") == {
        "normal": pytest.approx(0.1),
        "benign": pytest.approx(0.3),
        "malignant": pytest.approx(0.6),
    }


def test_labels_alone_and_lesions_follow_the_rule() -> None:
    assert aggregated_probabilities([{"malignant": 0.5}, {"malignant": 0.5}], "noisy-or") == {"malignant": 0.75}
    parts = [{"normal": 0.5, "lesion": 0.5}, {"normal": 0.5, "lesion": 0.5}]
    assert aggregated_probabilities(parts, "noisy-or") == {"normal": 0.25, "lesion": 0.75}


def row(level, name, malignant, **more):
    probability = {"benign": 1 - malignant, "malignant": malignant}
    return PredictionRow(
        "a", name, more.pop("patient", "p"), "p", 0, 0, 0, "test", level, "malignant", {"malignant": 1.0}, probability, **more
    )


def some_rows():
    """A patient with two breasts: L has images i and j of two and one windows, R has k of one."""
    windows = [("w1", 0.1, "i", "p/L"), ("w2", 0.3, "i", "p/L"), ("w3", 0.6, "j", "p/L"), ("w4", 0.9, "k", "p/R")]
    rows = [row("patch", name, value, image=image, breast=breast) for name, value, image, breast in windows]
    rows += [row("image", name, 0.0, image=name, breast=breast) for name, breast in (("i", "p/L"), ("j", "p/L"), ("k", "p/R"))]
    return rows + [row("breast", name, 0.0, breast=name) for name in ("p/L", "p/R")] + [row("patient", "p", 0.0)]


def test_each_level_is_made_of_the_one_below() -> None:
    """Means: i (.1 + .3) / 2 = .2, j .6, k .9; L (.2 + .6) / 2 = .4, R .9; the patient (.4 + .9) / 2 = .65."""
    rows = some_rows()
    found = {(one.level, one.id): one.probability["malignant"] for one in aggregated_rows(rows, "mean")}
    wanted = {("image", "i"): 0.2, ("image", "j"): 0.6, ("image", "k"): 0.9, ("breast", "p/L"): 0.4, ("breast", "p/R"): 0.9}
    assert {key: found[key] for key in wanted} == pytest.approx(wanted)
    assert found["patient", "p"] == pytest.approx(0.65)
    assert found["patch", "w2"] == 0.3
    assert rows[4].probability["malignant"] == 0.0  # what was given stays as it was


def test_rows_keep_their_order_and_say_nothing_raw_that_is_not_theirs() -> None:
    rows = some_rows()[::-1]
    found = aggregated_rows(rows, "max")
    assert [(one.level, one.id) for one in found] == [(one.level, one.id) for one in rows]
    assert [one.raw for one in found if one.level != "patch"] == [{}] * 6


def test_a_patient_is_made_of_her_breasts_and_of_images_that_name_none() -> None:
    told = [replace(one, breast=None) if "k" in (one.id, one.image) else one for one in some_rows() if one.id != "p/R"]
    made = {(one.level, one.id): one.probability["malignant"] for one in aggregated_rows(told, "mean")}
    assert made["patient", "p"] == pytest.approx((made["breast", "p/L"] + made["image", "k"]) / 2)


def test_patients_without_breasts_are_made_of_images() -> None:
    rows = [replace(one, breast=None) for one in some_rows() if one.level != "breast"]
    found = {(one.level, one.id): one.probability["malignant"] for one in aggregated_rows(rows, "mean")}
    assert found["patient", "p"] == pytest.approx((0.2 + 0.6 + 0.9) / 3)


def test_what_cannot_be_aggregated_is_refused() -> None:
    with pytest.raises(InputError, match=r"nothing to aggregate: predictions\.csv has rows of image only"):
        aggregated_rows([row("image", "i", 0.5)], "max")
    with pytest.raises(InputError, match="has nothing below the image 'lost' of 'a' that it could be made of"):
        aggregated_rows([*some_rows(), row("image", "lost", 0.5)], "max")
    with pytest.raises(ValueError, match="probabilities of the same labels, the first has malignant"):
        aggregated_probabilities([{"malignant": 0.5}, {"benign": 0.5}], "max")
    with pytest.raises(ValueError, match="rule must be one of max, mean, noisy-or, mean-logit, got 'median'"):
        aggregated([0.5], "median")
    with pytest.raises(ValueError, match=r"one row of at least one, got shape \(0,\)"):
        aggregated([], "max")
    with pytest.raises(ValueError, match="must be finite"):
        aggregated([0.5, float("nan")], "max")
    with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
        aggregated([0.5, 1.1], "max")

"""Windows put together: rules by hand, and what must hold of any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.evaluate.aggregation import RULES, aggregated, joined

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=6)


def test_rules_by_hand() -> None:
    """Of .5 and .2: the highest .5; the mean .35; noisy-or 1 - .5 * .8 = .6."""
    assert [aggregated([0.5, 0.2], rule) for rule in RULES] == pytest.approx([0.5, 0.35, 0.6])


@given(SHARES)
def test_mean_is_at_most_max_and_max_at_most_noisy_or(shares: list[float]) -> None:
    mean, most, either = (aggregated(shares, rule) for rule in ("mean", "max", "noisy-or"))
    assert min(shares) - 1e-12 <= mean <= most + 1e-12 <= either + 2e-12


@pytest.mark.parametrize(
    ("values", "rule", "words"),
    [
        ([], "max", "at least one"),
        ([0.5, float("nan")], "max", "finite"),
        ([1.5], "mean", r"\[0, 1\]"),
        ([0.5], "least", "rule must be one of"),
    ],
)
def test_what_cannot_be_put_together_is_said(values: list[float], rule: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        aggregated(values, rule)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5), st.sampled_from(sorted(RULES)))
def test_normal_benign_and_malignant_of_a_whole_add_to_one(parts: list[tuple[float, float]], rule: str) -> None:
    windows = [{"normal": 1 - a, "benign": a * (1 - m), "malignant": a * m} for a, m in parts]
    whole = joined(windows, rule)
    assert whole["normal"] + whole["benign"] + whole["malignant"] == pytest.approx(1)
    assert whole["abnormal"] == pytest.approx(1 - whole["normal"])
    assert all(value >= -1e-9 for value in whole.values())


def test_lesion_against_none_and_a_merged_class() -> None:
    assert joined([{"normal": 0.9, "lesion": 0.1}, {"normal": 0.4, "lesion": 0.6}], "max") == {"lesion": 0.6, "normal": 0.4}
    assert joined([{"malignant": 0.1}, {"malignant": 0.3}], "mean") == {"malignant": pytest.approx(0.2)}

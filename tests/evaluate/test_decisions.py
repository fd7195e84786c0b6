"""Figures of hard decisions: by hand, undefined ones as None, and as statistics of weights."""

from __future__ import annotations

import numpy as np
import pytest

from breastcad.evaluate import decisions


def test_by_hand() -> None:
    """50 positives, 40 of them called; 150 negatives, 30 of them called: every figure from these four counts."""
    found = decisions.rates([[120, 30], [10, 40]])
    assert found == {
        "accuracy": pytest.approx(160 / 200),
        "balanced accuracy": pytest.approx((0.8 + 0.8) / 2),
        "sensitivity": pytest.approx(40 / 50),
        "specificity": pytest.approx(120 / 150),
        "precision": pytest.approx(40 / 70),
        "npv": pytest.approx(120 / 130),
        "f1": pytest.approx(2 * 40 / (50 + 70)),
        "macro precision": pytest.approx((40 / 70 + 120 / 130) / 2),
        "macro f1": pytest.approx((80 / 120 + 240 / 280) / 2),
        "mcc": pytest.approx((40 * 120 - 30 * 10) / np.sqrt(70 * 50 * 150 * 130)),
    }


def test_predictive_values_at_the_data_s_own_prevalence_are_those_of_the_data() -> None:
    counts = [[120, 30], [10, 40]]
    found = decisions.rates(counts, prevalence=0.25)
    assert found["ppv at prevalence 0.25"] == pytest.approx(found["precision"])
    assert found["npv at prevalence 0.25"] == pytest.approx(found["npv"])
    assert decisions.rates(counts, prevalence=0.005)["ppv at prevalence 0.005"] == pytest.approx(0.8 * 0.005 / (0.8 * 0.005 + 0.2 * 0.995))


def test_what_is_undefined_is_none_and_never_nought() -> None:
    nobody_called, no_positives, nothing = (decisions.rates(counts) for counts in ([[7, 0], [3, 0]], [[5, 2], [0, 0]], [[0, 0], [0, 0]]))
    assert [name for name, value in nobody_called.items() if value is None] == ["precision", "macro precision", "mcc"]
    assert nobody_called["f1"] == 0.0  # 2 TP / (2 TP + FP + FN) has a denominator
    assert [name for name, value in no_positives.items() if value is None] == ["balanced accuracy", "sensitivity", "mcc"]
    assert set(nothing.values()) == {None}


def test_classes_have_a_line_each() -> None:
    found = decisions.class_rates([[5, 1, 0], [2, 2, 0], [0, 0, 0]], ["normal", "benign", "malignant"])
    assert found["benign"] == {"precision": pytest.approx(2 / 3), "recall": 0.5, "f1": pytest.approx(4 / 7), "n": 4}
    assert found["malignant"] == {"precision": None, "recall": None, "f1": None, "n": 0}


def test_a_figure_of_weighted_rows_is_that_of_the_rows_written_out() -> None:
    truth, called = ["m", "b", "m", "b"], ["m", "m", "b", "b"]
    cells = [decisions.tally([one], [other], ["b", "m"]) for one, other in zip(truth, called, strict=True)]
    weights = np.array([[3.0, 1, 0, 2], [0, 1, 0, 1]])
    whole = decisions.tally(["m"] * 3 + ["b"] * 3, ["m"] * 4 + ["b"] * 2, ["b", "m"])
    for name, rate in decisions.RATES.items():
        value = decisions.of_counts(rate, cells)(weights)
        assert value[0] == pytest.approx(decisions.rates(whole)[name]), name
    assert np.isnan(decisions.of_counts(decisions.RATES["sensitivity"], cells)(weights)[1])


def test_counts_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ValueError, match="equally long and of b, m, got 1 and 2"):
        decisions.tally(["b"], ["b", "m"], ["b", "m"])
    with pytest.raises(ValueError, match="and 'other'"):
        decisions.tally(["b"], ["other"], ["b", "m"])
    with pytest.raises(ValueError, match=r"counts must be 2 x 2, got shape \(3, 3\)"):
        decisions.rates(np.eye(3))
    with pytest.raises(ValueError, match=r"counts must be 3 x 3, got shape \(2, 2\)"):
        decisions.class_rates(np.eye(2), ["a", "b", "c"])
    with pytest.raises(ValueError, match=r"prevalence must lie in \(0, 1\), got 0"):
        decisions.predictive_values_at(np.eye(2), 0)

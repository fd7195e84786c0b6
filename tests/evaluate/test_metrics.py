"""Figures of merit: by hand, against scikit-learn, and laws that hold for any data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from breastcad.evaluate.metrics import (
    average_precision,
    brier,
    checked,
    confusion,
    dice,
    expected_calibration_error,
    roc_auc,
    threshold_for_sensitivity,
)


@st.composite
def labelled_scores(draw, least=2):
    """Labels of both classes, with scores on a coarse grid so that many are tied."""
    size = draw(st.integers(least, 40))
    labels = draw(st.lists(st.booleans(), min_size=size, max_size=size).filter(lambda given: 0 < sum(given) < len(given)))
    scores = draw(st.lists(st.integers(0, 8), min_size=size, max_size=size))
    return np.array(labels), np.array(scores) / 8


def test_auc_counts_pairs_in_order_and_ties_half() -> None:
    """Positives .8, .4; negatives .4, .1: pairs right, right, half, right of four = 3.5 / 4."""
    assert roc_auc([1, 1, 0, 0], [0.8, 0.4, 0.4, 0.1]) == 0.875


@given(labelled_scores())
def test_auc_equals_that_of_scikit_learn(data) -> None:
    labels, scores = data
    assert roc_auc(labels, scores) == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores), abs=1e-12)


@given(labelled_scores())
def test_auc_of_reversed_scores_is_its_complement(data) -> None:
    labels, scores = data
    assert roc_auc(labels, scores) + roc_auc(labels, -scores) == pytest.approx(1, abs=1e-12)


@given(labelled_scores())
def test_auc_is_unmoved_by_a_rising_map_of_scores(data) -> None:
    labels, scores = data
    assert roc_auc(labels, scores) == roc_auc(labels, np.exp(3 * scores) - 5)


@given(labelled_scores())
def test_average_precision_equals_that_of_scikit_learn(data) -> None:
    labels, scores = data
    assert average_precision(labels, scores) == pytest.approx(sklearn_metrics.average_precision_score(labels, scores), abs=1e-12)


def test_average_precision_by_hand() -> None:
    """Falling scores: 1, 0, 1, 0: precision 1 at recall 1/2, 2/3 at recall 1, so 1/2 + 1/3."""
    assert average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.6]) == pytest.approx(5 / 6)


@given(labelled_scores())
def test_brier_equals_that_of_scikit_learn(data) -> None:
    labels, scores = data
    assert brier(labels, scores) == pytest.approx(sklearn_metrics.brier_score_loss(labels, scores), abs=1e-12)


def test_dice_by_hand_on_an_asymmetric_mask() -> None:
    first, second = np.zeros((4, 7), bool), np.zeros((4, 7), bool)
    first[0:2, 0:3] = True  # 6 pixels
    second[1:3, 1:5] = True  # 8 pixels, 2 shared
    assert dice(first, second) == pytest.approx(4 / 14)
    assert dice(second, first) == dice(first, second)


def test_dice_of_two_empty_masks_is_one_and_of_one_empty_mask_nought() -> None:
    empty, full = np.zeros((3, 2), bool), np.ones((3, 2), bool)
    assert dice(empty, empty) == 1.0
    assert dice(empty, full) == 0.0


def test_calibration_error_by_hand() -> None:
    """Two bins of three: stated .1 .2 .3 with one of three true (|.2 - 1/3|), stated .6 .7 .8 with three true (|.7 - 1|)."""
    error = expected_calibration_error([0, 1, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.7, 0.8], bins=2)
    assert error == pytest.approx((abs(0.2 - 1 / 3) + 0.3) / 2)


def test_calibration_error_takes_fewer_bins_than_asked_where_samples_are_fewer() -> None:
    assert expected_calibration_error([0, 1], [0.25, 0.5], bins=10) == pytest.approx((0.25 + 0.5) / 2)


def test_calibration_error_is_near_nought_for_probabilities_that_are_true() -> None:
    generator = np.random.default_rng(3)
    probabilities = generator.random(200_000)
    assert expected_calibration_error(generator.random(200_000) < probabilities, probabilities) < 0.01


def test_confusion_counts_a_score_at_the_threshold_as_positive() -> None:
    counts = confusion([1, 1, 0, 0, 0], [0.5, 0.4, 0.5, 0.6, 0.1], 0.5)
    assert (counts.true_positive, counts.false_negative, counts.false_positive, counts.true_negative) == (1, 1, 2, 1)
    assert counts.sensitivity == 0.5
    assert counts.specificity == pytest.approx(1 / 3)


def test_rates_without_their_class_are_none() -> None:
    assert confusion([0, 0], [0.1, 0.9], 0.5).sensitivity is None
    assert confusion([1, 1], [0.1, 0.9], 0.5).specificity is None


@given(labelled_scores(), st.sampled_from([0.1, 0.5, 0.55, 0.9, 1.0]))
def test_threshold_reaches_the_sensitivity_and_no_higher_one_does(data, wanted) -> None:
    labels, scores = data
    threshold = threshold_for_sensitivity(labels, scores, wanted)
    assert confusion(labels, scores, threshold).sensitivity >= wanted - 1e-9
    higher = scores[scores > threshold]
    assert all(confusion(labels, scores, other).sensitivity < wanted for other in higher)


def test_threshold_is_not_pushed_over_by_rounding() -> None:
    """0.55 * 100 is 55.00000000000001 in floating point; 55 positives are enough."""
    scores = np.arange(100, 0, -1)
    assert threshold_for_sensitivity(np.ones(100, int), scores, 0.55) == 46


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.1], r"equally long, got shapes \(2,\) and \(1,\)"),
        ([[0, 1]], [[0.1, 0.2]], "one-dimensional"),
        ([], [], "must not be empty"),
        ([0, 2], [0.1, 0.2], r"labels must be 0 or 1, got \[2\]"),
        ([0, 1, 1], [0.1, float("nan"), 0.2], "scores must be finite: 1 of 3 are not, first at index 1"),
    ],
)
def test_data_that_cannot_be_used_are_refused(labels, scores, message) -> None:
    with pytest.raises(ValueError, match=message):
        checked(labels, scores)


def test_an_absent_class_is_refused_where_both_are_needed() -> None:
    with pytest.raises(ValueError, match="must hold both classes, all 2 are 1"):
        roc_auc([1, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match="average precision needs at least one positive"):
        average_precision([0, 0], [0.1, 0.2])
    with pytest.raises(ValueError, match="threshold for sensitivity needs at least one positive"):
        threshold_for_sensitivity([0, 0], [0.1, 0.2], 0.9)


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"probabilities must lie in \[0, 1\], got 0.1 to 1.2"):
        brier([0, 1], [0.1, 1.2])
    with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
        expected_calibration_error([0, 1], [0.1, 0.2], bins=0)
    with pytest.raises(ValueError, match=r"sensitivity must lie in \(0, 1\], got 0"):
        threshold_for_sensitivity([0, 1], [0.1, 0.2], 0)
    with pytest.raises(ValueError, match=r"masks must have the same shape, got \(2, 3\) and \(3, 2\)"):
        dice(np.ones((2, 3)), np.ones((3, 2)))

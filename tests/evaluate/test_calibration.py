"""Temperatures: known ones are found again, limits are kept, degenerate data are let be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from breastcad.evaluate.calibration import (
    HIGHEST_TEMPERATURE,
    LOWEST_TEMPERATURE,
    apply_temperature,
    calibration_intercept,
    calibration_intercept_statistic,
    calibration_slope,
    calibration_slope_statistic,
    fit_line,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    sigmoid,
)
from breastcad.evaluate.metrics import expected_calibration_error
from breastcad.evaluate.weighted import calibration_error


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7, 4.0])
def test_a_known_temperature_is_found_again(temperature) -> None:
    generator = np.random.default_rng(5)
    true_logits = generator.normal(0.5, 2, 60_000)
    labels = generator.random(true_logits.size) < sigmoid(true_logits)
    assert fit_temperature(true_logits * temperature, labels) == pytest.approx(temperature, rel=0.03)


@given(st.lists(st.tuples(st.floats(-6, 6), st.booleans()), min_size=4, max_size=30))
def test_no_temperature_explains_the_labels_better_than_the_fitted_one(pairs) -> None:
    logits, labels = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    fitted = negative_log_likelihood(labels, logits, fit_temperature(logits, labels))
    if not 0 < labels.sum() < labels.size:
        return
    limits = (np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE))
    other = minimize_scalar(lambda log: negative_log_likelihood(labels, logits, np.exp(log)), bounds=limits, method="bounded")
    assert fitted <= other.fun + 1e-9


def test_fitting_equals_a_library_s_optimiser() -> None:
    generator = np.random.default_rng(8)
    logits = generator.normal(size=500) * 3
    labels = generator.random(500) < sigmoid(logits / 2.2)
    found = minimize_scalar(
        lambda t: negative_log_likelihood(labels, logits, t), bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9}
    )
    assert fit_temperature(logits, labels) == pytest.approx(found.x, rel=1e-5)


def test_logits_that_part_the_classes_fully_get_the_lowest_temperature() -> None:
    assert fit_temperature([-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1]) == LOWEST_TEMPERATURE


def test_logits_that_point_the_wrong_way_get_the_highest_temperature() -> None:
    assert fit_temperature([2.0, 1.0, -1.0, -2.0], [0, 0, 1, 1]) == HIGHEST_TEMPERATURE


@pytest.mark.parametrize(("logits", "labels"), [([3.0, -2.0], [1, 1]), ([3.0, -2.0], [0, 0]), ([0.0, 0.0], [0, 1])])
def test_where_nothing_can_be_fitted_the_temperature_is_one(logits, labels) -> None:
    assert fit_temperature(logits, labels) == 1.0


def test_fitting_makes_overconfident_probabilities_mean_what_they_say() -> None:
    generator = np.random.default_rng(2)
    logits = generator.normal(size=20_000) * 2
    labels = generator.random(logits.size) < sigmoid(logits)
    before = expected_calibration_error(labels, sigmoid(logits * 3))
    after = expected_calibration_error(labels, apply_temperature(logits * 3, fit_temperature(logits * 3, labels)))
    assert before > 0.08
    assert after < 0.02


def test_probabilities_keep_shape_and_precision_and_do_not_overflow() -> None:
    logits = np.array([[-1e4, 0.0, 1e4]], np.float32)
    probabilities = apply_temperature(logits, 0.5)
    assert probabilities.dtype == np.float32
    assert probabilities.tolist() == [[0.0, 0.5, 1.0]]


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature) -> None:
    with pytest.raises(ValueError, match="temperature must be positive and finite"):
        apply_temperature([0.0], temperature)


def test_reliability_by_hand() -> None:
    """Two bins of two: stated .1 and .3 with none true, stated .6 and .9 with one true."""
    low, high = reliability([1, 0, 0, 0], [0.9, 0.6, 0.3, 0.1], bins=2)
    assert (low.probability, low.frequency, low.n) == (pytest.approx(0.2), 0.0, 2)
    assert (high.probability, high.frequency, high.n) == (pytest.approx(0.75), 0.5, 2)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.2, 0.5, 1.0])), min_size=1, max_size=40), st.randoms())
def test_the_order_of_samples_of_equal_probability_does_not_matter(pairs, random) -> None:
    """Half of those at 0.5 are positive: right, whether they stand first or not."""
    other = random.sample(pairs, len(pairs))
    errors = [expected_calibration_error(*zip(*own, strict=True), bins=4) for own in (pairs, other)]
    assert errors[0] == pytest.approx(errors[1], abs=1e-12)
    weighted_errors = [calibration_error(*zip(*own, strict=True), bins=4)(np.ones((1, len(pairs))))[0] for own in (pairs, other)]
    assert weighted_errors == pytest.approx(errors, abs=1e-12)
    bins = [[one.frequency for one in reliability(*zip(*own, strict=True), bins=4)] for own in (pairs, other)]
    assert bins[0] == pytest.approx(bins[1], abs=1e-12)


def test_reliability_without_bins_is_refused() -> None:
    with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
        reliability([0, 1], [0.1, 0.2], bins=0)


def test_line_is_recovered_where_a_temperature_cannot_help() -> None:
    """Logits drawn around 3, true probability sigmoid(2 logit - 7): most of them negative in truth."""
    numbers = np.random.default_rng(0)
    logits = numbers.normal(3, 1, 20_000)
    labels = numbers.random(20_000) < sigmoid(2 * logits - 7)
    slope, intercept = fit_line(logits, labels)
    assert slope == pytest.approx(2, abs=0.1)
    assert intercept == pytest.approx(-7, abs=0.3)
    stated = sigmoid(slope * logits + intercept)
    assert float(stated.mean()) == pytest.approx(labels.mean(), abs=0.005)


def test_line_holds_for_the_share_that_is_asked_for() -> None:
    """Drawn again so that half are positive, the samples have the stated mean probability one half."""
    generator = np.random.default_rng(5)
    labels = generator.random(20_000) < 0.9
    logits = generator.normal(np.where(labels, 1.0, -1.0), 1.5)
    slope, intercept = fit_line(logits, labels, share=0.5)
    # Two normal densities of one spread at +-1: the log of their ratio is 2 z / 1.5 ** 2.
    assert slope == pytest.approx(2 / 1.5**2, abs=0.05)
    assert intercept == pytest.approx(0, abs=0.06)
    assert fit_line(logits, labels)[1] == pytest.approx(np.log(9), abs=0.15)


def test_line_never_turns_the_order_round() -> None:
    slope, intercept = fit_line([3.0, 2.0, 1.0, 0.0], [0, 0, 1, 1])
    assert slope == 0.0
    assert sigmoid(intercept) == pytest.approx(0.5)


def test_line_stays_finite_where_the_classes_part() -> None:
    slope, intercept = fit_line([-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1])
    assert np.isfinite([slope, intercept]).all()
    assert slope > 0


# ---- the calibration line ----


def drawn_line(slope, intercept, n=4000):
    """Probabilities, and labels that come true at the logit slope x logit + intercept."""
    draw = np.random.default_rng(3)
    logits = draw.normal(0, 1.5, n)
    return draw.random(n) < sigmoid(slope * logits + intercept), sigmoid(logits)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, 0.0), (2.0, 0.0), (1.0, 1.0), (1.0, -1.5)])
def test_the_calibration_line_finds_what_labels_were_drawn_with(slope, intercept) -> None:
    labels, probabilities = drawn_line(slope, intercept)
    assert calibration_slope(labels, probabilities) == pytest.approx(slope, abs=0.1)
    if slope == 1:
        assert calibration_intercept(labels, probabilities) == pytest.approx(intercept, abs=0.1)


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [([0, 1, 0, 1], [0.5] * 4), ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]), ([0, 1], [0.0, 1.0]), ([1], [0.4])],
    ids=["all the same", "parted fully", "said for certain", "one sample"],
)
def test_where_there_is_no_finite_slope_there_is_none(labels, probabilities) -> None:
    assert calibration_slope(labels, probabilities) is None


def test_probabilities_of_nought_and_one_have_a_slope_all_the_same() -> None:
    assert calibration_slope([0, 1, 0, 1, 1, 0], [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]) == pytest.approx(np.log(2) / np.log((1 - 1e-6) / 1e-6))


@pytest.mark.parametrize("of", [calibration_slope, calibration_intercept])
def test_the_weighted_line_is_that_of_the_samples_written_out(of) -> None:
    statistic = {calibration_slope: calibration_slope_statistic, calibration_intercept: calibration_intercept_statistic}[of]
    labels, probabilities = drawn_line(0.7, 0.3, n=60)
    times = np.random.default_rng(5).integers(0, 3, (4, 60))
    found = statistic(labels, probabilities)(times.astype(float))
    for row, value in zip(times, found, strict=True):
        assert value == pytest.approx(of(np.repeat(labels, row), np.repeat(probabilities, row)), abs=1e-8)
    assert np.isnan(statistic(labels, probabilities)(labels[None].astype(float))).all()  # one class only


def test_probabilities_out_of_range_have_no_line() -> None:
    with pytest.raises(ValueError, match=r"probabilities must lie in \[0, 1\], got 0.1 to 1.2"):
        calibration_slope([0, 1], [0.1, 1.2])

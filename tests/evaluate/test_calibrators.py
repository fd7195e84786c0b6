"""Calibrators: by hand, beside scikit-learn, as laws, and where the samples leave little to fit."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression

from breastcad.evaluate.calibrators import METHODS, UNCHANGED, Calibrator, apply, calibrator_of, fit


def made_up(seed: int = 3, size: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are too extreme by a factor of two and too high by one, on a coarse grid so that some are tied."""
    draw = np.random.default_rng(seed)
    honest = draw.normal(0, 1.5, size)
    labels = draw.random(size) < 1 / (1 + np.exp(-honest))
    return np.round(2 * honest + 1, 1), labels


def test_isotonic_steps_on_five_points_by_hand() -> None:
    """Logits 1 to 5, labels 0 1 0 1 1: the second and third violate the order and are pooled to 1/2; none may be surer than 1 - 1/7."""
    fitted = fit("isotonic", [3, 1, 2, 5, 4], [0, 0, 1, 1, 1])
    assert apply(fitted, [1, 2, 3, 4, 5]) == pytest.approx([1 / 7, 1 / 2, 1 / 2, 6 / 7, 6 / 7])
    assert apply(fitted, [0, 1.5, 3.5, 9]) == pytest.approx([1 / 7, (1 / 7 + 1 / 2) / 2, (1 / 2 + 6 / 7) / 2, 6 / 7])


def test_isotonic_steps_pool_ties_first() -> None:
    """Logits 1 1 2 2, labels 0 1 1 1: the two at 1 are one point of 1/2, those at 2 all positive, which is said as 1 - 1/6."""
    assert apply(fit("isotonic", [1, 1, 2, 2], [0, 1, 1, 1]), [1, 2]) == pytest.approx([1 / 2, 5 / 6])


def test_isotonic_steps_equal_those_of_scikit_learn() -> None:
    logits, labels = made_up()
    least = 1 / (labels.size + 2)
    theirs = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip").fit(logits, labels)
    new = np.linspace(-12, 12, 301)
    assert apply(fit("isotonic", logits, labels), new) == pytest.approx(theirs.predict(new), abs=1e-12)


class Scorer(ClassifierMixin, BaseEstimator):
    """A classifier whose decision function is the number that it is given."""

    def fit(self, values, labels):
        self.classes_ = np.unique(labels)
        return self

    def decision_function(self, values):
        return values[:, 0]

    def predict(self, values):
        return self.decision_function(values) > 0


def test_platts_line_equals_that_of_scikit_learn() -> None:
    """To a thousandth: ours is held back by a trace of a prior."""
    logits, labels = made_up()
    column = logits[:, None]
    theirs = CalibratedClassifierCV(FrozenEstimator(Scorer().fit(column, labels)), method="sigmoid").fit(column, labels)
    assert apply(fit("platt", logits, labels), logits) == pytest.approx(theirs.predict_proba(column)[:, 1], abs=1e-3)


def test_each_undoes_what_it_can() -> None:
    """Twice too extreme: the temperature is near 2; Platt also takes the shift of one away: 0.5 x logit - 0.5."""
    logits, labels = made_up(size=4000)
    assert fit("temperature", logits - 1, labels).numbers["temperature"][0] == pytest.approx(2, abs=0.2)
    numbers = fit("platt", logits, labels).numbers
    assert (numbers["slope"][0], numbers["intercept"][0]) == pytest.approx((0.5, -0.5), abs=0.08)


samples = st.integers(2, 40).flatmap(
    lambda size: st.tuples(
        st.lists(st.floats(-30, 30), min_size=size, max_size=size), st.lists(st.booleans(), min_size=size, max_size=size)
    )
)


@settings(max_examples=60)
@given(samples, st.sampled_from(METHODS))
def test_a_probability_never_falls_where_the_logit_rises_and_json_keeps_it(data, method) -> None:
    logits, labels = data
    fitted = fit(method, logits, labels)
    new = np.linspace(-35, 35, 200)
    found = apply(fitted, new)
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= -1e-12).all()
    assert apply(calibrator_of(json.loads(json.dumps(asdict(fitted)))), new).tolist() == found.tolist()


@settings(max_examples=40)
@given(samples)
def test_temperature_and_platt_keep_the_order_of_what_floating_point_tells_apart(data) -> None:
    logits, labels = data
    for method in ("temperature", "platt"):
        fitted = fit(method, logits, labels)
        if fitted.remark is None:
            new = np.array([-1.0, -0.5, 0.0, 0.25, 1.0])
            assert (np.diff(apply(fitted, new)) > 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_one_class_leaves_the_logits_as_they_are_and_says_so(method: str) -> None:
    fitted = fit(method, [0.5, 1.0, 2.0], [1, 1, 1])
    assert (fitted.method, fitted.remark) == (UNCHANGED, "all 3 samples are of one class: left as it is")
    assert apply(fitted, [0.0]).tolist() == [0.5]


@pytest.mark.parametrize("method", METHODS)
def test_classes_that_part_fully_and_scores_that_are_all_equal_give_finite_numbers(method: str) -> None:
    parted = apply(fit(method, [-2, -1, 1, 2], [0, 0, 1, 1]), [-2, -1, 1, 2])
    assert (parted[:2] < 0.5).all()
    assert (parted[2:] > 0.5).all()
    equal = fit(method, [0.0] * 5, [0, 0, 0, 0, 1])
    expected = {"temperature": 0.5, "platt": 0.3, "isotonic": 0.2}[method]  # Platt's targets: (4 x 1/6 + 2/3) / 5
    assert apply(equal, [0.0]) == pytest.approx([expected], abs=0.04)


@pytest.mark.parametrize(
    ("method", "remark"), [("temperature", "highest temperature"), ("platt", "share of positives"), ("isotonic", "share")]
)
def test_logits_that_point_the_wrong_way_are_told(method: str, remark: str) -> None:
    assert remark in str(fit(method, [3, 2, 1, 0.5], [0, 0, 1, 1]).remark)


def test_other_methods_and_broken_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="method must be one of temperature, platt, isotonic, none, got 'beta'"):
        fit("beta", [1, 2], [0, 1])
    with pytest.raises(ValueError, match="a calibrator must be one of"):
        calibrator_of({"method": "platt", "numbers": {"slope": [1.0]}})
    assert calibrator_of(asdict(Calibrator(UNCHANGED))) == Calibrator(UNCHANGED)

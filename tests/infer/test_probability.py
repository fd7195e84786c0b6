"""Probabilities against numbers worked out by hand, and laws that hold for any logits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.records import Possible
from breastcad.infer.model import Outputs
from breastcad.infer.probability import decision, image_numbers, lesion_maps, possible, sigmoid

ALL = ["normal", "benign", "malignant"]
POINT = {"name": "sensitivity 0.90", "of": "malignant", "threshold": 0.5, "sensitivity": 0.9, "specificity": 0.6, "prevalence": 0.35}


def outputs(logits: list[list[float]]) -> Outputs:
    """Return the outputs of folds of one network each."""
    return Outputs(np.zeros((len(logits), 2, 1, 1), np.float32), np.array(logits, np.float32)[:, None])


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def test_two_folds_worked_by_hand() -> None:
    """Fold 1: abnormal .8, malignant given abnormal .5: malignant .4. Fold 2: .6 and .25: .15. Means: .7, .275, benign .425, normal .3."""
    numbers = image_numbers(outputs([[logit(0.8), 0.0], [logit(0.6), logit(0.25)]]), {}, ALL)
    assert numbers.probability == pytest.approx({"normal": 0.3, "benign": 0.425, "malignant": 0.275, "abnormal": 0.7}, abs=1e-6)
    assert list(numbers.probability) == ["normal", "benign", "malignant", "abnormal"]
    assert numbers.interval is not None
    malignant = numbers.interval["malignant"]
    assert (malignant.low, malignant.high) == pytest.approx((0.15, 0.4), abs=1e-6)
    assert (malignant.level, malignant.method) == (pytest.approx(1 / 3), "two folds")
    assert (numbers.interval["abnormal"].low, numbers.interval["abnormal"].high) == pytest.approx((0.6, 0.8), abs=1e-6)


def test_temperature_divides_the_logit_and_leaves_raw_alone() -> None:
    """Logit 2 of abnormal at temperature 2 is sigmoid(1) = .7311; malignant given abnormal has logit 0: a half whatever its temperature."""
    numbers = image_numbers(outputs([[2.0, 0.0]]), {"abnormal": 2.0, "malignant": 5.0}, ALL)
    assert numbers.probability["abnormal"] == pytest.approx(0.731059, abs=1e-6)
    assert numbers.probability["malignant"] == pytest.approx(0.731059 / 2, abs=1e-6)
    assert numbers.raw == pytest.approx({"malignant": 0.880797 / 2, "abnormal": 0.880797}, abs=1e-6)


def test_shift_moves_the_logit_before_it_is_divided() -> None:
    """Fold 1: (2 - 1) / 2 = .5; fold 2: (-1 + 3) / 2 = 1; sigmoids .622459 and .731059."""
    numbers = image_numbers(outputs([[2.0, 0.0], [-1.0, 0.0]]), {"abnormal": 2.0}, ALL, {"abnormal": [-1.0, 3.0]})
    assert numbers.probability["abnormal"] == pytest.approx((0.622459 + 0.731059) / 2, abs=1e-6)
    assert numbers.raw["abnormal"] == pytest.approx((0.880797 + 0.268941) / 2, abs=1e-6)


def test_two_members_of_a_fold_answer_with_the_mean_of_their_logits() -> None:
    """Logits of abnormal 3 and 1, of malignant 0 and -2: means 2 and -1; moved by 1 and divided by 2: 1.5, and -1 / 4."""
    said = Outputs(np.zeros((1, 2, 1, 1), np.float32), np.array([[[3.0, 0.0], [1.0, -2.0]]], np.float32))
    numbers = image_numbers(said, {"abnormal": [2.0], "malignant": [4.0]}, ALL, {"abnormal": [1.0]})
    assert numbers.probability["abnormal"] == pytest.approx(0.817574, abs=1e-6)
    assert numbers.probability["malignant"] == pytest.approx(0.817574 * 0.437823, abs=1e-6)
    assert numbers.raw["abnormal"] == pytest.approx(0.880797, abs=1e-6)
    assert numbers.interval is not None
    abnormal = numbers.interval["abnormal"]  # sigmoids of (3 + 1) / 2 and (1 + 1) / 2
    assert (abnormal.low, abnormal.high, abnormal.method) == (
        pytest.approx(0.731059, abs=1e-6),
        pytest.approx(0.880797, abs=1e-6),
        "two networks",
    )


def test_interval_holds_the_answer_where_members_contradict_each_other() -> None:
    """One says normal, else malignant; the other abnormal and benign: P(malignant) is about 0 for each, 1 / 4 of the mean logits."""
    said = Outputs(np.zeros((1, 2, 1, 1), np.float32), np.array([[[10.0, -10.0], [-10.0, 10.0]]], np.float32))
    numbers = image_numbers(said, {}, ALL)
    assert numbers.probability["malignant"] == pytest.approx(0.25)
    assert numbers.interval is not None
    assert numbers.interval["malignant"].high == pytest.approx(0.25)


def test_folds_of_several_members_spread_over_the_folds() -> None:
    said = Outputs(np.zeros((2, 2, 1, 1), np.float32), np.array([[[3.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]], np.float32))
    interval = image_numbers(said, {}, ALL).interval
    assert interval is not None
    assert (interval["abnormal"].low, interval["abnormal"].high) == pytest.approx((0.5, 0.880797), abs=1e-6)
    assert interval["abnormal"].method == "two folds"


def test_one_fold_has_no_interval() -> None:
    assert image_numbers(outputs([[1.0, 1.0]]), {}, ALL).interval is None


def test_three_folds_are_called_so_at_level_one_half() -> None:
    interval = image_numbers(outputs([[1.0, 1.0]] * 3), {}, ALL).interval
    assert interval is not None
    assert (interval["malignant"].level, interval["malignant"].method) == (0.5, "three folds")


def test_without_the_class_normal_benign_and_malignant_share_all() -> None:
    numbers = image_numbers(outputs([[-3.0, logit(0.2)]]), {}, ["benign", "malignant"])
    assert numbers.probability == pytest.approx({"benign": 0.8, "malignant": 0.2}, abs=1e-6)
    assert set(numbers.raw) == {"malignant"}


@given(st.lists(st.tuples(*[st.floats(-60, 60)] * 2), min_size=1, max_size=5), st.floats(0.2, 5))
def test_classes_sum_to_one_and_abnormal_is_the_rest_of_normal(folds: list[tuple[float, float]], temperature: float) -> None:
    numbers = image_numbers(outputs([list(fold) for fold in folds]), {"abnormal": temperature}, ALL)
    assert sum(numbers.probability[name] for name in ALL) == pytest.approx(1, abs=1e-12)
    assert numbers.probability["abnormal"] == pytest.approx(1 - numbers.probability["normal"], abs=1e-12)
    assert all(0 <= value <= 1 for value in numbers.probability.values())
    for name, interval in (numbers.interval or {}).items():
        assert interval.low - 1e-12 <= numbers.probability[name] <= interval.high + 1e-12


def test_maps_are_means_over_folds_of_probabilities_not_of_logits() -> None:
    """One pixel, two folds. Lesion .8 and .4, malignant given lesion .5 and .25: means .6 and .375; the product .4 and .1: mean .25."""
    maps = np.array([[[[logit(0.8)]], [[0.0]]], [[[logit(0.4)]], [[logit(0.25)]]]], np.float32)
    found = lesion_maps(Outputs(maps, np.zeros((2, 1, 2), np.float32)), {})
    assert found.lesion.item() == pytest.approx(0.6, abs=1e-6)
    assert found.given.item() == pytest.approx(0.375, abs=1e-6)
    assert found.malignant.item() == pytest.approx(0.25, abs=1e-6)
    assert found.lesion.dtype == np.float32


def test_the_map_of_lesions_has_a_temperature_of_its_own() -> None:
    maps = np.full((1, 2, 1, 1), 2.0, np.float32)
    found = lesion_maps(Outputs(maps, np.zeros((1, 1, 2), np.float32)), {"lesion": 2.0, "malignant": 4.0})
    assert found.lesion.item() == pytest.approx(0.731059, abs=1e-6)
    assert found.given.item() == pytest.approx(0.622459, abs=1e-6)


@pytest.mark.parametrize(
    ("probability", "labels"),
    [(0.6, ["not malignant", "malignant"]), (0.61, ["malignant"]), (0.31, ["not malignant", "malignant"]), (0.29, ["not malignant"])],
)
def test_a_label_is_possible_up_to_its_threshold(probability: float, labels: list[str]) -> None:
    """Not malignant up to .6; malignant where 1 - p is at most .7, that is from .3."""
    found = possible({"coverage": 0.9, "benign": 0.6, "malignant": 0.7}, {"malignant": probability})
    assert found == Possible(labels, 0.9)


def test_no_label_is_possible_between_narrow_thresholds() -> None:
    found = possible({"coverage": 0.8, "benign": 0.2, "malignant": 0.2}, {"malignant": 0.5})
    assert found == Possible([], 0.8)
    assert possible(None, {"malignant": 0.5}) is None
    assert possible({"coverage": 0.8, "benign": 0.2, "malignant": 0.2}, {"abnormal": 0.5}) is None


@pytest.mark.parametrize(("probability", "positive"), [(0.5, True), (0.499, False)])
def test_at_the_threshold_is_positive(probability: float, positive: bool) -> None:
    found = decision([POINT], {"malignant": probability})
    assert found is not None
    assert (found.positive, found.name, found.specificity, found.prevalence) == (positive, "sensitivity 0.90", 0.6, 0.35)


def test_no_decision_without_an_operating_point_of_a_known_class() -> None:
    assert decision([], {"malignant": 0.9}) is None
    assert decision([POINT], {"abnormal": 0.9}) is None


def test_sigmoid_of_extreme_logits_neither_overflows_nor_warns() -> None:
    assert sigmoid(np.array([-1e4, 1e4], np.float32)).tolist() == [0.0, 1.0]

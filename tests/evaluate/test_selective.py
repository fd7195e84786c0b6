"""Coverage and risk by hand, and as laws."""

from __future__ import annotations

import numpy as np
import pytest

from breastcad.evaluate.metrics import threshold_for_specificity
from breastcad.evaluate.operating_points import Wanted, decision_statistics, threshold_for
from breastcad.evaluate.selective import area_statistic, coverage_risk, sureness


def test_the_curve_of_five_decisions_by_hand() -> None:
    """Surest first: right, wrong, then two of one sureness (right, wrong), then right: errors 0, 1/2, 2/4, 2/5.

    Area: 0 x .2 + .5 x .2 + .5 x .4 + .4 x .2 = .38.
    """
    right, sure = [True, False, True, False, True], [0.9, 0.8, 0.5, 0.5, 0.1]
    curve = coverage_risk(right, sure)
    assert curve.coverage == pytest.approx([0.2, 0.4, 0.8, 1.0])
    assert curve.risk == pytest.approx([0, 0.5, 0.5, 0.4])
    assert area_statistic(right, sure)(np.ones((1, 5))) == pytest.approx([0.38])


def test_a_sample_drawn_twice_counts_as_two() -> None:
    right, sure = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.5, 0.1])
    weights = np.array([[2.0, 0, 1, 3]])
    again = np.repeat(np.arange(4), weights[0].astype(int))
    assert area_statistic(right, sure)(weights) == pytest.approx(area_statistic(right[again], sure[again])(np.ones((1, 6))))


def test_sureness_that_says_nothing_gives_the_share_of_errors() -> None:
    assert area_statistic([True, False, True, True], [0.3] * 4)(np.ones((1, 4))).tolist() == [0.25]


@pytest.mark.parametrize("share", [1.0, 0.9, 0.8, 0.5])
def test_the_bound_decides_that_share_of_validation(share: float) -> None:
    distances = np.random.default_rng(2).normal(size=200) ** 2
    assert (sureness(distances, distances) >= 1 - share - 1e-9).mean() == pytest.approx(share)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one validation sample"):
        sureness([1.0], [])
    with pytest.raises(ValueError, match="equally long and not empty"):
        coverage_risk([True], [0.1, 0.2])


# ---- operating points ----


def test_a_threshold_for_specificity_calls_no_more_negatives_than_allowed() -> None:
    """Negatives .1 .2 .2 .7: at 0.75 the bound stands just above the third, .2, so that .2 itself is let go."""
    labels, scores = [0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.2, 0.7, 0.2, 0.9]
    threshold = threshold_for(Wanted("specificity", 0.75), labels, scores)
    assert [score >= threshold for score in scores] == [False, False, False, True, False, True]
    assert threshold_for(Wanted("specificity", 1.0), labels, scores) == pytest.approx(0.7)
    with pytest.raises(ValueError, match="at least one negative"):
        threshold_for_specificity([1, 1], [0.1, 0.2], 0.9)
    with pytest.raises(ValueError, match="specificity must lie in"):
        threshold_for_specificity([0, 1], [0.1, 0.2], 0.0)


def test_figures_of_decisions_are_of_women() -> None:
    """Woman a: two cancers, one called. Woman b: a cancer called, a benign film let go: sensitivity 2/3, specificity 1, called 2/4."""
    truth, called = np.array([True, True, True, False]), np.array([True, False, True, False])
    women, statistics = decision_statistics(truth, called, ["a", "a", "b", "b"], rates=("sensitivity", "specificity", "called"))
    found = {name: float(statistic(np.ones((1, 2)))[0]) for name, (statistic, _) in statistics.items()}
    assert women == ["a", "b"]
    assert found == pytest.approx({"sensitivity": 2 / 3, "specificity": 1.0, "called": 0.5})
    assert statistics["specificity"][1].tolist() == [False, True]

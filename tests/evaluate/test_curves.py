"""Partial areas, sensitivity at a specificity, average precision: by hand, and each as a statistic of weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.evaluate.curves import (
    average_precision_statistic,
    partial_auc,
    partial_auc_statistic,
    sensitivity_at_specificity,
    sensitivity_at_specificity_statistic,
)
from breastcad.evaluate.metrics import average_precision


def test_nine_of_ten_negatives_are_a_specificity_of_nine_tenths() -> None:
    """1 - 0.9 is 0.09999999999999998 in floating point; one false positive of ten is allowed all the same."""
    labels, scores = [0] * 10 + [1], [*range(9), 20, 15]
    assert sensitivity_at_specificity(labels, scores, 0.9) == 1.0
    assert sensitivity_at_specificity(labels, scores, 0.91) == 0.0


def test_tied_scores_are_one_step() -> None:
    """Both positives tie with one of two negatives: at that threshold the specificity is 1/2, above it nothing is found."""
    assert sensitivity_at_specificity([0, 0, 1, 1], [0.2, 0.7, 0.7, 0.7], 0.6) == 0.0
    assert sensitivity_at_specificity([0, 0, 1, 1], [0.2, 0.7, 0.7, 0.7], 0.5) == 1.0


def test_a_full_curve_has_a_partial_area_of_one_and_chance_of_one_half() -> None:
    assert partial_auc([0, 0, 1, 1], [1, 2, 3, 4], specificity=0.9) == pytest.approx(1)
    assert partial_auc([0, 0, 1, 1], [1, 2, 3, 4], specificity=0.9, standardised=False) == pytest.approx(0.1)
    assert partial_auc([0, 1], [1, 1], specificity=0.9) == pytest.approx(0.5)  # one diagonal step


STATISTICS = [
    (lambda y, s: partial_auc_statistic(y, s, specificity=0.8), lambda y, s: partial_auc(y, s, specificity=0.8)),
    (lambda y, s: sensitivity_at_specificity_statistic(y, s, 0.75), lambda y, s: sensitivity_at_specificity(y, s, 0.75)),
    (average_precision_statistic, average_precision),
]


@pytest.mark.parametrize(("weighted", "plain"), STATISTICS)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 3)), min_size=2, max_size=15))
def test_weights_count_rows_as_often_as_they_say(weighted, plain, rows) -> None:
    labels, scores, times = (np.array(column) for column in zip(*rows, strict=True))
    if len(set(labels.tolist())) < 2:
        return
    value = weighted(labels, scores)(np.stack([times, np.ones_like(times)]).astype(float))
    assert value[1] == pytest.approx(plain(labels, scores), abs=1e-12)
    drawn = np.repeat(labels, times)
    if len(set(drawn.tolist())) == 2:
        assert value[0] == pytest.approx(plain(drawn, np.repeat(scores, times)), abs=1e-12)


@pytest.mark.parametrize("make", [one for one, _ in STATISTICS])
def test_a_resample_without_positives_leaves_nothing(make) -> None:
    assert np.isnan(make([0, 1, 0], [1, 2, 3])(np.array([[1.0, 0, 1]]))).all()


def test_shares_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"specificity must lie in \(0, 1\), got 1"):
        sensitivity_at_specificity([0, 1], [1, 2], 1)
    with pytest.raises(ValueError, match=r"specificity must lie in \(0, 1\), got 0"):
        partial_auc([0, 1], [1, 2], specificity=0)

"""Weighted statistics equal the plain figures on samples that are written out: a row of weight 3 stands three times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.evaluate import weighted
from breastcad.evaluate.metrics import expected_calibration_error, roc_auc

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=25)


def columns(rows):
    labels, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    return labels, scores / 6, weights.astype(float), np.repeat(np.arange(len(rows)), weights)


@given(ROWS)
def test_auc_of_weights_is_that_of_the_rows_written_out(rows) -> None:
    labels, scores, weights, drawn = columns(rows)
    if not 0 < labels.sum() < labels.size:
        return
    value = weighted.auc(labels, scores)(np.stack([weights, np.ones(labels.size)]))
    assert value[1] == pytest.approx(roc_auc(labels, scores), abs=1e-12)
    if 0 < labels[drawn].sum() < drawn.size:
        assert value[0] == pytest.approx(roc_auc(labels[drawn], scores[drawn]), abs=1e-12)
    else:
        assert np.isnan(value[0])


@given(ROWS)
def test_calibration_error_of_weights_is_that_of_the_rows_written_out(rows) -> None:
    labels, scores, weights, drawn = columns(rows)
    value = weighted.calibration_error(labels, scores, bins=3)(weights[None])[0]
    if drawn.size == 0:
        assert np.isnan(value)
        return
    # Rows of equal score may fall to either side of a bin's border: write them out in the order that the statistic has.
    drawn = np.concatenate([np.repeat(row, int(weights[row])) for row in np.argsort(scores, kind="stable")]).astype(int)
    assert value == pytest.approx(expected_calibration_error(labels[drawn], scores[drawn], bins=3), abs=1e-12)


def test_mean_and_ratio_by_hand() -> None:
    weights = np.array([[1.0, 1, 1], [0, 2, 1], [0, 0, 0]])
    assert weighted.mean([1.0, 4.0, 7.0])(weights)[:2].tolist() == [4.0, 5.0]
    shares = weighted.ratio([1, 0, 2], [1, 3, 2])(weights)
    assert shares[:2].tolist() == [0.5, 0.25]
    assert np.isnan(shares[2])


def test_mean_of_takes_each_statistic_on_its_own_rows() -> None:
    first, second = weighted.mean([1.0, 3.0]), weighted.mean([10.0])
    both = weighted.mean_of([first, second], [np.array([0, 2]), np.array([1])])
    assert both(np.array([[1.0, 1, 1], [3, 1, 1]])).tolist() == [6.0, 5.75]


def test_mean_of_is_undefined_where_one_part_is() -> None:
    both = weighted.mean_of([weighted.mean([1.0]), weighted.mean([3.0])], [np.array([0]), np.array([1])])
    assert np.isnan(both(np.array([[1.0, 0.0]]))[0])


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"numerators and denominators must be .* equally long, got shapes \(2,\) and \(3,\)"):
        weighted.ratio([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="statistics and rows must be equally many and at least one, got 0 and 0"):
        weighted.mean_of([], [])
    with pytest.raises(ValueError, match="must hold both classes"):
        weighted.auc([1, 1], [0.1, 0.2])

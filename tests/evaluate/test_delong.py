"""DeLong's variance against the definition written out pair by pair, and against the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.seeding import generator
from breastcad.evaluate import weighted
from breastcad.evaluate.delong import delong_covariance, delong_interval, delong_test
from breastcad.evaluate.intervals import cluster_bootstrap
from breastcad.evaluate.metrics import roc_auc


def by_definition(labels, scores):
    """DeLong et al. 1988, equations 4 to 6, pair by pair: structural components V10 and V01 and their covariances."""
    positives, negatives = np.flatnonzero(labels), np.flatnonzero(~labels)

    def psi(row, positive, negative):
        return 0.5 * (float(row[positive] > row[negative]) + float(row[positive] >= row[negative]))

    v10 = [[sum(psi(row, i, j) for j in negatives) / len(negatives) for i in positives] for row in scores]
    v01 = [[sum(psi(row, i, j) for i in positives) / len(positives) for j in negatives] for row in scores]
    aucs = [sum(row) / len(row) for row in v10]

    def covariance(parts, k, m):
        return sum((x - aucs[k]) * (y - aucs[m]) for x, y in zip(parts[k], parts[m], strict=True)) / (len(parts[k]) - 1) / len(parts[k])

    size = range(len(scores))
    return aucs, [[covariance(v10, k, m) + covariance(v01, k, m) for m in size] for k in size]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), min_size=4, max_size=25))
def test_it_equals_the_definition(rows) -> None:
    labels, first, second = (np.array(column) for column in zip(*rows, strict=True))
    if min(labels.sum(), (~labels).sum()) < 2:
        return
    aucs, covariance = delong_covariance(labels, np.stack([first, second]))
    wanted_aucs, wanted = by_definition(labels, [first, second])
    assert aucs == pytest.approx(wanted_aucs, abs=1e-12)
    assert covariance == pytest.approx(np.array(wanted), abs=1e-12)
    assert aucs[0] == pytest.approx(roc_auc(labels, first), abs=1e-12)


def test_by_hand() -> None:
    """Positives .35, .8 against negatives .1, .4: V10 = (1/2, 1), V01 = (1, 1/2): each varies by 1/8, over 2 is 1/16, both 1/8."""
    aucs, covariance = delong_covariance([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    assert (aucs.tolist(), covariance.tolist()) == ([0.75], [[0.125]])


def drawn(seed, n=400):
    draw = np.random.default_rng(seed)
    labels = draw.random(n) < 0.3
    shared = draw.normal(size=n)
    return labels, labels * 1.2 + shared + 0.5 * draw.normal(size=n), labels * 0.9 + shared + 0.5 * draw.normal(size=n)


def test_the_interval_is_near_the_bootstrap_s() -> None:
    labels, scores, _ = drawn(3)
    value, low, high = delong_interval(labels, scores)
    found = cluster_bootstrap(weighted.auc(labels, scores), np.arange(labels.size), generator(1, "delong"))
    assert value == pytest.approx(found.value, abs=1e-12)
    assert (low, high) == pytest.approx((found.low, found.high), abs=0.01)


def test_the_error_of_a_difference_is_near_the_bootstrap_s() -> None:
    labels, first, second = drawn(4)
    compared = delong_test(labels, first, second)
    one, other = weighted.auc(labels, first), weighted.auc(labels, second)
    found = cluster_bootstrap(lambda weights: one(weights) - other(weights), np.arange(labels.size), generator(1, "delong"))
    assert compared.difference == pytest.approx(found.value, abs=1e-12)
    assert compared.standard_error == pytest.approx((found.high - found.low) / (2 * 1.96), rel=0.1)
    assert 0 < compared.p < 1


def test_p_is_two_sided_and_does_not_mind_the_order() -> None:
    labels, first, second = drawn(6)
    assert delong_test(labels, first, second).p == pytest.approx(delong_test(labels, second, first).p, abs=1e-12)


def test_two_scores_of_one_ranking_do_not_differ() -> None:
    labels, first, _ = drawn(5)
    assert delong_test(labels, first, np.exp(first)).p == 1.0


def test_of_a_difference_without_error_nobody_can_say_how_sure_it_is() -> None:
    compared = delong_test([0, 0, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1])
    assert (compared.difference, compared.standard_error, compared.p) == (1.0, 0.0, None)


def test_the_interval_stays_within_nought_and_one() -> None:
    assert delong_interval([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])[2] == 1.0


def test_data_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ValueError, match="needs two samples of each class, got 1 and 2"):
        delong_covariance([0, 0, 1], [1, 2, 3])
    with pytest.raises(ValueError, match="scores must be finite"):
        delong_test([0, 0, 1, 1], [1, 2, 3, 4], [1, 2, 3, np.nan])
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\), got 2"):
        delong_interval([0, 0, 1, 1], [1, 2, 3, 4], level=2)

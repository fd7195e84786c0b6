"""Kappa against scikit-learn and against the delta method; what prevalence and bias do to it; several readers by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from breastcad.core.seeding import generator
from breastcad.evaluate.agreement import (
    WEIGHTS,
    band,
    bias_index,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    kappa_value,
    kappa_weights,
    of_pairs,
    pabak,
    per_cent_agreement,
    prevalence_index,
)
from breastcad.evaluate.intervals import cluster_bootstrap

TABLES = (
    st.integers(2, 5)
    .flatmap(lambda size: arrays(np.int64, (size, size), elements=st.integers(0, 30)))
    .filter(lambda table: table.sum() > 1)
)


def pairs_of(table):
    """Return each reader's category of each case of a table of counts."""
    cells = np.repeat(np.arange(table.size), table.ravel())
    return cells // table.shape[1], cells % table.shape[1]


@given(TABLES, st.sampled_from(WEIGHTS))
def test_kappa_is_scikit_learn_s(table, weights) -> None:
    found = cohen_kappa(table, weights=weights)
    if found is None:  # both always say one category: 0 / 0
        assert np.count_nonzero(table.sum(axis=0)) == np.count_nonzero(table.sum(axis=1)) == 1
        return
    first, second = pairs_of(table)
    wanted = cohen_kappa_score(first, second, weights=None if weights == "none" else weights, labels=range(table.shape[0]))
    assert found.value == pytest.approx(wanted, abs=1e-12)
    assert float(kappa_value(table.astype(float), weights)) == pytest.approx(wanted, abs=1e-12)


def delta_error(table, weights, *, null=False):
    """The standard error by the delta method: the gradient by finite differences, the covariance that of a multinomial."""
    n, share = table.sum(), (table / table.sum()).ravel()
    if null:
        share = np.outer(table.sum(axis=1), table.sum(axis=0)).ravel() / n**2
    step, size = 1e-6, table.shape[0]

    def kappa(shares):
        weight, square = kappa_weights(size, weights), shares.reshape(size, size) / shares.sum()
        expected = square.sum(axis=1) @ weight @ square.sum(axis=0)
        return ((weight * square).sum() - expected) / (1 - expected)

    gradient = np.array([(kappa(share + step * unit) - kappa(share - step * unit)) / (2 * step) for unit in np.eye(share.size)])
    return np.sqrt(gradient @ (np.diag(share) - np.outer(share, share)) @ gradient / n)


@given(arrays(np.int64, (3, 3), elements=st.integers(1, 30)), st.sampled_from(WEIGHTS))
def test_the_errors_are_those_of_the_delta_method(table, weights) -> None:
    found = cohen_kappa(table, weights=weights)
    assert found is not None
    assert found.standard_error == pytest.approx(delta_error(table, weights), rel=1e-4, abs=1e-7)
    z = found.value / delta_error(table, weights, null=True)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-3, abs=1e-12)


def test_kappa_by_hand() -> None:
    """20, 5, 10, 15 of 50: agreed .7; by chance .5 * .6 + .5 * .4 = .5; kappa .2 / .5 = .4."""
    found = cohen_kappa([[20, 5], [10, 15]])
    assert found is not None
    assert found.value == pytest.approx(0.4)
    assert (found.value - found.low) == pytest.approx(1.959964 * found.standard_error)
    assert found.standard_error == pytest.approx(0.1270, abs=5e-5)


def test_weights_by_hand() -> None:
    """Three steps, 10 cases: 4 and 3 agree on the ends, 2 a step apart, 1 two steps apart.

    Linear: observed (7 + 2 * .5) / 10 = .8; margins rows .6, .1, .3 and columns .5, .1, .4: expected
    .6 (.5 + .05) + .1 (.25 + .1 + .2) + .3 (.05 + .4) = .52; kappa .28 / .48. Quadratic: a step apart agrees by .75; .85 and .565.
    """
    table = [[4, 1, 1], [1, 0, 0], [0, 0, 3]]
    linear, quadratic = cohen_kappa(table, weights="linear"), cohen_kappa(table, weights="quadratic")
    assert linear is not None
    assert quadratic is not None
    assert linear.value == pytest.approx(0.28 / 0.48)
    assert quadratic.value == pytest.approx((0.85 - 0.565) / (1 - 0.565))


@given(arrays(np.int64, (2, 2), elements=st.integers(0, 30)).filter(lambda table: table.sum() > 1))
def test_what_prevalence_and_bias_do_to_kappa(table) -> None:
    """Byrt, Bishop and Carlin 1993: kappa (1 - PI² + BI²) = PABAK - PI² + BI²."""
    counts = table.astype(float)
    kappa, pi, bi = float(kappa_value(counts)), prevalence_index(counts), bias_index(counts)
    if np.isfinite(kappa):
        assert kappa * (1 - pi**2 + bi**2) == pytest.approx(float(pabak(counts)) - pi**2 + bi**2, abs=1e-9)
    assert float(pabak(counts)) == pytest.approx(2 * float(per_cent_agreement(counts)) - 1)


def test_agreement_stays_high_where_kappa_falls() -> None:
    """118 of 125 both benign, 7 said malignant by one only: kappa below 0, AC1 .94, PABAK .89."""
    table = np.array([[118.0, 5], [2, 0]])
    assert float(kappa_value(table)) == pytest.approx(-0.0234, abs=1e-4)
    assert float(gwet_ac1(table)) == pytest.approx((0.944 - 2 * 0.972 * 0.028) / (1 - 2 * 0.972 * 0.028), abs=1e-9)
    assert float(pabak(table)) == pytest.approx(2 * 118 / 125 - 1)


def test_who_says_one_thing_always_agrees_as_by_chance() -> None:
    found = cohen_kappa([[5, 5], [0, 0]])
    assert found is not None
    assert (found.value, found.standard_error, found.p) == (0.0, 0.0, 1.0)
    assert cohen_kappa([[9, 0], [0, 0]]) is None


def test_a_bootstrap_over_patients_is_wider_where_cases_of_a_patient_are_alike() -> None:
    """Every case four times under one patient: the value is the same, the analytic error takes them for four."""
    first, second = pairs_of(np.array([[20, 5], [10, 15]]))
    once = cluster_bootstrap(of_pairs(kappa_value, first, second, 2), np.arange(50), generator(1, "agreement"))
    copies = of_pairs(kappa_value, np.repeat(first, 4), np.repeat(second, 4), 2)
    four = cluster_bootstrap(copies, np.repeat(np.arange(50), 4), generator(1, "agreement"))
    analytic = cohen_kappa(4 * np.array([[20, 5], [10, 15]]))
    assert analytic is not None
    assert (four.value, four.high - four.low) == (pytest.approx(once.value), pytest.approx(once.high - once.low, rel=0.1))
    assert four.high - four.low > 1.7 * (analytic.high - analytic.low)


def test_several_readers_by_hand_and_the_order_of_readers_does_not_matter() -> None:
    """Three readers, four cases 3-0, 2-1, 0-3, 0-3: agreed (1 + 1/3 + 1 + 1) / 4 = 5/6; by chance (5² + 7²) / 12² = 74/144."""
    value = fleiss_kappa([[3, 0], [2, 1], [0, 3], [0, 3]])(np.ones((1, 4)))[0]
    assert value == pytest.approx((5 / 6 - 74 / 144) / (1 - 74 / 144))
    assert np.isnan(fleiss_kappa([[3, 0], [3, 0]])(np.ones((1, 2)))[0])


def test_of_two_readers_with_the_same_margins_fleiss_is_cohen() -> None:
    first, second = pairs_of(np.array([[20, 7], [7, 15]]))
    counts = np.stack([(first == 0).astype(int) + (second == 0), (first == 1).astype(int) + (second == 1)], axis=1)
    assert fleiss_kappa(counts)(np.ones((1, first.size)))[0] == pytest.approx(float(kappa_value(np.array([[20.0, 7], [7, 15]]))))


@pytest.mark.parametrize(
    ("kappa", "word"), [(-0.01, "less than chance"), (0.0, "slight"), (0.21, "fair"), (0.426, "moderate"), (0.61, "high")]
)
def test_bands_are_the_thesis_ones(kappa, word) -> None:
    assert band(kappa) == word


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: cohen_kappa([[1, 2]]), r"counts must be a square table of at least two categories, got shape \(1, 2\)"),
        (lambda: cohen_kappa([[1, -2], [0, 1]]), "counts must be finite, not negative, and not all 0"),
        (lambda: cohen_kappa([[0, 0], [0, 0]]), "not all 0"),
        (lambda: cohen_kappa([[1, 0], [0, np.nan]]), "must be finite"),
        (lambda: cohen_kappa([[1, 0], [0, 1]], level=0), r"level must lie in \(0, 1\), got 0"),
        (lambda: kappa_weights(3, "cubic"), "weights must be one of none, linear, quadratic, got 'cubic'"),
        (lambda: fleiss_kappa([[3, 0], [2, 0]]), "every case must be read by the same readers, two at least"),
        (lambda: fleiss_kappa([3, 0]), r"counts must be \(cases, at least two categories\), got shape \(2,\)"),
    ],
)
def test_what_is_no_table_is_refused(call, said) -> None:
    with pytest.raises(ValueError, match=said):
        call()

"""McNemar's test and its clustered form: by hand, by the formulas of textbooks, and laws."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, chi2

from breastcad.evaluate.comparisons import adjusted, clustered_mcnemar, mcnemar


def pairs(only_first, only_second, both=3):
    return [1] * only_first + [0] * only_second + [1] * both, [0] * only_first + [1] * only_second + [1] * both


def test_by_hand() -> None:
    """10 to 2 of 12: exact 2 (1 + 12 + 66) / 4096; corrected chi-square (8 - 1)^2 / 12."""
    found = mcnemar(*pairs(10, 2))
    assert found.exact == pytest.approx(2 * (1 + 12 + 66) / 4096)
    assert found.corrected == pytest.approx(chi2.sf(49 / 12, 1))
    assert (found.only_first, found.only_second) == (10, 2)


def test_models_that_are_right_alone_equally_often_do_not_differ() -> None:
    """b = c: the correction would make half of a difference of none (R's mcnemar.test makes none either)."""
    for n in (1, 5):
        assert mcnemar(*pairs(n, n)).corrected == 1.0


@given(st.integers(0, 12), st.integers(0, 12))
def test_the_exact_p_is_twice_the_binomial_tail_and_at_most_one(first, second) -> None:
    if first + second == 0:
        assert mcnemar(*pairs(0, 0)).exact == 1.0
        return
    wanted = min(1.0, 2 * binom.cdf(min(first, second), first + second, 0.5))
    assert mcnemar(*pairs(first, second)).exact == pytest.approx(wanted)
    assert mcnemar(*pairs(second, first)).exact == pytest.approx(wanted)


@given(st.integers(0, 12), st.integers(0, 12))
def test_clusters_of_one_give_mcnemar_s_chi_square_but_for_the_factor(first, second) -> None:
    one, other = pairs(first, second)
    found = clustered_mcnemar(one, other, list(range(len(one))))
    if first + second == 0:
        assert found is None
        return
    factor = len(one) / (len(one) - 1)
    assert found == pytest.approx(chi2.sf((first - second) ** 2 / (first + second) / factor, 1))


def test_copies_in_a_cluster_make_nothing_more_certain() -> None:
    one, other = pairs(9, 3)
    clusters = list(range(len(one)))
    assert clustered_mcnemar(one * 5, other * 5, clusters * 5) == pytest.approx(clustered_mcnemar(one, other, clusters))
    assert mcnemar(one * 5, other * 5).exact < 0.1 * mcnemar(one, other).exact


def test_nothing_to_adjust_is_nothing() -> None:
    assert adjusted([]) == []
    assert adjusted([None, None]) == [None, None]
    assert math.isclose(adjusted([0.02])[0], 0.02)


def test_data_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ValueError, match=r"equally long and not empty, got shapes \(1,\) and \(2,\)"):
        mcnemar([1], [1, 0])
    with pytest.raises(ValueError, match="two clusters at least, got 1"):
        clustered_mcnemar([1, 0], [0, 1], ["a", "a"])
    with pytest.raises(ValueError, match=r"as many clusters as samples, got \(1,\) and \(2,\)"):
        clustered_mcnemar([1, 0], [0, 1], ["a"])

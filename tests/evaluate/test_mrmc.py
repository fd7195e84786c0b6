"""Obuchowski and Rockette's analysis: a published study to its last printed digit, Dorfman's pseudo-values, chance under the null."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from breastcad.core.seeding import generator
from breastcad.evaluate.delong import delong_interval, delong_test
from breastcad.evaluate.metrics import roc_auc
from breastcad.evaluate.mrmc import BOTH, CASES, READERS, analyse, area_covariance

LAST = 5.1e-9  # OR-DBM MRMC prints eight decimals


@pytest.fixture(scope="module")
def published(van_dyke):
    return analyse(van_dyke.RATINGS, van_dyke.TRUTH, method="jackknife")


def test_areas_mean_squares_and_components_are_the_published_ones(published, van_dyke) -> None:
    assert np.array(published.areas) == pytest.approx(np.array(van_dyke.AREAS), abs=LAST)
    wanted = {
        "MS(T)": 0.00479617,
        "MS(R)": 0.00383620,
        "MS(T*R)": 0.00055103,
        "Var": 0.00080229,
        "Cov1": 0.00034661,
        "Cov2": 0.00034407,
        "Cov3": 0.00023903,
        "Var(R)": 0.00153500,
        "Var(T*R)": 0.00020040,
    }
    assert published.components == pytest.approx(wanted, abs=LAST)


# F or chi-square, its degrees of freedom, p; error and interval of the difference; those of the two means
PUBLISHED = {
    BOTH: (4.46, 15.26, .0517, (0.02075, -0.08796, 0.00036), ((0.03317360, 0.82522360, 0.96885048), (0.02156637, 0.89413783, 0.98753689))),
    CASES: (5.48, None, .0193, (.01872, -.08049, -0.00711), ((0.02428971, 0.84943008, 0.94464399), (0.01677632, 0.90795637, 0.97371835))),
    READERS: (8.70, 4, .042, (0.01485, -0.08502, -0.00258), ((0.02482994, 0.82809808, 0.96597599), (0.01615303, 0.89598936, 0.98568536))),
}  # fmt: skip


@pytest.mark.parametrize("random", PUBLISHED)
def test_every_analysis_is_the_published_one(published, random) -> None:
    value, df_error, p, difference, means = PUBLISHED[random]
    found = next(one for one in published.analyses if one.random == random)
    assert found.value == pytest.approx(value, abs=0.0051)
    assert found.df == 1
    assert found.df_error is None if df_error is None else found.df_error == pytest.approx(df_error, abs=0.0051)
    assert found.p == pytest.approx(p, abs=5.1e-5)
    one = found.differences[0]
    assert one.value == pytest.approx(-0.04380032, abs=LAST)
    assert (one.standard_error, one.low, one.high) == pytest.approx(difference, abs=5.1e-6)
    assert one.p == pytest.approx(found.p, abs=1e-12)
    for mean, (error, low, high) in zip(found.means, means, strict=True):
        assert (mean.standard_error, mean.low, mean.high) == pytest.approx((error, low, high), abs=2e-8)


def test_each_reader_alone_is_the_published_one(published) -> None:
    errors, ps = [0.02551, 0.02630, 0.03121, 0.01729, 0.04406], [0.2693, 0.0768, 0.5668, 0.1290, 0.0230]
    assert [one[0].standard_error for one in published.by_reader] == pytest.approx(errors, abs=5.1e-6)
    assert [one[0].p for one in published.by_reader] == pytest.approx(ps, abs=5.1e-5)


def dorfman(ratings, truth):
    """Dorfman, Berbaum and Metz 1992: a three-way analysis of variance of jackknifed pseudo-values, with Hillis' pooled error term."""
    t, r, n = ratings.shape
    pseudo = np.empty((t, r, n))
    for i, j in itertools.product(range(t), range(r)):
        left_out = [roc_auc(np.delete(truth, k), np.delete(ratings[i, j], k)) for k in range(n)]
        pseudo[i, j] = n * roc_auc(truth, ratings[i, j]) - (n - 1) * np.array(left_out)
    mean = {axes: pseudo.mean(axis=axes, keepdims=True) for k in range(4) for axes in itertools.combinations(range(3), k)}
    whole = mean[0, 1, 2]
    squares = {
        "T": r * n * ((mean[1, 2] - whole) ** 2).sum() / (t - 1),
        "TR": n * ((mean[2,] - mean[1, 2] - mean[0, 2] + whole) ** 2).sum() / ((t - 1) * (r - 1)),
        "TC": r * ((mean[1,] - mean[1, 2] - mean[0, 1] + whole) ** 2).sum() / ((t - 1) * (n - 1)),
    }
    rest = pseudo - mean[2,] - mean[1,] - mean[0,] + mean[1, 2] + mean[0, 2] + mean[0, 1] - whole
    squares["TRC"] = (rest**2).sum() / ((t - 1) * (r - 1) * (n - 1))
    error = squares["TR"] + max(0, squares["TC"] - squares["TRC"])
    df = error**2 / (squares["TR"] ** 2 / ((t - 1) * (r - 1)))
    return squares["T"] / error, df, stats.f.sf(squares["T"] / error, t - 1, df)


def drawn(seed, *, t=2, r=3, n=24, effect=0.0):
    """Return ratings of readers who differ, of cases that differ, tied now and then; under the null unless there is an effect."""
    draw = generator(seed, "mrmc")
    truth = np.arange(n) < n // 2
    noise = draw.normal(size=(1, 1, n)) + draw.normal(size=(1, r, n)) + draw.normal(size=(t, 1, n)) + draw.normal(size=(t, r, n))
    skill = 1.5 + 0.4 * draw.normal(size=(1, r, 1)) + 0.4 * draw.normal(size=(t, r, 1)) + effect * np.arange(t)[:, None, None]
    return np.round(noise + truth * skill, 1), truth


@given(st.integers(0, 10_000), st.integers(2, 3), st.integers(2, 4), st.integers(6, 20))
def test_jackknifed_it_is_the_analysis_of_pseudo_values(seed, t, r, n) -> None:
    ratings, truth = drawn(seed, t=t, r=r, n=n)
    found = analyse(ratings, truth, method="jackknife").analyses[0]
    if found.value is None or found.df_error is None:
        return
    assert (found.value, found.df_error, found.p) == pytest.approx(dorfman(ratings, truth), rel=1e-6)


@given(st.integers(0, 10_000))
def test_what_does_not_matter_changes_nothing(seed) -> None:
    """Any rising map of the ratings, the order of cases, the order of readers; conditions swapped turn the sign only."""
    ratings, truth = drawn(seed)
    order = generator(seed, "order").permutation(truth.size)
    one = analyse(ratings, truth).analyses[0]
    for other in (analyse(np.exp(ratings), truth), analyse(ratings[:, :, order], truth[order]), analyse(ratings[:, ::-1], truth)):
        assert other.analyses[0].differences[0].p == pytest.approx(one.differences[0].p, abs=1e-9)
    swapped = analyse(ratings[::-1], truth).analyses[0].differences[0]
    assert (swapped.value, swapped.p) == pytest.approx((-one.differences[0].value, one.differences[0].p), abs=1e-9)


def test_one_reader_is_delong_s_test_and_one_condition_has_means_only() -> None:
    ratings, truth = drawn(5, n=60)
    found = analyse(ratings[:, :1], truth)
    compared = delong_test(truth, ratings[0, 0], ratings[1, 0])
    assert [one.random for one in found.analyses] == [CASES]
    for one in (found.analyses[0].differences[0], found.by_reader[0][0]):
        assert (one.value, one.standard_error, one.p) == pytest.approx((compared.difference, compared.standard_error, compared.p), abs=1e-9)
    alone = analyse(ratings[:1], truth)
    assert [(one.statistic, one.p, one.differences) for one in alone.analyses] == [(None, None, ())] * 3
    assert alone.by_reader == ((), (), ())
    single = analyse(ratings[:1, :1], truth).analyses[0].means[0]
    assert (single.value, single.low, single.high) == pytest.approx(delong_interval(truth, ratings[0, 0]), abs=1e-9)


def test_where_nothing_varies_there_is_no_f_no_p_and_no_interval() -> None:
    """Both conditions alike, or fully right against fully wrong for every reader: ten cases cannot make either sure."""
    truth = np.repeat([0, 1], 5)
    same = np.tile(np.arange(10.0), (2, 3, 1))
    assert [(one.value, one.p) for one in analyse(same, truth).analyses] == [(None, None)] * 3
    opposite = same * np.array([1, -1])[:, None, None]
    found = analyse(opposite, truth)
    assert [(one.value, one.p, one.differences[0].value) for one in found.analyses] == [(None, None, 1.0)] * 3
    figures = [figure for one in found.analyses for figure in (*one.means, *one.differences)] + [one[0] for one in found.by_reader]
    assert {(figure.low, figure.high) for figure in figures} == {(None, None)}
    assert {one[0].p for one in found.by_reader} == {None}


def test_a_mean_of_readers_who_are_always_and_never_right_has_no_interval_from_fixed_readers() -> None:
    truth = np.repeat([0, 1], 5)
    found = analyse(np.arange(10.0) * np.array([[[1.0], [-1.0]]]), truth)
    (of_cases,) = (one.means[0] for one in found.analyses if one.random == CASES)
    assert (of_cases.value, of_cases.low, of_cases.high) == (0.5, None, None)


def test_over_patients_copies_of_a_patient_count_as_one() -> None:
    """Every case twice under one patient: the areas and their covariance are those of each patient's case once."""
    ratings, truth = drawn(7, t=1, r=2, n=16)
    areas, covariance = area_covariance(truth, ratings[0], method="jackknife")
    twice, of_patients = area_covariance(
        np.repeat(truth, 2), np.repeat(ratings[0], 2, axis=1), method="jackknife", clusters=np.repeat(np.arange(16), 2)
    )
    assert (twice, of_patients) == (pytest.approx(areas), pytest.approx(covariance))
    _, by_placements = area_covariance(np.repeat(truth, 2), np.repeat(ratings[0], 2, axis=1), clusters=np.repeat(np.arange(16), 2))
    assert by_placements == pytest.approx(area_covariance(truth, ratings[0])[1])
    _, taken_apart = area_covariance(np.repeat(truth, 2), np.repeat(ratings[0], 2, axis=1), method="jackknife")
    assert (np.diag(taken_apart) < 0.6 * np.diag(covariance)).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"ratings": [[1, 2, 3, 4]], "truth": [0, 0, 1, 1]},
            r"three axes \(condition, reader, case\), got shape \(1, 4\)",
        ),
        ({"ratings": [[[1, 2, 3, 4]]], "truth": [0, 0, 1, 1], "level": 1}, r"level must lie in \(0, 1\), got 1"),
        ({"ratings": [[[1, 2, 3, 4]]], "truth": [0, 0, 1, 1], "method": "guess"}, "method must be one of delong, jackknife, got 'guess'"),
        ({"ratings": [[[1, 2, 3, 4]]], "truth": [0, 0, 1, 1], "clusters": ["a"] * 4}, "each class must be in two clusters at least"),
        ({"ratings": [[[1, 2, 3]]], "truth": [0, 0, 1], "method": "jackknife"}, "cases of each class from at least two patients"),
        ({"ratings": [[[1, 2, np.nan, 4]]], "truth": [0, 0, 1, 1]}, "scores must be finite: 1 of 4 are not"),
    ],
)
def test_what_cannot_be_analysed_is_refused(arguments, said) -> None:
    with pytest.raises(ValueError, match=said):
        analyse(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize(("t", "r", "n"), [(2, 5, 100), (3, 4, 60)])
def test_under_the_null_one_study_in_twenty_is_significant(t, r, n) -> None:
    """1,000 studies in which readers and cases differ and conditions do not; Hillis' test stays near 0.05, fixed readers' does not."""
    ps = np.array([[one.p for one in analyse(*drawn(seed, t=t, r=r, n=n)).analyses] for seed in range(1000)])
    both, fixed_readers, _ = (ps < 0.05).mean(axis=0)
    assert 0.03 < both < 0.07
    assert fixed_readers > both

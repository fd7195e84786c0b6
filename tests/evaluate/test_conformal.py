"""Conformal sets: by hand, and the promised coverage on made-up samples, exchangeable ones and several a woman."""

from __future__ import annotations

import math

import numpy as np
import pytest

from breastcad.core.seeding import generator
from breastcad.evaluate.conformal import (
    FITTED_ON,
    ONE,
    ROWS,
    WORST,
    ConformalThresholds,
    conformal_quantile,
    conformal_sets,
    covered,
    fit_conformal,
)

DRAWS = generator(1, "test")


def test_thresholds_by_hand() -> None:
    """Strangeness of labels 0 0 0 0 | 1 1 1 1 with P .1 .2 .3 .6 | .9 .8 .5 .3: .1 .2 .3 .6 | .1 .2 .5 .7.

    At 0.6, of eight the ceil(9 x .6) = 6th smallest: .1 .1 .2 .2 .3 .5; of four a class the ceil(5 x .6) = 3rd: .3, and .5.
    """
    labels, said, women = [0, 0, 0, 0, 1, 1, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.9, 0.8, 0.5, 0.3], list("abcdefgh")
    assert fit_conformal(labels, said, women, 0.6, DRAWS) == ConformalThresholds(0.5, 0.5, (8, 8))
    found = fit_conformal(labels, said, women, 0.6, DRAWS, by_class=True)
    assert (found.negative, found.positive, found.samples) == (pytest.approx(0.3), pytest.approx(0.5), (4, 4))
    sets = conformal_sets(found, [0.1, 0.4, 0.5, 0.25])
    assert sets.tolist() == [[True, False], [False, False], [False, True], [True, False]]
    assert covered([0, 1, 1, 1], sets).tolist() == [True, False, True, False]


def test_a_woman_counts_once_by_her_worst_or_by_one_that_is_drawn() -> None:
    """Women a (.1, .9), b (.2), c (.3): worst .9 .2 .3, at 0.5 the ceil(4 x .5) = 2nd smallest is .3."""
    labels, said, women = [0, 0, 0, 0], [0.1, 0.9, 0.2, 0.3], ["a", "a", "b", "c"]
    assert fit_conformal(labels, said, women, 0.5, DRAWS, on=WORST) == ConformalThresholds(0.3, 0.3, (3, 3))
    found = {fit_conformal(labels, said, women, 0.7, generator(seed, "a"), on=ONE).negative for seed in range(20)}
    assert found == {0.3, 0.9}  # the third of three: .3 if .1 was drawn of woman a, else .9


def test_too_few_samples_leave_no_label_out() -> None:
    found = fit_conformal([0, 0, 1], [0.1, 0.2, 0.9], ["a", "b", "c"], 0.9, DRAWS, by_class=True)
    assert (found.negative, found.positive) == (math.inf, math.inf)
    assert conformal_sets(found, [0.0, 1.0]).all()
    absent = fit_conformal([0] * 30, np.linspace(0, 1, 30), [str(i) for i in range(30)], 0.9, DRAWS, by_class=True)
    assert absent.positive == math.inf
    assert absent.negative < 1


def coverages(make, on: str, by_class: bool, women: int, runs: int = 600) -> np.ndarray:
    """Return over fresh draws of validation and one new woman: is a sample drawn of hers covered, are all."""
    found = []
    for run in range(runs):
        draw = np.random.default_rng(run)
        labels, said, groups = make(draw, women)
        new_labels, new_said, _ = make(draw, 1)
        fitted = fit_conformal(labels, said, groups, 0.9, draw, by_class=by_class, on=on)
        right = covered(new_labels, conformal_sets(fitted, new_said))
        found.append((right[draw.integers(right.size)], right.all()))
    return np.mean(found, axis=0)


def exchangeable(draw, women):
    labels = draw.random(women) < 0.4
    said = 1 / (1 + np.exp(-draw.normal(np.where(labels, 1.0, -1.0), 1.0)))
    return labels, said, [str(i) for i in range(women)]


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("on", FITTED_ON)
def test_coverage_of_exchangeable_samples_is_at_least_nominal(on: str, by_class: bool) -> None:
    """0.9 to 0.9 + 1 / (n + 1), within three binomial errors of 600 draws (.037)."""
    said = coverages(exchangeable, on, by_class, 79)[0]
    assert 0.9 - 0.037 <= said <= 0.9 + 1 / (30 if by_class else 80) + 0.037


def clustered(draw, women):
    """Four women in five have eight films that are easy, one in five has a single hard one."""
    hard = draw.random(women) < 0.2
    sizes = np.where(hard, 1, 8)
    group = np.repeat(np.arange(women), sizes)
    said = np.where(hard[group], draw.uniform(0.4, 0.9, group.size), draw.uniform(0.0, 0.5, group.size))
    return np.zeros(group.size, bool), said, group


def test_where_women_have_several_films_one_a_woman_keeps_the_promise_and_all_films_break_it() -> None:
    by_film, one, worst = (coverages(clustered, on, False, 60) for on in (ROWS, ONE, WORST))
    assert by_film[0] < 0.9 - 0.037  # of a new woman's film, which is what a reader sees
    assert one[0] >= 0.9 - 0.037
    assert worst[1] >= 0.9 - 0.037  # all films of hers together


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="coverage must lie in"):
        conformal_quantile([0.1], 1.0)
    with pytest.raises(ValueError, match="on must be one of all samples"):
        fit_conformal([0, 1], [0.1, 0.9], ["a", "b"], 0.9, DRAWS, on="films")

"""Variance of AUCs of clustered samples: the formula written out pair by pair, DeLong's where clusters are single, the bootstrap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.seeding import generator
from breastcad.evaluate import weighted
from breastcad.evaluate.clustered import clustered_covariance, clustered_interval, clustered_test, parts_test
from breastcad.evaluate.delong import delong_covariance, delong_interval, delong_test
from breastcad.evaluate.intervals import cluster_bootstrap
from breastcad.evaluate.metrics import roc_auc

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5), st.sampled_from("abcdef")), min_size=6, max_size=25)


def by_definition(labels, scores, clusters):
    """Obuchowski 1997, section 3: sums of placements a cluster, their squares and products, the three S and the covariance."""
    names, size = sorted(set(clusters)), range(len(scores))
    positives, negatives = np.flatnonzero(labels), np.flatnonzero(~labels)

    def above(row, i):
        return sum((row[i] > row[j]) + 0.5 * (row[i] == row[j]) for j in negatives) / len(negatives)

    def below(row, j):
        return sum((row[i] > row[j]) + 0.5 * (row[i] == row[j]) for i in positives) / len(positives)

    aucs = [sum(above(row, i) for i in positives) / len(positives) for row in scores]
    x = [[sum(above(row, i) - aucs[k] for i in positives if clusters[i] == name) for name in names] for k, row in enumerate(scores)]
    y = [[sum(below(row, j) - aucs[k] for j in negatives if clusters[j] == name) for name in names] for k, row in enumerate(scores)]
    holding_positives, holding_negatives = len({clusters[i] for i in positives}), len({clusters[j] for j in negatives})

    def product(first, second, count, under):
        return count / (count - 1) * sum(a * b for a, b in zip(first, second, strict=True)) / under

    m, n, both = len(positives), len(negatives), len(names)
    return aucs, [
        [
            product(x[k], x[o], holding_positives, m * m)
            + product(y[k], y[o], holding_negatives, n * n)
            + product(x[k], y[o], both, m * n)
            + product(y[k], x[o], both, m * n)
            for o in size
        ]
        for k in size
    ]


@given(ROWS)
def test_it_equals_the_formula_written_out(rows) -> None:
    labels, first, second, clusters = (np.array(column) for column in zip(*rows, strict=True))
    if min(len(set(clusters[labels])), len(set(clusters[~labels]))) < 2:
        return
    aucs, covariance = clustered_covariance(labels, np.stack([first, second]), clusters)
    wanted_aucs, wanted = by_definition(labels, [first, second], clusters)
    assert aucs == pytest.approx(wanted_aucs, abs=1e-12)
    assert covariance == pytest.approx(np.array(wanted), abs=1e-12)


@given(ROWS)
def test_clusters_of_one_sample_give_delong_s(rows) -> None:
    labels, first, second, _ = (np.array(column) for column in zip(*rows, strict=True))
    if min(labels.sum(), (~labels).sum()) < 2:
        return
    single = np.arange(labels.size)
    assert clustered_covariance(labels, np.stack([first, second]), single)[1] == pytest.approx(
        delong_covariance(labels, np.stack([first, second]))[1], abs=1e-12
    )
    assert clustered_interval(labels, first, single) == pytest.approx(delong_interval(labels, first), abs=1e-12)
    assert clustered_test(labels, first, second, single).p == pytest.approx(delong_test(labels, first, second).p, abs=1e-9)


def test_samples_written_twice_in_their_cluster_tell_nothing_new() -> None:
    labels, scores, clusters = drawn(2, 40)[:3]
    once, twice = (
        clustered_covariance(np.tile(labels, times), np.tile(scores, times), np.tile(clusters, times))[1][0, 0] for times in (1, 2)
    )
    assert twice == pytest.approx(once)
    assert delong_covariance(np.tile(labels, 2), np.tile(scores, 2))[1][0, 0] < 0.6 * once


def drawn(seed, patients, images=4):
    """Samples of patients whose images have labels of their own, and two models' scores."""
    draw = np.random.default_rng(seed)
    of = np.repeat(np.arange(patients), images)
    labels = draw.random(of.size) < 0.4
    effect = draw.normal(size=patients)[of]
    return labels, labels + effect + draw.normal(size=of.size), of, 0.8 * labels + effect + draw.normal(size=of.size)


def test_its_errors_are_near_the_cluster_bootstrap_s() -> None:
    labels, first, patients, second = drawn(3, 150)
    error = math.sqrt(clustered_covariance(labels, first, patients)[1][0, 0])
    found = cluster_bootstrap(weighted.auc(labels, first), patients, generator(1, "clustered"))
    assert error == pytest.approx(found.error, rel=0.05)
    one, other = weighted.auc(labels, first), weighted.auc(labels, second)
    both = cluster_bootstrap(lambda weights: one(weights) - other(weights), patients, generator(1, "clustered"))
    compared = clustered_test(labels, first, second, patients)
    assert compared.standard_error == pytest.approx(both.error, rel=0.05)
    assert (compared.difference, compared.z) == (pytest.approx(both.value), pytest.approx(both.value / compared.standard_error))


def test_a_part_against_the_rest_is_two_separate_aucs_where_no_cluster_is_in_both() -> None:
    """The variance of the difference is then the sum of the two, but for the factors of few clusters."""
    labels, scores, patients, _ = drawn(5, 200)
    part = patients < 120
    found = parts_test(labels, scores, patients, part)
    variances = [clustered_covariance(labels[own], scores[own], patients[own])[1][0, 0] for own in (part, ~part)]
    assert found.first - found.second == pytest.approx(roc_auc(labels[part], scores[part]) - roc_auc(labels[~part], scores[~part]))
    assert found.standard_error == pytest.approx(math.sqrt(sum(variances)), rel=0.02)


def test_data_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ValueError, match="each class must be in two clusters at least, got 1 with a positive and 2 with a negative"):
        clustered_covariance([0, 0, 1, 1], [1, 2, 3, 4], ["a", "b", "a", "a"])
    with pytest.raises(ValueError, match=r"as many clusters as samples, got \(1,\) and \(2,\)"):
        clustered_covariance([0, 1], [1, 2], ["a"])
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\), got 0"):
        clustered_interval([0, 0, 1, 1], [1, 2, 3, 4], ["a", "b", "c", "d"], level=0)
    with pytest.raises(ValueError, match="must hold both classes"):
        parts_test([0, 1, 1, 1], [1, 2, 3, 4], ["a", "b", "c", "d"], [1, 1, 0, 0])

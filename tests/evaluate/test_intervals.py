"""Intervals: drawn by cluster, the same for the same seed, covering what they should, and open about undefined resamples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from breastcad.core.seeding import generator
from breastcad.evaluate import weighted
from breastcad.evaluate.intervals import UndefinedFigure, cluster_bootstrap, resampled, wilson_interval
from breastcad.evaluate.metrics import roc_auc


def clustered(seed, clusters=60, each=5):
    """Scores with a share that a cluster's rows have in common, so that rows of a cluster are alike."""
    draw = np.random.default_rng(seed)
    labels = np.repeat(draw.random(clusters) < 0.4, each)
    scores = np.repeat(draw.normal(size=clusters), each) + 0.2 * draw.normal(size=clusters * each) + 1.0 * labels
    return labels, scores, np.repeat([f"p{number}" for number in range(clusters)], each)


def test_the_fast_statistic_gives_the_interval_of_the_plain_function() -> None:
    labels, scores, clusters = clustered(1, 30, 3)
    fast = cluster_bootstrap(weighted.auc(labels, scores), clusters, generator(4, "a"), repeats=150)
    slow = cluster_bootstrap(resampled(roc_auc, labels, scores), clusters, generator(4, "a"), repeats=150)
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high), abs=1e-12)
    assert fast.value == pytest.approx(roc_auc(labels, scores), abs=1e-12)


def test_the_interval_is_the_quantiles_of_whole_clusters_drawn_by_hand() -> None:
    """A loop that draws names of clusters and takes all rows of each draw agrees within the noise of the draws."""
    labels, scores, clusters = clustered(7)
    names = np.unique(clusters)
    rows = {name: np.flatnonzero(clusters == name) for name in names}
    draw = np.random.default_rng(0)
    values = []
    for _ in range(2000):
        drawn = np.concatenate([rows[name] for name in draw.choice(names, names.size)])
        values.append(roc_auc(labels[drawn], scores[drawn]))
    found = cluster_bootstrap(weighted.auc(labels, scores), clusters, generator(2, "b"))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), abs=0.012)


def test_rows_that_are_alike_within_clusters_widen_the_interval() -> None:
    labels, scores, clusters = clustered(3)
    by_cluster = cluster_bootstrap(weighted.auc(labels, scores), clusters, generator(1, "c"))
    by_row = cluster_bootstrap(weighted.auc(labels, scores), np.arange(labels.size), generator(1, "c"))
    assert by_cluster.high - by_cluster.low > 1.6 * (by_row.high - by_row.low)


def test_copying_every_row_of_a_cluster_leaves_the_interval_alone() -> None:
    values, clusters = np.array([0.1, 0.9, 0.4, 0.6, 0.3]), np.array(["a", "b", "c", "d", "e"])
    once = cluster_bootstrap(weighted.mean(values), clusters, generator(1, "d"))
    thrice = cluster_bootstrap(weighted.mean(np.repeat(values, 3)), np.repeat(clusters, 3), generator(1, "d"))
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=1e-12)


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    labels, scores, clusters = clustered(5)
    statistic = weighted.auc(labels, scores)
    first, again, other = (cluster_bootstrap(statistic, clusters, generator(seed, "e"), repeats=300) for seed in (1, 1, 2))
    assert first == again
    assert first.low != other.low


def test_names_of_clusters_do_not_matter_as_long_as_their_order_is_kept() -> None:
    labels, scores, clusters = clustered(5, 9, 2)
    renamed = np.array([f"x{name}" for name in clusters])
    statistic = weighted.auc(labels, scores)
    first = cluster_bootstrap(statistic, clusters, generator(1, "f"), repeats=100)
    assert first == cluster_bootstrap(statistic, renamed, generator(1, "f"), repeats=100)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Mean of cluster effects with truth 0: 400 worlds of 40 clusters; percentile intervals fall a little short of 95 %."""
    covered = 0
    for world in range(400):
        draw = np.random.default_rng(world)
        values = np.repeat(draw.normal(size=40), 3) + draw.normal(size=120)
        found = cluster_bootstrap(weighted.mean(values), np.repeat(np.arange(40), 3), generator(world, "g"), repeats=400)
        covered += found.low <= 0 <= found.high
    assert 0.91 <= covered / 400 <= 0.98


def test_resamples_with_one_class_are_drawn_again_and_counted() -> None:
    """One positive cluster of four is missing from (3/4)^4 = 32 % of the resamples: of 500 that count, about 231 more."""
    found = cluster_bootstrap(weighted.auc([1, 0, 0, 0], [0.9, 0.1, 0.95, 0.3]), list("abcd"), generator(1, "h"), repeats=500)
    assert 150 < found.redrawn < 330
    assert found.repeats == 500


def test_a_statistic_that_raises_is_undefined_there() -> None:
    values = resampled(roc_auc, [1, 0, 0], [0.9, 0.1, 0.95])(np.array([[1.0, 1, 1], [0, 2, 1]]))
    assert values[0] == 0.5
    assert np.isnan(values[1])


def test_figures_without_an_interval_say_why() -> None:
    with pytest.raises(UndefinedFigure, match="needs at least two clusters, got 1"):
        cluster_bootstrap(weighted.mean([1.0, 2.0]), ["a", "a"], generator(1, "i"))
    with pytest.raises(UndefinedFigure, match="undefined on the data itself"):
        cluster_bootstrap(lambda weights: np.full(weights.shape[0], np.nan), ["a", "b"], generator(1, "i"))

    def only_on_all(weights):
        return np.where((weights == 1).all(axis=1) & (weights.shape[0] == 1), 1.0, np.nan)

    with pytest.raises(UndefinedFigure, match=r"is undefined in .* resamples: too few clusters of one class"):
        cluster_bootstrap(only_on_all, ["a", "b"], generator(1, "i"), repeats=100)


@pytest.mark.parametrize(
    ("settings", "message"), [({"repeats": 0}, "repeats must be at least 1"), ({"level": 1.0}, r"level must lie in \(0, 1\)")]
)
def test_settings_out_of_range_are_refused(settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        cluster_bootstrap(weighted.mean([1.0, 2.0]), ["a", "b"], generator(1, "j"), **settings)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (3, 10), (10, 10), (77, 263)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_equals_scipy(successes, n, level) -> None:
    wanted = binomtest(successes, n).proportion_ci(level, method="wilson")
    assert wilson_interval(successes, n, level=level) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


@pytest.mark.parametrize("counts", [(-1, 10), (11, 10), (0, 0)])
def test_wilson_refuses_counts_that_are_none(counts) -> None:
    with pytest.raises(ValueError, match=r"successes must lie in \[0, n\]"):
        wilson_interval(*counts)


def test_wilson_refuses_a_level_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\), got 0"):
        wilson_interval(1, 2, level=0)

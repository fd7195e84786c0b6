"""Pipelines of traditional CAD: each classifier with each selection fits, scores, is written and read again; what a search may see."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

pytest.importorskip("skops")

from breastcad.core.errors import InputError, ReadError
from breastcad.models import classical
from breastcad.models.classical import SEARCHED, build_pipeline, fit, load, save, scores, selected
from breastcad.models.classical_parameters import CLASSIFIERS, SELECTIONS, WEIGHTED, Parameters

N, F = 48, 8


@pytest.fixture(autouse=True)
def few_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no fit take long: whether it has settled is not what these tests are about."""
    monkeypatch.setattr(classical, "MOST_ITERATIONS", 1500)


def made(classes: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return samples of which the first five features tell the class, feature 5 is constant, and the rest is noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(N) % classes
    values = random.normal(size=(N, F))
    values[:, :5] += 6 * labels[:, None]
    values[:, 5] = 7.0
    return values, labels


OTHERS = [
    pytest.param(classes, select, classifier, marks=pytest.mark.slow)
    for classes, select, classifier in itertools.product((2, 3), SELECTIONS, CLASSIFIERS)
    if select != "none" and classifier != "logistic"
]
EACH = [
    *((classes, "none", classifier) for classes in (2, 3) for classifier in CLASSIFIERS),
    *((classes, select, "logistic") for classes in (2, 3) for select in SELECTIONS[1:]),
]


@pytest.mark.parametrize(("classes", "select", "classifier"), EACH + OTHERS)
def test_every_pair_learns_and_survives_being_written(classes: int, select: str, classifier: str, tmp_path: Path) -> None:
    values, labels = made(classes)
    given = Parameters(classifier, select, select_number=3, trees=8, neighbours=5, hidden=8)
    fitted = fit(build_pipeline(given, F, classes), values, labels)
    said = scores(fitted.pipeline, values, N)
    assert said.shape == (N, classes)
    assert np.isfinite(said).all()
    assert (said.argmax(axis=1) == labels).mean() > 0.9
    save(tmp_path / "model.skops", fitted.pipeline)
    assert np.array_equal(scores(load(tmp_path / "model.skops"), values, N), said)
    kept = selected(fitted.pipeline, list("abcdefgh"))
    assert "f" not in kept
    assert len(kept) == (3 if select in ("chi-square", "rfe", "forest") else 7)


def test_two_fits_of_the_same_seed_are_the_same() -> None:
    values, labels = made(2)
    for classifier in ("random-forest", "mlp", "tree"):
        pipeline = build_pipeline(Parameters(classifier, "forest", trees=8, seed=4), F, 2)
        first, second = (scores(fit(pipeline, values, labels).pipeline, values, N) for _ in range(2))
        assert np.array_equal(first, second)


@pytest.mark.parametrize("classifier", ["knn", "random-forest", "tree"])
def test_probabilities_of_0_and_1_have_finite_scores(classifier: str) -> None:
    """Of n samples p = 1 becomes (n + 1/2) / (n + 1), whose odds are 2 n + 1."""
    values, labels = made(2)
    fitted = fit(build_pipeline(Parameters(classifier, neighbours=1, trees=8, leaf=1), F, 2), values, labels)
    assert scores(fitted.pipeline, values, N).max() == pytest.approx(np.log(2 * N + 1))


def test_classes_are_weighted_where_asked_for() -> None:
    random = np.random.default_rng(3)
    values, labels = random.normal(size=(60, F)), (np.arange(60) >= 50).astype(np.int64)
    for classifier in WEIGHTED:
        given = [Parameters(classifier, trees=8, leaf=9, penalty=0.1, class_weight=weight) for weight in ("none", "balanced")]
        plain, weighted = (scores(fit(build_pipeline(one, F, 2), values, labels).pipeline, values, 60)[:, 1].mean() for one in given)
        assert weighted > plain + 0.2, classifier


def test_a_search_keeps_groups_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four copies a group, whose labels are drawn: the nearest neighbour knows all of them, unless copies stay together."""
    random = np.random.default_rng(1)
    values, labels = np.repeat(random.normal(size=(40, F)), 4, axis=0), np.repeat(random.permutation(np.arange(40) % 2), 4)
    monkeypatch.setitem(SEARCHED, "knn", {"n_neighbors": [1, 15]})
    pipeline = build_pipeline(Parameters("knn"), F, 2)
    together = fit(pipeline, values, labels, groups=[f"g{i // 4}" for i in range(160)], folds=5, kind="knn")
    apart = fit(pipeline, values, labels, groups=[f"g{i}" for i in range(160)], folds=5, kind="knn")
    assert together.score is not None
    assert apart.score is not None
    assert together.score < 0.7 < 0.9 < apart.score
    assert apart.chosen == {"n_neighbors": 1}


@pytest.mark.parametrize(
    "classifier", ["svm", "knn", *(pytest.param(one, marks=pytest.mark.slow) for one in CLASSIFIERS if one not in ("svm", "knn"))]
)
def test_every_classifier_can_be_searched(classifier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SEARCHED, classifier, {name: choices[:2] for name, choices in SEARCHED[classifier].items()})
    for classes in (2, 3):
        values, labels = made(classes)
        pipeline = build_pipeline(Parameters(classifier, trees=4, hidden=8), F, classes)
        found = fit(pipeline, values, labels, groups=list(map(str, range(N))), folds=2, kind=classifier)
        assert found.score is not None
        assert found.score > 0.8
        assert set(found.chosen) == set(SEARCHED[classifier])
    assert set(SEARCHED) == set(CLASSIFIERS)


def test_a_search_with_few_samples_asks_for_no_more_neighbours_than_there_are() -> None:
    values, labels = made(2)
    found = fit(build_pipeline(Parameters("knn"), F, 2), values[:6], labels[:6], groups=list("aabbcc"), folds=5, kind="knn")
    assert found.chosen["n_neighbors"] < 6


def test_what_cannot_be_fitted_is_refused_in_a_sentence() -> None:
    values, labels = made(2)
    pipeline = build_pipeline(Parameters("logistic"), F, 2)
    with pytest.raises(InputError, match="the training part holds one class only"):
        fit(pipeline, values, np.zeros(N, np.int64))
    with pytest.raises(InputError, match="every feature is the same in all training samples"):
        fit(pipeline, np.ones_like(values), labels)
    with pytest.raises(InputError, match="each class in two groups"):
        fit(pipeline, values, labels, groups=["a"] * N, folds=3, kind="logistic")
    for folds, most in ((0, 6), (4, 4)):
        few = slice(0, 6)
        with pytest.raises(InputError, match=f"select=pca has at most {most} features of the training samples here"):
            fit(build_pipeline(Parameters("svm", "pca"), F, 2), values[few], labels[few], groups=list("abcdef"), folds=folds, kind="svm")
    with pytest.raises(ValueError, match=r"classifier must be one of svm, .*, got 'perceptron'"):
        build_pipeline(Parameters("perceptron"), F, 2)
    with pytest.raises(ValueError, match=r"select must be one of none, .*, got 'all'"):
        build_pipeline(Parameters("svm", "all"), F, 2)


@pytest.mark.parametrize("select", ["chi-square", "rfe", "pca", "lda"])
def test_a_selection_of_more_features_than_vary_is_refused(select: str) -> None:
    """Of eight features two vary, then one: of four classes lda, too, would make three of them, then of three classes two."""
    for varying, classes in ((2, 4), (1, 3)):
        values, labels = made(classes)
        values[:, varying:] = 7.0
        few, many = (build_pipeline(Parameters("logistic", select, select_number=varying + more), F, classes) for more in (0, 1))
        for folds in (0, 3):
            said = f"select={select} has at most {varying} features of the training samples here \\(constant ones do not count\\)"
            with pytest.raises(InputError, match="select=rfe needs two features" if (select, varying) == ("rfe", 1) else said):
                fit(many, values, labels, groups=list(map(str, range(N))), folds=folds, kind="logistic")
        if varying == 2:
            assert scores(fit(few, values, labels).pipeline, values, N).shape == (N, classes)


def test_a_forest_keeps_all_that_vary() -> None:
    values, labels = made(2)
    fitted = fit(build_pipeline(Parameters("logistic", "forest", select_number=8, trees=8), F, 2), values, labels)
    assert selected(fitted.pipeline, list("abcdefgh")) == list("abcdegh")


def test_more_neighbours_than_samples_are_refused() -> None:
    values, labels = made(2)
    pipeline = build_pipeline(Parameters("knn"), F, 2)
    with pytest.raises(InputError, match="knn is to look at 15 neighbours, but there are 14 training samples; set neighbours to so"):
        fit(pipeline, values[:14], labels[:14])
    assert scores(fit(pipeline, values[:15], labels[:15]).pipeline, values, 15).shape == (N, 2)


def test_inner_folds_without_a_class_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels = made(2)
    order = np.argsort(labels, kind="stable")
    sides = np.arange(N // 2), np.arange(N // 2, N)  # of samples sorted by class: each holds one class
    monkeypatch.setattr(classical.StratifiedGroupKFold, "split", lambda *given: iter([sides, sides[::-1]]))
    with pytest.raises(InputError, match="no inner fold that has every class on both sides"):
        fit(build_pipeline(Parameters("tree"), F, 2), values[order], labels[order], groups=list(map(str, range(N))), folds=2, kind="tree")


def test_a_fit_that_did_not_settle_is_said_and_other_warnings_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels = made(2)
    monkeypatch.setattr(classical, "MOST_ITERATIONS", 1)
    assert fit(build_pipeline(Parameters("logistic"), F, 2), values, labels).remarks == [
        "1 fits ended after 1 iterations before they settled"
    ]

    class Odd(BaseEstimator):
        def fit(self, values: object, labels: object) -> Odd:
            warnings.warn("odd", UserWarning, stacklevel=1)
            return self

    with pytest.warns(UserWarning, match="odd"):
        fit(Pipeline([("odd", Odd())]), values, labels)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    from skops.io import dump

    path = tmp_path / "model.skops"
    with pytest.raises(ReadError, match=r"model\.skops: is no model of traditional CAD"):
        load(path)
    path.write_bytes(b"PK no archive")
    with pytest.raises(ReadError, match="is no model of traditional CAD"):
        load(path)
    dump(StandardScaler(), path)
    with pytest.raises(ReadError, match="it holds a StandardScaler"):
        load(path)
    dump(Pipeline([("call", FunctionTransformer(func=itertools.chain))]), path)
    with pytest.raises(ReadError, match=r"holds a type that no model of breastcad has \(itertools\.chain\); it is not loaded"):
        load(path)

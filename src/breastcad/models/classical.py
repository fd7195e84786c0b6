"""Traditional CAD's models: pipelines of scikit-learn (scaler, selection, classifier), how their parameters are chosen, and their files.

What they learn from is in `train.classical`. Files are skops', which holds names and arrays and no code; never pickle.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, VarianceThreshold, chi2
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import write_bytes
from breastcad.models.classical_parameters import CLASSIFIERS, SELECTIONS, Parameters

MOST_ITERATIONS = 5000
TRUSTED = (
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
)
"""Types of a model file beyond those that skops trusts of itself; a file that holds another is refused."""

# What a search tries, by classifier: parameter and values.
SEARCHED: dict[str, dict[str, list[Any]]] = {
    "svm": {"C": [0.1, 1.0, 10.0, 100.0], "gamma": ["scale", 0.001, 0.01]},
    "svm-linear": {"C": [0.001, 0.01, 0.1, 1.0]},
    "random-forest": {"min_samples_leaf": [1, 3, 9]},
    "knn": {"n_neighbors": [5, 15, 31, 61]},
    "mlp": {"alpha": [0.1, 1.0, 10.0]},
    "logistic": {"C": [0.001, 0.01, 0.1, 1.0]},
    "lda": {"shrinkage": ["auto", 0.1, 0.5, 0.9]},
    "tree": {"min_samples_leaf": [2, 5, 15, 40]},
}

# A selection's name, and the parameter that says how many features it has, by its class. The forest keeps what there is if that is less.
ASKED: dict[type, tuple[str, str]] = {
    SelectKBest: ("chi-square", "k"),
    RFE: ("rfe", "n_features_to_select"),
    PCA: ("pca", "n_components"),
    LinearDiscriminantAnalysis: ("lda", "n_components"),
}


def build_pipeline(given: Parameters, features: int, classes: int) -> Pipeline:
    """Return an unfitted pipeline: constant features go, features are scaled, selected, classified.

    Parameters
    ----------
    given : Parameters
    features : int
        How many there are; no more are selected.
    classes : int

    Returns
    -------
    Pipeline
        Steps ``varying``, ``scale``, ``select`` (unless none), ``classifier``. Chi-square asks for features in [0, 1]: ``positive`` and
        ``select`` come before ``scale``.

    Raises
    ------
    ValueError
        If the classifier or the selection is unknown.

    Examples
    --------
    >>> [name for name, _ in build_pipeline(Parameters("knn", select="pca"), 40, 2).steps]
    ['varying', 'scale', 'select', 'classifier']
    """
    steps: list[tuple[str, Any]] = [("varying", VarianceThreshold())]
    number = min(given.select_number, features)
    if given.select == "chi-square":
        steps += [("positive", MinMaxScaler(clip=True)), ("select", SelectKBest(chi2, k=number)), ("scale", StandardScaler())]
    elif given.select == "none":
        steps.append(("scale", StandardScaler()))
    else:
        steps += [("scale", StandardScaler()), ("select", _selection(given, number, classes))]
    return Pipeline([*steps, ("classifier", _classifier(given))])


def _selection(given: Parameters, number: int, classes: int) -> BaseEstimator:
    if given.select == "rfe":
        return RFE(LogisticRegression(C=0.1, max_iter=MOST_ITERATIONS), n_features_to_select=number, step=0.1)
    if given.select == "pca":
        return PCA(number, svd_solver="full")
    if given.select == "lda":
        return LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto", n_components=min(number, classes - 1))
    if given.select == "forest":
        forest = RandomForestClassifier(given.trees, min_samples_leaf=given.leaf, random_state=given.seed, n_jobs=given.threads)
        return SelectFromModel(forest, threshold=-np.inf, max_features=number)
    raise ValueError(f"select must be one of {', '.join(SELECTIONS)}, got '{given.select}'")


def _classifier(given: Parameters) -> BaseEstimator:
    weight = None if given.class_weight == "none" else given.class_weight
    seed, jobs = given.seed, given.threads
    made: dict[str, Any] = {
        "svm": lambda: SVC(C=given.penalty, gamma=given.gamma or "scale", class_weight=weight),
        "svm-linear": lambda: SVC(C=given.penalty, kernel="linear", class_weight=weight),
        "random-forest": lambda: RandomForestClassifier(
            given.trees, min_samples_leaf=given.leaf, class_weight=weight, random_state=seed, n_jobs=jobs
        ),
        "knn": lambda: KNeighborsClassifier(given.neighbours, algorithm="brute"),
        "mlp": lambda: MLPClassifier((given.hidden,), alpha=given.decay, max_iter=MOST_ITERATIONS, random_state=seed),
        "logistic": lambda: LogisticRegression(C=given.penalty, class_weight=weight, max_iter=MOST_ITERATIONS),
        "lda": lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        "tree": lambda: DecisionTreeClassifier(min_samples_leaf=given.leaf, class_weight=weight, random_state=seed),
    }
    if given.classifier not in made:
        raise ValueError(f"classifier must be one of {', '.join(CLASSIFIERS)}, got '{given.classifier}'")
    built: BaseEstimator = made[given.classifier]()
    return built


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted pipeline; ``chosen`` holds the parameters that a search chose and ``score`` what they reached, ``remarks`` sentences."""

    pipeline: Pipeline
    chosen: dict[str, Any]
    score: float | None
    remarks: list[str]


def fit(
    pipeline: Pipeline,
    values: NDArray[np.float64],
    labels: NDArray[np.int64],
    *,
    groups: Sequence[str] = (),
    folds: int = 0,
    kind: str = "",
) -> Fitted:
    """Fit a pipeline, with ``folds`` choosing its main parameters by inner folds that keep groups together.

    Parameters
    ----------
    pipeline : Pipeline
        Of `build_pipeline`; it is not changed.
    values : (N, F) ndarray of float64
        Training samples only.
    labels : (N,) ndarray of int64
        Class numbers from 0.
    groups : sequence of str
        Of each sample, for inner folds.
    folds : int
        Inner folds; 0 takes the parameters as they are. Fewer where a class has fewer groups.
    kind : str
        The classifier, a key of `SEARCHED`.

    Returns
    -------
    Fitted
        Everything in it, scaler and selection too, is fitted on these samples alone. Inner folds are judged by AUC, of three classes or
        more by balanced accuracy.

    Raises
    ------
    InputError
        If a class is missing, all features are constant, a search finds a class in fewer than two groups, more features are to be
        selected than vary (of pca: or than there are samples), or knn is to look at more neighbours than there are samples.
    """
    present = np.unique(labels)
    if present.size < 2:
        raise InputError("the training part holds one class only; make another split, or set other classes")
    if (values == values[0]).all():
        raise InputError("every feature is the same in all training samples; set other features")
    if not folds:
        _check_selection(pipeline, values)
        _check_neighbours(pipeline, len(values))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ConvergenceWarning)
        found = _searched(pipeline, values, labels, groups, folds, kind) if folds else (clone(pipeline).fit(values, labels), {}, None)
    stopped = sum(issubclass(one.category, ConvergenceWarning) for one in told)
    for one in told:
        if not issubclass(one.category, ConvergenceWarning):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    remarks = [f"{stopped} fits ended after {MOST_ITERATIONS} iterations before they settled"] if stopped else []
    return Fitted(found[0], found[1], found[2], remarks)


def _searched(
    pipeline: Pipeline, values: NDArray[np.float64], labels: NDArray[np.int64], groups: Sequence[str], folds: int, kind: str
) -> tuple[Pipeline, dict[str, Any], float]:
    names = np.asarray(groups)
    fewest = min(len(set(names[labels == one].tolist())) for one in np.unique(labels))
    if fewest < 2:
        raise InputError("search=inner needs each class in two groups of the training part at least; set search=none")
    inner = StratifiedGroupKFold(min(folds, fewest))
    parts = [part for part in inner.split(values, labels, names) if all(_both(labels[side], labels) for side in part)]
    if not parts:
        raise InputError("search=inner found no inner fold that has every class on both sides; set search=none")
    for train, _ in parts:
        _check_selection(pipeline, values[train])
    grid = {f"classifier__{name}": choices for name, choices in _fitting(kind, min(len(train) for train, _ in parts)).items()}
    rule = "roc_auc" if len(np.unique(labels)) == 2 else "balanced_accuracy"
    search = GridSearchCV(pipeline, grid, scoring=rule, cv=parts).fit(values, labels)
    chosen = {name.removeprefix("classifier__"): value for name, value in search.best_params_.items()}
    return search.best_estimator_, chosen, float(search.best_score_)


def _check_selection(pipeline: Pipeline, values: NDArray[np.float64]) -> None:
    """Refuse to select more features than vary: `build_pipeline` counts constant ones too, of which no selection sees any."""
    select = pipeline.named_steps.get("select")
    name, asks = ASKED.get(type(select), ("", ""))
    most = int(np.count_nonzero(np.ptp(values, axis=0)))
    if name == "rfe" and most < 2:
        raise InputError("select=rfe needs two features that vary in the training samples; set select=none, or other features")
    most = min(len(values), most) if name == "pca" else most
    if name and getattr(select, asks) > most:
        raise InputError(
            f"select={name} has at most {most} features of the training samples here (constant ones do not count); set select_number "
            "to that or less"
        )


def _check_neighbours(pipeline: Pipeline, samples: int) -> None:
    asked = getattr(pipeline[-1], "n_neighbors", 0)
    if asked > samples:
        raise InputError(
            f"knn is to look at {asked} neighbours, but there are {samples} training samples; set neighbours to so many or less"
        )


def _both(labels: NDArray[np.int64], of: NDArray[np.int64]) -> bool:
    return len(np.unique(labels)) == len(np.unique(of))


def _fitting(kind: str, samples: int) -> dict[str, list[Any]]:
    """Return what a search tries with so many samples: no more neighbours than there are."""
    return {
        name: [one for one in choices if name != "n_neighbors" or one <= samples] or [samples] for name, choices in SEARCHED[kind].items()
    }


def scores(pipeline: Pipeline, values: NDArray[np.float64], trained_on: int) -> NDArray[np.float64]:
    """Return a score a class: of an SVM its decision function, of others the logit of their probability.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    values : (N, F) ndarray of float64
    trained_on : int
        Training samples n: probabilities are drawn to (n p + 1/2) / (n + 1), so that 0 and 1 have a logit and no two become one.

    Returns
    -------
    (N, K) ndarray of float64
        Of two classes the first is the second's negative.
    """
    classifier = pipeline[-1]
    if isinstance(classifier, SVC):
        found = np.asarray(pipeline.decision_function(values), np.float64)
        return np.stack([-found, found], axis=1) if found.ndim == 1 else found
    likely = np.asarray(pipeline.predict_proba(values), np.float64)
    likely = (trained_on * likely + 0.5) / (trained_on + 1)
    found = np.log(likely) - np.log1p(-likely)
    return np.stack([-found[:, 1], found[:, 1]], axis=1) if found.shape[1] == 2 else found


def selected(pipeline: Pipeline, names: Sequence[str]) -> list[str]:
    """Return the names of the features that a fitted pipeline's classifier sees; of pca and lda, which mix all, those that vary.

    Examples
    --------
    >>> values = np.array([[0.0, 1, 5], [1, 1, 5.5], [0, 1, 9], [1, 1, 9.5]])
    >>> fitted = build_pipeline(Parameters("logistic", select="chi-square", select_number=1), 3, 2).fit(values, [0, 0, 1, 1])
    >>> selected(fitted, ["a", "b", "c"])
    ['c']
    """
    kept = np.asarray(names, dtype=object)
    for step in ("varying", "select"):
        support = getattr(pipeline.named_steps.get(step), "get_support", None)
        if support is not None:
            kept = kept[support()]
    return [str(name) for name in kept]


def save(path: Path, pipeline: Pipeline) -> None:
    """Write a fitted pipeline as model.skops."""
    from skops.io import dumps  # noqa: PLC0415 - of the extra [train]

    write_bytes(path, dumps(pipeline))


def load(path: Path) -> Pipeline:
    """Read a fitted pipeline.

    Raises
    ------
    ReadError
        If the file is missing, no file of skops, or holds a type that is neither trusted by skops nor in `TRUSTED`.
    """
    from skops.io import get_untrusted_types, loads  # noqa: PLC0415 - of the extra [train]

    try:
        content = path.read_bytes()
        others = set(get_untrusted_types(data=content)) - set(TRUSTED)
        if others:
            raise ReadError(path, f"holds a type that no model of breastcad has ({min(others)}); it is not loaded")
        found = loads(content, trusted=list(TRUSTED))
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise ReadError(path, f"is no model of traditional CAD ({error})") from error
    if not isinstance(found, Pipeline):
        raise ReadError(path, f"is no model of traditional CAD (it holds a {type(found).__name__})")
    return found

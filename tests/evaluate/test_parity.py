"""Every figure beside a second implementation: scikit-learn, torchmetrics, scipy; on random data with ties, a class missing, NaN."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from breastcad.evaluate import curves, decisions
from breastcad.evaluate.calibration import calibration_intercept, calibration_slope
from breastcad.evaluate.comparisons import adjusted
from breastcad.evaluate.metrics import average_precision, brier, roc_auc

CLASSES = ["a", "b", "c"]


@st.composite
def labelled(draw, *, both=True):
    """Labels and scores on a coarse grid, so that many are tied."""
    size = draw(st.integers(2, 40))
    wanted = (lambda given: 0 < sum(given) < len(given)) if both else (lambda given: True)
    labels = draw(st.lists(st.booleans(), min_size=size, max_size=size).filter(wanted))
    return np.array(labels), np.array(draw(st.lists(st.integers(0, 8), min_size=size, max_size=size))) / 8


@given(labelled())
def test_areas_equal_those_of_scikit_learn(data) -> None:
    labels, scores = data
    assert roc_auc(labels, scores) == pytest.approx(sklearn.roc_auc_score(labels, scores), abs=1e-10)
    assert average_precision(labels, scores) == pytest.approx(sklearn.average_precision_score(labels, scores), abs=1e-10)
    assert brier(labels, scores) == pytest.approx(sklearn.brier_score_loss(labels, scores), abs=1e-10)


@given(labelled(), st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.37]))
def test_the_partial_area_equals_that_of_scikit_learn(data, specificity) -> None:
    labels, scores = data
    wanted = sklearn.roc_auc_score(labels, scores, max_fpr=1 - specificity)
    assert curves.partial_auc(labels, scores, specificity=specificity) == pytest.approx(wanted, abs=1e-10)


@given(labelled(), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_the_raw_partial_area_is_that_under_scikit_learn_s_curve(data, specificity) -> None:
    labels, scores = data
    false, true, _ = sklearn.roc_curve(labels, scores, drop_intermediate=False)
    most = 1 - specificity
    inside = false <= most
    points = (
        np.append(false[inside], most),
        np.append(true[inside], np.interp(most, false, true) if inside.all() else _cut(false, true, most)),
    )
    wanted = np.trapezoid(points[1], points[0])
    assert curves.partial_auc(labels, scores, specificity=specificity, standardised=False) == pytest.approx(wanted, abs=1e-10)


def _cut(false, true, most):
    """The curve's height where it leaves the part that counts: on the line from its last point inside to its first outside."""
    last, first = np.flatnonzero(false <= most)[-1], np.flatnonzero(false > most)[0]
    return true[last] + (true[first] - true[last]) * (most - false[last]) / (false[first] - false[last])


@given(labelled(), st.sampled_from([0.25, 0.5, 0.75, 0.9]))
def test_the_sensitivity_at_a_specificity_is_the_best_point_of_scikit_learn_s_curve(data, specificity) -> None:
    labels, scores = data
    false, true, _ = sklearn.roc_curve(labels, scores, drop_intermediate=False)
    assert curves.sensitivity_at_specificity(labels, scores, specificity) == pytest.approx(true[1 - false >= specificity - 1e-9].max())


MANY = st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), min_size=1, max_size=40)


@given(MANY, st.integers(2, 3))
def test_decisions_equal_those_of_scikit_learn_where_they_are_defined(pairs, number) -> None:
    """Where scikit-learn puts a 0 for what is undefined (and warns), there is nothing here."""
    classes = CLASSES[:number]
    truth, called = ([classes[CLASSES.index(one) % number] for one in column] for column in zip(*pairs, strict=True))
    counts = decisions.tally(truth, called, classes)
    assert counts.tolist() == sklearn.confusion_matrix(truth, called, labels=classes).tolist()
    assert decisions.accuracy(counts) == pytest.approx(sklearn.accuracy_score(truth, called))
    wanted = sklearn.precision_recall_fscore_support(truth, called, labels=classes, zero_division=np.nan)
    for rate, theirs in zip((decisions.precisions, decisions.recalls, decisions.f1_scores), wanted[:3], strict=True):
        assert rate(counts) == pytest.approx(theirs, nan_ok=True)
    if set(truth) == set(classes):
        assert decisions.balanced_accuracy(counts) == pytest.approx(sklearn.balanced_accuracy_score(truth, called))
        assert decisions.macro_f1(counts) == pytest.approx(sklearn.f1_score(truth, called, average="macro", labels=classes))
    if len(set(truth)) > 1 and len(set(called)) > 1:
        assert decisions.matthews(counts) == pytest.approx(sklearn.matthews_corrcoef(truth, called), abs=1e-10)
    else:
        assert np.isnan(decisions.matthews(counts))


@pytest.mark.slow
def test_torchmetrics_agrees() -> None:
    """Ten draws with ties: areas, sensitivity at a specificity, and all figures of decisions between two classes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        functional = pytest.importorskip("torchmetrics.functional.classification")
        torch = pytest.importorskip("torch")
    draw = np.random.default_rng(8)
    for _ in range(10):
        labels = draw.permutation(np.arange(60) % 3 == 0)
        scores = np.round(np.clip(0.3 * labels + draw.random(60) * 0.7, 0, 1), 2)
        given = torch.tensor(scores, dtype=torch.float64), torch.tensor(labels.astype(int))
        assert roc_auc(labels, scores) == pytest.approx(float(functional.binary_auroc(*given)), abs=1e-6)
        assert average_precision(labels, scores) == pytest.approx(float(functional.binary_average_precision(*given)), abs=1e-6)
        theirs = float(functional.binary_sensitivity_at_specificity(*given, min_specificity=0.9)[0])
        assert curves.sensitivity_at_specificity(labels, scores, 0.9) == pytest.approx(theirs, abs=1e-6)
        names = np.array(["no", "yes"])
        found = decisions.rates(decisions.tally(list(names[labels.astype(int)]), list(names[(scores > 0.5).astype(int)]), list(names)))
        for name, function in (
            ("accuracy", functional.binary_accuracy),
            ("sensitivity", functional.binary_recall),
            ("specificity", functional.binary_specificity),
            ("precision", functional.binary_precision),
            ("f1", functional.binary_f1_score),
            ("mcc", functional.binary_matthews_corrcoef),
        ):
            assert found[name] == pytest.approx(float(function(*given)), abs=1e-6), name


def test_the_calibration_line_equals_an_unpenalised_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(4)
    for _ in range(5):
        probabilities = np.clip(draw.random(200), 0.02, 0.98)
        labels = draw.random(200) < 0.2 + 0.5 * probabilities
        logits = np.log(probabilities / (1 - probabilities))
        theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], labels)
        assert calibration_slope(labels, probabilities) == pytest.approx(theirs.coef_[0, 0], abs=1e-5)
        raised = 1 / (1 + np.exp(-(logits + calibration_intercept(labels, probabilities))))
        assert raised.mean() == pytest.approx(labels.mean(), abs=1e-9)


def by_hand(ps):
    """Benjamini and Hochberg: of the k-th smallest of n, p n / k; then no p above that of a larger one, and none above 1."""
    order = np.argsort(ps)
    found = np.array(ps)[order] * len(ps) / (np.arange(len(ps)) + 1)
    found = np.minimum(np.minimum.accumulate(found[::-1])[::-1], 1)
    return found[np.argsort(order, kind="stable")]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_p_values_equal_the_definition(ps) -> None:
    assert adjusted(ps) == pytest.approx(by_hand(ps))


@pytest.mark.parametrize(
    "figure",
    [
        roc_auc,
        average_precision,
        brier,
        lambda labels, scores: curves.partial_auc(labels, scores, specificity=0.9),
        lambda labels, scores: curves.sensitivity_at_specificity(labels, scores, 0.9),
        calibration_slope,
        calibration_intercept,
    ],
)
def test_nan_is_refused_by_every_figure(figure) -> None:
    with pytest.raises(ValueError, match="scores must be finite: 1 of 3 are not, first at index 1"):
        figure([0, 1, 1], [0.1, float("nan"), 0.9])


@pytest.mark.parametrize("labels", [[0, 0], [1, 1]])
def test_an_absent_class_is_refused_where_both_are_needed_and_gives_none_elsewhere(labels) -> None:
    for figure in (
        roc_auc,
        lambda y, s: curves.partial_auc(y, s, specificity=0.9),
        lambda y, s: curves.sensitivity_at_specificity(y, s, 0.9),
    ):
        with pytest.raises(ValueError, match="must hold both classes"):
            figure(labels, [0.2, 0.4])
    assert calibration_slope(labels, [0.2, 0.4]) is None
    assert calibration_intercept(labels, [0.2, 0.4]) is None

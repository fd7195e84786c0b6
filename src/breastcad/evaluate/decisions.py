"""Figures of hard decisions, from counts of truth against what was called; of two classes or several.

Counts are (..., K, K): rows are true classes, columns what they were called; leading axes are resamples. Of two classes the
second is the positive one. What counts leave undefined is NaN here (nothing called positive: no precision), None in `rates`,
and never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.weighted import Statistic, divide

Counts = NDArray[np.float64]
Rate = Callable[[Counts], NDArray[np.float64]]
Name = TypeVar("Name", bound=str)


def tally(truth: Sequence[str], called: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Count what samples of each class were called.

    Parameters
    ----------
    truth, called : (N,) sequence of str
    classes : (K,) sequence of str

    Returns
    -------
    (K, K) ndarray of int64
        Rows truth, columns called, in the order of `classes`.

    Raises
    ------
    ValueError
        If the lengths differ, or a sample is of, or called, none of the classes.

    Examples
    --------
    >>> tally(["b", "b", "m"], ["b", "m", "m"], ["b", "m"]).tolist()
    [[1, 1], [0, 1]]
    """
    place = {name: index for index, name in enumerate(classes)}
    other = next((name for name in (*truth, *called) if name not in place), None)
    if len(truth) != len(called) or other is not None:
        raise ValueError(
            f"truth and called must be equally long and of {', '.join(classes)}, got {len(truth)} and {len(called)}"
            + (f", and '{other}'" if other is not None else "")
        )
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, ([place[name] for name in truth], [place[name] for name in called]), 1)
    return counts


def accuracy(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the share that is called right.

    Examples
    --------
    >>> float(accuracy([[8, 2], [1, 9]]))
    0.85
    """
    given = np.asarray(counts, np.float64)
    return divide(np.trace(given, axis1=-2, axis2=-1), given.sum(axis=(-2, -1)))


def recalls(counts: ArrayLike) -> NDArray[np.float64]:
    """Return of each class the share that is called right; of two: specificity, sensitivity.

    Examples
    --------
    >>> recalls([[8, 2], [1, 9]]).tolist()
    [0.8, 0.9]
    """
    given = np.asarray(counts, np.float64)
    return divide(np.diagonal(given, axis1=-2, axis2=-1), given.sum(axis=-1))


def precisions(counts: ArrayLike) -> NDArray[np.float64]:
    """Return of what is called each class the share that is it; of two: NPV, PPV (precision).

    Examples
    --------
    >>> precisions([[8, 2], [2, 6]]).tolist()
    [0.8, 0.75]
    """
    given = np.asarray(counts, np.float64)
    return divide(np.diagonal(given, axis1=-2, axis2=-1), given.sum(axis=-2))


def f1_scores(counts: ArrayLike) -> NDArray[np.float64]:
    """Return F1 of each class: 2 TP / (2 TP + FP + FN); undefined for a class that is neither there nor called.

    Examples
    --------
    >>> f1_scores([[8, 2], [2, 6]]).tolist()
    [0.8, 0.75]
    """
    given = np.asarray(counts, np.float64)
    return divide(2 * np.diagonal(given, axis1=-2, axis2=-1), given.sum(axis=-1) + given.sum(axis=-2))


def balanced_accuracy(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the mean recall over classes; undefined where a class is absent.

    Of two classes it is (sensitivity + specificity) / 2, which some publications print as an AUC.

    Examples
    --------
    >>> round(float(balanced_accuracy([[8, 2], [1, 9]])), 6)
    0.85
    """
    return np.asarray(recalls(counts).mean(axis=-1))


def macro_precision(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the mean precision over classes; undefined where a class is never called.

    Examples
    --------
    >>> float(macro_precision([[8, 2], [2, 6]])), float(macro_precision([[8, 0], [2, 0]]))
    (0.775, nan)
    """
    return np.asarray(precisions(counts).mean(axis=-1))


def macro_f1(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the mean F1 over classes; undefined where a class is neither there nor called.

    Examples
    --------
    >>> float(macro_f1([[8, 2], [2, 6]]))
    0.775
    """
    return np.asarray(f1_scores(counts).mean(axis=-1))


def matthews(counts: ArrayLike) -> NDArray[np.float64]:
    """Return Matthews' correlation of truth and call (of several classes Gorodkin's), in [-1, 1]; undefined where either is constant.

    References
    ----------
    .. [1] B. W. Matthews, Biochim. Biophys. Acta 405 (1975) 442-451.
    .. [2] J. Gorodkin, Comput. Biol. Chem. 28 (2004) 367-374.

    Examples
    --------
    >>> round(float(matthews([[8, 2], [1, 9]])), 6)  # (9 x 8 - 2 x 1) / sqrt(11 x 10 x 10 x 9)
    0.703526
    """
    given = np.asarray(counts, np.float64)
    true, called, whole = given.sum(axis=-1), given.sum(axis=-2), given.sum(axis=(-2, -1))
    together = np.trace(given, axis1=-2, axis2=-1) * whole - (true * called).sum(axis=-1)
    apart = (whole**2 - (true**2).sum(axis=-1)) * (whole**2 - (called**2).sum(axis=-1))
    return divide(together, np.sqrt(np.maximum(apart, 0)))


def predictive_values_at(counts: ArrayLike, prevalence: float) -> NDArray[np.float64]:
    """Return NPV and PPV where a given share is positive, by Bayes' rule from sensitivity and specificity.

    What a classifier's positive is worth depends on how many are positive: 50 % in a balanced data set, under 1 % in screening.

    Parameters
    ----------
    counts : (..., 2, 2) array_like
    prevalence : float
        In (0, 1).

    Returns
    -------
    (..., 2) ndarray of float64
        In the order of `precisions`: NPV, PPV.

    Raises
    ------
    ValueError
        If `prevalence` lies outside (0, 1).

    Examples
    --------
    >>> predictive_values_at([[90, 10], [10, 90]], 0.01).round(4).tolist()  # .9 x .01 / (.9 x .01 + .1 x .99)
    [0.9989, 0.0833]
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence must lie in (0, 1), got {prevalence}")
    right = recalls(counts)
    share = np.array([1 - prevalence, prevalence])
    return divide(right * share, right * share + (1 - right[..., ::-1]) * share[::-1])


RATES: dict[str, Rate] = {
    "accuracy": accuracy,
    "balanced accuracy": balanced_accuracy,
    "sensitivity": lambda counts: recalls(counts)[..., 1],
    "specificity": lambda counts: recalls(counts)[..., 0],
    "precision": lambda counts: precisions(counts)[..., 1],
    "npv": lambda counts: precisions(counts)[..., 0],
    "f1": lambda counts: f1_scores(counts)[..., 1],
    "macro precision": macro_precision,
    "macro f1": macro_f1,
    "mcc": matthews,
}
"""Figures of two classes, by name; PPV is precision."""


def rates(counts: ArrayLike, *, prevalence: float | None = None) -> dict[str, float | None]:
    """Return all figures of decisions between two classes, None where the counts leave one undefined.

    Parameters
    ----------
    counts : (2, 2) array_like
        Rows truth, columns called, the positive class second.
    prevalence : float, optional
        In (0, 1): also "ppv" and "npv" at this share of positives.

    Raises
    ------
    ValueError
        If the counts are not 2 x 2, or `prevalence` lies outside (0, 1).

    Examples
    --------
    >>> found = rates([[10, 0], [4, 0]])  # nothing was called positive
    >>> found["sensitivity"], found["precision"], found["mcc"]
    (0.0, None, None)
    """
    given = np.asarray(counts, np.float64)
    if given.shape != (2, 2):
        raise ValueError(f"counts must be 2 x 2, got shape {given.shape}")
    values = {name: float(rate(given)) for name, rate in RATES.items()}
    if prevalence is not None:
        npv, ppv = predictive_values_at(given, prevalence)
        values |= {f"ppv at prevalence {prevalence:g}": float(ppv), f"npv at prevalence {prevalence:g}": float(npv)}
    return {name: None if np.isnan(value) else value for name, value in values.items()}


def class_rates(counts: ArrayLike, classes: Sequence[Name]) -> dict[Name, Mapping[str, float | int | None]]:
    """Return precision, recall, F1 and n of each class: the tables that publications print a class a line.

    Parameters
    ----------
    counts : (K, K) array_like
    classes : (K,) sequence of str

    Raises
    ------
    ValueError
        If the counts are not K x K.

    Examples
    --------
    >>> class_rates([[8, 2], [2, 6]], ["benign", "malignant"])["malignant"]
    {'precision': 0.75, 'recall': 0.75, 'f1': 0.75, 'n': 8}
    """
    given = np.asarray(counts, np.float64)
    if given.shape != (len(classes), len(classes)):
        raise ValueError(f"counts must be {len(classes)} x {len(classes)}, got shape {given.shape}")
    columns = {"precision": precisions(given), "recall": recalls(given), "f1": f1_scores(given)}
    return {
        name: {key: None if np.isnan(values[k]) else float(values[k]) for key, values in columns.items()} | {"n": int(given[k].sum())}
        for k, name in enumerate(classes)
    }


def of_counts(rate: Rate, cells: ArrayLike) -> Statistic:
    """Return a figure of decisions as a statistic of weighted rows, each with counts of its own.

    Parameters
    ----------
    rate : callable
        From counts (B, K, K) to B values.
    cells : (N, K, K) array_like
        What each row (a sample, or all samples of a cluster) adds to the counts.

    Examples
    --------
    >>> of_counts(accuracy, [[[1, 0], [0, 0]], [[0, 0], [1, 0]]])(np.array([[1., 1], [3, 1]])).tolist()
    [0.5, 0.75]
    """
    given = np.asarray(cells, np.float64)
    return lambda weights: np.asarray(rate(np.tensordot(weights, given, axes=1)))

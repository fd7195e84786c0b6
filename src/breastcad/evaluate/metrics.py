"""Figures of merit on arrays of labels and scores: ranking, agreement, calibration, decisions at a threshold.

Intervals are in `intervals` and `delong`, free-response figures in `froc`. Labels are 0 and 1 (or bool), 1 is what is looked for;
scores are any finite rising numbers, probabilities lie in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


def checked(labels: ArrayLike, scores: ArrayLike, *, both_classes: bool = False) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return labels as bool and scores as float64, or say what is wrong with them.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
    scores : (N,) array_like of float
    both_classes : bool
        Whether there must be at least one label of each class.

    Returns
    -------
    labels : (N,) ndarray of bool
    scores : (N,) ndarray of float64

    Raises
    ------
    ValueError
        If the shapes differ or are not one-dimensional, if there is nothing, if a label is neither 0 nor 1, if a score is not
        finite, or if a class that is needed is absent.
    """
    given, values = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if given.ndim != 1 or given.shape != values.shape:
        raise ValueError(f"labels and scores must be one-dimensional and equally long, got shapes {given.shape} and {values.shape}")
    if given.size == 0:
        raise ValueError("labels and scores must not be empty")
    if not np.isin(given, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1, got {np.setdiff1d(given, (0, 1)).tolist()[:3]}")
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise ValueError(f"scores must be finite: {wrong.size} of {values.size} are not, first at index {wrong[0]}")
    truth = given.astype(bool)
    if both_classes and truth.all() | (~truth).all():
        raise ValueError(f"labels must hold both classes, all {truth.size} are {int(truth[0])}")
    return truth, values


def _probabilities(labels: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    truth, values = checked(labels, probabilities)
    if (values < 0).any() or (values > 1).any():
        raise ValueError(f"probabilities must lie in [0, 1], got {values.min():.6g} to {values.max():.6g}")
    return truth, values


def roc_auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under the ROC curve: the share of (positive, negative) pairs in the right order, ties counting half.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
        Both classes must occur.
    scores : (N,) array_like of float

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        As `checked` does; a class that is absent leaves no pairs.

    References
    ----------
    .. [1] J. A. Hanley, B. J. McNeil, Radiology 143 (1982) 29-36: the area is the Wilcoxon statistic.

    Examples
    --------
    >>> roc_auc([0, 1, 0, 1], [.1, .4, .4, .8])
    0.875
    """
    truth, values = checked(labels, scores, both_classes=True)
    _, tied, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[tied]
    positives = int(truth.sum())
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * (truth.size - positives)))


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the average precision: precision at each threshold, weighted by the recall that the threshold adds.

    Precision depends on the share of positives in the data: state it beside the figure.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
        At least one positive.
    scores : (N,) array_like of float
        Tied scores are one threshold.

    Returns
    -------
    float
        In (0, 1].

    Raises
    ------
    ValueError
        As `checked` does, or if there is no positive.

    Examples
    --------
    >>> round(average_precision([0, 1, 0, 1], [.1, .4, .35, .8]), 6)
    1.0
    """
    truth, values = checked(labels, scores)
    if not truth.any():
        raise ValueError(f"average precision needs at least one positive, all {truth.size} labels are 0")
    order = np.argsort(-values, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(values[order])), truth.size - 1)
    found = np.cumsum(truth[order])[last_of_ties]
    return float((np.diff(found, prepend=0) * found / (last_of_ties + 1)).sum() / truth.sum())


def dice(first: ArrayLike, second: ArrayLike) -> float:
    """Return the Dice overlap of two masks: twice what they share over the sum of their sizes.

    Two empty masks agree fully: 1.0. (A mean over images should therefore name which images it is over;
    ours are over images with a lesion, where this case cannot arise.)

    Parameters
    ----------
    first, second : (H, W) array_like of bool

    Returns
    -------
    float
        In [0, 1]; 1.0 if both masks are empty, 0.0 if one is.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> dice([[1, 1, 0]], [[0, 1, 1]])
    0.5
    """
    one, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if one.shape != other.shape:
        raise ValueError(f"masks must have the same shape, got {one.shape} and {other.shape}")
    both = np.count_nonzero(one) + np.count_nonzero(other)
    return float(2 * np.count_nonzero(one & other) / both) if both else 1.0


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the Brier score: the mean squared difference of probability and label; smaller is better.

    Raises
    ------
    ValueError
        As `checked` does, or if a probability lies outside [0, 1].

    Examples
    --------
    >>> brier([1, 0], [0.5, 0.5])
    0.25
    """
    truth, values = _probabilities(labels, probabilities)
    return float(((values - truth) ** 2).mean())


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, *, bins: int = 10) -> float:
    """Return the mean distance of stated probability and observed frequency, over bins of equally many samples.

    Samples are sorted by probability and cut into `bins` runs whose sizes differ by one at most (fewer runs where there are
    fewer samples); of samples of equal probability each counts as positive by their share, so that the order of samples does not
    matter. Bins of equal mass are used since bins of equal width leave most of them nearly empty. The figure is biased upwards in
    small samples: a perfectly calibrated model does not reach 0.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
    probabilities : (N,) array_like of float
        In [0, 1].
    bins : int
        At least 1.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        As `checked` does, if a probability lies outside [0, 1], or if `bins` is less than 1.

    Examples
    --------
    >>> round(expected_calibration_error([0, 1, 1, 1], [.25, .25, .75, .75], bins=2), 6)
    0.25
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    truth, values = _probabilities(labels, probabilities)
    parts = np.array_split(np.argsort(values, kind="stable"), min(bins, truth.size))
    share = tie_means(values, truth)
    return float(sum(abs(values[part].sum() - share[part].sum()) for part in parts) / truth.size)


def tie_means(values: NDArray[np.float64], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return truth (N,) as numbers, for samples of equal value their mean: a bin that cuts through them then holds no order of rows.

    Examples
    --------
    >>> tie_means(np.array([0.5, 0.5, 0.9]), np.array([True, False, True])).tolist()
    [0.5, 0.5, 1.0]
    """
    _, tied, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.bincount(tied, truth) / counts)[tied])


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of decisions against truth at one threshold."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int

    @property
    def sensitivity(self) -> float | None:
        """Return the share of positives that are called positive; None where there are no positives."""
        positives = self.true_positive + self.false_negative
        return self.true_positive / positives if positives else None

    @property
    def specificity(self) -> float | None:
        """Return the share of negatives that are called negative; None where there are no negatives."""
        negatives = self.true_negative + self.false_positive
        return self.true_negative / negatives if negatives else None


def confusion(labels: ArrayLike, scores: ArrayLike, threshold: float) -> Confusion:
    """Count decisions where a score at or above the threshold is called positive.

    Raises
    ------
    ValueError
        As `checked` does.

    Examples
    --------
    >>> counts = confusion([0, 0, 1, 1], [.1, .5, .5, .9], 0.5)
    >>> counts.sensitivity, counts.specificity
    (1.0, 0.5)
    """
    truth, values = checked(labels, scores)
    called = values >= threshold
    return Confusion(
        true_positive=int((called & truth).sum()),
        false_positive=int((called & ~truth).sum()),
        true_negative=int((~called & ~truth).sum()),
        false_negative=int((~called & truth).sum()),
    )


def threshold_for_sensitivity(labels: ArrayLike, scores: ArrayLike, sensitivity: float) -> float:
    """Return the highest threshold at which at least a given share of the positives is called positive.

    Choose it on validation data; on the data that it was chosen on, its sensitivity flatters.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
        At least one positive.
    scores : (N,) array_like of float
    sensitivity : float
        In (0, 1].

    Returns
    -------
    float
        The score of a positive; score >= threshold is called positive.

    Raises
    ------
    ValueError
        As `checked` does, if there is no positive, or if `sensitivity` lies outside (0, 1].

    Examples
    --------
    >>> threshold_for_sensitivity([0, 1, 1, 1, 1], [.9, .8, .6, .4, .2], 0.75)
    0.4
    """
    if not 0 < sensitivity <= 1:
        raise ValueError(f"sensitivity must lie in (0, 1], got {sensitivity}")
    truth, values = checked(labels, scores)
    if not truth.any():
        raise ValueError(f"a threshold for sensitivity needs at least one positive, all {truth.size} labels are 0")
    positives = np.sort(values[truth])[::-1]
    # 0.55 * 100 is 55.00000000000001 in floating point: a hair is taken off before rounding up.
    needed = max(1, int(np.ceil(sensitivity * positives.size - 1e-9)))
    return float(positives[needed - 1])


def threshold_for_specificity(labels: ArrayLike, scores: ArrayLike, specificity: float) -> float:
    """Return the lowest threshold at which at least a given share of the negatives is called negative.

    Choose it on validation data; on the data that it was chosen on, its sensitivity flatters.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
        At least one negative.
    scores : (N,) array_like of float
    specificity : float
        In (0, 1].

    Returns
    -------
    float
        The next number above the score of a negative; score >= threshold is called positive.

    Raises
    ------
    ValueError
        As `checked` does, if there is no negative, or if `specificity` lies outside (0, 1].

    Examples
    --------
    >>> threshold = threshold_for_specificity([0, 0, 0, 0, 1], [.1, .2, .4, .8, .6], 0.75)
    >>> 0.4 < threshold < 0.400001
    True
    """
    if not 0 < specificity <= 1:
        raise ValueError(f"specificity must lie in (0, 1], got {specificity}")
    truth, values = checked(labels, scores)
    if truth.all():
        raise ValueError(f"a threshold for specificity needs at least one negative, all {truth.size} labels are 1")
    negatives = np.sort(values[~truth])
    needed = max(1, int(np.ceil(specificity * negatives.size - 1e-9)))
    return float(np.nextafter(negatives[needed - 1], np.inf))

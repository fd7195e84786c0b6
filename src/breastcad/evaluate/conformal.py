"""Sets of labels instead of one: split conformal prediction between two classes, also where samples come in clusters.

A set holds each label whose score of strangeness, 1 - P(label), is at most a threshold that validation samples give. Samples of one
woman are not exchangeable with those of others one by one; women are. So the threshold can be fitted on one sample a woman, drawn, or on
each woman's worst, and coverage is counted by sample and by woman.

References
----------
.. [1] V. Vovk, A. Gammerman, G. Shafer, Algorithmic learning in a random world, 2005 (split and Mondrian conformal predictors).
.. [2] M. Sadinle, J. Lei, L. Wasserman, J. Am. Stat. Assoc. 114 (2019) 223-234 (the score 1 - P(label), and a threshold a class).
.. [3] R. Dunn, L. Wasserman, A. Ramdas, J. Am. Stat. Assoc. 118 (2023) 2491-2502 (clusters: one sample of each, drawn).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.metrics import checked

ROWS, ONE, WORST = "all samples", "one sample a woman", "a woman's worst sample"
FITTED_ON = (ROWS, ONE, WORST)


@dataclass(frozen=True, slots=True)
class ConformalThresholds:
    """The largest score of strangeness at which a label is still in the set: of the negative and the positive label.

    Infinity, where there are too few validation samples to leave anything out. ``samples`` are those that each was fitted on.
    """

    negative: float
    positive: float
    samples: tuple[int, int]


def conformal_quantile(scores: ArrayLike, coverage: float) -> float:
    """Return the threshold that a new score, exchangeable with these, does not pass with at least a given probability.

    The ceil((n + 1) coverage)-th smallest of n; infinity where that is more than n.

    Parameters
    ----------
    scores : (n,) array_like of float
    coverage : float
        In (0, 1).

    Raises
    ------
    ValueError
        If `coverage` lies outside (0, 1).

    Examples
    --------
    >>> conformal_quantile([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], 0.8), conformal_quantile([0.1, 0.2], 0.8)
    (0.8, inf)
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must lie in (0, 1), got {coverage}")
    ordered = np.sort(np.asarray(scores, np.float64))
    place = math.ceil((ordered.size + 1) * coverage - 1e-9)  # a hair, so that 0.9 of ten is nine
    return float(ordered[place - 1]) if place <= ordered.size else math.inf


def fit_conformal(
    labels: ArrayLike,
    probabilities: ArrayLike,
    clusters: Sequence[str] | NDArray,
    coverage: float,
    generator: np.random.Generator,
    *,
    by_class: bool = False,
    on: str = ROWS,
) -> ConformalThresholds:
    """Fit thresholds on validation samples.

    Parameters
    ----------
    labels : (N,) array_like of 0 and 1, or bool
    probabilities : (N,) array_like of float
        Of the positive label, in [0, 1]; best from a network that these samples did not calibrate.
    clusters : (N,) sequence
        The woman of each sample.
    coverage : float
        In (0, 1).
    generator : numpy.random.Generator
        Draws one sample of each cluster, where that is asked for.
    by_class : bool
        A threshold a class (Mondrian): the coverage is then meant of benign and of malignant samples each, not of all together.
    on : str
        `ROWS`, `ONE` or `WORST`. `ROWS`: right where samples are exchangeable (one a woman, or all women alike). `ONE`: a sample drawn
        from a new woman is covered. `WORST`: all samples of a new woman are covered together.

    Returns
    -------
    ConformalThresholds

    Raises
    ------
    ValueError
        As `metrics.checked` does, if `coverage` lies outside (0, 1), or `on` is none of the three.
    """
    truth, values = checked(labels, probabilities)
    if on not in FITTED_ON:
        raise ValueError(f"on must be one of {', '.join(FITTED_ON)}, got '{on}'")
    strange = np.where(truth, 1 - values, values)
    women = np.asarray(clusters)
    parts = [~truth, truth] if by_class else [np.ones_like(truth)]
    chosen = [_chosen(strange[part], women[part], generator, on) for part in parts]
    limits = [conformal_quantile(own, coverage) for own in chosen]
    return ConformalThresholds(limits[0], limits[-1], (chosen[0].size, chosen[-1].size))


def _chosen(strange: NDArray[np.float64], women: NDArray, generator: np.random.Generator, on: str) -> NDArray[np.float64]:
    """Return the scores that a threshold is fitted on."""
    if on == ROWS or not strange.size:
        return strange
    order = generator.permutation(strange.size) if on == ONE else np.argsort(-strange, kind="stable")
    return strange[order[np.unique(women[order], return_index=True)[1]]]


def conformal_sets(thresholds: ConformalThresholds, probabilities: ArrayLike) -> NDArray[np.bool_]:
    """Return of each sample whether its set holds the negative and the positive label.

    Parameters
    ----------
    thresholds : ConformalThresholds
    probabilities : (N,) array_like of float

    Returns
    -------
    (N, 2) ndarray of bool
        Both (the model does not tell), one, or none of them: a sample that is strange as either.

    Examples
    --------
    >>> conformal_sets(ConformalThresholds(0.4, 0.7, (10, 10)), [0.1, 0.35, 0.5, 0.9]).astype(int).tolist()
    [[1, 0], [1, 1], [0, 1], [0, 1]]
    """
    values = np.asarray(probabilities, np.float64)
    return np.stack([values <= thresholds.negative, 1 - values <= thresholds.positive], axis=1)


def covered(labels: ArrayLike, sets: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return of each sample whether its set holds its label.

    Examples
    --------
    >>> covered([0, 1], np.array([[True, False], [True, False]])).tolist()
    [True, False]
    """
    truth = np.asarray(labels, dtype=bool)
    return np.where(truth, sets[:, 1], sets[:, 0])

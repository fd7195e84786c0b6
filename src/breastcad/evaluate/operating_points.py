"""Thresholds for a wanted sensitivity or specificity: chosen on validation rows, fold by fold, measured on test rows.

A threshold is that of one network at one place: it does not travel (`TRAVEL_NOTE`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.decisions import RATES, Rate, of_counts
from breastcad.evaluate.metrics import threshold_for_sensitivity, threshold_for_specificity
from breastcad.evaluate.weighted import Statistic, divide

SENSITIVITIES = (0.85, 0.9, 0.95)
MEASURED = ("sensitivity", "specificity", "precision", "npv")
TRAVEL_NOTE = (
    "A threshold does not travel: with other machines, other women or another share of cancers the same number gives another"
    " sensitivity and specificity. Choose it anew on exams of the place where it is to be used (breastcad validate)."
)
READERS_NOTE = "0.966 is the specificity of the first readers in Salim et al., JAMA Oncol. 6 (2020) 1581; take your own readers' instead."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a threshold is to give on validation: a ``rate`` ("sensitivity" or "specificity") of at least ``share``."""

    rate: str
    share: float

    @property
    def name(self) -> str:
        """Return what it is called."""
        return f"{self.rate} {self.share:g}"


def wanted_points(readers_specificity: float | None = None, sensitivities: Sequence[float] = SENSITIVITIES) -> list[Wanted]:
    """Return the operating points that are asked for: wanted sensitivities, and the readers' own specificity if it is given.

    Examples
    --------
    >>> [point.name for point in wanted_points(0.966)]
    ['sensitivity 0.85', 'sensitivity 0.9', 'sensitivity 0.95', 'specificity 0.966']
    """
    points = [Wanted("sensitivity", share) for share in sensitivities]
    return points + ([Wanted("specificity", readers_specificity)] if readers_specificity is not None else [])


def threshold_for(wanted: Wanted, labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the threshold that gives what is wanted on these samples; score >= threshold is called positive.

    Raises
    ------
    ValueError
        As `metrics.threshold_for_sensitivity` and `metrics.threshold_for_specificity` do.

    Examples
    --------
    >>> threshold_for(Wanted("sensitivity", 0.5), [0, 1, 1], [.1, .4, .8])
    0.8
    """
    choose = threshold_for_sensitivity if wanted.rate == "sensitivity" else threshold_for_specificity
    return choose(labels, scores, wanted.share)


def shown(threshold: float) -> str:
    """Return a threshold to four digits, rounded down: what it calls, the shown one calls too.

    Examples
    --------
    >>> shown(0.26499999), shown(0.00098765)
    ('0.2649', '0.0009876')
    """
    if not 0 < threshold < np.inf:
        return f"{threshold:g}"
    unit = 10.0 ** (int(np.floor(np.log10(threshold))) - 3)
    return f"{np.floor(threshold / unit) * unit:.4g}"


def decision_statistics(
    truth: NDArray[np.bool_], called: NDArray[np.bool_], groups: Sequence[str], *, rates: Sequence[str] = MEASURED
) -> tuple[list[str], dict[str, tuple[Statistic, NDArray[np.bool_]]]]:
    """Return figures of decisions as statistics of groups, and of each which groups it is a share of.

    Parameters
    ----------
    truth, called : (N,) ndarray of bool
    groups : (N,) sequence of str
    rates : sequence of str
        Of `decisions.RATES`, or "called": the share that is called positive.

    Returns
    -------
    names : (G,) list of str
        The groups, which are the rows of the statistics.
    statistics : dict
        By rate: the statistic, and (G,) ndarray of bool.
    """
    names, of_row = np.unique(np.asarray(groups), return_inverse=True)
    cells = np.zeros((names.size, 2, 2))
    np.add.at(cells, (of_row, truth.astype(int), called.astype(int)), 1)
    among = {
        "sensitivity": cells[:, 1].sum(axis=1),
        "specificity": cells[:, 0].sum(axis=1),
        "precision": cells[:, :, 1].sum(axis=1),
        "npv": cells[:, :, 0].sum(axis=1),
    }
    whole = cells.sum(axis=(1, 2))
    return names.tolist(), {name: (of_counts(_rate(name), cells), among.get(name, whole) > 0) for name in rates}


def _rate(name: str) -> Rate:
    if name == "called":
        return lambda counts: divide(counts[..., 1].sum(axis=-1), counts.sum(axis=(-2, -1)))
    return RATES[name]

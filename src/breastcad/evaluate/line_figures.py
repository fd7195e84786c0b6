"""The figures of one line of a table by name: how probabilities hold, what decisions are worth; those undefined are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from breastcad.evaluate import weighted
from breastcad.evaluate.calibration import calibration_intercept_statistic, calibration_slope_statistic
from breastcad.evaluate.figures import Figure
from breastcad.evaluate.intervals import UndefinedFigure
from breastcad.evaluate.operating_points import decision_statistics
from breastcad.evaluate.scopes import Scope, figure_with_interval
from breastcad.evaluate.weighted import Statistic

Asked = Mapping[str, tuple[Statistic, NDArray | None, str]]
"""By column the statistic, which rows it is a share of (or None), and how it is made."""


def line_figures(scope: Scope, asked: Asked, full_name: Callable[[str], str], left_out: list[str]) -> dict[str, Figure]:
    """Return figures with intervals by column.

    Parameters
    ----------
    scope : Scope
    asked : mapping
    full_name : callable
        From a column to the figure's name, from which its interval is drawn too.
    left_out : list of str
        Takes a sentence for each that is undefined.
    """
    made = {}
    for column, (statistic, share_of, how) in asked.items():
        name = full_name(column)
        try:
            made[column] = figure_with_interval(scope, name, statistic, how, share_of=share_of, biased=column == "calibration error")
        except UndefinedFigure as error:
            left_out.append(f"{name} ({scope.set}, {scope.level}): {error}")
    return made


def calibration_asked(truth: NDArray[np.bool_], said: NDArray[np.float64]) -> dict[str, tuple[Statistic, NDArray | None, str]]:
    """Return what is asked of probabilities that are to hold; both (N,)."""
    return {
        "brier": (weighted.mean((said - truth) ** 2), None, "mean squared difference of probability and truth"),
        "calibration error": (weighted.calibration_error(truth, said), None, "expected calibration error, ten bins of equal size"),
        "slope": (calibration_slope_statistic(truth, said), None, "slope of truth on the logit of the probability; 1 is right"),
        "intercept": (calibration_intercept_statistic(truth, said), None, "calibration in the large; 0 is right"),
    }


def decision_figures(
    scope: Scope,
    truth: NDArray[np.bool_],
    called: NDArray[np.bool_],
    rates: Sequence[str],
    full_name: Callable[[str], str],
    left_out: list[str],
) -> dict[str, Figure]:
    """Return rates of decisions, drawn by group; ``truth`` and ``called`` are of the scope's rows, the rest as in `line_figures`."""
    women, statistics = decision_statistics(truth, called, scope.groups, rates=rates)
    asked: Asked = {rate: (statistic, among, f"{rate} of what is decided") for rate, (statistic, among) in statistics.items()}
    return line_figures(replace(scope, groups=women), asked, full_name, left_out)

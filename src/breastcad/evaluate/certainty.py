"""How sure a run may be: fitted on each fold's validation rows, measured on its test rows, which nothing was fitted on.

Calibrators before and after, conformal sets, what is left when the least sure are not decided, thresholds. A figure is made for each
set that holds both classes of a question and over all of them, its interval over women (groups).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import AnswerNo
from breastcad.core.files import read_yaml
from breastcad.core.records import PredictionRow
from breastcad.core.seeding import generator
from breastcad.evaluate import weighted
from breastcad.evaluate.calibration import CERTAIN, sigmoid
from breastcad.evaluate.calibrators import METHODS, UNCHANGED, Calibrator, apply, fit
from breastcad.evaluate.conformal import FITTED_ON, conformal_sets, covered, fit_conformal
from breastcad.evaluate.figures import Figure
from breastcad.evaluate.fold_scores import AskedRun, FoldScores, Scored, asked_folds
from breastcad.evaluate.line_figures import calibration_asked, decision_figures, line_figures
from breastcad.evaluate.metrics import threshold_for_sensitivity
from breastcad.evaluate.operating_points import MEASURED, threshold_for, wanted_points
from breastcad.evaluate.run_tables import read_rows, run_at, tested_levels
from breastcad.evaluate.scopes import SEED, Scope, scope_of
from breastcad.evaluate.selective import area_statistic, sureness
from breastcad.evaluate.thresholds import SENSITIVITY
from breastcad.evaluate.weighted import Statistic

RAW, KEPT = "raw", "the run's own"
COVERAGES = (1.0, 0.9, 0.8)
EVEN, SENSITIVE = "one half after Platt", f"sensitivity {SENSITIVITY:g} on validation"
CALIBRATION, CONFORMAL, SELECTIVE, POINTS = "calibration", "conformal", "selective", "operating points"
_HAIR = 1e-9


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: of which ``part``, of what (a method, a kind of set, a coverage, a threshold), its figures by column.

    ``more`` has what was fitted, where that is a number or two a fold.
    """

    part: str
    question: str
    set: str
    level: str
    name: str
    figures: dict[str, Figure]
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tried:
    """What a question's test rows got of what the validation rows gave: the folds' rows one after another.

    ``probability`` is by method; ``decided`` by threshold: whether a row is called positive, and how sure that is.
    """

    asked: AskedRun
    rows: list[PredictionRow]
    truth: NDArray[np.bool_]
    probability: dict[str, NDArray[np.float64]]
    decided: dict[str, tuple[NDArray[np.bool_], NDArray[np.float64]]]
    fits: list[dict[str, Any]]

    def part(self, set_name: str) -> NDArray[np.intp]:
        """Return the places of the rows of a set, or of all."""
        return np.array([i for i, row in enumerate(self.rows) if set_name in ("all", row.set)])

    @property
    def sets(self) -> list[str]:
        """Return the sets of which there are figures, "all" after several."""
        return [*self.asked.tested, *(["all"] if len(self.asked.tested) > 1 else [])]


@dataclass(slots=True)
class Certainty:
    """All that was made of a run at a level; ``left_out`` are sentences."""

    level: str
    coverage: float
    lines: list[Line] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def certainty(
    folder: str | Path,
    *,
    level: str | None = None,
    coverage: float = 0.9,
    readers_specificity: float | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Certainty:
    """Measure how sure a run may be.

    Parameters
    ----------
    folder : str or Path
        A finished run, with rows of part validation and test.
    level : str, optional
        By default images where the run has them, else the first level that it has.
    coverage : float
        In (0, 1): what the conformal sets are to cover.
    readers_specificity : float, optional
        In (0, 1): also a threshold at this specificity.
    progress : callable, optional
        Called with what is done, how many steps are done, of how many.

    Raises
    ------
    ReadError, InputError
        As `run_tables.read_rows` and `run_tables.run_at` do.
    AnswerNo
        If no question can be asked, e.g. since there are no validation rows.
    """
    folder = Path(folder)
    rows = read_rows(folder)
    levels = tested_levels(folder, rows)
    chosen = level or ("image" if "image" in levels else levels[0])
    settings = read_yaml(folder / "settings.yaml") if (folder / "settings.yaml").is_file() else {}
    asked, left_out = asked_folds(run_at(folder, rows, chosen), margins=settings.get("task") == "classical")
    if not asked:
        raise AnswerNo(f"nothing can be fitted and tried on '{folder.name}': {'; '.join(left_out) or 'no question can be asked of it'}")
    found = Certainty(chosen, coverage, remarks=_remarks(asked, settings), left_out=left_out)
    parts: list[Callable[[Tried, str], None]] = [
        lambda tried, name: _calibration(found, tried, name),
        lambda tried, name: _conformal(found, tried, name),
        lambda tried, name: _selective(found, tried, name),
        lambda tried, name: _points(found, tried, name, readers_specificity),
    ]
    found.tried = [_tried(one) for one in asked]
    steps = [(tried, name, make) for tried in found.tried for name in tried.sets for make in parts]
    for done, (tried, name, make) in enumerate(steps):
        if progress:
            progress(f"{tried.asked.question.name}, {name}", done, len(steps))
        make(tried, name)
    return found


def _made_by(settings: Mapping[str, Any]) -> str:
    if settings.get("ensemble") == "greedy":
        return "greedy"
    return "ensemble" if "ensemble" in settings else str(settings.get("task"))


def _remarks(asked: Sequence[AskedRun], settings: Mapping[str, Any]) -> list[str]:
    """Return what must be known of the validation rows."""
    chosen = {
        "classical": "the same validation rows gave the run's own probabilities",
        "ensemble": "the same validation rows chose the epochs and temperatures of the members",
        "greedy": "the same validation rows chose the members and their weights, and before that the members' epochs and temperatures: what"
        " is fitted on them is too sure of itself",
    }.get(
        _made_by(settings),
        "the same validation rows chose the epoch at which each network was kept, and gave the run's own temperature: what is fitted on"
        " them is a little too sure of itself. Test rows took part in nothing",
    )
    found = [f"Fitted on each fold's validation rows, measured on its test rows; {chosen}."]
    for one in asked:
        external = {name for fold in one.folds for name in fold.sets} - set(one.tested)
        if external:
            found.append(
                f"{one.question.name}: validation rows are of {', '.join(sorted(external))}, test rows of {', '.join(one.tested)}:"
                " what is fitted on one set need not hold on another, and coverage is promised for none."
            )
    if not all(one.has_raw for one in asked):
        found.append(
            "The rows of this level have no raw log-odds (they were made of others, or are margins): calibrators and sets are fitted on"
            " the run's own probabilities."
        )
    return found


def _tried(asked: AskedRun) -> Tried:
    """Fit calibrators and thresholds on each fold's validation rows, and apply them to its test rows."""
    probability: dict[str, list[NDArray[np.float64]]] = {}
    decided: dict[str, tuple[list[NDArray[np.bool_]], list[NDArray[np.float64]]]] = {EVEN: ([], []), SENSITIVE: ([], [])}
    fits = []
    for fold in asked.folds:
        given, new = fold.validation, fold.test
        fitted = {method: fit(method, given.raw, given.truth) for method in METHODS}
        said = {RAW: apply(Calibrator(UNCHANGED), new.raw)} if asked.has_raw else {}
        said |= {KEPT: sigmoid(new.kept).astype(np.float64)} | {method: apply(one, new.raw) for method, one in fitted.items()}
        for method, values in said.items():
            probability.setdefault(method, []).append(values)
        for name, (called, sure) in decided.items():
            threshold = _even(fitted["platt"]) if name == EVEN else threshold_for_sensitivity(given.truth, given.raw, SENSITIVITY)
            called.append(new.raw >= threshold)
            sure.append(_sureness(threshold, given, new))
        fits.append({"fold": list(fold.fold), "n": len(given.rows), "sets": list(fold.sets), "calibrators": fitted})
    return Tried(
        asked,
        [row for fold in asked.folds for row in fold.test.rows],
        np.concatenate([fold.test.truth for fold in asked.folds]),
        {method: np.concatenate(values) for method, values in probability.items()},
        {name: (np.concatenate(called), np.concatenate(sure)) for name, (called, sure) in decided.items()},
        fits,
    )


def _even(platt: Calibrator) -> float:
    """Return the raw logit at which Platt's probability is one half; where it is the same for all, one that all lie on one side of."""
    slope, intercept = platt.numbers["slope"][0], platt.numbers["intercept"][0]
    if slope > 0:
        return -intercept / slope
    return -np.inf if intercept >= 0 else np.inf


def _sureness(threshold: float, given: Scored, new: Scored) -> NDArray[np.float64]:
    return sureness(np.abs(new.raw - threshold), np.abs(given.raw - threshold))


# ---- figures ----


def _figures(
    found: Certainty, tried: Tried, scope: Scope, name: str, statistics: Mapping[str, tuple[Statistic, NDArray | None, str]]
) -> dict[str, Figure]:
    """Make the figures of a line; those undefined are told."""
    return line_figures(scope, statistics, _full_name(tried, name), found.left_out)


def _full_name(tried: Tried, name: str) -> Callable[[str], str]:
    return lambda column: f"{column} {tried.asked.question.name}, {name}"


def _add(found: Certainty, part: str, tried: Tried, set_name: str, name: str, figures: dict[str, Figure], **more: Any) -> None:
    found.lines.append(Line(part, tried.asked.question.name, set_name, found.level, name, figures, more))


def _scope(found: Certainty, tried: Tried, set_name: str, rows: NDArray[np.intp]) -> Scope:
    return scope_of([tried.rows[i] for i in rows], tried.asked.question, set_name, found.level)


def _calibration(found: Certainty, tried: Tried, set_name: str) -> None:
    own = tried.part(set_name)
    truth, scope = tried.truth[own], _scope(found, tried, set_name, own)
    for method, whole in tried.probability.items():
        values = whole[own]
        kept = np.clip(values, CERTAIN, 1 - CERTAIN)
        statistics = calibration_asked(truth, values)
        statistics["log loss"] = (weighted.mean(-np.log(np.where(truth, kept, 1 - kept))), None, "mean of -log P(label), nats")
        _add(found, CALIBRATION, tried, set_name, method, _figures(found, tried, scope, method, statistics))


def _conformal(found: Certainty, tried: Tried, set_name: str) -> None:
    own = tried.part(set_name)
    truth, scope = tried.truth[own], _scope(found, tried, set_name, own)
    for by_class in (False, True):
        for on in FITTED_ON:
            name = f"{'a threshold a class' if by_class else 'one threshold'}, {on}"
            sets, limits = _sets(found, tried, by_class=by_class, on=on)
            figures = _figures(found, tried, scope, name, _set_statistics(truth, sets[own]))
            figures |= _by_woman(found, tried, scope, name, covered(truth, sets[own]))
            _add(found, CONFORMAL, tried, set_name, name, figures, thresholds=limits)


def _sets(found: Certainty, tried: Tried, *, by_class: bool, on: str) -> tuple[NDArray[np.bool_], list[dict[str, Any]]]:
    """Fit thresholds on each fold's validation rows; return the sets of all test rows, and the thresholds (None: nothing is left out)."""
    sets, limits = [], []
    for fold in tried.asked.folds:
        given = fold.validation
        draws = generator(SEED, "conformal", tried.asked.question.name, found.level, *fold.fold)
        fitted = fit_conformal(given.truth, sigmoid(given.raw), given.groups, found.coverage, draws, by_class=by_class, on=on)
        sets.append(conformal_sets(fitted, sigmoid(fold.test.raw)))
        ends = [value if np.isfinite(value) else None for value in (fitted.negative, fitted.positive)]
        limits.append({"fold": list(fold.fold), "negative": ends[0], "positive": ends[1], "samples": list(fitted.samples)})
    return np.concatenate(sets), limits


def _set_statistics(truth: NDArray[np.bool_], sets: NDArray[np.bool_]) -> dict[str, tuple[Statistic, NDArray | None, str]]:
    right, whole, size = covered(truth, sets), np.ones_like(truth), sets.sum(axis=1)
    shares = {
        "covered": (right, whole, "share of samples whose set holds their label"),
        "negatives covered": (right & ~truth, ~truth, "the same among negatives"),
        "positives covered": (right & truth, truth, "the same among positives"),
        "only negative": (sets[:, 0] & (size == 1), whole, "share of samples with the negative label alone"),
        "only positive": (sets[:, 1] & (size == 1), whole, "share of samples with the positive label alone"),
        "both": (size == 2, whole, "share of samples with both labels"),
        "empty": (size == 0, whole, "share of samples with no label"),
    }
    return {name: (weighted.ratio(part, of), of, how) for name, (part, of, how) in shares.items()}


def _by_woman(found: Certainty, tried: Tried, scope: Scope, name: str, right: NDArray[np.bool_]) -> dict[str, Figure]:
    """Return coverage by woman: of a sample drawn of hers, and of all hers together."""
    women, of_row = np.unique(np.asarray(scope.groups), return_inverse=True)
    share = np.bincount(of_row, right) / np.bincount(of_row)
    drawn = Scope(scope.set, scope.level, women.tolist(), scope.n, scope.positives)
    statistics: dict[str, tuple[Statistic, NDArray | None, str]] = {
        "covered, a sample a woman": (weighted.mean(share), np.ones(women.size), "mean over women of the share of theirs that is covered"),
        "women wholly covered": (weighted.mean(share == 1), np.ones(women.size), "share of women of whom all samples are covered"),
    }
    return _figures(found, tried, drawn, name, statistics)


def _selective(found: Certainty, tried: Tried, set_name: str) -> None:
    own = tried.part(set_name)
    truth, scope = tried.truth[own], _scope(found, tried, set_name, own)
    for threshold, (all_called, all_sure) in tried.decided.items():
        called, sure = all_called[own], all_sure[own]
        for coverage in COVERAGES:
            inside = sure >= 1 - coverage - _HAIR
            name = f"{threshold}, {100 * coverage:g} % decided"
            decided = "share of samples that are decided, the bound on sureness being fixed on validation"
            figures = _figures(found, tried, scope, name, {"decided": (weighted.ratio(inside, inside | True), inside | True, decided)})
            if inside.any():
                figures |= _decision_figures(found, tried, set_name, own[inside], called[inside], name, ("accuracy", *MEASURED[:2]))
            _add(found, SELECTIVE, tried, set_name, name, figures)
        area = "area under the curve of errors against coverage (sureness that says nothing: the share of errors)"
        statistics: dict[str, tuple[Statistic, NDArray | None, str]] = {
            "area": (area_statistic(called == truth, sure), None, area),
            "errors": (weighted.mean(called != truth), np.ones_like(truth), "share of errors where all are decided"),
        }
        name = f"{threshold}, all coverages"
        _add(found, SELECTIVE, tried, set_name, name, _figures(found, tried, scope, name, statistics))


def _decision_figures(
    found: Certainty, tried: Tried, set_name: str, rows: NDArray[np.intp], called: NDArray[np.bool_], name: str, rates: Sequence[str]
) -> dict[str, Figure]:
    scope = _scope(found, tried, set_name, rows)
    return decision_figures(scope, tried.truth[rows], called, rates, _full_name(tried, name), found.left_out)


def _points(found: Certainty, tried: Tried, set_name: str, readers_specificity: float | None) -> None:
    own = tried.part(set_name)
    for wanted in wanted_points(readers_specificity):
        limits = [threshold_for(wanted, fold.validation.truth, fold.validation.said) for fold in tried.asked.folds]
        called = np.concatenate([fold.test.said >= limit for fold, limit in zip(tried.asked.folds, limits, strict=True)])
        name = f"{wanted.name} on validation"
        figures = _decision_figures(found, tried, set_name, own, called[own], name, (*MEASURED, "called"))
        _add(found, POINTS, tried, set_name, name, figures, thresholds=_thresholds(tried.asked.folds, limits))


def _thresholds(folds: Sequence[FoldScores], limits: Sequence[float]) -> list[dict[str, Any]]:
    return [{"fold": list(fold.fold), "probability": limit} for fold, limit in zip(folds, limits, strict=True)]

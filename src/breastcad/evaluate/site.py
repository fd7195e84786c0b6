"""A model on a site's own labelled exams: ranking, calibration, the model's own operating point, what would fit this site, and whether the
cases are enough to say so.

What is looked for is a cancer: benign and normal exams are the negatives. Figures of what is proposed are cross-fitted over women: each
woman is measured with what the others gave. Nothing is taken over by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from breastcad.core.records import Decision
from breastcad.core.seeding import generator
from breastcad.evaluate import weighted
from breastcad.evaluate.calibration import fit_line, fit_temperature
from breastcad.evaluate.calibrators import Calibrator, apply, fit
from breastcad.evaluate.figures import Figure
from breastcad.evaluate.fold_scores import logit
from breastcad.evaluate.intervals import UndefinedFigure, cluster_bootstrap, resampled
from breastcad.evaluate.line_figures import Asked, calibration_asked, decision_figures, line_figures
from breastcad.evaluate.operating_points import MEASURED, Wanted, threshold_for
from breastcad.evaluate.scopes import SEED, Scope
from breastcad.evaluate.site_labels import Unit

FOLDS = 5
REFITS = 300
RECALIBRATIONS = ("temperature", "platt")
THRESHOLD = "threshold of P(malignant)"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many cases it takes to be certified.

    ``positives`` and ``negatives`` are women: G. S. Collins et al., Stat. Med. 35 (2016) 214-226 ask for 100 events and as many
    non-events to judge a model on new data. ``half_width`` is that of the 95 % interval of sensitivity and of specificity.
    """

    positives: int = 100
    negatives: int = 100
    half_width: float = 0.1


@dataclass(frozen=True, slots=True)
class Proposed:
    """A number that would fit this site, with its 95 % interval over women (None where it cannot be made)."""

    name: str
    value: float
    low: float | None
    high: float | None


@dataclass(slots=True)
class SiteReport:
    """What was found. ``reasons`` are why it is not certified, ``verdict`` their kinds in words; empty, if it is.

    ``figures`` are by part ("as it is", "own operating point", "temperature", "platt", "proposed operating point") and name;
    ``released`` are the names of units that are malignant and that the model's own operating point does not call, those that the model
    abstained from among them. ``abstained`` and ``unsaid`` (no number at all) are how many units, and how many malignant ones.
    """

    level: str
    n: int
    positives: int
    women: tuple[int, int, int]
    labels: dict[str, int]
    abstained: tuple[int, int]
    unsaid: tuple[int, int]
    decision: Decision | None
    figures: dict[str, dict[str, Figure]] = field(default_factory=dict)
    recalibrations: dict[str, Calibrator] = field(default_factory=dict)
    proposed: list[Proposed] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    verdict: str = ""
    left_out: list[str] = field(default_factory=list)


def site_report(units: Sequence[Unit], *, sensitivity: float = 0.9, limits: Limits = Limits()) -> SiteReport:
    """Hold a model against a site's labels.

    Parameters
    ----------
    units : sequence of Unit
        Of one model and level, at least one.
    sensitivity : float
        In (0, 1): that of the operating point that is proposed.
    limits : Limits

    Raises
    ------
    ValueError
        If there are no units.
    """
    if not units:
        raise ValueError("there are no labelled units to report on")
    whole, site = _Site(units), _Site([unit for unit in units if unit.malignant is not None])
    found = SiteReport(
        units[0].level,
        len(units),
        int(whole.truth.sum()),
        whole.women(),
        whole.labels(),
        whole.count(whole.abstained),
        whole.count(np.isnan(whole.stated)),
        next((u.decision for u in units if u.decision), None),
    )
    both = 0 < site.truth.sum() < site.truth.size
    if both:
        found.figures["as it is"] = _standing(found, site, site.stated, "as it is", rank=True)
    else:
        found.left_out.append("ranking and calibration: all labels are of one class")
    _own_point(found, whole)
    if both:
        _propose(found, site, sensitivity)
    kinds = _reasons(found, limits, sum(not unit.keyed for unit in units))
    found.reasons = [reason for reasons in kinds.values() for reason in reasons]
    found.verdict = "; ".join(kind for kind, reasons in kinds.items() if reasons)
    return found


class _Site:
    """A site's units as arrays; a probability that there is not is NaN."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.units = units
        self.truth = np.array([unit.label == "malignant" for unit in units], dtype=bool)
        self.stated = np.array([np.nan if unit.malignant is None else unit.malignant for unit in units], np.float64)
        self.abstained = np.array([unit.abstained for unit in units], dtype=bool)
        self.groups = np.array([unit.group for unit in units])

    def scope(self, part: NDArray[np.intp] | None = None) -> Scope:
        own = np.arange(len(self.units)) if part is None else part
        return Scope("site", self.units[0].level, self.groups[own].tolist(), own.size, int(self.truth[own].sum()))

    def women(self) -> tuple[int, int, int]:
        """Return women in all, with a malignant unit, with another."""
        return tuple(len(set(own.tolist())) for own in (self.groups, self.groups[self.truth], self.groups[~self.truth]))  # type: ignore[return-value]

    def labels(self) -> dict[str, int]:
        said = [unit.label for unit in self.units]
        return {label: said.count(label) for label in dict.fromkeys(sorted(said))}

    def count(self, rows: NDArray[np.bool_]) -> tuple[int, int]:
        """Return how many rows these are, and how many of them are malignant."""
        return int(rows.sum()), int((rows & self.truth).sum())


def _standing(found: SiteReport, site: _Site, said: NDArray[np.float64], part: str, *, rank: bool = False) -> dict[str, Figure]:
    """Return how probabilities hold, and how they rank."""
    asked: Asked = {"auc": (weighted.auc(site.truth, said), None, "area under the ROC curve of P(malignant)")} if rank else {}
    seen = {"seen to expected": (weighted.ratio(site.truth, said), None, "cancers seen to the sum of P(malignant); 1 is right")}
    asked = {**asked, **calibration_asked(site.truth, said), **seen}
    return line_figures(site.scope(), asked, lambda name: f"{name}, {part}", found.left_out)


def _own_point(found: SiteReport, site: _Site) -> None:
    """Measure the model's own decisions, as findings.json has its threshold.

    What the model abstained from is not called, so that a cancer among it lowers the sensitivity; the other rates are of the decided.
    """
    if found.decision is None:
        found.left_out.append("the model's own operating point: the model has none, or abstained from all")
        return
    called = ~site.abstained & (site.stated >= found.decision.threshold)
    part, decided = "own operating point", np.flatnonzero(~site.abstained)
    found.figures[part] = _decided(found, site, np.arange(called.size), called, part, MEASURED[:1])
    if decided.size:
        found.figures[part] |= _decided(found, site, decided, called, part, (*MEASURED[1:], "called"))
    found.released = [
        site.units[i].name + (" (abstained)" if site.abstained[i] else "") for i in np.flatnonzero(site.truth & ~called).tolist()
    ]


def _decided(
    found: SiteReport, site: _Site, rows: NDArray[np.intp], called: NDArray[np.bool_], part: str, rates: Sequence[str]
) -> dict[str, Figure]:
    return decision_figures(site.scope(rows), site.truth[rows], called[rows], rates, lambda name: f"{name}, {part}", found.left_out)


# ---- proposals ----


def _propose(found: SiteReport, site: _Site, sensitivity: float) -> None:
    """Fit what would suit this site, and measure it on women that it was not fitted on."""
    logits, wanted = logit(site.stated), Wanted("sensitivity", sensitivity)
    held_out = _held_out(site)
    if held_out is None:
        found.left_out.append("proposals: they need two women with a malignant exam and two with another at least")
        return
    for method in RECALIBRATIONS:
        found.recalibrations[method] = fit(method, logits, site.truth)
        said = _crossed(held_out, _refit(method, logits, site.truth))
        found.figures[method] = _standing(found, site, said, method)
    called = _crossed(held_out, _rethreshold(wanted, site.stated, site.truth))
    rows, part = np.arange(site.truth.size), "proposed operating point"
    found.figures[part] = _decided(found, site, rows, called > 0.5, part, MEASURED[:2])
    makers: dict[str, Callable[..., float]] = {
        "temperature": fit_temperature,
        "slope (Platt)": lambda values, truth: fit_line(values, truth)[0],
        "intercept (Platt)": lambda values, truth: fit_line(values, truth)[1],
    }
    found.proposed = [_proposed(name, make, logits, site) for name, make in makers.items()]
    name = f"{THRESHOLD} for {wanted.name}"
    found.proposed.append(_proposed(name, lambda values, truth: threshold_for(wanted, truth, values), site.stated, site))


Made = Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.float64]]
"""From the rows to fit on and the rows that are new to what the new ones get."""


def _refit(method: str, logits: NDArray[np.float64], truth: NDArray[np.bool_]) -> Made:
    return lambda own, new: apply(fit(method, logits[own], truth[own]), logits[new])


def _rethreshold(wanted: Wanted, stated: NDArray[np.float64], truth: NDArray[np.bool_]) -> Made:
    return lambda own, new: (stated[new] >= threshold_for(wanted, truth[own], stated[own])).astype(np.float64)


def _held_out(site: _Site) -> list[NDArray[np.intp]] | None:
    """Part the rows into folds by women, those with a malignant unit dealt out first; None where there are too few."""
    ill = sorted(set(site.groups[site.truth].tolist()))
    well = sorted(set(site.groups.tolist()) - set(ill))
    count = min(FOLDS, len(ill), len(set(site.groups[~site.truth].tolist())))
    if count < 2 or len(ill) + len(well) < 2:
        return None
    draws = generator(SEED, "site", "folds")
    dealt = [name for part in (ill, well) for name in draws.permutation(np.array(part, dtype=object)).tolist()]
    fold_of = {name: place % count for place, name in enumerate(dealt)}
    own = np.array([fold_of[name] for name in site.groups.tolist()])
    return [np.flatnonzero(own == fold) for fold in range(count)]


def _crossed(folds: Sequence[NDArray[np.intp]], make: Made) -> NDArray[np.float64]:
    """Return what each fold's rows get of the rows of all others."""
    made = np.zeros(sum(part.size for part in folds))
    for new in folds:
        made[new] = make(np.setdiff1d(np.arange(made.size), new), new)
    return made


def _proposed(name: str, make: Callable[..., float], scores: NDArray[np.float64], site: _Site) -> Proposed:
    def of_both(values: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
        if truth.all() or not truth.any():
            raise ValueError("one class")
        return make(values, truth)

    draws = generator(SEED, "site", name)
    try:
        interval = cluster_bootstrap(resampled(of_both, scores, site.truth), site.groups, draws, repeats=REFITS)
    except UndefinedFigure:
        return Proposed(name, make(scores, site.truth), None, None)
    return Proposed(name, interval.value, interval.low, interval.high)


# ---- is it enough? ----


def _reasons(found: SiteReport, limits: Limits, bare: int) -> dict[str, list[str]]:
    """Return why the cases do not do, by kind; ``bare`` rows have no patient key."""
    few = [
        f"{count} women have {what}, {least} are asked for"
        for count, least, what in (
            (found.women[1], limits.positives, "a malignant exam"),
            (found.women[2], limits.negatives, "an exam that is not malignant"),
        )
        if count < least
    ]
    keys = f"{bare} of {found.n} rows have no patient key (--one-row-a-woman says that no woman has two of them)"
    away = f"{found.unsaid[0]} {found.level}s, {found.unsaid[1]} of them malignant, got no number: none of their images counted"
    point = []
    if found.level != "image":
        point.append(f"the model's operating point was made for images: of {found.level}s, whose views are joined, it promises nothing")
    elif found.decision is None:
        point.append("the model has no operating point that could be measured")
    else:
        few += _too_wide(found.figures["own operating point"], limits)
    return {
        "too few to certify": few,
        "women cannot be counted": [keys] if bare else [],
        f"{found.level}s without a number": [away] if found.unsaid[0] else [],
        f"no operating point of {found.level}s to certify": point,
    }


def _too_wide(own: dict[str, Figure], limits: Limits) -> list[str]:
    reasons = []
    for name in ("sensitivity", "specificity"):
        figure = own.get(name)
        if figure is None:
            reasons.append(f"the {name} of the model's own operating point cannot be measured")
        elif (figure.high - figure.low) / 2 > limits.half_width:
            low, high = f"{figure.low:.3f}", f"{figure.high:.3f}"
            reasons.append(f"the interval of the {name} ({low} to {high}) is wider than plus or minus {limits.half_width:g}")
    return reasons

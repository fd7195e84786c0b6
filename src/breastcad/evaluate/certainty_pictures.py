"""What `certainty` found, as PNG: stated probability against what was seen before and after calibration, and errors against coverage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from breastcad.evaluate.calibration import reliability
from breastcad.evaluate.certainty import CALIBRATION, COVERAGES, SELECTIVE, Certainty, Tried
from breastcad.evaluate.drawing import GREY, MARKERS, legend_below, line, new_panels, save
from breastcad.evaluate.figures import Figure
from breastcad.evaluate.selective import coverage_risk

LEAST_DRAWN = 0.05
"""The coverage below which no error is drawn: of a handful of samples it says nothing."""


def certainty_pictures(found: Certainty, out: str | Path, title: str) -> dict[str, Path]:
    """Draw reliability-QUESTION.png and coverage-risk-QUESTION.png, a panel a set.

    Parameters
    ----------
    found : Certainty
    out : str or Path
        The folder to write to.
    title : str
        Names the run and what must be said of it.

    Returns
    -------
    dict
        The files by what they show.
    """
    written = {}
    for tried in found.tried:
        question = tried.asked.question.name
        name = re.sub(r"[^a-z0-9]+", "-", question.lower())
        for what, draw in (("reliability", _reliability), ("coverage-risk", _coverage_risk)):
            path = Path(out) / f"{what}-{name}.png"
            draw(found, tried, path, f"{title}\n{question}, level {found.level}, test rows of all folds")
            written[f"{'Reliability' if what == 'reliability' else 'Errors and coverage'}: {question}"] = path
    return written


def _lines(found: Certainty, tried: Tried, part: str, set_name: str) -> Mapping[str, Mapping[str, Figure]]:
    question = tried.asked.question.name
    return {one.name: one.figures for one in found.lines if (one.part, one.question, one.set) == (part, question, set_name)}


def _said(figure: Figure | None) -> str:
    return "" if figure is None else f" {figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def _reliability(found: Certainty, tried: Tried, path: Path, title: str) -> None:
    canvas, panels = new_panels(len(tried.asked.tested))
    for panel, set_name in zip(panels, tried.asked.tested, strict=True):
        own, known = tried.part(set_name), _lines(found, tried, CALIBRATION, set_name)
        panel.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        for number, (method, values) in enumerate(tried.probability.items()):
            bins = reliability(tried.truth[own], values[own])
            stated, observed = [one.probability for one in bins], [one.frequency for one in bins]
            label = f"{method}: error{_said(known[method].get('calibration error'))}"
            panel.plot(stated, observed, marker=MARKERS[number % len(MARKERS)], markersize=4.5, linewidth=1.3, label=label, **line(number))
        counts = f"n = {len(own)}, {int(tried.truth[own].sum())} positive, {len({tried.rows[i].group for i in own})} groups"
        panel.set(title=f"{set_name}: {counts}", xlabel="stated probability", ylabel="share seen, ten bins of equal size")
        panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        legend_below(panel)
    save(canvas, path, title)


def _coverage_risk(found: Certainty, tried: Tried, path: Path, title: str) -> None:
    canvas, panels = new_panels(len(tried.asked.tested))
    for panel, set_name in zip(panels, tried.asked.tested, strict=True):
        own, known = tried.part(set_name), _lines(found, tried, SELECTIVE, set_name)
        highest = 0.05
        for number, (threshold, (called, sure)) in enumerate(tried.decided.items()):
            curve = coverage_risk(called[own] == tried.truth[own], sure[own])
            drawn = curve.coverage >= LEAST_DRAWN
            label = f"{threshold}: area{_said(known[f'{threshold}, all coverages'].get('area'))}"
            panel.step(curve.coverage[drawn], curve.risk[drawn], where="post", linewidth=1.6, label=label, **line(number))
            highest = max(highest, float(curve.risk[drawn].max()))
            for coverage in COVERAGES:
                figures = known[f"{threshold}, {100 * coverage:g} % decided"]
                if "accuracy" not in figures or "decided" not in figures:
                    continue
                right, place = figures["accuracy"], figures["decided"].value
                ends = np.array([[right.high - right.value], [right.value - right.low]])
                style = {"color": line(number)["color"], "marker": MARKERS[number], "markersize": 5, "capsize": 3, "linewidth": 1}
                panel.errorbar([place], [1 - right.value], yerr=ends, **style)
                highest = max(highest, 1 - right.low)
        panel.set_title(f"{set_name}, n = {len(own)}\npoints: bounds that decide 100, 90, 80 % on validation", fontsize=10)
        panel.set(xlabel="share of samples decided, the surest first", ylabel="share of errors")
        panel.set(xlim=(0, 1.02), ylim=(0, highest * 1.05))
        legend_below(panel)
    save(canvas, path, title)

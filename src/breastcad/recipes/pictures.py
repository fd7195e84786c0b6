"""Bars of reported and our figures, by network, and what ROC curves are drawn of.

Light ground, colours that colour-blind readers tell apart, hatches for grey print.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from breastcad.core.files import read_predictions
from breastcad.evaluate.pictures import Curve
from breastcad.recipes.compared import figure_name, other_weights
from breastcad.recipes.runs import RecipeRun

_STYLES: dict[str, dict[str, Any]] = {
    "reported": {"facecolor": "#BBBBBB", "hatch": "///", "edgecolor": "white"},
    "parted as published": {"facecolor": "#D55E00", "hatch": "", "edgecolor": "white"},
    "split by patient": {"facecolor": "#0072B2", "hatch": "..", "edgecolor": "white"},
    "other splits": {"facecolor": "#009E73", "hatch": "xx", "edgecolor": "white"},
}
_WIDTH_IN, _LEAST_IN = 8.0, 2.2
_KINDS = {"published": "parted as published", "patient": "split by patient"}


class Bar(NamedTuple):
    """A bar: what kind of figure it is (a key of the styles), on what, its height, and the interval where there is one."""

    kind: str
    of: str
    value: float
    low: float | None = None
    high: float | None = None


def bars(runs: Sequence[RecipeRun], name: str) -> bytes | None:
    """Draw what a recipe's publication prints under a name, and ours beneath it, network by network.

    Parameters
    ----------
    runs : sequence of RecipeRun
        Of one recipe.
    name : str
        A figure's name as the publication prints it, e.g. "accuracy".

    Returns
    -------
    bytes or None
        A PNG; None where neither was reported nor came out.
    """
    recipe = runs[0].recipe
    groups: dict[str, list[Bar]] = {}
    for network in dict.fromkeys([*recipe.networks, *(run.held_against for run in runs)]):
        told = [Bar("reported", one.of, one.figures[name]) for one in recipe.reported if one.network == network and name in one.figures]
        own = [bar for run in runs if run.held_against == network for bar in _of_run(run, figure_name(recipe, name, run.question))]
        groups |= {network: told + own} if told + own else {}
    if not groups:
        return None
    meaning = f"{name} as printed ({recipe.ours[name]})" if name in recipe.ours else name
    warning = "MADE-UP DATA, no result\n" if any(run.made.made_up for run in runs) else ""
    return _drawn(groups, f"{warning}{recipe.key}: {meaning}", name)


def _of_run(run: RecipeRun, name: str) -> list[Bar]:
    found = []
    for set_name in run.sets:
        figure = run.figure(name, set_name)
        if figure is not None:
            where = set_name if run.made.split == "leave-one-set-out" else ", ".join(run.made.sets)
            same = run.made.network == run.held_against and not other_weights(run)
            stands_in = "" if same else f"{run.made.network}{other_weights(run)}, "
            shortened = ", shortened" if run.settings.shortened else ""
            of = f"{stands_in}{where}, n = {figure.n:,}{shortened}"
            found.append(Bar(_KINDS.get(run.made.split, "other splits"), of, figure.value, figure.low, figure.high))
    return found


def _drawn(groups: dict[str, list[Bar]], title: str, name: str) -> bytes:
    """Draw groups of bars of a figure of this name, lying, so that long names can be read."""
    count = sum(map(len, groups.values())) + len(groups)
    height = max(_LEAST_IN, 0.3 * count)
    canvas = Canvas(figsize=(_WIDTH_IN, height), facecolor="white")
    panel: Axes = canvas.subplots()
    place, ticks = 0.0, []
    for own in groups.values():
        ticks.append(place + (len(own) - 1) / 2)
        for bar in own:
            _draw(panel, place, bar)
            place += 1
        place += 0.6
    panel.set_yticks(ticks, list(groups), fontsize=9)
    panel.set(xlim=(0, 1.6), ylim=(place - 0.8, -0.8))
    panel.set_xticks(np.arange(0, 1.01, 0.2))
    panel.set_xlabel(f"{name}; whiskers: 95 % over patient groups", x=0.5 / 1.6)
    panel.grid(True, axis="x", color="#DDDDDD", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines["bottom"].set_bounds(0, 1)
    panel.set_title(title, fontsize=11)
    kinds = dict.fromkeys(bar.kind for own in groups.values() for bar in own)
    handles = [Patch(label=kind, **_STYLES[kind]) for kind in kinds]
    panel.legend(handles=handles, fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.55 / height), ncols=len(handles))
    stream = io.BytesIO()
    canvas.savefig(stream, format="png", dpi=150, bbox_inches="tight", pad_inches=0.15, metadata={"Software": "breastcad"})
    return stream.getvalue()


def _draw(panel: Axes, place: float, bar: Bar) -> None:
    panel.barh(place, bar.value, height=0.85, **_STYLES[bar.kind])
    end = bar.value
    if bar.low is not None and bar.high is not None:
        end = max(end, bar.high)
        panel.plot([bar.low, bar.high], [place, place], color="#FFFFFF", linewidth=3)
        panel.plot([bar.low, bar.high], [place, place], color="#222222", linewidth=1.2)
    panel.text(max(end, 0) + 0.015, place, f"{bar.value:.2f}  {bar.of}", va="center", fontsize=7.5)


def roc_curves(runs: Sequence[RecipeRun]) -> list[Curve]:
    """Return a curve a run and set, of test windows or films: which are what is looked for, scores, and the interval of the run's figure.

    Parameters
    ----------
    runs : sequence of RecipeRun
        Of one recipe. What windows were asked is said where runs differ in it.
    """
    found = []
    asked = {run.question for run in runs}
    for run in runs:
        positive, negative, score = _asked(run.question)
        tested = [row for row in read_predictions(run.folder / "predictions.csv") if (row.part, row.level) == ("test", run.level)]
        for set_name in run.sets:
            rows = [row for row in tested if row.label in positive + negative and set_name in ("all", row.set)]
            scores = [row.probability.get(score, 1 - row.probability.get("normal", 0.0)) for row in rows]
            labels = [row.label in positive for row in rows]
            if 0 < sum(labels) < len(labels):
                name = _curve_name(run, set_name, run.question if len(asked) > 1 else "")
                figure = run.figure(f"auc {run.question}", set_name)
                found.append(Curve(name, labels, scores, (figure.low, figure.high) if figure else None))
    return found


def _asked(question: str) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Return the labels that are looked for, the others, and whose probability is the score."""
    if question == "lesion against none":
        return ("lesion", "benign", "malignant"), ("normal",), "lesion"
    return ("malignant",), ("benign",) if question == "malignant against benign" else ("benign", "normal"), "malignant"


def _curve_name(run: RecipeRun, set_name: str, question: str) -> str:
    where = f", tested on {set_name}" if run.made.split == "leave-one-set-out" else ""
    how = f"{_KINDS.get(run.made.split, run.made.split)}{where}{', shortened' if run.settings.shortened else ''}"
    return f"{run.made.network}{other_weights(run)}, {how}" + (f", {question}" if question else "")

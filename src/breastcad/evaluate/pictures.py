"""ROC, reliability and free-response curves and confusion counts of a run as PNG: light ground, colours that colour-blind readers tell
apart, and line styles and markers that survive grey print. What is drawn is recomputed from the run's tables.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from numpy.typing import ArrayLike
from sklearn.metrics import roc_curve

from breastcad.evaluate.calibration import reliability
from breastcad.evaluate.class_figures import QUESTIONS, Confusion
from breastcad.evaluate.drawing import GREY, MARKERS, legend_below, line, new_panels, save
from breastcad.evaluate.figures import DEFAULT, Figure, Options
from breastcad.evaluate.froc import froc_curve
from breastcad.evaluate.learning_curves import learning_curves
from breastcad.evaluate.mark_figures import froc_ratings, marked_images
from breastcad.evaluate.metrics import checked, roc_auc
from breastcad.evaluate.run_figures import FALSE_MARK_RATES, is_classifier
from breastcad.evaluate.run_tables import ORIGINALS, RunTables, read_rows, run_at
from breastcad.evaluate.scopes import ABNORMAL, MALIGNANT, Question, stated


class Curve(NamedTuple):
    """A ROC curve to draw: labels (N,) of 0 and 1, or bool, both classes among them; scores (N,) of float; the AUC's interval, if known."""

    name: str
    labels: ArrayLike
    scores: ArrayLike
    interval: tuple[float, float] | None = None


def write_pictures(
    run: str | Path,
    out: str | Path,
    title: str,
    figures: Sequence[Figure],
    *,
    options: Options = DEFAULT,
    confusions: Sequence[Confusion] = (),
) -> list[Path]:
    """Draw roc.png, reliability.png, froc.png, confusion.png and curves.png, each where the run has what it shows.

    Where the figures are of several levels, the first four have the level in their names: roc-patch.png.

    Parameters
    ----------
    run : str or Path
        The run folder.
    out : str or Path
        The folder to write to.
    title : str
        Names the data and the run; stands over each picture.
    figures : sequence of Figure
        As `run_figures.evaluated` gives them; the legends take values and intervals from them, and the levels.
    options : Options
        What the figures were made with.
    confusions : sequence of Confusion

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ReadError, InputError
        As `run_tables.read_rows` and `run_tables.run_at` do.
    """
    written: list[Path] = []
    rows, classifier = read_rows(run, aggregation=options.aggregation), is_classifier(Path(run))
    levels = list(dict.fromkeys(figure.level for figure in figures))
    for level in levels:
        tables = run_at(run, rows, level)
        known = {(figure.name, figure.set): figure for figure in figures if figure.level == level}
        drawn = {
            "roc": _roc(tables, known, classifier),
            "reliability": _reliability(tables, known, classifier),
            "froc": _froc(tables, known),
        }
        drawn["confusion"] = _confusions([one for one in confusions if one.level == level])
        images = len({(sample.set, sample.id) for sample in tables.samples})
        for name, canvas in drawn.items():
            if canvas is not None:
                path = Path(out) / (f"{name}-{level.replace(' ', '-')}.png" if len(levels) > 1 else f"{name}.png")
                save(canvas, path, f"{title}\ntest part of all folds, {images} {PLURALS[level]}")
                written.append(path)
    return written + learning_curves(run, out, title)


PLURALS = {"patch": "windows", ORIGINALS: "original windows", "image": "images", "breast": "breasts", "patient": "patients"}


Known = dict[tuple[str, str], Figure]


def _drawn(figures: Sequence[Figure]) -> list[Figure]:
    """Leave out what is over all sets, where the sets have curves of their own."""
    return [figure for figure in figures if figure.set != "all"]


def _asked(run: RunTables, question: Question, set_name: str, classifier: bool) -> tuple[list[bool], list[float]]:
    """Return truth and probability of the samples that a question is asked of, as the figures of that kind of run take them."""
    chosen = [sample for sample in run.samples if sample.set == set_name and sample.label in question.labels]
    scored = [(s, stated(question, s.probability) if classifier else s.probability.get(question.of)) for s in chosen]
    return [s.label in question.positive for s, value in scored if value is not None], [value for _, value in scored if value is not None]


def _sets_with(known: Known, name: str) -> list[Figure]:
    return [figure for (figure_name, _), figure in known.items() if figure_name == name]


def _legend(figure: Figure, what: str) -> str:
    positives = "" if figure.positives is None else f", {figure.positives} positive"
    return f"{figure.set}: {what} {figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}], n = {figure.n}{positives}"


def _roc(run: RunTables, known: Known, classifier: bool) -> Canvas | None:
    asked = [(question, _sets_with(known, f"auc {question.name}")) for question in QUESTIONS]
    asked = [(question, drawn) for question, drawn in asked if drawn]
    if not asked:
        return None
    canvas, panels = new_panels(len(asked))
    for panel, (question, drawn) in zip(panels, asked, strict=True):
        panel.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        for number, figure in enumerate(_drawn(drawn)):
            false, true, _ = roc_curve(*_asked(run, question, figure.set, classifier), drop_intermediate=False)
            panel.plot(false, true, linewidth=1.8, label=_legend(figure, "AUC"), **line(number))
        roc_axes(panel, question.name)
    return canvas


def roc_axes(panel: Axes, title: str) -> None:
    """Name the axes of a ROC panel and set their ranges."""
    panel.set(title=title, xlabel="1 - specificity", ylabel="sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    legend_below(panel)


def roc_panel(path: str | Path, title: str, curves: Sequence[Curve]) -> None:
    """Draw ROC curves of several runs (or of anything) on one axis, with the AUC, its interval and n of each in the legend.

    Parameters
    ----------
    path : str or Path
        The PNG to write.
    title : str
    curves : sequence of Curve

    Raises
    ------
    ValueError
        As `metrics.roc_auc` does, or if there are no curves.
    """
    roc_panels(path, title, [("", curves)])


def roc_panels(path: str | Path, title: str, panels: Sequence[tuple[str, Sequence[Curve]]]) -> None:
    """Draw several `roc_panel` side by side, each (title, curves); a name has the same line in each.

    Raises
    ------
    ValueError
        As `roc_panel` does.
    """
    names = list(dict.fromkeys(curve.name for _, curves in panels for curve in curves))
    if not names:
        raise ValueError("there are no curves to draw")
    canvas, axes = new_panels(len(panels))
    for panel, (panel_title, curves) in zip(axes, panels, strict=True):
        panel.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        for curve in curves:
            truth, values = checked(curve.labels, curve.scores, both_classes=True)
            false, true, _ = roc_curve(truth, values, drop_intermediate=False)
            interval = " [{:.2f}, {:.2f}]".format(*curve.interval) if curve.interval else ""
            label = f"{curve.name}:\nAUC {roc_auc(truth, values):.2f}{interval}, n = {truth.size:,}, {truth.sum():,} positive"
            panel.plot(false, true, linewidth=1.8, label=label, **line(names.index(curve.name)))
        roc_axes(panel, panel_title)
    save(canvas, Path(path), title)


def _reliability(run: RunTables, known: Known, classifier: bool) -> Canvas | None:
    named = [(q, f"calibration error {q.name if classifier else q.of}") for q in (QUESTIONS if classifier else (MALIGNANT, ABNORMAL))]
    asked = [(question, _sets_with(known, name)) for question, name in named]
    asked = [(question, drawn) for question, drawn in asked if drawn]
    if not asked:
        return None
    canvas, panels = new_panels(len(asked))
    for panel, (question, drawn) in zip(panels, asked, strict=True):
        panel.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        for number, figure in enumerate(_drawn(drawn)):
            bins = reliability(*_asked(run, question, figure.set, classifier))
            stated, observed = [one.probability for one in bins], [one.frequency for one in bins]
            marker = MARKERS[number % len(MARKERS)]
            panel.plot(stated, observed, marker=marker, markersize=5, label=_legend(figure, "error"), **line(number))
        panel.set(xlabel=f"stated probability of {question.of}", ylabel=f"share that is {question.of}")
        panel.set(title=f"{question.name}, ten bins of equal size", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        legend_below(panel)
    return canvas


def _froc(run: RunTables, known: Known) -> Canvas | None:
    drawn = _sets_with(known, f"lesions found at {FALSE_MARK_RATES[2]:g} false marks an image")
    if not drawn:
        return None
    canvas, (panel,) = new_panels(1)
    end = 0.0
    for number, figure in enumerate(_drawn(drawn)):
        curve = froc_curve(froc_ratings(marked_images(run, figure.set))[0])
        label = f"{figure.set}: {curve.lesions} lesions, {figure.n} images; {figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}] at 1"
        panel.step([0, *curve.nlf], [0, *curve.llf], where="post", linewidth=1.8, label=label, **line(number))
        end = max(end, float(curve.nlf[-1]) if curve.nlf.size else 0.0)
    panel.set(
        title="lesions found, no curve beyond its last mark", xlabel="false marks an image (all images)", ylabel="share of lesions found"
    )
    panel.set(xlim=(0, min(4.0, max(end, 1.0))), ylim=(0, 1.01))
    legend_below(panel)
    return canvas


def _confusions(confusions: Sequence[Confusion]) -> Canvas | None:
    """Draw the counts of classes, a panel a set: shade is the share of the true class, the number the count."""
    shown = [one for one in confusions if one.by.startswith("classes")]
    shown = [one for one in shown if one.set != "all"] or shown
    if not shown:
        return None
    canvas, panels = new_panels(len(shown))
    for panel, one in zip(panels, shown, strict=True):
        counts = np.array(one.counts, np.float64)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, col), share in np.ndenumerate(shares):
            said = f"{one.counts[row][col]}\n{100 * share:.0f} %"
            panel.text(col, row, said, ha="center", va="center", color="white" if share > 0.6 else "black", fontsize=10)
        panel.grid(False)
        names = [textwrap.fill(name, 14) for name in one.classes]
        panel.set_xticks(range(len(names)), names, fontsize=9)
        panel.set_yticks(
            range(len(names)), [f"{name}\n(n = {int(own.sum())})" for name, own in zip(names, counts, strict=True)], fontsize=9
        )
        panel.set(title=f"{one.set}, by the {one.by.removeprefix('classes, ')}", xlabel="called", ylabel="true")
    return canvas

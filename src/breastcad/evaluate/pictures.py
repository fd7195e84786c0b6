"""ROC, reliability and free-response curves of a run as PNG: light ground, colours that colour-blind readers tell apart, and line
styles and markers that survive grey print. What is drawn is recomputed from the run's tables.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from sklearn.metrics import roc_curve

from breastcad.core.files import write_bytes
from breastcad.evaluate.calibration import reliability
from breastcad.evaluate.figures import Figure
from breastcad.evaluate.froc import froc_curve
from breastcad.evaluate.mark_figures import froc_ratings, marked_images
from breastcad.evaluate.run_figures import FALSE_MARK_RATES
from breastcad.evaluate.run_tables import RunTables, Sample, read_run
from breastcad.evaluate.scopes import ABNORMAL, MALIGNANT, MALIGNANT_OR_BENIGN, Question

# Okabe and Ito's palette without its yellow, which is too pale for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#777777"


def write_pictures(run: str | Path, out: str | Path, title: str, figures: Sequence[Figure]) -> list[Path]:
    """Draw roc.png, reliability.png and froc.png, each where the run has what it shows.

    Parameters
    ----------
    run : str or Path
        The run folder.
    out : str or Path
        The folder to write to.
    title : str
        Names the data and the run; stands over each picture.
    figures : sequence of Figure
        As `run_figures.figures` gives them; the legends take values and intervals from them, and the level.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ReadError, InputError
        As `run_tables.read_run` does.
    """
    tables = read_run(run, level=figures[0].level if figures else "image")
    known = {(figure.name, figure.set): figure for figure in figures}
    written = []
    for name, canvas in (("roc", _roc(tables, known)), ("reliability", _reliability(tables, known)), ("froc", _froc(tables, known))):
        if canvas is not None:
            images = len({(sample.set, sample.id) for sample in tables.samples})
            canvas.suptitle(f"{title}\ntest part of all folds, {images} {tables.level}s", fontsize=11)
            stream = io.BytesIO()
            canvas.savefig(stream, format="png", dpi=150, bbox_inches="tight", pad_inches=0.15, metadata={"Software": "breastcad"})
            write_bytes(Path(out) / f"{name}.png", stream.getvalue())
            written.append(Path(out) / f"{name}.png")
    return written


Known = dict[tuple[str, str], Figure]


def _panels(count: int) -> tuple[Canvas, list[Axes]]:
    canvas = Canvas(figsize=(5.6 * count, 6.0), facecolor="white")
    canvas.subplots_adjust(top=0.86, wspace=0.25)
    panels = list(np.atleast_1d(canvas.subplots(1, count)))
    for panel in panels:
        panel.grid(True, color="#DDDDDD", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.set_box_aspect(1)
        panel.spines[["top", "right"]].set_visible(False)
    return canvas, panels


def _below(panel: Axes) -> None:
    """Put the legend below the panel, where it hides nothing."""
    panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=8, frameon=False)


def _line(number: int) -> dict[str, Any]:
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": STYLES[number % len(STYLES)]}


def _drawn(figures: Sequence[Figure]) -> list[Figure]:
    """Leave out what is over all sets, where the sets have curves of their own."""
    return [figure for figure in figures if figure.set != "all"]


def _asked(run: RunTables, question: Question, set_name: str) -> list[Sample]:
    return [s for s in run.samples if s.set == set_name and s.label in question.labels and question.of in s.probability]


def _sets_with(known: Known, name: str) -> list[Figure]:
    return [figure for (figure_name, _), figure in known.items() if figure_name == name]


def _legend(figure: Figure, what: str) -> str:
    positives = "" if figure.positives is None else f", {figure.positives} positive"
    return f"{figure.set}: {what} {figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}], n = {figure.n}{positives}"


def _roc(run: RunTables, known: Known) -> Canvas | None:
    asked = [(question, _sets_with(known, f"auc {question.name}")) for question in (MALIGNANT_OR_BENIGN, ABNORMAL)]
    asked = [(question, drawn) for question, drawn in asked if drawn]
    if not asked:
        return None
    canvas, panels = _panels(len(asked))
    for panel, (question, drawn) in zip(panels, asked, strict=True):
        panel.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        for number, figure in enumerate(_drawn(drawn)):
            samples = _asked(run, question, figure.set)
            truth = [sample.label in question.positive for sample in samples]
            false, true, _ = roc_curve(truth, [sample.probability[question.of] for sample in samples], drop_intermediate=False)
            panel.plot(false, true, linewidth=1.8, label=_legend(figure, "AUC"), **_line(number))
        panel.set(title=question.name, xlabel="1 - specificity", ylabel="sensitivity")
        panel.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        _below(panel)
    return canvas


def _reliability(run: RunTables, known: Known) -> Canvas | None:
    asked = [(question, _sets_with(known, f"calibration error {question.of}")) for question in (MALIGNANT, ABNORMAL)]
    asked = [(question, drawn) for question, drawn in asked if drawn]
    if not asked:
        return None
    canvas, panels = _panels(len(asked))
    for panel, (question, drawn) in zip(panels, asked, strict=True):
        panel.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        for number, figure in enumerate(_drawn(drawn)):
            samples = _asked(run, question, figure.set)
            bins = reliability([s.label in question.positive for s in samples], [s.probability[question.of] for s in samples])
            stated, observed = [one.probability for one in bins], [one.frequency for one in bins]
            marker = MARKERS[number % len(MARKERS)]
            panel.plot(stated, observed, marker=marker, markersize=5, label=_legend(figure, "error"), **_line(number))
        panel.set(xlabel=f"stated probability of {question.of}", ylabel=f"share that is {question.of}")
        panel.set(title=f"{question.of}, ten bins of equal size", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        _below(panel)
    return canvas


def _froc(run: RunTables, known: Known) -> Canvas | None:
    drawn = _sets_with(known, f"lesions found at {FALSE_MARK_RATES[2]:g} false marks an image")
    if not drawn:
        return None
    canvas, (panel,) = _panels(1)
    end = 0.0
    for number, figure in enumerate(_drawn(drawn)):
        curve = froc_curve(froc_ratings(marked_images(run, figure.set))[0])
        label = f"{figure.set}: {curve.lesions} lesions, {figure.n} images; {figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}] at 1"
        panel.step([0, *curve.nlf], [0, *curve.llf], where="post", linewidth=1.8, label=label, **_line(number))
        end = max(end, float(curve.nlf[-1]) if curve.nlf.size else 0.0)
    panel.set(
        title="lesions found, no curve beyond its last mark", xlabel="false marks an image (all images)", ylabel="share of lesions found"
    )
    panel.set(xlim=(0, min(4.0, max(end, 1.0))), ylim=(0, 1.01))
    _below(panel)
    return canvas

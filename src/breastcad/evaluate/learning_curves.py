"""Learning curves: what log.csv says of each epoch, drawn."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from breastcad.core.errors import ReadError
from breastcad.evaluate.drawing import legend_below, line, new_panels, save

CURVES = ("loss", "accuracy", "precision", "f1", "sensitivity", "specificity", "auc", "auc_malignant", "auc_abnormal", "dice", "score")
MOST_PANELS = 6
Told = dict[tuple[str, str], list[dict[int, float]]]


def learning_curves(run: str | Path, out: str | Path, title: str) -> list[Path]:
    """Draw curves.png of a run's log.csv: a panel a quantity, training and validation apart, each training thin, their mean thick.

    The mean goes as far as all trainings (folds, repeats, members) do.

    Parameters
    ----------
    run : str or Path
        The run folder.
    out : str or Path
        The folder to write to.
    title : str

    Returns
    -------
    list of Path
        The file written; none where the run has no log.csv, or it has no quantity of `CURVES`.

    Raises
    ------
    ReadError
        If log.csv has a cell that is no number, or lacks the epoch or part.
    """
    path = Path(run) / "log.csv"
    told = _told(path) if path.is_file() else {}
    names = [name for name in CURVES if any(name == said for said, _ in told)][:MOST_PANELS]
    if not names:
        return []
    canvas, panels = new_panels(len(names), a_row=3)
    for panel, name in zip(panels, names, strict=True):
        _draw(panel, name, told)
    save(canvas, Path(out) / "curves.png", f"{title}\nlearning curves; thin: one training (a fold, repeat, member)")
    return [Path(out) / "curves.png"]


def _draw(panel: Axes, name: str, told: Told) -> None:
    for number, part in enumerate(("train", "validation")):
        trainings = told.get((name, part), [])
        for epochs in trainings if len(trainings) > 1 else ():
            panel.plot(list(epochs), list(epochs.values()), linewidth=0.7, alpha=0.5, **line(number))
        reached = sorted(set.intersection(*(set(epochs) for epochs in trainings))) if trainings else []
        if reached:
            mean = [float(np.mean([epochs[epoch] for epochs in trainings])) for epoch in reached]
            label = f"{part}, mean of {len(trainings)}" if len(trainings) > 1 else part
            panel.plot(reached, mean, linewidth=2.2, label=label, **line(number))
    panel.set(title=name.replace("_", " ").replace("auc", "AUC").replace("f1", "F1"), xlabel="epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(panel)


def _told(path: Path) -> Told:
    """Return of each quantity and part the values by epoch (from 1) of each training; of an epoch that was run twice the later."""
    found: dict[tuple[str, str], dict[tuple[str | None, ...], dict[int, float]]] = {}
    with open(path, newline="", encoding="utf-8") as stream:
        for number, row in enumerate(csv.DictReader(stream), start=2):
            training = tuple(row.get(column) for column in ("repeat", "fold", "member"))
            try:
                for name in CURVES:
                    if row.get(name):
                        found.setdefault((name, row["part"]), {}).setdefault(training, {})[int(row["epoch"]) + 1] = float(row[name])
            except (KeyError, ValueError) as error:
                raise ReadError(path, f"line {number} cannot be read ({type(error).__name__}: {error})") from error
    return {key: [dict(sorted(epochs.items())) for epochs in trainings.values()] for key, trainings in found.items()}

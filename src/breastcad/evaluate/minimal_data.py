"""How many women are enough: the AUC of runs against how many women each fold of theirs trained on (publication D's minimal-data curve).

``python -m breastcad.evaluate.minimal_data RUN... --out FOLDER`` prints the table and draws the picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breastcad.core.errors import InputError
from breastcad.core.files import output_folder, read_json, read_split, read_yaml, write_text
from breastcad.evaluate.drawing import MARKERS, legend_below, line, new_panels, save
from breastcad.evaluate.figures import Figure, read_metrics

QUESTION = "auc malignant against benign"
QUESTIONS = (QUESTION, "auc malignant against the rest")
LEVELS = ("image", "breast", "patient")
IN_WORDS = {"image": "film", "breast": "breast", "patient": "woman"}
NOTE = (
    "Women: of a fold's training part, the mean over folds; validation and test are the same in all runs. Interval: 95 %, over groups of"
    " women. Research use only."
)


@dataclass(frozen=True, slots=True)
class Point:
    """A run: its name, how many women a fold of it trained on (the mean over folds), whether that was shortened, and its AUC by level."""

    name: str
    women: float
    shortened: bool
    figures: dict[str, Figure]


def minimal_data(runs: Sequence[str | Path]) -> list[Point]:
    """Return runs of films by how many women they trained on, the fewest first.

    Parameters
    ----------
    runs : sequence of str or Path
        Evaluated runs on one split, alike but for the setting ``women``.

    Raises
    ------
    InputError
        If one is no run of films, has not been evaluated, was tested on other films than the first, or differs in another setting.
    """
    read = [_read(Path(run)) for run in runs]
    _check_alike(read)
    held_out = [_held_out(Path(run)) for run in runs]
    for (point, _), own in zip(read, held_out, strict=True):
        if own != held_out[0]:
            first = read[0][0].name
            raise InputError(f"'{first}' and '{point.name}' validate or test on other films (split.csv); compare runs on one split")
    return sorted((point for point, _ in read), key=lambda point: point.women)


def _read(run: Path) -> tuple[Point, dict[str, object]]:
    if not all((run / name).is_file() for name in ("metrics.json", "folds.json", "settings.yaml", "split.csv")):
        raise InputError(f"'{run}' has no figures; train it to its end, and call breastcad evaluate {run}")
    settings, folds = read_yaml(run / "settings.yaml"), read_json(run / "folds.json")
    if settings.get("task") != "film":
        raise InputError(f"'{run}' is no run of whole films, of which alone it is known how many women train")
    asked = [one for one in read_metrics(run / "metrics.json")[1] if one.name in QUESTIONS and "/" not in one.set]
    asked.sort(key=lambda one: (-QUESTIONS.index(one.name), one.set == "all"))  # of a level the last is taken
    found = {one.level: one for one in asked}
    if not found:
        raise InputError(f"'{run}' has no figure '{QUESTION}', nor one of malignant against the rest")
    women = sum(fold["women"] for fold in folds) / len(folds)
    return Point(run.resolve().name, women, bool(settings.get("shortened")), found), settings


def _held_out(run: Path) -> set[tuple[object, ...]]:
    """Return the films that each fold validates and tests on."""
    return {(row.set, row.id, row.repeat, row.outer, row.inner, row.part) for row in read_split(run) if row.part != "train"}


def _check_alike(read: Sequence[tuple[Point, dict[str, object]]]) -> None:
    """Refuse runs that differ in more than how many women train: InputError."""
    first, first_settings = read[0]
    for point, settings in read[1:]:
        other = next(
            (
                name
                for name in sorted({*settings, *first_settings} - {"women", "model_id"})
                if first_settings.get(name) != settings.get(name)
            ),
            None,
        )
        if other is not None:
            raise InputError(
                f"'{first.name}' and '{point.name}' differ in the setting '{other}'; compare runs that differ in 'women' alone"
            )
        for level, figure in point.figures.items():
            same = first.figures.get(level)
            if same is None or (same.n, same.positives, same.set, same.name) != (figure.n, figure.positives, figure.set, figure.name):
                raise InputError(f"'{first.name}' and '{point.name}' were not tested on the same films; compare runs on one split")


def table(points: Sequence[Point]) -> str:
    """Return the curve as Markdown: a row a run, its AUC by film, breast and woman with interval and n."""
    levels = [level for level in LEVELS if any(level in point.figures for point in points)]
    head = ["run", "women a fold trains on", *(f"AUC by {IN_WORDS[level]}" for level in levels)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for point in points:
        said = [_cell(point.figures.get(level)) for level in levels]
        lines.append("| " + " | ".join([point.name + (", shortened" if point.shortened else ""), f"{point.women:.4g}", *said]) + " |")
    return "\n".join([*lines, "", NOTE]) + "\n"


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}], n {figure.n:,} ({figure.positives:,} positive)"


def draw(points: Sequence[Point], path: str | Path, title: str) -> None:
    """Draw AUC against women, a panel, a line a level with its intervals, into a PNG.

    Parameters
    ----------
    points : sequence of Point
    path : str or Path
    title : str
        What was trained and tested; ``shortened`` is added where it was.
    """
    canvas, (panel,) = new_panels(1)
    levels = [level for level in LEVELS if any(level in point.figures for point in points)]
    for number, level in enumerate(levels):
        own = [(point.women, point.figures[level]) for point in points if level in point.figures]
        women = [count * (1 + 0.06 * (number - (len(levels) - 1) / 2)) for count, _ in own]  # side by side, so that whiskers are seen
        values = [figure.value for _, figure in own]
        whiskers = [[f.value - f.low for _, f in own], [f.high - f.value for _, f in own]]
        style = line(number)
        panel.errorbar(women, values, yerr=whiskers, marker=MARKERS[number], markersize=5, capsize=3, elinewidth=0.9, linewidth=1.8,
                       label=f"by {IN_WORDS[level]}, n {own[0][1].n:,}", **style)  # fmt: skip
    panel.set_xscale("log")
    ticks = sorted({point.women for point in points})
    panel.set_xticks(ticks, [f"{count:.4g}" for count in ticks])
    panel.minorticks_off()
    panel.axhline(0.5, color="#777777", linewidth=0.8, linestyle=":")
    panel.set(xlabel="women that a fold trains on (log scale)", ylabel="AUC, 95 % over groups of women")
    legend_below(panel)
    cut = "; shortened training" if any(point.shortened for point in points) else ""
    save(canvas, Path(path), f"{title}{cut}\n{next(iter(points[0].figures.values())).name.replace('auc', 'AUC')}. Research use only")


def main(words: Sequence[str] | None = None) -> None:
    """Print the table; with ``--out`` write it and the picture there."""
    parser = argparse.ArgumentParser(prog="python -m breastcad.evaluate.minimal_data", description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--out", metavar="FOLDER")
    given = parser.parse_args(words)
    points = minimal_data(given.runs)
    text = table(points)
    print(text, end="")
    if given.out:
        folder = output_folder(given.out, overwrite=False)
        write_text(folder / "minimal-data.md", text)
        draw(points, folder / "minimal-data.png", read_metrics(Path(given.runs[0]) / "metrics.json")[0])


if __name__ == "__main__":
    main()

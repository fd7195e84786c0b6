"""What of a classifier's figures is printed: the few that one reads first, and a line a class; metrics.json holds all."""

from __future__ import annotations

from collections.abc import Sequence

from breastcad.evaluate.class_figures import HIGHEST, PER_CLASS, Confusion
from breastcad.evaluate.figures import Figure

SHOWN = (
    "auc ",
    "average precision ",
    "sensitivity at specificity ",
    "brier ",
    "calibration error ",
    "calibration slope ",
)
SHOWN_DECISIONS = ("accuracy ", "balanced accuracy ", "sensitivity ", "specificity ", "f1 ", "macro f1 ", "mcc ", "ppv ", "npv at ")


def shown(figures: Sequence[Figure]) -> list[Figure]:
    """Return the figures that are printed, in their order: areas, calibration, decisions by the highest probability."""
    return [
        one
        for one in figures
        if (one.name.startswith(SHOWN) and "mean of folds" not in one.name)
        or (one.name.startswith(SHOWN_DECISIONS) and one.name.endswith((HIGHEST, "classes")))
    ]


def classes_table(figures: Sequence[Figure]) -> str:
    """Return precision, recall and F1 of each class as a Markdown table; empty where there are none.

    Parameters
    ----------
    figures : sequence of Figure
        Those of `class_figures.class_figures`.
    """
    found: dict[tuple[str, str, str], dict[str, Figure]] = {}
    for one in figures:
        rate, _, name = one.name.partition(" of ")
        if rate in PER_CLASS:
            found.setdefault((one.level, one.set, name), {})[rate] = one
    if not found:
        return ""
    lines = ["| class | set | level | precision | recall | F1 | n | groups |", "|---|---|---|---|---|---|---:|---:|"]
    for (level, set_name, name), own in found.items():
        one = next(iter(own.values()))
        numbers = " | ".join(_number(own.get(rate)) for rate in PER_CLASS)
        lines.append(f"| {name} | {set_name} | {level} | {numbers} | {one.positives} | {one.clusters} |")
    note = "By the highest probability. n: samples of the class; none: nothing was called the class, so there is no precision."
    return "\n".join([*lines, "", note]) + "\n"


def _number(figure: Figure | None) -> str:
    return "none" if figure is None else f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def confusion_table(confusion: Confusion) -> str:
    """Return confusion counts as a Markdown table: a line a true class, a column for what it was called.

    Examples
    --------
    >>> print(confusion_table(Confusion("busi", "image", "classes", ["benign", "malignant"], [[8, 2], [1, 9]])))
    | busi, image: classes | called benign | called malignant |
    |---|---:|---:|
    | benign | 8 | 2 |
    | malignant | 1 | 9 |
    <BLANKLINE>
    """
    head = " | ".join(f"called {name}" for name in confusion.classes)
    lines = [f"| {confusion.set}, {confusion.level}: {confusion.by} | {head} |", "|---|" + "---:|" * len(confusion.classes)]
    lines += [f"| {name} | {' | '.join(map(str, row))} |" for name, row in zip(confusion.classes, confusion.counts, strict=True)]
    return "\n".join(lines) + "\n"

"""What of a classifier's figures is printed: a line a question, set and level, and a line a class; metrics.json holds all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from breastcad.evaluate.class_figures import HIGHEST, PER_CLASS, QUESTIONS, Confusion
from breastcad.evaluate.figures import LEVELS_NOTE, Figure

RANKING = {
    "AUC": "auc {}",
    "average precision": "average precision {}",
    "partial AUC": "partial auc {}",
    "Brier": "brier {}",
    "calibration error": "calibration error {}",
    "slope": "calibration slope {}",
}
DECISIONS = {
    "accuracy": "accuracy {}, " + HIGHEST,
    "balanced": "balanced accuracy {}, " + HIGHEST,
    "sensitivity": "sensitivity {}, " + HIGHEST,
    "specificity": "specificity {}, " + HIGHEST,
    "precision": "precision {}, " + HIGHEST,
    "F1": "f1 {}, " + HIGHEST,
    "MCC": "mcc {}, " + HIGHEST,
}
CLASSES_NOTE = (
    "By the highest probability (classes finer or coarser than labels: raw score). n: samples of the class, of all; groups: of all."
    " None: nothing was called so: no precision."
)


def class_tables(figures: Sequence[Figure], confusions: Sequence[Confusion]) -> str:
    """Return what is printed of a classifier's figures, in Markdown: how it ranks, what it decides by the highest probability, its classes.

    Confusion counts are printed of three classes and more; of two, the other tables say all.

    Parameters
    ----------
    figures : sequence of Figure
        Those of `class_figures.class_figures`.
    confusions : sequence of Confusion
    """
    at = sorted({one.name.split(" at specificity ")[1].split()[0] for one in figures if " at specificity " in one.name})
    ranking = RANKING | {f"sensitivity at specificity {share}": f"sensitivity at specificity {share} {{}}" for share in at}
    fitted = sorted({one.name.split()[3] for one in figures if one.name.startswith("ppv at prevalence ")})
    valued = [(which, share) for share in fitted for which in ("PPV", "NPV")]
    decisions = DECISIONS | {f"{which} at {share}": f"{which.lower()} at prevalence {share} {{}}, {HIGHEST}" for which, share in valued}
    note = LEVELS_NOTE + (" –: all resamples agree, which says nothing." if any(one.low == one.high for one in figures) else "")
    parts = [_wide(figures, ranking), _wide(figures, decisions), note, "", _classes(figures)]
    parts += [confusion_table(one) for one in confusions if one.by.startswith("classes") and one.set != "all" and len(one.classes) > 2]
    return "\n".join(parts)


def _wide(figures: Sequence[Figure], columns: dict[str, str]) -> str:
    """Return a line a question, set and level."""
    found: dict[tuple[str, str, str], dict[str, Figure]] = {}
    for question in QUESTIONS:
        wanted = {pattern.format(question.name): column for column, pattern in columns.items()}
        for one in figures:
            if one.name in wanted:
                found.setdefault((one.level, one.set, question.name), {})[wanted[one.name]] = one
    return _table("question", columns, found, lambda own: str(own.n))


def _classes(figures: Sequence[Figure]) -> str:
    found: dict[tuple[str, str, str], dict[str, Figure]] = {}
    for one in figures:
        rate, _, name = one.name.partition(" of ")
        if rate in PER_CLASS:
            found.setdefault((one.level, one.set, name), {})[rate] = one
    return (
        _table("class", {rate: "" for rate in PER_CLASS}, found, lambda own: f"{own.positives} of {own.n}") + f"{CLASSES_NOTE}\n"
        if found
        else ""
    )


def _table(head: str, columns: dict[str, str], found: dict[tuple[str, str, str], dict[str, Figure]], n: Callable[[Figure], str]) -> str:
    lines = [f"| {head} | set | level | n | groups | {' | '.join(columns)} |", "|---|---|---|---:|---:|" + "---|" * len(columns)]
    for (level, set_name, name), own in found.items():
        first = next(iter(own.values()))
        numbers = " | ".join(_number(own.get(column)) for column in columns)
        lines.append(f"| {name} | {set_name} | {level} | {n(first)} | {first.clusters} | {numbers} |")
    return "\n".join(lines) + "\n"


def _number(figure: Figure | None) -> str:
    if figure is None:
        return "none"
    return f"{figure.value:.3f} ({f'{figure.low:.3f} to {figure.high:.3f}' if figure.low < figure.high else '–'})"


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

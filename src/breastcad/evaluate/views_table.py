"""What `views` measured, as Markdown: one table of films and breasts, one of women, one of what a second view gains."""

from __future__ import annotations

from collections.abc import Sequence

from breastcad.evaluate.aggregation import RULES
from breastcad.evaluate.figures import LEVELS_NOTE, Figure, title_of
from breastcad.evaluate.views import LEARNED, Gain, ViewsFound

GAIN_NOTE = (
    "AUC of CC and MLO joined by the rule, less that of the one view, on the breasts that have both. Interval: 95 %, over groups. p:"
    " Obuchowski's for clustered samples, two-sided, not adjusted for the number of rows. Of the five rules the best was not chosen"
    " beforehand: the best row of a table flatters."
)


def views_text(title: str, found: ViewsFound, remarks: Sequence[str] = ()) -> str:
    """Return Markdown: a section a question, of films and breasts, women, gains; what was left out stands at the end.

    Parameters
    ----------
    title : str
        Names the run.
    found : ViewsFound
    remarks : sequence of str
        What the figures must not be quoted without.
    """
    lines = [f"# Views combined: {title}", "", *title_of(remarks)]
    for question in dict.fromkeys(figure.name.split(",")[0].removeprefix("auc ") for figure in found.figures):
        own = [figure for figure in found.figures if figure.name.split(",")[0] == f"auc {question}"]
        lines += [f"## {question[:1].upper()}{question[1:]}", "", *_levels(own), "", *_women(own)]
        lines += _gains([gain for gain in found.gains if gain.question == question])
    lines += [f"Left out: {sentence}." for sentence in found.left_out]
    return "\n".join([*lines, LEVELS_NOTE]) + "\n"


def _levels(figures: Sequence[Figure]) -> list[str]:
    lines = ["| AUC of | rule | set | value | interval | n | positive | groups |", "|---|---|---|---:|---|---:|---:|---:|"]
    for one in figures:
        if one.level != "patient":
            rule, level = one.name.partition(", ")[2], {"image": "films", "breast": "breasts"}[one.level]
            interval = f"{one.low:.3f} to {one.high:.3f}"
            counts = f"{one.n} | {one.positives} | {one.clusters}"
            lines.append(f"| {level} | {rule or '(each alone)'} | {one.set} | {one.value:.3f} | {interval} | {counts} |")
    return lines


def _women(figures: Sequence[Figure]) -> list[str]:
    """Return a table a set: the rule from films to breasts down, the one from breasts to women across."""
    lines: list[str] = []
    for name in dict.fromkeys(figure.set for figure in figures if figure.level == "patient"):
        own = {figure.name.partition(", ")[2]: figure for figure in figures if figure.level == "patient" and figure.set == name}
        any_one = next(iter(own.values()))
        lines += [
            f"Women of {name}, n {any_one.n}, positive {any_one.positives}: AUC (interval)", "",
            f"| films to breast | breasts to woman: {' | '.join(RULES)} |", "|---|" + "---|" * len(RULES),
        ]  # fmt: skip
        for rule in (*RULES, LEARNED):
            lines.append(f"| {rule} | " + " | ".join(_cell(own.get(f"{rule}, then {woman}")) for woman in RULES) + " |")
        lines += ["", f"Women of {name}, learned from all her films at once: {_cell(own.get(LEARNED))}", ""]
    return lines


def _cell(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def _gains(gains: Sequence[Gain]) -> list[str]:
    if not gains:
        return []
    lines = [
        "| CC and MLO by | against | set | n | positive | groups | joined | alone | gain | interval | p |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---|---:|",
    ]
    for one in gains:
        p = "" if one.p is None else "< 0.0001" if one.p < 1e-4 else f"{one.p:.4f}"
        lines.append(
            f"| {one.rule} | {one.alone} | {one.set} | {one.n} | {one.positives} | {one.groups} | {one.joined_auc:.3f}"
            f" | {one.alone_auc:.3f} | {one.difference:+.3f} | {one.low:+.3f} to {one.high:+.3f} | {p} |"
        )
    return [*lines, "", GAIN_NOTE, ""]

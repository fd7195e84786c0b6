"""The publications' tables with our figures beside the reported ones, as Markdown. Figures are those of each run's metrics.json."""

from __future__ import annotations

from collections.abc import Sequence

from breastcad.evaluate.figures import Figure
from breastcad.evaluate.run_tables import ORIGINALS
from breastcad.recipes.recipe import Recipe, Reported, as_printed
from breastcad.recipes.runs import BY, WINDOWS, RecipeRun

LEVELS = ("image", "breast", "patient")
NOTE = (
    "Reported: as the publication printed it. Ours: test windows, or whole films, of all folds pooled, 95 % interval over patient groups in"
    " brackets; hard decisions by the highest probability, as the publications make them. By image, breast and patient: malignant against"
    " benign, by the probability of a lesion where windows were asked for lesions alone."
)
Column = tuple[RecipeRun, str]
"""A run, and the set (or all) that its figures are over."""


def compared(runs: Sequence[RecipeRun]) -> str:
    """Return the tables of all runs, recipe by recipe.

    Parameters
    ----------
    runs : sequence of RecipeRun
        At least one.

    Returns
    -------
    str
        Markdown; ends with a line break.
    """
    parts = ["# Reported, and ours", NOTE]
    for one in dict.fromkeys(run.recipe.key for run in runs):
        parts += _recipe([run for run in runs if run.recipe.key == one])
    return "\n\n".join(parts) + "\n"


def _recipe(runs: Sequence[RecipeRun]) -> list[str]:
    """Return the section of one recipe: a table a network of the publication, its levels, what is to be said."""
    recipe = runs[0].recipe
    parts = [f"## {recipe.key}: {recipe.title}", f"Publication {recipe.publication}: {recipe.source}."]
    for network in dict.fromkeys(run.held_against for run in runs):
        own = sorted((run for run in runs if run.held_against == network), key=lambda run: (run.made.split != "published", run.made.split))
        columns = [(run, set_name) for run in own for set_name in run.sets]
        reported = [one for one in recipe.reported if one.network == network]
        parts.append(_table(recipe, network, reported, columns))
    parts += [f"Data: {'; '.join(dict.fromkeys(run.made.data for run in runs))}."]
    if recipe.printed:
        parts.append("\n".join(f"- *{name}*, as printed: {meaning}." for name, meaning in recipe.printed.items()))
    return [*parts, "\n".join(f"- {remark}" for remark in recipe.remarks)]


def _table(recipe: Recipe, network: str, reported: Sequence[Reported], columns: Sequence[Column]) -> str:
    """Return the table of one network: a column a reported table, a column a run; figures first, then what they are of."""
    names = list(dict.fromkeys(name for one in reported for name in one.figures)) or ["accuracy", "sensitivity", "specificity"]
    head = ["figure", *(f"reported, {network}: {one.of}" for one in reported), *(_name(column) for column in columns)]
    rows, empty = [], ["" for _ in reported]
    for name in names:
        told = [as_printed(one.figures[name]) if name in one.figures else "" for one in reported]
        ours = [cell(run.figure(figure_name(recipe, name, run.question), set_name)) for run, set_name in columns]
        rows.append([_row_name(recipe, name), *told, *ours])
        plain = [cell(run.figure(f"{name} {run.question}, {BY}", set_name)) for run, set_name in columns]
        rows += [[f"{name}, of the positive class", *empty, *plain]] if name in recipe.ours and any(plain) else []
    if "auc" not in names or "auc" in recipe.ours:
        area = [cell(run.figure(f"auc {run.question}", set_name)) for run, set_name in columns]
        rows.append(["AUC (area under the ROC curve)", *empty, *area])
    for said, name in (("AUC", "auc {}"), ("accuracy", f"accuracy {{}}, {BY}")):
        told = [cell(run.figure(name.format(run.question), set_name, ORIGINALS)) for run, set_name in columns]
        rows += [[f"{said}, original windows only", *empty, *told]] if any(told) else []
    for level in LEVELS:
        told = [cell(run.of_wholes(set_name, level)) for run, set_name in columns]
        rows += [[f"AUC malignant against benign, by {level}", *empty, *told]] if any(told) else []
    rows += [[name, *empty, *(say(run, set_name) for run, set_name in columns)] for name, say in _FACTS.items()]
    lines = [_line(head), "|" + "---|" * len(head), *map(_line, rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "/") for text in cells) + " |"


def _name(column: Column) -> str:
    run, set_name = column
    parts = [
        f"ours, {run.made.network}{other_weights(run)}",
        "parted as published" if run.made.split == "published" else f"split {run.made.split}",
    ]
    parts += [f"tested on {set_name}"] if run.made.split == "leave-one-set-out" else []
    return ("MADE-UP DATA, no result: " if run.made.made_up else "") + ", ".join(parts)


def _row_name(recipe: Recipe, name: str) -> str:
    ours = recipe.ours.get(name)
    return f"{name}, as printed ({ours})" if ours else name


def figure_name(recipe: Recipe, printed: str, question: str) -> str:
    """Return the name in metrics.json of what a publication prints under a name.

    Examples
    --------
    >>> from breastcad.recipes.recipe import recipe
    >>> figure_name(recipe("a3"), "auc", "lesion against none")
    'balanced accuracy lesion against none, highest probability'
    >>> figure_name(recipe("e5-us"), "accuracy benign", ""), figure_name(recipe("b"), "auc", "malignant against benign")
    ('recall of benign', 'auc malignant against benign')
    """
    name = recipe.ours.get(printed, printed)
    rate, _, of = name.rpartition(" ")
    if of in ("benign", "malignant", "normal"):
        return f"{rate} of {of}"
    return f"{name} {question}" if name == "auc" else f"{name} {question}, {BY}"


def cell(figure: Figure | None) -> str:
    """Return a figure with its interval, as a table has it; nothing where there is none.

    Examples
    --------
    >>> cell(Figure("auc", "s", "test", "patch", 0.71234, 0.65, 0.77, 9, 3, 5, "")), cell(None)
    ('0.712 [0.650, 0.770]', '')
    """
    return "" if figure is None else f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def _counted(run: RecipeRun, set_name: str) -> str:
    figure = run.figure(f"auc {run.question}", set_name) or next(
        (one for one in run.figures if one.level == run.level and one.set == set_name), None
    )
    if figure is None:
        return ""
    positives = "" if figure.positives is None else f", {figure.positives:,} positive"
    what = "windows and copies" if run.made.split == "published" and run.settings.copies > 1 else "windows"
    what = what if run.level == WINDOWS else "films"
    return f"{figure.n:,} {what}{positives}; {figure.clusters:,} patient groups"


def weights_in_words(run: RecipeRun) -> str:
    """Return what a run's network started from, and the publication's where that is something else."""
    words = {"imagenet": "ImageNet", "none": "none (from scratch)", "file": "a file"}
    own, theirs = run.made.weights, run.recipe.settings(run.held_against, run.made.split).weights
    return words[own] + (f"; the publication's: {words.get(theirs, theirs)}" if own != theirs else "")


def other_weights(run: RecipeRun) -> str:
    """Return, to be put behind a network's name, what it started from where that is not what the publication's started from."""
    theirs = run.recipe.settings(run.held_against, run.made.split).weights
    words = {"imagenet": " from ImageNet", "none": " from scratch", "file": " from a file"}
    return "" if run.made.weights == theirs else words[run.made.weights]


def length_in_words(run: RecipeRun) -> str:
    """Return how many epochs were trained, and whether that is shortened."""
    each = run.epochs / max(1, run.folds * run.settings.members)
    return f"{each:.3g} epoch{'s' * (each != 1)} a network" + (", **shortened**" if run.settings.shortened else "")


def split_in_words(run: RecipeRun) -> str:
    """Return how a run was parted, and whether that leaks."""
    how = "windows parted as published" if run.made.split == "published" else run.made.split
    return how + (", **leaks**" if run.leaks else "")


def minutes_in_words(run: RecipeRun) -> str:
    """Return how long a run's epochs took."""
    return f"{run.minutes:,.1f}" if run.minutes < 10 else f"{run.minutes:,.0f}"


def changes_in_words(run: RecipeRun) -> str:
    """Return the settings that were given, beside the recipe's."""
    return ", ".join(f"{name}={value}" for name, value in (run.made.changes | run.made.patch_changes).items())


_FACTS = {
    "question": lambda run, _: run.question,
    "n": _counted,
    "split": lambda run, _: split_in_words(run),
    "folds, seeds": lambda run, _: f"{run.folds}, {run.seeds}",
    "weights": lambda run, _: weights_in_words(run),
    "length": lambda run, _: length_in_words(run),
    "changed": lambda run, _: changes_in_words(run),
    "minutes of training": lambda run, _: minutes_in_words(run),
}

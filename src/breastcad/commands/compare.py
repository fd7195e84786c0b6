"""``breastcad compare``: the publications' tables with our figures beside the reported ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from breastcad.commands.options import Overwrite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from breastcad.recipes.runs import RecipeRun

Runs = Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs that `breastcad reproduce` made, of one recipe or several.")]
OutFolder = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", help="Write compare.md, ROC curves and bars there; without it, only print.")
]


def command(runs: Runs, out: OutFolder = None, overwrite: Overwrite = False) -> None:
    """Print what publications reported and what runs of their recipes gave, in one table a network, with the remarks beneath.

    A run that was shortened, that started from other weights, or whose split leaks, says so in its column.
    """
    from breastcad.core.errors import InputError
    from breastcad.core.files import output_folder, write_text
    from breastcad.recipes.compared import compared
    from breastcad.recipes.runs import read_recipe_run

    if len({folder.resolve() for folder in runs}) < len(runs):
        raise InputError("a run is named twice; name each once")
    read = [read_recipe_run(folder) for folder in runs]
    text = compared(read)
    typer.echo(text, nl=False)
    if out is not None:
        output_folder(out, overwrite=overwrite)
        pictures = _draw(read, out)
        write_text(out / "compare.md", text + "".join(f"\n![{title}]({name})\n" for name, title in pictures.items()))
        typer.echo(f"Written: {out}")


def _draw(runs: Sequence[RecipeRun], out: Path) -> dict[str, str]:
    """Draw ROC curves, a picture a publication and a panel a recipe, and bars, a picture a recipe; return what each shows, by its name."""
    from breastcad.core.files import write_bytes
    from breastcad.evaluate.pictures import roc_panels
    from breastcad.recipes.listing import headlines
    from breastcad.recipes.pictures import bars, roc_curves

    runs = sorted(runs, key=lambda run: run.made.split != "published")
    of_key = {key: [run for run in runs if run.recipe.key == key] for key in dict.fromkeys(run.recipe.key for run in runs)}
    drawn = {}
    for publication in dict.fromkeys(run.recipe.publication for run in runs):
        of_this = {key: own for key, own in of_key.items() if own[0].recipe.publication == publication}
        asked = {key: {run.question for run in own} for key, own in of_this.items()}
        panels = [(f"{key}: {asked[key].pop()}" if len(asked[key]) == 1 else key, roc_curves(own)) for key, own in of_this.items()]
        made_up = any(run.made.made_up for run in runs if run.recipe.publication == publication)
        if panels := [(title, curves) for title, curves in panels if curves]:
            name = f"roc-{publication.lower()}.png"
            warning = "MADE-UP DATA, no result: " if made_up else ""
            roc_panels(out / name, f"{warning}recipes of publication {publication}, test windows of all folds", panels)
            drawn[name] = f"ROC curves of publication {publication}'s recipes"
    for key, own in of_key.items():
        reported = own[0].recipe.reported
        for figure in headlines(reported[0].figures) if reported else ["accuracy"]:
            if (picture := bars(own, figure)) is not None:
                name = f"bars-{key}-{figure.replace(' ', '-')}.png"
                write_bytes(out / name, picture)
                drawn[name] = f"{figure} of {key}, reported and ours"
    return drawn

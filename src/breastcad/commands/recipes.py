"""``breastcad recipes``: the experiments of the publications that `breastcad reproduce` runs."""

from __future__ import annotations

from typing import Annotated

import typer

from breastcad.commands.saying import say

Key = Annotated[str | None, typer.Argument(metavar="KEY", help="A recipe: all that it says, remarks and all. Without it, the list.")]


def command(key: Key = None) -> None:
    """List the experiments of publications A to E: what each needs, what was reported, what it costs; or show one whole.

    Reported figures are the publications' own. What breastcad got is in RESULTS.md.
    """
    from breastcad.recipes.listing import COLUMNS, listing, whole
    from breastcad.recipes.recipe import recipe

    if key is not None:
        for line in whole(recipe(key)).splitlines():
            say(line)
        return
    rows = [COLUMNS, *listing()]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

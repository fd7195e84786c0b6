"""``breastcad views``: films combined to breasts and women, and what that gains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from breastcad.commands.options import Overwrite

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder, with rows of images in predictions.csv.")]
Collections = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[COLLECTION]...", help="That hold the run's images: they say view, side, woman, and labels of the whole."),
]
OutOrNone = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", help="Write views.md and views.json here; refused if not empty.")
]


def command(run: RunFolder, collections: Collections = None, out: OutOrNone = None, overwrite: Overwrite = False) -> None:
    """Combine a run's films to breasts and women by each rule, and say what two views gain over one.

    Rules: max, mean, noisy-or, mean-logit, and one learned on each fold's validation rows. Films of one view of a breast are joined
    first. Prints AUCs with clustered intervals; nothing in RUN is changed.

    Parameters
    ----------
    run : Path
    collections : list of Path, optional
        Without them only runs whose image rows name their breast can be used, and views are not known.
    out : Path, optional
    overwrite : bool

    Raises
    ------
    InputError
        If there is no such run, or nothing says whose and which breast its images show.
    """
    from dataclasses import asdict

    from breastcad.commands.evaluate import remarks_of
    from breastcad.commands.given import given_collections
    from breastcad.commands.progress import bar
    from breastcad.core.errors import InputError
    from breastcad.core.files import output_folder, write_text
    from breastcad.evaluate.figures import write_metrics
    from breastcad.evaluate.run_tables import read_rows
    from breastcad.evaluate.views import evaluated_views
    from breastcad.evaluate.views_table import views_text

    if not run.is_dir():
        raise InputError(f"no such run folder: '{run}'; breastcad train makes one")
    images = [image for one in given_collections(collections or []) for image in one.images]
    with bar("rules") as update:
        found = evaluated_views(read_rows(run), images, lambda done, total, text: update(done, total, text))
    remarks, title = remarks_of(run), run.resolve().name
    text = views_text(title, found, remarks)
    if out is not None:
        folder = output_folder(out, overwrite=overwrite)
        write_text(folder / "views.md", text)
        gains = [asdict(gain) for gain in found.gains]
        write_metrics(
            folder / "views.json", f"{title}, views combined", found.figures, remarks=remarks, left_out=found.left_out, gains=gains
        )
    typer.echo(text, nl=False)

"""``breastcad evaluate``: figures with intervals from a run's predictions."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from breastcad.commands.options import Overwrite


class Level(StrEnum):
    """What one prediction is about."""

    patch = "patch"
    image = "image"
    breast = "breast"
    patient = "patient"


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder: predictions.csv, and marks.csv with lesions.csv.")]
OutOrRun = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Folder to write to; without it, into RUN itself.")]
OfLevel = Annotated[Level, typer.Option("--level", help="What one prediction is about.")]


def command(run: RunFolder, out: OutOrRun = None, level: OfLevel = Level.image, overwrite: Overwrite = False) -> None:
    """Turn a run's predictions into figures with intervals.

    Writes metrics.json and the pictures roc.png, reliability.png and froc.png, and prints the table.

    Parameters
    ----------
    run : Path
        The run folder.
    out : Path, optional
        Where to write; the run folder, whose own metrics.json is replaced, if not given.
    level : Level
        Which rows of predictions.csv are taken.
    overwrite : bool
        Whether `out` may hold files already.

    Raises
    ------
    InputError
        If there is no such run, its tables cannot be used, or `out` is not empty.
    AnswerNo
        If the predictions allow no figure at all.
    """
    from breastcad.core.errors import AnswerNo, InputError
    from breastcad.core.files import output_folder
    from breastcad.evaluate.figures import figures_table, write_metrics
    from breastcad.evaluate.pictures import write_pictures
    from breastcad.evaluate.run_figures import figures

    if not run.is_dir():
        raise InputError(f"no such run folder: '{run}'; breastcad train makes one")
    found = figures(run, level=level.value)
    if not found:
        raise AnswerNo(f"the predictions of '{run.name}' allow no figure: a class is absent, or all images are of one group")
    folder = run if out is None else output_folder(out, overwrite=overwrite)
    kept = run / "metrics.json"
    remarks = _remarks(run)
    title = _title(kept) or "; ".join([run.resolve().name, *remarks])
    write_metrics(folder / "metrics.json", title, found)
    write_pictures(run, folder, title, found)
    typer.echo(figures_table(found), nl=False)
    for remark in remarks:
        typer.echo(f"! {remark}")


def _title(kept: Path) -> str | None:
    """Return the title of the metrics.json that is there, which a person may have written; None where there is none to be read."""
    from breastcad.core.errors import ReadError
    from breastcad.evaluate.figures import read_metrics

    if not kept.exists():
        return None
    try:
        return read_metrics(kept)[0]
    except ReadError as error:
        typer.echo(f"! {error}; it is made anew, and its title is lost", err=True)
        return None


def _remarks(run: Path) -> list[str]:
    """Return what a figure of a run must not be quoted without: that its split leaks, that its training was shortened."""
    from breastcad.core.files import read_split, read_yaml
    from breastcad.datasets.splits import leaks

    remarks = leaks(read_split(run)) if (run / "split.csv").is_file() else []
    settings = run / "settings.yaml"
    if settings.is_file() and read_yaml(settings).get("shortened"):
        remarks.append("shortened training")
    return remarks

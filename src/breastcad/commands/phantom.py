"""``breastcad phantom``: write a made-up data set in a real set's own format."""

from __future__ import annotations

from typing import Annotated

import typer

from breastcad.commands.options import Out, Overwrite, Seed


def command(
    name: Annotated[
        str, typer.Argument(metavar="SET", help="A set's name (docs/phantom.md), such as mini-mias or busi; dicom or dicom-us.")
    ],
    out: Out,
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="How many pictures; of dicom, exams of four films. By default a handful.")
    ] = None,
    seed: Seed = 0,
    quirks: Annotated[bool, typer.Option("--quirks/--no-quirks", help="With the oddities that the real set has, or tidy.")] = True,
    overwrite: Overwrite = False,
) -> None:
    """Write a made-up data set: pictures of no patient, in the files and tables of a real set.

    They test and show; they support no claim of accuracy, and README.txt in the folder says so.
    """
    from collections import Counter

    from breastcad.core.files import output_folder
    from breastcad.phantom.sets import write_set, writer_for

    writer_for(name)  # an unknown set is refused before its folder is made
    folder = output_folder(out, overwrite=overwrite)
    written = write_set(name, folder, n=n, seed=seed, quirks=quirks)
    labels = Counter(picture.label for picture in written)
    said = ", ".join(f"{labels[label]} {label}" for label in ("normal", "benign", "malignant") if labels[label])
    typer.echo(f"{out}: {len(written)} made-up pictures ({said}); they test and show, and support no claim of accuracy")

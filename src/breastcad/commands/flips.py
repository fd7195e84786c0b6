"""``breastcad flips``: a run's networks asked about images and their mirror images."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from breastcad.commands.options import Device, DeviceName, Out, Overwrite


class Pictures(StrEnum):
    """How many pictures of an image are looked at."""

    two = "2"
    four = "4"


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run of networks, trained to its end.")]
Collections = Annotated[list[Path], typer.Argument(metavar="COLLECTION...", help="The collections that it was trained on.")]
Patches = Annotated[Path | None, typer.Option("--patches", metavar="FOLDER", help="The windows that it was trained on.")]
Number = Annotated[Pictures, typer.Option("--pictures", help="2: the image and its mirror image; 4: these two upside down, as well.")]


def command(
    run: RunFolder,
    collections: Collections,
    out: Out,
    pictures: Number = Pictures.four,
    patches: Patches = None,
    device: Device = DeviceName.auto,
    overwrite: Overwrite = False,
) -> None:
    """Ask a run's networks about each image of validation and test and its mirror images, and join the answers by their mean.

    Writes a folder that evaluate, views, certainty and recheck read as a run. What is gained: breastcad evaluate OUT --against RUN.

    Parameters
    ----------
    run : Path
    collections : list of Path
    out : Path
    pictures : Pictures
    patches : Path, optional
    device : DeviceName
    overwrite : bool

    Raises
    ------
    InputError
        If the run is not there or not trained to its end, has no networks of images, or `out` is not empty.
    """
    from breastcad.commands.given import given_collection
    from breastcad.commands.progress import bar
    from breastcad.commands.saying import say
    from breastcad.core.files import output_folder, read_patches

    given = [given_collection(folder) for folder in collections]
    windows = None if patches is None else read_patches(patches if patches.is_file() else patches / "patches.csv")
    with bar("starting torch"):
        from breastcad.commands.train import device_of
        from breastcad.train.flips import flipped_run
    folder = output_folder(out, overwrite=overwrite)
    with bar("looking") as update:
        problems = flipped_run(
            run, folder, given, int(pictures.value), patches=windows, device=device_of(device),
            progress=lambda text, done, total: update(done, total, text),
        )  # fmt: skip
    for problem in problems:
        say(f"left out: {problem}", err=True)
    say(f"Written: {folder}. Next: breastcad evaluate {folder} --against {run}")

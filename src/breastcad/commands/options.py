"""Options that several commands share, so that they have one name, one meaning and one line of help everywhere.

A command takes one by its type: ``def command(out: Out, overwrite: Overwrite = False) -> None``. --debug is added to
every command by `breastcad.commands`; no function needs to take it.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class DeviceName(StrEnum):
    """Where networks are computed; ``auto`` takes a GPU where there is one."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


Out = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to write to; refused if it is not empty.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write into --out although it is not empty.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of every random number that is drawn.")]
Device = Annotated[DeviceName, typer.Option("--device", help="Where networks are computed; auto takes a GPU where there is one.")]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        help="Train so many folds side by side; figures do not depend on it. Without it: on processors, where a training is long, "
        "as many as there are processors and memory for (3 GiB each).",
    ),
]
Workers = Annotated[
    int, typer.Option("--workers", min=0, help="Processes beside the main one that read images; results do not depend on it.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]

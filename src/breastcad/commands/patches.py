"""``breastcad patches``: windows on the images of collections, as a table."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from breastcad.commands.given import given_collections
from breastcad.commands.options import Out, Overwrite
from breastcad.commands.saying import say

if TYPE_CHECKING:
    from breastcad.core.errors import AnswerNo
    from breastcad.core.records import PatchRow


class Method(StrEnum):
    """How windows are chosen."""

    sliding = "sliding"


def command(
    collections: Annotated[list[Path], typer.Argument(metavar="COLLECTION...", help="Collections that `breastcad import` made.")],
    out: Out,
    split: Annotated[
        Path | None, typer.Option("--split", metavar="FOLDER", help="A split: only its images, and each window gets its group.")
    ] = None,
    method: Annotated[Method, typer.Option("--method", help="How windows are chosen; sliding: a grid that never leaves the image.")] = (
        Method.sliding
    ),
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--setting",
            metavar="KEY=VALUE",
            help="window=224, stride=56 (network pixels), scale=1 (network pixels a source pixel), roi_share=0.5, roi_of=window|roi, "
            "breast_share=0.5, label=pathology|lesion; may be given several times.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Cut windows from the images of collections: patches.csv says where each lies and what it shows; no pixels are copied.

    A window belongs to a lesion if more than roi_share of roi_of is shared: of the window's pixels, or of the lesion's. A window
    that only touches a lesion is 'unknown'. On mammograms, windows of which less than breast_share is breast are left out.
    """
    from breastcad.commands.progress import bar
    from breastcad.core.files import output_folder, read_split, write_patches
    from breastcad.patches.table import sliding, sliding_patches

    settings = sliding(setting or [])
    groups = None if split is None else {(row.set, row.id): row.group for row in read_split(split)}
    read = given_collections(collections)
    output_folder(out, overwrite=overwrite)
    rows: list[PatchRow] = []
    for folder, collection in zip(collections, read, strict=True):
        with bar(f"windows of {folder.name}") as progress:
            patches = sliding_patches(collection, settings, groups=groups, progress=progress)
        rows += patches.rows
        for remark in patches.remarks:
            say(f"! {folder.name}: {remark}")
    if not rows:
        raise _no_window(settings.window_px, split)
    write_patches(out / "patches.csv", rows)
    _tell(rows, out / "patches.csv")


def _no_window(side: int, split: Path | None) -> AnswerNo:
    from breastcad.core.errors import AnswerNo

    named = "" if split is None else " that the split names"
    return AnswerNo(f"no window: no image{named} can be read, has {side} pixels a side and enough breast; nothing is written")


def _tell(rows: list[PatchRow], path: Path) -> None:
    """Print how many windows there are by set and label."""
    from collections import Counter

    for (name, label), count in sorted(Counter((row.set, row.label) for row in rows).items()):
        say(f"  {name:20}{label:12}{count:>12,}")
    typer.echo(f"{len(rows):,} windows. Written: {path}")

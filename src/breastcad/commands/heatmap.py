"""``breastcad heatmap``: what a classifier of windows says of every window of a film, as pictures."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from breastcad.commands.options import Out, Overwrite
from breastcad.commands.saying import say

REASONS_SHOWN = 10


class How(StrEnum):
    """One pass over the film, or window by window."""

    dense = "dense"
    windows = "windows"


ModelFile = Annotated[str, typer.Argument(metavar="MODEL", help="A run folder of a classifier, or its model.onnx.")]
Films = Annotated[list[str], typer.Argument(metavar="PATH...", help="Films: files, folders, DICOM; hidden files are left out.")]
HowOption = Annotated[
    How, typer.Option("--how", help="dense: one pass over the film; windows: each window looked at alone, as in training.")
]
Stride = Annotated[
    int | None, typer.Option("--stride", min=1, metavar="N", help="Network pixels between windows; the network's own (32) without.")
]
Of = Annotated[
    str | None, typer.Option("--of", metavar="CLASS", help="Class, label or 'abnormal' whose probability is drawn; malignant without.")
]
Scale = Annotated[
    float | None,
    typer.Option("--scale", min=1e-3, metavar="S", help="Network pixels a pixel, in place of how the training's windows were cut."),
]
Memory = Annotated[
    int, typer.Option("--memory", min=600, metavar="MIB", help="About how much memory one pass of dense may use; larger films go in tiles.")
]


def command(
    model: ModelFile,
    paths: Films,
    out: Out,
    how: HowOption = How.dense,
    stride: Stride = None,
    of: Of = None,
    scale: Scale = None,
    memory: Memory = 3072,
    overwrite: Overwrite = False,
) -> None:
    """Draw heat maps of films from a classifier of windows: heatmap.png, windows.png and overlay.png a film, and heatmap.json.

    Both ways give the same windows; where they differ, and by how much, is in docs/heat-maps.md. What cannot be read is skipped
    with a reason. The exit code is 1 if no heat map could be drawn.
    """
    from breastcad.commands.progress import bar
    from breastcad.core.errors import AnswerNo
    from breastcad.core.files import output_folder
    from breastcad.infer.heat_maps import Wanted, heat_maps
    from breastcad.report.heat_map_folder import TABLE, write_heat_maps

    run = heat_maps(paths, model, Wanted(how.value, stride, of, scale, memory))
    folder = output_folder(out, overwrite=overwrite)
    with bar("heat maps") as update:
        films = len(run.files)
        run.tell = lambda done, total: update(done, total, f"{films} files; windows" if how == How.windows else f"{films} files; tiles")
        table = write_heat_maps(folder, run)
    _tell(table, str(folder / TABLE))
    if not table["images"]:
        raise AnswerNo(f"no heat map could be drawn; why stands in {TABLE} under 'skipped'")


def _tell(table: dict[str, Any], written: str) -> None:
    """Say what was drawn and what was skipped."""
    say(f"{len(table['images'])} heat maps of '{table['of']}', {len(table['skipped'])} skipped")
    for item in table["skipped"][:REASONS_SHOWN]:
        say(f"  skipped: {item['source']}: {item['reason']}")
    if len(table["skipped"]) > REASONS_SHOWN:
        say(f"  and {len(table['skipped']) - REASONS_SHOWN} more, in {written}")
    if table["model"]["shortened"]:
        say("! the model is of a shortened training")
    say(written)
    say(table["notice"])

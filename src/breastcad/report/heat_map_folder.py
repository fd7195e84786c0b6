"""Writing a folder of heat maps: for each picture its map, its windows' values and an overlay; heatmap.json last."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from breastcad.core.files import write_bytes, write_text
from breastcad.core.records import Skipped
from breastcad.report.overlay import draw_overlay, encode, heat_map_png

if TYPE_CHECKING:
    from breastcad.infer.heat_maps import HeatMaps, Mapped, MappedImage

TABLE = "heatmap.json"
PICTURES = ("heatmap", "windows", "overlay")
"""Over the whole picture; one pixel a window; the picture with the map on it."""


def write_heat_maps(folder: Path, run: HeatMaps, *, progress: Callable[[int], None] | None = None) -> dict[str, Any]:
    """Write heat maps as they come, into ``<folder>/<image>/``, then heatmap.json: a folder that has one is whole.

    Parameters
    ----------
    folder : Path
        Made by the caller (`core.files.output_folder`).
    run : HeatMaps
        Taken one at a time; of each picture only its row is kept.
    progress : callable, optional
        Takes how many results have come.

    Returns
    -------
    dict
        As in heatmap.json.
    """
    (folder / TABLE).unlink(missing_ok=True)
    images: list[MappedImage] = []
    skipped: list[Skipped] = []
    for number, item in enumerate(run, start=1):
        if isinstance(item, Skipped):
            skipped.append(item)
        else:
            images.append(_written(folder, item, run.of))
        if progress:
            progress(number)
    table = run.assemble(images, skipped)
    table |= {"images": [asdict(image) for image in images], "skipped": [asdict(item) for item in skipped]}
    write_text(folder / TABLE, json.dumps(table, indent=1) + "\n")
    return table


def _written(folder: Path, item: Mapped, of: str) -> MappedImage:
    result = item.result
    result.files = {name: f"{result.image}/{name}.png" for name in PICTURES}
    overlay = encode(".png", draw_overlay(item.picture.pixels, [], heat_map=item.heat_map, of=of))
    for name, content in zip(PICTURES, (heat_map_png(item.heat_map), heat_map_png(item.values), overlay), strict=True):
        write_bytes(folder / result.files[name], content)
    return result

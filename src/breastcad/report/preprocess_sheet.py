"""A sheet of images before and after a pipeline, their findings outlined on both: to see what it does, and that nothing was shifted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.core.records import NOTICE, Collection, FindingRow, ImageRow
from breastcad.datasets.preprocessed import Preprocessed
from breastcad.patches.rois import roi_mask
from breastcad.read import open_picture
from breastcad.report.contact_sheet import ORANGE, SKY, Tile, contact_sheet, outlined

PAIRS_A_ROW = 3


def preprocess_sheet(source: Collection, made: Preprocessed, most: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Draw images before and after.

    Parameters
    ----------
    source : Collection
    made : Preprocessed
        From it, written; at least one of its images is present.
    most : int
        Images, drawn at random; in the order of the table.
    generator : numpy.random.Generator

    Returns
    -------
    (H, W, 3) ndarray of uint8
        RGB. Findings are outlined in orange, proposed regions in blue.
    """
    pairs = [(old, new) for old, new in zip(source.images, made.collection.images, strict=True) if new.present]
    drawn = sorted(generator.permutation(len(pairs))[:most])
    tiles = []
    for old, new in (pairs[place] for place in drawn):
        proposed = [(row.row0, row.col0, row.row1, row.col1) for row in made.candidates if row.image_id == old.image_id]
        regions = [FindingRow(old.set, "", old.image_id, geometry="box", row0=a, col0=b, row1=c, col1=d) for a, b, c, d in proposed]
        tiles += [_tile(source, old, "before", regions), _tile(made.collection, new, "after", [])]
    name = made.collection.facts["pipeline"]["name"]
    return contact_sheet(tiles, columns=2 * PAIRS_A_ROW, title=f"pipeline {name}: before, after", footnote=NOTICE)


def _tile(collection: Collection, image: ImageRow, word: str, proposed: list[FindingRow]) -> Tile:
    root = Path(collection.root)
    pixels = open_picture(root / (image.path or ""), None if image.frame is None else int(image.frame)).pixels
    own = [row for row in collection.findings if row.image_id == image.image_id]
    shown = _toned(pixels)
    width = max(1, round(max(pixels.shape) / 220))
    for colour, row in [(SKY, row) for row in proposed] + [(ORANGE, row) for row in own]:
        if (roi := _roi(row, pixels, root)) is not None:
            shown = outlined(shown, {colour: roi}, width_px=width)
    return Tile(shown, f"{image.image_id[:24]}, {word}\n{pixels.shape[0]} x {pixels.shape[1]}")


def _roi(row: FindingRow, pixels: NDArray[np.float32], root: Path) -> NDArray[np.bool_] | None:
    try:
        return roi_mask(row, (pixels.shape[0], pixels.shape[1]), root)
    except ReadError:
        return None


def _toned(pixels: NDArray[np.float32]) -> NDArray[Any]:
    """Stretch a picture to its own range, as a viewer would."""
    high = float(pixels.max())
    return pixels / high if high > 0 else pixels

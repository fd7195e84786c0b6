"""How a mammogram hangs in the report: chest wall towards the middle, heat map and marks laid over the film, and where each mark lies.

Heat map and film are two pictures, one over the other, so that a reader can fade the one out; the marks are lines of the page itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from breastcad.core.geometry import Box
from breastcad.core.records import Finding, ImageResult
from breastcad.preprocess.breast import breast_box, breast_mask, chest_wall_side
from breastcad.report.overlay import THIN_BELOW, heat_layer_png

HEAT_LONG_SIDE = 320
CHEST_WALL = {"R": "right", "L": "left"}
"""Where the chest wall of each breast hangs: the two are back to back, the right breast on the viewer's left."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A finding's number and box as hung, in source pixels; ``thin`` as in the overlay."""

    number: int
    left: int
    top: int
    width: int
    height: int
    thin: bool


@dataclass(frozen=True, slots=True)
class Hanging:
    """How one film hangs: mirrored or not, its heat map as PNG (None where there is none), its marks, and in words where each lies."""

    mirrored: bool
    heat: bytes | None
    marks: list[Mark]
    where: list[str]


def hanging_of(result: ImageResult, folder: Path, floor: float) -> Hanging:
    """Return how an image of an exam hangs.

    Parameters
    ----------
    result : ImageResult
    folder : Path
        The analysis folder: the breast is looked for in the image's source.jpg. Where that is missing, or the chest wall's side is not
        clear, the film hangs as it is.
    floor : float
        The heat map's values up to here are not shown.
    """
    film = cv2.imread(str(folder / result.image / "source.jpg"), cv2.IMREAD_GRAYSCALE)
    side, breast = None, (0.0, 0.0, 1.0, 1.0)
    if film is not None and result.modality == "MG":
        mask = breast_mask(np.asarray(film / 255, np.float32))
        side, box = chest_wall_side(mask), breast_box(mask, margin=0)
        breast = box[0] / mask.shape[0], box[1] / mask.shape[1], box[2] / mask.shape[0], box[3] / mask.shape[1]
    mirrored = side is not None and CHEST_WALL.get(result.laterality or "", side) != side
    marks = [_mark(number, finding, result.cols if mirrored else None) for number, finding in enumerate(result.findings, 1)]
    where = [where_in_words(finding, (result.rows, result.cols), side, breast, result.spacing_mm) for finding in result.findings]
    return Hanging(mirrored, _heat(result, folder, floor), marks, where)


def _mark(number: int, finding: Finding, cols: int | None) -> Mark:
    """Return a mark, mirrored in a picture of so many columns."""
    row0, col0, row1, col1 = finding.box
    left = col0 if cols is None else cols - col1
    return Mark(number, left, row0, col1 - col0, row1 - row0, finding.probability.get("lesion", 1.0) < THIN_BELOW)


def _heat(result: ImageResult, folder: Path, floor: float) -> bytes | None:
    stored = None if result.heatmap is None else cv2.imread(str(folder / result.heatmap.file), cv2.IMREAD_UNCHANGED)
    if stored is None or result.heatmap is None:
        return None
    low, high = result.heatmap.range
    heat = np.asarray(low + stored.astype(np.float32) / 65535 * (high - low), np.float32)
    return heat_layer_png(heat, HEAT_LONG_SIDE, floor=floor)


def where_in_words(finding: Finding, shape: tuple[int, int], side: str | None, breast: Box, spacing_mm: Sequence[float] | None) -> str:
    """Return where the middle of a finding lies: from the chest wall and from the top of the breast, and how large it is.

    Parameters
    ----------
    finding : Finding
    shape : (rows, columns)
        Of the source.
    side : {"left", "right"} or None
        Where the chest wall lies; None where it is not clear: then the breast's left edge is reckoned from.
    breast : (row0, col0, row1, col1)
        The breast's box, in shares of the picture.
    spacing_mm : (row, column), optional
        Without it no millimetres are given.

    Examples
    --------
    >>> one = Finding("0-1", "mass", [40, 10, 60, 30], {})
    >>> where_in_words(one, (100, 50), "left", (0.0, 0.0, 1.0, 0.8), None)
    '50 % from chest wall to front, 50 % down the breast'
    >>> where_in_words(one, (100, 50), "right", (0.0, 0.2, 1.0, 1.0), (1.0, 0.5))
    '75 % from chest wall to front (15 mm), 50 % down the breast (50 mm); 20 x 10 mm'
    """
    row0, col0, row1, col1 = finding.box
    top, left, bottom, right = breast[0] * shape[0], breast[1] * shape[1], breast[2] * shape[0], breast[3] * shape[1]
    row, col = (row0 + row1) / 2, (col0 + col1) / 2
    down, across = row - top, right - col if side == "right" else col - left
    shares = [100 * min(1.0, max(0.0, part / max(1.0, whole))) for part, whole in ((across, right - left), (down, bottom - top))]
    road = "from chest wall to front" if side else "across the breast from its left"
    if spacing_mm is None:
        return f"{shares[0]:.0f} % {road}, {shares[1]:.0f} % down the breast"
    deep_mm, down_mm = max(0.0, across) * spacing_mm[1], max(0.0, down) * spacing_mm[0]
    size = f"{(row1 - row0) * spacing_mm[0]:.0f} x {(col1 - col0) * spacing_mm[1]:.0f} mm"
    return f"{shares[0]:.0f} % {road} ({deep_mm:.0f} mm), {shares[1]:.0f} % down the breast ({down_mm:.0f} mm); {size}"

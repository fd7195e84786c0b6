"""COCO detection files: pictures and the boxes in them, in our order of coordinates. No labels are understood here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from breastcad.core.errors import ReadError
from breastcad.core.files import read_json
from breastcad.core.geometry import Box


@dataclass(frozen=True, slots=True)
class CocoPicture:
    """One picture of a COCO file; boxes (row0, col0, row1, col1), in the file's order."""

    name: str
    rows: int
    cols: int
    boxes: tuple[Box, ...]


def read_coco(path: str | Path) -> list[CocoPicture]:
    """Read the pictures and boxes of a COCO file; `bbox` is (x, y, width, height).

    Raises
    ------
    ReadError
        If it is no COCO file, a box is not four finite numbers with a positive size, or belongs to no picture.
    """
    content = read_json(path)
    try:
        pictures = {item["id"]: (str(item["file_name"]), int(item["height"]), int(item["width"])) for item in content["images"]}
        boxes: dict[Any, list[Box]] = {key: [] for key in pictures}
        for item in content["annotations"]:
            boxes[item["image_id"]].append(_box(path, item["bbox"], item.get("id")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReadError(path, f"is no COCO file for detection ({type(error).__name__}: {error})") from error
    return [CocoPicture(*pictures[key], tuple(boxes[key])) for key in pictures]


def _box(path: str | Path, cells: Any, name: Any) -> Box:
    x, y, width, height = (float(cell) for cell in cells)
    if not (0 < width < float("inf") and 0 < height < float("inf") and abs(x) + abs(y) < float("inf")):
        raise ReadError(path, f"annotation {name}: the box must have a size, got {cells}")
    return y, x, y + height, x + width

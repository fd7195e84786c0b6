"""A made-up UDIAT (BUS Dataset B): images, masks of the same name, a workbook of types. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from breastcad.core.seeding import generator
from breastcad.phantom.pictures import grey_levels, write_png
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.ultrasound import ultrasound
from breastcad.phantom.workbooks import Cell, write_workbook

DEFAULT_N = 6
TREE = "BUS"
_LABELS = ("Benign", "Malignant", "Benign")


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up UDIAT.

    Parameters
    ----------
    folder : Path
        Gets a folder `BUS` and, beside it, DatasetB.xlsx.
    n : int
        Images.
    seed : int
    quirks : bool
        A gap in the numbers, a mask in RGB, a row whose image is missing.

    Returns
    -------
    list of WrittenPicture
    """
    written = []
    rows: list[list[Cell]] = [["Image", "Type"]]
    for index in range(n):
        number = index + 1 + (1 if quirks and index > 0 else 0)
        word = _LABELS[index % len(_LABELS)]
        draw = generator(seed, "phantom", "udiat", index)
        height, width = int(draw.integers(360, 500)), int(draw.integers(460, 640))
        made = ultrasound(draw, height, width, lesion=word.lower())
        path = f"{TREE}/original/{number:06d}.png"
        write_png(folder / path, grey_levels(made.pixels))
        mask = np.where(made.masks[0], 255, 0).astype(np.uint8)
        write_png(folder / TREE / "GT" / f"{number:06d}.png", np.repeat(mask[:, :, None], 3, axis=2) if quirks and index == 0 else mask)
        written.append(WrittenPicture(path, height, width, word.lower(), made.boxes, [word.lower()]))
        rows.append([number, word])
    if quirks:
        rows.append([n + 2, "Benign"])
    write_workbook(folder / "DatasetB.xlsx", {"Sheet1": rows})
    return written

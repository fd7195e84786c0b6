"""A made-up Rodrigues set: small crops as BMP in folders by class, no masks. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from breastcad.core.seeding import generator
from breastcad.phantom.pictures import grey_levels, write_bmp
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.ultrasound import ultrasound

DEFAULT_N = 6
TREE = "us-dataset/originals"


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up Rodrigues set.

    Parameters
    ----------
    folder : Path
        Gets the folder `us-dataset/originals`.
    n : int
        Images, benign and malignant in turn.
    seed : int
    quirks : bool
        Numbers that repeat across classes, one image in RGB.

    Returns
    -------
    list of WrittenPicture
    """
    written = []
    for index in range(n):
        label = ("malignant", "benign")[index % 2]
        draw = generator(seed, "phantom", "rodrigues", index)
        rows, cols = int(draw.integers(57, 161)), int(draw.integers(93, 199))
        levels = grey_levels(ultrasound(draw, rows, cols, lesion=label, ribs=False).pixels)
        number = index // 2 + 1 if quirks else index + 1
        path = f"{TREE}/{label}/us{number}.bmp"
        write_bmp(folder / path, np.repeat(levels[:, :, None], 3, axis=2) if quirks and index == 0 else levels)
        written.append(WrittenPicture(path, rows, cols, label, pathologies=[]))
    return written

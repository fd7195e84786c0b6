"""A made-up STU-Hospital: pairs of image and mask, no labels. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from breastcad.core.seeding import generator
from breastcad.phantom.pictures import grey_levels, write_png
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.ultrasound import ultrasound

DEFAULT_N = 4
TREE = "Hospital"


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up STU-Hospital.

    Parameters
    ----------
    folder : Path
        Gets a folder `Hospital`.
    n : int
        Pairs of image and mask, 128 x 128.
    seed : int
    quirks : bool
        The second image is named ``image_2.png``; masks are RGB.

    Returns
    -------
    list of WrittenPicture
        Their label is ``"unknown"``: the set has none.
    """
    written = []
    for number in range(1, n + 1):
        made = ultrasound(generator(seed, "phantom", "stu", number), 128, 128, lesion="benign" if number % 2 else "malignant")
        path = f"{TREE}/{'image' if quirks and number == 2 else 'Test_Image'}_{number}.png"
        write_png(folder / path, grey_levels(made.pixels))
        mask = np.where(made.masks[0], 255, 0).astype(np.uint8)
        write_png(folder / TREE / f"mask_{number}.png", np.repeat(mask[:, :, None], 3, axis=2) if quirks else mask)
        written.append(WrittenPicture(path, 128, 128, "unknown", made.boxes, ["unknown"]))
    return written

"""A made-up BUSIS: BMP images and masks, a table of types. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from pathlib import Path

from breastcad.core.files import write_text
from breastcad.core.seeding import generator
from breastcad.phantom.pictures import grey_levels, write_bmp
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.ultrasound import ultrasound

DEFAULT_N = 6


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up BUSIS.

    Parameters
    ----------
    folder : Path
        Gets the folders `Original` and `GT`, and BUSIS562.csv.
    n : int
        Images.
    seed : int
    quirks : bool
        Names that the table pads with zeros and the files do not, empty rows at the table's end, burnt-in marks.

    Returns
    -------
    list of WrittenPicture
    """
    written, lines = [], ["img name,Ground Truth Name,tumor type"]
    for number in range(1, n + 1):
        label = "malignant" if number % 2 == 0 else "benign"
        draw = generator(seed, "phantom", "busis", number)
        rows, cols = int(draw.integers(320, 460)), int(draw.integers(360, 520))
        made = ultrasound(draw, rows, cols, lesion=label, calipers=quirks and number == 2)
        path = f"Original/case{number}.bmp"
        write_bmp(folder / path, grey_levels(made.pixels))
        write_bmp(folder / "GT" / f"case{number}_GT.bmp", made.masks[0])
        written.append(WrittenPicture(path, rows, cols, label, made.boxes, [label]))
        name = f"case{number:03d}" if quirks else f"case{number}"
        lines.append(f"{name},{name}_GT,{label[0].upper()}")
    lines += [",,"] * 2 if quirks else []
    write_text(folder / "BUSIS562.csv", "\n".join(lines) + "\n")
    return written

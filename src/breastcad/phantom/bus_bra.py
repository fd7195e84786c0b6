"""A made-up BUS-BRA: images, masks, a table, and folds by case. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from breastcad.core.files import write_text
from breastcad.core.seeding import generator
from breastcad.phantom.pictures import grey_levels, write_png
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.ultrasound import ultrasound

DEFAULT_N = 12
TREE = "BUSBRA"
_SIDES = {"l": "left", "r": "right", "s": "single"}
_HISTOLOGY = {
    "benign": ("fibroadenoma", "cyst", "fibrocystic changes", "intraductal papilloma"),
    "malignant": ("invasive ductal carcinoma", "invasive lobular carcinoma"),
}
_DEVICES = ("GE Logiq 7 @10-14MHz", "GE Logiq 5 @10-12MHz", "Toshiba Aplio 300 @12-14 MHz")
_WRONG_HEIGHT, _WRONG_BOX = 1, 2  # indices of the images that have them, with quirks


@dataclass(slots=True)
class _Row:
    """One image: its row of bus_data.csv and its mark in the folds. ``box`` is BBOX as the table has it."""

    case: int
    side: str
    pathology: str
    histology: str
    birads: int
    device: str
    width: int = 0
    height: int = 0
    box: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def name(self) -> str:
        return f"{self.case:04d}-{self.side}"

    @property
    def line(self) -> str:
        cells = [f"bus_{self.name}", self.case, self.histology, self.pathology, self.birads, self.device, self.width, self.height]
        box = ",".join(map(str, self.box))
        return ",".join(map(str, cells)) + f',{_SIDES[self.side]},"[{box}]"'


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up BUS-BRA.

    Parameters
    ----------
    folder : Path
        Gets a folder `BUSBRA`.
    n : int
        Images; most cases have two, of which the last may lack one.
    seed : int
    quirks : bool
        A wrong Height and a wrong BBOX in the table.

    Returns
    -------
    list of WrittenPicture
    """
    rows = _planned(n, seed)
    written = [_write_image(folder / TREE, row, seed) for row in rows]
    if quirks and len(rows) > _WRONG_HEIGHT:
        rows[_WRONG_HEIGHT].height += 37
    if quirks and len(rows) > _WRONG_BOX:
        x, y, width, height = rows[_WRONG_BOX].box
        rows[_WRONG_BOX].box = x - 9, y + 14, width + 21, height + 6
    header = "ID,Case,Histology,Pathology,BIRADS,Device,Width,Height,Side,BBOX"
    write_text(folder / TREE / "bus_data.csv", "\n".join([header, *(row.line for row in rows)]) + "\n")
    for folds in (5, 10):
        write_text(folder / TREE / f"{folds}-fold-cv.csv", _fold_table(rows, folds, seed))
    return written


def _planned(n: int, seed: int) -> list[_Row]:
    """Draw cases until there are n images; the first case has two, the second one, so that both kinds are always there."""
    rows: list[_Row] = []
    case = 0
    while len(rows) < n:
        case += 1
        draw = generator(seed, "phantom", "bus-bra", "case", case)
        pair = case != 2 and (case == 1 or draw.random() < 0.75)
        pathology = "malignant" if case % 3 == 1 else "benign"
        histology, device = str(draw.choice(_HISTOLOGY[pathology])), str(draw.choice(_DEVICES))
        birads = int(draw.choice([4, 5] if pathology == "malignant" else [2, 3, 4]))
        rows += [_Row(case, side, pathology, histology, birads, device) for side in ("lr" if pair else "s")]
    return rows[:n]


def _write_image(place: Path, row: _Row, seed: int) -> WrittenPicture:
    """Make an image, write it and its mask, and enter its size and box."""
    draw = generator(seed, "phantom", "bus-bra", row.case, row.side)
    height, width = int(draw.integers(300, 440)), int(draw.integers(270, 420))
    made = ultrasound(draw, height, width, lesion=row.pathology, calipers=bool(draw.random() < 0.4))
    write_png(place / "Images" / f"bus_{row.name}.png", grey_levels(made.pixels))
    write_png(place / "Masks" / f"mask_{row.name}.png", made.masks[0])
    box = made.boxes[0]
    row.width, row.height = width, height
    # The real table counts from one and makes its boxes one pixel too small.
    row.box = int(box[1]) + 1, int(box[0]) + 1, int(box[3] - box[1]) - 1, int(box[2] - box[0]) - 1
    return WrittenPicture(f"{TREE}/Images/bus_{row.name}.png", height, width, row.pathology, [box], [row.pathology])


def _fold_table(rows: list[_Row], folds: int, seed: int) -> str:
    """Return a fold table: test folds by case, but train and validation flags drawn by image, as in the real one."""
    draw = generator(seed, "phantom", "bus-bra", "folds", folds)
    lines = [",".join(["ID", "Pathology", "kFold", *(f"valid_{fold}" for fold in range(1, folds + 1))])]
    for row in rows:
        own = (row.case - 1) % folds + 1
        flags = np.where(draw.random(folds) < 0.2, "0", "1")
        cells = ["NaN" if fold == own else str(flags[fold - 1]) for fold in range(1, folds + 1)]
        lines.append(",".join([f"bus_{row.name}", row.pathology, str(own), *cells]))
    return "\n".join(lines) + "\n"

"""Writes docs/pictures/augmentations.png: every operation of augmentation on one made-up film: ``python docs/augmentations_sheet.py``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from breastcad.augment.mixing import Mixing, mixed
from breastcad.augment.operations import Operation, operation
from breastcad.augment.policies import POLICIES, draw_operations, table_1
from breastcad.augment.replaying import Example, Place, replay
from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.report.contact_sheet import ORANGE, SKY, Tile, contact_sheet, outlined

SHAPE = ROWS, COLS = 300, 220
COLUMNS, TILE_PX, SHADES = 8, 148, 128
PICTURE = Path(__file__).resolve().parent / "pictures" / "augmentations.png"
BEYOND: list[tuple[str, list[Operation], str]] = [
    ("rotation -17", [operation("rotation", degrees=-17)], "black"),
    ("rotation -17\nborder mirrored", [operation("rotation", degrees=-17)], "mirror"),
    ("scaling 0.75", [operation("scaling", factor=0.75)], "black"),
    ("scaling 1.3", [operation("scaling", factor=1.3)], "black"),
    ("translation\n30 down, 25 right", [operation("translation", down_px=30, right_px=25)], "black"),
    ("crop, enlarged", [operation("crop", row0=40, col0=10, row1=265, col1=175)], "black"),
    ("crop, cut", [operation("crop", row0=60, col0=10, row1=250, col1=200, size="cut")], "black"),
    ("elastic 3 px", [operation("elastic", amount_px=3, smooth_px=14, seed=1)], "black"),
    ("elastic 7 px", [operation("elastic", amount_px=7, smooth_px=14, seed=1)], "black"),
    ("gamma 0.6", [operation("gamma", gamma=0.6)], "black"),
    ("gamma 1.7", [operation("gamma", gamma=1.7)], "black"),
    ("contrast 1.3", [operation("contrast", factor=1.3)], "black"),
    ("brightness 0.15", [operation("contrast", brightness=0.15)], "black"),
    ("Gaussian noise 0.06", [operation("gaussian-noise", sigma=0.06, seed=1)], "black"),
    ("speckle noise 0.15", [operation("speckle-noise", sigma=0.15, seed=1)], "black"),
    ("salt and pepper 0.05", [operation("salt-and-pepper", share=0.05, seed=1)], "black"),
    ("Poisson noise\n40 counts at white", [operation("poisson-noise", peak=40, seed=1)], "black"),
    ("random erasing", [operation("erasing", row0=110, col0=20, row1=170, col1=90, seed=1)], "black"),
]


def drawn_tile(example: Example, steps: list[Operation], caption: str, border: str = "black") -> Tile:
    """Return one augmented film with the finding's moved outline."""
    after = replay(example, steps, border=border, keep_black=border == "black")
    return Tile(with_outline(after.image, after.places[0]), caption)


def with_outline(image: NDArray[Any], place: Place) -> NDArray[np.uint8]:
    """Draw a place's outline, where anything of it is left."""
    return outlined(image, {} if place.mask is None else {ORANGE: place.mask}, width_px=2)


def caption_of(method: str, one: Operation) -> str:
    """Say which method and parameter a tile shows."""
    values = one.parameters
    shown = {
        "sharpen": lambda: f"lightness {values['lightness']:g}",
        "emboss": lambda: f"strength {values['strength']:g}",
        "Gaussian blur": lambda: f"sigma {values['sigma_px']:g}",
        "rotation": lambda: f"{values['degrees']:g} degrees",
        "edge detection": lambda: f"alpha {values['alpha']:g}",
        "shear": lambda: f"{values['axis']}, {values['degrees']:g} degrees",
    }
    return f"{method}\n{shown[method]() if method in shown else values['side']}"


def sheet() -> NDArray[np.uint8]:
    """Return both blocks, Table 1 above."""
    made = mammogram(generator(7, "augmentations"), ROWS, COLS, view="MLO", laterality="L", lesion="malignant", kind="mass", density="B")
    other = mammogram(generator(9, "augmentations"), ROWS, COLS, view="MLO", laterality="L", density="C")
    example = Example(made.pixels, (Place(mask=made.masks[0]),))
    first = [drawn_tile(example, [one], caption_of(method, one)) for method, some in table_1().items() for one in some]
    first.append(Tile(with_outline(made.pixels, Place(mask=made.masks[0])), "the film itself", SKY))
    second = [drawn_tile(example, steps, caption, border) for caption, steps, border in BEYOND]
    both = mixed(np.stack([made.pixels, other.pixels]), [Mixing(1, 0.6), Mixing(0, 1.0)])[0]
    second.append(Tile(outlined(both, {}), "mixup, share 0.6\n(another film 0.4)"))
    for copy in range(5):
        steps = draw_operations(POLICIES["broad"], SHAPE, copy, generator(copy, "sheet"))
        second.append(drawn_tile(example, list(steps), f"policy broad,\ndraw {copy + 1}"))
    title, layout = "Publication B, Table 1: each method at each parameter (made-up film)", {"columns": COLUMNS, "tile_px": TILE_PX}
    foot = "Made up by breastcad's phantom; no patient is shown. The outline of the made-up finding moves along with the film."
    sheets = [
        contact_sheet(first, **layout, title=title),
        contact_sheet(second, **layout, title="Beyond Table 1 (made-up film)", footnote=foot),
    ]
    return np.concatenate(sheets)


def main() -> int:
    """Write the picture, in few shades so that it stays small."""
    PICTURE.parent.mkdir(exist_ok=True)
    Image.fromarray(sheet()).quantize(SHADES, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"{PICTURE.name}: {PICTURE.stat().st_size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

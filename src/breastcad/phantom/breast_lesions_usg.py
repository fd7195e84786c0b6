"""A made-up BrEaST-Lesions_USG: RGBA images and masks, a clinical workbook. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.seeding import generator
from breastcad.phantom.pictures import grey_levels, write_png
from breastcad.phantom.record import Phantom, WrittenPicture
from breastcad.phantom.ultrasound import ultrasound
from breastcad.phantom.workbooks import Cell, write_workbook

DEFAULT_N = 8
IMAGES = "BrEaST-Lesions_USG-images_and_masks"
TABLE = "BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx"
_HEADER = (
    *("CaseID", "Image_filename", "Mask_tumor_filename", "Mask_other_filename", "Pixel_size", "Age", "Tissue_composition", "Signs"),
    *("Symptoms", "Shape", "Margin", "Echogenicity", "Posterior_features", "Halo", "Calcifications", "Skin_thickening", "Interpretation"),
    *("BIRADS", "Verification", "Diagnosis", "Classification"),
)
_LABELS = ("benign", "malignant", "benign", "normal")
_TWO_OTHERS, _SOFT_MASK, _NO_AGE, _NO_MASK = 1, 2, 3, 5  # numbers of the cases that have them, with quirks
_WORDS: dict[str, tuple[Cell, ...]] = {
    "benign": ("oval", "circumscribed", "hypoechoic", "enhancement", "no", "no", "no", "Fibroadenoma", 3, "confirmed by follow-up care"),
    "malignant": (
        *("irregular", "not circumscribed - spiculated&indistinct", "hypoechoic", "shadowing", "yes", "in a mass", "no"),
        *("Suspicion of malignancy", "4c", "confirmed by biopsy"),
    ),
    "normal": (*["not applicable"] * 6, "no", "not applicable", 1, "not applicable"),
}


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up BrEaST-Lesions_USG.

    Parameters
    ----------
    folder : Path
        Gets the folder of images and masks and the workbook.
    n : int
        Images, each of another woman; two benign and one malignant to one normal.
    seed : int
    quirks : bool
        Transparent corners, two masks ``other`` whose names are joined by ``&``, a mask of half opacity at its rim, an age that is
        not available, an abnormal image without a mask, a case that is listed but missing.

    Returns
    -------
    list of WrittenPicture
    """
    written: list[WrittenPicture] = []
    rows: list[list[Cell]] = [list(_HEADER)]
    for number in range(1, n + 1):
        picture, row = _write_case(folder / IMAGES, number, seed, quirks)
        written.append(picture)
        rows.append(row)
    if quirks:
        rows.append(_row(n + 1, "benign", 0.0069, 61, f"case{n + 1:03d}_tumor.png", None))
    write_workbook(folder / TABLE, {"BrEaST-Lesions-USG clinical dat": rows, "Data Dictionary": [["type", "description"], ["Case_ID", ""]]})
    return written


def _write_case(place: Path, number: int, seed: int, quirks: bool) -> tuple[WrittenPicture, list[Cell]]:
    label = _LABELS[(number - 1) % len(_LABELS)]
    draw = generator(seed, "phantom", "breast-lesions-usg", number)
    rows, cols = int(draw.integers(320, 480)), int(draw.integers(360, 520))
    several = quirks and number == _TWO_OTHERS
    made = ultrasound(draw, rows, cols, lesion=None if label == "normal" else [label] * (3 if several else 1), calipers=False)
    name = f"case{number:03d}"
    write_png(place / f"{name}.png", _picture(made, quirks))
    masks = [] if quirks and number == _NO_MASK else made.masks
    for index, mask in enumerate(masks):
        kind = "tumor" if index == 0 else f"other{index}"
        write_png(place / f"{name}_{kind}.png", _mask(mask, soft=quirks and number == _SOFT_MASK))
    others = "&".join(f"{name}_other{index}.png" for index in range(1, len(masks)))
    age: Cell = "not available" if quirks and number == _NO_AGE else int(draw.integers(24, 80))
    boxes = made.boxes[: len(masks)]
    written = WrittenPicture(f"{IMAGES}/{name}.png", rows, cols, label, boxes, [label if i == 0 else "unknown" for i in range(len(boxes))])
    return written, _row(
        number, label, float(draw.choice([0.0078125, 0.00646])), age, f"{name}_tumor.png" if masks else None, others or None
    )


def _row(number: int, label: str, centimetres: float, age: Cell, mask: Cell, others: Cell) -> list[Cell]:
    words = _WORDS[label]
    head: list[Cell] = [number, f"case{number:03d}.png", mask, others, centimetres, age, "homogeneous: fat", "palpable&warmth", "no"]
    return [*head, *words, "not applicable", label]


def _picture(made: Phantom, quirks: bool) -> NDArray[np.uint8]:
    """Return RGBA of a grey picture; with quirks its lower corners are transparent and hold white."""
    levels = np.repeat(grey_levels(made.pixels)[:, :, None], 4, axis=2)
    levels[:, :, 3] = 255
    if quirks:
        for cols in (slice(None, 12), slice(-12, None)):
            levels[-12:, cols] = (255, 255, 255, 0)
    return levels


def _mask(mask: NDArray[np.bool_], *, soft: bool) -> NDArray[np.uint8]:
    """Return RGBA, colour and opacity alike; a soft one has a faint row below it that is no lesion."""
    levels = np.repeat(np.where(mask, 255, 0).astype(np.uint8)[:, :, None], 4, axis=2)
    if soft:
        below = np.roll(mask, 1, axis=0) & ~mask
        levels[below] = (255, 255, 255, 75)
    return levels

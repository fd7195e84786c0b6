"""A made-up DDSM: case folders with .ics, chain codes in .OVERLAY, films as 16-bit PNG. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from breastcad.core.files import write_bytes, write_text
from breastcad.core.geometry import Box
from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.pictures import write_png
from breastcad.phantom.record import Phantom, PhantomLesion, WrittenPicture

DEFAULT_N = 2
SIZE_PX = 640, 440
_VIEWS = (("LEFT", "CC"), ("LEFT", "MLO"), ("RIGHT", "CC"), ("RIGHT", "MLO"))
_SCANNERS = (("A", "DBA 21", 42.0, 16), ("B", "LUMISYS LASER", 50.0, 12), ("D", "HOWTEK 43.5", 43.5, 12), ("A", "HOWTEK 43.5", 43.5, 12))
# (down, right) to chain code, clockwise from up.
_CODES = {(-1, 0): 0, (-1, 1): 1, (0, 1): 2, (1, 1): 3, (1, 0): 4, (1, -1): 5, (0, -1): 6, (-1, -1): 7}


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up DDSM.

    Parameters
    ----------
    folder : Path
        Gets `cases/cancers/cancer_01` and `cases/benigns/benign_01` with a folder a case.
    n : int
        Cases of four views; all four pairs of letter and scanner in turn.
    seed : int
    quirks : bool
        In each case an empty first line and an empty value in the .ics, two LESION_TYPE lines and an inner outline, a film that is there
        as .LJPEG only; a cancer volume's right breast is normal, as ever.

    Returns
    -------
    list of WrittenPicture
        The films that are there as PNG.
    """
    written: list[WrittenPicture] = []
    for number in range(1, n + 1):
        letter, scanner, micron, bits = _SCANNERS[(number - 1) % len(_SCANNERS)]
        pathology = "malignant" if number % 2 else "benign"
        volume = "cases/cancers/cancer_01" if number % 2 else "cases/benigns/benign_01"
        place = f"{volume}/case{number:04d}"
        lines = [" " if quirks else "", "ics_version 1.0", f"filename {letter}-{number:04d}-1", "DATE_OF_STUDY 21 6 1995"]
        lines = lines if quirks else lines[1:]
        lines += [f"PATIENT_AGE {'' if quirks and number == 2 else 50 + number}", "FILM ", "FILM_TYPE REGULAR", f"DENSITY {number % 4 + 1}"]
        lines += ["DATE_DIGITIZED 4 5 1999 ", f"DIGITIZER {scanner}", "SEQUENCE"]
        for index, (side, view) in enumerate(_VIEWS):
            draw = generator(seed, "phantom", "ddsm", number, index)
            lesion = pathology if side == "LEFT" else None
            made = mammogram(draw, *SIZE_PX, view=view, laterality=side[0], lesion=lesion, kind="mass")
            stem = f"{letter}_{number:04d}_1.{side}_{view}"
            said = "OVERLAY" if lesion else "NON_OVERLAY"
            size = f"LINES {SIZE_PX[0]} PIXELS_PER_LINE {SIZE_PX[1]} BITS_PER_PIXEL {bits} RESOLUTION {micron:g}"
            lines.append(f"{side}_{view} {size} {said}")
            if lesion:
                write_text(folder / place / f"{stem}.OVERLAY", _overlay(made.lesions[0], quirks))
            if quirks and index == 3:
                write_bytes(folder / place / f"{stem}.LJPEG", b"\xff\xd8\xff\xc3made up\xff\xd9")
                continue
            levels = np.round(np.clip(made.pixels, 0, 1) * (2**bits - 1)).astype(np.uint16)
            write_png(folder / place / f"{stem}.png", levels)
            written.append(_written(f"{place}/{stem}.png", made))
        write_text(folder / place / f"{letter}-{number:04d}-1.ics", "\n".join(lines) + "\n")
    return written


def _written(path: str, made: Phantom) -> WrittenPicture:
    boxes: list[Box] = []
    for lesion in made.lesions:
        rows, cols = _outline(lesion)[:, 0], _outline(lesion)[:, 1]
        boxes.append((float(rows.min()), float(cols.min()), float(rows.max()), float(cols.max())))
    return WrittenPicture(path, *SIZE_PX, made.label, boxes, [lesion.pathology for lesion in made.lesions])


def _outline(lesion: PhantomLesion) -> np.ndarray:
    """Return the border pixels of a lesion in order, (N, 2) rows and columns, each a neighbour of the last."""
    outlines, _ = cv2.findContours(lesion.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(outlines, key=len)[:, 0, ::-1]


def _overlay(lesion: PhantomLesion, quirks: bool) -> str:
    points = _outline(lesion)
    steps = np.diff(np.vstack([points, points[:1]]), axis=0)
    codes = " ".join(str(_CODES[int(down), int(right)]) for down, right in steps)
    boundary = f"{points[0][1]} {points[0][0]} {codes} #"
    lines = ["TOTAL_ABNORMALITIES 1", "ABNORMALITY 1 ", f"LESION_TYPE MASS SHAPE {lesion.shape.upper()} MARGINS {lesion.margin.upper()}"]
    lines += ["LESION_TYPE CALCIFICATION TYPE PUNCTATE DISTRIBUTION CLUSTERED"] if quirks else []
    lines += [f"ASSESSMENT {5 if lesion.pathology == 'malignant' else 3} ", "SUBTLETY 4 ", f"PATHOLOGY {lesion.pathology.upper()}"]
    lines += [f"TOTAL_OUTLINES {2 if quirks else 1} ", "BOUNDARY", boundary]
    lines += ["CORE", f"{points[0][1]} {points[0][0] + 1} 2 4 6 0 #"] if quirks else []
    return "\n".join(lines) + "\n"

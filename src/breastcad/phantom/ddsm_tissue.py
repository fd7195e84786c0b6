"""A made-up set of DDSM tissue labels: squeezed films and label maps. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.pictures import grey_levels, write_png
from breastcad.phantom.record import Phantom, WrittenPicture

DEFAULT_N = 3
SIZE_PX = 960, 480
_BACKGROUND, _FAT, _GLANDS, _MUSCLE = 64, 128, 192, 255


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up set of tissue labels.

    Parameters
    ----------
    folder : Path
        Gets `films` and `labels`.
    n : int
        Films, right breasts, MLO.
    seed : int
    quirks : bool
        The last film has no label map.

    Returns
    -------
    list of WrittenPicture
        Their label is ``"unknown"``: the set says nothing of disease.
    """
    written = []
    for number in range(1, n + 1):
        draw = generator(seed, "phantom", "ddsm-tissue", number)
        made = mammogram(draw, 900, 400, view="MLO", laterality="R")
        name = f"{'AB'[number % 2]}_{number:04d}_1.RIGHT_MLO"
        write_png(folder / "films" / f"{name}.png", _squeezed(grey_levels(made.pixels), cv2.INTER_AREA))
        if not (quirks and number == n and n > 1):
            write_png(folder / "labels" / f"{name}_LI.png", _squeezed(_labels(made), cv2.INTER_NEAREST))
        written.append(WrittenPicture(f"films/{name}.png", *SIZE_PX, "unknown"))
    return written


def _squeezed(levels: NDArray[np.uint8], interpolation: int) -> NDArray[np.uint8]:
    return cv2.resize(levels, SIZE_PX[::-1], interpolation=interpolation).astype(np.uint8)


def _labels(made: Phantom) -> NDArray[np.uint8]:
    """Return a label map: the brighter half of the breast counts as glands, which is what the picture shows."""
    breast, muscle = made.regions["breast"], made.regions["pectoral"]
    tissue = breast & ~muscle
    glands = tissue & (made.pixels > np.median(made.pixels[tissue]))
    labels = np.full(made.pixels.shape, _BACKGROUND, np.uint8)
    labels[tissue], labels[glands], labels[breast & muscle] = _FAT, _GLANDS, _MUSCLE
    return labels

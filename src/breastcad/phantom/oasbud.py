"""A made-up OASBUD: echoes of two planes a lesion, masks, classes, in one MATLAB file. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import scipy.io
from numpy.typing import NDArray

from breastcad.core.files import write_bytes
from breastcad.core.geometry import box_of_mask
from breastcad.core.seeding import generator
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.textures import Field
from breastcad.phantom.ultrasound import ultrasound

DEFAULT_N = 4
LINES = 510
STRONGEST = 16000
RANGE_DB = 50.0
_FIELDS = ("id", "rf1", "rf2", "roi1", "roi2", "birads", "class")
_LESIONS = (("malignant", "5"), ("benign", "3"), ("malignant", "4c"), ("benign", "4a"))
_HEAD = b"MATLAB 5.0 MAT-file, MADE UP by breastcad's phantom"  # in place of the time, so that the same call writes the same bytes
_WIDE = 38 / LINES / 0.01925
"""How much wider than deep a pixel is."""


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up OASBUD.

    Parameters
    ----------
    folder : Path
        Gets OASBUD.mat.
    n : int
        Lesions, two scans each: 16-bit echoes of 510 lines, a carrier whose strength is that of a made-up image.
    seed : int
    quirks : bool
        Lesions differ in their number of samples.

    Returns
    -------
    list of WrittenPicture
    """
    data = np.zeros((1, n), [(name, object) for name in _FIELDS])
    written = []
    for index in range(n):
        label, birads = _LESIONS[index % len(_LESIONS)]
        samples = 1100 + 40 * (index % 5) if quirks else 1100
        scans, masks = [], []
        for plane in (1, 2):
            draw = generator(seed, "phantom", "oasbud", index, plane)
            made = ultrasound(draw, round(samples / _WIDE), LINES, lesion=label)
            mask = cv2.resize(made.masks[0].astype(np.uint8), (LINES, samples), interpolation=cv2.INTER_NEAREST_EXACT)
            scans.append(_echoes(draw, np.asarray(cv2.resize(made.pixels, (LINES, samples)), np.float32)))
            masks.append(mask)
            box = box_of_mask(mask > 0)
            boxes = [box] if box else []
            written.append(WrittenPicture(f"OASBUD.mat/data/{index}/rf{plane}", samples, LINES, label, boxes, [label] * len(boxes)))
        data[0, index] = (f"MADEUP{index + 1:03d}", *scans, *masks, birads, float(label == "malignant"))
    stream = io.BytesIO()
    scipy.io.savemat(stream, {"data": data}, do_compression=True)
    content = stream.getvalue()
    write_bytes(folder / "OASBUD.mat", _HEAD.ljust(116) + content[116:])
    return written


def _echoes(draw: np.random.Generator, pixels: Field) -> NDArray[np.int16]:
    """Return 16-bit echoes whose envelope, over `RANGE_DB`, is the image: every line a carrier of its own phase."""
    strength = STRONGEST * 10 ** ((pixels - 1) * np.float32(RANGE_DB / 20))
    phase = draw.uniform(0, 2 * np.pi, (1, pixels.shape[1])) + np.pi / 2 * np.arange(pixels.shape[0])[:, None]
    return np.round(strength * np.cos(phase)).astype(np.int16)

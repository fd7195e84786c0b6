"""A made-up BreastMNIST: arrays of small squares and of labels in .npz files. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.files import write_bytes
from breastcad.core.seeding import generator
from breastcad.phantom.pictures import grey_levels
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.ultrasound import ultrasound

DEFAULT_N = 12
SIZES = (28, 64, 128, 224)
_LABELS = ("malignant", None, "benign")
# Seven to one to two, as the real set is parted.
_PARTS = ("train", "test", "val", "train", "train", "test", "train", "train", "train", "train")


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up BreastMNIST.

    Parameters
    ----------
    folder : Path
        Gets breastmnist_224.npz; with quirks also the other three sizes.
    n : int
        Images.
    seed : int
    quirks : bool
        Four sizes, the smallest without a size in its name; the second image shows the first again, in another part. Proportions
        are lost either way.

    Returns
    -------
    list of WrittenPicture
        Those of the largest size. Normal and benign are one label in the set, so theirs is ``"unknown"``.
    """
    written = []
    arrays: dict[int, dict[str, list[NDArray[np.uint8]]]] = {
        size: {f"{part}_images": [] for part in ("train", "val", "test")} for size in (SIZES if quirks else SIZES[-1:])
    }
    labels: dict[str, list[list[int]]] = {f"{part}_labels": [] for part in ("train", "val", "test")}
    for index in range(n):
        part = _PARTS[index % len(_PARTS)]
        scene = 0 if quirks and index == 1 else index
        label = _LABELS[scene % len(_LABELS)]
        draw = generator(seed, "phantom", "breastmnist", scene)
        made = ultrasound(draw, int(draw.integers(300, 420)), int(draw.integers(380, 560)), lesion=label).pixels
        for size, images in arrays.items():
            small = np.asarray(cv2.resize(made, (size, size), interpolation=cv2.INTER_AREA), np.float32)
            images[f"{part}_images"].append(grey_levels(small))
        place = f"breastmnist_224.npz/{part}_images/{len(labels[f'{part}_labels'])}"
        labels[f"{part}_labels"].append([0 if label == "malignant" else 1])
        written.append(WrittenPicture(place, SIZES[-1], SIZES[-1], "malignant" if label == "malignant" else "unknown"))
    for size, images in arrays.items():
        suffix = "" if size == SIZES[0] else f"_{size}"
        stacks: dict[str, Any] = {name: np.array(own, np.uint8).reshape(-1, size, size) for name, own in images.items()}
        stream = io.BytesIO()
        stacks |= {name: np.array(own, np.uint8).reshape(-1, 1) for name, own in labels.items()}
        np.savez_compressed(stream, **stacks)
        write_bytes(folder / f"breastmnist{suffix}.npz", stream.getvalue())
    return written

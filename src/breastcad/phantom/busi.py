"""A made-up BUSI: folders by class, RGB images, masks beside them. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.seeding import generator
from breastcad.phantom.pictures import grey_levels, write_png
from breastcad.phantom.record import Phantom, WrittenPicture
from breastcad.phantom.textures import Field
from breastcad.phantom.ultrasound import ultrasound

DEFAULT_N = 12
TREE = "Dataset_BUSI_with_GT"
CALIPER_SHARE = 0.4
_ORDER = ("benign", "malignant", "normal", "benign", "malignant", "benign")
_YELLOW = (255, 214, 0)
_SEVERAL, _TWIN, _COLOURED = ("benign", 10), ("malignant", 1), ("benign", 2)


@dataclass(slots=True)
class _Image:
    label: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.label} ({self.number})"

    @property
    def key(self) -> tuple[str, int]:
        return self.label, self.number


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up BUSI.

    Parameters
    ----------
    folder : Path
        Gets a folder `Dataset_BUSI_with_GT`.
    n : int
        Images; three benign and two malignant to one normal.
    seed : int
    quirks : bool
        An image with three masks, one of them RGBA; coloured calipers; the same scene under two classes.

    Returns
    -------
    list of WrittenPicture
    """
    return [_write_image(folder, image, seed, quirks) for image in _planned(n, quirks)]


def _planned(n: int, quirks: bool) -> list[_Image]:
    """Number the images by class; with quirks ``benign (10)`` comes second, since ``benign (1)`` is the beginning of its name."""
    images: list[_Image] = []
    for index in range(n):
        label = _ORDER[index % len(_ORDER)]
        earlier = sum(image.label == label for image in images)
        numbers = [1, 10, *range(2, 10), *range(11, n + 11)] if quirks and label == "benign" else range(1, n + 1)
        images.append(_Image(label, numbers[earlier]))
    return images


def _write_image(folder: Path, image: _Image, seed: int, quirks: bool) -> WrittenPicture:
    """Write one image and its masks."""
    place = folder / TREE / image.label
    made = _made(image, seed, quirks)
    levels = np.repeat(grey_levels(made.pixels)[:, :, None], 3, axis=2)
    if quirks and image.key == _COLOURED:
        levels[made.regions["overlay"]] = _YELLOW
    write_png(place / f"{image.name}.png", levels)
    if image.label == "normal":
        write_png(place / f"{image.name}_mask.png", np.zeros_like(levels))
    for index, mask in enumerate(made.masks):
        suffix = f"_{index}" if index else ""
        write_png(place / f"{image.name}_mask{suffix}.png", _rgba(mask) if index == 1 else mask)
    path = f"{TREE}/{image.label}/{image.name}.png"
    return WrittenPicture(path, levels.shape[0], levels.shape[1], image.label, made.boxes, [image.label] * len(made.lesions))


def _made(image: _Image, seed: int, quirks: bool) -> Phantom:
    """Make an image; with quirks ``malignant (1)`` is ``benign (1)`` again, taken a moment later."""
    twin = quirks and image.key == _TWIN
    scene = _Image("benign", 1) if twin else image
    draw = generator(seed, "phantom", "busi", scene.label, scene.number)
    rows, cols = int(draw.integers(340, 500)), int(draw.integers(400, 640))
    several = quirks and image.key == _SEVERAL
    lesion = None if scene.label == "normal" else [scene.label] * (3 if several else 1)
    calipers = bool(draw.random() < CALIPER_SHARE) or (quirks and scene.key == _COLOURED)
    made = ultrasound(draw, rows, cols, lesion=lesion, calipers=calipers)
    if twin:
        made.pixels = _later(made.pixels, generator(seed, "phantom", "busi", "twin"))
    return made


def _later(pixels: Field, draw: np.random.Generator) -> Field:
    """Return the same scene with other gain and a little noise: a near-duplicate, not a copy."""
    noise = draw.normal(0, 0.01, pixels.shape)
    return np.clip(pixels**1.08 * 1.03 + noise, 0, 1).astype(np.float32)


def _rgba(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    levels = np.repeat(np.where(mask, 255, 0).astype(np.uint8)[:, :, None], 4, axis=2)
    levels[:, :, 3] = 255
    return levels

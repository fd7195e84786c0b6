"""Applying drawn operations to an image and all that is marked on it: the same operations give the same sample, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breastcad.augment.geometry import BORDERS, bent, bent_box, displacements, frame_of, moved, moved_points
from breastcad.augment.operations import ELASTIC, FRAME, TONE, Operation
from breastcad.augment.tones import toned
from breastcad.core.geometry import Box, Point, box_area, box_intersection, box_of_mask

WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(np.float32): 1}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one finding lies: a mask, (H, W) bool, a box, or both. A box of None, after `replay`, says that nothing of it is left."""

    box: Box | None = None
    mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """An image with what is marked on it.

    ``image`` is (H, W), uint8, uint16 or float32 in [0, 1]; ``codes`` a map of small numbers, (H, W) uint8, such as a lesion map.
    """

    image: NDArray[Any]
    places: tuple[Place, ...] = ()
    codes: NDArray[np.uint8] | None = None

    @property
    def gone(self) -> list[int]:
        """The numbers of the places of which nothing is left in the frame."""
        return [number for number, place in enumerate(self.places) if place.box is None]


def replay(example: Example, operations: Sequence[Operation], *, border: str = "black", keep_black: bool = True) -> Example:
    """Apply operations to an image, its places and codes together.

    Operations of the kind `FRAME` that follow one another are one interpolation; flips, quarter turns, whole shifts and cuts are none.
    Masks and codes take the nearest pixel, so that they stay what they are.

    Parameters
    ----------
    example : Example
        Stays as it is.
    operations : sequence of Operation
    border : str
        What lies outside the image: ``black``, or its ``mirror`` image, with what is marked there.
    keep_black : bool
        Operations on grey levels leave black pixels black.

    Returns
    -------
    Example
        The image of the type that it had. A place's box is the tight box of its moved mask; without a mask, of its moved outline,
        clipped to the frame. It is None where nothing is left.

    Raises
    ------
    ValueError
        If the image is empty, not two-dimensional, of another type or out of range, a mask or map has another shape, or a place has
        neither mask nor box.
    """
    _check(example, border)
    kind = example.image.dtype
    # Grey levels are rounded once, at the end; what only moves pixels keeps their type.
    toning = any(one.moves == TONE for one in operations)
    levels = example.image.astype(np.float32) / np.float32(WHITE[kind]) if toning else example.image.copy()
    current = replace(example, image=levels, places=tuple(_outlined(place) for place in example.places))
    for moves, group in groupby(operations, key=lambda one: one.moves):
        steps = list(group)
        if moves == FRAME:
            current = _in_frame(current, steps, border)
        elif moves == ELASTIC:
            for step in steps:
                current = _bent(current, step, border)
        else:
            current = replace(current, image=toned(current.image, steps, keep_black=keep_black))
    return replace(current, image=_of_type(current.image, kind)) if toning else current


def _check(example: Example, border: str) -> None:
    image = example.image
    if border not in BORDERS:
        raise ValueError(f"border must be one of {', '.join(BORDERS)}, got {border!r}")
    if image.ndim != 2 or image.size == 0:
        raise ValueError(f"image must be two-dimensional and have a pixel, got the shape {image.shape}")
    if image.dtype not in WHITE:
        raise ValueError(f"image must be uint8, uint16 or float32, got {image.dtype}")
    low, high = image.min(), image.max()
    if image.dtype == np.float32 and not (low >= 0 and high <= 1):
        raise ValueError(f"image must be finite and in [0, 1], got {low} to {high}")
    maps = {"codes": example.codes, **{f"the mask of place {number}": place.mask for number, place in enumerate(example.places)}}
    for name, one in maps.items():
        if one is not None and one.shape != image.shape:
            raise ValueError(f"{name} must have the image's shape {image.shape}, got {one.shape}")


def _of_type(levels: NDArray[np.float32], kind: np.dtype[Any]) -> NDArray[Any]:
    return levels if kind == np.float32 else np.rint(levels * np.float32(WHITE[kind])).astype(kind)


def _outlined(place: Place) -> Place:
    """Return a place with its box, the mask's where there is one."""
    if place.mask is None:
        if place.box is None:
            raise ValueError("a place must have a mask or a box, got neither")
        return place
    return Place(box_of_mask(place.mask), place.mask)


def _in_frame(current: Example, steps: Sequence[Operation], border: str) -> Example:
    frame = frame_of(steps, _shape(current))

    def place(old: Place) -> Place:
        if old.mask is not None:
            mask = moved(old.mask, frame, border, nearest=True)
            return Place(box_of_mask(mask), mask)
        return Place(None if old.box is None else _box_of(moved_points(_corners(old.box), frame), frame.shape))

    return Example(
        moved(current.image, frame, border),
        tuple(place(old) for old in current.places),
        None if current.codes is None else moved(current.codes, frame, border, nearest=True),
    )


def _bent(current: Example, step: Operation, border: str) -> Example:
    aside = displacements(_shape(current), **step.parameters)

    def place(old: Place) -> Place:
        if old.mask is not None:
            mask = bent(old.mask, aside, border, nearest=True)
            return Place(box_of_mask(mask), mask)
        return Place(None if old.box is None else bent_box(old.box, aside))

    return Example(
        bent(current.image, aside, border),
        tuple(place(old) for old in current.places),
        None if current.codes is None else bent(current.codes, aside, border, nearest=True),
    )


def _shape(current: Example) -> tuple[int, int]:
    return current.image.shape[0], current.image.shape[1]


def _corners(box: Box) -> list[Point]:
    return [(box[0], box[1]), (box[0], box[3]), (box[2], box[3]), (box[2], box[1])]


def _box_of(points: Sequence[Point], shape: tuple[int, int]) -> Box | None:
    """Return the tight box of points within a frame; None where it holds nothing of it."""
    rows, cols = zip(*points, strict=True)
    box = box_intersection((min(rows), min(cols), max(rows), max(cols)), (0.0, 0.0, float(shape[0]), float(shape[1])))
    return box if box_area(box) > 0 else None

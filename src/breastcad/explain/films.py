"""What networks are fed of a whole image, and what they say of it: in one pass, or window by window where they take one size only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.core.geometry import Box
from breastcad.core.placement import Placement
from breastcad.evaluate.boxes import ScoredBox, boxes_from_map, merged, non_maximum_suppression
from breastcad.explain.maps import check_method, class_map
from breastcad.preprocess.breast import breast_mask

STRIDE_PX = 32
"""Sides of what is fed are whole multiples of it, so that each place of a backbone's last map stands for as much of the image."""
SMALLEST_MAP = 3
SHOWN_PX = 1024
MERGED_SHARE, OVERLAP = 0.25, 0.3
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Film:
    """What is fed of an image: ``array`` (rows, cols) float32 in [0, 1], its ``place`` on the source, ``inside``: the breast, of bool."""

    array: NDArray[np.float32]
    place: Placement
    inside: NDArray[np.bool_]

    def box(self) -> Box:
        """Return the part of the picture that the array shows."""
        rows, cols = self.array.shape
        return self.place.to_source((0.0, 0.0, float(rows), float(cols)))

    def over_picture(self, values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
        """Return a map (h, w) over all of the array laid over its picture of a shape, at most `SHOWN_PX` a side; 0 beside the array."""
        factor = min(1.0, SHOWN_PX / max(shape))
        rows, cols = (max(1, round(side * factor)) for side in shape)
        top, left, bottom, right = self.box()
        row, col = min(rows - 1, round(top * factor)), min(cols - 1, round(left * factor))
        height, width = max(1, round(bottom * factor) - row), max(1, round(right * factor) - col)
        whole = np.zeros((rows, cols), np.float32)
        whole[row : row + height, col : col + width] = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
        return whole

    def place_of(self, values: NDArray[Any]) -> Placement:
        """Return the placement on the source of a map (h, w) over all of the array."""
        rows, cols = self.array.shape
        return self.place.resized((rows, cols), (values.shape[0], values.shape[1]))


def fed_film(pixels: NDArray[np.float32], size: tuple[int, int], *, has_breast: bool) -> Film:
    """Resize an image by area, and look for the breast.

    As whole images and windows that are not square are resized for training; square windows are by Pillow's bilinear filter there.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    size : (int, int)
        Rows and columns to feed.
    has_breast : bool
        A mammogram, whose breast is looked for; of others, and where none is found, all is inside.

    Returns
    -------
    Film
        Grey in steps of 1/255, as training had it.
    """
    array = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA)
    array = np.round(np.clip(array, 0, 1) * 255).astype(np.float32) / np.float32(255)
    inside = breast_mask(array) if has_breast else np.ones(size, bool)
    place = Placement().resized((pixels.shape[0], pixels.shape[1]), size)
    return Film(array, place, inside if inside.any() else np.ones(size, bool))


def film_size(shape: tuple[int, int], scale: tuple[float, float]) -> tuple[int, int]:
    """Return the rows and columns at which an image is fed, of so many fed pixels a source pixel down and across.

    Examples
    --------
    >>> film_size((800, 800), (0.72, 0.56))
    (576, 448)
    """
    rows, cols = (max(STRIDE_PX, STRIDE_PX * round(side * share / STRIDE_PX)) for side, share in zip(shape, scale, strict=True))
    return rows, cols


@dataclass(frozen=True, slots=True)
class Look:
    """What networks say of an image.

    ``values`` (h, w) over all that was fed, above 0 where boxes may lie; ``boxes`` in source pixels; ``base``: what was taken off a map by
    CAM, its mean (else 0); ``probability`` of the class.
    """

    values: NDArray[np.float32]
    boxes: list[ScoredBox]
    base: float
    probability: float


@dataclass(frozen=True, slots=True)
class Looker:
    """Networks (of one fold; their maps are averaged) that are asked for a class by a method.

    ``window``: the one size that the networks take; images are then seen window by window, at half a window's stride, those that hold no
    breast left out. ``level`` and ``most`` are as of `evaluate.boxes.boxes_from_map`.

    Maps by CAM lie below 0 where a place speaks against the class, and everywhere in many an image. Their mean, which is the image's logit
    but for the bias, is taken off: what is left above 0 speaks more for the class than the image does. (The authors take off the lowest
    value, by which a box may become the whole image.) A box's score is the map's own peak, mean and all.
    """

    networks: Sequence[Any]
    classes: Sequence[int]
    method: str
    window: tuple[int, int] | None = None
    level: float = 0.5
    most: int = 5
    heads: ClassVar[tuple[str, ...]] = ("head",)

    def check(self) -> None:
        """Refuse networks of which maps by the method cannot be had: InputError."""
        for network in self.networks:
            check_method(network, self.method)

    def look(self, film: Film) -> Look:
        """Return map, boxes and probability of an image.

        Window by window the map is the highest of the windows', the boxes are the windows' own put together (`evaluate.boxes.merged`),
        of those that still overlap the best.

        Raises
        ------
        InputError
            As `maps.class_map` does, or if what is fed is smaller than a window, or its map has less than three places a side.
        """
        values, boxes, base = self._seen(film)
        if min(values.shape) < SMALLEST_MAP:
            raise InputError(
                f"an image of {film.array.shape[0]} x {film.array.shape[1]} has a map of {values.shape[0]} x {values.shape[1]}, too coarse "
                "to say where; feed it larger, with --rows and --cols"
            )
        return Look(values, boxes, base, float(self.probabilities(film.array[None], film.inside)[0]))

    def values(self, film: Film) -> NDArray[np.float32]:
        """Return the map of an image alone, of any size."""
        return self._seen(film)[0]

    def _seen(self, film: Film) -> tuple[NDArray[np.float32], list[ScoredBox], float]:
        if self.window is not None:
            return *self._slid(film, self.window), 0.0
        values = self._map(film.array)
        base = float(values.mean()) if self.method == "cam" else 0.0
        above = values - np.float32(base)
        boxes = boxes_from_map(above, film.place_of(values), level=self.level, most=self.most)
        return above, [replace(one, score=one.score + base) for one in boxes], base

    def _map(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        each = [class_map(network, array, self.classes, self.method).values for network in self.networks]
        return np.asarray(np.mean(each, axis=0), np.float32)

    def _slid(self, film: Film, window: tuple[int, int]) -> tuple[NDArray[np.float32], list[ScoredBox]]:
        highest, found = np.zeros(film.array.shape, np.float32), list[ScoredBox]()
        for row, col in _corners(film.inside, window):
            own = np.s_[row : row + window[0], col : col + window[1]]
            values = self._map(film.array[own])
            highest[own] = np.maximum(highest[own], cv2.resize(values, window[::-1], interpolation=cv2.INTER_LINEAR))
            place = film.place.cropped(row, col).resized(window, (values.shape[0], values.shape[1]))
            found += boxes_from_map(values, place, level=self.level, most=self.most)
        joined = merged(found, share=MERGED_SHARE)  # unions may overlap one another
        return highest, non_maximum_suppression(joined, iou=OVERLAP)[: self.most]

    @torch.no_grad()
    def probabilities(self, arrays: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the probability of the class (softmax, not calibrated) of images (N, rows, cols); of windows the highest."""
        if self.window is None:
            return self._asked(arrays)
        rows, cols = self.window
        corners = _corners(inside, self.window)
        windows = np.stack([image[row : row + rows, col : col + cols] for image in arrays for row, col in corners])
        return self._asked(windows).reshape(len(arrays), len(corners)).max(1)

    def _asked(self, arrays: NDArray[np.float32]) -> NDArray[np.float64]:
        said = []
        device = next(self.networks[0].parameters()).device
        for part in torch.from_numpy(np.ascontiguousarray(arrays, np.float32))[:, None].split(_AT_ONCE if self.window else 4):
            each = [network.head(network.features(part.to(device))) for network in self.networks]
            logits = torch.stack(each).mean(0)
            said.append(torch.softmax(logits.double(), 1)[:, list(self.classes)].sum(1).cpu().numpy())
        return np.concatenate(said)


def _corners(inside: NDArray[np.bool_], window: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the top left corners of the windows that hold breast, half a window apart, the last ones at the border."""
    if inside.shape[0] < window[0] or inside.shape[1] < window[1]:
        raise InputError(
            f"the network takes windows of {window[0]} x {window[1]}, and the image is fed at {inside.shape[0]} x {inside.shape[1]}; "
            "feed it larger, with --rows and --cols"
        )
    starts = [
        sorted({*range(0, side - own, max(1, own // 2)), side - own}) for side, own in zip(inside.shape, window, strict=True)
    ]  # fmt: skip
    corners = [(row, col) for row in starts[0] for col in starts[1]]
    return [(row, col) for row, col in corners if inside[row : row + window[0], col : col + window[1]].any()]

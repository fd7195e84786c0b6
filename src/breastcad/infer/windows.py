"""A classifier of windows in a model file: how it sees a film, and what it says of images that hold one window or many. By onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from breastcad.core.errors import InputError
from breastcad.infer.graph import Dims, Graph

LONGEST_FILM_PX = 16_384
"""A film may have so many network pixels a side; at a scale above one a large picture would fill any memory."""
WORDS = ("logits", "window_logits")


@dataclass(frozen=True, slots=True)
class Halo:
    """So many places of a map after a cut of the image, and before one, are not what they would be without it."""

    before: int
    after: int


class WindowModel(Graph):
    """A classifier's file and its session.

    Attributes
    ----------
    modality : str
    classes : list of str
    window : (int, int)
        Rows and columns of a window, in network pixels.
    stride : int
        Of the last map, in network pixels; ``places`` (rows, cols) of it are a window's own map.
    halo : Halo or None
        None where each place of the map sees the whole image.

    Parameters
    ----------
    path : Path
        An .onnx file with breastcad's metadata, as `breastcad train` writes for a classifier whose head pools.

    Raises
    ------
    ReadError
        If the file is no such model, or its graph does not fit its metadata.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "windows")
        facts = self.facts
        self.modality: str = facts["modality"]
        self.classes: list[str] = facts["classes"]
        self.window: tuple[int, int] = facts["window"]["rows"], facts["window"]["cols"]
        self.stride: int = facts["grid"]["stride"]
        self.places: tuple[int, int] = max(1, facts["grid"]["rows"]), max(1, facts["grid"]["cols"])
        self.halo = None if facts["grid"]["halo"] is None else Halo(**facts["grid"]["halo"])
        several = None, facts["folds"], len(self.classes)
        self._shapes: dict[str, Dims] = {"logits": several, "window_logits": (*several, None, None)}
        self.check((None, 1, None, None), self._shapes, "folds and classes")

    def image_logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits (N, F, K) float32 of images (N, 1, rows, cols), each as one window: of F folds and K classes."""
        return self.outputs(images, {"logits": self._shapes["logits"]}, len(images) * self.facts["folds"] * len(self.classes))[0]

    def window_logits(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits (F, K, i, j) float32 of each window of an image (rows, cols), `stride` apart; see `dense.Lattice`.

        Raises
        ------
        InputError
            As `Graph.outputs`, or if the graph gives another number of windows than the image holds.
        """
        count = tuple((side - own) // self.stride + 1 for side, own in zip(image.shape, self.window, strict=True))
        shape: Dims = (1, self.facts["folds"], len(self.classes), *count)
        most = self.facts["folds"] * len(self.classes) * count[0] * count[1]
        given = np.ascontiguousarray(image[None, None], np.float32)
        return self.outputs(given, {"window_logits": shape}, most)[0][0]

    def check_scale(self, scale: float | None) -> None:
        """Refuse to go without a scale where the metadata do not say how large a film is: InputError."""
        if scale is None and not {"rows", "scale"} & self.facts["film"].keys():
            raise InputError(f"the model {self.facts['id']} was trained on windows of many sizes; say how large a film is with --scale")

    def film(self, pixels: NDArray[np.float32], scale: float | None = None) -> NDArray[np.float32]:
        """Return a picture in network pixels, as the training's windows were cut: resized once, rounded to 256 levels.

        Parameters
        ----------
        pixels : (H, W) ndarray of float32
            In [0, 1].
        scale : float, optional
            Network pixels a pixel, in place of what the model's metadata say.

        Returns
        -------
        (rows, cols) ndarray of float32
            In [0, 1].

        Raises
        ------
        InputError
            If neither says how large a film is, or it would have more than `LONGEST_FILM_PX` a side.
        """
        self.check_scale(scale)
        rule: Mapping[str, Any] = self.facts["film"]
        factor = rule.get("scale") if scale is None else scale
        if factor is None:
            size = rule["rows"], rule["cols"]
        else:
            size = max(1, round(pixels.shape[0] * factor)), max(1, round(pixels.shape[1] * factor))
        if max(size) > LONGEST_FILM_PX:
            raise InputError(f"the film would have {size[0]} x {size[1]} network pixels, at most {LONGEST_FILM_PX} a side are taken")
        seen: NDArray[Any] = pixels
        if size != pixels.shape and rule["filter"] == "area":
            seen = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA)
        elif size != pixels.shape:
            seen = np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BILINEAR))
        return np.asarray(np.round(np.clip(seen, 0, 1) * 255) / 255, np.float32)

"""Films and a classifier of windows to heat maps, one film at a time: the probability of a class in every window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import breastcad
from breastcad.core.errors import InputError
from breastcad.core.records import NOTICE, Picture, Skipped
from breastcad.evaluate.classes import classes_meant
from breastcad.infer.dense import MEMORY_MIB, Tell, check_way, laid_over, lattice, probabilities, window_logits
from breastcad.infer.image import HEAT_MAP_LONG_SIDE_PX
from breastcad.infer.inputs import InputFile, list_files
from breastcad.infer.pictures import MODALITIES, NotForAnalysis, Pictures
from breastcad.infer.windows import WindowModel
from breastcad.models.catalogue import find_model

SCHEMA = "breastcad-heatmaps/1"
USUALLY = "malignant"


@dataclass(slots=True)
class MappedImage:
    """A picture's row in heatmap.json.

    ``film`` is its size in network pixels; ``grid`` how windows lie on it: [i, j] of the map is the window whose upper left corner is at
    (i, j) times ``step``, ``window`` high and wide, both in pixels of the picture, rows first; ``highest`` the largest value and its
    window's box. The names of files are filled in by who writes them.
    """

    image: str
    argument: int
    source: str
    frame: int | None
    sha256: str
    rows: int
    cols: int
    film: list[int]
    grid: dict[str, Any]
    highest: dict[str, Any]
    warnings: list[str]
    files: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Mapped:
    """One picture, for as long as it is held: ``values`` (i, j) float32 of its windows, ``heat_map`` (h, w) the same laid over it."""

    result: MappedImage
    picture: Picture
    values: NDArray[np.float32]
    heat_map: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How heat maps are made: ``how``, ``stride`` and ``memory_mib`` as of `dense.window_logits`, ``scale`` of `WindowModel.film`.

    ``of`` is one of `evaluate.classes.classes_meant`.
    """

    how: str = "dense"
    stride: int | None = None
    of: str | None = None
    scale: float | None = None
    memory_mib: float = MEMORY_MIB


class HeatMaps(Pictures[Mapped]):
    """One call of `heat_maps`: iterate over it once, then let `assemble` join what came.

    Attributes
    ----------
    tell : callable or None
        Takes how much of the present film is done, and how much there is.
    """

    def __init__(self, files: Sequence[InputFile], model: WindowModel, wanted: Wanted) -> None:
        super().__init__(files)
        known = classes_meant([name.split("+") for name in model.classes])
        self.of = wanted.of or (USUALLY if USUALLY in known else model.classes[-1])
        if self.of not in known:
            raise InputError(f"the model {model.facts['id']} says nothing of '{self.of}'; it knows {', '.join(known)}")
        check_way(model, wanted.how, wanted.stride)
        model.check_scale(wanted.scale)
        self._model, self._wanted, self._classes = model, wanted, known[self.of]
        self.tell: Tell | None = None

    def assemble(self, images: Sequence[MappedImage], skipped: Sequence[Skipped]) -> dict[str, Any]:
        """Return what heatmap.json holds; identifiers that became known late are taken out of the earlier results too."""
        for image in images:
            image.source = self._names.source(image.source)
        for item in skipped:
            item.source = self._names.source(item.source)
        facts, stride = self._model.facts, self._wanted.stride or self._model.stride
        return {
            "schema": SCHEMA,
            "breastcad": breastcad.__version__,
            "notice": NOTICE,
            "model": {name: facts[name] for name in ("id", "version", "modality", "classes", "shortened")} | {"sha256": self._model.sha256},
            "how": self._wanted.how,
            "stride": stride,
            "of": self.of,
            "range": [0, 1],
            "images": list(images),
            "skipped": list(skipped),
        }

    def _analysed(self, file: InputFile, picture: Picture, sha256: str, image_id: str) -> Mapped:
        model, wanted = self._model, self._wanted
        if picture.modality in MODALITIES and picture.modality != model.modality:
            raise NotForAnalysis(f"the model {model.facts['id']} is for {model.modality}, but the file says {picture.modality}")
        film = model.film(picture.pixels, wanted.scale)
        size, shape = (film.shape[0], film.shape[1]), (picture.pixels.shape[0], picture.pixels.shape[1])
        logits = window_logits(model, film, how=wanted.how, stride=wanted.stride, memory_mib=wanted.memory_mib, progress=self.tell)
        values = probabilities(logits, model.facts["temperature"])[self._classes].sum(axis=0)
        windows = lattice(size, model.window, wanted.stride or model.stride)
        ratio = shape[0] / size[0], shape[1] / size[1]
        step, window = (
            [round(side * one, 4) for side, one in zip(sides, ratio, strict=True)] for sides in ((windows.stride,) * 2, model.window)
        )
        row, col = (int(place) for place in np.unravel_index(values.argmax(), values.shape))
        corner = row * step[0], col * step[1]
        box = [corner[0], corner[1], min(shape[0], corner[0] + window[0]), min(shape[1], corner[1] + window[1])]
        said = [self._names.text(text) for text in picture.warnings]
        padded = [f"the film has {size[0]} x {size[1]} network pixels, less than a window, and was padded with black"]
        factor = min(1.0, HEAT_MAP_LONG_SIDE_PX / max(shape))
        small = max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))
        result = MappedImage(
            image_id, file.argument, self._names.source(file.relative), picture.frame, sha256, *shape, list(size),
            {"rows": windows.rows, "cols": windows.cols, "step": step, "window": window},
            {"probability": round(float(values[row, col]), 6), "box": [round(side, 2) for side in box]},
            [*said, *(padded if size[0] < model.window[0] or size[1] < model.window[1] else [])],
        )  # fmt: skip
        return Mapped(result, picture, values, np.clip(laid_over(values, windows, size, small), 0, 1))


def heat_maps(arguments: Sequence[str | Path], model: str | Path, wanted: Wanted | None = None) -> HeatMaps:
    """Draw heat maps of files and folders, one picture at a time.

    Parameters
    ----------
    arguments : sequence of str or Path
        Files and folders; folders are walked in sorted order, without hidden files.
    model : str or Path
        An .onnx file, or a run folder that holds model.onnx, of a classifier of windows.
    wanted : Wanted, optional

    Returns
    -------
    HeatMaps
        An iterator of `Mapped` and `Skipped`; its `assemble` joins them. No picture is read before it is iterated.

    Raises
    ------
    InputError
        If an argument does not exist, there is no such model, or what is wanted is none of its classes or ways.
    """
    return HeatMaps(list_files(arguments), WindowModel(find_model(model)), wanted or Wanted())

"""A model file, loaded once: from a picture's pixels to each fold's outputs. By onnxruntime, on the processor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box
from breastcad.core.records import ModelUsed
from breastcad.infer.graph import Dims, Graph
from breastcad.preprocess.inputs import ModelInput, prepare


@dataclass(slots=True)
class Outputs:
    """What a network says of one image, before any calibration.

    ``maps`` is (F, 2, h, w) float32: for each fold the logits of [lesion, malignant given lesion] of each map pixel, the mean of
    the fold's members; ``logits`` is (F, M, 2) float32: those of [abnormal, malignant given abnormal] of the image, of each member.
    ``unlike`` is (F, 2) float32: how far the image, and the image upside down, lies from what each fold saw in training, 1 being as
    far as 99 % of its validation images lie at most; None of a model that does not say.
    """

    maps: NDArray[np.float32]
    logits: NDArray[np.float32]
    unlike: NDArray[np.float32] | None = None


class Model(Graph):
    """A lesion model's file and its session.

    Parameters
    ----------
    path : Path
        An .onnx file with breastcad's metadata.

    Raises
    ------
    ReadError
        If the file is no lesion model of breastcad, or its graph does not fit its metadata.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "lesion")
        self.used = ModelUsed(self.facts["id"], self.facts["version"], self.sha256, float(self.facts["score_floor"]))
        self.modality: str = self.facts["modality"]
        self.pipeline, self.rows, self.cols = (self.facts["input"][name] for name in ("pipeline", "rows", "cols"))
        self._members: int = self.facts["members"]
        networks = self.facts["folds"] * self._members
        self._shapes: dict[str, Dims] = {"maps": (None, networks, 2, None, None), "logits": (None, networks, 2)}
        if self.facts["unlike"]:
            self._shapes["unlike"] = (None, self.facts["folds"], 2)
        self.check((None, 1, self.rows, self.cols), self._shapes, "folds times members")

    def run(self, pixels: NDArray[np.float32], part: Box | None = None) -> tuple[ModelInput, Outputs]:
        """Prepare a picture and pass it through the network.

        Parameters
        ----------
        pixels : (H, W) ndarray of float32
            In [0, 1], as `core.records.Picture` has them.
        part : (row0, col0, row1, col1), optional
            Whole pixels; only this part of the picture is looked at.

        Returns
        -------
        ModelInput
            What the network saw, in the frame of the whole picture, to lay its maps over it.
        Outputs

        Raises
        ------
        InputError
            If the graph cannot be run or is stopped, or what it gives is not of the form that its metadata say.
        """
        row0, col0, row1, col1 = (0, 0, *pixels.shape) if part is None else map(int, part)
        seen = prepare(pixels[row0:row1, col0:col1], self.pipeline, self.rows, self.cols)
        seen.box = seen.box[0] + row0, seen.box[1] + col0, seen.box[2] + row0, seen.box[3] + col0
        most = self.facts["folds"] * self._members * 2 * self.rows * self.cols  # maps are no larger than the input
        maps, logits, *unlike = self.outputs(np.ascontiguousarray(seen.array[None, None], np.float32), self._shapes, most)
        by_fold = maps[0].reshape(-1, self._members, *maps.shape[2:])
        said = Outputs(by_fold.mean(axis=1), logits[0].reshape(-1, self._members, logits.shape[2]))
        said.unlike = unlike[0][0] if unlike else None
        return seen, said

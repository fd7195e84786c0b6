"""A model file, loaded once: from a picture's pixels to each fold's outputs. By onnxruntime, on the processor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.core.geometry import Box
from breastcad.core.records import ModelUsed
from breastcad.models.catalogue import metadata_of, open_session
from breastcad.preprocess.inputs import PIPELINES, ModelInput, prepare

INPUT_NAME, OUTPUT_NAMES = "image", ["maps", "logits"]


@dataclass(slots=True)
class Outputs:
    """What a network says of one image, before any calibration.

    ``maps`` is (F, 2, h, w) float32: for each fold the logits of [lesion, malignant given lesion] of each map pixel, the mean of
    the fold's members; ``logits`` is (F, M, 2) float32: those of [abnormal, malignant given abnormal] of the image, of each member.
    """

    maps: NDArray[np.float32]
    logits: NDArray[np.float32]


class Model:
    """A model file and its session.

    Parameters
    ----------
    path : Path
        An .onnx file with breastcad's metadata.

    Raises
    ------
    ReadError
        If the file is no model of breastcad, or needs a pipeline that this breastcad does not have.
    """

    def __init__(self, path: Path) -> None:
        self._session = open_session(path)
        self.facts: dict[str, Any] = metadata_of(self._session, path)
        self.used = ModelUsed(self.facts["id"], self.facts["version"], _sha256(path), float(self.facts["score_floor"]))
        self.modality: str = self.facts["modality"]
        self.pipeline, self.rows, self.cols = _input(path, self.facts["input"])
        outputs = [output.name for output in self._session.get_outputs()]
        names = " and ".join(map(repr, OUTPUT_NAMES))
        if [entry.name for entry in self._session.get_inputs()] != [INPUT_NAME] or not set(OUTPUT_NAMES) <= set(outputs):
            raise ReadError(path, f"its graph must turn '{INPUT_NAME}' into {names}; export the model again")
        self._members = _members(path, self.facts, {output.name: output.shape for output in self._session.get_outputs()})

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
        """
        row0, col0, row1, col1 = (0, 0, *pixels.shape) if part is None else map(int, part)
        seen = prepare(pixels[row0:row1, col0:col1], self.pipeline, self.rows, self.cols)
        seen.box = seen.box[0] + row0, seen.box[1] + col0, seen.box[2] + row0, seen.box[3] + col0
        maps, logits = self._session.run(OUTPUT_NAMES, {INPUT_NAME: np.ascontiguousarray(seen.array[None, None], np.float32)})
        by_fold = maps[0].reshape(-1, self._members, *maps.shape[2:])
        return seen, Outputs(by_fold.mean(axis=1), logits[0].reshape(-1, self._members, logits.shape[2]))


def _input(path: Path, given: dict[str, Any]) -> tuple[str, int, int]:
    pipeline, rows, cols = given.get("pipeline"), given.get("rows"), given.get("cols")
    if pipeline not in PIPELINES:
        raise ReadError(path, f"needs the pipeline '{pipeline}', which this breastcad does not have; update breastcad")
    if not (isinstance(rows, int) and isinstance(cols, int) and rows > 0 and cols > 0):
        raise ReadError(path, f"its input must have positive rows and cols, got {rows} x {cols}; export the model again")
    return pipeline, rows, cols


def _members(path: Path, facts: dict[str, Any], shapes: dict[str, list[int | str]]) -> int:
    """Return how many networks a fold has; files written before there could be several do not say it."""
    members, folds = facts.get("members", 1), facts.get("folds")
    networks = [shapes[name][1] for name in OUTPUT_NAMES]
    if not (isinstance(members, int) and isinstance(folds, int) and members > 0 and networks == [members * folds] * len(networks)):
        raise ReadError(path, f"its graph has {networks[0]} networks, its metadata {folds} folds of {members}; export the model again")
    return members


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

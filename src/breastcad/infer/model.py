"""A model file, loaded once: from a picture's pixels to each fold's outputs. By onnxruntime, on the processor."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from breastcad.core.errors import InputError, ReadError
from breastcad.core.geometry import Box
from breastcad.core.records import ModelUsed
from breastcad.models.catalogue import QUIET, metadata_of, open_session, read_model
from breastcad.models.metadata import LARGEST_NUMBER
from breastcad.preprocess.inputs import ModelInput, prepare

INPUT_NAME = "image"
LONGEST_RUN_S = 300.0
"""A graph that is not done with one image by then is stopped; those of the bundled models take a second or two."""
Dims = Sequence[int | str | None]


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


class Model:
    """A model file and its session.

    Parameters
    ----------
    path : Path
        An .onnx file with breastcad's metadata.

    Raises
    ------
    ReadError
        If the file is no model of breastcad, or its graph does not fit its metadata.
    """

    def __init__(self, path: Path) -> None:
        content = read_model(path)
        self._session = open_session(path, content)
        self._stopped = False
        self.facts: dict[str, Any] = metadata_of(self._session, path)
        sha256 = hashlib.sha256(content).hexdigest()
        self.used = ModelUsed(self.facts["id"], self.facts["version"], sha256, float(self.facts["score_floor"]))
        self.modality: str = self.facts["modality"]
        self.pipeline, self.rows, self.cols = (self.facts["input"][name] for name in ("pipeline", "rows", "cols"))
        self._members: int = self.facts["members"]
        networks = self.facts["folds"] * self._members
        self._shapes: dict[str, Dims] = {"maps": (None, networks, 2, None, None), "logits": (None, networks, 2)}
        if self.facts["unlike"]:
            self._shapes["unlike"] = (None, self.facts["folds"], 2)
        _check_graph(path, self._session, (None, 1, self.rows, self.cols), self._shapes)

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
        maps, logits, *unlike = self._outputs(np.ascontiguousarray(seen.array[None, None], np.float32))
        by_fold = maps[0].reshape(-1, self._members, *maps.shape[2:])
        said = Outputs(by_fold.mean(axis=1), logits[0].reshape(-1, self._members, logits.shape[2]))
        said.unlike = unlike[0][0] if unlike else None
        return seen, said

    def _outputs(self, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run the graph on an image (1, 1, rows, cols), and look at what it gives."""
        outputs = self._run_in_time(image)
        most = self.facts["folds"] * self._members * 2 * self.rows * self.cols  # maps are no larger than the input
        for name, found in zip(self._shapes, outputs, strict=True):
            if not _fits(found.shape, self._shapes[name]) or not 0 < found.size <= most:
                raise self._fault(f"gave '{name}' of {_shown(found.shape)} where {_shown(self._shapes[name])} was said")
            if not (np.abs(found) < LARGEST_NUMBER).all():  # a NaN is not either
                raise self._fault(f"gave '{name}' with values that are not finite, or not below {LARGEST_NUMBER:g}")
        return outputs

    def _run_in_time(self, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run the graph no longer than it may; once stopped, it is not run again."""
        options = onnxruntime.RunOptions()
        options.log_severity_level, options.terminate = QUIET, self._stopped
        timer = threading.Timer(LONGEST_RUN_S, setattr, (options, "terminate", True))
        timer.daemon = True  # else an interrupt that comes while it starts would keep the process until its time is over
        try:
            timer.start()
            outputs: list[NDArray[np.float32]] = self._session.run(list(self._shapes), {INPUT_NAME: image}, options)
        except Exception as error:  # whatever a graph does to onnxruntime
            self._stopped = options.terminate
            ran = f"was stopped, for its graph ran for more than {LONGEST_RUN_S:g} s"
            raise self._fault(ran if self._stopped else f"cannot be run ({type(error).__name__})") from error
        finally:
            timer.cancel()
        return outputs

    def _fault(self, what: str) -> InputError:
        return InputError(f"the model {self.used.id} {what}; export the model again")


def _check_graph(path: Path, session: onnxruntime.InferenceSession, image: Dims, outputs: dict[str, Dims]) -> None:
    """Refuse a graph whose input or outputs are not what the metadata say, as far as it says what they are."""
    inputs, given = session.get_inputs(), {output.name: output for output in session.get_outputs()}
    types = {node.type for node in (*inputs, *(given[name] for name in outputs if name in given))}
    if [node.name for node in inputs] != [INPUT_NAME] or not set(outputs) <= set(given) or types != {"tensor(float)"}:
        names = " and ".join(map(repr, outputs))
        raise ReadError(path, f"its graph must turn '{INPUT_NAME}' into {names}, of float32; export the model again")
    # The input's size stands in the graph: a graph that takes any would run at a size that it was not trained at.
    if list(inputs[0].shape[1:]) != list(image[1:]):
        shapes = f"{_shown(inputs[0].shape)}, its metadata say {_shown(image)}"
        raise ReadError(path, f"its graph takes '{INPUT_NAME}' of {shapes}; export the model again")
    for name, wanted in outputs.items():
        if not _fits(given[name].shape, wanted):
            reason = f"its graph gives '{name}' of {_shown(given[name].shape)}, its metadata (folds times members) say {_shown(wanted)}"
            raise ReadError(path, f"{reason}; export the model again")


def _fits(shape: Dims, wanted: Dims) -> bool:
    """Say if a shape is one that is wanted; what is no number in either may be any."""
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(a == b for a, b in pairs if isinstance(a, int) and isinstance(b, int))


def _shown(shape: Dims) -> str:
    return " x ".join(str(size) if isinstance(size, int) else "N" for size in shape)

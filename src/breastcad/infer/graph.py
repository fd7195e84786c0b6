"""A model file's graph in onnxruntime, on the processor: loaded once, held against its metadata, stopped where it does not end."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from breastcad.core.errors import InputError, ReadError
from breastcad.models.catalogue import QUIET, metadata_of, open_session, read_model
from breastcad.models.metadata import LARGEST_NUMBER

INPUT_NAME = "image"
LONGEST_RUN_S = 300.0
"""A graph that is not done with one image (one tile of a film) by then is stopped; those of the bundled models take a second or two."""
Dims = Sequence[int | str | None]


class Graph:
    """A model file and its session.

    Parameters
    ----------
    path : Path
        An .onnx file with breastcad's metadata.
    kind : str
        One of `metadata.KINDS`: what the metadata must be of.

    Raises
    ------
    ReadError
        If the file is no model of breastcad, or one of another kind.
    """

    def __init__(self, path: Path, kind: str) -> None:
        content = read_model(path)
        self._path, self._stopped = path, False
        self._session = open_session(path, content, one_size=kind != "windows")
        self.facts: dict[str, Any] = metadata_of(self._session, path, kind)
        self.sha256 = hashlib.sha256(content).hexdigest()

    def check(self, image: Dims, outputs: Mapping[str, Dims], networks: str) -> None:
        """Refuse a graph whose input or outputs are not what the metadata say, as far as it says what they are: ReadError.

        Parameters
        ----------
        image : Dims
            Of the input; what is None may be any number, and in the graph a name that stands for one.
        outputs : mapping
            Names and Dims of the outputs.
        networks : str
            What the metadata call the number that outputs of other dimensions break.
        """
        inputs, given = self._session.get_inputs(), {output.name: output for output in self._session.get_outputs()}
        types = {node.type for node in (*inputs, *(given[name] for name in outputs if name in given))}
        if [node.name for node in inputs] != [INPUT_NAME] or not set(outputs) <= set(given) or types != {"tensor(float)"}:
            names = " and ".join(map(repr, outputs))
            raise ReadError(self._path, f"its graph must turn '{INPUT_NAME}' into {names}, of float32; export the model again")
        # An input's size that the metadata name stands in the graph: one that takes any would run at a size that it was not trained at.
        if not fits(inputs[0].shape, image) or any(isinstance(b, int) and a != b for a, b in zip(inputs[0].shape, image, strict=True)):
            shapes = f"{shown(inputs[0].shape)}, its metadata say {shown(image)}"
            raise ReadError(self._path, f"its graph takes '{INPUT_NAME}' of {shapes}; export the model again")
        for name, wanted in outputs.items():
            if not fits(given[name].shape, wanted):
                reason = f"its graph gives '{name}' of {shown(given[name].shape)}, its metadata ({networks}) say {shown(wanted)}"
                raise ReadError(self._path, f"{reason}; export the model again")

    def outputs(self, image: NDArray[np.float32], wanted: Mapping[str, Dims], most: int) -> list[NDArray[np.float32]]:
        """Run the graph, and look at what it gives.

        Parameters
        ----------
        image : (N, 1, rows, cols) ndarray of float32
        wanted : mapping
            Names and Dims of the outputs.
        most : int
            As many numbers as an output may hold.

        Returns
        -------
        list of ndarray of float32
            In the order of `wanted`.

        Raises
        ------
        InputError
            If the graph cannot be run or is stopped, or what it gives is not of the form that its metadata say.
        """
        outputs = self._run_in_time(image, list(wanted))
        for (name, dims), found in zip(wanted.items(), outputs, strict=True):
            if not fits(found.shape, dims) or not 0 < found.size <= most:
                raise self._fault(f"gave '{name}' of {shown(found.shape)} where {shown(dims)} was said")
            if not (np.abs(found) < LARGEST_NUMBER).all():  # a NaN is not either
                raise self._fault(f"gave '{name}' with values that are not finite, or not below {LARGEST_NUMBER:g}")
        return outputs

    def _run_in_time(self, image: NDArray[np.float32], names: list[str]) -> list[NDArray[np.float32]]:
        """Run the graph no longer than it may; once stopped, it is not run again."""
        options = onnxruntime.RunOptions()
        options.log_severity_level, options.terminate = QUIET, self._stopped
        timer = threading.Timer(LONGEST_RUN_S, setattr, (options, "terminate", True))
        timer.daemon = True  # else an interrupt that comes while it starts would keep the process until its time is over
        try:
            timer.start()
            outputs: list[NDArray[np.float32]] = self._session.run(names, {INPUT_NAME: image}, options)
        except Exception as error:  # whatever a graph does to onnxruntime
            self._stopped = options.terminate
            ran = f"was stopped, for its graph ran for more than {LONGEST_RUN_S:g} s"
            raise self._fault(ran if self._stopped else f"cannot be run ({type(error).__name__})") from error
        finally:
            timer.cancel()
        return outputs

    def _fault(self, what: str) -> InputError:
        return InputError(f"the model {self.facts['id']} {what}; export the model again")


def fits(shape: Dims, wanted: Dims) -> bool:
    """Say if a shape is one that is wanted; what is no number in either may be any."""
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(a == b for a, b in pairs if isinstance(a, int) and isinstance(b, int))


def shown(shape: Dims) -> str:
    """Return a shape as it stands in messages.

    Examples
    --------
    >>> shown([None, 1, 32, "cols"])
    'N x 1 x 32 x N'
    """
    return " x ".join(str(size) if isinstance(size, int) else "N" for size in shape)

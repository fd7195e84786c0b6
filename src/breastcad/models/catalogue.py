"""Which model files there are, and what they say of themselves: the bundled ones, and a user's own. No torch, no networks.

A model file is one .onnx with everything that inference needs in its metadata, under the key ``breastcad``, as JSON.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from breastcad.core.errors import InputError, ReadError

BUNDLED = Path(__file__).parent / "bundled"
MODEL_OF_MODALITY: dict[str, str] = {"US": "us-lesion", "MG": "mg-lesion"}
METADATA_KEY = "breastcad"
METADATA_FORMAT = 1
LARGEST_NUMBER = 1e6
"""No temperature, shift or line is as large as this."""
RUN_MODEL = "model.onnx"

# What inference reads, and of what type it must be; the rest of the metadata is for people and for other programs.
NEEDED: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "version": str,
    "modality": str,
    "input": dict,
    "temperature": dict,
    "classes": list,
    "score_floor": (int, float),
    "mark_level": (int, float),
    "max_marks": int,
}
_LOADING_ERRORS = (
    runtime_errors.EPFail,
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidProtobuf,
    runtime_errors.NoSuchFile,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
)


def bundled() -> list[str]:
    """Return the ids of the models that come with breastcad, sorted."""
    return sorted(path.stem for path in BUNDLED.glob("*.onnx"))


def bundled_path(model_id: str) -> Path:
    """Return the file of a bundled model.

    Raises
    ------
    InputError
        If there is no bundled model of that id; the message names those that look alike.
    """
    known = bundled()
    if model_id not in known:
        near = difflib.get_close_matches(model_id, known)
        hint = f"near names: {', '.join(map(repr, near))}" if near else f"bundled: {', '.join(known) or 'none'}"
        raise InputError(f"unknown model '{model_id}'; {hint}. List all: breastcad models list")
    return BUNDLED / f"{model_id}.onnx"


def find_model(id_or_file: str | Path) -> Path:
    """Return the file of a model that a user names.

    Parameters
    ----------
    id_or_file : str or Path
        The id of a bundled model, an .onnx file, or a run folder that holds ``model.onnx``.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if str(id_or_file) in bundled():
        return bundled_path(str(id_or_file))
    path = Path(id_or_file)
    if path.is_dir():
        if not (path / RUN_MODEL).is_file():
            raise InputError(f"'{path}' holds no {RUN_MODEL}; name a run folder that has one, an .onnx file, or a bundled model's id")
        return path / RUN_MODEL
    if path.is_file():
        return path
    if path.suffix == ".onnx" or len(path.parts) > 1:
        raise InputError(f"no such model file: '{path}'")
    return bundled_path(str(id_or_file))


def open_session(path: Path, *, optimise: bool = True) -> onnxruntime.InferenceSession:
    """Load a model file into onnxruntime, on the processor.

    Parameters
    ----------
    path : Path
    optimise : bool
        False where only the metadata are wanted: loads faster, runs slower.

    Raises
    ------
    ReadError
        If the file is no ONNX model, or one that this onnxruntime cannot run.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _LOADING_ERRORS as error:
        raise ReadError(path, f"onnxruntime cannot load it ({type(error).__name__}); give an .onnx file that breastcad wrote") from error


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Return what a model file says of itself.

    Raises
    ------
    ReadError
        If the file is no ONNX model, or its metadata are not breastcad's.
    """
    return metadata_of(open_session(Path(path), optimise=False), Path(path))


def _has_numbers(given: Any, folds: Any, *, positive: bool) -> bool:
    """Say if each of some values is a number of a sane size, or a list of one a fold."""
    if not isinstance(given, dict):
        return False
    lists = [values if isinstance(values, list) else [values] for values in given.values()]
    numbers = [value for values in lists for value in values]
    sane = all(type(value) in (int, float) and abs(value) < LARGEST_NUMBER and (value > 0 or not positive) for value in numbers)
    return sane and all(len(values) in (1, folds) for values in lists)


def metadata_of(session: onnxruntime.InferenceSession, path: Path) -> dict[str, Any]:
    """Return the metadata of a loaded model; `path` is for the message.

    Raises
    ------
    ReadError
        If they are missing, of another format, or lack something that inference needs.
    """
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ReadError(path, f"has no metadata '{METADATA_KEY}', so it is no model of breastcad; export one with: breastcad train")
    try:
        facts = json.loads(text)
    except ValueError as error:
        raise ReadError(path, f"its metadata '{METADATA_KEY}' are not JSON ({error})") from error
    if not isinstance(facts, dict) or facts.get("format") != METADATA_FORMAT:
        found = facts.get("format") if isinstance(facts, dict) else None
        raise ReadError(path, f"its metadata are of format {found!r}, but this breastcad reads format {METADATA_FORMAT}; update breastcad")
    for name, kind in NEEDED.items():
        if not isinstance(facts.get(name), kind):
            raise ReadError(path, f"its metadata lack '{name}', or it is of the wrong type; export the model again")
    for name in ("temperature", "shift", "marks"):
        if not _has_numbers(facts.get(name, {}), facts.get("folds"), positive=name == "temperature"):
            above = " above 0" if name == "temperature" else ""
            raise ReadError(path, f"its metadata '{name}' must hold for each head a number{above}, or one a fold; export the model again")
    if not {"benign", "malignant"} <= set(map(str, facts["classes"])) <= {"normal", "benign", "malignant"}:
        raise ReadError(path, "its metadata 'classes' must be benign, malignant and perhaps normal; export the model again")
    return facts

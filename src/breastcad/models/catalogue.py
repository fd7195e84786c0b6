"""Which model files there are, and what they say of themselves: the bundled ones, and a user's own. No torch, no networks.

A model file is one .onnx with everything that inference needs in its metadata (`metadata`).
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import onnxruntime

from breastcad.core.errors import InputError, ReadError
from breastcad.models import metadata

BUNDLED = Path(__file__).parent / "bundled"
MODEL_OF_MODALITY: dict[str, str] = {"US": "us-lesion", "MG": "mg-lesion"}
RUN_MODEL = "model.onnx"
QUIET = 4
"""onnxruntime's own lines on stderr: those of fatal faults only."""
_EXTERNAL_DATA = b"\n\x08location"  # the key "location", as protocol buffers write a text of eight letters


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


def card_of(path: Path) -> Path:
    """Return where the card of a model file stands: beside it, under the same name."""
    return path.with_suffix(".md")


def read_model(path: Path) -> bytes:
    """Read a model file.

    Raises
    ------
    ReadError
        If it cannot be opened, or keeps weights in another file: findings.json has the checksum of this one only.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    if _EXTERNAL_DATA in content:
        raise ReadError(path, "it keeps weights in another file, which is not read; export the model again")
    return content


def open_session(path: Path, content: bytes, *, optimise: bool = True, one_size: bool = True) -> onnxruntime.InferenceSession:
    """Load a model file's content into onnxruntime, on the processor.

    Parameters
    ----------
    path : Path
        For the message.
    content : bytes
    optimise : bool
        False where only the metadata are wanted: loads faster, runs slower, and computes nothing yet.
    one_size : bool
        False where images of many sizes come: memory that is planned for one of them is kept, and lies idle for the others.

    Raises
    ------
    ReadError
        If the file is no ONNX model, or one that this onnxruntime cannot run.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.enable_mem_pattern = QUIET, one_size
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # Weights in another file that `read_model` did not see are looked for below a file, where nothing can be.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.resolve()))
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        _ = [(node.name, node.shape) for node in (*session.get_inputs(), *session.get_outputs())], _own_metadata(session)  # are they text?
    except Exception as error:  # whatever a damaged file does to onnxruntime
        raise ReadError(path, f"onnxruntime cannot load it ({type(error).__name__}); give an .onnx file that breastcad wrote") from error
    return session


def _own_metadata(session: onnxruntime.InferenceSession) -> str | None:
    text: str | None = session.get_modelmeta().custom_metadata_map.get(metadata.KEY)
    return text


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Return what a model file, of whatever kind, says of itself.

    Raises
    ------
    ReadError
        If the file is no ONNX model, or its metadata are not breastcad's.
    """
    path = Path(path)
    return metadata_of(open_session(path, read_model(path), optimise=False), path)


def metadata_of(session: onnxruntime.InferenceSession, path: Path, kind: str | None = None) -> dict[str, Any]:
    """Return the metadata of a loaded model, of one of `metadata.KINDS` or of any; `path` is for the message.

    Raises
    ------
    ReadError
        As `metadata.parsed` does.
    """
    return metadata.parsed(path, _own_metadata(session), kind)

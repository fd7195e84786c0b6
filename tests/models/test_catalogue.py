"""Finding model files and reading what they say of themselves, without torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from breastcad.core.errors import InputError, ReadError
from breastcad.models import catalogue
from breastcad.models.catalogue import bundled, bundled_path, find_model, read_metadata

MakeModel = Callable[..., Path]


@pytest.fixture
def shelf(tmp_path: Path, tiny_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of bundled models that holds us-lesion only."""
    folder = tmp_path / "bundled"
    folder.mkdir()
    (folder / "us-lesion.onnx").write_bytes(tiny_model("US").read_bytes())
    monkeypatch.setattr(catalogue, "BUNDLED", folder)
    return folder


def test_bundled_models_are_listed_and_found(shelf: Path) -> None:
    assert bundled() == ["us-lesion"]
    assert bundled_path("us-lesion") == find_model("us-lesion") == shelf / "us-lesion.onnx"


def test_an_unknown_id_names_those_that_look_alike(shelf: Path) -> None:
    with pytest.raises(InputError, match=r"unknown model 'us-leson'; near names: 'us-lesion'\. List all: breastcad models list"):
        find_model("us-leson")
    with pytest.raises(InputError, match="unknown model 'resnet'; bundled: us-lesion"):
        bundled_path("resnet")


def test_files_and_run_folders_are_found(tmp_path: Path, tiny_model: MakeModel) -> None:
    file = tiny_model("MG")
    (tmp_path / "model.onnx").write_bytes(file.read_bytes())
    assert find_model(file) == file
    assert find_model(tmp_path) == tmp_path / "model.onnx"


def test_a_run_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no model\.onnx; name a run folder"):
        find_model(tmp_path)


@pytest.mark.parametrize("name", ["gone.onnx", "gone/model"])
def test_a_model_file_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no such model file: 'gone"):
        find_model(name)


def test_metadata_are_read(tiny_model: MakeModel) -> None:
    facts = read_metadata(tiny_model("US", version="7.1"))
    assert (facts["id"], facts["version"], facts["input"]["pipeline"]) == ("tiny-us", "7.1", "ultrasound")


@pytest.mark.parametrize("content", [b"", b"not a model"])
def test_what_onnxruntime_cannot_load_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"x\.onnx: onnxruntime cannot load it \(\w+\); give an \.onnx file that breastcad wrote"):
        read_metadata(path)


def test_a_model_of_others_is_refused(tiny_model: MakeModel) -> None:
    path = tiny_model("US", name="other")
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(ReadError, match=r"has no metadata 'breastcad', so it is no model of breastcad"):
        read_metadata(path)
    onnx.helper.set_model_props(model, {"breastcad": "{"})
    onnx.save(model, path)
    with pytest.raises(ReadError, match=r"its metadata 'breastcad' are not JSON"):
        read_metadata(path)


def test_another_format_is_refused(tiny_model: MakeModel) -> None:
    with pytest.raises(ReadError, match=r"its metadata are of format 2, but this breastcad reads format 1; update breastcad"):
        read_metadata(tiny_model("US", format=2))


def test_the_catalogue_loads_no_torch() -> None:
    code = "import sys, breastcad.models.catalogue; print([name for name in ('torch', 'onnx') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

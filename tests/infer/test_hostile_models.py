"""Model files that were edited by hand, or to do harm: one sentence, never another exception, a wrong answer or a wait without end."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.errors import InputError, ReadError
from breastcad.infer import graph as graph_module
from breastcad.infer.model import Model
from breastcad.infer.run import analyze, analyze_files
from breastcad.models.catalogue import open_session
from breastcad.report.analysis_folder import write_analysis_folder

onnx = pytest.importorskip("onnx", reason="model files are edited by onnx (extra [train])")

MakeModel = Callable[..., Path]
SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "findings.schema.json").read_text(encoding="utf-8"))
LEFT_OUT = object()


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A speckled scan of 120 x 160 pixels with a bright block, so that there are findings."""
    pixels = np.random.default_rng(0).rayleigh(50, (120, 160)).clip(0, 255).astype(np.uint8)
    pixels[40:80, 40:100] = 255
    path = tmp_path_factory.mktemp("in") / "scan.png"
    assert cv2.imwrite(str(path), pixels)
    return path


def facts_of(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(onnx.load(path).metadata_props[0].value)
    return facts


def with_text(path: Path, text: str) -> Path:
    """Put other metadata into a model file."""
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"breastcad": text})
    onnx.save(model, path)
    return path


def edited(path: Path, change: Callable[[Any], None]) -> Path:
    """Change the graph of a model file."""
    model = onnx.load(path)
    change(model.graph)
    onnx.save(model, path)
    return path


def tensor(values: Any, name: str) -> Any:
    return onnx.numpy_helper.from_array(np.asarray(values), name)


# ---- metadata ----


def paths_in(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the place of every value in a tree of lists and dicts."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*above, key)
        yield from paths_in(value[key], (*above, key))


NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 2, 0.5, 1e-300, 1e300, 10**400])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(), lambda part: st.lists(part) | st.dictionaries(st.text(), part), max_leaves=6
)


def refusal(picture: Path, model: Path) -> str | None:
    """Analyse a picture into a folder; return why the model was refused, or None where the analysis is whole."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            run = analyze_files([picture], model=model)
        except InputError as error:
            return str(error)
        analysis = write_analysis_folder(folder, run)
        assert (len(analysis.images), analysis.skipped) == (1, [])
        jsonschema.validate(json.loads((Path(folder) / "findings.json").read_text(encoding="utf-8")), SCHEMA)
        return None


@given(data=st.data())
def test_one_field_changed_to_anything_gives_a_sentence_or_a_whole_analysis(
    tiny_model: MakeModel, picture: Path, data: st.DataObject
) -> None:
    path = tiny_model("US", folds=2, members=2)
    facts = facts_of(path)
    *above, last = data.draw(st.sampled_from(list(paths_in(facts))), label="place")
    value = data.draw(JSON | st.just(LEFT_OUT), label="value")
    holder = facts
    for key in above:
        holder = holder[key]
    if value is LEFT_OUT:
        del holder[last]
    else:
        holder[last] = value
    said = refusal(picture, with_text(path, json.dumps(facts)))
    assert said is None or re.fullmatch(r"tiny-us\.onnx: its (metadata|graph) .*; (export the model again|update breastcad)", said)


# ---- metadata against the graph ----


def test_an_input_of_another_size_than_the_graph_s_is_refused(tiny_model: MakeModel) -> None:
    path = tiny_model("US", rows=32, cols=48, input={"pipeline": "ultrasound", "rows": 48, "cols": 32})
    with pytest.raises(ReadError, match=r"its graph takes 'image' of N x 1 x 32 x 48, its metadata say N x 1 x 48 x 32; export"):
        Model(path)


def _channels(graph: Any) -> None:
    graph.input[0].type.tensor_type.shape.dim[1].dim_value = 3
    graph.input[0].type.tensor_type.shape.dim[1].ClearField("dim_param")
    graph.node.insert(0, onnx.helper.make_node("ReduceMean", ["image"], ["grey"], axes=[1], keepdims=1))
    for node in graph.node[1:]:
        node.input[:] = ["grey" if name == "image" else name for name in node.input]


def _unsized(graph: Any) -> None:
    graph.input[0].type.tensor_type.shape.dim[2].dim_param = "rows"


def _renamed(graph: Any) -> None:
    graph.node[1].output[0] = graph.output[0].name = "mops"


def _double(graph: Any) -> None:
    graph.node[1].output[0] = "single"
    graph.node.append(onnx.helper.make_node("Cast", ["single"], ["maps"], to=onnx.TensorProto.DOUBLE))
    graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE


def _flat(graph: Any) -> None:
    graph.node[3].output[0] = "deep"
    graph.node.append(onnx.helper.make_node("Flatten", ["deep"], ["logits"]))
    del graph.output[1].type.tensor_type.shape.dim[2]
    graph.output[1].type.tensor_type.shape.dim[1].dim_value = 6


def _second_input(graph: Any) -> None:
    graph.input.append(onnx.helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, [1]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_channels, "its graph takes 'image' of N x 3 x 32 x 48, its metadata say N x 1 x 32 x 48"),
        (_unsized, "its graph takes 'image' of N x 1 x N x 48, its metadata say N x 1 x 32 x 48"),
        (_renamed, "its graph must turn 'image' into 'maps' and 'logits', of float32"),
        (_double, "its graph must turn 'image' into 'maps' and 'logits', of float32"),
        (_second_input, "its graph must turn 'image' into 'maps' and 'logits', of float32"),
        (_flat, "its graph gives 'logits' of N x 6, its metadata \\(folds times members\\) say N x 3 x 2"),
    ],
)
def test_a_graph_that_does_not_fit_its_metadata_is_refused(tiny_model: MakeModel, change: Callable[[Any], None], said: str) -> None:
    with pytest.raises(ReadError, match=f"{said}.*; export the model again"):
        Model(edited(tiny_model("US", folds=3), change))


@pytest.mark.parametrize(("folds", "members", "said"), [(3, 1, (1, 3)), (1, 2, (2, 1)), (2, 3, (3, 2)), (2, 3, (6, 1)), (2, 2, (4, 1))])
def test_folds_and_members_relabelled_are_refused(tiny_model: MakeModel, folds: int, members: int, said: tuple[int, int]) -> None:
    """Folds times members stays the same, and so does the graph; but the numbers in the metadata are one a fold."""
    path = tiny_model("US", folds=folds, members=members)
    facts = facts_of(path) | {"folds": said[0], "members": said[1]}
    with pytest.raises(ReadError, match=f"its metadata say {said[0]} folds, but 'temperature' holds {folds} numbers for '"):
        Model(with_text(path, json.dumps(facts)))


# ---- what a graph does ----


def _other_than_stated(graph: Any) -> None:
    """Give one map a network, in a way that onnxruntime cannot foresee."""
    graph.initializer.append(tensor([True, False], "kept"))
    graph.node[1].output[0] = "both"
    graph.node.append(onnx.helper.make_node("Compress", ["both", "kept"], ["maps"], axis=2))


def _not_finite(graph: Any) -> None:
    next(one for one in graph.initializer if one.name == "image_biases").CopyFrom(tensor(np.full(6, np.nan, np.float32), "image_biases"))


def _too_large(graph: Any) -> None:
    next(one for one in graph.initializer if one.name == "map_biases").CopyFrom(tensor(np.full(6, 3e38, np.float32), "map_biases"))


def _huge(graph: Any) -> None:
    """Let the network see the image plus the sum of 10 ** 18 zeros."""
    graph.initializer.append(tensor(np.array([10**18]), "many"))
    for node in graph.node:
        node.input[:] = ["more" if name == "image" else name for name in node.input]
    nodes = [("ConstantOfShape", ["many"], ["zeros"]), ("ReduceSum", ["zeros"], ["nothing"]), ("Add", ["image", "nothing"], ["more"])]
    for place, (kind, given_names, made) in enumerate(nodes):
        graph.node.insert(place, onnx.helper.make_node(kind, given_names, made))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_other_than_stated, "gave 'maps' of 1 x 3 x 1 x 8 x 12 where N x 3 x 2 x N x N was said"),
        (_not_finite, "gave 'logits' with values that are not finite, or not below 1e\\+06"),
        (_too_large, "gave 'maps' with values that are not finite, or not below 1e\\+06"),
        (_huge, r"cannot be run \(\w+\)"),
    ],
)
def test_outputs_that_cannot_be_are_a_reason_to_skip(
    tiny_model: MakeModel, picture: Path, capfd: pytest.CaptureFixture[str], change: Callable[[Any], None], said: str
) -> None:
    analysis = analyze(picture, model=edited(tiny_model("US", folds=3), change))
    assert analysis.images == []
    assert re.fullmatch(rf"the model tiny-us {said}; export the model again", analysis.skipped[0].reason)
    assert capfd.readouterr().err == ""


def _endless(graph: Any) -> None:
    """Loop 2 ** 62 times over the image before the network sees it."""
    info, kinds = onnx.helper.make_tensor_value_info, onnx.TensorProto
    body = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["on"], ["still"]), onnx.helper.make_node("Identity", ["x"], ["same"])],
        "body",
        [info("turn", kinds.INT64, []), info("on", kinds.BOOL, []), info("x", kinds.FLOAT, None)],
        [info("still", kinds.BOOL, []), info("same", kinds.FLOAT, None)],
    )
    graph.initializer.extend([tensor(np.int64(2**62), "turns"), tensor(np.bool_(True), "go")])
    for node in graph.node:
        node.input[:] = ["turned" if name == "image" else name for name in node.input]
    graph.node.insert(0, onnx.helper.make_node("Loop", ["turns", "go", "image"], ["turned"], body=body))


def test_a_graph_that_never_ends_is_stopped_and_not_run_again(
    tiny_model: MakeModel, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        shutil.copy(picture, tmp_path / f"{number}.png")
    monkeypatch.setattr(graph_module, "LONGEST_RUN_S", 1.0)
    began = time.monotonic()
    analysis = analyze(tmp_path, model=edited(tiny_model("US"), _endless))
    assert time.monotonic() - began < 10
    said = "the model tiny-us was stopped, for its graph ran for more than 1 s; export the model again"
    assert [item.reason for item in analysis.skipped] == [said] * 20


def _custom_op(graph: Any) -> None:
    graph.node[0].domain = "of.nobody"


def _external(location: str) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        weights = next(one for one in graph.initializer if one.name == "image_biases")
        weights.ClearField("raw_data")
        weights.data_location = onnx.TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)

    return change


def test_an_operator_that_onnxruntime_does_not_know_is_refused(tiny_model: MakeModel, capfd: pytest.CaptureFixture[str]) -> None:
    path = edited(tiny_model("US"), _custom_op)
    with pytest.raises(ReadError, match=r"tiny-us\.onnx: onnxruntime cannot load it \(\w+\); give an \.onnx file that breastcad wrote"):
        Model(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("location", ["weights.bin", "./weights.bin", "../weights.bin", "/etc/passwd", "/dev/zero", ""])
def test_weights_in_another_file_are_refused_wherever_it_lies(tiny_model: MakeModel, location: str) -> None:
    """The file beside the model is there, and of the right size: the answer would be another, under the same checksum."""
    path = tiny_model("US", folds=3)
    np.zeros(6, np.float32).tofile(path.with_name("weights.bin"))
    model = onnx.load(path)
    _external(location)(model.graph)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ReadError, match=r"tiny-us\.onnx: it keeps weights in another file, which is not read; export the model again"):
        Model(path)


def test_weights_in_another_file_that_were_not_seen_are_not_found_either(
    tiny_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither beside the file nor where one stands."""
    path = tiny_model("US", folds=3)
    monkeypatch.chdir(tmp_path)
    for folder in (path.parent, tmp_path):
        np.zeros(6, np.float32).tofile(folder / "weights.bin")
    model = onnx.load(path)
    _external("weights.bin")(model.graph)
    with pytest.raises(ReadError, match="onnxruntime cannot load it"):
        open_session(path, model.SerializeToString())


def test_a_model_in_onnxruntime_s_own_form_is_refused(tiny_model: MakeModel, tmp_path: Path) -> None:
    """That form skips the checks of a graph."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "own.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(tiny_model("US")), options, providers=["CPUExecutionProvider"])
    with pytest.raises(ReadError, match="onnxruntime cannot load it"):
        Model(tmp_path / "own.ort")


@pytest.mark.parametrize(
    ("old", "new"), [(b"B-mode", b"B-\xffode"), (b"\x05image", b"\x05im\xffge"), (b"\x09breastcad", b"\x09breast\xffad")]
)
def test_texts_that_are_no_utf_8_are_refused(tiny_model: MakeModel, old: bytes, new: bytes) -> None:
    path = tiny_model("US")
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(ReadError, match=r"tiny-us\.onnx: "):
        Model(path)


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"none\.onnx: cannot be opened \(No such file or directory\)"):
        Model(tmp_path / "none.onnx")

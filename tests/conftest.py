"""Fixtures for all tests: where real data lies, if it does, tiny models, and a fixed profile for hypothesis."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from breastcad.core.records import NOTICE, Analysis, Decision, ImageResult, ModelUsed

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("fixed")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tests out of the user's cache of prepared images."""
    os.environ["BREASTCAD_CACHE"] = str(tmp_path_factory.mktemp("cache") / "cache")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data (BREASTCAD_DATA, else shared/data beside the repository); skip without it."""
    here = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BREASTCAD_DATA", here))
    if not folder.is_dir():
        pytest.skip("no real data here; set BREASTCAD_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a maker of model files whose outputs can be worked out by hand: ``tiny_model(modality="US", folds=3, **metadata)``.

    Each map pixel is a block of 4 x 4 input pixels. With m the block's mean, the lesion's logit is 20 m - 10 and that of malignancy
    given a lesion 10 m - 5; with M the mean of the whole input, the image's logits are 8 M - 2 (abnormal) and 6 M - 3 (malignant given
    abnormal). Network f adds f / 10 to each of them; a fold has ``members`` networks. Metadata given as None are left out.
    """
    onnx = pytest.importorskip("onnx", reason="model files for tests are made by onnx (extra [train])")

    def make(
        modality: str = "US", *, folds: int = 3, rows: int = 32, cols: int = 48, name: str | None = None, members: int = 1, **metadata: Any
    ) -> Path:
        facts = {**_tiny_facts(modality, folds, rows, cols), "members": members, **metadata}
        path = tmp_path_factory.mktemp("model") / f"{name or facts['id']}.onnx"
        model = onnx.helper.make_model(
            _tiny_graph(onnx, folds * members, rows, cols), opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9
        )
        text = json.dumps({key: value for key, value in facts.items() if value is not None})
        onnx.helper.set_model_props(model, {"breastcad": text})
        onnx.save(model, path)
        return path

    return make


@pytest.fixture(scope="session")
def tiny_windows(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a maker of classifiers of windows of 24 x 24 pixels: ``tiny_windows(padding=0, networks=2, **metadata)``.

    Two convolutions of 3 x 3, each with that padding, with pooling in between, make a map at stride 4: 24 pixels become 24 - 2 + 2 p,
    half of that, and floor((.. + 2 p - 3) / 2) + 1: 5 places without padding, 6 with padding 1. Without padding nothing at a cut is wrong;
    with it one place is: the first convolution's first row enters the second's first place, its last row the last. Weights are random.
    """
    onnx = pytest.importorskip("onnx", reason="model files for tests are made by onnx (extra [train])")

    def make(padding: int = 0, *, networks: int = 2, **metadata: Any) -> Path:
        path = tmp_path_factory.mktemp("windows") / "model.onnx"
        graph = _window_graph(onnx, padding, networks)
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
        facts = {**_window_facts(padding, networks), **metadata}
        text = json.dumps({key: value for key, value in facts.items() if value is not ...})
        onnx.helper.set_model_props(model, {"breastcad": text})
        onnx.save(model, path)
        return path

    return make


def _window_facts(padding: int, folds: int) -> dict[str, Any]:
    return {
        "format": 1,
        "kind": "windows",
        "id": "tiny-windows",
        "version": "0.0.1",
        "modality": "MG",
        "classes": ["normal", "benign", "malignant"],
        "window": {"rows": 24, "cols": 24},
        "film": {"filter": "bilinear", "scale": 1.0},
        "grid": {
            "stride": 4,
            "rows": 5 + padding,
            "cols": 5 + padding,
            "halo": {"before": padding, "after": padding},
            "bytes_a_pixel": 32.0,
        },
        "head": "pool",
        "folds": folds,
        "members": 1,
        "temperature": [1.0 + fold for fold in range(folds)],
        "trained_on": ["nothing"],
        "seen": "scanned film",
        "not_seen": "anything",
        "warnings": [],
        "shortened": False,
    }


def _window_graph(onnx: Any, padding: int, folds: int) -> Any:
    random, node = np.random.default_rng(5), onnx.helper.make_node
    shapes = {"first": (8, 1, 3, 3), "second": (8, 8, 3, 3)} | {f"last{fold}": (3, 8, 1, 1) for fold in range(folds)}
    given = [onnx.numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name) for name, shape in shapes.items()]
    given.append(onnx.numpy_helper.from_array(np.array([1]), "axis"))
    pads, places = [padding] * 4, [5 + padding] * 2
    nodes = [
        node("Conv", ["image", "first"], ["a"], pads=pads),
        node("Relu", ["a"], ["b"]),
        node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["c", "second"], ["d"], pads=pads, strides=[2, 2]),
        node("Relu", ["d"], ["map"]),
    ]
    for fold in range(folds):
        nodes += [
            node("Conv", ["map", f"last{fold}"], [f"classes{fold}"]),
            node("AveragePool", [f"classes{fold}"], [f"mean{fold}"], kernel_shape=places),
            node("Unsqueeze", [f"mean{fold}", "axis"], [f"windows{fold}"]),
            node("ReduceMean", [f"classes{fold}"], [f"pooled{fold}"], axes=[2, 3], keepdims=0),
            node("Unsqueeze", [f"pooled{fold}", "axis"], [f"image{fold}"]),
        ]
    for name, parts in (("window_logits", "windows"), ("logits", "image")):
        nodes.append(node("Concat", [f"{parts}{fold}" for fold in range(folds)], [name], axis=1))
    kind, info = onnx.TensorProto.FLOAT, onnx.helper.make_tensor_value_info
    outputs = [info("logits", kind, ["n", folds, 3]), info("window_logits", kind, ["n", folds, 3, "i", "j"])]
    return onnx.helper.make_graph(nodes, "windows", [info("image", kind, ["n", 1, "rows", "cols"])], outputs, given)


def _tiny_facts(modality: str, folds: int, rows: int, cols: int) -> dict[str, Any]:
    point = {"name": "sensitivity 0.90", "of": "malignant", "threshold": 0.3, "sensitivity": 0.9, "specificity": 0.6, "prevalence": 0.35}
    return {
        "format": 1,
        "id": f"tiny-{modality.lower()}",
        "version": "0.0.1",
        "modality": modality,
        "input": {"pipeline": {"US": "ultrasound", "MG": "mammogram"}[modality], "rows": rows, "cols": cols},
        "folds": folds,
        "temperature": {name: [1.0] * folds for name in ("lesion", "malignant", "abnormal")},
        "shift": {"abnormal": [0.0] * folds},
        "abnormal_share": 0.0,
        "marks": {"slope": [1.0] * folds, "intercept": [0.0] * folds},
        "classes": ["normal", "benign", "malignant"],
        "score_floor": 0.05,
        "mark_level": 0.5,
        "max_marks": 8,
        "outline": modality == "US",
        "operating_points": [point],
        "trained_on": ["nothing"],
        "seen": {"US": "B-mode ultrasound", "MG": "scanned film"}[modality],
        "not_seen": "anything",
        "warnings": [],
        "shortened": False,
    }


def _tiny_graph(onnx: Any, folds: int, rows: int, cols: int) -> Any:
    shift = np.repeat(np.arange(folds) / 10, 2)
    slopes, offsets = {"map": (20, 10), "image": (8, 6)}, {"map": (-10, -5), "image": (-2, -3)}
    constants = {
        "map_weights": np.tile(slopes["map"], folds)[:, None, None, None] * np.ones((1, 1, 4, 4)) / 16,
        "map_biases": np.tile(offsets["map"], folds) + shift,
        "image_weights": np.tile(slopes["image"], folds)[:, None, None, None] * np.ones((1, 1, rows, cols)) / (rows * cols),
        "image_biases": np.tile(offsets["image"], folds) + shift,
    }
    given = [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    given.append(onnx.numpy_helper.from_array(np.array([-1, folds, 2, rows // 4, cols // 4]), "map_shape"))
    given.append(onnx.numpy_helper.from_array(np.array([-1, folds, 2]), "image_shape"))
    nodes = [
        onnx.helper.make_node("Conv", ["image", "map_weights", "map_biases"], ["flat_maps"], strides=[4, 4]),
        onnx.helper.make_node("Reshape", ["flat_maps", "map_shape"], ["maps"]),
        onnx.helper.make_node("Conv", ["image", "image_weights", "image_biases"], ["flat_logits"]),
        onnx.helper.make_node("Reshape", ["flat_logits", "image_shape"], ["logits"]),
    ]
    kind = onnx.TensorProto.FLOAT
    image = onnx.helper.make_tensor_value_info("image", kind, ["n", 1, rows, cols])
    maps = onnx.helper.make_tensor_value_info("maps", kind, ["n", folds, 2, rows // 4, cols // 4])
    logits = onnx.helper.make_tensor_value_info("logits", kind, ["n", folds, 2])
    return onnx.helper.make_graph(nodes, "tiny", [image], [maps, logits], given)


SITE_POINT = Decision("sensitivity 0.90", 0.3, 0.9, 0.8, 0.4, positive=False)


def site_image(number: int, malignant: float | None, **more) -> ImageResult:
    """Return what an analysis says of an image."""
    probability = None if malignant is None else {"benign": 1 - malignant, "malignant": malignant}
    given = {
        "image": f"{number:04d}",
        "argument": 0,
        "source": f"site/name of a patient {number}.png",
        "frame": None,
        "sha256": f"{number:064x}",
        "modality": "US",
        "laterality": None,
        "view": None,
        "rows": 10,
        "cols": 12,
        "spacing_mm": None,
        "models": ["us-lesion"],
        "probability": probability,
        "raw": {},
        "decision": SITE_POINT,
    }
    return ImageResult(**(given | more))


def site_analysis(images, exams=()) -> Analysis:
    model = ModelUsed("us-lesion", "1", "ab", 0.05)
    return Analysis("breastcad-findings/1", "0.1.0", "id", NOTICE, [model], list(images), list(exams), [])


@pytest.fixture(scope="session")
def site() -> SimpleNamespace:
    """Return the makers of what an analysis says, for tests of a site's labels: ``image(number, malignant)``, ``analysis(images)``."""
    return SimpleNamespace(image=site_image, analysis=site_analysis)

"""What a model file must say of itself: each field that is not what it must be is named in one short sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from breastcad.core.errors import ReadError
from breastcad.models.catalogue import bundled, bundled_path, read_metadata
from breastcad.models.metadata import DEFAULTS, FIELDS, checked

onnx = pytest.importorskip("onnx", reason="model files are edited by onnx (extra [train])")

MakeModel = Callable[..., Path]
POINT = {"name": "sensitivity 0.90", "of": "malignant", "threshold": 0.3, "sensitivity": 0.9, "specificity": 0.6, "prevalence": 0.35}
LEFT_OUT = object()


def facts_of(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(onnx.load(path).metadata_props[0].value)
    return facts


def with_text(path: Path, text: str) -> Path:
    """Put other metadata into a model file."""
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"breastcad": text})
    onnx.save(model, path)
    return path


SIZE = {"pipeline": "ultrasound", "rows": 32, "cols": 48}
WARM = {"malignant": [1.0] * 3, "abnormal": [1.0] * 3}
EDITS: dict[str, list[Any]] = {
    "id": [3, "", "x" * 5000, "\x1b[31mred", "\ud800"],
    "version": [None, ["1"]],
    "modality": ["CT", ["US"], "ultrasound"],
    "input": [{}, SIZE | {"pipeline": "sonar"}, SIZE | {"pipeline": ["ultrasound"]}, SIZE | {"rows": "32"}, SIZE | {"rows": True},
              SIZE | {"rows": 0}, SIZE | {"rows": 32.0}, SIZE | {"cols": 10**9}, SIZE | {"channels": 3}],
    "folds": [LEFT_OUT, 0, 3.0, "3", True],
    "members": [0, True, 1.0, "1"],
    "temperature": [None, {}, 1.0, {"malignant": 1.0, "abnormal": 1.0}, WARM | {"malignant": [0.0] * 3}, WARM | {"malignant": [-1.0] * 3},
                    WARM | {"malignant": [1e-300] * 3}, WARM | {"abnormal": ["1"] * 3}, WARM | {"abnormal": [True] * 3},
                    WARM | {"malign": [9.0] * 3}, WARM | {"abnormal": [1.0] * 7}],
    "shift": [LEFT_OUT, {"malignant": [0.0] * 3}, {"abnormal": [1.0]}, {"abnormal": [float("nan")] * 3}, {"abnormal": [10**400] * 3}],
    "marks": [LEFT_OUT, [1], {"slope": [1.0] * 3}, {"slope": [1.0] * 3, "intercept": [None] * 3}],
    "abnormal_share": [1.5, "half"],
    "classes": [["foo"], [], ["normal"], ["benign", "malignant", 3], ["benign", "malignant", "malignant"], "benign malignant",
                {"benign": 1, "malignant": 1}, [["benign"], ["malignant"]]],
    "score_floor": [-0.1, 1.1, float("nan"), True, "0.05"],
    "mark_level": [0, 2, -1, float("inf")],
    "max_marks": [-1, True, 5.0, "8", 10**9],
    "outline": [LEFT_OUT, "no", 1],
    "shortened": ["no"],
    "unlike": ["no", 1, None],
    "sets": [{}, [], {"coverage": 0.9, "benign": 0.5}, {"coverage": 0.9, "benign": 0.5, "malignant": 2.0}],
    "operating_points": [LEFT_OUT, {}, 5, [5], [{}], [POINT | {"of": "cancer"}], [POINT | {"of": ["malignant"]}], [POINT | {"name": 3}],
                         [POINT | {"name": "x" * 5000}], [POINT | {"threshold": "0.3"}], [POINT | {"threshold": 30}],
                         [POINT | {"threshold": float("nan")}], [POINT | {"sensitivity": None}], [POINT | {"specificity": 90}],
                         [POINT | {"prevalence": -0.1}], [{key: POINT[key] for key in ("name", "of", "threshold")}], [POINT] * 101],
    "trained_on": [LEFT_OUT, "busi", [1], [["busi"]], ["x" * 10**4]],
    "seen": [LEFT_OUT, ["film"], 5],
    "not_seen": [LEFT_OUT, {"a": 1}, "\x9b31m"],
    "warnings": ["weak", [3], 5],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [pytest.param(name, value, id=f"{name}-{k}") for name, values in EDITS.items() for k, value in enumerate(values)]
)
def test_a_field_that_is_not_what_it_must_be_is_named_in_one_short_sentence(tiny_model: MakeModel, name: str, value: Any) -> None:
    path = tiny_model("US", folds=3)
    facts = facts_of(path) | {name: value}
    with_text(path, json.dumps({key: value for key, value in facts.items() if value is not LEFT_OUT}))
    with pytest.raises(ReadError, match=rf"tiny-us\.onnx: its metadata .*'{name}[^']*'.*; export the model again") as refused:
        read_metadata(path)
    assert len(str(refused.value)) < 300
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "are not JSON"),
        ("[" * 100_000, "are not JSON"),
        ('{"format": 1, "folds": ' + "9" * 5000 + "}", "are not JSON"),
        ("[1]", "are of format None"),
        ('{"format": true}', "are of format True"),
        ('{"format": "' + "1" * 90_000 + '"}', "are of format"),
        ('{"format": 1, "note": "' + "x" * 10**6 + '"}', "longer than"),
        ('{"format": 1}', "lack 'id'"),
    ],
)
def test_text_that_is_no_metadata_is_refused(tiny_model: MakeModel, text: str, said: str) -> None:
    with pytest.raises(ReadError, match=f"its metadata.* {said}") as refused:
        read_metadata(with_text(tiny_model("US"), text))
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", '"0.5"', "1" * 400])
def test_a_number_that_is_none_is_refused(tiny_model: MakeModel, number: str) -> None:
    path = tiny_model("US")
    text = re.sub(r'"score_floor": [0-9.]+', f'"score_floor": {number}', json.dumps(facts_of(path)))
    with pytest.raises(ReadError, match="its metadata 'score_floor' must be a number from 0 to 1, got "):
        read_metadata(with_text(path, text))


def test_the_bundled_models_say_all_that_the_table_asks_for() -> None:
    for name in bundled():
        facts = read_metadata(bundled_path(name))
        assert set(FIELDS) | {"format"} == set(facts)


def test_every_field_of_the_table_is_tried() -> None:
    assert set(EDITS) == set(FIELDS)


def test_what_is_left_out_has_its_default_and_what_is_not_known_is_kept(tiny_model: MakeModel) -> None:
    facts = DEFAULTS | facts_of(tiny_model("US")) | {"note": ["any"]}
    less = {key: value for key, value in facts.items() if key not in DEFAULTS}
    assert checked("x.onnx", less) == facts

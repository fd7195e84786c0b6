"""Operations are checked when they are made, and come back from JSON as they were."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.augment.geometry import _STEPS as GEOMETRY
from breastcad.augment.operations import FRAME, KINDS, TONE, Operation, Parameter, as_plain, from_json, from_plain, operation, to_json
from breastcad.augment.tones import _STEPS as TONES


def values(parameter: Parameter) -> st.SearchStrategy[float | int | str]:
    """Draw a value that a parameter takes."""
    if parameter.words:
        return st.sampled_from(parameter.words)
    low, high = max(parameter.low, -1e6), min(parameter.high, 1e6)
    return st.integers(int(low), int(high)) if parameter.whole else st.floats(low, high, allow_nan=False)


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """Draw any operation with any parameters."""
    name = draw(st.sampled_from(sorted(KINDS)))
    drawn = {key: draw(values(parameter)) for key, parameter in KINDS[name].parameters.items()}
    if "row0" in drawn:
        drawn |= {"row1": int(drawn["row0"]) + draw(st.integers(1, 99)), "col1": int(drawn["col0"]) + draw(st.integers(1, 99))}
    return operation(name, **drawn)


@given(st.lists(operations(), max_size=5))
def test_json_brings_back_the_very_operations(drawn: list[Operation]) -> None:
    assert list(from_json(to_json(drawn))) == drawn
    assert list(from_plain(as_plain(drawn))) == drawn


def test_every_kind_has_what_applies_it() -> None:
    assert {name for name, kind in KINDS.items() if kind.moves == FRAME} == set(GEOMETRY)
    assert {name for name, kind in KINDS.items() if kind.moves == TONE} == set(TONES)
    assert set(KINDS) - set(GEOMETRY) - set(TONES) == {"elastic"}


@pytest.mark.parametrize(
    ("name", "given_values", "sentence"),
    [
        ("rotate", {"degrees": 3}, "unknown operation 'rotate'; near name: 'rotation'"),
        ("rotation", {}, "rotation needs the parameter 'degrees'"),
        ("rotation", {"degrees": 3, "turns": 1}, "rotation has no parameter 'turns'; it has degrees, frame"),
        ("rotation", {"degrees": math.nan}, "rotation: degrees must be a finite number, got nan"),
        ("rotation", {"degrees": math.inf}, "rotation: degrees must be a finite number, got inf"),
        ("rotation", {"degrees": True}, "rotation: degrees must be a finite number, got True"),
        ("rotation", {"degrees": "9"}, "rotation: degrees must be a finite number, got '9'"),
        ("flip", {"side": "up"}, "flip: side must be one of top, bottom, left, right, got 'up'"),
        ("edges", {"alpha": 1.5}, r"edges: alpha must be a finite number in \[0, 1\], got 1.5"),
        ("gaussian-noise", {"sigma": 0.1, "seed": 0.5}, "gaussian-noise: seed must be a whole number, got 0.5"),
        ("crop", {"row0": 4, "col0": 0, "row1": 4, "col1": 2}, r"crop: the box must not be empty, got \(4, 0, 4, 2\)"),
    ],
)
def test_what_cannot_be_is_refused(name: str, given_values: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        operation(name, **given_values)


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"side": "left"}]'])
def test_what_is_no_list_of_operations_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="operations must be a list"):
        from_json(text)


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match="operations must be JSON"):
        from_json("flip left")

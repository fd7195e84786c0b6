"""docs/findings.schema.json says what core.records holds: the same keys, the same types, nothing more."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from pathlib import Path

import jsonschema
import pytest

from breastcad.core import records

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "findings.schema.json").read_text(encoding="utf-8"))
DEFINED = {"Analysis": SCHEMA, **SCHEMA["$defs"]}
WORDS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def fits(hint: typing.Any, schema: dict[str, typing.Any]) -> bool:
    """Say if a part of the schema allows what a type hint does: its kind, and null exactly where the hint has None."""
    if isinstance(hint, types.UnionType):
        (inner,) = [part for part in typing.get_args(hint) if part is not type(None)]
        null, given = {"type": "null"}, schema.get("anyOf", [])
        return null in given and any(fits(inner, part) for part in given if part != null)
    if dataclasses.is_dataclass(hint):
        return schema == {"$ref": f"#/$defs/{hint.__name__}"}  # type: ignore[union-attr]
    if typing.get_origin(hint) is list:
        return schema["type"] == "array" and fits(typing.get_args(hint)[0], schema["items"])
    if typing.get_origin(hint) is dict:
        return schema["type"] == "object" and fits(typing.get_args(hint)[1], schema["additionalProperties"])
    if "type" not in schema:
        return all(isinstance(value, hint) for value in schema.get("enum", [schema.get("const")]))
    return schema["type"] == WORDS[hint]


LATER = {"ImageResult": ("possible", "unlike"), "ExamResult": ("modality", "rule", "woman", "left_out", "warnings")}
"""Keys that came with a later version: a findings.json of before has none of them and is one all the same."""


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", DEFINED)
def test_a_record_and_its_part_of_the_schema_agree(name: str) -> None:
    record = getattr(records, name)
    hints = typing.get_type_hints(record)
    assert list(DEFINED[name]["properties"]) == list(hints)
    assert [field for field in hints if field not in LATER.get(name, ())] == DEFINED[name]["required"]
    assert [field for field, hint in hints.items() if not fits(hint, DEFINED[name]["properties"][field])] == []


def test_every_part_of_the_schema_says_what_it_means() -> None:
    silent = [
        f"{name}.{field}"
        for name, part in DEFINED.items()
        for field, schema in part["properties"].items()
        if "description" not in schema and "$ref" not in schema and schema.get("type") not in ("number", "string") and "const" not in schema
    ]
    assert silent == []

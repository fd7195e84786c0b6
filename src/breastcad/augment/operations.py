"""The operations of augmentation as small records: a name and its parameters, drawn first, written as JSON, applied later.

What each does to coordinates is in `geometry`, to grey levels in `tones`; whole samples are made in `replaying`, draws in `policies`.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Value = float | int | str
FRAME, ELASTIC, TONE = "frame", "elastic", "tone"


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a parameter may be: a word of ``words``, else a number in [low, high], a whole one where ``whole``; None: no default."""

    default: Value | None = None
    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    words: tuple[str, ...] = ()

    def checked(self, name: str, value: object) -> Value:
        """Return a value as this parameter keeps it.

        Raises
        ------
        ValueError
            If it is of another kind or out of range.
        """
        if self.words:
            if value not in self.words:
                raise ValueError(f"{name} must be one of {', '.join(self.words)}, got {value!r}")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not (self.low <= value <= self.high) or math.isinf(value):
            raise ValueError(f"{name} must be {self._needed()}, got {value!r}")
        if self.whole and int(value) != value:
            raise ValueError(f"{name} must be a whole number, got {value!r}")
        return int(value) if self.whole else float(value)

    def _needed(self) -> str:
        kind = "a whole number" if self.whole else "a finite number"
        return kind if math.isinf(self.low) and math.isinf(self.high) else f"{kind} in [{self.low:g}, {self.high:g}]"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of operation: ``moves`` is `FRAME` (coordinates, by one matrix), `ELASTIC` (coordinates) or `TONE` (grey levels only)."""

    moves: str
    parameters: Mapping[str, Parameter]


_SEED = Parameter(low=0, high=2**63 - 1, whole=True)
_SIDES = ("top", "bottom", "left", "right")
_BOX = {name: Parameter(whole=True, low=0, high=2**31) for name in ("row0", "col0", "row1", "col1")}

KINDS: dict[str, Kind] = {
    "flip": Kind(FRAME, {"side": Parameter(words=_SIDES)}),
    "rotation": Kind(FRAME, {"degrees": Parameter(), "frame": Parameter("kept", words=("kept", "whole"))}),
    "skew": Kind(FRAME, {"side": Parameter(words=("forward", "backward", "left", "right")), "share": Parameter(0.2, 0, 0.9)}),
    "shear": Kind(FRAME, {"axis": Parameter(words=("x", "y")), "degrees": Parameter(low=-80, high=80)}),
    "scaling": Kind(FRAME, {"factor": Parameter(low=0.01, high=100)}),
    "translation": Kind(FRAME, {"down_px": Parameter(0.0), "right_px": Parameter(0.0)}),
    "crop": Kind(FRAME, {**_BOX, "size": Parameter("kept", words=("kept", "cut"))}),
    "elastic": Kind(ELASTIC, {"amount_px": Parameter(low=0, high=1e4), "smooth_px": Parameter(16.0, 0.1, 1e4), "seed": _SEED}),
    "sharpen": Kind(TONE, {"alpha": Parameter(0.5, 0, 1), "lightness": Parameter(1.0, 0, 100)}),
    "emboss": Kind(TONE, {"alpha": Parameter(0.5, 0, 1), "strength": Parameter(1.0, 0, 100)}),
    "edges": Kind(TONE, {"alpha": Parameter(low=0, high=1)}),
    "blur": Kind(TONE, {"sigma_px": Parameter(low=0, high=1000)}),
    "gamma": Kind(TONE, {"gamma": Parameter(low=0.01, high=100)}),
    "contrast": Kind(TONE, {"factor": Parameter(1.0, 0, 100), "brightness": Parameter(0.0, -1, 1)}),
    "gaussian-noise": Kind(TONE, {"sigma": Parameter(low=0, high=10), "seed": _SEED}),
    "speckle-noise": Kind(TONE, {"sigma": Parameter(low=0, high=10), "seed": _SEED}),
    "salt-and-pepper": Kind(TONE, {"share": Parameter(low=0, high=1), "seed": _SEED}),
    "poisson-noise": Kind(TONE, {"peak": Parameter(low=1, high=1e9), "seed": _SEED}),
    "erasing": Kind(TONE, {**_BOX, "seed": _SEED}),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation with all its parameters, in the order of its kind; made by `operation`, which checks them."""

    name: str
    values: tuple[tuple[str, Value], ...]

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name."""
        return dict(self.values)

    @property
    def moves(self) -> str:
        """What it changes: `FRAME`, `ELASTIC` or `TONE`."""
        return KINDS[self.name].moves


def operation(name: str, **values: Value) -> Operation:
    """Return one operation; parameters that are left out have their defaults.

    Parameters
    ----------
    name : str
        A key of `KINDS`.
    **values
        Its parameters.

    Raises
    ------
    ValueError
        If there is no such operation or parameter, one without a default is missing, or a value is out of range.

    Examples
    --------
    >>> operation("sharpen", lightness=2)
    Operation(name='sharpen', values=(('alpha', 0.5), ('lightness', 2.0)))
    """
    if name not in KINDS:
        near = difflib.get_close_matches(str(name), KINDS, n=1)
        raise ValueError(f"unknown operation {name!r};{f' near name: {near[0]!r}.' if near else ''} All: {', '.join(KINDS)}")
    known = KINDS[name].parameters
    unknown = [key for key in values if key not in known]
    if unknown:
        raise ValueError(f"{name} has no parameter {unknown[0]!r}; it has {', '.join(known)}")
    missing = [key for key, parameter in known.items() if parameter.default is None and key not in values]
    if missing:
        raise ValueError(f"{name} needs the parameter {missing[0]!r}")
    full = {key: parameter.checked(f"{name}: {key}", values.get(key, parameter.default)) for key, parameter in known.items()}
    if "row0" in full and not (float(full["row0"]) < float(full["row1"]) and float(full["col0"]) < float(full["col1"])):
        raise ValueError(f"{name}: the box must not be empty, got {tuple(full[key] for key in _BOX)}")
    return Operation(name, tuple(full.items()))


def as_plain(operations: Iterable[Operation]) -> list[dict[str, Value]]:
    """Return operations as plain values for JSON: ``{"operation": name, parameter: value, ...}`` each."""
    return [{"operation": one.name, **one.parameters} for one in operations]


def from_plain(plain: object) -> tuple[Operation, ...]:
    """Return operations from what `as_plain` gave.

    Raises
    ------
    ValueError
        If it is no such list, or `operation` refuses one.
    """
    if not isinstance(plain, list) or not all(isinstance(one, dict) and isinstance(one.get("operation"), str) for one in plain):
        raise ValueError('operations must be a list of {"operation": name, parameter: value, ...}')
    return tuple(operation(one["operation"], **{key: value for key, value in one.items() if key != "operation"}) for one in plain)


def to_json(operations: Iterable[Operation]) -> str:
    """Return operations as one line of JSON; numbers are written so that reading gives the same ones.

    Examples
    --------
    >>> to_json([operation("flip", side="left")])
    '[{"operation": "flip", "side": "left"}]'
    """
    return json.dumps(as_plain(operations), allow_nan=False)


def from_json(text: str) -> tuple[Operation, ...]:
    """Return operations from a text that `to_json` wrote.

    Raises
    ------
    ValueError
        If it is not JSON, or as `from_plain`.
    """
    try:
        plain = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"operations must be JSON ({error})") from error
    return from_plain(plain)

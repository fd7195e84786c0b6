"""What a model file must say of itself: one table, by which files are read and written. No torch, no networks."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from breastcad.core.errors import ReadError
from breastcad.preprocess.inputs import PIPELINES

KEY = "breastcad"
FORMAT = 1
LARGEST_NUMBER = 1e6
"""No shift, line or logit is as large as this."""
LONGEST_TEXT = 100_000
"""Longest metadata that are read, in characters: those of the bundled models have about a thousand."""
LARGEST_SIDE = 8192
"""Most rows and columns of an input, in pixels."""
MOST = 100
"""Most folds, networks a fold, and things in a list."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value must be: in words that go on after "must be", as a test that takes any JSON value, and the same of its parts.

    ``parts`` gives the place, the value and the kind of each part of a value that passed the test.
    """

    words: str
    fits: Callable[[Any], bool]
    parts: Callable[[Any], Iterable[tuple[str, Any, Kind]]] = lambda value: ()


def _text(longest: int = 5000) -> Kind:
    def fits(value: Any) -> bool:
        return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()

    return Kind(f"printable text of 1 to {longest} characters", fits)


def _number(low: float, high: float) -> Kind:
    return Kind(f"a number from {low:g} to {high:g}", lambda value: type(value) in (int, float) and low <= value <= high)


def _whole(low: int, high: int) -> Kind:
    return Kind(f"a whole number from {low} to {high}", lambda value: type(value) is int and low <= value <= high)


def _one_of(*values: str | list[str]) -> Kind:
    return Kind(" or ".join(map(str, values)), lambda value: value in values)


def _several(one: Kind) -> Kind:
    return Kind(
        f"a list of at most {MOST}",
        lambda value: isinstance(value, list) and len(value) <= MOST,
        lambda value: ((f"[{number}]", part, one) for number, part in enumerate(value)),
    )


def _named(optional: tuple[str, ...] = (), **kinds: Kind) -> Kind:
    needed = [name for name in kinds if name not in optional]
    return Kind(
        f"names and values: {', '.join(needed)}" + f"; perhaps {', '.join(optional)}" * bool(optional),
        lambda value: isinstance(value, dict) and set(needed) <= set(value) <= set(kinds),
        lambda value: ((f".{name}", part, kinds[name]) for name, part in value.items()),
    )


_FLAG = Kind("true or false", lambda value: isinstance(value, bool))
_LINE, _SHARE = _text(200), _number(0, 1)
_TEMPERATURES, _NUMBERS = _several(_number(1e-3, 1e3)), _several(_number(-LARGEST_NUMBER, LARGEST_NUMBER))
_POINT = _named(
    name=_LINE, of=_one_of("malignant", "abnormal"), threshold=_SHARE, sensitivity=_SHARE, specificity=_SHARE, prevalence=_SHARE
)


def _or_none(one: Kind) -> Kind:
    return Kind(f"{one.words}, or null", lambda value: value is None or one.fits(value), lambda value: one.parts(value) if value else ())


FIELDS: dict[str, Kind] = {
    "id": _LINE,
    "version": _LINE,
    "modality": _one_of("US", "MG"),
    "input": _named(pipeline=_one_of(*sorted(PIPELINES)), rows=_whole(1, LARGEST_SIDE), cols=_whole(1, LARGEST_SIDE)),
    "folds": _whole(1, MOST),
    "members": _whole(1, MOST),
    "temperature": _named(("lesion",), malignant=_TEMPERATURES, abnormal=_TEMPERATURES, lesion=_TEMPERATURES),
    "shift": _named(abnormal=_NUMBERS),
    "abnormal_share": _SHARE,
    "marks": _named(slope=_NUMBERS, intercept=_NUMBERS),
    "classes": _one_of(["benign", "malignant"], ["normal", "benign", "malignant"]),
    "score_floor": _SHARE,
    "mark_level": _number(1e-6, 1),
    "max_marks": _whole(0, 1000),
    "outline": _FLAG,
    "operating_points": _several(_POINT),
    "trained_on": _several(_LINE),
    "seen": _text(),
    "not_seen": _text(),
    "warnings": _several(_text()),
    "shortened": _FLAG,
    "unlike": _FLAG,
    "sets": _or_none(_named(coverage=_SHARE, benign=_SHARE, malignant=_SHARE)),
}
"""Of a lesion model. ``unlike``: its graph says how unlike what it saw an image is. ``sets``: where P(malignant) is at most ``benign``, not
malignant is possible; where 1 - P(malignant) is at most ``malignant``, malignant is; ``coverage`` was asked for on validation."""
_SIDE, _CELLS = _whole(1, LARGEST_SIDE), _whole(0, LARGEST_SIDE)
WINDOW_FIELDS: dict[str, Kind] = {
    "id": _LINE,
    "version": _LINE,
    "modality": _one_of("US", "MG"),
    "classes": Kind(
        f"a list of 2 to {MOST} names, each once",
        lambda value: isinstance(value, list) and 1 < len(value) <= MOST and all(map(_LINE.fits, value)) and len(set(value)) == len(value),
    ),
    "window": _named(rows=_SIDE, cols=_SIDE),
    "film": _named(("rows", "cols", "scale"), filter=_one_of("bilinear", "area"), rows=_SIDE, cols=_SIDE, scale=_number(1e-3, 1e3)),
    "grid": _named(
        stride=_SIDE, rows=_SIDE, cols=_SIDE, halo=_or_none(_named(before=_CELLS, after=_CELLS)), bytes_a_pixel=_number(1, LARGEST_NUMBER)
    ),
    "head": _one_of("pool", "pool-hidden", "mixed"),
    "folds": _whole(1, MOST),
    "members": _whole(1, MOST),
    "temperature": _TEMPERATURES,
    "trained_on": _several(_LINE),
    "seen": _text(),
    "not_seen": _text(),
    "warnings": _several(_text()),
    "shortened": _FLAG,
}
"""Of a classifier of windows: ``film`` says how a film becomes network pixels (resized to rows x cols, or by scale; neither where its
windows were of many sizes), ``grid`` how its last map lies on windows: ``stride`` in network pixels, ``rows`` and ``cols`` of a window's
own map, ``halo`` in places of the map (null where every place sees the whole image), ``bytes_a_pixel`` of the largest layer's output."""
KINDS: dict[str, dict[str, Kind]] = {"lesion": FIELDS, "windows": WINDOW_FIELDS}
"""What a model is of: a file that does not say is a lesion model's."""
_USE = {"lesion": "it is for: breastcad analyze --model", "windows": "it is for: breastcad heatmap"}
DEFAULTS: dict[str, Any] = {"members": 1, "warnings": [], "unlike": False, "sets": None}
"""What files do not say that were written before a fold could have several networks, or a network could tell what it has not seen."""
PER_FOLD = ("temperature", "shift", "marks")


def parsed(path: str | Path, text: str | None, kind: str | None = None) -> dict[str, Any]:
    """Return what the metadata of a model file say; `path` is for the message.

    Parameters
    ----------
    path : str or Path
    text : str or None
        As the file has them under `KEY`; None where it has none.
    kind : str, optional
        One of `KINDS`, which the model must be of.

    Raises
    ------
    ReadError
        If they are missing, no JSON, of another format or kind, or as `checked` does.
    """
    if text is None:
        raise ReadError(path, f"has no metadata '{KEY}', so it is no model of breastcad; export one with: breastcad train")
    if len(text) > LONGEST_TEXT:
        raise ReadError(path, f"its metadata '{KEY}' are longer than {LONGEST_TEXT} characters; export the model again")
    try:
        facts = json.loads(text)
    except RecursionError as error:
        raise ReadError(path, f"its metadata '{KEY}' are not JSON that can be read (nested without end); export the model again") from error
    except ValueError as error:
        raise ReadError(path, f"its metadata '{KEY}' are not JSON ({error}); export the model again") from error
    found = facts.get("format") if isinstance(facts, dict) else None
    if type(found) is not int or found != FORMAT:
        raise ReadError(
            path, f"its metadata are of format {reprlib.repr(found)}, but this breastcad reads format {FORMAT}; update breastcad"
        )
    facts = checked(path, facts)
    own = facts.get("kind", "lesion")
    if kind not in (None, own):
        words = {"lesion": "a model of lesions in whole images", "windows": "a classifier of windows"}
        raise ReadError(path, f"it is {words[own]}, and {words[str(kind)]} is needed here; {_USE[own]}")
    return facts


def checked(path: str | Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Return a model's metadata, with `DEFAULTS` where they leave one out, if inference can go by them; `path` is for the message.

    Raises
    ------
    ReadError
        If one of the fields of their kind is missing or not what it must be, or numbers that must be one a fold are not. Others are not
        looked at.
    """
    facts = DEFAULTS | facts
    kind = facts.get("kind", "lesion")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ReadError(path, f"its metadata 'kind' must be {' or '.join(KINDS)}, got {_shown(kind)}; export the model again")
    for name, one in KINDS[kind].items():
        if name not in facts:
            raise ReadError(path, f"its metadata lack '{name}', which must be {one.words}; export the model again")
        if fault := _fault(one, name, facts[name]):
            raise ReadError(path, f"its metadata {fault}; export the model again")
    lists = {name: facts[name] for name in PER_FOLD} if kind == "lesion" else {"temperature": {"all classes": facts["temperature"]}}
    for name, heads in lists.items():
        for head, numbers in heads.items():
            if len(numbers) != facts["folds"]:
                reason = f"its metadata say {facts['folds']} folds, but '{name}' holds {len(numbers)} numbers for '{head}'"
                raise ReadError(path, f"{reason}; export the model again")
    if kind == "windows":
        _check_film(path, facts["film"])
    return facts


def _check_film(path: str | Path, film: dict[str, Any]) -> None:
    given = set(film) - {"filter"}
    if given not in (set(), {"scale"}, {"rows", "cols"}):
        raise ReadError(path, f"its metadata 'film' must have rows and cols, scale, or neither, got {_shown(film)}; export the model again")


def _fault(kind: Kind, place: str, value: Any) -> str | None:
    """Say what is the first thing in a value that is not of its kind; None where all is."""
    if not kind.fits(value):
        return f"'{place}' must be {kind.words}, got {_shown(value)}"
    faults = (_fault(one, place + within, part) for within, part, one in kind.parts(value))
    return next((fault for fault in faults if fault), None)


def _shown(value: Any) -> str:
    """Return a value in few characters, all of them printable."""
    return reprlib.repr(value)[:120]

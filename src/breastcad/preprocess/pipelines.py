"""Pipelines: named lists of steps. Those of the publications, and ours, are in pipelines.yaml; a user's own are in a file of that form."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import cv2

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_yaml
from breastcad.preprocess.prepared import Prepared
from breastcad.preprocess.steps import checked_settings, step

_KEYS = {"title", "source", "modality", "steps", "remarks"}
_MODALITIES = ("MG", "US", None)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A list of steps with all their settings; ``modality`` is MG, US, or None where it does not matter. ``remarks``: what is open."""

    name: str
    title: str
    source: str
    steps: tuple[tuple[str, dict[str, Any]], ...]
    modality: str | None = None
    remarks: tuple[str, ...] = ()

    def run(self, prepared: Prepared) -> Prepared:
        """Return what the steps make of an image, one after another.

        Raises
        ------
        InputError
            If a step cannot be done with this image (no pixel spacing, say), or with its settings.
        """
        for name, settings in self.steps:
            try:
                prepared = step(name).run(prepared, **settings)
            except ValueError as error:  # a function refuses a setting, or these pixels
                raise InputError(f"step '{name}': {error}") from error
            except (TypeError, ArithmeticError, MemoryError, cv2.error) as error:  # a window of a million pixels, say
                told = ", ".join(f"{key}={value}" for key, value in settings.items())
                raise InputError(f"step '{name}' cannot be done with {told or 'this image'} ({type(error).__name__})") from error
        return prepared


@functools.cache
def pipelines() -> dict[str, Pipeline]:
    """Return the pipelines that come with breastcad, by name."""
    place = Path(str(resources.files("breastcad.preprocess").joinpath("pipelines.yaml")))
    return {name: _built(place, name, content) for name, content in read_yaml(place).items()}


def pipeline(name: str) -> Pipeline:
    """Return a pipeline by its name, or the one in a file of the user's own (a name that ends in .yaml or .yml).

    Raises
    ------
    InputError
        If there is none of that name.
    ReadError
        If the file cannot be read, holds more than one pipeline, or one that cannot be.
    """
    if name.lower().endswith((".yaml", ".yml")):
        content = read_yaml(name)
        if len(content) != 1:
            raise ReadError(name, f"must hold one pipeline under its name, holds {len(content)}")
        return next(_built(Path(name), key, value) for key, value in content.items())
    if name not in pipelines():
        near = difflib.get_close_matches(name, pipelines(), n=1)
        told = f" did you mean '{near[0]}'?" if near else ""
        raise InputError(f"unknown pipeline '{name}';{told} there are: {', '.join(pipelines())}; or a file .yaml of your own")
    return pipelines()[name]


def with_settings(given: Pipeline, pairs: Sequence[str]) -> Pipeline:
    """Return a pipeline with settings changed by texts ``STEP.KEY=VALUE``; every step of that name is changed.

    Raises
    ------
    InputError
        If a text is not of that form, or names no step of the pipeline or no setting of the step.
    """
    import yaml  # noqa: PLC0415 - slow to import, and few callers change settings

    changed = list(given.steps)
    for pair in pairs:
        place, equals, text = pair.partition("=")
        name, dot, key = place.partition(".")
        if not (equals and dot):
            raise InputError(f"--setting takes STEP.KEY=VALUE, got '{pair}'")
        if name not in (known := [one for one, _ in changed]):
            raise InputError(f"pipeline '{given.name}' has no step '{name}'; its steps: {', '.join(known)}")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InputError(f"the value of '{place}' cannot be read: '{text[:50]}'") from error
        changed = [(one, checked_settings(one, {**old, key: value}) if one == name else old) for one, old in changed]
    return Pipeline(given.name, given.title, given.source, tuple(changed), given.modality, given.remarks)


def _built(place: Path, name: Any, content: Any) -> Pipeline:
    """Return the pipeline that a file describes."""
    if not isinstance(name, str) or not isinstance(content, Mapping) or not isinstance(content.get("steps"), list) or not content["steps"]:
        raise ReadError(place, f"pipeline '{name}' must have a list of 'steps'")
    if unknown := set(map(str, content)) - _KEYS:
        raise ReadError(place, f"pipeline '{name}' has an entry '{min(unknown)}'; known: {', '.join(sorted(_KEYS))}")
    if content.get("modality") not in _MODALITIES:
        raise ReadError(place, f"the modality of pipeline '{name}' must be MG or US, got '{content['modality']}'")
    try:
        made = tuple(_step(one) for one in content["steps"])
    except InputError as error:
        raise ReadError(place, f"pipeline '{name}': {error}") from error
    remarks = content.get("remarks") or []
    if not isinstance(remarks, list):
        raise ReadError(place, f"pipeline '{name}' must have a list of 'remarks', got {str(remarks)[:80]!r}")
    title, source = (str(content.get(key, "")) for key in ("title", "source"))
    return Pipeline(name, title, source, made, content.get("modality"), tuple(map(str, remarks)))


def _step(given: Any) -> tuple[str, dict[str, Any]]:
    """Return a step and all its settings, from its name, or from its name with a mapping of settings."""
    if isinstance(given, str):
        return given, checked_settings(given, {})
    if isinstance(given, Mapping) and len(given) == 1:
        name, settings = next(iter(given.items()))
        if isinstance(name, str) and (settings is None or isinstance(settings, Mapping)):
            return name, checked_settings(name, dict(settings or {}))
    raise InputError(f"a step must be a name, or a name with its settings, got {str(given)[:80]!r}")

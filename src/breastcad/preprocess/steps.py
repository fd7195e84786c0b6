"""The steps that pipelines are made of: each by its name, what it does, its settings with their defaults, and its source.

A step that only changes pixels is a function of `filters`, `speckle`, `contrast` or `edges`; one that moves them, or knows where the
breast is, is a function of a `Prepared`. What a step does stands where its function is.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from breastcad.core.errors import InputError
from breastcad.preprocess.prepared import Prepared

_ON_PREPARED = {
    "prepared": ("resize", "fit", "respace", "crop_to_tissue", "turn_to_side", "blacken_outside"),
    "tissue": ("breast", "without_pectoral", "without_artefacts", "without_overlays", "candidates"),
}
_ON_PIXELS = {
    "filters": (
        "median", "adaptive_median", "mean", "adaptive_mean", "gaussian", "low_pass", "bilateral", "wiener", "non_local_means",
        "wavelet", "total_variation",
    ),
    "speckle": ("anisotropic_diffusion", "lee", "enhanced_lee", "frost", "srad"),
    "contrast": ("equalise", "adaptive_equalise", "clahe", "gamma", "unsharp", "percentile_stretch"),
    "edges": ("sobel", "laplacian", "erosion", "dilation", "opening", "closing", "top_hat", "bottom_hat", "morphological_gradient"),
}  # fmt: skip
_MODULES = {name: module for table in (_ON_PREPARED, _ON_PIXELS) for module, names in table.items() for name in names}
STEPS = tuple(_MODULES)
"""The names of all steps, in the order in which a reader would look for them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of step: ``settings`` are its names and defaults, ``run`` takes a `Prepared` and settings and returns a `Prepared`.

    ``source`` is the reference of its function, empty where that has none.
    """

    name: str
    says: str
    source: str
    settings: dict[str, Any]
    run: Callable[..., Prepared]


@functools.cache
def step(name: str) -> Step:
    """Return a step by its name; only its own module is imported.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in _MODULES:
        raise InputError(f"unknown step '{name}';{_near(name, STEPS)} All: {', '.join(STEPS)}")
    module = _MODULES[name]
    function = getattr(importlib.import_module(f"breastcad.preprocess.{module}"), name)
    return Step(
        name,
        _first_sentence(function),
        _reference(function),
        _settings(function),
        function if module in _ON_PREPARED else _lifted(function),
    )


def _first_sentence(function: Callable[..., Any]) -> str:
    text = inspect.getdoc(function) or ""
    return " ".join(text.split("\n\n")[0].split())


def _reference(function: Callable[..., Any]) -> str:
    """Return the first reference of a docstring."""
    found = re.search(r"^\.\. \[1\] (.+?)(?=^\.\. \[|\n\n|\Z)", inspect.getdoc(function) or "", re.DOTALL | re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def _settings(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the keyword-only arguments that a pipeline may set, with their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "tissue"}


def _lifted(function: Callable[..., Any]) -> Callable[..., Prepared]:
    """Let a function of pixels work on a `Prepared`; one that takes ``tissue`` is told where it is, as far as that is known."""
    takes_tissue = "tissue" in inspect.signature(function).parameters

    @functools.wraps(function)
    def run(prepared: Prepared, **settings: Any) -> Prepared:
        told = {"tissue": prepared.tissue} if takes_tissue else {}
        return replace(prepared, pixels=function(prepared.pixels, **told, **settings))

    return run


def checked_settings(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step's settings, defaults included.

    Parameters
    ----------
    name : str
        Of the step.
    settings : mapping
        What is to differ from the defaults; whole numbers are taken where a number is needed, lists where several are.

    Raises
    ------
    InputError
        If there is no such step or setting, or a value is of another type than the default.
    """
    defaults = step(name).settings
    if unknown := [key for key in settings if key not in defaults]:
        told = f" All: {', '.join(defaults)}" if defaults else " It has none"
        raise InputError(f"step '{name}' has no setting '{unknown[0]}';{_near(str(unknown[0]), defaults)}{told}")
    return defaults | {key: _converted(name, key, value, defaults[key]) for key, value in settings.items()}


def _converted(step: str, name: str, value: Any, like: Any) -> Any:
    if isinstance(like, tuple) and isinstance(value, list):
        value = tuple(value)
    if isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(like, str) and isinstance(value, int | float):
        return value  # a word that stands for a number: the function knows which there are
    if like is not None and type(value) is not type(like):
        raise InputError(f"setting '{name}' of step '{step}' must be {type(like).__name__}, e.g. {like!r}, got {str(value)[:50]!r}")
    return value


def _near(word: str, words: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(words), n=1)
    return f" near name: '{near[0]}'." if near else ""

"""The kinds of training, the settings of each, and the recipes that come with breastcad's own models."""

from __future__ import annotations

import difflib
from importlib import resources
from typing import Any

import yaml

from breastcad.core.errors import InputError
from breastcad.train.classical_settings import ClassicalSettings
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.film_settings import FilmSettings
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.sequence_settings import SequenceSettings
from breastcad.train.settings import Settings, flat, with_values

SETTINGS: dict[str, type[Settings]] = {
    kind.task: kind for kind in (LesionSettings, ClassifierSettings, FilmSettings, ClassicalSettings, SequenceSettings)
}
RECIPES = ("us-lesion", "mg-lesion", "classifier", "whole-film", "classical", "sequence")


def recipe(name: str) -> Settings:
    """Return the settings of a recipe.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=1)
        raise InputError(f"unknown recipe '{name}';{f' did you mean {near[0]!r}?' if near else ''} there are: {', '.join(RECIPES)}")
    text = resources.files("breastcad.train").joinpath("recipes", f"{name}.yaml").read_text(encoding="utf-8")
    return from_dict(yaml.safe_load(text))


def from_dict(content: dict[str, Any]) -> Settings:
    """Build settings from plain values; what is left out keeps its default. Without a task they are of a lesion network.

    Raises
    ------
    InputError
        If there is no such task, a name is not a setting of it, or the settings are none that a training can start with.
    """
    rest = dict(content)
    task = rest.pop("task", LesionSettings.task)
    if task not in SETTINGS:
        raise InputError(f"setting 'task' must be one of {', '.join(SETTINGS)}, got '{task}'")
    return with_values(SETTINGS[task](), flat(rest))

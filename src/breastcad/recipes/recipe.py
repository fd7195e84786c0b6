"""Recipes: one experiment of a publication each, as the YAML files of this folder say it. No torch here.

A file holds what its experiments have in common and, under ``variants``, what is each one's own. Nothing is run here.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_yaml
from breastcad.patches.methods import METHODS
from breastcad.patches.settings import settings_of
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.film_settings import FilmSettings
from breastcad.train.settings import with_values

FILES = ("a", "b", "c", "d", "d-films", "e3", "e5", "e6")
OF_PATCHES = "patches."
"""With this before its name, a changed setting of a recipe of whole films is one of the patch classifiers beneath."""
PATCH_RUN = "patch-run"
"""What a recipe of whole films says for ``patch_run``: the run that its reproduction makes."""
SPLITS = ("patient", "published", "official", "leave-one-set-out")
"""How a reproduction may be parted: by patient; at random, as published; as the set's authors parted it; a fold a set."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A set that a recipe is for, as named in docs/data.md (or ``private``), what of it, and in how many folds if not the recipe's."""

    set: str
    what: str
    folds: int | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """What a publication printed of a network: ``of`` says on what, ``figures`` by name, in the order of its table."""

    network: str
    of: str
    figures: Mapping[str, float]


def as_printed(figure: float) -> str:
    """Return a reported figure with the digits that the publication prints, two at least: none is rounded away.

    Examples
    --------
    >>> as_printed(0.9655), as_printed(0.914), as_printed(0.5), as_printed(1.0)
    ('0.9655', '0.914', '0.50', '1.00')
    """
    return max(f"{figure:g}", f"{figure:.2f}", key=len)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One experiment of a publication.

    ``networks`` maps each to the settings of its own; ``stands_in`` a network that is none of the publication's to the one it is held
    against. ``films``, where there are any, is a training of whole films on the classifiers that ``training`` makes (under ``networks``
    what is a network's own), and ``film_samples`` how many films train. ``published_...`` replaces what differs where windows are parted as
    published. ``samples`` is how many windows, copies
    among them, an epoch of the publication has (``samples_an_epoch``, where set, comes before it). ``printed`` says what a reported
    figure's name means where it does not mean what it says, ``ours`` which of our figures it then is held against. ``shortened``
    holds ``training``, ``patches`` and ``films``.
    """

    key: str
    publication: str
    title: str
    source: str
    modality: str
    data: tuple[Needed, ...]
    patches: Mapping[str, Any]
    training: Mapping[str, Any]
    networks: Mapping[str, Mapping[str, Any]]
    folds: int
    validation_share: float
    samples: int
    reported: tuple[Reported, ...]
    remarks: tuple[str, ...]
    shortened: Mapping[str, Mapping[str, Any]]
    pipeline: str = ""
    published_patches: Mapping[str, Any]
    published_training: Mapping[str, Any]
    published_folds: int | None = None
    films: Mapping[str, Any]
    film_samples: int = 0
    stands_in: Mapping[str, str]
    printed: Mapping[str, str]
    ours: Mapping[str, str]

    @property
    def network(self) -> str:
        """The network that is taken if none is named."""
        return next(iter(self.networks))

    def held_against(self, network: str) -> str | None:
        """Return the publication's network that another is compared with: itself, the one it stands in for, or none."""
        return network if network in self.networks else self.stands_in.get(network)

    def folds_of(self, sets: Sequence[str], split: str) -> int:
        """Return how many folds sets are parted into; where they differ in it, the fewest. Sets left out one by one are a fold each.

        The parts of a set's authors are one.
        """
        if split == "official":
            return 1
        if split == "leave-one-set-out" and len(sets) > 1:
            return len(sets)
        if split == "published" and self.published_folds:
            return self.published_folds
        own = [need.folds for need in self.data if need.set in sets and need.folds]
        return min(own, default=self.folds)

    def patch_settings(self, split: str, *, shortened: bool = False) -> dict[str, Any]:
        """Return the settings of the patch method."""
        found = dict(self.patches["settings"])
        if split == "published":
            found |= self.published_patches
        return found | dict(self.shortened.get("patches", {}) if shortened else {})

    def settings(
        self, network: str, split: str, *, shortened: bool = False, changes: Mapping[str, Any] | None = None
    ) -> ClassifierSettings:
        """Return the settings of a training, of whole films where the recipe is of them.

        Raises
        ------
        InputError
            If a change is no setting, or not of its type or range.
        """
        changes = dict(changes or {})
        if not self.films:
            return self._of_windows(network, split, changes, shortened=shortened)
        below = self.patch_classifier(network, split, shortened=shortened, changes=changes)
        taken = ("network", "channels", "head", "hidden", "attention", "normalisation", "weights")
        values: dict[str, Any] = {name: getattr(below, name) for name in taken}
        values |= {"patch_rows": below.rows, "patch_cols": below.cols, "patch_classes": below.classes, "patch_run": PATCH_RUN}
        values |= {"model_id": f"{self.key}-{network}", "modality": self.modality} | dict(self.films)
        own = values.pop("networks", {}).get(self.held_against(network), {})
        values |= own if not shortened else {**self.shortened.get("films", {}), "shortened": True}
        values |= {name: value for name, value in changes.items() if not name.startswith(OF_PATCHES)}
        return with_values(FilmSettings(), list(values.items()))

    def patch_classifier(
        self, network: str, split: str, *, shortened: bool = False, changes: Mapping[str, Any] | None = None
    ) -> ClassifierSettings:
        """Return the settings of the training of patch classifiers that one of whole films stands on.

        Raises
        ------
        InputError
            If a change of theirs (`OF_PATCHES`) is no setting, or not of its type or range.
        """
        given = dict(changes or {})
        own = {"model_id": f"{PATCH_RUN}-{network}"} | {name: value for name, value in given.items() if name == "weights"}
        own |= {name.removeprefix(OF_PATCHES): value for name, value in given.items() if name.startswith(OF_PATCHES)}
        return self._of_windows(network, split, own, shortened=shortened)

    def _of_windows(self, network: str, split: str, changes: Mapping[str, Any], *, shortened: bool) -> ClassifierSettings:
        values = {"model_id": f"{self.key}-{network}", "modality": self.modality, "network": network} | dict(self.training)
        values |= self.networks.get(self.held_against(network) or "", {})
        if split == "published":
            values |= self.published_training
        if shortened:
            values |= {**self.shortened.get("training", {}), "shortened": True}
        return with_values(ClassifierSettings(), list((values | dict(changes)).items()))


@functools.cache
def recipes() -> dict[str, Recipe]:
    """Return all recipes by key, in the order of the publications."""
    found = {}
    for name in FILES:
        place = Path(str(resources.files("breastcad.recipes").joinpath(f"{name}.yaml")))
        content = read_yaml(place)
        for key, own in content["variants"].items():
            found[key] = recipe_of(place, key, merged(content["common"], own))
    return found


def recipe(key: str) -> Recipe:
    """Return a recipe.

    Raises
    ------
    InputError
        If there is none of that key; near ones are told.
    """
    if key not in recipes():
        near = difflib.get_close_matches(key, recipes(), n=2)
        told = f" near keys: {', '.join(near)}." if near else ""
        raise InputError(f"unknown recipe '{key}';{told} there are: {', '.join(recipes())}")
    return recipes()[key]


def merged(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is common with what is a variant's own over it; remarks of both stay.

    Examples
    --------
    >>> merged({"a": {"x": 1, "y": 2}, "remarks": ["one"]}, {"a": {"y": 3}, "remarks": ["two"]})
    {'a': {'x': 1, 'y': 3}, 'remarks': ['one', 'two']}
    """
    found = dict(common)
    for name, value in own.items():
        before = found.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            found[name] = merged(before, value)
        elif name == "remarks" and before:
            found[name] = [*before, *value]
        else:
            found[name] = value
    return found


def recipe_of(place: Path, key: str, content: Mapping[str, Any]) -> Recipe:
    """Build a recipe from plain values, and try every setting that it may give a command.

    Raises
    ------
    ReadError
        If a value is missing, unknown or none that a command would take.
    """
    try:
        networks = content["networks"]
        made = Recipe(
            **{
                **{name: {} for name in ("published_patches", "published_training", "stands_in", "printed", "ours", "shortened", "films")},
                **content,
                "key": key,
                "data": tuple(Needed(**need) for need in content["data"]),
                "networks": networks if isinstance(networks, Mapping) else {name: {} for name in networks},
                "reported": tuple(one for table in content["reported"] for one in _reported(table)),
                "remarks": tuple(content["remarks"]),
            }
        )
        for network in (*made.networks, *made.stands_in):
            for split in SPLITS:
                for short in (False, True):
                    made.settings(network, split, shortened=short)
                    kind = METHODS[made.patches["method"]].kind
                    settings_of(kind, [f"{name}={value}" for name, value in made.patch_settings(split, shortened=short).items()])
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise ReadError(place, f"recipe '{key}' cannot be used ({type(error).__name__}: {error})") from error
    return made


def _reported(table: Mapping[str, Any]) -> list[Reported]:
    """Return a reported table's rows; every one has a number a column."""
    columns = table["columns"]
    return [Reported(network, table["of"], dict(zip(columns, numbers, strict=True))) for network, numbers in table["rows"].items()]

"""A recipe as calls of breastcad: preprocess, split, patches, train, evaluate. Only what is called is worked out here.

Each step is a command line that a user could type; `commands.reproduce` makes the calls.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from breastcad.core.errors import InputError
from breastcad.core.records import Collection
from breastcad.patches.methods import METHODS
from breastcad.patches.settings import settings_of
from breastcad.recipes.recipe import OF_PATCHES, PATCH_RUN, SPLITS, Recipe
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.film_settings import FilmSettings
from breastcad.train.tasks import recipe as start_settings


@dataclass(frozen=True, slots=True)
class Choice:
    """How a recipe is to be run. ``changes`` are settings of the training, ``patch_changes`` of the windows, as texts."""

    network: str
    split: str = "patient"
    changes: Mapping[str, str] | None = None
    patch_changes: Mapping[str, str] | None = None
    folds: str | None = None
    shortened: bool = False
    seed: int = 1
    device: str = "auto"
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """A collection, where it lies, and how its preprocessed form is called."""

    path: Path
    collection: Collection
    name: str

    @property
    def sets(self) -> set[str]:
        """The sets whose images are present."""
        return {image.set for image in self.collection.images if image.present}


@dataclass(frozen=True, slots=True)
class Step:
    """One call of breastcad, without the program's name; ``makes`` is the file that is there once it is done, if one says so."""

    words: tuple[str, ...]
    makes: Path | None = None

    def __str__(self) -> str:
        return shlex.join(("breastcad", *self.words))


def checked(recipe: Recipe, given: Sequence[Given], choice: Choice) -> ClassifierSettings:
    """Return the settings of a training.

    Raises
    ------
    InputError
        If the recipe has no such split or network, a set is none of it, or a setting, of the windows too, cannot be.
    """
    if choice.split not in SPLITS:
        raise InputError(f"--split must be one of {', '.join(SPLITS)}, got '{choice.split}'")
    if recipe.held_against(choice.network) is None and choice.network not in recipe.networks:
        known = ", ".join((*recipe.networks, *recipe.stands_in))
        raise InputError(f"recipe '{recipe.key}' has no network '{choice.network}'; there are: {known}")
    for name in ("seed", "network"):
        if name in (choice.changes or {}):
            raise InputError(f"--setting cannot give the {name} of a reproduction; give it with --{name}")
    settings_of(METHODS[recipe.patches["method"]].kind, [f"{name}={value}" for name, value in window_settings(recipe, choice).items()])
    needed = {need.set for need in recipe.data}
    for one in given:
        if other := sorted(one.sets - needed):
            raise InputError(f"recipe '{recipe.key}' is for {', '.join(sorted(needed - {'private'}))}, and '{one.path}' is of {other[0]}")
        if not one.sets:
            raise InputError(f"'{one.path}' has no image that is present; import the set's folder again")
    sets = sorted({name for one in given for name in one.sets})
    if choice.split == "leave-one-set-out" and len(sets) < 2:
        raise InputError(f"--split leave-one-set-out needs collections of two sets at least, got {', '.join(sets)}")
    return _with_classes_at_hand(recipe, given, choice)


def _with_classes_at_hand(recipe: Recipe, given: Sequence[Given], choice: Choice) -> ClassifierSettings:
    """Return the settings of a training, windows being told apart by what these collections have."""
    changes = dict(choice.changes or {})
    if recipe.films and choice.split == "published":
        raise InputError(f"recipe '{recipe.key}' is of whole films, which cannot be parted as windows; leave --split published out")
    settings = recipe.settings(choice.network, choice.split, shortened=choice.shortened, changes=changes)
    name = "patch_classes" if isinstance(settings, FilmSettings) else "classes"
    if isinstance(settings, FilmSettings) and settings.patch_run != PATCH_RUN:
        if idle := next((one for one in changes if one.startswith(OF_PATCHES)), None):
            raise InputError(
                f"--setting {idle} is of patch classifiers that are not trained, since patch_run is given; leave one of them out"
            )
        return settings
    every = str(getattr(settings, name))
    classes = classes_at_hand(every, [one.collection for one in given])
    if len(classes.split(",")) < 2:
        raise InputError(f"these collections have findings of no two of the classes of '{recipe.key}': {every}")
    return recipe.settings(choice.network, choice.split, shortened=choice.shortened, changes={**changes, name: classes})


def classes_at_hand(classes: str, collections: Sequence[Collection]) -> str:
    """Return classes without those of a kind of finding that no present image has.

    Examples
    --------
    >>> classes_at_hand("normal, benign calcification, malignant", [])
    'normal, malignant'
    """
    present = {(image.set, image.image_id) for one in collections for image in one.images if image.present}
    kinds = {finding.kind for one in collections for finding in one.findings if (finding.set, finding.image_id) in present}
    kept = []
    for one in (text.strip() for text in classes.split(",")):
        parts = [part.strip() for part in one.split("+")]
        if at_hand := [part for part in parts if " " not in part or part.split(" ", 1)[1] in kinds]:
            kept.append("+".join(at_hand))
    return ", ".join(kept)


def preparation(recipe: Recipe, given: Sequence[Given], folder: Path, choice: Choice, settings: ClassifierSettings) -> list[Step]:
    """Return the calls that make images, groups and windows in a folder.

    Parameters
    ----------
    recipe : Recipe
    given : sequence of Given
    folder : Path
        ``images/`` (one a collection, where the recipe has a pipeline), ``split/``, ``patches/`` and, as published, ``windows-split/``. The
        split by patient serves both: as published it gives windows their groups.
    choice : Choice
    settings : ClassifierSettings
        As `checked` gives them. Where nothing is trained on windows none are cut.

    Returns
    -------
    list of Step
    """
    images = image_folders(recipe, given, folder)
    steps = []
    if recipe.pipeline:
        for one, made in zip(given, images, strict=True):
            words = ("preprocess", str(one.path), "--pipeline", recipe.pipeline, "--sheet", "0", "--out", str(made))
            steps.append(Step(words, made / "collection.json"))
    sets = sorted({name for one in given for name in one.sets})
    folds, share = str(recipe.folds_of(sets, choice.split)), f"{recipe.validation_share:g}"
    split, patches = places(recipe, folder, choice)
    common = ("--validation-share", share, "--seed", str(choice.seed), "--overwrite")
    kind = {
        "official": ("--kind", "official", "--allow-leaks"),
        "leave-one-set-out": ("--kind", "leave-one-set-out"),
    }.get(choice.split, ("--kind", "kfold", "--folds", str(recipe.folds_of(sets, "patient"))))
    paths = [str(one.path) for one in given]
    steps.append(Step(("split", *paths, *kind, *common, "--out", str(split)), split / "split.json"))
    below = patch_classifier(recipe, choice, settings)
    if below is None:
        return steps
    windows = (
        "--method",
        str(recipe.patches["method"]),
        *setting_words(window_settings(recipe, choice)),
        "--split",
        str(split),
        "--seed",
        str(choice.seed),
    )
    steps.append(Step(("patches", *map(str, images), *windows, "--overwrite", "--out", str(patches)), patches / "patches.json"))
    if choice.split == "published":
        copied = ("--patches", str(patches), "--window-copies", str(below.copies), "--folds", folds, "--allow-leaks")
        made = folder / "windows-split"
        steps.append(Step(("split", *map(str, images), *copied, *common, "--out", str(made)), made / "split.json"))
    return steps


def window_settings(recipe: Recipe, choice: Choice) -> dict[str, Any]:
    """Return the settings of the windows."""
    return recipe.patch_settings(choice.split, shortened=choice.shortened) | dict(choice.patch_changes or {})


def places(recipe: Recipe, folder: Path, choice: Choice) -> tuple[Path, Path]:
    """Return the folders of the split of images and of the windows; where they differ by how is parted, so do their names."""
    split = "split" if choice.split in ("patient", "published") else f"split-{choice.split}"
    own = choice.split not in ("patient", "published") or (choice.split == "published" and recipe.published_patches)
    return folder / split, folder / (f"patches-{choice.split}" if own else "patches")


def image_folders(recipe: Recipe, given: Sequence[Given], folder: Path) -> list[Path]:
    """Return the collections that windows are cut from: the preprocessed ones, or those given."""
    return [folder / "images" / one.name for one in given] if recipe.pipeline else [one.path for one in given]


def patch_classifier(recipe: Recipe, choice: Choice, settings: ClassifierSettings) -> ClassifierSettings | None:
    """Return the settings of the training on windows: of a recipe of films, of the classifiers beneath; None where these are given."""
    if not isinstance(settings, FilmSettings):
        return settings
    if settings.patch_run != PATCH_RUN:
        return None
    changes = {**(choice.changes or {}), f"{OF_PATCHES}classes": settings.patch_classes}
    return recipe.patch_classifier(choice.network, choice.split, shortened=choice.shortened, changes=changes)


def trainings(
    recipe: Recipe, given: Sequence[Given], prepared: Path, run: Path, choice: Choice, settings: ClassifierSettings
) -> list[Step]:
    """Return the calls that train, with every setting in which a run differs from `train --recipe`: of films, first the patch classifiers.

    Parameters
    ----------
    recipe, given, choice
        As of `preparation`.
    prepared, run : Path
        Where images and windows were made, and what is trained; patch classifiers lie in the former, for all recipes of films on them.
    settings : ClassifierSettings
        As `checked` gives them.
    """
    below = patch_classifier(recipe, choice, settings)
    if not isinstance(settings, FilmSettings):
        return [_training(recipe, given, prepared, run, choice, settings)]
    steps = []
    if below is not None:
        how = "" if choice.split == "patient" else f"-{choice.split}"
        its = prepared / f"{PATCH_RUN}-{choice.network}{how}{'-shortened' if choice.shortened else ''}"
        steps.append(_training(recipe, given, prepared, its, choice, below))
        settings = replace(settings, patch_run=str(its))
    return [*steps, _training(recipe, given, prepared, run, choice, settings)]


def _training(recipe: Recipe, given: Sequence[Given], prepared: Path, run: Path, choice: Choice, settings: ClassifierSettings) -> Step:
    films = isinstance(settings, FilmSettings)
    start = start_settings("whole-film" if films else "classifier")
    names = [entry.name for entry in fields(settings) if entry.name not in ("network", "seed")]
    changed = {name: getattr(settings, name) for name in names if getattr(settings, name) != getattr(start, name)}
    split, patches = places(recipe, prepared, choice)
    split = prepared / "windows-split" if choice.split == "published" else split
    given_words = {"--folds": choice.folds, "--jobs": choice.jobs}
    some = (word for name, value in given_words.items() if value is not None for word in (name, str(value)))
    words = (
        *("train", *map(str, image_folders(recipe, given, prepared)), "--recipe", "whole-film" if films else "classifier"),
        *("--network", settings.network, *(() if films else ("--patches", str(patches))), "--split", str(split), *setting_words(changed)),
        *("--seed", str(choice.seed), "--device", choice.device, *some, "--out", str(run)),
    )
    return Step(words)


def setting_words(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return settings as the command line takes them.

    Examples
    --------
    >>> setting_words({"window": 50, "context": 1.5})
    ('--setting', 'window=50', '--setting', 'context=1.5')
    """
    return tuple(text for name, value in settings.items() for text in ("--setting", f"{name}={value}"))

"""``breastcad reproduce``: a recipe from collections to figures, by the calls that a user could make one by one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from breastcad.commands.given import given_collections
from breastcad.commands.options import Device, DeviceName, Jobs, Seed
from breastcad.commands.saying import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from breastcad.recipes.plan import Choice, Given, Step
    from breastcad.recipes.recipe import Recipe
    from breastcad.recipes.reproduction import Reproduction
    from breastcad.train.classifier_settings import ClassifierSettings


class SplitName(StrEnum):
    """How images or windows are parted."""

    patient = "patient"
    published = "published"
    official = "official"
    leave_one_set_out = "leave-one-set-out"


Collections = Annotated[list[Path], typer.Argument(metavar="COLLECTION...", help="Collections that `breastcad import` made.")]
Run = Annotated[Path, typer.Option("--out", metavar="RUN", help="Run folder; one that holds this very reproduction is continued.")]
Split = Annotated[
    SplitName,
    typer.Option(
        "--split",
        help="patient: ours; published: windows and copies parted at random, as published, which leaks; official: as the set's authors "
        "parted it; leave-one-set-out: each set tested by what learned from the others.",
    ),
]
Network = Annotated[str | None, typer.Option("--network", help="One of the recipe's networks; the first without it.")]
Weights = Annotated[str | None, typer.Option("--weights", metavar="imagenet|none|FILE", help="What the network starts from.")]
Setting = Annotated[
    list[str] | None, typer.Option("--setting", metavar="KEY=VALUE", help="Change a setting of the training; may be given several times.")
]
PatchSetting = Annotated[
    list[str] | None, typer.Option("--patch-setting", metavar="KEY=VALUE", help="Change a setting of the windows; as --setting.")
]
Folds = Annotated[str | None, typer.Option("--folds", metavar="0,2", help="Train these folds only; all without it.")]
Shortened = Annotated[bool, typer.Option("--shortened", help="Train as short as the recipe says; every figure then says so.")]
Prepared = Annotated[
    Path | None,
    typer.Option("--prepared", metavar="FOLDER", help="Where images and windows are kept, for several networks; RUN/prepared without it."),
]
Plan = Annotated[bool, typer.Option("--plan", help="Print the calls that would be made and what they cost, and stop.")]
OFFICIAL_TEST = 0.2
"""About what share of a set its authors keep for testing, for an estimate."""


def command(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A recipe; see breastcad recipes.")],
    collections: Collections,
    out: Run,
    split: Split = SplitName.patient,
    network: Network = None,
    weights: Weights = None,
    setting: Setting = None,
    patch_setting: PatchSetting = None,
    folds: Folds = None,
    jobs: Jobs = None,
    shortened: Shortened = False,
    prepared: Prepared = None,
    seed: Seed = 1,
    device: Device = DeviceName.auto,
    plan: Plan = False,
) -> None:
    """Run an experiment of a publication: prepare images and windows, part them, train, evaluate; called again, it continues.

    Each call that is made is printed, and could be made by hand. Then: breastcad compare RUN...
    """
    from breastcad.recipes.plan import Choice, checked, preparation, trainings
    from breastcad.recipes.recipe import recipe as named
    from breastcad.recipes.reproduction import PREPARED, keep_steps, refuse_another, reproduction_of, write_reproduction

    recipe = named(key)
    changes, windows = _pairs("--setting", setting, weights), _pairs("--patch-setting", patch_setting)
    choice = Choice(network or recipe.network, split.value, changes, windows, folds, shortened, seed, device.value, jobs)
    given = _given(collections)
    settings = checked(recipe, given, choice)
    made = reproduction_of(recipe, [one.collection for one in given], choice.split, settings, changes, windows)
    folder = prepared or out / PREPARED
    steps, last = preparation(recipe, given, folder, choice, settings), trainings(recipe, given, folder, out, choice, settings)
    if plan:
        return _show([*steps, *last], out, recipe, settings, choice, given)
    refuse_another(out, made)
    _tell(recipe, made, settings)
    keep_steps(folder, steps)
    _call([one for one in steps if one.makes is None or not one.makes.is_file()])
    _estimate(folder, recipe, settings, choice, given)
    _call(last)
    write_reproduction(out, made)
    _evaluate(out, recipe, made)


def _pairs(option: str, given: list[str] | None, weights: str | None = None) -> dict[str, str]:
    """Return settings by name; --weights is one of them."""
    from breastcad.core.errors import InputError

    found = {} if weights is None else {"weights": weights}
    for pair in given or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"{option} takes KEY=VALUE, got '{pair}'")
        if name in found:
            raise InputError(f"setting '{name}' is given twice: {found[name]} and {value}")
        found[name] = value
    return found


def _given(folders: list[Path]) -> list[Given]:
    """Read the collections; two of one name are told apart."""
    from breastcad.recipes.plan import Given

    found: list[Given] = []
    for folder, collection in zip(folders, given_collections(folders), strict=True):
        name = folder.resolve().name
        found.append(Given(folder, collection, name if all(name != other.name for other in found) else f"{name}-{len(found) + 1}"))
    return found


def _tell(recipe: Recipe, made: Reproduction, settings: ClassifierSettings) -> None:
    """Say what is run, and wherein it is not the publication's."""
    say(made.title(recipe))
    wanted = recipe.settings(settings.network, made.split)
    if made.network not in recipe.networks:
        say(f"! {made.network} is none of the publication's networks; it is held against {recipe.held_against(made.network)}")
    if settings.weights != wanted.weights:
        say(f"! the network starts from '{settings.weights}', the publication's from '{wanted.weights}'")
    if settings.classes != wanted.classes:
        say(f"! classes: {settings.classes}; the publication's: {wanted.classes}")


def _show(steps: Sequence[Step], out: Path, recipe: Recipe, settings: ClassifierSettings, choice: Choice, given: Sequence[Given]) -> None:
    """Print the calls, and to stderr what they cost."""
    from breastcad.recipes.cost import recipe_hours, told

    for step in steps:
        say(str(step))
    say(f"breastcad evaluate {out}")
    sets = sorted({name for one in given for name in one.sets})
    say(
        f"cost, by the publication's number of windows: about {told(recipe_hours(recipe, settings, choice.split, sets))} of two cores",
        err=True,
    )
    if settings.shortened:
        full = recipe.settings(settings.network, choice.split)
        say(f"at full length: about {told(recipe_hours(recipe, full, choice.split, sets))}", err=True)


def _call(steps: Sequence[Step]) -> None:
    """Make calls of breastcad as from the shell; what one refuses is raised."""
    from typer.main import get_command

    from breastcad.commands import app

    for step in steps:
        say(f"$ {step}")
        get_command(app).main(args=list(step.words), prog_name="breastcad", standalone_mode=False)


def _estimate(folder: Path, recipe: Recipe, settings: ClassifierSettings, choice: Choice, given: Sequence[Given]) -> None:
    """Say what the training on windows costs, by those that were cut; of whole films they are the patch classifiers'."""
    from breastcad.core.files import read_patches
    from breastcad.recipes.cost import told, training_hours
    from breastcad.recipes.plan import patch_classifier, places

    below = patch_classifier(recipe, choice, settings)
    if below is None:
        return
    settings = below
    labels = {name.split(" ")[0] for one in settings.class_names() for name in one}
    windows = sum(row.label in labels for row in read_patches(places(recipe, folder, choice)[1] / "patches.csv"))
    folds = recipe.folds_of(sorted({name for one in given for name in one.sets}), choice.split)
    tested = 1 / folds if folds > 1 else OFFICIAL_TEST
    train = round(windows * settings.copies * (1 - tested) * (1 - recipe.validation_share))
    hours = training_hours(settings, train, folds, recipe.validation_share, parts_copies=choice.split == "published")
    whole = f"all {folds} folds" if folds > 1 else "its one part"
    say(f"{windows:,} windows with a label; training {whole} takes about {told(hours)} of two cores, unless it stops early")


def _evaluate(run: Path, recipe: Recipe, made: Reproduction) -> None:
    """Make the figures, once every fold is trained; their title says what they are of."""
    from breastcad.evaluate.figures import write_metrics
    from breastcad.recipes.plan import Step

    if not (run / "predictions.csv").is_file():
        return
    if not (run / "metrics.json").is_file():
        write_metrics(run / "metrics.json", made.title(recipe), [])
    _call([Step(("evaluate", str(run)))])
    say(f"Next: breastcad compare {run}")

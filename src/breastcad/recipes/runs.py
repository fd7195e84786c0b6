"""Runs of recipes as they lie in their folders: which recipe, which figures, how many minutes. Nothing is computed anew."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_facts, read_json, read_yaml
from breastcad.evaluate.figures import Figure, read_metrics
from breastcad.recipes.recipe import Recipe, recipe
from breastcad.recipes.reproduction import FILE, Reproduction, read_reproduction
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.film_settings import FOREST, FilmSettings
from breastcad.train.tasks import from_dict

QUESTIONS = ("lesion against none", "malignant against the rest", "malignant against benign")
"""What a run may have been asked, as figures' names say it; the first that it was asked is what the recipe is about."""
BY = "highest probability"
OF_WHOLES = ("auc malignant against benign", "auc malignant against benign, by the probability of lesion")
"""What films, breasts and women are asked; the second where windows were asked for lesions, and every film has one."""
WINDOWS = "patch"


@dataclass(frozen=True, slots=True)
class RecipeRun:
    """A run of a recipe: what recipe.json, settings.yaml, split.json, log.csv and metrics.json say of it."""

    folder: Path
    recipe: Recipe
    made: Reproduction
    settings: ClassifierSettings
    leaks: bool
    folds: int
    figures: Sequence[Figure]
    seconds: float
    epochs: int

    @property
    def held_against(self) -> str:
        """The publication's network that it is held against."""
        return self.recipe.held_against(self.made.network) or self.made.network

    @property
    def level(self) -> str:
        """What was tested one by one: windows, or films."""
        return "image" if isinstance(self.settings, FilmSettings) else WINDOWS

    @property
    def question(self) -> str:
        """What windows, or films, were asked."""
        names = {figure.name for figure in self.figures if figure.level == self.level}
        asked = [question for question in QUESTIONS if f"auc {question}" in names]
        return asked[0] if asked else QUESTIONS[-1]

    @property
    def sets(self) -> list[str]:
        """What figures are over: of sets that were tested one by one each, else all together."""
        found = list(dict.fromkeys(figure.set for figure in self.figures if figure.level == self.level and "/" not in figure.set))
        if self.made.split == "leave-one-set-out":
            return [name for name in found if name != "all"]
        return ["all"] if "all" in found else found[:1]

    @property
    def minutes(self) -> float:
        """How long its epochs took together, one after the other."""
        return self.seconds / 60

    @property
    def seeds(self) -> str:
        """Its seeds, in words: a fold's networks differ in it."""
        first = self.settings.seed
        return ", ".join(str(first + member) for member in range(self.settings.members))

    def figure(self, name: str, set_name: str, level: str | None = None) -> Figure | None:
        """Return a figure by its name, of windows or films where no level is given, or None if the run has none such."""
        level = level or self.level
        return next((one for one in self.figures if (one.name, one.set, one.level) == (name, set_name, level)), None)

    def of_wholes(self, set_name: str, level: str) -> Figure | None:
        """Return the AUC of films, breasts or women, or None if the run has none."""
        return next((found for name in OF_WHOLES if (found := self.figure(name, set_name, level))), None)


def read_recipe_run(folder: Path) -> RecipeRun:
    """Read what a run of a recipe says of itself.

    Raises
    ------
    InputError
        If the folder is no run of a recipe, or of one that was not trained to its end.
    ReadError
        If one of its files is damaged.
    """
    if not (folder / FILE).is_file():
        raise InputError(f"'{folder}' is no run of a recipe (it has no {FILE}); make one with breastcad reproduce")
    if not (folder / "metrics.json").is_file() or not (folder / "predictions.csv").is_file():
        raise InputError(f"'{folder}' is not trained to its end; go on with breastcad reproduce")
    figures = read_metrics(folder / "metrics.json")[1]
    if not figures:
        raise InputError(f"'{folder}' has no figures yet; go on with breastcad reproduce, or call breastcad evaluate")
    made = read_reproduction(folder)
    settings = from_dict(read_yaml(folder / "settings.yaml"))
    if not isinstance(settings, ClassifierSettings):
        raise ReadError(folder / "settings.yaml", f"is of a training of '{settings.task}', and recipes are of classifiers")
    facts = read_facts(folder / "split.json")
    forest = isinstance(settings, FilmSettings) and settings.top == FOREST  # trains no network, so that there is no log
    seconds, folds, epochs = (0.0, len(read_json(folder / "folds.json")), 0) if forest else _log(folder / "log.csv")
    return RecipeRun(folder, recipe(made.recipe), made, settings, bool(facts.get("leaks")), folds, figures, seconds, epochs)


def _log(path: Path) -> tuple[float, int, int]:
    """Return the seconds of all epochs, the number of folds, and the epochs that all of them took together."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.DictReader(stream) if row["part"] == "train"]
        seconds = sum(float(row["seconds"] or 0) for row in rows)
        folds = {(row.get("repeat"), row["fold"]) for row in rows}
        return seconds, len(folds), len({(row.get("repeat"), row["fold"], row["member"], row["epoch"]) for row in rows})
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ReadError(path, f"cannot be read ({type(error).__name__}: {error})") from error

"""A trained fold of a run of classifiers, of windows or films: its network, and what that has learnt from, for whatever starts from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_json, read_split, read_yaml
from breastcad.core.records import SplitRow
from breastcad.evaluate.run_tables import fold_folder
from breastcad.models.checkpoint import load_checkpoint
from breastcad.models.classifier_network import ClassifierNetwork
from breastcad.models.whole_film import WholeFilmNetwork
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.classifier_task import make_network
from breastcad.train.film_settings import FilmSettings
from breastcad.train.film_task import make_film_network
from breastcad.train.loop import Fold, best_network
from breastcad.train.search import SEARCHED
from breastcad.train.settings import Settings, with_values
from breastcad.train.tasks import from_dict

START = "start.json"
Network = ClassifierNetwork | WholeFilmNetwork
Learnt = tuple[str, str, str]
"""Set, image id and group of an image that was trained or chosen on."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained fold: its ``folder``, and the ``settings`` that its network was built by, whatever weights that began with."""

    folder: Path
    settings: ClassifierSettings

    @property
    def run(self) -> str:
        """The name of its run's folder."""
        return self.folder.parent.parent.name

    def network(self) -> Network:
        """Return its network with its best weights, ready to predict.

        Raises
        ------
        ReadError
            If these are another network's.
        """
        try:
            return best_network(lambda: built(self.settings), self.folder, torch.device("cpu"))
        except RuntimeError as error:  # torch's, of weights that are not those of the network
            raise ReadError(
                self.folder, "holds the weights of another network than its run's settings name; train the fold again"
            ) from error

    def weights(self) -> dict[str, Tensor]:
        """Return its best weights."""
        return load_checkpoint(self.folder / "best.safetensors")[0]

    def digest(self) -> str:
        """Return the SHA-256 of its best weights' file."""
        return hashlib.sha256((self.folder / "best.safetensors").read_bytes()).hexdigest()

    def learnt(self) -> set[Learnt]:
        """Return what it was trained or chosen on, and what the network was that it started from.

        Raises
        ------
        ReadError
            If its run's split does not know it.
        """
        split, own = read_split(self.folder.parent.parent), self.folder.name
        rows = [row for row in split if fold_folder(Path(), (row.repeat, row.outer)).name == own]
        if not rows:
            raise ReadError(
                self.folder, "is no fold of its run's split, so that what it has learnt from is not known; name a fold as its run does"
            )
        start = self.folder / START
        before = read_json(start)["learnt_before"] if start.is_file() else []
        return {(row.set, image_of(row), row.group) for row in rows if row.part != "test"} | {(a, b, c) for a, b, c in before}


def trained(given: Path) -> Trained:
    """Return the trained fold of a folder RUN/checkpoints/repeat0-fold0.

    Raises
    ------
    ReadError
        If it is none, or its run is of no classifier network.
    """
    folder = given.resolve()  # under another name (a link, ".") the split would have no rows of it, and nothing would count as learnt
    run = folder.parent.parent
    if not (folder / "best.safetensors").is_file() or not (run / "settings.yaml").is_file():
        raise ReadError(folder, "is no trained fold of a run; name one as RUN/checkpoints/repeat0-fold0")
    its = run_settings(run)
    path = folder / SEARCHED
    return Trained(folder, with_values(its, list(read_json(path).items())) if path.is_file() else its)


def any_settings(run: Path) -> Settings:
    """Return the settings of a run of any kind: ReadError if the folder is none."""
    if not (run / "settings.yaml").is_file():
        raise ReadError(run, "is no run folder (it has no settings.yaml); breastcad train makes one")
    return from_dict(read_yaml(run / "settings.yaml"))


def run_settings(run: Path) -> ClassifierSettings:
    """Return the settings of a run of classifier networks: ReadError if it is none."""
    its = any_settings(run)
    if not isinstance(its, ClassifierSettings):
        raise ReadError(run, f"is a run of the kind '{its.task}', and this takes runs of classifier networks")
    return its


def trained_fold(run: Path, fold: Fold) -> Trained:
    """Return a run's fold, or that of its repeat 0 where it has no such repeat.

    Raises
    ------
    InputError
        If that is not trained to its end.
    """
    folders = [fold_folder(run, one) for one in (fold, (0, fold[1]))]
    found = next((one for one in folders if (one / "fold.json").is_file() and (one / "best.safetensors").is_file()), None)
    if found is None:
        raise InputError(f"fold {fold[1]} of the run '{run.resolve().name}' is not trained to its end; train it first")
    return trained(found)


def built(settings: ClassifierSettings) -> Network:
    """Return the network of settings, with first weights of no use: others are to come."""
    bare = replace(settings, weights="none")
    return make_film_network(bare) if isinstance(bare, FilmSettings) else make_network(bare)


def image_of(row: SplitRow) -> str:
    """Return the image of a split's row: of a window's id (SET/IMAGE/PLACE), the one that it lies on."""
    parts = row.id.removeprefix(f"{row.set}/").rsplit("/", 1)
    return parts[0] if row.id.startswith(f"{row.set}/") and len(parts) == 2 else row.id


def refuse_learnt(learnt: Iterable[Learnt], tested: Iterable[SplitRow], woman_of: Callable[[str, str], Any], whose: str) -> None:
    """Refuse a network that has learnt from what it is to be tested on: an image, one of its group, or one of the same woman.

    Parameters
    ----------
    learnt : iterable of Learnt
    tested : iterable of SplitRow
        Rows of the part test.
    woman_of : callable
        Takes set and image id; None where the woman is not known.
    whose : str
        What the network is, for the message.

    Raises
    ------
    InputError
    """
    learnt = set(learnt)
    images, groups = {one[:2] for one in learnt}, {one[2] for one in learnt}
    women = {(name, woman) for name, image in images if (woman := woman_of(name, image)) is not None}
    for row in tested:
        image = image_of(row)
        if (row.set, image) in images or row.group in groups or (row.set, woman_of(row.set, image)) in women:
            raise InputError(
                f"{whose} has learnt from images of women that are to be tested (first: '{image}' of '{row.set}'), so figures would be of "
                "what it knows; give a run on the same split"
            )

"""What a finished training's networks say of images and their mirror images together: a run folder of its own, beside the run's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch

from breastcad.core.errors import InputError
from breastcad.core.files import read_facts, read_json, read_split, read_yaml, write_split, write_text
from breastcad.core.records import Collection, PatchRow
from breastcad.models.flipped import Flipped
from breastcad.models.mean_network import MeanNetwork
from breastcad.train import classifier_run, lesion_run
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.classifier_task import predict
from breastcad.train.film_settings import FOREST, FilmSettings
from breastcad.train.finished import fold_networks, trained_folds
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.loop import Fold
from breastcad.train.run_folder import IMAGES, Progress, Run, folder_of, gather
from breastcad.train.settings import Settings
from breastcad.train.tasks import from_dict

Say = Callable[[Run, Run, Fold, list[Any]], None]


def flipped_run(
    folder: Path,
    out: Path,
    collections: list[Collection],
    pictures: int,
    *,
    patches: list[PatchRow] | None = None,
    device: torch.device,
    progress: Progress,
) -> list[str]:
    """Ask a run's networks anew, of validation and test, and write what they say as a run's predictions.

    Parameters
    ----------
    folder : Path
        A run that is trained to its end.
    out : Path
        An empty folder. Calibration is fitted on validation anew.
    collections : list of Collection
        Those that it was trained on.
    pictures : int
        One of `flipped.PICTURES`.
    patches : list of PatchRow, optional
        The windows that it was trained on.
    device : torch.device
    progress : callable

    Returns
    -------
    list of str
        What could not be read, a sentence each.

    Raises
    ------
    InputError
        If the folder holds no run of networks, or one that is not trained to its end, or the collections are not its own.
    """
    settings = _settings(folder)
    split = read_split(folder)
    run = Run(folder, settings, [row for row in split if row.inner == 0], device, progress)
    folds = trained_folds(folder)
    if missing := {(row.repeat, row.outer) for row in run.split} - set(folds):
        raise InputError(f"fold {min(missing)[1]} of the run '{folder.name}' is not trained to its end; call breastcad train again")
    kind = lesion_run if isinstance(settings, LesionSettings) else classifier_run
    digest = kind.check(collections, run.split, cast(Any, settings), None, patches)
    if (folder / IMAGES).is_file() and read_json(folder / IMAGES)["sha256"] != digest:
        raise InputError(
            f"the run '{folder.name}' was trained on other images, labels, findings or windows; give its own collections"
            + (" and, with --patches, its windows" if patches is None else "")
        )
    samples, problems = kind.load(run, collections, patches, None)
    write_split(out, split, read_facts(folder / "split.json"))
    write_text(out / "settings.yaml", (folder / "settings.yaml").read_text(encoding="utf-8") + f"flips: {pictures}\n")
    other = replace(run, folder=out)
    for fold in folds:
        folder_of(other, fold).mkdir(parents=True, exist_ok=True)
        (_lesions if isinstance(settings, LesionSettings) else _classes)(run, other, fold, samples, pictures)
    gather(other, folds)
    return list(problems)


def _settings(folder: Path) -> Settings:
    """Return the settings of a run of networks: InputError of any other."""
    if not (folder / "settings.yaml").is_file():
        raise InputError(f"'{folder.name}' is no run (it has no settings.yaml); breastcad train makes one")
    settings = from_dict(read_yaml(folder / "settings.yaml"))
    forest = isinstance(settings, FilmSettings) and settings.top == FOREST
    if forest or not isinstance(settings, LesionSettings | ClassifierSettings):
        raise InputError(f"'{folder.name}' is a run of the kind '{settings.task}' without a network of images, and this takes one with")
    return settings


def _lesions(run: Run, other: Run, fold: Fold, samples: list[Any], pictures: int) -> None:
    networks = [network.to(run.device) for network in lesion_run.fold_networks(run, fold)]
    network = Flipped(MeanNetwork(networks).eval(), pictures)
    lesion_run.tell(other, fold, lesion_run.parted(samples, run.split, fold), network)


def _classes(run: Run, other: Run, fold: Fold, windows: list[Any], pictures: int) -> None:
    settings = cast(ClassifierSettings, run.settings)
    parts = classifier_run.parted(windows, run.split, settings, fold)
    networks = [Flipped(network, pictures) for network in fold_networks(run.folder, fold, run.device)]
    said = {part: predict(cast(Any, networks), parts[part], settings, run.device, run.progress) for part in ("validation", "test")}
    facts = read_json(folder_of(run, fold) / "fold.json")
    more = {name: value for name, value in facts.items() if name in ("women", "normalisation", "chosen_by")}
    classifier_run.write_said(other, fold, windows, parts, said, more)

"""What a finished training left behind, for those who ask its networks further: settings, networks of a fold, what the fold tested on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_predictions, read_split
from breastcad.evaluate.run_tables import fold_folder
from breastcad.models.lesion_network import LesionNetwork
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.lesion_task import make_network
from breastcad.train.loop import Fold, best_network, fold_name
from breastcad.train.trained import Network, built, trained

Loaded = TypeVar("Loaded", bound=nn.Module)
_WINDOW = re.compile(r"-(?P<rows>[\d.]+)x(?P<cols>[\d.]+)(?:#\d+)?$")
"""Of a window's id: its size in source pixels."""


def trained_folds(run: Path) -> list[Fold]:
    """Return the (repeat, outer fold) pairs of a run that are trained to their end.

    Raises
    ------
    InputError
        If there are none.
    """
    folds = sorted({(row.repeat, row.outer) for row in read_split(run)})
    done = [fold for fold in folds if (fold_folder(run, fold) / "fold.json").is_file()]
    if not done:
        raise InputError(f"no fold of the run '{run.name}' is trained to its end; call breastcad train again")
    return done


def fold_networks(run: Path, fold: Fold, device: torch.device) -> list[Network]:
    """Return the networks of a fold with their best weights, ready to predict.

    Raises
    ------
    ReadError
        If the weights are missing, or not those of the network that the settings name.
    """
    settings = trained(fold_folder(run, fold)).settings
    return _loaded(run, fold, settings.members, lambda: built(settings), device)


def lesion_networks(run: Path, settings: LesionSettings, fold: Fold, device: torch.device) -> list[LesionNetwork]:
    """Return the networks of a fold of a run of lesion networks, as `fold_networks` does those of classifiers."""
    bare = replace(settings, weights="none")  # others are to come
    return _loaded(run, fold, settings.members, lambda: make_network(bare), device)


def _loaded(run: Path, fold: Fold, members: int, make: Callable[[], Loaded], device: torch.device) -> list[Loaded]:
    folder = fold_folder(run, fold)
    folders = [folder, *(folder / f"member{member}" for member in range(1, members))]
    try:
        return [best_network(make, one, device) for one in folders]
    except RuntimeError as error:  # torch's, of weights that are not those of the network
        raise ReadError(folder, "holds the weights of another network than its run's settings name; train the fold again") from error


def images_of_test(run: Path, fold: Fold) -> dict[tuple[str, str], str]:
    """Return set and id of the images that a fold tested on, and the group of each.

    Raises
    ------
    InputError
        If the split parts windows: each image then has windows that the fold's network has learnt from.
    """
    rows = [row for row in read_split(run) if (row.repeat, row.outer, row.inner) == (*fold, 0)]
    if any(_WINDOW.search(row.id) and "/" in row.id for row in rows):
        raise InputError(
            f"the split of '{run.name}' parts windows, so that {fold_name(fold)} has learnt from windows of the images that it tested on; "
            "take a run whose split parts images"
        )
    return {(row.set, row.id): row.group for row in rows if row.part == "test"}


def seen_scales(run: Path, settings: ClassifierSettings) -> dict[str, tuple[float, float]]:
    """Return how many pixels of its input a network had for a source pixel of each set, down and across: the median over its windows.

    Returns
    -------
    dict
        Empty for a run of whole images.
    """
    sizes: dict[str, list[tuple[float, float]]] = {}
    for row in read_predictions(run / "predictions.csv"):
        if row.level == "patch" and (found := _WINDOW.search(row.id)):
            sizes.setdefault(row.set, []).append((float(found["rows"]), float(found["cols"])))
    medians = {name: np.median(np.array(own), axis=0).tolist() for name, own in sizes.items()}
    return {name: (settings.rows / rows, settings.cols / cols) for name, (rows, cols) in medians.items()}

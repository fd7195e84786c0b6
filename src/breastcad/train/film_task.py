"""A training of whole films on a patch classifier, in one fold: its network and what that starts from. The rest is a classifier's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from breastcad.core.errors import InputError
from breastcad.models.classifier_network import ClassifierNetwork
from breastcad.models.whole_film import Top, WholeFilmNetwork
from breastcad.preprocess.normalise import Normalisation
from breastcad.train.classifier_task import ClassifierTask, make_network
from breastcad.train.film_settings import FOREST, FilmSettings
from breastcad.train.loop import Fold
from breastcad.train.windows import Window


@dataclass(frozen=True, slots=True)
class Start:
    """Weights that a network starts from: those of a patch classifier, or of a whole network of films."""

    weights: dict[str, Tensor]
    of_films: bool


class FilmTask(ClassifierTask):
    """As `ClassifierTask`, of a `WholeFilmNetwork`.

    Parameters
    ----------
    train, validation, settings, fold
        As of `ClassifierTask`; windows are whole films.
    start : Start or None
        Input is then normalised as these weights had it; nothing is fitted.
    """

    def __init__(self, train: list[Window], validation: list[Window], settings: FilmSettings, fold: Fold, start: Start | None) -> None:
        super().__init__(train, validation, settings, fold)
        self._start = start
        if start is not None:
            self.normalisation = None

    def make_network(self) -> ClassifierNetwork:
        """Return the network with its first weights."""
        settings = cast(FilmSettings, self.settings)
        network = make_film_network(settings, self.fold[0], self.normalisation, self._start)
        return cast(ClassifierNetwork, network)  # it takes and gives the same


def make_film_network(
    settings: FilmSettings, repeat: int = 0, normalisation: Normalisation | None = None, start: Start | None = None
) -> WholeFilmNetwork:
    """Build the network of the settings, its first weights those that it starts from, all others decided by the seed and the repeat.

    Raises
    ------
    InputError
        If films are smaller than patches, there is no network (top=forest), or the weights are another network's.
    """
    if settings.top == FOREST:
        raise InputError("top=forest trains no network of films; its patch classifiers are in the run that patch_run names")
    own = settings.patch_settings()
    patch = make_network(own if start is None else replace(own, weights="none"), repeat)
    top = Top(
        settings.heat_map, settings.activation, settings.top, settings.blocks, settings.width, settings.width_out, settings.pool,
        settings.dense, settings.dropout,
    )  # fmt: skip
    torch.manual_seed(settings.seed + 1000 * repeat)
    shape = settings.rows, settings.cols
    network = WholeFilmNetwork(patch, len(settings.class_names()), shape, top, checkpointing=settings.checkpointing)
    if start is not None:
        try:
            network.load_state_dict(start.weights) if start.of_films else network.load_patch(start.weights)
        except RuntimeError as error:  # torch's, of weights that are not those of the network
            raise InputError("a fold starts from a network of another build than its run's settings name; train that again") from error
    elif normalisation is not None:
        network.normalise_input(normalisation)
    return cast(WholeFilmNetwork, network.to(memory_format=torch.channels_last))  # type: ignore[call-overload]

"""A lesion network's training in one fold: its samples, its loss, its validation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from breastcad.core.seeding import generator
from breastcad.models.lesion_network import LesionNetwork
from breastcad.models.registry import network_spec
from breastcad.preprocess.normalise import Normalisation, fit
from breastcad.train.batches import epoch_batches
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.loop import Fold, Progress, Validation
from breastcad.train.losses import Targets, lesion_loss
from breastcad.train.optimisers import cosine
from breastcad.train.predict import predict, validation_score
from breastcad.train.processes import Processes
from breastcad.train.samples import Sample

NO_FIGURE = float("nan")


class LesionTask:
    """As `loop.Task` says, of a `LesionNetwork`.

    Parameters
    ----------
    train, validation : list of Sample
    settings : LesionSettings
    fold : (int, int)
        Repeat and outer fold; enter every random draw.
    """

    patient_until = 0

    def __init__(self, train: list[Sample], validation: list[Sample], settings: LesionSettings, fold: Fold) -> None:
        self.train, self.validation, self.settings, self.fold = train, validation, settings, fold
        self.batch, self.epochs = min(settings.batch, len(train)), settings.epochs
        self.steps = len(train) // self.batch
        self.normalisation = fit_normalisation(train, settings)
        self._number = fold[0] * 1000 + fold[1]

    def make_network(self) -> LesionNetwork:
        """Return the network with its first weights."""
        network = make_network(self.settings, self.fold[0])
        if self.normalisation is not None:
            network.normalise_input(self.normalisation)
        return network

    def make_optimiser(self, network: nn.Module) -> Optimizer:
        """Return AdamW, the encoder apart; what is frozen is in none of its groups."""
        inside = {id(p) for p in cast(LesionNetwork, network).encoder.parameters()}
        encoder = [p for p in network.parameters() if id(p) in inside and p.requires_grad]
        head = [p for p in network.parameters() if id(p) not in inside]
        groups: list[dict[str, Any]] = [{"params": encoder, "share": self.settings.encoder_rate_share}, {"params": head, "share": 1.0}]
        return AdamW(groups, lr=self.settings.rate, weight_decay=self.settings.weight_decay)

    def begin(self, network: nn.Module, epoch: int) -> bool:
        """Put the network into training mode; its encoder's batch normalisation stays as it came where statistics are fixed."""
        torch.manual_seed(int(generator(self.settings.seed, "dropout", self._number, epoch).integers(2**31)))
        network.train()
        if self.settings.fixed_statistics and self.settings.weights == "imagenet":
            for module in cast(LesionNetwork, network).encoder.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return False

    def rate(self, step: int) -> float:
        """Return the rate of a step."""
        return self.settings.rate * cosine(self.settings, step / (self.steps * self.epochs))

    def batches(self, epoch: int, rank: int, count: int) -> Iterator[tuple[Tensor, Targets]]:
        """Yield an epoch's batches."""
        return epoch_batches(self.train, self.settings, self._number, epoch, rank, count)

    def loss(self, network: nn.Module, batch: tuple[Tensor, Targets], processes: Processes) -> Tensor:
        """Return the loss of a batch."""
        images, targets = batch[0].to(processes.device, memory_format=torch.channels_last), batch[1].to(processes.device)
        with processes.autocast():
            learned = cast(LesionNetwork, network).learn(images, targets.focus)
        return lesion_loss(learned.single(), targets, self.settings)

    def learned(self) -> dict[str, float]:
        """Return nothing: of training batches only the loss is logged."""
        return {}

    def validate(self, network: nn.Module, device: torch.device, progress: Progress) -> Validation:
        """Return the validation score and its parts."""
        said = predict(cast(LesionNetwork, network), self.validation, self.settings, device, progress=progress)
        if not all(np.isfinite(one.lesion).all() and np.isfinite(one.logits).all() for one in said):
            return NO_FIGURE, {}
        return validation_score(said)


def make_network(settings: LesionSettings, repeat: int = 0) -> LesionNetwork:
    """Build the network of the settings, its first weights decided by the seed and the repeat."""
    torch.manual_seed(settings.seed + 1000 * repeat)
    fitted = settings.normalisation != "fixed"
    network = LesionNetwork(network_spec(settings.network), pretrained=settings.weights == "imagenet", fitted_input=fitted)
    if settings.weights == "imagenet":
        network.freeze(settings.frozen_stages)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def fit_normalisation(train: list[Sample], settings: LesionSettings) -> Normalisation | None:
    """Fit the settings' normalisation to training images, of films within the breast; None where it is fixed."""
    if settings.normalisation == "fixed":
        return None
    films = settings.pipeline == "mammogram"  # which blackens what is not breast
    seen = (sample.image for sample in train if not films or sample.image.any())  # a black film has no breast to count
    levels = ((image.astype(np.float32) / np.float32(255), image > 0 if films else None) for image in seen)
    return fit(levels, kind=settings.normalisation, within="breast" if films else "image")

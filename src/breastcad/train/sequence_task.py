"""A training over earlier exams in one fold: its samples, its batches, its validation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import AdamW, Optimizer

from breastcad.core.seeding import generator
from breastcad.evaluate.metrics import roc_auc
from breastcad.models.sequence import SequenceNetwork
from breastcad.train.loop import Fold, Progress, Validation
from breastcad.train.optimisers import cosine
from breastcad.train.processes import Processes
from breastcad.train.sequence_settings import SequenceSettings

Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Films (B, T, H, W), days (B, T), how many films each has (B,), malignant or not (B,)."""


@dataclass(slots=True)
class BreastSequence:
    """One breast over its exams: ``films`` (T, H, W) uint8 in the order of their ``days``, the last being the present one."""

    id: str
    group: str
    films: NDArray[np.uint8]
    days: list[int]
    label: str


class SequenceTask:
    """As `loop.Task` says, of a `SequenceNetwork`.

    Parameters
    ----------
    train, validation : list of BreastSequence
    settings : SequenceSettings
    fold : (int, int)
        Repeat and outer fold; enter every random draw.
    """

    patient_until = 0

    def __init__(self, train: list[BreastSequence], validation: list[BreastSequence], settings: SequenceSettings, fold: Fold) -> None:
        self.train, self.validation, self.settings, self.fold = train, validation, settings, fold
        self.batch, self.epochs = min(settings.batch, len(train)), settings.epochs
        self.steps = len(train) // self.batch
        self._number = fold[0] * 1000 + fold[1]

    def make_network(self) -> SequenceNetwork:
        """Return the network with its first weights."""
        torch.manual_seed(self.settings.seed + 1000 * self.fold[0])
        return SequenceNetwork(self.settings.network)

    def make_optimiser(self, network: nn.Module) -> Optimizer:
        """Return AdamW over all weights."""
        return AdamW([{"params": list(network.parameters()), "share": 1.0}], lr=self.settings.rate, weight_decay=self.settings.weight_decay)

    def begin(self, network: nn.Module, epoch: int) -> bool:
        """Let everything learn."""
        network.train()
        return False

    def rate(self, step: int) -> float:
        """Return the rate of a step."""
        return self.settings.rate * cosine(self.settings, step / (self.steps * self.epochs))

    def batches(self, epoch: int, rank: int, count: int) -> Iterator[Batch]:
        """Yield an epoch's batches; an incomplete last one is left out."""
        order = generator(self.settings.seed, "order", self._number, epoch).permutation(len(self.train))
        for start in range(0, self.steps * self.batch, self.batch):
            own = order[start : start + self.batch][rank::count]
            yield stacked([self._augmented(int(k), epoch) for k in own])

    def _augmented(self, k: int, epoch: int) -> BreastSequence:
        """Return a sample, all its films turned over or none, with earlier films left out now and then."""
        draw, one = generator(self.settings.seed, "augment", self._number, epoch, k), self.train[k]
        kept = np.append(draw.random(len(one.days) - 1) >= self.settings.left_out, True)
        films = one.films[kept][:, :: -1 if draw.random() < 0.5 else 1, :: -1 if draw.random() < 0.5 else 1]
        days = np.array(one.days)[kept]
        return BreastSequence(one.id, one.group, films, (days - days[0]).tolist(), one.label)

    def loss(self, network: nn.Module, batch: Batch, processes: Processes) -> Tensor:
        """Return the mean loss of a batch."""
        films, days, counts, malignant = (one.to(processes.device) for one in batch)
        with processes.autocast():
            logits = network(films, days, counts)
        return binary_cross_entropy_with_logits(logits.float(), malignant)

    def learned(self) -> dict[str, float]:
        """Return nothing: of training batches only the loss is logged."""
        return {}

    def validate(self, network: nn.Module, device: torch.device, progress: Progress) -> Validation:
        """Return less the validation loss as the score, and the AUC where there are both classes."""
        logits = predict([cast(SequenceNetwork, network)], self.validation, self.settings, device, progress)
        truth = np.array([one.label == "malignant" for one in self.validation])
        if not np.isfinite(logits).all():
            return math.nan, {}
        loss = float(np.logaddexp(0, np.where(truth, -logits, logits)).mean())
        return -loss, {"loss": loss, **({"auc": roc_auc(truth, logits)} if 0 < truth.sum() < truth.size else {})}


def stacked(samples: Sequence[BreastSequence]) -> Batch:
    """Return samples as one batch, shorter ones filled up with films that are not seen."""
    longest = max(len(one.days) for one in samples)
    films = np.zeros((len(samples), longest, *samples[0].films.shape[1:]), np.float32)
    days = np.zeros((len(samples), longest), np.float32)
    for k, one in enumerate(samples):
        films[k, : len(one.days)] = one.films.astype(np.float32) / 255
        days[k, : len(one.days)] = one.days
    counts, malignant = [len(one.days) for one in samples], [float(one.label == "malignant") for one in samples]
    return torch.from_numpy(films), torch.from_numpy(days), torch.tensor(counts), torch.tensor(malignant)


@torch.no_grad()
def predict(
    networks: Sequence[SequenceNetwork],
    samples: Sequence[BreastSequence],
    settings: SequenceSettings,
    device: torch.device,
    progress: Progress,
) -> NDArray[np.float64]:
    """Return the logit of malignant of each sample, the mean over networks: (N,) float64."""
    found: list[NDArray[Any]] = []
    for start in range(0, len(samples), settings.batch):
        films, days, counts, _ = (one.to(device) for one in stacked(samples[start : start + settings.batch]))
        found.append(torch.stack([network.eval()(films, days, counts) for network in networks]).mean(0).double().cpu().numpy())
        progress("predicting", min(start + settings.batch, len(samples)), len(samples))
    return np.concatenate(found) if found else np.empty(0)

"""A classifier's training in one fold: its windows, its loss, its validation; and what it says of windows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from breastcad.core.seeding import generator
from breastcad.evaluate.metrics import roc_auc
from breastcad.models.classifier_network import ClassifierNetwork, build_classifier
from breastcad.preprocess.normalise import Normalisation, fit
from breastcad.train.classifier_batches import Batch, epoch_batches, plain_batches, samples_an_epoch
from breastcad.train.classifier_settings import ClassifierSettings, Stage
from breastcad.train.loop import Fold, Progress, Validation
from breastcad.train.optimisers import make_optimiser, rate_share
from breastcad.train.processes import Processes
from breastcad.train.windows import Window

LEAST_UNSURE = 1e-6
"""Below this 1 - p is rounding; at 0 the slope of a power below 1 is infinite."""
LOG_COLUMNS = ("accuracy", "precision", "sensitivity", "f1", "auc")


class ClassifierTask:
    """As `loop.Task` says, of a `ClassifierNetwork`.

    Parameters
    ----------
    train, validation : list of Window
    settings : ClassifierSettings
    fold : (int, int)
        Repeat and outer fold; enter every random draw.

    Where validation windows are of one class there is no AUC: ``chosen_by`` then is the loss.
    """

    def __init__(self, train: list[Window], validation: list[Window], settings: ClassifierSettings, fold: Fold) -> None:
        self.train, self.validation, self.settings, self.fold = train, validation, settings, fold
        self.classes = len(settings.class_names())
        drawn = samples_an_epoch(len(train), settings)
        self.batch = min(settings.batch, drawn)
        self.steps = drawn // self.batch
        self.stages = settings.training_stages()
        self.epochs = sum(stage.epochs for stage in self.stages)
        self.patient_until = self.epochs - self.stages[-1].epochs
        self.normalisation = fit_normalisation(train, settings)
        self._weights = class_weights(train, self.classes, settings)
        one_class = len({window.target for window in validation}) < 2
        self.chosen_by = "loss" if one_class and settings.choose_by == "auc" else settings.choose_by
        self._number = fold[0] * 1000 + fold[1]
        self._epoch = 0
        self._optimiser: Optimizer | None = None
        self._answers: list[tuple[NDArray[Any], NDArray[Any]]] = []

    def make_network(self) -> ClassifierNetwork:
        """Return the network with its first weights."""
        return make_network(self.settings, self.fold[0], self.normalisation)

    def make_optimiser(self, network: nn.Module) -> Optimizer:
        """Return the settings' optimiser; what does not learn has no gradient, and is passed over."""
        self._optimiser = make_optimiser(self.settings, [{"params": list(network.parameters()), "share": 1.0}])
        return self._optimiser

    def begin(self, network: nn.Module, epoch: int) -> bool:
        """Let the part of the epoch's stage learn, with its weight decay; return whether that stage begins."""
        torch.manual_seed(int(generator(self.settings.seed, "dropout", self._number, epoch).integers(2**31)))
        stage, first = self._stage(epoch)
        cast(ClassifierNetwork, network).learn_part(stage.part)
        for group in self._optimiser.param_groups if self._optimiser else ():
            group["weight_decay"] = self.settings.weight_decay if stage.decay is None else stage.decay
        network.train()
        self._epoch, self._answers = epoch, []
        return bool(epoch) and epoch == first

    def _stage(self, epoch: int) -> tuple[Stage, int]:
        """Return the stage that an epoch is of, and that stage's first epoch."""
        first = 0
        for stage in self.stages:
            if epoch < first + stage.epochs:
                break
            first += stage.epochs
        return stage, first

    def rate(self, step: int) -> float:
        """Return the rate of a step."""
        stage, first = self._stage(step // self.steps)
        since = step - first * self.steps
        return stage.rate * rate_share(self.settings, since / (self.steps * stage.epochs), since / self.steps)

    def batches(self, epoch: int, rank: int, count: int) -> Iterator[Batch]:
        """Yield an epoch's batches."""
        return epoch_batches(self.train, self.classes, self.settings, self._number, epoch, rank, count)

    def loss(self, network: nn.Module, batch: Batch, processes: Processes) -> Tensor:
        """Return the loss of a batch."""
        shares = batch.shares.to(processes.device)
        with processes.autocast():
            logits = network(batch.images.to(processes.device, memory_format=torch.channels_last))
        self._answers.append((logits.detach().float().cpu().numpy(), batch.shares.argmax(1).numpy()))
        weights = self._weights.to(processes.device)
        return classification_loss(logits.float(), shares, weights, smoothing=self.settings.label_smoothing, gamma=self._gamma)

    @property
    def _gamma(self) -> float:
        return self.settings.focal_gamma if self.settings.loss == "focal" else 0.0

    def learned(self) -> dict[str, float]:
        """Return figures of the epoch's training batches, each as it was seen when it was learnt from."""
        if not self._answers:
            return {}
        logits, targets = (np.concatenate(part) for part in zip(*self._answers, strict=True))
        return class_figures(logits, targets)

    def validate(self, network: nn.Module, device: torch.device, progress: Progress) -> Validation:
        """Return the validation score, higher being better, and figures."""
        logits = predict([cast(ClassifierNetwork, network)], self.validation, self.settings, device, progress)
        targets = np.array([window.target for window in self.validation])
        if not np.isfinite(logits).all():
            return math.nan, {}
        entropy = -log_softmax(logits)[np.arange(targets.size), targets]
        figures = {"loss": float(entropy.mean()), **class_figures(logits, targets)}
        scores = figures | {"loss": -figures["loss"], "last": float(self._epoch)}
        return scores[self.chosen_by], figures


def make_network(settings: ClassifierSettings, repeat: int = 0, normalisation: Normalisation | None = None) -> ClassifierNetwork:
    """Build the network of the settings, its first weights decided by the seed and the repeat."""
    torch.manual_seed(settings.seed + 1000 * repeat)
    network = build_classifier(
        settings.network, len(settings.class_names()), rows=settings.rows, cols=settings.cols, channels=settings.channels,
        head=settings.head, hidden=settings.hidden, dropout=settings.dropout, attention=settings.attention, weights=settings.weights,
        fitted_input=settings.normalisation != "fixed",
    )  # fmt: skip
    if normalisation is not None:
        network.normalise_input(normalisation)
    return cast(ClassifierNetwork, network.to(memory_format=torch.channels_last))  # type: ignore[call-overload]


def fit_normalisation(train: Sequence[Window], settings: ClassifierSettings) -> Normalisation | None:
    """Fit the settings' normalisation to training windows; None where it is fixed. Of mammograms black is not counted."""
    if settings.normalisation == "fixed":
        return None
    films = settings.modality == "MG"
    seen = (window.pixels for window in train if not window.copy and (not films or window.pixels.any()))
    levels = ((image.astype(np.float32) / np.float32(255), image > 0 if films else None) for image in seen)
    return fit(levels, kind=settings.normalisation, within="breast" if films else "image")


def class_weights(train: Sequence[Window], classes: int, settings: ClassifierSettings) -> Tensor:
    """Return the weight of each class: 1, or so that all classes weigh the same and the mean over samples is 1 (B, eq. 6: w_n)."""
    if settings.class_weight == "none":
        return torch.ones(classes)
    counts = np.bincount([window.target for window in train], minlength=classes)
    return torch.tensor([len(train) / (np.count_nonzero(counts) * count) if count else 0.0 for count in counts], dtype=torch.float32)


def classification_loss(logits: Tensor, shares: Tensor, weights: Tensor, *, smoothing: float = 0.0, gamma: float = 0.0) -> Tensor:
    """Return the mean over samples of their weighted cross-entropy: B's eq. 6 for two classes, focal where ``gamma`` is above 0.

    Parameters
    ----------
    logits : (N, K) Tensor
    shares : (N, K) Tensor
        What share of each class a sample is, rows adding to 1; mixed samples are of several.
    weights : (K,) Tensor
        Of each class; a sample weighs as its shares' mean.
    smoothing : float
        Share of each sample that is handed to all classes alike.
    gamma : float
        Exponent by which what is sure counts less; 0 for cross-entropy.

    Returns
    -------
    () Tensor

    References
    ----------
    .. [1] T. Mahmood et al., PLOS ONE 17 (2022) e0263126, equation 6; its L2 part is the optimiser's weight decay.
    .. [2] T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017, equation 4.
    .. [3] C. Szegedy et al., "Rethinking the Inception architecture", CVPR 2016, section 7 (smoothing).
    """
    logarithms = torch.log_softmax(logits, dim=1)
    wanted = shares * (1 - smoothing) + smoothing / logits.shape[1]
    sure = (1 - logarithms.exp()).clamp(min=LEAST_UNSURE) ** gamma if gamma else 1.0
    return (-(wanted * sure * logarithms).sum(1) * (shares @ weights)).mean()


def log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return logarithms of the classes' probabilities, (N, K)."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))


def class_figures(logits: NDArray[Any], targets: NDArray[Any]) -> dict[str, float]:
    """Return accuracy, precision, sensitivity, F1 and AUC of the most probable class.

    Of two classes the second is looked for; of several they are means over the classes, one against the rest. What is undefined (no
    sample of a class) is left out.
    """
    called, classes = logits.argmax(1), logits.shape[1]
    figures = {"accuracy": float((called == targets).mean())}
    said = log_softmax(logits)
    wanted = (1,) if classes == 2 else range(classes)
    rows: dict[str, list[float]] = {"precision": [], "sensitivity": [], "f1": [], "auc": []}
    for one in wanted:
        hits, true, taken = (int(part.sum()) for part in ((called == one) & (targets == one), targets == one, called == one))
        rows["precision"] += [hits / taken] if taken else []
        rows["sensitivity"] += [hits / true] if true else []
        rows["f1"] += [2 * hits / (true + taken)] if true + taken else []
        rows["auc"] += [roc_auc(targets == one, said[:, one])] if 0 < true < targets.size else []
    return figures | {name: float(np.mean(values)) for name, values in rows.items() if values}


@torch.no_grad()
def predict(
    networks: Sequence[ClassifierNetwork], windows: Sequence[Window], settings: ClassifierSettings, device: torch.device, progress: Progress
) -> NDArray[np.float32]:
    """Return the mean logits of networks, (N, K) float32, of windows as they are."""
    for network in networks:
        network.eval()
    said: list[NDArray[np.float32]] = []
    for images in plain_batches(windows, settings.batch):
        seen = images.to(device, memory_format=torch.channels_last)
        said.append(torch.stack([network(seen).float() for network in networks]).mean(0).cpu().numpy())
        progress("looking at windows", sum(map(len, said)), len(windows))
    return np.concatenate(said) if said else np.zeros((0, len(settings.class_names())), np.float32)

"""The training loop: one fold, from first weights to best weights, stopped and continued at will."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from breastcad.core.errors import InputError
from breastcad.core.seeding import generator
from breastcad.models.checkpoint import load_checkpoint, save_checkpoint, under_prefix, with_prefix
from breastcad.models.lesion_network import LesionNetwork
from breastcad.models.registry import network_spec
from breastcad.preprocess.normalise import Normalisation, fit
from breastcad.train.batches import epoch_batches
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.losses import Targets, lesion_loss
from breastcad.train.predict import predict, validation_score
from breastcad.train.samples import Sample

Report = Callable[[dict[str, Any]], None]
Progress = Callable[[str, int, int], None]
Fold = tuple[int, int]


def fold_name(fold: Fold) -> str:
    """Return what a (repeat, outer fold) is called; the repeat is said where it is not the first.

    Examples
    --------
    >>> fold_name((0, 2)), fold_name((1, 2))
    ('fold 2', 'fold 2 of repeat 1')
    """
    return f"fold {fold[1]}" + (f" of repeat {fold[0]}" if fold[0] else "")


@dataclass(slots=True)
class State:
    """What a fold needs to go on exactly where it stopped, besides settings and samples."""

    network: LesionNetwork
    average: LesionNetwork
    optimizer: AdamW
    epoch: int = 0
    step: int = 0
    best_epoch: int = -1
    best_score: float = -math.inf


def make_network(settings: LesionSettings) -> LesionNetwork:
    """Build the network of the settings, its first weights decided by the seed."""
    torch.manual_seed(settings.seed)
    fitted = settings.normalisation != "fixed"
    network = LesionNetwork(network_spec(settings.network), pretrained=settings.weights == "imagenet", fitted_input=fitted)
    if settings.weights == "imagenet":
        network.freeze(settings.frozen_stages)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def train_fold(
    train: list[Sample],
    validation: list[Sample],
    settings: LesionSettings,
    folder: Path,
    *,
    fold: Fold,
    device: torch.device,
    report: Report,
    progress: Progress,
) -> LesionNetwork:
    """Train one fold and return the network with the best averaged weights on validation.

    After each epoch ``last.safetensors`` holds everything; called again, training goes on after the last whole epoch and
    ends, on a CPU, with the same weights bit for bit. ``best.safetensors`` holds the best so far.

    Parameters
    ----------
    train, validation : list of Sample
    settings : Settings
    folder : Path
        Of this fold's checkpoints.
    fold : (int, int)
        Repeat and outer fold; enter every random draw.
    device : torch.device
    report : callable
        Called with a row of log.csv, two an epoch.
    progress : callable
        Called with what is done, how far, of how much.

    Returns
    -------
    LesionNetwork
        On the device, in evaluation mode.

    Raises
    ------
    InputError
        If the loss, or what the network says of validation, is not finite; of that epoch nothing is written.
    """
    torch.set_num_threads(settings.threads)
    state = _restored(_new_state(settings, device, fit_normalisation(train, settings)), folder)
    scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
    while state.epoch < settings.epochs and state.epoch - state.best_epoch <= settings.patience:
        started = time.monotonic()
        loss = _run_epoch(state, train, settings, fold, device, scaler, progress)
        seconds = time.monotonic() - started
        said = predict(state.average, validation, settings, device, progress=progress)
        if not all(np.isfinite(one.lesion).all() and np.isfinite(one.logits).all() for one in said):
            raise _diverged(state, settings, fold, "what the network says of validation images")
        score, figures = validation_score(said)
        if state.best_epoch < 0 or score > state.best_score:
            state.best_score, state.best_epoch = score, state.epoch
            save_checkpoint(folder / "best.safetensors", state.average.state_dict(), {"epoch": state.epoch, "score": score})
        seen = len(train) - len(train) % min(settings.batch, len(train))
        report({"epoch": state.epoch, "part": "train", "loss": loss, "seconds": seconds, "images_per_second": seen / seconds})
        report({"epoch": state.epoch, "part": "validation", "score": score, **figures})
        state.epoch += 1
        _save(state, folder)
    return best_network(settings, folder, device)


def best_network(settings: LesionSettings, folder: Path, device: torch.device) -> LesionNetwork:
    """Return the network with a fold's best weights, ready to predict."""
    network = make_network(settings).to(device)
    network.load_state_dict(load_checkpoint(folder / "best.safetensors")[0])
    return network.eval()


def fit_normalisation(train: list[Sample], settings: LesionSettings) -> Normalisation | None:
    """Fit the settings' normalisation to training images, of films within the breast; None where it is fixed."""
    if settings.normalisation == "fixed":
        return None
    films = settings.pipeline == "mammogram"  # which blackens what is not breast
    seen = (sample.image for sample in train if not films or sample.image.any())  # a black film has no breast to count
    levels = ((image.astype(np.float32) / np.float32(255), image > 0 if films else None) for image in seen)
    return fit(levels, kind=settings.normalisation, within="breast" if films else "image")


def _new_state(settings: LesionSettings, device: torch.device, normalisation: Normalisation | None) -> State:
    network, average = make_network(settings).to(device), make_network(settings).to(device)
    if normalisation is not None:
        for one in (network, average):
            one.normalise_input(normalisation)
    average.requires_grad_(False)
    encoder = [p for p in network.encoder.parameters() if p.requires_grad]
    inside = {id(p) for p in network.encoder.parameters()}
    head = [p for p in network.parameters() if id(p) not in inside]
    groups = [{"params": encoder, "share": settings.encoder_rate_share}, {"params": head, "share": 1.0}]
    return State(network, average, AdamW(groups, lr=settings.rate, weight_decay=settings.weight_decay))


def _run_epoch(
    state: State,
    samples: list[Sample],
    settings: LesionSettings,
    fold: Fold,
    device: torch.device,
    scaler: torch.amp.GradScaler,
    progress: Progress,
) -> float:
    """Train one epoch; return its mean loss."""
    number = fold[0] * 1000 + fold[1]
    torch.manual_seed(int(generator(settings.seed, "dropout", number, state.epoch).integers(2**31)))
    learning_mode(state.network, fixed_statistics=settings.fixed_statistics and settings.weights == "imagenet")
    steps = len(samples) // min(settings.batch, len(samples))
    total = 0.0
    for done, (images, targets) in enumerate(epoch_batches(samples, settings, number, state.epoch), start=1):
        _set_rate(state.optimizer, settings, state.step / (steps * settings.epochs))
        loss = _step(state, images, targets, settings, device, scaler)
        if not math.isfinite(loss):
            raise _diverged(state, settings, fold, "the loss")
        total += loss
        progress(f"{fold_name(fold)}, epoch {state.epoch + 1} of {settings.epochs}, loss {total / done:.3f}", done, steps)
    return total / max(steps, 1)


def _diverged(state: State, settings: LesionSettings, fold: Fold, what: str) -> InputError:
    return InputError(
        f"{fold_name(fold)}, epoch {state.epoch + 1}: {what} is not finite, so the training came to nothing at the rate {settings.rate:g}; "
        "give a lower one with --setting rate=..., and another folder with --out"
    )


def _step(
    state: State, images: Tensor, targets: Targets, settings: LesionSettings, device: torch.device, scaler: torch.amp.GradScaler
) -> float:
    images = images.to(device, memory_format=torch.channels_last)
    moved = targets.to(device)
    with torch.autocast(device.type, enabled=device.type == "cuda"):
        learned = state.network.learn(images, moved.focus)
    loss = lesion_loss(learned.single(), moved, settings)
    state.optimizer.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()
    scaler.unscale_(state.optimizer)
    nn.utils.clip_grad_norm_([p for p in state.network.parameters() if p.requires_grad], 5.0)
    scaler.step(state.optimizer)
    scaler.update()
    state.step += 1
    _average(state, settings)
    return float(loss.detach())


@torch.no_grad()
def _average(state: State, settings: LesionSettings) -> None:
    """Move the averaged weights towards the present ones; early on faster, so that the first weights are soon forgotten."""
    decay = min(settings.average_decay, (1 + state.step) / (10 + state.step))
    # Both dictionaries are made once a step: made anew for each tensor they took a quarter of the training's time.
    for kept, tensor in zip(state.average.state_dict().values(), state.network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(tensor, 1 - decay)
        else:
            kept.copy_(tensor)


def learning_mode(network: LesionNetwork, *, fixed_statistics: bool) -> None:
    """Put a network into training mode; its encoder's batch normalisation stays as it came where statistics are fixed."""
    network.train()
    if fixed_statistics:
        for module in network.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def _set_rate(optimizer: AdamW, settings: LesionSettings, done: float) -> None:
    """Warm up linearly, then fall along half a cosine."""
    if done < settings.warm_up:
        factor = (done + 1e-3) / (settings.warm_up + 1e-3)
    else:
        factor = 0.5 * (1 + math.cos(math.pi * (done - settings.warm_up) / (1 - settings.warm_up)))
    for group in optimizer.param_groups:
        group["lr"] = settings.rate * group["share"] * max(factor, 0.01)


def _save(state: State, folder: Path) -> None:
    moments = {
        f"{number}.{name}": tensor for number, entry in state.optimizer.state_dict()["state"].items() for name, tensor in entry.items()
    }
    tensors = (
        with_prefix("network", state.network.state_dict())
        | with_prefix("average", state.average.state_dict())
        | with_prefix("moments", moments)
    )
    facts = {key: getattr(state, key) for key in ("epoch", "step", "best_epoch", "best_score")}
    save_checkpoint(folder / "last.safetensors", tensors, facts)


def _restored(state: State, folder: Path) -> State:
    """Return the state of the last whole epoch, or the new one where there is none."""
    path = folder / "last.safetensors"
    if not path.is_file():
        return state
    tensors, facts = load_checkpoint(path)
    state.network.load_state_dict(under_prefix("network", tensors))
    state.average.load_state_dict(under_prefix("average", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in under_prefix("moments", tensors).items():
        number, entry = name.split(".", 1)
        moments.setdefault(int(number), {})[entry] = tensor
    state.optimizer.load_state_dict(state.optimizer.state_dict() | {"state": moments})
    for key, value in facts.items():
        setattr(state, key, value)
    return state

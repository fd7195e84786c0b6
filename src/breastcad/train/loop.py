"""The training loop: one network of one fold, from first weights to best weights, stopped and continued at will.

What is trained, on what and for what is a `Task`'s; here are the steps, the averaged weights, the checkpoints.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from breastcad.core.errors import InputError
from breastcad.models.checkpoint import load_checkpoint, save_checkpoint, under_prefix, with_prefix
from breastcad.train.processes import Processes
from breastcad.train.settings import NetworkSettings

Report = Callable[[dict[str, Any]], None]
Progress = Callable[[str, int, int], None]
Fold = tuple[int, int]
Validation = tuple[float, dict[str, float]]
Network = TypeVar("Network", bound=nn.Module)

LONGEST_GRADIENT = 5.0


class Task(Protocol):
    """What one network of a fold is trained for."""

    fold: Fold

    @property
    def settings(self) -> NetworkSettings:
        """Its settings."""

    @property
    def steps(self) -> int:
        """Batches of an epoch."""

    @property
    def batch(self) -> int:
        """Samples of a batch: as the settings say, or all where they are fewer."""

    @property
    def epochs(self) -> int:
        """Epochs at most."""

    @property
    def patient_until(self) -> int:
        """The epoch before which a validation that rises no more does not end the training."""

    def make_network(self) -> nn.Module:
        """Return the network with its first weights."""

    def make_optimiser(self, network: nn.Module) -> Optimizer:
        """Return the optimiser; each of its groups has a ``share`` of the rate."""

    def begin(self, network: nn.Module, epoch: int) -> bool:
        """Put a network into the mode of an epoch; return whether another part of it learns from now on, so that moments are forgotten."""

    def rate(self, step: int) -> float:
        """Return the rate of a step, counted from the first of all."""

    def batches(self, epoch: int, rank: int, count: int) -> Iterator[Any]:
        """Yield the batches of an epoch, of each the share of one of so many processes."""

    def loss(self, network: nn.Module, batch: Any, processes: Processes) -> Tensor:
        """Return the mean loss of a batch."""

    def learned(self) -> dict[str, float]:
        """Return figures of the epoch's training batches, for the log."""

    def validate(self, network: nn.Module, device: torch.device, progress: Progress) -> Validation:
        """Return how good a network is on validation, and its figures; not a number where it says what is not finite."""


class Diverged(InputError):
    """A training came to what is not finite."""


class State:
    """What a training needs to go on exactly where it stopped, besides its task."""

    def __init__(self, task: Task, processes: Processes) -> None:
        self.network = task.make_network().to(processes.device)
        self.average = task.make_network().to(processes.device)
        self.optimiser = task.make_optimiser(self.network)
        self.average.requires_grad_(False)
        self.epoch = self.step = 0
        self.best_epoch, self.best_score = -1, -math.inf
        self._processes = processes

    @property
    def scaling(self) -> dict[str, Any]:
        """How losses are scaled in half precision (`Processes.scaling`)."""
        return self._processes.scaling

    @scaling.setter
    def scaling(self, value: dict[str, Any]) -> None:
        self._processes.scaling = value


def fold_name(fold: Fold) -> str:
    """Return what a (repeat, outer fold) is called; the repeat is said where it is not the first.

    Examples
    --------
    >>> fold_name((0, 2)), fold_name((1, 2))
    ('fold 2', 'fold 2 of repeat 1')
    """
    return f"fold {fold[1]}" + (f" of repeat {fold[0]}" if fold[0] else "")


def train_network(task: Task, folder: Path, *, device: torch.device, report: Report, progress: Progress) -> nn.Module:
    """Train a network and return it with the best averaged weights on validation.

    After each epoch ``last.safetensors`` holds everything; called again, training goes on after the last whole epoch and
    ends, on a CPU, with the same weights bit for bit. ``best.safetensors`` holds the best so far. Of several processes the first
    writes, reports and validates.

    Parameters
    ----------
    task : Task
    folder : Path
        Of this network's checkpoints.
    device : torch.device
    report : callable
        Called with a row of log.csv, two an epoch.
    progress : callable
        Called with what is done, how far, of how much.

    Returns
    -------
    nn.Module
        On the device, in evaluation mode.

    Raises
    ------
    Diverged
        If the loss, or what the network says of validation, is not finite; of that epoch nothing is written.
    """
    processes, settings = Processes(device, task.settings.precision), task.settings
    processes.check_batch(task.batch, settings.batch)
    torch.set_num_threads(settings.threads)
    state = _restored(State(task, processes), folder)
    while state.epoch < task.epochs and state.epoch - max(state.best_epoch, task.patient_until - 1) <= settings.patience:
        started = time.monotonic()
        loss = _run_epoch(state, task, processes, progress)
        seconds, learned = time.monotonic() - started, task.learned()
        processes.level_statistics([state.network, state.average])
        score, figures = processes.from_first(task.validate(state.average, processes.device, progress) if processes.first else (0.0, {}))
        if math.isnan(score):
            raise _diverged(state, task, "what the network says of validation images")
        best = state.best_epoch < 0 or score > state.best_score
        if best:
            state.best_score, state.best_epoch = score, state.epoch
        state.epoch += 1
        if processes.first:
            if best:
                save_checkpoint(folder / "best.safetensors", state.average.state_dict(), {"epoch": state.best_epoch, "score": score})
            row = {"epoch": state.epoch - 1, "part": "train", "loss": loss, **learned, "seconds": seconds}
            report(row | {"images_per_second": task.steps * task.batch / seconds})
            report({"epoch": state.epoch - 1, "part": "validation", "score": score, **figures})
            _save(state, folder)
    processes.wait()
    return best_network(task.make_network, folder, processes.device)


def best_network(make: Callable[[], Network], folder: Path, device: torch.device) -> Network:
    """Return a network with the best weights of its folder, ready to predict."""
    network = make().to(device)
    network.load_state_dict(load_checkpoint(folder / "best.safetensors")[0])
    return network.eval()


def _run_epoch(state: State, task: Task, processes: Processes, progress: Progress) -> float:
    """Train one epoch; return its mean loss."""
    if task.begin(state.network, state.epoch):
        state.optimiser.state.clear()
    if processes.rank:  # else all would drop the same of what each sees
        torch.manual_seed(torch.initial_seed() + processes.rank)
    total = 0.0
    for done, batch in enumerate(task.batches(state.epoch, processes.rank, processes.count), start=1):
        for group in state.optimiser.param_groups:
            group["lr"] = task.rate(state.step) * group["share"]
        loss = processes.step(task.loss(state.network, batch, processes), state.optimiser, longest=LONGEST_GRADIENT)
        state.step += 1
        _average(state, task.settings)
        if not math.isfinite(loss):
            raise _diverged(state, task, "the loss")
        total += loss
        progress(f"{fold_name(task.fold)}, epoch {state.epoch + 1} of {task.epochs}, loss {total / done:.3f}", done, task.steps)
    return total / max(task.steps, 1)


def _diverged(state: State, task: Task, what: str) -> Diverged:
    staged = bool(getattr(task.settings, "stages", ""))
    key, rate = ("stages", task.rate(max(state.step - 1, 0))) if staged else ("rate", task.settings.rate)
    return Diverged(
        f"{fold_name(task.fold)}, epoch {state.epoch + 1}: {what} is not finite, so the training came to nothing at the rate "
        f"{rate:.3g}; give a lower one with --setting {key}=..., and another folder with --out"
    )


@torch.no_grad()
def _average(state: State, settings: NetworkSettings) -> None:
    """Move the averaged weights towards the present ones; early on faster, so that the first weights are soon forgotten."""
    decay = min(settings.average_decay, (1 + state.step) / (10 + state.step))
    # Both dictionaries are made once a step: made anew for each tensor they took a quarter of the training's time.
    for kept, tensor in zip(state.average.state_dict().values(), state.network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(tensor, 1 - decay)
        else:
            kept.copy_(tensor)


def _save(state: State, folder: Path) -> None:
    moments = {
        f"{number}.{name}": tensor
        for number, entry in state.optimiser.state_dict()["state"].items()
        for name, tensor in entry.items()
        if tensor is not None  # the momentum of SGD without one
    }
    tensors = (
        with_prefix("network", state.network.state_dict())
        | with_prefix("average", state.average.state_dict())
        | with_prefix("moments", moments)
    )
    facts = {key: getattr(state, key) for key in ("epoch", "step", "best_epoch", "best_score", "scaling")}
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
    state.optimiser.load_state_dict(state.optimiser.state_dict() | {"state": moments})
    for key, value in facts.items():
        setattr(state, key, value)
    return state

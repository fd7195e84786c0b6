"""One process or several that train one network together: each takes its share of every batch, all take the same step.

Started by ``accelerate launch``, or plainly for one process; a process of its own accelerator where there are several.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn

from breastcad.core.errors import InputError

Thing = TypeVar("Thing")


class Processes:
    """The processes of a training, this one among them.

    Parameters
    ----------
    device : torch.device
        Of the kind that is wanted; with several accelerators each process gets its own.
    precision : str
        ``auto``: half precision where it can be on an accelerator, single on a processor; ``single``; ``bfloat16``, which some
        processors multiply faster. Weights and sums stay single.
    """

    def __init__(self, device: torch.device, precision: str = "auto") -> None:
        # Half precision is ours: accelerate holds one kind for the whole life of a process.
        self._accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision="no")
        self._half = {"bfloat16": torch.bfloat16, "auto": torch.float16 if device.type == "cuda" else None}.get(precision)
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._half == torch.float16)
        self.device: torch.device = self._accelerator.device
        self.rank: int = self._accelerator.process_index
        self.count: int = self._accelerator.num_processes

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and tells."""
        return self.rank == 0

    @property
    def scaling(self) -> dict[str, Any]:
        """How losses are scaled so that gradients stay in half precision's range, which steps adapt; empty where they are not."""
        return self._scaler.state_dict()

    @scaling.setter
    def scaling(self, value: dict[str, Any]) -> None:
        if value:
            self._scaler.load_state_dict(value)

    def check_batch(self, batch: int, wanted: int) -> None:
        """Refuse a batch that cannot be parted evenly, be it the setting's or smaller because there are fewer samples: InputError."""
        if batch % self.count:
            why = "" if batch == wanted else f", as many training samples as there are; setting 'batch' is {wanted}"
            raise InputError(f"a batch must be a multiple of the {self.count} processes that share it, got {batch}{why}")

    def autocast(self) -> Any:
        """Return the context in which a network answers in training."""
        return torch.autocast(self.device.type, dtype=self._half, enabled=self._half is not None)

    def step(self, loss: Tensor, optimiser: torch.optim.Optimizer, *, longest: float) -> float:
        """Take a step against the mean gradient of all processes, at most so long; return the mean of their losses."""
        parameters = [p for group in optimiser.param_groups for p in group["params"] if p.requires_grad]
        optimiser.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        if self.count > 1:
            self._take_mean([p.grad for p in parameters if p.grad is not None])
        self._scaler.unscale_(optimiser)
        torch.nn.utils.clip_grad_norm_(parameters, longest)
        self._scaler.step(optimiser)
        self._scaler.update()
        return float(self._accelerator.reduce(loss.detach(), "mean") if self.count > 1 else loss.detach())

    def level_statistics(self, networks: Iterable[nn.Module]) -> None:
        """Give all processes the mean of what each saw: the statistics of batch normalisation."""
        if self.count > 1:
            self._take_mean([tensor for one in networks for tensor in one.buffers() if tensor.is_floating_point()])

    def _take_mean(self, tensors: list[Tensor]) -> None:
        """Replace tensors by their means over the processes; sent as one, since each sending waits for the slowest."""
        if not tensors:
            return
        joined = self._accelerator.reduce(torch.cat([tensor.detach().reshape(-1) for tensor in tensors]), "mean")
        for tensor, mean in zip(tensors, joined.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.detach().copy_(mean.reshape(tensor.shape))

    def from_first(self, thing: Thing) -> Thing:
        """Return what the first process has."""
        if self.count == 1:
            return thing
        things = [thing]
        broadcast_object_list(things)
        return things[0]

    def wait(self) -> None:
        """Wait for all processes."""
        self._accelerator.wait_for_everyone()

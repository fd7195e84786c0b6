"""Gradient checkpointing: a backbone keeps what its blocks are given and computes the rest again on the way back, for memory.

Outputs, gradients and statistics of batch normalisation are those without it; a step of training computes the blocks once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

_POOLING = (nn.MaxPool2d, nn.AvgPool2d)


def checkpoint_blocks(backbone: nn.Module) -> int:
    """Let every block of a backbone compute itself again for its gradients; return how many blocks there are.

    A block is the smallest part that holds several convolutions and is not a mere sequence; of a sequence of single layers (VGG, the small
    networks) what lies between two poolings is one. Names and weights stay as they are.

    Parameters
    ----------
    backbone : nn.Module
        Changed in place.
    """
    if _is_plain(backbone):
        pieces = _pieces(list(backbone.children()))
        backbone.forward = partial(_forward_pieces, pieces)
        return len(pieces)
    count = 0
    for child in backbone.children():
        if _convolutions(child) < 2:
            continue
        if isinstance(child, nn.Sequential):
            count += checkpoint_blocks(child)
        else:
            child.forward = partial(_recomputed, child.forward, child)
            count += 1
    return count


def _convolutions(module: nn.Module) -> int:
    return sum(isinstance(one, nn.Conv2d) for one in module.modules())


def _is_plain(module: nn.Module) -> bool:
    """Tell whether a module is a sequence of single layers with several convolutions."""
    return isinstance(module, nn.Sequential) and _convolutions(module) > 1 and not any(list(one.children()) for one in module)


def _pieces(layers: list[nn.Module]) -> list[nn.Sequential]:
    """Return the layers up to each pooling as one piece."""
    found: list[list[nn.Module]] = [[]]
    for layer in layers:
        found[-1].append(layer)
        if isinstance(layer, _POOLING):
            found.append([])
    return [nn.Sequential(*piece) for piece in found if piece]


def _forward_pieces(pieces: list[nn.Sequential], image: Tensor) -> Tensor:
    for piece in pieces:
        image = _recomputed(piece.forward, piece, image)
    return image


def _recomputed(forward: Callable[..., Any], module: nn.Module, *given: Any) -> Any:
    """Return what a module says; where gradients are wanted of it, nothing in between is kept."""
    learns = any(weight.requires_grad for weight in module.parameters()) or any(
        isinstance(one, Tensor) and one.requires_grad for one in given
    )
    if not (torch.is_grad_enabled() and learns):
        return forward(*given)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_kept(module)

    return checkpoint(forward, *given, use_reentrant=False, context_fn=contexts)


@contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    """Let batch normalisation count into copies of its statistics: a batch was counted the first time."""
    norms = [one for one in module.modules() if isinstance(one, _BatchNorm) and one.training]
    own = [dict(one._buffers) for one in norms]
    for one, buffers in zip(norms, own, strict=True):
        one._buffers.update({name: None if buffer is None else buffer.clone() for name, buffer in buffers.items()})
    try:
        yield
    finally:
        for one, buffers in zip(norms, own, strict=True):
            one._buffers.update(buffers)

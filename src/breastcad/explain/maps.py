"""Maps of where a network sees a class: CAM, Grad-CAM, Grad-CAM++ and guided back-propagation.

Each is a few lines of the network's own two parts, its last map and its head, so that no hook has to find a layer. The score that is
explained is the sum of the logits of the classes asked for (a word like malignant may stand for several).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from breastcad.core.errors import InputError

METHODS = ("cam", "grad-cam", "grad-cam++", "guided")
GUIDED_CELL_PX = 8
"""Side of the cells that guided gradients are averaged over: pixel by pixel they are too ragged to cut boxes from."""
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish)


class Explainable(Protocol):
    """What a network must have: `models.classifier_network.ClassifierNetwork` and any like it."""

    head: nn.Module

    def features(self, image: Tensor) -> Tensor:
        """Return the last map (N, C, h, w) of grey images (N, 1, rows, cols) in [0, 1]."""

    def modules(self) -> Iterator[nn.Module]:
        """As `torch.nn.Module.modules`."""

    @property
    def training(self) -> bool:
        """As of `torch.nn.Module`."""


@dataclass(frozen=True, slots=True)
class ClassMap:
    """Where a network sees a class: ``values`` (h, w) float32, above 0 what speaks for it; ``logits`` (K,) float32 of the whole image."""

    values: NDArray[np.float32]
    logits: NDArray[np.float32]


def class_map(network: Explainable, image: NDArray[np.float32], classes: Sequence[int], method: str) -> ClassMap:
    """Return where a network sees a class in an image.

    Parameters
    ----------
    network : Explainable
        In evaluation mode.
    image : (rows, cols) ndarray of float32
        In [0, 1], of a size that the network takes.
    classes : sequence of int
        Whose logits, summed, are explained; at least one.
    method : str
        ``"cam"`` [1]_ (its values below 0 speak against the class), ``"grad-cam"`` [2]_ (eq. 1 and 2), ``"grad-cam++"`` [3]_ (eq. 10 and
        19) or ``"guided"`` [4]_, of which the positive gradients alone, averaged over cells of `GUIDED_CELL_PX` pixels.

    Returns
    -------
    ClassMap
        Of the last map's size; by ``"guided"`` of a `GUIDED_CELL_PX`th of the image's, rounded up.

    Raises
    ------
    InputError
        If there is no such method, or it cannot be had of this network: CAM of a head that is not global average pooling and one linear
        layer, guided of a network without activations that it knows.
    ValueError
        If the network is in training mode, no class is asked for, or the image is not of two dimensions.

    References
    ----------
    .. [1] B. Zhou et al., "Learning deep features for discriminative localization", CVPR 2016, eq. 2.
    .. [2] R. R. Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", ICCV 2017.
    .. [3] A. Chattopadhay et al., "Grad-CAM++: generalized gradient-based visual explanations", WACV 2018.
    .. [4] J. T. Springenberg et al., "Striving for simplicity: the all convolutional net", ICLR workshop 2015.
    """
    check_method(network, method)
    if network.training or not classes or image.ndim != 2:
        raise ValueError(
            f"class_map needs a network in evaluation mode, a class and an image of rows and columns, got training={network.training}, "
            f"{len(classes)} classes and shape {image.shape}"
        )
    parameter = next(cast(nn.Module, network).parameters())
    given = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None].to(parameter.device)
    values, logits = _MAPS[method](network, given, list(classes))
    return ClassMap(np.asarray(values.cpu().numpy(), np.float32), np.asarray(logits.cpu().numpy(), np.float32))


def check_method(network: Explainable, method: str) -> None:
    """Refuse a method that there is not, or that cannot be had of a network: InputError, as `class_map`."""
    if method not in METHODS:
        raise InputError(f"unknown method '{method}'; there are: {', '.join(METHODS)}")
    if method == "cam" and pooled_linear(network.head) is None:
        raise InputError(
            "CAM needs a head of global average pooling and one linear layer (the setting head=pool of a backbone), and this network has "
            "another; take --method grad-cam, which needs none"
        )
    if method == "guided" and not _activations(network):
        raise InputError("guided back-propagation needs activations that it knows (ReLU, ReLU6, SiLU, Hardswish), this network has none")


def pooled_linear(head: nn.Module) -> nn.Linear | None:
    """Return the one linear layer of a head that is global average pooling and that layer (dropout aside), else None."""
    passed = (nn.Dropout, nn.Flatten, nn.Identity)
    layers = [layer for layer in head.modules() if not list(layer.children()) and not isinstance(layer, passed)]
    pools = len(layers) == 2 and isinstance(layers[0], nn.AdaptiveAvgPool2d) and layers[0].output_size in (1, (1, 1))
    return layers[1] if pools and isinstance(layers[1], nn.Linear) else None


@torch.no_grad()
def _cam(network: Explainable, image: Tensor, classes: list[int]) -> tuple[Tensor, Tensor]:
    last = cast(nn.Linear, pooled_linear(network.head))
    maps = network.features(image)
    return torch.einsum("k,khw->hw", last.weight[classes].sum(0), maps[0]), network.head(maps)[0]


def _gradients(network: Explainable, image: Tensor, classes: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the last map (C, h, w), the gradient of the score to it, and the logits."""
    with torch.no_grad():
        maps = network.features(image)
    maps = maps.detach().requires_grad_()
    with torch.enable_grad():
        logits = network.head(maps)
        (gradient,) = torch.autograd.grad(logits[0, classes].sum(), maps)
    return maps[0].detach(), gradient[0], logits[0].detach()


def _grad_cam(network: Explainable, image: Tensor, classes: list[int]) -> tuple[Tensor, Tensor]:
    maps, gradient, logits = _gradients(network, image, classes)
    return torch.relu(torch.einsum("k,khw->hw", gradient.mean((1, 2)), maps)), logits


def _grad_cam_plus(network: Explainable, image: Tensor, classes: list[int]) -> tuple[Tensor, Tensor]:
    """Weigh each map by its positive gradients, each place by alpha (eq. 19, of exp(score)); exp(score) itself only scales the map."""
    maps, gradient, logits = _gradients(network, image, classes)
    below = 2 * gradient**2 + maps.sum((1, 2), keepdim=True) * gradient**3
    alpha = torch.where(below != 0, gradient**2 / torch.where(below != 0, below, torch.ones_like(below)), torch.zeros_like(below))
    weights = (alpha * torch.relu(gradient)).sum((1, 2))
    return torch.relu(torch.einsum("k,khw->hw", weights, maps)), logits


def _guided(network: Explainable, image: Tensor, classes: list[int]) -> tuple[Tensor, Tensor]:
    given = image.clone().requires_grad_()
    with torch.enable_grad(), _positive_only(network):
        logits = network.head(network.features(given))
        (gradient,) = torch.autograd.grad(logits[0, classes].sum(), given)
    cells = -(-image.shape[-2] // GUIDED_CELL_PX), -(-image.shape[-1] // GUIDED_CELL_PX)
    return functional.adaptive_avg_pool2d(torch.relu(gradient), cells)[0, 0], logits[0].detach()


def _activations(network: Explainable) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, ACTIVATIONS)]


@contextmanager
def _positive_only(network: Explainable) -> Iterator[None]:
    """Let activations hand back positive gradients alone; that they hand back none where they are flat is their own derivative."""

    def guide(_layer: nn.Module, _given: Any, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(torch.relu)

    handles = [layer.register_forward_hook(guide) for layer in _activations(network)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


_MAPS: dict[str, Callable[[Explainable, Tensor, list[int]], tuple[Tensor, Tensor]]] = {
    "cam": _cam,
    "grad-cam": _grad_cam,
    "grad-cam++": _grad_cam_plus,
    "guided": _guided,
}

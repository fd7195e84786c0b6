"""The small networks that the publications drew themselves: B's ConvNet, C's table 1, E6's.

Each is convolutions (`small_backbone`) and dense layers (`small_head`). Where a publication leaves something open, what is ours
is said in docs/networks.md.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from torch import nn

from breastcad.core.errors import InputError

B_WIDTHS, B_DENSE = (32, 64, 128, 256), (512, 128)
C_WIDTHS, C_DENSE = (32, 64, 128, 128), 512
BRANET_WIDTHS, BRANET_KERNELS, BRANET_DENSE = (32, 64, 128), (5, 3, 3), 128


def small_backbone(name: str, planes: int) -> nn.Sequential:
    """Return the convolutions of a small network for inputs of so many planes.

    Raises
    ------
    InputError
        If there is no small network of that name.
    """
    match name:
        case "b-convnet" | "b-convnet-strided":
            return _b_convolutions(planes, strided=name.endswith("strided"))
        case "c-table-1" | "c-table-1-same":
            third = 1 if name.endswith("same") else 0
            return _convolutions(planes, C_WIDTHS, (3, 3, 3, 3), (1, 1, third, 1))
        case "branet-small":
            return _convolutions(planes, BRANET_WIDTHS, BRANET_KERNELS, (2, 1, 1))
    raise InputError(f"there is no small network '{name}'")


def small_head(name: str, inputs: int, classes: int, dropout: float) -> nn.Sequential:
    """Return the dense layers of a small network, from a flattened map of so many values to logits.

    Raises
    ------
    InputError
        If there is no small network of that name.
    """
    match name:
        case "b-convnet" | "b-convnet-strided":
            first, second = B_DENSE
            layers = [nn.Linear(inputs, first), nn.ReLU(inplace=True), nn.BatchNorm1d(first), nn.Dropout(dropout)]
            layers += [nn.Linear(first, second), nn.ReLU(inplace=True), nn.Dropout(dropout), nn.Linear(second, classes)]
            return _he(nn.Sequential(nn.Flatten(), *layers))
        case "c-table-1" | "c-table-1-same":
            layers = [nn.Dropout(dropout), nn.Linear(inputs, C_DENSE), nn.ReLU(inplace=True), nn.Linear(C_DENSE, classes)]
            return nn.Sequential(nn.Flatten(), *layers)
        case "branet-small":
            layers = [nn.Linear(inputs, BRANET_DENSE), nn.ReLU(inplace=True), nn.Dropout(dropout), nn.Linear(BRANET_DENSE, classes)]
            return nn.Sequential(nn.Flatten(), *layers)
    raise InputError(f"there is no small network '{name}'")


def _b_convolutions(planes: int, *, strided: bool) -> nn.Sequential:
    """Four times convolution, ReLU, batch normalisation, and pooling unless the convolution itself has a stride of 2."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for k, (inputs, outputs) in enumerate(pairwise((planes, *B_WIDTHS)), start=1):
        layers[f"conv{k}"] = nn.Conv2d(inputs, outputs, 3, stride=2 if strided else 1, padding=1)
        layers[f"relu{k}"] = nn.ReLU(inplace=True)
        layers[f"norm{k}"] = nn.BatchNorm2d(outputs)
        if not strided:
            layers[f"pool{k}"] = nn.MaxPool2d(2)
    return _he(nn.Sequential(layers))


def _convolutions(planes: int, widths: tuple[int, ...], kernels: tuple[int, ...], paddings: tuple[int, ...]) -> nn.Sequential:
    """Convolution, ReLU and pooling, one after the other."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    sides = list(pairwise((planes, *widths)))
    for k, ((inputs, outputs), kernel, padding) in enumerate(zip(sides, kernels, paddings, strict=True), start=1):
        layers[f"conv{k}"] = nn.Conv2d(inputs, outputs, kernel, padding=padding)
        layers[f"relu{k}"] = nn.ReLU(inplace=True)
        layers[f"pool{k}"] = nn.MaxPool2d(2)
    return nn.Sequential(layers)


def _he(network: nn.Sequential) -> nn.Sequential:
    """Start weights as He et al. (ICCV 2015, eq. 10): normal, variance 2 / inputs; biases 0. Publication B says so of its own."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network

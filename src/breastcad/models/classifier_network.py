"""A classifier of patches, lesions or whole images: a backbone, attention if asked for, a head.

Grey image in, logits out, whatever the backbone expects; which networks there are is in `classifiers`, weights in `pretrained`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import timm
import torch
from timm.layers import create_attn
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from breastcad.core.errors import InputError
from breastcad.models.classifiers import ClassifierSpec, classifier_spec
from breastcad.models.pretrained import load_backbone
from breastcad.models.small_networks import small_backbone, small_head
from breastcad.preprocess.normalise import Normalisation

HEADS = ("pool", "pool-hidden", "flatten-hidden")
PARTS = ("head", "top", "all")
FLATTEN_LAYERS = 4
_WIDEST = 1e6
_UNUSED = ("pre_logits", "head_drop")
"""Of timm's networks: layers between the last map and the classifier, which the head takes the place of."""


class ClassifierNetwork(nn.Module):
    """Grey image in, logits out; made by `build_classifier`.

    Parameters
    ----------
    name : str
        One of `classifiers.CLASSIFIERS`.
    classes : int
    shape : (int, int)
        Rows and columns of the images.
    channels, head, hidden, dropout, attention, weights, fitted_input
        As of `build_classifier`.
    """

    def __init__(
        self, name: str, classes: int, shape: tuple[int, int], *, channels: int, head: str, hidden: int, dropout: float, attention: bool,
        weights: str, fitted_input: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.spec, self.shape = classifier_spec(name), shape
        mean, std = self.spec.grey
        self.line = (1 / std, -mean / std)
        self.register_buffer("input_line", torch.tensor((*self.line, -_WIDEST, _WIDEST)) if fitted_input else None)
        scale, shift = (torch.tensor(one)[:, None, None] for one in self.spec.planes(channels))
        self.register_buffer("plane_scale", scale, persistent=False)
        self.register_buffer("plane_shift", shift, persistent=False)
        self.backbone = _backbone(name, self.spec, len(scale))
        load_backbone(self.backbone, self.spec, weights)
        self.any_size = head != "flatten-hidden" and self.spec.timm is not None
        sides = (self.spec.smallest, self.spec.smallest) if self.any_size else shape
        maps, rows, cols = _map_shape(self.backbone, len(scale), sides)
        self.attention: nn.Module = create_attn("cbam", maps) if attention else nn.Identity()
        if self.spec.timm is None:
            self.head: nn.Module = small_head(name, maps * rows * cols, classes, dropout)
        else:
            self.head = _head(head, (maps, rows, cols), classes, hidden, dropout)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (N, classes) of grey images (N, 1, rows, cols) in [0, 1].

        With a head that pools, images of another size are taken too; with one that flattens they are a ValueError, as is an image
        of more than one channel.
        """
        if not self.any_size and tuple(image.shape[-2:]) != self.shape:
            raise ValueError(f"image must be {self.shape[0]} x {self.shape[1]}, for which the network was built, got {_size(image)}")
        return cast(Tensor, self.head(self.features(image)))

    def features(self, image: Tensor) -> Tensor:
        """Return the last map (N, C, h, w), after attention; of any size that the convolutions can take."""
        if image.ndim != 4 or image.shape[1] != 1:
            raise ValueError(f"image must be (N, 1, rows, cols), grey, got shape {tuple(image.shape)}")
        planes = self._normalised(image) * cast(Tensor, self.plane_scale) + cast(Tensor, self.plane_shift)
        found = self.backbone(planes) if self.spec.timm is None else cast(Any, self.backbone).forward_features(planes)
        return cast(Tensor, self.attention(found))

    def deep_features(self, image: Tensor) -> Tensor:
        """Return the last map's mean over its places, (N, C): features for a classifier of another kind."""
        return self.features(image).mean((2, 3))

    def _normalised(self, image: Tensor) -> Tensor:
        if self.input_line is None:
            return image * self.line[0] + self.line[1]
        scale, shift, low, high = cast(Tensor, self.input_line)
        return torch.clamp(image * scale + shift, low, high)

    def normalise_input(self, rule: Normalisation) -> None:
        """Normalise what the network sees by statistics of training images, and keep that with the weights.

        By z-score the result takes the place of the grey level normalised as the weights expect; by percentile, [0, 1] is
        normalised as they expect it.

        Raises
        ------
        ValueError
            If the network was not built with ``fitted_input``.
        """
        if self.input_line is None:
            raise ValueError("normalise_input needs a network that was built with fitted_input=True")
        scale, shift, low, high = 1 / rule.divisor, -rule.offset / rule.divisor, -_WIDEST, _WIDEST
        if rule.kind == "percentile":
            own_scale, own_shift = self.line
            scale, shift, low, high = own_scale * scale, own_scale * shift + own_shift, own_shift, own_scale + own_shift
        cast(Tensor, self.input_line).copy_(torch.tensor((scale, shift, low, high)))

    def parts(self) -> dict[str, list[nn.Parameter]]:
        """Return the weights by part: ``head`` (with attention, as new as it), ``top`` (`ClassifierSpec.top`), ``all`` that is left."""
        found: dict[str, list[nn.Parameter]] = {part: [] for part in PARTS}
        for name, weight in self.named_parameters():
            inside = name.removeprefix("backbone.")
            part = "head" if inside == name else "top" if re.match(self.spec.top, inside) else "all"
            found[part].append(weight)
        return found

    def learn_part(self, part: str) -> None:
        """Let the head learn, the head and the top layers, or all; batch normalisation keeps its statistics in what does not learn.

        Raises
        ------
        ValueError
            If `part` is not head, top or all.
        """
        let_learn(self, self.parts(), part)

    def train(self, mode: bool = True) -> ClassifierNetwork:
        """As `torch.nn.Module.train`; batch normalisation whose weights do not learn stays in evaluation mode."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm) and not any(weight.requires_grad for weight in module.parameters(recurse=False)):
                module.eval()
        return self


def let_learn(network: nn.Module, parts: Mapping[str, Sequence[nn.Parameter]], part: str) -> None:
    """Let the parts of a network up to one of `PARTS` learn, and no others: ValueError if there is no such part."""
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, got '{part}'")
    learns = PARTS[: PARTS.index(part) + 1]
    for name, weights in parts.items():
        for weight in weights:
            weight.requires_grad_(name in learns)
    network.train(network.training)


def build_classifier(
    name: str, classes: int, *, rows: int, cols: int, channels: int = 1, head: str = "pool", hidden: int = 256, dropout: float = 0.2,
    attention: bool = False, weights: str = "none", fitted_input: bool = False,
) -> ClassifierNetwork:  # fmt: skip
    """Build a classifier of grey images.

    Parameters
    ----------
    name : str
        One of `classifiers.CLASSIFIERS`.
    classes : int
        At least 2.
    rows, cols : int
        Size of the images.
    channels : int
        3: the first layer sees the grey image three times, normalised by channel as the weights expect; 1: once, the weights
        folded, with the same output (`ClassifierSpec.planes`).
    head : str
        ``"pool"``: global average, dropout, linear; of a small network, its own dense layers. ``"pool-hidden"``: with one hidden
        layer and ReLU in between (publication A, methods A1, A2, A4). ``"flatten-hidden"``: the flattened map, four hidden layers,
        dropout, linear (A3).
    hidden : int
        Width of each hidden layer; publication A gives none. Small networks have widths of their own.
    dropout : float
        In [0, 1).
    attention : bool
        Attention to channels and places of the last map (CBAM); publication C's option.
    weights : str
        ``"none"``, ``"imagenet"`` or a file, as `pretrained.load_backbone` takes them.
    fitted_input : bool
        Grey levels are normalised as `ClassifierNetwork.normalise_input` is told, and that is kept with the weights.

    Returns
    -------
    ClassifierNetwork
        In training mode, all of it learning.

    Raises
    ------
    InputError
        If there is no such network, it cannot take images so small, it has dense layers of its own and another head is asked for,
        or the weights cannot be had or do not fit.
    ValueError
        If another argument is out of range.

    References
    ----------
    .. [1] S. Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018.

    Examples
    --------
    >>> network = build_classifier("c-table-1", 3, rows=50, cols=50, channels=3)
    >>> tuple(network(torch.zeros(2, 1, 50, 50)).shape)
    (2, 3)
    """
    spec = classifier_spec(name)
    if min(rows, cols) < spec.smallest:
        raise InputError(f"'{name}' takes images of {spec.smallest} x {spec.smallest} at least, got {rows} x {cols}; make them larger")
    for what, value, wrong in (("channels", channels, channels not in (1, 3)), ("classes", classes, classes < 2)):
        if wrong:
            raise ValueError(f"{what} must be {'1 or 3' if what == 'channels' else '2 at least'}, got {value}")
    if head not in HEADS or hidden < 1 or not 0 <= dropout < 1:
        raise ValueError(f"head must be one of {', '.join(HEADS)}, hidden 1 at least, dropout in [0, 1), got '{head}', {hidden}, {dropout}")
    if spec.timm is None and head != "pool":
        raise InputError(f"'{name}' has dense layers of its own; leave the setting head at pool, got '{head}'")
    return ClassifierNetwork(
        name, classes, (rows, cols), channels=channels, head=head, hidden=hidden, dropout=dropout, attention=attention, weights=weights,
        fitted_input=fitted_input,
    )  # fmt: skip


def _backbone(name: str, spec: ClassifierSpec, planes: int) -> nn.Module:
    """Return the convolutions alone: timm's without classifier, or a small network's."""
    if spec.timm is None:
        return small_backbone(name, planes)
    backbone: nn.Module = timm.create_model(spec.timm, pretrained=False, in_chans=planes, num_classes=0, global_pool="")
    # MobileNetV3 makes its 960 maps 1,280 only after pooling: that layer is a head's, as the VGGs' dense ones are.
    unused = (*_UNUSED, "conv_head", "norm_head") if spec.family == "mobilenetv3" else _UNUSED
    for part in unused:
        if hasattr(backbone, part):
            setattr(backbone, part, nn.Identity())
    return backbone


@torch.no_grad()
def _map_shape(backbone: nn.Module, planes: int, shape: tuple[int, int]) -> tuple[int, int, int]:
    """Return channels, rows and columns of the last map."""
    backbone.eval()
    image = torch.zeros(1, planes, *shape)
    found = cast(Any, backbone).forward_features(image) if hasattr(backbone, "forward_features") else backbone(image)
    backbone.train()
    return tuple(found.shape[1:])


def _head(kind: str, shape: tuple[int, int, int], classes: int, hidden: int, dropout: float) -> nn.Sequential:
    maps, rows, cols = shape
    layers: list[nn.Module] = [nn.Flatten()] if kind == "flatten-hidden" else [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    width = maps * rows * cols if kind == "flatten-hidden" else maps
    for _ in range({"pool": 0, "pool-hidden": 1, "flatten-hidden": FLATTEN_LAYERS}[kind]):
        layers += [nn.Linear(width, hidden), nn.ReLU(inplace=True)]
        width = hidden
    last = nn.Linear(width, classes)
    # A last layer that starts large says things for sure before anything was learnt: timm's of EfficientNet starts within (-1, 1).
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, nn.Dropout(dropout), last)


def _size(image: Tensor) -> str:
    return " x ".join(str(int(side)) for side in image.shape[-2:])

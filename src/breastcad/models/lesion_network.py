"""The network behind both bundled models: where is a lesion, is it malignant, is the image abnormal.

One encoder (timm, grey input), one decoder that draws two maps (lesion; malignant, given lesion) and one head for the whole
image that looks at the deepest features, overall and where the lesion map is high. Some networks then take a closer look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from breastcad.models.closer_look import cut, jittered, laid_back, peak_windows
from breastcad.models.pretrained import load_imagenet_weights
from breastcad.models.registry import NetworkSpec
from breastcad.preprocess.normalise import Normalisation

MAPS = ("lesion", "malignant")
LOGITS = ("abnormal", "malignant")
DESCRIPTORS = (
    "IRREGULAR", "LOBULATED", "OVAL", "ROUND", "ARCHITECTURAL_DISTORTION",
    "SPICULATED", "ILL_DEFINED", "CIRCUMSCRIBED", "OBSCURED", "MICROLOBULATED",
    "birads 3", "birads 4", "birads 5", "subtlety 3", "subtlety 4", "subtlety 5",
)  # fmt: skip
"""How a mass is described (CBIS-DDSM's words): its shape, its margin, and whether assessment and subtlety reach a number."""
SHAPES = 5
"""How many of them are of the shape; margins follow."""
UNET_CHANNELS = (96, 64, 32, 24)
PYRAMID_CHANNELS = 64
# Grey in [0, 1] -> the input that the ImageNet weights of the EfficientNet-Lite family expect, (x - 127) / 128.
INPUT_SCALE, INPUT_SHIFT = 255 / 128, -127 / 128
_UNFITTED = (INPUT_SCALE, INPUT_SHIFT, -1e6, 1e6)
"""Scale, shift, least and greatest of what the encoder sees, as long as a fitted input is not told otherwise."""


class PyramidDecoder(nn.Module):
    """Top-down sum of the features at strides 8, 16 and 32, drawn at stride 8.

    References
    ----------
    .. [1] T.-Y. Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017, section 3.
    """

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(count, PYRAMID_CHANNELS, 1) for count in channels[-3:])
        self.smooth = nn.Sequential(nn.Conv2d(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 3, padding=1), nn.ReLU(inplace=True))

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return (N, PYRAMID_CHANNELS, H / 8, W / 8)."""
        top: Tensor | None = None
        for lateral, level in zip(reversed(self.lateral), reversed(features[-3:]), strict=True):
            here = lateral(level)
            top = here if top is None else here + functional.interpolate(top, size=here.shape[-2:], mode="nearest")
        return cast(Tensor, self.smooth(top))


@dataclass(slots=True)
class Learned:
    """What a network says in training, before a closer look changes it.

    ``maps`` (N, 2, h, w) and ``logits`` (N, 2) are those of the first look. With a closer look, ``length`` (N, h, w) is the
    logarithm of the lesion's length over `closer_look.USUAL_PX`, ``windows`` (N, K, 3) were looked at and ``said`` (N, K, 2) is
    what was said of them: logits of `MAPS`. ``described`` (N, D) are logits of `DESCRIPTORS`, of the mean of the
    first half of the windows, which are round a lesion where the image has one.
    """

    maps: Tensor
    logits: Tensor
    length: Tensor | None = None
    windows: Tensor | None = None
    said: Tensor | None = None
    described: Tensor | None = None

    def single(self) -> Learned:
        """Return the same in single precision, in which losses are summed."""
        rest = (None if part is None else part.float() for part in (self.length, self.windows, self.said, self.described))
        return Learned(self.maps.float(), self.logits.float(), *rest)


class LesionNetwork(nn.Module):
    """Grey image in, lesion maps and image logits out.

    Parameters
    ----------
    spec : NetworkSpec
        Encoder and decoder.
    pretrained : bool
        Start the encoder from ImageNet weights, folded for grey input.
    fitted_input : bool
        Grey levels are normalised as `normalise_input` is told, and that is kept with the weights.

    Notes
    -----
    Input: (N, 1, H, W) float in [0, 1], H and W multiples of ``spec.stride``. Outputs: maps (N, 2, h, w), logits of `MAPS`, at
    half the size of what the encoder sees for ``unet`` and an eighth of it for ``pyramid``; logits (N, 2) of `LOGITS`.
    """

    def __init__(self, spec: NetworkSpec, *, pretrained: bool = False, fitted_input: bool = False) -> None:
        super().__init__()
        self.looks, self.twice = spec.looks, spec.twice
        self.register_buffer("input_line", torch.tensor(_UNFITTED) if fitted_input else None)
        self.encoder = timm.create_model(spec.encoder, pretrained=False, in_chans=1, features_only=True, out_indices=(0, 1, 2, 3, 4))
        if pretrained:
            load_imagenet_weights(self.encoder, spec)
        channels: list[int] = cast(Any, self.encoder).feature_info.channels()
        if spec.decoder == "unet":
            self.decoder: nn.Module = smp.decoders.unet.decoder.UnetDecoder([1, *channels], UNET_CHANNELS, n_blocks=len(UNET_CHANNELS))
            width = UNET_CHANNELS[-1]
        else:
            self.decoder = PyramidDecoder(channels)
            width = PYRAMID_CHANNELS
        self.draw = nn.Conv2d(width, len(MAPS) + bool(spec.looks), 1)
        # A rare lesion: start where the map says 1 %, so that the first steps do not only unlearn noise.
        nn.init.constant_(cast(Tensor, self.draw.bias), 0.0)
        nn.init.constant_(cast(Tensor, self.draw.bias)[:1], -4.6)
        self.drop = nn.Dropout(0.3)
        self.judge = _small_linear(2 * channels[-1], len(LOGITS))
        if spec.looks:
            self.look = _small_linear(channels[-1], len(MAPS))
        self.learned_windows = 4 if spec.describes else 2
        if spec.describes:
            self.describe = _small_linear(channels[-1], len(DESCRIPTORS))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return maps (N, 2, h, w) and logits (N, 2)."""
        maps, logits, _ = self.said_and_seen(image)
        return maps, logits

    def said_and_seen(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return maps (N, 2, h, w), logits (N, 2) and the mean of the first look's deepest features (N, C)."""
        if not self.twice:
            return self._answer(image)
        small = _two_thirds(image)
        both = torch.stack([small, small.flip(3)], dim=1).flatten(0, 1)
        (pairs, pair_logits, features), (mirrored, logits, _) = self._answer(both), self._answer(image.flip(3))
        pairs = functional.interpolate(pairs, size=mirrored.shape[-2:], mode="bilinear").unflatten(0, (-1, 2))
        maps = pairs[:, 0] + pairs[:, 1].flip(3) + mirrored.flip(3)
        return maps / 3, (pair_logits.unflatten(0, (-1, 2)).sum(1) + logits) / 3, features.unflatten(0, (-1, 2))[:, 0]

    def _answer(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps, logits, features = self._first_look(image)
        if not self.looks:
            return maps, logits, features
        stride = image.shape[-1] // maps.shape[-1]
        windows = peak_windows(maps, self.looks, stride)
        said = self.look_at(image, windows)
        maps = maps[:, : len(MAPS)] + laid_back(said, windows, (maps.shape[-2], maps.shape[-1]), stride)
        share = torch.softmax(said[..., 0], dim=1)
        return maps, logits + torch.stack([said[..., 0].amax(1), (share * said[..., 1]).sum(1)], dim=1), features

    def learn(self, image: Tensor, focus: Tensor) -> Learned:
        """Return what training needs.

        Parameters
        ----------
        image : (N, 1, H, W) Tensor
        focus : (N, 3) Tensor
            A window round a lesion of each image; not a number where it has none. With a closer look, it and as many of the map's
            peaks are looked at, or peaks alone: ``learned_windows`` in all.
        """
        maps, logits, _ = self._first_look(_two_thirds(image) if self.twice else image)
        if not self.looks:
            return Learned(maps, logits)
        peaks = peak_windows(maps, self.looks, image.shape[-1] // maps.shape[-1])
        drawn = torch.rand(peaks.shape[:2]).argsort(1)[:, : self.learned_windows, None].expand(-1, -1, 3).to(peaks.device)
        windows = peaks.gather(1, drawn)
        lesions = self.learned_windows // 2
        windows[:, :lesions] = torch.where(focus.isnan()[:, None], windows[:, :lesions], focus[:, None])
        windows, turns = jittered(windows)
        deepest = self._deepest(cut(image, windows, turns))
        said = self._said(deepest, windows.shape[1])
        first = deepest.unflatten(0, windows.shape[:2])[:, :lesions].mean(1) if hasattr(self, "describe") else None
        described = None if first is None else self.describe(self.drop(first))
        return Learned(maps[:, : len(MAPS)], logits, maps[:, len(MAPS)], windows, said, described)

    def look_at(self, image: Tensor, windows: Tensor) -> Tensor:
        """Return what a closer look says of given windows (N, K, 3): (N, K, 2), logits of `MAPS`."""
        return self._said(self._deepest(cut(image, windows)), windows.shape[1])

    def film_features(self, image: Tensor) -> Tensor:
        """Return the mean of the first look's deepest features (N, C), as `said_and_seen` does, and nothing else."""
        seen = _two_thirds(image) if self.twice else functional.avg_pool2d(image, 2) if self.looks else image
        return self._deepest(seen)

    def _first_look(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        seen = functional.avg_pool2d(image, 2) if self.looks else image
        scaled = self._scaled(seen)
        features: list[Tensor] = self.encoder(scaled)
        decoded = self.decoder([scaled, *features]) if not isinstance(self.decoder, PyramidDecoder) else self.decoder(features)
        maps = self.draw(decoded)
        return maps, self.judge(self.drop(self._pooled(features[-1], maps[:, :1]))), features[-1].mean((2, 3))

    def _deepest(self, windows: Tensor) -> Tensor:
        """Return the mean of the deepest features of windows (N, 1, side, side): (N, C)."""
        deepest: Tensor = self.encoder(self._scaled(windows))[-1]
        return deepest.mean((2, 3))

    def _said(self, deepest: Tensor, count: int) -> Tensor:
        """Return what is said of windows by their deepest features (N count, C): (N, count, 2)."""
        said: Tensor = self.look(self.drop(deepest))
        return said.reshape(-1, count, len(MAPS))

    @staticmethod
    def _pooled(deepest: Tensor, lesion: Tensor) -> Tensor:
        """Return the mean of the deepest features over the image and over where the lesion map is high, side by side: (N, 2 C)."""
        stride = lesion.shape[-1] // deepest.shape[-1]
        weight = functional.max_pool2d(torch.sigmoid(lesion.detach()), stride) + 1e-4
        attended = (deepest * weight).sum((2, 3)) / weight.sum((2, 3))
        return torch.cat([deepest.mean((2, 3)), attended], dim=1)

    def _scaled(self, image: Tensor) -> Tensor:
        """Return what the encoder sees of grey levels in [0, 1]."""
        if self.input_line is None:
            return image * INPUT_SCALE + INPUT_SHIFT
        scale, shift, low, high = cast(Tensor, self.input_line)
        return torch.clamp(image * scale + shift, low, high)

    def normalise_input(self, rule: Normalisation) -> None:
        """Normalise what the encoder sees by statistics of training images; of a network made with ``fitted_input`` only.

        By z-score the encoder sees that; by percentile, [0, 1] becomes what weights of ImageNet expect.
        """
        scale, shift = 1 / rule.divisor, -rule.offset / rule.divisor
        line = (scale, shift, *_UNFITTED[2:])
        if rule.kind == "percentile":
            line = (INPUT_SCALE * scale, INPUT_SCALE * shift + INPUT_SHIFT, INPUT_SHIFT, INPUT_SCALE + INPUT_SHIFT)
        cast(Tensor, self.input_line).copy_(torch.tensor(line))

    def freeze(self, stages: int) -> None:
        """Stop the stem and the first stages of the encoder from learning."""
        for module in self._frozen(stages):
            module.requires_grad_(False)

    def _frozen(self, stages: int) -> list[nn.Module]:
        encoder = cast(Any, self.encoder)
        if hasattr(encoder, "blocks"):
            return [encoder.conv_stem, encoder.bn1, *encoder.blocks[:stages]]
        return [encoder.conv1, encoder.bn1, *[getattr(encoder, f"layer{k + 1}") for k in range(stages)]]


def _two_thirds(image: Tensor) -> Tensor:
    """Return an image at two thirds of its size, each pixel the mean over its area; sides multiples of 3."""
    return functional.avg_pool2d(functional.interpolate(image, scale_factor=2.0, mode="nearest"), 3)


def _small_linear(channels: int, outputs: int) -> nn.Linear:
    """Return a linear layer that starts near 0."""
    layer = nn.Linear(channels, outputs)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return layer

"""The network behind both bundled models: where is a lesion, is it malignant, is the image abnormal.

One encoder (timm, grey input), one decoder that draws two maps (lesion; malignant, given lesion) and one head for the whole
image that looks at the deepest features, overall and where the lesion map is high.
"""

from __future__ import annotations

from typing import Any, cast

import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from breastcad.models.pretrained import load_imagenet_weights
from breastcad.models.registry import NetworkSpec

MAPS = ("lesion", "malignant")
LOGITS = ("abnormal", "malignant")
UNET_CHANNELS = (96, 64, 32, 24)
PYRAMID_CHANNELS = 64
# Grey in [0, 1] -> the input that the ImageNet weights of the EfficientNet-Lite family expect, (x - 127) / 128.
INPUT_SCALE, INPUT_SHIFT = 255 / 128, -127 / 128


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


class LesionNetwork(nn.Module):
    """Grey image in, lesion maps and image logits out.

    Parameters
    ----------
    spec : NetworkSpec
        Encoder and decoder.
    pretrained : bool
        Start the encoder from ImageNet weights, folded for grey input.

    Notes
    -----
    Input: (N, 1, H, W) float in [0, 1], H and W multiples of 32. Outputs: maps (N, 2, h, w), logits of `MAPS`, at half
    the input's size for ``unet`` and an eighth of it for ``pyramid``; logits (N, 2) of `LOGITS`.
    """

    def __init__(self, spec: NetworkSpec, *, pretrained: bool = False) -> None:
        super().__init__()
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
        self.draw = nn.Conv2d(width, len(MAPS), 1)
        # A rare lesion: start where the map says 1 %, so that the first steps do not only unlearn noise.
        nn.init.constant_(cast(Tensor, self.draw.bias), 0.0)
        nn.init.constant_(cast(Tensor, self.draw.bias)[:1], -4.6)
        self.drop = nn.Dropout(0.3)
        self.judge = nn.Linear(2 * channels[-1], len(LOGITS))
        nn.init.normal_(self.judge.weight, std=0.01)
        nn.init.zeros_(self.judge.bias)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return maps (N, 2, h, w) and logits (N, 2)."""
        scaled = image * INPUT_SCALE + INPUT_SHIFT
        features: list[Tensor] = self.encoder(scaled)
        decoded = self.decoder([scaled, *features]) if not isinstance(self.decoder, PyramidDecoder) else self.decoder(features)
        maps = self.draw(decoded)
        return maps, self.judge(self.drop(self._pooled(features[-1], maps[:, :1])))

    @staticmethod
    def _pooled(deepest: Tensor, lesion: Tensor) -> Tensor:
        """Return the mean of the deepest features over the image and over where the lesion map is high, side by side: (N, 2 C)."""
        stride = lesion.shape[-1] // deepest.shape[-1]
        weight = functional.max_pool2d(torch.sigmoid(lesion.detach()), stride) + 1e-4
        attended = (deepest * weight).sum((2, 3)) / weight.sum((2, 3))
        return torch.cat([deepest.mean((2, 3)), attended], dim=1)

    def freeze(self, stages: int) -> None:
        """Stop the stem and the first stages of the encoder from learning."""
        for module in self._frozen(stages):
            module.requires_grad_(False)

    def _frozen(self, stages: int) -> list[nn.Module]:
        encoder = cast(Any, self.encoder)
        if hasattr(encoder, "blocks"):
            return [encoder.conv_stem, encoder.bn1, *encoder.blocks[:stages]]
        return [encoder.conv1, encoder.bn1, *[getattr(encoder, f"layer{k + 1}") for k in range(stages)]]

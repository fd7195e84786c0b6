"""The loss of a lesion network: maps and image logits against what a sample shows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from breastcad.train.samples import MALIGNANT, UNKNOWN
from breastcad.train.settings import Settings


@dataclass(slots=True)
class Targets:
    """What a batch of N samples shows; a weight of 0 says that it is not known.

    ``lesions`` (N, H, W) uint8 codes; ``map_weight`` (N,); ``labels`` and ``label_weights`` (N, 2) of abnormal, malignant.
    """

    lesions: Tensor
    map_weight: Tensor
    labels: Tensor
    label_weights: Tensor


def lesion_loss(maps: Tensor, logits: Tensor, targets: Targets, settings: Settings) -> Tensor:
    """Return the weighted sum of the four parts: lesion map (cross-entropy and soft Dice), malignancy within lesions, and two labels.

    Parameters
    ----------
    maps : (N, 2, h, w) Tensor
        Logits of lesion, and of malignant given lesion.
    logits : (N, 2) Tensor
        Logits of abnormal, and of malignant given abnormal.
    targets : Targets
    settings : Settings
        Gives the weights.

    Returns
    -------
    () Tensor

    References
    ----------
    .. [1] F. Milletari et al., "V-Net", 3DV 2016, equation for the Dice loss (here without squares).
    """
    lesion = _share(targets.lesions > 0, maps)
    malignant = _share(targets.lesions == MALIGNANT, maps)
    certain = _share((targets.lesions > 0) & (targets.lesions != UNKNOWN), maps)
    weight = targets.map_weight[:, None, None].expand_as(lesion) * (1 + (settings.lesion_weight - 1) * lesion)
    entropy = functional.binary_cross_entropy_with_logits(maps[:, 0], lesion, weight, reduction="sum") / weight.sum().clamp(min=1)
    drawn = _dice_loss(torch.sigmoid(maps[:, 0]), lesion, targets.map_weight)
    kind = functional.binary_cross_entropy_with_logits(maps[:, 1], malignant / certain.clamp(min=1e-6), certain, reduction="sum")
    labels = functional.binary_cross_entropy_with_logits(logits, targets.labels, targets.label_weights, reduction="none").sum(0)
    labels = labels / targets.label_weights.sum(0).clamp(min=1)
    return (
        settings.map_loss * (entropy + drawn)
        + settings.malignant_map_loss * kind / certain.sum().clamp(min=1)
        + settings.abnormal_loss * labels[0]
        + settings.malignant_loss * labels[1]
    )


def _share(mask: Tensor, maps: Tensor) -> Tensor:
    """Return the share of each map pixel that a mask covers: (N, h, w)."""
    full = mask.float()
    if full.shape[-2:] == maps.shape[-2:]:
        return full
    return functional.adaptive_avg_pool2d(full[:, None], (maps.shape[-2], maps.shape[-1]))[:, 0]


def _dice_loss(probability: Tensor, lesion: Tensor, weight: Tensor) -> Tensor:
    """Return 1 - soft Dice, averaged over the images that have a lesion."""
    shared, total = (probability * lesion).sum((1, 2)), (probability + lesion).sum((1, 2))
    counted = weight * (lesion.sum((1, 2)) > 0)
    return ((1 - (2 * shared + 1) / (total + 1)) * counted).sum() / counted.sum().clamp(min=1)

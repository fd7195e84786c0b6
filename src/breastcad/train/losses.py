"""The loss of a lesion network: maps and image logits against what a sample shows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from breastcad.models.closer_look import LONGEST_PX, SHORTEST_PX, USUAL_PX, nearness
from breastcad.models.lesion_network import Learned
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.samples import MALIGNANT, UNKNOWN

# A window that has no lesion at its centre but this share of one about it shows neither.
BESIDE_SHARE = 0.02
# As near to a lesion's centre (see `nearness`), a map pixel is asked for its length.
WITHIN = 0.6


@dataclass(slots=True)
class Targets:
    """What a batch of N samples shows; a weight of 0 says that it is not known.

    ``lesions`` (N, H, W) uint8 codes; ``map_weight`` (N,); ``labels`` and ``label_weights`` (N, 2) of abnormal, malignant;
    ``focus`` (N, 3), a window (see `models.closer_look`) round one lesion, not a number where none is visible; ``descriptors`` (N, D),
    1 or 0 for each of `lesion_network.DESCRIPTORS` of the lesion in focus, not a number where that is not known.
    """

    lesions: Tensor
    map_weight: Tensor
    labels: Tensor
    label_weights: Tensor
    focus: Tensor
    descriptors: Tensor

    def to(self, device: torch.device) -> Targets:
        """Return the same on a device."""
        return Targets(*(getattr(self, name).to(device) for name in self.__slots__))


def lesion_loss(learned: Learned, targets: Targets, settings: LesionSettings) -> Tensor:
    """Return the weighted sum of the parts: lesion map (cross-entropy and soft Dice), malignancy within lesions, two labels, closer look.

    Parameters
    ----------
    learned : Learned
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
    maps = learned.maps
    lesion = _share(targets.lesions > 0, maps)
    malignant = _share(targets.lesions == MALIGNANT, maps)
    certain = _share((targets.lesions > 0) & (targets.lesions != UNKNOWN), maps)
    weight = targets.map_weight[:, None, None].expand_as(lesion) * (1 + (settings.lesion_weight - 1) * lesion)
    entropy = functional.binary_cross_entropy_with_logits(maps[:, 0], lesion, weight, reduction="sum") / weight.sum().clamp(min=1)
    drawn = _dice_loss(torch.sigmoid(maps[:, 0]), lesion, targets.map_weight)
    kind = functional.binary_cross_entropy_with_logits(maps[:, 1], malignant / certain.clamp(min=1e-6), certain, reduction="sum")
    weights = targets.label_weights * (1 + (settings.normal_weight - 1) * (targets.labels[:, :1] == 0))
    labels = functional.binary_cross_entropy_with_logits(learned.logits, targets.labels, weights, reduction="none").sum(0)
    labels = labels / weights.sum(0).clamp(min=1)
    return (
        settings.map_loss * (entropy + drawn)
        + settings.malignant_map_loss * kind / certain.sum().clamp(min=1)
        + settings.abnormal_loss * labels[0]
        + settings.malignant_loss * labels[1]
        + settings.look_loss * _look_loss(learned, lesion, targets)
        + settings.describe_loss * _describe_loss(learned, targets)
    )


def _describe_loss(learned: Learned, targets: Targets) -> Tensor:
    """Return the mean cross-entropy of what is known of the lesions in focus."""
    if learned.described is None:
        return torch.zeros((), device=targets.focus.device)
    known = ~(targets.descriptors.isnan() | targets.focus[:, :1].isnan())
    truths = targets.descriptors.nan_to_num(0.0)
    unlikely = functional.binary_cross_entropy_with_logits(learned.described, truths, known.float(), reduction="sum")
    return unlikely / known.sum().clamp(min=1)


def _look_loss(learned: Learned, lesion: Tensor, targets: Targets) -> Tensor:
    """Return what a closer look costs: is there a lesion at each window's centre, is it malignant, and how long is the one in focus.

    A window beside a lesion counts for neither answer.
    """
    if learned.windows is None or learned.said is None or learned.length is None:
        return torch.zeros((), device=lesion.device)
    rows, cols = targets.lesions.shape[-2:]
    stride = cols // lesion.shape[-1]
    row = learned.windows[..., 0].long().clamp(0, rows - 1)
    col = learned.windows[..., 1].long().clamp(0, cols - 1)
    code = targets.lesions.flatten(1).long().gather(1, row * cols + col)
    near = nearness(learned.windows, (lesion.shape[-2], lesion.shape[-1]), stride)
    beside = (near * lesion[:, None]).sum((2, 3)) / near.sum((2, 3)).clamp(min=1e-6)
    known = torch.where(code > 0, 1.0, targets.map_weight[:, None] * (beside < BESIDE_SHARE))
    certain = ((code > 0) & (code != UNKNOWN)).float()
    truths, weights = torch.stack([code > 0, code == MALIGNANT], -1).float(), torch.stack([known, certain], -1)
    looked = functional.binary_cross_entropy_with_logits(learned.said, truths, weights, reduction="none").sum((0, 1))
    focus = targets.focus[:, None].nan_to_num(0.0)
    focus[..., 2].clamp_(SHORTEST_PX, LONGEST_PX)
    within = (nearness(focus, (lesion.shape[-2], lesion.shape[-1]), stride)[:, 0] > WITHIN) * ~targets.focus[:, :1, None].isnan()
    off = functional.smooth_l1_loss(learned.length, (focus[..., 2:] / USUAL_PX).log().expand_as(learned.length), reduction="none", beta=0.2)
    return (looked / weights.sum((0, 1)).clamp(min=1)).sum() + (off * within).sum() / within.sum().clamp(min=1)


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

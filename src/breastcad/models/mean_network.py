"""Networks that were trained alike, but for their seed, as one: the mean of what they say."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from breastcad.models.lesion_network import LesionNetwork


class MeanNetwork(nn.Module):
    """The members' mean logits: what a fold's networks answer together.

    Parameters
    ----------
    members : list of LesionNetwork
        One or more, of one `models.registry.NetworkSpec`.
    """

    def __init__(self, members: list[LesionNetwork]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.looks = members[0].looks

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the members' mean maps (N, 2, h, w) and logits (N, 2), of an image (N, 1, H, W)."""
        maps, logits, _ = self.said_and_seen(image)
        return maps, logits

    def said_and_seen(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the same, and the members' features side by side (N, M C)."""
        maps, logits, features = zip(*(cast(LesionNetwork, one).said_and_seen(image) for one in self.members), strict=True)
        return torch.stack(maps).mean(0), torch.stack(logits).mean(0), torch.cat(features, 1)

    def look_at(self, image: Tensor, windows: Tensor) -> Tensor:
        """Return the mean of what the members' closer looks say of given windows (N, K, 3): (N, K, 2)."""
        return torch.stack([cast(LesionNetwork, member).look_at(image, windows) for member in self.members]).mean(0)

"""A network's mean answer to an image and its mirror images (publication D, after Shen: four pictures of a film)."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

FLIPS: tuple[tuple[int, ...], ...] = ((), (3,), (2,), (2, 3))
"""As it is, left and right changed, upside down, both."""
PICTURES = (2, 4)


class Flipped(nn.Module):
    """Any network of ours, asked about an image and its mirror images.

    Parameters
    ----------
    network : nn.Module
        Of images (N, 1, H, W) to logits (N, K), or to maps (N, C, h, w) and logits, as a `LesionNetwork`.
    pictures : int
        Of `PICTURES`: 2 with the image mirrored left to right; 4 with these two upside down.

    Notes
    -----
    Logits and maps are means, the maps laid back as the image lies.

    References
    ----------
    .. [1] L. Shen et al., Scientific Reports 9 (2019) 12495, "augmented predictions".
    """

    def __init__(self, network: nn.Module, pictures: int) -> None:
        super().__init__()
        if pictures not in PICTURES:
            raise ValueError(f"pictures must be one of {PICTURES}, got {pictures}")
        self.network, self.flips = network, FLIPS[:pictures]
        self.looks = getattr(network, "looks", 0)

    def forward(self, image: Tensor) -> Any:
        """Return what the network does: the means."""
        said = [(self.network(image.flip(axes)), axes) for axes in self.flips]
        if isinstance(said[0][0], Tensor):
            return torch.stack([one for one, _ in said]).mean(0)
        maps = [one[0].flip(axes) for one, axes in said]
        return torch.stack(maps).mean(0), torch.stack([one[1] for one, _ in said]).mean(0)

    def look_at(self, image: Tensor, windows: Tensor) -> Tensor:
        """Return the mean of what closer looks at given windows (N, K, 3) and their mirror images say: (N, K, 2)."""
        return torch.stack([self._look_at(image, windows, axes) for axes in self.flips]).mean(0)

    def _look_at(self, image: Tensor, windows: Tensor, axes: tuple[int, ...]) -> Tensor:
        there = windows.clone()
        for axis in axes:
            there[..., axis - 2] = image.shape[axis] - there[..., axis - 2]
        return cast(Tensor, cast(Any, self.network).look_at(image.flip(axes), there))

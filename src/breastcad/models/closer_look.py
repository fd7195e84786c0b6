"""A closer look: windows cut from the image at its own finer resolution, where a first look at it shrunk drew a lesion.

A window is (row, col, length): the centre and the longer side of the lesion in it, in pixels of the network's input. What is
cut is `CONTEXT` times as long and always becomes `WINDOW_PX` x `WINDOW_PX`.

References
----------
.. [1] Y. Shen et al., "An interpretable classifier for high-resolution breast cancer screening images utilizing weakly
   supervised localization", Medical Image Analysis 68 (2021) 101908, section 2 (a global and a local module; here both share
   one encoder, and boxes are known in training).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

WINDOW_PX = 112
CONTEXT = 1.8
SHORTEST_PX, LONGEST_PX = 36.0, 180.0
# Lengths are drawn as the logarithm of their ratio to this.
USUAL_PX = 64.0
NEIGHBOURHOOD = 5


def peak_windows(maps: Tensor, count: int, stride: int) -> Tensor:
    """Return windows at the highest peaks of a lesion map.

    Parameters
    ----------
    maps : (N, 3, h, w) Tensor
        Logits of lesion, of malignant, and the logarithm of the lesion's length over `USUAL_PX`.
    count : int
        Of windows an image; where a map has fewer peaks, the others lie anywhere.
    stride : int
        Input pixels a map pixel.

    Returns
    -------
    (N, count, 3) Tensor
        Best first; no gradient.
    """
    lesion, length = maps[:, :1].detach(), maps[:, 2].detach()
    highest = functional.max_pool2d(lesion, NEIGHBOURHOOD, 1, NEIGHBOURHOOD // 2)
    peaks = torch.where(lesion >= highest, lesion, lesion - 100).flatten(1)
    place = peaks.topk(count, dim=1).indices
    row, col = place // maps.shape[-1], place % maps.shape[-1]
    longest = USUAL_PX * length.flatten(1).gather(1, place).exp().clamp(SHORTEST_PX / USUAL_PX, LONGEST_PX / USUAL_PX)
    return torch.stack([(row + 0.5) * stride, (col + 0.5) * stride, longest], dim=-1)


def cut(image: Tensor, windows: Tensor, turns: Tensor | None = None) -> Tensor:
    """Cut windows out of images; what lies outside an image is black.

    Parameters
    ----------
    image : (N, 1, H, W) Tensor
    windows : (N, K, 3) Tensor
    turns : (N, K, 2, 2) Tensor, optional
        Turns and mirrors each window about its centre.

    Returns
    -------
    (N K, 1, WINDOW_PX, WINDOW_PX) Tensor
        All windows of the first image, then of the second.
    """
    steps = (torch.arange(WINDOW_PX, device=image.device, dtype=image.dtype) + 0.5) / WINDOW_PX - 0.5
    down, across = steps[:, None].expand(WINDOW_PX, WINDOW_PX), steps[None, :].expand(WINDOW_PX, WINDOW_PX)
    side = (CONTEXT * windows[..., 2])[..., None, None]
    if turns is not None:
        part = turns[..., None, None]
        turned = [part[..., k, 0, :, :] * down + part[..., k, 1, :, :] * across for k in (0, 1)]
        down, across = turned[0], turned[1]
    rows = windows[..., 0, None, None] + side * down
    cols = windows[..., 1, None, None] + side * across
    # grid_sample counts from -1 to 1, edge to edge.
    grid = torch.stack([2 * cols / image.shape[-1] - 1, 2 * rows / image.shape[-2] - 1], dim=-1)
    count = windows.shape[1]
    sampled = functional.grid_sample(image, grid.reshape(-1, count * WINDOW_PX, WINDOW_PX, 2), align_corners=False)
    return sampled.reshape(-1, 1, WINDOW_PX, WINDOW_PX)


def laid_back(said: Tensor, windows: Tensor, shape: tuple[int, int], stride: int) -> Tensor:
    """Lay what was said of windows over the map: full at a window's centre, falling off as a Gaussian of half the lesion's length.

    Parameters
    ----------
    said : (N, K, C) Tensor
    windows : (N, K, 3) Tensor
    shape : (int, int)
        Rows and columns of the map.
    stride : int
        Input pixels a map pixel.

    Returns
    -------
    (N, C, h, w) Tensor
        Where windows overlap, their weighted mean.
    """
    weight = nearness(windows, shape, stride)
    total = weight.sum(1, keepdim=True).clamp(min=1)
    return (weight[:, :, None] * said[..., None, None]).sum(1) / total


def nearness(windows: Tensor, shape: tuple[int, int], stride: int) -> Tensor:
    """Return how near each map pixel is to each window's centre: (N, K, h, w), a Gaussian of half the lesion's length, 1 at its centre."""
    rows = (torch.arange(shape[0], device=windows.device, dtype=windows.dtype) + 0.5)[:, None] * stride
    cols = (torch.arange(shape[1], device=windows.device, dtype=windows.dtype) + 0.5)[None, :] * stride
    away = (rows - windows[..., 0, None, None]) ** 2 + (cols - windows[..., 1, None, None]) ** 2
    return torch.exp(-2 * away / windows[..., 2, None, None] ** 2)


def jittered(windows: Tensor) -> tuple[Tensor, Tensor]:
    """Move, scale, turn and mirror windows at random, as training sees them: a lesion looks the same from all sides.

    Parameters
    ----------
    windows : (N, K, 3) Tensor

    Returns
    -------
    windows : (N, K, 3) Tensor
    turns : (N, K, 2, 2) Tensor
        As `cut` takes them.
    """

    def uniform(width: float) -> Tensor:
        return (2 * torch.rand(windows.shape[:2]) - 1).to(windows) * width

    length = windows[..., 2]
    rows, cols = (windows[..., k] + uniform(0.2) * length for k in (0, 1))
    moved = torch.stack([rows, cols, length * uniform(0.25).exp()], -1)
    angle = uniform(0.35) + (torch.rand(windows.shape[:2]) < 0.3).to(windows) * uniform(math.pi)
    down, across = (torch.where(uniform(1.0) < 0, -1.0, 1.0) for _ in range(2))
    turns = torch.stack([angle.cos() * down, -angle.sin() * across, angle.sin() * down, angle.cos() * across], -1)
    return moved, turns.reshape(*windows.shape[:2], 2, 2)

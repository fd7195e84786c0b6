"""Applying drawn operations to a batch of tensors, on whatever device they lie: what `replaying` does, within the tolerance below.

Matrices, kernels and noise come from `geometry` and `tones`, so that the same record means the same picture. Only here is torch used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from breastcad.augment.geometry import (
    BORDERS,
    Frame,
    at_centres,
    displacements,
    exact_picks,
    frame_of,
    inside_indices,
)
from breastcad.augment.mixing import Mixing
from breastcad.augment.operations import FRAME, TONE, Operation
from breastcad.augment.tones import gaussian_kernel, kernel, normal_noise, uniform_noise

TOLERANCE = 1e-3
"""By how much of the range of grey levels a pixel may differ from `replaying.replay`'s. Where what is barely not black decides whether a
tone is kept, and where a code lies half-way between two pixels, one pixel in a thousand may be another."""


def replay_tensors(
    images: Tensor, drawn: Sequence[Sequence[Operation]], codes: Tensor | None = None, *, border: str = "black", keep_black: bool = True
) -> tuple[Tensor, Tensor | None]:
    """Apply a sequence of operations to each image of a batch.

    Parameters
    ----------
    images : (N, 1, H, W) float32 Tensor
        In [0, 1], at least 2 x 2 pixels each.
    drawn : sequence of N sequences of Operation
        All must end with one size.
    codes : (N, 1, H, W) uint8 Tensor, optional
        Maps that move along, pixel by nearest pixel.
    border, keep_black
        As in `replaying.replay`.

    Returns
    -------
    images : (N, 1, rows, cols) float32 Tensor
        On the same device. Flips, quarter turns, whole shifts and cuts are bit for bit those of `replay`, all else within `TOLERANCE`.
    codes : (N, 1, rows, cols) uint8 Tensor or None

    Raises
    ------
    ValueError
        If shapes do not fit, or the samples end with different sizes.
    """
    if images.ndim != 4 or images.shape[1] != 1 or min(images.shape[2:]) < 2 or images.dtype != torch.float32:
        raise ValueError(f"images must be (N, 1, H, W) float32 of at least 2 x 2 pixels, got {tuple(images.shape)} {images.dtype}")
    if len(drawn) != len(images) or (codes is not None and codes.shape != images.shape):
        raise ValueError(f"there must be operations and codes for each image, got {len(drawn)} for {len(images)}")
    if border not in BORDERS:
        raise ValueError(f"border must be one of {', '.join(BORDERS)}, got {border!r}")
    pairs = [
        _replayed(images[n : n + 1], None if codes is None else codes[n : n + 1], operations, border, keep_black=keep_black)
        for n, operations in enumerate(drawn)
    ]
    sizes = {tuple(image.shape[2:]) for image, _ in pairs}
    if len(sizes) > 1:
        raise ValueError(f"the samples of a batch must end with one size, got {sorted(sizes)}; draw rotations with the frame kept")
    maps = [one for _, one in pairs if one is not None]
    return torch.cat([image for image, _ in pairs]), torch.cat(maps) if maps else None


def mix_tensors(batch: Tensor, drawn: Sequence[Mixing]) -> Tensor:
    """Mix a batch of images or of labels as `mixing.mixed` does."""
    share = torch.tensor([one.share for one in drawn], dtype=torch.float32, device=batch.device).reshape(-1, *[1] * (batch.ndim - 1))
    partners = torch.tensor([one.partner for one in drawn], device=batch.device)
    return share * batch + (1 - share) * batch[partners]


def _replayed(
    image: Tensor, codes: Tensor | None, operations: Sequence[Operation], border: str, *, keep_black: bool
) -> tuple[Tensor, Tensor | None]:
    for moves, group in groupby(operations, key=lambda one: one.moves):
        steps = list(group)
        if moves == TONE:
            image = _toned(image, steps, keep_black=keep_black)
            continue
        for move in [_mover(image, frame_of(steps, _size(image)), border)] if moves == FRAME else [_bender(image, step) for step in steps]:
            image = move(image, "bilinear", border)
            codes = None if codes is None else move(codes.float(), "nearest", border).to(codes.dtype)
    return image, codes


def _size(image: Tensor) -> tuple[int, int]:
    return int(image.shape[2]), int(image.shape[3])


# ---- where pixels lie ----

Move = Callable[[Tensor, str, str], Tensor]


def _mover(image: Tensor, frame: Frame, border: str) -> Move:
    """Return what brings a (1, 1, H, W) tensor into a frame."""
    picks = exact_picks(frame, _size(image), border)
    if picks is None:
        at_col, at_row = _looked_at(frame, image.device)
        return _sampler(at_col, at_row)

    def pick(tensor: Tensor, way: str, border: str) -> Tensor:
        taken = _picked(_picked(tensor, picks.rows, 2), picks.cols, 3)
        return (taken.transpose(2, 3) if picks.swaps else taken).contiguous()

    return pick


def _picked(tensor: Tensor, indices: NDArray[np.intp], side: int) -> Tensor:
    """Take rows or columns; -1 is black."""
    places = torch.as_tensor(indices, device=tensor.device)
    shape = [1] * 4
    shape[side] = -1
    return tensor.index_select(side, places.clamp(min=0)) * (places >= 0).reshape(shape)


def _looked_at(frame: Frame, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the column and row of the input that each pixel of a frame looks at."""
    rows, cols = frame.shape
    (a, b, c), (d, e, f), (g, h, i) = at_centres(frame.matrix).tolist()
    row = torch.arange(rows, dtype=torch.float32, device=device)[:, None]
    col = torch.arange(cols, dtype=torch.float32, device=device)
    weight = g * col + h * row + i
    return (a * col + b * row + c) / weight, (d * col + e * row + f) / weight


def _bender(image: Tensor, step: Operation) -> Move:
    rows, cols = _size(image)
    across, down = (torch.as_tensor(field, device=image.device) for field in displacements((rows, cols), **step.parameters))
    if not (across.any() or down.any()):
        return lambda tensor, way, border: tensor
    return _sampler(
        across + torch.arange(cols, dtype=torch.float32, device=image.device),
        down + torch.arange(rows, dtype=torch.float32, device=image.device)[:, None],
    )


def _sampler(at_col: Tensor, at_row: Tensor) -> Move:
    def sample(tensor: Tensor, way: str, border: str) -> Tensor:
        rows, cols = _size(tensor)
        # -1 and 1 are the centres of the outermost pixels, at which the mirror stands.
        grid = torch.stack([2 * at_col / (cols - 1) - 1, 2 * at_row / (rows - 1) - 1], dim=-1)[None]
        outside = "reflection" if border == "mirror" else "zeros"
        return functional.grid_sample(tensor, grid, mode=way, padding_mode=outside, align_corners=True)

    return sample


# ---- grey levels ----


def _toned(image: Tensor, steps: Sequence[Operation], *, keep_black: bool) -> Tensor:
    levels = image
    for one in steps:
        levels = _TONES[one.name](levels, **one.parameters).clamp(0, 1)
    return torch.where(image > 0, levels, torch.zeros_like(levels)) if keep_black else levels


def _convolved(image: Tensor, weights: NDArray[np.float32]) -> Tensor:
    """Correlate with a kernel, the image mirrored at its outermost pixels."""
    padded = image
    for side, length in ((2, weights.shape[0]), (3, weights.shape[1])):
        reach, size = length // 2, image.shape[side]
        padded = _picked(padded, inside_indices(np.arange(-reach, size + reach), size, "mirror"), side)
    return functional.conv2d(padded, torch.as_tensor(weights, device=image.device)[None, None])


def _filtered(name: str) -> Callable[..., Tensor]:
    return lambda image, **parameters: _convolved(image, kernel(name, parameters))


def _blur(image: Tensor, *, sigma_px: float) -> Tensor:
    if sigma_px == 0:
        return image
    weights = gaussian_kernel(sigma_px)
    return _convolved(_convolved(image, weights[None]), weights[:, None])


def _noise(image: Tensor, seed: int, made: Callable[..., NDArray[np.float32]] = normal_noise) -> Tensor:
    return torch.as_tensor(made(_size(image), seed), device=image.device)


def _salt_and_pepper(image: Tensor, *, share: float, seed: int) -> Tensor:
    drawn = _noise(image, seed, uniform_noise)
    return torch.where(drawn < share / 2, torch.zeros_like(image), torch.where(drawn >= 1 - share / 2, torch.ones_like(image), image))


def _poisson_noise(image: Tensor, *, peak: float, seed: int) -> Tensor:
    counts, drawn = image * peak, _noise(image, seed)
    noisy = (counts + counts.sqrt() * drawn + (drawn.square() - 1) / 6) / peak
    return torch.where(image > 0, noisy, torch.zeros_like(image))


def _erasing(image: Tensor, *, row0: int, col0: int, row1: int, col1: int, seed: int) -> Tensor:
    erased = image.clone()
    part = erased[:, :, row0:row1, col0:col1]
    part[...] = torch.as_tensor(uniform_noise(_size(part), seed), device=image.device)
    return erased


_TONES: dict[str, Callable[..., Any]] = {
    "sharpen": _filtered("sharpen"),
    "emboss": _filtered("emboss"),
    "edges": _filtered("edges"),
    "blur": _blur,
    "gamma": lambda image, gamma: image.pow(gamma),
    "contrast": lambda image, factor, brightness: image * factor + brightness,
    "gaussian-noise": lambda image, sigma, seed: image + sigma * _noise(image, seed),
    "speckle-noise": lambda image, sigma, seed: image + image * sigma * _noise(image, seed),
    "salt-and-pepper": _salt_and_pepper,
    "poisson-noise": _poisson_noise,
    "erasing": _erasing,
}

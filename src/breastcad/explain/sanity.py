"""Can a map be believed? It must change with the network's weights, cover what the answer hangs on, and lie on lesions.

Each measure is taken of any map in the same way, so that the trivial rivals of `rivals` stand beside a network's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from skimage.metrics import structural_similarity
from torch import nn

from breastcad.core.geometry import Box, ellipse_mask
from breastcad.core.placement import Placement
from breastcad.core.records import FindingRow
from breastcad.core.seeding import generator
from breastcad.evaluate.marks import MapMark, has_place, hit_lesions
from breastcad.explain.films import Film

STEPS = 10
BLUR = 5 / 224
"""Spread of the blur that insertion begins with, as a share of the image's side: Petsiuk's 5 pixels of 224."""

Map = NDArray[np.float32]


# ---- 1. weights drawn anew ----


def cascade(network: nn.Module, seed: int, heads: tuple[str, ...] = ("head",)) -> list[tuple[str, nn.Module]]:
    """Return copies of a network whose weights are drawn anew, from the head down to the first layer: each of more layers.

    A layer's new weights are normal, with its own spread about 0; biases and what normalisation has learnt stay, so that no layer
    blows up and what is left of a map is not left by the weights.

    Parameters
    ----------
    network : nn.Module
        Its modules but the heads in the order of their use.
    seed : int
    heads : tuple of str
        Names of its modules that are drawn anew first.

    Returns
    -------
    list of (str, nn.Module)
        What is new ("head", "last quarter", "last half", "last three quarters", "all"), and the network, in evaluation mode. Parts
        that hold no further layer (of networks with few) are left out.

    References
    ----------
    .. [1] J. Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, section 3.1.
    """
    layers = [name for name, weight in network.named_parameters() if weight.ndim > 1]
    head = [name for name in layers if name.split(".")[0] in heads]
    rest = [name for name in layers if name not in head]
    ends = [("head", 0.0), ("last quarter", 0.25), ("last half", 0.5), ("last three quarters", 0.75), ("all", 1.0)]
    made: list[tuple[str, nn.Module]] = []
    before = -1
    for word, share in ends:
        count = round(share * len(rest))
        if count > before:
            word = "all" if count == len(rest) > 0 else word
            made.append((word, _drawn_anew(network, {*head, *rest[len(rest) - count :]}, seed)))
        before = count
    return made


@torch.no_grad()
def _drawn_anew(network: nn.Module, names: set[str], seed: int) -> nn.Module:
    other = copy.deepcopy(network).eval()
    for name, weight in other.named_parameters():
        if name in names:
            drawn = generator(seed, "weights", name).standard_normal(tuple(weight.shape), dtype=np.float32)
            weight.copy_(torch.from_numpy(drawn).to(weight.device) * weight.std())
    return other


def similarity(first: Map, second: Map) -> tuple[float, float]:
    """Return how alike two maps are: structural similarity of the maps brought to [0, 1], and rank correlation (Spearman).

    Parameters
    ----------
    first, second : (h, w) ndarray of float32
        Of the same shape, at least 3 x 3.

    Returns
    -------
    (float, float)
        Each 1 for equal maps. A map that is the same everywhere correlates with none: 0.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> ramp = np.arange(12, dtype=np.float32).reshape(3, 4)
    >>> similarity(ramp, 2 * ramp + 1)
    (1.0, 1.0)
    """
    if first.shape != second.shape:
        raise ValueError(f"maps must have the same shape, got {first.shape} and {second.shape}")
    side = min(7, min(first.shape) - (min(first.shape) + 1) % 2)
    alike = structural_similarity(_unit(first), _unit(second), data_range=1.0, win_size=side)
    ranks = [rankdata(one).astype(np.float64) for one in (first, second)]
    spread = [float(one.std()) for one in ranks]
    product = float(((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())).mean())
    return round(float(alike), 9), round(product / (spread[0] * spread[1]), 9) if min(spread) > 0 else 0.0


def _unit(values: Map) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    return (values.astype(np.float64) - low) / (high - low) if high > low else np.zeros(values.shape)


# ---- 2. deletion and insertion ----


@dataclass(frozen=True, slots=True)
class Removal:
    """The class's probability as the places that a map likes best are taken away, and as they are put in: (STEPS + 1,) each."""

    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]

    @property
    def areas(self) -> tuple[float, float]:
        """Return the areas under both curves: of a map that knows what the answer hangs on the first is small, the second large."""
        return float(np.trapezoid(self.deletion, dx=1 / STEPS)), float(np.trapezoid(self.insertion, dx=1 / STEPS))


def removal(probabilities: Callable[[Map], NDArray[np.float64]], film: Film, values: Map, numbers: np.random.Generator) -> Removal:
    """Delete the pixels of the breast in the order of a map, a tenth at a time, and insert them in a blurred image.

    Deleted pixels are black. Pixels that the map likes equally come in a random order.

    Parameters
    ----------
    probabilities : callable
        Images (N, rows, cols) to the N probabilities of the class.
    film : Film
    values : (h, w) ndarray of float32
        The map, brought to the film's size.
    numbers : numpy.random.Generator

    References
    ----------
    .. [1] V. Petsiuk, A. Das, K. Saenko, "RISE: randomized input sampling for explanation of black-box models", BMVC 2018, section 4.2.
    """
    inside = np.flatnonzero(film.inside)
    liked = _laid_over(values, film.array.shape).ravel()[inside]
    order = inside[np.lexsort((numbers.random(inside.size), -liked))]
    blurred = cv2.GaussianBlur(film.array, (0, 0), BLUR * float(np.sqrt(film.array.size)))
    without = np.repeat(film.array.reshape(1, -1), STEPS + 1, axis=0)
    put_in = np.repeat(np.where(film.inside, blurred, film.array).reshape(1, -1), STEPS + 1, axis=0)
    for step in range(STEPS + 1):
        first = order[: round(step * order.size / STEPS)]
        without[step, first] = 0
        put_in[step, first] = film.array.ravel()[first]
    shape = (STEPS + 1, *film.array.shape)
    return Removal(probabilities(without.reshape(shape)), probabilities(put_in.reshape(shape)))


def _laid_over(values: Map, shape: tuple[int, ...]) -> Map:
    if values.shape == shape:
        return values
    return np.asarray(cv2.resize(values, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


# ---- 3 and 4. on lesions ----


def points_at(values: Map, place: Placement, lesions: Sequence[FindingRow]) -> bool:
    """Say if a map's highest place (of several the first) lies in a lesion, as `evaluate.marks.hit_lesions` has it: the pointing game.

    References
    ----------
    .. [1] J. Zhang et al., "Top-down neural attention by excitation backprop", ECCV 2016, section 4.1; without its tolerance of 15 pixels.
    """
    row, col = divmod(int(values.argmax()), values.shape[1])
    down, across = place.point_to_source((row + 0.5, col + 0.5))
    mark = MapMark(down, across, 0.0, (down, across, down, across), (row, col))
    return hit_lesions([mark], lesions)[0] is not None


def energy_inside(values: Map, film: Film, lesions: Sequence[FindingRow]) -> float:
    """Return the share of a map's sum, where it is above 0, that lies in lesions (their ellipses, or their boxes); 0 of a map without any.

    References
    ----------
    .. [1] H. Wang et al., "Score-CAM: score-weighted visual explanations for convolutional neural networks", CVPR workshops 2020,
       section 4.3.

    Examples
    --------
    >>> film = Film(np.ones((4, 4), np.float32), Placement(row_step=10.0, col_step=10.0), np.ones((4, 4), bool))
    >>> lesion = FindingRow("made-up", "f1", "i1", geometry="box", row0=0, col0=0, row1=20, col1=20)
    >>> energy_inside(np.ones((4, 4), np.float32), film, [lesion])
    0.25
    """
    laid = np.maximum(_laid_over(values, film.array.shape), 0).astype(np.float64)
    mask = np.zeros(film.array.shape, bool)
    for lesion in lesions:
        if has_place(lesion):
            mask |= _lesion_mask(lesion, film)
    return float(laid[mask].sum() / laid.sum()) if laid.any() else 0.0


def _lesion_mask(lesion: FindingRow, film: Film) -> NDArray[np.bool_]:
    rows, cols = film.array.shape
    edges: Any = (lesion.row0, lesion.col0, lesion.row1, lesion.col1)
    box: Box = film.place.from_source(edges)
    if lesion.geometry in ("circle", "ellipse"):
        return ellipse_mask((rows, cols), box)
    down, across = np.arange(rows) + 0.5, np.arange(cols) + 0.5
    return ((down >= box[0]) & (down < box[2]))[:, None] & ((across >= box[1]) & (across < box[3]))

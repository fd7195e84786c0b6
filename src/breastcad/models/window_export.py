"""From trained classifiers to one model file that runs over windows and over whole films: logits, class maps and window logits.

A film's last map holds the map of each of its windows, so that a classifier whose head pools can say of every window at once what it
would say of it, but for what its convolutions see beyond the window's border. How the last map lies on windows is measured here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from breastcad.models.classifier_network import ClassifierNetwork
from breastcad.models.export import largest_difference, refuse_difference, traced, write_halved

OUTPUTS = ("logits", "class_maps", "window_logits")
FARTHEST = (16, 48, 144)
"""So many places of the last map are looked at on either side, to see how far they see; more where that is too few."""
STRIDES = (1, 2, 4, 8, 16, 32, 64)
WINDOWS_CHECKED = 3
"""The model file is compared with the networks on images that hold so many windows downwards, and so many less one across."""


@dataclass(frozen=True, slots=True)
class MapGrid:
    """How a network's last map lies on an image, whose sides are a window's and a multiple of ``stride`` more.

    Parameters
    ----------
    stride : int
        Pixels from one place of the map to the next.
    rows, cols : int
        Of a window's own map.
    halo : (int, int) or None
        An image that is cut off gives other values at no more than so many places after its upper (left) and before its lower (right)
        border; None where every place sees the whole image (squeeze and excitation, attention).
    bytes_a_pixel : float
        Of the largest layer's output, by the input's pixels.
    """

    stride: int
    rows: int
    cols: int
    halo: tuple[int, int] | None
    bytes_a_pixel: float


def pools(network: ClassifierNetwork) -> bool:
    """Say if a network's head takes the mean over places, so that it can be laid over images larger than a window."""
    return isinstance(network.head, nn.Sequential) and isinstance(network.head[0], nn.AdaptiveAvgPool2d)


@torch.no_grad()
def map_grid(network: ClassifierNetwork) -> MapGrid:
    """Measure how a network's last map lies on its windows.

    How far a place sees is read from NaN: whatever it reaches becomes NaN, and padding with zeros at a border in its place reaches
    no farther.

    Parameters
    ----------
    network : ClassifierNetwork
        In evaluation mode, on the CPU; its head pools.

    Raises
    ------
    ValueError
        If the map does not grow by one place every `STRIDES` pixels.

    Examples
    --------
    >>> from breastcad.models.classifier_network import build_classifier
    >>> map_grid(build_classifier("resnet18", 2, rows=64, cols=96).eval())
    MapGrid(stride=32, rows=2, cols=3, halo=(7, 6), bytes_a_pixel=64.0)
    """
    side, other = min(network.shape), max(network.spec.smallest, 1)
    sizes = {more: network.features(torch.zeros(1, 1, side + more, other)).shape[2] for more in (0, *STRIDES, *(2 * s for s in STRIDES))}
    stride = next((s for s in STRIDES if sizes[s] == sizes[0] + 1 and sizes[2 * s] == sizes[0] + 2), None)
    if stride is None:
        raise ValueError(f"the last map of '{network.spec.family}' does not grow by one place every {STRIDES[-1]} pixels or less")
    rows, cols = network.features(torch.zeros(1, 1, *network.shape)).shape[2:]
    reaches = [
        next((found for far in FARTHEST if (found := _reach(network, stride, far, side, other, axis))), None)
        for side, axis in zip(network.shape, (2, 3), strict=True)
    ]
    halo = None if None in reaches else cast("tuple[int, int]", tuple(max(pair) for pair in zip(*reaches, strict=True)))
    return MapGrid(stride, int(rows), int(cols), halo, _bytes_a_pixel(network))


def _reach(network: ClassifierNetwork, stride: int, far: int, side: int, other: int, axis: int) -> tuple[int, int] | None:
    """Return how many places after a cut, and before one, see beyond it along an axis; None where all do that are looked at."""
    shape = [1, 1, other, other]
    shape[axis] = side + 2 * far * stride
    found: list[int] = []
    for cut in (slice(0, far * stride), slice(side + far * stride, None)):
        image = torch.zeros(shape)
        image[(slice(None),) * axis + (cut,)] = torch.nan
        seen = network.features(image).isnan().any(1)[0].any(3 - axis)
        if seen.all():
            return None
        clean = (~seen).nonzero()[:, 0]
        found.append(int(clean[0]) - far if not found else len(seen) - far - 1 - int(clean[-1]))
    return max(0, found[0]), max(0, found[1])


def _bytes_a_pixel(network: ClassifierNetwork) -> float:
    """Return the size of the largest output of a layer, by the input's pixels."""
    largest = 0

    def see(_module: nn.Module, _given: Any, output: Any) -> None:
        nonlocal largest
        largest = max(largest, output.numel() * output.element_size() if isinstance(output, Tensor) else 0)

    hooks = [module.register_forward_hook(see) for module in network.modules() if not list(module.children())]
    try:
        network(torch.zeros(1, 1, *network.shape))
    finally:
        for hook in hooks:
            hook.remove()
    return round(largest / (network.shape[0] * network.shape[1]), 1)


class Windows(nn.Module):
    """Networks side by side, fold by fold, the mean of a fold's members: what they say of images and of every window on them.

    Of images (N, 1, rows, cols): ``logits`` (N, F, K) of the image as one window; ``class_maps`` (N, F, K, h, w), the head at each place
    of the last map (of a linear head their mean over places is the logits); ``window_logits`` (N, F, K, i, j), the head over each window's
    places.
    """

    def __init__(self, networks: list[list[ClassifierNetwork]], grid: MapGrid) -> None:
        super().__init__()
        self.folds = nn.ModuleList(nn.ModuleList(members) for members in networks)
        self._places = grid.rows, grid.cols

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run every network on the same images."""
        folds = [[self._one(cast(ClassifierNetwork, one), image) for one in cast(nn.ModuleList, members)] for members in self.folds]
        means = [[torch.stack(same).mean(0) for same in zip(*fold, strict=True)] for fold in folds]
        return cast("tuple[Tensor, Tensor, Tensor]", tuple(torch.stack(same, 1) for same in zip(*means, strict=True)))

    def _one(self, network: ClassifierNetwork, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        layers = list(cast(nn.Sequential, network.head))
        features = network.features(image)
        maps = _at_each_place(layers, features)
        if sum(isinstance(layer, nn.Linear) for layer in layers) == 1:  # the mean of what is linear: a pass over few maps, not over all
            windows = functional.avg_pool2d(maps, self._places, stride=1)
        else:
            windows = _at_each_place(layers, functional.avg_pool2d(features, self._places, stride=1))
        return network.head(features), maps, windows


def _at_each_place(layers: list[nn.Module], features: Tensor) -> Tensor:
    """Apply a head's dense layers to each place of maps (N, C, h, w), as convolutions of one place."""
    for layer in layers:
        if isinstance(layer, nn.Linear):
            features = functional.conv2d(features, layer.weight[:, :, None, None], layer.bias)
        elif isinstance(layer, nn.ReLU):
            features = torch.relu(features)
    return features


def export_windows(path: str | Path, networks: list[list[ClassifierNetwork]], metadata: dict[str, Any], grid: MapGrid) -> float:
    """Write classifiers as one .onnx that takes images of any size; nothing is written where it differs from them too much.

    Parameters
    ----------
    path : str or Path
    networks : list of lists of ClassifierNetwork
        Fold by fold; in evaluation mode, on the CPU; their heads pool.
    metadata : dict
        What inference needs, put under the key `metadata.KEY`.
    grid : MapGrid
        What `map_grid` measured of them.

    Returns
    -------
    float
        The largest difference of logits on random images of one window and of several.

    Raises
    ------
    InputError
        As `export.export_networks`.
    """
    together = Windows(networks, grid).eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    rows, cols = networks[0][0].shape
    free = {"image": {0: "N", 2: "rows", 3: "cols"}, "logits": {0: "N"}}
    free |= {name: {0: "N", 3: f"{name}_rows", 4: f"{name}_cols"} for name in OUTPUTS[1:]}
    exact = traced(together, (rows, cols), free)
    more = (WINDOWS_CHECKED - 1) * grid.stride, (WINDOWS_CHECKED - 2) * grid.stride
    random = np.random.Generator(np.random.PCG64(0))
    images = [random.random((1, 1, *shape), dtype=np.float32) for shape in ((rows, cols), (rows + more[0], cols + more[1]))]
    content = exact.SerializeToString()
    for image in images:
        refuse_difference(largest_difference(together, content, image), exact=True)

    def rounded(content: bytes) -> float:
        """Say how far logits are; those of single places are as much larger than their means as they vary, and are off by as much more."""
        return max(largest_difference(together, content, image, but="class_maps") for image in images)

    return write_halved(path, exact, metadata, rounded)

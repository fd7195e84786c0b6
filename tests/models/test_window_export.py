"""Classifiers in a model file: it says what the networks say, of one window, of many, and at each place; how their maps lie on windows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from breastcad.core.errors import InputError  # noqa: E402
from breastcad.models.classifier_network import ClassifierNetwork, build_classifier  # noqa: E402
from breastcad.models.window_export import MapGrid, Windows, export_windows, map_grid, pools  # noqa: E402

pytestmark = pytest.mark.train


def sane(name: str, side: int, **settings: Any) -> ClassifierNetwork:
    """Return a network whose batch normalisation knows what random images give, so that its outputs are of ordinary size."""
    torch.manual_seed(0)
    network = build_classifier(name, 3, rows=side, cols=side, **settings)
    with torch.no_grad():
        for _ in range(20):
            network(torch.rand(4, 1, side, side))
    return network.eval()


class Small(nn.Module):
    """Stands for a `ClassifierNetwork`: two convolutions, with pooling in between, and a head that pools."""

    def __init__(self, padding: int, *, squeezes: bool = False, hidden: bool = False) -> None:
        super().__init__()
        self.shape, self.spec = (24, 28), SimpleNamespace(smallest=12, family="small")
        self.layers = nn.Sequential(nn.Conv2d(1, 8, 3, padding=padding), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, 2, padding))
        self.squeezes = squeezes
        between = [nn.Linear(8, 8), nn.ReLU()] if hidden else []
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *between, nn.Dropout(0.2), nn.Linear(8, 3))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.features(image))
        return logits

    def features(self, image: torch.Tensor) -> torch.Tensor:
        found = self.layers(image)
        return found * found.mean((2, 3), keepdim=True).sigmoid() if self.squeezes else found


def test_how_a_map_lies_on_windows_is_measured() -> None:
    """Stride 2 x 2. Unpadded, 24 pixels become 22, 11, 5 places and nothing is wrong at a cut; padded, 24, 12, 6, and one place is.

    The first layer's output is the largest: 8 maps of 4 bytes, on 24 x 28 pixels, unpadded on 22 x 26: 8 x 4 x 572 / 672 = 27.2.
    """
    assert map_grid(Small(0).eval()) == MapGrid(4, 5, 6, (0, 0), 27.2)  # type: ignore[arg-type]
    assert map_grid(Small(1).eval()) == MapGrid(4, 6, 7, (1, 1), 32.0)  # type: ignore[arg-type]
    assert map_grid(Small(1, squeezes=True).eval()).halo is None  # type: ignore[arg-type]


def test_a_map_that_does_not_grow_evenly_is_refused() -> None:
    network = Small(0)
    network.layers = nn.Sequential(nn.AdaptiveAvgPool2d(4))
    with pytest.raises(ValueError, match="the last map of 'small' does not grow by one place every 64 pixels or less"):
        map_grid(network.eval())  # type: ignore[arg-type]


@pytest.mark.parametrize("hidden", [False, True])
def test_window_logits_are_the_head_over_each_window_s_places(hidden: bool, tmp_path: Path) -> None:
    """Without padding a window's places are the same within a larger image: window [i, j] is the image cut at (4 i, 4 j)."""
    networks: Any = [[Small(0, hidden=hidden).eval(), Small(0, hidden=hidden).eval()]]
    assert export_windows(tmp_path / "model.onnx", networks, {"a": 1}, map_grid(networks[0][0])) < 0.01
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).random((1, 1, 24 + 12, 28 + 8), dtype=np.float32)
    with torch.no_grad():
        logits, maps, windows = Windows(networks, map_grid(networks[0][0]))(torch.from_numpy(image))
        for i in range(4):
            for j in range(3):
                cut = torch.from_numpy(image[:, :, 4 * i : 4 * i + 24, 4 * j : 4 * j + 28])
                mean = (networks[0][0](cut) + networks[0][1](cut)) / 2
                assert torch.allclose(windows[:, 0, :, i, j], mean, atol=1e-5)
    assert torch.allclose(maps.mean((3, 4)), logits, atol=1e-5) == (not hidden)
    for given, wanted in zip(session.run(None, {"image": image}), (logits, maps, windows), strict=True):
        assert np.abs(given - wanted.numpy()).max() < 0.01


def test_a_file_that_differs_from_its_networks_is_not_written(tmp_path: Path) -> None:
    network: Any = Small(0).eval()
    torch.nn.init.constant_(network.layers[3].weight, 1e5)  # more than half precision holds
    with pytest.raises(InputError, match=r"outputs differ from the networks' by .*; it was not written"):
        export_windows(tmp_path / "model.onnx", [[network]], {}, map_grid(network))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_model_file_says_what_its_networks_say(tmp_path: Path) -> None:
    """Of windows of 112 pixels EfficientNet-Lite0's fifth halving makes 4 places of 7: it pads otherwise than for 128."""
    lite = sane("efficientnet-lite0", 112, channels=3)
    grid = map_grid(lite)
    assert (grid.stride, grid.rows, grid.cols) == (32, 4, 4)
    other = sane("efficientnet-lite0", 112, channels=3, head="pool-hidden", hidden=16)
    assert export_windows(tmp_path / "model.onnx", [[lite], [lite, other]], {}, grid) < 0.05
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).random((1, 1, 112 + 64, 112 + 32), dtype=np.float32)
    logits, maps, windows = session.run(None, {"image": image})
    assert (logits.shape, maps.shape, windows.shape) == ((1, 2, 3), (1, 2, 3, 6, 5), (1, 2, 3, 3, 2))
    with torch.no_grad():
        both = [network(torch.from_numpy(image)).numpy() for network in (lite, other)]
    assert np.abs(logits[:, 0] - both[0]).max() < 0.02
    assert np.abs(logits[:, 1] - (both[0] + both[1]) / 2).max() < 0.02
    one = session.run(None, {"image": image[:, :, :112, :112]})
    assert np.abs(one[0] - one[2][:, :, :, 0, 0]).max() < 1e-4  # of an image of one window they are the same, whatever the head


def test_heads_that_flatten_do_not_pool() -> None:
    assert pools(build_classifier("resnet18", 2, rows=32, cols=32))
    assert pools(build_classifier("resnet18", 2, rows=32, cols=32, head="pool-hidden"))
    assert not pools(build_classifier("resnet18", 2, rows=32, cols=32, head="flatten-hidden"))
    assert not pools(build_classifier("c-table-1", 2, rows=50, cols=50))


def test_a_network_that_squeezes_has_no_halo() -> None:
    assert map_grid(build_classifier("mobilenetv3-l", 2, rows=64, cols=64).eval()).halo is None

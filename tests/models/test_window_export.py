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

    def __init__(self, padding: int, *, squeezes: bool = False) -> None:
        super().__init__()
        self.shape, self.spec = (24, 28), SimpleNamespace(smallest=12, family="small")
        self.layers = nn.Sequential(nn.Conv2d(1, 8, 3, padding=padding), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, 2, padding))
        self.squeezes = squeezes
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, 3))

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


@pytest.fixture(scope="module")
def lite() -> ClassifierNetwork:
    """EfficientNet-Lite0 for windows of 112 pixels, of which its fifth halving makes 4 places of 7: it pads otherwise than for 128."""
    return sane("efficientnet-lite0", 112, channels=3)


def test_a_model_file_says_what_its_networks_say(lite: ClassifierNetwork, tmp_path: Path) -> None:
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


def test_the_mean_of_class_maps_is_the_logits(lite: ClassifierNetwork) -> None:
    with torch.no_grad():
        logits, maps, windows = Windows([[lite]], map_grid(lite))(torch.rand(2, 1, 112 + 64, 112 + 96))
    assert torch.allclose(maps.mean((3, 4)), logits, atol=1e-4)
    assert torch.allclose(windows[0, 0, :, 1, 2], maps[0, 0, :, 1:5, 2:6].mean((1, 2)), atol=1e-4)


def test_heads_that_flatten_do_not_pool() -> None:
    assert pools(build_classifier("resnet18", 2, rows=32, cols=32))
    assert pools(build_classifier("resnet18", 2, rows=32, cols=32, head="pool-hidden"))
    assert not pools(build_classifier("resnet18", 2, rows=32, cols=32, head="flatten-hidden"))
    assert not pools(build_classifier("c-table-1", 2, rows=50, cols=50))


def test_a_network_that_squeezes_has_no_halo() -> None:
    assert map_grid(build_classifier("mobilenetv3-l", 2, rows=64, cols=64).eval()).halo is None

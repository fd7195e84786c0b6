"""The publications' own small networks, layer by layer, weight by weight."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from breastcad.core.errors import InputError  # noqa: E402
from breastcad.models.classifier_network import ClassifierNetwork, build_classifier  # noqa: E402
from breastcad.models.small_networks import small_backbone, small_head  # noqa: E402

pytestmark = pytest.mark.train


def weights_of(network: nn.Module, kinds: type | tuple[type, ...]) -> list[int]:
    return [sum(weight.numel() for weight in module.parameters()) for module in network.modules() if isinstance(module, kinds)]


@torch.no_grad()
def map_sides(network: ClassifierNetwork, after: type[nn.Module], side: int) -> list[int]:
    """Return the sides of the maps that layers of a kind give, for square images."""
    sides: list[int] = []

    def note(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        sides.append(output.shape[-1])

    for module in network.backbone.modules():
        if isinstance(module, after):
            module.register_forward_hook(note)
    network.eval().features(torch.rand(1, 1, side, side))
    return sides


def test_c_has_the_weights_and_sizes_of_its_table() -> None:
    """Publication C, table 1: 896, 18,496, 73,856, 147,584 weights, maps of 25, 12, 5, 2, and 512 values; then 262,656 of ours."""
    network = build_classifier("c-table-1", 3, rows=50, cols=50, channels=3)
    assert weights_of(network.backbone, nn.Conv2d) == [896, 18_496, 73_856, 147_584]
    assert map_sides(network, nn.MaxPool2d, 50) == [25, 12, 5, 2]
    assert weights_of(network.head, nn.Linear) == [262_656, 3 * 513]
    assert next(layer for layer in network.head if isinstance(layer, nn.Linear)).in_features == 512
    assert weights_of(network, nn.BatchNorm2d) == []


def test_c_padded_throughout_has_the_same_weights_and_1152_values() -> None:
    network = build_classifier("c-table-1-same", 3, rows=50, cols=50, channels=3)
    assert weights_of(network.backbone, nn.Conv2d) == [896, 18_496, 73_856, 147_584]
    assert map_sides(network, nn.MaxPool2d, 50) == [25, 12, 6, 3]
    assert weights_of(network.head, nn.Linear)[0] == (1152 + 1) * 512


@pytest.mark.parametrize(("name", "pools"), [("b-convnet", 4), ("b-convnet-strided", 0)])
def test_b_has_twelve_weighted_layers(name: str, pools: int) -> None:
    """Four convolutions, five batch normalisations and three dense layers; 224 x 224 becomes 14 x 14, that is 50,176 values."""
    network = build_classifier(name, 2, rows=224, cols=224)
    assert weights_of(network.backbone, nn.Conv2d) == [9 * 32 + 32, 9 * 32 * 64 + 64, 9 * 64 * 128 + 128, 9 * 128 * 256 + 256]
    assert weights_of(network, nn.Linear) == [50_177 * 512, 513 * 128, 129 * 2]
    assert weights_of(network, (nn.BatchNorm1d, nn.BatchNorm2d)) == [64, 128, 256, 512, 1024]
    assert len(weights_of(network, (nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d))) == 12
    assert map_sides(network, nn.BatchNorm2d, 224) == ([224, 112, 56, 28] if pools else [112, 56, 28, 14])
    assert sum(isinstance(module, nn.MaxPool2d) for module in network.modules()) == pools


def test_b_starts_as_he_et_al_say() -> None:
    """Variance 2 / inputs: of the first dense layer at 64 x 64, with 16 x 256 inputs, a deviation of .0221; biases 0."""
    torch.manual_seed(0)
    network = build_classifier("b-convnet", 2, rows=64, cols=64)
    layers = [module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    for layer in layers:
        inputs = layer.weight[0].numel()
        assert layer.weight.std().item() == pytest.approx((2 / inputs) ** 0.5, rel=0.15)
        assert layer.bias is not None
        assert not layer.bias.any()


def test_e6_has_three_convolutions_and_two_dense_layers() -> None:
    network = build_classifier("branet-small", 2, rows=128, cols=128, dropout=0.5)
    assert [module.kernel_size for module in network.modules() if isinstance(module, nn.Conv2d)] == [(5, 5), (3, 3), (3, 3)]
    assert map_sides(network, nn.MaxPool2d, 128) == [64, 32, 16]
    assert weights_of(network, nn.Linear) == [(16 * 16 * 128 + 1) * 128, 129 * 2]
    assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [0.5]


@torch.no_grad()
@pytest.mark.parametrize(("name", "low", "high"), [("b-convnet", 0.0, 1.0), ("c-table-1", 0.0, 1.0), ("branet-small", -1.0, 1.0)])
def test_grey_levels_enter_as_they_are_and_e6_from_minus_1_to_1(name: str, low: float, high: float) -> None:
    network = build_classifier(name, 2, rows=32, cols=40)
    seen: list[Tensor] = []
    network.backbone.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    network.features(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 32, 40))
    assert [(image.min().item(), image.max().item()) for image in seen[0]] == [(low, low), (high, high)]


def test_another_name_is_refused() -> None:
    with pytest.raises(InputError, match="there is no small network 'd-convnet'"):
        small_backbone("d-convnet", 1)
    with pytest.raises(InputError, match="there is no small network 'd-convnet'"):
        small_head("d-convnet", 64, 2, 0.5)

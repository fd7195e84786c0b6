"""Maps of where a network sees a class: worked by hand, against second implementations, and laws that they keep."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from breastcad.core.errors import InputError  # noqa: E402
from breastcad.explain.maps import METHODS, class_map, pooled_linear  # noqa: E402
from breastcad.models.classifier_network import build_classifier  # noqa: E402
from breastcad.models.whole_film import Top, WholeFilmNetwork  # noqa: E402

pytestmark = pytest.mark.train


class Parted(nn.Module):
    """A network of given convolutions and a given head."""

    def __init__(self, convolutions: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.convolutions, self.head = convolutions, head

    def features(self, image: Tensor) -> Tensor:
        return self.convolutions(image)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features(image))


def pooled(channels: int, classes: int = 2, *more: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *more, nn.Linear(channels, classes))


def two_channels(weights: list[list[float]]) -> Parted:
    """The image itself and 1 less it as two channels, pooled, with given weights of two classes and no bias."""
    first = nn.Conv2d(1, 2, 1)
    head = pooled(2)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[[[1.0]]], [[[-1.0]]]]))
        first.bias.copy_(torch.tensor([0.0, 1.0]))
        head[-1].weight.copy_(torch.tensor(weights))
        head[-1].bias.zero_()
    return Parted(nn.Sequential(first, nn.ReLU()), head).eval()


def seeded(seed: int, *layers: nn.Module, classes: int = 3) -> Parted:
    torch.manual_seed(seed)
    channels = next(layer.out_channels for layer in reversed(layers) if isinstance(layer, nn.Conv2d))
    network = Parted(nn.Sequential(*layers), pooled(channels, classes))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5)
    return network.eval()


def small(seed: int = 1) -> Parted:
    return seeded(seed, nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU())


def picture(rows: int = 12, cols: int = 20, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, cols)).astype(np.float32)


IMAGE = np.array([[0.0, 0.5, 1.0], [0.0, 0.0, 0.5]], np.float32)


def test_cam_worked_by_hand() -> None:
    """Channels A = image, B = 1 - image; class 1 has the weights 2 and -1: 2 A - B = 3 A - 1, at A = 0, .5, 1: -1, .5, 2."""
    found = class_map(two_channels([[0, 0], [2, -1]]), IMAGE, [1], "cam")
    np.testing.assert_allclose(found.values, [[-1, 0.5, 2], [-1, -1, 0.5]], atol=1e-6)
    np.testing.assert_allclose(found.logits, [0, 2 * 2 / 6 - 4 / 6], atol=1e-6)


def test_grad_cam_worked_by_hand() -> None:
    """The gradient of the pooled score is w / 6 at each of the 6 places, its mean the same: (3 A - 1) / 6, cut at 0."""
    found = class_map(two_channels([[0, 0], [2, -1]]), IMAGE, [1], "grad-cam")
    np.testing.assert_allclose(found.values, np.array([[0, 0.5, 2], [0, 0, 0.5]]) / 6, atol=1e-6)


def test_grad_cam_plus_worked_by_hand() -> None:
    """Of channel A, g = 2 / 6 and its sum is 2: alpha = 1 / (2 + 2 g) = 3 / 8 at each of 6 places, weight 6 * 3 / 8 * 2 / 6 = 3 / 4.

    Channel B has a negative gradient, cut at 0: weight 0. The map is 3 / 4 A.
    """
    found = class_map(two_channels([[0, 0], [2, -1]]), IMAGE, [1], "grad-cam++")
    np.testing.assert_allclose(found.values, 0.75 * IMAGE, atol=1e-6)


def test_guided_back_propagation_worked_by_hand() -> None:
    """Two layers of one weight each. Class 0 has a positive gradient at the last ReLU, which passes where the input was above 0; class 1
    a negative one, which the ReLU of the plain gradient would pass and the guided one does not."""
    one, other = nn.Conv2d(1, 1, 1, bias=False), nn.Conv2d(1, 1, 1, bias=False)
    head = pooled(1)
    with torch.no_grad():
        one.weight.fill_(-1)
        other.weight.fill_(-1)
        head[-1].weight.copy_(torch.tensor([[8.0], [-8.0]]))
    last = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        last.weight.fill_(1)
        last.bias.fill_(2)
    network = Parted(nn.Sequential(one, other, last, nn.ReLU6()), head).eval()
    image = np.full((8, 16), 0.5, np.float32)
    np.testing.assert_allclose(class_map(network, image, [0], "guided").values, np.full((1, 2), 8 / 128), rtol=1e-5)
    assert not class_map(network, image, [1], "guided").values.any()


@pytest.mark.parametrize("method", METHODS)
def test_classes_are_summed_and_the_network_is_left_as_it_was(method: str) -> None:
    network, image = small(), picture()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    both = class_map(network, image, [1, 2], method)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(layer._forward_hooks for layer in network.modules())
    network.head[-1].weight.data[1] += network.head[-1].weight.data[2]
    np.testing.assert_allclose(class_map(network, image, [1], method).values, both.values, atol=1e-5)


@given(st.integers(0, 50), st.integers(4, 24), st.integers(4, 24), st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_cam_is_grad_cam_but_for_the_number_of_places(seed: int, rows: int, cols: int, of: int) -> None:
    network, image = small(seed), picture(rows, cols, seed)
    cam, grad = class_map(network, image, [of], "cam").values, class_map(network, image, [of], "grad-cam").values
    np.testing.assert_allclose(np.maximum(cam, 0), grad * cam.size, atol=1e-4)


@given(st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_the_mean_of_cam_and_the_bias_are_the_logit(seed: int) -> None:
    network = small(seed)
    found = class_map(network, picture(seed=seed), [1], "cam")
    assert found.values.mean() + network.head[-1].bias[1].item() == pytest.approx(float(found.logits[1]), abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("axis", [0, 1])
def test_flipping_the_image_and_its_kernels_flips_the_map(method: str, axis: int) -> None:
    """Kernels are flipped too, so that the network sees the same; sides that the pooling and the cells divide."""
    network, image = small(), picture(16, 24)
    plain = class_map(network, image, [1], method).values
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = layer.weight.data.flip(2 + axis)
    np.testing.assert_allclose(class_map(network, np.flip(image, axis), [1], method).values, np.flip(plain, axis), atol=1e-5)


def third_derivatives(network: Parted, image: np.ndarray, of: int) -> np.ndarray:
    """Grad-CAM++ from eq. 10 as it stands: second and third derivatives of exp(score) to each place, one by one."""
    maps = network.features(torch.from_numpy(image)[None, None]).detach().double().requires_grad_()
    score = torch.exp(network.double().head(maps)[0, of])
    (first,) = torch.autograd.grad(score, maps, create_graph=True)
    alpha = torch.zeros_like(maps)
    for place in np.ndindex(*maps.shape):
        (second,) = torch.autograd.grad(first[place], maps, create_graph=True)
        (third,) = torch.autograd.grad(second[place], maps, retain_graph=True)
        alpha[place] = second[place] / (2 * second[place] + maps[0, place[1]].sum() * third[place])
    weights = (alpha * torch.relu(first)).sum((2, 3))
    return torch.relu((weights[:, :, None, None] * maps).sum(1))[0].detach().numpy()


def test_grad_cam_plus_is_that_of_the_derivatives_of_the_exponential() -> None:
    network, image = small(4), picture(4, 6)
    found = class_map(network, image, [1], "grad-cam++").values
    wanted = third_derivatives(network, image, 1)
    assert wanted.max() > 0
    np.testing.assert_allclose(found / found.max(), wanted / wanted.max(), atol=1e-4)


def test_grad_cam_and_guided_are_those_of_captum() -> None:
    attr = pytest.importorskip("captum.attr")
    network, image = small(2), picture(16, 24)
    given_ = torch.from_numpy(image)[None, None].requires_grad_()
    theirs = attr.LayerGradCam(network, network.convolutions).attribute(given_, target=1, relu_attributions=True)
    np.testing.assert_allclose(class_map(network, image, [1], "grad-cam").values, theirs[0, 0].detach().numpy(), atol=1e-6)
    with pytest.warns(UserWarning, match="backward hooks"):
        gradient = attr.GuidedBackprop(network).attribute(given_, target=1)
    cells = torch.relu(gradient.detach())[0, 0].reshape(2, 8, 3, 8).mean((1, 3))
    assert cells.max() > 0
    np.testing.assert_allclose(class_map(network, image, [1], "guided").values, cells.numpy(), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("heat_map", ["kept", "dropped"])
def test_guided_of_a_network_of_whole_films_is_that_of_captum(heat_map: str) -> None:
    """Captum, too, guides what is a module alone, so that the top's activations are counted."""
    attr = pytest.importorskip("captum.attr")
    torch.manual_seed(3)
    patch = build_classifier("branet-small", 3, rows=32, cols=32)
    network = WholeFilmNetwork(patch, 2, (64, 48), Top(heat_map=heat_map, width=8, width_out=12)).eval()
    for weight in [*patch.head.parameters(), *network.head.parameters()]:
        nn.init.uniform_(weight)
    relus = [layer for layer in [*network.top.modules(), network.activate] if isinstance(layer, nn.ReLU)]
    assert len(relus) == 2 * 3 + 1
    for layer in network.modules():
        layer.inplace = False  # captum's hooks take none in place
    image = picture(64, 48)
    given_ = torch.from_numpy(image)[None, None].requires_grad_()
    with pytest.warns(UserWarning, match="backward hooks"):
        gradient = attr.GuidedBackprop(network).attribute(given_, target=1)
    cells = torch.relu(gradient.detach())[0, 0].reshape(8, 8, 6, 8).mean((1, 3))
    assert cells.max() > 0
    np.testing.assert_allclose(class_map(network, image, [1], "guided").values, cells.numpy(), rtol=1e-3, atol=1e-8)


def test_a_backbone_of_timm_has_every_map() -> None:
    network = build_classifier("efficientnet-lite0", 2, rows=64, cols=96).eval()
    found = {method: class_map(network, picture(64, 96), [1], method) for method in METHODS}
    assert {method: one.values.shape for method, one in found.items()} == dict.fromkeys(METHODS[:3], (2, 3)) | {"guided": (8, 12)}
    with torch.no_grad():
        logits = network(torch.from_numpy(picture(64, 96))[None, None])[0].numpy()
    assert all(np.allclose(one.logits, logits, atol=1e-5) for one in found.values())


def test_a_head_with_layers_of_its_own_has_no_cam_but_grad_cam() -> None:
    network = build_classifier("c-table-1", 2, rows=50, cols=50, channels=3).eval()
    with pytest.raises(InputError, match=r"CAM needs a head of global average pooling and one linear layer.* --method grad-cam"):
        class_map(network, picture(50, 50), [1], "cam")
    assert class_map(network, picture(50, 50), [1], "grad-cam").values.shape == (2, 2)


@pytest.mark.parametrize(
    ("head", "has"),
    [
        (pooled(4), True),
        (pooled(4, 2, nn.Dropout(0.5)), True),
        (nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(4, 2)), True),
        (nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 2)), False),
        (nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 2)), False),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), False),
    ],
)
def test_heads_that_cam_can_read(head: nn.Module, has: bool) -> None:
    assert (pooled_linear(head) is not None) is has


def test_what_cannot_be_mapped_is_refused() -> None:
    network = small()
    with pytest.raises(InputError, match="unknown method 'lime'; there are: cam, grad-cam, grad-cam\\+\\+, guided"):
        class_map(network, picture(), [0], "lime")
    with pytest.raises(ValueError, match="a class and an image of rows and columns, got training=False, 0 classes"):
        class_map(network, picture(), [], "cam")
    with pytest.raises(ValueError, match="training=True"):
        class_map(network.train(), picture(), [0], "cam")
    linear = seeded(1, nn.Conv2d(1, 2, 1), classes=2)
    with pytest.raises(InputError, match="guided back-propagation needs activations that it knows"):
        class_map(linear, picture(), [0], "guided")

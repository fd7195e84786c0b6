"""Networks of whole films: shapes, the heat map against the patch classifier, what learns, checkpointing."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from breastcad.core.errors import InputError  # noqa: E402
from breastcad.models.classifier_network import ClassifierNetwork, build_classifier  # noqa: E402
from breastcad.models.classifiers import CLASSIFIERS  # noqa: E402
from breastcad.models.gradient_checkpoints import checkpoint_blocks  # noqa: E402
from breastcad.models.whole_film import ACTIVATIONS, TOPS, Top, WholeFilmNetwork, map_shape, slide_head  # noqa: E402
from breastcad.preprocess.normalise import Normalisation  # noqa: E402

pytestmark = pytest.mark.train

FAST = ("efficientnet-lite0", "resnet18", "b-convnet", "branet-small", "c-table-1")
REGISTRY = [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in CLASSIFIERS]
SMALL = Top(width=8, width_out=12, dense=6, pool=2)
PATCH, FILM = (32, 41), (96, 73)


def patch(name: str = "branet-small", **more: Any) -> ClassifierNetwork:
    torch.manual_seed(0)
    return build_classifier(name, 5, rows=more.pop("rows", PATCH[0]), cols=more.pop("cols", PATCH[1]), **more)


def films(count: int = 2, shape: tuple[int, int] = FILM) -> Tensor:
    return torch.rand(count, 1, *shape, generator=torch.Generator().manual_seed(1))


def film_network(top: Top = SMALL, name: str = "branet-small", **more: Any) -> WholeFilmNetwork:
    return WholeFilmNetwork(patch(name), 2, FILM, top, **more)


@pytest.mark.parametrize("kind", TOPS)
@pytest.mark.parametrize("heat_map", ["kept", "dropped"])
@torch.no_grad()
def test_shapes_of_odd_sizes(kind: str, heat_map: str) -> None:
    """branet-small halves three times, its first layer padded: 96 x 73 gives 12 x 9, a patch of 32 x 41 4 x 5: 9 x 5 places."""
    network = film_network(replace(SMALL, kind=kind, heat_map=heat_map)).eval()
    assert network(films()).shape == (2, 2)
    found = network.features(films())
    torch.testing.assert_close(network.deep_features(films()), found.mean((2, 3)))
    if heat_map == "kept":
        assert network.heat_map(films()).shape == (2, 5, 9, 5)
    rows, cols = (9, 5) if heat_map == "kept" else (12, 9)
    halved = (-(-rows // 4), -(-cols // 4))
    assert found.shape[2:] == ((rows, cols) if kind == "max-dense" else halved)
    if kind != "max-dense":
        assert network(films(1, (101, 90))).shape == (1, 2)


@pytest.mark.parametrize("name", REGISTRY)
@torch.no_grad()
def test_the_heat_map_of_one_patch_is_what_the_classifier_says_of_it(name: str) -> None:
    side = CLASSIFIERS[name].smallest
    own = patch(name, rows=side, cols=side + 9).eval()
    image = films(2, own.shape)
    said = own(image)
    found = slide_head(own.head, own.features(image), map_shape(own, own.shape))
    torch.testing.assert_close(found, said[:, :, None, None], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("head", ["pool", "pool-hidden", "flatten-hidden"])
@torch.no_grad()
def test_each_place_of_a_heat_map_is_the_head_on_its_part_of_the_map(head: str) -> None:
    own = patch("resnet18", rows=64, cols=96, head=head, hidden=7).eval()
    maps = torch.rand(2, *map_shape(own, (160, 192)), generator=torch.Generator().manual_seed(2))
    found = slide_head(own.head, maps, map_shape(own, own.shape))
    assert found.shape == (2, 5, 4, 4)
    for row, col in ((0, 0), (3, 1), (1, 3)):
        torch.testing.assert_close(found[:, :, row, col], own.head(maps[:, :, row : row + 2, col : col + 3]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@torch.no_grad()
def test_activations_of_the_heat_map(activation: str) -> None:
    network = film_network(replace(SMALL, heat_map="kept", activation=activation)).eval()
    plain = slide_head(network.patch.head, network.patch.features(films()), network.patch_map)
    wanted = {"softmax": plain.softmax(1), "relu": plain.clamp(min=0), "none": plain}[activation]
    assert torch.equal(network.heat_map(films()), wanted)


@pytest.mark.parametrize("part", ["head", "top", "all"])
@pytest.mark.parametrize("heat_map", ["kept", "dropped"])
@pytest.mark.parametrize("kind", TOPS)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradient_reaches_what_learns_and_nothing_else(part: str, heat_map: str, kind: str, checkpointing: bool) -> None:
    network = film_network(replace(SMALL, heat_map=heat_map, kind=kind, activation="none"), checkpointing=checkpointing)
    network.learn_part(part)
    network.train()
    network(films()).square().sum().backward()
    parts = network.parts()
    learns = list(parts)[: list(parts).index(part) + 1]
    for name, weights in parts.items():
        assert [weight.grad is not None for weight in weights] == [name in learns] * len(weights)
    together = [id(weight) for weights in parts.values() for weight in weights]
    assert sorted(together) == sorted(id(weight) for weight in network.parameters())


def test_what_does_not_learn_keeps_its_statistics() -> None:
    network = film_network(name="resnet18")
    before = {key: value.clone() for key, value in network.state_dict().items() if "running_mean" in key}
    network.learn_part("head")
    network.train()
    network(films())
    moved = {key for key, value in before.items() if not torch.equal(value, network.state_dict()[key])}
    assert moved == {key for key in before if key.startswith("top.")}


@torch.no_grad()
def test_the_same_weights_say_the_same_and_a_patch_classifier_is_taken_over() -> None:
    network, other = film_network(replace(SMALL, heat_map="kept")).eval(), film_network(replace(SMALL, heat_map="kept")).eval()
    for weight in other.parameters():
        weight.mul_(1.1)
    assert not torch.equal(network(films()), other(films()))
    other.load_state_dict(network.state_dict())
    assert torch.equal(network(films()), other(films()))
    torch.manual_seed(5)
    trained = build_classifier("branet-small", 5, rows=PATCH[0], cols=PATCH[1]).eval()
    for kept in ("kept", "dropped"):
        one = film_network(replace(SMALL, heat_map=kept)).eval()
        one.load_patch(trained.state_dict())
        assert torch.equal(one.patch.features(films()), trained.features(films()))
    with pytest.raises(RuntimeError, match="size mismatch"):
        network.load_patch(build_classifier("branet-small", 3, rows=PATCH[0], cols=PATCH[1]).state_dict())


@pytest.mark.parametrize(
    "name", ["efficientnet-lite0", "resnet18", "branet-small", *(pytest.param(n, marks=pytest.mark.slow) for n in ("vgg16", "resnet50",
    "densenet121", "inceptionv3", "resnet152v2", "mobilenetv3-l", "nasnet-large", "inceptionresnetv2", "efficientnetv2-b0", "b-convnet"))],
)  # fmt: skip
def test_checkpointing_changes_neither_outputs_nor_gradients_nor_statistics(name: str) -> None:
    """To the last bit: the same operations in the same order."""
    side = CLASSIFIERS[name].smallest
    plain = build_classifier(name, 3, rows=side, cols=side)
    saving = copy.deepcopy(plain)
    assert checkpoint_blocks(saving.backbone) > 1
    outputs = []
    for network in (plain, saving):
        network.train()
        torch.manual_seed(3)  # of dropout and dropped paths
        outputs.append(network(films(4, (side, side))))
        outputs[-1].square().sum().backward()
    assert torch.equal(*outputs)
    assert list(plain.state_dict()) == list(saving.state_dict())
    for (key, one), other in zip(plain.named_parameters(), saving.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad), key
    for (key, one), other in zip(plain.named_buffers(), saving.buffers(), strict=True):
        assert torch.equal(one, other), key


def test_checkpointing_keeps_less() -> None:
    """What autograd holds on to, counted: with checkpoints a block's inputs alone."""

    def held(network: nn.Module) -> int:
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            network(films(2, (64, 64)))
        return sum(sizes)

    torch.manual_seed(0)
    plain = build_classifier("efficientnet-lite0", 2, rows=64, cols=64)
    saving = copy.deepcopy(plain)
    checkpoint_blocks(saving.backbone)
    assert held(saving) < held(plain) / 2


def test_normalisation_is_kept_with_the_weights() -> None:
    network = WholeFilmNetwork(patch(fitted_input=True), 2, FILM, SMALL).eval()
    before = network(films())
    network.normalise_input(Normalisation("z-score", 0.5, 0.1, 1, 1, "image"))
    assert not torch.equal(network(films()), before)
    assert "patch.input_line" in network.state_dict()


def test_refusals() -> None:
    with pytest.raises(InputError, match="films of 31 x 64 are smaller than the patches of 32 x 41 that the classifier is for"):
        WholeFilmNetwork(patch(), 2, (31, 64), SMALL)
    with pytest.raises(ValueError, match="kind must be one of residual, vgg, max-dense, got 'forest'"):
        film_network(replace(SMALL, kind="forest"))
    with pytest.raises(ValueError, match="blocks, widths, pool and dense must be 1 at least"):
        film_network(replace(SMALL, blocks=0))
    with pytest.raises(ValueError, match="classes must be 2 at least, got 1"):
        WholeFilmNetwork(patch(), 1, FILM, SMALL)
    with pytest.raises(ValueError, match="heat_map needs a network that keeps it"):
        film_network().heat_map(films())
    with pytest.raises(ValueError, match="image must be 96 x 73, for which the network was built, got 101 x 90"):
        film_network(replace(SMALL, kind="max-dense"))(films(1, (101, 90)))
    with pytest.raises(ValueError, match="part must be one of head, top, all, got 'some'"):
        film_network().learn_part("some")

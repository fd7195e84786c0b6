"""A network's mean answer to an image and its mirror images, with networks that a hand can follow."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from breastcad.models.flipped import FLIPS, Flipped  # noqa: E402
from breastcad.models.lesion_network import LesionNetwork  # noqa: E402
from breastcad.models.registry import network_spec  # noqa: E402

pytestmark = pytest.mark.train


class Corner(nn.Module):
    """Says what stands in the first pixel, and draws the image."""

    def __init__(self, *, maps: bool) -> None:
        super().__init__()
        self.maps = maps

    def forward(self, image: Tensor) -> object:
        said = image[:, :, 0, 0]
        return (image, said) if self.maps else said


@pytest.mark.parametrize(("pictures", "expected"), [(2, 1.5), (4, 2.5)])
def test_each_corner_is_seen_as_the_first_once(pictures: int, expected: float) -> None:
    """Corners 1, 2 above and 3, 4 below: of two pictures (1 + 2) / 2, of four (1 + 2 + 3 + 4) / 4."""
    image = torch.zeros(1, 1, 3, 5)
    image[0, 0, [0, 0, -1, -1], [0, -1, 0, -1]] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert Flipped(Corner(maps=False), pictures)(image).item() == expected
    maps, said = Flipped(Corner(maps=True), pictures)(image)
    assert said.item() == expected
    assert torch.equal(maps, image)  # each is laid back before the mean


@torch.no_grad()
def test_windows_are_looked_at_where_they_lie_in_each_mirror_image() -> None:
    torch.manual_seed(0)
    network = LesionNetwork(network_spec("closer-resnet18")).eval()
    image, windows = torch.rand(1, 1, 128, 192), torch.tensor([[[30.0, 50.0, 40.0], [90.0, 150.0, 50.0]]])
    there = [[(30, 50), (90, 150)], [(30, 142), (90, 42)], [(98, 50), (38, 150)], [(98, 142), (38, 42)]]
    each = []
    for axes, places in zip(FLIPS, there, strict=True):
        own = torch.tensor([[[*places[0], 40.0], [*places[1], 50.0]]])
        each.append(network.look_at(image.flip(axes), own))
    torch.testing.assert_close(Flipped(network, 4).look_at(image, windows), torch.stack(each).mean(0))
    assert not torch.allclose(each[0], each[3], atol=1e-3)


@torch.no_grad()
def test_the_answer_does_not_depend_on_how_the_image_lies() -> None:
    torch.manual_seed(0)
    network = Flipped(LesionNetwork(network_spec("pyramid-resnet18")).eval(), 4)
    image = torch.rand(1, 1, 64, 96)
    maps, logits = network(image)
    for axes in FLIPS[1:]:
        other, same = network(image.flip(axes))
        torch.testing.assert_close(same, logits, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(other.flip(axes), maps, atol=1e-5, rtol=1e-5)


def test_three_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"pictures must be one of \(2, 4\), got 3"):
        Flipped(nn.Identity(), 3)

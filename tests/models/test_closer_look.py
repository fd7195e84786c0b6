"""A closer look: where windows lie, what they cut, and how what is said of them is laid back."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from breastcad.models import closer_look  # noqa: E402
from breastcad.models.closer_look import CONTEXT, USUAL_PX, WINDOW_PX, cut, jittered, laid_back, nearness, peak_windows  # noqa: E402
from breastcad.models.lesion_network import LesionNetwork  # noqa: E402
from breastcad.models.registry import network_spec  # noqa: E402

pytestmark = pytest.mark.train
STRIDE = 16


def maps_with_peaks(*peaks: tuple[int, int, float]) -> torch.Tensor:
    """Return (1, 3, 12, 8) maps, low but for single peaks (row, col, logit)."""
    maps = torch.full((1, 3, 12, 8), -5.0)
    maps[:, 2] = 0
    for row, col, logit in peaks:
        maps[0, 0, row, col] = logit
    return maps


def test_windows_lie_at_peaks_best_first() -> None:
    windows = peak_windows(maps_with_peaks((2, 1, 1.0), (9, 6, 3.0)), 2, STRIDE)
    assert windows[0, :, 0].tolist() == [9.5 * STRIDE, 2.5 * STRIDE]
    assert windows[0, :, 1].tolist() == [6.5 * STRIDE, 1.5 * STRIDE]
    assert windows[0, :, 2].tolist() == [USUAL_PX, USUAL_PX]


def test_a_peak_beside_a_higher_one_is_no_peak() -> None:
    windows = peak_windows(maps_with_peaks((4, 4, 3.0), (4, 5, 2.9), (10, 1, -4.0)), 2, STRIDE)
    assert windows[0, 1, :2].tolist() == [10.5 * STRIDE, 1.5 * STRIDE]


def test_length_is_read_at_the_peak_and_bounded() -> None:
    maps = maps_with_peaks((4, 4, 3.0))
    maps[0, 2, 4, 4] = np.log(0.75)
    assert peak_windows(maps, 1, STRIDE)[0, 0, 2].item() == pytest.approx(0.75 * USUAL_PX)
    maps[0, 2, 4, 4] = 9.0
    assert peak_windows(maps, 1, STRIDE)[0, 0, 2].item() == pytest.approx(closer_look.LONGEST_PX)


def test_a_window_of_the_same_scale_is_a_plain_cut() -> None:
    image = torch.rand(2, 1, 300, 200, generator=torch.Generator().manual_seed(0))
    window = torch.tensor([[[140.0, 90.0, WINDOW_PX / CONTEXT]], [[60.0, 100.0, WINDOW_PX / CONTEXT]]])
    half = WINDOW_PX // 2
    got = cut(image, window)
    torch.testing.assert_close(got[0, 0], image[0, 0, 140 - half : 140 + half, 90 - half : 90 + half], atol=1e-4, rtol=0)
    torch.testing.assert_close(got[1, 0], image[1, 0, 60 - half : 60 + half, 100 - half : 100 + half], atol=1e-4, rtol=0)


def test_windows_stand_image_by_image() -> None:
    image = torch.stack([torch.full((1, 256, 256), value) for value in (0.25, 0.75)])
    windows = torch.tensor([[128.0, 128.0, 40.0]]).repeat(2, 3, 1)
    assert cut(image, windows).mean((1, 2, 3)).tolist() == pytest.approx([0.25] * 3 + [0.75] * 3)


def test_what_lies_outside_is_black() -> None:
    corner = cut(torch.ones(1, 1, 256, 256), torch.tensor([[[0.0, 0.0, WINDOW_PX / CONTEXT]]]))[0, 0]
    half = WINDOW_PX // 2
    assert corner[: half - 1, :].max() == 0
    assert corner[half + 1 :, half + 1 :].min() == 1


def test_a_turn_mirrors_a_window() -> None:
    image = torch.rand(1, 1, 256, 256, generator=torch.Generator().manual_seed(0))
    window = torch.tensor([[[128.0, 128.0, 50.0]]])
    upside_down = torch.tensor([[[[-1.0, 0.0], [0.0, 1.0]]]])
    torch.testing.assert_close(cut(image, window, upside_down), cut(image, window).flip(2), atol=1e-4, rtol=0)


def test_what_is_said_is_laid_where_it_was_seen() -> None:
    windows = torch.tensor([[[40.0, 24.0, 32.0], [168.0, 104.0, 32.0]]])
    said = torch.tensor([[[2.0, -1.0], [-3.0, 4.0]]])
    laid = laid_back(said, windows, (12, 8), STRIDE)
    assert laid[0, :, 2, 1].tolist() == pytest.approx([2.0, -1.0], abs=1e-3)
    assert laid[0, :, 10, 6].tolist() == pytest.approx([-3.0, 4.0], abs=1e-3)
    assert abs(float(laid[0, 0, 6, 7])) < 0.01


def test_windows_on_one_place_are_not_counted_twice() -> None:
    windows = torch.tensor([[[40.0, 24.0, 32.0], [40.0, 24.0, 32.0]]])
    laid = laid_back(torch.tensor([[[2.0], [4.0]]]), windows, (12, 8), STRIDE)
    assert laid[0, 0, 2, 1].item() == pytest.approx(3.0, abs=1e-3)


def test_nearness_falls_with_the_distance_in_lengths() -> None:
    near = nearness(torch.tensor([[[40.0, 24.0, 32.0]]]), (12, 8), STRIDE)[0, 0]
    assert near[2, 1].item() == pytest.approx(1.0)
    assert near[3, 1].item() == pytest.approx(np.exp(-0.5), abs=1e-5)  # 16 px away: half the length


def test_jitter_is_drawn_from_the_seed_and_keeps_the_place() -> None:
    windows = torch.tensor([[[100.0, 80.0, 50.0]]]).repeat(500, 1, 1)
    torch.manual_seed(3)
    moved, turns = jittered(windows)
    torch.manual_seed(3)
    again, _ = jittered(windows)
    torch.testing.assert_close(moved, again)
    assert (moved - windows)[..., :2].abs().max() <= 10
    assert 0.75 < float((moved[..., 2] / 50).min()) < 0.85
    determinant = torch.linalg.det(turns)
    torch.testing.assert_close(determinant.abs(), torch.ones_like(determinant))
    assert set(determinant.sign().ravel().tolist()) == {-1.0, 1.0}


def test_a_look_moves_the_map_and_the_logits() -> None:
    torch.manual_seed(0)
    network = LesionNetwork(network_spec("closer-resnet18")).eval()
    image = torch.rand(2, 1, 192, 128)
    with torch.no_grad():
        network.look.bias.copy_(torch.tensor([0.0, 0.0]))
        network.look.weight.zero_()
        maps, logits = network(image)
        network.look.bias.copy_(torch.tensor([1.5, -2.0]))
        moved, said = network(image)
    torch.testing.assert_close(said - logits, torch.tensor([[1.5, -2.0]] * 2))
    assert (moved - maps)[:, 0].max().item() == pytest.approx(1.5, abs=1e-4)
    assert (moved - maps)[:, 1].min().item() == pytest.approx(-2.0, abs=1e-4)


def test_training_looks_at_the_lesion_in_focus() -> None:
    torch.manual_seed(0)
    network = LesionNetwork(network_spec("closer-resnet18")).train()
    focus = torch.tensor([[90.0, 60.0, 40.0], [torch.nan] * 3])
    learned = network.learn(torch.rand(2, 1, 192, 128), focus)
    assert learned.windows is not None
    assert learned.said is not None
    assert learned.said.shape == (2, 2, 2)
    assert (learned.windows[0, 0, :2] - focus[0, :2]).abs().max() <= 8
    assert learned.windows.isfinite().all()

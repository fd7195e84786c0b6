"""The same draws on tensors give the same samples, within the tolerance that is stated; on a GPU too where there is one."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from breastcad.augment.mixing import Mixing, mixed
from breastcad.augment.operations import Operation, operation
from breastcad.augment.policies import POLICIES, draw_operations, table_1
from breastcad.augment.replaying import Example, replay
from breastcad.augment.tensors import TOLERANCE, mix_tensors, replay_tensors
from breastcad.core.seeding import generator
from breastcad.phantom.ultrasound import ultrasound

ROWS, COLS = 96, 136
MADE = ultrasound(generator(1, "tensors"), ROWS, COLS, lesion="malignant")
CODES = MADE.masks[0].astype(np.uint8) * 2
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SINGLE = [
    *(one for variants in table_1().values() for one in variants),
    operation("scaling", factor=0.8), operation("translation", down_px=3.3, right_px=-2.2), operation("translation", down_px=-3),
    operation("crop", row0=3, col0=5, row1=90, col1=130), operation("crop", row0=3, col0=5, row1=90, col1=130, size="cut"),
    operation("elastic", amount_px=3, smooth_px=8, seed=3), operation("elastic", amount_px=0, seed=3), operation("gamma", gamma=1.3),
    operation("contrast", factor=1.1, brightness=0.03), operation("blur", sigma_px=0), operation("blur", sigma_px=40),
    operation("gaussian-noise", sigma=0.05, seed=1), operation("speckle-noise", sigma=0.05, seed=1),
    operation("salt-and-pepper", share=0.05, seed=1), operation("poisson-noise", peak=50, seed=1),
    operation("erasing", row0=3, col0=5, row1=30, col1=40, seed=9),
]  # fmt: skip


def both(image: np.ndarray, steps: list[Operation], device: str, border: str) -> tuple[np.ndarray, ...]:
    """Return an image and its codes by both ways: arrays first, then tensors."""
    keep = border == "black"
    by_array = replay(Example(image, codes=CODES), steps, border=border, keep_black=keep)
    tensors = [torch.from_numpy(one.copy())[None, None].to(device) for one in (image, CODES)]
    by_tensor, codes = replay_tensors(tensors[0], [steps], tensors[1], border=border, keep_black=keep)
    assert by_tensor.device.type == device
    assert by_array.codes is not None
    return by_array.image, by_array.codes, by_tensor[0, 0].cpu().numpy(), codes[0, 0].cpu().numpy()


@pytest.mark.parametrize("border", ["black", "mirror"])
@pytest.mark.parametrize("device", DEVICES)
def test_every_operation_agrees_with_the_arrays(device: str, border: str) -> None:
    for step in SINGLE:
        image, codes, by_tensor, codes_by_tensor = both(MADE.pixels, [step], device, border)
        assert by_tensor.shape == image.shape
        off = np.abs(by_tensor - image) > TOLERANCE
        assert off.mean() <= 1e-3, step
        assert (codes != codes_by_tensor).mean() <= 1e-3, step


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_agrees_with_the_arrays(name: str) -> None:
    for seed in range(6):
        steps = list(draw_operations(POLICIES[name], (ROWS, COLS), seed, generator(seed, name)))
        for border in ("black", "mirror"):
            image, codes, by_tensor, codes_by_tensor = both(MADE.pixels, steps, "cpu", border)
            assert (np.abs(by_tensor - image) > TOLERANCE).mean() <= 1e-3
            assert (codes != codes_by_tensor).mean() <= 1e-3


@pytest.mark.parametrize(
    "step",
    [
        operation("flip", side="left"), operation("flip", side="top"), operation("rotation", degrees=90, frame="whole"),
        operation("rotation", degrees=180), operation("translation", down_px=4, right_px=-9),
        operation("crop", row0=3, col0=5, row1=90, col1=130, size="cut"),
    ],
    ids=lambda step: step.name,
)  # fmt: skip
@pytest.mark.parametrize("border", ["black", "mirror"])
def test_what_moves_pixels_onto_pixels_is_bit_for_bit_that_of_the_arrays(step: Operation, border: str) -> None:
    image, codes, by_tensor, codes_by_tensor = both(MADE.pixels, [step], "cpu", border)
    np.testing.assert_array_equal(by_tensor, image)
    np.testing.assert_array_equal(codes_by_tensor, codes)


def test_samples_of_a_batch_do_not_depend_on_each_other() -> None:
    images = torch.from_numpy(np.stack([MADE.pixels, MADE.pixels[::-1].copy(), MADE.pixels[:, ::-1].copy()]))[:, None]
    drawn = [draw_operations(POLICIES["broad"], (ROWS, COLS), 0, generator(seed, "b")) for seed in range(3)]
    batch, none = replay_tensors(images, drawn)
    assert none is None
    for number in range(3):
        alone, _ = replay_tensors(images[number : number + 1], drawn[number : number + 1])
        torch.testing.assert_close(batch[number], alone[0], rtol=0, atol=0)
    assert images[0, 0, 0, 0] == float(MADE.pixels[0, 0])


def test_mixing_agrees_with_the_arrays() -> None:
    images, drawn = np.random.default_rng(0).random((3, 1, 4, 5), dtype=np.float32), [Mixing(2, 0.25), Mixing(1, 0.5), Mixing(0, 0.9)]
    np.testing.assert_allclose(mix_tensors(torch.from_numpy(images), drawn).numpy(), mixed(images, drawn), atol=1e-7)


def test_what_is_no_batch_is_refused() -> None:
    images = torch.zeros(2, 1, 8, 9)
    turn, stay = [operation("rotation", degrees=90, frame="whole")], [operation("flip", side="left")]
    with pytest.raises(ValueError, match="must end with one size"):
        replay_tensors(images, [turn, stay])
    with pytest.raises(ValueError, match="operations and codes for each image, got 1 for 2"):
        replay_tensors(images, [stay])
    with pytest.raises(ValueError, match=r"images must be \(N, 1, H, W\) float32 of at least 2 x 2 pixels, got \(2, 1, 1, 9\)"):
        replay_tensors(images[:, :, :1], [stay, stay])
    with pytest.raises(ValueError, match="border must be one of black, mirror, got 'wrap'"):
        replay_tensors(images, [stay, stay], border="wrap")

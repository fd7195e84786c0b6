"""What each operation of augmentation costs, as Markdown: ``python benchmarks/augmentations.py``.

One 512 x 512 float32 picture with its mask, one thread, best of several runs, beside torchvision.transforms.v2 where it has the same;
its masks are moved too where the operation moves pixels. Then how far tensors are from arrays. No rival's picture is compared: borders,
kernels and noise differ. Then a batch on the processor, and on a GPU where there is one.
"""

from __future__ import annotations

import platform
import timeit
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as rival

from breastcad.augment.operations import Operation, operation
from breastcad.augment.policies import POLICIES, draw_operations
from breastcad.augment.replaying import Example, Place, replay
from breastcad.augment.tensors import TOLERANCE, replay_tensors
from breastcad.core.geometry import ellipse_mask
from breastcad.core.seeding import generator
from breastcad.phantom.ultrasound import ultrasound

SIDE, RUNS, BATCH = 512, 9, 16
BILINEAR = v2.InterpolationMode.BILINEAR
Work = Callable[[], Any]
OPERATIONS: list[tuple[str, Operation, Callable[[torch.Tensor], Any] | None]] = [
    ("flip", operation("flip", side="left"), rival.horizontal_flip),
    ("rotation 90", operation("rotation", degrees=90), lambda t: torch.rot90(t, 1, (-2, -1))),
    ("rotation 17", operation("rotation", degrees=17), lambda t: rival.rotate(t, 17, interpolation=BILINEAR)),
    ("skew", operation("skew", side="left"), lambda t: rival.perspective(t, *_tilt(), interpolation=BILINEAR)),
    ("shear", operation("shear", axis="x", degrees=10), lambda t: rival.affine(t, 0, [0, 0], 1.0, [10.0, 0.0], interpolation=BILINEAR)),
    ("scaling", operation("scaling", factor=1.2), lambda t: rival.affine(t, 0, [0, 0], 1.2, [0.0, 0.0], interpolation=BILINEAR)),
    ("translation", operation("translation", down_px=20, right_px=20), lambda t: rival.affine(t, 0, [20, 20], 1.0, [0.0, 0.0])),
    ("crop, enlarged", operation("crop", row0=20, col0=30, row1=460, col1=470), lambda t: rival.resized_crop(t, 20, 30, 440, 440, [SIDE])),
    ("elastic", operation("elastic", amount_px=3, smooth_px=5, seed=1), v2.ElasticTransform(alpha=50.0, sigma=5.0)),
    ("sharpen", operation("sharpen"), lambda t: rival.adjust_sharpness(t, 2.0)),
    ("emboss", operation("emboss"), None),
    ("edge detection", operation("edges", alpha=0.5), None),
    ("Gaussian blur 2", operation("blur", sigma_px=2), lambda t: rival.gaussian_blur(t, [17, 17], [2.0, 2.0])),
    ("gamma", operation("gamma", gamma=1.3), lambda t: rival.adjust_gamma(t, 1.3)),
    ("contrast", operation("contrast", factor=1.2), lambda t: rival.adjust_contrast(t, 1.2)),
    ("Gaussian noise", operation("gaussian-noise", sigma=0.05, seed=1), lambda t: rival.gaussian_noise(t, 0.0, 0.05)),
    ("speckle noise", operation("speckle-noise", sigma=0.05, seed=1), None),
    ("salt and pepper", operation("salt-and-pepper", share=0.05, seed=1), None),
    ("Poisson noise", operation("poisson-noise", peak=50, seed=1), None),
    ("erasing", operation("erasing", row0=90, col0=90, row1=200, col1=220, seed=1),
     lambda t: rival.erase(t, 90, 90, 110, 130, torch.rand(1, 110, 130))),
]  # fmt: skip


def _tilt() -> tuple[list[list[int]], list[list[int]]]:
    last, inwards = SIDE - 1, SIDE // 10
    return [[0, 0], [last, 0], [last, last], [0, last]], [[0, inwards], [last, 0], [last, last], [0, last - inwards]]


def milliseconds(work: Work, runs: int = RUNS) -> float:
    """Return the best time of several runs."""
    work()
    return min(timeit.repeat(work, number=1, repeat=runs)) * 1000


def rows(example: Example, steps: list[tuple[str, Operation, Callable[[torch.Tensor], Any] | None]]) -> None:
    """Print a row an operation."""
    tensor = tv_tensors.Image(torch.from_numpy(example.image)[None])
    mask = tv_tensors.Mask(torch.from_numpy(example.places[0].mask)[None])
    batch = torch.from_numpy(example.image)[None, None]
    for name, one, other in steps:
        ours = milliseconds(lambda one=one: replay(example, [one]))
        by_tensor, _ = replay_tensors(batch, [[one]])
        off = np.abs(by_tensor[0, 0].numpy() - replay(example, [one]).image)
        theirs = "no such"
        if other is not None:
            call = (lambda other=other: (other(tensor), other(mask))) if one.moves != "tone" else (lambda other=other: other(tensor))
            time = milliseconds(call)
            theirs = f"{time:.2f} | {time / ours:.1f} x"
        else:
            theirs = "none | "
        print(f"| {name} | {ours:.2f} | {theirs} | {off.max():.0e} | {100 * (off > TOLERANCE).mean():.3f} |")


def batches(image: np.ndarray) -> None:
    """Print what a batch costs by arrays and by tensors."""
    drawn = [draw_operations(POLICIES["broad"], image.shape, 0, generator(n, "bench")) for n in range(BATCH)]
    by_array = milliseconds(lambda: [replay(Example(image), one) for one in drawn], 3)
    print(f"\nA batch of {BATCH} by the policy broad, {SIDE} x {SIDE}: arrays {by_array:.0f} ms", end="")
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        batch = torch.from_numpy(np.stack([image] * BATCH))[:, None].to(device)

        def work(batch: torch.Tensor = batch, device: str = device) -> None:
            replay_tensors(batch, drawn)
            if device == "cuda":
                torch.cuda.synchronize()

        print(
            f", tensors on {torch.cuda.get_device_name() if device == 'cuda' else 'the processor'} {milliseconds(work, 3):.0f} ms", end=""
        )
    print(".")


def main() -> None:
    """Print the tables."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    made = ultrasound(generator(1, "bench"), SIDE, SIDE, lesion="malignant")
    example = Example(made.pixels, (Place(mask=ellipse_mask((SIDE, SIDE), (100, 150, 250, 300))),))
    print(f"{SIDE} x {SIDE} float32 with its mask, one thread, best of {RUNS}, {platform.machine()}, OpenCV {cv2.__version__}\n")
    print("| operation | arrays, ms | torchvision v2, ms | torchvision / ours | tensors off by | pixels off by more than 0.001, % |")
    print("|---|---|---|---|---|---|")
    rows(example, OPERATIONS)
    steps = [one for _, one, _ in OPERATIONS if one.moves == "frame"][2:7]
    apart = milliseconds(lambda: [replay(example, [one]) for one in steps])
    print(f"\nFive operations of place at once: {milliseconds(lambda: replay(example, steps)):.2f} ms; one after the other {apart:.2f} ms.")
    batches(example.image)


if __name__ == "__main__":
    main()

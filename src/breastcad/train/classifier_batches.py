"""From windows to batches of a classifier: order, balance, augmentation, mixing. Every draw comes from (seed, fold, epoch, sample)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from breastcad.augment.mixing import draw_mixing, mixed
from breastcad.augment.policies import draw_operations, policy_named
from breastcad.augment.replaying import Example, replay
from breastcad.core.seeding import generator
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.windows import Window


@dataclass(slots=True)
class Batch:
    """Images (N, 1, rows, cols) float32 in [0, 1] and their classes as shares, (N, K) float32."""

    images: Tensor
    shares: Tensor


def samples_an_epoch(count: int, settings: ClassifierSettings) -> int:
    """Return how many samples an epoch draws of so many: all, or as many as the settings say, which may be more."""
    return settings.samples_an_epoch or count


def epoch_order(targets: Sequence[int], settings: ClassifierSettings, fold: int, epoch: int) -> NDArray[np.intp]:
    """Return the numbers of an epoch's samples in their order; with ``balance`` each class is drawn as often as any other.

    Where there are too few samples, of all or of a class, they are gone through again and again, each time in an order of its own.
    """
    numbers, wanted = generator(settings.seed, "order", fold, epoch), samples_an_epoch(len(targets), settings)
    if settings.balance == "none":
        return _repeated(np.arange(len(targets)), wanted, numbers)
    present = np.unique(targets)
    drawn = [_repeated(np.flatnonzero(np.asarray(targets) == target), -(-wanted // len(present)), numbers) for target in present]
    return numbers.permutation(np.concatenate(drawn))[:wanted]


def _repeated(samples: NDArray[np.intp], wanted: int, numbers: np.random.Generator) -> NDArray[np.intp]:
    """Return so many of some samples: all of them in a random order, as often as need be."""
    return np.concatenate([numbers.permutation(samples) for _ in range(-(-wanted // samples.size))])[:wanted]


def _times_before(order: NDArray[np.intp]) -> list[int]:
    """Return for each place of an order how often its sample came before: drawn again, a sample is augmented anew."""
    seen: Counter[int] = Counter()
    times = []
    for number in order.tolist():
        times.append(seen[number])
        seen[number] += 1
    return times


def epoch_batches(
    windows: Sequence[Window], classes: int, settings: ClassifierSettings, fold: int, epoch: int, rank: int = 0, count: int = 1
) -> Iterator[Batch]:
    """Yield the batches of an epoch; an incomplete last batch is left out (its samples differ each epoch).

    Of each batch one of ``count`` processes gets the samples ``rank``, ``rank + count``, ...
    """
    order = epoch_order([window.target for window in windows], settings, fold, epoch)
    drawn = list(zip(order.tolist(), _times_before(order), strict=True))
    size = min(settings.batch, len(order))
    for start in range(0, len(order) - size + 1, size):
        part = drawn[start : start + size]
        own = part if settings.mixup else part[rank::count]  # partners may be another process's
        images = np.stack(
            [_augmented(windows[k], settings, generator(settings.seed, "augment", fold, epoch, k, times)) for k, times in own]
        )
        shares = np.eye(classes, dtype=np.float32)[[windows[k].target for k, _ in own]]
        if settings.mixup:
            mixing = draw_mixing(len(own), generator(settings.seed, "mixup", fold, epoch, start), alpha=settings.mixup)
            images, shares = mixed(images, mixing)[rank::count], mixed(shares, mixing)[rank::count]
        yield Batch(torch.from_numpy(images)[:, None], torch.from_numpy(shares))


def plain_batches(windows: Sequence[Window], size: int) -> Iterator[Tensor]:
    """Yield windows as they are, in their order, (N, 1, rows, cols)."""
    for start in range(0, len(windows), size):
        levels = np.stack([window.pixels for window in windows[start : start + size]])
        yield torch.from_numpy(levels.astype(np.float32) / 255)[:, None]


def _augmented(window: Window, settings: ClassifierSettings, numbers: np.random.Generator) -> NDArray[np.float32]:
    """Return a window as one drawing of the policy shows it; what the policy moves out of the frame is filled by its mirror image."""
    image = window.pixels.astype(np.float32) / np.float32(255)
    if settings.policy == "none":
        return image
    policy, shape = policy_named(settings.policy), (image.shape[0], image.shape[1])
    own = {**policy.settings, **({"frame": "kept"} if "frame" in policy.settings else {})}
    operations = draw_operations(policy, shape, int(numbers.integers(policy.copies)), numbers, own)
    moved = replay(Example(image), operations, border="mirror", keep_black=settings.modality == "MG").image
    if moved.shape != shape:
        moved = cv2.resize(moved, shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(moved, np.float32)

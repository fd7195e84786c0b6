"""From samples to batches: order, augmentation, and what is known of each augmented sample.

Every draw comes from (seed, fold, epoch, sample), so a batch does not depend on what was computed before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from breastcad.augment.applying import apply
from breastcad.augment.drawing import Augmentation, draw
from breastcad.augment.geometry import frame_of
from breastcad.augment.operations import FRAME
from breastcad.augment.policies import draw_operations, policy_named
from breastcad.augment.replaying import Example, replay
from breastcad.core.records import FindingRow
from breastcad.core.seeding import generator
from breastcad.models.lesion_network import DESCRIPTORS, SHAPES
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.losses import Targets
from breastcad.train.samples import MALIGNANT, UNKNOWN, Sample

SEEN_SHARE, HIDDEN_SHARE = 0.5, 0.05


def epoch_batches(
    samples: list[Sample], settings: LesionSettings, fold: int, epoch: int, rank: int = 0, count: int = 1
) -> Iterator[tuple[Tensor, Targets]]:
    """Yield the batches of an epoch in its own order; an incomplete last batch is left out (its samples differ each epoch).

    Of each batch one of ``count`` processes gets the samples ``rank``, ``rank + count``, ...

    Yields
    ------
    images : (N, 1, rows, cols) float32 Tensor
    targets : Targets
    """
    order = generator(settings.seed, "order", fold, epoch).permutation(len(samples))
    size = min(settings.batch, len(samples))
    for start in range(0, len(samples) - size + 1, size):
        own = order[start : start + size][rank::count]
        yield _stacked([_augmented(samples[k], settings, generator(settings.seed, "augment", fold, epoch, int(k))) for k in own])


def plain_batches(samples: list[Sample], settings: LesionSettings) -> Iterator[tuple[list[Sample], Tensor]]:
    """Yield samples as they are, in their own order."""
    for start in range(0, len(samples), settings.batch):
        part = samples[start : start + settings.batch]
        yield part, torch.from_numpy(np.stack([sample.image for sample in part]).astype(np.float32) / 255)[:, None]


Focus = tuple[float, float, float]
Shown = tuple[NDArray[np.float32], NDArray[np.uint8], Augmentation]
Known = tuple[NDArray[np.float32], NDArray[np.uint8], float, tuple[float, float], tuple[float, float], Focus, list[float]]


def _augmented(sample: Sample, settings: LesionSettings, numbers: np.random.Generator) -> Known:
    films = settings.pipeline == "mammogram"
    if settings.policy != "none":
        image, lesions, drawn = _by_policy(sample, settings.policy, numbers, films=films)
    else:
        image, lesions, drawn = _by_strength(sample, settings, numbers, films=films)
    labels, weights = what_shows(sample, lesions, drawn)
    return image, lesions, float(sample.placed), labels, weights, _focus(lesions, numbers), descriptors(sample.findings)


def _by_strength(sample: Sample, settings: LesionSettings, numbers: np.random.Generator, *, films: bool) -> Shown:
    tissue = sample.image > 0 if films else np.ones(sample.image.shape, bool)
    drawn = draw(sample.lesions, tissue, settings.augmentation, numbers)
    return *apply(sample.image, sample.lesions, drawn, mirror_border=not films), drawn


def _by_policy(sample: Sample, name: str, numbers: np.random.Generator, *, films: bool) -> Shown:
    """Draw one copy of a policy in the image's own frame; of what was drawn only the matrix at the lesions is told: how much is seen."""
    policy, shape = policy_named(name), (sample.image.shape[0], sample.image.shape[1])
    settings = {**policy.settings, "frame": "kept"}
    operations = draw_operations(policy, shape, int(numbers.integers(policy.copies)), numbers, settings)
    example = Example(sample.image.astype(np.float32) / np.float32(255), codes=sample.lesions)
    after = replay(example, operations, border="black" if films else "mirror", keep_black=films)
    matrix = frame_of([one for one in operations if one.moves == FRAME], shape).matrix
    assert after.codes is not None
    rows, cols = np.nonzero(after.codes)
    centre = (float(cols.mean()) + 0.5, float(rows.mean()) + 0.5) if rows.size else (shape[1] / 2, shape[0] / 2)
    return after.image, after.codes, Augmentation(matrix=_affine_at(matrix, centre))


def _affine_at(matrix: NDArray[np.float64], point: tuple[float, float]) -> tuple[float, ...]:
    """Return the affine map that a perspective is like at a (column, row): how large things are shown differs from place to place."""
    *seen, weight = matrix @ np.array([*point, 1.0])
    linear = (matrix[:2, :2] - np.outer(seen, matrix[2, :2]) / weight) / weight
    offset = np.array(seen) / weight - linear @ np.array(point)
    return tuple(float(value) for value in np.column_stack([linear, offset]).ravel())


def _focus(lesions: NDArray[np.uint8], numbers: np.random.Generator) -> Focus:
    """Draw one of the visible lesions: its centre and its longer side."""
    count, _, boxes, _ = cv2.connectedComponentsWithStats((lesions > 0).astype(np.uint8))
    if count < 2:
        return math.nan, math.nan, math.nan
    left, top, width, height, _ = (int(edge) for edge in boxes[numbers.integers(1, count)])
    return top + height / 2, left + width / 2, float(max(height, width))


def descriptors(findings: Sequence[FindingRow]) -> list[float]:
    """Return 1 or 0 for each of `DESCRIPTORS` of an image's one finding with a place; not a number where it has several, or nobody said.

    Shape and margin may have several words ("OVAL-LOBULATED"); BI-RADS 0 is no assessment.
    """
    if len(findings) != 1:
        return [math.nan] * len(DESCRIPTORS)
    one = findings[0]
    shape, margin = ((text or "").upper().split("-") for text in (one.shape, one.margin))
    numbers = {"birads": _leading_number(one.birads), "subtlety": _leading_number(one.subtlety)}
    found = []
    for number, name in enumerate(DESCRIPTORS):
        word, _, least = name.partition(" ")
        if least:
            found.append(float(numbers[word] >= int(least)) if numbers[word] else math.nan)
        else:
            words = shape if number < SHAPES else margin
            found.append(float(name in words) if words != [""] else math.nan)
    return found


def _leading_number(value: object) -> int:
    """Return the whole number that a value begins with ("4a"), 0 where there is none."""
    text = str(value or "")[:1]
    return int(text) if text.isdigit() else 0


def what_shows(sample: Sample, lesions: NDArray[np.uint8], drawn: Augmentation) -> tuple[tuple[float, float], tuple[float, float]]:
    """Say what an augmented sample shows: (abnormal, malignant) and the weights with which that is known.

    A window without the lesion, or an image whose lesion was replaced by other tissue, shows none; a lesion cut by the
    border is neither here nor there. Where an abnormal image has no placed lesion its label holds for the whole image
    only if nothing was cut away. So each class comes from every set: the set cannot stand for the class.
    """
    abnormal = sample.row.label in ("benign", "malignant")
    if sample.row.label == "unknown":
        return (0.0, 0.0), (0.0, 0.0)
    if not abnormal:
        return (0.0, 0.0), (1.0, 0.0)
    before = int(np.count_nonzero(sample.lesions))
    zoom = float(np.sqrt(abs(np.linalg.det(np.array(drawn.matrix).reshape(2, 3)[:, :2]))))
    if before == 0:
        return (1.0, float(sample.row.label == "malignant")), (float(zoom > SEEN_SHARE), float(zoom > SEEN_SHARE))
    seen = np.count_nonzero(lesions) * zoom**2 / before
    elsewhere = sample.row.label == "malignant" and not (sample.lesions == MALIGNANT).any()
    if seen < HIDDEN_SHARE:
        # A lesion that has no place may still be there.
        return (0.0, 0.0), (float(sample.placed and not elsewhere), 0.0)
    known = float(seen > SEEN_SHARE)
    if (lesions == MALIGNANT).any():
        return (1.0, 1.0), (known, known)
    uncertain = bool((lesions == UNKNOWN).any()) and sample.row.label == "malignant"
    return (1.0, float(elsewhere or uncertain)), (known, known)


def _stacked(drawn: list[Known]) -> tuple[Tensor, Targets]:
    images, lesions, placed, labels, weights, focus, described = zip(*drawn, strict=True)
    targets = Targets(
        lesions=torch.from_numpy(np.stack(lesions)),
        map_weight=torch.tensor(placed),
        labels=torch.tensor(labels),
        label_weights=torch.tensor(weights),
        focus=torch.tensor(focus),
        descriptors=torch.tensor(described),
    )
    return torch.from_numpy(np.stack(images))[:, None], targets

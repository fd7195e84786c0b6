"""What an augmented sample shows, and that a batch does not depend on what came before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from breastcad.augment.drawing import IDENTITY  # noqa: E402
from breastcad.train.batches import epoch_batches, what_shows  # noqa: E402
from breastcad.train.samples import Sample  # noqa: E402
from breastcad.train.settings import Settings  # noqa: E402

HALF_VIEW = replace(IDENTITY, matrix=(0.4, 0.0, 0.0, 0.0, 0.4, 0.0))


def one(samples: list[Sample], label: str) -> Sample:
    return next(sample for sample in samples if sample.row.label == label)


def test_whole_images_show_their_label(samples: list[Sample]) -> None:
    shown = {label: what_shows(one(samples, label), one(samples, label).lesions, IDENTITY) for label in ("normal", "benign", "malignant")}
    assert shown == {
        "normal": ((0.0, 0.0), (1.0, 0.0)),
        "benign": ((1.0, 0.0), (1.0, 1.0)),
        "malignant": ((1.0, 1.0), (1.0, 1.0)),
    }


def test_lesion_out_of_view_shows_none(samples: list[Sample]) -> None:
    sample = one(samples, "malignant")
    assert what_shows(sample, np.zeros_like(sample.lesions), HALF_VIEW) == ((0.0, 0.0), (1.0, 0.0))


def test_lesion_cut_in_two_is_not_counted(samples: list[Sample]) -> None:
    sample = one(samples, "benign")
    cut = sample.lesions.copy()
    rows = np.flatnonzero(cut.any(axis=1))
    cut[rows[len(rows) // 3] :] = 0
    assert what_shows(sample, cut, IDENTITY)[1] == (0.0, 0.0)


def test_abnormal_image_without_place_counts_only_as_a_whole(samples: list[Sample]) -> None:
    sample = replace(one(samples, "malignant"), lesions=np.zeros((64, 64), np.uint8), placed=False)
    assert what_shows(sample, sample.lesions, IDENTITY) == ((1.0, 1.0), (1.0, 1.0))
    assert what_shows(sample, sample.lesions, HALF_VIEW)[1] == (0.0, 0.0)


def test_malignant_film_with_benign_masses_only_is_malignant_as_a_whole(samples: list[Sample]) -> None:
    sample = one(samples, "benign")
    worse = replace(sample, row=replace(sample.row, label="malignant"))
    assert what_shows(worse, worse.lesions, IDENTITY) == ((1.0, 1.0), (1.0, 1.0))


def test_unknown_label_counts_nowhere(samples: list[Sample]) -> None:
    sample = one(samples, "benign")
    unknown = replace(sample, row=replace(sample.row, label="unknown"))
    assert what_shows(unknown, unknown.lesions, IDENTITY)[1] == (0.0, 0.0)


def test_an_epoch_is_the_same_whatever_came_before(samples: list[Sample], settings: Settings) -> None:
    list(epoch_batches(samples, settings, 0, 0))
    first = [images for images, _ in epoch_batches(samples, settings, 0, 1)]
    second = [images for images, _ in epoch_batches(samples, settings, 0, 1)]
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    other_epoch = next(iter(epoch_batches(samples, settings, 0, 2)))[0]
    assert not torch.equal(first[0], other_epoch)

"""Mixing: images and labels by the same shares."""

from __future__ import annotations

import numpy as np
import pytest

from breastcad.augment.mixing import Mixing, draw_mixing, mixed
from breastcad.core.seeding import generator


def test_images_and_labels_are_mixed_by_the_same_draw() -> None:
    images = np.random.default_rng(0).random((3, 4, 5), dtype=np.float32)
    drawn = [Mixing(2, 0.25), Mixing(1, 0.5), Mixing(0, 1.0)]
    after = mixed(images, drawn)
    np.testing.assert_allclose(after[0], 0.25 * images[0] + 0.75 * images[2], atol=1e-6)
    np.testing.assert_array_equal(after[1], images[1])
    np.testing.assert_array_equal(after[2], images[2])
    labels = mixed(np.eye(3), drawn)
    np.testing.assert_allclose(labels, [[0.25, 0, 0.75], [0, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(labels.sum(axis=1), 1)


def test_each_partner_comes_once_and_the_seed_decides() -> None:
    first, again = (draw_mixing(20, generator(1, "mix"), alpha=0.4) for _ in range(2))
    assert first == again
    assert sorted(one.partner for one in first) == list(range(20))
    assert all(0 <= one.share <= 1 for one in first)


def test_what_cannot_be_mixed_is_refused() -> None:
    with pytest.raises(ValueError, match="alpha must be above 0, got 0"):
        draw_mixing(2, generator(1), alpha=0)
    with pytest.raises(ValueError, match="there must be one draw a sample, got 1 for 2"):
        mixed(np.zeros((2, 3)), [Mixing(0, 1.0)])

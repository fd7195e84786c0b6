"""Where windows that are no grid lie: anywhere away from lesions, and by a map of weights."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from breastcad.core.placement import Placement
from breastcad.core.seeding import generator
from breastcad.patches.methods import SMALLER, Scene, Windows, density
from breastcad.patches.sampling import places_away, places_by_weight, weight_map
from breastcad.patches.settings import Density

SHAPE = 60, 90


def windows_of(pixels: NDArray[np.float32], settings: Density) -> Windows:
    """Return windows of a scan without a finding."""
    return density(Scene(pixels.shape, (), None, lambda: pixels, True, generator(0, "scene")), settings)


def test_places_away_end_where_there_are_not_enough() -> None:
    tops, lefts = places_away((Placement(), (4, 5)), 3, 50, lambda tops, lefts: tops >= 0, generator(0, "x"))
    assert sorted(zip(tops.tolist(), lefts.tolist(), strict=True)) == [(row, col) for row in range(2) for col in range(3)]


@pytest.mark.parametrize("pixels", [np.zeros((9, 5), np.float32), np.full((9, 5), 0.4, np.float32), np.full((1, 1), np.nan, np.float32)])
def test_weights_of_images_without_contrast_are_alike(pixels: NDArray[np.float32]) -> None:
    weights = weight_map(pixels, None, 0.5)
    assert weights.shape == pixels.shape
    assert weights == pytest.approx(np.full(pixels.shape, 1 / pixels.size))


def test_places_by_weight_are_those_of_weight_alone() -> None:
    weights = np.zeros((6, 9))
    weights[3, 4] = 1
    tops, lefts = places_by_weight(weights, SHAPE, (Placement(), SHAPE), 10, generator(0, "w"))
    assert tops.size == 1
    assert 30 <= tops[0] + 5 <= 40
    assert 40 <= lefts[0] + 5 <= 50


def test_places_by_weight_lie_on_a_resized_image_too() -> None:
    """The cell of rows 30 to 40 and columns 40 to 50 of 60 x 90 is rows 60 to 80, columns 20 to 25 of 120 x 45."""
    weights = np.zeros((6, 9))
    weights[3, 4] = 1
    tops, lefts = places_by_weight(weights, SHAPE, (Placement().resized(SHAPE, (120, 45)), (120, 45)), 10, generator(0, "w"))
    assert 60 <= tops[0] + 5 <= 80
    assert 20 <= lefts[0] + 5 <= 25


def test_brightness_and_gradient_each_weigh_by_their_own_mean() -> None:
    """An even left half, a half of dots: by tissue=0.25 a quarter of all weight is spread as brightness is, three as gradients are."""
    pixels = np.full((20, 30), 0.5, np.float32)
    pixels[5:15:4, 20] = 0.9
    brightness, gradient, both = (weight_map(pixels, None, tissue) for tissue in (1.0, 0.0, 0.25))
    assert both == pytest.approx(0.25 * brightness + 0.75 * gradient)
    assert brightness == pytest.approx(pixels / pixels.sum(dtype=float))


def test_density_windows_lie_where_tissue_and_edges_are() -> None:
    pixels = np.zeros((120, 80), np.float32)
    pixels[40:80, 20:60] = 0.8
    found = windows_of(pixels, Density(window=16, number=60, tissue=1))
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    assert len(found.boxes) == 60
    assert centres.min(axis=0).tolist() >= [40, 20]
    assert (centres.max(axis=0) <= [80, 60]).all()
    edges = windows_of(pixels, Density(window=16, number=60, tissue=0))
    away = np.abs((edges.boxes[:, :2] + edges.boxes[:, 2:]) / 2 - [60, 40]).max(axis=1)
    assert away.min() >= 17  # along the square's sides, 20 from its centre


def test_density_tells_what_is_missing() -> None:
    found = windows_of(np.full((10, 12), 0.5, np.float32), Density(window=9, number=50))
    assert len(found.boxes) == found.missing[0].placed <= 8
    assert windows_of(np.full((10, 12), 0.5, np.float32), Density(window=11, number=5)).missing[0].reason == SMALLER

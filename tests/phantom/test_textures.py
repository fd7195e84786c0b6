"""Fields and outlines: the spectrum asked for, outlines that fill, and no dependence on anything but the generator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.geometry import box_of_mask
from breastcad.core.seeding import generator
from breastcad.phantom.textures import blob_outline, fill_outline, power_law, smooth_curve, soften


def spectral_exponent(field: np.ndarray, low: int, high: int) -> float:
    """Return the exponent of 1 / f**beta by a straight line through the radially averaged log spectrum."""
    side = field.shape[0]
    power = np.abs(np.fft.fftshift(np.fft.fft2(field))) ** 2
    rows, cols = np.indices(power.shape) - side // 2
    ring = np.hypot(rows, cols).astype(int)
    profile = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
    places = np.arange(low, high)
    return float(-np.polyfit(np.log(places), np.log(profile[places]), 1)[0])


@pytest.mark.parametrize("beta", [2.0, 3.0, 4.0])
def test_the_spectrum_falls_with_the_exponent_asked_for(beta: float) -> None:
    field = power_law(generator(1, "spectrum"), 256, 256, beta=beta, coarsest_px=1e6)
    assert spectral_exponent(field, 4, 90) == pytest.approx(beta, abs=0.12)


@given(rows=st.integers(1, 70), cols=st.integers(1, 70), seed=st.integers(0, 50))
def test_a_field_has_the_size_asked_for_and_is_finite(rows: int, cols: int, seed: int) -> None:
    field = power_law(generator(seed, "field"), rows, cols, beta=3, coarsest_px=20)
    assert field.shape == (rows, cols)
    assert field.dtype == np.float32
    assert np.isfinite(field).all()


def test_stretched_structures_are_longer_along_columns() -> None:
    field = power_law(generator(2, "stretch"), 200, 300, beta=3, coarsest_px=40, stretch=(1.0, 5.0))
    down, across = np.abs(np.diff(field, axis=0)).mean(), np.abs(np.diff(field, axis=1)).mean()
    assert down > 2 * across


def test_an_empty_field_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row and one column, got 0 x 5"):
        power_law(generator(1), 0, 5, beta=3, coarsest_px=10)


def test_a_smooth_curve_has_no_jumps() -> None:
    curve = smooth_curve(generator(3), 400, waves=4)
    assert np.abs(np.diff(curve)).max() < 0.1


def test_a_blob_without_roughness_is_its_ellipse() -> None:
    """Radii 10 rows by 30 columns about (40, 60): pixel centres inside reach from row 30 to 50 and column 30 to 90."""
    mask = fill_outline((90, 120), blob_outline(generator(1), (40, 60), (10, 30), angle=0.0, waves=3, roughness=0.0))
    assert box_of_mask(mask) == pytest.approx((30, 30, 50, 90), abs=1)
    assert mask.sum() == pytest.approx(np.pi * 10 * 30, rel=0.06)


def test_roughness_makes_an_outline_longer_than_its_ellipse() -> None:
    def length(roughness: float) -> float:
        outline = blob_outline(generator(4), (50, 50), (20, 20), angle=0.0, waves=10, roughness=roughness)
        return float(np.hypot(*np.diff(outline, axis=0, append=outline[:1]).T).sum())

    assert length(0.15) > 1.15 * length(0.0)


def test_an_outline_smaller_than_a_pixel_still_has_one() -> None:
    outline = np.array([[3.1, 4.1], [3.1, 4.2], [3.2, 4.2]])
    assert fill_outline((8, 9), outline).sum() == 1


def test_softening_keeps_the_mean_and_a_hair_of_blur_changes_nothing() -> None:
    field = power_law(generator(5), 64, 48, beta=1, coarsest_px=1000)
    assert soften(field, 0.1) is field
    assert soften(field, 2.0).std() < 0.6 * field.std()

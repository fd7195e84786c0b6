"""Made-up ultrasound: dark lesions, shadow and enhancement behind them, speckle of the right statistics, overlays that are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breastcad.core.seeding import generator
from breastcad.phantom.record import Phantom
from breastcad.phantom.ultrasound import speckle, ultrasound


def made(*path: str | int, rows: int = 300, cols: int = 380, **settings: object) -> Phantom:
    return ultrasound(generator(1, "test", *path), rows, cols, **settings)  # type: ignore[arg-type]


def behind_against_beside(picture: Phantom) -> float:
    """Return how much brighter it is just behind a lesion than at the same depth beside it."""
    _, col0, row1, col1 = map(int, picture.boxes[0])
    rows, quarter = slice(row1 + 6, row1 + 40), (col1 - col0) // 4
    behind = picture.pixels[rows, col0 + quarter : col1 - quarter]
    beside = np.concatenate([picture.pixels[rows, col0 - 45 : col0 - 12], picture.pixels[rows, col1 + 12 : col1 + 45]], axis=1)
    return float(behind.mean() - beside.mean())


@settings(max_examples=15)
@given(
    rows=st.integers(48, 220),
    cols=st.integers(48, 220),
    lesion=st.sampled_from([None, "benign", "malignant"]),
    calipers=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_size_gives_a_picture_and_a_mask_for_each_lesion(rows: int, cols: int, lesion: str | None, calipers: bool, seed: int) -> None:
    picture = ultrasound(generator(seed, "any"), rows, cols, lesion=lesion, calipers=calipers)
    assert picture.pixels.shape == (rows, cols)
    assert picture.pixels.dtype == np.float32
    assert 0 <= picture.pixels.min() <= picture.pixels.max() <= 1
    assert picture.label == (lesion or "normal")
    assert all(mask.any() and mask.shape == (rows, cols) for mask in picture.masks)
    assert picture.regions["overlay"].any() == calipers


def test_the_same_seed_gives_the_same_picture_and_another_another() -> None:
    first, again, other = made("a", lesion="benign"), made("a", lesion="benign"), made("b", lesion="benign")
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.masks[0], again.masks[0])
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("pathology", ["benign", "malignant"])
@pytest.mark.parametrize("number", range(4))
def test_a_lesion_is_darker_than_what_surrounds_it(pathology: str, number: int) -> None:
    picture = made("dark", pathology, number, lesion=pathology)
    mask = picture.masks[0]
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    around = (distance > 4) & (distance < 16)
    assert picture.pixels[mask].mean() < picture.pixels[around].mean() - 0.08


@pytest.mark.parametrize("number", range(8))
def test_benign_lesions_are_wider_than_tall_and_malignant_ones_taller_than_wide(number: int) -> None:
    for pathology, taller in (("benign", False), ("malignant", True)):
        row0, col0, row1, col1 = made("shape", number, lesion=pathology).boxes[0]
        assert (row1 - row0 > col1 - col0) == taller


@pytest.mark.parametrize("number", range(4))
def test_sound_is_enhanced_behind_benign_and_lost_behind_malignant_lesions(number: int) -> None:
    assert behind_against_beside(made("behind", number, lesion="benign", ribs=False)) > 0.02
    assert behind_against_beside(made("behind", number, lesion="malignant", ribs=False)) < -0.05


def test_several_lesions_stand_side_by_side_in_their_order() -> None:
    picture = made("several", cols=500, lesion=["malignant", "benign", "benign"])
    assert [lesion.pathology for lesion in picture.lesions] == ["malignant", "benign", "benign"]
    assert [box[1] for box in picture.boxes] == sorted(box[1] for box in picture.boxes)
    assert np.sum(picture.masks, axis=0).max() == 1


def test_speckle_is_rayleigh_distributed() -> None:
    """A Rayleigh variable has mean / standard deviation = sqrt(pi / (4 - pi)) = 1.913, and mean square one here."""
    amplitude = speckle(generator(1, "speckle"), 600, 800)
    assert (amplitude**2).mean() == pytest.approx(1, abs=1e-3)
    assert amplitude.mean() / amplitude.std() == pytest.approx(1.913, abs=0.03)


def test_speckle_is_wider_than_deep() -> None:
    amplitude = speckle(generator(2, "speckle"), 600, 800)
    assert np.abs(np.diff(amplitude, axis=0)).mean() > 1.3 * np.abs(np.diff(amplitude, axis=1)).mean()


def test_ribs_shadow_the_depth() -> None:
    without, with_ribs = made("ribs", ribs=False), made("ribs", ribs=True)
    assert (without.meta["ribs"], with_ribs.meta["ribs"]) == ("no", "yes")
    assert with_ribs.pixels[-30:].mean() < without.pixels[-30:].mean()


def test_caliper_crosses_stand_at_the_ends_of_the_lesions_diameters() -> None:
    picture = made("calipers", lesion="benign", calipers=True)
    row0, col0, row1, col1 = picture.boxes[0]
    overlay = picture.regions["overlay"]
    for row, col in (((row0 + row1) / 2, col0), ((row0 + row1) / 2, col1), (row0, (col0 + col1) / 2), (row1, (col0 + col1) / 2)):
        assert overlay[round(row), round(col)]
        assert picture.pixels[round(row), round(col)] == 1


def test_what_is_burnt_in_is_all_that_calipers_change() -> None:
    plain, marked = made("same", lesion="benign"), made("same", lesion="benign", calipers=True)
    assert np.array_equal(plain.pixels != marked.pixels, (plain.pixels != marked.pixels) & marked.regions["overlay"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cols": 40}, "at least 48 rows and columns, got 300 x 40"),
        ({"lesion": ["benign", "cyst"]}, "lesion must be 'benign' or 'malignant', got 'cyst'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made("refused", **settings)

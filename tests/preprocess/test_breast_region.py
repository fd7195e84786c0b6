"""The breast's outline and its muscle: what they must not depend on, what made-up films hold, and what the labels say."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.preprocess.breast_region import breast_region
from breastcad.preprocess.pectoral import Muscle, pectoral_muscle


def film(rows: int = 300, cols: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Return a half-ellipse of tissue at the left border, off centre, that fades out at its rim, and its mask."""
    row, col = np.mgrid[:rows, :cols] + 0.5
    away = np.sqrt(((row - 0.55 * rows) / (0.35 * rows)) ** 2 + (col / (0.6 * cols)) ** 2)
    return (0.03 + 0.5 * np.clip((1 - away) / 0.2, 0, 1)).astype(np.float32), away <= 1


def with_muscle(rows: int = 400, cols: int = 260) -> tuple[np.ndarray, np.ndarray]:
    """Return a breast with a brighter triangle in its upper left corner, and the triangle."""
    row, col = np.mgrid[:rows, :cols] + 0.5
    breast = ((row - 0.45 * rows) / (0.6 * rows)) ** 2 + (col / (0.8 * cols)) ** 2 <= 1
    muscle = col / (0.45 * cols) + row / (0.5 * rows) < 1
    noise = np.random.default_rng(3).normal(0, 0.01, breast.shape)
    pixels = np.where(breast, np.where(muscle, 0.75, 0.4), 0.03) + noise
    return cv2.GaussianBlur(np.clip(pixels, 0.001, 1), (0, 0), 1.5).astype(np.float32), muscle & breast


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_the_rim_that_otsu_cuts_is_breast() -> None:
    pixels, breast = film()
    cut, _ = cv2.threshold(np.rint(pixels * 255).astype(np.uint8), 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    plain = dice(pixels > cut / 255, breast)
    assert plain < 0.93
    assert dice(breast_region(pixels), breast) > 0.97


@given(st.tuples(*[st.integers(0, 60)] * 4))
def test_black_padding_changes_nothing_but_the_offset(margins: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = margins
    pixels, _ = film(120, 90)
    padded = breast_region(np.pad(pixels, ((top, bottom), (left, right))))
    inner = padded[top : top + 120, left : left + 90]
    assert np.array_equal(inner, breast_region(pixels))
    assert padded.sum() == inner.sum()


def test_padding_with_a_stray_bright_line_is_cut_off_too() -> None:
    pixels, _ = film()
    padded = np.pad(pixels, ((0, 1), (40, 40)))
    padded[-1] = 0.2
    assert dice(breast_region(padded)[:-1, 40:-40], breast_region(pixels)) > 0.99


@pytest.mark.parametrize("seed", [2, 5])
def test_mirrors_turns_and_sixteen_bits_commute(seed: int) -> None:
    """Not bit by bit: areas of an odd size are summed in another order, and levels are rounded."""
    pixels = mammogram(generator(seed, "region"), 500, 340).pixels
    region = breast_region(pixels)
    for there in (lambda a: a[:, ::-1], lambda a: a[::-1]):
        assert dice(there(breast_region(np.ascontiguousarray(there(pixels)))), region) > 0.995
    assert dice(breast_region(np.ascontiguousarray(pixels.T)).T, region) > 0.99
    bits = [breast_region((np.rint(pixels * white) / white).astype(np.float32)) for white in (255, 65535)]
    assert dice(*bits) > 0.99


def test_half_the_size_gives_the_mask_of_half_the_size() -> None:
    pixels = mammogram(generator(4, "region"), 1000, 700).pixels
    half = cv2.resize(pixels, (350, 500), interpolation=cv2.INTER_AREA)
    small = cv2.resize(breast_region(pixels).astype(np.uint8), (350, 500), interpolation=cv2.INTER_AREA) > 0
    assert dice(breast_region(half), small) > 0.98


def test_labels_edges_stripes_and_strips_of_tape_fall_off() -> None:
    pixels, breast = film()
    pixels[10:30, 150:190] = 1.0  # a label
    pixels[-3:] = pixels[:, -3:] = 1.0  # white film edges
    pixels[:, 130:132] = 0.9  # a scanner stripe
    pixels[260:, :4] = 0.8  # tape below the breast, along the chest wall
    assert dice(breast_region(pixels), breast) > 0.95


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_an_image_without_contrast_has_no_breast(level: float) -> None:
    assert not breast_region(np.full((40, 60), level, np.float32)).any()


def test_a_film_that_tissue_fills_is_all_breast() -> None:
    tissue = 0.5 + 0.1 * np.random.default_rng(1).random((300, 200), np.float32)
    assert breast_region(tissue).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (32, 32), (12, 9)])
def test_small_images_do_not_fail(shape: tuple[int, int]) -> None:
    assert breast_region(np.random.default_rng(0).random(shape, dtype=np.float32)).shape == shape


def test_what_is_no_film_is_refused() -> None:
    with pytest.raises(ValueError, match="rows and columns, got shape \\(2, 3, 3\\)"):
        breast_region(np.zeros((2, 3, 3), np.float32))
    with pytest.raises(ValueError, match="rows and columns"):
        breast_region(np.zeros((0, 3), np.float32))
    pixels, _ = film()
    pixels[150, 10] = np.nan
    with pytest.raises(ValueError, match="finite"):
        breast_region(pixels)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_muscle_is_found_on_either_side_and_lies_in_the_breast(mirrored: bool) -> None:
    pixels, muscle = with_muscle()
    if mirrored:
        pixels, muscle = np.ascontiguousarray(pixels[:, ::-1]), muscle[:, ::-1]
    breast = breast_region(pixels)
    found = pectoral_muscle(pixels, breast, view="MLO")
    assert dice(found.mask, muscle) > 0.95
    assert not (found.mask & ~breast).any()
    assert found.reason == ""


def test_muscle_of_the_mirrored_film_is_the_mirrored_muscle() -> None:
    pixels, _ = with_muscle()
    breast = breast_region(pixels)
    mirrored = pectoral_muscle(np.ascontiguousarray(pixels[:, ::-1]), np.ascontiguousarray(breast[:, ::-1]))
    assert dice(mirrored.mask[:, ::-1], pectoral_muscle(pixels, breast).mask) > 0.995


@pytest.mark.parametrize("shape", [(800, 260), (300, 500)])
def test_a_lost_aspect_does_not_matter(shape: tuple[int, int]) -> None:
    pixels, muscle = with_muscle()
    squeezed = cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_LINEAR)
    wanted = cv2.resize(muscle.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    assert dice(pectoral_muscle(squeezed, breast_region(squeezed)).mask, wanted) > 0.94


def reason(found: Muscle) -> str:
    assert not found.mask.any()
    return found.reason


def test_where_no_muscle_can_be_known_the_mask_is_empty_and_says_why() -> None:
    pixels, _ = film()
    breast = breast_region(pixels)
    assert reason(pectoral_muscle(pixels, breast, view="CC")) == "view CC: the muscle is looked for on MLO films"
    assert reason(pectoral_muscle(pixels, breast)) == "no edge of a muscle that is clear enough"
    assert reason(pectoral_muscle(pixels, np.zeros_like(breast))) == "neither side of the breast is clearly the chest wall"
    assert reason(pectoral_muscle(pixels, np.ones_like(breast))) == "neither side of the breast is clearly the chest wall"
    with pytest.raises(ValueError, match=r"one shape, got \(300, 200\) and \(3, 4\)"):
        pectoral_muscle(pixels, np.zeros((3, 4), bool))


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_made_up_views_are_told_apart(seed: int) -> None:
    """Without being told the view: a muscle on the MLO, none on the CC."""
    mlo, cc = (mammogram(generator(seed, "muscle", view), 600, 400, view=view) for view in ("MLO", "CC"))
    assert dice(pectoral_muscle(mlo.pixels, breast_region(mlo.pixels)).mask, mlo.regions["pectoral"]) > 0.85
    assert not pectoral_muscle(cc.pixels, breast_region(cc.pixels)).mask.any()


@pytest.mark.realdata
def test_labelled_films_are_cut_as_their_labels_say(real_data: Path) -> None:
    """Every tenth film of the tissue labels; docs/breast-region.md has all sixty."""
    from breastcad.read import open_picture

    paths = sorted((real_data / "ddsm-tissue" / "films").glob("*.png"))[::10]
    if not paths:
        pytest.skip("the DDSM tissue labels are not here")
    breasts, muscles = [], []
    for path in paths:
        pixels = open_picture(path).pixels
        label = np.rint(open_picture(path.parents[1] / "labels" / f"{path.stem}_LI.png").pixels * 255)
        region = breast_region(pixels)
        breasts.append(dice(region, label >= 128))
        muscles.append(dice(pectoral_muscle(pixels, region, view="MLO").mask, label == 255))
    assert min(breasts) > 0.92
    assert np.median(muscles) > 0.93

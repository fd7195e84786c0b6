"""Candidates, percent density and artefacts of a mammogram on made-up films whose answers are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from breastcad.core.geometry import box_centre
from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.preprocess.artefacts import without_artefacts
from breastcad.preprocess.candidates import candidates
from breastcad.preprocess.density import percent_density

EVERYWHERE = np.ones((400, 300), bool)


def grainy(rows: int = 400, cols: int = 300) -> np.ndarray:
    return (0.35 + np.random.default_rng(7).normal(0, 0.01, (rows, cols))).astype(np.float32)


def with_discs(*discs: tuple[int, int, int, float]) -> np.ndarray:
    pixels = grainy()
    for row, col, radius, level in discs:
        cv2.circle(pixels, (col, row), radius, level, cv2.FILLED)
    return pixels


def test_the_clearer_disc_comes_first_and_boxes_lie_round_them() -> None:
    found = candidates(with_discs((120, 80, 16, 0.4), (300, 210, 16, 0.8)), EVERYWHERE, most=2)
    assert [tuple(round(side, -1) for side in box_centre(one.box)) for one in found] == [(300, 210), (120, 80)]
    assert found[0].score > found[1].score > 0


def test_candidates_lie_in_the_tissue_and_apart() -> None:
    tissue = np.zeros((400, 300), bool)
    tissue[40:360, 60:260] = True
    found = candidates(grainy(), tissue, most=16)
    centres = [box_centre(one.box) for one in found]
    assert 4 < len(found) <= 16
    assert all(tissue[int(row), int(col)] for row, col in centres)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_mirrored_films_have_mirrored_candidates() -> None:
    pixels = with_discs((120, 80, 14, 0.6), (300, 210, 20, 0.8))
    plain, mirrored = (candidates(np.ascontiguousarray(film), EVERYWHERE, most=2) for film in (pixels, pixels[:, ::-1]))
    for one, other in zip(plain, mirrored, strict=True):
        assert (other.box[0], 300 - other.box[3], 300 - other.box[1]) == pytest.approx((one.box[0], one.box[1], one.box[3]), abs=2)


def test_a_mass_of_a_made_up_film_is_among_the_candidates() -> None:
    made = mammogram(generator(2, "candidates"), 800, 520, lesion="malignant", kind="mass", density="A")
    tissue = made.regions["breast"] & ~made.regions["pectoral"]
    assert any(made.masks[0][int(row), int(col)] for row, col in (box_centre(one.box) for one in candidates(made.pixels, tissue, most=8)))


def test_no_tissue_no_candidates_and_arguments_are_checked() -> None:
    pixels = grainy()
    assert candidates(pixels, ~EVERYWHERE) == []
    assert candidates(np.full((400, 300), 0.5, np.float32), EVERYWHERE) == []
    assert candidates(np.zeros((1, 1), np.float32), np.ones((1, 1), bool)) == []
    with pytest.raises(ValueError, match="one shape"):
        candidates(pixels, np.ones((3, 4), bool))
    with pytest.raises(ValueError, match="most must be at least 1, got 0"):
        candidates(pixels, EVERYWHERE, most=0)


def test_denser_films_are_denser() -> None:
    """One made-up breast at four densities."""
    shares = []
    for density in "ABCD":
        made = mammogram(generator(6, "density"), 600, 400, density=density)
        shares.append(percent_density(made.pixels, made.regions["breast"], made.regions["pectoral"]).share)
    assert shares == sorted(shares)
    assert shares[3] > 2 * shares[0]


def test_density_leaves_the_muscle_out_and_needs_tissue() -> None:
    pixels = with_discs((100, 60, 30, 0.8), (300, 210, 12, 0.8))
    muscle = np.zeros_like(EVERYWHERE)
    muscle[:200] = True
    found = percent_density(pixels, EVERYWHERE, muscle)
    assert found.mask[300, 210]
    assert not found.mask[:200].any()
    assert found.share == pytest.approx(found.mask.sum() / (200 * 300))
    assert np.isnan(percent_density(pixels, ~EVERYWHERE, muscle).share)
    assert percent_density(np.full((400, 300), 0.5, np.float32), EVERYWHERE, ~EVERYWHERE).share == 0
    with pytest.raises(ValueError, match="one shape"):
        percent_density(pixels, EVERYWHERE, np.ones((3, 4), bool))


def test_objects_are_painted_over_and_the_film_outside_is_black() -> None:
    pixels = with_discs((200, 150, 5, 1.0))
    breast = np.zeros_like(EVERYWHERE)
    breast[50:350, 50:250] = True
    before = pixels.copy()
    cleaned, changed = without_artefacts(pixels, breast)
    assert np.array_equal(pixels, before)
    assert not cleaned[~breast].any()
    assert changed[200, 150]
    assert changed.sum() < 300
    assert abs(cleaned[changed].mean() - 0.35) < 0.02
    assert np.array_equal(cleaned[breast & ~changed], pixels[breast & ~changed])


def test_specks_masses_and_what_touches_the_rim_are_left() -> None:
    pixels = with_discs((100, 100, 40, 1.0), (2, 150, 3, 1.0))
    pixels[300, 200] = 1.0  # one pixel may be a calcification
    mass = cv2.GaussianBlur(with_discs((220, 80, 14, 0.9)), (0, 0), 6)
    for film in (pixels, mass, np.zeros_like(pixels), np.ones_like(pixels)):
        assert not without_artefacts(film, EVERYWHERE)[1].any()
    with pytest.raises(ValueError, match="one shape"):
        without_artefacts(pixels, np.ones((3, 4), bool))


def test_no_candidate_lies_within_the_radius_of_a_better_one() -> None:
    noise = np.random.default_rng(3).random((256, 256), np.float32)
    boxes = [one.box for one in candidates(noise, np.ones((256, 256), bool), most=40)]
    whole = [box for box in boxes if min(box[:2]) > 0 and max(box[2:]) < 256]  # those at the border are cut
    assert len(whole) > 10
    for place, box in enumerate(whole):
        for better in whole[:place]:
            apart = np.hypot(*np.subtract(box_centre(box), box_centre(better)))
            assert apart > max(box[2] - box[0], better[2] - better[0]) / 2


def test_glands_do_not_reach_into_the_skin() -> None:
    film, breast = np.zeros((240, 200), np.float32), np.zeros((240, 200), bool)
    breast[:, :100] = True
    film[breast] = 0.3
    film[100:140, 80:97] = 0.6
    found = percent_density(film, breast, np.zeros_like(breast)).mask
    assert found[120, 90]
    assert not found[:, 98:].any()

"""Marks of every kind are found, placed and named on made-up pictures; tissue alone gives none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from breastcad.core.seeding import generator
from breastcad.phantom.burnt_in_marks import LEAST_CONTRAST, MARK_KINDS, burn_in
from breastcad.phantom.ultrasound import ultrasound
from breastcad.preprocess.burnt_in import find_overlays, network_input
from breastcad.read import open_picture


def scan(seed: int = 7, rows: int = 240, cols: int = 330) -> NDArray[np.float32]:
    """Return a made-up scan, wider than high, without marks, at a low gain."""
    return np.float32(0.7) * ultrasound(generator(seed, "scan"), rows, cols, lesion="benign").pixels


def cross(pixels: NDArray[np.float32], row: int, col: int, arm: int = 7, level: float = 1.0, thick: int = 1) -> NDArray[np.float32]:
    """Return a picture with a plus sign."""
    drawn = pixels.copy()
    drawn[row - arm : row + arm + 1, col : col + thick] = level
    drawn[row : row + thick, col - arm : col + arm + 1] = level
    return drawn


@pytest.mark.parametrize("kind", MARK_KINDS)
def test_each_kind_is_found_where_it_is_and_named(kind: str) -> None:
    """Of twelve marks at least seven (of bars, whose dark ends are tissue's grey, five) are covered by half, half of those are named."""
    met = named = 0
    for number in range(12):
        made = burn_in(generator(11, kind, number), scan(number % 4), [kind], colour=False)
        own = np.any([mark.mask for mark in made.marks if mark.kind == kind] or [np.zeros(made.pixels.shape, bool)], axis=0)
        found = find_overlays(made.pixels)
        met += bool(own.any()) and found.mask[own].mean() > 0.5
        named += bool(own.any()) and (found.kinds == 1 + MARK_KINDS.index(kind))[own].mean() > 0.5
    assert met >= (5 if kind == "furniture" else 7)
    assert named >= 0.5 * met


@pytest.mark.quirk("BUSI-Q7", "BIS-Q3")
def test_a_cross_is_boxed_to_three_pixels() -> None:
    found = find_overlays(cross(scan(), 90, 200))
    assert [mark.kind for mark in found.marks] == ["caliper"]
    assert np.abs(np.array(found.marks[0].box) - (83, 193, 98, 208)).max() <= 3
    assert found.mask[83:98, 200].all()
    assert found.mask[90, 193:208].all()


@pytest.mark.parametrize("seed", range(5))
def test_tissue_alone_has_no_marks(seed: int) -> None:
    assert find_overlays(ultrasound(generator(100 + seed, "clean"), 300, 420, lesion="malignant").pixels).marks == ()


@pytest.mark.parametrize("axis", [0, 1])
def test_crosses_and_arrows_are_found_in_mirrored_pictures_too(axis: int) -> None:
    picture = cross(scan(), 60, 70)
    cv2.arrowedLine(picture, (220, 180), (250, 150), 0.95, 2, cv2.LINE_AA, tipLength=0.4)
    plain, mirrored = find_overlays(picture), find_overlays(np.ascontiguousarray(np.flip(picture, axis)))
    for found in (plain, mirrored):
        assert {"caliper", "arrow"} <= {mark.kind for mark in found.marks}
    assert (plain.mask & np.flip(mirrored.mask, axis)).sum() > 0.8 * plain.mask.sum()


@pytest.mark.parametrize(("arm", "thick"), [(4, 1), (6, 1), (8, 2), (11, 3)])
def test_crosses_of_many_sizes_and_strokes(arm: int, thick: int) -> None:
    assert "caliper" in [mark.kind for mark in find_overlays(cross(scan(), 100, 170, arm, 0.95, thick)).marks]


@pytest.mark.parametrize("shape", [(300, 400), (420, 560), (700, 1000)])
def test_pictures_of_many_sizes(shape: tuple[int, int]) -> None:
    made = ultrasound(generator(5, "size"), *shape, lesion="benign", calipers=True)
    found = find_overlays(made.pixels)
    assert {"caliper", "text"} <= {mark.kind for mark in found.marks}
    assert found.mask.shape == shape
    assert found.mask[made.regions["overlay"]].mean() > 0.7


def test_colour_is_seen_apart_from_the_pictures_own_tint() -> None:
    tissue = scan()
    colour = np.rint(255 * np.clip(tissue[..., None] * (0.9, 1.0, 1.1), 0, 1)).astype(np.uint8)
    assert network_input(tissue, colour)[1].max() < 0.1
    assert find_overlays(tissue, colour).marks == ()
    colour[80:82, 60:80] = colour[70:92, 69:71] = (20, 200, 60)
    pixels = (colour @ np.array([0.299, 0.587, 0.114]) / 255).astype(np.float32)
    assert network_input(pixels, colour)[1][80, 60:80].min() > 0.3
    assert "caliper" in [mark.kind for mark in find_overlays(pixels, colour).marks]


def test_greys_of_sixteen_bits_and_of_eight_tell_the_same() -> None:
    picture = cross(scan(), 90, 200)
    fine = (np.rint(picture * 65535) / 65535).astype(np.float32)
    coarse = (np.rint(picture * 255) / 255).astype(np.float32)
    one, other = find_overlays(fine).marks, find_overlays(coarse).marks
    assert [mark.kind for mark in one] == [mark.kind for mark in other]
    assert np.abs(np.array([mark.box for mark in one]) - [mark.box for mark in other]).max() <= 1


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (60, 90)])
def test_a_constant_picture_has_no_marks(level: float, shape: tuple[int, int]) -> None:
    found = find_overlays(np.full(shape, level, np.float32))
    assert found.marks == ()
    assert not found.mask.any()


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="pixels must be finite: 1 of 6 are not"):
        find_overlays(np.array([[0, 0, np.nan], [0, 0, 0]], np.float32))
    with pytest.raises(ValueError, match=r"two-dimensional picture, got shape \(0, 4\)"):
        find_overlays(np.zeros((0, 4), np.float32))
    with pytest.raises(ValueError, match=r"colour must have the shape \(5, 6, 3\), got \(5, 6\)"):
        find_overlays(np.zeros((5, 6), np.float32), np.zeros((5, 6), np.uint8))


def test_the_same_picture_gives_the_same_marks_and_stays_as_it_was() -> None:
    picture = cross(scan(), 90, 200)
    kept = picture.copy()
    first, second = find_overlays(picture), find_overlays(picture)
    assert first.marks == second.marks
    assert (first.mask == second.mask).all()
    assert (picture == kept).all()


def test_marks_are_drawn_as_they_are_said_to_be() -> None:
    """What is drawn lies in the masks, stands out from the tissue, and comes again with the same seed."""
    tissue = np.full((150, 220), 0.3, np.float32)
    one, other = (burn_in(generator(4, "drawn"), tissue, MARK_KINDS, colour=False) for _ in range(2))
    assert (one.pixels == other.pixels).all()
    assert {mark.kind for mark in one.marks} <= set(MARK_KINDS)
    drawn = np.any([mark.mask for mark in one.marks], axis=0)
    assert one.pixels[drawn].mean() > 0.3 + LEAST_CONTRAST / 2
    assert (tissue == np.float32(0.3)).all()
    assert burn_in(generator(4, "colour"), tissue, ["text"], colour=True).colour is not None
    with pytest.raises(ValueError, match=r"a mark must be one of caliper, .* got 'stamp'"):
        burn_in(generator(1), tissue, ["stamp"])


@pytest.mark.realdata
def test_real_calipers_and_their_lines(real_data: Path) -> None:
    """BUSI's benign (22): two measured lines with four crosses."""
    picture = open_picture(real_data / "busi" / "Dataset_BUSI_with_GT" / "benign" / "benign (22).png")
    found = find_overlays(picture.pixels, picture.colour)
    assert sum(mark.kind == "caliper" for mark in found.marks) >= 3
    assert "track" in {mark.kind for mark in found.marks}

"""The breast mask: labels, film edges and stripes fall off; the box keeps what belongs to the breast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.preprocess.breast import breast_box, breast_mask


def film(rows: int = 300, cols: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Return a half-ellipse of tissue at the left border, off centre, and its mask."""
    row, col = np.mgrid[:rows, :cols] + 0.5
    breast = ((row - 0.55 * rows) / (0.35 * rows)) ** 2 + (col / (0.6 * cols)) ** 2 <= 1
    return np.where(breast, 0.5, 0.02).astype(np.float32), breast


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_breast_alone_is_found() -> None:
    pixels, breast = film()
    assert overlap(breast_mask(pixels), breast) > 0.97


@pytest.mark.parametrize("background", [0.0, 0.01, 0.05, 0.2])
def test_background_need_not_be_black(background: float) -> None:
    pixels, breast = film()
    assert overlap(breast_mask(np.where(breast, pixels, np.float32(background))), breast) > 0.97


@pytest.mark.quirk("MIAS-Q8", "CBIS-Q13")
def test_label_and_film_edges_fall_off() -> None:
    pixels, breast = film()
    pixels[10:30, 150:190] = 1.0  # a label
    pixels[-3:] = 1.0  # bright film edges
    pixels[:, -3:] = 1.0
    assert overlap(breast_mask(pixels), breast) > 0.95


@pytest.mark.quirk("MIAS-Q8")
def test_stripe_thinner_than_the_opening_falls_off() -> None:
    pixels, breast = film()
    pixels[:, 100:103] = np.maximum(pixels[:, 100:103], 0.9)
    assert overlap(breast_mask(pixels), breast) > 0.95


def test_image_without_contrast_is_all_breast() -> None:
    assert breast_mask(np.full((40, 60), 0.3, np.float32)).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (12, 9)])
def test_tiny_images_do_not_fail(shape: tuple[int, int]) -> None:
    assert breast_mask(np.random.default_rng(0).random(shape, dtype=np.float32)).shape == shape


@pytest.mark.quirk("CBIS-Q13")
def test_mirrored_film_gives_the_mirrored_mask() -> None:
    pixels, _ = film()
    mirrored = breast_mask(np.ascontiguousarray(pixels[:, ::-1]))[:, ::-1]
    assert overlap(mirrored, breast_mask(pixels)) > 0.98  # nearest-neighbour rounding at the rim


@pytest.mark.parametrize(("seed", "view", "least"), [(3, "CC", 0.96), (2, "MLO", 0.93), (5, "MLO", 0.87)])
def test_made_up_mammogram_is_cut_to_its_breast(seed: int, view: str, least: float) -> None:
    """Measured: overlaps of 0.974, 0.950 and 0.883; what is missing is the thin, dark rim of skin, and nothing lies outside the breast."""
    made = mammogram(generator(seed, "breast"), 600, 400, view=view, laterality="R" if seed == 5 else "L")
    mask, breast = breast_mask(made.pixels), made.regions["breast"]
    assert overlap(mask, breast) > least
    assert (mask & ~breast).sum() < 0.001 * breast.sum()


def test_box_has_a_margin_and_stays_inside() -> None:
    mask = np.zeros((100, 50), bool)
    mask[0:50, 10:20] = True
    assert breast_box(mask, margin=0.1) == (0.0, 9.0, 55.0, 21.0)


def test_box_of_an_empty_mask_is_the_whole_image() -> None:
    assert breast_box(np.zeros((10, 20), bool)) == (0.0, 0.0, 10.0, 20.0)


@pytest.mark.realdata
def test_real_circles_lie_in_the_breast(real_data: Path) -> None:
    """Of mini-MIAS, every circle's centre must lie in the box that the network sees (all 48 with coordinates in a sample)."""
    from breastcad.read import open_picture
    from breastcad.read.sets import READERS

    collection = READERS["mini-mias"].read(real_data / "mini-mias")
    paths = {row.image_id: Path(collection.root) / row.path for row in collection.images if row.present and row.path}
    placed = [f for f in collection.findings if f.geometry == "circle" and f.image_id in paths]
    inside = 0
    for finding in placed:
        box = breast_box(breast_mask(open_picture(paths[finding.image_id]).pixels))
        row, col = (finding.row0 + finding.row1) / 2, (finding.col0 + finding.col1) / 2
        inside += box[0] <= row < box[2] and box[1] <= col < box[3]
    assert placed
    assert inside >= 0.98 * len(placed)


def test_the_box_of_the_mask_is_that_of_the_breast() -> None:
    pixels, breast = film()
    pixels[10:30, 150:190] = 1.0  # a label
    assert breast_box(breast_mask(pixels)) == pytest.approx(breast_box(breast), abs=2)  # the mask is found on a coarser grid

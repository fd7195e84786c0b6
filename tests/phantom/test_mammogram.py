"""Made-up mammograms: what is meant is there, where it is said to be, at any size, the same for the same seed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.record import Phantom

SIZE = 420, 270


def made(*path: str | int, rows: int = SIZE[0], cols: int = SIZE[1], **settings: object) -> Phantom:
    return mammogram(generator(1, "test", *path), rows, cols, **settings)  # type: ignore[arg-type]


def ring(mask: np.ndarray, inner: int, outer: int) -> np.ndarray:
    """Return the pixels between two distances from a mask."""
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return (distance > inner) & (distance <= outer)


@settings(max_examples=12)
@given(
    rows=st.integers(48, 300),
    cols=st.integers(48, 300),
    view=st.sampled_from(["MLO", "CC"]),
    side=st.sampled_from(["L", "R"]),
    lesion=st.sampled_from([None, "benign", "malignant"]),
    seed=st.integers(0, 1000),
)
def test_any_size_gives_a_picture_whose_lesions_lie_in_the_breast(
    rows: int, cols: int, view: str, side: str, lesion: str | None, seed: int
) -> None:
    picture = mammogram(generator(seed, "any"), rows, cols, view=view, laterality=side, lesion=lesion)
    assert picture.pixels.shape == (rows, cols)
    assert picture.pixels.dtype == np.float32
    assert 0 <= picture.pixels.min() <= picture.pixels.max() <= 1
    assert picture.label == (lesion or "normal")
    assert all(region.shape == (rows, cols) and region.dtype == bool for region in picture.regions.values())
    for mask in picture.masks:
        assert mask.any()
        assert (mask & picture.regions["breast"]).sum() >= 0.5 * mask.sum()


def test_the_same_seed_gives_the_same_picture_and_another_another() -> None:
    first, again, other = made("a", lesion="benign"), made("a", lesion="benign"), made("b", lesion="benign")
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.masks[0], again.masks[0])
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("view", ["MLO", "CC"])
@pytest.mark.parametrize("side", ["L", "R"])
def test_the_chest_wall_lies_on_the_patients_side(view: str, side: str) -> None:
    """A left breast's chest wall is at the left edge of the picture, a right one's at the right."""
    breast = made(view, side, view=view, laterality=side).regions["breast"]
    columns = breast.sum(axis=0)
    near, far = (columns[0], columns[-1]) if side == "L" else (columns[-1], columns[0])
    assert near > 0.4 * SIZE[0]
    assert far == 0


def test_a_right_breast_is_a_left_one_mirrored_but_for_its_label() -> None:
    left, right = made("m", laterality="L", label=False, lesion="benign"), made("m", laterality="R", label=False, lesion="benign")
    assert np.array_equal(left.pixels, right.pixels[:, ::-1])
    assert np.array_equal(left.masks[0], right.masks[0][:, ::-1])


def test_only_the_oblique_view_shows_the_pectoral_muscle_brighter_than_fat_in_the_upper_corner() -> None:
    oblique, cranial = made("p", view="MLO", density="A"), made("p", view="CC", density="A")
    muscle = oblique.regions["pectoral"]
    assert "pectoral" not in cranial.regions
    assert muscle[:5, :5].all()
    assert not muscle[SIZE[0] // 2 :, SIZE[1] // 2 :].any()
    rest = oblique.regions["breast"] & ~muscle
    assert oblique.pixels[muscle].mean() > oblique.pixels[rest].mean() + 0.15


def test_denser_breasts_are_brighter() -> None:
    def brightness(density: str) -> float:
        pictures = [made("d", number, view="CC", density=density) for number in range(4)]
        return float(np.mean([picture.pixels[picture.regions["breast"]].mean() for picture in pictures]))

    levels = [brightness(density) for density in "ABCD"]
    assert levels == sorted(levels)
    assert levels[3] > levels[0] + 0.08


@pytest.mark.parametrize("pathology", ["benign", "malignant"])
@pytest.mark.parametrize("number", range(4))
def test_a_mass_is_brighter_than_what_surrounds_it(pathology: str, number: int) -> None:
    picture = made("mass", pathology, number, lesion=pathology, kind="mass")
    mask = picture.masks[0]
    around = ring(mask, 4, 14) & picture.regions["breast"]
    assert picture.pixels[mask].mean() > picture.pixels[around].mean() + 0.05


def test_a_benign_mass_is_rounder_than_a_malignant_one() -> None:
    """Circularity, 4 pi area / perimeter squared, is 1 for a disc and falls with every tooth of the outline."""

    def circularity(pathology: str) -> float:
        values = []
        for number in range(5):
            mask = made("round", number, rows=600, cols=380, lesion=pathology, kind="mass").masks[0]
            outline = max(cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=len)
            values.append(4 * np.pi * cv2.contourArea(outline) / cv2.arcLength(outline, True) ** 2)
        return float(np.median(values))

    assert circularity("benign") > circularity("malignant") + 0.1


def test_calcifications_are_specks_brighter_than_the_tissue_between_them() -> None:
    picture = made("calc", rows=1000, cols=640, lesion="malignant", kind="calcification", density="B")
    inside = picture.pixels[picture.masks[0]]
    assert picture.kinds == ["calcification"]
    assert np.percentile(inside, 99) > np.percentile(inside, 30) + 0.2


def test_several_lesions_of_several_kinds_stand_apart_in_their_order() -> None:
    words, kinds = ["benign", "malignant", "malignant"], ["calcification", "mass", "calcification"]
    picture = made("several", rows=800, cols=520, lesion=words, kind=kinds)
    assert picture.kinds == kinds
    assert [lesion.pathology for lesion in picture.lesions] == words
    assert picture.label == "malignant"
    first, second, third = picture.masks
    assert not (first & second).any()
    assert not (second & third).any()
    assert not (first & third).any()


def test_a_lesion_has_the_depth_asked_for_in_both_views() -> None:
    """Depth is the share of the way from the nipple (the farthest column of the breast) to the chest wall (column 0)."""
    for view in ("CC", "MLO"):
        picture = made("depth", view, view=view, lesion="benign", kind="mass", depth=0.5, rows=700, cols=440)
        _, col0, _, col1 = picture.boxes[0]
        reach = np.flatnonzero(picture.regions["breast"].any(axis=0)).max()
        assert (col0 + col1) / 2 / reach == pytest.approx(0.5, abs=0.12)


def test_the_label_lies_off_the_breast_in_the_corner_away_from_the_chest_wall() -> None:
    for side in "LR":
        picture = made("label", side, laterality=side)
        overlay = picture.regions["overlay"]
        assert overlay.any()
        assert not (overlay & picture.regions["breast"]).any()
        columns = np.flatnonzero(overlay.any(axis=0))
        assert (columns.min() > SIZE[1] / 2) if side == "L" else (columns.max() < SIZE[1] / 2)
        assert picture.pixels[overlay].max() > 0.7


def test_without_a_label_nothing_is_burnt_in() -> None:
    assert not made("no label", label=False).regions["overlay"].any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rows": 47}, "at least 48 rows and columns, got 47 x 270"),
        ({"view": "ML"}, "view must be 'MLO' or 'CC', got 'ML'"),
        ({"laterality": "left"}, "laterality must be 'L' or 'R', got 'left'"),
        ({"density": "E"}, "density must be one of A, B, C, D, got 'E'"),
        ({"lesion": "normal"}, "lesion must be 'benign' or 'malignant', got 'normal'"),
        ({"lesion": "benign", "kind": "cyst"}, "kind must be 'mass' or 'calcification', got 'cyst'"),
        ({"lesion": ["benign", "benign"], "kind": ["mass"]}, "got 1 kinds for 2 lesions"),
    ],
)
def test_what_cannot_be_drawn_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made("refused", **settings)

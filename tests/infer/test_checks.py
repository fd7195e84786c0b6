"""Warnings and reasons to abstain: each set off by a picture made for it, and silent on a plain one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from breastcad.core.records import Picture
from breastcad.infer.checks import abstention, find_breast, is_two_valued, model_abstention, model_warnings, picture_warnings, side_warning
from breastcad.preprocess.breast import chest_wall_side

FACTS = {"id": "m", "modality": "MG", "seen": "scanned film", "input": {"rows": 64, "cols": 32}, "warnings": ["weak"]}


def film(side: str = "left", rows: int = 240, cols: int = 160) -> NDArray[np.float32]:
    """A half ellipse of tissue with a gradient, its flat side at one side of the picture."""
    down, across = np.mgrid[:rows, :cols]
    inside = ((down - rows / 2) / (0.4 * rows)) ** 2 + (across / (0.6 * cols)) ** 2 <= 1
    pixels = np.where(inside, 0.4 + 0.3 * down / rows, 0).astype(np.float32)
    return pixels if side == "left" else np.ascontiguousarray(pixels[:, ::-1])


def of_film(**tags: str | None) -> list[str]:
    side = tags.pop("side", "left") or "left"
    picture = Picture(film(side), modality="MG", **tags)  # type: ignore[arg-type]
    side = side_warning(picture, find_breast(picture, "MG"))
    return [*picture_warnings(picture, "MG"), *([side] if side else [])]


def test_a_plain_film_gives_no_warning_and_no_abstention() -> None:
    picture = Picture(film())
    breast = find_breast(picture, "MG")
    assert picture_warnings(picture, "MG") == []
    assert abstention(picture, breast) is None


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_chest_wall_is_found(side: str) -> None:
    breast = find_breast(Picture(film(side)), "MG")
    assert breast is not None
    assert chest_wall_side(breast) == side


def test_without_any_breast_there_is_no_side() -> None:
    assert chest_wall_side(np.zeros((5, 4), bool)) is None


@pytest.mark.quirk("DCM-Q6")
@pytest.mark.parametrize(("orientation", "side"), [("A\\R", "right"), ("P\\L", "left"), ("PR\\FL", "left")])
def test_orientation_against_the_tissue_is_warned_about(orientation: str, side: str) -> None:
    (warning,) = of_film(side=side, patient_orientation=orientation)
    assert warning.startswith(f"the chest wall lies {side} in the picture, but Patient Orientation (0020,0020) says ")


@pytest.mark.parametrize(("orientation", "side"), [("A\\R", "left"), ("P\\L", "right"), ("L\\F", "right"), (None, "right")])
def test_orientation_that_fits_or_says_nothing_is_not(orientation: str | None, side: str) -> None:
    assert of_film(side=side, patient_orientation=orientation) == []


def test_laterality_against_the_usual_hanging_is_warned_about_for_presentation_only() -> None:
    (warning,) = of_film(laterality="R", image_type="presentation")
    assert warning.startswith("laterality is R, but the chest wall lies left in the picture, where it usually lies right")
    assert of_film(laterality="L", image_type="presentation") == []
    assert of_film(laterality="R") == []  # a scanned film may be mirrored
    assert of_film(laterality="R", image_type="presentation", patient_orientation="A\\L") == []  # mirrored, and the file says so


def test_the_readers_own_warnings_come_first() -> None:
    assert picture_warnings(Picture(film(), warnings=["said by the reader"]), "MG") == ["said by the reader"]


def test_overlay_regions_and_shape_of_ultrasound() -> None:
    pixels = np.full((50, 300), 0.4, np.float32)
    pixels[10, 20:280] = 1
    picture = Picture(pixels, regions=[(0, 0, 50, 200), (0, 200, 50, 300)])
    assert picture_warnings(picture, "US") == [
        "unusual shape: 50 x 300 pixels",
        "up to 1.7 % of the image may be burnt-in overlay (text, calipers)",
        "the file names 2 regions of tissue; the largest was analysed",
    ]


def test_a_uniform_picture_is_abstained_from() -> None:
    assert abstention(Picture(np.full((40, 30), 0.3, np.float32)), None) == "abstained: the picture is almost uniform"


def test_the_part_that_models_look_at_is_what_is_checked() -> None:
    pixels = np.random.default_rng(0).random((200, 300), dtype=np.float32)
    pixels[40:46, 50:56] = 0.5
    picture = Picture(pixels, modality="US", regions=[(40, 50, 46, 56)])
    assert abstention(picture, None) == "abstained: the picture is almost uniform where it was analysed"
    assert picture_warnings(picture, "US")[-1] == (
        "only the region of tissue that the file names was analysed: 6 x 6 pixels, 0.06 % of the picture"
    )
    facts = {**FACTS, "modality": "US", "warnings": []}
    assert model_warnings(picture, facts) == ["tiny: 6 x 6 pixels, where the model m sees 64 x 32"]
    quarter = Picture(pixels, modality="US", regions=[(0, 0, 100, 150)])
    assert (abstention(quarter, None), model_warnings(quarter, facts)) == (None, [])
    assert not any("region" in warning for warning in picture_warnings(quarter, "US"))


@pytest.mark.parametrize(
    ("rows", "cols", "why"),
    [
        (1, 562, "too small"),
        (471, 31, "too small"),
        (3, 11240, "too small"),
        (40, 401, "too long a strip"),
        (32, 320, None),
        (320, 32, None),
    ],
)
def test_a_strip_or_a_thumbnail_is_abstained_from(rows: int, cols: int, why: str | None) -> None:
    noise = np.random.default_rng(0).random((rows, cols), dtype=np.float32)
    said = f"abstained: what was analysed, {rows} x {cols} pixels, is {why} to show anything" if why else None
    assert abstention(Picture(noise), None) == said
    larger = np.pad(noise, ((0, 500), (0, 500)))
    assert abstention(Picture(larger, regions=[(0, 0, rows, cols)]), None) == said


def test_a_colour_photograph_is_abstained_from() -> None:
    colour = np.zeros((240, 160, 3), np.uint8)
    colour[..., 1] = 150
    assert "neither a mammogram nor an ultrasound" in str(abstention(Picture(film(), colour=colour), None))


@pytest.mark.parametrize("value", [True, False])
def test_no_breast_is_abstained_from(value: bool) -> None:
    assert abstention(Picture(film()), np.full((240, 160), value)) == "abstained: no breast could be told from the background"


def test_what_a_model_has_not_seen() -> None:
    assert model_warnings(Picture(film(), modality="MG"), FACTS) == ["weak"]
    assert model_warnings(Picture(film(), modality="MG", image_type="presentation"), FACTS)[0] == (
        "the model m has seen scanned film only; this is a digital mammogram (presentation)"
    )
    assert model_warnings(Picture(film()[:31]), FACTS)[0] == "tiny: 31 x 160 pixels, where the model m sees 64 x 32"


def test_a_model_of_the_other_modality_is_abstained_from_and_one_that_is_not_said_is_not() -> None:
    said = model_abstention(Picture(film(), modality="US"), FACTS)
    assert said == "abstained: the model m is for MG, but the file says US: its numbers mean nothing"
    for modality in ("MG", "OT", None):
        assert model_abstention(Picture(film(), modality=modality), FACTS) is None


def test_two_grey_levels_are_a_mask_and_a_third_anywhere_is_not() -> None:
    mask = np.zeros((40, 50), np.float32)
    mask[5:20, 7:30] = 1
    assert is_two_valued(mask)
    mask[3, 3] = 0.5  # between the sampled pixels
    assert not is_two_valued(mask)


@pytest.mark.parametrize(
    ("unlike", "abstains", "warns"), [(1.0, False, False), (1.2, False, True), (1.25, False, True), (1.6, True, False)]
)
def test_what_is_unlike_what_was_seen_is_said_or_abstained_from(unlike: float, abstains: bool, warns: bool) -> None:
    picture, distance = Picture(film(), modality="MG"), (unlike, unlike)
    assert (model_abstention(picture, FACTS, distance) is not None) is abstains
    assert any(one.startswith("unusual: fewer than one in a hundred") for one in model_warnings(picture, FACTS, distance)) is warns
    if abstains:
        assert model_abstention(picture, FACTS, distance) == (
            "abstained: the picture is unlike what the model m learnt from (scanned film): it lies 1.6 times as far from that as 99 of 100 "
            "such pictures do at most"
        )


@pytest.mark.parametrize(("modality", "turned", "said"), [("MG", 0.5, True), ("MG", 0.65, False), ("US", 0.5, False)])
def test_a_film_that_is_nearer_when_turned_over_may_be_upside_down(modality: str, turned: float, said: bool) -> None:
    """0.7 is 1.4 times 0.5 and 1.08 times 0.65; the limit is 1.16. A scan has no such side."""
    warnings = model_warnings(Picture(film(), modality=modality), FACTS | {"modality": modality}, (0.7, turned))
    assert any("perhaps upside down" in one for one in warnings) is said

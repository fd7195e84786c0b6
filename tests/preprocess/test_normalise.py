"""Normalisation: what is fitted, in any order, on training images; what is stored; and hostile files."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.preprocess.normalise import Normalisation, fit, mean_removed

Image = np.ndarray
Z_SCORE = Normalisation("z-score", 0.5, 0.25, images=3, pixels=600, within="image")
PERCENTILE = Normalisation("percentile", 0.1, 0.8, images=3, pixels=600, within="breast", low=1.0, high=99.0)


def training_images(number: int = 5, seed: int = 0) -> list[Image]:
    """Return images of several sizes, rounded to 16 bits."""
    generator = np.random.default_rng(seed)
    shapes = [tuple(generator.integers(3, 40, 2)) for _ in range(number)]
    return [np.float32(np.rint(generator.beta(2, 3, shape) * 65_535) / 65_535) for shape in shapes]


def test_z_score_by_hand() -> None:
    """Pixels 0 .5 | .5 1: mean .5, deviations .5 0 0 .5, variance .125."""
    rule = fit([(np.float32([[0, 0.5]]), None), (np.float32([[0.5], [1]]), None)])
    assert (rule.offset, rule.images, rule.pixels) == (0.5, 2, 4)
    assert rule.divisor == pytest.approx(np.sqrt(0.125))
    assert np.allclose(rule.apply(np.float32([[0.5, 1]])), [[0, np.sqrt(2)]])


def test_percentiles_by_hand() -> None:
    """Of 0 .1 ... .9 at least 20 % do not exceed .1, and 80 % not .7: .3 lies a third of the way, .9 is clipped."""
    rule = fit([(np.arange(10, dtype=np.float32)[None] / 10, None)], kind="percentile", low=20, high=80)
    assert (rule.offset, rule.offset + rule.divisor) == (pytest.approx(0.1, abs=1e-5), pytest.approx(0.7, abs=1e-5))
    assert np.allclose(rule.apply(np.float32([[0, 0.3, 0.9]])), [[0, 1 / 3, 1]], atol=1e-4)


@given(st.integers(1, 8), st.integers(0, 99), st.floats(0, 49), st.floats(51, 100))
def test_it_is_what_numpy_has_for_all_pixels_at_once(number: int, seed: int, low: float, high: float) -> None:
    images = training_images(number, seed)
    every = np.concatenate([image.ravel() for image in images]).astype(float)
    rule = fit((image, None) for image in images)
    assert (rule.offset, rule.divisor) == (pytest.approx(every.mean(), rel=1e-12), pytest.approx(every.std(), rel=1e-9))
    bounds = fit(((image, None) for image in images), kind="percentile", low=low, high=high)
    black, white = np.percentile(np.rint(every * 65_535), (low, high), method="inverted_cdf") / 65_535
    assert (bounds.offset, bounds.offset + bounds.divisor) == (black, pytest.approx(white, abs=1e-12))


@given(st.permutations(range(6)), st.sampled_from(["z-score", "percentile"]))
def test_the_order_of_the_images_does_not_matter_at_all(order: list[int], kind: str) -> None:
    pairs = [(image, image > 0.2) for image in training_images(6)]
    assert fit((pairs[index] for index in order), kind=kind, within="breast") == fit(pairs, kind=kind, within="breast")


def test_only_what_the_masks_show_counts() -> None:
    images = training_images()
    masks = [np.random.default_rng(9).random(image.shape) < 0.5 for image in images]
    changed = [np.where(mask, image, np.float32(1)) for image, mask in zip(images, masks, strict=True)]
    for kind in ("z-score", "percentile"):
        first = fit(zip(images, masks, strict=True), kind=kind, within="breast")
        assert first == fit(zip(changed, masks, strict=True), kind=kind, within="breast")
        assert first.pixels == sum(int(mask.sum()) for mask in masks)
        assert first.within == "breast"
        assert fit(((image, None) for image in images), kind=kind).pixels == sum(image.size for image in images)


def test_applied_to_its_own_training_images_the_mean_is_0_and_the_deviation_1() -> None:
    images = training_images()
    rule = fit((image, None) for image in images)
    every = np.concatenate([rule.apply(image).ravel() for image in images]).astype(float)
    assert (every.mean(), every.std()) == (pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-6))


def test_nothing_of_a_later_image_enters() -> None:
    """A pixel's result depends on that pixel alone."""
    image = training_images()[0]
    other = image.copy()
    other[1:] = 1
    for rule in (Z_SCORE, PERCENTILE):
        assert np.array_equal(rule.apply(image)[0], rule.apply(other)[0])
        assert rule.apply(image).dtype == np.float32


def test_a_film_s_tiny_noise_on_a_bright_ground_is_not_lost_to_rounding() -> None:
    noise = np.random.default_rng(3).standard_normal((200, 300))
    image = (0.9 + 1e-4 * noise).astype(np.float32)
    assert fit([(image, None)]).divisor == pytest.approx(image.astype(float).std(), rel=1e-5)


@pytest.mark.parametrize("rule", [Z_SCORE, PERCENTILE])
def test_it_comes_back_from_json_as_it_was(rule: Normalisation) -> None:
    assert Normalisation.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule
    fitted = fit(((image, None) for image in training_images()), kind=rule.kind)
    assert Normalisation.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "minmax"}, "kind must be one of z-score, percentile, got 'minmax'"),
        ({"kind": ["z-score"]}, r"kind must be one of z-score, percentile, got \['z-score'\]"),
        ({"offset": float("nan")}, "offset must be a number of at least 0 and at most 1, got nan"),
        ({"offset": "0.5"}, "offset must be a number of at least 0 and at most 1, got '0.5'"),
        ({"offset": None}, "offset must be a number of at least 0 and at most 1, got None"),
        ({"offset": -0.1}, "offset must be a number of at least 0 and at most 1, got -0.1"),
        ({"offset": 10**400}, r"offset must be a number of at least 0 and at most 1, got 1000.*\.\.\.$"),
        ({"divisor": 0}, "divisor must be a number of at least 1e-06 and at most 1, got 0"),
        ({"divisor": float("inf")}, "divisor must be a number of at least 1e-06 and at most 1, got inf"),
        ({"divisor": True}, "divisor must be a number of at least 1e-06 and at most 1, got True"),
        ({"images": 0}, "images must be a whole number of at least 1, got 0"),
        ({"images": True}, "images must be a whole number of at least 1, got True"),
        ({"images": 3.0}, "images must be a whole number of at least 1, got 3.0"),
        ({"pixels": 2}, "pixels must be a whole number of at least 3, got 2"),
        ({"pixels": 2**70}, "pixels must be a whole number of at least 3, got 1180591620717411303424"),
        ({"within": ""}, "within must be a name of 1 to 100 printable characters, got ''"),
        ({"within": "a\nb"}, r"within must be a name of 1 to 100 printable characters, got 'a\\nb'"),
        ({"within": "x" * 5000}, r"within must be a name of 1 to 100 printable characters, got 'xxx.*\.\.\.$"),
        ({"within": 3}, "within must be a name of 1 to 100 printable characters, got 3"),
        ({"low": 99.5, "high": 1.0}, "low must be below high, got 99.5 and 1.0"),
        ({"low": None}, "low must be a number of at least 0 and at most 100, got None"),
        ({"high": 100.5}, "high must be a number of at least 0 and at most 100, got 100.5"),
        ({"kind": "z-score"}, "low and high must be None with a z-score, got 1.0 and 99.0"),
        ({"run": "rm"}, "a normalisation must have the fields kind, offset.*; this one has 'run'"),
    ],
)
def test_hostile_values_are_refused_in_one_sentence(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Normalisation.from_dict({**PERCENTILE.to_dict(), **change})
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("found", [None, [], "z-score", 3])
def test_what_is_no_object_is_refused(found: Any) -> None:
    with pytest.raises(ValueError, match="a normalisation must be an object with fields, got"):
        Normalisation.from_dict(found)


def test_a_field_that_is_missing_is_named() -> None:
    fields = Z_SCORE.to_dict()
    del fields["divisor"]
    with pytest.raises(ValueError, match="this one lacks 'divisor'"):
        Normalisation.from_dict(fields)


@pytest.mark.parametrize(
    ("images", "settings", "message"),
    [
        ([], {}, "a normalisation must be fitted on at least one image, got none"),
        ([(np.full((3, 4), 0.5, np.float32), None)], {}, "must be fitted on pixels that differ, got 12 pixels of about 0.5"),
        (
            [(np.full((3, 4), 0.5, np.float32), None)],
            {"kind": "percentile"},
            "must be fitted on pixels that differ, got 12 pixels of about 0.5",
        ),
        ([(np.full((3, 4), 2, np.float32), None)], {}, r"pixels must lie in \[0, 1\], got 2 to 2"),
        ([(np.zeros((3, 4), np.float32), np.zeros((3, 4), bool))], {}, "tissue must be true somewhere, got an empty mask"),
        ([], {"kind": "mean"}, "kind must be one of z-score, percentile, got 'mean'"),
        ([], {"low": 50, "high": 50}, "low must be below high, got 50 and 50"),
    ],
)
def test_what_cannot_be_fitted_is_said(images: list[Any], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(images, **settings)


def test_a_patch_less_its_mean() -> None:
    patch = training_images()[1]
    assert mean_removed(patch).mean(dtype=float) == pytest.approx(0, abs=1e-7)
    tissue = patch > 0.3
    assert mean_removed(patch, tissue=tissue)[tissue].mean(dtype=float) == pytest.approx(0, abs=1e-7)
    assert np.allclose(np.diff(mean_removed(patch)), np.diff(patch), atol=1e-6)

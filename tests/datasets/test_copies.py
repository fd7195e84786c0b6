"""Copies are found however they were turned, cropped, mirrored or brightened; what only shares a frame or a text is no copy."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breastcad.core.seeding import generator
from breastcad.datasets import copies
from breastcad.datasets.copies import FEATURES, NO_FEATURES, Copy, Features, copied_pairs, features, from_rows, to_rows
from breastcad.datasets.thumbnails import thumbnail

Pixels = NDArray[np.float32]
SHAPE = 240, 330


def scan(seed: int) -> Pixels:
    """Return a made-up scan with detail at several sizes, its own for every seed."""
    random = generator(seed, "scan")
    image = np.zeros(SHAPE)
    for sigma in (2, 4, 8, 16):
        layer = cv2.GaussianBlur(random.standard_normal(SHAPE), (0, 0), sigma)
        image += layer / layer.std()
    return (0.15 + 0.85 * (image - image.min()) / np.ptp(image)).astype(np.float32)


def turned(image: Pixels, degrees: float) -> Pixels:
    height, width = image.shape
    return np.asarray(cv2.warpAffine(image, cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1), (width, height)), np.float32)


def as_jpeg(image: Pixels) -> Pixels:
    return cv2.imdecode(cv2.imencode(".jpg", (255 * image).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 0).astype(np.float32) / 255


CHANGES = {
    "the same": lambda image: image,
    "jpeg": as_jpeg,
    "mirrored across": lambda image: image[:, ::-1],
    "mirrored down": lambda image: image[::-1],
    "upside down": lambda image: image[::-1, ::-1],
    "turned by 15 degrees": lambda image: turned(image, 15),
    "corner of 80 %": lambda image: image[48:, 66:],
    "gamma": lambda image: image**0.6,
    "too bright": lambda image: np.minimum(1, 1.3 * image),
    "all of it": lambda image: as_jpeg(turned(image[:, ::-1], -15)[20:212, 40:304] ** 1.5),
}


def pairs_of(images: list[Pixels], known: frozenset[tuple[int, int]] = frozenset()) -> list[Copy]:
    found = [features(np.ascontiguousarray(image)) for image in images]
    return copied_pairs(found, np.array([thumbnail(image) for image in images]), known=known)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_others(change: str) -> None:
    images = [scan(seed) for seed in range(6)]
    assert [(pair.first, pair.second) for pair in pairs_of([*images, CHANGES[change](images[2])])] == [(2, 6)]


@settings(max_examples=15, deadline=None)
@given(st.floats(-15, 15), st.floats(0.8, 1), st.booleans())
def test_what_was_done_is_told(degrees: float, kept: float, mirrored: bool) -> None:
    """A centred crop by a share makes the frame's content larger by its inverse; cv2 turns counter-clockwise."""
    plane = scan(1)
    rows, cols = (round(kept * side) for side in SHAPE)
    row, col = (SHAPE[0] - rows) // 2, (SHAPE[1] - cols) // 2
    source = plane[:, ::-1] if mirrored else plane
    (pair,) = pairs_of([plane, turned(np.ascontiguousarray(source), degrees)[row : row + rows, col : col + cols]])
    assert pair.mirrored is mirrored
    assert pair.turned_deg == pytest.approx(-degrees, abs=1)
    assert pair.scale == pytest.approx(1 / kept, rel=0.03)


def with_text(image: Pixels) -> Pixels:
    """Print the same page of text on the upper 20 % of an image that is blurred, so that most features are the text's."""
    page = np.zeros(SHAPE, np.uint8)
    for line, words in enumerate(("MAMA ESQUERDA UQSUP", "LOGIQ E9 12 MHz 4.0 cm")):
        cv2.putText(page, words, (4, 22 + 24 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    return np.maximum(0.6 * cv2.GaussianBlur(image, (0, 0), 6), (page / 255).astype(np.float32))


def test_the_same_text_on_two_scenes_makes_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    two = [with_text(scan(1)), with_text(scan(2))]
    assert pairs_of(two) == []
    assert len(pairs_of([two[0], with_text(scan(1))])) == 1
    monkeypatch.setattr(copies, "LEAST_CORRELATION", -1.0)
    (pair,) = pairs_of(two)  # by features alone the text makes them alike
    assert pair.score < 0.5


def test_known_pairs_are_not_looked_at_again() -> None:
    assert pairs_of([scan(1), scan(1), scan(2)], known=frozenset({(0, 1)})) == []


def test_a_picture_copied_many_times_hangs_together() -> None:
    linked = {place for pair in pairs_of([scan(1)] * 9) for place in (pair.first, pair.second)}
    assert linked == set(range(9))


def test_pictures_without_structure_have_no_features_and_no_copies() -> None:
    flat = np.full((40, 60), 0.5, np.float32)
    assert features(flat).descriptors.shape == (0, 32)
    assert pairs_of([flat, flat]) == []
    assert pairs_of([flat, scan(1), scan(1)])[0].first == 1
    assert copied_pairs([], np.empty((0, 64, 64))) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (3, 2), (7, 900)])
def test_pictures_of_any_shape_are_taken(shape: tuple[int, int]) -> None:
    found = features(generator(0, "odd").random(shape).astype(np.float32))
    assert isinstance(found, Features)
    assert len(found.descriptors) == len(found.places) <= FEATURES


def test_as_many_thumbnails_as_features_are_needed() -> None:
    with pytest.raises(ValueError, match=r"1 pictures need \(1, 64, 64\) thumbnails, got \(2, 64, 64\)"):
        copied_pairs([features(scan(1))], np.zeros((2, 64, 64)))


def test_kept_features_come_back_the_same() -> None:
    for found in (features(scan(3)), NO_FEATURES):
        back = from_rows(to_rows(found))
        assert back.shape == found.shape
        for name in ("descriptors", "places", "mirrored_descriptors", "mirrored_places"):
            np.testing.assert_array_equal(getattr(back, name), getattr(found, name))

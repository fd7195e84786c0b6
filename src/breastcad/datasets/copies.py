"""Copies that were turned, cropped, mirrored, enlarged or made brighter: found by local features, confirmed by correlation.

`duplicates` joins what it finds to groups, beside near-duplicates; `audit` tells of it. What was measured is in docs/audit.md.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.seeding import generator
from breastcad.datasets.thumbnails import THUMBNAIL_SIDE_PX, structure

LONGEST_SIDE_PX = 256
"""Features are looked for in a picture whose longest side is reduced to this."""
FEATURES = 192
FAR_BITS = 48
"""Two features are alike if at most so many of their 256 bits differ."""
LEAST_VOTES = 5
"""Alike features that two images must share among those that the tables bring together, to be compared in full."""
LEAST_AGREEING = 16
"""Alike features that one turn, scale and shift must bring onto each other."""
LEAST_CORRELATION = 0.65
LEAST_OVERLAP = 0.4
LARGEST_SCALE = 2.0

_TABLES, _KEY_BITS, _NEIGHBOURS = 8, 24, 6
_BLOCK = 1 << 19
_NORMAL_SIGMA_PX = 8.0
_TOLERANCE_PX = 3.0
_LEAST_SIDE_PX = 32


@dataclass(frozen=True, slots=True)
class Features:
    """Local features of one picture and of its mirror image: descriptors (F, 32) of uint8, places (F, 2) as (column, row) in pixels of
    the reduced picture, and that picture's rows and columns.
    """

    descriptors: NDArray[np.uint8]
    places: NDArray[np.float16]
    mirrored_descriptors: NDArray[np.uint8]
    mirrored_places: NDArray[np.float16]
    shape: tuple[int, int]


NO_FEATURES = Features(
    np.empty((0, 32), np.uint8), np.empty((0, 2), np.float16), np.empty((0, 32), np.uint8), np.empty((0, 2), np.float16), (1, 1)
)


@dataclass(frozen=True, slots=True)
class Copy:
    """Two pictures of which one is made from the other, or both from a third: their places in the sequence that was searched.

    ``score`` is their correlation once one lies on the other, ``agreeing`` the number of features that do. The first becomes the second
    if it is mirrored (or not), turned clockwise and made larger by ``scale``, both measured in frames whose longest sides are equal.
    """

    first: int
    second: int
    score: float
    agreeing: int
    mirrored: bool
    turned_deg: float
    scale: float


def features(pixels: NDArray[np.float32]) -> Features:
    """Return the local features of a picture.

    Local mean and contrast are made equal first, so that neither brightness nor gamma decides where features lie.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].

    Returns
    -------
    Features
        At most `FEATURES` each way; none for a picture without structure.

    References
    ----------
    .. [1] E. Rublee et al., "ORB: an efficient alternative to SIFT or SURF", ICCV 2011.
    """
    height, width = pixels.shape
    factor = LONGEST_SIDE_PX / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR).astype(np.float32)
    detail = small - cv2.GaussianBlur(small, (0, 0), _NORMAL_SIGMA_PX)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), _NORMAL_SIGMA_PX))
    even = np.clip(128 + 40 * detail / (contrast + 0.012), 0, 255).astype(np.uint8)
    if min(even.shape) < _LEAST_SIDE_PX:  # a strip has no room for the features' patches
        return replace(NO_FEATURES, shape=even.shape)
    detector = cv2.ORB.create(FEATURES, 1.2, 6, 15, 0, 2, cv2.ORB_HARRIS_SCORE, 31, 4)
    points = list(detector.detect(even))[:FEATURES]
    return Features(*_described(detector, even, points), *_described(detector, *_mirror_image(even, points)), even.shape)


def _described(detector: cv2.ORB, even: NDArray[np.uint8], points: list[cv2.KeyPoint]) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    """Return descriptors (F, 32) and places (F, 2) of points; there may be fewer than points."""
    kept, descriptors = detector.compute(even, points)
    if descriptors is None:
        return np.empty((0, 32), np.uint8), np.empty((0, 2), np.float16)
    return descriptors.astype(np.uint8), np.array([point.pt for point in kept], np.float16)


def _mirror_image(even: NDArray[np.uint8], points: list[cv2.KeyPoint]) -> tuple[NDArray[np.uint8], list[cv2.KeyPoint]]:
    """Return the mirror image of a picture and of its points: looked for once, described twice."""
    last = even.shape[1] - 1
    mirrored = [
        cv2.KeyPoint(last - point.pt[0], point.pt[1], point.size, (180 - point.angle) % 360, point.response, point.octave)
        for point in points
    ]
    return np.ascontiguousarray(even[:, ::-1]), mirrored


def to_rows(found: Features) -> NDArray[np.uint8]:
    """Return features as one (1 + F + M, 37) ndarray of uint8, to be kept: a row each of bits, place and if of the mirror image.

    The first row holds the picture's shape where others hold a place.
    """
    places = np.vstack([np.array([found.shape], np.float16), found.places, found.mirrored_places])
    bits = np.vstack([np.zeros((1, 32), np.uint8), found.descriptors, found.mirrored_descriptors])
    mirrored = np.arange(len(places)) > len(found.places)
    return np.hstack([bits, np.ascontiguousarray(places).view(np.uint8), mirrored[:, None].astype(np.uint8)])


def from_rows(rows: NDArray[np.uint8]) -> Features:
    """Return the features that `to_rows` was given."""
    bits, mirrored = np.ascontiguousarray(rows[:, :32]), rows[:, 36].astype(bool)
    places = np.ascontiguousarray(rows[:, 32:36]).view(np.float16)
    own = ~mirrored
    own[0] = False
    height, width = places[0].astype(int).tolist()
    return Features(bits[own], places[own], bits[mirrored], places[mirrored], (height, width))


# ---- pairs ----


def copied_pairs(found: Sequence[Features], thumbnails: NDArray[np.floating], *, known: Container[tuple[int, int]] = ()) -> list[Copy]:
    """Find the pairs of pictures of which one is a copy of the other, or both of one picture, whatever was done to it.

    Shortlist: features whose bits agree at chosen places fall into one bucket of a hash table; pairs of images are taken that share
    several. Confirmation: one turn, scale and shift must bring enough features onto each other, and the two thumbnails must correlate
    once the first is laid on the second by it, so that neither a scale bar nor a scanner's name makes a copy.

    Parameters
    ----------
    found : (N,) sequence of Features
    thumbnails : (N, 64, 64) ndarray of float
        Of the same pictures, from `thumbnails.thumbnail`.
    known : container of (int, int)
        Pairs that need not be looked at, the smaller place first.

    Returns
    -------
    list of Copy
        ``first < second``, in order; a pair that is alike both ways is given once, the better way.

    Raises
    ------
    ValueError
        If there are not as many thumbnails as features.

    References
    ----------
    .. [1] A. Gionis, P. Indyk, R. Motwani, "Similarity search in high dimensions via hashing", VLDB 1999.
    """
    if thumbnails.shape != (len(found), THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX):
        raise ValueError(f"{len(found)} pictures need ({len(found)}, 64, 64) thumbnails, got {thumbnails.shape}")
    best: dict[tuple[int, int], Copy] = {}
    for first, second, mirrored in _shortlist(found):
        if (first, second) in known:
            continue
        copy = _confirmed(found, thumbnails, first, second, mirrored=mirrored)
        if copy and ((first, second) not in best or copy.score > best[first, second].score):
            best[first, second] = copy
    return [best[key] for key in sorted(best)]


def _shortlist(found: Sequence[Features]) -> Iterator[tuple[int, int, bool]]:
    """Yield pairs of pictures that share features, as (first, second, whether the first is mirrored)."""
    both = [one.descriptors for one in found] + [one.mirrored_descriptors for one in found]
    counts = [len(one) for one in both]
    if not sum(counts):
        return
    bits = np.concatenate(both)
    owners = np.repeat(np.arange(len(both), dtype=np.int32), counts)
    votes = np.empty(0, np.int64), np.empty(0, np.int64)
    random = generator(0, "copies")
    for _ in range(_TABLES):
        votes = _added(votes, _bucket_pairs(bits, owners, len(found), random.permutation(256)[:_KEY_BITS]))
    for code in votes[0][votes[1] >= LEAST_VOTES].tolist():
        first, rest = divmod(code, 2 * len(found))
        yield first, rest // 2, bool(rest % 2)


def _added(votes: tuple[NDArray[np.int64], NDArray[np.int64]], codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs and their votes with one vote more for each code."""
    new, more = np.unique(codes, return_counts=True)
    pairs, place = np.unique(np.concatenate([votes[0], new]), return_inverse=True)
    return pairs, np.bincount(place, np.concatenate([votes[1], more]), len(pairs)).astype(np.int64)


def _bucket_pairs(bits: NDArray[np.uint8], owners: NDArray[np.int32], images: int, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a code for each pair of alike features of two pictures that one table brings together: pair of pictures, and if mirrored.

    Only some neighbours in each bucket are compared, so that what all pictures share (a scanner's name) costs no square of their number.
    """
    keys = np.zeros(len(bits), np.uint32)
    for place, bit in enumerate(chosen.tolist()):
        keys |= ((bits[:, bit // 8] >> (bit % 8)) & 1).astype(np.uint32) << np.uint32(place)
    order = np.argsort(keys, kind="stable")
    keys, wide = keys[order], bits.view(np.uint64)
    codes = [np.empty(0, np.int64)]
    for step in range(1, _NEIGHBOURS + 1):
        same = np.flatnonzero(keys[step:] == keys[:-step])
        for start in range(0, len(same), _BLOCK):
            one, other = order[same[start : start + _BLOCK]], order[same[start : start + _BLOCK] + step]
            near = np.bitwise_count(wide[one] ^ wide[other]).sum(axis=1) <= FAR_BITS
            codes.append(_codes(owners[one[near]], owners[other[near]], images))
    return np.concatenate(codes)


def _codes(one: NDArray[np.int32], other: NDArray[np.int32], images: int) -> NDArray[np.int64]:
    """Return codes of pairs of owners, of which those from ``images`` on are mirror images; two mirror images are left out."""
    mirrored = (one >= images) ^ (other >= images)
    kept = (mirrored | (one < images)) & (one % images != other % images)
    one, other, mirrored = one[kept] % images, other[kept] % images, mirrored[kept]
    return (np.minimum(one, other).astype(np.int64) * images + np.maximum(one, other)) * 2 + mirrored


def _confirmed(found: Sequence[Features], thumbnails: NDArray[np.floating], first: int, second: int, *, mirrored: bool) -> Copy | None:
    """Lay the first picture on the second by their features; None where they do not agree."""
    one, other = found[first], found[second]
    descriptors, places = (one.mirrored_descriptors, one.mirrored_places) if mirrored else (one.descriptors, one.places)
    matches = [
        match
        for match in cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(descriptors, other.descriptors)
        if match.distance <= FAR_BITS
    ]
    if len(matches) < LEAST_AGREEING:
        return None
    here = places[[match.queryIdx for match in matches]].astype(np.float32)
    there = other.places[[match.trainIdx for match in matches]].astype(np.float32)
    matrix, agreeing = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=_TOLERANCE_PX, maxIters=500)
    if matrix is None or int(agreeing.sum()) < LEAST_AGREEING:
        return None
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    if not 1 / LARGEST_SCALE <= scale <= LARGEST_SCALE:
        return None
    image = thumbnails[first].astype(np.float32)
    score = _correlation(
        image[:, ::-1] if mirrored else image, one.shape, thumbnails[second].astype(np.float32), other.shape, matrix.astype(np.float64)
    )
    if score < LEAST_CORRELATION:
        return None
    turned = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
    return Copy(first, second, score, int(agreeing.sum()), mirrored, turned, scale)


def _correlation(
    image: NDArray[np.float32],
    shape: tuple[int, int],
    other: NDArray[np.float32],
    other_shape: tuple[int, int],
    matrix: NDArray[np.float64],
) -> float:
    """Return the correlation of two thumbnails' structures, the first laid on the second; 0 where they overlap too little."""
    whole = _to_thumbnail(other_shape) @ np.vstack([matrix, [0, 0, 1]]) @ np.linalg.inv(_to_thumbnail(shape))
    laid = cv2.warpAffine(np.ascontiguousarray(image), whole[:2], (THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX)).astype(np.float32)
    inside = cv2.warpAffine(np.ones_like(image), whole[:2], (THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX)) > 0.99
    one, two, alone = structure(np.where(inside, laid, 0).astype(np.float32)), structure(other * inside), structure(image)
    both = (one != 0) & (two != 0)
    tissue = min(float((alone != 0).sum()) * abs(np.linalg.det(whole[:2, :2])), float((structure(other) != 0).sum()))
    energy = math.sqrt(float(np.square(one[both]).sum()) * float(np.square(two[both]).sum()))
    if energy == 0 or both.sum() < LEAST_OVERLAP * tissue:
        return 0.0
    return float((one[both] * two[both]).sum()) / energy


def _to_thumbnail(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the matrix from pixels (column, row) of a picture to those of its thumbnail; centres are whole numbers in both."""
    down, across = (THUMBNAIL_SIDE_PX / side for side in shape)
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])

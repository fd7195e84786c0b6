"""Which images show the same scene, or the same patient: the groups that no split may part.

Near-duplicates are shortlisted by a perceptual hash and confirmed by correlation; copies beyond them (turned, enlarged, cut) come from
`copies`. What was measured on real sets is in docs/splits.md. Parting the groups is in `splits`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection, ImageRow
from breastcad.datasets.cache import Cache
from breastcad.datasets.copies import NO_FEATURES, Features, copied_pairs, features, from_rows, to_rows
from breastcad.datasets.thumbnails import THUMBNAIL_SIDE_PX, structure, thumbnail
from breastcad.read import open_picture

Progress = Callable[[int, int], None]
ReadPixels = Callable[[Path, int | None], NDArray[np.float32]]
Key = tuple[str, str]
"""Of an image: set and image_id."""
Look = Callable[[Path, int | None], tuple[NDArray[np.float32], Features]]
Member = TypeVar("Member", bound=Hashable)

MAX_SHIFT_PX = 16
"""Furthest that one scene may be shifted against the other, in pixels of the thumbnail: a quarter of a side."""
LEAST_OVERLAP = 0.25
"""Share of an image's structure that must lie in the overlap of a shifted pair; with less, chance alone correlates well."""

_FFT_SIDE = THUMBNAIL_SIDE_PX + 2 * MAX_SHIFT_PX
_HASH_BLOCK = 1024
_PAIR_BLOCK = 256


@dataclass(frozen=True, slots=True)
class Likeness:
    """What makes two images one scene: at most ``hash_bits`` of 512 bits differ, and they correlate by ``correlation`` or more."""

    hash_bits: int
    correlation: float


LIKENESS: dict[str, Likeness] = {"US": Likeness(hash_bits=160, correlation=0.25), "MG": Likeness(hash_bits=100, correlation=0.65)}
"""By modality. Mammograms share the breast's outline and the film's frame: by chance alone they are more alike than ultrasound is."""
UNKNOWN_MODALITY = "MG"
"""The modality whose likeness counts where a set does not say the modality: the stricter one."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images of one scene: their places in the sequence that was searched, how alike they are, and if one is mirrored."""

    first: int
    second: int
    score: float
    mirrored: bool


# ---- pairs ----


def near_duplicate_pairs(thumbnails: NDArray[np.floating], *, likeness: Likeness) -> list[Pair]:
    """Find the pairs of images that show one scene: copies, mirrored copies, other crops, with and without calipers.

    Shortlist: difference hash, horizontal and vertical, of the image and of its mirror image. Confirmation: the largest
    normalised correlation over shifts of up to a quarter of a side, of thumbnails whose local mean and contrast are
    made equal and whose background is left out, so that neither brightness, nor a film's frame, nor the outline decides.

    Parameters
    ----------
    thumbnails : (N, 64, 64) ndarray of float
        From `thumbnails.thumbnail`; float16 is enough, and keeps 10,000 images in 80 MB.
    likeness : Likeness
        When a pair counts, see `LIKENESS`.

    Returns
    -------
    list of Pair
        ``first < second``, in order; a pair that is alike both ways is given once, the better way.

    Raises
    ------
    ValueError
        If the thumbnails have another shape.

    References
    ----------
    .. [1] N. Krawetz, "Kind of like that", Hacker Factor blog (2013): the difference hash.
    """
    side = THUMBNAIL_SIDE_PX
    if thumbnails.ndim != 3 or thumbnails.shape[1:] != (side, side):
        raise ValueError(f"thumbnails must be (N, {side}, {side}), got {thumbnails.shape}")
    structures = np.array([structure(image.astype(np.float32)) for image in thumbnails], np.float16).reshape(-1, side, side)
    plain = np.flatnonzero((structures != 0).any(axis=(1, 2)))  # an image without structure is like nothing
    found: dict[tuple[int, int], Pair] = {}
    for mirrored in (False, True):
        shortlist = _shortlist(thumbnails[plain], likeness.hash_bits, mirrored=mirrored)
        for start in range(0, len(shortlist), _PAIR_BLOCK):
            pairs = plain[shortlist[start : start + _PAIR_BLOCK]]
            scores = _largest_correlation(structures[pairs[:, 0]], structures[pairs[:, 1]][..., :: -1 if mirrored else 1])
            for (first, second), score in zip(pairs.tolist(), scores.tolist(), strict=True):
                known = found.get((first, second))
                if score >= likeness.correlation and (known is None or score > known.score):
                    found[first, second] = Pair(first, second, score, mirrored)
    return [found[key] for key in sorted(found)]


def pairs_by_modality(thumbnails: NDArray[np.floating], modalities: Sequence[str | None]) -> Iterator[Pair]:
    """Yield the pairs of `near_duplicate_pairs` within each modality, by its own likeness; places are those of all thumbnails."""
    names = [modality or UNKNOWN_MODALITY for modality in modalities]
    for modality in sorted(set(names)):
        places = [number for number, other in enumerate(names) if other == modality]
        for pair in near_duplicate_pairs(thumbnails[places], likeness=LIKENESS.get(modality, LIKENESS[UNKNOWN_MODALITY])):
            yield Pair(places[pair.first], places[pair.second], pair.score, pair.mirrored)


def _hashes(thumbnails: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return difference hashes, (N, 512), as -1 and 1, so that a product of two counts their differing bits."""
    bits = np.empty((len(thumbnails), 512), np.float32)
    for row, image in zip(bits, thumbnails, strict=True):
        wide = cv2.resize(image.astype(np.float32), (17, 16), interpolation=cv2.INTER_AREA)
        tall = cv2.resize(image.astype(np.float32), (16, 17), interpolation=cv2.INTER_AREA)
        row[:256] = (wide[:, 1:] > wide[:, :-1]).ravel()
        row[256:] = (tall[1:] > tall[:-1]).ravel()
    return bits * 2 - 1


def _shortlist(thumbnails: NDArray[np.floating], hash_bits: int, *, mirrored: bool) -> NDArray[np.intp]:
    """Return the pairs, (P, 2), whose hashes differ in few bits; a block of rows at a time."""
    own = _hashes(thumbnails)
    other = _hashes(thumbnails[..., ::-1]) if mirrored else own
    near = [np.empty((0, 2), np.intp)]
    for start in range(0, len(own), _HASH_BLOCK):
        differing = (512 - own[start : start + _HASH_BLOCK] @ other.T) / 2
        pairs = np.argwhere(differing <= hash_bits) + np.array([start, 0])
        near.append(pairs[pairs[:, 0] < pairs[:, 1]])
    return np.concatenate(near)


def _largest_correlation(first: NDArray[np.float16], second: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return for each of P pairs the largest normalised correlation over shifts; sums over the overlap only."""
    one, other = first.astype(np.float32), second.astype(np.float32)
    everywhere = _transform(np.ones_like(one[:1]))
    shared = _shifted_sums(_transform(one), _transform(other))
    of_one = np.maximum(_shifted_sums(_transform(one * one), everywhere), _least_energy(one))
    of_other = np.maximum(_shifted_sums(everywhere, _transform(other * other)), _least_energy(other))
    return (shared / np.sqrt(of_one * of_other)).reshape(len(one), -1).max(axis=1)


def _least_energy(structures: NDArray[np.float32]) -> NDArray[np.float32]:
    return LEAST_OVERLAP * np.square(structures).sum(axis=(1, 2))[:, None, None]


def _transform(images: NDArray[np.float32]) -> NDArray[np.complex64]:
    return fft.rfft2(images, (_FFT_SIDE, _FFT_SIDE))


def _shifted_sums(first: NDArray[np.complex64], second: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return the sums of products at every shift up to the largest, (P, S, S)."""
    sums = fft.irfft2(first * np.conj(second), (_FFT_SIDE, _FFT_SIDE))
    reach = np.arange(-MAX_SHIFT_PX, MAX_SHIFT_PX + 1)
    return sums[:, reach[:, None], reach[None, :]]


# ---- groups ----


def joined(members: Iterable[Member], pairs: Iterable[tuple[Member, Member]]) -> dict[Member, Member]:
    """Map each member to the smallest member that pairs, directly or by others, join it to (union-find).

    Examples
    --------
    >>> joined("abcde", [("c", "b"), ("b", "e")])
    {'a': 'a', 'b': 'b', 'c': 'b', 'd': 'd', 'e': 'b'}
    """
    parent = {member: member for member in members}

    def root(member: Member) -> Member:
        while parent[member] != member:
            parent[member] = member = parent[parent[member]]
        return member

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))  # type: ignore[type-var]
        parent[high] = low
    return {member: root(member) for member in parent}


def duplicate_groups(collection: Collection, progress: Progress | None = None, *, read: ReadPixels | None = None) -> dict[str, str]:
    """Join the images of a collection that show one patient or one scene, near-duplicates, copies, and what is made from one image.

    Parameters
    ----------
    collection : Collection
        Images that are not present are joined by patient only.
    progress : callable, optional
        Called with (images read, images in all).
    read : callable, optional
        Gives an image's (H, W) pixels by its path and frame; by default from its file.

    Returns
    -------
    dict of str to str
        Group by image_id. A group is called ``set/image_id`` after its smallest member.

    Raises
    ------
    InputError
        If two images have one id.
    ReadError
        If a present image cannot be read.
    """
    return {image_id: group for (_, image_id), group in joint_groups([collection], progress, read=read).items()}


def joint_groups(
    collections: Sequence[Collection],
    progress: Progress | None = None,
    *,
    read: ReadPixels | None = None,
    unread: dict[Key, str] | None = None,
    cache: Cache | None = None,
    copies: bool = True,
) -> dict[Key, str]:
    """Join the images of several collections as `duplicate_groups` does, across them too.

    Near-duplicates are looked for among all present images of one modality, copies among all present images, patients within one set.
    With ``unread`` given, an image that cannot be read is entered there, with the reason, and looked at no further. Thumbnails and
    features are looked for and kept in a ``cache``, where one is given and ``read`` is not. Without ``copies``, only near-duplicates
    and patients are joined.

    Returns
    -------
    dict of (str, str) to str
        Group by (set, image_id).

    Raises
    ------
    InputError
        If two images have one set and id.
    ReadError
        If a present image cannot be read, and there is no ``unread``.
    """
    images = {}
    for collection in collections:
        for image in collection.images:
            if _key(image) in images:
                raise InputError(f"two images are called '{image.image_id}' in '{image.set}'; give each collection once")
            images[_key(image)] = (Path(collection.root), image)
    look = _looker(read or read_pixels, cache if read is None else None, copies)
    rows = [image for _, image in images.values()]
    pairs = [*_patient_pairs(rows), *parent_pairs(rows), *_scene_pairs(images, progress, look, unread)]
    return {key: "/".join(group) for key, group in joined(images, pairs).items()}


def read_pixels(path: Path, frame: int | None) -> NDArray[np.float32]:
    """Return the (H, W) pixels of a picture file, as `breastcad.read.open_picture` gives them."""
    return open_picture(path, frame).pixels


def _looker(read: ReadPixels, cache: Cache | None, copies: bool) -> Look:
    """Return what gives a picture's thumbnail, and its features where copies are looked for, by its path and frame."""

    def look(path: Path, frame: int | None) -> tuple[NDArray[np.float32], Features]:
        @functools.cache
        def pixels() -> NDArray[np.float32]:
            return read(path, frame)

        def kept(kind: str, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
            return make() if cache is None else cache.array(kind, [path], [frame], make)

        small = kept("thumbnail", lambda: thumbnail(pixels()))
        return small, from_rows(kept("features", lambda: to_rows(features(pixels())))) if copies else NO_FEATURES

    return look


def _key(image: ImageRow) -> Key:
    return image.set, image.image_id


def _patient_pairs(images: Iterable[ImageRow]) -> Iterator[tuple[Key, Key]]:
    first_of: dict[Key, Key] = {}
    for image in images:
        if image.patient_id is not None:
            yield first_of.setdefault((image.set, image.patient_id), _key(image)), _key(image)


def parent_pairs(images: Sequence[ImageRow]) -> Iterator[tuple[Key, Key]]:
    """Yield the images that were made from another, each with that one; where it is not among them, with the first made from it.

    Examples
    --------
    >>> made = [ImageRow("busi", name, parent_image_id="a", origin="augmented") for name in ("a-0", "a-1")]
    >>> list(parent_pairs(made))
    [(('busi', 'a-0'), ('busi', 'a-0')), (('busi', 'a-0'), ('busi', 'a-1'))]
    """
    first_of = {_key(image): _key(image) for image in images}
    for image in images:
        if image.parent_image_id is not None:
            yield first_of.setdefault((image.set, image.parent_image_id), _key(image)), _key(image)


def _scene_pairs(
    images: Mapping[Key, tuple[Path, ImageRow]], progress: Progress | None, look: Look, unread: dict[Key, str] | None
) -> Iterator[tuple[Key, Key]]:
    present = [(key, root, image) for key, (root, image) in images.items() if image.present and image.path]
    thumbnails = np.empty((len(present), THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX), np.float16)
    found = [NO_FEATURES] * len(present)
    for number, (key, root, image) in enumerate(present):
        try:
            thumbnails[number], found[number] = look(root / str(image.path), int(image.frame) if image.frame else None)
        except ReadError as error:
            if unread is None:
                raise
            thumbnails[number] = 0  # is like nothing
            unread[key] = str(error)
        if progress:
            progress(number + 1, len(present))
    near = list(pairs_by_modality(thumbnails, [image.modality for _, _, image in present]))
    further = copied_pairs(found, thumbnails, known={(pair.first, pair.second) for pair in near})
    for first, second in [(pair.first, pair.second) for pair in near] + [(copy.first, copy.second) for copy in further]:
        yield present[first][0], present[second][0]

"""Findings and sides held against the pictures: masks that are empty, of another size or off the breast; sides that the tissue contradicts.

What rows alone show is in `audit`, scenes and shortcuts are in `audit_pixels`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.core.geometry import ellipse_mask
from breastcad.core.records import FindingRow, ImageRow, Picture
from breastcad.datasets.audit import FINE, NOTE, WARNING, Check
from breastcad.preprocess.breast import breast_mask, chest_wall_side
from breastcad.read.masks import open_mask, same_proportions

OFF_BREAST_SHARE = 0.5
"""A finding of which more than this lies on background is off the breast."""
LEAST_FILMS, LEAST_ORDER = 20, 0.95
"""From how many films on which side a set hangs them is concluded, and what share of them must hang alike for the others to contradict."""
USUAL = {"R": "right", "L": "left"}
"""The side of the picture at which the chest wall lies, of a film that hangs as usual."""


@dataclass(slots=True)
class Held:
    """What one picture says of its row and findings.

    ``faults`` are sentences by kind; ``masks`` and ``judged`` count masks and findings on a breast; ``wall`` is the side of the picture
    at which the chest wall lies, None where that is not clear or there is none.
    """

    faults: dict[str, list[str]] = field(default_factory=dict)
    masks: int = 0
    judged: int = 0
    wall: str | None = None


def held_against(image: ImageRow, picture: Picture, findings: Sequence[FindingRow], root: Path) -> Held:
    """Hold one image's row and findings against its picture.

    Parameters
    ----------
    image : ImageRow
    picture : Picture
        As `breastcad.read.open_picture` gives it.
    findings : sequence of FindingRow
        Those of this image.
    root : Path
        What their ``mask_path`` is relative to.
    """
    held = Held()
    breast = breast_mask(picture.pixels) if image.modality == "MG" else None
    if breast is not None:
        held.wall = chest_wall_side(breast)
        breast = None if breast.all() else breast
    if image.laterality and picture.laterality and image.laterality != picture.laterality:
        held.faults["laterality"] = [f"{image.set} {image.image_id}: {image.laterality} in the table, {picture.laterality} in the file"]
    for row in findings:
        region = _region(row, picture.pixels.shape, root, held)
        if region is None or breast is None:
            continue
        held.judged += 1
        off = 1 - float(breast[_inside(row)][region].mean()) if region.any() else 1.0
        if off > OFF_BREAST_SHARE:
            held.faults.setdefault("off", []).append(f"{row.set} {row.finding_id}: {100 * off:.0f} %")
    return held


def _inside(row: FindingRow) -> tuple[slice, slice]:
    """Return the part of its picture that a finding's box covers."""
    first = [max(0, int(side or 0)) for side in (row.row0, row.col0)]
    last = [max(start + 1, round(side or 0)) for start, side in zip(first, (row.row1, row.col1), strict=True)]
    return slice(first[0], last[0]), slice(first[1], last[1])


def _region(row: FindingRow, shape: tuple[int, ...], root: Path, held: Held) -> NDArray[np.bool_] | None:
    """Return a finding's pixels within its box; None where it has no box, or a mask that cannot be used, which is entered."""
    name = f"{row.set} {row.finding_id}"
    mask = None
    if row.mask_path:
        held.masks += 1
        mask = _mask(row, root, shape, held, name)
        if mask is None:
            return None
    if None in (row.row0, row.col0, row.row1, row.col1):
        return None
    down, across = _inside(row)
    if mask is not None:
        return mask[down, across]
    size = max(0, min(down.stop, shape[0]) - down.start), max(0, min(across.stop, shape[1]) - across.start)
    if row.geometry in ("circle", "ellipse") and 0 not in size:
        row0, col0, row1, col1 = (float(side or 0) for side in (row.row0, row.col0, row.row1, row.col1))
        return ellipse_mask(size, (row0 - down.start, col0 - across.start, row1 - down.start, col1 - across.start))
    return np.ones(size, bool)


def _mask(row: FindingRow, root: Path, shape: tuple[int, ...], held: Held, name: str) -> NDArray[np.bool_] | None:
    """Return a finding's mask if it is there, of its image's size and not empty; else enter what is wrong."""
    try:
        mask = open_mask(root / str(row.mask_path))
    except ReadError as error:
        held.faults.setdefault("unread", []).append(f"{name}: {error.reason}")
        return None
    sizes = f"{name}: {mask.shape[0]} x {mask.shape[1]}, its image {shape[0]} x {shape[1]}"
    if not mask.any():
        held.faults.setdefault("empty", []).append(name)
    elif not same_proportions(mask.shape, shape):
        held.faults.setdefault("shape", []).append(sizes)
    elif mask.shape != shape:
        held.faults.setdefault("size", []).append(sizes)
    else:
        return mask
    return None


# ---- what is said of all of them ----

_MASK_KINDS = (
    ("unread", "masks that cannot be read", "masks that are named and cannot be read", WARNING),
    ("empty", "empty masks", "masks without a white pixel", WARNING),
    ("shape", "masks of other proportions", "masks whose proportions are not their image's: they are not used", WARNING),
    ("size", "masks of another size", "masks of their image's proportions and another size: they are resampled", NOTE),
)


def finding_checks(images: Sequence[ImageRow], held: Sequence[Held]) -> list[Check]:
    """Return the checks of masks, places and sides, of images and what their pictures say of them."""
    faults: dict[str, list[str]] = defaultdict(list)
    for one in held:
        for kind, sentences in one.faults.items():
            faults[kind] += sentences
    masks, judged = sum(one.masks for one in held), sum(one.judged for one in held)
    checks = [_check(name, said, faults[kind], masks, verdict) for kind, name, said, verdict in _MASK_KINDS] if masks else []
    if judged:
        meant = "findings on mammograms more than half of which lies on background"
        checks.append(_check("findings off the breast", meant, faults["off"], judged, WARNING))
    told = [image for image in images if image.laterality]
    if told:
        meant = "images whose file says another side than the table"
        checks.append(_check("sides that files contradict", meant, faults["laterality"], len(told), WARNING))
    return [*checks, *_sides(images, held)]


def _check(name: str, said: str, items: Iterable[str], of: int, verdict: str) -> Check:
    named = tuple(items)
    return Check(name, verdict if named else FINE, said, len(named), of, named)


def _sides(images: Sequence[ImageRow], held: Sequence[Held]) -> list[Check]:
    """Look, set by set, for films whose chest wall lies on the other side than on the set's other films of that laterality."""
    of_set: dict[str, list[tuple[ImageRow, str]]] = defaultdict(list)
    for image, one in zip(images, held, strict=True):
        if one.wall and image.laterality in USUAL:
            of_set[image.set].append((image, one.wall))
    checks = []
    for name, films in sorted(of_set.items()):
        usual = [image for image, wall in films if wall == USUAL[str(image.laterality)]]
        unusual = [image for image, wall in films if wall != USUAL[str(image.laterality)]]
        few, many = sorted((usual, unusual), key=len)
        if len(films) < LEAST_FILMS:
            continue
        title = "sides that pictures contradict"
        if len(many) < LEAST_ORDER * len(films):
            said = f"{name}: films that hang the other way round; so many that nothing follows for a single one"
            checks.append(Check(title, NOTE, said, len(few), len(films)))
            continue
        items = [f"{image.set} {image.image_id}: {image.laterality}" for image in few]
        said = f"{name}: films whose chest wall lies on the other side than the set's others of that breast: mirrored, or the side wrong"
        checks.append(_check(title, said, items, len(films), WARNING))
    return checks

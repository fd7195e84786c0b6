"""What fools a model's maker, found in pixels: one scene in several images, under two labels, in two sets; facts that tell the label.

Each picture is decoded once, for a thumbnail and for its facts. What tables alone show is in `audit`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.core.seeding import generator
from breastcad.datasets.audit import FINE, NOTE, WARNING, Check
from breastcad.datasets.audit_findings import Held, held_against
from breastcad.datasets.copies import Copy, Features, copied_pairs, features
from breastcad.datasets.duplicates import Pair, joined, pairs_by_modality, parent_pairs
from breastcad.datasets.shortcuts import LEFT_IN, TAKEN_OUT, Shortcut, facts_of, shortcut
from breastcad.datasets.thumbnails import THUMBNAIL_SIDE_PX, thumbnail
from breastcad.evaluate.intervals import UndefinedFigure
from breastcad.read import open_picture

Progress = Callable[[int, int], None]
Key = tuple[str, str]
MOST_IMAGES = 3000
"""Of how many images at most a question about shortcuts is asked: more cost minutes and narrow the interval little."""


@dataclass(slots=True)
class Looked:
    """Pictures as they were looked at: rows, thumbnails (N, 64, 64) of float16, facts, local features, what they say of
    their rows; and what could not be read.
    """

    images: list[ImageRow]
    thumbnails: NDArray[np.float16]
    facts: list[dict[str, float | str]]
    features: list[Features] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def look(collections: Sequence[Collection], progress: Progress | None = None) -> Looked:
    """Decode each present picture once; one that cannot be read is told and left out."""
    present = [(Path(one.root), image) for one in collections for image in one.images if image.present and image.path]
    thumbnails = np.empty((len(present), THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX), np.float16)
    looked = Looked([], thumbnails, [])
    of_image: dict[Key, list[FindingRow]] = defaultdict(list)
    for row in (row for one in collections for row in one.findings):
        of_image[row.set, row.image_id].append(row)
    for done, (root, image) in enumerate(present, start=1):
        path = root / str(image.path)
        try:
            picture = open_picture(path, int(image.frame) if image.frame else None)
        except ReadError as error:
            looked.unread.append(f"{image.set} {image.image_id}: {error.reason}")
        else:
            thumbnails[len(looked.images)] = thumbnail(picture.pixels)
            looked.facts.append(facts_of(image, path, picture))
            looked.features.append(features(picture.pixels))
            looked.held.append(held_against(image, picture, of_image[image.set, image.image_id], root))
            looked.images.append(image)
        if progress:
            progress(done, len(present))
    looked.thumbnails = thumbnails[: len(looked.images)]
    return looked


@dataclass(slots=True)
class Scenes:
    """What was found of scenes.

    ``groups`` by (set, image_id): near-duplicates, patients and copies of one parent joined; ``near`` and ``copies`` are pairs of
    (set, image_id): near-duplicates, and copies beyond them.
    """

    checks: list[Check]
    groups: dict[Key, str]
    near: list[tuple[Key, Key]]
    copies: list[tuple[Key, Key]]


def scenes(looked: Looked) -> Scenes:
    """Look for images of one scene: near-duplicates, whole or mirrored, and copies that were turned, cropped or enlarged.

    Checks: images in groups of near-duplicates; pairs of near-duplicates, then of copies beyond them: with other labels, of other
    patients, between sets.
    """
    images = looked.images
    pairs = list(pairs_by_modality(looked.thumbnails, [image.modality for image in images]))
    copies = copied_pairs(looked.features, looked.thumbnails, known={(pair.first, pair.second) for pair in pairs})
    keys = [(image.set, image.image_id) for image in images]
    first_of: dict[tuple[str, str], int] = {}
    same = [(first_of.setdefault((i.set, i.patient_id), n), n) for n, i in enumerate(images) if i.patient_id is not None]
    place_of = {key: place for place, key in enumerate(keys)}
    made = [(place_of[parent], place_of[copy]) for parent, copy in parent_pairs(images)]
    groups = joined(range(len(images)), [*((pair.first, pair.second) for pair in pairs), *same, *made])
    checks = [
        _several(pairs, images),
        *_conflicts("near-duplicates", "pairs of one scene", pairs, images),
        _pairs("copies", "pairs beyond near-duplicates: one is the other turned, cut, mirrored or at another scale", copies, images),
        *_conflicts("copies", "such pairs", copies, images),
    ]
    named = {place: "/".join(keys[root]) for place, root in groups.items()}
    near, further = ([(keys[pair.first], keys[pair.second]) for pair in found] for found in (pairs, copies))
    return Scenes(checks, {keys[place]: name for place, name in named.items()}, near, further)


def _several(pairs: Sequence[Pair], images: Sequence[ImageRow]) -> Check:
    members: dict[int, list[int]] = {}
    for place, root in joined(range(len(images)), [(pair.first, pair.second) for pair in pairs]).items():
        members.setdefault(root, []).append(place)
    several = [found for found in members.values() if len(found) > 1]
    named = tuple(" = ".join(_name(images[place]) for place in found) for found in several)
    said = f"images in {len(several)} groups that show one scene"
    return Check("near-duplicates", WARNING if several else FINE, said, sum(map(len, several)), len(images), named)


def _conflicts(kind: str, said: str, pairs: Sequence[Pair | Copy], images: Sequence[ImageRow]) -> list[Check]:
    """Look for pairs that the tables contradict: other labels, other patients; and, of several sets, for pairs between them."""
    couples = [(pair, images[pair.first], images[pair.second]) for pair in pairs]
    labels = [pair for pair, one, other in couples if one.label != other.label]
    patients = [
        pair
        for pair, one, other in couples
        if one.set == other.set and one.patient_id and other.patient_id and one.patient_id != other.patient_id
    ]
    checks = [
        _pairs(f"{kind} under two labels", f"{said} with different labels", labels, images),
        _pairs(f"{kind} of two patients", f"{said} that are said to be of two patients", patients, images),
    ]
    if len({image.set for image in images}) > 1:
        across = [pair for pair, one, other in couples if one.set != other.set]
        checks.append(_pairs(f"{kind} between sets", f"{said} in two sets", across, images))
    return checks


def _pairs(name: str, said: str, pairs: Sequence[Pair | Copy], images: Sequence[ImageRow]) -> Check:
    items = tuple(f"{_name(images[pair.first])} = {_name(images[pair.second])}{_done(pair)} ({pair.score:.2f})" for pair in pairs)
    return Check(name, WARNING if pairs else FINE, said, len(pairs), None, items)


def _done(pair: Pair | Copy) -> str:
    """Say what was done to the first image of a pair."""
    mirrored = " mirrored" if pair.mirrored else ""
    if isinstance(pair, Pair):
        return mirrored
    turned = f" turned by {pair.turned_deg:.0f} degrees" if abs(pair.turned_deg) >= 0.5 else ""
    return f"{mirrored}{turned} at scale {pair.scale:.2f}"


def _name(image: ImageRow) -> str:
    return f"{image.set} {image.image_id}"


# ---- facts that tell a label ----


@dataclass(frozen=True, slots=True)
class Told:
    """How well facts tell one question: of all facts that stay visible, and of all that our preparation takes away."""

    question: str
    left_in: Shortcut
    taken_out: Shortcut


def shortcuts(looked: Looked, groups: dict[tuple[str, str], str], seed: int) -> tuple[list[Told], list[str]]:
    """Measure how well facts that are no tissue tell what a model would be asked, and which set an image is of.

    Returns
    -------
    told : list of Told
        Of each set: malignant among abnormal images, abnormal among all; of several sets: which of two an image is of.
    left : list of str
        Questions that the images cannot answer, and why.
    """
    names = sorted({image.set for image in looked.images})
    questions: list[tuple[str, list[int], list[bool]]] = []
    for name in names:
        own = [n for n, image in enumerate(looked.images) if image.set == name and image.label != "unknown"]
        abnormal = [n for n in own if looked.images[n].label != "normal"]
        questions.append((f"{name}: malignant among abnormal images", abnormal, [looked.images[n].label == "malignant" for n in abnormal]))
        questions.append((f"{name}: abnormal among all images", own, [looked.images[n].label != "normal" for n in own]))
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            both = [n for n, image in enumerate(looked.images) if image.set in (first, second)]
            questions.append((f"{first} or {second}", both, [looked.images[n].set == second for n in both]))
    told, left = [], []
    for question, places, truth in questions:
        members = [groups[looked.images[n].set, looked.images[n].image_id] for n in places]
        some = _some(members, generator(seed, "audit", question, "some"))
        facts = [looked.facts[places[n]] for n in some]
        labels, joint = [truth[n] for n in some], [members[n] for n in some]
        try:
            found = [
                shortcut(facts, labels, joint, generator(seed, "audit", question, kind), names=kept)
                for kind, kept in (("left in", LEFT_IN), ("taken out", TAKEN_OUT))
            ]
        except UndefinedFigure as reason:
            left.append(f"{question}: {reason}")
            continue
        told.append(Told(question, *found))
    return told, left


def _some(members: Sequence[str], random: np.random.Generator) -> list[int]:
    """Return the places of whole groups, drawn at random until `MOST_IMAGES` are reached; all where there are no more."""
    if len(members) <= MOST_IMAGES:
        return list(range(len(members)))
    names = sorted(set(members))
    rank = dict(zip(names, random.permutation(len(names)).tolist(), strict=True))
    order = sorted(range(len(members)), key=lambda place: rank[members[place]])
    last = members[order[MOST_IMAGES - 1]]
    return sorted(place for number, place in enumerate(order) if number < MOST_IMAGES or members[place] == last)


def overlay_shares(looked: Looked) -> list[Check]:
    """Compare burnt-in marks between classes: of each set and label, the images whose overlay covers more than a thousandth."""
    checks = []
    for name in sorted({image.set for image in looked.images}):
        for label in ("normal", "benign", "malignant"):
            own = [facts for image, facts in zip(looked.images, looked.facts, strict=True) if (image.set, image.label) == (name, label)]
            if own:
                marked = sum(float(facts["overlay_share"]) > 0.001 for facts in own)
                said = f"{name}, {label}: images with marks on more than 0.1 % of their pixels, {100 * marked / len(own):.0f} %"
                checks.append(Check("burnt-in marks", NOTE, said, marked, len(own)))
    return checks

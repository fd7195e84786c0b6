"""What fools a model's maker, found in pixels: one scene in several images, under two labels, in two sets; facts that tell the label.

Each picture is decoded once, for a thumbnail and for its facts. What tables alone show is in `audit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, ImageRow
from breastcad.core.seeding import generator
from breastcad.datasets.audit import FINE, NOTE, WARNING, Check
from breastcad.datasets.duplicates import THUMBNAIL_SIDE_PX, Pair, joined, pairs_by_modality, thumbnail
from breastcad.datasets.shortcuts import LEFT_IN, TAKEN_OUT, Shortcut, facts_of, shortcut
from breastcad.evaluate.intervals import UndefinedFigure
from breastcad.read import open_picture

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Looked:
    """Pictures as they were looked at: rows, thumbnails (N, 64, 64) of float16, facts; and what could not be read."""

    images: list[ImageRow]
    thumbnails: NDArray[np.float16]
    facts: list[dict[str, float | str]]
    unread: list[str] = field(default_factory=list)


def look(collections: Sequence[Collection], progress: Progress | None = None) -> Looked:
    """Decode each present picture once; one that cannot be read is told and left out."""
    present = [(Path(one.root), image) for one in collections for image in one.images if image.present and image.path]
    thumbnails = np.empty((len(present), THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX), np.float16)
    looked = Looked([], thumbnails, [])
    for done, (root, image) in enumerate(present, start=1):
        path = root / str(image.path)
        try:
            picture = open_picture(path, int(image.frame) if image.frame else None)
        except ReadError as error:
            looked.unread.append(f"{image.set} {image.image_id}: {error.reason}")
        else:
            thumbnails[len(looked.images)] = thumbnail(picture.pixels)
            looked.facts.append(facts_of(image, path, picture))
            looked.images.append(image)
        if progress:
            progress(done, len(present))
    looked.thumbnails = thumbnails[: len(looked.images)]
    return looked


def scenes(looked: Looked) -> tuple[list[Check], dict[tuple[str, str], str]]:
    """Look for images of one scene: near-duplicates, whole or mirrored, within a set and between sets.

    Returns
    -------
    checks : list of Check
        Images in groups of near-duplicates; pairs of other labels; pairs of other patients; pairs between sets.
    groups : dict
        Group by (set, image_id): near-duplicates and patients joined.
    """
    images = looked.images
    pairs = list(pairs_by_modality(looked.thumbnails, [image.modality for image in images]))
    keys = [(image.set, image.image_id) for image in images]
    scene = joined(range(len(images)), [(pair.first, pair.second) for pair in pairs])
    members: dict[int, list[int]] = {}
    for place, root in scene.items():
        members.setdefault(root, []).append(place)
    several = [found for found in members.values() if len(found) > 1]
    within = [pair for pair in pairs if images[pair.first].set == images[pair.second].set]
    across = [pair for pair in pairs if images[pair.first].set != images[pair.second].set]
    conflicts = [pair for pair in pairs if images[pair.first].label != images[pair.second].label]
    strangers = [
        pair
        for pair in within
        if images[pair.first].patient_id
        and images[pair.second].patient_id
        and images[pair.first].patient_id != images[pair.second].patient_id
    ]
    count = sum(len(found) for found in several)
    named = tuple(" = ".join(_name(images[place]) for place in found) for found in several)
    checks = [
        Check(
            "near-duplicates",
            WARNING if several else FINE,
            f"images in {len(several)} groups that show one scene",
            count,
            len(images),
            named,
        ),
        _pairs("near-duplicates under two labels", "pairs of one scene with different labels", conflicts, images, WARNING),
        _pairs("near-duplicates of two patients", "pairs of one scene that are said to be of two patients", strangers, images, WARNING),
    ]
    if len({image.set for image in images}) > 1:
        checks.append(_pairs("near-duplicates between sets", "pairs of one scene in two sets", across, images, WARNING))
    first_of: dict[tuple[str, str], int] = {}
    same = [(first_of.setdefault((i.set, i.patient_id), n), n) for n, i in enumerate(images) if i.patient_id is not None]
    groups = joined(range(len(images)), [*((pair.first, pair.second) for pair in pairs), *same])
    return checks, {keys[place]: "/".join(keys[root]) for place, root in groups.items()}


def _pairs(name: str, said: str, pairs: Sequence[Pair], images: Sequence[ImageRow], verdict: str) -> Check:
    items = tuple(
        f"{_name(images[pair.first])} = {_name(images[pair.second])}{' mirrored' if pair.mirrored else ''} ({pair.score:.2f})"
        for pair in pairs
    )
    return Check(name, verdict if pairs else FINE, said, len(pairs), None, items)


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
        facts = [looked.facts[n] for n in places]
        members = [groups[looked.images[n].set, looked.images[n].image_id] for n in places]
        try:
            found = [
                shortcut(facts, truth, members, generator(seed, "audit", question, kind), names=kept)
                for kind, kept in (("left in", LEFT_IN), ("taken out", TAKEN_OUT))
            ]
        except UndefinedFigure as reason:
            left.append(f"{question}: {reason}")
            continue
        told.append(Told(question, *found))
    return told, left


def overlay_shares(looked: Looked) -> list[Check]:
    """Compare burnt-in marks between classes: of each set and label, the images whose overlay covers more than a thousandth."""
    checks = []
    for name in sorted({image.set for image in looked.images}):
        for label in ("normal", "benign", "malignant"):
            own = [facts for image, facts in zip(looked.images, looked.facts, strict=True) if (image.set, image.label) == (name, label)]
            if own:
                marked = sum(float(facts["overlay_share"]) > 0.001 for facts in own)
                checks.append(
                    Check(
                        "burnt-in marks", NOTE, f"{name}, {label}: images with marks on more than 0.1 % of their pixels", marked, len(own)
                    )
                )
    return checks

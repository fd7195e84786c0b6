"""The images that a split names: found in the collections, each once and of the right modality, and known again by a digest."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection as Keys
from collections.abc import Iterable

from breastcad.core.errors import InputError
from breastcad.core.records import Collection, FindingRow, ImageRow, SplitRow
from breastcad.train.settings import Settings

Named = tuple[Collection, ImageRow, list[FindingRow]]
"""An image, the collection that has it, and its findings."""

# What a training takes from a row; a later import may well say more of an image (its side, its density).
_OF_IMAGE = ("set", "image_id", "patient_id", "path", "frame", "rows", "cols", "label")
_OF_FINDING = ("finding_id", "kind", "pathology", "geometry", "row0", "col0", "row1", "col1", "points", "mask_path")


def named_images(collections: Iterable[Collection], keys: Keys[tuple[str, str]]) -> list[Named]:
    """Return the present images of (set, image id), in the order of the collections.

    Raises
    ------
    InputError
        If an image is in no collection, or in two.
    """
    named: list[Named] = []
    for collection in collections:
        findings: dict[str, list[FindingRow]] = {}
        for finding in collection.findings:
            findings.setdefault(finding.image_id, []).append(finding)
        rows = [row for row in collection.images if row.present and (row.set, row.image_id) in keys]
        named += [(collection, row, findings.get(row.image_id, [])) for row in rows]
    times = Counter((row.set, row.image_id) for _, row, _ in named)
    missing = [key for key in keys if key not in times]
    if missing:
        raise InputError(f"the split names {len(missing)} images that are not in the collections (first: {min(missing)[1]}); give them all")
    twice = next((key for key, count in times.items() if count > 1), None)
    if twice:
        raise InputError(f"two images are called '{twice[1]}' in '{twice[0]}'; give each collection once")
    return named


def check_modality(named: Iterable[Named], modality: str) -> None:
    """Refuse images of another modality than the settings': InputError. One whose modality is not known passes."""
    other = next((row for _, row, _ in named if row.modality != modality and row.modality in Settings.words["modality"]), None)
    if other:
        raise InputError(
            f"the images of '{other.set}' are of the modality {other.modality}, and the settings are for {modality}; "
            f"choose another recipe of lesion networks, give a classifier --setting modality={other.modality}, or take other collections"
        )


def images_digest(named: Iterable[Named]) -> str:
    """Return a SHA-256 of what a training takes from the rows of images and their findings, in their order; no file is read."""
    digest = hashlib.sha256()
    for _, row, findings in named:
        said = [[getattr(row, name) for name in _OF_IMAGE], *([getattr(one, name) for name in _OF_FINDING] for one in findings)]
        digest.update(f"{said}\n".encode())
    return digest.hexdigest()


def check_folds(split: Iterable[SplitRow], outer: list[int] | None) -> None:
    """Refuse a split that has not the wanted outer folds, or one with nothing to train or validate on: InputError."""
    parts: dict[int, set[str]] = {}
    for row in split:
        if row.inner == 0:
            parts.setdefault(row.outer, set()).add(row.part)
    wanted = sorted(parts) if outer is None else outer
    unknown = set(wanted) - set(parts)
    if unknown:
        raise InputError(f"the split has no fold {min(unknown)}; its folds: {', '.join(map(str, sorted(parts)))}")
    for fold in wanted:
        for part in ("train", "validation"):
            if part not in parts[fold]:
                raise InputError(f"fold {fold} of the split has no image in its part '{part}'; make another with breastcad split")

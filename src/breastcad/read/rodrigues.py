"""Rodrigues' breast ultrasound (Mendeley wmy84gzngw, "BUS-250"): small crops in two folders by class. Quirks: docs/data.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.read.reading import Reading
from breastcad.read.tables import label_of
from breastcad.read.trees import Progress, find_tree

NAME = "rodrigues"
NEEDED = "Rodrigues' set (a folder originals with folders benign and malignant of .bmp files)"
_LABELS = {"benign": "benign", "malignant": "malignant"}
_SUFFIXES = (".bmp", ".png")
_FACTS = {
    "set": NAME,
    "title": "Rodrigues (Mendeley wmy84gzngw)",
    "licence": "CC BY 4.0",
    "cite": "P. S. Rodrigues, Breast Ultrasound Image, Mendeley Data, V1, 2018, doi 10.17632/wmy84gzngw.1",
}


def find(folder: str | Path) -> Path:
    """Return the folder `originals`; InputError if there is none."""
    return find_tree(folder, _is_tree, NEEDED)


def _is_tree(place: Path) -> bool:
    folders = [place / word for word in _LABELS]
    return all(folder.is_dir() for folder in folders) and any(
        path.suffix.lower() == ".bmp" for folder in folders for path in folder.iterdir()
    )


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read Rodrigues' set: an image a file; a finding without a place for each, since there are no masks.

    Parameters
    ----------
    folder : str or Path
        `originals`, or the folder above or below it.
    tables : str or Path, optional
        Not used: the set has no tables.
    words : mapping, optional
        Further label words (for the names of the folders).
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        ``patient_id`` is None throughout. ``image_id`` begins with the folder's name: file names may repeat across classes.

    Raises
    ------
    InputError
        If there is no tree, or a folder's name is no label.
    """
    root = find(folder)
    files = [(place.name, path) for place in sorted(root.iterdir()) if place.is_dir() for path in _pictures(place)]
    reading = Reading(_FACTS, root, progress)
    first = {path.with_suffix(""): path for _, path in reversed(files)}
    twins = [(word, path) for word, path in files if first[path.with_suffix("")] != path]
    reading.fault("files of another's name, of which the first is read", *(f"{word}/{path.name}" for word, path in twins))
    for word, path in reading.each(file for file in files if file not in twins):
        label = label_of(word, _LABELS, words, f"folder '{word}'")
        row = ImageRow(set=NAME, image_id=f"{word}/{path.stem}", modality="US", label=label, extra={"class": word})
        reading.add(row, path)
        if label in ("benign", "malignant"):
            reading.findings.append(FindingRow(NAME, f"{row.image_id}-1", row.image_id, lesion_id=f"{row.image_id}-1", pathology=label))
    problems = ["the set names no patients: split it by groups of near-duplicates", "the set has no masks: findings have no place"]
    return reading.finish(problems, {"published": 250})


def _pictures(folder: Path) -> list[Path]:
    """Return a folder's pictures, sorted by the numbers in their names."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES]
    return sorted(found, key=lambda path: ([int(number) for number in re.findall(r"\d+", path.stem)], path.name))

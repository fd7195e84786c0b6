"""BUSI: breast ultrasound in three folders by class, masks beside the images. Quirks: docs/data.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from breastcad.core.records import SEVERITY, Collection, FindingRow, ImageRow
from breastcad.read.masks import put_mask
from breastcad.read.reading import Reading
from breastcad.read.tables import label_of
from breastcad.read.trees import Progress, find_tree, told

NAME = "busi"
NEEDED = "BUSI (folders benign, malignant and normal with files such as 'benign (1).png' and 'benign (1)_mask.png')"
_FILE = re.compile(r"(?P<image>(?P<class>.+) \((?P<number>\d+)\))(?P<mask>_mask(?:_(?P<part>\d+))?)?\.png", re.IGNORECASE)
_LABELS = {"normal": "normal", "benign": "benign", "malignant": "malignant"}
_FACTS = {
    "set": NAME,
    "title": "BUSI",
    "licence": "no formal licence; free for research with citation",
    "cite": "W. Al-Dhabyani, M. Gomaa, H. Khaled, A. Fahmy, Dataset of breast ultrasound images, Data in Brief 28, 2020, 104863",
}


@dataclass(slots=True)
class _Entry:
    """One image's files; masks in the order ``_mask``, ``_mask_1``, ``_mask_2``."""

    word: str
    number: int
    path: Path | None = None
    masks: dict[int, Path] = field(default_factory=dict)


def find(folder: str | Path) -> Path:
    """Return the folder that holds the class folders; InputError if there is none."""
    return find_tree(folder, _is_tree, NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read BUSI: an image a file, a finding a mask that is not empty; the union of an image's masks is its lesion area.

    Parameters
    ----------
    folder : str or Path
        `Dataset_BUSI_with_GT`, or the folder above or below it.
    tables : str or Path, optional
        Not used: the set has no tables.
    words : mapping, optional
        Further label words (for the names of the class folders).
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        ``patient_id`` is None throughout: the set does not say who is who, so splits need groups of near-duplicates.

    Raises
    ------
    InputError
        If there are no class folders, or a class folder's name is no label.
    """
    root = find(folder)
    reading = Reading(_FACTS, root, progress)
    entries = _entries(root, words, reading)
    for image_id, entry in reading.each(entries.items()):
        row = _image(image_id, entry, words)
        reading.add(row, entry.path)
        reading.findings += _findings(row, entry, reading)
    return _finish(reading, entries)


def _is_tree(folder: Path) -> bool:
    return any(folder.joinpath(word).is_dir() and _has_files(folder / word) for word in _LABELS)


def _has_files(folder: Path) -> bool:
    return any(_FILE.fullmatch(path.name) for path in folder.iterdir())


def _label(word: str, words: Mapping[str, str] | None) -> str:
    return label_of(word, _LABELS, words, f"folder '{word}'")


def _entries(root: Path, words: Mapping[str, str] | None, reading: Reading) -> dict[str, _Entry]:
    """Gather files by image, sorted by class and number (names sort ``(10)`` before ``(2)``)."""
    entries: dict[str, _Entry] = {}
    folders = sorted(path for path in root.iterdir() if path.is_dir() and _has_files(path))
    for folder in sorted(folders, key=lambda folder: -SEVERITY[_label(folder.name, words)]):
        for path in sorted(folder.iterdir()):
            match = _FILE.fullmatch(path.name)
            if match is None:
                continue
            entry = entries.setdefault(match["image"], _Entry(folder.name, int(match["number"])))
            if entry.word != folder.name:
                reading.fault("files whose name stands in a folder of a worse label too, which counts", f"{folder.name}/{path.name}")
            elif match["mask"]:
                entry.masks[int(match["part"] or 0)] = path
            else:
                entry.path = path
    return dict(sorted(entries.items(), key=lambda item: (item[1].word, item[1].number)))


def _image(image_id: str, entry: _Entry, words: Mapping[str, str] | None) -> ImageRow:
    return ImageRow(
        set=NAME,
        image_id=image_id,
        modality="US",
        aspect="kept",
        manufacturer="GE",
        label=_label(entry.word, words),
        extra={"class": entry.word, "masks": str(len(entry.masks))},
    )


def _findings(image: ImageRow, entry: _Entry, reading: Reading) -> list[FindingRow]:
    """Make a finding a mask; an abnormal image without a usable mask keeps one finding without a place."""
    rows = []
    for number, (_, path) in enumerate(sorted(entry.masks.items()), start=1):
        row = _finding(image, number)
        empty = None if image.label == "normal" else "masks of abnormal images that are empty"
        if put_mask(row, image, path, reading.root, reading.faults, empty=empty) or image.label != "normal":
            rows.append(row)
        if image.label == "normal" and row.geometry == "mask":
            reading.fault("normal images whose mask is not empty", image.image_id)
    if not entry.masks:
        reading.fault("images without a mask", image.image_id)
        rows += [_finding(image, 1)] if image.label != "normal" else []
    return rows


def _finding(image: ImageRow, number: int) -> FindingRow:
    finding_id = f"{image.image_id}-{number}"
    pathology = image.label if image.label in ("benign", "malignant") else "unknown"
    return FindingRow(set=NAME, finding_id=finding_id, image_id=image.image_id, lesion_id=finding_id, pathology=pathology)


def _finish(reading: Reading, entries: dict[str, _Entry]) -> Collection:
    several = [image_id for image_id, entry in entries.items() if len(entry.masks) > 1]
    extra = {
        "published": 780,
        "masks": sum(len(entry.masks) for entry in entries.values()),
        "images_with_several_masks": len(several),
    }
    problems = ["the set names no patients: split it by groups of near-duplicates (it has many, some under two classes)"]
    problems += told("images with several masks, each a finding; their union is the lesion area", several)
    problems += told("masks whose image is missing", [image_id for image_id, entry in entries.items() if entry.path is None])
    return reading.finish(problems, extra)

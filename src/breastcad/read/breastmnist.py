"""BreastMNIST: BUSI shrunk to squares, all images in one .npz a size. Quirks: docs/data.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.read.npz import check_pictures, npz_facts, npz_numbers, picture_size
from breastcad.read.reading import Reading
from breastcad.read.tables import label_of
from breastcad.read.trees import Progress, find_tree, inside, told

NAME = "breastmnist"
NEEDED = "BreastMNIST (breastmnist.npz, or breastmnist_64.npz, _128 or _224)"
SMALLEST = 28
"""Side in pixels of the images of the file without a size in its name."""
PARTS = {"train": "train", "val": "validation", "test": "test"}
_FILE = re.compile(r"breastmnist(?:_(\d+))?\.npz", re.IGNORECASE)
# What 1 stands for, normal or benign, is none of our labels.
_LABELS = {"0": "malignant", "1": "unknown"}
_FACTS = {
    "set": NAME,
    "title": "BreastMNIST",
    "licence": "CC BY 4.0",
    "cite": "J. Yang et al., MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image classification, Scientific "
    "Data 10, 2023, 41; and its source: W. Al-Dhabyani et al., Dataset of breast ultrasound images, Data in Brief 28, 2020, 104863",
}


def find(folder: str | Path) -> Path:
    """Return the folder that holds a breastmnist*.npz; InputError if there is none."""
    return find_tree(folder, lambda place: bool(_files(place)), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read BreastMNIST: an image a slice of an array, named as a member of its file (``breastmnist_224.npz/train_images/17``).

    Parameters
    ----------
    folder : str or Path
        The folder of the .npz file; of several sizes the largest is read.
    tables : str or Path, optional
        Not used: the set has no tables.
    words : mapping, optional
        What the set's labels mean: ``1`` is normal or benign, by default ``unknown`` (``1,benign`` takes it as not malignant).
    progress : callable, optional
        Called with (parts done, parts).

    Returns
    -------
    Collection
        ``part`` is the set's own: train, validation, test. ``patient_id`` is None throughout. A malignant image has one finding without
        a place.

    Raises
    ------
    InputError
        If there is no such file, or a label is unknown.
    ReadError
        If a file lacks an array, or labels are not as many as images. An array of images that is damaged is said, and its images are
        not present.
    """
    root = find(folder)
    sizes = _files(root)
    reading = Reading(_FACTS, root, progress)
    for part in reading.each(PARTS):
        reading.images += _part(sizes[max(sizes)], part, words, reading)
    reading.findings = [
        FindingRow(NAME, f"{row.image_id}-1", row.image_id, lesion_id=f"{row.image_id}-1", pathology=row.label)
        for row in reading.images
        if row.label in ("benign", "malignant")
    ]
    return _finish(reading, sizes)


def _files(place: Path) -> dict[int, Path]:
    """Map the size in a file's name to the file."""
    return {int(match[1] or SMALLEST): path for path in sorted(place.iterdir()) if (match := _FILE.fullmatch(path.name)) and path.is_file()}


def _part(path: Path, part: str, words: Mapping[str, str] | None, reading: Reading) -> list[ImageRow]:
    """Make the images of one part; its labels must be there, its images may be damaged."""
    name, inner = f"{part}_images", inside(path, reading.root)
    labels = [str(label) for label in npz_numbers(path, f"{part}_labels")]
    facts = npz_facts(path, name)
    rows, cols = picture_size(path, name, facts)
    if facts.shape[0] != len(labels):
        raise ReadError(path, f"has {facts.shape[0]} {name} and {len(labels)} labels of them; is it BreastMNIST?")
    present = 1
    try:
        check_pictures(path, name)
    except ReadError as error:
        present = 0
        reading.fault("arrays of images that are there but cannot be read", str(error))
    return [
        ImageRow(
            set=NAME,
            image_id=f"{part}_{number}",
            path=f"{inner}/{name}/{number}",
            present=present,
            modality="US",
            rows=rows,
            cols=cols,
            aspect="lost",
            bit_depth=8,
            label=label_of(label, _LABELS, words, f"{part} {number}"),
            part=PARTS[part],
            extra={"label": label},
        )
        for number, label in enumerate(labels)
    ]


def _finish(reading: Reading, sizes: Mapping[int, Path]) -> Collection:
    images = reading.images
    problems = [
        "the set is made of BUSI's images: never train on one and test on the other",
        "the set names no patients, and its parts hold near-duplicates of one another: split it by groups of near-duplicates",
    ]
    ones = [row.image_id for row in images if row.label == "unknown"]
    problems += told("images of label 1, normal or benign, which the set does not tell apart: label unknown (--map '1,benign')", ones)
    others = [sizes[size].name for size in sorted(sizes)[:-1]]
    problems += told(f"{sizes[max(sizes)].name} is read; smaller copies of the same images, left alone", others)
    side = images[0].rows if images else None
    if side != max(sizes):
        problems += [f"the images of {sizes[max(sizes)].name} have {side} rows, which is not what its name says"]
    extra = {"published": 780} | {f"read_{part}": sum(row.part == part and row.present for row in images) for part in PARTS.values()}
    return reading.finish(problems, extra)

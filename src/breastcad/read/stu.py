"""STU-Hospital: 42 breast ultrasound images with masks and no labels, for segmentation only. Quirks: docs/data.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.read.masks import put_mask
from breastcad.read.reading import Reading
from breastcad.read.trees import Progress, find_tree

NAME = "stu"
NEEDED = "STU-Hospital (a folder with files such as Test_Image_1.png and mask_1.png)"
_IMAGE = re.compile(r"(?:Test_)?image_(\d+)\.png", re.IGNORECASE)
_FACTS = {
    "set": NAME,
    "title": "STU-Hospital",
    "licence": "none stated; ask its authors",
    "cite": "Z. Zhuang, N. Li, A. N. Joseph Raj, V. G. V. Mahesh, S. Qiu, An RDAU-NET model for lesion segmentation in breast ultrasound "
    "images, PLoS ONE 14, 2019, e0221535",
}


def find(folder: str | Path) -> Path:
    """Return the folder of images and masks; InputError if there is none."""
    return find_tree(folder, lambda place: bool(_numbers(place)), NEEDED)


def _numbers(place: Path) -> dict[int, Path]:
    """Map the number of an image that has a mask beside it to the image."""
    found = {int(match[1]): path for path in place.iterdir() if (match := _IMAGE.fullmatch(path.name))}
    return {number: path for number, path in sorted(found.items()) if (place / f"mask_{number}.png").is_file()}


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read STU-Hospital: an image a pair of image and mask; labels are unknown.

    Parameters
    ----------
    folder : str or Path
        `Hospital`, or the folder above or below it.
    tables, words : optional
        Not used: the set has neither tables nor labels.
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        ``patient_id`` is None throughout.

    Raises
    ------
    InputError
        If there are no pairs.
    """
    root = find(folder)
    reading = Reading(_FACTS, root, progress)
    for number, path in reading.each(_numbers(root).items()):
        row = ImageRow(set=NAME, image_id=path.stem, modality="US")
        reading.add(row, path)
        finding = FindingRow(set=NAME, finding_id=f"{path.stem}-1", image_id=row.image_id, lesion_id=f"{path.stem}-1")
        put_mask(finding, row, root / f"mask_{number}.png", root, reading.faults)
        reading.findings.append(finding)
    return reading.finish(["the set names neither patients nor labels: it serves segmentation only"], {"published": 42})

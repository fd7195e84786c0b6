"""Tissue labels of DDSM films (Tiryaki et al.): film and label map side by side; regions, no findings. Quirks: docs/data.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, ImageRow, RegionRow
from breastcad.read.reading import Reading
from breastcad.read.trees import Progress, find_tree, holds, picture_facts

NAME = "ddsm-tissue"
NEEDED = "the DDSM tissue labels (folders films and labels with files such as A_0002_1.RIGHT_MLO.png and ..._LI.png)"
REGIONS = {64: "background", 128: "fat", 192: "fibroglandular", 255: "pectoral"}
_FILM = re.compile(r"(?P<patient>[A-D]_\d{4})_1\.(?P<side>LEFT|RIGHT)_(?P<view>CC|MLO)\.png")
_FACTS = {
    "set": NAME,
    "title": "DDSM tissue labels",
    "licence": "research, with citation",
    "cite": "V. M. Tiryaki, V. Kaplanoglu, Deep learning-based multi-label tissue segmentation and density assessment from mammograms, "
    "IRBM 43, 2022, 538-548",
}


def find(folder: str | Path) -> Path:
    """Return the folder that holds films and labels; InputError if there is none."""
    return find_tree(folder, lambda place: (place / "labels").is_dir() and holds(place, "films", _FILM), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read the tissue labels: an image a film, four regions of its label map; labels of disease are unknown.

    Parameters
    ----------
    folder : str or Path
        The folder of `films` and `labels`, or the one above or below it.
    tables, words : optional
        Not used: the set has neither tables nor labels of disease.
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        ``regions`` name a value of the label map each. ``aspect`` is "lost": all films were made 480 x 960.

    Raises
    ------
    InputError
        If there is no tree.
    """
    root = find(folder)
    reading = Reading(_FACTS, root, progress)
    films = [(path, match) for path in sorted((root / "films").iterdir()) if (match := _FILM.fullmatch(path.name))]
    for path, match in reading.each(films):
        row = ImageRow(
            set=NAME,
            image_id=path.stem,
            patient_id=match["patient"],
            exam_id=match["patient"],
            modality="MG",
            image_type="film",
            laterality=match["side"][0],
            view=match["view"],
            aspect="lost",
        )
        reading.add(row, path, "films that are there but cannot be read")
        reading.regions += _regions(row, reading)
    problems = ["the set says nothing of disease: labels are unknown", "films were squeezed to one size: distances hold in pixels only"]
    return reading.finish(problems, {"published": 66, "regions": len(reading.regions)})


def _regions(row: ImageRow, reading: Reading) -> list[RegionRow]:
    path = reading.root / "labels" / f"{row.image_id}_LI.png"
    if not path.is_file():
        reading.fault("films without a label map", row.image_id)
        return []
    try:
        facts = picture_facts(path)
    except ReadError as error:
        reading.fault("label maps that cannot be read", str(error))
        return []
    if row.present and (facts.rows, facts.cols) != (row.rows, row.cols):
        reading.fault("label maps of another size than their film, not used", path.name)
        return []
    return [RegionRow(NAME, row.image_id, region, path.relative_to(reading.root).as_posix(), value) for value, region in REGIONS.items()]

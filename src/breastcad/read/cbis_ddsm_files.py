"""CBIS-DDSM's films, crops and masks where they lie as downloaded: layouts A, B and C of docs/data.md. What they mean is in `cbis_ddsm`.

A: ``CBIS-DDSM/<Case>/<StudyUID>/<SeriesUID>/000000.dcm``, as the tables' path cells say. B: the later download, which renames the
folders below the Case (``07-20-2016-DDSM-NA-74994/1.000000-full mammogram images-24515/1-1.dcm``). C: ``jpeg/<SeriesUID>/1-204.jpg``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from breastcad.core.errors import ReadError
from breastcad.read.masks import two_valued
from breastcad.read.trees import Faults

_CASE = re.compile(r"((?:Mass|Calc)-(?:Training|Test)_P_\d{5}_(?:LEFT|RIGHT)_(?:CC|MLO))(?:_(\d+))?")
_RENAMED = re.compile(r"\d\d-\d\d-\d{4}-.*")
_UID = re.compile(r"\d+(?:\.\d+){2,}")
_LAYOUTS = {"A": "A (DICOM, as the tables' paths)", "B": "B (DICOM, folders renamed)", "C": "C (JPEG by series)"}


@dataclass(slots=True)
class CbisFiles:
    """What lies there: a film an image, and of each lesion (image and number) its crop and mask, not yet told apart."""

    layouts: set[str] = field(default_factory=set)
    films: dict[str, Path] = field(default_factory=dict)
    lesions: dict[tuple[str, str], list[Path]] = field(default_factory=dict)

    @property
    def layout(self) -> str:
        """The layouts in words."""
        return ", ".join(_LAYOUTS[name] for name in sorted(self.layouts))


def case_folders(root: Path) -> list[Path]:
    """Return the Case folders of layouts A and B: in a place, in its ``CBIS-DDSM``, or in that of a download's manifest."""
    homes = [home for home in (root, root / "CBIS-DDSM", *sorted(root.glob("manifest-*/CBIS-DDSM"))) if home.is_dir()]
    return [path for home in homes for path in sorted(home.iterdir()) if _CASE.fullmatch(path.name) and path.is_dir()]


def jpeg_folder(root: Path) -> Path | None:
    """Return the folder of layout C, or None: ``jpeg`` with a folder a series."""
    place = root / "jpeg"
    return place if place.is_dir() and any(_UID.fullmatch(path.name) for path in place.iterdir()) else None


def find_files(root: Path, listed: Iterable[tuple[str, str, tuple[str, str, str]]]) -> CbisFiles:
    """Find films, crops and masks.

    Parameters
    ----------
    root : Path
    listed : iterable of (image_id, number, paths)
        The tables' rows: ``paths`` are the cells of film, crop and mask, of which layout C needs the series.

    Returns
    -------
    CbisFiles
    """
    found = CbisFiles()
    for folder in case_folders(root):
        match = _CASE.fullmatch(folder.name)
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".dcm", ".dicom"))
        if match is None or not files:
            continue
        found.layouts.add("B" if _RENAMED.fullmatch(files[0].relative_to(folder).parts[0]) else "A")
        if match[2]:
            found.lesions[match[1], match[2]] = files
        else:
            found.films[match[1]] = max(files, key=lambda path: path.stat().st_size)
    place = jpeg_folder(root)
    for image_id, number, paths in listed if place else ():
        film, *regions = (_in_series(place, cell) for cell in paths)  # type: ignore[arg-type]
        if film:
            found.films.setdefault(image_id, film[0])
            found.layouts.add("C")
        files = sorted({path for region in regions for path in region} - set(film))
        if files:
            found.lesions.setdefault((image_id, number), files)
    return found


def _in_series(place: Path, cell: str) -> list[Path]:
    """Return the pictures of the series that a path cell names (``Case/Study/Series/file``)."""
    parts = cell.split("/")
    folder = place / parts[2] if len(parts) == 4 and _UID.fullmatch(parts[2]) else None
    return sorted(folder.glob("*.jpg")) if folder is not None and folder.is_dir() else []


def mask_among(files: Iterable[Path], faults: Faults) -> Path | None:
    """Return the mask among a lesion's files: the one of two values, by its pixels, since names and series do not tell.

    The one with more pixels counts where several have two values; a file that cannot be read is none, and is entered into `faults`.
    """
    found: list[tuple[int, Path]] = []
    for path in files:
        try:
            pixels = two_valued(path)
        except ReadError as error:
            faults.setdefault("crops or masks that cannot be read", []).append(str(error))
            continue
        if pixels is not None:
            found.append((int(np.prod(pixels.shape)), path))
    return max(found)[1] if found else None

"""A made-up CBIS-DDSM as it is downloaded: films, crops and masks in layouts A, B and C, beside the four tables.

Layout D is in `cbis_ddsm`; what the layouts are is in docs/data.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.files import write_bytes, write_text
from breastcad.core.seeding import generator
from breastcad.phantom.cbis_ddsm_tables import TableRow, row_of, table_text
from breastcad.phantom.dicom_files import file_bytes, secondary_capture
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.pictures import made_up_uid, write_jpeg
from breastcad.phantom.record import Phantom, PhantomLesion, WrittenPicture

DEFAULT_N = 6
SIZE_PX = 720, 480
_DATE = "07-20-2016"
Levels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A film: its table and part, woman, side, view, and the pathology of each lesion; what is odd about it with quirks."""

    kind: str
    part: str
    number: int
    side: str
    view: str
    pathologies: tuple[str, ...]
    quirk: str = ""


_PLANS = (
    _Plan("mass", "train", 1, "LEFT", "CC", ("BENIGN",), "swapped"),
    _Plan("mass", "train", 1, "LEFT", "MLO", ("BENIGN",), "larger mask"),
    _Plan("calc", "test", 1, "RIGHT", "CC", ("MALIGNANT",), "two series"),
    _Plan("mass", "test", 2, "RIGHT", "CC", ("BENIGN", "MALIGNANT")),
    _Plan("mass", "test", 2, "RIGHT", "MLO", ("BENIGN_WITHOUT_CALLBACK",), "other proportions"),
    _Plan("calc", "train", 3, "LEFT", "MLO", ("BENIGN",), "no mask"),
)


@dataclass(slots=True)
class _File:
    """One picture: the path that the table has for it, what it is, and its levels."""

    cell: str
    series: str
    levels: Levels


def write_dicom(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write layout A: DICOM where the tables' path cells say. Parameters and result as `write_renamed`."""
    return _write(folder, n, seed, quirks, "A")


def write_renamed(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write layout B: DICOM in the folders of the later download.

    Parameters
    ----------
    folder : Path
        Gets `CBIS-DDSM` and the four tables.
    n : int
        Films.
    seed : int
    quirks : bool
        A woman in training and test; of one film each: crop and mask swapped, a larger mask, crop and mask in two series, a mask of
        other proportions, a mask that is missing.

    Returns
    -------
    list of WrittenPicture
    """
    return _write(folder, n, seed, quirks, "B")


def write_jpegs(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write layout C: JPEG in a folder a series, the tables in `csv`. Parameters and result as `write_renamed`."""
    return _write(folder, n, seed, quirks, "C")


def _write(folder: Path, n: int, seed: int, quirks: bool, layout: str) -> list[WrittenPicture]:
    written: list[WrittenPicture] = []
    rows: list[TableRow] = []
    for index in range(n):
        plan = _PLANS[index % len(_PLANS)]
        repeated = index // len(_PLANS)
        draw = generator(seed, "phantom", "cbis-ddsm", "downloads", index)
        own = [
            row_of(draw, plan.kind, plan.part, plan.number + 3 * repeated, plan.side, plan.view, abnormality=number, pathology=pathology)
            for number, pathology in enumerate(plan.pathologies, start=1)
        ]
        for row in own[1:]:
            row.paths = own[0].paths[0], *row.paths[1:]
        made = mammogram(
            draw, *SIZE_PX, view=plan.view, laterality=plan.side[0], kind="mass" if plan.kind == "mass" else "calcification",
            lesion=["malignant" if pathology == "MALIGNANT" else "benign" for pathology in plan.pathologies],
        )  # fmt: skip
        written.append(_write_film(folder, made, own, plan.quirk if quirks else "", layout, draw))
        rows += own
    for kind in ("mass", "calc"):
        for part in ("train", "test"):
            own = [row for row in rows if (row.kind, row.part) == (kind, part)]
            place = folder / "csv" if layout == "C" else folder
            write_text(place / f"{kind}_case_description_{part}_set.csv", table_text(kind, own))
    return written


def _write_film(folder: Path, made: Phantom, rows: list[TableRow], quirk: str, layout: str, draw: np.random.Generator) -> WrittenPicture:
    """Write a film with its crops and masks; return what a reader must find."""
    film = _File(rows[0].paths[0], "full mammogram images", np.round(np.clip(made.pixels, 0, 1) * 60000).astype(np.uint16))
    files = [film]
    for row, lesion in zip(rows, made.lesions, strict=True):
        files += _lesion_files(row, lesion, film.levels, quirk, draw)
    for number, file in enumerate(files, start=1):
        _store(folder / _path(file, layout, number), file, layout, draw)
    lost = quirk in ("other proportions", "no mask")
    boxes = [] if lost else [lesion.box for lesion in made.lesions]
    path = _path(film, layout, 1)
    return WrittenPicture(path, *SIZE_PX, made.label, boxes, [lesion.pathology for lesion in made.lesions][: len(boxes)])


def _lesion_files(row: TableRow, lesion: PhantomLesion, film: Levels, quirk: str, draw: np.random.Generator) -> list[_File]:
    """Return a lesion's crop and mask; with the film's quirk."""
    mask = np.where(lesion.mask, 255, 0).astype(np.uint8)
    if quirk in ("larger mask", "other proportions"):
        size = (round(1.15 * mask.shape[1]), round((1.15 if quirk == "larger mask" else 1.4) * mask.shape[0]))
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    row0, col0, row1, col1 = (int(side) for side in lesion.box)
    crop_cell, mask_cell = row.paths[1:]
    if quirk == "swapped":
        crop_cell, mask_cell = mask_cell, crop_cell
    if quirk == "two series":
        case, study, series, _ = crop_cell.split("/")
        crop_cell, mask_cell = (f"{case}/{study}/{uid}/000000.dcm" for uid in (series, made_up_uid(draw)))
        row.paths = row.paths[0], crop_cell, mask_cell
    crop = _File(crop_cell, "cropped images", film[max(0, row0 - 9) : row1 + 9, max(0, col0 - 9) : col1 + 9])
    return [crop] if quirk == "no mask" else [crop, _File(mask_cell, "ROI mask images", mask)]


def _path(file: _File, layout: str, number: int) -> str:
    """Return where a file lies: as its cell says, in folders renamed by the tails of their UIDs, or by its series alone."""
    case, study, series, name = file.cell.split("/")
    if layout == "A":
        return f"CBIS-DDSM/{file.cell}"
    if layout == "B":
        member = int(name[:6]) + 1
        return f"CBIS-DDSM/{case}/{_DATE}-DDSM-NA-{study[-5:]}/1.000000-{file.series}-{series[-5:]}/1-{member}.dcm"
    return f"jpeg/{series}/{number}-{int(series[-3:]):03d}.jpg"


def _store(path: Path, file: _File, layout: str, draw: np.random.Generator) -> None:
    if layout == "C":
        write_jpeg(path, (file.levels // (257 if file.levels.dtype == np.uint16 else 1)).astype(np.uint8))
        return
    case, study, series, _ = file.cell.split("/")
    dataset = secondary_capture(file.levels, draw, case=case, series=file.series, study_uid=study, series_uid=series)
    write_bytes(path, file_bytes(dataset))

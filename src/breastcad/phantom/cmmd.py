"""A made-up CMMD: women's folders with DICOM films of 8 bits, the clinical workbook. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from breastcad.core.files import write_bytes, write_text
from breastcad.phantom.dicom_files import file_bytes
from breastcad.phantom.film_exams import VIEWS, Film, exam
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.workbooks import Cell, write_workbook

DEFAULT_N = 4
_HEADER: list[Cell] = ["ID1", "LeftRight", "Age", "number", "abnormality", "classification", "subtype"]
_METADATA = (
    "Series UID,Collection,3rd Party Analysis,Data Description URI,Subject ID,Study UID,Study Description,Study Date,Series Description,"
    "Manufacturer,Modality,SOP Class Name,SOP Class UID,Number of Images,File Size,File Location,Download Timestamp"
)
# Of one woman after the other: side to pathology. What is not named has no row.
_WOMEN = ({"L": "benign"}, {"L": "benign", "R": "malignant"}, {"R": "malignant"}, {"L": "malignant"})
_TWO_VIEWS, _DEEP = 3, 2  # places in the order of women: two films only; 16 bits


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up CMMD.

    Parameters
    ----------
    folder : Path
        Gets `CMMD`, metadata.csv and the clinical workbook.
    n : int
        Women, each with four films or two.
    seed : int
    quirks : bool
        A breast without a row, a woman of two rows, films of 16 bits, files numbered in another order, backslashes in metadata.csv.

    Returns
    -------
    list of WrittenPicture
        The label of a breast without a row is ``"unknown"``.
    """
    written: list[WrittenPicture] = []
    table: list[list[Cell]] = [_HEADER]
    metadata = [_METADATA]
    for number in range(1, n + 1):
        place = (number - 1) % len(_WOMEN)
        group = "D2" if place == _TWO_VIEWS else "D1"
        patient = f"{group}-{number:04d}"
        truth = _WOMEN[place] if quirks else {"L": "benign", "R": "malignant"}
        views = tuple(view for view in VIEWS if view[0] in truth) if place == _TWO_VIEWS else VIEWS
        deep = quirks and place == _DEEP
        films = exam(seed, "cmmd", number, truth, views=views, bits=16 if deep else 12)
        pictures, location = _write_films(folder, patient, films, truth, deep, quirks and place == 1)
        written += pictures
        age = int(films[0].draw.integers(30, 80))
        for side, label in truth.items():
            table.append(
                [patient, side, age, 2, "both" if place == 1 else "mass", label.capitalize(), "Luminal A" if group == "D2" else None]
            )
        uid, place_said = films[0].dataset.StudyInstanceUID, location.replace("/", "\\") if quirks else location
        metadata.append(f"{uid},CMMD,NO,,{patient},{uid},,07-18-2010,,,MG,,,{len(films)},1 MB,{place_said},")
    write_workbook(folder / "CMMD_clinicaldata_revision.xlsx", {"Sheet1": table})
    write_text(folder / "metadata.csv", "\n".join(metadata) + "\n")
    return written


def _write_films(
    folder: Path, patient: str, films: list[Film], truth: dict[str, str], deep: bool, shuffled: bool
) -> tuple[list[WrittenPicture], str]:
    """Write a woman's films; return what was written and where."""
    uid = films[0].dataset.StudyInstanceUID
    location = f"./CMMD/{patient}/07-18-2010-NA-NA-{uid[-5:]}/1.000000-NA-{uid[-5:]}"
    written = []
    for number, film in enumerate(reversed(films) if shuffled else films, start=1):
        dataset = film.dataset if deep else _shallow(film)
        dataset.ImageType, dataset.Manufacturer, dataset.VOILUTFunction = ["DERIVED", "PRIMARY"], "", "SIGMOID" if not deep else "LINEAR"
        path = f"{location.removeprefix('./')}/1-{number}.dcm"
        write_bytes(folder / path, file_bytes(dataset))
        rows, cols = film.made.pixels.shape
        written.append(WrittenPicture(path, rows, cols, truth.get(film.laterality, "unknown")))
    return written, location


def _shallow(film: Film) -> Dataset:
    """Return the film as the real set has it: 8 bits, a window over the whole of them."""
    dataset = film.dataset
    levels = np.round(np.clip(film.made.pixels, 0, 1) * 255).astype(np.uint8)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.WindowCenter, dataset.WindowWidth = 128, 256
    content = levels.tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB"
    return dataset

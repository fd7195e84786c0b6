"""A made-up INbreast: DICOM films, outlines as property lists, the table. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

import plistlib
from pathlib import Path

import cv2
import numpy as np

from breastcad.core.files import write_bytes, write_text
from breastcad.phantom.dicom_files import file_bytes
from breastcad.phantom.film_exams import Film, exam
from breastcad.phantom.record import PhantomLesion, WrittenPicture

DEFAULT_N = 2
_HEADER = "Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads"
_BIRADS = {"malignant": "4c", "benign": "2", "normal": "1"}


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up INbreast.

    Parameters
    ----------
    folder : Path
        Gets `INbreast Release 1.0`.
    n : int
        Exams of four films.
    seed : int
    quirks : bool
        A density of blanks, a view FB, a mass named `Espiculated Region`, a calcification of one point, an outline without a name, an
        abnormal film whose outlines are missing, a file that is no DICOM among the films.

    Returns
    -------
    list of WrittenPicture
        Labels are those that the BI-RADS category stands for.
    """
    root = folder / "INbreast Release 1.0"
    written: list[WrittenPicture] = []
    lines = [_HEADER]
    for number in range(1, n + 1):
        lesions = ({"L": "malignant"}, {"R": "benign"}, {})[(number - 1) % 3]
        films = exam(seed, "inbreast", number, lesions, bits=14)
        patient = films[0].draw.bytes(8).hex()
        for index, film in enumerate(films):
            name = f"{20500000 + 100 * number + index}"
            label = lesions.get(film.laterality, "normal")
            path = f"INbreast Release 1.0/AllDICOMs/{name}_{patient}_MG_{film.laterality}_{film.view}_ANON.dcm"
            write_bytes(folder / path, file_bytes(film.dataset))
            outlines = _outlines(film, quirks) if film.made.lesions else []
            lost = quirks and number == 1 and film.view == "MLO" and bool(outlines)
            if outlines and not lost:
                write_bytes(root / "AllXML" / f"{name}.xml", _property_list(outlines))
            acr = " " * 193 if quirks and (number, index) == (1, 2) else "ABCD".index(film.made.meta["density"]) + 1
            view = "FB" if quirks and (number, index) == (2, 2) else film.view
            lines.append(f"removed;removed;{film.laterality};{view};201001;{name};{acr};{_BIRADS[label]}")
            boxes = [] if lost else [_box(points) for _, points in outlines]
            rows, cols = film.made.pixels.shape
            written.append(WrittenPicture(path, rows, cols, label, boxes, [label] * len(boxes)))
    if quirks:
        write_text(root / "AllDICOMs" / "readDICOM.m", "% no film\n")
    write_bytes(root / "INbreast.csv", ("\r\n".join(lines) + "\r\n").encode())
    return written


def _outlines(film: Film, quirks: bool) -> list[tuple[str, list[tuple[float, float]]]]:
    """Return names and (x, y) points of a film's outlines."""
    found = [
        ("Espiculated Region" if quirks and lesion.pathology == "malignant" else "Mass", _contour(lesion)) for lesion in film.made.lesions
    ]
    if quirks:
        row, col = (float(value) for value in np.argwhere(film.made.regions["breast"])[1000])
        found += [("Calcification", [(col, row)]), ("", [(col, row), (col + 9, row), (col + 4, row + 7)])]
    return found


def _contour(lesion: PhantomLesion) -> list[tuple[float, float]]:
    outlines, _ = cv2.findContours(lesion.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [(float(x) + 0.5, float(y) + 0.5) for x, y in max(outlines, key=len)[::4, 0]]


def _property_list(outlines: list[tuple[str, list[tuple[float, float]]]]) -> bytes:
    rois = [
        {
            "Area": 1.0,
            "IndexInImage": index,
            **({"Name": name} if name else {}),
            "NumberOfPoints": len(points),
            "Point_mm": ["(0.000000, 0.000000, 0.000000)"] * len(points),
            "Point_px": [f"({x:.6f}, {y:.6f})" for x, y in points],
        }
        for index, (name, points) in enumerate(outlines)
    ]
    return plistlib.dumps({"Images": [{"ImageIndex": 0, "NumberOfROIs": len(rois), "ROIs": rois}]})


def _box(points: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    cols, rows = [x for x, _ in points], [y for _, y in points]
    return min(rows), min(cols), max(rows), max(cols)

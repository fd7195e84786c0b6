"""A made-up OPTIMAM: DICOM films, their headers as JSON, a woman's marks and screening records. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from breastcad.core.files import write_bytes, write_json
from breastcad.phantom.dicom_files import file_bytes
from breastcad.phantom.film_exams import Film, exam
from breastcad.phantom.record import WrittenPicture

DEFAULT_N = 3
_HEADER = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "Manufacturer", "PresentationIntentType"),
    *("ImageLaterality", "ViewPosition", "Rows", "Columns", "BitsStored", "ImagerPixelSpacing"),
)
# Of one woman after the other: side to pathology.
_WOMEN: tuple[dict[str, str], ...] = ({"L": "malignant"}, {"R": "benign"}, {})
_OPINIONS = {"malignant": ("Malignant", "B5", "M"), "benign": ("Benign", "B2", "B")}


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up OPTIMAM.

    Parameters
    ----------
    folder : Path
        Gets `data` and `images`.
    n : int
        Women of four films: one with a cancer on the left, one with a benign mass on the right, one with nothing, in turn.
    seed : int
    quirks : bool
        Woman 1's files begin with NBSS_ and IMAGEDB_, and one of her films is there as a header only; woman 2's headers are named
        .dcm.json; woman 3 has an episode of an interval cancer on the left, of which there are no films.

    Returns
    -------
    list of WrittenPicture
    """
    written: list[WrittenPicture] = []
    for number in range(1, n + 1):
        truth, client = _WOMEN[(number - 1) % len(_WOMEN)], f"optm{number}"
        films = exam(seed, "optimam", number, truth)
        interval = quirks and number == 3
        study = films[0].dataset.StudyInstanceUID
        place = folder / "data" / client
        listed: dict[str, Any] = {"StudyDate": f"20{10 + number % 10}-03-01", "EpisodeID": "1"}
        for index, film in enumerate(films):
            instance = str(film.dataset.SOPInstanceUID)
            suffix = ".dcm.json" if quirks and number == 2 else ".json"
            write_json(place / study / f"{instance}{suffix}", _header(film.dataset))
            marks = _marks(film, number)
            listed.setdefault(str(film.dataset.SeriesInstanceUID), {})[instance] = marks or None
            if quirks and (number, index) == (1, 3):
                continue
            path = f"images/{client}/{study}/{instance}.dcm"
            write_bytes(folder / path, file_bytes(film.dataset))
            label = truth.get(film.laterality, "unknown" if interval and film.laterality == "L" else "normal")
            rows, cols = film.made.pixels.shape
            written.append(WrittenPicture(path, rows, cols, label, film.made.boxes, [label] * len(film.made.boxes)))
        names = ("IMAGEDB", "NBSS") if quirks and number == 1 else ("imagedb", "nbss")
        write_json(place / f"{names[0]}_{client}.json", {"ClientID": client, "Site": "adde", "STUDIES": {study: listed}})
        write_json(place / f"{names[1]}_{client}.json", _records(client, truth, interval))
    return written


def _header(dataset: Dataset) -> dict[str, Any]:
    """Return the part of a header that tells what the film is, in DICOM's JSON."""
    header = Dataset()
    for keyword in _HEADER:
        if keyword in dataset:
            header.add(dataset[keyword])
    return header.to_json_dict()


def _marks(film: Film, number: int) -> dict[str, Any]:
    """Return the marks of a film: a box a lesion, as a radiologist's form has it."""
    marks: dict[str, Any] = {}
    for order, (lesion, box) in enumerate(zip(film.made.lesions, film.made.boxes, strict=True), start=1):
        row0, col0, row1, col1 = (str(int(side)) for side in box)
        mark = str(1000 * number + order)
        marks[mark] = {
            **{"MarkID": int(mark), "LesionID": order, "LinkedNBSSLesionNumber": str(order)},
            **{"X1": col0, "X2": col1, "Y1": row0, "Y2": row1, "Width": str(int(col1) - int(col0)), "Height": str(int(row1) - int(row0))},
            **{"Mass": 1, "MassClassification": "spiculated" if lesion.pathology == "malignant" else "well_defined"},
            **{"Conspicuity": "Obvious", "SuspiciousCalcifications": None, "ArchitecturalDistortion": None},
        }
    return marks


def _records(client: str, truth: dict[str, str], interval: bool) -> dict[str, Any]:
    """Return a woman's episodes: the screening, the biopsy that followed, and an interval cancer."""
    screening = {"left_opinion": None, "right_opinion": None, **{side: {"DateTaken": "2011-03-01", "Opinion": "RN"} for side in "LR"}}
    episode: dict[str, Any] = {"EpisodeType": "R", "EpisodeIsClosed": "Y", "SCREENING": screening}
    for side, label in truth.items():
        word, code, _ = _OPINIONS[label]
        episode["LESION"] = {side: {"1": {"LesionDescription": "Mass", "LesionPosition": None}}}
        episode["BIOPSYWIDE"] = {
            **{"left_opinion": word if side == "L" else None, "right_opinion": word if side == "R" else None},
            side: {"1": {"Opinion": code, "DatePerformed": "2011-03-20", "SideCode": side}},
        }
    records: dict[str, Any] = {"ClientID": client, "1": episode}
    if interval:
        surgery = {"left_opinion": None, "right_opinion": None, "L": {"1": {"Opinion": "H5", "DatePerformed": "2012-08-01"}}}
        records["2"] = {"EpisodeType": "CI", "EpisodeIsClosed": "Y", "SURGERY": surgery}
    return records

"""A made-up RSNA 2022 set: exams as DICOM, train.csv. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

import warnings
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from breastcad.core.files import write_bytes, write_text
from breastcad.phantom.dicom_files import file_bytes
from breastcad.phantom.film_exams import exam, jpeg_2000
from breastcad.phantom.record import WrittenPicture

DEFAULT_N = 3
_HEADER = "site_id,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,density,machine_id,difficult_negative_case"
_LESIONS: tuple[dict[str, str], ...] = ({"L": "malignant"}, {"R": "benign"}, {})


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up RSNA 2022 set.

    Parameters
    ----------
    folder : Path
        Gets `train_images` and train.csv.
    n : int
        Women, four films each: the first with a cancer on the left, the second with a benign mass on the right, the third with nothing.
    seed : int
    quirks : bool
        Every second woman is of site 2: no BI-RADS, no density, files in JPEG 2000, MONOCHROME1, with four sigmoid windows, an age in
        months, an empty ViewCodeSequence, no modality and no spacing. An age is missing; a view is ML.

    Returns
    -------
    list of WrittenPicture
        A negative woman of site 2 has the label ``"unknown"``: nothing says whether something was seen.
    """
    written: list[WrittenPicture] = []
    lines = [_HEADER]
    for number in range(1, n + 1):
        lesions = _LESIONS[(number - 1) % len(_LESIONS)]
        second = quirks and number % 2 == 0
        films = exam(seed, "rsna", number, lesions, inverted=second, bits=16 if second else 12)
        patient = 10000 + number
        for index, film in enumerate(films):
            truth = lesions.get(film.laterality)
            view = "ML" if quirks and number == 1 and (film.laterality, film.view) == ("R", "MLO") else film.view
            _say(film.dataset, view, second)
            image = int(film.draw.integers(10**8, 2 * 10**9))
            path = f"train_images/{patient}/{image}.dcm"
            write_bytes(folder / path, jpeg_2000(film.dataset) if second else file_bytes(film.dataset))
            birads = "" if second else {"malignant": "0", "benign": "0", None: "1"}[truth]
            age = "" if quirks and (number, index) == (1, 0) else 40 + number
            cells = [2 if second else 1, patient, image, film.laterality, view, age, int(truth == "malignant"), int(truth is not None)]
            cells += [int(truth == "malignant"), birads, "" if second else 0, "" if second else film.made.meta["density"], 29, "False"]
            lines.append(",".join(map(str, cells)))
            rows, cols = film.made.pixels.shape
            written.append(WrittenPicture(path, rows, cols, truth or ("unknown" if second else "normal")))
    write_text(folder / "train.csv", "\n".join(lines) + "\n")
    return written


def _say(dataset: Dataset, view: str, second: bool) -> None:
    """Enter the view, and for the second site what its files have and lack."""
    dataset.ViewPosition = view
    if view == "ML":
        dataset.ViewCodeSequence = DicomSequence([])
    if not second:
        return
    dataset.ViewCodeSequence = DicomSequence([])
    dataset.WindowCenter, dataset.WindowWidth = [dataset.WindowCenter] * 4, [dataset.WindowWidth] * 4
    dataset.VOILUTFunction = "SIGMOID"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the value breaks the standard, as the real set's does
        dataset.PatientAge = "732.0m"
    for keyword in ("Modality", "ImagerPixelSpacing", "PresentationIntentType"):
        delattr(dataset, keyword)

"""A made-up folder of DICOM files as an archive gives it out: exams, and among them what is no plain image; a table of labels."""

from __future__ import annotations

import copy
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    BreastTomosynthesisImageStorage,
    DigitalMammographyXRayImageStorageForProcessing,
    MRImageStorage,
    SecondaryCaptureImageStorage,
)

from breastcad.core.files import write_bytes, write_text
from breastcad.phantom.dicom_files import file_bytes
from breastcad.phantom.film_exams import Film, exam
from breastcad.phantom.pictures import made_up_uid
from breastcad.phantom.record import WrittenPicture

DEFAULT_N = 2
LESIONS: tuple[dict[str, str], ...] = ({"L": "malignant"}, {"R": "benign"}, {})
SLICES = 3
_BEFORE_META = 132  # bytes of preamble and "DICM"


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up folder of DICOM files.

    Parameters
    ----------
    folder : Path
        Gets a folder an exam, files without suffixes, and labels.csv: a row a breast of each patient.
    n : int
        Exams of four films: the first with a cancer on the left, the second with a benign mass on the right, the third with nothing.
    seed : int
    quirks : bool
        In the first exam a file without preamble, a view in words only, a film without side and view, and beside the films one FOR
        PROCESSING, a synthetic view, tomosynthesis of three slices, a secondary capture, a report, a picture of magnetic resonance,
        a copy of a film, a truncated film, a text. The second exam has no PatientID.

    Returns
    -------
    list of WrittenPicture
        The films, and of the others those that are pictures of a breast.
    """
    written = []
    lines = ["PatientID,Laterality,Diagnosis,PatientName"]
    for number in range(1, n + 1):
        truth = LESIONS[(number - 1) % len(LESIONS)]
        films = exam(seed, "dicom-folder", number, truth)
        for index, film in enumerate(films, start=1):
            nobody = quirks and number == 2
            film.dataset.PatientID = "" if nobody else film.dataset.PatientID
            content = file_bytes(_odd(film) if quirks and number == 1 else film.dataset)
            name = f"exam-{number}/IM{index:04d}"
            write_bytes(folder / name, content[_BEFORE_META:] if quirks and (number, index) == (1, 4) else content)
            unknown = nobody or (quirks and (number, index) == (1, 3))
            label = "unknown" if unknown else truth.get(film.laterality, "normal")
            written.append(WrittenPicture(name, film.dataset.Rows, film.dataset.Columns, label))
        if quirks and number == 1:
            written += _write_others(folder / "exam-1", films)
        lines += [f"PHANTOM-{number:04d},{side},{truth.get(side, 'normal')},PHANTOM" for side in "LR"]
    write_text(folder / "labels.csv", "\n".join(lines) + "\n")
    return written


def _odd(film: Film) -> Dataset:
    """Return a film of the first exam as it is written: L MLO in words only, R CC without side and view."""
    dataset = film.dataset
    if (film.laterality, film.view) == ("L", "MLO"):
        for keyword in ("ViewCodeSequence", "ViewPosition", "ImageLaterality"):
            delattr(dataset, keyword)
        dataset.SeriesDescription = "L MLO"
    if (film.laterality, film.view) == ("R", "CC"):
        for keyword in ("ViewCodeSequence", "ViewPosition", "ImageLaterality", "PatientOrientation"):
            delattr(dataset, keyword)
    return dataset


def _write_others(folder: Path, films: list[Film]) -> list[WrittenPicture]:
    """Write what lies beside the films of an exam, all made from its first one."""
    film = films[0]
    processing, synthetic, tomosynthesis, capture, magnetic, report = (_another(film) for _ in range(6))
    processing.SOPClassUID = DigitalMammographyXRayImageStorageForProcessing
    processing.PresentationIntentType = "FOR PROCESSING"
    synthetic.ImageType = ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"]
    tomosynthesis.SOPClassUID, tomosynthesis.NumberOfFrames = BreastTomosynthesisImageStorage, SLICES
    tomosynthesis.PixelData = bytes(tomosynthesis.PixelData) * SLICES
    capture.SOPClassUID, capture.Modality = SecondaryCaptureImageStorage, "OT"
    del capture.PresentationIntentType
    magnetic.SOPClassUID, magnetic.Modality = MRImageStorage, "MR"
    report.SOPClassUID, report.Modality = BasicTextSRStorage, "SR"
    del report.PixelData
    others = {"processing": processing, "synthetic": synthetic, "tomosynthesis": tomosynthesis, "capture": capture}
    for name, dataset in {**others, "magnetic": magnetic, "report": report, "zz-copy": film.dataset}.items():
        write_bytes(folder / name, file_bytes(dataset))
    write_bytes(folder / "truncated", file_bytes(_another(film))[:-1000])
    write_text(folder / "notes.txt", "Made up; no film.\n")
    rows, cols = film.made.pixels.shape
    return [WrittenPicture(f"{folder.name}/{name}", rows, cols, film.made.label) for name in others]


def _another(film: Film) -> Dataset:
    """Return a film's data set as one of another instance."""
    dataset = copy.deepcopy(film.dataset)
    dataset.SOPInstanceUID = made_up_uid(film.draw)
    return dataset

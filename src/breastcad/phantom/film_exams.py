"""What made-up mammography sets of DICOM files share: exams of four views, and how a film is stored and compressed."""

from __future__ import annotations

from dataclasses import dataclass

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from breastcad.core.seeding import generator
from breastcad.phantom.dicom_files import file_bytes, mammogram_dataset
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.pictures import made_up_uid
from breastcad.phantom.record import Phantom

VIEWS = (("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO"))
SIZE_PX = 560, 400
SPACING_MM = 0.4, 0.4


@dataclass(slots=True)
class Film:
    """One made-up film of an exam: what it shows, its DICOM object, and the generator for what else is drawn for it."""

    laterality: str
    view: str
    made: Phantom
    dataset: Dataset
    draw: np.random.Generator


def exam(
    seed: int,
    name: str,
    number: int,
    lesions: dict[str, str],
    *,
    bits: int = 12,
    inverted: bool = False,
    views: tuple[tuple[str, str], ...] = VIEWS,
) -> list[Film]:
    """Make the films of one exam.

    Parameters
    ----------
    seed : int
    name : str
        The set's.
    number : int
        The exam's.
    lesions : dict
        Side to ``"benign"`` or ``"malignant"``: a mass in both its views.
    bits : int
        Stored, 9 to 16.
    inverted : bool
        MONOCHROME1.
    views : tuple
        (laterality, view) of each film.

    Returns
    -------
    list of Film
    """
    plan = generator(seed, "phantom", name, number, "plan")
    study_uid, density, depth = made_up_uid(plan), str(plan.choice(list("ABCD"))), float(plan.uniform(0.3, 0.65))
    films = []
    for index, (laterality, view) in enumerate(views):
        draw = generator(seed, "phantom", name, number, index)
        made = mammogram(
            draw, *SIZE_PX, view=view, laterality=laterality, lesion=lesions.get(laterality), density=density, kind="mass", depth=depth
        )
        dataset = mammogram_dataset(
            made, draw, patient_id=f"PHANTOM-{number:04d}", study_uid=study_uid, spacing_mm=SPACING_MM, bits=bits, inverted=inverted
        )
        films.append(Film(laterality, view, made, dataset, draw))
    return films


def jpeg_2000(dataset: Dataset) -> bytes:
    """Return the bytes of a DICOM file whose pixels are compressed as JPEG 2000 without loss."""
    levels = np.frombuffer(dataset.PixelData, np.uint16).reshape(dataset.Rows, dataset.Columns)
    stream = imagecodecs.jpeg2k_encode(levels, level=0, codecformat="J2K", bitspersample=dataset.BitsStored, reversible=True)
    dataset.PixelData = encapsulate([bytes(stream)])
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    return file_bytes(dataset, JPEG2000Lossless)

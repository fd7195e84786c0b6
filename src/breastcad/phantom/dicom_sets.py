"""Made-up DICOM folders: four-view mammography exams, and ultrasound images with regions. The objects are made in `dicom_files`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.files import write_bytes
from breastcad.core.geometry import Box
from breastcad.core.seeding import generator
from breastcad.phantom.burnt_in import write_text as burn_text
from breastcad.phantom.dicom_files import file_bytes, mammogram_dataset, ultrasound_dataset
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.pictures import grey_levels, made_up_uid
from breastcad.phantom.record import Phantom, WrittenPicture
from breastcad.phantom.ultrasound import ultrasound

DEFAULT_N_EXAMS = 1
DEFAULT_N_ULTRASOUND = 4
VIEWS = (("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO"))
EXAM_SIZE_PX = 1536, 960
EXAM_SPACING_MM = 0.15, 0.15
SCREEN_SIZE_PX = 600, 800
SCAN: Box = (60, 90, 540, 690)
SCAN_SPACING_MM = 0.08, 0.06
CINE_FRAMES = 3

# One exam after the other: which breast has what. The first has a cancer on the left, as an exam to show should.
_EXAMS: tuple[tuple[str, str] | None, ...] = (("L", "malignant"), ("R", "benign"), None)


def write_exams(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write made-up four-view exams, a folder each.

    Parameters
    ----------
    folder : Path
    n : int
        Exams, four files each.
    seed : int
    quirks : bool
        In each exam a MONOCHROME1 film, a film of 12 bits with a second window, one whose view is in words alone, and one
        without a suffix.

    Returns
    -------
    list of WrittenPicture
    """
    written = []
    for number in range(1, n + 1):
        study_uid = made_up_uid(generator(seed, "phantom", "dicom", number, "study"))
        side_and_label = _EXAMS[(number - 1) % len(_EXAMS)]
        plan = generator(seed, "phantom", "dicom", number, "plan")
        density, depth = str(plan.choice(list("ABC"))), float(plan.uniform(0.3, 0.65))
        for laterality, view in VIEWS:
            lesion = side_and_label[1] if side_and_label and side_and_label[0] == laterality else None
            draw = generator(seed, "phantom", "dicom", number, laterality, view)
            kind = "mass" if lesion else None
            made = mammogram(draw, *EXAM_SIZE_PX, view=view, laterality=laterality, lesion=lesion, density=density, kind=kind, depth=depth)
            name = _write_view(folder, made, draw, number=number, study_uid=study_uid, quirks=quirks)
            written.append(WrittenPicture(name, *EXAM_SIZE_PX, made.label, made.boxes, [lesion.pathology for lesion in made.lesions]))
    return written


def _write_view(folder: Path, made: Phantom, draw: np.random.Generator, *, number: int, study_uid: str, quirks: bool) -> str:
    """Write one view, with the quirk that is its own, and return its path in the folder."""
    view = made.meta["laterality"] + made.meta["view"]
    dataset = mammogram_dataset(
        made,
        draw,
        patient_id=f"PHANTOM-{number:04d}",
        study_uid=study_uid,
        spacing_mm=EXAM_SPACING_MM,
        bits=12 if quirks and view == "LMLO" else 16,
        inverted=quirks and view == "RCC",
    )
    name = f"exam-{number}/{view}"
    if quirks and view == "LMLO":
        centre, width = dataset.WindowCenter, dataset.WindowWidth
        dataset.WindowCenter, dataset.WindowWidth = [centre, centre * 1.1], [width, width / 2]
        dataset.WindowCenterWidthExplanation = ["NORMAL", "HARDER"]
    if quirks and view == "LCC":
        del dataset.ViewCodeSequence
    name += "" if quirks and view == "RMLO" else ".dcm"
    write_bytes(folder / name, file_bytes(dataset))
    return name


def write_ultrasound(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write made-up ultrasound images as DICOM: the scan in a black screen with text, its region declared.

    Parameters
    ----------
    folder : Path
    n : int
        Files.
    seed : int
    quirks : bool
        Every third file is a loop of three frames.

    Returns
    -------
    list of WrittenPicture
        Boxes in pixels of the whole screen.
    """
    written = []
    for index in range(n):
        draw = generator(seed, "phantom", "dicom-us", index)
        lesion = ("malignant", "benign", None)[index % 3]
        rows, cols = int(SCAN[2] - SCAN[0]), int(SCAN[3] - SCAN[1])
        made = ultrasound(draw, rows, cols, lesion=lesion, calipers=bool(draw.random() < 0.5))
        frames = _frames(made, draw, CINE_FRAMES if quirks and index % 3 == 2 else 1)
        dataset = ultrasound_dataset(
            frames,
            draw,
            patient_id=f"PHANTOM-{index + 1:04d}",
            study_uid=made_up_uid(draw),
            scan=SCAN,
            spacing_mm=SCAN_SPACING_MM,
        )
        name = f"us-{index + 1}.dcm"
        write_bytes(folder / name, file_bytes(dataset))
        boxes = [(box[0] + SCAN[0], box[1] + SCAN[1], box[2] + SCAN[0], box[3] + SCAN[1]) for box in made.boxes]
        written.append(WrittenPicture(name, *SCREEN_SIZE_PX, made.label, boxes, [lesion.pathology for lesion in made.lesions]))
    return written


def _frames(made: Phantom, draw: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """Put the scan into the screen, as many times as there are frames, each with noise of its own, and write round it."""
    screen = np.zeros(SCREEN_SIZE_PX, np.float32)
    burn_text(screen, "PHANTOM", (16, 20), 14, level=0.8)
    burn_text(screen, "MADE UP - NO PATIENT", (570, 20), 11, level=0.6)
    frames = []
    for _ in range(count):
        frame = screen.copy()
        noise = draw.normal(0, 0.008, made.pixels.shape).astype(np.float32) if count > 1 else np.float32(0)
        frame[int(SCAN[0]) : int(SCAN[2]), int(SCAN[1]) : int(SCAN[3])] = made.pixels + noise
        frames.append(np.repeat(grey_levels(frame)[:, :, None], 3, axis=2))
    return np.stack(frames)

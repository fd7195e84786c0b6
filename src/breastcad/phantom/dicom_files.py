"""DICOM objects of phantoms: what a made-up mammogram and a made-up ultrasound image say of themselves. Sets of them are in `dicom_sets`.

References: DICOM PS3.3, A.26 and C.8.11 (digital mammography), A.6 and C.8.5 (ultrasound); PS3.16, CID 4014 (views).
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    UID,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from breastcad.core.geometry import Box
from breastcad.phantom.pictures import made_up_uid
from breastcad.phantom.record import Phantom

PATIENT_NAME = "PHANTOM"
DATE, TIME = "20000101", "120000"
WINDOW_LOW, WINDOW_SHARE = 0.1, 0.8  # what the window shows of the stored range; the rest is there to make reading it matter
VIEW_CODES = {"CC": ("399162004", "cranio-caudal"), "MLO": ("399368009", "medio-lateral oblique")}
_ORIENTATIONS = {("L", "CC"): ["A", "R"], ("L", "MLO"): ["A", "FR"], ("R", "CC"): ["P", "L"], ("R", "MLO"): ["P", "FL"]}


def mammogram_dataset(
    made: Phantom,
    draw: np.random.Generator,
    *,
    patient_id: str,
    study_uid: str,
    spacing_mm: tuple[float, float],
    bits: int = 16,
    inverted: bool = False,
) -> Dataset:
    """Return a made-up mammogram as a Digital Mammography X-Ray Image, For Presentation.

    Parameters
    ----------
    made : Phantom
        From `mammogram.mammogram`.
    draw : numpy.random.Generator
        For the identifiers.
    patient_id, study_uid : str
    spacing_mm : (float, float)
        Row and column spacing at the detector.
    bits : int
        Bits stored, 9 to 16. The window shows the middle eight tenths of their range: ``made.pixels`` exactly, but for rounding.
    inverted : bool
        MONOCHROME1: the same picture, stored bright on dark the other way round.

    Returns
    -------
    pydicom.Dataset
        Explicit VR little endian, not compressed.

    Raises
    ------
    ValueError
        If `bits` is out of range.
    """
    if not 9 <= bits <= 16:
        raise ValueError(f"bits must be from 9 to 16, got {bits}")
    highest = 2**bits - 1
    low, span = round(WINDOW_LOW * highest), round(WINDOW_SHARE * highest)
    stored = np.round(low + np.clip(made.pixels, 0, 1) * span).astype(np.uint16)
    if inverted:
        stored, low = highest - stored, highest - low - span
    dataset = _base(draw, DigitalMammographyXRayImageStorageForPresentation, "MG", patient_id, study_uid)
    _say_view(dataset, made.meta["laterality"], made.meta["view"])
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", -1 if inverted else 1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    # PS3.3 C.11.2.1.2: with LINEAR, stored values from centre - .5 - (width - 1) / 2 on map to the whole of the range.
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = low + (span + 1) / 2, span + 1, "LINEAR"
    dataset.ImagerPixelSpacing = list(spacing_mm)
    dataset.DetectorType, dataset.PositionerType, dataset.BreastImplantPresent = "DIRECT", "MAMMOGRAPHIC", "NO"
    _put_pixels(dataset, stored, bits=bits, photometric="MONOCHROME1" if inverted else "MONOCHROME2")
    return dataset


def ultrasound_dataset(
    frames: NDArray[np.uint8], draw: np.random.Generator, *, patient_id: str, study_uid: str, scan: Box, spacing_mm: tuple[float, float]
) -> Dataset:
    """Return made-up ultrasound frames as an Ultrasound (Multi-frame) Image with one region.

    Parameters
    ----------
    frames : (N, H, W, 3) ndarray of uint8
        RGB; one frame makes an Ultrasound Image, several a Multi-frame Image.
    draw : numpy.random.Generator
        For the identifiers.
    patient_id, study_uid : str
    scan : (row0, col0, row1, col1)
        Where in the frame the B-mode image lies.
    spacing_mm : (float, float)
        Row and column spacing in that region.

    Returns
    -------
    pydicom.Dataset
        Explicit VR little endian, not compressed.

    Raises
    ------
    ValueError
        If `frames` has another shape.
    """
    if frames.ndim != 4 or frames.shape[3] != 3:
        raise ValueError(f"frames must have the shape (N, H, W, 3), got {frames.shape}")
    several = frames.shape[0] > 1
    sop_class = UltrasoundMultiFrameImageStorage if several else UltrasoundImageStorage
    dataset = _base(draw, sop_class, "US", patient_id, study_uid)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.BurnedInAnnotation = "YES"
    dataset.SequenceOfUltrasoundRegions = DicomSequence([_region(scan, spacing_mm)])
    if several:
        dataset.NumberOfFrames, dataset.FrameTime = frames.shape[0], 40
        dataset.FrameIncrementPointer = 0x00181063
    _put_pixels(dataset, frames, bits=8, photometric="RGB")
    return dataset


def secondary_capture(
    levels: NDArray[np.uint8] | NDArray[np.uint16], draw: np.random.Generator, *, case: str, series: str, study_uid: str, series_uid: str
) -> Dataset:
    """Return a grey picture as CBIS-DDSM's films, crops and masks are stored: nearly without a header.

    Parameters
    ----------
    levels : (H, W) ndarray of uint8 or uint16
    draw : numpy.random.Generator
        For the identifiers.
    case : str
        Patient id and name; it ends with side and view, and the number of a lesion.
    series : str
        SeriesDescription.
    study_uid, series_uid : str

    Returns
    -------
    pydicom.Dataset
        Explicit VR little endian, not compressed. The view stands in PatientOrientation alone.
    """
    dataset = _base(draw, SecondaryCaptureImageStorage, "MG", case, study_uid)
    for keyword in ("Manufacturer", "ManufacturerModelName", "PatientBirthDate", "AccessionNumber"):
        delattr(dataset, keyword)
    side, view = case.split("_")[3:5]
    dataset.PatientName, dataset.SeriesInstanceUID, dataset.SeriesDescription = case, series_uid, series
    dataset.Laterality, dataset.PatientOrientation, dataset.ConversionType = side[0], view, "WSD"
    _put_pixels(dataset, levels, bits=8 * levels.itemsize, photometric="MONOCHROME2")
    return dataset


def file_bytes(dataset: Dataset, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """Return a data set, its pixels being in `syntax`, as the bytes of a DICOM file, with preamble and file meta information."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def _base(draw: np.random.Generator, sop_class: str, modality: str, patient_id: str, study_uid: str) -> Dataset:
    """Return what every object says: patient, study, series, equipment."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, made_up_uid(draw)
    dataset.PatientName, dataset.PatientID, dataset.PatientSex, dataset.PatientBirthDate = PATIENT_NAME, patient_id, "F", ""
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, made_up_uid(draw)
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber, dataset.AccessionNumber = "1", 1, 1, ""
    dataset.StudyDate = dataset.ContentDate = dataset.AcquisitionDate = DATE
    dataset.StudyTime = dataset.ContentTime = dataset.AcquisitionTime = TIME
    dataset.ReferringPhysicianName = ""
    dataset.Modality, dataset.Manufacturer, dataset.ManufacturerModelName = modality, "breastcad", "phantom"
    dataset.BodyPartExamined, dataset.LossyImageCompression = "BREAST", "00"
    dataset.ImageComments = "Made up from random numbers; no patient."
    return dataset


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "SCT", meaning
    return code


def _say_view(dataset: Dataset, laterality: str, view: str) -> None:
    """Enter side and view, coded and in words, in place."""
    code = _code(*VIEW_CODES[view])
    code.ViewModifierCodeSequence = DicomSequence([])
    dataset.ViewCodeSequence = DicomSequence([code])
    dataset.ViewPosition = view
    dataset.ImageLaterality = laterality
    dataset.PatientOrientation = _ORIENTATIONS[laterality, view]
    dataset.OrganExposed, dataset.PartialView, dataset.BurnedInAnnotation = "BREAST", "NO", "YES"
    dataset.AnatomicRegionSequence = DicomSequence([_code("76752008", "Breast")])
    dataset.AcquisitionContextSequence = DicomSequence([])


def _region(scan: Box, spacing_mm: tuple[float, float]) -> Dataset:
    """Return the item of the sequence of ultrasound regions: a B-mode image, centimetres on both axes."""
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinY0, region.RegionLocationMinX0 = int(scan[0]), int(scan[1])
    region.RegionLocationMaxY1, region.RegionLocationMaxX1 = int(scan[2]) - 1, int(scan[3]) - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaY, region.PhysicalDeltaX = spacing_mm[0] / 10, spacing_mm[1] / 10
    return region


def _put_pixels(dataset: Dataset, stored: NDArray, *, bits: int, photometric: str) -> None:
    """Enter pixels, (H, W) or (N, H, W, 3), in place."""
    colour = stored.ndim == 4
    rows, cols = stored.shape[1:3] if colour else stored.shape
    dataset.Rows, dataset.Columns, dataset.PhotometricInterpretation = rows, cols, photometric
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 3 if colour else 1, 0
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 * stored.itemsize, bits, bits - 1
    content = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB" if stored.itemsize == 1 else "OW"

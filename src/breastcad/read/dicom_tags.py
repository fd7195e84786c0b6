"""DICOM tags that may be looked at and told: an allow-list of what describes device, exposure and picture, and nobody.

Names, identifiers, UIDs of an exam, dates, places, people and free text are not on the list, nor is any private element: they are
counted, never read out. What the tags mean for a picture is in `dicom_header`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pydicom import Dataset, uid
from pydicom.datadict import dictionary_VR, tag_for_keyword

from breastcad.read.dicom_header import age_of
from breastcad.read.dicom_values import Unreadable, items, number, text, texts

NOT_READABLE = "cannot be read"
HIDDEN = "#"

_WORDS = (
    *("Modality", "SOPClassUID", "TransferSyntaxUID", "ImageType", "PresentationIntentType", "PhotometricInterpretation"),
    *("PresentationLUTShape", "VOILUTFunction", "PixelIntensityRelationship", "RescaleType", "SpecificCharacterSet"),
    *("BodyPartExamined", "ImageLaterality", "Laterality", "ViewPosition", "ViewCodeSequence", "ViewModifierCodeSequence"),
    *("PatientOrientation", "PatientSex", "BreastImplantPresent", "PartialView", "BurnedInAnnotation", "PatientIdentityRemoved"),
    *("QualityControlImage", "ConversionType", "LossyImageCompression", "LossyImageCompressionMethod"),
    *("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DetectorType", "DetectorConfiguration", "FieldOfViewShape"),
    *("FieldOfViewHorizontalFlip", "AnodeTargetMaterial", "FilterMaterial", "FilterType", "Grid", "ExposureControlMode"),
    *("ExposureStatus", "PositionerType", "PaddleDescription", "AcquisitionDeviceProcessingCode", "PixelSpacingCalibrationType"),
    *("TransducerType", "UltrasoundColorDataPresent"),
)
_NUMBERS = (
    *("PatientAge", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit"),
    *("PixelRepresentation", "PixelIntensityRelationshipSign", "PixelPaddingValue", "SmallestImagePixelValue", "LargestImagePixelValue"),
    *("WindowCenter", "WindowWidth", "RescaleIntercept", "RescaleSlope", "LossyImageCompressionRatio", "PixelAspectRatio"),
    *("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing", "EstimatedRadiographicMagnificationFactor"),
    *("KVP", "ExposureTime", "ExposureTimeInuS", "XRayTubeCurrent", "Exposure", "ExposureInuAs", "RelativeXRayExposure", "OrganDose"),
    *("EntranceDose", "EntranceDoseInmGy", "HalfValueLayer", "FocalSpots", "BodyPartThickness", "CompressionForce"),
    *("DistanceSourceToDetector", "DistanceSourceToPatient", "DistanceSourceToEntrance", "PositionerPrimaryAngle"),
    *("DetectorPrimaryAngle", "DetectorTemperature", "Sensitivity", "FieldOfViewDimensions", "FieldOfViewRotation"),
)
SHOWN: tuple[str, ...] = (*_WORDS, *_NUMBERS)
"""Keywords of the tags that are read out, in the order of the tables."""

_PERSONAL = (
    *("PatientBirthDate", "PatientBirthName", "OtherPatientNames", "PatientMotherBirthName", "PatientAddress", "PatientTelephoneNumbers"),
    *("ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName", "NameOfPhysiciansReadingStudy", "RequestingPhysician"),
    *("InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName", "DeviceSerialNumber", "StudyID"),
)
_LONGEST_WORD = 48
_UID_OR_DAY = re.compile(r"\d+(?:\.\d+){5,}|(?<!\d)(?:19|20)\d\d[-./]?[01]\d[-./]?[0-3]\d(?!\d)")


class Tags(NamedTuple):
    """What one header says: ``values`` by keyword, a word or a number, and how many ``others`` it holds that are not read out."""

    values: dict[str, str | float]
    others: int


def shown_tags(dataset: Dataset, private: list[str]) -> Tags:
    """Return the tags of `SHOWN` that a header has filled in.

    Parameters
    ----------
    dataset : Dataset
    private : list of str
        Strings that must not be told (`dicom_header.learn_private`). A word that holds one, or another element's name of a person or a
        place, a UID or a day, is `HIDDEN`: somebody may have written it where it does not belong.

    Returns
    -------
    Tags
        Of several values the first number, all words; a transfer syntax and a SOP class by name; the age in years. An element that is
        damaged is `NOT_READABLE`.
    """
    hidden = [*private, *_personal(dataset)]
    values: dict[str, str | float] = {}
    for keyword in SHOWN:
        try:
            found = _number(dataset, keyword) if keyword in _NUMBERS else _word(dataset, keyword)
        except Unreadable:
            found = NOT_READABLE
        if isinstance(found, str) and dictionary_VR(keyword) != "UI" and found != NOT_READABLE:
            found = _told(found, hidden)
        if found is not None:
            values[keyword] = found
    known = {tag_for_keyword(keyword) for keyword in SHOWN}
    return Tags(values, sum(int(tag) not in known for tag in dataset.keys()))  # noqa: SIM118 - a dataset iterates over elements


def _personal(dataset: Dataset) -> list[str]:
    found = []
    for keyword in _PERSONAL:
        try:
            told = texts(dataset, keyword)
        except Unreadable:
            continue
        found += told
        if dictionary_VR(keyword) == "PN":
            found += [part for name in told for part in re.split(r"[\^=\s]+", name) if len(part) >= 3]
    return found


def _number(dataset: Dataset, keyword: str) -> float | None:
    return age_of(dataset) if keyword == "PatientAge" else number(dataset, keyword)


def _word(dataset: Dataset, keyword: str) -> str | None:
    if dictionary_VR(keyword) == "SQ":
        return " + ".join(text(item, "CodeMeaning") or "a code without a meaning" for item in items(dataset, keyword)) or None
    if keyword == "TransferSyntaxUID":
        dataset = getattr(dataset, "file_meta", dataset)
    if dictionary_VR(keyword) == "UI":
        found = text(dataset, keyword)
        return found and _standard_name(found)
    return "\\".join(texts(dataset, keyword)) or None


def _standard_name(found: str) -> str:
    known = uid.UID(found)
    return "not one of the standard" if known.name == found else known.name


def _told(word: str, hidden: list[str]) -> str:
    """Return a word as it may be told, or `HIDDEN`."""
    held = any(re.search(rf"(?<![^\W_]){re.escape(part)}(?![^\W_])", word, re.IGNORECASE) for part in hidden if part)
    if held or _UID_OR_DAY.search(word):
        return HIDDEN
    return word if len(word) <= _LONGEST_WORD else word[: _LONGEST_WORD - 3] + "..."

"""What a DICOM header says of a picture: side, view, kind, spacing, ultrasound regions, whose it is. Pixels are in `dicom_pixels`.

Where tags contradict each other the first source counts and a note says so; nothing here looks at the pixels.
"""

from __future__ import annotations

import math
import re
import secrets
from hashlib import blake2b

from pydicom import Dataset

from breastcad.read.dicom_values import Unreadable, functional, items, named, number, numbers, text, texts

Note = list[str]
Region = tuple[int, int, int, int]

# Views of PS3.16 CID 4014, by SNOMED CT and by the retired SNOMED RT code.
_VIEW_CODES = {
    **{"399162004": "CC", "R-10242": "CC", "399368009": "MLO", "R-10226": "MLO", "399260004": "ML", "R-10224": "ML"},
    **{"399352003": "LM", "R-10228": "LM", "399099002": "LMO", "R-10230": "LMO", "399196006": "FB", "R-10244": "FB"},
    **{"399188001": "SIO", "R-102D0": "SIO", "441555000": "ISO", "R-40AAA": "ISO"},
    **{"399192008": "XCCL", "R-1024A": "XCCL", "399101009": "XCCM", "R-1024B": "XCCM"},
}
# Tissue specimen from breast, of CID 4014 too; by SNOMED CT and RT.
_SPECIMEN = frozenset({"127457009", "G-8310"})
# View modifiers of PS3.16 CID 4015, by SNOMED CT and RT code.
_MODIFIERS = {
    **{"399163009": "magnification", "R-102D6": "magnification", "399055006": "spot compression", "R-102D7": "spot compression"},
    **{"399209000": "implant displaced", "R-102D5": "implant displaced", "399110001": "tangential", "R-102C2": "tangential"},
    **{"399161006": "cleavage", "R-102D2": "cleavage", "399011000": "axillary tail", "R-102D1": "axillary tail"},
    **{
        "442580003": "axillary tissue",
        "R-40AB2": "axillary tissue",
        "441752004": "anterior compression",
        "P2-00161": "anterior compression",
    },
    **{"442593008": "infra-mammary fold", "R-40ABE": "infra-mammary fold"},
    **{code: "rolled" for code in ("414493004", "R-102CA", "399197002", "R-102D3", "399226006", "R-102D4", "415670009", "R-102C9")},
}
_MODIFIED_WORDS = {"CCID": "implant displaced", "MLOID": "implant displaced", "CCM": "magnification", "MLOM": "magnification"}
_VIEW_WORDS = {word: word for word in ("CC", "MLO", "ML", "LM", "LMO", "FB", "SIO", "ISO", "XCC", "XCCL", "XCCM", "AT", "CV")}
_VIEW_WORDS |= {"CCID": "CC", "MLOM": "MLO", "MLOID": "MLO", "CCM": "CC"}
_SIDE_AND_VIEW = re.compile(r"(?<![A-Z])(?:(RIGHT|LEFT|R|L)[\s_-]*)?(XCCL|XCCM|CC|MLO|LMO|ML|LM)(?![A-Z])")
_CBIS_CASE = re.compile(r"(?:Mass|Calc)-(?:Training|Test)_(P_\d+)_(LEFT|RIGHT)_(CC|MLO)")

_CLASS_MODALITY = {
    "1.2.840.10008.5.1.4.1.1.1.2": "MG",
    "1.2.840.10008.5.1.4.1.1.1.2.1": "MG",
    "1.2.840.10008.5.1.4.1.1.13.1.3": "MG",
    "1.2.840.10008.5.1.4.1.1.6.1": "US",
    "1.2.840.10008.5.1.4.1.1.3.1": "US",
}
# Terms for Body Part Examined of PS3.16, annex L, that an X-ray or ultrasound image of no breast is likely to have. Other words may be
# anybody's; AXILLA belongs to the breast.
_OTHER_PART = re.compile(
    r"ABDOMEN|ANKLE|AORTA|ARM|BACK|BLADDER|BRAIN|CAROTID|CHEST|CHESTABDOMEN|CLAVICLE|COCCYX|COLON|CSPINE|ELBOW|EXTREMITY|"
    r"FACE|FEMUR|FINGER|FOOT|FOREARM|GALLBLADDER|HAND|HEAD|HEADNECK|HEART|HIP|HUMERUS|JAW|KIDNEY|KNEE|LEG|LIVER|LSPINE|"
    r"LUNG|NECK|PELVIS|PROSTATE|RIB|SCROTUM|SHOULDER|SKULL|SPINE|SSPINE|STERNUM|TESTIS|THIGH|THUMB|THYROID|TOE|TSPINE|"
    r"UTERUS|WRIST"
)
_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.2.1"
_TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
_CENTIMETRES = 3
_AGE = re.compile(r"(\d+(?:\.\d+)?)([DWMY]?)")
_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}
_DAY = re.compile(r"((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_TISSUE = 1

# Keys join the views of one woman within one process only. The salt is drawn anew in each, so that nobody can try out short
# patient ids until a key fits; a worker process that is to share keys must be forked after this module was loaded.
_SALT = secrets.token_bytes(16)


def modality_of(dataset: Dataset, notes: Note) -> str | None:
    """Return the modality, from its tag, else from the SOP class; a contradiction of the two is noted."""
    said = text(dataset, "Modality")
    implied = _CLASS_MODALITY.get(text(dataset, "SOPClassUID") or "")
    if said and implied and said.upper() != implied:
        notes.append(f"{named('Modality')} says {said.upper()}, {named('SOPClassUID')} is one of {implied}; {said.upper()} was taken")
    return said.upper() if said else implied


def image_type_of(dataset: Dataset, notes: Note) -> str | None:
    """Return what kind of image it is; kinds that a model of plain views was not made for are noted.

    Returns
    -------
    str or None
        ``"tomosynthesis"``, ``"synthetic-2d"``, ``"processing"``, ``"subtracted"``, ``"low-energy"``, ``"presentation"`` or None
        where the file does not say.
    """
    words = [word.upper() for word in texts(dataset, "ImageType")]
    sop_class = text(dataset, "SOPClassUID")
    intent = (text(dataset, "PresentationIntentType") or "").upper()
    generated = any(word.startswith(("GENERATED_2D", "C-VIEW")) for word in words)
    if not generated and (sop_class == _TOMOSYNTHESIS or "TOMOSYNTHESIS" in words):
        notes.append("a tomosynthesis slice, not a plain mammogram")
        return "tomosynthesis"
    if generated:
        notes.append("a synthetic 2D view computed from tomosynthesis, not a plain mammogram")
        return "synthetic-2d"
    if intent == "FOR PROCESSING" or (not intent and sop_class == _FOR_PROCESSING):
        notes.append("a FOR PROCESSING image: raw detector values, not what a reader sees; use the FOR PRESENTATION image of the exposure")
        return "processing"
    if any(word.startswith(("SUBTRACT", "RECOMBINED")) for word in words):
        notes.append("a contrast image computed from two exposures, not a plain mammogram")
        return "subtracted"
    if "LOW_ENERGY" in words:
        return "low-energy"
    return "presentation" if intent == "FOR PRESENTATION" else None


def other_part_of(dataset: Dataset) -> str | None:
    """Return the part of the body that the file says it shows, if it is one of the standard's and not the breast."""
    part = (text(dataset, "BodyPartExamined") or "").upper()
    return part if _OTHER_PART.fullmatch(part) else None


def note_caveats(dataset: Dataset, notes: Note) -> None:
    """Note what the header says that a reader of the result must know: implants, special views, burnt-in text, parts only or others."""
    for keyword, sentence in (
        ("BreastImplantPresent", "the file says that there is an implant"),
        ("PartialView", "the file says that it shows a part of the breast only"),
        ("BurnedInAnnotation", "the file says that text is burnt into the picture"),
    ):
        if (text(dataset, keyword) or "").upper() == "YES":
            notes.append(sentence)
    if (part := other_part_of(dataset)) is not None:
        notes.append(f"{named('BodyPartExamined')} says {part}, not the breast")
    for modifier in _view_modifiers(dataset):
        notes.append(f"a special view: {(text(modifier, 'CodeMeaning') or 'modifier without a meaning').lower()}")


def special_of(dataset: Dataset) -> list[str]:
    """Return the words for what sets the picture apart from a plain view of a woman's breast, each once.

    Returns
    -------
    list of str
        ``"specimen"``, ``"male"``, ``"implant"``, ``"partial"``, and those of `_MODIFIERS` that its view codes, or its view position, name.
    """
    codes = [text(code, "CodeValue") or "" for code in items(dataset, "ViewCodeSequence")[:1]]
    codes += [text(code, "CodeValue") or "" for code in items(dataset, "AnatomicRegionSequence")]
    words = [word.upper() for keyword in ("ViewPosition", "SeriesDescription", "ProtocolName") for word in texts(dataset, keyword)]
    found = []
    if _SPECIMEN & set(codes) or items(dataset, "SpecimenDescriptionSequence") or any("SPECIMEN" in word for word in words):
        found.append("specimen")
    for keyword, said, word in (("PatientSex", "M", "male"), ("BreastImplantPresent", "YES", "implant"), ("PartialView", "YES", "partial")):
        if (text(dataset, keyword) or "").upper() == said:
            found.append(word)
    modifiers = [text(code, "CodeValue") or "" for code in _view_modifiers(dataset)]
    found += [_MODIFIERS[code] for code in modifiers if code in _MODIFIERS]
    found += [_MODIFIED_WORDS[word.upper()] for word in texts(dataset, "ViewPosition") if word.upper() in _MODIFIED_WORDS]
    return list(dict.fromkeys(found))


def _view_modifiers(dataset: Dataset) -> list[Dataset]:
    within = [modifier for code in items(dataset, "ViewCodeSequence")[:1] for modifier in items(code, "ViewModifierCodeSequence")]
    return within + items(dataset, "ViewModifierCodeSequence")


# ---- side and view ----


def laterality_of(dataset: Dataset, frame: int, notes: Note) -> str | None:
    """Return the patient's side, ``"L"``, ``"R"`` or None (both, or not said).

    Sources, the first that says one counts: ImageLaterality, Laterality, FrameLaterality, SeriesDescription, ProtocolName, the Case
    string of CBIS-DDSM. All are compared, and with PatientOrientation; contradictions are noted.
    """
    said = _sides_said(dataset, frame)
    for keyword, word in said:
        if word not in ("", "L", "R", "B", "U"):
            notes.append(f"{named(keyword)} holds a word that is no side; it was not used")
    side = _first("laterality", [(keyword, word) for keyword, word in said if word in ("L", "R")], notes)
    shown = _side_of_orientation(dataset)
    if side and shown and side != shown:
        notes.append(
            f"{named('PatientOrientation')} is that of a {'left' if shown == 'L' else 'right'} breast with its outer side on top, "
            f"laterality says {side}: the picture is turned, or one of them is wrong; {side} was taken"
        )
    return side


def side_contradicted(dataset: Dataset, frame: int) -> bool:
    """Say whether what `laterality_of` asks for the side says both."""
    said = {word for _, word in _sides_said(dataset, frame)} | {_side_of_orientation(dataset)}
    return {"L", "R"} <= said


def _sides_said(dataset: Dataset, frame: int) -> list[tuple[str, str]]:
    """Return each source of `laterality_of` and what it says, in capitals: a side, another word, or nothing."""
    said = [(keyword, (text(dataset, keyword) or "").upper()) for keyword in ("ImageLaterality", "Laterality")]
    anatomy = functional(dataset, "FrameAnatomySequence", frame)
    said.append(("FrameLaterality", (text(anatomy, "FrameLaterality") or "").upper() if anatomy is not None else ""))
    return said + [(keyword, side) for keyword, side, _ in _free_text(dataset)]


def view_of(dataset: Dataset, notes: Note) -> str | None:
    """Return the view (CC, MLO, ML, ...), or None.

    Sources, the first that says one counts: ViewCodeSequence, ViewPosition, PatientOrientation where it holds a view's name
    (CBIS-DDSM), SeriesDescription, ProtocolName, the Case string of CBIS-DDSM. Contradictions and unknown codes are noted.
    """
    said = []
    for code in items(dataset, "ViewCodeSequence")[:1]:
        if text(code, "CodeValue") in _SPECIMEN:
            continue
        found = _VIEW_CODES.get(text(code, "CodeValue") or "")
        if found is None:
            notes.append(f"{named('ViewCodeSequence')} holds a code that is not known here; other tags were asked")
        else:
            said.append(("ViewCodeSequence", found))
    for keyword in ("ViewPosition", "PatientOrientation"):
        words = texts(dataset, keyword)
        if len(words) == 1 and words[0].upper() in _VIEW_WORDS:
            said.append((keyword, _VIEW_WORDS[words[0].upper()]))
    said += [(keyword, view) for keyword, _, view in _free_text(dataset)]
    return _first("view", said, notes)


def _first(what: str, said: list[tuple[str, str]], notes: Note) -> str | None:
    """Return the first of several statements, and note the first that contradicts it."""
    if not said:
        return None
    keyword, word = said[0]
    other = next(((name, found) for name, found in said if found != word), None)
    if other is not None:
        notes.append(f"{what} contradictory: {named(keyword)} says {word}, {named(other[0])} {other[1]}; {word} was taken")
    return word


def _free_text(dataset: Dataset) -> list[tuple[str, str, str]]:
    """Return keyword, side (or "") and view of each free text that names a view."""
    found = []
    for keyword in ("SeriesDescription", "ProtocolName"):
        match = _SIDE_AND_VIEW.search((text(dataset, keyword) or "").upper())
        if match:
            found.append((keyword, (match[1] or "")[:1], match[2]))
    case = _CBIS_CASE.fullmatch(text(dataset, "PatientID") or "")
    if case:
        found.append(("PatientID", case[2][0], case[3]))
    return found


def patient_orientation_of(dataset: Dataset) -> str | None:
    r"""Return PatientOrientation as ``A\R``, or None where it is absent or holds something else."""
    words = [word.upper() for word in texts(dataset, "PatientOrientation")]
    return "\\".join(words) if len(words) == 2 and all(re.fullmatch("[APLRHF]{1,3}", word) for word in words) else None


def _side_of_orientation(dataset: Dataset) -> str | None:
    """Return the side that PatientOrientation implies for a breast with its outer side on top: down is then towards the other side."""
    orientation = patient_orientation_of(dataset)
    if orientation is None or orientation[0] not in "AP":
        return None
    down = orientation.split("\\")[1]
    return {"L": "R", "R": "L"}.get("".join(letter for letter in down if letter in "LR"))


# ---- spacing and regions ----


def spacing_of(dataset: Dataset, frame: int, modality: str | None, notes: Note) -> tuple[tuple[float, float] | None, str | None]:
    """Return pixel spacing in millimetres (row, column) and the plane it holds in, ``"detector"``, ``"object"`` or None if unknown.

    Projection images: a PixelSpacing that differs from ImagerPixelSpacing was calibrated and holds in the object; else
    ImagerPixelSpacing, divided by EstimatedRadiographicMagnificationFactor where that is given. Ultrasound: PhysicalDeltaX, Y of
    its largest tissue region whose spacing is finite. Missing is None, never 1.

    References
    ----------
    .. [1] DICOM PS3.3, 10.7.1.3 and C.8.5.5.1.
    """
    if modality == "US":
        for region in _tissue_regions(dataset):
            deltas = [number(region, keyword) for keyword in ("PhysicalDeltaY", "PhysicalDeltaX")]
            units = {number(region, keyword) for keyword in ("PhysicalUnitsXDirection", "PhysicalUnitsYDirection")}
            if all(deltas) and units == {_CENTIMETRES}:
                row_mm, col_mm = (abs(delta or 0) * 10 for delta in deltas)
                if math.isfinite(row_mm) and math.isfinite(col_mm):
                    return (row_mm, col_mm), "object"
                notes.append(f"{named('PhysicalDeltaY')} and its kin are too large for a spacing; they were not used")
    measures = functional(dataset, "PixelMeasuresSequence", frame)
    pixel = _pair(measures if measures is not None else dataset, "PixelSpacing", notes)
    imager = _pair(dataset, "ImagerPixelSpacing", notes) or _pair(dataset, "NominalScannedPixelSpacing", notes)
    if pixel and pixel != imager:
        calibrated = imager or modality == "US" or text(dataset, "PixelSpacingCalibrationType")
        return pixel, "object" if calibrated else None
    if imager is None:
        return None, None
    magnification = number(dataset, "EstimatedRadiographicMagnificationFactor")
    if magnification is None:
        return imager, "detector"
    if not 1 <= magnification <= 5:
        notes.append(f"{named('EstimatedRadiographicMagnificationFactor')} of {magnification:g} is not credible; spacing is the detector's")
        return imager, "detector"
    return (imager[0] / magnification, imager[1] / magnification), "object"


def _pair(dataset: Dataset, keyword: str, notes: Note) -> tuple[float, float] | None:
    found = numbers(dataset, keyword)
    if not found:
        return None
    if len(found) != 2 or min(found) <= 0:
        notes.append(f"{named(keyword)} must be two positive numbers, got {found}; it was not used")
        return None
    return found[0], found[1]


def _tissue_regions(dataset: Dataset) -> list[Dataset]:
    """Return an ultrasound file's regions of 2D tissue, the largest first."""
    regions = [
        region
        for region in items(dataset, "SequenceOfUltrasoundRegions")
        if number(region, "RegionSpatialFormat") == 1 and number(region, "RegionDataType") in (_TISSUE, None)
    ]
    return sorted(regions, key=_area, reverse=True)


def _box(region: Dataset) -> Region:
    """Return a region's box, half open; the file's own last row and column belong to it."""
    corners = [int(number(region, f"RegionLocation{corner}") or 0) for corner in ("MinY0", "MinX0", "MaxY1", "MaxX1")]
    return corners[0], corners[1], corners[2] + 1, corners[3] + 1


def _area(region: Dataset) -> int:
    row0, col0, row1, col1 = _box(region)
    return (row1 - row0) * (col1 - col0)


def regions_of(dataset: Dataset, rows: int, cols: int, notes: Note) -> list[Region]:
    """Return the boxes [row0, col0, row1, col1) of 2D tissue, largest first; one that lies outside the picture is left out and noted."""
    boxes = []
    for region in _tissue_regions(dataset):
        row0, col0, row1, col1 = _box(region)
        if 0 <= row0 < row1 <= rows and 0 <= col0 < col1 <= cols:
            boxes.append((row0, col0, row1, col1))
        else:
            notes.append(f"{named('SequenceOfUltrasoundRegions')} names a region outside the picture; it was not used")
    return boxes


# ---- when and whose picture it is ----


def age_of(dataset: Dataset) -> float | None:
    """Return the age in years; PatientAge has a unit (``044Y``), which some write small and with a point (``732.0m``, months)."""
    match = _AGE.fullmatch((text(dataset, "PatientAge") or "").strip().upper())
    return round(float(match[1]) / _PER_YEAR[match[2] or "Y"], 2) if match else None


def date_of(dataset: Dataset) -> str | None:
    """Return the day of the exam, ``YYYY-MM-DD``; the first of AcquisitionDate, ContentDate, StudyDate that is a day."""
    for keyword in ("AcquisitionDate", "ContentDate", "StudyDate"):
        match = _DAY.fullmatch(text(dataset, keyword) or "")
        if match:
            return "-".join(match.groups())
    return None


def identity_of(dataset: Dataset, notes: Note) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return what tells the patient and the exam apart from others; it identifies them, and is for making keys only.

    The patient is PatientID with IssuerOfPatientID; where PatientID is empty, the study, which is noted. CBIS-DDSM gives the four
    views of a woman four ids and four studies (``Mass-Test_P_00820_LEFT_CC``): there both are made from ``P_00820``.
    """
    patient, study = text(dataset, "PatientID"), text(dataset, "StudyInstanceUID")
    case = _CBIS_CASE.match(patient or "")
    if case:
        return ("cbis-ddsm", case[1]), ("cbis-ddsm exam", case[1])
    exam = ("study", study) if study else None
    if patient:
        return ("patient", text(dataset, "IssuerOfPatientID") or "", patient), exam
    notes.append(f"no {named('PatientID')}: only images of one study are known to be of one patient")
    return ("patient of study", study) if study else None, exam


def keys_of(dataset: Dataset, notes: Note) -> tuple[str | None, str | None]:
    """Return opaque keys of the patient and the exam, equal for files that belong together, and of use within this process only."""
    patient, exam = identity_of(dataset, notes)
    return _key(*patient) if patient else None, _key(*exam) if exam else None


def _key(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), key=_SALT, digest_size=8).hexdigest()


def learn_private(dataset: Dataset, private: list[str]) -> None:
    """Add the strings that must not be written anywhere: patient ID and name (whole and its parts), accession number, UIDs.

    Raises
    ------
    Unreadable
        If one of them cannot be read; after all others were added.
    """
    faults = []
    for keyword in (
        *("PatientID", "OtherPatientIDs", "PatientName", "AccessionNumber"),
        *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"),
    ):
        try:
            found = texts(dataset, keyword)
        except Unreadable as fault:
            faults.append(fault)
            continue
        private += found
        if keyword == "PatientName":
            private += [part for name in found for part in re.split(r"[\^=\s]+", name) if len(part) >= 3]
    private[:] = list(dict.fromkeys(private))
    if faults:
        raise faults[0]

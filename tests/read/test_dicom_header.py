"""DICOM headers are read as the standard means them, and what contradicts itself is said."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from pydicom import Dataset
from tests.read import dicom_cases as cases
from tests.read.dicom_cases import read

from breastcad.core.errors import ReadError
from breastcad.read import open_picture

# ---- what the header says ----


@pytest.mark.quirk("DCM-Q10")
@pytest.mark.parametrize(
    ("elements", "kind", "said"),
    [
        ({"PresentationIntentType": "FOR PRESENTATION"}, "presentation", None),
        ({"PresentationIntentType": "FOR PROCESSING"}, "processing", "FOR PROCESSING"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.2.1"}, "processing", "FOR PROCESSING"),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"]}, "synthetic-2d", "synthetic 2D"),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE"]}, "tomosynthesis", "tomosynthesis slice"),
        ({"ImageType": ["DERIVED", "PRIMARY", "SUBTRACTION"]}, "subtracted", "contrast image"),
        ({"ImageType": ["DERIVED", "PRIMARY", "LOW_ENERGY"]}, "low-energy", None),
        ({}, None, None),
    ],
)
def test_kinds_of_image_are_told_apart(put: Any, elements: dict[str, Any], kind: str | None, said: str | None) -> None:
    picture = read(put, **elements)
    assert picture.image_type == kind
    assert (said is None) == (picture.warnings == [])
    assert said is None or said in picture.warnings[0]


def test_modality_comes_from_the_class_where_its_tag_is_missing_and_contradiction_is_said(put: Any) -> None:
    assert read(put, Modality=None).modality == "MG"
    picture = read(put, Modality="US")
    assert picture.modality == "US"
    assert picture.warnings == ["(0008,0060) 'Modality' says US, (0008,0016) 'SOP Class UID' is one of MG; US was taken"]


def test_caveats_are_said(put: Any) -> None:
    modifier = cases.code("399163009", meaning="Magnification")
    view = cases.code("399162004", meaning="cranio-caudal", ViewModifierCodeSequence=[modifier])
    picture = read(put, BreastImplantPresent="YES", PartialView="YES", BurnedInAnnotation="YES", ViewCodeSequence=[view])
    assert picture.warnings == [
        "the file says that there is an implant",
        "the file says that it shows a part of the breast only",
        "the file says that text is burnt into the picture",
        "a special view: magnification",
    ]


@pytest.mark.parametrize(
    ("tags", "special"),
    [
        ({}, []),
        ({"ViewPosition": "MLOID"}, ["implant displaced"]),
        ({"ViewPosition": "CCM", "PatientSex": "M"}, ["male", "magnification"]),
        ({"BreastImplantPresent": "YES", "PartialView": "YES"}, ["implant", "partial"]),
        ({"SeriesDescription": "Surgical specimen"}, ["specimen"]),
        ({"AnatomicRegionSequence": [cases.code("G-8310")]}, ["specimen"]),
        ({"ViewCodeSequence": [cases.code("127457009")]}, ["specimen"]),
        (
            {"ViewCodeSequence": [cases.code("399162004", ViewModifierCodeSequence=[cases.code("R-102D7"), cases.code("1")])]},
            ["spot compression"],
        ),
    ],
)
def test_what_is_special_of_a_picture(put: Any, tags: dict[str, Any], special: list[str]) -> None:
    assert read(put, **tags).special == special


@pytest.mark.quirk("DCM-Q5")
@pytest.mark.parametrize(
    ("elements", "side"),
    [
        ({"ImageLaterality": "L"}, "L"),
        ({"Laterality": "R"}, "R"),
        ({"ImageLaterality": "B"}, None),
        ({"SeriesDescription": "R MLO"}, "R"),
        ({"ProtocolName": "LCC"}, "L"),
        ({"SeriesDescription": "CC views of the left"}, None),
        ({}, None),
    ],
)
def test_laterality_comes_from_the_first_tag_that_says_it(put: Any, elements: dict[str, str], side: str | None) -> None:
    assert read(put, **elements).laterality == side


@pytest.mark.quirk("DCM-Q5", "DCM-Q8", "DCM-Q12")
@pytest.mark.parametrize(
    ("elements", "view"),
    [
        ({"ViewCodeSequence": [cases.code("399162004")]}, "CC"),
        ({"ViewCodeSequence": [cases.code("R-10226", "SNM3")]}, "MLO"),
        ({"ViewPosition": "MLO"}, "MLO"),
        ({"ViewPosition": "CCID"}, "CC"),
        ({"PatientOrientation": "CC"}, "CC"),
        ({"SeriesDescription": "Mammo R-MLO raw"}, "MLO"),
        ({"SeriesDescription": "success"}, None),
        ({}, None),
    ],
)
def test_view_comes_from_codes_then_words(put: Any, elements: dict[str, Any], view: str | None) -> None:
    picture = read(put, **elements)
    assert (picture.view, picture.warnings) == (view, [])


@pytest.mark.quirk("DCM-Q8")
def test_contradictions_among_tags_are_said(put: Any) -> None:
    picture = read(put, ImageLaterality="L", SeriesDescription="R CC", ViewPosition="MLO")
    assert (picture.laterality, picture.view, picture.side_in_doubt) == ("L", "MLO", True)
    assert picture.warnings == [
        "laterality contradictory: (0020,0062) 'Image Laterality' says L, (0008,103E) 'Series Description' R; L was taken",
        "view contradictory: (0018,5101) 'View Position' says MLO, (0008,103E) 'Series Description' CC; MLO was taken",
    ]


@pytest.mark.quirk("DCM-Q12")
def test_unknown_view_code_and_side_are_said(put: Any) -> None:
    picture = read(put, ViewCodeSequence=[cases.code("99-1", "99VENDOR")], ViewPosition="CC", Laterality="LEFTISH")
    assert (picture.view, picture.laterality) == ("CC", None)
    assert picture.warnings == [
        "(0020,0060) 'Laterality' holds a word that is no side; it was not used",
        "(0054,0220) 'View Code Sequence' holds a code that is not known here; other tags were asked",
    ]


@pytest.mark.quirk("DCM-Q6")
@pytest.mark.parametrize(
    ("orientation", "side", "agrees"),
    [(["A", "R"], "L", True), (["P", "L"], "R", True), (["A", "R"], "R", False), (["P", "FL"], "L", False), (["A", "F"], "L", True)],
)
def test_orientation_is_checked_against_the_side(put: Any, orientation: list[str], side: str, agrees: bool) -> None:
    picture = read(put, PatientOrientation=orientation, ImageLaterality=side)
    assert picture.patient_orientation == "\\".join(orientation)
    assert picture.laterality == side
    assert (picture.warnings == []) == agrees == (not picture.side_in_doubt)
    assert agrees or "the picture is turned, or one of them is wrong" in picture.warnings[0]


@pytest.mark.quirk("DCM-Q7")
@pytest.mark.parametrize(
    ("elements", "spacing", "plane"),
    [
        ({"ImagerPixelSpacing": [0.07, 0.08]}, (0.07, 0.08), "detector"),
        ({"ImagerPixelSpacing": [0.07, 0.08], "PixelSpacing": [0.07, 0.08]}, (0.07, 0.08), "detector"),
        ({"ImagerPixelSpacing": [0.11, 0.22], "EstimatedRadiographicMagnificationFactor": 1.1}, (0.1, 0.2), "object"),
        ({"ImagerPixelSpacing": [0.07, 0.08], "PixelSpacing": [0.05, 0.06]}, (0.05, 0.06), "object"),
        ({"PixelSpacing": [0.05, 0.06], "PixelSpacingCalibrationType": "GEOMETRY"}, (0.05, 0.06), "object"),
        ({"PixelSpacing": [0.05, 0.06]}, (0.05, 0.06), None),
        ({"NominalScannedPixelSpacing": [0.05, 0.04]}, (0.05, 0.04), "detector"),
        ({}, None, None),
    ],
)
def test_spacing_comes_from_the_right_tag(
    put: Any, elements: dict[str, Any], spacing: tuple[float, float] | None, plane: str | None
) -> None:
    picture = read(put, **elements)
    assert picture.spacing_mm == (pytest.approx(spacing) if spacing else None)
    assert (picture.spacing_at, picture.warnings) == (plane, [])


def test_spacing_that_cannot_be_is_not_used(put: Any) -> None:
    picture = read(put, ImagerPixelSpacing=[0, 0.07])
    assert picture.spacing_mm is None
    assert picture.warnings == ["(0018,1164) 'Imager Pixel Spacing' must be two positive numbers, got [0.0, 0.07]; it was not used"]
    picture = read(put, ImagerPixelSpacing=[0.07, 0.08], EstimatedRadiographicMagnificationFactor=0.1)
    assert (picture.spacing_mm, picture.spacing_at) == ((0.07, 0.08), "detector")
    assert "of 0.1 is not credible" in picture.warnings[0]


def region(row0: int, col0: int, row1: int, col1: int, kind: int = 1, delta: float = 0.01) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType = 1, kind
    item.RegionLocationMinY0, item.RegionLocationMinX0 = row0, col0
    item.RegionLocationMaxY1, item.RegionLocationMaxX1 = row1, col1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = delta, -delta / 2
    return item


def test_ultrasound_regions_give_boxes_and_spacing(put: Any) -> None:
    regions = [region(5, 4, 20, 30), region(2, 3, 80, 59, delta=0.02), region(0, 0, 9, 9, kind=2), region(0, 0, 500, 9)]
    array = cases.picture(8)
    picture = read(put, array, bits=8, Modality="US", SOPClassUID=cases.ULTRASOUND, SequenceOfUltrasoundRegions=regions[:3])
    assert picture.regions == [(2, 3, 81, 60), (5, 4, 21, 31)]
    assert picture.spacing_mm == pytest.approx((0.1, 0.2))
    assert (picture.spacing_at, picture.warnings) == ("object", [])
    outside = read(put, array, bits=8, Modality="US", SOPClassUID=cases.ULTRASOUND, SequenceOfUltrasoundRegions=regions[3:])
    assert outside.regions == []
    assert outside.warnings == ["(0018,6011) 'Sequence of Ultrasound Regions' names a region outside the picture; it was not used"]
    plain = read(put, array, bits=8, Modality="US", SOPClassUID=cases.ULTRASOUND, PixelSpacing=[0.1, 0.2])
    assert (plain.spacing_mm, plain.spacing_at) == ((0.1, 0.2), "object")


def test_a_region_whose_spacing_is_not_finite_in_millimetres_gives_way_to_the_next(put: Any) -> None:
    regions = [region(2, 3, 80, 59, delta=1e308), region(5, 4, 20, 30)]
    picture = read(put, cases.picture(8), bits=8, Modality="US", SOPClassUID=cases.ULTRASOUND, SequenceOfUltrasoundRegions=regions)
    assert picture.spacing_mm == pytest.approx((0.05, 0.1))
    assert picture.warnings == ["(0018,602E) 'Physical Delta Y' and its kin are too large for a spacing; they were not used"]


# ---- whose picture it is ----


def test_views_of_one_patient_and_study_share_keys(put: Any) -> None:
    one, two = read(put, ViewPosition="CC"), read(put, ViewPosition="MLO", SOPInstanceUID="1.2.3.4.5.6.7")
    assert (one.patient_key, one.exam_key) == (two.patient_key, two.exam_key)
    other, issued = read(put, PatientID="PID-78"), read(put, IssuerOfPatientID="elsewhere")
    later = read(put, StudyInstanceUID="1.2.3.4.5.6.8")
    assert len({one.patient_key, other.patient_key, issued.patient_key}) == 3
    assert later.patient_key == one.patient_key
    assert later.exam_key != one.exam_key
    assert "PID" not in (one.patient_key or "")


@pytest.mark.quirk("CBIS-Q14")
def test_four_ids_of_a_cbis_ddsm_woman_are_one_patient_and_one_exam(put: Any) -> None:
    names = ["Mass-Test_P_00820_LEFT_CC", "Mass-Test_P_00820_LEFT_MLO_1", "Calc-Training_P_00820_RIGHT_CC", "Mass-Test_P_00821_LEFT_CC"]
    pictures = [read(put, PatientID=name, StudyInstanceUID=f"1.2.3.4.5.6.{i}") for i, name in enumerate(names)]
    assert len({p.patient_key for p in pictures[:3]}) == len({p.exam_key for p in pictures[:3]}) == 1
    assert pictures[3].patient_key != pictures[0].patient_key
    assert pictures[3].exam_key != pictures[0].exam_key
    assert (pictures[0].laterality, pictures[0].view, pictures[2].laterality) == ("L", "CC", "R")


def test_empty_patient_id_is_grouped_by_study_and_said(put: Any) -> None:
    picture = read(put, PatientID="")
    assert picture.patient_key is not None
    assert picture.patient_key != picture.exam_key
    assert picture.warnings == ["no (0010,0020) 'Patient ID': only images of one study are known to be of one patient"]
    nobody = read(put, PatientID=None, StudyInstanceUID=None)
    assert (nobody.patient_key, nobody.exam_key) == (None, None)


def test_private_strings_are_listed_and_reach_no_warning_or_error(put: Any) -> None:
    file = cases.plain(AccessionNumber="ACC9", PatientBirthDate="19991231", PatientOrientation=["A", "R"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pydicom's own warnings quote what they find
        picture = open_picture(put(file.replace(b"19991231", b"DoeJane ").replace(b"A\\R ", b"d^J ")))
    assert set(picture.private) >= {"PID-77", "Doe^Jane", "Doe", "Jane", "ACC9", "1.2.826.0.1.3680043.8.498.2"}
    broken = put(cases.plain(Rows=0), "doe.dcm")
    with pytest.raises(ReadError) as caught:
        open_picture(broken)
    assert str(caught.value).startswith("#: (0028,0010) 'Rows' must be positive, got 0")
    assert "Jane" in caught.value.private

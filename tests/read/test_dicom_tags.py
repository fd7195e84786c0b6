"""Which tags of a header are told: those of device, exposure and picture, never those of a person, a place or a day."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from tests.read import dicom_cases as cases

from breastcad.core.errors import ReadError
from breastcad.read.dicom import dicom_tags
from breastcad.read.dicom_tags import HIDDEN, NOT_READABLE, SHOWN

PERSON = {
    **{"PatientName": "Doe^Jane", "PatientID": "K-77123", "PatientBirthDate": "19610203", "AccessionNumber": "A555"},
    **{"ReferringPhysicianName": "Miller^Ann", "InstitutionName": "Saint Mary Hospital", "StudyDate": "20240131"},
    **{"StudyInstanceUID": "1.2.826.0.1.3680043.77.1", "ImageComments": "call Mr Doe", "StationName": "MG01"},
}


def test_no_kind_of_element_that_names_somebody_or_some_day_is_on_the_list() -> None:
    """Persons, dates, times and free text by their value representation; UIDs but those that are the standard's own."""
    kinds = {keyword: dictionary_VR(keyword) for keyword in SHOWN}
    assert not {"PN", "DA", "DT", "TM", "LT", "ST", "UT", "UR", "UC"} & set(kinds.values())
    assert [keyword for keyword, kind in kinds.items() if kind == "UI"] == ["SOPClassUID", "TransferSyntaxUID"]
    assert not set(PERSON) & set(SHOWN)
    assert len(SHOWN) == len({tag_for_keyword(keyword) for keyword in SHOWN})


def test_tags_are_told_as_words_and_numbers_and_others_are_counted(put: Any) -> None:
    path = put(cases.plain(KVP="28.5", ImageType=["DERIVED", "PRIMARY"], ImagerPixelSpacing=[0.07, 0.08], PatientAge="044Y"))
    values, others = dicom_tags(path)
    assert (values["KVP"], values["ImageType"], values["ImagerPixelSpacing"], values["PatientAge"]) == (28.5, "DERIVED\\PRIMARY", 0.07, 44)
    assert values["TransferSyntaxUID"] == "Explicit VR Little Endian"
    assert values["SOPClassUID"] == "Digital Mammography X-Ray Image Storage - For Presentation"
    assert "CompressionForce" not in values
    more = put(cases.plain(KVP="28.5", PatientComments="x", OperatorsName="y"), "b.dcm")
    assert dicom_tags(more).others == dicom_tags(put(cases.plain(), "c.dcm")).others + 2
    assert others > 0


def test_nothing_of_a_person_is_told(put: Any) -> None:
    told = str(dicom_tags(put(cases.plain(KVP="28.5", **PERSON))).values)
    assert "28.5" in told
    for value in PERSON.values():
        assert value not in told


@pytest.mark.parametrize(
    "word",
    ["model of JANE", "K-77123", "Miller", "at Saint Mary Hospital", "built 2019-03-01", "20240131", "1.2.826.0.1.3680043.9", "MG01 v2"],
)
def test_a_person_a_place_a_day_or_a_uid_where_it_does_not_belong_is_hidden(put: Any, word: str) -> None:
    values = dicom_tags(put(cases.plain(ManufacturerModelName=word, Manufacturer="Maker", **PERSON))).values
    assert values["ManufacturerModelName"] == HIDDEN
    assert values["Manufacturer"] == "Maker"


def test_part_of_another_word_is_no_name(put: Any) -> None:
    values = dicom_tags(put(cases.plain(ManufacturerModelName="Mammomat", PatientName="Mat^Mam"))).values
    assert values["ManufacturerModelName"] == "Mammomat"


def test_a_code_is_told_by_its_meaning_and_an_unknown_class_is_not_quoted(put: Any) -> None:
    view = cases.code("399162004", meaning="cranio-caudal")
    values = dicom_tags(put(cases.plain(ViewCodeSequence=[view], SOPClassUID="1.2.3.4.5.6.7.8"))).values
    assert (values["ViewCodeSequence"], values["SOPClassUID"]) == ("cranio-caudal", "not one of the standard")


def test_a_damaged_element_is_said_and_stops_nothing(put: Any) -> None:
    whole = cases.plain(KVP="28.5", BodyPartThickness="55.5")
    assert whole.count(b"28.5") == 1
    values = dicom_tags(put(whole.replace(b"28.5", b"2x.5"))).values
    assert (values["KVP"], values["BodyPartThickness"]) == (NOT_READABLE, 55.5)


def test_a_file_without_its_pixels_is_refused(put: Any) -> None:
    whole = cases.plain()
    with pytest.raises(ReadError, match="truncated"):
        dicom_tags(put(whole[: len(whole) - 500]))

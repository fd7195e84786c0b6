"""Plain folders of DICOM files: what becomes a row, what does not, labels from a table, and no identifier anywhere."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from breastcad.core.errors import InputError
from breastcad.core.files import write_collection
from breastcad.core.records import Collection, ImageRow
from breastcad.core.seeding import generator
from breastcad.phantom.dicom_files import file_bytes, mammogram_dataset
from breastcad.phantom.mammogram import mammogram
from breastcad.read import own_dicom
from breastcad.read.dicom import NotAPicture, read_dicom
from breastcad.read.maps import SetMap
from breastcad.read.sets import read_set

Film = Callable[..., Path]


@pytest.fixture(scope="module")
def collection(made_up: Callable[[str, int], Path]) -> Collection:
    return read_set("auto", made_up("dicom-folder", 3))


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """Return a function that writes a small film, its tags changed, and gives its path."""

    def put(name: str, **tags: object) -> Path:
        made = mammogram(generator(1, "film"), 60, 48, laterality="L", view="CC")
        dataset = mammogram_dataset(made, generator(1, name), patient_id="DOE-4711", study_uid="2.25.77", spacing_mm=(0.1, 0.2))
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)
        path = tmp_path / "films" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file_bytes(dataset))
        return path

    return put


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def _by_name(collection: Collection) -> dict[str, ImageRow]:
    return {str(row.path).partition("/")[2]: row for row in collection.images if str(row.path).startswith("exam-1/")}


# ---- the made-up folder ----


def test_kinds_of_image_are_told_apart(collection: Collection) -> None:
    types = Counter(row.image_type for row in collection.images if row.present)
    assert types == {"presentation": 12, "processing": 1, "synthetic-2d": 1, "tomosynthesis": 3, "secondary-capture": 1}
    counts = collection.facts["counts"]
    assert [counts[name] for name in ("files", "dicom_files", "other_files", "without_a_picture")] == [23, 20, 3, 1]
    assert (counts["type_tomosynthesis"], counts["listed"], counts["read"]) == (3, 19, 18)


@pytest.mark.quirk("DCM-Q1", "DCM-Q9")
def test_what_is_damaged_or_there_twice_is_said_and_stops_nothing(collection: Collection) -> None:
    for sentence in (
        "files that cannot be read: 1 (#14: (7FE0,0010) 'Pixel Data' declares 448000 bytes, the file holds 447000 more: it is truncated)",
        "files of an SOP instance that was read before, left out: 1 (#15: the same bytes)",
        "pictures of other modalities, left out: 1 (#8: MR)",
    ):
        assert sentence in _problems(collection)
    assert [(row.image_id, row.path) for row in collection.images if not row.present] == [("unreadable-14", "exam-1/truncated")]


@pytest.mark.quirk("DCM-Q3")
def test_both_intents_of_a_view_are_said(collection: Collection) -> None:
    assert "views that are there FOR PRESENTATION and FOR PROCESSING, of which one is enough: 1" in _problems(collection)


@pytest.mark.quirk("DCM-Q5", "DCM-Q8", "DCM-Q11")
def test_side_and_view_in_words_missing_and_without_preamble(collection: Collection) -> None:
    rows = _by_name(collection)
    assert [(rows[f"IM{number:04d}"].laterality, rows[f"IM{number:04d}"].view) for number in range(1, 5)] == [
        ("L", "CC"),
        ("L", "MLO"),
        (None, None),
        ("R", "MLO"),
    ]
    assert "mammograms without a side or a view: 1" in _problems(collection)


@pytest.mark.quirk("DCM-Q10")
def test_slices_are_frames_and_can_be_opened(collection: Collection) -> None:
    slices = [row for row in collection.images if row.image_type == "tomosynthesis"]
    assert [row.frame for row in slices] == ["0", "1", "2"]
    assert len({row.image_id for row in collection.images}) == len(collection.images)
    assert read_dicom(Path(collection.root) / str(slices[2].path), int(str(slices[2].frame))).pixels.shape == (560, 400)


def test_labels_come_from_the_table_by_patient_and_side(collection: Collection) -> None:
    rows = _by_name(collection)
    assert {name: row.label for name, row in rows.items() if name.startswith("IM")} == {
        **{"IM0001": "malignant", "IM0002": "malignant", "IM0003": "unknown", "IM0004": "normal"}
    }
    assert "rows of the table of labels that no image belongs to: 2 (row 3, row 4)" in _problems(collection)
    assert all("PatientName" not in row.extra for row in collection.images)


def test_files_of_no_patient_are_grouped_by_study(collection: Collection) -> None:
    second = [row for row in collection.images if str(row.path).startswith("exam-2/")]
    assert len({row.patient_id for row in second}) == 1
    assert None not in {row.patient_id for row in second}
    assert "images without a patient's id: those of one study are one patient's: 4" in _problems(collection)


def test_views_of_cbis_ddsm_with_four_ids_are_one_womans(film: Film, tmp_path: Path) -> None:
    for number, view in enumerate(("LEFT_CC", "LEFT_MLO")):
        film(view, PatientID=f"Mass-Test_P_00820_{view}", StudyInstanceUID=f"2.25.{number + 1}")
    collection = own_dicom.read(tmp_path / "films")
    assert len({(row.patient_id, row.exam_id) for row in collection.images}) == 1
    assert "without a patient's id" not in _problems(collection)


def test_no_identifier_is_written_anywhere(collection: Collection, tmp_path: Path) -> None:
    write_collection(tmp_path / "out", collection)
    text = "".join(path.read_text() for path in (tmp_path / "out").iterdir()).replace(collection.root, "")
    identifiers = set()
    for path in Path(collection.root).rglob("IM*"):
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        identifiers |= {
            str(dataset.get(name, "")) for name in ("PatientID", "PatientName", "StudyInstanceUID", "SOPInstanceUID", "SeriesInstanceUID")
        }
    identifiers -= {""}
    assert len(identifiers) > 20
    assert [one for one in identifiers if one in text] == []


# ---- pseudonyms ----


def test_a_pseudonym_is_the_same_in_every_folder_and_another_under_another_salt(film: Film, tmp_path: Path) -> None:
    """A woman who is in two folders is one woman: splits and audits see it."""
    film("a.dcm")
    first = own_dicom.read(tmp_path / "films")
    shutil.copytree(tmp_path / "films", tmp_path / "b" / "moved")
    moved = own_dicom.read(tmp_path / "b")
    names = [(row.patient_id, row.exam_id, row.image_id) for row in (*first.images, *moved.images)]
    assert names[0] == names[1]
    said = SetMap()
    said.about = {"salt": "mine", "set": "clinic"}
    (row,) = own_dicom.read(tmp_path / "films", words=said).images
    assert not {row.patient_id, row.exam_id, row.image_id} & set(names[0])
    assert row.set == "clinic"
    assert own_dicom.read(tmp_path / "films", words=said).facts["pseudonyms"] == "salted"
    assert "mine" not in json.dumps(said.facts())


def test_a_path_that_holds_an_identifier_is_counted_and_not_named(film: Film, tmp_path: Path) -> None:
    film("doe-4711_LCC")
    collection = own_dicom.read(tmp_path / "films")
    assert "files whose path holds an identifier (patient id, UID or day of the exam): 1; images.csv is not for passing on" in _problems(
        collection
    )
    assert "4711" not in json.dumps(collection.facts).lower()


def test_what_identifies_is_hidden_in_sentences_and_in_the_maker(film: Film, tmp_path: Path) -> None:
    modifier = pydicom.Dataset()
    modifier.CodeMeaning = "for Hannelore Zwetschke DOE-4711"
    code = pydicom.Dataset()
    code.ViewModifierCodeSequence = [modifier]
    film("a.dcm", PatientName="Zwetschke^Hannelore", Manufacturer="Zwetschke Works", ViewCodeSequence=[code])
    film("b.dcm", PatientName="Zwetschke^Hannelore", PhotometricInterpretation="ZWETSCHKE")
    collection = own_dicom.read(tmp_path / "films")
    write_collection(tmp_path / "out", collection)
    text = "".join(path.read_text() for path in (tmp_path / "out").iterdir()).lower()
    assert [word for word in ("zwetschke", "hannelore", "doe-4711") if word in text] == []
    assert "a special view: for # # #" in _problems(collection)
    assert collection.images[0].manufacturer == "# Works"


def test_a_broken_file_is_told_by_its_number_and_not_by_its_name(film: Film, tmp_path: Path) -> None:
    path = film("DOE^JANE.dcm")
    path.write_bytes(path.read_bytes()[:-100])
    (path.parent / "empty DOE").touch()
    (path.parent / "link DOE").symlink_to(Path(__file__))
    shutil.copy(film("z.dcm"), bytes(path.parent) + b"/zz\xff.dcm")
    collection = own_dicom.read(tmp_path / "films")
    write_collection(tmp_path / "out", collection)
    assert "DOE" not in _problems(collection)
    assert "files whose names are no text, left out; rename them: 1 (#5)" in _problems(collection)
    assert "files that cannot be read: 1 (#1: (7FE0,0010)" in _problems(collection)
    assert "files that cannot be looked at, left out: 2 (#2: is empty (0 bytes), #3: lies outside" in _problems(collection)


# ---- what the tags say ----


def test_ages_days_and_maker_are_the_files_and_no_date_is_kept(film: Film, tmp_path: Path) -> None:
    film("a", AcquisitionDate="20200110", PatientAge="044Y", Manufacturer="Maker")
    film("b", AcquisitionDate="20200131", StudyInstanceUID="2.25.78")
    film("c", AcquisitionDate="20200230")
    collection = own_dicom.read(tmp_path / "films")
    first, second, third = collection.images
    assert (first.date, first.days_from_first, first.age, first.manufacturer) == (None, 0, 44, "Maker")
    assert (second.date, second.days_from_first) == (None, 21)
    assert (third.date, third.days_from_first) == (None, None)
    write_collection(tmp_path / "out", collection)
    text = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert [day for day in ("2020-01", "202001", "202002") if day in text] == []
    assert first.patient_id == second.patient_id
    assert first.exam_id != second.exam_id
    assert (first.spacing_row_mm, first.spacing_col_mm, first.rows, first.cols) == (0.1, 0.2, 60, 48)


def test_without_a_study_two_days_of_a_woman_are_two_exams(film: Film, tmp_path: Path) -> None:
    for name, day in (("a", "20200110"), ("b", "20200110"), ("c", "20210110")):
        film(name, AcquisitionDate=day, StudyInstanceUID="")
    first, same, later = own_dicom.read(tmp_path / "films").images
    assert first.exam_id == same.exam_id
    assert later.exam_id not in (None, first.exam_id)


def test_a_path_that_holds_the_day_of_the_exam_is_counted(film: Film, tmp_path: Path) -> None:
    for name in ("2020-01-10/a", "20200110_b", "c"):
        film(name, AcquisitionDate="20200110")
    assert "files whose path holds an identifier (patient id, UID or day of the exam): 2;" in _problems(own_dicom.read(tmp_path / "films"))


def test_one_instance_with_other_pixels_is_told_apart_from_a_copy(film: Film, tmp_path: Path) -> None:
    film("a", SOPInstanceUID="2.25.1")
    film("b", SOPInstanceUID="2.25.1", BreastImplantPresent="YES")
    collection = own_dicom.read(tmp_path / "films")
    assert len(collection.images) == 1
    assert "left out: 1 (#2: other bytes)" in _problems(collection)


def test_files_of_too_many_frames_and_unknown_modalities_are_left_out(film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_dicom, "MAX_FRAMES", 1)
    path = film("a")
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames, dataset.PixelData = 2, dataset.PixelData * 2
    path.write_bytes(file_bytes(dataset))
    film("b", Modality="DOEJANE")
    film("c", Modality="DX")
    collection = own_dicom.read(tmp_path / "films", words=_every(modality="MG"))
    assert [(row.modality, row.extra) for row in collection.images] == [("MG", {"modality": "DX"})]
    assert "files of more than 1 frames, left out: 1 (#1)" in _problems(collection)
    assert "pictures of other modalities, left out: 1 (#2: another)" in _problems(collection)


def _every(**values: str) -> SetMap:
    said = SetMap()
    said.every = values
    return said


def test_a_report_is_not_a_damaged_picture(made_up: Callable[[str, int], Path]) -> None:
    with pytest.raises(NotAPicture, match="the file holds no picture"):
        read_dicom(made_up("dicom-folder", 3) / "exam-1" / "report")


# ---- tables of labels ----


@pytest.mark.parametrize(
    ("table", "labels"),
    [
        ("SOPInstanceUID,label\n2.25.2,benign\n", ["unknown", "benign"]),
        ("path,label\na,benign\nb.dcm,malignant\n", ["benign", "malignant"]),
        ("file,label\nb,malignant\n", ["unknown", "malignant"]),
        ("StudyInstanceUID,label\n2.25.77,benign\n", ["benign", "benign"]),
        ("PatientID,side,view,label\nDOE-4711,left,MLO,malignant\nDOE-4711,L,,benign\n", ["benign", "malignant"]),
        ("PatientID,view,label\nDOE-4711,MLO,malignant\nDOE-4711,,benign\n", ["benign", "malignant"]),
        ("PatientID,label\nDOE-4711,benign\nDOE-4711,malignant\nDOE-4711,normal\n", ["malignant", "malignant"]),
    ],
)
def test_a_table_says_of_an_image_an_exam_or_a_patient(film: Film, tmp_path: Path, table: str, labels: list[str]) -> None:
    film("a", SOPInstanceUID="2.25.1")
    film("b.dcm", SOPInstanceUID="2.25.2", ViewCodeSequence=[], ViewPosition="MLO")
    (tmp_path / "films" / "labels.csv").write_text(table)
    collection = own_dicom.read(tmp_path / "films")
    assert [row.label for row in collection.images] == labels
    assert ("say of the same again, of which the worst label counts: 2 (row 2, row 3)" in _problems(collection)) == (
        table.count("DOE") == 3
    )


def test_a_table_of_other_names_elsewhere_is_read_through_a_map(film: Film, tmp_path: Path) -> None:
    film("a")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "list.csv").write_text("Nr;Befund;Kategorie;Dichte;Name\nDOE-4711;gut;4a;Z;DOE\n")
    said = SetMap({"gut": "benign"})
    said.images = {"patient_id": "Nr", "label": "Befund", "birads": "Kategorie", "density": "Dichte"}
    collection = own_dicom.read(tmp_path / "films", tables=tmp_path / "tables", words=said)
    (row,) = collection.images
    assert (row.label, row.birads, row.density, row.extra) == ("benign", "4a", None, {})
    assert "cells of 'Dichte' that cannot be understood as density, kept under x_: 1 (list.csv, row 1)" in _problems(collection)
    said.images["manufacturer"] = "Name"
    with pytest.raises(InputError, match=r"list.csv: 'manufacturer' cannot be taken from a table here"):
        own_dicom.read(tmp_path / "films", tables=tmp_path / "tables", words=said)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("label\nbenign\n", "labels.csv: no column says what a row is of; call it 'SOPInstanceUID'"),
        ("PatientID,label\nDOE-4711,B3\n", r"words of 'label' that are not known here: 'B3' \(row 1\)"),
        ("PatientID\n", "labels.csv: has no rows"),
    ],
)
def test_a_table_that_cannot_be_used_stops_the_import(film: Film, tmp_path: Path, table: str, message: str) -> None:
    film("a")
    (tmp_path / "films" / "labels.csv").write_text(table)
    with pytest.raises(InputError, match=message):
        own_dicom.read(tmp_path / "films")


def test_a_folder_without_dicom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_text("text")
    (tmp_path / "b.dcm").touch()
    with pytest.raises(InputError, match="does not hold DICOM files"):
        own_dicom.find(tmp_path)
    with pytest.raises(InputError, match="does not hold DICOM files"):
        own_dicom.find(tmp_path / "a.dcm")

"""What the phantom writes, the readers read: same pictures, labels, boxes, counts. The two know nothing of each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from breastcad.core.records import Collection
from breastcad.core.seeding import generator
from breastcad.phantom.dicom_files import file_bytes, mammogram_dataset, ultrasound_dataset
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.sets import WRITERS, write_set
from breastcad.read.dicom import count_frames, read_dicom
from breastcad.read.sets import read_set

MadeSets = dict[str, tuple[Path, list[WrittenPicture]]]


def check_round_trip(name: str, folder: Path, pictures: list[WrittenPicture]) -> Collection:
    """Read a set and hold every picture's size, label and boxes against what was written."""
    collection = read_set("auto", folder)
    assert collection.facts["set"] == ("cbis-ddsm" if name.startswith("cbis-ddsm") else name)
    images = {
        (Path(collection.root) / row.path).relative_to(folder).as_posix(): row for row in collection.images if row.path and row.present
    }
    assert set(images) == {picture.path for picture in pictures}
    for picture in pictures:
        row = images[picture.path]
        assert (row.rows, row.cols, row.label) == (picture.rows, picture.cols, picture.label)
        findings = [finding for finding in collection.findings if finding.image_id == row.image_id and finding.geometry != "none"]
        boxes = sorted((finding.row0, finding.col0, finding.row1, finding.col1) for finding in findings)
        assert np.allclose(boxes, sorted(picture.boxes), atol=0.02), "two decimals are what the COCO file keeps"
    return collection


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("mini-mias", {"listed": 8, "read": 6, "missing": 2, "findings_with_place": 4, "patients_read": 3, "table_rows": 10}),
        ("busi", {"read": 6, "masks": 8, "images_with_several_masks": 1, "read_normal": 1, "read_malignant": 2}),
        ("bus-bra", {"read": 6, "masks": 6, "boxes_that_agree": 5}),
        ("breast-lesions-usg", {"listed": 7, "read": 6, "findings_of_a_tumour": 6, "other_findings": 2, "findings_with_place": 6}),
        ("udiat", {"listed": 7, "read": 6, "read_malignant": 2, "findings_with_place": 6}),
        ("rodrigues", {"read": 6, "read_malignant": 3, "findings_with_place": 0}),
        ("busis", {"read": 6, "read_malignant": 3, "findings_with_place": 6}),
        ("stu", {"read": 6, "read_unknown": 6, "findings_with_place": 6}),
        ("breastmnist", {"read": 6, "read_malignant": 3, "read_unknown": 3, "read_train": 3, "read_validation": 1, "read_test": 2}),
        ("oasbud", {"read": 6, "lesions": 3, "read_malignant": 4, "findings_with_place": 6, "patients": 3}),
        ("bcdr", {"listed": 8, "read": 7, "findings_with_place": 6, "read_normal": 2, "read_unknown": 1, "images_of_d02": 6}),
        ("optimam", {"listed": 8, "read": 7, "findings_with_place": 4, "read_malignant": 2, "women_b": 1}),
        ("ddsm", {"listed": 8, "read": 6, "findings_with_place": 4, "cases": 2}),
        ("ddsm-tissue", {"read": 6, "regions": 20}),
        ("cdd-cesm", {"listed": 7, "read": 6, "outlines_polygon": 2, "outlines_ellipse": 2}),
        ("inbreast", {"read": 8, "read_malignant": 2, "outlines_mass": 3, "findings_with_place": 9}),
        ("vindr-mammo", {"read": 8, "exams": 2, "findings_with_place": 5, "images_with_boxes": 4}),
        ("rsna", {"read": 8, "malignant_breasts": 1, "read_unknown": 2}),
        ("cmmd", {"read": 8, "patients": 2, "table_rows": 3, "read_unknown": 2}),
        ("csv", {"listed": 8, "read": 6, "read_normal": 2, "findings": 4, "findings_with_place": 4, "patients_read": 3}),
        ("coco", {"listed": 8, "read": 6, "read_unknown": 2, "findings": 4, "findings_with_place": 4, "patients_read": 3}),
        ("cbis-ddsm", {"read": 6, "films_with_several_masses": 2, "uncertain_boxes": 4, "masses_with_boxes": 8}),
    ],
)
def test_a_made_up_set_is_read_back_with_its_quirks(name: str, counts: dict[str, int], made_sets: MadeSets) -> None:
    read = check_round_trip(name, *made_sets[name]).facts["counts"]
    assert {key: read[key] for key in counts} == counts


@pytest.mark.parametrize("name", [name for name in WRITERS if not name.startswith("dicom")])
def test_a_tidy_set_is_read_back_with_nothing_missing(name: str, tmp_path: Path) -> None:
    n = 1 if "of four" in WRITERS[name].counted else 2 if "of two" in WRITERS[name].counted else 4
    pictures = write_set(name, tmp_path, n=n, seed=3, quirks=False)
    counts = check_round_trip(name, tmp_path, pictures).facts["counts"]
    assert counts["read"] == 4
    assert counts["findings_with_place"] == sum(len(picture.boxes) for picture in pictures)


def test_a_benign_mass_beside_a_malignant_calcification_makes_a_malignant_film(made_sets: MadeSets) -> None:
    collection = read_set("cbis-ddsm", made_sets["cbis-ddsm"][0])
    labels = {row.label for row in collection.images if row.patient_id == "P_00003" and row.present}
    masses = {row.pathology for row in collection.findings if "P_00003" in row.image_id and row.kind == "mass"}
    assert (labels, masses) == ({"malignant"}, {"benign"})


# ---- DICOM ----


def test_an_exam_is_read_back_as_four_views_of_one_study(made_sets: MadeSets) -> None:
    folder, written = made_sets["dicom"]
    pictures = {picture.path: read_dicom(folder / picture.path) for picture in written}
    views = {path.removeprefix("exam-1/").removesuffix(".dcm"): picture for path, picture in pictures.items()}
    assert {name: (picture.laterality, picture.view) for name, picture in views.items()} == {
        "LCC": ("L", "CC"),
        "LMLO": ("L", "MLO"),
        "RCC": ("R", "CC"),
        "RMLO": ("R", "MLO"),
    }
    assert len({picture.exam_key for picture in views.values()}) == 1
    assert len({picture.patient_key for picture in views.values()}) == 1
    assert {(picture.modality, picture.image_type, picture.spacing_mm) for picture in views.values()} == {
        ("MG", "presentation", (0.15, 0.15))
    }
    assert {name for name, picture in views.items() if picture.bit_depth == 12} == {"LMLO"}
    assert sorted(picture.label for picture in written) == ["malignant", "malignant", "normal", "normal"]


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("bits", [9, 12, 16])
def test_the_window_gives_the_made_up_pixels_back(bits: int, inverted: bool, tmp_path: Path) -> None:
    """Rounding to stored values costs half of one of the 0.8 * (2**bits - 1) levels that the window shows."""
    made = mammogram(generator(1, "window"), 90, 64, laterality="R", view="CC")
    draw = generator(1, "ids")
    settings = {"patient_id": "P", "study_uid": "2.25.1", "spacing_mm": (0.1, 0.2), "bits": bits, "inverted": inverted}
    (tmp_path / "a.dcm").write_bytes(file_bytes(mammogram_dataset(made, draw, **settings)))  # type: ignore[arg-type]
    picture = read_dicom(tmp_path / "a.dcm")
    step = 1 / round(0.8 * (2**bits - 1))
    assert np.abs(picture.pixels - made.pixels).max() <= 0.51 * step
    assert picture.spacing_mm == (0.1, 0.2)


def test_an_object_says_that_it_is_a_mammogram_for_presentation_of_nobody() -> None:
    made = mammogram(generator(1, "object"), 90, 64, laterality="L", view="MLO")
    dataset = mammogram_dataset(made, generator(1, "ids"), patient_id="PHANTOM-1", study_uid="2.25.1", spacing_mm=(0.1, 0.2))
    assert dataset.SOPClassUID.name == "Digital Mammography X-Ray Image Storage - For Presentation"
    assert (str(dataset.PatientName), dataset.BitsStored, dataset.PhotometricInterpretation) == ("PHANTOM", 16, "MONOCHROME2")
    assert (dataset.ViewCodeSequence[0].CodeValue, dataset.ImageLaterality, list(dataset.PatientOrientation)) == (
        "399368009",
        "L",
        ["A", "FR"],
    )
    assert all(len(str(dataset[name].value)) <= 64 for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"))


def test_an_ultrasound_file_declares_its_region_and_spacing(made_sets: MadeSets) -> None:
    folder, written = made_sets["dicom-us"]
    pictures = [read_dicom(folder / picture.path) for picture in written]
    assert {(picture.modality, picture.pixels.shape, picture.spacing_mm) for picture in pictures} == {("US", (600, 800), (0.08, 0.06))}
    assert [count_frames(folder / picture.path) for picture in written] == [1, 1, 3]
    assert [picture.label for picture in written] == ["malignant", "benign", "normal"]
    row0, col0, row1, col1 = written[0].boxes[0]
    assert 60 <= row0 < row1 <= 540
    assert 90 <= col0 < col1 <= 690
    assert all(picture.regions == [(60, 90, 540, 690)] for picture in pictures)


@pytest.mark.parametrize("bits", [8, 17])
def test_bits_that_a_mammogram_cannot_have_are_refused(bits: int) -> None:
    made = mammogram(generator(1, "bits"), 60, 60)
    with pytest.raises(ValueError, match=f"bits must be from 9 to 16, got {bits}"):
        mammogram_dataset(made, generator(1), patient_id="P", study_uid="2.25.1", spacing_mm=(0.1, 0.1), bits=bits)


def test_frames_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(N, H, W, 3\), got \(1, 6, 8\)"):
        ultrasound_dataset(
            np.zeros((1, 6, 8), np.uint8), generator(1), patient_id="P", study_uid="2.25.1", scan=(0, 0, 6, 8), spacing_mm=(0.1, 0.1)
        )

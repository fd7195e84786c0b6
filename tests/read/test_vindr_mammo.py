"""VinDr-Mammo: every numbered quirk that a file can show, on a made-up copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError
from breastcad.core.records import Collection
from breastcad.read import vindr_mammo
from breastcad.read.dicom import read_dicom

FINDINGS = "finding_annotations.csv"


@pytest.fixture(scope="module")
def collection(made_up: Callable[[str, int], Path]) -> Collection:
    return vindr_mammo.read(made_up("vindr-mammo", 2))


@pytest.fixture
def copy(made_up: Callable[[str, int], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_up("vindr-mammo", 2), tmp_path / "set"))


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def test_labels_are_the_breasts_birads_and_it_is_said(collection: Collection) -> None:
    assert {(row.birads, row.label) for row in collection.images} == {("1", "normal"), ("2", "benign"), ("5", "malignant")}
    assert {row.part for row in collection.images} == {"train"}
    assert all(row.density in "ABCD" for row in collection.images if row.density)
    assert "labels are BI-RADS categories" in _problems(collection)


@pytest.mark.quirk("VDR-Q1")
def test_vdr_q1_rows_without_a_finding_make_none(collection: Collection) -> None:
    assert {row.image_id for row in collection.findings} <= {row.image_id for row in collection.images if row.label != "normal"}
    assert collection.facts["counts"]["images_with_boxes"] == 4


@pytest.mark.quirk("VDR-Q2", "VDR-Q3")
def test_vdr_q2_q3_boxes_are_clipped_and_a_finding_without_a_category_is_unknown(collection: Collection) -> None:
    odd = [row for row in collection.findings if row.kind == "other"]
    assert [(row.row0, row.col0, row.row1, row.col1, row.pathology, row.birads) for row in odd] == [(10, 0, 60, 40, "unknown", None)]
    assert odd[0].extra["categories"] == "Skin Thickening; Nipple Retraction"
    assert "boxes that left their image, clipped: 1" in _problems(collection)
    assert "findings without a BI-RADS category of their own, pathology unknown: 1" in _problems(collection)


@pytest.mark.quirk("VDR-Q4")
def test_vdr_q4_a_suspicious_breast_without_a_finding_in_a_view_is_said(copy: Path) -> None:
    text = (copy / FINDINGS).read_text().splitlines()
    kept = [line for line in text if not ("BI-RADS 5," in line and ",MLO," in line)]
    (copy / FINDINGS).write_text("\n".join(kept))
    assert "images of a breast of BI-RADS 3 or more without a finding in that view: 1" in _problems(vindr_mammo.read(copy))


@pytest.mark.quirk("VDR-Q5")
def test_vdr_q5_an_exam_of_two_l_cc_is_said(collection: Collection) -> None:
    exam = next(row.exam_id for row in collection.images if row.label == "benign")
    assert f"exams that are not of the four views: 1 ({exam})" in _problems(collection)
    assert [(row.laterality, row.view) for row in collection.images if row.exam_id == exam][:2] == [("L", "CC"), ("L", "CC")]


@pytest.mark.quirk("VDR-Q6", "VDR-Q7")
def test_vdr_q6_q7_paths_have_no_series_and_the_suffix_dicom(collection: Collection) -> None:
    for row in collection.images:
        assert row.path == f"images/{row.exam_id}/{row.image_id}.dicom"


def test_monochrome1_in_jpeg_2000_reads_bright_on_dark(collection: Collection) -> None:
    row = collection.images[0]
    pixels = read_dicom(Path(collection.root) / str(row.path)).pixels
    assert np.median(pixels) < 0.2


@pytest.mark.quirk("VDR-Q8")
def test_vdr_q8_the_tables_side_and_view_count(copy: Path) -> None:
    for name in ("breast-level_annotations.csv", FINDINGS):
        text = (copy / name).read_text()
        (copy / name).write_text(text.replace(",R,MLO,", ",L,MLO,"))
    collection = vindr_mammo.read(copy)
    assert "files whose laterality contradicts the table, which counts: 2" in _problems(collection)
    assert {row.laterality for row in collection.images if row.view == "MLO"} == {"L"}


@pytest.mark.quirk("VDR-Q9")
def test_vdr_q9_the_exam_stands_for_the_patient(collection: Collection) -> None:
    assert all(row.patient_id == row.exam_id for row in collection.images)
    assert "the exam stands for one" in _problems(collection)


@pytest.mark.quirk("VDR-Q10")
def test_vdr_q10_whole_coordinates_may_have_a_point(copy: Path) -> None:
    before = [(row.row0, row.col1) for row in vindr_mammo.read(copy).findings]
    (copy / FINDINGS).write_text((copy / FINDINGS).read_text().replace(",10.0,40.0,60.0", ",10,40,60"))
    assert [(row.row0, row.col1) for row in vindr_mammo.read(copy).findings] == before


def test_png_copies_missing_images_and_other_sizes(copy: Path) -> None:
    folder = next(path for path in sorted((copy / "images").iterdir()))
    first, second, third, _ = sorted(folder.iterdir())
    first.unlink()
    second.unlink()
    Image.new("L", (40, 30)).save(second.with_suffix(".png"))
    third.write_bytes(third.read_bytes()[:4000])
    collection = vindr_mammo.read(copy)
    assert collection.facts["counts"]["read"] == 6
    assert "images of another size than the table says: their boxes may not fit: 1" in _problems(collection)
    assert "images that are there but cannot be read: 1" in _problems(collection)
    assert all(row.rows for row in collection.images)


@pytest.mark.parametrize("cell", ["['Lump']", "Mass", "[]", "__import__('os')", "['Mass'", "[[1]]"])
def test_a_cell_that_is_no_list_of_findings_is_refused(copy: Path, cell: str) -> None:
    (copy / FINDINGS).write_text((copy / FINDINGS).read_text().replace("['Mass']", cell))
    with pytest.raises(InputError, match="finding_categories is no list of this set's findings"):
        vindr_mammo.read(copy)


def test_without_the_breast_level_table_images_are_those_of_the_other(copy: Path) -> None:
    (copy / "breast-level_annotations.csv").unlink()
    collection = vindr_mammo.read(copy)
    assert len(collection.images) == 8
    assert "there is no breast-level_annotations.csv" in _problems(collection)

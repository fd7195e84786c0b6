"""CMMD: every numbered quirk on a made-up copy, and the counts of the real table."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from breastcad.core.errors import InputError
from breastcad.core.records import Collection
from breastcad.read import cmmd

TABLE = "CMMD_clinicaldata_revision.xlsx"


@pytest.fixture(scope="module")
def collection(made_up: Callable[[str, int], Path]) -> Collection:
    return cmmd.read(made_up("cmmd", 4))


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


@pytest.mark.quirk("CMMD-Q1")
def test_cmmd_q1_a_breast_without_a_row_is_unknown_and_not_normal(collection: Collection) -> None:
    labels = {(row.patient_id, row.laterality): row.label for row in collection.images}
    assert labels == {
        **{("D1-0001", "L"): "benign", ("D1-0001", "R"): "unknown", ("D1-0002", "L"): "benign", ("D1-0002", "R"): "malignant"},
        **{("D1-0003", "L"): "unknown", ("D1-0003", "R"): "malignant", ("D2-0004", "L"): "malignant"},
    }
    assert "breasts without a row of the table, label unknown and not normal: 2 (D1-0001 R, D1-0003 L)" in _problems(collection)


@pytest.mark.quirk("CMMD-Q2")
def test_cmmd_q2_women_with_two_rows_are_labelled_by_breast(collection: Collection) -> None:
    assert "women with a benign and a malignant breast: 1 (D1-0002)" in _problems(collection)
    both = [row for row in collection.findings if row.image_id == "D1-0002_1"]
    assert [(row.kind, row.lesion_id) for row in both] == [("mass", "D1-0002 R mass"), ("calcification", "D1-0002 R calcification")]


@pytest.mark.quirk("CMMD-Q3")
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_cmmd_q3_a_csv_export_is_read_as_the_workbook_is(
    made_up: Callable[[str, int], Path], collection: Collection, tmp_path: Path, delimiter: str
) -> None:
    rows = openpyxl.load_workbook(made_up("cmmd", 4) / TABLE).active.iter_rows(values_only=True)
    lines = [delimiter.join("" if cell is None else str(cell) for cell in row) for row in rows]
    (tmp_path / "CMMD_clinicaldata_revision.csv").write_text("\n".join(lines))
    again = cmmd.read(made_up("cmmd", 4) / "CMMD", tables=tmp_path)
    assert [(row.label, row.age, row.extra) for row in again.images] == [(row.label, row.age, row.extra) for row in collection.images]


@pytest.mark.quirk("CMMD-Q4", "CMMD-Q5")
def test_cmmd_q4_q5_the_subtype_and_the_group_are_kept_and_the_shortcut_is_said(collection: Collection) -> None:
    assert {row.patient_id: (row.extra["group"], row.extra.get("subtype")) for row in collection.images if row.label == "malignant"} == {
        "D1-0002": ("D1", None),
        "D1-0003": ("D1", None),
        "D2-0004": ("D2", "Luminal A"),
    }
    assert "x_group tells the label" in _problems(collection)


@pytest.mark.quirk("CMMD-Q6")
def test_cmmd_q6_films_of_another_depth_are_said(collection: Collection) -> None:
    assert {row.patient_id for row in collection.images if row.bit_depth == 16} == {"D1-0003"}
    assert "films of another depth than 8 bits: 4 (D1-0003_1" in _problems(collection)


@pytest.mark.quirk("CMMD-Q7")
def test_cmmd_q7_side_and_view_come_from_the_file_and_not_from_its_number(collection: Collection) -> None:
    views = [(row.laterality, row.view) for row in collection.images if row.patient_id == "D1-0002"]
    assert views == [("R", "MLO"), ("R", "CC"), ("L", "MLO"), ("L", "CC")]


def test_a_breast_whose_films_are_missing_has_rows_that_are_not_present(made_up: Callable[[str, int], Path], tmp_path: Path) -> None:
    shutil.copytree(made_up("cmmd", 4), tmp_path / "set")
    for path in sorted((tmp_path / "set" / "CMMD" / "D1-0001").rglob("*.dcm"))[:2]:
        path.unlink()
    next((tmp_path / "set" / "CMMD" / "D1-0003").rglob("1-1.dcm")).write_bytes(b"no film")
    collection = cmmd.read(tmp_path / "set")
    assert [row.image_id for row in collection.images if not row.present] == ["D1-0001_L_CC", "D1-0001_L_MLO", "D1-0003_1"]
    assert "1-1.dcm: is no DICOM file" in _problems(collection)


def test_an_abnormality_of_another_name_is_kept_as_other_and_said(made_up: Callable[[str, int], Path], tmp_path: Path) -> None:
    header = "ID1,LeftRight,Age,number,abnormality,classification,subtype\n"
    (tmp_path / "CMMD_clinicaldata.csv").write_text(f"{header}D1-0001,L,44,2,lump,Benign,\nD1-0002,L,44,2,Both,Benign,\n")
    collection = cmmd.read(made_up("cmmd", 4) / "CMMD", tables=tmp_path)
    assert {row.kind for row in collection.findings if row.image_id.startswith("D1-0001")} == {"other"}
    assert "breasts whose abnormality is neither calcification, mass nor both, kept as 'other': 1 (D1-0001 L)" in _problems(collection)


def test_without_the_table_labels_are_unknown_and_an_unknown_word_is_refused(made_up: Callable[[str, int], Path], tmp_path: Path) -> None:
    shutil.copytree(made_up("cmmd", 4), tmp_path / "set")
    (tmp_path / "set" / TABLE).unlink()
    collection = cmmd.read(tmp_path / "set")
    assert {row.label for row in collection.images} == {"unknown"}
    assert "there is no clinical table: labels are unknown" in collection.facts["problems"]
    header = "ID1,LeftRight,Age,number,abnormality,classification,subtype\n"
    (tmp_path / "set" / "CMMD_clinicaldata.csv").write_text(f"{header}D1-0001,L,44,2,mass,Doubtful,\n")
    with pytest.raises(InputError, match="D1-0001 L: 'Doubtful' is no label"):
        cmmd.read(tmp_path / "set")


@pytest.mark.quirk("CMMD-Q2")
@pytest.mark.realdata
def test_the_real_table(real_data: Path) -> None:
    collection = cmmd.read(real_data / "tables")
    counts = collection.facts["counts"]
    assert [counts[key] for key in ("table_rows", "patients", "benign_breasts", "malignant_breasts")] == [1872, 1775, 556, 1316]
    assert counts["women_with_two_rows"] == 97
    assert "women with a benign and a malignant breast: 30" in _problems(collection)
    d2 = {row.patient_id: row.extra.get("subtype") for row in collection.images if row.extra["group"] == "D2"}
    assert len(d2) == 749

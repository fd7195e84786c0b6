"""RSNA 2022: every numbered quirk that a file can show, on a made-up copy."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from breastcad.core.errors import InputError
from breastcad.core.records import Collection
from breastcad.read import rsna
from breastcad.read.dicom import read_dicom


@pytest.fixture(scope="module")
def collection(made_up: Callable[[str, int], Path]) -> Collection:
    return rsna.read(made_up("rsna", 4))


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def test_labels_are_by_cancer_biopsy_and_birads_else_unknown(collection: Collection) -> None:
    labels = {(row.patient_id, row.laterality): row.label for row in collection.images}
    assert labels == {
        **{("10001", "L"): "malignant", ("10001", "R"): "normal", ("10002", "L"): "unknown", ("10002", "R"): "benign"},
        **{("10003", "L"): "normal", ("10003", "R"): "normal", ("10004", "L"): "malignant", ("10004", "R"): "unknown"},
    }
    assert (collection.facts["counts"]["breasts"], collection.facts["counts"]["malignant_breasts"]) == (8, 2)


def test_what_a_negative_breast_is_may_be_said(made_up: Callable[[str, int], Path]) -> None:
    collection = rsna.read(made_up("rsna", 4), words={"negative": "normal"})
    assert not [row for row in collection.images if row.label == "unknown"]


@pytest.mark.quirk("RSNA-Q1")
def test_rsna_q1_a_woman_may_have_more_than_four_images(made_up: Callable[[str, int], Path], tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_up("rsna", 4), tmp_path / "set"))
    with open(root / "train.csv", newline="") as stream:
        last = list(csv.DictReader(stream))[-1]
    place = root / "train_images" / last["patient_id"]
    shutil.copy(place / f"{last['image_id']}.dcm", place / "77.dcm")
    with open(root / "train.csv", "a", newline="") as stream:
        csv.DictWriter(stream, list(last)).writerow(last | {"image_id": "77", "view": "AT"})
    views = [(row.view, row.present) for row in rsna.read(root).images if row.patient_id == last["patient_id"]]
    assert views == [("CC", 1), ("MLO", 1), ("CC", 1), ("MLO", 1), ("AT", 1)]


@pytest.mark.quirk("RSNA-Q2")
def test_rsna_q2_implants_are_said_to_be_of_one_site(made_up: Callable[[str, int], Path], tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_up("rsna", 4), tmp_path / "set"))
    assert "implants" not in _problems(rsna.read(root))
    with open(root / "train.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        row["implant"] = "1" if row["patient_id"] == "10001" else row["implant"]
    with open(root / "train.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert "implants are noted at one site only, and by woman, not by breast" in _problems(rsna.read(root))


@pytest.mark.quirk("RSNA-Q3")
def test_rsna_q3_density_and_birads_of_site_2_are_empty(collection: Collection) -> None:
    assert {(row.extra["site"], row.density is None, row.birads is None) for row in collection.images} == {
        ("1", False, False),
        ("2", True, True),
    }


@pytest.mark.quirk("RSNA-Q4")
def test_rsna_q4_columns_that_tell_the_label_are_named(collection: Collection) -> None:
    for name in ("x_biopsy", "x_invasive", "x_difficult_negative_case", "birads"):
        assert f"{name} tells the label and may be no feature" in _problems(collection)


@pytest.mark.quirk("RSNA-Q5")
def test_rsna_q5_an_age_may_be_missing_or_have_a_point(made_up: Callable[[str, int], Path], collection: Collection, tmp_path: Path) -> None:
    assert [row.age for row in collection.images][:2] == [None, 41]
    root = Path(shutil.copytree(made_up("rsna", 4), tmp_path / "set"))
    (root / "train.csv").write_text((root / "train.csv").read_text().replace(",41,", ",41.0,"))
    assert [row.age for row in rsna.read(root).images] == [row.age for row in collection.images]


@pytest.mark.quirk("RSNA-Q7")
def test_rsna_q7_odd_files_are_read_and_the_tables_view_counts(collection: Collection) -> None:
    second = [row for row in collection.images if row.extra["site"] == "2"]
    assert all(row.present and row.spacing_row_mm is None and row.modality == "MG" for row in second)
    assert {row.view for row in collection.images} == {"CC", "MLO", "ML"}
    picture = read_dicom(Path(collection.root) / str(second[0].path))
    assert picture.pixels.max() <= 1
    assert picture.pixels.mean() < 0.5


@pytest.mark.quirk("RSNA-Q7")
def test_rsna_q7_an_age_in_months_is_understood(made_up: Callable[[str, int], Path], tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_up("rsna", 4), tmp_path / "set"))
    (root / "train.csv").write_text((root / "train.csv").read_text().replace(",42,", ",,"))
    assert {row.age for row in rsna.read(root).images if row.patient_id == "10002"} == {61.0}


def test_another_sets_train_csv_is_not_taken_for_this_one(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("id,label\n1,0\n")
    with pytest.raises(InputError, match="does not hold the RSNA 2022 set"):
        rsna.read(tmp_path)

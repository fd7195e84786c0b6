"""CBIS-DDSM: the four tables and the squeezed copy (layout D), quirk by quirk on a made-up copy, and the counts of the real set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection
from breastcad.read import cbis_ddsm
from breastcad.read.coco import read_coco

SIDE = 80
_FIRST = "left or right breast,image view,abnormality id,abnormality type"
_LAST = "assessment,pathology,subtlety"
MASS = f"patient_id,breast_density,{_FIRST},mass shape,mass margins,{_LAST}"
CALC = f"patient_id,breast density,{_FIRST},calc type,calc distribution,{_LAST}"
PATHS = ",image file path,cropped image file path,ROI mask file path"
# woman, density, side, view, number, type, shape or calc type, margin or distribution, assessment, pathology, subtlety
TABLES = {
    "mass_train": [
        "P_00001,3,LEFT,CC,1,mass,IRREGULAR-ARCHITECTURAL_DISTORTION,SPICULATED,4,MALIGNANT,4",
        "P_00001,3,LEFT,MLO,1,mass,IRREGULAR-ARCHITECTURAL_DISTORTION,SPICULATED,4,MALIGNANT,4",
        "P_00002,2,RIGHT,CC,1,mass,OVAL,CIRCUMSCRIBED,3,BENIGN,5",
        "P_00002,2,RIGHT,CC,2,mass,OVAL,CIRCUMSCRIBED,3,BENIGN,5",
        "P_00003,1,LEFT,CC,1,mass,OVAL,CIRCUMSCRIBED,4,BENIGN_WITHOUT_CALLBACK,0",
        "P_00003,1,LEFT,CC,2,mass,LOBULATED,CIRCUMSCRIBED,5,MALIGNANT,3",
        "P_00004,4,RIGHT,MLO,1,mass,N/A,NA,2,BENIGN_WITHOUT_CALLBACK,5",
    ],
    "mass_test": [
        "P_00005,2,LEFT,CC,1,mass,ROUND,OBSCURED,4,BENIGN,3",
        "P_00005,2,LEFT,MLO,1,mass,ROUND,OBSCURED,4,MALIGNANT,3",
    ],
    "calc_train": [
        "P_00004,4,RIGHT,MLO,1,calcification,PLEOMORPHIC,CLUSTERED,4,MALIGNANT,2",
        "P_00006,0,LEFT,CC,1,calcification,AMORPHOUS,N/A,0,BENIGN,1",
    ],
    "calc_test": ["P_00001,3,LEFT,CC,1,calcification,PUNCTATE,REGIONAL,3,BENIGN,3"],
}
FILMS = {  # boxes are x, y, width, height
    "00001_LEFT_CC": [[10, 20, 30.5, 12]],
    "00001_LEFT_MLO": [[1, 2, 3, 4]],
    "00002_RIGHT_CC": [[1, 2, 3, 4], [40, 50, 6, 7]],
    "00003_LEFT_CC": [[1, 2, 3, 4], [40, 50, 6, 7]],
    "00004_RIGHT_MLO": [[5, 5, 10, 10]],
}


def _row(kind: str, part: str, cells: str) -> str:
    """Complete a row with its paths; every row has a line break inside the quotes of one cell."""
    patient, _, side, view, number, *_ = cells.split(",")
    case = f"{kind.capitalize()}-{'Training' if part == 'train' else 'Test'}_{patient}_{side}_{view}"
    full, crop, mask = f"{case}/1.2.3/4.5/000000.dcm", f"{case}_{number}/1/2/000000.dcm", f"{case}_{number}/1/3/000001.dcm"
    if kind == "mass":
        return f'{cells},{full},{crop},"{mask}\n"'
    return f'{cells},{full},"{crop}\n",{mask}'


def _make_tables(folder: Path, tables: dict[str, list[str]] | None = None, end: str = "\r\n") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (TABLES if tables is None else tables).items():
        kind, part = name.split("_")
        lines = [(MASS if kind == "mass" else CALC) + PATHS, *(_row(kind, part, cells) for cells in rows)]
        (folder / f"{kind}_case_description_{part}_set.csv").write_bytes("".join(line + end for line in lines).encode())
    return folder


def _make_films(folder: Path, films: dict[str, Any] | None = None, part: str = "train") -> Path:
    films = FILMS if films is None else films
    place = folder / part
    place.mkdir(parents=True)
    images, boxes = [], []
    for number, (name, found) in enumerate(films.items()):
        Image.fromarray(np.full((SIDE, SIDE), 90, np.uint8)).save(place / f"{name}.jpg")
        images.append({"id": number, "file_name": f"{name}.jpg", "height": SIDE, "width": SIDE})
        boxes += [{"id": len(boxes), "image_id": number, "category_id": 0, "bbox": box, "segmentation": []} for box in found]
    content = {"categories": [{"id": 0, "name": "Mass"}], "images": images, "annotations": boxes}
    (place / "_annotations.coco.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _make_films(tmp_path_factory.mktemp("films") / "cbis")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _make_tables(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def read(films: Path, tables: Path) -> Collection:
    return cbis_ddsm.read(films, tables=tables)


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def _of(collection: Collection, image_id: str) -> list[Any]:
    return [row for row in collection.findings if row.image_id == image_id]


def test_every_listed_film_and_finding_has_a_row(read: Collection) -> None:
    counts = read.facts["counts"]
    assert (counts["listed"], counts["read"], counts["missing"], counts["findings"], counts["masses_with_boxes"]) == (10, 5, 5, 12, 7)
    assert len({row.image_id for row in read.images}) == 10
    assert len({row.finding_id for row in read.findings}) == 12


def test_film_has_its_womans_side_view_part_and_lost_aspect(read: Collection) -> None:
    row = next(row for row in read.images if row.image_id == "Mass-Training_P_00001_LEFT_CC")
    assert (row.patient_id, row.exam_id, row.laterality, row.view, row.part) == ("P_00001", "P_00001", "L", "CC", "train")
    assert (row.path, row.rows, row.cols, row.aspect, row.spacing_row_mm) == ("train/00001_LEFT_CC.jpg", SIDE, SIDE, "lost", None)
    assert (row.density, row.birads, row.extra["view_key"]) == ("C", "4", "P_00001_LEFT_CC")
    assert {row.aspect for row in read.images if not row.present} == {None}


def test_box_is_turned_into_rows_and_columns_and_joined_with_its_row(read: Collection) -> None:
    (row,) = _of(read, "Mass-Training_P_00001_LEFT_CC")
    assert (row.row0, row.col0, row.row1, row.col1, row.geometry) == (20, 10, 32, 40.5, "box")
    assert (row.finding_id, row.pathology, row.birads, row.subtlety) == ("Mass-Training_P_00001_LEFT_CC_1", "malignant", "4", "4")
    assert (row.shape, row.margin) == ("IRREGULAR-ARCHITECTURAL_DISTORTION", "SPICULATED")
    assert row.extra["roi_mask_file_path"] == "Mass-Training_P_00001_LEFT_CC_1/1/3/000001.dcm"


def test_boxes_whose_rows_agree_keep_what_they_share(read: Collection) -> None:
    found = _of(read, "Mass-Training_P_00002_RIGHT_CC")
    assert [(row.finding_id[-5:], row.pathology, row.shape, row.birads) for row in found] == [
        ("_box1", "benign", "OVAL", "3"),
        ("_box2", "benign", "OVAL", "3"),
    ]
    assert {row.extra["abnormality_id"] for row in found} == {""}


def test_boxes_whose_rows_differ_have_no_certain_row_and_it_is_said(read: Collection) -> None:
    found = _of(read, "Mass-Training_P_00003_LEFT_CC")
    expected = ("unknown", None, None, None, "CIRCUMSCRIBED")
    assert [(row.pathology, row.birads, row.subtlety, row.shape, row.margin) for row in found] == [expected] * 2
    assert "films with several masses whose boxes stand in no stated order: 2" in _problems(read)
    assert "their 2 boxes have no certain row (fields that differ are empty): 1 (Mass-Training_P_00003_LEFT_CC)" in _problems(read)


def test_label_is_the_worst_over_all_tables(read: Collection) -> None:
    labels = {row.image_id: row.label for row in read.images}
    assert labels["Mass-Training_P_00004_RIGHT_MLO"] == labels["Calc-Training_P_00004_RIGHT_MLO"] == "malignant"
    assert labels["Calc-Test_P_00001_LEFT_CC"] == "malignant"
    assert _of(read, "Mass-Training_P_00004_RIGHT_MLO")[0].pathology == "benign"
    assert read.facts["benign_by_mass_malignant_by_calcification"] == ["P_00004"]
    assert "women whose masses are benign but who have a malignant calcification (facts list them): 1 (P_00004)" in _problems(read)


def test_calcifications_of_the_films_are_findings_without_a_place(read: Collection) -> None:
    (row,) = _of(read, "Calc-Training_P_00004_RIGHT_MLO")
    assert (row.kind, row.geometry, row.morphology, row.distribution) == ("calcification", "none", "PLEOMORPHIC", "CLUSTERED")
    assert row.extra["view_key"] == "P_00004_RIGHT_MLO"


@pytest.mark.quirk("CBIS-Q1")
def test_cbis_q1_density_column_has_two_names(read: Collection) -> None:
    densities = {row.image_id: row.density for row in read.images}
    assert (densities["Mass-Training_P_00004_RIGHT_MLO"], densities["Calc-Training_P_00004_RIGHT_MLO"]) == ("D", "D")


def test_missing_descriptors_and_zeros_are_empty(read: Collection) -> None:
    (row,) = _of(read, "Mass-Training_P_00004_RIGHT_MLO")
    assert (row.shape, row.margin) == (None, None)
    image = next(row for row in read.images if row.image_id == "Calc-Training_P_00006_LEFT_CC")
    assert (image.density, image.birads) == (None, "0")


@pytest.mark.quirk("CBIS-Q2")
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cbis_q2_line_breaks_inside_cells_do_not_make_rows(tmp_path: Path, end: str) -> None:
    collection = cbis_ddsm.read(_make_tables(tmp_path, end=end))
    assert len(collection.findings) == 12
    assert not [cell for row in collection.findings for cell in row.extra.values() if "\n" in cell]


@pytest.mark.quirk("CBIS-Q6")
def test_cbis_q6_women_in_both_official_parts_are_said(read: Collection) -> None:
    assert "a split must go by woman: 1 (P_00001)" in _problems(read)


@pytest.mark.quirk("CBIS-Q7")
def test_cbis_q7_view_in_two_tables_is_two_images_with_one_view_key(read: Collection) -> None:
    assert read.facts["counts"]["distinct_views"] == 8
    rows = {row.image_id: row.present for row in read.images if row.extra["view_key"] == "P_00001_LEFT_CC"}
    assert rows == {"Mass-Training_P_00001_LEFT_CC": 1, "Calc-Test_P_00001_LEFT_CC": 0}


@pytest.mark.quirk("CBIS-Q8")
def test_cbis_q8_film_with_a_benign_and_a_malignant_mass_is_malignant(read: Collection) -> None:
    assert next(row.label for row in read.images if row.image_id == "Mass-Training_P_00003_LEFT_CC") == "malignant"


@pytest.mark.quirk("CBIS-Q14")
def test_cbis_q14_views_of_a_woman_are_one_patient(read: Collection) -> None:
    assert {row.patient_id for row in read.images if "P_00001" in row.image_id} == {"P_00001"}


def test_lesion_in_two_views_has_one_id_unless_the_pathologies_contradict(read: Collection) -> None:
    lesions = {row.finding_id: row.lesion_id for row in read.findings}
    assert lesions["Mass-Training_P_00001_LEFT_CC_1"] == lesions["Mass-Training_P_00001_LEFT_MLO_1"] == "Mass-Training_P_00001_LEFT_1"
    assert lesions["Mass-Test_P_00005_LEFT_CC_1"] is None
    assert lesions["Mass-Training_P_00003_LEFT_CC_box1"] is None


def test_tables_alone_list_everything_and_nothing_is_present(tables: Path) -> None:
    collection = cbis_ddsm.read(tables)
    counts = collection.facts["counts"]
    assert (counts["listed"], counts["read"], counts["findings"], counts["findings_with_place"]) == (10, 0, 12, 0)
    assert collection.facts["layout"] == "tables only"
    assert {row.path for row in collection.images} == {None}


def test_films_alone_have_boxes_and_no_label(films: Path) -> None:
    collection = cbis_ddsm.read(films)
    assert {row.label for row in collection.images} == {"unknown"}
    assert {row.image_id for row in collection.images} == {f"Mass-Training_P_{name}" for name in FILMS}
    assert (collection.facts["counts"]["masses_with_boxes"], collection.images[0].part) == (7, "train")
    assert "there is no table: labels are unknown; name their folder with --tables" in _problems(collection)


def test_missing_tables_are_said(films: Path, tmp_path: Path) -> None:
    collection = cbis_ddsm.read(films, tables=_make_tables(tmp_path, {"mass_train": TABLES["mass_train"]}))
    assert "tables that are missing, labels are of the others only: 3" in _problems(collection)
    assert next(row.label for row in collection.images if "P_00004" in row.image_id) == "benign"


def test_official_test_part_beside_the_training_part(tmp_path: Path) -> None:
    root = _make_films(_make_films(_make_tables(tmp_path)), {"00005_LEFT_CC": [[1, 1, 5, 5]], "00099_LEFT_CC": []}, "test")
    for given in (root, root / "test"):
        collection = cbis_ddsm.read(given, tables=root)
        rows = {row.image_id: row for row in collection.images if row.path and row.path.startswith("test/")}
        assert rows.keys() == {"Mass-Test_P_00005_LEFT_CC", "Mass-Test_P_00099_LEFT_CC"}
        assert {row.part for row in rows.values()} == {"test"}
        assert rows["Mass-Test_P_00005_LEFT_CC"].label == "benign"
        assert "films that no table lists, label unknown: 1 (Mass-Test_P_00099_LEFT_CC)" in _problems(collection)


def test_film_that_only_a_calcification_table_lists_is_its_image(tmp_path: Path) -> None:
    root = _make_films(_make_tables(tmp_path), {"00006_LEFT_CC": []})
    collection = cbis_ddsm.read(root)
    assert [row.image_id for row in collection.images if row.present] == ["Calc-Training_P_00006_LEFT_CC"]


def test_more_rows_than_boxes_and_more_boxes_than_rows_are_said(tmp_path: Path) -> None:
    root = _make_films(_make_tables(tmp_path), {"00002_RIGHT_CC": [[1, 2, 3, 4]], "00001_LEFT_CC": [[1, 2, 3, 4], [5, 6, 7, 8]]})
    collection = cbis_ddsm.read(root)
    fewer = _of(collection, "Mass-Training_P_00002_RIGHT_CC")
    assert [(row.geometry, row.pathology) for row in fewer] == [("box", "benign"), ("none", "benign")]
    more = _of(collection, "Mass-Training_P_00001_LEFT_CC")
    assert [(row.geometry, row.pathology) for row in more] == [("box", "unknown")] * 2
    assert "films with more or fewer boxes than rows: 2 (Mass-Training_P_00001_LEFT_CC: 2 boxes, 1 rows, " in _problems(collection)


def test_faulty_files_do_not_stop_the_import_and_are_said(tmp_path: Path) -> None:
    root = _make_films(_make_tables(tmp_path))
    place = root / "train"
    (place / "00001_LEFT_CC.jpg").write_bytes((place / "00001_LEFT_CC.jpg").read_bytes()[:-20])
    (place / "00001_LEFT_MLO.jpg").unlink()
    Image.fromarray(np.full((SIDE, SIDE // 2), 9, np.uint8)).save(place / "00004_RIGHT_MLO.jpg")
    Image.fromarray(np.full((SIDE, SIDE), 9, np.uint8)).save(place / "P_00077_LEFT_CC.jpg")
    Image.fromarray(np.full((SIDE, SIDE), 9, np.uint8)).save(place / "cover.jpg")
    (root / "valid").mkdir()
    (place / "00002_RIGHT_CC.jpg").rename(root / "valid" / "00002_RIGHT_CC.jpg")
    (root / "valid" / "_annotations.coco.json").write_text('{"images": [], "annotations": []}')
    collection = cbis_ddsm.read(root)
    present = {row.image_id for row in collection.images if row.present}
    assert present == {"Mass-Training_P_00003_LEFT_CC", "Mass-Training_P_00004_RIGHT_MLO", "Mass-Training_P_00077_LEFT_CC"}
    assert _of(collection, "Mass-Training_P_00004_RIGHT_MLO")[0].geometry == "none"
    problems = _problems(collection)
    for sentence in (
        "films that are there but cannot be read: 1 (00001_LEFT_CC.jpg: is cut short; fetch it again)",
        "films of another size than their boxes were made for, boxes left out: 1 (Mass-Training_P_00004_RIGHT_MLO)",
        "films that the annotation file does not list, without boxes: 1 (Mass-Training_P_00077_LEFT_CC)",
        "films that no table lists, label unknown: 1 (Mass-Training_P_00077_LEFT_CC)",
        "files whose names are no woman, side and view, left out: 1 (cover.jpg)",
        "films that are there twice, the second left out: 1 (valid/00002_RIGHT_CC.jpg)",
    ):
        assert sentence in problems


@pytest.mark.parametrize("start", ["../../", "/etc/", "..\\"])
def test_paths_that_lead_out_of_the_folder_are_said(tmp_path: Path, start: str) -> None:
    assert "leads out" not in _problems(cbis_ddsm.read(_make_tables(tmp_path / "tidy")))
    table = _make_tables(tmp_path / "hostile") / "mass_case_description_train_set.csv"
    table.write_text(table.read_text().replace("Mass-Training", f"{start}Mass-Training", 1))
    said = "rows with a path that leads out of the set's folder; it is not followed: 1 (Mass-Training_P_00001_LEFT_CC)"
    assert said in _problems(cbis_ddsm.read(tmp_path / "hostile"))


def test_tables_in_the_folder_csv_are_found(tmp_path: Path) -> None:
    _make_tables(tmp_path / "csv")
    assert cbis_ddsm.read(tmp_path).facts["counts"]["listed"] == 10


def test_unknown_pathology_is_refused_unless_explained(tmp_path: Path) -> None:
    tables = _make_tables(tmp_path, {"mass_test": [cells.replace("MALIGNANT", "UNPROVEN") for cells in TABLES["mass_test"]]})
    with pytest.raises(InputError, match=r"mass_case_description_test_set\.csv, Mass-Test_P_00005_LEFT_MLO: 'UNPROVEN' is no label"):
        cbis_ddsm.read(tables)
    assert cbis_ddsm.read(tables, words={"unproven": "unknown"}).images[1].label == "unknown"


def test_row_that_names_no_view_is_refused(tmp_path: Path) -> None:
    tables = _make_tables(tmp_path, {"mass_test": [TABLES["mass_test"][0].replace("P_00005", "5")]})
    with pytest.raises(ReadError, match="must name a woman, side and view such as P_00001 LEFT CC, got '5 LEFT CC'"):
        cbis_ddsm.read(tables)


def test_folder_with_neither_tables_nor_films_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not hold CBIS-DDSM \(its tables"):
        cbis_ddsm.read(tmp_path)
    with pytest.raises(InputError, match="does not hold the tables of CBIS-DDSM"):
        cbis_ddsm.read(_make_films(tmp_path / "films"), tables=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"annotations": [{"id": 4, "image_id": 0, "bbox": [1, 2, 0, 4]}]}, "annotation 4: the box must have a size"),
        ({"annotations": [{"id": 4, "image_id": 0, "bbox": [1, 2, 4]}]}, r"is no COCO file for detection \(ValueError"),
        ({"annotations": [{"id": 4, "image_id": 7, "bbox": [1, 2, 3, 4]}]}, r"is no COCO file for detection \(KeyError: 7\)"),
        ({"images": None}, r"is no COCO file for detection \(TypeError"),
    ],
)
def test_broken_annotation_file_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    content = {"images": [{"id": 0, "file_name": "a.jpg", "height": 9, "width": 8}], "annotations": []}
    (tmp_path / "a.json").write_text(json.dumps(content | change))
    with pytest.raises(ReadError, match=message):
        read_coco(tmp_path / "a.json")


def test_progress_is_told(films: Path, tables: Path) -> None:
    seen: list[tuple[int, int]] = []
    cbis_ddsm.read(films, tables=tables, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (10, 10)


@pytest.mark.quirk("CBIS-Q6", "CBIS-Q7")
@pytest.mark.realdata
def test_real_films_and_tables_are_counted(real_data: Path) -> None:
    collection = cbis_ddsm.read(real_data / "cbis-ddsm-mass-800", tables=real_data / "cbis-ddsm-tables")
    counts = collection.facts["counts"]
    assert (counts["listed"], counts["read"], counts["findings"], counts["masses_with_boxes"]) == (3103, 1231, 3568, 1318)
    assert (counts["patients"], counts["patients_read"], counts["distinct_views"]) == (1566, 691, 3032)
    assert (counts["films_with_several_masses"], counts["films_with_uncertain_boxes"], counts["uncertain_boxes"]) == (58, 24, 56)
    assert (counts["read_benign"], counts["read_malignant"], counts["read_unknown"]) == (629 - 7, 596 + 6 + 7, 0)
    assert {(row.part, row.aspect) for row in collection.images if row.present} == {("train", "lost")}
    assert len(collection.facts["benign_by_mass_malignant_by_calcification"]) == 13
    assert "both; a split must go by woman: 31" in _problems(collection)
    unknown = [row for row in collection.findings if row.geometry == "box" and row.pathology == "unknown"]
    assert len({row.image_id for row in unknown}) == 6


@pytest.mark.realdata
def test_real_films_also_in_a_calcification_table_take_the_worst_label(real_data: Path) -> None:
    collection = cbis_ddsm.read(real_data / "cbis-ddsm-mass-800", tables=real_data / "cbis-ddsm-tables")
    present = {row.extra["view_key"]: row for row in collection.images if row.present}
    calcifications = {row.extra["view_key"] for row in collection.findings if row.kind == "calcification"}
    assert len(present.keys() & calcifications) == 53
    masses: dict[str, set[str]] = {}
    for row in collection.findings:
        if row.geometry == "box":
            masses.setdefault(row.extra["view_key"], set()).add(row.pathology)
    changed = {key for key, found in masses.items() if found == {"benign"} and present[key].label == "malignant"}
    assert len(changed) == 7
    assert {key[:7] for key in changed} == {"P_00710", "P_01297", "P_01635", "P_01840"}
    assert "P_01840_RIGHT_MLO" in changed


@pytest.mark.realdata
def test_real_tables_alone_are_counted(real_data: Path) -> None:
    counts = cbis_ddsm.read(real_data / "cbis-ddsm-tables").facts["counts"]
    assert (counts["findings"], counts["listed"], counts["read"], counts["patients"]) == (3568, 3103, 0, 1566)

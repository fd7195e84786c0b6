"""BCDR: every numbered quirk on a made-up copy, the counts, and tables that are broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection
from breastcad.patches.rois import roi_mask
from breastcad.read import bcdr, open_picture
from breastcad.read.sets import read_set

HEADER = (
    "patient_id,study_id,series,lesion_id,segmentation_id,image_view,image_filename,lw_x_points,lw_y_points,mammography_type,"
    "mammography_nodule,mammography_calcification,mammography_microcalcification,mammography_axillary_adenopathy,"
    "mammography_architectural_distortion,mammography_stroma_distortion,age,density,classification"
)
ROWS, COLS = 40, 30
NAME = "patient_4/study_7/img_4_7_1_LCC.tif"
SQUARE = "5 15 15 5", "8 8 28 28"


def _line(
    name: str = NAME, points: tuple[str, str] = SQUARE, *, view: int = 2, flags: str = "1,0,0,0,0,0", word: str = "Benign", **said: str
) -> str:
    patient, study = (part.split("_")[1] for part in name.split("/")[:2])
    tail = f"{said.get('age', '51')},{said.get('density', '3')},{word}"
    return f"{patient},{study},1,{said.get('lesion', '12')},70,{view},{name},{points[0]},{points[1]},1,{flags},{tail}"


def _make(root: Path, lines: list[str], subset: str = "D01", *, films: bool = True) -> Path:
    place = root / f"BCDR-{subset}_dataset"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"bcdr_{subset.lower()}_outlines.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    for name in {line.split(",")[6].strip() for line in lines} if films else ():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.tile(np.arange(COLS, dtype=np.uint8), (ROWS, 1))).save(place / name)
    return root


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def test_an_outline_is_a_polygon_in_rows_and_columns(tmp_path: Path) -> None:
    collection = bcdr.read(_make(tmp_path, [_line()]))
    image, finding = collection.images[0], collection.findings[0]
    assert (image.image_id, image.patient_id, image.exam_id, image.laterality, image.view) == (
        *("img_4_7_1_LCC", "patient_4", "patient_4 study_7"),
        *("L", "CC"),
    )
    assert (image.age, image.density, image.label, image.modality, image.rows, image.cols, image.bit_depth) == (
        51,
        "C",
        "benign",
        "MG",
        40,
        30,
        8,
    )
    assert (finding.points, finding.row0, finding.col0, finding.row1, finding.col1) == ("8,5 8,15 28,15 28,5", 8, 5, 28, 15)
    mask = roi_mask(finding, (ROWS, COLS), tmp_path)
    assert mask is not None
    assert (int(mask.sum()), bool(mask[20, 10]), bool(mask[10, 20])) == (200, True, False)
    assert open_picture(Path(collection.root) / str(image.path)).pixels.shape == (ROWS, COLS)


@pytest.mark.parametrize(
    ("name", "view", "expected"),
    [("LCC", 2, ("L", "CC")), ("LO", 4, ("L", "MLO")), ("RCC", 1, ("R", "CC")), ("RO", 3, ("R", "MLO"))],
)
def test_views_are_those_of_the_names_and_agree_with_the_codes(tmp_path: Path, name: str, view: int, expected: tuple[str, str]) -> None:
    collection = bcdr.read(_make(tmp_path, [_line(NAME.replace("LCC", name), view=view)]))
    assert (collection.images[0].laterality, collection.images[0].view) == expected
    assert "contradicts" not in _problems(collection)
    other = bcdr.read(_make(tmp_path, [_line(NAME.replace("LCC", name), view=view % 4 + 1)]))
    assert "outlines whose image_view contradicts the file's name, which counts: 1" in _problems(other)
    assert (other.images[0].laterality, other.images[0].view) == expected


def test_a_name_without_a_view_takes_the_code_and_one_without_both_is_said(tmp_path: Path) -> None:
    names = [NAME.replace("img_4_7_1_LCC", name) for name in ("a", "b")]
    collection = bcdr.read(_make(tmp_path, [_line(names[0], view=3), _line(names[1], view=7)]))
    assert [(row.laterality, row.view) for row in collection.images] == [("R", "MLO"), (None, None)]
    assert "images without a side and a view that are known: 1 (b)" in _problems(collection)


@pytest.mark.parametrize(
    ("flags", "kind", "words"),
    [
        ("1,0,1,0,0,0", "mass", "nodule microcalcification"),
        ("0,1,0,0,0,0", "calcification", "calcification"),
        ("0,0,0,1,1,0", "distortion", "architectural_distortion axillary_adenopathy"),
        ("0,0,0,1,0,0", "other", "axillary_adenopathy"),
        ("0,0,0,0,0,0", "other", ""),
    ],
)
def test_flags_make_the_kind(tmp_path: Path, flags: str, kind: str, words: str) -> None:
    finding = bcdr.read(_make(tmp_path, [_line(flags=flags)])).findings[0]
    assert (finding.kind, finding.extra["flags"]) == (kind, words)


def test_a_folder_beside_the_set_is_not_the_set(tmp_path: Path) -> None:
    for name in ("BCDR-D01_dataset", "mine"):
        (tmp_path / name).mkdir()
    (tmp_path / "BCDR-D01_dataset" / "bcdr_d01_outlines.csv").touch()
    assert bcdr.find(tmp_path) == tmp_path
    with pytest.raises(InputError, match="does not hold BCDR"):
        bcdr.find(tmp_path / "mine")


@pytest.mark.quirk("BCDR-Q1")
def test_blanks_after_commas_do_not_count(tmp_path: Path) -> None:
    _make(tmp_path / "tidy", [_line(word="Malign")])
    _make(tmp_path / "blanks", [_line(word="Malign").replace(",", ", ")])
    tidy, blanks = (bcdr.read(tmp_path / name) for name in ("tidy", "blanks"))
    assert tidy.images == blanks.images
    assert tidy.findings == blanks.findings
    assert (blanks.images[0].present, blanks.images[0].label) == (1, "malignant")


@pytest.mark.quirk("BCDR-Q2")
def test_several_outlines_of_an_image_and_of_a_lesion_and_two_studies(tmp_path: Path) -> None:
    lines = [_line(), _line(points=("1 3 3", "1 1 4"), word="Malign", lesion="13"), _line(NAME.replace("LCC", "LO"), view=4)]
    lines.append(_line("patient_4/study_8/img_4_8_1_LCC.tif"))
    collection = bcdr.read(_make(tmp_path, lines))
    assert [(row.finding_id, row.lesion_id) for row in collection.findings] == [
        ("img_4_7_1_LCC-1", "patient_4 12"),
        ("img_4_7_1_LCC-2", "patient_4 13"),
        ("img_4_7_1_LO-1", "patient_4 12"),
        ("img_4_8_1_LCC-1", "patient_4 12"),
    ]
    assert [row.label for row in collection.images] == ["malignant", "benign", "benign"], "the worst of its outlines"
    assert {row.patient_id for row in collection.images} == {"patient_4"}
    assert "women of several studies: 1 (patient_4)" in _problems(collection)


@pytest.mark.quirk("BCDR-Q3")
def test_an_outline_of_another_size_has_no_place_and_a_missing_image_is_listed(tmp_path: Path) -> None:
    lines = [_line(points=("5 15 300", "8 8 28")), _line(NAME.replace("LCC", "LO"), view=4)]
    root = _make(tmp_path, lines)
    (root / "BCDR-D01_dataset" / NAME.replace("LCC", "LO")).unlink()
    collection = bcdr.read(root)
    assert [(row.image_id, row.present, row.label) for row in collection.images] == [
        ("img_4_7_1_LCC", 1, "benign"),
        ("img_4_7_1_LO", 0, "benign"),
    ]
    assert [row.geometry for row in collection.findings] == ["none", "polygon"]
    assert "outlines that leave their image, as of a film of another size, not used: 1 (img_4_7_1_LCC-1)" in _problems(collection)


@pytest.mark.parametrize("order", [("Benign", "Malign"), ("Malign", "Benign")])
def test_an_outline_that_two_rows_classify_otherwise_is_one_finding_of_the_worst_label(tmp_path: Path, order: tuple[str, str]) -> None:
    collection = bcdr.read(_make(tmp_path, [_line(word=word) for word in order]))
    assert [(row.finding_id, row.pathology, row.extra["classification"]) for row in collection.findings] == [
        ("img_4_7_1_LCC-1", "malignant", "Malign")
    ]
    assert "outlines that several rows classify otherwise, of which the worst counts: 1 (img_4_7_1_LCC-1)" in _problems(collection)


def test_rows_without_points_are_no_outline_of_one_place(tmp_path: Path) -> None:
    collection = bcdr.read(_make(tmp_path, [_line(points=("", ""), word=word) for word in ("Benign", "Malign")]))
    assert [row.pathology for row in collection.findings] == ["benign", "malignant"]


def test_an_image_that_tables_give_to_two_women_is_said(tmp_path: Path) -> None:
    collection = bcdr.read(_make(tmp_path, [_line(), "9" + _line()[1:], "9" + _line(word="Malign")[1:]]))
    assert [row.patient_id for row in collection.images] == ["patient_4"]
    assert "images that tables give to several women, of whom the first counts: 1 (img_4_7_1_LCC)" in _problems(collection)


@pytest.mark.quirk("BCDR-Q4")
def test_subsets_that_overlap_are_one_set(tmp_path: Path) -> None:
    _make(tmp_path, [_line()])
    _make(tmp_path, [_line(), _line("patient_4/study_8/img_4_8_1_LCC.tif")], "D02")
    _make(tmp_path, [_line("patient_4/study_7/img_4_7_LCC.tif")], "F03")
    collection = bcdr.read(tmp_path)
    assert [(row.image_id, row.extra["subsets"], row.path) for row in collection.images] == [
        ("img_4_7_1_LCC", "D01 D02", f"BCDR-D01_dataset/{NAME}"),
        ("img_4_8_1_LCC", "D02", "BCDR-D02_dataset/patient_4/study_8/img_4_8_1_LCC.tif"),
        ("img_4_7_LCC", "F03", "BCDR-F03_dataset/patient_4/study_7/img_4_7_LCC.tif"),
    ]
    assert len(collection.findings) == 3, "the outline that stands in two tables counts once"
    assert {row.patient_id for row in collection.images} == {"patient_4"}
    problems = _problems(collection)
    assert "images that two subsets list, read once: 1 (img_4_7_1_LCC)" in problems
    assert "women who are in several subsets, one patient each: 1 (patient_4)" in problems


def test_the_mock_of_the_format_has_all_of_it(made_up: Any) -> None:
    collection = read_set("bcdr", made_up("bcdr", 3))
    counts = collection.facts["counts"]
    assert {key: counts[key] for key in ("listed", "read", "patients", "findings", "images_with_outlines", "images_of_d02")} == {
        "listed": 8,
        "read": 7,
        "patients": 3,
        "findings": 7,
        "images_with_outlines": 5,
        "images_of_d02": 6,
    }
    assert {row.extra["classification"] for row in collection.findings} == {"Benign", "Malign"}


def test_without_an_outline_only_the_subset_of_normals_is_normal(made_up: Any) -> None:
    labels = {row.image_id: row.label for row in read_set("bcdr", made_up("bcdr", 3)).images}
    assert (labels["img_1_10_3_RCC"], labels["img_3_30_1_LCC"]) == ("unknown", "normal")
    told = read_set("bcdr", made_up("bcdr", 3), words={"no outline": "normal"})
    assert {row.image_id: row.label for row in told.images}["img_1_10_3_RCC"] == "normal"
    assert sum(row.label == "malignant" for row in told.images) == 2


def test_a_subset_alone_one_nested_and_tables_elsewhere_are_read(tmp_path: Path) -> None:
    _make(tmp_path, [_line()])
    assert bcdr.read(tmp_path / "BCDR-D01_dataset").images[0].path == NAME
    _make(tmp_path / "BCDR-F03_dataset", [_line("patient_5/study_9/img_5_9_LO.tif", view=4)], "F03")
    (tmp_path / "BCDR-F03_dataset" / "BCDR-F03_dataset").rename(tmp_path / "BCDR-F03_dataset" / "BCDR-F03")
    assert [row.present for row in bcdr.read(tmp_path).images] == [1, 1]
    (tmp_path / "tables").mkdir()
    table = tmp_path / "BCDR-D01_dataset" / "bcdr_d01_outlines.csv"
    table.rename(tmp_path / "tables" / table.name)
    collection = bcdr.read(tmp_path, tables=tmp_path / "tables")
    assert [(row.present, row.path) for row in collection.images] == [(1, f"BCDR-D01_dataset/{NAME}")]


@pytest.mark.parametrize("points", [("1 2", "3 4"), ("1 2 3", "4 5"), ("a b c", "1 2 3"), ("", "")])
def test_outlines_that_are_none_keep_no_place(tmp_path: Path, points: tuple[str, str]) -> None:
    collection = bcdr.read(_make(tmp_path, [_line(points=points)]))
    assert (collection.findings[0].geometry, collection.images[0].label) == ("none", "benign")
    assert "outlines that cannot be understood, not used: 1 (img_4_7_1_LCC-1)" in _problems(collection)


def test_words_and_columns_that_are_not_known_are_refused(tmp_path: Path) -> None:
    _make(tmp_path, [_line(word="Suspicious")])
    with pytest.raises(InputError, match="img_4_7_1_LCC, classification: 'Suspicious' is no label that is known here"):
        bcdr.read(tmp_path)
    assert bcdr.read(tmp_path, words={"suspicious": "malignant"}).images[0].label == "malignant"
    table = tmp_path / "BCDR-D01_dataset" / "bcdr_d01_outlines.csv"
    table.write_text(HEADER.replace("lw_y_points", "y") + "\n")
    with pytest.raises(ReadError, match=r"bcdr_d01_outlines\.csv: lacks the column 'lw_y_points'"):
        bcdr.read(tmp_path)


def test_files_that_are_broken_or_lie_outside_do_not_stop_the_import(tmp_path: Path) -> None:
    outside = "patient_4/study_7/../../../../other/img_4_7_1_RCC.tif"
    root = _make(tmp_path / "set", [_line(), _line(NAME.replace("LCC", "LO"), view=4, density="NaN"), _line(outside, view=1)], films=False)
    for name in (NAME, NAME.replace("LCC", "LO"), outside):
        (root / "BCDR-D01_dataset" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((ROWS, COLS), np.uint8)).save(root / "BCDR-D01_dataset" / name)
    (root / "BCDR-D01_dataset" / NAME).write_bytes(b"no film")
    collection = bcdr.read(root)
    assert [row.present for row in collection.images] == [0, 1, 0]
    assert [row.density for row in collection.images] == ["C", None, "C"]
    assert "images that are there but cannot be read: 2 (img_4_7_1_LCC.tif: is no picture, img_4_7_1_RCC.tif: lies outside" in (
        _problems(collection)
    )

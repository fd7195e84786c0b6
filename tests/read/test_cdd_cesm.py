"""CDD-CESM: every numbered quirk on a made-up copy, and the counts of the real table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import openpyxl
import pytest
from PIL import Image

from breastcad.core.errors import InputError
from breastcad.core.files import write_collection
from breastcad.core.records import Collection
from breastcad.read import cdd_cesm

HEADER = (
    *("Image_name", "Patient_ID", "Side", "Type", "Age", "Breast density (ACR)", "BIRADS", "Findings", "View", "Tags", "Machine"),
    "Pathology Classification/ Follow up",
)
ROWS = [
    ("P3_L_DM_CC", 3, "L", "DM", 45, "C", 4, "Mass ", "CC", "x", 1, "Malignant"),
    ("P3_L_CM_CC ", 3, "L", "CESM", 45, "_", "4$2", "No mass", "CC", "x", 1, "Normal"),
    ("P9_L_DM_MLO", 9, "L", "DM", 50, "B", 1, "Normal", "MLO", "x", 2, "Malignant"),
    ("P9_L_DM_MLO", 9, "L", "DM", 50, "B", 1, "Normal", "MLO", "x", 2, "Malignant"),
    ("P7_R_DM_CC", 7, "R", "DM", 50, "A", "3$2$2", "Mass", "CC", "x", 2, "Benign"),
]
SHAPES = [
    ("P3_L_DM_CC.jpg", {"name": "polygon", "all_points_x": [2, 8, 5], "all_points_y": [3, 3, 9]}),
    ("P3_L_DM_CC.jpg", {"name": "ellipse", "cx": 20, "cy": 10, "rx": 5, "ry": 2}),
    ("P3_L_DM_CC.jpg", {"name": "circle", "cx": 20, "cy": 10, "r": 3}),
    ("P3_L_DM_CC.jpg", {"name": "polyline", "all_points_x": [2, 8], "all_points_y": [3, 9]}),
    ("P3_L_DM_CC.jpg", {"name": "point", "cx": 4, "cy": 6}),
    ("P7_R_DM_CC.jpg", {"name": "circle", "cx": 20}),
    ("P7_R_DM_CC.jpg", {}),
]


def _write_shapes(root: Path, shapes: list[tuple[str, str]]) -> None:
    with open(root / "Radiology_hand_drawn_segmentations_v2.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["#filename", "file_size", "file_attributes", "region_count", "region_id", "region_shape_attributes", "region_attributes"]
        )
        for number, (name, shape) in enumerate(shapes):
            writer.writerow([name, 1, "{}", 5, number, shape, "{}"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    low, subtracted = tmp_path / "Low energy images of CDD-CESM", tmp_path / "Subtracted images of CDD-CESM"
    for place, name in ((low, "P3_L_DM_CC"), (subtracted, "P3_L_CM_CC"), (low, "P9_L_DM_MLO"), (low, "P99_R_DM_CC")):
        place.mkdir(exist_ok=True)
        Image.new("L", (40, 30)).save(place / f"{name}.jpg")
    book = openpyxl.Workbook()
    book.active.title = "all"
    for row in (HEADER, *ROWS):
        book.active.append(row)
    book.create_sheet("calcifications").append(["Image_name", "ACR"])
    book.save(tmp_path / "Radiology-manual-annotations.xlsx")
    shapes = [(name, json.dumps(shape)) for name, shape in SHAPES]
    _write_shapes(tmp_path, [*shapes, ("P3_L_CM_CC.jpg", "{broken")])
    return tmp_path


@pytest.fixture
def collection(root: Path) -> Collection:
    return cdd_cesm.read(root)


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


@pytest.mark.quirk("CESM-Q1", "CESM-Q2")
def test_cesm_q1_q2_trailing_blanks_and_rows_that_stand_twice(collection: Collection) -> None:
    assert [(row.image_id, row.present) for row in collection.images] == [
        ("P3_L_DM_CC", 1),
        ("P3_L_CM_CC", 1),
        ("P9_L_DM_MLO", 1),
        ("P9_L_DM_MLO again", 0),
        ("P7_R_DM_CC", 0),
    ]
    assert "rows that stand twice, the second probably of another view; kept as '... again', not present: 1 (P9_L_DM_MLO)" in _problems(
        collection
    )


@pytest.mark.quirk("CESM-Q3", "CESM-Q4")
def test_cesm_q3_q4_the_worst_category_counts_and_no_density_is_none(collection: Collection) -> None:
    assert [(row.birads, row.density, row.extra["birads"]) for row in collection.images] == [
        ("4", "C", "4"),
        ("4", None, "4$2"),
        ("1", "B", "1"),
        ("1", "B", "1"),
        ("3", "A", "3$2$2"),
    ]


@pytest.mark.quirk("CESM-Q5")
def test_cesm_q5_labels_are_the_images_own(collection: Collection) -> None:
    assert [(row.label, row.image_type) for row in collection.images][:2] == [("malignant", "low-energy"), ("normal", "subtracted")]
    assert "breasts whose images have several labels: 1 (P3 L)" in _problems(collection)


@pytest.mark.quirk("CESM-Q6")
def test_cesm_q6_birads_does_not_change_the_label(collection: Collection) -> None:
    assert "images whose BI-RADS contradicts their label, which counts: 2 (P9_L_DM_MLO, P9_L_DM_MLO again)" in _problems(collection)


@pytest.mark.quirk("CESM-Q7")
def test_cesm_q7_outlines_belong_to_one_energy(collection: Collection) -> None:
    assert "cut otherwise" in _problems(collection)
    assert {row.image_id for row in collection.findings if row.geometry != "none"} == {"P3_L_DM_CC"}


@pytest.mark.quirk("CESM-Q9")
def test_cesm_q9_shapes_of_all_kinds(collection: Collection) -> None:
    found = [row for row in collection.findings if row.image_id == "P3_L_DM_CC"]
    assert [(row.geometry, row.row0, row.col0, row.row1, row.col1) for row in found] == [
        ("polygon", 3, 2, 9, 8),
        ("ellipse", 8, 15, 12, 25),
        ("circle", 7, 17, 13, 23),
        ("polyline", 3, 2, 9, 8),
        ("point", 6, 4, 6, 4),
    ]
    assert found[0].points == "3,2 3,8 9,5"
    assert "outlines that cannot be understood, left out: 2 (P3_L_CM_CC 7, P7_R_DM_CC-1)" in _problems(collection)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "1" + "0" * 400])
@pytest.mark.parametrize(
    "shape",
    [
        '{"name": "polygon", "all_points_x": [2, 8, NUMBER], "all_points_y": [3, 3, 9]}',
        '{"name": "ellipse", "cx": 20, "cy": 10, "rx": NUMBER, "ry": 2}',
        '{"name": "circle", "cx": 20, "cy": 10, "r": NUMBER}',
        '{"name": "point", "cx": 4, "cy": NUMBER}',
    ],
)
def test_an_outline_with_a_number_that_is_not_finite_is_left_out_and_said(root: Path, shape: str, number: str) -> None:
    _write_shapes(root, [("P3_L_DM_CC.jpg", shape.replace("NUMBER", number))])
    collection = cdd_cesm.read(root)
    write_collection(root / "out", collection)
    assert [(row.geometry, row.row0, row.points) for row in collection.findings if row.image_id == "P3_L_DM_CC"] == [("none", None, None)]
    assert "outlines that cannot be understood, left out: 1 (P3_L_DM_CC-1)" in _problems(collection)


def test_an_outline_nested_without_end_is_left_out_and_said(root: Path) -> None:
    _write_shapes(root, [("P3_L_DM_CC.jpg", "[" * 50_000)])
    assert "outlines that cannot be understood, left out: 1 (P3_L_DM_CC 0)" in _problems(cdd_cesm.read(root))


def test_an_image_that_no_row_names_is_left_out_and_said(collection: Collection) -> None:
    assert "images that the table does not list, left out: 1 (P99_R_DM_CC)" in _problems(collection)


def test_an_unknown_pathology_is_refused(root: Path) -> None:
    book = openpyxl.load_workbook(root / "Radiology-manual-annotations.xlsx")
    book["all"]["L2"] = "Doubtful"
    book.save(root / "Radiology-manual-annotations.xlsx")
    with pytest.raises(InputError, match="image P3_L_DM_CC: 'Doubtful' is no label"):
        cdd_cesm.read(root)


def test_images_without_their_table_are_refused_and_not_read_as_none(root: Path) -> None:
    (root / "Radiology-manual-annotations.xlsx").unlink()
    with pytest.raises(InputError, match=r"Radiology-manual-annotations\.xlsx: is missing; name its folder with --tables"):
        cdd_cesm.read(root)


@pytest.mark.quirk("CESM-Q2", "CESM-Q5", "CESM-Q6")
@pytest.mark.realdata
def test_the_real_table(real_data: Path) -> None:
    collection = cdd_cesm.read(real_data / "tables")
    labels = [row.label for row in collection.images]
    assert (len(labels), collection.facts["counts"]["patients"]) == (2006, 326)
    assert [labels.count(label) for label in ("malignant", "benign", "normal")] == [662, 587, 757]
    types = [row.image_type for row in collection.images]
    assert (types.count("low-energy"), types.count("subtracted")) == (1003, 1003)
    assert "breasts whose images have several labels: 50" in _problems(collection)
    assert "images whose BI-RADS contradicts their label, which counts: 33" in _problems(collection)
    assert "kept as '... again', not present: 4" in _problems(collection)

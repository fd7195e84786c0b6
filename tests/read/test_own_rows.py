"""What the cells of a user's own tables may hold."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from breastcad.core.records import Collection
from breastcad.read import own_csv

Put = Callable[..., Path]


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def test_days_of_a_workbook_are_days_and_patients_that_it_made_days_are_told(own: Put, tmp_path: Path) -> None:
    (own("x\n") / "images.csv").unlink()
    book = openpyxl.Workbook()
    day = datetime.datetime(2021, 1, 31)
    for cells in (("image", "patient", "date"), ("a.png", day, day), ("b.png", "20210131", None)):
        book.active.append(cells)
    book.save(tmp_path / "list.xlsx")
    collection = own_csv.read(tmp_path)
    assert [(row.patient_id, row.date) for row in collection.images] == [("2021-01-31", "2021-01-31"), ("20210131", None)]
    assert "images whose patient id is a day, as a workbook makes of 3-1: 1;" in _problems(collection)


def test_the_line_that_tells_excel_what_parts_the_cells_is_taken_at_its_word(own: Put) -> None:
    rows = own_csv.read(own("sep=;\npath;age;label\na.png;44,5;benign\n", "sep=|\nimage|kind,of|pathology\na.png|x,y|malignant\n"))
    assert [(row.path, row.age, row.label) for row in rows.images] == [("a.png", 44.5, "benign")]
    assert [(row.pathology, row.extra) for row in rows.findings] == [("malignant", {"kind,of": "x,y"})]


def test_what_columns_may_hold_is_made_ours_or_kept_beside(own: Put) -> None:
    header = "image_id,patient,side,view,modality,density,date,age,spacing_mm,origin,x_mine\n"
    folder = own(f"{header}a,P1,Left,mlo,Ultrasound,b,20200131,44,0.1,phantom,1\nb,P1,LR,CC,MR,e,2020-02-31,-4,0,made,2\n")
    first, second = own_csv.read(folder).images
    assert (first.laterality, first.view, first.modality, first.density, first.date) == ("L", "MLO", "US", "B", "2020-01-31")
    assert (first.age, first.spacing_row_mm, first.spacing_col_mm, first.origin, first.extra) == (44, 0.1, 0.1, "phantom", {"mine": "1"})
    assert (second.laterality, second.modality, second.density, second.date, second.age, second.origin) == (None,) * 5 + ("real",)
    kept = {
        "side": "LR",
        "modality": "MR",
        "density": "e",
        "date": "2020-02-31",
        "age": "-4",
        "spacing_mm": "0",
        "origin": "made",
        "mine": "2",
    }
    assert second.extra == kept


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("train", "Train", "TRAINING"), "train"),
        (("val", "Valid", "validation", "dev"), "validation"),
        (("test", "Test", "testing"), "test"),
    ],
)
def test_words_for_parts_are_understood_in_any_case(own: Put, words: tuple[str, ...], part: str) -> None:
    table = "path,split\n" + "".join(f"{number}.png,{word}\n" for number, word in enumerate(words))
    assert {row.part for row in own_csv.read(own(table)).images} == {part}


def test_another_word_for_a_part_is_told_and_kept_beside(own: Put) -> None:
    collection = own_csv.read(own("path,split\na.png,test\nb.png,extra\n"))
    assert [(row.part, row.extra) for row in collection.images] == [("test", {}), (None, {"split": "extra"})]
    assert "cells of 'split' that cannot be understood as part, kept under x_: 1 (b: extra)" in _problems(collection)


def test_dots_of_a_name_without_suffix_are_no_suffix(own: Put, tmp_path: Path) -> None:
    own("x\n")
    (tmp_path / "images").mkdir()
    for name in ("1.2.840.0", "1.2.840.10"):
        shutil.copy(tmp_path / "a.png", tmp_path / "images" / f"{name}.png")
    rows = own_csv.read(own("path\n1.2.840.0\n1.2.840.10.png\n", "image,x,y,width,height\n1.2.840.10,1,1,3,3\n")).images
    assert [(row.image_id, row.path) for row in rows] == [
        ("1.2.840.0", "images/1.2.840.0.png"),
        ("1.2.840.10", "images/1.2.840.10.png"),
    ]


@pytest.mark.parametrize("word", ["N/A", "nan", "None", "NULL", "unknown", "-"])
def test_a_word_for_nothing_is_no_patient(own: Put, word: str) -> None:
    collection = own_csv.read(own(f"path,patient,study\na.png,{word},{word}\nb.png,{word},E1\n"))
    assert [(row.patient_id, row.exam_id) for row in collection.images] == [(None, None), (None, "E1")]
    assert f"cells of 'patient' that cannot be understood as patient_id, kept under x_: 2 (a: {word}, b: {word})" in _problems(collection)
    assert "images without a patient: two of one woman may come apart in a split: 2 (a, b)" in _problems(collection)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *((name, cell) for name in ("rows", "cols", "bit_depth") for cell in ("-5", "0", "1e9", "1_0", "7.5")),
        *(("spacing_mm", cell) for cell in ("0", "-0.1", "1e300", "1e-9", "0.0_7")),
        *(("age", cell) for cell in ("1_0", "-1", "150")),
        *(("days_from_first", cell) for cell in ("1e8", "0.5")),
    ],
)
def test_numbers_that_cannot_be_are_told_and_kept_beside(own: Put, column: str, cell: str) -> None:
    collection = own_csv.read(own(f"path,{column}\nmissing.png,{cell}\n"))
    (row,) = collection.images
    assert row.extra == {column: cell}
    assert (row.rows, row.cols, row.bit_depth, row.spacing_row_mm, row.age, row.days_from_first) == (None,) * 6
    assert f"cells of '{column}' that cannot be understood as {column.replace('spacing', 'spacing_row')}, kept" in _problems(collection)

"""Others' tables and label words."""

from __future__ import annotations

import datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from breastcad.core.errors import InputError, ReadError
from breastcad.read.tables import label_of, read_words, table_rows


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quoted_line_break_at_the_end_of_a_cell_is_stripped(tmp_path: Path, end: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f'\ufeffname , path{end}one,"a/b.dcm\n"{end}{end} two ,"c,d"{end}'.encode())
    assert table_rows(path, ["name"]) == [{"name": "one", "path": "a/b.dcm"}, {"name": "two", "path": "c,d"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,size\na,1\n", "lacks the column 'path'"),
        (b"", "lacks the column 'path'"),
        (b"path,size\na\n", "the row that ends on line 2 has 1 cells, the header 2"),
        (b"path\n\xff\xfe\n", r"is no UTF-8 text \(byte 5\); save it as UTF-8"),
        ("path,breast\na,côté\n".encode("latin-1"), r"is no UTF-8 text \(byte 15\)"),
        (b"path;size\na;1\n", "its cells are parted by semicolons; save it with commas"),
        (b"path\tsize\na\t1\n", "its cells are parted by tabs"),
        (b"path,size\na,\x00\n", r"holds a NUL \(character 12\)"),
        (b'path,size\na,=HYPERLINK("x")\n', "line 2: the cell of 'size' is a formula; save the table with values"),
        (b"path,size,path\na,1,b\n", "has the column 'path' twice; keep one"),
        (b"path,size\na," + b"9" * 100_001 + b"\n", "line 2: the cell of 'size' has 100,001 characters; no set has more than 100,000"),
    ],
)
def test_table_that_cannot_be_understood_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=f"a.csv: {message}"):
        table_rows(path, ["path"])


def test_a_table_of_200_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with open(path, "wb") as stream:
        stream.write(b"path\n")
        stream.truncate(200_000_000)
    with pytest.raises(ReadError, match=r"a\.csv: has 200,000,000 bytes; no table of a set has more than 100,000,000"):
        table_rows(path)


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("size,path,\n1,a,\n")
    assert table_rows(path, ["path", "size"]) == [{"size": "1", "path": "a"}]


def workbook(path: Path, rows: list[list[object]], sheet: str = "all") -> Path:
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("first", ["sep=,\n", '"sep=,"\r\n', "\ufeffSEP=,\n"])
def test_the_line_that_tells_excel_what_parts_the_cells_is_no_header(tmp_path: Path, first: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{first}path,size\nsep=1,2\n", encoding="utf-8", newline="")
    assert table_rows(path, ["path"]) == [{"path": "sep=1", "size": "2"}]


def test_a_day_of_a_workbook_is_written_without_a_clock(tmp_path: Path) -> None:
    days = [datetime.datetime(2021, 1, 31), datetime.date(2021, 1, 31), datetime.datetime(2021, 1, 31, 12, 30)]
    path = workbook(tmp_path / "a.xlsx", [["day"], *([day] for day in days)])
    assert [row["day"] for row in table_rows(path)] == ["2021-01-31", "2021-01-31", "2021-01-31 12:30:00"]


def test_workbook_is_read_as_a_csv_table_is(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["id ", "age", "BIRADS", None], [1.0, 57, " 4a"], [None] * 3, ["P2 ", 0.5, None]])
    expected = [{"id": "1", "age": "57", "BIRADS": "4a"}, {"id": "P2", "age": "0.5", "BIRADS": ""}]
    assert table_rows(path, ["age"]) == table_rows(path, sheet="all") == expected


def test_workbook_that_cannot_be_understood_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"a\.xlsx: has no sheet 'other'"):
        table_rows(workbook(tmp_path / "a.xlsx", [["id"], [1]]), sheet="other")
    with pytest.raises(ReadError, match=r"a\.xlsx: line 2: the cell of 'id' is a formula"):
        table_rows(workbook(tmp_path / "a.xlsx", [["id"], ["=1+1"]]))
    (tmp_path / "b.xlsx").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "b.xls").write_bytes(b"no workbook")
    for name, fault in {"b.xlsx": "BadZipFile", "b.xls": "XLRDError"}.items():
        with pytest.raises(ReadError, match=rf"{name}: cannot be opened as a workbook \({fault}\); export it to CSV"):
            table_rows(tmp_path / name)


def test_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"none\.csv: cannot be opened \(No such file"):
        table_rows(tmp_path / "none.csv")


def test_unknown_label_word_is_refused_and_not_guessed() -> None:
    with pytest.raises(InputError, match=r"a\.csv, row 3: 'B3' is no label .* --map \(a line 'B3,benign'\)"):
        label_of("B3", {"benign": "benign"}, {"b4": "malignant"}, "a.csv, row 3")


def test_words_of_the_user_win() -> None:
    assert label_of(" Benign ", {"benign": "benign"}, {"benign": "unknown"}, "") == "unknown"


def test_map_file_with_header_comment_and_empty_line(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text('word,label\n# ours\n\nB3 , benign\n"high risk, atypia",Malignant\nB3,benign\n')
    assert read_words(path) == {"b3": "benign", "high risk, atypia": "malignant"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("B3,dubious\n", "line 1: the label must be one of normal, benign, malignant, unknown, got 'dubious'"),
        ("B3\n", "line 1 must be 'word,label', got 1 cells"),
        ("B3,benign\nb3,malignant\n", "line 2: 'b3' was 'benign' before and is 'malignant' here; keep one"),
    ],
)
def test_map_file_that_cannot_be_understood_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "map.csv"
    path.write_text(content)
    with pytest.raises(ReadError, match=message):
        read_words(path)


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=2, max_size=2)))
def test_any_cells_come_back_stripped(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    import csv

    path = tmp_path_factory.mktemp("tables") / "a.csv"
    with open(path, "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([["one", "two"], *rows])
    assume(not any(cell.strip().startswith("=") for row in rows for cell in row))
    expected = [{"one": one.strip(), "two": two.strip()} for one, two in rows if one.strip() or two.strip()]
    assert table_rows(path) == expected

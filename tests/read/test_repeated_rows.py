"""A table that lists one thing twice: every reader reads it once, by the worst label, and says so."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest

from breastcad.core.records import Collection
from breastcad.read.sets import read_set

MakeSet = Callable[[str, int], Path]


@dataclass(frozen=True)
class Table:
    """A made-up set's table, the cells of a benign and of a malignant row, and another column in which rows may differ."""

    path: str
    benign: dict[str, str]
    malignant: dict[str, str]
    delimiter: str = ","


def _column(path: str, name: str, benign: str, malignant: str, delimiter: str = ",") -> Table:
    return Table(path, {name: benign}, {name: malignant}, delimiter)


TABLES = {
    "cmmd": _column("CMMD_clinicaldata_revision.xlsx", "classification", "Benign", "Malignant"),
    "udiat": _column("DatasetB.xlsx", "Type", "Benign", "Malignant"),
    "busis": _column("BUSIS562.csv", "tumor type", "B", "M"),
    "vindr-mammo": _column("breast-level_annotations.csv", "breast_birads", "BI-RADS 2", "BI-RADS 5"),
    "bus-bra": _column("BUSBRA/bus_data.csv", "Pathology", "benign", "malignant"),
    "inbreast": _column("INbreast Release 1.0/INbreast.csv", "Bi-Rads", "2", "5", ";"),
    "rsna": Table("train.csv", {"cancer": "0", "biopsy": "1"}, {"cancer": "1", "biopsy": "1"}),
    "breast-lesions-usg": _column("BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx", "Classification", "benign", "malignant"),
    "cbis-ddsm": _column("mass_case_description_train_set.csv", "pathology", "BENIGN", "MALIGNANT"),
}


def _rewrite(root: Path, table: Table, of_first: Sequence[dict[str, str]]) -> None:
    """Put rows in place of the table's first one: that row with other cells each."""
    path = root / table.path
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path)
        header, first, *rest = [["" if cell is None else str(cell) for cell in row] for row in book.active.iter_rows(values_only=True)]
    else:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            header, first, *rest = list(csv.reader(stream, delimiter=table.delimiter))
    rows = [[cells.get(name.strip(), cell) for name, cell in zip(header, first, strict=True)] for cells in of_first]
    if path.suffix == ".xlsx":
        book.active.delete_rows(1, book.active.max_row)
        for row in (header, rows[0], *rest, *rows[1:]):
            book.active.append(row)
        book.save(path)
    else:
        with open(path, "w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, delimiter=table.delimiter).writerows([header, rows[0], *rest, *rows[1:]])


def _read(made_up: MakeSet, name: str, folder: Path, of_first: Sequence[dict[str, str]]) -> Collection:
    root = Path(shutil.copytree(made_up(name, 4), folder))
    _rewrite(root, TABLES[name], of_first)
    return read_set(name, root)


def _said(collection: Collection) -> list[str]:
    return [sentence for sentence in collection.facts["problems"] if "twice" in sentence]


@pytest.mark.parametrize("order", ["benign first", "malignant first"])
@pytest.mark.parametrize("name", TABLES)
def test_of_rows_that_contradict_each_other_the_worst_counts_and_it_is_said(
    made_up: MakeSet, tmp_path: Path, name: str, order: str
) -> None:
    table = TABLES[name]
    alone = _read(made_up, name, tmp_path / "alone", [table.malignant])
    labels = [table.benign, table.malignant] if order == "benign first" else [table.malignant, table.benign]
    both = _read(made_up, name, tmp_path / "both", labels)
    assert [(row.image_id, row.label) for row in both.images] == [(row.image_id, row.label) for row in alone.images]
    assert [(row.finding_id, row.pathology) for row in both.findings] == [(row.finding_id, row.pathology) for row in alone.findings]
    assert len(_said(both)) == 1
    assert _said(both)[0].startswith("listed twice or more by rows that differ, of which one of the worst label counts: 1 (")
    assert [sentence for sentence in both.facts["problems"] if sentence not in _said(both)] == alone.facts["problems"]


@pytest.mark.parametrize("name", TABLES)
def test_of_rows_that_are_alike_one_is_read_and_it_is_said(made_up: MakeSet, tmp_path: Path, name: str) -> None:
    alone = _read(made_up, name, tmp_path / "alone", [{}])
    again = _read(made_up, name, tmp_path / "again", [{}, {}])
    assert (again.images, again.findings) == (alone.images, alone.findings)
    assert len(_said(again)) == 1
    assert _said(again)[0].startswith("listed twice or more by rows that are alike, read once: 1 (")


def test_without_its_breast_level_table_vindr_mammos_findings_may_contradict_each_other(made_up: MakeSet, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_up("vindr-mammo", 4), tmp_path / "set"))
    (root / "breast-level_annotations.csv").unlink()
    assert _said(read_set("vindr-mammo", root)) == []
    _rewrite(root, Table("finding_annotations.csv", {}, {}), [{"breast_birads": "BI-RADS 5"}, {"breast_birads": "BI-RADS 2"}])
    collection = read_set("vindr-mammo", root)
    assert len({row.image_id for row in collection.images}) == len(collection.images)
    assert len(_said(collection)) == 1


def test_an_ics_of_ddsm_that_lists_a_view_twice_and_a_case_in_two_folders(made_up: MakeSet, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_up("ddsm", 4), tmp_path / "set"))
    alone = read_set("ddsm", root)
    path = next(root.rglob("A-0001-1.ics"))
    view = next(line for line in path.read_text().splitlines() if " OVERLAY" in line)
    path.write_text(f"{path.read_text()}\n{view.replace(' OVERLAY', ' NON_OVERLAY')}\n{view}\n")
    shutil.copytree(path.parent, path.parents[1] / "copy")
    again = read_set("ddsm", root)
    assert (again.images, again.findings) == (alone.images, alone.findings)
    assert "cases that lie in several folders, of which the first is read: 1 (A-0001-1.ics)" in again.facts["problems"]
    assert len(_said(again)) == 1


def test_a_row_of_cdd_cesm_that_stands_thrice_has_three_names_and_the_worst_label(made_up: MakeSet, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_up("cdd-cesm", 4), tmp_path / "set"))
    book = openpyxl.load_workbook(root / "Radiology-manual-annotations.xlsx")
    page = book["all"]
    header, first = [[cell.value for cell in row] for row in page.iter_rows(max_row=2)]
    label = header.index("Pathology Classification/ Follow up")
    for word in ("Normal", "Malignant"):
        page.append([*first[:label], word, *first[label + 1 :]])
    book.save(root / "Radiology-manual-annotations.xlsx")
    collection = read_set("cdd-cesm", root)
    name = str(first[0]).strip()
    found = [(row.image_id, row.label) for row in collection.images if row.image_id.startswith(name)]
    assert found == [(name, "malignant"), (f"{name} again", "malignant"), (f"{name} again again", "malignant")]
    assert f"images whose rows have several labels, of which the worst counts for each: 1 ({name})" in collection.facts["problems"]


def test_lines_of_mini_mias_that_repeat_or_contradict_another(made_up: MakeSet, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_up("mini-mias", 4), tmp_path / "set"))
    lines = (
        "mdb001 G CIRC B 300 200 40\nmdb001 G CIRC M 300 200 40\nmdb001 G NORM\nmdb002 G CIRC B 300 200 40\nmdb002 G CIRC B 300 200 40\n"
    )
    (root / "Info.txt").write_text(lines)
    collection = read_set("mini-mias", root)
    assert [(row.finding_id, row.pathology) for row in collection.findings] == [("mdb001-1", "malignant"), ("mdb002-1", "benign")]
    assert _said(collection) == [
        "listed twice or more by rows that are alike, read once: 1 (mdb002 CIRC 300 200 40)",
        "listed twice or more by rows that differ, of which one of the worst label counts: 1 (mdb001 CIRC 300 200 40)",
    ]
    assert "films that one line calls NORM and another abnormal, which counts: 1 (mdb001)" in collection.facts["problems"]

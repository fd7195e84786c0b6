"""UDIAT (BUS Dataset B): every numbered quirk on a made-up copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image

from breastcad.core.errors import InputError
from breastcad.read import udiat

MASK = np.zeros((12, 20), np.uint8)
MASK[2:5, 4:9] = 255


def _make(root: Path, types: dict[int, str]) -> Path:
    for name in ("original", "GT"):
        (root / "BUS" / name).mkdir(parents=True)
    for number in (1, 3, 4):
        Image.fromarray(MASK // 2).save(root / "BUS" / "original" / f"{number:06d}.png")
        Image.fromarray(np.dstack([MASK] * 3) if number == 3 else MASK).save(root / "BUS" / "GT" / f"{number:06d}.png")
    book = openpyxl.Workbook()
    for row in [("Image", "Type"), *types.items()]:
        book.active.append(row)
    book.save(root / "DatasetB.xlsx")
    return root


@pytest.mark.quirk("UDB-Q2")
def test_table_and_files_are_joined_by_number_across_gaps(tmp_path: Path) -> None:
    collection = udiat.read(_make(tmp_path, {1: "Benign", 3: "Malignant", 5: "Benign"}))
    assert [(row.image_id, row.label, row.present) for row in collection.images] == [
        ("000001", "benign", 1),
        ("000003", "malignant", 1),
        ("000004", "unknown", 1),
        ("000005", "benign", 0),
    ]
    assert "images that the table does not list, label unknown: 1 (000004)" in collection.facts["problems"]


@pytest.mark.quirk("UDB-Q1")
def test_udb_q1_counts_are_what_the_table_says(tmp_path: Path) -> None:
    counts = udiat.read(_make(tmp_path, {1: "Benign", 3: "Malignant", 4: "Benign"})).facts["counts"]
    assert (counts["read_benign"], counts["read_malignant"], counts["published"]) == (2, 1, 163)


@pytest.mark.quirk("UDB-Q3")
def test_udb_q3_masks_of_other_modes_are_read_alike_and_of_other_sizes_not_used(tmp_path: Path) -> None:
    root = _make(tmp_path, {1: "Benign"})
    Image.fromarray(MASK[:6]).save(root / "BUS" / "GT" / "000004.png")
    collection = udiat.read(root)
    assert [(row.row0, row.col0, row.row1, row.col1) for row in collection.findings] == [(2, 4, 5, 9), (2, 4, 5, 9), (None,) * 4]
    assert "masks of another size than their image, not used: 1 (000004.png)" in collection.facts["problems"]


def test_without_the_table_labels_are_unknown_and_it_is_said(tmp_path: Path) -> None:
    root = _make(tmp_path, {})
    (root / "DatasetB.xlsx").unlink()
    collection = udiat.read(root / "BUS" / "original")
    assert {row.label for row in collection.images} == {"unknown"}
    assert "there is no DatasetB.xlsx: labels are unknown" in collection.facts["problems"]


def test_the_table_may_lie_elsewhere_and_an_unknown_type_is_refused(tmp_path: Path) -> None:
    root = _make(tmp_path / "a", {1: "Benign"})
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "DatasetB.csv").write_text("Image,Type\n000001,Phyllodes\n")
    with pytest.raises(InputError, match="image 000001: 'Phyllodes' is no label that is known here"):
        udiat.read(root, tables=tmp_path / "tables")
    assert udiat.read(root, tables=tmp_path / "tables", words={"phyllodes": "benign"}).images[0].label == "benign"

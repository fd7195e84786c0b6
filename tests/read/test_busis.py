"""BUSIS: every numbered quirk on a made-up copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError
from breastcad.read import busis

MASK = np.zeros((12, 20), np.uint8)
MASK[2:5, 4:9] = 255
TABLE = "img name,Ground Truth Name,tumor type\ncase001,case001_GT,B\ncase002,case002_GT,M\ncase010,case010_GT,M\n,,\n,,\n"


def _make(root: Path, table: str = TABLE) -> Path:
    for name in ("Original", "GT"):
        (root / name).mkdir(parents=True)
    for number in (1, 2, 3):
        Image.fromarray(MASK // 2).save(root / "Original" / f"case{number}.{'png' if number == 2 else 'bmp'}")
        Image.fromarray(MASK).save(root / "GT" / f"case{number}_GT.bmp")
    (root / "BUSIS562.csv").write_text(table)
    return root


@pytest.mark.quirk("BIS-Q1", "BIS-Q2")
def test_bis_q1_q2_names_are_joined_by_number_and_empty_rows_are_none(tmp_path: Path) -> None:
    collection = busis.read(_make(tmp_path))
    assert [(row.image_id, row.label, row.present) for row in collection.images] == [
        ("case1", "benign", 1),
        ("case2", "malignant", 1),
        ("case3", "unknown", 1),
        ("case10", "malignant", 0),
    ]
    assert "images that the table does not list, label unknown: 1 (case3)" in collection.facts["problems"]


def test_masks_make_findings(tmp_path: Path) -> None:
    root = _make(tmp_path)
    (root / "GT" / "case2_GT.bmp").unlink()
    collection = busis.read(root / "GT")
    assert [row.mask_path for row in collection.findings] == ["GT/case1_GT.bmp", None, "GT/case3_GT.bmp", None]
    assert (collection.findings[0].row0, collection.findings[0].col1) == (2, 9)
    assert "images without a mask: 1 (case2)" in collection.facts["problems"]


def test_without_the_table_labels_are_unknown_and_an_unknown_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="case1: 'X' is no label"):
        busis.read(_make(tmp_path, TABLE.replace(",B", ",X")))
    (tmp_path / "BUSIS562.csv").unlink()
    assert {row.label for row in busis.read(tmp_path).images} == {"unknown"}

"""STU-Hospital: every numbered quirk on a made-up copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.read import stu


@pytest.mark.quirk("STU-Q1", "STU-Q2", "STU-Q3")
def test_stu_q1_q2_q3_both_names_masks_of_any_mode_and_no_labels(tmp_path: Path) -> None:
    place = tmp_path / "Hospital"
    place.mkdir()
    mask = np.zeros((16, 16), np.uint8)
    mask[3:9, 5:8] = 200
    for number, name in ((2, "Test_Image"), (10, "image")):
        Image.fromarray(mask // 3).save(place / f"{name}_{number}.png")
        Image.fromarray(np.dstack([mask] * 3) if number == 2 else mask).save(place / f"mask_{number}.png")
    Image.fromarray(mask).save(place / "Test_Image_11.png")  # without a mask
    collection = stu.read(tmp_path)
    assert [row.image_id for row in collection.images] == ["Test_Image_2", "image_10"]
    assert {row.label for row in collection.images} == {row.pathology for row in collection.findings} == {"unknown"}
    assert {(row.row0, row.col0, row.row1, row.col1) for row in collection.findings} == {(3, 5, 9, 8)}

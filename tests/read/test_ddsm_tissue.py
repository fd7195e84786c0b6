"""DDSM tissue labels: every numbered quirk on a made-up copy, and the films at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.read import ddsm_tissue


def _make(root: Path) -> Path:
    for name in ("films", "labels"):
        (root / name).mkdir(parents=True)
    labels = np.repeat(np.array([64, 128, 192, 255], np.uint8), 5)[:, None].repeat(10, axis=1)
    for number in (2, 3):
        Image.fromarray(labels // 2).save(root / "films" / f"A_000{number}_1.RIGHT_MLO.png")
        Image.fromarray(labels).save(root / "labels" / f"A_000{number}_1.RIGHT_MLO_LI.png")
    return root


@pytest.mark.quirk("TIS-Q1", "TIS-Q2")
def test_tis_q1_q2_a_film_has_four_regions_of_its_label_map_and_no_spacing(tmp_path: Path) -> None:
    collection = ddsm_tissue.read(_make(tmp_path))
    assert [(row.image_id, row.patient_id, row.laterality, row.view, row.aspect, row.spacing_row_mm) for row in collection.images] == [
        (f"A_000{number}_1.RIGHT_MLO", f"A_000{number}", "R", "MLO", "lost", None) for number in (2, 3)
    ]
    assert [(row.region, row.path, row.value) for row in collection.regions][:4] == [
        (region, "labels/A_0002_1.RIGHT_MLO_LI.png", value)
        for region, value in (("background", 64), ("fat", 128), ("fibroglandular", 192), ("pectoral", 255))
    ]
    assert "distances hold in pixels only" in "\n".join(collection.facts["problems"])


def test_faulty_label_maps_are_said(tmp_path: Path) -> None:
    root = _make(tmp_path)
    (root / "labels" / "A_0002_1.RIGHT_MLO_LI.png").unlink()
    Image.new("L", (3, 3)).save(root / "labels" / "A_0003_1.RIGHT_MLO_LI.png")
    collection = ddsm_tissue.read(root)
    assert collection.regions == []
    assert "films without a label map: 1 (A_0002_1.RIGHT_MLO)" in collection.facts["problems"]
    assert "label maps of another size than their film, not used: 1 (A_0003_1.RIGHT_MLO_LI.png)" in collection.facts["problems"]


@pytest.mark.realdata
def test_the_films_at_hand(real_data: Path) -> None:
    collection = ddsm_tissue.read(real_data / "ddsm-tissue")
    assert (collection.facts["counts"]["read"], collection.facts["counts"]["patients"], len(collection.regions)) == (60, 60, 240)
    assert {(row.rows, row.cols, row.laterality, row.view) for row in collection.images} == {(960, 480, "R", "MLO")}

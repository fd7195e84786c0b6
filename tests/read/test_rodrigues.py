"""Rodrigues' set: every numbered quirk on a made-up copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError
from breastcad.read import rodrigues

SIZES = {"benign/us2": (57, 93), "benign/us10": (64, 64), "malignant/us2": (161, 199)}


def _make(root: Path) -> Path:
    place = root / "us-dataset" / "originals"
    for name, shape in SIZES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        levels = np.full(shape, 90, np.uint8)
        picture = Image.fromarray(np.dstack([levels] * 3)) if name == "malignant/us2" else Image.fromarray(levels)
        (picture.convert("P") if name == "benign/us10" else picture).save(place / f"{name}.bmp")
    return root


@pytest.mark.quirk("ROD-Q1", "ROD-Q3")
def test_rod_q1_q3_sizes_are_read_and_numbers_may_repeat(tmp_path: Path) -> None:
    collection = rodrigues.read(_make(tmp_path))
    assert {row.image_id: (row.rows, row.cols) for row in collection.images} == SIZES
    assert [row.image_id for row in collection.images] == list(SIZES)
    assert [row.label for row in collection.images] == ["benign", "benign", "malignant"]


def test_two_files_of_one_name_are_one_image_and_it_is_said(tmp_path: Path) -> None:
    place = _make(tmp_path) / "us-dataset" / "originals" / "benign"
    Image.fromarray(np.full((9, 9), 90, np.uint8)).save(place / "us10.png")
    collection = rodrigues.read(tmp_path)
    assert {row.image_id: (row.rows, row.cols) for row in collection.images} == SIZES
    assert len(collection.images) == len(SIZES)
    assert "files of another's name, of which the first is read: 1 (benign/us10.png)" in collection.facts["problems"]


def test_findings_have_no_place_and_it_is_said(tmp_path: Path) -> None:
    collection = rodrigues.read(_make(tmp_path) / "us-dataset")
    assert [(row.geometry, row.pathology) for row in collection.findings] == [("none", "benign"), ("none", "benign"), ("none", "malignant")]
    assert "the set has no masks: findings have no place" in collection.facts["problems"]


@pytest.mark.quirk("ROD-Q2")
def test_rod_q2_the_set_is_cited_by_its_own_number_and_not_as_busi(tmp_path: Path) -> None:
    cite = rodrigues.read(_make(tmp_path)).facts["cite"]
    assert "wmy84gzngw" in cite
    assert "Al-Dhabyani" not in cite


def test_a_broken_file_stops_nothing_and_an_unknown_folder_is_refused(tmp_path: Path) -> None:
    place = _make(tmp_path) / "us-dataset" / "originals"
    broken = place / "benign" / "us2.bmp"
    broken.write_bytes(broken.read_bytes()[:500])
    collection = rodrigues.read(place)
    assert [row.present for row in collection.images] == [0, 1, 1]
    assert "images that are there but cannot be read: 1 (us2.bmp: is cut short; fetch it again)" in collection.facts["problems"]
    (place / "odd").mkdir()
    Image.new("L", (4, 4)).save(place / "odd" / "us1.bmp")
    with pytest.raises(InputError, match="folder 'odd': 'odd' is no label"):
        rodrigues.read(place)

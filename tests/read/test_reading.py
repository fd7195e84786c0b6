"""What readers of sets have in common: rows in order, files looked at, faults told in the order in which they were met."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from breastcad.core.records import FindingRow, ImageRow, RegionRow
from breastcad.read.reading import Reading, put_points

ABOUT = {"set": "s", "title": "S", "licence": "free", "cite": "nobody"}


def test_progress_is_told_after_each_item_also_of_an_iterator_that_has_no_length(tmp_path: Path) -> None:
    seen: list[object] = []
    for item in Reading(ABOUT, tmp_path, lambda *told: seen.append(told)).each(iter("ab")):
        seen.append(item)
    assert seen == ["a", (1, 2), "b", (2, 2)]


def test_an_item_that_is_skipped_is_done_too(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    for item in Reading(ABOUT, tmp_path, lambda *told: seen.append(told)).each("ab"):
        if item == "b":
            continue
    assert seen == [(1, 2), (2, 2)]


def test_files_are_looked_at_by_their_kind_and_broken_ones_said(tmp_path: Path) -> None:
    Image.new("L", (20, 12)).save(tmp_path / "a.png")
    for name in ("b.png", "c.DCM", "d.dicom"):
        (tmp_path / name).write_bytes(b"no picture")
    reading = Reading(ABOUT, tmp_path)
    for name in ("a.png", "b.png", "c.DCM", "d.dicom"):
        reading.add(ImageRow("s", name), tmp_path / name, "films that are broken")
    reading.add(ImageRow("s", "e"), None)
    assert [(row.image_id, row.present) for row in reading.images] == [("a.png", 1), ("b.png", 0), ("c.DCM", 0), ("d.dicom", 0), ("e", 0)]
    assert (reading.images[0].rows, reading.images[0].cols) == (12, 20)
    assert reading.faults["films that are broken"] == ["b.png: is no picture"]
    assert [fault.partition(":")[0] for fault in reading.faults["images that are there but cannot be read"]] == ["c.DCM", "d.dicom"]


def test_collection_tells_problems_first_and_then_faults_in_the_order_of_their_first_items(tmp_path: Path) -> None:
    reading = Reading(ABOUT, tmp_path, images=[ImageRow("s", "a")], findings=[FindingRow("s", "a-1", "a")])
    reading.regions.append(RegionRow("s", "a", "breast", "m.png"))
    reading.fault("late")
    reading.fault("early", "x", "y")
    reading.fault("late", "z")
    collection = reading.finish(["said"], {"published": 7})
    assert collection.facts["problems"] == ["said", "early: 2 (x, y)", "late: 1 (z)"]
    assert list(collection.facts) == ["set", "title", "licence", "cite", "reader", "counts", "problems"]
    assert (collection.facts["reader"], collection.facts["counts"]["findings"], collection.facts["counts"]["published"]) == ("s", 1, 7)
    assert (collection.root, len(collection.images), len(collection.findings), len(collection.regions)) == (str(tmp_path), 1, 1, 1)


def test_points_have_the_box_around_them_and_without_one_nothing_is_entered() -> None:
    row = FindingRow("s", "a-1", "a")
    with pytest.raises(ValueError, match="not enough values"):
        put_points(row, "polygon", [])
    for number in (float("inf"), float("nan")):
        with pytest.raises(ValueError, match="points must be finite"):
            put_points(row, "polygon", [(3, 2.5), (1, number)])
    assert row == FindingRow("s", "a-1", "a")
    put_points(row, "polygon", [(3, 2.5), (1, 8), (9, 4)])
    assert (row.geometry, row.points, row.row0, row.col0, row.row1, row.col1) == ("polygon", "3,2.5 1,8 9,4", 1, 2.5, 9, 8)

"""INbreast: every numbered quirk that a file can show, on a made-up copy."""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from breastcad.core.errors import InputError
from breastcad.core.files import write_collection
from breastcad.core.records import Collection
from breastcad.patches.rois import roi_mask
from breastcad.read import inbreast


@pytest.fixture(scope="module")
def collection(made_up: Callable[[str, int], Path]) -> Collection:
    return inbreast.read(made_up("inbreast", 2))


@pytest.fixture
def copy(made_up: Callable[[str, int], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_up("inbreast", 2), tmp_path / "set")) / "INbreast Release 1.0"


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def test_labels_are_birads_categories_and_it_is_said(collection: Collection) -> None:
    assert {(row.birads, row.label) for row in collection.images} == {("1", "normal"), ("2", "benign"), ("4c", "malignant")}
    assert "labels are BI-RADS categories" in _problems(collection)


def test_patients_are_the_letters_of_the_files_names(collection: Collection) -> None:
    assert len({row.patient_id for row in collection.images}) == 2
    assert all(len(row.patient_id or "") == 16 for row in collection.images)


def test_outlines_become_polygons_and_points(collection: Collection) -> None:
    found = {row.finding_id: row for row in collection.findings}
    mass = found["20500202-1"]
    assert (mass.kind, mass.geometry, mass.pathology) == ("mass", "polygon", "benign")
    image = next(row for row in collection.images if row.image_id == "20500202")
    mask = roi_mask(mass, (image.rows or 0, image.cols or 0), Path(collection.root))
    assert mask is not None
    rows, cols = np.nonzero(mask)
    assert abs(rows.mean() - ((mass.row0 or 0) + (mass.row1 or 0)) / 2) < 8
    assert abs(cols.mean() - ((mass.col0 or 0) + (mass.col1 or 0)) / 2) < 8
    point = found["20500202-2"]
    assert (point.kind, point.geometry, len((point.points or "").split())) == ("calcification", "point", 1)


@pytest.mark.quirk("INB-Q1")
def test_inb_q1_a_density_of_blanks_is_none(collection: Collection) -> None:
    assert [row.image_id for row in collection.images if row.density is None] == ["20500102"]
    assert "films whose density is not given: 1 (20500102)" in _problems(collection)


@pytest.mark.quirk("INB-Q2")
def test_inb_q2_a_view_fb_is_kept(collection: Collection) -> None:
    assert {row.view for row in collection.images} == {"CC", "MLO", "FB"}


def _biff2(rows: list[list[object]]) -> bytes:
    """Return a minimal BIFF2 workbook, the oldest kind of .xls: a stream of records, no container."""
    content = struct.pack("<HHHH", 0x0009, 4, 2, 0x0010)
    for row, cells in enumerate(rows):
        for col, cell in enumerate(cells):
            place = struct.pack("<HH3x", row, col)
            if isinstance(cell, float):
                content += struct.pack("<HH", 0x0003, 15) + place + struct.pack("<d", cell)
            elif cell:
                text = str(cell).encode("ascii")
                content += struct.pack("<HH", 0x0004, 8 + len(text)) + place + struct.pack("B", len(text)) + text
    return content + struct.pack("<HH", 0x000A, 0)


@pytest.mark.quirk("INB-Q3")
def test_inb_q3_the_xls_has_floats_trailing_blanks_and_rows_of_totals(copy: Path) -> None:
    header = ["Patient ID", "Patient age", "Laterality", "View", "Acquisition date", "File Name", "ACR", "Bi-Rads", "Mass ", "Micros"]
    rows: list[list[object]] = [
        header,
        ["removed", "removed", "L", "CC", 201001.0, 20500100.0, 2.0, "4a", "X", ""],
        ["removed", "removed", "L", "MLO", 201001.0, 20500101.0, 2.0, 5.0, "X", "X"],
        [""] * 10,
        ["", "", "", "", "", "", "", "", 108.0, 308.0],
    ]
    (copy / "INbreast.xls").write_bytes(_biff2(rows))
    collection = inbreast.read(copy)
    assert [(row.image_id, row.birads, row.label, row.density, row.date) for row in collection.images] == [
        ("20500100", "4a", "malignant", "B", "201001"),
        ("20500101", "5", "malignant", "B", "201001"),
    ]
    assert [row.extra for row in collection.images] == [{"mass": "X"}, {"mass": "X", "micros": "X"}]
    assert "films that the table does not list, left out: 6" in _problems(collection)


@pytest.mark.quirk("INB-Q4")
def test_inb_q4_a_normal_film_has_no_outlines_and_a_missing_file_is_said(collection: Collection) -> None:
    assert not {row.image_id for row in collection.findings} & {row.image_id for row in collection.images if row.label == "normal"}
    assert "images with BI-RADS 2 or more that have no outline file: 1 (20500101)" in _problems(collection)
    assert [row.geometry for row in collection.findings if row.image_id == "20500101"] == ["none"]


@pytest.mark.quirk("INB-Q5")
def test_inb_q5_names_are_understood_as_they_were_typed(collection: Collection) -> None:
    spiculated = [row for row in collection.findings if row.extra.get("name") == "Espiculated Region"]
    assert [(row.kind, row.margin) for row in spiculated] == [("mass", "spiculated")]
    unnamed = [row.finding_id for row in collection.findings if row.kind == "other" and row.geometry != "none"]
    assert "outlines whose name is no kind of finding, kept as 'other': 3" in _problems(collection)
    assert len(unnamed) == 3


@pytest.mark.parametrize("cell", ["(266.502020-01-310, 300)", "(1e400, 300)", "(nan, 300)", "(1_0, 300)", "300", ""])
def test_an_outline_of_which_a_point_is_damaged_is_not_used_and_said(copy: Path, cell: str) -> None:
    path = copy / "AllXML" / "20500202.xml"
    head, key, points = path.read_text().partition("<key>Point_px</key>")
    path.write_text(head + key + re.sub(r"<string>.*?</string>", f"<string>{cell}</string>", points, count=1))
    collection = inbreast.read(copy)
    write_collection(copy.parent / "out", collection)
    found = {row.finding_id: (row.geometry, row.row0, row.points) for row in collection.findings}
    assert found["20500202-1"] == ("none", None, None)
    assert found["20500202-2"][0] == "point"
    assert "outlines with points that cannot be understood, not used: 1 (20500202-1)" in _problems(collection)


@pytest.mark.parametrize("rois", ["<string>a</string>", "<integer>7</integer>"])
def test_an_outline_file_of_another_shape_is_said(copy: Path, rois: str) -> None:
    text = f"<plist><dict><key>Images</key><array><dict><key>ROIs</key><array>{rois}</array></dict></array></dict></plist>"
    (copy / "AllXML" / "20500202.xml").write_text(text)
    assert "outline files that cannot be read: 1 (20500202.xml: is no file of outlines" in _problems(inbreast.read(copy))


def test_points_that_are_no_list_are_said(copy: Path) -> None:
    text = "<dict><key>Name</key><string>Mass</string><key>Point_px</key><integer>7</integer></dict>"
    text = f"<plist><dict><key>Images</key><array><dict><key>ROIs</key><array>{text}</array></dict></array></dict></plist>"
    (copy / "AllXML" / "20500202.xml").write_text(text)
    assert "outlines with points that cannot be understood, not used: 1 (20500202-1)" in _problems(inbreast.read(copy))


@pytest.mark.quirk("INB-Q6")
def test_inb_q6_outlines_of_the_muscle_are_regions(copy: Path) -> None:
    place = copy / "PectoralMuscle" / "Pectoral Muscle XML"
    place.mkdir(parents=True)
    (place / "20500101_muscle.xml").write_text("<plist/>")
    collection = inbreast.read(copy)
    assert [(row.image_id, row.region, row.path) for row in collection.regions] == [
        ("20500101", "pectoral", "PectoralMuscle/Pectoral Muscle XML/20500101_muscle.xml")
    ]


@pytest.mark.quirk("INB-Q7")
def test_inb_q7_two_exams_of_a_patient_are_one_patient_and_said(copy: Path) -> None:
    table = copy / "INbreast.csv"
    table.write_bytes(table.read_bytes().replace(b"MLO;201001;20500101", b"MLO;201002;20500101"))
    collection = inbreast.read(copy)
    patient = collection.images[0].patient_id
    assert len({row.exam_id for row in collection.images if row.patient_id == patient}) == 2
    assert f"patients of more than one exam: 1 ({patient})" in _problems(collection)


@pytest.mark.quirk("INB-Q8")
def test_inb_q8_two_views_of_a_breast_may_differ(copy: Path) -> None:
    table = copy / "INbreast.csv"
    lines = table.read_text().splitlines()
    lines[1] = lines[1].rpartition(";")[0] + ";5"
    table.write_text("\n".join(lines))
    assert [row.birads for row in inbreast.read(copy).images][:2] == ["5", "4c"]


@pytest.mark.quirk("INB-Q10")
def test_inb_q10_what_is_no_dicom_in_the_folder_is_left_alone(collection: Collection) -> None:
    assert (Path(collection.root) / "AllDICOMs" / "readDICOM.m").is_file()
    assert collection.facts["counts"]["read"] == len(collection.images) == 8


def test_faulty_outlines_and_an_unknown_category(copy: Path) -> None:
    (copy / "AllXML" / "20500202.xml").write_text("<plist><dict>")
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><plist><string>&b;</string></plist>'
    (copy / "AllXML" / "20500203.xml").write_text(bomb)
    assert "outline files that cannot be read: 2 (20500202.xml: is no file of outlines" in _problems(inbreast.read(copy))
    (copy / "INbreast.csv").write_bytes((copy / "INbreast.csv").read_bytes().replace(b";4c", b";7"))
    with pytest.raises(InputError, match=r"image 20500100, Bi-Rads: '7' is no label"):
        inbreast.read(copy)
    (copy / "INbreast.csv").unlink()
    with pytest.raises(InputError, match=r"INbreast\.csv: is missing; name the folder of INbreast\.csv or INbreast\.xls with --tables"):
        inbreast.read(copy)

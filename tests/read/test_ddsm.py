"""DDSM: every numbered quirk that a file can show, on a made-up case, and the real one at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection
from breastcad.patches.rois import roi_mask
from breastcad.read import ddsm
from breastcad.read.files import read_picture

ICS = """
ics_version 1.0
filename B-3077-1
DATE_OF_STUDY 29 5 1998
PATIENT_AGE 58
FILM \nFILM_TYPE REGULAR
DENSITY 2
DATE_DIGITIZED 14 7 1998
DIGITIZER LUMISYS LASER
SEQUENCE
LEFT_CC LINES 60 PIXELS_PER_LINE 40 BITS_PER_PIXEL 12 RESOLUTION 50 OVERLAY
LEFT_MLO LINES 60 PIXELS_PER_LINE 40 BITS_PER_PIXEL 12 RESOLUTION 50 OVERLAY
RIGHT_CC LINES 60 PIXELS_PER_LINE 40 BITS_PER_PIXEL 12 RESOLUTION 50 NON_OVERLAY
"""
OVERLAY = """TOTAL_ABNORMALITIES 2
ABNORMALITY 1
LESION_TYPE MASS SHAPE IRREGULAR MARGINS SPICULATED
LESION_TYPE CALCIFICATION TYPE PLEOMORPHIC DISTRIBUTION CLUSTERED
ASSESSMENT 5
SUBTLETY 4
PATHOLOGY MALIGNANT
TOTAL_OUTLINES 2
BOUNDARY
10 20 2 2 2 2 2 4 4 4 4 6 6 6 6 6 0 0 0 0 #
CORE
12 21 2 4 6 0 #
ABNORMALITY 2
LESION_TYPE CALCIFICATION TYPE PUNCTATE DISTRIBUTION CLUSTERED
ASSESSMENT
SUBTLETY 1
PATHOLOGY UNPROVEN
TOTAL_OUTLINES 1
BOUNDARY
37 50 2 2 2 2 2 2 4 4 6 6 6 6 6 6 0 0 #
"""


def _make(root: Path) -> Path:
    case = root / "cancers" / "cancer_01" / "case3077"
    case.mkdir(parents=True)
    (case / "B-3077-1.ics").write_text(ICS)
    (case / "B_3077_1.LEFT_CC.OVERLAY").write_text(OVERLAY)
    (case / "B_3077_1.LEFT_MLO.LJPEG").write_bytes(b"\xff\xd8")
    Image.fromarray(np.full((60, 40), 900, np.uint16)).save(case / "B_3077_1.LEFT_CC.png")
    return case


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    _make(tmp_path)
    return ddsm.read(tmp_path)


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


@pytest.mark.quirk("DDSM-Q1")
def test_ddsm_q1_the_case_file_has_dashes_and_the_films_underscores(collection: Collection) -> None:
    assert [(row.image_id, row.present, row.patient_id) for row in collection.images] == [
        ("B_3077_1.LEFT_CC", 1, "B_3077"),
        ("B_3077_1.LEFT_MLO", 0, "B_3077"),
        ("B_3077_1.RIGHT_CC", 0, "B_3077"),
    ]


def test_the_case_file_is_understood(collection: Collection) -> None:
    row = collection.images[1]
    assert (row.rows, row.cols, row.bit_depth, row.spacing_row_mm) == (60, 40, 12, 0.05)
    assert (row.date, row.age, row.density, row.extra["digitizer"], row.extra["site"]) == ("1998-05-29", 58, "B", "LUMISYS LASER", "B")


@pytest.mark.quirk("DDSM-Q3", "DDSM-Q11")
def test_ddsm_q3_q11_labels_are_the_views_own_and_not_the_volumes(collection: Collection) -> None:
    assert [row.label for row in collection.images] == ["malignant", "unknown", "normal"]
    assert collection.images[0].extra["volume"] == "cancer_01"
    assert "views whose outline file is missing, label unknown: 1 (B_3077_1.LEFT_MLO)" in _problems(collection)


@pytest.mark.quirk("DDSM-Q4", "DDSM-Q7")
def test_ddsm_q4_q7_several_types_and_empty_values(collection: Collection) -> None:
    first, second = collection.findings
    assert (first.kind, first.shape, first.margin, first.morphology, first.birads) == (
        "mass",
        "IRREGULAR",
        "SPICULATED",
        "PLEOMORPHIC",
        "5",
    )
    assert (second.kind, second.pathology, second.birads, second.extra["pathology"]) == ("calcification", "unknown", None, "UNPROVEN")


def test_chain_codes_become_outlines(collection: Collection) -> None:
    first = collection.findings[0]
    assert (first.row0, first.col0, first.row1, first.col1) == (20, 10, 24, 15)
    assert first.points == "20,10 20,15 24,15 24,10"
    assert first.extra["outlines"] == "2"
    mask = roi_mask(first, (60, 40), Path())
    assert mask is not None
    assert mask.sum() == 4 * 5


@pytest.mark.quirk("DDSM-Q5")
def test_ddsm_q5_an_outline_that_leaves_the_film_is_cut(collection: Collection) -> None:
    second = collection.findings[1]
    assert (second.col0, second.col1) == (37, 40)
    assert "outlines that left their film, cut to it: 1 (B_3077_1.LEFT_CC-2)" in _problems(collection)


def test_films_in_its_own_jpeg_are_told(tmp_path: Path) -> None:
    (_make(tmp_path) / "B_3077_1.LEFT_MLO.LJPEG").write_bytes(b"\xff\xd8\xff\xc3\x00\xff\xd9\n")
    said = "films in DDSM's own lossless JPEG; convert them to 16-bit PNG beside it (docs/data.md): 1 (B_3077_1.LEFT_MLO)"
    assert said in _problems(ddsm.read(tmp_path))


@pytest.mark.quirk("DDSM-Q6")
def test_ddsm_q6_grey_level_0_of_a_dba_scan_is_black_and_no_fault(tmp_path: Path) -> None:
    """Optical density would need its logarithm; the reader leaves grey levels as they are, so nothing is infinite."""
    case = _make(tmp_path)
    (case / "B-3077-1.ics").write_text(ICS.replace("LUMISYS LASER", "DBA 21"))
    Image.fromarray(np.array([[0, 64064]] * 30, np.uint16).repeat(2, axis=0).repeat(20, axis=1)).save(case / "B_3077_1.LEFT_CC.png")
    collection = ddsm.read(tmp_path)
    assert (collection.images[0].present, collection.images[0].extra["digitizer"]) == (1, "DBA 21")
    assert set(np.unique(read_picture(case / "B_3077_1.LEFT_CC.png").pixels)) == {0, np.float32(64064 / 65535)}


@pytest.mark.quirk("DDSM-Q7")
def test_ddsm_q7_what_a_case_file_leaves_empty_is_empty(tmp_path: Path) -> None:
    case = _make(tmp_path)
    (case / "B-3077-1.ics").write_text(ICS.replace("AGE 58", "AGE").replace("DENSITY 2", "DENSITY"))
    (case / "B_3077_1.LEFT_CC.OVERLAY").write_text(OVERLAY.replace("SUBTLETY 1", "SUBTLETY").replace("PATHOLOGY UNPROVEN", "PATHOLOGY"))
    collection = ddsm.read(tmp_path)
    assert {(row.age, row.density) for row in collection.images} == {(None, None)}
    assert (collection.findings[1].subtlety, collection.findings[1].pathology) == (None, "unknown")


@pytest.mark.quirk("DDSM-Q8")
def test_ddsm_q8_gzipped_and_missing_files_are_told(tmp_path: Path) -> None:
    case = _make(tmp_path)
    (case / "B_3077_1.LEFT_CC.OVERLAY").rename(case / "B_3077_1.LEFT_CC.OVERLAY.gz")
    collection = ddsm.read(tmp_path)
    assert [(row.label, row.present) for row in collection.images] == [("unknown", 1), ("unknown", 0), ("normal", 0)]
    assert "files that are gzipped, not read; unpack them and import again: 1 (B_3077_1.LEFT_CC.OVERLAY.gz)" in _problems(collection)


@pytest.mark.quirk("DDSM-Q10")
def test_ddsm_q10_an_overlay_holds_as_many_abnormalities_as_it_has(tmp_path: Path) -> None:
    head, first, second = OVERLAY.split("ABNORMALITY ")[:1] + ["ABNORMALITY " + part for part in OVERLAY.split("ABNORMALITY ")[1:]]
    (_make(tmp_path) / "B_3077_1.LEFT_CC.OVERLAY").write_text(head + 4 * second + 3 * first)
    collection = ddsm.read(tmp_path)
    assert [row.finding_id[-2:] for row in collection.findings] == [f"-{number}" for number in range(1, 8)]
    assert [row.kind for row in collection.findings] == ["calcification"] * 4 + ["mass"] * 3


@pytest.mark.quirk("DDSM-Q12")
def test_ddsm_q12_a_film_that_is_cut_short_is_told(collection: Collection) -> None:
    """The made-up film has a JPEG's first two bytes and no end."""
    assert "films in DDSM's own lossless JPEG that are cut short; fetch them again: 1 (B_3077_1.LEFT_MLO)" in _problems(collection)


@pytest.mark.parametrize(
    "code",
    ["", "10 20", "10 20 9 #", "a b 2 #", "10 20 2 -1 #", f"{'1' * 5000} 20 2 #"],
    ids=["empty", "short", "code", "words", "sign", "endless"],
)
def test_what_is_no_chain_code_leaves_the_views_label_unknown(tmp_path: Path, code: str) -> None:
    case = _make(tmp_path)
    (case / "B_3077_1.LEFT_CC.OVERLAY").write_text(OVERLAY.replace("12 21 2 4 6 0 #", code))
    collection = ddsm.read(tmp_path)
    assert collection.images[0].label == "unknown"
    assert "outline files that cannot be read: 1 (B_3077_1.LEFT_CC.OVERLAY: holds no chain code" in _problems(collection)


def test_a_broken_case_stops_nothing_and_a_folder_without_cases_is_refused(tmp_path: Path) -> None:
    case = _make(tmp_path)
    other = case.parent / "case3078"
    other.mkdir()
    (other / "B-3078-1.ics").write_text("ics_version 1.0\n")
    assert "cases that cannot be read, left out: 1 (B-3078-1.ics: lists no view" in _problems(ddsm.read(tmp_path))
    (tmp_path / "none" / "x").mkdir(parents=True)
    with pytest.raises(InputError, match="does not hold DDSM"):
        ddsm.read(tmp_path / "none" / "x")


def test_an_overlay_without_abnormality_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.OVERLAY").write_text("TOTAL_ABNORMALITIES 0\n")
    with pytest.raises(ReadError, match=r"a\.OVERLAY: holds no abnormality"):
        ddsm.read_overlay(tmp_path / "a.OVERLAY")


@pytest.mark.realdata
def test_the_case_at_hand(real_data: Path) -> None:
    collection = ddsm.read(real_data / "ddsm")
    assert [(row.image_id, row.rows, row.cols, row.label, row.birads) for row in collection.images] == [
        ("D_4000_1.LEFT_CC", 5296, 2566, "benign", "0"),
        ("D_4000_1.LEFT_MLO", 5386, 2836, "benign", "0"),
        ("D_4000_1.RIGHT_CC", 5056, 2416, "normal", None),
        ("D_4000_1.RIGHT_MLO", 5386, 2596, "normal", None),
    ]
    assert [(row.kind, row.shape, row.geometry) for row in collection.findings] == [("mass", "LOBULATED", "polygon")] * 2
    for row in collection.findings:
        first, *_, last = (tuple(map(int, pair.split(","))) for pair in (row.points or "").split())
        assert max(abs(first[0] - last[0]), abs(first[1] - last[1])) < 40, "the outline closes"


@pytest.mark.quirk("DDSM-Q13")
@pytest.mark.realdata
def test_the_thumbnail_at_hand_is_a_picture_and_no_noise(real_data: Path) -> None:
    """Read a byte off, neighbours differ by 0.24 in the mean."""
    pixels = read_picture(real_data / "ddsm" / "case4000" / "TAPE_D_4000_1.COMB.16_PGM").pixels
    assert np.abs(np.diff(pixels, axis=1)).mean() < 0.01

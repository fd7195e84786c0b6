"""BUS-BRA: every numbered quirk on a made-up copy, and the counts of the real set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection
from breastcad.read import bus_bra

ROWS, COLS = 30, 50
HEADER = "ID,Case,Histology,Pathology,BIRADS,Device,Width,Height,Side,BBOX\n"
DEVICE = "GE Logiq 7 @10-14MHz"
# The masks fill rows 4 to 11 and columns 9 to 19: tight box (4, 9, 12, 20), in the table [x + 1, y + 1, w - 1, h - 1] = [10, 5, 10, 7].
LINES = {
    "bus_0001-l": f'1,fibroadenoma,benign,4,{DEVICE},50,30,left,"[10,5,10,7]"',
    "bus_0001-r": f'1,fibroadenoma,benign,4,{DEVICE},50,44,right,"[10,5,10,7]"',
    "bus_0002-s": f'2,invasive ductal carcinoma,malignant,2,{DEVICE},50,30,single,"[1,1,10,7]"',
    "bus_0003-s": '3,cyst,benign,5,Toshiba Aplio 300 @12-14 MHz,50,30,single,"[10,5,10,7]"',
}
FOLDS = """ID,Pathology,kFold,valid_1,valid_2,valid_3,valid_4,valid_5
bus_0001-l,benign,2,1,NaN,1,1,1
bus_0001-r,benign,2,0,NaN,1,1,1
bus_0002-s,malignant,5,1,0,1,1,NaN
"""


def _make(root: Path, present: tuple[str, ...] = ("bus_0001-l", "bus_0001-r", "bus_0002-s")) -> Path:
    for name in ("Images", "Masks"):
        (root / name).mkdir(parents=True)
    (root / "bus_data.csv").write_text(HEADER + "".join(f"{name},{cells}\n" for name, cells in LINES.items()))
    (root / "5-fold-cv.csv").write_text(FOLDS)
    mask = np.zeros((ROWS, COLS), bool)
    mask[4:12, 9:20] = True
    for name in present:
        Image.fromarray(np.tile(np.arange(COLS, dtype=np.uint8), (ROWS, 1))).save(root / "Images" / f"{name}.png")
        Image.fromarray(mask).save(root / "Masks" / f"{name.replace('bus', 'mask')}.png")
    return root


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _make(tmp_path_factory.mktemp("bra") / "BUSBRA")


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def test_listed_images_have_a_row_and_missing_ones_are_not_present(copy: Path) -> None:
    collection = bus_bra.read(copy)
    assert [(row.image_id, row.present) for row in collection.images] == [*((name, 1) for name in list(LINES)[:3]), ("bus_0003-s", 0)]
    assert (collection.facts["counts"]["patients"], collection.facts["counts"]["patients_read"]) == (3, 2)
    assert len(collection.findings) == 4
    assert collection.findings[3].geometry == "none"


def test_images_of_a_case_are_one_woman(copy: Path) -> None:
    assert [row.patient_id for row in bus_bra.read(copy).images] == ["case 1", "case 1", "case 2", "case 3"]


def test_device_histology_and_birads_are_kept(copy: Path) -> None:
    collection = bus_bra.read(copy)
    assert [row.manufacturer for row in collection.images] == ["GE Logiq 7"] * 3 + ["Toshiba Aplio 300"]
    assert collection.images[0].extra["device"] == DEVICE
    assert collection.findings[2].extra["histology"] == "invasive ductal carcinoma"


@pytest.mark.quirk("BRA-Q1")
def test_bra_q1_side_is_a_half_of_the_screen_and_no_breast(copy: Path) -> None:
    images = bus_bra.read(copy).images
    assert {row.laterality for row in images} == {None}
    assert [row.extra["side"] for row in images] == ["left", "right", "single", "single"]


@pytest.mark.quirk("BRA-Q2")
def test_bra_q2_wrong_size_in_the_table_is_said_and_the_file_wins(copy: Path) -> None:
    collection = bus_bra.read(copy)
    assert (collection.images[1].rows, collection.images[1].cols) == (ROWS, COLS)
    assert "size in the table is wrong; the file's own is kept: 1 (bus_0001-r: 50 x 44, is 50 x 30)" in _problems(collection)


@pytest.mark.quirk("BRA-Q3")
def test_bra_q3_box_comes_from_the_mask_and_the_table_is_compared(copy: Path) -> None:
    collection = bus_bra.read(copy)
    row = collection.findings[2]
    assert (row.row0, row.col0, row.row1, row.col1) == (4, 9, 12, 20)
    assert (row.mask_path, row.extra["bbox"]) == ("Masks/mask_0002-s.png", "[1,1,10,7]")
    assert "boxes of the table that differ from the mask's; the mask's is kept: 1 (bus_0002-s: [1,1,10,7])" in _problems(collection)
    assert collection.facts["counts"]["boxes_that_agree"] == 2


@pytest.mark.quirk("BRA-Q4")
def test_bra_q4_published_fold_is_kept_and_its_flags_are_not(copy: Path) -> None:
    collection = bus_bra.read(copy)
    assert [row.extra.get("fold_5") for row in collection.images] == ["2", "2", "5", None]
    assert {row.part for row in collection.images} == {None}
    assert not [key for row in collection.images for key in row.extra if "valid" in key]
    assert "there is no 10-fold-cv.csv: x_fold_10 is empty" in _problems(collection)


@pytest.mark.quirk("BRA-Q5")
def test_bra_q5_birads_does_not_change_the_label(copy: Path) -> None:
    assert [(row.birads, row.label) for row in bus_bra.read(copy).images][2:] == [("2", "malignant"), ("5", "benign")]


@pytest.mark.parametrize("level", [".", "..", "Images"])
def test_folder_one_too_high_or_low_is_found(copy: Path, level: str) -> None:
    assert Path(bus_bra.read(copy / level).root).resolve() == copy.resolve()


def test_tables_may_lie_elsewhere(tmp_path: Path) -> None:
    root = _make(tmp_path / "BUSBRA")
    (tmp_path / "tables").mkdir()
    for name in ("bus_data.csv", "5-fold-cv.csv"):
        (root / name).rename(tmp_path / "tables" / name)
    collection = bus_bra.read(root, tables=tmp_path / "tables")
    assert (collection.root, collection.facts["counts"]["read"]) == (str(root), 3)


def test_faulty_files_do_not_stop_the_import_and_are_said(tmp_path: Path) -> None:
    root = _make(tmp_path, present=tuple(LINES))
    (root / "Images" / "bus_0001-l.png").write_bytes(b"no picture")
    (root / "Masks" / "mask_0001-r.png").unlink()
    Image.fromarray(np.ones((COLS, ROWS), bool)).save(root / "Masks" / "mask_0002-s.png")
    Image.fromarray(np.zeros((ROWS, COLS), bool)).save(root / "Masks" / "mask_0003-s.png")
    Image.fromarray(np.zeros((ROWS, COLS), bool)).save(root / "Images" / "bus_9999-s.png")
    collection = bus_bra.read(root)
    assert [row.present for row in collection.images] == [0, 1, 1, 1]
    assert [row.geometry for row in collection.findings] == ["mask", "none", "none", "none"]
    problems = _problems(collection)
    for sentence in (
        "images that are there but cannot be read: 1 (bus_0001-l.png: is no picture)",
        "images without a mask: 1 (bus_0001-r)",
        "masks of another size than their image, not used: 1 (mask_0002-s.png)",
        "masks that are empty: 1 (mask_0003-s.png)",
        "images that the table does not list, left out: 1 (bus_9999-s.png)",
    ):
        assert sentence in problems
    (root / "Masks" / "mask_0001-r.png").write_bytes(b"no picture")
    assert "masks that cannot be read: 1 (mask_0001-r.png: " in _problems(bus_bra.read(root))


def test_box_cell_that_is_no_box_counts_as_different(tmp_path: Path) -> None:
    root = _make(tmp_path)
    (root / "bus_data.csv").write_text((root / "bus_data.csv").read_text().replace("[10,5,10,7]", "none"))
    assert bus_bra.read(root).facts["counts"]["boxes_that_agree"] == 0


@given(st.integers(0, 400), st.integers(0, 400), st.integers(2, 99), st.integers(2, 99))
def test_box_of_the_table_is_the_tight_box_of_its_mask(row: int, col: int, height: int, width: int) -> None:
    """The table holds [x + 1, y + 1, width - 1, height - 1] of the tight box."""
    cell = f"[{col + 1},{row + 1},{width - 1},{height - 1}]"
    assert bus_bra.table_box(cell) == (row, col, row + height, col + width)


def test_table_without_a_column_is_refused(tmp_path: Path) -> None:
    root = _make(tmp_path)
    (root / "bus_data.csv").write_text("ID,Pathology\nbus_0001-l,benign\n")
    with pytest.raises(ReadError, match=r"bus_data\.csv: lacks the column 'Case'"):
        bus_bra.read(root)


def test_unknown_pathology_is_refused_unless_explained(tmp_path: Path) -> None:
    root = _make(tmp_path)
    (root / "bus_data.csv").write_text((root / "bus_data.csv").read_text().replace("malignant", "borderline"))
    with pytest.raises(InputError, match=r"bus_data\.csv, bus_0002-s: 'borderline' is no label"):
        bus_bra.read(root)
    collection = bus_bra.read(root, words={"borderline": "unknown"})
    assert (collection.images[2].label, collection.findings[2].pathology) == ("unknown", "unknown")
    assert collection.findings[2].extra["pathology"] == "borderline"


def test_folder_without_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not hold BUS-BRA \(bus_data\.csv"):
        bus_bra.read(tmp_path)


def test_progress_is_told(copy: Path) -> None:
    seen: list[tuple[int, int]] = []
    bus_bra.read(copy, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (4, 4)


@pytest.mark.quirk("BRA-Q2", "BRA-Q3")
@pytest.mark.realdata
def test_real_set_is_counted(real_data: Path) -> None:
    collection = bus_bra.read(real_data / "bus-bra")
    counts = collection.facts["counts"]
    assert (counts["listed"], counts["read"], counts["missing"]) == (1875, 1127, 748)
    assert (counts["patients"], counts["patients_read"]) == (1064, 638)
    assert (counts["read_benign"], counts["read_malignant"], counts["findings_with_place"]) == (760, 367, 1127)
    assert (counts["masks"], counts["boxes_that_agree"]) == (1127, 1126)
    assert {row.extra["fold_5"] for row in collection.images if row.present} == {"1", "2", "3"}
    problems = _problems(collection)
    assert "the mask's is kept: 1 (bus_0845-s: [214,77,164,100])" in problems
    assert "size in the table is wrong; the file's own is kept: 3 (bus_0856-l" in problems

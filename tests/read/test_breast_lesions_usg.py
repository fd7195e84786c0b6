"""BrEaST-Lesions_USG: every numbered quirk on a made-up copy, and the counts of the real table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image

from breastcad.core.errors import InputError
from breastcad.core.records import Collection
from breastcad.read import breast_lesions_usg
from breastcad.read.files import read_picture

ROWS, COLS = 20, 30
HEADER = (
    *("CaseID", "Image_filename", "Mask_tumor_filename", "Mask_other_filename", "Pixel_size", "Age", "Tissue_composition", "Signs"),
    *("Symptoms", "Shape", "Margin", "Echogenicity", "Posterior_features", "Halo", "Calcifications", "Skin_thickening", "Interpretation"),
    *("BIRADS", "Verification", "Diagnosis", "Classification"),
)
OVAL = ("homogeneous: fat", "redness&warmth", "no", "oval", "circumscribed", "hypoechoic", "no", "no", "no", "no", "Cyst")
NOTHING = ("not available", *["not applicable"] * 10)
CASES = [
    (1, "case001.png", "case001_tumor.png", None, 0.0078125, 57, *OVAL, "4a", "confirmed by biopsy", "Fibroadenoma", "benign"),
    (
        2,
        "case002.png",
        "case002_tumor.png",
        "case002_other1.png&case002_other2.png",
        0.01,
        "not available",
        *OVAL,
        5,
        "x",
        "y",
        "malignant",
    ),
    (3, "case003.png", None, None, 0.0043, 40, *NOTHING, 1, "not applicable", "not applicable", "normal"),
    (4, "case004.png", "case004_tumor.png", None, 0.0043, 40, *OVAL, 5, "x", "y", "benign"),
]


def _rgba(level: np.ndarray, alpha: np.ndarray) -> Image.Image:
    return Image.fromarray(np.dstack([level, level, level, alpha]).astype(np.uint8))


def _make(root: Path, cases: list[tuple[object, ...]] = CASES, sheet_header: tuple[str, ...] = HEADER) -> Path:
    place = root / "BrEaST-Lesions_USG-images_and_masks"
    place.mkdir(parents=True)
    book = openpyxl.Workbook()
    for row in (sheet_header, *cases):
        book.active.append(row)
    book.create_sheet("Data Dictionary").append(["Case_ID", "unique identifier"])
    book.save(root / "BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx")
    opaque = np.full((ROWS, COLS), 255)
    for name in ("case001", "case002", "case003"):
        alpha = opaque.copy()
        alpha[-4:] = 0
        _rgba(np.full((ROWS, COLS), 200), alpha).save(place / f"{name}.png")
    for index, name in enumerate(("case001_tumor", "case002_tumor", "case002_other1", "case002_other2")):
        inside = np.zeros((ROWS, COLS))
        inside[2:6, 3 + 5 * index : 7 + 5 * index] = 255
        alpha = inside.copy()
        alpha[6, 3:7] = 75  # BRE-Q3
        _rgba(np.where(alpha > 0, 255, 0), alpha).save(place / f"{name}.png")
    return root


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return breast_lesions_usg.read(_make(tmp_path_factory.mktemp("bre")))


def test_listed_images_have_a_row_and_missing_ones_are_not_present(collection: Collection) -> None:
    assert [(row.image_id, row.patient_id, row.present, row.label) for row in collection.images] == [
        ("case001", "case 1", 1, "benign"),
        ("case002", "case 2", 1, "malignant"),
        ("case003", "case 3", 1, "normal"),
        ("case004", "case 4", 0, "benign"),
    ]


def test_pixel_size_is_in_centimetres(collection: Collection) -> None:
    assert [row.spacing_row_mm for row in collection.images] == [0.078125, 0.1, 0.043, 0.043]


@pytest.mark.quirk("BRE-Q1")
def test_bre_q1_what_is_transparent_is_black(collection: Collection) -> None:
    picture = read_picture(Path(collection.root) / str(collection.images[0].path))
    assert picture.pixels[0, 0] == np.float32(200 / 255)
    assert not picture.pixels[-4:].any()


@pytest.mark.quirk("BRE-Q2")
def test_bre_q2_names_joined_by_an_ampersand_are_masks_each(collection: Collection) -> None:
    found = [row for row in collection.findings if row.image_id == "case002"]
    assert [(row.kind, row.pathology, row.col0) for row in found] == [
        ("mass", "malignant", 8),
        ("other", "unknown", 13),
        ("other", "unknown", 18),
    ]
    assert collection.images[0].extra["signs"] == "redness&warmth"


@pytest.mark.quirk("BRE-Q3")
def test_bre_q3_half_transparent_pixels_are_no_lesion(collection: Collection) -> None:
    row = collection.findings[0]
    assert (row.row0, row.col0, row.row1, row.col1) == (2, 3, 6, 7)


@pytest.mark.quirk("BRE-Q4")
def test_bre_q4_words_for_nothing_are_empty(collection: Collection) -> None:
    assert [row.age for row in collection.images] == [57, None, 40, 40]
    assert not collection.images[2].extra
    assert collection.images[2].birads == "1"


@pytest.mark.quirk("BRE-Q5")
def test_bre_q5_the_sheet_and_not_the_dictionary_counts(tmp_path: Path) -> None:
    header = tuple("Case_ID" if name == "CaseID" else name for name in HEADER)
    with pytest.raises(InputError, match="lacks the column 'CaseID'"):
        breast_lesions_usg.read(_make(tmp_path, sheet_header=header))


@pytest.mark.quirk("BRE-Q6")
def test_bre_q6_findings_are_tumours_and_others(collection: Collection) -> None:
    counts = collection.facts["counts"]
    assert (counts["findings_of_a_tumour"], counts["other_findings"], counts["findings_with_place"]) == (3, 2, 4)


@pytest.mark.quirk("BRE-Q7")
def test_bre_q7_birads_does_not_change_the_label(collection: Collection) -> None:
    found = [(row.birads, row.label) for row in collection.images if row.label != "normal"]
    assert found == [("4a", "benign"), ("5", "malignant"), ("5", "benign")]


def test_faults_are_said_and_stop_nothing(tmp_path: Path) -> None:
    root = _make(
        tmp_path / "set", cases=[*CASES[:2], (9, "../../secret.png", "case001_tumor.png", None, "?", "?", *OVAL, 3, "x", "y", "benign")]
    )
    place = root / "BrEaST-Lesions_USG-images_and_masks"
    (place / "case002_other1.png").unlink()
    (place / "case001_tumor.png").write_bytes(b"no mask")
    Image.new("L", (4, 4)).save(place / "case077.png")
    Image.new("L", (4, 4)).save(tmp_path / "secret.png")
    problems = "\n".join(breast_lesions_usg.read(root).facts["problems"])
    for words in (
        "masks that are listed but missing: 1 (case002_other1.png)",
        "masks that cannot be read: 2",
        "does not list, left out: 2",
    ):
        assert words in problems


@pytest.mark.quirk("BRE-Q4", "BRE-Q6")
@pytest.mark.realdata
def test_the_real_table_and_the_cases_at_hand(real_data: Path) -> None:
    collection = breast_lesions_usg.read(real_data / "breast-lesions-usg")
    counts = collection.facts["counts"]
    assert [counts[key] for key in ("listed", "read", "findings", "findings_of_a_tumour", "other_findings")] == [256, 12, 266, 252, 14]
    labels = [row.label for row in collection.images]
    assert [labels.count(label) for label in ("benign", "malignant", "normal")] == [154, 98, 4]
    birads = [row.birads for row in collection.images]
    assert [birads.count(word) for word in ("1", "2", "3", "4a", "4b", "4c", "5")] == [4, 30, 37, 44, 46, 49, 46]
    assert sum(row.age is None for row in collection.images) == 42
    assert {row.image_id for row in collection.images if row.label == "normal"} == {"case045", "case061", "case209", "case213"}
    assert counts["findings_with_place"] == 12

"""BUSI: every numbered quirk on a made-up copy, and the counts of the real set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError
from breastcad.core.records import Collection
from breastcad.read import busi
from breastcad.read.files import read_picture

ROWS, COLS = 30, 50


def _mask(box: tuple[int, int, int, int] | None) -> np.ndarray:
    mask = np.zeros((ROWS, COLS), bool)
    if box:
        mask[box[0] : box[2], box[1] : box[3]] = True
    return mask


def _save_image(folder: Path, name: str, *, rgb: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    grey = Image.fromarray(np.tile(np.arange(COLS, dtype=np.uint8), (ROWS, 1)))
    if rgb:  # with a coloured caliper
        grey = grey.convert("RGB")
        grey.paste((250, 220, 20), (5, 5, 9, 7))
    grey.save(folder / f"{name}.png")


def _save_mask(folder: Path, name: str, box: tuple[int, int, int, int] | None, mode: str = "1") -> None:
    mask = Image.fromarray(_mask(box))
    if mode == "RGBA":
        mask = mask.convert("L").convert("RGBA")
    elif mode == "RGB":
        mask = mask.convert("RGB")
    mask.save(folder / f"{name}.png")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("busi") / "Dataset_BUSI_with_GT"
    for number in (1, 2, 10):
        _save_image(root / "benign", f"benign ({number})")
        _save_mask(root / "benign", f"benign ({number})_mask", (3, 5, 12, 20 + number))
    _save_mask(root / "benign", "benign (10)_mask_1", (15, 30, 20, 44), "RGBA")
    _save_mask(root / "benign", "benign (10)_mask_2", (22, 7, 29, 9), "RGB")
    _save_image(root / "malignant", "malignant (1)", rgb=True)
    _save_mask(root / "malignant", "malignant (1)_mask", (1, 2, 28, 49))
    _save_image(root / "normal", "normal (1)")
    _save_mask(root / "normal", "normal (1)_mask", None, "RGB")
    return root


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def test_folder_is_the_label_and_nobody_is_named(copy: Path) -> None:
    images = busi.read(copy).images
    assert [row.label for row in images] == ["benign", "benign", "benign", "malignant", "normal"]
    assert {(row.patient_id, row.spacing_row_mm, row.laterality, row.modality) for row in images} == {(None, None, None, "US")}
    assert images[0].path == "benign/benign (1).png"
    assert (images[0].rows, images[0].cols, images[0].present) == (ROWS, COLS, 1)


@pytest.mark.quirk("BUSI-Q1")
def test_busi_q1_each_of_several_masks_is_a_finding(copy: Path) -> None:
    collection = busi.read(copy)
    found = [row for row in collection.findings if row.image_id == "benign (10)"]
    assert [(row.finding_id, row.mask_path) for row in found] == [
        ("benign (10)-1", "benign/benign (10)_mask.png"),
        ("benign (10)-2", "benign/benign (10)_mask_1.png"),
        ("benign (10)-3", "benign/benign (10)_mask_2.png"),
    ]
    counts = collection.facts["counts"]
    assert (counts["masks"], counts["findings"], counts["images_with_several_masks"]) == (7, 6, 1)
    assert "their union is the lesion area: 1 (benign (10))" in _problems(collection)


@pytest.mark.quirk("BUSI-Q2")
def test_busi_q2_masks_of_mode_1_rgb_and_rgba_give_the_same_kind_of_box(copy: Path) -> None:
    found = [row for row in busi.read(copy).findings if row.image_id == "benign (10)"]
    assert [(row.row0, row.col0, row.row1, row.col1) for row in found] == [(3, 5, 12, 30), (15, 30, 20, 44), (22, 7, 29, 9)]
    assert {row.geometry for row in found} == {"mask"}


@pytest.mark.quirk("BUSI-Q3")
def test_busi_q3_empty_mask_of_a_normal_image_is_no_finding(copy: Path) -> None:
    collection = busi.read(copy)
    assert not [row for row in collection.findings if row.image_id == "normal (1)"]
    assert "empty" not in _problems(collection)


@pytest.mark.quirk("BUSI-Q4")
def test_busi_q4_coloured_image_is_read(copy: Path) -> None:
    row = next(row for row in busi.read(copy).images if row.image_id == "malignant (1)")
    assert (row.present, row.bit_depth) == (1, 8)
    picture = read_picture(copy / str(row.path))
    assert (picture.pixels.shape, picture.colour is not None) == ((ROWS, COLS), True)


@pytest.mark.quirk("BUSI-Q6")
def test_busi_q6_the_same_pixels_under_two_classes_keep_both_labels(copy: Path) -> None:
    """The reader changes no label and drops no image; finding duplicates is a later step's work, and the facts say it is needed."""
    collection = busi.read(copy)
    assert len(collection.images) == 5
    assert "split it by groups of near-duplicates" in _problems(collection)


@pytest.mark.quirk("BUSI-Q8")
def test_busi_q8_numbers_sort_as_numbers_and_prefixes_are_not_confused(copy: Path) -> None:
    collection = busi.read(copy)
    assert [row.image_id for row in collection.images][:3] == ["benign (1)", "benign (2)", "benign (10)"]
    assert [row.extra["masks"] for row in collection.images][:3] == ["1", "1", "3"]


@pytest.mark.quirk("BUSI-Q9")
def test_busi_q9_renamed_mirror_is_refused(tmp_path: Path) -> None:
    (tmp_path / "benign").mkdir()
    (tmp_path / "benign" / "benign_id_1.png").touch()
    with pytest.raises(
        InputError, match=r"does not hold BUSI \(folders benign, malignant and normal with files such as 'benign \(1\)\.png'"
    ):
        busi.read(tmp_path)


@pytest.mark.parametrize("level", [".", "..", "benign"])
def test_folder_one_too_high_or_low_is_found(copy: Path, level: str) -> None:
    collection = busi.read(copy / level)
    assert (Path(collection.root).resolve(), len(collection.images)) == (copy.resolve(), 5)


def test_faulty_files_do_not_stop_the_import_and_are_said(tmp_path: Path) -> None:
    folder = tmp_path / "malignant"
    for number in range(1, 7):
        _save_image(folder, f"malignant ({number})")
        _save_mask(folder, f"malignant ({number})_mask", (3, 5, 12, 20))
    (folder / "malignant (1).png").write_bytes((folder / "malignant (1).png").read_bytes()[:40])
    (folder / "malignant (2)_mask.png").write_bytes(b"")
    Image.fromarray(np.ones((COLS, ROWS), bool)).save(folder / "malignant (3)_mask.png")
    _save_mask(folder, "malignant (4)_mask", None)
    (folder / "malignant (5).png").unlink()
    (folder / "malignant (6)_mask.png").unlink()
    (folder / "notes.png").touch()
    _save_image(tmp_path / "normal", "normal (1)")
    _save_mask(tmp_path / "normal", "normal (1)_mask", (1, 1, 2, 2))
    _save_image(tmp_path / "normal", "normal (2)")
    collection = busi.read(tmp_path)
    assert [row.present for row in collection.images] == [0, 1, 1, 1, 0, 1, 1, 1]
    assert [row.geometry for row in collection.findings] == ["mask", "none", "none", "none", "mask", "none", "mask"]
    assert collection.findings[-1].pathology == "unknown"
    problems = _problems(collection)
    for sentence in (
        "images that are there but cannot be read: 1 (malignant (1).png: ",
        "masks that cannot be read: 1 (malignant (2)_mask.png: is empty",
        "masks of another size than their image, not used: 1 (malignant (3)_mask.png)",
        "masks of abnormal images that are empty: 1 (malignant (4)_mask.png)",
        "masks whose image is missing: 1 (malignant (5))",
        "images without a mask: 2 (malignant (6), normal (2))",
        "normal images whose mask is not empty: 1 (normal (1))",
    ):
        assert sentence in problems


def test_a_name_that_stands_in_two_class_folders_has_the_worst_label_and_is_said(tmp_path: Path) -> None:
    for folder in ("benign", "malignant", "normal"):
        _save_image(tmp_path / folder, "benign (1)")
        _save_mask(tmp_path / folder, "benign (1)_mask", (3, 5, 12, 20))
    collection = busi.read(tmp_path)
    assert [(row.image_id, row.label, row.path) for row in collection.images] == [("benign (1)", "malignant", "malignant/benign (1).png")]
    assert [(row.pathology, row.mask_path) for row in collection.findings] == [("malignant", "malignant/benign (1)_mask.png")]
    said = "files whose name stands in a folder of a worse label too, which counts: 4 (benign/benign (1).png, benign/benign (1)_mask.png,"
    assert said in _problems(collection)


def test_folder_of_another_name_is_refused_unless_explained(tmp_path: Path) -> None:
    _save_image(tmp_path / "benign", "benign (1)")
    _save_image(tmp_path / "atypia", "atypia (1)")
    with pytest.raises(InputError, match="folder 'atypia': 'atypia' is no label"):
        busi.read(tmp_path)
    assert [row.label for row in busi.read(tmp_path, words={"atypia": "malignant"}).images] == ["malignant", "benign"]


def test_progress_is_told(copy: Path) -> None:
    seen: list[tuple[int, int]] = []
    busi.read(copy, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (5, 5)


@pytest.mark.realdata
def test_real_set_is_counted(real_data: Path) -> None:
    collection = busi.read(real_data / "busi")
    counts = collection.facts["counts"]
    assert (counts["listed"], counts["read"], counts["missing"], counts["masks"]) == (461, 461, 0, 471)
    assert (counts["read_benign"], counts["read_malignant"], counts["read_normal"]) == (259, 128, 74)
    assert counts["images_with_several_masks"] == 9
    assert counts["findings"] == counts["findings_with_place"] == 471 - 74
    assert len(collection.facts["problems"]) == 2


@pytest.mark.quirk("BUSI-Q2", "BUSI-Q3")
@pytest.mark.realdata
def test_real_masks_of_three_modes_are_read_alike(real_data: Path) -> None:
    root = real_data / "busi" / "Dataset_BUSI_with_GT"
    places = {row.mask_path: row for row in busi.read(root).findings}
    modes: dict[str, int] = {}
    for path in root.glob("*/*_mask*.png"):
        with Image.open(path) as image:
            modes[image.mode] = modes.get(image.mode, 0) + 1
            rgb = np.asarray(image.convert("RGB"))[..., 0] > 127
        row = places.get(path.relative_to(root).as_posix())
        assert (row is not None) == rgb.any()
        if row is not None:
            assert rgb[int(row.row0 or 0) : int(row.row1 or 0), int(row.col0 or 0) : int(row.col1 or 0)].sum() == rgb.sum()
    assert set(modes) == {"1", "RGB", "RGBA"}

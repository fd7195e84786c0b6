"""BreastMNIST: every numbered quirk on a made-up copy, the counts, and files that are broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection
from breastcad.datasets.duplicates import joint_groups
from breastcad.datasets.splits import official
from breastcad.read import breastmnist, open_picture
from breastcad.read.sets import read_set

LABELS = {"train": [0, 1, 1, 0], "val": [1], "test": [0, 1]}


def _make(folder: Path, name: str = "breastmnist_64.npz", side: int = 64, **changed: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(side)
    arrays = {f"{part}_images": draw.integers(0, 256, (len(own), side, side), np.uint8) for part, own in LABELS.items()}
    arrays |= {f"{part}_labels": np.array(own, np.uint8)[:, None] for part, own in LABELS.items()}
    np.savez_compressed(folder / name, **{key: value for key, value in (arrays | changed).items() if value is not None})
    return folder


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def test_every_picture_is_a_member_that_opens_as_the_array_has_it(tmp_path: Path) -> None:
    collection = breastmnist.read(_make(tmp_path))
    arrays = np.load(tmp_path / "breastmnist_64.npz")
    assert [(row.image_id, row.path) for row in collection.images][3:5] == [
        ("train_3", "breastmnist_64.npz/train_images/3"),
        ("val_0", "breastmnist_64.npz/val_images/0"),
    ]
    for row in collection.images:
        part, number = row.image_id.split("_")
        picture = open_picture(Path(collection.root) / str(row.path))
        assert np.array_equal(np.round(picture.pixels * 255), arrays[f"{part}_images"][int(number)])
        assert (row.rows, row.cols, row.bit_depth, picture.bit_depth, picture.pixels.dtype) == (64, 64, 8, 8, np.float32)


def test_label_0_is_malignant_and_1_is_not_guessed(tmp_path: Path) -> None:
    collection = breastmnist.read(_make(tmp_path))
    assert [(row.label, row.extra["label"]) for row in collection.images][:3] == [("malignant", "0"), ("unknown", "1"), ("unknown", "1")]
    assert "which the set does not tell apart: label unknown (--map '1,benign'): 4 (train_1, train_2, val_0, test_1)" in _problems(
        collection
    )
    assert [(row.image_id, row.pathology, row.geometry) for row in collection.findings] == [
        ("train_0", "malignant", "none"),
        ("train_3", "malignant", "none"),
        ("test_0", "malignant", "none"),
    ]
    told = breastmnist.read(tmp_path, words={"1": "benign"})
    assert [row.label for row in told.images][:2] == ["malignant", "benign"]
    assert len(told.findings) == 7
    assert "unknown" not in _problems(told)


def test_a_label_that_is_neither_is_refused(tmp_path: Path) -> None:
    _make(tmp_path, val_labels=np.array([[2]], np.uint8))
    with pytest.raises(InputError, match="val 0: '2' is no label that is known here"):
        breastmnist.read(tmp_path)


@pytest.mark.quirk("BMN-Q1")
def test_nobody_is_named_and_busis_near_duplicates_cross_the_official_parts(made_up: object) -> None:
    collection = read_set("breastmnist", made_up("breastmnist", 6))  # type: ignore[operator]
    assert {row.patient_id for row in collection.images} == {None}
    assert "made of BUSI's images" in _problems(collection)
    assert "split it by groups of near-duplicates" in _problems(collection)
    groups = joint_groups([collection])
    assert groups["breastmnist", "train_0"] == groups["breastmnist", "test_0"], "the made-up set shows one scene in two parts"
    parts = {row.id: row.part for row in official(collection.images, groups, seed=0)[0]}
    assert (parts["train_0"], parts["val_0"], parts["test_0"]) == ("train", "validation", "test")


@pytest.mark.quirk("BMN-Q2")
def test_the_file_without_a_size_is_the_smallest_and_the_largest_is_read(tmp_path: Path) -> None:
    _make(tmp_path, "breastmnist.npz", 28)
    assert {row.rows for row in breastmnist.read(tmp_path).images} == {28}
    _make(_make(tmp_path, "breastmnist_64.npz", 64), "breastmnist_128.npz", 128)
    collection = breastmnist.read(tmp_path)
    assert {row.rows for row in collection.images} == {128}
    assert "breastmnist_128.npz is read; smaller copies of the same images, left alone: 2 (breastmnist.npz, breastmnist_64.npz)" in (
        _problems(collection)
    )


@pytest.mark.quirk("BMN-Q3")
def test_proportions_are_lost(tmp_path: Path) -> None:
    assert {(row.aspect, row.spacing_row_mm) for row in breastmnist.read(_make(tmp_path)).images} == {("lost", None)}


def test_counts(tmp_path: Path) -> None:
    counts = breastmnist.read(_make(tmp_path)).facts["counts"]
    assert {key: counts[key] for key in ("read", "published", "read_train", "read_validation", "read_test", "read_malignant")} == {
        "read": 7,
        "published": 780,
        "read_train": 4,
        "read_validation": 1,
        "read_test": 2,
        "read_malignant": 3,
    }


def test_a_file_whose_name_says_another_size_is_said(tmp_path: Path) -> None:
    assert "the images of breastmnist_224.npz have 64 rows" in _problems(breastmnist.read(_make(tmp_path, "breastmnist_224.npz")))


def test_a_damaged_array_leaves_the_others(tmp_path: Path) -> None:
    path = _make(tmp_path) / "breastmnist_64.npz"
    content = bytearray(path.read_bytes())
    at = content.index(b"val_images.npy") + 300  # within the deflated pixels
    content[at : at + 40] = bytes(40)
    path.write_bytes(content)
    collection = breastmnist.read(tmp_path)
    assert [row.present for row in collection.images] == [1, 1, 1, 1, 0, 1, 1]
    assert "arrays of images that are there but cannot be read: 1 (breastmnist_64.npz: 'val_images' cannot be read" in _problems(collection)
    assert (collection.facts["counts"]["read"], collection.facts["counts"]["missing"]) == (6, 1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"val_labels": None}, "has no array 'val_labels'"),
        ({"test_images": np.zeros((3, 64, 64), np.uint8)}, "has 3 test_images and 2 labels of them"),
        ({"test_images": np.zeros((2, 64, 64, 3), np.uint8)}, r"'test_images' must be \(N, rows, columns\) of 8-bit grey"),
        ({"test_labels": np.array([[0.5], [1.0]])}, "'test_labels' must hold whole numbers"),
        ({"test_labels": np.array([[0], ["a"]], object)}, "'test_labels' holds Python objects, which are never loaded"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, changed: dict[str, np.ndarray], message: str) -> None:
    _make(tmp_path, **changed)
    with pytest.raises(ReadError, match=f"breastmnist_64.npz: {message}"):
        breastmnist.read(tmp_path)


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = _make(tmp_path) / "breastmnist_64.npz"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ReadError, match=r"'train_labels' cannot be read, the file is truncated or damaged \(File is not a zip file\)"):
        breastmnist.read(tmp_path)


def test_a_file_that_links_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    _make(tmp_path / "elsewhere")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "breastmnist_64.npz").symlink_to(tmp_path / "elsewhere" / "breastmnist_64.npz")
    with pytest.raises(ReadError, match="lies outside the set's folder"):
        breastmnist.read(tmp_path / "set")


def test_progress_is_told(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    breastmnist.read(_make(tmp_path), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]

"""OASBUD: every numbered quirk on a made-up copy, the counts, and what a file may lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection
from breastcad.patches.rois import roi_mask
from breastcad.read import oasbud, open_picture
from breastcad.read.rf import b_mode
from breastcad.read.sets import read_set

FIELDS = ("id", "rf1", "rf2", "roi1", "roi2", "birads", "class")


def _lesion(number: int, *, samples: int = 40, lines: int = 510, **changed: Any) -> dict[str, Any]:
    draw = np.random.default_rng(number)
    roi = np.zeros((samples, lines), np.uint8)
    roi[5:19, 100 + number : 140] = 1
    scans = {f"rf{plane}": draw.integers(-900, 901, (samples, lines), np.int16) for plane in (1, 2)}
    return {"id": f"L{number}", **scans, "roi1": roi, "roi2": roi, "birads": "4a", "class": float(number % 2), **changed}


def _make(folder: Path, lesions: list[dict[str, Any]], fields: tuple[str, ...] = FIELDS, name: str = "OASBUD.mat") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    data = np.zeros((1, len(lesions)), [(field, object) for field in fields])
    for number, lesion in enumerate(lesions):
        data[0, number] = tuple(lesion[field] for field in fields)
    scipy.io.savemat(folder / name, {"data": data}, do_compression=True)
    return folder


def _problems(collection: Collection) -> str:
    return "\n".join(collection.facts["problems"])


def test_two_planes_of_a_lesion_are_images_of_one_patient(tmp_path: Path) -> None:
    collection = oasbud.read(_make(tmp_path, [_lesion(1), _lesion(2)]))
    assert [(row.image_id, row.path, row.patient_id, row.label, row.birads) for row in collection.images] == [
        ("001_1", "OASBUD.mat/data/0/rf1", "L1", "malignant", "4a"),
        ("001_2", "OASBUD.mat/data/0/rf2", "L1", "malignant", "4a"),
        ("002_1", "OASBUD.mat/data/1/rf1", "L2", "benign", "4a"),
        ("002_2", "OASBUD.mat/data/1/rf2", "L2", "benign", "4a"),
    ]
    assert [row.lesion_id for row in collection.findings] == ["001", "001", "002", "002"]
    assert "a patient is a lesion: the set has 78 women" in _problems(collection)


def test_lesions_of_one_id_are_of_one_patient(tmp_path: Path) -> None:
    collection = oasbud.read(_make(tmp_path, [_lesion(1, id=7), _lesion(2, id=7)]))
    assert [(row.patient_id, row.image_id[:3]) for row in collection.images] == [("7", "001")] * 2 + [("7", "002")] * 2


def test_pictures_open_as_b_mode_and_masks_as_findings(tmp_path: Path) -> None:
    lesion = _lesion(1)
    collection = oasbud.read(_make(tmp_path, [lesion]))
    row, finding = collection.images[1], collection.findings[1]
    picture = open_picture(tmp_path / str(row.path))
    assert np.array_equal(picture.pixels, b_mode(lesion["rf2"]))
    assert (picture.bit_depth, picture.modality, row.bit_depth, row.modality) == (16, "US", 16, "US")
    assert (finding.mask_path, finding.row0, finding.col0, finding.row1, finding.col1) == ("OASBUD.mat/data/0/roi2", 5, 101, 19, 140)
    mask = roi_mask(finding, (40, 510), tmp_path)
    assert mask is not None
    assert np.array_equal(mask, lesion["roi2"] == 1)


def test_a_pixel_is_as_deep_as_a_sample_and_as_wide_as_a_line(tmp_path: Path) -> None:
    """1540 m/s / (2 x 40 MHz) is 0.01925 mm; 38 mm / 510 lines is 0.0745 mm; another number of lines tells nothing."""
    collection = oasbud.read(_make(tmp_path, [_lesion(1), _lesion(2, lines=500)]))
    assert (collection.images[0].spacing_row_mm, collection.images[0].spacing_col_mm) == pytest.approx((0.01925, 0.0745), abs=1e-5)
    assert (collection.images[2].spacing_row_mm, collection.images[2].spacing_col_mm) == (pytest.approx(0.01925), None)
    assert "another number of lines than 510: distance of columns not known: 2 (002_1, 002_2)" in _problems(collection)


@pytest.mark.quirk("OAS-Q1")
def test_lesions_differ_in_their_number_of_samples(made_up: Any) -> None:
    collection = read_set("oasbud", made_up("oasbud", 3))
    assert [(row.rows, row.cols) for row in collection.images] == [(1100, 510)] * 2 + [(1140, 510)] * 2 + [(1180, 510)] * 2
    for row, finding in zip(collection.images, collection.findings, strict=True):
        assert open_picture(Path(collection.root) / str(row.path)).pixels.shape == (row.rows, row.cols)
        assert finding.geometry == "mask"


@pytest.mark.quirk("OAS-Q2")
def test_what_lies_in_arrays_of_one_is_a_word_or_a_number(made_up: Any) -> None:
    """As scipy reads it, each field is nested: data[0, 0]["birads"] is array(['5']), its class array([[1]])."""
    folder = made_up("oasbud", 3)
    nested = scipy.io.loadmat(folder / "OASBUD.mat")["data"]
    assert (nested.shape, nested[0, 0]["birads"].shape, nested[0, 0]["class"].shape) == ((1, 3), (1,), (1, 1))
    row = read_set("oasbud", folder).images[0]
    assert (row.patient_id, row.birads, row.extra["class"], row.label) == ("MADEUP001", "5", "1", "malignant")


def test_counts(made_up: Any) -> None:
    counts = read_set("oasbud", made_up("oasbud", 3)).facts["counts"]
    assert {key: counts[key] for key in ("read", "published", "patients", "lesions", "benign_lesions", "malignant_lesions")} == {
        "read": 6,
        "published": 200,
        "patients": 3,
        "lesions": 3,
        "benign_lesions": 1,
        "malignant_lesions": 2,
    }


@pytest.mark.parametrize(("ones", "words", "read"), [(52, None, True), (48, None, False), (48, {"0": "malignant", "1": "benign"}, True)])
def test_the_meaning_of_the_classes_is_checked_on_the_whole_set(
    tmp_path: Path, ones: int, words: dict[str, str] | None, read: bool
) -> None:
    """52 of the 100 lesions are malignant: if they are not those of class 1, nobody may guess."""
    _make(tmp_path, [_lesion(1, samples=4, lines=3, **{"class": float(number < ones)}) for number in range(100)])
    if not read:
        with pytest.raises(ReadError, match=r"has 48 lesions of class 1, but 52 of its 100 are malignant; say what classes mean"):
            oasbud.read(tmp_path, words=words)
        return
    counts = oasbud.read(tmp_path, words=words).facts["counts"]
    assert (counts["malignant_lesions"], counts["benign_lesions"], counts["listed"]) == (52, 48, 200)


def test_lesions_with_faults_do_not_stop_the_others(tmp_path: Path) -> None:
    empty = np.zeros((40, 510), np.uint8)
    lesions = [_lesion(1, rf2="none"), _lesion(2, roi1=empty), _lesion(3, roi1=empty[:9]), _lesion(4, roi2=np.zeros(0))]
    collection = oasbud.read(_make(tmp_path, lesions))
    assert [row.present for row in collection.images] == [1, 0, 1, 1, 1, 1, 1, 1]
    assert [row.geometry for row in collection.findings] == ["mask", "mask", "none", "mask", "none", "mask", "mask", "none"]
    problems = _problems(collection)
    for sentence in (
        "scans that are no 2D array of numbers: 1 (001_2)",
        "masks that are empty: 1 (002_1-1)",
        "masks of another size than their image, not used: 1 (003_1-1)",
        "masks that cannot be read: 1 (OASBUD.mat: 'data/3/roi2' is no 2D array of numbers)",
    ):
        assert sentence in problems


def test_another_file_is_refused(tmp_path: Path) -> None:
    _make(tmp_path / "a", [_lesion(1)], fields=FIELDS[:-1])
    with pytest.raises(ReadError, match=r"OASBUD\.mat: lacks the field 'class'; is it OASBUD\?"):
        oasbud.read(tmp_path / "a")
    _make(tmp_path / "b", [_lesion(1, **{"class": 2.0})])
    with pytest.raises(InputError, match="lesion 1, class: '2' is no label that is known here"):
        oasbud.read(tmp_path / "b")
    (tmp_path / "b" / "OASBUD.mat").write_bytes(b"")
    with pytest.raises(ReadError, match=r"OASBUD\.mat: is no MATLAB 5 file"):
        oasbud.read(tmp_path / "b")


def test_the_file_is_found_whatever_its_case_and_progress_is_told(tmp_path: Path) -> None:
    _make(tmp_path / "set", [_lesion(1), _lesion(2)], name="oasbud.MAT")
    seen: list[tuple[int, int]] = []
    collection = oasbud.read(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert collection.images[0].path == "oasbud.MAT/data/0/rf1"
    assert seen == [(1, 2), (2, 2)]

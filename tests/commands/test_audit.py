"""``breastcad audit``: what it writes, prints and answers, on made-up sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from breastcad.core.files import read_collection, write_collection, write_patches, write_split
from breastcad.core.records import Collection, PatchRow, SplitRow
from breastcad.phantom.sets import write_set
from breastcad.read.sets import read_set

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def busi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a collection of a made-up BUSI: malignant (1) shows benign (1) again."""
    folder = tmp_path_factory.mktemp("audit")
    write_set("busi", folder / "set", n=12, seed=2)
    write_collection(folder / "busi", read_set("busi", folder / "set"))
    return folder / "busi"


@pytest.fixture(scope="module")
def cbis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a collection of a made-up CBIS-DDSM, tables only: a woman is in training and test."""
    folder = tmp_path_factory.mktemp("audit")
    write_set("cbis-ddsm-renamed", folder / "set", n=6, seed=2)
    write_collection(folder / "cbis", read_set("cbis-ddsm", folder / "set"))
    return folder / "cbis"


def _audit(out: Path) -> dict:
    return json.loads((out / "audit.json").read_text())


def test_one_scene_under_two_labels_is_found(run: Run, busi: Path, tmp_path: Path) -> None:
    code, out, _ = run("audit", str(busi), "--out", str(tmp_path))
    assert code == 0
    found = {check["name"]: check for check in _audit(tmp_path)["checks"]}
    assert found["near-duplicates under two labels"]["count"] == 1
    assert "busi benign (1) = busi malignant (1)" in found["near-duplicates under two labels"]["items"][0]
    assert found["near-duplicates"]["count"] == 2
    assert "pairs of one scene with different labels" in out
    assert any(
        "busi: malignant among abnormal images: a class has fewer than 5 groups" in sentence for sentence in _audit(tmp_path)["left"]
    )
    page = (tmp_path / "audit.html").read_text()
    assert "Research use only" in page
    assert "busi benign (1) = busi malignant (1)" in page
    assert "No picture was looked at" not in page


def test_published_parts_that_leak_are_answered_with_1(run: Run, cbis: Path, tmp_path: Path) -> None:
    code, _, err = run("audit", str(cbis), "--out", str(tmp_path), "--no-pixels")
    assert code == 1
    assert "cbis-ddsm, the published parts: patients of the test part who are in training or validation too: 1" in err
    assert _audit(tmp_path)["verdict"] == "leak"
    page = (tmp_path / "audit.html").read_text()
    assert "Something leaks" in page
    assert "No picture was looked at" in page


def test_a_split_by_image_leaks_and_one_by_group_does_not(run: Run, busi: Path, tmp_path: Path) -> None:
    assert (
        run("split", str(busi), "--out", str(tmp_path / "by-image"), "--by", "image", "--allow-leaks", "--folds", "3", "--seed", "3")[0]
        == 0
    )
    assert run("split", str(busi), "--out", str(tmp_path / "by-group"), "--folds", "3")[0] == 0
    for kind, code in (("by-image", 1), ("by-group", 0)):
        said = run("audit", str(busi), "--split", str(tmp_path / kind), "--out", str(tmp_path / f"audit-{kind}"))
        assert said[0] == code, said


def test_a_split_of_other_images_is_refused_and_one_of_some_more_is_said(run: Run, busi: Path, tmp_path: Path) -> None:
    rows = [SplitRow("busi", image.image_id, image.image_id, part="train") for image in read_collection(busi).images]
    write_split(tmp_path / "others", [replace(row, set="others") for row in rows], {})
    code, _, err = run("audit", str(busi), "--split", str(tmp_path / "others"), "--out", str(tmp_path / "out"), "--no-pixels")
    assert (code, "no image of these collections is in the split" in err, (tmp_path / "out").exists()) == (2, True, False)
    write_split(tmp_path / "more", [*rows, SplitRow("busi", "elsewhere", "elsewhere", part="test")], {})
    assert run("audit", str(busi), "--split", str(tmp_path / "more"), "--out", str(tmp_path / "out"), "--no-pixels")[0] == 0
    found = {check["name"]: check for check in _audit(tmp_path / "out")["checks"]}
    assert found["images not here"]["items"] == ["busi elsewhere"]


@pytest.mark.parametrize("command", ["audit", "split", "patches"])
def test_an_image_in_two_collections_is_refused(run: Run, busi: Path, tmp_path: Path, command: str) -> None:
    write_collection(tmp_path / "again", read_collection(busi))
    code, _, err = run(command, str(busi), str(tmp_path / "again"), "--out", str(tmp_path / "out"))
    assert code == 2
    assert "both hold an image 'benign (1)' of a set 'busi': give each collection once" in err


@pytest.mark.slow
def test_the_same_scenes_are_looked_for_in_another_collection(run: Run, busi: Path, tmp_path: Path) -> None:
    other = read_collection(busi)
    for row in [*other.images, *other.findings]:
        row.set = "copy"
    write_collection(tmp_path / "copy", other)
    code, _, _ = run("audit", str(busi), "--against", str(tmp_path / "copy"), "--out", str(tmp_path / "out"))
    found = {check["name"]: check for check in _audit(tmp_path / "out")["checks"]}
    assert code == 0
    assert found["near-duplicates between sets"]["count"] >= 12


def test_a_turned_and_cropped_copy_in_another_part_leaks(run: Run, busi: Path, tmp_path: Path) -> None:
    collection = read_collection(busi)
    source = next(image for image in collection.images if image.image_id == "benign (4)")
    image = cv2.imread(str(Path(collection.root) / str(source.path)), cv2.IMREAD_GRAYSCALE)
    height, width = image.shape
    turned = cv2.warpAffine(image, cv2.getRotationMatrix2D((width / 2, height / 2), 12, 1), (width, height))
    cv2.imwrite(str(tmp_path / "copy.jpg"), turned[height // 6 :, : width * 5 // 6])
    copy = replace(source, image_id="copy", path="copy.jpg")
    write_collection(tmp_path / "copies", Collection(str(tmp_path), [copy], facts={"set": "busi"}))
    rows = [SplitRow("busi", image.image_id, image.image_id, part="train") for image in collection.images]
    write_split(tmp_path / "split", [*rows, SplitRow("busi", "copy", "copy", part="test")], {})
    code, _, err = run("audit", str(busi), str(tmp_path / "copies"), "--split", str(tmp_path / "split"), "--out", str(tmp_path / "out"))
    found = {check["name"]: check for check in _audit(tmp_path / "out")["checks"]}
    assert code == 1
    assert "what it was made from, in two parts: 1; out/audit.html says which" in err
    assert found["copies on both sides"]["items"] == ["busi benign (4) (train) = busi copy (test)"]
    assert found["copies"]["items"][0].startswith("busi benign (4) = busi copy turned by -12 degrees at scale 1.")


def test_windows_dealt_out_one_by_one_leak(run: Run, busi: Path, tmp_path: Path) -> None:
    corners = [(name, col) for name in ("benign (4)", "benign (5)") for col in (0, 20)]
    windows = [PatchRow(f"busi/{name}/{col}", "image", "busi", name, None, 0, col, 40, 40) for name, col in corners]
    write_patches(tmp_path / "windows" / "patches.csv", windows)
    rows = [SplitRow("busi", one.sample_id, one.image_id, part="test" if place == 1 else "train") for place, one in enumerate(windows)]
    write_split(tmp_path / "split", rows, {})
    call = ["audit", str(busi), "--patches", str(tmp_path / "windows"), "--no-pixels", "--out"]
    assert run(*call, str(tmp_path / "out"), "--split", str(tmp_path / "split"))[0] == 1
    found = {check["name"]: check for check in _audit(tmp_path / "out")["checks"]}
    assert found["overlapping windows in two parts"]["items"] == ["busi/benign (4)/0", "busi/benign (4)/20"]
    code, _, err = run(*call, str(tmp_path / "other"))
    assert code == 2
    assert "give --split too" in err


def test_a_picture_that_was_deleted_stops_nothing(run: Run, tmp_path: Path) -> None:
    write_set("busi", tmp_path / "set", n=4, seed=2)
    write_collection(tmp_path / "busi", read_set("busi", tmp_path / "set"))
    next((tmp_path / "set").rglob("benign (10).png")).unlink()
    assert run("audit", str(tmp_path / "busi"), "--out", str(tmp_path / "out"))[0] == 0
    assert "busi benign (10): does not exist" in _audit(tmp_path / "out")["left"]


def test_out_is_not_overwritten_unless_told(run: Run, cbis: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert run("audit", str(cbis), "--out", str(tmp_path), "--no-pixels")[0] == 2
    assert run("audit", str(cbis), "--out", str(tmp_path), "--no-pixels", "--overwrite")[0] == 1

"""``breastcad audit``: what it writes, prints and answers, on made-up sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from breastcad.core.files import read_collection, write_collection
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


def test_the_same_scenes_are_looked_for_in_another_collection(run: Run, busi: Path, tmp_path: Path) -> None:
    other = read_collection(busi)
    for row in [*other.images, *other.findings]:
        row.set = "copy"
    write_collection(tmp_path / "copy", other)
    code, _, _ = run("audit", str(busi), "--against", str(tmp_path / "copy"), "--out", str(tmp_path / "out"))
    found = {check["name"]: check for check in _audit(tmp_path / "out")["checks"]}
    assert code == 0
    assert found["near-duplicates between sets"]["count"] >= 12


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

"""``breastcad patches``."""

from __future__ import annotations

from pathlib import Path

import pytest

from breastcad.commands import main
from breastcad.core.files import read_patches, write_collection, write_split
from breastcad.core.records import Collection, FindingRow, ImageRow, SplitRow


def _run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["patches", *map(str, arguments)])
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Return a collection of two ultrasound images of 300 x 400, one with a box, and one that is smaller than a window."""
    sizes = {"a": (300, 400), "b": (300, 400), "c": (100, 400)}
    images = [
        ImageRow("us", name, path=f"{name}.png", modality="US", rows=rows, cols=cols, label="benign" if name == "a" else "normal")
        for name, (rows, cols) in sizes.items()
    ]
    box = FindingRow("us", "a-1", "a", pathology="benign", geometry="box", row0=0, col0=0, row1=300, col1=250)
    write_collection(tmp_path / "us", Collection(str(tmp_path), images, [box], facts={"set": "us"}))
    return tmp_path / "us"


def test_windows_are_written_and_counted(collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """300 x 400 at 224 / 56 has floor(76 / 56) + 1 = 2 rows and floor(176 / 56) + 1 = 4 columns of windows."""
    assert _run(collection, "--out", tmp_path / "out") == 0
    rows = read_patches(tmp_path / "out" / "patches.csv")
    assert len(rows) == 2 * 8
    assert {row.label for row in rows if row.image_id == "b"} == {"normal"}
    assert [row.label for row in rows if row.image_id == "a" and row.row == 0] == ["benign", "benign", "benign", "unknown"]
    told = capsys.readouterr().out
    assert "! us: 1 image smaller than the window, left out" in told
    assert "16 windows. Written:" in told


def test_settings_and_split_are_taken(collection: Path, tmp_path: Path) -> None:
    write_split(tmp_path / "split", [SplitRow("us", "a", "g7"), SplitRow("us", "a", "g7", outer=1, part="test")], {})
    settings = [text for pair in ("window=100", "stride=100", "label=lesion") for text in ("--setting", pair)]
    assert _run(collection, "--out", tmp_path / "out", "--split", tmp_path / "split", *settings) == 0
    rows = read_patches(tmp_path / "out" / "patches.csv")
    assert {(row.image_id, row.group, row.height) for row in rows} == {("a", "g7", 100)}
    assert [row.label for row in rows] == ["lesion", "lesion", "unknown", "normal"] * 3


def test_a_wrong_setting_is_refused_before_anything_is_written(
    collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(collection, "--out", tmp_path / "out", "--setting", "windows=3") == 2
    assert "unknown setting 'windows'; near name: 'window'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_no_window_at_all_is_the_answer_no(collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_split(tmp_path / "split", [SplitRow("us", "elsewhere", "g")], {})
    for options, sentence in (
        (("--setting", "window=512"), "no window: no image can be read, has 512 pixels a side"),
        (("--split", tmp_path / "split"), "no window: no image that the split names can be read"),
    ):
        assert _run(collection, "--out", tmp_path / "out", *options) == 1
        assert sentence in capsys.readouterr().err
        assert not (tmp_path / "out" / "patches.csv").exists()


def test_a_folder_that_is_not_empty_is_refused(collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(collection, "--out", tmp_path) == 2
    assert "is not empty" in capsys.readouterr().err


def test_what_is_no_collection_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path, "--out", tmp_path / "out") == 2
    assert "is no collection" in capsys.readouterr().err

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
    # the box's 250 columns and 300 rows: windows from column 0 hold 224 x 224 of 75,000 pixels, the next 194 columns, 43,456, then 30,912
    assert [row.label for row in rows if row.image_id == "a" and row.row == 0] == ["benign", "benign", "unknown", "unknown"]
    told = capsys.readouterr().out
    assert "! us: 1 image smaller than the window, left out" in told
    assert "16 windows. Written:" in told


def test_settings_and_split_are_taken(collection: Path, tmp_path: Path) -> None:
    write_split(tmp_path / "split", [SplitRow("us", "a", "g7"), SplitRow("us", "a", "g7", outer=1, part="test")], {})
    settings = [text for pair in ("window=100", "stride=100", "label=lesion", "roi_of=window") for text in ("--setting", pair)]
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


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a collection of two real picture files with a box each."""
    import cv2
    import numpy as np

    images, boxes = [], []
    for number, name in enumerate(("a", "b")):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((80, 90), 50 + number, np.uint8))
        images.append(
            ImageRow("us", name, path=f"{name}.png", modality="US", rows=80, cols=90, bit_depth=8, label="benign", patient_id=f"p{name}")
        )
        boxes.append(FindingRow("us", f"{name}-1", name, pathology="benign", geometry="box", row0=10, col0=10, row1=30, col1=40))
    write_collection(tmp_path / "us", Collection(str(tmp_path), images, boxes, facts={"set": "us"}))
    return tmp_path / "us"


def _settings(*pairs: str) -> list[str]:
    return [text for pair in pairs for text in ("--setting", pair)]


def test_a_folder_holds_table_facts_what_is_missing_pixels_and_a_sheet(pictures: Path, tmp_path: Path) -> None:
    """Windows of 20 on lesions of 20 x 30: at most two thirds of one are in a window, but a window may be all lesion."""
    import json

    from breastcad.patches.store import open_store

    options = ["--method", "region-based", *_settings("window=20", "resize=", "number=3", "background=2"), "--seed", "5"]
    out = tmp_path / "out"
    assert _run(pictures, "--out", out, *options, "--store", "npz", "--sheet", "2") == 0
    assert sorted(path.name for path in out.iterdir()) == ["patches.csv", "patches.json", "pixels", "sheet.png", "unplaced.csv"]
    facts = json.loads((out / "patches.json").read_text())
    assert facts["collections"]["us"]["labels"] == {"benign": 6, "normal": 4}
    assert (facts["method"], facts["seed"], facts["settings"]["number"]) == ("region-based", 5, 3)
    rows = read_patches(out / "patches.csv")
    assert {row.patient_id for row in rows} == {"pa", "pb"}
    assert open_store(out / "pixels")(rows[-1]).tolist() == [[51] * 20] * 20
    before = {name: (out / name).read_bytes() for name in ("patches.csv", "patches.json", "unplaced.csv", "sheet.png")}
    assert _run(pictures, "--out", out, *options, "--store", "npz", "--sheet", "2", "--overwrite", "--workers", "2") == 0
    assert before == {name: (out / name).read_bytes() for name in before}


def test_what_cannot_be_placed_is_written_and_told(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--method", "region-based", *_settings("window=20", "resize=", "number=3", "background=1", "overlap_of=roi")]
    assert _run(pictures, "--out", tmp_path / "out", *options) == 0
    first = (tmp_path / "out" / "unplaced.csv").read_text().splitlines()[1]
    assert first.startswith("us,a,a-1,3,0,no more places have an overlap of at least 0.9")
    assert "! us: 6 windows of 2 images could not be placed (unplaced.csv)" in capsys.readouterr().out


def test_methods_are_listed_with_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--list") == 0
    told = capsys.readouterr().out
    assert "every method: window=224 resize= scale=1.0 roi_share=0.5 roi_of=roi label=pathology" in told
    for line in ("region-based: windows round each lesion", "  source: Shen et al. 2019", "  S1: number=1 background=1 around=centred"):
        assert line in told


def test_where_the_store_is_refused_the_table_stays_that_of_its_pixels(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert _run(pictures, "--out", out, *_settings("window=20"), "--store", "npz") == 0
    before = (out / "patches.csv").read_bytes()
    assert _run(pictures, "--out", out, *_settings("window=30"), "--store", "npz", "--overwrite") == 2
    assert "holds a store of other windows" in capsys.readouterr().err
    assert (out / "patches.csv").read_bytes() == before
    assert _run(pictures, "--out", out, *_settings("window=30"), "--overwrite") == 2
    assert "holds the pixels of an earlier call" in capsys.readouterr().err
    assert (out / "patches.csv").read_bytes() == before

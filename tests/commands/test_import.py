"""``breastcad import``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.commands import main
from breastcad.core.files import read_collection
from breastcad.phantom.sets import write_set


def _run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["import", *map(str, arguments)])
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.fixture
def mias(tmp_path: Path) -> Path:
    folder = tmp_path / "mias"
    folder.mkdir()
    (folder / "Info.txt").write_text("mdb001 G CIRC B 300 200 40\nmdb002 G NORM \nmdb003 F SPIC M\n")
    Image.fromarray(np.zeros((1024, 1024), np.uint8)).save(folder / "mdb001.png")
    return folder


def test_collection_is_written_and_told(mias: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert _run("mini-mias", mias, "--out", out) == 0
    collection = read_collection(out)
    assert Path(collection.root) == mias.resolve()
    assert [row.present for row in collection.images] == [1, 0, 0]
    assert [row.geometry for row in collection.findings] == ["circle", "none"]
    assert json.loads((out / "collection.json").read_text())["root"] == "../mias"
    assert not (out / "regions.csv").exists()
    told, errors = capsys.readouterr()
    assert "mini-MIAS: research only" in told
    assert [line.split() for line in told.splitlines() if "listed" in line] == [["listed", "3"]]
    assert "! findings without coordinates, kept without a place: 1 (mdb003)" in told
    assert f"Next: breastcad split {out} --out SPLIT_FOLDER" in told.splitlines()[-1]
    assert errors == ""


def test_same_folder_gives_the_same_bytes(mias: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert _run("auto", mias, "--out", tmp_path / name) == 0
    for file in ("images.csv", "findings.csv", "collection.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_unknown_set_is_one_sentence_and_exit_2(mias: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("mini_mias", mias, "--out", tmp_path / "out") == 2
    errors = capsys.readouterr().err
    assert "unknown set 'mini_mias'; near names: 'mini-mias'" in errors
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_folder_that_holds_no_set_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("busi", tmp_path, "--out", tmp_path / "out") == 2
    assert "does not hold BUSI" in capsys.readouterr().err


def test_full_folder_is_refused_unless_overwritten(mias: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert _run("mini-mias", mias, "--out", out) == 0
    (out / "regions.csv").write_text("of another set\n")
    assert _run("mini-mias", mias, "--out", out) == 2
    assert "is not empty; name another folder with --out, or add --overwrite" in capsys.readouterr().err
    assert _run("mini-mias", mias, "--out", out, "--overwrite") == 0
    assert read_collection(out).regions == []
    (out / "collection.json").unlink()  # as an import leaves it that was stopped while it wrote
    assert _run("mini-mias", mias, "--out", out, "--overwrite") == 0


@pytest.mark.parametrize(
    ("read", "out", "said"),
    [
        (("own",), "own", "is the folder that is read"),
        (("own/images.csv",), "own", "is the folder that is read"),
        (("other", "--tables", "own"), "own", "is the folder that is read"),
        (("other", "--tables", "own/images.csv"), "other/../own", "is the folder that is read"),
        (("other",), "own", "holds a 'images.csv' that no import wrote"),
    ],
)
def test_nothing_is_written_over_ones_own_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], read: tuple[str, ...], out: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("own", "other"):
        write_set("csv", tmp_path / name, n=3, seed=1)
    before = {path: path.read_bytes() for path in (tmp_path / "own").glob("*.*")}
    assert _run("csv", *read, "--out", out, "--overwrite") == 2
    assert said in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (tmp_path / "own").glob("*.*")} == before


@pytest.mark.parametrize("content", ["{}", '{"type": "FeatureCollection"}', "no json"])
@pytest.mark.parametrize("tables", [True, False])
def test_a_collection_json_of_somebody_elses_protects_nothing_less(
    mias: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, tables: bool
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "collection.json").write_text(content)
    if tables:
        (own / "images.csv").write_text("name,label\n1,benign\n")
    before = {path: path.read_bytes() for path in own.iterdir()}
    assert _run("mini-mias", mias, "--out", own, "--overwrite") == 2
    assert "holds a 'collection.json' that no import wrote" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in own.iterdir()} == before


def test_nothing_is_written_into_the_root_that_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_set("coco", tmp_path / "own", n=3, seed=1)
    before = sorted(tmp_path.rglob("*"))
    assert _run("coco", tmp_path / "own" / "annotations" / "instances_default.json", "--out", tmp_path / "own", "--overwrite") == 2
    assert "is the folder that is read, and nothing in that is changed; name another" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_map_file_explains_words(mias: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mias / "Info.txt").write_text("mdb001 G CIRC P 300 200 40\n")
    assert _run("mini-mias", mias, "--out", tmp_path / "a") == 2
    assert "Info.txt, line 1: 'P' is no label that is known here" in capsys.readouterr().err
    (tmp_path / "map.csv").write_text("word,label\nP,malignant\n")
    assert _run("mini-mias", mias, "--out", tmp_path / "b", "--map", tmp_path / "map.csv") == 0
    assert read_collection(tmp_path / "b").images[0].label == "malignant"


def test_a_table_of_ones_own_is_read_through_a_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_set("csv", tmp_path / "own", n=3, seed=1)
    other = tmp_path / "own" / "other-names"
    call = ("csv", tmp_path / "own", "--tables", other, "--out", tmp_path / "out")
    assert _run(*call) == 2
    assert "table.csv: no column names the images" in capsys.readouterr().err
    assert _run(*call, "--map", other / "map.yaml") == 0
    assert "A made-up clinic: made up, free." in capsys.readouterr().out
    collection = read_collection(tmp_path / "out")
    assert [row.label for row in collection.images] == ["benign", "malignant", "normal"]
    assert collection.facts["map"]["file"] == "map.yaml"
    (other / "map.yaml").write_text("labels: 3\n")
    assert _run(*call, "--map", other / "map.yaml", "--overwrite") == 2
    assert capsys.readouterr().err == "breastcad: map.yaml: line 1: 'labels' must hold names and values, a line each\n"
    assert read_collection(tmp_path / "out").facts["set"] == "made-up-clinic"


def test_a_coco_file_is_read_by_itself_and_through_a_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_set("coco", tmp_path / "own", n=3, seed=1)
    file = tmp_path / "own" / "annotations" / "instances_default.json"
    assert _run("auto", file, "--out", tmp_path / "out") == 0
    assert "Taken for coco" in capsys.readouterr().out
    assert [row.label for row in read_collection(tmp_path / "out").images if row.present] == ["benign", "malignant", "unknown"]
    assert _run("coco", file, "--out", tmp_path / "out", "--map", tmp_path / "own" / "map.yaml", "--overwrite") == 0
    assert [row.label for row in read_collection(tmp_path / "out").images if row.present] == ["benign", "malignant", "normal"]
    file.write_text("{")
    assert _run("coco", file, "--out", tmp_path / "b") == 2
    assert capsys.readouterr().err.startswith("breastcad: instances_default.json: is not JSON")


def test_a_folder_of_dicom_files_is_read_and_nobody_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_set("dicom-folder", tmp_path / "films", n=2, seed=1)
    assert _run("auto", tmp_path / "films", "--out", tmp_path / "out") == 0
    told, errors = capsys.readouterr()
    assert "Taken for dicom" in told
    assert ("PHANTOM" in told, "2.25." in told, errors) == (False, False, "")
    text = (tmp_path / "out" / "images.csv").read_text() + (tmp_path / "out" / "collection.json").read_text()
    assert ("PHANTOM" in text, "2.25." in text) == (False, False)
    assert {row.label for row in read_collection(tmp_path / "out").images} == {"malignant", "normal", "unknown"}


def test_columns_are_told_as_they_were_understood_and_steer_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.zeros((8, 10), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("file,class,x,y,width,height,no\x1b]0;te,side\na.png,benign,2,1,3,4,n,le\x1b[31mft\n")
    (tmp_path / "map.yaml").write_text('title: "a\\x1b[2Jtitle"\n')
    assert _run("csv", tmp_path / "t.csv", "--out", tmp_path / "out", "--map", tmp_path / "map.yaml") == 0
    told = capsys.readouterr().out
    assert "  columns of images, theirs as ours: file as path, side as laterality, class as label\n" in told
    assert "  columns of findings, theirs as ours: class as pathology, y as row0, x as col0, height as height, width as width\n" in told
    assert "  columns that are none of ours, kept: x_side, x_no\\x1b]0;te\n" in told
    assert "(a: le\\x1b[31mft)" in told
    assert told.startswith("a\\x1b[2Jtitle: not stated.")
    assert "\x1b" not in told


def test_tables_elsewhere_and_no_image_read(mias: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tables").mkdir()
    (mias / "Info.txt").rename(tmp_path / "tables" / "Info.txt")
    assert _run("mini-mias", mias, "--tables", tmp_path / "tables", "--out", tmp_path / "a") == 0
    assert _run("mini-mias", tmp_path / "tables", "--out", tmp_path / "b") == 0
    assert "No image was read; give the folder that holds them" in capsys.readouterr().out
    assert [row.present for row in read_collection(tmp_path / "b").images] == [0, 0, 0]


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "folder", "tables", "listed", "read"),
    [
        ("mini-mias", "mini-mias", None, 322, 258),
        ("busi", "busi", None, 461, 461),
        ("bus-bra", "bus-bra", None, 1875, 1127),
        ("cbis-ddsm", "cbis-ddsm-mass-800", "cbis-ddsm-tables", 3103, 1231),
        ("cbis-ddsm", "cbis-ddsm-tables", None, 3103, 0),
    ],
)
def test_real_sets_are_written_and_read_back(
    real_data: Path, tmp_path: Path, name: str, folder: str, tables: str | None, listed: int, read: int
) -> None:
    more = ["--tables", real_data / tables] if tables else []
    assert _run(name, real_data / folder, "--out", tmp_path / "out", *more) == 0
    collection = read_collection(tmp_path / "out")
    assert (len(collection.images), sum(row.present for row in collection.images)) == (listed, read)
    assert all((Path(collection.root) / row.path).is_file() for row in collection.images if row.present and row.path)
    assert all((Path(collection.root) / row.mask_path).is_file() for row in collection.findings if row.mask_path)

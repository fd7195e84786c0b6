"""``breastcad describe``: what it writes, prints and refuses, on made-up sets."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from breastcad.core.files import write_collection
from breastcad.phantom.sets import write_set
from breastcad.read.sets import read_set

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with collections of a made-up BUSI and a made-up INbreast (DICOM)."""
    folder = tmp_path_factory.mktemp("describe")
    for name, n in (("busi", 6), ("inbreast", 6)):
        write_set(name, folder / f"{name}-set", n=n, seed=2)
        write_collection(folder / name, read_set(name, folder / f"{name}-set"))
    return folder


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_two_sets_are_described_side_by_side(run: Run, made_up: Path, tmp_path: Path) -> None:
    code, out, _ = run("describe", str(made_up / "busi"), str(made_up / "inbreast"), "--out", str(tmp_path), "--samples", "2")
    assert code == 0
    assert "images listed" in out
    listed = _rows(made_up / "inbreast" / "images.csv")
    counts = _rows(tmp_path / "counts.csv")
    assert list(counts[0]) == ["set", "facet", "value", "label", "n"]
    views = [int(row["n"]) for row in counts if (row["set"], row["facet"]) == ("inbreast", "view")]
    assert sum(views) == len(listed)
    assert {row["set"] for row in _rows(tmp_path / "missing.csv")} == {"busi", "inbreast"}
    numbers = _rows(tmp_path / "numbers.csv")
    assert list(numbers[0]) == ["set", "quantity", "label", "n", "min", "q1", "median", "q3", "max", "mean"]
    assert all(float(row["min"]) <= float(row["median"]) <= float(row["max"]) for row in numbers)
    assert {row["set"] for row in _rows(tmp_path / "tags.csv")} == {"inbreast"}
    page = (tmp_path / "describe.html").read_text()
    labels = [Counter(row["label"] for row in _rows(made_up / name / "images.csv")) for name in ("busi", "inbreast")]
    assert page.count("data:image/jpeg;base64") == sum(min(2, n) for found in labels for n in found.values())
    assert "None of the" in page  # BUSI has no DICOM files
    assert "do not publish this page" in page


def test_the_same_seed_gives_the_same_page_and_another_other_samples(run: Run, made_up: Path, tmp_path: Path) -> None:
    pages = []
    for place, seed in enumerate(("1", "1", "2")):
        assert run("describe", str(made_up / "busi"), "--out", str(tmp_path / str(place)), "--samples", "1", "--seed", seed)[0] == 0
        pages.append((tmp_path / str(place) / "describe.html").read_text())
    assert pages[0] == pages[1]
    assert pages[0] != pages[2]


def test_samples_and_tags_can_be_left_out_and_old_tables_of_tags_go(run: Run, made_up: Path, tmp_path: Path) -> None:
    assert run("describe", str(made_up / "inbreast"), "--out", str(tmp_path), "--samples", "0", "--tags", "2")[0] == 0
    assert (tmp_path / "tags.csv").is_file()
    assert "Headers of 2 files" in (tmp_path / "describe.html").read_text()
    assert run("describe", str(made_up / "inbreast"), "--out", str(tmp_path), "--samples", "0", "--tags", "0", "--overwrite")[0] == 0
    assert not (tmp_path / "tags.csv").exists()
    page = (tmp_path / "describe.html").read_text()
    assert "data:image" not in page
    assert "DICOM tags" not in page


def test_tables_alone_are_described(run: Run, tmp_path: Path) -> None:
    write_set("cbis-ddsm", tmp_path / "set", n=4, seed=1)
    for path in [path for path in (tmp_path / "set").rglob("*") if path.is_file() and path.suffix != ".csv"]:
        path.unlink()
    write_collection(tmp_path / "cbis", read_set("cbis-ddsm", tmp_path / "set"))
    assert run("describe", str(tmp_path / "cbis"), "--out", str(tmp_path / "out"))[0] == 0
    assert "No image is present" in (tmp_path / "out" / "describe.html").read_text()
    assert run("describe", str(tmp_path / "cbis"), "--present", "--out", str(tmp_path / "none"))[0] == 0
    assert _rows(tmp_path / "none" / "counts.csv") == []


def test_the_parts_of_a_split_are_set_side_by_side_and_go_with_the_split(run: Run, made_up: Path, tmp_path: Path) -> None:
    busi, inbreast, out = str(made_up / "busi"), str(made_up / "inbreast"), str(tmp_path / "out")
    assert run("split", busi, inbreast, "--out", str(tmp_path / "split"), "--folds", "2")[0] == 0
    fewer = ("--samples", "0", "--tags", "0")
    code, told, _ = run("describe", busi, inbreast, "--split", str(tmp_path / "split"), "--fold", "1", "--out", out, *fewer)
    assert code == 0
    split = [row for row in _rows(tmp_path / "split" / "split.csv") if row["outer"] == "1"]
    parts = Counter(row["part"] for row in split)
    assert f"fold 1: {parts['train']} train" in told
    rows = _rows(tmp_path / "out" / "parts.csv")
    assert list(rows[0]) == ["facet", "value", "column", "n", "of", "percent", "apart"]
    labels = Counter[str]()
    for row in rows:
        labels[row["column"]] += int(row["n"]) if row["facet"] == "label" else 0
    assert labels == parts
    assert {row["column"] for row in _rows(tmp_path / "out" / "sets.csv")} == {"busi", "inbreast"}
    assert {row["set"] for row in _rows(tmp_path / "out" / "part_numbers.csv")} == set(parts)
    assert "Parts of fold 1" in (tmp_path / "out" / "describe.html").read_text()
    assert run("describe", busi, "--out", out, *fewer, "--overwrite")[0] == 0
    assert not {"parts.csv", "sets.csv", "part_numbers.csv"} & {path.name for path in (tmp_path / "out").iterdir()}


def test_a_fold_that_is_none_is_refused_before_anything_is_written(run: Run, made_up: Path, tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text("set,id,group,repeat,outer,inner,part\nbusi,benign (1),g,0,0,0,train\n")
    asked = ("describe", str(made_up / "busi"), "--fold", "3", "--out", str(tmp_path / "o"))
    code, _, err = run(*asked, "--split", str(tmp_path / "split.csv"))
    assert (code, err) == (2, "breastcad: --fold must be an outer fold of the split (0), got 3\n")
    code, _, err = run(*asked)
    assert (code, err) == (2, "breastcad: --fold says which fold of a split: give --split too\n")
    assert not (tmp_path / "o").exists()


def test_one_set_given_twice_stays_two(run: Run, made_up: Path, tmp_path: Path) -> None:
    busi = str(made_up / "busi")
    assert run("describe", busi, busi, "--out", str(tmp_path), "--samples", "0", "--tags", "0")[0] == 0
    assert {row["set"] for row in _rows(tmp_path / "counts.csv")} == {"busi", "busi (2)"}


@pytest.mark.parametrize("tags", ["-1", "some", "1.5", "²"])
def test_a_number_of_tags_that_is_none_is_refused(run: Run, made_up: Path, tmp_path: Path, tags: str) -> None:
    code, _, err = run("describe", str(made_up / "busi"), "--out", str(tmp_path), "--tags", tags)
    assert (code, err) == (2, f"breastcad: --tags must be a whole number from 0, or 'all', got '{tags}'\n")


def test_what_is_no_collection_is_refused_and_out_is_not_overwritten(run: Run, made_up: Path, tmp_path: Path) -> None:
    assert run("describe", str(tmp_path), "--out", str(tmp_path / "out"))[0] == 2
    assert not (tmp_path / "out").exists()
    (tmp_path / "notes.txt").write_text("mine")
    assert run("describe", str(made_up / "busi"), "--out", str(tmp_path))[0] == 2

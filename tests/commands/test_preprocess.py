"""``breastcad preprocess``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from breastcad.core.files import read_collection, write_collection
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.core.seeding import generator
from breastcad.datasets.preprocessed import JOURNAL
from breastcad.phantom.mammogram import mammogram
from breastcad.read import open_picture

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Return a folder of two made-up films and a file that is no picture."""
    folder = tmp_path / "films"
    folder.mkdir()
    for name, side in (("left", "L"), ("right", "R")):
        pixels = mammogram(generator(2, side), 120, 80, laterality=side).pixels
        cv2.imwrite(str(folder / f"{name}.png"), np.rint(pixels * 65535).astype(np.uint16))
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def collection(films: Path, tmp_path: Path) -> Path:
    """Return a collection of the films, a box on each; of one of them the file is gone."""
    images = [
        ImageRow("s", name, f"{name}.png", modality="MG", view="MLO", rows=120, cols=80, label="benign")
        for name in ("left", "right", "gone")
    ]
    findings = [FindingRow("s", f"{row.image_id}-1", row.image_id, geometry="box", row0=40, col0=20, row1=60, col1=40) for row in images]
    write_collection(tmp_path / "set", Collection(str(films), images, findings, facts={"set": "s"}))
    return tmp_path / "set"


def test_every_pipeline_is_listed_with_its_source_and_every_step(run: Call) -> None:
    code, out, _ = run("preprocess", "--list")
    assert code == 0
    assert "b: Publication B" in out
    assert "source: Mahmood et al. 2022" in out
    assert "- median (size=3)" in out
    assert "  srad (" in out
    assert "[Y. Yu, S. T. Acton" in out


def test_a_collection_becomes_another_with_its_findings_moved(collection: Path, tmp_path: Path, run: Call) -> None:
    code, out, _ = run(
        "preprocess",
        collection,
        "--pipeline",
        "a4",
        "--setting",
        "resize.rows=240",
        "--setting",
        "resize.cols=40",
        "--out",
        tmp_path / "new",
    )
    assert code == 0
    assert "2 of 3 images. Written:" in out
    assert "! 1 image: " in out
    new = read_collection(tmp_path / "new")
    assert [(row.image_id, row.present, row.rows, row.cols) for row in new.images] == [
        ("left", 1, 240, 40),
        ("right", 1, 240, 40),
        ("gone", 0, 120, 80),
    ]
    assert (new.findings[0].row0, new.findings[0].col0, new.findings[0].row1, new.findings[0].col1) == (80, 10, 120, 20)
    assert open_picture(tmp_path / "new" / str(new.images[0].path)).pixels.shape == (240, 40)
    assert (tmp_path / "new" / "sheet.png").is_file()
    assert not (tmp_path / "new" / JOURNAL).exists()
    assert new.facts["pipeline"]["steps"] == [{"resize": {"rows": 240, "cols": 40}}]


def test_loose_images_are_taken_and_what_is_none_is_said(films: Path, tmp_path: Path, run: Call) -> None:
    code, _, _ = run("preprocess", films, "--pipeline", "film", "--out", tmp_path / "new", "--sheet", "0")
    assert code == 0
    new = read_collection(tmp_path / "new")
    assert [row.extra["source"] for row in new.images] == ["left.png", "right.png"]
    assert "notes.txt: not an image" in new.facts["problems"]
    assert not (tmp_path / "new" / "sheet.png").exists()
    # The chest wall of both is on the left now: there, the first column is tissue.
    for row in new.images:
        pixels = open_picture(tmp_path / "new" / str(row.path)).pixels
        assert (pixels[:, 2] > 0).sum() > (pixels[:, -3] > 0).sum()


def test_candidates_are_written_beside_the_images(collection: Path, tmp_path: Path, run: Call) -> None:
    assert (
        run(
            "preprocess",
            collection,
            "--pipeline",
            "d-candidates",
            "--setting",
            "resize.rows=60",
            "--setting",
            "resize.cols=40",
            "--out",
            tmp_path / "new",
        )[0]
        == 0
    )
    head, *rows = (tmp_path / "new" / "candidates.csv").read_text().splitlines()
    assert head == "set,image_id,row0,col0,row1,col1,score"
    assert {row.split(",")[1] for row in rows} == {"left", "right"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--pipeline", "scan"), "pipeline 'scan' is for ultrasound, but 3 images are of MG"),
        (("--pipeline", "nine"), "unknown pipeline 'nine'"),
        (("--pipeline", "a4", "--setting", "resize.depth=3"), "step 'resize' has no setting 'depth'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    collection: Path, tmp_path: Path, run: Call, arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = run("preprocess", collection, *arguments, "--out", tmp_path / "new")
    assert code == 2
    assert said in err
    assert not (tmp_path / "new").exists()


def test_a_setting_that_a_filter_refuses_is_one_sentence(collection: Path, tmp_path: Path, run: Call) -> None:
    code, out, err = run("preprocess", collection, "--pipeline", "b", "--setting", "median.size=4", "--out", tmp_path / "new")
    assert code == 1
    assert "step 'median': size must be" in out
    assert "no image could be preprocessed" in err
    assert not list((tmp_path / "new").glob("*"))  # not what would be gone on with, either


def test_two_collections_or_the_sources_own_folder_are_refused(collection: Path, films: Path, tmp_path: Path, run: Call) -> None:
    code, _, err = run("preprocess", collection, films, "--pipeline", "a4", "--out", tmp_path / "new")
    assert (code, "give one collection, or images" in err) == (2, True)
    code, _, err = run("preprocess", collection, "--pipeline", "a4", "--out", films, "--overwrite")
    assert (code, "is a folder that is read" in err) == (2, True)
    code, _, err = run("preprocess", collection, "--pipeline", "a4", "--out", collection)
    assert (code, "is a folder that is read" in err or "is not empty" in err) == (2, True)


def test_an_unfinished_call_goes_on(collection: Path, tmp_path: Path, run: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from breastcad.datasets import preprocessed

    real = preprocessed.preprocess_image

    def stopped(pipeline: object, job: preprocessed.Job) -> preprocessed.Made:
        if job.name == "right":
            raise KeyboardInterrupt
        return real(pipeline, job)  # type: ignore[arg-type]

    call = ("preprocess", collection, "--pipeline", "e5", "--out", tmp_path / "new")
    monkeypatch.setattr(preprocessed, "preprocess_image", stopped)
    assert run(*call)[0] == 130
    assert not (tmp_path / "new" / "collection.json").exists()
    monkeypatch.setattr(preprocessed, "preprocess_image", real)
    code, out, _ = run(*call)
    assert code == 0
    assert "holds an unfinished preprocessing: going on with it" in out
    assert run(*call)[0] == 2  # finished: not empty
    assert run(*call, "--overwrite")[0] == 0


def test_the_tables_folder_of_the_source_is_refused_whatever_is_overwritten(collection: Path, films: Path, run: Call) -> None:
    code, _, err = run("preprocess", collection, "--pipeline", "a4", "--out", collection, "--overwrite")
    assert (code, "is a folder that is read" in err) == (2, True)
    assert (collection / "collection.json").is_file()
    films.rename(films.parent / "images")  # loose images that lie where the new ones would
    code, _, err = run("preprocess", films.parent / "images", "--pipeline", "a4", "--out", films.parent, "--overwrite")
    assert (code, "is a folder that is read" in err) == (2, True)


def test_nothing_of_an_older_result_stays_in_the_tables(collection: Path, tmp_path: Path, run: Call) -> None:
    call = ("preprocess", collection, "--out", tmp_path / "new", "--setting", "resize.rows=60", "--setting", "resize.cols=40")
    assert run(*call, "--pipeline", "d-candidates")[0] == 0
    (tmp_path / "new" / "regions.csv").write_text("set,image_id,region,path,value\ns,left,breast,old.png,1\n")
    assert run(*call, "--pipeline", "d", "--overwrite", "--sheet", "0")[0] == 0
    assert not {"candidates.csv", "regions.csv", "sheet.png"} & {path.name for path in (tmp_path / "new").iterdir()}

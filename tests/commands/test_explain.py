"""``breastcad explain`` on made-up sets: what it writes and prints, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from breastcad.commands.explain import BoxRow, FilmRow  # noqa: E402
from breastcad.core.files import (  # noqa: E402
    read_json,
    read_lesions,
    read_marks,
    read_split,
    read_table,
    write_collection,
    write_json,
    write_predictions,
    write_split,
)
from breastcad.core.placement import Placement  # noqa: E402
from breastcad.core.records import Collection, MarkRow, PredictionRow, SplitRow  # noqa: E402
from breastcad.evaluate.figures import read_metrics  # noqa: E402
from breastcad.explain.films import Film  # noqa: E402
from breastcad.models.checkpoint import save_checkpoint  # noqa: E402
from breastcad.models.mean_network import MeanNetwork  # noqa: E402
from breastcad.phantom.sets import write_set  # noqa: E402
from breastcad.read.sets import READERS  # noqa: E402
from breastcad.train.classifier_settings import ClassifierSettings  # noqa: E402
from breastcad.train.classifier_task import make_network  # noqa: E402
from breastcad.train.finished import lesion_networks, seen_scales  # noqa: E402
from breastcad.train.lesion_settings import LesionSettings  # noqa: E402
from breastcad.train.lesion_task import make_network as make_lesion_network  # noqa: E402
from breastcad.train.predict import Calibration, predict, to_rows  # noqa: E402
from breastcad.train.samples import load_samples  # noqa: E402
from breastcad.train.settings import to_text  # noqa: E402

pytestmark = pytest.mark.train
Call = Callable[..., tuple[int, str, str]]
POOLED = ClassifierSettings(network="resnet18", weights="none", rows=64, cols=64, modality="US", shortened=True)
LESIONS = LesionSettings(
    network="pyramid-resnet18", weights="none", rows=128, cols=128, modality="US", members=2, score_floor=0.2, mark_level=0.8, max_marks=3
)
PARTS = ("test", "train")
LINES = [{"abnormal": 1.5, "abnormal_shift": 0.3, "malignant": 1.0, "mark_slope": slope, "mark_intercept": 0.4} for slope in (0.7, 1.4)]
ONE_SIZE = ClassifierSettings(network="c-table-1", weights="none", rows=50, cols=50, channels=3, modality="US")


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breastcad.evaluate.scopes.REPEATS", 50)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made-up")
    write_set("busi", folder / "set", n=12, seed=3, quirks=False)
    write_collection(folder / "collection", READERS["busi"].read(folder / "set"))
    return folder / "collection"


def written_run(folder: Path, collection: Path, settings: ClassifierSettings, *, windows: tuple[int, int] | None) -> Path:
    """Write what a training leaves behind, its network untrained: one fold that tests on half of the images."""
    read = read_of(collection)
    names = [(image.set, image.image_id) for image in read.images]
    parts = ["test" if k % 2 else ("train", "validation")[k // 2 % 2] for k in range(len(names))]
    split = [SplitRow(*name, f"g{k}", part=part) for k, (name, part) in enumerate(zip(names, parts, strict=True))]
    write_split(folder, split, {})
    (folder / "settings.yaml").write_text(to_text(settings))
    fold = folder / "checkpoints" / "repeat0-fold0"
    save_checkpoint(fold / "best.safetensors", make_network(settings).state_dict(), {})
    write_json(fold / "fold.json", {})
    rows = []
    if windows:
        place = f"10-20-{windows[0]}x{windows[1]}"
        of = [(name, part) for name, part in zip(names, parts, strict=True) if part == "test"]
        rows = [PredictionRow(s, f"{s}/{i}/{place}", None, "g", 0, 0, 0, part, "patch", "benign") for (s, i), part in of]
    write_predictions(folder / "predictions.csv", rows)
    return folder


def read_of(collection: Path) -> Collection:
    from breastcad.core.files import read_collection

    return read_collection(collection)


@pytest.fixture(scope="module")
def pooled_run(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_run(tmp_path_factory.mktemp("runs") / "pooled", collection, POOLED, windows=(100, 200))


def test_every_test_image_has_a_map_boxes_and_figures(run: Call, collection: Path, pooled_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, _ = run("explain", pooled_run, collection, "--out", out, "--images", 4, "--device", "cpu")
    assert code == 0
    films, boxes = read_table(out / "images.csv", FilmRow), read_table(out / "boxes.csv", BoxRow)
    assert len(films) == 4
    shape = {row.image_id: (row.rows, row.cols) for row in read_of(collection).images}
    for film in films:
        rows, cols = shape[film.image_id]
        assert (film.fed_rows, film.fed_cols) == (32 * round(rows * 0.64 / 32), 32 * round(cols * 0.32 / 32))
        heat = cv2.imread(str(out / film.heat_map), cv2.IMREAD_UNCHANGED)
        assert heat.dtype == np.uint16
        assert heat.shape == (-(-film.fed_rows // 32), -(-film.fed_cols // 32))
        assert (heat.min(), heat.max()) == (0, 65535)
        assert cv2.imread(str(out / film.overlay)) is not None
        assert film.map_low < film.map_high
    assert {box.way for box in boxes} == {"cam", "centre", "random", "brightest"}
    assert all(0 <= box.row <= shape[box.image_id][0] and 0 <= box.col <= shape[box.image_id][1] for box in boxes)
    marks = read_marks(out / "marks.csv")
    assert [(mark.row, mark.lesion_id) for mark in marks] == [
        (pytest.approx(box.row, abs=0.01), box.lesion_id) for box in boxes if box.way == "cam"
    ]
    findings = {one.finding_id: one for one in read_of(collection).findings}
    tested = {film.image_id for film in films}
    assert {one.lesion_id for one in read_lesions(out / "lesions.csv")} == {n for n, one in findings.items() if one.image_id in tested}
    title, figures = read_metrics(out / "metrics.json")
    assert title == "cam of malignant, pooled; MADE-UP DATA, no result; shortened training"
    assert any(figure.name == "lesions found at 4 false marks an image, random" for figure in figures)
    assert read_json(out / "metrics.json")["hit_rule"].startswith("a box hits the lesion in whose box")
    assert {path.suffix or path.name for path in out.iterdir()} == {".csv", ".json", ".png", "heat-maps", "overlays"}
    assert {figure.name.partition(",")[0] for figure in read_metrics(out / "sanity.json")[1]} == {"pointing hit", "energy inside"}
    for words in ("**MADE-UP DATA, no result; shortened training.**", "Hit rule: a box hits", "fed at 0.64 x 0.32", "Research use only"):
        assert words in said


@pytest.mark.slow
def test_maps_are_checked_where_that_is_asked(run: Call, collection: Path, pooled_run: Path, tmp_path: Path) -> None:
    size = ("--rows", 96, "--cols", 96, "--images", 3, "--device", "cpu")
    code, said, _ = run("explain", pooled_run, collection, "--out", tmp_path / "out", "--sanity", *size)
    assert code == 0
    names = {figure.name for figure in read_metrics(tmp_path / "out" / "sanity.json")[1]}
    assert {"pointing hit, centre", "insertion area, cam less brightest", "rank correlation, all drawn anew"} <= names
    assert (tmp_path / "out" / "sanity.png").is_file()
    assert "| weights drawn anew | similarity of the maps | n |" in said


def test_the_same_call_gives_the_same_figures_and_another_rule_other_words(
    run: Call, collection: Path, pooled_run: Path, tmp_path: Path
) -> None:
    call = ("explain", pooled_run, collection, "--method", "grad-cam", "--rows", 96, "--cols", 128, "--device", "cpu")
    assert run(*call, "--out", tmp_path / "a")[0] == run(*call, "--out", tmp_path / "b")[0] == 0
    for name in ("metrics.json", "boxes.csv", "images.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert {film.fed_rows for film in read_table(tmp_path / "a" / "images.csv", FilmRow)} == {96}
    _, said, _ = run(*call, "--out", tmp_path / "c", "--iou", 0.3, "--images", 2, "--colours", "red-green-blue")
    assert "intersection over union is largest, if that is 0.3 or more" in said


def test_a_network_of_one_size_looks_window_by_window_and_has_no_cam(run: Call, collection: Path, tmp_path: Path) -> None:
    folder = written_run(tmp_path / "small", collection, ONE_SIZE, windows=(150, 150))
    code, _, said = run("explain", folder, collection, "--out", tmp_path / "a", "--images", 2, "--device", "cpu")
    assert code == 2
    assert "CAM needs a head of global average pooling" in said
    assert run("explain", folder, collection, "--out", tmp_path / "b", "--images", 2, "--method", "grad-cam", "--device", "cpu")[0] == 0


def lesion_run(folder: Path, collection: Path, settings: LesionSettings) -> Path:
    """Write a run of lesion networks: two folds, each with its own line, that test on a half each; networks that see this and that."""
    names = [(image.set, image.image_id) for image in read_of(collection).images]
    split = [SplitRow(*name, f"g{k}", outer=outer, part=PARTS[k % 2 ^ outer]) for k, name in enumerate(names) for outer in (0, 1)]
    write_split(folder, split, {})
    (folder / "settings.yaml").write_text(to_text(settings))
    for outer in (0, 1):
        fold = folder / "checkpoints" / f"repeat0-fold{outer}"
        for member in range(settings.members):
            made = make_lesion_network(replace(settings, seed=10 * outer + member)).state_dict()
            made["draw.weight"] *= 1000
            made["draw.bias"][0] = -1.0
            save_checkpoint((fold / f"member{member}" if member else fold) / "best.safetensors", made, {})
        write_json(fold / "fold.json", {"calibration": LINES[outer], "classes": ["normal", "benign", "malignant"]})
    write_predictions(folder / "predictions.csv", [])
    return folder


@pytest.mark.parametrize("pipeline", ["mammogram", pytest.param("ultrasound", marks=pytest.mark.slow)])
def test_a_lesion_network_s_own_map_has_the_run_s_marks_and_the_same_rivals(
    run: Call, collection: Path, tmp_path: Path, pipeline: str
) -> None:
    """As what the training of the run writes of its test images: places (to a hundredth of a pixel), calibrated scores, hits."""
    settings = replace(LESIONS, pipeline=pipeline)
    folder = lesion_run(tmp_path / "lesions", collection, settings)
    code, said, _ = run("explain", folder, collection, "--out", tmp_path / "out", "--device", "cpu")
    assert code == 0
    wanted = [mark for outer in (0, 1) for mark in marks_of(folder, collection, settings, outer)]
    marks = read_marks(tmp_path / "out" / "marks.csv")
    assert [(mark.image_id, mark.lesion_id) for mark in marks] == [(mark.image_id, mark.lesion_id) for mark in wanted]
    for mark, other in zip(marks, wanted, strict=True):
        assert mark.score == pytest.approx(other.score, abs=2e-5)
        assert (mark.row, mark.col) == (pytest.approx(other.row, abs=0.02), pytest.approx(other.col, abs=0.02))
    assert max(sum(mark.image_id == other.image_id for other in marks) for mark in marks) == 3
    assert any(mark.lesion_id for mark in marks)
    assert any(mark.lesion_id is None for mark in marks)
    assert {box.way for box in read_table(tmp_path / "out" / "boxes.csv", BoxRow)} == {"lesion-map", "centre", "random", "brightest"}
    assert "Map: lesion-map of abnormal." in said
    films = read_table(tmp_path / "out" / "images.csv", FilmRow)
    assert len(films) == 12
    shape = {row.image_id: (row.rows, row.cols) for row in read_of(collection).images}
    for film in films:
        assert 0 < film.class_probability < 1
        whole = (film.map_row0, film.map_col0, film.map_row1, film.map_col1) == (0, 0, *shape[film.image_id])
        assert whole or pipeline == "mammogram"


def marks_of(folder: Path, collection: Path, settings: LesionSettings, outer: int) -> list[MarkRow]:
    """Return the marks that a training writes of a fold's test images."""
    tested = {(row.set, row.id): row.group for row in read_split(folder) if (row.part, row.outer) == ("test", outer)}
    samples, _ = load_samples([read_of(collection)], tested, settings.pipeline, settings.rows, settings.cols)
    network = MeanNetwork(lesion_networks(folder, settings, (0, outer), torch.device("cpu")))
    told = predict(network, samples, settings, torch.device("cpu"), progress=lambda *_: None)
    return to_rows(told, Calibration(**LINES[outer]), settings, fold=(0, outer), part="test")[1]


def test_the_map_of_a_part_of_a_picture_is_drawn_where_that_part_is() -> None:
    """A map of 2 x 2 whose lower right is hot, over rows 100 to 300 and columns 400 to 500 of 400 x 600: hottest at their lower right."""
    film = Film(np.zeros((20, 10), np.float32), Placement(100, 400, 10, 10), np.ones((20, 10), bool))
    whole = film.over_picture(np.array([[0, 0], [0, 1]], np.float32), (400, 600))
    assert whole.shape == (400, 600)
    assert (np.argwhere(whole > 0).min(0) >= (100, 400)).all()
    assert (np.argwhere(whole == 1).min(0) > (240, 470)).all()
    assert (np.argwhere(whole == 1).max(0) == (299, 499)).all()
    assert film.over_picture(np.ones((2, 2), np.float32), (4000, 2000)).shape == (1024, 512)


def test_an_image_that_cannot_be_read_is_left_out_and_said(run: Call, collection: Path, pooled_run: Path, tmp_path: Path) -> None:
    read = read_of(collection)
    read.images[1].path = "nowhere.png"
    write_collection(tmp_path / "collection", read)
    code, said, _ = run("explain", pooled_run, tmp_path / "collection", "--out", tmp_path / "out", "--rows", 96, "--cols", 96)
    assert code == 0
    assert f"left out: busi {read.images[1].image_id}: " in said
    assert len(read_table(tmp_path / "out" / "images.csv", FilmRow)) == 5


def test_films_that_are_fed_too_small_are_left_out_each(run: Call, collection: Path, pooled_run: Path, tmp_path: Path) -> None:
    call = ("explain", pooled_run, collection, "--out", tmp_path / "out", "--rows", 32, "--cols", 32)
    code, _, said = run(*call)
    assert code == 1
    assert "too coarse to say where; feed it larger, with --rows and --cols" in said


def test_calls_that_cannot_be_taken_are_refused(run: Call, collection: Path, pooled_run: Path, tmp_path: Path) -> None:
    def refused(*more: object, folder: Path = pooled_run) -> str:
        code, _, said = run("explain", folder, collection, "--out", tmp_path / "out", *more)
        assert code == 2
        assert not (tmp_path / "out").exists()
        return said

    assert "no such run folder" in refused(folder=tmp_path / "none")
    assert "--rows and --cols are given together" in refused("--rows", 64)
    assert "is no run folder (it has no settings.yaml)" in refused(folder=collection)
    assert "--of 'abnormal' is none of them, or all" in refused("--of", "abnormal")
    assert "the run has no trained fold 7; its trained folds: 0" in refused("--fold", 7)
    assert "alone draw a map of their own; choose another --method" in refused("--method", "lesion-map")
    lesion = tmp_path / "lesion"
    lesion.mkdir()
    (lesion / "settings.yaml").write_text("task: lesion\n")
    for more in (("--method", "cam"), ("--of", "malignant"), ("--rows", 64, "--cols", 64)):
        assert "leave --method, --of, --rows and --cols out" in refused(*more, folder=lesion)
    forest = tmp_path / "classical"
    forest.mkdir()
    (forest / "settings.yaml").write_text("task: classical\n")
    assert "is a run of the kind 'classical', and this takes runs of classifier networks" in refused(folder=forest)
    windows = tmp_path / "windows"
    (name, *_) = read_of(collection).images
    parted = [SplitRow(name.set, f"{name.set}/{name.image_id}/1-2-50x50", "g", part=part) for part in ("train",)]
    write_split(windows, parted, {})
    (windows / "settings.yaml").write_text(to_text(POOLED))
    write_json(windows / "checkpoints" / "repeat0-fold0" / "fold.json", {})
    assert "parts windows, so that fold 0 has learnt from windows of the images that it tested on" in refused(folder=windows)
    (windows / "checkpoints" / "repeat0-fold0" / "fold.json").unlink()
    assert "no fold of the run 'windows' is trained to its end" in refused(folder=windows)


def test_a_folder_that_is_not_empty_is_refused(run: Call, collection: Path, pooled_run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    code, _, said = run("explain", pooled_run, collection, "--out", tmp_path)
    assert code == 2
    assert "is not empty" in said


def test_each_set_is_fed_at_the_scale_of_its_own_windows(tmp_path: Path) -> None:
    """96 x 128 pixels of windows of 96 x 128 and of 192 x 512: as many pixels as the source has, and 1/2 by 1/4."""
    sizes = [("a", "96x128"), ("a", "96x128"), ("b", "192x512")]
    rows = [PredictionRow(name, f"{name}/i/10-20-{size}", None, "g", 0, 0, 0, "test", "patch", "benign") for name, size in sizes]
    write_predictions(tmp_path / "predictions.csv", rows)
    settings = replace(POOLED, rows=96, cols=128)
    assert seen_scales(tmp_path, settings) == {"a": (1.0, 1.0), "b": (0.5, 0.25)}
    write_predictions(tmp_path / "predictions.csv", [])
    assert seen_scales(tmp_path, settings) == {}

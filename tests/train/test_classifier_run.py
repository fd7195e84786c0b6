"""A classifier's run on a made-up set: windows, copies, parts, tables; what it refuses; the search; several processes."""

from __future__ import annotations

import csv
import itertools
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
psutil = pytest.importorskip("psutil")

from breastcad.commands import main  # noqa: E402
from breastcad.core.errors import InputError  # noqa: E402
from breastcad.core.files import read_json, read_predictions, write_collection, write_patches, write_split  # noqa: E402
from breastcad.core.records import Collection, PatchRow, SplitRow  # noqa: E402
from breastcad.datasets.cache import Cache  # noqa: E402
from breastcad.datasets.duplicates import joint_groups  # noqa: E402
from breastcad.datasets.splits import kfold, nested  # noqa: E402
from breastcad.patches.methods import METHODS  # noqa: E402
from breastcad.patches.settings import settings_of  # noqa: E402
from breastcad.patches.table import cut_patches  # noqa: E402
from breastcad.patches.views import window_of  # noqa: E402
from breastcad.phantom.sets import write_set  # noqa: E402
from breastcad.read import open_picture  # noqa: E402
from breastcad.read.sets import READERS  # noqa: E402
from breastcad.train import run as run_module  # noqa: E402
from breastcad.train.classifier_settings import ClassifierSettings  # noqa: E402
from breastcad.train.images import named_images  # noqa: E402
from breastcad.train.lesion_settings import LesionSettings  # noqa: E402
from breastcad.train.processes import Processes  # noqa: E402
from breastcad.train.run import check, check_network, train_run  # noqa: E402
from breastcad.train.run_folder import Run, open_run  # noqa: E402
from breastcad.train.search import Search, present  # noqa: E402
from breastcad.train.tasks import recipe  # noqa: E402
from breastcad.train.windows import load_windows, whole_windows  # noqa: E402

pytestmark = pytest.mark.train
CPU = torch.device("cpu")
SMALL = ClassifierSettings(
    network="c-table-1", weights="none", rows=50, cols=50, batch=4, epochs=1, warm_up=0.0, channels=3, classes="benign, malignant"
)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def quiet(*_: object) -> None:
    """Report nothing."""


def begin(folder: Path, settings: ClassifierSettings, split: list[SplitRow], progress: object = quiet) -> Run:
    return open_run(folder, settings, split, {}, device=CPU, progress=progress)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    folder = tmp_path_factory.mktemp("made-up")
    write_set("busi", folder / "set", n=24, seed=3, quirks=False)
    return READERS["busi"].read(folder / "set")


@pytest.fixture(scope="module")
def patches(collection: Collection) -> list[PatchRow]:
    return cut_patches(collection, "roi", settings_of(METHODS["roi"].kind, ["window=64"]), seed=0).rows


@pytest.fixture(scope="module")
def groups(collection: Collection) -> dict[tuple[str, str], str]:
    return joint_groups([collection])


@pytest.fixture
def split(collection: Collection, groups: dict[tuple[str, str], str]) -> list[SplitRow]:
    return kfold(collection.images, groups, folds=2, seed=1, validation_share=0.4)


def test_a_window_is_the_image_resized_there_once(collection: Collection, patches: list[PatchRow]) -> None:
    row = patches[0]
    named = named_images([collection], {(row.set, row.image_id)})
    groups = {(row.set, row.image_id): "g"}
    windows, problems = load_windows(named, patches, lambda *_: "train", SMALL, groups=groups)
    assert problems == []
    whole = open_picture(Path(collection.root) / (named[0][1].path or "")).pixels
    expected = window_of(whole, replace(row, scale=50 / row.height))
    assert np.abs(windows[0].pixels.astype(float) - 255 * np.clip(expected, 0, 1)).max() <= 0.5
    assert (windows[0].target, windows[0].kind) == (int(row.label == "malignant"), "mass")


def test_copies_are_the_same_in_any_order_and_cached_windows_are_the_same(
    collection: Collection, patches: list[PatchRow], groups: dict[tuple[str, str], str], tmp_path: Path
) -> None:
    settings = replace(SMALL, copies=3, copies_policy="b-table-1")
    named = named_images([collection], {(row.set, row.image_id) for row in patches})
    first, _ = load_windows(named, patches, lambda *_: "train", settings, groups=groups)
    cache = Cache(tmp_path, limit=10**9, tell=quiet)
    for again in (load_windows(named[::-1], patches[::-1], lambda *_: "train", settings, groups=groups, cache=cache)[0] for _ in range(2)):
        other = {one.key: one.pixels for one in again}
        assert other.keys() == {one.key for one in first}
        assert all(np.array_equal(one.pixels, other[one.key]) for one in first)
    assert [one.copy for one in first[:3]] == [0, 1, 2]
    assert not np.array_equal(first[0].pixels, first[1].pixels)
    whole, _ = load_windows(named, whole_windows(row for _, row, _ in named), lambda *_: "test", SMALL, groups=groups)
    assert len(whole) == len(named)


def test_a_run_on_windows_tells_of_windows_and_images(
    collection: Collection, patches: list[PatchRow], split: list[SplitRow], tmp_path: Path
) -> None:
    settings = replace(SMALL, copies=2, copies_policy="a", normalisation="z-score", members=2)
    assert check([collection], split, settings, patches=patches)
    run = begin(tmp_path / "run", settings, split)
    assert train_run(run, [collection], [1], patches=patches) == []
    train_run(run, [collection], patches=patches)
    rows = read_predictions(tmp_path / "run" / "predictions.csv")
    tested = [row for row in rows if row.part == "test"]
    assert {row.level for row in tested} == {"patch", "image"}  # BUSI names no patients
    assert sorted(row.id for row in tested if row.level == "patch") == sorted(row.sample_id for row in patches)
    assert not any("#" in row.id for row in rows)
    facts = read_json(tmp_path / "run" / "folds.json")
    assert [fact["classes"] for fact in facts] == [["benign", "malignant"]] * 2
    part_of = {(row.id, row.outer): row.part for row in split}
    for row in (row for row in rows if row.level == "patch"):
        assert part_of[row.image, row.outer] == row.part
        assert row.probability["benign"] + row.probability["malignant"] == pytest.approx(1, abs=1e-5)
    count = sum(part_of[row.image_id, 0] == "train" for row in patches)
    assert sum(facts[0]["samples"]["train"].values()) == 2 * count
    assert not (tmp_path / "run" / "marks.csv").exists()
    with open(tmp_path / "run" / "log.csv", encoding="utf-8") as stream:
        assert {"accuracy", "precision", "sensitivity", "f1", "images_per_second"} <= set(next(csv.reader(stream)))


def test_windows_and_copies_that_a_split_parts_are_each_where_it_puts_them(
    collection: Collection, patches: list[PatchRow], groups: dict[tuple[str, str], str], tmp_path: Path
) -> None:
    """As publications did: copies of a window in all parts."""
    settings = replace(SMALL, copies=3, copies_policy="a")
    parts = "train", "validation", "test"
    ids = [(row, f"{row.sample_id}#{copy}" if copy else row.sample_id, parts[copy]) for row in patches for copy in range(3)]
    leaking = [SplitRow(row.set, name, groups[row.set, row.image_id], part=part) for row, name, part in ids]
    run = begin(tmp_path / "run", settings, leaking)
    train_run(run, [collection], patches=patches)
    rows = [row for row in read_predictions(tmp_path / "run" / "predictions.csv") if row.level == "patch"]
    assert sorted(row.id for row in rows if row.part == "test") == sorted(f"{row.sample_id}#2" for row in patches)
    with pytest.raises(InputError, match=r"none of its 2 copies .*; give the ones that it was made of"):
        check([collection], leaking, replace(settings, copies=2), patches=patches)


def test_after_each_epoch_a_line_says_how_long_it_takes_at_most(
    collection: Collection, patches: list[PatchRow], split: list[SplitRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two folds of two networks, two epochs each, ten seconds an epoch: 70 s are left after the first epoch, none after the last."""
    clock = SimpleNamespace(monotonic=partial(next, itertools.count(0, 10)))  # ten seconds later at every look
    monkeypatch.setattr("breastcad.train.run_folder.time", clock)
    run, said = begin(tmp_path / "run", replace(SMALL, epochs=2, members=2, patience=9), split), list[str]()
    run.tell = said.append
    train_run(run, [collection], patches=patches)
    assert [line.partition(":")[0] for line in said] == [f"fold {fold}, epoch {epoch} of 2" for fold in (0, 0, 1, 1) for epoch in (1, 2)]
    assert [line.rpartition("an epoch, ")[2] for line in said] == [f"{left} s left at most" for left in range(70, -1, -10)]


def test_whole_images_without_windows(collection: Collection, split: list[SplitRow], tmp_path: Path) -> None:
    run = begin(tmp_path / "run", replace(SMALL, classes="normal, benign, malignant"), split)
    train_run(run, [collection])
    rows = read_predictions(tmp_path / "run" / "predictions.csv")
    assert {row.level for row in rows} == {"image"}
    assert len([row for row in rows if row.part == "test"]) == len(collection.images)
    assert all(row.probability["abnormal"] == pytest.approx(1 - row.probability["normal"], abs=1e-5) for row in rows)


def test_a_lesion_network_refuses_windows_and_a_class_that_is_absent_is_said(
    collection: Collection, patches: list[PatchRow], split: list[SplitRow], tmp_path: Path
) -> None:

    with pytest.raises(InputError, match="takes whole images, not windows; leave --patches out"):
        check([collection], split, LesionSettings(), patches=patches)
    run = begin(tmp_path / "run", replace(SMALL, classes="lesion, normal"), split)
    with pytest.raises(InputError, match="fold 0 of the split has no sample of the classes 'lesion, normal'"):
        train_run(run, [collection], patches=patches)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")])
def test_the_end_of_memory_is_advice(
    collection: Collection, split: list[SplitRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(run_module.KINDS["classifier"], "load", full)
    with pytest.raises(InputError, match=r"memory ran out with a batch of 4 at 50 x 50; .*smaller batch="):
        train_run(begin(tmp_path / "run", SMALL, split), [collection])
    monkeypatch.setattr(run_module.KINDS["classifier"], "load", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train_run(begin(tmp_path / "run", SMALL, split), [collection])


def test_a_batch_of_one_is_advice_where_statistics_need_more(
    collection: Collection, split: list[SplitRow], patches: list[PatchRow], tmp_path: Path
) -> None:
    settings = replace(SMALL, network="b-convnet", rows=32, cols=32, batch=1, epochs=1)
    with pytest.raises(InputError, match="give batch=2 or more"):
        train_run(begin(tmp_path / "run", settings, split), [collection], [0], patches=patches)


def test_a_batch_that_processes_cannot_part_evenly_is_refused() -> None:
    two = Processes(torch.device("cpu"))
    two.count = 2
    two.check_batch(4, 4)
    with pytest.raises(InputError, match=r"a batch must be a multiple of the 2 processes that share it, got 3$"):
        two.check_batch(3, 3)
    with pytest.raises(InputError, match="got 5, as many training samples as there are; setting 'batch' is 8"):
        two.check_batch(5, 8)


def test_what_killed_writers_left_is_removed_and_stops_no_run(
    collection: Collection, split: list[SplitRow], patches: list[PatchRow], tmp_path: Path
) -> None:
    left = [tmp_path / "run" / ".split.csv.1.part", tmp_path / "run" / "checkpoints" / "repeat0-fold0" / ".last.safetensors.1.part"]
    left[0].parent.mkdir()
    left[0].touch()
    run = begin(tmp_path / "run", replace(SMALL, epochs=1), split)
    left[1].parent.mkdir(parents=True)
    left[1].touch()
    train_run(run, [collection], [0], patches=patches)
    assert not left[1].exists()


def test_a_fold_that_validates_one_class_chooses_by_the_loss_and_says_so(
    collection: Collection, split: list[SplitRow], patches: list[PatchRow], tmp_path: Path
) -> None:
    label = {image.image_id: image.label for image in collection.images}
    one = [replace(row, part="train") if row.part == "validation" and label[row.id] == "malignant" else row for row in split]
    run = begin(tmp_path / "run", replace(SMALL, epochs=2), one)
    said: list[str] = []
    run.tell = said.append
    train_run(run, [collection], [0], patches=patches)
    assert said[0] == "fold 0: its validation part has one class only, so epochs are chosen by the loss"
    assert read_json(tmp_path / "run" / "checkpoints" / "repeat0-fold0" / "fold.json")["chosen_by"] == "loss"


def test_a_network_that_cannot_be_built_is_refused_before_a_folder_is_bound_to_it(
    collection: Collection, split: list[SplitRow], patches: list[PatchRow]
) -> None:
    for settings, words in ((replace(SMALL, network="resnet81"), "unknown classifier"), (replace(SMALL, weights="lost.pt"), "lost.pt")):
        with pytest.raises(InputError, match=words):
            check([collection], split, settings, patches=patches)


def test_a_network_too_large_for_memory_is_advice_before_a_folder_is_bound_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")

    monkeypatch.setattr(run_module, "make_network", full)
    with pytest.raises(InputError, match=r"memory ran out with a batch of 4 at 99999 x 50; .*smaller rows="):
        check_network(replace(SMALL, rows=99999))


def test_a_search_without_inner_folds_is_refused_before_a_folder_is_bound_to_it(
    collection: Collection, split: list[SplitRow], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_split(tmp_path / "split", split, {})
    write_collection(tmp_path / "set", collection)
    call = ["train", str(tmp_path / "set"), "--split", str(tmp_path / "split"), "--recipe", "classifier", "--search", "rate=1e-4..1e-2"]
    with pytest.raises(SystemExit) as stop:
        main([*call, "--out", str(tmp_path / "run")])
    assert stop.value.code == 2
    assert "fold 0 has no inner folds to choose settings on" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_search_by_the_last_epoch_is_refused() -> None:
    with pytest.raises(InputError, match="'choose_by' cannot be last"):
        Search((("rate", "1e-4..1e-2"),), 2).check(replace(SMALL, choose_by="last"))


def test_a_setting_that_diverges_is_the_worst_of_a_search(
    collection: Collection, groups: dict[tuple[str, str], str], patches: list[PatchRow], tmp_path: Path
) -> None:
    split = nested(collection.images, groups, folds=2, inner_folds=2, seed=1, validation_share=0.4)
    run = begin(tmp_path / "run", replace(SMALL, epochs=2), split)
    train_run(run, [collection], [0], patches=patches, search=Search((("rate", "1e30,1e-4"),), 4))
    with open(tmp_path / "run" / "search.csv", encoding="utf-8") as stream:
        tried = [(row["rate"], row["score"]) for row in csv.DictReader(stream)]
    assert {score == "-inf" for rate, score in tried if rate == "1e+30"} == {True}
    assert read_json(tmp_path / "run" / "checkpoints" / "repeat0-fold0" / "searched.json") == {"rate": "1e-4"}


def test_a_part_of_the_settings_is_searched_for_by_its_name() -> None:
    settings, name = recipe("us-lesion"), "augmentation.noise"
    Search(((name, "0.01..0.02"),), 1).check(settings)
    assert present(settings, name) == settings.augmentation.noise  # type: ignore[attr-defined]


def test_a_fold_that_trains_on_one_class_is_refused(
    collection: Collection, patches: list[PatchRow], split: list[SplitRow], tmp_path: Path
) -> None:
    labels = {row.image_id: row.label for row in collection.images}
    alone = [replace(row, part="test") if row.part == "train" and labels[row.id] == "malignant" else row for row in split]
    with pytest.raises(InputError, match="fold 0 of the split trains on one class only, of 'benign, malignant'"):
        train_run(begin(tmp_path / "run", SMALL, alone), [collection], [0], patches=patches)


# ---- several processes ----


@pytest.fixture
def files(collection: Collection, patches: list[PatchRow], split: list[SplitRow], tmp_path: Path) -> list[str]:
    """Write what the command takes; return its arguments but for --out."""
    write_collection(tmp_path / "collection", collection)
    (tmp_path / "patches").mkdir()
    write_patches(tmp_path / "patches" / "patches.csv", patches)
    (tmp_path / "split").mkdir()
    write_split(tmp_path / "split", split, {})
    settings = ("weights=none", "rows=50", "cols=50", "batch=4", "channels=3", "epochs=3", "patience=90", "dropout=0", "warm_up=0")
    places = "--patches", str(tmp_path / "patches"), "--split", str(tmp_path / "split")
    told = "--recipe", "classifier", "--network", "c-table-1", "--folds", "0", "--device", "cpu"
    return ["train", str(tmp_path / "collection"), *places, *told, *(part for one in settings for part in ("--setting", one))]


def launched(arguments: list[str], out: Path) -> subprocess.Popen[str]:
    """Start a training in two processes."""
    launch = ["-m", "accelerate.commands.accelerate_cli", "launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    command = [sys.executable, *launch, "-m", "breastcad", *arguments, "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def losses(run: Path) -> list[float]:
    with open(run / "log.csv", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["part"] == "train"]
    return [float(row["loss"]) for row in {row["epoch"]: row for row in rows}.values()]


@pytest.mark.slow
def test_two_processes_learn_as_one(files: list[str], tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "breastcad", *files, "--out", str(tmp_path / "one")], check=True, capture_output=True)
    together = launched(files, tmp_path / "two")
    said, _ = together.communicate(timeout=300)
    assert together.returncode == 0, said
    assert said.count("folds that are left: 1") == 1
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-3)


@pytest.mark.slow
def test_folds_side_by_side_say_what_one_after_the_other_say(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = files.index("--folds")
    call = [one.replace("epochs=3", "epochs=1") for one in (*files[:place], *files[place + 2 :])]
    for name, jobs in (("one", []), ("two", ["--jobs", "2"])):
        with pytest.raises(SystemExit) as stop:
            main([*call, "--out", str(tmp_path / name), *jobs])
        assert stop.value.code == 0
        said = capsys.readouterr()
        assert ("2 folds, 2 side by side" in said.err) == (name == "two")
        assert {line.split(",")[0] for line in said.out.splitlines() if "an epoch" in line} == {"fold 0", "fold 1"}
        assert said.out.endswith(f"Next: breastcad evaluate {tmp_path / name}\n")
    tables = [(tmp_path / name / "predictions.csv").read_bytes() for name in ("one", "two")]
    assert tables[0] == tables[1]


def test_the_time_of_folds_side_by_side_is_reckoned_from_every_network_they_train(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Any, ...]] = []

    def stopped(words: list[str], folds: list[int], jobs: int, *, members: int, progress: object) -> None:
        asked.append((folds, jobs, members))
        raise InputError("stopped before the first")

    monkeypatch.setattr("breastcad.commands.train.train_side_by_side", stopped)
    place = files.index("--folds")
    call = [*files[:place], *files[place + 2 :], "--setting", "members=2", "--seeds", "3", "--jobs", "2"]
    with pytest.raises(SystemExit):
        main([*call, "--out", str(tmp_path / "run")])
    assert asked == [([0, 1], 2, 2 * 3)], capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_process_ends_all_and_the_run_goes_on(files: list[str], tmp_path: Path) -> None:
    files = [one.replace("epochs=3", "epochs=90") for one in files]
    together, log = launched(files, tmp_path / "two"), tmp_path / "two" / "log.csv"
    begun = time.monotonic()
    while not (log.is_file() and len(log.read_text(encoding="utf-8").splitlines()) > 4) and time.monotonic() - begun < 200:
        time.sleep(0.2)
    os.kill(_workers(together.pid)[-1], signal.SIGKILL)
    said, _ = together.communicate(timeout=120)
    assert together.returncode not in (0, None)
    assert "SIGKILL" in said or "-9" in said
    short = launched(files, tmp_path / "two")
    said, _ = short.communicate(timeout=400)
    assert short.returncode == 0, said
    assert (tmp_path / "two" / "checkpoints" / "repeat0-fold0" / "fold.json").is_file()


def _workers(launcher: int) -> list[int]:
    """Return the processes that a launcher started to train, in their order."""
    return sorted(one.pid for one in psutil.Process(launcher).children(recursive=True) if "train" in one.cmdline())

"""A training over earlier exams: batches by hand, the same twice, with and without history, and what the demonstration says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from breastcad.commands import main  # noqa: E402
from breastcad.core.errors import InputError  # noqa: E402
from breastcad.core.files import read_collection, read_patches, read_predictions, read_split, write_split  # noqa: E402
from breastcad.core.records import Collection, PatchRow, SplitRow  # noqa: E402
from breastcad.models.checkpoint import load_checkpoint  # noqa: E402
from breastcad.phantom.growing import growing_breasts, write_breasts  # noqa: E402
from breastcad.train import sequence_run  # noqa: E402
from breastcad.train.loop import train_network  # noqa: E402
from breastcad.train.run import train_run  # noqa: E402
from breastcad.train.run_folder import Run, open_run  # noqa: E402
from breastcad.train.sequence_demo import show_sequences  # noqa: E402
from breastcad.train.sequence_settings import SequenceSettings  # noqa: E402
from breastcad.train.sequence_task import BreastSequence, SequenceTask, predict, stacked  # noqa: E402
from breastcad.train.tasks import recipe  # noqa: E402

pytestmark = pytest.mark.train
CPU = torch.device("cpu")
SETTINGS = SequenceSettings(rows=24, cols=20, batch=4, epochs=2, patience=2)


def quiet(*_: object) -> None:
    """Report nothing."""


def grown(k: int, *, malignant: bool) -> BreastSequence:
    """Return a spot of 6 px on the last of three films; on the first it is 2 px where malignant, else 6, too."""
    draw = np.random.default_rng(k)
    films = draw.integers(0, 40, (3, 24, 20)).astype(np.uint8)
    row, col = draw.integers(0, 16), draw.integers(0, 12)
    for date, size in enumerate((2, 4, 6) if malignant else (6, 6, 6)):
        films[date, row : row + size, col : col + size] = 200
    return BreastSequence(str(k), str(k), films, [0, 300, 500 + k], "malignant" if malignant else "benign")


SAMPLES = [grown(k, malignant=k % 2 == 1) for k in range(8)]


def trained(folder: Path, settings: SequenceSettings = SETTINGS) -> Any:
    return train_network(SequenceTask(SAMPLES, SAMPLES, settings, (0, 0)), folder, device=CPU, report=quiet, progress=quiet)


def test_a_batch_by_hand() -> None:
    """Two films and one: padded to two; the second's place holds black, its day 0."""
    short = replace(SAMPLES[1], films=SAMPLES[1].films[-1:], days=[0])
    films, days, counts, malignant = stacked([replace(SAMPLES[0], films=SAMPLES[0].films[:2], days=[0, 300]), short])
    assert films.shape == (2, 2, 24, 20)
    assert (float(films[0, 1].max()), float(films[1, 1].max())) == (pytest.approx(200 / 255), 0.0)
    assert (days.tolist(), counts.tolist(), malignant.tolist()) == ([[0, 300], [0, 0]], [2, 1], [0.0, 1.0])


def test_batches_are_the_same_each_time_and_others_each_epoch() -> None:
    task = SequenceTask(SAMPLES, SAMPLES, SETTINGS, (0, 0))
    first, again, other = ([batch[0] for batch in task.batches(epoch, 0, 1)] for epoch in (0, 0, 1))
    assert len(first) == task.steps == 2
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(one.shape == two.shape and torch.equal(one, two) for one, two in zip(first, other, strict=True))


def test_earlier_films_are_left_out_now_and_then_the_last_never() -> None:
    none_left = SequenceTask(SAMPLES, SAMPLES, replace(SETTINGS, left_out=1.0), (0, 0))
    films, days, counts, _ = next(none_left.batches(0, 0, 1))
    assert (counts.tolist(), days.tolist()) == ([1] * 4, [[0.0]] * 4)
    areas = (films[:, 0] > 0.5).sum((1, 2)).tolist()
    assert areas == [36] * 4, "the last film shows six by six pixels, growing or not"


def test_the_same_training_twice_gives_the_same_weights(tmp_path: Path) -> None:
    trained(tmp_path / "a")
    trained(tmp_path / "b")
    first, second = (load_checkpoint(tmp_path / name / "last.safetensors")[0] for name in "ab")
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_a_breast_without_earlier_exams_is_answered_too(tmp_path: Path) -> None:
    network = trained(tmp_path)
    alone = [replace(one, films=one.films[-1:], days=[0]) for one in SAMPLES]
    said = predict([network], [*SAMPLES[:3], *alone], SETTINGS, CPU, quiet)
    assert said.shape == (11,)
    assert np.isfinite(said).all()
    assert said[3:] == pytest.approx(predict([network], alone, SETTINGS, CPU, quiet), abs=1e-5)


@pytest.mark.parametrize(("name", "value", "said"), [("network", "lstm", "must be one of recurrent"), ("left_out", 1.5, "is a share")])
def test_settings_that_cannot_be_are_refused(name: str, value: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"setting '{name}' {said}"):
        replace(SETTINGS, **{name: value}).check()


@pytest.mark.slow
@pytest.mark.parametrize("joiner", ["recurrent", "attention"])
def test_it_overfits_growth_and_the_last_film_alone_does_not(tmp_path: Path, joiner: str) -> None:
    """Spots that grew and spots that did not end alike; with their history all eight are told apart."""
    long = replace(SETTINGS, network=joiner, epochs=60, patience=60, rate=5e-3, average_decay=0.9, left_out=0.0, batch=8)
    said = predict([trained(tmp_path, long)], SAMPLES, long, CPU, quiet)
    assert ((said > 0) == [one.label == "malignant" for one in SAMPLES]).all()


@pytest.mark.slow
def test_the_demonstration_says_that_its_data_are_made_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["sequence-demo", "--out", str(tmp_path / "out"), "--women", "40", "--seeds", "1", "--epochs", "1"])
    text = (tmp_path / "out" / "sequence-demo.md").read_text()
    assert text.startswith("# Earlier exams: made-up data\n")
    assert "These are made-up data" in text
    assert text in capsys.readouterr().out
    kept = json.loads((tmp_path / "out" / "sequence-demo.json").read_text())
    assert (kept["made_up"], [one["joiner"] for one in kept["joiners"]]) == (True, ["recurrent", "attention", "last"])
    assert sum(sum(own.values()) for own in kept["counts"].values()) == 40
    assert (tmp_path / "out" / "made-up" / "patches.csv").is_file()


def test_a_part_without_a_label_is_refused_before_any_training() -> None:
    """Of seed 1's 40 women the 6 from place 22 on, 0.55 of 40, are none of them benign."""
    with pytest.raises(InputError, match="of 40 made-up women, 6 in the validation part, none there is benign: ask for more women"):
        show_sequences(growing_breasts(40, 1), quiet, seeds=1, epochs=1)


# ---- in a run folder ----


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Twelve made-up women as a collection with patches.csv, and a split by woman."""
    collection, split = tmp_path_factory.mktemp("collection"), tmp_path_factory.mktemp("split")
    breasts = growing_breasts(12, 3)
    write_breasts(collection, breasts)
    rows = []
    for number, one in enumerate(sorted(range(12), key=lambda k: breasts[k].label)):
        part = ("train", "train", "validation", "test")[number % 4]
        names = [f"g{one:04d}-{date}" for date in range(len(breasts[one].days))]
        rows += [SplitRow("growing", name, f"g{one:04d}", 0, 0, 0, part) for name in names]
    write_split(split, rows, {})
    return collection, split


def opened(folder: Path, made_up: tuple[Path, Path], **settings: Any) -> tuple[Run, list[Collection], list[PatchRow]]:
    short = replace(recipe("sequence"), epochs=1, batch=4, rows=24, cols=20, **settings)
    run = open_run(folder, short, read_split(made_up[1]), {}, device=CPU, progress=quiet)
    return run, [read_collection(made_up[0])], read_patches(made_up[0] / "patches.csv")


def test_a_run_trains_on_exams_and_says_its_breasts(made_up: tuple[Path, Path], tmp_path: Path) -> None:
    run, collections, patches = opened(tmp_path / "run", made_up)
    assert train_run(run, collections, patches=patches) == []
    rows = read_predictions(tmp_path / "run" / "predictions.csv")
    assert {(row.part, row.level) for row in rows} == {("validation", "breast"), ("test", "breast")}
    assert len(rows) == 6
    assert all(0 < row.probability["malignant"] < 1 for row in rows)


def test_exams_of_one_woman_in_two_parts_are_refused(made_up: tuple[Path, Path], tmp_path: Path) -> None:
    run, collections, patches = opened(tmp_path / "run", made_up)
    run.split[0].part = "test" if run.split[0].part == "train" else "train"
    with pytest.raises(InputError, match=r"has exams of 'g\d+' in several parts; split by patient"):
        train_run(run, collections, patches=patches)


def test_what_says_no_order_of_exams_is_refused(made_up: tuple[Path, Path], tmp_path: Path) -> None:
    run, collections, patches = opened(tmp_path / "run", made_up)
    with pytest.raises(InputError, match="a training over exams needs --patches"):
        train_run(run, collections)
    with pytest.raises(InputError, match="must be its place in time, from 0, got 'whole' for 'g0000'"):
        train_run(run, collections, patches=[replace(patches[0], role="whole")])
    undated = [replace(collections[0], images=[replace(row, days_from_first=None) for row in collections[0].images])]
    with pytest.raises(InputError, match=r"has no days_from_first in images\.csv"):
        train_run(run, undated, patches=patches)
    swapped = [replace(row, role={"0": "1", "1": "0"}.get(row.role, row.role)) if row.sample_id == "g0001" else row for row in patches]
    with pytest.raises(InputError, match=r"the days_from_first of 'g0001' of 'growing' fall from one role to the next"):
        train_run(run, collections, patches=swapped)
    twice = [replace(row, role="0") if row.sample_id == "g0001" else row for row in patches]
    with pytest.raises(InputError, match=r"the roles of 'g0001' of 'growing' must be 0, 1, \.\.\., each once"):
        train_run(run, collections, patches=twice)
    run.split = [row for row in run.split if row.id != "g0001-0"]
    with pytest.raises(InputError, match="names some of the exams of 'g0001' of 'growing' and not all"):
        train_run(run, collections, patches=patches)


def test_breasts_of_unknown_label_are_left_out_and_one_class_alone_is_refused(made_up: tuple[Path, Path], tmp_path: Path) -> None:
    run, collections, patches = opened(tmp_path / "run", made_up)
    training = {row.group for row in run.split if row.part == "train"}
    name = next(row.sample_id for row in patches if row.sample_id in training)
    unknown = [replace(row, label="unknown") if row.sample_id == name else row for row in patches]
    breasts, problems = sequence_run.load(run, collections, unknown, None)
    assert problems == [f"growing {name}: its label is 'unknown', which does not say whether it is malignant"]
    assert len(breasts) == 11
    benign = [replace(row, label="benign") if row.sample_id in training else row for row in patches]
    with pytest.raises(InputError, match="fold 0 of the split trains on one class only, malignant or not"):
        train_run(run, collections, patches=benign)


@pytest.mark.slow
@pytest.mark.parametrize("stop", [1, 3])
def test_stopped_and_continued_is_as_never_stopped(tmp_path: Path, stop: int) -> None:
    trained(tmp_path / "whole")
    steps = 0

    def kill(said: str, done: int, total: int) -> None:
        nonlocal steps
        steps += "epoch" in said
        if steps > stop:
            raise KeyboardInterrupt

    task = SequenceTask(SAMPLES, SAMPLES, SETTINGS, (0, 0))
    with pytest.raises(KeyboardInterrupt):
        train_network(task, tmp_path / "parted", device=CPU, report=quiet, progress=kill)
    trained(tmp_path / "parted")
    whole, parted = (load_checkpoint(tmp_path / name / "last.safetensors")[0] for name in ("whole", "parted"))
    assert whole.keys() == parted.keys()
    assert all(torch.equal(whole[key], parted[key]) for key in whole)

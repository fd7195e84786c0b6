"""``breastcad train``: what it refuses before it begins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from breastcad.commands import main  # noqa: E402
from breastcad.core.files import read_predictions, write_collection, write_split  # noqa: E402
from breastcad.core.records import Collection, ImageRow, SplitRow  # noqa: E402

pytestmark = pytest.mark.train
LEAKS = [SplitRow("busi", "a", "g", part="train"), SplitRow("busi", "b", "g", part="test")]


def call(tmp_path: Path, *options: str) -> int:
    write_collection(tmp_path / "collection", Collection(str(tmp_path), []))
    with pytest.raises(SystemExit) as stop:
        main(["train", str(tmp_path / "collection"), "--split", str(tmp_path / "split"), "--out", str(tmp_path / "run"), *options])
    return int(stop.value.code or 0)


def test_what_needs_no_torch_is_refused_before_it_is_started(tmp_path: Path) -> None:
    write_collection(tmp_path / "collection", Collection(str(tmp_path), []))
    place = str(tmp_path / "collection")
    code = (
        "import sys\n"
        "from breastcad.commands import main\n"
        "try:\n"
        f"    main(['train', {place!r}, '--split', {str(tmp_path / 'none')!r}, '--out', {str(tmp_path / 'run')!r}])\n"
        "except SystemExit as stop:\n"
        "    print(stop.code, 'torch' in sys.modules)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout == "2 False\n"
    assert "none: is no split" in said.stderr


def test_a_split_that_leaks_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_split(tmp_path / "split", LEAKS, {})
    assert call(tmp_path) == 2
    assert "split leaks: 1 group is in both 'train' and 'test' of one fold" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_split_that_may_leak_is_taken_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_split(tmp_path / "split", LEAKS, {"leaks": ["split leaks"]})
    assert call(tmp_path) == 2  # the collection has none of its images
    said = capsys.readouterr().err
    assert "! split leaks: 1 group" in said
    assert "images that are not in the collections" in said


def test_a_split_with_an_unknown_part_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_split(tmp_path / "split", [SplitRow("busi", "a", "g", part="Train")], {})
    assert call(tmp_path) == 2
    assert "line 2: part must be one of train, validation, test, got 'Train'" in capsys.readouterr().err


def test_inner_folds_are_said_not_to_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outer = [SplitRow("busi", "a", "g"), SplitRow("busi", "b", "h", part="test")]
    write_split(tmp_path / "split", [*outer, SplitRow("busi", "a", "g", inner=1)], {})
    assert call(tmp_path) == 2  # the collection has none of its images
    said = "! the split is nested: its outer folds are trained, and its inner folds are for --search, and are not used\n"
    assert said in capsys.readouterr().err


def test_a_nested_split_that_leaks_between_outer_and_inner_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outer = [SplitRow("busi", "a", "g"), SplitRow("busi", "b", "h", part="test")]
    write_split(tmp_path / "split", [*outer, SplitRow("busi", "b", "h", inner=1)], {})
    assert call(tmp_path) == 2
    assert "split leaks: 1 group is in both 'train' and 'test' of one fold (first: 'h', with busi 'b'" in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    write_split(tmp_path / "split", [SplitRow("busi", "a", "g")], {})
    assert call(tmp_path, "--device", "cuda") == 2
    assert "--device cuda: no GPU was found that torch can use; use --device cpu or auto\n" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("times", "options", "sentence"),
    [
        (2, [], "two images are called 'a' in 'own'; give each collection once"),
        (
            1,
            ["--recipe", "mg-lesion"],
            "the images of 'own' are of the modality US, and the settings are for MG; choose",
        ),
        (1, ["--folds", "7"], "the split has no fold 7; its folds: 0"),
        (1, ["--folds", "x"], "--folds takes numbers with commas between them"),
        (1, [], "fold 0 of the split has no image in its part 'validation'; make another with breastcad split"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], times: int, options: list[str], sentence: str
) -> None:
    """A folder that a refused call left behind would refuse the corrected one."""
    images = [ImageRow("own", "a", "a.png", modality="US"), ImageRow("own", "b", "b.png")]
    write_collection(tmp_path / "own", Collection(str(tmp_path), images))
    write_split(tmp_path / "split", [SplitRow("own", "a", "g"), SplitRow("own", "b", "h", part="test")], {})
    given = [str(tmp_path / "own")] * times
    with pytest.raises(SystemExit) as stop:
        main(["train", *given, "--split", str(tmp_path / "split"), "--out", str(tmp_path / "run"), *options])
    assert stop.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_is_no_split_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(tmp_path) == 2
    assert "split: is no split (it has no split.csv with its split.json); make one with: breastcad split" in capsys.readouterr().err


def test_a_file_as_run_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_collection(tmp_path / "own", Collection(str(tmp_path), [ImageRow("own", name, f"{name}.png") for name in "ab"]))
    write_split(tmp_path / "split", [SplitRow("own", "a", "g"), SplitRow("own", "b", "h", part="validation")], {})
    with pytest.raises(SystemExit) as stop:
        main(["train", str(tmp_path / "own"), "--split", str(tmp_path / "split"), "--out", str(tmp_path / "split" / "split.csv")])
    assert stop.value.code == 2
    assert "--out must be a folder, but '" in (said := capsys.readouterr().err)
    assert "split.csv' is a file; name another" in said


def test_a_classifier_of_lesions_from_pictures_to_figures(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Windows, a nested split, a search on its inner folds, two seeds; each epoch says how long is left; two runs are compared."""
    places = {name: tmp_path / name for name in ("made-up", "busi", "patches", "split", "run")}
    nested = ("--kind", "nested", "--folds", 2, "--inner-folds", 2, "--validation-share", 0.4)
    steps = [
        ("phantom", "busi", "--out", places["made-up"], "--n", 24, "--seed", 3),
        ("import", "busi", places["made-up"], "--out", places["busi"]),
        ("patches", places["busi"], "--method", "roi", "--setting", "window=50", "--out", places["patches"]),
        ("split", places["busi"], *nested, "--out", places["split"]),
    ]
    for step in steps:
        code, _, said = run(*step)
        assert code == 0, said
    settings = ("weights=none", "rows=50", "cols=50", "batch=4", "epochs=1", "channels=3", "policy=none")
    told = ["train", places["busi"], "--patches", places["patches"], "--split", places["split"], "--recipe", "classifier"]
    told += ["--network", "c-table-1", *(part for one in settings for part in ("--setting", one)), "--device", "cpu"]
    code, out, said = run(*told, "--search", "rate=1e-4..1e-2", "--trials", 2, "--seeds", 2, "--out", places["run"])
    assert code == 0, said
    assert out.count(" an epoch, ") == 4
    assert "not used" not in said
    assert {row.repeat for row in read_predictions(places["run"] / "predictions.csv")} == {0, 1}
    assert len((places["run"] / "search.csv").read_text(encoding="utf-8").splitlines()) == 1 + 2 * 2 * 2
    code, out, said = run("evaluate", places["run"])
    assert code == 0, said
    assert "| malignant against benign | busi | patch |" in out
    assert "! MADE-UP DATA, no result" in out  # which split.json of the run has kept
    code, _, said = run(*told, "--search", "rate", "--out", tmp_path / "other")
    assert (code, said.count("\n")) == (2, 1)
    assert "--search takes KEY=LOW..HIGH or KEY=A,B,C, got 'rate'" in said

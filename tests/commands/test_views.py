"""``breastcad views``: from a run and a collection to the tables, and the files that it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from breastcad.commands import main
from breastcad.core.files import write_collection, write_predictions
from breastcad.core.records import Collection, ImageRow, PredictionRow


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breastcad.evaluate.scopes.REPEATS", 50)


@pytest.fixture
def run_and_collection(tmp_path: Path) -> tuple[Path, Path]:
    """Eight women, CC and MLO of a breast each; half malignant. The run's rows name no breast: the collection does."""
    rows, images = [], []
    for number in range(16):
        for view, shift in (("CC", 0.1), ("MLO", -0.1)):
            label, name, part = ("benign", "malignant")[number % 2], f"w{number}{view}", ("test", "validation")[number // 2 % 2]
            malignant = 0.3 + 0.25 * (number % 2) + shift * (number % 3 - 1) + 0.01 * number
            say = {"benign": 1 - malignant, "malignant": malignant}
            rows.append(PredictionRow("s", name, f"w{number}", f"w{number}", 0, 0, 0, part, "image", label, {}, say))
            images.append(ImageRow("s", name, f"{name}.png", patient_id=f"w{number}", laterality="L", view=view, label=label))
    (tmp_path / "run").mkdir()
    write_predictions(tmp_path / "run" / "predictions.csv", rows)
    write_collection(tmp_path / "collection", Collection(str(tmp_path), images, facts={"set": "s"}))
    return tmp_path / "run", tmp_path / "collection"


def test_tables_are_printed_and_kept(run_and_collection: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, collection = run_and_collection
    with pytest.raises(SystemExit, match="0"):
        main(["views", str(run), str(collection), "--out", str(tmp_path / "out")])
    text = (tmp_path / "out" / "views.md").read_text()
    assert capsys.readouterr().out == text
    assert "| mean-logit | CC alone | s | 8 | 4 | 8 |" in text
    kept = json.loads((tmp_path / "out" / "views.json").read_text())
    assert {gain["rule"] for gain in kept["gains"]} == {"max", "mean", "noisy-or", "mean-logit", "learned"}
    assert sorted(path.name for path in run.iterdir()) == ["predictions.csv"]


def test_a_run_whose_rows_name_no_breast_needs_its_collections(run_and_collection, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["views", str(run_and_collection[0])])
    assert "give the collections of the run's images after RUN" in capsys.readouterr().err


def test_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["views", str(tmp_path / "none")])
    assert "no such run folder" in capsys.readouterr().err

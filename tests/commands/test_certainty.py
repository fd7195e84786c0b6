"""``breastcad certainty`` and ``breastcad ensemble``: what they write and print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from breastcad.core.files import read_yaml, write_predictions, write_split
from breastcad.core.records import PredictionRow, SplitRow


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two classifiers of one split, 60 images, two folds."""
    monkeypatch.setattr("breastcad.evaluate.scopes.REPEATS", 100)
    for seed, name in enumerate(("first", "second")):
        draw = np.random.default_rng(seed)
        rows, split = [], []
        for number in range(60):
            label = ("benign", "malignant")[number % 2]
            for outer in range(2):
                part = "test" if number // 2 % 2 == outer else "validation"
                split.append(SplitRow("busi", f"i{number}", f"g{number // 2}", 0, outer, 0, part))
                logit = float(draw.normal(1 if label == "malignant" else -1, 1.5))
                p = 1 / (1 + np.exp(-logit))
                rows.append(
                    PredictionRow(
                        *("busi", f"i{number}", None, f"g{number // 2}", 0, outer, 0, part, "image", label),
                        {"benign": 0.0, "malignant": logit},
                        {"benign": 1 - p, "malignant": p},
                    )
                )
        (tmp_path / name).mkdir()
        write_predictions(tmp_path / name / "predictions.csv", rows)
        write_split(tmp_path / name, split, {"kind": "kfold", "leaks": []})
        (tmp_path / name / "settings.yaml").write_text("task: classifier\nshortened: true\naggregation: max\n")
    return tmp_path / "first", tmp_path / "second"


def test_tables_pictures_and_numbers_are_written_and_the_run_stays(runs, run, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in runs[0].iterdir()}
    code, said, _ = run("certainty", runs[0], "--out", tmp_path / "out", "--readers-specificity", "0.9")
    assert code == 0
    assert said.startswith("# How sure: first; shortened training\n")
    assert "A threshold does not travel" in said
    assert "Salim" in said
    assert "Research use only. Not a diagnosis." in said
    assert {path.name: path.read_bytes() for path in runs[0].iterdir()} == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "certainty.html",
        "certainty.json",
        "certainty.md",
        "coverage-risk-malignant-against-benign.png",
        "reliability-malignant-against-benign.png",
    ]
    kept = json.loads((tmp_path / "out" / "certainty.json").read_text())
    assert (kept["format"], kept["level"], kept["coverage"], kept["run"]) == ("breastcad-certainty/1", "image", 0.9, "first")
    assert {line["part"] for line in kept["lines"]} == {"calibration", "conformal", "selective", "operating points"}
    assert set(kept["fits"][0]["folds"][0]["calibrators"]) == {"temperature", "platt", "isotonic"}
    assert str(tmp_path) not in json.dumps(kept)
    page = (tmp_path / "out" / "certainty.html").read_text()
    assert page.count("data:image/png;base64,") == 2


def test_made_up_data_are_said_to_be(runs, run, tmp_path: Path) -> None:
    (runs[0] / "recipe.json").write_text('{"format": "breastcad-recipe/1", "made_up": true}')
    assert run("certainty", runs[0], "--out", tmp_path / "out")[1].startswith("# How sure: first; MADE-UP DATA, no result; shortened")
    assert run("ensemble", *runs, "--out", tmp_path / "both")[0] == 0
    assert read_yaml(tmp_path / "both" / "settings.yaml")["made_up"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--coverage", "1"), "--coverage must lie in (0, 1), got 1.0"),
        (("--readers-specificity", "0"), "--readers-specificity must lie in (0, 1), got 0.0"),
        (("--level", "breast"), "no test rows at level 'breast'"),
    ],
)
def test_what_cannot_be_asked_is_refused(runs, run, tmp_path: Path, words, message: str) -> None:
    code, _, error = run("certainty", runs[0], "--out", tmp_path / "out", *words)
    assert (code, message in error) == (2, True)


def test_a_run_that_is_not_there_is_named(run, tmp_path: Path) -> None:
    for call in (("certainty", tmp_path / "gone"), ("ensemble", tmp_path / "gone", tmp_path / "gone")):
        code, _, error = run(*call, "--out", tmp_path / "out")
        assert (code, "no such run folder" in error) == (2, True)


def test_an_ensemble_is_a_run_that_the_other_commands_read(runs, run, tmp_path: Path) -> None:
    out = tmp_path / "both"
    code, said, _ = run("ensemble", *runs, "--how", "greedy", "--out", out)
    assert code == 0
    assert "on validation rows (malignant against benign, level image), mean log loss:" in said
    assert "fold 0 of repeat 0 takes: " in said
    assert read_yaml(out / "settings.yaml") == {
        **{"task": "classifier", "model_id": "ensemble", "ensemble": "greedy", "runs": ["first", "second"]},
        **{"shortened": True, "aggregation": "max"},
    }
    folds = json.loads((out / "folds.json").read_text())
    assert [sum(fold["weights"]) for fold in folds] == pytest.approx([1, 1])
    assert run("evaluate", out)[0] == 0
    assert run("recheck", out)[0] == 0
    assert run("evaluate", out, "--against", runs[0])[0] == 0
    code, said, _ = run("certainty", out, "--out", tmp_path / "sure")
    assert code == 0
    assert "the same validation rows chose the members and their weights" in said


def test_runs_of_other_splits_are_refused_in_a_sentence(runs, run, tmp_path: Path) -> None:
    write_split(runs[1], [SplitRow("busi", "i0", "g0", 0, 0, 0, "train")], {})
    code, _, error = run("ensemble", *runs, "--out", tmp_path / "both")
    assert code == 2
    assert "the splits of 'first' and 'second' differ in 120 rows" in error
    assert not (tmp_path / "both").exists()

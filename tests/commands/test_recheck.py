"""``breastcad recheck``: exit codes, and differences named on the screen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from breastcad.commands import main
from breastcad.core.files import write_predictions
from breastcad.core.records import PredictionRow
from breastcad.evaluate.documents import fill_tables
from breastcad.evaluate.figures import write_metrics
from breastcad.evaluate.run_figures import figures
from breastcad.models import catalogue
from breastcad.recipes.reproduction import Reproduction, write_reproduction
from breastcad.recipes.results import BEGIN, END, fill_results


def row(number: int) -> PredictionRow:
    label, probability = "malignant" if number % 2 else "benign", {"malignant": number * 7 % 12 / 12}
    return PredictionRow("busi", f"i{number}", None, f"g{number}", 0, 0, 0, "test", "image", label, {}, probability)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a run in results/ and a bundled model whose card quotes it."""
    monkeypatch.setattr("breastcad.evaluate.scopes.REPEATS", 100)
    run = tmp_path / "results" / "ours"
    run.mkdir(parents=True)
    rows = [row(number) for number in range(12)]
    write_predictions(run / "predictions.csv", rows)
    write_metrics(run / "metrics.json", "ours", figures(run))
    (tmp_path / "ours.onnx").write_bytes(b"a model")
    (tmp_path / "ours.md").write_text("# ours\n\n<!-- figures: results/ours -->\n<!-- end -->\n")
    fill_tables(tmp_path / "ours.md", tmp_path)
    monkeypatch.setattr(catalogue, "BUNDLED", tmp_path)
    return tmp_path


def call(argument: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["recheck", str(argument)])
    return int(stop.value.code or 0)


@pytest.mark.parametrize("target", ["run", "model", "file"])
def test_a_run_a_bundled_model_and_a_model_file_agree(repository: Path, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"run": repository / "results" / "ours", "model": "ours", "file": repository / "ours.onnx"}[target]
    assert call(given) == 0
    assert capsys.readouterr().out.startswith("all agree: 3 figures of ")


def test_a_changed_figure_is_named_and_the_exit_code_is_one(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = repository / "results" / "ours" / "metrics.json"
    content = json.loads(path.read_text())
    content["figures"][0]["value"] += 0.1
    path.write_text(json.dumps(content))
    assert call("ours") == 1
    shown = capsys.readouterr()
    assert "results/ours/metrics.json: value of auc malignant against benign (busi, test, image): written 0." in shown.out
    assert "ours.md, line" in shown.out
    assert "differ (3 figures of results/ours; 1 tables of documents)" in shown.err


def test_a_model_without_a_card_is_refused(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "ours.md").unlink()
    assert call("ours") == 2
    assert "ours.onnx has no card beside it ('ours.md')" in capsys.readouterr().err


def test_an_unknown_model_is_refused(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("our") == 2
    assert "no such run folder, and unknown model 'our'" in capsys.readouterr().err


def test_a_run_without_figures_or_predictions_says_what_to_call(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = repository / "results" / "ours"
    (run / "metrics.json").unlink()
    assert call(run) == 2
    assert "ours: there is no metrics.json yet; make it with: breastcad evaluate RUN" in capsys.readouterr().err
    (run / "predictions.csv").unlink()
    assert call(run) == 2
    assert "'ours' is no run (it has no predictions.csv); breastcad train makes one" in capsys.readouterr().err


def test_what_results_say_of_the_publications_is_held_against_the_runs(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run here is on made-up data and counts as none, so that every recipe must stand there as not run."""
    run, document = repository / "results" / "ours", repository / "RESULTS.md"
    write_reproduction(run, Reproduction("b", "vgg19", "patient", "none", "made up", ["busi"], False, True, {}, {}))
    document.write_text(f"{BEGIN}\n{END}\n")
    assert call(run) == 1
    assert "RESULTS.md: a line on the publications: written " in capsys.readouterr().out
    fill_results(document)
    assert call(run) == 0
    assert capsys.readouterr().out.startswith("all agree: 3 figures of ours; ")

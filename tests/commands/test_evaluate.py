"""``breastcad evaluate``: what it prints, where it writes, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from breastcad.commands import main
from breastcad.core.files import write_collection, write_predictions, write_split
from breastcad.core.records import Collection, ImageRow, PredictionRow, SplitRow
from breastcad.evaluate.figures import figures_table, read_metrics, write_metrics


def row(number: int, label: str, malignant: float) -> PredictionRow:
    probability = {"normal": 0.1, "benign": 0.9 - malignant, "malignant": malignant, "abnormal": 0.9}
    return PredictionRow("busi", f"i{number}", None, f"g{number}", 0, 0, 0, "test", "image", label, {}, probability)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of twelve images, benign and malignant, imperfectly told."""
    monkeypatch.setattr("breastcad.evaluate.scopes.REPEATS", 100)
    (tmp_path / "run").mkdir()
    rows = [row(number, "malignant" if number % 2 else "benign", (number * 7 % 12) / 14) for number in range(12)]
    write_predictions(tmp_path / "run" / "predictions.csv", rows)
    return tmp_path / "run"


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", *map(str, arguments)])
    return int(stop.value.code or 0)


def test_figures_are_written_into_the_run_and_the_table_is_printed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unknown = "no settings.yaml, so taken for a lesion network's"
    assert call(run) == 0
    title, figures = read_metrics(run / "metrics.json")
    assert (title, [figure.name for figure in figures]) == (
        f"run; {unknown}",
        [
            "auc malignant against benign",
            "auc malignant against benign, given abnormal",
            "brier malignant",
            "calibration error malignant",
        ],
    )
    assert capsys.readouterr().out == figures_table(figures, [unknown]) + f"! {unknown}\n"
    assert sorted(path.name for path in run.glob("*.png")) == ["reliability.png", "roc.png"]


def test_the_title_of_a_run_is_kept(run: Path) -> None:
    write_metrics(run / "metrics.json", "us-lesion, three folds", [])
    assert call(run) == 0
    assert read_metrics(run / "metrics.json")[0] == "us-lesion, three folds"


def test_what_a_figure_must_not_be_quoted_without_is_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_split(run, [SplitRow("busi", "a", "g", part="train"), SplitRow("busi", "b", "g", part="test")], {})
    (run / "settings.yaml").write_text("shortened: true\n")
    assert call(run) == 0
    title = read_metrics(run / "metrics.json")[0]
    assert title.startswith("run; split leaks: 1 group is in both 'train' and 'test'")
    assert title.endswith("; shortened training")
    assert "! split leaks: 1 group" in (said := capsys.readouterr().out)
    assert said.endswith("! shortened training\n")


def test_another_folder_takes_what_is_written_and_the_run_stays_as_it_was(run: Path, tmp_path: Path) -> None:
    assert call(run, "--out", tmp_path / "out") == 0
    assert (tmp_path / "out" / "metrics.json").is_file()
    assert [path.name for path in run.iterdir()] == ["predictions.csv"]


def test_a_folder_that_is_not_empty_is_refused_unless_told_otherwise(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    assert call(run, "--out", tmp_path / "out") == 2
    assert "is not empty" in capsys.readouterr().err
    assert call(run, "--out", tmp_path / "out", "--overwrite") == 0
    assert (tmp_path / "out" / "mine.txt").read_text() == "kept"


def test_a_run_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(tmp_path / "gone") == 2
    assert "no such run folder" in capsys.readouterr().err


def test_folds_that_are_left_are_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "predictions.csv").unlink()
    assert call(run) == 2
    assert "'run' is no run (it has no predictions.csv); breastcad train makes one" in capsys.readouterr().err
    write_split(run, [SplitRow("busi", "a", "g", outer=fold) for fold in range(3)], {})
    (run / "settings.yaml").write_text("epochs: 1\n")
    for fold in (1, 0, 2):
        done = run / "checkpoints" / f"repeat0-fold{fold}" / "fold.json"
        done.parent.mkdir(parents=True)
        done.write_text("{}")
        left = {1: "folds 0, 2 are not trained", 0: "folds 2 are not trained", 2: "its folds are not put together"}[fold]
        assert call(run) == 2
        assert f"the run 'run' has no predictions.csv yet: {left}; call breastcad train again" in capsys.readouterr().err


def test_a_level_that_the_run_does_not_have_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(run, "--level", "patient") == 2
    assert "no test rows at level 'patient'; it has: image" in capsys.readouterr().err


def test_predictions_that_allow_no_figure_are_the_answer_no(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_predictions(run / "predictions.csv", [row(1, "benign", 0.2), row(2, "benign", 0.3)])
    assert call(run) == 1
    assert "allow no figure" in capsys.readouterr().err


# ---- classifiers ----


def window(number: int, level: str, label: str, malignant: float) -> PredictionRow:
    names = {"patch": f"w{number}", "image": f"i{number // 2}"}
    raw = {"benign": 0.0, "malignant": malignant} if level == "patch" else {}
    group = f"g{number // 2}"
    said = {"benign": 1 - malignant, "malignant": malignant}
    return PredictionRow(
        "busi", names[level], None, group, 0, 0, 0, "test", level, label, raw, said, image=names["image"], kind="mass"
    )  # fmt: skip


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing: what is drawn has tests of its own."""
    monkeypatch.setattr("breastcad.evaluate.pictures.write_pictures", lambda *_, **__: [])


@pytest.fixture
def classifier(run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of a classifier: 16 images of two windows each."""
    monkeypatch.setattr("breastcad.evaluate.scopes.REPEATS", 10)
    rows = []
    for number in range(32):
        label, malignant = ("malignant" if number // 2 % 2 else "benign"), (number * 11 % 32) / 40 + 0.2 * (number // 2 % 2)
        rows.append(window(number, "patch", label, malignant))
        rows += [window(number, "image", label, malignant)] if number % 2 else []
    write_predictions(run / "predictions.csv", rows)
    (run / "settings.yaml").write_text("task: classifier\n")
    return run


def test_a_classifier_has_tables_of_all_its_levels(classifier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(classifier, "--specificity", 0.8, "--specificity", 0.8, "--prevalence", 0.01) == 0
    read_metrics(classifier / "metrics.json")  # refuses a figure that stands twice
    said = capsys.readouterr().out
    for words in ("| malignant against benign | busi | patch | 32 | 16 |", "sensitivity at specificity 0.8", "PPV at 0.01", "| class |"):
        assert words in said
    assert "left out: decisions at the validation threshold" in said
    assert sorted(path.name for path in classifier.glob("roc*.png")) == ["roc-image.png", "roc-patch.png"]
    assert {figure.level for figure in read_metrics(classifier / "metrics.json")[1]} == {"patch", "image"}


@pytest.mark.usefixtures("no_pictures")
def test_images_can_be_made_of_their_windows_anew(classifier: Path) -> None:
    def brier() -> float:
        return next(one.value for one in read_metrics(classifier / "metrics.json")[1] if one.name.startswith("brier"))

    assert call(classifier, "--level", "image") == 0
    before = brier()
    assert call(classifier, "--level", "image", "--aggregation", "mean") == 0
    assert brier() != before


@pytest.mark.usefixtures("no_pictures")
def test_a_leaking_split_of_windows_is_said_over_the_table(classifier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_split(classifier, [SplitRow("busi", "i0", "g0", part="test")], {"leaks": ["split leaks: windows were parted at random"]})
    assert call(classifier, "--level", "image") == 0
    assert capsys.readouterr().out.startswith("**Split leaks: windows were parted at random.**\n")
    assert read_metrics(classifier / "metrics.json")[0] == "run; split leaks: windows were parted at random"


def test_two_runs_are_compared_and_nothing_is_written(classifier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(classifier, "--against", classifier) == 0
    said = capsys.readouterr().out
    assert said.startswith("first: run; second: run\n")
    assert "| malignant against benign | busi | image | 16 | 8 | 16 |" in said
    assert not (classifier / "metrics.json").exists()
    assert call(classifier, "--against", classifier / "gone") == 2


@pytest.mark.usefixtures("no_pictures")
def test_subgroups_are_those_of_the_collections(classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = [ImageRow("busi", f"i{k}", manufacturer="a" if k < 4 else "b") for k in range(16)]
    write_collection(tmp_path / "collection", Collection(str(tmp_path), images, facts={"set": "busi", "counts": {}, "problems": []}))
    assert call(classifier, tmp_path / "collection", "--by", "manufacturer", "--least", 10) == 0
    said = capsys.readouterr().out
    assert "| auc malignant against benign | busi, manufacturer b | patch |" in said
    assert "manufacturer a, image): 4 samples, 2 positive, of 4 groups are too few groups" in said
    assert sorted(path.name for path in classifier.glob("subgroups.*")) == ["subgroups.csv", "subgroups.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "density"], "--by needs the collections of the run's images after RUN"),
        (["--by", ","], "--by takes names with commas between, got ','"),
        (["--against", "{run}", "--out", "elsewhere"], "--against prints a comparison and writes nothing"),
        (["--specificity", "1"], r"--specificity must lie in (0, 1), got 1.0"),
        (["--prevalence", "0"], r"--prevalence must lie in (0, 1), got 0.0"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    classifier: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert call(classifier, *(one.format(run=classifier) for one in arguments)) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["recipe.json", "split.json"])
def test_made_up_data_are_said_to_be_in_table_and_title(run: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    write_split(run, [SplitRow("busi", f"i{n}", f"g{n}", part="test") for n in range(12)], {"made_up": name == "split.json"})
    (run / "recipe.json").write_text(f'{{"format": "breastcad-recipe/1", "made_up": {str(name == "recipe.json").lower()}}}')
    assert call(run) == 0
    assert read_metrics(run / "metrics.json")[0].startswith("run; MADE-UP DATA, no result; ")
    assert "! MADE-UP DATA, no result" in capsys.readouterr().out

"""Ensembles: what a run joined with itself is, votes and means by hand, a subset that was planted, what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from breastcad.core.errors import InputError
from breastcad.core.files import read_predictions, read_split, write_predictions, write_split
from breastcad.evaluate.ensembles import ensemble, greedy_selection


def copy_of(run: Path, out: Path, change=lambda row: row) -> Path:
    """Write a run to another folder, its rows changed, those that become None left out."""
    shutil.copytree(run, out)
    rows = [change(row) for row in read_predictions(run / "predictions.csv")]
    write_predictions(out / "predictions.csv", [row for row in rows if row is not None])
    return out


def test_a_run_joined_with_itself_is_itself(classifier_run: Path, whole_run: Path) -> None:
    for run in (classifier_run, whole_run):
        rows = read_predictions(run / "predictions.csv")
        for how in ("mean", "logit-mean", "greedy") if run == classifier_run else ("mean", "logit-mean"):
            found = ensemble([run, run], how)
            assert len(found.rows) == len(rows)
            for old, new in zip(rows, found.rows, strict=True):
                assert new.probability == pytest.approx(old.probability, abs=1e-12)
                assert (new.id, new.label, new.group, new.part, new.raw) == (old.id, old.label, old.group, old.part, {})


@pytest.fixture
def three(classifier_run: Path, tmp_path: Path) -> list[Path]:
    """Three runs of one split that say malignant with 0.9, 0.6 and 0.2, whatever they are shown."""
    said = {"sure": 0.9, "mild": 0.6, "low": 0.2}
    return [
        copy_of(classifier_run, tmp_path / name, lambda row, p=p: replace(row, probability={"benign": 1 - p, "malignant": p}))
        for name, p in said.items()
    ]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("mean", (0.9 + 0.6 + 0.2) / 3),
        ("logit-mean", 1 / (1 + (9 * 1.5 * 0.25) ** (-1 / 3))),  # odds 9, 3/2 and 1/4: their geometric mean
        ("vote", 2 / 3),
    ],
)
def test_three_members_by_hand(three: list[Path], how: str, expected: float) -> None:
    found = ensemble(three, how)
    assert found.rows[0].probability == pytest.approx({"benign": 1 - expected, "malignant": expected})
    # Half of the samples are malignant: mean log losses are those of a coin.
    assert found.losses == pytest.approx([-np.log(p * (1 - p)) / 2 for p in (0.9, 0.6, 0.2)])


def test_abnormal_stays_what_is_not_normal(whole_run: Path) -> None:
    for how in ("logit-mean", "vote"):
        for row in ensemble([whole_run, whole_run], how).rows:
            assert row.probability["normal"] + row.probability["abnormal"] == pytest.approx(1)
            together = sum(row.probability[label] for label in ("normal", "benign", "malignant"))
            assert together == pytest.approx(1)


def test_greedy_selection_finds_the_subset_that_was_planted() -> None:
    """Members 1 and 3 each know one half and shrug at the other; 0, 2 and 4 are noise. Taken in equal shares they are best."""
    draw = np.random.default_rng(4)
    truth = draw.random(400) < 0.5
    knows = np.where(truth, 0.95, 0.05)
    first, second = (np.where(np.arange(400) % 2 == half, knows, 0.5) for half in (0, 1))
    members = np.array([draw.random(400), first, draw.random(400), second, np.full(400, 0.6)])
    found = greedy_selection(truth, members)
    assert np.bincount(found.taken, minlength=5).tolist() == [0, 1, 0, 1, 0]
    assert found.loss == pytest.approx(-np.log((0.95 + 0.5) / 2))


def test_greedy_weights_are_of_each_folds_own_validation_rows(classifier_run: Path, tmp_path: Path) -> None:
    def worse(row):  # blind in fold 0's validation rows only
        return replace(row, probability={"benign": 0.5, "malignant": 0.5}) if (row.outer, row.part) == (0, "validation") else row

    found = ensemble([copy_of(classifier_run, tmp_path / "blind", worse), classifier_run], "greedy")
    assert found.weights[0, 0][1] > 0.5
    assert found.weights[0, 1][0] == pytest.approx(1)  # of equals the first is taken, and nothing betters it
    assert found.question == "malignant against benign, level image"


def test_what_not_all_have_is_left_out_and_counted(classifier_run: Path, tmp_path: Path) -> None:
    without = copy_of(classifier_run, tmp_path / "without", lambda row: None if row.id.startswith("p0") else row)
    found = ensemble([classifier_run, without], "mean")
    missing = len(read_predictions(classifier_run / "predictions.csv")) - len(found.rows)
    assert missing > 0
    assert found.left_out == [f"{missing} rows are not in all runs, but in {classifier_run.name}"]


def test_runs_that_do_not_fit_together_are_refused(classifier_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two runs at least"):
        ensemble([classifier_run], "mean")
    other = copy_of(classifier_run, tmp_path / "other")
    rows = read_split(other)
    write_split(other, [replace(rows[0], part="train" if rows[0].part != "train" else "test"), *rows[1:]], {})
    with pytest.raises(InputError, match=r"the splits of .* differ in 1 rows: what one tests the other may have trained on"):
        ensemble([classifier_run, other], "mean")
    (other / "split.csv").unlink()
    with pytest.raises(InputError, match=r"'other' has no split\.csv"):
        ensemble([classifier_run, other], "mean")
    labelled = copy_of(classifier_run, tmp_path / "labelled", lambda row: replace(row, label="benign"))
    with pytest.raises(InputError, match="another label or group"):
        ensemble([classifier_run, labelled], "mean")
    told = copy_of(classifier_run, tmp_path / "told", lambda row: replace(row, probability={"malignant": 0.5}))
    with pytest.raises(InputError, match="tells probabilities of benign, malignant, 'told' of malignant"):
        ensemble([classifier_run, told], "mean")
    tests = copy_of(classifier_run, tmp_path / "tests", lambda row: row if row.part == "test" else None)
    with pytest.raises(InputError, match="fold 0 has no validation rows of both classes"):
        ensemble([classifier_run, tests], "greedy")
    none = copy_of(classifier_run, tmp_path / "none", lambda row: row if row.part != "test" else None)
    with pytest.raises(InputError, match="share no test row"):
        ensemble([classifier_run, none], "mean")

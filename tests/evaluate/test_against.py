"""Two runs on the same test samples: the numbers are those of the tests they name; what does not fit is refused or said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from breastcad.core.errors import InputError
from breastcad.core.files import read_predictions, write_predictions
from breastcad.evaluate.against import compared_runs, comparison_table
from breastcad.evaluate.clustered import clustered_test
from breastcad.evaluate.comparisons import adjusted, mcnemar
from breastcad.evaluate.figures import Options

HIGHEST, THRESHOLD = "highest probability", "validation threshold"


@pytest.fixture(scope="module")
def other_run(tmp_path_factory, tables):
    return tables.made_up_classifier(tmp_path_factory.mktemp("other"), told=0.8, seed=9)


def test_the_numbers_are_those_of_the_tests(classifier_run, other_run) -> None:
    found, left_out = compared_runs(classifier_run, other_run, Options(level="image"))
    assert ([one.set for one in found], left_out) == (["first", "second", "all"], [])
    rows = [
        [r for r in read_predictions(run / "predictions.csv") if r.part == "test" and r.level == "image"]
        for run in (classifier_run, other_run)
    ]
    labels = [row.label == "malignant" for row in rows[0]]
    scores = [np.array([row.probability["malignant"] for row in own]) for own in rows]
    whole = found[-1]
    wanted = clustered_test(labels, *scores, [row.group for row in rows[0]])
    assert (whole.first, whole.second, whole.z, whole.p) == pytest.approx((wanted.first, wanted.second, wanted.z, wanted.p))
    assert whole.low < whole.difference < whole.high
    right = [(own >= 0.5) == np.array(labels) for own in scores]
    assert whole.decisions[HIGHEST].exact == mcnemar(*right).exact
    assert set(whole.decisions) == {HIGHEST, THRESHOLD}
    assert [one.adjusted for one in found] == adjusted([one.p for one in found])
    assert [one.decisions[HIGHEST].clustered_adjusted for one in found] == adjusted([one.decisions[HIGHEST].clustered for one in found])


def test_a_run_against_itself_does_not_differ(classifier_run) -> None:
    found, _ = compared_runs(classifier_run, classifier_run, Options(level="patient"))
    assert {(one.difference, one.p, one.z) for one in found} == {(0.0, 1.0, None)}
    text = comparison_table(found)
    assert "| +0.000 | | | 1.0000 | 1.0000 |" in text
    assert "No interval: nothing varies in these samples that it could be made of" in text
    assert "| 0 | 0 | 1.0000 | | |" in text


def test_all_levels_of_both_are_compared(classifier_run, other_run) -> None:
    assert {one.level for one in compared_runs(classifier_run, other_run)[0]} == {"patch", "image", "breast", "patient"}


def rewritten(run, folder, change):
    folder.mkdir()
    rows = [changed for row in read_predictions(run / "predictions.csv") if (changed := change(row)) is not None]
    write_predictions(folder / "predictions.csv", rows)
    return folder


def test_samples_of_one_run_only_are_counted_and_left_out(classifier_run, tmp_path) -> None:
    fewer = rewritten(classifier_run, tmp_path / "fewer", lambda row: None if row.patient == "p0" else row)
    found, left_out = compared_runs(classifier_run, fewer, Options(level="image"))
    assert left_out == ["2 samples of level image are in the first run only"]
    assert found[-1].n == 70


def test_runs_of_other_labels_are_refused(classifier_run, tmp_path) -> None:
    turned = rewritten(classifier_run, tmp_path / "turned", lambda row: replace(row, label="benign"))
    with pytest.raises(InputError, match="label 'p2L' of 'first' differently"):
        compared_runs(turned, classifier_run, Options(level="image"))


def test_runs_that_share_nothing_are_refused(classifier_run, tmp_path) -> None:
    stranger = rewritten(classifier_run, tmp_path / "stranger", lambda row: replace(row, id=f"other {row.id}"))
    with pytest.raises(InputError, match="share no test samples of both classes"):
        compared_runs(classifier_run, stranger, Options(level="image"))


def test_samples_tested_several_times_have_no_decisions(classifier_run, tmp_path) -> None:
    twice = rewritten(classifier_run, tmp_path / "twice", lambda row: row)
    rows = read_predictions(twice / "predictions.csv")
    write_predictions(twice / "predictions.csv", [*rows, *(replace(row, repeat=1) for row in rows)])
    found, _ = compared_runs(twice, classifier_run, Options(level="image"))
    assert found[0].decisions == {}
    assert "McNemar" not in comparison_table(found)

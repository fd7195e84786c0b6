"""How sure a run may be: nothing of the test rows enters what is fitted, figures are those of the parts they are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from breastcad.core.errors import AnswerNo
from breastcad.core.files import read_predictions, write_predictions
from breastcad.core.records import PredictionRow
from breastcad.evaluate.calibration import fit_temperature
from breastcad.evaluate.certainty import CALIBRATION, CONFORMAL, KEPT, POINTS, RAW, SELECTIVE, certainty
from breastcad.evaluate.certainty_pictures import certainty_pictures
from breastcad.evaluate.fold_scores import asked_folds
from breastcad.evaluate.metrics import brier
from breastcad.evaluate.run_tables import read_run
from breastcad.evaluate.scopes import ABNORMAL, MALIGNANT_OR_BENIGN
from breastcad.report.certainty_page import certainty_sections


def copy_of(run: Path, out: Path, change) -> Path:
    """Write a run's rows, each changed, to another folder."""
    write_predictions(out / "predictions.csv", [change(row) for row in read_predictions(run / "predictions.csv")])
    (out / "settings.yaml").write_text((run / "settings.yaml").read_text() if (run / "settings.yaml").is_file() else "")
    return out


def shaken(row: PredictionRow) -> PredictionRow:
    """Turn a test row's logits round."""
    if row.part != "test" or not row.raw:
        return row
    return replace(row, raw={name: -value for name, value in row.raw.items()}, probability={"benign": 0.5, "malignant": 0.5})


def test_what_is_fitted_does_not_depend_on_test_rows(classifier_run: Path, tmp_path: Path) -> None:
    found, other = (certainty(folder, level="patch") for folder in (classifier_run, copy_of(classifier_run, tmp_path, shaken)))
    assert [tried.fits for tried in found.tried] == [tried.fits for tried in other.tried]
    limits = [[line.more for line in one.lines if line.part in (CONFORMAL, POINTS)] for one in (found, other)]
    assert limits[0] == limits[1]
    assert found.tried[0].probability["platt"].tolist() != other.tried[0].probability["platt"].tolist()


def test_the_temperature_is_that_of_the_folds_own_validation_rows(classifier_run: Path) -> None:
    found = certainty(classifier_run, level="patch")
    rows = [row for row in read_predictions(classifier_run / "predictions.csv") if row.level == "patch" and row.part == "validation"]
    for fit in found.tried[0].fits:
        own = [row for row in rows if [row.repeat, row.outer] == fit["fold"]]
        logits, labels = [row.raw["malignant"] - row.raw["benign"] for row in own], [row.label == "malignant" for row in own]
        assert fit["n"] == len(own)
        assert fit["calibrators"]["temperature"].numbers == {"temperature": [fit_temperature(logits, labels)]}


def test_lines_are_there_for_each_set_and_over_both(classifier_run: Path) -> None:
    found = certainty(classifier_run, level="patch", readers_specificity=0.9)
    lines = {(line.part, line.set, line.name): line for line in found.lines}
    assert {name for part, own, name in lines if (part, own) == (CALIBRATION, "all")} == {RAW, KEPT, "temperature", "platt", "isotonic"}
    tried = found.tried[0]
    raw = lines[CALIBRATION, "all", RAW].figures["brier"]
    assert raw.value == pytest.approx(brier(tried.truth, tried.probability[RAW]))
    assert (raw.n, raw.clusters) == (216, 36)  # six windows of each of 36 patients, who are what is drawn
    sizes = [lines[CONFORMAL, "first", "one threshold, all samples"].figures[name].value for name in ("only negative", "only positive")]
    sizes += [lines[CONFORMAL, "first", "one threshold, all samples"].figures[name].value for name in ("both", "empty")]
    assert sum(sizes) == pytest.approx(1)
    whole, part = (lines[SELECTIVE, "all", f"one half after Platt, {share} % decided"].figures for share in (100, 80))
    assert whole["decided"].value == 1
    assert part["decided"].value == pytest.approx(0.8, abs=0.15)
    assert part["accuracy"].value > whole["accuracy"].value
    names = {name for piece, _, name in lines if piece == POINTS}
    assert names == {f"{rate} on validation" for rate in ("sensitivity 0.85", "sensitivity 0.9", "sensitivity 0.95", "specificity 0.9")}


def test_a_level_made_of_others_is_fitted_on_the_runs_own_probabilities(classifier_run: Path) -> None:
    found = certainty(classifier_run)
    assert found.level == "image"
    assert "have no raw log-odds" in found.remarks[-1]
    assert RAW not in found.tried[0].probability


def test_heads_of_a_lesion_network_answer_their_own_questions(whole_run: Path) -> None:
    asked, left_out = asked_folds(read_run(whole_run))
    assert left_out == []
    by_question = {one.question: one for one in asked}
    assert by_question[ABNORMAL].folds[0].test.raw.tolist()[0] == 2.0  # as every row of the made-up run has it
    assert by_question[MALIGNANT_OR_BENIGN].folds[0].test.raw.tolist()[0] == -1.0
    assert by_question[ABNORMAL].tested == ("with-normals",)
    assert set(by_question[ABNORMAL].folds[0].sets) == {"with-normals"}  # a set without normal images tells nothing of them


def test_scores_that_are_all_the_same_are_survived(whole_run: Path) -> None:
    found = certainty(whole_run)
    assert any("slope" in sentence for sentence in found.left_out)
    spread = {np.ptp(tried.probability["platt"][tried.part(tried.sets[0])]) for tried in found.tried}
    assert max(spread) < 0.5


def test_an_external_test_is_fitted_on_another_set_and_says_so(classifier_run: Path, tmp_path: Path) -> None:
    def moved(row: PredictionRow) -> PredictionRow:
        return replace(row, set="here" if row.part == "validation" else "there")

    found = certainty(copy_of(classifier_run, tmp_path, moved), level="patch")
    assert "validation rows are of here, test rows of there" in found.remarks[1]


def test_women_that_a_fold_tests_are_not_fitted_on(classifier_run: Path, tmp_path: Path) -> None:
    """Of each part of fold 0 one patient is made one woman with the other: her six validation windows go, no others."""
    rows = [row for row in read_predictions(classifier_run / "predictions.csv") if row.outer == 0]
    one = {part: next(row.group for row in rows if row.part == part) for part in ("test", "validation")}

    def joined(row: PredictionRow) -> PredictionRow:
        return replace(row, group="both") if row.group in one.values() else row

    before, found = (certainty(folder, level="patch") for folder in (classifier_run, copy_of(classifier_run, tmp_path, joined)))
    assert [b["n"] - f["n"] for b, f in zip(before.tried[0].fits, found.tried[0].fits, strict=True)] == [6, 0, 0]
    assert "6 validation rows (patch), of groups that the same fold tests: nothing was fitted on them" in found.left_out
    leaking = copy_of(classifier_run, tmp_path, lambda row: replace(row, group="one"))
    with pytest.raises(AnswerNo, match=r"of groups that the same fold tests.*do not hold both classes"):
        certainty(leaking)


def test_thresholds_are_probabilities_of_validation_rows_to_the_last_bit(classifier_run: Path) -> None:
    """One for a sensitivity is a positive's own probability: of its logit turned back, the positive might fall below it."""
    found = certainty(classifier_run, level="patch", readers_specificity=0.9)
    lines = {line.name: line.more["thresholds"] for line in found.lines if (line.part, line.set) == (POINTS, "all")}
    for one, fold in enumerate(found.tried[0].asked.folds):
        given = fold.validation
        for name in ("sensitivity 0.85", "sensitivity 0.9", "sensitivity 0.95"):
            limit = lines[f"{name} on validation"][one]["probability"]
            assert limit in given.said[given.truth]
        limit = lines["specificity 0.9 on validation"][one]["probability"]
        assert np.nextafter(limit, 0) in given.said[~given.truth]


def test_a_chosen_ensemble_says_that_the_validation_rows_chose_it(classifier_run: Path, tmp_path: Path) -> None:
    folder = copy_of(classifier_run, tmp_path, lambda row: row)
    (folder / "settings.yaml").write_text("task: classifier\nensemble: greedy\n")
    assert "the same validation rows chose the members and their weights" in certainty(folder).remarks[0]


def test_without_validation_rows_there_is_no_answer(classifier_run: Path, tmp_path: Path) -> None:
    rows = [row for row in read_predictions(classifier_run / "predictions.csv") if row.part == "test"]
    write_predictions(tmp_path / "predictions.csv", rows)
    with pytest.raises(AnswerNo, match="validation rows of fold 0 do not hold both classes"):
        certainty(tmp_path)


def test_pictures_and_tables_say_n_and_groups(classifier_run: Path, tmp_path: Path) -> None:
    found = certainty(classifier_run)
    written = certainty_pictures(found, tmp_path, "made-up data")
    assert sorted(path.name for path in written.values()) == [
        "coverage-risk-malignant-against-benign.png",
        "reliability-malignant-against-benign.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written.values())
    parts = certainty_sections(found, brief=True)
    assert parts[1].title == "Calibration, before and after: malignant against benign, all"
    assert parts[1].words[0].startswith("72 rows of level image, 36 positive, 36 groups.")
    assert len(certainty_sections(found)) == len(parts) + 8  # each of the two sets has its four tables too

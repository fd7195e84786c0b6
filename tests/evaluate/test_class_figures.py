"""Figures of a classifier's run: each equals the plain figure of its rows; questions that are none are not asked; what lacks is said."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from breastcad.core.errors import ReadError
from breastcad.core.files import read_predictions, write_predictions
from breastcad.evaluate import curves, decisions
from breastcad.evaluate.calibration import calibration_slope
from breastcad.evaluate.class_tables import class_tables
from breastcad.evaluate.figures import Options, read_metrics, write_metrics
from breastcad.evaluate.metrics import average_precision, roc_auc, threshold_for_sensitivity
from breastcad.evaluate.recheck import recheck
from breastcad.evaluate.run_figures import evaluated
from breastcad.evaluate.run_tables import ORIGINALS

HIGHEST, THRESHOLD = "highest probability", "validation threshold"


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch) -> None:
    monkeypatch.setattr("breastcad.evaluate.scopes.REPEATS", 20)


@pytest.fixture(scope="module")
def found(classifier_run):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("breastcad.evaluate.scopes.REPEATS", 20)
        return evaluated(classifier_run, Options(prevalence=0.01))


@pytest.fixture(scope="module")
def known(found):
    return {(one.name, one.set, one.level): one for one in found.figures}


def rows_at(run, level, set_name=None):
    rows = read_predictions(run / "predictions.csv")
    return [row for row in rows if row.part == "test" and row.level == level and set_name in (None, row.set)]


def told(rows):
    return np.array([row.label == "malignant" for row in rows]), np.array([row.probability["malignant"] for row in rows])


@pytest.mark.parametrize(("level", "set_name"), [("patch", "first"), ("image", "second"), ("breast", "first"), ("patient", "all")])
def test_ranking_and_calibration_are_those_of_the_rows(classifier_run, known, level, set_name) -> None:
    labels, scores = told(rows_at(classifier_run, level, None if set_name == "all" else set_name))
    question = "malignant against benign"
    wanted = {
        f"auc {question}": roc_auc(labels, scores),
        f"average precision {question}": average_precision(labels, scores),
        f"partial auc {question}": curves.partial_auc(labels, scores, specificity=0.9),
        f"raw partial auc {question}": curves.partial_auc(labels, scores, specificity=0.9, standardised=False),
        f"sensitivity at specificity 0.95 {question}": curves.sensitivity_at_specificity(labels, scores, 0.95),
        f"brier {question}": np.mean((labels - scores) ** 2),
        f"calibration slope {question}": calibration_slope(labels, scores),
    }
    for name, value in wanted.items():
        figure = known[name, set_name, level]
        assert figure.value == pytest.approx(value), name
        assert (figure.n, figure.positives) == (labels.size, labels.sum())
        assert figure.low <= figure.value <= figure.high


def test_decisions_by_the_highest_probability_and_at_the_fold_s_threshold(classifier_run, known) -> None:
    rows = rows_at(classifier_run, "image", "first")
    labels, scores = told(rows)
    validations = [row for row in read_predictions(classifier_run / "predictions.csv") if row.part == "validation" and row.level == "image"]
    thresholds = {fold: threshold_for_sensitivity(*told([v for v in validations if v.outer == fold]), 0.9) for fold in range(3)}
    names = np.array(["b", "m"])
    for by, called in ((HIGHEST, scores >= 0.5), (THRESHOLD, scores >= np.array([thresholds[row.outer] for row in rows]))):
        counts = decisions.tally(names[labels.astype(int)].tolist(), names[called.astype(int)].tolist(), ["b", "m"])
        for name, value in decisions.rates(counts, prevalence=0.01).items():
            assert known[f"{name} malignant against benign, {by}", "first", "image"].value == pytest.approx(value), (name, by)


def test_classes_have_their_own_lines_and_counts(classifier_run, found, known) -> None:
    rows = rows_at(classifier_run, "patch", "second")
    called = [max(row.raw, key=row.raw.get) for row in rows]
    counts = decisions.tally([row.label for row in rows], called, ["benign", "malignant"])
    for name, values in decisions.class_rates(counts, ["benign", "malignant"]).items():
        for rate in ("precision", "recall", "f1"):
            assert known[f"{rate} of {name}", "second", "patch"].value == pytest.approx(values[rate])
        assert known[f"f1 of {name}", "second", "patch"].positives == values["n"]
    (kept,) = [one for one in found.confusions if (one.set, one.level, one.by) == ("second", "patch", f"classes, {HIGHEST}")]
    assert (kept.classes, kept.counts) == (["benign", "malignant"], counts.tolist())


def test_two_classes_are_asked_one_question(found) -> None:
    assert {one.level for one in found.figures} == {"patch", "image", "breast", "patient"}
    assert not [one.name for one in found.figures if "normal" in one.name or "the rest" in one.name or "of 2 classes" in one.name]
    assert found.left_out == []


def test_every_figure_is_told_apart_and_the_tables_show_the_first(found, known) -> None:
    assert len(known) == len(found.figures)
    text = class_tables(found.figures, found.confusions)
    assert text.count("| malignant against benign |") == 2 * 4 * 3  # tables, levels, sets
    assert "PPV at 0.01" in text
    assert "| called" not in text  # counts of two classes are in the other tables


@pytest.fixture
def three(tmp_path, tables):
    return tables.made_up_classifier(tmp_path, classes=("normal", "benign", "malignant"), patients=60)


def test_three_classes_are_asked_three_questions_and_have_figures_over_all(three) -> None:
    found = {(one.name, one.set): one for one in evaluated(three, Options(level="patch")).figures}
    rows = rows_at(three, "patch", "first")
    lesions = [row for row in rows if row.label != "normal"]
    given = [row.probability["malignant"] / (row.probability["malignant"] + row.probability["benign"]) for row in lesions]
    assert found["auc malignant against benign", "first"].value == pytest.approx(roc_auc(told(lesions)[0], given))
    assert found["auc malignant against the rest", "first"].value == pytest.approx(roc_auc(*told(rows)))
    normal = np.array([row.probability["normal"] for row in rows])
    assert found["auc abnormal against normal", "first"].value == pytest.approx(
        roc_auc([row.label != "normal" for row in rows], 1 - normal)
    )
    called = [max(row.probability, key=row.probability.get) for row in rows]
    right = np.mean([one == row.label for one, row in zip(called, rows, strict=True)])
    assert found["accuracy of 3 classes", "first"].value == pytest.approx(right)
    sensitive = np.mean([one == "malignant" for one, row in zip(called, rows, strict=True) if row.label == "malignant"])
    assert found[f"sensitivity malignant against the rest, {HIGHEST}", "first"].value == pytest.approx(sensitive)


def test_a_set_without_normal_samples_is_not_asked_for_malignant_against_the_rest(three) -> None:
    rows = [row for row in read_predictions(three / "predictions.csv") if row.set == "first" or row.label != "normal"]
    write_predictions(three / "predictions.csv", rows)
    found = {(one.name, one.set) for one in evaluated(three, Options(level="patient")).figures}
    assert {own for name, own in found if name == "auc malignant against the rest"} == {"first"}
    assert {own for name, own in found if name == "auc malignant against benign"} == {"first", "second", "all"}


def rewritten(run, change):
    write_predictions(run / "predictions.csv", [change(row) for row in read_predictions(run / "predictions.csv")])
    return run


def test_windows_that_are_no_copies_have_figures_of_their_own(tmp_path, tables) -> None:
    """Else a run that tests on copies cannot be held against one that does not."""
    run = rewritten(
        tables.made_up_classifier(tmp_path), lambda row: replace(row, id=f"{row.id}#1") if row.id.endswith(("-1", "-2")) else row
    )
    found = evaluated(run)
    originals = [row for row in rows_at(run, "patch", "first") if "#" not in row.id]
    (area,) = [one for one in found.figures if (one.name, one.set, one.level) == ("auc malignant against benign", "first", ORIGINALS)]
    assert (area.value, area.n) == (pytest.approx(roc_auc(*told(originals))), len(originals))
    assert {one.n for one in found.figures if (one.set, one.level) == ("first", "patch")} == {3 * len(originals)}
    write_metrics(run / "metrics.json", "made up", found.figures, confusions=[asdict(one) for one in found.confusions])
    assert recheck(run).differences == []


def test_lesion_windows_are_asked_for_lesions_alone(tmp_path, tables) -> None:
    def change(row):
        label = {"benign": "normal", "malignant": "lesion"}[row.label]
        probability = {"normal": row.probability["benign"], "lesion": row.probability["malignant"]}
        return replace(row, label=label, raw={}, probability=probability)

    found = evaluated(rewritten(tables.made_up_classifier(tmp_path), change), Options(level="patch"))
    assert {one.name for one in found.figures if one.name.startswith("auc")} == {
        "auc lesion against none",
        "auc lesion against none, mean of folds",
    }
    assert "recall of lesion" in {one.name for one in found.figures}


def test_films_of_a_lesion_network_are_asked_whether_its_lesions_tell_malignant_from_benign(tmp_path, tables) -> None:
    """All films have a lesion: lesion against none can't be asked, and P(lesion) is no probability of malignancy to be calibrated."""

    def change(row):
        return replace(row, raw={}, probability={"normal": row.probability["benign"], "lesion": row.probability["malignant"]})

    run = rewritten(tables.made_up_classifier(tmp_path), change)
    found = evaluated(run, Options(level="image"))
    name = "malignant against benign, by the probability of lesion"
    rows = [row for row in read_predictions(run / "predictions.csv") if (row.level, row.part, row.set) == ("image", "test", "first")]
    area = roc_auc([row.label == "malignant" for row in rows], [row.probability["lesion"] for row in rows])
    asked = {one.name: one.value for one in found.figures if one.set == "first"}
    assert asked[f"auc {name}"] == pytest.approx(area)
    assert f"accuracy {name}, highest probability" in asked
    assert not any("lesion against none" in one or one.startswith(f"brier {name}") for one in asked)


def test_a_merged_class_has_a_threshold_of_one_half_and_no_lines_of_classes_where_it_has_no_logits(tmp_path, tables) -> None:
    def change(row):
        kept = {"normal+benign": row.raw["benign"], "malignant": row.raw["malignant"]} if row.level == "patch" else {}
        return replace(row, raw=kept, probability={"malignant": row.probability["malignant"]})

    run = rewritten(tables.made_up_classifier(tmp_path), change)
    found = evaluated(run, Options(level="image"))
    labels, scores = told(rows_at(run, "image", "first"))
    by_name = {(one.name, one.set): one.value for one in found.figures}
    assert by_name[f"sensitivity malignant against benign, {HIGHEST}", "first"] == pytest.approx((scores[labels] >= 0.5).mean())
    assert found.left_out == ["figures of each class (image): the run has a probability of one class only"]
    windows = evaluated(run, Options(level="patch"))
    assert "precision of normal+benign" in {one.name for one in windows.figures}


def test_a_class_that_nothing_is_called_has_no_precision_and_the_reason_is_given(tmp_path, tables) -> None:
    def change(row):
        return replace(
            row, raw={}, probability={"benign": 1 - row.probability["malignant"] / 3, "malignant": row.probability["malignant"] / 3}
        )

    found = evaluated(rewritten(tables.made_up_classifier(tmp_path), change), Options(level="image"))
    names = {one.name for one in found.figures}
    assert "recall of malignant" in names
    assert f"precision malignant against benign, {HIGHEST}" not in names
    places = "first, image; second, image; all, image"
    assert f"precision of malignant ({places}): a class is not there, or nothing is called it" in found.left_out


def test_a_run_without_the_probability_asked_for_says_so(tmp_path, tables) -> None:
    run = rewritten(tables.made_up_classifier(tmp_path), lambda row: replace(row, raw={}, probability={"normal": 0.5}))
    found = evaluated(run, Options(level="image"))
    assert found.figures == []
    assert found.left_out[0] == "malignant against benign (image): the run has no such probability"


def test_kinds_of_findings_are_classes_of_their_own(tmp_path, tables) -> None:
    def change(row):
        raw = {f"{name} mass": value for name, value in row.raw.items()} | ({"normal": -9.0} if row.raw else {})
        return replace(row, raw=raw)

    found = evaluated(rewritten(tables.made_up_classifier(tmp_path), change), Options(level="patch"))
    names = {one.name for one in found.figures}
    assert {"recall of malignant mass", "recall of benign mass", "accuracy of 3 classes"} <= names
    assert "recall of normal" not in names  # there is none
    assert {one.by for one in found.confusions if one.by.startswith("classes")} == {"classes, highest raw score"}


def test_classes_are_called_by_the_probability_where_calibration_turned_the_order_of_raw_scores(tmp_path, tables) -> None:
    """As a line of traditional CAD may: the raw score of malignant is always the higher, its probability often the lower."""

    def change(row):
        return replace(row, raw={"benign": -1.0, "malignant": 1.0} if row.raw else {})

    found = evaluated(rewritten(tables.made_up_classifier(tmp_path), change), Options(level="patch"))
    known = {(one.name, one.set): one for one in found.figures}
    assert 0 < known["recall of malignant", "all"].value < 1
    same = known["sensitivity malignant against benign, highest probability", "all"]
    assert known["recall of malignant", "all"].value == pytest.approx(same.value)
    assert {one.by for one in found.confusions if one.by.startswith("classes")} == {"classes, highest probability"}


def test_figures_of_classes_are_over_all_sets_that_hold_every_class(tmp_path, tables) -> None:
    classes = ("normal", "benign", "malignant")

    def change(row):
        return replace(row, label="benign" if row.label == "normal" and row.set == "second" else row.label)

    found = evaluated(rewritten(tables.made_up_classifier(tmp_path, classes=classes), change), Options(level="patch"))
    assert {one.set for one in found.figures if one.name == "recall of malignant"} == {"first", "second"}


def test_a_probability_that_is_always_the_same_has_no_slope_and_is_not_said_to_part_the_classes(tmp_path, tables) -> None:
    def change(row):
        return replace(row, probability={"benign": 0.5, "malignant": 0.5})

    found = evaluated(rewritten(tables.made_up_classifier(tmp_path), change), Options(level="patch"))
    assert any("calibration slope" in said and "or is always the same" in said for said in found.left_out)


def test_other_aggregation_gives_other_figures_and_a_recheck_asks_the_same(tmp_path, tables) -> None:
    run = tables.made_up_classifier(tmp_path)
    options = Options(level="image", aggregation="mean", specificities=(0.8,), prevalence=0.02)
    found, plain = evaluated(run, options).figures, evaluated(run, Options(level="image")).figures
    by = [{(one.name, one.set): one.value for one in own} for own in (found, plain)]
    name = "brier malignant against benign", "first"
    assert by[0][name] != by[1][name]
    write_metrics(run / "metrics.json", "t", found, options=options)
    done = recheck(run)
    assert (done.differences, done.figures) == ([], len(found))
    write_metrics(run / "metrics.json", "t", found[:-1], options=options)
    assert len(recheck(run).differences) == 1
    assert read_metrics(run / "metrics.json")[0] == "t"


def test_a_recheck_compares_the_counts_that_were_kept(tmp_path, tables) -> None:
    run, options = tables.made_up_classifier(tmp_path), Options(level="patient")
    found = evaluated(run, options)
    counts = [asdict(one) for one in found.confusions]
    write_metrics(run / "metrics.json", "t", found.figures, options=options, confusions=counts)
    assert recheck(run).differences == []
    counts[0]["counts"][0][0] += 1
    write_metrics(run / "metrics.json", "t", found.figures, options=options, confusions=[*counts, "hostile"])
    changed, stray = recheck(run).differences
    assert changed.what.startswith(f"confusions ({found.confusions[0].set}, patient, ")
    assert stray.written == "hostile"


def test_positives_of_a_class_are_counted_once_however_often_they_were_tested(tmp_path, tables) -> None:
    run = tables.made_up_classifier(tmp_path)
    once = {one.key: one.positives for one in evaluated(run, Options(level="patient")).figures if one.name.startswith("recall of")}
    rows = read_predictions(run / "predictions.csv")
    write_predictions(run / "predictions.csv", [*rows, *(replace(row, repeat=1) for row in rows)])
    twice = {one.key: one.positives for one in evaluated(run, Options(level="patient")).figures if one.name.startswith("recall of")}
    assert twice == once


@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_row_without_a_probability_that_others_have_is_refused_not_left_out(tmp_path, tables, part) -> None:
    run = tables.made_up_classifier(tmp_path)
    rows = read_predictions(run / "predictions.csv")
    odd = next(row for row in rows if row.part == part and row.level == "image")
    del odd.probability["malignant"]
    write_predictions(run / "predictions.csv", rows)
    said = rf"gives '{odd.id}' of '{odd.set}' \(level image, part {part}, fold \d\) no 'probability_malignant', but others of its level"
    with pytest.raises(ReadError, match=said):
        evaluated(run, Options(level="image"))


def test_a_recheck_compares_parts_of_windows_where_windows_were_parted(tmp_path, tables) -> None:
    from breastcad.core.files import read_split, write_split
    from breastcad.core.records import SplitRow

    run = tables.made_up_classifier(tmp_path)
    windows = [row for row in read_predictions(run / "predictions.csv") if row.level == "patch"]
    split = [SplitRow(row.set, row.id, row.group, row.repeat, row.outer, row.inner, row.part) for row in windows]
    write_split(run, split, {})
    options = Options(level="patch")
    write_metrics(run / "metrics.json", "t", evaluated(run, options).figures, options=options)
    assert recheck(run).differences == []
    write_split(run, [replace(row, part="train") if row is split[0] else row for row in split], {})
    (difference,) = recheck(run).differences
    assert f"part and group of '{split[0].id}'" in difference.what
    assert len(read_split(run)) == len(split)

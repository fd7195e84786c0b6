"""Figures of a run: each equals the plain figure of its rows; what is absent is left out; the set may not stand for the class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_lesions, read_marks, read_predictions, write_predictions
from breastcad.core.records import PredictionRow
from breastcad.evaluate.froc import froc_curve, rate, sensitivity_at
from breastcad.evaluate.metrics import brier, confusion, expected_calibration_error, roc_auc, threshold_for_sensitivity
from breastcad.evaluate.run_figures import figures


@pytest.fixture
def found(whole_run):
    """The figures of the made-up run, by name and set."""
    return {(figure.name, figure.set): figure for figure in figures(whole_run)}


@pytest.fixture
def tests_of(whole_run):
    """The test rows of the made-up run."""
    return [row for row in read_predictions(whole_run / "predictions.csv") if row.part == "test"]


def column(rows, of):
    return np.array([row.probability[of] for row in rows])


def lesioned(rows):
    return [row for row in rows if row.label != "normal"]


@pytest.mark.parametrize("set_name", ["with-normals", "without", "all"])
def test_auc_of_malignancy_is_among_benign_and_malignant_images(found, tests_of, set_name) -> None:
    rows = [row for row in lesioned(tests_of) if set_name in ("all", row.set)]
    truth = [row.label == "malignant" for row in rows]
    figure = found["auc malignant against benign", set_name]
    assert figure.value == pytest.approx(roc_auc_score(truth, column(rows, "malignant")))
    assert (figure.n, figure.positives, figure.clusters) == (len(rows), sum(truth), len({row.group for row in rows}))
    assert figure.low < figure.value < figure.high


@pytest.mark.parametrize("set_name", ["with-normals", "without"])
def test_auc_given_abnormal_is_of_the_share_of_malignant_in_abnormal(found, tests_of, set_name) -> None:
    rows = [row for row in lesioned(tests_of) if row.set == set_name]
    shares = [row.probability["malignant"] / row.probability["abnormal"] for row in rows]
    got = found["auc malignant against benign, given abnormal", set_name]
    assert got.value == pytest.approx(roc_auc_score([row.label == "malignant" for row in rows], shares))
    assert got.n == len(rows)


def test_the_mean_of_folds_is_named_apart(found, tests_of) -> None:
    rows = [row for row in lesioned(tests_of) if row.set == "without"]
    folds = [[row for row in rows if row.outer == fold] for fold in range(3)]
    wanted = np.mean([roc_auc([row.label == "malignant" for row in own], column(own, "malignant")) for own in folds])
    assert found["auc malignant against benign, mean of folds", "without"].value == pytest.approx(wanted)


def test_abnormal_against_normal_is_only_of_the_set_that_has_normals(found, tests_of) -> None:
    """Over all sets it would be told by the set: there is no such figure."""
    rows = [row for row in tests_of if row.set == "with-normals"]
    truth = [row.label != "normal" for row in rows]
    assert found["auc abnormal against normal", "with-normals"].value == pytest.approx(roc_auc(truth, column(rows, "abnormal")))
    assert ("auc abnormal against normal", "without") not in found
    assert ("auc abnormal against normal", "all") not in found


def test_the_set_told_by_the_probability_of_normal_is_measured_among_images_with_a_lesion(found, tests_of) -> None:
    rows = lesioned(tests_of)
    truth = [row.set == "with-normals" for row in rows]
    figure = found["auc of the set by the probability of normal", "with-normals/without"]
    assert figure.value == pytest.approx(roc_auc(truth, column(rows, "normal")))
    assert (figure.n, figure.positives) == (len(rows), sum(truth))


def test_dice_is_over_images_with_a_lesion(found, tests_of) -> None:
    rows = [row for row in lesioned(tests_of) if row.set == "with-normals"]
    figure = found["dice", "with-normals"]
    assert figure.value == pytest.approx(np.mean([row.dice for row in rows]))
    assert (figure.n, figure.positives) == (len(rows), None)


def test_calibration_is_of_malignancy_among_all_images_and_of_abnormality_where_there_are_normals(found, tests_of) -> None:
    truth = [row.label == "malignant" for row in tests_of]
    assert found["brier malignant", "all"].value == pytest.approx(brier(truth, column(tests_of, "malignant")))
    wanted = expected_calibration_error(truth, column(tests_of, "malignant"))
    assert found["calibration error malignant", "all"].value == pytest.approx(wanted)
    assert all(figure.low <= figure.value <= figure.high for figure in found.values())
    assert ("brier abnormal", "with-normals") in found
    assert ("brier abnormal", "all") not in found


def test_decisions_are_at_the_threshold_of_each_fold_s_validation_images(whole_run, found, tests_of) -> None:
    rows = read_predictions(whole_run / "predictions.csv")
    right = positives = 0
    for fold in range(3):
        kept = [row for row in rows if row.part == "validation" and row.outer == fold]
        threshold = threshold_for_sensitivity([row.label == "malignant" for row in kept], column(kept, "malignant"), 0.9)
        own = [row for row in tests_of if row.outer == fold]
        counts = confusion([row.label == "malignant" for row in own], column(own, "malignant"), threshold)
        right, positives = right + counts.true_positive, positives + counts.true_positive + counts.false_negative
    figure = found["sensitivity malignant at the validation threshold", "all"]
    assert figure.value == pytest.approx(right / positives)
    assert (figure.n, figure.positives) == (len(tests_of), positives)
    assert 0 < found["specificity malignant at the validation threshold", "all"].value < 1


def test_best_marks_and_false_mark_rates_are_those_of_the_tables(whole_run, found, tests_of) -> None:
    marks, lesions = read_marks(whole_run / "marks.csv"), read_lesions(whole_run / "lesions.csv")
    best = {row.image_id: max((one for one in marks if one.image_id == row.image_id), key=lambda one: one.score) for row in lesions}
    hit = [best[row.image_id].lesion_id == row.lesion_id for row in lesions]
    figure = found["lesions hit by the best mark", "all"]
    assert (figure.value, figure.n, figure.positives) == (pytest.approx(np.mean(hit)), len(lesions), len(lesions))
    curve = froc_curve(
        rate(
            [row.id for row in tests_of],
            [(row.image_id, row.lesion_id) for row in lesions],
            [(row.image_id, row.score, row.lesion_id) for row in marks],
        )
    )
    for allowed in (0.25, 0.5, 1, 2):
        figure = found[f"lesions found at {allowed:g} false marks an image", "all"]
        assert figure.value == pytest.approx(sensitivity_at(curve.nlf, curve.llf, allowed)[0])
        assert figure.n == len(tests_of)


def test_the_same_tables_give_the_same_figures(whole_run, found) -> None:
    assert [figure for figure in figures(whole_run)] == list(found.values())


def test_every_figure_is_told_apart_and_says_how(found, whole_run) -> None:
    assert len(found) == len(figures(whole_run))
    assert all("seed 13" in figure.how for figure in found.values())


def test_an_image_of_several_repeats_counts_once_with_its_mean_probability(tmp_path, tables) -> None:
    rows = []
    for repeat, probabilities in enumerate([(0.9, 0.2, 0.6, 0.5), (0.3, 0.6, 0.6, 0.1)]):
        for image, malignant, label in zip("abcd", probabilities, ["malignant", "benign", "malignant", "benign"], strict=True):
            row = tables.prediction(image, label=label, abnormal=0.95, malignant=malignant)
            rows.append(PredictionRow(**{**{name: getattr(row, name) for name in row.__dataclass_fields__}, "repeat": repeat}))
    tables.write_run(tmp_path, rows)
    (figure,) = [one for one in figures(tmp_path) if one.name == "auc malignant against benign"]
    assert (figure.value, figure.n) == (1.0, 4)  # means .6, .4, .6, .3


def test_several_lesions_of_an_image_count_one_each_and_the_best_mark_hits_one(tmp_path, tables) -> None:
    """Image a: two lesions, one hit by the best mark; b: one, whose best mark misses; c: one without any mark; n: normal."""
    predictions = [tables.prediction(image) for image in "abc"] + [tables.prediction("n", label="normal")]
    lesions = [tables.lesion("a", "f1"), tables.lesion("a", "f2"), tables.lesion("b", "f1"), tables.lesion("c", "f1")]
    marks = [
        tables.mark("a", 0.6, "f1"),
        tables.mark("a", 0.9, "f2"),
        tables.mark("b", 0.4, "f1"),
        tables.mark("b", 0.5),
        tables.mark("n", 0.7),
    ]
    tables.write_run(tmp_path, predictions, marks, lesions)
    found = {figure.name: figure for figure in figures(tmp_path)}
    assert found["lesions hit by the best mark"].value == 0.25
    assert found["images hit by the best mark"].value == pytest.approx(1 / 3)
    assert found["lesions found at 0.25 false marks an image"].value == 0.5  # n's .7 is the one false mark in four images
    assert found["lesions found at 0.5 false marks an image"].value == 0.75


def test_a_closer_look_at_given_boxes_is_measured_lesion_by_lesion(tmp_path, tables) -> None:
    rows = [tables.prediction(name) for name in "abcd"]
    said = [("benign", -1.0), ("malignant", 2.0), ("benign", 0.5), ("malignant", 0.0), ("unknown", 9.0)]
    lesions = [
        replace(tables.lesion("abcda"[i], f"f{i}"), pathology=pathology, closer_malignant=logit)
        for i, (pathology, logit) in enumerate(said)
    ]
    twice = [replace(row, repeat=1) for row in (*rows, *lesions)]  # tested in two repeats, each lesion counts once
    tables.write_run(tmp_path, [*rows, *twice[:4]], [], [*lesions, *twice[4:]])
    got = {figure.name: figure for figure in figures(tmp_path)}["auc malignant against benign, given box"]
    assert (got.value, got.n, got.positives, got.level, got.clusters) == (0.75, 4, 2, "image", 4)


def test_sets_with_one_pathology_give_no_figure_of_given_boxes(tmp_path, tables) -> None:
    rows = [tables.prediction(name, set_name=set_name) for name, set_name in zip("abcd", ["one", "one", "other", "other"], strict=True)]
    lesions = [
        replace(tables.lesion(row.id, f"f{row.id}", set_name=row.set), pathology=pathology, closer_malignant=float(i))
        for i, (row, pathology) in enumerate(zip(rows, ["benign", "benign", "malignant", "malignant"], strict=True))
    ]
    tables.write_run(tmp_path, rows, [], lesions)
    assert not [figure for figure in figures(tmp_path) if figure.name.endswith("given box")]


def test_images_whose_lesion_has_no_place_take_no_part_in_figures_of_marks(tmp_path, tables) -> None:
    predictions = [tables.prediction(image) for image in ("a", "b", "nowhere")]
    marks = [tables.mark("a", 0.5, "f1"), tables.mark("nowhere", 0.9)]
    tables.write_run(tmp_path, predictions, marks, [tables.lesion("a", "f1"), tables.lesion("b", "f1")])
    (figure,) = [one for one in figures(tmp_path) if one.name == "lesions found at 0.25 false marks an image"]
    assert (figure.value, figure.n) == (0.5, 2)


def test_a_share_of_all_has_wilson_s_interval_since_resamples_cannot_differ(tmp_path, tables) -> None:
    predictions = [tables.prediction(image) for image in "abcde"]
    marks = [tables.mark(image, 0.5, "f1") for image in "abcde"]
    tables.write_run(tmp_path, predictions, marks, [tables.lesion(image, "f1") for image in "abcde"])
    (figure,) = [one for one in figures(tmp_path) if one.name == "lesions hit by the best mark"]
    assert (figure.value, figure.low, figure.high) == (1.0, pytest.approx(0.5655, abs=1e-4), 1.0)
    assert "Wilson" in figure.how


def test_a_sensitivity_of_all_counts_the_groups_with_a_malignant_image_alone(tmp_path, tables) -> None:
    rows = [tables.prediction(f"m{k}", label="malignant", abnormal=0.95, malignant=0.9) for k in range(5)]
    rows += [tables.prediction(f"b{k}", label="benign", malignant=0.1) for k in range(40)]
    rows += [tables.prediction(f"v{k}", label="malignant", malignant=0.8, part="validation") for k in range(5)]
    tables.write_run(tmp_path, rows)
    found = {one.name: one for one in figures(tmp_path)}
    sensitivity = found["sensitivity malignant at the validation threshold"]
    assert (sensitivity.value, sensitivity.low) == (1.0, pytest.approx(0.5655, abs=1e-4))
    assert "the 5 groups that can have it" in sensitivity.how
    assert "the 40 groups that can have it" in found["specificity malignant at the validation threshold"].how


def test_classes_parted_fully_have_an_interval_that_admits_to_say_nothing(tmp_path, tables) -> None:
    predictions = [
        tables.prediction(f"i{k}", label=label, malignant=value)
        for k, (label, value) in enumerate([("benign", 0.1), ("malignant", 0.6)] * 5)
    ]
    tables.write_run(tmp_path, predictions)
    (figure,) = [one for one in figures(tmp_path) if one.name == "auc malignant against benign"]
    assert (figure.low, figure.high) == (1.0, 1.0)
    assert "the interval says nothing" in figure.how


def test_what_needs_an_absent_class_is_left_out_never_nan(tmp_path, tables) -> None:
    tables.write_run(tmp_path, [tables.prediction(image, dice=0.5 + 0.1 * number) for number, image in enumerate("abc")])
    assert [figure.name for figure in figures(tmp_path)] == ["dice"]


def test_a_run_of_one_group_has_no_interval_and_so_no_figure(tmp_path, tables) -> None:
    rows = [tables.prediction("a", group="g", dice=0.5), tables.prediction("b", group="g", label="malignant", dice=0.4)]
    tables.write_run(tmp_path, rows)
    assert figures(tmp_path) == []


def test_a_fold_that_lacks_a_class_leaves_no_mean_of_folds(tmp_path, tables) -> None:
    rows = [tables.prediction(f"i{k}", label="malignant" if k < 2 or k > 5 else "benign", outer=k % 2 if k < 6 else 0) for k in range(8)]
    rows += [tables.prediction(f"j{k}", label="benign", outer=2) for k in range(2)]
    tables.write_run(tmp_path, rows)
    names = [figure.name for figure in figures(tmp_path)]
    assert "auc malignant against benign" in names
    assert "auc malignant against benign, mean of folds" not in names


def test_validation_without_positives_leaves_no_decisions(tmp_path, tables) -> None:
    rows = [tables.prediction(f"i{k}", label="malignant" if k % 2 else "benign") for k in range(6)]
    rows.append(tables.prediction("v", part="validation"))
    tables.write_run(tmp_path, rows)
    assert not any("threshold" in figure.name for figure in figures(tmp_path))


def test_other_levels_have_their_own_figures_and_no_marks(tmp_path, tables) -> None:
    rows = [tables.prediction(f"i{k}", label="malignant" if k % 2 else "benign", malignant=0.1 * k) for k in range(6)]
    for row in rows:
        row.level = "patient"
    tables.write_run(tmp_path, rows, [], [])
    assert {figure.level for figure in figures(tmp_path, level="patient")} == {"patient"}
    assert figures(tmp_path) == figures(tmp_path, level="patient")
    with pytest.raises(InputError, match="has no test rows at level 'image'; it has: patient"):
        figures(tmp_path, level="image")


def broken(rows, change):
    """Return the rows with one more, a changed copy of the first."""
    values = {name: getattr(rows[0], name) for name in rows[0].__dataclass_fields__}
    return [*rows, type(rows[0])(**{**values, **change})]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "predictions.csv: holds the row .* twice"),
        ({"outer": 1, "label": "malignant"}, "gives 'a' of 'with-normals' more than one label: benign, malignant"),
        ({"outer": 1, "group": "other"}, "gives 'a' of 'with-normals' more than one group: a, other"),
    ],
)
def test_predictions_that_contradict_themselves_are_refused(tmp_path, tables, change, message) -> None:
    tables.write_run(tmp_path, broken([tables.prediction("a"), tables.prediction("b")], change))
    with pytest.raises(ReadError, match=message):
        figures(tmp_path)


def test_marks_and_lesions_must_fit_the_predictions_and_each_other(tmp_path, tables) -> None:
    predictions = [tables.prediction("a"), tables.prediction("b")]
    a = tables.lesion("a", "f1")
    for marks, lesions, message in [
        ([tables.mark("c", 0.5)], [a], r"marks.csv: names the image \('with-normals', 'c', 0, 0\), which is not among the test rows"),
        ([], [tables.lesion("a", "f1", outer=1)], r"lesions.csv: names the image \('with-normals', 'a', 0, 1\)"),
        ([tables.mark("b", 0.5, "f1")], [a], "marks.csv: has a mark on lesion 'f1', which lesions.csv does not list"),
        ([], [a, a], "lesions.csv: holds the row .* twice"),
    ]:
        tables.write_run(tmp_path, predictions, marks, lesions)
        with pytest.raises(ReadError, match=message):
            figures(tmp_path)


def test_marks_without_lesions_are_refused(tmp_path, tables) -> None:
    tables.write_run(tmp_path, [tables.prediction("a"), tables.prediction("b")], [], [])
    (tmp_path / "lesions.csv").unlink()
    with pytest.raises(ReadError, match=r"lesions.csv: cannot be opened"):
        figures(tmp_path)


def test_a_run_without_test_rows_is_refused(tmp_path) -> None:
    write_predictions(tmp_path / "predictions.csv", [])
    with pytest.raises(InputError, match=r"predictions\.csv has no test rows"):
        figures(tmp_path)

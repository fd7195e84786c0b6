"""Figures within subgroups: those of the samples in them; small ones get none; made again from the kept table."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_predictions
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.evaluate.figures import Options, write_metrics
from breastcad.evaluate.metrics import roc_auc
from breastcad.evaluate.recheck import recheck
from breastcad.evaluate.run_figures import figures
from breastcad.evaluate.subgroups import (
    evaluated_subgroups,
    keep_subgroups,
    subgroup_rows,
    subgroup_tests_table,
    subgroups_again,
    values_of,
)

IMAGE = Options(level="image")


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch) -> None:
    monkeypatch.setattr("breastcad.evaluate.scopes.REPEATS", 20)


@pytest.fixture(scope="module")
def collections(classifier_run):
    """Two collections of the made-up run: left films are CC, right ones MLO; every third patient is dense; some findings."""
    images = {(row.set, row.id) for row in read_predictions(classifier_run / "predictions.csv") if row.level == "image"}
    made = {"first": Collection(root=".", images=[]), "second": Collection(root=".", images=[])}
    for set_name, image in sorted(images):
        density = "d" if int(image[1:-1]) % 3 == 0 else None
        made[set_name].images.append(
            ImageRow(set_name, image, density=density, view="CC" if image.endswith("L") else "MLO", extra={"scanner": "x"})
        )
        made[set_name].findings.append(FindingRow(set_name, f"{image}-f", image, kind="mass" if density else "calcification"))
    return list(made.values())


def test_the_figures_are_those_of_the_samples_in_the_subgroup(classifier_run, collections) -> None:
    found = evaluated_subgroups(classifier_run, subgroup_rows(collections, ["view"]), IMAGE, least=10)
    rows = [row for row in read_predictions(classifier_run / "predictions.csv") if row.part == "test" and row.level == "image"]
    own = [row for row in rows if row.set == "first" and row.id.endswith("L")]
    by_set = {one.set: one for one in found.figures}
    assert sorted(by_set) == ["first, view CC", "first, view MLO", "second, view CC", "second, view MLO"]
    figure = by_set["first, view CC"]
    assert figure.value == pytest.approx(roc_auc([row.label == "malignant" for row in own], [row.probability["malignant"] for row in own]))
    assert (figure.n, figure.positives, figure.level) == (18, 9, "image")
    assert len(found.tests) == 2  # one against the rest is the test of the other too
    first = found.tests[0]
    assert first.difference == pytest.approx(by_set["first, view CC"].value - by_set["first, view MLO"].value)
    assert all(one.adjusted >= one.p for one in found.tests)
    assert subgroup_tests_table(found.tests).count("| image |") == 2


def test_small_subgroups_get_no_figure_and_are_named(classifier_run, collections) -> None:
    found = evaluated_subgroups(classifier_run, subgroup_rows(collections, ["density", "kind", "scanner"]), IMAGE, least=10)
    why = "12 samples, 6 positive, of 6 groups are too few groups (at least 10, and 5 with each class)"
    assert f"malignant against benign (first, density d, image): {why}" in found.left_out
    assert [one for one in found.tests if "density" in one.subgroup] == []  # the rest is too small, whichever of the two is called it
    assert {one.set for one in found.figures} == {
        "first, density not given", "second, density not given", "first, kind calcification", "second, kind calcification",
        "first, scanner x", "second, scanner x",
    }  # fmt: skip


def test_wholes_have_what_all_their_images_have_and_windows_their_own_kind(classifier_run, collections) -> None:
    rows = read_predictions(classifier_run / "predictions.csv")
    known = subgroup_rows(collections, ["view", "density", "kind"])
    of_patients, of_breasts = values_of(rows, "patient", known), values_of(rows, "breast", known)
    assert of_patients["view"]["first", "p0"] == "several"
    assert of_patients["density"]["first", "p0"] == "d"
    assert of_breasts["view"]["first", "p0/R"] == "MLO"
    assert set(values_of(rows, "patch", known)["kind"].values()) == {"mass"}  # as the windows say
    assert values_of(rows, "patch", known)["density"]["second", "p1L-0"] == "not given"


def test_a_recheck_makes_them_again_without_the_collections(tmp_path, tables, collections) -> None:
    run = tables.made_up_classifier(tmp_path)
    known = subgroup_rows(collections, ["view"])
    found = evaluated_subgroups(run, known, IMAGE, least=10)
    keep_subgroups(run, run, known, found, IMAGE, least=10)
    written, again = subgroups_again(run)
    assert written == again.figures == found.figures
    write_metrics(run / "metrics.json", "t", figures(run, level="image"), options=IMAGE)
    assert recheck(run).differences == []
    content = json.loads((run / "subgroups.json").read_text())
    content["figures"][0]["value"] += 0.01
    (run / "subgroups.json").write_text(json.dumps(content))
    (difference,) = recheck(run).differences
    assert difference.what.startswith("value of auc malignant against benign (first, view CC")
    content["figures"][0]["value"] -= 0.01
    content["tests"][0]["p"] /= 2
    (run / "subgroups.json").write_text(json.dumps(content))
    (difference,) = recheck(run).differences
    assert difference.what.startswith("tests (malignant against benign, first, image, view CC")
    (run / "subgroups.json").write_text(json.dumps(content | {"least": "all"}))
    with pytest.raises(ReadError, match="'least' must be a whole number, got 'all'"):
        subgroups_again(run)


def test_a_column_that_no_collection_has_is_refused(collections) -> None:
    with pytest.raises(InputError, match="no collection has a column 'age_group' to group by; there are: density, view"):
        subgroup_rows(collections, ["age_group"])
    assert len(subgroup_rows(collections, ["scanner"])) == sum(len(one.images) for one in collections)


def test_a_subgroup_that_is_its_whole_set_is_not_tested(classifier_run, collections) -> None:
    found = evaluated_subgroups(classifier_run, subgroup_rows(collections, ["scanner"]), IMAGE, least=10)
    assert (len(found.figures), found.tests) == (2, [])
    assert np.isfinite([one.value for one in found.figures]).all()
    assert replace(found.figures[0]).set == "first, scanner x"

"""Recipes: all are there with what their publications reported, and no setting is one that a command would refuse."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_yaml
from breastcad.models.classifiers import CLASSIFIERS
from breastcad.preprocess.pipelines import pipelines
from breastcad.read.sets import READERS
from breastcad.recipes import recipe as module
from breastcad.recipes.cost import FORWARD, SECONDS, full_hours, recipe_hours, told, training_hours
from breastcad.recipes.listing import COLUMNS, headline, listing, markdown, whole
from breastcad.recipes.recipe import SPLITS, Recipe, Reported, merged, recipe, recipe_of, recipes
from breastcad.train.classifier_settings import ClassifierSettings

A = ["efficientnetv2-b2", "resnet101", "efficientnetv2-b0", "mobilenetv3-l", "efficientnetv2-l"]
NETWORKS = {
    **{key: A for key in ("a1", "a2", "a3", "a4")},
    "b": ["b-convnet", "vgg19", "inceptionv3", "resnet152v2", "inceptionresnetv2", "efficientnet-b5"],
    "c": ["c-table-1"],
    "c-vgg": ["vgg16", "vgg19"],
    "c-resnet": ["resnet50"],
    "d-patch-s10": ["resnet50", "vgg16"],
    "d-patch-s1": ["resnet50", "vgg16"],
    **{f"d-film-residual-{how}": ["resnet50", "vgg16"] for how in ("dropped", "relu", "softmax")},
    **{f"d-film-vgg-{how}": ["vgg16", "resnet50"] for how in ("dropped", "relu", "softmax")},
    "d-film-max-dense": ["resnet50", "vgg16"],
    "d-film-forest": ["resnet50", "vgg16"],
    "e3": ["resnet50"],
    "e5-us": ["resnet18"],
    "e5-dm": ["resnet18"],
    "e6-us": ["branet-small", "resnet18"],
    "e6-dm-1": ["branet-small", "resnet18"],
    "e6-dm-2": ["branet-small", "resnet18"],
}


def reported(key: str, network: str, of: str = "") -> dict[str, float]:
    """Return the first figures reported of a network, on what begins as asked."""
    return dict(next(one.figures for one in recipe(key).reported if one.network == network and one.of.startswith(of)))


def test_every_experiment_is_a_recipe_with_its_networks() -> None:
    assert {key: list(one.networks) for key, one in recipes().items()} == NETWORKS


@pytest.mark.parametrize("one", recipes().values(), ids=list(recipes()))
def test_a_recipe_names_only_what_there_is(one: Recipe) -> None:
    assert {need.set for need in one.data} <= {*READERS, "private"}
    assert not one.pipeline or one.pipeline in pipelines()
    assert set(one.networks) | set(one.stands_in) <= set(CLASSIFIERS)
    assert set(one.stands_in.values()) <= set(one.networks)
    assert {figures.network for figures in one.reported} <= set(one.networks)
    names = {name for figures in one.reported for name in figures.figures}
    assert set(one.printed) | set(one.ours) <= names
    assert all(0 <= value <= 1 for figures in one.reported for value in figures.figures.values())
    assert one.remarks
    assert one.source
    assert one.folds >= 2
    assert one.samples > 0


def test_reported_figures_are_those_of_the_publications() -> None:
    """A column of each table, as the publications print it."""
    assert [reported(key, "efficientnetv2-l")["accuracy"] for key in ("a3", "a2", "a1", "a4")] == [0.90, 0.88, 0.54, 0.78]
    assert reported("a1", "resnet101") == {
        "precision": 0.47, "f1": 0.49, "auc": 0.50, "accuracy": 0.50, "sensitivity": 0.00, "specificity": 1.00,
    }  # fmt: skip
    assert [reported("b", name, "mini")["auc"] for name in NETWORKS["b"]] == [0.95, 0.82, 0.83, 0.87, 0.84, 0.72]
    assert [reported("b", name, "private")["sensitivity"] for name in NETWORKS["b"]] == [0.99, 0.92, 0.84, 0.84, 0.77, 0.61]
    assert [reported(f"d-film-{key}", name)["auc"] for key, name in (("residual-dropped", "vgg16"), ("vgg-dropped", "resnet50"))] == [
        0.87,
        0.85,
    ]
    assert [reported(f"d-film-{key}", "resnet50")["auc"] for key in ("max-dense", "forest")] == [0.74, 0.73]
    assert reported("c", "c-table-1") == {"accuracy": 0.9140, "precision": 0.9655, "sensitivity": 0.9304}
    assert reported("e3", "resnet50", "without") == {
        "accuracy": 0.68, "precision": 0.65, "sensitivity": 0.77, "specificity": 0.59, "f1": 0.71,
    }  # fmt: skip
    assert reported("e5-dm", "resnet18")["precision malignant"] == 0.56
    assert reported("e6-us", "branet-small")["accuracy malignant"] == 0.936


def test_what_publication_a_prints_as_auc_is_a_balanced_accuracy() -> None:
    """(derived) in EXPERIMENTS: in all twenty rows, to .01 and the rounding of three printed numbers."""
    rows = [one.figures for key in ("a1", "a2", "a3", "a4") for one in recipe(key).reported]
    assert len(rows) == 20
    assert all(abs((row["sensitivity"] + row["specificity"]) / 2 - row["auc"]) <= 0.0151 for row in rows)


def test_published_and_by_patient_differ_where_the_publication_leaks_or_labels_otherwise() -> None:
    one = recipe("a1")
    assert (one.settings("resnet101", "published").classes, one.settings("resnet101", "patient").classes) == (
        "normal, lesion", "normal+benign, malignant",
    )  # fmt: skip
    assert one.patch_settings("published")["label"] == "lesion"
    assert "label" not in one.patch_settings("patient")
    assert recipe("a2").patch_settings("patient", shortened=True)["most"] == 2
    shortened = one.settings("resnet101", "patient", shortened=True)
    assert (shortened.epochs, shortened.shortened) == (5, True)
    assert one.settings("resnet101", "patient").epochs == 50


def test_a_network_of_its_own_drawing_starts_from_scratch_and_so_does_its_other_reading() -> None:
    weights = {name: recipe("b").settings(name, "patient").weights for name in ("b-convnet", "b-convnet-strided", "vgg19")}
    assert weights == {"b-convnet": "none", "b-convnet-strided": "none", "vgg19": "imagenet"}


def test_folds_are_a_sets_own_the_publications_or_the_recipes() -> None:
    assert [recipe("b").folds_of(sets, "patient") for sets in (["mini-mias"], ["cbis-ddsm"], ["mini-mias", "cbis-ddsm"])] == [5, 3, 3]
    assert (recipe("e3").folds_of(["mini-mias"], "published"), recipe("e3").folds_of(["mini-mias"], "patient")) == (10, 5)


def test_an_unknown_recipe_is_refused_with_near_keys() -> None:
    with pytest.raises(InputError, match="unknown recipe 'e5us'; near keys: e5-us, e6-us"):
        recipe("e5us")


def test_a_change_that_is_no_setting_is_refused() -> None:
    with pytest.raises(InputError, match="unknown setting 'epoch'"):
        recipe("b").settings("vgg19", "patient", changes={"epoch": "3"})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"training": {"rat": 1}}, "unknown setting 'rat'"),
        ({"published_patches": {"label": "tumour"}}, "setting 'label' must be pathology or lesion"),
        ({"reported": [{"of": "x", "columns": ["auc"], "rows": {"vgg16": [0.5, 0.6]}}]}, "ValueError"),
        ({"colour": "red"}, "unexpected keyword argument 'colour'"),
        ({"data": [{"set": "mini-mias"}]}, "missing 1 required positional argument: 'what'"),
    ],
)
def test_a_recipe_that_no_command_would_take_is_refused(change: dict, sentence: str) -> None:
    place = Path(module.__file__).parent / "a.yaml"
    content = read_yaml(place)
    with pytest.raises(ReadError, match=f"recipe 'mine' cannot be used .*{sentence}"):
        recipe_of(place, "mine", {**merged(content["common"], content["variants"]["a1"]), **change})


# ---- cost ----


def test_every_network_of_a_recipe_has_a_cost_and_every_classifier_was_measured() -> None:
    assert set(SECONDS) == set(CLASSIFIERS)
    assert all(full_hours(one, name, split) > 0 for one in recipes().values() for name in one.networks for split in SPLITS)


def test_the_parts_of_a_set_s_authors_cost_one_training() -> None:
    one = recipes()["a4"]
    assert (one.folds_of(["cbis-ddsm"], "official"), one.folds_of(["cbis-ddsm"], "patient")) == (1, 3)
    assert full_hours(one, "resnet101", "official") < full_hours(one, "resnet101", "patient") / 2


def test_cost_by_hand() -> None:
    """Two folds of 90 + 10 and 100 tested: each trains 90 and looks at 10, four times, then looks at 100; at half the side a quarter."""
    settings = ClassifierSettings(network="vgg16", epochs=4, rows=112, cols=112)
    seconds = 2 * (4 * (90 + FORWARD * 10) + FORWARD * 100) * SECONDS["vgg16"][1] / 4
    assert training_hours(settings, 90, 2, 0.1) == pytest.approx(seconds / 2 / 3600)


def test_cost_counts_stages_members_drawn_samples_and_copies() -> None:
    common = {"network": "resnet50", "rows": 224, "cols": 224}
    one = training_hours(ClassifierSettings(**common, epochs=10), 1000, 5, 0.2)
    assert training_hours(ClassifierSettings(**common, stages="head:4:1e-3 all:6:1e-4"), 1000, 5, 0.2) == pytest.approx(one)
    assert training_hours(ClassifierSettings(**common, epochs=10, members=3), 1000, 5, 0.2) == pytest.approx(3 * one)
    assert training_hours(ClassifierSettings(**common, epochs=10, samples_an_epoch=100), 1000, 5, 0.2) < one / 4
    copied = ClassifierSettings(**common, epochs=10, copies=8, copies_policy="b-table-1")
    assert training_hours(copied, 1000, 5, 0.2) < training_hours(copied, 1000, 5, 0.2, parts_copies=True) == pytest.approx(one)


def test_shortened_costs_less_than_whole() -> None:
    for one in recipes().values():
        for network in one.networks:
            short = one.settings(network, "patient", shortened=True)
            assert recipe_hours(one, short, "patient") < 0.7 * full_hours(one, network), (one.key, network)


def test_a_network_that_was_not_measured_is_refused() -> None:
    with pytest.raises(InputError, match="the cost of 'mine' is not known; known are: efficientnet-lite0"):
        training_hours(ClassifierSettings(network="mine"), 10, 2, 0.1)


def test_hours_in_words() -> None:
    assert [told(hours) for hours in (0.001, 0.5, 1.0, 99.94, 1000)] == [
        "1 minute",
        "30 minutes",
        "1.0 hours",
        "99.9 hours",
        "1,000 hours",
    ]


# ---- lists ----


def test_the_list_has_a_row_a_recipe_and_network() -> None:
    rows = listing()
    assert [row[:3] for row in rows] == [(key, key[0].upper(), name) for key, names in NETWORKS.items() for name in names]
    assert all(len(row) == len(COLUMNS) for row in rows)
    assert rows[0][4] == "auc 0.62, accuracy 0.62"
    assert markdown().splitlines()[2].startswith("| `a1` | A | efficientnetv2-b2 | cbis-ddsm | auc 0.62, accuracy 0.62 |")
    assert headline(Reported("x", "y", {"f1": 0.5, "precision": 0.4, "recall": 0.3})) == "f1 0.50, precision 0.40"


@pytest.mark.parametrize("key", recipes())
def test_a_recipe_shown_whole_says_all_that_it_holds(key: str) -> None:
    one, text = recipe(key), whole(recipe(key))
    assert all(remark in text for remark in one.remarks)
    for part in (one.title, one.source, *one.networks, *(need.what for need in one.data), *(own.of for own in one.reported)):
        assert part in text, difflib.get_close_matches(part, text.splitlines())
    assert all(f"{name}={value}" in text for own in one.reported for name, value in own.figures.items())
    assert all(f"{name}={value}" in text for name, value in {**one.training, **one.published_training}.items())

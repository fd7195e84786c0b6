"""Recipes as calls: what each makes, that every call is one that the command takes, and what is refused before anything is made."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from breastcad.commands import load_command
from breastcad.core.errors import InputError
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.patches.methods import METHODS
from breastcad.patches.settings import settings_of
from breastcad.recipes.plan import Choice, Given, Step, checked, classes_at_hand, patch_classifier, preparation, trainings
from breastcad.recipes.recipe import SPLITS, Recipe, recipe, recipes
from breastcad.train.film_settings import FilmSettings
from breastcad.train.settings import with_values
from breastcad.train.tasks import recipe as start_settings


def given(*sets: str, kind: str = "mass") -> list[Given]:
    """Return a collection a set, each with an image and a finding of one kind."""
    return [
        Given(Path("in") / name, Collection("", [ImageRow(name, "a", label="benign")], [FindingRow(name, "a-1", "a", kind=kind)]), name)
        for name in sets
    ]


def calls(key: str, sets: tuple[str, ...], choice: Choice) -> list[Step]:
    one, collections = recipe(key), given(*sets)
    settings = checked(one, collections, choice)
    return [
        *preparation(one, collections, Path("prepared"), choice, settings),
        *trainings(one, collections, Path("prepared"), Path("run"), choice, settings),
    ]


def settings_words(step: Step) -> dict[str, str]:
    pairs = [step.words[place + 1].partition("=") for place, word in enumerate(step.words) if word == "--setting"]
    return {name: value for name, _, value in pairs}


def test_the_calls_by_patient() -> None:
    steps = calls("b", ("mini-mias",), Choice("b-convnet"))
    assert [str(step) for step in steps[:3]] == [
        "breastcad preprocess in/mini-mias --pipeline b --sheet 0 --out prepared/images/mini-mias",
        "breastcad split in/mini-mias --kind kfold --folds 5 --validation-share 0.25 --seed 1 --overwrite --out prepared/split",
        "breastcad patches prepared/images/mini-mias --method lesion-centred --setting window=224 --split prepared/split --seed 1"
        " --overwrite --out prepared/patches",
    ]
    assert [step.makes for step in steps] == [
        Path("prepared/images/mini-mias/collection.json"), Path("prepared/split/split.json"), Path("prepared/patches/patches.json"), None,
    ]  # fmt: skip
    words = steps[3].words
    assert words[:6] == ("train", "prepared/images/mini-mias", "--recipe", "classifier", "--network", "b-convnet")
    assert words[words.index("--split") + 1] == "prepared/split"
    assert "--folds" not in words


def test_a_call_can_be_typed_as_it_is_printed() -> None:
    words = ("patches", "it's $HOME; here", "--setting", "classes=normal+benign, malignant")
    assert shlex.split(str(Step(words))) == ["breastcad", *words]


def test_as_published_windows_and_their_copies_are_parted() -> None:
    steps = calls("b", ("mini-mias",), Choice("b-convnet", "published", folds="0,2", jobs=2))
    assert str(steps[3]) == (
        "breastcad split prepared/images/mini-mias --patches prepared/patches --window-copies 8 --folds 5 --allow-leaks"
        " --validation-share 0.25 --seed 1 --overwrite --out prepared/windows-split"
    )
    words = steps[4].words
    assert words[words.index("--split") + 1] == "prepared/windows-split"
    assert words[words.index("--folds") + 1] == "0,2"
    assert words[words.index("--jobs") + 1] == "2"


def test_what_differs_by_how_is_parted_lies_in_folders_of_its_own() -> None:
    made = {split: {step.makes for step in calls("a1", ("cbis-ddsm",), Choice("resnet101", split))} for split in SPLITS[:3]}
    assert made["patient"] & made["published"] == {Path("prepared/split/split.json"), None}
    assert Path("prepared/patches-published/patches.json") in made["published"]
    assert made["patient"] & made["official"] == {None}
    same = [
        {step.makes: step.words for step in calls("e3", ("mini-mias",), Choice("resnet50", split))} for split in ("patient", "published")
    ]
    shared = set(same[0]) & set(same[1]) - {None}
    assert len(shared) == 2
    assert all(same[0][place] == same[1][place] for place in shared)


def test_other_splits_and_changes() -> None:
    steps = calls(
        "e5-us", ("busi", "bus-bra"), Choice("resnet18", "leave-one-set-out", {"epochs": "3"}, {"context": "1.5"}, shortened=True)
    )
    assert [step.words[0] for step in steps] == ["split", "patches", "train"]
    assert "--kind leave-one-set-out --validation-share 0.2" in str(steps[0])
    assert settings_words(steps[1]) == {"window": "128", "context": "1.5"}
    assert settings_words(steps[2])["epochs"] == "3"
    assert settings_words(steps[2])["shortened"] == "True"
    assert "--kind official --allow-leaks" in str(calls("a1", ("cbis-ddsm",), Choice("resnet101", "official"))[0])


@pytest.mark.parametrize("one", recipes().values(), ids=list(recipes()))
def test_every_call_of_every_recipe_is_one_that_the_commands_take(one: Recipe) -> None:
    """Options are known, settings of windows and training come out as the recipe means them."""
    sets = tuple(need.set for need in one.data if need.set != "private")
    for split in SPLITS:
        for network in (*one.networks, *one.stands_in) if split == "patient" else (one.network,):
            if (split == "leave-one-set-out" and len(sets) < 2) or (split == "published" and one.films):
                continue
            collections = given(*sets, kind="calcification") + given(sets[0])
            choice = Choice(network, split, folds="0", shortened=split == "patient")
            settings = checked(one, collections, choice)
            steps = preparation(one, collections, Path("prepared"), choice, settings)
            steps += trainings(one, collections, Path("prepared"), Path("run"), choice, settings)
            for step in steps:
                command = load_command(step.words[0])
                context = command.make_context(step.words[0], [], resilient_parsing=True)
                command.make_parser(context).parse_args(list(step.words[1:]))
            patches = next(step for step in steps if step.words[0] == "patches")
            settings_of(METHODS[str(one.patches["method"])].kind, [f"{k}={v}" for k, v in settings_words(patches).items()])
            values = [*settings_words(steps[-1]).items(), ("network", network)]
            start = start_settings("whole-film" if one.films else "classifier")
            placed = {"patch_run": dict(values)["patch_run"]} if one.films else {}
            assert with_values(start, values) == replace(settings, **placed)


def test_films_come_after_the_patch_classifiers_that_they_stand_on() -> None:
    choice = Choice("vgg16", changes={"batch": "2", "patches.batch": "8", "weights": "none"}, folds="1", shortened=True)
    steps = calls("d-film-residual-relu", ("cbis-ddsm",), choice)
    assert [step.words[0] for step in steps] == ["split", "patches", "train", "train"]
    patches, films = steps[2:]
    own = "prepared/patch-run-vgg16-shortened"
    assert patches.words[-1] == own
    assert {"--patches", "--folds"} <= set(patches.words)
    assert "--patches" not in films.words
    assert films.words[1:6] == ("in/cbis-ddsm", "--recipe", "whole-film", "--network", "vgg16")
    said = settings_words(films)
    assert (said["patch_run"], said["heat_map"], said["batch"], said["rows"], said["weights"]) == (own, "kept", "2", "576", "none")
    assert settings_words(patches)["classes"] == "normal, benign mass, malignant mass"
    assert (settings_words(patches)["batch"], settings_words(patches)["weights"], settings_words(patches)["rows"]) == ("8", "none", "112")
    both = [
        patch_classifier(recipe(key), choice, checked(recipe(key), given("cbis-ddsm"), choice))
        for key in ("d-film-residual-relu", "d-film-forest")
    ]
    assert both[0] == both[1]
    calcifications = checked(recipe("d-film-forest"), given("cbis-ddsm", kind="calcification"), choice)
    assert isinstance(calcifications, FilmSettings)
    assert calcifications.patch_classes == "normal, benign calcification, malignant calcification"


def test_a_patch_run_that_is_given_is_taken_over_and_none_trains_films_at_once() -> None:
    for patch_run in ("runs/mine", "none"):
        steps = calls("d-film-vgg-relu", ("cbis-ddsm",), Choice("resnet50", changes={"patch_run": patch_run}))
        assert [step.words[0] for step in steps] == ["split", "train"]
        assert settings_words(steps[-1]).get("patch_run", "none") == patch_run


def test_the_patch_classifiers_beneath_are_those_of_the_recipe_of_patches() -> None:
    for key in (key for key, one in recipes().items() if one.films):
        for network in ("resnet50", "vgg16", "efficientnet-lite0"):
            theirs = recipe("d-patch-s10").settings(network, "patient")
            assert replace(recipe(key).patch_classifier(network, "patient"), model_id=theirs.model_id) == theirs
        assert recipe(key).patches == recipe("d-patch-s10").patches
        assert recipe(key).samples == recipe("d-patch-s10").samples


def test_classes_of_kinds_that_are_not_there_are_left_out() -> None:
    five = recipe("d-patch-s10").settings("resnet50", "patient").classes
    assert classes_at_hand(five, [one.collection for one in given("cbis-ddsm")]) == "normal, benign mass, malignant mass"
    both = given("cbis-ddsm", kind="calcification") + given("cbis-ddsm")
    assert classes_at_hand(five, [one.collection for one in both]) == five
    absent = Collection("", [ImageRow("s", "a", present=0)], [FindingRow("s", "f", "a", kind="mass")])
    assert classes_at_hand("normal+benign mass, malignant", [absent]) == "normal, malignant"


@pytest.mark.parametrize(
    ("key", "sets", "choice", "sentence"),
    [
        ("b", ("busi",), Choice("vgg19"), "recipe 'b' is for cbis-ddsm, mini-mias, and 'in/busi' is of busi"),
        ("b", ("mini-mias",), Choice("vgg16"), "recipe 'b' has no network 'vgg16'; there are: b-convnet, vgg19, .*, b-convnet-strided"),
        (
            "b",
            ("mini-mias",),
            Choice("vgg19", "mine"),
            "--split must be one of patient, published, official, leave-one-set-out, got 'mine'",
        ),
        ("d-film-forest", ("cbis-ddsm",), Choice("vgg16", "published"), "is of whole films, which cannot be parted as windows"),
        (
            "d-film-vgg-relu",
            ("cbis-ddsm",),
            Choice("vgg16", changes={"patch_run": "x", "patches.batch": "4"}),
            "--setting patches.batch is of patch classifiers that are not trained",
        ),
        ("d-film-vgg-relu", ("cbis-ddsm",), Choice("vgg16", changes={"patches.bath": "4"}), "unknown setting 'bath'"),
        ("d-film-forest", ("cbis-ddsm",), Choice("vgg16", changes={"patch_run": "none"}), "top=forest learns from the heat maps"),
        ("e5-us", ("busi",), Choice("resnet18", "leave-one-set-out"), "needs collections of two sets at least, got busi"),
        ("b", ("mini-mias",), Choice("vgg19", changes={"epochs": "none"}), "setting 'epochs' must be int"),
    ],
)
def test_what_cannot_be_run_is_refused(key: str, sets: tuple[str, ...], choice: Choice, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        checked(recipe(key), given(*sets), choice)


def test_collections_without_images_or_without_two_classes_are_refused() -> None:
    empty = Given(Path("in/x"), Collection("", [ImageRow("mini-mias", "a", present=0)]), "x")
    with pytest.raises(InputError, match="'in/x' has no image that is present"):
        checked(recipe("b"), [empty], Choice("b-convnet"))
    other = given("cbis-ddsm", kind="asymmetry")
    with pytest.raises(InputError, match="findings of no two of the classes of 'd-patch-s1'"):
        checked(recipe("d-patch-s1"), other, Choice("resnet50"))


def test_a_path_with_a_blank_is_quoted() -> None:
    assert str(Step(("split", "my films", "--out", "x"))) == "breastcad split 'my films' --out x"

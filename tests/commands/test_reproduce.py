"""``breastcad reproduce``: recipes on made-up data, as small as they get; nothing of it is a result."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

from breastcad.core.files import read_json, read_patches, read_split, write_collection
from breastcad.phantom.sets import write_set
from breastcad.read.sets import READERS
from breastcad.recipes.cost import SECONDS
from breastcad.recipes.recipe import recipe, recipes
from breastcad.recipes.runs import read_recipe_run

pytestmark = pytest.mark.train
Run = Callable[..., tuple[int, str, str]]
SMALL = ("epochs=1", "stages=", "samples_an_epoch=8", "batch=8", "rows=32", "cols=32", "weights=none")
PICTURES = {"busi": 20, "mini-mias": 24, "cbis-ddsm": 16}


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a maker of collections of made-up sets, each made once."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            folder = tmp_path_factory.mktemp("sets")
            write_set(name, folder / "set", n=PICTURES[name], seed=3, quirks=False)
            write_collection(folder / name, READERS[name].read(READERS[name].find(folder / "set")))
            made[name] = folder / name
        return made[name]

    return make


def settings(*more: str) -> list[str]:
    return [text for pair in (*SMALL, *more) for text in ("--setting", pair)]


def settings_for(key: str) -> list[str]:
    """Return the settings as small as they get, of a recipe of films those of its patch classifiers too."""
    beneath = [f"patches.{pair}" for pair in SMALL if not pair.startswith("weights")]
    return settings(*beneath, "width=8", "width_out=8", "trees=10") if recipe(key).films else settings()


def test_the_plan_is_printed_and_nothing_is_made(run: Run, collection: Callable[[str], Path], tmp_path: Path) -> None:
    code, said, told = run("reproduce", "e6-us", collection("busi"), "--out", tmp_path / "run", "--plan", "--shortened")
    assert code == 0
    assert [line.split()[1] for line in said.splitlines()] == ["split", "patches", "train", "evaluate"]
    assert "cost, by the publication's number of windows: about " in told
    assert re.search(r"at full length: about [\d.]+ hours", told)
    assert not (tmp_path / "run").exists()


def test_folds_are_trained_one_by_one_and_what_is_there_is_not_made_again(
    run: Run, collection: Callable[[str], Path], tmp_path: Path
) -> None:
    call = ["reproduce", "e6-us", collection("busi"), "--out", tmp_path / "run", "--split", "published", *settings()]
    code, said, told = run(*call, "--folds", "0")
    assert code == 0, told
    assert said.startswith("MADE-UP DATA, no result; e6-us (publication E): branet-small, windows parted as published; BUSI, 20 images")
    assert [line.split()[2] for line in said.splitlines() if line.startswith("$ ")] == ["split", "patches", "split", "train"]
    assert "folds that are left: 1, 2, 3, 4" in said
    assert "windows with a label; training all 5 folds takes about " in said
    windows = read_patches(tmp_path / "run" / "prepared" / "patches" / "patches.csv")
    assert {row.id for row in read_split(tmp_path / "run")} == {row.sample_id for row in windows}
    assert read_json(tmp_path / "run" / "recipe.json")["made_up"] is True
    assert not (tmp_path / "run" / "metrics.json").exists()

    code, said, _ = run(*call, "--folds", "0")
    assert code == 0
    assert [line.split()[2] for line in said.splitlines() if line.startswith("$ ")] == ["train"]

    code, _, told = run(*call[:-1], "weights=imagenet", "--folds", "0")
    assert code == 2
    assert "holds a reproduction with weights=none, not imagenet; name another folder with --out" in told
    code, _, told = run("reproduce", "e6-us", *call[2:5], "--prepared", tmp_path / "run" / "prepared")
    assert code == 2
    assert "holds a reproduction with split=published, not patient" in told
    other = ["--out", tmp_path / "other", "--prepared", tmp_path / "run" / "prepared", "--patch-setting", "context=2"]
    code, _, told = run("reproduce", "e5-us", call[2], *other)
    assert code == 2
    assert "patches' was made otherwise (steps.json beside it says how)" in told


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--setting", "epochs"], "--setting takes KEY=VALUE, got 'epochs'"),
        (["--patch-setting", "window"], "--patch-setting takes KEY=VALUE, got 'window'"),
        (["--setting", "weights=none", "--weights", "imagenet"], "setting 'weights' is given twice: imagenet and none"),
        (["--setting", "epoch=1"], "unknown setting 'epoch'"),
        (["--setting", "seed=2"], "--setting cannot give the seed of a reproduction; give it with --seed"),
        (["--setting", "network=vgg19"], "give it with --network"),
        (["--patch-setting", "windo=128"], "unknown setting 'windo'"),
        (["--network", "vgg19"], "recipe 'e5-us' has no network 'vgg19'; there are: resnet18, efficientnet-lite0"),
        (["--split", "leave-one-set-out"], "--split leave-one-set-out needs collections of two sets at least, got busi"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_made(
    run: Run, collection: Callable[[str], Path], tmp_path: Path, options: list[str], sentence: str
) -> None:
    code, _, told = run("reproduce", "e5-us", collection("busi"), "--out", tmp_path / "run", *options)
    assert code == 2
    assert sentence in told
    assert not (tmp_path / "run").exists()


def smoke() -> list[tuple[str, str]]:
    """Return every recipe with its cheapest network, and how its windows are parted: in turns as published and by patient."""
    split = {key: ("published", "patient")[place % 2 or bool(one.films)] for place, (key, one) in enumerate(recipes().items())}
    return [*split.items(), ("a1", "patient"), ("b", "published")]


@pytest.mark.slow
@pytest.mark.parametrize(("key", "split"), smoke())
def test_every_recipe_runs_from_pictures_to_figures(
    run: Run, collection: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, split: str
) -> None:
    """It never counts as run: the title says made up."""
    monkeypatch.setattr("breastcad.evaluate.scopes.REPEATS", 50)
    one = recipe(key)
    network = min(one.networks, key=lambda name: SECONDS[name][1] / SECONDS[name][0] ** 2)
    names = [need.set for need in one.data if need.set in PICTURES]
    name = "cbis-ddsm" if split == "published" and "cbis-ddsm" in names else names[0]
    code, said, told = run(
        "reproduce", key, collection(name), "--out", tmp_path / "run", "--split", split, "--network", network, *settings_for(key)
    )
    assert code == 0, told
    made = read_recipe_run(tmp_path / "run")
    assert (made.made.made_up, made.leaks, made.made.network) == (True, split == "published", network)
    assert made.figures
    assert any(figure.level == made.level for figure in made.figures)
    assert made.level == ("image" if one.films else "patch")
    assert read_json(tmp_path / "run" / "metrics.json")["title"].startswith("MADE-UP DATA, no result; ")
    assert run("recheck", tmp_path / "run")[0] == 0
    code, said, told = run("compare", tmp_path / "run", "--out", tmp_path / "compared")
    assert code == 0, told
    assert f"MADE-UP DATA, no result: ours, {network}" in said

"""A run of whole films on a made-up set: from patches to films, to another set, by a forest, of few women; and what is refused."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from breastcad.commands import main  # noqa: E402
from breastcad.core.errors import InputError, ReadError  # noqa: E402
from breastcad.core.files import read_json, read_predictions, read_yaml, write_collection, write_split  # noqa: E402
from breastcad.core.records import Collection, ImageRow, PatchRow, SplitRow  # noqa: E402
from breastcad.datasets.splits import kfold  # noqa: E402
from breastcad.evaluate.run_figures import figures  # noqa: E402
from breastcad.models.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from breastcad.models.whole_film import WholeFilmNetwork  # noqa: E402
from breastcad.patches.methods import METHODS  # noqa: E402
from breastcad.patches.settings import settings_of  # noqa: E402
from breastcad.patches.table import cut_patches  # noqa: E402
from breastcad.phantom.sets import write_set  # noqa: E402
from breastcad.read.sets import READERS  # noqa: E402
from breastcad.train.classifier_settings import ClassifierSettings  # noqa: E402
from breastcad.train.film_forest import THRESHOLDS, blob_features, forest_logits  # noqa: E402
from breastcad.train.film_run import check, completed, of_some_women, start_of, woman_of  # noqa: E402
from breastcad.train.film_settings import FilmSettings  # noqa: E402
from breastcad.train.film_task import FilmTask, Start, make_film_network  # noqa: E402
from breastcad.train.loop import train_network  # noqa: E402
from breastcad.train.run import check_network, train_run  # noqa: E402
from breastcad.train.run_folder import Run, bind, open_run  # noqa: E402
from breastcad.train.settings import with_values  # noqa: E402
from breastcad.train.tasks import from_dict, recipe  # noqa: E402
from breastcad.train.trained import trained, trained_fold  # noqa: E402
from breastcad.train.windows import WHOLE, Window  # noqa: E402

pytestmark = pytest.mark.train
CPU = torch.device("cpu")
PATCHES = ClassifierSettings(
    network="branet-small", weights="none", modality="MG", rows=32, cols=32, batch=8, epochs=1, warm_up=0.0, seed=4,
    classes="normal, benign mass, malignant mass",
)  # fmt: skip
FILMS = FilmSettings(
    weights="none", rows=64, cols=48, batch=4, epochs=1, warm_up=0.0, classes="benign, malignant", width=8, width_out=12, dense=6,
    trees=20, patch_rows=32, patch_cols=32, network="branet-small", average_decay=0.0,
)  # fmt: skip


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def quiet(*_: object) -> None:
    """Report nothing."""


def begin(folder: Path, settings: ClassifierSettings, split: list[SplitRow], progress: Any = quiet) -> Run:
    return open_run(folder, settings, split, {}, device=CPU, progress=progress)


def weights(folder: Path, name: str = "last") -> dict[str, Any]:
    return load_checkpoint(folder / f"{name}.safetensors")[0]


# ---- tasks on films made here ----


def film(number: int, target: int, woman: str = "") -> Window:
    """Return a noisy film; malignant ones have a bright square somewhere."""
    numbers = np.random.default_rng(number)
    pixels = numbers.integers(0, 120, (64, 48)).astype(np.uint8)
    if target:
        row, col = numbers.integers(2, 46), numbers.integers(2, 30)
        pixels[row : row + 14, col : col + 14] += 120
    name = f"i{number}"
    label = ("benign", "malignant")[target]
    image = ImageRow("made", name, label=label, patient_id=woman or f"p{number}", laterality="L")
    return Window(PatchRow(name, WHOLE, "made", name, None, 0, 0, 64, 48, label=label), image, f"g{name}", target, "mass", 0, pixels)


@pytest.fixture
def films() -> list[Window]:
    return [film(number, number % 2) for number in range(8)]


STAGED = replace(FILMS, stages="head:1:1e-3:1e-2 top:1:1e-3 all:1:1e-3:1e-4", weight_decay=0.5, heat_map="kept", batch=4)


def test_the_same_seed_gives_the_same_network_and_another_another(films: list[Window], tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        task = FilmTask(films, films, replace(STAGED, seed=seed, policy="d"), (0, 0), None)
        train_network(task, tmp_path / name, device=CPU, report=quiet, progress=quiet)
    found = {name: weights(tmp_path / name) for name in "abc"}
    assert all(torch.equal(found["a"][key], found["b"][key]) for key in found["a"])
    assert any(not torch.equal(found["a"][key], found["c"][key]) for key in found["a"])


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_stopped_and_continued_is_as_never_stopped(films: list[Window], tmp_path: Path, stop: int) -> None:
    settings = replace(STAGED, checkpointing=True)
    train_network(FilmTask(films, films, settings, (0, 0), None), tmp_path / "whole", device=CPU, report=quiet, progress=quiet)
    steps = 0

    def kill(said: str, done: int, total: int) -> None:
        nonlocal steps
        steps += "epoch" in said
        if steps > stop:
            raise Killed

    with pytest.raises(Killed):
        train_network(FilmTask(films, films, settings, (0, 0), None), tmp_path / "parted", device=CPU, report=quiet, progress=kill)
    train_network(FilmTask(films, films, settings, (0, 0), None), tmp_path / "parted", device=CPU, report=quiet, progress=quiet)
    whole, parted = weights(tmp_path / "whole"), weights(tmp_path / "parted")
    assert whole.keys() == parted.keys()
    assert all(torch.equal(whole[key], parted[key]) for key in whole)


def test_each_stage_has_its_weight_decay_and_lets_its_part_learn(films: list[Window]) -> None:
    task = FilmTask(films, films, STAGED, (0, 0), None)
    network = task.make_network()
    optimiser = task.make_optimiser(network)
    for epoch, (decay, learns) in enumerate([(1e-2, ["head"]), (0.5, ["head", "top"]), (1e-4, ["head", "top", "all"])]):
        assert task.begin(network, epoch) == (epoch > 0)
        assert [group["weight_decay"] for group in optimiser.param_groups] == [decay]
        assert [part for part, own in network.parts().items() if all(one.requires_grad for one in own)] == learns
        assert task.rate(epoch * task.steps) == pytest.approx(1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("top", "heat_map"), [("residual", "dropped"), ("vgg", "kept"), ("max-dense", "kept")])
def test_eight_films_are_learnt_by_heart(films: list[Window], tmp_path: Path, top: str, heat_map: str) -> None:
    settings = replace(FILMS, top=top, heat_map=heat_map, activation="none", epochs=30, patience=30, rate=3e-3, dropout=0.0, width=32)
    settings = replace(settings, samples_an_epoch=32)
    task = FilmTask(films, films, settings, (0, 0), None)
    said: list[dict[str, Any]] = []
    train_network(task, tmp_path, device=CPU, report=said.append, progress=quiet)
    assert max(row["auc"] for row in said if row["part"] == "validation") == 1
    assert min(row["loss"] for row in said if row["part"] == "train") < 0.1


def test_a_network_starts_from_a_patch_classifiers_weights() -> None:
    other = make_film_network(replace(FILMS, seed=9))
    patch = {name.removeprefix("patch."): one for name, one in other.state_dict().items() if name.startswith("patch.")}
    found = make_film_network(FILMS, start=Start(patch, of_films=False)).state_dict()
    assert all(torch.equal(found[f"patch.{name}"], one) for name, one in patch.items())
    assert not torch.equal(found["top.0.residual.0.weight"], other.state_dict()["top.0.residual.0.weight"])
    whole = make_film_network(FILMS, start=Start(other.state_dict(), of_films=True)).state_dict()
    assert all(torch.equal(whole[name], one) for name, one in other.state_dict().items())
    with pytest.raises(InputError, match="a fold starts from a network of another build than its run's settings name"):
        make_film_network(FILMS, start=Start({}, of_films=False))


# ---- few women ----


def test_so_many_women_are_drawn_whole_in_the_shares_of_their_labels() -> None:
    """Twelve women of two films each, a third of them with a malignant one; of nine every third has, and more are fewer and others."""
    some = [film(2 * number + one, int(number % 3 == 0 and one == 1), woman=f"w{number}") for number in range(12) for one in (0, 1)]
    drawn = {count: of_some_women(some, replace(FILMS, women=count), (0, 0)) for count in (3, 6, 9, 12)}
    women = {count: {woman_of(one) for one in own} for count, own in drawn.items()}
    for count, own in drawn.items():
        assert len(women[count]) == count
        assert len(own) == 2 * count
        assert sum(one.target for one in own) == count // 3
    assert women[3] < women[6] < women[9] < women[12]
    assert of_some_women(some, FILMS, (0, 0)) == some
    assert {woman_of(one) for one in of_some_women(some, replace(FILMS, women=6, seed=2), (0, 0))} != women[6]
    with pytest.raises(InputError, match="setting 'women' is 13, and fold 0 trains on 12; give no more, or 0 for all"):
        of_some_women(some, replace(FILMS, women=13), (0, 0))


# ---- blobs ----


def test_features_of_blobs_by_hand() -> None:
    """A square of 2 x 2 at .6 and a place at .95: above .3 and .5 two blobs, the square the largest; above .7 and .9 the place alone."""
    heat = np.zeros((2, 6, 6), np.float32)
    heat[1, 1:3, 1:3], heat[1, 4, 4] = 0.6, 0.95
    found = blob_features(heat)
    assert found.shape == (2 + 8 * len(THRESHOLDS),)
    assert found[:2] == pytest.approx([0.95, (4 * 0.6 + 0.95) / 36])
    square, place = found[2:10], found[2 + 16 : 2 + 24]
    assert square[[0, 1, 2, 6, 7]] == pytest.approx([2, 5, 4, 0.6, 0.6])
    assert place[[0, 1, 2, 6, 7]] == pytest.approx([1, 1, 1, 0.95, 0.95])
    assert not blob_features(np.zeros((3, 4, 4), np.float32)).any()


def test_a_forests_logits_are_its_probability() -> None:
    numbers = np.random.default_rng(0)
    values, targets = numbers.random((40, 3)), np.repeat([0, 1], 20)
    values[targets == 1, 0] += 1
    logits, none = forest_logits((values, targets), [np.array([[0.0, 0.5, 0.5], [2.0, 0.5, 0.5]]), np.zeros((0, 3))], FILMS, 0)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert shares[0, 1] < 0.3
    assert shares[1, 1] > 0.7
    assert none.shape == (0, 2)


# ---- settings ----


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"patch_run": "a", "start_run": "b"}, "'patch_run' and 'start_run' are both given"),
        ({"copies": 2, "copies_policy": "d"}, "'copies' must be 1 for whole films"),
        ({"top": "forest"}, "top=forest learns from the heat maps of trained patch classifiers"),
        ({"patch_classes": "benign"}, "of the patch classifier .*'classes' must name two classes"),
        ({"top": "tree"}, "'top' must be one of residual, vgg, max-dense, forest, got 'tree'"),
        ({"blocks": 0}, "'blocks' must be at least 1, got 0"),
    ],
)
def test_settings_that_no_training_can_use(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        with_values(FilmSettings(), list(change.items()))


def test_the_recipe_and_what_a_run_folder_keeps(tmp_path: Path) -> None:
    found = recipe("whole-film")
    assert isinstance(found, FilmSettings)
    assert [(stage.part, stage.decay) for stage in found.training_stages()] == [("head", 1e-3), ("all", 1e-2)]
    assert completed(found).network == "efficientnet-lite0"
    placed = replace(FILMS, patch_run=str(tmp_path / "patches"), weights=str(tmp_path / "mine.safetensors"))
    assert (placed.kept().patch_run, placed.kept().weights, placed.kept().start_run) == ("patches", "mine.safetensors", "none")
    assert placed.kept().kept() == placed.kept()
    with pytest.raises(InputError, match="films of 20 x 48 are smaller than the patches of 32 x 32"):
        check_network(replace(FILMS, rows=20))
    with pytest.raises(InputError, match="films of 64 x 31 are smaller than the patches of 32 x 32"):
        check_network(replace(FILMS, cols=31, top="forest", patch_run="patches"))


def test_a_run_is_bound_to_the_content_of_what_it_starts_from_and_not_to_its_name(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name / "patches").mkdir(parents=True)
        (tmp_path / name / "patches" / "settings.yaml").write_text("task: classifier\n")
        (tmp_path / name / "patches" / "split.csv").write_text(name)
        (tmp_path / name / "mine.safetensors").write_text(name)
    for setting, named in (("patch_run", "patches"), ("start_run", "patches"), ("weights", "mine.safetensors")):
        (tmp_path / setting).mkdir()
        first, other = (Run(tmp_path / setting, replace(FILMS, **{setting: str(tmp_path / one / named)}), [], CPU, quiet) for one in "ab")
        bind(first, "images")
        bind(first, "images")
        assert str(tmp_path) not in (tmp_path / setting / "images.json").read_text()
        with pytest.raises(InputError, match="started from other weights, or from a run with other settings or another split"):
            bind(other, "images")
        (tmp_path / setting / "images.json").write_text('{"sha256": "images"}')  # as runs were before
        bind(other, "images")


# ---- runs ----


class Made:
    """A made-up set, its split of two folds, windows of it, and a run of patch classifiers on them."""

    def __init__(self, name: str, folder: Path, *, count: int, seed: int) -> None:
        write_set(name, folder / "set", n=count, seed=seed, quirks=False)
        self.collection: Collection = READERS[name].read(READERS[name].find(folder / "set"))
        self.groups = {(row.set, row.image_id): row.patient_id or row.image_id for row in self.collection.images}
        self.split = kfold(self.collection.images, self.groups, folds=2, seed=1, validation_share=0.4)


@pytest.fixture(scope="module")
def cbis(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made("cbis-ddsm", tmp_path_factory.mktemp("cbis"), count=16, seed=3)


@pytest.fixture(scope="module")
def mias(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made("mini-mias", tmp_path_factory.mktemp("mias"), count=40, seed=3)


@pytest.fixture(scope="module")
def patch_run(cbis: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "patches"
    settings = settings_of(METHODS["region-based"].kind, ["window=64", "resize=256x192", "number=2", "background=2"])
    windows = cut_patches(cbis.collection, "region-based", settings, seed=0).rows
    train_run(begin(folder, PATCHES, cbis.split), [cbis.collection], patches=windows)
    return folder


def trained_films(folder: Path, made: Made, settings: FilmSettings, **more: Any) -> Run:
    settings = completed(settings)  # type: ignore[assignment]
    run = begin(folder, settings, made.split)
    train_run(run, [made.collection], **more)
    return run


@pytest.fixture(scope="module")
def film_run(cbis: Made, patch_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "films"
    settings = replace(FILMS, network="", patch_run=str(patch_run), heat_map="kept", stages="head:1:1e-3 all:1:1e-4")
    trained_films(folder, cbis, settings)
    return folder


def test_from_patches_to_films(cbis: Made, patch_run: Path, film_run: Path) -> None:
    rows = read_predictions(film_run / "predictions.csv")
    assert {row.level for row in rows} == {"image", "breast", "patient"}
    tested = {row.id for row in rows if (row.level, row.part) == ("image", "test")}
    assert tested == {image.image_id for image in cbis.collection.images if image.present and image.label in ("benign", "malignant")}
    kept = read_yaml(film_run / "settings.yaml")
    assert (kept["task"], kept["patch_run"], kept["network"], kept["patch_classes"]) == ("film", "patches", "branet-small", PATCHES.classes)
    assert str(film_run.parent) not in "".join(path.read_text() for path in film_run.rglob("*.[yj][as][mo][ln]"))
    for fold in (0, 1):
        start = read_json(film_run / "checkpoints" / f"repeat0-fold{fold}" / "start.json")
        own = trained_fold(patch_run, (0, fold))
        assert start == {"run": "patches", "fold": f"repeat0-fold{fold}", "sha256": own.digest(), "learnt_before": []}
    assert any(figure.name == "auc malignant against benign" and figure.level == "image" for figure in figures(film_run))
    network = trained(film_run / "checkpoints" / "repeat0-fold0").network()
    assert isinstance(network, WholeFilmNetwork)
    assert network(torch.zeros(1, 1, 64, 48)).shape == (1, 2)


def test_in_the_first_stage_the_patch_classifier_stays_what_it_was(cbis: Made, patch_run: Path, tmp_path: Path) -> None:
    settings = replace(FILMS, network="", patch_run=str(patch_run), stages="head:2:1e-2", heat_map="kept")
    run = trained_films(tmp_path / "run", cbis, settings, outer=[1])
    before = weights(patch_run / "checkpoints" / "repeat0-fold1", "best")
    after = weights(run.folder / "checkpoints" / "repeat0-fold1", "best")
    assert all(torch.equal(after[f"patch.{name}"], one) for name, one in before.items())
    again = begin(run.folder, replace(run.settings), cbis.split)
    train_run(again, [cbis.collection], outer=[1])  # done: nothing to do
    moved = patch_run.parent / "elsewhere" / "patches"
    shutil.copytree(patch_run, moved)
    changed = moved / "checkpoints" / "repeat0-fold0"
    tensors = weights(changed, "best")
    other = begin(run.folder, replace(run.settings, patch_run=str(moved)), cbis.split)  # the same run at another place goes on
    (run.folder / "checkpoints" / "repeat0-fold0").mkdir(parents=True)
    shutil.copy(run.folder / "checkpoints" / "repeat0-fold1" / "start.json", run.folder / "checkpoints" / "repeat0-fold0" / "start.json")
    save_checkpoint(changed / "best.safetensors", {name: one + 1 for name, one in tensors.items()}, {})
    with pytest.raises(InputError, match=r"fold 0 of '.*' began with other weights of the run 'patches' than that has now"):
        train_run(other, [cbis.collection], outer=[0])


def test_a_patch_run_that_knows_who_is_tested_is_refused(cbis: Made, patch_run: Path, tmp_path: Path) -> None:
    other = [replace(row, outer=1 - row.outer) for row in cbis.split]
    settings = completed(replace(FILMS, network="", patch_run=str(patch_run)))
    assert check([cbis.collection], cbis.split, settings, None, None)
    with pytest.raises(InputError, match="repeat0-fold0 of the run 'patches', which fold 0 starts from, has learnt from images of women"):
        check([cbis.collection], other, settings, [0], None)
    # nothing is shared but a woman: her other film was learnt from
    by_woman: dict[str | None, list[ImageRow]] = {}
    for image in cbis.collection.images:
        by_woman.setdefault(image.patient_id, []).append(image)
    learnt = {one[1] for one in trained_fold(patch_run, (0, 0)).learnt()}
    woman = next(own for own in by_woman.values() if own[0].image_id in learnt)
    renamed = replace(woman[0], image_id="new-film")
    collection = replace(cbis.collection, images=[*cbis.collection.images, renamed])
    rows = [row for row in cbis.split if row.outer == 0]
    tested = replace(next(row for row in rows if row.part == "test"), id="new-film", group="new-group")
    with pytest.raises(InputError, match="first: 'new-film' of 'cbis-ddsm'"):
        check([collection], [*rows, tested], settings, [0], None)
    unfinished = tmp_path / "patches"
    shutil.copytree(patch_run, unfinished)
    (unfinished / "checkpoints" / "repeat0-fold1" / "fold.json").unlink()
    with pytest.raises(InputError, match="fold 1 of the run 'patches' is not trained to its end; train it first"):
        check([cbis.collection], cbis.split, replace(settings, patch_run=str(unfinished)), None, None)
    with pytest.raises(InputError, match="whole films are trained without windows; leave --patches out"):
        check([cbis.collection], cbis.split, settings, None, [])


def test_runs_that_cannot_be_started_from(patch_run: Path, film_run: Path, tmp_path: Path) -> None:
    for change, sentence in (
        ({"patch_run": str(film_run)}, "'patch_run' must name a run of classifiers of windows, and 'films' is none"),
        ({"start_run": str(patch_run)}, "'start_run' must name a run of classifiers of whole films, and 'patches' is none"),
        ({"patch_run": str(patch_run), "network": "c-table-1"}, "'patches' is of the network 'branet-small', not 'c-table-1'"),
        ({"start_run": str(film_run), "classes": "normal, benign, malignant"}, "'films' tells apart 'benign, malignant'"),
    ):
        with pytest.raises(InputError, match=sentence):
            completed(replace(FILMS, **{"network": "", **change}))
    with pytest.raises(ReadError, match="is no run folder"):
        completed(replace(FILMS, network="", patch_run=str(tmp_path)))


@pytest.mark.slow
def test_a_forest_on_heat_maps(cbis: Made, patch_run: Path, tmp_path: Path) -> None:
    settings = replace(FILMS, network="", patch_run=str(patch_run), top="forest", members=2)
    for name in "ab":
        trained_films(tmp_path / name, cbis, settings)
    rows = [read_predictions(tmp_path / name / "predictions.csv") for name in "ab"]
    assert rows[0] == rows[1]
    assert {row.level for row in rows[0]} == {"image", "breast", "patient"}
    assert len({row.probability["malignant"] for row in rows[0] if row.level == "image"}) > 2
    assert any(figure.level == "image" for figure in figures(tmp_path / "a"))


@pytest.mark.slow
def test_to_another_set_with_labels_of_images_only(cbis: Made, mias: Made, film_run: Path, tmp_path: Path) -> None:
    settings = replace(FILMS, network="", start_run=str(film_run), start_fold=1, classes="normal+benign, malignant", women=6)
    run = trained_films(tmp_path / "run", mias, settings)
    rows = read_predictions(run.folder / "predictions.csv")
    assert {row.set for row in rows} == {"mini-mias"}
    for fold in (0, 1):
        folder = run.folder / "checkpoints" / f"repeat0-fold{fold}"
        assert read_json(folder / "start.json")["fold"] == "repeat0-fold1"
        assert read_json(folder / "fold.json")["women"] == 6
        known = trained(folder).learnt()
        assert {one[0] for one in known} == {"mini-mias", "cbis-ddsm"}
        assert known >= trained(film_run / "checkpoints" / "repeat0-fold1").learnt()
    back = completed(replace(FILMS, network="", start_run=str(run.folder)))
    with pytest.raises(InputError, match="has learnt from images of women that are to be tested"):
        check([cbis.collection], cbis.split, back, None, None)


def test_the_whole_film_at_once(cbis: Made, tmp_path: Path) -> None:
    run = trained_films(tmp_path / "run", cbis, replace(FILMS, normalisation="z-score"), outer=[0])
    folder = run.folder / "checkpoints" / "repeat0-fold0"
    assert not (folder / "start.json").exists()
    assert read_json(folder / "fold.json")["normalisation"]["kind"] == "z-score"
    assert start_of(run.settings, (0, 0)) is None  # type: ignore[arg-type]
    assert from_dict(read_yaml(run.folder / "settings.yaml")) == run.settings


def test_the_command_trains_films_on_patches(cbis: Made, patch_run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_collection(tmp_path / "collection", cbis.collection)
    write_split(tmp_path / "split", cbis.split, {})
    small = ("patch_run=" + str(patch_run), "rows=64", "cols=48", "stages=head:1:1e-3", "width=8", "width_out=8", "batch=4")
    words = [text for pair in small for text in ("--setting", pair)]
    call: tuple[object, ...] = (
        "train",
        tmp_path / "collection",
        "--split",
        tmp_path / "split",
        "--recipe",
        "whole-film",
        "--out",
        tmp_path / "run",
    )
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in (*call, *words, "--folds", "0")])
    assert not stop.value.code
    assert "folds that are left: 1" in capsys.readouterr().out
    with open(tmp_path / "run" / "log.csv", newline="") as stream:
        assert Counter(row["part"] for row in csv.DictReader(stream)) == {"train": 1, "validation": 1}

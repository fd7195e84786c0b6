"""The search for settings: on inner folds only, stopped and continued, refused where it cannot be; a trial that fails is the worst."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from breastcad.core.errors import InputError  # noqa: E402
from breastcad.core.records import Collection, PatchRow, SplitRow  # noqa: E402
from breastcad.datasets.duplicates import joint_groups  # noqa: E402
from breastcad.datasets.splits import nested  # noqa: E402
from breastcad.models.checkpoint import save_checkpoint  # noqa: E402
from breastcad.patches.methods import METHODS  # noqa: E402
from breastcad.patches.settings import settings_of  # noqa: E402
from breastcad.patches.table import cut_patches  # noqa: E402
from breastcad.phantom.sets import write_set  # noqa: E402
from breastcad.read.sets import READERS  # noqa: E402
from breastcad.train import classifier_run  # noqa: E402
from breastcad.train import search as search_module  # noqa: E402
from breastcad.train.classical_settings import ClassicalSettings  # noqa: E402
from breastcad.train.classifier_settings import ClassifierSettings  # noqa: E402
from breastcad.train.classifier_task import make_network  # noqa: E402
from breastcad.train.film_settings import FilmSettings  # noqa: E402
from breastcad.train.lesion_settings import LesionSettings  # noqa: E402
from breastcad.train.run import check_network, train_run  # noqa: E402
from breastcad.train.run_folder import Run, open_run  # noqa: E402
from breastcad.train.search import Search, bind_search  # noqa: E402

pytestmark = pytest.mark.train
CPU = torch.device("cpu")
SMALL = ClassifierSettings(
    network="c-table-1", weights="none", rows=50, cols=50, batch=4, epochs=1, warm_up=0.0, channels=3, classes="benign, malignant"
)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def quiet(*_: object) -> None:
    """Report nothing."""


def begin(folder: Path, settings: ClassifierSettings, split: list[SplitRow], progress: object = quiet) -> Run:
    return open_run(folder, settings, split, {}, device=CPU, progress=progress)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    folder = tmp_path_factory.mktemp("made-up")
    write_set("busi", folder / "set", n=24, seed=3, quirks=False)
    return READERS["busi"].read(folder / "set")


@pytest.fixture(scope="module")
def patches(collection: Collection) -> list[PatchRow]:
    return cut_patches(collection, "roi", settings_of(METHODS["roi"].kind, ["window=64"]), seed=0).rows


@pytest.fixture(scope="module")
def split(collection: Collection) -> list[SplitRow]:
    return nested(collection.images, joint_groups([collection]), folds=2, inner_folds=2, seed=1, validation_share=0.4)


def test_the_search_looks_at_inner_folds_only_and_goes_on_where_it_was_stopped(
    collection: Collection, patches: list[PatchRow], split: list[SplitRow], tmp_path: Path
) -> None:
    search = Search((("rate", "1e-4..1e-2"), ("batch", "2,4")), 2)
    search.check(SMALL)
    whole = begin(tmp_path / "whole", SMALL, split)
    train_run(whole, [collection], [0], patches=patches, search=search)

    def kill(text: str, done: int, total: int) -> None:
        if (tmp_path / "parts" / "search.csv").is_file():  # one of two was tried
            raise Killed

    with pytest.raises(Killed):
        train_run(begin(tmp_path / "parts", SMALL, split, kill), [collection], [0], patches=patches, search=search)
    (tmp_path / "parts" / "search.csv").unlink()  # a kill between telling the study and keeping the row
    train_run(begin(tmp_path / "parts", SMALL, split), [collection], [0], patches=patches, search=search)

    def tried(name: str) -> list[list[str]]:
        with open(tmp_path / name / "search.csv", encoding="utf-8") as stream:
            return [row[:-1] for row in csv.reader(stream)]

    assert tried("whole") == tried("parts")
    assert not list(tmp_path.glob("*/search/**/*.safetensors"))  # of trials that are done
    assert len(tried("whole")) == 3
    with pytest.raises(InputError, match="another --search or --trials"):
        train_run(begin(tmp_path / "whole", SMALL, split), [collection], patches=patches, search=replace(search, trials=3))
    plain = begin(tmp_path / "plain", SMALL, [row for row in split if not row.inner])
    with pytest.raises(InputError, match="no inner folds to choose settings on; make them with breastcad split --kind nested"):
        train_run(plain, [collection], [0], patches=patches, search=search)


@pytest.mark.parametrize(
    ("space", "trials", "words"),
    [
        ((("rate", "1e-3"),), 2, "KEY=LOW..HIGH or KEY=A,B,C"),
        ((("rate", "1e-5..1e-2"), ("rate", "1e-4,1e-3")), 2, "--search names 'rate' twice"),
        ((("speed", "1..2"),), 2, "unknown setting 'speed'"),
        ((("batch", "0..4"),), 2, "'batch' must be at least 1"),
        ((("rate", "1e-4..1e-2"),), 0, "--trials must be at least 1"),
        ((("rate", "1e-2..1e-4"),), 2, "the lower end first, got 'rate=1e-2..1e-4'"),
        ((("network", "c-table-1..resnet18"),), 2, "takes ranges of numbers"),
        ((("rows", "50,64"),), 2, "cannot choose 'rows'"),
        ((("classes", "benign,malignant"),), 2, "cannot choose 'classes'"),
        ((("model_folds", "1,2"),), 2, "or changes no score"),
        ((("weights", "/a/mine.pt,/b/mine.pt"),), 2, "files under names that differ"),
    ],
)
def test_a_search_that_cannot_be_is_refused(space: tuple[tuple[str, str], ...], trials: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Search(space, trials).check(SMALL)


def test_a_search_is_refused_for_what_stages_give_and_for_a_network_that_there_is_not() -> None:
    with pytest.raises(InputError, match="the setting 'stages' gives it for each stage"):
        Search((("rate", "1e-4..1e-2"),), 2).check(replace(SMALL, stages="head:1:1e-3 all:2:1e-4"))
    with pytest.raises(InputError, match="unknown classifier 'resnet81'"):
        check_network(SMALL, Search((("network", "c-table-1,resnet81"),), 2))
    with pytest.raises(InputError, match="'network' of lesion networks: the model file holds those of several folds"):
        Search((("network", "unet-resnet18,pyramid-resnet18"),), 2).check(LesionSettings())
    with pytest.raises(InputError, match="traditional CAD chooses its parameters with --setting search=inner"):
        Search((("seed", "1,2"),), 2).check(ClassicalSettings())


def test_a_search_among_files_of_weights_keeps_their_names_and_no_places(
    collection: Collection, patches: list[PatchRow], split: list[SplitRow], tmp_path: Path
) -> None:
    places = [str(tmp_path / "mine" / f"{name}.safetensors") for name in "ab"]
    for number, place in enumerate(places):
        save_checkpoint(Path(place), make_network(replace(SMALL, seed=number)).backbone.state_dict(), {})
    run = begin(tmp_path / "run", SMALL, split)
    train_run(run, [collection], [0], patches=patches, search=Search((("weights", ",".join(places)),), 2))
    kept = [path.read_text() for path in (tmp_path / "run").rglob("*") if path.suffix in (".json", ".csv", ".yaml", ".log")]
    assert any("a.safetensors" in text for text in kept)
    assert not any(str(tmp_path) in text for text in kept)


@pytest.mark.parametrize("name", ["patch_run", "start_run", "start_fold"])
def test_what_whole_films_start_from_is_not_searched_for_since_it_may_know_who_is_tested(name: str) -> None:
    with pytest.raises(InputError, match=f"cannot choose '{name}'"):
        Search(((name, "1,2"),), 2).check(FilmSettings())


@pytest.mark.parametrize("name", ["patch_run", "start_run"])
def test_a_search_is_refused_where_films_start_from_a_run_that_knows_who_validates(name: str) -> None:
    search = Search((("rate", "1e-4..1e-2"),), 2)
    search.check(FilmSettings())
    with pytest.raises(InputError, match="has learnt from women that inner folds validate on"):
        search.check(replace(FilmSettings(), **{name: "runs/other"}))


def test_a_network_and_a_head_that_do_not_go_together_are_refused_before_a_search() -> None:
    search = Search((("network", "c-table-1,resnet18"), ("head", "pool,pool-hidden")), 2)
    assert len(search.networks(SMALL)) == 4
    with pytest.raises(InputError, match="head"):
        check_network(SMALL, search)


def test_a_trial_that_does_not_fit_into_memory_is_the_worst_and_the_search_goes_on(
    collection: Collection,
    patches: list[PatchRow],
    split: list[SplitRow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train = search_module.train_network

    def train_some(task: Any, *args: Any, **more: Any) -> Any:
        if task.settings.batch == 4:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")
        return train(task, *args, **more)

    monkeypatch.setattr(search_module, "train_network", train_some)
    said: list[str] = []
    run = begin(tmp_path / "run", replace(SMALL, epochs=1), split)
    run.tell = said.append
    train_run(run, [collection], [0], patches=patches, search=Search((("batch", "2,4"),), 4))
    scores = {row["batch"]: row["score"] for row in csv.DictReader((tmp_path / "run" / "search.csv").read_text().splitlines())}
    assert said[0].startswith("fold 0, trial 1 of 4: batch=") or "counts as worst" in said[0]
    assert sum(" of 4: batch=" in one and one.endswith(" on its inner folds") for one in said) == 4
    assert scores["4"] == "-inf"
    assert float(scores["2"]) > 0
    assert any("of the search counts as worst: memory ran out with a batch of 4 at 50 x 50" in one for one in said)
    assert not list((tmp_path / "run" / "search").rglob("*.safetensors"))


def test_who_validates_outside_has_copies_where_an_inner_fold_trains_on_them(
    collection: Collection, patches: list[PatchRow], split: list[SplitRow], tmp_path: Path
) -> None:
    run = begin(tmp_path / "run", replace(SMALL, copies=2, copies_policy="a"), split)
    copied = {row.id for row in split if row.inner and row.part == "train"}
    outside = {row.id for row in split if not row.inner and row.part == "train" and row.outer == 0}
    bind_search(run.folder, Search((("rate", "1e-4..1e-2"),), 1), begun=False)
    windows, _ = classifier_run.load(run, [collection], patches, None)
    found = {one.row.image_id for one in windows if one.copy}
    assert found == copied & {row.image_id for row in patches}
    assert copied - outside

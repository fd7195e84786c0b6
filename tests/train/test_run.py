"""From a made-up set to a run folder and a model file; killed and called again, the run ends the same."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from filelock import FileLock  # noqa: E402
from PIL import Image  # noqa: E402

import breastcad  # noqa: E402
from breastcad.core.errors import InputError  # noqa: E402
from breastcad.core.files import (  # noqa: E402
    read_collection,
    read_json,
    read_lesions,
    read_predictions,
    read_split,
    write_collection,
    write_json,
    write_split,
)
from breastcad.core.records import Collection, PredictionRow, SplitRow  # noqa: E402
from breastcad.datasets.cache import Cache  # noqa: E402
from breastcad.datasets.duplicates import joint_groups  # noqa: E402
from breastcad.datasets.splits import across, kfold, nested  # noqa: E402
from breastcad.models.catalogue import read_metadata  # noqa: E402
from breastcad.models.checkpoint import load_checkpoint  # noqa: E402
from breastcad.phantom.sets import write_set  # noqa: E402
from breastcad.read.sets import READERS  # noqa: E402
from breastcad.train import samples as samples_module  # noqa: E402
from breastcad.train.bundle import export_run, operating_points  # noqa: E402
from breastcad.train.lesion_run import trained_networks  # noqa: E402
from breastcad.train.lesion_settings import LesionSettings  # noqa: E402
from breastcad.train.predict import predict  # noqa: E402
from breastcad.train.run import train_run  # noqa: E402
from breastcad.train.run_folder import Run, environment, open_run, undone_folds  # noqa: E402
from breastcad.train.samples import BENIGN, MALIGNANT, load_samples  # noqa: E402

pytestmark = pytest.mark.train
CPU = torch.device("cpu")


def quiet(*_: object) -> None:
    """Report nothing."""


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a made-up BUSI and its collection; return the collection's folder."""
    folder = tmp_path_factory.mktemp("made-up")
    write_set("busi", folder / "set", n=18, seed=3, quirks=False)
    write_collection(folder / "collection", READERS["busi"].read(folder / "set"))
    return folder / "collection"


@pytest.fixture
def collection(made_up: Path) -> Collection:
    return read_collection(made_up)


@pytest.fixture
def split(collection: Collection) -> list[SplitRow]:
    return kfold(collection.images, joint_groups([collection]), folds=2, seed=1, validation_share=0.4)


def test_samples_carry_masks_and_labels(collection: Collection, settings: LesionSettings) -> None:
    groups = {(row.set, row.image_id): "g" for row in collection.images}
    samples, problems = load_samples([collection], groups, "ultrasound", 64, 64, quiet)
    assert problems == []
    assert len(samples) == len(collection.images)
    for sample in samples:
        codes = set(sample.lesions.ravel().tolist()) - {0}
        assert codes == {"normal": set(), "benign": {BENIGN}, "malignant": {MALIGNANT}}[sample.row.label]


def test_unreadable_image_is_left_out_and_said(collection: Collection, tmp_path: Path) -> None:
    row = replace(collection.images[0], path="gone.png")
    broken = replace(collection, images=[row])
    samples, problems = load_samples([broken], {(row.set, row.image_id): "g"}, "ultrasound", 64, 64)
    assert samples == []
    assert len(problems) == 1
    assert row.image_id in problems[0]


SETS = {"busi": "ultrasound", "bus-bra": "ultrasound", "inbreast": "mammogram", "cbis-ddsm": "mammogram", "mini-mias": "mammogram"}


@pytest.mark.parametrize("name", SETS)
def test_every_number_is_the_same_with_and_without_a_cache(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(name, tmp_path / "set", n=4, seed=2)
    collection = READERS[name].read(tmp_path / "set")
    groups = {(row.set, row.image_id): "g" for row in collection.images if row.present}
    assert groups
    plan = SETS[name], 96, 64
    plain = load_samples([collection], groups, *plan)
    with Cache(tmp_path / "cache", limit=2**30, tell=pytest.fail) as cache:
        first = load_samples([collection], groups, *plan, cache=cache)
    for decoder in ("open_picture", "roi_mask"):
        monkeypatch.setattr(samples_module, decoder, lambda path, *_: pytest.fail(f"{path} is decoded again"))
    with Cache(tmp_path / "cache", limit=2**30, tell=pytest.fail) as cache:
        second = load_samples([collection], groups, *plan, cache=cache)
    for kept in (first, second):
        assert kept[1] == plain[1]
        for one, other in zip(plain[0], kept[0], strict=True):
            assert one.image.dtype == other.image.dtype
            assert one.image.tobytes() == other.image.tobytes()
            assert one.lesions.tobytes() == other.lesions.tobytes()
            assert (one.row, one.group, one.placed, one.box, one.findings) == (
                other.row,
                other.group,
                other.placed,
                other.box,
                other.findings,
            )


def test_a_picture_swapped_after_import_is_read_anew_and_one_of_another_size_is_left_out(tmp_path: Path) -> None:
    write_set("busi", tmp_path / "set", n=4, seed=2, quirks=False)
    collection = READERS["busi"].read(tmp_path / "set")
    groups = {(row.set, row.image_id): "g" for row in collection.images}
    with Cache(tmp_path / "cache", limit=2**30, tell=print) as cache:
        load_samples([collection], groups, "ultrasound", 64, 64, cache=cache)
    path = Path(collection.root) / str(collection.images[0].path)
    pixels = np.array(Image.open(path))
    Image.fromarray(pixels[::-1].copy()).save(path)
    with Cache(tmp_path / "cache", limit=2**30, tell=print) as cache:
        turned, problems = load_samples([collection], groups, "ultrasound", 64, 64, cache=cache)
    assert problems == []
    assert turned[0].image.tobytes() == load_samples([collection], groups, "ultrasound", 64, 64)[0][0].image.tobytes()
    Image.fromarray(pixels[5:]).save(path)
    for kept in (None, Cache(tmp_path / "cache", limit=2**30, tell=print)):
        left, problems = load_samples([collection], groups, "ultrasound", 64, 64, cache=kept)
        assert len(left) == len(turned) - 1
        height, width = pixels.shape[:2]
        said = f"({height} x {width} when its set was imported, now {height - 5} x {width}); import the set again"
        assert problems == [f"busi {collection.images[0].image_id}: is another picture {said}"]


def test_a_run_from_a_cache_is_the_same_run(
    collection: Collection, split: list[SplitRow], settings: LesionSettings, tmp_path: Path
) -> None:
    cache = Cache(tmp_path / "cache", limit=2**30, tell=pytest.fail)
    groups = {(row.set, row.image_id): "g" for row in collection.images}
    load_samples([collection], groups, settings.pipeline, settings.rows, settings.cols, cache=cache)
    tables = []
    for name, kept in (("without", None), ("with", cache)):
        run = open_run(tmp_path / name, replace(settings, epochs=1), split, {}, device=CPU, progress=quiet)
        train_run(run, [collection], [0], cache=kept)
        tables.append((tmp_path / name / "checkpoints" / "repeat0-fold0" / "predictions.csv").read_bytes())
    assert tables[0] == tables[1]


def test_image_that_no_collection_has_is_named(collection: Collection) -> None:
    with pytest.raises(InputError, match=r"the split names 1 images that are not in the collections \(first: elsewhere\)"):
        load_samples([collection], {("busi", "elsewhere"): "g"}, "ultrasound", 64, 64)


def test_run_ends_with_predictions_and_a_model(
    collection: Collection, split: list[SplitRow], settings: LesionSettings, tmp_path: Path
) -> None:
    short = replace(settings, epochs=1, normalisation="z-score", model_id="us-lesion")
    run = open_run(tmp_path / "run", short, split, {"seed": 1}, device=CPU, progress=quiet)
    assert train_run(run, [collection]) == []
    assert export_run(run) < 0.05
    rows = read_predictions(tmp_path / "run" / "predictions.csv")
    tested = [row.id for row in rows if row.part == "test"]
    assert sorted(tested) == sorted(row.image_id for row in collection.images)
    assert {row.part for row in rows} == {"validation", "test"}
    assert len(read_lesions(tmp_path / "run" / "lesions.csv")) == len(collection.findings)
    facts = read_metadata(tmp_path / "run" / "model.onnx")
    assert facts["folds"] == 2
    assert facts["id"] == "us-lesion-run"  # not to be taken for the bundled one
    assert facts["classes"] == ["normal", "benign", "malignant"]
    image = Path(collection.root) / str(collection.images[0].path)
    said = breastcad.analyze(image, model=tmp_path / "run", modality="US")
    assert said.images[0].probability is not None

    _check_normalisation(collection, run)
    before = (tmp_path / "run" / "predictions.csv").read_bytes()
    again = open_run(tmp_path / "run", short, split, {"seed": 1}, device=CPU, progress=quiet)
    train_run(again, [collection])
    assert (tmp_path / "run" / "predictions.csv").read_bytes() == before


def _check_normalisation(collection: Collection, run: Run) -> None:
    """See that each fold's statistics are those of its own training images, and stand in its networks and in the model file."""
    groups = {(row.set, row.id): row.group for row in run.split}
    samples, _ = load_samples([collection], groups, "ultrasound", run.settings.rows, run.settings.cols)
    told = read_metadata(run.folder / "model.onnx")["normalisation"]
    for fold, (networks, facts) in enumerate(trained_networks(run)):
        of = {row.id for row in run.split if row.outer == fold and row.part == "train"}
        levels = np.concatenate([sample.image.ravel() for sample in samples if sample.row.image_id in of]) / 255
        assert (told[fold]["offset"], told[fold]["divisor"]) == pytest.approx((levels.mean(), levels.std()), abs=1e-6)
        assert told[fold]["images"] == len(of) < len(samples)
        assert facts["normalisation"] == told[fold]
        scale, shift, *_ = networks[0].input_line.tolist()
        assert (scale * levels + shift).mean() == pytest.approx(0, abs=1e-5)
    assert told[0] != told[1]


def test_of_a_nested_split_the_outer_folds_are_trained(
    collection: Collection, split: list[SplitRow], settings: LesionSettings, tmp_path: Path
) -> None:
    rows = nested(collection.images, joint_groups([collection]), folds=2, inner_folds=2, seed=1, validation_share=0.4)
    for _ in ("made", "continued"):
        run = open_run(tmp_path / "run", settings, rows, {}, device=CPU, progress=quiet)
        assert run.split == split
        assert read_split(tmp_path / "run") == rows
    with pytest.raises(InputError, match="the split has no row of inner fold 0, and only outer folds are trained"):
        open_run(tmp_path / "inner", settings, [row for row in rows if row.inner], {}, device=CPU, progress=quiet)
    assert not (tmp_path / "inner").exists()


@pytest.mark.slow
def test_folds_trained_one_by_one_are_the_same_run(
    collection: Collection, split: list[SplitRow], settings: LesionSettings, tmp_path: Path
) -> None:
    short = replace(settings, epochs=1)
    whole, parts = (open_run(tmp_path / name, short, split, {}, device=CPU, progress=quiet) for name in ("whole", "parts"))
    train_run(whole, [collection])
    train_run(parts, [collection], [1])
    assert undone_folds(parts) == [0]
    assert not (parts.folder / "predictions.csv").exists()
    train_run(parts, [collection], [0])
    assert undone_folds(parts) == []
    assert (parts.folder / "predictions.csv").read_bytes() == (whole.folder / "predictions.csv").read_bytes()


@pytest.mark.slow
def test_repeats_are_told_apart_where_a_training_is_watched(
    collection: Collection, split: list[SplitRow], settings: LesionSettings, tmp_path: Path
) -> None:
    first = [row for row in split if row.outer == 1]
    said: set[str] = set()
    run = open_run(
        tmp_path, replace(settings, epochs=1), [*first, *(replace(row, repeat=1) for row in first)], {},
        device=CPU, progress=lambda text, *_: said.add(text.split(",")[0]),
    )  # fmt: skip
    train_run(run, [collection])
    assert {text for text in said if text.startswith("fold")} == {"fold 1", "fold 1 of repeat 1"}
    log = [line.split(",")[:5] for line in (tmp_path / "log.csv").read_text().splitlines()]
    assert log[0] == ["repeat", "fold", "member", "epoch", "part"]
    assert [row[:2] for row in log[1:]] == [["0", "1"]] * 2 + [["1", "1"]] * 2
    assert sorted(path.name for path in (tmp_path / "tensorboard").iterdir()) == ["fold1", "repeat1-fold1"]

    older = "fold,member,epoch,part,score\n"
    (tmp_path / "log.csv").write_text(older)
    rmtree(tmp_path / "checkpoints" / "repeat1-fold1")
    train_run(run, [collection])
    assert [line.split(",")[:4] for line in (tmp_path / "log.csv").read_text().removeprefix(older).splitlines()] == [
        ["1001", "0", "0", "train"],
        ["1001", "0", "0", "validation"],
    ]


def test_fold_that_another_command_trains_is_refused(
    collection: Collection, split: list[SplitRow], settings: LesionSettings, tmp_path: Path
) -> None:
    run = open_run(tmp_path / "run", settings, split, {}, device=CPU, progress=quiet)
    folder = tmp_path / "run" / "checkpoints" / "repeat0-fold1"
    folder.mkdir(parents=True)
    with FileLock(folder / "lock"), pytest.raises(InputError, match="another command is training fold 1 of"):
        train_run(run, [collection], [1])
    with pytest.raises(InputError, match="the split has no fold 7; its folds: 0, 1"):
        train_run(run, [collection], [7])


def test_lesions_tell_what_a_closer_look_at_their_box_says(
    collection: Collection, split: list[SplitRow], settings: LesionSettings, tmp_path: Path
) -> None:
    closer = replace(settings, epochs=1, network="closer-resnet18", abnormal_share=0.5, model_folds=1)
    run = open_run(tmp_path / "run", closer, split, {}, device=CPU, progress=quiet)
    train_run(run, [collection])
    assert export_run(run) < 0.05
    lesions = read_lesions(tmp_path / "run" / "lesions.csv")
    assert all(row.closer_malignant is not None and row.pathology in ("benign", "malignant") for row in lesions)
    facts = read_metadata(tmp_path / "run" / "model.onnx")
    assert facts["folds"] == len(facts["shift"]["abnormal"]) == 1
    assert facts["unlike"] is True
    assert facts["sets"].keys() == {"coverage", "benign", "malignant"}
    said = breastcad.analyze(Path(collection.root), model=tmp_path / "run", modality="US").images
    assert all(one.unlike is not None and one.unlike > 0 for one in said)
    assert all(one.possible is not None for one in said if not one.abstained)


@pytest.mark.slow
def test_members_of_a_fold_answer_together_in_figures_and_in_the_file(
    collection: Collection, split: list[SplitRow], settings: LesionSettings, tmp_path: Path
) -> None:
    pair = replace(settings, epochs=1, members=2, model_folds=1)
    run = open_run(tmp_path / "run", pair, split, {}, device=CPU, progress=quiet)
    train_run(run, [collection], [0])
    train_run(run, [collection])
    export_run(run)
    weights = [load_checkpoint(path)[0] for path in sorted((tmp_path / "run" / "checkpoints" / "repeat0-fold0").rglob("best.safetensors"))]
    assert len(weights) == 2
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    alone = open_run(tmp_path / "alone", replace(pair, members=1, seed=pair.seed + 1), split, {}, device=CPU, progress=quiet)
    train_run(alone, [collection], [0])
    second = load_checkpoint(tmp_path / "alone" / "checkpoints" / "repeat0-fold0" / "best.safetensors")[0]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in second.items())

    facts = read_metadata(tmp_path / "run" / "model.onnx")
    assert (facts["folds"], facts["members"], len(facts["temperature"]["malignant"])) == (1, 2, 1)
    tested = {row.id: row for row in read_predictions(tmp_path / "run" / "predictions.csv") if (row.outer, row.part) == (0, "test")}
    samples, _ = load_samples([collection], {("busi", name): "" for name in tested}, pair.pipeline, pair.rows, pair.cols)
    each = [
        {one.sample.key[1]: one.logits for one in predict(network, samples, pair, CPU, progress=quiet)}
        for network in trained_networks(run)[0][0]
    ]
    for name, row in tested.items():
        assert row.raw["malignant"] == pytest.approx((each[0][name][1] + each[1][name][1]) / 2, abs=1e-4)
    assert max(abs(each[0][name][1] - each[1][name][1]) for name in tested) > 1e-3
    for image in (row for row in collection.images if row.image_id in tested):
        said = breastcad.analyze(Path(collection.root) / str(image.path), model=tmp_path / "run", modality="US").images[0]
        assert said.probability is not None
        assert said.probability["malignant"] == pytest.approx(tested[image.image_id].probability["malignant"], abs=0.01)
        assert said.interval is not None
        assert said.interval["malignant"].method == "two networks"


def test_other_settings_or_split_are_refused(split: list[SplitRow], settings: LesionSettings, tmp_path: Path) -> None:
    open_run(tmp_path / "run", settings, split, {}, device=CPU, progress=quiet)
    with pytest.raises(InputError, match="holds a run with other settings"):
        open_run(tmp_path / "run", replace(settings, seed=9), split, {}, device=CPU, progress=quiet)
    with pytest.raises(InputError, match="holds a run with another split"):
        open_run(tmp_path / "run", settings, split[1:], {}, device=CPU, progress=quiet)
    with pytest.raises(InputError, match="is not empty and holds no run"):
        open_run(tmp_path, settings, split, {}, device=CPU, progress=quiet)


def test_a_run_that_goes_on_elsewhere_says_so_and_lists_both(
    collection: Collection, split: list[SplitRow], settings: LesionSettings, tmp_path: Path
) -> None:
    run = open_run(tmp_path, replace(settings, epochs=1), split, {}, device=CPU, progress=quiet)
    here = environment(CPU)
    write_json(tmp_path / "environment.json", here | {"device": "cuda"})  # as runs kept it when they had one alone
    said: list[str] = []
    for fold in (0, 1):
        train_run(run, [collection], [fold], tell=said.append)
    assert read_json(tmp_path / "environment.json") == [here | {"device": "cuda"}, here]
    [sentence] = said
    assert sentence.startswith("before, the run was trained with device cuda, now cpu: environment.json lists both")


def test_folder_that_was_left_before_its_settings_is_taken_up(split: list[SplitRow], settings: LesionSettings, tmp_path: Path) -> None:
    write_split(tmp_path / "run", split, {})
    open_run(tmp_path / "run", settings, split, {}, device=CPU, progress=quiet)
    assert (tmp_path / "run" / "settings.yaml").is_file()


def test_fold_without_training_images_is_named(
    collection: Collection, split: list[SplitRow], settings: LesionSettings, tmp_path: Path
) -> None:
    only_test = [row for row in split if row.part == "test"]
    run = open_run(tmp_path / "run", settings, only_test, {}, device=CPU, progress=quiet)
    with pytest.raises(InputError, match="fold 0 of the split has no image in its part 'train'"):
        train_run(run, [collection])


def test_fold_whose_training_images_cannot_be_read_is_named(
    collection: Collection, split: list[SplitRow], settings: LesionSettings, tmp_path: Path
) -> None:
    trained = {row.id for row in split if (row.outer, row.part) == (0, "train")}
    gone = replace(collection, images=[replace(row, path="gone.png") if row.image_id in trained else row for row in collection.images])
    run = open_run(tmp_path / "run", settings, split, {}, device=CPU, progress=quiet)
    with pytest.raises(InputError, match="fold 0 of the split has no image that could be read in its part 'train'"):
        train_run(run, [gone])


def test_a_run_goes_on_with_its_own_images_only(
    collection: Collection, split: list[SplitRow], settings: LesionSettings, tmp_path: Path
) -> None:
    run = open_run(tmp_path, replace(settings, epochs=1), split, {}, device=CPU, progress=quiet)
    train_run(run, [collection], [0])
    images, findings = collection.images, collection.findings
    other_label = "benign" if images[0].label != "benign" else "malignant"
    for others in (
        replace(collection, images=[replace(images[0], label=other_label), *images[1:]]),
        replace(collection, images=images[::-1]),
        replace(collection, findings=[replace(findings[0], row1=(findings[0].row1 or 0) - 1), *findings[1:]]),
    ):
        with pytest.raises(InputError, match="holds a run on other images, labels or findings, or on the same collections"):
            train_run(run, [others], [1])
    assert undone_folds(run) == [1]
    same = replace(collection, images=[replace(row, density="2", extra={"new": "word"}) for row in images])
    (tmp_path / "images.json").unlink()  # as runs were before
    for _ in ("bound", "known"):
        train_run(run, [same], [1])
    assert undone_folds(run) == []


@pytest.mark.parametrize(("made_normal", "normalisation"), [(0.0, "fixed"), (0.3, "z-score")])
def test_analysis_says_of_an_image_what_the_run_said(
    collection: Collection, settings: LesionSettings, tmp_path: Path, made_normal: float, normalisation: str
) -> None:
    """Trained without normal images, and without making any, a network takes all for abnormal, in the run and in its model file.

    What a normalisation was fitted on goes along with each fold's networks.
    """
    lesions = replace(collection, images=[row for row in collection.images if row.label != "normal"])
    split = kfold(lesions.images, joint_groups([lesions]), folds=2, seed=1, validation_share=0.4)
    strength = replace(settings.augmentation, healed=made_normal, window=0.0)
    short = replace(settings, epochs=1, model_folds=1, augmentation=strength, normalisation=normalisation)
    run = open_run(tmp_path, short, split, {}, device=CPU, progress=quiet)
    train_run(run, [lesions])
    export_run(run)
    classes = ["normal", "benign", "malignant"] if made_normal else ["benign", "malignant"]
    assert read_metadata(tmp_path / "model.onnx")["classes"] == classes
    row = next(row for row in read_predictions(tmp_path / "predictions.csv") if (row.outer, row.part) == (0, "test"))
    path = next(image.path for image in lesions.images if image.image_id == row.id)
    said = breastcad.analyze(Path(lesions.root) / str(path), model=tmp_path, modality="US").images[0].probability
    assert said is not None
    assert said["malignant"] == pytest.approx(row.probability["malignant"], abs=0.01)
    assert said["benign"] == pytest.approx(row.probability["benign"], abs=0.01)


def test_model_file_names_the_sets_that_were_trained_on(collection: Collection, settings: LesionSettings, tmp_path: Path) -> None:
    other = replace(collection, images=[replace(row, set="other") for row in collection.images], findings=[])
    images = [*collection.images, *other.images]
    groups = {(row.set, row.image_id): f"{row.set}/{row.image_id}" for row in images}
    rows, _ = across(images, groups, train_sets=["busi"], test_sets=["other"], seed=1, validation_share=0.4)
    run = open_run(tmp_path, replace(settings, epochs=1), rows, {}, device=CPU, progress=quiet)
    train_run(run, [collection, other])
    export_run(run)
    assert read_metadata(tmp_path / "model.onnx")["trained_on"] == ["busi"]


def test_no_operating_point_without_both_classes() -> None:
    assert operating_points([]) == []


def test_rates_of_the_operating_point_are_those_of_each_folds_own_threshold() -> None:
    """Fold 0 calls from 0.6 up and is right of both its tests; fold 1 calls from 0.2 up and is wrong of its benign one."""
    said = {(0, "validation"): (0.6, 0.1), (0, "test"): (0.7, 0.5), (1, "validation"): (0.2, 0.1), (1, "test"): (0.3, 0.4)}
    rows = [
        PredictionRow("s", label, None, "g", 0, outer, 0, part, level="image", label=label, probability={"malignant": score})
        for (outer, part), scores in said.items()
        for label, score in zip(("malignant", "benign"), scores, strict=True)
    ]
    [point] = operating_points(rows)
    assert point["threshold"] == pytest.approx(0.4)
    assert (point["sensitivity"], point["specificity"], point["prevalence"]) == (1.0, 0.5, 0.5)


@pytest.mark.slow
def test_killed_and_called_again_gives_the_same_weights(made_up: Path, tmp_path: Path) -> None:
    """SIGKILL in mid epoch, then the same command: bit for bit the weights of an unbroken run."""
    collection = read_collection(made_up)
    rows = kfold(collection.images, joint_groups([collection]), folds=2, seed=1, validation_share=0.4)
    write_split(tmp_path / "split", [row for row in rows if row.outer == 0], {"seed": 1})
    assert read_split(tmp_path / "split")

    def call(name: str) -> list[str]:
        changed = ("network=pyramid-resnet18", "weights=none", "rows=128", "cols=128", "batch=2", "epochs=4")
        options = [part for setting in changed for part in ("--setting", setting)]
        where = ["--split", str(tmp_path / "split"), "--out", str(tmp_path / name)]
        return [sys.executable, "-m", "breastcad", "train", str(made_up), *where, *options]

    subprocess.run(call("whole"), check=True, capture_output=True)
    broken = subprocess.Popen(call("broken"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "broken" / "checkpoints" / "repeat0-fold0" / "last.safetensors"
    deadline = time.monotonic() + 120
    while not checkpoint.is_file() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.15)  # into the next epoch
    broken.send_signal(signal.SIGKILL)
    assert broken.wait() == -signal.SIGKILL
    assert load_checkpoint(checkpoint)[1]["epoch"] < 4
    subprocess.run(call("broken"), check=True, capture_output=True)
    for name in ("last", "best"):
        path = Path("checkpoints") / "repeat0-fold0" / f"{name}.safetensors"
        whole, parts = load_checkpoint(tmp_path / "whole" / path)[0], load_checkpoint(tmp_path / "broken" / path)[0]
        assert [key for key in whole if not torch.equal(whole[key], parts[key])] == []

"""A finished run asked about mirror images: a run folder of its own that is evaluated as others are."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from breastcad.core.errors import InputError  # noqa: E402
from breastcad.core.files import read_json, read_predictions, read_split  # noqa: E402
from breastcad.core.records import Collection, SplitRow  # noqa: E402
from breastcad.datasets.duplicates import joint_groups  # noqa: E402
from breastcad.datasets.splits import kfold  # noqa: E402
from breastcad.evaluate.run_figures import figures  # noqa: E402
from breastcad.phantom.sets import write_set  # noqa: E402
from breastcad.read.sets import READERS  # noqa: E402
from breastcad.train.classifier_settings import ClassifierSettings  # noqa: E402
from breastcad.train.flips import flipped_run  # noqa: E402
from breastcad.train.lesion_run import SEEN  # noqa: E402
from breastcad.train.lesion_settings import LesionSettings  # noqa: E402
from breastcad.train.run import train_run  # noqa: E402
from breastcad.train.run_folder import folder_of, open_run  # noqa: E402
from breastcad.train.settings import Settings  # noqa: E402

pytestmark = pytest.mark.train
CPU = torch.device("cpu")
CLASSIFIER = ClassifierSettings(network="c-table-1", weights="none", rows=50, cols=50, batch=4, epochs=1, warm_up=0.0, channels=3)


def quiet(*_: object) -> None:
    """Report nothing."""


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    write_set("busi", tmp_path / "set", n=18, seed=3, quirks=False)
    return READERS["busi"].read(tmp_path / "set")


def trained_run(folder: Path, settings: Settings, collection: Collection) -> list[SplitRow]:
    split = kfold(collection.images, joint_groups([collection]), folds=2, seed=1, validation_share=0.4)
    if isinstance(settings, ClassifierSettings):
        split = [row for row in split if not row.id.startswith("normal")]
    train_run(open_run(folder, settings, split, {}, device=CPU, progress=quiet), [collection])
    return split


@pytest.mark.parametrize("kind", ["lesion", "classifier"])
def test_a_run_asked_about_mirror_images_is_a_run(kind: str, collection: Collection, settings: LesionSettings, tmp_path: Path) -> None:
    given: Settings = replace(settings, epochs=1) if kind == "lesion" else CLASSIFIER
    split = trained_run(tmp_path / "run", given, collection)
    out = tmp_path / "out"
    out.mkdir()
    assert flipped_run(tmp_path / "run", out, [collection], 2, device=CPU, progress=quiet) == []
    before, after = (read_predictions(folder / "predictions.csv") for folder in (tmp_path / "run", out))
    assert [(row.id, row.part, row.label, row.level) for row in before] == [(row.id, row.part, row.label, row.level) for row in after]
    assert any(one.raw != other.raw for one, other in zip(before, after, strict=True))
    assert read_split(out) == split
    assert (out / "settings.yaml").read_text(encoding="utf-8").endswith("flips: 2\n")
    assert {figure.name for figure in figures(out)} == {figure.name for figure in figures(tmp_path / "run")}
    assert len(read_json(out / "folds.json")) == 2
    if kind == "lesion":  # what the networks saw is kept where they are
        run = open_run(tmp_path / "run", given, split, {}, device=CPU, progress=quiet)
        assert all((folder_of(run, (0, fold)) / SEEN).is_file() for fold in (0, 1))
        assert not list(out.glob(f"**/{SEEN}"))


def test_what_has_no_network_of_images_or_is_not_done_is_refused(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'run' is no run \(it has no settings.yaml\)"):
        flipped_run(tmp_path / "run", tmp_path, [collection], 2, device=CPU, progress=quiet)
    trained_run(tmp_path / "run", CLASSIFIER, collection)
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "repeat0-fold1")
    with pytest.raises(InputError, match="fold 1 of the run 'run' is not trained to its end"):
        flipped_run(tmp_path / "run", tmp_path / "out", [collection], 2, device=CPU, progress=quiet)
    path = tmp_path / "run" / "settings.yaml"
    path.write_text("task: classical\n", encoding="utf-8")
    with pytest.raises(InputError, match="'run' is a run of the kind 'classical' without a network of images"):
        flipped_run(tmp_path / "run", tmp_path / "out", [collection], 2, device=CPU, progress=quiet)


def test_other_images_than_the_run_s_own_are_refused(collection: Collection, tmp_path: Path) -> None:
    trained_run(tmp_path / "run", CLASSIFIER, collection)
    turned = replace(
        collection, images=[replace(row, label="benign" if row.label == "malignant" else row.label) for row in collection.images]
    )
    with pytest.raises(InputError, match="the run 'run' was trained on other images, labels, findings or windows; give its own"):
        flipped_run(tmp_path / "run", tmp_path / "out", [turned], 2, device=CPU, progress=quiet)
    assert not (tmp_path / "out").exists()

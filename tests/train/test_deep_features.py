"""Features that a network makes: those of the network itself, and of none that has learnt from the images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import write_json, write_split, write_text
from breastcad.core.records import SplitRow
from breastcad.models.checkpoint import save_checkpoint
from breastcad.train.classical_settings import ClassicalSettings
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.classifier_task import make_network
from breastcad.train.deep_features import network_features
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.run import check_network
from breastcad.train.search import SEARCHED
from breastcad.train.settings import to_text

SIDE = 32
ITS = ClassifierSettings(network="branet-small", weights="none", rows=SIDE, cols=SIDE, seed=5)
WINDOWS = np.random.default_rng(0).random((20, SIDE, SIDE)).astype(np.float32)


@pytest.fixture
def fold(tmp_path: Path) -> Path:
    """Return the folder of a fold that learnt from image a, by a window, and tested on image b."""
    folder = tmp_path / "run" / "checkpoints" / "repeat0-fold1"
    save_checkpoint(folder / "best.safetensors", make_network(ITS).state_dict(), {})
    write_text(tmp_path / "run" / "settings.yaml", to_text(ITS))
    rows = [SplitRow("s", "s/a/0-0-9x9", "g", outer=1), SplitRow("s", "c", "h", outer=1, part="validation")]
    others = [SplitRow("s", "b", "i", outer=1, part="test"), SplitRow("s", "b", "i", outer=0)]
    write_split(tmp_path / "run", [*rows, *others], {})
    return folder


def settings_with(weights: object, **more: int) -> ClassicalSettings:
    """Return settings of deep features."""
    return replace(ClassicalSettings(features="cnn", network="branet-small", rows=SIDE, cols=SIDE, weights=str(weights)), **more)


def test_they_are_those_of_the_trained_network(fold: Path) -> None:
    made = network_features(settings_with(fold), [("s", "b"), ("other", "a")])(WINDOWS)
    with torch.inference_mode():
        wanted = make_network(ITS).eval().deep_features(torch.from_numpy(WINDOWS)[:, None]).numpy()
    assert made.dtype == np.float32
    assert np.allclose(made, wanted, atol=1e-6)


def test_a_network_without_weights_makes_some_too() -> None:
    made = network_features(settings_with("none"), [])(WINDOWS[:3])
    assert made.shape[0] == 3
    assert np.isfinite(made).all()


@pytest.mark.parametrize("image", ["a", "c"])
def test_a_network_that_has_learnt_from_an_image_is_refused(fold: Path, image: str) -> None:
    with pytest.raises(InputError, match=f"repeat0-fold1 has learnt from 1 of the images \\(first: '{image}'\\)"):
        network_features(settings_with(fold), [("s", image), ("s", "b")])


def test_a_fold_under_another_name_has_still_learnt(fold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "elsewhere"
    link.symlink_to(fold)
    monkeypatch.chdir(fold)
    for weights in (link, "."):
        with pytest.raises(InputError, match="the network of weights=repeat0-fold1 has learnt from 1 of the images"):
            network_features(settings_with(weights), [("s", "a")])


def test_a_fold_that_the_split_does_not_know_is_refused(fold: Path) -> None:
    renamed = fold.rename(fold.parent / "mine")
    with pytest.raises(ReadError, match="mine: is no fold of its run's split, so that what it has learnt from is not known"):
        network_features(settings_with(renamed), [("s", "a")])


def test_a_searched_fold_is_built_as_its_search_chose(fold: Path) -> None:
    chosen = replace(ITS, attention=True)
    save_checkpoint(fold / "best.safetensors", make_network(chosen).state_dict(), {})
    with pytest.raises(ReadError, match="repeat0-fold1: holds the weights of another network than its run's settings name"):
        network_features(settings_with(fold), [("s", "b")])
    write_json(fold / SEARCHED, {"attention": "true", "rate": 0.01})
    made = network_features(settings_with(fold), [("s", "b")])(WINDOWS)
    with torch.inference_mode():
        wanted = make_network(chosen).eval().deep_features(torch.from_numpy(WINDOWS)[:, None]).numpy()
    assert np.allclose(made, wanted, atol=1e-6)


def test_what_is_no_trained_fold_of_a_classifier_is_refused(fold: Path) -> None:
    with pytest.raises(InputError, match="the run's windows are 32 x 32; set rows=32 and cols=32"):
        network_features(settings_with(fold, rows=64), [])
    for shallow in (fold.parent, Path(fold.anchor)):
        for refuses in (lambda given: network_features(given, []), check_network):  # the latter before a run is begun
            with pytest.raises(ReadError, match="is no trained fold of a run"):
                refuses(settings_with(shallow))
    write_text(fold.parents[1] / "settings.yaml", to_text(LesionSettings()))
    with pytest.raises(ReadError, match="and this takes runs of classifier networks"):
        network_features(settings_with(fold), [])

"""What recipe.json says, and what is refused because it was made otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from breastcad.core.errors import InputError
from breastcad.core.files import write_text
from breastcad.core.records import Collection, ImageRow
from breastcad.recipes.plan import Step
from breastcad.recipes.recipe import recipe
from breastcad.recipes.reproduction import (
    data_in_words,
    is_made_up,
    keep_steps,
    read_reproduction,
    refuse_another,
    reproduction_of,
    write_reproduction,
)


def collection(root: Path, **facts: str) -> Collection:
    images = [ImageRow("mini-mias", "a"), ImageRow("mini-mias", "b", present=0), ImageRow("mini-mias", "c")]
    return Collection(str(root), images, facts={"set": "mini-mias", **facts})


def test_made_up_sets_are_known_by_what_stands_beside_them_or_by_their_origin(tmp_path: Path) -> None:
    inner = tmp_path / "set" / "films"
    inner.mkdir(parents=True)
    assert not is_made_up(collection(inner))
    write_text(tmp_path / "set" / "README.txt", "MADE UP. These pictures were computed")
    assert is_made_up(collection(inner))
    own = Collection(str(tmp_path), [ImageRow("own", "a", origin="phantom")])
    assert is_made_up(own)


def test_what_is_kept_is_what_is_read_again_and_another_is_refused(tmp_path: Path) -> None:
    one = recipe("b")
    made = reproduction_of(one, [collection(tmp_path)], "patient", one.settings("vgg19", "patient"), {"epochs": "2"}, {})
    assert (made.sets, made.data, made.weights, made.made_up) == (["mini-mias"], "mini-mias, 2 images", "imagenet", False)
    refuse_another(tmp_path, made)
    write_reproduction(tmp_path, made)
    assert read_reproduction(tmp_path) == made
    refuse_another(tmp_path, made)
    with pytest.raises(InputError, match="holds a reproduction with split=patient, not published; name another folder with --out"):
        refuse_another(tmp_path, replace(made, split="published"))


def test_weights_of_a_file_are_not_named_after_a_machine(tmp_path: Path) -> None:
    one = recipe("b")
    settings = one.settings("vgg19", "patient", changes={"weights": "somewhere/vgg.safetensors"})
    made = reproduction_of(one, [collection(tmp_path)], "patient", settings, {"weights": "somewhere/vgg.safetensors"}, {})
    assert made.weights == "file"
    assert made.changes == {"weights": "file"}
    changes = {"start_run": "somewhere/films", "patches.weights": "somewhere/mine.safetensors", "epochs": "2"}
    made = reproduction_of(one, [collection(tmp_path)], "patient", settings, changes, {"weights": "somewhere/vgg.pt"})
    assert made.changes == {"start_run": "films", "patches.weights": "mine.safetensors", "epochs": "2"}
    assert made.patch_changes == {"weights": "vgg.pt"}


def test_data_in_words_without_a_title(tmp_path: Path) -> None:
    assert data_in_words(Collection("", [ImageRow("own", "a", part="test")])) == "own images, 1 image: official test part"
    assert data_in_words(collection(tmp_path, title="mini-MIAS")) == "mini-MIAS, 2 images"


def test_what_another_call_made_in_a_prepared_folder_is_refused_and_more_is_added(tmp_path: Path) -> None:
    def step(name: str, word: str) -> Step:
        return Step(("split", word), tmp_path / name / "split.json")

    keep_steps(tmp_path, [step("split", "tipo")])  # which was refused, and made nothing
    keep_steps(tmp_path, [step("split", "a")])
    write_text(tmp_path / "split" / "split.json", "{}")
    keep_steps(tmp_path, [step("split", "a"), step("windows-split", "b"), Step(("train",))])
    with pytest.raises(
        InputError, match=r"split' was made otherwise \(steps.json beside it says how\); name another folder with --prepared"
    ):
        keep_steps(tmp_path, [step("split", "b")])
    keep_steps(tmp_path, [step("windows-split", "b")])

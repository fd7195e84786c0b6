"""A classifier's run ends with its model file: how films are seen, the card, and what has none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from breastcad.commands import main  # noqa: E402
from breastcad.core.files import read_collection, read_patches, read_predictions  # noqa: E402
from breastcad.core.records import Collection, ImageRow, PatchRow  # noqa: E402
from breastcad.infer.dense import window_logits  # noqa: E402
from breastcad.infer.windows import WindowModel  # noqa: E402
from breastcad.read import open_picture  # noqa: E402
from breastcad.train.classifier_settings import ClassifierSettings  # noqa: E402
from breastcad.train.window_bundle import card, film_rule  # noqa: E402

pytestmark = pytest.mark.train
SQUARE = ClassifierSettings(rows=112, cols=112)


def collection(*sides: tuple[int, int]) -> list[Collection]:
    return [Collection("", [ImageRow("s", str(number), rows=rows, cols=cols) for number, (rows, cols) in enumerate(sides)])]


def window(image: int, height: float, width: float) -> PatchRow:
    return PatchRow(f"{image}/{height}", "image", "s", str(image), None, 0, 0, height, width)


def test_films_are_seen_as_their_windows_were_cut() -> None:
    """112 of 56 pixels: scale 2. 112 of 155.56 x 200 on 800 x 800: 800 x .72 = 576 rows, 800 x .56 = 448 columns; half on 400 x 400."""
    both = collection((800, 800), (400, 400))
    assert film_rule(SQUARE, both, [window(0, 56, 56), window(1, 56, 56)]) == {"filter": "bilinear", "scale": 2.0}
    resized = [window(0, 155.555556, 200), window(1, 77.777778, 100)]
    assert film_rule(SQUARE, both, resized) == {"filter": "bilinear", "rows": 576, "cols": 448}
    assert film_rule(SQUARE, both, [window(0, 56, 56), window(1, 60, 60)]) == {"filter": "bilinear"}
    assert film_rule(SQUARE, collection((800, 800)), [window(3, 155, 200), window(3, 155, 200)]) == {"filter": "bilinear"}
    assert film_rule(SQUARE, both, None) == {"filter": "area", "rows": 112, "cols": 112}


def test_a_card_names_what_the_search_chose_for_each_fold() -> None:
    facts = {"film": {"filter": "area"}, "grid": {"halo": None, "stride": 32}, "version": "1", "folds": 3, "members": 1, "id": "m"}
    facts |= {"classes": [], "window": {"rows": 112, "cols": 112}, "trained_on": [], "seen": "", "not_seen": "", "shortened": False}
    chosen = [replace(SQUARE, network=name, weights="none") for name in ("resnet18", "resnet18", "vgg19")]
    assert "| network | `resnet18`, head pool, first weights none; `vgg19`, head pool, first weights none |" in card(facts, chosen)


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


@pytest.mark.slow
def test_a_training_ends_with_a_model_file_that_draws_heat_maps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run's own test windows, looked at in its model file, get the logits that predictions.csv has."""
    made, split, patches = tmp_path / "made", tmp_path / "split", tmp_path / "patches"
    assert call("phantom", "mini-mias", "--n", 24, "--seed", 1, "--out", tmp_path / "set") == 0
    assert call("import", "mini-mias", tmp_path / "set", "--out", made) == 0
    assert call("split", made, "--kind", "kfold", "--folds", 2, "--allow-leaks", "--out", split) == 0
    cut = ["--method", "non-overlapping", "--setting", "resize=256x256", "--setting", "window=64", "--setting", "label=lesion"]
    assert call("patches", made, *cut, "--split", split, "--out", patches) == 0
    small = {"network": "resnet18", "weights": "none", "rows": 64, "cols": 64, "epochs": 1, "samples_an_epoch": 16, "batch": 8,
             "classes": "normal, lesion", "modality": "MG", "choose_by": "last"}  # fmt: skip
    settings = [part for key, value in small.items() for part in ("--setting", f"{key}={value}")]
    train = ["train", made, "--split", split, "--patches", patches, "--recipe", "classifier", *settings]
    assert call(*train, "--out", tmp_path / "run") == 0
    assert "heat maps of films: breastcad heatmap" in capsys.readouterr().out
    model = WindowModel(tmp_path / "run" / "model.onnx")
    assert model.facts["film"] == {"filter": "bilinear", "scale": 0.25}  # all films are of 1024 x 1024
    assert (model.facts["folds"], model.classes, model.facts["trained_on"]) == (2, ["normal", "lesion"], ["mini-mias"])
    assert "| a film is | by 0.25 network pixels a pixel |" in (tmp_path / "run" / "model.md").read_text(encoding="utf-8")
    image = read_collection(made).images[0]
    film = model.film(open_picture(Path(read_collection(made).root) / str(image.path), None).pixels)
    said = window_logits(model, film, how="windows", stride=64)
    rows = {row.id: row for row in read_predictions(tmp_path / "run" / "predictions.csv") if row.level == "patch" and row.part == "test"}
    found = [
        (said[rows[one.sample_id].outer, :, round(one.row / one.height), round(one.col / one.width)], rows[one.sample_id])
        for one in read_patches(patches / "patches.csv")
        if one.image_id == image.image_id and one.sample_id in rows
    ]
    assert found
    for logits, row in found:
        assert np.allclose(logits, [row.raw["normal"], row.raw["lesion"]], atol=0.02)
    flat = ["--setting", "head=flatten-hidden", "--setting", "hidden=8"]
    assert call(*train, *flat, "--out", tmp_path / "flat") == 0
    assert "no model.onnx: its head flattens the last map" in capsys.readouterr().out
    assert not (tmp_path / "flat" / "model.onnx").exists()

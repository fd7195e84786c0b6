"""A classifier of windows in a file: what it must say of itself, how it sees a film, and heat maps of many files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import PatchRow, Skipped
from breastcad.infer.heat_maps import Wanted, heat_maps
from breastcad.infer.model import Model
from breastcad.infer.windows import WindowModel
from breastcad.models.catalogue import read_metadata
from breastcad.patches.views import window_of
from breastcad.read import open_picture

pytest.importorskip("onnx", reason="model files for tests are made by onnx (extra [train])")
MakeModel = Callable[..., Path]
GRID = {"stride": 4, "rows": 5, "cols": 5, "halo": {"before": 0, "after": 0}, "bytes_a_pixel": 32.0}
FILM = {"filter": "bilinear", "scale": 1.0}
EDITS: dict[str, list[Any]] = {
    "id": [..., 3, "\x1b[31mred"],
    "version": [None],
    "modality": ["CT"],
    "kind": ["window", ["windows"], None],
    "classes": [..., [], ["malignant"], ["a", "a"], ["a", 3], "ab", {"a": 1, "b": 2}, [f"c{k}" for k in range(101)]],
    "window": [{}, {"rows": 24}, {"rows": 0, "cols": 24}, {"rows": 24.0, "cols": 24}, {"rows": 10**9, "cols": 24}],
    "film": [{}, {"filter": "cubic"}, FILM | {"scale": 0}, FILM | {"scale": float("nan")}, FILM | {"rows": 5},
             FILM | {"rows": 5, "cols": 5}, {"filter": "area", "rows": 10**9, "cols": 5}],
    "grid": [..., GRID | {"stride": 0}, GRID | {"rows": -1}, GRID | {"halo": 3}, GRID | {"halo": {"before": -1, "after": 0}},
             GRID | {"halo": {"before": 1}}, GRID | {"bytes_a_pixel": 0}, {"stride": 4}],
    "head": ["flatten-hidden"],
    "folds": [0, True, 3, "2"],
    "members": [0],
    "temperature": [..., [1.0, 1.0, 1.0], [0.0, 1.0], [float("inf"), 1.0], {"malignant": [1.0, 1.0]}],
    "trained_on": ["cbis-ddsm"],
    "seen": [3],
    "not_seen": [""],
    "warnings": ["weak"],
    "shortened": ["no"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [pytest.param(name, value, id=f"{name}-{k}") for name, values in EDITS.items() for k, value in enumerate(values)]
)
def test_a_field_that_is_not_what_it_must_be_is_named_in_one_short_sentence(tiny_windows: MakeModel, name: str, value: Any) -> None:
    with pytest.raises(ReadError, match=rf"model\.onnx: its metadata .*'({name}|temperature)[^']*'.*; export the model again") as refused:
        WindowModel(tiny_windows(**{name: value}))
    assert len(str(refused.value)) < 300


def test_a_graph_that_is_not_what_its_metadata_say_is_refused(tiny_windows: MakeModel) -> None:
    with pytest.raises(ReadError, match=r"its graph gives 'logits' of N x 2 x 3, its metadata \(folds and classes\) say N x 2 x 2; export"):
        WindowModel(tiny_windows(classes=["benign", "malignant"]))
    wrong = WindowModel(tiny_windows(grid=GRID | {"stride": 8}))
    with pytest.raises(
        InputError, match=r"the model tiny-windows gave 'window_logits' of 1 x 2 x 3 x 5 x 5 where 1 x 2 x 3 x 3 x 3 was said"
    ):
        wrong.window_logits(np.zeros((40, 40), np.float32))


def test_each_kind_of_model_is_refused_where_the_other_is_needed(tiny_windows: MakeModel, tiny_model: MakeModel) -> None:
    with pytest.raises(ReadError, match=r"it is a classifier of windows, and a model of lesions .* is needed here; .*breastcad heatmap"):
        Model(tiny_windows())
    with pytest.raises(ReadError, match=r"it is a model of lesions in whole images, and a classifier of windows is needed here; .*analyze"):
        WindowModel(tiny_model("MG"))
    assert read_metadata(tiny_windows())["kind"] == "windows"


# ---- how a film is seen ----


def test_a_film_s_windows_are_those_that_training_cut(tiny_windows: MakeModel) -> None:
    """Films became 60 x 48: of one of 150 x 96 pixels a window at (4, 8) covers 24 x 2.5 rows from 10, 24 x 2 columns from 16."""
    model = WindowModel(tiny_windows(film={"filter": "bilinear", "rows": 60, "cols": 48}))
    pixels = np.random.default_rng(0).random((150, 96), dtype=np.float32)
    film = model.film(pixels)
    assert film.shape == (60, 48)
    cut = window_of(pixels, PatchRow("w", "image", "s", "i", None, 10, 16, 60, 48, scale=24 / 60))
    assert np.abs(film[4:28, 8:32] - cut).max() <= 0.5 / 255 + 1e-6


def test_a_film_s_scale_is_the_model_s_or_the_caller_s(tiny_windows: MakeModel) -> None:
    pixels = np.full((100, 50), 0.5, np.float32)
    assert WindowModel(tiny_windows(film={"filter": "area", "scale": 0.5})).film(pixels).shape == (50, 25)
    model = WindowModel(tiny_windows(film={"filter": "bilinear"}))
    assert model.film(pixels, 2.0).shape == (200, 100)
    with pytest.raises(InputError, match=r"tiny-windows was trained on windows of many sizes; say how large a film is with --scale"):
        model.film(pixels)
    with pytest.raises(InputError, match=r"the film would have 100000 x 50000 network pixels, at most 16384 a side are taken"):
        model.film(pixels, 1000.0)


# ---- many files ----


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    random = np.random.default_rng(3)
    for name, shape in (("a", (80, 60)), ("b", (20, 90))):
        assert cv2.imwrite(str(folder / f"{name}.png"), random.integers(0, 255, shape).astype(np.uint8))
    (folder / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nand nothing more")
    (folder / "notes.txt").write_text("no film")
    return folder


@pytest.mark.parametrize("how", ["dense", "windows"])
def test_heat_maps_of_a_folder_go_on_after_what_cannot_be_read(tiny_windows: MakeModel, films: Path, how: str) -> None:
    run = heat_maps([films], tiny_windows(1), Wanted(how))
    items = list(run)
    assert [isinstance(item, Skipped) for item in items] == [False, False, True, True]
    first, second = (item for item in items if not isinstance(item, Skipped))
    assert (first.values.shape, first.heat_map.shape) == ((15, 10), (80, 60))
    assert first.result.grid == {"rows": 15, "cols": 10, "step": [4.0, 4.0], "window": [24.0, 24.0]}
    row, col = np.unravel_index(first.values.argmax(), (15, 10))
    assert first.result.highest["box"] == [4 * row, 4 * col, 4 * row + 24, 4 * col + 24]
    assert second.result.warnings == ["the film has 20 x 90 network pixels, less than a window, and was padded with black"]
    table = run.assemble([first.result, second.result], [item for item in items if isinstance(item, Skipped)])
    assert (table["of"], table["how"], table["stride"], len(table["model"]["sha256"])) == ("malignant", how, 4, 64)
    assert [item.source for item in table["skipped"]] == ["c.png", "notes.txt"]


def test_a_heat_map_of_abnormal_is_one_less_that_of_normal(tiny_windows: MakeModel, films: Path) -> None:
    model = tiny_windows(1)
    normal, abnormal = (next(heat_maps([films / "a.png"], model, Wanted(of=of))) for of in ("normal", "abnormal"))
    assert np.allclose(normal.values + abnormal.values, 1, atol=1e-6)  # type: ignore[union-attr]
    with pytest.raises(InputError, match="says nothing of 'cyst'; it knows normal, benign, malignant, abnormal"):
        heat_maps([films], model, Wanted(of="cyst"))


def test_a_file_that_names_another_modality_is_skipped(tiny_windows: MakeModel, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = open_picture(films / "a.png", None)
    whole.modality = "US"
    monkeypatch.setattr("breastcad.infer.pictures.open_picture", lambda path, frame: whole)
    found = next(heat_maps([films / "a.png"], tiny_windows()))
    assert isinstance(found, Skipped)
    assert found.reason == "the model tiny-windows is for MG, but the file says US"

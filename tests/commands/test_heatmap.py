"""``breastcad heatmap`` from the shell: pictures, heatmap.json, what is skipped and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from breastcad.infer.heat_maps import heat_maps

pytest.importorskip("onnx", reason="model files for tests are made by onnx (extra [train])")
MakeModel = Callable[..., Path]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two made-up films, and a file that is none."""
    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (240, 200)).astype(np.uint8)
        assert cv2.imwrite(str(folder / f"{number}.png"), cv2.GaussianBlur(pixels, (9, 9), 0))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def test_a_folder_of_films_becomes_a_folder_of_heat_maps(run: Call, films: Path, tiny_windows: MakeModel, tmp_path: Path) -> None:
    model, out = tiny_windows(1, shortened=True), tmp_path / "out"
    code, said, _ = run("heatmap", model, films, "--out", out)
    assert code == 0
    assert said.startswith("2 heat maps of 'malignant', 1 skipped\n  skipped: broken.png: ")
    assert "! the model is of a shortened training\n" in said
    assert said.endswith("Research use only. Not a diagnosis.\n")
    table = json.loads((out / "heatmap.json").read_text(encoding="utf-8"))
    assert table["notice"] == "Research use only. Not a diagnosis."
    assert [image["source"] for image in table["images"]] == ["0.png", "1.png"]
    image = table["images"][0]
    values = cv2.imread(str(out / image["files"]["windows"]), cv2.IMREAD_UNCHANGED)
    assert (values.dtype, values.shape) == (np.uint16, (image["grid"]["rows"], image["grid"]["cols"]))
    mapped = next(heat_maps([films / "0.png"], model))
    assert np.abs(values / 65535 - mapped.values).max() < 1e-5  # type: ignore[union-attr]
    assert abs(values.max() / 65535 - image["highest"]["probability"]) < 1e-5
    assert cv2.imread(str(out / image["files"]["heatmap"]), cv2.IMREAD_UNCHANGED).shape == (240, 200)
    assert cv2.imread(str(out / image["files"]["overlay"])) is not None


def test_both_ways_write_the_same_grid_and_any_stride_goes_window_by_window(
    run: Call, films: Path, tiny_windows: MakeModel, tmp_path: Path
) -> None:
    model = tiny_windows(0)
    for name, options in {"a": [], "b": ["--how", "windows"], "c": ["--how", "windows", "--stride", 8]}.items():
        assert run("heatmap", model, films / "0.png", "--out", tmp_path / name, *options)[0] == 0
    a, b, c = (cv2.imread(str(tmp_path / name / "0000" / "windows.png"), cv2.IMREAD_UNCHANGED).astype(float) for name in "abc")
    assert a.shape == (55, 45)
    assert np.abs(a - b).max() <= 65535 * 1e-4
    assert np.abs(b[:: 8 // 4, :: 8 // 4] - c).max() <= 1


def test_a_call_that_cannot_be_taken_is_refused_and_nothing_to_draw_is_an_answer(
    run: Call, films: Path, tiny_windows: MakeModel, tmp_path: Path
) -> None:
    code, _, said = run("heatmap", tiny_windows(), films, "--out", tmp_path / "out", "--of", "cyst")
    assert (code, (tmp_path / "out").exists()) == (2, False)
    assert "says nothing of 'cyst'" in said
    sees_all = {"stride": 4, "rows": 5, "cols": 5, "halo": None, "bytes_a_pixel": 32.0}
    for model, more, words in (
        (tiny_windows(), ("--stride", 8), "one pass gives windows every 4 network pixels, not 8"),
        (tiny_windows(grid=sees_all), (), "sees the whole image"),
        (tiny_windows(film={"filter": "bilinear"}), (), "say how large a film is with --scale"),
    ):
        code, _, said = run("heatmap", model, films, "--out", tmp_path / "out", *more)
        assert (code, (tmp_path / "out").exists(), words in said) == (2, False, True)
    code, _, said = run("heatmap", tiny_windows(), films / "broken.png", "--out", tmp_path / "out")
    assert code == 1
    assert "no heat map could be drawn; why stands in heatmap.json under 'skipped'" in said
    code, _, said = run("heatmap", tiny_windows(), films, "--out", tmp_path / "out")
    assert code == 2
    assert "not empty" in said
    assert run("heatmap", tiny_windows(), films, "--out", tmp_path / "out", "--overwrite")[0] == 0

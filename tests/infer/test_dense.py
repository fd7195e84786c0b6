"""One pass over a film against window by window: the same windows, the same values where nothing is padded, tiles that leave no seam."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from breastcad.core.errors import InputError
from breastcad.infer.dense import BUFFERS, RESERVE_MIB, laid_over, lattice, plan, probabilities, tiles_along, window_logits
from breastcad.infer.windows import WindowModel

MakeModel = Callable[..., Path]
SIDES = st.integers(24, 90)


def film_of(rows: int, cols: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(rows * 1000 + cols).random((rows, cols), dtype=np.float32)


def memory_for(pixels: float) -> float:
    """Return the memory that allows tiles of so many network pixels, of a model whose largest layer has 32 bytes a pixel."""
    return RESERVE_MIB + pixels * BUFFERS * 32 / 2**20


@pytest.fixture(scope="module")
def valid(tiny_windows: MakeModel) -> WindowModel:
    return WindowModel(tiny_windows(0))


@pytest.fixture(scope="module")
def padded(tiny_windows: MakeModel) -> WindowModel:
    return WindowModel(tiny_windows(1))


# ---- which windows there are ----


@given(film=st.tuples(st.integers(1, 300), st.integers(1, 300)), window=st.integers(1, 80), stride=st.integers(1, 70))
def test_windows_lie_at_multiples_of_the_stride_and_within_the_film(film: tuple[int, int], window: int, stride: int) -> None:
    found = lattice(film, (window, window), stride)
    for count, side in zip((found.rows, found.cols), film, strict=True):
        corners = [corner for corner in range(0, max(side, 1), stride) if corner + window <= side] or [0]
        assert count == len(corners)


@pytest.mark.parametrize("how", ["dense", "windows"])
@given(rows=SIDES, cols=SIDES)
def test_both_ways_give_the_same_grid(valid: WindowModel, how: str, rows: int, cols: int) -> None:
    """Of 45 rows: floor((45 - 24) / 4) + 1 = 6."""
    assert window_logits(valid, film_of(rows, cols), how=how).shape == (2, 3, (rows - 24) // 4 + 1, (cols - 24) // 4 + 1)


def test_a_film_smaller_than_a_window_is_one_window_padded_with_black(padded: WindowModel) -> None:
    film = film_of(10, 40)
    black = np.zeros((24, 40), np.float32)
    black[:10] = film
    for how in ("dense", "windows"):
        assert np.allclose(window_logits(padded, film, how=how), window_logits(padded, black, how=how))
    assert window_logits(padded, film).shape == (2, 3, 1, 5)


# ---- the two ways ----


@given(rows=SIDES, cols=SIDES)
def test_a_network_that_pads_nothing_says_the_same_both_ways(valid: WindowModel, rows: int, cols: int) -> None:
    film = film_of(rows, cols)
    assert np.abs(window_logits(valid, film) - window_logits(valid, film, how="windows")).max() < 1e-4


def test_a_network_that_pads_differs_where_a_window_has_neighbours_only(padded: WindowModel) -> None:
    film = film_of(60, 60)
    apart = np.abs(window_logits(padded, film) - window_logits(padded, film, how="windows"))
    assert apart.max() > 0.01
    assert np.allclose(window_logits(padded, film[:24, :24]), window_logits(padded, film[:24, :24], how="windows"), atol=1e-5)


def test_window_by_window_takes_any_stride(valid: WindowModel) -> None:
    film = film_of(50, 60)
    every = window_logits(valid, film, how="windows", stride=1)
    assert every.shape[2:] == (27, 37)
    assert np.allclose(every[:, :, ::4, ::4], window_logits(valid, film), atol=1e-4)
    assert np.allclose(every[:, :, ::5, ::5], window_logits(valid, film, how="windows", stride=5), atol=1e-5)


# ---- tiles ----


@given(rows=SIDES, cols=SIDES, pixels=st.integers(40 * 40, 90 * 90))
def test_tiles_say_what_one_pass_says(padded: WindowModel, rows: int, cols: int, pixels: int) -> None:
    film = film_of(rows, cols)
    whole, tiled = window_logits(padded, film), window_logits(padded, film, memory_mib=memory_for(pixels))
    assert np.abs(whole - tiled).max() < 1e-4


def test_tiles_with_a_halo_that_is_too_small_leave_a_seam(tiny_windows: MakeModel) -> None:
    grid = {"stride": 4, "rows": 6, "cols": 6, "halo": {"before": 0, "after": 0}, "bytes_a_pixel": 32.0}
    model, film = WindowModel(tiny_windows(1, grid=grid)), film_of(90, 90)
    assert np.abs(window_logits(model, film) - window_logits(model, film, memory_mib=memory_for(50 * 50))).max() > 1e-2


def test_each_tile_fits_into_the_memory_of_the_one_before(padded: WindowModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of several sizes, the largest first; and nothing is planned for one size, which would lie idle for the others."""
    sizes: list[int] = []
    looked = WindowModel.window_logits

    def seen(self: WindowModel, image: np.ndarray[Any, Any]) -> Any:
        sizes.append(image.size)
        return looked(self, image)

    monkeypatch.setattr(WindowModel, "window_logits", seen)
    window_logits(padded, film_of(300, 200), memory_mib=memory_for(90 * 90))
    assert len(set(sizes)) > 1
    assert sizes == sorted(sizes, reverse=True)
    assert padded._session.get_session_options().enable_mem_pattern is False


@given(
    film=st.tuples(SIDES, SIDES), places=st.integers(1, 9), halo=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    pixels=st.integers(0, 5000),
)  # fmt: skip
def test_a_plan_has_every_window_once_in_tiles_no_larger_than_allowed(
    film: tuple[int, int], places: int, halo: tuple[int, int], pixels: int
) -> None:
    windows = lattice(film, (24, 24), 4)
    try:
        axes = plan(windows, (places, places), halo, pixels)
    except InputError:  # what is refused is asked below
        return
    sides = [max((tile.end - tile.begin - places) * 4 + 24 for tile in tiles) for tiles in axes]
    assert sides[0] * sides[1] <= pixels
    for tiles, count in zip(axes, (windows.rows, windows.cols), strict=True):
        assert [place for tile in tiles for place in range(tile.first, tile.last)] == list(range(count))


@given(
    windows=st.integers(1, 200), parts=st.integers(1, 200), places=st.integers(1, 9), before=st.integers(0, 30), after=st.integers(0, 30)
)
def test_a_tile_has_its_halo_or_ends_with_the_film(windows: int, parts: int, places: int, before: int, after: int) -> None:
    for tile in tiles_along(windows, min(parts, windows), places, (before, after)):
        assert tile.begin == 0 or tile.first - tile.begin == before
        assert tile.end == windows - 1 + places or tile.end - (tile.last - 1 + places) == after


# ---- what is refused ----


def test_what_one_pass_cannot_do_is_refused(tiny_windows: MakeModel, valid: WindowModel) -> None:
    film = film_of(90, 90)
    grid = {"stride": 4, "rows": 6, "cols": 6, "halo": None, "bytes_a_pixel": 32.0}
    with pytest.raises(InputError, match=r"each place of the last map of tiny-windows sees the whole image, .*set --how windows"):
        window_logits(WindowModel(tiny_windows(1, grid=grid)), film)
    with pytest.raises(InputError, match="one pass gives windows every 4 network pixels, not 8"):
        window_logits(valid, film, stride=8)
    with pytest.raises(InputError, match="how must be dense or windows and stride 1 at least, got 'both' and 4"):
        window_logits(valid, film, how="both")
    with pytest.raises(InputError, match=r"a tile of 100 network pixels is all that the memory allows, but the least is 576; allow more"):
        window_logits(valid, film, memory_mib=memory_for(100.5))
    with pytest.raises(InputError, match=r"tiles of at most 10,000 .* compute more than window by window would"):
        plan(lattice((900, 900), (24, 24), 4), (6, 6), (9, 9), 10_000)


# ---- probabilities, and the map over a picture ----


def test_probabilities_are_the_mean_of_the_folds() -> None:
    logits = np.random.default_rng(1).normal(size=(2, 3, 4, 5)).astype(np.float32)
    mean = (softmax(logits[0] / 1.5, axis=0) + softmax(logits[1] / 0.7, axis=0)) / 2
    assert np.allclose(probabilities(logits, [1.5, 0.7]), mean, atol=1e-6)


def test_a_map_over_a_picture_has_each_value_at_its_window_s_centre() -> None:
    """A film of 40 x 56 pixels at twice its size: window [2, 3] begins at (8, 12), its centre (20, 24) lies between pixels 39 and 40."""
    values = np.random.default_rng(2).random((5, 9), dtype=np.float32)
    shown = laid_over(values, lattice((40, 56), (24, 24), 4), (40, 56), (80, 112))
    assert shown.shape == (80, 112)
    assert np.isclose(shown[39:41, 47:49].mean(), values[2, 3], atol=0.07)
    assert shown[0, 0] == values[0, 0]
    assert shown[-1, -1] == values[-1, -1]
    rows = np.broadcast_to(np.arange(5, dtype=np.float32)[:, None], (5, 9))
    assert np.allclose(laid_over(rows, lattice((40, 56), (24, 24), 4), (40, 56), (80, 112))[24:56, 0], (np.arange(24, 56) + 0.5) / 8 - 3)

"""What a classifier of windows says of every window of a film: in one pass over the film, in tiles, or window by window.

A window alone sees zeros beyond its border where a network pads, and in a pass over the film what lies there: the two agree exactly for
networks that pad nothing, and else as docs/heat-maps.md has measured. Both lay the same windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.infer.windows import WindowModel

HOWS = ("dense", "windows")
MEMORY_MIB = 3072
RESERVE_MIB = 512
"""Of the memory that may be used: the interpreter, onnxruntime, weights, the picture and the film."""
BUFFERS = 3.5
"""A pass needs so many times the memory of its largest layer's output; measured by peak memory: 3.0 for EfficientNet-Lite0, 3.4 for
ResNet-50, 2.6 for VGG16."""
BATCH = 16
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Lattice:
    """The windows of a film: [i, j] has its upper left corner at (i, j) times ``stride``, in network pixels.

    Rows and columns at the lower and right border that are too few for a further window lie in none. ``rows`` and ``cols`` count windows.
    """

    rows: int
    cols: int
    stride: int
    window: tuple[int, int]

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of network pixels that the windows cover."""
        return (self.rows - 1) * self.stride + self.window[0], (self.cols - 1) * self.stride + self.window[1]


def lattice(film: tuple[int, int], window: tuple[int, int], stride: int) -> Lattice:
    """Return the windows of a film of so many network pixels; one that is smaller than a window has one, and is padded with black.

    Examples
    --------
    >>> lattice((4096, 3328), (224, 224), 32)
    Lattice(rows=122, cols=98, stride=32, window=(224, 224))
    >>> lattice((100, 300), (224, 224), 32).rows, lattice((100, 300), (224, 224), 32).extent
    (1, (224, 288))
    """
    rows, cols = (max(0, side - own) // stride + 1 for side, own in zip(film, window, strict=True))
    return Lattice(rows, cols, stride, window)


def window_logits(
    model: WindowModel,
    film: NDArray[np.float32],
    *,
    how: str = "dense",
    stride: int | None = None,
    memory_mib: float = MEMORY_MIB,
    progress: Tell | None = None,
) -> NDArray[np.float32]:
    """Return what a model says of every window of a film.

    Parameters
    ----------
    model : WindowModel
    film : (H, W) ndarray of float32
        In network pixels, as `WindowModel.film` makes it; padded with black where it is smaller than a window.
    how : {"dense", "windows"}
    stride : int, optional
        From one window to the next, in network pixels; the model's own by default, which is the only one of ``"dense"``.
    memory_mib : float
        That the process may use in all, about; from it follows how large a tile of the pass is.
    progress : callable, optional
        Takes how much is done and how much there is.

    Returns
    -------
    (F, K, rows, cols) ndarray of float32
        Logits of each fold and class, before any temperature; [.., i, j] as in `Lattice`.

    Raises
    ------
    InputError
        If `how` or `stride` is none that can be taken, each place of the network's map sees the whole film, memory is too small for a
        tile, or the graph fails.
    """
    check_way(model, how, stride)
    own = model.stride if stride is None else stride
    windows = lattice((film.shape[0], film.shape[1]), model.window, own)
    extent = windows.extent
    film = np.pad(film, [(0, max(0, most - side)) for most, side in zip(extent, film.shape, strict=True)])[: extent[0], : extent[1]]
    if how == "windows":
        return _one_by_one(model, film, windows, progress)
    return _by_tiles(model, film, windows, memory_mib, progress)


def check_way(model: WindowModel, how: str, stride: int | None) -> None:
    """Refuse a way to look at films that a model does not allow, of whatever film: InputError."""
    own = model.stride if stride is None else stride
    if how not in HOWS or own < 1:
        raise InputError(f"how must be {' or '.join(HOWS)} and stride 1 at least, got '{how}' and {own}")
    if how == "windows":
        return
    if own != model.stride:
        raise InputError(f"one pass gives windows every {model.stride} network pixels, not {own}; set --how windows, or leave --stride out")
    if model.halo is None:
        raise InputError(
            f"each place of the last map of {model.facts['id']} sees the whole image, so that one pass over a film would not say what "
            "it says of windows; set --how windows"
        )


def _one_by_one(model: WindowModel, film: NDArray[np.float32], windows: Lattice, progress: Tell | None) -> NDArray[np.float32]:
    """Return the logits of windows that are cut out and looked at alone, in batches."""
    views = np.lib.stride_tricks.sliding_window_view(film, windows.window)[:: windows.stride, :: windows.stride]
    total, said = windows.rows * windows.cols, list[NDArray[np.float32]]()
    for first in range(0, total, BATCH):
        places = np.unravel_index(range(first, min(first + BATCH, total)), (windows.rows, windows.cols))
        said.append(model.image_logits(views[places][:, None]))
        if progress:
            progress(min(first + BATCH, total), total)
    return np.moveaxis(np.concatenate(said), 0, -1).reshape(*said[0].shape[1:], windows.rows, windows.cols)


@dataclass(frozen=True, slots=True)
class Tile:
    """Along one axis: the windows [first, last) that a tile gives, and the places [begin, end) of the film's map that it computes."""

    first: int
    last: int
    begin: int
    end: int


def tiles_along(windows: int, count: int, places: int, halo: tuple[int, int]) -> list[Tile]:
    """Part the windows of an axis into tiles, each with the places of the map that its windows' values depend on.

    Parameters
    ----------
    windows : int
    count : int
        Of tiles; at most as many as windows.
    places : int
        Of the map of one window.
    halo : (int, int)
        Places after and before a cut that are wrong; at the film's own borders nothing is cut.

    Examples
    --------
    >>> tiles_along(10, 2, 7, (2, 3))
    [Tile(first=0, last=5, begin=0, end=14), Tile(first=5, last=10, begin=3, end=16)]
    """
    ends = [round(k * windows / count) for k in range(count + 1)]
    whole = windows - 1 + places
    return [Tile(first, last, max(0, first - halo[0]), min(whole, last - 1 + places + halo[1])) for first, last in pairwise(ends)]


def plan(windows: Lattice, places: tuple[int, int], halo: tuple[int, int], pixels: float) -> tuple[list[Tile], list[Tile]]:
    """Return the tiles along rows and along columns that compute least, of all whose largest has at most so many network pixels.

    Parameters
    ----------
    windows : Lattice
    places : (int, int)
        Rows and columns of a window's own map.
    halo : (int, int)
        As `tiles_along`.
    pixels : float

    Raises
    ------
    InputError
        If even the tiles of single windows are larger, or tiles so small compute more than the windows one by one.
    """
    choices = [
        [_Axis(tiles_along(count, parts, own, halo), own, side, windows.stride) for parts in _parts(count)]
        for count, own, side in zip((windows.rows, windows.cols), places, windows.window, strict=True)
    ]
    fitting = [(rows, cols) for rows in choices[0] for cols in choices[1] if rows.longest * cols.longest <= pixels]
    if not fitting:
        least = choices[0][-1].longest * choices[1][-1].longest
        raise InputError(f"a tile of {pixels:,.0f} network pixels is all that the memory allows, but the least is {least:,}; allow more")
    rows, cols = min(fitting, key=lambda pair: pair[0].total * pair[1].total)
    if rows.total * cols.total > max(windows.rows * windows.cols * windows.window[0] * windows.window[1], rows.longest * cols.longest):
        raise InputError(
            f"tiles of at most {pixels:,.0f} network pixels are all that the memory allows, and compute more than window by window would; "
            "allow more, or set --how windows"
        )
    return rows.tiles, cols.tiles


@dataclass(frozen=True, slots=True)
class _Axis:
    """Tiles along an axis, of a network whose windows of ``side`` pixels have ``own`` places."""

    tiles: list[Tile]
    own: int
    side: int
    stride: int

    def span(self, tile: Tile) -> slice:
        """Return a tile's pixels: as many more than a window as its places are more, so that each layer halves it as it does a window."""
        begin = tile.begin * self.stride
        return slice(begin, begin + (tile.end - tile.begin - self.own) * self.stride + self.side)

    @property
    def longest(self) -> int:
        return max(self._lengths())

    @property
    def total(self) -> int:
        return sum(self._lengths())

    def _lengths(self) -> list[int]:
        return [span.stop - span.start for span in map(self.span, self.tiles)]


def _parts(count: int) -> list[int]:
    """Return numbers of parts to try, from one to as many as there are windows: all small ones, then each a quarter more."""
    tried = [1]
    while tried[-1] < count:
        tried.append(min(count, max(tried[-1] + 1, math.floor(tried[-1] * 1.25))))
    return tried


def _by_tiles(
    model: WindowModel, film: NDArray[np.float32], windows: Lattice, memory_mib: float, progress: Tell | None
) -> NDArray[np.float32]:
    """Return the logits of all windows by passes over tiles of the film."""
    halo = (0, 0) if model.halo is None else (model.halo.before, model.halo.after)
    pixels = max(0.0, memory_mib - RESERVE_MIB) * 2**20 / (BUFFERS * float(model.facts["grid"]["bytes_a_pixel"]))
    tiles = plan(windows, model.places, halo, pixels)
    down, across = (_Axis(own, *side, model.stride) for own, side in zip(tiles, zip(model.places, model.window, strict=True), strict=True))
    said = np.empty((model.facts["folds"], len(model.classes), windows.rows, windows.cols), np.float32)
    for number, (row, col) in enumerate(_largest_first(tiles), start=1):
        found = model.window_logits(film[down.span(row), across.span(col)])
        within = np.s_[row.first - row.begin : row.last - row.begin, col.first - col.begin : col.last - col.begin]
        said[:, :, row.first : row.last, col.first : col.last] = found[:, :, *within]
        if progress:
            progress(number, len(tiles[0]) * len(tiles[1]))
    return said


def _largest_first(tiles: tuple[list[Tile], list[Tile]]) -> list[tuple[Tile, Tile]]:
    """Return the tiles so that each fits into the memory of the first: onnxruntime keeps what it took, and takes more for what does not."""
    return sorted(product(*tiles), key=lambda pair: -(pair[0].end - pair[0].begin) * (pair[1].end - pair[1].begin))


def probabilities(logits: NDArray[np.float32], temperatures: Sequence[float]) -> NDArray[np.float32]:
    """Return the classes' probabilities (K, ...): the mean over folds of each fold's softmax at its temperature.

    Parameters
    ----------
    logits : (F, K, ...) ndarray of float32
    temperatures : sequence of F floats

    Examples
    --------
    >>> probabilities(np.log([[[1.0], [3.0]], [[1.0], [1.0]]]), [1, 1]).ravel().tolist()
    [0.375, 0.625]
    """
    scaled = logits / np.asarray(temperatures, np.float64).reshape(-1, *[1] * (logits.ndim - 1))
    shares = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray((shares / shares.sum(axis=1, keepdims=True)).mean(axis=0), np.float32)


def laid_over(values: NDArray[np.float32], windows: Lattice, film: tuple[int, int], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Lay a heat map over a picture: each window's value stands at its centre, between centres it changes evenly.

    Beyond the outermost centres, half a window from the border, the nearest value goes on.

    Parameters
    ----------
    values : (i, j) ndarray of float32
    windows : Lattice
    film : (int, int)
        Rows and columns of the film in network pixels, before any padding.
    shape : (int, int)
        Of what is returned, which covers the whole picture.

    Examples
    --------
    >>> laid_over(np.array([[0, 1]], np.float32), lattice((4, 6), (4, 4), 2), (4, 6), (1, 6)).tolist()
    [[0.0, 0.0, 0.25, 0.75, 1.0, 1.0]]
    """
    down, across = (
        _between(count, ((np.arange(sides) + 0.5) * whole / sides - own / 2) / windows.stride)
        for count, sides, whole, own in zip(values.shape, shape, film, windows.window, strict=True)
    )
    return np.asarray(down @ values @ across.T, np.float32)


def _between(count: int, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share (n, count) of each of so many values at places between them, by straight lines."""
    return np.maximum(0, 1 - np.abs(np.clip(places, 0, count - 1)[:, None] - np.arange(count)))

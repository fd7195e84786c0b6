"""Windows with their pixels on disk: a PNG each, an .npz an image, or shards that can be mapped into memory; and the way back.

The table alone is enough to train with; a store is for what reads it often, or elsewhere. What was written is not written again.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_json, read_table, write_bytes, write_json, write_table
from breastcad.core.records import ImageRow, PatchRow
from breastcad.core.tables import to_text
from breastcad.patches.views import window_of
from breastcad.read import open_picture

Progress = Callable[[int, int], None]
Prepare = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Images = Mapping[tuple[str, str], tuple[Path, ImageRow]]
"""The root of its collection and the row of each image, by set and image id."""

KINDS = ("png", "npz", "shards")
SHARD_BYTES = 256 * 2**20
_FORMAT = "breastcad-store/1"


@dataclass(slots=True)
class ShardRow:
    """Which window stands in which place of a shard: a row of shard-NNNNN.csv."""

    sample_id: str
    place: int


def write_store(
    folder: Path,
    kind: str,
    rows: Sequence[PatchRow],
    images: Images,
    *,
    prepare: Prepare | None = None,
    prepared: str = "",
    progress: Progress | None = None,
) -> list[str]:
    """Write the pixels of windows; called again with the same windows, it goes on where it stopped.

    Parameters
    ----------
    folder : Path
    kind : "png", "npz" or "shards"
    rows : sequence of PatchRow
        Those of one image one after the other.
    images : mapping
    prepare : callable, optional
        What is done to an image, (H, W) float32 in [0, 1], before it is cut; gives one of the same size.
    prepared : str
        What `prepare` does, in words; a store that was prepared otherwise is not gone on with.
    progress : callable, optional
        Called with (windows done, windows in all).

    Returns
    -------
    list of str
        A sentence for each image that could not be read, and has no windows here.

    Raises
    ------
    InputError
        If the folder holds a store of other windows, or windows for shards are not all of one size.
    ValueError
        If the kind is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got '{kind}'")
    deep = prepare is not None or any((images[row.set, row.image_id][1].bit_depth or 16) > 8 for row in rows)
    facts = {"format": _FORMAT, "kind": kind, "depth": 16 if deep else 8, "windows": len(rows), "prepared": prepared, "of": _digest(rows)}
    if (folder / "store.json").is_file() and read_json(folder / "store.json") != facts:
        raise InputError(f"'{folder}' holds a store of other windows; remove it, or name another folder with --out")
    write_json(folder / "store.json", facts)
    source = _Source(images, prepare, np.dtype(np.uint16 if deep else np.uint8))
    done = 0
    for count in {"png": _write_png, "npz": _write_npz, "shards": _write_shards}[kind](folder, rows, source):
        done += count
        if progress:
            progress(done, len(rows))
    return list(source.unread.values())


@dataclass(slots=True)
class _Source:
    """Where windows come from; remembers which images could not be read."""

    images: Images
    prepare: Prepare | None
    dtype: np.dtype[Any]
    unread: dict[tuple[str, str], str] = field(default_factory=dict)

    def windows(self, rows: Sequence[PatchRow]) -> list[NDArray[Any]] | None:
        """Return the windows of one image as grey levels of the store's depth; None where it cannot be read."""
        key = rows[0].set, rows[0].image_id
        root, image = self.images[key]
        try:
            pixels = open_picture(root / str(image.path), int(image.frame) if image.frame else None).pixels
        except ReadError as error:
            self.unread[key] = f"{image.image_id} has no windows in the store: {error}"
            return None
        if self.prepare:
            shape, pixels = pixels.shape, self.prepare(pixels)
            if pixels.shape != shape:
                raise ValueError(f"what prepares an image must keep its size, got {pixels.shape} for {shape}")
        white = np.iinfo(self.dtype).max
        levels = np.rint(np.clip(np.nan_to_num(pixels), 0, 1) * white).astype(self.dtype)
        return [window_of(levels, row) for row in rows]


def _by_image(rows: Sequence[PatchRow]) -> Iterator[list[PatchRow]]:
    for _, group in groupby(rows, key=lambda row: (row.set, row.image_id)):
        yield list(group)


def _write_png(folder: Path, rows: Sequence[PatchRow], source: _Source) -> Iterator[int]:
    for of_image in _by_image(rows):
        paths = [folder / _png_name(row) for row in of_image]
        if not all(path.is_file() for path in paths):
            for path, window in zip(paths, source.windows(of_image) or (), strict=False):
                write_bytes(path, cv2.imencode(".png", window)[1].tobytes())
        yield len(of_image)


def _write_npz(folder: Path, rows: Sequence[PatchRow], source: _Source) -> Iterator[int]:
    for of_image in _by_image(rows):
        path = folder / _npz_name(of_image[0])
        windows = None if path.is_file() else source.windows(of_image)
        if windows is not None:
            stream = io.BytesIO()
            np.savez(stream, pixels=np.stack(windows), sample_id=np.array([row.sample_id for row in of_image]))
            write_bytes(path, stream.getvalue())
        yield len(of_image)


def _write_shards(folder: Path, rows: Sequence[PatchRow], source: _Source) -> Iterator[int]:
    sides = {round(row.scale * row.height) for row in rows}
    if len(sides) > 1:
        raise InputError(f"shards take windows of one size, got sides of {min(sides)} to {max(sides)}; store them as png or npz")
    side = max(1, *sides, 1)
    most = max(1, SHARD_BYTES // (side * side * source.dtype.itemsize))
    for number, start in enumerate(range(0, len(rows), most)):
        part = rows[start : start + most]
        name = folder / f"shard-{number:05}.npy"
        table = name.with_suffix(".csv")
        if not table.is_file() or len(read_table(table, ShardRow)) < len(part):  # an image that could not be read may be there by now
            _write_shard(name, part, (side, side), source)
        yield len(part)


def _write_shard(name: Path, rows: Sequence[PatchRow], size: tuple[int, int], source: _Source) -> None:
    """Write one shard, then the table that says it is whole; windows of an image that cannot be read are black and not in the table."""
    beside = name.with_name(f".{name.name}.{os.getpid()}.part")
    name.parent.mkdir(parents=True, exist_ok=True)
    try:
        shard = np.lib.format.open_memmap(beside, "w+", source.dtype, (len(rows), *size))
        index: list[ShardRow] = []
        place = 0
        for of_image in _by_image(rows):
            windows = source.windows(of_image)
            if windows is not None:
                other = next((window.shape for window in windows if window.shape != size), None)
                if other:
                    raise InputError(f"shards take windows of one size, got {other} beside {size}; store them as png or npz")
                shard[place : place + len(windows)] = windows
                index += [ShardRow(row.sample_id, place + number) for number, row in enumerate(of_image)]
            place += len(of_image)
        shard.flush()
        del shard
        os.replace(beside, name)
    finally:
        beside.unlink(missing_ok=True)
    write_table(name.with_suffix(".csv"), ShardRow, index)


def _digest(rows: Sequence[PatchRow]) -> str:
    return hashlib.sha256(to_text(PatchRow, rows).encode()).hexdigest()


def _safe(text: str) -> str:
    """Return a text as part of a file's name, one for each text, on every system."""
    return f"{re.sub('[^A-Za-z0-9_-]', '_', text)[:60]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _png_name(row: PatchRow) -> str:
    return f"{_safe(f'{row.set}/{row.image_id}')}/{_safe(row.sample_id.rpartition('/')[2])}.png"


def _npz_name(row: PatchRow) -> str:
    return f"{_safe(f'{row.set}/{row.image_id}')}.npz"


# ---- the way back ----


def open_store(folder: Path) -> Callable[[PatchRow], NDArray[Any]]:
    """Return what reads a window of a store.

    Parameters
    ----------
    folder : Path
        That `write_store` wrote.

    Returns
    -------
    callable
        Takes a row of patches.csv, gives (S, S) uint8 or uint16, full white 255 or 65,535; of shards a view of the file, mapped into
        memory. It raises ReadError where the store has no such window.

    Raises
    ------
    ReadError
        If the folder holds no store.
    """
    facts = read_json(folder / "store.json") if (folder / "store.json").is_file() else None
    if not isinstance(facts, dict) or facts.get("format") != _FORMAT or facts.get("kind") not in KINDS:
        raise ReadError(folder, "is no store of windows; make one with: breastcad patches --store")
    if facts["kind"] == "png":
        return lambda row: _read_png(folder, row)
    if facts["kind"] == "npz":
        return _npz_reader(folder)
    return _shard_reader(folder)


def _missing(folder: Path, row: PatchRow) -> ReadError:
    return ReadError(folder, f"has no window {row.sample_id}")


def _read_png(folder: Path, row: PatchRow) -> NDArray[Any]:
    path = folder / _png_name(row)
    window = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if window is None:
        raise _missing(folder, row)
    return window


def _npz_reader(folder: Path) -> Callable[[PatchRow], NDArray[Any]]:
    @lru_cache(maxsize=4)
    def windows(name: str) -> tuple[dict[str, int], NDArray[Any]]:
        with np.load(folder / name) as file:
            return {sample: place for place, sample in enumerate(file["sample_id"].tolist())}, file["pixels"]

    def read(row: PatchRow) -> NDArray[Any]:
        name = _npz_name(row)
        if not (folder / name).is_file():
            raise _missing(folder, row)
        places, pixels = windows(name)
        if row.sample_id not in places:
            raise _missing(folder, row)
        return pixels[places[row.sample_id]]

    return read


def _shard_reader(folder: Path) -> Callable[[PatchRow], NDArray[Any]]:
    places = {row.sample_id: (path, row.place) for path in sorted(folder.glob("shard-*.csv")) for row in read_table(path, ShardRow)}

    @cache
    def shard(path: Path) -> NDArray[Any]:
        return np.asarray(np.load(path.with_suffix(".npy"), mmap_mode="r"))

    def read(row: PatchRow) -> NDArray[Any]:
        if row.sample_id not in places:
            raise _missing(folder, row)
        path, place = places[row.sample_id]
        return shard(path)[place]

    return read

"""Pixels of windows on disk, in each of three forms, and the way back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection, ImageRow, PatchRow
from breastcad.core.seeding import generator
from breastcad.patches import store
from breastcad.patches.methods import METHODS
from breastcad.patches.store import KINDS, open_store, write_store
from breastcad.patches.table import cut_patches

Images = dict[tuple[str, str], tuple[Path, ImageRow]]


def made(folder: Path, depth: int = 8, **values: Any) -> tuple[list[PatchRow], Images, dict[str, np.ndarray[Any, Any]]]:
    """Write three pictures with names that are none of files, and cut windows of 16 every 12 from them."""
    names, pixels, images = ("a/b", "a_b", "ä (1)"), {}, []
    for number, name in enumerate(names):
        levels = generator(number, "picture").integers(0, 2**depth, (40, 50 + min(number, 1))).astype(np.uint8 if depth == 8 else np.uint16)
        cv2.imwrite(str(folder / f"{number}.png"), levels)
        pixels[name] = levels
        images.append(
            ImageRow("s", name, path=f"{number}.png", modality="US", rows=40, cols=50 + min(number, 1), bit_depth=depth, label="normal")
        )
    settings = METHODS["overlapping"].kind(**{"window": 16, "stride": 12, **values})
    rows = cut_patches(Collection(str(folder), images), "overlapping", settings).rows
    return rows, {(image.set, image.image_id): (folder, image) for image in images}, pixels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [8, 16])
def test_what_is_written_is_read_back(kind: str, depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHARD_BYTES", 5 * 16 * 16 * depth // 8)
    rows, images, pixels = made(tmp_path, depth)
    told: list[tuple[int, int]] = []
    assert write_store(tmp_path / "out", kind, rows, images, progress=lambda *done: told.append(done)) == []
    assert told[-1] == (len(rows), len(rows)) == (27, 27)
    read = open_store(tmp_path / "out")
    for row in rows:
        window = read(row)
        assert window.dtype == (np.uint8 if depth == 8 else np.uint16)
        assert np.array_equal(window, pixels[row.image_id][int(row.row) : int(row.row) + 16, int(row.col) : int(row.col) + 16])
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_goes_on_where_it_stopped(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHARD_BYTES", 9 * 16 * 16)
    rows, images, _ = made(tmp_path)
    opened: list[str] = []
    real = store.open_picture

    def stopping(path: Path, frame: int | None) -> Any:
        opened.append(path.name)
        if len(opened) == 3:
            raise KeyboardInterrupt
        return real(path, frame)

    monkeypatch.setattr(store, "open_picture", stopping)
    with pytest.raises(KeyboardInterrupt):
        write_store(tmp_path / "out", kind, rows, images)
    assert not list(tmp_path.rglob("*.part"))
    write_store(tmp_path / "out", kind, rows, images)
    assert opened == ["0.png", "1.png", "2.png", "2.png"]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*") if path.name != "store.json"}
    write_store(tmp_path / "out", kind, rows, images)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert len(opened) == 4


def test_a_store_of_other_windows_is_not_gone_on_with(tmp_path: Path) -> None:
    rows, images, _ = made(tmp_path)
    write_store(tmp_path / "out", "npz", rows, images)
    for other in ((rows[1:], "npz", ""), (rows, "png", ""), (rows, "npz", "median")):
        with pytest.raises(InputError, match="holds a store of other windows"):
            write_store(tmp_path / "out", other[1], other[0], images, prepared=other[2])


def test_images_are_prepared_before_they_are_cut(tmp_path: Path) -> None:
    rows, images, pixels = made(tmp_path)
    write_store(tmp_path / "out", "npz", rows, images, prepare=lambda image: 1 - image, prepared="inverted")
    window = open_store(tmp_path / "out")(rows[0])
    expected = 65535 - np.rint(pixels["a/b"][:16, :16] / np.float32(255) * 65535)
    assert np.abs(window - expected).max() <= 1
    with pytest.raises(ValueError, match=r"what prepares an image must keep its size, got \(20, 50\) for \(40, 50\)"):
        write_store(tmp_path / "other", "npz", rows, images, prepare=lambda image: image[::2])


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_that_cannot_be_read_is_said_and_others_stay(kind: str, tmp_path: Path) -> None:
    rows, images, _ = made(tmp_path)
    (tmp_path / "1.png").unlink()
    (said,) = write_store(tmp_path / "out", kind, rows, images)
    assert said == "a_b has no windows in the store: 1.png: does not exist"
    read = open_store(tmp_path / "out")
    assert read(rows[0]).shape == read(rows[-1]).shape == (16, 16)
    for row in (next(row for row in rows if row.image_id == "a_b"), replace(rows[0], sample_id="s/a/b/else")):
        if kind != "png" or row.image_id == "a_b":
            with pytest.raises(ReadError, match="has no window s/a"):
                read(row)


def test_windows_that_are_resized_are_stored_at_their_size(tmp_path: Path) -> None:
    rows, images, _ = made(tmp_path, scale=0.5)
    write_store(tmp_path / "out", "shards", rows, images)
    window = open_store(tmp_path / "out")(rows[0])
    assert window.shape == (16, 16)
    assert not window.flags.writeable


def test_shards_take_one_size(tmp_path: Path) -> None:
    rows, images, _ = made(tmp_path)
    with pytest.raises(InputError, match="shards take windows of one size, got sides of 8 to 16"):
        write_store(tmp_path / "out", "shards", [*rows, replace(rows[0], sample_id="x", scale=0.5)], images)


def test_whole_images_are_stored_as_they_are_but_not_in_shards(tmp_path: Path) -> None:
    rows, images, pixels = made(tmp_path)
    collection = Collection(str(tmp_path), [image for _, image in images.values()])
    rows = cut_patches(collection, "whole", METHODS["whole"].kind()).rows
    write_store(tmp_path / "npz", "npz", rows, images)
    assert np.array_equal(open_store(tmp_path / "npz")(rows[2]), pixels["ä (1)"])
    with pytest.raises(InputError, match=r"shards take windows of one size, got \(40, 50\) beside \(40, 40\)"):
        write_store(tmp_path / "shards", "shards", rows, images)
    assert not list((tmp_path / "shards").glob("*.npy"))


def test_an_unknown_kind_and_what_is_no_store_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="kind must be one of png, npz, shards, got 'zip'"):
        write_store(tmp_path / "out", "zip", [], {})
    with pytest.raises(ReadError, match="is no store of windows"):
        open_store(tmp_path)


def test_a_shard_whose_table_is_missing_is_written_again(tmp_path: Path) -> None:
    """The table is written last: what stopped before it left no window that could be found."""
    rows, images, _ = made(tmp_path)
    write_store(tmp_path / "out", "shards", rows, images)
    (tmp_path / "out" / "shard-00000.csv").unlink()
    with pytest.raises(ReadError, match="has no window"):
        open_store(tmp_path / "out")(rows[0])
    write_store(tmp_path / "out", "shards", rows, images)
    assert open_store(tmp_path / "out")(rows[0]).shape == (16, 16)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_that_is_there_again_gets_its_windows(kind: str, tmp_path: Path) -> None:
    rows, images, pixels = made(tmp_path)
    (tmp_path / "1.png").rename(tmp_path / "away.png")
    assert len(write_store(tmp_path / "out", kind, rows, images)) == 1
    (tmp_path / "away.png").rename(tmp_path / "1.png")
    assert write_store(tmp_path / "out", kind, rows, images) == []
    row = next(row for row in rows if row.image_id == "a_b")
    assert np.array_equal(open_store(tmp_path / "out")(row), pixels["a_b"][:16, :16])

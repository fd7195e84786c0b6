"""Arrays of an .npz file (a zip of .npy files), a slice at a time: what lies before it is inflated and let go, the rest is not touched."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.read.files import check_size, fault

MAX_LABELS = 1_000_000
"""Largest array that is read whole: `npz_numbers`."""
_CHUNK = 1 << 18
_MOST = 10**15  # more numbers than any file holds


@dataclass(frozen=True, slots=True)
class ArrayFacts:
    """What an array's header says."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


def npz_facts(path: str | Path, name: str) -> ArrayFacts:
    """Read an array's header.

    Raises
    ------
    ReadError
        If the file is no .npz or damaged, has no such array, or its array holds objects or records, has more than four dimensions
        or lies by columns.
    """
    with _opened(Path(path), name) as (_, facts):
        return facts


def npz_slice(path: str | Path, name: str, index: int) -> NDArray[np.uint8]:
    """Read one picture of an (N, H, W) array of uint8.

    It costs the time to inflate what lies before it, 27 MB at most in BreastMNIST of 224 px, and the memory of one picture.

    Returns
    -------
    (H, W) ndarray of uint8

    Raises
    ------
    ReadError
        As `npz_facts`, or if the array is none of pictures, has no such one, or ends before it.
    """
    path = Path(path)
    with _opened(path, name) as (stream, facts):
        rows, cols = picture_size(path, name, facts)
        if not 0 <= index < facts.shape[0]:
            raise ReadError(path, f"'{name}' has {facts.shape[0]} pictures, none of number {index}")
        _let_go(path, stream, index * rows * cols)
        return np.frombuffer(_exactly(path, stream, rows * cols), np.uint8).reshape(rows, cols)


def npz_numbers(path: str | Path, name: str) -> NDArray[np.int64]:
    """Read a small array of whole numbers, flat.

    Raises
    ------
    ReadError
        As `npz_facts`, or if it has more than `MAX_LABELS` numbers, or others than whole ones.
    """
    path = Path(path)
    with _opened(path, name) as (stream, facts):
        count = prod(facts.shape)
        if count > MAX_LABELS or facts.dtype.kind not in "iub":
            raise ReadError(path, f"'{name}' must hold whole numbers, at most {MAX_LABELS:,}; it holds {count:,} of type {facts.dtype}")
        return np.frombuffer(_exactly(path, stream, count * facts.dtype.itemsize), facts.dtype).astype(np.int64)


def check_pictures(path: str | Path, name: str) -> ArrayFacts:
    """Inflate an array of pictures once from end to end, which compares the zip's checksum; nothing is kept.

    Raises
    ------
    ReadError
        As `npz_slice`, or if the array is cut short, has more bytes than its header says, or other ones than it was written with.
    """
    path = Path(path)
    with _opened(path, name) as (stream, facts):
        rows, cols = picture_size(path, name, facts)
        _let_go(path, stream, facts.shape[0] * rows * cols)
        if stream.read(1):
            raise ReadError(path, f"'{name}' has more bytes than its header says; fetch the file again")
        return facts


def picture_size(path: str | Path, name: str, facts: ArrayFacts) -> tuple[int, int]:
    """Return rows and columns of an array of pictures; ReadError if it is none."""
    if len(facts.shape) != 3 or facts.dtype != np.uint8 or not all(facts.shape[1:]):
        raise ReadError(path, f"'{name}' must be (N, rows, columns) of 8-bit grey, but is {facts.shape} of type {facts.dtype}")
    check_size(path, *facts.shape[1:])
    return facts.shape[1], facts.shape[2]


@contextmanager
def _opened(path: Path, name: str) -> Iterator[tuple[IO[bytes], ArrayFacts]]:
    """Open an array behind its header, with every fault of zip and numpy as a ReadError."""
    try:
        with zipfile.ZipFile(path) as archive:
            if f"{name}.npy" not in archive.namelist():
                raise ReadError(path, f"has no array '{name}'")
            with archive.open(f"{name}.npy") as stream:
                yield stream, _header(path, name, stream)
    except ReadError:
        raise
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({fault(error)})") from error
    except Exception as error:  # broken bytes make zip and zlib raise anything, and each of it means the same
        raise ReadError(path, f"'{name}' cannot be read, the file is truncated or damaged ({fault(error)})") from error


def _header(path: Path, name: str, stream: IO[bytes]) -> ArrayFacts:
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, by_columns, dtype = readers[version](stream)
    if dtype.hasobject:
        raise ReadError(path, f"'{name}' holds Python objects, which are never loaded")
    if by_columns or any(length < 0 for length in shape):
        raise ReadError(path, f"'{name}' lies by columns; save it with numpy.ascontiguousarray")
    if dtype.kind == "V" or len(shape) > 4 or prod(shape) > _MOST:
        raise ReadError(path, f"'{name}' holds no numbers in at most four dimensions")
    return ArrayFacts(tuple(shape), dtype)


def _let_go(path: Path, stream: IO[bytes], count: int) -> None:
    while count:
        count -= len(_exactly(path, stream, min(count, _CHUNK)))


def _exactly(path: Path, stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise ReadError(path, "ends before its arrays do; fetch it again")
    return content

"""MATLAB 5 files: the fields of a struct array, one at a time, so that a file of half a gigabyte is never in memory.

Only what such a set needs: a variable that is a struct array, its fields numbers or text. What stands where is found in one pass over
the file; of a compressed variable the state of the inflater is kept at each element, so that a field is reached from there.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.read.files import check_size, fault

MAX_ELEMENTS = 2_000  # each keeps a copy of the inflater, 36 KB
_CHUNK = 1 << 14
_MATRIX, _COMPRESSED = 14, 15
_STRUCT, _CHAR = 2, 4
_NUMBERS = range(6, 16)
_COMPLEX = 0x800
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}


@dataclass(frozen=True, slots=True)
class MatField:
    """One field of one element: its size, and its word or number where it is one; anything else has ``value`` None."""

    shape: tuple[int, ...]
    value: str | float | None
    dtype: str | None = None
    start: int = 0


@dataclass(slots=True)
class _Source:
    """A place in a file, or in what a compressed variable inflates to, from where one reads on. `copy` is a place to come back to."""

    file: BinaryIO
    at: int
    inflater: zlib._Decompress | None = None
    pending: bytes = b""
    done: int = 0
    """Bytes given out; for the distance between two places."""

    def copy(self, file: BinaryIO | None = None) -> _Source:
        return _Source(file or self.file, self.at, self.inflater.copy() if self.inflater else None, self.pending, self.done)

    def read(self, count: int) -> bytes:
        parts: list[bytes] = []
        missing = count
        while missing:
            part = self._some(missing)
            if not part:
                raise EOFError("it ends before its data do")
            parts.append(part)
            missing -= len(part)
        self.done += count
        return b"".join(parts)

    def skip(self, count: int) -> None:
        if self.inflater is None:
            self.at += count
            self.done += count
            return
        while count:
            count -= len(self.read(min(count, 64 * _CHUNK)))

    def _some(self, count: int) -> bytes:
        if self.inflater is None:
            self.file.seek(self.at)
            part = self.file.read(count)
            self.at += len(part)
            return part
        part = b""
        while not part and not self.inflater.eof:
            if not self.pending:
                self.file.seek(self.at)
                self.pending = self.file.read(_CHUNK)
                self.at += len(self.pending)
            if not self.pending:
                break
            part = self.inflater.decompress(self.pending, count)
            self.pending = self.inflater.unconsumed_tail
        return part


@dataclass(slots=True)
class _Struct:
    """A struct array: for each element its place and its fields, whose ``start`` counts from there."""

    places: list[_Source] = field(default_factory=list)
    elements: list[dict[str, MatField]] = field(default_factory=list)
    order: str = "<"


def mat_elements(path: str | Path, variable: str) -> list[dict[str, MatField]]:
    """Return the elements of a struct array: field name to size, and to value where it is a word or a single number.

    Parameters
    ----------
    path : str or Path
        A MATLAB file of version 5 (up to 7.2), compressed or not.
    variable : str

    Returns
    -------
    list of dict
        In MATLAB's order, of a 1 x N array from first to last.

    Raises
    ------
    ReadError
        If the file cannot be read, is of version 7.3 or damaged, or has no struct array of that name.
    """
    return _indexed(path, variable).elements


def mat_array(path: str | Path, variable: str, element: int, name: str) -> NDArray[np.generic]:
    """Read one field of one element as a 2D array of numbers, of the type that is stored.

    Raises
    ------
    ReadError
        As `mat_elements`, or if there is no such element or field, it is no 2D array of finite real numbers, or larger than a picture.
    """
    path = Path(path)
    index = _indexed(path, variable)
    found = index.elements[element].get(name) if element < len(index.elements) else None
    if found is None:
        raise ReadError(path, f"has no member '{variable}/{element}/{name}'")
    if found.dtype is None or len(found.shape) != 2 or not all(found.shape):
        raise ReadError(path, f"'{variable}/{element}/{name}' is no 2D array of numbers")
    rows, cols = found.shape
    check_size(path, rows, cols)
    try:
        with open(path, "rb") as file:
            source = index.places[element].copy(file)
            source.skip(found.start)
            content = source.read(rows * cols * np.dtype(found.dtype).itemsize)
    except (OSError, EOFError, zlib.error) as error:
        raise ReadError(path, f"cannot be read to its end, it is truncated or damaged ({fault(error)})") from error
    array = np.frombuffer(content, found.dtype).reshape(rows, cols, order="F")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ReadError(path, f"'{variable}/{element}/{name}' holds values that are not finite")
    return array


def _indexed(path: str | Path, variable: str) -> _Struct:
    path = Path(path).resolve()
    try:
        facts = path.stat()
        return _index(path, variable, facts.st_size, facts.st_mtime_ns)
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error


@lru_cache(maxsize=2)
def _index(path: Path, variable: str, size: int, changed: int) -> _Struct:
    """Go through the file once; `size` and `changed` make a file that was replaced a new one."""
    try:
        with open(path, "rb") as file:
            order = _byte_order(path, file.read(128))
            at = 128
            while at + 8 <= size:
                kind, count = struct.unpack(f"{order}II", _at(file, at, 8))
                source = _Source(file, at)
                if kind == _COMPRESSED:
                    source = _Source(file, at + 8, zlib.decompressobj())
                index = _variable(path, source, variable, order)
                if index is not None:
                    return index
                at += 8 + count
    except (ReadError, OSError):
        raise
    except Exception as error:  # broken bytes end in struct, zlib, codecs or numpy errors, and each of them means the same
        raise ReadError(path, f"cannot be read as a MATLAB file, it is truncated or damaged ({fault(error)})") from error
    raise ReadError(path, f"has no variable '{variable}' that is a struct array")


def _at(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _byte_order(path: Path, head: bytes) -> str:
    if head.startswith(b"MATLAB 7.3"):
        raise ReadError(path, "is a MATLAB 7.3 file, which is not read; save it with -v7")
    if len(head) < 128 or not head.startswith(b"MATLAB ") or head[126:128] not in (b"IM", b"MI"):
        raise ReadError(path, "is no MATLAB 5 file")
    return "<" if head[126:128] == b"IM" else ">"


def _variable(path: Path, source: _Source, variable: str, order: str) -> _Struct | None:
    """Read one variable's head and, if it is the one that is wanted and a struct array, its elements."""
    kind, _ = _tag(source, order)[:2]
    if kind != _MATRIX:
        return None
    flags, shape, name = _matrix_head(source, order)
    if name != variable or flags & 0xFF != _STRUCT:
        return None
    longest = int(np.frombuffer(_data(source, order)[1], f"{order}i4")[0])
    packed = _data(source, order)[1]
    names = [packed[at : at + longest].split(b"\0")[0].decode("latin-1") for at in range(0, len(packed), max(1, longest))]
    count = prod(shape)
    if count > MAX_ELEMENTS:
        raise ReadError(path, f"'{variable}' has more than {MAX_ELEMENTS:,} elements, which no set has; is it the set's file?")
    index = _Struct(order=order)
    for _ in range(count):
        place = source.copy()
        index.places.append(place)
        index.elements.append({name: _field(source, order, place.done) for name in names})
    return index


def _field(source: _Source, order: str, origin: int) -> MatField:
    """Read one field's head, and its value if it is text or one number; go on behind it."""
    _, count, _ = _tag(source, order)
    end = source.done + count
    if not count:
        return MatField((0, 0), None)
    flags, shape, _ = _matrix_head(source, order)
    kind = flags & 0xFF
    value: str | float | None = None
    dtype, start = None, 0
    if kind == _CHAR:
        of, content = _data(source, order)
        value = content.decode(_TEXT[of] + ("" if of in (1, 2, 16) else {"<": "-le", ">": "-be"}[order])).strip("\0 ")
    elif kind in _NUMBERS and not flags & _COMPLEX:
        of, length, small = _tag(source, order)
        dtype, start = f"{order}{_TYPES[of]}", source.done - origin
        if length != prod(shape) * np.dtype(dtype).itemsize:
            raise ValueError(f"a field of {prod(shape)} numbers has {length} bytes")
        if prod(shape) == 1:
            value = float(np.frombuffer(small or source.read(length), dtype)[0])
    source.skip(end - source.done)
    return MatField(shape, value, dtype, start)


def _matrix_head(source: _Source, order: str) -> tuple[int, tuple[int, ...], str]:
    """Read what every matrix begins with: flags, size, name."""
    flags = struct.unpack(f"{order}I", _data(source, order)[1][:4])[0]
    shape = tuple(int(length) for length in np.frombuffer(_data(source, order)[1], f"{order}i4"))
    if any(length < 0 for length in shape):
        raise ValueError(f"a size of {shape}")
    return flags, shape, _data(source, order)[1].decode("latin-1")


def _tag(source: _Source, order: str) -> tuple[int, int, bytes]:
    """Read an element's type and number of bytes; of one that is packed into its tag, also those."""
    first = source.read(4)
    word = struct.unpack(f"{order}I", first)[0]
    rest = source.read(4)
    if word >> 16:
        return word & 0xFFFF, word >> 16, rest[: word >> 16]
    return word, struct.unpack(f"{order}I", rest)[0], b""


def _data(source: _Source, order: str) -> tuple[int, bytes]:
    """Read a small element whole: its type and its bytes."""
    of, count, small = _tag(source, order)
    if small or not count:
        return of, small
    if count > 1 << 20:
        raise ValueError(f"a head of {count} bytes")
    content = source.read(count)
    source.skip(-count % 8)
    return of, content

"""Prepared pictures on disk, so that each is decoded once: one .npy a picture, mapped into memory when it is used again.

An entry's name is made of what its source files hold (SHA-256), of the kind and settings of its preparation, and of the code and the
packages that made it: whatever changes, the old entry is simply not found. What is prepared, and how, is the caller's.
"""

from __future__ import annotations

import hashlib
import io
import json
import mmap
import os
import platform
import re
import stat
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import breastcad
from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_json, write_bytes, write_json, write_text

FOLDER_VARIABLE, LIMIT_VARIABLE = "BREASTCAD_CACHE", "BREASTCAD_CACHE_LIMIT"
DEFAULT_LIMIT_GIB = 20.0
"""Room that entries may take, unless BREASTCAD_CACHE_LIMIT says otherwise: 70,000 films at 768 x 384."""
KEPT_SHARE = 0.9
"""Share of the limit that is kept when it is passed: the entries used longest ago go, and not one by one."""
LEFTOVER_S = 3600.0
"""Age at which a file that is still being written is a killed writer's: a write takes milliseconds."""
SETTLED_NS = 2_000_000_000
"""A file changed within this time is hashed but not remembered: a second change might leave its time stamps as they are."""
MOST_MAPS = 20_000
"""Entries that a process maps; further ones are read into memory, since Linux allows 65,530 mappings and others need some."""
MOST_DIGESTS = 500_000
CODE = (
    "core/*.py",
    "datasets/copies.py",
    "datasets/duplicates.py",
    "datasets/thumbnails.py",
    "evaluate/marks.py",
    "patches/rois.py",
    "patches/views.py",
    "preprocess/*.py",
    "read/*.py",
    "train/samples.py",
    "train/windows.py",
)
"""The sources that an entry may depend on. Any edit makes all entries anew: dear for who edits these files, and never wrong."""
PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "scikit-image",
    "pillow",
    "tifffile",
    "imagecodecs",
    "pydicom",
    "pylibjpeg-openjpeg",
    "pyjpegls",
)

_ENTRIES, _DIGESTS, _TAG = "entries", "digests.json", "CACHEDIR.TAG"
_ENTRY = re.compile(r"[0-9a-f]{64}\.npy")
_LEFTOVER = re.compile(r"\.([0-9a-f]{64}\.npy|digests\.json|CACHEDIR\.TAG)\.\d+\.part")
_TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by breastcad; may be deleted at any time: breastcad cache clear\n"
_CHECK_BYTES = 4

Make = Callable[[], NDArray[Any]]
Tell = Callable[[str], None]


def cache_folder() -> Path:
    """Return where the cache lies: BREASTCAD_CACHE, else ``breastcad`` in XDG_CACHE_HOME, else in ``~/.cache``."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".cache") / "breastcad"


def cache_limit() -> int:
    """Return the bytes that entries may take: BREASTCAD_CACHE_LIMIT, in GiB, else `DEFAULT_LIMIT_GIB`.

    Raises
    ------
    InputError
        If the variable is no positive number.
    """
    said = os.environ.get(LIMIT_VARIABLE) or str(DEFAULT_LIMIT_GIB)
    try:
        gib = float(said)
    except ValueError:
        gib = 0.0
    if not 0 < gib < float("inf"):
        raise InputError(f"{LIMIT_VARIABLE} must be a positive number of GiB, got '{said}'")
    return int(gib * 2**30)


@cache
def code_version() -> str:
    """Return a digest of `CODE`, of the versions of `PACKAGES`, and of the kind of processor: what the same pixels depend on."""
    told = hashlib.sha256(f"{breastcad.__version__} {platform.machine()}".encode())
    root = Path(breastcad.__file__).parent
    for path in sorted(path for pattern in CODE for path in root.glob(pattern)):
        told.update(path.read_bytes())
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            told.update(f"{name} {metadata.version(name)}".encode())
    return told.hexdigest()


class Cache:
    """Arrays that were made from files, kept in a folder; a context, at whose end the digests of files are remembered.

    Any number of processes may use one folder: an entry is written beside its place and renamed, so two writers give the same file, and
    what a killed one leaves has no final name and is removed later. An entry that is damaged (each ends with a CRC-32) is made anew.
    Whatever the disk refuses is told once, and the work goes on without the cache.

    Parameters
    ----------
    folder : Path
        Made with the first entry, for its owner's eyes only.
    limit : int
        Bytes that entries may take; when they are more, those used longest ago are removed. Each process counts what it adds itself.
    tell : callable
        Takes a sentence for the user.
    """

    def __init__(self, folder: Path, *, limit: int, tell: Tell) -> None:
        self.folder, self.limit, self._tell = folder, limit, tell
        self._known = _read_digests(folder)
        self._learnt: dict[str, list[int | str]] = {}
        self._changed: list[Path] = []
        self._bytes: int | None = None
        self._maps = 0
        self._writes = True

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def array(self, kind: str, sources: Sequence[Path], settings: Sequence[object], make: Make) -> NDArray[Any]:
        """Return what ``make`` returned when it was last called for the same content and settings, or call it.

        Parameters
        ----------
        kind : str
            What is kept, e.g. ``"ultrasound-288x288"``; letters, digits and hyphens.
        sources : sequence of Path
            The files that ``make`` reads; one that cannot be read is left to ``make`` to complain about.
        settings : sequence
            What else the result depends on: numbers, text, None, and lists of them.
        make : callable
            Returns an ndarray without objects.

        Returns
        -------
        ndarray
            As ``make`` returned it, or the same numbers mapped from disk, read-only.
        """
        try:
            before = [_signature(path) for path in sources]
            digests = [self._digest(path, signature) for path, signature in zip(sources, before, strict=True)]
        except OSError:
            return make()
        name = hashlib.sha256(json.dumps([code_version(), kind, digests, *settings]).encode()).hexdigest()
        path = self.folder / _ENTRIES / kind / f"{name}.npy"
        found = self._read(path)
        if found is not None:
            return found
        made = make()
        if self._writes and made.size and _unchanged(sources, before):
            self._write(path, made)
        return made

    def close(self) -> None:
        """Remember the digests of the files that were hashed, beside those that others remembered meanwhile; tell of changed files."""
        if self._changed:
            said = ReadError(self._changed[0], f"is one of {len(self._changed)} files whose content changed since breastcad last read them")
            self._tell(f"{said}; import their set again, so that its tables fit")
            self._changed = []
        if self._learnt and self._writes:
            known = _read_digests(self.folder) | self._learnt
            self._guarded(lambda: write_json(self.folder / _DIGESTS, dict(list(known.items())[-MOST_DIGESTS:])))
            self._learnt = {}

    def _digest(self, path: Path, signature: list[int]) -> str:
        """Return the SHA-256 of a file's content.

        A file whose size, two time stamps and inode are as they were is not read again: hashing every film would take as long as reading
        the whole set. What is given up: a change that leaves all four alone, which takes an effort (``ctime`` cannot be set), is not seen.
        """
        key = hashlib.sha256(os.path.abspath(path).encode(errors="surrogateescape")).hexdigest()  # no name of a file enters the cache
        known = self._known.get(key)
        if known and known[:-1] == signature:
            return str(known[-1])
        with open(path, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if known and known[-1] != digest:
            self._changed.append(path)
        if time.time_ns() - max(signature[1:3]) > SETTLED_NS and _signature(path) == signature:
            self._known[key] = self._learnt[key] = [*signature, digest]
        return digest

    def _read(self, path: Path) -> NDArray[Any] | None:
        """Map an entry; None where there is none or it is damaged."""
        try:
            with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as whole, memoryview(whole) as content:
                if zlib.crc32(content[:-_CHECK_BYTES]) != int.from_bytes(content[-_CHECK_BYTES:], "little"):
                    return None
            mapped = self._maps < MOST_MAPS
            array: NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None)
        except (OSError, ValueError):
            return None
        self._maps += mapped
        with suppress(OSError):
            os.utime(path)  # the time of its last use, by which entries are removed
        return np.asarray(array)

    def _write(self, path: Path, made: NDArray[Any]) -> None:
        buffer = io.BytesIO()
        np.save(buffer, made, allow_pickle=False)
        content = buffer.getvalue()
        whole = content + zlib.crc32(content).to_bytes(_CHECK_BYTES, "little")  # numpy does not look behind the last number

        def put() -> None:
            if self._bytes is None:
                _make_folder(self.folder)
                _remove_leftovers(self.folder)
                self._bytes = sum(entry.bytes for entry in _entries(self.folder))
            write_bytes(path, whole)
            self._bytes += len(whole)
            if self._bytes > self.limit:
                self._bytes = _trim(self.folder, int(self.limit * KEPT_SHARE))

        self._guarded(put)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do what writes; what the disk refuses is told, and nothing is written any more."""
        try:
            work()
        except OSError as error:
            self._writes = False
            self._tell(f"the cache '{self.folder}' takes nothing more ({error.strerror or error}); the work goes on without it")


def open_cache(tell: Tell) -> Cache:
    """Return the user's cache, as `cache_folder` and `cache_limit` say.

    Raises
    ------
    InputError
        As `cache_limit`.
    """
    return Cache(cache_folder(), limit=cache_limit(), tell=tell)


# ---- files and their digests ----


def _signature(path: Path) -> list[int]:
    """Return size, time of the last change of content and of the file's entry (both in ns), and inode; OSError if it is no regular file."""
    facts = os.stat(path)
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(f"'{path}' is no regular file")
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]


def _unchanged(sources: Sequence[Path], before: list[list[int]]) -> bool:
    """Say if files are what they were when they were hashed: else what was made of them would be kept under a wrong name."""
    try:
        return [_signature(path) for path in sources] == before
    except OSError:
        return False


def _read_digests(folder: Path) -> dict[str, list[int | str]]:
    """Read what is remembered of files, without what is damaged."""
    try:
        known = read_json(folder / _DIGESTS)
    except ReadError:
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: value for key, value in known.items() if isinstance(value, list) and len(value) == 5 and isinstance(value[-1], str)}


# ---- the folder ----


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry on disk: ``used`` is when it was last used (s since 1970)."""

    path: Path
    kind: str
    bytes: int
    used: float


def usage(folder: Path) -> dict[str, tuple[int, int]]:
    """Count entries and bytes by kind, sorted."""
    found: dict[str, tuple[int, int]] = {}
    for entry in _entries(folder):
        count, size = found.get(entry.kind, (0, 0))
        found[entry.kind] = count + 1, size + entry.bytes
    return dict(sorted(found.items()))


def clear(folder: Path) -> tuple[int, int]:
    """Remove all that breastcad put into a cache folder, and nothing else; return how many entries and bytes that freed.

    Raises
    ------
    OSError
        If a file may not be removed.
    """
    count = size = 0
    for entry in _entries(folder):
        entry.path.unlink(missing_ok=True)
        count, size = count + 1, size + entry.bytes
    _remove_leftovers(folder, age=0)
    for name in (_DIGESTS, _TAG):
        (folder / name).unlink(missing_ok=True)
    for place in [*_places(folder), folder]:
        with suppress(OSError):  # another's file in it, or none there
            place.rmdir()
    return count, size


def _places(folder: Path) -> list[Path]:
    """List the folders that hold entries, then the one that holds these."""
    above = folder / _ENTRIES
    with suppress(OSError), os.scandir(above) as found:
        return [*(Path(place.path) for place in found if place.is_dir(follow_symlinks=False)), above]
    return []


def _files(place: Path, pattern: re.Pattern[str]) -> Iterator[tuple[Path, os.stat_result]]:
    with suppress(OSError), os.scandir(place) as found:
        for file in found:
            if pattern.fullmatch(file.name):
                with suppress(OSError):  # another process has just removed it
                    yield Path(file.path), file.stat(follow_symlinks=False)


def _entries(folder: Path) -> Iterator[Entry]:
    for place in _places(folder)[:-1]:
        for path, facts in _files(place, _ENTRY):
            yield Entry(path, place.name, facts.st_size, facts.st_mtime)


def _make_folder(folder: Path) -> None:
    """Make the cache folder, readable by its owner alone, with the mark that tells backups to pass it over."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / _TAG).exists():
        write_text(folder / _TAG, _TAG_TEXT)


def _remove_leftovers(folder: Path, age: float = LEFTOVER_S) -> None:
    """Remove what killed writers left: files older than `age` seconds that never got their final name."""
    for place in [*_places(folder), folder]:
        for path, facts in _files(place, _LEFTOVER):
            if time.time() - facts.st_mtime >= age:
                path.unlink(missing_ok=True)


def _trim(folder: Path, most: int) -> int:
    """Remove the entries used longest ago until they take no more than `most` bytes; return what they take then."""
    entries = sorted(_entries(folder), key=lambda entry: entry.used)
    size = sum(entry.bytes for entry in entries)
    for entry in entries:
        if size <= most:
            break
        with suppress(OSError):  # in use, where the system holds on to mapped files
            entry.path.unlink(missing_ok=True)
            size -= entry.bytes
    return size

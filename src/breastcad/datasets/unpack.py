"""Archives from elsewhere, unpacked so that they write nothing outside their folder, over nothing, and no more than the disk can hold."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from breastcad.core.errors import InputError, ReadError
from breastcad.read.files import fault

MOST_BYTES, MOST_FILES = 8 * 2**30, 100_000
"""What one archive may hold. A ratio would not do: a lesion's mask, black but for a spot, shrinks a thousandfold."""
_CHUNK_BYTES = 2**20
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError)
_ODD = (FileExistsError, NotADirectoryError, IsADirectoryError)  # one name for a file and a folder
Member = tuple[str, int, IO[bytes]]


def unpack(archive: Path, folder: Path, *, most_bytes: int = MOST_BYTES) -> list[Path]:
    """Unpack a zip or a tar (also compressed) into a new folder.

    Parameters
    ----------
    archive : Path
        Its content tells its kind, not its name.
    folder : Path
        Made here; what an earlier, interrupted call left of it is removed first.
    most_bytes : int
        What the files may have in all.

    Returns
    -------
    list of Path
        The files written, sorted.

    Raises
    ------
    ReadError
        If it is no archive, is damaged or encrypted, or holds a path that leads out of the folder, a link, a device, one name twice (also
        by case), or more than is taken. Nothing is left of the folder then.
    InputError
        If the disk has no room for it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        written = _unpacked(archive, folder, most_bytes)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, _DAMAGED + _ODD):
            raise ReadError(archive, f"cannot be unpacked, it is damaged or encrypted ({fault(error)}); fetch it again") from error
        raise
    return sorted(written)


def _unpacked(archive: Path, folder: Path, most_bytes: int) -> list[Path]:
    written: dict[str, Path] = {}
    left, room = most_bytes, shutil.disk_usage(folder).free
    for name, size, content in _members(archive):
        path = folder / _safe(archive, name)
        if str(path).lower() in written:
            raise ReadError(archive, f"holds '{name}' twice; it is not unpacked")
        left, room = left - size, room - size
        if room < 0:
            raise InputError(f"there is no room to unpack {archive.name}; make some and call again")
        if left < 0 or len(written) >= MOST_FILES:
            raise ReadError(archive, f"holds more than is unpacked ({most_bytes:,} bytes, {MOST_FILES:,} files)")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as stream:
            shutil.copyfileobj(content, stream, _CHUNK_BYTES)
        if path.stat().st_size != size:
            raise ReadError(archive, f"'{name}' has another size than the archive says; fetch it again")
        written[str(path).lower()] = path
    return list(written.values())


def _members(archive: Path) -> Iterator[Member]:
    """Give the files of an archive: name, size and content, of which neither kind's reader gives more than the size."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if stat.S_ISLNK(info.external_attr >> 16):
                    raise ReadError(archive, f"holds a link ('{info.filename}'); it is not unpacked")
                if not info.is_dir():
                    with opened.open(info) as content:
                        yield info.filename, info.file_size, content
        return
    with tarfile.open(archive) as packed:
        for member in packed:
            if not (member.isreg() or member.isdir()):
                raise ReadError(archive, f"holds a link or a device ('{member.name}'); it is not unpacked")
            if member.isreg():
                content_of = packed.extractfile(member)
                assert content_of is not None  # it is a regular file
                yield member.name, member.size, content_of


def _safe(archive: Path, name: str) -> PurePosixPath:
    """Return a member's path; ReadError if it leads out of the folder, on any system."""
    path = PurePosixPath(name.replace("\\", "/"))
    parts = path.parts
    if not parts or path.is_absolute() or ".." in parts or "\0" in name or any(":" in part for part in parts):
        raise ReadError(archive, f"holds a path that leads out of its folder ('{name}'); it is not unpacked")
    return path

"""Data sets from where they are published: those that anyone may fetch are fetched, of the others it is said how to get them.

Where a set is, and under which terms, stands in ``sources.yaml``. How one file is fetched is in `fetch`, how it is unpacked in `unpack`.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_yaml, write_text
from breastcad.datasets.fetch import Fetcher
from breastcad.datasets.unpack import unpack

ARCHIVE = "https://services.cancerimagingarchive.net/nbia-api/services/v1/"
"""The public interface of The Cancer Imaging Archive (NBIA, version 1): no account is needed."""
MOST_UNFETCHED = 5
"""Series in a row that cannot be fetched before the others are left for another call."""
NOTE, RECORD = "SOURCE.txt", "download.csv"

_UID = re.compile(r"[0-9.]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,63}")
_HASHES = "md5hashes.csv"
SeriesProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class File:
    """One file of a set: its name in the folder, its address, the publisher's checksum if there is one, whether it is unpacked."""

    name: str
    url: str
    checksum: str | None = None
    unpack: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Where a set is: ``files`` and the ``collection`` of the archive are fetched; of a set with ``steps`` these are all there is."""

    name: str
    title: str
    licence: str
    cite: str = ""
    page: str = ""
    bytes: int | None = None
    files: tuple[File, ...] = ()
    collection: str | None = None
    steps: tuple[str, ...] = ()


@dataclass(slots=True)
class Result:
    """What a download brought: files and series fetched now, those that were there, and a sentence for what could not be fetched."""

    fetched: int = 0
    there: int = 0
    problems: list[str] = field(default_factory=list)


@cache
def sources() -> dict[str, Source]:
    """Return every source by the set's name."""
    table = read_yaml(Path(__file__).with_name("sources.yaml"))
    return {
        name: Source(
            name, **facts | {"files": tuple(File(**one) for one in facts.get("files", ())), "steps": tuple(facts.get("steps", ()))}
        )
        for name, facts in table.items()
    }


def source_of(name: str) -> Source:
    """Return a set's source.

    Raises
    ------
    InputError
        If the set is unknown.
    """
    if name not in sources():
        near = difflib.get_close_matches(name.lower().replace("_", "-"), sources(), n=2, cutoff=0.5)
        hint = f"near names: {', '.join(map(repr, near))}. " if near else ""
        raise InputError(f"unknown set '{name}'; {hint}Sets: {', '.join(sources())}")
    return sources()[name]


def claim(source: Source, folder: Path) -> None:
    """Make the folder of a download, or go on with the one that is there; its SOURCE.txt says whose it is.

    Raises
    ------
    InputError
        If the folder holds something else, or there is less room than the set is known to take.
    """
    said = f"{source.title} ({source.name})\nTerms: {source.licence}\nCite: {source.cite}\nFrom: {source.page}\n"
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out must be a folder, but '{folder}' is a file; name another")
    note = folder / NOTE
    first = note.read_text(encoding="utf-8", errors="replace").partition("\n")[0] if note.is_file() else None
    if folder.is_dir() and any(folder.iterdir()) and first != said.partition("\n")[0]:
        raise InputError(f"'{folder}' is not empty and holds no download of {source.name}; name another folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    had = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if source.bytes and source.bytes - had > free:
        raise InputError(f"{source.title} takes {source.bytes:,} bytes, and there is room for {free:,}; name a folder on another disk")
    write_text(note, said)


def fetch_files(source: Source, folder: Path, fetcher: Fetcher) -> Result:
    """Fetch a set's single files, check them, and unpack those that are archives.

    A file that cannot be fetched is told, and the others are fetched. What is there already is left alone.
    """
    result = Result()
    for file in source.files:
        path = folder / file.name
        try:
            digest = fetcher.fetch(file.url, path, checksum=file.checksum, check=_is_kind)
            if digest is not None:
                _record(folder, file.name, file.url, path, digest, file.checksum)
            if file.unpack:
                _unpack_beside(path, folder)
        except InputError as error:
            result.problems.append(str(error))
        else:
            result.fetched += digest is not None
            result.there += digest is None
    return result


def _unpack_beside(archive: Path, folder: Path) -> None:
    """Unpack an archive whole, then put what it holds into the folder, one rename each; what is there already is left alone.

    A damaged archive is removed, so that the next call fetches it again.
    """
    done = archive.with_name(f".{archive.name}.unpacked")
    if done.exists():
        return
    staging = archive.with_name(f"{archive.name}.unpacked.part")
    try:
        unpack(archive, staging)
    except ReadError:
        archive.unlink()
        raise
    for entry in sorted(staging.iterdir()):
        if not (folder / entry.name).exists():
            os.rename(entry, folder / entry.name)
    shutil.rmtree(staging)
    write_text(done, "What this archive holds was put beside it.\n")


def _is_kind(part: Path) -> None:
    """Refuse what is not of the kind that its name says: a page in place of a file means a login, or an address that has moved."""
    name = part.name.removesuffix(".part")
    with open(part, "rb") as stream:
        head = stream.read(512).lstrip()
    kinds = {".zip": zipfile.is_zipfile, ".npz": zipfile.is_zipfile, ".xlsx": zipfile.is_zipfile, ".gz": _is_gzip}
    is_kind = kinds.get(Path(name).suffix, lambda _: True)
    if not head or head.startswith(b"<") or not is_kind(part):
        raise ReadError(name, "is not whole, or a page in its place; its address may have moved, or asks for a login (docs/download.md)")


def _is_gzip(path: Path) -> bool:
    with open(path, "rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _record(folder: Path, name: str, url: str, path: Path, digest: str, checksum: str | None) -> None:
    """Append a line to the download's record; a file that is fetched again after a kill may stand twice."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([name, url, path.stat().st_size if path.is_file() else "", digest, checksum or ""])
    record = folder / RECORD
    new = not record.exists()
    with open(record, "a", encoding="utf-8") as stream:
        stream.write(("file,url,bytes,sha256,publishers_checksum\n" if new else "") + line.getvalue())


# ---- the archive's series ----


@dataclass(frozen=True, slots=True)
class Series:
    """A series of the archive, and how many images it says it has (None where it does not)."""

    patient: str
    study: str
    uid: str
    images: int | None


def list_series(collection: str, fetcher: Fetcher, *, base: str = ARCHIVE) -> list[Series]:
    """Ask the archive for a collection's series, sorted by patient, study and series.

    Raises
    ------
    InputError
        If it does not answer, or not with a list of series whose names can be names of folders.
    """
    url = f"{base}getSeries?{urlencode({'Collection': collection, 'format': 'json'})}"
    try:
        rows = json.loads(fetcher.answer(url))
        series = [_series(row) for row in rows]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"'{url}' does not answer with a list of series ({type(error).__name__}); the archive may have changed") from error
    if not series:
        raise InputError(f"the archive lists no series of '{collection}'; it may have been renamed or moved")
    return sorted(series, key=lambda one: (one.patient, one.study, one.uid))


def _series(row: dict[str, Any]) -> Series:
    patient, study, uid = str(row["PatientID"]).strip(), str(row["StudyInstanceUID"]).strip(), str(row["SeriesInstanceUID"]).strip()
    if not (_NAME.fullmatch(patient) and _UID.fullmatch(study) and _UID.fullmatch(uid) and study.strip(".") and uid.strip(".")):
        raise ValueError("a name that can be no folder's")
    images = row.get("ImageCount")
    return Series(patient, study, uid, int(images) if images is not None else None)


def fetch_series(
    source: Source, series: list[Series], folder: Path, fetcher: Fetcher, progress: SeriesProgress, *, base: str = ARCHIVE
) -> Result:
    """Fetch a collection's series, each as ``<collection>/<patient>/<study>/<series>/`` with its DICOM files.

    Each comes as a zip with the MD5 of every file, is checked against them, and gets its name only when it is whole. One that cannot be
    fetched is told and the next is tried; after `MOST_UNFETCHED` in a row the rest is left for another call.
    """
    result = Result()
    in_a_row = 0
    for number, one in enumerate(series, start=1):
        place = folder / str(source.collection) / one.patient / one.study / one.uid
        progress(number - 1, len(series), f"series {number:,} of {len(series):,}")
        if place.is_dir():
            result.there += 1
            continue
        url = f"{base}getImageWithMD5Hash?{urlencode({'SeriesInstanceUID': one.uid})}"
        archive = place.with_name(f"{one.uid}.zip")
        try:
            archive.unlink(missing_ok=True)  # of a call that was ended before its folder got its name
            digest = fetcher.fetch(url, archive, check=_is_kind)
            _record(folder, place.relative_to(folder).as_posix(), url, archive, str(digest), None)
            _unpack_series(archive, place, one.images)
        except InputError as error:
            in_a_row += 1
            result.problems.append(f"series {number:,}: {error}")
            if in_a_row >= MOST_UNFETCHED:
                result.problems.append(f"{in_a_row} series in a row could not be fetched; {len(series) - number:,} were not tried")
                break
        else:
            in_a_row = 0
            result.fetched += 1
    progress(len(series), len(series), "series")
    return result


def _unpack_series(archive: Path, place: Path, images: int | None) -> None:
    """Unpack a series' zip, check its files against the MD5 that came with them and their count, and give the folder its name."""
    staging = place.with_name(f"{place.name}.part")
    try:
        files = {path.relative_to(staging).as_posix(): path for path in unpack(archive, staging)}
        hashes = files.pop(_HASHES, None)
        wanted = _hashes(hashes) if hashes is not None else {}
        for name, path in files.items():
            with open(path, "rb") as stream:
                found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            if wanted.get(name, found) != found:
                raise ReadError(archive, f"'{name}' has not the MD5 that the archive says; call again")
        films = [name for name in files if name.lower().endswith(".dcm")]
        if not films or set(wanted) - set(files) or (images is not None and len(films) != images):
            raise ReadError(
                archive, f"holds {len(films)} images, the archive lists {images if images is not None else len(wanted)}; call again"
            )
        if hashes is not None:
            hashes.unlink()
        os.rename(staging, place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        archive.unlink(missing_ok=True)


def _hashes(path: Path) -> dict[str, str]:
    """Read the archive's table of MD5: a header, then a file's name and its MD5 a line."""
    rows = list(csv.reader(path.read_text(encoding="utf-8-sig", errors="replace").splitlines()))[1:]
    return {row[0].strip(): row[1].strip().lower() for row in rows if len(row) == 2}

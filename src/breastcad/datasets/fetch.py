"""One file from an address to a folder: gone on with where it stopped, checked, and under its name only when it is whole.

Which files a set has, and where, is in `sources` and `download`.
"""

from __future__ import annotations

import email.utils
import hashlib
import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import breastcad
from breastcad.core.errors import InputError

try:
    import fcntl
except ImportError:  # not on Windows: there, two commands at once on one folder are not told apart
    fcntl = None  # type: ignore[assignment]

Progress = Callable[[int, int | None, str], None]

MOST_FAILURES = 6
"""Attempts in a row that bring nothing new before a file is given up."""
LONGEST_WAIT_S = 120.0
TIMEOUT_S = 60.0
MOST_BYTES = 64 * 2**30
"""Largest single file that is fetched."""
MOST_ANSWER_BYTES = 256 * 2**20
_CHUNK_BYTES = 2**18
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Passing(Exception):
    """What may go by: a dropped connection, a busy server; ``wait_s`` is what the server asks for."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow an address to another, but never from https to what anyone on the way can change."""

    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise InputError(f"'{req.full_url}' leads from https to '{newurl}', which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Fetcher:
    """Fetches files over http and https, one after the other.

    Parameters
    ----------
    progress : callable
        Takes bytes had, bytes in all or None, and the file's name.
    sleep : callable
        Waits some seconds between attempts.
    """

    def __init__(self, *, progress: Progress, sleep: Callable[[float], None] = time.sleep) -> None:
        self.progress, self._sleep = progress, sleep
        self._opener = urllib.request.build_opener(_Redirects())

    def answer(self, url: str) -> bytes:
        """Return what an address answers, of `MOST_ANSWER_BYTES` at most.

        Raises
        ------
        InputError
            As `fetch`.
        """

        def read() -> bytes:
            with self._open(url, {}) as response:
                content: bytes = response.read(MOST_ANSWER_BYTES)
                said = response.headers.get("Content-Length")
            if said is not None and said.isdigit() and len(content) < min(int(said), MOST_ANSWER_BYTES):
                raise _Passing("the connection ended early")
            return content

        failures = 0
        while True:
            try:
                return _guarded(read)
            except _Passing as passing:
                failures = self._failed(url, failures, passing)

    def fetch(self, url: str, path: Path, *, checksum: str | None = None, check: Callable[[Path], None] | None = None) -> str | None:
        """Fetch a file; one that is there already is left alone.

        While it is fetched it ends in ``.part``; a later call goes on with that, where the server says that the file is still the same.

        Parameters
        ----------
        url : str
        path : Path
        checksum : str, optional
            The publisher's: ``"md5:..."`` or ``"sha256:..."``.
        check : callable, optional
            Called with the whole ``.part``; raises InputError if it is not what was wanted.

        Returns
        -------
        str or None
            The file's SHA-256; None if it was there already.

        Raises
        ------
        InputError
            If the address answers that there is no such file, if attempts fail `MOST_FAILURES` times in a row, if another command is
            fetching the file, or if it is not what the checksum or `check` wants; it is removed then.
        """
        if path.exists():
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        with _alone(part) as stream:
            if path.exists():  # another command has just finished it
                return None
            version = part.with_name(f"{path.name}.version.part")
            self._fill(url, stream, version, path.name)
            stream.flush()
            try:
                digest = _checked(part, checksum)
                if check is not None:
                    check(part)
            except InputError:
                part.unlink()
                raise
            finally:
                version.unlink(missing_ok=True)
            os.rename(part, path)
        return digest

    def _fill(self, url: str, stream: BinaryIO, version: Path, name: str) -> None:
        """Append to a file until it is whole; what counts as getting on is more bytes than ever before."""
        failures, furthest = 0, stream.tell()
        while True:
            try:
                whole: bool = _guarded(lambda: self._more(url, stream, version, name))
                if whole:
                    return
                raise _Passing("the connection ended early")
            except _Passing as passing:
                failures = self._failed(url, 0 if stream.tell() > furthest else failures, passing)
                furthest = max(furthest, stream.tell())

    def _failed(self, url: str, failures: int, passing: _Passing) -> int:
        """Wait after a failed attempt, each time twice as long, or as long as the server asks; give up in the end."""
        if failures + 1 >= MOST_FAILURES:
            raise InputError(
                f"'{url}' cannot be fetched: {passing}, {MOST_FAILURES} times in a row; try again later, what is there is kept"
            )
        self._sleep(min(passing.wait_s if passing.wait_s is not None else 2.0**failures, LONGEST_WAIT_S))
        return failures + 1

    def _more(self, url: str, stream: BinaryIO, version: Path, name: str) -> bool:
        """Ask for what is missing and append it; say if the file is whole now, as far as the server says how long it is."""
        have = stream.tell()
        known = version.read_text(encoding="ascii") if have and version.is_file() else ""
        try:
            opened = self._open(url, {"Range": f"bytes={have}-", "If-Range": known} if known else {})
        except urllib.error.HTTPError as error:
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            if error.headers.get("Content-Range") == f"bytes */{have}":
                return True  # an earlier call was ended when it had the last byte
            _empty(stream)
            raise
        with opened as response:
            said = response.headers.get("Content-Length")
            total = int(said) if said is not None and said.isdigit() else None
            if response.status == http.client.PARTIAL_CONTENT:
                found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
                if not known or found is None or int(found[1]) != have:
                    _empty(stream)
                    raise _Passing("the server sent another part than was asked for")
                total = int(found[2]) if found[2] != "*" else have + total if total is not None else None
            else:
                _empty(stream)
                version.write_text(_version_of(response.headers), encoding="ascii")
            while chunk := response.read(_CHUNK_BYTES):
                stream.write(chunk)
                self.progress(stream.tell(), total, name)
                if stream.tell() > MOST_BYTES:
                    raise InputError(f"'{url}' is larger than {MOST_BYTES:,} bytes; it is not fetched")
        if known and total is not None and stream.tell() > total:
            _empty(stream)  # what was there was no beginning of this file
        return total is None or stream.tell() == total

    def _open(self, url: str, headers: dict[str, str]) -> Any:
        if not url.startswith(("https://", "http://")):
            raise InputError(f"'{url}' is no address that is fetched; it must begin with https:// or http://")
        asked = {"User-Agent": f"breastcad/{breastcad.__version__}", "Accept-Encoding": "identity", **headers}
        return self._opener.open(urllib.request.Request(url, headers=asked), timeout=TIMEOUT_S)


def _guarded(work: Callable[[], Any]) -> Any:
    """Do what the network may break, and part what may go by from what will not."""
    try:
        return work()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE or error.code in _PASSING:
            raise _Passing(f"the server answers {error.code} ({error.reason})", _retry_after(error.headers.get("Retry-After"))) from error
        raise InputError(f"'{error.url}' answers {error.code} ({error.reason}); the address may have moved (docs/download.md)") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise InputError(
                f"the server's certificate is not valid ({error.reason.verify_message}); nothing is fetched from it"
            ) from error
        raise _Passing(str(error.reason)) from error
    except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
        raise _Passing(f"the connection broke ({type(error).__name__})") from error


def _retry_after(said: str | None) -> float | None:
    """Return the seconds that a server asks to wait: a number, or a date."""
    if said is None:
        return None
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time())
    except ValueError:
        return None


def _version_of(headers: Any) -> str:
    """Return what tells a file from its next version: a strong ETag, else the date of its last change, else nothing."""
    tag = headers.get("ETag", "")
    said = tag if tag.startswith('"') else headers.get("Last-Modified", "")
    return said if said.isascii() and said.isprintable() else ""


def _empty(stream: BinaryIO) -> None:
    stream.truncate(0)
    stream.seek(0)


def _checked(part: Path, checksum: str | None) -> str:
    """Return a file's SHA-256; InputError if it has not the publisher's checksum."""
    kind, _, wanted = (checksum or "sha256:").partition(":")
    own, publishers = hashlib.sha256(), hashlib.new(kind, usedforsecurity=False)
    with open(part, "rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            own.update(chunk)
            publishers.update(chunk)
    if wanted and publishers.hexdigest() != wanted.lower():
        name = part.name.removesuffix(".part")
        raise InputError(
            f"{name}: its {kind} is {publishers.hexdigest()}, the publisher's {wanted}; what was fetched is removed. Try again; "
            "if it stays so, the publisher has changed the file"
        )
    return own.hexdigest()


@contextmanager
def _alone(part: Path) -> Iterator[BinaryIO]:
    """Open a file to append to, for this command alone; the system frees it whatever ends the process."""
    with open(part, "ab") as stream:
        if fcntl is not None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InputError(f"another command is fetching {part.name.removesuffix('.part')}; wait for it") from error
        yield stream

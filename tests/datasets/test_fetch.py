"""Fetching one file from a server on loopback that drops, lies, is busy, moves; and being killed meanwhile."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.loopback import Loopback, Page, served

from breastcad.core.errors import InputError, ReadError
from breastcad.datasets import fetch as module
from breastcad.datasets.fetch import MOST_FAILURES, Fetcher

CONTENT = bytes(range(256)) * 4000
SRC = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setenv("no_proxy", "*")
    with served() as loopback:
        yield loopback


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def fetcher(waits: list[float]) -> Fetcher:
    return Fetcher(progress=lambda *_: None, sleep=waits.append)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once_and_never_overwritten(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    server.pages["/a.bin"] = Page(CONTENT)
    path = tmp_path / "deep" / "a.bin"
    assert fetcher.fetch(f"{server.url}/a.bin", path) == hashlib.sha256(CONTENT).hexdigest()
    assert path.read_bytes() == CONTENT
    path.write_bytes(b"mine")
    assert fetcher.fetch(f"{server.url}/a.bin", path) is None
    assert (path.read_bytes(), len(server.asked), left(path.parent)) == (b"mine", 1, ["a.bin"])


@given(drops=st.lists(st.integers(0, len(CONTENT)), max_size=MOST_FAILURES - 1))
def test_dropped_connections_end_in_the_same_bytes(tmp_path_factory: pytest.TempPathFactory, drops: list[int]) -> None:
    with served() as loopback:
        loopback.pages["/a.bin"] = Page(CONTENT, drops=list(drops))
        path = tmp_path_factory.mktemp("drops") / "a.bin"
        Fetcher(progress=lambda *_: None, sleep=lambda _: None).fetch(f"{loopback.url}/a.bin", path)
    assert path.read_bytes() == CONTENT
    assert left(path.parent) == ["a.bin"]


def test_what_was_had_is_not_asked_for_again(server: Loopback, fetcher: Fetcher, tmp_path: Path, waits: list[float]) -> None:
    server.pages["/a.bin"] = Page(CONTENT, drops=[1000, 500])
    fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert server.asked == [("/a.bin", None), ("/a.bin", "bytes=1000-"), ("/a.bin", "bytes=1500-")]
    assert waits == [1.0, 1.0]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("change", [{"etag": '"2"'}, {"ranges": False}, {"etag": None}, {"etag": 'W/"1"'}])
def test_a_file_that_changed_or_a_server_without_parts_begins_anew(
    server: Loopback, fetcher: Fetcher, tmp_path: Path, change: dict[str, object]
) -> None:
    (tmp_path / "a.bin.part").write_bytes(b"of the old file")
    (tmp_path / "a.bin.version.part").write_text('"1"')
    server.pages["/a.bin"] = Page(CONTENT, **change)  # type: ignore[arg-type]
    fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert server.asked[0] == ("/a.bin", "bytes=15-")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert left(tmp_path) == ["a.bin"]


def test_a_download_that_had_its_last_byte_when_it_was_ended_is_finished(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    server.pages["/a.bin"] = Page(CONTENT)
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    (tmp_path / "a.bin.version.part").write_text('"1"')
    fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert server.asked == [("/a.bin", f"bytes={len(CONTENT)}-")]
    (tmp_path / "a.bin").unlink()
    (tmp_path / "a.bin.part").write_bytes(CONTENT + b"more than there is")
    (tmp_path / "a.bin.version.part").write_text('"1"')
    fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_part_without_a_known_version_is_not_trusted(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    server.pages["/a.bin"] = Page(CONTENT)
    (tmp_path / "a.bin.part").write_bytes(b"of something else")
    fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_busy_server_is_asked_again_when_it_says(server: Loopback, fetcher: Fetcher, tmp_path: Path, waits: list[float]) -> None:
    past, answers = "Wed, 21 Oct 2015 07:28:00 GMT", []
    for status, after in ((500, None), (429, "7"), (503, past), (502, "soon"), (429, "99999")):
        answers.append((status, {"Retry-After": after} if after else {}))
    server.pages["/a.bin"] = Page(CONTENT, answers=answers)
    fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert waits == [1.0, 7.0, 0.0, 8.0, module.LONGEST_WAIT_S]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_server_that_stays_broken_is_given_up_and_what_is_there_is_kept(
    server: Loopback, fetcher: Fetcher, tmp_path: Path, waits: list[float]
) -> None:
    server.pages["/a.bin"] = Page(CONTENT, drops=[1000])
    server.pages["/b.bin"] = Page(CONTENT, answers=[(500, {})] * 99)
    with pytest.raises(InputError, match=r"b\.bin' cannot be fetched: the server answers 500 \(.+\), 6 times in a row; try again later"):
        fetcher.fetch(f"{server.url}/b.bin", tmp_path / "b.bin")
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert not (tmp_path / "b.bin").exists()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_an_address_that_has_nothing_is_told_at_once(
    server: Loopback, fetcher: Fetcher, tmp_path: Path, waits: list[float], status: int
) -> None:
    server.pages["/a.bin"] = Page(answers=[(status, {})])
    with pytest.raises(InputError, match=rf"/a\.bin' answers {status} \(.+\); the address may have moved"):
        fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert (waits, (tmp_path / "a.bin").exists()) == ([], False)


def test_a_length_that_says_too_much_is_given_up_unless_the_server_then_says_better(
    server: Loopback, fetcher: Fetcher, tmp_path: Path
) -> None:
    server.pages["/a.bin"] = Page(CONTENT, length=len(CONTENT) + 10, ranges=False)
    with pytest.raises(InputError, match="times in a row"):
        fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert not (tmp_path / "a.bin").exists()
    server.pages["/a.bin"].ranges = True  # asked for the missing part, it answers 416 with the true length
    fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_length_that_says_too_little_is_seen_by_the_checksum(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    server.pages["/a.bin"] = Page(CONTENT, length=len(CONTENT) - 10)
    wanted = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
    with pytest.raises(InputError, match=r"a\.bin: its md5 is [0-9a-f]{32}, the publisher's [0-9a-f]{32}; what was fetched is removed"):
        fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", checksum=wanted)
    assert left(tmp_path) == []
    server.pages["/a.bin"].length = None
    assert fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", checksum=wanted.upper().replace("MD5", "md5"))


def test_a_wrong_checksum_of_the_other_kind_is_seen_too(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    server.pages["/a.bin"] = Page(CONTENT)
    with pytest.raises(InputError, match="its sha256 is"):
        fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", checksum=f"sha256:{'0' * 64}")


def test_an_unsaid_length_is_taken_as_it_comes(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    server.pages["/a.bin"] = Page(CONTENT, measured=False)
    fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_what_is_not_what_was_wanted_is_removed(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    server.pages["/a.bin"] = Page(CONTENT)

    def check(part: Path) -> None:
        raise ReadError(part, "is something else")

    with pytest.raises(ReadError, match="is something else"):
        fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", check=check)
    assert left(tmp_path) == []


def test_redirects_are_followed_but_not_to_what_anyone_can_change(
    server: Loopback, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pages["/a.bin"] = Page(CONTENT)
    server.pages["/old"] = Page(answers=[(302, {"Location": "/a.bin"})])
    assert fetcher.fetch(f"{server.url}/old", tmp_path / "a.bin")
    handler = module._Redirects()
    with pytest.raises(InputError, match="leads from https to 'http://elsewhere/a', which is not followed"):
        handler.redirect_request(module.urllib.request.Request("https://here/a"), None, 302, "Found", {}, "http://elsewhere/a")  # type: ignore[arg-type]
    for url in ("file:///etc/passwd", "ftp://here/a"):
        with pytest.raises(InputError, match="is no address that is fetched"):
            fetcher.fetch(url, tmp_path / "b")


def test_a_file_that_never_ends_is_stopped(server: Loopback, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    server.pages["/a.bin"] = Page(CONTENT, measured=False)
    with pytest.raises(InputError, match="is larger than 1,000 bytes; it is not fetched"):
        fetcher.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")


def test_nobody_there_is_told_after_some_attempts(fetcher: Fetcher, tmp_path: Path, waits: list[float]) -> None:
    with pytest.raises(InputError, match="refused, 6 times in a row"):
        fetcher.fetch("http://127.0.0.1:9/a", tmp_path / "a")
    assert len(waits) == MOST_FAILURES - 1


def test_an_answer_is_read_whole_or_asked_for_again(server: Loopback, fetcher: Fetcher) -> None:
    server.pages["/list"] = Page(CONTENT, drops=[10], answers=[(503, {})])
    assert fetcher.answer(f"{server.url}/list") == CONTENT
    server.pages["/list"] = Page(answers=[(500, {})] * 9)
    with pytest.raises(InputError, match="6 times in a row"):
        fetcher.answer(f"{server.url}/list")


SLOW = """
import sys
from pathlib import Path
from breastcad.datasets.fetch import Fetcher
Fetcher(progress=lambda *_: __import__("time").sleep(0.05)).fetch(sys.argv[1], Path(sys.argv[2]))
"""


def test_a_killed_download_goes_on_and_two_at_once_are_refused(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    big = os.urandom(8 * 2**20)
    server.pages["/a.bin"] = Page(big)
    path, part = tmp_path / "a.bin", tmp_path / "a.bin.part"
    call = [sys.executable, "-c", SLOW, f"{server.url}/a.bin", str(path)]
    with subprocess.Popen(call, env=os.environ | {"PYTHONPATH": str(SRC)}) as running:
        while not part.exists() or part.stat().st_size < 2**20:
            assert running.poll() is None
            time.sleep(0.005)
        with pytest.raises(InputError, match=r"another command is fetching a\.bin; wait for it"):
            fetcher.fetch(f"{server.url}/a.bin", path)
        running.send_signal(signal.SIGKILL)
    assert not path.exists()
    had = part.stat().st_size
    assert had < len(big)
    fetcher.fetch(f"{server.url}/a.bin", path)
    assert path.read_bytes() == big
    assert server.asked[-1] == ("/a.bin", f"bytes={had}-")

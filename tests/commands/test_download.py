"""``breastcad download``: terms first, a question before what is large, steps where nothing can be fetched."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.loopback import Loopback, Page, served

from breastcad.datasets import download as module
from breastcad.datasets.download import File, Source, sources

Run = Callable[..., tuple[int, str, str]]
FILM = b"a film"


def zip_of(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """Serve two made-up sets, 'small' and 'films', in the place of all."""
    monkeypatch.setenv("no_proxy", "*")
    with served() as loopback:
        small = File("small.zip", f"{loopback.url}/small.zip", f"sha256:{hashlib.sha256(zip_of('a.png', FILM)).hexdigest()}", unpack=True)
        table = {
            "small": Source("small", "Small", "CC BY 4.0", "A. Nobody, 2020", "https://example.org", 10**6, (small,)),
            "films": Source("films", "Films", "CC BY 4.0", collection="FILMS", files=(File("t.csv", f"{loopback.url}/t.csv"),)),
        }
        monkeypatch.setattr(module, "sources", lambda: table)
        for function in (module.list_series, module.fetch_series):
            assert function.__kwdefaults__ is not None
            monkeypatch.setitem(function.__kwdefaults__, "base", f"{loopback.url}/v1/")
        loopback.pages["/small.zip"] = Page(zip_of("a.png", FILM))
        loopback.pages["/t.csv"] = Page(b"a,b\n")
        rows = [{"PatientID": "P1", "StudyInstanceUID": "1.1", "SeriesInstanceUID": "1.2", "ImageCount": 1}]
        loopback.pages["/v1/getSeries?Collection=FILMS&format=json"] = Page(json.dumps(rows).encode())
        loopback.pages["/v1/getImageWithMD5Hash?SeriesInstanceUID=1.2"] = Page(zip_of("1.dcm", FILM))
        yield loopback


def test_a_small_set_is_fetched_with_its_terms_shown(run: Run, server: Loopback, tmp_path: Path) -> None:
    code, out, err = run("download", "small", "--out", str(tmp_path / "out"))
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Small",
        "  terms  CC BY 4.0",
        "  cite   A. Nobody, 2020",
        "  page   https://example.org",
        "  size   0.0 GB",
        f"{tmp_path / 'out'}: 1 fetched, 0 there already, 0 not fetched",
    ]
    assert (tmp_path / "out" / "a.png").read_bytes() == FILM


def test_what_is_large_or_of_unknown_size_is_asked_for(run: Run, server: Loopback, tmp_path: Path) -> None:
    code, _, err = run("download", "films", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "Films is large or of unknown size (1 series, 1 images, size not known here); say that it is wanted with --yes" in err
    assert not (tmp_path / "out").exists()
    code, out, err = run("download", "films", "--out", str(tmp_path / "out"), "--yes")
    assert (code, err) == (0, "")
    assert "2 fetched, 0 there already, 0 not fetched" in out
    assert (tmp_path / "out" / "FILMS" / "P1" / "1.1" / "1.2" / "1.dcm").read_bytes() == FILM


class Terminal(io.StringIO):
    """What a user types."""

    def isatty(self) -> bool:
        """Say that somebody is there to ask."""
        return True


@pytest.mark.parametrize(("typed", "code"), [("n\n", 2), ("\n", 2), ("y\n", 0)])
def test_at_a_terminal_the_user_decides(
    run: Run, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    found, out, _ = run("download", "films", "--out", str(tmp_path / "out"))
    assert "Fetch Films (1 series, 1 images, size not known here)? [y/N]" in out
    assert (found, (tmp_path / "out").exists()) == (code, code == 0)


def test_what_could_not_be_fetched_is_the_answer_no(run: Run, server: Loopback, tmp_path: Path) -> None:
    del server.pages["/t.csv"]
    code, out, err = run("download", "films", "--out", str(tmp_path / "out"), "--yes")
    assert code == 1
    assert "1 fetched, 0 there already, 1 not fetched" in out
    assert "/t.csv' answers 404 (Not Found); the address may have moved" in err
    assert err.endswith("breastcad: something could not be fetched; the same command goes on with what is missing\n")
    server.pages["/t.csv"] = Page(b"a,b\n")
    assert "1 fetched, 1 there already" in run("download", "films", "--out", str(tmp_path / "out"), "--yes")[1]


def test_without_a_folder_the_terms_are_shown_and_nothing_is_asked(run: Run, server: Loopback) -> None:
    code, out, err = run("download", "small")
    assert (code, server.asked) == (2, [])
    assert "terms  CC BY 4.0" in out
    assert err == "breastcad: to fetch it, name a folder: breastcad download small --out FOLDER\n"


@pytest.mark.parametrize("name", [name for name, source in sources().items() if source.steps])
def test_a_set_that_is_not_fetched_has_its_steps(run: Run, name: str, tmp_path: Path) -> None:
    code, out, err = run("download", name, "--out", str(tmp_path / "out"))
    assert code == 1
    assert "  1. " in out
    assert "  terms  " in out
    assert f"breastcad import {name} FOLDER" in out
    assert err.startswith(f"breastcad: {sources()[name].title} cannot be fetched by a program")
    assert len(out.splitlines()) < 24  # a page
    assert not (tmp_path / "out").exists()


def test_the_help_says_that_the_archives_themselves_were_never_asked(run: Run) -> None:
    assert "never against the real archives" in " ".join(run("download", "--help")[1].split())

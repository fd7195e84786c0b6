"""Sets as they are downloaded, from a server on loopback: whole, in parts, damaged; then imported."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from tests.loopback import Loopback, Page, served

from breastcad.core.errors import InputError
from breastcad.datasets import download as module
from breastcad.datasets.download import File, Series, Source, claim, fetch_files, fetch_series, list_series, source_of, sources
from breastcad.datasets.fetch import Fetcher
from breastcad.phantom.sets import write_set
from breastcad.read.sets import OWN, READERS

FETCHED = {"mini-mias", "cbis-ddsm", "cmmd", "breast-lesions-usg", "bus-bra", "breastmnist"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setenv("no_proxy", "*")
    with served() as loopback:
        yield loopback


@pytest.fixture
def fetcher() -> Fetcher:
    return Fetcher(progress=lambda *_: None, sleep=lambda _: None)


def quiet(*_: object) -> None:
    """Say nothing."""


def zip_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


# ---- the table of sources ----


def test_every_set_that_is_read_has_a_source_with_the_readers_terms() -> None:
    published = set(READERS) - set(OWN)
    assert published == set(sources())
    for name in published:
        facts = importlib.import_module(f"breastcad.read.{name.replace('-', '_')}")._FACTS
        assert (source_of(name).licence, source_of(name).cite) == (facts["licence"], facts["cite"])


def test_a_set_is_fetched_or_explained_never_both() -> None:
    assert {name for name, source in sources().items() if source.files or source.collection} == FETCHED
    assert {name for name, source in sources().items() if source.steps} == set(sources()) - FETCHED
    for source in sources().values():
        assert source.title
        assert source.licence
        for file in source.files:
            kind, _, digest = (file.checksum or "").partition(":")
            assert (kind, len(digest)) in {("", 0), ("md5", 32), ("sha256", 64)}
            assert file.url.startswith("https://") or source.name == "mini-mias"  # whose only server has no https


def test_an_unknown_set_names_those_near() -> None:
    with pytest.raises(InputError, match="unknown set 'bus_bra'; near names: 'bus-bra'"):
        source_of("bus_bra")


# ---- single files ----


def packed(folder: Path) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return stream.getvalue()


def test_an_archive_is_fetched_unpacked_recorded_and_imported(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    write_set("mini-mias", tmp_path / "made", n=4, seed=1)
    content = packed(tmp_path / "made")
    server.pages["/all.tar.gz"] = Page(content, drops=[1000])
    source = Source("mini-mias", "mini-MIAS", "terms", "cite", files=(File("all.tar.gz", f"{server.url}/all.tar.gz", unpack=True),))
    out = tmp_path / "out"
    claim(source, out)
    result = fetch_files(source, out, fetcher)
    assert (result.fetched, result.there, result.problems) == (1, 0, [])
    fresh, fetched = READERS["mini-mias"].read(tmp_path / "made"), READERS["mini-mias"].read(out)
    assert fetched.facts["counts"] == fresh.facts["counts"]
    assert fetched.facts["counts"]["read"] == 4
    record = (out / "download.csv").read_text().splitlines()
    assert record[0] == "file,url,bytes,sha256,publishers_checksum"
    assert record[1:] == [f"all.tar.gz,{server.url}/all.tar.gz,{len(content)},{hashlib.sha256(content).hexdigest()},"]
    assert (out / "SOURCE.txt").read_text() == "mini-MIAS (mini-mias)\nTerms: terms\nCite: cite\nFrom: \n"
    assert not list(out.rglob("*.part"))

    asked, before = len(server.asked), {path: path.stat().st_mtime_ns for path in out.rglob("*.pgm")}
    claim(source, out)
    result = fetch_files(source, out, fetcher)
    assert (result.fetched, result.there, len(server.asked)) == (0, 1, asked)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.pgm")} == before


def test_unpacking_that_was_interrupted_is_done_anew_and_overwrites_nothing(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    server.pages["/a.zip"] = Page(zip_of({"set/a": b"new", "b": b"new"}))
    source = Source("x", "X", "terms", files=(File("a.zip", f"{server.url}/a.zip", unpack=True),))
    out = tmp_path / "out"
    claim(source, out)
    (out / "b").write_bytes(b"mine")
    (out / "a.zip.unpacked.part" / "set").mkdir(parents=True)
    (out / "a.zip.unpacked.part" / "set" / "half").write_bytes(b"half")
    assert fetch_files(source, out, fetcher).problems == []
    assert ((out / "set" / "a").read_bytes(), (out / "b").read_bytes()) == (b"new", b"mine")
    assert not (out / "set" / "half").exists()


def test_a_page_in_place_of_a_file_is_refused(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    names = ("a.zip", "a.csv", "a.xlsx", "a.npz", "a.tar.gz", "empty.csv", "cut.zip")
    for name in names:
        server.pages[f"/{name}"] = Page(b"\n <html>Log in</html>")
    server.pages["/empty.csv"].content = b""
    server.pages["/cut.zip"].content = zip_of({"a": b"a" * 1000})[:-30]
    source = Source("x", "X", "terms", files=tuple(File(name, f"{server.url}/{name}") for name in names))
    result = fetch_files(source, tmp_path, fetcher)
    assert (result.fetched, len(result.problems)) == (0, len(names))
    assert all("is not whole, or a page in its place; its address may have moved" in problem for problem in result.problems)
    assert list(tmp_path.iterdir()) == []


def test_one_file_that_is_gone_stops_no_other_and_a_second_call_fetches_it(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    server.pages["/b.csv"] = Page(b"x,y\n")
    source = Source("x", "X", "terms", files=tuple(File(name, f"{server.url}/{name}") for name in ("a.csv", "b.csv")))
    result = fetch_files(source, tmp_path, fetcher)
    assert (result.fetched, len(result.problems)) == (1, 1)
    server.pages["/a.csv"] = Page(b"x,y\n")
    result = fetch_files(source, tmp_path, fetcher)
    assert (result.fetched, result.there, result.problems) == (1, 1, [])


def test_an_archive_that_does_harm_is_removed(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    server.pages["/a.zip"] = Page(zip_of({"../evil": b"evil"}))
    source = Source("x", "X", "terms", files=(File("a.zip", f"{server.url}/a.zip", unpack=True),))
    result = fetch_files(source, tmp_path / "out", fetcher)
    assert "leads out of its folder" in result.problems[0]
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "download.csv"]


def test_a_folder_of_something_else_or_without_room_is_refused(tmp_path: Path) -> None:
    source = Source("x", "X", "terms")
    (tmp_path / "file").write_text("a")
    with pytest.raises(InputError, match=r"--out must be a folder, but '.+file' is a file"):
        claim(source, tmp_path / "file")
    with pytest.raises(InputError, match="is not empty and holds no download of x"):
        claim(source, tmp_path)
    claim(Source("y", "Y", "terms"), tmp_path / "y")
    with pytest.raises(InputError, match="holds no download of x"):
        claim(source, tmp_path / "y")
    (tmp_path / "y" / "SOURCE.txt").write_bytes(b"\xff\xfe X (x)\n")
    with pytest.raises(InputError, match="holds no download of x"):
        claim(source, tmp_path / "y")
    with pytest.raises(InputError, match=r"X takes 1,000,000,000,000,000,000 bytes, and there is room for"):
        claim(Source("x", "X", "terms", bytes=10**18), tmp_path / "x")


# ---- the archive ----


def archive_of(server: Loopback, name: str, folder: Path) -> tuple[Source, str, list[dict[str, Any]]]:
    """Serve the DICOM files of a made-up set as the archive does; return its source, the archive's address and its list of series."""
    groups: dict[tuple[str, str, str], dict[str, bytes]] = {}
    for path in sorted(folder.rglob("*.dcm")):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        patient = path.relative_to(folder / name).parts[0]  # the made-up files say that their patients are
        key = patient, str(header.StudyInstanceUID), str(header.SeriesInstanceUID)
        files = groups.setdefault(key, {})
        files[f"{len(files) + 1:08d}.dcm"] = path.read_bytes()
    rows = []
    for (patient, study, uid), files in groups.items():
        rows.append({"PatientID": patient, "StudyInstanceUID": study, "SeriesInstanceUID": uid, "ImageCount": len(files)})
        hashes = "Filename,MD5Hash\n" + "".join(f"{one},{hashlib.md5(content).hexdigest()}\n" for one, content in files.items())
        content = zip_of(files | {"md5hashes.csv": hashes.encode()})
        server.pages[f"/v1/getImageWithMD5Hash?SeriesInstanceUID={uid}"] = Page(content, etag=None, measured=False)
    server.pages[f"/v1/getSeries?Collection={name}&format=json"] = Page(json.dumps(rows).encode(), etag=None)
    return Source(name.lower(), name, "terms", collection=name), f"{server.url}/v1/", rows


@pytest.mark.parametrize(("name", "made", "collection"), [("cmmd", "cmmd", "CMMD"), ("cbis-ddsm", "cbis-ddsm-dicom", "CBIS-DDSM")])
def test_a_collection_is_fetched_by_series_and_imported(
    server: Loopback, fetcher: Fetcher, tmp_path: Path, name: str, made: str, collection: str
) -> None:
    write_set(made, tmp_path / "made", n=4, seed=1, quirks=False)
    source, base, rows = archive_of(server, collection, tmp_path / "made")
    assert rows
    series = list_series(collection, fetcher, base=base)
    out = tmp_path / "out"
    result = fetch_series(source, series, out, fetcher, quiet, base=base)
    assert (result.fetched, result.there, result.problems) == (len(rows), 0, [])
    assert not [path for path in out.rglob("*") if path.suffix in (".part", ".zip") or path.name == "md5hashes.csv"]
    tables = [path for path in (tmp_path / "made").rglob("*") if path.suffix in (".csv", ".xlsx") and path.name != "metadata.csv"]
    assert tables
    for table in tables:
        (out / table.name).write_bytes(table.read_bytes())
    fresh, fetched = READERS[name].read(tmp_path / "made"), READERS[name].read(out)
    assert fetched.facts["counts"] == fresh.facts["counts"]
    assert fetched.facts["counts"]["read"] > 0
    asked = len(server.asked)
    result = fetch_series(source, series, out, fetcher, quiet, base=base)
    assert (result.fetched, result.there, len(server.asked)) == (0, len(rows), asked)


FILM = b"a film"
HASHES = f"Filename,MD5Hash\n1.dcm,{hashlib.md5(FILM).hexdigest()}\n".encode()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"1.dcm": b"another", "md5hashes.csv": HASHES}, "'1.dcm' has not the MD5 that the archive says"),
        ({"2.dcm": FILM, "md5hashes.csv": HASHES}, "holds 1 images, the archive lists 1"),
        ({"1.dcm": FILM, "2.dcm": FILM, "md5hashes.csv": HASHES}, "holds 2 images, the archive lists 1"),
        ({"LICENSE": FILM}, "holds 0 images, the archive lists 1"),
        ({"../1.dcm": FILM}, "leads out of its folder"),
    ],
)
def test_a_series_that_is_not_whole_is_told_and_gets_no_name(
    server: Loopback, fetcher: Fetcher, tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    url = "/v1/getImageWithMD5Hash?SeriesInstanceUID=1.2"
    server.pages[url] = Page(zip_of(files), etag=None)
    source, series = Source("x", "X", "terms", collection="X"), [Series("P1", "1.1", "1.2", 1)]
    result = fetch_series(source, series, tmp_path, fetcher, quiet, base=f"{server.url}/v1/")
    assert result.fetched == 0
    assert said in result.problems[0]
    assert list((tmp_path / "X" / "P1" / "1.1").iterdir()) == []
    server.pages[url] = Page(zip_of({"1.dcm": FILM}), etag=None)  # without MD5, the count is what can be checked
    assert fetch_series(source, series, tmp_path, fetcher, quiet, base=f"{server.url}/v1/").fetched == 1
    assert (tmp_path / "X" / "P1" / "1.1" / "1.2" / "1.dcm").read_bytes() == FILM


def test_a_series_cut_without_a_length_is_fetched_again(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    """The archive's zips have no length: a cut one looks whole to http, and is known by its missing end."""
    url = "/v1/getImageWithMD5Hash?SeriesInstanceUID=1.2"
    server.pages[url] = Page(zip_of({"1.dcm": FILM, "md5hashes.csv": HASHES}), etag=None, measured=False, drops=[40])
    source, series = Source("x", "X", "terms", collection="X"), [Series("P1", "1.1", "1.2", 1)]
    assert fetch_series(source, series, tmp_path, fetcher, quiet, base=f"{server.url}/v1/").fetched == 0
    assert fetch_series(source, series, tmp_path, fetcher, quiet, base=f"{server.url}/v1/").fetched == 1


def test_when_the_archive_is_down_the_rest_is_left(server: Loopback, fetcher: Fetcher, tmp_path: Path) -> None:
    source = Source("x", "X", "terms", collection="X")
    series = [Series("P1", "1.1", f"1.{number}", 1) for number in range(9)]
    result = fetch_series(source, series, tmp_path, fetcher, quiet, base=f"{server.url}/v1/")
    assert len(server.asked) == module.MOST_UNFETCHED
    assert result.problems[-1] == "5 series in a row could not be fetched; 4 were not tried"


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"{}",
        b"[]",
        b"[3]",
        b'[{"PatientID": "a"}]',
        b'[{"PatientID": "../a", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3"}]',
        b'[{"PatientID": "a", "StudyInstanceUID": "..", "SeriesInstanceUID": "1.3"}]',
        b'[{"PatientID": "a", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1/3"}]',
        b'[{"PatientID": "a", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3", "ImageCount": "many"}]',
    ],
)
def test_an_answer_that_is_no_list_of_series_is_refused(server: Loopback, fetcher: Fetcher, answer: bytes) -> None:
    server.pages["/v1/getSeries?Collection=X&format=json"] = Page(answer, etag=None)
    with pytest.raises(InputError, match=r"does not answer with a list of series|lists no series of 'X'"):
        list_series("X", fetcher, base=f"{server.url}/v1/")

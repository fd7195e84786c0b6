"""Archives that are honest, damaged, or made to do harm."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.errors import InputError, ReadError
from breastcad.datasets import unpack as module
from breastcad.datasets.unpack import unpack

FILES = {"set/a.png": b"a" * 5000, "set/deep/b.csv": b"x,y\n", "notes.txt": b""}


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("empty")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


Make = Callable[[Path, dict[str, bytes]], Path]


@pytest.mark.parametrize("make", [zipped, tarred])
def test_what_was_packed_is_unpacked(make: Make, tmp_path: Path) -> None:
    found = unpack(make(tmp_path / "archive.part", FILES), tmp_path / "out")
    assert {path.relative_to(tmp_path / "out").as_posix(): path.read_bytes() for path in found} == FILES


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("name", ["../evil", "set/../../evil", "/evil", "..\\evil", "C:evil", "C:\\evil", "set/c:/evil"])
def test_a_path_that_leads_out_is_refused_and_nothing_is_left(make: Make, name: str, tmp_path: Path) -> None:
    archive = make(tmp_path / "archive", {"set/a": b"a", name: b"evil"})
    with pytest.raises(ReadError, match="holds a path that leads out of its folder"):
        unpack(archive, tmp_path / "in" / "out")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["archive", "in"]


@given(st.lists(st.sampled_from(["..", ".", "a", "b", "", "C:", "\\", "~"]), min_size=1, max_size=6))
def test_whatever_a_path_is_nothing_is_written_outside(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("paths")
    archive = tarred(folder / "archive", {"/".join(parts): b"x"})
    with suppress(ReadError):
        unpack(archive, folder / "in" / "out")
    assert {path.name for path in folder.iterdir()} == {"archive", "in"}
    assert {path.name for path in (folder / "in").iterdir()} <= {"out"}


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ReadError, match=r"a\.zip: holds a link \('link'\)"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        member = tarfile.TarInfo("odd")
        member.type, member.linkname = kind, "/etc/passwd"
        with tarfile.open(tmp_path / "a.tar", "w") as packed:
            packed.addfile(member)
        with pytest.raises(ReadError, match="holds a link or a device"):
            unpack(tmp_path / "a.tar", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_bomb_is_refused(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make(tmp_path / "archive", {"a": bytes(10**6), "b": bytes(10**6)})
    assert archive.stat().st_size < 10**4
    with pytest.raises(ReadError, match=r"holds more than is unpacked \(1,999,999 bytes"):
        unpack(archive, tmp_path / "out", most_bytes=2 * 10**6 - 1)
    monkeypatch.setattr(module, "MOST_FILES", 1)
    with pytest.raises(ReadError, match="holds more than is unpacked"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_zip_that_lies_about_a_size_writes_no_more_than_it_said(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a": bytes(10**6)})
    content = archive.read_bytes().replace((10**6).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    archive.write_bytes(content)
    with pytest.raises(ReadError, match=r"a\.zip: cannot be unpacked, it is damaged or encrypted"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_told_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zipped(tmp_path / "a.zip", FILES)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(InputError, match=r"there is no room to unpack a\.zip"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("names", [("a.png", "A.PNG"), ("a", "./a")])
def test_one_name_twice_is_refused(names: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="twice"):
        unpack(tarred(tmp_path / "archive", dict.fromkeys(names, b"x")), tmp_path / "out")


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")])
def test_one_name_for_a_file_and_a_folder_is_refused(make: Make, names: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot be unpacked"):
        unpack(make(tmp_path / "archive", dict.fromkeys(names, b"x")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_archive_is_refused(make: Make, share: float, tmp_path: Path) -> None:
    archive = make(tmp_path / "archive", FILES | {"noise": bytes((n * n) % 251 for n in range(20_000))})
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ReadError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_an_interrupted_call_left_is_removed_first(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "half").write_bytes(b"half")
    found = unpack(zipped(tmp_path / "a.zip", FILES), tmp_path / "out")
    assert sorted(found) == sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())

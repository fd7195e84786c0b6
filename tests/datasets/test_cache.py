"""The cache of prepared pictures: the same numbers, one decoding; several writers, kills, damage, a full disk, a folder that is closed."""

from __future__ import annotations

import ast
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.datasets import cache as module
from breastcad.datasets.cache import Cache, cache_folder, cache_limit, clear, code_version, open_cache, usage

SRC = Path(__file__).resolve().parents[2] / "src"
MIB = 2**20


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(b"one picture")
    return path


class Maker:
    """Gives an array, and counts how often it was asked to."""

    def __init__(self, array: NDArray[np.generic]) -> None:
        self.array, self.calls = array, 0

    def __call__(self) -> NDArray[np.generic]:
        self.calls += 1
        return self.array


def opened(tmp_path: Path, told: list[str] | None = None, limit: int = 100 * MIB) -> Cache:
    return Cache(tmp_path / "cache", limit=limit, tell=print if told is None else told.append)


def entries(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "entries").rglob("*.npy"))


def parts(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.part"))


@given(
    nps.arrays(
        dtype=st.sampled_from([np.uint8, np.bool_, np.float32, np.float64, np.int64]),
        shape=nps.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=7),
    )
)
def test_what_is_kept_is_what_was_made(tmp_path_factory: pytest.TempPathFactory, array: NDArray[np.generic]) -> None:
    folder = tmp_path_factory.mktemp("round")
    (folder / "a").write_bytes(b"a")
    make = Maker(array)
    first, second = (opened(folder).array("k", [folder / "a"], [], make) for _ in range(2))
    for one in (first, second):
        assert (one.dtype, one.shape, one.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert make.calls == (1 if array.size else 2)  # an empty file cannot be mapped: nothing of that size is kept


def test_records_and_turned_arrays_come_back_whole_and_cannot_be_written(tmp_path: Path, source: Path) -> None:
    record = np.zeros(1, [("box", "<f8", 4), ("image", "u1", (3, 2))])
    record["box"], record["image"] = (0.1, 2, 3, 4), np.arange(6).reshape(3, 2)
    for name, array in (("record", record), ("turned", np.arange(6).reshape(2, 3).T)):
        opened(tmp_path).array(name, [source], [], Maker(array))
        found = opened(tmp_path).array(name, [source], [], pytest.fail)
        assert np.array_equal(found, array)
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 0


def test_an_entry_is_known_by_content_kind_and_settings(tmp_path: Path, source: Path) -> None:
    make = Maker(np.ones(3))
    cache = opened(tmp_path)
    copy = tmp_path / "elsewhere" / "copy.png"
    copy.parent.mkdir()
    copy.write_bytes(source.read_bytes())
    cache.array("k", [source], [1, None, "a"], make)
    cache.array("k", [copy], [1, None, "a"], make)
    assert make.calls == 1  # the same content elsewhere
    for kind, sources, settings in (
        ("other", [source], [1, None, "a"]),
        ("k", [source], [2, None, "a"]),
        ("k", [source, source], [1, None, "a"]),
    ):
        before = make.calls
        cache.array(kind, sources, settings, make)
        assert make.calls == before + 1


def test_other_code_or_another_package_makes_entries_anew(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Maker(np.ones(3))
    opened(tmp_path).array("k", [source], [], make)
    monkeypatch.setattr(module, "code_version", lambda: "of another version")
    opened(tmp_path).array("k", [source], [], make)
    assert make.calls == 2


def test_the_version_of_the_code_is_that_of_every_source_and_package(monkeypatch: pytest.MonkeyPatch) -> None:
    root = SRC / "breastcad"
    assert [pattern for pattern in module.CODE if not list(root.glob(pattern))] == []
    assert [name for name in module.PACKAGES if name.split("[")[0] not in (SRC.parent / "pyproject.toml").read_text()] == []
    before = code_version()
    monkeypatch.setattr(module.metadata, "version", lambda name: "0.0.1" if name == "pillow" else "1")
    code_version.cache_clear()
    try:
        assert code_version() != before
    finally:
        monkeypatch.undo()
        code_version.cache_clear()


BESIDE = ("datasets/cache.py", "train/images.py")
"""What says where an entry lies, and which images are wanted: nothing of what an entry holds."""


def _imported(path: Path, found: set[Path]) -> set[Path]:
    """Add a source file of breastcad, and all that it imports of breastcad, by whatever way, but for what is `BESIDE`."""
    if path in found or not path.is_file() or path.as_posix().endswith(BESIDE):
        return found
    found.add(path)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "breastcad":
            place = SRC.joinpath(*node.module.split("."))
            for name in ("", *(alias.name for alias in node.names)):
                for file in (place / name / "__init__.py", (place / name).with_suffix(".py")):
                    _imported(file, found)
    return found


def test_the_code_holds_every_source_that_what_is_kept_depends_on() -> None:
    """What is kept is made by these: all that they import must make entries anew. Of train/windows.py only what cuts, not what copies."""
    root = SRC / "breastcad"
    makers = "datasets/duplicates.py", "train/samples.py", "patches/views.py"
    found = {root / "train" / "windows.py"}.union(*(_imported(root / maker, set()) for maker in makers))
    held = {path for pattern in module.CODE for path in root.glob(pattern)} | set(root.rglob("__init__.py"))
    assert {path.relative_to(root).as_posix() for path in found - held} == set()
    assert root / "datasets" / "copies.py" in found


# ---- files that change ----


def test_a_picture_that_was_swapped_is_noticed_and_told(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED_NS", -(10**12))
    told: list[str] = []
    with opened(tmp_path, told) as cache:
        cache.array("k", [source], [], Maker(np.ones(3)))
    stamps = os.stat(source)
    source.write_bytes(b"two picture")  # as long as before
    os.utime(source, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))  # and as old, as far as a program can say
    with opened(tmp_path, told) as cache:
        assert cache.array("k", [source], [], Maker(np.zeros(3))).tolist() == [0, 0, 0]
    assert len(told) == 1
    assert told[0].startswith("picture.png: is one of 1 files whose content changed since breastcad last read them; import their set again")


def test_a_file_is_hashed_once_and_again_when_it_is_touched(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED_NS", -(10**12))
    hashed: list[str] = []
    real = module.hashlib.file_digest
    monkeypatch.setattr(module.hashlib, "file_digest", lambda stream, name: (hashed.append(stream.name), real(stream, name))[1])
    for _ in range(2):
        with opened(tmp_path) as cache:
            cache.array("k", [source], [], Maker(np.ones(3)))
    assert len(hashed) == 1
    os.utime(source, ns=(5, 5))
    with opened(tmp_path) as cache:
        cache.array("k", [source], [], pytest.fail)
    assert len(hashed) == 2


def test_a_file_that_was_just_written_is_not_trusted(tmp_path: Path, source: Path) -> None:
    with opened(tmp_path) as cache:
        cache.array("k", [source], [], Maker(np.ones(3)))
    assert not (tmp_path / "cache" / "digests.json").exists()


def test_what_is_made_while_its_file_changes_is_not_kept(tmp_path: Path, source: Path) -> None:
    def make() -> NDArray[np.generic]:
        source.write_bytes(b"quite another picture")
        return np.ones(3)

    assert opened(tmp_path).array("k", [source], [], make).tolist() == [1, 1, 1]
    assert entries(tmp_path) == []


@pytest.mark.parametrize("text", ["", "[1]", '{"a": 3, "b": [1, 2], "c": [1, 2, 3, 4, 5]}', "{"])
def test_damaged_digests_are_made_anew(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(module, "SETTLED_NS", -(10**12))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "digests.json").write_text(text)
    with opened(tmp_path) as cache:
        cache.array("k", [source], [], Maker(np.ones(3)))
    assert len(module._read_digests(tmp_path / "cache")) == 1
    assert "picture" not in (tmp_path / "cache" / "digests.json").read_text()  # names may tell of patients


def test_a_missing_file_or_none_is_left_to_who_reads_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("gone.png", "pipe", "."):
        make = Maker(np.ones(3))
        opened(tmp_path).array("k", [tmp_path / name], [], make)
        assert make.calls == 1
    assert not (tmp_path / "cache").exists()


# ---- damage, kills, several writers ----


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:3], lambda b: b[:-9] + b"\7" + b[-8:]])
def test_a_damaged_entry_is_made_anew(tmp_path: Path, source: Path, damage: Callable[[bytes], bytes]) -> None:
    make = Maker(np.arange(1000) + 1)
    opened(tmp_path).array("k", [source], [], make)
    (entry,) = entries(tmp_path)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert np.array_equal(opened(tmp_path).array("k", [source], [], make), make.array)
    assert make.calls == 2
    assert entry.read_bytes() == whole


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_any_bit_that_flips_is_seen(tmp_path_factory: pytest.TempPathFactory, place: int, bit: int) -> None:
    folder = tmp_path_factory.mktemp("flip")
    (folder / "a").write_bytes(b"a")
    make = Maker(np.arange(50))
    opened(folder).array("k", [folder / "a"], [], make)
    (entry,) = entries(folder)
    content = bytearray(entry.read_bytes())
    content[place % len(content)] ^= 1 << bit
    entry.write_bytes(content)
    assert np.array_equal(opened(folder).array("k", [folder / "a"], [], make), make.array)
    assert make.calls == 2


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from breastcad.datasets.cache import Cache
folder, number = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
with Cache(folder / "cache", limit=2**30, tell=print) as cache:
    for k in range(number):
        found = cache.array("k", [folder / "picture.png"], [k], lambda: np.full((256, 1024), k))
        assert (found == k).all()
"""


def writer(tmp_path: Path, number: int) -> subprocess.Popen[str]:
    call = [sys.executable, "-c", WRITER, str(tmp_path), str(number)]
    environment = os.environ | {"PYTHONPATH": str(SRC)}
    started = subprocess.Popen(call, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


@pytest.mark.usefixtures("source")
def test_two_writers_at_once_give_one_cache(tmp_path: Path) -> None:
    writers = [writer(tmp_path, 30) for _ in range(2)]
    for one in writers:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    for one in writers:
        assert one.communicate(timeout=60) == ("", None)
        assert one.returncode == 0
    assert (len(entries(tmp_path)), parts(tmp_path)) == (30, [])
    assert usage(tmp_path / "cache")["k"][0] == 30


@pytest.mark.usefixtures("source")
def test_a_killed_writer_leaves_nothing_under_a_final_name(tmp_path: Path) -> None:
    numbers = random.Random(4)
    for number in range(4):
        one = writer(tmp_path, 1000)
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
        while len(entries(tmp_path)) < 5 * (number + 1):
            time.sleep(0.001)
        time.sleep(numbers.random() / 100)
        one.send_signal(signal.SIGKILL)
        one.communicate()
    kept = entries(tmp_path)
    assert kept
    for k in range(len(kept)):
        found = opened(tmp_path).array("k", [tmp_path / "picture.png"], [k], lambda k=k: np.full((256, 1024), k))
        assert (found == k).all()
    assert entries(tmp_path) == kept  # none of them was damaged, so none was made anew under another name


def test_a_writer_killed_in_the_midst_of_a_write_leaves_a_part_that_is_removed_later(tmp_path: Path, source: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
import numpy as np
from breastcad.core import files
from breastcad.datasets.cache import Cache
def killed(*names):
    os.kill(os.getpid(), signal.SIGKILL)
folder = Path(sys.argv[1])
cache = Cache(folder / "cache", limit=2**30, tell=print)
cache.array("k", [folder / "picture.png"], [0], lambda: np.ones(9))
files.os.replace = killed
cache.array("k", [folder / "picture.png"], [1], lambda: np.ones(9))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=os.environ | {"PYTHONPATH": str(SRC)}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (len(entries(tmp_path)), len(parts(tmp_path))) == (1, 1)
    opened(tmp_path).array("k", [source], [2], Maker(np.ones(9)))
    assert len(parts(tmp_path)) == 1  # it could be one that is being written now
    os.utime(parts(tmp_path)[0], (0, time.time() - module.LEFTOVER_S))
    opened(tmp_path).array("k", [source], [3], Maker(np.ones(9)))
    assert (len(entries(tmp_path)), parts(tmp_path)) == (3, [])


# ---- room, and a disk that refuses ----


def test_what_was_used_longest_ago_goes_first(tmp_path: Path, source: Path) -> None:
    make = Maker(np.zeros(MIB, np.uint8))
    cache = opened(tmp_path, limit=4 * MIB)
    for k in range(3):
        cache.array("k", [source], [k], make)
    for age, entry in enumerate(sorted(entries(tmp_path), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(entry, (age + 1, age + 1))
    cache.array("k", [source], [0], make)  # the oldest is used
    assert make.calls == 3
    cache.array("k", [source], [3], make)  # makes 4 MiB and a little
    assert len(entries(tmp_path)) == 3
    opened(tmp_path).array("k", [source], [0], pytest.fail)
    calls = make.calls
    opened(tmp_path).array("k", [source], [1], make)
    assert make.calls == calls + 1


def test_more_entries_than_may_be_mapped_are_read_into_memory(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MAPS", 1)
    for k in range(2):
        opened(tmp_path).array("k", [source], [k], Maker(np.full(3, k)))
    cache = opened(tmp_path)
    found = [cache.array("k", [source], [k], pytest.fail) for k in range(2)]
    assert [one.tolist() for one in found] == [[0, 0, 0], [1, 1, 1]]
    assert [isinstance(one.base, np.memmap) for one in found] == [True, False]


def test_a_full_disk_is_told_once_and_the_work_goes_on(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the write itself fails, midway, in the kernel."""
    code = """
import resource, sys
from pathlib import Path
import numpy as np
from breastcad.datasets.cache import Cache
folder = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
with Cache(folder / "cache", limit=2**30, tell=print) as cache:
    for k in range(5):
        assert (cache.array("k", [folder / "picture.png"], [k], lambda: np.full(100_000, k)) == k).all()
"""
    (tmp_path / "picture.png").write_bytes(b"a")
    call = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(call, env=os.environ | {"PYTHONPATH": str(SRC)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"the cache '.+' takes nothing more \(File too large\); the work goes on without it\n", done.stdout)
    assert (entries(tmp_path), parts(tmp_path)) == ([], [])


def test_a_folder_that_may_not_be_written_is_told_once(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
import numpy as np
from breastcad.datasets.cache import Cache, code_version
code_version()  # reads Python's own files, which may be root's
if os.geteuid() == 0:
    os.seteuid(65534)
cache = Cache(Path(sys.argv[1]) / "closed" / "cache", limit=2**30, tell=print)
with cache:
    for k in range(3):
        assert (cache.array("k", [], [k], lambda: np.full(9, k)) == k).all()
"""
    (tmp_path / "closed").mkdir(mode=0o500)
    call = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(call, env=os.environ | {"PYTHONPATH": str(SRC)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"the cache '.+' takes nothing more \(Permission denied\); the work goes on without it\n", done.stdout)


def test_a_file_in_the_folders_place_is_told_once(tmp_path: Path, source: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    told: list[str] = []
    with opened(tmp_path, told) as cache:
        for k in range(3):
            assert cache.array("k", [source], [k], Maker(np.full(1, k))).tolist() == [k]
    assert len(told) == 1


# ---- the folder ----


def test_where_the_cache_lies_and_how_large_it_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREASTCAD_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("BREASTCAD_CACHE")
    assert cache_folder() == tmp_path / "breastcad"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the standard says: to be ignored
    assert cache_folder() == Path.home() / ".cache" / "breastcad"
    assert cache_limit() == 20 * 2**30
    monkeypatch.setenv("BREASTCAD_CACHE_LIMIT", "0.5")
    assert open_cache(print).limit == 2**29
    for wrong in ("0", "-1", "much", "nan", "inf"):
        monkeypatch.setenv("BREASTCAD_CACHE_LIMIT", wrong)
        with pytest.raises(InputError, match=f"BREASTCAD_CACHE_LIMIT must be a positive number of GiB, got '{wrong}'"):
            cache_limit()


def test_the_cache_is_for_its_owners_eyes_and_passed_over_by_backups(tmp_path: Path, source: Path) -> None:
    opened(tmp_path).array("k", [source], [], Maker(np.ones(3)))
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "cache" / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")


def test_clear_removes_what_is_ours_and_nothing_else(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED_NS", -(10**12))
    with opened(tmp_path) as cache:
        for k in range(3):
            cache.array("k", [source], [k], Maker(np.ones(3)))
    folder = tmp_path / "cache"
    (folder / "entries" / "k" / f".{'0' * 64}.npy.12.part").write_bytes(b"left")
    mine = [folder / "notes.npy", folder / "entries" / "k" / "mine.npy"]
    for path in mine:
        path.write_text("mine")
    (tmp_path / "outside").mkdir()
    outside = tmp_path / "outside" / f"{'0' * 64}.npy"
    outside.write_text("mine")
    (folder / "entries" / "link").symlink_to(tmp_path / "outside")
    count, size = clear(folder)
    assert count == 3
    assert size > 0
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted(mine)
    assert outside.exists()
    for path in (*mine, folder / "entries" / "link"):
        path.unlink()
    assert clear(folder) == (0, 0)
    assert not folder.exists()
    assert clear(folder) == (0, 0)

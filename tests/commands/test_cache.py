"""``breastcad cache``: what it shows and removes, and that `train` and `split` use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from breastcad.datasets import duplicates
from breastcad.datasets.cache import open_cache

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BREASTCAD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_empty_cache_is_shown_and_cleared(run: Run, folder: Path) -> None:
    code, out, err = run("cache", "info")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"{folder} (BREASTCAD_CACHE names another)"
    assert out.splitlines()[1].split() == ["all", "0", "entries", "0.0", "MiB", "of", "20,480", "(BREASTCAD_CACHE_LIMIT,", "in", "GiB)"]
    assert run("cache", "clear") == (0, f"{folder}: 0 entries removed, 0.0 MiB freed\n", "")
    assert not folder.exists()


def test_entries_are_counted_by_kind_and_removed(run: Run, folder: Path) -> None:
    with open_cache(print) as cache:
        for number, kind in enumerate(("ultrasound-8x8", "ultrasound-8x8", "thumbnail")):
            cache.array(kind, [], [number], lambda: np.ones(2**17))
    out = run("cache", "info")[1]
    assert [line.split()[:4] for line in out.splitlines()[1:]] == [
        ["thumbnail", "1", "entries", "1.0"],
        ["ultrasound-8x8", "2", "entries", "2.0"],
        ["all", "3", "entries", "3.0"],
    ]
    assert run("cache", "clear")[1] == f"{folder}: 3 entries removed, 3.0 MiB freed\n"
    assert not folder.exists()


def test_a_limit_that_is_none_is_refused(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREASTCAD_CACHE_LIMIT", "all")
    code, _, err = run("cache", "info")
    assert (code, err) == (2, "breastcad: BREASTCAD_CACHE_LIMIT must be a positive number of GiB, got 'all'\n")


def test_a_second_split_decodes_nothing_and_is_the_same(run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("phantom", "busi", "--n", "9", "--no-quirks", "--out", str(tmp_path / "set"))[0] == 0
    assert run("import", "busi", str(tmp_path / "set"), "--out", str(tmp_path / "collection"))[0] == 0
    call = ("split", str(tmp_path / "collection"), "--kind", "holdout", "--out")
    assert run(*call, str(tmp_path / "first"))[0] == 0
    assert "thumbnail" in run("cache", "info")[1]
    monkeypatch.setattr(duplicates, "open_picture", lambda path, *_: pytest.fail(f"{path} is decoded again"))
    assert run(*call, str(tmp_path / "second"))[0] == 0
    assert (tmp_path / "second" / "split.csv").read_bytes() == (tmp_path / "first" / "split.csv").read_bytes()

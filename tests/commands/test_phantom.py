"""``breastcad phantom``: what it writes, what it says, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def test_a_set_is_written_and_counted_and_called_made_up(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    code, out, err = run("phantom", "busi", "--out", str(tmp_path / "made"), "--n", "3", "--seed", "5", "--no-quirks")
    assert (code, err) == (0, "")
    assert "3 made-up pictures (1 normal, 1 benign, 1 malignant)" in out
    assert "no claim of accuracy" in out
    assert "--n 3 --seed 5 --no-quirks" in (tmp_path / "made" / "README.txt").read_text(encoding="utf-8")
    assert len(list((tmp_path / "made").rglob("*.png"))) == 6


def test_an_unknown_set_is_refused_before_anything_is_written(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    code, _, err = run("phantom", "xyz", "--out", str(tmp_path / "made"))
    assert code == 2
    assert err.startswith("breastcad: no made-up set 'xyz'; Sets: mini-mias, busi, bus-bra, ")
    assert not (tmp_path / "made").exists()


def test_a_folder_that_is_not_empty_is_refused_unless_told(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    call = ("phantom", "bus-bra", "--out", str(tmp_path), "--n", "1")
    code, _, err = run(*call)
    assert code == 2
    assert "is not empty" in err
    assert run(*call, "--overwrite")[0] == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_of_another_call_is_refused_also_with_overwrite(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    call = ("phantom", "busi", "--out", str(tmp_path / "made"), "--overwrite", "--n")
    assert run(*call, "3")[0] == 0
    before = sorted((path, path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file())
    code, _, err = run(*call, "1")
    assert code == 2
    assert "holds the made-up set of another call (breastcad phantom busi --n 3 --seed 0 --quirks); name another folder" in err
    assert run(*call, "3")[0] == 0
    assert sorted((path, path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file()) == before


def test_too_many_films_are_refused(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    code, _, err = run("phantom", "mini-mias", "--out", str(tmp_path / "made"), "--n", "400")
    assert code == 2
    assert "--n must be from 1 to 320" in err

"""The sets by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError
from breastcad.read import nearest
from breastcad.read.nearest import _marks, what_is_there
from breastcad.read.sets import OWN, READERS, read_set, reader_for


def _make_busi(root: Path) -> Path:
    (root / "benign").mkdir(parents=True)
    Image.fromarray(np.zeros((8, 9), np.uint8)).save(root / "benign" / "benign (1).png")
    return root


def _make_mini_mias(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "Info.txt").write_text("mdb001 G NORM \n")
    return root


def test_every_set_is_read_by_its_name_and_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in READERS)
    assert all(reader.name == name for name, reader in READERS.items())


@pytest.mark.parametrize("name", READERS)
def test_every_reader_refuses_an_empty_folder_and_none(tmp_path: Path, name: str) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="name the folder that"):
            read_set(name, folder)


@pytest.mark.parametrize(("name", "near"), [("bus_bra", "'bus-bra'"), ("BUSY", "'busi'"), ("minimias", "'mini-mias'")])
def test_unknown_set_is_refused_with_near_names(name: str, near: str) -> None:
    with pytest.raises(InputError, match=f"unknown set '{name}'; near names: {near}.*Sets: auto, mini-mias, cbis-ddsm, "):
        reader_for(name, ".")


def test_unknown_set_far_from_all_is_refused() -> None:
    with pytest.raises(InputError, match="unknown set 'xyz'; Sets: auto"):
        reader_for("xyz", ".")


def test_auto_sees_the_set_by_its_files(tmp_path: Path) -> None:
    assert read_set("auto", _make_busi(tmp_path / "a")).facts["set"] == "busi"
    assert read_set("auto", _make_mini_mias(tmp_path / "b")).facts["set"] == "mini-mias"


def test_auto_refuses_what_is_no_set_or_several(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder; name the folder of a data set"):
        read_set("auto", tmp_path / "none")
    with pytest.raises(InputError, match="holds no set that is known here: nothing; name the set in place of auto, or write a table of"):
        read_set("auto", tmp_path)
    _make_mini_mias(_make_busi(tmp_path))
    with pytest.raises(InputError, match=r"holds several sets \(mini-mias, busi\); name the set"):
        read_set("auto", tmp_path)


def test_facts_name_terms_and_source_of_every_set(tmp_path: Path) -> None:
    facts = read_set("mini-mias", _make_mini_mias(tmp_path)).facts
    assert facts.keys() >= {"set", "reader", "licence", "cite", "counts", "problems"}
    assert facts["cite"].startswith("J. Suckling")


def test_auto_takes_the_set_in_the_folder_and_not_the_one_beside_it(tmp_path: Path) -> None:
    _make_mini_mias(tmp_path)  # in the folder above, which readers look at too
    assert reader_for("auto", _make_busi(tmp_path / "sets" / "a").parent).name == "busi"
    assert reader_for("auto", _make_busi(tmp_path / "b")).name == "busi"


def test_auto_says_what_a_folder_holds_that_is_no_set_and_which_sets_are_near(tmp_path: Path) -> None:
    (tmp_path / "Doe Jane" / "original").mkdir(parents=True)
    for name in ("original/000017.png", "original/case7.bmp", "scan.DOE^JANE", "notes", ".hidden"):
        (tmp_path / "Doe Jane" / name).touch()
    with pytest.raises(InputError) as raised:
        read_set("auto", tmp_path)
    said = str(raised.value).removeprefix(f"'{tmp_path}' ")
    assert said.startswith(
        "holds no set that is known here: 2 other, 1 .bmp, 1 .png, 2 folders; the nearest are udiat (has 000001.png, original); "
        "busis (has case1.bmp, Original); name the set in place of auto, "
    )
    assert "docs/data.md, see: breastcad import --help" in said
    assert ("mini-mias" in said, "Doe" in said) == (False, False)
    with pytest.raises(InputError, match=r"notes' holds no set that is known here: 1 other; name the set"):
        read_set("auto", tmp_path / "Doe Jane" / "notes")


def test_the_marks_of_every_published_set_are_names_and_no_words() -> None:
    marks = {name: _marks(reader.needed) for name, reader in READERS.items() if name not in OWN}
    assert [name for name, found in marks.items() if not found] == []
    assert {mark for found in marks.values() for mark in found} & {
        "and",
        "or",
        "the",
        "such",
        "files",
        "folders",
        "with",
        "its",
        "px",
    } == set()


def test_a_folder_of_many_names_is_looked_at_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/b/c/deep.png", "a/one.png", "a/b/two.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert what_is_there(tmp_path, {}) == ("2 .png, 3 folders", [])
    monkeypatch.setattr(nearest, "MOST", 1)
    assert what_is_there(tmp_path, {}) == ("1 .png, 1 folder", [])

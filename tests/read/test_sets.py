"""The sets by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError
from breastcad.read.sets import READERS, read_set, reader_for


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
    with pytest.raises(InputError, match="holds no set that is known here; name the set: mini-mias, cbis-ddsm, "):
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

"""Files for --map: what they may say, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection, ImageRow
from breastcad.read.maps import SetMap, apply_birads, as_map, birads_category, read_map
from breastcad.read.sets import read_set

WHOLE = """\
set: clinic-1
title: The clinic
images: {path: Bild}
findings:
  mask_path: Maske
every:
  modality: US
labels:
  No: normal
  010: benign
  Böse: MALIGNANT
birads:
  BI-RADS 4: malignant
  4a: benign
kinds:
  Herd: mass
  Brustwarze: none
sides:
  links: L
"""


def _write(tmp_path: Path, text: str, name: str = "map.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_section_is_read_and_words_stay_as_they_are_written(tmp_path: Path) -> None:
    """YAML would make ``No`` false and ``010`` eight."""
    said = read_map(_write(tmp_path, WHOLE))
    assert dict(said) == {"no": "normal", "010": "benign", "böse": "malignant"}
    assert (said.images, said.findings, said.every) == ({"path": "Bild"}, {"mask_path": "Maske"}, {"modality": "US"})
    assert (said.birads, said.kinds, said.sides) == (
        {"4": "malignant", "4a": "benign"},
        {"herd": "mass", "brustwarze": "none"},
        {"links": "l"},
    )
    assert said.about == {"set": "clinic-1", "title": "The clinic"}
    assert said.facts()["file"] == "map.yaml"
    assert said.own == ["images", "findings", "every", "kinds", "sides", "set", "title"]


def test_a_file_of_other_names_holds_words_and_labels_in_lines(tmp_path: Path) -> None:
    said = read_map(_write(tmp_path, "word,label\nP3,malignant\n", "map.csv"))
    assert (dict(said), said.facts()) == ({"p3": "malignant"}, {"file": "map.csv", "labels": {"p3": "malignant"}})
    assert as_map(said) is said
    assert (as_map(None), as_map({"a": "benign"}).file) == ({}, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "must hold sections of names and values"),
        ("", "must hold sections of names and values"),
        ("labels: [a\n", "is not YAML"),
        ("[" * 5000, "is not YAML"),
        ("label:\n  a: benign\n", "line 1: 'label' is no section of a map; sections are images, findings, every, labels"),
        ("labels: benign\n", "line 1: 'labels' must hold names and values"),
        ("labels:\n  a: nice\n", "line 2: 'a' must be one of normal, benign, malignant, unknown, got 'nice'"),
        ("labels:\n  a:\n", "line 2: 'a' must have one value"),
        ("labels:\n  a: [benign]\n", "line 2: 'a' must have one value"),
        ("labels:\n  a: benign\n  a: benign\n", "line 3: 'a' stands here a second time"),
        ("labels:\n  a: benign\n  A: normal\n", "line 3: 'A' was 'benign' before and is 'normal' here"),
        ("labels:\n  ? [a]\n  : benign\n", "line 2: a name must stand before the colon"),
        ("images:\n  file: a\n", "line 2: 'file' is no column of 'images'; columns are image_id, path"),
        ("every:\n  path: a\n", "line 2: 'path' is no column of 'every'"),
        ("birads:\n  9: benign\n", "line 2: '9' is no BI-RADS category"),
        ("kinds:\n  a: lump\n", "line 2: 'a' must be one of mass, calcification"),
        ("set: ../up\n", "line 1: 'set' must be a name of letters"),
        ("title:\n  a: b\n", "line 1: 'title' must be one line of text"),
        ("a: &a [1]\nb: *a\n", "line 1: 'a' is no section"),
        ("x" * 1_000_001, "no map has more than 1,000,000"),
    ],
)
def test_what_is_no_map_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ReadError) as raised:
        read_map(_write(tmp_path, text))
    assert str(raised.value).startswith("map.yaml: ")
    assert message in str(raised.value)


def test_a_map_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"none.yaml: cannot be opened"):
        read_map(tmp_path / "none.yaml")
    (tmp_path / "a.yml").write_bytes(b"labels:\n  \xff: benign\n")
    with pytest.raises(ReadError, match=r"a.yml: is no UTF-8 text"):
        read_map(tmp_path / "a.yml")


def test_birads_makes_a_label_only_where_there_is_none_and_only_as_the_map_says() -> None:
    rows = [
        ImageRow("s", name, birads=birads, label=label)
        for name, birads, label in (
            ("a", "4a", "unknown"),
            ("b", "4B", "unknown"),
            ("c", "5", "unknown"),
            ("d", "4", "normal"),
            ("e", None, "unknown"),
        )
    ]
    said = SetMap(file="m.yaml")
    said.birads = {"4": "malignant", "4a": "benign"}
    collection = Collection("/", rows, facts={"counts": {"own": 1, "read_malignant": 0}, "problems": []})
    apply_birads(collection, said)
    assert [row.label for row in rows] == ["benign", "malignant", "unknown", "normal", "unknown"]
    assert (collection.facts["counts"]["own"], collection.facts["counts"]["read_malignant"]) == (1, 1)
    assert collection.facts["problems"] == [
        "labels that are BI-RADS categories, as the map says, and no pathology: 2; say so with every figure"
    ]
    assert collection.facts["map"] == {"file": "m.yaml", "birads": {"4": "malignant", "4a": "benign"}}
    assert birads_category("4d") is None


def test_of_a_published_set_a_map_may_say_labels_and_birads_only(tmp_path: Path) -> None:
    (tmp_path / "Info.txt").write_text("mdb001 G CIRC P 300 200 40\n")
    said = read_map(_write(tmp_path, "labels:\n  P: malignant\n"))
    assert [row.label for row in read_set("mini-mias", tmp_path, words=said).images] == ["malignant"]
    said.images = {"path": "a"}
    with pytest.raises(
        InputError, match=r"the map's 'images' is for a set of your own .csv.*; of 'mini-mias' it can say labels and birads"
    ):
        read_set("mini-mias", tmp_path, words=said)

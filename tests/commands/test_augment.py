"""``breastcad augment``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from breastcad.augment.offline import read_records, remake
from breastcad.core.files import read_collection, read_split, write_collection, write_split
from breastcad.core.records import PARTS, SplitRow
from breastcad.phantom.sets import write_set
from breastcad.read import open_picture
from breastcad.read.sets import read_set

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with four made-up scans, `set`, and their collection, `busi`."""
    folder = tmp_path_factory.mktemp("made-up")
    write_set("busi", folder / "set", n=4, seed=1, quirks=False)
    write_collection(folder / "busi", read_set("busi", folder / "set"))
    return folder


@pytest.fixture
def busi(made_up: Path, tmp_path: Path) -> Path:
    """Return a collection of four made-up scans that a test may break."""
    shutil.copytree(made_up, tmp_path, dirs_exist_ok=True)
    return tmp_path / "busi"


@pytest.fixture
def split(busi: Path, tmp_path: Path) -> Path:
    """Return a split of two folds: in fold 0 image 0 trains, in fold 1 images 2 and 1."""
    names = [row.image_id for row in read_collection(busi).images]
    parts = (("train", "test", "validation", "test"), ("test", "train", "train", "validation"))
    rows = [SplitRow("busi", name, f"g{n}", outer=outer, part=own[n]) for outer, own in enumerate(parts) for n, name in enumerate(names)]
    write_split(tmp_path / "split", rows, {"kind": "kfold", "leaks": [], "counts": [1], "remarks": ["one"]})
    return tmp_path / "split"


def test_a_collection_is_written_that_reads_and_says_how_it_was_made(busi: Path, tmp_path: Path, run: Run) -> None:
    code, told, warned = run("augment", str(busi), "--out", str(tmp_path / "out"), "--policy", "b-table-1", "--seed", "3")
    assert code == 0
    assert "32 copies of 4 images." in told
    assert "! no split: copies of images that validate or test later are made too" in warned
    parents, made = read_collection(busi), read_collection(tmp_path / "out")
    assert made.root == str(tmp_path / "out")
    assert {row.origin for row in made.images} == {"augmented"}
    assert {row.parent_image_id for row in made.images} == {row.image_id for row in parents.images}
    assert made.facts["augmentation"]["policy"] == "b-table-1"
    assert made.facts["augmentation"]["settings"]["alpha"] == 0.5
    assert made.facts["licence"] == parents.facts["licence"]
    for record, row in zip(read_records(tmp_path / "out"), made.images, strict=True):
        written = open_picture(Path(made.root) / str(row.path)).pixels
        assert (remake(record, parents) / written.dtype.type(255) == written).all()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_only_the_training_part_is_augmented_and_the_split_grows(busi: Path, split: Path, tmp_path: Path, run: Run) -> None:
    code, _, warned = run("augment", str(busi), "--out", str(tmp_path / "out"), "--policy", "e3", "--copies", "2", "--split", str(split))
    assert (code, warned) == (0, "")
    names = [row.image_id for row in read_collection(busi).images]
    made = read_collection(tmp_path / "out").images
    assert {row.parent_image_id for row in made} == set(names[:3])
    rows = read_split(tmp_path / "out" / "split")
    copies = [row for row in rows if "~" in row.id]
    assert {row.part for row in copies} == {"train"}
    assert {(row.outer, row.id.split("~")[0]) for row in copies} == {(0, names[0]), (1, names[1]), (1, names[2])}
    group_of = {row.id: row.group for row in rows}
    assert all(row.group == group_of[row.id.split("~")[0]] for row in copies)
    facts = json.loads((tmp_path / "out" / "split" / "split.json").read_text())
    assert "counts" not in facts
    assert facts["remarks"] == ["one", "6 augmented copies stand beside their parents in 'train'"]
    both = (str(busi), str(tmp_path / "out"))
    assert run("audit", *both, "--split", str(tmp_path / "out" / "split"), "--out", str(tmp_path / "audit"), "--no-pixels")[0] == 0


def test_another_part_only_when_told(busi: Path, split: Path, tmp_path: Path, run: Run) -> None:
    code, _, warned = run(
        "augment", str(busi), "--out", str(tmp_path / "out"), "--policy", "a", "--split", str(split), "--part", "validation"
    )
    assert code == 0
    assert "! --part validation: copies are made of images that are not trained on" in warned
    assert {row.part for row in read_split(tmp_path / "out" / "split") if "~" in row.id} == {"validation"}
    assert "validation" in PARTS


def test_overwriting_replaces_what_augment_wrote_and_nothing_else(busi: Path, tmp_path: Path, run: Run) -> None:
    call = ["augment", str(busi), "--out", str(tmp_path / "out"), "--policy", "a"]
    assert run(*call, "--copies", "2")[0] == 0
    assert run(*call)[2].endswith("is not empty; name another folder with --out, or add --overwrite\n")
    code, told, _ = run(*call, "--overwrite")
    assert code == 0
    assert "and its 8 augmented images when the new ones are whole" in told
    assert len(list((tmp_path / "out" / "images").iterdir())) == 4
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("all of it")
    for folder, sentence in ((mine, "holds what augment did not write"), (busi, "is the collection that is augmented")):
        code, _, warned = run("augment", str(busi), "--out", str(folder), "--policy", "a", "--overwrite")
        assert code == 2
        assert sentence in warned
    assert (mine / "thesis.txt").read_text() == "all of it"
    assert run("augment", str(busi), "--out", str(mine / "thesis.txt"), "--policy", "a", "--overwrite")[0] == 2


def test_what_fails_leaves_nothing_and_the_old_folder_whole(busi: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ["augment", str(busi), "--out", str(tmp_path / "out"), "--policy", "a"]
    assert run(*call)[0] == 0
    before = sorted(path.name for path in (tmp_path / "out").rglob("*"))

    def broken(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("breastcad.core.files.write_collection", broken)
    assert run(*call, "--overwrite")[0] == 2
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_images_that_cannot_be_read_never_stop_the_rest(busi: Path, tmp_path: Path, run: Run) -> None:
    collection = read_collection(busi)
    paths = [Path(collection.root) / str(row.path) for row in collection.images]
    paths[1].write_bytes(b"no picture")
    code, told, _ = run("augment", str(busi), "--out", str(tmp_path / "out"), "--policy", "a")
    assert code == 0
    assert f"! busi {collection.images[1].image_id} is left out:" in told
    assert "3 copies of 3 images." in told
    for path in paths:
        path.write_bytes(b"no picture")
    code, _, warned = run("augment", str(busi), "--out", str(tmp_path / "none"), "--policy", "a")
    assert code == 1
    assert "no image could be read, so that there is nothing to augment; nothing is written" in warned
    assert not (tmp_path / "none").exists()


def test_policies_are_listed_with_their_sources(run: Run) -> None:
    code, told, _ = run("augment", "--list")
    assert code == 0
    assert "b-table-1  (B, Table 1; 8 copies an image)" in told
    assert "settings: degrees=45.0" in told


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--policy", "b"), "unknown policy 'b'"),
        (("--policy", "a", "--setting", "degree=3"), "unknown setting 'degree' of a; near name: 'degrees'"),
        (("--policy", "a", "--split", "nowhere"), "is no split"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    busi: Path, tmp_path: Path, run: Run, options: tuple[str, ...], sentence: str
) -> None:
    code, _, warned = run("augment", str(busi), "--out", str(tmp_path / "out"), *options)
    assert code == 2
    assert sentence in warned
    assert not (tmp_path / "out").exists()


def test_a_split_of_other_images_is_refused(busi: Path, tmp_path: Path, run: Run) -> None:
    write_split(tmp_path / "split", [SplitRow("busi", "elsewhere", "g")], {})
    code, _, warned = run("augment", str(busi), "--out", str(tmp_path / "out"), "--policy", "a", "--split", str(tmp_path / "split"))
    assert code == 2
    assert "no image of this collection is in the part 'train' of the split" in warned


def test_copies_of_copies_are_refused(busi: Path, tmp_path: Path, run: Run) -> None:
    """Their parents would be copies: without these, nothing would tie them to the source images."""
    run("augment", str(busi), "--out", str(tmp_path / "out"), "--policy", "d")
    code, _, told = run("augment", str(tmp_path / "out"), "--out", str(tmp_path / "again"), "--policy", "d")
    assert (code, (tmp_path / "again").exists()) == (2, False)
    assert "give the collection that was augmented" in told


def test_a_split_never_names_a_copy_twice_or_one_that_is_replaced(busi: Path, split: Path, tmp_path: Path, run: Run) -> None:
    options = ["augment", str(busi), "--policy", "d"]
    assert run(*options, "--out", str(tmp_path / "one"), "--split", str(split))[0] == 0
    grown = str(tmp_path / "one" / "split")
    code, _, told = run(*options, "--out", str(tmp_path / "two"), "--split", grown)
    assert (code, (tmp_path / "two").exists()) == (2, False)
    assert "~d-s0-0'; give another --seed for further copies" in told
    code, _, told = run(*options, "--out", str(tmp_path / "one"), "--seed", "1", "--split", grown, "--overwrite")
    assert code == 2
    assert "which --overwrite would replace" in told
    assert run(*options, "--out", str(tmp_path / "two"), "--seed", "1", "--split", grown)[0] == 0
    rows = read_split(tmp_path / "two" / "split")
    assert len(rows) == len({(row.id, row.outer) for row in rows}) == len(read_split(split)) + 6


def test_a_link_is_followed_and_the_old_copies_come_back_if_the_new_cannot_take_their_place(
    busi: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["augment", str(busi), "--out", str(tmp_path / "link"), "--policy", "d", "--overwrite"]
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    assert run(*options)[0] == 0
    assert (tmp_path / "link").is_symlink()
    before = (tmp_path / "out" / "augmentations.jsonl").read_text()
    rename = Path.rename

    def refused(path: Path, target: Path) -> Path:
        if path.name.endswith(".part"):
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    assert run(*options, "--seed", "1")[0] != 0
    assert (tmp_path / "out" / "augmentations.jsonl").read_text() == before
    assert not list(tmp_path.glob(".*"))

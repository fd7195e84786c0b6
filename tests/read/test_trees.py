"""Finding a set's folder, and looking at pictures without decoding them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import FindingRow, ImageRow
from breastcad.read.trees import PictureFacts, counts, find_tree, picture_facts, put_picture, told

GREY = np.arange(12 * 20, dtype=np.uint8).reshape(12, 20)


def _is_tree(folder: Path) -> bool:
    return folder.joinpath("Info.txt").is_file()


def _set(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Info.txt").touch()
    return folder


@pytest.mark.parametrize(("given", "tree"), [("a", "a"), (".", "a"), (".", "b/a"), ("a/films", "a")])
def test_tree_is_found_one_or_two_levels_below_and_one_above(tmp_path: Path, given: str, tree: str) -> None:
    folder = _set(tmp_path / tree)
    (tmp_path / given).mkdir(parents=True, exist_ok=True)
    assert find_tree(tmp_path / given, _is_tree, "it").resolve() == folder.resolve()


def test_tree_that_is_named_wins_over_copies_in_it(tmp_path: Path) -> None:
    _set(tmp_path / "copy")
    assert find_tree(_set(tmp_path), _is_tree, "it") == tmp_path


def test_several_trees_are_refused(tmp_path: Path) -> None:
    _set(tmp_path / "a")
    _set(tmp_path / "b")
    with pytest.raises(InputError, match=r"holds several copies \('a', 'b'\); name one of them"):
        find_tree(tmp_path, _is_tree, "it")


def test_no_tree_and_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not hold a set; name the folder that does"):
        find_tree(tmp_path, _is_tree, "a set")
    with pytest.raises(InputError, match=r"'.*none' is no folder; name the folder that holds a set"):
        find_tree(tmp_path / "none", _is_tree, "a set")


def test_folder_that_may_not_be_listed_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(InputError, match="does not hold a set"):
        find_tree(tmp_path, _is_tree, "a set")


@pytest.mark.parametrize(
    ("name", "image", "depth"),
    [
        ("a.png", Image.fromarray(GREY), 8),
        ("a.png", Image.fromarray(GREY > 99), 1),
        ("a.png", Image.fromarray(GREY.astype(np.uint16) * 200), 16),
        ("a.png", Image.fromarray(GREY).convert("RGBA"), 8),
        ("a.pgm", Image.fromarray(GREY), 8),
        ("a.jpg", Image.fromarray(GREY), 8),
        ("a.tif", Image.fromarray(GREY), 8),
    ],
)
def test_size_and_depth_come_from_the_header(tmp_path: Path, name: str, image: Image.Image, depth: int) -> None:
    image.save(tmp_path / name)
    facts = picture_facts(tmp_path / name)
    assert (facts.rows, facts.cols, facts.bit_depth) == (12, 20, depth)


def test_sixteen_bit_pgm_needs_two_bytes_a_pixel(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5\n# a remark\n20 12\n4095\n" + bytes(480))
    assert picture_facts(path).bit_depth == 16
    path.write_bytes(b"P5\n# a remark\n20 12\n4095\n" + bytes(479))
    with pytest.raises(ReadError, match="cut short"):
        picture_facts(path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.pgm"])
def test_picture_that_is_cut_short_is_refused_without_decoding(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    noise = np.random.default_rng(1).integers(0, 256, (90, 120), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(ReadError, match=f"{name}: is cut short; fetch it again"):
        picture_facts(path)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"hello")
    (tmp_path / "b.png").touch()
    for name in ("a.png", "b.png"):
        with pytest.raises(ReadError, match=f"{name}: is no picture"):
            picture_facts(tmp_path / name)
    with pytest.raises(ReadError, match=r"c\.png: cannot be opened as a picture"):
        picture_facts(tmp_path / "c.png")


@pytest.mark.parametrize(
    ("side", "message"), [(10_001, "declares 10001 x 10001 pixels .rows x columns.; at most"), (60_000, "declares more pixels than any")]
)
def test_absurd_size_is_refused(tmp_path: Path, side: int, message: str) -> None:
    chunks = {b"IHDR": struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0), b"IDAT": zlib.compress(b""), b"IEND": b""}
    path = tmp_path / "a.png"
    content = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks.items()
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    with pytest.raises(ReadError, match=f"a.png: {message}"):
        picture_facts(path)


def test_pgm_of_text_has_no_length_to_check(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_text("P2\n3 2\n255\n1 2 3 4 5 6\n")
    assert picture_facts(tmp_path / "a.pgm") == PictureFacts(2, 3, 8)


def test_row_of_a_missing_or_broken_picture_is_not_present(tmp_path: Path) -> None:
    row = ImageRow("s", "a")
    assert put_picture(row, None, tmp_path) is None
    assert (row.present, row.path) == (0, None)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.png").touch()
    assert put_picture(row, tmp_path / "x" / "a.png", tmp_path) == "a.png: is no picture"
    assert (row.present, row.path) == (0, "x/a.png")


def test_row_of_a_picture_gets_its_path_size_and_depth(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    row = ImageRow("s", "a")
    assert put_picture(row, tmp_path / "a.png", tmp_path) is None
    assert (row.present, row.path, row.rows, row.cols, row.bit_depth) == (1, "a.png", 12, 20, 8)


def test_counts_tell_listed_from_read() -> None:
    images = [ImageRow("s", "a", patient_id="1", label="benign"), ImageRow("s", "b", patient_id="1", present=0), ImageRow("s", "c")]
    found = counts(images, [FindingRow("s", "f", "a", geometry="box"), FindingRow("s", "g", "b")])
    assert found == {
        **{"listed": 3, "read": 2, "missing": 1, "findings": 2, "findings_read": 1, "findings_with_place": 1},
        **{"patients": 1, "patients_read": 1, "read_normal": 0, "read_benign": 1, "read_malignant": 0, "read_unknown": 1},
    }


def test_told_names_the_first_examples() -> None:
    assert told("broken", list("abcdef"), shown=2) == ["broken: 6 (a, b, ...)"]


def test_a_picture_outside_the_set_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "set"
    (root / "b").mkdir(parents=True)
    Image.new("L", (4, 3)).save(tmp_path / "secret.png")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    Image.new("L", (4, 3)).save(root / "a.png")
    for path in (root / ".." / "secret.png", root / "link.png", Path("/etc/hostname")):
        row = ImageRow("s", "a")
        fault = put_picture(row, path, root)
        assert fault == f"{path.name}: lies outside the set's folder, where its table or a link leads; it is not read"
        assert (row.present, row.path) == (0, None)
    row = ImageRow("s", "a")
    assert put_picture(row, root / "b" / ".." / "a.png", root) is None
    assert row.path == "a.png"


def test_what_is_told_is_cut_where_a_cell_is_enormous() -> None:
    assert told("broken", ["a" * 99_999 + ": " + "b" * 99_999, "c" * 60]) == [f"broken: 2 ({'a' * 57}...: {'b' * 117}..., {'c' * 60})"]

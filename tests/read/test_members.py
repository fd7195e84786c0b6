"""Pictures and masks that are members of a file: slices of an .npz, fields of a .mat, RF made into B-mode."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.errors import ReadError
from breastcad.core.files import read_collection, write_collection
from breastcad.datasets.audit_pixels import look
from breastcad.read import count_frames, open_picture
from breastcad.read.files import fault
from breastcad.read.masks import open_mask
from breastcad.read.mat_files import mat_array, mat_elements
from breastcad.read.members import file_of, split_member
from breastcad.read.npz import check_pictures, npz_numbers, npz_slice
from breastcad.read.rf import DYNAMIC_RANGE_DB, b_mode
from breastcad.read.sets import read_set
from breastcad.train.samples import load_samples

PICTURES = np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7)
FIELDS = ("id", "rf1", "roi1", "birads", "class")


def _mat(path: Path, elements: list[tuple[object, ...]], **settings: object) -> Path:
    data = np.zeros((1, len(elements)), [(name, object) for name in FIELDS])
    for number, element in enumerate(elements):
        data[0, number] = element
    scipy.io.savemat(path, {"before": np.arange(40.0), "data": data}, **settings)
    return path


def _element(number: int) -> tuple[object, ...]:
    draw = np.random.default_rng(number)
    shape = (30 + number, 11)
    return f"L{number}", draw.integers(-900, 900, shape, np.int16), draw.integers(0, 2, shape, np.uint8), "4a", number % 2


# ---- paths ----


def test_a_path_is_a_member_only_behind_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=PICTURES)
    assert split_member(tmp_path / "a.npz" / "x" / "3") == (tmp_path / "a.npz", ["x", "3"])
    assert file_of(tmp_path / "a.npz" / "x" / "3") == tmp_path / "a.npz"
    for path in (tmp_path / "a.npz", tmp_path / "none.npz" / "x", tmp_path):
        assert split_member(path) is None
        assert file_of(path) == path


@pytest.mark.parametrize("name", ["x", "x/5", "x/-1", "x/1.0", "x/²", "y/0", "x/0/0", "../b"])
def test_members_that_are_not_there_are_refused(tmp_path: Path, name: str) -> None:
    np.savez(tmp_path / "a.npz", x=PICTURES)
    with pytest.raises(ReadError, match=r"a\.npz: (has no|'x' has 5 pictures, none of number 5)"):
        open_picture(tmp_path / "a.npz" / name)


def test_a_member_has_one_frame(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=PICTURES)
    assert count_frames(tmp_path / "a.npz" / "x" / "1") == 1
    assert np.array_equal(open_picture(tmp_path / "a.npz" / "x" / "1", 0).pixels * 255, PICTURES[1])
    with pytest.raises(ReadError, match="'x/1' has one frame only, but frame 2 was asked for"):
        open_picture(tmp_path / "a.npz" / "x" / "1", 2)


def test_a_file_that_holds_no_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"hello")
    with pytest.raises(ReadError, match=r"a\.npz: is no \.npz and no \.mat file"):
        open_picture(tmp_path / "a.npz" / "x" / "0")
    np.savez(tmp_path / "b.npz", x=PICTURES)
    with pytest.raises(ReadError, match=r"b\.npz: is no \.mat file, so it has no member 'x/0'"):
        open_mask(tmp_path / "b.npz" / "x" / "0")


# ---- .npz ----


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_slice_is_read_alone(tmp_path: Path, save: object) -> None:
    """200 pictures take 10 MB; one of them is read with less than 3 MB, whatever its number."""
    large = np.random.default_rng(1).integers(0, 256, (200, 224, 224), np.uint8)
    save(tmp_path / "a.npz", x=large)  # type: ignore[operator]
    tracemalloc.start()
    try:
        last = npz_slice(tmp_path / "a.npz", "x", 199)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
    assert np.array_equal(last, large[199])


def _npz(path: Path, shape: tuple[int, ...], content: bytes, *, by_columns: bool = False, descr: str = "|u1") -> Path:
    """Write an .npz whose header says what it is told, whatever the content is."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": by_columns, "shape": shape})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", stream.getvalue() + content)
    return path


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((4, 6, 7), {"by_columns": True}, "lies by columns"),
        ((4, 6, 7), {}, "has more bytes than its header says"),
        ((9, 6, 7), {}, "ends before its arrays do"),
        ((5, 200000, 200000), {}, "declares 200000 x 200000 pixels"),
        ((5, 0, 7), {}, r"must be .N, rows, columns. of 8-bit grey, but is \(5, 0, 7\)"),
        ((5, 6, 7), {"descr": "<u2"}, "of type uint16"),
        ((1,) * 900, {}, "holds no numbers in at most four dimensions$"),
        ((10**2000, 6, 7), {}, "holds no numbers in at most four dimensions$"),
        ((5, 6, 7), {"descr": [("a", "<f4")]}, "holds no numbers in at most four dimensions$"),
        ((5, 6, 7), {"descr": "|O"}, "holds Python objects, which are never loaded"),
    ],
)
def test_a_header_that_is_not_of_its_content_is_refused(
    tmp_path: Path, shape: tuple[int, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ReadError, match=f"a.npz: .*{message}"):
        check_pictures(_npz(tmp_path / "a.npz", shape, PICTURES.tobytes(), **settings), "x")


def test_a_header_of_raw_bytes_ends_in_one_short_sentence(tmp_path: Path) -> None:
    path = _npz(tmp_path / "a.npz", (5, 6, 7), PICTURES.tobytes())
    with zipfile.ZipFile(path) as archive:
        content = archive.read("x.npy")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", content[:8] + b"\xc8\x01" + b"\x80" * 456)
    with pytest.raises(ReadError, match=r"^a\.npz: 'x' cannot be read, the file is truncated or damaged \(Cannot parse header\)$"):
        check_pictures(path, "x")


def test_a_struct_of_endless_dimensions_ends_in_one_short_sentence(tmp_path: Path) -> None:
    whole = _mat(tmp_path / "a.mat", [_element(1)], do_compression=False).read_bytes()
    size = b"\x05\0\0\0\x08\0\0\0\x01\0\0\0\x01\0\0\0"  # of the variable: type int32, 8 bytes, 1 x 1
    assert whole.count(size) >= 1
    for number, said in ((2, r"'data' has more than 2,000 elements"), (-2, r"cannot be read as a MATLAB file, .* \(ValueError\)")):
        dimensions = np.full(3_000, number, "<i4").tobytes()
        (tmp_path / "b.mat").write_bytes(whole.replace(size, b"\x05\0\0\0" + len(dimensions).to_bytes(4, "little") + dimensions, 1))
        with pytest.raises(ReadError, match=f"^b.mat: {said}") as caught:
            mat_elements(tmp_path / "b.mat", "data")
        assert len(str(caught.value)) < 200


def test_more_numbers_than_any_set_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="at most 1,000,000; it holds 9,000,000"):
        npz_numbers(_npz(tmp_path / "a.npz", (9_000_000,), b""), "x")


# ---- .mat ----


@pytest.mark.parametrize("settings", [{"do_compression": True}, {"do_compression": False}])
def test_fields_are_what_another_reader_finds(tmp_path: Path, settings: dict[str, bool]) -> None:
    path = _mat(tmp_path / "a.mat", [_element(number) for number in range(5)], **settings)
    known = scipy.io.loadmat(path, squeeze_me=True)["data"]
    found = mat_elements(path, "data")
    assert [(one["id"].value, one["birads"].value, one["class"].value) for one in found] == [
        (str(one["id"]), str(one["birads"]), float(one["class"])) for one in known
    ]
    for number in (4, 0, 2):
        for name in ("rf1", "roi1"):
            array = mat_array(path, "data", number, name)
            assert found[number][name].shape == array.shape
            assert (array.dtype, found[number][name].value) == (known[number][name].dtype, None)
            assert np.array_equal(array, known[number][name])
    assert np.array_equal(open_mask(path / "data" / "3" / "roi1"), known[3]["roi1"] > 0)


def test_a_big_endian_file_is_read(tmp_path: Path) -> None:
    """A file of one element written by hand: flags, size 2 x 3, no name, six int16 by columns."""

    def part(kind: int, content: bytes) -> bytes:
        return kind.to_bytes(4, "big") + len(content).to_bytes(4, "big") + content + bytes(-len(content) % 8)

    def matrix(kind: int, shape: tuple[int, ...], name: bytes, rest: bytes) -> bytes:
        sizes = b"".join(length.to_bytes(4, "big") for length in shape)
        return part(14, part(6, kind.to_bytes(4, "big") + bytes(4)) + part(5, sizes) + part(1, name) + rest)

    numbers = matrix(10, (2, 3), b"", part(3, b"".join(n.to_bytes(2, "big", signed=True) for n in (1, -2, 3, -4, 5, -6))))
    word = matrix(4, (1, 2), b"", part(17, "4a".encode("utf-16-be")))
    names = (32).to_bytes(4, "big")
    packed = b"".join(name.ljust(32, b"\0") for name in (b"rf1", b"birads"))
    struct = matrix(2, (1, 1), b"data", part(5, names) + part(1, packed) + numbers + word)
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\0MI" + struct)
    assert mat_elements(tmp_path / "a.mat", "data")[0]["birads"].value == "4a"
    assert mat_array(tmp_path / "a.mat", "data", 0, "rf1").tolist() == [[1, 3, 5], [-2, -4, -6]]


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    _mat(tmp_path / "a.mat", [_element(1)])
    assert len(mat_elements(tmp_path / "a.mat", "data")) == 1
    _mat(tmp_path / "a.mat", [_element(1), _element(2)])
    assert len(mat_elements(tmp_path / "a.mat", "data")) == 2


@pytest.mark.parametrize(
    "name", ["data/2/rf1", "data/0/rf9", "data/0", "data/x/rf1", "else/0/rf1", "before/0/rf1", "data/0/id", "data/0/class"]
)
def test_fields_that_are_not_there_or_no_pictures_are_refused(tmp_path: Path, name: str) -> None:
    path = _mat(tmp_path / "a.mat", [(*_element(0)[:4], np.zeros((2, 2, 2))), _element(1)])
    with pytest.raises(ReadError, match=r"a\.mat: (has no (member|variable)|'data/0/.*' is no 2D array of numbers)"):
        open_picture(path / name)


def test_what_is_no_finite_number_is_refused(tmp_path: Path) -> None:
    path = _mat(tmp_path / "a.mat", [("a", np.array([[1.0, np.nan]]), np.zeros((1, 2)), "3", 0)])
    with pytest.raises(ReadError, match="'data/0/rf1' holds values that are not finite"):
        open_picture(path / "data" / "0" / "rf1")


@pytest.mark.parametrize("compressed", [True, False])
def test_truncated_and_damaged_files_end_in_one_sentence(tmp_path: Path, compressed: bool) -> None:
    """Cut at every place and with bytes changed at every place, a file is read or refused, and nothing else."""
    whole = _mat(tmp_path / "a.mat", [_element(1), _element(2)], do_compression=compressed).read_bytes()
    said = []
    for number, at in enumerate(range(0, len(whole), len(whole) // 60)):
        damaged = bytearray(whole)
        damaged[at : at + 3] = b"\xff\x7f\xee"
        for kind, content in (("cut", whole[:at]), ("changed", bytes(damaged))):
            path = tmp_path / f"{kind}{number}.mat"
            path.write_bytes(content)
            try:
                mat_array(path, "data", 1, "rf1")
            except ReadError as error:
                said.append((path.name, str(error)))
    assert len(said) > 60
    assert all(sentence.startswith(f"{name}: ") and len(sentence) < 200 for name, sentence in said)


def test_a_file_of_version_7_3_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\x02IM" + bytes(400))
    with pytest.raises(ReadError, match=r"is a MATLAB 7\.3 file, which is not read; save it with -v7"):
        mat_elements(tmp_path / "a.mat", "data")
    with pytest.raises(ReadError, match=r"none\.mat: cannot be opened"):
        mat_elements(tmp_path / "none.mat", "data")


# ---- RF ----


@given(st.integers(8, 70), st.integers(1, 9), st.integers(0, 2**31))
def test_b_mode_is_the_formula_of_the_set(samples: int, lines: int, seed: int) -> None:
    """20 log10(|hilbert(x)| / max) over the dynamic range, along depth, by the definition and in double precision."""
    signal = np.random.default_rng(seed).integers(-2000, 2001, (samples, lines)).astype(np.int16)
    signal[0, 0] = 7  # not all 0
    envelope = np.abs(scipy.signal.hilbert(signal.astype(float), axis=0))
    expected = np.clip(1 + 20 * np.log10(np.maximum(envelope / envelope.max(), 1e-9)) / DYNAMIC_RANGE_DB, 0, 1)
    found = b_mode(signal)
    assert (found.shape, found.dtype) == (signal.shape, np.float32)
    assert np.allclose(found, expected, atol=2e-4)


@given(st.floats(0.01, 1000))
def test_b_mode_does_not_depend_on_gain(gain: float) -> None:
    signal = np.random.default_rng(1).normal(0, 100, (60, 5))
    assert np.allclose(b_mode(signal * gain), b_mode(signal), atol=1e-4)


def test_silence_is_black() -> None:
    assert b_mode(np.zeros((9, 4), np.int16)).tolist() == [[0.0] * 4] * 9


# ---- the rest of breastcad ----


@pytest.mark.parametrize("name", ["breastmnist", "oasbud"])
def test_audit_and_training_open_members_as_they_open_files(name: str, made_up: Any, tmp_path: Path) -> None:
    write_collection(tmp_path, read_set(name, made_up(name, 3)))
    collection = read_collection(tmp_path)
    looked = look([collection])
    assert (looked.unread, len(looked.images)) == ([], len(collection.images))
    assert {(facts["file_kind"], facts["file_bytes"]) for facts in looked.facts} == {
        (file.suffix.lower(), file.stat().st_size) for file in {file_of(Path(collection.root) / str(row.path)) for row in collection.images}
    }
    samples, problems = load_samples([collection], {(row.set, row.image_id): "g" for row in collection.images}, "ultrasound", 64, 64)
    assert problems == []
    assert [sample.image.std() > 1 for sample in samples] == [True] * len(collection.images)
    assert [bool(sample.lesions.any()) for sample in samples] == [name == "oasbud"] * len(collection.images)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("one\n  line"), "one line"),
        (ValueError(), "ValueError"),
        (OSError(2, "No such file", "/a/b"), "No such file"),
        (ValueError("Cannot parse header: " + "x" * 500), "Cannot parse header"),
        (ValueError("x" * 500), "ValueError"),
        (ValueError(": " + "x" * 500), "ValueError"),
    ],
)
def test_what_a_library_says_is_one_short_line(error: Exception, said: str) -> None:
    assert fault(error) == said


def test_of_several_libraries_the_words_of_the_last_are_told() -> None:
    error = ValueError("x" * 500 + " one: first\n two: second")
    assert (fault(error, behind="one: "), fault(error, behind="two: ")) == ("first two: second", "second")

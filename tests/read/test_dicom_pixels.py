"""DICOM pixels: one picture gives one input however it was stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, uid
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels import apply_windowing
from tests.read import dicom_cases as cases
from tests.read.dicom_cases import EXACT, SMALL, colour_file, coloured, light, read

from breastcad.core.errors import ReadError
from breastcad.read import count_frames, open_picture
from breastcad.read.dicom import read_dicom
from breastcad.read.dicom_pixels import window

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


@pytest.mark.quirk("DCM-Q2")
@pytest.mark.parametrize("elements", [{"PhotometricInterpretation": "MONOCHROME1"}, {"PresentationLUTShape": "INVERSE"}])
def test_inverted_storage_gives_the_same_input(put: Any, elements: dict[str, str]) -> None:
    array = cases.picture(12)
    inverted = read(put, (4095 - array).astype(np.uint16), **elements)
    np.testing.assert_allclose(inverted.pixels, light(array), atol=EXACT)


@pytest.mark.quirk("DCM-Q2")
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


@pytest.mark.parametrize("packed", [False, True])
def test_luts_of_a_big_endian_file_are_read_in_its_byte_order(put: Any, packed: bool) -> None:
    """pydicom turns US round, and leaves the words of OW as they lie in the file; of two entries in a word the low byte is the first."""
    array, entries = np.array([[0, 1], [2, 3]], np.uint16), [0, 51, 102, 255]
    words = [256 * entries[1] + entries[0], 256 * entries[3] + entries[2]] if packed else entries
    for data, representation in ((entries, "US"), (np.array(words, ">u2").tobytes(), "OW")):
        item = cases.lut(entries, 0, 8)
        item["LUTData"].VR, item["LUTData"]._value = representation, data
        syntax = uid.ExplicitVRBigEndian
        for sequence in ("VOILUTSequence", "ModalityLUTSequence"):
            file = cases.write(cases.dataset_of(array, **{sequence: [item]}), cases.native(array, syntax), syntax)
            np.testing.assert_allclose(open_picture(put(file)).pixels, np.array([[0, 51], [102, 255]]) / 255, atol=EXACT)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("centre", "width"), [(2048.0, 4096.0), (700.5, 33.0), (2000.0, 1.0)])
def test_windows_agree_with_pydicom(function: str, centre: float, width: float) -> None:
    """pydicom gives the window's output in stored units of 12 bits; apart from one value at LINEAR's width 1 the rules are the same."""
    values = np.arange(4096)
    dataset = cases.dataset_of(SMALL, WindowCenter=centre, WindowWidth=width, VOILUTFunction=function)
    with np.errstate(over="ignore"):
        theirs = apply_windowing(values, dataset) / 4095
    np.testing.assert_allclose(window(values.astype(float), centre, width, function), theirs, atol=1e-9)


@pytest.mark.quirk("DCM-Q4")
def test_first_of_several_windows_is_taken_and_said(put: Any) -> None:
    exact = {"VOILUTFunction": "LINEAR_EXACT"}
    several = read(put, SMALL, WindowCenter=[200, 50], WindowWidth=[400, 10], **exact)
    np.testing.assert_allclose(several.pixels, SMALL.clip(0, 400) / 400, atol=EXACT)
    assert several.warnings == ["the file offers 2 windows; the first was taken"]
    table = [0, 255]
    both = read(put, SMALL, WindowCenter=200, WindowWidth=400, VOILUTSequence=[cases.lut(table, 200, 8)])
    np.testing.assert_allclose(both.pixels, SMALL > 200)
    assert both.warnings == ["the file offers 1 VOI LUT and 1 window; the LUT was taken"]


@pytest.mark.parametrize(
    ("windows", "counts", "rest", "expected"),
    [
        ({"WindowCenter": 200}, "1 and 0", "that is no window", light(SMALL)),
        ({"WindowWidth": 400}, "0 and 1", "that is no window", light(SMALL)),
        ({"WindowCenter": [200, 50], "WindowWidth": 400}, "2 and 1", "only those that make a pair are windows", SMALL.clip(0, 400) / 400),
    ],
)
def test_half_a_window_is_said(put: Any, windows: dict[str, Any], counts: str, rest: str, expected: np.ndarray) -> None:
    picture = read(put, SMALL, VOILUTFunction="LINEAR_EXACT", **windows)
    np.testing.assert_allclose(picture.pixels, expected, atol=EXACT)
    assert picture.warnings == [f"(0028,1050) 'Window Center' and (0028,1051) 'Window Width' hold {counts} values; {rest}"]


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
    assert (open_picture(path, 0).frame, count_frames(path)) == (None, 1)


def test_big_endian_bytes_in_words_of_an_odd_picture(put: Any) -> None:
    encoding = next(e for e in cases.ENCODINGS if e.syntax == uid.ExplicitVRBigEndian)
    array = cases.picture(8, rows=9, cols=7)
    np.testing.assert_allclose(open_picture(put(cases.encoded(array, encoding, 8))).pixels, light(array), atol=EXACT)

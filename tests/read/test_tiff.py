"""TIFF of every storage, depth and kind of colour: the same grey whatever the file, and what would be shown wrongly is refused."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.read.test_files import GREY, put, tiff

from breastcad.core.errors import ReadError
from breastcad.read import count_frames, open_picture
from breastcad.read.files import read_picture


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"compression": "lzw"}, {"tile": (16, 16)}, {"byteorder": ">"}])
def test_tiff_of_any_storage(tmp_path: Path, options: dict[str, Any]) -> None:
    deep = GREY.astype(np.uint16) * 200
    np.testing.assert_allclose(open_picture(put(tmp_path, "a.tiff", tiff(deep, **options))).pixels, deep / 65535, atol=1e-7)


def test_tiff_white_is_zero_palette_planes_bits_and_floats(tmp_path: Path) -> None:
    grey = GREY / np.float32(255)
    ramp = np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)
    rgb = np.dstack([GREY] * 3)
    for content in (
        tiff(255 - GREY, photometric="miniswhite"),
        tiff(GREY, photometric="palette", colormap=ramp),
        tiff(np.moveaxis(rgb, -1, 0).copy(), photometric="rgb", planarconfig="separate"),
        tiff(rgb, photometric="rgb"),
    ):
        np.testing.assert_allclose(read_picture(put(tmp_path, "a.tif", content)).pixels, grey, atol=1e-6)
    np.testing.assert_allclose(read_picture(put(tmp_path, "a.tif", tiff(grey))).pixels, grey, atol=1e-5)
    np.testing.assert_array_equal(read_picture(put(tmp_path, "a.tif", tiff(GREY > 99, photometric="minisblack"))).pixels, GREY > 99)


def test_tiff_with_white_zero_and_one_bit(tmp_path: Path) -> None:
    path = put(tmp_path, "a.tif", tiff(GREY > 99, photometric="miniswhite"))
    np.testing.assert_array_equal(read_picture(path).pixels, GREY <= 99)


def test_tiff_opacity_is_applied_once(tmp_path: Path) -> None:
    half = np.dstack([GREY // 2] * 3 + [np.full_like(GREY, 128)])
    straight = read_picture(put(tmp_path, "a.tif", tiff(half, photometric="rgb", extrasamples=["unassalpha"])))
    multiplied = read_picture(put(tmp_path, "a.tif", tiff(half, photometric="rgb", extrasamples=["assocalpha"])))
    np.testing.assert_allclose(multiplied.pixels, (GREY // 2) / 255, atol=1e-6)
    np.testing.assert_allclose(straight.pixels, multiplied.pixels * (128 / 255), atol=1e-6)


def test_pages_of_a_tiff_are_frames(tmp_path: Path) -> None:
    path = put(tmp_path, "a.tif", tiff(np.stack([GREY, GREY // 2, GREY // 4]), photometric="minisblack"))
    assert count_frames(path) == 3
    np.testing.assert_array_equal(open_picture(path, 2).pixels, (GREY // 4) / np.float32(255))
    assert (open_picture(path, 2).frame, open_picture(path).frame) == (2, 0)
    assert open_picture(path).warnings == ["the file holds 3 pages; the first was read"]
    with pytest.raises(ReadError, match=r"a\.tif: has 3 pages, but page 3 \(counted from 0\) was asked for"):
        open_picture(path, 3)


def test_tiff_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="holds int16 values; unsigned integers of 1 to 16 bits, or floats"):
        read_picture(put(tmp_path, "a.tif", tiff(GREY.astype(np.int16))))
    with pytest.raises(ReadError, match="holds float32 values from 0 to 255; floats must lie in"):
        read_picture(put(tmp_path, "a.tif", tiff(GREY.astype(np.float32))))
    with pytest.raises(ReadError, match="holds float32 values some of which are no numbers; floats must lie in"):
        read_picture(put(tmp_path, "a.tif", tiff(np.full((4, 4), np.nan, np.float32))))
    with pytest.raises(ReadError, match="holds a volume of 16 layers"):
        read_picture(put(tmp_path, "a.tif", tiff(np.zeros((16, 32, 32), np.uint8), volumetric=True, tile=(16, 16, 16))))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"photometric": "separated"}, "CMYK"),
        ({"photometric": "ycbcr"}, "YCBCR"),
        ({"photometric": "ycbcr", "compression": "zlib"}, "YCBCR"),
        ({"photometric": "ycbcr", "compression": "jpeg", "planarconfig": "separate"}, "YCBCR"),
        ({"photometric": "cielab"}, "CIELAB"),
    ],
)
def test_tiff_whose_values_are_no_rgb_is_refused(tmp_path: Path, options: dict[str, Any], named: str) -> None:
    array = np.dstack([GREY] * (4 if named == "CMYK" else 3))
    content = tiff(np.moveaxis(array, -1, 0).copy() if "planarconfig" in options else array, **options)
    with pytest.raises(ReadError, match=f"a.tif: holds colours as {named}, which is not read so; convert it to grey or RGB"):
        read_picture(put(tmp_path, "a.tif", content))


def test_tiff_of_an_unknown_kind_of_colour_is_refused(tmp_path: Path) -> None:
    content = tiff(GREY, photometric="minisblack").replace(struct.pack("<HHIH", 262, 3, 1, 1), struct.pack("<HHIH", 262, 3, 1, 99))
    with pytest.raises(ReadError, match=r"holds colours as kind 99, which is not read so"):
        read_picture(put(tmp_path, "a.tif", content))


def test_tiff_whose_colours_the_jpeg_decoder_turns_is_read(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)
    rgb = np.dstack([smooth, smooth, smooth // 2])
    path = put(tmp_path, "a.tif", tiff(rgb, photometric="rgb", compression="jpeg", compressionargs={"level": 98}))
    with tifffile.TiffFile(path) as written:
        assert written.pages[0].aspage().photometric == tifffile.PHOTOMETRIC.YCBCR
    colour = read_picture(path).colour
    assert colour is not None
    assert np.abs(colour.astype(int) - rgb).mean() < 3


def test_tiff_that_decodes_to_more_than_it_shows_is_refused_before_decoding(tmp_path: Path) -> None:
    bomb = put(tmp_path, "a.tif", tiff(GREY[:16, :16], tile=(16384, 16384), compression="zlib"))
    with pytest.raises(ReadError, match="declares 16384 x 16384 pixels"):
        read_picture(bomb)
    with pytest.raises(ReadError, match="holds 5 values a pixel; a picture has at most 4"):
        read_picture(put(tmp_path, "b.tif", tiff(np.dstack([GREY] * 5), photometric="minisblack", planarconfig="contig")))


def test_truncated_tiff_is_refused(tmp_path: Path) -> None:
    whole = tiff(GREY)
    with pytest.raises(ReadError, match=r"is truncated \(its pixels end at byte \d+, the file at \d+\)"):
        read_picture(put(tmp_path, "a.tif", whole[:-50]))
    with pytest.raises(ReadError, match="cannot be decoded as TIFF"):
        read_picture(put(tmp_path, "a.tif", whole[:12]))
    with pytest.raises(ReadError, match="cannot be decoded as TIFF, it is truncated or damaged"):
        count_frames(put(tmp_path, "a.tif", whole[:12]))


def test_tiff_without_a_page_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "a.tif", tiff(GREY, subfiletype=1))
    with pytest.raises(ReadError, match="is a TIFF without a page"):
        count_frames(path)


def test_huge_tiff_is_refused_before_decoding(tmp_path: Path) -> None:
    whole = bytearray(tiff(GREY))
    with tifffile.TiffFile(io.BytesIO(bytes(whole))) as opened:
        for keyword in ("ImageWidth", "ImageLength"):
            tag = opened.pages.first.tags[keyword]
            struct.pack_into("<HI", whole, tag.offset + 2, 4, 1)
            struct.pack_into("<I", whole, tag.offset + 8, 60000)
    with pytest.raises(ReadError, match="declares 60000 x 60000 pixels"):
        read_picture(put(tmp_path, "a.tif", bytes(whole)))

"""Pictures and masks of every raster kind: the same grey whatever the file, and every damaged file refused with its reason."""

from __future__ import annotations

import contextlib
import gzip
import io
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from breastcad.core.errors import ReadError
from breastcad.read import count_frames, files, open_picture
from breastcad.read.files import grey_and_colour, kind_of, read_mask, read_picture
from breastcad.read.trees import picture_facts

GREY = (np.arange(35 * 20).reshape(35, 20) * 7 % 256).astype(np.uint8)  # higher than wide, no two rows alike


def pillow_bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def tiff(array: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


def png(array: NDArray[Any], **options: Any) -> bytes:
    return pillow_bytes(Image.fromarray(array), "PNG", **options)


def test_eight_bit_grey_png_is_value_over_255(tmp_path: Path) -> None:
    picture = open_picture(put(tmp_path, "a.png", png(GREY)))
    np.testing.assert_array_equal(picture.pixels, GREY.astype(np.float32) / np.float32(255))
    assert picture.pixels.dtype == np.float32
    assert (picture.bit_depth, picture.colour, picture.warnings, picture.modality) == (8, None, [], None)


def test_sixteen_bit_grey_keeps_all_its_levels(tmp_path: Path) -> None:
    deep = (GREY.astype(np.uint16) * 257 - (GREY > 0) * 3).astype(np.uint16)
    for name, content in (("a.png", png(deep)), ("a.tif", imagecodecs.tiff_encode(deep)), ("a.pgm", pgm(deep, 65535))):
        picture = open_picture(put(tmp_path, name, content))
        np.testing.assert_allclose(picture.pixels, deep / 65535, atol=1e-7)
        assert picture.bit_depth == 16


def pgm(array: NDArray[Any], maximum: int) -> bytes:
    head = f"P5\n# made by hand\n{array.shape[1]} {array.shape[0]} # width, height\n{maximum}\n".encode()
    return head + array.astype(">u2" if maximum > 255 else np.uint8).tobytes()


def test_pgm_of_both_kinds_with_comments(tmp_path: Path) -> None:
    text = b"P2\n# one\n3 2 # two\n# three\n255\n0 1 2\n# four\n253 254 255\n"
    np.testing.assert_allclose(read_picture(put(tmp_path, "a.pgm", text)).pixels, np.array([[0, 1, 2], [253, 254, 255]]) / 255, atol=1e-7)
    np.testing.assert_array_equal(read_picture(put(tmp_path, "b.pgm", pgm(GREY, 255))).pixels, GREY / np.float32(255))


def test_white_of_a_pgm_is_its_maximum(tmp_path: Path) -> None:
    deep = np.array([[0, 1000, 4095], [7, 2000, 3000]], np.uint16)
    np.testing.assert_allclose(read_picture(put(tmp_path, "a.pgm", pgm(deep, 4095))).pixels, deep / 4095, atol=1e-5)


def test_a_pgm_with_a_value_above_its_maximum_is_refused(tmp_path: Path) -> None:
    """Pillow clips it. Most often the bytes are the wrong way round: nearly all of the picture would be white."""
    deep = np.array([[0, 1000, 4095], [7, 2000, 3000]], np.uint16)
    said = r"a\.pgm: holds a value of 65295, but its header says that 4095 is the largest: the header or the order of bytes is wrong"
    with pytest.raises(ReadError, match=said):
        read_picture(put(tmp_path, "a.pgm", pgm(deep.byteswap(), 4095)))
    with pytest.raises(ReadError, match="holds a value of 101, but its header says that 100 is the largest"):
        read_picture(put(tmp_path, "a.pgm", pgm(np.array([[101, 3]], np.uint8), 100)))
    with pytest.raises(ReadError, match="cannot be decoded as PGM"):
        read_picture(put(tmp_path, "a.pgm", b"P2 2 1 100 101 3\n"))


@pytest.mark.parametrize(("white", "kind"), [(100, np.uint8), (4095, ">u2"), (65535, ">u2")])
def test_colour_of_a_ppm_keeps_its_white(tmp_path: Path, white: int, kind: str) -> None:
    rgb = np.zeros((2, 3, 3), kind)
    rgb[0, 0], rgb[1, 2] = (white, 0, 0), white
    path = put(tmp_path, "a.ppm", f"P6 3 2 {white}\n".encode() + rgb.tobytes())
    picture = read_picture(path)
    assert picture.colour is not None
    assert picture.colour[0, 0].tolist() == [255, 0, 0]
    assert picture.pixels[1].tolist() == [0, 0, 1]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ReadError, match=r"a\.ppm: is truncated \(its pixels need \d+ bytes, \d+ are there\)"):
        read_picture(path)


@pytest.mark.quirk("DDSM-Q13")
@pytest.mark.parametrize("maximum", [65535, 4095])
def test_second_line_end_after_a_pgm_header_is_no_pixel(tmp_path: Path, maximum: int) -> None:
    """DDSM's thumbnails have it. A line end after the pixels, with one pixel that begins like a line end, is not taken for it."""
    deep = np.array([[0x0A01, 1000, 4095], [7, 2000, 3000]], np.uint16)
    content = pgm(deep, maximum)
    for doubled in (content.replace(f"{maximum}\n".encode(), f"{maximum}\n\n".encode()), content, content + b"\n"):
        np.testing.assert_allclose(read_picture(put(tmp_path, "a.16_PGM", doubled)).pixels, deep / maximum, atol=2e-5)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA"])
def test_grey_in_any_mode_is_the_same_grey(tmp_path: Path, mode: str) -> None:
    picture = read_picture(put(tmp_path, "a.png", pillow_bytes(Image.fromarray(GREY).convert(mode), "PNG")))
    np.testing.assert_array_equal(picture.pixels, GREY / np.float32(255))
    assert picture.colour is None


def test_mode_1_is_black_and_white(tmp_path: Path) -> None:
    picture = read_picture(put(tmp_path, "a.png", png(GREY > 99)))
    np.testing.assert_array_equal(picture.pixels, (GREY > 99).astype(np.float32))
    assert picture.bit_depth == 1


def test_visible_colour_is_kept_beside_its_luminance(tmp_path: Path) -> None:
    rgb = np.repeat(GREY[..., None], 3, axis=2)
    rgb[3, 4] = (0, 255, 0)
    picture = read_picture(put(tmp_path, "a.png", png(rgb)))
    assert picture.colour is not None
    np.testing.assert_array_equal(picture.colour, rgb)
    assert picture.pixels[3, 4] == pytest.approx(0.587, abs=1e-6)


def test_faint_tints_are_grey(tmp_path: Path) -> None:
    rgb = np.repeat(GREY[..., None], 3, axis=2) // 2
    rgb[..., 0] += files.COLOUR_STEP
    assert read_picture(put(tmp_path, "a.png", png(rgb))).colour is None
    rgb[0, 0, 0] += 1
    assert read_picture(put(tmp_path, "a.png", png(rgb))).colour is not None


def test_transparency_is_laid_on_black(tmp_path: Path) -> None:
    rgba = np.dstack([GREY, GREY, GREY, np.full_like(GREY, 255)])
    rgba[:10, :, 3] = 0
    rgba[10:12, :, 3] = 51
    pixels = read_picture(put(tmp_path, "a.png", png(rgba))).pixels
    assert not pixels[:10].any()
    np.testing.assert_allclose(pixels[10:12], GREY[10:12] / 255 * 0.2, atol=1e-6)
    np.testing.assert_array_equal(pixels[12:], GREY[12:] / np.float32(255))


def test_transparent_colour_of_a_palette_or_grey_is_black(tmp_path: Path) -> None:
    flat = np.full((4, 6), 200, np.uint8)
    flat[1, 2] = 100
    for image in (Image.fromarray(flat), Image.fromarray(flat).convert("P")):
        pixels = read_picture(put(tmp_path, "a.png", pillow_bytes(image, "PNG", transparency=200))).pixels
        assert pixels[0, 0] == 0
        assert pixels[1, 2] == pytest.approx(100 / 255)


def test_transparent_value_of_1_bit_is_black_and_white_stays_one(tmp_path: Path) -> None:
    image = Image.fromarray(GREY > 99)
    for value in (0, 1):
        picture = read_picture(put(tmp_path, "a.png", pillow_bytes(image, "PNG", transparency=value)))
        np.testing.assert_array_equal(picture.pixels, (GREY > 99) & (value == 0))


def test_transparent_value_of_16_bit_grey_is_said_to_be_left(tmp_path: Path) -> None:
    content = pillow_bytes(Image.fromarray(GREY.astype(np.uint16)), "PNG", transparency=5)
    assert read_picture(put(tmp_path, "a.png", content)).warnings == ["the picture names a transparent grey value; it was not applied"]


def test_deep_colour_png_keeps_its_levels(tmp_path: Path) -> None:
    deep = np.dstack([GREY.astype(np.uint16) * 257] * 3)
    deep[0, 0] = 1001
    for array in (deep, np.dstack([deep, np.full(GREY.shape, 65535, np.uint16)])):
        picture = read_picture(put(tmp_path, "a.png", imagecodecs.png_encode(array)))
        assert (picture.bit_depth, picture.colour) == (16, None)
        assert picture.pixels[0, 0] == pytest.approx(1001 / 65535, abs=1e-7)
    deep[1, 1] = (65535, 0, 0)
    colour = read_picture(put(tmp_path, "a.png", imagecodecs.png_encode(deep))).colour
    assert colour is not None
    assert colour.dtype == np.uint8
    assert colour[1, 1].tolist() == [255, 0, 0]


def test_jpeg_is_near_its_source(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)
    picture = read_picture(put(tmp_path, "a.jpg", pillow_bytes(Image.fromarray(smooth), "JPEG", quality=95)))
    assert np.abs(picture.pixels - smooth / 255).max() < 0.02


def test_cmyk_jpeg_becomes_rgb(tmp_path: Path) -> None:
    flat = Image.new("CMYK", (16, 24), (0, 0, 0, 255))
    assert read_picture(put(tmp_path, "a.jpg", pillow_bytes(flat, "JPEG"))).pixels.max() < 0.05


@pytest.mark.parametrize("orientation", range(10))
def test_marked_orientation_is_applied_and_said(tmp_path: Path, orientation: int) -> None:
    image = Image.fromarray(GREY)
    exif = image.getexif()
    exif[274] = orientation
    picture = read_picture(put(tmp_path, "a.png", pillow_bytes(image, "PNG", exif=exif)))
    upright = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    expected = image.transpose(upright[orientation]) if orientation in upright else image
    np.testing.assert_array_equal(picture.pixels, np.asarray(expected) / np.float32(255))
    said = [f"the picture was turned as its orientation mark ({orientation}) says"] if orientation in upright else []
    assert picture.warnings == said


def animated(first: NDArray[Any], others: list[NDArray[Any]], *, still_first: bool = False) -> bytes:
    rest = [Image.fromarray(array) for array in others]
    return pillow_bytes(Image.fromarray(first), "PNG", save_all=True, append_images=rest, default_image=still_first)


@pytest.mark.parametrize("still_first", [False, True])
def test_of_an_animated_png_the_first_picture_is_read_and_said(tmp_path: Path, still_first: bool) -> None:
    path = put(tmp_path, "a.png", animated(GREY, [GREY // 2, GREY // 4], still_first=still_first))
    picture = open_picture(path)
    np.testing.assert_array_equal(picture.pixels, GREY / np.float32(255))
    assert picture.warnings == ["the file is an animated PNG of 3 pictures; the first was read"]
    assert count_frames(path) == 1


def test_an_animated_png_is_no_mask(tmp_path: Path) -> None:
    path = put(tmp_path, "a_mask.png", animated(np.full((4, 5), 255, np.uint8), [np.zeros((4, 5), np.uint8)]))
    with pytest.raises(ReadError, match=r"a_mask\.png: is an animated PNG of 2 pictures; a mask must be one picture"):
        read_mask(path)


def test_deep_colour_of_an_animated_png_is_said_too(tmp_path: Path) -> None:
    still = imagecodecs.png_encode(np.dstack([GREY.astype(np.uint16) * 257] * 3))
    control = b"acTL" + struct.pack(">II", 2, 0)
    chunk = struct.pack(">I", 8) + control + struct.pack(">I", zlib.crc32(control))
    picture = open_picture(put(tmp_path, "a.png", still[:33] + chunk + still[33:]))  # 33: after the header
    assert picture.bit_depth == 16
    assert len(picture.warnings) == 1
    assert picture.warnings[0].endswith("; the first was read")


# ---- masks ----


def test_masks_of_all_modes_are_alike(tmp_path: Path) -> None:
    inside = GREY > 127
    grey = Image.fromarray(np.where(inside, 255, 0).astype(np.uint8))
    for mode in ("1", "L", "RGB", "RGBA", "P"):
        np.testing.assert_array_equal(read_mask(put(tmp_path, f"{mode}.png", pillow_bytes(grey.convert(mode), "PNG"))), inside)
    np.testing.assert_array_equal(read_mask(put(tmp_path, "a.tif", tiff(inside.astype(np.uint16) * 65535))), inside)


def test_mask_is_above_127_in_any_channel_and_opaque(tmp_path: Path) -> None:
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[0, :] = [(128, 0, 0, 255), (127, 127, 127, 255), (0, 0, 200, 128)]
    rgba[1, :] = [(255, 255, 255, 127), (0, 0, 0, 255), (0, 255, 0, 255)]
    assert read_mask(put(tmp_path, "a.png", png(rgba))).tolist() == [[True, False, True], [False, False, True]]


def test_empty_mask_is_a_mask_but_a_map_of_small_numbers_is_not(tmp_path: Path) -> None:
    assert not read_mask(put(tmp_path, "a.png", png(np.zeros((4, 5), np.uint8)))).any()
    with pytest.raises(ReadError, match=r"labels\.png: holds values up to 2 of 255, none above half; a mask must be black and white"):
        read_mask(put(tmp_path, "labels.png", png(np.full((4, 5), 2, np.uint8))))


# ---- what cannot be read ----


def png_header(rows: int, cols: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", cols, rows, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\0" * 100)
    chunks = [head, b"IDAT" + body, b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.png", png_header(60000, 60000)), ("a.pgm", b"P5\n60000 60000\n255\n"), ("a.png", png_header(100_001, 1000))],
)
def test_huge_header_is_refused_before_decoding(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(ReadError, match=r"declares \d+ x \d+ pixels \(rows x columns\); at most 100 million are read"):
        open_picture(put(tmp_path, name, content))


def test_a_side_longer_than_a_png_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"declares 2 x 1000001 pixels \(rows x columns\); a side may have at most 1 million"):
        open_picture(put(tmp_path, "a.png", png_header(2, 1_000_001)))


@pytest.mark.parametrize("cut", [1, 4, 12, 13, 30, 100])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "PPM"])
def test_truncated_file_is_refused(tmp_path: Path, kind: str, cut: int) -> None:
    content = pillow_bytes(Image.fromarray(GREY), kind)
    # A PNG that lacks only the last chunk's checksum, or a part of it, has lost nothing.
    if kind == "PNG" and cut <= 4:
        np.testing.assert_array_equal(read_picture(put(tmp_path, "a", content[:-cut])).pixels, GREY / np.float32(255))
        return
    with pytest.raises(ReadError, match="truncated"):
        read_picture(put(tmp_path, "a", content[:-cut]))


def test_truncated_deep_colour_png_is_refused(tmp_path: Path) -> None:
    content = imagecodecs.png_encode(np.dstack([GREY.astype(np.uint16) * 255] * 3))
    with pytest.raises(ReadError, match="truncated"):
        read_picture(put(tmp_path, "a.png", content[: len(content) // 2]))
    with pytest.raises(ReadError, match="cannot be decoded as PNG"):
        read_picture(put(tmp_path, "a.png", content[: len(content) // 2] + content[-12:]))


def test_file_that_is_no_picture_is_refused_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"a\.png: is empty \(0 bytes\)"):
        open_picture(put(tmp_path, "a.png", b""))
    with pytest.raises(ReadError, match=r"b\.png: is no PNG, JPEG, TIFF, PGM, BMP or DICOM file, although named '\.png'"):
        open_picture(put(tmp_path, "b.png", b"some notes\n" * 40))
    with pytest.raises(ReadError, match=r"b\.txt: is no PNG, JPEG, TIFF, PGM, BMP or DICOM file$"):
        read_picture(put(tmp_path, "b.txt", b"some notes"))
    with pytest.raises(ReadError, match=r"b\.txt: is no PNG, JPEG, TIFF, PGM, BMP or DICOM file$"):
        count_frames(tmp_path / "b.txt")
    with pytest.raises(ReadError, match=r"gone\.png: does not exist"):
        open_picture(tmp_path / "gone.png")
    with pytest.raises(ReadError, match="is no file"):
        kind_of(tmp_path)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "JPEG 2000", "AVIF", "TGA", "ICO"])
def test_picture_of_a_kind_that_is_not_read_says_what_to_do(tmp_path: Path, kind: str) -> None:
    path = put(tmp_path, "a.png", pillow_bytes(Image.fromarray(GREY), kind.replace(" ", "")))  # the name says PNG, the content counts
    article = "an" if kind in ("AVIF", "ICO") else "a"
    for read in (open_picture, count_frames, read_mask, picture_facts):
        with pytest.raises(ReadError, match=rf"^a\.png: is {article} {kind} picture, a format that is not read; convert it to PNG$"):
            read(path)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("JPEG 2000", imagecodecs.jpeg2k_encode(GREY, codecformat="J2K")),
        ("JPEG XL", b"\0\0\0\x0cJXL \r\n\x87\n"),
        ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0"),
        ("TGA", pillow_bytes(Image.fromarray(np.dstack([GREY] * 3)), "TGA", compression="tga_rle")),
    ],
)
def test_other_forms_of_what_is_not_read_are_known_too(tmp_path: Path, kind: str, content: bytes) -> None:
    assert kind_of(put(tmp_path, "a", content)) == kind


def test_a_gzipped_file_is_to_be_unpacked(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"^a\.dcm\.gz: is compressed with gzip; unpack it$"):
        open_picture(put(tmp_path, "a.dcm.gz", gzip.compress(b"DICM")))


@pytest.mark.parametrize("content", [bytes(200), b"\0\0\2" + bytes(100), b"\0\0\1\0" + bytes(100), b"\x1f\x8b"])
def test_zeros_are_no_picture(tmp_path: Path, content: bytes) -> None:
    assert kind_of(put(tmp_path, "a", content)) is None


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_bmp_is_read_as_the_png_of_the_same_picture(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(GREY if mode != "RGB" else np.dstack([GREY, GREY // 2, GREY])).convert(mode)
    bmp, same = put(tmp_path, "a.bmp", pillow_bytes(picture, "BMP")), put(tmp_path, "a.png", pillow_bytes(picture, "PNG"))
    np.testing.assert_array_equal(open_picture(bmp).pixels, open_picture(same).pixels)
    facts = picture_facts(bmp)
    assert (facts.rows, facts.cols) == GREY.shape
    bmp.write_bytes(bmp.read_bytes()[:-5])
    with pytest.raises(ReadError, match=r"a\.bmp: is cut short"):
        picture_facts(bmp)
    with pytest.raises(ReadError, match=r"a\.bmp: cannot be decoded as BMP, it is truncated or damaged"):
        open_picture(bmp)


def test_text_that_begins_as_a_bmp_does_is_no_bmp(tmp_path: Path) -> None:
    assert kind_of(put(tmp_path, "a.txt", b"BMI of the patients, by year of examination\n" * 9)) is None


def test_file_that_cannot_be_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "a.png", png(GREY))

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", denied)
    with pytest.raises(ReadError, match=r"^a\.png: cannot be opened \(Permission denied\)$"):
        kind_of(path)


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = put(tmp_path, "a.jpg", png(GREY))
    assert kind_of(path) == "PNG"
    np.testing.assert_array_equal(open_picture(path).pixels, GREY / np.float32(255))


def test_raster_reader_sends_dicom_away(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="is DICOM, which is read by its own reader"):
        read_picture(put(tmp_path, "a.png", bytes(128) + b"DICM" + bytes(40)))


def test_frame_of_a_single_picture_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "a.png", png(GREY))
    assert count_frames(path) == 1
    assert open_picture(path, 0).frame is None
    with pytest.raises(ReadError, match="has one frame only, but frame 1 was asked for"):
        open_picture(path, 1)


def test_errors_hide_folders_and_identifiers_and_survive_a_process(tmp_path: Path) -> None:
    folder = tmp_path / "Doe Jane"
    folder.mkdir()
    with pytest.raises(ReadError) as caught:
        open_picture(put(folder, "1.2.840.10008.5.1.4.png", b""))
    assert str(caught.value) == "#: is empty (0 bytes)"
    error = pickle.loads(pickle.dumps(ReadError("/x/jane.dcm", "is odd", ["Jane"])))
    assert (str(error), error.reason, error.private) == ("#: is odd", "is odd", ["Jane"])


def test_odd_number_of_channels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1 to 4 channels, got an array of shape \(2, 2, 5\)"):
        files.split_alpha(np.zeros((2, 2, 5), np.uint8), 255)


@given(st.integers(0, 255), st.sampled_from([255, 65535]))
def test_equal_channels_are_exactly_the_grey(level: int, white: int) -> None:
    value = level * (white // 255)
    grey = np.full((2, 3), value, np.uint8 if white == 255 else np.uint16)
    pixels, colour = grey_and_colour(np.dstack([grey] * 3), white)
    np.testing.assert_array_equal(pixels, grey_and_colour(grey, white)[0])
    assert colour is None


@given(st.binary(max_size=200), st.sampled_from([png(GREY), pgm(GREY, 255), pillow_bytes(Image.fromarray(GREY), "JPEG"), tiff(GREY)]))
def test_damaged_bytes_give_a_picture_or_a_read_error(tmp_path_factory: pytest.TempPathFactory, junk: bytes, whole: bytes) -> None:
    middle = len(whole) // 3
    path = put(tmp_path_factory.mktemp("damaged"), "a", whole[:middle] + junk + whole[middle + len(junk) // 2 :])
    with contextlib.suppress(ReadError):  # anything else fails the test
        assert read_picture(path).pixels.ndim == 2


@pytest.mark.realdata
def test_real_masks_and_pictures_are_read(real_data: Path) -> None:
    folder = real_data / "busi" / "Dataset_BUSI_with_GT"
    for mask_path in sorted(folder.glob("*/*_mask.png"))[::40]:
        picture = open_picture(mask_path.with_name(mask_path.name.replace("_mask", "")))
        assert read_mask(mask_path).shape == picture.pixels.shape

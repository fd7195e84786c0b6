"""Picture and mask files that are not DICOM: PNG, JPEG, TIFF, PGM, BMP; and what kind a file is, by its content, read here or not.

DICOM is in `dicom`, TIFF and 16-bit colour PNG are decoded in `deep_pictures` (loaded when one comes), data sets have files of their own.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile

from breastcad.core.errors import ReadError
from breastcad.core.records import Picture

MAX_PIXELS = 100_000_000
"""Largest picture (or frame) that is decoded: rows x columns. The largest films are near 35 million; 100 million take 400 MB as float32."""

MAX_SIDE = 1_000_000
"""Longest side of a picture that is read, in pixels: PNG is written no larger."""

COLOUR_STEP = 16
"""Grey levels of 255 by which the channels of one pixel must differ for a picture to count as coloured; below it, it is grey."""

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
_READABLE = "PNG, JPEG, TIFF, PGM, BMP or DICOM"
_LONGEST_FAULT = 120
# Kinds that are known and not read, by their first bytes; a TGA has none of its own but a header of mostly zeros.
_NOT_READ = {
    "GIF": rb"GIF8[79]a",
    "WEBP": rb"RIFF....WEBP",
    "JPEG 2000": rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51",
    "JPEG XL": rb"\x00\x00\x00\x0cJXL ",
    "AVIF": rb"\x00\x00\x00.ftypavi[fs]",
    "HEIC": rb"\x00\x00\x00.ftyp(hei[cx]|mif1)",
    "ICO": rb"\x00\x00\x01\x00[\x01-\x40]\x00...\x00",
    "TGA": rb"\x00\x00[\x02\x03\x0a\x0b]\x00{9}(?!\x00\x00)..(?!\x00\x00)..[\x08\x10\x18\x20][\x00-\x3f]",
    "gzip": rb"\x1f\x8b\x08",
}
_PILLOW: dict[str, Callable[[BinaryIO], ImageFile.ImageFile]] = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "PGM": PpmImageFile,
    "BMP": BmpImageFile,
}
# What TIFF's and EXIF's tag 274 asks for; 1 is upright.
_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[:, ::-1].swapaxes(0, 1),
}
_FIRST_VALUES = {b"UL", b"UI", b"CS", b"SH", b"LO", b"DA", b"TM", b"ST", b"PN", b"AE", b"OB"}


@dataclass(slots=True)
class Raster:
    """A decoded picture before it is made grey.

    ``array`` is (H, W) or (H, W, 3), ``alpha`` (H, W) or None, both unsigned integers or bool in which ``white`` is full; of the
    ``pictures`` of an animated PNG it is the first.
    """

    array: NDArray[Any]
    white: int
    alpha: NDArray[Any] | None = None
    premultiplied: bool = False
    orientation: int = 1
    pictures: int = 1
    warnings: list[str] = field(default_factory=list)


def kind_of(path: str | Path) -> str | None:
    """Tell what a file holds by its first bytes; its name is not looked at.

    Returns
    -------
    str or None
        ``"DICOM"``, ``"PNG"``, ``"JPEG"``, ``"TIFF"``, ``"PGM"`` (any of P1 to P6), ``"BMP"``; a key of `_NOT_READ`, which are known
        but not read; or None if it is none of these.

    Raises
    ------
    ReadError
        If it is missing, no regular file, cannot be opened or is empty.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise ReadError(path, "is no file" if path.exists() else "does not exist")
        with open(path, "rb") as stream:
            head = stream.read(140)
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    if not head:
        raise ReadError(path, "is empty (0 bytes)")
    if head[128:132] == b"DICM":
        return "DICOM"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in b" \t\r\n#":
        return "PGM"
    return _rarer_kind(head)


def _rarer_kind(head: bytes) -> str | None:
    """Tell BMP, DICOM without preamble and what is not read; "BM" alone may begin any text, so the size of a BMP's header must fit too."""
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124):
        return "BMP"
    if _starts_as_headerless_dicom(head):
        return "DICOM"
    return next((kind for kind, begins in _NOT_READ.items() if re.match(begins, head, re.DOTALL)), None)


def readable_kind(path: str | Path) -> str:
    """Tell what a file holds, as `kind_of`, and refuse what is not read.

    Raises
    ------
    ReadError
        As `kind_of`, or if the file is of no kind that is read.
    """
    path, kind = Path(path), kind_of(path)
    if kind == "gzip":
        raise ReadError(path, "is compressed with gzip; unpack it")
    if kind in _NOT_READ:
        raise ReadError(path, f"is {'an' if kind[0] in 'AI' else 'a'} {kind} picture, a format that is not read; convert it to PNG")
    if kind is None:
        named = (
            f", although named '{path.suffix}'" if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pgm", ".bmp") else ""
        )
        raise ReadError(path, f"is no {_READABLE} file{named}")
    return kind


def _starts_as_headerless_dicom(head: bytes) -> bool:
    """Tell if a file begins with an element of group 0002 or 0008, as a DICOM data set without preamble does."""
    if len(head) < 16 or head[:2] not in (b"\x02\0", b"\x08\0", b"\0\x08"):
        return False
    little = head[1] == 0
    explicit = head[4:6] in _FIRST_VALUES
    implicit = little and int.from_bytes(head[4:8], "little") <= 256
    return int.from_bytes(head[2:4], "little" if little else "big") < 0x100 and (explicit or implicit)


def check_size(path: str | Path, rows: int, cols: int) -> None:
    """Refuse a picture that declares more than `MAX_PIXELS`, or a side over `MAX_SIDE`, before memory is taken for it.

    Raises
    ------
    ReadError
    """
    if rows * cols > MAX_PIXELS:
        raise ReadError(path, too_large(rows, cols))
    if max(rows, cols) > MAX_SIDE:
        raise ReadError(path, f"declares {rows} x {cols} pixels (rows x columns); a side may have at most {MAX_SIDE // 1_000_000} million")


def too_large(rows: int, cols: int) -> str:
    """Say that a picture is larger than is read."""
    return f"declares {rows} x {cols} pixels (rows x columns); at most {MAX_PIXELS // 1_000_000} million are read"


def read_picture(path: str | Path, frame: int | None = None) -> Picture:
    """Read a PNG, JPEG, TIFF, PGM or BMP file as every later step sees it.

    Grey is value / (2**bits - 1), or value / maximum for PGM. Of a colour picture the grey is its luminance (ITU-R BT.601), and
    ``colour`` keeps it if a pixel's channels differ by more than `COLOUR_STEP` levels. Transparency is laid on black. A picture
    with an orientation mark (EXIF, TIFF) is turned as a viewer shows it, and this is warned about: coordinates are those of the
    turned picture. Of an animated PNG the first frame is read, and this is warned about. Colour profiles and gamma are not applied.

    Parameters
    ----------
    path : str or Path
    frame : int, optional
        Page of a TIFF; the first if None. Other kinds have only page 0.

    Returns
    -------
    Picture
        ``pixels`` (H, W) float32 in [0, 1]; ``frame`` is None unless the file has several pages.

    Raises
    ------
    ReadError
        If the file is missing, of no kind that is read, truncated, damaged, or larger than `check_size` takes.
    """
    raster = _decode(Path(path), frame)
    shown = _turned(raster.array, raster.orientation)
    pixels, colour = grey_and_colour(shown, raster.white)
    notes = list(raster.warnings)
    if raster.alpha is not None:
        cover = _turned(raster.alpha, raster.orientation).astype(np.float32) / np.float32(raster.white)
        if not raster.premultiplied:
            pixels = pixels * cover
            colour = None if colour is None else np.rint(colour * cover[..., None]).astype(np.uint8)
    if raster.pictures > 1:
        notes.append(f"the file is an animated PNG of {raster.pictures} pictures; the first was read")
    if raster.orientation in _TURNS:
        notes.append(f"the picture was turned as its orientation mark ({raster.orientation}) says")
    pages = count_pages(path)
    if frame is None and pages > 1:
        notes.append(f"the file holds {pages} pages; the first was read")
    number = (frame or 0) if pages > 1 else None
    return Picture(pixels=pixels, colour=colour, bit_depth=int(raster.white).bit_length(), frame=number, warnings=notes)


def read_mask(path: str | Path) -> NDArray[np.bool_]:
    """Read a mask of any picture kind: mode 1, grey, palette, RGB and RGBA alike.

    A pixel is inside where any colour channel is above half of white (127 of 255) and, where there is transparency, so is its opacity.

    Returns
    -------
    (H, W) ndarray of bool

    Raises
    ------
    ReadError
        As `read_picture`, or if the file has several pages or pictures, or values but none above half (a map of small numbers, no
        black-and-white mask).
    """
    if (pages := count_pages(path)) > 1:
        raise ReadError(path, f"holds {pages} pages; a mask must be one picture")
    raster = _decode(Path(path), None)
    if raster.pictures > 1:
        raise ReadError(path, f"is an animated PNG of {raster.pictures} pictures; a mask must be one picture")
    half = raster.white // 2
    array = _turned(raster.array, raster.orientation)
    inside = np.asarray(array > half if array.ndim == 2 else (array > half).any(axis=2))
    if not inside.any() and array.any():
        raise ReadError(path, f"holds values up to {array.max()} of {raster.white}, none above half; a mask must be black and white")
    if raster.alpha is not None:
        inside &= _turned(raster.alpha, raster.orientation) > half
    return inside


def count_pages(path: str | Path) -> int:
    """Count the pages of a TIFF; 1 for every other kind.

    Raises
    ------
    ReadError
        If the file cannot be read.
    """
    path = Path(path)
    if kind_of(path) != "TIFF":
        return 1
    from breastcad.read.deep_pictures import count_tiff_pages  # noqa: PLC0415 - tifffile is slow to import; only a TIFF needs it

    return count_tiff_pages(path)


def grey_and_colour(array: NDArray[Any], white: int) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Make a picture grey, and keep its colour where there is any to see.

    Parameters
    ----------
    array : (H, W) or (H, W, 3) ndarray of unsigned integers or bool
    white : int
        The value of full white.

    Returns
    -------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    colour : (H, W, 3) ndarray of uint8, or None
        None if no pixel's channels differ by more than `COLOUR_STEP` of 255.
    """
    if array.ndim == 2:
        return array.astype(np.float32) / np.float32(white), None
    red, green, blue = (array[..., channel] for channel in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return red.astype(np.float32) / np.float32(white), None
    pixels = np.clip(array.astype(np.float32) @ _LUMINANCE / np.float32(white), 0, 1)
    spread = colour_spread(array)
    if int(spread.max()) * 255 <= COLOUR_STEP * white:
        return pixels, None
    return pixels, array.astype(np.uint8) if white == 255 else np.rint(array * (255 / white)).astype(np.uint8)


def colour_spread(array: NDArray[Any]) -> NDArray[Any]:
    """Return how far the channels of each pixel lie apart: (H, W), of the type of the (H, W, 3) array.

    Channel by channel, since numpy's maximum over an axis of three takes thirty times as long.

    Examples
    --------
    >>> colour_spread(np.array([[[10, 200, 30], [7, 7, 7]]], np.uint8)).tolist()
    [[190, 0]]
    """
    red, green, blue = (array[..., channel] for channel in range(3))
    return np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)


def _turned(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn an array as TIFF's and EXIF's tag 274 says; 1 is upright, and so is a value that is not known."""
    return np.ascontiguousarray(_TURNS[orientation](array)) if orientation in _TURNS else array


def _decode(path: Path, frame: int | None) -> Raster:
    """Decode a file of any kind but DICOM, with every fault of the decoders as a ReadError."""
    kind = readable_kind(path)
    if kind == "DICOM":
        raise ReadError(path, "is DICOM, which is read by its own reader")
    if frame not in (None, 0) and kind != "TIFF":
        raise ReadError(path, f"has one frame only, but frame {frame} was asked for")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind == "TIFF":
                from breastcad.read.deep_pictures import decode_tiff  # noqa: PLC0415 - as in count_pages

                return decode_tiff(path, frame or 0)
            return _decode_with_pillow(path, kind)
    except ReadError:
        raise
    except Exception as error:  # broken bytes make the decoders raise anything, and each of it means the same
        raise ReadError(path, f"cannot be decoded as {kind}, it is truncated or damaged ({fault(error)})") from error


def fault(error: BaseException, behind: str = "") -> str:
    """Return what an exception says, or the end of it behind some words: one short line, no path, which an OSError's text may name."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = " ".join((str(error).rpartition(behind)[2] if behind else str(error)).split())
    shown = said if len(said) <= _LONGEST_FAULT else said.partition(":")[0]  # behind the colon a library may repeat the whole file
    return shown if 0 < len(shown) <= _LONGEST_FAULT else type(error).__name__


def _decode_with_pillow(path: Path, kind: str) -> Raster:
    with open(path, "rb") as stream:
        if kind == "PNG":
            _check_png_end(path, stream)
        # The plugin's class is used rather than Image.open: no guess by other plugins, and our own limit instead of two others.
        image = _PILLOW[kind](stream)
        check_size(path, image.height, image.width)
        if kind == "PGM":
            _pass_second_line_end(stream, image)
        pictures = getattr(image, "n_frames", 1)
        if kind == "PNG" and image.mode != "I;16" and str(image.tile[0].args).endswith(";16B"):
            from breastcad.read.deep_pictures import decode_deep_png  # noqa: PLC0415 - imagecodecs is needed by few files

            raster = decode_deep_png(path)
        elif kind == "PGM" and image.tile[0].codec_name == "ppm":
            raster = _binary_pgm(path, stream, image)
        else:
            bits = _pillow_bits(image)
            image.load()
            raster = _raster(image, bits, image.getexif().get(274, 1))
        raster.pictures = pictures if kind == "PNG" else 1
        return raster


def _check_png_end(path: Path, stream: BinaryIO) -> None:
    """Refuse a PNG without its last chunk: Pillow takes one that lost its end if all rows are there."""
    stream.seek(max(0, stream.seek(0, 2) - 65536))
    ended = b"IEND" in stream.read()
    stream.seek(0)
    if not ended:
        raise ReadError(path, "is truncated (a PNG's last chunk, IEND, is missing)")


def _pass_second_line_end(stream: BinaryIO, image: ImageFile.ImageFile) -> None:
    """Let the pixels of a 16-bit PGM begin one byte later where its header ends with a second line end, as in DDSM's thumbnails.

    Otherwise each pixel would be made of the halves of two. The file tells: it has one byte too many, that one, not one at its end.
    """
    tile = image.tile[0]
    if image.mode != "I" or stream.seek(0, 2) != tile.offset + 2 * image.width * image.height + 1:
        return
    stream.seek(-1, 2)
    last = stream.read()
    stream.seek(tile.offset)
    if stream.read(1) == b"\n" != last:
        image.tile[0] = tile._replace(offset=tile.offset + 1)


def _binary_pgm(path: Path, stream: BinaryIO, image: ImageFile.ImageFile) -> Raster:
    """Decode a binary PGM or PPM whose white is not all that its bytes can hold: Pillow would clip what is above it, and take seconds.

    Raises
    ------
    ReadError
        If pixels are missing, or one is brighter than the header's white.
    """
    _, white = cast("tuple[str, int]", image.tile[0].args)
    shape = (image.height, image.width, 3) if image.mode == "RGB" else (image.height, image.width)
    kind = np.dtype(">u2" if white > 255 else np.uint8)
    needed = math.prod(shape) * kind.itemsize
    stream.seek(image.tile[0].offset)
    content = stream.read(needed)
    if len(content) < needed:
        raise ReadError(path, f"is truncated (its pixels need {needed} bytes, {len(content)} are there)")
    values = np.frombuffer(content, kind).astype(kind.newbyteorder("="))
    if values.max(initial=0) > white:
        said = f"holds a value of {values.max()}, but its header says that {white} is the largest"
        raise ReadError(path, f"{said}: the header or the order of bytes is wrong")
    return Raster(values.reshape(shape), white)


def _pillow_bits(image: ImageFile.ImageFile) -> int:
    """Return how deep Pillow's array will be: 1, 8 or 16 bits."""
    return {"1": 1, "I": 16, "I;16": 16, "I;16B": 16}.get(image.mode, 8)


def _raster(image: ImageFile.ImageFile, bits: int, orientation: int) -> Raster:
    """Turn Pillow's modes into an array of grey or RGB with its opacity apart."""
    notes = []
    if "transparency" in image.info and bits == 16:
        notes.append("the picture names a transparent grey value; it was not applied")
    if image.mode in ("P", "CMYK", "PA") or ("transparency" in image.info and bits < 16):
        upright = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
        array, bits = np.asarray(upright), 8  # also of a picture of 1 bit
    else:
        array = np.asarray(image)
    if bits == 16:
        array = array.astype(np.uint16)
    raster = split_alpha(array, 2**bits - 1)
    raster.orientation, raster.warnings = orientation, notes
    return raster


def split_alpha(array: NDArray[Any], white: int) -> Raster:
    """Take an (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4) array apart into grey or colour, and opacity.

    Raises
    ------
    ValueError
        If it has another shape.
    """
    if array.ndim == 2:
        return Raster(array, white)
    if array.ndim != 3 or not 1 <= array.shape[2] <= 4:
        raise ValueError(f"a picture must have 1 to 4 channels, got an array of shape {array.shape}")
    channels = array.shape[2]
    picture = array[..., :3] if channels > 2 else array[..., 0]
    return Raster(picture, white, alpha=array[..., -1] if channels in (2, 4) else None)

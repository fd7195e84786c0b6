"""Decoding of what Pillow would flatten to 8 bits: TIFF of any depth and PNG with 16-bit colour. Loaded only when such a file comes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.read.files import Raster, check_size, fault, split_alpha

_READ_AS_THEY_ARE = ("MINISWHITE", "MINISBLACK", "RGB", "PALETTE")
_JPEG = (6, 7, 33007)  # values of TIFF's tag 259, Compression


def decode_deep_png(path: Path) -> Raster:
    """Decode a PNG with 16-bit channels; its size was checked by the caller."""
    return split_alpha(imagecodecs.png_decode(path.read_bytes()), 65535)


def count_tiff_pages(path: Path) -> int:
    """Count the pages of a TIFF that are pictures of their own: reduced copies and masks of others are not.

    Raises
    ------
    ReadError
        If the file has no page or its directories are damaged.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            return len(_pages(path, tiff))
    except ReadError:
        raise
    except Exception as error:  # damaged directories raise anything
        raise ReadError(path, f"cannot be decoded as TIFF, it is truncated or damaged ({fault(error)})") from error


def decode_tiff(path: Path, frame: int) -> Raster:
    """Decode one page of a TIFF.

    Raises
    ------
    ReadError
        If there is no such page, it is larger than the limit, reaches beyond the file's end, or holds what is no picture.
    """
    with tifffile.TiffFile(path) as tiff:
        pages = _pages(path, tiff)
        if not 0 <= frame < len(pages):
            raise ReadError(path, f"has {len(pages)} pages, but page {frame} (counted from 0) was asked for")
        page = pages[frame]
        _check_page(path, page)
        _check_extent(path, page)
        array = page.asarray()
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
            return Raster(np.moveaxis(page.colormap[:, array], 0, -1), 65535, orientation=_orientation(page))
        return _raster(path, page, array)


def _pages(path: Path, tiff: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    pages = [page.aspage() for page in tiff.pages]
    pages = [page for page in pages if not page.is_reduced and not page.is_mask]
    if not pages:
        raise ReadError(path, "is a TIFF without a page")
    return pages


def _check_page(path: Path, page: tifffile.TiffPage) -> None:
    """Refuse a page that would take more memory than a picture may; a tile is decoded whole, however little of it is shown."""
    check_size(path, page.imagelength, page.imagewidth)
    check_size(path, page.tilelength, page.tilewidth)
    if page.imagedepth > 1 or page.tiledepth > 1:
        raise ReadError(path, f"holds a volume of {page.imagedepth} layers; a picture has rows, columns and at most colour")
    if page.samplesperpixel > 4:
        raise ReadError(path, f"holds {page.samplesperpixel} values a pixel; a picture has at most 4")
    _check_colours(path, page)


def _check_colours(path: Path, page: tifffile.TiffPage) -> None:
    """Refuse values that are neither grey nor RGB nor a palette's, nor become RGB as they are decoded: shown as RGB they would be wrong."""
    colours = getattr(page.photometric, "name", f"kind {int(page.photometric)}")
    # tifffile has the JPEG decoder turn YCbCr, but not where there are further values or a plane a value.
    turned = colours == "YCBCR" and page.compression in _JPEG and page.planarconfig == 1 and not page.extrasamples
    if not turned and colours not in _READ_AS_THEY_ARE:
        named = {"SEPARATED": "CMYK"}.get(colours, colours)
        raise ReadError(path, f"holds colours as {named}, which is not read so; convert it to grey or RGB")


def _check_extent(path: Path, page: tifffile.TiffPage) -> None:
    """Refuse a page whose data reach beyond the file's end: tifffile fills what is missing with zeros."""
    size = path.stat().st_size
    extents = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if not extents or max(extents) > size:
        raise ReadError(path, f"is truncated (its pixels end at byte {max(extents, default=0)}, the file at {size})")


def _orientation(page: tifffile.TiffPage) -> int:
    tag = page.tags.get(274)
    return int(tag.value) if tag is not None else 1


def _raster(path: Path, page: tifffile.TiffPage, array: NDArray[Any]) -> Raster:
    if page.axes == "SYX":
        array = np.moveaxis(array, 0, -1)
    elif page.axes not in ("YX", "YXS"):
        raise ReadError(path, f"has axes '{page.axes}'; a picture has rows, columns and at most colour")
    array, white = _unsigned(path, page, array)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        array = ~array if white == 1 else white - array
    raster = split_alpha(array, white)
    raster.premultiplied = tuple(page.extrasamples[:1]) == (1,)
    raster.orientation = _orientation(page)
    return raster


def _unsigned(path: Path, page: tifffile.TiffPage, array: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Return the array as unsigned integers (or bool), and the value of white."""
    if array.dtype == bool or page.bitspersample == 1:
        return array.astype(bool), 1
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        return array, 2 ** int(page.bitspersample) - 1
    if array.dtype.kind == "f" and np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1:
        return np.rint(array * 65535).astype(np.uint16), 65535
    if array.dtype.kind == "f":
        finite = np.isfinite(array).all()
        span = f"from {array.min():g} to {array.max():g}" if finite else "some of which are no numbers"
        raise ReadError(path, f"holds {array.dtype} values {span}; floats must lie in [0, 1]")
    raise ReadError(path, f"holds {array.dtype} values; unsigned integers of 1 to 16 bits, or floats in [0, 1], are read")

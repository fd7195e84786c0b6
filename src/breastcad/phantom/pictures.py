"""Picture files of phantoms, and the identifiers that made-up sets need. What a set is made of is in the set's module."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from breastcad.core.files import write_bytes
from breastcad.phantom.textures import Field


def grey_levels(pixels: Field) -> NDArray[np.uint8]:
    """Return pixels in [0, 1] as 8-bit grey levels.

    Examples
    --------
    >>> grey_levels(np.array([[0, 0.5, 1]], np.float32)).tolist()
    [[0, 128, 255]]
    """
    return np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def write_png(path: Path, levels: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.bool_]) -> None:
    """Write a PNG file: (H, W) bool as 1 bit, (H, W) uint8 or uint16 as grey, (H, W, 3) as RGB, (H, W, 4) as RGBA."""
    _write(path, Image.fromarray(levels), "PNG")


def write_jpeg(path: Path, levels: NDArray[np.uint8]) -> None:
    """Write an 8-bit grey JPEG file."""
    _write(path, Image.fromarray(levels), "JPEG", quality=92)


def write_bmp(path: Path, levels: NDArray[np.uint8] | NDArray[np.bool_]) -> None:
    """Write a BMP file: (H, W) bool as 1 bit, (H, W) uint8 as grey, (H, W, 3) as RGB."""
    _write(path, Image.fromarray(levels), "BMP")


def write_tiff(path: Path, levels: NDArray[np.uint8]) -> None:
    """Write an 8-bit grey TIFF file."""
    _write(path, Image.fromarray(levels), "TIFF")


def write_pgm(path: Path, levels: NDArray[np.uint8]) -> None:
    """Write an 8-bit binary PGM file with a header of three lines."""
    rows, cols = levels.shape
    write_bytes(path, f"P5\n{cols} {rows}\n255\n".encode() + levels.tobytes())


def made_up_uid(generator: np.random.Generator) -> str:
    """Return a DICOM identifier under 2.25, the root that anybody may draw from (DICOM PS3.5, B.2)."""
    return f"2.25.{int.from_bytes(generator.bytes(16), 'big')}"


def _write(path: Path, image: Image.Image, kind: str, **settings: int) -> None:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    write_bytes(path, stream.getvalue())

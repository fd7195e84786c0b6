"""Compressed DICOM frames: every codestream is checked, then decoded, by one decoder plugin of pydicom.

JPEG (baseline, extended with 12 bits, lossless) and RLE's PackBits by imagecodecs, JPEG-LS by pyjpegls, JPEG 2000 and HTJ2K by
pylibjpeg-openjpeg, called directly since pydicom reaches it only through a further package. RLE's segments are taken apart here: on
damaged streams one decoder of whole frames (pylibjpeg-rle 2.2) panics and another (imagecodecs 2026.3) ends the process. The checks keep
a codestream from taking more memory than the header declares, and one that was cut off from passing as a picture.
"""

from __future__ import annotations

import struct
from functools import cache
from itertools import pairwise
from typing import cast

import imagecodecs
import numpy as np
import openjpeg
from pydicom import uid
from pydicom.pixels import get_decoder
from pydicom.pixels.common import PhotometricInterpretation
from pydicom.pixels.decoders import pyjpegls
from pydicom.pixels.decoders.base import DecodeRunner

PLUGIN = "breastcad"
JPEG = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1)
JPEG_LS = (uid.JPEGLSLossless, uid.JPEGLSNearLossless)
JPEG_2000 = (uid.JPEG2000Lossless, uid.JPEG2000, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K)
COMPRESSED = (*JPEG, *JPEG_LS, *JPEG_2000, uid.RLELossless)
DECODER_DEPENDENCIES = {syntax: ("imagecodecs", "pyjpegls", "pylibjpeg-openjpeg") for syntax in COMPRESSED}

_START_OF_FRAME = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7}
_END = b"\xff\xd9"
_RLE_SLACK = 128  # what padding after a segment may decode to


def is_available(syntax: str) -> bool:
    """Tell pydicom that the plugin's libraries are installed; they belong to breastcad's own dependencies."""
    return syntax in COMPRESSED


@cache
def register() -> None:
    """Add the plugin to pydicom's decoders, once. Those already there stay, and come first for other users of pydicom."""
    for syntax in COMPRESSED:
        decoder = get_decoder(syntax)
        if PLUGIN not in decoder.available_plugins:
            decoder.add_plugin(PLUGIN, (__name__, "decode_frame"))


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes | bytearray:
    """Decode one frame, as pydicom's decoder plugins do.

    Parameters
    ----------
    source : bytes
        The frame's codestream.
    runner : DecodeRunner
        What the header declares; bit depth and colour are set to what comes out.

    Returns
    -------
    bytes or bytearray
        The pixels.

    Raises
    ------
    ValueError
        If the codestream is cut off, damaged, or of another size than the header declares.
    """
    if runner.transfer_syntax == uid.RLELossless:
        return _decode_rle(source, runner)
    rows, cols, channels = codestream_size(source)
    declared = (runner.rows, runner.columns, runner.samples_per_pixel)
    if (rows, cols, channels) != declared:
        raise ValueError(f"the codestream holds {rows} x {cols} x {channels} samples, the header declares {' x '.join(map(str, declared))}")
    if _END not in source[-64:]:
        raise ValueError("the codestream has no end marker: it is cut off")
    if runner.transfer_syntax in JPEG_2000:
        return _decode_jpeg_2000(source, runner)
    if runner.transfer_syntax in JPEG_LS:
        return pyjpegls._decode_frame(source, runner)
    return _decode_jpeg(source, runner)


def _decode_jpeg(source: bytes, runner: DecodeRunner) -> bytes:
    """Decode any JPEG process that libjpeg-turbo knows; the channels stay as stored, pydicom makes them RGB.

    libjpeg fills up what a stream does not hold. The shortest Huffman code is one bit, so a stream with fewer bits than samples
    (lossless) or 8 x 8 blocks (all others) is refused; a smaller loss within an ended stream cannot be told from a picture.
    """
    samples = runner.rows * runner.columns * runner.samples_per_pixel
    lossless = runner.transfer_syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1)
    if 8 * len(source) < (samples if lossless else runner.rows * runner.columns / 64):
        raise ValueError(f"the codestream of {len(source)} bytes is too short for {samples} samples: it is cut off")
    as_stored = "RGB" if runner.samples_per_pixel == 3 else None
    array = imagecodecs.jpeg8_decode(source, colorspace=as_stored, outcolorspace=as_stored)
    runner.set_option("bits_allocated", 8 * array.dtype.itemsize)
    runner.set_option("planar_configuration", 0)
    if runner.photometric_interpretation == PhotometricInterpretation.YBR_FULL_422:
        runner.set_option("photometric_interpretation", PhotometricInterpretation.YBR_FULL)
    return array.tobytes()


def _decode_jpeg_2000(source: bytes, runner: DecodeRunner) -> bytearray:
    """Decode JPEG 2000 or HTJ2K; OpenJPEG itself undoes the colour transforms that belong to the codestream."""
    if runner.photometric_interpretation in (PhotometricInterpretation.YBR_ICT, PhotometricInterpretation.YBR_RCT):
        runner.set_option("photometric_interpretation", PhotometricInterpretation.RGB)
    runner.set_option("planar_configuration", 0)
    precision = runner.get_option("j2k_precision", runner.bits_stored)
    runner.set_option("bits_allocated", next(bits for bits in (8, 16, 32) if precision <= bits))
    return cast(bytearray, openjpeg.decode_pixel_data(source, version=2))


def _decode_rle(source: bytes, runner: DecodeRunner) -> bytes:
    """Decode PackBits segments, one a byte plane, the highest byte of a sample first (PS3.5 annex G); samples come plane by plane."""
    width, pixels = runner.bits_allocated // 8, runner.rows * runner.columns
    wanted = width * runner.samples_per_pixel
    count, *starts = struct.unpack_from("<16I", source) if len(source) >= 64 else (0,)
    starts = starts[:count]
    if count != wanted or wanted == 0 or starts != sorted(starts) or starts[0] < 64 or starts[-1] > len(source):
        raise ValueError(f"the RLE header is damaged: it must name {wanted} segments in order within {len(source)} bytes")
    samples = np.empty((runner.samples_per_pixel, pixels, width), np.uint8)
    for plane, (start, end) in enumerate(pairwise([*starts, len(source)])):
        decoded = imagecodecs.packbits_decode(source[start:end], out=bytearray(pixels + _RLE_SLACK))
        if len(decoded) < pixels:
            raise ValueError(f"RLE segment {plane + 1} holds {len(decoded)} of {pixels} bytes: it is cut off")
        samples[plane // width, :, width - 1 - plane % width] = np.frombuffer(decoded, np.uint8, pixels)
    runner.set_option("planar_configuration", 1)
    return samples.tobytes()


def codestream_size(source: bytes) -> tuple[int, int, int]:
    """Read rows, columns and channels from the head of a JPEG, JPEG-LS, JPEG 2000 or HTJ2K codestream, decoding nothing.

    Raises
    ------
    ValueError
        If it is none of these, or ends before its size is said.
    """
    try:
        if source.startswith(b"\xff\xd8"):
            return _jpeg_size(source)
        start = source.find(b"\xff\x4f\xff\x51")
        if start < 0 or (start > 0 and not source.startswith(b"\0\0\0\x0cjP")):
            raise ValueError("the frame is no codestream of its transfer syntax")
        right, bottom, left, top = struct.unpack_from(">4I", source, start + 8)
        (channels,) = struct.unpack_from(">H", source, start + 40)
        return bottom - top, right - left, channels
    except struct.error as error:
        raise ValueError("the codestream ends within its header: it is cut off") from error


def _jpeg_size(source: bytes) -> tuple[int, int, int]:
    place = 2
    while True:
        mark, kind, length = struct.unpack_from(">BBH", source, place)
        if mark != 0xFF:
            raise ValueError("the codestream's header is damaged")
        if kind in _START_OF_FRAME:
            rows, cols, channels = struct.unpack_from(">HHB", source, place + 5)
            return rows, cols, channels
        if kind == 0xFF:  # a fill byte before a marker
            place += 1
        else:
            place += 2 + length

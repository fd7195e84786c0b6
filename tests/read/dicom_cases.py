"""DICOM files built in memory, one table of encodings for the tests and for benchmarks/dicom_encodings.py. No file is stored."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import jpeg_ls
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import Dataset, FileMetaDataset, uid
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder

from breastcad.core.records import Picture
from breastcad.read import open_picture

Encode = Callable[[NDArray[Any], int], bytes]
MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"


@dataclass(frozen=True)
class Encoding:
    """A way to write a grey picture: its transfer syntax, the codec for a frame, depths to try, loss allowed in [0, 1]."""

    name: str
    syntax: uid.UID
    encode: Encode | None = None
    depths: tuple[int, ...] = (8, 10, 12, 14, 16)
    loss: float = 0.0


def _rle(array: NDArray[Any], bits: int) -> bytes:
    options = {"rows": array.shape[0], "columns": array.shape[1], "samples_per_pixel": 1, "bits_allocated": 8 * array.itemsize}
    options |= {"bits_stored": bits, "pixel_representation": 0, "photometric_interpretation": "MONOCHROME2", "number_of_frames": 1}
    return get_encoder(uid.RLELossless).encode(array, encoding_plugin="pydicom", **options)


def _jpeg_ls(array: NDArray[Any], bits: int, near: int) -> bytes:
    return bytes(jpeg_ls.encode_array(array, near))


def _jpeg_2000(array: NDArray[Any], bits: int, level: int) -> bytes:
    options: dict[str, Any] = {"codecformat": "J2K", "bitspersample": bits}
    return imagecodecs.jpeg2k_encode(array, level=level, reversible=not level, **options)


ENCODINGS = (
    Encoding("implicit little endian", uid.ImplicitVRLittleEndian),
    Encoding("explicit little endian", uid.ExplicitVRLittleEndian),
    Encoding("explicit big endian", uid.ExplicitVRBigEndian),
    Encoding("deflated", uid.DeflatedExplicitVRLittleEndian),
    Encoding("RLE", uid.RLELossless, _rle),
    Encoding("JPEG lossless (process 14, selection 6)", uid.JPEGLossless, lambda a, b: _lossless(a, b, 6)),
    Encoding("JPEG lossless SV1", uid.JPEGLosslessSV1, lambda a, b: _lossless(a, b, 1)),
    Encoding("JPEG-LS lossless", uid.JPEGLSLossless, lambda a, b: _jpeg_ls(a, b, 0)),
    Encoding("JPEG 2000 lossless", uid.JPEG2000Lossless, lambda a, b: _jpeg_2000(a, b, 0)),
    Encoding("HTJ2K lossless", uid.HTJ2KLossless, lambda a, b: imagecodecs.htj2k_encode(a, reversible=True)),
    Encoding("HTJ2K lossless RPCL", uid.HTJ2KLosslessRPCL, lambda a, b: imagecodecs.htj2k_encode(a, reversible=True)),
    Encoding("JPEG baseline, quality 95", uid.JPEGBaseline8Bit, lambda a, b: imagecodecs.jpeg8_encode(a, level=95), (8,), 0.04),
    Encoding(
        "JPEG extended, quality 95",
        uid.JPEGExtended12Bit,
        lambda a, b: imagecodecs.jpeg8_encode(a, level=95, bitspersample=12),
        (12,),
        0.01,
    ),
    Encoding("JPEG-LS near lossless (2)", uid.JPEGLSNearLossless, lambda a, b: _jpeg_ls(a, b, 2), (8, 10, 12, 14, 16), 0.017),
    Encoding("JPEG 2000, lossy", uid.JPEG2000, lambda a, b: _jpeg_2000(a, b, 60), (8, 12, 16), 0.02),
    Encoding("HTJ2K, lossy", uid.HTJ2K, lambda a, b: imagecodecs.htj2k_encode(a, reversible=False), (8, 12, 16), 0.005),
)


def _lossless(array: NDArray[Any], bits: int, predictor: int) -> bytes:
    return imagecodecs.jpeg8_encode(array, lossless=True, predictor=predictor, bitspersample=bits)


def picture(bits: int = 12, rows: int = 90, cols: int = 61) -> NDArray[Any]:
    """Draw a smooth made-up breast with a lesion off centre: higher than wide, all of the range in use.

    Returns
    -------
    (rows, cols) ndarray of uint8 (8 bits) or uint16
        From 0 to 2**bits - 1, the same picture at every depth.
    """
    row, col = np.mgrid[:rows, :cols] / max(rows, cols)
    breast = np.clip(1.2 - np.hypot((row - 0.5) * 1.6, col * 2.1), 0, 1) ** 0.6
    lesion = 0.5 * np.exp(-(((row - 0.3) / 0.05) ** 2) - ((col - 0.2) / 0.04) ** 2)
    texture = 0.03 * np.sin(40 * row + 9 * np.sin(25 * col))
    light = np.where(breast > 0, breast + lesion + texture, 0)
    light = (light - light.min()) / np.ptp(light)
    return np.rint(light * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def dataset_of(array: NDArray[Any], *, bits: int = 12, frames: int = 1, **elements: Any) -> Dataset:
    """Return a data set without pixels for grey (H, W) or colour (H, W, 3) frames; `elements` replace its own, None removes one."""
    dataset = Dataset()
    own: dict[str, Any] = {
        "SOPClassUID": MAMMOGRAM,
        "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.1",
        "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.2",
        "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.3",
        "Modality": "MG",
        "PatientID": "PID-77",
        "PatientName": "Doe^Jane",
        "Rows": array.shape[0],
        "Columns": array.shape[1],
        "SamplesPerPixel": 1 if array.ndim == 2 else 3,
        "PhotometricInterpretation": "MONOCHROME2" if array.ndim == 2 else "RGB",
        "BitsAllocated": 8 * array.dtype.itemsize,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(array.dtype.kind == "i"),
    }
    if array.ndim == 3:
        own["PlanarConfiguration"] = 0
    if frames != 1:
        own["NumberOfFrames"] = frames
    for keyword, content in (own | elements).items():
        if content is not None:
            setattr(dataset, keyword, content)
    return dataset


def write(dataset: Dataset, pixels: bytes | None, syntax: uid.UID = uid.ExplicitVRLittleEndian) -> bytes:
    """Return a data set as a DICOM file, `pixels` as its pixel data."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    if pixels is not None:
        dataset.PixelData = pixels
        dataset["PixelData"].VR = "OB" if syntax.is_encapsulated or dataset.BitsAllocated <= 8 else "OW"
        dataset["PixelData"].is_undefined_length = syntax.is_encapsulated
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def native(array: NDArray[Any], syntax: uid.UID = uid.ExplicitVRLittleEndian) -> bytes:
    """Return pixels as the bytes of an uncompressed transfer syntax, padded to even length."""
    order = "<" if syntax.is_little_endian else ">"
    if array.dtype.itemsize == 1 and order == ">":
        array = np.frombuffer(array.tobytes() + bytes(array.size % 2), "<u2").astype(">u2")
    data = array.astype(array.dtype.newbyteorder(order)).tobytes()
    return data + bytes(len(data) % 2)


def encoded(array: NDArray[Any], encoding: Encoding, bits: int = 12, **elements: Any) -> bytes:
    """Return a grey picture as a DICOM file in one of `ENCODINGS`."""
    dataset = dataset_of(array, bits=bits, **elements)
    if encoding.encode is None:
        if encoding.syntax == uid.ExplicitVRBigEndian and array.dtype.itemsize == 1:
            file = write(dataset, native(array, encoding.syntax), encoding.syntax)
            return file.replace(b"\x7f\xe0\x00\x10OB", b"\x7f\xe0\x00\x10OW")
        return write(dataset, native(array, encoding.syntax), encoding.syntax)
    frame = encoding.encode(array, bits)
    return write(dataset, encapsulate([frame]), encoding.syntax)


def plain(array: NDArray[Any] | None = None, *, bits: int = 12, **elements: Any) -> bytes:
    """Return a picture as an explicit little endian DICOM file; the made-up one if none is given."""
    array = picture(bits) if array is None else array
    return write(dataset_of(array, bits=bits, **elements), native(array))


def without_preamble(file: bytes) -> bytes:
    """Return a DICOM file's data set alone, as old exports have it."""
    (length,) = struct.unpack_from("<I", file, 140)
    return file[144 + length :]


def lut(table: list[int], first: int, bits: int) -> Dataset:
    """Return an item of a modality or VOI LUT sequence."""
    item = Dataset()
    item.LUTDescriptor = [len(table) % 65536, first, bits]
    item["LUTDescriptor"].VR = "US" if first >= 0 else "SS"
    item.LUTData = table
    item["LUTData"].VR = "US"
    return item


def code(value: str, scheme: str = "SCT", meaning: str = "", **elements: Any) -> Dataset:
    """Return an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    for keyword, content in elements.items():
        setattr(item, keyword, content)
    return item


EXACT = 1.2e-7  # two neighbouring float32 numbers below 1
SMALL = np.array([[0, 100, 200], [300, 400, 4000]], np.uint16)


def light(array: NDArray[Any]) -> NDArray[np.float64]:
    """What min to max makes of an array."""
    values = array.astype(float)
    return (values - values.min()) / np.ptp(values)


def read(put: Any, array: NDArray[Any] | None = None, *, bits: int = 12, **elements: Any) -> Picture:
    picture: Picture = open_picture(put(plain(array, bits=bits, **elements)))
    return picture


def coloured() -> NDArray[np.uint8]:
    rgb = np.repeat(picture(8, rows=32, cols=24)[..., None], 3, axis=2)
    rgb[5:9, 3:12] = (200, 30, 90)
    return rgb


def colour_file(
    rgb: NDArray[np.uint8], photometric: str, pixels: bytes, syntax: uid.UID = uid.ExplicitVRLittleEndian, **elements: Any
) -> bytes:
    dataset = dataset_of(rgb, bits=8, PhotometricInterpretation=photometric, Modality="US", SOPClassUID=ULTRASOUND, **elements)
    return write(dataset, pixels, syntax)

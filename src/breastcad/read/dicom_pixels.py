"""From a DICOM's stored pixels to grey in [0, 1]: steps 2 to 9 of docs/dicom.md, numbered alike here and there.

All steps between the stored value and the grey are functions of that value alone. They are worked out once for each value that a
pixel can have, in double precision, and looked up: what a pixel becomes does not depend on how the file was compressed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, uid
from pydicom.pixels import apply_color_lut, get_decoder

from breastcad.read.dicom_codecs import COMPRESSED, PLUGIN, register
from breastcad.read.dicom_values import Unreadable, functional, items, named, needed, number, numbers, text, value, whole
from breastcad.read.files import MAX_PIXELS, fault, grey_and_colour, too_large

NATIVE = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian)
BLANK = 0.02
"""A window is not used if it leaves less contrast than this between the darkest and the brightest pixel."""

_CHANNELS = {
    **{"MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1},
    **{"RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_ICT": 3, "YBR_RCT": 3},
}
_ROWS_AT_ONCE = 128  # a band of rows that stays in a processor's cache while it is looked up


@dataclass(frozen=True, slots=True)
class Layout:
    """How the header says that the pixels are stored."""

    syntax: uid.UID
    rows: int
    cols: int
    samples: int
    allocated: int
    stored: int
    high: int
    signed: bool
    photometric: str
    planar: int
    frames: int

    @property
    def native_bytes(self) -> int:
        """Bytes of all frames, uncompressed."""
        bits = self.rows * self.cols * self.samples * self.allocated * self.frames
        if self.photometric == "YBR_FULL_422":
            bits = bits * 2 // 3
        return math.ceil(bits / 8)


def declared(dataset: Dataset, syntax: uid.UID) -> Layout:
    """Step 2a: read and check what the header declares, before any memory is taken.

    Raises
    ------
    Unreadable
        If an element is missing, its value cannot be, or the picture is larger than `files.MAX_PIXELS`.
    """
    photometric = text(dataset, "PhotometricInterpretation")
    if photometric is None:
        raise Unreadable(f"no {named('PhotometricInterpretation')}; without it the pixels cannot be read")
    stored, high, frames = needed(dataset, "BitsStored"), whole(dataset, "HighBit"), whole(dataset, "NumberOfFrames")
    layout = Layout(
        syntax=syntax,
        rows=needed(dataset, "Rows"),
        cols=needed(dataset, "Columns"),
        samples=needed(dataset, "SamplesPerPixel"),
        allocated=needed(dataset, "BitsAllocated"),
        stored=stored,
        high=stored - 1 if high is None else high,
        signed=needed(dataset, "PixelRepresentation") == 1,
        photometric=photometric.upper(),
        planar=whole(dataset, "PlanarConfiguration") or 0,
        frames=frames or 1,  # what says 0 is checked where the pixels' length is known
    )
    _check_layout(layout)
    if layout.rows * layout.cols > MAX_PIXELS:
        raise Unreadable(too_large(layout.rows, layout.cols))
    return layout


def _check_layout(layout: Layout) -> None:
    if layout.photometric not in _CHANNELS:
        raise Unreadable(f"{named('PhotometricInterpretation')} is '{layout.photometric}'; known are {', '.join(_CHANNELS)}")
    grey_only = 32 if layout.photometric.startswith("MONO") else 16
    for keyword, found, good, wanted in (
        ("Rows", layout.rows, layout.rows > 0, "positive"),
        ("Columns", layout.cols, layout.cols > 0, "positive"),
        ("NumberOfFrames", layout.frames, layout.frames > 0, "positive"),
        ("SamplesPerPixel", layout.samples, layout.samples == _CHANNELS[layout.photometric], f"as of {layout.photometric}"),
        ("BitsAllocated", layout.allocated, layout.allocated in (1, 8, 16, grey_only), f"1, 8, 16 or {grey_only}"),
        ("BitsStored", layout.stored, 1 <= layout.stored <= layout.allocated, f"1 to {layout.allocated}"),
        ("HighBit", layout.high, layout.stored - 1 <= layout.high < layout.allocated, f"{layout.stored - 1} to {layout.allocated - 1}"),
    ):
        if not good:
            raise Unreadable(f"{named(keyword)} must be {wanted}, got {found}")


def stored_values(stream: BinaryIO, pixel_vr: str, dataset: Dataset, layout: Layout, frame: int, notes: list[str]) -> NDArray[Any]:
    """Steps 3 and 4: decode one frame and bring sign and bits in order.

    Parameters
    ----------
    stream : binary file
        At the first byte of the pixel data's value; only what the frame needs is read.
    pixel_vr : str
        ``"OB"`` or ``"OW"``.
    dataset : Dataset
    layout : Layout
    frame : int
    notes : list of str
        Gets what the result must say.

    Returns
    -------
    (H, W) or (H, W, 3) ndarray
        Integers as stored; colour is RGB.

    Raises
    ------
    Unreadable
        If the frame is truncated or damaged.
    """
    register()
    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.cols,
        "samples_per_pixel": layout.samples,
        "bits_allocated": layout.allocated,
        "bits_stored": layout.stored,
        "pixel_representation": int(layout.signed),
        "photometric_interpretation": layout.photometric,
        "planar_configuration": layout.planar,
        "number_of_frames": layout.frames,
        "pixel_keyword": "PixelData",
        "pixel_vr": pixel_vr,
        "correct_unused_bits": False,
    }
    table, lengths = value(dataset, "ExtendedOffsetTable"), value(dataset, "ExtendedOffsetTableLengths")
    if table and lengths:
        options["extended_offsets"] = (table, lengths)
    compressed = layout.syntax in COMPRESSED
    try:
        array, _ = get_decoder(layout.syntax).as_array(stream, index=frame, decoding_plugin=PLUGIN if compressed else "", **options)
    except Exception as error:  # broken bytes make the decoders raise anything, and each of it means the same
        raise Unreadable(
            f"(7FE0,0010) 'Pixel Data' cannot be decoded as {layout.syntax.name}, it is truncated or damaged "
            f"({fault(error, behind=f'{PLUGIN}: ')})"
        ) from error
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return _significant_bits(array, layout, notes)


def _significant_bits(array: NDArray[Any], layout: Layout, notes: list[str]) -> NDArray[Any]:
    """Step 4: keep bits HighBit - BitsStored + 1 to HighBit, and let the highest be the sign where there is one.

    Codestreams but RLE hold values, not words of memory: their bits begin at 0, and an unsigned value is as it is.
    """
    words = layout.syntax in NATIVE or layout.syntax == uid.RLELossless
    if not words and not layout.signed:
        if layout.samples == 1 and int(array.max()) >> layout.stored:
            notes.append(f"the pixels use more bits than {named('BitsStored')} says ({layout.stored})")
        return array
    width = 8 * array.dtype.itemsize
    if layout.allocated == 1 or layout.stored == width:
        return array
    high = layout.high if words else layout.stored - 1
    array = array if array.flags.writeable else array.copy()
    np.left_shift(array, width - 1 - high, out=array)
    np.right_shift(array, width - layout.stored, out=array)
    return array


def colour_of(array: NDArray[Any], dataset: Dataset, layout: Layout) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Step 9 for colour: RGB, or a palette's indices, to grey in [0, 1] and, where colour is to be seen, 8-bit RGB.

    Raises
    ------
    Unreadable
        If a palette is missing or damaged.
    """
    if layout.photometric != "PALETTE COLOR":
        return grey_and_colour(np.clip(array, 0, None).view(f"u{array.dtype.itemsize}"), 2**layout.stored - 1)
    try:
        array = apply_color_lut(array, dataset)
    except Exception as error:  # a broken table makes pydicom raise anything
        raise Unreadable(f"{named('RedPaletteColorLookupTableData')} and its kin cannot be read ({fault(error)})") from error
    return grey_and_colour(array, 2 ** (8 * array.dtype.itemsize) - 1)


def grey_of(array: NDArray[Any], dataset: Dataset, layout: Layout, frame: int, full_range: bool, notes: list[str]) -> NDArray[np.float32]:
    """Steps 5 to 9: padding, modality LUT, VOI LUT, inversion, [0, 1].

    Parameters
    ----------
    array : (H, W) ndarray of integers
        Stored values.
    dataset : Dataset
    layout : Layout
    frame : int
    full_range : bool
        What counts where there is no window: all that the bits can hold (ultrasound), or the range of the picture.
    notes : list of str
        Gets what the result must say.

    Returns
    -------
    (H, W) ndarray of float32
        In [0, 1]; padding is 0.
    """
    padding = _padding(dataset, layout)  # step 5
    lowest, highest = _range(array, padding)
    if lowest > highest:
        notes.append(f"all pixels are {named('PixelPaddingValue')}: there is no picture")
        return np.zeros(array.shape, np.float32)
    if full_range:
        lowest, highest = _limits(layout)
    if array.dtype.itemsize > 2:
        grey = _displayed(array.astype(np.float64), lowest, highest, dataset, frame, notes).astype(np.float32)
        if padding:
            grey[(array >= padding[0]) & (array <= padding[1])] = 0
        return grey
    words = np.arange(2 ** (8 * array.dtype.itemsize), dtype=f"u{array.dtype.itemsize}")
    values = words.view(array.dtype).astype(np.float64)
    table = _displayed(values, lowest, highest, dataset, frame, notes).astype(np.float32)
    if padding:
        table[(values >= padding[0]) & (values <= padding[1])] = 0
    return _looked_up(table, np.ascontiguousarray(array).view(words.dtype))


def _looked_up(table: NDArray[np.float32], words: NDArray[Any]) -> NDArray[np.float32]:
    grey = np.empty(words.shape, np.float32)
    for row in range(0, len(words), _ROWS_AT_ONCE):
        band = slice(row, row + _ROWS_AT_ONCE)
        np.take(table, words[band], out=grey[band], mode="clip")
    return grey


def _limits(layout: Layout) -> tuple[int, int]:
    """Return the smallest and largest value that the stored bits can hold."""
    return (-(1 << layout.stored - 1), (1 << layout.stored - 1) - 1) if layout.signed else (0, (1 << layout.stored) - 1)


def _padding(dataset: Dataset, layout: Layout) -> tuple[int, int] | None:
    """Step 5: return the range of stored values that are no picture."""
    ends = [number(dataset, keyword) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if ends[0] is None:
        return None
    low, high = _limits(layout)
    # Files with signed pixels may hold the value as unsigned, and the other way round: the bits are what counts.
    marks = sorted((int(end) - low) % (high - low + 1) + low for end in ends if end is not None)
    return marks[0], marks[-1]


def _range(array: NDArray[Any], padding: tuple[int, int] | None) -> tuple[int, int]:
    """Return the smallest and largest stored value that is not padding; the wrong way round if all is padding."""
    if padding is None:
        return int(array.min()), int(array.max())
    picture = array[(array < padding[0]) | (array > padding[1])]
    return (int(picture.min()), int(picture.max())) if picture.size else (1, 0)


def _displayed(
    values: NDArray[np.float64], lowest: int, highest: int, dataset: Dataset, frame: int, notes: list[str]
) -> NDArray[np.float64]:
    """Steps 6 to 8 for stored values; `lowest` and `highest` bound those of the picture."""
    inside = (values >= lowest) & (values <= highest)
    values = _modality(values, dataset, frame)
    low, high = float(values[inside].min()), float(values[inside].max())
    inverted = _inverted(dataset, notes)
    if low == high:
        notes.append("the picture has one grey value only")
        return np.zeros_like(values)
    shown = _voi(values, inside, dataset, frame, notes)
    if shown is None:
        shown = np.clip((values - low) / (high - low), 0, 1)
    return 1 - shown if inverted else shown


def _modality(values: NDArray[np.float64], dataset: Dataset, frame: int) -> NDArray[np.float64]:
    """Step 6: modality LUT sequence, or rescale slope and intercept (PS3.3 C.11.1)."""
    sequence = items(dataset, "ModalityLUTSequence")
    if sequence:
        return _lut(values, sequence[0])[0]
    source = functional(dataset, "PixelValueTransformationSequence", frame) or dataset
    slope, intercept = number(source, "RescaleSlope"), number(source, "RescaleIntercept")
    if slope == 0:
        raise Unreadable(f"{named('RescaleSlope')} must not be 0: no picture would be left")
    return values * (1 if slope is None else slope) + (intercept or 0)


def _lut(values: NDArray[np.float64], item: Dataset) -> tuple[NDArray[np.float64], float]:
    """Look values up in a LUT of PS3.3 C.11.1.1; returns what they become, and the LUT's white."""
    descriptor = [int(one) for one in numbers(item, "LUTDescriptor")]
    if len(descriptor) != 3 or not 8 <= descriptor[2] <= 16:
        raise Unreadable(f"{named('LUTDescriptor')} must be entries, first value and 8 to 16 bits, got {descriptor}")
    entries, first, bits = descriptor[0] or 65536, descriptor[1], descriptor[2]
    if first > 32767 and values.min() < 0:  # signed, but read as unsigned
        first -= 65536
    data = value(item, "LUTData")
    if isinstance(data, bytes):
        table = _words(data, item, packed=bits == 8 and len(data) < 2 * entries)
    else:
        table = np.asarray([] if data is None else data, np.uint16)
    if table.size < entries:
        raise Unreadable(f"{named('LUTData')} holds {table.size} entries, its descriptor says {entries}")
    index = np.clip(np.rint(values) - first, 0, entries - 1).astype(np.int64)
    return table[index].astype(np.float64), float(2**bits - 1)


def _words(data: bytes, item: Dataset, *, packed: bool) -> NDArray[Any]:
    """Return the entries of LUT data that came as words (OW), which pydicom leaves in the file's byte order; `packed`: two a word."""
    words = data + bytes(len(data) % 2) if packed else data[: len(data) // 2 * 2]
    big_endian = item.original_encoding[1] is False  # None: made in memory
    table = np.frombuffer(words, ">u2" if big_endian else "<u2").astype("<u2")
    return table.view(np.uint8) if packed else table


def _voi(
    values: NDArray[np.float64], inside: NDArray[np.bool_], dataset: Dataset, frame: int, notes: list[str]
) -> NDArray[np.float64] | None:
    """Step 7: the first VOI LUT, else the first window; None where there is none that shows the picture."""
    source = functional(dataset, "FrameVOILUTSequence", frame) or dataset
    tables = items(source, "VOILUTSequence")
    centres, widths = numbers(source, "WindowCenter"), numbers(source, "WindowWidth")
    pairs = min(len(centres), len(widths))
    offers = [f"{count} {what}{'s' * (count > 1)}" for count, what in ((len(tables), "VOI LUT"), (pairs, "window")) if count]
    if len(tables) + pairs > 1:
        notes.append(f"the file offers {' and '.join(offers)}; the {'first' if len(offers) == 1 else 'LUT'} was taken")
    if len(centres) != len(widths):
        said = f"{named('WindowCenter')} and {named('WindowWidth')} hold {len(centres)} and {len(widths)} values"
        notes.append(f"{said}; {'only those that make a pair are windows' if pairs else 'that is no window'}")
    if tables:
        shown, white = _lut(values, tables[0])
        shown, what = np.clip(shown / white, 0, 1), named("VOILUTSequence")
    elif centres and widths:
        function = (text(source, "VOILUTFunction") or "LINEAR").upper()
        what = f"{named('WindowCenter')} of {centres[0]:g} and width of {widths[0]:g}"
        found = window(values, centres[0], widths[0], function)
        if found is None:
            notes.append(f"{what} with function '{function}' is no window; the range of the pixels was taken")
            return None
        shown = found
    else:
        return None
    if float(np.ptp(shown[inside])) < BLANK:
        notes.append(f"{what} leaves the picture blank; the range of the pixels was taken")
        return None
    return shown


def window(values: NDArray[np.float64], centre: float, width: float, function: str) -> NDArray[np.float64] | None:
    """Apply a window as PS3.3 C.11.2.1.2 and C.11.2.1.3 define it, to an output of [0, 1].

    Parameters
    ----------
    values : ndarray of float64
    centre, width : float
        In units of `values`.
    function : str
        ``"LINEAR"``, ``"LINEAR_EXACT"`` or ``"SIGMOID"``.

    Returns
    -------
    ndarray of float64, or None
        None if there is no such function, or the width is too small for it.

    Examples
    --------
    >>> window(np.array([0.0, 2047.5, 4095.0]), 2048, 4096, "LINEAR").tolist()
    [0.0, 0.5, 1.0]
    """
    if function == "SIGMOID" and width > 0:
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))))
    if function == "LINEAR_EXACT" and width > 0:
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if function == "LINEAR" and width > 1:
        return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    if function == "LINEAR" and width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return None


def _inverted(dataset: Dataset, notes: list[str]) -> bool:
    """Step 8: tell if dark and bright are to be swapped: MONOCHROME1 and PresentationLUTShape INVERSE say the same thing, once."""
    photometric = (text(dataset, "PhotometricInterpretation") or "").upper()
    shape = (text(dataset, "PresentationLUTShape") or "").upper()
    if (photometric, shape) in (("MONOCHROME1", "IDENTITY"), ("MONOCHROME2", "INVERSE")):
        notes.append(
            f"{named('PhotometricInterpretation')} {photometric} and {named('PresentationLUTShape')} {shape} contradict; it was inverted"
        )
    return photometric == "MONOCHROME1" or shape == "INVERSE"


def check_bytes(layout: Layout, length: int | None, present: int, fragments: int | None) -> None:
    """Step 2b: compare the bytes that are there with what the header declares.

    Parameters
    ----------
    layout : Layout
    length : int or None
        Length that the pixel data's element declares; None if undefined.
    present : int
        Bytes from there to the file's end.
    fragments : int or None
        Fragments of compressed data; None if it is not compressed.

    Raises
    ------
    Unreadable
        If they are too few.
    """
    if length is not None and length > present:
        raise Unreadable(f"(7FE0,0010) 'Pixel Data' declares {length} bytes, the file holds {present} more: it is truncated")
    if fragments is None and min(present, length if length is not None else present) < layout.native_bytes:
        raise Unreadable(
            f"(7FE0,0010) 'Pixel Data' holds {min(present, length or present)} bytes, {layout.rows} x {layout.cols} pixels of "
            f"{layout.samples} x {layout.allocated} bits in {layout.frames} frames need {layout.native_bytes}: it is truncated"
        )
    if fragments is not None and fragments < layout.frames:
        raise Unreadable(
            f"(7FE0,0010) 'Pixel Data' holds {fragments} fragments, {named('NumberOfFrames')} says {layout.frames}: it is truncated"
        )


def note_no_frames(dataset: Dataset, layout: Layout, length: int | None, fragments: int | None, notes: list[str]) -> None:
    """Step 2c: take a file that says to hold 0 frames as one of one, where its pixels are as many; parameters as of `check_bytes`.

    Raises
    ------
    Unreadable
        If they are not.
    """
    if whole(dataset, "NumberOfFrames") != 0:
        return
    if length not in (layout.native_bytes, layout.native_bytes + 1) if fragments is None else fragments != 1:
        raise Unreadable(f"{named('NumberOfFrames')} must be positive, got 0")
    notes.append(f"{named('NumberOfFrames')} says 0, the pixels are those of one; it was taken as 1")

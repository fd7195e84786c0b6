"""DICOM files: from the file to the picture that every later step sees, one frame at a time.

The steps are those of docs/dicom.md. Here: opening a file, finding its pixel data, putting the picture together. The pixels' steps
are in `dicom_pixels`, what the header means in `dicom_header`.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset, FileDataset, dcmread, uid

from breastcad.core.errors import ReadError
from breastcad.core.records import Picture
from breastcad.read import dicom_header as header
from breastcad.read.dicom_codecs import COMPRESSED
from breastcad.read.dicom_pixels import NATIVE, Layout, check_bytes, colour_of, declared, grey_of, note_no_frames, stored_values
from breastcad.read.dicom_tags import Tags, shown_tags
from breastcad.read.dicom_values import NoPicture, Unreadable, named, text, value
from breastcad.read.files import MAX_PIXELS, fault, kind_of

MAX_INFLATED = 8 * MAX_PIXELS
"""Bytes that a deflated file may grow to: two frames of the largest picture with 32 bits."""

_DEFER_BYTES = 1 << 20  # larger values before the pixels (private data) are not read
_UNDEFINED = 0xFFFFFFFF
_ITEM, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD


class NotAPicture(ReadError):
    """A DICOM file holds no picture: a report, a table of contents."""


@dataclass(slots=True)
class _Opened:
    """A data set without its pixels, and the stream at the first byte of their value."""

    dataset: FileDataset
    stream: BinaryIO
    layout: Layout
    pixel_vr: str
    notes: list[str]
    private: list[str]


def count_frames(path: str | Path) -> int:
    """Count the frames that a DICOM file holds, decoding none.

    Raises
    ------
    ReadError
        As `read_dicom`.
    """
    with _opened(Path(path)) as opened:
        return opened.layout.frames


def identifiers(path: str | Path) -> list[str]:
    """Return the strings of a file's header that must not be written anywhere (`dicom_header.learn_private`), as far as it can be read."""
    try:
        with _opened(Path(path)) as opened:
            return opened.private
    except ReadError as error:
        return error.private


@dataclass(frozen=True, slots=True)
class DicomFacts:
    """What a file's header says of its picture.

    ``patient``, ``study``, ``series``, ``instance``, and ``person`` and ``exam`` (`dicom_header.identity_of`) identify: they are for
    joining only.
    """

    rows: int
    cols: int
    bit_depth: int
    frames: int
    modality: str | None
    image_type: str | None
    laterality: str | None
    view: str | None
    spacing_mm: tuple[float, float] | None
    manufacturer: str | None
    age_years: float | None
    date: str | None
    patient: str | None
    study: str | None
    series: str | None
    instance: str | None
    person: tuple[str, ...] | None
    exam: tuple[str, ...] | None
    sop_class: str | None
    private: tuple[str, ...]
    warnings: tuple[str, ...]


def dicom_facts(path: str | Path) -> DicomFacts:
    """Read what a file's header says of its picture, and see that its pixels are there in full; none is decoded.

    Raises
    ------
    ReadError
        As `read_dicom`, but for what only decoding shows.
    """
    with _opened(Path(path)) as opened:
        dataset, layout, notes = opened.dataset, opened.layout, opened.notes
        modality = header.modality_of(dataset, notes)
        spacing, _ = header.spacing_of(dataset, 0, modality, notes)
        person, exam = header.identity_of(dataset, [])
        facts = DicomFacts(
            rows=layout.rows,
            cols=layout.cols,
            bit_depth=layout.stored,
            frames=layout.frames,
            modality=modality,
            image_type=header.image_type_of(dataset, notes),
            laterality=header.laterality_of(dataset, 0, notes),
            view=header.view_of(dataset, notes),
            spacing_mm=spacing,
            manufacturer=text(dataset, "Manufacturer"),
            age_years=header.age_of(dataset),
            date=header.date_of(dataset),
            patient=text(dataset, "PatientID"),
            study=text(dataset, "StudyInstanceUID"),
            series=text(dataset, "SeriesInstanceUID"),
            instance=text(dataset, "SOPInstanceUID"),
            person=person,
            exam=exam,
            sop_class=text(dataset, "SOPClassUID"),
            private=tuple(opened.private),
            warnings=(),
        )
        header.note_caveats(dataset, notes)
        return replace(facts, warnings=tuple(notes))


def dicom_tags(path: str | Path) -> Tags:
    """Read the tags of a file's header that may be told (`dicom_tags.SHOWN`); no pixel is decoded.

    Raises
    ------
    ReadError
        As `dicom_facts`.
    """
    with _opened(Path(path)) as opened:
        return shown_tags(opened.dataset, opened.private)


def read_dicom(path: str | Path, frame: int | None = None) -> Picture:
    """Read one frame of a DICOM file as every later step sees it; the steps are those of docs/dicom.md.

    Parameters
    ----------
    path : str or Path
    frame : int, optional
        Which frame, counted from 0; the first if None. Only that one is decoded.

    Returns
    -------
    Picture
        ``pixels`` (H, W) float32 in [0, 1], bright on dark, padding 0; ``warnings`` say what a reader of the result must know.

    Raises
    ------
    ReadError
        If the file holds no picture, is truncated or damaged, declares more than `files.MAX_PIXELS` a frame, has a transfer syntax or
        layout that is not read, or has no such frame.

    References
    ----------
    .. [1] DICOM PS3.4 N.2.1, PS3.3 C.7.6.3, C.8.11 and C.11.
    """
    path = Path(path)
    with _opened(path) as opened:
        layout, dataset, notes = opened.layout, opened.dataset, opened.notes
        wanted = frame or 0
        if not 0 <= wanted < layout.frames:
            raise Unreadable(f"has {layout.frames} frames, but frame {wanted} (counted from 0) was asked for")
        if frame is None and layout.frames > 1:
            notes.append(f"the file holds {layout.frames} frames; the first was read")
        modality = header.modality_of(dataset, notes)
        array = stored_values(opened.stream, opened.pixel_vr, dataset, layout, wanted, notes)
        if layout.photometric.startswith("MONOCHROME"):
            picture = Picture(grey_of(array, dataset, layout, wanted, modality == "US", notes))
        else:
            picture = Picture(*colour_of(array, dataset, layout))
        picture.bit_depth, picture.modality, picture.private, picture.warnings = layout.stored, modality, opened.private, notes
        picture.frame = wanted if layout.frames > 1 else None
        _describe(picture, dataset, wanted)
        return picture


def _describe(picture: Picture, dataset: Dataset, frame: int) -> None:
    """Fill in what the header says of the picture; what a reader of the result must know goes into its warnings."""
    notes = picture.warnings
    rows, cols = picture.pixels.shape
    picture.image_type = header.image_type_of(dataset, notes)
    picture.laterality, picture.side_in_doubt = header.laterality_of(dataset, frame, notes), header.side_contradicted(dataset, frame)
    picture.view = header.view_of(dataset, notes)
    picture.spacing_mm, picture.spacing_at = header.spacing_of(dataset, frame, picture.modality, notes)
    picture.regions = header.regions_of(dataset, rows, cols, notes)
    picture.manufacturer = text(dataset, "Manufacturer")
    picture.other_part, picture.special = header.other_part_of(dataset), header.special_of(dataset)
    picture.patient_orientation = header.patient_orientation_of(dataset)
    picture.patient_key, picture.exam_key = header.keys_of(dataset, notes)
    header.note_caveats(dataset, notes)


@contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    """Open a file up to its pixels (steps 1 and 2); whatever is wrong with it, then and inside the block, becomes a ReadError."""
    private: list[str] = []
    if kind_of(path) != "DICOM":
        raise ReadError(path, "is no DICOM file (no 'DICM' at byte 128, and no data set without preamble)")
    try:
        # pydicom warns of values that break the standard and quotes them; they may be names, and must reach no log.
        with warnings.catch_warnings(), _stream(path) as stream:
            warnings.simplefilter("ignore")
            dataset = _read_header(stream)
            try:
                header.learn_private(dataset, private)
            except Unreadable:
                private.append(path.stem)  # it may hold what could not be read
                raise
            yield _checked(dataset, stream, private)
    except NoPicture as error:
        raise NotAPicture(path, str(error), private) from error
    except Unreadable as error:
        raise ReadError(path, str(error), private) from error
    except OSError as error:
        raise ReadError(path, f"cannot be read ({fault(error)})", private) from error


@contextmanager
def _stream(path: Path) -> Iterator[BinaryIO]:
    """Step 1a: open the file; a deflated one becomes an inflated one in memory, of bounded size."""
    with open(path, "rb") as stream:
        head = stream.read(144)
        (length,) = struct.unpack_from("<I", head, 140) if len(head) == 144 and head[128:136] == b"DICM\x02\0\0\0" else (0,)
        meta = stream.read(min(length, 65536))
        deflated = uid.DeflatedExplicitVRLittleEndian.encode()
        if deflated not in meta:
            stream.seek(0)
            yield stream
            return
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            body = inflater.decompress(stream.read(), MAX_INFLATED)
        except zlib.error as error:
            raise Unreadable(f"the deflated data set is damaged ({error})") from error
        if not inflater.eof:
            large = len(body) == MAX_INFLATED
            raise Unreadable(f"the deflated data set is {'larger than is read' if large else 'truncated'} ({len(body)} bytes inflated)")
        plain = meta.replace(deflated, uid.ExplicitVRLittleEndian.encode().ljust(len(deflated), b"\0"))
        yield io.BytesIO(head + plain + body)


def _read_header(stream: BinaryIO) -> FileDataset:
    """Step 1b: read all elements before the pixels."""
    try:
        deferred = None if isinstance(stream, io.BytesIO) else _DEFER_BYTES
        return dcmread(stream, force=True, stop_before_pixels=True, defer_size=deferred)
    except RecursionError as error:
        raise Unreadable("its sequences are nested too deeply; the file is damaged or made to do harm") from error
    except Exception as error:  # broken bytes make the parser raise anything; its words may quote a value, and are left out
        raise Unreadable("the header cannot be read; the file is damaged or no DICOM") from error


def _checked(dataset: FileDataset, stream: BinaryIO, private: list[str]) -> _Opened:
    """Step 2: refuse what is no picture or cannot be one, before memory is taken for it."""
    notes: list[str] = []
    meta_class = str(value(dataset.file_meta, "MediaStorageSOPClassUID") or "")
    if uid.MediaStorageDirectoryStorage in (meta_class, text(dataset, "SOPClassUID")) or "DirectoryRecordSequence" in dataset:
        raise NoPicture("is a DICOMDIR, a table of contents and no picture; give the files that it lists")
    syntax = _syntax(dataset, notes)
    pixel_vr, length = _seek_pixels(dataset, stream, syntax)
    layout = declared(dataset, syntax)
    start = stream.tell()
    end = stream.seek(0, io.SEEK_END)
    stream.seek(start)
    fragments = _count_fragments(stream, end) if syntax in COMPRESSED else None
    check_bytes(layout, length, end - start, fragments)
    note_no_frames(dataset, layout, length, fragments, notes)
    return _Opened(dataset, stream, layout, pixel_vr, notes, private)


def _syntax(dataset: FileDataset, notes: list[str]) -> uid.UID:
    """Return the transfer syntax; a file without file meta gets that in which pydicom could parse it, noted."""
    said = value(dataset.file_meta, "TransferSyntaxUID")
    if said:
        syntax = uid.UID(str(said))
        if syntax not in NATIVE and syntax not in COMPRESSED:
            what = syntax.name if syntax.is_transfer_syntax else "a private or unknown one"
            raise Unreadable(f"(0002,0010) 'Transfer Syntax UID' is {what}, which is not read; convert the file to an uncompressed one")
        return syntax
    notes.append("no (0002,0010) 'Transfer Syntax UID': the file was read as its bytes look, uncompressed")
    implicit, little = dataset.original_encoding
    if implicit:
        return uid.ImplicitVRLittleEndian
    return uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian


def _seek_pixels(dataset: Dataset, stream: BinaryIO, syntax: uid.UID) -> tuple[str, int | None]:
    """Bring the stream from the pixel data's tag to its value; returns VR and declared length (None if undefined)."""
    head = stream.read(8)
    order = "<" if syntax.is_little_endian else ">"
    if len(head) < 8:
        kind = uid.UID(text(dataset, "SOPClassUID") or "")
        what = f" ({kind.name})" if kind and kind.name != kind else ""
        raise NoPicture(f"no {named('PixelData')}: the file holds no picture{what}")
    group, element = struct.unpack(f"{order}HH", head[:4])
    if (group, element) != (0x7FE0, 0x0010):
        raise Unreadable("holds floating-point pixels ((7FE0,0008) or (7FE0,0009)), which are no image to look at")
    if head[4:6] in (b"OB", b"OW", b"UN"):
        pixel_vr, (length,) = head[4:6].decode(), struct.unpack(f"{order}I", stream.read(4))  # pydicom has read them before
    else:
        pixel_vr, (length,) = "OW", struct.unpack(f"{order}I", head[4:])
    return pixel_vr, None if length == _UNDEFINED else length


def _count_fragments(stream: BinaryIO, end: int) -> int:
    """Count the fragments of compressed pixel data by their heads, without the offset table; the stream stays where it is.

    Raises
    ------
    Unreadable
        If one reaches beyond the file's end, or what follows is no fragment.
    """
    start = stream.tell()
    count = -1
    while True:
        head = stream.read(8)
        if len(head) < 8:
            raise Unreadable(f"{named('PixelData')} ends after {max(count, 0)} fragments without its delimiter: the file is truncated")
        group, element, length = struct.unpack("<HHI", head)
        if group << 16 | element == _SEQUENCE_END:
            break
        if group << 16 | element != _ITEM:
            raise Unreadable(f"{named('PixelData')} holds what is no fragment after {max(count, 0)} fragments: the file is damaged")
        if stream.tell() + length > end:
            raise Unreadable(f"{named('PixelData')}: fragment {count + 2} declares {length} bytes, beyond the file's end: it is truncated")
        stream.seek(length, io.SEEK_CUR)
        count += 1
    stream.seek(start)
    return max(count, 0)

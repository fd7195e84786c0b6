"""What the readers of sets share: finding the set's own folder, looking at pictures without decoding them, counting, telling.

What one set has and means is in the set's own module; decoding pixels is in `files` and `dicom`.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import FindingRow, ImageRow
from breastcad.read.files import MAX_PIXELS, check_size, fault, readable_kind

Progress = Callable[[int, int], None]
Faults = dict[str, list[str]]
"""What is wrong with a set's files: a phrase in the plural, and the items that it holds for (`told`)."""
_BITS = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I": 16, "F": 32}
_ENDINGS = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}
_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What a picture file's header says."""

    rows: int
    cols: int
    bit_depth: int


def picture_facts(path: str | Path) -> PictureFacts:
    """Read a picture's size and depth from its header, and see that the file has its end; nothing is decoded.

    Parameters
    ----------
    path : str or Path
        A raster file (PNG, JPEG, PGM, TIFF, BMP).

    Raises
    ------
    ReadError
        If it cannot be opened, is no picture or of a kind that is not read, declares more pixels than are ever read, or is cut short.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit follows
            with Image.open(path) as image:
                facts = PictureFacts(image.height, image.width, _BITS.get(image.mode, 8))
                kind, bands, start = image.format, len(image.getbands()), image.tile[0][2] if image.tile else 0
    except UnidentifiedImageError as error:
        raise ReadError(path, "is no picture") from error
    except Image.DecompressionBombError as error:
        raise ReadError(path, f"declares more pixels than any breast image has; at most {MAX_PIXELS} are read") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise ReadError(path, f"cannot be opened as a picture ({fault(error)})") from error
    readable_kind(path)
    check_size(path, facts.rows, facts.cols)
    needed = 0
    if kind == "PPM" and _is_binary(path):
        needed = start + facts.rows * facts.cols * bands * (2 if facts.bit_depth == 16 else 1)
    elif kind in ("BMP", "DIB"):
        needed = start + _bmp_bytes(path, facts)
    if _is_cut(path, _ENDINGS.get(kind or ""), needed):
        raise ReadError(path, "is cut short; fetch it again")
    return facts


def _bmp_bytes(path: Path, facts: PictureFacts) -> int:
    """Return how many bytes a BMP's pixels take: rows of whole groups of four; 0 where they are compressed."""
    with open(path, "rb") as stream:
        head = stream.read(34)
    size = int.from_bytes(head[14:18], "little")
    bits = int.from_bytes(head[24:26] if size == 12 else head[28:30], "little")
    compressed = size > 12 and int.from_bytes(head[30:34], "little") in (1, 2, 4, 5)
    return 0 if compressed else facts.rows * ((facts.cols * bits + 31) // 32 * 4)


def _is_binary(path: Path) -> bool:
    """Say if a PGM or PPM file has its pixels as bytes, not as text or bits."""
    with open(path, "rb") as stream:
        return stream.read(2) in (b"P5", b"P6")


def _is_cut(path: Path, ending: bytes | None, needed: int) -> bool:
    """Say if a file has fewer bytes than needed, or its last ones lack the mark that ends its format."""
    size = path.stat().st_size
    if size < needed:
        return True
    if ending is None:
        return False
    with open(path, "rb") as stream:
        stream.seek(max(0, size - _TAIL_BYTES))
        return ending not in stream.read()


def inside(path: Path, root: Path) -> str:
    """Return a file's path relative to the set's folder, with ``/``; ReadError where it, or what it links to, lies outside.

    Paths come from others' tables: one with ``..`` or a link would make a later step read, and show, what is not of the set.
    """
    real = os.path.realpath(path)
    if not real.startswith(os.path.join(os.path.realpath(root), "")):
        raise ReadError(path, "lies outside the set's folder, where its table or a link leads; it is not read")
    return os.path.relpath(path, root).replace(os.sep, "/")


def put_picture(row: ImageRow, path: Path | None, root: Path) -> str | None:
    """Enter a picture's path, size and depth into its row; a missing or broken one leaves the row with ``present`` 0.

    Returns
    -------
    str or None
        What is wrong with a file that is there but cannot be used.
    """
    row.present = 0
    if path is None:
        return None
    try:
        row.path = inside(path, root)
        facts = picture_facts(path)
    except ReadError as error:
        return str(error)
    row.rows, row.cols, row.bit_depth, row.present = facts.rows, facts.cols, facts.bit_depth, 1
    return None


def find_tree(folder: str | Path, is_tree: Callable[[Path], bool], needed: str) -> Path:
    """Find a set's own folder: the one given, else within two levels below it, else the one above it.

    Parameters
    ----------
    folder : str or Path
        What the user named.
    is_tree : callable
        Says if a folder is the set's own.
    needed : str
        What the set's own folder holds, for the message.

    Raises
    ------
    InputError
        If `folder` is no folder, nothing fits, or several folders fit.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"'{folder}' is no folder; name the folder that holds {needed}")
    children = _folders(folder)
    levels = [[folder], children, [grandchild for child in children for grandchild in _folders(child)], [folder.resolve().parent]]
    for level in levels:
        found = [place for place in level if _fits(place, is_tree)]
        if len(found) > 1:
            raise InputError(f"'{folder}' holds several copies ('{found[0].name}', '{found[1].name}'); name one of them")
        if found:
            return found[0]
    raise InputError(f"'{folder}' does not hold {needed}; name the folder that does")


def _fits(place: Path, is_tree: Callable[[Path], bool]) -> bool:
    """Say if a folder is the set's own; one that may not be entered is none."""
    try:
        return is_tree(place)
    except OSError:
        return False


def holds(place: Path, name: str, pattern: re.Pattern[str]) -> bool:
    """Say if the folder `name` in a place is there and holds a file whose whole name fits a pattern."""
    return (place / name).is_dir() and any(pattern.fullmatch(path.name) for path in (place / name).iterdir())


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted; none where it may not be listed."""
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir())
    except OSError:
        return []


def told(what: str, items: Sequence[str], shown: int = 4) -> list[str]:
    """Return one sentence for collection.json that counts items and names the first ones; none where there are none.

    An item is a name, or ``name: reason``; both are cut where they are long, since cells of others' tables may be enormous.

    Examples
    --------
    >>> told("images that cannot be read", ["b.png", "a.png"]), told("images that cannot be read", [])
    (['images that cannot be read: 2 (b.png, a.png)'], [])
    """
    if not items:
        return []
    named = [_cut(name, 60) + colon + _cut(why, 120) for name, colon, why in (item.partition(": ") for item in items[:shown])]
    return [f"{what}: {len(items):,} ({', '.join(named)}{', ...' if len(items) > shown else ''})"]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def counts(images: Sequence[ImageRow], findings: Sequence[FindingRow]) -> dict[str, int]:
    """Count what every set counts: images listed, read and missing, findings, patients, and the labels of the images read."""
    read = [row for row in images if row.present]
    ids = {row.image_id for row in read}
    result = {
        "listed": len(images),
        "read": len(read),
        "missing": len(images) - len(read),
        "findings": len(findings),
        "findings_read": sum(row.image_id in ids for row in findings),
        "findings_with_place": sum(row.geometry != "none" for row in findings),
        "patients": _patients(images),
        "patients_read": _patients(read),
    }
    for label in ("normal", "benign", "malignant", "unknown"):
        result[f"read_{label}"] = sum(row.label == label for row in read)
    return result


def _patients(images: Iterable[ImageRow]) -> int:
    return len({row.patient_id for row in images} - {None})

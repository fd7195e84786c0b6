"""mini-MIAS: film mammograms, MLO only, pairs of one woman, circles in Info.txt. Quirks: docs/data.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, FindingRow, ImageRow, worst_label
from breastcad.read.reading import Reading
from breastcad.read.tables import label_of
from breastcad.read.trees import Progress, find_tree, told

NAME = "mini-mias"
NEEDED = "mini-MIAS (its Info.txt, and mdb001.pgm, mdb002.pgm, ...)"
SIDE_PX = 1024
SPACING_MM = 0.2
_TABLE_BYTES = 1_000_000  # a text larger than this is no table of 322 films
_LINE = re.compile(r"^mdb\d{3}\s")
_LABELS = {"norm": "normal", "b": "benign", "m": "malignant"}
_KINDS = {"CALC": "calcification", "CIRC": "mass", "SPIC": "mass", "MISC": "mass", "ARCH": "distortion", "ASYM": "asymmetry"}
_MARGINS = {"CIRC": "CIRCUMSCRIBED", "SPIC": "SPICULATED", "MISC": "ILL_DEFINED"}
_FACTS = {
    "set": NAME,
    "title": "mini-MIAS",
    "licence": "research only; may not be rented, leased or sold (Licence.txt of the set)",
    "cite": "J. Suckling et al., The Mammographic Image Analysis Society Digital Mammogram Database, "
    "Excerpta Medica International Congress Series 1069, 1994, 375-378",
}


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the table: ``circle`` is (x, y, radius) as the set has it, y from the bottom."""

    image_id: str
    tissue: str
    word: str
    severity: str | None
    circle: tuple[float, float, float] | None
    note: str | None
    where: str = field(compare=False)


def find(folder: str | Path) -> Path:
    """Return the folder that holds the table; InputError if there is none."""
    return find_tree(folder, lambda place: bool(_tables(place)), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read mini-MIAS: an image a film that the table lists, a finding a line that is not NORM.

    Parameters
    ----------
    folder : str or Path
        The set's folder, or the one above or below it.
    tables : str or Path, optional
        Folder of Info.txt where it does not lie with the films.
    words : mapping, optional
        Further label words (for the table's NORM, B, M).
    progress : callable, optional
        Called with (films done, films).

    Returns
    -------
    Collection
        Circles keep the box that they fill, also where it reaches over the film's border.

    Raises
    ------
    InputError
        If there is no table.
    ReadError
        If a line of the table cannot be understood.
    """
    place = find(folder if tables is None else tables)
    root = place if tables is None else find_tree(folder, lambda spot: bool(_films(spot)), "films mdb001.pgm, mdb002.pgm, ...")
    reading = Reading(_FACTS, root, progress)
    lines = list(reading.once(_lines(_tables(place)[0]), _name, lambda line: _label(line, words)).values())
    films = _films(root)
    by_image: dict[str, list[_Line]] = {}
    for line in lines:
        by_image.setdefault(line.image_id, []).append(line)
    unlisted = sorted(set(films) - set(by_image))
    for image_id in reading.each([*by_image, *unlisted]):
        row = _image(image_id, by_image.get(image_id, []), words)
        reading.add(row, films.get(image_id), "films that are there but cannot be read")
    reading.findings = [finding for group in by_image.values() for finding in _findings(group, words)]
    reading.fault("films that the table does not list, label unknown", *unlisted)
    return _finish(reading, lines)


def _tables(folder: Path) -> list[Path]:
    """Return the files that have the set's lines, Info.txt first, then README, then other texts."""
    texts = [path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in ("", ".txt", ".csv")]
    texts.sort(key=lambda path: (path.name.lower() != "info.txt", path.name.lower() != "readme", path.name))
    return [path for path in texts if path.stat().st_size < _TABLE_BYTES and _numbered(path)]


def _numbered(table: Path) -> list[tuple[int, str]]:
    """Return the lines of a text that begin with a film's name, and their numbers; prose, headers and empty lines are left out."""
    lines = enumerate(table.read_text("latin-1").splitlines(), start=1)
    return [(number, text) for number, text in lines if _LINE.match(text)]


def _name(line: _Line) -> str:
    """Name what a line lists: a film, and where it is abnormal the place in it."""
    return " ".join([line.image_id, line.word, *(f"{number:g}" for number in line.circle or ())])


def _lines(table: Path) -> list[_Line]:
    return [_parse(table, number, text.split()) for number, text in _numbered(table)]


def _parse(table: Path, number: int, cells: list[str]) -> _Line:
    """Understand one line: ref, tissue, class, and where not NORM severity and then a circle, nothing, or a note."""
    where = f"{table.name}, line {number}"
    if len(cells) < 3 or cells[1] not in ("F", "G", "D") or cells[2] not in (*_KINDS, "NORM"):
        raise ReadError(table, f"line {number}: must be 'ref F|G|D class ...', got '{' '.join(cells)}'")
    if cells[2] == "NORM":
        return _Line(cells[0], cells[1], cells[2], None, None, " ".join(cells[3:]) or None, where)
    if len(cells) < 4:
        raise ReadError(table, f"line {number}: '{cells[2]}' needs a severity (B or M), got '{' '.join(cells)}'")
    rest = cells[4:]
    circle = None
    if len(rest) == 3 and all(re.fullmatch(r"\d{1,9}(\.\d{1,9})?", cell) for cell in rest):
        circle = (float(rest[0]), float(rest[1]), float(rest[2]))
    note = " ".join(rest) if rest and circle is None else None
    return _Line(cells[0], cells[1], cells[2], cells[3], circle, note, where)


def _films(root: Path) -> dict[str, Path]:
    """Map film to file, in the folder or those directly in it; the original .pgm goes before a .png."""
    places = [root, *sorted(path for path in root.iterdir() if path.is_dir())]
    found: dict[str, Path] = {}
    for suffix in (".pgm", ".png"):
        for place in places:
            for path in sorted(place.glob(f"mdb*{suffix}")):
                if re.fullmatch(r"mdb\d{3}", path.stem):
                    found.setdefault(path.stem, path)
    return found


def _label(line: _Line, words: Mapping[str, str] | None) -> str:
    return label_of(line.severity or line.word, _LABELS, words, line.where)


def _image(image_id: str, lines: list[_Line], words: Mapping[str, str] | None) -> ImageRow:
    number = int(image_id[3:])
    patient = f"p{(number + 1) // 2:03d}"
    return ImageRow(
        set=NAME,
        image_id=image_id,
        patient_id=patient,
        exam_id=patient,
        modality="MG",
        image_type="film",
        laterality="L" if number % 2 == 0 else "R",
        view="MLO",
        aspect="kept",
        spacing_row_mm=SPACING_MM,
        spacing_col_mm=SPACING_MM,
        label=worst_label([_label(line, words) for line in lines]),
        extra={"tissue": lines[0].tissue} if lines else {},
    )


def _findings(lines: list[_Line], words: Mapping[str, str] | None) -> list[FindingRow]:
    abnormal = [line for line in lines if line.word != "NORM"]
    return [_finding(f"{line.image_id}-{number}", line, words) for number, line in enumerate(abnormal, start=1)]


def _finding(finding_id: str, line: _Line, words: Mapping[str, str] | None) -> FindingRow:
    row = FindingRow(
        set=NAME,
        finding_id=finding_id,
        image_id=line.image_id,
        lesion_id=finding_id,
        kind=_KINDS[line.word],
        pathology=_label(line, words),
        margin=_MARGINS.get(line.word),
        extra={"class": line.word, "severity": line.severity or "", "note": line.note or ""},
    )
    if line.circle is not None:
        x, y, radius = line.circle
        centre = SIDE_PX - y  # the set counts y from the bottom; whether of the pixel's edge or centre its note leaves open
        row.geometry = "circle"
        row.row0, row.col0, row.row1, row.col1 = centre - radius, x - radius, centre + radius, x + radius
        row.points = f"{centre:g},{x:g}"
    return row


def _finish(reading: Reading, lines: list[_Line]) -> Collection:
    present = {row.image_id: row for row in reading.images if row.present}
    words: dict[str, set[str]] = {}
    for line in lines:
        words.setdefault(line.image_id, set()).add(line.word)
    read_lines = [line for line in lines if line.image_id in present]
    placeless = [_said(row) for row in reading.findings if row.geometry == "none"]
    over = [row.finding_id for row in reading.findings if row.row0 is not None and _reaches_over(row)]
    odd = [image_id for image_id, row in present.items() if (row.rows, row.cols) != (SIDE_PX, SIDE_PX)]
    both = [image_id for image_id, own in words.items() if "NORM" in own and len(own) > 1]
    reading.fault("films that one line calls NORM and another abnormal, which counts", *both)
    reading.fault("films of another size than 1024 x 1024, whose circles may be off", *odd)
    extra = {
        "table_rows": len(lines),
        "table_rows_read": len(read_lines),
        "table_rows_read_normal": sum(line.word == "NORM" for line in read_lines),
    }
    problems = told("findings without coordinates, kept without a place", placeless)
    problems += told("circles that reach over the film's border; their boxes are not clipped", over)
    return reading.finish(problems, extra)


def _said(row: FindingRow) -> str:
    return f"{row.image_id} '{row.extra['note']}'" if row.extra["note"] else row.image_id


def _reaches_over(row: FindingRow) -> bool:
    box = (row.row0 or 0, row.col0 or 0, row.row1 or 0, row.col1 or 0)
    return min(box[:2]) < 0 or max(box[2:]) > SIDE_PX

"""DDSM, the original: a folder a case with its .ics, outlines as chain codes in .OVERLAY, films as .LJPEG. Quirks: docs/data.md.

The films' lossless JPEG is of a kind of its own that no decoder here reads: they are listed, and read where somebody put a PNG or
TIFF of the same name beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, FindingRow, ImageRow, worst_label
from breastcad.read.reading import Reading, put_points
from breastcad.read.tables import label_of, number_of, word_of
from breastcad.read.trees import Progress, find_tree

NAME = "ddsm"
NEEDED = "DDSM (case folders such as case4000, with files such as D-4000-1.ics)"
_ICS = re.compile(r"([A-D])-(\d{4})-1\.ics")
_VIEW = re.compile(
    r"(?P<side>LEFT|RIGHT)_(?P<view>CC|MLO) LINES (?P<rows>\d+) PIXELS_PER_LINE (?P<cols>\d+) BITS_PER_PIXEL (?P<bits>\d+) "
    r"RESOLUTION (?P<micron>[\d.]+) (?P<overlay>OVERLAY|NON_OVERLAY)"
)
_LABELS = {"benign": "benign", "benign_without_callback": "benign", "malignant": "malignant", "unproven": "unknown"}
_DENSITIES = {"1": "A", "2": "B", "3": "C", "4": "D"}
_TAIL_BYTES = 1024  # within which a JPEG's end mark must stand
# Chain codes: (down, right) of each direction, clockwise from up.
_STEPS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
_FACTS = {
    "set": NAME,
    "title": "DDSM",
    "licence": "free for research with citation",
    "cite": "M. Heath, K. Bowyer, D. Kopans, R. Moore, W. P. Kegelmeyer, The Digital Database for Screening Mammography, "
    "Proc. 5th International Workshop on Digital Mammography, 2001, 212-218",
}


@dataclass(slots=True)
class Abnormality:
    """One abnormality of an .OVERLAY file; words as the file has them. ``outlines`` are (row, col) corners each, BOUNDARY first."""

    types: list[str] = field(default_factory=list)
    assessment: str = ""
    subtlety: str = ""
    pathology: str = ""
    outlines: list[list[tuple[int, int]]] = field(default_factory=list)


def find(folder: str | Path) -> Path:
    """Return the folder whose case folders are read; InputError if no .ics is there."""
    return find_tree(folder, lambda place: bool(_cases(place)), NEEDED)


def _cases(place: Path) -> list[Path]:
    """Return the .ics files of a case folder, of a folder of cases, or of volumes of them."""
    return [path for path in _in_tree(place, "*.ics") if _ICS.fullmatch(path.name)]


def _in_tree(place: Path, pattern: str) -> list[Path]:
    return sorted(path for level in ("", "*/", "*/*/", "*/*/*/") for path in place.glob(level + pattern))


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read DDSM: an image a view that an .ics lists, a finding an abnormality of its .OVERLAY.

    Parameters
    ----------
    folder : str or Path
        A case's folder, or one above it.
    tables : str or Path, optional
        Not used: the set has no tables.
    words : mapping, optional
        Further label words (for PATHOLOGY).
    progress : callable, optional
        Called with (cases done, cases).

    Returns
    -------
    Collection
        A view's label is that of its own abnormalities: a view without any is normal, whatever the volume is called. Spacing is the
        scanner's; ``x_digitizer`` and the letter of the case say how grey levels become optical density.

    Raises
    ------
    InputError
        If there is no case, or a pathology is unknown.
    """
    root = find(folder)
    reading = Reading(_FACTS, root, progress)
    cases: dict[str, Path] = {}
    for path in _cases(root):
        if cases.setdefault(path.name, path) != path:
            reading.fault("cases that lie in several folders, of which the first is read", path.name)
    for path in reading.each(cases.values()):
        try:
            _read_case(path, words, reading)
        except ReadError as error:
            reading.fault("cases that cannot be read, left out", str(error))
    reading.fault("files that are gzipped, not read; unpack them and import again", *(path.name for path in _in_tree(root, "*.gz")))
    problems = ["a view's label is its own outlines'; the volume's name (x_volume) is the case's, not the view's"]
    return reading.finish(problems, {"published": 10480, "cases": len({row.patient_id for row in reading.images})})


def _read_case(path: Path, words: Mapping[str, str] | None, reading: Reading) -> None:
    match = _ICS.fullmatch(path.name)
    lines = [" ".join(line.split()) for line in _text(path).splitlines()]
    said = {line.partition(" ")[0]: line.partition(" ")[2] for line in lines if line}
    listed = [found.groupdict() for line in lines if (found := _VIEW.fullmatch(line))]
    if match is None or not listed:
        raise ReadError(path, "lists no view (lines such as 'LEFT_CC LINES 4544 PIXELS_PER_LINE 3120 ...')")
    case = f"{match[1]}_{match[2]}"
    # Of a view that is listed twice the line with outlines says the worse.
    once = reading.once(listed, lambda view: _stem(case, view), lambda view: "benign" if view["overlay"] == "OVERLAY" else "normal")
    for view in once.values():
        _read_view(path.parent, case, said, view, words, reading)


def _stem(case: str, view: Mapping[str, str]) -> str:
    return f"{case}_1.{view['side']}_{view['view']}"


def _read_view(
    folder: Path, case: str, said: Mapping[str, str], view: Mapping[str, str], words: Mapping[str, str] | None, reading: Reading
) -> None:
    stem = _stem(case, view)
    micron = number_of(view["micron"])
    row = ImageRow(
        set=NAME,
        image_id=stem,
        patient_id=case,
        exam_id=case,
        date=_date(said.get("DATE_OF_STUDY", "")),
        age=number_of(said.get("PATIENT_AGE", "")),
        modality="MG",
        image_type="film",
        laterality=view["side"][0],
        view=view["view"],
        rows=int(view["rows"]),
        cols=int(view["cols"]),
        aspect="kept",
        bit_depth=int(view["bits"]),
        spacing_row_mm=micron / 1000 if micron else None,
        spacing_col_mm=micron / 1000 if micron else None,
        density=_DENSITIES.get(said.get("DENSITY", "")),
        extra={"digitizer": said.get("DIGITIZER", ""), "site": case[0], "volume": folder.parent.name},
    )
    _put_film(row, folder, stem, reading)
    rows: list[FindingRow] = []
    overlay = folder / f"{stem}.OVERLAY"
    try:
        if overlay.is_file():
            rows = [_finding(row, number, one, words, reading) for number, one in enumerate(read_overlay(overlay), start=1)]
        elif view["overlay"] == "OVERLAY":
            reading.fault("views whose outline file is missing, label unknown", stem)
            return
    except ReadError as error:
        reading.fault("outline files that cannot be read", str(error))
        return
    row.label = worst_label([finding.pathology for finding in rows]) if rows else "normal"
    row.birads = max((finding.birads for finding in rows if finding.birads), default=None)
    reading.findings += rows


def _put_film(row: ImageRow, folder: Path, stem: str, reading: Reading) -> None:
    """Enter a film that can be read; one that is there as .LJPEG only is told."""
    size = row.rows, row.cols, row.bit_depth
    path = next((path for suffix in ("png", "tif", "tiff") if (path := folder / f"{stem}.{suffix}").is_file()), None)
    reading.add(row, path, "films that are there but cannot be read")
    if row.present and (row.rows, row.cols) != size[:2]:
        reading.fault("films of another size than the .ics says: their outlines may not fit", stem)
    if not row.present:
        row.rows, row.cols, row.bit_depth = size
        _tell_ljpeg(folder / f"{stem}.LJPEG", reading)


def _tell_ljpeg(path: Path, reading: Reading) -> None:
    """Tell a film that is there as .LJPEG only; one without a JPEG's end mark cannot even be converted."""
    if not path.is_file():
        return
    with open(path, "rb") as stream:
        stream.seek(max(0, stream.seek(0, 2) - _TAIL_BYTES))
        whole = b"\xff\xd9" in stream.read()
    said = (
        "films in DDSM's own lossless JPEG; convert them to 16-bit PNG beside it (docs/data.md)"
        if whole
        else "films in DDSM's own lossless JPEG that are cut short; fetch them again"
    )
    reading.fault(said, path.stem)


def _text(path: Path) -> str:
    try:
        return path.read_bytes()[:4_000_000].decode("ascii", "replace")
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error


def _date(cell: str) -> str | None:
    """Turn ``21 6 1995`` into ``1995-06-21``."""
    match = re.fullmatch(r"(\d{1,2}) (\d{1,2}) (\d{4})", cell)
    return f"{match[3]}-{int(match[2]):02d}-{int(match[1]):02d}" if match else None


# ---- outlines ----


def read_overlay(path: str | Path) -> list[Abnormality]:
    """Read an .OVERLAY file.

    Returns
    -------
    list of Abnormality

    Raises
    ------
    ReadError
        If it cannot be opened, holds no abnormality, or a chain code is none.
    """
    path = Path(path)
    found: list[Abnormality] = []
    lines: Iterator[str] = iter(_text(path).splitlines())
    for line in lines:
        word, _, rest = " ".join(line.split()).partition(" ")
        if word == "ABNORMALITY":
            found.append(Abnormality())
        elif not found:
            continue
        elif word == "LESION_TYPE":
            found[-1].types.append(rest)
        elif word in ("ASSESSMENT", "SUBTLETY", "PATHOLOGY"):
            setattr(found[-1], word.lower(), rest)
        elif word in ("BOUNDARY", "CORE"):
            found[-1].outlines.append(corners(path, next(lines, "")))
    if not found:
        raise ReadError(path, "holds no abnormality; is it an .OVERLAY of DDSM?")
    return found


def corners(path: Path, line: str) -> list[tuple[int, int]]:
    """Turn a chain code (``column row code code ... #``) into its corners, (row, col): where the direction changes.

    Examples
    --------
    >>> corners(Path("a.OVERLAY"), "10 5 2 2 2 4 4 6 6 6 0 0 #")
    [(5, 10), (5, 13), (7, 13), (7, 10)]
    """
    cells = line.replace("#", " ").split()
    if len(cells) < 3 or not all(cell.isdigit() and len(cell) < 9 for cell in cells) or any(cell not in "01234567" for cell in cells[2:]):
        raise ReadError(path, f"holds no chain code where one must be: '{line[:30]}'")
    col, row = int(cells[0]), int(cells[1])
    points = [(row, col)]
    before = ""
    for code in cells[2:]:
        if code != before and before:
            points.append((row, col))
        down, right = _STEPS[int(code)]
        row, col, before = row + down, col + right, code
    if (row, col) != points[0]:
        points.append((row, col))
    return points


def _finding(image: ImageRow, number: int, one: Abnormality, words: Mapping[str, str] | None, reading: Reading) -> FindingRow:
    """Make a finding of an abnormality; its place is its boundary, cut to the film."""
    kinds = [text.split(" ", 1)[0] for text in one.types]
    said = {key: value for text in one.types for key, value in re.findall(r"(SHAPE|MARGINS|DISTRIBUTION|TYPE) (\S+)", text)}
    row = FindingRow(
        set=NAME,
        finding_id=f"{image.image_id}-{number}",
        image_id=image.image_id,
        kind={"MASS": "mass", "CALCIFICATION": "calcification"}.get(kinds[0] if kinds else "", "other"),
        pathology=label_of(one.pathology, _LABELS, words, image.image_id) if one.pathology else "unknown",
        birads=word_of(one.assessment),
        subtlety=word_of(one.subtlety),
        shape=said.get("SHAPE"),
        margin=said.get("MARGINS"),
        morphology=said.get("TYPE"),
        distribution=said.get("DISTRIBUTION"),
        extra={"pathology": one.pathology, "types": "; ".join(one.types), "outlines": str(len(one.outlines))},
    )
    if not one.outlines:
        return row
    inner = [(min(max(r, 0), image.rows or r), min(max(c, 0), image.cols or c)) for r, c in one.outlines[0]]
    if inner != one.outlines[0]:
        reading.fault("outlines that left their film, cut to it", row.finding_id)
    put_points(row, "polygon", inner)
    return row

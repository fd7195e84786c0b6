"""A set of the user's own in tables: a row an image, findings beside it or in the same rows. What the columns mean: docs/data.md."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection, FindingRow, ImageRow, worst_label
from breastcad.core.tables import LONGEST_CELL
from breastcad.read.maps import NO_FINDING, SetMap, as_map
from breastcad.read.masks import put_mask
from breastcad.read.own_boxes import with_box
from breastcad.read.own_rows import (
    FINDING_NAMES,
    IMAGE_NAMES,
    PLACES,
    Own,
    cell_of,
    check_words,
    clipped,
    columns_of,
    find_file,
    image_row,
    others,
    own_facts,
    put_file,
    stem_of,
)
from breastcad.read.tables import number_of, separator, table_rows
from breastcad.read.trees import Progress

NAME = "csv"
NEEDED = "a table of images (images.csv, or one table alone) with a column that names the files"
_TABLES = (".csv", ".tsv", ".xlsx", ".xls")
_IMAGES, _FINDINGS = "images", "findings"
_POINTS = re.compile(r"-?\d+(?:\.\d+)?,-?\d+(?:\.\d+)?(?: -?\d+(?:\.\d+)?,-?\d+(?:\.\d+)?)*", re.ASCII)
Cells = dict[str, str]


def find(folder: str | Path) -> Path:
    """Return the table of images: the file itself, or the one in a folder; InputError if there is none that names files."""
    table = find_table(Path(folder))
    header = list(table_of(table)[0])
    if not {"path", "image_id"} & columns_of(header, IMAGE_NAMES, {}, table.name).keys():
        raise InputError(f"'{folder}' does not hold {NEEDED}; name the folder that does, or the column in a file for --map")
    return table


def find_table(place: Path) -> Path:
    """Return a table itself, or the one of images in a folder; InputError if there is none, or several."""
    if place.is_file():
        return place
    try:
        found = sorted(path for path in place.iterdir() if path.suffix.lower() in _TABLES and path.is_file())
    except OSError:
        found = []
    named = [path for path in found if path.stem.lower() == _IMAGES]
    others_ = [path for path in found if path.stem.lower() != _FINDINGS]
    if not found:
        raise InputError(f"'{place}' does not hold {NEEDED}; name the folder that does, or the table itself")
    if len(named or others_) != 1:
        raise InputError(
            f"'{place}' holds several tables ({', '.join(path.name for path in (named or found)[:6])}); name the one of images"
        )
    return (named or others_)[0]


def table_of(table: Path) -> list[Cells]:
    """Return a table's rows, whatever parts its cells; ReadError if it cannot be read or has none."""
    rows = table_rows(table, delimiter=_delimiter(table))
    if not rows:
        raise ReadError(table, "has no rows")
    return rows


def _delimiter(table: Path) -> str:
    """Return what parts the cells of a CSV file: what its first line says for Excel, else the sign that its header has most of."""
    if table.suffix.lower() in (".xlsx", ".xls"):
        return ","
    try:
        with open(table, encoding="utf-8-sig", errors="replace") as stream:
            header = stream.readline(100_000)
    except OSError as error:
        raise ReadError(table, f"cannot be opened ({error.strerror})") from error
    return separator(header) or max(",;\t|", key=re.sub(r'"[^"]*"', "", header).count)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read a set of the user's own in tables: an image a row, a finding a row of findings.csv or of the same table.

    Parameters
    ----------
    folder : str or Path
        The table of images, or the folder that holds it: `images.csv`, or a table alone (CSV of any delimiter, .xlsx, .xls).
        Paths are relative to the folder.
    tables : str or Path, optional
        The table, or its folder, where it lies elsewhere than the images.
    words : mapping, optional
        A map (`maps.read_map`): columns, label words, kinds; or label words alone.
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        A column without a known name is kept under ``x_``. Without a column for labels an image's label is the worst of its
        findings, else ``unknown``; BI-RADS makes a label only where the map says so. Where the table itself has a mask, a box or
        points, further rows of one image are further findings of it; else the first row of an image counts,
        with the worst label of its rows.

    Raises
    ------
    InputError
        If there is no table, none of its columns names the images, the map names a column that it lacks, or a label word or kind
        is unknown.
    ReadError
        If a table cannot be read.
    """
    said = as_map(words)
    table = find_table(Path(folder if tables is None else tables))
    root = Path(folder) if Path(folder).is_dir() else Path(folder).parent
    own = Own(said.about.get("set", NAME), root, said, decimal_comma=_delimiter(table) == ";")
    rows = table_of(table)
    beside = next((path for suffix in _TABLES if (path := table.with_name(_FINDINGS + suffix)).is_file() and path != table), None)
    asked = {} if beside else said.findings
    in_rows, box, why = with_box(rows, columns_of(rows[0], FINDING_NAMES, asked, table.name), asked, said.images.values())
    header = [name for name in rows[0] if name not in box or name in said.images.values()]
    columns = columns_of(header, IMAGE_NAMES, said.images, table.name)
    if not {"path", "image_id"} & columns.keys():
        raise InputError(f"{table.name}: no column names the images; call it 'path' or 'image_id', or name it in a file for --map")
    check_words(rows, columns.get("label"), own.label, "labels", table.name)
    if asked and not any(name in in_rows for name in PLACES):
        none = f"the map names columns of findings, but none that says where they are ({', '.join(PLACES)})"
        raise InputError(f"{table.name}: {why or none}")
    if beside and "row0" in in_rows:
        why = f"{', '.join(name for name in rows[0] if name in box)}: not read as a box, since findings stand in {beside.name}"
    own.remarks += [f"{table.name}: {why}"] if why else []
    in_rows = {} if beside or not any(name in in_rows for name in PLACES) else in_rows
    images, findings = _images(own.hold_back(rows, {*columns.values(), *in_rows.values()}), columns, in_rows, own, progress)
    if beside:
        in_rows, findings = _beside(beside, images, own)
    _label_by_findings(images, findings, columns)
    facts = own_facts(NAME, f"the table {table.name}", list(images.values()), findings, own)
    facts["problems"] = [*_unlabelled(columns, findings, said), *facts["problems"]]
    facts["columns"] = {"images": columns} | ({"findings": in_rows} if in_rows else {})
    return Collection(str(root), list(images.values()), findings, facts=facts)


def _unlabelled(columns: Mapping[str, str], findings: Sequence[FindingRow], said: SetMap) -> list[str]:
    """Say that nothing labels the images, and what would."""
    if "label" in columns or findings or "label" in said.every or (said.birads and "birads" in columns):
        return []
    if said.birads:
        return [
            "no column holds the BI-RADS categories of which the map makes labels; call it 'birads' or name it under 'images:' in the map"
        ]
    return ["no column says what the images show: labels are unknown; name one in a file for --map"]


def _images(
    rows: Sequence[Cells], columns: Mapping[str, str], in_rows: Mapping[str, str], own: Own, progress: Progress | None
) -> tuple[dict[str, ImageRow], list[FindingRow]]:
    """Make the image rows, and the findings of the same rows where the table has such."""
    _check_kinds(rows, in_rows, own, "the table of images")
    images: dict[str, ImageRow] = {}
    findings: list[FindingRow] = []
    files_of: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for cells in rows:
        path = cell_of(cells, columns, "path")
        files_of.setdefault(stem_of(path), set()).add(path)
    known = {**columns, **{f"finding {name}": theirs for name, theirs in in_rows.items()}}
    for number, cells in enumerate(rows, start=1):
        path = cell_of(cells, columns, "path")
        name = cell_of(cells, columns, "image_id") or (stem_of(path) if files_of[stem_of(path)] == {path} else path)
        if not name:
            own.fault("rows that name no image, left out", f"row {number}")
        elif name not in images:
            images[name], first[name] = image_row(name, cells, known, own), path
            put_file(images[name], path or name, [own.root, own.root / "images"], own)
        elif path != first[name]:
            own.fault("rows whose image id stands for another file before, left out", f"row {number}: {name}")
            continue
        else:
            images[name].label = worst_label([images[name].label, own.label(cell_of(cells, columns, "label"))])
            if not in_rows:
                own.fault("rows of an image that was listed before: the worst label counts, the rest is left out", f"row {number}: {name}")
        if name and in_rows:
            findings += _finding(cells, in_rows, images[name], len(findings) + 1, own)
        if progress:
            progress(number, len(rows))
    return images, findings


def _beside(table: Path, images: dict[str, ImageRow], own: Own) -> tuple[dict[str, str], list[FindingRow]]:
    """Make the findings of a table of their own, joined by the image's id or path; with the columns that they are of."""
    rows = table_rows(table, delimiter=_delimiter(table))
    if not rows:
        return {}, []
    names = {**FINDING_NAMES, "image_id": (*(name for name in IMAGE_NAMES["image_id"] if name != "id"), *IMAGE_NAMES["path"])}
    columns, _, why = with_box(rows, columns_of(rows[0], names, own.said.findings, table.name), own.said.findings, ())
    own.remarks += [f"{table.name}: {why}"] if why else []
    if "image_id" not in columns:
        raise InputError(f"{table.name}: no column names the image of a finding; call it 'image_id', or name it in a file for --map")
    check_words(rows, columns.get("pathology"), own.label, "labels", table.name)
    _check_kinds(rows, columns, own, table.name)
    by_path = {row.path: row for row in images.values() if row.path}
    findings: list[FindingRow] = []
    for number, cells in enumerate(own.hold_back(rows, columns.values()), start=1):
        name = cells[columns["image_id"]]
        plain = name.replace("\\", "/")
        image = images.get(name) or by_path.get(plain) or by_path.get(f"images/{plain}") or images.get(stem_of(name))
        if image is None:
            own.fault("findings of images that are not listed, left out", f"{table.name}, row {number}: {name[:60]}")
        else:
            findings += _finding(cells, columns, image, len(findings) + 1, own)
    return columns, findings


def _check_kinds(rows: Sequence[Cells], columns: Mapping[str, str], own: Own, where: str) -> None:
    check_words(rows, columns.get("kind"), own.kind, "kinds", where)


def _finding(cells: Cells, columns: Mapping[str, str], image: ImageRow, number: int, own: Own) -> list[FindingRow]:
    """Make one finding; none of a row that says of nothing where or what it is, or of a kind that is no finding."""
    said = {name: cells[theirs] for name, theirs in columns.items() if cells[theirs] and name != "image_id"}
    kind = own.kind(said["kind"]) if "kind" in said else "mass"
    label = own.label(said.get("pathology", ""))
    if kind == NO_FINDING or not (set(said) & set(PLACES) or label in ("benign", "malignant") or "kind" in said):
        return []
    finding_id = own.finding_id(said.get("finding_id"), f"{image.image_id}-{number}")
    row = FindingRow(own.set_name, finding_id, image.image_id, kind=kind)
    row.pathology = label if label in ("benign", "malignant") else "unknown"
    for name in ("lesion_id", "birads", "subtlety", "shape", "margin", "morphology", "distribution"):
        setattr(row, name, said.get(name))
    row.lesion_id = row.lesion_id or row.finding_id
    if columns.get("image_id"):
        row.extra = others(cells, columns)
    _place(row, image, said, own)
    return [row]


def _place(row: FindingRow, image: ImageRow, said: Mapping[str, str], own: Own) -> None:
    """Enter where a finding is: its mask, else its points, else its box."""
    if "mask_path" in said and _put_mask(row, image, said["mask_path"], own):
        return
    if "points" in said and _put_points(row, image, said, own):
        return
    ends = {name: number_of(said.get(name, "").replace(",", ".") if own.decimal_comma else said.get(name, "")) for name in FINDING_NAMES}
    row0, col0, height, width = (ends[name] for name in ("row0", "col0", "height", "width"))
    row1 = ends["row1"] if height is None or row0 is None else row0 + height
    col1 = ends["col1"] if width is None or col0 is None else col0 + width
    if row0 is None or col0 is None or row1 is None or col1 is None:
        if "row0" in said:
            own.fault("findings whose box is not four numbers, kept without a place", row.finding_id)
        return
    corners = clipped([row0, col0, row1, col1], image, row.finding_id, own)
    if corners[2] <= corners[0] or corners[3] <= corners[1] or not all(map(math.isfinite, corners)):
        own.fault("findings whose box is empty, kept without a place", row.finding_id)
        return
    row.row0, row.col0, row.row1, row.col1 = corners
    row.geometry = said["geometry"].lower() if said.get("geometry", "").lower() in ("circle", "ellipse") else "box"


def _put_mask(row: FindingRow, image: ImageRow, cell: str, own: Own) -> bool:
    try:
        path = find_file(cell, [own.root, own.root / "masks"], own.root)
    except ReadError as error:
        own.fault("masks that cannot be read", str(error))
        return False
    if path is None:
        own.fault("masks that are listed but missing", f"{row.finding_id}: {cell[:60]}")
        return False
    return put_mask(row, image, path, own.root, own.faults)


def _put_points(row: FindingRow, image: ImageRow, said: Mapping[str, str], own: Own) -> bool:
    """Enter points ``row,col row,col ...``; three and more are a polygon unless the table's geometry says otherwise."""
    text = " ".join(said["points"].split())
    if not _POINTS.fullmatch(text) or len(text) > LONGEST_CELL:
        own.fault("points that are not 'row,col row,col ...', not used", row.finding_id)
        return False
    points = [(float(down), float(across)) for down, across in (point.split(",") for point in text.split())]
    rows, cols = [point[0] for point in points], [point[1] for point in points]
    asked = said.get("geometry", "").lower()
    geometry = asked if asked in ("polyline", "point") else "polygon" if len(points) > 2 else "point"
    box = clipped([min(rows), min(cols), max(rows), max(cols)], image, row.finding_id, own)
    height, width = box[2] - box[0], box[3] - box[1]
    if not all(map(math.isfinite, rows + cols)) or min(height, width) < 0 or (geometry == "polygon" and min(height, width) == 0):
        own.fault("points that lie outside their image, or enclose nothing, not used", row.finding_id)
        return False
    within = [(min(max(down, box[0]), box[2]), min(max(across, box[1]), box[3])) for down, across in points]
    row.geometry = geometry
    row.points = text if within == points else " ".join(f"{down:g},{across:g}" for down, across in within)
    row.row0, row.col0, row.row1, row.col1 = box
    return True


def _label_by_findings(images: Mapping[str, ImageRow], findings: Sequence[FindingRow], columns: Mapping[str, str]) -> None:
    """Label images by their findings where the table has no column for labels."""
    if "label" in columns:
        return
    by_image: dict[str, list[str]] = {}
    for row in findings:
        by_image.setdefault(row.image_id, []).append(row.pathology)
    for name, found in by_image.items():
        if images[name].label == "unknown":
            images[name].label = worst_label(found)

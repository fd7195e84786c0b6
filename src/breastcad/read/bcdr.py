"""BCDR: film and digital mammograms of Porto as TIFF, outlines and labels in tables, in subsets that overlap. Quirks: docs/data.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from breastcad.core.records import Collection, FindingRow, ImageRow, worst_label
from breastcad.read.reading import Reading, put_points
from breastcad.read.tables import label_of, number_of, table_rows
from breastcad.read.trees import Progress, find_tree, told

NAME = "bcdr"
NEEDED = "BCDR (folders such as BCDR-D01_dataset with bcdr_d01_outlines.csv or bcdr_d01_img.csv)"
NO_OUTLINE = "no outline"
"""The word for --map that says what an image without an outline is, outside the subsets of normals."""
_TABLE = re.compile(r"bcdr_(?P<subset>[a-z]+\d+)_(?P<kind>outlines|img)\.csv", re.IGNORECASE)
_IMAGE = re.compile(r"img_\d+_\d+(?:_\d+)?_(?P<side>[LR])(?P<view>CC|O)", re.IGNORECASE)
_NEEDED = ("patient_id", "study_id", "image_filename")
_POINTS = ("lw_x_points", "lw_y_points")
_VIEWS = {"CC": "CC", "O": "MLO"}
_CODES = {"1": ("R", "CC"), "2": ("L", "CC"), "3": ("R", "MLO"), "4": ("L", "MLO")}
_DENSITIES = {"1": "A", "2": "B", "3": "C", "4": "D"}
_LABELS = {"benign": "benign", "malign": "malignant", "malignant": "malignant"}
# Flags of an outline, in the order in which they decide its kind.
_KINDS = {
    "nodule": "mass",
    "calcification": "calcification",
    "microcalcification": "calcification",
    "architectural_distortion": "distortion",
    "stroma_distortion": "distortion",
    "axillary_adenopathy": "other",
}
_FACTS = {
    "set": NAME,
    "title": "BCDR",
    "licence": "by registration; research only, not to be passed on",
    "cite": "M. A. Guevara Lopez et al., BCDR: a breast cancer digital repository, 15th International Conference on Experimental "
    "Mechanics, Porto, 2012",
}


def find(folder: str | Path) -> Path:
    """Return the folder that holds subsets, or one of them; InputError if there is none."""
    above = Path(folder).resolve().parent  # whose other folders are not what was named
    return find_tree(
        folder, lambda place: any(_TABLE.fullmatch(p.name) for p in place.iterdir()) if place == above else bool(_tables(place)), NEEDED
    )


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read BCDR: an image a file that a table of any subset lists, a finding an outline; subsets are read as one set.

    Parameters
    ----------
    folder : str or Path
        The folder of the subsets, or one subset's.
    tables : str or Path, optional
        Folder of the tables where they do not lie with the images.
    words : mapping, optional
        Further label words (for the column classification), and what an image without an outline is (``no outline,normal``).
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        An image's label is the worst of its outlines. Without an outline it is normal in a subset of normals (DN01), else ``unknown``:
        the subsets of lesions do not say that nothing else is there. ``lesion_id`` joins the outlines of a woman's lesion.

    Raises
    ------
    InputError
        If there are no tables, or a classification is unknown.
    ReadError
        If a table lacks a column.
    """
    place = find(folder if tables is None else tables)
    root = place if tables is None else find_tree(folder, lambda spot: bool(_bases(spot)), "folders such as patient_4/study_7")
    reading = Reading(_FACTS, root, progress)
    images, files, outlines = _listed(place, reading)
    for image in reading.each(images.values()):
        reading.add(image, next((path for path in files[image.image_id] if path.is_file()), None))
        own = [_finding(image, number, rows, words, reading) for number, rows in enumerate(outlines[image.image_id], start=1)]
        _label(image, own, words)
        reading.findings += own
    return _finish(reading)


def _listed(place: Path, reading: Reading) -> tuple[dict[str, ImageRow], dict[str, list[Path]], dict[str, list[list[dict[str, str]]]]]:
    """Read all tables; give by image id its row, where its file may lie, and its outlines, of each the rows that classify it otherwise."""
    images: dict[str, ImageRow] = {}
    files: dict[str, list[Path]] = {}
    outlines: dict[str, dict[tuple[str, ...], dict[str, dict[str, str]]]] = {}
    several: dict[str, None] = {}
    bases = _bases(reading.root)
    for path in _tables(place):
        subset, of_outlines = _named(path)
        for cells in table_rows(path, (*_NEEDED, *_POINTS, "classification") if of_outlines else _NEEDED):
            image_id = Path(cells["image_filename"]).stem
            if not image_id:
                continue
            image = images.setdefault(image_id, _image(image_id, cells))
            if image.patient_id != f"patient_{cells['patient_id']}":
                several[image_id] = None
            image.extra["subsets"] = " ".join(sorted({*image.extra.get("subsets", "").split(), subset}))
            files.setdefault(image_id, []).extend(base / cells["image_filename"] for base in (path.parent, *bases))
            own = outlines.setdefault(image_id, {})
            if of_outlines:  # of an image that two subsets share, an outline stands in both
                points = tuple(cells[name] for name in _POINTS)
                own.setdefault(points if any(points) else (cells["classification"],), {}).setdefault(cells["classification"], cells)
    reading.fault("images that tables give to several women, of whom the first counts", *several)
    return images, files, {image_id: [list(rows.values()) for rows in own.values()] for image_id, own in outlines.items()}


def _places(place: Path) -> list[Path]:
    """Return where a subset may lie: here, a folder below, or in BCDR-F03_dataset/BCDR-F03."""
    below = sorted(path for path in place.iterdir() if path.is_dir())
    return [place, *below, *(nested for path in below for nested in sorted(path.glob("BCDR-*")) if nested.is_dir())]


def _tables(place: Path) -> list[Path]:
    return [path for spot in _places(place) for path in sorted(spot.iterdir()) if _TABLE.fullmatch(path.name)]


def _bases(root: Path) -> list[Path]:
    """Return the folders that the names in tables are relative to: those that hold women's folders."""
    return [spot for spot in _places(root) if next(spot.glob("patient_*"), None)]


def _named(table: Path) -> tuple[str, bool]:
    match = _TABLE.fullmatch(table.name)
    return (match["subset"].upper(), match["kind"].lower() == "outlines") if match else ("", False)


def _image(image_id: str, cells: Mapping[str, str]) -> ImageRow:
    match = _IMAGE.fullmatch(image_id)
    side, view = (match["side"].upper(), _VIEWS[match["view"].upper()]) if match else _CODES.get(cells.get("image_view", ""), (None, None))
    return ImageRow(
        set=NAME,
        image_id=image_id,
        patient_id=f"patient_{cells['patient_id']}",
        exam_id=f"patient_{cells['patient_id']} study_{cells['study_id']}",
        age=number_of(cells.get("age", "")),
        modality="MG",
        laterality=side,
        view=view,
        aspect="kept",
        density=_DENSITIES.get(cells.get("density", "")),
    )


def _finding(image: ImageRow, number: int, rows: list[dict[str, str]], words: Mapping[str, str] | None, reading: Reading) -> FindingRow:
    """Make an outline, by the worst of its rows, a finding; one that cannot be of this image keeps no place."""
    labels = [label_of(cells["classification"], _LABELS, words, f"{image.image_id}, classification") for cells in rows]
    pathology = worst_label(labels)
    cells = rows[labels.index(pathology)]
    if len(rows) > 1:
        reading.fault("outlines that several rows classify otherwise, of which the worst counts", f"{image.image_id}-{number}")
    named = [name for name in _KINDS if number_of(cells.get(f"mammography_{name}", "")) == 1]
    row = FindingRow(
        set=NAME,
        finding_id=f"{image.image_id}-{number}",
        image_id=image.image_id,
        lesion_id=f"{image.patient_id} {cells['lesion_id']}" if cells.get("lesion_id") else None,
        kind=_KINDS[named[0]] if named else "other",
        pathology=pathology,
        extra={"classification": cells["classification"], "flags": " ".join(named)},
    )
    said = _CODES.get(cells.get("image_view", ""))
    if said and said != (image.laterality, image.view):
        reading.fault("outlines whose image_view contradicts the file's name, which counts", row.finding_id)
    across, down = ([number_of(word) for word in cells[name].split()] for name in _POINTS)
    points = [(y, x) for y, x in zip(down, across, strict=False) if y is not None and x is not None]
    if len(points) < 3 or not len(points) == len(down) == len(across):
        reading.fault("outlines that cannot be understood, not used", row.finding_id)
    elif image.present and any(not (0 <= y <= (image.rows or 0) and 0 <= x <= (image.cols or 0)) for y, x in points):
        reading.fault("outlines that leave their image, as of a film of another size, not used", row.finding_id)
    else:
        put_points(row, "polygon", points)
    return row


def _label(image: ImageRow, findings: list[FindingRow], words: Mapping[str, str] | None) -> None:
    normals = all("N" in subset for subset in image.extra["subsets"].split())
    image.label = (words or {}).get(NO_OUTLINE, "normal" if normals else "unknown")
    if findings:
        image.label = worst_label([row.pathology for row in findings])


def _finish(reading: Reading) -> Collection:
    images = reading.images
    with_outline = {row.image_id for row in reading.findings}
    subsets = {row.image_id: row.extra["subsets"].split() for row in images}
    names = sorted({name for own in subsets.values() for name in own})
    exams: dict[str, set[str]] = {}
    places: dict[str, set[str]] = {}
    for row in images:
        exams.setdefault(row.patient_id or "", set()).add(row.exam_id or "")
        places.setdefault(row.patient_id or "", set()).update(subsets[row.image_id])
    bare = [row.image_id for row in images if row.label == "unknown" and row.image_id not in with_outline]
    problems = told("images without an outline, which the subsets of lesions do not call normal: label unknown", bare)
    problems += told("images that two subsets list, read once", sorted(name for name, own in subsets.items() if len(own) > 1))
    problems += told("women who are in several subsets, one patient each", sorted(who for who, own in places.items() if len(own) > 1))
    problems += told("women of several studies", sorted(who for who, own in exams.items() if len(own) > 1))
    problems += told("images without a side and a view that are known", [row.image_id for row in images if row.view is None])
    extra = {"images_with_outlines": len(with_outline)} | {
        f"images_of_{n.lower()}": sum(n in own for own in subsets.values()) for n in names
    }
    return reading.finish(problems, extra)

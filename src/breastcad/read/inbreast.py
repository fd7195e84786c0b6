"""INbreast: full-field digital mammograms with outlines drawn by hand, labels from BI-RADS. Quirks: docs/data.md."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

from breastcad.core.errors import ReadError
from breastcad.core.geometry import Point
from breastcad.core.records import Collection, FindingRow, ImageRow, RegionRow
from breastcad.read.reading import Reading, put_points
from breastcad.read.tables import label_of, table_rows, word_of
from breastcad.read.trees import Progress, find_tree, told

NAME = "inbreast"
NEEDED = "INbreast (INbreast.csv or INbreast.xls, and the folders AllDICOMs and AllXML)"
_COLUMNS = ("Laterality", "View", "Acquisition date", "File Name", "ACR", "Bi-Rads")
_KEPT = ("Mass", "Micros", "Distortion", "Asymmetry", "Lesion Annotation Status", "Pectoral Muscle Annotation")
_FILE = re.compile(r"(?P<image>\d{8})_(?P<patient>[0-9a-f]{16})_MG_(?P<side>[LR])_(?P<view>[A-Z]+)_ANON\.dcm", re.IGNORECASE)
_POINT = re.compile(r"\(\s*({0})\s*,\s*({0})\s*\)".format(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"), re.ASCII)
_LABELS = {
    "1": "normal",
    "2": "benign",
    "3": "benign",
    **dict.fromkeys(("4a", "4b", "4c", "5", "6"), "malignant"),
}
_DENSITIES = {"1": "A", "2": "B", "3": "C", "4": "D"}
# The names of outlines, small letters, as they were typed.
_KINDS = {
    **dict.fromkeys(("mass", "spiculated region", "espiculated region"), "mass"),
    **dict.fromkeys(("calcification", "calcifications", "cluster"), "calcification"),
    "distortion": "distortion",
    **dict.fromkeys(("asymmetry", "assymetry"), "asymmetry"),
}
_FACTS = {
    "set": NAME,
    "title": "INbreast",
    "licence": "by agreement with its authors; research only, not to be passed on",
    "cite": "I. C. Moreira, I. Amaral, I. Domingues, A. Cardoso, M. J. Cardoso, J. S. Cardoso, INbreast: toward a full-field digital "
    "mammographic database, Academic Radiology 19, 2012, 236-248",
}


def find(folder: str | Path) -> Path:
    """Return the folder that holds the table or AllDICOMs; InputError if there is none."""
    return find_tree(folder, lambda place: _table(place) is not None or (place / "AllXML").is_dir(), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read INbreast: an image a row of its table, a finding an outline of its file in AllXML.

    Parameters
    ----------
    folder : str or Path
        `INbreast Release 1.0`, or the folder above or below it.
    tables : str or Path, optional
        Folder of INbreast.xls or INbreast.csv where it lies elsewhere; the .xls counts where there are both, it says more.
    words : mapping, optional
        Further meanings of BI-RADS categories (``3,unknown``).
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        **Labels are BI-RADS categories** (1 normal; 2 and 3 benign; 4a to 6 malignant), since no pathology of an image is
        published. ``patient_id`` is the sixteen letters of the file's name, so it is None for an image that is not there.

    Raises
    ------
    InputError
        If there is no table, or a category is unknown.
    ReadError
        If the table lacks a column.
    """
    root = find(folder)
    table = _table(Path(tables) if tables else root)
    if table is None:
        raise ReadError(root / "INbreast.csv", "is missing; name the folder of INbreast.csv or INbreast.xls with --tables")
    listed = table_rows(table, _COLUMNS, delimiter=";" if table.suffix.lower() == ".csv" else ",")
    listed = [cells for cells in listed if cells["File Name"]]  # the .xls ends with totals
    files = _dicoms(root)
    reading = Reading(_FACTS, root, progress)
    once = reading.once(listed, itemgetter("File Name"), lambda cells: _label(cells, words))
    for cells in reading.each(once.values()):
        image = _image(cells, files, words)
        reading.add(image, files.get(image.image_id))
        reading.findings += _findings(image, reading)
        outline = next(iter(sorted(root.glob(f"PectoralMuscle/*/{image.image_id}_muscle.xml"))), None)
        if outline is not None:
            reading.regions.append(RegionRow(NAME, image.image_id, "pectoral", outline.relative_to(root).as_posix()))
    return _finish(reading, files)


def _table(place: Path) -> Path | None:
    return next((path for name in ("INbreast.xls", "INbreast.csv") if (path := place / name).is_file()), None)


def _dicoms(root: Path) -> dict[str, Path]:
    """Map the eight digits of a name to the file; the folder also holds what is no DICOM."""
    place = root / "AllDICOMs"
    found = sorted(place.iterdir()) if place.is_dir() else []
    return {match["image"]: path for path in found if (match := _FILE.fullmatch(path.name))}


def _label(cells: dict[str, str], words: Mapping[str, str] | None) -> str:
    return label_of(cells["Bi-Rads"].lower(), _LABELS, words, f"image {cells['File Name']}, Bi-Rads")


def _image(cells: dict[str, str], files: Mapping[str, Path], words: Mapping[str, str] | None) -> ImageRow:
    image_id = cells["File Name"]
    match = _FILE.fullmatch(files[image_id].name) if image_id in files else None
    patient = match["patient"].lower() if match else None
    return ImageRow(
        set=NAME,
        image_id=image_id,
        patient_id=patient,
        exam_id=f"{patient} {cells['Acquisition date']}" if patient else None,
        date=cells["Acquisition date"] or None,
        modality="MG",
        laterality=word_of(cells["Laterality"]),
        view=word_of(cells["View"]),
        density=_DENSITIES.get(cells["ACR"]),
        birads=cells["Bi-Rads"],
        label=_label(cells, words),
        extra={name.lower().replace(" ", "_"): cells[name] for name in _KEPT if cells.get(name)},
    )


def _findings(image: ImageRow, reading: Reading) -> list[FindingRow]:
    """Make a finding an outline; an abnormal image without its file keeps one without a place."""
    path = reading.root / "AllXML" / f"{image.image_id}.xml"
    rois: list[dict[str, Any]] = []
    if path.is_file():
        try:
            rois = _rois(path)
        except ReadError as error:
            reading.fault("outline files that cannot be read", str(error))
    elif image.label in ("benign", "malignant"):
        reading.fault("images with BI-RADS 2 or more that have no outline file", image.image_id)
    rows = [_finding(image, number, roi, reading) for number, roi in enumerate(rois, start=1)]
    if not rows and image.label in ("benign", "malignant"):
        rows = [_finding(image, 1, {}, reading)]
    odd = [row.finding_id for row in rows if row.kind == "other" and row.geometry != "none"]
    reading.fault("outlines whose name is no kind of finding, kept as 'other'", *odd)
    return rows


def _rois(path: Path) -> list[dict[str, Any]]:
    """Return the outlines of one file, an Apple property list."""
    try:
        content = plistlib.loads(path.read_bytes(), fmt=plistlib.FMT_XML)
        return [dict(roi) for picture in content["Images"] for roi in picture["ROIs"]]
    except Exception as error:  # a broken list makes the parser raise anything, and each of it means the same
        raise ReadError(path, f"is no file of outlines ({type(error).__name__})") from error


def _finding(image: ImageRow, number: int, roi: Mapping[str, Any], reading: Reading) -> FindingRow:
    """Make one finding; one or two points are a calcification's place, more a closed polygon, of which each must be understood."""
    name = str(roi.get("Name", "")).strip()
    row = FindingRow(
        set=NAME,
        finding_id=f"{image.image_id}-{number}",
        image_id=image.image_id,
        kind=_KINDS.get(name.lower(), "other"),
        pathology=image.label if image.label in ("benign", "malignant") else "unknown",
        birads=image.birads,
        margin="spiculated" if "spiculated" in name.lower() else None,
        extra={"name": name} if name else {},
    )
    try:
        points = [_point(cell) for cell in roi.get("Point_px", [])]
        if points:
            put_points(row, "point" if len(points) < 3 else "polygon", points)
    except (TypeError, ValueError):
        reading.fault("outlines with points that cannot be understood, not used", row.finding_id)
    return row


def _point(cell: Any) -> Point:
    """Return (row, col) of a word such as ``(1024.5, 377)``; ValueError where it is none."""
    match = _POINT.fullmatch(str(cell).strip())
    if match is None:
        raise ValueError("no pair of numbers")
    return float(match[2]), float(match[1])


def _finish(reading: Reading, files: Mapping[str, Path]) -> Collection:
    images = reading.images
    problems = ["labels are BI-RADS categories (3 counts as benign, 4a to 6 as malignant), no pathology: say so with every figure"]
    listed = {row.image_id for row in images}
    problems += told("films that the table does not list, left out", sorted(files[name].name[:8] for name in set(files) - listed))
    problems += told("films whose density is not given", [row.image_id for row in images if row.density is None])
    problems += told("patients of more than one exam", _several_exams(images))
    kinds = {f"outlines_{kind}": sum(row.kind == kind and row.geometry != "none" for row in reading.findings) for kind in _KINDS.values()}
    return reading.finish(problems, {"published": 410, **kinds, "pectoral_outlines": len(reading.regions)})


def _several_exams(images: list[ImageRow]) -> list[str]:
    exams: dict[str, set[str]] = {}
    for row in images:
        if row.patient_id and row.exam_id:
            exams.setdefault(row.patient_id, set()).add(row.exam_id)
    return sorted(patient for patient, found in exams.items() if len(found) > 1)

"""OASBUD: raw ultrasound echoes (RF) of breast lesions, two planes a lesion, all in one MATLAB file. Quirks: docs/data.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.read.masks import put_mask
from breastcad.read.mat_files import MatField, mat_elements
from breastcad.read.reading import Reading
from breastcad.read.tables import label_of
from breastcad.read.trees import Progress, find_tree, inside, told

NAME = "oasbud"
NEEDED = "OASBUD (OASBUD.mat)"
LESIONS, MALIGNANT = 100, 52
"""Of the whole set; what its class numbers mean is checked against them."""
LINES = 510
SPACING_MM = 1540 / (2 * 40e6) * 1000, 38 / LINES
"""Of samples (1540 m/s, 40 MHz, there and back) and of scan lines (38 mm of transducer): pixels are four times as wide as they are deep."""
_FILE = "oasbud.mat"
_FIELDS = ("id", "rf1", "rf2", "roi1", "roi2", "birads", "class")
_LABELS = {"0": "benign", "1": "malignant"}
_FACTS = {
    "set": NAME,
    "title": "OASBUD",
    "licence": "open access; its terms stand at Zenodo, record 545928; cite",
    "cite": "H. Piotrzkowska-Wróblewska, K. Dobruch-Sobczak, M. Byra, A. Nowicki, Open access database of raw ultrasonic signals acquired "
    "from malignant and benign breast lesions, Medical Physics 44, 2017, 6105-6109, doi 10.1002/mp.12538",
}


def find(folder: str | Path) -> Path:
    """Return the folder that holds OASBUD.mat; InputError if there is none."""
    return find_tree(folder, lambda place: _file(place) is not None, NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read OASBUD: an image a scan, opened as a B-mode image (`rf.b_mode`); a finding its mask.

    Parameters
    ----------
    folder : str or Path
        The folder of OASBUD.mat.
    tables : str or Path, optional
        Not used: the set has no tables.
    words : mapping, optional
        What the set's classes mean (``0`` and ``1``; by default benign and malignant).
    progress : callable, optional
        Called with (lesions done, lesions).

    Returns
    -------
    Collection
        The two planes of a lesion are images of one patient, who is the lesion's ``id``; ``lesion_id`` joins them. Which of the 78
        women has several lesions, the set does not say.

    Raises
    ------
    InputError
        If there is no file, or a class is unknown.
    ReadError
        If the file cannot be read, lacks a field, or holds all lesions but not 52 of class 1.
    """
    root = find(folder)
    path = _file(root)
    if path is None:
        raise ReadError(root / "OASBUD.mat", "is missing")
    inner = inside(path, root)
    elements = mat_elements(path, "data")
    missing = [name for name in _FIELDS if elements and name not in elements[0]]
    if missing:
        raise ReadError(path, f"lacks the field '{missing[0]}'; is it OASBUD?")
    reading = Reading(_FACTS, root, progress)
    for number, element in reading.each(enumerate(elements, start=1)):
        for plane in (1, 2):
            image = _image(f"{inner}/data/{number - 1}", element, number, plane, words)
            if not image.present:
                reading.fault("scans that are no 2D array of numbers", image.image_id)
            reading.images.append(image)
            reading.findings.append(_finding(image, f"{inner}/data/{number - 1}/roi{plane}", reading))
    _check_classes(path, elements, words)
    return _finish(reading, len(elements))


def _file(place: Path) -> Path | None:
    return next((path for path in sorted(place.iterdir()) if path.name.lower() == _FILE and path.is_file()), None)


def _word(found: MatField) -> str:
    """Return a field's word, or its number as it is written."""
    return f"{found.value:g}" if isinstance(found.value, float) else (found.value or "").strip()


def _image(place: str, element: Mapping[str, MatField], number: int, plane: int, words: Mapping[str, str] | None) -> ImageRow:
    signal = element[f"rf{plane}"]
    here = signal.dtype is not None and len(signal.shape) == 2 and all(signal.shape)
    row = ImageRow(
        set=NAME,
        image_id=f"{number:03d}_{plane}",
        path=f"{place}/rf{plane}",
        present=int(here),
        patient_id=_word(element["id"]) or f"{number:03d}",
        modality="US",
        aspect="kept",
        manufacturer="Ultrasonix",
        birads=_word(element["birads"]) or None,
        label=label_of(_word(element["class"]), _LABELS, words, f"lesion {number}, class"),
        extra={"class": _word(element["class"]), "plane": str(plane)},
    )
    if here:
        row.rows, row.cols = signal.shape
        row.bit_depth = 16
        row.spacing_row_mm = SPACING_MM[0]
        row.spacing_col_mm = SPACING_MM[1] if row.cols == LINES else None
    return row


def _finding(image: ImageRow, mask: str, reading: Reading) -> FindingRow:
    row = FindingRow(
        set=NAME,
        finding_id=f"{image.image_id}-1",
        image_id=image.image_id,
        lesion_id=image.image_id[:-2],
        pathology=image.label,
        birads=image.birads,
    )
    put_mask(row, image, reading.root / mask, reading.root, reading.faults)
    return row


def _check_classes(path: Path, elements: list[dict[str, MatField]], words: Mapping[str, str] | None) -> None:
    """Refuse a whole set in which class 1 is not of the 52 malignant lesions, unless the user says what classes mean."""
    ones = sum(_word(element["class"]) == "1" for element in elements)
    if len(elements) == LESIONS and ones != MALIGNANT and not {"0", "1"} & set(words or ()):
        raise ReadError(
            path,
            f"has {ones} lesions of class 1, but {MALIGNANT} of its {LESIONS} are malignant; say what classes mean in a file for --map "
            "(lines '0,benign' and '1,malignant', or the other way round)",
        )


def _finish(reading: Reading, lesions: int) -> Collection:
    images = reading.images
    problems = [
        "images are made from echoes as they are opened (docs/data.md says how): another dynamic range gives other images",
        "a patient is a lesion: the set has 78 women and does not say who has several, so one may be on both sides of a split",
    ]
    problems += told("scans of another number of lines than 510: distance of columns not known", [i.image_id for i in images if _odd(i)])
    extra = {"published": 2 * LESIONS, "lesions": lesions}
    extra |= {f"{label}_lesions": sum(row.label == label for row in images) // 2 for label in ("benign", "malignant")}
    return reading.finish(problems, extra)


def _odd(image: ImageRow) -> bool:
    return bool(image.present) and image.cols != LINES

"""BrEaST-Lesions_USG: breast ultrasound of 256 women with masks, spacing and BI-RADS descriptors. Quirks: docs/data.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.read.masks import put_mask
from breastcad.read.reading import Reading
from breastcad.read.tables import label_of, number_of, table_rows, word_of
from breastcad.read.trees import Progress, find_tree, told

NAME = "breast-lesions-usg"
NEEDED = "BrEaST-Lesions_USG (BrEaST-Lesions-USG-clinical-data-*.xlsx and the folder BrEaST-Lesions_USG-images_and_masks)"
_TABLE = "BrEaST-Lesions-USG-clinical-data*"
_IMAGES = "BrEaST-Lesions_USG-images_and_masks"
_KEPT = (
    *("Tissue_composition", "Signs", "Symptoms", "Shape", "Margin", "Echogenicity", "Posterior_features", "Halo", "Calcifications"),
    *("Skin_thickening", "Interpretation", "Verification", "Diagnosis"),
)
_COLUMNS = (
    *("CaseID", "Image_filename", "Mask_tumor_filename", "Mask_other_filename", "Pixel_size", "Age", "BIRADS", "Classification"),
    *_KEPT,
)
_LABELS = {"normal": "normal", "benign": "benign", "malignant": "malignant"}
_NONE = ("not available", "not applicable")
_FACTS = {
    "set": NAME,
    "title": "BrEaST-Lesions_USG",
    "licence": "CC BY 4.0",
    "cite": "A. Pawlowska, A. Cwierz-Pienkowska, A. Domalik, D. Jagus, P. Kasprzak, R. Matkowski, L. Fura, A. Nowicki, N. Zolek, "
    "Curated benchmark dataset for ultrasound based breast lesion analysis, Scientific Data 11, 2024, 148",
}


def find(folder: str | Path) -> Path:
    """Return the folder that holds the clinical table; InputError if there is none."""
    return find_tree(folder, lambda place: bool(_tables(place)), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read BrEaST-Lesions_USG: an image a row of the clinical table, a finding a mask.

    Parameters
    ----------
    folder : str or Path
        The folder of the table and of `BrEaST-Lesions_USG-images_and_masks`, or the one above or below it.
    tables : str or Path, optional
        Folder of the table where it lies elsewhere.
    words : mapping, optional
        Further label words (for the column Classification).
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        Spacing is from Pixel_size, which is in centimetres. Masks ``tumor`` are masses with the image's descriptors, masks
        ``other`` findings of kind ``other`` and unknown pathology.

    Raises
    ------
    InputError
        If there is no table, or a classification is unknown.
    ReadError
        If the table lacks a column.
    """
    place = find(folder if tables is None else tables)
    root = place if tables is None else find_tree(folder, lambda spot: (spot / _IMAGES).is_dir(), f"the folder {_IMAGES}")
    reading = Reading(_FACTS, root, progress)
    once = reading.once(table_rows(_tables(place)[0], _COLUMNS), _name, lambda cells: _label(cells, words))
    for cells in reading.each(once.values()):
        image = _image(cells, words)
        path = root / _IMAGES / cells["Image_filename"]
        reading.add(image, path if path.is_file() else None)
        reading.findings += _findings(image, cells, reading)
    return _finish(reading)


def _tables(place: Path) -> list[Path]:
    return sorted(path for path in place.glob(_TABLE) if path.suffix.lower() in (".xlsx", ".csv"))


def _name(cells: dict[str, str]) -> str:
    return Path(cells["Image_filename"]).stem


def _label(cells: dict[str, str], words: Mapping[str, str] | None) -> str:
    return label_of(cells["Classification"], _LABELS, words, f"CaseID {cells['CaseID']}")


def _image(cells: dict[str, str], words: Mapping[str, str] | None) -> ImageRow:
    centimetres = number_of(cells["Pixel_size"])
    spacing = round(10 * centimetres, 9) if centimetres else None
    return ImageRow(
        set=NAME,
        image_id=_name(cells),
        patient_id=f"case {cells['CaseID']}",
        exam_id=f"case {cells['CaseID']}",
        age=number_of(cells["Age"]),
        modality="US",
        aspect="kept",
        spacing_row_mm=spacing,
        spacing_col_mm=spacing,
        birads=word_of(cells["BIRADS"], _NONE),
        label=_label(cells, words),
        extra={name.lower(): cells[name] for name in _KEPT if word_of(cells[name], _NONE)},
    )


def _findings(image: ImageRow, cells: dict[str, str], reading: Reading) -> list[FindingRow]:
    """Make a finding a named mask; an abnormal image that names none keeps one without a place."""
    tumours = [name for name in cells["Mask_tumor_filename"].split("&") if name.strip()]
    others = [name for name in cells["Mask_other_filename"].split("&") if name.strip()]
    if not tumours and image.label in ("benign", "malignant"):
        reading.fault("images without a tumour mask", image.image_id)
        tumours = [""]
    rows = []
    for number, name in enumerate([*tumours, *others], start=1):
        row = FindingRow(set=NAME, finding_id=f"{image.image_id}-{number}", image_id=image.image_id, kind="other")
        if number <= len(tumours):
            row.kind, row.birads = "mass", image.birads
            row.pathology = image.label if image.label in ("benign", "malignant") else "unknown"
            row.shape, row.margin = word_of(cells["Shape"], _NONE), word_of(cells["Margin"], _NONE)
        row.lesion_id = row.finding_id
        path = reading.root / _IMAGES / name.strip()
        if name and path.is_file():
            put_mask(row, image, path, reading.root, reading.faults)
        elif name and image.present:
            reading.fault("masks that are listed but missing", name.strip())
        rows.append(row)
    return rows


def _finish(reading: Reading) -> Collection:
    listed = {Path(row.image_id).name for row in reading.images}
    stray = sorted(path.name for path in (reading.root / _IMAGES).glob("*.png") if path.stem.split("_")[0] not in listed)
    kinds = {kind: sum(row.kind == kind for row in reading.findings) for kind in ("mass", "other")}
    extra = {"published": 256, "findings_of_a_tumour": kinds["mass"], "other_findings": kinds["other"]}
    return reading.finish(told("pictures that the table does not list, left out", stray), extra)

"""A made-up VinDr-Mammo: exams of four films as .dicom, two tables of annotations. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from pathlib import Path

from breastcad.core.files import write_bytes, write_text
from breastcad.phantom.dicom_files import file_bytes
from breastcad.phantom.film_exams import VIEWS, Film, exam, jpeg_2000
from breastcad.phantom.record import WrittenPicture

DEFAULT_N = 2
_SHARED = "study_id,series_id,image_id,laterality,view_position,height,width,breast_birads,breast_density"
_BIRADS = {"malignant": 5, "benign": 2, "normal": 1}
_TWICE = (("L", "CC"), ("L", "CC"), ("R", "CC"), ("R", "MLO"))


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up VinDr-Mammo.

    Parameters
    ----------
    folder : Path
        Gets `images` and the two tables.
    n : int
        Exams of four films; the first has a cancer on the left, the second a benign mass on the right.
    seed : int
    quirks : bool
        MONOCHROME1 and JPEG 2000 in the first exam; in the second two L CC and no L MLO; a finding of two words without a category of its
        own; a box that begins left of its image.

    Returns
    -------
    list of WrittenPicture
        Labels are those that the BI-RADS category of the breast stands for.
    """
    written: list[WrittenPicture] = []
    images, findings = [f"{_SHARED},split"], [f"{_SHARED},finding_categories,finding_birads,xmin,ymin,xmax,ymax,split"]
    for number in range(1, n + 1):
        lesions = ({"L": "malignant"}, {"R": "benign"}, {})[(number - 1) % 3]
        odd = quirks and number % 2 == 1
        films = exam(seed, "vindr-mammo", number, lesions, inverted=odd, views=_TWICE if quirks and number == 2 else VIEWS)
        study, series = _hex(films[0]), _hex(films[0])
        split = "test" if number % 5 == 0 else "training"
        for index, film in enumerate(films):
            label = lesions.get(film.laterality, "normal")
            image = _hex(film)
            rows, cols = film.made.pixels.shape
            path = f"images/{study}/{image}.dicom"
            write_bytes(folder / path, jpeg_2000(film.dataset) if odd else file_bytes(film.dataset))
            density = film.made.meta["density"]
            row = f"{study},{series},{image},{film.laterality},{film.view},{rows},{cols},BI-RADS {_BIRADS[label]},DENSITY {density}"
            images.append(f"{row},{split}")
            findings += [f"{row},{found},{split}" for found in _found(film, quirks and index == 0)]
            boxes = list(film.made.boxes)
            if quirks and index == 0 and boxes:
                boxes.append((10.0, 0.0, 60.0, 40.0))
            written.append(WrittenPicture(path, rows, cols, label, boxes, [label] * len(boxes)))
    write_text(folder / "breast-level_annotations.csv", "\n".join(images) + "\n")
    write_text(folder / "finding_annotations.csv", "\n".join(findings) + "\n")
    return written


def _hex(film: Film) -> str:
    return film.draw.bytes(16).hex()


def _found(film: Film, quirk: bool) -> list[str]:
    """Return the cells of a film's findings: a row each, or the row that says that there are none."""
    lines = []
    for box, lesion in zip(film.made.boxes, film.made.lesions, strict=True):
        category = "BI-RADS 5" if lesion.pathology == "malignant" else "BI-RADS 2"
        lines.append(f"\"['Mass']\",{category},{box[1]},{box[0]},{box[3]},{box[2]}")
    if quirk and lines:
        lines.append("\"['Skin Thickening', 'Nipple Retraction']\",,-12.5,10.0,40.0,60.0")
    return lines or ["['No Finding'],,,,,"]

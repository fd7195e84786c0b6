"""A made-up BCDR: TIFF films in women's folders, tables of images and of outlines, by subset. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.files import write_text
from breastcad.core.geometry import Box
from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.pictures import grey_levels, write_tiff
from breastcad.phantom.record import Phantom, WrittenPicture

DEFAULT_N = 3
SIZE_PX = 560, 400
_IMAGES = "patient_id,study_id,series,image_filename,image_type_name,image_type_id,age,density"
_OUTLINES = (
    "patient_id,study_id,series,lesion_id,segmentation_id,image_view,image_filename,lw_x_points,lw_y_points,mammography_type,"
    "mammography_nodule,mammography_calcification,mammography_microcalcification,mammography_axillary_adenopathy,"
    "mammography_architectural_distortion,mammography_stroma_distortion,age,density,classification"
)
_CODES = {"RCC": 1, "LCC": 2, "RO": 3, "LO": 4}
# Of one woman after the other: the subset that she is of, and what she has.
_WOMEN = (("D01", "malignant"), ("D02", "benign"), ("DN01", None))
_WORDS = {"benign": "Benign", "malignant": "Malign"}


@dataclass(slots=True)
class _Tables:
    """The lines of a subset's two tables."""

    images: list[str] = field(default_factory=list)
    outlines: list[str] = field(default_factory=list)


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up BCDR.

    Parameters
    ----------
    folder : Path
        Gets `BCDR-D01_dataset`, `BCDR-D02_dataset` and `BCDR-DN01_dataset`, as far as `n` has room for them.
    n : int
        Women, two films of the left breast each: one of D01 with a cancer, one of D02 with a benign mass, one of DN01 with nothing.
    seed : int
    quirks : bool
        Blanks after commas; two outlines on the first film; woman 1 in D02 too; woman 2 with two studies, an outline of a larger film,
        and one whose film is missing; a film of woman 1 without an outline.

    Returns
    -------
    list of WrittenPicture
        A film without an outline has the label ``"unknown"``, in DN01 ``"normal"``.
    """
    tables: dict[str, _Tables] = {}
    written: list[WrittenPicture] = []
    for number in range(1, n + 1):
        subset, label = _WOMEN[(number - 1) % len(_WOMEN)]
        own = _Tables()
        for series, name in enumerate(("LCC", "LO", "RCC") if quirks and number == 1 else ("LCC", "LO"), start=1):
            study = 10 * number + (1 if quirks and number == 2 and name == "LO" else 0)
            draw = generator(seed, "phantom", "bcdr", number, name)
            lesions = [label] * (2 if quirks and (number, name) == (1, "LCC") else 1) if label and name != "RCC" else []
            made = mammogram(draw, *SIZE_PX, view="CC" if "CC" in name else "MLO", laterality=name[0], lesion=lesions, kind="mass")
            path = f"patient_{number}/study_{study}/img_{number}_{study}_{series}_{name}.tif"
            boxes = _list(own, made, (number, study, series, name), path, label)
            places = [subset, "D02"] if quirks and number == 1 else [subset]
            for place in places:
                write_tiff(folder / f"BCDR-{place}_dataset" / path, grey_levels(made.pixels))
            said = label if boxes else ("unknown" if label else "normal")
            written.append(WrittenPicture(f"BCDR-{subset}_dataset/{path}", *SIZE_PX, said or "normal", boxes, [said or ""] * len(boxes)))
        if quirks and number == 2:
            _add_wrong_outlines(own, number)
        for place in [subset, "D02"] if quirks and number == 1 else [subset]:
            tables.setdefault(place, _Tables()).images += own.images
            tables[place].outlines += own.outlines
    for subset, lines in tables.items():
        _write_tables(folder / f"BCDR-{subset}_dataset", subset.lower(), lines, ", " if quirks else ",")
    return written


def _list(tables: _Tables, made: Phantom, key: tuple[int, int, int, str], path: str, label: str | None) -> list[Box]:
    """Enter a film into its tables; return the boxes of its outlines."""
    number, study, series, name = key
    age, density = 45 + number, "ABCD".index(made.meta["density"]) + 1
    tables.images.append(f"{number},{study},{series},{path},{name},{_CODES[name] - 1},{age},{density}")
    boxes = []
    for order, lesion in enumerate(made.lesions, start=1):
        cols, rows = _contour(lesion.mask)
        head = f"{number},{study},{series},{10 * number + order},{100 * number + 10 * series + order},{_CODES[name]},{path}"
        tables.outlines.append(f"{head},{_blanks(cols)},{_blanks(rows)},1,1,0,0,0,0,0,{age},{density},{_WORDS[label or 'benign']}")
        boxes.append((float(min(rows)), float(min(cols)), float(max(rows)), float(max(cols))))
    return boxes


def _add_wrong_outlines(tables: _Tables, number: int) -> None:
    """Add an outline that is of a larger film, and one of a film that is not there."""
    first = tables.outlines[0].split(",")
    larger = [*first[:3], "98", "998", *first[5:]]
    larger[7:9] = (_blanks([10 * int(value) for value in cell.split()]) for cell in first[7:9])
    study = 10 * number
    missing = [*first[:2], "9", "99", "999", "1", f"patient_{number}/study_{study}/img_{number}_{study}_9_RCC.tif", *first[7:]]
    tables.outlines += [",".join(larger), ",".join(missing)]


def _contour(mask: NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    """Return the columns and rows of a mask's outline."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(found, key=len)[:, 0]
    return [int(col) for col in points[:, 0]], [int(row) for row in points[:, 1]]


def _blanks(values: list[int]) -> str:
    return " ".join(map(str, values))


def _write_tables(place: Path, subset: str, tables: _Tables, comma: str) -> None:
    for kind, header, lines in (("img", _IMAGES, tables.images), ("outlines", _OUTLINES, tables.outlines)):
        if lines:
            body = "\n".join(line.replace(",", comma) for line in lines)
            write_text(place / f"bcdr_{subset}_{kind}.csv", f"{header}\n{body}\n")

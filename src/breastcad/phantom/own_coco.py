"""A made-up set of somebody's own as a COCO file: ultrasound images, outlines as polygons and run-length codes, a map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import find_contours

from breastcad.core.files import write_json, write_text
from breastcad.core.seeding import generator
from breastcad.phantom.pictures import grey_levels, write_png
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.ultrasound import ultrasound

DEFAULT_N = 6
SIZE_PX = 200, 260
_ORDER = ("benign", "malignant", None)
_CATEGORIES = ("benign mass", "malignant mass", "scale bar")
MAP = """\
# What the categories mean, and what an image without an annotation is:
#   breastcad import coco FOLDER --map FOLDER/map.yaml --out COLLECTION
set: made-up-coco
every:
  modality: US
labels:
  no annotation: normal
kinds:
  scale bar: none
"""


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up COCO set.

    Parameters
    ----------
    folder : Path
        Gets `images`, `annotations/instances_default.json` and map.yaml.
    n : int
        Images: benign, malignant, nothing in turn.
    seed : int
    quirks : bool
        An image that is missing, one that lies outside, one whose id stands twice, an annotation of an image that is not listed, an
        outline that is no polygon, a lesion with a hole in its outline, a category that nothing has.

    Returns
    -------
    list of WrittenPicture
        An image without an annotation has the label ``"unknown"``: the file does not say that it shows nothing.
    """
    written, images = [], []
    annotations: list[dict[str, Any]] = []
    for index in range(n):
        label, name = _ORDER[index % 3], f"scan-{index + 1}.png"
        made = ultrasound(generator(seed, "phantom", "coco", index), *SIZE_PX, lesion=label)
        write_png(folder / "images" / name, grey_levels(made.pixels))
        images.append(_image(index + 1, name) | {"patient_id": f"W{index // 2 + 1}"})
        for lesion in made.lesions:
            row0, col0, row1, col1 = lesion.box
            item: dict[str, Any] = {"id": len(annotations) + 1, "image_id": index + 1, "category_id": index % 3 + 1, "iscrowd": 0}
            item |= {"bbox": [col0, row0, col1 - col0, row1 - row0], "area": int(lesion.mask.sum())}
            annotations.append(item | {"segmentation": _segmentation(lesion.mask, len(annotations), quirks)})
        written.append(WrittenPicture(f"images/{name}", *SIZE_PX, label or "unknown", made.boxes, [label or ""] * len(made.lesions)))
    if quirks:
        images += [_image(900, "scan-0.png"), _image(901, "../../scan-1.png"), _image(1, "scan-1-again.png")]
        annotations.append({"id": 900, "image_id": 999, "category_id": 1, "bbox": [1, 2, 3, 4], "segmentation": [], "iscrowd": 0})
    names = _CATEGORIES if quirks else _CATEGORIES[:2]
    categories = [{"id": number, "name": name, "supercategory": ""} for number, name in enumerate(names, start=1)]
    content = {"info": {"description": "MADE UP"}, "licenses": [], "images": images, "annotations": annotations, "categories": categories}
    write_json(folder / "annotations" / "instances_default.json", content)
    write_text(folder / "map.yaml", MAP)
    return written


def _image(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "width": SIZE_PX[1], "height": SIZE_PX[0], "file_name": name, "license": 0, "date_captured": ""}


def _segmentation(mask: NDArray[np.bool_], number: int, quirks: bool) -> Any:
    """Return a lesion's outline in one of COCO's four ways: polygon, run lengths, their string, none."""
    if number % 4 == 0:
        (contour,) = find_contours(np.pad(mask, 1).astype(float), 0.5)[:1]
        return [np.round(contour[:-1, ::-1] - 0.5, 2).ravel().tolist()]
    if number % 4 == 3:
        return [[1, 2, 3, 4, 5]] if quirks else []
    if quirks and number % 4 == 1:
        mask = mask.copy()
        row, col = (int(places[len(places) // 2]) for places in np.nonzero(mask))
        mask[row - 1 : row + 2, col - 1 : col + 2] &= False
    runs = run_lengths(mask)
    return {"size": list(mask.shape), "counts": runs if number % 4 == 1 else run_length_string(runs)}


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Return a mask's run lengths, outside first, down the columns.

    Examples
    --------
    >>> run_lengths(np.array([[False, True], [True, True]])), run_lengths(np.array([[True]]))
    ([1, 3], [0, 1])
    """
    levels = mask.ravel(order="F").astype(np.int8)
    ends = np.flatnonzero(np.diff(levels)) + 1
    runs = np.diff([0, *ends, levels.size]).tolist()
    return [0, *runs] if levels[0] else runs


def run_length_string(runs: list[int]) -> str:
    """Return run lengths as COCO's string: from the third on the difference to the run before the last, five bits a character.

    Examples
    --------
    >>> run_length_string([5, 2, 2, 2, 5])
    '52203'
    """
    text = []
    for index, run in enumerate(runs):
        rest = run - runs[index - 2] if index > 2 else run
        while True:
            bits, rest = rest & 31, rest >> 5
            last = rest == (-1 if bits & 16 else 0)
            text.append(chr(48 + bits + (0 if last else 32)))
            if last:
                break
    return "".join(text)

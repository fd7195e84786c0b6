"""A made-up CDD-CESM: pairs of low-energy and subtracted JPEG, the workbook, outlines. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from breastcad.core.files import write_text
from breastcad.core.geometry import Box, box_centre
from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.pictures import grey_levels, write_jpeg
from breastcad.phantom.record import WrittenPicture
from breastcad.phantom.workbooks import Cell, write_workbook

DEFAULT_N = 4
SIZE_PX = 600, 340
_FOLDERS = {"DM": "Low energy images of CDD-CESM", "CM": "Subtracted images of CDD-CESM"}
_HEADER: list[Cell] = [
    *("Image_name", "Patient_ID", "Side", "Type", "Age", "Breast density (ACR)", "BIRADS", "Findings", "View", "Tags", "Machine"),
    "Pathology Classification/ Follow up",
]
_LABELS = ("malignant", "benign", "normal")


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up CDD-CESM.

    Parameters
    ----------
    folder : Path
        Gets the two folders of images, the workbook and the file of outlines.
    n : int
        Images: a low-energy and a subtracted one of a view.
    seed : int
    quirks : bool
        A trailing blank in a name, a row that stands twice, a category of two, a density ``_``, outlines of other shapes.

    Returns
    -------
    list of WrittenPicture
    """
    written: list[WrittenPicture] = []
    rows: list[list[Cell]] = [_HEADER]
    outlines: list[tuple[str, dict[str, Any]]] = []
    for index in range(n):
        patient, energy = index // 2 + 1, ("DM", "CM")[index % 2]
        label, view = _LABELS[(patient - 1) % 3], ("CC", "MLO")[(patient - 1) % 2]
        draw = generator(seed, "phantom", "cdd-cesm", patient)
        made = mammogram(draw, *SIZE_PX, view=view, laterality="L", lesion=None if label == "normal" else label, kind="mass")
        name = f"P{patient}_L_{energy}_{view}"
        levels = grey_levels(made.pixels if energy == "DM" else cv2.GaussianBlur(made.pixels, (0, 0), 6).astype(np.float32))
        write_jpeg(folder / _FOLDERS[energy] / f"{name}.jpg", levels)
        shapes = [_shape(box, lesion.mask, quirks and energy == "CM") for box, lesion in zip(made.boxes, made.lesions, strict=True)]
        outlines += [(name, shape) for shape, _ in shapes]
        category: Cell = {"malignant": 5, "benign": 3, "normal": 1}[label]
        density = "_" if energy == "CM" else made.meta["density"]
        row: list[Cell] = [
            *(name + (" " if quirks and index == 1 else ""), patient, "L", "DM" if energy == "DM" else "CESM", 50 + patient, density),
            *(f"{category}$2" if quirks and index == 0 else category, "made up", view, "made up", 1, label.capitalize()),
        ]
        rows += [row, row] if quirks and index == 2 else [row]
        written.append(WrittenPicture(f"{_FOLDERS[energy]}/{name}.jpg", *SIZE_PX, label, [box for _, box in shapes], [label] * len(shapes)))
    write_workbook(folder / "Radiology-manual-annotations.xlsx", {"all": rows, "calcifications": [["Image_name", "ACR"]]})
    write_text(folder / "Radiology_hand_drawn_segmentations_v2.csv", _annotations(outlines))
    return written


def _shape(box: Box, mask: np.ndarray, ellipse: bool) -> tuple[dict[str, Any], Box]:
    """Return a shape as the annotator writes it, and the box that it fills."""
    if ellipse:
        row, col = box_centre(box)
        down, across = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
        return {"name": "ellipse", "cx": col, "cy": row, "rx": across, "ry": down}, box
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = max(found, key=len)[:, 0]
    cols, rows = [int(x) for x in points[:, 0]], [int(y) for y in points[:, 1]]
    return {"name": "polygon", "all_points_x": cols, "all_points_y": rows}, (min(rows), min(cols), max(rows), max(cols))


def _annotations(outlines: list[tuple[str, dict[str, Any]]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ["#filename", "file_size", "file_attributes", "region_count", "region_id", "region_shape_attributes", "region_attributes"]
    )
    for name, shape in outlines:
        writer.writerow([f"{name}.jpg", 0, "{}", 1, 0, json.dumps(shape), "{}"])
    return stream.getvalue()

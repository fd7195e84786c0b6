"""A made-up CBIS-DDSM in layout D: films squeezed to 800 x 800 as JPEG, boxes in a COCO file. Its four tables are in `cbis_ddsm_tables`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from breastcad.core.files import write_json, write_text
from breastcad.core.geometry import Box
from breastcad.core.records import worst_label
from breastcad.core.seeding import generator
from breastcad.phantom.cbis_ddsm_tables import TableRow, row_of, table_text
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.pictures import grey_levels, write_jpeg
from breastcad.phantom.record import Phantom, WrittenPicture
from breastcad.phantom.textures import Field

SIDE_PX = 800
DEFAULT_N = 8
FILM_ROWS_PX = 1000
VIEWS = ("CC", "MLO")


@dataclass(slots=True)
class _Woman:
    """A woman of the mass training table: lesions as (kind, pathology in the table's words), the same in both views."""

    number: int
    side: str
    density: str
    lesions: list[tuple[str, str]]


@dataclass(slots=True)
class _Film:
    """A film as written, with its masses' boxes in the squeezed picture."""

    name: str
    made: Phantom
    masses: list[Box] = field(default_factory=list)


# With quirks: two masses of different pathology; a benign mass beside a malignant calcification; a missing descriptor.
_QUIRKS: dict[int, list[tuple[str, str]]] = {
    2: [("mass", "BENIGN"), ("mass", "MALIGNANT")],
    3: [("mass", "BENIGN"), ("calcification", "MALIGNANT")],
}


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up CBIS-DDSM (layout D).

    Parameters
    ----------
    folder : Path
        Gets `train/` with the films and the four tables.
    n : int
        Films; a CC and an MLO a woman.
    seed : int
    quirks : bool
        Films with two masses of different pathology, their boxes in another order than their rows; benign masses beside
        malignant calcifications; a woman in training and test; missing words; white film edges.

    Returns
    -------
    list of WrittenPicture
        Boxes are those of the masses; ``label`` is the worst over all tables.
    """
    women = [_planned(number, seed, quirks) for number in range(1, (n + 1) // 2 + 1)]
    films, rows, written = [], [], []
    for index in range(n):
        woman, view = women[index // 2], VIEWS[index % 2]
        film = _film(woman, view, seed, quirks)
        write_jpeg(folder / "train" / f"{film.name}.jpg", grey_levels(film.made.pixels))
        rows += _rows(woman, view, film.made, seed, quirks)
        films.append(film)
        pathologies = [lesion.pathology for lesion in film.made.lesions]
        masses = [lesion.pathology for lesion in film.made.lesions if lesion.kind == "mass"]
        path = f"train/{film.name}.jpg"
        written.append(WrittenPicture(path, SIDE_PX, SIDE_PX, worst_label(pathologies), film.masses, masses))
    write_json(folder / "train" / "_annotations.coco.json", _coco(films, seed, quirks))
    for kind in ("mass", "calc"):
        for part in ("train", "test"):
            own = [row for row in [*rows, *_absent(seed, quirks)] if (row.kind, row.part) == (kind, part)]
            write_text(folder / f"{kind}_case_description_{part}_set.csv", table_text(kind, own))
    return written


def _planned(number: int, seed: int, quirks: bool) -> _Woman:
    draw = generator(seed, "phantom", "cbis-ddsm", "woman", number)
    pathology = ("MALIGNANT", "BENIGN", "MALIGNANT", "BENIGN_WITHOUT_CALLBACK")[(number - 1) % 4]
    lesions = _QUIRKS.get(number, [("mass", pathology)]) if quirks else [("mass", pathology)]
    return _Woman(number, str(draw.choice(["LEFT", "RIGHT"])), str(draw.choice(list("ABCD"), p=[0.15, 0.4, 0.35, 0.1])), lesions)


def _film(woman: _Woman, view: str, seed: int, quirks: bool) -> _Film:
    """Make a film at its own proportions, and squeeze it to the square that layout D has."""
    draw = generator(seed, "phantom", "cbis-ddsm", woman.number, view)
    cols = int(draw.integers(550, 650))
    lesions = [("malignant" if pathology == "MALIGNANT" else "benign") for _, pathology in woman.lesions]
    made = mammogram(
        draw,
        FILM_ROWS_PX,
        cols,
        view=view,
        laterality=woman.side[0],
        lesion=lesions,
        density=woman.density,
        kind=[kind for kind, _ in woman.lesions],
    )
    if quirks:
        _add_film_edges(draw, made.pixels)
    made.pixels = np.asarray(cv2.resize(made.pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.float32)
    made.pixels = (made.pixels - made.pixels.min()) / np.ptp(made.pixels)
    squeeze = SIDE_PX / FILM_ROWS_PX, SIDE_PX / cols
    boxes = [_squeezed(lesion.box, squeeze) for lesion in made.lesions if lesion.kind == "mass"]
    return _Film(f"{woman.number:05d}_{woman.side}_{view}", made, boxes)


def _add_film_edges(draw: np.random.Generator, pixels: Field) -> None:
    """Leave white edges, as films that were scanned askew have them, in place."""
    for edge in (pixels, pixels[::-1], pixels.T, pixels.T[::-1]):
        if draw.random() < 0.5:
            edge[: int(draw.integers(2, 7))] = 1


def _squeezed(box: Box, squeeze: tuple[float, float]) -> Box:
    """Return a box in the squeezed picture, to two decimals as the COCO file has them."""
    row0, col0 = round(box[0] * squeeze[0], 2), round(box[1] * squeeze[1], 2)
    return row0, col0, round(row0 + (box[2] - box[0]) * squeeze[0], 2), round(col0 + (box[3] - box[1]) * squeeze[1], 2)


def _rows(woman: _Woman, view: str, made: Phantom, seed: int, quirks: bool) -> list[TableRow]:
    """Return a film's rows: masses in the mass table, calcifications in the calcification table, both of the training part."""
    draw = generator(seed, "phantom", "cbis-ddsm", "rows", woman.number, view)
    rows = []
    numbers = {"mass": 0, "calcification": 0}
    for (kind, pathology), lesion in zip(woman.lesions, made.lesions, strict=True):
        numbers[kind] += 1
        table = "calc" if kind == "calcification" else "mass"
        row = row_of(draw, table, "train", woman.number, woman.side, view, abnormality=numbers[kind], pathology=pathology)
        row.density = "ABCD".index(woman.density) + 1
        if kind == "mass":
            row.words = lesion.shape.upper(), lesion.margin.upper()
        if quirks and woman.number == 4:
            row.words = row.words[0], "N/A"
        rows.append(row)
    return rows


def _absent(seed: int, quirks: bool) -> list[TableRow]:
    """Return rows of films that layout D does not have: the test parts and calcifications; with quirks a woman is in both parts."""
    draw = generator(seed, "phantom", "cbis-ddsm", "absent")
    rows = [
        row_of(draw, "mass", "test", 9001, "LEFT", "CC", abnormality=1, pathology="BENIGN"),
        row_of(draw, "mass", "test", 9002, "RIGHT", "MLO", abnormality=1, pathology="MALIGNANT"),
        row_of(draw, "calc", "train", 9003, "LEFT", "MLO", abnormality=1, pathology="BENIGN_WITHOUT_CALLBACK"),
        row_of(draw, "calc", "test", 9004, "RIGHT", "CC", abnormality=1, pathology="MALIGNANT"),
    ]
    if quirks:
        rows.append(row_of(draw, "calc", "test", 1, "LEFT", "CC", abnormality=1, pathology="BENIGN"))
        rows[-1].density = 0
    return rows


def _coco(films: list[_Film], seed: int, quirks: bool) -> dict[str, list]:
    """Return the COCO file; with quirks a film's boxes stand in the reverse order of its rows, and films in no order."""
    places = list(range(len(films)))
    if quirks:
        generator(seed, "phantom", "cbis-ddsm", "order").shuffle(places)
    images: list[dict] = []
    annotations: list[dict] = []
    for image_id, place in enumerate(places):
        film = films[place]
        images.append({"id": image_id, "file_name": f"{film.name}.jpg", "height": SIDE_PX, "width": SIDE_PX})
        for box in film.masses[::-1] if quirks else film.masses:
            width, height = round(box[3] - box[1], 2), round(box[2] - box[0], 2)
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": image_id,
                    "category_id": 0,
                    "bbox": [box[1], box[0], width, height],
                    "area": round(width * height, 2),
                    "segmentation": [],
                    "iscrowd": 0,
                }
            )
    return {"categories": [{"id": 0, "name": "Mass", "supercategory": "none"}], "images": images, "annotations": annotations}

"""A made-up mini-MIAS: pairs of MLO films as PGM, circles in Info.txt with y from the bottom. Quirks as docs/phantom.md lists them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from breastcad.core.files import write_text
from breastcad.core.geometry import Box, box_centre
from breastcad.core.records import worst_label
from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.pictures import grey_levels, write_pgm
from breastcad.phantom.record import Phantom, WrittenPicture
from breastcad.phantom.textures import Field

SIDE_PX = 1024
DEFAULT_N = 8
_DENSITIES = {"F": ("A", "B"), "G": ("B", "C"), "D": ("D", "D")}
_CLASSES = (("CIRC", "B"), ("SPIC", "M"), ("CALC", "B"), ("CALC", "M"), ("MISC", "B"), ("MISC", "M"), ("CIRC", "B"), ("SPIC", "M"))
_PATHOLOGY = {"B": "benign", "M": "malignant"}

# What the first films hold with quirks: (class, severity) a line, and what stands in place of the circle.
_QUIRKS: dict[int, tuple[tuple[tuple[str, str], ...], str | None]] = {
    1: ((), None),
    2: ((), None),
    3: ((("MISC", "B"), ("MISC", "M")), None),
    4: ((("CALC", "M"),), "*NOTE 3* "),
    5: ((("CIRC", "B"), ("CIRC", "B")), None),
    6: ((("CIRC", "B"),), ""),
}

_PREAMBLE = """\
                A MADE-UP SET OF FILMS IN THE FORM OF MINI-MIAS
                  (breastcad phantom: no patient, no claim)

Every film is 1024 pixels x 1024 pixels. None shows a woman: all were
computed from random numbers.

=================================================================

1st column: reference of the film.
2nd column: tissue. F - fatty, G - fatty and glandular, D - dense.
3rd column: class. CALC, CIRC, SPIC, MISC, or NORM.
4th column: severity. B - benign, M - malignant.
5th, 6th columns: x, y of the centre of the abnormality.
7th column: radius in pixels of a circle round it.

NOTES
=====
1) Films stand in pairs: odd right, even left, of one woman.
2) The origin is the bottom left corner.
3) Where calcifications are scattered, there is no circle.

=================================================================

"""


@dataclass(slots=True)
class _Film:
    number: int
    tissue: str
    lines: tuple[tuple[str, str], ...]
    instead: str | None

    @property
    def name(self) -> str:
        return f"mdb{self.number:03d}"


def write(folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
    """Write a made-up mini-MIAS.

    Parameters
    ----------
    folder : Path
    n : int
        Films; rounded up to whole pairs, at most 320.
    seed : int
    quirks : bool
        Films with several lines, of both severities, without circle, with a note; a last pair that is listed but missing.

    Returns
    -------
    list of WrittenPicture
        Boxes are those that the circles fill.
    """
    count = min(2 * ((n + 1) // 2), 320)
    written, lines = [], []
    for film in (_planned(number, seed, quirks) for number in range(1, count + 1)):
        made = _made(film, seed)
        write_pgm(folder / f"{film.name}.pgm", grey_levels(made.pixels))
        boxes = [] if film.instead is not None else [_circle_box(box) for box in made.boxes]
        lines += _table_lines(film, boxes)
        pathologies = [_PATHOLOGY[severity] for _, severity in film.lines]
        label = worst_label(pathologies) if pathologies else "normal"
        written.append(WrittenPicture(f"{film.name}.pgm", SIDE_PX, SIDE_PX, label, boxes, pathologies))
    if quirks:
        lines += [f"mdb{number:03d} G NORM " for number in (count + 1, count + 2)]
    write_text(folder / "Info.txt", _PREAMBLE + "\n".join(lines) + "\n")
    return written


def _planned(number: int, seed: int, quirks: bool) -> _Film:
    """Draw what a film shall show; the two films of a pair share the tissue."""
    pair = generator(seed, "phantom", "mini-mias", "pair", (number + 1) // 2)
    tissue = str(pair.choice(list("FGD")))
    draw = generator(seed, "phantom", "mini-mias", "plan", number)
    lines: tuple[tuple[str, str], ...] = () if draw.random() < 0.4 else (_CLASSES[int(draw.integers(len(_CLASSES)))],)
    instead = None
    if quirks and number in _QUIRKS:
        lines, instead = _QUIRKS[number]
    return _Film(number, tissue, lines, instead)


def _made(film: _Film, seed: int) -> Phantom:
    """Make a film and pad it to the square, breast in the middle."""
    draw = generator(seed, "phantom", "mini-mias", film.number)
    kinds = {"calcification" if word == "CALC" else "mass" for word, _ in film.lines}
    width = int(draw.integers(600, 760))
    made = mammogram(
        draw,
        SIDE_PX,
        width,
        view="MLO",
        laterality="R" if film.number % 2 else "L",
        lesion=[_PATHOLOGY[severity] for _, severity in film.lines],
        density=str(draw.choice(_DENSITIES[film.tissue])),
        kind=kinds.pop() if kinds else None,
    )
    left = (SIDE_PX - width) // 2
    made.pixels = _padded(made.pixels, left)
    for lesion in made.lesions:
        lesion.mask = _padded(lesion.mask.astype(np.float32), left) > 0
    return made


def _padded(array: Field, left: int) -> Field:
    return np.pad(array, ((0, 0), (left, SIDE_PX - array.shape[1] - left)))


def _circle_box(box: Box) -> Box:
    """Return the box that the table's circle fills: whole pixels, a little larger than the lesion."""
    centre = box_centre(box)
    row, col = round(centre[0]), round(centre[1])
    radius = round(0.55 * max(box[2] - box[0], box[3] - box[1])) + 1
    return float(row - radius), float(col - radius), float(row + radius), float(col + radius)


def _table_lines(film: _Film, boxes: list[Box]) -> list[str]:
    """Return a film's lines; NORM lines and notes end with a blank, as in the real table."""
    if not film.lines:
        return [f"{film.name} {film.tissue} NORM "]
    heads = [f"{film.name} {film.tissue} {word} {severity}" for word, severity in film.lines]
    if film.instead is not None:
        return [f"{head} {film.instead}" if film.instead else head for head in heads]
    circles = [(round(box_centre(box)[1]), round(SIDE_PX - box_centre(box)[0]), round((box[2] - box[0]) / 2)) for box in boxes]
    return [f"{head} {x} {y} {radius}" for head, (x, y, radius) in zip(heads, circles, strict=True)]

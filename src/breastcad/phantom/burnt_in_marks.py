"""Made-up overlays of ultrasound screens: marks of every kind at random, drawn into a picture, with the pixels that each one covers.

They are what a detector of burnt-in overlays is trained on and measured with. A mark is first drawn as ink, the share of each pixel
that it covers, and then laid over the picture in its grey or colour; at the end the whole picture may be smeared by JPEG.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from breastcad.phantom.textures import Field

MARK_KINDS = ("caliper", "track", "text", "arrow", "body mark", "furniture")
"""Crosses at the ends of a measured line; the dotted line between them; letters and numbers; arrows; pictograms that show where the
probe lay; grey-scale bars, depth scales and frames."""

DRAWN_SHARE = 0.1
"""A pixel counts as drawn from this share of ink on."""

LEAST_CONTRAST = 0.25
"""How much brighter than the mean of the tissue below it a grey mark is drawn, for people could not read it else."""

Ink = NDArray[np.uint8]
Rgb = tuple[float, float, float]
_WORDS = (
    "RT BREAST",
    "LEFT BREAST",
    "RIGHT",
    "LT",
    "RT",
    "AXILLA",
    "12H",
    "3 O'CLOCK",
    "9:00",
    "LOQ",
    "UIQ",
    "SAG",
    "TRANS",
    "RAD",
    "ARAD",
    "NIPPLE",
    "above",
    "upper outer",
    "MASS",
    "CYST",
    "cm FN 4",
    "B",
    "A",
    "D 15.3mm",
    "1 L 0.87 cm",
    "2 D 12.4 mm",
    "Dist 1.21cm",
    "10 MHz",
    "FR 23",
    "MI 0.9",
    "TIS0.2",
    "2D",
    "78%",
    "C 60",
    "P Med",
    "HGen",
    "72",
    "8",
    "LOGIQ",
    "Q",
    "GAIN 62",
    "DR 65",
    "16:42",
    "+ 17.3mm",
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghiklmnoprstuvz0123456789"
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_SIMPLEX | cv2.FONT_ITALIC,
    cv2.FONT_HERSHEY_TRIPLEX | cv2.FONT_ITALIC,
)
_COLOURS: tuple[Rgb, ...] = (
    (1.0, 1.0, 0.1),
    (0.1, 1.0, 0.2),
    (0.1, 0.9, 1.0),
    (1.0, 0.6, 0.1),
    (1.0, 0.15, 0.15),
    (0.9, 0.85, 0.5),
)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class DrawnMark:
    """One mark that was drawn: its kind, one of `MARK_KINDS`, and the (H, W) bool pixels that it covers."""

    kind: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BurntIn:
    """A picture with marks: (H, W) float32 in [0, 1], the same in colour (H, W, 3) uint8 if a mark is coloured, and the marks."""

    pixels: Field
    colour: NDArray[np.uint8] | None
    marks: tuple[DrawnMark, ...]


def burn_in(generator: np.random.Generator, pixels: Field, kinds: Sequence[str], *, colour: bool | None = None) -> BurntIn:
    """Draw marks of given kinds into a picture, each with random form, size, stroke, grey and place.

    Strokes are 1 to 3 pixels wide, with or without anti-aliasing; marks may leave the picture at its border. A track brings
    crosses at its ends in two of three cases, and a cross its number in one of three.

    Parameters
    ----------
    generator : numpy.random.Generator
        From `core.seeding.generator`; the same one draws the same marks.
    pixels : (H, W) ndarray of float32
        In [0, 1]; it is not changed.
    kinds : sequence of str
        Of `MARK_KINDS`, one a mark; none gives the picture as it is, or smeared.
    colour : bool, optional
        Draw in colour; by default one picture in six is.

    Returns
    -------
    BurntIn
        Marks that lie wholly outside the picture are left out.

    Raises
    ------
    ValueError
        If a kind is unknown.

    Examples
    --------
    >>> made = burn_in(np.random.default_rng(1), np.full((120, 160), 0.3, np.float32), ["text", "arrow"])
    >>> [mark.kind for mark in made.marks], made.pixels.shape
    (['text', 'arrow'], (120, 160))
    """
    unknown = [kind for kind in kinds if kind not in _DRAWERS]
    if unknown:
        raise ValueError(f"a mark must be one of {', '.join(MARK_KINDS)}, got '{unknown[0]}'")
    coloured = bool(generator.random() < 1 / 6) if colour is None else colour
    rgb = _tinted(generator, pixels) if coloured else np.repeat(pixels[..., None], 3, axis=2)
    marks = []
    for kind in kinds:
        paint: Rgb = _COLOURS[generator.integers(len(_COLOURS))] if coloured else (1.0, 1.0, 1.0)
        wanted = _level(generator)
        for name, ink in _DRAWERS[kind](generator, pixels.shape):
            drawn = ink >= DRAWN_SHARE * 255
            if drawn.any():
                level = max(wanted, min(1.0, float(pixels[drawn].mean()) + LEAST_CONTRAST))
                _lay(generator, rgb, ink, np.array(paint, np.float32) * np.float32(level), gradient=kind == "furniture" and ink.max() < 255)
                marks.append(DrawnMark(name, drawn))
    rgb = _smeared(generator, rgb)
    grey = (rgb @ _LUMA).astype(np.float32) if coloured else np.ascontiguousarray(rgb[..., 0])
    return BurntIn(np.clip(grey, 0, 1), np.rint(rgb * 255).astype(np.uint8) if coloured else None, tuple(marks))


# ---- ink on the picture ----


def _level(generator: np.random.Generator) -> float:
    """Return how bright a mark is: most are all but white, a third is grey."""
    return float(generator.uniform(0.86, 1.0) if generator.random() < 0.65 else generator.uniform(0.5, 0.86))


def _tinted(generator: np.random.Generator, pixels: Field) -> Field:
    """Return a picture in colour, with the tint over all that some scanners lay on."""
    tint = 1 + generator.uniform(-0.12, 0.12, 3) * (generator.random() < 0.5)
    return np.clip(pixels[..., None] * tint.astype(np.float32), 0, 1).astype(np.float32)


def _lay(generator: np.random.Generator, rgb: Field, ink: Ink, paint: NDArray[np.float32], *, gradient: bool) -> None:
    """Lay ink over a picture in place; letters and crosses sometimes have a dark rim, a bar of greys is its own paint."""
    share = (ink.astype(np.float32) / np.float32(255))[..., None]
    if gradient:
        drawn = (ink > 0)[..., None]
        rgb[...] = np.where(drawn, (share - DRAWN_SHARE) / (1 - DRAWN_SHARE), rgb)
        return
    if generator.random() < 0.15:
        rim = np.asarray(cv2.dilate(ink, np.ones((3, 3), np.uint8)), np.float32)[..., None] / 255
        rgb *= 1 - rim
    if generator.random() < 0.3:
        share = np.asarray(cv2.GaussianBlur(share, (0, 0), generator.uniform(0.3, 1.0)), np.float32)[..., None]
    rgb += share * np.float32(generator.uniform(0.85, 1.0)) * (paint - rgb)


def _smeared(generator: np.random.Generator, rgb: Field) -> Field:
    """Return the picture after JPEG of some quality, in half of the cases; else in 8 bits."""
    stored = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    if generator.random() < 0.5:
        quality = int(generator.integers(45, 96))
        written = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        stored = np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR), np.uint8)
    return stored.astype(np.float32) / np.float32(255)


# ---- the kinds ----

Drawn = list[tuple[str, Ink]]
Shape = tuple[int, ...]


def _place(generator: np.random.Generator, shape: Shape, margin: float = -0.02) -> tuple[float, float]:
    """Return row and column of a place anywhere, a little outside included."""
    return generator.uniform(margin, 1 - margin) * shape[0], generator.uniform(margin, 1 - margin) * shape[1]


def _stroke(generator: np.random.Generator) -> tuple[int, int]:
    """Return thickness in pixels and kind of a line for opencv."""
    return int(generator.choice([1, 1, 2, 2, 3])), cv2.LINE_AA if generator.random() < 0.6 else cv2.LINE_8


def _line(ink: Ink, ends: NDArray[np.float64], stroke: tuple[int, int]) -> None:
    """Draw a line between two (row, column) ends, to a sixteenth of a pixel."""
    (row0, col0), (row1, col1) = np.rint(ends * 16).astype(int).tolist()
    cv2.line(ink, (col0, row0), (col1, row1), 255, stroke[0], stroke[1], 4)


def _dots(ink: Ink, ends: NDArray[np.float64], spacing: float, side: int) -> None:
    """Draw square dots along a line at even distances."""
    count = max(2, round(float(np.hypot(*(ends[1] - ends[0]))) / spacing) + 1)
    for row, col in np.rint(np.linspace(ends[0], ends[1], count)).astype(int).tolist():
        cv2.rectangle(ink, (col, row), (col + side - 1, row + side - 1), 255, cv2.FILLED)


def _cross(generator: np.random.Generator, ink: Ink, place: tuple[float, float], form: str, arm: float) -> None:
    """Draw a cross: plus, x or star, in lines, dots, or lines with a gap in the middle."""
    stroke = _stroke(generator)
    stroke = min(stroke[0], max(1, int(arm // 3))), stroke[1]
    way = generator.choice(["lines", "lines", "lines", "dots", "gap"])
    angles = {"plus": (0, 90), "x": (45, 135), "star": (0, 45, 90, 135)}[form]
    turn = generator.uniform(-20, 20) if generator.random() < 0.15 else 0.0
    middle = np.array(place) if stroke[1] == cv2.LINE_AA else np.rint(place)
    for angle in np.deg2rad(np.array(angles) + turn):
        along = arm * np.array([np.sin(angle), np.cos(angle)])
        if way == "dots":
            _dots(ink, np.stack([middle - along, middle + along]), max(2.0, 0.45 * arm), stroke[0])
        elif way == "gap" and arm >= 5:
            _line(ink, np.stack([middle - along, middle - 0.35 * along]), stroke)
            _line(ink, np.stack([middle + 0.35 * along, middle + along]), stroke)
        else:
            _line(ink, np.stack([middle - along, middle + along]), stroke)


def _caliper(
    generator: np.random.Generator, shape: Shape, place: tuple[float, float] | None = None, style: tuple[str, float] | None = None
) -> Drawn:
    """Draw one cross, in a third of the cases with its number beside it."""
    ink = np.zeros(shape, np.uint8)
    form, arm = style or _cross_style(generator)
    place = place or _place(generator, shape)
    _cross(generator, ink, place, form, arm)
    drawn: Drawn = [("caliper", ink)]
    if generator.random() < 1 / 3:
        aside = place[0] + generator.uniform(-3, 0.6) * arm, place[1] + generator.choice([-2.2, 0.9]) * arm
        number = np.zeros(shape, np.uint8)
        _write(generator, number, str(generator.integers(1, 5)), aside, max(6.0, generator.uniform(1.0, 1.9) * arm))
        drawn.append(("text", number))
    return drawn


def _cross_style(generator: np.random.Generator) -> tuple[str, float]:
    return str(generator.choice(["plus", "plus", "plus", "x", "star"])), float(generator.uniform(3.0, 11.0))


def _track(generator: np.random.Generator, shape: Shape) -> Drawn:
    """Draw a dotted or dashed line, or a dotted ellipse; in two of three cases with crosses at its ends."""
    ink = np.zeros(shape, np.uint8)
    first = np.array(_place(generator, shape))
    angle, length = generator.uniform(0, 2 * np.pi), generator.uniform(25, max(40.0, 0.45 * min(shape)))
    ends = np.stack([first, first + length * np.array([np.sin(angle), np.cos(angle)])])
    side, spacing = int(generator.choice([1, 1, 2, 2, 3])), generator.uniform(1.8, 4.5)
    if generator.random() < 0.15:
        axes = length / 2, length * generator.uniform(0.25, 0.5)
        turns = np.arange(0, 2 * np.pi, spacing * side * 1.3 / axes[0])
        cos, sin = np.cos(angle), np.sin(angle)
        across, along = axes[1] * np.sin(turns), axes[0] * np.cos(turns)
        middle = ends.mean(axis=0)
        for row, col in np.rint(np.stack([middle[0] + sin * along + cos * across, middle[1] + cos * along - sin * across], 1)).astype(int):
            cv2.rectangle(ink, (int(col), int(row)), (int(col) + side - 1, int(row) + side - 1), 255, cv2.FILLED)
        return [("track", ink)]
    if generator.random() < 0.25:
        dash = generator.uniform(0.35, 0.6)
        count = max(3, round(length / (spacing * 2.5)))
        for start in np.arange(count) / count:
            _line(ink, ends[0] + (ends[1] - ends[0]) * np.array([[start], [start + dash / count]]), (min(side, 2), cv2.LINE_AA))
    else:
        _dots(ink, ends, max(side + 1.5, spacing * side), side)
    if generator.random() < 1 / 3:
        return [("track", ink)]
    style = _cross_style(generator)
    crosses = [mark for end in ends for mark in _caliper(generator, shape, (float(end[0]), float(end[1])), style)]
    return [("track", ink), *crosses]


def _text(generator: np.random.Generator, shape: Shape) -> Drawn:
    """Write one to three lines of words or random letters; a cursor may stand behind the last."""
    ink = np.zeros(shape, np.uint8)
    height = float(generator.uniform(7, 22))
    row, col = _place(generator, shape)
    col -= generator.uniform(0, 4) * height
    for _ in range(int(generator.choice([1, 1, 1, 2, 3]))):
        words = _words(generator)
        words = words.upper() if generator.random() < 0.5 else words
        _write(generator, ink, words, (row, col), height)
        row += height * generator.uniform(1.3, 1.9)
    return [("text", ink)]


def _words(generator: np.random.Generator) -> str:
    words = [_WORDS[generator.integers(len(_WORDS))] for _ in range(int(generator.integers(1, 3)))]
    if generator.random() < 0.4:
        words.append("".join(generator.choice(list(_LETTERS), int(generator.integers(1, 9))).tolist()))
    return " ".join(words) + (" |" if generator.random() < 0.15 else "")


def _write(generator: np.random.Generator, ink: Ink, words: str, place: tuple[float, float], height: float) -> None:
    """Write words at an upper left corner in one of eight typefaces, smooth or in coarse dots."""
    row, col = place
    way = generator.integers(0, 10)
    if way < 4:
        font = ImageFont.load_default(height * 1.3)
        page = Image.fromarray(ink)
        pen = ImageDraw.Draw(page)
        pen.fontmode = "L" if generator.random() < 0.7 else "1"
        pen.text((col, row), words, 255, font, stroke_width=int(generator.random() < 0.25))
        ink[...] = np.maximum(ink, np.asarray(page))
        return
    coarse = 2 if way == 4 and height >= 11 else 1
    font_face = int(_FONTS[generator.integers(len(_FONTS))])
    size = height / coarse / cv2.getTextSize("A", font_face, 1, 1)[0][1]
    thick = max(1, round(generator.uniform(0.07, 0.17) * height / coarse))
    small = np.zeros((-(-ink.shape[0] // coarse), -(-ink.shape[1] // coarse)), np.uint8)
    at = round(col / coarse), round((row + height) / coarse)
    cv2.putText(small, words, at, font_face, size, 255, thick, cv2.LINE_8 if coarse == 2 or generator.random() < 0.3 else cv2.LINE_AA)
    whole = np.repeat(np.repeat(small, coarse, 0), coarse, 1)[: ink.shape[0], : ink.shape[1]]
    np.maximum(ink, whole, out=ink)


def _arrow(generator: np.random.Generator, shape: Shape) -> Drawn:
    """Draw an arrow: a filled or open head with or without a shaft, at any angle."""
    ink = np.zeros(shape, np.uint8)
    tip, angle = np.array(_place(generator, shape)), generator.uniform(0, 2 * np.pi)
    along = np.array([np.sin(angle), np.cos(angle)])
    across = np.array([along[1], -along[0]])
    head = generator.uniform(6, 16)
    wings = tip - head * along + np.outer([1, -1], across) * head * generator.uniform(0.35, 0.65)
    stroke = _stroke(generator)
    way = generator.choice(["filled", "filled", "open", "hollow"])
    if way == "open":
        for wing in wings:
            _line(ink, np.stack([tip, wing]), stroke)
    outline = np.rint(np.stack([tip, wings[0], wings[1]])[:, ::-1] * 16).astype(np.int32)
    if way == "filled":
        cv2.fillPoly(ink, [outline], 255, cv2.LINE_AA, 4)
    if way == "hollow":
        cv2.polylines(ink, [outline], True, 255, 1, cv2.LINE_AA, 4)
    if way == "open" or generator.random() < 0.65:
        neck = tip - (0 if way == "open" else head) * along
        _line(ink, np.stack([neck, tip - head * generator.uniform(1.8, 4.5) * along]), (max(stroke[0], int(head // 5)), cv2.LINE_AA))
    return [("arrow", ink)]


def _body_mark(generator: np.random.Generator, shape: Shape) -> Drawn:
    """Draw a pictogram: one breast or two, in outline, with nipple, perhaps chest and arms, and a bar where the probe lay."""
    ink = np.zeros(shape, np.uint8)
    row, col = _place(generator, shape, 0.06)
    radius = float(generator.uniform(9, 26))
    stroke = int(generator.choice([1, 1, 2])), cv2.LINE_AA
    start = float(generator.choice([0, 0, 180]))
    tall = generator.uniform(0.75, 1.1)
    two = generator.random() < 0.55
    middles = [col - 1.15 * radius, col + 1.15 * radius] if two else [col]
    half = generator.random() < 0.4
    for middle in middles:
        centre, end = (round(middle), round(row)), start + (180 if half else 360)
        cv2.ellipse(ink, centre, (round(radius), round(radius * tall)), 0, start if half else 0, end, 255, *stroke)
        nipple = max(1, round(0.14 * radius))
        below = round(row + (radius * tall * 0.5 if half else 0) * (1 if start == 0 else -1))
        cv2.circle(ink, (centre[0], below), nipple, 255, 1 if generator.random() < 0.5 else cv2.FILLED, cv2.LINE_AA)
    if generator.random() < 0.4:
        sides = (middles[0] - 1.25 * radius, middles[-1] + 1.25 * radius)
        for side, way in zip(sides, (-1, 1), strict=True):
            ends = np.array([[row - 1.3 * radius, side + way * 0.5 * radius], [row + 1.1 * radius, side]])
            _line(ink, ends, stroke)
    angle, length = generator.uniform(0, np.pi), radius * generator.uniform(0.35, 0.6)
    at = np.array([row, middles[0]]) + generator.uniform(-0.6, 0.6, 2) * radius
    along = length * np.array([np.sin(angle), np.cos(angle)])
    _line(ink, np.stack([at - along, at + along]), (int(generator.integers(1, 5)), cv2.LINE_AA))
    return [("body mark", ink)]


def _furniture(generator: np.random.Generator, shape: Shape) -> Drawn:
    """Draw a bar of greys, a depth scale with its numbers, or a frame."""
    ink = np.zeros(shape, np.uint8)
    way = generator.choice(["bar", "scale", "scale", "frame"])
    rows, cols = shape
    if way == "bar":
        height, width = int(generator.uniform(0.25, 0.6) * rows), int(generator.integers(5, 15))
        row = int(generator.uniform(0, rows - height))
        col = int(generator.choice([generator.uniform(0, 8), cols - width - generator.uniform(1, 8)]))
        ramp = np.linspace(254, 255 * DRAWN_SHARE + 1, height).astype(np.uint8)
        ink[row : row + height, max(0, col) : col + width] = ramp[:, None]
        return [("furniture", ink)]
    if way == "frame":
        (top, bottom), (left, right) = sorted(generator.uniform(0, rows, 2)), sorted(generator.uniform(0, cols, 2))
        corners = (round(left), round(top)), (round(right), round(bottom))
        cv2.rectangle(ink, *corners, 255, int(generator.integers(1, 3)))
        return [("furniture", ink)]
    return _scale(generator, ink)


def _scale(generator: np.random.Generator, ink: Ink) -> Drawn:
    """Draw ticks at even distances along a side, with or without an axis and numbers."""
    rows, cols = ink.shape
    left, step = generator.random() < 0.5, generator.uniform(8, 45)
    length, thick, every = int(generator.integers(2, 9)), int(generator.integers(1, 3)), int(generator.choice([1, 2, 5]))
    edge = int(generator.choice([0, generator.uniform(1, 25)]))
    written = np.zeros_like(ink)
    numbers = generator.random() < 0.4 and step * every > 14
    for number, row in enumerate(np.arange(generator.uniform(0, step), rows, step)):
        reach = length if number % every == 0 else max(2, length // 2)
        columns = (edge, edge + reach) if left else (cols - 1 - edge - reach, cols - 1 - edge)
        cv2.rectangle(ink, (columns[0], round(row)), (columns[1] - 1, round(row) + thick - 1), 255, cv2.FILLED)
        if numbers and number % every == 0:
            _write(generator, written, str(number // every), (row - 4, columns[1] + 3 if left else columns[0] - 10), 7.0)
    if generator.random() < 0.25:
        axis = edge if left else cols - 1 - edge
        cv2.line(ink, (axis, 0), (axis, rows - 1), 255, 1)
    if generator.random() < 0.2:  # the same along a horizontal side
        ink, written = np.ascontiguousarray(cv2.resize(ink.T, (cols, rows))), np.zeros_like(ink)
    return [("furniture", ink), ("text", written)]


_DRAWERS: dict[str, Callable[[np.random.Generator, Shape], Drawn]] = {
    "caliper": _caliper,
    "track": _track,
    "text": _text,
    "arrow": _arrow,
    "body mark": _body_mark,
    "furniture": _furniture,
}

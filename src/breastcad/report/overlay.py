"""The pictures of an analysis: overlay, heat map, masks, and the source as a small picture, all as encoded bytes.

Drawn with OpenCV on arrays; no files, no HTML. A mark is a white line on a black one, so that it stays visible on dark and on bright
tissue, in print and without colour; what it is worth stands beside it as a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.records import NOTICE, Finding

Colours = NDArray[np.uint8]
SHOWN_LONG_SIDE = (900, 1400)
THUMBNAIL_LONG_SIDE = 900
THIN_BELOW = 0.5
HEAT_COLOURS = {"viridis": cv2.COLORMAP_VIRIDIS, "red-green-blue": cv2.COLORMAP_JET}
"""viridis by default; red high, green middle, blue low as publication C draws it, which colour-blind readers cannot tell apart."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_FAINTEST, _STRONGEST = 0.15, 0.6


def encode(extension: str, pixels: NDArray[Any], *options: int) -> bytes:
    """Return an encoded picture.

    Parameters
    ----------
    extension : str
        ``".png"`` or ``".jpg"``.
    pixels : (H, W) or (H, W, 3) ndarray of uint8 or uint16
        Colour in OpenCV's order: blue, green, red.
    *options : int
        OpenCV's pairs of flag and value.

    Raises
    ------
    ValueError
        If the pixels cannot be encoded so.
    """
    done, content = cv2.imencode(extension, np.ascontiguousarray(pixels), list(options))
    if not done:
        raise ValueError(f"pixels of shape {pixels.shape} and type {pixels.dtype} cannot be encoded as '{extension}'")
    return content.tobytes()


def mask_png(mask: NDArray[np.bool_]) -> bytes:
    """Return a mask as an 8-bit grey PNG of the same size, 0 outside and 255 inside.

    Parameters
    ----------
    mask : (H, W) ndarray of bool
    """
    return encode(".png", mask.astype(np.uint8) * 255)


def heat_map_png(heat_map: NDArray[np.float32], span: tuple[float, float] = (0.0, 1.0)) -> bytes:
    """Return a heat map as a 16-bit grey PNG of the same size: 0 stands for the lower end of `span`, 65535 for the upper.

    Parameters
    ----------
    heat_map : (h, w) ndarray of float32
    span : (float, float)
        Values outside are clipped.

    Raises
    ------
    ValueError
        If the span is empty or a value is not finite.
    """
    low, high = span
    if not low < high:
        raise ValueError(f"span must rise, got {span}")
    if not np.isfinite(heat_map).all():
        raise ValueError("heat_map must be finite")
    levels = np.clip((heat_map - np.float32(low)) * np.float32(65535 / (high - low)), 0, 65535)
    return encode(".png", np.rint(levels).astype(np.uint16))


def heat_layer_png(heat_map: NDArray[np.float32], long_side: int, *, floor: float = 0.05, colours: str = "viridis") -> bytes:
    """Return a heat map as a picture to lay over its film: an 8-bit PNG of the colours and strengths that `draw_overlay` has.

    Parameters
    ----------
    heat_map : (h, w) ndarray of float32
        In [0, 1].
    long_side : int
        In pixels; a smaller map keeps its size.
    floor : float
        Values up to here are transparent.
    colours : str
        A name of `HEAT_COLOURS`.
    """
    levels = _levels(_resized(heat_map, min(1.0, long_side / max(heat_map.shape))))
    alpha, palette = _strengths(floor, colours)
    table = np.concatenate([palette * (alpha > 0)[:, None], np.rint(255 * alpha)[:, None]], axis=1).astype(np.uint8)
    return encode(".png", table[levels], cv2.IMWRITE_PNG_COMPRESSION, 9)


def shown_scale(rows: int, cols: int) -> float:
    """Return by how much a picture is enlarged for an overlay: its long side lies within `SHOWN_LONG_SIDE` afterwards.

    Examples
    --------
    >>> shown_scale(450, 300), shown_scale(1000, 1000), shown_scale(1000, 2800)
    (2.0, 1.0, 0.5)
    """
    long_side = max(rows, cols)
    return float(min(max(long_side, SHOWN_LONG_SIDE[0]), SHOWN_LONG_SIDE[1]) / long_side)


def thumbnail_jpeg(pixels: NDArray[Any], long_side: int = THUMBNAIL_LONG_SIDE) -> bytes:
    """Return a picture as a JPEG whose long side is at most `long_side` pixels.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32 in [0, 1], or (H, W, 3) ndarray of uint8, red, green, blue
    long_side : int
        In pixels; a smaller picture keeps its size.
    """
    shown = _resized(pixels, min(1.0, long_side / max(pixels.shape[:2])))
    return encode(".jpg", _blue_green_red(shown), cv2.IMWRITE_JPEG_QUALITY, 85)


def load_letters() -> None:
    """Let OpenCV load its letters, which it else does when it first writes, and which takes as long as drawing a picture."""
    cv2.getTextSize("0", _FONT, 1, 1)


def draw_overlay(
    pixels: NDArray[np.float32],
    findings: Sequence[Finding],
    masks: Sequence[NDArray[np.bool_]] = (),
    heat_map: NDArray[np.float32] | None = None,
    *,
    floor: float = 0.05,
    of: str = "P(malignant)",
    colours: str = "viridis",
) -> Colours:
    """Return a picture with its heat map, its findings outlined and numbered, and below it a legend and the notice of research use.

    The heat map's colours are OpenCV's viridis over [0, 1] (told apart by colour-blind people, and by brightness in print), or others, over
    what exceeds `floor` only, the stronger the value. A finding is numbered by its place in `findings`, from 1; its line is thin where its
    probability of being a lesion is below `THIN_BELOW`.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        The picture in [0, 1].
    findings : sequence of Finding
        Boxes in source pixels.
    masks : sequence of (H, W) ndarray of bool
        One a finding, or none at all; a finding without a mask is shown as its box.
    heat_map : (h, w) ndarray of float32, optional
        In [0, 1]; covers the whole picture, whatever its own size.
    floor : float
        The heat map's values up to here are not shown.
    of : str
        What the heat map shows from 0 to 1, for the legend.
    colours : str
        A name of `HEAT_COLOURS`.

    Returns
    -------
    (h, w, 3) ndarray of uint8
        Blue, green, red; enlarged or reduced by `shown_scale`, with a strip added below.

    Raises
    ------
    ValueError
        If there are masks, but not one a finding.
    """
    if len(masks) not in (0, len(findings)):
        raise ValueError(f"masks must be none or one a finding, got {len(masks)} for {len(findings)} findings")
    scale = shown_scale(*pixels.shape)
    canvas = _blue_green_red(_resized(pixels, scale))
    if heat_map is not None:
        canvas = _with_heat(canvas, heat_map, floor, colours)
    letters = max(15, round(max(canvas.shape) / 64))
    outlines = [_outline(finding, masks[i] if masks else None, scale, canvas.shape) for i, finding in enumerate(findings)]
    for finding, contours in zip(findings, outlines, strict=True):
        _cased_lines(canvas, contours, letters, thin=finding.probability.get("lesion", 1.0) < THIN_BELOW)
    _numbers(canvas, [np.concatenate(contours)[:, 0] for contours in outlines], letters)
    return np.vstack([canvas, _strip(canvas.shape[1], letters, of if heat_map is not None else None, colours)])


def _resized(pixels: NDArray[Any], scale: float) -> NDArray[Any]:
    if scale == 1.0:
        return pixels
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    resized: NDArray[Any] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return resized


def _blue_green_red(pixels: NDArray[Any]) -> Colours:
    """Turn grey float32 in [0, 1], or red-green-blue uint8, into blue-green-red uint8."""
    if pixels.ndim == 3:
        return np.ascontiguousarray(pixels[:, :, ::-1], dtype=np.uint8)
    grey = np.rint(np.clip(pixels.astype(np.float32), 0, 1) * 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _with_heat(canvas: Colours, heat_map: NDArray[np.float32], floor: float, named: str) -> Colours:
    """Lay the heat map over the canvas, the stronger the higher its value; up to `floor` the canvas stays as it is."""
    shrinks = heat_map.shape[0] > canvas.shape[0]
    heat = cv2.resize(heat_map, (canvas.shape[1], canvas.shape[0]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    alpha, colours = _strengths(floor, named)
    thrice = cv2.merge([_levels(heat)] * 3)
    kept = cv2.LUT(thrice, np.rint(255 * (1 - alpha)).astype(np.uint8)[:, None, None].repeat(3, axis=2))
    laid = cv2.LUT(thrice, np.rint(colours * alpha[:, None]).astype(np.uint8)[:, None])
    return np.asarray(cv2.add(cv2.multiply(canvas, kept, scale=1 / 255), laid), np.uint8)


def _levels(heat: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the 256 levels, rounded down, by which colour and strength are looked up: so nothing up to the floor shows."""
    return (np.clip(heat, 0, 1) * np.float32(255)).astype(np.uint8)


def _strengths(floor: float, named: str) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Return of each level how strongly it covers, (256,), and its colour, (256, 3) in blue, green, red."""
    values = np.arange(256) / 255
    rise = np.clip((values - floor) / max(1e-6, 1 - floor), 0, 1)
    alpha = np.where(values > floor, _FAINTEST + (_STRONGEST - _FAINTEST) * rise, 0)
    return alpha, np.asarray(cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], HEAT_COLOURS[named])[:, 0], np.uint8)


def _outline(finding: Finding, mask: NDArray[np.bool_] | None, scale: float, shape: tuple[int, ...]) -> list[NDArray[np.int32]]:
    """Return the contours of a finding in canvas pixels, each (n, 1, 2) of column and row: its mask's, or its box."""
    if mask is not None and mask.any():
        size = (shape[1], shape[0])
        shown = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        contours = cv2.findContours((shown > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        if contours:
            return [np.asarray(contour, np.int32) for contour in contours]
    row0, col0, row1, col1 = (value * scale for value in finding.box)
    corners = [(col0, row0), (col1 - 1, row0), (col1 - 1, row1 - 1), (col0, row1 - 1)]
    return [np.rint(np.array(corners)).astype(np.int32)[:, None]]


def _cased_lines(canvas: Colours, contours: list[NDArray[np.int32]], letters: int, *, thin: bool) -> None:
    width = 1 if thin else max(2, round(letters / 9))
    cv2.drawContours(canvas, contours, -1, _BLACK, width * 3, cv2.LINE_AA)
    cv2.drawContours(canvas, contours, -1, _WHITE, width, cv2.LINE_AA)


def _numbers(canvas: Colours, outlines: list[NDArray[np.int32]], letters: int) -> None:
    """Write each finding's number on a plate beside its outline, at the first place where it covers no other plate."""
    taken: list[tuple[int, int, int, int]] = []
    for number, points in enumerate(outlines, start=1):
        text = str(number)
        (width, height), _ = cv2.getTextSize(text, _FONT, _font_scale(letters), 2)
        plate = (width + letters // 2, height + letters // 2)
        places = _plate_places(points, plate, canvas.shape)
        left, top = next((place for place in places if not any(_covers(place, plate, other) for other in taken)), places[0])
        taken.append((left, top, *plate))
        cv2.rectangle(canvas, (left, top), (left + plate[0], top + plate[1]), _BLACK, -1)
        cv2.rectangle(canvas, (left, top), (left + plate[0], top + plate[1]), _WHITE, 1)
        _write(canvas, text, left + letters // 4, top + plate[1] - letters // 4, letters)


def _plate_places(points: NDArray[np.int32], plate: tuple[int, int], shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return where a plate can stand, best first: beside an outline's highest, rightmost, lowest, leftmost point, moved into the canvas."""
    width, height = plate
    top, bottom = points[points[:, 1].argmin()], points[points[:, 1].argmax()]
    left, right = points[points[:, 0].argmin()], points[points[:, 0].argmax()]
    gap = height // 6
    places = [(top[0], top[1] - height - gap), (right[0] + gap, right[1]), (bottom[0], bottom[1] + gap), (left[0] - width - gap, left[1])]
    return [(int(np.clip(x, 0, max(0, shape[1] - width - 1))), int(np.clip(y, 0, max(0, shape[0] - height - 1)))) for x, y in places]


def _covers(place: tuple[int, int], plate: tuple[int, int], other: tuple[int, int, int, int]) -> bool:
    apart_in_cols = place[0] + plate[0] < other[0] or other[0] + other[2] < place[0]
    apart_in_rows = place[1] + plate[1] < other[1] or other[1] + other[3] < place[1]
    return not (apart_in_cols or apart_in_rows)


def _font_scale(letters: int) -> float:
    """Return OpenCV's font scale for capitals `letters` pixels high."""
    return letters / 22


def _write(canvas: Colours, text: str, col: int, row: int, letters: int) -> None:
    cv2.putText(canvas, text, (col, row), _FONT, _font_scale(letters), _WHITE, max(1, round(letters / 12)), cv2.LINE_AA)


def _text_width(text: str, letters: int) -> int:
    return int(cv2.getTextSize(text, _FONT, _font_scale(letters), max(1, round(letters / 12)))[0][0])


def _strip(width: int, letters: int, of: str | None, colours: str) -> Colours:
    """Return the strip below a picture: the notice, and the heat map's colours from 0 to 1 with what they stand for."""
    gap = letters // 2
    lettering = letters
    while lettering > 8 and _text_width(NOTICE, lettering) + 2 * gap > width:
        lettering -= 1
    legend = None if of is None else _legend(of, lettering, gap, colours)
    one_line = legend is None or _text_width(NOTICE, lettering) + 3 * gap + legend.shape[1] <= width
    line = lettering + 2 * gap
    strip = np.zeros((line if one_line else 2 * line, width, 3), np.uint8)
    _write(strip, NOTICE, gap, gap + lettering, lettering)
    if legend is not None:
        legend = legend[:, : max(0, width - gap)]
        left = width - legend.shape[1] - gap if one_line else gap
        strip[strip.shape[0] - line :, left : left + legend.shape[1]] = legend
    return strip


def _legend(of: str, letters: int, gap: int, colours: str) -> Colours:
    label = f"{of}  0 "
    start, bar, end = _text_width(label, letters), letters * 6, _text_width(" 1", letters)
    legend = np.zeros((letters + 2 * gap, start + bar + end + gap, 3), np.uint8)
    _write(legend, label, 0, gap + letters, letters)
    ramp = np.linspace(0, 255, bar).astype(np.uint8)[None, :].repeat(letters, axis=0)
    legend[gap : gap + letters, start : start + bar] = cv2.applyColorMap(ramp, HEAT_COLOURS[colours])
    _write(legend, " 1", start + bar, gap + letters, letters)
    return legend

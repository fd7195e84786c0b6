"""A picture of where a network looks: the image, the heat map, the boxes cut from it, and where the set's lesions are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box
from breastcad.core.records import Finding, FindingRow
from breastcad.evaluate.marks import has_place
from breastcad.report.overlay import Colours, draw_overlay, shown_scale

HEAT_FROM = 0.2
"""Below this share of its peak the heat map is not drawn, so that the tissue is seen."""
_ORANGE, _BLACK = (0, 159, 230), (0, 0, 0)
_DASH_PX = 9


def place_overlay(
    pixels: NDArray[np.float32], heat_map: NDArray[np.float32], boxes: Sequence[Box], lesions: Sequence[FindingRow], *, of: str,
    colours: str = "viridis",
) -> Colours:  # fmt: skip
    """Return a picture with a heat map, boxes numbered from the best, and lesions.

    The heat map is shown from `HEAT_FROM` of its peak to its peak; what lies below 0 is not shown. The best box has a thick white line, the
    others thin ones; lesions are dashed in orange, which is told from white in grey print by the dashes.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    heat_map : (h, w) ndarray of float32
        Over the whole picture.
    boxes : sequence of (row0, col0, row1, col1)
        In source pixels, best first.
    lesions : sequence of FindingRow
        Those without a place are not drawn.
    of : str
        What the heat map shows, for the legend.
    colours : str
        A name of `overlay.HEAT_COLOURS`.

    Returns
    -------
    (h, w, 3) ndarray of uint8
        Blue, green, red, as of `overlay.draw_overlay`.
    """
    peak = float(heat_map.max())
    shares = np.clip(heat_map / peak, 0, 1).astype(np.float32) if peak > 0 else np.zeros(heat_map.shape, np.float32)
    marks = [Finding(f"m{k}", "mark", [round(edge) for edge in box], {"lesion": float(k == 0)}) for k, box in enumerate(boxes)]
    canvas = draw_overlay(pixels, marks, heat_map=shares, floor=HEAT_FROM, of=of, colours=colours)
    scale = shown_scale(*pixels.shape)
    for lesion in lesions:
        if has_place(lesion):
            _dashed(canvas, [value * scale for value in (lesion.row0 or 0, lesion.col0 or 0, lesion.row1 or 0, lesion.col1 or 0)],
                    round_=lesion.geometry in ("circle", "ellipse"))  # fmt: skip
    return canvas


def _dashed(canvas: Colours, edges: Sequence[float], *, round_: bool) -> None:
    """Draw the outline of a box, or of the ellipse in it, as dashes with a dark edge."""
    row0, col0, row1, col1 = edges
    if round_:
        angles = np.linspace(0, 2 * np.pi, 721)
        rows = (row0 + row1) / 2 + (row1 - row0) / 2 * np.sin(angles)
        cols = (col0 + col1) / 2 + (col1 - col0) / 2 * np.cos(angles)
    else:
        corners = np.array([(row0, col0), (row0, col1), (row1, col1), (row1, col0), (row0, col0)])
        lengths = np.hypot(*np.diff(corners, axis=0).T)
        far = np.concatenate([[0], np.cumsum(lengths)])
        steps = np.linspace(0, far[-1], 1 + max(4, int(far[-1])))
        rows, cols = np.interp(steps, far, corners[:, 0]), np.interp(steps, far, corners[:, 1])
    along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(rows), np.diff(cols)))])
    points = np.rint(np.stack([cols, rows], axis=1)).astype(np.int32)
    for colour, width in ((_BLACK, 5), (_ORANGE, 2)):
        for first in range(len(points) - 1):
            if int(along[first] // _DASH_PX) % 2 == 0:
                cv2.line(canvas, points[first].tolist(), points[first + 1].tolist(), colour, width, cv2.LINE_AA)

"""The shape of a compressed breast in a mammogram: outline, nipple, thickness, pectoral muscle. Chest wall on the left, always.

Lengths are in units: one is the height of a film of ordinary proportions, so that the same breast comes out at any size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator, make_interp_spline

from breastcad.core.geometry import Point
from breastcad.phantom.textures import Field, fill_outline

FILM_PROPORTION = 0.62
ROLL_OFF = 0.13

# Control points (share of the breast's depth, share of its height) from the axilla or the upper edge round to the lower fold.
_OUTLINES = {
    "MLO": (
        (0.56, -0.1),
        (0.55, 0.04),
        (0.6, 0.19),
        (0.76, 0.34),
        (0.94, 0.49),
        (1.0, 0.61),
        (0.93, 0.75),
        (0.66, 0.88),
        (0.3, 0.95),
        (-0.1, 0.97),
    ),
    "CC": ((-0.1, 0.05), (0.3, 0.07), (0.65, 0.19), (0.91, 0.35), (1.0, 0.5), (0.91, 0.65), (0.65, 0.82), (0.3, 0.93), (-0.1, 0.95)),
}
_NIPPLE_AT = {"MLO": 0.61, "CC": 0.5}


@dataclass(slots=True)
class BreastShape:
    """A breast of one view: ``mask`` and ``pectoral`` (H, W) bool; ``skin_px`` each pixel's distance to the skin; ``thickness`` in [0, 1].

    ``nipple`` is (row, column), ``depth_px`` the distance from the chest wall to the nipple, ``unit_px`` the pixels of one unit.
    """

    mask: NDArray[np.bool_]
    pectoral: Field
    skin_px: Field
    thickness: Field
    nipple: Point
    depth_px: float
    unit_px: float


def breast_shape(generator: np.random.Generator, rows: int, cols: int, view: str) -> BreastShape:
    """Draw the shape of a breast.

    Parameters
    ----------
    generator : numpy.random.Generator
    rows, cols : int
        Size of the picture.
    view : str
        ``"MLO"`` (with the pectoral muscle) or ``"CC"``.

    Returns
    -------
    BreastShape
    """
    unit = min(rows, cols / FILM_PROPORTION)
    depth = min(0.86 * cols, unit * generator.uniform(0.38, 0.53))
    height = unit * generator.uniform(0.86, 1.0)
    top = 0.0 if view == "MLO" else (rows - height) / 2 + unit * generator.uniform(-0.03, 0.03)
    mask = _outline_mask(generator, (rows, cols), view=view, depth=depth, height=height, top=top)
    nipple = top + _NIPPLE_AT[view] * height, depth
    radius = max(1, round(0.017 * unit))
    seen = mask.astype(np.uint8)
    cv2.ellipse(seen, (round(nipple[1]), round(nipple[0])), (round(0.8 * radius), radius), 0, 0, 360, 1, cv2.FILLED)
    # Tissue goes on behind the edge of the film: only the skin ends it, so the picture is widened before distances are taken.
    wide = cv2.copyMakeBorder(seen, 2, 2, 2, 0, cv2.BORDER_REPLICATE)
    skin = np.asarray(cv2.distanceTransform(wide, cv2.DIST_L2, 5)[2:-2, 2:], np.float32)
    inward = np.clip(skin / np.float32(ROLL_OFF * unit), 0, 1)
    thickness = np.sqrt(1 - (1 - inward) ** 2)
    pectoral = _pectoral(generator, (rows, cols), depth=depth, unit=unit) if view == "MLO" else np.zeros((rows, cols), np.float32)
    return BreastShape(seen.astype(bool), pectoral * seen, skin, thickness, nipple, depth, unit)


def _outline_mask(
    generator: np.random.Generator, shape: tuple[int, int], *, view: str, depth: float, height: float, top: float
) -> NDArray[np.bool_]:
    """Draw a smooth line through the jittered control points and fill it to the chest wall."""
    points = np.array(_OUTLINES[view])
    points[1:-1] += generator.normal(0, 0.01, (len(points) - 2, 2))
    nipple = int(points[:, 0].argmax())
    points[nipple] = 1.0, _NIPPLE_AT[view]
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    curve = make_interp_spline(along, points, k=3)(np.linspace(0, along[-1], 200))
    outline = np.stack([top + curve[:, 1] * height, np.minimum(curve[:, 0] * depth, shape[1] - 1)], axis=1)
    closing = np.array([[outline[-1, 0], -0.2 * depth], [outline[0, 0], -0.2 * depth]])
    return fill_outline(shape, np.concatenate([outline, closing]))


def _pectoral(generator: np.random.Generator, shape: tuple[int, int], *, depth: float, unit: float) -> Field:
    """Return how much muscle lies over each pixel, in [0, 1]: a wedge in the upper corner at the chest wall, its edge a little bowed."""
    across, down = depth * generator.uniform(0.34, 0.5), unit * generator.uniform(0.42, 0.66)
    bow = generator.uniform(-0.02, 0.07)
    places = np.array([0, 0.25, 0.5, 0.75, 1.0])
    widths = (1 - places) + bow * np.sin(np.pi * places)
    rows = np.arange(shape[0], dtype=np.float32) + 0.5
    edge = np.float32(across) * PchipInterpolator(places, widths)(np.minimum(rows / down, 1)).astype(np.float32)
    inward = (edge[:, None] - np.arange(shape[1], dtype=np.float32)[None, :] - 0.5) / np.float32(0.0045 * unit)
    return (1 / (1 + np.exp(-np.clip(inward, -30, 30))) * np.clip((down - rows) / (0.02 * unit), 0, 1)[:, None]).astype(np.float32)

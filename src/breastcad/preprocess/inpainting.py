"""Burnt-in overlays taken out: the pixels under the marks that `burnt_in` finds are filled from the tissue beside them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.preprocess.burnt_in import check_picture, find_overlays

RADIUS_PX = 5
SMOOTH_PX = 2.5
_FINE = 65535  # opencv's filling of floats is wrong in version 5.0; of 16 bits it is right
_SHIFTS, _FARTHEST_PX = 24, 80


def without_overlays(
    pixels: NDArray[np.float32],
    colour: NDArray[np.uint8] | None = None,
    *,
    mask: NDArray[np.bool_] | None = None,
    generator: np.random.Generator | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Fill the burnt-in overlays of an ultrasound picture; every other pixel stays as it is.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    colour : (H, W, 3) ndarray of uint8, optional
        The same picture in colour, in which coloured marks are looked for.
    mask : (H, W) ndarray of bool, optional
        Fill this instead of what `burnt_in.find_overlays` finds.
    generator : numpy.random.Generator, optional
        Lay the speckle of tissue nearby over the smooth filling: it looks and varies like the tissue round it, but lies farther from
        what was there. The same generator fills the same way. Without one the filling is smooth.

    Returns
    -------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    mask : (H, W) ndarray of bool
        The pixels that were filled.

    Raises
    ------
    ValueError
        As `burnt_in.find_overlays`; or if `mask` has another shape.

    References
    ----------
    .. [1] A. Telea, An image inpainting technique based on the fast marching method, J. Graphics Tools 9 (2004) 23-34.

    Examples
    --------
    >>> scan = np.full((40, 60), 0.4, np.float32); scan[20, 10:30] = 1
    >>> filled, mask = without_overlays(scan, mask=scan == 1)
    >>> bool(np.allclose(filled, 0.4)), int(mask.sum())
    (True, 20)
    """
    check_picture(pixels, colour)
    mask = find_overlays(pixels, colour).mask if mask is None else mask
    if mask.shape != pixels.shape:
        raise ValueError(f"mask must have the shape {pixels.shape}, got {mask.shape}")
    filled = pixels.astype(np.float32)
    if mask.all():  # nothing is left to fill from
        mask = np.zeros_like(mask)
    if not mask.any():
        return filled, mask
    levels = np.rint(np.clip(filled, 0, 1) * _FINE).astype(np.uint16)
    smooth = cv2.inpaint(levels, mask.astype(np.uint8), RADIUS_PX, cv2.INPAINT_TELEA).astype(np.float32) / np.float32(_FINE)
    if generator is not None:
        smooth = smooth + _speckle_from_nearby(filled, smooth, mask, generator)
    filled[mask] = np.clip(smooth[mask], 0, 1)
    return filled, mask


def _speckle_from_nearby(
    pixels: NDArray[np.float32], smooth: NDArray[np.float32], mask: NDArray[np.bool_], generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return what to add to a smooth filling: for each piece of the mask, the detail of a place nearby whose grey is most alike."""
    known = 1 - mask.astype(np.float32)
    weight = cv2.GaussianBlur(known, (0, 0), SMOOTH_PX)
    level = np.asarray(cv2.GaussianBlur(pixels * known, (0, 0), SMOOTH_PX) / np.maximum(weight, 1e-6), np.float32)
    detail = (pixels - level) * known
    added = np.zeros_like(pixels)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)))
    for label in range(1, count):
        col0, row0, width, height = boxes[label, :4].tolist()
        own = (labels[row0 : row0 + height, col0 : col0 + width] == label) & mask[row0 : row0 + height, col0 : col0 + width]
        places = np.argwhere(own) + np.array((row0, col0))
        best = _alike(places, smooth, level, known, generator)
        if best is not None:
            added[tuple(places.T)] = detail[tuple(best.T)]
    return added


def _alike(
    places: NDArray[np.intp],
    smooth: NDArray[np.float32],
    level: NDArray[np.float32],
    known: NDArray[np.float32],
    generator: np.random.Generator,
) -> NDArray[np.intp] | None:
    """Return the places, shifted as a whole to where the grey is most like that of the filling; None if no shift fits into the picture."""
    shape = np.array(level.shape)
    least, best = np.inf, None
    wanted = smooth[tuple(places.T)]
    for shift in generator.integers(-_FARTHEST_PX, _FARTHEST_PX + 1, (_SHIFTS, 2)):
        moved = places + shift
        if (moved < 0).any() or (moved >= shape).any():
            continue
        there = tuple(moved.T)
        # Where a mark lies there is no detail: such places cost as much as the wrong grey.
        cost = float(np.abs(level[there] - wanted).mean() + (1 - known[there]).mean())
        if cost < least:
            least, best = cost, moved
    return best

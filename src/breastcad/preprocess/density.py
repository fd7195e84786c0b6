"""Percent density of a mammogram, by area: a first measure, not a BI-RADS category."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

WORKING_SIDE_PX = 240
SURROUNDINGS_PX, LEAST_CONTRAST = 10, 0.045
BODY_PX, BODY_SHARE = 5, 0.2
SKIN_PX = 5

_Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Density:
    """``share`` of the breast without its muscle that is fibroglandular, in [0, 1], NaN without tissue; ``mask`` (H, W) bool: where."""

    share: float
    mask: NDArray[np.bool_]


def percent_density(pixels: NDArray[np.float32], breast: NDArray[np.bool_], muscle: NDArray[np.bool_]) -> Density:
    """Find the fibroglandular tissue and the share of the breast that it takes.

    One threshold for a film would take fat of a fatty breast for glands: there is always something brighter. So strands are found by
    their contrast: pixels brighter by 0.045 than their surroundings (a Gaussian of 10 pixels at 240 pixels a side, over tissue only).
    Where strands are dense (20 % within a Gaussian of 5 pixels) lies the fibroglandular body. The skin is left out.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    breast, muscle : (H, W) ndarray of bool
        Of `breast_region` and `pectoral_muscle`.

    Returns
    -------
    Density

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Its thresholds were chosen on the films that docs/breast-region.md measures it on: brightness is the scanner's, not calibrated.

    Examples
    --------
    >>> film = np.full((120, 100), 0.3, np.float32); film[50:62, 40:52] = 0.6
    >>> whole, none = np.ones(film.shape, bool), np.zeros(film.shape, bool)
    >>> found = percent_density(film, whole, none)
    >>> bool(found.mask[56, 46]), bool(found.mask[10, 10]), found.share < 0.1
    (True, False, True)
    """
    if not pixels.shape == breast.shape == muscle.shape:
        raise ValueError(f"pixels, breast and muscle must have one shape, got {pixels.shape}, {breast.shape} and {muscle.shape}")
    tissue = breast & ~muscle
    if not tissue.any():
        return Density(float("nan"), tissue)
    height, width = pixels.shape
    factor = min(1.0, WORKING_SIDE_PX / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    film = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    inside = cv2.resize(tissue.astype(np.float32), size, interpolation=cv2.INTER_NEAREST).astype(np.float32, copy=False)
    strands = film - _mean(film, inside, SURROUNDINGS_PX) > LEAST_CONTRAST
    under_skin = cv2.erode(inside, np.ones((SKIN_PX, SKIN_PX), np.uint8), borderType=cv2.BORDER_REPLICATE)
    body = np.clip(_mean(strands * under_skin, inside, BODY_PX), 0, 1) * under_skin
    glands = (cv2.resize(body, (width, height), interpolation=cv2.INTER_LINEAR) > BODY_SHARE) & tissue
    return Density(float(glands.sum() / tissue.sum()), glands)


def _mean(values: _Float, inside: _Float, sigma: float) -> _Float:
    """Return the Gaussian mean over what lies inside."""
    weight = np.maximum(cv2.GaussianBlur(inside, (0, 0), sigma), np.float32(0.05))
    return (cv2.GaussianBlur(values * inside, (0, 0), sigma) / weight).astype(np.float32, copy=False)

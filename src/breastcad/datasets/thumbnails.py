"""Pictures reduced to 64 x 64, and what is left of them once brightness and background are taken out: what pairs are compared by."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

THUMBNAIL_SIDE_PX = 64

_DARK = 0.06
_LOCAL_SIGMA_PX = 2.0
_LEAST_CONTRAST = 0.01
_EROSIONS = 2


def thumbnail(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image reduced to 64 x 64 by area, its aspect lost, its brightest value 1.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        Not negative.

    Returns
    -------
    (64, 64) ndarray of float32
        In [0, 1]; all zero for a black image.

    Examples
    --------
    >>> small = thumbnail(np.full((200, 100), 0.5, np.float32))
    >>> small.shape, float(small.max())
    ((64, 64), 1.0)
    """
    small = cv2.resize(pixels, (THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    brightest = small.max()
    return small / brightest if brightest > 0 else small


def structure(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image with local mean 0 and local contrast 1 inside its tissue, and 0 outside."""
    tissue = cv2.erode((image > _DARK).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=_EROSIONS).astype(np.float32)
    weight = np.maximum(_blurred(tissue), 1e-6)
    detail = (image - _blurred(image * tissue) / weight) * tissue
    contrast = np.sqrt(_blurred(np.square(detail)) / weight)
    return (detail / (contrast + _LEAST_CONTRAST) * tissue).astype(np.float32)


def _blurred(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.GaussianBlur(image, (0, 0), _LOCAL_SIGMA_PX).astype(np.float32)

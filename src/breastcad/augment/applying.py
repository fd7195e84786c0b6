"""Applying a drawn augmentation to an image and its lesion map together."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.augment.drawing import Augmentation
from breastcad.core.geometry import Box, ellipse_mask


def apply(
    image: NDArray[np.uint8], lesions: NDArray[np.uint8], augmentation: Augmentation, *, mirror_border: bool
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the augmented image and its lesion map, of the same size.

    Parameters
    ----------
    image : (H, W) ndarray of uint8
        Grey levels, 255 for 1.0.
    lesions : (H, W) ndarray of uint8
        A code a pixel, 0 where there is no lesion; codes stay as they are.
    augmentation : Augmentation
    mirror_border : bool
        What lies outside the image: its mirror image (ultrasound), or black (films).

    Returns
    -------
    image : (H, W) ndarray of float32
        In [0, 1].
    lesions : (H, W) ndarray of uint8
    """
    for box, shift in augmentation.heals:
        image, lesions = _replaced(image, lesions, box, shift)
    rows, cols = image.shape
    matrix = np.array(augmentation.matrix, np.float64).reshape(2, 3)
    border = cv2.BORDER_REFLECT_101 if mirror_border else cv2.BORDER_CONSTANT
    moved = cv2.warpAffine(image, matrix, (cols, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border)
    codes = cv2.warpAffine(lesions, matrix, (cols, rows), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=border)
    return _toned(moved.astype(np.uint8, copy=False), augmentation), codes.astype(np.uint8)


def _toned(moved: NDArray[np.uint8], augmentation: Augmentation) -> NDArray[np.float32]:
    levels = np.arange(256, dtype=np.float32) / 255  # there are no others: a power of each pixel takes as long as all the rest
    toned = np.power(levels, np.float32(augmentation.gamma)) * np.float32(augmentation.contrast) + np.float32(augmentation.brightness)
    tissue, tone = moved > 0, cast(NDArray[np.float32], cv2.LUT(moved, toned))
    if augmentation.blur_px > 0.2:
        tone = cv2.GaussianBlur(tone, (0, 0), augmentation.blur_px).astype(np.float32, copy=False)
    if augmentation.noise > 0:
        noise = np.random.Generator(np.random.PCG64(augmentation.noise_seed)).standard_normal(tone.shape, dtype=np.float32)
        tone = tone + np.float32(augmentation.noise) * noise
    # Black stays black: a brightened margin would tell a film's augmentation from its tissue.
    return np.clip(np.where(tissue, tone, np.float32(0)), 0, 1).astype(np.float32)


def _replaced(
    image: NDArray[np.uint8], lesions: NDArray[np.uint8], box: Box, shift: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Lay other tissue of the same image over the ellipse in a box, feathered inwards, its mean fitted to the rim."""
    spot = ellipse_mask((image.shape[0], image.shape[1]), box)
    feather = max(2.0, 0.06 * max(box[2] - box[0], box[3] - box[1]))
    # Half of a blurred edge lies within: beyond the ellipse, where nobody asked what the tissue holds, nothing is touched.
    alpha = np.clip(2 * cv2.GaussianBlur(spot.astype(np.float32), (0, 0), feather) - 1, 0, 1) * spot
    moved = np.roll(image, (-shift[0], -shift[1]), axis=(0, 1)).astype(np.float32)
    rim = (alpha > 0.05) & (alpha < 0.5)
    fitted = moved + (image[rim].mean() - moved[rim].mean()) if rim.any() else moved
    mixed = np.rint(np.clip(image * (1 - alpha) + fitted * alpha, 0, 255))
    return mixed.astype(np.uint8), np.where(spot, 0, lesions).astype(np.uint8)

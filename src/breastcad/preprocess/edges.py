"""Edges and shapes: Sobel, Laplacian, and morphology of grey images and of masks. Publication C names them.

As in `filters`: (H, W) float32 in [0, 1] in and out. Morphology takes masks, (H, W) bool, too, and returns masks then. Its element is a
disc: the pixels no farther than half its size from its centre. What lies beyond the border does not count.
"""

from __future__ import annotations

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.preprocess.neighbourhood import Image, checked, clipped, odd_size

AnyImage = TypeVar("AnyImage", NDArray[np.float32], NDArray[np.bool_])


def sobel(pixels: Image) -> Image:
    """Return the magnitude of the gradient by Sobel's kernels, so scaled that it is in [0, 1].

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].

    Returns
    -------
    (H, W) ndarray of float32
        sqrt((gx^2 + gy^2) / 2) with kernels whose positive part sums to 1, as scikit-image has it.

    Raises
    ------
    ValueError
        If `pixels` are none of these, as with all functions here.

    Examples
    --------
    >>> sobel(np.float32([[0, 0, 1, 1]] * 3))[1].round(4).astype(float).round(4).tolist()
    [0.0, 0.7071, 0.7071, 0.0]
    """
    image = checked(pixels)
    across, down = (cv2.Sobel(image, -1, *order, ksize=3, scale=0.25, borderType=cv2.BORDER_REFLECT) for order in ((1, 0), (0, 1)))
    return clipped(np.hypot(across, down) * np.float32(np.sqrt(0.5)))


def laplacian(pixels: Image) -> Image:
    """Return how far each pixel is from the mean of its four neighbours: the size of the Laplacian over four, (H, W) float32 in [0, 1].

    Examples
    --------
    >>> dot = np.zeros((3, 3), np.float32); dot[1, 1] = 1
    >>> laplacian(dot).tolist()
    [[0.0, 0.25, 0.0], [0.25, 1.0, 0.25], [0.0, 0.25, 0.0]]
    """
    return clipped(np.abs(cv2.Laplacian(checked(pixels), -1, ksize=1, scale=0.25, borderType=cv2.BORDER_REFLECT)))


def erosion(pixels: AnyImage, *, size: int = 5) -> AnyImage:
    """Return the least value in a disc around each pixel.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32 or of bool
        An image in [0, 1], or a mask; so with all morphology here.
    size : int
        Pixels that the disc is across, odd.

    Returns
    -------
    (H, W) ndarray of float32 or of bool
        Of the type of `pixels`.
    """
    return _shaped(pixels, cv2.MORPH_ERODE, size)


def dilation(pixels: AnyImage, *, size: int = 5) -> AnyImage:
    """Return the greatest value in a disc around each pixel."""
    return _shaped(pixels, cv2.MORPH_DILATE, size)


def opening(pixels: AnyImage, *, size: int = 5) -> AnyImage:
    """Return the dilation of the erosion: what is bright and narrower than the disc goes.

    Examples
    --------
    >>> mask = np.zeros((5, 9), bool); mask[1:4, 1:4] = mask[2, 6] = True
    >>> opening(mask, size=3).sum(axis=0).tolist()
    [0, 1, 3, 1, 0, 0, 0, 0, 0]
    """
    return _shaped(pixels, cv2.MORPH_OPEN, size)


def closing(pixels: AnyImage, *, size: int = 5) -> AnyImage:
    """Return the erosion of the dilation: what is dark and narrower than the disc goes."""
    return _shaped(pixels, cv2.MORPH_CLOSE, size)


def top_hat(pixels: AnyImage, *, size: int = 15) -> AnyImage:
    """Return the image less its opening: what is bright and narrower than the disc, such as calcifications."""
    return _shaped(pixels, cv2.MORPH_TOPHAT, size)


def bottom_hat(pixels: AnyImage, *, size: int = 15) -> AnyImage:
    """Return the closing less the image: what is dark and narrower than the disc, such as hairs and scratches."""
    return _shaped(pixels, cv2.MORPH_BLACKHAT, size)


def morphological_gradient(pixels: AnyImage, *, size: int = 3) -> AnyImage:
    """Return the dilation less the erosion: edges."""
    return _shaped(pixels, cv2.MORPH_GRADIENT, size)


def disc(size: int) -> NDArray[np.uint8]:
    """Return the disc of an odd size as ones in a square of zeros.

    Examples
    --------
    >>> disc(3).tolist()
    [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    """
    offsets = np.arange(odd_size(size)) - size // 2
    return (offsets[:, None] ** 2 + offsets[None, :] ** 2 <= (size // 2) ** 2).astype(np.uint8)


def _shaped(pixels: Any, operation: int, size: int) -> Any:
    """Return an image or a mask changed by an operation of OpenCV's morphology, in its own type."""
    element = disc(size)
    if isinstance(pixels, np.ndarray) and pixels.dtype == bool:
        if pixels.ndim != 2 or pixels.size == 0:
            raise ValueError(f"a mask must have rows and columns, at least one of each, got shape {pixels.shape}")
        return cv2.morphologyEx(np.ascontiguousarray(pixels).view(np.uint8), operation, element).astype(bool)
    return clipped(cv2.morphologyEx(checked(pixels), operation, element))

"""A window's pixels: a view of the image where it lies on whole pixels at their own size, else one resize by Pillow.

Which windows there are is in patches.csv; here a row of it and the pixels of its image are enough.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from breastcad.core.records import PatchRow

_ROUNDING_PX = 1e-6
"""By which a side may lie beside a whole pixel, or over the border, and still count as on it."""


def window_of(pixels: NDArray[Any], row: PatchRow) -> NDArray[Any]:
    """Return the window that a row of patches.csv names.

    Parameters
    ----------
    pixels : (H, W) ndarray
        The image that the window lies on, as large as when the table was made.
    row : PatchRow

    Returns
    -------
    (S, S) ndarray of the image's dtype
        S = scale * height, the network's pixels, rows and columns alike; one that covers the image at scale 1 is as large as it. A view,
        not to be written to, where source and network pixels are the same and the window lies inside; what lies outside is 0. Resized
        with a bilinear filter as wide as the reduction asks for, which is what resizing the whole image first would give.

    Raises
    ------
    ValueError
        If the pixels are not two-dimensional, or the window lies wholly outside of them.

    Examples
    --------
    >>> image = np.arange(48, dtype=np.float32).reshape(6, 8)
    >>> view = window_of(image, PatchRow("p", "image", "s", "i", None, 1, 2, 3, 3))
    >>> view.tolist(), np.shares_memory(view, image)
    ([[10.0, 11.0, 12.0], [18.0, 19.0, 20.0], [26.0, 27.0, 28.0]], True)
    >>> window_of(image, PatchRow("p", "image", "s", "i", None, 0, 0, 6, 8, scale=1 / 3)).shape
    (2, 2)
    """
    if pixels.ndim != 2:
        raise ValueError(f"pixels must be two-dimensional, got {pixels.ndim} dimensions")
    top, left, bottom, right = row.row, row.col, row.row + row.height, row.col + row.width
    height, width = pixels.shape
    if bottom <= 0 or right <= 0 or top >= height or left >= width:
        raise ValueError(f"window {row.sample_id} lies outside the image of {height} x {width}")
    side = max(1, round(row.scale * row.height))
    size = (height, width) if row.scale == 1 and (top, left, bottom, right) == (0, 0, height, width) else (side, side)
    ends = [round(end) for end in (top, left, bottom, right)]
    whole = all(abs(end - to) <= _ROUNDING_PX for end, to in zip((top, left, bottom, right), ends, strict=True))
    if whole and size == (ends[2] - ends[0], ends[3] - ends[1]):
        return _cut(pixels, ends[0], ends[1], ends[2], ends[3])
    return _resized(pixels, (top, left, bottom, right), size)


def _cut(pixels: NDArray[Any], top: int, left: int, bottom: int, right: int) -> NDArray[Any]:
    """Return a part of an image: a view where it lies inside, else a copy with 0 outside."""
    height, width = pixels.shape
    inside = pixels[max(top, 0) : bottom, max(left, 0) : right]
    if top >= 0 and left >= 0 and bottom <= height and right <= width:
        return inside
    padding = ((max(-top, 0), max(bottom - height, 0)), (max(-left, 0), max(right - width, 0)))
    return np.pad(inside, padding)


def _resized(pixels: NDArray[Any], box: tuple[float, float, float, float], size: tuple[int, int]) -> NDArray[Any]:
    top, left, bottom, right = box
    down, across = (bottom - top) / size[0], (right - left) / size[1]
    # the filter reaches so many pixels over the window's sides, as it would on the whole image
    rows, cols = math.ceil(max(down, 1)) + 1, math.ceil(max(across, 1)) + 1
    first = math.floor(top + _ROUNDING_PX) - rows, math.floor(left + _ROUNDING_PX) - cols
    last = math.ceil(bottom - _ROUNDING_PX) + rows, math.ceil(right - _ROUNDING_PX) + cols
    # but not over the image's border, unless the window itself lies over it
    first = (max(first[0], 0) if top >= -_ROUNDING_PX else first[0]), (max(first[1], 0) if left >= -_ROUNDING_PX else first[1])
    height, width = pixels.shape
    last = (
        min(last[0], height) if bottom <= height + _ROUNDING_PX else last[0],
        min(last[1], width) if right <= width + _ROUNDING_PX else last[1],
    )
    part = _cut(pixels, *first, *last).astype(np.float32, copy=False)
    begin = max(left - first[1], 0.0), max(top - first[0], 0.0)
    end = min(right - first[1], part.shape[1]), min(bottom - first[0], part.shape[0])
    seen = np.asarray(Image.fromarray(part).resize(size[::-1], Image.Resampling.BILINEAR, box=(*begin, *end)))
    return seen if pixels.dtype == np.float32 else (seen if pixels.dtype.kind == "f" else np.rint(seen)).astype(pixels.dtype)

"""Where the windows of a grid lie, and the windows themselves as views of the image: nothing is copied.

How much of a lesion a window holds is in `integral`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray


def window_starts(length: int, window: int, stride: int) -> NDArray[np.int64]:
    """Return where the windows along one side begin: floor((length - window) / stride) + 1 of them, none leaving the image.

    Parameters
    ----------
    length : int
        Rows or columns of the image; what is left over at the far end is in no window.
    window, stride : int
        In the same pixels, at least 1.

    Returns
    -------
    (N,) ndarray of int64
        Empty where the window is longer than the side.

    Raises
    ------
    ValueError
        If window or stride is less than 1.

    Examples
    --------
    >>> window_starts(10, 4, 3), window_starts(3, 4, 1)
    (array([0, 3, 6]), array([], dtype=int64))
    """
    if window < 1 or stride < 1:
        raise ValueError(f"window and stride must be at least 1, got {window} and {stride}")
    return np.arange(0, length - window + 1, stride, dtype=np.int64)


def view_windows(image: NDArray[Any], window: tuple[int, int], stride: tuple[int, int]) -> NDArray[Any]:
    """Return every window of an image as a read-only view of it.

    Parameters
    ----------
    image : (H, W) or (H, W, channels) ndarray
    window, stride : (int, int)
        Rows and columns.

    Returns
    -------
    (R, C, height, width) or (R, C, channels, height, width) ndarray
        Of the image's dtype, sharing its memory; R and C as `window_starts` counts, 0 where the window is larger.

    Raises
    ------
    ValueError
        If window or stride is less than 1.

    Examples
    --------
    >>> image = np.arange(24).reshape(4, 6)
    >>> windows = view_windows(image, (2, 3), (2, 3))
    >>> windows.shape, windows[1, 1].tolist(), np.shares_memory(windows, image)
    ((2, 2, 2, 3), [[15, 16, 17], [21, 22, 23]], True)
    """
    rows = window_starts(image.shape[0], window[0], stride[0])
    cols = window_starts(image.shape[1], window[1], stride[1])
    if not (rows.size and cols.size):
        return np.empty((rows.size, cols.size, *image.shape[2:], *window), image.dtype)
    return sliding_window_view(image, window, axis=(0, 1))[:: stride[0], :: stride[1]]

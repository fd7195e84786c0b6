"""Ultrasound echoes as the transducer received them (RF), made into the image that a scanner shows (B-mode)."""

from __future__ import annotations

import numpy as np
import scipy.signal
from numpy.typing import NDArray

DYNAMIC_RANGE_DB = 50.0
"""Echoes so much weaker than the strongest are black. Scanners show 40 to 60 dB; published readers of OASBUD take 50."""


def b_mode(signal: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return the log-compressed envelope of RF scan lines.

    The envelope is the magnitude of the analytic signal along depth (Hilbert transform of each line); grey is
    ``1 + 20 log10(envelope / largest) / DYNAMIC_RANGE_DB``, cut to [0, 1]. Nothing is smoothed, resampled or corrected for depth: pixels
    are the samples, finer in depth than across.

    Parameters
    ----------
    signal : (samples, lines) ndarray of numbers
        Depth down, a scan line a column.

    Returns
    -------
    (samples, lines) ndarray of float32
        In [0, 1]; all 0 where the signal is.

    References
    ----------
    .. [1] M. Byra et al., "Impact of ultrasound image reconstruction method on breast lesion classification with neural transfer
       learning", arXiv:1804.02119 (2018): such images of such data; classifiers depend on the range that is chosen.

    Examples
    --------
    >>> echo = np.cos(np.pi / 2 * np.arange(64))[:, None] * np.array([1000.0, 1000 * 10**-1.25, 1.0])
    >>> b_mode(echo)[30].round(3).tolist()
    [1.0, 0.5, 0.0]
    """
    lines = np.ascontiguousarray(np.asarray(signal, np.float32).T)  # a line in one piece, which the transform is fast on
    envelope = np.abs(scipy.signal.hilbert(lines, axis=1))
    largest = float(envelope.max(initial=0.0))
    if not largest > 0:
        return np.zeros(signal.shape, np.float32)
    floor = 10 ** (-DYNAMIC_RANGE_DB / 20)
    grey = 1 + np.float32(20 / DYNAMIC_RANGE_DB) * np.log10(np.maximum(envelope / np.float32(largest), floor))
    return np.ascontiguousarray(np.clip(grey, 0, 1).T.astype(np.float32))

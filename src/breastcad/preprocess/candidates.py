"""Candidate regions of a mammogram, found without a trained model: what stands out from its surroundings, at several sizes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box

WORKING_SIDE_PX = 256
RADII_PX = 5, 7, 10, 14, 20
"""Of the inner disc, at the working size; the ring round it reaches twice as far."""
LEAST_INSIDE, LEAST_AROUND = 0.7, 0.4
_NEVER, _LEAST_VARIANCE = -9.0, 1e-5

_Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidate:
    """``box`` in source pixels, half open; ``score``: how many standard deviations a disc is brighter than the ring round it."""

    box: Box
    score: float


def candidates(pixels: NDArray[np.float32], tissue: NDArray[np.bool_], *, most: int = 16) -> list[Candidate]:
    """Propose places where a lesion may be, best first: bright discs in darker rings.

    At the working size (256 pixels a side) each place is scored at five radii by the mean of a disc less that of the ring round it, over
    the root of the sum of both variances; only tissue counts. A place keeps its best radius. Peaks are taken from the highest down, none
    within the larger radius of one that is already taken.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    tissue : (H, W) ndarray of bool
        The breast without its muscle.
    most : int
        At most so many candidates, at least 1.

    Returns
    -------
    list of Candidate
        Fewer than `most` where there are fewer peaks; none without tissue.

    Raises
    ------
    ValueError
        If the shapes differ or `most` is less than 1.

    References
    ----------
    .. [1] Publication D, figure 3, shows candidate regions found by image processing and names no method; this one is ours.

    Examples
    --------
    >>> film = np.full((256, 200), 0.3, np.float32); film[100:120, 50:70] = 0.8
    >>> found = candidates(film, np.ones(film.shape, bool), most=1)[0]
    >>> found.box[0] <= 110 < found.box[2] and found.box[1] <= 60 < found.box[3]
    True
    """
    if pixels.shape != tissue.shape:
        raise ValueError(f"pixels and tissue must have one shape, got {pixels.shape} and {tissue.shape}")
    if most < 1:
        raise ValueError(f"most must be at least 1, got {most}")
    height, width = pixels.shape
    factor = min(1.0, WORKING_SIDE_PX / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    inside = cv2.resize(tissue.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(np.float32)
    scores = np.stack([_contrast(small, inside, radius) for radius in RADII_PX])
    down, across = height / size[1], width / size[0]
    found = []
    for row, col, radius, score in _peaks(scores.max(axis=0), scores.argmax(axis=0), most):
        edges = (row + 0.5 - radius) * down, (col + 0.5 - radius) * across, (row + 0.5 + radius) * down, (col + 0.5 + radius) * across
        box = max(0.0, edges[0]), max(0.0, edges[1]), min(float(height), edges[2]), min(float(width), edges[3])
        found.append(Candidate(box, score))
    return found


def _contrast(film: _Float, inside: _Float, radius: int) -> _Float:
    """Return how far a disc is brighter than the ring round it, in standard deviations."""
    disc = np.pad(_disc(radius), radius)
    share, mean, variance = _statistics(film, inside, disc)
    share_around, mean_around, variance_around = _statistics(film, inside, _disc(2 * radius) - disc)
    contrast = (mean - mean_around) / np.sqrt(np.maximum(variance + variance_around, _LEAST_VARIANCE))
    counted = (inside > 0) & (share >= LEAST_INSIDE) & (share_around >= LEAST_AROUND)
    return np.where(counted, contrast, _NEVER).astype(np.float32)


def _disc(radius: int) -> _Float:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.float32)


def _statistics(film: _Float, inside: _Float, kernel: _Float) -> tuple[_Float, _Float, _Float]:
    """Return the share of a kernel that is tissue, and the mean and the variance of the tissue there."""
    number, total, squares = (
        cv2.filter2D(part, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT).astype(np.float32, copy=False)
        for part in (inside, film * inside, film**2 * inside)
    )
    mean = np.asarray(total / np.maximum(number, 1), np.float32)
    variance = np.asarray(np.maximum(squares / np.maximum(number, 1) - mean**2, 0), np.float32)
    return np.asarray(number / kernel.sum(), np.float32), mean, variance


def _peaks(best: _Float, which: NDArray[np.intp], most: int) -> list[tuple[int, int, int, float]]:
    """Return (row, col, radius, score) of the highest peaks, apart from each other by the larger of their radii."""
    peak = (best == cv2.dilate(best, np.ones((3, 3), np.uint8))) & (best > 0)
    rows, cols = np.nonzero(peak)
    taken: list[tuple[int, int, int, float]] = []
    for index in np.argsort(-best[rows, cols], kind="stable"):
        row, col = int(rows[index]), int(cols[index])
        radius = RADII_PX[int(which[row, col])]
        if all((row - other[0]) ** 2 + (col - other[1]) ** 2 > max(radius, other[2]) ** 2 for other in taken):
            taken.append((row, col, radius, float(best[row, col])))
            if len(taken) == most:
                break
    return taken

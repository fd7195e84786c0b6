"""Outlines of findings from others' segmentations: run-length codes and polygons of COCO, as one row of points. Files are in `coco`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box, Point, box_of_mask
from breastcad.read.files import MAX_PIXELS

MAX_POINTS = 20_000
"""Longest outline that is kept, in points; an outline drawn on the largest film has some thousands."""
MAX_EDGES = 400_000
"""Longest border of a mask that is followed, in sides of pixels."""
Ring = list[Point]


def segmentation_rings(segmentation: Any, size: tuple[int, int]) -> list[Ring]:
    """Return the rings (row, col) of a COCO segmentation: polygons, or a run-length code as a list or as a string.

    Parameters
    ----------
    segmentation : list or dict
        ``[[x, y, x, y, ...], ...]`` or ``{"size": [rows, cols], "counts": ...}``.
    size : (int, int)
        Rows and columns that the file says of its image.

    Returns
    -------
    list of list of (row, col)
        Empty where the segmentation is. Of a code, corners of pixels, so that each pixel's centre is on its side for certain.

    Raises
    ------
    ValueError
        With the reason, if it is neither, or does not fit its image.
    """
    if isinstance(segmentation, list):
        return [_polygon(numbers) for numbers in segmentation]
    if not isinstance(segmentation, dict):
        raise ValueError("is neither polygons nor a run-length code")
    if segmentation.get("size") != list(size):
        raise ValueError(f"its size is {str(segmentation.get('size'))[:40]}, its image's {list(size)}")
    counts = segmentation.get("counts")
    return rings_of_mask(rle_mask(rle_counts(counts) if isinstance(counts, str) else counts, size))


def _polygon(numbers: Any) -> Ring:
    if not isinstance(numbers, list) or len(numbers) < 6 or len(numbers) % 2:
        raise ValueError("a polygon must have three points or more, two numbers each")
    if not all(isinstance(number, int | float) and abs(number) < 1e9 for number in numbers):
        raise ValueError("a polygon must be finite numbers")
    return [(float(down), float(across)) for across, down in zip(numbers[::2], numbers[1::2], strict=True)]


def rle_counts(code: str) -> list[int]:
    """Return the run lengths of COCO's string code.

    Five bits a character, from "0" on, the lowest first; the sixth says that more follow; the number is signed, and from the third
    run on it is the difference to the run before the last.

    Raises
    ------
    ValueError
        If it holds another character or ends in the midst of a number.

    Examples
    --------
    >>> rle_counts("52203")
    [5, 2, 2, 2, 5]
    """
    runs: list[int] = []
    value = shift = 0
    for character in code:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 35:
            raise ValueError("its run-length code holds what is no such code")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        value -= (1 << shift) if bits & 16 else 0
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("its run-length code is cut short")
    return runs


def rle_mask(counts: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the mask of run lengths: outside and inside in turn, down the columns.

    Raises
    ------
    ValueError
        If they are no whole numbers from 0, do not sum to the image's pixels, or the image is larger than is ever read.

    Examples
    --------
    >>> rle_mask([1, 2, 3], (2, 3)).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0]]
    """
    rows, cols = size
    if rows * cols > MAX_PIXELS:
        raise ValueError(f"its image has more than {MAX_PIXELS:,} pixels")
    if not isinstance(counts, list) or not all(type(run) is int and 0 <= run <= rows * cols for run in counts):
        raise ValueError("its run lengths must be whole numbers from 0")
    if sum(counts) != rows * cols:
        raise ValueError(f"its runs cover {sum(counts):,} pixels, its image has {rows * cols:,}")
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(cols, rows).T


def rings_of_mask(mask: NDArray[np.bool_]) -> list[Ring]:
    """Return the borders of a mask's parts and holes, along the sides of pixels; empty for an empty mask.

    Parameters
    ----------
    mask : (H, W) ndarray of bool

    Raises
    ------
    ValueError
        If the border is longer than `MAX_EDGES`.

    Examples
    --------
    >>> rings_of_mask(np.array([[False, True, True]]))
    [[(0.0, 1.0), (0.0, 3.0), (1.0, 3.0), (1.0, 1.0)]]
    """
    box = box_of_mask(mask)
    if box is None:
        return []
    top, left, bottom, right = (int(edge) for edge in box)
    follows = _edges(np.pad(mask[top:bottom, left:right], 1))
    rings: list[Ring] = []
    while follows:
        start = min(follows) if not rings else next(iter(follows))
        corner, path = start, [start]
        while (corner := _step(follows, corner)) != start:
            path.append(corner)
        turns = [b for a, b, c in zip([path[-1], *path[:-1]], path, [*path[1:], path[0]], strict=True) if (a[0] == b[0]) != (b[0] == c[0])]
        rings.append([(float(row + top - 1), float(col + left - 1)) for row, col in turns])
    return rings


def _edges(mask: NDArray[np.bool_]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Map each corner of a padded mask's border to those that follow it, the inside on the right hand."""
    inside = mask.astype(np.int8)
    across, along = np.diff(inside, axis=0), np.diff(inside, axis=1)  # 1 where the inside begins, below and to the right
    sides = [(across == 1, (1, 0), (1, 1)), (across == -1, (1, 1), (1, 0)), (along == 1, (1, 1), (0, 1)), (along == -1, (0, 1), (1, 1))]
    if sum(int(there.sum()) for there, _, _ in sides) > MAX_EDGES:
        raise ValueError(f"its border is longer than {MAX_EDGES:,} pixels")
    follows: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for there, begin, end in sides:
        for row, col in np.argwhere(there).tolist():
            follows.setdefault((row + begin[0], col + begin[1]), []).append((row + end[0], col + end[1]))
    return follows


def _step(follows: dict[tuple[int, int], list[tuple[int, int]]], corner: tuple[int, int]) -> tuple[int, int]:
    ends = follows[corner]
    end = ends.pop()
    if not ends:
        del follows[corner]
    return end


def joined(rings: Sequence[Ring]) -> Ring:
    """Join rings into one: from the first one's beginning to each other one and back on the same way, which encloses nothing.

    What an odd number of rings encloses is inside. The way there is along a column and a row of its ends, so that between
    corners of pixels it meets no pixel's centre.
    """
    points = list(rings[0])
    home = points[0]
    for ring in rings[1:]:
        corner = ring[0][0], home[1]
        points += [home, corner, *ring, ring[0], corner]
    return points if len(rings) == 1 else [*points, home]


def box_of_points(points: Iterable[Point]) -> Box:
    """Return the tight box of points.

    Examples
    --------
    >>> box_of_points([(1, 2), (5, 0)])
    (1, 0, 5, 2)
    """
    rows, cols = zip(*points, strict=True)
    return min(rows), min(cols), max(rows), max(cols)


def points_text(points: Iterable[Point]) -> str:
    """Return points as findings.csv has them, to a hundredth of a pixel.

    Examples
    --------
    >>> points_text([(1, 2.125), (3.5, 4)])
    '1,2.12 3.5,4'
    """
    return " ".join(f"{round(row, 2):.12g},{round(col, 2):.12g}" for row, col in points)

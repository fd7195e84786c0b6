"""From a picture's pixels to a network's input, and back from a network's map to the picture.

Training and analysis both go through here, so that a model sees the same pixels in both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box
from breastcad.preprocess.breast import breast_box, breast_mask

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.5


@dataclass(slots=True)
class ModelInput:
    """What a network sees: ``array`` (rows, cols) float32 in [0, 1] shows ``box`` of the source, in its pixels."""

    array: NDArray[np.float32]
    box: Box
    pipeline: str


def stretch(
    pixels: NDArray[np.float32], tissue: NDArray[np.bool_] | None = None, *, low: float = LOW_PERCENTILE, high: float = HIGH_PERCENTILE
) -> NDArray[np.float32]:
    """Stretch the contrast so that a low percentile (the 1st) becomes 0 and a high one (the 99.5th) 1, what lies beyond is clipped.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
    tissue : (H, W) ndarray of bool, optional
        Where to take the percentiles; everywhere without it.
    low, high : float
        Percentiles.

    Returns
    -------
    (H, W) ndarray of float32
        In [0, 1]; all 0 where the image is constant.

    Examples
    --------
    >>> stretch(np.array([[0.2, 0.3, 0.4]], np.float32)).round(2).tolist()
    [[0.0, 0.5, 1.0]]
    """
    sample = pixels[tissue] if tissue is not None and tissue.any() else pixels
    black, white = np.percentile(sample.reshape(-1)[:: max(1, sample.size // 100_000)], (low, high))
    if white <= black:
        return np.zeros_like(pixels)
    return np.clip((pixels - np.float32(black)) / np.float32(white - black), 0, 1).astype(np.float32)


def resized(pixels: NDArray[np.float32], rows: int, cols: int) -> NDArray[np.float32]:
    """Resize to rows x cols: by area where that makes it smaller, linearly where it grows.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
    rows, cols : int
        At least 1.

    Returns
    -------
    (rows, cols) ndarray of float32
    """
    shrinks = rows * cols < pixels.shape[0] * pixels.shape[1]
    return cv2.resize(pixels, (cols, rows), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR).astype(np.float32, copy=False)


def ultrasound(pixels: NDArray[np.float32], rows: int, cols: int) -> ModelInput:
    """Stretch the contrast of the whole picture and resize it to rows x cols, whatever its aspect was."""
    array = stretch(resized(pixels, rows, cols))
    return ModelInput(array, (0.0, 0.0, float(pixels.shape[0]), float(pixels.shape[1])), "ultrasound")


def mammogram(pixels: NDArray[np.float32], rows: int, cols: int) -> ModelInput:
    """Cut a film to its breast, blacken what is not breast, stretch the contrast within it, resize to rows x cols.

    Since the box of the breast always becomes the same rectangle, it does not matter whether the aspect of the film was
    kept (FORMATS: CBIS-DDSM at 800 x 800 has lost it), nor how wide the film's black margin is.
    """
    mask = breast_mask(pixels)
    box = breast_box(mask)
    row0, col0, row1, col1 = int(box[0]), int(box[1]), int(np.ceil(box[2])), int(np.ceil(box[3]))
    array = resized(pixels[row0:row1, col0:col1], rows, cols)
    inside = cv2.resize(mask[row0:row1, col0:col1].astype(np.uint8), (cols, rows), interpolation=cv2.INTER_NEAREST)
    # A small margin beyond the mask keeps the skin line.
    wider = cv2.dilate(inside, np.ones((9, 9), np.uint8)).astype(bool)
    array = np.where(wider, stretch(array, inside.astype(bool)), np.float32(0))
    return ModelInput(array, (float(row0), float(col0), float(row1), float(col1)), "mammogram")


PIPELINES: dict[str, Callable[[NDArray[np.float32], int, int], ModelInput]] = {"ultrasound": ultrasound, "mammogram": mammogram}


def prepare(pixels: NDArray[np.float32], pipeline: str, rows: int, cols: int) -> ModelInput:
    """Make a network's input by a named pipeline.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1], as `core.records.Picture` has them.
    pipeline : str
        A name in `PIPELINES`.
    rows, cols : int
        Size of the input.

    Returns
    -------
    ModelInput

    Raises
    ------
    ValueError
        If the pipeline is unknown.
    """
    if pipeline not in PIPELINES:
        raise ValueError(f"unknown pipeline '{pipeline}'; known: {', '.join(sorted(PIPELINES))}")
    return PIPELINES[pipeline](pixels, rows, cols)


def map_to_source(score_map: NDArray[np.float32], model_input: ModelInput, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Lay a network's map over the source picture; 0 where the network did not look.

    Parameters
    ----------
    score_map : (h, w) ndarray of float32
    model_input : ModelInput
        What the network saw.
    shape : (int, int)
        Rows and columns of the source.

    Returns
    -------
    (H, W) ndarray of float32
    """
    row0, col0, row1, col1 = (int(edge) for edge in model_input.box)
    full = np.zeros(shape, np.float32)
    full[row0:row1, col0:col1] = cv2.resize(score_map, (col1 - col0, row1 - row0), interpolation=cv2.INTER_LINEAR)
    return full


def box_to_source(box: Box, map_shape: tuple[int, int], model_input: ModelInput) -> Box:
    """Turn a box in pixels of a network's map into source pixels.

    Examples
    --------
    >>> seen = ModelInput(np.zeros((8, 4), np.float32), (10.0, 20.0, 90.0, 60.0), "mammogram")
    >>> box_to_source((1, 1, 2, 2), (4, 2), seen)
    (30.0, 40.0, 50.0, 60.0)
    """
    down = (model_input.box[2] - model_input.box[0]) / map_shape[0]
    across = (model_input.box[3] - model_input.box[1]) / map_shape[1]
    row, col = model_input.box[0], model_input.box[1]
    return row + box[0] * down, col + box[1] * across, row + box[2] * down, col + box[3] * across


def box_to_input(box: Box, model_input: ModelInput) -> Box:
    """Turn a box in source pixels into pixels of the network's input; the inverse of `box_to_source` at the input's size."""
    rows, cols = model_input.array.shape
    down = rows / (model_input.box[2] - model_input.box[0])
    across = cols / (model_input.box[3] - model_input.box[1])
    row, col = model_input.box[0], model_input.box[1]
    return (box[0] - row) * down, (box[1] - col) * across, (box[2] - row) * down, (box[3] - col) * across

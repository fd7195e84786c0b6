"""An image on its way through a pipeline, and the steps that move its pixels: crop, resize, pad, turn to a common side.

Where each pixel came from is kept, so that boxes and masks go along, and results go back to the source. Filters are elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.core.geometry import Box
from breastcad.core.placement import Placement
from breastcad.preprocess.breast import breast_box, chest_wall_side
from breastcad.preprocess.inputs import resized

Values = TypeVar("Values", bound=np.generic)
SOURCE = Placement()
LARGEST_SIDE = 16384
"""Most rows and columns that a step makes, in pixels."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An image and what is known of it between two steps.

    ``pixels`` is (H, W) float32 in [0, 1]; ``placement`` says where it lies on the source; ``tissue`` (H, W) bool is where the breast
    is, once a step has looked; ``colour`` (H, W, 3) uint8 is the image in colour, as long as no step has moved it. ``spacing_mm`` is
    (row, column). ``candidates`` are boxes in source pixels with a score. ``remarks`` are sentences for the result.
    """

    pixels: NDArray[np.float32]
    placement: Placement = SOURCE
    tissue: NDArray[np.bool_] | None = None
    colour: NDArray[np.uint8] | None = None
    modality: str | None = None
    view: str | None = None
    spacing_mm: tuple[float, float] | None = None
    candidates: tuple[tuple[Box, float], ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def remarked(self, sentence: str) -> Prepared:
        """Return the same with a sentence more."""
        return replace(self, remarks=(*self.remarks, sentence))


# ---- steps ----


def cropped(prepared: Prepared, box: tuple[int, int, int, int]) -> Prepared:
    """Cut an image to a box of whole pixels [row0, col0, row1, col1) within it."""
    row0, col0, row1, col1 = box
    part = np.s_[row0:row1, col0:col1]
    tissue = None if prepared.tissue is None else prepared.tissue[part]
    return replace(
        prepared, pixels=prepared.pixels[part], tissue=tissue, colour=None, placement=prepared.placement.cropped(float(row0), float(col0))
    )


def resize(prepared: Prepared, *, rows: int = 1152, cols: int = 896) -> Prepared:
    """Resize to rows x cols, whatever the aspect was: by area where it shrinks, linearly where it grows."""
    _check_size(rows, cols)
    old = prepared.shape
    tissue = None if prepared.tissue is None else mask_at(prepared.tissue, Placement().resized(old, (rows, cols)), (rows, cols))
    spacing = prepared.spacing_mm
    return replace(
        prepared,
        # One after the other: OpenCV shrinks by area only where no side grows, and is half a pixel off where one does.
        pixels=resized(resized(prepared.pixels, min(rows, old[0]), min(cols, old[1])), rows, cols),
        tissue=tissue,
        colour=None,
        placement=prepared.placement.resized(old, (rows, cols)),
        spacing_mm=None if spacing is None else (spacing[0] * old[0] / rows, spacing[1] * old[1] / cols),
    )


def fit(prepared: Prepared, *, rows: int = 1152, cols: int = 896) -> Prepared:
    """Resize with the aspect kept until it just fits rows x cols, and pad the right and the bottom with black."""
    _check_size(rows, cols)
    factor = min(rows / prepared.shape[0], cols / prepared.shape[1])
    size = max(1, round(prepared.shape[0] * factor)), max(1, round(prepared.shape[1] * factor))
    small = resize(prepared, rows=size[0], cols=size[1])
    margin = ((0, rows - size[0]), (0, cols - size[1]))
    tissue = None if small.tissue is None else np.pad(small.tissue, margin)
    return replace(small, pixels=np.pad(small.pixels, margin), tissue=tissue)


def respace(prepared: Prepared, *, mm: float = 0.1) -> Prepared:
    """Resample to square pixels of so many millimetres.

    Raises
    ------
    InputError
        If the image has no pixel spacing, or would become larger than `LARGEST_SIDE`.
    """
    if not 0 < mm < float("inf"):
        raise InputError(f"step 'respace' needs mm above 0, got {mm}")
    if prepared.spacing_mm is None:
        raise InputError("has no pixel spacing, which the step 'respace' needs; use 'resize' or 'fit'")
    down, across = prepared.spacing_mm
    return resize(prepared, rows=max(1, round(prepared.shape[0] * down / mm)), cols=max(1, round(prepared.shape[1] * across / mm)))


def crop_to_tissue(prepared: Prepared, *, margin: float = 0.02) -> Prepared:
    """Cut to the box of the tissue with a margin (share of the box's sides); without tissue nothing is cut."""
    if not 0 <= margin < 1:
        raise InputError(f"step 'crop_to_tissue' needs margin in [0, 1), got {margin}")
    box = breast_box(known_tissue(prepared), margin=margin)
    return cropped(prepared, (int(box[0]), int(box[1]), int(np.ceil(box[2])), int(np.ceil(box[3]))))


def turn_to_side(prepared: Prepared, *, side: str = "left") -> Prepared:
    """Mirror a mammogram, if need be, so that its chest wall is on the same side of the picture as all others'.

    The side of the patient (laterality) stays what it is. Where the side of the chest wall cannot be told, nothing is done, with a remark.
    """
    if side not in ("left", "right"):
        raise InputError(f"step 'turn_to_side' needs side left or right, got '{side}'")
    found = chest_wall_side(known_tissue(prepared))
    if found is None:
        return prepared.remarked("the side of the chest wall cannot be told: not mirrored")
    return prepared if found == side else mirrored(prepared)


def mirrored(prepared: Prepared) -> Prepared:
    """Change left and right over."""
    tissue = None if prepared.tissue is None else np.ascontiguousarray(prepared.tissue[:, ::-1])
    return replace(
        prepared,
        pixels=np.ascontiguousarray(prepared.pixels[:, ::-1]),
        tissue=tissue,
        colour=None if prepared.colour is None else np.ascontiguousarray(prepared.colour[:, ::-1]),
        placement=prepared.placement.flipped_columns(prepared.shape[1]),
    )


def blacken_outside(prepared: Prepared) -> Prepared:
    """Set to black what is not tissue."""
    return replace(prepared, pixels=np.where(known_tissue(prepared), prepared.pixels, np.float32(0)))


def known_tissue(prepared: Prepared) -> NDArray[np.bool_]:
    """Return where the tissue is.

    Raises
    ------
    InputError
        If no step has looked for it.
    """
    if prepared.tissue is None:
        raise InputError("a step of the pipeline needs to know where the tissue is; put 'breast' before it")
    return prepared.tissue


def _check_size(rows: int, cols: int) -> None:
    if not (1 <= rows <= LARGEST_SIDE and 1 <= cols <= LARGEST_SIDE):
        raise InputError(f"an image cannot be made {rows} x {cols}: rows and cols must be from 1 to {LARGEST_SIDE}")


# ---- what goes along ----


def mask_at(mask: NDArray[np.bool_], placement: Placement, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a mask of the source as it lies in an array made from it: a pixel is inside if half of its area on the source is.

    Parameters
    ----------
    mask : (H, W) ndarray of bool
        On the source.
    placement : Placement
        Of the array.
    shape : (int, int)
        Rows and columns of the array; what lies beyond the source is outside.

    Returns
    -------
    (rows, cols) ndarray of bool

    Notes
    -----
    Areas are exact: the integral image of the mask is linear between pixel edges along rows and along columns.

    Examples
    --------
    >>> mask = np.array([[0, 1, 1, 1], [0, 0, 1, 1]], bool)
    >>> mask_at(mask, Placement().resized((2, 4), (1, 2)), (1, 2)).tolist()
    [[False, True]]
    >>> mask_at(mask, Placement().flipped_columns(4), (2, 4)).astype(int).tolist()
    [[1, 1, 1, 0], [1, 1, 0, 0]]
    """
    integral = cv2.integral(mask.astype(np.uint8), sdepth=cv2.CV_32S)
    across = _at_edges(integral, placement.col + placement.col_step * np.arange(shape[1] + 1), axis=1)
    both = _at_edges(across, placement.row + placement.row_step * np.arange(shape[0] + 1), axis=0)
    areas = np.abs(np.diff(np.diff(both, axis=0), axis=1))
    return np.asarray(areas >= (0.5 - 1e-9) * abs(placement.row_step * placement.col_step))


def _at_edges(integral: NDArray[np.number], edges: NDArray[np.floating], *, axis: int) -> NDArray[np.float64]:
    """Read an integral image at edges along one axis, linearly between its own."""
    last = integral.shape[axis] - 1
    inside = np.clip(edges, 0, last)
    before = np.minimum(inside.astype(np.intp), last - 1) if last else np.zeros(len(inside), np.intp)
    weight = (inside - before).reshape((-1, 1) if axis == 0 else (1, -1))
    return np.take(integral, before, axis) * (1 - weight) + np.take(integral, before + (last > 0), axis) * weight


def values_at(values: NDArray[Values], placement: Placement, shape: tuple[int, int], *, outside: int = 0) -> NDArray[Values]:
    """Return a map of codes of the source as it lies in an array made from it: the code at each pixel's centre.

    Parameters
    ----------
    values : (H, W) ndarray
        On the source.
    placement : Placement
        Of the array.
    shape : (int, int)
        Rows and columns of the array.
    outside : int
        The code of what lies beyond the source.

    Returns
    -------
    (rows, cols) ndarray
        Of the same dtype.
    """
    rows = np.floor(placement.row + placement.row_step * (np.arange(shape[0]) + 0.5)).astype(np.intp)
    cols = np.floor(placement.col + placement.col_step * (np.arange(shape[1]) + 0.5)).astype(np.intp)
    here, there = (rows >= 0) & (rows < values.shape[0]), (cols >= 0) & (cols < values.shape[1])
    found = np.full(shape, outside, values.dtype)
    found[np.ix_(here, there)] = values[np.ix_(rows[here], cols[there])]
    return found

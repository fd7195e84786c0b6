"""The breast on a mammogram down to its skin line, without labels, film edges, scanner stripes and strips of tape.

`breast.breast_mask` is what the trained models were shown, and stays as it is; this one is for everything that needs the outline itself.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

WORKING_SIDE_PX = 512
FILM_SHARE = 0.01
"""A column whose pixels above 0 are fewer than this share of the fullest column's is no film: padding keeps a stray line now and then."""
EDGE_SHARE = 0.012
BLUR_SHARE = 0.004
NARROW_SHARE = 0.035
"""What is narrower is not breast: labels' strokes, tape, stripes. Shares are of the film's longer side."""
GAP_SHARE = 0.05
FOG_PERCENTILE = 75
FULL_SHARE = 0.5
SKIN_SHARE = 0.15
REACH_SHARE = 0.08
ROUND_SHARE = 0.006
_FLAT = 1e-3

_Float = NDArray[np.float32]
_Mask = NDArray[np.uint8]


def breast_region(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where the breast is (with the pectoral muscle, where it shows), down to the skin line.

    Black padding is cut off. The film is reduced to at most 512 pixels a side, its outermost 1.2 % are replaced by what lies next to
    them (white film edges), and it is smoothed. Otsu's threshold, taken again among the pixels below it, parts tissue from film: the
    largest part that is left by an opening is the core. Beyond a gap round the core lies bare film, and its 75th percentile is the fog.
    The skin line is where the film is brighter than fog by 15 % of what Otsu's threshold is; it is looked for no farther from the core
    than 8 % of the film's side. The outline is rounded on the small mask, enlarged linearly and cut at one half: smooth at full size.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1], tissue bright on dark; any size, any orientation, aspect kept or lost.

    Returns
    -------
    (H, W) ndarray of bool
        One part without holes. Empty where the image has no contrast. All of the film (padding aside) where no background can be told
        from tissue. A label alone on pure black fills what is left when the black is cut off, and is taken for a breast.

    Raises
    ------
    ValueError
        If the image is not two-dimensional, is empty, or holds what is not a number.

    References
    ----------
    .. [1] N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9 (1979).

    Examples
    --------
    >>> film = np.full((60, 40), 0.05, np.float32); film[10:50, :25] = 0.6; film[2:4, 36:39] = 1
    >>> region = breast_region(film)
    >>> bool(region[30, 10]), bool(region[3, 37])
    (True, False)
    """
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"a mammogram must have rows and columns, got shape {pixels.shape}")
    region = np.zeros(pixels.shape, bool)
    place = _film(pixels)
    if place is None:
        return region
    soft = _soft_region(_reduced(pixels[place]))
    if soft is not None:
        shape = region[place].shape
        region[place] = cv2.resize(soft, shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    return region


def _film(pixels: _Float) -> tuple[slice, slice] | None:
    """Return where the film lies in its black padding; None if all is black."""
    bright = np.greater(pixels, 0)
    cols = _lit(np.count_nonzero(bright, axis=0))
    if cols is None:
        return None
    rows = _lit(np.count_nonzero(bright[:, cols], axis=1))
    return None if rows is None else (rows, cols)


def _lit(counts: NDArray[np.intp]) -> slice | None:
    # Counts of bright pixels, not shares: black rows added to the film must change nothing.
    there = np.flatnonzero(counts > FILM_SHARE * counts.max())
    return slice(int(there[0]), int(there[-1]) + 1) if there.size else None


def _reduced(film: _Float) -> _Float:
    """Return the film at the working size, its outermost pixels replaced by what lies next to them."""
    factor = min(1.0, WORKING_SIDE_PX / max(film.shape))
    size = max(1, round(film.shape[1] * factor)), max(1, round(film.shape[0] * factor))
    small = cv2.resize(np.ascontiguousarray(film, np.float32), size, interpolation=cv2.INTER_AREA)
    if not np.isfinite(small).all():
        raise ValueError("a mammogram must hold finite numbers only")
    edge = _length(EDGE_SHARE, small)
    if min(small.shape) <= 4 * edge:
        return small.astype(np.float32, copy=False)
    inner = small[edge:-edge, edge:-edge]
    return cv2.copyMakeBorder(inner, edge, edge, edge, edge, cv2.BORDER_REPLICATE).astype(np.float32, copy=False)


def _soft_region(film: _Float) -> _Float | None:
    """Return the region, 0 to 1 across its outline; None where there is no contrast."""
    grey = cv2.GaussianBlur(film, (0, 0), max(0.5, BLUR_SHARE * max(film.shape))).astype(np.float32, copy=False)
    otsu = _otsu(grey)
    if otsu is None:
        return None
    faint = _otsu(grey[grey < otsu]) or otsu
    radius = _length(NARROW_SHARE / 2, film)
    bright = (grey > faint).astype(np.uint8)
    core = _largest(_without_narrow(bright, radius))
    bare = (cv2.dilate(core, _disc(_length(GAP_SHARE, film))) == 0) & (grey < faint)
    fog = float(np.percentile(grey[bare], FOG_PERCENTILE)) if bare.any() else np.inf
    if fog > FULL_SHARE * float(np.median(grey[core > 0])):
        return np.ones(film.shape, np.float32)
    above = (grey > fog + SKIN_SHARE * (otsu - fog)) & _nearest(core, bright, _length(REACH_SHARE, film))
    region = _largest(_without_narrow(above.astype(np.uint8), radius))
    blur = max(0.5, ROUND_SHARE * max(film.shape))
    return cv2.GaussianBlur(region.astype(np.float32), (0, 0), blur, borderType=cv2.BORDER_REPLICATE).astype(np.float32, copy=False)


def _otsu(values: _Float) -> float | None:
    """Return Otsu's threshold; None where all values are about the same."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if high - low < _FLAT:
        return None
    levels = np.rint((values - low) / (high - low) * 255).astype(np.uint8)
    cut, _ = cv2.threshold(levels.reshape(1, -1), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return low + (cut + 0.5) / 255 * (high - low)


def _length(share: float, film: NDArray) -> int:
    return max(1, round(share * max(film.shape)))


def _disc(radius: int) -> _Mask:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.uint8, copy=False)


def _without_narrow(mask: _Mask, radius: int) -> _Mask:
    """Open a mask with a disc; with nothing beyond the border, so that strips along it fall off too."""
    margin = 2 * radius
    wide = cv2.copyMakeBorder(mask, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    # An opening rounds off the corners where the breast meets the border: half a radius gives them back, from the mask itself.
    opened = cv2.dilate(cv2.morphologyEx(wide, cv2.MORPH_OPEN, _disc(radius)), _disc(max(1, radius // 2))).astype(np.uint8)
    kept = mask & opened[margin:-margin, margin:-margin]
    return kept if kept.any() else mask


def _nearest(core: _Mask, bright: _Mask, reach: int) -> NDArray[np.bool_]:
    """Return what is within reach of the core, and nearer to it than to anything else bright: labels keep their own glow."""
    _, parts = cv2.connectedComponents(bright, connectivity=8)
    others = (bright > 0) & ~np.isin(parts, np.unique(parts[core > 0]))
    away = cv2.distanceTransform(1 - core, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    if not others.any():
        return np.asarray(away <= reach)
    return np.asarray((away <= reach) & (away < cv2.distanceTransform(1 - others.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)))


def _largest(mask: _Mask) -> _Mask:
    """Return the largest connected part with its holes filled."""
    count, parts, facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return mask
    part = (parts == 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(part, outlines, -1, 1, thickness=cv2.FILLED).astype(np.uint8)

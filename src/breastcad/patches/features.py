"""What traditional CAD measures of a finding: its shape, and the texture of the window round it, under names by group.

Texture is measured by `preprocess.texture`. Which windows there are and what is learnt from them is elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.preprocess import texture

Measured = dict[str, float]
_Texture = Callable[[NDArray[Any], NDArray[np.bool_]], Measured]

TEXTURES: dict[str, _Texture] = {
    "first-order": texture.first_order,
    "glcm": texture.glcm,
    "wavelet": texture.wavelet,
    "wavelet-packet": texture.wavelet_packet,
    "spectrum": texture.spectrum,
    "gaussian": texture.gaussian_derivatives,
}
GROUPS = (*TEXTURES, "shape")
RADIAL_BINS = 100


def features(
    image: NDArray[Any],
    mask: NDArray[np.bool_],
    groups: Sequence[str],
    *,
    outline: NDArray[np.bool_] | None = None,
    distances: Sequence[int] = texture.DISTANCES_PX,
) -> Measured:
    """Return the features of a window and the region in it.

    Parameters
    ----------
    image : (H, W) ndarray of float
        The window, in [0, 1].
    mask : (H, W) ndarray of bool
        The region of it that is measured: the ROI, or what `surroundings` makes of it.
    groups : sequence of str
        Of `GROUPS`.
    outline : (h, w) ndarray of bool, optional
        The finding's outline that shape is measured on: whole, and in source pixels; without it, the mask.
    distances : sequence of int
        Of co-occurrence, in pixels.

    Returns
    -------
    dict of str to float
        ``GROUP.NAME``, always finite, in the order of the groups. The same input gives the same numbers.

    Raises
    ------
    ValueError
        If a group is unknown, or as `texture.checked_region` does.

    Examples
    --------
    >>> spot = np.zeros((8, 9), bool); spot[2:6, 3:6] = True
    >>> found = features(np.full((8, 9), 0.5), spot, ["first-order", "shape"])
    >>> found["first-order.mean"], found["shape.area"], found["shape.height_to_width"]
    (0.5, 12.0, 1.3333333333333333)
    """
    found: Measured = {}
    for group in groups:
        if group not in GROUPS:
            raise ValueError(f"groups must be of {', '.join(GROUPS)}, got '{group}'")
        if group == "shape":
            measured = shape(mask if outline is None else outline)
        else:
            measured = texture.glcm(image, mask, distances=distances) if group == "glcm" else TEXTURES[group](image, mask)
        found |= {f"{group}.{name}": float(value) for name, value in measured.items()}
    wrong = next((name for name, value in found.items() if not math.isfinite(value)), None)
    if wrong:
        raise ValueError(f"feature '{wrong}' is not finite")
    return found


def surroundings(mask: NDArray[np.bool_], context: float) -> NDArray[np.bool_]:
    """Return a region grown on all sides by ``context`` times the diameter of a disc of its area.

    Parameters
    ----------
    mask : (H, W) ndarray of bool
    context : float
        0 leaves the region as it is.

    Returns
    -------
    (H, W) ndarray of bool

    Raises
    ------
    ValueError
        If `context` is negative or not finite.

    Examples
    --------
    >>> spot = np.zeros((9, 9), bool); spot[4, 4] = True
    >>> surroundings(spot, 1.0).astype(int).sum(axis=1).tolist()  # 1.13 pixels
    [0, 0, 0, 1, 3, 1, 0, 0, 0]
    """
    if not (math.isfinite(context) and context >= 0):
        raise ValueError(f"context must be at least 0 and finite, got {context}")
    if not context or not mask.any():
        return mask
    from scipy import ndimage  # noqa: PLC0415 - slow to load

    return np.asarray(ndimage.distance_transform_edt(~mask) <= context * _diameter(float(mask.sum())))


def _diameter(area: float) -> float:
    return math.sqrt(4 * area / math.pi)


def shape(mask: NDArray[np.bool_]) -> Measured:
    """Return measures of a mask's largest connected part.

    Parameters
    ----------
    mask : (H, W) ndarray of bool
        Holds at least one pixel. Pixels are taken for squares.

    Returns
    -------
    dict of str to float
        Sizes in pixels: area, perimeter, diameter of a disc of that area, axes of the ellipse of the same second moments. Of the form:
        eccentricity, the minor axis over the major, the height of the box over its width, uprightness (of the major axis, 0 lying, 1
        upright), extent (share of the box), solidity (share of the convex hull, whose border is drawn a pixel wide), convexity (the hull's
        perimeter over its own), compactness 4 pi area / perimeter squared (1: a disc), the depth of the deepest bay over the diameter,
        and `radial_lengths`.

    Raises
    ------
    ValueError
        If the mask is not two-dimensional, not bool or empty.

    References
    ----------
    .. [1] R. M. Rangayyan et al., Measures of acutance and shape for classification of breast tumors, IEEE Trans. Med. Imaging 16 (1997)
       799-810: compactness.
    .. [2] scikit-image, measure.regionprops: moments; measure.perimeter_crofton: perimeters, which small pixels make a little long.

    Examples
    --------
    >>> disc = np.hypot(*np.ogrid[-20:21, -20:21]) <= 18
    >>> found = shape(disc)
    >>> round(found["compactness"], 2), round(found["solidity"], 2), round(found["axis_ratio"], 2)
    (0.96, 0.97, 1.0)
    """
    from scipy import ndimage  # noqa: PLC0415 - slow to load
    from skimage.measure import regionprops  # noqa: PLC0415 - slow to load

    if mask.ndim != 2 or mask.dtype != np.bool_ or not mask.any():
        raise ValueError(f"mask must be two-dimensional, bool and hold a pixel, got {mask.dtype} {mask.shape}")
    part = np.pad(_largest(mask), 1)
    found = regionprops(part.astype(np.uint8))[0]
    height, width = found.image.shape
    hull = np.pad(_hull(found.image), 1)
    perimeter, around = _perimeter(part), _perimeter(hull)
    area, hull_area = float(found.area), float(hull.sum())
    major, minor = float(found.axis_major_length), float(found.axis_minor_length)
    depth = ndimage.distance_transform_edt(hull)[np.pad(~found.image, 1) & hull]
    return {
        "area": area,
        "perimeter": perimeter,
        "diameter": _diameter(area),
        "major_axis": major,
        "minor_axis": minor,
        "eccentricity": float(found.eccentricity),
        "axis_ratio": minor / major if major > 0 else 1.0,
        "height_to_width": height / width,
        "uprightness": 1 - abs(float(found.orientation)) * 2 / math.pi,
        "extent": area / (height * width),
        "solidity": area / hull_area,
        "convexity": around / perimeter,
        "compactness": 4 * math.pi * area / perimeter**2,
        "deepest_bay": float(depth.max()) / _diameter(area) if depth.size else 0.0,
        **radial_lengths(part),
    }


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest part of a mask (of several, the first), cut to its box."""
    from scipy import ndimage  # noqa: PLC0415 - slow to load

    labels, count = ndimage.label(mask, np.ones((3, 3)))
    largest = 1 + int(np.argmax(np.bincount(labels.ravel(), minlength=count + 1)[1:]))
    return np.asarray(labels[ndimage.find_objects(labels)[largest - 1]] == largest)


def _hull(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the convex hull of a mask's pixel centres, its border drawn a pixel wide."""
    points = cv2.convexHull(np.argwhere(mask)[:, ::-1].astype(np.int32))
    return cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), points, 1).astype(bool)


def _perimeter(mask: NDArray[np.bool_]) -> float:
    from skimage.measure import perimeter_crofton  # noqa: PLC0415 - slow to load

    return float(perimeter_crofton(mask, directions=4))


def radial_lengths(mask: NDArray[np.bool_]) -> Measured:
    """Return measures of the distances of a mask's border from its centroid, over the largest of them.

    Parameters
    ----------
    mask : (H, W) ndarray of bool
        One connected part, which does not touch the array's border.

    Returns
    -------
    dict of str to float
        Mean, standard deviation and entropy (bits, `RADIAL_BINS` bins) of the lengths; the area ratio, by how much they are above their
        mean on average, over the mean; roughness, the mean step from one border point to the next; and how often they cross their mean,
        over the number of points.

    References
    ----------
    .. [1] J. Kilday, F. Palmieri, M. D. Fox, Classifying mammographic lesions using computerized image analysis, IEEE Trans. Med. Imaging
       12 (1993) 664-669. Border points are where the mask's edge crosses a line of pixel centres, not whole pixels.

    Examples
    --------
    >>> disc = np.hypot(*np.ogrid[-20:21, -20:21]) <= 18
    >>> found = radial_lengths(disc)
    >>> round(found["radial_mean"], 2), found["radial_deviation"] < 0.02
    (0.97, True)
    """
    from skimage.measure import find_contours  # noqa: PLC0415 - slow to load

    border = max(find_contours(mask.astype(np.float64), 0.5), key=len)[:-1]
    lengths = np.hypot(*(border - np.argwhere(mask).mean(axis=0)).T)
    lengths = lengths / lengths.max()
    mean = float(lengths.mean())
    above = lengths - mean
    above[np.abs(above) < 1e-9] = 0.0  # rounding does not cross
    sides = np.sign(above)[above != 0]
    return {
        "radial_mean": mean,
        "radial_deviation": float(lengths.std()),
        "radial_entropy": texture.entropy(np.histogram(lengths, RADIAL_BINS, (0, 1))[0].astype(np.float64)),
        "radial_area_ratio": float(np.maximum(above, 0).mean()) / mean,
        "radial_roughness": float(np.abs(np.diff(lengths, append=lengths[:1])).mean()),
        "radial_crossings": float(np.count_nonzero(sides != np.roll(sides, 1))) / len(lengths),
    }

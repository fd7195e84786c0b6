"""Normalisation by statistics of the training images: fitted on them alone, kept with the model, applied to whatever comes later.

A statistic of a test image must not enter: `fit` is given training images only, and what it returns is all that `Normalisation.apply` uses.
What an image does with its own statistics is in `contrast` (`percentile_stretch`) and, for a patch, in `mean_removed`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breastcad.preprocess.neighbourhood import Image, Mask, checked, checked_tissue, number, short

KINDS = ("z-score", "percentile")
LEVELS = 65_536
LEAST_DIVISOR = 1e-6
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Normalisation:
    """How pixels are normalised, and what that was fitted on; valid once made.

    Parameters
    ----------
    kind : str
        ``"z-score"``: ``(x - offset) / divisor`` with the mean and the standard deviation of the training pixels.
        ``"percentile"``: the same with a low percentile and the way from it to a high one, clipped to [0, 1].
    offset : float
        In [0, 1].
    divisor : float
        In [1e-6, 1]: no deviation and no span of pixels in [0, 1] is greater.
    images, pixels : int
        How many it was fitted on, at least 1; no more images than pixels.
    within : str
        What of the images was counted, ``"image"`` for all of it or the name of the mask, such as ``"breast"``; at most 100 characters.
    low, high : float or None
        The percentiles, 0 <= low < high <= 100; None with a z-score.

    Raises
    ------
    ValueError
        If a field is none of these.

    Examples
    --------
    >>> rule = Normalisation("z-score", 0.5, 0.25, images=2, pixels=100, within="image")
    >>> rule.apply(np.float32([[0.25, 0.5, 1.0]])).tolist()
    [[-1.0, 0.0, 2.0]]
    >>> Normalisation.from_dict(rule.to_dict()) == rule
    True
    """

    kind: str
    offset: float
    divisor: float
    images: int
    pixels: int
    within: str
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {short(self.kind)}")
        number(self.offset, "offset", high=1.0)
        number(self.divisor, "divisor", low=LEAST_DIVISOR, high=1.0)
        for name, least in (("images", 1), ("pixels", self.images)):
            count = getattr(self, name)
            if isinstance(count, bool) or not isinstance(count, int) or not least <= count < 2**63:
                raise ValueError(f"{name} must be a whole number of at least {least}, got {short(count)}")
        if not isinstance(self.within, str) or not 0 < len(self.within) <= LONGEST_NAME or not self.within.isprintable():
            raise ValueError(f"within must be a name of 1 to {LONGEST_NAME} printable characters, got {short(self.within)}")
        if self.kind == "percentile":
            _checked_percentiles(self.low, self.high)
        elif self.low is not None or self.high is not None:
            raise ValueError(f"low and high must be None with a z-score, got {short(self.low)} and {short(self.high)}")

    def apply(self, pixels: Image) -> Image:
        """Return (H, W) float32: by z-score without bounds, by percentile in [0, 1]; ValueError if `pixels` are not float32 in [0, 1]."""
        result = (checked(pixels) - np.float32(self.offset)) / np.float32(self.divisor)
        return np.clip(result, 0, 1) if self.kind == "percentile" else result

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as they are written to JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Any) -> Normalisation:
        """Return the normalisation that a dict from JSON describes.

        Raises
        ------
        ValueError
            If it is no dict, lacks a field, has one too many, or a field is not as `Normalisation` asks for. A model file may come from
            anywhere.
        """
        if not isinstance(found, Mapping):
            raise ValueError(f"a normalisation must be an object with fields, got {short(found)}")
        known = [field.name for field in fields(cls)]
        odd = [f"lacks '{name}'" for name in known if name not in found] + [f"has {short(name)}" for name in found if name not in known]
        if odd:
            raise ValueError(f"a normalisation must have the fields {', '.join(known)}; this one {odd[0]}")
        return cls(**found)


def fit(
    images: Iterable[tuple[Image, Mask | None]], *, kind: str = "z-score", within: str = "image", low: float = 1.0, high: float = 99.5
) -> Normalisation:
    """Fit a normalisation to training images, one at a time; the same for every order of them.

    Every pixel counts once: a large image more than a small one. Sums of images are added without rounding (`math.fsum`), and
    percentiles come from counts of 65,536 levels: the least level that so many percent of the pixels do not exceed.

    Parameters
    ----------
    images : iterable of ((H, W) ndarray of float32, (H, W) ndarray of bool or None)
        Pixels in [0, 1] and where to look at them; everywhere with None. Of training images only.
    kind : str
        ``"z-score"`` or ``"percentile"``.
    within : str
        The masks' name; ``"image"`` where there are none.
    low, high : float
        Percentiles for the kind ``"percentile"``, 0 <= low < high <= 100.

    Returns
    -------
    Normalisation

    Raises
    ------
    ValueError
        If an argument is none of these, if there is no image, or all pixels are alike.

    Examples
    --------
    >>> first, second = np.float32([[0.0, 0.5]]), np.float32([[0.5, 1.0]])
    >>> fit([(first, None), (second, None)])
    Normalisation(kind='z-score', offset=0.5, divisor=0.3535533905932738, images=2, pixels=4, within='image', low=None, high=None)
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {short(kind)}")
    _checked_percentiles(low, high)
    seen = 0
    sums: list[tuple[int, float, float]] = []
    counts = np.zeros(LEVELS, np.int64)
    for pixels, tissue in images:
        image = checked(pixels)
        mask = checked_tissue(tissue, image.shape)
        values = image.ravel() if mask is None else image[mask]
        seen += values.size
        if kind == "z-score":
            exact = values.astype(np.float64)
            sums.append((values.size, float(exact.sum()), float(exact @ exact)))
        else:
            sums.append((values.size, 0.0, 0.0))
            counts += np.bincount(np.rint(values * np.float32(LEVELS - 1)).astype(np.int64), minlength=LEVELS)
    if seen == 0:
        raise ValueError("a normalisation must be fitted on at least one image, got none")
    if kind == "z-score":
        offset = math.fsum(one for _, one, _ in sums) / seen
        divisor = math.sqrt(max(0.0, math.fsum(square for _, _, square in sums) / seen - offset**2))
    else:
        offset, white = (_percentile(counts, share) for share in (low, high))
        divisor = white - offset
    if divisor < LEAST_DIVISOR:
        raise ValueError(f"a normalisation must be fitted on pixels that differ, got {seen} pixels of about {offset:g}")
    bounds = (float(low), float(high)) if kind == "percentile" else (None, None)
    return Normalisation(kind, offset, divisor, len(sums), seen, within, *bounds)


def mean_removed(pixels: Image, *, tissue: Mask | None = None) -> Image:
    """Return a patch less its mean: what is left is contrast (publication B's normalisation of patches).

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    tissue : (H, W) ndarray of bool, optional
        Where to take the mean; it is taken away everywhere.

    Returns
    -------
    (H, W) ndarray of float32
        In [-1, 1].

    Examples
    --------
    >>> mean_removed(np.float32([[0.25, 0.75]])).tolist()
    [[-0.25, 0.25]]
    """
    image = checked(pixels)
    mask = checked_tissue(tissue, image.shape)
    return image - np.float32((image if mask is None else image[mask]).mean(dtype=np.float64))


def _percentile(counts: NDArray[np.int64], share: float) -> float:
    """Return the least level, in [0, 1], up to which at least `share` percent of the pixels lie; the darkest pixel's for 0."""
    below = np.cumsum(counts)
    wanted = max(1, math.ceil(share / 100 * int(below[-1])))
    return int(np.searchsorted(below, wanted)) / (LEVELS - 1)


def _checked_percentiles(low: Any, high: Any) -> None:
    if number(low, "low", high=100.0) >= number(high, "high", high=100.0):
        raise ValueError(f"low must be below high, got {low} and {high}")

"""Free-response figures: lesions found against false marks an image, over all thresholds.

Which mark hits which lesion is decided before (`marks.hit_lesions`); here a mark names the lesion that it hits, or none. A lesion's
score is that of its best mark, its other marks count for nothing; a mark that hits no lesion is a false one (NL). False marks are
divided by all images, those without a lesion too. A threshold keeps scores at or above it; equal scores are one step.
Nothing is extrapolated past the last mark.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.evaluate.weighted import Statistic

_CELLS = 2_000_000  # weights of marks held at a time: 16 MB


@dataclass(frozen=True, slots=True)
class Ratings:
    """What free-response figures need, an image a row: scores that count, and the lesions that there are.

    ``scores`` (M,) float64, falling; ``images`` (M,) int, the row each belongs to; ``hits`` (M,) bool, True for a lesion's best mark,
    False for a mark on none; ``lesions`` (N,) int, true lesions of each image.
    """

    scores: NDArray[np.float64]
    images: NDArray[np.intp]
    hits: NDArray[np.bool_]
    lesions: NDArray[np.intp]


def rate(
    images: Sequence[Hashable], lesions: Iterable[tuple[Hashable, Hashable]], marks: Iterable[tuple[Hashable, float, Hashable | None]]
) -> Ratings:
    """Give each lesion the score of its best mark and set the false marks apart.

    Parameters
    ----------
    images : sequence of hashable
        All images, those without lesions or marks too: the denominator of false marks.
    lesions : iterable of (image, lesion)
        All true lesions; a lesion's name need be unique only in its image.
    marks : iterable of (image, score, lesion or None)
        The lesion is the one that the mark hits.

    Returns
    -------
    Ratings

    Raises
    ------
    ValueError
        If an image or a lesion stands twice, a lesion or mark names an image that is not listed, a mark a lesion that its image
        does not have, or a score is not finite.
    """
    place = {image: index for index, image in enumerate(images)}
    if len(place) != len(images):
        raise ValueError(f"images must be listed once each, {len(images) - len(place)} stand more than once")
    counts, best = np.zeros(len(images), dtype=np.intp), dict[tuple[Hashable, Hashable], float]()
    for image, lesion in lesions:
        if image not in place:
            raise ValueError(f"lesion {lesion!r} is on image {image!r}, which is not listed")
        if (image, lesion) in best:
            raise ValueError(f"lesion {lesion!r} of image {image!r} is listed twice")
        best[image, lesion] = -np.inf
        counts[place[image]] += 1
    false: list[tuple[float, int]] = []
    for image, score, hit in marks:
        if image not in place or not np.isfinite(score):
            raise ValueError(f"a mark must be on a listed image with a finite score, got {image!r} and {score}")
        if hit is None:
            false.append((score, place[image]))
        elif (image, hit) not in best:
            raise ValueError(f"a mark hits lesion {hit!r}, which image {image!r} does not have")
        else:
            best[image, hit] = max(best[image, hit], score)
    found = [(score, place[image]) for (image, _), score in best.items() if np.isfinite(score)]
    return _ratings(found, false, counts)


def _ratings(found: list[tuple[float, int]], false: list[tuple[float, int]], lesions: NDArray[np.intp]) -> Ratings:
    scores = np.array([score for score, _ in found + false], dtype=np.float64)
    images = np.array([image for _, image in found + false], dtype=np.intp)
    hits = np.arange(scores.size) < len(found)
    order = np.argsort(-scores, kind="stable")
    return Ratings(scores[order], images[order], hits[order], lesions)


def _last_of_ties(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the places where a run of equal scores ends: the operating points."""
    return np.flatnonzero(np.append(np.diff(scores) != 0, True)) if scores.size else np.zeros(0, np.intp)


@dataclass(frozen=True, slots=True)
class FrocCurve:
    """Operating points, strictest threshold first (P each): threshold, share of lesions found, false marks an image."""

    thresholds: NDArray[np.float64]
    llf: NDArray[np.float64]
    nlf: NDArray[np.float64]
    lesions: int
    images: int


def froc_curve(ratings: Ratings) -> FrocCurve:
    """Return the free-response curve: a point for each different score, the origin not among them.

    Raises
    ------
    ValueError
        If there are no lesions.

    References
    ----------
    .. [1] D. P. Chakraborty, Observer performance methods for diagnostic imaging, 2017, chapter 13.

    Examples
    --------
    >>> curve = froc_curve(rate(["a", "b"], [("a", "1"), ("a", "2")], [("a", .9, "1"), ("b", .8, None), ("a", .4, "2"), ("a", .3, "1")]))
    >>> curve.thresholds.tolist(), curve.llf.tolist(), curve.nlf.tolist()
    ([0.9, 0.8, 0.4], [0.5, 0.5, 1.0], [0.0, 0.5, 0.5])
    """
    lesions = int(ratings.lesions.sum())
    if lesions == 0:
        raise ValueError(f"a free-response curve needs at least one lesion, the {ratings.lesions.size} images have none")
    ends = _last_of_ties(ratings.scores)
    llf = np.cumsum(ratings.hits)[ends] / lesions
    nlf = np.cumsum(~ratings.hits)[ends] / ratings.lesions.size
    return FrocCurve(ratings.scores[ends], llf, nlf, lesions, ratings.lesions.size)


def sensitivity_at(nlf: ArrayLike, llf: ArrayLike, max_nlf: float) -> tuple[float, int | None]:
    """Return the largest share of lesions found while false marks stay within a rate; read off the points, no line between them.

    Parameters
    ----------
    nlf : (P,) array_like of float
        False marks an image at each operating point, strictest threshold first.
    llf : (P,) array_like of float
        Share of lesions found at the same points.
    max_nlf : float
        Rate allowed. Past the last point the last point answers.

    Returns
    -------
    sensitivity : float
        0.0 where no point is within the rate (the origin).
    index : int or None
        The first point that reaches it, for its threshold; None for the origin.

    Raises
    ------
    ValueError
        If the shapes differ or are not one-dimensional, or if `nlf` falls.

    References
    ----------
    .. [1] D. P. Chakraborty, Observer performance methods for diagnostic imaging, 2017, chapter 13.

    Examples
    --------
    >>> sensitivity_at([0, 0.5, 0.5, 2], [.2, .2, .6, .8], max_nlf=1)
    (0.6, 2)
    """
    rates, found = np.asarray(nlf, np.float64), np.asarray(llf, np.float64)
    if rates.ndim != 1 or rates.shape != found.shape:
        raise ValueError(f"nlf and llf must be one-dimensional and equally long, got shapes {rates.shape} and {found.shape}")
    if (np.diff(rates) < 0).any():
        raise ValueError(f"nlf must not fall (strictest threshold first), got {rates.tolist()}")
    within = int(np.searchsorted(rates, max_nlf, side="right"))
    if within == 0:
        return 0.0, None
    best = int(found[:within].argmax())
    return float(found[best]), best


def sensitivity_statistic(ratings: Ratings, max_nlf: float) -> Statistic:
    """Return `sensitivity_at` of the free-response curve as a statistic of weights of the images, for the bootstrap.

    Parameters
    ----------
    ratings : Ratings
        N images.
    max_nlf : float
        False marks an image allowed.

    Returns
    -------
    Statistic
        From weights (B, N) to B shares of lesions found; NaN where a resample has no lesion.
    """
    ends = _last_of_ties(ratings.scores)
    lesions = ratings.lesions.astype(np.float64)

    def some(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        by_mark = weights[:, ratings.images]
        found = np.cumsum(by_mark * ratings.hits, axis=1)[:, ends]
        images = weights.sum(axis=1, keepdims=True)
        rates = np.cumsum(by_mark * ~ratings.hits, axis=1)[:, ends] / np.where(images > 0, images, 1)
        # Both rise along the curve: the answer is the last point within the rate.
        reached = np.where(rates <= max_nlf, found, 0).max(axis=1, initial=0)
        under = weights @ lesions
        return np.divide(reached, under, out=np.full(reached.shape, np.nan), where=under > 0)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = -(-weights.shape[0] * ratings.scores.size // _CELLS) or 1
        return np.concatenate([some(part) for part in np.array_split(weights, parts)])

    return statistic

"""Lesions as a mammogram shows them: masses that add attenuation, clusters of calcifications that stand out as bright specks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Point
from breastcad.phantom.record import PhantomLesion
from breastcad.phantom.textures import Field, blob_outline, fill_outline, power_law, soften

MASS_RADIUS = 0.021, 0.05
CLUSTER_RADIUS = 0.02, 0.045
REACH = 3.2  # of a mass with its spicules, in radii
_SUBPIXEL_BITS = 4


def radius_of(generator: np.random.Generator, kind: str, unit_px: float) -> float:
    """Draw the radius of a lesion in pixels, never below two."""
    low, high = MASS_RADIUS if kind == "mass" else CLUSTER_RADIUS
    return max(2.0, unit_px * generator.uniform(low, high))


def add_mass(
    generator: np.random.Generator, attenuation: Field, centre: Point, radius: float, pathology: str, *, strength: float = 1.0
) -> PhantomLesion:
    """Add a mass to a map of attenuation, in place.

    Parameters
    ----------
    generator : numpy.random.Generator
    attenuation : (H, W) ndarray of float32
    centre : (float, float)
        Row and column.
    radius : float
        In pixels.
    pathology : str
        ``"benign"``: round or oval, circumscribed. ``"malignant"``: irregular, spiculated.
    strength : float
        Share of the full contrast.

    Returns
    -------
    PhantomLesion
    """
    benign = pathology == "benign"
    window = _window(attenuation.shape, centre, REACH * radius)
    shape = attenuation[window].shape
    middle = centre[0] - window[0].start, centre[1] - window[1].start
    ratio = generator.uniform(0.72, 1.0) if benign else generator.uniform(0.75, 1.0)
    outline = blob_outline(
        generator,
        middle,
        (radius * ratio, radius / ratio),
        angle=generator.uniform(0, np.pi),
        waves=3 if benign else 9,
        roughness=0.04 if benign else 0.13,
    )
    mask = fill_outline(shape, outline)
    contrast = strength * (generator.uniform(0.2, 0.3) if benign else generator.uniform(0.28, 0.37))
    # A ball is thickest in its middle; a cancer's edge is drawn out into the tissue, a fibroadenoma's is sharp.
    inward = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5) / np.float32(radius)
    body = np.where(mask, 0.5 + 0.5 * np.sqrt(np.clip(1 - (1 - inward) ** 2, 0, 1)), 0).astype(np.float32)
    body = soften(body, radius * (0.06 if benign else 0.11))
    if benign:
        halo = soften(mask.astype(np.float32), radius * 0.16) * ~mask
        body -= 0.14 * halo
    else:
        body = np.maximum(body, _spicules(generator, shape, middle, radius))
        body *= 1 + 0.12 * power_law(generator, *shape, beta=2.4, coarsest_px=2 * radius)
    attenuation[window] += np.float32(contrast) * body
    whole = np.zeros(attenuation.shape, bool)
    whole[window] = mask
    words = ("oval" if ratio < 0.87 else "round", "circumscribed") if benign else ("irregular", "spiculated")
    return PhantomLesion("mass", pathology, whole, *words)


def _window(shape: tuple[int, ...], centre: Point, reach: float) -> tuple[slice, slice]:
    """Return the part of a picture within a reach of a point: a lesion costs what it covers, not what the film does."""
    rows, cols = (slice(max(0, int(place - reach)), min(side, int(place + reach) + 2)) for place, side in zip(centre, shape, strict=True))
    return rows, cols


def _spicules(generator: np.random.Generator, shape: tuple[int, int], centre: Point, radius: float) -> Field:
    """Draw thin, slightly bent lines that run out from a mass and fade."""
    canvas = np.zeros(shape, np.float32)
    count = int(generator.integers(18, 30))
    for turn in np.linspace(0, 2 * np.pi, count, endpoint=False) + generator.normal(0, 0.12, count):
        reach = radius * generator.uniform(1.35, 2.7)
        bend = generator.normal(0, 0.16)
        along = np.linspace(0.5 * radius, reach, 9)
        angle = turn + bend * (along / reach) ** 2
        rows, cols = centre[0] + along * np.sin(angle), centre[1] + along * np.cos(angle)
        points = np.round(np.stack([cols, rows], axis=1) * 2**_SUBPIXEL_BITS).astype(np.int32)
        for piece in range(8):
            level = 0.72 * (1 - piece / 8) ** 1.1
            width = max(1, round(0.11 * radius * (1 - piece / 9)))
            cv2.line(canvas, points[piece], points[piece + 1], level, width, cv2.LINE_AA, _SUBPIXEL_BITS)
    return soften(canvas, max(0.5, 0.035 * radius))


def add_calcifications(generator: np.random.Generator, film: Field, centre: Point, radius: float, pathology: str) -> PhantomLesion:
    """Add a cluster of calcifications to a film, in place.

    Parameters
    ----------
    generator : numpy.random.Generator
    film : (H, W) ndarray of float32
        Grey levels in [0, 1].
    centre : (float, float)
        Row and column.
    radius : float
        Of the cluster, in pixels.
    pathology : str
        ``"benign"``: few, round, alike. ``"malignant"``: many, fine, of every size and shape.

    Returns
    -------
    PhantomLesion
        Its mask is the hull of the cluster.
    """
    benign = pathology == "benign"
    count = int(generator.integers(5, 10)) if benign else int(generator.integers(16, 34))
    turn, way = generator.uniform(0, 2 * np.pi, count), np.sqrt(generator.uniform(0, 1, count))
    squeeze = generator.uniform(0.55, 1.0)
    places = np.stack([centre[0] + radius * way * np.sin(turn), centre[1] + radius * squeeze * way * np.cos(turn)], axis=1)
    specks = np.zeros_like(film)
    for place in places:
        size = radius * (generator.uniform(0.085, 0.125) if benign else generator.uniform(0.03, 0.075))
        long = 1.0 if benign else generator.uniform(1.0, 3.2)
        level = generator.uniform(0.75, 1.0) if benign else generator.uniform(0.45, 1.0)
        _speck(specks, place, max(0.6, size), long=long, angle=generator.uniform(0, 180), level=level)
    specks = soften(specks, max(0.45, 0.02 * radius))
    film += np.minimum(0.42 * specks, np.maximum(0.99 - film, 0))
    mask = _hull(film.shape, places, margin=0.13 * radius)
    shape, margin = ("punctate", "grouped") if benign else ("fine pleomorphic", "grouped")
    return PhantomLesion("calcification", pathology, mask, shape, margin)


def _speck(canvas: Field, place: NDArray[np.float64], size: float, *, long: float, angle: float, level: float) -> None:
    scale = 2**_SUBPIXEL_BITS
    middle = (round((place[1] - 0.5) * scale), round((place[0] - 0.5) * scale))
    axes = (max(1, round(size * long * scale)), max(1, round(size * scale)))
    cv2.ellipse(canvas, middle, axes, angle, 0, 360, level, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL_BITS)


def _hull(shape: tuple[int, int], places: NDArray[np.float64], *, margin: float) -> NDArray[np.bool_]:
    points = np.round(places[:, ::-1] - 0.5).astype(np.int32)
    hull = cv2.fillConvexPoly(np.zeros(shape, np.uint8), cv2.convexHull(points), 1)
    side = 2 * max(1, round(margin)) + 1
    return cv2.dilate(hull, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))).astype(bool)

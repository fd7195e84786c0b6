"""Made-up mammograms: scanned films of a breast that never was, with lesions whose masks are known.

They test and show; they carry no claim. The shape is drawn in `anatomy`, lesions in `film_lesions`, labels in `burnt_in`.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Point
from breastcad.phantom.anatomy import BreastShape, breast_shape
from breastcad.phantom.burnt_in import film_label
from breastcad.phantom.film_lesions import add_calcifications, add_mass, radius_of
from breastcad.phantom.record import Phantom, PhantomLesion
from breastcad.phantom.textures import Field, power_law, soften

DENSITIES = "ABCD"
TEXTURE_BETA = 3.0
SMALLEST_PX = 48
FAN_SIDE = 768
FIBRES = 170, 300

_Fan = tuple[Field, Field]

# Share of the breast that glands fill: how far the threshold on the glandular field is pushed up (fatty) or down (dense).
_THRESHOLD = {"A": 0.85, "B": 0.5, "C": 0.15, "D": -0.3}
_FAT, _GLAND, _MUSCLE, _FIBRE, _SKIN = 0.42, 0.30, 0.42, 0.13, 0.04


def mammogram(
    generator: np.random.Generator,
    rows: int,
    cols: int,
    *,
    view: str = "MLO",
    laterality: str = "L",
    lesion: str | Sequence[str] | None = None,
    density: str | None = None,
    kind: str | Sequence[str] | None = None,
    depth: float | None = None,
    label: bool = True,
) -> Phantom:
    """Make up one mammogram.

    Parameters
    ----------
    generator : numpy.random.Generator
        From `core.seeding.generator`; the same one gives the same picture.
    rows, cols : int
        Size, each at least 48. The breast keeps its proportions whatever they are.
    view : str
        ``"MLO"`` or ``"CC"``.
    laterality : str
        ``"L"`` (chest wall on the left of the picture) or ``"R"``.
    lesion : str or sequence of str, optional
        ``"benign"`` or ``"malignant"``; a sequence makes several lesions, none a normal breast.
    density : str, optional
        ``"A"`` (fat) to ``"D"`` (dense); by default drawn.
    kind : str or sequence of str, optional
        ``"mass"`` or ``"calcification"``, for all lesions or for each; by default drawn, three masses to one cluster.
    depth : float, optional
        How deep lesions lie, as a share of the way from the nipple to the chest wall; by default anywhere. The two views of
        one lesion share it.
    label : bool
        Burn the side and view into the film's corner.

    Returns
    -------
    Phantom
        Regions ``breast``, ``pectoral`` (MLO only) and ``overlay``.

    Raises
    ------
    ValueError
        If a size or a word is none of these.

    Examples
    --------
    >>> made = mammogram(np.random.default_rng(1), 160, 100, laterality="R", lesion="malignant")
    >>> made.pixels.shape, made.label, len(made.masks)
    ((160, 100), 'malignant', 1)
    """
    wanted = [lesion] if isinstance(lesion, str) else list(lesion or [])
    kinds = _kinds(generator, kind, len(wanted))
    _check(rows, cols, view=view, laterality=laterality, density=density, kinds=kinds, wanted=wanted)
    density = density or str(generator.choice(list(DENSITIES), p=[0.15, 0.4, 0.35, 0.1]))
    shape = breast_shape(generator, rows, cols, view)
    glands = _glands(generator, shape, _from_nipple(shape), density)
    attenuation = _attenuation(generator, shape, glands)
    spots = _Places(generator, shape, glands, depth)
    masses = _masses(generator, attenuation, shape, spots, list(zip(kinds, wanted, strict=True)))
    film = _film(generator, attenuation, shape)
    lesions = _clusters(generator, film, shape, spots, list(zip(kinds, wanted, strict=True)), masses)
    made = Phantom(film, lesions, {"breast": shape.mask}, {"modality": "MG", "view": view, "laterality": laterality, "density": density})
    if view == "MLO":
        made.regions["pectoral"] = shape.pectoral > 0.5
    return _finished(generator, made, unit_px=shape.unit_px, label=label)


def _kinds(generator: np.random.Generator, kind: str | Sequence[str] | None, count: int) -> list[str]:
    """Return a kind for each of so many lesions."""
    if isinstance(kind, str):
        return [kind] * count
    if kind is None:
        return [str(word) for word in generator.choice(["mass", "calcification"], count, p=[0.75, 0.25])]
    return list(kind)


def _check(rows: int, cols: int, *, view: str, laterality: str, density: str | None, kinds: list[str], wanted: list[str]) -> None:
    if min(rows, cols) < SMALLEST_PX:
        raise ValueError(f"a mammogram must have at least {SMALLEST_PX} rows and columns, got {rows} x {cols}")
    if view not in ("MLO", "CC"):
        raise ValueError(f"view must be 'MLO' or 'CC', got '{view}'")
    if laterality not in ("L", "R"):
        raise ValueError(f"laterality must be 'L' or 'R', got '{laterality}'")
    if density is not None and density not in DENSITIES:
        raise ValueError(f"density must be one of A, B, C, D, got '{density}'")
    if len(kinds) != len(wanted):
        raise ValueError(f"kind must name one kind or one for each lesion: got {len(kinds)} kinds for {len(wanted)} lesions")
    for kind in kinds:
        if kind not in ("mass", "calcification"):
            raise ValueError(f"kind must be 'mass' or 'calcification', got '{kind}'")
    unknown = [word for word in wanted if word not in ("benign", "malignant")]
    if unknown:
        raise ValueError(f"lesion must be 'benign' or 'malignant', got '{unknown[0]}'")


# ---- tissue ----


def _from_nipple(shape: BreastShape) -> _Fan:
    """Return each pixel's distance to the nipple in units, and its direction from there in radians (0: to the chest wall)."""
    rows = (np.arange(shape.mask.shape[0], dtype=np.float32) - np.float32(shape.nipple[0]))[:, None]
    cols = (np.float32(shape.nipple[1]) - np.arange(shape.mask.shape[1], dtype=np.float32))[None, :]
    distance, angle = cv2.cartToPolar(np.broadcast_to(cols, shape.mask.shape).copy(), np.broadcast_to(rows, shape.mask.shape).copy())
    turned = np.where(angle > np.pi, angle - 2 * np.pi, angle)
    return np.asarray(distance / shape.unit_px, np.float32), np.asarray(turned, np.float32)


def _fanned(shape: BreastShape, field: Field, fan: _Fan, wander_px: Field, *, fineness: float) -> Field:
    """Spread a square field over the breast so that its columns run from the nipple outwards, and bend it."""
    distance, angle = fan
    side = np.float32(field.shape[0])
    at_row = side / 2 + angle * np.float32(fineness / np.pi) * side / 2 + wander_px
    at_col = distance * np.float32(fineness) * side / 2 + wander_px + side / 8
    return np.asarray(cv2.remap(field, at_col, at_row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)


def _glands(generator: np.random.Generator, shape: BreastShape, fan: _Fan, density: str) -> Field:
    """Return the share of glandular tissue in each pixel, in [0, 1]: a lobed body behind the nipple, wisps elsewhere."""
    rows, cols = shape.mask.shape
    unit = shape.unit_px
    middle = shape.nipple[0] - unit * generator.uniform(0.02, 0.09), shape.depth_px * generator.uniform(0.52, 0.64)
    radii = unit * generator.uniform(0.25, 0.31), shape.depth_px * 0.5
    down = ((np.arange(rows, dtype=np.float32) - np.float32(middle[0])) / np.float32(radii[0]))[:, None]
    across = ((np.arange(cols, dtype=np.float32) - np.float32(middle[1])) / np.float32(radii[1]))[None, :]
    body = 1 - np.sqrt(down**2 + across**2)
    lobes = power_law(generator, rows, cols, beta=4.0, coarsest_px=0.3 * unit)
    streaks = power_law(generator, FAN_SIDE, FAN_SIDE, beta=3.3, coarsest_px=FAN_SIDE / 6, stretch=(1.0, 2.8))
    lobes = 0.24 * lobes + 0.34 * _fanned(shape, streaks, fan, 14 * lobes, fineness=0.9)
    rise = 1.15 * (body + lobes - np.float32(_THRESHOLD[density])) + 0.2
    share = np.clip(rise, 0, 1)
    share = share * share * (3 - 2 * share)
    under_skin = np.clip(shape.skin_px / np.float32(0.055 * unit) - 0.45, 0, 1)
    return share * under_skin * (1 - 0.85 * shape.pectoral)


def _fibres(generator: np.random.Generator, shape: BreastShape) -> Field:
    """Return ducts, ligaments and vessels, in [0, 1]: thin bent lines that run more or less from the nipple outwards."""
    unit = shape.unit_px
    canvas = np.zeros(shape.mask.shape, np.float32)
    count = int(generator.integers(*FIBRES))
    along = np.linspace(0, 1, 12)
    for _ in range(count):
        turn, start = generator.normal(0, 0.6), generator.uniform(0.02, 0.52)
        heading = turn + generator.normal(0, 0.4) + generator.normal(0, 0.9) * along + generator.normal(0, 0.5) * along**3
        step = generator.uniform(0.1, 0.42) / 12
        cols = shape.nipple[1] - unit * (start * np.cos(turn) + np.cumsum(step * np.cos(heading)))
        rows = shape.nipple[0] + unit * (start * np.sin(turn) + np.cumsum(step * np.sin(heading)))
        points = np.round(np.stack([cols, rows], axis=1) * 16).astype(np.int32)
        width = max(1, round(unit * generator.choice([0.001, 0.002, 0.0032], p=[0.6, 0.3, 0.1])))
        cv2.polylines(canvas, [points], False, generator.uniform(0.25, 1.0), width, cv2.LINE_AA, 4)
    return 0.6 * soften(canvas, 0.0008 * unit) + 0.4 * soften(canvas, 0.003 * unit)


def _attenuation(generator: np.random.Generator, shape: BreastShape, glands: Field) -> Field:
    """Return what the breast takes from the beam, from 0 (air) to about 1 (dense tissue at full thickness)."""
    rows, cols = shape.mask.shape
    unit = shape.unit_px
    fibres = _fibres(generator, shape)
    fine = power_law(generator, rows, cols, beta=2.5, coarsest_px=0.05 * unit)
    broad = power_law(generator, rows, cols, beta=TEXTURE_BETA, coarsest_px=0.5 * unit)
    inside = _FAT * (1 + 0.06 * broad + 0.02 * fine)
    inside += _GLAND * glands * (0.86 + 0.10 * fine + 0.08 * broad)
    inside += _FIBRE * fibres * (0.45 + 0.55 * glands) * (1 - 0.75 * shape.pectoral)
    inside += _MUSCLE * shape.pectoral * (0.9 + 0.03 * broad)
    skin = _SKIN * np.exp(-(((shape.skin_px / np.float32(0.004 * unit)) - 1.2) ** 2)) * shape.mask
    return inside * shape.thickness + skin


def _film(generator: np.random.Generator, attenuation: Field, shape: BreastShape) -> Field:
    """Return the scanned film: the characteristic curve of the film, its base fog, blur and grain."""
    contrast, fog = generator.uniform(1.5, 2.1), generator.uniform(0.015, 0.04)
    seen = soften(attenuation, 0.0006 * shape.unit_px)
    grey = 1 - np.exp(-((np.float32(1.45) * np.maximum(seen, 0)) ** np.float32(contrast)))
    grain = generator.standard_normal(seen.shape, dtype=np.float32)
    return (fog + (0.97 - fog) * grey + np.float32(0.006) * soften(grain, 0.5)).astype(np.float32)


# ---- lesions ----


class _Places:
    """Where lesions may lie: inside the breast, off the muscle, off each other, rather in glands than in fat."""

    def __init__(self, generator: np.random.Generator, shape: BreastShape, glands: Field, depth: float | None) -> None:
        self._generator = generator
        self._weights = 0.12 + glands
        if depth is not None:
            share = 1 - np.arange(shape.mask.shape[1], dtype=np.float32) / np.float32(shape.depth_px)
            self._weights *= np.exp(-(((share - np.float32(depth)) / 0.04) ** 2))[None, :]
        free = (shape.mask & (shape.pectoral < 0.3)).astype(np.uint8)
        # The border of the film counts as the end of the breast here, so that no lesion is cut off.
        self._free = cv2.copyMakeBorder(free, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)

    def take(self, radius: float) -> tuple[Point, float]:
        """Choose a place with room for a radius, smaller where there is no room, and close it to later lesions."""
        room = cv2.distanceTransform(self._free, cv2.DIST_L2, 5)[1:-1, 1:-1]
        radius = min(radius, max(2.0, 0.6 * float(room.max())))
        chance = self._weights * (room >= min(1.6 * radius, float(room.max())))
        total = np.cumsum(chance, dtype=np.float64)
        index = int(np.searchsorted(total, self._generator.uniform(0, total[-1]), side="right"))
        row, col = divmod(min(index, chance.size - 1), chance.shape[1])
        cv2.circle(self._free, (col + 1, row + 1), round(2.2 * radius), 0, cv2.FILLED)
        return (row + 0.5, col + 0.5), radius


def _masses(
    generator: np.random.Generator, attenuation: Field, shape: BreastShape, spots: _Places, wanted: list[tuple[str, str]]
) -> list[PhantomLesion]:
    made = []
    for kind, pathology in wanted:
        if kind == "mass":
            centre, radius = spots.take(radius_of(generator, kind, shape.unit_px))
            thickness = float(shape.thickness[int(centre[0]), int(centre[1])])
            made.append(add_mass(generator, attenuation, centre, radius, pathology, strength=thickness))
    return made


def _clusters(
    generator: np.random.Generator,
    film: Field,
    shape: BreastShape,
    spots: _Places,
    wanted: list[tuple[str, str]],
    masses: list[PhantomLesion],
) -> list[PhantomLesion]:
    """Add the clusters and return all lesions in the order in which they were asked for."""
    waiting = iter(masses)
    lesions = []
    for kind, pathology in wanted:
        if kind == "mass":
            lesions.append(next(waiting))
        else:
            centre, radius = spots.take(radius_of(generator, kind, shape.unit_px))
            lesions.append(add_calcifications(generator, film, centre, radius, pathology))
    return lesions


# ---- the film ----


def _finished(generator: np.random.Generator, made: Phantom, *, unit_px: float, label: bool) -> Phantom:
    """Turn a right breast's chest wall to the right, burn in the label, and bring all to its range."""
    right = made.meta["laterality"] == "R"
    if right:
        made.pixels = _mirrored(made.pixels)
        made.regions = {name: _mirrored(region) for name, region in made.regions.items()}
        for lesion in made.lesions:
            lesion.mask = _mirrored(lesion.mask)
    made.pixels = np.clip(made.pixels, 0, 1)
    plate = bool(generator.random() < 0.4)
    overlay = np.zeros(made.pixels.shape, bool)
    if label:
        text = f"{made.meta['laterality']} {made.meta['view']}"
        overlay = film_label(made.pixels, text, on_left=right, unit_px=unit_px, plate=plate)
    made.regions["overlay"] = overlay
    return made


def _mirrored(array: NDArray) -> NDArray:
    return np.ascontiguousarray(array[:, ::-1])

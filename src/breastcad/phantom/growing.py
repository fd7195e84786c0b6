"""Made-up earlier exams: one breast on several dates, with a mass that grows, one that does not, or none.

The last film alone is ambiguous by construction: a malignant and a benign breast made from the same random numbers end in the very same
film. What tells them apart is growth: the malignant mass has a volume doubling time, the benign one keeps its size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.files import write_collection, write_patches
from breastcad.core.geometry import Box
from breastcad.core.records import Collection, FindingRow, ImageRow, PatchRow
from breastcad.core.seeding import generator as seeded
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.pictures import grey_levels, write_png
from breastcad.phantom.textures import Field, smooth_curve

SET = "growing"
LABELS = ("malignant", "benign", "normal")
ROWS, COLS, SPACING_MM = 96, 64, 2.0
DATES = 2, 5
GAP_DAYS = 150, 800
DOUBLING_DAYS = 90.0, 260.0
"""Volume doubling times of masses, drawn evenly on a logarithmic scale."""
LAST_DIAMETER_MM = 12.0, 24.0
MEASURED = 0.03
"""How much a diameter wanders from date to date, as a share of it: compression, and no two exams alike."""
_USUAL_MM = 16.0


@dataclass(slots=True)
class GrowingBreast:
    """One breast over its exams.

    ``films`` (T, H, W) float32 in [0, 1], the last being the present one; ``days`` since the first of them; ``label`` one of `LABELS`;
    ``diameters_mm`` of the mass on each date (0 without one); ``boxes`` round it, None where it is none or too small to be a pixel;
    ``doubling_days`` of the malignant one, else None.
    """

    films: NDArray[np.float32]
    days: list[int]
    label: str
    laterality: str
    diameters_mm: list[float]
    boxes: list[Box | None]
    doubling_days: float | None


def diameter_before(last_mm: float, days: float, doubling_days: float) -> float:
    """Return the diameter that a mass had so many days before, its volume doubling in `doubling_days`.

    Examples
    --------
    >>> diameter_before(16.0, 600, 200)  # three doublings: an eighth of the volume, half the diameter
    8.0
    """
    return float(last_mm * 2 ** (-days / (3 * doubling_days)))


def growing_breast(generator: np.random.Generator, label: str, *, dates: int | None = None) -> GrowingBreast:
    """Make up one breast over several dates.

    Films are registered only roughly (turned, scaled and shifted a little), and differ in exposure, contrast and grain.

    Parameters
    ----------
    generator : numpy.random.Generator
        From `core.seeding.generator`; as many numbers are drawn whatever the label.
    label : str
        ``"malignant"``: a mass that grows; ``"benign"``: one that keeps its size; ``"normal"``: none.
    dates : int, optional
        How many exams, at least 1; by default 2 to 5, drawn.

    Raises
    ------
    ValueError
        If there is no such label, or `dates` is below 1.
    """
    if label not in LABELS:
        raise ValueError(f"label must be one of {', '.join(LABELS)}, got '{label}'")
    if dates is not None and dates < 1:
        raise ValueError(f"dates must be at least 1, got {dates}")
    drawn = int(generator.integers(DATES[0], DATES[1] + 1))
    count = drawn if dates is None else dates
    gaps = generator.integers(*GAP_DAYS, max(count, DATES[1]))[: count - 1]
    days = [0, *np.cumsum(gaps).tolist()]
    last_mm, side = float(generator.uniform(*LAST_DIAMETER_MM)), str(generator.choice(["L", "R"]))
    doubling = float(np.exp(generator.uniform(*np.log(DOUBLING_DAYS))))
    wander = 1 + MEASURED * generator.standard_normal(count)
    wander[-1] = 1.0
    breast = mammogram(generator, ROWS, COLS, view="CC", laterality=side, density=str(generator.choice(["A", "B"])), label=False)
    mass = _Mass(generator, breast.regions["breast"])
    films: list[Field] = []
    diameters, boxes = [], list[Box | None]()
    for day, share in zip(days, wander, strict=True):
        grown = diameter_before(last_mm, days[-1] - day, doubling) if label == "malignant" else last_mm
        diameters.append(0.0 if label == "normal" else grown * float(share))
        film, box = _date(generator, breast.pixels, mass, diameters[-1] / SPACING_MM)
        films.append(film)
        boxes.append(box)
    return GrowingBreast(np.stack(films), days, label, side, diameters, boxes, doubling if label == "malignant" else None)


class _Mass:
    """A mass of one outline, whatever its size: where it lies, how its radius varies round it, how dense it is."""

    def __init__(self, generator: np.random.Generator, breast: NDArray[np.bool_]) -> None:
        largest = LAST_DIAMETER_MM[1] / 2 / SPACING_MM
        framed = cv2.copyMakeBorder(breast.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        room = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
        places = np.argwhere(room >= min(1.3 * largest, 0.8 * float(room.max())))
        self.centre = places[int(generator.integers(len(places)))] + generator.uniform(0, 1, 2)
        self.round: NDArray[np.floating] = 1 + 0.12 * smooth_curve(generator, 64, waves=4)
        self.round = self.round - np.linspace(0, self.round[-1] - self.round[0], 64)  # it ends where it begins
        self.density = float(generator.uniform(0.45, 0.6))

    def on(self, film: Field, diameter_px: float) -> tuple[Field, NDArray[np.bool_]]:
        """Return the film with the mass on it, as thick as it is wide, and where it lies."""
        rows, cols = np.indices(film.shape, dtype=np.float32) + np.float32(0.5)
        down, across = rows - np.float32(self.centre[0]), cols - np.float32(self.centre[1])
        turn = (np.arctan2(down, across) / (2 * np.pi) + 0.5) * 63
        radius = np.maximum(np.float32(diameter_px / 2) * np.interp(turn, np.arange(64), self.round).astype(np.float32), 1e-3)
        away = np.hypot(down, across) / radius
        chord = np.sqrt(np.clip(1 - away**2, 0, 1)) * (diameter_px * SPACING_MM / _USUAL_MM)
        shadow = cv2.GaussianBlur(chord.astype(np.float32), (0, 0), 0.7)
        return np.asarray(film + np.float32(self.density) * shadow * (1 - film), np.float32), away < 1


def _date(generator: np.random.Generator, breast: Field, mass: _Mass, diameter_px: float) -> tuple[Field, Box | None]:
    """Return the film of one date and the box of the mass on it."""
    turn, scale = generator.uniform(-3, 3), generator.uniform(0.97, 1.03)
    shift, gamma, gain = generator.uniform(-2, 2, 2), generator.uniform(0.85, 1.18), generator.uniform(0.88, 1.06)
    grain = generator.standard_normal(breast.shape, dtype=np.float32)
    shown, inside = mass.on(breast, diameter_px) if diameter_px > 0 else (breast, np.zeros(breast.shape, bool))
    moved = cv2.getRotationMatrix2D((breast.shape[1] / 2, breast.shape[0] / 2), turn, scale)
    moved[:, 2] = moved[:, 2] + shift
    size = breast.shape[::-1]
    film = cv2.warpAffine(shown, moved, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    film = np.clip(np.float32(gain) * np.clip(film, 0, 1) ** np.float32(gamma) + np.float32(0.012) * grain, 0, 1)
    rows, cols = np.nonzero(cv2.warpAffine(inside.astype(np.float32), moved, size) > 0.5)
    box = (float(rows.min()), float(cols.min()), float(rows.max() + 1), float(cols.max() + 1)) if rows.size else None
    return film.astype(np.float32), box


def growing_breasts(
    n: int, seed: int, *, shares: tuple[float, float, float] = (0.4, 0.4, 0.2), progress: Callable[[int, int], None] | None = None
) -> list[GrowingBreast]:
    """Return n made-up women's breasts, malignant, benign and normal in these shares, in a drawn order."""
    counts = [round(n * shares[0]), round(n * shares[1])]
    labels = [LABELS[0]] * counts[0] + [LABELS[1]] * counts[1] + [LABELS[2]] * (n - sum(counts))
    found = []
    for number, place in enumerate(seeded(seed, "growing", "labels").permutation(n)):
        found.append(growing_breast(seeded(seed, "growing", number), labels[place]))
        if progress is not None:
            progress(number + 1, n)
    return found


def write_breasts(folder: str | Path, breasts: Sequence[GrowingBreast]) -> Collection:
    """Write breasts over their exams: pictures, a collection with ``days_from_first``, and patches.csv.

    In patches.csv a sample is a breast, and each of its exams a window of the whole film whose ``role`` is its place in time, from 0.

    Parameters
    ----------
    folder : str or Path
        Is made; holds ``images/``, the tables of a collection and patches.csv.
    breasts : sequence of GrowingBreast
        One a woman.

    Returns
    -------
    Collection
        As written.
    """
    folder = Path(folder)
    images: list[ImageRow] = []
    findings: list[FindingRow] = []
    patches: list[PatchRow] = []
    for number, one in enumerate(breasts):
        for place, film in enumerate(one.films):
            _add_exam(f"g{number:04d}", one, place, images, findings, patches)
            write_png(folder / str(images[-1].path), grey_levels(film))
    counts = {label: sum(one.label == label for one in breasts) for label in LABELS}
    facts = {"set": SET, "title": "made-up breasts over several exams", "reader": "phantom", "licence": "made up", "counts": counts}
    collection = Collection(str(folder), images, findings, facts=facts)
    write_collection(folder, collection)
    write_patches(folder / "patches.csv", patches)
    return collection


def _add_exam(
    woman: str, one: GrowingBreast, place: int, images: list[ImageRow], findings: list[FindingRow], patches: list[PatchRow]
) -> None:
    """Add the rows of one exam of a breast."""
    name, box = f"{woman}-{place}", one.boxes[place]
    image = ImageRow(SET, name, f"images/{name}.png", patient_id=woman, exam_id=name, days_from_first=one.days[place], modality="MG")
    image.laterality, image.view, image.rows, image.cols, image.bit_depth = one.laterality, "CC", ROWS, COLS, 8
    image.spacing_row_mm = image.spacing_col_mm = SPACING_MM
    image.label, image.origin = one.label, "phantom"
    images.append(image)
    patches.append(PatchRow(woman, str(place), SET, name, None, 0, 0, ROWS, COLS, label=one.label, group=woman, patient_id=woman))
    if box is not None:
        corners = dict(zip(("row0", "col0", "row1", "col1"), box, strict=True))
        findings.append(FindingRow(SET, f"{name}-m", name, f"{woman}-m", pathology=one.label, geometry="box", **corners))  # type: ignore[arg-type]

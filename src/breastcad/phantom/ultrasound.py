"""Made-up breast ultrasound: layers, lesions, shadow and enhancement, speckle, log compression, optional calipers.

They test and show; they carry no claim. Echo strengths are in decibels until the speckle is laid on.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box, Point, box_centre
from breastcad.phantom.burnt_in import caliper_cross, text_width, write_text
from breastcad.phantom.record import Phantom, PhantomLesion
from breastcad.phantom.textures import Field, blob_outline, fill_outline, power_law, smooth_curve, soften

SMALLEST_PX = 48
DYNAMIC_RANGE_DB = 66.0
GAMMA = 1.9

# Name, lower end as a share of the depth (mean, spread), echo in dB.
_LAYERS = (
    ("skin", 0.04, 0.006, -8.0),
    ("fat", 0.20, 0.05, -28.0),
    ("glands", 0.57, 0.06, -18.0),
    ("fat behind", 0.65, 0.025, -25.0),
    ("muscle", 0.84, 0.03, -29.0),
    ("below", 2.0, 0.0, -38.0),
)


def ultrasound(
    generator: np.random.Generator,
    rows: int,
    cols: int,
    *,
    lesion: str | Sequence[str] | None = None,
    calipers: bool = False,
    ribs: bool | None = None,
) -> Phantom:
    """Make up one B-mode image.

    Parameters
    ----------
    generator : numpy.random.Generator
        From `core.seeding.generator`; the same one gives the same picture.
    rows, cols : int
        Size, each at least 48.
    lesion : str or sequence of str, optional
        ``"benign"`` (oval, smooth, wider than tall, enhancement behind it) or ``"malignant"`` (irregular, taller than wide, shadow
        behind it); a sequence makes several lesions, side by side.
    calipers : bool
        Burn in the caliper crosses of each lesion, a body mark in words, and PHANTOM.
    ribs : bool, optional
        Show ribs with their shadows; by default one picture in four does.

    Returns
    -------
    Phantom
        Region ``overlay``: what is burnt in.

    Raises
    ------
    ValueError
        If a size is too small or `lesion` is none of these words.

    References
    ----------
    .. [1] C. B. Burckhardt, "Speckle in ultrasound B-mode scans", IEEE Trans. Sonics Ultrason. 25 (1978).

    Examples
    --------
    >>> made = ultrasound(np.random.default_rng(1), 120, 160, lesion="benign")
    >>> made.pixels.shape, made.label, made.kinds
    ((120, 160), 'benign', ['mass'])
    """
    wanted = [lesion] if isinstance(lesion, str) else list(lesion or [])
    if min(rows, cols) < SMALLEST_PX:
        raise ValueError(f"an ultrasound image must have at least {SMALLEST_PX} rows and columns, got {rows} x {cols}")
    unknown = [word for word in wanted if word not in ("benign", "malignant")]
    if unknown:
        raise ValueError(f"lesion must be 'benign' or 'malignant', got '{unknown[0]}'")
    ribs = bool(generator.random() < 0.25) if ribs is None else ribs
    echo = _layers(generator, rows, cols)
    loss = np.zeros((rows, cols), np.float32)
    lesions = [
        _add_lesion(generator, echo, loss, pathology, place=(index + 0.5) / len(wanted), share=1 / len(wanted))
        for index, pathology in enumerate(wanted)
    ]
    if ribs:
        _add_ribs(generator, echo, loss)
    made = Phantom(_image(generator, echo, loss), lesions, {}, {"modality": "US", "ribs": "yes" if ribs else "no"})
    made.regions["overlay"] = _burn_in(generator, made) if calipers else np.zeros((rows, cols), bool)
    return made


# ---- tissue ----


def _layers(generator: np.random.Generator, rows: int, cols: int) -> Field:
    """Return the echo of the layers in dB, with streaks in glands and muscle, septa in fat, bright faces between them."""
    depth = ((np.arange(rows, dtype=np.float32) + 0.5) / rows)[:, None]
    coarse = power_law(generator, rows, cols, beta=3.2, coarsest_px=0.35 * rows, stretch=(1.0, 2.5))
    streaks = power_law(generator, rows, cols, beta=2.2, coarsest_px=0.10 * rows, stretch=(1.0, 6.0))
    tilt = np.linspace(-1, 1, cols, dtype=np.float32) * np.float32(generator.normal(0, 0.04))
    echo = np.full((rows, cols), _LAYERS[0][3], np.float32)
    edges: list[Field] = []
    for (_, end, spread, _), (name, _, _, level) in itertools.pairwise(_LAYERS):
        edge = end + generator.normal(0, spread) + spread * 0.5 * smooth_curve(generator, cols, waves=5) + tilt * end
        edge = np.maximum(edge, edges[-1] + 0.02) if edges else edge
        edges.append(edge)
        # Layers interlock: the edge between two frays where the streaks run.
        inside = soften((depth + 0.012 * streaks >= edge[None, :]).astype(np.float32), 0.011 * rows)
        rough = {"glands": 3.4 * coarse + 3.6 * streaks, "muscle": 6.0 * streaks, "below": 3 * coarse + 3 * streaks}.get(
            name, 2 * coarse + 3 * streaks
        )
        echo += inside * (level + rough - echo)
    for edge, strength in zip(edges, (4, 9, 8, 11, 9), strict=True):
        broken = np.clip(0.45 + 0.55 * smooth_curve(generator, cols, waves=7), 0, 1.3)
        face = np.exp(-(((depth - edge[None, :]) / np.float32(0.006)) ** 2)) * broken[None, :]
        echo += np.float32(strength) * face
    return echo + _septa(generator, edges[0], edges[1], rows, cols)


def _septa(generator: np.random.Generator, top: Field, bottom: Field, rows: int, cols: int) -> Field:
    """Return thin bright lines that cross the fat aslant, in dB above it."""
    canvas = np.zeros((rows, cols), np.float32)
    for _ in range(int(generator.integers(5, 12))):
        start, width = generator.uniform(-0.2, 1.0), generator.uniform(0.12, 0.5)
        along = np.linspace(0, 1, 8)
        at = start + width * along
        column = np.clip(at * cols, 0, cols - 1).astype(int)
        share = generator.uniform(0, 1) + generator.uniform(-0.6, 0.6) * along + 0.06 * np.sin(3 * along + generator.uniform(0, 6))
        row = (top[column] + np.clip(share, 0, 1.15) * (bottom - top)[column]) * rows
        points = np.round(np.stack([at * cols, row], axis=1) * 16).astype(np.int32)
        cv2.polylines(canvas, [points], False, generator.uniform(4, 12), max(1, round(0.005 * rows)), cv2.LINE_AA, 4)
    return soften(canvas, 0.003 * rows)


def _add_ribs(generator: np.random.Generator, echo: Field, loss: Field) -> None:
    """Put one or two ribs into the depth, in place: a bright bow, darkness behind it."""
    rows, cols = echo.shape
    for _ in range(int(generator.integers(1, 3))):
        centre = generator.uniform(0.84, 0.9) * rows, generator.uniform(0.1, 0.9) * cols
        radii = generator.uniform(0.04, 0.06) * rows, generator.uniform(0.1, 0.16) * cols
        outline = blob_outline(generator, centre, radii, angle=0.0, waves=2, roughness=0.05)
        rib = fill_outline((rows, cols), outline)
        face = rib & (np.roll(~rib, max(1, round(0.012 * rows)), axis=0))
        echo[rib] = -40
        echo += 24 * soften(face.astype(np.float32), 0.004 * rows)
        loss += soften(rib.astype(np.float32), 0.01 * rows) * np.float32(16 / (2 * radii[0]))


# ---- lesions ----


def _add_lesion(generator: np.random.Generator, echo: Field, loss: Field, pathology: str, *, place: float, share: float) -> PhantomLesion:
    """Put a lesion into the glands, in place: its echo into `echo`, what it takes from the beam in dB a pixel into `loss`."""
    rows, cols = echo.shape
    benign = pathology == "benign"
    room = 0.42 * share * cols
    if benign:
        wide = min(generator.uniform(0.10, 0.2) * rows, room)
        radii = wide * generator.uniform(0.48, 0.72), wide
    else:
        tall = generator.uniform(0.12, 0.19) * rows
        radii = tall, min(tall * generator.uniform(0.62, 0.85), room)
    middle = generator.uniform(0.34, 0.48) * rows, (place + share * generator.uniform(-0.08, 0.08)) * cols
    outline = blob_outline(
        generator,
        middle,
        radii,
        angle=generator.normal(0, 0.12),
        waves=3 if benign else 13,
        roughness=0.05 if benign else 0.14,
    )
    height, width = np.ptp(outline, axis=0)
    if (height > width) == benign:  # the bulges made it what it must not be: turn it by a right angle
        outline = np.array(middle) + (outline - np.array(middle))[:, ::-1]
    mask = fill_outline((rows, cols), outline)
    inside = soften(mask.astype(np.float32), rows * (0.003 if benign else 0.009))
    level = generator.uniform(-37, -30) if benign else generator.uniform(-40, -33)
    patches = power_law(generator, rows, cols, beta=2.6, coarsest_px=0.08 * rows)
    if not benign:
        echo += 5.0 * (soften(mask.astype(np.float32), 0.03 * rows) - inside).clip(0)  # the bright rim of a reaction round it
    echo += inside * (np.float32(level) + (0.7 if benign else 2.6) * patches - echo)
    if benign:
        echo += 5.0 * _rim(mask, rows)
    else:
        _add_specks(generator, echo, mask)
    loss += inside * np.float32((-generator.uniform(6, 9) if benign else generator.uniform(9, 15)) / max(2.0, 2 * radii[0]))
    return PhantomLesion("mass", pathology, mask, "oval" if benign else "irregular", "circumscribed" if benign else "not circumscribed")


def _rim(mask: NDArray[np.bool_], rows: int) -> Field:
    """Return the thin bright capsule of a smooth lesion: strong where the beam meets it upright, above and below."""
    field = soften(mask.astype(np.float32), max(0.8, 0.004 * rows))
    slope = np.abs(cv2.Sobel(field, cv2.CV_32F, 0, 1))
    peak = float(slope.max())
    return np.asarray(slope / peak if peak else slope, np.float32)


def _add_specks(generator: np.random.Generator, echo: Field, mask: NDArray[np.bool_]) -> None:
    """Put a few bright points, calcifications, into a malignant lesion, in place; half of them have none."""
    inside = np.argwhere(mask)
    for _ in range(int(generator.integers(3, 9)) if generator.random() < 0.5 else 0):
        row, col = inside[generator.integers(len(inside))]
        cv2.circle(echo, (int(col), int(row)), max(0, round(0.002 * echo.shape[0])), -14.0, cv2.FILLED)


# ---- the image ----


def _image(generator: np.random.Generator, echo: Field, loss: Field) -> Field:
    """Return the log-compressed image: gain over depth, shadow and enhancement, Rayleigh speckle on the envelope."""
    rows, cols = echo.shape
    depth = ((np.arange(rows, dtype=np.float32) + 0.5) / rows)[:, None]
    behind = np.clip(np.cumsum(loss, axis=0, dtype=np.float32), -8, 20)
    # The beam is as wide as its aperture: shadows have soft sides. Enhancement and shadow fade only slowly with depth.
    shade = cv2.GaussianBlur(behind, (0, 0), sigmaX=max(0.5, 0.008 * cols), sigmaY=max(0.5, 0.004 * rows))
    level = echo - shade - 12.0 * np.clip(depth - 0.4, 0, 1)
    envelope = 10 ** (level / 20) * speckle(generator, rows, cols)
    image: Field = np.clip(1 + 20 * np.log10(np.maximum(envelope, 1e-6)) / np.float32(DYNAMIC_RANGE_DB), 0, 1)
    # What the scanner does next: it smooths a little along the lines, most across them.
    smooth = cv2.GaussianBlur(image, (0, 0), sigmaX=max(0.5, rows / 420), sigmaY=max(0.3, rows / 620))
    coupling = 0.3 * np.exp(-((depth / np.float32(0.01)) ** 2))
    return np.clip(smooth ** np.float32(GAMMA) + coupling, 0, 1).astype(np.float32)


def speckle(generator: np.random.Generator, rows: int, cols: int) -> Field:
    """Return the amplitude of fully developed speckle: Rayleigh distributed, of mean square one, wider than deep."""
    deep, wide = max(0.55, rows / 600), max(0.8, rows / 330)
    parts = [
        cv2.GaussianBlur(generator.standard_normal((rows, cols), dtype=np.float32), (0, 0), sigmaX=wide, sigmaY=deep) for _ in range(2)
    ]
    power = parts[0] ** 2 + parts[1] ** 2
    return np.sqrt(power / power.mean())


def _burn_in(generator: np.random.Generator, made: Phantom) -> NDArray[np.bool_]:
    """Burn calipers and words into an image, in place; return the pixels written on."""
    canvas = made.pixels
    rows, cols = canvas.shape
    written = np.zeros(canvas.shape, bool)
    number = 0
    for box in made.boxes:
        for first, second in _axes(box):
            number += 1
            for place in (first, second):
                written |= caliper_cross(canvas, place, 0.03 * rows, str(number))
    height = max(5.0, 0.028 * rows)
    words = f"{generator.choice(['RT', 'LT'])} {generator.integers(1, 13)} H"
    written |= write_text(canvas, words, (0.93 * rows - height, 0.5 * (cols - text_width(words, height))), height)
    return written | write_text(canvas, "PHANTOM", (0.97 * rows - height, 0.03 * cols), 0.7 * height, level=0.8)


def _axes(box: Box) -> list[tuple[Point, Point]]:
    """Return the ends of a lesion's two diameters, across and down."""
    row0, col0, row1, col1 = box
    middle = box_centre(box)
    return [((middle[0], col0), (middle[0], col1)), ((row0, middle[1]), (row1, middle[1]))]

"""Drawing the parameters of an augmentation. No pixel is touched here, but masks are looked at to know where a lesion lies."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from breastcad.core.geometry import Box, box_centre, box_of_mask

Shift = tuple[int, int]

# As much of a lesion's size is replaced on each side of it: an ellipse over its box then holds the box's corners too.
RIM_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Strength:
    """How far an augmentation may go; each range is drawn from uniformly, both signs where that has a meaning.

    Shares are probabilities in [0, 1]: ``healed`` of replacing the lesions by other tissue of the same image, ``decoy`` of
    doing the same to a place without a lesion, ``zoomed`` of cutting out a window with a lesion, ``window`` one without.
    """

    flip_columns: float = 0.5
    flip_rows: float = 0.0
    rotation_degrees: float = 12.0
    scale: tuple[float, float] = (0.85, 1.2)
    stretch: float = 0.12
    shift: float = 0.06
    gamma: tuple[float, float] = (0.65, 1.5)
    contrast: float = 0.15
    brightness: float = 0.08
    blur_px: float = 1.0
    noise: float = 0.03
    healed: float = 0.15
    decoy: float = 0.25
    zoomed: float = 0.12
    window: float = 0.12
    window_side: tuple[float, float] = (0.45, 0.75)
    level_shift: bool = False


@dataclass(frozen=True, slots=True)
class Augmentation:
    """One drawn augmentation: everything that `applying.apply` needs, and nothing random left but the noise, which has its seed.

    ``matrix`` maps (column, row, 1) of the output to (column, row) of the input. ``heals`` are (place, shift)
    pairs: the ellipse in a place gets the pixels that lie (down, right) of it.
    """

    matrix: tuple[float, ...]
    gamma: float = 1.0
    contrast: float = 1.0
    brightness: float = 0.0
    blur_px: float = 0.0
    noise: float = 0.0
    noise_seed: int = 0
    heals: tuple[tuple[Box, Shift], ...] = field(default=())


IDENTITY = Augmentation(matrix=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0))


def draw(lesions: NDArray[np.uint8], tissue: NDArray[np.bool_], strength: Strength, generator: np.random.Generator) -> Augmentation:
    """Draw one augmentation for one sample.

    Parameters
    ----------
    lesions : (H, W) ndarray of uint8
        0 where there is no lesion.
    tissue : (H, W) ndarray of bool
        Where tissue may be taken from to heal a lesion.
    strength : Strength
    generator : numpy.random.Generator

    Returns
    -------
    Augmentation
    """
    rows, cols = lesions.shape
    box = box_of_mask(lesions > 0)
    fate = generator.random()
    heals: tuple[tuple[Box, Shift], ...] = ()
    view: Box = (0.0, 0.0, float(rows), float(cols))
    if fate < strength.healed and box is not None:
        heals = _heal(lesions > 0, box, tissue, strength, generator)
    elif fate < strength.healed + strength.zoomed:
        view = _window(box, lesions.shape, strength, generator, with_lesion=True) or view
    elif fate < strength.healed + strength.zoomed + strength.window:
        view = _window(box, lesions.shape, strength, generator, with_lesion=False) or view
    elif generator.random() < strength.decoy:
        heals = _decoy(lesions > 0, tissue, strength, generator)
    return Augmentation(
        matrix=_matrix(view, lesions.shape, strength, generator),
        gamma=float(np.exp(generator.uniform(*np.log(strength.gamma)))),
        contrast=float(generator.uniform(1 - strength.contrast, 1 + strength.contrast)),
        brightness=float(generator.uniform(-strength.brightness, strength.brightness)),
        blur_px=float(max(0.0, generator.uniform(-strength.blur_px, strength.blur_px))),
        noise=float(max(0.0, generator.uniform(-strength.noise, strength.noise))),
        noise_seed=int(generator.integers(2**31)),
        heals=heals,
    )


def _matrix(view: Box, shape: tuple[int, int], strength: Strength, generator: np.random.Generator) -> tuple[float, ...]:
    """Map output pixels to the view: centre, flip, scale and stretch, rotate, shift."""
    rows, cols = shape
    scale = np.exp(generator.uniform(*np.log(strength.scale)))
    stretch = np.exp(generator.uniform(-strength.stretch, strength.stretch))
    turn = np.deg2rad(generator.uniform(-strength.rotation_degrees, strength.rotation_degrees))
    flip_col = -1.0 if generator.random() < strength.flip_columns else 1.0
    flip_row = -1.0 if generator.random() < strength.flip_rows else 1.0
    across = (view[3] - view[1]) / cols / scale * stretch * flip_col
    down = (view[2] - view[0]) / rows / scale / stretch * flip_row
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([across, down])
    shift = generator.uniform(-strength.shift, strength.shift, 2) * (view[3] - view[1], view[2] - view[0])
    row, col = box_centre(view)
    # Edges count from the corner of the first pixel, whose centre is half a pixel further: so a flip maps pixels onto pixels.
    offset = np.array([col - 0.5, row - 0.5]) + shift - linear @ np.array([(cols - 1) / 2, (rows - 1) / 2])
    return tuple(float(v) for v in (*linear[0], offset[0], *linear[1], offset[1]))


def _window(
    box: Box | None, shape: tuple[int, int], strength: Strength, generator: np.random.Generator, *, with_lesion: bool
) -> Box | None:
    """Draw a window that holds the lesions' centre, or none of them; None where no draw of a few fits."""
    rows, cols = shape
    for _ in range(12):
        side = generator.uniform(*strength.window_side)
        height, width = side * rows, side * cols
        row0, col0 = generator.uniform(0, rows - height), generator.uniform(0, cols - width)
        view = row0, col0, row0 + height, col0 + width
        if box is None:
            return view
        row, col = box_centre(box)
        # A margin, since rotation and shift reach a little over the window.
        clear = view[2] < box[0] - 8 or view[0] > box[2] + 8 or view[3] < box[1] - 8 or view[1] > box[3] + 8
        holds = row0 + 0.1 * height < row < row0 + 0.9 * height and col0 + 0.1 * width < col < col0 + 0.9 * width
        if holds if with_lesion else clear:
            return view
    return None


def _heal(
    lesions: NDArray[np.bool_], box: Box, tissue: NDArray[np.bool_], strength: Strength, generator: np.random.Generator
) -> tuple[tuple[Box, Shift], ...]:
    """Find, for a place that holds all lesions and their rims, a shift to tissue of the same image without a lesion."""
    rim_row, rim_col = RIM_SHARE * (box[2] - box[0]), RIM_SHARE * (box[3] - box[1])
    place = box[0] - rim_row, box[1] - rim_col, box[2] + rim_row, box[3] + rim_col
    shift = _shift(lesions, place, tissue, strength, generator)
    return () if shift is None else ((place, shift),)


def _decoy(
    lesions: NDArray[np.bool_], tissue: NDArray[np.bool_], strength: Strength, generator: np.random.Generator
) -> tuple[tuple[Box, Shift], ...]:
    """Draw a place without a lesion to be replaced likewise, so that the replacing itself tells nothing."""
    rows, cols = lesions.shape
    for _ in range(8):
        height, width = generator.uniform(0.11, 0.42) * rows, generator.uniform(0.11, 0.42) * cols
        row, col = generator.uniform(0, rows - height), generator.uniform(0, cols - width)
        place = row, col, row + height, col + width
        if _free(lesions, tissue, *_within(place, lesions.shape)):
            shift = _shift(lesions, place, tissue, strength, generator)
            return () if shift is None else ((place, shift),)
    return ()


def _shift(
    lesions: NDArray[np.bool_], place: Box, tissue: NDArray[np.bool_], strength: Strength, generator: np.random.Generator
) -> Shift | None:
    """Draw where the pixels of a place are taken from; None where no draw of a few finds tissue without a lesion."""
    rows, cols = lesions.shape
    row0, col0, row1, col1 = _within(place, lesions.shape)
    for _ in range(16):
        down = 0 if strength.level_shift else int(generator.integers(-row0, rows - row1 + 1))
        right = int(generator.integers(-col0, cols - col1 + 1))
        if _free(lesions, tissue, row0 + down, col0 + right, row1 + down, col1 + right):
            return down, right
    return None


def _within(place: Box, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the whole pixels of an image that a place touches: all that replacing it may change."""
    row0, col0 = max(0, int(np.floor(place[0]))), max(0, int(np.floor(place[1])))
    return row0, col0, min(shape[0], int(np.ceil(place[2]))), min(shape[1], int(np.ceil(place[3])))


def _free(lesions: NDArray[np.bool_], tissue: NDArray[np.bool_], row0: int, col0: int, row1: int, col1: int) -> bool:
    spot = np.s_[row0:row1, col0:col1]
    return not lesions[spot].any() and bool(tissue[spot].mean() > 0.9)

"""Burnt-in overlays of ultrasound pictures: calipers, dotted lines, text, arrows, body marks and screen furniture, found by kind.

A small network says of each pixel whether something is drawn on it and what; what hangs together is a mark. The network was trained
on made-up marks alone (`phantom.burnt_in_marks`), drawn into clean pictures. It runs at the picture's own size, on onnxruntime.
`inpainting` takes the marks out of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.phantom.burnt_in_marks import MARK_KINDS

MULTIPLE_PX = 16
"""The network wants sides that are multiples of it; a picture is mirrored at its border to fit."""

# Chosen on the choosing half of the clean pictures (benchmarks/overlays.py), see docs/overlays.md.
DRAWN_FROM = 0.6
SMALLEST_PX = 8
SURE_SHARE = 0.9
LOWEST_SCORE = {"caliper": 0.8, "track": 0.8, "text": 0.8, "arrow": 0.93, "body mark": 0.8, "furniture": 0.85}
HALO_PX = 1
_VOTE_PX = 17

# How far apart in pixels (down, across) what is drawn may lie and still be one mark: letters stand in rows, dots and ticks with gaps.
_REACH_PX = {"caliper": (5, 5), "track": (11, 11), "text": (5, 15), "arrow": (5, 5), "body mark": (9, 9), "furniture": (25, 5)}


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark that was found.

    ``kind`` is one of `phantom.burnt_in_marks.MARK_KINDS`, ``box`` [row0, col0, row1, col1) in pixels, ``score`` in [0, 1] how surely
    the network holds the surest tenth of its pixels for drawn. It is no calibrated probability.
    """

    kind: str
    box: tuple[int, int, int, int]
    score: float


@dataclass(frozen=True, slots=True)
class Overlays:
    """What is drawn on a picture.

    ``marks``; ``kinds`` (H, W) uint8, 1 + the kind's place in `MARK_KINDS` on the pixels of each mark, else 0; ``mask`` (H, W) bool, all
    those pixels with the halo that anti-aliasing and JPEG leave round them.
    """

    marks: tuple[Mark, ...]
    kinds: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def network_input(pixels: NDArray[np.float32], colour: NDArray[np.uint8] | None = None) -> NDArray[np.float32]:
    """Return what the network looks at: the grey picture, and how far each pixel's colour lies from the picture's own tint.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    colour : (H, W, 3) ndarray of uint8, optional
        The same picture in colour.

    Returns
    -------
    (2, H, W) ndarray of float32
        In [0, 1]; the second is zero for a grey picture.
    """
    excess = np.zeros(pixels.shape, np.float32)
    if colour is not None:
        levels = colour.astype(np.float32) / 255
        grey = levels.mean(axis=2)
        chroma = levels - grey[..., None]
        lit = grey > 0.1
        # Many scanners lay one tint over the whole picture: chroma in proportion to grey. Marks are few, so a median does not see them.
        tint = np.median(chroma[lit] / grey[lit, None], axis=0) if lit.any() else np.zeros(3, np.float32)
        excess = np.abs(chroma - tint.astype(np.float32) * grey[..., None]).max(axis=2)
    return np.stack([pixels, excess])


def find_overlays(pixels: NDArray[np.float32], colour: NDArray[np.uint8] | None = None) -> Overlays:
    """Find what is burnt into an ultrasound picture, by kind.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    colour : (H, W, 3) ndarray of uint8, optional
        The same picture in colour, where it has any: coloured marks are found more surely.

    Returns
    -------
    Overlays
        Marks by kind, from top to bottom; a word, a line of dots, a cross is one mark. `Overlays.mask` covers them all.

    Raises
    ------
    ValueError
        If the picture is empty, not two-dimensional or not finite, or if `colour` has another size.

    Examples
    --------
    >>> from breastcad.phantom.ultrasound import ultrasound
    >>> made = ultrasound(np.random.default_rng(1), 300, 400, lesion="benign", calipers=True)
    >>> {"caliper", "text"} <= {mark.kind for mark in find_overlays(made.pixels).marks}
    True
    """
    check_picture(pixels, colour)
    shares = _shares(network_input(pixels, colour))
    surety = 1 - shares[0]
    drawn = surety >= DRAWN_FROM
    # A stroke of a letter looks like an arm of a cross: the kind is asked of a neighbourhood, not of a pixel.
    likeliest = np.stack([cv2.boxFilter(share * drawn, -1, (_VOTE_PX, _VOTE_PX)) for share in shares[1:]]).argmax(axis=0)
    marks: list[Mark] = []
    kinds = np.zeros(pixels.shape, np.uint8)
    for place in range(len(MARK_KINDS)):
        marks += _marks(place, drawn & (likeliest == place), surety, kinds)
    halo = cv2.dilate((kinds > 0).astype(np.uint8), np.ones((1 + 2 * HALO_PX,) * 2, np.uint8)).astype(bool)
    return Overlays(tuple(sorted(marks, key=lambda mark: mark.box)), kinds, halo)


def check_picture(pixels: NDArray[np.float32], colour: NDArray[np.uint8] | None) -> None:
    """Refuse what is no picture.

    Raises
    ------
    ValueError
        As `find_overlays` says.
    """
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"pixels must be a two-dimensional picture, got shape {pixels.shape}")
    lost = int(np.count_nonzero(~np.isfinite(pixels)))
    if lost:
        raise ValueError(f"pixels must be finite: {lost} of {pixels.size} are not")
    if colour is not None and colour.shape != (*pixels.shape, 3):
        raise ValueError(f"colour must have the shape {(*pixels.shape, 3)}, got {colour.shape}")


def _marks(place: int, own: NDArray[np.bool_], surety: NDArray[np.float32], kinds: NDArray[np.uint8]) -> list[Mark]:
    """Return the marks of the kind at a place of `MARK_KINDS` among its pixels, and enter theirs into `kinds`."""
    if not own.any():
        return []
    from scipy.ndimage import find_objects  # noqa: PLC0415 - slow to import; a start of the command line need not wait for it

    kind = MARK_KINDS[place]
    joined = cv2.dilate(own.astype(np.uint8), np.ones(_REACH_PX[kind], np.uint8))
    labels = cv2.connectedComponents(joined)[1] * own
    marks = []
    for label, (rows, cols) in enumerate(find_objects(labels), 1):
        member = labels[rows, cols] == label
        score = float(np.quantile(surety[rows, cols][member], SURE_SHARE))
        if np.count_nonzero(member) >= SMALLEST_PX and score >= LOWEST_SCORE[kind]:
            kinds[rows, cols][member] = 1 + place
            marks.append(Mark(kind, (rows.start, cols.start, rows.stop, cols.stop), score))
    return marks


def _shares(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (1 + kinds, H, W): how likely a pixel is not drawn on, or drawn on by each kind; they sum to 1."""
    rows, cols = image.shape[1:]
    below, right = -rows % MULTIPLE_PX, -cols % MULTIPLE_PX
    padded = np.stack([cv2.copyMakeBorder(channel, 0, below, 0, right, cv2.BORDER_REFLECT) for channel in image])
    shares: NDArray[np.float32] = _session().run(None, {"image": padded[None]})[0][0]
    return shares[:, :rows, :cols]


@cache
def _session() -> Any:
    """Load the network once a process; one thread, so that pictures can be read side by side."""
    import onnxruntime  # noqa: PLC0415 - slow to import

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    network = files("breastcad.preprocess").joinpath("burnt_in.onnx").read_bytes()
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])

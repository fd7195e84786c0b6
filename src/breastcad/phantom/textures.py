"""Random fields and outlines that phantoms are made of: power-law texture, smooth curves, blobs. Nothing here knows of breasts."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from breastcad.core.geometry import Point

Field = NDArray[np.float32]


def power_law(
    generator: np.random.Generator, rows: int, cols: int, *, beta: float, coarsest_px: float, stretch: tuple[float, float] = (1.0, 1.0)
) -> Field:
    """Return a random field whose power spectrum falls as 1 / f**beta.

    Parameters
    ----------
    generator : numpy.random.Generator
    rows, cols : int
        Size of the field.
    beta : float
        Exponent of the power spectrum; mammograms have about 3.
    coarsest_px : float
        Wavelength in pixels above which the spectrum is flat.
    stretch : (float, float)
        How many times longer than wide structures are along rows and along columns.

    Returns
    -------
    (rows, cols) ndarray of float32
        Mean 0 and standard deviation 1.

    Raises
    ------
    ValueError
        If a size is below one.

    References
    ----------
    .. [1] A. E. Burgess, "Mammographic structure: data preparation and spatial statistics analysis", Proc. SPIE 3661 (1999).

    Examples
    --------
    >>> field = power_law(np.random.default_rng(1), 40, 60, beta=3, coarsest_px=30)
    >>> field.shape, abs(float(field.mean())) < 1e-3, round(float(field.std()), 3)
    ((40, 60), True, 1.0)
    """
    if rows < 1 or cols < 1:
        raise ValueError(f"a field must have at least one row and one column, got {rows} x {cols}")
    size = fft.next_fast_len(rows, real=True), fft.next_fast_len(cols, real=True)
    white = generator.standard_normal(size, dtype=np.float32)
    down = (fft.fftfreq(size[0]).astype(np.float32) * stretch[0])[:, None]
    across = (fft.rfftfreq(size[1]).astype(np.float32) * stretch[1])[None, :]
    gain = (down**2 + across**2 + np.float32(1 / coarsest_px**2)) ** np.float32(-beta / 4)
    gain[0, 0] = 0
    field = fft.irfft2(fft.rfft2(white) * gain, s=size)[:rows, :cols]
    spread = float(field.std())
    return ((field - field.mean()) / (spread or 1.0)).astype(np.float32)


def smooth_curve(generator: np.random.Generator, length: int, *, waves: int) -> Field:
    """Return a smooth random curve of mean 0 with up to `waves` waves along its length, standard deviation about 1.

    Examples
    --------
    >>> smooth_curve(np.random.default_rng(1), 5, waves=2).shape
    (5,)
    """
    places = np.linspace(0, 1, length, dtype=np.float32)
    curve = np.zeros(length, np.float32)
    for wave in range(1, waves + 1):
        height, phase = generator.normal() / wave, generator.uniform(0, 2 * np.pi)
        curve += np.float32(height) * np.sin(2 * np.pi * wave * places + np.float32(phase))
    return curve


def blob_outline(
    generator: np.random.Generator, centre: Point, radii: tuple[float, float], *, angle: float, waves: int, roughness: float
) -> NDArray[np.float64]:
    """Return the outline of an ellipse whose radius varies at random along the way round.

    Parameters
    ----------
    generator : numpy.random.Generator
    centre : (float, float)
        Row and column.
    radii : (float, float)
        Half axes in pixels, along rows and along columns before turning.
    angle : float
        Turn in radians.
    waves : int
        Number of bulges that may stand on the outline; few make lobes, many make angles and teeth.
    roughness : float
        Size of the bulges as a share of the radius; the finer, the flatter.

    Returns
    -------
    (180, 2) ndarray of float64
        Points (row, column) along the outline.
    """
    turn = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    bulge = np.ones_like(turn)
    for wave in range(2, waves + 2):
        bulge += roughness * generator.normal() / wave**0.45 * np.cos(wave * turn + generator.uniform(0, 2 * np.pi))
    bulge = np.clip(bulge, 0.45, 1.6)
    row, col = radii[0] * bulge * np.sin(turn), radii[1] * bulge * np.cos(turn)
    return np.stack([centre[0] + row * np.cos(angle) - col * np.sin(angle), centre[1] + row * np.sin(angle) + col * np.cos(angle)], axis=1)


def fill_outline(shape: tuple[int, int], outline: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the mask of an outline's inside; never empty if the outline lies in the picture.

    Examples
    --------
    >>> int(fill_outline((5, 6), np.array([[1.5, 1.5], [1.5, 4.5], [3.5, 4.5], [3.5, 1.5]])).sum())
    12
    """
    points = np.round(outline[:, ::-1] - 0.5).astype(np.int32)
    return cv2.fillPoly(np.zeros(shape, np.uint8), [points], 1).astype(bool)


def soften(field: Field, sigma_px: float) -> Field:
    """Return a field blurred by a Gaussian; unchanged where it is narrower than a fifth of a pixel."""
    if sigma_px < 0.2:
        return field
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE), np.float32)

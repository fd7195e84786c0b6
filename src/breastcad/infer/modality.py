"""A guess at the modality of a picture that does not say: fine texture, since ultrasound is speckled and film is smooth.

A file's own tag, and what a caller says, go before this guess; a result that rests on it says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.preprocess.inputs import stretch
from breastcad.read.files import colour_spread

WORKING_SIDE_PX = 256
BLUR_SIGMA_PX = 2.0
# Fitted on every second image of mini-MIAS, CBIS-DDSM, BUSI and BUS-BRA; docs/findings.md has how often it is right on the others.
SPECKLE = 0.0215
SURE_BELOW, SURE_ABOVE = 0.017, 0.028
VIVID_SPREAD = 60
VIVID_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Guess:
    """A guess: ``modality`` is MG or US, ``sure`` false where the texture lies between what is usual for either."""

    modality: str
    sure: bool
    texture: float


def fine_texture(pixels: NDArray[np.float32]) -> float:
    """Return how rough a picture is: the mean difference from itself blurred, at 256 x 256 pixels and full contrast.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1]; its contrast and its aspect do not matter.

    Returns
    -------
    float
        In [0, 1]; on the real sets about 0.01 for film and 0.04 for ultrasound.

    Examples
    --------
    >>> fine_texture(np.zeros((20, 30), np.float32))
    0.0
    """
    resized = cv2.resize(pixels, (WORKING_SIDE_PX, WORKING_SIDE_PX), interpolation=cv2.INTER_AREA)
    small = stretch(resized.astype(np.float32, copy=False))
    return float(np.abs(small - cv2.GaussianBlur(small, (0, 0), BLUR_SIGMA_PX)).mean())


def guess_modality(pixels: NDArray[np.float32]) -> Guess:
    """Guess whether a picture is a mammogram or an ultrasound image; anything else it takes for one of them.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    """
    texture = fine_texture(pixels)
    return Guess("US" if texture > SPECKLE else "MG", not SURE_BELOW <= texture <= SURE_ABOVE, texture)


def is_colour_photograph(colour: NDArray[np.uint8] | None) -> bool:
    """Say if most of a picture is vividly coloured, as neither a mammogram nor an ultrasound image is (Doppler colours a part).

    Parameters
    ----------
    colour : (H, W, 3) ndarray of uint8, optional
        None where the source has no colour.
    """
    if colour is None:
        return False
    return float((colour_spread(colour) > VIVID_SPREAD).mean()) > VIVID_SHARE

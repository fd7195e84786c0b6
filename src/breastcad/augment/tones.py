"""What operations do to grey levels. Images here are (H, W) float32 in [0, 1]; what leaves that range is cut off after each operation.

The kernels of sharpen, emboss and edges are the ones that imgaug documents for Sharpen, Emboss and EdgeDetect: publication B names
its parameters by them (Table 1: lightness, strength, alpha).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.augment.operations import Operation

Image = NDArray[np.float32]


def toned(image: Image, operations: Iterable[Operation], *, keep_black: bool) -> Image:
    """Apply operations of the kind `TONE`, one after the other.

    Parameters
    ----------
    image : (H, W) ndarray of float32
        In [0, 1].
    operations : iterable of Operation
    keep_black : bool
        What is 0 before the first of them is 0 after the last: a brightened margin would tell a film's augmentation from its tissue.
    """
    levels = image
    for one in operations:
        levels = np.clip(_STEPS[one.name](levels, **one.parameters), 0, 1).astype(np.float32, copy=False)
    return np.where(image > 0, levels, np.float32(0)) if keep_black else levels


def kernel(name: str, parameters: dict[str, float]) -> NDArray[np.float32]:
    """Return the 3 x 3 kernel of sharpen, emboss or edges: ``alpha`` of the effect and the rest of the image itself.

    Examples
    --------
    >>> kernel("sharpen", {"alpha": 1.0, "lightness": 0.5}).tolist()
    [[-1.0, -1.0, -1.0], [-1.0, 8.5, -1.0], [-1.0, -1.0, -1.0]]
    >>> kernel("emboss", {"alpha": 1.0, "strength": 2.0}).tolist()
    [[-3.0, -2.0, 0.0], [-2.0, 1.0, 2.0], [0.0, 2.0, 3.0]]
    """
    if name == "sharpen":
        effect = np.full((3, 3), -1.0)
        effect[1, 1] = 8 + parameters["lightness"]
    elif name == "emboss":
        strength = parameters["strength"]
        effect = np.array([[-1 - strength, -strength, 0], [-strength, 1, strength], [0, strength, 1 + strength]])
    else:
        effect = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
    itself = np.zeros((3, 3))
    itself[1, 1] = 1
    return ((1 - parameters["alpha"]) * itself + parameters["alpha"] * effect).astype(np.float32)


def gaussian_kernel(sigma_px: float) -> NDArray[np.float32]:
    """Return the weights of a Gaussian along one side, up to four sigmas from its middle; their sum is 1."""
    side = 2 * max(1, round(4 * sigma_px)) + 1
    return np.asarray(cv2.getGaussianKernel(side, sigma_px, cv2.CV_32F)[:, 0], np.float32)


def normal_noise(shape: tuple[int, int], seed: int) -> Image:
    """Return standard normal numbers, the same ones for a seed wherever they are added."""
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, dtype=np.float32)


def uniform_noise(shape: tuple[int, int], seed: int) -> Image:
    """Return numbers that are uniform in [0, 1), the same ones for a seed."""
    return np.random.Generator(np.random.PCG64(seed)).random(shape, dtype=np.float32)


def _filtered(name: str) -> Callable[..., Image]:
    def step(image: Image, **parameters: float) -> Image:
        return _shaped(cv2.filter2D(image, -1, kernel(name, parameters), borderType=cv2.BORDER_REFLECT_101), image)

    return step


def _shaped(result: object, image: Image) -> Image:
    return np.asarray(result, np.float32).reshape(image.shape)


def _blur(image: Image, *, sigma_px: float) -> Image:
    if sigma_px == 0:
        return image
    weights = gaussian_kernel(sigma_px)
    return _shaped(cv2.sepFilter2D(image, -1, weights, weights, borderType=cv2.BORDER_REFLECT_101), image)


def _gamma(image: Image, *, gamma: float) -> Image:
    return np.asarray(np.power(image, np.float32(gamma)))


def _contrast(image: Image, *, factor: float, brightness: float) -> Image:
    return image * np.float32(factor) + np.float32(brightness)


def _gaussian_noise(image: Image, *, sigma: float, seed: int) -> Image:
    return image + np.float32(sigma) * normal_noise(_shape(image), seed)


def _speckle_noise(image: Image, *, sigma: float, seed: int) -> Image:
    return image + image * np.float32(sigma) * normal_noise(_shape(image), seed)


def _salt_and_pepper(image: Image, *, share: float, seed: int) -> Image:
    drawn = uniform_noise(_shape(image), seed)
    return np.where(drawn < share / 2, np.float32(0), np.where(drawn >= 1 - share / 2, np.float32(1), image))


def _poisson_noise(image: Image, *, peak: float, seed: int) -> Image:
    """Return counts of ``peak`` photons at white: the Poisson quantile of a normal number, by Cornish and Fisher's expansion.

    So each pixel needs one number whatever its grey level, and tensors give the same. Mean and skewness are those of counts, their
    variance is larger by 1/18 of a count.
    """
    counts, drawn = image * np.float32(peak), normal_noise(_shape(image), seed)
    noisy = counts + np.sqrt(counts) * drawn + (np.square(drawn) - 1) / np.float32(6)
    return np.where(image > 0, noisy / np.float32(peak), np.float32(0))


def _erasing(image: Image, *, row0: int, col0: int, row1: int, col1: int, seed: int) -> Image:
    erased = image.copy()
    part = erased[row0:row1, col0:col1]
    part[...] = uniform_noise((part.shape[0], part.shape[1]), seed)
    return erased


def _shape(image: Image) -> tuple[int, int]:
    return image.shape[0], image.shape[1]


_STEPS: dict[str, Callable[..., Image]] = {
    "sharpen": _filtered("sharpen"),
    "emboss": _filtered("emboss"),
    "edges": _filtered("edges"),
    "blur": _blur,
    "gamma": _gamma,
    "contrast": _contrast,
    "gaussian-noise": _gaussian_noise,
    "speckle-noise": _speckle_noise,
    "salt-and-pepper": _salt_and_pepper,
    "poisson-noise": _poisson_noise,
    "erasing": _erasing,
}

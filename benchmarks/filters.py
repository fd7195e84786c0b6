"""What each filter costs beside the library nearest to it, as Markdown: ``OMP_NUM_THREADS=1 python benchmarks/filters.py``.

On a made-up film of 4921 x 2085 pixels of 16 bits, and on a part of it of 1024 x 1024. Processor time of one thread, best of three runs,
one where it is long. Where no library has the filter it is measured against scipy's `generic_filter`, which calls a function for every
window, on a small part and scaled up by the number of pixels. Memory is the most that numpy held at once, the result included, in sizes
of the film as float32. *Apart* is the greatest difference of the results, an eighth of the side or more from the border: elsewhere
borders are treated otherwise.

A second table shows what the filters, at settings of like strength, do to made-up speckle on a step from .2 to .5.
"""

from __future__ import annotations

import os
import platform
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pywt
import scipy
import skimage
from numpy.typing import NDArray
from scipy import ndimage, signal
from skimage import exposure, morphology, restoration
from skimage.filters import butterworth, unsharp_mask
from skimage.filters import sobel as skimage_sobel

from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.preprocess import contrast, edges, filters, normalise, speckle

FILM = 4921, 2085
PART = np.s_[1900:2924, 200:1224]
SMALL = np.s_[:64, :64]
RUNS = 3
BEARABLE = 10.0
LONG = 1.0
NOISE, VARIATION = 0.02, 0.1

Image = NDArray[np.float32]
Work = Callable[[Image], Any]


@dataclass(frozen=True)
class Case:
    """A filter of ours, its rival, and whether the rival is a function called for every window."""

    name: str
    ours: Work
    rival_name: str
    rival: Work
    by_window: bool = False


def each_window(function: Callable[[NDArray[np.float64]], float], size: int) -> Work:
    """Return a filter that calls a function for every window, as scipy offers it."""
    return lambda image: ndimage.generic_filter(image, function, size, output=np.float64)


def lee_of(window: NDArray[np.float64]) -> float:
    """Return Lee's estimate for the centre of a window."""
    mean, speckle_power = window.mean(), (window.mean() * VARIATION) ** 2
    kept = max(0.0, (window.var() - speckle_power) / (1 + VARIATION**2))
    return float(mean + kept / max(kept + speckle_power, 1e-30) * (window[window.size // 2] - mean))


def enhanced_lee_of(window: NDArray[np.float64]) -> float:
    """Return the enhanced Lee filter's value for the centre of a window."""
    mean = window.mean()
    ratio, most = window.std() / max(mean, 1 / 255), np.sqrt(1 + 2 * VARIATION**2)
    weight = np.exp(-max(ratio - VARIATION, 0) / max(most - ratio, 1e-7))
    return float(mean * weight + window[window.size // 2] * (1 - weight))


def frost_of(window: NDArray[np.float64]) -> float:
    """Return Frost's weighted mean of a window of 7 x 7."""
    down, across = np.mgrid[-3:4, -3:4]
    weight = np.exp(-10 * window.var() / max(window.mean(), 1 / 255) ** 2 * np.hypot(down, across)).ravel()
    return float((weight * window).sum() / weight.sum())


def like_mean_of(window: NDArray[np.float64]) -> float:
    """Return the mean of those values of a window of 5 x 5 that are like its centre."""
    like = window[np.abs(window - window[12]) <= 2 * NOISE]
    return float(like.mean() if like.size >= 3 else window.reshape(5, 5)[1:-1, 1:-1].mean())


def adaptive_median_of(window: NDArray[np.float64]) -> float:
    """Return what the adaptive median makes of the centre of a window of 7 x 7."""
    square, middle = window.reshape(7, 7), 0.0
    for half in (1, 2, 3):
        part = square[3 - half : 4 + half, 3 - half : 4 + half]
        middle = float(np.median(part))
        if part.min() < middle < part.max():
            return float(square[3, 3]) if part.min() < square[3, 3] < part.max() else middle
    return middle


def whole_srad(image: Image) -> NDArray[np.float64]:
    """Diffuse as `speckle.srad` does, the whole image at once in double precision, as it is usually written."""
    now = image.astype(float)
    for step in range(60):
        power = (VARIATION * np.exp(-step * 0.25 / 6)) ** 2
        wide = np.pad(now, 1, mode="edge")
        sides = [wide[:-2, 1:-1] - now, wide[2:, 1:-1] - now, wide[1:-1, :-2] - now, wide[1:-1, 2:] - now]
        bend, slope = sum(sides) / now, sum(side**2 for side in sides) / now**2
        q2 = (slope / 2 - bend**2 / 16) / (1 + bend / 4) ** 2
        c = np.pad(np.clip(1 / (1 + (q2 - power) / (power * (1 + power))), 0, 1), 1, mode="edge")
        near = [c[:-2, 1:-1], c[2:, 1:-1], c[1:-1, :-2], c[1:-1, 2:]]
        now = now + 0.25 / 8 * sum((one + c[1:-1, 1:-1]) * side for one, side in zip(near, sides, strict=True))
    return now


def whole_diffusion(image: Image) -> NDArray[np.float64]:
    """Diffuse as `speckle.anisotropic_diffusion` does, the whole image at once in double precision, as it is usually written."""
    now = image.astype(float)
    for _ in range(20):
        wide = np.pad(now, 1, mode="edge")
        sides = [wide[:-2, 1:-1] - now, wide[2:, 1:-1] - now, wide[1:-1, :-2] - now, wide[1:-1, 2:] - now]
        now = now + 0.2 * sum(np.exp(-((side / 0.05) ** 2)) * side for side in sides)
    return now


def sixteen_bits(image: Image) -> NDArray[np.uint16]:
    """Return an image as whole numbers, which OpenCV's CLAHE and non-local means ask for."""
    return np.rint(image * np.float32(65_535)).astype(np.uint16)


def smoothing() -> list[Case]:
    """List the filters against added noise."""
    patches = {"patch_size": 5, "patch_distance": 6, "h": 0.8 * NOISE, "sigma": NOISE}
    shrinkage: dict[str, Any] = {"sigma": NOISE, "wavelet": "sym4", "wavelet_levels": 4, "rescale_sigma": False}
    return [
        Case("mean(size=7)", lambda x: filters.mean(x, size=7), "scipy `uniform_filter`", lambda x: ndimage.uniform_filter(x, 7)),
        Case("gaussian(sigma_px=2)", lambda x: filters.gaussian(x, sigma_px=2), "scipy", lambda x: ndimage.gaussian_filter(x, 2.0)),
        Case("low_pass()", filters.low_pass, "scikit-image, which it calls", lambda x: butterworth(x, 0.1, False, 2, None, npad=20)),
        Case("median(size=5)", lambda x: filters.median(x, size=5), "scipy", lambda x: ndimage.median_filter(x, 5)),
        Case("median(size=9)", lambda x: filters.median(x, size=9), "scipy `medfilt2d`", lambda x: signal.medfilt2d(x, 9)),
        Case("adaptive_median()", filters.adaptive_median, "scipy `generic_filter`", each_window(adaptive_median_of, 7), True),
        Case(
            "adaptive_mean()", lambda x: filters.adaptive_mean(x, noise=NOISE), "scipy `generic_filter`", each_window(like_mean_of, 5), True
        ),
        Case("wiener()", lambda x: filters.wiener(x, noise=NOISE), "scipy", lambda x: signal.wiener(x, 5, NOISE**2)),
        Case("bilateral()", filters.bilateral, "scikit-image, in a square", lambda x: restoration.denoise_bilateral(x, 9, 0.05, 3, 4096)),
        Case(
            "non_local_means()",
            lambda x: filters.non_local_means(x, noise=NOISE),
            "scikit-image, fast",
            lambda x: restoration.denoise_nl_means(x, fast_mode=True, **patches),
        ),
        Case(
            "non_local_means()",
            lambda x: filters.non_local_means(x, noise=NOISE),
            "OpenCV, 16 bits, by absolute differences",
            lambda x: cv2.fastNlMeansDenoising(sixteen_bits(x), [0.8 * NOISE * 65_535], None, 5, 13, cv2.NORM_L1) / np.float32(65_535),
        ),
        Case(
            "wavelet()",
            lambda x: filters.wavelet(x, noise=NOISE),
            "scikit-image, which it calls four times",
            lambda x: restoration.denoise_wavelet(x, **shrinkage),
        ),
        Case(
            "total_variation()",
            filters.total_variation,
            "scikit-image, which it calls four times",
            lambda x: restoration.denoise_tv_chambolle(x, 0.05),
        ),
    ]


def despeckling() -> list[Case]:
    """List the filters against speckle."""
    known = {"variation": VARIATION}
    return [
        Case("lee()", lambda x: speckle.lee(x, **known), "scipy `generic_filter`", each_window(lee_of, 7), True),
        Case("enhanced_lee()", lambda x: speckle.enhanced_lee(x, **known), "scipy `generic_filter`", each_window(enhanced_lee_of, 7), True),
        Case("frost()", speckle.frost, "scipy `generic_filter`", each_window(frost_of, 7), True),
        Case("anisotropic_diffusion()", speckle.anisotropic_diffusion, "numpy, whole image, float64", whole_diffusion),
        Case("srad()", lambda x: speckle.srad(x, **known), "numpy, whole image, float64", whole_srad),
    ]


def others() -> list[Case]:
    """List contrast, edges and normalisation."""
    disc = morphology.disk(7)
    tiles = cv2.createCLAHE(2.0, (8, 8))
    return [
        Case("equalise()", contrast.equalise, "scikit-image", lambda x: exposure.equalize_hist(x, 65_536)),
        Case("clahe()", contrast.clahe, "scikit-image, other limit", lambda x: exposure.equalize_adapthist(x, clip_limit=2 / 256)),
        Case("clahe()", contrast.clahe, "OpenCV, 65,536 levels", lambda x: tiles.apply(sixteen_bits(x)) / np.float32(65_535)),
        Case("gamma()", contrast.gamma, "scikit-image", lambda x: exposure.adjust_gamma(x, 0.8)),
        Case("unsharp()", contrast.unsharp, "scikit-image", lambda x: unsharp_mask(x, 2.0, 1.0)),
        Case(
            "percentile_stretch()",
            contrast.percentile_stretch,
            "scikit-image, all pixels",
            lambda x: exposure.rescale_intensity(x, tuple(np.percentile(x, (1, 99.5))), (0, 1)),
        ),
        Case("sobel()", edges.sobel, "scikit-image", skimage_sobel),
        Case("laplacian()", edges.laplacian, "scipy", lambda x: np.abs(ndimage.laplace(x)) / 4),
        Case("opening(size=15)", lambda x: edges.opening(x, size=15), "scikit-image", lambda x: morphology.opening(x, disc)),
        Case("top_hat(size=15)", edges.top_hat, "scikit-image", lambda x: morphology.white_tophat(x, disc)),
        Case("fit(z-score)", lambda x: normalise.fit([(x, None)]).divisor, "numpy `std`", lambda x: x.std(dtype=np.float64)),
        Case(
            "fit(percentile)",
            lambda x: normalise.fit([(x, None)], kind="percentile").offset,
            "numpy `percentile`",
            lambda x: np.percentile(x, 1),
        ),
    ]


def seconds(work: Work, image: Image) -> float:
    """Return the least processor time of three runs, of one where that is long."""
    found: list[float] = []
    while len(found) < RUNS and sum(found) < LONG:
        start = time.process_time()
        work(image)
        found.append(time.process_time() - start)
    return min(found)


def memory(work: Work, image: Image) -> float:
    """Return the most that numpy and Python held at once for it, the result included, in sizes of the image."""
    tracemalloc.start()
    work(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / image.nbytes


def difference(case: Case, part: Image) -> float:
    """Return the greatest difference of the two results away from the border."""
    ours, theirs = np.asarray(case.ours(part)), np.asarray(case.rival(part))
    border = part.shape[0] // 8
    inside = np.s_[border:-border, border:-border] if ours.ndim else ()
    return float(np.abs(ours - theirs)[inside].max())


def shown(value: float) -> str:
    """Return milliseconds, in as many digits as mean something."""
    return f"{1000 * value:,.0f}" if value >= 0.1 else f"{1000 * value:.1f}"


def row(case: Case, film: Image) -> str:
    """Measure one case and return its row."""
    part = np.ascontiguousarray(film[PART])
    compared = np.ascontiguousarray(part[SMALL]) if case.by_window else part
    ours, theirs = seconds(case.ours, part), seconds(case.rival, compared) * part.size / compared.size
    bearable = not case.by_window and theirs * film.size / part.size < BEARABLE
    on_film = [seconds(case.ours, film), memory(case.ours, film)]
    against = [shown(seconds(case.rival, film)), f"{memory(case.rival, film):.1f}"] if bearable else ["-", "-"]
    times = f"{shown(ours)} | {shown(theirs)} | **{ours / theirs:.2g}** | {difference(case, compared):.1g}"
    return f"| `{case.name}` | {case.rival_name} | {times} | {shown(on_film[0])} | {against[0]} | {on_film[1]:.1f} | {against[1]} |"


def speckle_table() -> None:
    """Print, for a step of 300 x 300 pixels under speckle of 16 looks, the looks afterwards and how much is left of the step."""
    clean = np.where(np.arange(300) < 140, 0.2, 0.5)[None, :].repeat(300, 0)
    spoilt = (clean * generator(0, "speckle").gamma(16, 1 / 16, clean.shape)).clip(0, 1).astype(np.float32)
    ways: dict[str, Work] = {
        "nothing": lambda x: x,
        "mean(size=7)": lambda x: filters.mean(x, size=7),
        "gaussian(sigma_px=2)": lambda x: filters.gaussian(x, sigma_px=2),
        "median(size=7)": lambda x: filters.median(x, size=7),
        "wiener(size=7)": lambda x: filters.wiener(x, size=7),
        "bilateral(tone=0.2)": lambda x: filters.bilateral(x, tone=0.2),
        'non_local_means(noise="local")': lambda x: filters.non_local_means(x, noise="local"),
        'wavelet(noise="local")': lambda x: filters.wavelet(x, noise="local"),
        "total_variation(weight=0.2)": lambda x: filters.total_variation(x, weight=0.2),
        "lee()": speckle.lee,
        "enhanced_lee()": speckle.enhanced_lee,
        "frost()": speckle.frost,
        "frost(damping=2)": lambda x: speckle.frost(x, damping=2),
        "anisotropic_diffusion(contrast=0.12)": lambda x: speckle.anisotropic_diffusion(x, contrast=0.12),
        "srad()": speckle.srad,
    }
    print("| filter | looks, dark | looks, bright | of the step left |\n|---|---|---|---|")
    for name, change in ways.items():
        result = change(spoilt).astype(np.float64)
        dark, bright = result[20:-20, 20:120], result[20:-20, 160:-20]
        left = (result[:, 140] - result[:, 139]).mean() / 0.3
        looks = " | ".join(f"{side.mean() ** 2 / side.var():.0f}" for side in (dark, bright))
        print(f"| `{name}` | {looks} | {left:.2f} |")


def main() -> None:
    """Make the film and print a row a case."""
    cv2.setNumThreads(1)
    film = (sixteen_bits(mammogram(generator(0, "benchmark"), *FILM, lesion="malignant").pixels) / np.float32(65_535)).astype(np.float32)
    film = np.clip(film * (1 + np.float32(0.05) * generator(0, "grain").standard_normal(FILM, np.float32)), 0, 1)
    film = sixteen_bits(film) / np.float32(65_535)
    versions = f"numpy {np.__version__}, scipy {scipy.__version__}, scikit-image {skimage.__version__}, OpenCV {cv2.__version__}"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{versions}, PyWavelets {pywt.__version__}; {machine}; one thread; processor milliseconds.\n")
    print("| filter | against | 1024 x 1024: ours | theirs | ratio | apart | 4921 x 2085: ours | theirs | its memory: ours | theirs |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for case in [*smoothing(), *despeckling(), *others()]:
        print(row(case, film), flush=True)
    print()
    speckle_table()


if __name__ == "__main__":
    main()

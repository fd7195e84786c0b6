"""What labelling and handing on windows costs, as Markdown: ``python benchmarks/patches.py``.

Ratios to numpy's own sum of the mask, to a plain loop and to scikit-image, on a mask of 4921 x 2085 pixels; the results of
all ways are compared before they are timed. Best of several runs, one thread.
"""

from __future__ import annotations

import platform
import timeit
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.util import view_as_windows

from breastcad.core.geometry import ellipse_mask
from breastcad.patches.integral import roi_counts
from breastcad.patches.windows import view_windows, window_starts

SHAPE = 4921, 2085
WINDOW = 224
LESION = (2200.0, 700.0, 2700.0, 1200.0)
RUNS = 7
LOOP_ROWS = 4


def milliseconds(work: Callable[[], Any], runs: int = RUNS) -> float:
    """Return the best time of several runs."""
    return min(timeit.repeat(work, number=1, repeat=runs)) * 1000


def loop(mask: NDArray[np.bool_], rows: NDArray[np.int64], cols: NDArray[np.int64]) -> list[list[int]]:
    """Count what a plain loop over windows counts."""
    return [[int(mask[row : row + WINDOW, col : col + WINDOW].sum()) for col in cols] for row in rows]


def labelling(name: str, mask: NDArray[np.bool_], stride: int) -> str:
    """Return one row of the first table."""
    rows, cols = (window_starts(length, WINDOW, stride) for length in SHAPE)
    some = rows[len(rows) // 2 :][:LOOP_ROWS]
    counts = roi_counts(mask, rows, cols, (WINDOW, WINDOW))
    few = counts[len(rows) // 2 :][:LOOP_ROWS]
    part = mask[some[0] : some[-1] + WINDOW]
    assert few.tolist() == loop(mask, some, cols)
    assert np.allclose(few / WINDOW**2, view_as_windows(part, (WINDOW, WINDOW), stride).mean(axis=(2, 3)))
    ours = milliseconds(lambda: roi_counts(mask, rows, cols, (WINDOW, WINDOW)))
    once = milliseconds(mask.sum)
    plain = milliseconds(lambda: loop(mask, some, cols), 2) * len(rows) / len(some)
    skimage = milliseconds(lambda: view_as_windows(part, (WINDOW, WINDOW), stride).mean(axis=(2, 3)), 2) * len(rows) / len(some)
    number = f"{len(rows)} x {len(cols)} = {len(rows) * len(cols):,}"
    times = (
        f"{ours:.2f} | {once:.2f} | **{ours / once:.2f}** | {plain:,.0f} ({plain / ours:,.0f} x) | {skimage:,.0f} ({skimage / ours:,.0f} x)"
    )
    return f"| {name} | {stride} | {number} | {times} |"


def views(stride: int) -> str:
    """Return one row of the second table: every window handed on, against one pass over the image."""
    image = np.random.default_rng(0).random(SHAPE, np.float32)
    windows = view_windows(image, (WINDOW, WINDOW), (stride, stride))
    single = milliseconds(lambda: [window for row in windows for window in row])
    by_row = milliseconds(lambda: list(windows))
    once = milliseconds(image.sum)
    ratios = f"{single:.2f} (**{single / once:.2f}**) | {by_row:.2f} (**{by_row / once:.2f}**)"
    return f"| {stride} | {windows.shape[0] * windows.shape[1]:,} | {once:.2f} | {ratios} |"


def main() -> None:
    """Print both tables."""
    cv2.setNumThreads(1)
    masks = {"lesion of 500 px": ellipse_mask(SHAPE, LESION), "fills the frame": np.ones(SHAPE, bool)}
    print(
        f"Window {WINDOW}, image {SHAPE[0]} x {SHAPE[1]}, numpy {np.__version__}, {platform.machine()}, one thread, best of {RUNS} runs.\n"
    )
    print(
        "| mask | stride | windows | ours, ms | `mask.sum()`, ms | ratio | plain loop, ms | scikit-image `view_as_windows` + `mean`, ms |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, mask in masks.items():
        for stride in (56, 14):
            print(labelling(name, mask, stride))
    print(f"\nLoop and scikit-image are timed on {LOOP_ROWS} rows of windows and extrapolated to all.\n")
    print("| stride | windows | `image.sum()` of float32, ms | each as a view, ms (ratio) | a row of them at a time, ms (ratio) |")
    print("|---|---|---|---|---|")
    for stride in (224, 56, 14):
        print(views(stride))


if __name__ == "__main__":
    main()

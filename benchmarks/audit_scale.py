"""What an audit of many images costs, as Markdown: ``python benchmarks/audit_scale.py``; ``--images 1000 10000`` by default.

Made-up images of 512 px (random fields with detail at several sizes, no two alike but for planted copies) are written to a temporary folder
that is removed, and audited by ``breastcad audit`` in a process of its own, whose wall time, processor time and peak memory are told. On a
machine with other work the wall time is an upper bound.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from breastcad.core.files import write_collection
from breastcad.core.records import Collection, ImageRow
from breastcad.core.seeding import generator

SIDE = 512
COPY_OF_EVERY = 100
MINUTES, MEBIBYTES = 5, 1024
LABELS = ("normal", "benign", "malignant")


def made_up(number: int, layers: list[np.ndarray]) -> np.ndarray:
    """Return one image: patches of fixed random fields at four sizes, placed and mixed at random."""
    random = generator(0, "scale", number)
    image = np.zeros((SIDE, SIDE), np.float32)
    for layer in layers:
        row, col = random.integers(0, layer.shape[0] - SIDE, 2)
        image += random.uniform(0.5, 1.5) * layer[row : row + SIDE, col : col + SIDE][:: random.choice([-1, 1]), :: random.choice([-1, 1])]
    return np.clip(110 + 30 * image, 0, 255).astype(np.uint8)


def turned(image: np.ndarray) -> np.ndarray:
    """Return a copy that is turned by 10 degrees and cropped to 85 %."""
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 10, 1)
    return cv2.warpAffine(image, matrix, (SIDE, SIDE))[38 : 38 + 435, 38 : 38 + 435]


def write_images(folder: Path, images: int) -> int:
    """Write a collection of so many images, JPEG files all; return how many are copies of others."""
    random = generator(0, "scale", "layers")
    layers = []
    for sigma in (2, 5, 12, 30):
        field = cv2.GaussianBlur(random.standard_normal((4096, 4096), np.float32), (0, 0), sigma)
        layers.append(field / field.std())
    rows, copies = [], 0
    for number in range(images):
        image = made_up(number, layers)
        if number % COPY_OF_EVERY == COPY_OF_EVERY - 1:
            image, copies = turned(made_up(number - COPY_OF_EVERY // 2, layers)), copies + 1
        cv2.imwrite(str(folder / f"{number:05}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 85])
        label = LABELS[number % 3]
        rows.append(ImageRow("made-up", f"{number:05}", path=f"{number:05}.jpg", modality="US", label=label, patient_id=f"p{number // 2}"))
    write_collection(folder / "collection", Collection(str(folder), rows, facts={"set": "made-up"}))
    return copies


def audited(images: int) -> tuple[float, float, float, str]:
    """Return minutes, minutes of processor time and MiB of an audit of so many images, and how many copies it found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copies = write_images(folder, images)
        command = [sys.executable, "-m", "breastcad", "audit", str(folder / "collection"), "--out", str(folder / "audit")]
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"the audit of {images} images ended with exit code {process.returncode}")
        checks = {check["name"]: check for check in json.loads((folder / "audit" / "audit.json").read_text())["checks"]}
    found = checks["copies"]["count"] + checks["near-duplicates"]["count"] // 2
    return wall / 60, (used.ru_utime + used.ru_stime) / 60, used.ru_maxrss / 1024, f"{found} pairs, {copies} planted"


def main() -> None:
    """Audit sets of growing size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10000])
    sizes = parser.parse_args().images
    print(f"Made-up JPEG images of {SIDE} px, {os.cpu_count()} cores, {platform.machine()}; wall time is an upper bound on shared cores.\n")
    print("| images | wall, min | processor, min | peak, MiB | copies found |\n|---|---|---|---|---|")
    for images in sizes:
        wall, processor, peak, found = audited(images)
        late = " **over budget**" if images >= 10000 and wall > MINUTES else ""
        large = " **over budget**" if peak > MEBIBYTES else ""
        print(f"| {images:,} | {wall:.1f}{late} | {processor:.1f} | {peak:,.0f}{large} | {found} |", flush=True)
    print(f"\nBudget: {MINUTES} minutes and {MEBIBYTES:,} MiB for 10,000 images.")


if __name__ == "__main__":
    main()

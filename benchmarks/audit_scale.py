"""What an audit of many images costs, as Markdown: ``python benchmarks/audit_scale.py``; ``--images 1000 10000`` by default.

Made-up images of 512 px (random fields with detail at several sizes, no two alike but for copies, turned and cropped) are written to
a temporary folder that is removed, and audited by ``breastcad audit`` in a process of its own, whose wall time, processor time and peak
memory are told. On a machine with other work the wall time is an upper bound.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
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


def made_up(number: int) -> np.ndarray:
    """Return one image: random fields whose detail is 2, 6, 16 and 48 pixels wide, mixed at random."""
    random = generator(0, "scale", number)
    image = np.zeros((SIDE, SIDE), np.float32)
    for width in (2, 6, 16, 48):
        field = random.standard_normal((SIDE // width + 2,) * 2, np.float32)
        image += random.uniform(0.5, 1.5) * cv2.resize(field, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.clip(110 + 30 * image, 0, 255).astype(np.uint8)


def turned(image: np.ndarray) -> np.ndarray:
    """Return a copy that is turned by 10 degrees and cropped to 85 %."""
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 10, 1)
    return cv2.warpAffine(image, matrix, (SIDE, SIDE))[38 : 38 + 435, 38 : 38 + 435]


def write_images(folder: Path, images: int) -> set[tuple[str, str]]:
    """Write a collection of so many images, JPEG files all; return which pairs are an image and its copy."""
    rows, planted = [], set()
    for number in range(images):
        source = number - COPY_OF_EVERY // 2 if number % COPY_OF_EVERY == COPY_OF_EVERY - 1 else number
        image = made_up(source) if source == number else turned(made_up(source))
        cv2.imwrite(str(folder / f"{number:05}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 85])
        label, patient = LABELS[number % 3], f"p{number // 2}"
        rows.append(ImageRow("set", f"{number:05}", path=f"{number:05}.jpg", modality="US", label=label, patient_id=patient))
        if source != number:
            planted.add((f"set {source:05}", f"set {number:05}"))
    write_collection(folder / "collection", Collection(str(folder), rows, facts={"set": "set"}))
    return planted


def audited(images: int) -> tuple[float, float, float, str]:
    """Return minutes, minutes of processor time and MiB of an audit of so many images, and which copies it found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        planted = write_images(folder, images)
        command = [sys.executable, "-m", "breastcad", "audit", str(folder / "collection"), "--out", str(folder / "audit")]
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"the audit of {images} images ended with exit code {process.returncode}")
        checks = {check["name"]: check for check in json.loads((folder / "audit" / "audit.json").read_text())["checks"]}
    items = [*checks["near-duplicates"]["items"], *checks["copies"]["items"]]
    found = {tuple(re.findall(r"set \d{5}", item)) for item in items}
    counts = f"{len(found & planted)} of {len(planted)} | {len(found - planted)}"
    return wall / 60, (used.ru_utime + used.ru_stime) / 60, used.ru_maxrss / 1024, counts


def main() -> None:
    """Audit sets of growing size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10000])
    sizes = parser.parse_args().images
    print(f"Made-up JPEG images of {SIDE} px, {os.cpu_count()} cores, {platform.machine()}; wall time is an upper bound on shared cores.\n")
    print("| images | wall, min | processor, min | peak, MiB | planted copies found | other pairs |\n|---|---|---|---|---|---|")
    for images in sizes:
        wall, processor, peak, found = audited(images)
        late = " **over budget**" if images >= 10000 and wall > MINUTES else ""
        large = " **over budget**" if peak > MEBIBYTES else ""
        print(f"| {images:,} | {wall:.1f}{late} | {processor:.1f} | {peak:,.0f}{large} | {found} |", flush=True)
    print(f"\nBudget: {MINUTES} minutes and {MEBIBYTES:,} MiB for 10,000 images.")


if __name__ == "__main__":
    main()

"""How long a training step waits for its batch, against the budget, as Markdown: ``python benchmarks/training_loader.py [RECIPE...]``.

The training loop itself is run on made-up images with the settings of each recipe and its batches
are timed from outside: the time in which the loop waits for the next batch, and that from a batch to the asking for another, which
is the step. The first steps do not count. The budget: the network never waits more than 5 % of the time. Needs the extra [train].
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import numpy as np
import torch

from breastcad.core.records import FindingRow, ImageRow
from breastcad.core.seeding import generator
from breastcad.phantom.mammogram import mammogram
from breastcad.phantom.ultrasound import ultrasound
from breastcad.train import lesion_task
from breastcad.train.batches import epoch_batches
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.loop import train_network
from breastcad.train.samples import CODES, Sample
from breastcad.train.settings import with_values
from breastcad.train.tasks import RECIPES, recipe

BUDGET = 0.05
PICTURES = 12
STEPS, NOT_COUNTED = 8, 2
Batch = TypeVar("Batch")


@dataclass(slots=True)
class Times:
    """Seconds waited for each batch, and seconds that each batch was worked on."""

    waits: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Share of the time in which the step waits, without the first steps."""
        waited, worked = sum(self.waits[NOT_COUNTED:]), sum(self.steps[NOT_COUNTED:])
        return waited / (waited + worked)


def timed(batches: Iterable[Batch], times: Times, clock: Callable[[], float] = time.perf_counter) -> Iterator[Batch]:
    """Yield batches as they come, and enter how long each was waited for and worked on."""
    source = iter(batches)
    while True:
        asked = clock()
        try:
            batch = next(source)
        except StopIteration:
            return
        given = clock()
        yield batch
        times.waits.append(given - asked)
        times.steps.append(clock() - given)


def made_up(number: int, settings: LesionSettings) -> Sample:
    """Return one made-up image as a network sees it; one in three is normal."""
    label = ("normal", "benign", "malignant")[number % 3]
    draw = mammogram if settings.pipeline == "mammogram" else ultrasound
    phantom = draw(generator(settings.seed, "bench", number), settings.rows, settings.cols, lesion=None if label == "normal" else label)
    lesions = np.zeros(phantom.pixels.shape, np.uint8)
    findings = []
    for place, lesion in enumerate(phantom.lesions):
        lesions[lesion.mask] = CODES[lesion.pathology]
        row0, col0, row1, col1 = map(float, lesion.box)
        finding = FindingRow("made-up", f"{number}-{place}", str(number), pathology=lesion.pathology, geometry="box")
        finding.row0, finding.col0, finding.row1, finding.col1 = row0, col0, row1, col1
        findings.append(finding)
    image = np.round(phantom.pixels * 255).astype(np.uint8)
    row = ImageRow("made-up", str(number), label=label, rows=settings.rows, cols=settings.cols)
    return Sample(row, str(number), image, lesions, True, (0.0, 0.0, float(settings.rows), float(settings.cols)), findings)


def measure(settings: LesionSettings, device: torch.device, steps: int = STEPS) -> Times:
    """Train one epoch of so many steps and return how long each waited and took."""
    pictures = [made_up(number, settings) for number in range(min(PICTURES, steps * settings.batch))]
    samples = [pictures[number % len(pictures)] for number in range(steps * settings.batch)]
    times = Times()

    def watched(*arguments: Any) -> Iterator[Any]:
        return timed(epoch_batches(*arguments), times)

    def quiet(*_: object) -> None: ...

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(lesion_task, "epoch_batches", watched):
        task = lesion_task.LesionTask(samples, pictures[:3], settings, (0, 0))
        train_network(task, Path(folder), device=device, report=quiet, progress=quiet)
    return times


def main() -> None:
    """Print a row a recipe."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=f"by default all: {', '.join(RECIPES)}")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, help="of torch; by default the recipe's own")
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args()
    if given.steps <= NOT_COUNTED:
        parser.error(f"--steps must be at least {NOT_COUNTED + 1}: the first {NOT_COUNTED} do not count")
    device = torch.device(given.device)
    where = torch.cuda.get_device_name() if given.device == "cuda" else "cpu"
    print(f"Made-up images, torch {torch.__version__} on {where}, {platform.machine()}, {os.cpu_count()} cores,")
    print(f"load {os.getloadavg()[0]:.1f} before it began; medians of {given.steps - NOT_COUNTED} steps after {NOT_COUNTED}.\n")
    print("| recipe | input | batch | threads | waits, ms | step, ms | **waits, share** | budget 5 % | keeps it with steps from, ms |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in given.recipes or RECIPES:
        changed = [("epochs", 1), *([("threads", given.threads)] if given.threads else [])]
        settings = with_values(recipe(name), changed)
        times = measure(settings, device, given.steps)
        wait, step = (1000 * statistics.median(part[NOT_COUNTED:]) for part in (times.waits, times.steps))
        kept = "kept" if times.share <= BUDGET else "not kept"
        print(f"| {name} | {settings.rows} x {settings.cols} | {settings.batch} | {settings.threads} | {wait:.1f} | {step:.1f} ", end="")
        print(f"| **{times.share:.3f}** | {kept} | {wait * (1 - BUDGET) / BUDGET:.0f} |", flush=True)


if __name__ == "__main__":
    main()

"""Measures `breastcad analyze` of one small image from the shell against its budget, and prints Markdown.

The budget: at most 1.5 times what it takes to import numpy, opencv and onnxruntime, load the model, decode the image and pass it
through. Each run is a process of its own; the kinds alternate, and the median is taken. Modules are compiled once, as they are where
breastcad is installed, whatever PYTHONDONTWRITEBYTECODE says here. Processor seconds are printed too: where other work runs on the
machine they say more than seconds do.

Call: ``python benchmarks/analyze.py [IMAGE] [--model ID|FILE]``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from breastcad.models.catalogue import bundled, find_model, read_metadata

TOP = Path(__file__).resolve().parents[1]
BUDGET = 1.5
RUNS = 7

# What the budget is measured against: nothing of breastcad in it but the model file.
BARE = """
import sys, numpy as np, cv2, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
rows, cols = session.get_inputs()[0].shape[2:]
pixels = cv2.imread(sys.argv[2], cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
session.run(None, {"image": cv2.resize(pixels, (cols, rows), interpolation=cv2.INTER_AREA)[None, None]})
"""
ANALYSE = "import sys, breastcad; breastcad.analyze(sys.argv[2], model=sys.argv[1])"
MODULES = """
import sys
from breastcad.commands import main
try:
    main(sys.argv[1:])
except SystemExit:
    print(*(name for name in ("torch", "scipy", "skimage", "pandas", "matplotlib", "sklearn", "pydicom") if name in sys.modules))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One process: seconds from start to end, processor seconds of all its threads, and the most memory that it held, in MiB."""

    seconds: float
    processor: float
    peak_mib: float


def measure(call: list[str], environment: dict[str, str]) -> Measured:
    """Run a call in a process of its own.

    Raises
    ------
    RuntimeError
        If it does not end with exit code 0.
    """
    started = time.perf_counter()
    process = subprocess.Popen(call, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"exit code {process.returncode} of: {' '.join(call)}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def compiling_into(folder: str) -> dict[str, str]:
    """Return the environment in which Python keeps compiled modules in a folder."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": folder}


def alternate(calls: dict[str, list[str]], runs: int, environment: dict[str, str]) -> dict[str, list[Measured]]:
    """Measure each call `runs` times in turns, after one run of each that does not count (it fills the disk's cache, and compiles)."""
    found: dict[str, list[Measured]] = {name: [] for name in calls}
    for number in range(runs + 1):
        for name, call in calls.items():
            taken = measure(call, environment)
            if number:
                found[name].append(taken)
    return found


def default_image() -> Path:
    """Return the first ultrasound image of examples/.

    Raises
    ------
    SystemExit
        If there is none.
    """
    images = sorted(path for path in (TOP / "examples").rglob("*.png") if not path.stem.endswith("_tumor"))
    if not images:
        raise SystemExit("no image in examples/; name one")
    return images[0]


def main() -> int:
    """Measure, print, and return 1 where the budget is not kept or torch was loaded."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("image", nargs="?", type=Path)
    parser.add_argument("--model", default="us-lesion")
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    if given.model == "us-lesion" and "us-lesion" not in bundled():
        print("us-lesion is not bundled here; name a model file with --model")
        return 0
    image, model = str(given.image or default_image()), str(find_model(given.model))
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as compiled:
        shell = ["analyze", image, "--model", model, "--out", folder, "--overwrite"]
        calls = {
            "bare: imports, model, decoding, pass": [python, "-c", BARE, model, image],
            "breastcad.analyze, no pictures": [python, "-c", ANALYSE, model, image],
            "breastcad analyze from the shell, all in": [python, "-m", "breastcad", *shell],
        }
        found = alternate(calls, given.runs, compiling_into(compiled))
        loaded = subprocess.run([python, "-c", MODULES, *shell], capture_output=True, text=True, check=True).stdout.splitlines()[-1].split()
    return report(found, loaded, read_metadata(model)["id"], Path(image).name, given.runs)


def report(found: dict[str, list[Measured]], loaded: list[str], model_id: str, image: str, runs: int) -> int:
    """Print the table and say if the budget is kept."""
    print(f"`{image}` with {model_id}; median of {runs} processes, warm cache, {os.cpu_count()} cores\n")
    print("| | seconds | of bare | processor seconds | of bare | peak MiB |\n|---|---|---|---|---|---|")
    bare, bare_processor, ratio = 0.0, 0.0, 0.0
    for name, runs_of in found.items():
        seconds, processor = (statistics.median(getattr(run, what) for run in runs_of) for what in ("seconds", "processor"))
        bare, bare_processor = bare or seconds, bare_processor or processor
        ratio = seconds / bare
        peak = statistics.median(run.peak_mib for run in runs_of)
        print(f"| {name} | {seconds:.2f} | {ratio:.2f} | {processor:.2f} | {processor / bare_processor:.2f} | {peak:.0f} |")
    kept = ratio <= BUDGET
    print(f"\nBudget {BUDGET} x: {'kept' if kept else 'not kept'} ({ratio:.2f}). Heavy packages loaded: {', '.join(loaded) or 'none'}.")
    return 0 if kept and "torch" not in loaded else 1


if __name__ == "__main__":
    raise SystemExit(main())

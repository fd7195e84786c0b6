"""What ``breastcad --help`` costs, against the budget, as Markdown: ``python benchmarks/start_up.py``.

The budget: 40 times ``python -c pass``. Each run is a process of its own; the two alternate, and the median is taken. Processor seconds
are printed too: where other work runs on the machine they say more than seconds do.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import time

BUDGET = 40
RUNS = 15
CALLS = {"python -c pass": ["-c", "pass"], "breastcad --help": ["-m", "breastcad", "--help"]}


def cost(arguments: list[str]) -> tuple[float, float]:
    """Run Python once in a process of its own and return its seconds and its processor seconds."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure in turns and print a row a call."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in CALLS}
    for number in range(RUNS + 1):  # the first fills the disk's cache and does not count
        for name, arguments in CALLS.items():
            taken = cost(arguments)
            if number:
                found[name].append(taken)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"Python {platform.python_version()}, {machine}; median of {RUNS} processes each, warm cache.\n")
    print("| call | ms | of `python -c pass` | processor, ms | of `python -c pass` | budget 40 |\n|---|---|---|---|---|---|")
    medians = {name: [statistics.median(column) for column in zip(*costs, strict=True)] for name, costs in found.items()}
    bare, bare_processor = medians["python -c pass"]
    for name, (seconds, processor) in medians.items():
        kept = "kept" if seconds <= BUDGET * bare else "not kept"
        ratios = f"{1000 * seconds:.0f} | **{seconds / bare:.1f}** | {1000 * processor:.0f} | {processor / bare_processor:.1f}"
        print(f"| `{name}` | {ratios} | {kept} |")


if __name__ == "__main__":
    main()

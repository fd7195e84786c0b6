"""How often the analysis of conditions finds a difference where there is none, as Markdown.

``python benchmarks/reader_studies.py [--studies 2000]``. Ratings are made up: readers and cases differ, and each reader and each case also
differs from condition to condition; conditions do not. At the level 0.05 one study in twenty should be significant.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from breastcad.core.seeding import generator
from breastcad.evaluate.intervals import wilson_interval
from breastcad.evaluate.mrmc import BOTH, CASES, READERS, analyse

SHAPES = ((2, 3, 60), (2, 5, 100), (2, 10, 100), (3, 5, 100))
SPREADS = {"readers differ little": 0.1, "readers differ much": 0.5}


def made_up(seed: int, conditions: int, readers: int, cases: int, spread: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return ratings (conditions, readers, cases) and truth, half of the cases malignant; ``spread`` is that of readers' skill."""
    draw = generator(seed, "reader-studies", conditions, readers, cases)
    truth = np.arange(cases) < cases // 2
    noise = sum(
        draw.normal(size=shape) for shape in ((1, 1, cases), (1, readers, cases), (conditions, 1, cases), (conditions, readers, cases))
    )
    skill = 2.5 + spread * (draw.normal(size=(1, readers, 1)) + draw.normal(size=(conditions, readers, 1)))
    return noise + truth * skill, truth


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    studies = parser.parse_args().studies
    print(f"Share of {studies:,} made-up studies without any difference in which p < 0.05, with Wilson's 95 % interval.\n")
    print(f"| conditions, readers, cases | | covariance | {' | '.join((BOTH, CASES, READERS))} |")
    print("|---|---|---|---:|---:|---:|")
    for shape in SHAPES:
        for name, spread in SPREADS.items():
            for method in ("delong", "jackknife"):
                found = [analyse(*made_up(seed, *shape, spread), method=method).analyses for seed in range(studies)]
                counts = (np.array([[one.p for one in analyses] for analyses in found], np.float64) < 0.05).sum(axis=0)
                cells = [f"{n / studies:.3f} ({low:.3f} to {high:.3f})" for n in counts for low, high in [wilson_interval(int(n), studies)]]
                print(f"| {shape[0]}, {shape[1]}, {shape[2]} | {name} | {method} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

"""Do the statistics hold? As Markdown: ``OMP_NUM_THREADS=1 python benchmarks/statistical_tests.py`` (some minutes).

DeLong's and Obuchowski's standard errors beside 20,000 bootstraps; how often tests of two equal models reject at 0.05, in 2,000
simulations; how often 95 % intervals hold the truth where samples come in patients, with and without regard to that. The first table
is the published example of R's pROC, where R and its package pROC are installed (Debian: r-cran-proc).

Samples are made up: a score is ``gap`` for positives, plus an effect of the patient, plus noise, all normal of variance 1. With labels
"of the patient" all images of one have one label, with labels "of the image" each has its own.
"""

from __future__ import annotations

import csv
import io
import math
import platform
import shutil
import subprocess
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from breastcad.core.seeding import generator
from breastcad.evaluate import weighted
from breastcad.evaluate.clustered import clustered_covariance, clustered_interval, clustered_test
from breastcad.evaluate.delong import delong_covariance, delong_interval, delong_test
from breastcad.evaluate.intervals import cluster_bootstrap

SIMULATIONS, REPEATS, BOOTSTRAPS, SEED = 2000, 20_000, 400, 16
EXAMPLE = "data(aSAH, package='pROC'); write.csv(aSAH[, c('outcome', 's100b', 'ndka', 'wfns')], row.names=FALSE)"


@dataclass(frozen=True)
class Made:
    """Made-up samples: labels, scores of two equally good models, and patients."""

    labels: NDArray[np.bool_]
    scores: NDArray[np.float64]
    patients: NDArray[np.intp]


def make(draw: np.random.Generator, patients: int, images: int, *, of_patient: bool, gap: float = 1.2, share: float = 0.4) -> Made:
    """Make samples of so many patients with so many images each; both models share half of the patient's effect and of the noise."""
    of = np.repeat(np.arange(patients), images)
    labels = (draw.random(patients) < share)[of] if of_patient else draw.random(of.size) < share
    effect = math.sqrt(0.5) * (draw.normal(size=(2, patients)) + draw.normal(size=patients))[:, of]
    noise = math.sqrt(0.5) * (draw.normal(size=(2, of.size)) + draw.normal(size=of.size))
    return Made(labels, gap * labels + effect + noise, of)


def example() -> list[str]:
    """Return the lines of the published example, or a sentence that there is no R."""
    r = shutil.which("Rscript")
    done = subprocess.run([r, "-e", EXAMPLE], capture_output=True, text=True, check=False) if r else None
    if done is None or done.returncode:
        return ["R with its package pROC is not installed: no table of its example."]
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    labels = [row["outcome"] == "Poor" for row in rows]
    scores = {name: [float(row[name]) for row in rows] for name in ("s100b", "wfns", "ndka")}
    lines = ["| | pROC, published | here |", "|---|---:|---:|"]
    for name, published in (("s100b", 0.731), ("wfns", 0.824), ("ndka", 0.612)):
        lines.append(f"| AUC {name} | {published} | {delong_interval(labels, scores[name])[0]:.3f} |")
    tested = delong_test(labels, scores["s100b"], scores["wfns"])
    lines += [f"| s100b against wfns, Z | -2.209 | {tested.z:.3f} |", f"| p | 0.0272 | {tested.p:.4f} |"]
    return [*lines, "", f"aSAH of pROC, n = {len(rows)}, {sum(labels)} positive (outcome Poor)."]


def errors() -> list[str]:
    """Return the standard errors beside those of bootstraps."""
    lines = ["| samples | formula | standard error | of 20,000 bootstraps | ratio |", "|---|---|---:|---:|---:|"]
    draw = generator(SEED, "errors")
    for patients, images, of_patient in ((400, 1, True), (2000, 1, True), (150, 4, True), (150, 4, False)):
        made = make(draw, patients, images, of_patient=of_patient)
        name, formula = ("DeLong", delong_covariance(made.labels, made.scores[0])[1])
        if images > 1:
            name, formula = "Obuchowski", clustered_covariance(made.labels, made.scores[0], made.patients)[1]
        found = cluster_bootstrap(weighted.auc(made.labels, made.scores[0]), made.patients, draw, repeats=REPEATS)
        error = math.sqrt(formula[0, 0])
        what = f"{patients} patients, {images} image{'s' if images > 1 else ''} each" + ("" if images == 1 else said(of_patient))
        lines.append(f"| {what} | {name} | {error:.5f} | {found.error:.5f} | {error / found.error:.3f} |")
    return lines


def said(of_patient: bool) -> str:
    """Return what labels are of."""
    return f", labels of the {'patient' if of_patient else 'image'}"


CASES = ((120, 1, True), (60, 4, True), (60, 4, False))


def rejections() -> list[str]:
    """Return how often tests of two equally good models reject at 0.05."""
    lines = ["| samples | DeLong | Obuchowski |", "|---|---:|---:|"]
    for patients, images, of_patient in CASES:
        draw = generator(SEED, "rejections", str(patients), str(images), str(of_patient))
        rejected = np.zeros(2)
        for _ in range(SIMULATIONS):
            made = make(draw, patients, images, of_patient=of_patient)
            rejected += [
                delong_test(made.labels, *made.scores).p < 0.05,
                clustered_test(made.labels, *made.scores, made.patients).p < 0.05,
            ]
        shares = " | ".join(f"{share:.3f}" for share in rejected / SIMULATIONS)
        lines.append(f"| {patients} patients, {images} image{'s' if images > 1 else ''} each{said(of_patient)} | {shares} |")
    return [*lines, "", f"{SIMULATIONS} simulations; 0.050 is right, and by chance 0.040 to 0.060."]


def coverage() -> list[str]:
    """Return how often 95 % intervals hold the truth."""
    heads = ("bootstrap of patients", "Obuchowski", "bootstrap of images", "DeLong")
    lines = [f"| samples | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for patients, images, of_patient in CASES:
        draw = generator(SEED, "coverage", str(patients), str(images), str(of_patient))
        intervals, values = [], []
        for _ in range(SIMULATIONS):
            made = make(draw, patients, images, of_patient=of_patient)
            labels, scores = made.labels, made.scores[0]
            statistic = weighted.auc(labels, scores)
            drawn = [cluster_bootstrap(statistic, of, draw, repeats=BOOTSTRAPS) for of in (made.patients, np.arange(labels.size))]
            formulas = clustered_interval(labels, scores, made.patients), delong_interval(labels, scores)
            intervals.append([(drawn[0].low, drawn[0].high), formulas[0][1:], (drawn[1].low, drawn[1].high), formulas[1][1:]])
            values.append(drawn[0].value)
        # Between patients the truth is known; where a patient has both classes, what the AUC is on average.
        truth = NormalDist().cdf(1.2 / 2) if of_patient or images == 1 else float(np.mean(values))
        ends = np.array(intervals)
        held = ((ends[..., 0] <= truth) & (truth <= ends[..., 1])).mean(axis=0)
        name = f"{patients} patients, {images} image{'s' if images > 1 else ''} each{said(of_patient)}"
        lines.append(f"| {name} | {' | '.join(f'{share:.3f}' for share in held)} |")
    return [*lines, "", f"{SIMULATIONS} simulations, {BOOTSTRAPS} resamples each; 0.950 is right, and by chance 0.940 to 0.960."]


def main() -> None:
    """Print the tables."""
    print(f"numpy {np.__version__}, Python {platform.python_version()}, {platform.machine()}\n")
    for title, make_table in (
        ("The example of pROC", example),
        ("Standard errors of an AUC", errors),
        ("Two equally good models: how often a test says that they differ (p < 0.05)", rejections),
        ("How often a 95 % interval of an AUC holds the truth", coverage),
    ):
        print(f"**{title}**\n", flush=True)
        print("\n".join(make_table()) + "\n", flush=True)


if __name__ == "__main__":
    main()

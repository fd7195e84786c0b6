"""What takes long: the published example of R's pROC, and simulations of what intervals and tests promise."""

from __future__ import annotations

import csv
import io
import math
import shutil
import subprocess

import numpy as np
import pytest

from breastcad.core.seeding import generator
from breastcad.evaluate import weighted
from breastcad.evaluate.clustered import clustered_interval, clustered_test
from breastcad.evaluate.delong import delong_covariance, delong_interval, delong_test
from breastcad.evaluate.intervals import cluster_bootstrap

pytestmark = pytest.mark.slow
EXAMPLE = "data(aSAH, package='pROC'); write.csv(aSAH[, c('outcome', 's100b', 'ndka', 'wfns')], row.names=FALSE)"


@pytest.fixture(scope="module")
def bleeding() -> list[dict[str, str]]:
    """The aSAH data of pROC, read by R; skips where R or pROC is not installed (Debian: r-cran-proc)."""
    r = shutil.which("Rscript")
    if r is None:
        pytest.skip("R is not installed; as root, make r-proc installs it with its package pROC")
    done = subprocess.run([r, "-e", EXAMPLE], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("R has no package pROC; as root, make r-proc installs it")
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_the_published_example_of_proc(bleeding) -> None:
    """Robin et al., BMC Bioinformatics 12 (2011) 77: AUCs of three markers, and s100b against wfns by DeLong's test."""
    labels = [row["outcome"] == "Poor" for row in bleeding]
    scores = {name: [float(row[name]) for row in bleeding] for name in ("s100b", "wfns", "ndka")}
    assert (len(labels), sum(labels)) == (113, 41)
    found = {name: round(delong_interval(labels, own)[0], 3) for name, own in scores.items()}
    assert found == {"s100b": 0.731, "wfns": 0.824, "ndka": 0.612}
    tested = delong_test(labels, scores["s100b"], scores["wfns"])
    assert (round(tested.z, 3), round(tested.p, 4)) == (-2.209, 0.0272)
    single = clustered_test(labels, scores["s100b"], scores["wfns"], np.arange(len(labels)))
    assert (round(single.z, 3), round(single.p, 4)) == (-2.209, 0.0272)


def test_delong_s_error_is_that_of_twenty_thousand_bootstraps() -> None:
    draw = np.random.default_rng(16)
    labels = draw.random(1000) < 0.4
    scores = labels * 1.2 + draw.normal(size=1000)
    found = cluster_bootstrap(weighted.auc(labels, scores), np.arange(1000), generator(16, "delong"), repeats=20_000)
    assert math.sqrt(delong_covariance(labels, scores)[1][0, 0]) == pytest.approx(found.error, rel=0.01)


def patients_of(draw, patients, images):
    """Labels of patients, two equally good models' scores of their images, and whose each is."""
    of = np.repeat(np.arange(patients), images)
    labels = (draw.random(patients) < 0.4)[of]
    effect = (draw.normal(size=(2, patients)) + draw.normal(size=patients))[:, of] * math.sqrt(0.5)
    noise = (draw.normal(size=(2, of.size)) + draw.normal(size=of.size)) * math.sqrt(0.5)
    return labels, 1.2 * labels + effect + noise, of


def test_two_equal_models_are_told_apart_as_often_as_p_says() -> None:
    """2,000 simulations of 120 patients: near 0.05 (0.04 to 0.06 by chance); of clustered images DeLong's rejects far too often."""
    draw = np.random.default_rng(17)
    single = [patients_of(draw, 120, 1) for _ in range(2000)]
    assert np.mean([delong_test(labels, *scores).p < 0.05 for labels, scores, _ in single]) == pytest.approx(0.05, abs=0.011)
    clustered = [patients_of(draw, 60, 4) for _ in range(1000)]
    assert np.mean([clustered_test(labels, *scores, of).p < 0.05 for labels, scores, of in clustered]) == pytest.approx(0.05, abs=0.02)
    assert np.mean([delong_test(labels, *scores).p < 0.05 for labels, scores, _ in clustered]) > 0.12


def test_clustered_intervals_hold_the_truth_and_unclustered_ones_too_seldom() -> None:
    """500 simulations of 60 patients with four images: the true AUC is Phi(1.2 / 2), the variance of a difference of scores being 4."""
    draw, truth = np.random.default_rng(18), 0.5 * (1 + math.erf(0.6 / math.sqrt(2)))
    held = np.zeros(3)
    for _ in range(500):
        labels, scores, of = patients_of(draw, 60, 4)
        statistic = weighted.auc(labels, scores[0])
        patients, images = (cluster_bootstrap(statistic, groups, draw, repeats=300) for groups in (of, np.arange(of.size)))
        formula = clustered_interval(labels, scores[0], of)[1:]
        held += [low <= truth <= high for low, high in ((patients.low, patients.high), formula, (images.low, images.high))]
    by_patient, by_formula, by_image = held / 500
    assert by_patient == pytest.approx(0.95, abs=0.03)
    assert by_formula == pytest.approx(0.95, abs=0.03)
    assert by_image < 0.88

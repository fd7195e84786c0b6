"""Does a network know which set a film is of, and does its answer show it? Of a run of lesion networks on several sets.

    python benchmarks/set_from_features.py RUN COLLECTION...

In each trained fold a line (logistic regression) is fitted to tell the sets apart by the first look's features of the training images
with a lesion, and judged on the test images with one: by the trained network's features and by those of the weights that it began with.
Beside them, how well P(normal) alone tells the sets there. Prints Markdown. Needs the run's checkpoints and the extra [train].
"""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from breastcad.core.files import read_collection, read_predictions, read_split, read_yaml
from breastcad.core.seeding import generator
from breastcad.evaluate import weighted
from breastcad.evaluate.intervals import cluster_bootstrap
from breastcad.train.finished import lesion_networks, trained_folds
from breastcad.train.lesion_run import make_task, parted
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.loop import Fold
from breastcad.train.predict import film_features
from breastcad.train.samples import Sample, load_samples
from breastcad.train.tasks import from_dict

Scored = list[tuple[bool, float, str]]
"""Of each test image: whether it is of the first set, a score of that (ranks within its fold), its group."""


def main(arguments: list[str]) -> None:
    """Tell the sets apart by features, and by the answer."""
    if len(arguments) < 3:
        print("set_from_features: give a run folder of lesion networks and its collections, two or more")
        return
    folder, cpu = Path(arguments[0]), torch.device("cpu")
    settings = from_dict(read_yaml(folder / "settings.yaml"))
    if not isinstance(settings, LesionSettings):
        print(f"set_from_features: '{folder.name}' is no run of lesion networks")
        return
    split, folds = read_split(folder), trained_folds(folder)
    samples, _ = load_samples(
        [read_collection(path) for path in arguments[1:]], {(row.set, row.id): row.group for row in split},
        settings.pipeline, settings.rows, settings.cols,
    )  # fmt: skip
    normal = {
        (row.set, row.id, row.repeat, row.outer): row.probability["normal"]
        for fold in folds
        for row in read_predictions(folder / "checkpoints" / f"repeat{fold[0]}-fold{fold[1]}" / "predictions.csv")
    }
    found: dict[tuple[str, str, str], Scored] = {}
    for fold in folds:
        parts = {
            name: [one for one in own if one.row.label in ("benign", "malignant")] for name, own in parted(samples, split, fold).items()
        }
        sets = sorted({one.row.set for one in parts["train"]} & {one.row.set for one in parts["test"]})
        if len(sets) < 2:
            continue
        began = make_task(samples, split, settings, fold).make_network().eval()
        for way, network in (("trained", lesion_networks(folder, settings, fold, cpu)[0]), ("as it began", began)):
            features = {name: film_features(network, parts[name], settings, cpu) for name in ("train", "test")}
            for pair in combinations(sets, 2):
                found.setdefault((*pair, f"features, {way}"), []).extend(by_features(parts, features, pair))
        for pair in combinations(sets, 2):
            found.setdefault((*pair, "probability of normal"), []).extend(by_answer(parts["test"], normal, fold, pair))
    report(found, f"{settings.model_id}, {settings.network}: {len(folds)} folds, test images with a lesion")


def report(found: dict[tuple[str, str, str], Scored], title: str) -> None:
    """Print the areas, with intervals over groups."""
    if not found:
        print("set_from_features: no fold trains and tests on images with a lesion of two sets")
        return
    print(f"{title}\n")
    print("| sets | told by | area under the curve | images | of the first set |\n|---|---|---|---:|---:|")
    for (first, second, way), scored in found.items():
        truth, scores, groups = zip(*scored, strict=True)
        area = cluster_bootstrap(weighted.auc(truth, scores), groups, generator(1, "sets", way))
        print(f"| {first}, {second} | {way} | {area.value:.3f} ({area.low:.3f} to {area.high:.3f}) | {len(truth)} | {sum(truth)} |")


def by_features(parts: dict[str, list[Sample]], features: dict[str, NDArray[np.float32]], pair: tuple[str, str]) -> Scored:
    """Fit a line on the training images of two sets, and judge the test images."""
    own = {name: [k for k, one in enumerate(parts[name]) if one.row.set in pair] for name in ("train", "test")}
    line = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000, class_weight="balanced"))
    line.fit(features["train"][own["train"]], [parts["train"][k].row.set == pair[0] for k in own["train"]])
    return ranked([parts["test"][k] for k in own["test"]], line.decision_function(features["test"][own["test"]]), pair[0])


def by_answer(test: list[Sample], normal: dict[tuple[str, str, int, int], float], fold: Fold, pair: tuple[str, str]) -> Scored:
    """Score test images by what the network said."""
    own = [one for one in test if one.row.set in pair]
    return ranked(own, np.array([normal[(*one.key, *fold)] for one in own]), pair[0])


def ranked(samples: list[Sample], scores: NDArray[np.float64], first: str) -> Scored:
    """Turn scores into ranks within the fold, so that folds can stand beside one another."""
    ranks = rankdata(scores) / max(1, len(scores))  # ties alike
    return [(one.row.set == first, float(rank), one.group) for one, rank in zip(samples, ranks, strict=True)]


if __name__ == "__main__":
    main(sys.argv[1:])

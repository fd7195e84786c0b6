"""The leak shown: one small classifier on rotated copies of lesions, parted once by copy and once by patient group.

The copies are made before the parting, as many a publication does: by copy, what is tested is a turned picture of what was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.core.seeding import generator
from breastcad.datasets.splits import TEST, kfold, leaks
from breastcad.evaluate import weighted
from breastcad.evaluate.intervals import ClusterInterval, cluster_bootstrap, wilson_interval
from breastcad.read import open_picture

Progress = Callable[[int, int], None]

CLASSES = ("benign", "malignant")
COPIES, FOLDS, REPEATS, TREES = 36, 5, 3, 100
SIDE_SHARE = 1 / 8
"""Side of a window, as a share of the image's shorter side: 128 px of mini-MIAS, 25.6 mm."""
SIDE_PX = 16
"""Side of the picture that the classifier is shown."""
BY_COPY, BY_GROUP = "by copy", "by patient group"


@dataclass(frozen=True, slots=True)
class Copies:
    """Rotated copies of lesions.

    ``pixels`` (N * COPIES, F) float32 in [0, 1] has a row a copy, those of one finding one after the other: the F pixels of the disc in a
    window round the finding, SIDE_PX across. ``findings`` and ``groups`` have N entries. ``unread`` says what could not be read.
    """

    pixels: NDArray[np.float32]
    findings: list[FindingRow]
    groups: list[str]
    unread: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Parted:
    """What one way of parting shows: the share of copies that are called right, and the AUC; what leaks; the share in each repeat."""

    accuracy: ClusterInterval
    auc: ClusterInterval
    leaks: list[str]
    repeats: list[float]


@dataclass(frozen=True, slots=True)
class LeakShown:
    """Both ways of parting, how much accuracy the leak is worth, and how often the larger class would be right if always said."""

    by_copy: Parted
    by_group: Parted
    difference: ClusterInterval
    larger_class: float


def rotated_copies(collection: Collection, groups: Mapping[tuple[str, str], str], progress: Progress | None = None) -> Copies:
    """Cut a window round each benign and malignant finding that has a place, turned in steps of 360 / COPIES degrees.

    Parameters
    ----------
    collection : Collection
    groups : mapping
        Patient or near-duplicate group by (set, image_id), as `duplicates.joint_groups` gives it; findings of images without one are
        left out.
    progress : callable, optional
        Takes how many images are done, and of how many.

    Returns
    -------
    Copies
        What lies outside the image is black.
    """
    images = {(image.set, image.image_id): image for image in collection.images if image.present}
    placed: dict[tuple[str, str], list[FindingRow]] = {}
    for finding in collection.findings:
        key = (finding.set, finding.image_id)
        if finding.pathology in CLASSES and finding.row0 is not None and key in images and key in groups:
            placed.setdefault(key, []).append(finding)
    disc = np.hypot(*np.mgrid[:SIDE_PX, :SIDE_PX] - (SIDE_PX - 1) / 2) <= SIDE_PX / 2
    copies = Copies(np.empty((0, int(disc.sum())), np.float32), [], [])
    cut = []
    for done, (key, findings) in enumerate(placed.items(), start=1):
        image = images[key]
        try:
            pixels = open_picture(Path(collection.root) / str(image.path), int(image.frame) if image.frame else None).pixels
        except ReadError as error:
            copies.unread.append(f"{image.set} {image.image_id}: {error.reason}")
        else:
            cut += [np.stack([view[disc] for view in _turned(pixels, finding)]) for finding in findings]
            copies.findings.extend(findings)
            copies.groups.extend([groups[key]] * len(findings))
        if progress:
            progress(done, len(placed))
    return replace(copies, pixels=np.concatenate([copies.pixels, *cut]))


def _turned(pixels: NDArray[np.float32], finding: FindingRow) -> list[NDArray[np.float32]]:
    """Return COPIES views (SIDE_PX, SIDE_PX) of the window round a finding, each turned by one step more."""
    box = [float(side or 0) for side in (finding.row0, finding.col0, finding.row1, finding.col1)]
    row, col = (box[0] + box[2]) / 2 - 0.5, (box[1] + box[3]) / 2 - 0.5  # opencv counts from pixel centres
    side = round(min(pixels.shape) * SIDE_SHARE)
    views = []
    for copy in range(COPIES):
        matrix = cv2.getRotationMatrix2D((col, row), 360 * copy / COPIES, 1)
        matrix[:, 2] += (side - 1) / 2 - np.array([col, row])
        window = cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_LINEAR)
        views.append(np.asarray(cv2.resize(window, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.float32))
    return views


def show_leak(copies: Copies, seed: int, progress: Progress | None = None) -> LeakShown:
    """Train and test one classifier on copies parted by copy, and on the same copies parted by patient group.

    Each copy is tested once in each of REPEATS repeats of FOLDS folds, by a forest of TREES extremely randomised trees that was not
    trained on it. Folds are balanced by label and made by `splits.kfold` both ways; nothing differs but what is kept together.

    Parameters
    ----------
    copies : Copies
        From `rotated_copies`.
    seed : int
    progress : callable, optional
        Takes how many forests are trained, and of how many.

    Returns
    -------
    LeakShown
        Intervals are over resamples of the groups, both ways alike.

    Raises
    ------
    InputError
        If a class has findings in fewer groups than there are folds.

    References
    ----------
    .. [1] P. Geurts, D. Ernst, L. Wehenkel, Extremely randomized trees, Machine Learning 63 (2006) 3-42.
    """
    _check(copies)
    images = [
        ImageRow(finding.set, f"{finding.image_id}/{finding.finding_id}@{copy}", label=finding.pathology)
        for finding in copies.findings
        for copy in range(COPIES)
    ]
    truth = np.array([image.label == "malignant" for image in images])
    group_of = {image.image_id: group for image, group in zip(images, np.repeat(copies.groups, COPIES).tolist(), strict=True)}
    clusters = list(group_of.values())
    scores = {way: np.empty((REPEATS, truth.size)) for way in (BY_COPY, BY_GROUP)}
    leaking: dict[str, list[str]] = {}
    done = 0
    for way, found in scores.items():
        kept_together = group_of if way == BY_GROUP else {name: name for name in group_of}
        for repeat in range(REPEATS):
            rows = kfold(images, kept_together, folds=FOLDS, seed=seed, repeat=repeat, validation_share=0)
            leaking[way] = leaks(rows, group_of)
            outer = {row.id: row.outer for row in rows if row.part == TEST}
            fold_of = np.array([outer[image.image_id] for image in images])
            for fold in range(FOLDS):
                found[repeat, fold_of == fold] = _scores(copies.pixels, truth, fold_of == fold, (seed, repeat, fold))
                done += 1
                if progress:
                    progress(done, 2 * REPEATS * FOLDS)
    right = {way: ((found > 0.5) == truth).astype(float) for way, found in scores.items()}
    parted = {way: _parted(truth, scores[way], right[way], clusters, (seed, way), leaking[way]) for way in scores}
    gain = weighted.mean((right[BY_COPY] - right[BY_GROUP]).mean(axis=0))
    difference = cluster_bootstrap(gain, clusters, generator(seed, "leak-demo", "difference"))
    return LeakShown(parted[BY_COPY], parted[BY_GROUP], difference, float(max(truth.mean(), 1 - truth.mean())))


def _check(copies: Copies) -> None:
    """Refuse copies of too few groups."""
    groups_of: dict[str, set[str]] = {label: set() for label in CLASSES}
    for finding, group in zip(copies.findings, copies.groups, strict=True):
        groups_of[finding.pathology].add(group)
    if min(map(len, groups_of.values())) < FOLDS:
        said = " and ".join(f"{label} ones of {len(found)}" for label, found in groups_of.items())
        raise InputError(f"a leak is shown on findings that have a place, of {FOLDS} patients a class; this collection has {said}")


def _scores(pixels: NDArray[np.float32], truth: NDArray[np.bool_], held: NDArray[np.bool_], draw: tuple[int, ...]) -> NDArray[np.float64]:
    """Return what a forest that was trained on all other copies says of those that are held out: a share of trees, in [0, 1]."""
    seed, *path = draw
    state = int(generator(seed, "leak-demo", "forest", *path).integers(2**31))
    forest = ExtraTreesClassifier(TREES, random_state=state, n_jobs=1).fit(pixels[~held], truth[~held])
    said: NDArray[np.float64] = forest.predict_proba(pixels[held])[:, 1]
    return said


def _parted(
    truth: NDArray[np.bool_],
    scores: NDArray[np.float64],
    right: NDArray[np.float64],
    clusters: list[str],
    draw: tuple[int, str],
    leaking: list[str],
) -> Parted:
    """Return the figures of one way of parting; an accuracy of 1 gets Wilson's interval with the groups as trials, since all agree."""
    seed, way = draw
    accuracy = cluster_bootstrap(weighted.mean(right.mean(axis=0)), clusters, generator(seed, "leak-demo", "accuracy", way))
    if accuracy.low == accuracy.high:
        low, high = wilson_interval(accuracy.value * accuracy.clusters, accuracy.clusters)
        accuracy = replace(accuracy, low=low, high=high)
    every = np.arange(truth.size)
    areas = weighted.mean_of([weighted.auc(truth, one) for one in scores], [every] * len(scores))
    auc = cluster_bootstrap(areas, clusters, generator(seed, "leak-demo", "auc", way))
    return Parted(accuracy, auc, leaking, [float(one.mean()) for one in right])

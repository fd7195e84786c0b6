"""Shortcuts: how well facts that are no tissue (size, depth, border, burnt-in marks, file) tell a label. A model may learn them instead.

What is measured is a cross-validated classifier on such facts alone. Facts that our own preparation leaves in the picture are told
apart from those that it takes away: only the former can fool a model of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold

from breastcad.core.records import ImageRow, Picture
from breastcad.evaluate.intervals import ClusterInterval, UndefinedFigure, cluster_bootstrap
from breastcad.evaluate.metrics import roc_auc
from breastcad.evaluate.weighted import auc
from breastcad.preprocess.overlays import overlay_mask
from breastcad.read.members import file_of

LEFT_IN = ("aspect", "border_share", "black_share", "white_share", "overlay_share", "darkest", "brightest")
"""Facts that stay visible once a picture is cut, made grey and resized."""
TAKEN_OUT = ("rows", "cols", "bit_depth", "file_kind", "file_bytes", "colour", "manufacturer")
"""Facts of the file, which no network sees."""
FACTS = (*LEFT_IN, *TAKEN_OUT)
FOLDS, TREES, SHUFFLES = 5, 200, 5
_BLACK, _WHITE = 2 / 255, 253 / 255


@dataclass(frozen=True, slots=True)
class Shortcut:
    """How well some facts tell a label: the area under the curve of a forest on them, each image judged by trees that never saw its group.

    ``ranked`` are (fact, loss of area when its values are shuffled among the images that were held out), the largest first.
    """

    facts: tuple[str, ...]
    area: ClusterInterval
    images: int
    ranked: tuple[tuple[str, float], ...]


def facts_of(image: ImageRow, path: Path, picture: Picture) -> dict[str, float | str]:
    """Return the facts of one picture that are no tissue.

    Parameters
    ----------
    image : ImageRow
    path : Path
        Its file, or its place as a member of one; what many share tells nothing of them.
    picture : Picture
        As `breastcad.read.open_picture` gives it.

    Returns
    -------
    dict
        A value for each of `FACTS`: shares of the picture's pixels in [0, 1], grey levels in [0, 1], sizes in pixels and bytes, words.
    """
    pixels = picture.pixels
    rows, cols = pixels.shape
    lit = pixels > _BLACK
    border = 1 - np.count_nonzero(lit.any(axis=1)) * np.count_nonzero(lit.any(axis=0)) / pixels.size
    darkest, brightest = np.quantile(pixels[:: max(1, rows // 256), :: max(1, cols // 256)], [0.05, 0.99])
    return {
        "aspect": rows / cols,
        "border_share": float(border),
        "black_share": 1 - float(lit.mean()),
        "white_share": float((pixels >= _WHITE).mean()),
        "overlay_share": float(overlay_mask(pixels, picture.colour).mean()),
        "darkest": float(darkest),
        "brightest": float(brightest),
        "rows": rows,
        "cols": cols,
        "bit_depth": picture.bit_depth,
        "file_kind": file_of(path).suffix.lower(),
        "file_bytes": file_of(path).stat().st_size,
        "colour": float(picture.colour is not None),
        "manufacturer": image.manufacturer or "",
    }


def shortcut(
    facts: Sequence[Mapping[str, float | str]],
    labels: Sequence[bool],
    groups: Sequence[str],
    generator: np.random.Generator,
    *,
    names: Sequence[str] = FACTS,
) -> Shortcut:
    """Measure how well facts tell a label, on images whose group the classifier never saw.

    Parameters
    ----------
    facts : (N,) sequence of mapping
        From `facts_of`.
    labels : (N,) sequence of bool
    groups : (N,) sequence of str
        Patient or scene: folds and resamples keep them together.
    generator : numpy.random.Generator
    names : sequence of str
        Which facts.

    Returns
    -------
    Shortcut

    Raises
    ------
    UndefinedFigure
        If a class has fewer groups than there are folds.
    """
    truth, cluster = np.asarray(labels, bool), np.asarray(groups)
    for value in (True, False):
        if len(set(cluster[truth == value])) < FOLDS:
            raise UndefinedFigure(f"a class has fewer than {FOLDS} groups of images, too few to measure shortcuts")
    table = _table(facts, names)
    scores = np.zeros(len(truth))
    losses = np.zeros(len(names))
    seed = int(generator.integers(2**31))
    for learned, held in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(table, truth, cluster):
        forest = RandomForestClassifier(TREES, min_samples_leaf=5, class_weight="balanced", random_state=seed, n_jobs=1)
        forest.fit(table[learned], truth[learned])
        scores[held] = forest.predict_proba(table[held])[:, 1]
        losses += _losses(forest, table[held], truth[held], generator) / FOLDS
    area = cluster_bootstrap(auc(truth, scores), [str(group) for group in cluster], generator)
    order = np.argsort(-losses, kind="stable")
    return Shortcut(tuple(names), area, len(truth), tuple((names[place], float(losses[place])) for place in order))


def _table(facts: Sequence[Mapping[str, float | str]], names: Sequence[str]) -> NDArray[np.float64]:
    """Return (N, F) numbers; a word becomes its place among the words, sorted by how often they come."""
    columns = []
    for name in names:
        column = [row[name] for row in facts]
        if any(isinstance(value, str) for value in column):
            words = sorted({str(value) for value in column}, key=lambda word: (-column.count(word), word))
            column = [words.index(str(value)) for value in column]
        columns.append(np.asarray(column, np.float64))
    return np.stack(columns, axis=1)


def _losses(
    forest: RandomForestClassifier, table: NDArray[np.float64], truth: NDArray[np.bool_], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return, fact by fact, how much area is lost when its values are shuffled; 0 where a class is absent."""
    if truth.all() or not truth.any():
        return np.zeros(table.shape[1])
    whole = roc_auc(truth, forest.predict_proba(table)[:, 1])
    losses = np.zeros(table.shape[1])
    for place in range(table.shape[1]):
        for _ in range(SHUFFLES):
            other = table.copy()
            other[:, place] = generator.permutation(other[:, place])
            losses[place] += (whole - roc_auc(truth, forest.predict_proba(other)[:, 1])) / SHUFFLES
    return losses

"""One image through a fold's networks: its map, the rivals' maps, the marks of each, and the checks of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.core.records import FindingRow, ImageRow, MarkRow
from breastcad.core.seeding import generator
from breastcad.evaluate.boxes import ScoredBox, boxes_from_map, hits
from breastcad.evaluate.classes import classes_meant
from breastcad.evaluate.marks import has_place
from breastcad.evaluate.place_figures import PlacedImage
from breastcad.explain.films import Film, Look, Looker
from breastcad.explain.lesion_looker import LesionLooker
from breastcad.explain.rivals import RIVALS, rival_map
from breastcad.explain.sanity import Removal, cascade, energy_inside, points_at, removal, similarity

Map = NDArray[np.float32]
AnyLooker = Looker | LesionLooker


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of every image: the ``seed`` of what is drawn, the hit rule (``iou``; None: by position), whether maps are checked."""

    seed: int
    iou: float | None = None
    sanity: bool = False


@dataclass(frozen=True, slots=True)
class Explained:
    """What was found of one image: ``placed`` for the figures, the network's ``look``, each way's ``boxes``, and curves of deletion."""

    placed: PlacedImage
    look: Look
    boxes: dict[str, list[ScoredBox]]
    removals: dict[str, Removal]


@dataclass(frozen=True, slots=True)
class FoldLooker:
    """A fold's networks as they look, and as they look with weights drawn anew (by what is new; empty where that is not asked)."""

    looker: AnyLooker
    redrawn: dict[str, AnyLooker]


def fold_looker(looker: AnyLooker, asked: Asked) -> FoldLooker:
    """Make the networks with weights drawn anew that the checks of a fold's images need, once for all of them.

    Raises
    ------
    InputError
        If maps by the looker's method cannot be had of its networks.
    """
    looker.check()
    if not asked.sanity:
        return FoldLooker(looker, {})
    copies: dict[str, list[Any]] = {}
    for number, network in enumerate(looker.networks):
        for word, other in cascade(network, asked.seed + number, looker.heads):
            copies.setdefault(word, []).append(other)
    return FoldLooker(looker, {word: replace(looker, networks=own) for word, own in copies.items()})


def explain_image(
    fold: FoldLooker, film: Film, image: ImageRow, findings: Sequence[FindingRow], asked: Asked, *, group: str, of_fold: tuple[int, int]
) -> Explained:
    """Look at an image, place marks by the network's map and by each rival, and measure all of them.

    A rival's boxes come of its map as the network's do; their scores are the map's, times what the network says of the whole image: it
    knows which image, and only not where.

    Parameters
    ----------
    fold : FoldLooker
    film : Film
        What is fed of the image.
    image : ImageRow
    findings : sequence of FindingRow
        Of the image.
    asked : Asked
    group : str
        The image's group in the split.
    of_fold : (int, int)
        Repeat and outer fold.

    Raises
    ------
    InputError
        As `films.Looker.look` does.
    """
    looker, lesions = fold.looker, [one for one in findings if has_place(one)]
    look = looker.look(film)
    maps = {looker.method: look.values} | {
        name: rival_map(name, film.array, film.inside, generator(asked.seed, "rival", name, image.set, image.image_id), blobs=looker.most)
        for name in RIVALS
    }
    boxes = {looker.method: look.boxes} | {name: _rival_boxes(maps[name], film, looker, look.probability) for name in RIVALS}
    key = image.set, image.image_id, *of_fold
    marks = {
        way: [MarkRow(*key, box.row, box.col, box.score, hit) for box, hit in zip(own, hits(own, lesions, iou=asked.iou), strict=True)]
        for way, own in boxes.items()
    }
    placed = PlacedImage(*key[:2], group, of_fold, image.label, tuple(one.finding_id for one in lesions), marks)
    if lesions:
        _measure_place(placed, film, maps, lesions)
    return Explained(placed, look, boxes, _checked(placed, fold, film, maps, asked.seed) if asked.sanity else {})


def _rival_boxes(values: Map, film: Film, looker: AnyLooker, probability: float) -> list[ScoredBox]:
    found = boxes_from_map(values, film.place_of(values), level=looker.level, most=looker.most)
    return [replace(one, score=one.score * probability) for one in found]


def _measure_place(placed: PlacedImage, film: Film, maps: dict[str, Map], lesions: list[FindingRow]) -> None:
    """Note in ``placed`` where every map points, and how much of its energy is in lesions."""
    placed.measured["pointing hit"] = {way: float(points_at(own, film.place_of(own), lesions)) for way, own in maps.items()}
    placed.measured["energy inside"] = {way: energy_inside(own, film, lesions) for way, own in maps.items()}


def _checked(placed: PlacedImage, fold: FoldLooker, film: Film, maps: dict[str, Map], seed: int) -> dict[str, Removal]:
    """Delete and insert by every map and draw weights anew: areas and likeness go into ``placed``, the curves are returned."""
    looker = fold.looker
    numbers = generator(seed, "removal", placed.set, placed.id)

    def probabilities(arrays: Map) -> NDArray[np.float64]:
        return looker.probabilities(arrays, film.inside)

    removals = {way: removal(probabilities, film, values, numbers) for way, values in maps.items()}
    for number, measure in enumerate(("deletion area", "insertion area")):
        placed.measured[measure] = {way: one.areas[number] for way, one in removals.items()}
    before = maps[looker.method]
    placed.alike.update({word: similarity(before, other.values(film)) for word, other in fold.redrawn.items()})
    return removals


def mean_curves(removals: Sequence[dict[str, Removal]]) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return each way's curves of deletion and insertion, averaged over images; nothing where none were made."""
    made = [one for one in removals if one]
    return {
        way: (np.mean([one[way].deletion for one in made], axis=0), np.mean([one[way].insertion for one in made], axis=0))
        for way in (made[0] if made else {})
    }


def classes_of(names: Sequence[tuple[str, ...]], of: str) -> list[int]:
    """Return the classes of a network that a word stands for (`evaluate.classes.classes_meant`).

    Parameters
    ----------
    names : sequence of tuple of str
        What each class holds, as settings of classifiers have it.
    of : str
        A label ("malignant"), a class ("malignant mass"), or "abnormal".

    Raises
    ------
    InputError
        If no class is of this word alone, or all are, so that nothing is told from it.

    Examples
    --------
    >>> classes_of([("normal",), ("benign mass",), ("malignant mass",)], "abnormal")
    [1, 2]
    """
    found = classes_meant(names).get(of, [])
    if not found or len(found) == len(names):
        said = ", ".join("+".join(own) for own in names)
        raise InputError(f"the run's network tells these apart: {said}; --of '{of}' is none of them, or all, so there is no map of it")
    return found

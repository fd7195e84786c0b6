"""Where a network says that a lesion is, in figures, each beside the trivial rivals of its maps, and in one table.

A way of placing is a method of making maps ("cam") or a rival ("centre", "random", "brightest"). Hits, free-response figures and
intervals are those of `mark_figures` and `scopes`; an image that several folds tested on counts once a fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from breastcad.core.records import MarkRow
from breastcad.evaluate import weighted
from breastcad.evaluate.figures import Figure
from breastcad.evaluate.froc import Ratings, sensitivity_statistic
from breastcad.evaluate.mark_figures import Image, MarkedImages, best_mark_statistics, froc_ratings
from breastcad.evaluate.scopes import Scope, figure_or_none

FALSE_MARK_RATES = (0.25, 0.5, 1.0, 2.0, 4.0)
MEASURES = {
    "pointing hit": "share of images with a lesion in one of which the map's highest place lies (pointing game)",
    "energy inside": "mean share of the map, where it is above 0, that lies in lesions, over images with a lesion",
    "deletion area": "mean area under the class's probability as the breast's pixels are blackened in the map's order, a tenth at a time;"
    " small where the map knows what the answer hangs on",
    "insertion area": "mean area under the class's probability as the breast's pixels are put into a blurred image in the map's order;"
    " large where the map knows what the answer hangs on",
}
BEST_MARK = "images hit by the best mark"


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """An image, in the fold that tested on it: its lesions with a place, each way's marks, best first, and what was measured of each map.

    ``measured`` is measure -> way -> number; ``alike`` is what of the network was drawn anew -> (structural similarity, rank correlation)
    of its map with the network's own.
    """

    set: str
    id: str
    group: str
    fold: tuple[int, int]
    label: str
    lesions: tuple[str, ...]
    marks: dict[str, list[MarkRow]]
    measured: dict[str, dict[str, float]] = field(default_factory=dict)
    alike: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def key(self) -> Image:
        """Return set, id, repeat and outer fold."""
        return (self.set, self.id, *self.fold)


def marked(images: Iterable[PlacedImage], way: str) -> MarkedImages:
    """Return the images with lesions, and the normal ones, with a way's marks."""
    own = [one for one in images if one.lesions or one.label == "normal"]
    lesions = {one.key: list(one.lesions) for one in own if one.lesions}
    return MarkedImages({one.key: one.group for one in own}, lesions, {one.key: one.marks[way] for one in own})


def froc_of(images: Sequence[PlacedImage], way: str) -> Ratings:
    """Return the ratings behind a way's free-response curve."""
    return froc_ratings(marked(images, way))[0]


def place_figures(images: Sequence[PlacedImage], ways: Sequence[str], *, rule: str, of: str) -> list[Figure]:
    """Return hits and free-response figures of each way, and how much better the first way is than each of the others.

    Parameters
    ----------
    images : sequence of PlacedImage
    ways : sequence of str
        The method first, then its rivals.
    rule : str
        When a mark hits, in words: it stands with each figure.
    of : str
        The class that the maps are of: the images with this label have hits of their own, where there are others beside them.

    Returns
    -------
    list of Figure
        Those that are defined.
    """
    found: list[Figure] = []
    some = [one for one in images if one.label == of]
    for way in ways:
        found += _hit_figures(images, way, rule)
        if 0 < len(some) < len(images):
            found += _best_mark(some, way, rule, f", {of} images")
        found += _froc_figures(images, way, rule)
    for rival in ways[1:]:
        own = [one for one in images if one.lesions]
        found += _less(own, BEST_MARK, ways[0], rival, [(_best_hits(one, ways[0]), _best_hits(one, rival)) for one in own])
    return found


def _scope(images: Sequence[PlacedImage], groups: Sequence[str], positives: int | None, n: int) -> Scope:
    names = sorted({one.set for one in images})
    return Scope(names[0] if len(names) == 1 else "all", "image", list(groups), n, positives)


def _best_hits(image: PlacedImage, way: str) -> float:
    best = max(image.marks[way], key=lambda mark: mark.score, default=None)
    return float(best is not None and best.lesion_id is not None)


def _hit_figures(images: Sequence[PlacedImage], way: str, rule: str) -> list[Figure]:
    lesions, _, groups, counts = best_mark_statistics(marked(images, way))
    scope = _scope(images, groups, counts[1], counts[0])
    how = f"share of lesions that the best mark of their image by '{way}' hits; {rule}; positives are lesions"
    named = f"lesions hit by the best mark, {way}"
    return figure_or_none(scope, named, lesions, how, share_of=[True] * len(groups)) + _best_mark(images, way, rule, "")


def _best_mark(images: Sequence[PlacedImage], way: str, rule: str, among: str) -> list[Figure]:
    _, hit, groups, counts = best_mark_statistics(marked(images, way))
    how = f"share of images with a lesion{among} whose best mark by '{way}' hits one; {rule}; positives are lesions"
    scope = _scope(images, groups, counts[1], counts[0])
    return figure_or_none(scope, f"{BEST_MARK}{among}, {way}", hit, how, share_of=[True] * len(groups))


def _froc_figures(images: Sequence[PlacedImage], way: str, rule: str) -> list[Figure]:
    ratings, groups, counts = froc_ratings(marked(images, way))
    scope = _scope(images, groups, counts[1], counts[0])
    found: list[Figure] = []
    for allowed in FALSE_MARK_RATES:
        how = (
            f"share of lesions with a mark by '{way}' at the lowest threshold that leaves at most {allowed:g} false marks an image, over"
            f" all images with lesions or normal, nothing extrapolated past the last mark; {rule}; positives are lesions"
        )
        statistic = sensitivity_statistic(ratings, allowed)
        name = f"lesions found at {allowed:g} false marks an image, {way}"
        found += figure_or_none(scope, name, statistic, how, share_of=ratings.lesions > 0)
    return found


def sanity_figures(images: Sequence[PlacedImage], ways: Sequence[str]) -> list[Figure]:
    """Return what was measured of each way's maps, the first way's difference from the others, and of maps with weights drawn anew.

    Parameters
    ----------
    images : sequence of PlacedImage
    ways : sequence of str
        The method first, then its rivals.
    """
    found: list[Figure] = []
    for measure, how in MEASURES.items():
        own = [one for one in images if measure in one.measured]
        for way in ways:
            values = [one.measured[measure][way] for one in own]
            share = [True] * len(own) if measure == "pointing hit" else None
            found += _mean(own, f"{measure}, {way}", values, f"{how}; by '{way}'", share)
        for rival in ways[1:]:
            pairs = [(one.measured[measure][ways[0]], one.measured[measure][rival]) for one in own]
            found += _less(own, measure, ways[0], rival, pairs)
    return found + _alike(images)


def _alike(images: Sequence[PlacedImage]) -> list[Figure]:
    found: list[Figure] = []
    for word in dict.fromkeys(word for one in images for word in one.alike):
        own = [one for one in images if word in one.alike]
        for number, name in enumerate(("structural similarity", "rank correlation")):
            how = f"mean {name} of an image's map with the map after the weights of the network's {word} were drawn anew (cascading)"
            found += _mean(own, f"{name}, {word} drawn anew", [one.alike[word][number] for one in own], how, None)
    return found


def _mean(images: Sequence[PlacedImage], name: str, values: Sequence[float], how: str, share: Sequence[bool] | None) -> list[Figure]:
    if not images:
        return []
    scope = _scope(images, [one.group for one in images], None, len({one.key[:2] for one in images}))
    return figure_or_none(scope, name, weighted.mean(values), how, share_of=share)


def _less(images: Sequence[PlacedImage], measure: str, way: str, rival: str, pairs: Sequence[tuple[float, float]]) -> list[Figure]:
    how = f"mean difference of '{measure}' by '{way}' and by '{rival}' on the same images"
    return _mean(images, f"{measure}, {way} less {rival}", [float(np.subtract(*pair)) for pair in pairs], how, None)


# ---- the table ----


def place_table(figures: Sequence[Figure], ways: Sequence[str]) -> str:
    """Return figures as a Markdown table: a row a measure, a column a way, and what stands against each rival below it.

    Parameters
    ----------
    figures : sequence of Figure
        Of `place_figures` and `sanity_figures`.
    ways : sequence of str
        The method first.

    Returns
    -------
    str
        Ends with a line break.
    """
    by_name = {figure.name: figure for figure in figures}
    measures = [name.removesuffix(f", {ways[0]}") for name in by_name if name.endswith(f", {ways[0]}")]
    lines = [f"| measure | {' | '.join(ways)} | n |", f"|---|{'---|' * len(ways)}---:|"]
    for measure in measures:
        cells = [_cell(by_name.get(f"{measure}, {way}")) for way in ways]
        lines.append(f"| {measure} | {' | '.join(cells)} | {by_name[f'{measure}, {ways[0]}'].n} |")
        less = [by_name.get(f"{measure}, {ways[0]} less {rival}") for rival in ways[1:]]
        if any(less):
            lines.append(f"| ... {ways[0]} less this | | {' | '.join(map(_cell, less))} | |")
    alike = [figure for figure in figures if figure.name.endswith("drawn anew")]
    if alike:
        lines += ["", "| weights drawn anew | similarity of the maps | n |", "|---|---|---:|"]
        lines += [f"| {figure.name.removesuffix(' drawn anew')} | {_cell(figure)} | {figure.n} |" for figure in alike]
    return "\n".join([*lines, "", "In brackets: 95 %, over groups (patients with their near-duplicates). n: images."]) + "\n"


def _cell(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"

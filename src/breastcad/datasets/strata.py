"""What groups of images count as when they are dealt out to parts, the dealing, and how far the parts' shares then differ."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from breastcad.core.records import PARTS, FindingRow, ImageRow, SplitRow, worst_label
from breastcad.core.seeding import generator

Key = tuple[str, str]
"""Set and image_id."""
Traits = Mapping[Key, Mapping[str, tuple[str, ...]]]
"""By image, what it has of each trait: ``{"label": ("benign",), "kind": ("calcification", "mass"), "density": ("B",)}``."""

TRAITS = ("label", "kind", "density")


class Stratum(NamedTuple):
    """What a group counts as: its set (or sets), its worst label, what it has of other traits, its number of images."""

    set: str
    label: str
    traits: tuple[str, ...]
    images: int


def traits_of(images: Iterable[ImageRow], findings: Iterable[FindingRow]) -> dict[Key, dict[str, tuple[str, ...]]]:
    """Return each image's label, the kinds of its findings and its density, where the set says them.

    Parameters
    ----------
    images : iterable of ImageRow
    findings : iterable of FindingRow
        Those of other images are passed over.

    Returns
    -------
    dict
        By (set, image_id), as `Traits`. Density is `ImageRow.density`, of mini-MIAS its tissue letter; nothing is an empty tuple.
    """
    kinds: dict[Key, set[str]] = defaultdict(set)
    for finding in findings:
        kinds[finding.set, finding.image_id].add(finding.kind)
    found = {}
    for image in images:
        key = (image.set, image.image_id)
        density = image.density or image.extra.get("tissue")
        found[key] = {"label": (image.label,), "kind": tuple(sorted(kinds[key])), "density": (density,) if density else ()}
    return found


# ---- dealing out groups ----


def strata_of(
    images: Iterable[ImageRow], group_of: Mapping[Key, str], traits: Traits | None = None, by: Sequence[str] = ()
) -> dict[str, Stratum]:
    """Return what each group counts as.

    Parameters
    ----------
    images : iterable of ImageRow
    group_of : mapping
        The group of every image.
    traits : Traits, optional
        From `traits_of`; needed where `by` names any.
    by : sequence of str
        Traits beyond set and worst label: of each, all that a group's images have (``"calcification+mass"``).

    Returns
    -------
    dict
        Stratum by group.
    """
    members: dict[str, list[ImageRow]] = defaultdict(list)
    for image in images:
        members[group_of[image.set, image.image_id]].append(image)
    return {
        group: Stratum(
            "+".join(sorted({image.set for image in found})),
            worst_label([image.label for image in found]),
            tuple("+".join(sorted({word for one in found for word in (traits or {})[one.set, one.image_id][name]})) for name in by),
            len(found),
        )
        for group, found in members.items()
    }


def dealt(strata: Mapping[str, Stratum], shares: Sequence[float], seed: int, *path: str | int) -> dict[str, int]:
    """Deal groups out to parts of given shares: stratum by stratum, the largest groups first, each to the part that is least filled.

    How full a part is counts in proportion to its share (Sainte-Laguë's rule), so that a small part gets its share of large
    groups too. What a part has too much or too little at the end of a stratum is carried into the next, so that the parts
    keep their size also where every stratum is small, and finer strata leave the coarser ones that they are parts of balanced.
    Groups of one size come in random order; ties are settled by lot.

    Parameters
    ----------
    strata : mapping
        Stratum by group, from `strata_of`.
    shares : sequence of float
        Of each part; their sum is 1. A part of share 0 gets nothing.
    seed : int
    *path : str or int
        What is dealt out for; another path is another dealing.

    Returns
    -------
    dict
        The number of its part by group.
    """
    random = generator(seed, "split", *path)
    groups_of: dict[tuple[str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for group in sorted(strata):
        groups_of[strata[group][:3]].append(group)
    dealing = np.flatnonzero(np.array(shares) > 0)
    share = np.array(shares)[dealing]
    filled = np.zeros(len(dealing))
    part_of = {}
    for _, groups in sorted(groups_of.items()):
        shuffled = [groups[place] for place in random.permutation(len(groups))]
        for group in sorted(shuffled, key=lambda group: -strata[group].images):
            quotients = (filled + strata[group].images / 2) / share
            least = int(np.lexsort((random.random(len(dealing)), quotients.round(9)))[0])
            filled[least] += strata[group].images
            part_of[group] = int(dealing[least])
    return part_of


# ---- how far the parts differ ----


def balance(rows: Iterable[SplitRow], traits: Traits) -> list[dict[str, Any]]:
    """Measure how far the shares of labels, kinds and densities in a part differ from those in the whole fold, images counted.

    Parameters
    ----------
    rows : iterable of SplitRow
    traits : Traits
        From `traits_of`; must hold every image of the rows.

    Returns
    -------
    list of dict
        For each trait and part, the largest difference over folds and values. Keys: of (the trait), part, difference, value, share (of
        the part's images that have the value), whole (the same of all images of the fold), repeat, outer, inner.

    Examples
    --------
    >>> has = {("s", name): {"label": (label,), "kind": (), "density": ()} for name, label in zip("abcd", ["benign"] * 3 + ["malignant"])}
    >>> rows = [SplitRow("s", name, name, part="test" if name in "ad" else "train") for name in "abcd"]
    >>> [(line["part"], line["difference"], line["value"]) for line in balance(rows, has) if line["of"] == "label"]
    [('train', 0.25, 'benign'), ('test', 0.25, 'benign')]
    """
    folds: dict[tuple[int, int, int], list[SplitRow]] = defaultdict(list)
    for row in rows:
        folds[row.repeat, row.outer, row.inner].append(row)
    largest: dict[tuple[int, int], dict[str, Any]] = {}
    for (repeat, outer, inner), found in sorted(folds.items()):
        for place, name in enumerate(TRAITS):
            values = ["+".join(traits[row.set, row.id][name]) or "none" for row in found]
            whole = Counter(values)
            for part in sorted({row.part for row in found}):
                own = Counter(value for value, row in zip(values, found, strict=True) if row.part == part)
                value, share = _furthest(own, whole)
                line = {"of": name, "part": part, "difference": round(abs(share - whole[value] / whole.total()), 4), "value": value}
                line |= {"share": round(share, 4), "whole": round(whole[value] / whole.total(), 4)}
                line |= {"repeat": repeat, "outer": outer, "inner": inner}
                kept = largest.setdefault((place, PARTS.index(part)), line)
                if line["difference"] > kept["difference"]:
                    largest[place, PARTS.index(part)] = line
    return [line for _, line in sorted(largest.items())]


def _furthest(own: Counter[str], whole: Counter[str]) -> tuple[str, float]:
    """Return the value whose share differs most, the first by name of several, and its share."""
    shares = {value: own[value] / own.total() for value in sorted(whole)}
    value = max(shares, key=lambda value: round(abs(shares[value] - whole[value] / whole.total()), 9))
    return value, shares[value]

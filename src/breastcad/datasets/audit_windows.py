"""Windows (patches.csv) held against a split: those of one image, group or copy that are in two parts, and those that overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from breastcad.core.records import PatchRow, SplitRow
from breastcad.datasets.audit import FINE, LEAK, Check, Couple, Key, fold_name

_BLOCK = 1024


def window_parts(
    windows: Sequence[PatchRow], rows: Iterable[SplitRow], groups: Mapping[Key, str] | None = None, same: Sequence[Couple] = ()
) -> list[Check]:
    """Look for windows that belong together in two parts of a fold.

    Parameters
    ----------
    windows : sequence of PatchRow
    rows : iterable of SplitRow
        Of samples (their id a window's ``sample_id``) or of images; a window without a row counts for nothing.
    groups : mapping, optional
        Groups found anew, by (set, image_id); by default those that the windows name.
    same : sequence of pairs of (set, image_id)
        Images of which one is a copy of the other.

    Returns
    -------
    list of Check
        Of each fold: images with windows in two parts; windows that overlap one of another part on their image; groups with windows in
        two parts; pairs of copies whose windows are in two parts, wherever on them they lie.
    """
    folds: dict[tuple[int, int, int], dict[Key, str]] = defaultdict(dict)
    for row in rows:
        folds[row.repeat, row.outer, row.inner][row.set, row.id] = row.part
    checks = []
    for fold, part_of in sorted(folds.items()):
        parts = [part_of.get((one.set, one.sample_id)) or part_of.get((one.set, one.image_id)) for one in windows]
        known = [(window, part) for window, part in zip(windows, parts, strict=True) if part]
        checks += _of_fold(known, groups or {}, same, fold_name(fold))
    return checks


def _of_fold(windows: Sequence[tuple[PatchRow, str]], groups: Mapping[Key, str], same: Sequence[Couple], where: str) -> list[Check]:
    of_image: dict[Key, list[tuple[PatchRow, str]]] = defaultdict(list)
    of_group: dict[str, set[str]] = defaultdict(set)
    for window, part in windows:
        key = window.set, window.image_id
        of_image[key].append((window, part))
        of_group[groups.get(key) or window.group or "/".join(key)].add(part)
    parts = {key: {part for _, part in found} for key, found in of_image.items()}
    split = [key for key, found in parts.items() if len(found) > 1]
    overlapping = [name for key in split for name in _overlapping(of_image[key])]
    couples = [(one, other) for one, other in same if one in parts and other in parts]
    copies = [" = ".join(" ".join(key) for key in pair) for pair in couples if len(parts[pair[0]] | parts[pair[1]]) > 1]
    parted = [group for group, found in of_group.items() if len(found) > 1]
    return [
        _leak("windows of one image in two parts", f"{where}: images with windows in two parts", map(" ".join, split), len(parts)),
        _leak("overlapping windows in two parts", f"{where}: windows that overlap one of another part", overlapping, len(windows)),
        _leak("windows of one group in two parts", f"{where}: groups with windows in two parts", parted, len(of_group)),
        _leak("windows of copies in two parts", f"{where}: pairs of copies with windows in two parts", copies, len(couples)),
    ]


def _leak(name: str, said: str, items: Iterable[str], of: int) -> Check:
    named = tuple(items)
    return Check(name, LEAK if named else FINE, said, len(named), of, named)


def _overlapping(windows: Sequence[tuple[PatchRow, str]]) -> list[str]:
    """Return the sample ids of the windows on one image that share area with a window of another part; a block of them at a time."""
    first = np.array([(window.row, window.col) for window, _ in windows])
    last = first + np.array([(window.height, window.width) for window, _ in windows])
    part = np.array([part for _, part in windows])
    found = []
    for start in range(0, len(windows), _BLOCK):
        block = slice(start, start + _BLOCK)
        shared = (first[block, None] < last[None]).all(axis=2) & (first[None] < last[block, None]).all(axis=2)
        hit = (shared & (part[block, None] != part[None])).any(axis=1)
        found += [windows[start + place][0].sample_id for place in np.flatnonzero(hit).tolist()]
    return found

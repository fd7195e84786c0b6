"""Parting windows and their copies at random, as many a publication does: it leaks, and is there to show what the leak is worth.

Parting images, so that nothing leaks, is in `splits`.
"""

from __future__ import annotations

from collections.abc import Sequence

from breastcad.core.errors import InputError
from breastcad.core.records import PARTS, PatchRow, SplitRow
from breastcad.datasets.strata import Stratum, dealt


def window_kfold(rows: Sequence[PatchRow], copies: int, *, folds: int, seed: int, validation_share: float) -> list[SplitRow]:
    """Split windows and their copies into outer folds: each is tested once, and no patient is kept together.

    Parameters
    ----------
    rows : sequence of PatchRow
        Windows with groups, as `breastcad patches --split` writes them; those of label ``unknown`` get no row.
    copies : int
        Of each window, itself among them; at least 1. All are dealt out alike.
    folds : int
        At least 2.
    seed : int
    validation_share : float
        Share of a fold's samples outside the test part that validate, in [0, 1).

    Returns
    -------
    list of SplitRow
        One row a sample and outer fold: ``id`` is the window's ``sample_id``, of its k-th copy (from 1) with ``#k`` behind it; ``group``
        is the window's own, so that `splits.leaks` sees what leaks. Parts are balanced by set and label.

    Raises
    ------
    InputError
        If there are fewer than two folds, fewer samples than folds, or a window has no group.
    ValueError
        If there is no copy, or the share is not in [0, 1).

    Examples
    --------
    >>> window = PatchRow("s/a/0-0-8x8", "image", "s", "a", None, 0, 0, 8, 8, label="benign", group="woman")
    >>> [(row.id, row.part) for row in window_kfold([window], 2, folds=2, seed=0, validation_share=0) if row.outer == 0]
    [('s/a/0-0-8x8', 'train'), ('s/a/0-0-8x8#1', 'test')]
    """
    if folds < 2:
        raise InputError(f"folds must be at least 2, got {folds}")
    if copies < 1:
        raise ValueError(f"copies must be at least 1 (the window itself), got {copies}")
    if not 0 <= validation_share < 1:
        raise ValueError(f"validation_share must be in [0, 1), got {validation_share}")
    known = [row for row in rows if row.label != "unknown"]
    if alone := next((row for row in known if row.group is None), None):
        raise InputError(f"window '{alone.sample_id}' has no group; cut the windows with breastcad patches --split FOLDER")
    samples = {f"{row.sample_id}#{copy}" if copy else row.sample_id: row for row in known for copy in range(copies)}
    if len(samples) < folds:
        raise InputError(f"{folds} folds need as many windows and copies with a label, got {len(samples)}; choose fewer folds")
    strata = {name: Stratum(row.set, row.label, (), 1) for name, row in samples.items()}
    fold_of = dealt(strata, [1 / folds] * folds, seed, "windows")
    found = []
    for outer in range(folds):
        rest = {name: stratum for name, stratum in strata.items() if fold_of[name] != outer}
        inner = dealt(rest, [1 - validation_share, validation_share], seed, "windows", "validation", outer)
        for name, row in samples.items():
            part = PARTS[inner[name]] if name in rest else PARTS[-1]
            found.append(SplitRow(row.set, name, row.group or "", outer=outer, part=part))
    return found

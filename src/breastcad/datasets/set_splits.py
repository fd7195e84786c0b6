"""Parting sets from one another: each is tested once by what learned from the others. One such fold is `splits.across`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from breastcad.core.errors import InputError
from breastcad.core.records import ImageRow, SplitRow
from breastcad.datasets.splits import Groups, across


def leave_one_set_out(
    images: Iterable[ImageRow], groups: Groups, *, seed: int, validation_share: float = 1 / 6
) -> tuple[list[SplitRow], list[str]]:
    """Split into an outer fold a set, in the order of their names: that set tests, the others train and validate.

    Parameters
    ----------
    images, groups, seed, validation_share
        As in `splits.across`.

    Returns
    -------
    rows : list of SplitRow
        One row an image and outer fold, but for images of groups that the fold tests too: those do not train.
    remarks : list of str
        Which fold tests which set, and a sentence for each group that a fold left out of training.

    Raises
    ------
    InputError
        If the images are of one set.
    ValueError
        As `splits.across` does.
    """
    given = list(images)
    sets = sorted({image.set for image in given if image.present} or {image.set for image in given})
    if len(sets) < 2:
        raise InputError(f"leaving one set out needs images of two sets at least, got {', '.join(sets) or 'none'}; give more collections")
    rows, remarks = [], []
    for outer, name in enumerate(sets):
        others = [other for other in sets if other != name]
        own, dropped = across(given, groups, train_sets=others, test_sets=[name], seed=seed, validation_share=validation_share)
        rows += [replace(row, outer=outer) for row in own]
        remarks += [f"fold {outer} tests {name}", *(f"fold {outer}: {sentence}" for sentence in dropped)]
    return rows, remarks

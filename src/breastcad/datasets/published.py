"""What the authors of sets published of how to part them: parts, or folds, as their tables say."""

from __future__ import annotations

from collections.abc import Sequence

from breastcad.core.errors import InputError
from breastcad.core.records import PARTS, ImageRow
from breastcad.read.tables import number_of

Key = tuple[str, str]


def published_parts(images: Sequence[ImageRow]) -> dict[Key, str]:
    """Return the published part of each image that has one, by (set, image_id).

    Raises
    ------
    InputError
        If a part is none of `PARTS`: nobody knows if it trains or is tested.
    """
    for image in images:
        if image.part and image.part not in PARTS:
            raise InputError(
                f"{image.set} '{image.image_id}' is of the part '{image.part[:40]}', not {', '.join(PARTS)}; import the set again"
            )
    return {(image.set, image.image_id): image.part for image in images if image.part}


def published_folds(images: Sequence[ImageRow], folds: int) -> tuple[dict[Key, int], list[str]]:
    """Return the published fold, from 0, of each image that has one of so many (``x_fold_5``), by (set, image_id).

    Authors count from 1; a set of which all count from 0 is understood too.

    Returns
    -------
    fold_of : dict
    remarks : list of str
        A sentence of each set whose folds are counted from 0.

    Raises
    ------
    InputError
        If a fold is no whole number that there can be.
    """
    by_set: dict[str, dict[Key, int]] = {}
    for image in images:
        if cell := image.extra.get(f"fold_{folds}"):
            number = number_of(cell)
            if number is None or number not in range(folds + 1):
                raise _no_fold(image.set, image.image_id, cell, folds)
            by_set.setdefault(image.set, {})[image.set, image.image_id] = int(number)
    fold_of: dict[Key, int] = {}
    remarks = []
    for name, found in by_set.items():
        first = min(found.values())
        if first == 0 and max(found.values()) == folds:
            raise _no_fold(*next(key for key in found if found[key] == 0), "0", folds)
        if first == 0:
            remarks.append(f"{name}: published folds of {folds} are counted from 0, which is taken as the first")
        fold_of |= {key: number - min(first, 1) for key, number in found.items()}
    return fold_of, remarks


def _no_fold(name: str, image_id: str, cell: str, folds: int) -> InputError:
    return InputError(
        f"{name} '{image_id}' has '{cell[:40]}' for a published fold of {folds}; folds are whole numbers from 1 to {folds} "
        f"(all of a set may be 0 to {folds - 1}): correct the table, then import the set again"
    )

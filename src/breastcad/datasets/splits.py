"""Parting images into train, validation and test so that no group (a patient, a scene) is in two of them.

Groups come from `duplicates`, how they are dealt out from `strata`. Everything here is a function of its arguments: the same images,
groups and seed give the same rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection as Container
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from breastcad.core.errors import InputError
from breastcad.core.records import PARTS, ImageRow, SplitRow
from breastcad.datasets.published import published_folds, published_parts
from breastcad.datasets.strata import Traits, dealt, strata_of

Groups = Mapping[str, str] | Mapping[tuple[str, str], str]
"""Group by image_id, or by (set, image_id) where ids of several sets may be alike."""

TRAIN, VALIDATION, TEST = PARTS


# ---- ways to split ----


def kfold(
    images: Iterable[ImageRow],
    groups: Groups,
    *,
    folds: int,
    seed: int,
    repeat: int = 0,
    validation_share: float = 1 / 6,
    traits: Traits | None = None,
    by: Sequence[str] = (),
) -> list[SplitRow]:
    """Split into outer folds: each present image is tested exactly once, and is in train or validation in the other folds.

    Parameters
    ----------
    images : iterable of ImageRow
        Of one or several sets; those that are not present are left out, unless none is.
    groups : mapping
        Group by image_id or by (set, image_id), see `duplicates`.
    folds : int
        At least 2.
    seed, repeat : int
        Another repeat deals the groups out anew.
    validation_share : float
        Share of a fold's images outside the test part that validate, in [0, 1).
    traits, by
        What groups are balanced by beyond their set and worst label, as `strata.strata_of` takes it.

    Returns
    -------
    list of SplitRow
        One row an image and outer fold, outer folds in order, images in their own order.

    Raises
    ------
    InputError
        If there are fewer than two folds, or fewer groups than folds.
    ValueError
        If an image has no group, or the share is not in [0, 1).
    """
    if folds < 2:
        raise InputError(f"folds must be at least 2, got {folds}; for one test part use --kind holdout")
    _check_share("validation_share", validation_share)
    present = _present(images)
    group_of = _group_of(present, groups)
    strata = strata_of(present, group_of, traits, by)
    if len(strata) < folds:
        raise InputError(f"{folds} folds need as many groups of images, got {len(strata)}; choose fewer folds")
    fold_of = dealt(strata, [1 / folds] * folds, seed, "outer", repeat)
    rows = []
    for outer in range(folds):
        rest = {group: sizes for group, sizes in strata.items() if fold_of[group] != outer}
        inner = dealt(rest, [1 - validation_share, validation_share], seed, "validation", repeat, outer)
        part_of = {group: TEST if group not in rest else PARTS[inner[group]] for group in strata}
        rows += _rows(present, group_of, part_of, repeat=repeat, outer=outer)
    return rows


def nested(
    images: Iterable[ImageRow],
    groups: Groups,
    *,
    folds: int,
    inner_folds: int,
    seed: int,
    validation_share: float = 1 / 6,
    traits: Traits | None = None,
    by: Sequence[str] = (),
) -> list[SplitRow]:
    """Split into outer folds, and what each of them does not test into inner folds: to choose settings without a look at what tests.

    Parameters
    ----------
    images, groups, folds, seed, validation_share, traits, by
        As in `kfold`.
    inner_folds : int
        At least 2.

    Returns
    -------
    list of SplitRow
        Of each outer fold first the rows that `kfold` gives, of inner fold 0; then inner folds 1, 2, ... of the images that it does not
        test, each of which validates in one of them and trains in the others.

    Raises
    ------
    InputError
        If there are fewer than two folds of either kind, or fewer groups than folds.
    ValueError
        As `kfold` does.
    """
    if inner_folds < 2:
        raise InputError(f"inner folds must be at least 2, got {inner_folds}; for none use --kind kfold")
    present = _present(images)
    outer_rows = kfold(present, groups, folds=folds, seed=seed, validation_share=validation_share, traits=traits, by=by)
    group_of = _group_of(present, groups)
    rows = []
    for outer in range(folds):
        own = [row for row in outer_rows if row.outer == outer]
        tested = {row.group for row in own if row.part == TEST}
        rest = [image for image in present if group_of[_key(image)] not in tested]
        strata = strata_of(rest, group_of, traits, by)
        if len(strata) < inner_folds:
            raise InputError(
                f"{inner_folds} inner folds need as many groups of images that are not tested, got {len(strata)}; choose fewer"
            )
        fold_of = dealt(strata, [1 / inner_folds] * inner_folds, seed, "inner", outer)
        rows += own
        for inner in range(inner_folds):
            part_of = {group: VALIDATION if fold == inner else TRAIN for group, fold in fold_of.items()}
            rows += _rows(rest, group_of, part_of, outer=outer, inner=inner + 1)
    return rows


def holdout(
    images: Iterable[ImageRow],
    groups: Groups,
    *,
    seed: int,
    test_share: float = 0.2,
    validation_share: float = 1 / 6,
    traits: Traits | None = None,
    by: Sequence[str] = (),
) -> list[SplitRow]:
    """Split once into train, validation and test.

    Parameters
    ----------
    images, groups, seed, validation_share, traits, by
        As in `kfold`.
    test_share : float
        Share of the images that test, in [0, 1).

    Returns
    -------
    list of SplitRow
        Repeat 0, outer 0, one row an image.

    Raises
    ------
    ValueError
        If an image has no group, or a share is not in [0, 1).
    """
    _check_share("test_share", test_share)
    _check_share("validation_share", validation_share)
    present = _present(images)
    group_of = _group_of(present, groups)
    validation = (1 - test_share) * validation_share
    part = dealt(strata_of(present, group_of, traits, by), [1 - test_share - validation, validation, test_share], seed, "holdout")
    return _rows(present, group_of, {group: PARTS[number] for group, number in part.items()})


def across(
    images: Iterable[ImageRow],
    groups: Groups,
    *,
    train_sets: Container[str],
    test_sets: Container[str],
    seed: int,
    validation_share: float = 1 / 6,
) -> tuple[list[SplitRow], list[str]]:
    """Train and validate on some sets, test on others: what another hospital will see.

    Groups with images on both sides test only: their images of the training sets get no row, and a sentence says so.

    Parameters
    ----------
    images, groups, seed, validation_share
        As in `kfold`.
    train_sets, test_sets : container of str
        Names of sets; images of other sets get no row.

    Returns
    -------
    rows : list of SplitRow
        Repeat 0, outer 0.
    remarks : list of str
        A sentence for each group that was taken out of training.

    Raises
    ------
    InputError
        If a set is on both sides, or one of them is not among the images.
    ValueError
        If an image has no group, or the share is not in [0, 1).
    """
    _check_share("validation_share", validation_share)
    present = _present(images)
    _check_sides({image.set for image in present}, train_sets, test_sets)
    group_of = _group_of(present, groups)
    testing = {group_of[_key(image)] for image in present if image.set in test_sets}
    dropped = [image for image in present if image.set in train_sets and group_of[_key(image)] in testing]
    training = [image for image in present if image.set in train_sets and group_of[_key(image)] not in testing]
    inner = dealt(strata_of(training, group_of), [1 - validation_share, validation_share], seed, "across")
    part_of = {group: PARTS[number] for group, number in inner.items()} | dict.fromkeys(testing, TEST)
    kept = {_key(image) for image in training} | {_key(image) for image in present if image.set in test_sets}
    rows = _rows([image for image in present if _key(image) in kept], group_of, part_of)
    return rows, _dropped_sentences(dropped, group_of)


def official(
    images: Iterable[ImageRow], groups: Groups, *, seed: int, folds: int | None = None, validation_share: float = 1 / 6, clean: bool = False
) -> tuple[list[SplitRow], list[str]]:
    """Take the parts, or the folds, that the sets' authors published; validation, where they have none, is dealt out of training.

    Parameters
    ----------
    images, groups, seed, validation_share
        As in `kfold`; images to which the authors gave no part get no row.
    folds : int, optional
        Take the published folds of so many (``x_fold_5``), not the published parts.
    clean : bool
        Take groups that are tested out of training; the test part stays as it is.

    Returns
    -------
    rows : list of SplitRow
        Of parts, outer 0; of folds, outer 0 for the fold that its authors call 1.
    remarks : list of str
        What was left out or moved, and if validation was dealt out.

    Raises
    ------
    InputError
        If no image has a published part, or fold, or one has a part or fold that there cannot be.
    ValueError
        If an image has no group, or the share is not in [0, 1).
    """
    _check_share("validation_share", validation_share)
    present = _present(images)
    group_of = _group_of(present, groups)
    remarks: list[str] = []
    if folds is None:
        published = published_parts(present)
        tests = [{key for key, part in published.items() if part == TEST}]
    else:
        fold_of, remarks = published_folds(present, folds)
        published = dict.fromkeys(fold_of, TRAIN)
        tests = [{key for key, fold in fold_of.items() if fold == number} for number in range(folds)]
    if not any(tests):
        what = "parts" if folds is None else f"folds of {folds}"
        raise InputError(
            f"no image that is here is in a test part of published {what} (docs/data.md says which sets have them); take --kind kfold"
        )
    remarks += _without_part(present, published)
    rows = []
    for outer, test in enumerate(tests):
        if not test:
            remarks.append(f"published fold {outer + 1} has no image that is here; it is left out")
            continue
        rows += _official_fold(present, group_of, published, test, (seed, outer, validation_share), clean=clean, remarks=remarks)
    if folds is None and any(row.part == VALIDATION and published[row.set, row.id] == TRAIN for row in rows):
        remarks.append("validation is dealt out of training: no image of a published validation part is left")
    return rows, remarks


def _official_fold(
    present: Sequence[ImageRow],
    group_of: Mapping[tuple[str, str], str],
    published: Mapping[tuple[str, str], str],
    test: set[tuple[str, str]],
    settings: tuple[int, int, float],
    *,
    clean: bool,
    remarks: list[str],
) -> list[SplitRow]:
    """Make one fold's rows; `settings` are seed, outer fold and validation share. What is taken out of training is said in `remarks`."""
    seed, outer, share = settings
    tested = {group_of[key] for key in test}
    rest = [image for image in present if _key(image) in published and _key(image) not in test]
    if clean:
        remarks += _dropped_sentences([image for image in rest if group_of[_key(image)] in tested], group_of)
        rest = [image for image in rest if group_of[_key(image)] not in tested]
    validating = {group_of[_key(image)] for image in rest if published[_key(image)] == VALIDATION}
    open_ones = [image for image in rest if not validating]
    part_of = {
        group: PARTS[part] for group, part in dealt(strata_of(open_ones, group_of), [1 - share, share], seed, "official", outer).items()
    }
    rows = [SplitRow(*key, group_of[key], outer=outer, part=TEST) for key in map(_key, present) if key in test]
    for image in rest:
        key = _key(image)
        part = published[key] if validating else part_of[group_of[key]]
        rows.append(SplitRow(*key, group_of[key], outer=outer, part=part))
    order = {_key(image): place for place, image in enumerate(present)}
    return sorted(rows, key=lambda row: order[row.set, row.id])


def _without_part(present: Sequence[ImageRow], published: Mapping[tuple[str, str], str]) -> list[str]:
    missing = [image for image in present if _key(image) not in published]
    return (
        [f"{_images(len(missing))} no published part and got no row (first: {missing[0].set} '{missing[0].image_id}')"] if missing else []
    )


# ---- what leaks, and counts ----


def leaks(rows: Iterable[SplitRow], groups: Groups | None = None) -> list[str]:
    """Say what a split leaks: groups in two parts of one fold, images with two rows in one fold or tested in two.

    What an outer fold tests may neither train nor validate in any of its inner folds.

    Parameters
    ----------
    rows : iterable of SplitRow
    groups : mapping, optional
        Groups to hold the rows against, by image_id or (set, image_id); by default the groups that the rows name.

    Returns
    -------
    list of str
        A sentence a kind of leak, with how many and the first; empty if nothing leaks.

    Examples
    --------
    >>> leaks([SplitRow("busi", "a", "g", part="train"), SplitRow("busi", "b", "g", part="test")])
    ["split leaks: 1 group is in both 'train' and 'test' of one fold (first: 'g', with busi 'a' and busi 'b')"]
    """
    rows = list(rows)
    return [*_parted_groups(rows, groups), *_repeated_images(rows)]


def counts(rows: Iterable[SplitRow], images: Iterable[ImageRow]) -> list[dict[str, Any]]:
    """Count a split's images and groups by repeat, outer and inner fold, part, set and label, in this order.

    Parameters
    ----------
    rows : iterable of SplitRow
    images : iterable of ImageRow
        Give the labels; must hold every image of the rows.

    Returns
    -------
    list of dict
        Keys repeat, outer, inner, part, set, label, images, groups.
    """
    label_of = {_key(image): image.label for image in images}
    members: dict[tuple[int, int, int, int, str, str], list[str]] = defaultdict(list)
    for row in rows:
        fold = row.repeat, row.outer, row.inner
        members[(*fold, PARTS.index(row.part), row.set, label_of[row.set, row.id])].append(row.group)
    return [
        {
            "repeat": repeat,
            "outer": outer,
            "inner": inner,
            "part": PARTS[part],
            "set": name,
            "label": label,
            "images": len(found),
            "groups": len(set(found)),
        }
        for (repeat, outer, inner, part, name, label), found in sorted(members.items())
    ]


def _parted_groups(rows: Sequence[SplitRow], groups: Groups | None) -> list[str]:
    parts: dict[tuple[int, int, int, str], dict[str, SplitRow]] = defaultdict(dict)
    tested: dict[tuple[int, int, str], SplitRow] = {}
    for row in rows:
        group = row.group if groups is None else _lookup(groups, row.set, row.id)
        parts[row.repeat, row.outer, row.inner, group].setdefault(row.part, row)
        if row.part == TEST:
            tested.setdefault((row.repeat, row.outer, group), row)
    for (repeat, outer, _, group), found in parts.items():
        if (repeat, outer, group) in tested:
            found.setdefault(TEST, tested[repeat, outer, group])
    sentences = []
    for first, second in ((TRAIN, TEST), (VALIDATION, TEST), (TRAIN, VALIDATION)):
        parted: dict[str, dict[str, SplitRow]] = {}
        for (*_, group), found in parts.items():
            if first in found and second in found:
                parted.setdefault(group, found)
        if parted:
            group = next(iter(parted))
            one, other = parted[group][first], parted[group][second]
            said = f"{len(parted)} group{' is' if len(parted) == 1 else 's are'} in both '{first}' and '{second}' of one fold"
            sentences.append(f"split leaks: {said} (first: '{group}', with {one.set} '{one.id}' and {other.set} '{other.id}')")
    return sentences


def _repeated_images(rows: Sequence[SplitRow]) -> list[str]:
    in_fold = Counter((row.set, row.id, row.repeat, row.outer, row.inner) for row in rows)
    twice = [key for key, number in in_fold.items() if number > 1]
    tests = {(row.set, row.id, row.repeat, row.outer) for row in rows if row.part == TEST}
    tested = [key for key, number in Counter(key[:3] for key in sorted(tests)).items() if number > 1]
    sentences = []
    if twice:
        sentences.append(f"split leaks: {_images(len(twice))} more than one row in one fold (first: {twice[0][0]} '{twice[0][1]}')")
    if tested:
        sentences.append(f"split leaks: {_images(len(tested))} tests in more than one outer fold (first: {tested[0][0]} '{tested[0][1]}')")
    return sentences


def _images(number: int) -> str:
    return f"{number} image{' has' if number == 1 else 's have'}"


# ---- images and their groups ----


def _rows(
    images: Iterable[ImageRow],
    group_of: Mapping[tuple[str, str], str],
    part_of: Mapping[str, str],
    *,
    repeat: int = 0,
    outer: int = 0,
    inner: int = 0,
) -> list[SplitRow]:
    return [
        SplitRow(image.set, image.image_id, group, repeat=repeat, outer=outer, inner=inner, part=part_of[group])
        for image in images
        for group in (group_of[_key(image)],)
    ]


def _key(image: ImageRow) -> tuple[str, str]:
    return image.set, image.image_id


def _present(images: Iterable[ImageRow]) -> list[ImageRow]:
    """Return the images that are present; where none is, all that the tables list."""
    listed = list(images)
    return [image for image in listed if image.present] or listed


def _group_of(images: Iterable[ImageRow], groups: Groups) -> dict[tuple[str, str], str]:
    """Return the group of every image by (set, image_id)."""
    found: dict[tuple[str, str], str] = {}
    set_of: dict[str, str] = {}
    for image in images:
        if set_of.setdefault(image.image_id, image.set) != image.set and _key(image) not in groups:
            sets = f"'{set_of[image.image_id]}' and '{image.set}'"
            raise ValueError(f"groups must go by (set, image_id): {sets} both have an image '{image.image_id}'")
        found[_key(image)] = _lookup(groups, image.set, image.image_id)
    return found


def _lookup(groups: Groups, set_name: str, image_id: str) -> str:
    by_any: Mapping[Any, str] = groups
    group = by_any.get((set_name, image_id), by_any.get(image_id))
    if group is None:
        raise ValueError(f"every image needs a group, {set_name} '{image_id}' has none")
    return group


def _check_share(name: str, share: float) -> None:
    if not 0 <= share < 1:
        raise ValueError(f"{name} must be in [0, 1), got {share}")


def _check_sides(known: set[str], train_sets: Container[str], test_sets: Container[str]) -> None:
    for option, sets in (("--train-set", train_sets), ("--test-set", test_sets)):
        if not sets:
            raise InputError(f"a split across sets needs at least one set to {option[2:-4]} on; name it with {option}")
        for name in sorted(set(sets) - known):
            raise InputError(f"{option} names '{name}', which has no image here; sets: {', '.join(sorted(known))}")
    both = sorted(set(train_sets) & set(test_sets))
    if both:
        raise InputError(f"'{both[0]}' is named to train and to test on; name it once")


def _dropped_sentences(dropped: Sequence[ImageRow], group_of: Mapping[tuple[str, str], str]) -> list[str]:
    members: dict[str, list[ImageRow]] = defaultdict(list)
    for image in dropped:
        members[group_of[_key(image)]].append(image)
    return [
        f"group '{group}' lies on both sides: {found[0].set} '{found[0].image_id}'"
        + (f" and {len(found) - 1} more" if len(found) > 1 else "")
        + " left out of training"
        for group, found in sorted(members.items())
    ]

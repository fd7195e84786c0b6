"""``breastcad split``: part collections into train, validation and test by patient and duplicate group."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from breastcad.commands.options import Out, Overwrite, Seed

if TYPE_CHECKING:
    from breastcad.core.records import Collection, ImageRow, SplitRow
    from breastcad.datasets.splits import Groups


class Kind(StrEnum):
    """What is tested on what."""

    holdout = "holdout"
    kfold = "kfold"
    across = "across"
    official = "official"
    cleaned = "cleaned"


class By(StrEnum):
    """What is kept together when images are dealt out."""

    group = "group"
    image = "image"


KindOption = Annotated[
    Kind,
    typer.Option(
        "--kind",
        help="kfold: each image is tested once; holdout: one test part; across: other sets are tested; official: as published; "
        "cleaned: as published, but who is tested is taken out of training.",
    ),
]
FoldsOption = Annotated[
    int | None,
    typer.Option("--folds", min=2, help="Outer folds of kfold, 5 without it; official, cleaned: the published folds of so many."),
]
ShareOption = Annotated[
    float | None,
    typer.Option("--validation-share", help="Not holdout: share of the images outside the test part that validate; 1/6 without it."),
]


def command(
    collections: Annotated[list[Path], typer.Argument(metavar="COLLECTION...", help="Collections that `breastcad import` made.")],
    out: Out,
    kind: KindOption = Kind.kfold,
    folds: FoldsOption = None,
    validation_share: ShareOption = None,
    seed: Seed = 0,
    train_set: Annotated[list[str] | None, typer.Option("--train-set", metavar="SET", help="across: a set to train on.")] = None,
    test_set: Annotated[list[str] | None, typer.Option("--test-set", metavar="SET", help="across: a set to test on.")] = None,
    by: Annotated[
        By, typer.Option("--by", help="What stays together; image keeps nothing together, to show what that costs: it leaks.")
    ] = By.group,
    allow_leaks: Annotated[
        bool, typer.Option("--allow-leaks", help="Write a split that leaks all the same; split.json and what is made with it say so.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Split collections so that no patient, and no scene that several images show, is in two parts; refuse a split that leaks.

    Patients come from the sets' tables, near-duplicates from the pixels. Parts are balanced by set
    and label. The exit code is 1 if it leaks.
    """
    from breastcad.core.errors import AnswerNo
    from breastcad.core.files import output_folder, read_collection, write_split
    from breastcad.datasets.splits import counts, leaks

    read = [read_collection(folder) for folder in collections]
    images = _present_images(read)
    output_folder(out, overwrite=overwrite)
    unread: dict[tuple[str, str], str] = {}
    groups = _groups(read, unread)
    images = [image for image in images if (image.set, image.image_id) not in unread]
    kept_together = groups if by is By.group else {key: "/".join(key) for key in groups}
    rows, facts = _split(kind, images, kept_together, (folds, validation_share), seed, (train_set or [], test_set or []))
    rows = [replace(row, group=groups[row.set, row.id]) for row in rows]
    leaking = leaks(rows)
    if leaking and not allow_leaks:
        raise AnswerNo(f"{'; '.join(leaking)}; split by group, or add --allow-leaks")
    facts["remarks"] += [f"left out: {name} {image}: {reason}; import the set again" for (name, image), reason in unread.items()]
    table = counts(rows, images)
    write_split(out, rows, {**facts, "by": by.value, "leaks": leaking, "counts": table})
    _tell(table, [*facts["remarks"], *leaking])
    typer.echo(f"Written: {out}")


def _present_images(collections: list[Collection]) -> list[ImageRow]:
    """Return the images that can be split; InputError if there is none."""
    from breastcad.core.errors import InputError

    images = [image for collection in collections for image in collection.images if image.present]
    if not images:
        raise InputError("no image of these collections is present, so there is nothing to split; import the folder that holds the images")
    return images


def _groups(collections: list[Collection], unread: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """Return patient and duplicate groups, with a bar while pictures are read; what cannot be read is entered into `unread`."""
    from breastcad.commands.progress import bar
    from breastcad.datasets.cache import open_cache
    from breastcad.datasets.duplicates import joint_groups

    with open_cache(lambda said: typer.echo(f"! {said}", err=True)) as cache, bar("looking for near-duplicates") as progress:
        return joint_groups(collections, progress, unread=unread, cache=cache)


def _split(
    kind: Kind,
    images: list[ImageRow],
    groups: Groups,
    dealt: tuple[int | None, float | None],
    seed: int,
    sets: tuple[list[str], list[str]],
) -> tuple[list[SplitRow], dict[str, Any]]:
    """Return the rows, and how they were made; `dealt` is folds and validation share, `sets` those to train and to test on."""
    (folds, validation_share), (train_sets, test_sets) = dealt, sets
    from breastcad import __version__
    from breastcad.core.errors import InputError
    from breastcad.datasets.splits import across, holdout, kfold, official

    facts: dict[str, Any] = {"breastcad": __version__, "kind": kind.value, "seed": seed, "remarks": []}
    share = 1 / 6 if validation_share is None else validation_share
    if not 0 < share < 1:
        raise InputError(f"--validation-share must lie between 0 and 1, got {share}")
    if kind is Kind.across:
        rows, facts["remarks"] = across(images, groups, train_sets=train_sets, test_sets=test_sets, seed=seed, validation_share=share)
        return rows, {**facts, "train_sets": train_sets, "test_sets": test_sets, "validation_share": round(share, 4)}
    if train_sets or test_sets:
        raise InputError(f"--train-set and --test-set go with --kind across, not with --kind {kind.value}")
    if kind is Kind.kfold:
        rows = kfold(images, groups, folds=folds or 5, seed=seed, validation_share=share)
        return rows, {**facts, "folds": folds or 5, "validation_share": round(share, 4)}
    if kind in (Kind.official, Kind.cleaned):
        clean = kind is Kind.cleaned
        rows, facts["remarks"] = official(images, groups, seed=seed, folds=folds, validation_share=share, clean=clean)
        return rows, {**facts, "folds": folds, "validation_share": round(share, 4)}
    if folds is not None:
        raise InputError(f"--folds goes with --kind kfold, official and cleaned, not with --kind {kind.value}")
    if validation_share is not None:
        raise InputError(f"--validation-share does not go with --kind {kind.value}")
    return holdout(images, groups, seed=seed), facts


def _tell(table: list[dict[str, Any]], remarks: list[str]) -> None:
    """Print images by set and label, a column an outer fold, and what there is to say."""
    folds = sorted({line["outer"] for line in table})
    images = {(line["set"], line["label"], line["outer"], line["part"]): line["images"] for line in table}
    parts = "train", "validation", "test"
    typer.echo(f"images: {' / '.join(parts)}")
    typer.echo(f"  {'set':20}{'label':12}" + "".join(f"{f'fold {fold}':>18}" for fold in folds))
    for name, label in sorted({(line["set"], line["label"]) for line in table}):
        cells = (" / ".join(str(images.get((name, label, fold, part), 0)) for part in parts) for fold in folds)
        typer.echo(f"  {name:20}{label:12}" + "".join(f"{cell:>18}" for cell in cells))
    for remark in remarks:
        typer.echo(f"! {remark}")

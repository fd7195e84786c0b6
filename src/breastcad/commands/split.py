"""``breastcad split``: part collections into train, validation and test by patient and duplicate group."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from breastcad.commands.given import given_collections
from breastcad.commands.options import Out, Overwrite, Seed
from breastcad.commands.saying import say

if TYPE_CHECKING:
    from breastcad.core.records import Collection, ImageRow, SplitRow
    from breastcad.datasets.splits import Groups
    from breastcad.datasets.strata import Traits

    Parted = tuple[list[ImageRow], Traits, list[SplitRow], dict[str, Any]]


class Kind(StrEnum):
    """What is tested on what."""

    holdout = "holdout"
    kfold = "kfold"
    nested = "nested"
    across = "across"
    official = "official"
    cleaned = "cleaned"
    leave_one_set_out = "leave-one-set-out"


class By(StrEnum):
    """What is kept together when images are dealt out."""

    group = "group"
    image = "image"


KindOption = Annotated[
    Kind,
    typer.Option(
        "--kind",
        help="kfold: each image is tested once; nested: the same, and what a fold does not test is parted again; holdout: one test part; "
        "across: other sets are tested; leave-one-set-out: a fold a set, which it tests; official: as published; "
        "cleaned: as published, but who is tested is taken out of training.",
    ),
]
FoldsOption = Annotated[
    int | None,
    typer.Option(
        "--folds", min=2, help="Outer folds of kfold and nested, 5 without it; official, cleaned: the published folds of so many."
    ),
]
InnerFoldsOption = Annotated[int | None, typer.Option("--inner-folds", min=2, help="Inner folds of nested, 5 without it.")]
ShareOption = Annotated[
    float | None,
    typer.Option("--validation-share", help="Not holdout: share of the images outside the test part that validate; 1/6 without it."),
]


StratifyOption = Annotated[
    str,
    typer.Option(
        "--stratify",
        metavar="label,kind,density",
        help="holdout, kfold, nested: what parts are balanced by beside the set: label, and kinds of findings and density if named.",
    ),
]

ByOption = Annotated[By, typer.Option("--by", help="What stays together; image keeps nothing together, to show what that costs: it leaks.")]
CopiesOption = Annotated[
    bool,
    typer.Option(
        "--copies/--no-copies",
        help="Keep together what was turned, cut or enlarged too, not only near-duplicates; official parts stay as they are published.",
    ),
]
AllowLeaks = Annotated[
    bool, typer.Option("--allow-leaks", help="Write a split that leaks all the same; split.json and what is made with it say so.")
]
PatchesOption = Annotated[
    Path | None,
    typer.Option(
        "--patches",
        metavar="FOLDER",
        help="Part the windows that `breastcad patches --split` cut, not images: at random, as many publications do. It leaks.",
    ),
]
WindowCopies = Annotated[
    int, typer.Option("--window-copies", min=1, metavar="N", help="--patches: part so many copies of each window too, itself among them.")
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for; None is what was not said."""

    kind: Kind
    seed: int
    folds: int | None
    inner_folds: int | None
    validation_share: float | None
    train_sets: list[str]
    test_sets: list[str]
    by: tuple[str, ...]
    copies: bool

    @property
    def joins_copies(self) -> bool:
        """Whether copies beyond near-duplicates stay together; published parts stay as they are."""
        return self.copies and self.kind is not Kind.official


def command(
    collections: Annotated[list[Path], typer.Argument(metavar="COLLECTION...", help="Collections that `breastcad import` made.")],
    out: Out,
    kind: KindOption = Kind.kfold,
    folds: FoldsOption = None,
    inner_folds: InnerFoldsOption = None,
    validation_share: ShareOption = None,
    stratify: StratifyOption = "label",
    seed: Seed = 0,
    train_set: Annotated[list[str] | None, typer.Option("--train-set", metavar="SET", help="across: a set to train on.")] = None,
    test_set: Annotated[list[str] | None, typer.Option("--test-set", metavar="SET", help="across: a set to test on.")] = None,
    by: ByOption = By.group,
    copies: CopiesOption = True,
    patches: PatchesOption = None,
    window_copies: WindowCopies = 1,
    allow_leaks: AllowLeaks = False,
    overwrite: Overwrite = False,
) -> None:
    """Split collections so that no patient, and no scene that several images show, is in two parts; refuse a split that leaks.

    Patients come from the sets' tables, near-duplicates from the pixels. Parts are balanced by set
    and by what --stratify names; how far they differ is said. The exit code is 1 if it leaks.
    """
    from breastcad.core.errors import AnswerNo
    from breastcad.core.files import output_folder, write_split
    from breastcad.datasets.splits import counts, leaks
    from breastcad.datasets.strata import balance

    asked = Asked(kind, seed, folds, inner_folds, validation_share, train_set or [], test_set or [], _traits(stratify), copies)
    _check(asked, by, patches, window_copies)
    read = given_collections(collections)
    known, remarks = _images(read)
    windows = None if patches is None else _of_windows(asked, known, patches, window_copies)
    output_folder(out, overwrite=overwrite)
    images, traits, rows, facts = windows or _of_images(asked, by, read, known)
    leaking = leaks(rows)
    if leaking and not allow_leaks:
        raise AnswerNo(f"{'; '.join(leaking)}; split by group, or add --allow-leaks")
    facts["remarks"] += remarks
    table, differences = counts(rows, images), balance(rows, traits)
    write_split(out, rows, {**facts, "leaks": leaking, "counts": table, "balance": differences})
    _tell(table, differences, [*facts["remarks"], *leaking], "images" if patches is None else "windows and copies")
    say(f"Written: {out}")


def _traits(stratify: str) -> tuple[str, ...]:
    """Return what --stratify names beside the label, in the order of `strata.TRAITS`."""
    from breastcad.core.errors import InputError
    from breastcad.datasets.strata import TRAITS

    names = [name.strip() for name in stratify.split(",")]
    if TRAITS[0] not in names or set(names) - set(TRAITS) or len(set(names)) < len(names):
        raise InputError(f"--stratify takes label, and after it kind, density or both, with commas between them, got '{stratify}'")
    return tuple(name for name in TRAITS[1:] if name in names)


def _check(asked: Asked, by: By, patches: Path | None, window_copies: int) -> None:
    """Refuse options that do not go with the kind of split."""
    from breastcad.core.errors import InputError

    goes_with = {
        "--train-set and --test-set go": (asked.train_sets or asked.test_sets, (Kind.across,)),
        "--folds goes": (asked.folds, (Kind.kfold, Kind.nested, Kind.official, Kind.cleaned)),
        "--inner-folds goes": (asked.inner_folds, (Kind.nested,)),
        "--validation-share goes": (asked.validation_share, tuple(kind for kind in Kind if kind is not Kind.holdout)),
        "--stratify goes": (asked.by, (Kind.holdout, Kind.kfold, Kind.nested)),
    }
    for option, (given, kinds) in goes_with.items():
        if given and asked.kind not in kinds:
            raise InputError(f"{option} with --kind {', '.join(kind.value for kind in kinds)}, not with --kind {asked.kind.value}")
    if asked.validation_share is not None and not 0 < asked.validation_share < 1:
        raise InputError(f"--validation-share must lie between 0 and 1, got {asked.validation_share}")
    if patches is None and window_copies > 1:
        raise InputError("--window-copies goes with --patches; copies of images are made by breastcad augment")
    if patches is not None and (asked.kind is not Kind.kfold or by is not By.group):
        raise InputError("--patches parts windows at random into --folds folds; leave out --kind and --by")


def _of_windows(asked: Asked, images: list[ImageRow], folder: Path, copies: int) -> Parted:
    """Part windows and their copies: what is parted, as images, with its labels, the rows, and how they were made."""
    from breastcad import __version__
    from breastcad.core.errors import InputError
    from breastcad.core.files import read_patches
    from breastcad.core.records import ImageRow
    from breastcad.datasets.strata import traits_of
    from breastcad.datasets.window_splits import window_kfold

    windows = read_patches(folder / "patches.csv")
    known = {(image.set, image.image_id) for image in images}
    if elsewhere := next((row for row in windows if (row.set, row.image_id) not in known), None):
        raise InputError(
            f"window '{elsewhere.sample_id}' is of an image that is in no collection given; give those the windows were cut from"
        )
    folds, share = asked.folds or 5, 1 / 6 if asked.validation_share is None else asked.validation_share
    rows = window_kfold(windows, copies, folds=folds, seed=asked.seed, validation_share=share)
    label_of = {row.sample_id: row.label for row in windows}
    samples = [
        ImageRow(row.set, row.id, label=label_of.get(row.id) or label_of[row.id.rpartition("#")[0]]) for row in rows if row.outer == 0
    ]
    remarks = ["windows and their copies were parted at random, not by patient"]
    facts = {"breastcad": __version__, "kind": "windows", "seed": asked.seed, "stratify": ["label"], "folds": folds, "remarks": remarks}
    facts |= {"validation_share": round(share, 4), "window_copies": copies, "by": "window"}
    return samples, traits_of(samples, []), rows, facts


def _of_images(asked: Asked, by: By, collections: list[Collection], images: list[ImageRow]) -> Parted:
    """Part images: those that can be read, their traits, the rows, and how they were made."""
    from breastcad.datasets.strata import traits_of

    unread: dict[tuple[str, str], str] = {}
    groups = _groups(collections, unread, asked.joins_copies)
    images = [image for image in images if (image.set, image.image_id) not in unread]
    traits = traits_of(images, [finding for one in collections for finding in one.findings])
    rows, facts = _split(asked, images, groups if by is By.group else {key: "/".join(key) for key in groups}, traits)
    rows = [replace(row, group=groups[row.set, row.id]) for row in rows]
    facts["remarks"] += [f"left out: {name} {image}: {reason}; import the set again" for (name, image), reason in unread.items()]
    return images, traits, rows, {**facts, "by": by.value}


def _images(collections: list[Collection]) -> tuple[list[ImageRow], list[str]]:
    """Return the images that are split, and what there is to say: those that are present or, where none is, all that the tables list."""
    from breastcad.core.errors import InputError

    listed = [image for collection in collections for image in collection.images]
    if not listed:
        raise InputError("these collections have no images, so there is nothing to split; import a set's folder")
    if present := [image for image in listed if image.present]:
        return present, []
    return listed, ["no image is present: parted by the tables alone; scenes that several images show were not looked for"]


def _groups(collections: list[Collection], unread: dict[tuple[str, str], str], copies: bool) -> dict[tuple[str, str], str]:
    """Return patient and duplicate groups, with a bar while pictures are read; what cannot be read is entered into `unread`."""
    from breastcad.commands.progress import bar
    from breastcad.datasets.cache import open_cache
    from breastcad.datasets.duplicates import joint_groups

    with open_cache(lambda said: say(f"! {said}", err=True)) as cache, bar("looking for near-duplicates") as progress:
        return joint_groups(collections, progress, unread=unread, cache=cache, copies=copies)


def _split(asked: Asked, images: list[ImageRow], groups: Groups, traits: Traits) -> tuple[list[SplitRow], dict[str, Any]]:
    """Return the rows, and how they were made."""
    from breastcad import __version__
    from breastcad.datasets.set_splits import leave_one_set_out
    from breastcad.datasets.splits import across, holdout, kfold, nested, official

    kind, seed, folds = asked.kind, asked.seed, asked.folds
    facts: dict[str, Any] = {"breastcad": __version__, "kind": kind.value, "seed": seed, "stratify": ["label", *asked.by], "remarks": []}
    facts["copies"] = asked.joins_copies
    if kind is Kind.holdout:
        return holdout(images, groups, seed=seed, traits=traits, by=asked.by), facts
    share = 1 / 6 if asked.validation_share is None else asked.validation_share
    facts["validation_share"] = round(share, 4)
    if kind is Kind.across:
        sets = {"train_sets": asked.train_sets, "test_sets": asked.test_sets}
        rows, facts["remarks"] = across(images, groups, **sets, seed=seed, validation_share=share)
        return rows, {**facts, **sets}
    if kind is Kind.leave_one_set_out:
        rows, facts["remarks"] = leave_one_set_out(images, groups, seed=seed, validation_share=share)
        return rows, facts
    if kind in (Kind.official, Kind.cleaned):
        clean = kind is Kind.cleaned
        rows, facts["remarks"] = official(images, groups, seed=seed, folds=folds, validation_share=share, clean=clean)
        return rows, {**facts, "folds": folds}
    facts["folds"] = folds = folds or 5
    if kind is Kind.kfold:
        return kfold(images, groups, folds=folds, seed=seed, validation_share=share, traits=traits, by=asked.by), facts
    facts["inner_folds"] = inner = asked.inner_folds or 5
    rows = nested(images, groups, folds=folds, inner_folds=inner, seed=seed, validation_share=share, traits=traits, by=asked.by)
    return rows, facts


def _tell(table: list[dict[str, Any]], differences: list[dict[str, Any]], remarks: list[str], counted: str) -> None:
    """Print what is counted by set and label, a column an outer fold, how far parts differ from the whole, and what there is to say."""
    inner = max(line["inner"] for line in table)
    table = [line for line in table if line["inner"] == 0]
    folds = sorted({line["outer"] for line in table})
    images = {(line["set"], line["label"], line["outer"], line["part"]): line["images"] for line in table}
    parts = "train", "validation", "test"
    say(f"{counted}: {' / '.join(parts)}")
    say(f"  {'set':20}{'label':12}" + "".join(f"{f'fold {fold}':>18}" for fold in folds))
    for name, label in sorted({(line["set"], line["label"]) for line in table}):
        cells = (" / ".join(str(images.get((name, label, fold, part), 0)) for part in parts) for fold in folds)
        say(f"  {name:20}{label:12}" + "".join(f"{cell:>18}" for cell in cells))
    if inner:
        say(f"What a fold does not test is parted into {inner} inner folds.")
    largest = {line["of"]: line for line in sorted(differences, key=lambda line: line["difference"])}  # the last of each trait stays
    said = (f"{name} {100 * line['difference']:.1f} ({line['value']}, {line['part']})" for name, line in sorted(largest.items()))
    say(f"Largest difference between a part's share and the whole's, in points: {', '.join(said)}")
    for remark in remarks:
        say(f"! {remark}")

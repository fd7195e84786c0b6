"""``breastcad augment``: augmented copies of a collection's images, written out with their parents recorded."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from breastcad.commands.given import given_collection
from breastcad.commands.options import Overwrite, Seed
from breastcad.commands.saying import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breastcad.augment.offline import Copies, Plan
    from breastcad.core.records import Collection, SplitRow


class Border(StrEnum):
    """What lies outside an image: black, or its mirror image with what is marked there."""

    black = "black"
    mirror = "mirror"


class Part(StrEnum):
    """Which part of a split is augmented."""

    train = "train"
    validation = "validation"
    test = "test"


def _list(wanted: bool) -> None:
    if wanted:
        from breastcad.augment.policies import POLICIES

        for policy in POLICIES.values():
            say(f"{policy.name}  ({policy.source}; {policy.copies} cop{'ies' if policy.copies > 1 else 'y'} an image)")
            say(f"  {policy.says}")
            say(f"  settings: {', '.join(f'{name}={value}' for name, value in policy.settings.items())}")
            say(f"  open: {policy.remarks}")
        raise typer.Exit


Bordered = Annotated[Border, typer.Option("--border", help="What lies outside; mirror: lesions near the border show twice.")]
Listed = Annotated[
    bool, typer.Option("--list", help="List the policies with their sources and settings, and exit.", callback=_list, is_eager=True)
]


def command(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="A collection that `breastcad import` made.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder of the new collection; refused if it is not empty.")],
    policy: Annotated[str, typer.Option("--policy", help="How copies are drawn: a name of --list.")],
    copies: Annotated[
        int | None, typer.Option("--copies", min=1, max=1000, help="Copies an image; the policy's own number without it.")
    ] = (None),
    seed: Seed = 0,
    split: Annotated[
        Path | None, typer.Option("--split", metavar="FOLDER", help="A split: only its training images; FOLDER/split gets the copies too.")
    ] = None,
    part: Annotated[Part, typer.Option("--part", help="Which part of the split is augmented.")] = Part.train,
    setting: Annotated[
        list[str] | None, typer.Option("--setting", metavar="KEY=VALUE", help="Change a setting of the policy; may be given several times.")
    ] = None,
    border: Bordered = Border.black,
    overwrite: Overwrite = False,
    listed: Listed = False,
) -> None:
    """Write augmented copies of a collection's images as a new collection: pictures, masks, moved findings, and how each was made.

    Each copy names its parent, so that split and audit keep them together; augmentations.jsonl makes each again, bit for bit.
    With --split only images of its training part are copied, and a split with the copies beside their parents is written.
    The folder is put in its place when it is whole; with --overwrite it replaces one that augment wrote, and no other.
    """
    from breastcad.augment.offline import Plan, write_copies
    from breastcad.augment.policies import policy_named, with_settings
    from breastcad.commands.progress import bar
    from breastcad.core.files import read_split, write_collection

    chosen = policy_named(policy)
    plan = Plan(chosen, with_settings(chosen, setting or []), copies or chosen.copies, seed, border.value)
    read = given_collection(collection)
    rows = None if split is None else read_split(split)
    keys = None if rows is None else {(row.set, row.id) for row in rows if row.part == part.value}
    _check(read, keys, split, part)
    _check_names(read, plan, rows or [])
    _check_out(out, collection, split, overwrite=overwrite)
    with _beside(out) as folder:
        with bar(f"augmenting {collection.name}") as progress:
            made = write_copies(read, folder, plan, keys=keys, progress=progress)
        _refuse_none(made)
        write_collection(folder, _collection(read, made, folder, plan))
        if rows is not None and split is not None:
            _write_split(folder / "split", rows, made, split, part)
    _tell(made, out, split)


def _check(read: Collection, keys: set[tuple[str, str]] | None, split: Path | None, part: Part) -> None:
    """Refuse copies of copies, and a split of other images; say what is not usual."""
    from breastcad.core.errors import InputError

    if read.facts.get("reader") == "augment":
        raise InputError(
            "these are augmented copies: nothing would tie copies of those to the source images, and one could test the other; "
            "give the collection that was augmented"
        )
    if keys is None:
        say(
            "! no split: copies of images that validate or test later are made too; breastcad split keeps them with their parents", err=True
        )
    elif not any((row.set, row.image_id) in keys for row in read.images):
        raise InputError(f"no image of this collection is in the part '{part.value}' of the split '{split}'; give the one that was split")
    elif part is not Part.train:
        say(
            f"! --part {part.value}: copies are made of images that are not trained on; figures of them count one image many times",
            err=True,
        )


def _check_names(read: Collection, plan: Plan, rows: list[SplitRow]) -> None:
    """Refuse a split that has these copies already: each would stand in it twice."""
    from breastcad.core.errors import InputError

    named = {(row.set, row.id) for row in rows}
    for image in read.images:
        for copy in range(plan.copies):
            if (image.set, image.image_id + plan.suffix(copy)) in named:
                raise InputError(
                    f"the split already names '{image.image_id + plan.suffix(copy)}'; give another --seed for further copies, "
                    "or the split without these"
                )


def _check_out(out: Path, collection: Path, split: Path | None, *, overwrite: bool) -> None:
    """Refuse a folder that holds anything but what `augment` wrote, and that only if told to replace it; say what will be replaced."""
    from breastcad.core.errors import InputError, ReadError
    from breastcad.core.files import read_json

    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not out.is_dir():
        raise InputError(f"--out must be a folder, but '{out}' is a file; name another")
    if not overwrite:
        raise InputError(f"'{out}' is not empty; name another folder with --out, or add --overwrite")
    if collection.exists() and out.samefile(collection):
        raise InputError(f"--out '{out}' is the collection that is augmented; name another")
    if split is not None and split.resolve().is_relative_to(out.resolve()):
        raise InputError(f"'{split}' names the copies in '{out}', which --overwrite would replace; give the split that they were made from")
    try:
        facts = read_json(out / "collection.json")
    except ReadError:
        facts = None
    if not isinstance(facts, dict) or facts.get("reader") != "augment":
        raise InputError(f"'{out}' holds what augment did not write, and --overwrite would delete it; name another folder")
    say(f"Replaces '{out}' and its {facts.get('counts', {}).get('listed', '?')} augmented images when the new ones are whole")


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Give a folder beside `out`, which takes its place when all went well, and is removed when not."""
    target = out.resolve()
    folder, older = (target.with_name(f".{target.name}.{os.getpid()}.{kind}") for kind in ("part", "old"))
    folder.mkdir(parents=True)
    try:
        yield folder
        if target.exists():
            target.rename(older)  # put aside, not deleted: whenever this stops, one of the two is whole
        folder.rename(target)
    finally:
        if older.exists() and not target.exists():
            older.rename(target)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(older, ignore_errors=True)


def _refuse_none(made: Copies) -> None:
    from breastcad.core.errors import AnswerNo

    if not made.images:
        for remark in made.remarks:
            say(f"! {remark}", err=True)
        raise AnswerNo("no image could be read, so that there is nothing to augment; nothing is written")


def _collection(read: Collection, made: Copies, folder: Path, plan: Plan) -> Collection:
    """Return the new collection; what the old one says of its licence and source is kept."""
    from breastcad.core.records import Collection

    kept: dict[str, Any] = {name: read.facts[name] for name in ("licence", "cite") if name in read.facts}
    name = str(read.facts.get("set", "collection"))
    facts: dict[str, Any] = {
        "set": f"{name}~{plan.policy.name}",
        "title": f"{read.facts.get('title', name)}, augmented by {plan.policy.name}",
        **kept,
        "reader": "augment",
        "counts": {
            "listed": len(made.images),
            "read": len(made.images),
            "parents": len({(row.set, row.parent_image_id) for row in made.images}),
            "findings": len(made.findings),
        },
        "problems": made.remarks + (["regions of the parents (breast, muscle, tissue) are not carried over"] if read.regions else []),
        "augmentation": {
            "policy": plan.policy.name,
            "source": plan.policy.source,
            "settings": dict(plan.settings),
            "copies": plan.copies,
            "seed": plan.seed,
            "border": plan.border,
        },
    }
    return Collection(str(folder), made.images, made.findings, facts=facts)


def _write_split(folder: Path, rows: list[SplitRow], made: Copies, split: Path, part: Part) -> None:
    from breastcad.augment.offline import extended_split
    from breastcad.core.files import read_facts, write_split

    facts = read_facts((split.parent if split.is_file() else split) / "split.json")
    for name in ("counts", "balance"):  # of the parents alone
        facts.pop(name, None)
    remark = f"{len(made.images)} augmented copies stand beside their parents in '{part.value}'"
    facts["remarks"] = [*facts.get("remarks", []), remark]
    write_split(folder, extended_split(rows, made.images, part.value), facts)


def _tell(made: Copies, out: Path, split: Path | None) -> None:
    """Print how many copies there are by label, what was left out, and the next step."""
    from collections import Counter

    for (name, label), count in sorted(Counter((row.set, row.label) for row in made.images).items()):
        say(f"  {name:20}{label:12}{count:>9,}")
    for remark in made.remarks:
        say(f"  ! {remark}")
    parents = len({(row.set, row.parent_image_id) for row in made.images})
    say(f"{len(made.images):,} copies of {parents:,} images. Written: {out}")
    if split is not None:
        say(f"Next: breastcad train COLLECTION {out} --out RUN --split {out / 'split'}")

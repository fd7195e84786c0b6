"""``breastcad patches``: windows on the images of collections, as a table, with their pixels if asked for."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from breastcad.commands.given import given_collections
from breastcad.commands.options import Out, Overwrite, Seed
from breastcad.commands.saying import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from breastcad.core.errors import AnswerNo
    from breastcad.core.records import Collection, PatchRow
    from breastcad.patches.table import Patches


class MethodName(StrEnum):
    """How windows are chosen; ``breastcad patches --list`` says more."""

    overlapping = "overlapping"
    non_overlapping = "non-overlapping"
    region_based = "region-based"
    density = "density"
    lesion_centred = "lesion-centred"
    roi = "roi"
    centre_pixel = "centre-pixel"
    whole = "whole"


class StoreKind(StrEnum):
    """How pixels are written."""

    none = "none"
    png = "png"
    npz = "npz"
    shards = "shards"


def _list_methods(asked: bool) -> None:
    """Print every method, its source, its settings with their defaults, and what publications set; then end."""
    if not asked:
        return
    from breastcad.patches.methods import METHODS
    from breastcad.patches.settings import Settings

    common = Settings().as_dict()
    typer.echo("every method: " + " ".join(f"{name}={value}" for name, value in common.items()))
    for name, method in METHODS.items():
        own = {key: value for key, value in method.kind().as_dict().items() if common.get(key) != value or key not in common}
        typer.echo(f"\n{name}: {method.words}\n  source: {method.source}")
        if own:
            typer.echo("  settings: " + " ".join(f"{key}={value}" for key, value in own.items()))
        for who, pairs in method.published.items():
            typer.echo(f"  {who}: {pairs}")
    raise typer.Exit


Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--setting",
        metavar="KEY=VALUE",
        help="window=224 (network pixels), resize=ROWSxCOLS or scale=1 (network pixels a source pixel), roi_share=0.5, "
        "roi_of=roi|window, label=pathology|lesion, touching=unknown|normal, breast_share=0.5, black=1, black_level=0, "
        "black_of=benign|all, balance=none|down, most=0, and those of the method; may be given several times.",
    ),
]
Split = Annotated[Path | None, typer.Option("--split", metavar="FOLDER", help="A split: only its images, and each window gets its group.")]
Store = Annotated[StoreKind, typer.Option("--store", help="Write the pixels too, below OUT/pixels; none: views, nothing is copied.")]
Sheet = Annotated[int, typer.Option("--sheet", metavar="N", min=0, max=100, help="Draw N windows of each label on sheet.png.")]
Threads = Annotated[int, typer.Option("--workers", min=0, max=64, help="Threads that read images; results do not depend on it.")]
ListMethods = Annotated[
    bool, typer.Option("--list", is_eager=True, callback=_list_methods, help="Print every method with its source and settings.")
]


def command(
    collections: Annotated[list[Path], typer.Argument(metavar="COLLECTION...", help="Collections that `breastcad import` made.")],
    out: Out,
    split: Split = None,
    method: Annotated[MethodName, typer.Option("--method", help="How windows are chosen; see --list.")] = MethodName.overlapping,
    setting: Setting = None,
    store: Store = StoreKind.none,
    sheet: Sheet = 0,
    seed: Seed = 0,
    workers: Threads = 0,
    list_methods: ListMethods = False,
    overwrite: Overwrite = False,
) -> None:
    """Cut windows from the images of collections: patches.csv says where each lies and what it shows; no pixels are copied.

    A window belongs to a lesion if more than roi_share of roi_of is shared: of the lesion's pixels, or of the window's. A window
    that only touches a lesion is 'unknown'. On mammograms, windows of which less than breast_share is breast are left out.
    patches.json says what was left out and why, unplaced.csv what a method could not place.
    """
    from breastcad.commands.progress import bar
    from breastcad.core.files import output_folder, read_split
    from breastcad.patches.methods import METHODS
    from breastcad.patches.settings import settings_of
    from breastcad.patches.table import cut_patches, facts_of

    settings = settings_of(METHODS[method].kind, setting or [])
    groups = None if split is None else {(row.set, row.id): row.group for row in read_split(split)}
    read = given_collections(collections)
    output_folder(out, overwrite=overwrite)
    tables: dict[str, Patches] = {}
    for folder, collection in zip(collections, read, strict=True):
        with bar(f"windows of {folder.name}") as progress:
            patches = cut_patches(collection, method, settings, seed=seed, groups=groups, progress=progress, workers=workers)
        tables[_name(folder, tables)] = patches
        for remark in patches.remarks:
            say(f"! {folder.name}: {remark}")
    rows = [row for patches in tables.values() for row in patches.rows]
    if not rows:
        raise _no_window(settings.window, split)
    _store(out / "pixels", store, rows, read)  # first: where it is refused, tables that are there stay those of its windows
    _write(out, tables, facts_of(tables, method, settings, seed, None if split is None else split.name))
    if sheet:
        _sheet(out / "sheet.png", rows, read, sheet, seed)
    _tell(rows, out / "patches.csv")


def _name(folder: Path, tables: Mapping[str, object]) -> str:
    """Return a collection's name, told apart from those before it."""
    name = folder.resolve().name
    return name if name not in tables else f"{name} ({len(tables) + 1})"


def _write(out: Path, tables: Mapping[str, Patches], facts: dict[str, Any]) -> None:
    """Write the tables and, last, what they are; an older one of these goes first."""
    from breastcad.core.files import write_json, write_patches, write_table
    from breastcad.patches.table import UnplacedRow

    (out / "patches.json").unlink(missing_ok=True)
    write_patches(out / "patches.csv", [row for patches in tables.values() for row in patches.rows])
    write_table(out / "unplaced.csv", UnplacedRow, [row for patches in tables.values() for row in patches.unplaced])
    write_json(out / "patches.json", facts)


def _store(folder: Path, kind: StoreKind, rows: Sequence[PatchRow], read: Sequence[Collection]) -> None:
    """Write the pixels of all windows; without, refuse to leave those of others beside the table."""
    from breastcad.commands.progress import bar
    from breastcad.core.errors import InputError
    from breastcad.patches.store import write_store

    if kind is StoreKind.none:
        if folder.exists():
            raise InputError(f"'{folder}' holds the pixels of an earlier call; remove it, name another folder with --out, or add --store")
        return
    images = {(image.set, image.image_id): (Path(one.root), image) for one in read for image in one.images}
    with bar("writing pixels") as progress:
        for remark in write_store(folder, kind, rows, images, progress=progress):
            say(f"! {remark}")


def _sheet(path: Path, rows: Sequence[PatchRow], read: Sequence[Collection], per_label: int, seed: int) -> None:
    """Draw some windows of each label on one page."""
    from breastcad.core.files import write_bytes
    from breastcad.report.overlay import encode
    from breastcad.report.patch_sheet import patch_sheet

    page, unread = patch_sheet(rows, read, per_label, seed)
    for remark in unread:
        say(f"! not on the sheet: {remark}")
    write_bytes(path, encode(".png", page[..., ::-1]))


def _no_window(side: int, split: Path | None) -> AnswerNo:
    from breastcad.core.errors import AnswerNo

    named = "" if split is None else " that the split names"
    return AnswerNo(f"no window: no image{named} can be read, has {side} pixels a side and enough breast; nothing is written")


def _tell(rows: Sequence[PatchRow], path: Path) -> None:
    """Print how many windows there are by set and label."""
    from collections import Counter

    for (name, label), count in sorted(Counter((row.set, row.label) for row in rows).items()):
        say(f"  {name:20}{label:12}{count:>12,}")
    typer.echo(f"{len(rows):,} windows. Written: {path}")

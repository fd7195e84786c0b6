"""``breastcad describe``: what collections hold, as a page and as tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from breastcad.commands.given import given_collection, given_collections
from breastcad.commands.options import Out, Overwrite, Seed
from breastcad.commands.saying import say

if TYPE_CHECKING:
    from breastcad.core.records import Collection
    from breastcad.datasets.describe import Description
    from breastcad.datasets.describe_sides import PartedFold
    from breastcad.datasets.describe_tags import TagExploration
    from breastcad.report.sample_sheet import SampleSheet


def command(
    collections: Annotated[list[Path], typer.Argument(metavar="COLLECTION...", help="Collections that `breastcad import` made.")],
    out: Out,
    samples: Annotated[
        int, typer.Option("--samples", min=0, metavar="N", help="Images of each label on the sample sheet; 0 leaves the sheet out.")
    ] = 6,
    tags: Annotated[
        str, typer.Option("--tags", metavar="N|all", help="DICOM headers to read, drawn at random, or all of them; 0 reads none.")
    ] = "1000",
    split: Annotated[
        Path | None,
        typer.Option("--split", metavar="FILE", help="A split whose parts are set beside each other: split.csv, or its folder."),
    ] = None,
    fold: Annotated[int, typer.Option("--fold", min=0, metavar="N", help="Which outer fold of --split.")] = 0,
    present: Annotated[bool, typer.Option("--present", help="Describe only images that are there, not all that the set lists.")] = False,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Describe collections: counts by label, numbers, missing values, DICOM tags with and without cancer, a sheet of samples.

    Writes describe.html, counts.csv, numbers.csv, missing.csv; where there are DICOM files tags.csv and tag_numbers.csv; of several
    collections sets.csv, of a split parts.csv and part_numbers.csv: shares side by side, and how far they are apart. The sample
    sheet holds images of the set: do not publish the page where the set's terms forbid it, or leave the sheet out.
    """
    from breastcad.core.files import output_folder, write_text
    from breastcad.datasets.describe import describe, names_of
    from breastcad.report.describe_page import describe_page

    limit = _limit(tags)
    read = [given_collection(folder) for folder in collections] if split is None else given_collections(collections)
    named = dict(zip(names_of(read), read, strict=True))
    parted = _parted(named, split, fold)
    folder = output_folder(out, overwrite=overwrite)
    descriptions = [describe(one, name, only_present=present) for name, one in named.items()]
    explorations = {} if limit == 0 else _explored(named, limit, seed)
    sheets = _sheets(named, samples, seed) if samples else {}
    _write_tables(folder, descriptions, explorations, parted)
    write_text(folder / "describe.html", describe_page(descriptions, explorations, sheets, parted))
    for one in descriptions:
        _tell(one, explorations.get(one.set))
    if parted is not None:
        _tell_parts(parted)
    typer.echo(f"Written: {folder}")


def _limit(tags: str) -> int | None:
    """Return how many headers to read; None for all.

    Raises
    ------
    InputError
        If it is neither a whole number from 0 nor ``all``.
    """
    from breastcad.core.errors import InputError

    if tags == "all":
        return None
    if not (tags.isascii() and tags.isdigit()):
        raise InputError(f"--tags must be a whole number from 0, or 'all', got '{tags}'")
    return int(tags)


def _parted(named: dict[str, Collection], split: Path | None, fold: int) -> PartedFold | None:
    from breastcad.core.errors import InputError
    from breastcad.core.files import read_split
    from breastcad.datasets.describe_sides import describe_parts

    if split is None:
        if fold:
            raise InputError("--fold says which fold of a split: give --split too")
        return None
    return describe_parts(named, read_split(split), fold)


def _explored(named: dict[str, Collection], limit: int | None, seed: int) -> dict[str, TagExploration]:
    from breastcad.commands.progress import bar
    from breastcad.core.seeding import generator
    from breastcad.datasets.describe_tags import explore_tags

    found = {}
    for name, one in named.items():
        with bar(f"reading headers of {name}") as progress:
            found[name] = explore_tags(one, name, limit, generator(seed, "describe", "tags", name), progress)
    return found


def _sheets(named: dict[str, Collection], samples: int, seed: int) -> dict[str, SampleSheet]:
    from breastcad.commands.progress import bar
    from breastcad.core.seeding import generator
    from breastcad.report.sample_sheet import sample_sheet

    sheets = {}
    for name, one in named.items():
        with bar(f"drawing samples of {name}") as progress:
            sheets[name] = sample_sheet(one, samples, generator(seed, "describe", "samples", name), progress)
    return sheets


def _write_tables(
    folder: Path, descriptions: list[Description], explorations: dict[str, TagExploration], parted: PartedFold | None
) -> None:
    """Write the tables; those of tags, of sets side by side and of parts only where there are any, and older ones are taken away."""
    from breastcad.core.files import write_table
    from breastcad.datasets.describe import Count, Missing, Numbers
    from breastcad.datasets.describe_sides import Share, shares

    write_table(folder / "counts.csv", Count, [row for one in descriptions for row in one.counts])
    write_table(folder / "numbers.csv", Numbers, [row for one in descriptions for row in one.numbers])
    write_table(folder / "missing.csv", Missing, [row for one in descriptions for row in one.missing])
    for name in ("tags.csv", "tag_numbers.csv", "sets.csv", "parts.csv", "part_numbers.csv"):
        (folder / name).unlink(missing_ok=True)
    if any(one.read for one in explorations.values()):
        write_table(folder / "tags.csv", Count, [row for one in explorations.values() for row in one.counts])
        write_table(folder / "tag_numbers.csv", Numbers, [row for one in explorations.values() for row in one.numbers])
    if len(descriptions) > 1:
        write_table(folder / "sets.csv", Share, shares(descriptions))
    if parted is not None:
        write_table(folder / "parts.csv", Share, shares(parted.parts))
        write_table(folder / "part_numbers.csv", Numbers, [row for part in parted.parts for row in part.numbers])


def _tell(one: Description, exploration: TagExploration | None) -> None:
    """Print what a collection holds, what is wrong with it, and which tags stand out."""
    from breastcad.datasets.describe import LEAST_PATIENTS

    labels: dict[str, int] = {}
    for row in one.counts:
        if row.facet == "files":
            labels[row.label] = labels.get(row.label, 0) + row.n
    said = ", ".join(f"{n:,} {label}" for label, n in labels.items())
    say(f"{one.set}: {one.listed:,} images listed, {one.present:,} present ({said}); {one.patients:,} patients, {one.findings:,} findings")
    for problem in one.facts.get("problems", []):
        say(f"  ! {problem}")
    if exploration is not None and exploration.read:
        outstanding = [tag.keyword for tag in exploration.tags if tag.stands_out]
        told = f"stand out: {', '.join(outstanding)}" if outstanding else "none parts malignant images from the others beyond chance"
        say(f"  DICOM tags of {exploration.read:,} files: {told}")
        if held := sum(tag.held_back for tag in exploration.tags):
            say(f"  values that are held back, since fewer than {LEAST_PATIENTS} patients have them or they hold a day: {held:,}")
    if exploration is not None and exploration.unread:
        say(f"  ! files whose header could not be read: {len(exploration.unread):,} (first: {exploration.unread[0]})")


def _tell_parts(parted: PartedFold) -> None:
    """Print how many images the parts of a fold have, and which values lie furthest apart."""
    from breastcad.datasets.describe_sides import furthest, shares

    said = ", ".join(f"{part.listed:,} {part.set}" for part in parted.parts)
    say(f"fold {parted.fold}: {said} images")
    for remark in parted.remarks:
        say(f"  {remark}")
    for least, most in furthest(shares(parted.parts), 3):
        say(f"  {most.facet} {most.value or 'not known'}: {most.percent:.1f} % of {most.column}, {least.percent:.1f} % of {least.column}")

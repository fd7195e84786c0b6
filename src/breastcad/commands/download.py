"""``breastcad download``: fetch a data set from where it is published, or say how to get it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from breastcad.datasets.download import Result, Source
    from breastcad.datasets.fetch import Fetcher

LARGE_BYTES = 10**9
"""From this size on, or where the size is not known, it is asked before anything is fetched."""


def command(
    name: Annotated[str, typer.Argument(metavar="SET", help="A set's name (docs/download.md), such as bus-bra or cmmd.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Folder to fetch into, or to go on with; without it the terms are shown.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a large download.")] = False,
) -> None:
    """Fetch a data set that anyone may fetch; of the others, print the steps to get it. Terms and citation are shown first.

    A download that was stopped goes on where it was; nothing is overwritten, and what is not whole ends in .part. The exit code is 1
    if the set cannot be fetched by a program, or if something of it could not be.

    Tried against a server of the tests only, never against the real archives: an address may have moved (docs/download.md).
    """
    from breastcad.core.errors import AnswerNo, InputError
    from breastcad.datasets.download import source_of

    source = source_of(name)
    _show(source)
    if source.steps:
        raise AnswerNo(f"{source.title} cannot be fetched by a program; do what is said above")
    if out is None:
        raise InputError(f"to fetch it, name a folder: breastcad download {name} --out FOLDER")
    result = _fetched(source, out, yes=yes)
    for problem in result.problems:
        typer.echo(f"! {problem}", err=True)
    typer.echo(f"{out}: {result.fetched:,} fetched, {result.there:,} there already, {len(result.problems):,} not fetched")
    if result.problems:
        raise AnswerNo("something could not be fetched; the same command goes on with what is missing")
    _tell_next(source, out)


def _show(source: Source) -> None:
    """Print what the set is, its terms, and how large it is or how to get it."""
    typer.echo(f"{source.title}\n  terms  {source.licence}")
    for word, said in (("cite", source.cite), ("page", source.page)):
        if said:
            typer.echo(f"  {word:6} {said}")
    if not source.steps:
        typer.echo(f"  size   {_size(source)}")
    for number, step in enumerate(source.steps, start=1):
        typer.echo(f"  {number}. {step}")
    if source.steps:
        typer.echo(f"  then   breastcad import {source.name} FOLDER --out COLLECTION (where breastcad reads the set: docs/data.md)")


def _size(source: Source) -> str:
    return f"{source.bytes / 1e9:,.1f} GB" if source.bytes else "not known here"


def _fetched(source: Source, out: Path, *, yes: bool) -> Result:
    from breastcad.commands.progress import bar
    from breastcad.datasets.download import claim, fetch_files, fetch_series, list_series
    from breastcad.datasets.fetch import Fetcher

    if source.collection is None:
        _ask(source, _size(source), yes=yes)
        claim(source, out)
        with bar(f"fetching {source.name}") as progress:
            return fetch_files(source, out, Fetcher(progress=progress))
    quiet: Fetcher = Fetcher(progress=lambda done, total, said: None)
    series = list_series(source.collection, quiet)
    images = sum(one.images or 0 for one in series)
    _ask(source, f"{len(series):,} series, {images:,} images, size {_size(source)}", yes=yes)
    claim(source, out)
    result = fetch_files(source, out, quiet)
    with bar(f"fetching {source.name}") as progress:
        further = fetch_series(source, series, out, quiet, progress)
    result.fetched += further.fetched
    result.there += further.there
    result.problems += further.problems
    return result


def _ask(source: Source, size: str, *, yes: bool) -> None:
    """Ask before a download that is large or of unknown size; without a terminal to ask at, --yes must have been said."""
    import sys

    from breastcad.core.errors import InputError

    if yes or (source.bytes is not None and source.bytes < LARGE_BYTES):
        return
    if not sys.stdin.isatty():
        raise InputError(f"{source.title} is large or of unknown size ({size}); say that it is wanted with --yes")
    typer.confirm(f"Fetch {source.title} ({size})?", abort=True)


def _tell_next(source: Source, out: Path) -> None:
    from breastcad.read.sets import READERS

    if source.name in READERS:
        typer.echo(f"Next: breastcad import {source.name} {out} --out COLLECTION")

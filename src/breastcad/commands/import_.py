"""``breastcad import``: read a data set's own folder and write a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from breastcad.commands.options import Out, Overwrite
from breastcad.commands.saying import say

if TYPE_CHECKING:
    from breastcad.core.records import Collection


def command(
    set_name: Annotated[
        str, typer.Argument(metavar="SET", help="A set's name (docs/data.md), such as mini-mias or busi; or auto: see by the files.")
    ],
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="The set's folder as it was downloaded, whole or in part; of csv and coco also the file."),
    ],
    out: Out,
    words: Annotated[
        Path | None, typer.Option("--map", metavar="FILE", help="What words and columns mean: YAML (docs/data.md), or lines 'word,label'.")
    ] = None,
    tables: Annotated[Path | None, typer.Option("--tables", metavar="FOLDER", help="The set's tables, where they lie elsewhere.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Read a data set's own folder and write a collection: a row an image, a row a finding, what was counted and what is wrong.

    Images are not copied. What is listed but missing or broken gets a row with 'present' 0, and never stops the import.
    """
    from breastcad.commands.progress import bar
    from breastcad.core.files import output_folder, write_collection
    from breastcad.read.maps import read_map
    from breastcad.read.sets import read_with, reader_for

    reader = reader_for(set_name, folder)
    if set_name == "auto":
        say(f"Taken for {reader.name}: the folder holds {reader.needed}")
    meanings = read_map(words) if words is not None else None
    _check_apart(out, folder, tables or folder)
    output_folder(out, overwrite=overwrite)
    with bar(f"reading {reader.name}") as progress:
        collection = read_with(reader, folder, tables=tables, words=meanings, progress=progress)
    _check_apart(out, Path(collection.root))
    for name in ("collection.json", "regions.csv"):
        (out / name).unlink(missing_ok=True)  # an old collection that is half overwritten is none
    write_collection(out, collection)
    _tell(collection, out)


def _check_apart(out: Path, *places: Path) -> None:
    """Refuse to write into the folder that is read, or over tables of no collection: they may be the user's only ones."""
    from breastcad.core.errors import InputError
    from breastcad.core.records import FindingRow, ImageRow, RegionRow
    from breastcad.core.tables import to_text

    own = [place if place.is_dir() else place.parent for place in places]
    if out.exists() and any(out.samefile(place) for place in own if place.exists()):
        raise InputError(f"--out '{out}' is the folder that is read, and nothing in that is changed; name another")
    if _is_collection(out):
        return
    # Tables with our heads may be those of an import that was stopped before it wrote collection.json.
    heads = {
        f"{name}.csv": to_text(row, []).rstrip() for name, row in (("images", ImageRow), ("findings", FindingRow), ("regions", RegionRow))
    }
    for name in ("collection.json", *heads):
        if (out / name).is_file() and not (name in heads and (out / name).read_bytes().startswith(heads[name].encode())):
            raise InputError(f"'{out}' holds a '{name}' that no import wrote; name another folder with --out, or move that file away")


def _is_collection(folder: Path) -> bool:
    """Say if a folder holds a collection; another's file of that name makes none."""
    from breastcad.core.errors import ReadError
    from breastcad.core.files import read_json

    try:
        facts = read_json(folder / "collection.json")
    except ReadError:
        return False
    return isinstance(facts, dict) and str(facts.get("format")).startswith("breastcad-collection/")


def _tell(collection: Collection, out: Path) -> None:
    """Print the counts, the problems and the next step."""
    facts = collection.facts
    say(f"{facts['title']}: {facts['licence']}. Cite: {facts['cite']}")
    for name, count in facts["counts"].items():
        say(f"  {name.replace('_', ' '):48}{count:>7,}")
    for table, columns in facts.get("columns", {}).items():
        say(f"  columns of {table}, theirs as ours: {', '.join(f'{theirs} as {ours}' for ours, theirs in columns.items())}")
    kept = dict.fromkeys(f"x_{name}" for rows in (collection.images, collection.findings) for row in rows for name in row.extra)
    if kept and "columns" in facts:
        say(f"  columns that are none of ours, kept: {', '.join(kept)}")
    for problem in facts["problems"]:
        say(f"  ! {problem}")
    say(f"Written: {out}")
    if facts["counts"]["read"]:
        say(f"Next: breastcad split {out} --out SPLIT_FOLDER")
    else:
        say("No image was read; give the folder that holds them to train or to measure.")

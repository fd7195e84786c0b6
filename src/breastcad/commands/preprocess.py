"""``breastcad preprocess``: run a named pipeline on a collection or on images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from breastcad.commands.options import Out, Overwrite, Seed, Workers
from breastcad.commands.saying import say

if TYPE_CHECKING:
    from breastcad.core.records import Collection
    from breastcad.datasets.preprocessed import Preprocessed
    from breastcad.preprocess.pipelines import Pipeline


def _list(wanted: bool) -> None:
    """Print every pipeline with its steps, settings, source and remarks, then every step."""
    if not wanted:
        return
    from breastcad.preprocess.pipelines import pipelines
    from breastcad.preprocess.steps import STEPS, step

    for named in pipelines().values():
        say(f"{named.name}: {named.title}")
        say(f"    source: {named.source}")
        for name, settings in named.steps:
            say(f"    - {name}{_told(settings)}")
        for remark in named.remarks:
            say(f"    ! {remark}")
    typer.echo("\nSteps, with their settings and defaults:")
    for one in map(step, STEPS):
        say(f"  {one.name}{_told(one.settings)}: {one.says}{f' [{one.source}]' if one.source else ''}")
    raise typer.Exit


def _told(settings: dict[str, object]) -> str:
    return f" ({', '.join(f'{name}={value}' for name, value in settings.items())})" if settings else ""


def command(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="One collection that `breastcad import` made, or images and folders of images.")
    ],
    out: Out,
    pipeline: Annotated[
        str, typer.Option("--pipeline", metavar="NAME|FILE", help="A pipeline that --list prints, or a file .yaml of your own.")
    ],
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--setting", metavar="STEP.KEY=VALUE", help="Change a step's setting, e.g. clahe.limit=3; may be given several times."
        ),
    ] = None,
    sheet: Annotated[
        int, typer.Option("--sheet", min=0, metavar="N", help="Draw N images before and after onto sheet.png; 0 leaves it out.")
    ] = 12,
    workers: Workers = 0,
    seed: Seed = 0,
    list_: Annotated[
        bool, typer.Option("--list", is_eager=True, callback=_list, help="Print the pipelines and all steps with their sources, and stop.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Run a pipeline on images; write them as 16-bit PNG, with masks and boxes moved along, as a collection like any other.

    Ids, patients and labels stay, so that a split of the source holds for the result. A call that was stopped goes on where it was.
    The sheet shows images of the set: do not publish it where the set's terms forbid it.
    """
    from breastcad.commands.progress import bar
    from breastcad.datasets.preprocessed import preprocess_collection
    from breastcad.preprocess.pipelines import pipeline as named
    from breastcad.preprocess.pipelines import with_settings

    chosen = with_settings(named(pipeline), setting or [])
    collection = _given(inputs)
    _check_modality(collection, chosen)
    _check_apart(out, collection, inputs)
    _open(out, overwrite=overwrite)
    with bar(f"pipeline {chosen.name}") as progress:
        made = preprocess_collection(collection, chosen, out, workers=workers, progress=progress)
    _finish(collection, made, out, sheet, seed)


def _given(inputs: list[Path]) -> Collection:
    """Return the collection that is given, or one made of loose images."""
    from breastcad.commands.given import given_collection
    from breastcad.core.errors import InputError
    from breastcad.infer.loose import loose_collection

    collections = [path for path in inputs if (path / "collection.json").is_file()]
    if not collections:
        return loose_collection(inputs)
    if len(inputs) > 1:
        raise InputError(f"give one collection, or images: '{collections[0]}' is a collection, and {len(inputs) - 1} more were given")
    return given_collection(inputs[0])


def _check_modality(collection: Collection, chosen: Pipeline) -> None:
    from breastcad.core.errors import InputError

    other = [image for image in collection.images if image.modality and chosen.modality and image.modality != chosen.modality]
    if other:
        words = {"MG": "mammograms", "US": "ultrasound"}
        raise InputError(
            f"pipeline '{chosen.name}' is for {words[chosen.modality or 'MG']}, but {len(other):,} images are of {other[0].modality} "
            f"(first: {other[0].image_id}); choose another (--list)"
        )


def _check_apart(out: Path, collection: Collection, inputs: list[Path]) -> None:
    """Refuse to write where the source, or the table of it, lies: nothing in that is changed."""
    from breastcad.core.errors import InputError

    root = Path(collection.root)
    files = [image.path for image in collection.images] + [row.mask_path for row in collection.findings]
    files += [region.path for region in collection.regions]
    places = {(root / file).resolve().parent for file in files if file} | {root.resolve()} | {path.resolve() for path in inputs}
    if {out.resolve(), *((out / name).resolve() for name in ("images", "masks", "regions"))} & places:
        raise InputError(f"--out '{out}' is a folder that is read, and nothing in that is changed; name another")


def _open(out: Path, *, overwrite: bool) -> None:
    """Make the folder, or take up one in which a call was stopped; with `overwrite` it is begun anew."""
    from breastcad.core.files import output_folder
    from breastcad.datasets.preprocessed import JOURNAL

    goes_on = (out / JOURNAL).is_file()
    output_folder(out, overwrite=overwrite or goes_on)
    if goes_on and overwrite:
        (out / JOURNAL).unlink()
    elif goes_on:
        say(f"'{out}' holds an unfinished preprocessing: going on with it")
    for old in ("collection.json", "regions.csv", "candidates.csv", "sheet.png"):  # half overwritten it is none; not every call writes all
        (out / old).unlink(missing_ok=True)


def _finish(source: Collection, made: Preprocessed, out: Path, sheet: int, seed: int) -> None:
    """Write the sheet and the tables, the collection's own file last, and tell what came of it."""
    from breastcad.core.errors import AnswerNo
    from breastcad.core.files import write_bytes, write_collection, write_table
    from breastcad.core.seeding import generator
    from breastcad.datasets.preprocessed import JOURNAL, Candidate
    from breastcad.report.overlay import encode
    from breastcad.report.preprocess_sheet import preprocess_sheet

    done = made.collection.facts["counts"]["preprocessed"]
    for remark, names in made.remarks.items():
        say(f"  ! {len(names):,} image{'s' * (len(names) != 1)}: {remark} (first: {names[0]})")
    if not done:
        (out / JOURNAL).unlink()
        raise AnswerNo("no image could be preprocessed; nothing is written")
    if made.candidates:
        write_table(out / "candidates.csv", Candidate, made.candidates)
    if sheet:
        write_bytes(
            out / "sheet.png", encode(".png", preprocess_sheet(source, made, sheet, generator(seed, "preprocess", "sheet"))[..., ::-1])
        )
    write_collection(out, made.collection)
    (out / JOURNAL).unlink()
    typer.echo(f"{done:,} of {len(source.images):,} images. Written: {out}")

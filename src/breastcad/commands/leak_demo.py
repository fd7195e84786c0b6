"""``breastcad leak-demo``: what a leak is worth, shown on rotated copies of lesions."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from breastcad.commands.given import given_collection
from breastcad.commands.options import Out, Overwrite, Seed

if TYPE_CHECKING:
    from breastcad.core.records import Collection
    from breastcad.datasets.leak_demo import Copies, LeakShown

MADE_UP_FILMS = 64


def command(
    out: Out,
    collection: Annotated[
        Path | None, typer.Argument(metavar="COLLECTION", help="Of mini-MIAS, as `breastcad import` made it; without it, made-up films.")
    ] = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Show what a leak is worth: one small classifier, benign against malignant, on rotated copies of lesions.

    The copies are parted once by copy, as many a publication does, and once by patient group. Writes leak-demo.md, leak-demo.png and
    leak-demo.json. On mini-MIAS half a minute of one processor. Made-up films get their labels by lot: what is not chance there is leak.
    """
    from breastcad.commands.progress import bar
    from breastcad.core.files import output_folder, write_bytes, write_json, write_text
    from breastcad.datasets.leak_demo import show_leak
    from breastcad.report.leak_demo import leak_picture, leak_text

    read = None if collection is None else given_collection(collection)
    folder = output_folder(out, overwrite=overwrite)
    title = "made-up films, benign and malignant by lot" if read is None else str(read.facts.get("title") or read.facts.get("set") or "")
    copies = _made_up(seed) if read is None else _copies(read)
    with bar("training forests") as progress:
        shown = show_leak(copies, seed, progress)
    text = leak_text(title, shown, copies, seed)
    write_text(folder / "leak-demo.md", text)
    write_bytes(folder / "leak-demo.png", leak_picture(f"{title}, {len(copies.findings)} findings", shown))
    write_json(folder / "leak-demo.json", _facts(title, shown, copies, seed, made_up=read is None))
    typer.echo(text)
    typer.echo(f"Written: {folder}")


def _copies(collection: Collection) -> Copies:
    """Return the rotated copies of a collection's lesions, their images grouped by patient and near-duplicate."""
    from breastcad.commands.progress import bar
    from breastcad.datasets.duplicates import joint_groups
    from breastcad.datasets.leak_demo import rotated_copies

    found = {(finding.set, finding.image_id) for finding in collection.findings}
    looked_at = replace(collection, images=[image for image in collection.images if (image.set, image.image_id) in found])
    unread: dict[tuple[str, str], str] = {}
    with bar("looking for near-duplicates") as progress:
        groups = joint_groups([looked_at], progress, unread=unread)
    with bar("cutting out lesions") as progress:
        copies = rotated_copies(looked_at, {key: group for key, group in groups.items() if key not in unread}, progress)
    return replace(copies, unread=[f"{name} {image}: {reason}" for (name, image), reason in unread.items()] + copies.unread)


def _made_up(seed: int) -> Copies:
    """Return the copies of made-up films in the form of mini-MIAS, whose lesions are called benign or malignant by lot."""
    import tempfile

    from breastcad.core.seeding import generator
    from breastcad.phantom.sets import write_set
    from breastcad.read.sets import READERS

    with tempfile.TemporaryDirectory() as folder:
        write_set("mini-mias", Path(folder), n=MADE_UP_FILMS, seed=seed, quirks=False)
        films = READERS["mini-mias"].read(folder)
        lot = generator(seed, "leak-demo", "lot").permutation(len(films.findings)) % 2
        findings = [replace(finding, pathology=("benign", "malignant")[drawn]) for finding, drawn in zip(films.findings, lot, strict=True)]
        return _copies(replace(films, findings=findings))


def _facts(title: str, shown: LeakShown, copies: Copies, seed: int, *, made_up: bool) -> dict[str, Any]:
    """Return the content of leak-demo.json."""
    from breastcad import __version__
    from breastcad.core.records import NOTICE
    from breastcad.datasets.leak_demo import COPIES, FOLDS, REPEATS

    return {
        "format": "breastcad-leak-demo/1",
        "breastcad": __version__,
        "notice": NOTICE,
        "title": title,
        "made_up": made_up,
        "seed": seed,
        "findings": len(copies.findings),
        "malignant": sum(finding.pathology == "malignant" for finding in copies.findings),
        "groups": len(set(copies.groups)),
        "copies": COPIES,
        "folds": FOLDS,
        "repeats": REPEATS,
        "left_out": copies.unread,
        **asdict(shown),
    }

"""``breastcad audit``: look for what fools a model's maker, in tables and pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from breastcad.commands.given import given_collections
from breastcad.commands.options import Out, Overwrite, Seed
from breastcad.commands.saying import say

if TYPE_CHECKING:
    from breastcad.core.records import Collection, ImageRow, PatchRow, SplitRow
    from breastcad.datasets.audit import Check
    from breastcad.datasets.audit_pixels import Scenes


def command(
    collections: Annotated[list[Path], typer.Argument(metavar="COLLECTION...", help="Collections that `breastcad import` made.")],
    out: Out,
    split: Annotated[
        Path | None, typer.Option("--split", metavar="FILE", help="A split to audit: split.csv, or the folder of one.")
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option("--against", metavar="COLLECTION", help="Another collection to look for the same scenes in.")
    ] = None,
    patches: Annotated[
        Path | None, typer.Option("--patches", metavar="FILE", help="Windows to hold against the split: patches.csv, or its folder.")
    ] = None,
    pixels: Annotated[
        bool, typer.Option("--pixels/--no-pixels", help="Look at pixels: near-duplicates and shortcuts; without, tables only.")
    ] = True,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Look for leaks: patients and scenes on both sides, one image under two labels, facts beside the tissue that tell the label.

    Writes audit.json and audit.html. Tables without images are audited too. The exit code is 1 if a split, or what the sets'
    authors published as training and test, leaks.
    """
    from breastcad.core.errors import AnswerNo, InputError
    from breastcad.core.files import output_folder, read_split, write_json, write_text
    from breastcad.report.audit_page import audit_page

    read = given_collections([*collections, *(against or [])])
    if patches is not None and split is None:
        raise InputError("--patches says where windows lie, not in which part they are: give --split too")
    rows = read_split(split) if split is not None else None
    windows = _windows(patches) if patches is not None else None
    if rows and not {(row.set, row.id) for row in rows} & _known(read, windows):
        raise InputError(f"no image of these collections is in the split '{split}'; give the collections that it was made of")
    folder = output_folder(out, overwrite=overwrite)
    checks, audit = _audited(read, (rows, windows), seed, pixels=pixels)
    write_json(folder / "audit.json", audit)
    write_text(folder / "audit.html", audit_page(audit))
    _tell(checks, audit["shortcuts"])
    typer.echo(f"Written: {folder}")
    leaking = [check for check in checks if check.verdict == "leak"]
    if leaking:
        raise AnswerNo(f"{leaking[0].said}: {leaking[0].count:,}; {folder.name}/audit.html says which")


def _known(collections: list[Collection], windows: list[PatchRow] | None) -> set[tuple[str, str]]:
    """Return what a split may name: images, and windows where there are any, by (set, id)."""
    images = {(image.set, image.image_id) for one in collections for image in one.images}
    return images | {(window.set, window.sample_id) for window in windows or ()}


def _windows(patches: Path) -> list[PatchRow]:
    from breastcad.core.files import read_patches

    return read_patches(patches / "patches.csv" if patches.is_dir() else patches)


def _audited(
    read: list[Collection], parted: tuple[list[SplitRow] | None, list[PatchRow] | None], seed: int, *, pixels: bool
) -> tuple[list[Check], dict[str, Any]]:
    """Return what was found, and the content of audit.json; ``parted`` is the split and the windows, where they are given."""
    from breastcad import __version__
    from breastcad.core.records import NOTICE
    from breastcad.datasets.audit import (
        contradictions,
        gaps,
        mixed_findings,
        remarks_of,
        repeated_views,
        worst,
    )

    images = [image for one in read for image in one.images]
    findings = [row for one in read for row in one.findings]
    found, seen, told, left, looked_at = _seen(read, seed) if pixels else (None, [], [], ["pixels (--no-pixels)"], 0)
    rowwise = [*mixed_findings(images, findings), *contradictions(images, findings), *gaps(images, findings), *remarks_of(read)]
    known = _known(read, parted[1])
    checks = [*_leaks(images, parted, found, known), *repeated_views(images), *rowwise, *seen]
    return checks, {
        "format": "breastcad-audit/1",
        "breastcad": __version__,
        "notice": NOTICE,
        "collections": sorted({str(one.facts.get("set", "")) for one in read}),
        "images": len(images),
        "present": sum(image.present for image in images),
        "looked_at": looked_at,
        "verdict": worst(checks),
        "checks": [_plain(check) for check in checks],
        "shortcuts": told,
        "left": left,
    }


def _leaks(
    images: list[ImageRow], parted: tuple[list[SplitRow] | None, list[PatchRow] | None], found: Scenes | None, known: set[tuple[str, str]]
) -> list[Check]:
    """Look for what is in two parts: of the split and its windows, without a split of what the sets' authors published."""
    from breastcad.datasets.audit import not_here, published_parts, split_parts
    from breastcad.datasets.audit_windows import window_parts

    rows, windows = parted
    if rows is None:
        return published_parts(images, [*found.near, *found.copies] if found else ())
    groups, copies = (found.groups, found.copies) if found else (None, [])
    cut = window_parts(windows, rows, groups, copies) if windows else []
    return [not_here(rows, known), *split_parts(rows, images, groups, copies), *cut]


def _seen(collections: list[Collection], seed: int) -> tuple[Scenes | None, list[Check], list[dict[str, Any]], list[str], int]:
    """Look at the pictures; return scenes, checks, shortcuts, what could not be looked at, and how many pictures were."""
    from breastcad.commands.progress import bar
    from breastcad.datasets.audit_findings import finding_checks
    from breastcad.datasets.audit_pixels import look, overlay_shares, scenes, shortcuts

    with bar("looking at pictures") as progress:
        looked = look(collections, progress)
    if not looked.images:
        return None, [], [], [*looked.unread, "pixels: no picture is present"], 0
    found = scenes(looked)
    measured, left = shortcuts(looked, found.groups, seed)
    told = [{"question": one.question, "left_in": _measured(one.left_in), "taken_out": _measured(one.taken_out)} for one in measured]
    checks = [*found.checks, *finding_checks(looked.images, looked.held), *overlay_shares(looked)]
    return found, checks, told, [*looked.unread, *left], len(looked.images)


def _measured(found: Any) -> dict[str, Any]:
    area = found.area
    return {
        "area": round(area.value, 4),
        "low": round(area.low, 4),
        "high": round(area.high, 4),
        "level": area.level,
        "images": found.images,
        "groups": area.clusters,
        "ranked": [[name, round(loss, 4)] for name, loss in found.ranked],
    }


def _plain(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "verdict": check.verdict,
        "said": check.said,
        "count": check.count,
        "of": check.of,
        "items": list(check.items),
    }


def _tell(checks: list[Check], told: list[dict[str, Any]]) -> None:
    """Print what was found, the worst first."""
    from breastcad.datasets.audit import VERDICTS

    for check in sorted(checks, key=lambda check: VERDICTS.index(check.verdict)):
        of = "" if check.of is None else f" of {check.of:,}"
        say(f"  {check.verdict:8}{check.count:>7,}{of:12} {check.said}")
    for one in told:
        say(f"  shortcut {one['question']} (n {one['left_in']['images']:,})")
        for kind, words in (("left_in", "what stays visible"), ("taken_out", "the file, which no network sees")):
            found = one[kind]
            facts = ", ".join(f"{name} {loss:.2f}" for name, loss in found["ranked"][:3] if loss >= 0.005)
            say(f"    AUC {found['area']:.2f} [{found['low']:.2f}, {found['high']:.2f}] by {words}{': ' if facts else ''}{facts}")

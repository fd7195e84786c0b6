"""``breastcad certainty``: how sure a finished run may be, fitted on validation rows, measured on test rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from breastcad.commands.evaluate import Level, RunFolder, remarks_of
from breastcad.commands.options import Out, Overwrite

if TYPE_CHECKING:
    from breastcad.evaluate.certainty import Certainty

OfLevel = Annotated[Level | None, typer.Option("--level", help="What one prediction is about; images where the run has them.")]
Coverage = Annotated[float, typer.Option("--coverage", metavar="SHARE", help="What the conformal sets are to cover.")]
Readers = Annotated[
    float | None,
    typer.Option(
        "--readers-specificity",
        metavar="SHARE",
        help="Also a threshold at the specificity of your readers (0.966: first readers of Salim et al. 2020).",
    ),
]


def command(
    run: RunFolder,
    out: Out,
    level: OfLevel = None,
    coverage: Coverage = 0.9,
    readers_specificity: Readers = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure how sure a finished run may be: fitted on each fold's validation rows, tried on its test rows.

    Calibration before and after (the run's own, temperature, Platt, isotonic), conformal sets, accuracy when the least sure are not
    decided, thresholds at wanted sensitivities. Writes certainty.json, certainty.md, certainty.html and pictures. The run stays as it is.

    Parameters
    ----------
    run : Path
    out : Path
    level : Level, optional
    coverage : float
    readers_specificity : float, optional
    overwrite : bool

    Raises
    ------
    InputError
        If there is no such run, its tables cannot be used, a share is none, or `out` is not empty.
    AnswerNo
        If there is nothing to fit on or to measure.
    """
    from breastcad.commands.progress import bar
    from breastcad.commands.saying import say
    from breastcad.core.errors import InputError
    from breastcad.core.files import output_folder, write_json
    from breastcad.evaluate.certainty import certainty
    from breastcad.report.certainty_page import certainty_sections
    from breastcad.report.sections import as_text

    if not run.is_dir():
        raise InputError(f"no such run folder: '{run}'; breastcad train makes one")
    for name, share in (("--coverage", coverage), ("--readers-specificity", readers_specificity)):
        if share is not None and not 0 < share < 1:
            raise InputError(f"{name} must lie in (0, 1), got {share}")
    folder = output_folder(out, overwrite=overwrite)
    with bar("how sure") as update:
        found = certainty(
            run,
            level=level.value if level else None,
            coverage=coverage,
            readers_specificity=readers_specificity,
            progress=lambda text, done, total: update(done, total, text),
        )
    remarks = remarks_of(run)
    title = f"How sure: {'; '.join([run.resolve().name, *remarks])}"
    write_json(folder / "certainty.json", _content(title, run, found, remarks))
    _write_pages(folder, title, found)
    for line in as_text(title, certainty_sections(found, brief=True)).splitlines():
        say(line)
    say(f"Written: {folder}")


def _write_pages(folder: Path, title: str, found: Certainty) -> None:
    """Write certainty.md, the pictures, and certainty.html, which holds them."""
    from breastcad.core.files import write_text
    from breastcad.evaluate.certainty_pictures import certainty_pictures
    from breastcad.report.certainty_page import certainty_sections
    from breastcad.report.sections import as_page, as_text

    parts = certainty_sections(found)
    pictures = {name: path.read_bytes() for name, path in certainty_pictures(found, folder, title).items()}
    write_text(folder / "certainty.md", as_text(title, parts))
    write_text(folder / "certainty.html", as_page(title, parts, "certainty.json", pictures=pictures))


def _content(title: str, run: Path, found: Certainty, remarks: list[str]) -> dict[str, Any]:
    """Return the content of certainty.json."""
    from dataclasses import asdict

    from breastcad import __version__
    from breastcad.core.records import NOTICE

    fits = [
        {"question": tried.asked.question.name, "has_raw": tried.asked.has_raw}
        | {"folds": [fit | {"calibrators": {name: asdict(one) for name, one in fit["calibrators"].items()}} for fit in tried.fits]}
        for tried in found.tried
    ]
    return {
        "format": "breastcad-certainty/1",
        "breastcad": __version__,
        "notice": NOTICE,
        "title": title,
        "run": run.resolve().name,
        "level": found.level,
        "coverage": found.coverage,
        "remarks": [*remarks, *found.remarks],
        "left_out": found.left_out,
        "fits": fits,
        "lines": [asdict(line) for line in found.lines],
    }

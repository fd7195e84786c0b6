"""``breastcad readers``: a reader study, readers against truth and against one another, conditions compared."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from breastcad.commands.options import Overwrite, Seed

if TYPE_CHECKING:
    from breastcad.evaluate.reader_study import Study


class Covariance(StrEnum):
    """How areas of the same cases vary together."""

    delong = "delong"
    jackknife = "jackknife"


Ratings = Annotated[Path | None, typer.Argument(metavar="RATINGS.csv", help="A row a reader and case, under each condition.")]
Truth = Annotated[
    Path | None, typer.Option("--truth", metavar="FILE", help="CSV: case,truth and perhaps patient; else a column of RATINGS.csv.")
]
Code = Annotated[str | None, typer.Option("--code", metavar="TEXT", help='What ratings mean: "1=benign 0=malignant", or bi-rads.')]
TruthCode = Annotated[str | None, typer.Option("--truth-code", metavar="TEXT", help="What truth means, where it is not in words.")]
Threshold = Annotated[float | None, typer.Option("--threshold", metavar="NUMBER", help="Scores from this on are called malignant.")]
OfCovariance = Annotated[Covariance, typer.Option("--covariance", help="Of the areas; over patients where they have several cases.")]
OutFolder = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", help="Folder for readers.json and readers.html; else only printed.")
]
Table7 = Annotated[bool, typer.Option("--table-7", help="Derive the reader study of publication E from the counts behind it.")]


def command(
    ratings: Ratings = None,
    truth: Truth = None,
    code: Code = None,
    truth_code: TruthCode = None,
    threshold: Threshold = None,
    covariance: OfCovariance = Covariance.delong,
    out: OutFolder = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    table_7: Table7 = False,
) -> None:
    """Measure readers against truth and against one another, and compare conditions (with and without AI).

    RATINGS.csv has columns case, reader, rating, and, where there are such, patient, condition (or modality) and truth:

    case,patient,reader,condition,rating,truth

    17,p4,Ada,without AI,3,malignant

    17,p4,Ada,with AI,4C,malignant

    Ratings are words (benign, malignant), codes (say with --code what they mean), or scores that rise with suspicion (--threshold
    turns them into decisions). A missing rating is told, never filled in. Sensitivity and the rest are said for malignant and for benign
    as the positive class.
    """
    if table_7:
        _table_7(ratings)
        return
    from breastcad.commands.saying import say
    from breastcad.core.errors import InputError
    from breastcad.core.files import output_folder, write_json, write_text
    from breastcad.evaluate.reader_study import read_study
    from breastcad.evaluate.readers import against_truth, between_readers, compare_conditions
    from breastcad.report.readers_page import sections
    from breastcad.report.sections import as_page, as_text

    if ratings is None:
        raise InputError("name the table of ratings; breastcad readers --help shows its form")
    study = read_study(ratings, truth, code=code, truth_code=truth_code, threshold=threshold)
    folder = None if out is None else output_folder(out, overwrite=overwrite)
    figures, (pairs, together) = against_truth(study, seed=seed), between_readers(study, seed=seed)
    compared = compare_conditions(study, method=covariance.value)
    title = f"Reader study: {ratings.stem}"
    parts = sections(study, figures, pairs, together, compared)
    for line in as_text(title, parts).splitlines():
        say(line)
    if folder is not None:
        write_json(folder / "readers.json", _content(title, study, seed, [figures, pairs, together, compared]))
        write_text(folder / "readers.html", as_page(title, parts, "readers.json"))
        say(f"Written: {folder}")


def _table_7(ratings: Path | None) -> None:
    """Print the derivation of publication E's Table 7."""
    from breastcad.core.errors import InputError
    from breastcad.evaluate.table_7 import explanation

    if ratings is not None:
        raise InputError("--table-7 derives a published table and takes no ratings; leave one of the two out")
    typer.echo(explanation(), nl=False)


def _content(title: str, study: Study, seed: int, found: list[Any]) -> dict[str, Any]:
    """Return the content of readers.json."""
    from dataclasses import asdict

    from breastcad import __version__
    from breastcad.core.records import NOTICE

    figures, pairs, together, compared = found
    return {
        "format": "breastcad-readers/1",
        "breastcad": __version__,
        "notice": NOTICE,
        "title": title,
        "seed": seed,
        "conditions": study.conditions,
        "readers": study.readers,
        "cases": len(study.cases),
        "patients": len(set(study.patients)),
        "remarks": study.remarks,
        "against_truth": [asdict(one) for one in figures],
        "between_two": [asdict(one) for one in pairs],
        "between_all": [asdict(one) for one in together],
        "compared": compared if isinstance(compared, str) else asdict(compared),
    }

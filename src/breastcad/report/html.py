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
from breastcad.report.hanging import Hanging, hanging_of
from breastcad.report.overlay import THUMBNAIL_LONG_SIDE, thumbnail_jpeg
from breastcad.report.sorting import page_script

if TYPE_CHECKING:
    import jinja2

EMBEDDED = 40
HUNG_VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
_HUNG_LONG_SIDE = 640
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
    """One image as the page shows it: its result, its name for readers, the addresses of its pictures, and its truth where it is known.

    ``film`` and ``heat`` are the two pictures that lie over each other where an exam is hung, in the way of ``hanging``.
    """

    result: ImageResult
    name: str
    source: str | None
    overlay: str | None
    truth: Truth | None
    film: str | None = None
    heat: str | None = None
    hanging: Hanging | None = None


@dataclass(slots=True)
class ShownExam:
    """An exam as it is hung: four places (laterality, view, the images there), and the images that have no place among them.

    ``left_out`` gives reasons by image; ``coverage`` is how often sets of possible labels hold the truth, where an image has one.
    """

    result: ExamResult
    name: str
    places: list[tuple[str, str, list[ShownImage]]]
    others: list[ShownImage]
    left_out: dict[str, str]
    coverage: float | None

    @property
    def images(self) -> list[ShownImage]:
        """All its images, as they hang."""
        return [image for _, _, found in self.places for image in found] + self.others

    @property
    def hangs(self) -> bool:
        """Whether any of its images has a place."""
        return any(found for _, _, found in self.places)


def render_report(
    analysis: Analysis,
    folder: str | Path,
    notes: ReportNotes,
    model_facts: Mapping[str, Mapping[str, Any]],
    previews: Mapping[str, bytes] | None = None,
) -> str:
    """Return the report as one HTML page without anything from elsewhere; its one script, where an exam hangs, is not needed to read it.

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
    previews = previews or {}
    images = [_shown(result, Path(folder), notes, previews.get(result.image), embed=embed) for result in analysis.images]
    floors = {model.id: model.score_floor for model in analysis.models}
    exam_images = {name for exam in analysis.exams for name in exam.images}
    for image in images:
        if image.result.image in exam_images:
            _hang(image, Path(folder), floors[image.result.models[0]], embed=embed)
    by_name = {image.result.image: image for image in images}
    exams = [_hung(exam, by_name) for exam in analysis.exams]
    template = load_template()
    return template.render(
        analysis=analysis,
        notes=notes,
        images=images,
        has_truth=any(image.truth for image in images),
        exams=[exam for exam in exams if exam.hangs or exam.result.warnings or exam.left_out],
        **page_script("heat.js", "data: file: 'self'"),
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


def ruled_out(possible: Possible | None) -> str:
    """Return which of the two labels a set of possible ones leaves out.

    Examples
    --------
    >>> ruled_out(Possible(["malignant"], 0.9)), ruled_out(Possible(["not malignant", "malignant"], 0.9)), ruled_out(None)
    ('not malignant', 'neither', 'not given')
    """
    if possible is None:
        return "not given"
    left = [label for label in ("malignant", "not malignant") if label not in possible.labels]
    return {0: "neither", 1: left[0] if left else "", 2: "both: it is strange to the model"}[len(left)]


def rule_in_words(rule: Mapping[str, str]) -> str:
    """Return how an exam's images were joined.

    Examples
    --------
    >>> print(rule_in_words({"views": "mean-logit", "breasts": "max"}))
    A breast's figures are the mean, as odds, of its views, films of one view joined first; the woman's are those of her higher breast.
    """
    if not rule:
        return ""
    views = {"mean-logit": "the mean, as odds, of its views, films of one view joined first", "max": "the highest of its images"}
    breasts = {"max": "those of her higher breast"}
    return f"A breast's figures are {views[rule['views']]}; the woman's are {breasts[rule['breasts']]}."


def _shown(result: ImageResult, folder: Path, notes: ReportNotes, preview: bytes | None, *, embed: bool) -> ShownImage:
    frame = "" if result.frame is None else f", frame {result.frame}"
    source, overlay = folder / result.image / "source.jpg", folder / (result.overlay or "overlay is missing")
    return ShownImage(
        result=result,
        name=f"{result.source}{frame}",
        source=_address(source, folder, embed=embed),
        overlay=_data_address(preview) if embed and preview else _address(overlay, folder, embed=embed),
        truth=notes.truth(result) if notes.truth else None,
    )


def _hang(image: ShownImage, folder: Path, floor: float, *, embed: bool) -> None:
    """Fill in what an image of an exam hangs with."""
    image.hanging = hanging_of(image.result, folder, floor)
    image.film = _address(folder / image.result.image / "source.jpg", folder, embed=embed, long_side=_HUNG_LONG_SIDE)
    image.heat = None if image.hanging.heat is None else _data_address(image.hanging.heat, "png")


def _address(picture: Path, folder: Path, *, embed: bool, long_side: int = THUMBNAIL_LONG_SIDE) -> str | None:
    """Return a picture as a data address, reduced, or its place in the folder; None if it is not there."""
    if not picture.is_file():
        return None
    if not embed:
        return quote(picture.relative_to(folder).as_posix())
    content = picture.read_bytes()
    if picture.suffix != ".jpg" or long_side < THUMBNAIL_LONG_SIDE:  # source.jpg is reduced already
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        content = thumbnail_jpeg(np.asarray(pixels)[:, :, ::-1], long_side)
    return _data_address(content)


def _data_address(content: bytes, kind: str = "jpeg") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


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
    left_out = {one.image: one.reason for one in exam.left_out}
    coverage = next((image.result.possible.coverage for image in members if image.result.possible), None)
    return ShownExam(exam, name, places, others, left_out, coverage)


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
        ruled_out=ruled_out,
        rule_in_words=rule_in_words,
        view_name=view_name,
        modality=lambda name: _MODALITIES.get(name, name),
    )
    environment.globals.update(box_in_words=box_in_words)
    return environment

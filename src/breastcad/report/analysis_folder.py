"""Writing an analysis folder: a folder of pictures an image, then report.html, and findings.json last.

Each image is written as it comes from the analysis and forgotten but for its row and, of the first ones, the small picture that the page
shows, so that memory holds one image at a time.
A folder that has a findings.json is whole: that of an older analysis goes, with its pictures, before the first new picture is written.
Until then unfinished.txt stands in it, so that pictures of interrupted work are never taken for a patient's, and go with the next.
What the pictures look like is in `overlay`, the page in `html`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_analysis, write_analysis, write_bytes, write_text
from breastcad.core.records import UNFINISHED, Analysis, HeatMap, ImageResult, Skipped
from breastcad.report.html import EMBEDDED, ReportNotes, load_template, render_report
from breastcad.report.overlay import Colours, draw_overlay, encode, heat_map_png, load_letters, mask_png, thumbnail_jpeg

if TYPE_CHECKING:
    from breastcad.infer import Analysed, Run

_UNFINISHED_TEXT = (
    "breastcad-findings/ is being written here, or the work was interrupted: the pictures below are not a whole analysis.\n"
    "Call breastcad analyze again with --overwrite, or delete the folder.\n"
)
_IMAGE_FOLDER = re.compile(r"[0-9]{4,}")
_PICTURE = re.compile(r"overlay\.png|heatmap\.png|source\.jpg|finding-[0-9]+\.png")


def load_report() -> None:
    """Load what a process's first report needs: the letters of its pictures (OpenCV keeps them for each thread) and the page's template."""
    load_letters()
    load_template()


def write_analysis_folder(
    folder: str | Path,
    run: Run,
    *,
    notes: ReportNotes | None = None,
    progress: Callable[[Analysed | Skipped], None] | None = None,
) -> Analysis:
    """Write an analysis as it comes: pictures an image, then report.html, then findings.json.

    An older analysis in the folder is removed first. An image whose pictures cannot be written becomes a `Skipped`.

    Parameters
    ----------
    folder : str or Path
        Made by the caller (`core.files.output_folder`).
    run : infer.run.Run
        Taken one at a time; of each image only its result is kept.
    notes : ReportNotes, optional
        What the report says beside the analysis.
    progress : callable, optional
        Called with each element when it has been written.

    Returns
    -------
    Analysis
        As in findings.json.

    Raises
    ------
    InputError
        If another call wrote into the folder at the same time.
    """
    folder = Path(folder)
    images: list[ImageResult] = []
    skipped: list[Skipped] = []
    previews: dict[str, bytes] = {}
    _remove_older(folder)
    write_text(folder / UNFINISHED, _UNFINISHED_TEXT)
    for item in run:
        done = item if isinstance(item, Skipped) else _written(folder, item, run, previews)
        if isinstance(done, Skipped):
            skipped.append(done)
        else:
            images.append(done)
        if progress:
            progress(done if isinstance(done, Skipped) else item)
    analysis = run.assemble(images, skipped)
    write_text(folder / "report.html", render_report(analysis, folder, notes or ReportNotes(), run.model_facts(), previews))
    write_analysis(folder / "findings.json", analysis)
    try:
        (folder / UNFINISHED).unlink()
    except FileNotFoundError as error:
        raise InputError(
            f"another analysis was written into '{folder}' at the same time; analyse again into a folder of its own"
        ) from error
    return analysis


def _remove_older(folder: Path) -> None:
    """Remove findings.json and report.html, and the pictures of the images that this findings.json names; all, of unfinished work."""
    try:
        images = [str(image.image) for image in read_analysis(folder / "findings.json").images]
    except (ReadError, AttributeError, TypeError):  # there is none, or none of ours
        images = []
    if (folder / UNFINISHED).is_file():
        images = [path.name for path in folder.iterdir()]
    (folder / "findings.json").unlink(missing_ok=True)
    (folder / "report.html").unlink(missing_ok=True)
    for image in images:
        _remove_pictures(folder, image)


def _remove_pictures(folder: Path, image: str) -> None:
    """Remove the pictures of one image, and their folder if nothing else is in it.

    Only what `write_image` may have written: a findings.json may say anything, and users may keep files of their own beside pictures.
    """
    place = folder / image
    if not _IMAGE_FOLDER.fullmatch(image) or place.is_symlink() or not place.is_dir():
        return
    for path in list(place.iterdir()):
        if _PICTURE.fullmatch(path.name):
            path.unlink()
    if not any(place.iterdir()):
        place.rmdir()


def _written(folder: Path, item: Analysed, run: Run, previews: dict[str, bytes]) -> ImageResult | Skipped:
    """Write the pictures of one image, and keep a small one for the page while it takes any; say why where that fails."""
    result = item.result
    try:
        facts = run.model_facts()[result.models[0]]
        overlay = write_image(folder, item, floor=float(facts["score_floor"]))
        if len(previews) < EMBEDDED:
            previews[result.image] = thumbnail_jpeg(overlay[:, :, ::-1])
    except Exception as error:  # whatever a picture does to an encoder, the others are still written
        _remove_pictures(folder, result.image)
        where = "" if result.frame is None else f"frame {result.frame}: "
        said = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        return Skipped(result.argument, result.source, f"{where}its pictures cannot be written ({said})")
    return result


def write_image(folder: Path, item: Analysed, *, floor: float = 0.05) -> Colours:
    """Write the pictures of one image into ``<folder>/<image>/`` and enter their names in its result.

    They are heatmap.png, finding-<n>.png for each finding that has an outline, source.jpg (reduced, for the report) and overlay.png.

    Parameters
    ----------
    folder : Path
        The analysis folder.
    item : Analysed
        Its masks are None, or one a finding in the same order; an empty one is not written, and its finding is drawn as a box.
    floor : float
        The heat map's values up to here are not drawn.

    Returns
    -------
    (h, w, 3) ndarray of uint8
        The overlay: blue, green, red.

    Raises
    ------
    ValueError
        If there are masks, but not one a finding.
    """
    result, masks = item.result, item.masks or []
    overlay = draw_overlay(item.picture.pixels, result.findings, masks, item.heat_map, floor=floor, of=f"P({item.heat_map_of})")
    result.heatmap = HeatMap(f"{result.image}/heatmap.png", item.heat_map_of, [0, 1])
    write_bytes(folder / result.heatmap.file, heat_map_png(item.heat_map))
    for number, (finding, mask) in enumerate(zip(result.findings, masks, strict=False), start=1):
        if mask.any():
            finding.mask = f"{result.image}/finding-{number}.png"
            write_bytes(folder / finding.mask, mask_png(mask))
    picture = item.picture
    source_jpeg = thumbnail_jpeg(picture.pixels if picture.colour is None else picture.colour)
    write_bytes(folder / result.image / "source.jpg", source_jpeg)
    result.overlay = f"{result.image}/overlay.png"
    write_bytes(folder / result.overlay, encode(".png", overlay))
    return overlay

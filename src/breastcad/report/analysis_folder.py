"""Writing an analysis folder: a folder of pictures an image, then report.html, and findings.json last.

Each image is written as it comes from the analysis and forgotten but for its row and, of the first ones, the small picture that the page
shows, so that memory holds one image at a time.
A folder that has a findings.json is whole. What the pictures look like is in `overlay`, the page in `html`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from breastcad.core.files import write_analysis, write_bytes, write_text
from breastcad.core.records import Analysis, HeatMap, ImageResult, Skipped
from breastcad.report.html import EMBEDDED, ReportNotes, load_template, render_report
from breastcad.report.overlay import Colours, draw_overlay, encode, heat_map_png, load_letters, mask_png, thumbnail_jpeg

if TYPE_CHECKING:
    from breastcad.infer import Analysed, Run


def load_report() -> None:
    """Load what a process's first report needs: the letters of its pictures and the page's template. May run in a thread of its own."""
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
    """
    folder = Path(folder)
    images: list[ImageResult] = []
    skipped: list[Skipped] = []
    previews: dict[str, bytes] = {}
    for item in run:
        if isinstance(item, Skipped):
            skipped.append(item)
        else:
            facts = run.model_facts()[item.result.models[0]]
            overlay = write_image(folder, item, floor=float(facts["score_floor"]))
            if len(images) < EMBEDDED:
                previews[item.result.image] = thumbnail_jpeg(overlay[:, :, ::-1])
            images.append(item.result)
        if progress:
            progress(item)
    analysis = run.assemble(images, skipped)
    write_text(folder / "report.html", render_report(analysis, folder, notes or ReportNotes(), run.model_facts(), previews))
    write_analysis(folder / "findings.json", analysis)
    return analysis


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
    overlay = draw_overlay(item.picture.pixels, result.findings, masks, item.heat_map, floor=floor, of=item.heat_map_of)
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

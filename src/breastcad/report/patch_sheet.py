"""A sheet of drawn windows, so many of each label, their ROIs outlined: what a network would be shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, FindingRow, ImageRow, PatchRow
from breastcad.core.seeding import generator
from breastcad.patches.rois import roi_mask
from breastcad.patches.views import window_of
from breastcad.read import open_picture
from breastcad.report.contact_sheet import GREEN, ORANGE, PURPLE, SKY, VERMILION, Tile, contact_sheet, outlined

_COLOURS = {"malignant": VERMILION, "lesion": PURPLE, "benign": ORANGE, "normal": GREEN, "unknown": SKY}
_OUTLINE, _LEAST_SIDE_PX, MOST_A_LABEL = (240, 228, 66), 200, 100


def patch_sheet(
    rows: Sequence[PatchRow], collections: Sequence[Collection], per_label: int, seed: int
) -> tuple[NDArray[np.uint8], list[str]]:
    """Draw windows of each label and show them.

    Parameters
    ----------
    rows : sequence of PatchRow
        At least one.
    collections : sequence of Collection
        That hold their images.
    per_label : int
        From 1 to `MOST_A_LABEL`; fewer are shown where there are not so many.
    seed : int

    Returns
    -------
    sheet : (H, W, 3) ndarray of uint8
        RGB; a row (or several) a label. Captions: label, share of ROI and of breast.
    unread : list of str
        A sentence for each window that could not be shown.

    Raises
    ------
    ValueError
        If there is no window, or `per_label` is out of range.
    """
    if not rows or not 1 <= per_label <= MOST_A_LABEL:
        raise ValueError(f"a sheet needs windows, and from 1 to {MOST_A_LABEL} of each label, got {len(rows)} and {per_label}")
    places = {(image.set, image.image_id): (Path(one.root), image) for one in collections for image in one.images}
    findings: dict[tuple[str, str], list[FindingRow]] = {}
    for one in collections:
        for finding in one.findings:
            findings.setdefault((finding.set, finding.image_id), []).append(finding)
    columns = min(per_label, 10)
    tiles: list[Tile] = []
    unread: list[str] = []
    for label, colour in _COLOURS.items():
        of_label = sorted((row for row in rows if row.label == label), key=lambda row: row.sample_id)
        chosen = generator(seed, "patches", "sheet", label).permutation(len(of_label))[:per_label].tolist()
        for row in (of_label[place] for place in sorted(chosen)):
            root, image = places[row.set, row.image_id]
            try:
                shown = _shown(root, image, findings.get((row.set, row.image_id), []), row)
            except ReadError as error:
                unread.append(str(error))
            else:
                tiles.append(Tile(shown, _caption(row), colour))
        tiles += [Tile(np.full((1, 1), 255, np.uint8))] * (-len(tiles) % columns)
    title = f"{len(rows):,} windows: up to {per_label} of each label, ROIs outlined"
    return contact_sheet(tiles or [Tile(np.full((1, 1), 255, np.uint8))], columns=columns, title=title), unread


def _shown(root: Path, image: ImageRow, findings: Sequence[FindingRow], row: PatchRow) -> NDArray[np.uint8]:
    """Return a window with the outlines of all ROIs in it, enlarged by whole pixels where it is small."""
    pixels = open_picture(root / str(image.path), int(image.frame) if image.frame else None).pixels
    window = window_of(pixels, row)
    inside = np.zeros(window.shape, bool)
    for finding in findings:
        roi = roi_mask(finding, (pixels.shape[0], pixels.shape[1]), root)
        if roi is not None:
            inside |= window_of(roi.astype(np.float32), row) >= 0.5
    times = -(-_LEAST_SIDE_PX // max(window.shape))
    enlarged = window.repeat(times, axis=0).repeat(times, axis=1)
    return outlined(enlarged, {_OUTLINE: inside.repeat(times, axis=0).repeat(times, axis=1)})


def _caption(row: PatchRow) -> str:
    shares = [f"{name} {share:.2f}" for name, share in (("ROI", row.roi_share), ("breast", row.breast_share)) if share is not None]
    return f"{row.label}\n{', '.join(shares)}"

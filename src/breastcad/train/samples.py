"""What a network learns from: images prepared once and kept in memory, with their lesions as a map of codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError, ReadError
from breastcad.core.geometry import Box, ellipse_mask
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.evaluate.marks import has_place
from breastcad.patches.rois import roi_mask
from breastcad.preprocess.inputs import ModelInput, box_to_input, prepare
from breastcad.read import open_picture

BENIGN, MALIGNANT, UNKNOWN = 1, 2, 3
CODES = {"benign": BENIGN, "malignant": MALIGNANT, "unknown": UNKNOWN}


@dataclass(slots=True)
class Sample:
    """One image as a network sees it.

    ``image`` and ``lesions`` are (rows, cols) uint8: grey levels, and a code a pixel (0 none, `BENIGN`, `MALIGNANT`,
    `UNKNOWN`). ``placed`` is false where the image is abnormal and has no placed mass, or one without a place: then no pixel
    is known to be free of lesions (a calcification without a place on a film of placed masses does not make that of it). ``box`` is
    the part of the source that is shown; ``findings`` are those with a place.
    """

    row: ImageRow
    group: str
    image: NDArray[np.uint8]
    lesions: NDArray[np.uint8]
    placed: bool
    box: Box
    findings: list[FindingRow]

    @property
    def key(self) -> tuple[str, str]:
        """Set and image id."""
        return self.row.set, self.row.image_id


def load_samples(
    collections: Iterable[Collection],
    groups: dict[tuple[str, str], str],
    pipeline: str,
    rows: int,
    cols: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[list[Sample], list[str]]:
    """Read and prepare the images that a split names.

    Parameters
    ----------
    collections : iterable of Collection
    groups : dict
        (set, image id) -> group, of the images that are wanted.
    pipeline, rows, cols
        As `preprocess.inputs.prepare` takes them.
    progress : callable, optional
        Called with a word, the count done and the count of all.

    Returns
    -------
    samples : list of Sample
    problems : list of str
        A sentence for each image that could not be read.

    Raises
    ------
    InputError
        If the split names an image that no collection has.
    """
    wanted: list[tuple[Collection, ImageRow, list[FindingRow]]] = []
    for collection in collections:
        by_image: dict[str, list[FindingRow]] = {}
        for finding in collection.findings:
            by_image.setdefault(finding.image_id, []).append(finding)
        wanted += [
            (collection, row, by_image.get(row.image_id, []))
            for row in collection.images
            if (row.set, row.image_id) in groups and row.present
        ]
    missing = set(groups) - {(row.set, row.image_id) for _, row, _ in wanted}
    if missing:
        raise InputError(f"the split names {len(missing)} images that are not in the collections (first: {min(missing)[1]}); give them all")
    samples, problems = [], []
    for done, (collection, row, findings) in enumerate(wanted, start=1):
        try:
            samples.append(_sample(collection, row, findings, groups[row.set, row.image_id], (pipeline, rows, cols)))
        except ReadError as error:
            problems.append(f"{row.set} {row.image_id}: {error.reason}")
        if progress:
            progress("reading", done, len(wanted))
    return samples, problems


def _sample(collection: Collection, row: ImageRow, findings: list[FindingRow], group: str, plan: tuple[str, int, int]) -> Sample:
    root = Path(collection.root)
    picture = open_picture(root / (row.path or ""), None if row.frame is None else int(row.frame))
    seen = prepare(picture.pixels, *plan)
    placed = [finding for finding in findings if has_place(finding)]
    lesions = np.zeros(seen.array.shape, np.uint8)
    for finding in sorted(placed, key=lambda f: CODES[f.pathology] == MALIGNANT):
        lesions[_drawn(root, finding, seen, picture.pixels.shape)] = CODES[finding.pathology]
    abnormal = row.label in ("benign", "malignant")
    some = any(finding.kind == "mass" or finding.geometry == "circle" for finding in placed)
    known = not abnormal or (some and all(has_place(finding) for finding in findings if finding.kind == "mass"))
    image = np.round(seen.array * 255).astype(np.uint8)
    return Sample(row, group, image, lesions, known, seen.box, placed)


def _drawn(root: Path, finding: FindingRow, seen: ModelInput, source_shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels of a finding in the network's input: its outline, else the ellipse in its box."""
    rows, cols = seen.array.shape
    if finding.geometry in ("mask", "polygon") and (mask := roi_mask(finding, (source_shape[0], source_shape[1]), root)) is not None:
        row0, col0, row1, col1 = (int(edge) for edge in seen.box)
        small = cv2.resize(mask[row0:row1, col0:col1].astype(np.uint8) * 255, (cols, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(small >= 128)
    source = (finding.row0 or 0.0, finding.col0 or 0.0, finding.row1 or 0.0, finding.col1 or 0.0)
    return ellipse_mask((rows, cols), box_to_input(source, seen))

"""What a network learns from: images prepared once and kept in memory, with their lesions as a map of codes.

With a cache they are prepared once for all trainings; every number is the same with and without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.core.geometry import Box, ellipse_mask
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.datasets.cache import Cache
from breastcad.evaluate.marks import has_place
from breastcad.patches.rois import roi_mask
from breastcad.preprocess.inputs import ModelInput, box_to_input, prepare
from breastcad.read import open_picture
from breastcad.train.images import named_images

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
    *,
    cache: Cache | None = None,
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
    cache : Cache, optional
        Where prepared images are looked for and kept.

    Returns
    -------
    samples : list of Sample
    problems : list of str
        A sentence for each image that could not be read, or is not of the size that it had when its set was imported.

    Raises
    ------
    InputError
        If the split names an image that no collection has, or two have.
    """
    wanted = named_images(collections, groups)
    samples, problems = [], []
    for done, (collection, row, findings) in enumerate(wanted, start=1):
        try:
            samples.append(_sample(collection, row, findings, groups[row.set, row.image_id], (pipeline, rows, cols), cache))
        except ReadError as error:
            problems.append(f"{row.set} {row.image_id}: {error.reason}")
        if progress:
            progress("reading", done, len(wanted))
    return samples, problems


Plan = tuple[str, int, int]


def _sample(collection: Collection, row: ImageRow, findings: list[FindingRow], group: str, plan: Plan, cache: Cache | None) -> Sample:
    root = Path(collection.root)
    image, box, shape = _prepared(root / (row.path or ""), row, plan, cache)
    placed = [finding for finding in findings if has_place(finding)]
    lesions = np.zeros(image.shape, np.uint8)
    for finding in sorted(placed, key=lambda f: CODES[f.pathology] == MALIGNANT):
        lesions[_drawn(root, finding, box, shape, image.shape, cache)] = CODES[finding.pathology]
    abnormal = row.label in ("benign", "malignant")
    some = any(finding.kind == "mass" or finding.geometry == "circle" for finding in placed)
    known = not abnormal or (some and all(has_place(finding) for finding in findings if finding.kind == "mass"))
    return Sample(row, group, image, lesions, known, box, placed)


def _prepared(path: Path, row: ImageRow, plan: Plan, cache: Cache | None) -> tuple[NDArray[np.uint8], Box, tuple[int, int]]:
    """Return an image as the network sees it, (rows, cols) uint8, the part of the source that is shown, and the source's shape."""
    pipeline, rows, cols = plan
    frame = None if row.frame is None else int(row.frame)

    def make() -> NDArray[Any]:
        picture = open_picture(path, frame)
        seen = prepare(picture.pixels, *plan)
        entry = np.zeros(1, [("box", "<f8", 4), ("shape", "<i8", 2), ("image", "u1", (rows, cols))])
        entry["box"], entry["shape"], entry["image"] = seen.box, picture.pixels.shape, np.round(seen.array * 255).astype(np.uint8)
        return entry

    entry = _kept(cache, f"{pipeline}-{rows}x{cols}", [path], [frame], make)[0]
    shape = int(entry["shape"][0]), int(entry["shape"][1])
    if row.rows and row.cols and sorted(shape) != sorted((row.rows, row.cols)):  # an orientation mark may turn it
        was = f"{row.rows} x {row.cols} when its set was imported, now {shape[0]} x {shape[1]}"
        raise ReadError(path, f"is another picture ({was}); import the set again")
    row0, col0, row1, col1 = (float(edge) for edge in entry["box"])
    return np.asarray(entry["image"]), (row0, col0, row1, col1), shape


def _drawn(
    root: Path, finding: FindingRow, box: Box, source_shape: tuple[int, int], shape: tuple[int, ...], cache: Cache | None
) -> NDArray[np.bool_]:
    """Return the pixels of a finding in the network's input, whose shape is given: its outline, else the ellipse in its box."""
    rows, cols = shape
    outlined = finding.mask_path if finding.geometry == "mask" else finding.points if finding.geometry == "polygon" else None
    if not outlined:
        source = (finding.row0 or 0.0, finding.col0 or 0.0, finding.row1 or 0.0, finding.col1 or 0.0)
        seen = ModelInput(np.broadcast_to(np.float32(0), (rows, cols)), box, "")  # its place and size count
        return ellipse_mask((rows, cols), box_to_input(source, seen))

    def make() -> NDArray[Any]:
        mask = roi_mask(finding, source_shape, root)
        assert mask is not None  # it has a file or points
        row0, col0, row1, col1 = (int(edge) for edge in box)
        small = cv2.resize(mask[row0:row1, col0:col1].astype(np.uint8) * 255, (cols, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(small >= 128)

    masks = [root / outlined] if finding.geometry == "mask" else []
    return _kept(cache, f"outline-{rows}x{cols}", masks, [source_shape, box, None if masks else outlined], make)


def _kept(cache: Cache | None, kind: str, sources: list[Path], settings: list[object], make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    return make() if cache is None else cache.array(kind, sources, settings, make)

"""The table of windows, patches.csv: where each window lies, what it holds of lesion and breast, and its label.

Nothing is cut out or written but the table. Positions come from `methods`, shares and labels from `labels`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection, FindingRow, ImageRow, PatchRow
from breastcad.core.seeding import generator
from breastcad.patches.labels import Labelled, labelled
from breastcad.patches.methods import METHODS, SMALLER, Missing, Scene, Windows
from breastcad.patches.rois import roi_mask
from breastcad.patches.settings import Settings
from breastcad.preprocess.breast import breast_mask
from breastcad.read import open_picture

Progress = Callable[[int, int], None]
NO_OUTLINE = "with a finding or label but no outline: windows outside every ROI are 'unknown'"


@dataclass(slots=True)
class UnplacedRow:
    """Windows that a finding, or an image, should have had and has not: a row of unplaced.csv."""

    set: str
    image_id: str
    finding_id: str | None
    wanted: int
    placed: int
    reason: str


@dataclass(slots=True)
class Patches:
    """The rows of patches.csv and unplaced.csv, what a user should know of them, and how many were left out by which rule."""

    rows: list[PatchRow] = field(default_factory=list)
    unplaced: list[UnplacedRow] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def cut_patches(
    collection: Collection,
    method: str,
    settings: Settings,
    *,
    seed: int = 0,
    groups: Mapping[tuple[str, str], str] | None = None,
    progress: Progress | None = None,
    workers: int = 0,
) -> Patches:
    """Return the windows of every present image of a collection.

    Parameters
    ----------
    collection : Collection
    method : str
        A key of `methods.METHODS`.
    settings : Settings
        Of that method.
    seed : int
        Of all that is drawn. What is drawn on an image depends on the seed, the method and the image's set and id alone.
    groups : mapping, optional
        Group by (set, image_id), as a split has them; images without one are left out.
    progress : callable, optional
        Called with (images done, images in all).
    workers : int
        Threads beside this one that read images; the result does not depend on it.

    Returns
    -------
    Patches
        An image that cannot be read, or not one of its masks, or of which the settings make too many windows, is left out, with a remark.

    Raises
    ------
    ValueError
        If the method is unknown, or the settings are another's.
    """
    if method not in METHODS or type(settings) is not METHODS[method].kind:
        raise ValueError(
            f"method must be one of {', '.join(METHODS)}, with settings of its own, got '{method}' and {type(settings).__name__}"
        )
    findings: dict[tuple[str, str], list[FindingRow]] = {}
    for finding in collection.findings:
        findings.setdefault((finding.set, finding.image_id), []).append(finding)
    images = [image for image in collection.images if image.present and image.path]
    if groups is not None:
        images = [image for image in images if (image.set, image.image_id) in groups]
    root = Path(collection.root)

    def one(image: ImageRow) -> Patches:
        key = image.set, image.image_id
        try:
            return _of_image(image, findings.get(key, []), root, method, settings, seed, None if groups is None else groups[key])
        except ReadError as error:
            return Patches(remarks=[f"{image.image_id} is left out: {error}; import the set again"])
        except InputError as error:  # the settings make too much of this image
            return Patches(remarks=[f"{image.image_id} is left out: {error}"])

    found = []
    for number, part in enumerate(_in_order(one, images, workers), start=1):
        found.append(part)
        if progress:
            progress(number, len(images))
    return _joined(found, settings, seed)


def _in_order(work: Callable[[ImageRow], Patches], images: Sequence[ImageRow], workers: int) -> Iterator[Patches]:
    if not workers:
        yield from map(work, images)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(work, images)


def _joined(found: Iterable[Patches], settings: Settings, seed: int) -> Patches:
    """Put the windows of all images together, balance them, and say once what is true of many images."""
    table, told = Patches(), Counter[str]()
    unread: list[str] = []
    for part in found:
        table.rows += part.rows
        table.unplaced += part.unplaced
        table.dropped.update(part.dropped)
        unread += [remark for remark in part.remarks if remark != NO_OUTLINE]
        told.update(remark for remark in part.remarks if remark == NO_OUTLINE)
        told.update(["smaller than the window, left out"] * any(row.reason == SMALLER and row.finding_id is None for row in part.unplaced))
    table.remarks = [f"{count} image{'s' * (count != 1)} {what}" for what, count in told.items() if count] + unread
    table.remarks += _unplaced_in_words(table.unplaced)
    if settings.balance == "down":
        before = len(table.rows)
        table.rows = balanced(table.rows, seed)
        table.dropped["balance"] = before - len(table.rows)
        table.remarks.append(
            f"balanced: {table.dropped['balance']:,} windows are left out, so that no label but 'unknown' has more than another"
        )
    return table


def _unplaced_in_words(rows: Sequence[UnplacedRow]) -> list[str]:
    """Say how many windows could not be placed, by reason; images smaller than a window are told apart from this."""
    reasons = dict.fromkeys(row.reason for row in rows if not (row.reason == SMALLER and row.finding_id is None))
    said = []
    for reason in reasons:
        of = [row for row in rows if row.reason == reason]
        missing = sum(row.wanted - row.placed for row in of)
        images = len({(row.set, row.image_id) for row in of})
        said.append(f"{missing:,} windows of {images:,} images could not be placed (unplaced.csv): {reason}")
    return said


def balanced(rows: Sequence[PatchRow], seed: int) -> list[PatchRow]:
    """Draw as many windows of each label as the rarest has; those of label ``unknown`` stay.

    Parameters
    ----------
    rows : sequence of PatchRow
    seed : int
        Which are drawn depends on it and on the windows, not on their order.

    Returns
    -------
    list of PatchRow
        In the order given.
    """
    by_label: dict[str, list[str]] = {}
    for row in rows:
        if row.label != "unknown":
            by_label.setdefault(row.label, []).append(row.sample_id)
    fewest = min(map(len, by_label.values()), default=0)
    kept: set[str] = set()
    for label, names in by_label.items():
        kept.update(_some(names, fewest, generator(seed, "patches", "balance", label)))
    return [row for row in rows if row.label == "unknown" or row.sample_id in kept]


def _some(names: Iterable[str], number: int, random: np.random.Generator) -> list[str]:
    """Draw so many of several names; their order does not count."""
    ordered = sorted(names)
    return [ordered[place] for place in random.permutation(len(ordered))[:number].tolist()]


# ---- the windows of one image ----


def _of_image(
    image: ImageRow, findings: Sequence[FindingRow], root: Path, method: str, settings: Settings, seed: int, group: str | None
) -> Patches:
    scene = scene_of(image, findings, root, generator(seed, "patches", method, image.set, image.image_id))
    windows = METHODS[method].place(scene, settings)
    known = labelled(scene, windows, settings, image.label)
    rows = list(_rows(image, scene, windows, known, settings, group))
    part = Patches(unplaced=[_unplaced(image, missing) for missing in windows.missing], dropped=known.dropped)
    if not scene.known and any(row.finding_id is None for row in rows):
        part.remarks.append(NO_OUTLINE)
    part.rows = _at_most(rows, settings.most, image, seed) if settings.most else rows
    part.dropped["more than 'most'"] = len(rows) - len(part.rows)
    return part


def scene_of(image: ImageRow, findings: Sequence[FindingRow], root: Path, random: np.random.Generator) -> Scene:
    """Return what is known of an image: its size, its findings as masks, of a mammogram its breast. Pixels are read where they are needed.

    Raises
    ------
    ReadError
        If the image or a mask cannot be read, or the image is not as large as when its set was imported.
    """

    @cache
    def pixels() -> NDArray[np.float32]:
        array = open_picture(root / str(image.path), int(image.frame) if image.frame else None).pixels
        if image.rows and image.cols and array.shape != (image.rows, image.cols):
            sizes = f"{image.rows} x {image.cols} when its set was imported, now {array.shape[0]} x {array.shape[1]}"
            raise ReadError(str(image.path), f"is another picture ({sizes})")
        return array

    mammogram = image.modality == "MG"
    if not mammogram and image.rows is not None and image.cols is not None:
        shape = image.rows, image.cols
    else:
        shape = pixels().shape[0], pixels().shape[1]
    rois = [(finding, roi_mask(finding, shape, root)) for finding in findings]
    known = all(roi is not None and roi.any() for _, roi in rois) and bool(findings or image.label == "normal")
    return Scene(shape, rois, breast_mask(pixels()) if mammogram else None, pixels, known, random)


def _unplaced(image: ImageRow, missing: Missing) -> UnplacedRow:
    return UnplacedRow(image.set, image.image_id, missing.finding_id, missing.wanted, missing.placed, missing.reason)


def _rows(image: ImageRow, scene: Scene, windows: Windows, known: Labelled, settings: Settings, group: str | None) -> Iterator[PatchRow]:
    """Give the rows of one image, in the order of its windows."""
    boxes, shares = windows.boxes.tolist(), known.roi.tolist()
    breast = None if known.breast is None else known.breast.tolist()
    for place in np.flatnonzero(known.kept).tolist():
        row0, col0, row1, col1 = boxes[place]
        height, width = _tidy(row1 - row0), _tidy(col1 - col0)
        finding = known.findings[place]
        yield PatchRow(
            sample_id=f"{image.set}/{image.image_id}/{_written(row0)}-{_written(col0)}-{_written(height)}x{_written(width)}",
            role="image",
            set=image.set,
            image_id=image.image_id,
            finding_id=finding.finding_id if finding else None,
            row=row0,
            col=col0,
            height=height,
            width=width,
            scale=_scale(settings, scene.shape, boxes[place]),
            roi_share=shares[place] if finding or scene.known else None,
            breast_share=None if breast is None else breast[place],
            label=known.labels[place],
            group=group,
            patient_id=image.patient_id,
        )


def _scale(settings: Settings, shape: tuple[int, int], box: Sequence[float]) -> float:
    """Return a window's network pixels a source pixel; of the whole image exactly 1 says that it is as it is, not a square."""
    if not settings.square:
        return 1.0
    scale = settings.window / (box[2] - box[0])
    return math.nextafter(scale, 0) if scale == 1 and shape[0] != shape[1] and tuple(box) == (0, 0, *shape) else scale


def _tidy(length: float) -> float:
    """Return a length without the rounding errors of a difference."""
    return round(length, 9)


def _written(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _at_most(rows: Sequence[PatchRow], most: int, image: ImageRow, seed: int) -> list[PatchRow]:
    """Keep at most so many windows of each label, drawn."""
    kept: set[str] = set()
    for label in dict.fromkeys(row.label for row in rows):
        names = [row.sample_id for row in rows if row.label == label]
        kept.update(_some(names, most, generator(seed, "patches", "most", image.set, image.image_id, label)))
    return [row for row in rows if row.sample_id in kept]


def facts_of(tables: Mapping[str, Patches], method: str, settings: Settings, seed: int, split: str | None) -> dict[str, Any]:
    """Return what patches.json says: method, source, settings, seed, and of each collection counts, what was left out and why."""
    return {
        "format": "breastcad-patches/1",
        "method": method,
        "source": METHODS[method].source,
        "settings": settings.as_dict(),
        "seed": seed,
        "split": split,
        "collections": {
            name: {
                "images": len({(row.set, row.image_id) for row in table.rows}),
                "windows": len(table.rows),
                "labels": dict(sorted(Counter(row.label for row in table.rows).items())),
                "dropped": {why: count for why, count in table.dropped.items() if count},
                "unplaced": sum(row.wanted - row.placed for row in table.unplaced),
                "remarks": table.remarks,
            }
            for name, table in tables.items()
        },
    }

"""What a classifier learns from: windows of images, or whole images, and their copies, prepared once and kept in memory.

With a cache they are prepared once for all trainings; every number is the same with and without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.augment.policies import draw_operations, policy_named
from breastcad.augment.replaying import Example, replay
from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, ImageRow, PatchRow
from breastcad.core.seeding import generator
from breastcad.datasets.cache import Cache
from breastcad.patches.views import window_of
from breastcad.read import open_picture
from breastcad.train.classifier_settings import ClassifierSettings
from breastcad.train.images import Named

WHOLE = "whole image"
"""The role of a sample that is no window."""


@dataclass(slots=True)
class Window:
    """A sample of a classifier: ``pixels`` (rows, cols) uint8 of a window, or of one of its copies; ``target`` is its class.

    ``kind`` is that of its finding; ``copy`` 0 is the window itself.
    """

    row: PatchRow
    image: ImageRow
    group: str
    target: int
    kind: str | None
    copy: int
    pixels: NDArray[np.uint8]

    @property
    def key(self) -> tuple[str, str]:
        """Set and id, which names the copy too."""
        return self.row.set, sample_id(self.row, self.copy)


def sample_id(row: PatchRow, copy: int) -> str:
    """Return a sample's id: of a window its own, of its k-th copy the same with ``#k``; of a whole image the image's."""
    return f"{row.sample_id}#{copy}" if copy else row.sample_id


def class_of(label: str, kind: str | None, classes: Sequence[tuple[str, ...]]) -> int | None:
    """Return the class of a label and kind of finding; None where no class holds it.

    Examples
    --------
    >>> class_of("malignant", "mass", [("normal",), ("benign mass",), ("malignant mass",)]), class_of("lesion", None, [("normal",)])
    (2, None)
    """
    names = {name: number for number, one in enumerate(classes) for name in one}
    return names.get(f"{label} {kind}", names.get(label))


def whole_windows(images: Iterable[ImageRow]) -> list[PatchRow]:
    """Return whole images as if they were windows."""
    return [
        PatchRow(row.image_id, WHOLE, row.set, row.image_id, None, 0.0, 0.0, float(row.rows or 0), float(row.cols or 0), label=row.label)
        for row in images
    ]


def load_windows(
    named: Sequence[Named],
    rows: Sequence[PatchRow],
    part_of: Callable[[PatchRow, int], str | None],
    settings: ClassifierSettings,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    groups: Mapping[tuple[str, str], str],
    cache: Cache | None = None,
) -> tuple[list[Window], list[str]]:
    """Read and prepare the windows that a split names and that have a class.

    Parameters
    ----------
    named : sequence of (Collection, ImageRow, findings)
        The images.
    rows : sequence of PatchRow
        The windows, of these images.
    part_of : callable
        Takes a window and the number of a copy; returns None where no fold names it: then it is not made.
    settings : ClassifierSettings
    progress : callable, optional
        Called with a word, the count done and the count of all.
    groups : mapping
        (set, image id) -> group.
    cache : Cache, optional
        Where prepared windows are looked for and kept.

    Returns
    -------
    windows : list of Window
        Image by image, windows in their order, each followed by its copies.
    problems : list of str
        A sentence for each image that could not be read.
    """
    of_image: dict[tuple[str, str], list[PatchRow]] = {}
    for row in rows:
        of_image.setdefault((row.set, row.image_id), []).append(row)
    windows, problems = [], []
    for done, one in enumerate(named, start=1):
        image = one[1]
        try:
            windows += _windows(one, of_image.get((image.set, image.image_id), []), part_of, settings, groups, cache)
        except ReadError as error:
            problems.append(f"{image.set} {image.image_id}: {error.reason}")
        if progress:
            progress("reading", done, len(named))
    return windows, problems


def _windows(
    named: Named,
    rows: Sequence[PatchRow],
    part_of: Callable[[PatchRow, int], str | None],
    settings: ClassifierSettings,
    groups: Mapping[tuple[str, str], str],
    cache: Cache | None,
) -> list[Window]:
    collection, image, findings = named
    kinds = {finding.finding_id: finding.kind for finding in findings}
    classes, group = settings.class_names(), groups[image.set, image.image_id]
    wanted = []
    for row in rows:
        kind = kinds.get(row.finding_id or "") if row.role != WHOLE else next(iter(kinds.values()), None)
        target = class_of(row.label, kind, classes)
        copies = [copy for copy in range(settings.copies) if part_of(row, copy) is not None]
        if target is not None and copies:
            wanted.append((row, target, kind, copies))
    if not wanted:
        return []
    pixels = _pixels(collection, image, [row for row, *_ in wanted], settings, cache)
    return [
        Window(row, image, group, target, kind, copy, _copied(seen, row, copy, settings))
        for (row, target, kind, copies), seen in zip(wanted, pixels, strict=True)
        for copy in copies
    ]


def _pixels(
    collection: Collection, image: ImageRow, rows: Sequence[PatchRow], settings: ClassifierSettings, cache: Cache | None
) -> NDArray[np.uint8]:
    """Return the windows of one image, (N, rows, cols) uint8."""
    path, frame = Path(collection.root) / (image.path or ""), None if image.frame is None else int(image.frame)

    def make() -> NDArray[Any]:
        whole = open_picture(path, frame).pixels
        if image.rows and image.cols and sorted(whole.shape) != sorted((image.rows, image.cols)):  # an orientation mark may turn it
            was = f"{image.rows} x {image.cols} when its set was imported, now {whole.shape[0]} x {whole.shape[1]}"
            raise ReadError(path, f"is another picture ({was}); import the set again")
        return np.stack([_seen(whole, row, (settings.rows, settings.cols)) for row in rows])

    if cache is None:
        return make()
    places = [[row.role == WHOLE, row.row, row.col, row.height, row.width] for row in rows]
    return np.asarray(cache.array(f"windows-{settings.rows}x{settings.cols}", [path], [frame, image.rows, image.cols, places], make))


def _seen(whole: NDArray[np.float32], row: PatchRow, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a window at the size that a network takes; resized once, from the image's own pixels."""
    if row.role == WHOLE or size[0] != size[1]:
        part = whole if row.role == WHOLE else window_of(whole, replace(row, scale=1.0))
        seen = cv2.resize(part, size[::-1], interpolation=cv2.INTER_AREA)
    else:
        seen = window_of(whole, replace(row, scale=size[0] / row.height))
    return np.round(np.clip(seen, 0, 1) * 255).astype(np.uint8)


def _copied(pixels: NDArray[np.uint8], row: PatchRow, copy: int, settings: ClassifierSettings) -> NDArray[np.uint8]:
    """Return a window's copy: the same for any fold and any order. Of a policy that has the original too, copies are its drawn variants."""
    if not copy:
        return pixels
    policy, numbers = policy_named(settings.copies_policy), generator(settings.seed, "copy", row.set, row.sample_id, copy)
    original = {"original": "yes"} if "original" in policy.settings else {}
    own = {**policy.settings, **({"frame": "kept"} if "frame" in policy.settings else {}), **original}
    shape = (pixels.shape[0], pixels.shape[1])
    operations = draw_operations(policy, shape, copy if original else copy - 1, numbers, own)
    moved = replay(Example(pixels), operations, border="mirror", keep_black=settings.modality == "MG").image
    return np.asarray(moved if moved.shape == pixels.shape else cv2.resize(moved, shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)

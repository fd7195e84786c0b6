"""The table that traditional CAD learns from: windows that a split names, each with its features, measured once and kept as CSV.

Features themselves are in `patches.features`; what is learnt from them is in `classical`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import write_text
from breastcad.core.records import Collection, FindingRow, PatchRow
from breastcad.core.seeding import generator
from breastcad.patches.features import features, surroundings
from breastcad.patches.methods import Scene
from breastcad.patches.table import scene_of
from breastcad.patches.views import window_of
from breastcad.train.classical_settings import DEEP, ClassicalSettings
from breastcad.train.images import Named, named_images
from breastcad.train.windows import Window, class_of

if TYPE_CHECKING:
    from breastcad.train.deep_features import Deep

Progress = Callable[[str, int, int], None]
Key = tuple[str, str]

OUTLINED = ("mask", "polygon")
LESIONS = ("benign", "malignant", "lesion")
_NO_PIXELS = np.zeros((0, 0), np.uint8)
COLUMNS = ("set", "sample_id", "label", "kind")


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """``values`` (N, F) float64 of ``windows`` (N, without pixels) and features ``names`` (F); ``problems``: what could not be measured."""

    names: list[str]
    values: NDArray[np.float64]
    windows: list[Window]
    problems: list[str]


def looked_up(mapping: Mapping[Key, str], row: PatchRow) -> str | None:
    """Return what a mapping says of a window, or else of its image."""
    return mapping.get((row.set, row.sample_id)) or mapping.get((row.set, row.image_id))


def load_table(
    collections: Sequence[Collection],
    patch_rows: Iterable[PatchRow],
    groups: Mapping[Key, str],
    settings: ClassicalSettings,
    progress: Progress | None = None,
    *,
    kept: Path | None = None,
    deep: Deep | None = None,
) -> FeatureTable:
    """Measure the features of the windows that a split names and that have a class.

    Parameters
    ----------
    collections : sequence of Collection
        That have the windows' images.
    patch_rows : iterable of PatchRow
    groups : mapping
        (set, sample id or image id) -> group, of what a split names; other windows are left out.
    settings : ClassicalSettings
    progress : callable, optional
        Called with a word, the images done and the images in all.
    kept : Path, optional
        features.csv: windows that it holds are not measured again, and it is written.
    deep : callable, optional
        The network's features, where they are asked for; made from the settings without it.

    Returns
    -------
    FeatureTable
        Texture is measured in a lesion's ROI, grown by ``context``, and in the whole of a window without a lesion; shape on the finding's
        whole outline, in source pixels. Where not every window has a finding with an outline of its own, shape is left out of the table,
        which ``problems`` says.

    Raises
    ------
    InputError
        If an image is in no collection or in two, nothing is left to measure, or features.csv is damaged or has other features.
    """
    rows = [row for row in patch_rows if looked_up(groups, row) is not None]
    named = named_images(collections, {(row.set, row.image_id) for row in rows})
    windows, findings = _windows(rows, groups, named, settings)
    wanted, problems = _groups(windows, findings, settings)
    names, measured = _read(kept)
    left = [window for window in windows if window.key not in measured]
    at = {(one[1].set, one[1].image_id): one for one in named}
    if DEEP in wanted and left and deep is None:
        from breastcad.train.deep_features import network_features  # noqa: PLC0415 - loads torch, which only these features need

        deep = network_features(settings, at)
    by_image = [(key, list(part)) for key, part in groupby(sorted(left, key=_image), key=_image)]
    for done, (key, part) in enumerate(by_image, start=1):
        for sample_key, found in _of_image(at[key], part, wanted, settings, deep, problems):
            if kept is not None and names not in ([], list(found)):  # of another version: its columns would mix with these by position
                raise ReadError(kept, "has other features than are measured now; remove it, and the windows are measured again")
            names = names or list(found)
            measured[sample_key] = np.array(list(found.values()))
        if progress:
            progress("measuring", done, len(by_image))
    there = [window for window in windows if window.key in measured]
    if not there:
        raise InputError(
            f"no window of the classes '{settings.classes}' could be measured; cut windows with breastcad patches, e.g. --method roi"
        )
    values = np.stack([measured[window.key] for window in there])
    if kept is not None and left:
        _write(kept, names, values, there)
    return FeatureTable(names, values, there, problems)


def _image(window: Window) -> Key:
    return window.row.set, window.row.image_id


def _windows(
    rows: Sequence[PatchRow], groups: Mapping[Key, str], named: Sequence[Named], settings: ClassicalSettings
) -> tuple[list[Window], list[FindingRow | None]]:
    """Return the windows that are of a class, and the lesion that each shows."""
    at = {(image.set, image.image_id): (image, {one.finding_id: one for one in findings}) for _, image, findings in named}
    classes = settings.class_names()
    windows, shown = [], []
    for row in rows:
        image, findings = at[row.set, row.image_id]
        finding = findings.get(row.finding_id or "")
        kind = finding.kind if finding else None
        target = class_of(row.label, kind, classes)
        if target is not None:
            windows.append(Window(row, image, looked_up(groups, row) or "", target, kind, 0, _NO_PIXELS))
            shown.append(finding if row.label in LESIONS else None)
    return windows, shown


def _groups(windows: Sequence[Window], findings: Sequence[FindingRow | None], settings: ClassicalSettings) -> tuple[list[str], list[str]]:
    """Return the groups of features that every window can have, and a sentence on shape if it is none of them."""
    wanted = settings.groups()
    without = sum(finding is None or finding.geometry not in OUTLINED for finding in findings)
    if "shape" not in wanted or not without:
        return wanted, []
    wanted.remove("shape")
    if not wanted:
        raise InputError(f"features=shape needs outlines, and {without} of {len(windows)} windows have none (a box, a circle, no lesion)")
    return wanted, [f"the features of shape: {without} of {len(windows)} windows have no outline (a box, a circle, no lesion)"]


Measured = tuple[Key, dict[str, float]]


def _of_image(
    named: Named, windows: Sequence[Window], wanted: Sequence[str], settings: ClassicalSettings, deep: Deep | None, problems: list[str]
) -> list[Measured]:
    """Measure the windows of one image; what cannot be is added to the problems."""
    collection, image, findings = named
    try:
        scene = scene_of(image, findings, Path(collection.root), generator(0, "features"))
        seen = [np.clip(window_of(scene.pixels(), window.row), 0, 1) for window in windows]  # resizing rounds
    except ReadError as error:
        problems.append(f"{image.set} {image.image_id}: {error.reason}")
        return []
    found: list[Measured] = []
    made = None if deep is None or DEEP not in wanted else deep(np.stack([_resized(one, settings) for one in seen]))
    for place, (window, pixels) in enumerate(zip(windows, seen, strict=True)):
        mask, outline = _region(scene, window.row, pixels.shape)
        if not mask.any():
            problems.append(f"{image.set} {window.row.sample_id}: no pixel of its finding lies in the window")
            continue
        region = surroundings(mask, settings.context) & _on_image(scene.shape, window.row, pixels.shape)
        groups = [one for one in wanted if one != DEEP]
        measured = features(pixels, region, groups, outline=outline, distances=settings.distances())
        if made is not None:
            measured |= {f"{DEEP}.{number}": float(value) for number, value in enumerate(made[place])}
        found.append((window.key, measured))
    return found


def _region(scene: Scene, row: PatchRow, shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Return what of a window is ROI, and the finding's outline; without a lesion all of it, and None."""
    roi = next((roi for finding, roi in scene.rois if finding.finding_id == row.finding_id), None)
    if row.label not in LESIONS or roi is None:
        return np.ones(shape, bool), None
    inside = window_of(roi, row)
    return (inside if inside.any() else np.asarray(window_of(roi.astype(np.float32), row) > 0)), roi


def _on_image(shape: tuple[int, int], row: PatchRow, window: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels of a window that lie on the image: one padded at the border measures no padding."""
    if row.row >= 0 and row.col >= 0 and row.row + row.height <= shape[0] and row.col + row.width <= shape[1]:
        return np.ones(window, bool)
    return np.asarray(window_of(np.ones(shape, bool), row))


def _resized(window: NDArray[np.float32], settings: ClassicalSettings) -> NDArray[np.float32]:
    shrinks = settings.rows * settings.cols < window.size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(window, (settings.cols, settings.rows), interpolation=how), np.float32)


def _write(path: Path, names: Sequence[str], values: NDArray[np.float64], windows: Sequence[Window]) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*COLUMNS, *names])
    for window, line in zip(windows, values.tolist(), strict=True):
        writer.writerow([*window.key, window.row.label, window.kind or "", *map(repr, line)])
    write_text(path, stream.getvalue())


def _read(path: Path | None) -> tuple[list[str], dict[Key, NDArray[np.float64]]]:
    """Read features.csv: the features' names, and the values by set and sample id."""
    if path is None or not path.is_file():
        return [], {}
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            header, *lines = list(csv.reader(stream)) or [[]]
        names = header[len(COLUMNS) :]
        if tuple(header[: len(COLUMNS)]) != COLUMNS or not names or any(len(line) != len(header) for line in lines):
            raise ValueError("its columns are not those of one")
        values = {(line[0], line[1]): np.array(line[len(COLUMNS) :], np.float64) for line in lines}
        if len(set(names)) < len(names) or len(values) < len(lines):
            raise ValueError("a window or a feature stands twice")
        if not all(np.isfinite(of_window).all() for of_window in values.values()):
            raise ValueError("a value is not finite")
    except (ValueError, csv.Error) as error:  # bytes that are no text are a ValueError too
        reason = "it is not text" if isinstance(error, UnicodeDecodeError) else error
        raise ReadError(path, f"is no table of features ({reason}); remove it, and the windows are measured again") from error
    return names, values

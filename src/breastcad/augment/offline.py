"""Augmented copies written out as a collection of their own: each row names its parent, each copy's operations are kept as a line.

The draws of a copy come from (seed, set, image, copy) alone, so they depend on no other image. Which images are taken, and how the
folder is put in its place, is the command's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Collection as Container
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.augment.operations import TONE, Operation, Value, as_plain, from_plain
from breastcad.augment.policies import Policy, draw_operations
from breastcad.augment.replaying import Example, Place, replay
from breastcad.core.errors import ReadError
from breastcad.core.files import write_bytes, write_text
from breastcad.core.records import Collection, FindingRow, ImageRow, SplitRow, worst_label
from breastcad.core.seeding import generator
from breastcad.patches.rois import roi_mask
from breastcad.read import open_picture

Key = tuple[str, str]
Progress = Callable[[int, int], None]
RECORDS = "augmentations.jsonl"


@dataclass(frozen=True, slots=True)
class Plan:
    """How copies are made: ``copies`` an image by ``policy`` with ``settings``; ``border`` is black, or mirror.

    A mirror shows what lies near the border twice, and marks it twice. Mammograms keep what is black, whatever the border.
    """

    policy: Policy
    settings: Mapping[str, Value]
    copies: int
    seed: int
    border: str = "black"

    def suffix(self, copy: int) -> str:
        """Return what the names of a copy and of its findings have more than its parent's."""
        return f"~{self.policy.name}-s{self.seed}-{copy}"


@dataclass(frozen=True, slots=True)
class Record:
    """One line of augmentations.jsonl: what a copy was made from and how; ``gone`` names the findings of which nothing is left in it."""

    set: str
    image_id: str
    parent_image_id: str
    policy: str
    copy: int
    border: str
    keep_black: bool
    operations: list[dict[str, Value]]
    gone: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Copies:
    """What was made: rows, records, and sentences on what was left out or lost."""

    images: list[ImageRow] = field(default_factory=list)
    findings: list[FindingRow] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def write_copies(
    collection: Collection, folder: Path, plan: Plan, *, keys: Container[Key] | None = None, progress: Progress | None = None
) -> Copies:
    """Make copies of a collection's present images and write their pictures, masks and records; the tables are the caller's to write.

    Pictures are grey PNG of 8 bits, or of 16 where their parent has more; masks are PNG. A finding with an outline gets the moved mask,
    one with a box the box of its moved corners; one of which nothing is left in the frame is left out, and where it was what its image's
    label stood on, the label is ``unknown``.

    Parameters
    ----------
    collection : Collection
    folder : Path
        Where ``images/``, ``masks/`` and `RECORDS` are written.
    plan : Plan
    keys : container of (set, image_id), optional
        Only these images.
    progress : callable, optional
        Called with (images done, images in all).
    """
    of_image: dict[Key, list[FindingRow]] = {}
    for finding in collection.findings:
        of_image.setdefault((finding.set, finding.image_id), []).append(finding)
    wanted = [row for row in collection.images if row.present and row.path and (keys is None or (row.set, row.image_id) in keys)]
    made, told = Copies(), Counter[str]()
    for number, row in enumerate(wanted):
        source = _Source(row, of_image.get((row.set, row.image_id), []), Path(collection.root), told)
        try:
            source.read()
        except ReadError as error:
            made.remarks.append(f"{row.set} {row.image_id} is left out: {error}")
        else:
            for copy in range(plan.copies):
                _write_copy(source, folder, f"{number:05d}-{copy}", (plan, copy), made)
        if progress:
            progress(number + 1, len(wanted))
    made.remarks = [f"{count} finding{'s' * (count != 1)} {what}" for what, count in told.items()] + made.remarks
    gone = sum(len(record.gone) for record in made.records)
    if gone:
        unknown = sum(row.label == "unknown" for row in made.images)
        made.remarks.append(f"findings moved out of the frame and left out: {gone}; copies labelled 'unknown': {unknown}")
    write_text(folder / RECORDS, "".join(json.dumps(asdict(record), allow_nan=False) + "\n" for record in made.records))
    return made


def read_records(path: str | Path) -> list[Record]:
    """Read an augmentations.jsonl, or the one in a folder.

    Raises
    ------
    ReadError
        If it is missing, or a line is no record.
    """
    path = Path(path) / RECORDS if Path(path).is_dir() else Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = Record(**json.loads(line))
            from_plain(record.operations)
        except (ValueError, TypeError) as error:
            raise ReadError(path, f"line {number} is no record of an augmentation ({str(error)[:120]})") from error
        records.append(record)
    return records


def remake(record: Record, collection: Collection) -> NDArray[Any]:
    """Make a copy's picture again from its parent: (rows, cols), the very levels that lie in its PNG.

    Raises
    ------
    ReadError
        If the parent is not in the collection, or cannot be read.
    """
    wanted = record.set, record.parent_image_id
    row = next((row for row in collection.images if (row.set, row.image_id) == wanted), None)
    if row is None or not row.path:
        raise ReadError(record.parent_image_id, f"is no image of '{record.set}' that this collection has; give the one that was augmented")
    operations = from_plain(record.operations)
    example = Example(_levels(row, Path(collection.root)))
    return replay(example, operations, border=record.border, keep_black=record.keep_black).image


def extended_split(rows: Sequence[SplitRow], made: Sequence[ImageRow], part: str) -> list[SplitRow]:
    """Return a split's rows with those of the copies: each in the group of its parent, and only in folds where that one is in the part.

    Examples
    --------
    >>> rows = [SplitRow("s", "a", "g", outer=0, part="train"), SplitRow("s", "a", "g", outer=1, part="test")]
    >>> [(row.id, row.outer, row.part) for row in extended_split(rows, [ImageRow("s", "a~0", parent_image_id="a")], "train")]
    [('a', 0, 'train'), ('a~0', 0, 'train'), ('a', 1, 'test')]
    """
    of_parent: dict[Key, list[str]] = {}
    for image in made:
        of_parent.setdefault((image.set, str(image.parent_image_id)), []).append(image.image_id)
    extended = []
    for row in rows:
        extended.append(row)
        if row.part == part:
            extended += [replace(row, id=name) for name in of_parent.get((row.set, row.id), [])]
    return extended


# ---- one image ----


class _Source:
    """One image, read, with the findings that can be moved (``placed``, with their places) and those that have none (``loose``)."""

    def __init__(self, row: ImageRow, findings: Sequence[FindingRow], root: Path, told: Counter[str]) -> None:
        self.row, self._findings, self._root, self._told = row, findings, root, told
        self.placed: list[FindingRow] = []
        self.loose: list[FindingRow] = []

    def read(self) -> None:
        """Read the picture and the outlines; ReadError where the picture cannot be read."""
        self.levels = _levels(self.row, self._root)
        places = []
        for finding in self._findings:
            place = self._place(finding)
            if place is None:
                self.loose.append(
                    replace(finding, geometry="none", points=None, mask_path=None, row0=None, col0=None, row1=None, col1=None)
                )
            else:
                self.placed.append(finding)
                places.append(place)
        self.example = Example(self.levels, tuple(places))

    def _place(self, finding: FindingRow) -> Place | None:
        if finding.geometry == "none":
            return None
        box = finding.row0, finding.col0, finding.row1, finding.col1
        if finding.geometry == "box" and None not in box:
            return Place(box=tuple(float(side) for side in box if side is not None))  # type: ignore[arg-type]
        try:
            mask = roi_mask(finding, (self.levels.shape[0], self.levels.shape[1]), self._root)
        except ReadError:
            self._told["whose mask cannot be read, without a place in the copies"] += 1
            return None
        if mask is None:
            self._told[f"of the geometry {finding.geometry}, which has no extent: without a place in the copies"] += 1
        return None if mask is None else Place(mask=mask)


def _levels(row: ImageRow, root: Path) -> NDArray[Any]:
    """Return a picture's grey levels as they are written: uint8, or uint16 where the file has more than 8 bits."""
    picture = open_picture(root / str(row.path), int(row.frame) if row.frame else None)
    kind, white = (np.uint8, 255) if picture.bit_depth <= 8 else (np.uint16, 65535)
    return np.rint(picture.pixels * np.float32(white)).astype(kind)


def _write_copy(source: _Source, folder: Path, name: str, wanted: tuple[Plan, int], made: Copies) -> None:
    plan, copy = wanted
    row, shape = source.row, (source.levels.shape[0], source.levels.shape[1])
    random = generator(plan.seed, "augment", plan.policy.name, row.set, row.image_id, copy)
    operations = draw_operations(plan.policy, shape, copy, random, plan.settings)
    moved = replay(source.example, operations, border=plan.border, keep_black=row.modality == "MG")
    suffix = plan.suffix(copy)
    image_id = row.image_id + suffix
    _write_png(folder / "images" / f"{name}.png", moved.image)
    kept = list(_moved_findings(source, moved, folder, name, image_id, suffix))
    gone = [source.placed[number].finding_id for number in moved.gone]
    rigid = all(_keeps_spacing(one) for one in operations)
    stands = not gone or worst_label([finding.pathology for finding in kept]) == row.label
    made.findings += kept
    made.images.append(
        replace(
            row, image_id=image_id, path=f"images/{name}.png", frame=None, rows=moved.image.shape[0], cols=moved.image.shape[1],
            bit_depth=8 * moved.image.itemsize, label=row.label if stands else "unknown", origin="augmented",
            parent_image_id=row.image_id,
            spacing_row_mm=row.spacing_row_mm if rigid else None, spacing_col_mm=row.spacing_col_mm if rigid else None,
        )
    )  # fmt: skip
    made.records.append(
        Record(
            row.set, image_id, row.image_id, plan.policy.name, copy, plan.border, keep_black=row.modality == "MG",
            operations=as_plain(operations), gone=gone,
        )
    )  # fmt: skip


def _keeps_spacing(one: Operation) -> bool:
    """Say if a pixel's size in mm stays what it was: nothing is turned, enlarged or bent."""
    return one.moves == TONE or one.name in ("flip", "translation") or (one.name == "crop" and one.parameters["size"] == "cut")


def _moved_findings(source: _Source, moved: Example, folder: Path, name: str, image_id: str, suffix: str) -> Iterator[FindingRow]:
    for number, (finding, place) in enumerate(zip(source.placed, moved.places, strict=True)):
        if place.box is None:
            continue
        row0, col0, row1, col1 = place.box
        geometry, path = "box", None
        if place.mask is not None:
            geometry, path = "mask", f"masks/{name}-{number}.png"
            _write_png(folder / path, place.mask.astype(np.uint8) * 255)
        yield replace(
            finding, finding_id=finding.finding_id + suffix, image_id=image_id, geometry=geometry, points=None, mask_path=path,
            row0=row0, col0=col0, row1=row1, col1=col1,
        )  # fmt: skip
    for finding in source.loose:
        yield replace(finding, finding_id=finding.finding_id + suffix, image_id=image_id)


def _write_png(path: Path, levels: NDArray[Any]) -> None:
    written, content = cv2.imencode(".png", levels)
    if not written:
        raise OSError(f"{path.name} could not be encoded as PNG")
    write_bytes(path, content.tobytes())

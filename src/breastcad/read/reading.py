"""What the readers of sets have in common while they read: rows that are gathered, files that are looked at, faults that are told."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from breastcad.core.geometry import Point
from breastcad.core.records import SEVERITY, Collection, FindingRow, ImageRow, RegionRow
from breastcad.read.dicom_rows import UNREADABLE, put_dicom
from breastcad.read.trees import Faults, Progress, counts, put_picture, told

_Item = TypeVar("_Item")


@dataclass(slots=True)
class Reading:
    """A set's folder while it is read: the rows so far, and what is wrong with its files.

    ``about`` is what the reader says of the set: set, title, licence, cite. ``root`` is the set's own folder.
    """

    about: Mapping[str, str]
    root: Path
    progress: Progress | None = None
    images: list[ImageRow] = field(default_factory=list)
    findings: list[FindingRow] = field(default_factory=list)
    regions: list[RegionRow] = field(default_factory=list)
    faults: Faults = field(default_factory=dict)

    def each(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Give items one by one; when the next is asked for, the progress says that one more is done."""
        items = list(items)
        for done, item in enumerate(items, start=1):
            yield item
            if self.progress:
                self.progress(done, len(items))

    def once(self, listed: Iterable[_Item], name: Callable[[_Item], str], label: Callable[[_Item], str]) -> dict[str, _Item]:
        """Give what a table lists by its name, each once; of rows that differ under one name the first of the worst label counts.

        Both is told. ``name`` and ``label`` give those of a row, and may raise what they like.
        """
        rows: dict[str, list[_Item]] = {}
        for item in listed:
            rows.setdefault(name(item), []).append(item)
        alike = {key: all(item == own[0] for item in own) for key, own in rows.items() if len(own) > 1}
        self.fault("listed twice or more by rows that are alike, read once", *(key for key in alike if alike[key]))
        self.fault("listed twice or more by rows that differ, of which one of the worst label counts", *(k for k in alike if not alike[k]))
        return {key: max(own, key=lambda item: SEVERITY[label(item)]) for key, own in rows.items()}

    def fault(self, what: str, *items: str) -> None:
        """Enter items that a sentence of `trees.Faults` holds for; sentences are told in the order of their first items."""
        if items:
            self.faults.setdefault(what, []).extend(items)

    def add(self, row: ImageRow, path: Path | None, unreadable: str = UNREADABLE) -> None:
        """Add an image with what its file's header says: DICOM where the file is called so (`put_dicom`), else a picture (`put_picture`).

        A missing or broken file (``unreadable`` then says of pictures what is wrong) leaves the row with ``present`` 0.
        """
        self.images.append(row)
        if path is not None and path.suffix.lower() in (".dcm", ".dicom"):
            put_dicom(row, path, self.root, self.faults)
        elif fault := put_picture(row, path, self.root):
            self.fault(unreadable, fault)

    def finish(self, problems: list[str], counted: Mapping[str, int]) -> Collection:
        """Return the collection: `problems` and then the faults, `counted` beside what every set counts (`trees.counts`)."""
        facts = {
            **self.about,
            "reader": self.about["set"],
            "counts": counts(self.images, self.findings) | dict(counted),
            "problems": problems + [said for what, items in self.faults.items() for said in told(what, items)],
        }
        return Collection(str(self.root), self.images, self.findings, self.regions, facts)


def put_points(row: FindingRow, geometry: str, points: Sequence[Point]) -> None:
    """Enter points (row, col) in pixels of the image and the box around them into a finding.

    Raises
    ------
    ValueError
        If there is no point, or one that is not finite; nothing is entered then.
    """
    rows, cols = zip(*points, strict=True)
    if not all(map(math.isfinite, (*rows, *cols))):
        raise ValueError("points must be finite")
    row.row0, row.col0, row.row1, row.col1 = min(rows), min(cols), max(rows), max(cols)
    row.geometry, row.points = geometry, " ".join(f"{y:g},{x:g}" for y, x in points)

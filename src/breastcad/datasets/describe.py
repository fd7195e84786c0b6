"""What a collection holds, counted from its tables: facets by label, numbers by label, missing values. No picture is opened.

Counts of images are of those that the set lists; `only_present` leaves those that are there. What DICOM headers say is in
`describe_tags`, the page in `report.describe_page`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from breastcad.core.records import SEVERITY, Collection, FindingRow, ImageRow, worst_label

LABELS = tuple(sorted(SEVERITY, key=lambda label: (label == "unknown", SEVERITY[label])))
"""Labels in the order in which they are shown: normal, benign, malignant, unknown."""
ALL = "all"
LEAST_PATIENTS = 3
"""A word that somebody may have typed into a header is told only where so many different patients have it."""
HELD_BACK = "(held back)"


@dataclass(frozen=True, slots=True)
class Count:
    """So many things of one label have one value of a facet: a row of counts.csv. An empty value is not known."""

    set: str
    facet: str
    value: str
    label: str
    n: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """A quantity among the things of one label, or of ``"all"``: a row of numbers.csv. Quartiles are interpolated linearly."""

    set: str
    quantity: str
    label: str
    n: int
    min: float
    q1: float
    median: float
    q3: float
    max: float
    mean: float


@dataclass(frozen=True, slots=True)
class Missing:
    """How often a column is empty (a label, ``unknown``): a row of missing.csv; ``_present`` counts images that are there only."""

    set: str
    table: str
    column: str
    missing: int
    of: int
    missing_present: int
    of_present: int


@dataclass(slots=True)
class Description:
    """What `describe` counted of one collection; ``facts`` are those of its collection.json."""

    set: str
    facts: Mapping[str, Any]
    listed: int
    present: int
    patients: int
    exams: int
    findings: int
    counts: list[Count] = field(default_factory=list)
    numbers: list[Numbers] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)


# ---- what is counted ----


def _size(image: ImageRow) -> str | None:
    return f"{image.rows} x {image.cols}" if image.rows and image.cols else None


def _spacing(image: ImageRow) -> str | None:
    sides = (image.spacing_row_mm, image.spacing_col_mm)
    return " x ".join(f"{side:.4g}" for side in sides if side is not None) or None


def _years(image: ImageRow) -> str | None:
    if image.age is None:
        return None
    decade = int(image.age // 10 * 10)
    return f"{decade} to {decade + 9}"


IMAGE_FACETS: dict[str, Callable[[ImageRow], Any]] = {
    "files": lambda image: "present" if image.present else "missing",
    "view": lambda image: image.view,
    "laterality": lambda image: image.laterality,
    "density": lambda image: image.density,
    "BI-RADS": lambda image: image.birads,
    "age, years": _years,
    "modality": lambda image: image.modality,
    "image type": lambda image: image.image_type,
    "size, rows x columns": _size,
    "proportions": lambda image: image.aspect,
    "bit depth": lambda image: image.bit_depth,
    "spacing, mm (row x column)": _spacing,
    "manufacturer": lambda image: image.manufacturer,
    "part": lambda image: image.part,
    "origin": lambda image: image.origin,
}
_OF_KIND = {"shape": "mass", "margin": "mass", "morphology": "calcification", "distribution": "calcification"}
FINDING_FACETS: dict[str, str] = {
    **{"finding": "kind", "shape of masses": "shape", "margin of masses": "margin"},
    **{"morphology of calcifications": "morphology", "distribution of calcifications": "distribution"},
    **{"subtlety of findings": "subtlety", "BI-RADS of findings": "birads", "place of findings": "geometry"},
}
"""Facet and the column of findings.csv that it counts; descriptors are those of their kind of finding, the label is the pathology."""
ORDERED = ("density", "BI-RADS", "age, years", "bit depth", "subtlety of findings", "BI-RADS of findings")
"""Facets whose values have an order of their own; those of ``... per ...`` have one too. All others are told by how often they come."""


def natural(value: str) -> tuple[bool, list[tuple[int, float, str]]]:
    """Return a key that sorts numbers within words by size, and what is not known last.

    Examples
    --------
    >>> sorted(["10", "", "4b", "9", "4a"], key=natural)
    ['4a', '4b', '9', '10', '']
    """
    parts = re.findall(r"\d+(?:\.\d+)?|\D+", value)
    return not value, [(0, float(part), "") if part[0].isdecimal() and part.isascii() else (1, 0.0, part) for part in parts]


def describe(collection: Collection, name: str | None = None, *, only_present: bool = False) -> Description:
    """Count what a collection's tables say.

    Parameters
    ----------
    collection : Collection
    name : str, optional
        What the rows call the set; by default its own name.
    only_present : bool
        Leave out images that are not there, and their findings.

    Returns
    -------
    Description
        Patients and exams are those that the set names. A patient, or an exam, has the worst label of its images.
    """
    images = [image for image in collection.images if image.present or not only_present]
    there = {image.image_id: image for image in images}
    findings = [row for row in collection.findings if row.image_id in there or not only_present]
    name = name or str(collection.facts.get("set") or (images[0].set if images else "collection"))
    patients = _together(images, lambda image: image.patient_id)
    exams = _together(images, lambda image: (image.patient_id, image.exam_id) if image.exam_id else None)
    found = Description(name, collection.facts, len(images), sum(bool(i.present) for i in images), len(patients), len(exams), len(findings))
    found.counts += _image_counts(name, images) + _finding_counts(name, findings)
    per = _per(images, findings, patients, exams)
    for facet, measured in per.items():
        found.counts += counted(name, facet, ((str(n), label) for n, label in measured))
    quantities: Mapping[str, Sequence[tuple[float, str]]] = {
        **_measures(images, exams),
        **per,
        **_days(patients),
        **_finding_sizes(findings, there),
    }
    for quantity, numbers in quantities.items():
        found.numbers += summed_up(name, quantity, numbers)
    found.missing += _missing(name, "images.csv", images, lambda image: bool(image.present))
    found.missing += _missing(name, "findings.csv", findings, lambda row: row.image_id in there and bool(there[row.image_id].present))
    return found


def counted(name: str, facet: str, pairs: Iterable[tuple[str, str]]) -> list[Count]:
    """Count (value, label) pairs of one facet; empty where no value is known.

    Examples
    --------
    >>> [(row.value, row.label, row.n) for row in counted("s", "view", [("CC", "benign"), ("", "normal"), ("CC", "benign")])]
    [('CC', 'benign', 2), ('', 'normal', 1)]
    """
    counter = Counter(pairs)
    if not any(value for value, _ in counter):
        return []
    order = sorted(counter, key=lambda pair: (natural(pair[0]), LABELS.index(pair[1])))
    return [Count(name, facet, value, label, counter[value, label]) for value, label in order]


def summed_up(name: str, quantity: str, measured: Sequence[tuple[float, str]]) -> list[Numbers]:
    """Return least, quartiles, largest and mean of (number, label) pairs, of all and of each label that has any.

    Examples
    --------
    >>> rows = summed_up("s", "age", [(1, "benign"), (2, "benign"), (4, "benign"), (9, "normal")])
    >>> [(row.label, row.n, row.min, row.q1, row.median, row.q3, row.max, row.mean) for row in rows][:2]
    [('all', 4, 1.0, 1.75, 3.0, 5.25, 9.0, 4.0), ('normal', 1, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0)]
    """
    by_label: dict[str, list[float]] = defaultdict(list)
    for number, label in measured:
        by_label[label].append(number)
    rows = [_row_of(name, quantity, ALL, [number for number, _ in measured])] if measured else []
    return rows + [_row_of(name, quantity, label, by_label[label]) for label in LABELS if by_label[label]]


def _row_of(name: str, quantity: str, label: str, numbers: ArrayLike) -> Numbers:
    values = np.asarray(numbers, np.float64)
    least, q1, median, q3, largest = (float(value) for value in np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    return Numbers(name, quantity, label, len(values), least, q1, median, q3, largest, float(values.mean()))


def _image_counts(name: str, images: Sequence[ImageRow]) -> list[Count]:
    rows = []
    for facet, value in IMAGE_FACETS.items():
        words = [_word(value(image)) for image in images]
        if facet == "manufacturer":  # the one facet that an import may have from a DICOM header as somebody typed it
            words = _without_rare(words, images)
        rows += counted(name, facet, zip(words, (image.label for image in images), strict=True))
    return rows


def of_few(values: Sequence[str], patients: Sequence[str | None]) -> set[str]:
    """Return the values that fewer than `LEAST_PATIENTS` patients have; patients who are not named count as one.

    Examples
    --------
    >>> of_few(["a", "a", "a", "b", "b", "b", ""], ["p", "q", "r", "p", "p", None, "p"])
    {'b'}
    """
    who: dict[str, set[str | None]] = defaultdict(set)
    for value, patient in zip(values, patients, strict=True):
        who[value].add(patient)
    return {value for value, found in who.items() if value and len(found) < LEAST_PATIENTS}


def _without_rare(words: Sequence[str], images: Sequence[ImageRow]) -> list[str]:
    """Replace words of few patients; a set that names no patient has told its words itself."""
    naming = {image.set for image in images if image.patient_id is not None}
    typed = [(word, image.patient_id) for word, image in zip(words, images, strict=True) if image.set in naming]
    rare = of_few([word for word, _ in typed], [patient for _, patient in typed])
    return [HELD_BACK if word in rare and image.set in naming else word for word, image in zip(words, images, strict=True)]


def _finding_counts(name: str, findings: Sequence[FindingRow]) -> list[Count]:
    rows = []
    for facet, column in FINDING_FACETS.items():
        kind = _OF_KIND.get(column)
        told = [row for row in findings if kind is None or row.kind == kind or getattr(row, column)]
        rows += counted(name, facet, ((_word(getattr(row, column)), row.pathology) for row in told))
    return rows


def _word(value: Any) -> str:
    return "" if value is None else str(value).strip()


# ---- who and when ----

Groups = dict[Any, list[ImageRow]]
Measured = list[tuple[float, str]]


def _together(images: Iterable[ImageRow], key: Callable[[ImageRow], Any]) -> Groups:
    """Gather images by patient or exam; those whose key is not known are left out."""
    groups: Groups = defaultdict(list)
    for image in images:
        if (found := key(image)) is not None:
            groups[found].append(image)
    return groups


def _worst(images: Iterable[ImageRow]) -> str:
    return worst_label([image.label for image in images])


def _per(images: Sequence[ImageRow], findings: Sequence[FindingRow], patients: Groups, exams: Groups) -> dict[str, list[tuple[int, str]]]:
    """Count images of each patient and exam, exams of each patient, findings of each image; each with its label."""
    on_image = Counter(row.image_id for row in findings)
    visits = {patient: {image.exam_id for image in found} - {None} for patient, found in patients.items()}
    return {
        "images per patient": [(len(found), _worst(found)) for found in patients.values()],
        "exams per patient": [(len(visits[patient]), _worst(found)) for patient, found in patients.items() if visits[patient]],
        "images per exam": [(len(found), _worst(found)) for found in exams.values()],
        "findings per image": [(on_image[image.image_id], image.label) for image in images] if findings else [],
    }


def _days(patients: Groups) -> dict[str, Measured]:
    """Measure the days from each exam of a patient to the next."""
    measured: Measured = []
    for found in patients.values():
        days = {image.days_from_first for image in found} - {None} or {_day(image.date) for image in found} - {None}
        ordered = sorted(day for day in days if day is not None)
        label = _worst(found)
        measured += [(later - earlier, label) for earlier, later in pairwise(ordered)]
    return {"days between exams": measured}


def _day(written: str | None) -> int | None:
    with suppress(ValueError):
        return date.fromisoformat(written or "").toordinal()
    return None


def _ages(images: Sequence[ImageRow], exams: Groups) -> Measured:
    """Return ages, one an exam (an image where no exam is named): a woman with four views counts once."""
    units = [*exams.values(), *([image] for image in images if image.exam_id is None)]
    return [(ages[0], _worst(unit)) for unit in units if (ages := [image.age for image in unit if image.age is not None])]


# ---- sizes ----


def _measures(images: Sequence[ImageRow], exams: Groups) -> dict[str, Measured]:
    sized = [(image, image.rows, image.cols) for image in images if image.rows and image.cols]
    return {
        "age at the exam, years": _ages(images, exams),
        "rows, pixels": [(rows, image.label) for image, rows, _ in sized],
        "columns, pixels": [(cols, image.label) for image, _, cols in sized],
        "height / width": [(rows / cols, image.label) for image, rows, cols in sized],
        "spacing of rows, mm": [(image.spacing_row_mm, image.label) for image in images if image.spacing_row_mm is not None],
        "spacing of columns, mm": [(image.spacing_col_mm, image.label) for image in images if image.spacing_col_mm is not None],
    }


def _finding_sizes(findings: Iterable[FindingRow], images: Mapping[str, ImageRow]) -> dict[str, Measured]:
    """Measure the boxes of findings: sides in pixels, the longer in mm where the spacing is known, the box's share of the image."""
    sizes: dict[str, Measured] = {
        name: []
        for name in (
            "height of findings, pixels",
            "width of findings, pixels",
            "long side of findings, mm",
            "box of findings, % of the image",
        )
    }
    tall, wide, long, share = sizes.values()
    for row in findings:
        if row.row0 is None or row.col0 is None or row.row1 is None or row.col1 is None or row.geometry == "point":
            continue
        height, width, label = row.row1 - row.row0, row.col1 - row.col0, row.pathology
        tall.append((height, label))
        wide.append((width, label))
        image = images.get(row.image_id)
        if image is not None and image.spacing_row_mm and image.spacing_col_mm:
            long.append((max(height * image.spacing_row_mm, width * image.spacing_col_mm), label))
        if image is not None and image.rows and image.cols:
            share.append((100 * height * width / (image.rows * image.cols), label))
    return sizes


# ---- what is missing ----


def _missing(name: str, table: str, rows: Sequence[Any], is_present: Callable[[Any], bool]) -> list[Missing]:
    """Count empty cells column by column: of all rows, and of those whose image is there."""
    if not rows:
        return []
    present = [is_present(row) for row in rows]
    columns: dict[str, Callable[[Any], Any]] = {
        column.name: _getter(column.name) for column in fields(rows[0]) if column.name not in ("set", "image_id", "finding_id", "extra")
    }
    columns |= {f"x_{key}": _extra(key) for key in dict.fromkeys(key for row in rows for key in row.extra)}
    found = []
    for column, get in columns.items():
        empty = [get(row) in (None, "") for row in rows]
        there = sum(is_empty and here for is_empty, here in zip(empty, present, strict=True))
        found.append(Missing(name, table, column, sum(empty), len(rows), there, sum(present)))
    return found


def _getter(column: str) -> Callable[[Any], Any]:
    if column in ("label", "pathology"):
        return lambda row: None if getattr(row, column) == "unknown" else getattr(row, column)
    if column == "geometry":
        return lambda row: None if row.geometry == "none" else row.geometry
    return lambda row: getattr(row, column)


def _extra(key: str) -> Callable[[Any], Any]:
    return lambda row: row.extra.get(key)


# ---- several collections ----


def names_of(collections: Sequence[Collection]) -> list[str]:
    """Return a name for each collection: its set's, numbered from the second of a set on, so that no two are one in the tables.

    Examples
    --------
    >>> names_of([Collection("", [], facts={"set": name}) for name in ("busi", "stu", "busi")])
    ['busi', 'stu', 'busi (2)']
    """
    seen: Counter[str] = Counter()
    names = []
    for one in collections:
        name = str(one.facts.get("set") or (one.images[0].set if one.images else "collection"))
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names

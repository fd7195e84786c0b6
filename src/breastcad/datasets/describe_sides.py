"""What several collections, or the parts of a split, hold side by side: each value's share in every one, and how far they are apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from breastcad.core.errors import InputError
from breastcad.core.records import PARTS, Collection, FindingRow, ImageRow, SplitRow
from breastcad.datasets.describe import Description, counted, describe


@dataclass(frozen=True, slots=True)
class Share:
    """How much of one column (a part, a set) has one value of a facet: a row of parts.csv or sets.csv.

    ``n`` of its ``of`` things are ``percent``; ``apart`` is the largest less the smallest percentage of this value among the columns
    that know the facet at all, in points, None where only one does. An empty value is not known.
    """

    facet: str
    value: str
    column: str
    n: int
    of: int
    percent: float
    apart: float | None


def shares(columns: Sequence[Description]) -> list[Share]:
    """Set each facet's values beside each other.

    Parameters
    ----------
    columns : sequence of Description
        Their names (``set``) must differ.

    Returns
    -------
    list of Share
        A row a value and column that knows the facet. The label of the images comes first as a facet of its own.
    """
    tables: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for column in columns:
        for row in column.counts:
            tables[row.facet][column.set][row.value] += row.n
            if row.facet == "files":
                tables["label"][column.set][row.label] += row.n
    found = []
    for facet in sorted(tables, key=lambda facet: facet != "label"):
        table = tables[facet]
        of = {column: counts.total() for column, counts in table.items()}
        for value in dict.fromkeys(value for counts in table.values() for value in counts):
            percents = {column: 100 * counts[value] / of[column] for column, counts in table.items()}
            apart = max(percents.values()) - min(percents.values()) if len(percents) > 1 else None
            found += [
                Share(
                    facet, value, column, counts[value], of[column], round(percents[column], 4), None if apart is None else round(apart, 4)
                )
                for column, counts in table.items()
            ]
    return found


def furthest(rows: Sequence[Share], most: int) -> list[tuple[Share, Share]]:
    """Return the values whose shares lie furthest apart: the row of the least share and that of the largest, one value a facet.

    Examples
    --------
    >>> rows = [Share("view", "CC", "train", 1, 2, 50.0, 25.0), Share("view", "CC", "test", 1, 4, 25.0, 25.0)]
    >>> [(least.column, most.column) for least, most in furthest(rows, 3)]
    [('test', 'train')]
    """
    values: dict[tuple[str, str], list[Share]] = defaultdict(list)
    for row in rows:
        if row.apart:
            values[row.facet, row.value].append(row)
    ordered = sorted(values.values(), key=lambda found: -(found[0].apart or 0))
    by_facet = {found[0].facet: found for found in reversed(ordered)}
    kept = [found for found in ordered if found is by_facet[found[0].facet]][:most]
    return [(min(found, key=lambda row: row.percent), max(found, key=lambda row: row.percent)) for found in kept]


# ---- the parts of a split ----


@dataclass(slots=True)
class PartedFold:
    """The parts of one outer fold, each described as one collection of all sets; ``remarks`` are sentences on what is in no part."""

    fold: int
    parts: list[Description]
    remarks: list[str]


def describe_parts(named: Mapping[str, Collection], split: Sequence[SplitRow], fold: int) -> PartedFold:
    """Describe train, validation and test of an outer fold.

    Parameters
    ----------
    named : mapping of str to Collection
        By what the rows call the set; images are known by their own `ImageRow.set`, as the split knows them.
    split : sequence of SplitRow
        Of a split of these collections, and maybe of others. Repeat 0 counts, and of nested folds the outer one.
    fold : int

    Returns
    -------
    PartedFold
        A part without an image of the collections is left out.

    Raises
    ------
    InputError
        If the split has no such fold, or none of the collections' images is in it.
    """
    part_of = {(row.set, row.id): row.part for row in split if (row.repeat, row.outer, row.inner) == (0, fold, 0)}
    if not part_of:
        known = ", ".join(str(outer) for outer in sorted({row.outer for row in split if (row.repeat, row.inner) == (0, 0)}))
        raise InputError(f"--fold must be an outer fold of the split ({known or 'it has none'}), got {fold}")
    images, findings = _joined(named)
    part_by_id = {image.image_id: part_of.get((image.set, own_id)) for own_id, image in images}
    parts = []
    for part in PARTS:
        there = [image for _, image in images if part_by_id[image.image_id] == part]
        if there:
            described = describe(Collection("", there, [row for row in findings if part_by_id.get(row.image_id) == part]), part)
            if len(named) > 1:
                described.counts[:0] = counted(part, "set", ((image.set, image.label) for image in there))
            parts.append(described)
    if not parts:
        raise InputError("no image of these collections is in the split; give the collections that it was made of")
    return PartedFold(fold, parts, _remarks(part_of, images))


def _joined(named: Mapping[str, Collection]) -> tuple[list[tuple[str, ImageRow]], list[FindingRow]]:
    """Return all images, each after its own id, and findings; ids of images, patients and exams get the set's name before them."""
    images, findings = [], []
    for name, one in named.items():
        for row in one.images:
            patient, exam = (None if own is None else f"{name}/{own}" for own in (row.patient_id, row.exam_id))
            images.append((row.image_id, replace(row, image_id=f"{name}/{row.image_id}", patient_id=patient, exam_id=exam)))
        findings += [replace(row, image_id=f"{name}/{row.image_id}") for row in one.findings]
    return images, findings


def _remarks(part_of: Mapping[tuple[str, str], str], images: Sequence[tuple[str, ImageRow]]) -> list[str]:
    keys = {(image.set, own_id) for own_id, image in images}
    said = {
        "images of the split that are in none of these collections": len(part_of.keys() - keys),
        "images that are present and in no part": sum(
            bool(image.present) and (image.set, own_id) not in part_of for own_id, image in images
        ),
        "images that are not present and in no part": sum(
            not image.present and (image.set, own_id) not in part_of for own_id, image in images
        ),
    }
    return [f"{words}: {n:,}" for words, n in said.items() if n]

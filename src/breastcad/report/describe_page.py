"""The page that describes collections: what `datasets.describe` counted, as bars and boxes. Words are in templates/describe.html.j2.

Bars are drawn by the page itself, without a script (the one it has sorts tables); a label has a colour and a texture, so that it is
told without colour too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from breastcad import __version__
from breastcad.core.records import NOTICE
from breastcad.datasets.describe import ALL, FINDING_FACETS, LABELS, LEAST_PATIENTS, ORDERED, Count, Description, Missing, Numbers, natural
from breastcad.datasets.describe_sides import PartedFold, Share, furthest, shares
from breastcad.datasets.describe_tags import TagExploration, TagFound
from breastcad.report.html import environment
from breastcad.report.sample_sheet import SampleSheet
from breastcad.report.sorting import sorting

SHOWN_VALUES = 12
"""Values of a facet that the page shows; counts.csv has all of them."""
FEW_VALUES = 5
"""So many, where the rarer values together hold most."""
FURTHEST = 5
FAR_APART = 10
"""Percentage points from which on a difference is marked."""
_FIRST = ("set", "label", "view", "laterality", "density", "BI-RADS", "age, years", *FINDING_FACETS)
_DESCRIPTORS = [facet for facet, column in FINDING_FACETS.items() if column in ("shape", "margin", "morphology", "distribution")]
_LAST = ("images per patient", "exams per patient", "images per exam", "findings per image")


class Bar(NamedTuple):
    """One value of a facet: its name, how many of each label, in all, and the share of malignant ones among those with a label."""

    value: str
    by_label: dict[str, int]
    n: int
    malignant: float | None


@dataclass(slots=True)
class Card:
    """One facet as it is shown: its bars, the longest of them, how many values and things are left out, and if its values are words."""

    title: str
    bars: list[Bar]
    longest: int
    other_values: int = 0
    other_n: int = 0
    descriptor: bool = False


class Strip(NamedTuple):
    """One label's numbers, and where they lie on the line from the least to the largest of all, in percent."""

    row: Numbers
    low: float
    q1: float
    median: float
    q3: float
    high: float


@dataclass(slots=True)
class ShownTag:
    """One DICOM tag: how far it parts, its values (share of the malignant, share of the others) or its numbers."""

    found: TagFound
    values: list[tuple[str, float, float]]
    strips: list[Strip]


@dataclass(slots=True)
class ShownSet:
    """One collection as the page shows it."""

    description: Description
    labels: Bar
    cards: list[Card]
    same: list[tuple[str, str, int]]
    numbers: list[tuple[str, list[Strip]]]
    missing: list[tuple[str, list[Missing], list[str], list[str]]]
    exploration: TagExploration | None = None
    tags: list[ShownTag] = field(default_factory=list)
    same_tags: list[tuple[str, str]] = field(default_factory=list)
    sheet: SampleSheet | None = None


class Column(NamedTuple):
    """A collection or a part as it is set beside others: what it holds, and its labels."""

    description: Description
    labels: Bar


@dataclass(slots=True)
class SideCard:
    """One facet side by side: of each value, the share of every column (None where it knows nothing of the facet)."""

    card: Card
    lines: list[tuple[str, list[Share | None], float]]


@dataclass(slots=True)
class Sides:
    """Collections, or the parts of a split's fold, side by side; ``alone`` are facets that one column only knows."""

    columns: list[Column]
    cards: list[SideCard]
    same: list[tuple[str, str]]
    alone: list[tuple[str, str]]
    numbers: list[tuple[str, list[Strip]]]
    furthest: list[tuple[Share, Share]]


def describe_page(
    descriptions: Sequence[Description],
    explorations: Mapping[str, TagExploration] | None = None,
    sheets: Mapping[str, SampleSheet] | None = None,
    parted: PartedFold | None = None,
) -> str:
    """Return the page of some collections as HTML that opens alone.

    Parameters
    ----------
    descriptions : sequence of Description
    explorations : mapping of str to TagExploration, optional
        What the headers say, by the name of the set.
    sheets : mapping of str to SampleSheet, optional
        Sampled images, by the name of the set.
    parted : PartedFold, optional
        The parts of a split's fold.
    """
    sets = [_shown(one, (explorations or {}).get(one.set), (sheets or {}).get(one.set)) for one in descriptions]
    template = environment().get_template("describe.html.j2")
    return template.render(
        figure=figure,
        sets=sets,
        beside=_sides(descriptions) if len(descriptions) > 1 else None,
        parted=parted,
        parts=_sides(parted.parts) if parted else None,
        far=FAR_APART,
        least_patients=LEAST_PATIENTS,
        labels=LABELS,
        notice=NOTICE,
        version=__version__,
        title=", ".join(one.set for one in descriptions),
        **sorting(),
    )


def _shown(one: Description, exploration: TagExploration | None, sheet: SampleSheet | None) -> ShownSet:
    cards = sorted((card for card in _cards(one.counts) if card.title != "files"), key=_place)
    same = [card for card in cards if sum(bool(bar.value) for bar in card.bars) == 1]
    titles = [card.title for card in cards]
    shown_tags, same_tags = _shown_tags(exploration)
    return ShownSet(
        description=one,
        labels=_labels_of(one.counts, "files"),
        cards=[card for card in cards if card not in same],
        same=[(card.title, card.bars[0].value, sum(bar.n for bar in card.bars[1:])) for card in same],
        numbers=[(quantity, shown) for quantity, shown in _strips_by_quantity(one.numbers) if quantity not in titles],
        missing=_missing(one.missing),
        exploration=exploration,
        tags=shown_tags,
        same_tags=same_tags,
        sheet=sheet,
    )


# ---- facets ----


def _place(card: Card) -> tuple[int, int]:
    """Sort what is seen in the breast before what is of files, and how many of what last."""
    for place, titles in ((0, _FIRST), (2, _LAST)):
        if card.title in titles:
            return place, titles.index(card.title)
    return 1, 0


def _labels_of(counts: Sequence[Count], facet: str) -> Bar:
    """Add a facet's counts up to one bar by label."""
    by_label = {label: sum(row.n for row in counts if row.facet == facet and row.label == label) for label in LABELS}
    return _bar("", by_label)


def _bar(value: str, by_label: Mapping[str, int]) -> Bar:
    kept = {label: by_label[label] for label in LABELS if by_label.get(label)}
    known = sum(n for label, n in kept.items() if label != "unknown")
    return Bar(value, kept, sum(kept.values()), kept.get("malignant", 0) / known if known else None)


def _cards(counts: Sequence[Count]) -> list[Card]:
    tables: dict[str, dict[str, dict[str, int]]] = {}
    for row in counts:
        tables.setdefault(row.facet, {}).setdefault(row.value, {})[row.label] = row.n
    return [_card(title, [_bar(value, by_label) for value, by_label in values.items()]) for title, values in tables.items()]


def _card(title: str, bars: list[Bar]) -> Card:
    """Order a facet's bars, by value where values have an order, else the longest first; what is not known comes last."""
    ordered = title in ORDERED or " per " in title
    bars = sorted(bars, key=lambda bar: natural(bar.value) if ordered else (not bar.value, -bar.n, natural(bar.value)))
    known, unknown = [bar for bar in bars if bar.value], [bar for bar in bars if not bar.value]
    by_count = sorted(known, key=lambda bar: -bar.n)
    most_are_rare = 2 * sum(bar.n for bar in by_count[:SHOWN_VALUES]) < sum(bar.n for bar in known)
    left = by_count[FEW_VALUES if most_are_rare else SHOWN_VALUES :]
    kept = [bar for bar in known if bar not in left] + unknown
    return Card(title, kept, max(bar.n for bar in bars), len(left), sum(bar.n for bar in left), title in _DESCRIPTORS)


# ---- side by side ----


def _sides(columns: Sequence[Description]) -> Sides:
    rows = shares(columns)
    found = {(row.facet, row.value, row.column): row for row in rows}
    merged: Counter[tuple[str, str]] = Counter()
    knows: dict[str, set[str]] = {}
    for row in rows:
        merged[row.facet, row.value] += row.n
        knows.setdefault(row.facet, set()).add(row.column)
    cards = sorted(_cards([Count("", facet, value, "unknown", n) for (facet, value), n in merged.items()]), key=_place)
    known = [card for card in cards if len(knows[card.title]) > 1]
    several = [card for card in known if len(card.bars) > 1]
    side_cards = []
    for card in several:
        lines = []
        for bar in card.bars:
            cells = [found.get((card.title, bar.value, column.set)) for column in columns]
            lines.append((bar.value, cells, next(cell.apart or 0.0 for cell in cells if cell)))
        side_cards.append(SideCard(card, lines))
    return Sides(
        columns=[Column(one, _labels_of(one.counts, "files")) for one in columns],
        cards=side_cards,
        same=[(card.title, card.bars[0].value) for card in known if len(card.bars) == 1],
        alone=[(card.title, next(iter(knows[card.title]))) for card in cards if len(knows[card.title]) == 1],
        numbers=_strips_side_by_side(columns, [card.title for card in several]),
        furthest=furthest(rows, FURTHEST),
    )


def _strips_side_by_side(columns: Sequence[Description], titles: Sequence[str]) -> list[tuple[str, list[Strip]]]:
    """Gather numbers of all labels by quantity, those that more than one column has and no card shows value by value."""
    quantities: dict[str, list[Numbers]] = {}
    for row in (row for column in columns for row in column.numbers if row.label == ALL and row.quantity not in titles):
        quantities.setdefault(row.quantity, []).append(row)
    several = {quantity: rows for quantity, rows in quantities.items() if len(rows) > 1}
    return [(name, strips(rows)) for name, rows in several.items() if min(row.min for row in rows) < max(row.max for row in rows)]


# ---- numbers ----


def _strips_by_quantity(numbers: Sequence[Numbers]) -> list[tuple[str, list[Strip]]]:
    """Gather numbers by quantity; one that is the same everywhere has no strips worth a look and is left to numbers.csv."""
    quantities: dict[str, list[Numbers]] = {}
    for row in numbers:
        quantities.setdefault(row.quantity, []).append(row)
    return [(quantity, strips(rows)) for quantity, rows in quantities.items() if rows[0].min < rows[0].max]


def strips(rows: Sequence[Numbers]) -> list[Strip]:
    """Place each label's numbers on the line from the least to the largest of all; one label alone is shown as all.

    Examples
    --------
    >>> strips([Numbers("s", "age", "all", 3, 20.0, 30.0, 40.0, 50.0, 60.0, 40.0)])[0][1:]
    (0.0, 25.0, 50.0, 75.0, 100.0)
    """
    least, largest = min(row.min for row in rows), max(row.max for row in rows)
    width = (largest - least) or 1.0
    kept = [row for row in rows if row.label == ALL] if len(rows) == 2 else rows
    return [
        Strip(row, *(round(100 * (value - least) / width, 2) for value in (row.min, row.q1, row.median, row.q3, row.max))) for row in kept
    ]


def figure(value: float) -> str:
    """Return a number with as many digits as a person reads.

    Examples
    --------
    >>> figure(3518.0), figure(12.3456), figure(0.0059397), figure(0.0)
    ('3,518', '12.3', '0.0059', '0')
    """
    if value == 0 or (abs(value) >= 1 and float(value).is_integer()):
        return f"{value:,.0f}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.2g}"


# ---- missing values ----


def _missing(rows: Sequence[Missing]) -> list[tuple[str, list[Missing], list[str], list[str]]]:
    """Return of each table the columns that are empty in part, the emptiest first; those that are always filled; those that never are."""
    tables = []
    for table in dict.fromkeys(row.table for row in rows):
        of_table = [row for row in rows if row.table == table]
        partly = sorted((row for row in of_table if 0 < row.missing < row.of), key=lambda row: -row.missing / row.of)
        always = [row.column for row in of_table if row.missing == 0]
        never = [row.column for row in of_table if row.missing == row.of]
        tables.append((table, partly, always, never))
    return tables


# ---- DICOM tags ----


def _shown_tags(exploration: TagExploration | None) -> tuple[list[ShownTag], list[tuple[str, str]]]:
    """Return the tags that differ between files, those that part most first, and those that are the same in all."""
    if exploration is None:
        return [], []
    shown, same = [], []
    for tag in exploration.tags:
        counts = [row for row in exploration.counts if row.facet == tag.keyword]
        numbers = [row for row in exploration.numbers if row.quantity == tag.keyword]
        if tag.distinct == 1 and tag.filled == exploration.read:
            same.append((tag.keyword, counts[0].value))
            continue
        few = tag.distinct <= SHOWN_VALUES
        shown.append(ShownTag(tag, _shares(counts, exploration.labels), [] if few or not numbers else strips(numbers)))
    return shown, same


def _shares(counts: Sequence[Count], labels: Mapping[str, int]) -> list[tuple[str, float, float]]:
    """Return values with their share of the malignant images and of those without cancer, what is not filled in last."""
    malignant, others = labels.get("malignant", 0), labels.get("benign", 0) + labels.get("normal", 0)
    table: dict[str, list[int]] = {}
    for row in counts:
        sums = table.setdefault(row.value, [0, 0])
        if row.label != "unknown":
            sums[row.label != "malignant"] += row.n
    ordered = sorted(table.items(), key=lambda item: (not item[0], -sum(item[1]), natural(item[0])))
    kept = ordered[:SHOWN_VALUES] + [item for item in ordered[SHOWN_VALUES:] if not item[0]]
    return [(value, first / malignant if malignant else 0.0, second / others if others else 0.0) for value, (first, second) in kept]

"""Publication E's reader study (chapter 6, Table 7): which counts its figures come from, and which figures come from none.

The thesis prints no counts. Of all 2 x 2 tables of up to so many ROIs as were read, one alone gives the printed shares of each modality.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from breastcad.evaluate.agreement import band, bias_index, kappa_value, per_cent_agreement, prevalence_index


@dataclass(frozen=True, slots=True)
class Printed:
    """One modality of Table 7: ROIs read and malignant among them, figures as printed (per cent, kappa as itself), counts that give them.

    ``counts`` are: both benign; benign only to the one who is measured; benign only to the one who stands for the truth; neither.
    ``reversed_codes`` says if kappa and agreement are printed of the same readers with the codes of one of them turned.
    """

    modality: str
    rois: int
    malignant: int
    figures: dict[str, float]
    counts: tuple[int, int, int, int]
    reversed_codes: bool


ULTRASOUND = Printed(
    "ultrasound",
    78,
    24,
    {
        "sensitivity": 60.0,
        "specificity": 84.8,
        "ppv": 84.4,
        "npv": 60.9,
        "accuracy": 70.5,
        "prevalence": 57.7,
        "agreement": 71,
        "kappa": 0.426,
    },
    (27, 5, 18, 28),
    reversed_codes=False,
)
MAMMOGRAPHY = Printed(
    "digital mammography",
    212,
    47,
    {
        "sensitivity": 19.2,
        "specificity": 51.6,
        "ppv": 47.5,
        "npv": 21.9,
        "accuracy": 29.0,
        "prevalence": 69.5,
        "agreement": 70,
        "kappa": 0.294,
    },
    (28, 31, 118, 33),
    reversed_codes=True,
)
SHARES: dict[str, tuple[str, Callable[[float, float, float, float], float]]] = {
    "sensitivity": ("a / (a + c)", lambda a, b, c, d: a / (a + c)),
    "specificity": ("d / (b + d)", lambda a, b, c, d: d / (b + d)),
    "ppv": ("a / (a + b)", lambda a, b, c, d: a / (a + b)),
    "npv": ("d / (c + d)", lambda a, b, c, d: d / (c + d)),
    "accuracy": ("(a + d) / n", lambda a, b, c, d: (a + d) / (a + b + c + d)),
    "prevalence": ("(a + c) / n", lambda a, b, c, d: (a + c) / (a + b + c + d)),
}


@dataclass(frozen=True, slots=True)
class Derived:
    """One printed figure beside what the counts give; ``agrees`` if they are equal to the digits that are printed."""

    name: str
    formula: str
    printed: float
    derived: float
    agrees: bool


def turned(counts: tuple[int, int, int, int]) -> NDArray[np.float64]:
    """Return the table of both readers after the codes of the one who is measured are turned.

    Examples
    --------
    >>> turned((28, 31, 118, 33)).tolist()
    [[118.0, 33.0], [28.0, 31.0]]
    """
    a, b, c, d = counts
    return np.array([[c, d], [a, b]], np.float64)


def derived(column: Printed) -> list[Derived]:
    """Return every printed figure of a modality beside what its counts give.

    Examples
    --------
    >>> [one.name for column in (ULTRASOUND, MAMMOGRAPHY) for one in derived(column) if not one.agrees]
    ['agreement', 'kappa']
    """
    found = []
    for name, (formula, share) in SHARES.items():
        value = 100 * share(*column.counts)
        found.append(Derived(name, formula, column.figures[name], value, round(value, 1) == column.figures[name]))
    a, b, c, d = column.counts
    table = turned(column.counts) if column.reversed_codes else np.array([[a, b], [c, d]], np.float64)
    agreed, kappa = 100 * float(per_cent_agreement(table)), float(kappa_value(table))
    formula = "(b + c) / n" if column.reversed_codes else "(a + d) / n"
    how = ", one reader's codes turned" if column.reversed_codes else ""
    found.append(Derived("agreement", formula + how, column.figures["agreement"], agreed, round(agreed) == column.figures["agreement"]))
    found.append(Derived("kappa", f"of both readers{how}", column.figures["kappa"], kappa, round(kappa, 3) == column.figures["kappa"]))
    return found


def tables_that_fit(column: Printed) -> list[tuple[int, int, int, int]]:
    """Return every table of at most the ROIs that were read whose six shares are those printed, looked for one by one.

    Examples
    --------
    >>> tables_that_fit(ULTRASOUND), tables_that_fit(MAMMOGRAPHY)
    ([(27, 5, 18, 28)], [(28, 31, 118, 33)])
    """

    def parts(total: int, per_cent: float) -> list[int]:
        least, most = int(total * (per_cent - 0.051) / 100), int(total * (per_cent + 0.051) / 100) + 1
        return [part for part in range(least, min(most, total) + 1) if round(100 * part / total, 1) == per_cent]

    found = []
    for n in range(2, column.rois + 1):
        for positive in parts(n, column.figures["prevalence"]):
            for a in parts(positive, column.figures["sensitivity"]):
                for d in parts(n - positive, column.figures["specificity"]) if positive < n else []:
                    counts = (a, n - positive - d, positive - a, d)
                    if all(round(100 * share(*counts), 1) == column.figures[name] for name, (_, share) in SHARES.items()):
                        found.append(counts)
    return found


def explanation() -> str:
    """Return the derivation as Markdown: both tables, every printed figure, what cannot be had from them, and what follows."""
    parts = [
        "# Table 7 of publication E, derived",
        "Two readers called 212 ROIs of digital mammography (47 malignant) and 78 of ultrasound (24 malignant) benign (1) or malignant (0):"
        " benign is the positive class. The thesis prints shares, no counts.",
    ]
    for column in (ULTRASOUND, MAMMOGRAPHY):
        parts += _column(column)
    return "\n\n".join(parts) + "\n"


def _column(column: Printed) -> list[str]:
    """Return what is said of one modality, a paragraph each."""
    a, b, c, d = column.counts
    n, benign = sum(column.counts), column.rois - column.malignant
    table = turned(column.counts) if column.reversed_codes else np.array([[a, b], [c, d]], np.float64)
    kappa = float(kappa_value(table))
    said = [
        f"## {column.modality.capitalize()}",
        f"The only table of at most {column.rois} ROIs with the six shares as printed is a = {a}, b = {b}, c = {c}, d = {d}: n = {n}"
        + (f", {column.rois - n} fewer than were read." if n < column.rois else "."),
        "\n".join(["| figure | formula | printed | derived | |", "|---|---|---:|---:|---|", *map(_row, derived(column))]),
        f"**The reader is not measured against the truth.** {benign} of {column.rois} ROIs are benign"
        f" ({100 * benign / column.rois:.1f} %); here {a + c} of {n} ({100 * (a + c) / n:.1f} %) count as such, and the other margin is"
        f" {a + b}. Neither is the truth: it is reader against reader, and what is called sensitivity is how often the one says benign"
        " where the other does.",
    ]
    if column.reversed_codes:
        said.append(_of_turned_codes(column))
    return [
        *said,
        f"Kappa {kappa:.3f} is {band(kappa)} in the thesis' own words; prevalence index {prevalence_index(table):+.3f}, bias index"
        f" {bias_index(table):+.3f}.",
    ]


def _row(one: Derived) -> str:
    """Return one figure as a row of the Markdown table."""
    printed = f"{one.printed:.3f}" if one.name == "kappa" else f"{one.printed:g}" if one.name == "agreement" else f"{one.printed:.1f}"
    value = f"{one.derived:.3f}" if one.name == "kappa" else f"{one.derived:.1f}"
    said = "agrees" if one.agrees else "**cannot be had from these counts**"
    return f"| {one.name} | {one.formula} | {printed} | {value} | {said} |"


def _of_turned_codes(column: Printed) -> str:
    """Return what is particular to mammography: codes turned for kappa but not for the shares, and two figures that do not fit."""
    a, b, c, d = column.counts
    as_they_stand, with_two = kappa_value(np.array([[a, b], [c, d]], np.float64)), turned((a, b, c + 1, d + 1))
    return (
        f"**It fits with one reader's codes turned, and only so.** As the counts stand, kappa is {as_they_stand:.3f}: the readers would"
        " agree less than by chance. Agreement and kappa are near what is printed with one reader's codes turned, the six shares are exact"
        f" with the codes as they stand: both cannot be right. Of all {column.rois} ROIs, had the readers agreed on one of the two that are"
        f" left out and not on the other, kappa would be {kappa_value(with_two):.3f} as printed, but agreement"
        f" {100 * per_cent_agreement(with_two):.1f} %."
    )

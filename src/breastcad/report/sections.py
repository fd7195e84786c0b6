"""Headings, sentences and tables, said twice: as Markdown on the terminal and as a page that opens alone."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from breastcad import __version__
from breastcad.core.records import NOTICE
from breastcad.report.html import environment


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, sentences, and a table of texts, whose columns from ``numbers`` on are set to the right; notes stand below it."""

    title: str
    words: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    numbers: int = 0
    notes: tuple[str, ...] = ()


def as_text(title: str, parts: Sequence[Section]) -> str:
    """Return sections as Markdown.

    Examples
    --------
    >>> print(as_text("Made-up", [Section("One", ("Said.",), ("reader", "n"), (("A", "3"),), 1)]))
    # Made-up
    <BLANKLINE>
    ## One
    <BLANKLINE>
    Said.
    <BLANKLINE>
    | reader | n |
    |---|---:|
    | A | 3 |
    <BLANKLINE>
    Research use only. Not a diagnosis.
    <BLANKLINE>
    """
    found = [f"# {title}"]
    for part in parts:
        found += [f"## {part.title}", *part.words]
        if part.rows:
            signs = ["---:" if place >= part.numbers else "---" for place in range(len(part.header))]
            lines = [_row(part.header), f"|{'|'.join(signs)}|", *map(_row, part.rows)]
            found.append("\n".join(lines))
        found += part.notes
    return "\n\n".join([*found, NOTICE]) + "\n"


def as_page(title: str, parts: Sequence[Section], data: str, *, pictures: Mapping[str, bytes] | None = None) -> str:
    """Return sections as an HTML page that opens alone.

    Parameters
    ----------
    title : str
    parts : sequence of Section
    data : str
        The file beside the page that has every figure.
    pictures : mapping of str to bytes, optional
        PNG files by what they show; they stand below the sections.
    """
    shown = {name: f"data:image/png;base64,{base64.b64encode(content).decode()}" for name, content in (pictures or {}).items()}
    template = environment().get_template("sections.html.j2")
    return template.render(title=title, parts=parts, data=data, pictures=shown, notice=NOTICE, version=__version__)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

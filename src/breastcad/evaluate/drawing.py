"""Panels on light ground, lines that colour-blind readers tell apart and that survive grey print, and the one way to save them."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from breastcad.core.files import write_bytes

# Okabe and Ito's palette without its yellow, which is too pale for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#777777"
LONGEST_TITLE = 110


def new_panels(count: int, *, a_row: int | None = None) -> tuple[Canvas, list[Axes]]:
    """Return a canvas with square panels side by side, or so many a row."""
    columns = min(count, a_row or count)
    rows = -(-count // columns)
    canvas = Canvas(figsize=(5.6 * columns, 6.0 * rows), facecolor="white")
    canvas.subplots_adjust(top=1 - 0.14 / rows, wspace=0.25, hspace=0.3)
    grid = list(np.atleast_1d(canvas.subplots(rows, columns)).ravel())
    for panel in grid[count:]:
        panel.set_axis_off()
    for panel in grid[:count]:
        panel.grid(True, color="#DDDDDD", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.set_box_aspect(1)
        panel.spines[["top", "right"]].set_visible(False)
    return canvas, grid[:count]


def legend_below(panel: Axes) -> None:
    """Put the legend below the panel, where it hides nothing."""
    panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=8, frameon=False)


def line(number: int) -> dict[str, Any]:
    """Return colour and style of the line of a number."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": STYLES[number % len(STYLES)]}


def save(canvas: Canvas, path: Path, title: str) -> None:
    """Write a canvas as PNG, under a title whose lines are broken where they are long; the same each time."""
    canvas.suptitle("\n".join(textwrap.fill(one, LONGEST_TITLE) for one in title.splitlines()), fontsize=11)
    stream = io.BytesIO()
    canvas.savefig(stream, format="png", dpi=150, bbox_inches="tight", pad_inches=0.15, metadata={"Software": "breastcad"})
    write_bytes(path, stream.getvalue())

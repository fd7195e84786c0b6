"""Tables of figures in Markdown documents (cards, RESULTS.md): made from the metrics.json of runs, between two markers.

A table stands between ``<!-- figures: results/NAME -->`` and ``<!-- end -->``; ``<!-- figures: results/NAME | dice, auc -->`` keeps only
figures whose names begin with one of the words given. The path is relative to the repository: the nearest folder above the
document (or above where one stands) that has it. Figures written elsewhere in a document are not checked: write none there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import write_text
from breastcad.evaluate.figures import Figure, figures_table, read_asked, read_metrics

BEGIN = re.compile(r"^<!-- figures: *(?P<run>[^\s|]+) *(?:\| *(?P<names>[^>]*?) *)?-->$")
END = "<!-- end -->"


@dataclass(frozen=True, slots=True)
class QuotedTable:
    """A table of figures as a document has it: the run it names, the beginnings of figures' names it keeps, its lines."""

    run: str
    names: tuple[str, ...]
    first: int
    lines: tuple[str, ...]


def read_document(path: str | Path) -> str:
    """Read a Markdown document.

    Raises
    ------
    ReadError
        If it cannot be opened, or is no UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ReadError(path, f"is no UTF-8 text (byte {error.start}); save it as UTF-8") from error


def quoted_tables(path: str | Path) -> list[QuotedTable]:
    """Return the tables of figures that a document holds, with the lines between their markers.

    Raises
    ------
    ReadError
        If it cannot be opened, a table has no end, or a run's path leads out of the repository.
    """
    lines = read_document(path).splitlines()
    tables: list[QuotedTable] = []
    number = 0
    while number < len(lines):
        begin = BEGIN.match(lines[number].strip())
        number += 1
        if not begin:
            continue
        run = begin["run"].rstrip("/")
        if ".." in Path(run).parts or Path(run).is_absolute():
            raise ReadError(path, f"line {number}: the run of a table must be a path inside the repository, got '{run}'")
        stripped = [line.strip() for line in lines[number:]]
        if END not in stripped:
            raise ReadError(path, f"line {number}: the table of '{run}' has no end; close it with a line '{END}'")
        length = stripped.index(END)
        names = tuple(name.strip() for name in (begin["names"] or "").split(",") if name.strip())
        tables.append(QuotedTable(run, names, number, tuple(lines[number : number + length])))
        number += length + 1
    return tables


def table_lines(table: QuotedTable, repository: Path) -> tuple[str, ...]:
    """Return the lines that should stand between a table's markers, from the run's metrics.json.

    Raises
    ------
    ReadError
        If the run's metrics.json cannot be read.
    InputError
        If the run has no figure whose name begins as the marker asks.
    """
    path = repository / table.run / "metrics.json"
    _, figures = read_metrics(path)
    return tuple(figures_table(_kept(figures, table), read_asked(path)[1]).splitlines())


def _kept(figures: Sequence[Figure], table: QuotedTable) -> list[Figure]:
    for name in table.names:
        if not any(figure.name.startswith(name) for figure in figures):
            raise InputError(f"{table.run}: no figure's name begins with '{name}'; the names are in its metrics.json")
    return [figure for figure in figures if not table.names or figure.name.startswith(table.names)]


def repository_of(*starts: str | Path, run: str = "results") -> Path | None:
    """Return the nearest folder at or above the first start that leads to one and has a given path in it; None if none has."""
    for start in starts:
        here = Path(start).resolve()
        for folder in (here, *here.parents):
            if (folder / run).is_dir():
                return folder
    return None


def documents_with_figures(repository: str | Path) -> list[Path]:
    """Return the documents of a repository that hold tables of figures: those at its top, in docs/, and the bundled models' cards.

    Raises
    ------
    ReadError
        As `quoted_tables` does.
    """
    repository = Path(repository)
    patterns = ("*.md", "docs/**/*.md", "src/breastcad/models/bundled/*.md")
    found = [path for pattern in patterns for path in sorted(repository.glob(pattern))]
    return [path for path in found if quoted_tables(path)]


def fill_tables(path: str | Path, repository: str | Path) -> bool:
    """Write every table of figures in a document anew from the runs' metrics.json; return whether the document changed.

    Raises
    ------
    ReadError, InputError
        As `quoted_tables` and `table_lines` do.
    """
    text = read_document(path)
    lines = text.splitlines()
    for table in reversed(quoted_tables(path)):
        lines[table.first : table.first + len(table.lines)] = table_lines(table, Path(repository))
    filled = "\n".join(lines) + "\n"
    if filled == text:
        return False
    write_text(path, filled)
    return True

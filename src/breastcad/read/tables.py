"""Others' tables: rows whose cells are stripped of blanks and line ends, and the words that they use for labels.

What a set's columns mean is in the set's own module.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from breastcad.core.errors import InputError, ReadError

LABELS = ("normal", "benign", "malignant", "unknown")
MAX_BYTES = 100_000_000
"""Largest table that is read; the largest that any set has (VinDr-Mammo's findings) takes 4 MB."""
MAX_CELL = 100_000
"""Longest cell that is read, in characters; the longest that any set has, a drawn outline, has some ten thousand."""
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def table_rows(path: str | Path, needed: Iterable[str] = (), *, sheet: str | None = None, delimiter: str = ",") -> list[dict[str, str]]:
    """Read a table with a header: CSV, whatever its line ends, also where a quoted cell ends with a line break; or .xlsx, .xls.

    Parameters
    ----------
    path : str or Path
        CSV in UTF-8, with or without a byte order mark; or a workbook.
    needed : iterable of str
        Columns that must be there, in any order.
    sheet : str, optional
        Of a workbook; its first one if None.
    delimiter : str
        Between the cells of a CSV file.

    Returns
    -------
    list of dict
        A row each, column to cell, both without blanks and line ends at their ends. Empty lines are left out, and a
        first line ``sep=;`` as Excel takes it. Whole numbers of a workbook are written without a point, the days of a .xlsx ``YYYY-MM-DD``.

    Raises
    ------
    ReadError
        If the file cannot be opened, is larger than `MAX_BYTES`, is not UTF-8, holds a NUL, a formula or a cell longer than
        `MAX_CELL`, lacks a column, names one twice, or a row has more or fewer cells than the header.
    """
    path = Path(path)
    lines = _workbook_lines(path, sheet) if path.suffix.lower() in (".xlsx", ".xls") else _csv_lines(path, delimiter)
    _, first = next(lines, (1, []))
    header = [name.strip() for name in first]
    while header and not header[-1]:
        header.pop()  # a last comma; columns that were once formatted
    _check_header(path, header, list(needed), delimiter)
    rows = []
    for number, cells in lines:
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if len(cells) < len(header) or any(cells[len(header) :]):
            raise ReadError(path, f"the row that ends on line {number} has {len(cells)} cells, the header {len(header)}")
        _check_cells(path, number, header, cells)
        rows.append(dict(zip(header, cells, strict=False)))
    return rows


def _check_header(path: Path, header: Sequence[str], needed: Sequence[str], delimiter: str) -> None:
    missing = [name for name in needed if name not in header]
    if missing:
        other = [word for sign, word in _DELIMITERS.items() if sign != delimiter and any(sign in name for name in header)]
        if len(header) == 1 and other:
            raise ReadError(path, f"its cells are parted by {other[0]}; save it with {'commas' if delimiter == ',' else 'semicolons'}")
        raise ReadError(path, f"lacks the column '{missing[0]}'; is it the table of this set?")
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise ReadError(path, f"has the column '{twice[0]}' twice; keep one")


def _check_cells(path: Path, number: int, header: Sequence[str], cells: Sequence[str]) -> None:
    for name, cell in zip(header, cells, strict=False):
        if len(cell) > MAX_CELL:
            raise ReadError(path, f"line {number}: the cell of '{name}' has {len(cell):,} characters; no set has more than {MAX_CELL:,}")
        if cell.startswith("="):
            raise ReadError(path, f"line {number}: the cell of '{name}' is a formula; save the table with values")


def _csv_lines(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(MAX_BYTES)  # our own limits are tighter, and say where
    reader = csv.reader(io.StringIO(plain_text(path), newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            if reader.line_num == 1 and separator(delimiter.join(cells)):
                continue
            yield reader.line_num, cells
    except csv.Error as error:
        raise ReadError(path, f"is no CSV table (line {reader.line_num}: {error})") from error


def separator(line: str) -> str | None:
    """Return what a first line for Excel says that parts the cells, None of any other line.

    Examples
    --------
    >>> separator("sep=;"), separator("separate;cells")
    (';', None)
    """
    match = re.fullmatch(r'"?sep=([,;\t|])"?', line.strip("\r\n"), re.IGNORECASE)
    return match[1] if match else None


def _workbook_lines(path: Path, sheet: str | None) -> Iterator[tuple[int, list[str]]]:
    _check_bytes(path)
    try:
        found = _xls_rows(path, sheet) if path.suffix.lower() == ".xls" else _xlsx_rows(path, sheet)
    except KeyError as error:
        raise ReadError(path, f"has no sheet '{sheet}'; is it the table of this set?") from error
    except Exception as error:  # a broken workbook makes its readers raise anything, and each of it means the same
        raise ReadError(path, f"cannot be opened as a workbook ({type(error).__name__}); export it to CSV") from error
    width = len(found[0]) if found else 0
    for number, cells in enumerate(found, start=1):
        yield number, [_cell_text(cell) for cell in cells] + [""] * (width - len(cells))


def _xlsx_rows(path: Path, sheet: str | None) -> list[tuple[Any, ...]]:
    import openpyxl  # noqa: PLC0415 - slow to import, and only a workbook needs it

    book = openpyxl.load_workbook(path, read_only=True)  # formulas as they stand, so that they are seen
    try:
        return list((book.worksheets[0] if sheet is None else book[sheet]).iter_rows(values_only=True))
    finally:
        book.close()


def _xls_rows(path: Path, sheet: str | None) -> list[tuple[Any, ...]]:
    import xlrd  # noqa: PLC0415 - as above

    book = xlrd.open_workbook(path)
    if sheet is not None and sheet not in book.sheet_names():
        raise KeyError(sheet)
    page = book.sheet_by_index(0) if sheet is None else book.sheet_by_name(sheet)
    return [tuple(page.row_values(row)) for row in range(page.nrows)]


def _cell_text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _check_bytes(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    if size > MAX_BYTES:
        raise ReadError(path, f"has {size:,} bytes; no table of a set has more than {MAX_BYTES:,}")


def plain_text(path: Path) -> str:
    """Return a text file's content as it is, line ends included.

    Raises
    ------
    ReadError
        If it cannot be opened, is larger than `MAX_BYTES`, is not UTF-8 or holds a NUL.
    """
    _check_bytes(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ReadError(path, f"is no UTF-8 text (byte {error.start}); save it as UTF-8") from error
    if "\0" in text:
        raise ReadError(path, f"holds a NUL (character {text.index(chr(0))}); it is damaged or no text")
    return text


def word_of(cell: str, nothing: Sequence[str] = ()) -> str | None:
    """Return a cell, or None where it is empty or one of the set's words for nothing (case does not count).

    Examples
    --------
    >>> word_of("oval"), word_of("N/A", ["n/a"]), word_of("")
    ('oval', None, None)
    """
    return None if not cell or cell.lower() in nothing else cell


def number_of(cell: str) -> float | None:
    """Return the finite number that a cell holds, or None where it holds none.

    Examples
    --------
    >>> number_of("57"), number_of("not available"), number_of(""), number_of("nan"), number_of("1_0")
    (57.0, None, None, None, None)
    """
    try:
        number = float(cell.replace("_", "?"))  # Python's own 1_000
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def label_of(word: str, known: Mapping[str, str], words: Mapping[str, str] | None, where: str) -> str:
    """Return the label that a set's word stands for; a word that nobody explained is refused, not guessed.

    Parameters
    ----------
    word : str
        As the set has it; case does not count.
    known : mapping
        The set's own words, lower case, to labels.
    words : mapping or None
        The user's words (`read_words`), which win.
    where : str
        Where the word stands, for the message.

    Raises
    ------
    InputError
        If neither knows the word.

    Examples
    --------
    >>> label_of("BENIGN", {"benign": "benign"}, None, "a.csv"), label_of("P3", {}, {"p3": "malignant"}, "a.csv")
    ('benign', 'malignant')
    """
    key = word.strip().lower()
    label = (words or {}).get(key) or known.get(key)
    if label is None:
        raise InputError(
            f"{where}: '{word}' is no label that is known here; say what it means in a file for --map (a line '{word},benign')"
        )
    return label


def read_words(path: str | Path) -> dict[str, str]:
    """Read a file for ``--map``: lines ``word,label``, label one of normal, benign, malignant, unknown.

    A first line ``word,label`` is taken as a header; empty lines and lines that begin with ``#`` are left out.

    Returns
    -------
    dict
        Word, lower case, to label.

    Raises
    ------
    ReadError
        If the file cannot be read, a line has not two cells, a label is none of the four, or a word has two meanings.
    """
    path = Path(path)
    meanings: dict[str, str] = {}
    for number, cells in enumerate(csv.reader(io.StringIO(plain_text(path), newline="")), start=1):
        cells = [cell.strip() for cell in cells]
        if not any(cells) or cells[0].startswith("#") or (number == 1 and cells == ["word", "label"]):
            continue
        if len(cells) != 2:
            raise ReadError(path, f"line {number} must be 'word,label', got {len(cells)} cells")
        word, label = cells[0].lower(), cells[1].lower()
        if label not in LABELS:
            raise ReadError(path, f"line {number}: the label must be one of {', '.join(LABELS)}, got '{cells[1]}'")
        if meanings.setdefault(word, label) != label:
            raise ReadError(path, f"line {number}: '{cells[0]}' was '{meanings[word]}' before and is '{label}' here; keep one")
    return meanings

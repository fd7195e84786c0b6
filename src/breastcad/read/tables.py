"""Others' tables: rows whose cells are stripped of blanks and line ends, and the words that they use for labels.

What a set's columns mean is in the set's own module.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from breastcad.core.errors import InputError, ReadError

LABELS = ("normal", "benign", "malignant", "unknown")


def table_rows(path: str | Path, needed: Iterable[str] = ()) -> list[dict[str, str]]:
    """Read a CSV table with a header, whatever its line ends, also where a quoted cell ends with a line break.

    Parameters
    ----------
    path : str or Path
        UTF-8, with or without a byte order mark.
    needed : iterable of str
        Columns that must be there.

    Returns
    -------
    list of dict
        A row each, column to cell, both without blanks and line ends at their ends. Empty lines are left out.

    Raises
    ------
    ReadError
        If the file cannot be opened, is not UTF-8, lacks a column, or a row has more or fewer cells than the header.
    """
    path = Path(path)
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in needed if name not in header]
    if missing:
        raise ReadError(path, f"lacks the column '{missing[0]}'; is it the table of this set?")
    rows = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise ReadError(path, f"the row that ends on line {reader.line_num} has {len(cells)} cells, the header {len(header)}")
        rows.append({name: cell.strip() for name, cell in zip(header, cells, strict=True)})
    return rows


def _text(path: Path) -> str:
    """Return a text file's content as it is, line ends included."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ReadError(path, f"is no UTF-8 text (byte {error.start})") from error


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
    for number, cells in enumerate(csv.reader(io.StringIO(_text(path), newline="")), start=1):
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

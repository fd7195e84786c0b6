"""Workbooks (.xlsx) of made-up sets, the same bytes for the same cells."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from breastcad.core.files import write_bytes

_EPOCH = (2020, 1, 1, 0, 0, 0)
_STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
Cell = str | int | float | None


def write_workbook(path: Path, sheets: Mapping[str, Sequence[Sequence[Cell]]]) -> None:
    """Write a workbook of named sheets, each a sequence of rows; the times that the format keeps are fixed ones."""
    import openpyxl  # noqa: PLC0415 - slow to import, and few sets have a workbook

    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(list(row))
    stream = io.BytesIO()
    book.save(stream)
    fixed = io.BytesIO()
    with zipfile.ZipFile(stream) as written, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as kept:
        for item in written.infolist():
            content = _STAMP.sub(rb"\g<1>2020-01-01T00:00:00Z", written.read(item))
            kept.writestr(zipfile.ZipInfo(item.filename, _EPOCH), content, zipfile.ZIP_DEFLATED)
    write_bytes(path, fixed.getvalue())

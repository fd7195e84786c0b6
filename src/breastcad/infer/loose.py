"""Images that are in no collection, as one: what a command that takes collections makes of files and folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, ImageRow
from breastcad.infer.inputs import known_reason, list_files
from breastcad.infer.names import Names
from breastcad.read import count_frames, identifiers
from breastcad.read.files import kind_of

NAME = "images"


def loose_collection(arguments: Sequence[str | Path]) -> Collection:
    """Return a collection of files and folders: a row a picture, numbered in the order of reading, nothing known of any but what it shows.

    Parameters
    ----------
    arguments : sequence of str or Path
        As `inputs.list_files` takes them. Masks, crops and other files are left out, with the reason among the problems.

    Returns
    -------
    Collection
        Each image's ``source`` (an own column) is its path, relative to its argument, without identifiers.

    Raises
    ------
    InputError
        If there is no argument, or one does not exist.
    """
    names = Names()
    rows: list[ImageRow] = []
    problems: list[str] = []
    files = list_files(arguments)
    root = os.path.commonpath([os.path.realpath(file.path.parent) for file in files]) if files else ""
    for file in files:
        try:
            names.learn(identifiers(file.path) if file.path.is_file() else [])
            reason = known_reason(file) or (None if kind_of(file.path) else "not an image")
            frames = count_frames(file.path) if reason is None else 0
        except ReadError as error:
            reason, frames = error.reason, 0
        if reason is not None:
            problems.append(f"{names.source(file.relative)}: {reason}")
        path = os.path.relpath(os.path.realpath(file.path), root)
        for frame in range(frames):
            extra = {"source": names.source(file.relative)}
            rows.append(ImageRow(NAME, f"{len(rows):04d}", path, frame=str(frame) if frames > 1 else None, extra=extra))
    facts = {"set": NAME, "title": "images", "reader": "none", "licence": "unknown", "cite": "", "problems": problems}
    return Collection(root, rows, facts={**facts, "counts": {"read": len(rows)}})

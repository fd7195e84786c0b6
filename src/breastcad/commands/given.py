"""Collections as they are given on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from breastcad.core.records import Collection


def given_collection(folder: Path) -> Collection:
    """Read a collection; a fault names the folder as it was given: of several, and of a wrong path, the last part says too little."""
    from breastcad.core.errors import InputError, ReadError
    from breastcad.core.files import read_collection

    try:
        return read_collection(folder)
    except ReadError as error:
        said = f" {error.reason}" if Path(error.path) == folder else f": {error}"
        raise InputError(f"'{folder}'{said}") from error


def given_collections(folders: Sequence[Path]) -> list[Collection]:
    """Read collections; no image may be in two of them, for then nothing could tell which one a split or a table means."""
    from breastcad.core.errors import InputError

    read: list[Collection] = []
    place_of: dict[tuple[str, str], Path] = {}
    for folder in folders:
        read.append(given_collection(folder))
        for image in read[-1].images:
            place = place_of.setdefault((image.set, image.image_id), folder)
            if place is not folder:
                raise InputError(
                    f"'{place}' and '{folder}' both hold an image '{image.image_id}' of a set '{image.set}': give each collection once, "
                    "and two sets of your own two names ('set:' in a map, docs/data.md)"
                )
    return read

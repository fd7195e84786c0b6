"""Collections as they are given on the command line."""

from __future__ import annotations

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

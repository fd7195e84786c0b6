"""Pictures and masks that are no files of their own but members of one: slices of an .npz, scans of OASBUD's .mat.

A member's path goes on behind its file: ``breastmnist_224.npz/train_images/17``, ``OASBUD.mat/data/12/rf1``. So one path names one
picture, as everywhere else, and only that member is decoded. The formats themselves are in `npz` and `mat_files`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.core.records import Picture

_NPZ, _MAT = b"PK\x03\x04", b"MATLAB "


def file_of(path: str | Path) -> Path:
    """Return the file that a path lies in: itself, or of a member's path the file that holds it."""
    path = Path(path)
    split = split_member(path)
    return split[0] if split else path


def split_member(path: str | Path) -> tuple[Path, list[str]] | None:
    """Take a member's path apart into its file and what it is called in there; None for any other path.

    A path goes on behind a file in no file system, so nothing else is mistaken for a member.
    """
    path = Path(path)
    if path.is_file():
        return None
    place = next((parent for parent in path.parents if parent.is_file()), None)
    return (place, list(path.relative_to(place).parts)) if place else None


def read_member(path: str | Path, frame: int | None = None) -> Picture:
    """Read one member as a picture: a slice of an .npz as it is, an RF scan of a .mat as a B-mode image (`rf.b_mode`).

    Parameters
    ----------
    path : str or Path
        A member's path.
    frame : int, optional
        A member has one, number 0.

    Returns
    -------
    Picture

    Raises
    ------
    ReadError
        If the file is no such file, is damaged, or has no member of that name.
    """
    place, names = _taken_apart(path)
    if frame not in (None, 0):
        raise ReadError(place, f"'{'/'.join(names)}' has one frame only, but frame {frame} was asked for")
    if _starts(place) == _NPZ:
        name, index = _name_and_number(place, names, 2)
        from breastcad.read.npz import npz_slice  # noqa: PLC0415 - few pictures lie so

        levels = npz_slice(place, name, index)
        return Picture(pixels=levels.astype(np.float32) / np.float32(255), bit_depth=8)
    signal = _field(place, names)
    from breastcad.read.rf import b_mode  # noqa: PLC0415 - scipy.signal is slow to import; only RF needs it

    return Picture(pixels=b_mode(signal), bit_depth=min(16, 8 * signal.dtype.itemsize), modality="US")


def read_member_mask(path: str | Path) -> NDArray[np.bool_]:
    """Read one member of a .mat as a mask: (H, W) bool, true where it is not zero.

    Raises
    ------
    ReadError
        As `read_member`.
    """
    return np.asarray(_field(*_taken_apart(path)) != 0)


def _taken_apart(path: str | Path) -> tuple[Path, list[str]]:
    split = split_member(path)
    if split is None:
        raise ReadError(path, "is no member of a file")
    return split


def _starts(place: Path) -> bytes:
    """Return which of the two kinds a file is, by its first bytes."""
    try:
        with open(place, "rb") as stream:
            head = stream.read(8)
    except OSError as error:
        raise ReadError(place, f"cannot be opened ({error.strerror})") from error
    for kind in (_NPZ, _MAT):
        if head.startswith(kind):
            return kind
    raise ReadError(place, "is no .npz and no .mat file, so it holds no pictures")


def _name_and_number(place: Path, names: list[str], parts: int) -> tuple[str, int]:
    """Return a member's array and the number in it, the first of its so many names."""
    if len(names) != parts or not (names[1].isascii() and names[1].isdigit()):
        raise ReadError(place, f"has no member '{'/'.join(names)}'")
    return names[0], int(names[1])


def _field(place: Path, names: list[str]) -> NDArray[np.generic]:
    """Return the 2D array of numbers that a .mat member names: variable, element from 0, field."""
    if _starts(place) != _MAT:
        raise ReadError(place, f"is no .mat file, so it has no member '{'/'.join(names)}'")
    variable, element = _name_and_number(place, names, 3)
    from breastcad.read.mat_files import mat_array  # noqa: PLC0415 - as above

    return mat_array(place, variable, element, names[2])

"""Which files a call names, in what order, and which of them are known by their names not to be images: masks and crops."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from breastcad.core.errors import InputError
from breastcad.core.records import UNFINISHED

OWN_RESULT = "findings.json"
_OWN_MARK = b"breastcad-findings/"

# Layouts of public sets (docs/findings.md lists them): a pattern for the stem of a file's name, and what such a file is.
_MASK_STEMS = (
    (re.compile(r".*_mask(_\d+)?", re.IGNORECASE), "a mask (named as BUSI's are)"),
    (re.compile(r"mask_.*", re.IGNORECASE), "a mask (named as BUS-BRA's are)"),
    (re.compile(r"case\d+_(tumor|other\d*)", re.IGNORECASE), "a mask (named as BrEaST-Lesions_USG's are)"),
    (re.compile(r".*_LI"), "a map of tissue labels (named as the DDSM tissue set's are)"),
    (re.compile(r".*_GT", re.IGNORECASE), "a mask (named as BUSIS's are)"),
)
_MASK_FOLDERS = frozenset({"masks", "mask", "gt", "ground_truth", "groundtruth", "segmentations"})
_CBIS_FINDING = re.compile(r"(Calc|Mass)-(Training|Test)_P_\d{5}_(LEFT|RIGHT)_(CC|MLO)_\d+")
_CBIS_SERIES = re.compile(r"(roi mask|cropped) images", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that a call names: the number of its argument, where it is, and its path relative to the argument."""

    argument: int
    path: Path
    relative: PurePath


def list_files(arguments: Sequence[str | Path]) -> list[InputFile]:
    """Return the files that arguments name: files as they are, folders walked in sorted order, without what is hidden.

    A file that several arguments name is taken once, at its first place. Analysis folders of breastcad, finished or not, are not walked
    into. A folder below an argument that is a link, or cannot be opened, stands in the list itself, so that it is skipped with a reason.

    Parameters
    ----------
    arguments : sequence of str or Path
        Files and folders.

    Raises
    ------
    InputError
        If there is no argument, or one does not exist.
    """
    if not arguments:
        raise InputError("no file or folder to analyse was given")
    if "" in arguments:  # Path("") is the current directory
        raise InputError("an empty path was given; name a file or a folder, the current one as '.'")
    seen: set[str] = set()
    files = []
    for number, argument in enumerate(map(Path, arguments)):
        if not argument.exists():
            raise InputError(f"no such file or folder: '{argument}'")
        for path in _walk(argument) if argument.is_dir() else [argument]:
            real = os.path.realpath(path)  # unlike Path.resolve it takes links that lead in a circle
            if real not in seen:
                seen.add(real)
                files.append(InputFile(number, path, path.relative_to(argument) if argument.is_dir() else PurePath(path.name)))
    return files


def _walk(folder: Path) -> Iterator[Path]:
    shut: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=lambda error: shut.append(Path(error.filename))):
        if any(name in names and _is_own_result(Path(place, name)) for name in (OWN_RESULT, UNFINISHED)):
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if Path(place, name).is_symlink()]
        yield from (Path(place, name) for name in sorted([*names, *links]) if not name.startswith("."))
    yield from shut


def _is_own_result(path: Path) -> bool:
    try:
        with open(path, "rb") as stream:
            return _OWN_MARK in stream.read(200)
    except OSError:
        return False


def is_cbis_crop_or_mask(private: Sequence[str]) -> bool:
    """Say if a DICOM's patient id is that of a CBIS-DDSM crop or mask: the film's, with the number of an abnormality.

    Examples
    --------
    >>> is_cbis_crop_or_mask(["Mass-Test_P_00820_LEFT_CC_1"]), is_cbis_crop_or_mask(["Mass-Test_P_00820_LEFT_CC"])
    (True, False)
    """
    return any(_CBIS_FINDING.fullmatch(text) for text in private)


def known_reason(file: InputFile) -> str | None:
    """Return why a file is not analysed, as far as its name and its folders tell; None where it must be opened."""
    if file.path.is_dir():
        linked = "a link to a folder, which is not followed; name the folder itself"
        return linked if file.path.is_symlink() else "a folder that cannot be opened"
    if not file.path.is_file():
        return "not a regular file"
    name = PurePath(file.relative.name)
    for pattern, reason in _MASK_STEMS:
        if pattern.fullmatch(name.stem):
            return reason
    if any(_CBIS_FINDING.fullmatch(part) or _CBIS_SERIES.search(part) for part in file.path.parts[:-1]):
        return "a mask or a crop (foldered as CBIS-DDSM's are)"
    # Folders are looked at below the argument only: who names a folder of masks by itself may call his images so.
    if any(part.lower() in _MASK_FOLDERS for part in file.relative.parts[:-1]):
        return "in a folder of masks"
    return None

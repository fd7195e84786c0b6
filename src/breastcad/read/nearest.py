"""What a folder that no reader knows holds, and which sets are the nearest: those of whose marks some are there."""

from __future__ import annotations

import fnmatch
import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

MOST = 20_000
"""Most names that are looked at."""
_SHOWN = 4
_SUFFIX = re.compile(r"\.[a-z][a-z\d]{0,4}$", re.IGNORECASE | re.ASCII)


def what_is_there(folder: str | Path, needed: Mapping[str, str], nearest: int = 3) -> tuple[str, list[str]]:
    """Say what lies in a folder and in two levels below it, and which sets are the nearest.

    Parameters
    ----------
    folder : str or Path
        Or a file: then it alone is looked at.
    needed : mapping
        Set to the sentence that says what its folder holds (`sets.Reader.needed`); its marks are the names in it.
    nearest : int
        Most sets to return.

    Returns
    -------
    found : str
        Such as ``"12 .png, 1 .csv, 2 folders"``, no names, which may be patients'; ``"nothing"`` of an empty folder.
    sets : list of str
        Such as ``"udiat (has original)"``, the one with the most marks first.
    """
    files, folders = _names(Path(folder))
    suffixes = Counter(match[0].lower() if (match := _SUFFIX.search(name)) else "other" for name in files)
    parts = [f"{count:,} {suffix}" for suffix, count in sorted(suffixes.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]]
    parts += [f"{len(folders):,} folder{'s' if len(folders) > 1 else ''}"] if folders else []
    names = {_plain(name) for name in (*files, *folders)}
    marks = {name: [mark for mark in _marks(sentence) if fnmatch.filter(names, _plain(mark))] for name, sentence in needed.items()}
    order = sorted((name for name in marks if marks[name]), key=lambda name: -len(marks[name]))
    return ", ".join(parts) or "nothing", [f"{name} (has {', '.join(marks[name][:_SHOWN])})" for name in order[:nearest]]


def _names(place: Path) -> tuple[list[str], list[str]]:
    """Return the names of files and of folders, at most `MOST`; hidden ones are left out."""
    if not place.is_dir():
        return [place.name], []
    files: list[str] = []
    folders: list[str] = []
    for at, below, names in os.walk(place):
        below[:] = sorted(name for name in below if not name.startswith("."))
        files += (name for name in names if not name.startswith("."))
        folders += below
        if len(Path(at).relative_to(place).parts) == 2 or len(files) + len(folders) > MOST:
            below.clear()
    return files[:MOST], folders[:MOST]


def _marks(sentence: str) -> list[str]:
    """Return the names of files and folders in what a set needs: quoted ones, words that only a name is, words after "folders"."""
    inner = sentence.partition("(")[2].rpartition(")")[0]
    bare = re.sub(r"'[^']+'", "", inner)
    words = [word for word in re.findall(r"[\w.*/-]+", bare) if re.search(r"[^\W\d_]", word) and re.search(r"[\d_*]|\w\.\w", word)]
    folders = re.findall(r"\bfolders? ((?:(?!with\b|such\b|of\b)[\w-]+(?:, | and |))+)", bare)
    listed = [word for said in folders for word in re.split(r", | and ", said) if word]
    return list(dict.fromkeys([*re.findall(r"'([^']+)'", inner), *(word.rpartition("/")[2] for word in words), *listed]))


def _plain(name: str) -> str:
    """Return a name as it is compared: small letters, ``0`` for every number."""
    return re.sub(r"\d+", "0", name.lower())

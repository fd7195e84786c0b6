"""The sets that breastcad reads, by name. A new set is a module in this folder and a line here."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from breastcad.core.errors import InputError
from breastcad.core.records import Collection
from breastcad.read import (
    bcdr,
    breast_lesions_usg,
    breastmnist,
    bus_bra,
    busi,
    busis,
    cbis_ddsm,
    cdd_cesm,
    cmmd,
    ddsm,
    ddsm_tissue,
    inbreast,
    mini_mias,
    oasbud,
    optimam,
    own_coco,
    own_csv,
    own_dicom,
    rodrigues,
    rsna,
    stu,
    udiat,
    vindr_mammo,
)
from breastcad.read.maps import apply_birads, as_map
from breastcad.read.nearest import what_is_there
from breastcad.read.trees import Progress


class ReadSet(Protocol):
    """A set's ``read`` function."""

    def __call__(
        self,
        folder: str | Path,
        *,
        tables: str | Path | None = None,
        words: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Collection:
        """Read a set's folder."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How one set is read: ``find`` gives the set's own folder or raises InputError, ``read`` a collection; it goes by ``needed``."""

    name: str
    needed: str
    find: Callable[[str | Path], Path]
    read: ReadSet


_SETS = (
    *(mini_mias, cbis_ddsm, ddsm, ddsm_tissue, inbreast, vindr_mammo, rsna, cmmd, cdd_cesm),
    *(busi, bus_bra, breast_lesions_usg, udiat, rodrigues, busis, stu),
    *(breastmnist, oasbud, bcdr, optimam),
)
_OWN = (own_csv, own_coco, own_dicom)
OWN = tuple(module.NAME for module in _OWN)
"""Forms that a set of the user's own may have; a map may name its columns."""
READERS: dict[str, Reader] = {module.NAME: Reader(module.NAME, module.NEEDED, module.find, module.read) for module in (*_SETS, *_OWN)}


def reader_for(name: str, folder: str | Path) -> Reader:
    """Return a set's reader; ``"auto"`` takes the one set whose files `folder` holds.

    Raises
    ------
    InputError
        If the name is unknown, or with "auto" none or several sets fit.
    """
    if name == "auto":
        return _recognised(folder)
    if name not in READERS:
        near = difflib.get_close_matches(name.lower().replace("_", "-"), READERS, n=2, cutoff=0.5)
        hint = f"near names: {', '.join(map(repr, near))}. " if near else ""
        raise InputError(f"unknown set '{name}'; {hint}Sets: auto, {', '.join(READERS)}")
    return READERS[name]


def _recognised(folder: str | Path) -> Reader:
    if not Path(folder).exists():
        raise InputError(f"'{folder}' is no folder; name the folder of a data set")
    places = _places(folder, [name for name in READERS if name not in OWN]) if Path(folder).is_dir() else {}
    # The folder above is looked at too; a set in or below the folder that was named counts before one beside it.
    given = Path(folder).resolve()
    below = [name for name, place in places.items() if place.resolve() == given or given in place.resolve().parents]
    # Published sets lie in files of these forms too: they count first.
    fitting = [READERS[name] for name in below or _places(folder, OWN) or places]
    if len(fitting) > 1:
        raise InputError(f"'{folder}' holds several sets ({', '.join(reader.name for reader in fitting)}); name the set in place of auto")
    if not fitting:
        found, nearest = what_is_there(folder, {reader.name: reader.needed for reader in READERS.values()})
        near = f"the nearest are {'; '.join(nearest)}; " if nearest else ""
        raise InputError(
            f"'{folder}' holds no set that is known here: {found}; {near}name the set in place of auto, or write a table of your images "
            f"(csv); each set's files are listed in docs/data.md, see: breastcad import --help"
        )
    return fitting[0]


def _places(folder: str | Path, names: Iterable[str]) -> dict[str, Path]:
    """Return the sets that a folder holds, and where."""
    places = {}
    for name in names:
        try:
            places[name] = READERS[name].find(folder)
        except InputError:
            continue
    return places


def read_set(
    name: str,
    folder: str | Path,
    *,
    tables: str | Path | None = None,
    words: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Collection:
    """Read a data set's own folder by the set's name.

    Parameters
    ----------
    name : str
        A key of `READERS`, or ``"auto"``.
    folder : str or Path
        The set's folder, or the one above or below it.
    tables : str or Path, optional
        Folder of the set's tables where they lie elsewhere.
    words : mapping, optional
        The user's label words, which win over the set's own, or all that a map says (`maps.read_map`).
    progress : callable, optional
        Called with (done, total).

    Returns
    -------
    Collection
        Its ``facts`` hold set, reader, licence, cite, counts and problems.

    Raises
    ------
    InputError
        If the set is unknown, its files are not there, or a label word is unknown.
    """
    return read_with(reader_for(name, folder), folder, tables=tables, words=words, progress=progress)


def read_with(
    reader: Reader,
    folder: str | Path,
    *,
    tables: str | Path | None = None,
    words: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Collection:
    """Read a folder by a reader that was found before; as `read_set`.

    Raises
    ------
    InputError
        As `read_set`, or if a map says of a published set what only a set of the user's own can have.
    """
    said = as_map(words)
    if said.own and reader.name not in OWN:
        raise InputError(
            f"the map's '{said.own[0]}' is for a set of your own ({', '.join(OWN)}); of '{reader.name}' it can say labels and birads"
        )
    collection = reader.read(folder, tables=tables, words=words, progress=progress)
    apply_birads(collection, said)
    return collection

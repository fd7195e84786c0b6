"""The made-up sets, by name. A new one is a module in this folder and a line here."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from breastcad.core.errors import InputError
from breastcad.core.files import write_text
from breastcad.phantom import (
    bcdr,
    breast_lesions_usg,
    breastmnist,
    bus_bra,
    busi,
    busis,
    cbis_ddsm,
    cbis_ddsm_downloads,
    cdd_cesm,
    cmmd,
    ddsm,
    ddsm_tissue,
    dicom_sets,
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
from breastcad.phantom.record import WrittenPicture


class WriteSet(Protocol):
    """A set's ``write`` function."""

    def __call__(self, folder: Path, *, n: int, seed: int, quirks: bool) -> list[WrittenPicture]:
        """Write the set's files into a folder."""


@dataclass(frozen=True, slots=True)
class Writer:
    """How one set is made up: ``counted`` says what `n` counts, ``default_n`` is how many there are unless told, ``most`` the limit."""

    name: str
    write: WriteSet
    default_n: int
    counted: str = "pictures"
    most: int = 10_000


WRITERS: dict[str, Writer] = {
    writer.name: writer
    for writer in (
        Writer("mini-mias", mini_mias.write, mini_mias.DEFAULT_N, "films, in whole pairs", 320),
        Writer("busi", busi.write, busi.DEFAULT_N),
        Writer("bus-bra", bus_bra.write, bus_bra.DEFAULT_N),
        Writer("breast-lesions-usg", breast_lesions_usg.write, breast_lesions_usg.DEFAULT_N, "images"),
        Writer("udiat", udiat.write, udiat.DEFAULT_N, "images"),
        Writer("rodrigues", rodrigues.write, rodrigues.DEFAULT_N, "images"),
        Writer("busis", busis.write, busis.DEFAULT_N, "images"),
        Writer("stu", stu.write, stu.DEFAULT_N, "pairs of image and mask", 42),
        Writer("breastmnist", breastmnist.write, breastmnist.DEFAULT_N, "images"),
        Writer("oasbud", oasbud.write, oasbud.DEFAULT_N, "lesions of two scans"),
        Writer("bcdr", bcdr.write, bcdr.DEFAULT_N, "women of two films"),
        Writer("optimam", optimam.write, optimam.DEFAULT_N, "women of four films"),
        Writer("cbis-ddsm", cbis_ddsm.write, cbis_ddsm.DEFAULT_N, "films"),
        Writer("cbis-ddsm-dicom", cbis_ddsm_downloads.write_dicom, cbis_ddsm_downloads.DEFAULT_N, "films"),
        Writer("cbis-ddsm-renamed", cbis_ddsm_downloads.write_renamed, cbis_ddsm_downloads.DEFAULT_N, "films"),
        Writer("cbis-ddsm-jpeg", cbis_ddsm_downloads.write_jpegs, cbis_ddsm_downloads.DEFAULT_N, "films"),
        Writer("ddsm", ddsm.write, ddsm.DEFAULT_N, "cases of four views"),
        Writer("ddsm-tissue", ddsm_tissue.write, ddsm_tissue.DEFAULT_N, "films"),
        Writer("cdd-cesm", cdd_cesm.write, cdd_cesm.DEFAULT_N, "images"),
        Writer("inbreast", inbreast.write, inbreast.DEFAULT_N, "exams of four films"),
        Writer("vindr-mammo", vindr_mammo.write, vindr_mammo.DEFAULT_N, "exams of four films"),
        Writer("rsna", rsna.write, rsna.DEFAULT_N, "women of four films"),
        Writer("cmmd", cmmd.write, cmmd.DEFAULT_N, "women of four films or two", 999),
        Writer("csv", own_csv.write, own_csv.DEFAULT_N, "images"),
        Writer("coco", own_coco.write, own_coco.DEFAULT_N, "images"),
        Writer("dicom", dicom_sets.write_exams, dicom_sets.DEFAULT_N_EXAMS, "exams of four films"),
        Writer("dicom-folder", own_dicom.write, own_dicom.DEFAULT_N, "exams of four films"),
        Writer("dicom-us", dicom_sets.write_ultrasound, dicom_sets.DEFAULT_N_ULTRASOUND, "files"),
    )
}


def writer_for(name: str) -> Writer:
    """Return a set's writer; InputError if there is none of that name.

    Examples
    --------
    >>> writer_for("busi").default_n
    12
    """
    if name not in WRITERS:
        near = difflib.get_close_matches(name.lower().replace("_", "-"), WRITERS, n=2, cutoff=0.5)
        hint = f"near names: {', '.join(map(repr, near))}. " if near else ""
        raise InputError(f"no made-up set '{name}'; {hint}Sets: {', '.join(WRITERS)}")
    return WRITERS[name]


def write_set(name: str, folder: str | Path, *, n: int | None = None, seed: int = 0, quirks: bool = True) -> list[WrittenPicture]:
    """Write a made-up set in a real set's own format, and a README.txt that says that it is made up.

    Parameters
    ----------
    name : str
        A key of `WRITERS`.
    folder : str or Path
        Is made; files of the same names are replaced. One that holds a made-up set of another call is refused: pictures of both
        would lie there, and the tables would name those of one.
    n : int, optional
        How many (`Writer.counted`); by default `Writer.default_n`. The first pictures do not depend on it.
    seed : int
    quirks : bool
        With what the real set has of oddities, as far as `n` has room for them.

    Returns
    -------
    list of WrittenPicture
        What was written, and the truth of it.

    Raises
    ------
    InputError
        If the set is unknown, `n` out of range, or the folder holds a made-up set of another call.
    """
    writer = writer_for(name)
    count = writer.default_n if n is None else n
    if not 1 <= count <= writer.most:
        raise InputError(f"--n must be from 1 to {writer.most} for '{name}' ({writer.counted}), got {count}")
    folder = Path(folder)
    call = f"breastcad phantom {name} --n {count} --seed {seed} --{'' if quirks else 'no-'}quirks"
    _refuse_another_set(folder / "README.txt", call)
    folder.mkdir(parents=True, exist_ok=True)
    # First, so that no folder of made-up pictures stands without it, even where the writing is stopped.
    write_text(folder / "README.txt", _readme(call, []))
    written = writer.write(folder, n=count, seed=seed, quirks=quirks)
    write_text(folder / "README.txt", _readme(call, written))
    return written


def _refuse_another_set(readme: Path, call: str) -> None:
    text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
    other = re.search(r"^  (breastcad phantom .*)$", text, re.MULTILINE)
    if text.startswith("MADE UP.") and other and other[1] != call:
        raise InputError(f"'{readme.parent}' holds the made-up set of another call ({other[1]}); name another folder, or delete it first")


def _readme(call: str, written: list[WrittenPicture]) -> str:
    """Return the text that stands beside the pictures: what they are, what they are not, and what each holds."""
    head = f"""\
MADE UP. These pictures were computed from random numbers by breastcad's phantom:

  {call}

No patient is shown. They are for testing and for showing how things look; they support no
claim about any picture of a real breast, and a figure measured on them says nothing of accuracy.

"""
    lines = [f"{item.path}: {item.label}" + "".join(f", {_place(box)}" for box in item.boxes) for item in written]
    what = "What each picture holds (rows and columns of lesions, from 0, ends not included):\n\n" if lines else ""
    return head + what + "\n".join(lines) + ("\n" if lines else "")


def _place(box: tuple[float, float, float, float]) -> str:
    return f"rows {box[0]:g} to {box[2]:g} columns {box[1]:g} to {box[3]:g}"

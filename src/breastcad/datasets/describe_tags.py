"""What DICOM headers say of images with cancer and of the others: which tags are filled in, with which values, and how far they part.

A tag that parts malignant images from the others is a shortcut that a model may learn, or a trace of how the set was put together.
Which tags may be told at all is decided in `read.dicom_tags`; which of their values here: words that somebody may have typed only where
several patients have them, since a day, a name or a remark may stand anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import dictionary_VR

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, ImageRow
from breastcad.datasets.describe import HELD_BACK, Count, Numbers, counted, of_few, summed_up
from breastcad.read.dicom import dicom_tags
from breastcad.read.dicom_tags import HIDDEN, NOT_READABLE, SHOWN
from breastcad.read.files import kind_of

Progress = Callable[[int, int], None]
SHUFFLES = 200
CHANCE = 0.99
MOST_VALUES = 50
"""A tag with more numbers than this is told by its quartiles only."""
_TOLD_AS_THEY_ARE = ("UI", "US", "SS", "US or SS", "IS", "DS")
"""Representations of numbers, and of UIDs, whose standard names alone are read. All others may hold what somebody typed, AS an age."""
_ONE_WORD_TERMS = """
MG US CR DX DR MR CT SC OT ORIGINAL DERIVED PRIMARY SECONDARY AXIAL SUBTRACTION TOMOSYNTHESIS TOMO GENERATED_2D POST_PROCESSED
LOW_ENERGY HIGH_ENERGY VOLUME PROJECTION MONOCHROME1 MONOCHROME2 RGB YBR_FULL YBR_FULL_422 YBR_ICT YBR_RCT IDENTITY INVERSE LINEAR
LINEAR_EXACT SIGMOID LIN LOG DISP BREAST CHEST CC MLO ML LM LMO XCC XCCL XCCM FB SIO CV L R B U A P H F AR PR AL PL FR FL AFR PFR AFL
PFL M O YES NO Y N 00 01 DV DI DF WSD SD SI DRW SYN ISO_10918_1 ISO_14495_1 ISO_15444_1 DIRECT SCINTILLATOR STORAGE FILM AREA SLOT
RECTANGLE ROUND HEXAGONAL NONE MOLYBDENUM RHODIUM TUNGSTEN ALUMINUM SILVER COPPER NIOBIUM FIXED FOCUSED RECIPROCATING PARALLEL CROSSED
MANUAL AUTOMATIC NORMAL ABORTED MAMMOGRAPHIC CARM COLUMN GEOMETRY FIDUCIAL SECTOR_PHASED SECTOR_MECH SECTOR_ANNULAR
"""
_STANDARD_TERMS = {
    *_ONE_WORD_TERMS.split(),
    *("FOR PRESENTATION", "FOR PROCESSING", "PALETTE COLOR", "ISO_IR 100", "ISO_IR 192", "CURVED LINEAR"),
}
"""Coded strings (CS) that the standard defines: told however few patients have them, since nobody typed them about one of them."""
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?"
    r"|dec(?:ember)?)\.?"
)
_DAY = re.compile(
    rf"(?<!\d)[0-3]?\d[-./ ][0-3]?\d[-./ ](?:19|20)\d\d(?!\d)|(?<!\d)[0-3]\d[01]\d(?:19|20)\d\d(?!\d)"
    rf"|(?<![a-z]){_MONTH}\s*[0-3]?\d(?!\d)|(?<!\d)[0-3]?\d(?:st|nd|rd|th|\.)?[- ]*{_MONTH}(?![a-z])",
    re.IGNORECASE,
)
"""A day with its day or month first, as `03.11.1954` or `March 3rd`; one with its year first never comes from `read.dicom_tags`."""


@dataclass(frozen=True, slots=True)
class TagFound:
    """One tag: in how many files it is filled in, and how far it parts malignant images from benign and normal ones.

    ``parting`` is the largest difference between the share of malignant images and that of the others which a rule on this tag alone
    can pick, in [0, 1]; ``chance`` is what `CHANCE` of the shuffled labels stay below. Both are None where a group is empty.
    ``held_back`` of its ``distinct`` values are not told.
    """

    keyword: str
    filled: int
    distinct: int
    parting: float | None
    chance: float | None
    held_back: int = 0

    @property
    def stands_out(self) -> bool:
        """Say if the tag parts the groups further than chance."""
        return self.parting is not None and self.chance is not None and self.parting > self.chance


@dataclass(slots=True)
class TagExploration:
    """What the headers of one collection's files say.

    ``present`` images are there, ``looked_at`` files were opened, ``read`` of them are DICOM and could be read. ``counts`` and
    ``numbers`` have the keyword as their facet or quantity; an empty value is a tag that is not filled in. ``others`` is the median
    number of elements a file that are not read out.
    """

    present: int
    looked_at: int
    read: int
    labels: dict[str, int] = field(default_factory=dict)
    tags: list[TagFound] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    numbers: list[Numbers] = field(default_factory=list)
    others: int = 0
    unread: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Headers:
    rows: list[ImageRow]
    values: list[Mapping[str, str | float]]
    others: list[int]


def explore_tags(
    collection: Collection, name: str, limit: int | None, generator: np.random.Generator, progress: Progress | None = None
) -> TagExploration:
    """Read the headers of a collection's DICOM files, or of a sample of them, and compare labels.

    Parameters
    ----------
    collection : Collection
    name : str
        What the rows call the set.
    limit : int or None
        Open at most so many files, half of them malignant where there are as many, drawn at random; None opens all.
    generator : numpy.random.Generator
    progress : callable, optional
        Called with (done, total).

    Returns
    -------
    TagExploration
        Files that are not DICOM are passed over; those that cannot be read are told in ``unread`` and left out.
    """
    there = list({image.path: image for image in collection.images if image.present and image.path}.values())
    drawn = _drawn(there, limit, generator)
    found = TagExploration(len(there), len(drawn), 0)
    headers = _read(Path(collection.root), drawn, found, progress)
    found.read = len(headers.rows)
    if not headers.rows:
        return found
    found.others = int(np.median(headers.others))
    labels = [row.label for row in headers.rows]
    found.labels = {label: labels.count(label) for label in dict.fromkeys(labels)}
    patients = [row.patient_id for row in headers.rows]
    shuffled = _shuffled_labels(headers.rows, generator)
    for keyword in SHOWN:
        values = [told.get(keyword) for told in headers.values]
        if any(value is not None for value in values):
            _enter(found, name, keyword, values, labels, hidden_of(keyword, values, patients), shuffled)
    found.tags.sort(key=lambda tag: (not tag.stands_out, -(tag.parting or 0), SHOWN.index(tag.keyword)))
    return found


def _drawn(images: Sequence[ImageRow], limit: int | None, generator: np.random.Generator) -> list[ImageRow]:
    """Draw images, as many malignant ones as others where there are enough; in the order of the table."""
    if limit is None or limit >= len(images):
        return list(images)
    malignant = [place for place, image in enumerate(images) if image.label == "malignant"]
    others = [place for place, image in enumerate(images) if image.label != "malignant"]
    of_malignant = min(len(malignant), max(limit // 2, limit - len(others)))
    places = [*generator.permutation(malignant)[:of_malignant], *generator.permutation(others)[: limit - of_malignant]]
    return [images[int(place)] for place in sorted(places)]


def _read(root: Path, images: Sequence[ImageRow], found: TagExploration, progress: Progress | None) -> _Headers:
    headers = _Headers([], [], [])
    for done, image in enumerate(images, start=1):
        path = root / str(image.path)
        try:
            if kind_of(path) == "DICOM":
                tags = dicom_tags(path)
                headers.rows.append(image)
                headers.values.append(tags.values)
                headers.others.append(tags.others)
        except ReadError as error:
            found.unread.append(str(ReadError(image.image_id, error.reason, error.private)))  # a file may be named after a patient
        if progress:
            progress(done, len(images))
    return headers


def _enter(
    found: TagExploration,
    name: str,
    keyword: str,
    values: Sequence[str | float | None],
    labels: Sequence[str],
    hidden: set[str],
    shuffled: NDArray[np.bool_] | None,
) -> None:
    """Add one tag: its values by label but for those that are hidden, its numbers, and how far it parts."""
    written = [_written(value) for value in values]
    pairs = [(HELD_BACK if value in hidden else value, label) for value, label in zip(written, labels, strict=True)]
    filled = sum(value is not None for value in values)
    distinct = len({value for value in written if value})
    numbers = [(float(value), label) for value, label in zip(values, labels, strict=True) if isinstance(value, int | float)]
    if distinct <= MOST_VALUES or not numbers:
        found.counts += counted(name, keyword, pairs)
    else:
        found.counts += counted(name, keyword, [("filled in" if value else "", label) for value, label in pairs])
    found.numbers += summed_up(name, keyword, numbers)
    parting, chance = None, None
    if shuffled is not None:
        known = [place for place, label in enumerate(labels) if label != "unknown"]
        partings = partings_of([values[place] for place in known], shuffled).round(9)
        parting, chance = float(partings[0]), float(np.quantile(partings[1:], CHANCE))
    found.tags.append(TagFound(keyword, filled, distinct, parting, chance, len(hidden)))


def hidden_of(keyword: str, values: Sequence[str | float | None], patients: Sequence[str | None]) -> set[str]:
    """Return the values of a tag that are not told: words of fewer than `LEAST_PATIENTS` patients, days, and ages of as few.

    Parameters
    ----------
    keyword : str
    values : (N,) sequence of str, float or None
    patients : (N,) sequence of str or None
        Of the same files.

    Returns
    -------
    set of str
        As they are written in tables. Numbers, names of UIDs and words that the standard defines are told.

    Examples
    --------
    >>> sorted(hidden_of("PaddleDescription", ["24x29"] * 3 + ["for Jane"] + ["of 03.11.1954"] * 3, [*"pqr", "p", *"pqr"]))
    ['for Jane', 'of 03.11.1954']
    >>> hidden_of("ViewPosition", ["CC", "JANE"], ["p", "q"]), hidden_of("KVP", [28.0, 30.0], ["p", "q"])
    ({'JANE'}, set())
    """
    representation = dictionary_VR(keyword)
    if representation in _TOLD_AS_THEY_ARE:
        return set()
    written = [_written(value) for value in values]
    hidden = of_few(written, patients) | {word for word in written if _DAY.search(word)}
    harmless = {HIDDEN, NOT_READABLE}
    if representation == "CS":
        harmless |= {word for word in hidden if _STANDARD_TERMS.issuperset(word.split("\\"))}
    return hidden - harmless


def _written(value: str | float | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.10g}"


# ---- how far a tag parts malignant images from the others ----


def _shuffled_labels(rows: Sequence[ImageRow], generator: np.random.Generator) -> NDArray[np.bool_] | None:
    """Return (1 + `SHUFFLES`, N) which of the images with a label are malignant: as they are, then shuffled by whole patients.

    Patients change places with their labels in a row, so that images of one woman stay as alike in a shuffled labelling as they are.
    None where there is no malignant image, or no other.
    """
    known = [row for row in rows if row.label != "unknown"]
    malignant = np.array([row.label == "malignant" for row in known], bool)
    if not malignant.any() or malignant.all():
        return None
    number: dict[str, int] = {}
    group = np.array([number.setdefault(row.patient_id or f"\0{place}", len(number)) for place, row in enumerate(known)])
    by_group = np.argsort(group, kind="stable")
    labellings = np.empty((1 + SHUFFLES, len(known)), bool)
    labellings[0] = malignant
    for shuffle in range(1, 1 + SHUFFLES):
        rank = generator.permutation(len(number))
        labellings[shuffle, by_group] = malignant[np.argsort(rank[group], kind="stable")]
    return labellings


def partings_of(values: Sequence[str | float | None], labellings: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how far values part two groups, labelling by labelling: the largest difference of shares that a rule can pick.

    For words a rule picks any set of values (half the sum of absolute differences of shares: the total variation distance); for
    numbers it is a threshold (the statistic of Kolmogorov and Smirnov). What is not known is a word, or a number below all others.

    Parameters
    ----------
    values : (N,) sequence of str, float or None
        Numbers count as words where one value is a word.
    labellings : (L, N) ndarray of bool
        The first group; none and all of N must not be in it.

    Returns
    -------
    (L,) ndarray of float64
        In [0, 1].

    Examples
    --------
    >>> first = np.array([[True, True, False, False], [True, False, True, False]])
    >>> partings_of(["a", "a", "b", None], first).tolist(), partings_of([1.0, 2.0, 2.0, 3.0], first).tolist()
    ([1.0, 0.5], [0.5, 0.5])
    """
    numeric = not any(isinstance(value, str) for value in values)
    if numeric:
        levels, codes = np.unique([-np.inf if value is None else float(value) for value in values], return_inverse=True)
    else:
        levels, codes = np.unique(["" if value is None else _written(value) for value in values], return_inverse=True)
    count, first = len(levels), labellings.sum(axis=1, keepdims=True)
    rows = np.arange(len(labellings))[:, None] * count + codes
    all_of = np.bincount(codes, minlength=count)
    of_first = np.bincount(rows[labellings], minlength=len(labellings) * count).reshape(-1, count)
    difference = of_first / first - (all_of - of_first) / (labellings.shape[1] - first)
    if numeric:
        return np.asarray(np.abs(difference.cumsum(axis=1)).max(axis=1))
    return np.asarray(np.abs(difference).sum(axis=1) / 2)

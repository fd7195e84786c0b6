"""A reader study as it is given: tables of ratings and truth become arrays of condition by reader by case. Figures are in `readers`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_table

MALIGNANT, BENIGN, MISSING = 1, 0, -1
WORDS = {"malignant": MALIGNANT, "benign": BENIGN, "normal": BENIGN, "missing": MISSING}
"""What a code can stand for; normal counts as benign, since the question is whether it is malignant."""
BI_RADS = "0=missing 1=benign 2=benign 3=benign 4=malignant 4A=malignant 4B=malignant 4C=malignant 5=malignant 6=malignant"
"""The ready code ``bi-rads``: 4 and above would be biopsied; 0 (incomplete) is no assessment."""
_SAID = {MALIGNANT: "malignant", BENIGN: "benign", MISSING: "unknown"}
_WITHIN_4 = {"4a": 4.0, "4b": 4.25, "4c": 4.5}
LEVELS_OF_A_SCALE = 12
"""Ratings of more different values than these are scores, and not the steps of a scale that kappa could be weighted by."""


@dataclass(frozen=True, slots=True)
class RatingRow:
    """One reader's word on one case: a row of the table of ratings. ``condition`` may be called ``modality``, and need not be there."""

    case: str
    reader: str
    rating: str | None = None
    patient: str | None = None
    condition: str | None = None
    modality: str | None = None
    truth: str | None = None


@dataclass(frozen=True, slots=True)
class TruthRow:
    """What is true of one case: a row of a table of truth."""

    case: str
    truth: str
    patient: str | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """A reader study: T conditions, R readers, N cases.

    ``patients`` (N,) and ``several`` says if a patient has several cases; ``truth`` (N,) and ``called`` (T, R, N) hold 1 for malignant,
    0 for benign, -1 where not known; ``ranks`` (T, R, N) rise with suspicion, NaN where missing, and are None where ratings have no
    order. ``scale`` has the values of ranks in order where they are few, and ``steps`` the ratings that they stand for, as they were
    written. ``remarks`` say what whoever reads a figure must know.
    """

    conditions: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    patients: NDArray[np.str_]
    several: bool
    truth: NDArray[np.int8]
    called: NDArray[np.int8]
    ranks: NDArray[np.float64] | None
    scale: tuple[float, ...]
    steps: tuple[str, ...]
    remarks: tuple[str, ...]


def _canonical(text: str) -> str:
    """Return a code so that 1, 1.0 and " 1" are one, and 4a and 4A."""
    text = text.strip().casefold()
    try:
        number = float(text)
    except ValueError:
        return text
    return format(number, ".12g") if math.isfinite(number) else text


def parse_code(text: str) -> dict[str, int]:
    """Return what each code stands for.

    Parameters
    ----------
    text : str
        ``bi-rads``, or codes with their words, parted by spaces or commas: ``"1=benign 0=malignant"``.

    Returns
    -------
    dict of str to int
        1 malignant, 0 benign, -1 missing.

    Raises
    ------
    InputError
        If it cannot be read, names a code twice, a word that is none, or no code for malignant or for benign.

    Examples
    --------
    >>> parse_code("1=benign 0=malignant")
    {'1': 0, '0': 1}
    >>> parse_code("bi-rads")["4a"]
    1
    """
    found: dict[str, int] = {}
    for part in re.split(r"[\s,]+", (BI_RADS if text.casefold() in ("bi-rads", "birads") else text).strip()):
        code, sign, word = part.partition("=")
        key = _canonical(code)
        if not (sign and key and word.casefold() in WORDS):
            raise InputError(
                f"a code must be like \"1=benign 0=malignant\", or bi-rads; '{part}' is no code with one of {', '.join(WORDS)}"
            )
        if key in found:
            raise InputError(f"the code '{code}' is given twice")
        found[key] = WORDS[word.casefold()]
    if not {MALIGNANT, BENIGN} <= set(found.values()):
        raise InputError(f"a code must say which codes are benign and which malignant, got '{text}'")
    return found


def read_study(
    ratings: str | Path,
    truth: str | Path | None = None,
    *,
    code: str | None = None,
    truth_code: str | None = None,
    threshold: float | None = None,
) -> Study:
    """Read a table of ratings, and of truth where it is another, as a study.

    Parameters
    ----------
    ratings : str or Path
        CSV with a `RatingRow` a row.
    truth : str or Path, optional
        CSV with a `TruthRow` a row; without it the column ``truth`` of the ratings, where there is one. Beside it that column must not say
        anything else.
    code, truth_code : str, optional
        As `parse_code` takes them; without, ratings are words or numbers, truth is in words.
    threshold : float, optional
        Finite; numbers at or above it are called malignant.

    Returns
    -------
    Study

    Raises
    ------
    InputError
        If a rating or a truth means nothing, stands twice or against itself, the threshold is not finite, or both a code and a threshold
        are given.
    """
    if code is not None and threshold is not None:
        raise InputError("give --code, for codes, or --threshold, for scores, but not both")
    if threshold is not None and not math.isfinite(threshold):
        raise InputError(f"--threshold must be a finite number, got {threshold}")
    path = Path(ratings)
    rows = read_table(path, RatingRow)
    if not rows:
        raise ReadError(path, "has no rows; it needs one a reader and case")
    if any(row.condition for row in rows) and any(row.modality for row in rows):
        raise ReadError(path, "has both 'condition' and 'modality' filled; keep one, they mean the same here")
    patients, truths, told = _of_cases(path, rows, None if truth is None else Path(truth), truth_code)
    said = _said(path, rows)
    conditions, readers, cases = (tuple(dict.fromkeys(key[axis] for key in said)) for axis in range(3))
    texts = [[[_canonical(said.get((c, r, case)) or "") for case in cases] for r in readers] for c in conditions]
    given = np.array(texts, dtype=object)
    called, ranks, text_of = _meaning(given, code, threshold)
    truth_of = np.array([truths.get(case, MISSING) for case in cases], np.int8)
    _refuse_unexplained(given, called, ranks, code)
    of_cases = np.array([patients.get(case, f"case {case}") for case in cases])
    several = len(set(of_cases)) < len(cases)
    scale = tuple(sorted(text_of)) if 2 < len(text_of) <= LEVELS_OF_A_SCALE else ()
    written = {_canonical(text): text.strip() for text in reversed(list(said.values())) if text}  # of two spellings the first
    steps = tuple(written[text_of[rank]] for rank in scale)
    told = _told(given, called, ranks, conditions, readers) + told + _told_of_cases(truth_of, truths, cases, patients)
    return Study(conditions, readers, cases, of_cases, several, truth_of, called, ranks, scale, steps, tuple(told))


def _of_cases(
    path: Path, rows: Sequence[RatingRow], truth: Path | None, code: str | None
) -> tuple[dict[str, str], dict[str, int], list[str]]:
    """Return the patient of each case that names one, the truth of each that has one, and what is to be told of two tables."""
    patients, truths = _of_table(path, rows, code)
    if truth is None:
        return patients, truths, []
    others, known = _of_table(truth, read_table(truth, TruthRow), code)
    beside = {case: value for case, value in truths.items() if value != MISSING}  # "unknown" contradicts nothing
    _refuse_contradiction(truth, "patient", patients, others)
    _refuse_contradiction(truth, "truth", *({case: _SAID[value] for case, value in of.items()} for of in (beside, known)))
    unused = len(beside.keys() - known.keys())
    told = [f"{unused} of {len(beside)} cases with a truth beside their ratings have none in the table of truth, which alone counts"]
    return patients | others, known, told if unused else []


def _of_table(path: Path, rows: Sequence[RatingRow] | Sequence[TruthRow], code: str | None) -> tuple[dict[str, str], dict[str, int]]:
    """Return the patients and the truths of one table's cases."""
    patients = _one_each(path, "patient", [(row.case, row.patient) for row in rows if row.patient])
    truths = _one_each(path, "truth", [(row.case, _canonical(row.truth)) for row in rows if row.truth])
    means = {word: value for word, value in WORDS.items() if value != MISSING} | {"unknown": MISSING} | (parse_code(code) if code else {})
    wrong = next((word for word in truths.values() if word not in means), None)
    if wrong is not None:
        raise InputError(f"truth must be benign, malignant, normal or unknown, got '{wrong}'; say what codes mean with --truth-code")
    return patients, {case: means[word] for case, word in truths.items()}


def _refuse_contradiction(truth: Path, what: str, beside: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Refuse a table of truth that says something else of a case than the ratings do: to take either would be to guess."""
    for case, word in beside.items():
        if known.get(case, word) != word:
            raise ReadError(truth, f"says of case '{case}' {what} '{known[case]}', but the ratings say '{word}'; correct one of the two")


def _said(path: Path, rows: Sequence[RatingRow]) -> dict[tuple[str, str, str], str | None]:
    """Return each reader's word by condition, reader and case."""
    found: dict[tuple[str, str, str], str | None] = {}
    for row in rows:
        key = (row.condition or row.modality or "", row.reader, row.case)
        if key in found:
            under = f" under '{key[0]}'" if key[0] else ""
            raise ReadError(
                path, f"has two ratings of reader '{row.reader}'{under} for case '{row.case}'; keep one, or name another condition"
            )
        found[key] = row.rating
    return found


def _one_each(path: Path, what: str, said: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Map each case to the one word that is said of it."""
    found: dict[str, str] = {}
    for case, word in said:
        if found.setdefault(case, word) != word:
            raise ReadError(path, f"says two things of case '{case}': {what} '{found[case]}' and '{word}'")
    return found


def _meaning(
    given: NDArray, code: str | None, threshold: float | None
) -> tuple[NDArray[np.int8], NDArray[np.float64] | None, dict[float, str]]:
    """Return what was called of each case, and how suspect, of texts as they were given; and the text of each rank."""
    values = sorted({text for text in given.ravel() if text})
    if not values:
        raise InputError("all ratings are empty")
    means = _means(values, code, threshold)
    ranks = _ranks(values, means if code is not None else None)
    called = np.array([means.get(text, MISSING) for text in given.ravel()], np.int8).reshape(given.shape)
    if ranks is None:
        return called, None, {}
    of_cases = np.array([ranks.get(text, np.nan) for text in given.ravel()], np.float64).reshape(given.shape)
    return called, of_cases, {rank: text for text, rank in ranks.items()}


def _refuse_unexplained(given: NDArray, called: NDArray[np.int8], ranks: NDArray[np.float64] | None, code: str | None) -> None:
    """Refuse one or two numbers that nobody says the meaning of: they decide nothing, and rank too little for an area."""
    if code is None and (called == MISSING).all() and ranks is not None and len(np.unique(ranks[np.isfinite(ranks)])) < 3:
        values = ", ".join(sorted({text for text in given.ravel() if text}))
        raise InputError(
            f"nothing can be made of ratings {values}: say with --code which is malignant, or with --threshold from which number on"
        )


def _means(values: Sequence[str], code: str | None, threshold: float | None) -> dict[str, int]:
    """Return what each rating calls a case: by the code, as a word, or by the threshold; numbers without one call it nothing."""
    if code is not None or all(text in WORDS for text in values):
        means = WORDS if code is None else parse_code(code)
        wrong = next((text for text in values if text not in means), None)
        if wrong is not None:
            raise InputError(f"a rating '{wrong}' is none of the codes {', '.join(means)}; say what it means with --code")
        return {text: means[text] for text in values}
    found = {}
    for text in values:
        number = _number(text)
        if number is None:
            beside = ", as others are" if text in WORDS else ", and not benign or malignant"
            raise InputError(f"a rating '{text}' is no number{beside}; say what it means with --code")
        found[text] = MISSING if threshold is None else int(number >= threshold)
    return found


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _ranks(values: Sequence[str], means: Mapping[str, int] | None) -> dict[str, float] | None:
    """Return numbers that rise with suspicion; None where ratings have no order, or a code that contradicts it.

    Numbers rise with suspicion; where the code says that the higher ones are benign they are turned. BI-RADS 4A to 4C lie below 5.
    """
    within = [text for text in values if text in _WITHIN_4]
    if within and "4" in values:
        raise InputError("ratings have both '4' and '4A' to '4C', which cannot be ranked: write all with the letter, or all without")
    found = {text: _WITHIN_4.get(text, _number(text)) for text in values if means is None or means[text] != MISSING}
    ranks = {text: number for text, number in found.items() if number is not None}
    if len(ranks) < len(found):
        return None
    if means is None:
        return ranks
    benign = [number for text, number in ranks.items() if means[text] == BENIGN]
    malignant = [number for text, number in ranks.items() if means[text] == MALIGNANT]
    if not benign or not malignant or max(benign) < min(malignant):
        return ranks
    return {text: -number for text, number in ranks.items()} if max(malignant) < min(benign) else None


def _told(
    given: NDArray, called: NDArray[np.int8], ranks: NDArray[np.float64] | None, conditions: Sequence[str], readers: Sequence[str]
) -> list[str]:
    """Say which ratings are missing; none is filled in."""
    absent = (called == MISSING) if ranks is None or (called != MISSING).any() else ~np.isfinite(ranks)
    found = []
    for c, condition in enumerate(conditions):
        for r, reader in enumerate(readers):
            n = int(absent[c, r].sum())
            if n:
                empty = int(sum(not text for text in given[c, r]))
                under = f" under '{condition}'" if condition else ""
                coded = f" ({n - empty} given, but as no assessment)" if n > empty else ""
                found.append(f"reader '{reader}' has no rating{under} of {n} of {absent.shape[2]} cases{coded}; none was filled in")
    return found


def _told_of_cases(truth: NDArray[np.int8], truths: Mapping[str, int], cases: Sequence[str], patients: Mapping[str, str]) -> list[str]:
    """Say what is not known of cases."""
    found = []
    unknown = int((truth == MISSING).sum())
    if unknown == truth.size:
        found.append("no truth is given: there is agreement, but nobody can be said to be right")
    elif unknown:
        found.append(f"the truth of {unknown} of {truth.size} cases is not known; they count in agreement only")
    unread = len(set(truths) - set(cases))
    if unread:
        found.append(f"{unread} of {len(truths)} cases with a truth were read by nobody, and are left out")
    if not any(case in patients for case in cases):
        found.append("no patients are named: each case counts as a patient of its own")
    elif nameless := sum(case not in patients for case in cases):
        found.append(f"{nameless} of {len(cases)} cases name no patient; each counts as one of its own")
    return found

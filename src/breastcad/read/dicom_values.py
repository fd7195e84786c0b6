"""Values of a DICOM data set, each fault of them named by tag and keyword. What the values mean is in `dicom_header` and `dicom_pixels`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.multival import MultiValue


class Unreadable(Exception):
    """A data set cannot be used; the message is the reason, without the file's name. `dicom` makes a ReadError of it."""


class NoPicture(Unreadable):
    """A data set is sound and holds no picture: a report, a table of contents."""


def named(keyword: str) -> str:
    """Name an element as messages do.

    Examples
    --------
    >>> named("WindowCenter")
    "(0028,1050) 'Window Center'"
    """
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"'{keyword}' is no keyword of DICOM's dictionary")
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X}) '{dictionary_description(tag)}'"


def value(dataset: Dataset, keyword: str) -> Any:
    """Return an element's value as pydicom gives it; None if it is absent or empty.

    Raises
    ------
    Unreadable
        If pydicom cannot convert it. Its own words are left out: they may quote the value, which may be a name.
    """
    try:
        found = dataset.get(keyword)
    except Exception as error:  # a broken value makes pydicom's converters raise anything
        raise Unreadable(f"{named(keyword)} holds a value that cannot be read; the file is damaged") from error
    return None if found is None or (isinstance(found, str | bytes | MultiValue) and len(found) == 0) else found


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """Return an element's values as finite numbers; an empty list if it is absent or empty.

    Raises
    ------
    Unreadable
        If one is no finite number.
    """
    found = value(dataset, keyword)
    if found is None:
        return []
    values = list(found) if isinstance(found, Iterable) and not isinstance(found, str | bytes) else [found]
    try:
        result = [float(one) for one in values]
    except (TypeError, ValueError) as error:
        raise Unreadable(f"{named(keyword)} must be a number, got '{found}'") from error
    if not all(math.isfinite(one) for one in result):
        raise Unreadable(f"{named(keyword)} must be finite, got '{found}'")
    return result


def number(dataset: Dataset, keyword: str) -> float | None:
    """Return an element's first number, or None if it is absent or empty."""
    return next(iter(numbers(dataset, keyword)), None)


def whole(dataset: Dataset, keyword: str) -> int | None:
    """Return an element's first value as a whole number, or None if it is absent or empty.

    Raises
    ------
    Unreadable
        If it is no whole number.
    """
    found = number(dataset, keyword)
    if found is not None and found != int(found):
        raise Unreadable(f"{named(keyword)} must be a whole number, got {found:g}")
    return None if found is None else int(found)


def needed(dataset: Dataset, keyword: str) -> int:
    """Return a whole number that no picture can do without.

    Raises
    ------
    Unreadable
        If it is absent, empty or no whole number.
    """
    found = whole(dataset, keyword)
    if found is None:
        raise Unreadable(f"no {named(keyword)}; without it the pixels cannot be read")
    return found


def texts(dataset: Dataset, keyword: str) -> list[str]:
    """Return an element's values as stripped strings, empty ones left out."""
    found = value(dataset, keyword)
    if found is None:
        return []
    values = list(found) if isinstance(found, MultiValue) else [found]
    return [text for text in (str(one).strip(" \0") for one in values) if text]


def text(dataset: Dataset, keyword: str) -> str | None:
    """Return an element's first string, stripped, or None."""
    return next(iter(texts(dataset, keyword)), None)


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Return a sequence's items; an empty list if it is absent or no sequence."""
    found = value(dataset, keyword)
    return [item for item in found if isinstance(item, Dataset)] if isinstance(found, Iterable) else []


def functional(dataset: Dataset, keyword: str, frame: int) -> Dataset | None:
    """Return the item of a functional group that holds for a frame: the frame's own, else the shared one, else None."""
    own = items(dataset, "PerFrameFunctionalGroupsSequence")
    for group in own[frame : frame + 1] + items(dataset, "SharedFunctionalGroupsSequence")[:1]:
        found = items(group, keyword)
        if found:
            return found[0]
    return None

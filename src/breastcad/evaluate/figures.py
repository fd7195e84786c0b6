"""A figure with its interval, the metrics.json that keeps figures, and the Markdown table that documents show of them."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from breastcad.core.errors import ReadError
from breastcad.core.files import read_json, write_json

FORMAT = "breastcad-metrics/1"
LONGEST_TEXT = 2000
TABLE_NOTE = (
    "Interval: 95 %, over groups (patients with their near-duplicates). n: images; of `given box`, lesions. Positive: images of the class"
    " looked for; for figures of marks, lesions."
)
LEVELS_NOTE = (
    "Interval: 95 %, over groups (patients with their near-duplicates). n: samples of the level (patch: windows; original patch:"
    " windows that are no copies). Positive: those of the class looked for."
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number: ``value`` in [``low``, ``high``] from ``n`` images, ``how`` says in a sentence what it is.

    ``set`` is a set's name, ``"all"``, or two names joined by a slash where the figure compares sets. ``positives`` counts the
    images of the class looked for, for figures of marks the lesions, and is None where there is no class. ``clusters`` counts the groups
    (patients with near-duplicates) that the interval draws.
    """

    name: str
    set: str
    part: str
    level: str
    value: float
    low: float
    high: float
    n: int
    positives: int | None
    clusters: int
    how: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Return what tells a figure from the others of a run."""
        return self.name, self.set, self.part, self.level


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a run: the ``level`` (all that it has, if None), the rule by which images, breasts and patients are made anew.

    Of classifiers also: ``specificities`` to give the sensitivity at, and the ``prevalence`` at which to give predictive values.
    """

    level: str | None = None
    aggregation: str | None = None
    specificities: tuple[float, ...] = (0.9, 0.95)
    prevalence: float | None = None


DEFAULT = Options()


def write_metrics(path: str | Path, title: str, figures: Iterable[Figure], *, options: Options | None = None, **more: object) -> None:
    """Write metrics.json.

    Parameters
    ----------
    path : str or Path
    title : str
    figures : iterable of Figure
    options : Options, optional
        What was asked, so that a recheck can ask the same.
    **more : object
        What else to keep (remarks, left_out, confusions); what is empty is not.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    asked = {} if options is None else {"options": asdict(options)}
    kept = {name: content for name, content in more.items() if content}
    write_json(path, {"format": FORMAT, "title": title, **asked, **kept, "figures": [asdict(figure) for figure in figures]})


def read_asked(path: str | Path) -> tuple[Options | None, list[str]]:
    """Read from metrics.json what was asked of the run (None: it does not say), and the remarks that its figures must be quoted with.

    Raises
    ------
    ReadError
        If it is missing or not of this format, or these parts of it are damaged.
    """
    content = _read_content(path)
    try:
        remarks = [str(one) for one in content.get("remarks", [])]
        if "options" not in content:
            return None, remarks
        given = {column.name: content["options"][column.name] for column in fields(Options)}
        return Options(**(given | {"specificities": tuple(map(float, given["specificities"]))})), remarks
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReadError(
            path,
            f"has options or remarks that cannot be read ({type(error).__name__}: {error}); make it again with: breastcad evaluate RUN",
        ) from error


def _read_content(path: str | Path) -> dict:
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ReadError(path, f"is not a metrics.json of version 1 ('format' must be '{FORMAT}')")
    return content


def read_metrics(path: str | Path) -> tuple[str, list[Figure]]:
    """Read metrics.json: its title and its figures; keys that are not known are ignored.

    Raises
    ------
    ReadError
        If it is missing, not of this format, lacks a key, holds a number that is none, or a figure twice.
    """
    content = _read_content(path)
    try:
        figures = [_figure(entry) for entry in content["figures"]]
        title = str(content["title"])
    except (KeyError, TypeError, ValueError) as error:
        raise ReadError(
            path, f"is not a whole metrics.json ({type(error).__name__}: {error}); make it again with: breastcad evaluate RUN"
        ) from error
    keys = [figure.key for figure in figures]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice:
        raise ReadError(path, f"holds the figure '{twice[0]}' of '{twice[1]}' twice")
    return title, figures


def _figure(entry: dict) -> Figure:
    values = {column.name: entry[column.name] for column in fields(Figure)}
    for name in ("name", "set", "part", "level", "how"):
        if not (isinstance(values[name], str) and values[name].isprintable() and len(values[name]) <= LONGEST_TEXT):
            raise TypeError(f"'{name}' must be printable text of at most {LONGEST_TEXT} characters, got {reprlib.repr(values[name])}")
    for name in ("n", "clusters", "positives"):
        if type(values[name]) is not int and not (name == "positives" and values[name] is None):
            raise TypeError(f"'{name}' of '{values['name']}' must be a whole number, got {reprlib.repr(values[name])}")
    for name in ("value", "low", "high"):
        number = values[name]
        if type(number) not in (int, float) or not abs(number) <= sys.float_info.max:
            raise ValueError(f"'{name}' of '{values['name']}' must be a finite number, got {reprlib.repr(number)}")
        values[name] = float(number)
    return Figure(**values)


def figures_table(figures: Sequence[Figure], remarks: Sequence[str] = ()) -> str:
    """Return figures as a Markdown table, three decimals, with a line below it that says what the columns are.

    Parameters
    ----------
    figures : sequence of Figure
        In the order wanted. A column names the level where any is not of images.
    remarks : sequence of str
        What the figures must not be quoted without (that the split leaks); the table's title.

    Returns
    -------
    str
        Ends with a line break.

    Examples
    --------
    >>> print(figures_table([Figure("dice", "busi", "test", "image", .75, .7, .8, 30, None, 20, "...")]))  # doctest: +ELLIPSIS
    | figure | set | value | interval | n | positive | groups |
    |---|---|---:|---|---:|---:|---:|
    | dice | busi | 0.750 | 0.700 to 0.800 | 30 | | 20 |
    <BLANKLINE>
    Interval: 95 %, ...
    <BLANKLINE>
    """
    levels = any(figure.level != "image" for figure in figures)
    level_head, level_rule = ("level | ", "---|") if levels else ("", "")
    lines = [f"| figure | set | {level_head}value | interval | n | positive | groups |", f"|---|---|{level_rule}---:|---|---:|---:|---:|"]
    for one in figures:
        positives = "" if one.positives is None else f"{one.positives} "
        of = f"{one.set} | {one.level}" if levels else one.set
        interval = f"{one.low:.3f} to {one.high:.3f}"
        lines.append(f"| {one.name} | {of} | {one.value:.3f} | {interval} | {one.n} | {positives}| {one.clusters} |")
    return "\n".join([*title_of(remarks), *lines, "", LEVELS_NOTE if levels else TABLE_NOTE]) + "\n"


def title_of(remarks: Sequence[str]) -> list[str]:
    """Return the lines over a table that say what its figures must not be quoted without; none where there is nothing to say.

    Examples
    --------
    >>> title_of(["split leaks: 1 group", "shortened training"])
    ['**Split leaks: 1 group; shortened training.**', '']
    """
    text = "; ".join(remarks)
    return [f"**{text[:1].upper()}{text[1:].rstrip('.')}.**", ""] if remarks else []

"""Files for ``--map``: what a user's words, BI-RADS categories and columns mean. What is done with them is in the readers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.read.tables import LABELS, plain_text, read_words
from breastcad.read.trees import counts

MAX_BYTES = 1_000_000
"""Largest map file that is read."""
NO_FINDING = "none"
"""What a map may say of a kind that is no finding, such as a nipple; it is left out."""
KINDS = ("mass", "calcification", "asymmetry", "distortion", "other", NO_FINDING)
IMAGE_COLUMNS = tuple(column.name for column in fields(ImageRow) if column.name not in ("set", "present", "extra"))
FINDING_COLUMNS = (*(column.name for column in fields(FindingRow) if column.name not in ("set", "extra")), "height", "width")
_ABOUT = ("set", "title", "licence", "cite", "salt")
_SET_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
_BIRADS = re.compile(r"(?:bi-?rads)?[\s:_-]*([0-6])(?:\.0)?([abc]?)", re.IGNORECASE)
# Section of the file: what may stand before the colon and what after it; None is anything.
_SECTIONS: dict[str, tuple[tuple[str, ...] | None, tuple[str, ...] | None]] = {
    "images": (IMAGE_COLUMNS, None),
    "findings": (FINDING_COLUMNS, None),
    "every": (tuple(name for name in IMAGE_COLUMNS if name not in ("image_id", "path")), None),
    "labels": (None, LABELS),
    "birads": (None, LABELS),
    "kinds": (None, KINDS),
    "sides": (None, ("l", "r")),
}


class SetMap(dict[str, str]):
    """What a file for ``--map`` says. As a dict it is the label words, lower case, to labels, which is what most readers ask for.

    Attributes
    ----------
    file : str or None
        The file's name.
    images, findings : dict
        Column of images.csv or findings.csv to the user's column.
    every : dict
        Column of images.csv to a value that holds for every image.
    birads : dict
        BI-RADS category (`birads_category`) to label, for images that have no other.
    kinds : dict
        The user's word, lower case, to kind of finding.
    sides : dict
        The user's word, lower case, to ``"l"`` or ``"r"``.
    about : dict
        ``set``, ``title``, ``licence``, ``cite`` of the user's own set, and ``salt``, which is written nowhere.
    """

    def __init__(self, labels: Mapping[str, str] | None = None, file: str | None = None) -> None:
        super().__init__(labels or {})
        self.file = file
        self.images: dict[str, str] = {}
        self.findings: dict[str, str] = {}
        self.every: dict[str, str] = {}
        self.birads: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.sides: dict[str, str] = {}
        self.about: dict[str, str] = {}

    @property
    def own(self) -> list[str]:
        """The sections that only a set of the user's own can have."""
        said = {"images": self.images, "findings": self.findings, "every": self.every}
        said |= {"kinds": self.kinds, "sides": self.sides}
        return [name for name, content in said.items() if content] + list(self.about)

    def facts(self) -> dict[str, Any]:
        """Return what collection.json says of the map."""
        sections = {"images": self.images, "findings": self.findings, "every": self.every}
        sections |= {"labels": dict(self), "birads": self.birads, "kinds": self.kinds, "sides": self.sides}
        return {"file": self.file, **{name: content for name, content in sections.items() if content}}


def as_map(words: Mapping[str, str] | None) -> SetMap:
    """Return a map as it is, plain label words as a map of nothing else."""
    return words if isinstance(words, SetMap) else SetMap(words)


def birads_category(cell: str) -> str | None:
    """Return a BI-RADS category as digit and, where there is one, small letter; None where a cell holds none.

    Examples
    --------
    >>> birads_category("BI-RADS 4A"), birads_category("3.0"), birads_category("birads_5"), birads_category("7")
    ('4a', '3', '5', None)
    """
    match = _BIRADS.fullmatch(cell.strip())
    return match[1] + match[2].lower() if match else None


def read_map(path: str | Path) -> SetMap:
    """Read a file for ``--map``: YAML (``.yaml``, ``.yml``) of the sections that docs/data.md lists, else lines ``word,label``.

    Raises
    ------
    ReadError
        If it cannot be read or is no such file; with the line and what may stand there.
    """
    path = Path(path)
    if path.suffix.lower() not in (".yaml", ".yml"):
        return SetMap(read_words(path), path.name)
    result = SetMap(file=path.name)
    for name, content in _sections(path):
        line, value = content
        if name in _ABOUT:
            result.about[name] = _about(path, line, name, value)
        elif name in _SECTIONS:
            read = _section(path, line, name, value)
            if name == "labels":
                result.update(read)
            else:
                getattr(result, name).update(read)
        else:
            raise ReadError(path, f"line {line}: '{name}' is no section of a map; sections are {', '.join((*_SECTIONS, *_ABOUT))}")
    return result


def _sections(path: Path) -> list[tuple[str, tuple[int, Any]]]:
    """Return name, line and node of each section; scalars stay text, so that ``no`` and ``010`` are words as they stand."""
    import yaml  # noqa: PLC0415 - slow to import, and few imports have a map

    text = plain_text(path)
    if len(text) > MAX_BYTES:
        raise ReadError(path, f"has {len(text):,} characters; no map has more than {MAX_BYTES:,}")
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ReadError(path, f"is not YAML ({' '.join(str(error).split())[:120]})") from error
    if not isinstance(root, yaml.MappingNode):
        raise ReadError(path, "must hold sections of names and values, such as 'labels:' and below it '  gutartig: benign'")
    return [(name, (line, node)) for line, name, node in _pairs(path, root)]


def _pairs(path: Path, node: Any) -> list[tuple[int, str, Any]]:
    """Return line, name and value of each pair of a mapping; a name that stands twice is refused."""
    import yaml  # noqa: PLC0415 - as above

    found: dict[str, tuple[int, str, Any]] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or not key.value.strip():
            raise ReadError(path, f"line {line}: a name must stand before the colon")
        name = key.value.strip()
        if name in found:
            raise ReadError(path, f"line {line}: '{name[:60]}' stands here a second time; keep one")
        found[name] = line, name, value
    return list(found.values())


def _section(path: Path, line: int, name: str, node: Any) -> dict[str, str]:
    """Read one section: names and plain values, those that the section knows."""
    import yaml  # noqa: PLC0415 - as above

    if not isinstance(node, yaml.MappingNode):
        raise ReadError(path, f"line {line}: '{name}' must hold names and values, a line each")
    ours, theirs = _SECTIONS[name]
    result: dict[str, str] = {}
    for row, key, value in _pairs(path, node):
        cell = value.value.strip() if isinstance(value, yaml.ScalarNode) else ""
        if not cell:
            raise ReadError(path, f"line {row}: '{key[:60]}' must have one value")
        if ours is not None and key not in ours:
            raise ReadError(path, f"line {row}: '{key[:60]}' is no column of '{name}'; columns are {', '.join(ours)}")
        if theirs is not None and cell.lower() not in theirs:
            raise ReadError(path, f"line {row}: '{key[:60]}' must be one of {', '.join(theirs)}, got '{cell[:60]}'")
        word = _word(path, row, name, key)
        cell = cell.lower() if theirs is not None else cell
        if result.setdefault(word, cell) != cell:
            raise ReadError(path, f"line {row}: '{key[:60]}' was '{result[word]}' before and is '{cell}' here; keep one")
    return result


def _word(path: Path, line: int, section: str, key: str) -> str:
    """Return what a section's entry is found by: a column as it is, a word in lower case, a BI-RADS category in its plain form."""
    if section != "birads":
        return key if _SECTIONS[section][0] is not None else key.lower()
    category = birads_category(key)
    if category is None:
        raise ReadError(path, f"line {line}: '{key[:60]}' is no BI-RADS category (0 to 6, 4a to 4c)")
    return category


def _about(path: Path, line: int, name: str, node: Any) -> str:
    import yaml  # noqa: PLC0415 - as above

    value = node.value.strip() if isinstance(node, yaml.ScalarNode) else ""
    if not value or (name == "set" and not _SET_NAME.fullmatch(value)):
        needed = "a name of letters, digits, '-', '_', '.'" if name == "set" else "one line of text"
        raise ReadError(path, f"line {line}: '{name}' must be {needed}, got '{value[:60]}'")
    return " ".join(value.split())


def apply_birads(collection: Collection, said: SetMap) -> None:
    """Label images without a label by their BI-RADS category, where the map says so, and say in the facts what map was used."""
    if said.file is not None:
        collection.facts["map"] = said.facts()
    if not said.birads:
        return
    given = 0
    for row in collection.images:
        category = birads_category(row.birads or "")
        label = said.birads.get(category or "") or said.birads.get((category or "")[:1])
        if row.label == "unknown" and label:
            row.label = label
            given += 1
    collection.facts["counts"] |= counts(collection.images, collection.findings)
    remark = f"labels that are BI-RADS categories, as the map says, and no pathology: {given:,}; say so with every figure"
    if not given:
        remark = "the map's 'birads' labelled no image: none without a label has one of its categories"
    collection.facts["problems"] = [*collection.facts["problems"], remark]

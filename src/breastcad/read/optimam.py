"""OPTIMAM (OMI-DB): UK screening mammograms as DICOM, marks and the screening service's records as JSON. Quirks: docs/data.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from breastcad.core.errors import ReadError
from breastcad.core.files import read_json
from breastcad.core.records import Collection, FindingRow, ImageRow, worst_label
from breastcad.read import open_picture
from breastcad.read.reading import Reading
from breastcad.read.tables import label_of, number_of
from breastcad.read.trees import Progress, find_tree

NAME = "optimam"
NEEDED = "OPTIMAM (folders data and images, with women's folders such as data/optm1 and images/optm1)"
LOOKED_AT = 12
"""Marked films on which the direction of y is looked at; each is decoded."""
_CLIENT = re.compile(r"(?:optm|demd)\d+", re.IGNORECASE)
_UID = re.compile(r"\d+(?:\.\d+)+")
_EVENTS = ("SURGERY", "BIOPSYWIDE", "BIOPSYFINE")
_SIDE_OPINIONS = {
    **dict.fromkeys(("benign", "ob"), "benign"),
    **dict.fromkeys(("malignant", "om"), "malignant"),
    **dict.fromkeys(("normal", "on"), "normal"),
    **dict.fromkeys(("suspicious", "os", "uncertain", "ou"), "unknown"),
}
# Of a lesion: cytology, core biopsy, histology; 1 is normal or inadequate, 3 and 4 are in doubt, other codes are no pathology.
_OPINIONS = {f"{kind}{grade}": label for kind in "CBH" for grade, label in ((2, "benign"), (5, "malignant"))}
_KINDS = {
    "Mass": "mass",
    **dict.fromkeys(
        ("SuspiciousCalcifications", "WithCalcification", "Dystrophic", "MilkOfCalcium", "OtherBenignCluster"), "calcification"
    ),
    **dict.fromkeys(("PlasmaCellMastitis", "SutureCalcification", "Vascular"), "calcification"),
    "ArchitecturalDistortion": "distortion",
    "FocalAsymmetry": "asymmetry",
    **dict.fromkeys(("FatNecrosis", "Skin"), "other"),
}
_FACTS = {
    "set": NAME,
    "title": "OPTIMAM (OMI-DB)",
    "licence": "by application; research only, not to be passed on",
    "cite": "M. D. Halling-Brown et al., OPTIMAM Mammography Image Database: a large-scale resource of mammography images and clinical "
    "data, Radiology: Artificial Intelligence 3, 2021, e200103",
}


@dataclass(slots=True)
class _Episode:
    """What the records say of one episode: a label a side, and a side's lesions by number."""

    type: str
    sides: dict[str, str] = field(default_factory=dict)
    lesions: dict[tuple[str, str], str] = field(default_factory=dict)
    screened: bool = False


def find(folder: str | Path) -> Path:
    """Return the folder that holds data and images; InputError if there is none."""
    return find_tree(folder, lambda place: bool(_clients(place)), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read OPTIMAM: an image one that a woman's imagedb file lists, a finding a mark; labels are pathology, by breast and episode.

    Parameters
    ----------
    folder : str or Path
        The folder of `data` and `images`, or the one above or below it.
    tables : str or Path, optional
        Not used: the JSON files are the set's tables, and lie in `data`.
    words : mapping, optional
        Further words of opinions of a side (``Suspicious,malignant``).
    progress : callable, optional
        Called with (women done, women).

    Returns
    -------
    Collection
        A breast is malignant or benign by the opinions after surgery and biopsy of the image's own episode, normal where it was screened
        in it and never came to either; films of a breast before or after the episode in which it did are ``unknown``. ``x_status`` is
        the woman's: CI (interval cancer), M, B or N.

    Raises
    ------
    InputError
        If there is no such tree, or an opinion is no known word.
    """
    root = find(folder)
    reading = Reading(_FACTS, root, progress)
    for name in reading.each(_clients(root)):
        records, listed = _json(name, "nbss", reading), _json(name, "imagedb", reading)
        episodes = {key: _episode(of, words, f"{name}, episode {key}") for key, of in _dicts(records)}
        own: list[tuple[ImageRow, dict[str, Any]]] = list(_images(name, listed or {}, reading))
        _count_days([row for row, _ in own])
        for row, marks in own:
            row.extra["status"] = _status(episodes)
            row.label = _label(row, episodes)
            if records is not None and row.extra["episode"] not in episodes:
                reading.fault("films whose study is of no episode in the records, label unknown", row.image_id)
            reading.findings += _findings(row, marks, episodes, reading)
    return _finish(reading)


def _clients(root: Path) -> list[str]:
    place = root / "data"
    found = [path.name for path in place.iterdir() if path.is_dir() and _CLIENT.fullmatch(path.name)] if place.is_dir() else []
    return sorted(found, key=lambda name: (name[:4], int(name[4:])))


def _json(client: str, kind: str, reading: Reading) -> dict[str, Any] | None:
    """Read one of a woman's two files; its name is in small letters or begins in capitals."""
    place = reading.root / "data" / client
    path = next((path for name in (kind, kind.upper()) if (path := place / f"{name}_{client}.json").is_file()), None)
    if path is None:
        reading.fault(f"women without a {kind} file", client)
        return None
    try:
        content = read_json(path)
    except (ReadError, RecursionError) as error:
        reading.fault("JSON files that cannot be read", str(error))
        return None
    if not isinstance(content, dict):
        reading.fault("JSON files that cannot be read", f"{path.name}: holds no names and values")
        return None
    return content


def _dicts(content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the entries of a JSON object that are objects themselves; none of what is no object."""
    yield from ((str(key), of) for key, of in content.items() if isinstance(of, dict)) if isinstance(content, dict) else ()


# ---- the records ----


def _episode(content: dict[str, Any], words: Mapping[str, str] | None, where: str) -> _Episode:
    """Take the worst opinion of a side after surgery and biopsy; where a side has none, that of its lesions."""
    episode = _Episode(_text(content, "EpisodeType"), screened=isinstance(content.get("SCREENING"), dict))
    sides: dict[str, list[str]] = {}
    for name in _EVENTS:
        event = dict(_dicts({name: content.get(name)})).get(name, {})
        for side, key in (("L", "left_opinion"), ("R", "right_opinion")):
            if word := _text(event, key):
                sides.setdefault(side, []).append(label_of(word, _SIDE_OPINIONS, words, f"{where}, {key}"))
            for number, lesion in _dicts(event.get(side)):
                label = _OPINIONS.get(_text(lesion, "Opinion"), "unknown")
                sides.setdefault(side, []).append(label)
                episode.lesions[side, number] = worst_label([label, episode.lesions.get((side, number), "unknown")])
    # A doubt beside a normal opinion is a doubt.
    episode.sides = {
        side: "unknown" if "unknown" in labels and worst_label(labels) == "normal" else worst_label(labels)
        for side, labels in sides.items()
    }
    return episode


def _status(episodes: Mapping[str, _Episode]) -> str:
    """Return a woman's status, the first of interval cancer, malignant, benign, normal that holds."""
    if any(episode.type == "CI" for episode in episodes.values()):
        return "CI"
    worst = worst_label([label for episode in episodes.values() for label in episode.sides.values()])
    return {"malignant": "M", "benign": "B"}.get(worst, "N")


def _label(row: ImageRow, episodes: Mapping[str, _Episode]) -> str:
    """Label an image by its breast in its own episode."""
    episode = episodes.get(row.extra.get("episode", ""))
    if episode is None:
        return "unknown"
    sides = [row.laterality] if row.laterality else ["L", "R"]
    own = [episode.sides[side] for side in sides if side in episode.sides]
    if own:
        return worst_label(own)
    ever = any(side in other.sides for other in episodes.values() for side in sides)
    doubtful = row.extra["status"] == "CI" and not any("malignant" in other.sides.values() for other in episodes.values())
    return "normal" if episode.screened and not ever and not doubtful else "unknown"


# ---- images and marks ----


def _images(client: str, content: dict[str, Any], reading: Reading) -> Iterator[tuple[ImageRow, dict[str, Any]]]:
    """Give a woman's images with their marks, in the order of her file."""
    number = 0
    for place, (study, of_study) in enumerate(_dicts(content.get("STUDIES")), start=1):
        for series, of_series in _dicts(of_study):
            for instance in of_series if _UID.fullmatch(series) and _UID.fullmatch(study) else ():
                if not _UID.fullmatch(instance):
                    continue
                number += 1
                row = ImageRow(
                    set=NAME,
                    image_id=f"{client}_{number}",
                    patient_id=client,
                    exam_id=f"{client}_study{place}",
                    date=_date(of_study.get("StudyDate")),
                    modality="MG",
                    extra={"site": _text(content, "Site"), "episode": _text(of_study, "EpisodeID"), "instance": instance},
                )
                path = reading.root / "images" / client / study / f"{instance}.dcm"
                reading.add(row, path if path.is_file() else None)
                if not row.present:
                    _put_header(row, reading.root / "data" / client / study, instance)
                yield row, dict(_dicts(of_series[instance]))


def _put_header(row: ImageRow, place: Path, instance: str) -> None:
    """Enter what the JSON copy of its header says of an image that is not there."""
    path = next((path for name in (f"{instance}.json", f"{instance}.dcm.json") if (path := place / name).is_file()), None)
    try:
        header = read_json(path) if path else {}
    except (ReadError, RecursionError):
        return
    row.laterality = row.laterality or _value(header, "00200062")
    row.view = row.view or _value(header, "00185101")
    row.manufacturer = row.manufacturer or _value(header, "00080070")
    rows, cols = (number_of(_value(header, tag) or "") for tag in ("00280010", "00280011"))
    row.rows, row.cols = (None, None) if rows is None or cols is None else (int(rows), int(cols))


def _value(header: Any, tag: str) -> str | None:
    """Return an element's first value in DICOM's JSON, as text."""
    element = header.get(tag) if isinstance(header, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return str(values[0]).strip() or None if isinstance(values, list) and values and isinstance(values[0], str | int | float) else None


def _text(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    return str(value).strip() if isinstance(value, str | int) else ""


def _date(value: Any) -> str | None:
    """Return a date as YYYY-MM-DD; it is written so, or without dashes."""
    try:
        return date.fromisoformat(str(value).strip()).isoformat()
    except ValueError:
        return None


def _count_days(rows: list[ImageRow]) -> None:
    dates = [date.fromisoformat(row.date) for row in rows if row.date]
    for row in rows:
        row.days_from_first = (date.fromisoformat(row.date) - min(dates)).days if row.date else None


def _findings(row: ImageRow, marks: dict[str, Any], episodes: Mapping[str, _Episode], reading: Reading) -> list[FindingRow]:
    """Make a mark a finding; an abnormal image without a mark keeps one without a place."""
    episode = episodes.get(row.extra.get("episode", ""))
    rows = [_finding(row, number, mark, episode, reading) for number, mark in enumerate(marks.values(), start=1)]
    if rows and row.label == "normal":
        row.label = "unknown"
        reading.fault("marked films of a breast without a biopsy, label unknown", row.image_id)
    if not rows and row.label in ("benign", "malignant"):
        rows = [FindingRow(NAME, f"{row.image_id}-1", row.image_id, kind="other", pathology=row.label)]
    return rows


def _finding(row: ImageRow, number: int, mark: Mapping[str, Any], episode: _Episode | None, reading: Reading) -> FindingRow:
    named = [name for name in _KINDS if mark.get(name)]
    side = row.laterality or ""
    lesions = [word.strip() for word in _text(mark, "LinkedNBSSLesionNumber").split(",") if word.strip()]
    known = [episode.lesions[side, lesion] for lesion in lesions if episode and (side, lesion) in episode.lesions]
    pathology = worst_label(known)
    finding = FindingRow(
        set=NAME,
        finding_id=f"{row.image_id}-{number}",
        image_id=row.image_id,
        lesion_id=f"{row.patient_id} {row.extra['episode']} {side} {lesions[0]}" if lesions else None,
        kind=_KINDS[named[0]] if named else "other",
        pathology=pathology if pathology in ("benign", "malignant") else "unknown",
        subtlety=_text(mark, "Conspicuity") or None,
        margin=_text(mark, "MassClassification") or None,
        morphology=_text(mark, "BenignClassification") or None,
        extra={"features": " ".join(named), "lesions": " ".join(lesions)},
    )
    corners = [number_of(_text(mark, name)) for name in ("X1", "X2", "Y1", "Y2")]
    if None in corners:
        reading.fault("marks without four numbers, no place", finding.finding_id)
        return finding
    x1, x2, y1, y2 = (corner for corner in corners if corner is not None)
    box = min(y1, y2), min(x1, x2), max(y1, y2), max(x1, x2)
    if box[0] == box[2] or box[1] == box[3] or (row.rows and row.cols and (min(box) < 0 or box[2] > row.rows or box[3] > row.cols)):
        reading.fault("marks that are empty or leave their film, no place", finding.finding_id)
        return finding
    finding.geometry = "box"
    finding.row0, finding.col0, finding.row1, finding.col1 = box
    return finding


# ---- what is told ----


def _finish(reading: Reading) -> Collection:
    problems = ["x_status tells the label and may be no feature; it is the woman's, over all her episodes"]
    problems += _direction(reading)
    women = {row.patient_id: row.extra["status"] for row in reading.images}
    extra = {f"women_{status.lower()}": sum(own == status for own in women.values()) for status in ("CI", "M", "B", "N")}
    return reading.finish(problems, extra)


def _direction(reading: Reading) -> list[str]:
    """Look on some films if marks lie on brighter tissue with y from the top, as they are read, than with y from the bottom."""
    rows = {row.image_id: row for row in reading.images if row.present}
    down = looked = 0
    for finding in (one for one in reading.findings if one.geometry == "box" and one.image_id in rows):
        if looked == LOOKED_AT:
            break
        try:
            pixels = open_picture(reading.root / str(rows[finding.image_id].path)).pixels
        except ReadError:
            continue
        row0, col0, row1, col1 = (int(side) for side in (finding.row0 or 0, finding.col0 or 0, finding.row1 or 0, finding.col1 or 0))
        there, mirrored = (float(part[row0 : row1 + 1, col0 : col1 + 1].mean()) for part in (pixels, pixels[::-1]))
        looked, down = looked + 1, down + (there > mirrored)
    if not looked:
        return []
    said = (
        f"marks are read with y from the top; on {down} of {looked} marks looked at, the film is brighter there than with y from the bottom"
    )
    return [said + ("" if 2 * down > looked else ": look at them before they are used")]

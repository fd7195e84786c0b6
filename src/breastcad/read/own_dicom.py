"""A plain folder of DICOM files, whatever it is called: rows drafted from the tags, labels from a table where there is one.

No identifier of a patient is written but what a path holds: ids are pseudonyms, files that are told of are ``#k``, in order of path.
"""

from __future__ import annotations

import datetime
import filecmp
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Collection, ImageRow, worst_label
from breastcad.read.dicom import DicomFacts, NotAPicture, dicom_facts
from breastcad.read.dicom_rows import put_facts
from breastcad.read.files import kind_of
from breastcad.read.maps import as_map
from breastcad.read.own_csv import find_table, table_of
from breastcad.read.own_rows import IMAGE_NAMES, Own, cell_of, check_words, columns_of, day_of, image_row, own_facts
from breastcad.read.trees import Progress, inside, told

NAME = "dicom"
NEEDED = "DICOM files (by their content, whatever their names are)"
LABELS = "labels.csv"
MAX_FRAMES = 10_000
"""Most frames of one file that are listed."""
SHORTEST_HIDDEN = 3
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_IMAGES = ("MG", "US")
_UNCLEAR = (None, "OT", "CR", "DX", "XC", "SC")
_OTHER = ("CT", "MR", "PT", "NM", "SEG", "PR", "SR", "RTIMAGE", "ES", "SM", "XA", "RF", "ECG", "DOC")
_KEYS = ("image_id", "path", "exam_id", "patient_id")
_TABLE_NAMES = {
    "image_id": ("sop_instance_uid", "sopinstanceuid", "image_id"),
    "path": IMAGE_NAMES["path"],
    "exam_id": ("study_instance_uid", "studyinstanceuid", "exam_id", "study_id"),
    **{name: IMAGE_NAMES[name] for name in ("patient_id", "laterality", "view", "label", "birads", "density", "age", "part")},
}
_TOLD = 12


@dataclass(slots=True)
class _State:
    """What is gathered while the files are looked at: rows, what their files' headers say, and what was left out."""

    own: Own
    rows: list[ImageRow] = field(default_factory=list)
    facts: list[DicomFacts | None] = field(default_factory=list)
    first: dict[str, Path] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    revealing: int = 0


def find(folder: str | Path) -> Path:
    """Return the folder if a DICOM picture lies in or below it; InputError if there is none."""
    place = Path(folder)
    for path in _walk(place) if place.is_dir() else ():
        try:
            if kind_of(path) == "DICOM":
                return place
        except ReadError:
            continue
    raise InputError(f"'{folder}' does not hold {NEEDED}; name the folder that does")


def _walk(root: Path) -> Iterator[Path]:
    """Give the files of a folder and those below it in order; links to folders are not followed."""
    for folder, below, names in os.walk(root):
        below.sort()
        yield from (Path(folder, name) for name in sorted(names))


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read a folder of DICOM files: an image a file, of several frames an image a frame.

    Parameters
    ----------
    folder : str or Path
    tables : str or Path, optional
        A table of labels, or its folder; by default `labels.csv` in the folder. A row holds for an image (SOPInstanceUID or path),
        an exam (StudyInstanceUID) or a patient (PatientID), and where it says so for a side or a view of it.
    words : mapping, optional
        A map (`maps.read_map`); its ``images`` name columns of the table, its ``salt`` makes the pseudonyms one's own.
    progress : callable, optional
        Called with (files done, files).

    Returns
    -------
    Collection
        ``patient_id``, ``exam_id`` and ``image_id`` are pseudonyms, the same wherever the same files and ``salt`` are. Of dates only
        ``days_from_first`` is kept. Labels are
        ``unknown`` but for those of the table. Files of one SOP instance count once, the first by path; a file that is damaged has a
        row with ``present`` 0; files that are no DICOM or hold no picture have none, nor have other modalities.

    Raises
    ------
    InputError
        If no file is DICOM, the table has no column that says what its rows are of, or a label word is unknown.
    ReadError
        If the table cannot be read.
    """
    said = as_map(words)
    root = find(folder)
    state = _State(Own(said.about.get("set", NAME), root, said, private=True))
    table = _table(root, tables)
    files = list(_walk(root))
    for number, path in enumerate(files, start=1):
        _read_file(path, number, state)
        if progress:
            progress(number, len(files))
    if table is not None:
        _label(table, state)
    _days(state)
    return Collection(str(root), state.rows, facts=_facts(state, len(files), bool(said.about.get("salt"))))


def _table(root: Path, tables: str | Path | None) -> Path | None:
    if tables is not None:
        return find_table(Path(tables))
    return root / LABELS if (root / LABELS).is_file() else None


# ---- files ----


def _read_file(path: Path, number: int, state: _State) -> None:
    """Enter one file, or what it is where it makes no row."""
    own = state.own
    try:
        relative = inside(path, own.root)
        relative.encode()
        kind = kind_of(path)
    except UnicodeEncodeError:
        own.fault("files whose names are no text, left out; rename them", f"#{number}")
        return
    except ReadError as error:
        own.fault("files that cannot be looked at, left out", f"#{number}: {error.reason}")
        return
    state.kinds["dicom_files" if kind == "DICOM" else "other_files"] += 1
    if kind != "DICOM":
        return
    try:
        facts = dicom_facts(path)
    except NotAPicture:
        state.kinds["without_a_picture"] += 1
        return
    except ReadError as error:
        own.fault("files that cannot be read", f"#{number}: {without(error.reason, error.private)}")
        state.rows.append(ImageRow(own.set_name, f"unreadable-{number}", path=relative, present=0))
        state.facts.append(None)
        return
    if _is_wanted(facts, path, number, state):
        _put(facts, relative, state)


def _is_wanted(facts: DicomFacts, path: Path, number: int, state: _State) -> bool:
    """Say if a picture is of a modality that is read, and the first of its SOP instance."""
    own = state.own
    if facts.modality not in (*_IMAGES, *_UNCLEAR):
        own.fault("pictures of other modalities, left out", f"#{number}: {facts.modality if facts.modality in _OTHER else 'another'}")
        return False
    if facts.frames > MAX_FRAMES:
        own.fault(f"files of more than {MAX_FRAMES:,} frames, left out", f"#{number}")
        return False
    if facts.instance is None:
        return True
    first = state.first.setdefault(facts.instance, path)
    if first != path:
        same = filecmp.cmp(first, path, shallow=False)
        own.fault("files of an SOP instance that was read before, left out", f"#{number}: {'the same bytes' if same else 'other bytes'}")
    return first == path


def without(sentence: str, private: Iterable[str]) -> str:
    """Return a sentence with ``#`` where it holds what identifies a person or an exam, whatever its case.

    Examples
    --------
    >>> without("a special view: for jane ab1", ["AB1", "Jane"])
    'a special view: for # #'
    """
    for word in sorted((word for word in private if len(word) >= SHORTEST_HIDDEN), key=len, reverse=True):
        sentence = re.sub(re.escape(word), "#", sentence, flags=re.IGNORECASE)
    return sentence


def pseudonym(letter: str, parts: tuple[str, ...] | None, salt: str) -> str | None:
    """Return a name that stands for an identifier: the same for the same, and not to be traced back by who has not the salt.

    Examples
    --------
    >>> pseudonym("p", ("patient", "", "4711"), "") == pseudonym("p", ("patient", "", "4711"), "mine"), pseudonym("p", None, "")
    (False, None)
    """
    if parts is None:
        return None
    key = blake2b(salt.encode(), digest_size=32, person=b"breastcad").digest()
    return letter + blake2b("\0".join(parts).encode("utf-8", "backslashreplace"), key=key, digest_size=6).hexdigest()


def _put(facts: DicomFacts, relative: str, state: _State) -> None:
    """Enter a picture's rows, a row a frame."""
    own = state.own
    salt = own.said.about.get("salt", "")
    patient = pseudonym("p", facts.person, salt)
    of_day = (*facts.person, facts.date) if facts.person and facts.date else None  # where the study is not named
    image = pseudonym("i", ("instance", facts.instance) if facts.instance else ("path", relative), salt)
    for frame in range(facts.frames):
        several = facts.frames > 1
        row = image_row(f"{patient or 'p'}-{image}" + (f"-f{frame}" if several else ""), {}, {}, own)
        row.path, row.frame = relative, str(frame) if several else None
        row.patient_id, row.exam_id = patient, pseudonym("e", facts.exam or of_day, salt)
        every = row.modality
        row.modality = facts.modality
        put_facts(row, facts, own.faults)
        row.manufacturer = without(row.manufacturer, facts.private) if row.manufacturer else None
        if row.modality not in _IMAGES:
            row.extra |= {"modality": row.modality} if row.modality else {}
            row.modality = every
        if row.image_type is None and (facts.sop_class or "").startswith(_SECONDARY_CAPTURE):
            row.image_type = "secondary-capture"
        state.rows.append(row)
        state.facts.append(facts)
    for sentence in facts.warnings:
        state.warnings.setdefault(without(sentence, facts.private), []).append(state.rows[-1].image_id)
    held = relative.lower()
    names = (facts.patient, facts.study, facts.series, facts.instance, facts.date, (facts.date or "").replace("-", ""))
    state.revealing += any(name is not None and len(name) > 3 and name.lower() in held for name in names)


# ---- labels ----


def _label(table: Path, state: _State) -> None:
    """Enter what a table says of images, exams or patients; of its other columns nothing is kept, since they may name patients."""
    own = state.own
    rows = table_of(table)
    columns = columns_of(rows[0], _TABLE_NAMES, own.said.images, table.name)
    key = next((name for name in _KEYS if name in columns), None)
    if key is None:
        raise InputError(
            f"{table.name}: no column says what a row is of; call it 'SOPInstanceUID', 'path', 'StudyInstanceUID' or 'PatientID', "
            "or name it in a file for --map"
        )
    check_words(rows, columns.get("label"), own.label, "labels", table.name)
    known = {name: theirs for name, theirs in columns.items() if name not in _KEYS}
    said: dict[tuple[str, str, str], ImageRow] = {}
    numbers: dict[tuple[str, str, str], int] = {}
    for number, cells in enumerate(rows, start=1):
        row = image_row(f"{table.name}, row {number}", cells, known, own)
        where = cell_of(cells, columns, key), row.laterality or "", row.view or ""
        if where in said:
            own.fault("rows of a table that say of the same again, of which the worst label counts", f"row {number}")
            said[where].label = worst_label([said[where].label, row.label])
        else:
            said[where], numbers[where] = row, number
    met = {where for row, facts in zip(state.rows, state.facts, strict=True) if facts for where in [_enter(row, facts, key, said)] if where}
    lost = [f"row {numbers[where]}" for where in said if where not in met]
    for item in lost:
        own.fault("rows of the table of labels that no image belongs to", item)


def _enter(row: ImageRow, facts: DicomFacts, key: str, said: Mapping[tuple[str, str, str], ImageRow]) -> tuple[str, str, str] | None:
    """Enter the table's row that says most exactly of an image; return what it is found by."""
    path = PurePosixPath(row.path or "")
    names = {"image_id": [facts.instance], "exam_id": [facts.study], "patient_id": [facts.patient]}
    names["path"] = [str(path), str(path.with_suffix(""))]
    sides = [(row.laterality or "", row.view or ""), (row.laterality or "", ""), ("", row.view or ""), ("", "")]
    for where in ((name, *side) for side in sides for name in names[key] if name):
        found = said.get(where)
        if found is not None:
            row.label, row.birads, row.density = found.label, found.birads, found.density or row.density
            row.part = found.part or row.part
            row.age = row.age if row.age is not None else found.age
            return where
    return None


# ---- what is said of the whole ----


def _days(state: _State) -> None:
    """Enter the days since each patient's first exam, all that is kept of dates: beside a pseudonym a day finds the person again."""
    days = [day_of(facts.date or "") if facts else None for facts in state.facts]
    first: dict[str, str] = {}
    for row, day in zip(state.rows, days, strict=True):
        if row.patient_id and day:
            first[row.patient_id] = min(first.get(row.patient_id, day), day)
    for row, day in zip(state.rows, days, strict=True):
        if row.patient_id and day:
            row.days_from_first = (datetime.date.fromisoformat(day) - datetime.date.fromisoformat(first[row.patient_id])).days


def _facts(state: _State, files: int, salted: bool) -> dict[str, Any]:
    own, rows = state.own, state.rows
    facts = own_facts(NAME, "a folder of DICOM files", rows, [], own)
    types = Counter(row.image_type or "not said" for row in rows if row.present)
    extra = {"files": files, **{name: state.kinds[name] for name in ("dicom_files", "other_files", "without_a_picture")}}
    facts["counts"] |= extra | {f"type_{name.replace('-', '_').replace(' ', '_')}": count for name, count in sorted(types.items())}
    problems = facts["problems"]
    by_study = [
        row.image_id for row, said in zip(rows, state.facts, strict=True) if said and said.person and said.person[0] == "patient of study"
    ]
    problems += told("images without a patient's id: those of one study are one patient's", by_study)
    problems += told(
        "mammograms without a side or a view", [r.image_id for r in rows if r.modality == "MG" and not (r.laterality and r.view)]
    )
    views: dict[tuple[Any, ...], set[str | None]] = {}
    for row in rows:
        views.setdefault((row.exam_id, row.laterality, row.view), set()).add(row.image_type)
    both = sum({"presentation", "processing"} <= found for found in views.values())
    problems += [f"views that are there FOR PRESENTATION and FOR PROCESSING, of which one is enough: {both:,}"] if both else []
    for sentence, ids in sorted(state.warnings.items(), key=lambda item: -len(item[1]))[:_TOLD]:
        problems += told(sentence, ids)
    if state.revealing:
        what = "files whose path holds an identifier (patient id, UID or day of the exam)"
        problems.append(f"{what}: {state.revealing:,}; images.csv is not for passing on")
    facts["pseudonyms"] = "salted" if salted else "not salted: who has a list of patient ids can find theirs; see docs/data.md"
    return facts

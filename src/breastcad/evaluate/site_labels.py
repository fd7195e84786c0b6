"""A site's own labels, laid over what an analysis says: a table a person wrote, findings.json that ``breastcad analyze`` wrote.

A row that cannot be used gets one sentence, which names its line and none of its cells (a file's name may be a patient's), and the others
are used all the same. The patient's key tells which rows are of one woman and is never written anywhere.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import Analysis, Decision, ExamResult, ImageResult

KEYS = ("sha256", "image", "source", "exam")
COLUMNS = (*KEYS, "laterality", "label", "patient")
LABELS = ("malignant", "benign", "normal")
UNLABELLED = ("", "unknown")
SIDES = {"L": "L", "LEFT": "L", "R": "R", "RIGHT": "R"}
NO_SIDE = "unknown"


@dataclass(frozen=True, slots=True)
class Unit:
    """What a label is of: an image (a file, all its frames), a breast or an exam; ``name`` is that of findings.json, never the file's.

    ``malignant`` is the calibrated probability, of several views or frames the worst; ``decision`` the model's own operating point.
    """

    level: str
    name: str
    model: str
    malignant: float
    decision: Decision | None
    abstained: bool
    group: str
    label: str = ""
    line: int = 0


@dataclass(slots=True)
class SiteLabels:
    """The labelled units of one level, what was not used (a sentence each), and what must be said of the rest."""

    units: list[Unit] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def site_labels(table: str | Path, analyses: Sequence[Analysis], *, model: str | None = None) -> SiteLabels:
    """Read a table of labels and find what each row names.

    Parameters
    ----------
    table : str or Path
        CSV (commas, semicolons or tabs), a row an image, breast or exam: ``sha256``, ``image`` (of findings.json), ``source`` (as
        findings.json has it, or the file's name where only one has it) or ``exam``; ``label``: malignant, benign, normal; if wanted
        ``laterality`` (with an exam: the breast that is meant) and ``patient``.
    analyses : sequence of Analysis
    model : str, optional
        The model whose images are taken.

    Returns
    -------
    SiteLabels

    Raises
    ------
    ReadError
        If the table cannot be read, or lacks a column that is needed.
    InputError
        If images of several models are labelled and none is chosen.
    """
    rows = read_labels(Path(table))
    index = _Index(analyses)
    found = SiteLabels()
    units: dict[tuple[int, str], Unit] = {}
    clashing: set[tuple[int, str]] = set()
    for line, row in rows:
        made = index.unit(row)
        if isinstance(made, str):
            found.bad.append(f"line {line}: {made}")
            continue
        place, unit = made
        first = units.get(place)
        if first is None:
            units[place] = replace(unit, label=row["label"].lower(), line=line)
        else:
            same = first.label == row["label"].lower()
            found.bad.append(f"line {line}: names what line {first.line} named{'' if same else ', with another label: neither counts'}")
            clashing |= set() if same else {place}
    kept = [unit for place, unit in units.items() if place not in clashing]
    _of_one_kind(found, kept, model)
    if not any(row["patient"] for _, row in rows):
        found.remarks.append(
            "The table has no patient keys: exams, and files that are of none, were counted as women of their own. Where a woman has"
            " several, the intervals are narrower than they should be."
        )
    return found


def _of_one_kind(found: SiteLabels, units: list[Unit], model: str | None) -> None:
    """Keep the units of one model, and of the level of the first; say what was left."""
    names = sorted({unit.model for unit in units})
    if model is not None:
        found.bad += [f"line {unit.line}: was analysed by another model" for unit in units if unit.model != model]
        units = [unit for unit in units if unit.model == model]
    elif len(names) > 1:
        raise InputError(f"the labelled images were analysed by several models ({', '.join(names)}): choose one with --model")
    level = "exam" if units and all(unit.level != "image" for unit in units) else "image"
    wrong = [unit for unit in units if (unit.level == "image") != (level == "image")]
    found.bad += [f"line {unit.line}: names an exam, others name images: label one or the other" for unit in wrong]
    found.units = [unit for unit in units if unit not in wrong]


def read_labels(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Read a table of labels: its rows by `COLUMNS`, each with the number of its line; columns that are not known are ignored.

    Raises
    ------
    ReadError
        If it cannot be read, or lacks a column that is needed.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ReadError(path, f"is no UTF-8 text (byte {error.start}); save it as UTF-8") from error
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=head.count))
    names = [name.strip().lower() for name in next(reader, [])]
    if "label" not in names or not set(KEYS) & set(names):
        raise ReadError(path, f"must have a column 'label' and one of {', '.join(KEYS)}")
    rows = []
    for cells in reader:
        given = dict(zip(names, cells, strict=False))
        if any(cell.strip() for cell in cells):
            rows.append((reader.line_num, {name: given.get(name, "").strip() for name in COLUMNS}))
    return rows


class _Index:
    """The images and exams of analyses by what a table may name them by."""

    def __init__(self, analyses: Sequence[Analysis]) -> None:
        self._several = len(analyses) > 1
        self._files: dict[tuple[int, int, str], list[ImageResult]] = {}
        self._exams: dict[str, list[tuple[int, ExamResult]]] = {}
        self._exam_of: dict[tuple[int, str], str] = {}
        self._images: list[dict[str, ImageResult]] = []
        for number, analysis in enumerate(analyses):
            self._images.append({image.image: image for image in analysis.images})
            for image in analysis.images:
                self._files.setdefault((number, image.argument, image.source), []).append(image)
            for exam in analysis.exams:
                self._exams.setdefault(exam.exam, []).append((number, exam))
                self._exam_of |= {(number, image): exam.exam for image in exam.images}

    def unit(self, row: Mapping[str, str]) -> tuple[tuple[int, str], Unit] | str:
        """Return what a row names, with a key that is the same for the same thing; or why there is none."""
        if row["label"].lower() in UNLABELLED:
            return "has no label"
        if row["label"].lower() not in LABELS:
            return f"the label must be one of {', '.join(LABELS)}"
        side = SIDES.get(row["laterality"].upper())
        if row["laterality"] and side is None:
            return "the laterality must be L or R"
        key = next((name for name in KEYS if row[name]), None)
        if key is None:
            return f"names nothing: one of {', '.join(KEYS)} must be filled in"
        return self._exam(row, side) if key == "exam" else self._file(key, row, side)

    def _file(self, key: str, row: Mapping[str, str], side: str | None) -> tuple[tuple[int, str], Unit] | str:
        found = self._named(key, row[key])
        if not found:
            return f"no analysed image has this {key}"
        if len({images[0].sha256 for _, images in found}) > 1:
            return f"several images have this {key}: name it by sha256"
        number, images = found[0]
        if side and images[0].laterality and side != images[0].laterality:
            return "the laterality is not the one that the image has"
        said = [(image.probability or {}).get("malignant") for image in images]
        known = [value for value in said if value is not None]
        if not known:
            return "the model gives no probability of malignant for it"
        first = images[0]
        group = self._group(row, number, first)
        abstained = all(image.abstained for image in images)
        unit = Unit("image", self._name(number, first.image), ", ".join(first.models), max(known), first.decision, abstained, group)
        return (number, f"image {first.sha256}"), unit

    def _named(self, key: str, value: str) -> list[tuple[int, list[ImageResult]]]:
        """Return the files that have this key, each with its frames."""
        wanted = value.replace("\\", "/").removeprefix("./") if key == "source" else value.lower() if key == "sha256" else value
        found = [(place[0], images) for place, images in self._files.items() if any(str(getattr(one, key)) == wanted for one in images)]
        if not found and key == "source" and "/" not in wanted:
            return [(place[0], images) for place, images in self._files.items() if place[2].rpartition("/")[2] == wanted]
        return found

    def _exam(self, row: Mapping[str, str], side: str | None) -> tuple[tuple[int, str], Unit] | str:
        found = self._exams.get(row["exam"], [])
        if len(found) != 1:
            return "several analyses have this exam: validate them one by one" if found else "no analysed exam has this number"
        number, exam = found[0]
        breasts = exam.breasts if side is None else {name: said for name, said in exam.breasts.items() if name == side}
        known = [said["malignant"] for said in breasts.values() if "malignant" in said]
        if not known:
            what = "breast of the exam" if side else "exam"
            return f"the model gives no probability of malignant for this {what}: it abstained, or there is no such view"
        images = [self._images[number][name] for name in exam.images if name in self._images[number]]
        own = [image for image in images if side is None or image.laterality == side]
        decision = next((image.decision for image in own if image.decision), None)
        name = self._name(number, f"exam {exam.exam}") + (f" {side}" if side else "")
        models = ", ".join(sorted({one for image in own for one in image.models}))
        group = f"patient {row['patient']}" if row["patient"] else f"exam {number} {exam.exam}"
        return (number, name), Unit("breast" if side else "exam", name, models, max(known), decision, False, group)

    def _group(self, row: Mapping[str, str], number: int, image: ImageResult) -> str:
        if row["patient"]:
            return f"patient {row['patient']}"
        exam = self._exam_of.get((number, image.image))
        return f"exam {number} {exam}" if exam else f"file {image.sha256}"

    def _name(self, number: int, name: str) -> str:
        return f"analysis {number + 1}, {name}" if self._several else name

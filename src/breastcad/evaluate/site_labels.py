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
STANDARD = {"CC", "MLO"}
SHORTEST_HASH = 8


@dataclass(frozen=True, slots=True)
class Unit:
    """What a label is of: an image (a file, all its frames), a breast or an exam; ``name`` is that of findings.json, never the file's.

    ``malignant`` is the model's probability: of an image's frames the highest, of a breast and an exam what the views were joined to
    (docs/exams.md); None where the model says nothing of any of them. ``decision`` is the model's own operating point, which was made
    for images; None where it has none or abstained. ``by`` is what made the number: models with their hashes, how views were joined.
    ``fewer`` is true of exams and breasts judged by fewer views than they should be, or by one breast; ``keyed`` where it is known whose
    they are.
    """

    level: str
    name: str
    model: str
    malignant: float | None
    decision: Decision | None
    abstained: bool
    group: str
    label: str = ""
    line: int = 0
    by: tuple[str, ...] = ()
    fewer: bool = False
    keyed: bool = True


@dataclass(slots=True)
class SiteLabels:
    """The labelled units of one level, what was not used (a sentence each), and what must be said of the rest."""

    units: list[Unit] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def site_labels(table: str | Path, analyses: Sequence[Analysis], *, model: str | None = None, one_row_a_woman: bool = False) -> SiteLabels:
    """Read a table of labels and find what each row names.

    Parameters
    ----------
    table : str or Path
        CSV (commas, semicolons or tabs), a row an image, breast or exam: ``sha256``, ``image`` (of findings.json), ``source`` (as
        findings.json has it, or the file's name where only one has it) or ``exam``; ``label``: malignant, benign, normal; if wanted
        ``laterality`` (with an exam: the breast that is meant) and ``patient``.
    analyses : sequence of Analysis
    model : str, optional
        The model whose images are taken: its id, or the first eight letters or more of its sha256.
    one_row_a_woman : bool
        Rows without a patient key are of women that no other row is of: the caller answers for it.

    Returns
    -------
    SiteLabels

    Raises
    ------
    ReadError
        If the table cannot be read, or lacks a column that is needed.
    InputError
        If images of several models are labelled and none is chosen, or exams joined by several rules are.
    """
    rows = read_labels(Path(table))
    index = _Index(analyses, model)
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
            units[place] = replace(unit, label=row["label"].lower(), line=line, keyed=bool(row["patient"]) or one_row_a_woman)
        else:
            same = first.label == row["label"].lower()
            found.bad.append(f"line {line}: names what line {first.line} named{'' if same else ', with another label: neither counts'}")
            clashing |= set() if same else {place}
    kept = [unit for place, unit in units.items() if place not in clashing]
    _of_one_kind(found, kept)
    found.remarks = _remarks(found.units)
    return found


def _remarks(units: Sequence[Unit]) -> list[str]:
    remarks = []
    if bare := sum(not unit.keyed for unit in units):
        remarks.append(
            f"{bare} of {len(units)} rows have no patient key: their exams, and files that are of none, were counted as women of their own."
            " Where a woman has several, the intervals are narrower than they should be."
        )
    if fewer := sum(unit.fewer and unit.malignant is not None for unit in units):
        remarks.append(f"{fewer} of {len(units)} {units[0].level}s are judged by fewer views than they should be, or by one breast alone.")
    return remarks


def _of_one_kind(found: SiteLabels, units: list[Unit]) -> None:
    """Keep the units of one level: images where there are any, else that of the first; say what was left."""
    _check_one({unit.by for unit in units if unit.malignant is not None})
    if not units:
        return
    level = "image" if any(unit.level == "image" for unit in units) else units[0].level
    for unit in units:
        if unit.level == level:
            found.units.append(unit)
        else:
            a = "a" if unit.level == "breast" else "an"
            found.bad.append(f"line {unit.line}: names {a} {unit.level}, others name {level}s: label one or the other")


def _check_one(made_by: set[tuple[str, ...]]) -> None:
    """Refuse numbers that several models, or several rules to join views, have made: InputError."""
    if len(made_by) > 1:
        said = "; ".join(sorted(", ".join(one) for one in made_by))
        raise InputError(
            f"what is labelled was analysed by several models, or joined by several rules ({said}): choose a model with --model, by id or"
            " hash, or validate the analyses one by one"
        )


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
    """The images and exams of analyses by what a table may name them by; of a ``model`` alone, where one is chosen."""

    def __init__(self, analyses: Sequence[Analysis], model: str | None) -> None:
        self._several = len(analyses) > 1
        self._of = f" by {model}" if model else ""
        self._hashes = [{one.id: one.sha256 for one in analysis.models} for analysis in analyses]
        self._files: dict[tuple[int, int, str], list[ImageResult]] = {}
        self._exams: dict[str, list[tuple[int, ExamResult]]] = {}
        self._exam_of: dict[tuple[int, str], str] = {}
        self._images: list[dict[str, ImageResult]] = []
        for number, analysis in enumerate(analyses):
            chosen = [image for image in analysis.images if model is None or self._is_by(number, image, model)]
            self._images.append({image.image: image for image in chosen})
            for image in chosen:
                self._files.setdefault((number, image.argument, image.source), []).append(image)
            for exam in (exam for exam in analysis.exams if model is None or set(exam.images) & set(self._images[number])):
                self._exams.setdefault(exam.exam, []).append((number, exam))
                self._exam_of |= {(number, image): exam.exam for image in exam.images}

    def _is_by(self, number: int, image: ImageResult, model: str) -> bool:
        hashes = [self._hashes[number].get(name, "") for name in image.models]
        return model in image.models or (len(model) >= SHORTEST_HASH and any(one.startswith(model) for one in hashes))

    def _by(self, number: int, images: Sequence[ImageResult], rule: Mapping[str, str] = {}) -> tuple[str, ...]:
        names = sorted({name for image in images for name in image.models})
        return (*(f"{name} {self._hashes[number].get(name, '')[:12]}" for name in names), *(f"{of}: {how}" for of, how in rule.items()))

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
            return f"no analysed image{self._of} has this {key}"
        if len({images[0].sha256 for _, images in found}) > 1:
            return f"several images have this {key}: name it by sha256"
        _check_one({self._by(number, images) for number, images in found})
        number, images = found[0]
        if side and images[0].laterality and side != images[0].laterality:
            return "the laterality is not the one that the image has"
        seen = [image for image in images if not image.abstained] or images
        known = [image.probability["malignant"] for image in seen if image.probability and "malignant" in image.probability]
        if not known:
            return "the model gives no probability of malignant for it"
        first, abstained = images[0], all(image.abstained for image in images)
        decision = next((image.decision for image in seen if image.decision), None)
        return (number, f"image {first.sha256}"), Unit(
            *("image", self._name(number, first.image), ", ".join(first.models), max(known), decision, abstained),
            self._group(row, number, first),
            by=self._by(number, images),
        )

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
            many = "several analyses have this exam: validate them one by one, or choose a model with --model"
            return many if found else f"no exam analysed{self._of} has this number"
        number, exam = found[0]
        what = "breast of the exam" if side else "exam"
        images = [self._images[number][name] for name in exam.images if name in self._images[number]]
        own = [image for image in images if side is None or image.laterality == side]
        if not own:
            return f"no image is of this {what}"
        said = exam.woman if side is None else exam.breasts.get(side, {})
        if "malignant" not in said and (exam.breasts if side is None else side in exam.breasts):
            return f"the model gives no probability of malignant for this {what}"
        name = self._name(number, f"exam {exam.exam}") + (f" {side}" if side else "")
        return (number, name), Unit(
            "breast" if side else "exam",
            name,
            ", ".join(sorted({one for image in own for one in image.models})),
            said.get("malignant"),
            next((image.decision for image in own if image.decision), None),
            "malignant" not in said,
            f"patient {row['patient']}" if row["patient"] else f"exam {number} {exam.exam}",
            by=self._by(number, own, exam.rule),
            fewer=_by_fewer(exam, own, side),
        )

    def _group(self, row: Mapping[str, str], number: int, image: ImageResult) -> str:
        if row["patient"]:
            return f"patient {row['patient']}"
        exam = self._exam_of.get((number, image.image))
        return f"exam {number} {exam}" if exam else f"file {image.sha256}"

    def _name(self, number: int, name: str) -> str:
        return f"analysis {number + 1}, {name}" if self._several else name


def _by_fewer(exam: ExamResult, own: Sequence[ImageResult], side: str | None) -> bool:
    """Tell whether an exam, or a side of it, is judged by fewer views than it should be, or a woman by one breast."""
    out = {one.image for one in exam.left_out}
    views: dict[str | None, set[str | None]] = {}
    for image in (image for image in own if image.image not in out):
        views.setdefault(image.laterality, set()).add(image.view)
    missing = any(None not in seen and not seen >= STANDARD for seen in views.values())
    one_breast = side is None and None not in views and len(views) == 1
    return any(image.abstained for image in own) or (exam.modality == "MG" and (missing or one_breast))

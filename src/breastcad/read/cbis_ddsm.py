"""CBIS-DDSM: the four official tables, films and masks as downloaded (`cbis_ddsm_files`), or the squeezed 800 px copy with its COCO boxes.

An image is a listed film (``Mass-Training_P_00001_LEFT_CC``): a breast's view that stands in the mass and in the
calcification table is two images, joined by ``x_view_key``. An image's label is the worst of all rows of its view.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from breastcad.core.errors import ReadError
from breastcad.core.geometry import Box
from breastcad.core.records import Collection, FindingRow, ImageRow, worst_label
from breastcad.read.cbis_ddsm_files import CbisFiles, case_folders, find_files, jpeg_folder, mask_among
from breastcad.read.coco import read_coco
from breastcad.read.masks import put_mask
from breastcad.read.reading import Reading
from breastcad.read.tables import label_of, table_rows
from breastcad.read.trees import Progress, counts, find_tree, told

NAME = "cbis-ddsm"
NEEDED = "CBIS-DDSM (its tables mass_case_description_train_set.csv and so on, or the 800 px films with _annotations.coco.json)"
COCO_NAME = "_annotations.coco.json"
_TABLES = [(kind, part) for kind in ("calc", "mass") for part in ("train", "test")]
_KINDS = {"calc": "calcification", "mass": "mass"}
_LABELS = {"benign": "benign", "benign_without_callback": "benign", "malignant": "malignant"}
_DENSITIES = {"1": "A", "2": "B", "3": "C", "4": "D"}
_FILM = re.compile(r"(?:P_)?(\d{5})_(LEFT|RIGHT)_(CC|MLO)")
_COLUMNS = (
    *("patient_id", "left or right breast", "image view", "abnormality id", "abnormality type", "assessment", "pathology", "subtlety"),
    *("image file path", "cropped image file path", "ROI mask file path"),
)
_FACTS = {
    "set": NAME,
    "title": "CBIS-DDSM",
    "licence": "CC BY 3.0",
    "cite": "R. S. Lee, F. Gimenez, A. Hoogi, K. K. Miyake, M. Gorovoy, D. L. Rubin, A curated mammography data set for use in "
    "computer-aided detection and diagnosis research, Scientific Data 4, 2017, 170177",
}
# Fields in which rows of one film may differ, so that a box of it has no certain row.
_COMPARED = ("pathology_word", "birads", "subtlety", "shape", "margin", "morphology", "distribution")


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a table: an abnormality in one view. Words as the set has them, None where it has none."""

    kind: str
    part: str
    patient: str
    side: str
    view: str
    number: str
    image_id: str
    pathology: str
    pathology_word: str
    birads: str | None
    subtlety: str | None
    density: str | None
    shape: str | None
    margin: str | None
    morphology: str | None
    distribution: str | None
    paths: tuple[str, str, str]

    @property
    def view_key(self) -> str:
        return f"{self.patient}_{self.side}_{self.view}"


@dataclass(slots=True)
class _Film:
    """A picture of the 800 px copy; ``size`` is what the COCO file says, None where it does not list it."""

    view_key: str
    part: str
    path: Path | None
    size: tuple[int, int] | None = None
    boxes: tuple[Box, ...] = ()


@dataclass(slots=True)
class _State(Reading):
    """What is gathered beside the rows: films not yet joined, files of the download, and films whose boxes have no certain row."""

    films: dict[str, _Film] = field(default_factory=dict)
    files: CbisFiles = field(default_factory=CbisFiles)
    several: list[str] = field(default_factory=list)
    uncertain: list[str] = field(default_factory=list)
    uncertain_boxes: int = 0


def find(folder: str | Path) -> Path:
    """Return the folder that holds the parts of the 800 px copy, or else the tables; InputError if there is neither."""
    folder = Path(folder)
    if folder.joinpath(COCO_NAME).is_file():
        return folder.resolve().parent
    return find_tree(folder, lambda place: bool(_parts(place) or _table_paths(place) or case_folders(place) or jpeg_folder(place)), NEEDED)


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read CBIS-DDSM: an image a film that the tables list, a finding a row of them; places from masks, or boxes of the 800 px copy.

    Parameters
    ----------
    folder : str or Path
        The folder of ``CBIS-DDSM`` or of ``jpeg`` as downloaded; the 800 px copy (``train/_annotations.coco.json``,
        ``train/00001_LEFT_CC.jpg``); or a folder with the tables alone.
    tables : str or Path, optional
        Folder of the four tables where they do not lie in `folder`.
    words : mapping, optional
        Further label words (for the column pathology).
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        Images of the 800 px copy have ``aspect`` "lost". Without tables labels are unknown, and a problem says so.

    Raises
    ------
    InputError
        If there is neither a table nor an annotation file, or a pathology is unknown.
    ReadError
        If a table lacks a column, or an annotation file is broken.
    """
    root = find(folder)
    place = find_tree(tables, lambda spot: bool(_table_paths(spot)), "the tables of CBIS-DDSM") if tables is not None else root
    rows = [row for path, kind, part in _table_paths(place) for row in _read_table(path, kind, part, words)]
    state = _State(_FACTS, root, progress, files=find_files(root, [(row.image_id, row.number, row.paths) for row in rows]))
    rows = list(state.once(rows, lambda row: f"{row.image_id}_{row.number}", lambda row: row.pathology).values())
    for part in _parts(root):
        _read_films(part, state)
    by_image: dict[str, list[_Row]] = {}
    for row in rows:
        by_image.setdefault(row.image_id, []).append(row)
    state.fault("rows with a path that leads out of the set's folder; it is not followed", *_leading_out(rows))
    joined = _join(by_image, state.films)
    labels = _labels(rows)
    for image_id in state.each(dict.fromkeys([*by_image, *joined, *state.files.films])):
        own, film = by_image.get(image_id, []), joined.get(image_id)
        image = _image(image_id, own, film, labels)
        _add_film(image, film, state)
        state.findings += _findings(image, own, film, state)
    _join_views(state.findings, by_image)
    return Collection(str(root), state.images, state.findings, facts=_facts(rows, state, place))


# ---- the tables ----


def _table_paths(folder: Path) -> list[tuple[Path, str, str]]:
    """Return the tables that lie in a folder, or in its ``csv``, with their kind and part."""
    found = []
    for kind, part in _TABLES:
        name = f"{kind}_case_description_{part}_set.csv"
        path = next((place / name for place in (folder, folder / "csv") if place.joinpath(name).is_file()), None)
        found += [(path, kind, part)] if path else []
    return found


def _read_table(path: Path, kind: str, part: str, words: Mapping[str, str] | None) -> list[_Row]:
    return [_row(path, kind, part, cells, words) for cells in table_rows(path, _COLUMNS)]


def _row(path: Path, kind: str, part: str, cells: dict[str, str], words: Mapping[str, str] | None) -> _Row:
    patient, side, view = cells["patient_id"], cells["left or right breast"], cells["image view"]
    if not _FILM.fullmatch(f"{patient}_{side}_{view}"):
        raise ReadError(path, f"must name a woman, side and view such as P_00001 LEFT CC, got '{patient} {side} {view}'")
    case = f"{kind.capitalize()}-{'Training' if part == 'train' else 'Test'}_{patient}_{side}_{view}"
    return _Row(
        kind=_KINDS[kind],
        part=part,
        patient=patient,
        side=side,
        view=view,
        number=cells["abnormality id"],
        image_id=case,
        pathology=label_of(cells["pathology"], _LABELS, words, f"{path.name}, {case}"),
        pathology_word=cells["pathology"],
        birads=_known(cells["assessment"]),
        subtlety=_known(cells["subtlety"].replace("0", "")),  # 1 to 5; two rows have 0, which means nothing
        density=_known(cells.get("breast_density", cells.get("breast density", ""))),
        shape=_known(cells.get("mass shape", "")),
        margin=_known(cells.get("mass margins", "")),
        morphology=_known(cells.get("calc type", "")),
        distribution=_known(cells.get("calc distribution", "")),
        paths=(cells["image file path"], cells["cropped image file path"], cells["ROI mask file path"]),
    )


def _leading_out(rows: Iterable[_Row]) -> list[str]:
    paths = ((row.image_id, PurePosixPath(path.replace("\\", "/").strip())) for row in rows for path in row.paths)
    return list(dict.fromkeys(image_id for image_id, path in paths if path.is_absolute() or ".." in path.parts))


def _known(cell: str) -> str | None:
    return None if cell in ("", "N/A", "NA") else cell


def _labels(rows: Sequence[_Row]) -> dict[str, str]:
    """Map view to the worst label over all tables: a film that is benign by its mass may carry a malignant calcification."""
    gathered: dict[str, list[str]] = {}
    for row in rows:
        gathered.setdefault(row.view_key, []).append(row.pathology)
    return {key: worst_label(labels) for key, labels in gathered.items()}


# ---- the films ----


def _parts(folder: Path) -> list[Path]:
    """Return the folders (train, test, ...) of the 800 px copy that have an annotation file."""
    return sorted(path.parent for path in folder.glob(f"*/{COCO_NAME}"))


def _read_films(folder: Path, state: _State) -> None:
    """Gather the films that lie in a part of the 800 px copy or that its annotation file lists."""
    annotated = {picture.name: picture for picture in read_coco(folder / COCO_NAME)}
    files = {path.name: path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png")}
    for name in sorted(set(annotated) | set(files)):
        match = _FILM.fullmatch(Path(name).stem)
        if match is None:
            state.fault("files whose names are no woman, side and view, left out", name)
            continue
        film = _Film("P_" + "_".join(match.groups()), folder.name, files.get(name))
        if name in annotated:
            film.size, film.boxes = (annotated[name].rows, annotated[name].cols), annotated[name].boxes
        if film.view_key in state.films:
            state.fault("films that are there twice, the second left out", f"{folder.name}/{name}")
        else:
            state.films[film.view_key] = film


def _join(by_image: Mapping[str, list[_Row]], films: Mapping[str, _Film]) -> dict[str, _Film]:
    """Give each film its listed image: the mass table's, since its boxes are of masses, else the calcification table's, else its own."""
    listed: dict[str, str] = {}
    for image_id, rows in sorted(by_image.items(), key=lambda item: item[1][0].kind != "mass"):
        listed.setdefault(rows[0].view_key, image_id)
    case = {"train": "Mass-Training_", "test": "Mass-Test_"}
    return {listed.get(key, case.get(film.part, "") + key): film for key, film in films.items()}


def _image(image_id: str, rows: list[_Row], film: _Film | None, labels: Mapping[str, str]) -> ImageRow:
    key = rows[0].view_key if rows else film.view_key if film else image_id.partition("_")[2]
    patient, side, view = key.rsplit("_", 2)
    density = _agreed([row.density for row in rows])
    extra = {"view_key": key, "table": rows[0].kind if rows else "", "image_file_path": rows[0].paths[0] if rows else ""}
    return ImageRow(
        set=NAME,
        image_id=image_id,
        patient_id=patient,
        exam_id=patient,
        modality="MG",
        image_type="film",
        laterality=side[0],
        view=view,
        density=_DENSITIES.get(density or ""),
        birads=_agreed([row.birads for row in rows]),
        label=labels.get(key, "unknown"),
        part=rows[0].part if rows else film.part if film else {"Training": "train", "Test": "test"}[re.split("[-_]", image_id)[1]],
        extra=extra,
    )


def _add_film(image: ImageRow, film: _Film | None, state: _State) -> None:
    """Add an image with its film as downloaded, DICOM or JPEG of it, or else with that of the 800 px copy."""
    unreadable = "films that are there but cannot be read"
    path = state.files.films.get(image.image_id)
    if path is not None:
        if not image.extra["table"]:
            state.fault("films that no table lists, label unknown", image.image_id)
        image.aspect = "kept" if path.suffix.lower() == ".jpg" else None
        state.add(image, path, unreadable)
        return
    state.add(image, film.path if film else None, unreadable)
    if film is None:
        return
    image.aspect = "lost"
    if film.size is None:
        state.fault("films that the annotation file does not list, without boxes", image.image_id)
    elif image.present and film.size != (image.rows, image.cols):
        film.boxes = ()
        state.fault("films of another size than their boxes were made for, boxes left out", image.image_id)
    if not image.extra["table"]:
        state.fault("films that no table lists, label unknown", image.image_id)


# ---- findings ----


def _agreed(values: Sequence[str | None]) -> str | None:
    """Return the value that all share, else None."""
    return values[0] if values and all(value == values[0] for value in values) else None


def _findings(image: ImageRow, rows: list[_Row], film: _Film | None, state: _State) -> list[FindingRow]:
    """Make a finding a row, with its mask or box where there is one; boxes in no stated order keep what their rows share."""
    if image.image_id in state.files.films or any((image.image_id, row.number) in state.files.lesions for row in rows):
        return [_masked(_finding(image, [row], row.number), image, row.number, state) for row in rows]
    boxes = film.boxes if film else ()
    if len(boxes) > 1:
        state.several.append(image.image_id)
    if not boxes:
        return [_finding(image, [row], row.number) for row in rows]
    if len(rows) == len(boxes) == 1:
        return [_put_box(_finding(image, rows, rows[0].number), boxes[0])]
    if rows and len(rows) != len(boxes):
        state.fault("films with more or fewer boxes than rows", f"{image.image_id}: {len(boxes)} boxes, {len(rows)} rows")
    differ = any(len({getattr(row, name) for row in rows}) > 1 for name in _COMPARED)
    if differ:
        state.uncertain.append(image.image_id)
        state.uncertain_boxes += len(boxes)
    shared = rows if len(rows) >= len(boxes) else []  # a box more than there are rows is described by none
    found = [_finding(image, shared, f"box{number}") for number in range(1, max(len(rows), len(boxes)) + 1)]
    return [_put_box(row, box) for row, box in zip(found, boxes, strict=False)] + found[len(boxes) :]


def _finding(image: ImageRow, rows: list[_Row], name: str) -> FindingRow:
    """Make a finding of the one row that describes it, or of what several rows share."""

    def shared(attribute: str) -> str | None:
        return _agreed([getattr(row, attribute) for row in rows])

    extra = {"view_key": image.extra["view_key"], "abnormality_id": shared("number") or "", "pathology": shared("pathology_word") or ""}
    if len(rows) == 1:
        extra |= {"cropped_image_file_path": rows[0].paths[1], "roi_mask_file_path": rows[0].paths[2]}
    return FindingRow(
        set=NAME,
        finding_id=f"{image.image_id}_{name}",
        image_id=image.image_id,
        kind=shared("kind") or "mass",
        pathology=shared("pathology") or "unknown",
        birads=shared("birads"),
        subtlety=shared("subtlety"),
        shape=shared("shape"),
        margin=shared("margin"),
        morphology=shared("morphology"),
        distribution=shared("distribution"),
        extra=extra,
    )


def _masked(row: FindingRow, image: ImageRow, number: str, state: _State) -> FindingRow:
    """Give a finding the mask among its lesion's files; which of them it is only the pixels tell."""
    files = state.files.lesions.get((image.image_id, number), [])
    path = mask_among(files, state.faults)
    if path is not None:
        put_mask(row, image, path, state.root, state.faults, resample=True)
    elif files:
        state.fault("lesions none of whose files is a mask", row.finding_id)
    elif image.present:
        state.fault("lesions whose crop and mask are missing", row.finding_id)
    return row


def _put_box(row: FindingRow, box: Box) -> FindingRow:
    row.geometry = "box"
    row.row0, row.col0, row.row1, row.col1 = box
    return row


def _join_views(findings: Sequence[FindingRow], by_image: Mapping[str, list[_Row]]) -> None:
    """Give findings that are one lesion in two views one lesion id: same breast, table and number, same pathology in both."""
    groups: dict[str, list[FindingRow]] = {}
    for row in findings:
        if row.extra["abnormality_id"] and row.image_id in by_image:
            breast = row.image_id.rsplit("_", 1)[0]
            groups.setdefault(f"{breast}_{row.extra['abnormality_id']}", []).append(row)
    for lesion_id, group in groups.items():
        if len({row.pathology for row in group}) == 1:
            for row in group:
                row.lesion_id = lesion_id


# ---- facts ----


def _facts(rows: Sequence[_Row], state: _State, place: Path) -> dict[str, Any]:
    images, findings = state.images, state.findings
    tables = [path.name for path, _, _ in _table_paths(place)]
    present = {row.patient_id for row in images if row.present}
    hidden = _hidden_malignant([row for row in rows if not present or row.patient in present])
    extra = {
        "distinct_views": len({row.extra["view_key"] for row in images}),
        "masses_with_boxes": sum(row.geometry == "box" for row in findings),
        "findings_with_masks": sum(row.geometry == "mask" for row in findings),
        "films_with_several_masses": len(state.several),
        "films_with_uncertain_boxes": len(state.uncertain),
        "uncertain_boxes": state.uncertain_boxes,
        "women_benign_by_mass_malignant_by_calcification": len(hidden),
    }
    problems = [f"tables that are missing, labels are of the others only: {4 - len(tables)}"] if 0 < len(tables) < 4 else []
    problems += ["there is no table: labels are unknown; name their folder with --tables"] if not tables else []
    problems += told("women in the official train and test part both; a split must go by woman", _in_both(rows))
    problems += told("women whose masses are benign but who have a malignant calcification (facts list them)", hidden)
    problems += told("films with several masses whose boxes stand in no stated order", state.several)
    what = (
        f"of these, films whose rows differ, so that their {state.uncertain_boxes} boxes have no certain row (fields that differ are empty)"
    )
    problems += told(what, state.uncertain)
    for sentence, items in state.faults.items():
        problems += told(sentence, items)
    return {
        **_FACTS,
        "reader": NAME,
        "layout": state.files.layout or ("D (films squeezed to 800 x 800, aspect lost)" if state.films else "tables only"),
        "tables": tables,
        "counts": counts(images, findings) | extra,
        "benign_by_mass_malignant_by_calcification": hidden,
        "problems": problems,
    }


def _hidden_malignant(rows: Sequence[_Row]) -> list[str]:
    """Return the women whose masses are all benign and who have a malignant calcification."""
    worst: dict[tuple[str, str], str] = {}
    for row in rows:
        worst[row.patient, row.kind] = worst_label([worst.get((row.patient, row.kind), "unknown"), row.pathology])
    benign = [patient for (patient, kind), label in worst.items() if kind == "mass" and label == "benign"]
    return sorted(patient for patient in benign if worst.get((patient, "calcification")) == "malignant")


def _in_both(rows: Sequence[_Row]) -> list[str]:
    return sorted({row.patient for row in rows if row.part == "train"} & {row.patient for row in rows if row.part == "test"})

"""A set of the user's own as COCO files: images, annotations with boxes, polygons or run-length codes, categories. Docs: docs/data.md."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import read_json
from breastcad.core.geometry import box_iou
from breastcad.core.records import SEVERITY, Collection, FindingRow, ImageRow, worst_label
from breastcad.read.maps import NO_FINDING, as_map
from breastcad.read.outlines import MAX_POINTS, box_of_points, joined, points_text, segmentation_rings
from breastcad.read.own_rows import (
    FINDING_NAMES,
    IMAGE_NAMES,
    KINDS,
    PARTS,
    PLACES,
    Own,
    cell_of,
    check_words,
    clipped,
    columns_of,
    image_row,
    others,
    own_facts,
    plain,
    put_file,
)
from breastcad.read.tables import MAX_CELL
from breastcad.read.trees import Progress

NAME = "coco"
NEEDED = "a COCO file (.json with images, annotations and categories)"
MAX_BYTES = 300_000_000
"""Largest COCO file that is read."""
UNANNOTATED = "no annotation"
"""The word under which a map may say what an image without an annotation is."""
_HEAD_BYTES = 65_536
_IMAGE_NAMES = {ours: known for ours, known in IMAGE_NAMES.items() if ours not in ("image_id", "path", "rows", "cols")}
_FINDING_NAMES = {ours: known for ours, known in FINDING_NAMES.items() if ours not in (*PLACES, "col0", "row1", "col1", "height", "width")}
_ANNOTATION_KEYS = ("id", "image_id", "category_id", "bbox", "segmentation", "area", "iscrowd", "attributes")


@dataclass(slots=True)
class _State:
    """What is gathered over all files: images by name, their findings, labels that categories give beside findings."""

    own: Own
    images: dict[str, ImageRow] = field(default_factory=dict)
    known: dict[tuple[str, str | None], str] = field(default_factory=dict)
    findings: list[FindingRow] = field(default_factory=list)
    normal: set[str] = field(default_factory=set)
    annotated: set[str] = field(default_factory=set)
    no_kind: set[str] = field(default_factory=set)
    listed: dict[str, tuple[int, int]] = field(default_factory=dict)


def find(folder: str | Path) -> Path:
    """Return the first COCO file of a folder, or the file itself; InputError if there is none."""
    place = Path(folder)
    files = _files(place) if place.is_dir() else [place] if place.is_file() and _looks_like_coco(place) else []
    if not files:
        raise InputError(f"'{folder}' does not hold {NEEDED}; name the folder that does, or the file itself")
    return files[0]


def _files(place: Path) -> list[Path]:
    """Return the COCO files of a folder and of those in it."""
    return sorted(path for pattern in ("*.json", "*/*.json") for path in place.glob(pattern) if path.is_file() and _looks_like_coco(path))


def _looks_like_coco(path: Path) -> bool:
    try:
        with open(path, "rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError:
        return False
    images = b'"images"' in head and b'"file_name"' in head
    return images or (b'"annotations"' in head and (b'"bbox"' in head or b'"segmentation"' in head))


def read(
    folder: str | Path, *, tables: str | Path | None = None, words: Mapping[str, str] | None = None, progress: Progress | None = None
) -> Collection:
    """Read COCO files: an image each of ``images``, a finding each of ``annotations``.

    Parameters
    ----------
    folder : str or Path
        A COCO file, or a folder with such (also in `annotations`, `train` and so on). Images lie beside it, in `images` or in a
        folder of the part's name.
    tables : str or Path, optional
        The COCO file, or its folder, where it lies elsewhere than the images.
    words : mapping, optional
        A map (`maps.read_map`): its ``labels`` and ``kinds`` say what categories mean, ``no annotation`` what an image without one is.
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    Collection
        An image's label is the worst of its findings, an image without one is ``unknown``. An outline is a ``polygon``, also of a
        run-length code; one of several parts or with holes is joined into one row of points.

    Raises
    ------
    InputError
        If there is no COCO file, or a category is unknown that annotations have.
    ReadError
        If a file is not JSON or no COCO file.
    """
    said = as_map(words)
    place = Path(folder if tables is None else tables)
    files = [place] if place.is_file() else _files(place) if place.is_dir() else []
    if not files:
        raise InputError(f"'{place}' does not hold {NEEDED}; name the folder that does, or the file itself")
    root = Path(folder) if Path(folder).is_dir() else Path(folder).parent
    root = root.parent if Path(folder).is_file() and root.name == "annotations" else root
    state = _State(Own(said.about.get("set", NAME), root, said))
    contents = [(path, _content(path)) for path in files]
    total, done = sum(len(content["images"]) for _, content in contents), itertools.count(1)
    for path, content in contents:
        ids = _read_images(path, content["images"], state, lambda: progress(next(done), total) if progress else None)
        _read_annotations(path, content, ids, state)
    return Collection(str(root), list(state.images.values()), state.findings, facts=_facts(files, state))


def _content(path: Path) -> dict[str, list[Any]]:
    """Return the three lists of a COCO file."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror})") from error
    if size > MAX_BYTES:
        raise ReadError(path, f"has {size:,} bytes; COCO files of at most {MAX_BYTES:,} are read")
    content = read_json(path)
    said: dict[str, Any] = content if isinstance(content, dict) else {}
    lists = {name: found for name in ("images", "annotations", "categories") if isinstance(found := said.get(name), list)}
    if "images" not in lists:
        raise ReadError(path, "is no COCO file: it has no list 'images'")
    return {name: lists.get(name, []) for name in ("images", "annotations", "categories")}


def _cells(item: Mapping[str, Any], left_out: Iterable[str]) -> dict[str, str]:
    """Return the plain values of an object and of its ``attributes`` as a table's cells."""
    more = item.get("attributes")
    values = {**(more if isinstance(more, dict) else {}), **{key: value for key, value in item.items() if key not in left_out}}
    return {
        _text(key): _text(value) for key, value in values.items() if isinstance(value, str | int | float) and len(str(value)) <= MAX_CELL
    }


def _text(value: Any) -> str:
    """Return a value as a table can hold it: JSON may have control characters and halves of characters."""
    text = "".join("?" if unicodedata.category(character) == "Cc" else character for character in str(value))
    return text.encode("utf-8", "backslashreplace").decode().strip()


# ---- images ----


def _read_images(path: Path, items: list[Any], state: _State, step: Callable[[], None]) -> dict[Any, str]:
    """Enter a file's images; return the image each of its ids stands for."""
    own = state.own
    usable = [item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str | int) and _name(item)]
    if len(usable) < len(items):
        own.fault("images without an id or a file name, left out", f"{path.name}: {len(items) - len(usable)}")
    cells = [_cells(item, ("id", "file_name", "height", "width", "attributes")) for item in usable]
    columns = columns_of(sorted({key for row in cells for key in row}), _IMAGE_NAMES, own.said.images, path.name)
    check_words(cells, columns.get("label"), own.label, "labels", path.name)
    cells = own.hold_back(cells, columns.values())
    part = _part(path)
    places = [path.parent, own.root, own.root / "images"]
    places += [own.root / folder / part_ for folder in ("", "images") for part_ in _part_folders(path)]
    ids: dict[Any, str] = {}
    for item, row in zip(usable, cells, strict=True):
        key = _name(item), part
        if item["id"] in ids:
            own.fault("images whose id stands twice, the second left out", f"{path.name}: {key[0]}")
        elif key in state.known:
            own.fault("images that are listed twice, taken as one", key[0])
            ids[item["id"]] = state.known[key]
        else:
            name = _image_id(key[0], part or path.stem, state.images)
            ids[item["id"]] = state.known[key] = name
            state.images[name] = _image(name, item, row, columns, part, places, state)
        step()
    return ids


def _name(item: Mapping[str, Any]) -> str:
    name = item.get("file_name")
    return _text(name).replace("\\", "/") if isinstance(name, str) else ""


def _image_id(file_name: str, part: str, images: Container[str]) -> str:
    """Return the file's name without its suffix; with it, or with the part, where another image has that name."""
    name = PurePosixPath(file_name)
    stem = str(name.with_suffix("")) if name.name else file_name
    wanted = (stem, file_name, f"{part}/{stem}", f"{part}/{file_name}")
    return next((text for text in wanted if text not in images), f"{part}/{file_name}+")


def _image(
    name: str,
    item: Mapping[str, Any],
    cells: Mapping[str, str],
    columns: Mapping[str, str],
    part: str | None,
    places: list[Path],
    state: _State,
) -> ImageRow:
    row = image_row(name, cells, columns, state.own)
    row.part = row.part if cell_of(cells, columns, "part") else part
    sides = [item.get(key) for key in ("height", "width")]
    row.rows, row.cols = (side if type(side) is int and 0 < side < 10**6 else None for side in sides)
    if row.rows and row.cols:
        state.listed[name] = row.rows, row.cols
    put_file(row, _name(item), places, state.own)
    row.extra["file_name"] = _name(item)
    return row


def _part(path: Path) -> str | None:
    """Return the part that a file's name, or its folder's, says."""
    words = [word for name in (path.stem, path.parent.name) for word in re.split(r"[^a-z]+", name.lower())]
    return next((PARTS[word] for word in words if word in PARTS), None)


def _part_folders(path: Path) -> list[str]:
    """Return the names of the folder in which a part's images may lie: ``instances_train2017.json`` has its in ``train2017``."""
    return [word for word in re.split(r"[^a-z0-9]+", path.stem.lower()) if word.strip("0123456789") in PARTS]


# ---- annotations ----


def _read_annotations(path: Path, content: Mapping[str, list[Any]], ids: Mapping[Any, str], state: _State) -> None:
    own = state.own
    items = [item for item in content["annotations"] if isinstance(item, dict)]
    if len(items) < len(content["annotations"]):
        own.fault("annotations that are no objects, left out", f"{path.name}: {len(content['annotations']) - len(items)}")
    names = _category_names(path, content["categories"], {_key(item, "category_id") for item in items})
    categories = [{"category": names.get(_key(item, "category_id"), "")} for item in items]
    check_words(categories, "category", lambda word: str(_meaning(word, own)), "kinds:' or 'labels", path.name)
    cells = [_cells(item, _ANNOTATION_KEYS) for item in items]
    columns = columns_of(sorted({key for row in cells for key in row}), _FINDING_NAMES, own.said.findings, path.name)
    check_words(cells, columns.get("pathology"), own.label, "labels", path.name)
    check_words(cells, columns.get("kind"), own.kind, "kinds", path.name)
    cells = own.hold_back(cells, columns.values())
    for item, category, row in zip(items, categories, cells, strict=True):
        image_id = ids.get(_key(item, "image_id"))
        if image_id is not None:  # also where its annotation is left out: somebody looked at it
            state.annotated.add(image_id)
        if image_id is None or not category["category"]:
            what = "images that are not listed" if image_id is None else "no category"
            own.fault(f"annotations of {what}, left out", f"{path.name}: {_text(item.get('id'))[:40]}")
            continue
        _finding(item, category["category"], row, columns, image_id, state)


def _category_names(path: Path, categories: list[Any], used: Container[Any]) -> dict[str | int | None, str]:
    """Return the names of a file's categories; one that annotations have must have a name, or nobody can say what it means."""
    names: dict[str | int | None, str] = {}
    for item in categories:
        key = _key(item, "id") if isinstance(item, dict) else None
        if key is None:
            continue
        name = item.get("name")
        names[key] = _text(name) if isinstance(name, str | int | float) else ""
        if not names[key] and key in used:
            raise ReadError(path, f"category {_text(key)[:40]} has no name, but annotations have it; give it one under 'categories'")
    return names


def _key(item: Mapping[str, Any], name: str) -> str | int | None:
    value = item.get(name)
    return value if isinstance(value, str | int) else None


def _meaning(category: str, own: Own) -> tuple[str | None, str | None]:
    """Return kind and label of a category: the map's, else those of its words (``benign mass``); KeyError if they say nothing."""
    key = category.lower()
    words = plain(category).split("_")
    labels = {word for word in words if word in SEVERITY}
    rest = " ".join(word for word in words if word not in SEVERITY)
    kind, label = own.said.kinds.get(key), own.said.get(key)
    if kind is None and label is None and (not any(words) or (rest and rest not in KINDS) or len(labels) > 1):
        raise KeyError(category)
    return kind or KINDS.get(rest), label or (labels.pop() if len(labels) == 1 else None)


def _finding(
    item: Mapping[str, Any], category: str, cells: Mapping[str, str], columns: Mapping[str, str], image_id: str, state: _State
) -> None:
    """Make an annotation a finding; one that says "normal", or a kind that is no finding, makes none."""
    own, image = state.own, state.images[image_id]
    kind, label = _meaning(category, own)
    if cell_of(cells, columns, "kind"):
        kind = own.kind(cell_of(cells, columns, "kind"))
    beside = own.label(cell_of(cells, columns, "pathology"))
    if beside != "unknown" and (label in (None, "unknown", beside) or "pathology" in own.said.findings):
        label = beside
    elif beside != "unknown" and category.lower() not in own.said:
        one = f"{image_id}, annotation {_text(item.get('id'))[:40]}: {label} by its category, {beside} by '{columns['pathology']}'"
        own.fault(
            "annotations under two labels, taken as unknown (a map may decide: labels: of the category, or findings: pathology:)", one
        )
        label = "unknown"
    if label == "normal":
        state.normal.add(image_id)
        if _box(item.get("bbox")) or item.get("segmentation"):
            own.fault("places of annotations that say normal, left out", image_id)
    if label == "normal" or kind == NO_FINDING:
        return
    if kind is None:
        state.no_kind.add(category)
    wanted = cell_of(cells, columns, "finding_id") or None
    row = FindingRow(own.set_name, own.finding_id(wanted, f"{image_id}-{_text(item.get('id'))[:40]}"), image_id, kind=kind or "mass")
    row.pathology = label if label in ("benign", "malignant") else "unknown"
    for name in ("lesion_id", "birads", "subtlety", "shape", "margin", "morphology", "distribution"):
        setattr(row, name, cell_of(cells, columns, name) or None)
    row.lesion_id = row.lesion_id or row.finding_id
    row.extra = {**others(cells, columns), "category": category} | ({"iscrowd": "1"} if item.get("iscrowd") == 1 else {})
    _place(row, item, image, state)
    state.findings.append(row)


def _place(row: FindingRow, item: Mapping[str, Any], image: ImageRow, state: _State) -> None:
    """Enter where a finding is: its outline, else its box."""
    own = state.own
    box = _box(item.get("bbox"))
    size = state.listed.get(image.image_id, (image.rows or 0, image.cols or 0))
    try:
        rings = segmentation_rings(item.get("segmentation") or [], size)
        points = joined(rings) if rings else []
        if len(points) > MAX_POINTS:
            raise ValueError(f"it has {len(points):,} points; at most {MAX_POINTS:,} are kept")
    except ValueError as error:
        own.fault("outlines that cannot be used; the box counts, where there is one", f"{row.finding_id}: {error}")
        points = []
    outline = clipped(box_of_points(points), image, row.finding_id, own) if points else None
    if outline and outline[2] > outline[0] and outline[3] > outline[1]:
        rows, cols = image.rows or float("inf"), image.cols or float("inf")
        row.geometry = "polygon"
        row.points = points_text((min(max(r, 0), rows), min(max(c, 0), cols)) for r, c in points)
        row.row0, row.col0, row.row1, row.col1 = outline
        if box and box_iou(box, outline) < 0.5:
            own.fault("boxes that are not those of their outlines, which count", row.finding_id)
        return
    inner = clipped(box, image, row.finding_id, own) if box else None
    if inner is None or inner[2] <= inner[0] or inner[3] <= inner[1]:
        own.fault("annotations without a place that can be used", row.finding_id)
        return
    row.geometry = "box"
    row.row0, row.col0, row.row1, row.col1 = inner


def _box(cells: Any) -> tuple[float, float, float, float] | None:
    """Return the box of ``[x, y, width, height]``, or None where it is not four such numbers or has no size."""
    if not isinstance(cells, list) or len(cells) != 4 or not all(type(cell) in (int, float) and abs(cell) < 1e9 for cell in cells):
        return None
    x, y, width, height = (float(cell) for cell in cells)
    return (y, x, y + height, x + width) if width > 0 and height > 0 else None


def _facts(files: list[Path], state: _State) -> dict[str, Any]:
    """Label the images by their findings and say what was found."""
    own = state.own
    by_image: dict[str, list[str]] = {name: ["normal"] for name in state.normal}
    for row in state.findings:
        by_image.setdefault(row.image_id, []).append(row.pathology)
    for name, image in state.images.items():
        usual = own.said.get(UNANNOTATED, "unknown") if name not in state.annotated else "unknown"
        labels = by_image.get(name, [usual])
        worst = worst_label(labels)
        if image.label == "unknown" and worst == "normal" and "unknown" in labels:
            own.fault("images called normal that have a finding: label unknown", name)
        elif image.label == "unknown":
            image.label = worst
    images = list(state.images.values())
    what = f"the COCO file {files[0].name}" if len(files) == 1 else f"{len(files)} COCO files"
    facts = own_facts(NAME, what, images, state.findings, own)
    if UNANNOTATED not in own.said and (bare := len(state.images) - len(state.annotated)):
        facts["problems"].append(
            f"images without an annotation, label unknown: {bare:,}; '{UNANNOTATED}: normal' under labels: says otherwise"
        )
    if state.no_kind:
        facts["problems"].append(f"categories that say no kind of finding, taken as masses: {', '.join(sorted(state.no_kind)[:6])}")
    facts["files"] = [Path(os.path.relpath(path, own.root)).as_posix() for path in files]
    return facts

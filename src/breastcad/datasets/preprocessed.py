"""A collection whose images went through a pipeline: pictures, masks, boxes and maps moved together, image by image, and resumable.

What a pipeline does is in `preprocess`. Ids, patients and labels stay what they were, so that a split of the source holds here too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError, ReadError
from breastcad.core.files import write_bytes
from breastcad.core.geometry import Box, Point, box_intersection, box_of_mask
from breastcad.core.records import Collection, FindingRow, ImageRow, Picture, RegionRow
from breastcad.preprocess.pipelines import Pipeline
from breastcad.preprocess.prepared import Prepared, mask_at, values_at
from breastcad.read import open_picture
from breastcad.read.masks import fitted_mask
from breastcad.read.trees import inside

Progress = Callable[[int, int], None]
JOURNAL = "unfinished.jsonl"
"""What is done so far, a line an image: a call that was stopped goes on from here."""
LOST = "a finding lies outside of what the pipeline keeps: it has no place any more"
TINY = "a finding's mask covers half of no pixel any more: its box is kept"
HIDDEN = "a finding lies for more than half outside of the tissue that the pipeline found: where that is blackened it cannot be seen"
DEEP = 65535
SAME_ASPECT = 0.01


@dataclass(frozen=True, slots=True)
class Job:
    """One image of a collection, what is known of it, and where it goes."""

    image: ImageRow
    findings: list[FindingRow]
    regions: list[RegionRow]
    root: Path
    out: Path
    name: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A region that a pipeline proposes on an image, in source pixels: a row of candidates.csv."""

    set: str
    image_id: str
    row0: float
    col0: float
    row1: float
    col1: float
    score: float


@dataclass(slots=True)
class Made:
    """What came of one image: its rows, and in words what was remarkable or wrong. Without ``image`` it could not be done."""

    image: ImageRow | None
    findings: list[FindingRow] = field(default_factory=list)
    regions: list[RegionRow] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


# ---- one image ----


def preprocess_image(pipeline: Pipeline, job: Job) -> Made:
    """Run a pipeline on one image and write it, with the masks and maps that belong to it.

    Returns
    -------
    Made
        Paths are relative to ``job.out``. An image that cannot be read or prepared has no row, and the reason as its remark.
    """
    image = job.image
    try:
        path = job.root / inside(job.root / (image.path or ""), job.root)
        picture = open_picture(path, None if image.frame is None else int(image.frame))
        modality = image.modality or picture.modality
        if modality and pipeline.modality and modality != pipeline.modality:
            return Made(None, remarks=[f"is {modality}, and pipeline '{pipeline.name}' is for {pipeline.modality}"])
        spacing = image.spacing_row_mm, image.spacing_col_mm
        known = (spacing[0], spacing[1]) if spacing[0] and spacing[1] else None
        prepared = pipeline.run(
            Prepared(
                picture.pixels,
                colour=picture.colour,
                modality=modality,
                view=image.view or picture.view,
                spacing_mm=known or picture.spacing_mm,
            )
        )
        made = Made(_image_row(job, prepared, picture), remarks=list(prepared.remarks))
        for number, finding in enumerate(job.findings):
            made.findings.append(_finding_row(job, finding, prepared, picture.pixels.shape[:2], number, made.remarks))
        made.regions = list(_region_rows(job, prepared, picture.pixels.shape[:2], made.remarks))
    except (ReadError, InputError) as error:
        return Made(None, remarks=[getattr(error, "reason", str(error))])
    made.candidates = [Candidate(image.set, image.image_id, *box, score) for box, score in prepared.candidates]
    _write_png(job.out / f"images/{job.name}.png", np.rint(np.clip(prepared.pixels, 0, 1) * DEEP).astype(np.uint16))
    return made


def _image_row(job: Job, prepared: Prepared, picture: Picture) -> ImageRow:
    place, spacing = prepared.placement, prepared.spacing_mm
    known = {name: getattr(job.image, name) or getattr(picture, name) for name in ("modality", "laterality", "view", "image_type")}
    square = spacing is not None and abs(spacing[0] / spacing[1] - 1) <= SAME_ASPECT  # pixels made square are not squeezed
    squeezed = not square and abs(abs(place.row_step / place.col_step) - 1) > SAME_ASPECT
    return replace(
        job.image,
        **known,
        path=f"images/{job.name}.png",
        frame=None,
        rows=prepared.shape[0],
        cols=prepared.shape[1],
        aspect="lost" if squeezed else job.image.aspect,
        bit_depth=16,
        spacing_row_mm=None if spacing is None else spacing[0],
        spacing_col_mm=None if spacing is None else spacing[1],
        extra={
            **job.image.extra,
            "source_rows": str(picture.pixels.shape[0]),
            "source_cols": str(picture.pixels.shape[1]),
            **{f"source_{name}": repr(value) for name, value in asdict(place).items()},
        },
    )


def _finding_row(job: Job, finding: FindingRow, prepared: Prepared, shape: tuple[int, ...], number: int, remarks: list[str]) -> FindingRow:
    """Move a finding, the image's ``number``-th; one of which nothing is left has no place any more, and that is said."""
    place = prepared.placement
    if finding.geometry == "mask" and finding.mask_path:
        source = fitted_mask(job.root / inside(job.root / finding.mask_path, job.root), (shape[0], shape[1]))
        mask = mask_at(source, place, prepared.shape)
        box = box_of_mask(mask)
        if box is not None:
            path = f"masks/{job.name}/{number}-{safe_name(finding.finding_id)}.png"  # ids may differ in what no file name holds
            _write_png(job.out / path, mask.astype(np.uint8) * 255)
            if prepared.tissue is not None and prepared.tissue[mask].mean() < 0.5:
                remarks.append(HIDDEN)
            return _boxed(finding, box, mask_path=path)
        whole = box_of_mask(source)
        seen = None if whole is None else _seen(place.from_source(whole), prepared.shape)
        if seen is not None:
            remarks.append(TINY)
            return _boxed(replace(finding, geometry="box"), seen)
    elif finding.row0 is None and not finding.points:
        return finding
    else:
        points = [place.point_from_source(_point(text)) for text in (finding.points or "").split()]
        moved = " ".join(f"{row:.6g},{col:.6g}" for row, col in points) or None
        whole = _box_of_points(points)
        if finding.row0 is not None:
            whole = place.from_source((finding.row0, finding.col0 or 0.0, finding.row1 or 0.0, finding.col1 or 0.0))
        seen = _seen(whole, prepared.shape)
        if seen is not None:
            if _hidden(seen, prepared.tissue):
                remarks.append(HIDDEN)
            box = seen if finding.geometry == "box" else whole  # a circle that is cut is a circle all the same
            return _boxed(finding, None if finding.row0 is None else box, points=moved)
    remarks.append(LOST)
    return replace(finding, geometry="none", row0=None, col0=None, row1=None, col1=None, points=None, mask_path=None)


def _boxed(finding: FindingRow, box: Box | None, *, points: str | None = None, mask_path: str | None = None) -> FindingRow:
    """Return a finding in its new place; a circle of which the aspect was lost is an ellipse."""
    row0, col0, row1, col1 = (None,) * 4 if box is None else box
    oval = finding.geometry == "circle" and box is not None and abs((box[2] - box[0]) - (box[3] - box[1])) > SAME_ASPECT * (box[2] - box[0])
    kind = "ellipse" if oval else finding.geometry
    return replace(finding, geometry=kind, row0=row0, col0=col0, row1=row1, col1=col1, points=points, mask_path=mask_path)


def _point(text: str) -> Point:
    row, _, col = text.partition(",")
    return float(row), float(col)


def _box_of_points(points: Sequence[Point]) -> Box:
    rows, cols = [row for row, _ in points], [col for _, col in points]
    return min(rows, default=0.0), min(cols, default=0.0), max(rows, default=0.0), max(cols, default=0.0)


def _hidden(box: Box, tissue: NDArray[np.bool_] | None) -> bool:
    """Say if more than half of a box within the image is no tissue, as far as a step has looked for that."""
    if tissue is None:
        return False
    row, col = (min(int(low), side - 1) for low, side in zip(box[:2], tissue.shape, strict=True))
    part = tissue[row : max(row + 1, int(np.ceil(box[2]))), col : max(col + 1, int(np.ceil(box[3])))]
    return bool(part.mean() < 0.5)


def _seen(box: Box, shape: tuple[int, int]) -> Box | None:
    """Return what of a box lies in an image, None for nothing; a point on the border lies in it, a box that only touches it does not."""
    for low, high, side in ((box[0], box[2], shape[0]), (box[1], box[3], shape[1])):
        if not (low < side and high > 0) and not 0 <= low == high <= side:
            return None
    return box_intersection(box, (0.0, 0.0, float(shape[0]), float(shape[1])))


def _region_rows(job: Job, prepared: Prepared, shape: tuple[int, ...], remarks: list[str]) -> Iterator[RegionRow]:
    """Move maps of codes; regions of one map share the file. What is no such map of the image is left out, and that is said."""
    moved: dict[str, str] = {}
    for region in job.regions:
        if region.value is None:
            remarks.append(f"region {region.region} is no map of codes: left out")
            continue
        if region.path not in moved:
            levels = open_picture(job.root / inside(job.root / region.path, job.root)).pixels
            if levels.shape != shape:
                remarks.append(f"the map of region {region.region} is of another size than its image: left out")
                continue
            moved[region.path] = f"regions/{job.name}/{len(moved)}-{safe_name(Path(region.path).stem)}.png"
            _write_png(job.out / moved[region.path], values_at(np.rint(levels * 255).astype(np.uint8), prepared.placement, prepared.shape))
        yield replace(region, path=moved[region.path])


def _write_png(path: Path, pixels: Any) -> None:
    done, content = cv2.imencode(".png", pixels)
    assert done, path.name
    write_bytes(path, content.tobytes())


def safe_name(text: str) -> str:
    """Return a text as every file system can hold it.

    Examples
    --------
    >>> safe_name("benign (3)"), safe_name("../a")
    ('benign_3', 'a')
    """
    return re.sub(r"[^\w.-]+", "_", text, flags=re.ASCII).strip("_.")[:100] or "image"


# ---- a collection ----


@dataclass(slots=True)
class Preprocessed:
    """A collection made from another, the regions that the pipeline proposes, and for each remark the ids of the images it is of."""

    collection: Collection
    candidates: list[Candidate]
    remarks: dict[str, list[str]]


def preprocess_collection(
    collection: Collection, pipeline: Pipeline, out: Path, *, workers: int = 0, progress: Progress | None = None
) -> Preprocessed:
    """Run a pipeline on every present image of a collection, and write pictures, masks and maps below a folder.

    The tables are for the caller to write, and then the journal to remove. What a call that was stopped had done is taken from its
    journal, if it was the same call.

    Parameters
    ----------
    collection : Collection
    pipeline : Pipeline
    out : Path
    workers : int
        Processes beside this one; the result does not depend on it.
    progress : callable, optional
        Called with (images done, images in all).

    Returns
    -------
    Preprocessed
        Images in the order of the source's; those that could not be done have ``present`` 0, and the reason is among the remarks.

    Raises
    ------
    InputError
        If the journal there is of another call.
    """
    jobs = _jobs(collection, out)
    content = (pipeline.name, pipeline.steps, collection.root, collection.images, collection.findings, collection.regions)
    asked = json.dumps([pipeline.name, hashlib.sha256(repr(content).encode()).hexdigest()])
    done = read_journal(out / JOURNAL, asked)
    left = [job for job in jobs if job.name not in done]
    out.mkdir(parents=True, exist_ok=True)
    with open(out / JOURNAL, "a", encoding="utf-8") as journal:
        journal.write("" if journal.tell() else asked)
        journal.flush()
        for number, (job, made) in enumerate(_all_made(pipeline, left, workers), start=len(done) + 1):
            done[job.name] = made
            journal.write("\n" + json.dumps([job.name, asdict(made)]))
            journal.flush()
            if progress:
                progress(number, len(jobs))
    return _joined(collection, pipeline, out, [(job, done[job.name]) for job in jobs])


def _jobs(collection: Collection, out: Path) -> list[Job]:
    findings: dict[tuple[str, str], list[FindingRow]] = {}
    regions: dict[tuple[str, str], list[RegionRow]] = {}
    for finding in collection.findings:
        findings.setdefault((finding.set, finding.image_id), []).append(finding)
    for region in collection.regions:
        regions.setdefault((region.set, region.image_id), []).append(region)
    taken: set[str] = set()
    jobs = []
    for image in collection.images:
        name = base = safe_name(image.image_id)
        while name.lower() in taken:  # some file systems do not tell cases apart
            name = f"{base}-{len(taken)}"
        taken.add(name.lower())
        if image.present and image.path:
            key = image.set, image.image_id
            rows = findings.get(key, []), regions.get(key, [])
            jobs.append(Job(image, *rows, Path(collection.root), out, name))
    return jobs


def _all_made(pipeline: Pipeline, jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, Made]]:
    if not workers or len(jobs) < 2:
        yield from ((job, preprocess_image(pipeline, job)) for job in jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from zip(jobs, pool.map(preprocess_image, [pipeline] * len(jobs), jobs), strict=True)


def read_journal(path: Path, asked: str) -> dict[str, Made]:
    """Return what a call that was stopped had done, by the images' names; nothing where there is no journal, or nothing in it.

    What could not be done is left out: it is tried again, for its file may have been mended.

    Raises
    ------
    InputError
        If the journal is of another call. A last line that was cut off is left out.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not text:
        return {}
    head, *lines = text.split("\n")
    if head != asked:
        raise InputError(f"'{path.parent}' holds an unfinished preprocessing of something else; name another folder, or add --overwrite")
    done = {}
    for line in lines:
        try:
            name, made = json.loads(line)
        except ValueError:
            continue
        if made["image"] is None:
            continue
        rows = [FindingRow(**row) for row in made["findings"]], [RegionRow(**row) for row in made["regions"]]
        done[name] = Made(ImageRow(**made["image"]), *rows, [Candidate(**row) for row in made["candidates"]], made["remarks"])
    return done


def _joined(collection: Collection, pipeline: Pipeline, out: Path, done: list[tuple[Job, Made]]) -> Preprocessed:
    made = {(job.image.set, job.image.image_id): one for job, one in done}
    remarks: dict[str, list[str]] = {}
    for job, one in done:
        for remark in dict.fromkeys(one.remarks):
            remarks.setdefault(remark, []).append(job.image.image_id)
    images = []
    for image in collection.images:
        new = made[image.set, image.image_id].image if (image.set, image.image_id) in made else None
        images.append(replace(image, present=0, path=None) if new is None else new)
    moved = {key: iter(one.findings) for key, one in made.items()}  # in the table's order: two findings may have one id
    # A finding of an image that is not here keeps its place on the source, but no file.
    findings = [next(moved.get((row.set, row.image_id), iter(())), replace(row, mask_path=None)) for row in collection.findings]
    regions = [row for _, one in done for row in one.regions]
    preprocessed = sum(one.image is not None for _, one in done)
    told = [f"{remark} ({len(names)} image{'s' * (len(names) != 1)}, first: {names[0]})" for remark, names in remarks.items()]
    facts = {
        **collection.facts,
        "counts": {**collection.facts.get("counts", {}), "preprocessed": preprocessed},
        "problems": [*collection.facts.get("problems", []), *told],
        "pipeline": {"name": pipeline.name, "source": pipeline.source, "steps": [{name: settings} for name, settings in pipeline.steps]},
    }
    return Preprocessed(Collection(str(out), images, findings, regions, facts), [row for _, one in done for row in one.candidates], remarks)

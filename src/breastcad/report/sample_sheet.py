"""A sheet of sampled images, so many of each label, their findings outlined as the set gives them: what a set looks like.

The pictures are the set's own, reduced: whether the sheet may be passed on is up to the set's terms.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import ReadError
from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.datasets.describe import LABELS
from breastcad.infer.names import looks_like_uid
from breastcad.patches.rois import roi_mask
from breastcad.read import open_picture
from breastcad.read.trees import inside
from breastcad.report.overlay import encode

Progress = Callable[[int, int], None]
LONG_SIDE_PX = 320
MOST_FAULTS = 20
"""After so many images of a label that cannot be read, no other is tried."""
_WHITE, _BLACK, _LINE_PX = 255, 0, 1
_MANY = {"mass": "masses", "calcification": "calcifications", "asymmetry": "asymmetries", "distortion": "distortions"}
_POINT_RADIUS_PX, _FAR_PX = 6, 10_000


@dataclass(frozen=True, slots=True)
class Sampled:
    """One image of the sheet: its name, what is known of it in words, how many of its findings are outlined, and its picture."""

    name: str
    words: str
    outlined: int
    findings: int
    address: str


@dataclass(slots=True)
class SampleSheet:
    """Images by label, in the order of `LABELS`; ``unread`` tells which could not be shown, and why."""

    by_label: dict[str, list[Sampled]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def sample_sheet(collection: Collection, per_label: int, generator: np.random.Generator, progress: Progress | None = None) -> SampleSheet:
    """Draw images of each label and show them with their findings.

    Parameters
    ----------
    collection : Collection
    per_label : int
        Images of each label, of as many patients as there are; another is drawn for one that cannot be read.
    generator : numpy.random.Generator
    progress : callable, optional
        Called with (done, total).

    Returns
    -------
    SampleSheet
    """
    findings: dict[str, list[FindingRow]] = {}
    for row in collection.findings:
        findings.setdefault(row.image_id, []).append(row)
    by_label = {label: [i for i in collection.images if i.label == label and i.present and i.path] for label in LABELS}
    total = sum(min(per_label, len(images)) for images in by_label.values())
    sheet = SampleSheet()
    done = 0
    for label, images in by_label.items():
        shown: list[Sampled] = []
        for tried, image in enumerate(_patients_first(images, generator)):
            if len(shown) == per_label or tried == per_label + MOST_FAULTS:
                break
            try:
                shown.append(_sampled(image, findings.get(image.image_id, []), Path(collection.root), sheet.unread))
            except ReadError as error:
                sheet.unread.append(str(ReadError(image.image_id, error.reason, error.private)))  # its file may be named after a patient
                continue
            done += 1
            if progress:
                progress(done, total)
        if shown:
            sheet.by_label[label] = shown
    return sheet


def _patients_first(images: Sequence[ImageRow], generator: np.random.Generator) -> Iterable[ImageRow]:
    """Shuffle images; the first of each patient come before any second."""
    seen: set[str] = set()
    later = []
    for place in generator.permutation(len(images)):
        image = images[int(place)]
        if image.patient_id is not None and image.patient_id in seen:
            later.append(image)
        else:
            seen.add(image.patient_id or "")
            yield image
    yield from later


def _sampled(image: ImageRow, findings: Sequence[FindingRow], root: Path, unread: list[str]) -> Sampled:
    """Read one image and its findings; a mask that cannot be read is told, and its finding is not outlined."""
    path = root / str(image.path)
    inside(path, root)  # what lies elsewhere is no image of the set, whatever its table says
    pixels = open_picture(path, int(image.frame) if image.frame else None).pixels
    scale = min(1.0, LONG_SIDE_PX / max(pixels.shape))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    grey = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    shown = np.rint(np.clip(grey, 0, 1) * 255).astype(np.uint8)
    outlined = 0
    for finding in findings:
        try:
            contours = outline_of(finding, pixels.shape, shown.shape, root)
        except ReadError as error:
            unread.append(str(error))
            continue
        outlined += bool(contours)
        cv2.polylines(shown, contours, finding.geometry != "polyline", _BLACK, 3 * _LINE_PX, cv2.LINE_AA)
        cv2.polylines(shown, contours, finding.geometry != "polyline", _WHITE, _LINE_PX, cv2.LINE_AA)
    jpeg = encode(".jpg", shown, cv2.IMWRITE_JPEG_QUALITY, 82)
    address = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    return Sampled("#" if looks_like_uid(image.image_id) else image.image_id, _words(image, findings), outlined, len(findings), address)


def outline_of(finding: FindingRow, shape: tuple[int, ...], shown: tuple[int, ...], root: Path) -> list[NDArray[np.int32]]:
    """Return a finding's outline on a reduced picture.

    Parameters
    ----------
    finding : FindingRow
    shape, shown : (int, int)
        Rows and columns of the image, and of the picture that is drawn on.
    root : Path
        What mask paths are relative to.

    Returns
    -------
    list of (n, 1, 2) ndarray of int32
        Columns and rows; a point becomes a small ring; empty where the set does not say where the finding is.

    Raises
    ------
    ReadError
        As `patches.rois.roi_mask`.
    """
    down, across = shown[0] / shape[0], shown[1] / shape[1]
    if finding.geometry in ("point", "polyline") and finding.points:
        points = np.array([point.split(",") for point in finding.points.split()], float) * (down, across) - 0.5
        points = points.clip(-_FAR_PX, _FAR_PX)
        if finding.geometry == "polyline":
            return [np.rint(points[:, ::-1]).astype(np.int32)[:, None]]
        return [_ring(float(row), float(col)) for row, col in points]
    try:
        mask = roi_mask(finding, (shape[0], shape[1]), root)
    except ValueError:  # an ellipse of no size
        return []
    if mask is None or not mask.any():
        return []
    small = cv2.resize(mask.astype(np.uint8) * 255, (shown[1], shown[0]), interpolation=cv2.INTER_AREA) >= 128
    if not small.any():  # smaller than a pixel of the picture
        rows, cols = np.nonzero(mask)
        return [_ring(float(rows.mean()) * down, float(cols.mean()) * across)]
    found = cv2.findContours(small.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    return [np.asarray(contour, np.int32) for contour in found]


def _ring(row: float, col: float) -> NDArray[np.int32]:
    centre, radius = (round(col), round(row)), (_POINT_RADIUS_PX, _POINT_RADIUS_PX)
    return np.asarray(cv2.ellipse2Poly(centre, radius, 0, 0, 360, 30), np.int32)[:, None]


def _words(image: ImageRow, findings: Sequence[FindingRow]) -> str:
    """Return side and view, what is found, BI-RADS, density, and if it is squeezed: what a reader wants below a picture."""
    kinds = [row.kind for row in findings]
    named = [f"{kinds.count(kind)} {_MANY.get(kind, kind) if kinds.count(kind) > 1 else kind}" for kind in dict.fromkeys(kinds)]
    said = [
        f"{image.laterality or ''}{image.view or ''}",
        ", ".join(named),
        f"BI-RADS {image.birads}" if image.birads else "",
        f"density {image.density}" if image.density else "",
        "squeezed: its proportions are lost" if image.aspect == "lost" else "",
    ]
    return ", ".join(part for part in said if part)

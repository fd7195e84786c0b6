"""The records that pass between stages, one dataclass a row, their fields in the order of the files' columns.

Reading and writing them is in `core.files`; what they mean on disk is in docs/files.md. Empty cells are None.
Coordinates are [row, column) in source pixels, origin top left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Label = Literal["normal", "benign", "malignant", "unknown"]
NOTICE = "Research use only. Not a diagnosis."
UNFINISHED = "unfinished.txt"
"""Stands in an analysis folder from its first picture until findings.json is whole: what interrupted work left behind is known by it."""
SEVERITY: dict[str, int] = {"unknown": 0, "normal": 1, "benign": 2, "malignant": 3}
LABELS = (*SEVERITY, "lesion")
"""What a sample can be labelled: "lesion" is a window's, where lesions are told from none and not from one another."""


def worst_label(labels: list[str]) -> str:
    """Return the worst of several labels; ``"unknown"`` for none.

    Examples
    --------
    >>> worst_label(["benign", "malignant", "normal"]), worst_label([])
    ('malignant', 'unknown')
    """
    return max(labels, key=SEVERITY.__getitem__, default="unknown")


@dataclass(slots=True)
class ImageRow:
    """One image that a set lists: a row of images.csv. Paths are relative to the collection's root, with ``/``."""

    set: str
    image_id: str
    path: str | None = None
    present: int = 1
    frame: str | None = None
    patient_id: str | None = None
    exam_id: str | None = None
    date: str | None = None
    days_from_first: int | None = None
    age: float | None = None
    modality: str | None = None
    image_type: str | None = None
    laterality: str | None = None
    view: str | None = None
    rows: int | None = None
    cols: int | None = None
    aspect: str | None = None
    bit_depth: int | None = None
    spacing_row_mm: float | None = None
    spacing_col_mm: float | None = None
    manufacturer: str | None = None
    density: str | None = None
    birads: str | None = None
    label: str = "unknown"
    part: str | None = None
    origin: str = "real"
    parent_image_id: str | None = None
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class FindingRow:
    """One annotated finding of an image: a row of findings.csv. ``points`` is ``"row,col row,col ..."``."""

    set: str
    finding_id: str
    image_id: str
    lesion_id: str | None = None
    kind: str = "mass"
    pathology: str = "unknown"
    birads: str | None = None
    subtlety: str | None = None
    shape: str | None = None
    margin: str | None = None
    morphology: str | None = None
    distribution: str | None = None
    geometry: str = "none"
    row0: float | None = None
    col0: float | None = None
    row1: float | None = None
    col1: float | None = None
    points: str | None = None
    mask_path: str | None = None
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class RegionRow:
    """One region map of an image (breast, pectoral, tissue): a row of regions.csv."""

    set: str
    image_id: str
    region: str
    path: str
    value: int | None = None


@dataclass(slots=True)
class Collection:
    """A data set as breastcad keeps it: what a reader returns and `core.files.write_collection` writes.

    ``root`` is the folder that the rows' paths are relative to. ``facts`` becomes part of collection.json:
    ``set``, ``reader``, ``licence``, ``counts`` (str to int), ``problems`` (list of sentences), and what else the reader says.
    """

    root: str
    images: list[ImageRow]
    findings: list[FindingRow] = field(default_factory=list)
    regions: list[RegionRow] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


PARTS = ("train", "validation", "test")


@dataclass(slots=True)
class SplitRow:
    """The part (of `PARTS`) that one image has in one fold: a row of split.csv."""

    set: str
    id: str
    group: str
    repeat: int = 0
    outer: int = 0
    inner: int = 0
    part: str = "train"


@dataclass(slots=True)
class PatchRow:
    """One window on one image: a row of patches.csv. Position and size in source pixels, ``scale`` in network pixels a source pixel.

    ``scale`` is along rows: the window is ``scale * height`` network pixels high, and, being square, as many wide.
    """

    sample_id: str
    role: str
    set: str
    image_id: str
    finding_id: str | None
    row: float
    col: float
    height: float
    width: float
    scale: float = 1.0
    roi_share: float | None = None
    breast_share: float | None = None
    label: str = "unknown"
    group: str | None = None
    patient_id: str | None = None


@dataclass(slots=True)
class PredictionRow:
    """What a run says of one sample in one fold: a row of predictions.csv.

    ``raw`` and ``probability`` map a class (malignant, abnormal, ...) to a number; they are the columns ``raw_*``
    and ``probability_*``. ``dice`` is the overlap of the predicted with the true lesion mask, in [0, 1].
    A window says which ``image`` and ``breast`` (patient/side) it is of, and of which ``kind`` its finding is; an image its breast.
    """

    set: str
    id: str
    patient: str | None
    group: str
    repeat: int
    outer: int
    inner: int
    part: str
    level: str
    label: str
    raw: dict[str, float] = field(default_factory=dict)
    probability: dict[str, float] = field(default_factory=dict)
    dice: float | None = None
    image: str | None = None
    breast: str | None = None
    kind: str | None = None


@dataclass(slots=True)
class MarkRow:
    """A place and score that a run reports on an image: a row of marks.csv. ``lesion_id`` is the lesion it hits, or None."""

    set: str
    image_id: str
    repeat: int
    outer: int
    row: float
    col: float
    score: float
    lesion_id: str | None = None


@dataclass(slots=True)
class LesionRow:
    """A true lesion of an image that a fold tested on, found or not: a row of lesions.csv; the denominator of marks.csv.

    ``closer_malignant`` is the logit of its malignancy from a closer look at its given box, of a network that looks closer.
    """

    set: str
    image_id: str
    repeat: int
    outer: int
    lesion_id: str
    group: str
    pathology: str = "unknown"
    closer_malignant: float | None = None


@dataclass(slots=True)
class Picture:
    """One image (one frame) as every later step sees it, whatever file it came from.

    ``pixels`` is (H, W) float32 in [0, 1], grey, tissue bright on dark. ``colour`` is (H, W, 3) uint8 where the source
    has visible colour, else None. ``spacing_mm`` is (row, column); ``spacing_at`` says ``"detector"``, ``"object"`` or None.
    ``private`` holds strings that must not be written anywhere (patient ID, name, UIDs). ``warnings`` are sentences for the result.
    ``regions`` are the boxes [row0, col0, row1, col1) of 2D tissue that an ultrasound file names; the rest is screen.
    ``other_part`` is the part of the body that the file says it shows, where that is not the breast. ``special`` are the words
    (`read.dicom_header.special_of`) for what sets the picture apart from a plain view of a woman's breast: implant, magnification, ...
    ``side_in_doubt`` says that what the file says of its side contradicts itself (a warning says how).
    """

    pixels: NDArray[np.float32]
    colour: NDArray[np.uint8] | None = None
    bit_depth: int = 8
    modality: str | None = None
    image_type: str | None = None
    laterality: str | None = None
    view: str | None = None
    spacing_mm: tuple[float, float] | None = None
    spacing_at: str | None = None
    frame: int | None = None
    manufacturer: str | None = None
    patient_key: str | None = None
    exam_key: str | None = None
    patient_orientation: str | None = None
    other_part: str | None = None
    private: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    regions: list[tuple[int, int, int, int]] = field(default_factory=list)
    special: list[str] = field(default_factory=list)
    side_in_doubt: bool = False


# ---- findings.json, version 1: what an analysis says ----


@dataclass(slots=True)
class ModelUsed:
    """A model that took part in an analysis."""

    id: str
    version: str
    sha256: str
    score_floor: float


@dataclass(slots=True)
class Interval:
    """A range for a probability and the method that gave it, e.g. ``"three folds"`` or ``"two networks"``."""

    low: float
    high: float
    level: float
    method: str


@dataclass(slots=True)
class Decision:
    """A named operating point and the side of it that an image lies on; rates are those of the model's card, over all sets."""

    name: str
    threshold: float
    sensitivity: float
    specificity: float
    prevalence: float
    positive: bool


@dataclass(slots=True)
class Possible:
    """The labels that a model does not rule out: none, one or both of ``malignant`` and ``not malignant``.

    On validation of its training the set held the true label of ``coverage`` of the images of each, one image a woman.
    """

    labels: list[str]
    coverage: float


@dataclass(slots=True)
class Finding:
    """A mark above the model's score floor. ``box`` is [row0, col0, row1, col1) in source pixels, ``mask`` a file beside findings.json."""

    id: str
    kind: str
    box: list[int]
    probability: dict[str, float]
    mask: str | None = None


@dataclass(slots=True)
class HeatMap:
    """A 16-bit grey picture in the analysis folder whose grey levels span ``range``."""

    file: str
    of: str
    range: list[float]


@dataclass(slots=True)
class ImageResult:
    """What an analysis says of one image (a frame of a file, where ``frame`` is set)."""

    image: str
    argument: int
    source: str
    frame: int | None
    sha256: str
    modality: str
    laterality: str | None
    view: str | None
    rows: int
    cols: int
    spacing_mm: list[float] | None
    models: list[str]
    probability: dict[str, float] | None
    raw: dict[str, float]
    interval: dict[str, Interval] | None = None
    decision: Decision | None = None
    possible: Possible | None = None
    unlike: float | None = None
    abstained: bool = False
    warnings: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    heatmap: HeatMap | None = None
    overlay: str | None = None


@dataclass(slots=True)
class LeftOut:
    """An image of an exam that does not count for its breast, and why."""

    image: str
    reason: str


@dataclass(slots=True)
class ExamResult:
    """Images of one exam, of one modality, joined to breasts and, in ``woman``, to the woman.

    ``rule`` names how (`evaluate.aggregation.RULES`): that for the views of a breast under ``views``, for the breasts under ``breasts``.
    """

    exam: str
    breasts: dict[str, dict[str, float]]
    images: list[str]
    modality: str = ""
    rule: dict[str, str] = field(default_factory=dict)
    woman: dict[str, float] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Skipped:
    """A file that was not analysed, and why."""

    argument: int
    source: str
    reason: str


@dataclass(slots=True)
class Analysis:
    """The whole of findings.json, version 1. ``analysis`` is an id made from the content of what was analysed."""

    schema: str
    breastcad: str
    analysis: str
    notice: str
    models: list[ModelUsed]
    images: list[ImageResult]
    exams: list[ExamResult]
    skipped: list[Skipped]

"""The table of windows, patches.csv: where each window lies, what it holds of lesion and breast, and its label.

Nothing is cut out or written but the table. ROI shares come from `integral`, positions from `windows`.
"""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError, ReadError
from breastcad.core.records import SEVERITY, Collection, FindingRow, ImageRow, PatchRow
from breastcad.patches.integral import roi_shares
from breastcad.patches.rois import roi_mask
from breastcad.patches.windows import window_starts
from breastcad.preprocess.breast import breast_mask
from breastcad.read import open_picture

Progress = Callable[[int, int], None]

_CHOICES = {"roi_of": ("window", "roi"), "label": ("pathology", "lesion")}


@dataclass(frozen=True, slots=True)
class Sliding:
    """How a sliding window goes over images, and how a window gets its label.

    ``window`` and ``stride`` are in pixels of the network, of which ``scale`` make a source pixel. A window belongs to a
    lesion if more than ``roi_share`` of ``roi_of`` is shared: of the window's pixels, or of the lesion's. Such a window is
    labelled with the lesion's ``label``: its pathology, or ``lesion``. On mammograms, other windows of which less than
    ``breast_share`` is breast are left out.
    """

    window: int = 224
    stride: int = 56
    scale: float = 1.0
    roi_share: float = 0.5
    roi_of: str = "window"
    breast_share: float = 0.5
    label: str = "pathology"

    def __post_init__(self) -> None:
        """Check every setting; InputError says which is wrong."""
        for name in ("window", "stride", "scale"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"setting '{name}' must be more than 0 and finite, got {getattr(self, name)}")
        for name in ("roi_share", "breast_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"setting '{name}' must be in [0, 1], got {getattr(self, name)}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f"setting '{name}' must be {' or '.join(choices)}, got '{getattr(self, name)}'")

    @property
    def window_px(self) -> int:
        """Side of a window in source pixels."""
        return max(1, round(self.window / self.scale))

    @property
    def stride_px(self) -> int:
        """Step from window to window in source pixels."""
        return max(1, round(self.stride / self.scale))


@dataclass(slots=True)
class Patches:
    """The rows of patches.csv, and what a user should know of how they came about."""

    rows: list[PatchRow] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def sliding(pairs: Sequence[str]) -> Sliding:
    """Return settings from ``KEY=VALUE`` texts.

    Raises
    ------
    InputError
        If a text has no ``=``, the key is unknown, or the value has not its type or range.

    Examples
    --------
    >>> sliding(["window=128", "roi_of=roi"]).roi_of
    'roi'
    """
    kinds: dict[str, Callable[[str], Any]] = {entry.name: type(getattr(Sliding(), entry.name)) for entry in fields(Sliding)}
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"--setting takes KEY=VALUE, got '{pair}'")
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            raise InputError(f"unknown setting '{name}';{f' near name: {near[0]!r}.' if near else ''} All: {', '.join(kinds)}")
        try:
            values[name] = kinds[name](text)
        except ValueError as error:
            needed = "a whole number" if kinds[name] is int else "a number"
            raise InputError(f"setting '{name}' must be {needed}, got '{text}'") from error
    return replace(Sliding(), **values)


def sliding_patches(
    collection: Collection, settings: Sliding, *, groups: Mapping[tuple[str, str], str] | None = None, progress: Progress | None = None
) -> Patches:
    """Return the windows of every present image of a collection.

    Parameters
    ----------
    collection : Collection
    settings : Sliding
    groups : mapping, optional
        Group by (set, image_id), as a split has them; images without one are left out.
    progress : callable, optional
        Called with (images done, images in all).

    Returns
    -------
    Patches

        An image that cannot be read, or not one of its masks, is left out, with a remark.
    """
    findings: dict[str, list[FindingRow]] = {}
    for finding in collection.findings:
        findings.setdefault(finding.image_id, []).append(finding)
    images = [image for image in collection.images if image.present and image.path]
    if groups is not None:
        images = [image for image in images if (image.set, image.image_id) in groups]
    table, told = Patches(), Counter[str]()
    unread: list[str] = []
    for number, image in enumerate(images, start=1):
        group = None if groups is None else groups[image.set, image.image_id]
        try:
            table.rows += list(_windows_of(image, findings.get(image.image_id, []), Path(collection.root), settings, group, told))
        except ReadError as error:
            unread.append(f"{image.image_id} is left out: {error}; import the set again")
        if progress:
            progress(number, len(images))
    table.remarks = [f"{count} image{'s' * (count != 1)} {what}" for what, count in told.items()] + unread
    return table


# ---- the windows of one image ----


@dataclass(slots=True)
class _Grid:
    """Where windows begin on one image, and what is known of each: shares (F, R, C) of F findings' ROIs, of breast (R, C) or None."""

    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    findings: list[FindingRow]
    shares: NDArray[np.float64]
    of_breast: NDArray[np.float64] | None
    outside: str


def _windows_of(
    image: ImageRow, findings: Sequence[FindingRow], root: Path, settings: Sliding, group: str | None, told: Counter[str]
) -> Iterator[PatchRow]:
    shape, breast = _shape_and_breast(image, root)
    size = settings.window_px
    rows, cols = (window_starts(length, size, settings.stride_px) for length in shape)
    if not (rows.size and cols.size):
        told["smaller than the window, left out"] += 1
        return
    rois = [(finding, roi_mask(finding, shape, root)) for finding in findings]
    shares = [roi_shares(roi, rows, cols, (size, size), of=settings.roi_of) for _, roi in rois if roi is not None]  # type: ignore[arg-type]
    known = len(shares) == len(findings) and bool(findings or image.label == "normal")
    if not known:
        told["with a finding or label but no outline: windows outside every ROI are 'unknown'"] += 1
    grid = _Grid(
        rows,
        cols,
        findings=[finding for finding, roi in rois if roi is not None],
        shares=np.array(shares).reshape(-1, rows.size, cols.size),
        of_breast=None if breast is None else roi_shares(breast, rows, cols, (size, size)),
        outside="normal" if known else "unknown",
    )
    yield from _rows_of(image, grid, settings, group)


def _shape_and_breast(image: ImageRow, root: Path) -> tuple[tuple[int, int], NDArray[np.bool_] | None]:
    """Return an image's size and, of a mammogram, the mask of its breast; pixels are read only where they are needed."""
    if image.modality != "MG" and image.rows is not None and image.cols is not None:
        return (image.rows, image.cols), None
    pixels = open_picture(root / str(image.path), int(image.frame) if image.frame else None).pixels
    return (pixels.shape[0], pixels.shape[1]), breast_mask(pixels) if image.modality == "MG" else None


def _rows_of(image: ImageRow, grid: _Grid, settings: Sliding, group: str | None) -> Iterator[PatchRow]:
    """Give the rows of one image, in reading order."""
    best, shares, belongs = _nearest_findings(grid, settings)
    size, scale = settings.window_px, settings.window / settings.window_px
    kept = np.ones_like(belongs) if grid.of_breast is None else belongs | (grid.of_breast >= settings.breast_share)
    for r, c in np.argwhere(kept).tolist():
        finding = grid.findings[best[r, c]] if grid.findings else None
        row, col, share = int(grid.rows[r]), int(grid.cols[c]), float(shares[r, c])
        yield PatchRow(
            sample_id=f"{image.set}/{image.image_id}/{row}-{col}-{size}x{size}",
            role="image",
            set=image.set,
            image_id=image.image_id,
            finding_id=finding.finding_id if finding is not None and share > 0 else None,
            row=row,
            col=col,
            height=size,
            width=size,
            scale=scale,
            roi_share=share if finding is not None or grid.outside == "normal" else None,
            breast_share=None if grid.of_breast is None else float(grid.of_breast[r, c]),
            label=_label(finding, share, bool(belongs[r, c]), grid.outside, settings),
            group=group,
        )


def _nearest_findings(grid: _Grid, settings: Sliding) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]:
    """Return for each window, (R, C), which finding it is named after, that one's share, and if the window belongs to it.

    One that a window belongs to comes before one that it only touches, then the worst, then the largest share.
    """
    if not grid.findings:
        nothing = np.zeros((grid.rows.size, grid.cols.size))
        return nothing.astype(np.intp), nothing, nothing.astype(bool)
    own = grid.shares > settings.roi_share
    severity = np.array([1 + SEVERITY[finding.pathology] for finding in grid.findings])
    best = np.argmax(own * severity[:, None, None] + grid.shares / 2, axis=0)
    return best, np.take_along_axis(grid.shares, best[None], axis=0)[0], np.asarray(own.any(axis=0))


def _label(finding: FindingRow | None, share: float, belongs: bool, outside: str, settings: Sliding) -> str:
    """Return a window's label: its lesion's, ``unknown`` where it only touches one, else what lies outside every lesion."""
    if finding is None or share == 0:
        return outside
    if not belongs:
        return "unknown"
    return "lesion" if settings.label == "lesion" else finding.pathology

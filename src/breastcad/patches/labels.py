"""What a window shows: which lesion it belongs to, its label, and which windows are left out for being black or no breast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from breastcad.core.records import SEVERITY, FindingRow
from breastcad.patches.methods import Scene, Windows
from breastcad.patches.settings import CentrePixel, Settings, Whole

POSITIVE = ("malignant", "lesion")


@dataclass(frozen=True, slots=True)
class Labelled:
    """What is known of N windows: label, the finding it is named after, shares of ROI and breast; ``kept`` says which stay."""

    labels: list[str]
    findings: list[FindingRow | None]
    roi: NDArray[np.float64]
    breast: NDArray[np.float64] | None
    kept: NDArray[np.bool_]
    dropped: Counter[str]


def labelled(scene: Scene, windows: Windows, settings: Settings, image_label: str) -> Labelled:
    """Measure and label the windows of one image.

    Parameters
    ----------
    scene : Scene
    windows : Windows
    settings : Settings
    image_label : str
        The label of the image, for `Whole`.

    Returns
    -------
    Labelled
        A window that belongs to several lesions is named after the worst of them, one that only touches some after the one of which it
        has the largest share.
    """
    placed = [(number, finding, roi) for number, (finding, roi) in enumerate(scene.rois) if roi is not None]
    count = len(windows.boxes)
    shares = np.array([windows.shares(roi, settings.roi_of) for _, _, roi in placed]).reshape(len(placed), count)
    belongs = shares > settings.roi_share
    if isinstance(settings, CentrePixel):
        belongs = np.array([_holds_centres(roi, windows) for _, _, roi in placed], bool).reshape(shares.shape)
    own = np.array([windows.own == number for number, _, _ in placed], bool).reshape(shares.shape)
    belongs = shares > 0 if isinstance(settings, Whole) else belongs | own
    best, roi, inside = _best([finding for _, finding, _ in placed], shares, belongs, count)
    outside = "normal" if scene.known else "unknown"
    findings = [placed[place][1] if placed and share > 0 else None for place, share in zip(best.tolist(), roi.tolist(), strict=True)]
    labels = [_label(finding, belong, outside, settings) for finding, belong in zip(findings, inside.tolist(), strict=True)]
    if isinstance(settings, Whole) and settings.label == "pathology":
        labels = [image_label] * count
    return _sorted_out(scene, windows, settings, Labelled(labels, findings, roi, None, inside, Counter()))


def _holds_centres(roi: NDArray[np.bool_], windows: Windows) -> NDArray[np.bool_]:
    """Say of each window if its central pixel is of the ROI; where the centre is the corner of four, it is the last of them."""
    rows = np.floor((windows.boxes[:, 0] + windows.boxes[:, 2]) / 2).astype(np.int64)
    cols = np.floor((windows.boxes[:, 1] + windows.boxes[:, 3]) / 2).astype(np.int64)
    return np.asarray(roi[rows, cols], bool)


def _best(
    findings: Sequence[FindingRow], shares: NDArray[np.float64], belongs: NDArray[np.bool_], count: int
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]:
    """Return for each of N windows which finding it is named after, that one's share, and if the window belongs to it.

    One that a window belongs to comes before one that it only touches, then the worst, then the largest share.
    """
    if not findings:
        nothing = np.zeros(count)
        return nothing.astype(np.intp), nothing, nothing.astype(bool)
    severity = np.array([1 + SEVERITY[finding.pathology] for finding in findings])
    best = np.argmax(belongs * severity[:, None] + shares / 2, axis=0)
    return best, np.take_along_axis(shares, best[None], axis=0)[0], np.asarray(belongs.any(axis=0))


def _label(finding: FindingRow | None, belongs: bool, outside: str, settings: Settings) -> str:
    """Return a window's label: its lesion's, or where it only touches one as asked for, else what lies outside every lesion."""
    if finding is None or (not belongs and settings.touching == "normal"):
        return outside
    if not belongs:
        return "unknown"
    return "lesion" if settings.label == "lesion" else finding.pathology


def _sorted_out(scene: Scene, windows: Windows, settings: Settings, found: Labelled) -> Labelled:
    """Say which windows stay, and count those that do not by the rule that leaves them out."""
    kept = np.ones(len(windows.boxes), bool)
    dropped: Counter[str] = Counter()
    breast = None if scene.breast is None else windows.shares(scene.breast, "window")
    if not isinstance(settings, Whole):
        if breast is not None:
            kept = found.kept | (breast >= settings.breast_share)
            dropped["too little breast"] = int((~kept).sum())
        if settings.black < 1:
            black = windows.shares(scene.pixels() <= settings.black_level, "window") > settings.black
            if settings.black_of == "benign":
                black &= ~np.isin(found.labels, POSITIVE)
            dropped["too black"] = int((kept & black).sum())
            kept = kept & ~black
    return Labelled(found.labels, found.findings, found.roi, breast, kept, dropped)

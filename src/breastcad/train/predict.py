"""What a network says of samples, how good that is on validation, and its calibration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from breastcad.core.geometry import box_centre
from breastcad.core.records import FindingRow, LesionRow, MarkRow, PredictionRow
from breastcad.evaluate.calibration import HIGHEST_TEMPERATURE, apply_temperature, fit_line, fit_temperature, sigmoid
from breastcad.evaluate.marks import MAP_FLOOR, hit_lesions, marks_from_map
from breastcad.evaluate.metrics import dice, roc_auc
from breastcad.models.flipped import Flipped
from breastcad.models.lesion_network import LesionNetwork
from breastcad.models.mean_network import MeanNetwork
from breastcad.preprocess.inputs import ModelInput, box_to_input, box_to_source
from breastcad.train.batches import plain_batches
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.samples import Sample


@dataclass(slots=True)
class Said:
    """A network's word on a sample: ``lesion`` (h, w) float32 logits of its map, ``logits`` (abnormal, malignant given abnormal)."""

    sample: Sample
    lesion: NDArray[np.float32]
    logits: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a network's image logits are divided by (abnormal: moved by before), and the line of its marks' logits; fitted on validation."""

    abnormal: float = 1.0
    abnormal_shift: float = 0.0
    malignant: float = 1.0
    mark_slope: float = 1.0
    mark_intercept: float = 0.0


@torch.no_grad()
def predict(
    network: LesionNetwork | MeanNetwork | Flipped,
    samples: list[Sample],
    settings: LesionSettings,
    device: torch.device,
    *,
    progress: Callable[[str, int, int], None],
) -> list[Said]:
    """Run a network over samples as they are, in their order."""
    network.eval()
    said: list[Said] = []
    for part, images in plain_batches(samples, settings):
        maps, logits = network(images.to(device, memory_format=torch.channels_last))
        lesion = maps[:, 0].float().cpu().numpy()
        said += [Said(s, m, (float(v[0]), float(v[1]))) for s, m, v in zip(part, lesion, logits.float().cpu().numpy(), strict=True)]
        progress("looking at images", len(said), len(samples))
    return said


@torch.no_grad()
def film_features(network: LesionNetwork, samples: list[Sample], settings: LesionSettings, device: torch.device) -> NDArray[np.float32]:
    """Return the mean of a network's deepest features of samples as they are, (N, C) float32."""
    network.eval()
    found = [network.film_features(images.to(device)).float().cpu().numpy() for _, images in plain_batches(samples, settings)]
    return np.concatenate(found)


LesionKey = tuple[str, str, str]


@torch.no_grad()
def look_at_boxes(network: LesionNetwork | MeanNetwork | Flipped, samples: list[Sample], device: torch.device) -> dict[LesionKey, float]:
    """Return the logit of malignancy from a closer look at the given box of each finding that has one.

    Returns
    -------
    dict
        (set, image id, finding id) -> logit; empty for a network without a closer look.
    """
    if not network.looks:
        return {}
    network.eval()
    said: dict[LesionKey, float] = {}
    for sample in (one for one in samples if one.findings):
        windows = torch.tensor([[_window_round(finding, sample) for finding in sample.findings]], dtype=torch.float32, device=device)
        image = torch.from_numpy(sample.image.astype(np.float32) / 255)[None, None].to(device)
        logits = network.look_at(image, windows)[0, :, 1].tolist()
        said |= {(*sample.key, finding.finding_id): logit for finding, logit in zip(sample.findings, logits, strict=True)}
    return said


def _window_round(finding: FindingRow, sample: Sample) -> tuple[float, float, float]:
    """Return the centre and the longer side of a finding's box, in pixels of the network's input; of any length, as in training."""
    source = (finding.row0 or 0.0, finding.col0 or 0.0, finding.row1 or 0.0, finding.col1 or 0.0)
    box = box_to_input(source, ModelInput(sample.image, sample.box, ""))  # type: ignore[arg-type]
    return *box_centre(box), max(box[2] - box[0], box[3] - box[1])


def validation_score(said: list[Said]) -> tuple[float, dict[str, float]]:
    """Return the mean of what can be measured (two AUCs and Dice or hits), by which the best epoch is chosen, and its parts."""
    figures: dict[str, float] = {}
    for name, known, truth, scores in (
        ("auc_abnormal", *_abnormal(said)),
        ("auc_malignant", *_malignant(said)),
    ):
        if known and len(set(truth)) == 2:
            figures[name] = roc_auc(truth, scores)
    overlaps = [value for value in map(dice_of, said) if value is not None]
    if overlaps:
        figures["dice"] = float(np.mean(overlaps))
    hits = [_best_mark_hits(one) for one in said if one.sample.findings]
    if hits:
        figures["best_mark_hits"] = float(np.mean(hits))
    return (float(np.mean(list(figures.values()))) if figures else -math.inf), figures


def _abnormal(said: list[Said]) -> tuple[list[Said], list[bool], list[float]]:
    known = [one for one in said if one.sample.row.label != "unknown"]
    return known, [one.sample.row.label != "normal" for one in known], [one.logits[0] for one in known]


def _malignant(said: list[Said]) -> tuple[list[Said], list[bool], list[float]]:
    known = [one for one in said if one.sample.row.label in ("benign", "malignant")]
    return known, [one.sample.row.label == "malignant" for one in known], [one.logits[1] for one in known]


def dice_of(one: Said) -> float | None:
    """Return the Dice overlap of the drawn with the true lesion at the network's input size; None where there is no outlined lesion."""
    if not any(finding.geometry == "mask" for finding in one.sample.findings):
        return None
    rows, cols = one.sample.image.shape
    return dice(cv2.resize(one.lesion, (cols, rows), interpolation=cv2.INTER_LINEAR) > 0, one.sample.lesions > 0)


@dataclass(slots=True)
class _Placed:
    row: float
    col: float
    logit: float


def _placed_marks(one: Said, level: float, most: int) -> list[_Placed]:
    """Return the marks of a sample in source pixels, best first."""
    probability = sigmoid(one.lesion)
    seen = ModelInput(one.sample.image, one.sample.box, "")  # type: ignore[arg-type]
    placed = []
    for mark in marks_from_map(probability, floor=MAP_FLOOR, level=level, max_marks=most):
        row, col, _, _ = box_to_source((mark.row, mark.col, mark.row, mark.col), (probability.shape[0], probability.shape[1]), seen)
        placed.append(_Placed(row, col, float(one.lesion[mark.peak])))
    return placed


def _best_mark_hits(one: Said) -> bool:
    hit = hit_lesions(_placed_marks(one, 0.5, 1), one.sample.findings)
    return bool(hit) and hit[0] is not None


def fit_calibration(said: list[Said], settings: LesionSettings) -> Calibration:
    """Fit the calibration of a network on its validation samples; nothing changes where validation lacks a class."""
    temperatures = {}
    for name, (_, truth, logits) in (("abnormal", _abnormal(said)), ("malignant", _malignant(said))):
        temperatures[name] = fit_temperature(logits, truth) if len(set(truth)) == 2 else 1.0
    if settings.abnormal_share:
        _, truth, logits = _abnormal(said)
        slope, intercept = fit_line(logits, truth, share=settings.abnormal_share)
        slope = max(slope, 1 / HIGHEST_TEMPERATURE)
        temperatures |= {"abnormal": 1 / slope, "abnormal_shift": intercept / slope}
    hits: list[bool] = []
    marks: list[float] = []
    for one in said:
        if one.sample.placed:
            placed = _placed_marks(one, settings.mark_level, settings.max_marks)
            hits += [hit is not None for hit in hit_lesions(placed, one.sample.findings)]
            marks += [mark.logit for mark in placed]
    slope, intercept = fit_line(marks, hits) if hits else (1.0, 0.0)
    return Calibration(**temperatures, mark_slope=slope, mark_intercept=intercept)


def known_classes(samples: list[Sample], settings: LesionSettings) -> list[str]:
    """Return the classes that training shows, of normal, benign, malignant: images without a lesion may be made, not read."""
    labels = {sample.row.label for sample in samples}
    if settings.policy == "none" and (settings.augmentation.healed > 0 or settings.augmentation.window > 0):
        labels.add("normal")
    return [label for label in ("normal", "benign", "malignant") if label in labels]


def to_rows(
    said: list[Said],
    calibration: Calibration,
    settings: LesionSettings,
    *,
    fold: tuple[int, int],
    part: str,
    classes: Sequence[str] = ("normal", "benign", "malignant"),
    closer: dict[LesionKey, float] | None = None,
) -> tuple[list[PredictionRow], list[MarkRow], list[LesionRow]]:
    """Turn a network's words into rows of predictions.csv, marks.csv and lesions.csv (the last two of samples with placed lesions).

    ``fold`` is (repeat, outer), ``classes`` what `known_classes` returned: a network that was shown abnormal images only takes
    all for abnormal, as `infer.probability.image_numbers` does. ``closer`` is what `look_at_boxes` returned.
    """
    predictions, marks, lesions = [], [], []
    repeat, outer = fold
    for one in said:
        sample = one.sample
        ids = sample.row.set, sample.row.image_id, sample.row.patient_id, sample.group
        row = PredictionRow(*ids, repeat, outer, 0, part, level="image", label=sample.row.label)
        row.raw = {"abnormal": one.logits[0], "malignant": one.logits[1]}
        abnormal = 1.0
        if "normal" in classes:
            abnormal = float(apply_temperature(one.logits[0] + calibration.abnormal_shift, calibration.abnormal))
        malignant = abnormal * float(apply_temperature(one.logits[1], calibration.malignant))
        row.probability = {"normal": 1 - abnormal, "benign": abnormal - malignant, "malignant": malignant, "abnormal": abnormal}
        row.dice = dice_of(one)
        predictions.append(row)
        if not sample.placed:
            continue
        placed = _placed_marks(one, settings.mark_level, settings.max_marks)
        for mark, hit in zip(placed, hit_lesions(placed, sample.findings), strict=True):
            score = float(sigmoid(calibration.mark_slope * mark.logit + calibration.mark_intercept))
            if score >= settings.score_floor:
                position = round(mark.row, 2), round(mark.col, 2)
                marks.append(MarkRow(sample.row.set, sample.row.image_id, repeat, outer, *position, round(score, 5), hit))
        lesions += [
            LesionRow(*sample.key, repeat, outer, f.finding_id, sample.group, f.pathology, (closer or {}).get((*sample.key, f.finding_id)))
            for f in sample.findings
        ]
    return predictions, marks, lesions

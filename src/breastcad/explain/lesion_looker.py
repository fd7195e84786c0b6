"""A lesion network's own map as the answer to where: nothing has to be made of it, but it is measured as maps of classifiers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from breastcad.core.placement import Placement
from breastcad.evaluate.boxes import ScoredBox, boxes_from_map
from breastcad.evaluate.calibration import apply_temperature, sigmoid
from breastcad.evaluate.fold_scores import logit
from breastcad.evaluate.marks import MAP_FLOOR
from breastcad.explain.films import Film, Look
from breastcad.preprocess.inputs import prepare

LESION_MAP = "lesion-map"
_AT_ONCE = 4


def prepared_film(pixels: NDArray[np.float32], pipeline: str, size: tuple[int, int]) -> Film:
    """Prepare an image as a lesion network's training had it.

    Parameters
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1].
    pipeline : str
        As `preprocess.inputs.prepare` takes it; that of mammograms blackens what is not breast, and what is left is inside.
    size : (int, int)
        Rows and columns of the input.
    """
    seen = prepare(pixels, pipeline, *size)
    row0, col0, row1, col1 = seen.box
    place = Placement().cropped(row0, col0).resized((int(row1 - row0), int(col1 - col0)), size)
    array = np.round(seen.array * 255).astype(np.float32) / np.float32(255)
    inside = array > 0 if pipeline == "mammogram" else np.ones(size, bool)
    return Film(array, place, inside if inside.any() else np.ones(size, bool))


@dataclass(frozen=True, slots=True)
class LesionLooker:
    """Lesion networks (of one fold; their logits are averaged) that are asked where a lesion is.

    ``calibration`` is the fold's own (as `train.predict.Calibration` names its parts), by which scores and probabilities of several folds
    can stand beside one another; ``sees_normal``: training had normal images (else all are abnormal to it). ``level`` and ``most`` are as
    of `evaluate.boxes.boxes_from_map`; no box has a calibrated score below ``floor``.
    """

    networks: Sequence[Any]
    calibration: Mapping[str, float]
    sees_normal: bool = True
    level: float = 0.5
    most: int = 5
    floor: float = 0.0
    method: ClassVar[str] = LESION_MAP
    heads: ClassVar[tuple[str, ...]] = ("draw", "judge", "look", "describe")

    def check(self) -> None:
        """Have nothing to refuse: every lesion network draws a map."""

    def look(self, film: Film) -> Look:
        """Return the map (in [0, 1]), its boxes with calibrated scores, and the calibrated probability of an abnormality."""
        maps, logits = self._said(film.array[None])
        values = np.asarray(sigmoid(maps[0].astype(np.float64)), np.float32)
        boxes = boxes_from_map(values, film.place_of(values), level=self.level, most=self.most, floor=MAP_FLOOR)
        scored = [self._scored(one) for one in boxes]
        return Look(values, [one for one in scored if one.score >= self.floor], 0.0, float(self._abnormal(logits)[0]))

    def _scored(self, box: ScoredBox) -> ScoredBox:
        line = self.calibration["mark_slope"] * float(logit(np.array(box.score))) + self.calibration["mark_intercept"]
        return replace(box, score=float(sigmoid(line)))

    def _abnormal(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        if not self.sees_normal:
            return np.ones(len(logits))
        moved = logits.astype(np.float64) + self.calibration["abnormal_shift"]
        return np.asarray(apply_temperature(moved, self.calibration["abnormal"]))

    def values(self, film: Film) -> NDArray[np.float32]:
        """Return the map of an image alone."""
        return np.asarray(sigmoid(self._said(film.array[None])[0][0]), np.float32)

    def probabilities(self, arrays: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the calibrated probability of an abnormality of images (N, rows, cols): (N,)."""
        return self._abnormal(self._said(arrays)[1])

    @torch.no_grad()
    def _said(self, arrays: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the logits of the lesion map (N, h, w) and of abnormal (N,)."""
        device = next(self.networks[0].parameters()).device
        found = []
        for part in torch.from_numpy(np.ascontiguousarray(arrays, np.float32))[:, None].split(_AT_ONCE):
            each = [network(part.to(device)) for network in self.networks]
            maps, logits = (torch.stack([one[k] for one in each]).mean(0) for k in (0, 1))
            found.append((maps[:, 0].float().cpu().numpy(), logits[:, 0].float().cpu().numpy()))
        lesion, abnormal = (np.concatenate(own) for own in zip(*found, strict=True))
        return lesion, abnormal

"""A lesion network's own map as the answer to where: nothing has to be made of it, but it is measured as maps of classifiers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from breastcad.core.placement import Placement
from breastcad.evaluate.boxes import ScoredBox, boxes_from_map
from breastcad.evaluate.calibration import sigmoid
from breastcad.explain.films import Film, Look
from breastcad.preprocess.inputs import prepare

LESION_MAP = "lesion-map"
MAP_FLOOR = 0.01
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

    ``slope`` and ``intercept`` are the line of the fold's marks' logits, by which scores of several folds can stand beside one another;
    ``level`` and ``most`` are as of `evaluate.boxes.boxes_from_map`.
    """

    networks: Sequence[Any]
    slope: float
    intercept: float
    level: float = 0.5
    most: int = 5
    method: ClassVar[str] = LESION_MAP
    heads: ClassVar[tuple[str, ...]] = ("draw", "judge", "look", "describe")

    def check(self) -> None:
        """Have nothing to refuse: every lesion network draws a map."""

    def look(self, film: Film) -> Look:
        """Return the map (in [0, 1]), its boxes with calibrated scores, and the probability of an abnormality (not calibrated)."""
        maps, logits = self._said(film.array[None])
        logit = maps[0].astype(np.float64)
        values = np.asarray(sigmoid(logit), np.float32)
        boxes = boxes_from_map(values, film.place_of(values), level=self.level, most=self.most, floor=MAP_FLOOR)
        return Look(values, [self._scored(one) for one in boxes], 0.0, float(sigmoid(logits[0])))

    def _scored(self, box: ScoredBox) -> ScoredBox:
        peak = min(max(box.score, 1e-7), 1 - 1e-7)
        return replace(box, score=float(sigmoid(self.slope * np.log(peak / (1 - peak)) + self.intercept)))

    def values(self, film: Film) -> NDArray[np.float32]:
        """Return the map of an image alone."""
        return np.asarray(sigmoid(self._said(film.array[None])[0][0]), np.float32)

    def probabilities(self, arrays: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the probability of an abnormality (not calibrated) of images (N, rows, cols): (N,)."""
        return np.asarray(sigmoid(self._said(arrays)[1].astype(np.float64)))

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

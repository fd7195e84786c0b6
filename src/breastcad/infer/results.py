"""What inference hands on for one image: the record for findings.json and, beside it, what pictures are made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.records import ImageResult, Picture


@dataclass(slots=True)
class Analysed:
    """One analysed image (one frame of a file), for as long as somebody holds it: nothing in here is kept by the run.

    ``result`` names no files yet: who writes pictures fills in ``heatmap``, ``overlay`` and each finding's ``mask``. ``picture``
    is the decoded source, so that nobody decodes it twice. ``heat_map`` is (h, w) float32 in [0, 1], covers the whole picture
    whatever its own size, and shows the probability of `heat_map_of`; 0 where the model did not look. ``masks`` is one (H, W) bool
    a finding, in the order of ``result.findings``, or None where the model does not outline; a mask is empty where the
    model's map nowhere exceeds one half. ``source_path`` is for reopening the file and must not be written anywhere.
    """

    result: ImageResult
    picture: Picture
    source_path: Path
    frame: int | None
    heat_map: NDArray[np.float32]
    heat_map_of: str
    masks: list[NDArray[np.bool_]] | None

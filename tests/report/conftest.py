"""A stand-in for a run of inference, so that the report is tested without a model: results and pictures as they are given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from breastcad.core.records import NOTICE, Analysis, ExamResult, Finding, ImageResult, Interval, ModelUsed, Picture, Skipped
from breastcad.infer.results import Analysed


class StandInRun:
    """Gives the items it was made of, once, and joins them as `infer.run.Run` does."""

    def __init__(self, items: list[Analysed | Skipped], exams: list[ExamResult], facts: dict[str, Any]) -> None:
        self.items, self.exams, self.facts = items, exams, facts

    def __iter__(self) -> Iterator[Analysed | Skipped]:
        yield from self.items

    def model_facts(self) -> dict[str, dict[str, Any]]:
        return {"stand-in": {"score_floor": 0.05, **self.facts}}

    def assemble(self, images: list[ImageResult], skipped: list[Skipped]) -> Analysis:
        model = ModelUsed("stand-in", "0.1.0", "ab" * 32, 0.05)
        return Analysis("breastcad-findings/1", "0.1.0", "4f0c" * 8, NOTICE, [model], images, self.exams, skipped)


def analysed(number: int, *, masks: bool = False, findings: int = 1, shape: tuple[int, int] = (120, 80), **changes: Any) -> Analysed:
    """Return an image with findings down its left side; `changes` go to its result."""
    name = f"{number:04d}"
    boxes = [[10 + 20 * k, 5, 25 + 20 * k, 45] for k in range(findings)]
    marks = [Finding(f"{name}-{k}", "mass", box, {"lesion": 0.8, "malignant": 0.25}) for k, box in enumerate(boxes, 1)]
    probability = {"normal": 0.4, "benign": 0.25, "malignant": 0.35, "abnormal": 0.6}
    given: dict[str, Any] = {
        "image": name,
        "argument": 0,
        "source": f"picture {number}.png",
        "frame": None,
        "sha256": "cd" * 32,
        "modality": "US",
        "laterality": None,
        "view": None,
        "rows": shape[0],
        "cols": shape[1],
        "spacing_mm": None,
        "models": ["stand-in"],
        "probability": probability,
        "raw": {"malignant": 0.4},
        "interval": {"malignant": Interval(0.2, 0.5, 0.5, "three folds")},
        "findings": marks,
    }
    outlines = []
    for row0, col0, row1, col1 in boxes:
        outline = np.zeros(shape, bool)
        outline[row0:row1, col0:col1] = True
        outlines.append(outline)
    heat = np.linspace(0, 1, 15 * 10, dtype=np.float32).reshape(15, 10)
    picture = Picture(np.full(shape, 0.5, np.float32))
    return Analysed(
        ImageResult(**{**given, **changes}), picture, Path("unused.png"), given["frame"], heat, "malignant", outlines if masks else None
    )


@pytest.fixture
def make_image() -> Any:
    return analysed


@pytest.fixture
def make_run() -> Any:
    def make(*items: Analysed | Skipped, exams: tuple[ExamResult, ...] = (), **facts: Any) -> StandInRun:
        return StandInRun(list(items), list(exams), facts)

    return make

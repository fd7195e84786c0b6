"""Made-up samples, small enough to train on in a second."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from breastcad.core.records import FindingRow, ImageRow
from breastcad.train.lesion_settings import LesionSettings
from breastcad.train.samples import MALIGNANT, Sample
from breastcad.train.settings import with_values

SIDE = 64


def made_sample(number: int, label: str) -> Sample:
    """Return a noisy scan, with a dark lesion off centre unless it is normal; malignant ones are taller than wide."""
    numbers = np.random.default_rng(number)
    image = numbers.integers(110, 190, (SIDE, SIDE)).astype(np.uint8)
    lesions = np.zeros((SIDE, SIDE), np.uint8)
    findings = []
    if label != "normal":
        height, width = (26, 12) if label == "malignant" else (12, 26)
        row, col = numbers.integers(4, SIDE - height - 4), numbers.integers(4, SIDE - width - 4)
        spot = np.s_[row : row + height, col : col + width]
        image[spot] //= 6
        lesions[spot] = MALIGNANT if label == "malignant" else 1
        box = {"row0": float(row), "col0": float(col), "row1": float(row + height), "col1": float(col + width)}
        findings = [FindingRow("made", f"f{number}", f"i{number}", pathology=label, geometry="mask", **box)]
    row_ = ImageRow("made", f"i{number}", label=label, rows=SIDE, cols=SIDE)
    return Sample(row_, f"g{number}", image, lesions, True, (0.0, 0.0, float(SIDE), float(SIDE)), findings)


@pytest.fixture
def samples() -> list[Sample]:
    """Return twelve samples, four of each label."""
    return [made_sample(number, ("normal", "benign", "malignant")[number % 3]) for number in range(12)]


@pytest.fixture
def settings() -> LesionSettings:
    """Return settings of a small network that trains in a moment."""
    return with_values(
        LesionSettings(),
        [
            ("network", "pyramid-resnet18"), ("weights", "none"), ("rows", SIDE), ("cols", SIDE), ("batch", 4), ("epochs", 3),
            ("threads", 1), ("outline", True),
        ],
    )  # fmt: skip

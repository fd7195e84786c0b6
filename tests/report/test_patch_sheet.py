"""The sheet of drawn windows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.patches.settings import Overlapping
from breastcad.patches.table import cut_patches
from breastcad.report.patch_sheet import patch_sheet


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    cv2.imwrite(str(tmp_path / "a.png"), np.tile(np.arange(60, 150, dtype=np.uint8), (60, 1)))
    image = ImageRow("s", "a", path="a.png", modality="US", rows=60, cols=90, label="malignant")
    box = FindingRow("s", "f", "a", pathology="malignant", geometry="box", row0=0, col0=0, row1=15, col1=15)
    return Collection(str(tmp_path), [image], [box])


def test_windows_of_each_label_are_shown_and_the_same_again(collection: Collection) -> None:
    rows = cut_patches(collection, "overlapping", Overlapping(window=20, stride=10)).rows
    sheet, unread = patch_sheet(rows, [collection], 3, 0)
    assert unread == []
    assert sheet.shape[1] == 3 * 228 + 8
    assert (sheet == (240, 228, 66)).all(axis=2).any()  # the outline
    assert np.array_equal(sheet, patch_sheet(rows[::-1], [collection], 3, 0)[0])
    assert not np.array_equal(sheet, patch_sheet(rows, [collection], 3, 1)[0])


def test_what_cannot_be_shown_is_said(collection: Collection) -> None:
    rows = cut_patches(collection, "overlapping", Overlapping(window=20, stride=10)).rows
    collection.findings[0].geometry, collection.findings[0].mask_path = "mask", "gone.png"
    _, unread = patch_sheet(rows, [collection], 2, 0)
    assert len(unread) == 5  # one malignant, two of each other label
    assert "gone.png" in unread[0]


def test_no_window_or_too_many_are_refused(collection: Collection) -> None:
    with pytest.raises(ValueError, match="a sheet needs windows, and from 1 to 100 of each label, got 0 and 3"):
        patch_sheet([], [collection], 3, 0)

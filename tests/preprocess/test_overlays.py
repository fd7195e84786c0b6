"""Burnt-in overlays: strokes and colours count, areas of white tissue do not."""

from __future__ import annotations

import numpy as np
import pytest

from breastcad.core.seeding import generator
from breastcad.phantom.ultrasound import ultrasound
from breastcad.preprocess.overlays import overlay_mask


@pytest.mark.quirk("BUSI-Q7", "BIS-Q3")
def test_strokes_count_and_areas_do_not() -> None:
    scan = np.full((60, 80), 0.3, np.float32)
    scan[10:12, 5:30] = 1.0
    scan[30:50, 40:70] = 1.0
    mask = overlay_mask(scan)
    assert mask[10:12, 5:30].all()
    assert not mask[30:50, 40:70].any()


def test_colour_counts() -> None:
    colour = np.full((20, 30, 3), 90, np.uint8)
    colour[5:8, 5:8] = (200, 30, 30)
    mask = overlay_mask(np.full((20, 30), 0.3, np.float32), colour)
    assert mask.sum() == 9


@pytest.mark.quirk("BUSI-Q7", "BIS-Q3")
def test_calipers_of_a_made_up_scan_are_found() -> None:
    plain = ultrasound(generator(5, "scan"), 300, 400, lesion="benign")
    marked = ultrasound(generator(5, "scan"), 300, 400, lesion="benign", calipers=True)
    assert overlay_mask(marked.pixels).mean() > overlay_mask(plain.pixels).mean()

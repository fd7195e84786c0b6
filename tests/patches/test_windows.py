"""Grids of windows: how many, where, and that nothing is copied."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.patches.windows import view_windows, window_starts


def test_counts_of_a_large_film_by_hand() -> None:
    """4921 x 2085 at 224 / 56: floor(4697 / 56) + 1 = 84 and floor(1861 / 56) + 1 = 34 windows; the last begin at 4648 and 1848."""
    rows, cols = window_starts(4921, 224, 56), window_starts(2085, 224, 56)
    assert (len(rows), len(cols)) == (84, 34)
    assert (rows[-1], cols[-1]) == (83 * 56, 33 * 56) == (4648, 1848)
    windows = view_windows(np.zeros((4921, 2085), np.uint8), (224, 224), (56, 56))
    assert windows.shape == (84, 34, 224, 224)


@given(st.integers(0, 300), st.integers(1, 80), st.integers(1, 80))
def test_windows_never_leave_and_no_more_would_fit(length: int, window: int, stride: int) -> None:
    starts = window_starts(length, window, stride)
    assert len(starts) == max(0, (length - window) // stride + 1)
    assert starts.tolist() == [number * stride for number in range(len(starts))]
    assert not starts.size or starts[-1] + window <= length < starts[-1] + window + stride


def test_windows_are_views_of_the_image() -> None:
    image = np.arange(7 * 11).reshape(7, 11)
    windows = view_windows(image, (3, 4), (2, 3))
    assert windows.shape == (3, 3, 3, 4)
    assert np.array_equal(windows[2, 1], image[4:7, 3:7])
    assert np.shares_memory(windows, image)
    assert not windows.flags.writeable


def test_channels_stay() -> None:
    image = np.arange(5 * 6 * 3).reshape(5, 6, 3)
    windows = view_windows(image, (2, 3), (3, 3))
    assert windows.shape == (2, 2, 3, 2, 3)
    assert np.array_equal(windows[1, 0], image[3:5, 0:3].transpose(2, 0, 1))


def test_an_image_smaller_than_the_window_has_none() -> None:
    assert view_windows(np.zeros((5, 9)), (6, 3), (1, 2)).shape == (0, 4, 6, 3)


@pytest.mark.parametrize(("window", "stride"), [(0, 1), (1, 0), (-2, 1)])
def test_a_window_or_stride_below_1_is_refused(window: int, stride: int) -> None:
    with pytest.raises(ValueError, match=f"window and stride must be at least 1, got {window} and {stride}"):
        window_starts(10, window, stride)

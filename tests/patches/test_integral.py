"""ROI shares against paper and against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from breastcad.core.seeding import generator
from breastcad.patches.integral import box_counts, box_shares, roi_counts, roi_shares, summed


def counted(mask: NDArray[np.bool_], rows: list[int], cols: list[int], window: tuple[int, int]) -> list[list[int]]:
    """Count by a plain loop; a window that reaches over the border holds what is inside."""
    height, width = window
    return [[int(mask[max(r, 0) : max(r + height, 0), max(c, 0) : max(c + width, 0)].sum()) for c in cols] for r in rows]


def test_shares_worked_by_hand() -> None:
    """A 6 x 8 mask with ROI in rows 1-3 and columns 5-7 (9 pixels, at the right border); windows of 3 x 4 every 2 and 3.

    Rows begin at 0, 2; columns at 0, 3. Window (0, 3): rows 0-2, columns 3-6 holds 2 x 2 = 4 of its 12. Window (2, 3):
    rows 2-4 holds rows 2-3, 2 x 2 = 4. The windows at column 0 end at column 3 and hold nothing.
    """
    mask = np.zeros((6, 8), bool)
    mask[1:4, 5:8] = True
    assert roi_counts(mask, [0, 2], [0, 3], (3, 4)).tolist() == [[0, 4], [0, 4]]
    assert roi_shares(mask, [0, 2], [0, 3], (3, 4)).tolist() == [[0, 4 / 12], [0, 4 / 12]]
    assert roi_shares(mask, [0, 2], [0, 3], (3, 4), of="roi").tolist() == [[0, 4 / 9], [0, 4 / 9]]


def test_roi_in_the_last_corner() -> None:
    """One true pixel, the last; only windows that end there hold it."""
    mask = np.zeros((5, 7), bool)
    mask[4, 6] = True
    assert roi_counts(mask, [0, 1, 2], [3, 4], (3, 3)).tolist() == [[0, 0], [0, 0], [0, 1]]
    assert roi_counts(mask, [2], [4], (3, 3)).tolist() == [[1]]


def test_roi_larger_than_the_window() -> None:
    """A ROI of 6 x 8 round a window of 2 x 4: all of the window is ROI, but it holds 8 of the ROI's 48 pixels, a sixth."""
    mask = np.zeros((10, 12), bool)
    mask[2:8, 2:10] = True
    assert roi_shares(mask, [4], [4], (2, 4)).tolist() == [[1.0]]
    assert roi_shares(mask, [4], [4], (2, 4), of="roi").tolist() == [[8 / 48]]


def test_small_roi_is_wholly_held_and_fills_little() -> None:
    mask = np.zeros((10, 12), bool)
    mask[4:6, 5:6] = True
    assert roi_shares(mask, [2], [3], (5, 4)).tolist() == [[2 / 20]]
    assert roi_shares(mask, [2], [3], (5, 4), of="roi").tolist() == [[1.0]]


def test_exactly_half_is_half() -> None:
    mask = np.zeros((4, 4), bool)
    mask[:, :2] = True
    assert roi_shares(mask, [0], [0], (4, 4)).tolist() == [[0.5]]


def test_empty_mask_has_no_share_in_either_reading() -> None:
    mask = np.zeros((4, 5), bool)
    assert roi_shares(mask, [0, 1], [0], (3, 3)).tolist() == [[0], [0]]
    assert roi_shares(mask, [0, 1], [0], (3, 3), of="roi").tolist() == [[0], [0]]


def test_no_windows() -> None:
    assert roi_counts(np.ones((4, 5), bool), [], [0, 1], (3, 3)).shape == (0, 2)


def test_bands_longer_than_a_byte_counts() -> None:
    """600 full rows in one window: sums of bytes must be cut at 255 rows."""
    mask = np.ones((600, 3), bool)
    assert roi_counts(mask, [0, 1], [0, 2], (599, 2)).tolist() == [[1198, 599], [1198, 599]]


@given(st.data())
def test_counts_equal_a_plain_loop(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 30))
    random = generator(data.draw(st.integers(0, 1000)), "mask")
    mask = random.random((height, width)) < data.draw(st.sampled_from((0.02, 0.5, 1.0)))
    window = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    rows = data.draw(st.lists(st.integers(-5, height + 2), max_size=6))
    cols = data.draw(st.lists(st.integers(-5, width + 2), max_size=6))
    counts = roi_counts(mask, rows, cols, window)
    assert counts.dtype == np.int32
    assert counts.shape == (len(rows), len(cols))
    assert counts.tolist() == counted(mask, rows, cols, window)


@given(st.integers(0, 1000))
def test_windows_that_tile_the_image_hold_the_whole_roi_once(seed: int) -> None:
    mask = generator(seed, "mask").random((24, 35)) < 0.3
    assert roi_shares(mask, range(0, 24, 6), range(0, 35, 7), (6, 7), of="roi").sum() == pytest.approx(1)


def test_views_that_are_not_contiguous_are_counted_alike() -> None:
    mask = generator(0, "mask").random((40, 60)) < 0.4
    view = mask[::2, ::-3]
    assert roi_counts(view, [0, 3], [1, 9], (10, 8)).tolist() == counted(view, [0, 3], [1, 9], (10, 8))
    assert roi_counts(mask.T, [0, 3], [1, 9], (10, 8)).tolist() == counted(mask.T, [0, 3], [1, 9], (10, 8))


def test_what_is_no_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="mask must be two-dimensional and bool, got 2 dimensions of uint8"):
        roi_counts(np.zeros((3, 3), np.uint8), [0], [0], (1, 1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mask must be two-dimensional and bool, got 3 dimensions of bool"):
        roi_counts(np.zeros((3, 3, 3), bool), [0], [0], (1, 1))


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match=r"window must have at least one row and column, got \(0, 4\)"):
        roi_counts(np.zeros((3, 3), bool), [0], [0], (0, 4))


def test_an_unknown_reading_is_refused() -> None:
    with pytest.raises(ValueError, match="of must be 'window' or 'roi', got 'lesion'"):
        roi_shares(np.zeros((3, 3), bool), [0], [0], (1, 1), of="lesion")  # type: ignore[arg-type]


# ---- windows that cut through pixels, and boxes anywhere ----


def test_cut_pixels_count_in_part() -> None:
    """ROI rows 1-2, columns 2-4. The window of rows 0.5 to 2.5 and columns 2.25 to 4.75 holds row 1 whole and half of row 2, 1.5 rows,
    and .75 of column 2, column 3, .75 of column 4, 2.5 columns: 3.75 of its 2 x 2.5 = 5, and of the ROI's 6.
    """
    mask = np.zeros((4, 6), bool)
    mask[1:3, 2:5] = True
    assert roi_counts(mask, [0.5], [2.25], (2, 2.5)).tolist() == [[3.75]]
    assert roi_shares(mask, [0.5], [2.25], (2, 2.5)).tolist() == [[0.75]]
    assert roi_shares(mask, [0.5], [2.25], (2, 2.5), of="roi").tolist() == [[0.625]]
    assert box_counts(summed(mask), [(0.5, 2.25, 2.5, 4.75)]).tolist() == [3.75]


def quarters(mask: NDArray[np.bool_], box: tuple[int, int, int, int]) -> float:
    """Count by a plain sum over a mask enlarged four times; the box is in quarters of a pixel."""
    fine = mask.repeat(4, axis=0).repeat(4, axis=1)
    top, left, bottom, right = (max(side, 0) for side in box)
    return int(fine[top:bottom, left:right].sum()) / 16


@given(st.data())
def test_counts_of_cut_pixels_equal_a_plain_sum(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 25)), data.draw(st.integers(1, 18))
    mask = generator(data.draw(st.integers(0, 1000)), "mask").random((height, width)) < data.draw(st.sampled_from((0.05, 0.5, 1.0)))
    size = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    rows = data.draw(st.lists(st.integers(-20, 4 * height + 8), min_size=1, max_size=4))
    cols = data.draw(st.lists(st.integers(-20, 4 * width + 8), min_size=1, max_size=4))
    boxes = [(row, col, row + size[0], col + size[1]) for row in rows for col in cols]
    expected = [quarters(mask, box) for box in boxes]
    grid = roi_counts(mask, np.array(rows) / 4, np.array(cols) / 4, (size[0] / 4, size[1] / 4))
    assert grid.ravel().tolist() == pytest.approx(expected, abs=1e-6)
    found = box_counts(summed(mask), np.array(boxes) / 4)
    assert found.tolist() == pytest.approx(expected, abs=1e-6)
    shares = box_shares(summed(mask), np.array(boxes) / 4)
    assert shares.tolist() == pytest.approx([count / (size[0] * size[1] / 16) for count in expected], abs=1e-6)
    assert box_shares(summed(mask), np.array(boxes) / 4, of="roi").tolist() == pytest.approx(
        [count / max(int(mask.sum()), 1) for count in expected], abs=1e-6
    )


def test_boxes_of_an_empty_mask_and_no_boxes() -> None:
    empty = summed(np.zeros((4, 5), bool))
    assert box_shares(empty, [(0, 0, 4, 5)], of="roi").tolist() == [0]
    assert box_counts(empty, []).shape == (0,)
    with pytest.raises(ValueError, match="of must be 'window' or 'roi', got 'all'"):
        box_shares(empty, [], of="all")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mask must be two-dimensional and bool"):
        summed(np.zeros(4, bool))

"""Overlays, heat maps and masks: what stands in the pixels, on pictures that are neither square nor symmetric."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breastcad.core.records import Finding
from breastcad.report.overlay import draw_overlay, encode, heat_map_png, mask_png, shown_scale, thumbnail_jpeg


def decoded(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


def mark(box: list[int], lesion: float = 0.8) -> Finding:
    return Finding("0000-1", "mass", box, {"lesion": lesion})


def grey(rows: int = 1000, cols: int = 700, level: float = 0.5) -> np.ndarray:
    return np.full((rows, cols), level, np.float32)


class TestFiles:
    def test_a_mask_is_8_bit_0_and_255_of_the_same_size(self) -> None:
        mask = np.zeros((30, 50), bool)
        mask[4:9, 20:45] = True
        read = decoded(mask_png(mask))
        assert read.dtype == np.uint8
        assert read.shape == (30, 50)
        np.testing.assert_array_equal(read == 255, mask)
        np.testing.assert_array_equal(read == 0, ~mask)

    @given(st.lists(st.floats(0, 1, width=32), min_size=6, max_size=6))
    def test_a_heat_map_comes_back_to_half_a_level_of_16_bits(self, values: list[float]) -> None:
        heat = np.array(values, np.float32).reshape(2, 3)
        read = decoded(heat_map_png(heat))
        assert read.dtype == np.uint16
        np.testing.assert_allclose(read / 65535, heat, atol=0.51 / 65535)

    def test_a_heat_map_over_a_span_of_its_own_is_clipped_to_it(self) -> None:
        """Over [-1, 3], 0 lies at a quarter: 65535 / 4 = 16383.75; -5 is clipped to 0, 9 to 65535."""
        read = decoded(heat_map_png(np.array([[0.0, -5.0, 9.0]], np.float32), (-1, 3)))
        assert read.tolist() == [[16384, 0, 65535]]

    def test_a_heat_map_that_is_not_finite_or_spans_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="heat_map must be finite"):
            heat_map_png(np.array([[np.nan]], np.float32))
        with pytest.raises(ValueError, match=r"span must rise, got \(1, 1\)"):
            heat_map_png(grey(2, 3), (1, 1))

    def test_pixels_that_no_picture_can_hold_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"shape \(1, 70000\) and type uint8 cannot be encoded as '.jpg'"):
            encode(".jpg", np.zeros((1, 70000), np.uint8))

    def test_a_thumbnail_keeps_its_aspect_and_its_colours(self) -> None:
        colours = np.zeros((600, 1800, 3), np.uint8)
        colours[:, :, 0] = 200
        read = decoded(thumbnail_jpeg(colours, 900))
        assert read.shape == (300, 900, 3)
        blue, green, red = read[150, 450]
        assert red > 190
        assert max(blue, green) < 10

    def test_a_small_picture_is_not_enlarged_for_its_thumbnail(self) -> None:
        assert decoded(thumbnail_jpeg(grey(40, 60))).shape == (40, 60, 3)


class TestOverlay:
    def test_a_picture_without_findings_stays_as_it_is_but_for_the_strip_below(self) -> None:
        overlay = draw_overlay(grey(), [])
        assert overlay.shape[1] == 700
        assert overlay.shape[0] > 1000
        assert (overlay[:1000] == 128).all()
        assert overlay[1000:].max() > 200  # the notice

    @given(st.integers(60, 3000), st.integers(60, 3000))
    def test_the_long_side_is_within_its_limits(self, rows: int, cols: int) -> None:
        assert 900 <= round(max(rows, cols) * shown_scale(rows, cols)) <= 1400

    def test_heat_shows_above_the_floor_only_and_where_it_is(self) -> None:
        heat = np.zeros((100, 70), np.float32)
        heat[20:40, 50:65] = 0.9
        heat[60:80, 10:20] = 0.04
        overlay = draw_overlay(grey(), [], heat_map=heat, floor=0.05)
        differs = (overlay[:1000].astype(int) - 128 != 0).any(axis=2)
        assert differs[250:350, 550:600].all()
        assert not differs[500:].any()
        assert not differs[:, :450].any()

    def test_more_heat_is_laid_on_more_strongly(self) -> None:
        heat = np.tile(np.linspace(0, 1, 70, dtype=np.float32), (100, 1))
        overlay = draw_overlay(grey(level=1.0), [], heat_map=heat, floor=0.1)
        shift = (255 - overlay[500].astype(int)).max(axis=1)
        assert shift[50] == 0
        assert shift[650] > 100

    @pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
    def test_a_mark_shows_on_dark_and_on_bright_tissue(self, level: float) -> None:
        """The line is white within black: one of the two differs from any tissue by at least 127 levels."""
        overlay = draw_overlay(grey(level=level), [mark([300, 100, 500, 400])])
        across = overlay[380:420, 90:112, 0]  # the left side of the box
        assert across.max() == 255
        assert across.min() == 0

    def test_a_box_is_drawn_where_it_is_at_the_scale_of_the_overlay(self) -> None:
        overlay = draw_overlay(grey(2800, 1000), [mark([1400, 200, 2000, 800])])
        white = (overlay[:1400] == 255).all(axis=2)
        rows, cols = np.flatnonzero(white[:, 250]), np.flatnonzero(white[900])
        assert overlay.shape[1] == 500
        assert [rows.min(), rows.max()] == pytest.approx([700, 999], abs=2)
        assert [cols.min(), cols.max()] == pytest.approx([100, 399], abs=2)

    def test_an_outline_follows_the_mask_and_not_the_box(self) -> None:
        mask = np.zeros((1000, 700), bool)
        mask[300:500, 100:200] = True
        mask[450:500, 200:400] = True
        overlay = draw_overlay(grey(), [mark([300, 100, 500, 400])], [mask])
        white = (overlay[:1000] == 255).all(axis=2)
        assert not white[300:440, 320:].any()  # the corner of the box that the mask leaves free

    def test_a_doubtful_finding_has_a_thin_line(self) -> None:
        likely, doubtful = (draw_overlay(grey(), [mark([300, 100, 500, 400], lesion)])[380:420, 90:112] for lesion in (0.5, 0.49))
        assert (likely > 200).sum() > 1.5 * (doubtful > 200).sum() > 0

    def test_an_empty_mask_is_drawn_as_its_box(self) -> None:
        box = mark([300, 100, 500, 400])
        np.testing.assert_array_equal(draw_overlay(grey(), [box], [np.zeros((1000, 700), bool)]), draw_overlay(grey(), [box]))

    def test_numbers_of_findings_at_one_place_do_not_cover_each_other(self) -> None:
        one = draw_overlay(grey(), [mark([300, 100, 500, 400])])
        two = draw_overlay(grey(), [mark([300, 100, 500, 400])] * 2)
        dark_one, dark_two = ((picture[:1000] == 0).all(axis=2).sum() for picture in (one, two))
        assert dark_two > dark_one + 150  # a second plate, beside the first

    def test_a_mark_at_the_border_stays_within_the_picture(self) -> None:
        overlay = draw_overlay(grey(), [mark([0, 0, 40, 30]), mark([960, 670, 1000, 700])])
        assert overlay.shape[1] == 700
        assert (overlay[:60, :60] == 0).any()

    def test_masks_that_are_not_one_a_finding_are_refused(self) -> None:
        with pytest.raises(ValueError, match="got 2 for 1 findings"):
            draw_overlay(grey(), [mark([300, 100, 500, 400])], [np.zeros((1000, 700), bool)] * 2)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (1, 30000), (30000, 1)])
    def test_a_picture_of_one_row_or_column_is_drawn_with_its_heat_map(self, shape: tuple[int, int]) -> None:
        drawn = draw_overlay(np.full(shape, 0.5, np.float32), [mark([0, 0, 1, 1])], heat_map=np.full((1, 1), 0.9, np.float32))
        assert drawn.shape[0] > shape[0] * shown_scale(*shape)

    @pytest.mark.parametrize("cols", [30, 120, 900])
    def test_notice_and_legend_fit_narrow_pictures(self, cols: int) -> None:
        overlay = draw_overlay(grey(900, cols), [], heat_map=np.zeros((9, 9), np.float32))
        assert overlay.shape[1] == cols
        assert overlay[900:].max() > 100

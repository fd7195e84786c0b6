"""Where the windows of each method lie, what they are called, and what is told of those that are not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.core.placement import Placement
from breastcad.core.records import Collection, FindingRow, ImageRow, PatchRow
from breastcad.core.seeding import generator
from breastcad.patches.labels import labelled
from breastcad.patches.methods import METHODS, SMALLER, Scene
from breastcad.patches.settings import Overlapping, resized_shape
from breastcad.patches.table import Patches, balanced, cut_patches, facts_of

SHAPE = 60, 90


def mask_of(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = SHAPE) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    for row0, col0, row1, col1 in boxes:
        mask[row0:row1, col0:col1] = True
    return mask


def scene(
    *rois: NDArray[np.bool_] | None, shape: tuple[int, int] = SHAPE, seed: int = 0, pathology: str = "malignant", **values: Any
) -> Scene:
    findings = [(FindingRow("s", f"f{number}", "a", pathology=pathology), roi) for number, roi in enumerate(rois)]
    pixels = values.pop("pixels", np.full(shape, 0.5, np.float32))
    return Scene(
        shape, findings, values.pop("breast", None), lambda: pixels, all(roi is not None for roi in rois), generator(seed, "scene")
    )


def place(method: str, seen: Scene, **values: Any) -> Any:
    return METHODS[method].place(seen, METHODS[method].kind(**values))


def collection_of(
    *findings: tuple[float, float, float, float], shape: tuple[int, int] = SHAPE, images: int = 1, label: str = "malignant"
) -> Collection:
    rows = [
        ImageRow("s", f"i{n}", path="x.png", modality="US", rows=shape[0], cols=shape[1], label=label, patient_id=f"p{n}")
        for n in range(images)
    ]
    boxes = [
        FindingRow(
            "s", f"{image.image_id}-{n}", image.image_id, pathology="malignant", geometry="box", row0=b[0], col0=b[1], row1=b[2], col1=b[3]
        )
        for image in rows
        for n, b in enumerate(findings)
    ]
    return Collection("nowhere", rows, boxes)


def cut(collection: Collection, method: str, *, seed: int = 0, workers: int = 0, **values: Any) -> Patches:
    return cut_patches(collection, method, METHODS[method].kind(**values), seed=seed, workers=workers)


def corners(rows: list[PatchRow]) -> list[tuple[float, float]]:
    return [(row.row, row.col) for row in rows]


# ---- grids ----


def test_sixteen_windows_an_image_whatever_its_size() -> None:
    """4921 x 2085 resized to 1024 x 1024 is cut 4 x 4: a window of 256 is 256 * 4921 / 1024 = 1230.25 rows and 521.25 columns of the film.

    The last begins at row 3 * 1230.25 = 3690.75 and column 1563.75, and ends with the film. Its scale, along rows, is 1024 / 4921.
    """
    table = cut(collection_of(shape=(4921, 2085), label="normal"), "non-overlapping")
    assert len(table.rows) == 16
    assert corners(table.rows)[:2] == [(0, 0), (0, 521.25)]
    last = table.rows[-1]
    assert (last.row, last.col, last.height, last.width, last.scale) == (3690.75, 1563.75, 1230.25, 521.25, 1024 / 4921)
    assert (last.row + last.height, last.col + last.width) == (4921, 2085)


def test_shares_on_a_resized_image_by_hand() -> None:
    """An image of 6 x 12 resized to 4 x 4, windows of 2: each is 3 x 6 source pixels, four an image.

    A ROI at the border, rows 2-4 and columns 10-11, is 6 pixels: 2 in window (0, 6), 4 in (3, 6). Of the windows' 18 pixels 1/9 and 2/9, of
    the ROI 1/3 and 2/3: at more than .5 of the ROI the lower one is the lesion's.
    """
    collection = collection_of((2, 10, 5, 12), shape=(6, 12))
    table = cut(collection, "non-overlapping", window=2, resize="4x4")
    assert corners(table.rows) == [(0, 0), (0, 6), (3, 0), (3, 6)]
    assert [row.roi_share for row in table.rows] == pytest.approx([0, 1 / 3, 0, 2 / 3])
    assert [row.label for row in table.rows] == ["normal", "unknown", "normal", "malignant"]
    assert [row.patient_id for row in table.rows] == ["p0"] * 4
    other = cut(collection, "non-overlapping", window=2, resize="4x4", roi_of="window")
    assert [row.roi_share for row in other.rows] == pytest.approx([0, 1 / 9, 0, 2 / 9])


def test_a_roi_in_the_corner_and_one_larger_than_the_window() -> None:
    """10 x 12, windows of 4 every 4: rows 0, 4 and columns 0, 4, 8. The ROI of rows 7-9 and columns 9-11 (9 pixels) is in the last corner:
    window (4, 8) ends at row 8 and holds one row of it, 3 of 9 pixels, and 3 / 16 of the window.

    A ROI of rows 0-7 and columns 0-9 (80 pixels): each whole window holds 16 of it, a fifth of the ROI, though it is all ROI.
    """
    corner = cut(collection_of((7, 9, 10, 12), shape=(10, 12)), "overlapping", window=4, stride=4)
    assert [row.roi_share for row in corner.rows] == pytest.approx([0, 0, 0, 0, 0, 3 / 9])
    large = cut(collection_of((0, 0, 8, 10), shape=(10, 12)), "overlapping", window=4, stride=4)
    assert [row.roi_share for row in large.rows] == pytest.approx([0.2, 0.2, 0.1, 0.2, 0.2, 0.1])
    assert {row.label for row in large.rows} == {"unknown"}
    filled = cut(collection_of((0, 0, 8, 10), shape=(10, 12)), "overlapping", window=4, stride=4, roi_of="window")
    assert [row.label for row in filled.rows] == ["malignant", "malignant", "unknown"] * 2  # half is not more than half


def test_otherwise_normal_is_the_rule_of_publication_a() -> None:
    rows = cut(collection_of((7, 9, 10, 12), shape=(10, 12)), "overlapping", window=4, stride=4, touching="normal").rows
    assert {row.label for row in rows} == {"normal"}


def test_the_central_pixel_decides() -> None:
    """Windows of 4 every 2 on 8 x 10: centres at rows 2, 4, 6 and columns 2, 4, 6, 8; the pixel (4, 6) alone is lesion."""
    rows = cut(collection_of((4, 6, 5, 7), shape=(8, 10)), "centre-pixel", window=4, stride=2).rows
    assert [corner for corner, row in zip(corners(rows), rows, strict=True) if row.label == "malignant"] == [(2, 4)]
    assert {row.label for row in rows if row.roi_share == 1} == {"malignant", "unknown"}


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 30), st.integers(1, 30), st.sampled_from(("", "33x20", "64x64", "100x7")))
def test_no_window_of_a_grid_leaves_and_all_map_back(rows: int, cols: int, window: int, stride: int, resize: str) -> None:
    found = place("overlapping", scene(shape=(rows, cols)), window=window, stride=stride, resize=resize)
    height, width = resized_shape(resize) or (rows, cols)
    assert len(found.boxes) == max(0, (height - window) // stride + 1) * max(0, (width - window) // stride + 1)
    where = Placement().resized((rows, cols), (height, width))
    for number, box in enumerate(found.boxes.tolist()):
        assert min(box) >= 0
        assert box[2] <= rows
        assert box[3] <= cols
        back = where.from_source(tuple(box))
        assert back == pytest.approx([round(side) for side in back], abs=1e-9)  # whole network pixels again
        assert (back[2] - back[0], back[3] - back[1]) == pytest.approx((window, window))
        assert round(back[0]) % stride == round(back[1]) % stride == 0
        assert number == 0 or box[:2] > found.boxes[number - 1].tolist()[:2]
    assert [missing.reason for missing in found.missing] == ([] if len(found.boxes) else [SMALLER])


@given(st.integers(0, 500), st.sampled_from(("rows", "columns", "transposed", "quarter")), st.sampled_from(("roi", "window")))
def test_flips_and_turns_of_image_and_mask_commute_with_labels(seed: int, how: str, roi_of: str) -> None:
    """A grid that covers the image without rest lies on itself when the image is flipped; when it is turned, its rows become columns."""
    turn = {"rows": np.flipud, "columns": np.fliplr, "transposed": np.transpose, "quarter": np.rot90}[how]
    random = generator(seed, "mask")
    row, col = int(random.integers(40)), int(random.integers(50))
    mask = mask_of((row, col, row + int(random.integers(1, 25)), col + int(random.integers(1, 35))), shape=(48, 64))
    settings = Overlapping(window=16, stride=8, roi_of=roi_of)

    def labels(roi: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
        seen = scene(roi, shape=(roi.shape[0], roi.shape[1]))
        windows = METHODS["overlapping"].place(seen, settings)
        known = labelled(seen, windows, settings, "malignant")
        grid = windows.grid
        assert grid is not None
        shape = len(grid.rows), len(grid.cols)
        return np.array(known.labels).reshape(shape), known.roi.reshape(shape)

    (before, shares), (after, turned) = labels(mask), labels(np.ascontiguousarray(turn(mask)))
    assert np.array_equal(turn(before), after)
    assert np.array_equal(turn(shares), turned)


# ---- round lesions, and away from them ----


@given(st.data())
def test_region_based_never_below_its_overlap_and_all_that_is_missing_told(data: st.DataObject) -> None:
    number, overlap = data.draw(st.integers(0, 6)), data.draw(st.sampled_from((0.3, 0.9, 1.0)))
    overlap_of, resize = data.draw(st.sampled_from(("either", "roi", "window"))), data.draw(st.sampled_from(("", "50x40", "120x90")))
    random = generator(data.draw(st.integers(0, 1000)), "rois")
    rois = []
    for _ in range(data.draw(st.integers(1, 3))):
        row, col = int(random.integers(SHAPE[0])), int(random.integers(SHAPE[1]))
        rois.append(mask_of((row, col, row + int(random.integers(1, 30)), col + int(random.integers(1, 40)))))
    seen = scene(*rois)
    found = place(
        "region-based", seen, window=20, resize=resize, number=number, background=2, overlap=overlap, overlap_of=overlap_of, around="drawn"
    )
    assert len(np.unique(found.boxes, axis=0)) == len(found.boxes)
    of_roi = np.array([found.shares(roi, "roi") for roi in rois])
    of_window = np.array([found.shares(roi, "window") for roi in rois])
    for place_, own in enumerate(found.own.tolist()):
        row0, col0, row1, col1 = found.boxes[place_]
        assert min(row0, col0) >= 0
        assert (row1, col1) <= (SHAPE[0], SHAPE[1]) or col1 <= SHAPE[1]
        if own < 0:
            assert of_roi[:, place_].max() == 0
        else:
            readings = {"roi": of_roi[own, place_], "window": of_window[own, place_]}
            assert (max(readings.values()) if overlap_of == "either" else readings[overlap_of]) >= overlap - 1e-9
    told = {missing.finding_id: missing for missing in found.missing}
    for number_of, (finding, _) in enumerate(seen.rois):
        missing = told.get(finding.finding_id)
        if missing is None:
            continue
        assert missing.placed < missing.wanted == number
        assert int((found.own == number_of).sum()) <= missing.placed
    background = told[None].placed if None in told else 2 * len(rois)
    assert int((found.own < 0).sum()) == background


def test_a_lesion_that_fits_no_window_is_told_and_never_given_less() -> None:
    """A lesion of 40 x 60 in windows of 20: a window holds at most 400 of its 2,400 pixels, a sixth, but may be all lesion."""
    seen = scene(mask_of((10, 15, 50, 75)))
    found = place("region-based", seen, window=20, resize="", background=0, overlap_of="roi")
    assert len(found.boxes) == 0
    ((missing),) = found.missing
    assert (missing.finding_id, missing.wanted, missing.placed) == ("f0", 10, 0)
    assert "overlap of at least 0.9 (roi)" in missing.reason
    assert len(place("region-based", seen, window=20, resize="", background=0, overlap_of="either").boxes) == 10


def test_few_places_are_all_taken_and_the_rest_told() -> None:
    """In a window of 20, a lesion of 20 x 20 at .95 of the roi: 400 pixels, of which 380 must be in: one row or one column off, no more.

    Five places: the lesion's own, and one up, down, left, right.
    """
    found = place("region-based", scene(mask_of((20, 30, 40, 50))), window=20, resize="", background=0, overlap=0.95, overlap_of="roi")
    assert sorted(map(tuple, found.boxes[:, :2].tolist())) == [(19, 30), (20, 29), (20, 30), (20, 31), (21, 30)]
    assert [(missing.wanted, missing.placed) for missing in found.missing] == [(10, 5)]


def test_centred_windows_are_centred_or_shifted_into_the_image() -> None:
    seen = scene(mask_of((20, 30, 30, 50)), mask_of((0, 80, 4, 90)))
    found = place("region-based", seen, window=20, resize="", number=1, background=0, overlap=0, around="centred")
    assert found.boxes.tolist() == [[15, 30, 35, 50], [0, 70, 20, 90]]


def test_no_background_is_drawn_where_a_finding_has_no_place() -> None:
    found = place("region-based", scene(mask_of((20, 30, 30, 50)), None), window=20, resize="", number=2, background=3)
    assert (found.own < 0).sum() == 0
    assert {(missing.finding_id, missing.wanted, missing.placed) for missing in found.missing} == {("f1", 2, 0), (None, 6, 0)}


def test_background_needs_breast_and_not_too_much_black() -> None:
    """The breast is the left third, and its upper half is black: what is left is below row 30 and left of column 30."""
    pixels = np.full(SHAPE, 0.5, np.float32)
    pixels[:30] = 0
    seen = scene(mask_of((50, 0, 55, 5)), breast=mask_of((0, 0, 60, 30)), pixels=pixels)
    found = place("region-based", seen, window=10, resize="", number=1, background=20, breast_share=1, black=0)
    away = found.boxes[found.own < 0]
    assert len(away) == 20
    assert away[:, 0].min() >= 30
    assert away[:, 3].max() <= 30
    none = place("region-based", seen, window=40, resize="", number=0, background=5, breast_share=1)
    assert [(missing.finding_id, missing.wanted, missing.placed) for missing in none.missing] == [(None, 5, 0)]


def test_lesion_centred_by_hand() -> None:
    """Lesion rows 20-29, columns 30-49: centre (25, 40). A window of 20 is rows 15-34, columns 30-49; twice its longer side is 40."""
    seen = scene(mask_of((20, 30, 30, 50)))
    assert place("lesion-centred", seen, window=20).boxes.tolist() == [[15, 30, 35, 50]]
    assert place("roi", seen).boxes.tolist() == [[15, 30, 35, 50]]
    assert place("lesion-centred", seen, window=20, context=2).boxes.tolist() == [[5, 20, 45, 60]]
    # at half scale the centre is (12.5, 20), and the window begins with a whole network pixel: row 3, column 10
    assert place("lesion-centred", seen, window=20, scale=0.5).boxes.tolist() == [[6, 20, 46, 60]]


def test_windows_of_lesions_at_the_border_are_shifted_or_padded() -> None:
    """A lesion of rows 0-3, columns 84-89, centre (2, 87): a window of 20 is rows -8 to 12, columns 77 to 97; shifted (0, 70)."""
    seen = scene(mask_of((0, 84, 4, 90)))
    assert place("lesion-centred", seen, window=20).boxes.tolist() == [[0, 70, 20, 90]]
    assert place("lesion-centred", seen, window=20, border="pad").boxes.tolist() == [[-8, 77, 12, 97]]
    large = place("lesion-centred", seen, window=61)
    assert (len(large.boxes), large.missing[0].reason) == (0, SMALLER)
    assert place("lesion-centred", seen, window=61, border="pad").boxes.tolist() == [[-28, 57, 33, 118]]


def test_a_circle_over_the_border_keeps_its_given_centre() -> None:
    """A circle of radius 10 round (50, 85.4) reaches over the right border: its mask's centre would be (50, 82.7), the window 2 px off.

    Windows of 8: rows 46-53; from column 81.4, which is 81. Its own box is (40, 75.4, 60, 95.4), shifted by 5.4 into the image.
    """
    circle = FindingRow("s", "c", "i0", pathology="benign", geometry="circle", row0=40, col0=75.4, row1=60, col1=95.4)
    collection = replace(collection_of(), findings=[circle])
    (row,) = cut(collection, "lesion-centred", window=8).rows
    assert (row.row, row.col, row.height, row.width) == (46, 81, 8, 8)
    (row,) = cut(collection, "roi").rows
    assert (row.row, row.col, row.height, row.width) == pytest.approx((40, 70, 20, 20))


def test_a_window_cut_for_a_lesion_belongs_to_it_and_to_a_worse_one() -> None:
    """Of a large lesion the window holds less than half, and is still its own; with a malignant one in it, it is named after that."""
    collection = collection_of((0, 0, 60, 90))
    (row,) = cut(collection, "lesion-centred", window=20).rows
    assert (row.label, row.finding_id) == ("malignant", "i0-0")
    assert row.roi_share == pytest.approx(400 / 5400)
    collection.findings = [
        replace(collection.findings[0], pathology="benign"),
        replace(collection.findings[0], finding_id="m", row0=26, col0=40, row1=34, col1=50),
    ]
    (row,) = cut(collection, "lesion-centred", window=20).rows  # both centres are (30, 45): one window
    assert (row.label, row.finding_id) == ("malignant", "m")


# ---- whole ----


def test_a_whole_image_is_one_window_with_its_own_label() -> None:
    (row,) = cut(collection_of((2, 10, 5, 12), label="benign"), "whole").rows
    assert (row.row, row.col, row.height, row.width, row.scale, row.label, row.roi_share) == (0, 0, 60, 90, 1, "benign", 1)


# ---- rules, seeds, faults ----


@pytest.fixture
def film(tmp_path: Path) -> Collection:
    """Return a film of 60 x 80 whose right half is black, all of it called breast by its brightness being next to nothing elsewhere."""
    pixels = np.full((60, 80), 3, np.uint8)
    pixels[:, :40] = np.arange(60, 120, dtype=np.uint8)[:, None]
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    image = ImageRow("s", "a", path="a.png", modality="US", rows=60, cols=80, label="benign", patient_id="p")
    box = FindingRow("s", "f", "a", pathology="benign", geometry="box", row0=0, col0=60, row1=20, col1=80)
    return Collection(str(tmp_path), [image], [box])


def test_black_windows_are_dropped_by_what_black_is(film: Collection) -> None:
    """Twelve windows of 20, of which six are 3 / 255 grey; one of these is the benign lesion's."""
    grid = {"window": 20, "stride": 20}
    assert len(cut(film, "overlapping", **grid, black=0.9).rows) == 12  # not 0
    table = cut(film, "overlapping", **grid, black=0.9, black_level=3.5 / 255)
    assert (len(table.rows), table.dropped["too black"]) == (6, 6)
    lesion = cut(film, "overlapping", **grid, black=0.9, black_level=3.5 / 255, label="lesion")
    assert [row.label for row in lesion.rows].count("lesion") == 1
    every = cut(film, "overlapping", **grid, black=0.9, black_level=3.5 / 255, label="lesion", black_of="all")
    assert len(every.rows) == 6


def test_balance_keeps_as_many_of_each_and_says_so() -> None:
    table = cut(collection_of((0, 0, 20, 20), images=4), "overlapping", window=20, stride=10, balance="down")
    labels = [row.label for row in table.rows]
    assert labels.count("malignant") == labels.count("normal") == 4
    assert labels.count("unknown") == 4 * 3
    assert table.dropped["balance"] == 4 * (5 * 8 - 4 - 1)
    assert any(remark.startswith("balanced: ") for remark in table.remarks)
    rows = cut(collection_of((0, 0, 20, 20), images=4), "overlapping", window=20, stride=10).rows
    assert {row.sample_id for row in balanced(rows[::-1], 0)} == {row.sample_id for row in table.rows}
    assert balanced([], 0) == []


def test_most_windows_of_a_label_an_image() -> None:
    table = cut(collection_of((0, 0, 20, 20), images=2), "overlapping", window=20, stride=10, most=3)
    for image in ("i0", "i1"):
        labels = [row.label for row in table.rows if row.image_id == image]
        assert (labels.count("malignant"), labels.count("normal"), labels.count("unknown")) == (1, 3, 3)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "density"])
def test_the_same_seed_the_same_table_whatever_the_order_and_the_workers(method: str) -> None:
    collection = collection_of((5, 9, 20, 30), (40, 50, 55, 70), images=5)
    values: dict[str, Any] = {} if method == "whole" else {"window": 16}
    if method in ("region-based", "non-overlapping"):
        values["resize"] = "64x64"
    first = cut(collection, method, seed=3, **values)
    assert first.rows
    assert cut(collection, method, seed=3, workers=3, **values) == first
    other = cut(replace(collection, images=collection.images[::-1], findings=collection.findings[::-1]), method, seed=3, **values)
    assert {row.sample_id for row in other.rows} == {row.sample_id for row in first.rows} or method == "region-based"
    if method == "region-based":
        assert cut(collection, method, seed=4, **values).rows != first.rows
        again = cut(replace(collection, images=collection.images[::-1]), method, seed=3, **values)
        assert sorted(row.sample_id for row in again.rows) == sorted(row.sample_id for row in first.rows)


@pytest.mark.parametrize("method", list(METHODS))
def test_images_of_one_pixel_and_findings_of_none_are_borne(method: str, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((1, 1), 9, np.uint8))
    for modality in ("MG", "US"):
        image = ImageRow("s", "a", path="a.png", modality=modality, label="malignant")
        empty = [FindingRow("s", "c", "a", geometry="circle", row0=0, col0=0, row1=0, col1=0), FindingRow("s", "n", "a")]
        off = FindingRow("s", "o", "a", pathology="benign", geometry="box", row0=50, col0=50, row1=60, col1=60)
        for findings in ([], empty, [off]):
            table = cut(Collection(str(tmp_path), [image], findings), method)
            assert len(table.rows) <= 50
            if method in ("region-based", "lesion-centred", "roi"):
                assert table.rows == []
                assert len(table.unplaced) >= (1 if findings else 0)
    one = cut(Collection(str(tmp_path), [image], []), "overlapping", window=1, stride=1)
    assert len(one.rows) == 1


def test_unreadable_images_are_left_out_and_others_stay(film: Collection) -> None:
    film.images.append(replace(film.images[0], image_id="b", path="gone.png", modality="MG"))
    table = cut(film, "density", window=20, number=5)
    assert {row.image_id for row in table.rows} == {"a"}
    assert table.remarks[0].startswith("b is left out: gone.png: does not exist")


def test_a_mask_of_another_size_leaves_its_image_out(film: Collection) -> None:
    cv2.imwrite(str(Path(film.root) / "m.png"), np.full((30, 80), 255, np.uint8))
    film.findings[0].geometry, film.findings[0].mask_path = "mask", "m.png"
    table = cut(film, "overlapping", window=20)
    assert table.rows == []
    assert "m.png: the mask is 30 x 80, its image 60 x 80" in table.remarks[0]


def test_an_image_of_another_size_than_imported_is_left_out(film: Collection) -> None:
    film.images[0].rows = 61
    table = cut(film, "density", window=20)
    assert "is another picture (61 x 80 when its set was imported, now 60 x 80)" in table.remarks[0]


def test_what_was_done_is_said(film: Collection) -> None:
    table = cut(film, "overlapping", window=20, stride=20, black=0.9, black_level=3.5 / 255)
    facts = facts_of({"film": table}, "overlapping", Overlapping(window=20), 7, "split")
    assert (facts["method"], facts["seed"], facts["split"], facts["settings"]["window"]) == ("overlapping", 7, "split", 20)
    said = facts["collections"]["film"]
    assert (said["images"], said["windows"], said["labels"], said["dropped"]) == (1, 6, {"normal": 6}, {"too black": 6})


def test_images_alike_are_drawn_on_apart() -> None:
    rows = cut(collection_of((20, 30, 30, 50), images=2), "region-based", window=20, resize="", number=3, background=3).rows
    first, second = ({(row.row, row.col) for row in rows if row.image_id == name} for name in ("i0", "i1"))
    assert first != second


def test_rounding_does_not_carry_a_window_over_the_border() -> None:
    """Find sizes whose step times the resized size is more than the size, as floats have it, and cut these."""
    sizes = [(rows, resized) for rows in range(1000, 3000, 7) for resized in (1152, 896, 1000, 700) if rows / resized * resized > rows]
    assert sizes
    for rows, resized in sizes[:3]:
        found = place("overlapping", scene(shape=(rows, 300)), window=resized // 4, stride=resized // 4, resize=f"{resized}x{resized}")
        assert found.boxes[:, 2].max() == rows


def test_grids_without_end_are_refused() -> None:
    with pytest.raises(InputError, match="stride=1 gives 8,747,676 windows of one image; at most 1,000,000 are cut"):
        place("overlapping", scene(shape=(4921, 2085)), stride=1)
    with pytest.raises(InputError, match="scale=1e"):
        place("overlapping", scene(), scale=1e6)


# ---- windows at odds with their lesion ----


def test_a_window_that_holds_nothing_of_its_lesion_is_told_and_not_cut() -> None:
    """A ring's centre is no ring; and of a box that begins on the last row and column, the centre lies outside the image."""
    ring = mask_of((2, 2, 9, 9))
    ring[4:7, 4:7] = False
    corner = mask_of((SHAPE[0] - 1, SHAPE[1] - 1, *SHAPE))
    far = FindingRow("s", "far", "a", geometry="box", row0=SHAPE[0] - 1, col0=SHAPE[1] - 1, row1=SHAPE[0] + 30, col1=SHAPE[1] + 30)
    seen = scene(ring, corner)
    seen = replace(seen, rois=[seen.rois[0], (far, seen.rois[1][1])])
    windows = place("lesion-centred", seen, window=3, border="pad")
    assert windows.boxes.tolist() == []
    assert [one.reason for one in windows.missing] == ["a window round its centre holds nothing of the finding"] * 2
    windows = place("region-based", scene(ring), window=3, resize="", overlap=0.0, number=100, background=0)
    assert windows.boxes.size > 0
    assert windows.shares(ring, "window").min() > 0


def test_a_window_that_two_lesions_are_given_is_the_worse_ones() -> None:
    """Both have their centre at (30, 45), and no window holds half of one: it is named after the malignant one, whatever the order."""
    collection = collection_of((0, 0, 60, 90), (2, 3, 58, 87))
    benign, malignant = replace(collection.findings[0], pathology="benign"), collection.findings[1]
    for findings in ([benign, malignant], [malignant, benign]):
        (row,) = cut(replace(collection, findings=findings), "lesion-centred", window=20).rows
        assert (row.label, row.finding_id) == ("malignant", "i0-1")


def test_the_worst_lesion_names_a_window_however_little_it_holds_of_it() -> None:
    """The window of 20 cut for the large malignant lesion holds 400 of its 5,400 pixels, and all of a benign one."""
    collection = collection_of((0, 0, 60, 90), (26, 40, 34, 49))
    collection.findings[1] = replace(collection.findings[1], pathology="benign")
    (row,) = cut(collection, "lesion-centred", window=20).rows  # rows 20-39, columns 35-54, of both
    assert (row.label, row.finding_id) == ("malignant", "i0-0")


def test_a_black_window_of_a_malignant_lesion_stays_by_its_pathology_too(film: Collection) -> None:
    """Of the six black windows one is the lesion's: benign it goes, malignant it stays."""
    black = {"window": 20, "stride": 20, "black": 0.9, "black_level": 3.5 / 255}
    film.findings[0] = replace(film.findings[0], pathology="malignant")
    assert [row.label for row in cut(film, "overlapping", **black).rows].count("malignant") == 1


def test_a_window_is_counted_by_the_first_rule_that_leaves_it_out(film: Collection) -> None:
    """Twelve windows: what is no breast is not counted as black again."""
    film = replace(film, images=[replace(film.images[0], modality="MG")])
    table = cut(film, "overlapping", window=20, stride=20, black=0.9, black_level=3.5 / 255)
    assert table.dropped["too little breast"] > 0
    assert sum(table.dropped.values()) + len(table.rows) == 12

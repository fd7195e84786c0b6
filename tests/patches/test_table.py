"""patches.csv: positions, shares, labels and groups of windows, for every geometry that sets have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from breastcad.core.errors import InputError
from breastcad.core.files import read_patches, write_patches
from breastcad.core.records import Collection, FindingRow, ImageRow, PatchRow
from breastcad.patches.rois import roi_mask
from breastcad.patches.settings import Overlapping
from breastcad.patches.table import Patches, cut_patches

SMALL = Overlapping(window=4, stride=2, roi_of="window")


def sliding_patches(collection: Collection, settings: Overlapping, **values: Any) -> Patches:
    return cut_patches(collection, "overlapping", settings, **values)


def finding(name: str = "f", **values: Any) -> FindingRow:
    return FindingRow(set="s", finding_id=name, image_id="a", **{"pathology": "malignant", **values})


def box(row0: float, col0: float, row1: float, col1: float, name: str = "f", **values: Any) -> FindingRow:
    return finding(name, geometry="box", row0=row0, col0=col0, row1=row1, col1=col1, **values)


def ultrasound(*findings: FindingRow, label: str = "malignant", shape: tuple[int, int] = (8, 10)) -> Collection:
    image = ImageRow("s", "a", path="a.png", modality="US", rows=shape[0], cols=shape[1], label=label)
    return Collection(root="nowhere", images=[image], findings=list(findings))


def at(rows: list[PatchRow]) -> dict[tuple[float, float], PatchRow]:
    return {(row.row, row.col): row for row in rows}


# ---- the ROI of a finding ----


def test_an_image_of_which_there_would_be_too_many_windows_does_not_stop_the_others() -> None:
    images = [
        ImageRow("s", name, path="x.png", modality="US", rows=rows, cols=rows, label="normal") for name, rows in (("a", 4000), ("b", 40))
    ]
    table = cut_patches(Collection("nowhere", images), "overlapping", Overlapping(window=20, stride=1))
    assert {row.image_id for row in table.rows} == {"b"}
    assert len(table.remarks) == 1
    assert table.remarks[0].startswith("a is left out: stride=1 gives ")


def test_a_box_holds_the_pixels_whose_centres_lie_in_it() -> None:
    """Rows 1.4 to 3.6 hold the centres 1.5, 2.5, 3.5; columns 2.6 to 4.5 hold 3.5 alone, since a box is half open."""
    mask = roi_mask(box(1.4, 2.6, 3.6, 4.5), (6, 7), Path())
    assert mask is not None
    assert np.argwhere(mask).tolist() == [[1, 3], [2, 3], [3, 3]]


def test_a_box_over_the_border_is_cut() -> None:
    mask = roi_mask(box(-3, 5, 2, 99), (6, 7), Path())
    assert mask is not None
    assert np.argwhere(mask).tolist() == [[0, 5], [0, 6], [1, 5], [1, 6]]


def test_a_circle_is_a_circle_and_not_its_box() -> None:
    circle = finding(geometry="circle", row0=1, col0=3, row1=5, col1=7)
    mask = roi_mask(circle, (7, 9), Path())
    assert mask is not None
    assert mask.sum() == 12
    assert not mask[1, 3]
    assert mask[3, 3]


def test_a_polygon_is_filled() -> None:
    """The rectangle of rows 1 to 4 and columns 2 to 7, as four corners."""
    mask = roi_mask(finding(geometry="polygon", points="1,2 1,7 4,7 4,2"), (6, 9), Path())
    assert mask is not None
    assert np.argwhere(mask).tolist() == [[row, col] for row in (1, 2, 3) for col in range(2, 7)]


def test_a_mask_is_read_from_the_sets_own_file(tmp_path: Path) -> None:
    pixels = np.zeros((6, 7), np.uint8)
    pixels[2:4, 1:6] = 255
    cv2.imwrite(str(tmp_path / "m.png"), pixels)
    mask = roi_mask(finding(geometry="mask", mask_path="m.png", row0=2, col0=1, row1=4, col1=6), (6, 7), tmp_path)
    assert mask is not None
    assert mask.sum() == 10
    with pytest.raises(InputError, match=r"m.png: the mask is 6 x 7, its image 7 x 6; mend the file and import the set again"):
        roi_mask(finding(geometry="mask", mask_path="m.png"), (7, 6), tmp_path)


@pytest.mark.parametrize(
    "without_extent",
    [
        finding(),
        finding(geometry="point", row0=1, col0=1, row1=1, col1=1),
        finding(geometry="polyline", points="1,1 2,2"),
        finding(geometry="box", row0=1, col0=None, row1=2, col1=3),
    ],
)
def test_findings_without_extent_have_no_roi(without_extent: FindingRow) -> None:
    assert roi_mask(without_extent, (6, 7), Path()) is None


# ---- labels ----


def test_windows_of_one_image_by_hand() -> None:
    """8 x 10 at 4 / 2: rows 0, 2, 4 and columns 0, 2, 4, 6. The ROI, rows 0-3 and columns 0-4, is 20 pixels.

    Window (0, 0) is all ROI; (0, 2) holds 4 x 3 = 12 of 16; (2, 0) 2 x 4 = 8 of 16, half, and half is not more than half;
    (2, 2) 6; (0, 4) and (2, 4) one column, 4 and 2; all others nothing.
    """
    rows = at(sliding_patches(ultrasound(box(0, 0, 4, 5)), SMALL).rows)
    assert list(rows) == [(row, col) for row in (0, 2, 4) for col in (0, 2, 4, 6)]
    shares = {place: row.roi_share * 16 for place, row in rows.items() if row.roi_share}
    assert shares == {(0, 0): 16, (0, 2): 12, (2, 0): 8, (2, 2): 6, (0, 4): 4, (2, 4): 2}
    assert {place for place, row in rows.items() if row.label == "malignant"} == {(0, 0), (0, 2)}
    assert {place for place, row in rows.items() if row.label == "unknown"} == {(2, 0), (2, 2), (0, 4), (2, 4)}
    assert {row.label for place, row in rows.items() if place not in shares} == {"normal"}
    assert {row.finding_id for place, row in rows.items() if place in shares} == {"f"}
    assert {row.finding_id for place, row in rows.items() if place not in shares} == {None}


def test_more_than_half_of_the_roi_is_the_other_reading() -> None:
    """The same: of the ROI's 20 pixels, (0, 0) holds 16, (0, 2) 12, and (2, 0) only 8."""
    rows = at(sliding_patches(ultrasound(box(0, 0, 4, 5)), Overlapping(window=4, stride=2, roi_of="roi")).rows)
    assert rows[0, 0].roi_share == 16 / 20
    assert rows[2, 0].roi_share == 8 / 20
    assert {place for place, row in rows.items() if row.label == "malignant"} == {(0, 0), (0, 2)}


def test_a_window_is_named_after_the_worst_lesion_that_it_belongs_to() -> None:
    """Window (0, 0) is half benign (columns 0 and 1 of 4) and a quarter malignant: benign at 0.4.

    By the ROI's reading it holds both wholly: malignant.
    """
    lesions = box(0, 0, 4, 2.5, "b", pathology="benign"), box(0, 3, 4, 4, "m")
    first = at(sliding_patches(ultrasound(*lesions), Overlapping(window=4, stride=9, roi_share=0.4, roi_of="window")).rows)[0, 0]
    assert (first.label, first.finding_id, first.roi_share) == ("benign", "b", 0.5)
    first = at(sliding_patches(ultrasound(*lesions), Overlapping(window=4, stride=9)).rows)[0, 0]
    assert (first.label, first.finding_id, first.roi_share) == ("malignant", "m", 1.0)


def test_label_lesion_says_lesion_whatever_its_pathology() -> None:
    rows = sliding_patches(
        ultrasound(box(0, 0, 4, 5, pathology="benign")), Overlapping(window=4, stride=2, roi_of="window", label="lesion")
    ).rows
    assert {row.label for row in rows} == {"lesion", "unknown", "normal"}


def test_a_normal_image_has_normal_windows() -> None:
    table = sliding_patches(ultrasound(label="normal"), SMALL)
    assert {(row.label, row.roi_share) for row in table.rows} == {("normal", 0.0)}
    assert table.remarks == []


def test_windows_are_not_called_normal_where_a_finding_has_no_place() -> None:
    for collection in (ultrasound(), ultrasound(finding(geometry="none"))):
        table = sliding_patches(collection, SMALL)
        assert {(row.label, row.roi_share) for row in table.rows} == {("unknown", None)}
        assert table.remarks == ["1 image with a finding or label but no outline: windows outside every ROI are 'unknown'"]


def test_a_placed_finding_beside_one_without_place_is_still_labelled() -> None:
    rows = at(sliding_patches(ultrasound(box(0, 0, 4, 5), finding("n", geometry="none")), SMALL).rows)
    assert rows[0, 0].label == "malignant"
    assert rows[4, 6].label == "unknown"


# ---- scale, breast, groups, ids ----


def test_scale_is_network_pixels_a_source_pixel() -> None:
    """A network window of 4 at half scale shows 8 source pixels, every 4 of them."""
    rows = sliding_patches(ultrasound(label="normal", shape=(16, 12)), Overlapping(window=4, stride=2, scale=0.5)).rows
    assert [(row.row, row.col, row.height, row.width, row.scale) for row in rows] == [
        (row, col, 8, 8, 0.5) for row in (0, 4, 8) for col in (0, 4)
    ]


def test_an_image_smaller_than_the_window_is_told() -> None:
    table = sliding_patches(ultrasound(label="normal", shape=(3, 10)), SMALL)
    assert table.rows == []
    assert table.remarks == ["1 image smaller than the window, left out"]


@pytest.fixture
def mammogram(tmp_path: Path) -> Collection:
    """Return a 60 x 40 film whose left half is breast, with a box far out in its black half, its size not in the table."""
    pixels = np.zeros((60, 40), np.uint8)
    pixels[:, :20] = 150
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    image = ImageRow("s", "a", path="a.png", modality="MG", label="benign")
    return Collection(str(tmp_path), [image], [box(0, 30, 10, 40, pathology="benign")])


def test_windows_outside_the_breast_are_left_out_but_for_a_lesions(mammogram: Collection) -> None:
    rows = at(sliding_patches(mammogram, Overlapping(window=10, stride=10)).rows)
    assert list(rows) == [(0, 0), (0, 10), (0, 30), *((row, col) for row in range(10, 60, 10) for col in (0, 10))]
    assert rows[0, 30].label == "benign"
    assert rows[0, 30].breast_share == 0
    assert rows[20, 0].breast_share == 1


def test_with_no_breast_share_asked_for_all_windows_stay(mammogram: Collection) -> None:
    assert len(sliding_patches(mammogram, Overlapping(window=10, stride=10, breast_share=0)).rows) == 6 * 4


def test_size_is_read_from_the_file_where_the_table_lacks_it(mammogram: Collection) -> None:
    mammogram.images[0].modality = "US"
    rows = sliding_patches(mammogram, Overlapping(window=20, stride=20)).rows
    assert len(rows) == 3 * 2
    assert {row.breast_share for row in rows} == {None}


def test_groups_come_from_a_split_and_choose_the_images() -> None:
    collection = ultrasound(label="normal")
    collection.images += [ImageRow("s", "b", path="b.png", modality="US", rows=8, cols=10), ImageRow("s", "c", present=0, path="c.png")]
    told: list[tuple[int, int]] = []
    table = sliding_patches(collection, SMALL, groups={("s", "a"): "g", ("s", "c"): "h"}, progress=lambda *done: told.append(done))
    assert {(row.image_id, row.group) for row in table.rows} == {("a", "g")}
    assert told == [(1, 1)]
    assert {row.group for row in sliding_patches(collection, SMALL).rows} == {None}


def test_a_windows_id_depends_on_its_place_alone() -> None:
    one = at(sliding_patches(ultrasound(box(0, 0, 4, 5)), SMALL).rows)
    other = at(sliding_patches(ultrasound(label="normal", shape=(20, 30)), Overlapping(window=4, stride=1, label="lesion")).rows)
    assert one[2, 4].sample_id == other[2, 4].sample_id == "s/a/2-4-4x4"
    assert len({row.sample_id for row in other.values()}) == len(other)


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = sliding_patches(ultrasound(box(0, 0, 4, 5)), Overlapping(window=3, stride=2, scale=0.7)).rows
    write_patches(tmp_path / "patches.csv", rows)
    assert read_patches(tmp_path / "patches.csv") == rows


def test_a_broken_picture_is_left_out_and_said(mammogram: Collection) -> None:
    (Path(mammogram.root) / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    patches = sliding_patches(mammogram, SMALL)
    assert patches.rows == []
    (remark,) = patches.remarks
    assert remark.startswith("a is left out: a.png: ")
    assert remark.endswith("; import the set again")

"""One picture through a tiny model: findings, outlines and heat map lie where the picture's bright block lies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from breastcad.core.errors import ReadError
from breastcad.core.geometry import box_centre, box_of_mask, point_in_box
from breastcad.core.records import Picture
from breastcad.infer.image import look
from breastcad.infer.model import Model

MakeModel = Callable[..., Path]


def scan(rows: int = 320, cols: int = 960, box: tuple[int, int, int, int] = (80, 200, 160, 360)) -> Picture:
    """A dark picture with a bright block; at 32 x 48 input pixels one is 10 x 20, a map pixel 40 x 80 source pixels."""
    pixels = np.full((rows, cols), 0.1, np.float32)
    pixels[box[0] : box[2], box[1] : box[3]] = 0.9
    return Picture(pixels)


def test_a_block_is_found_where_it_is(tiny_model: MakeModel) -> None:
    """The block fills map pixels of rows 2 to 3 and, since 200 / 80 = 2.5, cols 2.5 to 4.5: the box is cols 2 to 5, widened by halves."""
    looked = look(scan(), Model(tiny_model("US")), "0007")
    (finding,) = looked.findings
    assert (finding.id, finding.kind, finding.mask) == ("0007-1", "mass", None)
    assert finding.box == [80, 160, 160, 400]
    # Stretched, the block is 1 and the rest 0: lesion logits 10 + (0, .1, .2), those of malignancy 5 + (0, .1, .2) where it is whole.
    assert finding.probability["lesion"] == pytest.approx(1 - 4.11e-5, abs=1e-6)
    assert 0.5 < finding.probability["malignant"] < finding.probability["lesion"]


def test_malignancy_of_a_finding_is_its_score_times_the_mean_over_its_component(tiny_model: MakeModel) -> None:
    """A block on whole map pixels: malignancy given a lesion is the mean of sigmoid(5), sigmoid(5.1), sigmoid(5.2) = .993920."""
    looked = look(scan(box=(80, 240, 160, 400)), Model(tiny_model("US")), "0")
    (finding,) = looked.findings
    assert finding.box == [80, 240, 160, 400]
    assert finding.probability["malignant"] == pytest.approx(0.993920 * finding.probability["lesion"], abs=1e-5)


def test_probabilities_are_those_of_the_hand(tiny_model: MakeModel) -> None:
    """The block covers 80 x 160 of 320 x 960 pixels: M = 1/24. Abnormal: logits 8/24 - 2 + f/10; sigmoids .158869, .172693, .187449."""
    looked = look(scan(box=(80, 240, 160, 400)), Model(tiny_model("US")), "0")
    assert looked.numbers.probability["abnormal"] == pytest.approx((0.158869 + 0.172693 + 0.187449) / 3, abs=2e-6)
    assert looked.decision is not None
    assert looked.decision.positive is False


def test_outlines_lie_on_the_block_and_heat_maps_cover_the_picture(tiny_model: MakeModel) -> None:
    looked = look(scan(box=(80, 240, 160, 400)), Model(tiny_model("US")), "0")
    assert looked.masks is not None
    (mask,) = looked.masks
    assert mask.shape == (320, 960)
    assert box_of_mask(mask) == pytest.approx((80, 240, 160, 400), abs=1)  # where the ramp between map pixels passes one half
    assert looked.heat_map.shape == (320, 960)
    assert looked.heat_map[120, 320] > 0.95
    assert looked.heat_map[300, 900] < 0.01


def test_two_blocks_have_an_outline_each(tiny_model: MakeModel) -> None:
    picture = scan(box=(80, 80, 160, 240))
    picture.pixels[200:280, 640:800] = 0.8
    looked = look(picture, Model(tiny_model("US")), "0")
    assert [finding.id for finding in looked.findings] == ["0-1", "0-2"]
    assert looked.masks is not None
    first, second = looked.masks
    assert not (first & second).any()
    assert first[120, 160]
    assert second[240, 720]
    assert looked.findings[0].probability["lesion"] > looked.findings[1].probability["lesion"]


def test_a_weak_mark_has_an_empty_outline(tiny_model: MakeModel) -> None:
    """Stretched, the second block is (.46 - .1) / .8 = .45: its logit is 20 x .45 - 10 + .1 = -.9 on average, below one half."""
    picture = scan(box=(80, 80, 160, 240))
    picture.pixels[200:280, 640:800] = 0.46
    looked = look(picture, Model(tiny_model("US")), "0")
    assert [0.28 < finding.probability["lesion"] < 0.30 for finding in looked.findings] == [False, True]
    assert looked.masks is not None
    assert [bool(mask.any()) for mask in looked.masks] == [True, False]


def test_a_model_that_does_not_outline_gives_no_masks(tiny_model: MakeModel) -> None:
    assert look(scan(), Model(tiny_model("US", outline=False)), "0").masks is None


def test_the_score_floor_and_the_number_of_marks_are_kept(tiny_model: MakeModel) -> None:
    assert look(scan(), Model(tiny_model("US", max_marks=0)), "0").findings == []
    assert look(scan(), Model(tiny_model("US", score_floor=0.99999)), "0").findings == []


def test_only_the_region_of_tissue_is_looked_at(tiny_model: MakeModel) -> None:
    """The region is 320 x 960 within 400 x 1200: what is found in it is shifted by its corner, and what is outside is not found."""
    alone, picture = scan(), Picture(np.full((400, 1200), 0.1, np.float32), regions=[(50, 100, 370, 1060)])
    picture.pixels[50:370, 100:1060] = alone.pixels
    picture.pixels[380:400, :] = 1
    model = Model(tiny_model("US"))
    (inner,), (shifted,) = look(alone, model, "0").findings, look(picture, model, "0").findings
    assert shifted.box == [inner.box[0] + 50, inner.box[1] + 100, inner.box[2] + 50, inner.box[3] + 100]
    assert shifted.probability == inner.probability
    assert look(picture, model, "0").heat_map[int(385 * 1024 / 1200) :].max() == 0


def test_a_films_findings_and_heat_map_are_in_the_films_frame(tiny_model: MakeModel) -> None:
    """A breast at the right of a film larger than a heat map may be; a bright mass in it off centre."""
    down, across = np.mgrid[:1500, :1000]
    inside = ((down - 700) / 500) ** 2 + ((999 - across) / 600) ** 2 <= 1
    pixels = np.where(inside, 0.3, 0.0).astype(np.float32)
    pixels[800:900, 700:800] = 0.9
    looked = look(Picture(pixels), Model(tiny_model("MG", rows=64, cols=48)), "0")
    row0, col0, row1, col1 = looked.findings[0].box
    assert point_in_box(box_centre((row0, col0, row1, col1)), (820, 720, 880, 780))
    assert (row1 - row0) * (col1 - col0) < 4 * 100 * 100
    assert looked.masks is None
    assert looked.heat_map.shape == (1024, 683)
    row, col = np.unravel_index(looked.heat_map.argmax(), looked.heat_map.shape)
    assert (800 < row * 1500 / 1024 < 900, 700 < col * 1500 / 1024 < 800) == (True, True)
    assert looked.heat_map[:, 100].max() == 0


def test_members_of_a_fold_are_averaged(tiny_model: MakeModel) -> None:
    """Black pixels: map logits -10 and -5, image logits -2 and -3. Networks add 0, .1, .2, .3: the folds' means are .05 and .25."""
    model = Model(tiny_model("US", folds=2, members=2))
    _, outputs = model.run(np.zeros((32, 48), np.float32))
    assert outputs.maps.shape == (2, 2, 8, 12)
    assert outputs.maps[:, :, 0, 0] == pytest.approx(np.array([[-9.95, -4.95], [-9.75, -4.75]]), abs=1e-4)
    assert outputs.logits == pytest.approx(np.array([[[-2, -3], [-1.9, -2.9]], [[-1.8, -2.8], [-1.7, -2.7]]]), abs=1e-4)


def _with_members(path: Path, members: object) -> Path:
    """Change what a model file says of its folds' members; None leaves it out."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(path)
    facts = json.loads(model.metadata_props[0].value) | {"members": members}
    onnx.helper.set_model_props(model, {"breastcad": json.dumps({key: value for key, value in facts.items() if value is not None})})
    onnx.save(model, path)
    return path


def test_a_file_from_before_folds_had_members_has_one_a_fold(tiny_model: MakeModel) -> None:
    _, outputs = Model(_with_members(tiny_model("US", folds=3), None)).run(np.zeros((32, 48), np.float32))
    assert outputs.logits.shape == (3, 1, 2)


def test_a_graph_of_another_number_of_networks_is_refused(tiny_model: MakeModel) -> None:
    path = _with_members(tiny_model("US", folds=3), 2)
    said = r"its graph gives 'maps' of N x 3 x 2 x 8 x 12, its metadata \(folds times members\) say N x 6 x 2 x N x N; export"
    with pytest.raises(ReadError, match=said):
        Model(path)


def test_another_graph_is_refused(tiny_model: MakeModel) -> None:
    onnx = pytest.importorskip("onnx")
    path = tiny_model("US", name="renamed")
    model = onnx.load(path)
    model.graph.output[0].name = model.graph.node[1].output[0] = "heat"
    onnx.save(model, path)
    with pytest.raises(ReadError, match="its graph must turn 'image' into 'maps' and 'logits'"):
        Model(path)

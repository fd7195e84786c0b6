"""One image through networks that are anything with features and a head: marks of every way, and what is measured of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from breastcad.core.placement import Placement  # noqa: E402
from breastcad.core.records import FindingRow, ImageRow  # noqa: E402
from breastcad.explain.films import Film, Looker  # noqa: E402
from breastcad.explain.study import Asked, Explained, explain_image, fold_looker, mean_curves  # noqa: E402

pytestmark = pytest.mark.train
WAYS = ["cam", "centre", "random", "brightest"]


class SeesBright(nn.Module):
    """Two channels, the mean brightness of 4 x 4 pixels and 1 less it; malignant by the first, benign by the second."""

    def __init__(self) -> None:
        super().__init__()
        self.channels, self.pool = nn.Conv2d(1, 2, 1), nn.AvgPool2d(4)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
        with torch.no_grad():
            self.channels.weight.copy_(torch.tensor([[[[1.0]]], [[[-1.0]]]]))
            self.channels.bias.copy_(torch.tensor([0.0, 1.0]))
            self.head[-1].weight.copy_(torch.tensor([[0.0, 1.0], [4.0, -1.0]]))
            self.head[-1].bias.zero_()

    def features(self, image: Tensor) -> Tensor:
        return self.pool(self.channels(image))


ARRAY = np.full((40, 60), 0.1, np.float32)
ARRAY[8:16, 36:48] = 0.9
FILM = Film(ARRAY, Placement(row_step=3.0, col_step=2.0), np.ones((40, 60), bool))
IMAGE = ImageRow("made", "i1", label="malignant")
# The bright place in source pixels, and one where nothing is.
BRIGHT = FindingRow("made", "bright", "i1", geometry="box", row0=24, col0=72, row1=48, col1=96)
DARK = FindingRow("made", "dark", "i1", geometry="box", row0=90, col0=0, row1=120, col1=20)


def explained(*findings: FindingRow, sanity: bool = True, iou: float | None = None, image: ImageRow = IMAGE) -> Explained:
    asked = Asked(seed=3, iou=iou, sanity=sanity)
    fold = fold_looker(Looker([SeesBright().eval()], [1], "cam", most=3), asked)
    return explain_image(fold, FILM, image, findings, asked, group="g1", of_fold=(0, 2))


def test_a_network_that_sees_what_is_bright_marks_it_and_has_its_energy_there() -> None:
    """CAM is 4 A - (1 - A) = 5 A - 1: 3.5 in the bright place, -.5 elsewhere; above its mean it lies in the place alone."""
    found = explained(BRIGHT, DARK)
    assert list(found.placed.marks) == WAYS
    (mark,) = found.placed.marks["cam"]
    assert (mark.row, mark.col, mark.lesion_id) == (pytest.approx(36), pytest.approx(84), "bright")
    assert mark.score == pytest.approx(3.5, abs=1e-4)
    assert found.look.boxes[0].box == (24, 72, 48, 96)
    assert found.look.base == pytest.approx(4 * 0.04 - 0.5, abs=1e-5)  # six of 150 places are 4 higher
    assert (found.placed.lesions, found.placed.key) == (("bright", "dark"), ("made", "i1", 0, 2))
    measured = found.placed.measured
    assert {way: measured["pointing hit"][way] for way in WAYS if way != "random"} == {"cam": 1.0, "centre": 0.0, "brightest": 1.0}
    assert measured["energy inside"]["cam"] > 0.75  # the map is coarse, and laid over the film smoothly
    assert measured["energy inside"]["cam"] > max(measured["energy inside"][way] for way in WAYS[1:])
    assert measured["deletion area"]["cam"] < measured["deletion area"]["random"]
    assert measured["insertion area"]["cam"] > measured["insertion area"]["random"]
    assert list(found.placed.alike) == ["head", "all"]


def test_rivals_are_scored_by_what_the_network_says_of_the_image() -> None:
    found = explained(BRIGHT, sanity=False)
    assert list(found.placed.measured) == ["pointing hit", "energy inside"]
    assert found.placed.alike == {}
    assert found.removals == {}
    assert found.boxes["centre"][0].score == pytest.approx(found.look.probability, rel=1e-5)
    assert found.boxes["random"][0].score == pytest.approx(found.look.probability, rel=1e-3)
    assert len(found.boxes["random"]) <= 3
    assert found.boxes["centre"][0].row == pytest.approx(60, abs=3)


def test_an_image_without_lesions_is_checked_but_for_where() -> None:
    found = explained(image=replace(IMAGE, label="normal"))
    assert sorted(found.placed.measured) == ["deletion area", "insertion area"]
    assert found.placed.lesions == ()
    assert all(mark.lesion_id is None for own in found.placed.marks.values() for mark in own)


def test_what_is_hit_by_overlap_is_another_thing() -> None:
    shifted = replace(BRIGHT, row0=24, col0=60, row1=48, col1=96)  # two thirds of it is the box
    assert explained(shifted, iou=0.6, sanity=False).placed.marks["cam"][0].lesion_id == "bright"
    assert explained(shifted, iou=0.7, sanity=False).placed.marks["cam"][0].lesion_id is None


def test_the_same_seed_gives_the_same_and_curves_are_means() -> None:
    first, again = explained(BRIGHT), explained(BRIGHT)
    assert first.boxes == again.boxes
    assert first.placed == again.placed
    curves = mean_curves([first.removals, {}, again.removals])
    assert list(curves) == WAYS
    np.testing.assert_allclose(curves["cam"][0], first.removals["cam"].deletion)

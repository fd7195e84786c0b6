"""The checks of maps, on networks and images that a hand can follow."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from scipy.stats import spearmanr  # noqa: E402

from breastcad.core.placement import Placement  # noqa: E402
from breastcad.core.records import FindingRow  # noqa: E402
from breastcad.core.seeding import generator  # noqa: E402
from breastcad.explain.films import Film  # noqa: E402
from breastcad.explain.maps import class_map  # noqa: E402
from breastcad.explain.sanity import STEPS, cascade, energy_inside, points_at, removal, similarity  # noqa: E402
from breastcad.models.classifier_network import build_classifier  # noqa: E402

pytestmark = pytest.mark.train


def film(rows: int = 20, cols: int = 30, *, step: float = 2.0) -> Film:
    array = np.random.default_rng(1).random((rows, cols)).astype(np.float32)
    return Film(array, Placement(row_step=step, col_step=step), np.ones((rows, cols), bool))


def lesion(geometry: str, *edges: float) -> FindingRow:
    row0, col0, row1, col1 = edges
    return FindingRow("made", "f1", "i1", geometry=geometry, row0=row0, col0=col0, row1=row1, col1=col1)


# ---- weights drawn anew ----


def test_each_copy_has_more_new_layers_from_the_head_down_and_the_network_stays() -> None:
    torch.manual_seed(3)
    network = build_classifier("resnet18", 2, rows=64, cols=64).eval()
    before = {name: weight.clone() for name, weight in network.named_parameters()}
    new: list[set[str]] = []
    for _, other in cascade(network, seed=1):
        assert not other.training
        new.append({name for name, weight in other.named_parameters() if not torch.equal(weight, before[name])})
    assert all(torch.equal(weight, before[name]) for name, weight in network.named_parameters())
    assert new[0] == {"head.3.weight"}
    assert all(first < second for first, second in pairwise(new))
    assert "backbone.conv1.weight" not in new[-2]
    assert new[-1] == {name for name, weight in before.items() if weight.ndim > 1}


def test_new_weights_keep_their_layers_spread_and_are_those_of_the_seed() -> None:
    network = build_classifier("b-convnet", 2, rows=48, cols=48, channels=3).eval()
    (words, copies), (_, again), (_, others) = (zip(*cascade(network, seed), strict=True) for seed in (1, 1, 2))
    assert words == ("head", "last quarter", "last half", "last three quarters", "all")
    name = "backbone.conv3.weight"
    first, same, other = (dict(one[-1].named_parameters())[name] for one in (copies, again, others))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert first.std().item() == pytest.approx(dict(network.named_parameters())[name].std().item(), rel=0.05)


def test_the_map_of_a_trained_look_changes_when_the_head_is_drawn_anew() -> None:
    torch.manual_seed(1)
    network = build_classifier("resnet18", 2, rows=96, cols=128).eval()
    image = np.random.default_rng(2).random((96, 128)).astype(np.float32)
    plain = class_map(network, image, [1], "cam").values
    _, drawn = cascade(network, seed=1)[0]
    alike, rank = similarity(plain, class_map(drawn, image, [1], "cam").values)
    assert similarity(plain, plain) == (1.0, 1.0)
    assert rank < 0.95
    assert alike < 0.95


@given(st.integers(0, 100), st.integers(3, 12), st.integers(3, 12))
@settings(max_examples=25, deadline=None)
def test_the_rank_correlation_is_scipys_and_no_scale_matters(seed: int, rows: int, cols: int) -> None:
    first, second = np.random.default_rng(seed).random((2, rows, cols)).astype(np.float32).round(1)
    known = spearmanr(first.ravel(), second.ravel()).statistic
    alike, rank = similarity(first, second)
    assert rank == pytest.approx(known, abs=1e-6)
    assert similarity(first * 8, second * 4) == pytest.approx((alike, rank), abs=1e-5)


def test_a_map_without_contrast_is_like_none() -> None:
    assert similarity(np.zeros((4, 5), np.float32), np.arange(20, dtype=np.float32).reshape(4, 5))[1] == 0.0
    with pytest.raises(ValueError, match=r"maps must have the same shape, got \(4, 5\) and \(5, 4\)"):
        similarity(np.zeros((4, 5), np.float32), np.zeros((5, 4), np.float32))


# ---- deletion and insertion ----


def test_deletion_and_insertion_worked_by_hand() -> None:
    """The probability is the share of the bright pixels (six rows of 60) that are there; the map likes just these.

    Deleted first, they are gone after the first tenth: 1, 0, 0, ...: an area of half a step, .05. Inserted in a film whose blur is far from
    bright, they are all there from the first tenth: 0, 1, 1, ...: .95. A map that likes all else first deletes them last: .95, .05.
    """
    array = np.zeros((60, 60), np.float32)
    array[3::10] = 1.0
    one = Film(array, Placement(), np.ones((60, 60), bool))

    def there(images: np.ndarray) -> np.ndarray:
        return (images[:, 3::10] > 0.99).mean(axis=(1, 2))

    good = removal(there, one, array, generator(1))
    assert good.deletion.tolist() == [1.0] + [0.0] * STEPS
    assert good.insertion.tolist() == [0.0] + [1.0] * STEPS
    assert good.areas == pytest.approx((0.05, 0.95))
    assert removal(there, one, -array, generator(1)).areas == pytest.approx((0.95, 0.05))


def test_only_the_breast_is_deleted_and_inserted() -> None:
    one = film()
    inside = np.zeros((20, 30), bool)
    inside[:, :10] = True
    seen: list[np.ndarray] = []

    def keep(images: np.ndarray) -> np.ndarray:
        seen.append(images.copy())
        return np.zeros(len(images))

    removal(keep, Film(one.array, one.place, inside), np.ones((4, 6), np.float32), generator(1))
    without, put_in = seen
    assert np.array_equal(without[0], one.array)
    assert not without[-1][:, :10].any()
    assert np.array_equal(put_in[-1], one.array)
    for images in seen:
        assert (images[:, :, 10:] == one.array[:, 10:]).all()
    assert [int((images[:, :10] == 0).sum()) for images in without] == [round(200 * step / STEPS) for step in range(STEPS + 1)]


# ---- on lesions ----


def test_the_pointing_game_takes_the_highest_places_centre() -> None:
    """A map of 4 x 5 over 40 x 100 pixels: place (1, 3) has its centre at row 15, column 70."""
    values = np.zeros((4, 5), np.float32)
    values[1, 3] = 2.0
    place = Placement().resized((40, 100), (4, 5))
    assert points_at(values, place, [lesion("box", 15, 70, 16, 71)])
    assert not points_at(values, place, [lesion("box", 10, 60, 15, 80)])
    assert points_at(values, place, [lesion("circle", 10, 65, 20, 75)])
    assert not points_at(values, place, [])


def test_the_energy_inside_counts_what_speaks_for_the_class() -> None:
    """Of 20 x 30 pixels of 2 x 2 each: a box of 10 x 12 source pixels is 5 x 6 of them, 30 of 600; what is below 0 counts for nothing."""
    one = film()
    box = lesion("box", 10, 6, 20, 18)
    assert energy_inside(np.ones((20, 30), np.float32), one, [box]) == pytest.approx(30 / 600)
    values = np.full((20, 30), -5.0, np.float32)
    values[5:10, 3:9] = 2.0
    assert energy_inside(values, one, [box]) == 1.0
    assert energy_inside(values, one, [lesion("none", 0, 0, 0, 0)]) == 0.0
    assert energy_inside(-np.ones((20, 30), np.float32), one, [box]) == 0.0
    circle = energy_inside(np.ones((20, 30), np.float32), one, [lesion("circle", 4, 4, 36, 36)])
    assert circle == pytest.approx(np.pi * 64 / 600, rel=0.05)
    assert energy_inside(np.ones((20, 30), np.float32), one, [box, box]) == pytest.approx(30 / 600)

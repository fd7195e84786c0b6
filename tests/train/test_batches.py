"""What an augmented sample shows, and that a batch does not depend on what came before it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from breastcad.augment.drawing import IDENTITY  # noqa: E402
from breastcad.augment.operations import operation  # noqa: E402
from breastcad.augment.policies import POLICIES  # noqa: E402
from breastcad.core.records import FindingRow  # noqa: E402
from breastcad.models.lesion_network import DESCRIPTORS, SHAPES  # noqa: E402
from breastcad.train.batches import _by_policy, _focus, descriptors, epoch_batches, what_shows  # noqa: E402
from breastcad.train.lesion_settings import LesionSettings  # noqa: E402
from breastcad.train.predict import _window_round, known_classes  # noqa: E402
from breastcad.train.samples import Sample  # noqa: E402

HALF_VIEW = replace(IDENTITY, matrix=(0.4, 0.0, 0.0, 0.0, 0.4, 0.0))


def one(samples: list[Sample], label: str) -> Sample:
    return next(sample for sample in samples if sample.row.label == label)


def test_whole_images_show_their_label(samples: list[Sample]) -> None:
    shown = {label: what_shows(one(samples, label), one(samples, label).lesions, IDENTITY) for label in ("normal", "benign", "malignant")}
    assert shown == {
        "normal": ((0.0, 0.0), (1.0, 0.0)),
        "benign": ((1.0, 0.0), (1.0, 1.0)),
        "malignant": ((1.0, 1.0), (1.0, 1.0)),
    }


def test_lesion_out_of_view_shows_none(samples: list[Sample]) -> None:
    sample = one(samples, "malignant")
    assert what_shows(sample, np.zeros_like(sample.lesions), HALF_VIEW) == ((0.0, 0.0), (1.0, 0.0))


def test_lesion_cut_in_two_is_not_counted(samples: list[Sample]) -> None:
    sample = one(samples, "benign")
    cut = sample.lesions.copy()
    rows = np.flatnonzero(cut.any(axis=1))
    cut[rows[len(rows) // 3] :] = 0
    assert what_shows(sample, cut, IDENTITY)[1] == (0.0, 0.0)


def test_abnormal_image_without_place_counts_only_as_a_whole(samples: list[Sample]) -> None:
    sample = replace(one(samples, "malignant"), lesions=np.zeros((64, 64), np.uint8), placed=False)
    assert what_shows(sample, sample.lesions, IDENTITY) == ((1.0, 1.0), (1.0, 1.0))
    assert what_shows(sample, sample.lesions, HALF_VIEW)[1] == (0.0, 0.0)


def test_malignant_film_with_benign_masses_only_is_malignant_as_a_whole(samples: list[Sample]) -> None:
    sample = one(samples, "benign")
    worse = replace(sample, row=replace(sample.row, label="malignant"))
    assert what_shows(worse, worse.lesions, IDENTITY) == ((1.0, 1.0), (1.0, 1.0))


def test_hidden_benign_mass_of_a_malignant_film_does_not_make_it_normal(samples: list[Sample]) -> None:
    sample = one(samples, "benign")
    worse = replace(sample, row=replace(sample.row, label="malignant"))
    assert what_shows(sample, np.zeros_like(sample.lesions), HALF_VIEW)[1] == (1.0, 0.0)
    assert what_shows(worse, np.zeros_like(worse.lesions), HALF_VIEW)[1] == (0.0, 0.0)


def test_unknown_label_counts_nowhere(samples: list[Sample]) -> None:
    sample = one(samples, "benign")
    unknown = replace(sample, row=replace(sample.row, label="unknown"))
    assert what_shows(unknown, unknown.lesions, IDENTITY)[1] == (0.0, 0.0)


def test_an_epoch_is_the_same_whatever_came_before(samples: list[Sample], settings: LesionSettings) -> None:
    list(epoch_batches(samples, settings, 0, 0))
    first = [images for images, _ in epoch_batches(samples, settings, 0, 1)]
    second = [images for images, _ in epoch_batches(samples, settings, 0, 1)]
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    other_epoch = next(iter(epoch_batches(samples, settings, 0, 2)))[0]
    assert not torch.equal(first[0], other_epoch)


def test_focus_is_a_lesion_s_centre_and_longer_side() -> None:
    lesions = np.zeros((40, 80), np.uint8)
    assert all(math.isnan(value) for value in _focus(lesions, np.random.default_rng(0)))
    lesions[10:16, 50:70] = 2
    assert _focus(lesions, np.random.default_rng(0)) == (13.0, 60.0, 20.0)
    lesions[30:38, 4:6] = 1
    drawn = {_focus(lesions, np.random.default_rng(seed)) for seed in range(20)}
    assert drawn == {(13.0, 60.0, 20.0), (34.0, 5.0, 8.0)}


def test_window_round_a_finding_is_in_pixels_of_the_input(samples: list[Sample]) -> None:
    """The input shows rows 100 to 228 and columns 40 to 104 of the source: half a pixel a row, one a column."""
    sample = replace(one(samples, "benign"), box=(100.0, 40.0, 228.0, 104.0))
    finding = replace(sample.findings[0], row0=120.0, row1=200.0, col0=50.0, col1=60.0)
    assert _window_round(finding, sample) == (30.0, 15.0, 40.0)


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_draws_in_place_of_the_strength(samples: list[Sample], name: str) -> None:
    settings = LesionSettings(rows=64, cols=64, batch=4, policy=name)
    first, again = (list(epoch_batches(samples, settings, 0, 1)) for _ in range(2))
    plain = list(epoch_batches(samples, LesionSettings(rows=64, cols=64, batch=4), 0, 1))
    for (images, targets), (same, _), (other, _) in zip(first, again, plain, strict=True):
        assert images.shape == (4, 1, 64, 64)
        assert torch.equal(images, same)
        assert not torch.equal(images, other)
        assert 0 <= images.min() <= images.max() <= 1
        assert set(targets.lesions.unique().tolist()) <= {0, 1, 2}
        # Nothing is healed: what shows no lesion was normal, or has lost it at the border.
        shown = targets.labels[:, 0] > 0
        assert (targets.lesions.flatten(1).any(dim=1) | ~shown).all()


def test_a_policy_makes_no_normal_images(samples: list[Sample]) -> None:
    abnormal = [sample for sample in samples if sample.row.label != "normal"]
    assert known_classes(abnormal, LesionSettings()) == ["normal", "benign", "malignant"]
    assert known_classes(abnormal, LesionSettings(policy="d")) == ["benign", "malignant"]


def drawing(monkeypatch: pytest.MonkeyPatch, name: str, **values: float | str) -> None:
    """Let every policy draw one operation."""
    drawn = replace(POLICIES["d"], draw=lambda *_: (operation(name, **values),))
    monkeypatch.setattr("breastcad.train.batches.policy_named", lambda _: drawn)


@pytest.mark.parametrize("side", ["forward", "backward", "left", "right"])
@pytest.mark.parametrize(("row", "col"), [(6, 6), (40, 44)])
def test_how_much_of_a_lesion_a_perspective_shows_depends_on_where_it_lies(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch, side: str, row: int, col: int
) -> None:
    """A skew cuts nothing off this lesion, and no mirror shows it twice, so that all of it is seen, however large it is shown."""
    drawing(monkeypatch, "skew", side=side, share=0.3)
    lesions = np.zeros((64, 64), np.uint8)
    lesions[row : row + 14, col : col + 14] = 1
    _, moved, drawn = _by_policy(replace(one(samples, "benign"), lesions=lesions), "d", np.random.default_rng(0), films=True)
    zoom = abs(np.linalg.det(np.array(drawn.matrix).reshape(2, 3)[:, :2]))
    assert np.count_nonzero(moved) * zoom / 14**2 == pytest.approx(1, abs=0.1)


def test_a_policy_mirrors_scans_at_the_border_and_leaves_films_black(samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    drawing(monkeypatch, "translation", down_px=10.5, right_px=0.0)
    sample = replace(one(samples, "benign"), image=np.full((64, 64), 200, np.uint8))
    scan, _, _ = _by_policy(sample, "d", np.random.default_rng(0), films=False)
    film, _, _ = _by_policy(sample, "d", np.random.default_rng(0), films=True)
    assert scan[:10].min() > 0.7
    assert film[:10].max() == 0


def test_descriptors_are_those_of_the_one_finding() -> None:
    """Shape and margin of several words, BI-RADS 4, subtlety 3; 0 is no assessment, several findings are nobody's."""
    one = FindingRow("s", "f", "i", kind="mass", shape="IRREGULAR-ARCHITECTURAL_DISTORTION", margin="SPICULATED", birads="4", subtlety="3")
    known = dict(zip(DESCRIPTORS, descriptors([one]), strict=True))
    assert [name for name, value in known.items() if value] == [
        "IRREGULAR", "ARCHITECTURAL_DISTORTION", "SPICULATED", "birads 3", "birads 4", "subtlety 3",
    ]  # fmt: skip
    unknown = dict(zip(DESCRIPTORS, descriptors([replace(one, birads="0", margin=None)]), strict=True))
    assert [name for name, value in unknown.items() if math.isnan(value)] == [*DESCRIPTORS[SHAPES:13]]
    assert all(math.isnan(value) for value in [*descriptors([]), *descriptors([one, one])])

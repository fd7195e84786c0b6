"""The loop: it learns, it gives the same twice, and stopped and continued it ends as if it had never stopped."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from breastcad.augment.drawing import Strength  # noqa: E402
from breastcad.core.errors import InputError  # noqa: E402
from breastcad.models.checkpoint import load_checkpoint  # noqa: E402
from breastcad.models.lesion_network import DESCRIPTORS, Learned  # noqa: E402
from breastcad.train import lesion_task  # noqa: E402
from breastcad.train.lesion_settings import LesionSettings  # noqa: E402
from breastcad.train.lesion_task import LesionTask, fit_normalisation  # noqa: E402
from breastcad.train.loop import train_network  # noqa: E402
from breastcad.train.losses import Targets, lesion_loss  # noqa: E402
from breastcad.train.predict import Calibration, fit_calibration, predict, to_rows, validation_score  # noqa: E402
from breastcad.train.samples import Sample  # noqa: E402

pytestmark = pytest.mark.train
CPU = torch.device("cpu")
NOWHERE = torch.full((1, 3), torch.nan)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def quiet(*_: object) -> None:
    """Report nothing."""


def train(samples: list[Sample], settings: LesionSettings, folder: Path, report: Any = quiet, progress: Any = quiet) -> Any:
    return train_network(LesionTask(samples, samples, settings, (0, 0)), folder, device=CPU, report=report, progress=progress)


def weights(folder: Path) -> dict[str, Any]:
    return load_checkpoint(folder / "last.safetensors")[0]


@pytest.mark.parametrize("network", ["pyramid-resnet18", pytest.param("closer-resnet18", marks=pytest.mark.slow)])
def test_stopped_and_continued_is_never_stopped(samples: list[Sample], settings: LesionSettings, tmp_path: Path, network: str) -> None:
    settings = replace(settings, network=network)
    train(samples, settings, tmp_path / "whole")

    def kill(text: str, done: int, total: int) -> None:
        if text.startswith("fold 0, epoch 2") and done == 2:
            raise Killed

    with pytest.raises(Killed):
        train(samples, settings, tmp_path / "parts", progress=kill)
    train(samples, settings, tmp_path / "parts")
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert [name for name in whole if not torch.equal(whole[name], parts[name])] == []


def test_the_scaling_of_half_precision_goes_on_where_it_stopped(
    samples: list[Sample], settings: LesionSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a processor as on an accelerator, so that it can be tested on one."""
    scaler = torch.amp.GradScaler
    monkeypatch.setattr(torch.amp, "GradScaler", lambda device, enabled: scaler(device, init_scale=8.0, growth_interval=2))
    train(samples, replace(settings, epochs=1), tmp_path)
    before = load_checkpoint(tmp_path / "last.safetensors")[1]["scaling"]
    train(samples, replace(settings, epochs=2), tmp_path)
    after = load_checkpoint(tmp_path / "last.safetensors")[1]["scaling"]
    steps = LesionTask(samples, samples, settings, (0, 0)).steps
    assert (before["scale"], after["scale"]) == (8.0 * 2 ** (steps // 2), 8.0 * 2 ** (2 * steps // 2))


def test_another_seed_gives_other_weights(samples: list[Sample], settings: LesionSettings, tmp_path: Path) -> None:
    short = replace(settings, epochs=1)
    train(samples, short, tmp_path / "a")
    train(samples, replace(short, seed=2), tmp_path / "b")
    first, second = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert any(not torch.equal(first[name], second[name]) for name in first if name.startswith("network"))


@pytest.mark.parametrize(("batch", "what"), [(4, "the loss"), (12, "what the network says of validation images")])
def test_training_that_diverges_is_one_sentence(
    samples: list[Sample], settings: LesionSettings, tmp_path: Path, batch: int, what: str
) -> None:
    """With one batch an epoch, the loss is that of the first weights: only what the next ones say shows it."""
    with pytest.raises(InputError, match=f"fold 0, epoch 1: {what} is not finite.*the rate 1e.30; give a lower one with --setting rate="):
        train(samples, replace(settings, rate=1e30, warm_up=0.0, batch=batch), tmp_path)
    assert list(tmp_path.rglob("*.safetensors")) == []


@pytest.mark.slow
def test_it_overfits_a_few_samples(samples: list[Sample], settings: LesionSettings, tmp_path: Path) -> None:
    plain = Strength(
        flip_columns=0, rotation_degrees=0, scale=(1.0, 1.0), stretch=0, shift=0, gamma=(1.0, 1.0), contrast=0, brightness=0, blur_px=0,
        noise=0, healed=0, decoy=0, zoomed=0, window=0,
    )  # fmt: skip
    long = replace(settings, epochs=30, patience=30, rate=3e-3, average_decay=0.9, augmentation=plain)
    network = train(samples, long, tmp_path)
    said = predict(network, samples, long, CPU, progress=quiet)
    _, figures = validation_score(said)
    assert figures["auc_abnormal"] > 0.95
    assert figures["auc_malignant"] > 0.95
    assert figures["dice"] > 0.6


def test_it_stops_early_when_validation_no_longer_rises(
    samples: list[Sample], settings: LesionSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[dict[str, Any]] = []
    monkeypatch.setattr(lesion_task, "validation_score", lambda said: (0.5, {}))
    train(samples, replace(settings, epochs=9, patience=2), tmp_path, report=rows.append)
    assert max(row["epoch"] for row in rows) == 2


def test_nothing_is_frozen_that_has_no_first_weights(settings: LesionSettings) -> None:
    frozen = replace(settings, frozen_stages=2, fixed_statistics=True)
    assert frozen.weights == "none"
    assert all(weight.requires_grad for weight in lesion_task.make_network(frozen).parameters())


def test_rows_say_what_the_network_said(samples: list[Sample], settings: LesionSettings, tmp_path: Path) -> None:
    network = train(samples, replace(settings, epochs=1), tmp_path)
    said = predict(network, samples, settings, CPU, progress=quiet)
    fitted = Calibration(abnormal=2.0, abnormal_shift=0.5, malignant=3.0)
    predictions, marks, lesions = to_rows(said, fitted, settings, fold=(0, 1), part="test")
    assert len(predictions) == 12
    assert len(lesions) == 8
    for one, row in zip(said, predictions, strict=True):
        abnormal, malignant = (1 / (1 + math.exp(-x)) for x in ((one.logits[0] + 0.5) / 2, one.logits[1] / 3))
        assert row.probability["abnormal"] == pytest.approx(abnormal) == pytest.approx(1 - row.probability["normal"])
        assert row.probability["malignant"] == pytest.approx(abnormal * malignant)
        assert row.probability["benign"] == pytest.approx(abnormal * (1 - malignant))
        assert (row.dice is None) == (row.label == "normal")
    assert {mark.image_id for mark in marks} <= {row.id for row in predictions}
    assert all(0 <= mark.row <= 64 and 0 <= mark.col <= 64 for mark in marks)


def test_temperature_is_one_where_validation_lacks_a_class(samples: list[Sample], settings: LesionSettings, tmp_path: Path) -> None:
    network = train(samples, replace(settings, epochs=1), tmp_path)
    benign = [sample for sample in samples if sample.row.label == "benign"]
    fitted = fit_calibration(predict(network, benign, settings, CPU, progress=quiet), settings)
    assert (fitted.abnormal, fitted.malignant) == (1.0, 1.0)


def test_loss_falls_when_the_maps_are_right(settings: LesionSettings) -> None:
    lesions = torch.zeros(2, 16, 16, dtype=torch.uint8)
    lesions[0, 4:12, 2:8] = 2
    labels, known = torch.tensor([[1.0, 1.0], [0.0, 0.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    targets = Targets(lesions, torch.ones(2), labels, known, NOWHERE.repeat(2, 1), unsaid(2))
    right = torch.where(lesions > 0, 8.0, -8.0)[:, None].repeat(1, 2, 1, 1)
    good = lesion_loss(Learned(right, torch.tensor([[8.0, 8.0], [-8.0, 0.0]])), targets, settings)
    bad = lesion_loss(Learned(-right, torch.tensor([[-8.0, -8.0], [8.0, 0.0]])), targets, settings)
    assert float(good) < 0.1 < 5 < float(bad)


def test_what_is_not_known_does_not_count(settings: LesionSettings) -> None:
    lesions = torch.zeros(1, 8, 8, dtype=torch.uint8)
    lesions[0, :4] = 3  # a lesion of unknown pathology
    targets = Targets(lesions, torch.ones(1), torch.zeros(1, 2), torch.zeros(1, 2), NOWHERE, unsaid(1))
    maps = torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    first = lesion_loss(Learned(maps, torch.tensor([[3.0, -2.0]])), targets, settings)
    maps[:, 1] += 5
    second = lesion_loss(Learned(maps, torch.tensor([[-3.0, 2.0]])), targets, settings)
    torch.testing.assert_close(first, second)


def looked(windows: list[tuple[float, float, float]], said: list[tuple[float, float]], length: float = 0.0) -> Learned:
    """Return what a network with a closer look says of one 128 x 64 image, its maps at stride 16."""
    return Learned(
        torch.full((1, 2, 8, 4), -9.0), torch.zeros(1, 2), torch.full((1, 8, 4), length), torch.tensor([windows]), torch.tensor([said])
    )


def unsaid(count: int) -> torch.Tensor:
    """Return descriptors of so many lesions of which nothing is known."""
    return torch.full((count, len(DESCRIPTORS)), torch.nan)


def one_lesion(code: int, focus: tuple[float, float, float] = (40.0, 8.0, 32.0)) -> Targets:
    """Return the targets of an image with a lesion about (40, 8)."""
    lesions = torch.zeros(1, 128, 64, dtype=torch.uint8)
    lesions[0, 32:48, 0:16] = code
    return Targets(lesions, torch.ones(1), torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([focus]), unsaid(1))


def look_loss(learned: Learned, targets: Targets, settings: LesionSettings) -> float:
    plain = replace(settings, look_loss=0.0)
    return float(lesion_loss(learned, targets, settings) - lesion_loss(learned, targets, plain))


def test_closer_look_is_asked_what_lies_at_each_window_s_centre(settings: LesionSettings) -> None:
    """Sure and right: at the lesion malignant, far from it none. Its length of 32 px counts as 36, the shortest there is."""
    windows = [(40.0, 8.0, 36.0), (110.0, 50.0, 36.0)]
    right = look_loss(looked(windows, [(20.0, 20.0), (-20.0, 5.0)], length=-0.5754), one_lesion(2), settings)
    assert right == pytest.approx(0, abs=1e-3)  # log(36 / 64) = -0.5754
    wrong = [(-20.0, 20.0), (20.0, 5.0)]
    assert look_loss(looked(windows, wrong, length=-0.5754), one_lesion(2), settings) == pytest.approx(20, abs=0.1)
    assert look_loss(looked(windows, [(20.0, -20.0), (-20.0, 5.0)], length=-0.5754), one_lesion(2), settings) == pytest.approx(20, abs=0.1)


def test_closer_look_beside_a_lesion_or_at_an_unknown_one_counts_for_no_pathology(settings: LesionSettings) -> None:
    beside = [(52.0, 8.0, 36.0), (110.0, 50.0, 36.0)]
    first, second = (
        look_loss(looked(beside, [(score, score), (-20.0, 0.0)], length=-0.5754), one_lesion(2), settings) for score in (20.0, -20.0)
    )
    assert first == pytest.approx(second)
    at = [(40.0, 8.0, 36.0), (110.0, 50.0, 36.0)]
    known, other = (
        look_loss(looked(at, [(20.0, score), (-20.0, 0.0)], length=-0.5754), one_lesion(3), settings) for score in (20.0, -20.0)
    )
    assert known == pytest.approx(other, abs=1e-6)


def test_what_is_known_of_the_lesion_in_focus_is_asked(settings: LesionSettings) -> None:
    """Two descriptors are known, one is said right and one wrong, at logit 4: their mean cross-entropy is (0.0181 + 4.0181) / 2."""
    targets = one_lesion(2)
    targets.descriptors[0, :2] = torch.tensor([1.0, 0.0])
    plain = replace(settings, describe_loss=0.0)
    learned = looked([(40.0, 8.0, 36.0), (110.0, 50.0, 36.0)], [(20.0, 20.0), (-20.0, 5.0)], length=0.0)
    learned.described = torch.full((1, len(DESCRIPTORS)), 4.0)
    described = float(lesion_loss(learned, targets, replace(settings, describe_loss=1.0)) - lesion_loss(learned, targets, plain))
    assert described == pytest.approx(2.0181, abs=1e-3)
    targets.focus[:] = torch.nan
    assert float(lesion_loss(learned, targets, replace(settings, describe_loss=1.0))) == float(lesion_loss(learned, targets, plain))


def test_normal_images_weigh_as_the_settings_say(settings: LesionSettings) -> None:
    targets = Targets(
        torch.zeros(2, 8, 8, dtype=torch.uint8),
        torch.ones(2),
        torch.tensor([[0.0, 0.0], [1.0, 0.0]]),
        torch.tensor([[1.0, 0.0], [1.0, 0.0]]),
        NOWHERE.repeat(2, 1),
        unsaid(2),
    )
    learned = Learned(torch.full((2, 2, 8, 8), -9.0), torch.tensor([[3.0, 0.0], [3.0, 0.0]]))
    only = replace(settings, map_loss=0.0, malignant_map_loss=0.0, malignant_loss=0.0, abnormal_loss=1.0)
    # Cross-entropies of logit 3: 3.0486 of a normal, 0.0486 of an abnormal image.
    assert float(lesion_loss(learned, targets, only)) == pytest.approx((3.0486 + 0.0486) / 2, abs=1e-3)
    assert float(lesion_loss(learned, targets, replace(only, normal_weight=3.0))) == pytest.approx((3 * 3.0486 + 0.0486) / 4, abs=1e-3)


@pytest.mark.parametrize("kind", ["z-score", "percentile"])
def test_a_black_film_counts_for_no_statistics(samples: list[Sample], settings: LesionSettings, kind: str) -> None:
    fitted = replace(settings, normalisation=kind, pipeline="mammogram")
    black = replace(samples[0], image=np.zeros_like(samples[0].image))
    assert fit_normalisation([*samples, black], fitted) == fit_normalisation(samples, fitted)

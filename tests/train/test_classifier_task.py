"""A classifier's loss by hand, its order and balance, its stages, and the loop: continued as if never stopped."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from breastcad.core.records import ImageRow, PatchRow  # noqa: E402
from breastcad.evaluate.aggregation import labels_of_wholes  # noqa: E402
from breastcad.models.checkpoint import load_checkpoint  # noqa: E402
from breastcad.train.classifier_batches import epoch_batches, epoch_order  # noqa: E402
from breastcad.train.classifier_run import by_label, fit_softmax_temperature, prediction_rows  # noqa: E402
from breastcad.train.classifier_settings import ClassifierSettings  # noqa: E402
from breastcad.train.classifier_task import ClassifierTask, class_figures, class_weights, classification_loss, log_softmax  # noqa: E402
from breastcad.train.loop import train_network  # noqa: E402
from breastcad.train.optimisers import make_optimiser, rate_share  # noqa: E402
from breastcad.train.windows import WHOLE, Window, class_of, sample_id  # noqa: E402

pytestmark = pytest.mark.train
CPU = torch.device("cpu")
SIDE = 50
SMALL = ClassifierSettings(
    network="c-table-1", weights="none", rows=SIDE, cols=SIDE, batch=4, epochs=3, warm_up=0.0, policy="none", channels=3
)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def quiet(*_: object) -> None:
    """Report nothing."""


def window(number: int, label: str, *, image: str = "", copy: int = 0, side: str | None = "L") -> Window:
    """Return a noisy window; malignant ones have a bright square."""
    numbers = np.random.default_rng(number)
    pixels = numbers.integers(0, 120, (SIDE, SIDE)).astype(np.uint8)
    if label == "malignant":
        pixels[20:35, 15:30] += 120
    name = image or f"i{number}"
    row = PatchRow(f"made/{name}/{number}", "image", "made", name, None, 0, 0, SIDE, SIDE, label=label)
    of = ImageRow("made", name, label=label, patient_id=f"p{name}", laterality=side)
    return Window(row, of, f"g{name}", int(label == "malignant"), "mass", copy, pixels)


@pytest.fixture
def windows() -> list[Window]:
    return [window(number, ("benign", "malignant")[number % 2]) for number in range(12)]


def weights(folder: Path) -> dict[str, Any]:
    return load_checkpoint(folder / "last.safetensors")[0]


# ---- loss ----


def test_loss_is_equation_6_by_hand() -> None:
    """Two samples, p = .8 of the first's class and .25 of the second's, weights 1 and 3: -(1 ln .8 + 3 ln .25) / 2 = 2.1910."""
    logits = torch.log(torch.tensor([[0.8, 0.2], [0.75, 0.25]]))
    loss = classification_loss(logits, torch.eye(2), torch.tensor([1.0, 3.0]))
    assert float(loss) == pytest.approx(-(math.log(0.8) + 3 * math.log(0.25)) / 2)
    assert float(loss) == pytest.approx(2.1910, abs=1e-4)


def test_focal_loss_by_hand_and_without_its_exponent_cross_entropy() -> None:
    """Gamma 2: (1 - .8)^2 x .2231 = .00893."""
    logits = torch.log(torch.tensor([[0.8, 0.2]]))
    shares, ones = torch.tensor([[1.0, 0.0]]), torch.ones(2)
    assert float(classification_loss(logits, shares, ones, gamma=2.0)) == pytest.approx(0.04 * -math.log(0.8), rel=1e-5)
    sure = torch.tensor([[0.0, 40.0]], requires_grad=True)
    classification_loss(sure, torch.tensor([[0.0, 1.0]]), ones, gamma=0.5).backward()
    assert torch.isfinite(sure.grad).all()
    assert float(classification_loss(logits, shares, ones)) == pytest.approx(-math.log(0.8), rel=1e-5)


def test_smoothing_agrees_with_torch() -> None:
    generator = torch.Generator().manual_seed(1)
    logits, targets = torch.randn(7, 3, generator=generator), torch.tensor([0, 1, 2, 2, 1, 0, 1])
    ours = classification_loss(logits, torch.eye(3)[targets], torch.ones(3), smoothing=0.1)
    assert float(ours) == pytest.approx(float(torch.nn.functional.cross_entropy(logits, targets, label_smoothing=0.1)), rel=1e-6)


def test_balanced_weights_make_classes_weigh_the_same(windows: list[Window]) -> None:
    few = [*windows[:2], *(one for one in windows if one.target == 0)]
    found = class_weights(few, 2, replace(SMALL, class_weight="balanced")).tolist()
    counts = Counter(one.target for one in few)
    assert found[0] * counts[0] == pytest.approx(found[1] * counts[1])
    assert sum(found[one.target] for one in few) / len(few) == pytest.approx(1)
    assert class_weights(few, 2, SMALL).tolist() == [1, 1]


# ---- order ----


def test_balanced_epochs_draw_classes_alike() -> None:
    targets = [0] * 20 + [1] * 3
    order = epoch_order(targets, replace(SMALL, balance="sampler"), 0, 0)
    assert len(order) == 23
    drawn = Counter(targets[k] for k in order)
    assert abs(drawn[0] - drawn[1]) <= 1
    assert set(order) >= {20, 21, 22}


def test_an_epoch_draws_each_sample_once_or_so_many() -> None:
    assert sorted(epoch_order([0, 1] * 5, SMALL, 0, 0)) == list(range(10))
    some = epoch_order([0, 1] * 5, replace(SMALL, samples_an_epoch=4), 0, 0)
    assert len(set(some)) == 4
    assert list(some) != list(epoch_order([0, 1] * 5, replace(SMALL, samples_an_epoch=4), 0, 1))
    more = Counter(epoch_order([0, 1] * 5, replace(SMALL, samples_an_epoch=25), 0, 0).tolist())
    assert sum(more.values()) == 25
    assert set(more.values()) == {2, 3}


def test_a_window_that_an_epoch_draws_twice_is_augmented_anew(windows: list[Window]) -> None:
    settings = replace(SMALL, policy="broad", samples_an_epoch=4, batch=4)
    (batch,) = epoch_batches(windows[:2], 2, settings, 0, 0)
    assert len({image.numpy().tobytes() for image in batch.images}) == 4


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_shares_of_two_processes_are_the_batch_of_one(windows: list[Window], mixup: float) -> None:
    settings = replace(SMALL, policy="broad", mixup=mixup)
    whole = list(epoch_batches(windows, 2, settings, 0, 1))
    parts = [list(epoch_batches(windows, 2, settings, 0, 1, rank, 2)) for rank in (0, 1)]
    assert len(whole) == 3
    for batch, first, second in zip(whole, *parts, strict=True):
        for name in ("images", "shares"):
            joined = torch.stack([getattr(first, name), getattr(second, name)], dim=1).flatten(0, 1)
            assert torch.equal(joined, getattr(batch, name))
        assert torch.allclose(batch.shares.sum(1), torch.ones(4))
    mixed = torch.cat([batch.shares for batch in whole]) % 1 > 0
    assert bool(mixed.any()) == (mixup > 0)


# ---- rates and stages ----


def test_rates_fall_as_the_schedule_says() -> None:
    fixed = replace(SMALL, schedule="step", step_epochs=2, rate_factor=0.5)
    assert [rate_share(fixed, 0.5, epochs) for epochs in (0, 1.9, 2, 4)] == [1, 1, 0.5, 0.25]
    warm = replace(SMALL, schedule="constant", warm_up=0.5)
    assert rate_share(warm, 0.25, 0) == pytest.approx(0.5, abs=0.01)
    assert rate_share(warm, 0.75, 0) == 1


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "adadelta", "rmsprop"])
def test_every_optimiser_steps_and_goes_on_where_it_was_stopped(windows: list[Window], tmp_path: Path, name: str) -> None:
    settings = replace(SMALL, optimiser=name, epochs=2)
    task = ClassifierTask(windows, windows, settings, (0, 0))
    train_network(task, tmp_path / "whole", device=CPU, report=quiet, progress=quiet)

    def kill(text: str, done: int, total: int) -> None:
        if text.startswith("fold 0, epoch 2"):
            raise Killed

    with pytest.raises(Killed):
        train_network(task, tmp_path / "parts", device=CPU, report=quiet, progress=kill)
    train_network(task, tmp_path / "parts", device=CPU, report=quiet, progress=quiet)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def test_l2_is_half_the_squared_norm_times_lambda() -> None:
    """SGD without momentum on a loss of 0: w - rate * lambda * w, the gradient of lambda / 2 |w|^2."""
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimiser = make_optimiser(
        replace(SMALL, optimiser="sgd", momentum=0.0, rate=0.1, weight_decay=0.5), [{"params": [weight], "share": 1.0}]
    )
    (weight * 0).sum().backward()
    optimiser.step()
    assert float(weight.detach()) == pytest.approx(2 - 0.1 * 0.5 * 2)


def test_stages_learn_part_by_part_at_their_own_rates(windows: list[Window], tmp_path: Path) -> None:
    settings = replace(SMALL, stages="head:1:1e-2 all:2:1e-3", schedule="constant", average_decay=0.0)
    task = ClassifierTask(windows, windows, settings, (0, 0))
    assert [task.rate(step) for step in (0, task.steps - 1, task.steps)] == pytest.approx([1e-2, 1e-2, 1e-3])
    network = task.make_network()
    before = {name: tensor.clone() for name, tensor in network.named_parameters()}
    head = {id(p) for p in network.parts()["head"]}

    def stop(text: str, done: int, total: int) -> None:
        if text.startswith("fold 0, epoch 2"):
            raise Killed

    with pytest.raises(Killed):
        train_network(task, tmp_path, device=CPU, report=quiet, progress=stop)
    after = weights(tmp_path)
    for name, parameter in network.named_parameters():
        assert torch.equal(before[name], after[f"network.{name}"]) != (id(parameter) in head)
    train_network(task, tmp_path, device=CPU, report=quiet, progress=quiet)
    assert any(
        not torch.equal(before[name], weights(tmp_path)[f"network.{name}"]) for name, p in network.named_parameters() if id(p) not in head
    )


def test_it_learns_a_few_windows_by_heart(windows: list[Window], tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    task = ClassifierTask(windows, windows, replace(SMALL, epochs=12, patience=12, rate=3e-3, average_decay=0.5), (0, 0))
    train_network(task, tmp_path, device=CPU, report=rows.append, progress=quiet)
    last = [row for row in rows if row["part"] == "validation"][-1]
    assert last["accuracy"] == 1
    assert last["auc"] == 1
    assert {"accuracy", "precision", "sensitivity", "f1", "loss"} <= rows[-2].keys()


@pytest.mark.parametrize(("choose_by", "kept"), [("last", 2), ("accuracy", 0)])
def test_the_last_epoch_is_kept_where_it_is_asked_for(windows: list[Window], tmp_path: Path, choose_by: str, kept: int) -> None:
    """Validation never rises: the first epoch is the best, and by last the last one is, whatever the patience."""
    plain = replace(SMALL, choose_by=choose_by, patience=1, rate=1e-9, average_decay=0.0)
    patient = plain if choose_by == "last" else replace(plain, patience=3)
    task = ClassifierTask(windows, windows, patient, (0, 0))
    train_network(task, tmp_path, device=CPU, report=quiet, progress=quiet)
    (best, facts), (last, now) = load_checkpoint(tmp_path / "best.safetensors"), load_checkpoint(tmp_path / "last.safetensors")
    assert (facts["epoch"], now["epoch"]) == (kept, 3)
    assert all(torch.equal(best[name], last[f"network.{name}"]) for name in best) == (choose_by == "last")


# ---- what it says ----


def test_figures_by_hand() -> None:
    """Called 1 1 0 0 of true 1 0 1 0: half of everything; scores .9 .8 .3 .1: three of four pairs right."""
    logits = np.log(np.array([[0.1, 0.9], [0.2, 0.8], [0.7, 0.3], [0.9, 0.1]]))
    found = class_figures(logits, np.array([1, 0, 1, 0]))
    assert found == pytest.approx({"accuracy": 0.5, "precision": 0.5, "sensitivity": 0.5, "f1": 0.5, "auc": 0.75})
    assert class_figures(logits[:1], np.array([0])) == pytest.approx({"accuracy": 0, "precision": 0, "f1": 0})


def test_temperature_undoes_what_logits_were_multiplied_by() -> None:
    numbers = np.random.default_rng(0)
    logits = numbers.normal(0, 2, (4000, 3))
    drawn = np.array([numbers.choice(3, p=row) for row in np.exp(log_softmax(logits))])
    assert fit_softmax_temperature(3 * logits, drawn) == pytest.approx(3, rel=0.06)
    assert fit_softmax_temperature(logits, np.zeros(4000, int)) == 1.0
    assert fit_softmax_temperature(logits, logits.argmax(1)) == 1.0  # else 1/20, by which all probabilities become 0 or 1


def test_rows_go_from_windows_to_images_breasts_and_patients() -> None:
    """Two windows of one film: probabilities .2 and .9, so the film's are .9 by max, and its label is the collection's."""
    one, two = window(0, "benign", image="film"), window(1, "benign", image="film")
    logits = np.log(np.array([[0.8, 0.2], [0.1, 0.9]]))
    rows = prediction_rows([one, two], logits, logits, SMALL, fold=(0, 1), part="test")
    assert [row.level for row in rows] == ["patch", "patch", "image", "breast", "patient"]
    assert [row.id for row in rows[2:]] == ["film", "pfilm/L", "pfilm"]
    assert [row.probability["malignant"] for row in rows] == pytest.approx([0.2, 0.9, 0.9, 0.9, 0.9])
    assert all(row.label == "benign" for row in rows)
    assert {row.group for row in rows} == {"gfilm"}
    assert rows[0].image == "film"
    assert rows[2].breast == "pfilm/L"


def test_a_woman_has_one_label_in_every_fold_though_her_windows_are_parted() -> None:
    """Windows parted at random: one fold tests her benign film, another her malignant one, and she is malignant in both."""
    films = [window(number, label, image=name) for number, label, name in ((0, "benign", "a"), (1, "malignant", "b"))]
    for one in films:
        one.image.patient_id, one.image.label = "woman", one.row.label
    labels = labels_of_wholes(one.image for one in films)
    for one in films:
        rows = prediction_rows([one], np.zeros((1, 2)), np.zeros((1, 2)), SMALL, fold=(0, 0), part="test", labels=labels)
        assert [(row.level, row.label) for row in rows if row.level in ("image", "patient")] == [
            ("image", one.row.label), ("patient", "malignant"),
        ]  # fmt: skip


def test_without_a_side_there_is_no_breast_and_a_whole_image_is_no_patch() -> None:
    one = window(0, "malignant", side=None)
    one.row.role, one.row.sample_id = WHOLE, one.row.image_id
    rows = prediction_rows([one], np.zeros((1, 2)), np.zeros((1, 2)), SMALL, fold=(0, 0), part="test")
    assert [(row.level, row.id) for row in rows] == [("image", "i0"), ("patient", "pi0")]


def test_classes_by_kind_and_merged() -> None:
    five = ClassifierSettings(classes="normal, benign mass, malignant mass, benign calcification, malignant calcification").class_names()
    assert [class_of("malignant", "calcification", five), class_of("normal", None, five), class_of("benign", "distortion", five)] == [
        4,
        0,
        None,
    ]
    assert by_label([0.4, 0.1, 0.2, 0.1, 0.2], five) == {"normal": 0.4, "benign": 0.2, "malignant": 0.4, "abnormal": 0.6}
    assert by_label([0.4, 0.6], [("normal",), ("benign", "malignant")]) == {"normal": 0.4, "abnormal": 0.6}
    assert by_label([0.4, 0.6], [("normal",), ("lesion",)]) == {"normal": 0.4, "lesion": 0.6, "abnormal": 0.6}
    assert by_label([0.1, 0.3, 0.6], [("normal",), ("benign",), ("normal", "malignant")]) == {"normal": 0.1, "benign": 0.3}
    assert sample_id(window(0, "benign").row, 3) == "made/i0/0#3"

"""Earlier exams shown on made-up data: the same network with them and on the last film alone, on the same made-up women.

It shows that the networks of `models.sequence` use what earlier exams show; it says nothing of real women.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.core.records import NOTICE
from breastcad.core.seeding import generator
from breastcad.evaluate import weighted
from breastcad.evaluate.clustered import clustered_interval, clustered_test
from breastcad.evaluate.intervals import ClusterInterval, cluster_bootstrap
from breastcad.phantom.growing import LABELS, GrowingBreast
from breastcad.phantom.pictures import grey_levels
from breastcad.train.loop import train_network
from breastcad.train.sequence_settings import JOINERS, SequenceSettings
from breastcad.train.sequence_task import BreastSequence, SequenceTask, predict

Progress = Callable[[str, int, int], None]
WOMEN, SEEDS, EPOCHS = 440, 3, 20
SHARES = 0.55, 0.15
"""Of the women, for training and for validation; the others test."""
LAST = "last"


@dataclass(frozen=True, slots=True)
class Shown:
    """What one way of joining exams says of the test women with a mass, malignant against benign; the mean logit over seeds.

    ``auc`` is (value, low, high); ``seeds`` the AUC of each seed alone; ``by_exams`` that with at most so many earlier exams shown.
    ``gain`` is the AUC less that of the last film alone, with its interval, and ``p`` of it; None for the last film itself.
    """

    joiner: str
    auc: tuple[float, float, float]
    seeds: list[float]
    by_exams: dict[int, float]
    gain: ClusterInterval | None
    p: float | None


@dataclass(frozen=True, slots=True)
class SequencesShown:
    """What the demonstration found: each joiner, and how many women of each label trained, validated, and tested.

    ``size_auc`` is the AUC of the last diameter alone, of the test women with a mass: one half but for the luck of the draw.
    """

    joiners: list[Shown]
    counts: dict[str, dict[str, int]]
    settings: SequenceSettings
    seeds: int
    size_auc: float


def show_sequences(
    breasts: Sequence[GrowingBreast], progress: Progress, *, seed: int = 0, seeds: int = SEEDS, epochs: int = EPOCHS
) -> SequencesShown:
    """Train each way of joining exams, and the last film alone, on the same women; test on others.

    Parameters
    ----------
    breasts : sequence of GrowingBreast
        One a woman, their labels in no order.
    progress : callable
        Takes what is done, how far, of how much.
    seed : int
        The first of the networks' seeds.
    seeds, epochs : int
        How many networks of each kind; how long each is trained.

    Raises
    ------
    InputError
        If a part lacks a label; nothing has been trained then.
    """
    samples = [_sample(str(number), one) for number, one in enumerate(breasts)]
    ends = [round(len(samples) * share) for share in np.cumsum(SHARES)]
    train, validation, test = samples[: ends[0]], samples[ends[0] : ends[1]], samples[ends[1] :]
    parts = {"train": train, "validation": validation, "test": test}
    counts = _counts(parts)
    masses = [one for one in test if one.label != "normal"]
    settings = SequenceSettings(epochs=epochs, patience=epochs, threads=1)
    said: dict[str, list[dict[int, NDArray[np.float64]]]] = {}
    for joiner in JOINERS:
        said[joiner] = []
        for number in range(seeds):
            own = settings_of(settings, joiner, seed + number)
            network = _trained(SequenceTask(train, validation, own, (0, number)), f"{joiner}, {number + 1} of {seeds}", progress)
            said[joiner].append({most: _said_with(network, masses, most, own) for most in range(5)})
    last_mm = np.array([one.diameters_mm[-1] for one in breasts[ends[1] :] if one.label != "normal"])
    size_auc = _auc(np.array([one.label == "malignant" for one in masses]), last_mm)
    return SequencesShown([_shown(joiner, said, masses, seed) for joiner in JOINERS], counts, settings, seeds, size_auc)


def _counts(parts: Mapping[str, Sequence[BreastSequence]]) -> dict[str, dict[str, int]]:
    """Return how many of each label are in each part, each at least 1."""
    counts = {name: {label: sum(one.label == label for one in own) for label in LABELS} for name, own in parts.items()}
    for name, own in counts.items():
        if lacking := [label for label, n in own.items() if n == 0]:
            of = sum(sum(each.values()) for each in counts.values())
            raise InputError(
                f"of {of} made-up women, {sum(own.values())} in the {name} part, none there is {' or '.join(lacking)}: ask for more women"
            )
    return counts


def _sample(name: str, one: GrowingBreast) -> BreastSequence:
    return BreastSequence(name, name, np.stack([grey_levels(film) for film in one.films]), one.days, one.label)


def settings_of(settings: SequenceSettings, joiner: str, seed: int) -> SequenceSettings:
    """Return settings of another way of joining and another seed."""
    return replace(settings, network=joiner, seed=seed).check()


def _trained(task: SequenceTask, name: str, progress: Progress) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        steps = task.epochs * task.steps
        done = 0

        def tell(text: str, at: int, total: int) -> None:
            nonlocal done
            done += text.startswith("fold")
            progress(name, done, steps)

        return train_network(task, Path(folder), device=torch.device("cpu"), report=lambda row: None, progress=tell)


def _said_with(network: Any, samples: Sequence[BreastSequence], most: int, settings: SequenceSettings) -> NDArray[np.float64]:
    """Return logits of samples of which at most so many earlier exams are shown."""
    shorter = []
    for one in samples:
        days = one.days[-most - 1 :]
        shorter.append(replace(one, films=one.films[-most - 1 :], days=[day - days[0] for day in days]))
    return predict([network], shorter, settings, torch.device("cpu"), lambda text, at, total: None)


def _shown(joiner: str, said: dict[str, list[dict[int, NDArray[np.float64]]]], masses: Sequence[BreastSequence], seed: int) -> Shown:
    truth, groups = np.array([one.label == "malignant" for one in masses]), [one.group for one in masses]
    mean = {name: np.mean([own[4] for own in found], axis=0) for name, found in said.items()}
    by_exams = {most: _auc(truth, np.mean([own[most] for own in said[joiner]], axis=0)) for most in range(5)}
    gain, p = None, None
    if joiner != LAST:
        one, other = weighted.auc(truth, mean[joiner]), weighted.auc(truth, mean[LAST])
        gain = cluster_bootstrap(lambda weights: one(weights) - other(weights), groups, generator(seed, "sequence-demo", joiner))
        p = clustered_test(truth, mean[joiner], mean[LAST], groups).p
    seeds = [_auc(truth, own[4]) for own in said[joiner]]
    return Shown(joiner, clustered_interval(truth, mean[joiner], groups), seeds, by_exams, gain, p)


_NAMES = {
    "recurrent": "all exams, recurrent (GRU)",
    "attention": "all exams, attention",
    LAST: "the last film alone",
}


def sequences_text(shown: SequencesShown, seed: int) -> str:
    """Return Markdown of what `show_sequences` found, under a heading that says that the data are made up.

    Parameters
    ----------
    shown : SequencesShown
    seed : int
        Of the made-up women and of the first network.
    """
    told = "; ".join(f"{name}: {', '.join(f'{n} {label}' for label, n in own.items())}" for name, own in shown.counts.items())
    tested = shown.counts["test"]
    n = f"{tested['malignant'] + tested['benign']} women with a mass, {tested['malignant']} of them malignant"
    lines = [
        "# Earlier exams: made-up data", "",
        f"Made-up women, one breast each (seed {seed}); {told}. Parted by woman; {shown.seeds} seeds, {shown.settings.epochs} epochs."
        " A malignant mass grows, a benign one does not; both end in films that do not tell them apart. AUC of malignant against benign,"
        f" of the {n}; the mean logit of the seeds; interval: 95 %, over women.", "",
        "| sees | AUC | interval | each seed | less the last film alone | interval | p |", "|---|---:|---|---|---:|---|---:|",
    ]  # fmt: skip
    for one in shown.joiners:
        seeds = ", ".join(f"{value:.3f}" for value in one.seeds)
        gain = f"{one.gain.value:+.3f} | {one.gain.low:+.3f} to {one.gain.high:+.3f} | {_p(one.p)}" if one.gain else " | |"
        lines.append(f"| {_NAMES[one.joiner]} | {one.auc[0]:.3f} | {one.auc[1]:.3f} to {one.auc[2]:.3f} | {seeds} | {gain} |")
    most = sorted(shown.joiners[0].by_exams)
    lines += ["", f"| AUC with at most so many earlier exams | {' | '.join(map(str, most))} |", "|---|" + "---:|" * len(most)]
    lines += [f"| {_NAMES[one.joiner]} | " + " | ".join(f"{one.by_exams[k]:.3f}" for k in most) + " |" for one in shown.joiners if one.gain]
    lines += ["", f"The size of the mass on the last film alone: AUC {shown.size_auc:.3f}; it is one half but for the luck of the draw."]
    said = "These are made-up data: they show that the networks use earlier exams, and nothing of how well they would do on women."
    return "\n".join([*lines, "", said, "", NOTICE]) + "\n"


def _p(value: float | None) -> str:
    return "" if value is None else "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def _auc(truth: NDArray[np.bool_], logits: NDArray[np.float64]) -> float:
    return float(weighted.auc(truth, logits)(np.ones((1, truth.size)))[0])

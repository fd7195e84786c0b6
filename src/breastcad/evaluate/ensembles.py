"""Several runs of one split as one: the mean of their probabilities or log-odds, their votes, or a selection made on validation rows.

Each level's rows are joined as they are. A mean of calibrated probabilities need not be calibrated (`certainty` measures it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.core.files import read_split
from breastcad.core.records import PredictionRow
from breastcad.evaluate.calibration import CERTAIN
from breastcad.evaluate.class_figures import asked_of
from breastcad.evaluate.run_tables import read_rows, run_at, tested_levels
from breastcad.evaluate.scopes import Question, stated

EXCLUSIVE = ("normal", "lesion", "benign", "malignant")
"""Labels that shut each other out; a row that has two of them or more shares its probability among them."""
ROUNDS = 25
ZERO = 5e-7
"""What a probability of 0 counts as where its logarithm is taken: tables are written with six digits, and one member must not forbid."""
MEAN, LOGIT_MEAN, VOTE, GREEDY = "mean", "logit-mean", "vote", "greedy"

Key = tuple[str, str, int, int, int, str, str]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a fold's validation rows chose: the members in the order in which they were taken, and the mean log loss that they reach."""

    taken: list[int]
    loss: float


@dataclass(slots=True)
class Ensemble:
    """The joined rows, in the order of the first run's; ``weights`` of each (repeat, outer fold), a number a member.

    ``losses`` are the members' mean log losses on validation rows of ``question``, None where there is no such row.
    """

    members: list[str]
    rows: list[PredictionRow]
    weights: dict[tuple[int, int], list[float]]
    losses: list[float | None]
    question: str | None
    left_out: list[str] = field(default_factory=list)


def ensemble(folders: Sequence[str | Path], how: str, *, rounds: int = ROUNDS) -> Ensemble:
    """Join the predictions of several runs of one split.

    Parameters
    ----------
    folders : sequence of str or Path
        Two run folders or more; one may be given twice.
    how : str
        "mean" of probabilities; "logit-mean": of log-odds (of several classes the normalised geometric mean); "vote": the share of members
        for which a label is the likeliest; "greedy": the mean over members that are taken one by one, with replacement, each the one that
        lowers the log loss of the fold's own validation rows most, up to the best of `rounds` steps.
    rounds : int
        At least 1.

    Returns
    -------
    Ensemble
        Rows that not all runs have are left out and counted; raw scores and Dice, which are a network's own, are not joined.

    Raises
    ------
    ReadError, InputError
        As `run_tables.read_rows` does, if the runs' splits differ, they label a row differently, share no test row, or tell different
        labels; for "greedy" also if a fold has no validation rows of both classes.

    References
    ----------
    .. [1] R. Caruana et al., Ensemble selection from libraries of models, ICML 2004, sections 2 and 2.1.
    """
    paths = [Path(folder) for folder in folders]
    if len(paths) < 2:
        raise InputError("an ensemble needs two runs at least")
    _refuse_other_splits(paths)
    tables = [read_rows(path) for path in paths]
    keyed = [{_key(row): row for row in rows} for rows in tables]
    shared = [key for key in keyed[0] if all(key in own for own in keyed)]
    names = [path.resolve().name for path in paths]
    left_out = [f"{len(own) - len(shared)} rows are not in all runs, but in {name}" for name, own in zip(names, keyed, strict=True)]
    left_out = [said for said, own in zip(left_out, keyed, strict=True) if len(own) > len(shared)]
    joined = [[own[key] for own in keyed] for key in shared]
    _refuse_others(joined, names)
    question, level = _question(paths[0], [own[0] for own in joined])
    losses, picked = _on_validation(joined, question, level, rounds)
    if how == GREEDY:
        _refuse_folds_without(picked, {(own[0].repeat, own[0].outer) for own in joined})
    even = [1 / len(paths)] * len(paths)
    weights = {(own[0].repeat, own[0].outer): even for own in joined}
    if how == GREEDY:
        weights = {fold: (np.bincount(one.taken, minlength=len(paths)) / len(one.taken)).tolist() for fold, one in picked.items()}
    make = {MEAN: _mean, LOGIT_MEAN: _logit_mean, VOTE: _votes, GREEDY: _mean}[how]
    rows = [_joined(own, make, weights[own[0].repeat, own[0].outer]) for own in joined]
    return Ensemble(names, rows, weights, losses, None if question is None else f"{question.name}, level {level}", left_out)


def _key(row: PredictionRow) -> Key:
    return row.set, row.id, row.repeat, row.outer, row.inner, row.part, row.level


def _refuse_other_splits(paths: Sequence[Path]) -> None:
    """Refuse runs that were parted in other ways: a test row of one could have been trained on by another."""
    parts = []
    for path in paths:
        if not (path / "split.csv").is_file():
            raise InputError(f"'{path.resolve().name}' has no split.csv, so nothing says that it was parted as the others were")
        parts.append({(row.set, row.id, row.repeat, row.outer, row.inner): (row.part, row.group) for row in read_split(path)})
    for path, own in zip(paths[1:], parts[1:], strict=True):
        if own != parts[0]:
            different = sum(own.get(key) != parts[0].get(key) for key in own.keys() | parts[0].keys())
            raise InputError(
                f"the splits of '{paths[0].resolve().name}' and '{path.resolve().name}' differ in {different} rows: what one tests the"
                " other may have trained on; join runs of one split"
            )


def _refuse_others(joined: Sequence[Sequence[PredictionRow]], names: Sequence[str]) -> None:
    """Refuse rows that are labelled differently or have other probabilities, and runs without a test row in common."""
    if not any(own[0].part == "test" for own in joined):
        raise InputError(f"the runs {', '.join(names)} share no test row; join runs of one task")
    for own in joined:
        for name, row in zip(names[1:], own[1:], strict=True):
            if row.label != own[0].label or row.group != own[0].group:
                raise InputError(f"'{names[0]}' and '{name}' give '{row.id}' of '{row.set}' another label or group; join runs of one task")
            if row.probability.keys() != own[0].probability.keys():
                first, other = (", ".join(sorted(one.probability)) or "nothing" for one in (own[0], row))
                raise InputError(f"'{names[0]}' tells probabilities of {first}, '{name}' of {other}; join runs that tell the same")


# ---- what validation rows say ----


def _question(folder: Path, rows: Sequence[PredictionRow]) -> tuple[Question | None, str]:
    """Return the first question that the rows can be asked, and the level: images where there are any, else the first."""
    levels = tested_levels(folder, rows)
    level = "image" if "image" in levels else levels[0]
    samples = run_at(folder, rows, level).samples
    return next((question for question, asked in asked_of(samples).items() if asked), None), level


def _on_validation(
    joined: Sequence[Sequence[PredictionRow]], question: Question | None, level: str, rounds: int
) -> tuple[list[float | None], dict[tuple[int, int], Selection]]:
    """Return each member's mean log loss on validation rows, and what each fold that has both classes selects."""
    if question is None:
        return [None] * len(joined[0]), {}
    folds: dict[tuple[int, int], list[Sequence[PredictionRow]]] = {}
    for own in joined:
        if own[0].part == "validation" and own[0].level == level and own[0].label in question.labels:
            folds.setdefault((own[0].repeat, own[0].outer), []).append(own)
    picked, found = {}, []
    for fold, rows in folds.items():
        truth = np.array([own[0].label in question.positive for own in rows])
        said = np.array([[stated(question, row.probability) for row in own] for own in rows], np.float64)
        found.append(_losses(truth, said))
        if truth.any() and not truth.all():
            picked[fold] = greedy_selection(truth, said.T, rounds=rounds)
    if not found:
        return [None] * len(joined[0]), {}
    return [float(value) for value in np.concatenate(found).mean(axis=0)], picked


def _losses(truth: NDArray[np.bool_], said: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return -log P(label) of probabilities (N, ...)."""
    kept = np.clip(said, CERTAIN, 1 - CERTAIN)
    right = truth.reshape(-1, *[1] * (kept.ndim - 1))
    return -np.log(np.where(right, kept, 1 - kept))


def greedy_selection(truth: NDArray[np.bool_], probabilities: NDArray[np.float64], *, rounds: int = ROUNDS) -> Selection:
    """Take members one by one, with replacement, each time the one with which the mean has the least log loss.

    Parameters
    ----------
    truth : (N,) ndarray of bool
    probabilities : (M, N) ndarray of float64
        A row a member.
    rounds : int
        At least 1: members that are taken at most. Of all beginnings of the series the one of least loss is kept, the shortest of equals.

    Returns
    -------
    Selection

    References
    ----------
    .. [1] R. Caruana et al., ICML 2004, section 2.1 (selection with replacement).

    Examples
    --------
    >>> greedy_selection(np.array([True, False]), np.array([[.5, .5], [.9, .1]])).taken
    [1]
    """
    taken: list[int] = []
    best = Selection([], float("inf"))
    whole = np.zeros(truth.size)
    for count in range(1, rounds + 1):
        losses = _losses(truth, ((whole + probabilities) / count).T).mean(axis=0)
        chosen = int(losses.argmin())
        taken.append(chosen)
        whole = whole + probabilities[chosen]
        if losses[chosen] < best.loss - 1e-12:
            best = Selection(list(taken), float(losses[chosen]))
    return best


def _refuse_folds_without(picked: Mapping[tuple[int, int], Selection], folds: set[tuple[int, int]]) -> None:
    missing = sorted(folds - set(picked))
    if missing:
        raise InputError(f"fold {missing[0][1]} has no validation rows of both classes to select members on; use --how mean")


# ---- joining ----

Shares = NDArray[np.float64]


def _joined(own: Sequence[PredictionRow], make: Callable[[Shares, Shares], Shares], weights: Sequence[float]) -> PredictionRow:
    """Return the row of all members: labels that shut each other out together, others each by itself; abnormal is what is not normal."""
    given = own[0].probability
    together = [label for label in EXCLUSIVE if label in given]
    by_weight = np.asarray(weights)
    found: dict[str, float] = {}
    if len(together) > 1:
        values = make(np.array([[row.probability[label] for label in together] for row in own]), by_weight)
        found = dict(zip(together, values.tolist(), strict=True))
    for label in given:
        if label not in found:
            alone = np.array([[1 - row.probability[label], row.probability[label]] for row in own])
            found[label] = float(make(alone, by_weight)[1])
    if {"normal", "abnormal"} <= found.keys():
        found["abnormal"] = 1 - found["normal"]
    return replace(own[0], raw={}, dice=None, probability={label: min(1.0, max(0.0, found[label])) for label in given})


def _mean(shares: Shares, weights: Shares) -> Shares:
    mean: Shares = weights @ shares
    return mean


def _logit_mean(shares: Shares, weights: Shares) -> Shares:
    """Return the weighted geometric mean, brought to the members' mean sum; of two labels that is the mean of the log-odds."""
    logs = weights @ np.log(np.where(shares > 0, shares, ZERO))
    odds = np.exp(logs - logs.max())
    return np.asarray(odds / odds.sum() * float(weights @ shares.sum(axis=1)))


def _votes(shares: Shares, weights: Shares) -> Shares:
    """Return the share of members for which each label is the likeliest (of equals the last, the worse)."""
    called = shares.shape[1] - 1 - shares[:, ::-1].argmax(axis=1)
    return np.bincount(called, weights, minlength=shares.shape[1]).astype(np.float64)

"""Figures of a reader study (`reader_study`): each reader against truth, readers against one another, conditions compared.

Every share is said for both ways of calling a class positive, since publications differ: what is the sensitivity of one is the specificity
of the other. Agreement is kept apart from truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from breastcad.core.seeding import generator
from breastcad.evaluate import agreement, weighted
from breastcad.evaluate.clustered import clustered_interval
from breastcad.evaluate.delong import delong_interval
from breastcad.evaluate.intervals import UndefinedFigure, cluster_bootstrap, wilson_interval
from breastcad.evaluate.mrmc import Mrmc, analyse
from breastcad.evaluate.reader_study import BENIGN, MALIGNANT, MISSING, Study

REPEATS = 2000
LEAST_LENGTH = 1e-9
RATES = ("sensitivity", "specificity", "ppv", "npv", "accuracy")
_TURNED = {"sensitivity": "specificity", "specificity": "sensitivity", "ppv": "npv", "npv": "ppv", "accuracy": "accuracy"}


@dataclass(frozen=True, slots=True)
class Rated:
    """A number with its 95 % interval, of ``n`` cases; ``low`` and ``high`` are None where nothing varies, as those of `Area`."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Area:
    """An area under a reader's ROC curve with its 95 % interval, of ``n`` cases.

    ``low`` and ``high`` are None where every case is placed alike (all malignant ones above all benign ones, all below, or all tied): no
    variance can be had of these cases, and an interval of no length would say that there is none.
    """

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class ReaderFigures:
    """One reader under one condition against truth.

    ``counts`` are cases: malignant called malignant, benign called malignant, malignant called benign, benign called benign.
    ``malignant_positive`` and ``benign_positive`` map `RATES` to what they are when that class is the one looked for, None where there
    is no case of it. ``area`` is that under the ROC curve of the ratings, None where they have no more than two steps.
    """

    condition: str
    reader: str
    n: int
    counts: tuple[int, int, int, int]
    malignant_positive: dict[str, Rated | None]
    benign_positive: dict[str, Rated | None]
    area: Area | None


@dataclass(frozen=True, slots=True)
class KappaFound:
    """A kappa: by Fleiss, Cohen and Everitt's error (cases as independent), and its bootstrap over patients; the word for it."""

    analytic: agreement.Kappa
    low: float | None
    high: float | None
    band: str


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Two readers under one condition, on the ``n`` cases that both read.

    ``of`` is decisions (malignant, benign) or the steps of the scale, from the least suspect on; ``categories`` names them (steps as they
    were written), ``table`` counts (first reader by row). ``kappas`` has none, and of a scale linear and quadratic; empty where kappa is
    0 / 0. The indices are of decisions only.
    """

    condition: str
    first: str
    second: str
    of: str
    n: int
    categories: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    agreed: Rated
    kappas: dict[str, KappaFound]
    pabak: Rated
    ac1: Rated | None
    prevalence_index: float | None
    bias_index: float | None


@dataclass(frozen=True, slots=True)
class AllReaders:
    """Fleiss' kappa of all readers under one condition, on the ``n`` cases that all of them read."""

    condition: str
    readers: int
    kappa: Rated
    band: str


@dataclass(frozen=True, slots=True)
class Compared:
    """The analysis of conditions (`mrmc`) of ``n`` cases, ``malignant`` of them; ``of`` says which ratings the area is of."""

    of: str
    n: int
    malignant: int
    left_out: int
    found: Mrmc


def _share(study: Study, right: NDArray[np.bool_], among: NDArray[np.bool_], seed: int, *path: str) -> Rated | None:
    """Return the share of cases ``among`` which are ``right``: Wilson's interval, or a bootstrap over patients where they have several."""
    n, hits = int(among.sum()), int((right & among).sum())
    if not n:
        return None
    patients = study.patients[among]
    trials = len(set(patients))
    if trials < n and 0 < hits < n and trials > 1:
        return _bootstrapped(weighted.mean(right[among]), patients, seed, *path)
    return Rated(hits / n, *wilson_interval(hits / n * trials, trials), n)


def _bootstrapped(statistic: weighted.Statistic, patients: NDArray[np.str_], seed: int, *path: str) -> Rated | None:
    """Return a figure with its bootstrap interval over patients; None where it, or its interval, is undefined."""
    try:
        found = cluster_bootstrap(statistic, patients, generator(seed, "readers", *path), repeats=REPEATS)
    except UndefinedFigure:
        return None
    return Rated(found.value, *_ends(found.low, found.high), len(patients))


def _ends(low: float, high: float) -> tuple[float | None, float | None]:
    """Return an interval's ends; none where it has no length but rounding: nothing varies that it could be made of."""
    return (low, high) if high - low > LEAST_LENGTH else (None, None)


def against_truth(study: Study, *, seed: int = 0) -> list[ReaderFigures]:
    """Return each reader's figures under each condition, on the cases whose truth is known.

    Shares have Wilson's interval where each patient has one case, and one by bootstrap over patients (2,000 resamples) where not; areas
    DeLong's, or Obuchowski's over patients. Readers without any such case are left out.

    Parameters
    ----------
    study : Study
    seed : int
        Of the bootstrap.
    """
    found = []
    for c, condition in enumerate(study.conditions):
        for r, reader in enumerate(study.readers):
            read = (study.called[c, r] != MISSING) & (study.truth != MISSING)
            area = _area(study, c, r)
            if read.any() or area:
                found.append(_figures(study, c, r, read, area, seed, condition, reader))
    return found


def _figures(
    study: Study, c: int, r: int, read: NDArray[np.bool_], area: Area | None, seed: int, condition: str, reader: str
) -> ReaderFigures:
    called, malignant = study.called[c, r] == MALIGNANT, study.truth == MALIGNANT
    right = called == malignant
    among = {
        "sensitivity": read & malignant,
        "specificity": read & ~malignant,
        "ppv": read & called,
        "npv": read & ~called,
        "accuracy": read,
    }
    rates = {name: _share(study, right, among[name], seed, condition, reader, name) for name in RATES}
    counts = tuple(int((read & said & true).sum()) for said in (called, ~called) for true in (malignant, ~malignant))
    n = int(read.sum()) or (area.n if area else 0)
    turned = {name: rates[_TURNED[name]] for name in RATES}
    return ReaderFigures(condition, reader, n, (counts[0], counts[1], counts[2], counts[3]), rates, turned, area)


def _area(study: Study, c: int, r: int) -> Area | None:
    """Return the area under a reader's ROC curve; None without ranks of more than two steps, or without two cases of each class."""
    if study.ranks is None or len(np.unique(study.ranks[np.isfinite(study.ranks)])) < 3:
        return None
    ranks = study.ranks[c, r]
    read = np.isfinite(ranks) & (study.truth != MISSING)
    truth = study.truth[read] == MALIGNANT
    if min(truth.sum(), (~truth).sum()) < 2:
        return None
    try:
        found = clustered_interval(truth, ranks[read], study.patients[read]) if study.several else delong_interval(truth, ranks[read])
    except ValueError:  # a class is in one patient only
        return None
    value, low, high = found
    return Area(value, *_ends(low, high), int(read.sum()))


def between_readers(study: Study, *, seed: int = 0) -> tuple[list[PairAgreement], list[AllReaders]]:
    """Return how far each two readers agree under each condition, and, of three or more, all of them (Fleiss).

    On decisions where there are any, and on the steps of the scale where ratings are ordered and few. A case that one of them did not
    read is left out. The bootstrap is over patients, 2,000 resamples.
    """
    pairs: list[PairAgreement] = []
    together: list[AllReaders] = []
    decided = (study.called != MISSING).any()
    for c, condition in enumerate(study.conditions):
        for first, second in combinations(range(len(study.readers)), 2):
            if decided:
                steps = np.where(study.called[c] == MISSING, MISSING, 1 - study.called[c])
                pairs += _pair(study, condition, first, second, steps, ("malignant", "benign"), seed)
            if study.ranks is not None and study.scale:
                finite = np.isfinite(study.ranks[c])
                steps = np.where(finite, np.searchsorted(study.scale, np.where(finite, study.ranks[c], study.scale[0])), MISSING)
                pairs += _pair(study, condition, first, second, steps, study.steps, seed)
        if decided and len(study.readers) > 2:
            together += _all_readers(study, c, condition, seed)
    return pairs, together


def _pair(
    study: Study, condition: str, first: int, second: int, steps: NDArray, categories: tuple[str, ...], seed: int
) -> list[PairAgreement]:
    """Return how far two readers agree, of each reader's step for each case; nothing where they have no two cases together."""
    both = (steps[first] >= 0) & (steps[second] >= 0)
    if both.sum() < 2:
        return []
    one, other, patients, size, two = steps[first][both], steps[second][both], study.patients[both], len(categories), len(categories) == 2
    table = np.bincount(one * size + other, minlength=size**2).reshape(size, size)
    path = (condition, study.readers[first], study.readers[second], "decisions" if two else "scale")

    def resampled(function: Callable[[NDArray[np.float64]], NDArray[np.float64]], name: str) -> Rated | None:
        return _bootstrapped(agreement.of_pairs(function, one, other, size), patients, seed, *path, name)

    kappas = {}
    for weights in ("none",) if two else agreement.WEIGHTS:
        analytic = agreement.cohen_kappa(table, weights=weights)
        spread = resampled(partial(agreement.kappa_value, weights=weights), weights) if analytic else None
        if analytic and spread:
            kappas[weights] = KappaFound(analytic, spread.low, spread.high, agreement.band(analytic.value))
    agreed = _share(study, _placed(both, one == other), both, seed, *path, "agreed")
    assert agreed is not None  # there are two cases at least
    low, high = (None if share is None else (size * share - 1) / (size - 1) for share in (agreed.low, agreed.high))
    counts = table.astype(np.float64)
    return [
        PairAgreement(
            condition=condition,
            first=study.readers[first],
            second=study.readers[second],
            of=path[-1],
            n=int(both.sum()),
            categories=categories,
            table=tuple(map(tuple, table.tolist())),
            agreed=agreed,
            kappas=kappas,
            pabak=Rated(float(agreement.pabak(counts)), low, high, agreed.n),
            ac1=resampled(agreement.gwet_ac1, "ac1"),
            prevalence_index=agreement.prevalence_index(counts) if two else None,
            bias_index=agreement.bias_index(counts) if two else None,
        )
    ]


def _placed(where: NDArray[np.bool_], values: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return values at their places among all cases, False elsewhere."""
    found = np.zeros(where.size, dtype=bool)
    found[where] = values
    return found


def _all_readers(study: Study, c: int, condition: str, seed: int) -> list[AllReaders]:
    """Return Fleiss' kappa of all readers' decisions under one condition."""
    everyone = (study.called[c] != MISSING).all(axis=0)
    if everyone.sum() < 2:
        return []
    called = study.called[c][:, everyone]
    counts = np.stack([(called == MALIGNANT).sum(axis=0), (called == BENIGN).sum(axis=0)], axis=1)
    found = _bootstrapped(agreement.fleiss_kappa(counts), study.patients[everyone], seed, condition, "fleiss")
    return [AllReaders(condition, len(study.readers), found, agreement.band(found.value))] if found else []


def compare_conditions(study: Study, *, method: str = "delong") -> Compared | str:
    """Return the analysis of conditions over readers and cases, or a sentence that says why there is none.

    Only cases of known truth that every reader read under every condition take part. ``method`` is that of their covariance
    (`mrmc.COVARIANCES`), over patients where they have several cases.
    """
    if len(study.conditions) * len(study.readers) < 2:
        return "one reader under one condition: there is nothing to compare"
    ranked = study.ranks is not None and len(np.unique(study.ranks[np.isfinite(study.ranks)])) > 2
    said = study.ranks if ranked and study.ranks is not None else np.where(study.called == MISSING, np.nan, study.called)
    whole = np.isfinite(said).all(axis=(0, 1)) & (study.truth != MISSING)
    if not whole.any():
        return "no case of known truth was read by every reader under every condition, so that conditions and readers cannot be compared"
    truth = study.truth[whole] == MALIGNANT
    try:
        found = analyse(said[:, :, whole], truth, method=method, clusters=study.patients[whole] if study.several else None)
    except ValueError as error:
        return f"conditions and readers cannot be compared: {error}"
    of = "ratings" if ranked else "decisions: (sensitivity + specificity) / 2"
    return Compared(of, int(whole.sum()), int(truth.sum()), int((~whole).sum()), found)

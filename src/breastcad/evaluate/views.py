"""Several views of a breast, both breasts of a woman: how well each way to combine them tells, on the image rows of a finished run.

Films become breasts by one rule, breasts become women by another. The rules are those of `aggregation`, and `LEARNED`: a logistic
regression on a few features of the views that do not depend on their order, fitted on each fold's validation rows and never on test.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from breastcad.core.errors import InputError
from breastcad.core.records import ImageRow, PredictionRow, worst_label
from breastcad.core.seeding import generator
from breastcad.evaluate import scopes, weighted
from breastcad.evaluate.aggregation import RULES, Whole, aggregated, breast_of, breast_probability, by_view, labels_of_wholes
from breastcad.evaluate.clustered import clustered_test
from breastcad.evaluate.figures import Figure
from breastcad.evaluate.fold_scores import logit
from breastcad.evaluate.intervals import UndefinedFigure, cluster_bootstrap
from breastcad.evaluate.run_tables import PART, Sample
from breastcad.evaluate.scopes import ABNORMAL, MALIGNANT_OR_BENIGN, Question, both_classes, figure_or_none, scope_of, stated, truth_of

LEARNED = "learned"
BREAST_RULES = (*RULES, LEARNED)
BOTH = ("CC", "MLO")

Film = tuple[str | None, float]
"""View (None where it is not known) and probability."""
Score = Callable[["Exam"], float | None]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Exam:
    """The films of one breast, or of both of one woman, by side, as one fold said of them."""

    level: str
    set: str
    id: str
    group: str
    fold: tuple[int, int]
    part: str
    label: str
    sides: dict[str, list[Film]]


@dataclass(frozen=True, slots=True)
class Gain:
    """AUC of CC and MLO joined, less that of one alone, on the breasts that have both; 95 % interval over groups, p by Obuchowski."""

    question: str
    set: str
    rule: str
    alone: str
    n: int
    positives: int
    groups: int
    joined_auc: float
    alone_auc: float
    difference: float
    low: float
    high: float
    p: float | None


@dataclass(slots=True)
class ViewsFound:
    """Figures of films, breasts and women, each rule's; what a second view gains; what was left out, a sentence each."""

    figures: list[Figure] = field(default_factory=list)
    gains: list[Gain] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


# ---- which film is where ----


def exams_of(rows: Sequence[PredictionRow], images: Iterable[ImageRow], question: Question, left_out: list[str]) -> list[Exam]:
    """Return the breasts, then the women, that a run's image rows are of, a fold and part at a time.

    Parameters
    ----------
    rows : sequence of PredictionRow
        Those of level image count.
    images : iterable of ImageRow
        The images of collections, which say view, side and patient; without one of a row, its own ``breast`` does, and no view is known.
    question : Question
        What of their probabilities counts.
    left_out : list of str
        Takes a sentence if films are of no known breast.

    Returns
    -------
    list of Exam
        A label is the worst over the woman's (breast's) images in the collections, whether the run has them or not.
    """
    known = {(image.set, image.image_id): image for image in images}
    labels = labels_of_wholes(known.values())
    films: dict[tuple, list[tuple[PredictionRow, str, Film]]] = defaultdict(list)
    strays = set()
    for row in (row for row in rows if row.level == "image"):
        image = known.get((row.set, row.id))
        breast = breast_of(image) if image else row.breast
        score = _of_film(row, question)
        if breast is None or "/" not in breast or score is None:
            strays.add((row.set, row.id))
            continue
        patient, side = breast.rsplit("/", 1)
        for level, name in (("breast", breast), ("patient", patient)):
            films[level, row.set, name, (row.repeat, row.outer), row.part].append((row, side, (image.view if image else None, score)))
    if strays:
        left_out.append(f"{question.name}: {len(strays)} images whose woman or side nothing says, or that have no such probability")
    said = _worst_said(films)
    return sorted((_exam(key, own, labels, said) for key, own in films.items()), key=lambda exam: exam.level)


def _worst_said(films: Mapping[tuple, list[tuple[PredictionRow, str, Film]]]) -> dict[Whole, str]:
    """Return the worst label that the run itself gives the films of a whole, in whatever fold and part."""
    found: dict[Whole, set[str]] = defaultdict(set)
    for (level, set_name, name, *_), own in films.items():
        found[level, set_name, name] |= {row.label for row, _, _ in own}
    return {whole: worst_label(sorted(labels)) for whole, labels in found.items()}


def _exam(key: tuple, own: list[tuple[PredictionRow, str, Film]], labels: Mapping[Whole, str], said: Mapping[Whole, str]) -> Exam:
    level, set_name, name, fold, part = key
    sides: dict[str, list[Film]] = {}
    for _, side, film in own:
        sides.setdefault(side, []).append(film)
    whole = level, set_name, name
    return Exam(level, set_name, name, own[0][0].group, fold, part, labels.get(whole, said[whole]), sides)


def _of_film(row: PredictionRow, question: Question) -> float | None:
    return row.probability[question.of] if question.of in row.probability else stated(question, row.probability)


# ---- the rules ----


def combined(exam: Exam, breast_rule: str, woman_rule: str = "max") -> float:
    """Return one probability of a breast or a woman: her films joined to breasts by one rule, the breasts by another.

    Examples
    --------
    >>> films = {"L": [("CC", 0.2), ("MLO", 0.6)], "R": [("CC", 0.1)]}
    >>> round(combined(Exam("patient", "s", "p", "g", (0, 0), "test", "benign", films), "mean", "noisy-or"), 6)
    0.46
    """
    return aggregated([breast_probability(films, breast_rule) for films in exam.sides.values()], woman_rule)


def features(sides: Mapping[str, Sequence[Film]]) -> NDArray[np.float64]:
    """Return what the learned rule sees of a breast's or a woman's views, in no order: (5,) float64.

    Mean, highest and lowest logit over the views, how many there are, and how far the mean logits of the two sides lie apart (0 where
    there is one).

    Examples
    --------
    >>> features({"L": [("CC", 0.5)], "R": [("CC", 0.5), ("MLO", 0.5)]}).tolist()
    [0.0, 0.0, 0.0, 3.0, 0.0]
    """
    of_side = [logit(np.array(by_view(films), np.float64)) for films in sides.values()]
    every, means = np.concatenate(of_side), [float(own.mean()) for own in of_side]
    return np.array([every.mean(), every.max(), every.min(), every.size, max(means) - min(means)])


def learned_rules(exams: Sequence[Exam], question: Question, left_out: list[str]) -> dict[tuple[int, int], Any]:
    """Fit the learned rule of each fold on its validation exams.

    Parameters
    ----------
    exams : sequence of Exam
        Of one level. Those of a group that the fold also tests on, as splits that leak have them, are not used.
    question : Question
    left_out : list of str
        Takes a sentence for each fold whose validation exams lack a class.

    Returns
    -------
    dict
        (repeat, outer fold) to a fitted scikit-learn pipeline.
    """
    tested = {(exam.fold, exam.group) for exam in exams if exam.part == PART}
    rules = {}
    for fold in sorted({exam.fold for exam in exams}):
        own = [exam for exam in exams if exam.fold == fold and exam.part == "validation" and exam.label in question.labels]
        own = [exam for exam in own if (fold, exam.group) not in tested]
        truth = [exam.label in question.positive for exam in own]
        if len(set(truth)) < 2:
            left_out.append(f"{question.name}: no learned rule of fold {fold[1]}, whose validation part lacks a class")
            continue
        rules[fold] = make_pipeline(StandardScaler(), LogisticRegression()).fit([features(exam.sides) for exam in own], truth)
    return rules


def _by_learned(rules: Mapping[tuple[int, int], Any], exam: Exam) -> float | None:
    rule = rules.get(exam.fold)
    return None if rule is None else float(rule.predict_proba([features(exam.sides)])[0, 1])


def _learned_breasts(rules: Mapping[tuple[int, int], Any], woman_rule: str, exam: Exam) -> float | None:
    """Return a woman's probability by a fixed rule over her breasts, each by the rule learned of breasts."""
    rule = rules.get(exam.fold)
    if rule is None:
        return None
    of_breasts = rule.predict_proba([features({side: films}) for side, films in exam.sides.items()])[:, 1]
    return aggregated(of_breasts, woman_rule)


# ---- figures ----


def evaluated_views(
    rows: Sequence[PredictionRow], images: Iterable[ImageRow] = (), progress: Progress = lambda done, total, text: None
) -> ViewsFound:
    """Measure every rule for breasts and women, beside the films alone, and what CC and MLO gain over one of them.

    Parameters
    ----------
    rows : sequence of PredictionRow
        Of a finished run (`run_tables.read_rows`).
    images : iterable of ImageRow
        Of collections that hold the run's images; without them only runs whose image rows name their breast can be used, and views are
        not known.
    progress : callable, optional
        Takes how many figures' scores are done, of how many, and what is reckoned with.

    Raises
    ------
    InputError
        If nothing says which breast the images are of, or no test image has both labels of a question.
    """
    images, found = list(images), ViewsFound()
    for question in (MALIGNANT_OR_BENIGN, ABNORMAL):
        exams = exams_of(rows, images, question, found.left_out)
        if not exams:
            continue
        films = [row for row in rows if row.level == "image" and row.part == PART]
        found.figures += _figures(_film_samples(films, question), question, "image", f"auc {question.name}", found.left_out)
        scores = _scores(exams, question, found.left_out)
        for done, (level, name, score) in enumerate(scores):
            own = [exam for exam in exams if exam.level == level]
            found.figures += _figures(_samples(own, question, score), question, level, f"auc {question.name}, {name}", found.left_out)
            progress(done + 1, len(scores), question.name)
        found.gains += _gains([exam for exam in exams if exam.level == "breast"], question, scores, found.left_out)
    if not found.figures:
        raise InputError(
            "nothing can be combined: no test image of both classes whose woman and side are known; give the collections of the run's "
            "images after RUN"
        )
    return found


def _scores(exams: Sequence[Exam], question: Question, left_out: list[str]) -> list[tuple[str, str, Score]]:
    """Return level, name and function of every way to score a breast or a woman."""
    rules = {level: learned_rules([exam for exam in exams if exam.level == level], question, left_out) for level in ("breast", "patient")}
    found: list[tuple[str, str, Score]] = [("breast", rule, _fixed(rule, "max")) for rule in RULES]
    found.append(("breast", LEARNED, lambda exam: _by_learned(rules["breast"], exam)))
    for breast_rule, woman_rule in itertools.product(RULES, RULES):
        found.append(("patient", f"{breast_rule}, then {woman_rule}", _fixed(breast_rule, woman_rule)))
    for woman_rule in RULES:
        found.append(("patient", f"{LEARNED}, then {woman_rule}", _then(rules["breast"], woman_rule)))
    found.append(("patient", LEARNED, lambda exam: _by_learned(rules["patient"], exam)))
    return found


def _fixed(breast_rule: str, woman_rule: str) -> Score:
    return lambda exam: combined(exam, breast_rule, woman_rule)


def _then(rules: Mapping[tuple[int, int], Any], woman_rule: str) -> Score:
    return lambda exam: _learned_breasts(rules, woman_rule, exam)


def _film_samples(rows: Sequence[PredictionRow], question: Question) -> list[Sample]:
    scored = [(row.set, row.id, row.group, row.label, _of_film(row, question)) for row in rows if row.label in question.labels]
    return _means(scored, question)


def _samples(exams: Sequence[Exam], question: Question, score: Score) -> list[Sample]:
    """Return each breast or woman that was tested, once, its score the mean over the folds that tested it."""
    tested = [exam for exam in exams if exam.part == PART and exam.label in question.labels]
    return _means([(exam.set, exam.id, exam.group, exam.label, score(exam)) for exam in tested], question)


def _means(scored: Iterable[tuple[str, str, str, str, float | None]], question: Question) -> list[Sample]:
    found: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
    for *what, score in scored:
        if score is not None:
            found[tuple(what)].append(score)  # type: ignore[index]
    return [Sample(*what, {question.of: float(np.mean(own))}, None) for what, own in found.items()]


def _figures(samples: Sequence[Sample], question: Question, level: str, name: str, left_out: list[str]) -> list[Figure]:
    how = "area under the ROC curve of the combined probability, test samples of all folds pooled; label: the worst over the images"
    found: list[Figure] = []
    for set_name, own in both_classes(samples, question).items():
        statistic = weighted.auc(truth_of(own, question), [sample.probability[question.of] for sample in own])
        figure = figure_or_none(scope_of(own, question, set_name, level), name, statistic, how)
        if not figure:
            left_out.append(f"{name}, level {level} of {set_name}: too few for a figure with an interval")
        found += figure
    return found


# ---- what a second view gains ----


def _gains(breasts: Sequence[Exam], question: Question, scores: Sequence[tuple[str, str, Score]], left_out: list[str]) -> list[Gain]:
    """Compare both views with each alone, on the breasts that have both."""
    both = [exam for exam in breasts if set(BOTH) <= {view for view, _ in _films(exam)}]
    found = []
    for alone, (level, rule, score) in itertools.product(BOTH, scores):
        if level == "breast":
            pair = _samples(both, question, score), _samples(both, question, _only(alone))
            found += _gains_of(*pair, question, rule, alone, left_out)
    return found


def _films(exam: Exam) -> list[Film]:
    return [film for films in exam.sides.values() for film in films]


def _only(view: str) -> Score:
    return lambda exam: breast_probability([film for film in _films(exam) if film[0] == view], "mean-logit")


def _gains_of(
    joined: Sequence[Sample], alone: Sequence[Sample], question: Question, rule: str, view: str, left_out: list[str]
) -> list[Gain]:
    one_view = {(sample.set, sample.id): sample.probability[question.of] for sample in alone}
    found = []
    for set_name, own in both_classes(joined, question).items():
        truth, groups = truth_of(own, question), [sample.group for sample in own]
        scores = [sample.probability[question.of] for sample in own], [one_view[sample.set, sample.id] for sample in own]
        one, other = (weighted.auc(truth, values) for values in scores)
        draws = generator(scopes.SEED, "views", question.name, set_name, rule, view)
        try:
            tested = clustered_test(truth, *scores, groups)
            interval = cluster_bootstrap(_difference(one, other), groups, draws, repeats=scopes.REPEATS)
        except (UndefinedFigure, ValueError) as error:
            left_out.append(f"{question.name}, gain of {rule} over {view} alone, {set_name}: {str(error).rstrip('.')}")
            continue
        counts = len(own), int(truth.sum()), interval.clusters
        numbers = tested.first, tested.second, tested.difference, interval.low, interval.high
        found.append(Gain(question.name, set_name, rule, f"{view} alone", *counts, *numbers, tested.p))
    return found


def _difference(one: weighted.Statistic, other: weighted.Statistic) -> weighted.Statistic:
    return lambda weights: one(weights) - other(weights)

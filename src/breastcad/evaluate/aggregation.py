"""From windows to images, breasts and patients: one probability of several, and what a whole is and is called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breastcad.core.errors import InputError
from breastcad.core.records import ImageRow, PredictionRow, worst_label

ROUNDING = 1e-6
"""How far beyond 0 or 1 a probability may lie that was a sum or difference of others."""


SUREST = 1 - 1e-9
"""The furthest from one half that a probability counts where logits are averaged: the logit of 1 has no end."""


def _noisy_or(probabilities: NDArray[np.float64]) -> float:
    return float(1 - np.prod(1 - probabilities))


def _mean_logit(probabilities: NDArray[np.float64]) -> float:
    kept = np.clip(probabilities, 1 - SUREST, SUREST)
    return float(1 / (1 + np.exp(-np.log(kept / (1 - kept)).mean())))


RULES: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "max": lambda probabilities: float(probabilities.max()),
    "mean": lambda probabilities: float(probabilities.mean()),
    "noisy-or": _noisy_or,
    "mean-logit": _mean_logit,
}


def aggregated(probabilities: ArrayLike, rule: str) -> float:
    """Return one probability of several of the same thing.

    Parameters
    ----------
    probabilities : (N,) array_like of float
        In [0, 1], at least one.
    rule : str
        ``max``: the highest; ``mean``: their mean; ``noisy-or``: 1 - prod(1 - p), at least one if all were independent;
        ``mean-logit``: the probability whose logit is the mean of theirs (their odds' geometric mean).

    Raises
    ------
    ValueError
        If there is no such rule, or the probabilities are none, not in one row, not finite or outside [0, 1].

    References
    ----------
    .. [1] J. Pearl, Probabilistic Reasoning in Intelligent Systems, 1988, section 4.3 (noisy-or).

    Examples
    --------
    >>> [round(aggregated([0.5, 0.2], rule), 6) for rule in RULES]
    [0.5, 0.35, 0.6, 0.333333]
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got '{rule}'")
    values = np.asarray(probabilities, np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"probabilities must be one row of at least one, got shape {values.shape}")
    if not ((values >= -ROUNDING) & (values <= 1 + ROUNDING)).all():
        raise ValueError("probabilities must be finite and lie in [0, 1]")
    return RULES[rule](np.clip(values, 0, 1))


def breast_probability(films: Sequence[tuple[str | None, float]], rule: str) -> float:
    """Return one probability of a breast from its films, those of one view joined first, so that a repeated CC does not count double.

    Parameters
    ----------
    films : sequence of (view, probability)
        At least one. Films of one view are joined by the mean of their logits, whatever the rule; one whose view is None is a view
        of its own.
    rule : str
        One of `RULES`, for the views.

    Raises
    ------
    ValueError
        As `aggregated` does.

    Examples
    --------
    >>> breast_probability([("CC", 0.2), ("CC", 0.2), ("MLO", 0.6)], "mean")
    0.4
    """
    return aggregated(by_view(films), rule)


def by_view(films: Sequence[tuple[str | None, float]]) -> list[float]:
    """Return the probability of each view of a breast, as `breast_probability` joins them, in the order of the first film of each."""
    views: dict[str | int, list[float]] = {}
    for number, (view, probability) in enumerate(films):
        views.setdefault(number if view is None else view, []).append(probability)
    return [own[0] if len(own) == 1 else aggregated(own, "mean-logit") for own in views.values()]


def aggregated_probabilities(parts: Sequence[Mapping[str, float]], rule: str) -> dict[str, float]:
    """Return the probabilities of a whole from those of its parts: an image of its windows, a breast of its images.

    The rule is for what is looked for, the worse of two things; what is left is given to the less bad. So P(malignant) is the
    rule's of P(malignant), P(normal) is 1 - the rule's of 1 - P(normal), P(benign) is the rule's of P(benign) + P(malignant) less
    P(malignant), and all still sum to 1. For the mean it is the mean of each.

    Parameters
    ----------
    parts : sequence of mapping
        At least one; all with the same labels.
    rule : str
        One of `RULES`.

    Raises
    ------
    ValueError
        As `aggregated` does, or if the parts have different labels.

    Examples
    --------
    >>> whole = aggregated_probabilities([{"benign": 0.75, "malignant": 0.25}, {"benign": 0.5, "malignant": 0.5}], "noisy-or")
    >>> whole
    {'benign': 0.375, 'malignant': 0.625}
    """
    labels = list(parts[0]) if parts else []
    if any(set(part) != set(labels) for part in parts):
        raise ValueError(f"all parts must have probabilities of the same labels, the first has {', '.join(labels) or 'none'}")
    columns = {label: np.array([part[label] for part in parts]) for label in labels}
    found = {label: aggregated(column, rule) for label, column in columns.items()}
    if "normal" in labels:
        found["normal"] = 1 - aggregated(1 - columns["normal"], rule)
    if {"benign", "malignant"} <= set(labels):
        either = aggregated(np.minimum(1, columns["benign"] + columns["malignant"]), rule)
        found["benign"] = max(0.0, either - found["malignant"])
    return found


ORDER = {"image": ("patch",), "breast": ("image", "patch"), "patient": ("breast", "image", "patch")}
"""What a level is made of: the rows of these levels, but for those that are in a row of a level named before theirs."""


def aggregated_rows(rows: Sequence[PredictionRow], rule: str) -> list[PredictionRow]:
    """Return rows of predictions.csv with those of images, breasts and patients made anew.

    Images are made of their windows, breasts of their images, patients of their breasts and of those of their images that name no
    breast. Which images, breasts and patients there are, and their labels, is as in the rows given. The lowest level stays as it is.

    Parameters
    ----------
    rows : sequence of PredictionRow
    rule : str
        One of `RULES`.

    Returns
    -------
    list of PredictionRow
        In the same order; rows made anew have no ``raw``. The rows given are not changed.

    Raises
    ------
    ValueError
        As `aggregated` does.
    InputError
        If there is one level only, or an image, breast or patient has nothing that it could be made of.
    """
    levels = {row.level for row in rows}
    base = next((level for level in ("patch", "image", "breast") if level in levels), None)
    if base is None or levels == {base}:
        raise InputError(f"there is nothing to aggregate: predictions.csv has rows of {', '.join(sorted(levels)) or 'no level'} only")
    made: dict[str, list[PredictionRow]] = {base: [row for row in rows if row.level == base]}
    for level in ("image", "breast", "patient"):
        if level in levels and level != base:
            made[level] = _level_of(level, [row for row in rows if row.level == level], made, rule)
    place = {level: iter(own) for level, own in made.items()}
    return [next(place[row.level]) for row in rows]


def _level_of(level: str, wholes: Sequence[PredictionRow], made: Mapping[str, Sequence[PredictionRow]], rule: str) -> list[PredictionRow]:
    """Return the rows of a level, made of the rows of the levels below it."""
    below: dict[tuple[str | int | None, ...], list[PredictionRow]] = {}
    for place, lower in enumerate(ORDER[level]):
        between = [other for other in ORDER[level][:place] if other in made]
        for row in made.get(lower, ()):
            if not any(getattr(row, other) for other in between):
                below.setdefault((row.set, getattr(row, level), row.repeat, row.outer, row.inner, row.part), []).append(row)
    found = []
    for row in wholes:
        parts = below.get((row.set, row.id, row.repeat, row.outer, row.inner, row.part))
        if parts is None:
            raise InputError(f"predictions.csv has nothing below the {level} '{row.id}' of '{row.set}' that it could be made of")
        found.append(replace(row, raw={}, probability=aggregated_probabilities([part.probability for part in parts], rule)))
    return found


# ---- wholes: what they are called, and their labels ----

Whole = tuple[str, str, str]
"""Level (image, breast or patient), set and name."""


def breast_of(image: ImageRow) -> str | None:
    """Return patient/side of an image's breast; None where one of them is not known."""
    return f"{image.patient_id}/{image.laterality}" if image.patient_id and image.laterality else None


def labels_of_wholes(images: Iterable[ImageRow]) -> dict[Whole, str]:
    """Return the label of each image, breast and patient: the worst of its images', whatever part they are in.

    Where windows are parted at random, a woman has windows in several parts and folds, and in each the same label.
    """
    found: dict[Whole, list[str]] = defaultdict(list)
    for image in images:
        for level, name in (("image", image.image_id), ("breast", breast_of(image)), ("patient", image.patient_id)):
            if name:
                found[level, image.set, name].append(image.label)
    return {whole: worst_label(labels) for whole, labels in found.items()}

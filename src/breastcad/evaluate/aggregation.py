"""From windows to images, breasts and patients: one probability of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def _noisy_or(probabilities: NDArray[np.float64]) -> float:
    return float(1 - np.prod(1 - probabilities))


RULES: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "max": lambda probabilities: float(probabilities.max()),
    "mean": lambda probabilities: float(probabilities.mean()),
    "noisy-or": _noisy_or,
}


def aggregated(probabilities: ArrayLike, rule: str) -> float:
    """Return one probability of several of the same thing.

    Parameters
    ----------
    probabilities : (N,) array_like of float
        In [0, 1], at least one.
    rule : str
        ``max``: the highest; ``mean``: their mean; ``noisy-or``: 1 - prod(1 - p), at least one if all were independent.

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
    [0.5, 0.35, 0.6]
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got '{rule}'")
    values = np.asarray(probabilities, np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"probabilities must be one row of at least one, got shape {values.shape}")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("probabilities must be finite and lie in [0, 1]")
    return RULES[rule](values)


def joined(probabilities: Sequence[Mapping[str, float]], rule: str) -> dict[str, float]:
    """Return the probabilities of a whole from those of its parts, such as windows of an image.

    What is looked for is put together by the rule, and the rest is what is left: of normal, benign and malignant first abnormal and
    malignant; of benign and malignant first malignant; of lesion and normal first lesion.

    Parameters
    ----------
    probabilities : sequence of mapping
        Of each part its probability by label; the same labels in each, at least one part.
    rule : str
        As `aggregated` takes it.

    Returns
    -------
    dict
        With ``abnormal`` where normal is among the labels.

    Raises
    ------
    ValueError
        As `aggregated` does.

    Examples
    --------
    >>> joined([{"benign": 0.9, "malignant": 0.1}, {"benign": 0.2, "malignant": 0.8}], "max")
    {'malignant': 0.8, 'benign': 0.19999999999999996}
    """
    labels = set(probabilities[0]) if probabilities else set()

    def whole(*names: str) -> float:
        return aggregated([min(1.0, sum(one[name] for name in names)) for one in probabilities], rule)

    found: dict[str, float] = {name: whole(name) for name in ("malignant", "lesion") if name in labels}
    if "normal" in labels:
        if "lesion" in labels:
            return found | {"normal": 1 - found["lesion"]}
        found["abnormal"] = whole(*sorted(labels & {"benign", "malignant"}))
        found["normal"] = 1 - found["abnormal"]
    if "benign" in labels:
        found["benign"] = (found["abnormal"] if "normal" in labels else 1.0) - found.get("malignant", 0.0)
    return found

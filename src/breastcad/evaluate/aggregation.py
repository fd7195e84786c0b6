"""From windows to images, breasts and patients: one probability of several."""

from __future__ import annotations

from collections.abc import Callable

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

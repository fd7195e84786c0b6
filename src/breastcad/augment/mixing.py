"""Mixing images (mixup): partners and shares are drawn first, images and labels mixed second. Labels become shares of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Mixing:
    """What one sample of a batch is mixed with: the partner's number, and the share of the sample itself, in [0, 1]."""

    partner: int
    share: float


def draw_mixing(count: int, generator: np.random.Generator, *, alpha: float = 0.2) -> list[Mixing]:
    """Draw a partner and a share for each sample of a batch.

    Parameters
    ----------
    count : int
    generator : numpy.random.Generator
    alpha : float
        Of the beta distribution of shares, above 0: small values mix little.

    Raises
    ------
    ValueError
        If alpha is not above 0.

    References
    ----------
    .. [1] H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz, "mixup: Beyond empirical risk minimization", ICLR 2018.
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be above 0, got {alpha}")
    partners, shares = generator.permutation(count), generator.beta(alpha, alpha, count)
    return [Mixing(int(partner), float(share)) for partner, share in zip(partners, shares, strict=True)]


def mixed(batch: NDArray[Any], drawn: Sequence[Mixing]) -> NDArray[np.float32]:
    """Mix a batch: images (N, ...), or labels as shares of classes (N, K), with the same draw.

    Raises
    ------
    ValueError
        If there is not one draw a sample.

    Examples
    --------
    >>> mixed(np.array([[1.0, 0.0], [0.0, 1.0]]), [Mixing(1, 0.75), Mixing(1, 0.75)]).tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    """
    if len(batch) != len(drawn):
        raise ValueError(f"there must be one draw a sample, got {len(drawn)} for {len(batch)}")
    own = batch.astype(np.float32)
    share = np.array([one.share for one in drawn], np.float32).reshape(-1, *[1] * (batch.ndim - 1))
    return np.asarray(share * own + (1 - share) * own[[one.partner for one in drawn]], np.float32)

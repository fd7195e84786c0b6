"""Random numbers: every generator is made here, from a seed and a path of names, so that no draw depends on another."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *path: str | int) -> np.random.Generator:
    """Return an independent generator for one purpose.

    The same seed and path give the same numbers on every machine, whatever the number of workers.

    Parameters
    ----------
    seed : int
        The run's seed, not negative.
    *path : str or int
        What the numbers are for, e.g. ``"augment", epoch, index``.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    ValueError
        If the seed is negative.

    Examples
    --------
    >>> bool(generator(1, "a").random() == generator(1, "a").random())
    True
    >>> bool(generator(1, "a").random() == generator(1, "b").random())
    False
    """
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    digest = hashlib.sha256(repr((seed, *path)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))

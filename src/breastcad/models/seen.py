"""How unlike a network's training images an image is: by the network's deepest features, under a Gaussian of theirs.

A film that is like no training film (an ultrasound image, a photograph, noise, a negative) lies far out, whatever the network says of it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

DIRECTIONS = 48
LEAST_SPREAD = 1e-6
# A feature that hardly ever varied in training (a channel that never fires) would outweigh all others the first time it did.
DEAD_SHARE, DEAD_SPREAD = 1e-3, 1e6
FARTHEST = 1000.0
LIMIT_SHARE = 0.99
"""Share of validation images that lie within the limit."""


class Seen(nn.Module):
    """The Gaussian: a mean and spread a feature, the main directions of what is then left, and one variance for all other directions.

    Parameters
    ----------
    channels : int
        Features of the network.
    directions : int
        Main directions that are kept.
    """

    def __init__(self, channels: int, directions: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))
        self.register_buffer("directions", torch.zeros(channels, directions))
        self.register_buffer("variances", torch.ones(directions))
        self.register_buffer("rest", torch.ones(()))
        self.register_buffer("limit", torch.ones(()))

    def forward(self, features: Tensor) -> Tensor:
        """Return the distance of features (N, C) over the limit: (N,), above 1 for what is unlike training images, `FARTHEST` at most.

        References
        ----------
        .. [1] K. Lee et al., "A simple unified framework for detecting out-of-distribution samples and adversarial attacks", NeurIPS
           2018, equation 2 (one class here); the Gaussian is that of M. E. Tipping, C. M. Bishop, "Probabilistic principal component
           analysis", JRSS B 61 (1999) 611-622, equation 7.
        """
        mean, spread, directions, variances, rest, limit = self.buffers()
        scaled = (features - mean) / spread
        along = scaled @ directions
        main, total = (along**2 / variances).sum(1), (scaled**2).sum(1)
        squared = main + (total - (along**2).sum(1)) / rest
        return (squared / limit).clamp(0, FARTHEST**2).sqrt()


def fit_seen(train: NDArray[np.floating], validation: NDArray[np.floating]) -> Seen:
    """Fit the Gaussian to training images' features, and its limit to validation images'.

    Parameters
    ----------
    train, validation : (N, C) ndarray of float
        Of images as they are; N at least 2 in training and 1 in validation.

    Returns
    -------
    Seen

    Raises
    ------
    ValueError
        If there are too few images.
    """
    if len(train) < 2 or not len(validation):
        raise ValueError(f"train must have 2 images at least and validation 1, got {len(train)} and {len(validation)}")
    features = train.astype(np.float64)
    mean, spread = features.mean(0), features.std(0)
    spread = np.where(spread <= max(DEAD_SHARE * float(np.median(spread)), LEAST_SPREAD), DEAD_SPREAD, spread)
    _, stretched, rows = np.linalg.svd((features - mean) / spread, full_matrices=False)
    variances = stretched**2 / (len(train) - 1)
    count = min(DIRECTIONS, len(train) // 4 + 1, variances.size)
    left = features.shape[1] - count
    seen = Seen(features.shape[1], count)
    seen.mean.copy_(torch.from_numpy(mean))  # type: ignore[operator]
    seen.spread.copy_(torch.from_numpy(spread))  # type: ignore[operator]
    seen.directions.copy_(torch.from_numpy(rows[:count].T.copy()))  # type: ignore[operator]
    seen.variances.copy_(torch.from_numpy(np.maximum(variances[:count], LEAST_SPREAD)))  # type: ignore[operator]
    seen.rest.copy_(torch.tensor(max(variances[count:].sum() / left, LEAST_SPREAD) if left else 1.0))  # type: ignore[operator]
    with torch.no_grad():
        squared = seen(torch.from_numpy(validation.astype(np.float32))) ** 2
    seen.limit.copy_(torch.quantile(squared, LIMIT_SHARE).clamp(min=LEAST_SPREAD))  # type: ignore[operator]
    return seen

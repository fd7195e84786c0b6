"""A random forest on blobs of patch classifiers' heat maps: publication D's second baseline, after Shen et al.

Which features are meant is not said; ours are of the blobs above four thresholds in the heat map of each class that is not the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.measure import label, regionprops
from torch import nn

from breastcad.models import classical
from breastcad.models.classical_parameters import Parameters
from breastcad.models.classifier_network import ClassifierNetwork
from breastcad.models.whole_film import map_shape, slide_head
from breastcad.train.classifier_batches import plain_batches
from breastcad.train.film_settings import FilmSettings
from breastcad.train.windows import Window

THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
OF_BLOBS = ("number", "area of all", "area", "longest axis", "eccentricity", "solidity", "mean", "largest")
"""Of a class's map at a threshold: how many blobs there are, their area; of the largest its area, longest axis, form, mean and peak."""
Progress = Callable[[str, int, int], None]


@torch.no_grad()
def heat_maps(
    network: ClassifierNetwork, films: Sequence[Window], settings: FilmSettings, device: torch.device, progress: Progress
) -> list[NDArray[np.float32]]:
    """Return the heat map (classes, u, v) of each film: probabilities of a patch classifier slid over it."""
    network.to(device).eval()
    size, found = map_shape(network, network.shape), list[NDArray[np.float32]]()
    for images in plain_batches(films, settings.batch):
        seen = images.to(device, memory_format=torch.channels_last)
        said = slide_head(cast(nn.Sequential, network.head), network.features(seen), size).float().softmax(1)
        found += list(said.cpu().numpy())
        progress("looking at films", len(found), len(films))
    return found


def blob_features(heat_map: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return features of a heat map's blobs: of each class but the first (background) its peak and mean, then `OF_BLOBS` at each threshold.

    Parameters
    ----------
    heat_map : (K, u, v) ndarray of float32
        In [0, 1].

    Returns
    -------
    ((K - 1) x (2 + 4 x 8),) ndarray of float64
        Lengths and areas in places of the map; of a threshold that nothing reaches, zeros.

    Examples
    --------
    >>> one = np.zeros((2, 3, 4), np.float32)
    >>> one[1, 0, :3] = [0.4, 0.8, 0.4]
    >>> blob_features(one)[[0, 2, 3, 4]].round(3).tolist()  # peak; one blob above .3, of three places
    [0.8, 1.0, 3.0, 3.0]
    """
    found: list[float] = []
    for part in heat_map[1:]:
        found += [float(part.max()), float(part.mean())]
        for threshold in THRESHOLDS:
            blobs = regionprops(label(part >= threshold, connectivity=2), intensity_image=part)
            if not blobs:
                found += [0.0] * len(OF_BLOBS)
                continue
            most = max(blobs, key=lambda blob: blob.area)
            whole = sum(blob.area for blob in blobs)
            shape = (most.area, most.axis_major_length, most.eccentricity, _solidity(most), most.intensity_mean, most.intensity_max)
            found += [float(len(blobs)), float(whole), *map(float, shape)]
    return np.array(found, np.float64)


def _solidity(blob: object) -> float:
    """Return a blob's share of its convex hull; of one that is a line, which has no hull, 1."""
    rows, cols = cast("NDArray[np.bool_]", getattr(blob, "image")).shape  # noqa: B009
    return 1.0 if min(rows, cols) < 2 or cast(float, getattr(blob, "area")) < 4 else float(getattr(blob, "solidity"))  # noqa: B009


def forest_logits(
    train: tuple[NDArray[np.float64], NDArray[np.int64]], others: Sequence[NDArray[np.float64]], settings: FilmSettings, repeat: int
) -> list[NDArray[np.float32]]:
    """Fit a forest on features and classes; return the mean logits of ``members`` forests, (N, K), of the features of others.

    Raises
    ------
    InputError
        If a class is missing, or all features are constant.
    """
    values, targets = train
    said = []
    for member in range(settings.members):
        seed = settings.seed + member + 1000 * repeat
        weight = settings.class_weight
        parameters = Parameters("random-forest", trees=settings.trees, class_weight=weight, seed=seed, threads=settings.threads)
        pipeline = classical.fit(
            classical.build_pipeline(parameters, values.shape[1], len(settings.class_names())), values, targets
        ).pipeline
        said.append([_logits(pipeline, one, len(values)) if len(one) else np.zeros((0, len(settings.class_names()))) for one in others])
    return [np.mean(one, axis=0).astype(np.float32) for one in zip(*said, strict=True)]


def _logits(pipeline: classical.Pipeline, values: NDArray[np.float64], trained_on: int) -> NDArray[np.float64]:
    """Return logits whose softmax is the forest's probability, drawn a little to the middle so that none is 0 or 1."""
    found = classical.scores(pipeline, values, trained_on)
    return found / 2 if found.shape[1] == 2 else -np.logaddexp(0, -found)  # of two classes the scores are z and -z: half of each

"""Features that a network makes, for traditional CAD: its pooled last map, of ImageNet's weights, a file's, or a training's own.

A network that was trained on images must not make the features by which others of these are told apart: refused here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from breastcad.core.errors import InputError
from breastcad.models.classifier_network import build_classifier
from breastcad.train.classical_settings import ClassicalSettings
from breastcad.train.trained import Network, trained

Deep = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A network's pooled last map: (N, rows, cols) windows in [0, 1] to (N, C)."""
AT_ONCE = 16


def network_features(settings: ClassicalSettings, images: Iterable[tuple[str, str]]) -> Deep:
    """Return a function that gives the pooled last map of the settings' network.

    Parameters
    ----------
    settings : ClassicalSettings
        ``weights`` imagenet, none, or a file go to ``network``; a fold's folder of a run of classifiers brings its own network.
    images : iterable of (str, str)
        Set and image id of all that are to be measured.

    Raises
    ------
    InputError
        As `models.classifier_network.build_classifier` does; or if the folder holds no trained fold of a classifier, or one that the
        run's split does not know, its windows have another size, or it has learnt from one of the images.
    """
    if Path(settings.weights).is_dir():
        network: Network = _trained(Path(settings.weights), settings, set(images))
    else:
        network = build_classifier(settings.network, 2, rows=settings.rows, cols=settings.cols, weights=settings.weights).eval()

    def made(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        given = torch.from_numpy(np.ascontiguousarray(windows[:, None]))
        with torch.inference_mode():
            parts = [network.deep_features(part) for part in given.split(AT_ONCE)]
        return np.asarray(torch.cat(parts).float().numpy(), np.float32)

    return made


def _trained(given: Path, settings: ClassicalSettings, images: set[tuple[str, str]]) -> Network:
    """Return the network that a run trained in one fold, if the fold has not learnt from any of the images."""
    found = trained(given)
    its = found.settings
    if (its.rows, its.cols) != (settings.rows, settings.cols):
        raise InputError(f"the run's windows are {its.rows} x {its.cols}; set rows={its.rows} and cols={its.cols}")
    learnt = {one[:2] for one in found.learnt()} & images
    if learnt:
        raise InputError(
            f"the network of weights={found.folder.name} has learnt from {len(learnt)} of the images (first: '{min(learnt)[1]}'), so its "
            "features know their answers; take one that was trained on another set"
        )
    return found.network()
